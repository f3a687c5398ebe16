"""MCP: what a message carries, whose methods count, and how a failed tool differs from a failed call."""

from __future__ import annotations

import json
from typing import Any

import pytest

from samples import SAMPLES
from veilog_parsers.event import AuditEvent, CleanText, Kind, Operation, Outcome, Role, SensitiveTree, Text, UserType
from veilog_parsers.record.raw import RawRecord
from veilog_parsers.registry import Registry

REGISTRY = Registry()
ARGUMENTS = '{"email":"ines.carvalho@porto-textil.com"}'
RESULT = '{"name": "Ines Carvalho", "phone": "+351 912 345 678"}'


def parse(value: Any) -> AuditEvent:
    (event,) = REGISTRY.parse(RawRecord(value, b""))
    assert isinstance(event, AuditEvent)
    return event


def load(name: str) -> AuditEvent:
    return parse(json.loads((SAMPLES / "mcp" / f"{name}.in.json").read_text()))


def reveal(text: Text | CleanText | None) -> str | None:
    return text if text is None or isinstance(text, str) else text.reveal()


def prompt(event: AuditEvent) -> list[tuple[Role, str]]:
    return [(message.role, part.reveal()) for message in event.prompt_messages for part in message.parts]


def response(event: AuditEvent) -> list[str]:
    return [part.reveal() for message in event.response_messages for part in message.parts]


@pytest.mark.parametrize("name", ["good_call_and_result", "good_call_and_result_as_strings"])
def test_a_call_with_its_result(name: str) -> None:
    event = load(name)
    assert (event.kind, event.operation, event.outcome_status) == (
        Kind.AI_ACCESS,
        Operation.EXECUTE_TOOL,
        Outcome.SUCCESS,
    )
    assert event.timestamp == "2025-04-02T08:15:30.25Z"
    assert (event.user_type, reveal(event.user_id)) == (UserType.USER, "agent-runner@porto-textil.com")
    assert (reveal(event.session_id), reveal(event.client_ip)) == ("mcp-5521", "198.51.100.23")
    assert reveal(event.endpoint) == "https://tools.porto-textil.com/mcp"
    assert (reveal(event.api_operation), reveal(event.request_id)) == ("tools/call", "7f")
    assert reveal(event.user_agent) == "desk-agent/2.3.0"
    assert event.tool_calls
    (call,) = event.tool_calls
    assert (reveal(call.name), reveal(call.arguments)) == ("crm_lookup", ARGUMENTS)
    # The structured content says the same as the text: it counts once.
    assert (prompt(event), response(event)) == ([(Role.USER, ARGUMENTS)], [RESULT])
    assert event.unmapped is None


def test_question_and_answer_on_lines_of_their_own() -> None:
    question, answer = load("good_call"), load("good_result")
    assert (question.operation, question.outcome_status, response(question)) == (Operation.EXECUTE_TOOL, None, [])
    assert (answer.operation, answer.outcome_status, prompt(answer)) == (Operation.EXECUTE_TOOL, Outcome.SUCCESS, [])
    assert reveal(question.request_id) == reveal(answer.request_id)


def test_structured_content_that_no_text_repeats_is_a_text() -> None:
    event = parse({"jsonrpc": "2.0", "id": 1, "result": {"content": [], "structuredContent": {"name": "Ines"}}})
    assert response(event) == ['{"name":"Ines"}']


def test_a_failed_tool_is_a_failure_with_a_result() -> None:
    event = load("error_in_the_tool")
    assert (event.outcome_status, event.error_code, event.http_status) == (Outcome.FAILURE, "tool_error", 200)
    assert response(event) == ["No customer ines.carvalho@porto-textil.com"]


def test_a_failed_call() -> None:
    event = load("error_denied")
    assert (event.outcome_status, reveal(event.error_code), event.http_status) == (Outcome.DENIED, "-32001", 403)
    event = parse({"jsonrpc": "2.0", "id": 1, "error": {"code": -32601, "message": "Method not found"}})
    assert (event.kind, event.outcome_status) == (Kind.AI_ACCESS, Outcome.FAILURE)


def test_resources_prompts_and_sampling() -> None:
    event = load("good_resource")
    assert (event.operation, reveal(event.endpoint)) == (Operation.RETRIEVAL, "file:///home/ines/contract.txt")
    assert "Signed by ines.carvalho@porto-textil.com" in response(event)
    assert not any("aGVsbG8=" in text for text in response(event))
    event = load("good_prompt")
    assert prompt(event) == [(Role.USER, '{"topic":"order 9912"}')]
    assert response(event)[0] == "Summarize order 9912 of ines.carvalho@porto-textil.com."
    event = load("good_sampling")
    assert (event.operation, reveal(event.model_version)) == (Operation.CHAT, "claude-sonnet-4-20250514")
    assert [role for role, _ in prompt(event)] == [Role.SYSTEM, Role.USER]
    assert response(event) == ["Yes, since 2019."]


@pytest.mark.parametrize("name", ["good_initialize", "good_list"])
def test_what_carries_no_exchange_is_control_plane(name: str) -> None:
    event = load(name)
    assert (event.kind, prompt(event), response(event)) == (Kind.AI_CONTROL_PLANE, [], [])
    left = event.unmapped.reveal() if isinstance(event.unmapped, SensitiveTree) else {}
    # What a server tells the model is prose: it is left, and counted.
    said = {"response": {"result": {"instructions": "Ask for the e-mail first."}}}
    assert left == (said if name == "good_initialize" else {})


@pytest.mark.parametrize(
    "value",
    [
        {"jsonrpc": "2.0", "id": 1, "method": "eth_getBlockByNumber", "params": ["latest", True]},
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"rootUri": "file:///src", "capabilities": {}}},
        {"jsonrpc": "2.0", "method": "textDocument/didOpen", "params": {}},
        {"jsonrpc": "2.0", "id": 1, "result": "0x1b4"},
        {"jsonrpc": "2.0", "id": 1, "result": {"number": "0x1b4"}},
        {"jsonrpc": "1.0", "id": 1, "method": "tools/call"},
        {"request": {"method": "tools/call"}},
    ],
)
def test_other_protocols_are_left_to_others(value: Any) -> None:
    assert parse(value).source == "other"


def test_wrong_types_are_left() -> None:
    event = load("malformed")
    assert (event.timestamp, event.user_id, event.client_ip, event.http_status, event.latency_ms) == (None,) * 5
    left = event.unmapped.reveal()  # type: ignore[union-attr]
    assert {"id", "timestamp", "user_id", "client_ip", "status_code", "duration_ms", "error"} <= set(left)


def test_a_form_s_fields_are_texts_whatever_they_are_called() -> None:
    form = {"name": "Ebba", "url": "x", "status": "s", "data": "d"}
    event = parse({"jsonrpc": "2.0", "id": 1, "result": {"action": "accept", "content": dict(form)}})
    assert [json.loads(text) for text in response(event)] == [form]
