"""Gemini CLI: the events that Google's coding agent sends by OpenTelemetry, or writes into a file, transcripts, hooks.

Events are as in ``docs/cli/telemetry.md`` and ``packages/core/src/telemetry/types.ts`` of August 2026, hooks as in
``docs/hooks/reference.md``, lines of transcripts (``~/.gemini/tmp/*/chats/session-*.jsonl``) as in
``packages/core/src/services/chatRecordingTypes.ts``. The same release also logs each call by the conventions
(``gen_ai.*``): see ``otel_genai``.

Pitfalls: prompts, arguments and texts are logged unless somebody turned that off; the body is a sentence that repeats
attributes, the error's message among them; ``output_token_count`` is without the thoughts, and ``input_token_count``
without the results of tools; an error's type and message are there twice, under old and new names; the agent's own file
(``telemetry.outfile``) has log records as its SDK keeps them (``_body``, ``hrTime``).
"""

from __future__ import annotations

from typing import Any, Final

from veilog_parsers.bodies.exchange import Exchange
from veilog_parsers.bodies.read import read_request, read_response
from veilog_parsers.bodies.rest import drop_repeated
from veilog_parsers.bodies.turns import Turn, add_completion_turn
from veilog_parsers.event import AuditEvent, Constant, Kind, Operation
from veilog_parsers.record.decoding import keep_under
from veilog_parsers.record.dropped import Why, note_dropped
from veilog_parsers.record.fields import (
    dicts,
    drop_keys,
    drop_known,
    ignored_keys,
    keyset,
    peek,
    pop_count,
    pop_identifier,
    withhold,
)
from veilog_parsers.record.prose import may_hold_prose
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import pop_time
from veilog_parsers.source import Source, Stability
from veilog_parsers.sources.agents.events import Agent, meanings
from veilog_parsers.sources.otel.facts import Table

_GOOGLE: Final = Constant("gcp.gen_ai")
_PREFIX: Final = "gemini_cli."

_EVENTS: Final = meanings(
    """
    gemini_cli.user_prompt                  ai_access           invoke_agent
    gemini_cli.api_request                  ai_access           chat
    gemini_cli.api_response                 ai_access           chat
    gemini_cli.api_error                    ai_access           chat
    gemini_cli.tool_call                    ai_access           execute_tool
    gemini_cli.agent.start                  ai_access           invoke_agent
    gemini_cli.agent.finish                 ai_access           invoke_agent
    gemini_cli.conseca.verdict              ai_access           execute_tool
    gemini_cli.file_operation               ai_access           execute_tool
    gemini_cli.config                       ai_control_plane    -
    gemini_cli.extension_install            ai_control_plane    -
    gemini_cli.extension_uninstall          ai_control_plane    -
    gemini_cli.extension_enable             ai_control_plane    -
    gemini_cli.extension_disable            ai_control_plane    -
    gemini_cli.hook_call                    ai_control_plane    -
    gemini_cli.slash_command                other               -
    gemini_cli.slash_command.model          other               -
    gemini_cli.model_routing                other               -
    gemini_cli.chat_compression             other               -
    gemini_cli.chat.invalid_chunk           other               -
    gemini_cli.chat.content_retry           other               -
    gemini_cli.chat.content_retry_failure   other               -
    gemini_cli.conversation_finished        other               -
    gemini_cli.tool_output_truncated        other               -
    gemini_cli.tool_output_masking          other               -
    gemini_cli.edit_strategy                other               -
    gemini_cli.edit_correction              other               -
    gemini_cli.malformed_json_response      other               -
    gemini_cli.flash_fallback               other               -
    gemini_cli.ripgrep_fallback             other               -
    gemini_cli.web_fetch_fallback_attempt   other               -
    gemini_cli.agent.recovery_attempt       other               -
    gemini_cli.ide_connection               other               -
    gemini_cli.rewind                       other               -

    BeforeAgent                             ai_access           invoke_agent
    AfterAgent                              ai_access           invoke_agent
    BeforeModel                             ai_access           chat
    BeforeToolSelection                     ai_access           chat
    AfterModel                              ai_access           chat
    BeforeTool                              ai_access           execute_tool
    AfterTool                               ai_access           execute_tool
    SessionStart                            ai_control_plane    -
    SessionEnd                              ai_control_plane    -
    Notification                            other               -
    PreCompress                             other               -
    """
)
_TABLE: Final = Table(
    """
    user.email                          user_id
    enduser.id                          user_id
    user.id                             user_id
    installation.id                     user_id
    session.id                          session_id
    session_id                          session_id
    prompt_id                           turn
    event.timestamp                     time
    timestamp                           time
    model                               model_name
    model_name                          model_name
    agent_name                          agent.name
    agent_id                            agent.id
    mcp_server_name                     mcp.server
    mcp_context/server_name             mcp.server
    mcp_context/tool_name               mcp.tool
    input_token_count                   input_tokens
    output_token_count                  output_tokens
    total_token_count                   token_count
    cached_content_token_count          cached_input_tokens
    thoughts_token_count                reasoning_tokens
    duration_ms                         latency_ms
    duration                            latency_ms
    status_code                         http_status
    http.status_code                    http_status
    finish_reasons                      finish_reasons
    prompt_length                       prompt_chars
    content_length                      response_bytes

    prompt                              prompt
    prompt_response                     response
    request_text                        request_body
    llm_request                         request_body
    response_text                       response_body
    llm_response                        response_body
    function_name                       tool
    tool_name                           tool
    function_args                       arguments
    tool_input                          arguments
    tool_response                       result
    decision                            decision
    success                             success
    status                              server_status
    error_type                          error_type
    error.type                          error_type
    error                               error
    error.message                       error
    auth_type                           credential
    approval_mode                       scopes
    hook_name                           target
    extension_name                      target
    mcp_servers                         target

    active_approval_mode                word
    api_key_enabled                     flag
    approval_mode                       word
    auth_type                           word
    core_tools_enabled                  word
    cwd                                 word
    debug_mode                          flag
    embedding_model                     word
    end_time                            number
    event.name                          word
    experiments.ids                     plain
    extension                           word
    extension_id                        word
    extension_ids                       word
    extension_name                      word
    extension_source                    word
    extension_version                   word
    extensions                          word
    extensions_count                    number
    file_filtering_respect_git_ignore   flag
    hook_type                           word
    interactive                         flag
    lines                               number
    log_user_prompts_enabled            flag
    mcp_servers_count                   number
    mcp_tools                           word
    mcp_tools_count                     number
    metadata                            secret
    mimetype                            word
    operation                           word
    output_format                       word
    programming_language                word
    prompt_id                           word
    reason                              word
    role                                word
    sandbox_enabled                     flag
    setting_scope                       word
    source                              word
    start_time                          number
    status_code                         word
    stop_hook_active                    flag
    terminate_reason                    word
    tool_type                           word
    transcript_path                     word
    trigger                             word
    turn_count                          number
    verdict                             word
    vertex_ai_enabled                   flag
    worktree_active                     flag
    """
)
_SENTENCES: Final = (
    "User prompt. Length: {prompt_length}.",
    "API request to {model}.",
    "API response from {model}. Status: {status_code}. Duration: {duration_ms}ms.",
    "API error for {model}. Error: {error}. Duration: {duration_ms}ms.",
    "Tool call: {function_name}. Decision: {decision}. Success: {success}. Duration: {duration_ms}ms.",
    "Tool call: {function_name}. Success: {success}. Duration: {duration_ms}ms.",
    "File operation: {operation}. Lines: {lines}.",
    "CLI configuration loaded.",
)
"""The bodies of log records, which have nothing that the attributes do not have."""
_LINE: Final = Table(
    """
    model                       model_name
    tokens/input                input_tokens
    tokens/output               output_tokens
    tokens/total                token_count
    tokens/cached               cached_input_tokens
    tokens/thoughts             reasoning_tokens
    """
)
_ANSWER_KEYS: Final = keyset("model thoughts tokens toolCalls")
_PROMPT_KEYS: Final = keyset("content displayContent id timestamp type")
_IGNORED_LINE_KEYS: Final = ignored_keys("timestamp tokens:plain type")
_IGNORED_CALL_KEYS: Final = ignored_keys("agentId displayName id renderOutputAsMarkdown:flag status timestamp")
_AGENT: Final = Agent(provider=_GOOGLE, table=_TABLE, events=_EVENTS)


def _is_event(fields: Fields) -> bool:
    return _AGENT.is_event(fields, _PREFIX)


def _is_hook(fields: Fields) -> bool:
    return _AGENT.is_hook(fields) and "timestamp" in fields


def _is_line(fields: Fields) -> bool:
    """Whether a record is a line of a transcript: an answer, or a prompt, which has nothing that others have not."""
    kind, content = fields.get("type"), fields["content"]
    if type(fields.get("id")) is not str or type(fields.get("timestamp")) is not str:
        return False
    if kind == "gemini":
        return not _ANSWER_KEYS.isdisjoint(fields)
    return kind == "user" and fields.keys() <= _PROMPT_KEYS and type(content) is list and bool(dicts(content))


def _read_line(fields: Fields) -> AuditEvent:
    """Read a line of a transcript: a prompt, or an answer with the tools that it called and what they returned."""
    event = AuditEvent(kind=Kind.AI_ACCESS, provider=_GOOGLE)
    event.timestamp = pop_time(fields, "timestamp")
    event.request_id = pop_identifier(fields, "id")
    exchange = Exchange()
    side = fields.get("type")
    event.api_operation = Constant("transcript.user" if side == "user" else "transcript.gemini")
    content = fields.get("content")
    parts = [
        {"text": part} if type(part) is str else part for part in (content if type(content) is list else [content])
    ]
    fields["content"] = parts
    if side == "user":
        exchange.operation = Operation.INVOKE_AGENT
        read_request({"contents": [{"role": "user", "parts": parts}]}, exchange)
    else:
        exchange.operation = Operation.CHAT
        _read_answer(fields, parts, exchange)
        _LINE.read(fields, event)
        if event.reasoning_tokens and event.output_tokens is not None:
            event.output_tokens += event.reasoning_tokens
    known = [part.reveal() for turns in (exchange.prompt, exchange.response) for turn in turns for part in turn.parts]
    drop_repeated(fields, known, "displayContent")
    exchange.apply(event)
    drop_keys(fields, _IGNORED_LINE_KEYS)
    return event


def _read_answer(fields: Fields, parts: list[Any], exchange: Exchange) -> None:
    read_response({"candidates": [{"content": {"role": "model", "parts": parts}}]}, exchange)
    turn = Turn()
    for thought in dicts(fields.get("thoughts")):
        for key in ("subject", "description"):
            turn.add_content(thought, key)
        drop_keys(thought, _IGNORED_LINE_KEYS)
    for call in dicts(fields.get("toolCalls")):
        turn.add_tool_call(call)
        turn.add_tool_result(call, "result")
        withhold(call, "resultDisplay", "description")
        drop_keys(call, _IGNORED_CALL_KEYS)
    add_completion_turn(turn, exchange)


def parse(fields: Fields) -> AuditEvent:
    """Read one event, one line of a transcript, or the input of one hook."""
    if "content" in fields and _is_line(fields):
        return _read_line(fields)
    if _is_hook(fields):
        _open_parts(fields)
        return _AGENT.read_hook(fields)
    for log in (*dicts(fields.get("logs")), fields):
        attributes = log.get("attributes")
        if type(attributes) is dict:
            _open_log(log, attributes)
    _open_resource(fields)
    return _AGENT.read_event(fields)


def _open_log(log: Fields, attributes: Fields) -> None:
    """Drop what a log record has twice, and add up its tokens."""
    for key in ("body", "_body"):
        if log.get(key) in _sentences(attributes):
            drop_known(log, key, Why.DUPLICATE)
    _add_up(attributes)
    if "error" in attributes and attributes["error"] == attributes.get("error.message"):
        drop_known(attributes, "error", Why.DUPLICATE)


def _open_resource(fields: Fields) -> None:
    """Take the resource out of the object that the agent's SDK writes into its own file."""
    resource = fields.get("resource")
    attributes = resource.get("attributes") if type(resource) is dict else None
    if type(resource) is dict and type(attributes) is dict:
        fields["resource"] = attributes
        besides = {key: value for key, value in resource.items() if key != "attributes"}
        if may_hold_prose(besides):
            keep_under(fields, "resource", besides)
        else:
            for key, value in besides.items():
                note_dropped(key, value, Why.NOISE)


def _open_parts(fields: Fields) -> None:
    """Give the parts of a response, which are strings in hooks, the form that they have in the API."""
    for candidate in dicts(peek(fields, "llm_response", "candidates")):
        parts = peek(candidate, "content", "parts")
        if type(parts) is list:
            parts[:] = [{"text": part} if type(part) is str else part for part in parts]


def _sentences(attributes: Fields) -> list[str]:
    """The sentences that the body of a log record with these attributes may be."""
    words = {name: str(value).lower() if type(value) is bool else value for name, value in attributes.items()}
    return [sentence.format_map(_Words(words)) for sentence in _SENTENCES]


class _Words(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return ""


def _add_up(attributes: Fields) -> None:
    """Add up tokens as the API bills them: thoughts are output, and results of tools are input."""
    for total, part in (("input_token_count", "tool_token_count"), ("output_token_count", "thoughts_token_count")):
        counts = {name: attributes.get(name) for name in (total, part)}
        whole, more = pop_count(counts, total), pop_count(counts, part)
        if whole is not None and more:
            attributes[total] = whole + more
    if pop_count({**attributes}, "tool_token_count") is not None:
        drop_known(attributes, "tool_token_count", Why.DUPLICATE)


SOURCE: Final = Source(
    name="gemini_cli",
    summary="Gemini CLI: its OpenTelemetry events, also in its own file, transcripts, and the input of its hooks.",
    stability=Stability.BETA,
    never_carries="The caller's address; costs; in transcripts and hooks, the caller.",
    references=(
        "https://github.com/google-gemini/gemini-cli/blob/main/docs/cli/telemetry.md",
        "https://github.com/google-gemini/gemini-cli/blob/main/packages/core/src/telemetry/types.ts",
        "https://github.com/google-gemini/gemini-cli/blob/main/docs/hooks/reference.md",
        "https://github.com/google-gemini/gemini-cli/blob/main/packages/core/src/services/chatRecordingTypes.ts",
    ),
    markers={"logs": _is_event, "attributes": _is_event, "hook_event_name": _is_hook, "content": _is_line},
    parse=parse,
)
