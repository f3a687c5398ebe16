"""Makes the pages of docs/reference that say what the code says: options, commands, detectors, metrics, errors.

Each page is made from the objects that the program itself uses (the pydantic models, the click commands, the
recognizers, the Prometheus families, the closed lists of errors), so it cannot say anything else than they do.
``make generate`` writes the pages; ``make generate-check`` fails if one is not current.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import click
from prometheus_client.core import Metric

from veilog_filters.cli import app
from veilog_filters.config import Config, Detect
from veilog_filters.detect.ner import RESULTS
from veilog_filters.detect.personal.choice import NOTHING
from veilog_filters.detect.personal.pack import PACK
from veilog_filters.detect.secrets import ADDRESSES, SECRETS
from veilog_filters.detect.secrets.named import PROVIDERS
from veilog_filters.detect.secrets.prefixed import KEYS
from veilog_filters.explain import WHY
from veilog_filters.fence import REASONS
from veilog_filters.forward.errors import MEANING
from veilog_filters.metrics import Counts, Status, Traffic
from veilog_filters.policy import ClassificationPolicy
from veilog_filters.report.queries import AUDIT, PANELS
from veilog_filters.report.views import CALLS, EVENTS
from veilog_filters.transports.health import INTENTIONAL_DROPS, STAGES, StatusCollector, errors_of
from veilog_parsers.errors import ErrorType
from veilog_parsers.event import Kind

FOLDER: Final = Path(__file__).parents[1] / "docs" / "reference"
_MADE: Final = "<!-- made by `make generate` from the code: change the code, not this page -->\n"


def _cell(text: str) -> str:
    """Text as a cell of a table: on one line, and with no bar and no tag of HTML outside of code."""
    parts = " ".join(text.split()).replace("|", "\\|").split("`")
    return "`".join(part if number % 2 else part.replace("<", "&lt;") for number, part in enumerate(parts))


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = (head, tuple("---" for _ in head), *rows)
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines) + "\n"


# Configuration


def _resolved(option: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """An option's schema with its reference followed, and without the null that stands for leaving it out."""
    for choice in option.get("anyOf", ()):
        if choice.get("type") != "null":
            option = {**choice, **{name: value for name, value in option.items() if name != "anyOf"}}
    reference = str(option.get("$ref", "")).rpartition("/")[2]
    return {**schema["$defs"][reference], **option} if reference else dict(option)


def _may_be(option: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """What a value may be, in words and for numbers with their range."""
    if words := option.get("enum") or [option[name] for name in ("const",) if name in option]:
        return ", ".join(f"`{word}`" for word in words)
    kind = option.get("type")
    if kind in ("integer", "number"):
        name = "whole number" if kind == "integer" else "number"
        if "maximum" not in option:
            return name
        low = option.get("minimum", option.get("exclusiveMinimum"))
        above = "above " if "exclusiveMinimum" in option else ""
        return f"{name}, {above}{low} to {option['maximum']}"
    if kind == "array":
        inner = _resolved(option["items"], schema)
        return "list of sections" if "properties" in inner else f"list of: {_may_be(inner, schema)}"
    if kind == "object":
        if "properties" in option:
            return "section"
        inner = _resolved(option["additionalProperties"], schema)
        return "name: section" if "properties" in inner else f"name: {_may_be(inner, schema)}"
    return {"boolean": "true or false", "string": "text"}[str(kind)]


def _default(name: str, option: Mapping[str, Any], required: Iterable[str]) -> str:
    if name in required:
        return "required"
    value = option.get("default")
    if isinstance(value, dict) and "properties" in option:
        return "see its section"
    if value is None:
        return "off"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, list):
        return "`[" + ", ".join(map(str, value)) + "]`"
    return f"`{value}`" if value != "" else '`""`'


def _sections(schema: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each section of a configuration by its path, outer ones first."""
    waiting: list[tuple[str, dict[str, Any]]] = [("", dict(schema))]
    while waiting:
        path, section = waiting.pop(0)
        yield path, section
        found = []
        for name, value in section["properties"].items():
            option = _resolved(value, schema)
            inner, tail = option, ""
            if option.get("type") == "array":
                inner, tail = _resolved(option["items"], schema), "[]"
            elif "additionalProperties" in option and isinstance(option["additionalProperties"], dict):
                inner, tail = _resolved(option["additionalProperties"], schema), ".NAME"
            if "properties" in inner:
                found.append((f"{path}.{name}{tail}".lstrip("."), inner))
        waiting = found + waiting


def option_names(model: type[Config | ClassificationPolicy] = Config) -> set[str]:
    """Every option by its dotted path, ``[]`` behind lists and ``.NAME`` behind names of your own."""
    schema = model.model_json_schema()
    return {f"{path}.{name}".lstrip(".") for path, section in _sections(schema) for name in section["properties"]}


def _options(model: type[Config | ClassificationPolicy], root: str) -> Iterator[str]:
    schema = model.model_json_schema()
    for path, section in _sections(schema):
        yield f"## {f'`{path}`' if path else root}\n"
        if path:
            yield section["description"].replace("``", "`") + "\n"
        rows = []
        for name, value in section["properties"].items():
            option = _resolved(value, schema)
            default = _default(name, option, section.get("required", ()))
            rows.append((f"`{name}`", _may_be(option, schema), default, option["description"]))
        yield _table(("option", "may be", "default", "what it does"), rows)


_CONFIGURATION: Final = """\
# Configuration

{made}
One YAML file. Every option has a default unless it says "required". An unknown key, a key that stands twice and a null
are errors with file, line and key; `veilog check FILE` names all of them at once. A relative path is relative to the
file that it stands in. [conf/veilog.yaml](../tutorials/stdin.md#a-configuration-of-your-own) has all defaults with
comments, and `veilog schema config` prints the JSON Schema, which editors can use.

Names end in their unit: `_bytes`, `_chars`, `_secs`. In the titles below, `[]` stands for an entry of a list and `NAME`
for a name that you choose.

"""
_POLICY: Final = """\
# Classification policy

`classify.policy_file` names a YAML file of rules. `veilog schema policy` prints the built-in one, to copy and change.
"""


def configuration() -> str:
    """Every option of the configuration."""
    head = _CONFIGURATION.replace("{made}", _MADE)
    return head + "\n".join(_options(Config, "At the top"))


def policy() -> str:
    """Every option of a classification policy."""
    return f"{_POLICY}\n{_MADE}\n" + "\n".join(_options(ClassificationPolicy, "At the top"))


# Commands


def _usage(name: str, command: click.Command) -> str:
    pieces = command.collect_usage_pieces(click.Context(command, info_name=name))
    return f"veilog {name} {' '.join(pieces)}".replace("...", "…")


def _parameter(parameter: click.Parameter) -> tuple[str, ...]:
    assert isinstance(parameter, click.Option)
    kind = parameter.type
    may_be = parameter.metavar or "number"
    if isinstance(kind, click.Choice):
        may_be = ", ".join(f"`{word}`" for word in kind.choices)
    elif isinstance(kind, click.IntRange):
        may_be = f"number, {kind.min} to {kind.max}"
    elif parameter.is_flag:
        may_be = ""
    default = parameter.default if parameter.show_default else ""
    default = "required" if parameter.required else f"`{default}`" if default else ""
    return f"`{'`, `'.join(parameter.opts)}`", may_be, default, parameter.help or ""


_COMMANDS: Final = """\
# Commands

{made}
Exit codes: 0 done, 1 failed, 2 bad usage or configuration, 130 interrupted. Records in quarantine do not change the
exit code; their number is on standard error. `-h` or `--help` explains every command, `veilog --version` prints
the version.
"""


def commands() -> str:
    """Every command with its options."""
    parts = [_COMMANDS.replace("{made}", _MADE)]
    for name, command in sorted(app.commands.items()):
        help_text = inspect.cleandoc(command.help or "").replace("\b\n", "")
        parts.append(f"## `veilog {name}`\n\n    {_usage(name, command)}\n\n{help_text}\n")
        options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
        if options:
            parts.append(_table(("option", "value", "default", "what it does"), map(_parameter, options)))
    return "\n".join(parts)


# Detectors

_DETECTORS: Final = """\
# Detectors and entity types

{made}
A detector finds spans of text and says what they are: an entity type. Entity types stand in `findings`, in the rules of
a classification policy, in `detect.entities` and in `redact.operators`. A name that no detector knows is an error.

"""


_OWN_PATTERNS: Final = f"""
## veilog's own patterns

E-mail addresses that Presidio does not find: in URLs, percent-encoded, of internal hosts. And credentials, off with
`detect.secrets: false`, told in three ways:

* by their prefix: {len(KEYS)} kinds of keys, a family of providers an entity type. A key that was cut is one from
  twelve characters behind its prefix on. A key that fits its provider's checksum (GitHub's, npm's) scores 1.
* by their form: private keys, JSON Web Tokens, addresses with a password, webhooks, hashes of passwords, `curl -u`.
* by their name: what is assigned to `password`, `api_key`, `client_secret` and the like, in JSON and its keys, YAML,
  XML, shells, programs, headers and connection strings; and what is assigned to the name of one of {len(PROVIDERS)}
  groups of providers whose keys have no prefix (`netlifyToken`), if it has the form of their keys.

Each match is looked at: placeholders (`xxxx`, `<your-token>`, `changeme`), variables (`${{TOKEN}}`, `os.environ[...]`),
names in a program, paths, ARNs, versions, dates and keys that documentation publishes are none. What nobody can tell
from a secret is one. Whatever the policy, a secret that is found is removed; the default policy labels it `restricted`,
with the category `credentials`.

Not found are keys that are neither assigned to a name nor have a prefix or a form: forty random letters alone look like
an id. Nor is a password of words in prose, without quotes or a digit.

"""

_PERSONAL: Final = """\
Recognizers of veilog's own, through Presidio's interface: Presidio with these in its registry finds the same, span for
span. Events name them in `redaction.detectors` (`veilog-personal/1`). Each option of
[`detect.personal`](configuration.md#detectpersonal) turns its detectors off; `plugins.disable.detectors: [personal]`
turns all off. What stands behind a phrase ("my name is", "date of birth:") is found without it.

`gazetteer` adds lists: names of people (`PERSON`) and places (`LOCATION`), built-in or from a file. Lists know no
context, so they are off by default. A model finds more of both.

How much they find, and how much else they take, `python benchmarks/personal_data.py` prints for any labelled set. On
presidio-research's synth_dataset_v2 the share of spans that are not covered whole is 0.885 with Presidio's patterns,
0.49 with the pack, 0.15 with a small spaCy model too; of what has a form of its own (cards, phones, mail, accounts)
0.19, 0.01 and 0.01. Of all other characters 0.000, 0.006 and 0.06 are taken with it. On 3,760 ordinary prompts
addresses touch 0.01 % of all characters and dates 0.06 %. What stays: streets without a word for one, names that
nothing announces, single weekdays, months and years, and organizations.

"""


def _examples(examples: tuple[tuple[str, str], ...]) -> str:
    return ", ".join(f"`{found}`" for _, found in examples[:3]).replace("\n", " ").replace("|", "\\|")


def detectors() -> str:
    """Every recognizer that is on by default, veilog's own patterns, and what can be turned on."""
    from veilog_filters.detect.presidio.engine import PresidioDetector

    recognizers = PresidioDetector(Detect(secrets=False, personal=NOTHING)).engine.registry.recognizers
    theirs = [found for found in recognizers if type(found).__name__ not in ("PatternRecognizer", "SpacyRecognizer")]
    on = sorted((", ".join(f"`{e}`" for e in found.supported_entities), type(found).__name__) for found in theirs)
    mine = sorted((f"`{found.entity}`", f"`{found.name}`", str(found.score)) for found in (*ADDRESSES, *SECRETS))
    personal = [(f"`{d.entity}`", f"`{d.name}`", f"`{d.option}`", _examples(d.examples)) for d in PACK]
    off = _off_by_default({type(found).__name__ for found in theirs})
    return (
        _DETECTORS.replace("{made}", _MADE)
        + "## Presidio's recognizers for English, on by default\n\n"
        + _table(("entity types", "recognizer"), on)
        + _OWN_PATTERNS
        + _table(("entity type", "detector", "score"), mine)
        + "\n## Personal data beside Presidio's patterns\n\n"
        + _PERSONAL
        + _table(("entity type", "detector", "option of `detect.personal`", "for example"), personal)
        + "\n## Off by default\n\nName one in `detect.further_recognizers` to turn it on. Where `context` says "
        "yes, words near a match raise its score.\n\n"
        + _table(("recognizer", "entity types", "context"), off)
        + "\n## Names of people and places\n\n`PERSON`, `LOCATION`, `NRP` and `ORGANIZATION` need a model: see "
        "[names of people](../how-it-works/events.md#names-of-people). A pattern recognizer of your own goes into "
        "[`detect.recognizers[]`](configuration.md#detectrecognizers).\n"
    )


def _off_by_default(on: set[str]) -> list[tuple[str, ...]]:
    from presidio_analyzer import PatternRecognizer, predefined_recognizers

    rows: list[tuple[str, ...]] = []
    for name, found in sorted(vars(predefined_recognizers).items()):
        if isinstance(found, type) and issubclass(found, PatternRecognizer) and name not in on:
            made = found()  # type: ignore[call-arg]  # each has its own entities
            rows.append(
                (f"`{name}`", ", ".join(f"`{e}`" for e in made.supported_entities), "yes" if made.context else "")
            )
    return rows


# Metrics


def _sample() -> Status:
    """A sidecar in which everything has happened once, so that every label is there."""
    counts = Counts()
    for counter, key in (
        (counts.emitted, "other"),
        (counts.dropped, "unrecognized"),
        (counts.quarantined, "unrecognized"),
        (counts.findings, "CREDIT_CARD"),
        (counts.hashed_names, "endpoint"),
        (counts.stage_events, "parse"),
        (counts.stage_seconds, "parse"),
        (counts.ner_texts, RESULTS[0]),
        (counts.fallback_records, "phone"),
    ):
        counter[key] = 1
    counts.entities["CREDIT_CARD", "replace"] = 1
    counts.plugin_failures["source", "acme", REASONS[0]] = 1
    counts.threats["refusal-in-words", "low", "enforce"] = 1
    status = Status(counts=counts, traffic=Traffic(), config_hash="0")
    status.traffic.errors["receive", "timeout"] = 1
    status.traffic.delivery("native")
    status.reloads["ok"] = 1
    return status


_LABELS: Final[dict[tuple[str, str], str]] = {
    ("veilog_records_emitted", "kind"): ", ".join(f"`{kind}`" for kind in Kind),
    ("veilog_records_dropped", "intentional"): "`true` where the policy says so, `false` elsewhere",
    ("veilog_records_dropped", "reason"): "see [errors](errors.md#dropped)",
    ("veilog_findings", "type"): "entity type, see [detectors](detectors.md)",
    ("veilog_entities", "type"): "entity type, see [detectors](detectors.md)",
    ("veilog_entities", "operator"): "`replace`, `mask`, `hash`, `remove`",
    ("veilog_hashed_names", "field"): "see [fields](fields.md)",
    ("veilog_ner_texts", "result"): ", ".join(f"`{result}`" for result in RESULTS),
    ("veilog_fallback_records", "part"): "the fast path that is off; the log and `veilog check` say why",
    ("veilog_plugin_failures", "kind"): "`source`, `detector`, `encoder`",
    ("veilog_plugin_failures", "plugin"): "the plugin's name, see [plugins](../plugins.md)",
    ("veilog_plugin_failures", "reason"): ", ".join(f"`{reason}`" for reason in REASONS),
    **{
        (f"veilog_{name}", "schema"): "schema of the places, see [the sidecar](../operate/sidecar.md)"
        for name in ("in_flight_chunks", "in_flight_bytes", "chunks_delivered", "reconnects")
    },
    ("veilog_threats", "rule"): "name of a rule, see [threat rules](threats.md)",
    ("veilog_threats", "severity"): "`low`, `medium`, `high`",
    ("veilog_threats", "mode"): "`enforce`, `dry_run`",
    ("veilog_config_reloads", "result"): "`ok`, `failed`",
    ("veilog_errors", "error_type"): "see [errors](errors.md)",
    ("veilog_errors", "stage"): "`receive`, `send`, or the stage of a record",
    ("veilog_stage_duration_seconds", "stage"): "stage of a record",
    ("veilog_config", "hash"): "keyed by nothing: a checksum to compare hosts by",
    ("veilog_build", "version"): "veilog's version",
    ("veilog_build", "python"): "Python's version",
}
"""What a label may be; all labels come from closed lists."""


def families() -> list[Metric]:
    """Every metric that a sidecar serves."""
    status = _sample()
    return [*StatusCollector(lambda: status).collect(), errors_of(status)]


def metric_names() -> set[str]:
    """Every metric by the names that are scraped."""
    return {sample.name for family in families() for sample in family.samples}


_METRICS: Final = """\
# Metrics

{made}
`veilog sidecar` serves them for Prometheus at `/metrics` of [`sidecar.http`](configuration.md#sidecar). They are sums
over all workers, dead ones included. Labels come from closed lists, never from records.
[Alerts](../operate/alerts.md) says
which of them are worth waking somebody for.

"""


def metrics() -> str:
    """Every metric with its labels."""
    rows = []
    for family in sorted(families(), key=lambda family: family.name):
        names = sorted({sample.name for sample in family.samples})
        labels = dict.fromkeys(label for sample in family.samples for label in sample.labels)
        said = "; ".join(f"`{label}`: {_LABELS[family.name, label]}" for label in labels)
        rows.append((", ".join(f"`{name}`" for name in names), family.type, family.documentation, said))
    return _METRICS.replace("{made}", _MADE) + _table(("metric", "type", "what it says", "labels"), rows)


# Errors

_CONNECTION: Final = {
    "usage_not_delivered": "Rows of usage were not acknowledged in `sidecar.grace_secs` when a worker stopped.",
    "access_revoked": "The client's key or password was changed or removed by a reload.",
    "bad_name": "The name of the next hop is none that can be looked up.",
    "closed": "The next hop closed the connection.",
    "connection_failed": "The connection broke, or could not be made.",
    "internal": "Something failed that should not; please report it.",
    "not_accepted": "The host refused another connection: too many open files, most often.",
    "over_budget": "A client did not end a long message, while others waited for `sidecar.max_in_flight_bytes`.",
    "timeout": "The other side took longer than its time: for the handshake, for an answer, for an acknowledgement.",
    "tls_failed": "TLS could not be agreed on: certificate, name or version.",
    "too_many_connections": "More clients than `sidecar.listen.max_connections`; one that was idle had to go.",
    "too_many_strangers": "Too many clients that had not shown who they are; the oldest had to go.",
    "unexpected_ack": "The next hop acknowledged a chunk that was not waiting.",
    "unfinished": "The sidecar stopped before the client's message was whole. The shipper sends it again.",
}
"""Why a connection ends, beside the errors of the protocol. A test compares the list with the transports."""
_DROPPED: Final = {
    "unrecognized": "No parser knows the record, and `policy.unrecognized` is `drop`.",
    "no_events_inside": "The record is an envelope with nothing in it.",
    "usage_not_fetched": "Rows of usage were made faster than they could be sent; the oldest are gone.",
    "metadata_not_cleaned": "An entry's metadata or group could not be cleaned: the entry left without it.",
}
_ERRORS: Final = """\
# Errors

{made}
No error carries content. A record that fails leaves as a `quarantine` event with an `error_type`;
[what leaves when something fails](../how-it-works/failures.md) has the whole picture. All of them are counted in
`veilog_errors_total` by `error_type` and `stage`.

## Records

`error_type` of quarantine events.

"""


def connection_reasons() -> set[str]:
    """Why connections end, as metrics count them, without the errors of the protocol."""
    return set(_CONNECTION)


def drop_reasons() -> set[str]:
    """Why records and metadata are let go, as metrics count them."""
    return set(_DROPPED)


def errors() -> str:
    """Every error type, and every reason by which connections and records are counted."""
    records = ((f"`{error}`", STAGES[error], WHY[error]) for error in ErrorType)
    protocol = ((f"`{reason}`", meaning) for reason, meaning in MEANING.items())
    connections = ((f"`{reason}`", meaning) for reason, meaning in sorted(_CONNECTION.items()))
    dropped = ((f"`{r}`", "yes" if r in INTENTIONAL_DROPS else "no", why) for r, why in _DROPPED.items())
    return (
        _ERRORS.replace("{made}", _MADE)
        + _table(("error type", "stage", "when"), records)
        + "\n## Connections\n\nThe `stage` is `receive` for shippers and `send` for the next hop. What a peer "
        "can break in the Forward protocol:\n\n"
        + _table(("error type", "when"), protocol)
        + "\nWhat else ends a connection:\n\n"
        + _table(("error type", "when"), connections)
        + "\n## Dropped\n\n`reason` of `veilog_records_dropped_total`; `intentional` says whether the policy "
        "asked for it.\n\n"
        + _table(("reason", "intentional", "when"), dropped)
        + "\n## Configuration\n\nEvery defect is a line on standard error: `FILE:LINE: KEY: what is wrong. Fix: "
        "what to write`. The exit code is 2 and nothing starts. No value of the file is quoted.\n"
    )


# Queries of the report

_QUERIES: Final = """\
# Queries of the report

{made}
[`veilog report`](../operate/report.md) asks these, in DuckDB's SQL. Names and columns are stable: content for SIEMs
answers the same questions under the same names. They ask two views. `events` has a row for each event; its columns are
fields of `veilog/1`, with underscores for dots, and some that it derives:

```sql
{views}
```

"""


def queries() -> str:
    """Every query of the report."""
    parts = [_QUERIES.replace("{made}", _MADE).replace("{views}", ";\n\n".join((EVENTS, CALLS)))]
    for title, chapter in (("Dashboard", PANELS), ("Audit report", AUDIT)):
        parts.append(f"## {title}\n")
        parts += [
            f"### `{query.name}`\n\n{query.title}. {query.why}\n\n```sql\n{query.sql}\n```\n" for query in chapter
        ]
    return "\n".join(parts)


PAGES: Final = {
    FOLDER / "configuration.md": configuration,
    FOLDER / "policy.md": policy,
    FOLDER / "cli.md": commands,
    FOLDER / "detectors.md": detectors,
    FOLDER / "report.md": queries,
    FOLDER / "metrics.md": metrics,
    FOLDER / "errors.md": errors,
}
"""Each page, and what makes it."""
