"""AgentCore: the payloads that authors of agents design, the ids that stand in many places, and times beyond 2^53."""

from __future__ import annotations

from typing import Any

import pytest

import parsed
from parsed import reveal, said, turns
from veilog_parsers.event import AuditEvent, Kind, Operation, Outcome
from veilog_parsers.record.fields import remainder
from veilog_parsers.sources.aws.aws_agentcore import SOURCE

ARN = "arn:aws:bedrock-agentcore:eu-central-1:123456789012:"


def load(name: str) -> dict[str, Any]:
    return parsed.load("aws_agentcore", name)


def parse(resource: str = "runtime/a", **fields: Any) -> AuditEvent:
    return SOURCE.parse({"resource_arn": ARN + resource} | fields)


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"prompt": "U"}, [("user", ["U"])]),
        ({"prompt": [{"role": "system", "content": "S"}, {"role": "user", "content": "U"}]}, [("system", ["S"]), ("user", ["U"])]),
        ({"prompt": {"role": "user", "content": [{"text": "U"}]}}, [("user", ["U"])]),
        ({"inputText": "U"}, [("user", ["U"])]),
        ([{"role": "user", "content": "U"}], [("user", ["U"])]),
        ("U", [("user", ["U"])]),
        ('{"prompt": "U"}', [("user", ["U"])]),
        ({"question": "U", "actor_id": "a"}, [("user", ['{"question":"U"}'])]),
        ({"truncatedPayload": '{"prompt": "cut of'}, [("user", ["cut of"])]),
        ({"prompt": "REDACTED"}, [("user", ["REDACTED"])]),
        ("REDACTED", []),
        (None, []),
        ({"actor_id": "a"}, []),
        ({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, []),
    ],
)  # fmt: skip
def test_prompts(payload: Any, expected: list[tuple[str, list[str]]]) -> None:
    assert turns(parse(body={"request_payload": payload}).prompt_messages) == expected


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"result": "A"}, ["A"]),
        ({"role": "assistant", "content": "A"}, ["A"]),
        ([{"role": "assistant", "content": "A"}], ["A"]),
        ({"output": {"message": {"role": "assistant", "content": [{"text": "A"}]}}}, ["A"]),
        ({"content": [{"type": "text", "text": "A", "uri": None}], "structuredContent": None, "isError": False}, ["A"]),
        ({"plan": ["A"]}, ['{"plan":["A"]}']),
        ("A", ["A"]),
        ({"error": {"code": "E", "message": "of Katrin Oster"}}, []),
        (None, []),
    ],
)
def test_responses(payload: Any, expected: list[str]) -> None:
    assert said(parse(body={"response_payload": payload}).response_messages) == expected


def test_a_cut_call_of_a_tool_is_a_text_and_a_whole_one_a_call() -> None:
    event = SOURCE.parse(load("good_code_interpreter"))
    assert event.operation is Operation.EXECUTE_TOOL
    assert [reveal(call.name) for call in event.tool_calls or []] == ["writeFiles"]
    assert turns(event.response_messages) == [("assistant", ["Successfully wrote all 1 files"])]


def test_the_tool_stands_in_a_gateway_s_sentence() -> None:
    event = SOURCE.parse(load("good_gateway"))
    assert [reveal(call.name) for call in event.tool_calls or []] == ["orders___find_return"]
    assert event.prompt_messages == []


@pytest.mark.parametrize(
    ("fields", "time"),
    [
        ({"timeUnixNano": 1772615428117301442, "event_timestamp": 1772615431522}, "2026-03-04T09:10:28.117301442Z"),
        ({"timeUnixNano": 1.7726154281173015e18}, "2026-03-04T09:10:28.117301504Z"),
        ({"timeUnixNano": "x", "event_timestamp": 1772615431522}, "2026-03-04T09:10:31.522Z"),
        ({}, None),
    ],
)
def test_times(fields: dict[str, Any], time: str | None) -> None:
    assert parse(**fields).timestamp == time


def test_who_and_where() -> None:
    event = SOURCE.parse(load("good_memory"))
    assert event.cloud is not None
    assert (reveal(event.tenant_id), reveal(event.user_id)) == ("123456789012", "agent-desk-7")
    assert (reveal(event.cloud.region), reveal(event.cloud.account_id)) == ("eu-central-1", "123456789012")
    assert reveal(event.conversation_id) == "b6f2c1d0-7a43-4e9b-8c5d-1e2f3a4b5c6d"
    assert [role for role, _ in turns(event.prompt_messages)] == ["user", "assistant"]


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({}, Outcome.SUCCESS),
        ({"severityNumber": 17}, Outcome.FAILURE),
        ({"body": {"isError": True}}, Outcome.FAILURE),
        ({"body": {"response_payload": {"isError": True, "content": []}}}, Outcome.FAILURE),
        ({"body": {"response_payload": {"error": {"code": "AccessDenied"}}}}, Outcome.DENIED),
    ],
)
def test_outcomes(fields: dict[str, Any], outcome: Outcome) -> None:
    assert parse(**fields).outcome_status is outcome


def test_usage_is_no_call() -> None:
    event = SOURCE.parse(load("good_usage"))
    assert (event.kind, reveal(event.tenant_id)) == (Kind.OTHER, "123456789012")


@pytest.mark.parametrize("arn", ["arn:aws:s3:::bucket", "bedrock-agentcore", 7, None])
def test_other_records_are_not_recognized(arn: Any) -> None:
    assert not SOURCE.markers["resource_arn"]({"resource_arn": arn})


def test_nothing_is_left_of_a_runtime_s_record() -> None:
    fields = load("good_runtime")
    event = SOURCE.parse(fields)
    assert remainder(fields) == {}
    assert reveal(event.trace_id) == "67a1c0de5b2f4e8d9a3c7b1e0f2d4c6a"
    assert event.agent is not None
    assert reveal(event.agent.id) == "returns-desk-Qk3v8Zt1Lm"


def test_an_id_of_a_trace_that_differs_from_the_spans_stays() -> None:
    fields = load("good_runtime") | {"trace_id": "1-67a1c0de-5b2f4e8d9a3c7b1e0f2d4c6a"}
    event = SOURCE.parse(fields)
    assert reveal(event.trace_id) == "67a1c0de5b2f4e8d9a3c7b1e0f2d4c6a"
    assert remainder(fields) == {"trace_id": "1-67a1c0de-5b2f4e8d9a3c7b1e0f2d4c6a"}
