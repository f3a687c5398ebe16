"""Cursor, Salesforce's generative AI audit and Slack AI: who used or changed what."""

from __future__ import annotations

from typing import Any

import pytest

from parsed import load, reveal
from veilog_parsers.event import AuditEvent, Kind, Operation, Outcome
from veilog_parsers.registry import SOURCES, Registry

PARSERS = {source.name: source.parse for source in SOURCES}


def parse(source: str, case: str) -> AuditEvent:
    fields = load(source, case)
    recognized = Registry().recognize(fields)
    assert recognized is not None
    assert recognized.name == source
    return PARSERS[source](fields)


@pytest.mark.parametrize(
    ("source", "case", "setting", "enabled", "target", "roles"),
    [
        ("slack_ai", "good_setting", "slack_ai_allow_recap", True, None, None),
        ("slack_ai", "error_setting_off", "slack_ai_allow_huddle_notes", False, None, None),
        ("slack_ai", "good_workspaces", "slack_ai_allowed_workspaces", None, None, None),
        ("cursor", "good_setting", "mcp_allowlist_enabled", False, None, None),
        ("cursor", "good_role", None, None, "erik.lindqvist@example.org", ["owner"]),
        ("cursor", "good_mcp_server", None, None, "harbor-tools", None),
    ],
)
def test_what_was_changed(
    source: str, case: str, setting: str | None, enabled: bool | None, target: str | None, roles: list[str] | None
) -> None:
    event = parse(source, case)
    assert (event.kind, event.outcome_status) == (Kind.AI_CONTROL_PLANE, Outcome.SUCCESS)
    change = event.change
    assert change is not None
    assert (reveal(change.setting), change.enabled, reveal(change.target)) == (setting, enabled, target)
    assert ([reveal(role) for role in change.roles] if change.roles else None) == roles


def test_what_an_agent_did_for_a_user_in_slack() -> None:
    event = parse("slack_ai", "good_acting_agent")
    assert (event.kind, event.operation) == (Kind.AI_ACCESS, Operation.INVOKE_AGENT)
    assert event.agent is not None
    assert (reveal(event.agent.name), reveal(event.user_id)) == ("Slackbot", "W123AB456")


def test_tokens_and_costs_of_a_request_of_cursor() -> None:
    event = parse("cursor", "good_usage")
    assert (event.input_tokens, event.output_tokens, event.cached_input_tokens, event.cache_write_tokens) == (
        # What came from the cache and went into it is part of the input.
        *(126 + 11_964 + 6_112, 450),
        *(11964, 6112),
    )
    assert (event.cost_usd, event.timestamp) == (0.2136, "2026-11-16T06:52:36.512Z")
    assert parse("cursor", "error_usage").outcome_status is Outcome.FAILURE


@pytest.mark.parametrize(
    ("case", "own", "about"),
    [
        ("good_request", "5c0d8f1a-7e2b-4c63-9a41-0b2d3e4f5a6b", None),
        ("good_response", "7e2f", "5c0d8f1a-7e2b-4c63-9a41-0b2d3e4f5a6b"),
        ("good_generation", "9a41", "7e2f"),
        ("good_toxic", "q1", "9a41"),
        ("good_category", "c1", "q1"),
        ("good_feedback", "f1", "9a41"),
        ("good_feedback_detail", "d1", "f1"),
    ],
)
def test_ids_join_the_rows_of_salesforce_s_audit(case: str, own: str, about: str | None) -> None:
    event = parse("salesforce_genai", case)
    assert (reveal(event.request_id), reveal(event.trace_id)) == (own, about)


def test_texts_of_salesforce_s_audit() -> None:
    request, generation = (parse("salesforce_genai", case) for case in ("good_request", "good_generation"))
    assert "erik.lindqvist@example.org" in request.prompt_messages[0].parts[0].reveal()
    assert (len(request.prompt_messages), request.input_tokens, request.token_count) == (1, 310, 354)
    assert generation.response_messages[0].parts[0].reveal() == "Dear Mr. Lindqvist, here is our offer."
    masked = parse("salesforce_genai", "error_system_call")
    assert masked.user_id is None
    assert masked.prompt_messages[0].parts[0].reveal() == "Classify: PERSON_0 asks for a tug"


def test_toxic_content_is_flagged() -> None:
    guardrail = parse("salesforce_genai", "good_toxic").guardrail
    assert guardrail is not None
    assert (guardrail.action, guardrail.policies) == ("flagged", ["content"])


@pytest.mark.parametrize(
    "record",
    [
        {"date_create": 1, "action": "user_login", "actor": {"type": "user"}, "details": {}},
        {"date_create": 1, "action": "pref.slack_ai_allow_recap_changed"},
        {"event_type": "login", "timestamp": "2026-11-20T07:12:36Z"},
        {"event_type": "order", "timestamp": "2026-11-20T07:12:36Z", "user_email": "a@b.de", "event_data": {}},
        {"event_type": "login", "timestamp": "2026-11-20", "user_email": "a@b.de", "event_data": {}},
        {"event_type": "team_hook", "timestamp": "2026-11-20", "user_email": "a@b.de"},
        {"userEmail": "a@b.de", "timestamp": 1, "model": "Volvo V70"},
        {"category__c": "Lead", "timestamp__c": "x", "parent__c": "y"},
        {"category__c": "Lead", "timestamp__c": "x"},
        {"generationId__c": "x"},
        {"gatewayRequestId__c": "x"},
    ],
)
def test_what_is_no_record_of_theirs(record: dict[str, Any]) -> None:
    assert Registry().recognize(record) is None
