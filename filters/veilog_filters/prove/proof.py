"""All checks of ``veilog prove`` in turn, against one configuration, and what they found.

    oracle      sentences are planted in records of every shape; what leaves is read as a person with a decoder would
    values      well-known kinds of personal data and secrets are searched for by the configuration's own detectors
    failures    every reason for quarantine is provoked; what leaves and what is printed is searched for the record
    offline     all of it runs with the network denied

A check promises no more than the configuration does: where the policy keeps text, text that leaves in the fields for it
is reported as kept, and text anywhere else is a leak.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import platform
import re
import socket
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, Final

import orjson

from veilog_filters import __version__
from veilog_filters.config import Config, HashKey, MappedSource, Policy, load_policy
from veilog_filters.detect.api import PerText
from veilog_filters.framing import write_json
from veilog_filters.pipeline import Pipeline
from veilog_filters.prove import prose
from veilog_filters.prove.faults import Bounds, BrittleDetector, broken, input_for, leaving, line_of
from veilog_filters.prove.known import KNOWN, Known
from veilog_filters.prove.offline import NetworkDenial, NetworkDenied, network_denied
from veilog_filters.prove.spellings import SPELLINGS
from veilog_parsers.errors import ErrorType
from veilog_parsers.record.envelopes import MAX_EVENTS
from veilog_parsers.sources.mapped import split_path

MARKER: Final = "zq5a5a5a5azq"
"""Stands for the content of records that fail."""
_PLACES_PER_RECORDS: Final = 5
"""Of so many records, one more has its one sentence in a place whose turn it is."""
_PLACES: Final = 16_000
"""About as many places as all samples and bodies have."""
_DECODERS_DEPTH: Final = 1100
"""JSON so deep is refused by the decoder, whatever the policy."""
_MAX_RECORD_SECS: Final = 0.2
"""A record's time, in seconds, where it is provoked to take too long: nobody needs to wait for the configured one."""
_NOBODY: Final = ("192.0.2.1", 80)
"""An address that is nobody's (RFC 5737)."""
_CONTROLS: Final = 100
"""In so many records themselves sentences are looked for, to see that they can be found."""
_MAX_SHOWN: Final = 5


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A promise, and what came of checking it.

    Attributes:
        name: a word for it.
        promise: what the configuration promises, in a sentence.
        how: how it was checked, with counts.
        holds: whether it holds.
        rows: details, as pairs of what and what came of it.
    """

    name: str
    promise: str
    how: str
    holds: bool
    rows: tuple[tuple[str, str], ...] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What ``veilog prove`` found out.

    Attributes:
        facts: what was checked: version, configuration, policy, key.
        kept: what leaves in a form that a person can read.
        checks: every promise.
        limits: what was not checked, or cannot be.
    """

    facts: tuple[tuple[str, str], ...]
    kept: tuple[tuple[str, str], ...]
    checks: tuple[Check, ...]
    limits: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether every promise does."""
        return all(check.holds for check in self.checks)


Say = Callable[[str], None]


def prove(config: Config, path: str | None, date: str, *, records: int, seed: int, say: Say) -> Proof:
    """Check everything that a configuration promises.

    Args:
        config: the configuration.
        path: its file, or None for the defaults.
        date: now, in RFC 3339.
        records: how many records the prose oracle makes.
        seed: which ones.
        say: is told what is being done.

    Raises:
        ConfigError: nothing would start with it.
    """
    with network_denied() as denial:
        say("loading the detectors")
        # Which source a record is from makes no difference to what is found in it, or to what fails.
        plain = config.model_copy(update={"source": "auto", "mapped": []})
        pipeline = Pipeline(plain, config_path=path)
        kept: Counter[str] = Counter()
        say(f"planting sentences in {records:,} records")
        checks = [_guarded("oracle", _oracle, config, records, seed, kept)]
        say("searching for well-known values")
        missed: list[str] = []
        checks.append(_guarded("values", _values, plain, pipeline, missed))
        say("provoking every failure")
        checks.append(_guarded("failures", _failures, plain))
        checks.append(_offline(denial))
    return Proof(
        facts=tuple(_facts(config, path, date, pipeline)),
        kept=tuple(_kept(config.policy, kept)),
        checks=tuple(checks),
        limits=tuple(_limits(config, records, seed, missed)),
    )


def _guarded(name: str, check: Callable[..., Check], *arguments: Any) -> Check:
    """A check; where it cannot end, a promise that does not hold."""
    try:
        return check(*arguments)
    except (Exception, NetworkDenied) as error:
        # Its message is not repeated: it may quote a record.
        how = f"It could not be checked: the check was stopped by a {type(error).__name__}."
        return Check(name=name, promise=_PROMISES[name], how=how, holds=False)


_PROMISES: Final = {
    "oracle": "No sentence that somebody wrote leaves this host, wherever in a record it stands and however it is spelled.",
    "values": "What the configured detectors find in a text leaves in no form but a count.",
    "failures": "Whatever fails, a quarantine event with no content leaves, and nothing of the record is printed.",
    "offline": "veilog opens no connection by itself, and neither does any library that it uses.",
}
_KEPT_PROMISE: Final = (
    "No sentence that somebody wrote leaves this host but in the fields in which the policy keeps text."
)


# The prose oracle.


def kept_fields(policy: Policy) -> tuple[str, ...]:
    """The fields of events in which a policy keeps text, as dotted paths."""
    fields: list[str] = []
    if policy.content == "redacted":
        fields += ("content", "tool_calls.arguments")
    if "redact" in (policy.unmapped, policy.unrecognized):
        fields.append("unmapped")
    return tuple(fields)


def _split(event: dict[str, Any], fields: tuple[str, ...]) -> tuple[dict[str, Any], dict[str, Any]]:
    """An event without the fields in which text is kept, and what stood in these, by field."""
    rest, kept = dict(event), {}
    for field in fields:
        name, _, inner = field.partition(".")
        if name not in rest:
            continue
        if not inner:
            kept[field] = rest.pop(name)
            continue
        items = [dict(item) for item in rest[name]]
        found = [item.pop(inner) for item in items if inner in item]
        rest[name] = items
        if found:
            kept[field] = found
    return rest, kept


def _oracle(config: Config, records: int, seed: int, kept: Counter[str]) -> Check:
    """Plant sentences; nothing is found in any text, so nothing is held back because it was found."""
    pipeline = Pipeline(config, detector=PerText(prose.nothing_found))
    fields = kept_fields(config.policy)
    leaks: list[prose.Leak] = []
    made = sentences = events_seen = control = 0
    bases: set[str] = set()
    for record in _records(config, records, seed):
        made += 1
        sentences += len(record.planted)
        bases.add(record.base.partition(":")[0])
        if made <= _CONTROLS:
            control += len(set(prose.finder_of(record.planted)(record.line.decode("utf-8", "replace"))))
        events = prose.events_of(pipeline, record)
        events_seen += len(events)
        split = [_split(event, fields) for event in events]
        leaks += prose.leaks_in(record, [rest for rest, _ in split])
        kept.update(field for _, held in split for field in held)
    how = (
        f"{made:,} records were made from {len(bases):,} kinds of samples and bodies, changed, broken and wrapped, with "
        f"{sentences:,} sentences in {len(SPELLINGS)} spellings. In the {events_seen:,} events that left, three words in "
        f"a row of {len(leaks):,} of them were found. (As a control, the same search found {control:,} sentences in the "
        f"first {min(made, _CONTROLS)} records as they came in.)"
    )
    rows = [(leak.field, f"{leak.planted.spelling}, planted at {leak.planted.place}") for leak in leaks[:_MAX_SHOWN]]
    return Check(
        name="oracle",
        promise=_KEPT_PROMISE if fields else _PROMISES["oracle"],
        how=how,
        holds=control > 0 and not leaks,
        rows=tuple(rows),
    )


def _records(config: Config, records: int, seed: int) -> Iterator[prose.Record]:
    """Records of chance, then one place after the other, then the configuration's own mappings."""
    for number in range(records):
        yield prose.make(seed, number)
    every = max(1, _PLACES * _PLACES_PER_RECORDS // max(records, 1))
    yield from prose.all_places(seed, every)
    mapped = [(f"your mapping {number + 1}", _mapped_line(mapping)) for number, mapping in enumerate(config.mapped)]
    yield from prose.places_of(mapped, seed)


def _mapped_line(mapping: MappedSource) -> bytes:
    """A record that a mapping is for."""
    record: dict[str, Any] = {}
    values = [*((path, "x") for path in mapping.fields.values()), *mapping.when.items()]
    for path, value in values:
        *parents, leaf = split_path(path)
        at = record
        for key in parents:
            below = at.get(key)
            if not isinstance(below, dict):
                below = at[key] = {}
            at = below
        at[leaf] = "x" if value == "*" else value
    return orjson.dumps(record)


# Well-known values.


def _values(config: Config, pipeline: Pipeline, missed: list[str]) -> Check:
    """Which kinds of values the configured detectors find, and that what they find does not leave."""
    rows: list[tuple[str, str]] = []
    failed = found_kinds = 0
    for known in KNOWN:
        found, left = _value(config, pipeline, known)
        failed += found and left
        found_kinds += found
        if found:
            rows.append((known.entity, "found, and left" if left else "found; did not leave"))
        else:
            missed.append(known.entity)
            rows.append((known.entity, "not found by this configuration" + ("; left in kept text" if left else "")))
    how = (
        f"{len(KNOWN)} kinds of values were put into a prompt; these detectors found {found_kinds}, "
        f"of which {failed} left."
    )
    return Check(name="values", promise=_PROMISES["values"], how=how, holds=failed == 0, rows=tuple(rows))


def _value(config: Config, pipeline: Pipeline, known: Known) -> tuple[bool, bool]:
    """Whether a value was found, and whether it left."""
    events = leaving(pipeline, "jsonl", line_of(known.text), config.limits.max_record_bytes)
    found = any(known.entity in side for event in events for side in event.get("findings", {}).values())
    out = _squeezed(b"".join(map(write_json, events)).decode())
    return found, _squeezed(known.value) in out


def _squeezed(text: str) -> str:
    return re.sub(r"\W", "", text)


# Failures.


def _failures(config: Config) -> Check:
    limits = config.limits.model_copy(update={"record_secs": min(config.limits.record_secs, _MAX_RECORD_SECS)})
    config = config.model_copy(update={"limits": limits})
    outcomes = {error_type: _failure(config, error_type) for error_type in ErrorType}
    good = sum(outcome.startswith(_AS_IT_SHOULD) for outcome in outcomes.values())
    quarantined = sum(outcome == _QUARANTINED for outcome in outcomes.values())
    how = f"{len(outcomes)} failures were provoked; {quarantined} ended in quarantine, {good} as the policy says."
    return Check(
        name="failures",
        promise=_PROMISES["failures"],
        how=how,
        holds=good == len(outcomes),
        rows=tuple((str(error_type), outcome) for error_type, outcome in outcomes.items()),
    )


_QUARANTINED: Final = "quarantined, no content"
_DROPPED: Final = "dropped and counted (policy.unrecognized: drop)"
_KEPT: Final = "kept, cleaned (policy.unrecognized: redact)"
_AS_IT_SHOULD: Final = (_QUARANTINED, _DROPPED, _KEPT)


def _failure(config: Config, error_type: ErrorType) -> str:
    """Provoke a failure; what became of it, in words."""
    limits, detector = config.limits, BrittleDetector()
    pipeline = Pipeline(config, detector=detector)
    bounds = Bounds(max_record_bytes=limits.max_record_bytes, max_events=MAX_EVENTS, max_depth=_DECODERS_DEPTH)
    input_format, data = input_for(error_type, MARKER, bounds)
    with _printed() as printed, broken(pipeline, detector, error_type, _failing, limits.record_secs):
        events = leaving(pipeline, input_format, data, limits.max_record_bytes, tag="prove")
    out = b"".join(map(write_json, events))
    if MARKER.encode() in printed:
        return "CONTENT WAS PRINTED"
    if error_type is ErrorType.UNRECOGNIZED and config.policy.unrecognized != "quarantine":
        if config.policy.unrecognized == "drop":
            return _DROPPED if not events and pipeline.counts.dropped else "NOT DROPPED"
        rest = b"".join(write_json(_split(event, kept_fields(config.policy))[0]) for event in events)
        return _KEPT if events and MARKER.encode() not in rest else "CONTENT LEFT"
    if MARKER.encode() in out:
        return "CONTENT LEFT"
    if [event.get("error_type") for event in events] != [error_type]:
        too_large = [event.get("error_type") for event in events] == [ErrorType.RECORD_TOO_LARGE]
        # A configuration may be so strict that the input never gets as far as that.
        if too_large and len(data) > limits.max_record_bytes:
            return f"{_QUARANTINED} (as record_too_large: limits.max_record_bytes refuses it first)"
        return "NOT QUARANTINED"
    return _QUARANTINED


def _failing(*arguments: Any, **options: Any) -> Any:
    raise ValueError(f"cannot process {MARKER} {arguments!r} {options!r}")


@contextmanager
def _printed() -> Iterator[bytearray]:
    """All that this process prints meanwhile, by whatever way; complete when the block has ended."""
    printed = bytearray()
    streams = [stream for stream in (sys.stdout, sys.stderr) if stream is not None]
    for stream in streams:
        stream.flush()
    with tempfile.TemporaryFile() as file:
        saved = {fd: os.dup(fd) for fd in (1, 2)}
        try:
            for fd in saved:
                os.dup2(file.fileno(), fd)
            # Both names may stand for something else than the descriptors.
            with (
                os.fdopen(os.dup(file.fileno()), "w", encoding="utf-8") as text,
                redirect_stdout(text),
                redirect_stderr(text),
            ):
                yield printed
        finally:
            for stream in streams:
                stream.flush()
            for fd, copy in saved.items():
                os.dup2(copy, fd)
                os.close(copy)
        file.seek(0)
        printed += file.read()


# The network.


def _offline(denial: NetworkDenial) -> Check:
    attempts = list(denial.attempts)
    try:
        socket.create_connection(_NOBODY, timeout=1)
        refused = False
    except NetworkDenied:
        refused = True
    except OSError:
        refused = False
    how = (
        "All of the above ran, the loading of detectors included, under an audit hook that refuses every connection and "
        f"every name lookup, to this host too. Attempts: {len(attempts)}. An attempt of the check's own "
        f"{'was refused' if refused else 'WAS NOT REFUSED'}."
    )
    rows = tuple((event, f"{number} times") for event, number in Counter(attempts).items())
    return Check(name="offline", promise=_PROMISES["offline"], how=how, holds=refused and not attempts, rows=rows)


# What was checked, what is kept, and what was not checked.


def _facts(config: Config, path: str | None, date: str, pipeline: Pipeline) -> Iterator[tuple[str, str]]:
    policy, rules = config.policy, load_policy(config)
    yield "veilog", f"{__version__}, on Python {platform.python_version()}"
    yield "date", date
    yield "configuration", f"{path}, SHA-256 {_digest(path)}" if path else "built-in defaults"
    yield (
        "policy",
        f"{policy.name}: content: {policy.content}, unmapped: {policy.unmapped}, identity: {policy.identity}, "
        f"unrecognized: {policy.unrecognized}",
    )
    file = config.classify.policy_file
    yield "labels", f"{rules.name}/{rules.version}" + (f", SHA-256 {_digest(file)}" if file else ", built in")
    (event,) = leaving(pipeline, "jsonl", line_of(MARKER), config.limits.max_record_bytes)
    yield "detectors", ", ".join(event["redaction"]["detectors"]) if "redaction" in event else "none answered"
    yield "key", f"id {pipeline.fingerprinter.key_id}, {_origin(config.hash_key)}"


def _digest(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def _origin(key: HashKey) -> str:
    if key.ephemeral:
        return "made at this start and gone with it (ephemeral)"
    return f"from the variable {key.env}" if key.env else "from a file"


def _kept(policy: Policy, kept: Counter[str]) -> Iterator[tuple[str, str]]:
    fields = kept_fields(policy)
    if not fields:
        yield "text", "none: no prompt, no response, no leftover of a record"
    for field in fields:
        yield f"text in {field}", f"kept, cleaned of what the detectors find; in {kept[field]:,} of the oracle's events"
    if policy.identity == "keep":
        yield "names of callers", "kept as they are (user_id, user_name, ...; policy.identity: keep)"
    else:
        yield "names of callers", "replaced by keyed pseudonyms (policy.identity: pseudonymize)"
    yield "names of machines", "models, endpoints, tools, error codes, as far as they fit the grammar of their field"
    yield "numbers and times", "tokens, latency, status codes, lengths; when it happened"
    yield "labels", "classification, kinds of data, counts of findings by kind, rules that decided"
    yield "keyed hashes", "of prompts, responses and raw records; without the key they say nothing"


def _limits(config: Config, records: int, seed: int, missed: list[str]) -> Iterator[str]:
    yield (
        f"The oracle is a sample: {records:,} records of seed {seed}. Another seed makes others; none of them is one of "
        "your records."
    )
    yield "What was checked is what leaves the pipeline of this version on this host at this date, in one process."
    yield "The raw logs on this host, and the shipper's buffer of raw records in front of veilog, are personal data."
    if kept_fields(config.policy):
        yield "In kept text, what no detector finds stays: a detector can miss a name, a number or a secret."
        if missed:
            yield f"Not found by this configuration: {', '.join(missed)}."
    if config.policy.identity == "keep":
        yield "Callers are named in events, which are personal data themselves (policy.identity: keep)."
    if config.hash_key.ephemeral:
        yield "The key is gone after this run: nobody can check the signature."
    yield "The signature shows that a holder of the key made this page; it does not show which holder."
