"""Verdicts of guardrails and content filters: each provider's words become members of closed lists."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from parsed import reveal
from veilog_parsers.bodies import bedrock, gemini, read
from veilog_parsers.bodies.exchange import Exchange
from veilog_parsers.bodies.verdicts import (
    Verdict,
    read_azure_filters,
    read_bedrock_assessments,
    read_bedrock_trace,
    read_gemini_ratings,
    read_model_armor,
)
from veilog_parsers.event import (
    AuditEvent,
    Confidence,
    ContentCategory,
    GuardrailAction,
    GuardrailPolicy,
    SensitiveText,
    ThreatReporter,
    UpstreamThreatType,
)
from veilog_parsers.record.fields import remainder

Found = tuple[GuardrailAction | None, list[GuardrailPolicy], list[ContentCategory], Confidence | None]
NOTHING: Found = (GuardrailAction.NONE, [], [], None)


def found(verdict: Verdict) -> Found:
    return verdict.action, verdict.policies, verdict.categories, verdict.confidence


def bedrock_verdict(assessment: dict[str, Any]) -> Verdict:
    verdict = Verdict(ThreatReporter.AWS_BEDROCK)
    read_bedrock_trace({"inputAssessment": {"gr1": assessment}}, verdict)
    return verdict


def of(policy: str, findings: str, **finding: Any) -> dict[str, Any]:
    return {policy: {findings: [finding]}}


@pytest.mark.parametrize(
    ("assessment", "expected"),
    [
        (
            of("topicPolicy", "topics", name="Loans", type="DENY", action="BLOCKED"),
            (GuardrailAction.BLOCKED, [GuardrailPolicy.TOPIC], [], None),
        ),
        (
            of("contentPolicy", "filters", type="HATE", confidence="MEDIUM", action="BLOCKED"),
            (GuardrailAction.BLOCKED, [GuardrailPolicy.CONTENT], [ContentCategory.HATE], Confidence.MEDIUM),
        ),
        (
            of("contentPolicy", "filters", type="PROMPT_ATTACK", confidence="HIGH", action="BLOCKED"),
            (GuardrailAction.BLOCKED, [GuardrailPolicy.JAILBREAK], [], Confidence.HIGH),
        ),
        (
            of("contentPolicy", "filters", type="INSULTS", confidence="LOW", action="NONE", detected=True),
            (GuardrailAction.FLAGGED, [GuardrailPolicy.CONTENT], [ContentCategory.INSULTS], Confidence.LOW),
        ),
        (of("contentPolicy", "filters", type="HATE", confidence="NONE", action="NONE", detected=False), NOTHING),
        (
            of("contextualGroundingPolicy", "filters", type="GROUNDING", score=0.9, threshold=0.5, action="NONE"),
            NOTHING,
        ),
        (
            of("wordPolicy", "managedWordLists", match="x", type="PROFANITY", action="BLOCKED"),
            (GuardrailAction.BLOCKED, [GuardrailPolicy.WORD], [], None),
        ),
        (
            of("sensitiveInformationPolicy", "piiEntities", type="NAME", action="ANONYMIZED"),
            (GuardrailAction.MASKED, [GuardrailPolicy.SENSITIVE_INFO], [], None),
        ),
        ({"topicPolicy": {"topics": "none"}, "contentPolicy": None, "wordPolicy": {"customWords": [7]}}, NOTHING),
    ],
)
def test_bedrock(assessment: dict[str, Any], expected: Found) -> None:
    verdict = bedrock_verdict(assessment)
    assert found(verdict) == expected
    assert isinstance(verdict.id, SensitiveText)


def test_a_prompt_attack_is_a_threat_that_the_source_reports() -> None:
    assert bedrock_verdict(of("contentPolicy", "filters", type="PROMPT_ATTACK", action="BLOCKED")).threats == [
        UpstreamThreatType.PROMPT_INJECTION
    ]


def test_names_of_topics_and_types_of_entities_stay_in_the_record() -> None:
    assessment = of("topicPolicy", "topics", name="Loans", type="DENY", action="BLOCKED")
    assessment |= of("sensitiveInformationPolicy", "piiEntities", type="EMAIL", action="BLOCKED")
    read_bedrock_assessments(assessment, Verdict(ThreatReporter.AWS_BEDROCK))
    assert remainder(assessment) == {
        "topicPolicy": {"topics": [{"name": "Loans", "type": "DENY"}]},
        "sensitiveInformationPolicy": {"piiEntities": [{"type": "EMAIL"}]},
    }


@pytest.mark.parametrize(
    ("body", "action"),
    [
        ({"amazon-bedrock-guardrailAction": "INTERVENED", "completion": "No."}, GuardrailAction.BLOCKED),
        ({"amazon-bedrock-guardrailAction": "NONE", "completion": "Yes."}, GuardrailAction.NONE),
        ({"output": {"message": {}}, "stopReason": "guardrail_intervened"}, GuardrailAction.BLOCKED),
        ({"output": {"message": {}}, "stopReason": "end_turn"}, None),
    ],
)
def test_bedrock_tells_that_a_guardrail_intervened_even_without_a_trace(
    body: dict[str, Any], action: GuardrailAction | None
) -> None:
    exchange = Exchange()
    bedrock.read_response(body, exchange)
    assert (exchange.verdict.action if exchange.verdict else None) is action


def test_a_masked_text_is_no_blocked_one() -> None:
    exchange, event = Exchange(), AuditEvent()
    pii = of("sensitiveInformationPolicy", "piiEntities", type="NAME", match="Tom", action="ANONYMIZED")
    body = {
        "output": {"message": {"content": [{"text": "Hello {NAME}"}]}},
        "stopReason": "guardrail_intervened",
        "trace": {"guardrail": {"outputAssessments": {"gr1": [pii]}}},
    }
    bedrock.read_request({"guardrailConfig": {"guardrailIdentifier": "gr1", "guardrailVersion": "2"}}, exchange)
    bedrock.read_response(body, exchange)
    exchange.apply(event)
    assert event.guardrail is not None
    assert event.guardrail.action is GuardrailAction.MASKED
    assert isinstance(event.guardrail.version, SensitiveText)
    assert event.guardrail.version.reveal() == "2"


AZURE_SAFE = {name: {"filtered": False, "severity": "safe"} for name in ("hate", "self_harm", "sexual", "violence")}


@pytest.mark.parametrize(
    ("results", "expected", "threats"),
    [
        (AZURE_SAFE, NOTHING, []),
        (
            AZURE_SAFE | {"jailbreak": {"filtered": False, "detected": True}},
            (GuardrailAction.FLAGGED, [GuardrailPolicy.JAILBREAK], [], None),
            [UpstreamThreatType.JAILBREAK],
        ),
        (
            {"indirect_attack": {"filtered": True, "detected": True}},
            (GuardrailAction.BLOCKED, [GuardrailPolicy.INDIRECT_ATTACK], [], None),
            [UpstreamThreatType.INDIRECT_INJECTION],
        ),
        (
            {"violence": {"filtered": True, "severity": "high"}, "hate": {"filtered": False, "severity": "low"}},
            (
                GuardrailAction.BLOCKED,
                [GuardrailPolicy.CONTENT],
                [ContentCategory.VIOLENCE, ContentCategory.HATE],
                Confidence.HIGH,
            ),
            [],
        ),
        (
            {"custom_blocklists": [{"id": "project-names", "filtered": True}]},
            (GuardrailAction.BLOCKED, [GuardrailPolicy.WORD], [], None),
            [],
        ),
        (
            {"custom_blocklists": {"filtered": True, "details": [{"id": "project-names", "filtered": True}]}},
            (GuardrailAction.BLOCKED, [GuardrailPolicy.WORD], [], None),
            [],
        ),
        (
            {"protected_material_code": {"filtered": False, "detected": True, "citation": {"license": "MIT"}}},
            (GuardrailAction.FLAGGED, [GuardrailPolicy.PROTECTED_MATERIAL], [], None),
            [],
        ),
        ({"hate": "unknown", "jailbreak": {"detected": "yes"}, "novel": {"filtered": True}}, NOTHING, []),
    ],
)
def test_azure(results: dict[str, Any], expected: Found, threats: list[UpstreamThreatType]) -> None:
    verdict = Verdict(ThreatReporter.AZURE_AI)
    read_azure_filters(copy.deepcopy(results), verdict)
    assert (found(verdict), verdict.threats) == (expected, threats)


def test_azure_names_the_blocklist() -> None:
    verdict = Verdict(ThreatReporter.AZURE_AI)
    read_azure_filters(
        {"custom_blocklists": [{"id": "quiet", "filtered": False}, {"id": "b2", "filtered": True}]}, verdict
    )
    assert reveal(verdict.id) == "b2"


JAILBREAK = {"jailbreak": {"filtered": True, "detected": True}}


@pytest.mark.parametrize(
    "response",
    [
        {"choices": [], "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": JAILBREAK}]},
        {"choices": [{"content_filter_results": JAILBREAK, "message": {"content": "a"}}]},
        {"error": {"code": "content_filter", "innererror": {"content_filter_result": JAILBREAK}}},
        {"output": [], "content_filters": [{"blocked": True, "content_filter_results": JAILBREAK}]},
    ],
)
def test_azure_has_results_in_several_places_of_a_response(response: dict[str, Any]) -> None:
    event = AuditEvent()
    read.read_exchange(None, copy.deepcopy(response)).apply(event)
    assert event.guardrail is not None
    assert event.guardrail.policies == [GuardrailPolicy.JAILBREAK]
    assert event.upstream_threats is not None
    assert [(threat.reporter, threat.type) for threat in event.upstream_threats] == [
        (ThreatReporter.AZURE_AI, UpstreamThreatType.JAILBREAK)
    ]


@pytest.mark.parametrize(
    ("rating", "expected"),
    [
        ({"category": "HARM_CATEGORY_HATE_SPEECH", "probability": "NEGLIGIBLE"}, NOTHING),
        ({"category": "HARM_CATEGORY_HARASSMENT", "probability": "LOW"}, NOTHING),
        (
            {"category": "HARM_CATEGORY_DANGEROUS_CONTENT", "probability": "HIGH", "blocked": True},
            (GuardrailAction.BLOCKED, [GuardrailPolicy.CONTENT], [ContentCategory.DANGEROUS], Confidence.HIGH),
        ),
        (
            {"category": "HARM_CATEGORY_SEXUALLY_EXPLICIT", "probability": "MEDIUM", "severityScore": 0.4},
            (GuardrailAction.FLAGGED, [GuardrailPolicy.CONTENT], [ContentCategory.SEXUAL], Confidence.MEDIUM),
        ),
    ],
)
def test_gemini(rating: dict[str, Any], expected: Found) -> None:
    verdict = Verdict(ThreatReporter.GOOGLE_MODEL_ARMOR)
    read_gemini_ratings([rating], verdict)
    assert found(verdict) == expected


@pytest.mark.parametrize(
    "response",
    [
        {"promptFeedback": {"blockReason": "SAFETY"}},
        {"prompt_feedback": {"block_reason": "MODEL_ARMOR"}},
        {"candidates": [{"finishReason": "SAFETY"}]},
    ],
)
def test_what_gemini_did_not_answer_was_blocked(response: dict[str, Any]) -> None:
    exchange = Exchange()
    gemini.read_response(response, exchange)
    assert exchange.verdict is not None
    assert exchange.verdict.action is GuardrailAction.BLOCKED


def armor(name: str, key: str, inside: dict[str, Any], **result: Any) -> dict[str, Any]:
    return {"filterMatchState": "MATCH_FOUND", "filterResults": {name: {key: inside}}} | result


BLOCK = "MODEL_ARMOR_SANITIZATION_VERDICT_BLOCK"
MATCH = {"executionState": "EXECUTION_SUCCESS", "matchState": "MATCH_FOUND"}
NO_MATCH = {"executionState": "EXECUTION_SUCCESS", "matchState": "NO_MATCH_FOUND"}


@pytest.mark.parametrize(
    ("result", "expected", "threats"),
    [
        (
            armor(
                "pi_and_jailbreak",
                "piAndJailbreakFilterResult",
                MATCH | {"confidenceLevel": "MEDIUM_AND_ABOVE"},
                sanitizationVerdict=BLOCK,
            ),
            (GuardrailAction.BLOCKED, [GuardrailPolicy.JAILBREAK], [], Confidence.MEDIUM),
            [UpstreamThreatType.PROMPT_INJECTION],
        ),
        (
            armor(
                "rai",
                "raiFilterResult",
                MATCH
                | {"raiFilterTypeResults": {"dangerous": MATCH | {"confidenceLevel": "HIGH"}, "harassment": NO_MATCH}},
            ),
            (GuardrailAction.FLAGGED, [GuardrailPolicy.CONTENT], [ContentCategory.DANGEROUS], Confidence.HIGH),
            [],
        ),
        (
            armor("malicious_uris", "maliciousUriFilterResult", dict(MATCH)),
            (GuardrailAction.FLAGGED, [GuardrailPolicy.CONTENT], [], None),
            [UpstreamThreatType.MALICIOUS_URL],
        ),
        (
            armor("sdp", "sdpFilterResult", {"inspectResult": dict(MATCH)}),
            (GuardrailAction.FLAGGED, [GuardrailPolicy.SENSITIVE_INFO], [], None),
            [UpstreamThreatType.DATA_LEAK],
        ),
        (armor("csam", "csamFilterFilterResult", NO_MATCH, filterMatchState="NO_MATCH_FOUND"), NOTHING, []),
        ({"filterResults": [7], "filterMatchState": "NO_MATCH_FOUND"}, NOTHING, []),
    ],
)
def test_model_armor(result: dict[str, Any], expected: Found, threats: list[UpstreamThreatType]) -> None:
    verdict, result = Verdict(ThreatReporter.GOOGLE_MODEL_ARMOR), copy.deepcopy(result)
    read_model_armor(result, verdict)
    assert (found(verdict), verdict.threats) == (expected, threats)


def test_the_strongest_action_and_the_highest_confidence_count() -> None:
    verdict = Verdict(ThreatReporter.AZURE_AI)
    for action, confidence in (
        (GuardrailAction.FLAGGED, Confidence.HIGH),
        (GuardrailAction.BLOCKED, Confidence.LOW),
        (GuardrailAction.NONE, None),
    ):
        verdict.find(GuardrailPolicy.CONTENT, action, confidence=confidence)
    assert found(verdict) == (GuardrailAction.BLOCKED, [GuardrailPolicy.CONTENT], [], Confidence.HIGH)
