"""Model Context Protocol: JSON-RPC messages between agents and tool servers, as gateways and proxies log them.

A record is a single message, or a call with both of its messages under ``request`` and ``response``; beside them, under
usual keys, are caller, time and place. Pitfalls: a tool's failure is a *successful* response with ``isError``; a
response does not repeat the method, so its keys tell it; ids are unique only within a session, so requests and
responses in separate records are not joined; newer revisions have the client's name in ``_meta`` of every request.
Other protocols use JSON-RPC too (editors, blockchains): only messages with MCP's methods or results are MCP.

The arguments of a tool are the prompt and its result is the response, since these cross the boundary between agent and
server. Lists of tools, handshakes and notifications have neither: they are ``ai_control_plane``.
"""

from __future__ import annotations

from typing import Any, Final

from veilog_parsers.bodies.exchange import Exchange
from veilog_parsers.bodies.read import decode_body
from veilog_parsers.bodies.turns import Turn, add_prompt_messages, comparable, pop_finish_reason, pop_serialized
from veilog_parsers.event import (
    Agent,
    AuditEvent,
    Constant,
    Kind,
    Mcp,
    Operation,
    Outcome,
    Role,
    SensitiveText,
    ToolCall,
    UserType,
)
from veilog_parsers.record.dropped import Why, prefer
from veilog_parsers.record.fields import (
    as_identifier,
    dicts,
    drop,
    drop_keys,
    drop_known,
    ignored_keys,
    keyset,
    paths,
    peek,
    pop_first,
    pop_identifier,
    pop_str,
    pop_text,
)
from veilog_parsers.record.network import pop_address, pop_endpoint
from veilog_parsers.record.outcomes import outcome_of_status, pop_http_status
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import pop_elapsed, pop_time
from veilog_parsers.source import KeyedTest, Source, Stability, Test

_VERSION: Final = "2.0"
_TOOL_ERROR: Final = Constant("tool_error")
"""OpenTelemetry's name for a tool's own failure."""
_CLIENT: Final = "io.modelcontextprotocol/clientInfo"

_REQUESTS: Final = ("request", "mcp_request", "request_body")
_RESPONSES: Final = ("response", "mcp_response", "response_body")
_BODIES: Final = (*_REQUESTS, *_RESPONSES)

_CALLS: Final = {
    "tools/call": Operation.EXECUTE_TOOL,
    "resources/read": Operation.RETRIEVAL,
    "sampling/createMessage": Operation.CHAT,
    "prompts/get": None,
    "completion/complete": None,
    "elicitation/create": None,
}
"""Methods with a prompt and a response, and their operations."""
_METHODS: Final = keyset("ping logging/setLevel roots/list server/discover subscriptions/listen") | _CALLS.keys()
_METHOD_PREFIXES: Final = ("tools/", "resources/", "prompts/", "notifications/")
_METHODS_BY_RESULT_KEY: Final = {
    "structuredContent": "tools/call",
    "contents": "resources/read",
    "stopReason": "sampling/createMessage",
    "model": "sampling/createMessage",
    "messages": "prompts/get",
    "completion": "completion/complete",
    "action": "elicitation/create",
    "content": "tools/call",
    "isError": "tools/call",
}
"""Methods by the keys of their results, most specific first."""
_IGNORED_LIST_KEYS: Final = ignored_keys(
    """
    prompts:objects resources:objects resourceTemplates:objects roots:objects tools:objects capabilities:plain
    instructions
    """
)
_RESULT_KEYS: Final = (
    _IGNORED_LIST_KEYS | _METHODS_BY_RESULT_KEY.keys() | keyset("protocolVersion resultType supportedVersions")
)

_IGNORED_KEYS: Final = ignored_keys(
    """
    _meta:plain cacheScope hasMore:flag nextCursor progressToken protocolVersion resultType supportedVersions:list
    total:number ttlMs:number
    """
)
_IGNORED_SAMPLING_KEYS: Final = ignored_keys(
    """
    includeContext maxTokens:number metadata:plain modelPreferences:plain stopSequences:list temperature:number
    toolChoice:objects tools:objects
    """
)
_IGNORED_ELICITATION_KEYS: Final = ignored_keys("mode requestedSchema:objects")
_IGNORED_BLOCK_KEYS: Final = ignored_keys("annotations:objects blob:blob data:blob icons:blob mimeType name size title")
_IGNORED_ENVELOPE_KEYS: Final = ignored_keys(
    "direction headers:secret level logger request_headers:secret response_headers:secret"
)

_TIME: Final = paths("time timestamp ts @timestamp")
_SESSION: Final = paths("session_id sessionId session mcp_session_id mcp-session-id")
_USER: Final = paths("user_id userId user sub")
_USER_NAME: Final = paths("user_name userName username user_email email")
_TENANT: Final = paths("tenant_id tenantId tenant organization_id org_id")
_ADDRESS: Final = paths("client_ip clientIp remote_addr remote_ip source_ip")
_URL: Final = paths("server_url url endpoint")
_SERVER: Final = paths("server_name mcp_server_name mcp_server server")
_STATUS: Final = paths("status_code http_status status")
_MILLISECONDS: Final = paths("duration_ms durationMs latency_ms latencyMs")


def _is_message(body: Any) -> bool:
    """Whether a JSON-RPC message is one of MCP. An error has no method, so any error counts."""
    if type(body) is not dict or body.get("jsonrpc") != _VERSION:
        return False
    method, result = body.get("method"), body.get("result")
    if method == "initialize":
        return peek(body, "params", "protocolVersion") is not None
    if type(method) is str:
        return method in _METHODS or method.startswith(_METHOD_PREFIXES)
    return "error" in body or (type(result) is dict and (not result or not _RESULT_KEYS.isdisjoint(result)))


def _test_of_calls(keys: frozenset[str]) -> Test:
    present = [key for key in _BODIES if key in keys]

    def is_call(fields: Fields) -> bool:
        for key in present:
            body = fields[key]
            if type(body) is dict:
                # Most bodies under these keys are of other APIs: they cost no call.
                if "jsonrpc" in body and _is_message(body):
                    return True
            elif type(body) is str and '"jsonrpc"' in body[:4096] and _is_message(decode_body(body)):
                return True
        return False

    return is_call


def parse(fields: Fields) -> AuditEvent:
    """Read one message, or one call with both of its messages."""
    event, exchange = AuditEvent(kind=Kind.AI_CONTROL_PLANE), Exchange()
    _read_envelope(fields, event)
    messages = (
        [fields]
        if "jsonrpc" in fields
        else [body for key in (*_REQUESTS, *_RESPONSES) if (body := _open_object(fields, key))]
    )
    read_messages(messages, event, exchange)
    exchange.apply(event)
    return event


def read_messages(messages: list[Any], event: AuditEvent, exchange: Exchange) -> None:
    """Consume the messages of one call: its request, its response, or both in this order.

    Args:
        messages: JSON-RPC messages; what is no object is left out.
        event: gets the method, the tool, the client and how the call ended.
        exchange: gets the texts.
    """
    method = ""
    for message in messages:
        if type(message) is dict:
            method = _read_message(message, method, event, exchange)


def _open_object(fields: Fields, key: str) -> Fields | None:
    body = decode_body(fields.get(key))
    if type(body) is not dict:
        return None
    fields[key] = body
    return body


def _read_envelope(fields: Fields, event: AuditEvent) -> None:
    event.timestamp = pop_first(pop_time, fields, _TIME)
    event.tenant_id = pop_first(pop_identifier, fields, _TENANT)
    event.user_id = pop_first(pop_identifier, fields, _USER)
    event.user_name = pop_first(pop_text, fields, _USER_NAME)
    if event.user_id is None and event.user_name is None and type(fields.get("user")) is dict:
        event.user_id = pop_identifier(fields, "user", "id") or pop_identifier(fields, "user", "email")
    if event.user_id is not None or event.user_name is not None:
        event.user_type = UserType.USER
    event.session_id = pop_first(pop_identifier, fields, _SESSION)
    event.client_ip = pop_first(pop_address, fields, _ADDRESS)
    event.user_agent = pop_text(fields, "user_agent")
    server = pop_first(pop_endpoint, fields, _URL)
    name = pop_first(pop_endpoint, fields, _SERVER)
    if name and "/" not in name:
        event.mcp = Mcp(server=SensitiveText(name))
    endpoint = server or name
    event.endpoint = SensitiveText(endpoint) if endpoint else None
    event.http_status = pop_first(pop_http_status, fields, _STATUS)
    event.outcome_status = outcome_of_status(event.http_status)
    event.latency_ms = pop_first(pop_elapsed, fields, _MILLISECONDS)
    # Headers hold credentials: they are withheld.
    drop_keys(fields, _IGNORED_ENVELOPE_KEYS)


def _read_message(message: Fields, method: str, event: AuditEvent, exchange: Exchange) -> str:
    """Consume one message. Returns the method of the call, which a response has from its request or its keys."""
    drop(message, "jsonrpc")
    request_id = pop_identifier(message, "id")
    event.request_id = prefer(event.request_id, request_id, "id")
    result = message.get("result")
    requested = pop_str(message, "method")
    if requested is not None:
        method = requested
        event.api_operation = SensitiveText(requested)
        event.mcp = event.mcp or Mcp()
        event.mcp.method = event.mcp.method or event.api_operation
    elif not method and type(result) is dict:
        method = next((_METHODS_BY_RESULT_KEY[key] for key in _METHODS_BY_RESULT_KEY if key in result), "")
    if method in _CALLS or "error" in message:
        event.kind = Kind.AI_ACCESS
        exchange.operation = _CALLS.get(method)
    params = message.get("params")
    if type(params) is dict:
        _read_params(params, method, event, exchange)
    if type(result) is dict:
        _read_result(result, method, event, exchange)
        event.outcome_status = event.outcome_status or Outcome.SUCCESS
    if "error" in message:
        _read_error(message, event, exchange)
    return method


def _read_error(message: Fields, event: AuditEvent, exchange: Exchange) -> None:
    exchange.failed = True
    event.error_code = pop_identifier(message, "error", "code")


def _read_params(params: Fields, method: str, event: AuditEvent, exchange: Exchange) -> None:
    client = peek(params, "_meta", _CLIENT) or params.get("clientInfo")
    if type(client) is dict and event.user_agent is None:
        name, version = pop_str(client, "name"), pop_str(client, "version")
        event.user_agent = SensitiveText("/".join(filter(None, (name, version)))) if name else None
        event.agent = Agent(name=as_identifier(name), version=as_identifier(version))
    if method == "tools/call":
        _read_tool_call(params, event, exchange)
    elif method == "sampling/createMessage":
        _read_sampling(params, exchange)
    elif method == "resources/read":
        uri = pop_endpoint(params, "uri")
        event.endpoint = prefer(SensitiveText(uri) if uri else None, event.endpoint)
    elif method == "prompts/get":
        _add_prompt(params, "arguments", exchange)
    elif method == "completion/complete":
        argument = params.get("argument")
        if type(argument) is dict:
            _add_prompt(argument, "value", exchange)
            drop(argument, "name")
        drop(params, "ref", "context")
    elif method == "elicitation/create":
        _add_prompt(params, "message", exchange)
        drop_keys(params, _IGNORED_ELICITATION_KEYS)
    elif method == "initialize":
        drop(params, "capabilities", "clientInfo")
    drop_keys(params, _IGNORED_KEYS)


def _add_prompt(fields: Fields, key: str, exchange: Exchange) -> None:
    text = pop_serialized(fields, key)
    exchange.add_prompt(Role.USER, [text] if text else [])


def _read_tool_call(params: Fields, event: AuditEvent, exchange: Exchange) -> None:
    name, arguments = pop_identifier(params, "name"), pop_serialized(params, "arguments")
    exchange.add_prompt(Role.USER, [arguments] if arguments else [])
    # The user's answers to questions of the server.
    _add_prompt(params, "inputResponses", exchange)
    drop(params, "requestState")
    if name or arguments:
        event.tool_calls = [*(event.tool_calls or ()), ToolCall(name=name, arguments=arguments)]
    if name is not None:
        event.mcp = event.mcp or Mcp()
        event.mcp.tool = event.mcp.tool or name


def _read_sampling(params: Fields, exchange: Exchange) -> None:
    system = pop_text(params, "systemPrompt")
    exchange.add_prompt(Role.SYSTEM, [system] if system else [])
    add_prompt_messages(params.get("messages"), exchange)
    drop_keys(params, _IGNORED_SAMPLING_KEYS)


def _read_result(result: Fields, method: str, event: AuditEvent, exchange: Exchange) -> None:
    if type(result.get("isError")) is bool:
        if result["isError"]:
            exchange.failed = True
            event.error_code = _TOOL_ERROR
        drop_known(result, "isError", Why.DUPLICATE)
    turn = Turn()
    if method == "elicitation/create":
        # The fields of a form, under any keys.
        _add_other(result, "content", turn)
    exchange.answered_model = pop_identifier(result, "model")
    pop_finish_reason(result, exchange, "stopReason")
    if method in _CALLS:
        for block in (*dicts(result.get("content")), *dicts(result.get("contents")), *dicts(result.get("messages"))):
            _read_block(block, turn)
        turn.add_content(result, "content")
        turn.add_content(result, "contents")
        turn.add_content(result, "description")
        completion = result.get("completion")
        if type(completion) is dict:
            turn.add_content(completion, "values")
            drop_keys(completion, _IGNORED_KEYS)
        drop(result, "role", "action")
        # Content that no reader knows is a text of the server too.
        for key in ("content", "structuredContent", "inputRequests"):
            _add_other(result, key, turn)
    else:
        server = pop_identifier(result, "serverInfo", "name")
        if server is not None:
            event.mcp = event.mcp or Mcp()
            event.mcp.server = event.mcp.server or server
        drop_keys(result, _IGNORED_LIST_KEYS)
        drop(result, "serverInfo", "instructions")
    drop_keys(result, _IGNORED_KEYS)
    exchange.add_completion(turn.text_parts + turn.result_parts)


def _add_other(result: Fields, key: str, turn: Turn) -> None:
    """Add a value as a text, unless a block repeats it: structured content comes again as JSON in a text block."""
    text = pop_serialized(result, key)
    if text and comparable(text) not in map(comparable, turn.text_parts):
        turn.text_parts.append(text)


def _read_block(block: Fields, turn: Turn) -> None:
    """Consume a block of content, a resource or a prompt's message."""
    drop(block, "role")
    content, resource = block.get("content"), block.get("resource")
    for inner in (*dicts(content), *dicts([content]), *dicts([resource])):
        _read_block(inner, turn)
    if resource == {}:
        drop(block, "resource")
    if content in ({}, []):
        drop(block, "content")
    if "uri" in block:
        # The path of a resource may contain the name of a person.
        turn.add_content(block, "uri")
    drop_keys(block, _IGNORED_BLOCK_KEYS)
    turn.add_block(block)


SOURCE: Final = Source(
    name="mcp",
    summary="Model Context Protocol: tool calls, resources and prompts, as JSON-RPC messages or calls of a gateway.",
    stability=Stability.BETA,
    never_carries="The model and its tokens; who called, unless the gateway adds it.",
    references=(
        "https://modelcontextprotocol.io/specification",
        "https://www.jsonrpc.org/specification",
    ),
    markers={
        "jsonrpc": _is_message,
        **dict.fromkeys(_BODIES, KeyedTest(_test_of_calls)),
    },
    parse=parse,
)
