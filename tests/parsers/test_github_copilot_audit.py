"""GitHub's audit log: administration, agents, and the two halves of a streamed call."""

from __future__ import annotations

from typing import Any

import pytest

from parsed import load, reveal, said, turns
from veilog_parsers.event import Kind, Operation, Outcome, UserType
from veilog_parsers.record.fields import remainder
from veilog_parsers.sources.assistants.github_copilot_audit import SOURCE

NAME = "github_copilot_audit"


def test_administration() -> None:
    fields = load(NAME, "good_seat")
    event = SOURCE.parse(fields)
    assert (event.kind, event.timestamp) == (Kind.AI_CONTROL_PLANE, "2026-03-04T07:20:00.118Z")
    assert (reveal(event.user_id), reveal(event.user_name)) == ("7712001", "ifalk-werft")
    assert reveal(event.client_ip) == "203.0.113.29"
    assert event.change is not None
    assert (reveal(event.change.target), fields["user_id"]) == ("mlind-werft", 7712002)


def test_who_set_an_agent_going_did_it() -> None:
    fields = load(NAME, "good_agent")
    event = SOURCE.parse(fields)
    assert (event.kind, event.operation) == (Kind.AI_ACCESS, Operation.INVOKE_AGENT)
    assert (reveal(event.user_name), event.user_type) == ("ifalk-werft", UserType.USER)
    assert fields["actor"] == "Copilot"
    assert reveal(event.conversation_id) == "012345a6-b7c8-9012-de3f-45f678a9012b"


def test_both_halves_of_a_call() -> None:
    asked, answered = (SOURCE.parse(load(NAME, f"good_usage_{half}")) for half in ("request", "response"))
    assert turns(asked.prompt_messages) == [
        ("system", ["You are a programmer."]),
        ("user", ["Why does mail to mara.lind@werft-nord.de bounce?"]),
    ]
    assert said(answered.response_messages) == ["The mailbox is full."]
    assert (asked.outcome_status, answered.outcome_status) == (None, Outcome.SUCCESS)
    assert reveal(asked.request_id) == reveal(answered.request_id)


@pytest.mark.parametrize(
    ("half", "body", "text"),
    [
        ("request", None, "Write to mara.lind@werft-nord.de"),
        ("response", '{"choices":[{"message":{"content":"I wr', "I wr"),
        ("request", '{"model":broken}', '{"model":broken}'),
        ("response", '{"model":broken}', '{"model":broken}'),
    ],
)
def test_a_body_that_was_cut_is_still_text(half: str, body: str | None, text: str) -> None:
    fields = load(NAME, "good_usage_truncated") | {"type": half}
    fields["body"] = body or fields["body"]
    event = SOURCE.parse(fields)
    assert said(event.prompt_messages + event.response_messages) == [text]
    assert not remainder({"body": fields.get("body")})


def test_an_error_in_a_response() -> None:
    event = SOURCE.parse(load(NAME, "error_usage"))
    assert (event.outcome_status, reveal(event.error_code)) == (Outcome.THROTTLED, "rate_limited")


@pytest.mark.parametrize("time", [1772608800118, "2026-03-04T07:20:00.118Z"])
@pytest.mark.parametrize("key", ["@timestamp", "created_at"])
def test_times(key: str, time: Any) -> None:
    assert SOURCE.parse({"action": "copilot.x", "actor": "a", key: time}).timestamp == "2026-03-04T07:20:00.118Z"


@pytest.mark.parametrize(
    ("fields", "recognized"),
    [
        ({"action": "copilot.cfb_seat_added", "actor": "a"}, True),
        ({"action": "pull_request.create", "actor_is_agent": True}, True),
        ({"action": "pull_request.create", "actor_is_agent": False, "actor": "a"}, False),
        ({"action": "copilot.cfb_seat_added"}, False),
        ({"action": 7, "actor_is_agent": True}, False),
        ({"github_request_id": "1", "type": "request", "body": "{}"}, True),
        ({"github_request_id": "1", "type": "request"}, False),
    ],
)
def test_recognition(fields: dict[str, Any], recognized: bool) -> None:
    assert any(test(fields) for key, test in SOURCE.markers.items() if key in fields) is recognized


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("Personal access token (classic)", "api_key"),
        ("OAuth access token", "oauth"),
        ("GitHub App server-to-server token", "temporary"),
        ("A new kind of token", None),
        (None, None),
    ],
)
def test_the_token_of_a_call_and_where_it_came_from(kind: str | None, expected: str | None) -> None:
    fields = {
        "action": "copilot.cfb_seat_added",
        "actor": "ifalk",
        "user": "mlind",
        "hashed_token": "EH4L8o6PfCqipALbL+QT62lyqUtnI7ql0SPbkaQnjv8=",
        "programmatic_access_type": kind,
        "actor_location": {"country_code": "DE"},
    }
    event = SOURCE.parse(fields)
    assert event.credential is not None
    assert (event.credential.type, reveal(event.credential.id_hash)) == (
        expected,
        "EH4L8o6PfCqipALbL+QT62lyqUtnI7ql0SPbkaQnjv8=",
    )
    assert event.network is not None
    assert event.change is not None
    assert (reveal(event.network.country), reveal(event.change.target)) == ("DE", "mlind")
