"""OCSF's Detection Finding: where a threat is high, one finding beside the API Activity, the same whenever it is made."""

from __future__ import annotations

from collections import Counter
from typing import Any

import orjson
import pytest

from samples import config_with
from schema_definitions import CHECKS
from veilog_filters.detect.api import PerText
from veilog_filters.encode.ocsf import ENCODER, detection_findings
from veilog_filters.pipeline import Pipeline
from veilog_filters.threat_rules import ThreatRules
from veilog_filters.threats import UPSTREAM, Threats
from veilog_parsers.event import (
    AuditEvent,
    Confidence,
    Guardrail,
    ThreatReporter,
    UpstreamThreat,
    UpstreamThreatType,
)
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


def threat(rule: str, technique: str | None, severity: str = "high") -> dict[str, Any]:
    tags = [{"framework": "mitre-atlas", "version": "2026.09", "id": technique}] if technique else []
    return {
        "rule_id": rule,
        "severity": severity,
        "maturity": "stable",
        "family": "upstream",
        "reporter": "azure_ai",
        "frameworks": [*tags, {"framework": "owasp-llm", "version": "2026", "id": "LLM01"}],
    }


JAILBREAK = threat("upstream-jailbreak", "AML.T0054")
INDIRECT = threat("upstream-indirect-injection", "AML.T0051.001")
CALL = {
    "request": {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello"}]},
    "response": {
        "prompt_filter_results": [
            {"prompt_index": 0, "content_filter_results": {"jailbreak": {"filtered": True, "detected": True}}}
        ],
        "choices": [],
    },
}


def with_threats(*threats: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return EVENT | {"threats": list(threats)} | fields


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
    assert info["types"] == ["upstream-jailbreak", "upstream-indirect-injection"]
    assert info["analytic"]["name"] == "azure_ai"
    assert info["attacks"] == activity["attacks"]
    assert [attack["technique"]["uid"] for attack in info["attacks"]] == ["AML.T0054", "AML.T0051"]
    assert info["attacks"][1]["sub_technique"]["uid"] == "AML.T0051.001"
    evidence = finding["evidences"][0]
    assert (evidence["actor"]["user"]["uid"], evidence["src_endpoint"]["ip"]) == ("u1", "192.0.2.7")
    assert (finding["time"], finding["disposition_id"]) == (activity["time"], 2)


@pytest.mark.parametrize(("severity", "number"), [("high", 1), ("medium", 0), ("low", 0)])
def test_it_is_there_where_a_threat_is_high(severity: str, number: int) -> None:
    event = with_threats(threat("some-rule", "AML.T0054", severity))
    assert len(detection_findings(event)) == number
    assert ENCODER.encode(event)["attacks"][0]["technique"]["uid"] == "AML.T0054"


def test_it_names_the_threats_that_are_high_alone() -> None:
    event = with_threats(JAILBREAK, threat("refusal-in-words", None, "low"))
    assert finding_of(event)["finding_info"]["types"] == ["upstream-jailbreak"]


@pytest.mark.parametrize(("confidence", "severity"), [(None, "high"), ("high", "high"), ("low", "low")], ids=str)
def test_a_threat_is_as_grave_as_the_source_says(confidence: str | None, severity: str) -> None:
    event = AuditEvent(
        upstream_threats=[UpstreamThreat(reporter=ThreatReporter.AZURE_AI, type=UpstreamThreatType.JAILBREAK)],
        guardrail=Guardrail(confidence=Confidence(confidence)) if confidence else None,
    )
    rules = ThreatRules([])
    (found,), _ = Threats(rules, rules.everything, {}, lambda: None).tagged(event, {}, Counter())
    assert found.severity == severity


def test_no_threat_gives_no_finding() -> None:
    assert detection_findings(EVENT) == []
    assert "attacks" not in ENCODER.encode(EVENT)


@pytest.mark.parametrize("kind", list(UpstreamThreatType))
def test_every_type_of_threat_that_a_source_reports_gives_a_finding(kind: UpstreamThreatType) -> None:
    technique, _ = UPSTREAM[kind]
    finding = finding_of(with_threats(threat(f"upstream-{kind.value}", technique or None)))
    assert ("attacks" in finding["finding_info"]) == (kind is not UpstreamThreatType.MALICIOUS_URL)


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
