"""Claude Code: the events and spans that it sends by OpenTelemetry, its transcripts, and the input of its hooks.

Events and spans are as in the vendor's page on monitoring of August 2026 (code.claude.com/docs/en/monitoring-usage);
hooks as in its reference (code.claude.com/docs/en/hooks). Transcripts (``~/.claude/projects/*/*.jsonl``) are called
internal there; public tools agree on their lines: ``type``, ``message`` in the form of the Messages API, ``sessionId``,
``uuid``, ``timestamp``.

Pitfalls: the name of an event is in the body, and without its prefix in an attribute; counts and flags may be strings;
``input_tokens`` is without the cache; prompts, answers and arguments are ``<REDACTED>`` or absent unless somebody
turned them on; ``user.id`` is a random id of the installation, so the account comes first; a tool that was not
permitted has a decision and no result; names of MCP tools are ``mcp_tool`` by default; one answer of the model is
several lines of a transcript, which all repeat its usage.
"""

from __future__ import annotations

from typing import Final

from veilog_parsers.bodies.exchange import Exchange
from veilog_parsers.bodies.read import read_response
from veilog_parsers.bodies.rest import drop_repeated, texts_of
from veilog_parsers.bodies.turns import add_prompt_messages
from veilog_parsers.event import Agent as CallingAgent
from veilog_parsers.event import AuditEvent, Constant, Kind, Operation, Outcome, SensitiveText
from veilog_parsers.record.fields import (
    dicts,
    drop_keys,
    ignored_keys,
    peek,
    pop_count,
    pop_identifier,
    pop_word,
    withhold,
)
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import pop_time
from veilog_parsers.source import Source, Stability
from veilog_parsers.sources.agents.events import Agent, meanings
from veilog_parsers.sources.otel.facts import Table

_ANTHROPIC: Final = Constant("anthropic")
_PREFIX: Final = "claude_code."

_EVENTS: Final = meanings(
    """
    claude_code.user_prompt                 ai_access           invoke_agent
    claude_code.assistant_response          ai_access           chat
    claude_code.api_request                 ai_access           chat
    claude_code.api_error                   ai_access           chat
    claude_code.api_refusal                 ai_access           chat
    claude_code.api_retries_exhausted       ai_access           chat
    claude_code.api_request_body            ai_access           chat
    claude_code.api_response_body           ai_access           chat
    claude_code.tool_decision               ai_access           execute_tool
    claude_code.tool_result                 ai_access           execute_tool
    claude_code.permission_mode_changed     ai_control_plane    -
    claude_code.auth                        ai_control_plane    -
    claude_code.mcp_server_connection       ai_control_plane    -
    claude_code.plugin_installed            ai_control_plane    -
    claude_code.plugin_loaded               ai_control_plane    -
    claude_code.skill_activated             ai_control_plane    -
    claude_code.hook_registered             ai_control_plane    -
    claude_code.hook_execution_start        ai_control_plane    -
    claude_code.hook_execution_complete     ai_control_plane    -
    claude_code.hook_plugin_metrics         other               -
    claude_code.internal_error              other               -
    claude_code.at_mention                  other               -
    claude_code.compaction                  other               -
    claude_code.feedback_survey             other               -

    claude_code.interaction                 ai_access           invoke_agent
    claude_code.llm_request                 ai_access           chat
    claude_code.tool                        ai_access           execute_tool
    claude_code.tool.execution              ai_access           execute_tool
    claude_code.tool.blocked_on_user        ai_access           execute_tool
    claude_code.hook                        ai_control_plane    -

    UserPromptSubmit                        ai_access           invoke_agent
    Stop                                    ai_access           invoke_agent
    StopFailure                             ai_access           invoke_agent
    SubagentStart                           ai_access           invoke_agent
    SubagentStop                            ai_access           invoke_agent
    PreToolUse                              ai_access           execute_tool
    PermissionRequest                       ai_access           execute_tool
    PermissionDenied                        ai_access           execute_tool
    PostToolUse                             ai_access           execute_tool
    PostToolUseFailure                      ai_access           execute_tool
    SessionStart                            ai_control_plane    -
    SessionEnd                              ai_control_plane    -
    Setup                                   ai_control_plane    -
    ConfigChange                            ai_control_plane    -
    InstructionsLoaded                      ai_control_plane    -
    Notification                            other               -
    PreCompact                              other               -
    PostCompact                             other               -
    """
)

_TABLE: Final = Table(
    """
    user.email                          user_id
    user.account_uuid                   user_id
    user.account_id                     user_id
    enduser.id                          user_id
    user.id                             user_id
    organization.id                     tenant_id
    session.id                          session_id
    session_id                          session_id
    prompt.id                           turn
    prompt_id                           turn
    event.timestamp                     time
    model                               model_name
    gen_ai.request.model                model_name
    gen_ai.system                       provider
    request_id                          request_id
    gen_ai.response.id                  request_id
    tool_use_id                         request_id
    gen_ai.tool.call.id                 request_id
    client_request_id                   request_id
    message.uuid                        request_id
    agent.name                          agent.name
    agent_type                          agent.name
    agent_id                            agent.id
    mcp_server.name                     mcp.server
    server_name                         mcp.server
    mcp_tool.name                       mcp.tool
    tool_parameters/mcp_server_name     mcp.server
    tool_parameters/mcp_tool_name       mcp.tool
    tool_parameters/subagent_type       agent.name
    subagent_type                       agent.name
    input_tokens                        input_tokens
    output_tokens                       output_tokens
    cache_read_tokens                   cached_input_tokens
    cache_creation_tokens               cache_write_tokens
    cost_usd                            cost_usd
    cost_usd_micros                     cost_usd_micros
    duration_ms                         latency_ms
    interaction.duration_ms             latency_ms
    total_duration_ms                   latency_ms
    ttft_ms                             time_to_first_token_ms
    attempt                             attempt
    total_attempts                      attempt
    status_code                         http_status
    stop_reason                         finish_reasons
    gen_ai.response.finish_reasons      finish_reasons
    prompt_length                       prompt_chars
    user_prompt_length                  prompt_chars
    response_length                     response_chars
    tool_input_size_bytes               request_bytes
    tool_result_size_bytes              response_bytes

    user_system_prompt                  system
    system_prompt_preview               system
    new_context                         prompt
    prompt                              prompt
    user_prompt                         prompt
    response                            response
    response.model_output               response
    last_assistant_message              response
    request.body                        request_body
    response.body                       response_body
    tool_name                           tool
    tool_input                          arguments
    tool_parameters                     arguments
    full_command                        arguments
    file_path                           arguments
    tool_response                       result
    tool_result                         result
    tool_output                         result
    decision                            decision
    decision_type                       decision
    decision_source                     decided_by
    source                              decided_by
    num_blocking                        blocked
    success                             success
    error_type                          error_type
    error_category                      error_type
    error_code                          error_type
    error_name                          error_type
    error                               error
    status                              server_status
    auth_method                         credential
    permission_mode                     scopes
    to_mode                             scopes
    hook_name                           target
    hook_event                          target
    plugin.name                         target
    skill.name                          target
    action                              target

    agent_path_count                    number
    agent_transcript_path               word
    app.entrypoint                      word
    body_length                         number
    body_ref                            word
    body_truncated                      flag
    category                            word
    client_request_id                   word
    command_name                        word
    command_path_count                  number
    command_source                      word
    cwd                                 word
    decision_source                     word
    effort                              word
    effort.level                        word
    enabled_via                         word
    event.name                          word
    event.sequence                      number
    from_mode                           word
    has_category                        flag
    has_explanation                     flag
    has_hooks                           flag
    has_mcp                             flag
    hook_matcher                        word
    hook_source                         word
    hook_type                           word
    host_owned_mcp                      flag
    identity.source                     word
    install.trigger                     word
    interaction.sequence                number
    invocation_trigger                  word
    is_interrupt                        flag
    is_plugin                           flag
    llm_request.context                 word
    managed_only                        flag
    marketplace.is_official             flag
    marketplace.name                    word
    mcp_server_scope                    word
    num_*                               number
    parent_agent_id                     word
    permission_mode                     word
    plugin.scope                        word
    plugin.version                      word
    plugin_id_hash                      word
    prompt.id                           word
    prompt_id                           word
    query_source                        word
    reason                              word
    response.has_tool_call              flag
    result_tokens                       number
    safe_mode                           flag
    server_fallback_hop                 flag
    server_scope                        word
    skill.kind                          word
    skill.source                        word
    skill_path_count                    number
    source                              word
    span.type                           word
    speed                               word
    stop_hook_active                    flag
    terminal.type                       word
    tool_source                         word
    total_retry_duration_ms             number
    transcript_path                     word
    transport_type                      word
    trigger                             word
    workflow.name                       word
    workflow.run_id                     word
    """
)
_AGENT: Final = Agent(provider=_ANTHROPIC, table=_TABLE, events=_EVENTS, counts_cache_apart=True)
_TURNS: Final = ("user", "assistant")
_IGNORED_LINE_KEYS: Final = ignored_keys(
    """
    attributionSkill cwd entrypoint forkedFrom:plain gitBranch imagePasteIds:plain isApiErrorMessage:flag
    isCompactSummary:flag isMeta:flag isReplay:flag isSidechain:flag isVisibleInTranscriptOnly:flag logicalParentUuid
    origin:plain parentUuid permissionMode promptSource session_id slug sourceToolAssistantUUID sourceToolUseID
    teamName thinkingMetadata:plain todos:plain toolUseID type userType uuid
    """
)


def _is_event(fields: Fields) -> bool:
    return _AGENT.is_event(fields, _PREFIX)


def _is_hook(fields: Fields) -> bool:
    # Hooks of Gemini CLI have a time, and those of Codex the id of a turn.
    return _AGENT.is_hook(fields) and "timestamp" not in fields and "turn_id" not in fields


def _is_line(fields: Fields) -> bool:
    return fields.get("type") in _TURNS and type(fields.get("message")) is dict and "uuid" in fields


def _read_line(fields: Fields) -> AuditEvent:
    """Read a line of a transcript: a turn of the user, results of tools, or a part of an answer."""
    kind = fields.get("type")
    event = AuditEvent(kind=Kind.AI_ACCESS, provider=_ANTHROPIC)
    event.api_operation = Constant("transcript.user" if kind == "user" else "transcript.assistant")
    event.timestamp = pop_time(fields, "timestamp")
    event.session_id = event.conversation_id = pop_identifier(fields, "sessionId")
    event.trace_id = pop_identifier(fields, "promptId")
    event.request_id = pop_identifier(fields, "requestId")
    agent = pop_identifier(fields, "agentId")
    event.agent = CallingAgent(id=agent) if agent else None
    version = pop_word(fields, "version")
    event.user_agent = SensitiveText(f"claude-code/{version}" if version else "claude-code")
    exchange = Exchange()
    if kind == "user":
        add_prompt_messages([fields.get("message")], exchange)
        drop_repeated(fields, texts_of(exchange.prompt), "toolUseResult")
        withhold(fields, "toolUseResult")
    else:
        usage = peek(fields, "message", "usage")
        if type(usage) is dict:
            counts = {**usage}
            event.cached_input_tokens = pop_count(counts, "cache_read_input_tokens")
            event.cache_write_tokens = pop_count(counts, "cache_creation_input_tokens")
        read_response(fields.get("message"), exchange)
    exchange.operation = Operation.CHAT
    if any(message.role == "user" for message in exchange.prompt):
        exchange.operation = Operation.INVOKE_AGENT
    exchange.apply(event)
    drop_keys(fields, _IGNORED_LINE_KEYS)
    return event


def parse(fields: Fields) -> AuditEvent:
    """Read one event, one span, one line of a transcript, or the input of one hook."""
    if _is_hook(fields):
        return _AGENT.read_hook(fields)
    if "sessionId" in fields and _is_line(fields):
        return _read_line(fields)
    for log in (*dicts(fields.get("logs")), fields):
        _name_body(log)
    event = _AGENT.read_event(fields)
    reasons = [reason.reveal() for reason in event.finish_reasons or () if isinstance(reason, SensitiveText)]
    if str(event.api_operation) == "claude_code.api_refusal" or "refusal" in reasons:
        event.refusal = True
        event.outcome_status = Outcome.CONTENT_FILTERED
    return event


def _name_body(log: Fields) -> None:
    """Name the body that two events have under the same name after what it is the body of."""
    attributes = log.get("attributes")
    name = log.get("body")
    if type(attributes) is dict and "body" in attributes and type(name) is str:
        side = "request" if name.endswith(".api_request_body") else "response"
        if f"{side}.body" not in attributes:
            attributes[f"{side}.body"] = attributes.pop("body")


SOURCE: Final = Source(
    name="claude_code",
    summary="Claude Code: its OpenTelemetry events and spans, transcripts, and the input of its hooks.",
    stability=Stability.BETA,
    never_carries="The caller's address; in events, prompts, answers and arguments unless turned on; in transcripts "
    "and hooks, the caller.",
    references=(
        "https://code.claude.com/docs/en/monitoring-usage",
        "https://code.claude.com/docs/en/hooks",
        "https://code.claude.com/docs/en/sessions#where-transcripts-are-stored",
    ),
    markers={"logs": _is_event, "attributes": _is_event, "hook_event_name": _is_hook, "sessionId": _is_line},
    parse=parse,
)
