"""Microsoft 365's audit log: interactions and administration, addresses in disguise, what has no field."""

from __future__ import annotations

from typing import Any

import pytest

from parsed import load, reveal
from veilog_parsers.event import AuditEvent, Kind, Operation, Outcome, UserType
from veilog_parsers.record.raw import RawRecord
from veilog_parsers.registry import Registry
from veilog_parsers.sources.assistants.m365_copilot import SOURCE


def parse(**fields: Any) -> AuditEvent:
    return SOURCE.parse({"Operation": "CopilotInteraction", "UserId": "a@b.de"} | fields)


def test_who_and_what() -> None:
    event = SOURCE.parse(load("m365_copilot", "good_interaction"))
    assert (event.kind, event.operation, event.timestamp) == (Kind.AI_ACCESS, Operation.CHAT, "2026-03-04T07:12:36Z")
    assert reveal(event.user_id) == "c3f8a276-1d4b-4e59-8a70-9b2c6d5e4f18"
    assert (reveal(event.user_name), event.user_type) == ("ines.falk@werft-nord.de", UserType.USER)
    assert (reveal(event.endpoint), reveal(event.model_name)) == ("Word", "gpt-5-chat")
    assert [reveal(call.name) for call in event.tool_calls or []] == ["BingWebSearch"]
    assert (event.prompt_messages, event.response_messages) == ([], [])


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        ("CopilotInteraction", Kind.AI_ACCESS),
        ("AIAppInteraction", Kind.AI_ACCESS),
        ("ConnectedAIAppInteraction", Kind.AI_ACCESS),
        ("UpdateTenantSettings", Kind.AI_CONTROL_PLANE),
        ("DeletePlugin", Kind.AI_CONTROL_PLANE),
    ],
)
def test_kind(operation: str, kind: Kind) -> None:
    assert parse(Operation=operation).kind is kind


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("203.0.113.29", "203.0.113.29"),
        ("203.0.113.29:443", "203.0.113.29"),
        ("::ffff:203.0.113.29", "203.0.113.29"),
        ("ffff:203.0.113.29", "203.0.113.29"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("", None),
        ("<null>", None),
        (7, None),
    ],
)
def test_addresses(address: Any, expected: str | None) -> None:
    assert reveal(parse(ClientIP=address).client_ip) == expected


def test_without_a_key_the_name_is_the_id() -> None:
    assert reveal(parse().user_id) == "a@b.de"


@pytest.mark.parametrize(
    ("number", "user_type"),
    [(0, UserType.USER), (2, UserType.USER), (5, UserType.SERVICE), (99, None), ("0", UserType.USER)],
)
def test_user_types(number: Any, user_type: UserType | None) -> None:
    assert parse(UserType=number).user_type is user_type


@pytest.mark.parametrize(
    ("result", "outcome"),
    [(None, Outcome.SUCCESS), ("Succeeded", Outcome.SUCCESS), ("Failed", Outcome.FAILURE), ("Odd", None)],
)
def test_outcomes(result: str | None, outcome: Outcome | None) -> None:
    assert parse(ResultStatus=result).outcome_status is outcome


def test_an_attempted_jailbreak_is_left_to_be_seen() -> None:
    fields = load("m365_copilot", "good_jailbreak_attempt")
    SOURCE.parse(fields)
    assert fields["CopilotEventData"]["Messages"] == [{"JailbreakDetected": True}]


def test_an_agent_is_invoked() -> None:
    assert SOURCE.parse(load("m365_copilot", "good_agent")).operation is Operation.INVOKE_AGENT


def test_exports_hold_the_record_in_a_string() -> None:
    (event,) = Registry().parse(RawRecord(load("m365_copilot", "good_audit_data"), b""))
    assert event.source == "m365_copilot"


@pytest.mark.parametrize(
    ("fields", "recognized"),
    [
        ({"Workload": "Copilot", "Operation": "X", "UserId": "u"}, True),
        ({"CopilotEventData": {}, "Operation": "X", "UserId": "u"}, True),
        ({"Workload": "Exchange", "Operation": "MailItemsAccessed", "UserId": "u"}, False),
        ({"CopilotEventData": {}}, False),
    ],
)
def test_recognition(fields: dict[str, Any], recognized: bool) -> None:
    assert any(test(fields) for key, test in SOURCE.markers.items() if key in fields) is recognized


def test_numbers_as_strings_and_flattened_data() -> None:
    event = SOURCE.parse(load("m365_copilot", "good_flattened"))
    assert (event.kind, event.user_type) == (Kind.AI_ACCESS, UserType.USER)
    assert (reveal(event.conversation_id), reveal(event.model_name)) == (
        "19:k2Vq8YtLw0RzXnB5HsDj@thread.v2",
        "gpt-5-chat",
    )


def test_notifications_of_interactions_name_their_thread_in_any_workload() -> None:
    fields = load("m365_copilot", "good_notification")
    assert Registry().recognize(fields) is SOURCE
    event = SOURCE.parse(fields)
    assert event.kind is Kind.AI_CONTROL_PLANE
    assert reveal(event.conversation_id) == "19:k2Vq8YtLw0RzXnB5HsDj@thread.v2"
    assert Registry().recognize(load("m365_copilot", "good_notification") | {"Operation": "FileAccessed"}) is None
