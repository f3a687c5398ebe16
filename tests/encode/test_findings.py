"""OCSF's Detection Finding: where a threat is high, one finding beside the API Activity, the same whenever it is made."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from samples import config_with
from schema_definitions import CHECKS
from veilog_filters.detect.api import PerText
from veilog_filters.encode.ocsf import ATTACKS, ENCODER, detection_findings
from veilog_filters.pipeline import Pipeline
from veilog_parsers.event import UpstreamThreatType
from veilog_parsers.record.raw import RawRecord

EVENT = {
    "schema": "veilog/1",
    "event_id": "e1",
    "source": "azure_monitor",
    "kind": "ai_access",
    "user_id": "u1",
    "client_ip": "192.0.2.7",
    "timestamp": "2026-03-04T05:06:07Z",
    "cloud": {"provider": "azure", "account_id": "s1"},
    "outcome_status": "content_filtered",
    "prompt_classification": "internal",
}
JAILBREAK = {"reporter": "azure_ai", "type": "jailbreak"}
INDIRECT = {"reporter": "azure_ai", "type": "indirect_injection"}
CALL = {
    "request": {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello"}]},
    "response": {
        "prompt_filter_results": [
            {"prompt_index": 0, "content_filter_results": {"jailbreak": {"filtered": True, "detected": True}}}
        ],
        "choices": [],
    },
}


def with_threats(*threats: dict[str, str], **fields: Any) -> dict[str, Any]:
    return EVENT | {"upstream_threats": list(threats)} | fields


def finding_of(event: dict[str, Any]) -> dict[str, Any]:
    (finding,) = detection_findings(event)
    CHECKS["ocsf"](finding)
    return finding


def test_it_refers_to_the_activity_and_says_who_what_and_how() -> None:
    event = with_threats(JAILBREAK, INDIRECT)
    activity, finding = ENCODER.encode(event), finding_of(event)
    info = finding["finding_info"]
    assert (finding["class_uid"], finding["type_uid"], finding["severity_id"]) == (2004, 200401, 4)
    assert info["related_events"][0]["uid"] == activity["metadata"]["uid"]
    assert info["related_events"][0]["type_uid"] == activity["type_uid"]
    assert info["uid"] == finding["metadata"]["uid"] != activity["metadata"]["uid"]
    assert info["types"] == ["jailbreak", "indirect_injection"]
    assert info["analytic"]["name"] == "azure_ai"
    assert info["attacks"] == activity["attacks"]
    assert [attack["technique"]["uid"] for attack in info["attacks"]] == ["AML.T0054", "AML.T0051"]
    assert info["attacks"][1]["sub_technique"]["uid"] == "AML.T0051.001"
    evidence = finding["evidences"][0]
    assert (evidence["actor"]["user"]["uid"], evidence["src_endpoint"]["ip"]) == ("u1", "192.0.2.7")
    assert (finding["time"], finding["disposition_id"]) == (activity["time"], 2)


@pytest.mark.parametrize(("confidence", "number"), [(None, 1), ("high", 1), ("medium", 0), ("low", 0)], ids=str)
def test_it_is_there_unless_the_source_says_less_than_high(confidence: str | None, number: int) -> None:
    guardrail = {"action": "blocked", **({"confidence": confidence} if confidence else {})}
    event = with_threats(JAILBREAK, guardrail=guardrail)
    assert len(detection_findings(event)) == number
    assert ENCODER.encode(event)["attacks"][0]["technique"]["uid"] == "AML.T0054"


def test_no_threat_gives_no_finding() -> None:
    assert detection_findings(EVENT) == []
    assert "attacks" not in ENCODER.encode(EVENT)


@pytest.mark.parametrize("kind", list(UpstreamThreatType))
def test_every_type_of_threat_gives_a_finding(kind: UpstreamThreatType) -> None:
    finding = finding_of(with_threats({"reporter": "lakera", "type": kind.value}))
    assert ("attacks" in finding["finding_info"]) == (kind.value in ATTACKS)
    assert (kind.value in ATTACKS) != (kind is UpstreamThreatType.MALICIOUS_URL)


def test_a_record_gives_the_same_finding_again_in_every_schema_that_has_it() -> None:
    raw = orjson.dumps(CALL | {"time": "2026-03-04T05:06:07Z"})

    def leaving(*schemas: str) -> list[list[dict[str, Any]]]:
        pipeline = Pipeline(config_with(), schemas, detector=PerText(lambda _: []))
        (result,) = pipeline.leaving([RawRecord(orjson.loads(raw), raw)])
        assert pipeline.counts.emitted == {"ai_access": 1}
        return result.written

    native, (activity, finding) = leaving("native", "ocsf")
    assert [event["event_id"] for event in native] == [activity["metadata"]["uid"]]
    assert finding["finding_info"]["related_events"][0]["uid"] == activity["metadata"]["uid"]
    assert leaving("ocsf") == [[activity, finding]]
