"""Microsoft 365's audit log: interactions and administration, addresses in disguise, what has no field."""

from __future__ import annotations

from typing import Any

import orjson
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


def threats(event: AuditEvent) -> list[str]:
    assert all(threat.reporter == "m365_copilot" for threat in event.upstream_threats or [])
    return [threat.type.value for threat in event.upstream_threats or []]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"Messages": [{"JailbreakDetected": True}, {"JailbreakDetected": True}]}, ["jailbreak"]),
        ({"Messages": [{"JailbreakDetected": False}]}, []),
        ({"AccessedResources": [{"ID": "a"}, {"ID": "b", "XPIADetected": True}]}, ["indirect_injection"]),
        ({"AccessedResources": [{"XPIADetected": "true"}], "Messages": [{"JailbreakDetected": "True"}]}, None),
        ({"AccessedResources": "XPIADetected", "Messages": {"JailbreakDetected": True}}, []),
    ],
)
def test_flags_of_attacks_are_threats_that_microsoft_reports(data: dict[str, Any], expected: list[str] | None) -> None:
    assert threats(parse(CopilotEventData=data)) == (
        ["jailbreak", "indirect_injection"] if expected is None else expected
    )


def test_what_copilot_opened_and_what_it_was_denied() -> None:
    event = SOURCE.parse(load("m365_copilot", "good_defender_row"))
    assert [reveal(source) for source in event.data_sources or []] == ["01ABCD"]
    assert [reveal(label) for label in event.sensitivity_labels or []] == ["9c0d1e2f-3a4b-4c5d-8e6f-7a8b9c0d1e2f"]
    assert event.guardrail is not None
    assert (event.guardrail.action, event.guardrail.policies) == ("blocked", ["sensitive_info"])
    assert SOURCE.parse(load("m365_copilot", "good_interaction")).guardrail is None


@pytest.mark.parametrize("case", ["good_graph_record", "good_defender_row", "good_sentinel_row"])
def test_the_forms_of_a_record_say_the_same(case: str) -> None:
    fields = load("m365_copilot", case)
    assert Registry().recognize(fields) is SOURCE
    event = SOURCE.parse(fields)
    assert (event.kind, event.timestamp) == (Kind.AI_ACCESS, "2026-11-20T07:12:36Z")
    assert (reveal(event.user_id), reveal(event.user_name), event.user_type) == (
        "c3f8a276-1d4b-4e59-8a70-9b2c6d5e4f18",
        "ines.falk@werft-nord.de",
        UserType.USER,
    )
    assert (reveal(event.client_ip), reveal(event.model_name)) == ("203.0.113.29", "gpt-5-chat")
    assert reveal(event.api_operation) == "CopilotInteraction"
    assert event.conversation_id is not None
    assert event.endpoint is not None
    assert event.tenant_id is not None


def test_the_record_in_a_row_is_json_too() -> None:
    fields = load("m365_copilot", "good_defender_row")
    fields["RawEventData"] = orjson.dumps(fields["RawEventData"]).decode()
    assert Registry().recognize(fields) is SOURCE
    event = SOURCE.parse(fields)
    assert reveal(event.request_id) == "7a1c4e90-52d8-4b36-9f0e-3d8b6c2a0032"
    assert event.network is not None
    assert reveal(event.network.country) == "DE"


@pytest.mark.parametrize(
    ("value", "enabled"), [("Enabled", True), ("False", False), ("Offers of the shipyard", None), (7, None)]
)
def test_a_changed_setting_and_whether_it_is_on(value: Any, enabled: bool | None) -> None:
    changed = [{"Name": "WebSearch", "NewValue": value}, {"Name": "Later", "NewValue": "Enabled"}]
    fields = {"Operation": "UpdateTenantSettings", "UserId": "a@b.de", "ModifiedProperties": changed}
    event = SOURCE.parse(fields)
    assert event.change is not None
    assert (reveal(event.change.setting), event.change.enabled) == ("WebSearch", enabled)
    assert fields["ModifiedProperties"] == [
        {} if enabled is not None else {"NewValue": value},
        {"Name": "Later", "NewValue": "Enabled"},
    ]


def test_an_agent_is_invoked() -> None:
    event = SOURCE.parse(load("m365_copilot", "good_agent"))
    assert event.operation is Operation.INVOKE_AGENT
    assert event.agent is not None
    assert reveal(event.agent.id) == "CopilotStudio.Declarative.T_91"


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
        ({"auditData": {}, "service": "Copilot"}, True),
        ({"auditData": {}, "operation": "FileAccessed", "service": "SharePoint"}, False),
        ({"auditData": None, "service": "Copilot"}, False),
        ({"RawEventData": {"Workload": "Exchange"}, "ActionType": "MailItemsAccessed"}, False),
        ({"RawEventData": {"Workload": "Copilot"}, "ActionType": "UpdatePlugin"}, True),
        ({"LLMEventData": {}}, False),
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


def test_a_graph_record_whose_data_is_flat_says_the_same() -> None:
    fields = load("m365_copilot", "good_graph_record")
    fields["auditData"] |= fields["auditData"].pop("copilotEventData")
    fields["auditData"] = orjson.dumps(fields["auditData"]).decode()
    flat, nested = SOURCE.parse(fields), SOURCE.parse(load("m365_copilot", "good_graph_record"))
    assert threats(flat) == threats(nested) == ["jailbreak", "indirect_injection"]
    for name in ("conversation_id", "endpoint", "model_name", "api_operation", "user_id", "client_ip"):
        assert reveal(getattr(flat, name)) == reveal(getattr(nested, name))
