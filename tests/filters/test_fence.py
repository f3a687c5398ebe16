"""Plugins that raise, hang, print or return nonsense: the record goes to quarantine, the plugin is named, nothing leaks.

Every nasty plugin has the marker of the record in its hands, and puts it wherever it can.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from plugin_tree import install, on_path
from samples import config_with
from veilog_filters import interrupt
from veilog_filters.detect.api import PerText
from veilog_filters.interrupt import Interrupted, within
from veilog_filters.metrics import Counts, Status
from veilog_filters.pipeline import Pipeline
from veilog_filters.transports.health import StatusCollector
from veilog_parsers.record.raw import RawRecord

MARKER = "zq5a5a5a5azq"
RECORD_SECS = 0.1
VALUE: dict[str, Any] = {"acme": 1, "text": MARKER, "inner": {"a": [MARKER, 1.5, None, True]}}
GOOD: dict[str, Any] = {"request": {"messages": [{"role": "user", "content": "hello"}]}, "response": {}}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "site"
    folder.mkdir()
    with on_path(folder):
        yield folder


def make_pipeline(schema: str = "native", **sections: Any) -> Pipeline:
    config = config_with(
        policy={"content": "redacted", "unmapped": "redact"},
        limits={"record_secs": RECORD_SECS},
        detect={"entities": ["ACME_ID", "UUID"]} if sections.pop("finds", False) else {},
        **sections,
    )
    return Pipeline(config, (schema,), detector=None if config.detect.entities else PerText(lambda _: []))


def run(pipeline: Pipeline, value: dict[str, Any] = VALUE, tag: str = "") -> list[dict[str, Any]]:
    raw = orjson.dumps(value)
    return pipeline(RawRecord(orjson.loads(raw), raw, tag))


def check_contained(
    pipeline: Pipeline, failure: tuple[str, str, str], error_type: str, capfd: pytest.CaptureFixture[str], caplog: Any
) -> None:
    """A record on which a plugin fails, and what is seen of it."""
    (event,) = run(pipeline, tag="t")
    assert event["kind"] == "quarantine"
    assert event["error_type"] == error_type
    assert pipeline.counts.plugin_failures == {failure: 1}
    assert pipeline.counts.quarantined == {error_type: 1}
    printed = capfd.readouterr()
    assert MARKER not in orjson.dumps(event).decode() + printed.out + printed.err + caplog.text
    kind, name, reason = failure
    line = f'veilog_plugin_failures_total{{kind="{kind}",plugin="{name}",reason="{reason}"}} 1.0'
    assert line in metrics(pipeline.counts)
    assert MARKER not in metrics(pipeline.counts)


def metrics(counts: Counts) -> str:
    registry = CollectorRegistry()
    registry.register(StatusCollector(lambda: Status(counts=counts)))
    return generate_latest(registry).decode()


SPIN = "while True: pass"
RAISES = {
    "raises": f"raise ValueError('{MARKER}')",
    "raises from itself": f"raise KeyError('{MARKER}') from ValueError('{MARKER}')",
    "exits": f"sys.exit('{MARKER}')",
    "never ends": "f()",
    "raises a BaseException": f"raise type('E', (BaseException,), {{}})('{MARKER}')",
    "raises a RecordError of no type": f"raise RecordError('{MARKER}')",
    "prints and raises": (
        f"print('{MARKER}'); sys.stderr.write('{MARKER}'); warnings.warn('{MARKER}'); "
        f"logging.error('{MARKER}'); raise ValueError('{MARKER}')"
    ),
}
HANGS = {
    "loops": SPIN,
    "catches all that is an Exception": "\n    while True:\n        try:\n            pass\n        except Exception: pass",
    "backtracks": "re.match('(a+)+$', 'a' * 40 + 'b')",
    "waits": "time.sleep(60)",
}


def function(body: str) -> str:
    return f"def f(*_):\n    {body}\n"


@pytest.mark.parametrize("case", RAISES)
def test_a_source_that_raises(site: Path, case: str, capfd: pytest.CaptureFixture[str], caplog: Any) -> None:
    install(site, {"sources": {"acme": "S"}}, function(RAISES[case]) + "S = source(f)")
    check_contained(make_pipeline(), ("source", "acme", "raised"), "parser_failed", capfd, caplog)


@pytest.mark.parametrize("case", RAISES)
def test_a_test_of_a_source_that_raises(site: Path, case: str, capfd: pytest.CaptureFixture[str], caplog: Any) -> None:
    install(site, {"sources": {"acme": "S"}}, function(RAISES[case]) + "S = source(f, f)")
    pipeline = make_pipeline()
    check_contained(pipeline, ("source", "acme", "raised"), "parser_failed", capfd, caplog)
    (event,) = run(pipeline, GOOD)
    assert event["kind"] == "ai_access", "records without its marker are nothing to it"


@pytest.mark.parametrize("case", HANGS)
@pytest.mark.parametrize("tests", ["", ", f"], ids=["parser", "test"])
def test_a_source_that_hangs(site: Path, case: str, tests: str, capfd: pytest.CaptureFixture[str], caplog: Any) -> None:
    install(site, {"sources": {"acme": "S"}}, function(HANGS[case]) + f"S = source(f{tests})")
    began = time.perf_counter()
    check_contained(make_pipeline(), ("source", "acme", "over_budget"), "over_budget", capfd, caplog)
    assert time.perf_counter() - began < 30 * RECORD_SECS


def test_a_source_may_refuse_a_record_with_a_reason_of_the_list(site: Path) -> None:
    code = function(f"raise RecordError(ErrorType.MALFORMED_JSON, '{MARKER}')") + "S = source(f)"
    install(site, {"sources": {"acme": "S"}}, code)
    pipeline = make_pipeline()
    (event,) = run(pipeline)
    assert event["error_type"] == "malformed_json"
    assert pipeline.counts.plugin_failures == {}


EVENT = "AuditEvent(kind=Kind.AI_ACCESS, {})"
NONSENSE = {
    "None": "None",
    "a dict": "{'kind': 'ai_access'}",
    "a class": "AuditEvent",
    "a subclass": "type('E', (AuditEvent,), {})(kind=Kind.OTHER)",
    "no kind": "AuditEvent()",
    "a kind in text": "AuditEvent(kind='ai_access')",
    "a quarantine event": "AuditEvent(kind=Kind.QUARANTINE)",
    "a raw text": EVENT.format("user_id=f['text']"),
    "a raw text in a list": EVENT.format("finish_reasons=[f['text']]"),
    "a raw text in an object": EVENT.format("cloud=Cloud(resource=f['text'])"),
    "a raw text in a message": EVENT.format("prompt_messages=[Message(Role.USER, [f['text']])]"),
    "a role in text": EVENT.format("prompt_messages=[Message(f['text'], [])]"),
    "a sealed number": EVENT.format("user_id=SensitiveText(17)"),
    "a sealed sealed text": EVENT.format("user_id=SensitiveText(SensitiveText(f['text']))"),
    "a text that is no str": EVENT.format("user_id=SensitiveText(type('T', (str,), {})(f['text']))"),
    "a sealed text that overrides": EVENT.format(
        "user_id=type('S', (SensitiveText,), {'reveal': lambda s: 1 / 0})(f['text'])"
    ),
    "a sealed text as an operation": EVENT.format("operation=SensitiveText(f['text'])"),
    "an operation in text": EVENT.format("operation=f['text']"),
    "a time of text": EVENT.format("timestamp=Timestamp(f['text'])"),
    "a time in text": EVENT.format("timestamp='2025-01-01T00:00:00Z'"),
    "a department": EVENT.format("user_department=Constant(f['text'])"),
    "a hash": EVENT.format("prompt_hash=Constant(f['text'])"),
    "content": EVENT.format("content=f['text']"),
    "unmapped": EVENT.format("unmapped={'a': f['text']}"),
    "an error type": EVENT.format("error_type=Constant(f['text'])"),
    "a source": EVENT.format("source=Constant(f['text'])"),
    "a number in text": EVENT.format("input_tokens=f['text']"),
    "a yes for a number": EVENT.format("input_tokens=True"),
    "a number that is none": EVENT.format("latency_ms=float('nan')"),
    "an endless number": EVENT.format("latency_ms=float('inf')"),
    "a huge number": EVENT.format("input_tokens=10 ** 30"),
    "parts that are no list": EVENT.format("prompt_messages=iter([])"),
    "a generator": "(e for e in [AuditEvent(kind=Kind.OTHER)])",
}
LEFT = {
    "a set": "f['left'] = {1}",
    "a key that is no text": "f[7] = 1",
    "itself": "f['left'] = f",
    "very much": "f['left'] = [0] * 100_000",
    "very deep": "\n    for _ in range(500): f = f.setdefault('a', {})",
    "bytes": "f['left'] = f['text'].encode()",
}


@pytest.mark.parametrize("case", NONSENSE)
def test_a_source_that_returns_nonsense(site: Path, case: str, capfd: pytest.CaptureFixture[str], caplog: Any) -> None:
    install(site, {"sources": {"acme": "S"}}, f"S = source(lambda f: {NONSENSE[case]})")
    check_contained(make_pipeline(), ("source", "acme", "bad_result"), "parser_failed", capfd, caplog)


@pytest.mark.parametrize("case", LEFT)
def test_a_source_that_leaves_nonsense(site: Path, case: str, capfd: pytest.CaptureFixture[str], caplog: Any) -> None:
    code = f"def f(f):\n    {LEFT[case]}\n    return AuditEvent(kind=Kind.OTHER)\nS = source(f)"
    install(site, {"sources": {"acme": "S"}}, code)
    check_contained(make_pipeline(), ("source", "acme", "bad_result"), "parser_failed", capfd, caplog)


@pytest.mark.parametrize("answer", ["1", "None", "'yes'", "type('B', (), {'__bool__': lambda s: 1 / 0})()"])
def test_a_test_that_says_neither_yes_nor_no(
    site: Path, answer: str, capfd: pytest.CaptureFixture[str], caplog: Any
) -> None:
    install(site, {"sources": {"acme": "S"}}, f"S = source(lambda f: None, lambda f: {answer})")
    check_contained(make_pipeline(), ("source", "acme", "bad_result"), "parser_failed", capfd, caplog)


def test_what_a_source_calls_a_constant_is_a_value_of_the_record(site: Path) -> None:
    code = """
def parse(f):
    text = pop(f, "text")
    return AuditEvent(
        kind=Kind.AI_ACCESS, user_id=Constant(text), provider=Constant("acme"), error_code=SensitiveText("\\ud800"),
        finish_reasons=[Constant("stop")], prompt_messages=[Message(Role.USER, [SensitiveText("\\udfff a")])],
    )
S = source(parse)
"""
    install(site, {"sources": {"acme": "S"}}, code)
    (event,) = run(make_pipeline(), VALUE | {"text": "Please tell nobody that I am ill and live in Oslo"})
    assert re.fullmatch("hmac:[0-9a-f]{32}", event["user_id"])
    assert event["provider"] == "acme"
    assert event["finish_reasons"] == ["stop"]
    assert event["content"]["prompt"] == "? a"
    assert event["unmapped"] == {"acme": 1, "inner": VALUE["inner"]}
    assert orjson.dumps(event)


def test_an_event_that_is_changed_later_or_given_twice_changes_nothing(site: Path) -> None:
    code = """
EVENT = AuditEvent(kind=Kind.AI_ACCESS, prompt_messages=[Message(Role.USER, [])])
KEPT = []
def parse(f):
    EVENT.request_id = SensitiveText(f["text"])
    EVENT.prompt_messages[0].parts[:] = [SensitiveText(f["text"])]
    for kept in KEPT:
        kept.clear()
    KEPT.append(f)
    return EVENT
S = source(parse)
"""
    install(site, {"sources": {"acme": "S"}}, code)
    values = [VALUE | {"text": f"text{number}"} for number in range(5)]
    out = make_pipeline().batch([RawRecord(value, orjson.dumps(value)) for value in values])
    assert [event["content"]["prompt"] for (event,) in out] == [value["text"] for value in values]
    assert [event["request_id"] for (event,) in out] == [value["text"] for value in values]
    assert [event["unmapped"]["text"] for (event,) in out] == [value["text"] for value in values]


def test_a_test_that_changes_a_record_changes_a_copy(site: Path) -> None:
    install(site, {"sources": {"acme": "S"}}, "S = source(None.__str__, lambda f: bool(f.clear()))")
    pipeline = make_pipeline()
    (event,) = run(pipeline, GOOD | {"acme": 1})
    assert event["source"] == "openai_gateway"


def test_a_test_that_changes_what_is_inside_of_a_record_changes_a_copy(site: Path) -> None:
    code = "S = source(None.__str__, lambda f: bool(f['request'].update(messages=[])))"
    install(site, {"sources": {"acme": "S"}}, code)
    (event,) = run(make_pipeline(), GOOD | {"acme": 1})
    assert event["source"] == "openai_gateway"
    assert event["content"]["prompt"] == "hello"


# Detectors.

FINDINGS = {
    "None": "None",
    "a number": "7",
    "no list": "iter([])",
    "too few": "[]",
    "too many": "[[]] * (len(t) + 1)",
    "no lists in it": "[None for _ in t]",
    "a text": "list(t)",
    "tuples": "[[(0, 1, 'ACME_ID', 1.0)] for x in t]",
    "behind the end": "[[Finding(0, len(x) + 1, 'ACME_ID', 1.0)] for x in t]",
    "before the beginning": "[[Finding(-1, 1, 'ACME_ID', 1.0)] for x in t]",
    "the wrong way round": "[[Finding(1, 0, 'ACME_ID', 1.0)] for x in t]",
    "empty": "[[Finding(0, 0, 'ACME_ID', 1.0)] for x in t]",
    "places in text": "[[Finding('0', '1', 'ACME_ID', 1.0)] for x in t]",
    "a yes for a place": "[[Finding(False, True, 'ACME_ID', 1.0)] for x in t]",
    "an entity of content": "[[Finding(0, 1, x, 1.0)] for x in t]",
    "an entity it has not named": "[[Finding(0, 1, 'PERSON', 1.0)] for x in t]",
    "a list for an entity": "[[Finding(0, 1, ['ACME_ID'], 1.0)] for x in t]",
    "a score above 1": "[[Finding(0, 1, 'ACME_ID', 1.5)] for x in t]",
    "a score that is none": "[[Finding(0, 1, 'ACME_ID', float('nan'))] for x in t]",
    "a score in text": "[[Finding(0, 1, 'ACME_ID', x)] for x in t]",
}
TEXT: dict[str, Any] = {"request": {"messages": [{"role": "user", "content": MARKER}]}, "response": {}}


TALKS = {
    "logging, configured at import": ("import logging; logging.basicConfig()", "logging.warning(str(t))"),
    "a handler made at import": (
        "import logging; L = logging.getLogger('acme'); L.addHandler(logging.StreamHandler())",
        "L.warning(str(t))",
    ),
    "a stream taken at import": ("from sys import stderr, stdout", "print(t, file=stderr); print(t, file=stdout)"),
    "a thread that fails later": (
        "import threading, time\ndef late(t):\n    time.sleep(0.2)\n    raise ValueError(t)",
        "threading.Thread(target=late, args=(str(t),)).start()",
    ),
    "an object that fails when it is collected": (
        "class Late:\n    def __init__(self, t):\n        self.t, self.me = t, self\n"
        "    def __del__(self):\n        raise ValueError(self.t)",
        "Late(str(t))",
    ),
    "a failure at exit": (
        "import atexit\ndef late(t):\n    raise ValueError(t)",
        "atexit.register(late, str(t))",
    ),
}


@pytest.mark.parametrize("command", ["filter", "filter --workers 2", "mmexternal"])
@pytest.mark.parametrize("case", TALKS)
def test_a_plugin_that_talks_in_its_own_way_is_not_heard(case: str, command: str, site: Path, tmp_path: Path) -> None:
    at_import, with_a_record = TALKS[case]
    code = f"{at_import}\ndef f(t):\n    {with_a_record}\n    return [[] for _ in t]\nD = detector(f)"
    install(site, {"detectors": {"acme_finder": "D"}}, code)
    (tmp_path / "c.yaml").write_text("hash_key: {ephemeral: true}\n")
    done = subprocess.run(
        [sys.executable, "-m", "veilog_filters", *command.split(), "--config", str(tmp_path / "c.yaml")],
        input=orjson.dumps(TEXT) + b"\n",
        env={**os.environ, "PYTHONPATH": os.pathsep.join((os.environ.get("PYTHONPATH", ""), str(site)))},
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert b'"ai_access"' in done.stdout
    assert MARKER.encode() not in done.stdout + done.stderr


def check_detector(
    code: str, site: Path, reason: str, error_type: str, capfd: pytest.CaptureFixture[str], caplog: Any
) -> None:
    install(site, {"detectors": {"acme_finder": "D"}}, f"{code}\nD = detector(f)")
    pipeline = make_pipeline(finds=True)
    (event,) = run(pipeline, TEXT)
    assert (event["kind"], event["error_type"]) == ("quarantine", error_type)
    assert set(pipeline.counts.plugin_failures) == {("detector", "acme_finder", reason)}
    printed = capfd.readouterr()
    seen = orjson.dumps(event).decode() + printed.out + printed.err + caplog.text + metrics(pipeline.counts)
    assert MARKER not in seen


@pytest.mark.parametrize("case", RAISES)
def test_a_detector_that_raises(site: Path, case: str, capfd: pytest.CaptureFixture[str], caplog: Any) -> None:
    check_detector(function(RAISES[case]), site, "raised", "detector_failed", capfd, caplog)


@pytest.mark.parametrize("case", HANGS)
def test_a_detector_that_hangs(site: Path, case: str, capfd: pytest.CaptureFixture[str], caplog: Any) -> None:
    check_detector(function(HANGS[case]), site, "over_budget", "over_budget", capfd, caplog)


@pytest.mark.parametrize("case", FINDINGS)
def test_a_detector_that_returns_nonsense(
    site: Path, case: str, capfd: pytest.CaptureFixture[str], caplog: Any
) -> None:
    check_detector(f"def f(t): return {FINDINGS[case]}", site, "bad_result", "detector_failed", capfd, caplog)


FINDER = """
def f(texts):
    return [[Finding(m.start(), m.end(), "ACME_ID", 0.5) for m in re.finditer("A-[0-9]+", t)] for t in texts]
D = detector(f)
"""


def test_what_a_plugin_finds_is_redacted_counted_and_named(site: Path) -> None:
    install(site, {"detectors": {"acme_finder": "D"}}, FINDER)
    text = "A-123 and 3f0b8a52-6c1d-4f6e-9a55-0a2f1c3d4e5f"
    value = TEXT | {"note": "A-7", "request": {"messages": [{"role": "user", "content": text}], "user": "A-9"}}
    (event,) = run(make_pipeline(finds=True), value)
    assert event["content"]["prompt"] == "<ACME_ID> and <UUID>"
    assert event["findings"]["prompt"] == {"ACME_ID": 1, "UUID": 1}
    assert event["user_id"] == "<ACME_ID>"
    assert event["unmapped"]["note"] == "<ACME_ID>"
    assert "acme_finder/1.0" in event["redaction"]["detectors"]


@pytest.mark.parametrize("detect", [{"threshold": 0.6}, {"entities": ["UUID"]}])
def test_the_configuration_decides_what_counts(site: Path, detect: dict[str, Any]) -> None:
    install(site, {"detectors": {"acme_finder": "D"}}, FINDER)
    config = config_with(detect={"entities": ["ACME_ID", "UUID"]} | detect)
    (event,) = run(Pipeline(config), {"request": {"messages": [{"role": "user", "content": "A-1"}]}, "response": {}})
    assert event["findings"]["prompt"] == {}


def test_a_plugin_may_be_all_that_is_looked_for(site: Path) -> None:
    install(site, {"detectors": {"acme_finder": "D"}}, FINDER)
    config = config_with(detect={"entities": ["ACME_ID"]})
    pipeline = Pipeline(config)
    (event,) = run(pipeline, {"request": {"messages": [{"role": "user", "content": "A-1 a@b.org"}]}, "response": {}})
    assert event["findings"]["prompt"] == {"ACME_ID": 1}
    assert event["redaction"]["detectors"] == ["acme_finder/1.0"]


# Encoders.

ENCODED = {
    "None": "None",
    "nothing": "{}",
    "a text": "str(e)",
    "a list": "[e]",
    "a raw text": "{'kind': KEPT[-1]}",
    "a raw text with more": "{'kind': 'Acme: ' + KEPT[-1]}",
    "a raw text as a key": "{KEPT[-1]: 1}",
    "a raw text far inside": "{'kind': [{'text': [KEPT[-1]]}]}",
    "a word of its own": "{'kind': 'else'}",
    "a key of its own": "{'else': 1}",
    "a letter of its own": "{'kind': 'Acme\u00a0event'}",
    "a text that is no str": "{'kind': type('T', (str,), {})('event')}",
    "a dict that is none": "type('D', (dict,), {})(kind=1)",
    "a list that is none": "{'kind': type('L', (list,), {})()}",
    "a set": "{'kind': {1}}",
    "bytes": "{'kind': b'event'}",
    "a sealed text": "{'kind': SensitiveText('event')}",
    "a number that is none": "{'kind': float('nan')}",
    "a huge number": "{'kind': 2 ** 70}",
    "a key that is no text": "{1: 'event'}",
    "itself": "LOOP",
    "a generator": "{'kind': (x for x in ())}",
}
ENCODER_CODE = """
KEPT = []
LOOP = {}
LOOP["kind"] = LOOP
def parse(f):
    KEPT.append(pop(f, "text"))
    return AuditEvent(kind=Kind.OTHER)
S = source(parse)
def encode(e):
    %s
E = encoder(encode)
"""


def install_encoder(site: Path, body: str) -> None:
    points = {"sources": {"acme": "S"}, "encoders": {"acme_siem": "E"}}
    install(site, points, ENCODER_CODE % body)


def check_encoder(
    body: str, site: Path, reason: str, error_type: str, capfd: pytest.CaptureFixture[str], caplog: Any
) -> None:
    install_encoder(site, body)
    pipeline = make_pipeline("acme_siem")
    (event,) = run(pipeline, VALUE | {"inner": 1})
    # The quarantine event cannot be written either, so it leaves in veilog's own schema.
    assert (event["schema"], event["kind"], event["error_type"]) == ("veilog/1", "quarantine", error_type)
    assert pipeline.counts.plugin_failures["encoder", "acme_siem", reason] == 2
    assert pipeline.counts.emitted == {"quarantine": 1}
    printed = capfd.readouterr()
    seen = orjson.dumps(event).decode() + printed.out + printed.err + caplog.text + metrics(pipeline.counts)
    assert MARKER not in seen


@pytest.mark.parametrize("case", RAISES)
def test_an_encoder_that_raises(site: Path, case: str, capfd: pytest.CaptureFixture[str], caplog: Any) -> None:
    body = "encode(e)" if case == "never ends" else RAISES[case]
    check_encoder(body, site, "raised", "encoding_failed", capfd, caplog)


@pytest.mark.parametrize("case", ["loops", "backtracks", "waits"])
def test_an_encoder_that_hangs(site: Path, case: str, capfd: pytest.CaptureFixture[str], caplog: Any) -> None:
    check_encoder(HANGS[case], site, "over_budget", "over_budget", capfd, caplog)


@pytest.mark.parametrize("case", ENCODED)
def test_an_encoder_can_write_nothing_but_what_may_leave(
    site: Path, case: str, capfd: pytest.CaptureFixture[str], caplog: Any
) -> None:
    check_encoder(f"return {ENCODED[case]}", site, "bad_result", "encoding_failed", capfd, caplog)


def test_an_encoder_writes_what_it_was_given_and_its_constants(site: Path) -> None:
    body = """
    return {
        "kind": f"Acme: event ({e['kind']}/{e['source']})", "text": [e.get("unmapped"), None, True, 1, 0.5, ("event",)],
    }"""
    install_encoder(site, body)
    pipeline = make_pipeline("acme_siem")
    (event,) = run(pipeline, VALUE | {"inner": 1})
    unmapped = {"acme": 1, "inner": 1}
    assert event == {"kind": "Acme: event (other/acme)", "text": [unmapped, None, True, 1, 0.5, ["event"]]}
    assert pipeline.counts.emitted == {"other": 1}


def install_with_further(site: Path, body: str) -> None:
    code = ENCODER_CODE % 'return {"kind": e["event_id"]}'
    alerts = f"import dataclasses\ndef more(e):\n    {body}\nE = dataclasses.replace(E, further=more)\n"
    install(site, {"sources": {"acme": "S"}, "encoders": {"acme_siem": "E"}}, code + alerts)


def test_an_encoder_writes_further_records_after_the_first_one(site: Path) -> None:
    install_with_further(site, 'return [{"text": e["event_id"]}, {"text": "event"}]')
    pipeline = make_pipeline("acme_siem")
    first, second, third = run(pipeline)
    assert second == {"text": first["kind"]}
    assert third == {"text": "event"}
    assert pipeline.counts.emitted == {"other": 1}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (RAISES["prints and raises"], "raised"),
        ('return {"kind": "text"}', "bad_result"),
        ('return [{"kind": "text"}, {"kind": KEPT[-1]}]', "bad_result"),
        ("return [{}]", "bad_result"),
        ('return [{"kind": 1}] * 40', "bad_result"),
        ("return None", "bad_result"),
    ],
)
def test_further_records_leave_if_all_of_them_may(
    site: Path,
    body: str,
    reason: str,
    capfd: pytest.CaptureFixture[str],
    caplog: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("veilog_filters.fence.encoder.MAX_VALUES", 50)
    install_with_further(site, body)
    pipeline = make_pipeline("acme_siem")
    (event,) = run(pipeline, VALUE | {"inner": 1})
    assert event["error_type"] == "encoding_failed"
    assert pipeline.counts.plugin_failures["encoder", "acme_siem", reason] == 2
    printed = capfd.readouterr()
    assert MARKER not in orjson.dumps(event).decode() + printed.out + printed.err + caplog.text


def test_an_event_that_cannot_be_written_in_one_schema_leaves_in_the_others(site: Path) -> None:
    install_encoder(site, RAISES["raises"])
    config = config_with(policy={"content": "redacted", "unmapped": "redact"})
    pipeline = Pipeline(config, ("native", "acme_siem", "ecs"), detector=PerText(lambda _: []))
    raw = orjson.dumps(VALUE)
    (leaving,) = pipeline.leaving([RawRecord(orjson.loads(raw), raw)])
    ((native,), (refused,), (ecs,)) = leaving.written
    assert (native["kind"], ecs["event"]["id"]) == ("other", native["event_id"])
    assert (refused["kind"], refused["error_type"]) == ("quarantine", "encoding_failed")
    assert not leaving.is_whole
    assert pipeline.counts.quarantined == {"encoding_failed": 1}
    assert pipeline.counts.emitted == {"quarantine": 1}


def test_what_an_encoder_keeps_and_changes_later_changes_nothing(site: Path) -> None:
    body = """
    OUT = KEPT[0] if type(KEPT[0]) is dict else {}
    KEPT.insert(0, OUT)
    OUT["kind"] = e["event_id"]
    e.clear()
    return OUT"""
    install_encoder(site, body)
    values = [VALUE | {"inner": number} for number in range(3)]
    out = make_pipeline("acme_siem").batch([RawRecord(value, orjson.dumps(value)) for value in values])
    assert len({event["kind"] for (event,) in out}) == 3


# The time limit.


def spin() -> None:
    while True:
        pass


def test_a_call_is_interrupted_in_any_thread() -> None:
    caught: list[type[BaseException]] = []

    def work() -> None:
        try:
            within(0.02, "acme", spin)
        except BaseException as error:
            caught.append(type(error))
        time.sleep(0.2)  # nothing comes after it

    work()
    thread = threading.Thread(target=work)
    thread.start()
    thread.join(10)
    assert caught == [Interrupted, Interrupted]
    assert not thread.is_alive()


def test_a_call_that_is_done_in_time_is_left_alone() -> None:
    for _ in range(200):
        assert within(0.005, "acme", sorted, [2, 1]) == [1, 2]
    time.sleep(0.05)
    assert interrupt._ALARM._interrupts is None


@pytest.mark.parametrize("in_thread", [False, True], ids=["main thread", "another thread"])
def test_a_call_that_cannot_be_interrupted_ends_the_process_and_is_named(in_thread: bool) -> None:
    code = """
import sys, threading
from veilog_filters.detect.api import PerText
from veilog_filters import interrupt
interrupt._AGAIN_SECS = 0.005
def work_hard():
    for _ in iter(int, 1):
        pass
def swallow():
    # Whatever line an interrupt comes at, one of these goes on.
    try:
        try:
            work_hard()
        finally:
            swallow()
    finally:
        swallow()
work = lambda: interrupt.within(0.02, "the plugin acme", swallow)
if {thread}:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
else:
    work()
""".replace("{thread}", str(in_thread))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr == b"veilog: the plugin acme hangs and cannot be interrupted; nothing more leaves.\n"
