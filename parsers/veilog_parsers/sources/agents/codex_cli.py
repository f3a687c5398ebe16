"""Codex: the events that OpenAI's coding agent sends by OpenTelemetry, its transcripts, the input of its hooks, and of
``notify``.

Events are as in ``codex-rs/otel/src/events/session_telemetry.rs`` of August 2026 (documented in the page on advanced
configuration), lines of transcripts (``~/.codex/sessions/**/rollout-*.jsonl``) as in ``codex-rs/protocol``, hooks as in
the page on hooks.

Pitfalls: ``timeUnixNano`` is 0, the time is an attribute; numbers may be strings; prompts are ``[REDACTED]`` unless
somebody turned them on, but arguments and results of tools are always there; tokens come with the end of a stream
(``codex.sse_event`` of the kind ``response.completed``), all other parts of streams are no calls; lines of a transcript
do not name their session, only the first does; what was said is there twice, as an item and as an event.
"""

from __future__ import annotations

from typing import Any, Final

from veilog_parsers.bodies.exchange import Exchange
from veilog_parsers.bodies.turns import Turn, add_completion_turn, add_prompt_content, add_prompt_messages, pop_role
from veilog_parsers.event import AuditEvent, Change, Constant, Kind, Operation, Outcome, Role, SensitiveText
from veilog_parsers.record.fields import (
    dicts,
    drop_keys,
    ignored_keys,
    peek,
    pop_identifier,
    pop_text,
    pop_word,
)
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import pop_time
from veilog_parsers.source import Source, Stability
from veilog_parsers.sources.agents.events import Agent, meanings
from veilog_parsers.sources.otel.facts import Table

_OPENAI: Final = Constant("openai")
_PREFIX: Final = "codex."
_STREAM_EVENT: Final = "codex.sse_event"
_TURN_COMPLETE: Final = "agent-turn-complete"
_COMPLETED: Final = "response.completed"

_EVENTS: Final = meanings(
    """
    codex.user_prompt               ai_access           invoke_agent
    codex.api_request               ai_access           chat
    codex.websocket_request         ai_access           chat
    codex.sse_event                 ai_access           chat
    codex.tool_decision             ai_access           execute_tool
    codex.tool_result               ai_access           execute_tool
    codex.sandbox_outcome           ai_access           execute_tool
    codex.conversation_starts       ai_control_plane    -
    codex.auth_recovery             ai_control_plane    -
    codex.websocket_connect         other               -
    codex.websocket_event           other               -

    UserPromptSubmit                ai_access           invoke_agent
    Stop                            ai_access           invoke_agent
    SubagentStart                   ai_access           invoke_agent
    SubagentStop                    ai_access           invoke_agent
    PreToolUse                      ai_access           execute_tool
    PermissionRequest               ai_access           execute_tool
    PostToolUse                     ai_access           execute_tool
    SessionStart                    ai_control_plane    -
    PreCompact                      other               -
    PostCompact                     other               -
    """
)
_TABLE: Final = Table(
    """
    user.email                          user_id
    user.account_id                     user_id
    conversation.id                     conversation_id
    session_id                          session_id
    turn_id                             turn
    turn.id                             turn
    event.timestamp                     time
    model                               model_name
    slug                                model_name
    provider_name                       provider
    call_id                             request_id
    tool_use_id                         request_id
    auth.request_id                     request_id
    endpoint                            endpoint
    mcp_server                          mcp.server
    agent_type                          agent.name
    agent_id                            agent.id
    input_token_count                   input_tokens
    output_token_count                  output_tokens
    tool_token_count                    token_count
    cached_token_count                  cached_input_tokens
    reasoning_token_count               reasoning_tokens
    duration_ms                         latency_ms
    initial_duration_ms                 latency_ms
    ttft_ms                             time_to_first_token_ms
    attempt                             attempt
    http.response.status_code           http_status
    prompt_length                       prompt_chars
    arguments_length                    request_bytes
    output_length                       response_bytes

    prompt                              prompt
    last_assistant_message              response
    tool_name                           tool
    tool_input                          arguments
    arguments                           arguments
    tool_response                       result
    output                              result
    decision                            decision
    outcome                             decision
    auth.outcome                        decision
    source                              decided_by
    success                             success
    error.message                       error
    auth.error_code                     error_type
    auth_mode                           credential
    approval_policy                     scopes
    sandbox_policy                      scopes
    permission_mode                     scopes
    auth.step                           target

    agent_transcript_path               word
    app.version                         word
    auth.*                              word
    auth_mode                           word
    auto_compact_token_limit            number
    context_window                      number
    cwd                                 word
    escalated_duration_ms               number
    event.kind                          word
    event.name                          word
    image_input_count                   number
    local_image_input_count             number
    mcp_server                          word
    mcp_server_count                    number
    mcp_server_origin                   word
    mcp_servers                         word
    mcp_tool                            flag
    originator                          word
    output_line_count                   number
    permission_mode                     word
    reasoning_effort                    word
    reasoning_summary                   word
    source                              word
    stop_hook_active                    flag
    terminal.type                       word
    text_input_count                    number
    tool_origin                         word
    transcript_path                     word
    turn.id                             word
    turn_id                             word
    trigger                             word
    """
)
_AGENT: Final = Agent(provider=_OPENAI, table=_TABLE, events=_EVENTS)

_LINES: Final = ("session_meta", "turn_context", "response_item", "event_msg", "compacted")
_SAID: Final = {"user_message": Role.USER, "agent_message": Role.ASSISTANT, "agent_reasoning": Role.ASSISTANT}
"""Events of a transcript that repeat what was said."""
_RESULT_SUFFIXES: Final = ("_output", "_result")
_IGNORED_PAYLOAD_KEYS: Final = ignored_keys(
    """
    approval_policy approvals_reviewer cli_version collaboration_mode:plain cwd effort encrypted_content:blob
    end_turn:flag forked_from_id git:plain id images:blob info:plain kind local_images:plain
    model_context_window:number originator personality phase rate_limits:plain realtime_active:flag
    sandbox_policy:plain source:plain status summary text_elements:plain thread_source timestamp timezone
    truncation_policy:plain turn_id type
    """
)
_IGNORED_NOTICE_KEYS: Final = ignored_keys("client cwd type")
_IGNORED_LINE_KEYS: Final = ignored_keys("ordinal:number type")


def _is_event(fields: Fields) -> bool:
    return _AGENT.is_event(fields, _PREFIX)


def _is_hook(fields: Fields) -> bool:
    return _AGENT.is_hook(fields) and "turn_id" in fields


def _is_line(fields: Fields) -> bool:
    return fields.get("type") in _LINES and type(fields["payload"]) is dict and type(fields.get("timestamp")) is str


def _is_notice(fields: Fields) -> bool:
    return fields.get("type") == _TURN_COMPLETE and "last-assistant-message" in fields


def _read_notice(fields: Fields) -> AuditEvent:
    """Read what ``notify`` tells once a turn is complete: what the user wrote in it, and the last answer."""
    event = AuditEvent(kind=Kind.AI_ACCESS, provider=_OPENAI, operation=Operation.INVOKE_AGENT)
    event.api_operation = Constant(_TURN_COMPLETE)
    event.session_id = event.conversation_id = pop_identifier(fields, "thread-id")
    event.trace_id = pop_identifier(fields, "turn-id")
    exchange = Exchange()
    add_prompt_content(fields, "input-messages", Role.USER, exchange)
    text = pop_text(fields, "last-assistant-message")
    exchange.add_completion([text] if text else [])
    exchange.apply(event)
    drop_keys(fields, _IGNORED_NOTICE_KEYS)
    return event


def _read_line(fields: Fields) -> AuditEvent:
    """Read a line of a transcript: what a session or a turn begins with, an item of the conversation, or an event."""
    payload = fields["payload"]
    line = str(fields.get("type"))
    kind = payload.get("type")
    event = AuditEvent(kind=Kind.AI_ACCESS, provider=_OPENAI, operation=Operation.CHAT)
    event.timestamp = pop_time(fields, "timestamp")
    event.api_operation = Constant(f"transcript.{line}")
    exchange = Exchange()
    if line == "session_meta":
        _read_session(payload, exchange, event)
    elif line == "turn_context":
        event.kind, event.operation = Kind.AI_CONTROL_PLANE, None
        event.model_name = pop_identifier(payload, "model")
        _read_policies(payload, event)
    elif line == "response_item":
        _read_item(payload, kind, exchange, event)
    elif line == "event_msg" and type(kind) is str and kind in _SAID:
        _read_said(payload, _SAID[kind], exchange, event)
    elif line == "event_msg" and kind == "token_count":
        _read_usage(payload, event)
    else:
        event.kind, event.operation, event.provider = Kind.OTHER, None, None
    exchange.apply(event)
    drop_keys(payload, _IGNORED_PAYLOAD_KEYS)
    drop_keys(fields, _IGNORED_LINE_KEYS)
    return event


def _read_session(payload: Fields, exchange: Exchange, event: AuditEvent) -> None:
    event.operation = Operation.INVOKE_AGENT
    event.session_id = event.conversation_id = pop_identifier(payload, "id")
    event.provider = pop_identifier(payload, "model_provider") or _OPENAI
    version = pop_word(payload, "cli_version")
    event.user_agent = SensitiveText(f"codex-cli/{version}" if version else "codex-cli")
    for path in (("instructions",), ("base_instructions", "text"), ("base_instructions",)):
        text = pop_text(payload, *path)
        exchange.add_prompt(Role.SYSTEM, [text] if text else [])


def _read_policies(payload: Fields, event: AuditEvent) -> None:
    """Read what the agent may do in a turn without being asked."""
    policies = [pop_identifier(payload, "approval_policy")]
    policies += [pop_identifier(payload, *path) for path in (("sandbox_policy",), ("sandbox_policy", "mode"))]
    policies += [pop_identifier(payload, "sandbox_policy", "type")]
    scopes = [policy for policy in policies if policy is not None]
    event.change = Change(scopes=[*scopes]) if scopes else None


def _read_item(payload: Fields, kind: Any, exchange: Exchange, event: AuditEvent) -> None:
    """Read an item of the Responses API: of the model, or the user's message, or the result of a tool."""
    event.request_id = pop_identifier(payload, "call_id")
    if type(kind) is str and kind.endswith(_RESULT_SUFFIXES):
        event.operation = Operation.EXECUTE_TOOL
        output = payload.get("output")
        if type(output) is dict and type(output.get("content")) is str:
            payload["output"] = output.pop("content")
    if payload.get("role") in ("user", "developer", "system") or event.operation is Operation.EXECUTE_TOOL:
        if payload.get("role") == "user":
            event.operation = Operation.INVOKE_AGENT
        add_prompt_messages([payload], exchange)
        return
    pop_role(payload)
    turn = Turn()
    turn.add_block(payload)
    add_completion_turn(turn, exchange)


def _read_said(payload: Fields, role: Role, exchange: Exchange, event: AuditEvent) -> None:
    text = pop_text(payload, "message") or pop_text(payload, "text")
    if role is Role.USER:
        event.operation = Operation.INVOKE_AGENT
        exchange.add_prompt(role, [text] if text else [])
    else:
        exchange.add_completion([text] if text else [])


_USAGE: Final = Table(
    """
    input_tokens                    input_tokens
    output_tokens                   output_tokens
    total_tokens                    token_count
    cached_input_tokens             cached_input_tokens
    cache_write_input_tokens        cache_write_tokens
    reasoning_output_tokens         reasoning_tokens
    """
)


def _read_usage(payload: Fields, event: AuditEvent) -> None:
    """Read the tokens of the last call; those of the whole session are sums of these."""
    usage = peek(payload, "info", "last_token_usage")
    if type(usage) is dict:
        _USAGE.read(usage, event)
        event.outcome_status = Outcome.SUCCESS
    else:
        event.kind, event.operation, event.provider = Kind.OTHER, None, None


def parse(fields: Fields) -> AuditEvent:
    """Read one event, one line of a transcript, or the input of one hook."""
    if _is_hook(fields):
        return _AGENT.read_hook(fields)
    if _is_notice(fields):
        return _read_notice(fields)
    if "payload" in fields and _is_line(fields):
        return _read_line(fields)
    kinds = [peek(log, "attributes", "event.kind") for log in (*dicts(fields.get("logs")), fields)]
    event = _AGENT.read_event(fields)
    if event.api_operation == _STREAM_EVENT and _COMPLETED not in kinds and event.outcome_status is None:
        # A part of a stream.
        event.kind, event.operation, event.provider = Kind.OTHER, None, None
    return event


SOURCE: Final = Source(
    name="codex_cli",
    summary="Codex: its OpenTelemetry events, transcripts, and the input of its hooks and of `notify`.",
    stability=Stability.BETA,
    never_carries="Answers of the model in events; the caller's address; costs; in transcripts and hooks, the caller.",
    references=(
        "https://developers.openai.com/codex/config-advanced#observability-and-telemetry",
        "https://github.com/openai/codex/blob/main/codex-rs/otel/src/events/session_telemetry.rs",
        "https://github.com/openai/codex/blob/main/codex-rs/protocol/src/protocol.rs",
        "https://developers.openai.com/codex/hooks",
    ),
    markers={
        "logs": _is_event,
        "attributes": _is_event,
        "hook_event_name": _is_hook,
        "payload": _is_line,
        "last-assistant-message": _is_notice,
    },
    parse=parse,
)
