"""The pipeline as a whole: ids, times, tenants, departments, determinism."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from samples import config_with, samples
from veilog_filters.config import Config
from veilog_filters.detect.api import Finding, PerText
from veilog_filters.encode.native import EncodingError, encode
from veilog_filters.framing import write_json
from veilog_filters.pipeline import Pipeline
from veilog_parsers.event import AuditEvent, CleanText, SensitiveText, SensitiveTree
from veilog_parsers.record.raw import RawRecord

RECORD = {"model": "gpt-4o", "request": {"messages": [{"role": "user", "content": "hi"}]}, "response": {"choices": []}}


def no_findings(text: str) -> list[Finding]:
    return []


def pipeline(**sections: Any) -> Pipeline:
    return Pipeline(config_with(**sections), detector=PerText(no_findings))


def run(pipeline: Pipeline, value: Any, raw: bytes = b"", **record: Any) -> dict[str, Any]:
    raw = raw or orjson.dumps(value)
    (event,) = pipeline(RawRecord(orjson.loads(orjson.dumps(value)), raw, **record))
    return event


def test_two_runs_give_the_same_bytes() -> None:
    first, second = pipeline(), pipeline()
    for sample in samples():
        assert list(map(write_json, first(sample.record()))) == list(map(write_json, second(sample.record())))


def test_event_ids_tell_deliveries_from_records() -> None:
    ours = pipeline()
    ids = [
        run(ours, RECORD)["event_id"],
        run(ours, RECORD)["event_id"],
        run(ours, RECORD | {"latency_ms": 1})["event_id"],
        run(pipeline(tenant_id="acme"), RECORD)["event_id"],
    ]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3


def test_equal_records_of_one_batch_have_ids_of_their_own() -> None:
    batch = [RECORD, RECORD]
    events = pipeline()(RawRecord(orjson.loads(orjson.dumps(batch)), orjson.dumps(batch)))
    assert len({event["event_id"] for event in events}) == 2


def test_the_record_s_time_goes_before_the_shipper_s() -> None:
    ours = pipeline()
    assert "timestamp" not in run(ours, RECORD)
    assert run(ours, RECORD, time="2025-01-01T00:00:00Z")["timestamp"] == "2025-01-01T00:00:00Z"
    timed = RECORD | {"time": "2024-05-05T01:02:03Z"}
    assert run(ours, timed, time="2025-01-01T00:00:00Z")["timestamp"] == "2024-05-05T01:02:03Z"


def test_the_configured_tenant_leaves_the_record_s_organization_in_its_field() -> None:
    record = RECORD | {"org_id": "theirs"}
    theirs, ours = run(pipeline(), record), run(pipeline(tenant_id="ours"), record)
    assert (theirs["tenant_id"], theirs["organization_id"]) == ("theirs", "theirs")
    assert (ours["tenant_id"], ours["organization_id"]) == ("ours", "theirs")
    for event in (run(pipeline(), RECORD), run(pipeline(tenant_id="ours"), RECORD)):
        assert "organization_id" not in event
    assert "tenant_id" not in run(pipeline(), RECORD)


def test_the_configured_tenant_alone_separates_hashes() -> None:
    who = {"user": "ann@corp.example", "model": "please-do-tell-me-all-about-it-now-and-then"}
    records = [RECORD | who, RECORD | who | {"org_id": "a"}, RECORD | who | {"org_id": "b"}]
    policy = {"identity": "pseudonymize"}
    of_none = [run(pipeline(policy=policy), record) for record in records]
    of_ours = [run(pipeline(policy=policy, tenant_id="ours"), record) for record in records]
    for field in ("prompt_hash", "user_id", "model_name"):
        assert len({event[field] for event in of_none}) == 1, field
        assert len({event[field] for event in of_ours}) == 1, field
        assert of_none[0][field] != of_ours[0][field], field


def test_departments_decide_labels(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("kind,pattern,department\nuser,*@legal.example,legal\nmodel,gpt*,research\n")
    event = run(pipeline(lookup={"departments_file": str(tmp_path / "d.csv")}), RECORD | {"user": "A@Legal.example"})
    assert (event["user_department"], event["model_department"]) == ("legal", "research")
    assert event["classification_rules"]["prompt"] == ["sensitive_department", "cross_department"]
    assert event["prompt_classification"] == "confidential"


def test_quarantine_tells_where_the_record_came_from_and_nothing_in_it() -> None:
    event = run(pipeline(tag="ai.gateway", tenant_id="acme"), 7, time="2025-01-01T00:00:00Z")
    assert event.pop("event_id")
    assert len(event.pop("raw_hash")) == 64
    assert event == {
        "schema": "veilog/1",
        "timestamp": "2025-01-01T00:00:00Z",
        "source": "other",
        "kind": "quarantine",
        "tenant_id": "acme",
        "hash_key_id": "b0e74a58",
        "tag": "ai.gateway",
        "error_type": "not_an_object",
        "raw_bytes": 1,
    }


def test_an_envelope_without_records_is_counted_as_dropped() -> None:
    ours = pipeline()
    assert ours(RawRecord({"messageType": "CONTROL_MESSAGE", "logEvents": []}, b"{}")) == []
    assert ours.counts.dropped == {"no_events_inside": 1}


def test_a_fixed_source_reads_what_would_not_be_recognized() -> None:
    record = {"modelId": "m", "identity": {"arn": "arn:aws:iam::123456789012:user/ann"}}
    assert run(pipeline(), record)["source"] == "other"
    event = run(pipeline(source="aws_bedrock_invocation"), record)
    assert (event["source"], event["model_name"], event["user_name"]) == ("aws_bedrock_invocation", "m", "ann")


def test_deep_unmapped_fields_matter_only_where_they_are_kept() -> None:
    tree: Any = "x"
    for _ in range(200):
        tree = {"a": tree}
    assert run(pipeline(), RECORD | {"extra": tree})["kind"] == "ai_access"
    event = run(pipeline(policy={"unmapped": "redact"}), RECORD | {"extra": tree})
    assert event["error_type"] == "nesting_too_deep"


@pytest.mark.parametrize(
    "event",
    [
        AuditEvent(user_id=SensitiveText("secret")),
        AuditEvent(user_id="secret"),  # type: ignore[arg-type]
        AuditEvent(unmapped=SensitiveTree({"a": "secret"})),
        AuditEvent(unmapped={"secret": CleanText("b")}),
        AuditEvent(unmapped={CleanText("a"): ["secret"]}),
        AuditEvent(finish_reasons=[SensitiveText("secret")]),
        AuditEvent(schema="secret"),
    ],
)
def test_the_encoder_refuses_what_no_stage_has_cleaned(event: AuditEvent) -> None:
    with pytest.raises(EncodingError) as raised:
        encode(event)
    assert "secret" not in str(raised.value)


def test_encoded_events_hold_plain_json_only() -> None:
    ours = Pipeline(Config(), detector=PerText(no_findings))
    for sample in samples():
        for event in ours(sample.record()):
            assert orjson.loads(write_json(event)) == event
