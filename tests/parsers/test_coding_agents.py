"""Coding agents: what each event says, what joins them, and whose the input of a hook is."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from samples import SAMPLES
from veilog_parsers.event import (
    AuditEvent,
    CredentialType,
    Kind,
    Operation,
    Outcome,
    Role,
    SensitiveText,
    SensitiveTree,
)
from veilog_parsers.record.otlp import CallCollector
from veilog_parsers.record.raw import RawRecord
from veilog_parsers.registry import Registry

REGISTRY = Registry()
USER = "ilse.brandt@fjordbank-mail.com"
PROMPT = "Write a script that mails the claims of Greta Lindholm to greta.lindholm@fjordbank-mail.com."
ANSWER = "I added scripts/mail_claims.py. It reads the claims of Greta Lindholm and mails them."


def load(source: str, name: str) -> Any:
    return json.loads((SAMPLES / source / f"{name}.in.json").read_text())


def parse(value: Any, **about: Any) -> list[AuditEvent]:
    events = list(REGISTRY.parse(RawRecord(value, b"", **about)))
    assert all(isinstance(event, AuditEvent) for event in events)
    return [event for event in events if isinstance(event, AuditEvent)]


def reveal(text: Any) -> str | None:
    return text.reveal() if isinstance(text, SensitiveText) else text


def prompt(event: AuditEvent) -> list[str]:
    return [part.reveal() for turn in event.prompt_messages if turn.role is Role.USER for part in turn.parts]


def response(event: AuditEvent) -> list[str]:
    return [part.reveal() for turn in event.response_messages for part in turn.parts]


def log(attributes: dict[str, Any], **about: Any) -> dict[str, Any]:
    return {"logs": [{"attributes": attributes, **about}], "traceId": None, "spanId": None, "resource": {}}


@pytest.mark.parametrize(
    ("source", "names"),
    [
        (
            "claude_code",
            ["good_prompt_and_requests", "good_a_log_record_by_itself", "good_transcript_user", "good_hook_prompt"],
        ),
        (
            "codex_cli",
            ["good_a_log_record_by_itself", "good_transcript_user", "good_transcript_message", "good_hook_prompt"],
        ),
        ("gemini_cli", ["good_a_local_file", "good_hook_agent", "good_transcript_user"]),
    ],
)
def test_a_prompt_is_the_same_wherever_it_is_told(source: str, names: list[str]) -> None:
    for name in names:
        event = parse(load(source, name))[0]
        assert (event.source, event.kind, event.operation) == (source, Kind.AI_ACCESS, Operation.INVOKE_AGENT), name
        assert prompt(event) == [PROMPT], name


def test_every_event_of_claude_code_says_who_and_in_which_session() -> None:
    for name in ("good_prompt_and_requests", "good_tools", "good_control_plane", "error_api", "good_spans"):
        for event in parse(load("claude_code", name)):
            assert reveal(event.user_id) == USER
            assert reveal(event.session_id) == "0b6f1f1e-6b1e-4a34-9d0c-52c1a1a3a1d7"
            assert reveal(event.tenant_id) == "f2c1d0e9-8b7a-4c6d-9e5f-0a1b2c3d4e5f"
            assert reveal(event.user_agent) == "claude-code/2.1.216"


def test_requests_of_claude_code_have_tokens_with_those_of_the_cache_and_a_cost() -> None:
    asked, request, answer = parse(load("claude_code", "good_prompt_and_requests"))
    assert (request.input_tokens, request.output_tokens, request.token_count) == (12 + 18250 + 902, 431, 19595)
    assert (request.cached_input_tokens, request.cache_write_tokens, request.cost_usd) == (18250, 902, 0.0421)
    assert (reveal(request.model_name), request.latency_ms) == ("claude-sonnet-5", 5120)
    assert response(answer) == [ANSWER]
    assert reveal(answer.request_id) == reveal(request.request_id) == "req_011CSqGd4mJ7"
    # What one prompt started has one trace, without OpenTelemetry's too.
    assert len({reveal(event.trace_id) for event in (asked, request, answer)}) == 1


def test_texts_that_an_agent_withheld_are_none_and_keep_their_lengths() -> None:
    asked, answered, _ = parse(load("claude_code", "good_redacted"))
    (other, *_) = parse(load("codex_cli", "good_tools"))
    assert [prompt(event) + response(event) for event in (asked, answered, other)] == [[], [], []]
    assert (asked.prompt_chars, answered.response_chars, other.prompt_chars) == (71, 340, 58)


def test_decisions_and_results_of_tools() -> None:
    rejected, accepted, called, failed = parse(load("claude_code", "good_tools"))
    assert (rejected.outcome_status, reveal(rejected.error_code)) == (Outcome.DENIED, "user_reject")
    assert "curl -F f=@claims.csv" in prompt(rejected)[0]
    assert accepted.outcome_status is called.outcome_status is Outcome.SUCCESS
    for event in (accepted, called):
        assert event.mcp is not None
        assert (reveal(event.mcp.server), reveal(event.mcp.tool)) == ("crm", "find_customer")
    assert (failed.outcome_status, reveal(failed.error_code)) == (Outcome.FAILURE, "ShellError")
    # The command is in two attributes, and counts once.
    assert len(prompt(failed)) == 1


def test_errors_refusals_and_what_blocked_a_tool() -> None:
    throttled, refused, lost = parse(load("claude_code", "error_api"))
    assert (throttled.outcome_status, throttled.http_status, throttled.attempt) == (Outcome.THROTTLED, 429, 11)
    assert (refused.outcome_status, refused.refusal) == (Outcome.CONTENT_FILTERED, True)
    assert (lost.outcome_status, lost.http_status) == (Outcome.FAILURE, None)
    denied, broken, _ = parse(load("codex_cli", "error_api"))
    assert (denied.outcome_status, reveal(denied.error_code)) == (Outcome.DENIED, "token_expired")
    assert (broken.kind, broken.outcome_status) == (Kind.AI_ACCESS, Outcome.FAILURE)
    (exhausted,) = parse(load("gemini_cli", "error_api"))
    assert (exhausted.outcome_status, reveal(exhausted.error_code)) == (Outcome.THROTTLED, "TerminalQuotaError")


def test_what_an_agent_may_do_is_a_change() -> None:
    mode, sign_in, server, plugin, hook, other = parse(load("claude_code", "good_control_plane"))
    assert {event.kind for event in (mode, sign_in, server, plugin, hook)} == {Kind.AI_CONTROL_PLANE}
    assert mode.change is not None
    assert mode.change.scopes is not None
    assert [reveal(scope) for scope in mode.change.scopes] == ["bypassPermissions"]
    assert sign_in.credential is not None
    assert sign_in.credential.type is CredentialType.OAUTH
    assert server.mcp is not None
    assert (reveal(server.mcp.server), server.outcome_status) == ("crm", Outcome.SUCCESS)
    assert plugin.change is not None
    assert reveal(plugin.change.target) == "deploy-helper"
    assert (hook.outcome_status, other.kind) == (Outcome.DENIED, Kind.OTHER)
    (begun, *_) = parse(load("codex_cli", "good_session"))
    assert begun.change is not None
    assert begun.change.scopes is not None
    assert [reveal(scope) for scope in begun.change.scopes] == ["never", "danger-full-access"]


def test_tokens_come_with_the_end_of_codex_s_stream_alone() -> None:
    _, _, _, part, end = parse(load("codex_cli", "good_session"))
    assert (part.kind, part.input_tokens) == (Kind.OTHER, None)
    assert (end.kind, end.input_tokens, end.output_tokens, end.token_count) == (Kind.AI_ACCESS, 19797, 748, 20545)
    assert (end.cached_input_tokens, end.reasoning_tokens) == (18304, 397)


def test_gemini_s_tokens_add_up_and_its_sentences_are_no_news() -> None:
    _, asked, sent, answered = parse(load("gemini_cli", "good_session"))
    assert prompt(asked) == prompt(sent) == [PROMPT]
    assert response(answered) == [ANSWER]
    assert (answered.input_tokens, answered.output_tokens, answered.token_count) == (8123, 307, 8430)
    assert [event.unmapped for event in (asked, sent, answered)] == [None, None, None]
    (said,) = parse(
        log({"event.name": "gemini_cli.user_prompt", "prompt_length": 3}, body="What was said to the model")
    )
    assert isinstance(said.unmapped, SensitiveTree)
    assert said.unmapped.reveal() == {"logs": [{"body": 26}]}


def test_events_of_agents_are_never_joined() -> None:
    ids = {"traceId": "ab" * 16, "spanId": "cd" * 8}
    pairs = [{"key": "gen_ai.system", "value": {"stringValue": "anthropic"}}]
    records = [
        {"body": {"stringValue": f"claude_code.{name}"}, "attributes": copy.deepcopy(pairs), **ids}
        for name in ("user_prompt", "api_request", "tool_result")
    ]
    document = {
        "resourceSpans": [{"scopeSpans": [{"spans": [{"name": "chat", "attributes": copy.deepcopy(pairs), **ids}]}]}],
        "resourceLogs": [{"scopeLogs": [{"logRecords": records}]}],
    }
    events = parse(document)
    assert [event.source for event in events] == ["otel_genai", *["claude_code"] * 3]
    assert {reveal(event.span_id) for event in events} == {"cd" * 8}


def test_entries_of_fluent_bit_with_events_of_agents_are_never_joined() -> None:
    calls = CallCollector[int](1_000_000)
    for number, name in enumerate(("codex.user_prompt", "codex.tool_result")):
        about = {"attributes": {"event.name": name}, "trace_id": "ab" * 16, "span_id": "cd" * 8}
        assert calls.add(number, RawRecord({"log": ""}, b"x", metadata={"otlp": about})) == 1
    assert [origin for origin, _ in calls.drain()] == [0, 1]


@pytest.mark.parametrize(
    ("more", "source"),
    [({}, "claude_code"), ({"turn_id": "t1"}, "codex_cli"), ({"timestamp": "2026-07-29T08:00:00Z"}, "gemini_cli")],
)
def test_whose_a_hook_is(more: dict[str, str], source: str) -> None:
    (event,) = parse({"session_id": "s1", "hook_event_name": "SessionStart", **more})
    assert (event.source, event.kind) == (source, Kind.AI_CONTROL_PLANE)


@pytest.mark.parametrize(
    "record",
    [
        {"hook_event_name": "beforeSubmitPrompt", "prompt": "p"},
        {"hook_event_name": ["Stop"]},
        {"hook_event_name": {"a": 1}, "timestamp": "t"},
        {"sessionId": "s", "type": "summary", "message": {}, "uuid": "u"},
        {"sessionId": "s", "type": "user", "message": "text", "uuid": "u"},
        {"timestamp": "2026-07-29T08:00:00Z", "type": "order", "payload": {"id": 7}},
        {"timestamp": 7, "type": "event_msg", "payload": {}},
        {"attributes": {"event.name": "claude_code"}, "body": "claude_code. is a tool for you", "spanId": "c"},
        {"attributes": {"event.name": "codexes.user_prompt"}},
        {"logs": [{"body": "claude_code.user_prompt"}]},
        {"logs": "claude_code.user_prompt"},
        {"content": [{"text": "t"}], "type": "user", "id": "1", "timestamp": "2026-07-29T08:00:00Z", "channel": "news"},
        {"content": "t", "type": "gemini", "id": 1, "timestamp": "2026-07-29T08:00:00Z", "model": "m"},
        {"content": None, "type": ["gemini"], "id": "1", "timestamp": "t"},
        {"type": "agent-turn-complete", "thread-id": "t"},
    ],
)
def test_what_only_looks_like_an_agent_s_is_nobody_s(record: dict[str, Any]) -> None:
    (event,) = parse(record)
    assert event.source == "other"


def test_a_turn_that_is_known_by_a_trace_keeps_that() -> None:
    attributes = {"event.name": "user_prompt", "prompt.id": "turn-1", "session.id": "s1"}
    record = log(attributes, body="claude_code.user_prompt") | {"traceId": "0" * 32, "spanId": "0" * 16}
    (event,) = parse(copy.deepcopy(record))
    assert (reveal(event.trace_id), event.span_id) == ("turn-1", None)
    (event,) = parse(record | {"traceId": "ab" * 16})
    assert reveal(event.trace_id) == "ab" * 16
