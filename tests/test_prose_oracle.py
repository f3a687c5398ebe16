"""The prose oracle, veilog's sacred test: no three planted words in a row leave, in any spelling, by any way.

Under ``content: drop`` nothing that somebody wrote leaves, wherever it stood and whatever the record looked like. So
sentences of eight words and more are planted in every leaf and key of every kind of record, in many spellings
(``spellings``), the records are changed, broken and wrapped (``prose``, both in ``veilog_filters.prove``), and everything that comes out, events, tags,
metadata, logs, errors and metrics, is read as a person with a decoder would read it. Not one may be found.

Where ``test_canary`` asks whether kept text was inspected, this asks whether text was kept at all. A failure names the
recipe of each record; ``prose.make(seed, number)`` makes it again, and
``python tests/oracle_report.py`` prints what leaves by shape, spelling and field. ``VEILOG_ORACLE_SEED`` has other records made.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgpack
import orjson
import pytest
import yaml

from conftest import Run
from forward_peers import Collector, Sidecar, in_loop, until
from no_network import sitecustomize
from oracle_report import pipeline_of
from samples import SAMPLES, config_with
from shares import SOAK
from veilog_filters import pipeline as pipeline_module
from veilog_filters.detect.api import DetectorTimeout, Finding, PerText
from veilog_filters.explain import explain_record
from veilog_filters.forward.events import GROUP_END_SECONDS, GROUP_START_SECONDS
from veilog_filters.framing import JsonLines, write_json
from veilog_filters.pipeline import Pipeline
from veilog_filters.prove.faults import BrittleDetector, broken
from veilog_filters.prove.prose import (
    MAX_PLANTS,
    Planted,
    Record,
    all_places,
    finder_of,
    leaks_in,
    leaks_of,
    make,
    nothing_found,
)
from veilog_filters.prove.spellings import SPELLINGS, VOCABULARIES, sentence
from veilog_parsers import registry as registry_module
from veilog_parsers.errors import ErrorType
from veilog_parsers.record.raw import RawRecord
from veilog_parsers.registry import SOURCES
from veilog_parsers.sources.mapped import TARGETS

SEED = int(os.environ.get("VEILOG_ORACLE_SEED", "1"))
RECORDS = 200_000 if SOAK else 2_000
"""Of which each policy below takes its part."""
PIPED = 3_000 if SOAK else 150
"""Records for each of the ways that are a process of their own."""
RECORD_SECS = 0.5
SHIPPED = 3_000 if SOAK else 240

_TARGETS = [target for target in TARGETS if target not in ("timestamp", "provider")]
WIDE_MAPPING: dict[str, Any] = {
    "mapped": [
        {"name": "wide", "when": {"model": "*"}, "fields": dict.fromkeys(_TARGETS, "model")},
        {"name": "wide_prompt", "when": {"prompt": "*"}, "fields": dict.fromkeys(_TARGETS, "prompt")},
        *(
            {"name": f"names_{key}", "when": {key: "*"}, "fields": {target: f"{key}"}}
            for key, target in zip(("message", "text", "query", "name", "status", "user"), _TARGETS[1:], strict=False)
        ),
    ]
}
POLICIES: dict[str, tuple[float, dict[str, Any]]] = {
    "default": (0.5, {}),
    "pseudonymized": (0.12, {"policy": {"identity": "pseudonymize"}}),
    "unrecognized are dropped": (0.04, {"policy": {"unrecognized": "drop"}}),
    "threat rules match everything": (
        0.06,
        {"threats": {"pack_files": [str(Path(__file__).parent / "data" / "threats_everywhere.yaml")]}},
    ),
    "everything mapped": (0.12, WIDE_MAPPING),
    "short scan": (0.06, {"detect": {"max_text_bytes": 256}, "limits": {"max_record_bytes": 4096}}),
    "a tag of its own": (0.04, {"tag": "ai.gateway", "tenant_id": "acme"}),
}
"""Name to the part of the records that it sees, and its sections of the configuration. A fixed source sees the rest."""


def check(leaks: list[Any]) -> None:
    """Fail if anything left, with the recipes of the first."""
    assert not leaks, f"{len(leaks)} sentences left:\n" + "\n".join(map(str, leaks[:10]))


def block(name: str) -> int:
    """The first number of a test's own records."""
    return 1_000_000 * (1 + sum(map(ord, name)))


@pytest.mark.parametrize("policy", POLICIES)
def test_no_sentence_leaves(policy: str) -> None:
    part, sections = POLICIES[policy]
    pipeline = pipeline_of(**sections)
    start = 0 if policy == "default" else block(policy)
    numbers = range(start, start + int(RECORDS * part))
    check([leak for number in numbers for leak in leaks_of(pipeline, make(SEED, number))])
    assert pipeline.counts.received >= len(numbers) * 0.99


@pytest.mark.parametrize("source", [source.name for source in SOURCES])
def test_no_sentence_leaves_if_all_records_are_said_to_be_from(source: str) -> None:
    pipeline = pipeline_of(source=source)
    start = block(source)
    numbers = range(start, start + int(RECORDS * 0.12) // len(SOURCES) + 1)
    check([leak for number in numbers for leak in leaks_of(pipeline, make(SEED, number))])


def test_no_sentence_leaves_from_any_single_place() -> None:
    """Every leaf and key of every sample and of every provider's body, one at a time; in short, one in seven."""
    pipeline = pipeline_of()
    leaks: list[Any] = []
    every = 1 if SOAK else 7
    for turn in range(10 if SOAK else 1):
        leaks += (leak for record in all_places(SEED + turn, every) for leak in leaks_of(pipeline, record))
    check(leaks)
    assert pipeline.counts.received > 2_000


# Other ways in and out.


def lines_of(name: str, count: int) -> list[Record]:
    start = block(name)
    return [record for number in range(start, start + count) if b"\n" not in (record := make(SEED, number)).line]


def found_in(output: bytes, records: list[Record], *, further: list[Planted] | None = None) -> list[str]:
    """The recipes of the records whose sentences are in an output of a whole process."""
    planted = [(each, record.recipe) for record in records for each in record.planted]
    planted += [(each, "beside the records") for each in further or []]
    found = finder_of([each for each, _ in planted])(output.decode("utf-8", "replace"))
    return [f"{planted[at][1]}: {planted[at][0].spelling} at {planted[at][0].place}" for at in sorted(found)]


def environment() -> dict[str, str]:
    """For subprocesses: this code, also where another one is installed; no network."""
    path = filter(None, (str(Path(sitecustomize.__file__).parent), os.environ.get("PYTHONPATH")))
    return {"PYTHONPATH": os.pathsep.join(path)}


@pytest.fixture
def configured(tmp_path: Path) -> Path:
    """A configuration with nothing in it but the mapping of the samples."""
    path = tmp_path / "c.yaml"
    path.write_text((SAMPLES / "mapped" / "mapping.yaml").read_text())
    return path


@pytest.mark.parametrize(
    "command",
    ["filter --output msgpack", "filter --workers 2", "mmexternal", "filter --tag-key _tag --time-key _time"],
)
def test_no_sentence_leaves_the_command(command: str, veilog: Run, configured: Path) -> None:
    records = lines_of(command, PIPED)
    lines = [record.line for record in records]
    beside: list[Planted] = []
    if "tag-key" in command:
        for index, line in enumerate(lines):
            lines[index], planted = stamped(line, index)
            beside += planted
    done = veilog(*command.split(), "--config", configured, stdin=b"\n".join(lines) + b"\n", **environment())
    assert done.returncode == 0, done.stderr
    assert len(done.stdout) > 100 * PIPED
    check(found_in(done.stdout + b"\n" + done.stderr, records, further=beside))


def stamped(line: bytes, number: int) -> tuple[bytes, list[Planted]]:
    """The line with sentences where a shipper would put tag and time, if it is a JSON object."""
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        return line, []
    if not isinstance(value, dict):
        return line, []
    planted = [plant(f"stamp {number} {key}", key) for key in ("_tag", "_time")]
    texts = {each.place: SPELLINGS[each.spelling](each.sentence.words) for each in planted}
    return orjson.dumps(value | texts), planted


def plant(recipe: str, place: str) -> Planted:
    """A sentence for a place that is no record's."""
    chance = random.Random(f"{SEED} {recipe}")
    return Planted(sentence(chance, chance.choice(VOCABULARIES)), chance.choice(list(SPELLINGS)), place)


def as_msgpack(record: Record) -> Any:
    """What a shipper would send for a record: an object, where it is none one with the line in it."""
    try:
        value = json.loads(record.line)
    except (ValueError, RecursionError):
        value = record.line.decode("utf-8", "replace")
    return value if isinstance(value, dict) else {"log": value}


def packed(value: Any) -> bytes:
    try:
        data: bytes = msgpack.packb(value, unicode_errors="surrogatepass")
    except (OverflowError, ValueError):  # numbers that only JSON knows
        data = msgpack.packb({"log": repr(value)}, unicode_errors="surrogatepass")
    return data


def test_no_sentence_leaves_msgpack(veilog: Run, configured: Path) -> None:
    """Strings that are binary, keys that are numbers, and at the end bytes that are no msgpack at all."""
    records = lines_of("msgpack", PIPED)
    stdin = b"".join(packed(as_msgpack(record)) for record in records[:-20])
    stdin += b"".join(
        packed({1: record.line, b"x": [record.line.decode("utf-8", "replace")]}) for record in records[-20:]
    )
    stdin += b"\xc1" + b"".join(record.line for record in records[:20])
    done = veilog("filter", "--input", "msgpack", "--config", configured, stdin=stdin, **environment())
    assert done.returncode == 1, "what is behind the broken bytes was not read"
    assert len(done.stdout) > 100 * PIPED
    check(found_in(done.stdout + b"\n" + done.stderr, records))


def test_no_sentence_is_in_an_explanation(veilog: Run, configured: Path) -> None:
    pipeline = pipeline_of()
    for record in lines_of("explain", PIPED):
        framer = JsonLines(pipeline.fingerprinter, "", 16_777_216)
        text = "".join(
            document
            for raw in (*framer.feed(record.line), *framer.finish())
            for document in explain_record(pipeline, raw)
        )
        check(found_in(text.encode(), [record]))
    record = lines_of("explain", 1)[0]
    done = veilog("explain", "--config", configured, stdin=record.line, **environment())
    assert done.returncode == 0
    check(found_in(done.stdout + done.stderr, [record]))


@pytest.mark.parametrize("broken", ["config", "missing", "closed output"])
def test_no_sentence_is_in_what_a_command_says_that_cannot_go_on(broken: str, veilog: Run, tmp_path: Path) -> None:
    records = lines_of(broken, 40)
    planted = plant(broken, "policy")
    (tmp_path / "c.yaml").write_text("policy: {content: maybe}\n" if broken == "config" else "{}\n")
    (tmp_path / "full").symlink_to("/dev/full")
    stdin = b"\n".join(record.line for record in records)
    if broken == "closed output":
        shell = f"{sys.executable} -m veilog_filters filter --config c.yaml > full"
        done = subprocess.run(
            ["/bin/sh", "-c", shell],
            input=stdin,
            capture_output=True,
            check=False,
            cwd=tmp_path,
            env={**os.environ, **environment()},
            timeout=120,
        )
    else:
        done = veilog(
            "filter", "--config", "missing.yaml" if broken == "missing" else "c.yaml", stdin=stdin, **environment()
        )
    assert done.returncode != 0
    check(found_in(done.stdout + b"\n" + done.stderr, records, further=[planted]))


# Failures, each with all that is known in its message.


def talkative(words: Callable[[], str]) -> Callable[..., Any]:
    def fail(*arguments: Any, **named: Any) -> Any:
        raise ValueError(f"cannot process {words()} {arguments!r} {named!r}")

    return fail


@pytest.mark.parametrize("error_type", sorted(ErrorType))
def test_no_sentence_leaves_with_a_failure(
    error_type: ErrorType,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The failures of the failure table, forced on other records, and with the record in the exception's message."""
    now: list[Record] = []
    said = lambda: now[0].line.decode("utf-8", "replace")  # noqa: E731
    detector = BrittleDetector()
    pipeline = Pipeline(config_with(limits={"max_record_bytes": 65_536, "record_secs": RECORD_SECS}), detector=detector)
    if error_type == ErrorType.TOO_MANY_EVENTS:
        monkeypatch.setattr(registry_module, "MAX_EVENTS", 2)
    count = 600 if SOAK else 40
    # A budget is exhausted by waiting.
    for record in lines_of(error_type, count // 10 if error_type == ErrorType.OVER_BUDGET else count):
        now[:] = [record]
        with broken(pipeline, detector, error_type, talkative(said), RECORD_SECS):
            check(leaks_of(pipeline, record))
        printed = capfd.readouterr()
        check(found_in((printed.out + printed.err + caplog.text).encode(), [record]))
        caplog.clear()


def test_no_sentence_leaves_with_a_parser_that_is_interrupted(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Interrupted before its first event, or behind it; every record counts as a large one."""
    monkeypatch.setattr(pipeline_module, "LARGE_RECORD_BYTES", 0)
    pipeline = pipeline_of(limits={"record_secs": 0.02})
    parse = pipeline.registry.parse

    def hang() -> None:
        end = time.thread_time() + 2
        while time.thread_time() < end:
            sum(range(100))

    def parse_and_hang(record: RawRecord) -> Iterator[Any]:
        if len(record.raw) % 2:
            yield from parse(record)
        hang()

    monkeypatch.setattr(pipeline.registry, "parse", parse_and_hang)
    for record in lines_of("interrupted", 300 if SOAK else 30):
        check(leaks_of(pipeline, record))
        printed = capfd.readouterr()
        check(found_in((printed.out + printed.err + caplog.text).encode(), [record]))
    assert pipeline.counts.quarantined[ErrorType.OVER_BUDGET] > 10


@pytest.mark.parametrize(
    "error", [ValueError, KeyError, RecursionError, MemoryError, DetectorTimeout, AssertionError, LookupError]
)
def test_no_sentence_leaves_with_a_detector_that_fails(
    error: type[Exception], capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    def fail(text: str) -> list[Finding]:
        if len(text) > 20:
            raise error() if error is DetectorTimeout else error(f"cannot read {text}")
        return []

    pipeline = Pipeline(config_with(), detector=PerText(fail))
    for record in lines_of(error.__name__, 600 if SOAK else 30):
        check(leaks_of(pipeline, record))
        printed = capfd.readouterr()
        check(found_in((printed.out + printed.err + caplog.text).encode(), [record]))


def test_no_sentence_leaves_in_a_tag() -> None:
    pipeline = pipeline_of()
    for number in range(SHIPPED):
        planted = plant(f"tag {number}", "tag")
        text = SPELLINGS[planted.spelling](planted.sentence.words)
        record = make(SEED, block("tag") + number)
        check(leaks_of(pipeline, record._replace(planted=[*record.planted, planted]), tag=text))
        check(found_in(pipeline.tag(text).encode("utf-8", "replace"), [], further=[planted]))


# The sidecar, over a real socket.

MODES = ("message", "forward", "packed", "packed in a string", "compressed")


def message(mode: str, tag: str, entries: list[Any], chunk_id: str) -> bytes:
    """A chunk of entries ``[time or [time, metadata], record]`` on the wire."""
    option = {"chunk": chunk_id, "size": len(entries)}

    def pack(value: Any) -> bytes:
        data: bytes = msgpack.packb(value, unicode_errors="surrogatepass", default=str)
        return data

    if mode == "message":
        return b"".join(pack([tag, *entry, option]) for entry in entries)
    if mode == "forward":
        return pack([tag, entries, option])
    stream = b"".join(map(pack, entries))
    if mode == "compressed":
        return pack([tag, gzip.compress(stream), {**option, "compressed": "gzip"}])
    if mode == "packed in a string":
        return b"\x93" + pack(tag) + b"\xdb" + len(stream).to_bytes(4, "big") + stream + pack(option)
    return pack([tag, stream, option])


def event_time(seconds: int) -> Any:
    return msgpack.ExtType(0, seconds.to_bytes(4, "big") + b"\0\0\0\1")


class Shipment:
    """Chunks with sentences in records, metadata, groups and tags."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.beside: list[Planted] = []

    def _text(self, recipe: str, place: str) -> str:
        planted = plant(recipe, place)
        self.beside.append(planted)
        return SPELLINGS[planted.spelling](planted.sentence.words)

    def _metadata(self, number: int) -> dict[str, Any]:
        return {
            "k": self._text(f"metadata {number}", "metadata"),
            self._text(f"metadata key {number}", "metadata key"): {
                "a": [self._text(f"metadata deep {number}", "metadata")]
            },
            "otlp": {"attributes": {"service.name": self._text(f"otlp {number}", "otlp metadata")}},
        }

    def _group(self, number: int) -> list[list[Any]]:
        """The marks of a group, with what OTLP says of resource and scope; every other one is none that we know."""
        keys = ("service.name", "service.version", "k8s.pod.name", "host.name", "cloud.region", "telemetry.sdk.name")
        body: dict[str, Any] = {
            "resource": {
                "attributes": {key: self._text(f"resource {number} {key}", f"resource {key}") for key in keys}
            },
            "scope": {
                "name": self._text(f"scope {number}", "scope name"),
                "version": self._text(f"scope version {number}", "scope version"),
                "attributes": {
                    self._text(f"scope key {number}", "scope key"): self._text(f"scope {number} x", "scope")
                },
            },
        }
        metadata: dict[str, Any] = {"schema": "otlp", "resource_id": 0, "scope_id": 0}
        if number % 4 == 1:
            metadata |= self._metadata(number)
            key = self._text(f"group key {number}", "group key")
            body |= {key: self._text(f"group value {number}", "group value"), "schema_url": key}
        begin, end = event_time(GROUP_START_SECONDS), event_time(GROUP_END_SECONDS)
        return [[[begin, metadata], body], [[end, {}], {} if number % 4 == 3 else body]]

    def chunks(self) -> Iterator[bytes]:
        """One after the other, each mode in turn."""
        for number, records in enumerate(grouped(SHIPPED)):
            self.records += records
            mode = MODES[number % len(MODES)]
            entries: list[list[Any]] = []
            for index, record in enumerate(records):
                time: Any = 1_740_994_863 + index if index % 2 else event_time(1_740_994_863)
                stamp = [time, self._metadata(number * 100 + index)] if index % 3 == 1 else time
                entries.append([stamp, orjson_safe(record)])
            if mode != "message" and number % 2:
                begin, end = self._group(number)
                entries = [begin, *entries, end]
            tag = self._text(f"sidecar tag {number}", "tag") if number % 3 else "raw.ai"
            yield message(mode, tag, entries, f"c{number}")


def grouped(count: int, size: int = 6) -> Iterator[list[Record]]:
    records = lines_of("sidecar", count)
    for start in range(0, len(records), size):
        yield records[start : start + size]


def orjson_safe(record: Record) -> Any:
    """A record that msgpack can say."""
    value = as_msgpack(record)
    try:
        msgpack.packb(value, unicode_errors="surrogatepass")
    except (OverflowError, ValueError):
        return {"log": record.line.decode("utf-8", "replace")}
    return value


async def shipped(port: int, data: bytes) -> bytes:
    """Send bytes, close, and return what was answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(data)
        writer.write_eof()
        return await asyncio.wait_for(reader.read(), 60)
    except ConnectionError:
        return b""
    finally:
        writer.transport.abort()


@in_loop
async def test_no_sentence_leaves_the_sidecar(tmp_path: Path) -> None:
    collector = Collector()
    await collector.start()
    mapping = yaml.safe_load((SAMPLES / "mapped" / "mapping.yaml").read_text())
    sidecar = Sidecar(tmp_path, (collector.port,), sidecar={"tag": "clean.{tag}"}, **mapping)
    shipment = Shipment()
    await asyncio.to_thread(sidecar.start)
    try:
        answered = 0
        for data in shipment.chunks():
            answered += b"ack" in await shipped(sidecar.port, data)
        # A chunk with a bad tag or entry may be refused; most are not.
        assert answered >= SHIPPED // 6 * 0.5
        await until(lambda: len(collector.events) >= answered)
        pages = [(await asyncio.to_thread(sidecar.get, path))[1] for path in ("/metrics", "/healthz", "/readyz")]
    finally:
        await asyncio.to_thread(sidecar.stop)
        await collector.stop()
    out = [
        orjson.dumps([chunk.tag, entry.metadata, entry.record], option=orjson.OPT_NON_STR_KEYS)
        for chunk in collector.chunks
        for entry in chunk.entries
    ]
    assert len(out) > SHIPPED * 0.5
    assert any(entry.is_group_marker for chunk in collector.chunks for entry in chunk.entries)
    check(found_in(b"\n".join(out), shipment.records, further=shipment.beside))
    said = "\n".join(pages).encode() + sidecar.log.read_bytes() + sidecar.out.read_bytes()
    check(found_in(said, shipment.records, further=shipment.beside))


# The oracle can fail, and its records are what it says.


def test_the_oracle_can_fail() -> None:
    """Where the policy keeps text, and nothing is found in it, sentences leave from most records."""
    sections: dict[str, Any] = {"policy": {"content": "redacted", "unmapped": "redact", "unrecognized": "redact"}}
    pipeline = pipeline_of(**sections)
    records = [make(SEED, number) for number in range(100)]
    leaking = [record for record in records if leaks_of(pipeline, record)]
    assert len(leaking) > 50


def test_records_have_sentences_in_them() -> None:
    records = [make(SEED, number) for number in range(300)]
    assert sum(bool(record.planted) for record in records) > 270
    assert max(len(record.planted) for record in records) == MAX_PLANTS + 1
    assert {each.spelling for record in records for each in record.planted} >= set(SPELLINGS)
    visible = sum(bool(found_in(record.line, [record])) for record in records)
    assert visible > 230, "the others are in base64 of base64, cut to pieces, or split over a list"
    assert make(SEED, 5) == make(SEED, 5) != make(SEED + 1, 5)
    assert len({record.shape for record in records}) > 150


def test_a_leak_is_told_with_its_field() -> None:
    record = make(SEED, 3)
    event = {"kind": "other", "model_name": " ".join(record.planted[0].sentence.words), "request_id": "r-1"}
    (leak,) = leaks_in(record, [event])
    assert leak.field == "other: model_name"
    assert f"seed {SEED}, record 3" in str(leak)
    assert not leaks_in(record, [{**event, "model_name": "gpt-4o"}])
    assert write_json(event)
    assert nothing_found("") == []
