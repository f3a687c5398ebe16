"""Envoy AI Gateway: Envoy's JSON access log with models and token counts, under flat keys with dots.

``{"gen_ai.request.model": "...", "gen_ai.usage.input_tokens": 12, "response_code": 200, "duration": 812, ...}``. The
operator chooses the keys; most copy them from the project's examples, older ones of which have ``genai_model_name`` and
``genai_tokens_input``. Envoy writes a missing value as ``-`` or null, and numbers of its metadata as numbers or
strings. The log has no bodies, so no prompt and no hash of one.
"""

from __future__ import annotations

from typing import Final

from veilog_parsers.event import AuditEvent, Kind, Mcp, Operation, SensitiveText, ToolCall
from veilog_parsers.record.dropped import prefer
from veilog_parsers.record.endpoints import operation_at, pop_provider
from veilog_parsers.record.fields import (
    drop_keys,
    drop_known,
    ignored_keys,
    keyset,
    paths,
    pop_count,
    pop_first,
    pop_identifier,
    pop_text,
    pop_word,
)
from veilog_parsers.record.network import pop_address, pop_endpoint
from veilog_parsers.record.outcomes import outcome_of_status
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import pop_elapsed, pop_time
from veilog_parsers.source import Source, Stability
from veilog_parsers.sources.facts import facts, read_facts

_ENVOY_KEYS: Final = keyset(
    "response_code downstream_remote_address upstream_host upstream_cluster x-envoy-origin-path response_flags"
)
_IGNORED_KEYS: Final = ignored_keys(
    """
    :authority authority connection_termination_details
    downstream_local_address genai_model_name_override jsonrpc.request.id mcp.protocol.version method protocol
    requested_server_name response_code_details response_flags route_name upstream_cluster upstream_host
    upstream_local_address upstream_transport_failure_reason x-envoy-upstream-service-time:number
    """
)
_FACTS: Final = facts("""
    cached_input_tokens     gen_ai.usage.cache_read.input_tokens gen_ai.usage.cached_input_tokens
    cache_write_tokens      gen_ai.usage.cache_creation.input_tokens
    reasoning_tokens        gen_ai.usage.reasoning_tokens gen_ai.usage.reasoning.output_tokens
    request_bytes           bytes_received
    response_bytes          bytes_sent
    attempt                 upstream_request_attempt_count
    trace_id                trace_id x-b3-traceid
""")
_USER_ID: Final = paths("user.id x-user-id enduser.id")
_SESSION: Final = paths("session.id mcp.session.id")
_CLIENT_IP: Final = paths("x-forwarded-for downstream_remote_address")
_USER_AGENT: Final = paths("user-agent user_agent")
_REQUEST_ID: Final = paths("x-request-id request_id")
_INPUT_TOKENS: Final = paths("gen_ai.usage.input_tokens genai_tokens_input")
_OUTPUT_TOKENS: Final = paths("gen_ai.usage.output_tokens genai_tokens_output")
_TOTAL_TOKENS: Final = paths("gen_ai.usage.total_tokens genai_tokens_total")
_PROVIDER: Final = ("gen_ai.provider.name", "gen_ai.system", "genai_backend_name")
_MODEL: Final = paths("gen_ai.request.model genai_model_name")
_ENDPOINT: Final = paths("x-envoy-origin-path path :path")
_OPERATIONS: Final = {str(operation): operation for operation in Operation}


def _is_envoy(fields: Fields) -> bool:
    # OpenTelemetry's own logs have the gen_ai keys too, but not the keys of Envoy's access log beside them.
    return not _ENVOY_KEYS.isdisjoint(fields)


def parse(fields: Fields) -> AuditEvent:
    """Read one access log entry."""
    for key in [key for key, value in fields.items() if value == "-"]:
        drop_known(fields, key)
    event = AuditEvent(kind=Kind.AI_ACCESS, timestamp=pop_time(fields, "start_time"))
    event.user_id = pop_first(pop_identifier, fields, _USER_ID, drop_others=True)
    event.session_id = pop_first(pop_identifier, fields, _SESSION)
    event.conversation_id = pop_identifier(fields, "gen_ai.conversation.id")
    event.client_ip = pop_first(pop_address, fields, _CLIENT_IP, drop_others=True)
    event.user_agent = pop_first(pop_text, fields, _USER_AGENT, drop_others=True)
    event.request_id = pop_first(pop_identifier, fields, _REQUEST_ID, drop_others=True)
    event.tenant_id = pop_identifier(fields, "x-tenant-id")
    _read_what(fields, event)
    read_facts(fields, _FACTS, event)
    if event.attempt:
        event.retries = event.attempt - 1
    event.input_tokens = pop_first(pop_count, fields, _INPUT_TOKENS, drop_others=True)
    event.output_tokens = pop_first(pop_count, fields, _OUTPUT_TOKENS, drop_others=True)
    event.token_count = pop_first(pop_count, fields, _TOTAL_TOKENS, drop_others=True)
    event.latency_ms = pop_elapsed(fields, "duration")
    # 0 means that the client went away before there was a response.
    event.http_status = pop_count(fields, "response_code") or None
    event.outcome_status = outcome_of_status(event.http_status)
    drop_keys(fields, _IGNORED_KEYS)
    return event


def _read_what(fields: Fields, event: AuditEvent) -> None:
    for key in _PROVIDER:
        event.provider = prefer(event.provider, pop_provider(fields, key))
    event.model_name = pop_first(pop_identifier, fields, _MODEL, drop_others=True)
    event.model_version = pop_identifier(fields, "gen_ai.response.model")
    endpoint = pop_first(pop_endpoint, fields, _ENDPOINT, drop_others=True)
    if endpoint:
        event.endpoint = SensitiveText(endpoint)
        event.operation = operation_at(endpoint)
    named = pop_word(fields, "gen_ai.operation.name")
    event.operation = _OPERATIONS.get(named or "") or event.operation
    event.api_operation = pop_identifier(fields, "mcp.method.name")
    tool, server = pop_identifier(fields, "mcp.tool.name"), pop_identifier(fields, "mcp.provider.name")
    if event.api_operation or tool or server:
        event.mcp = Mcp(method=event.api_operation, tool=tool, server=server)
    if tool is not None:
        event.operation = event.operation or Operation.EXECUTE_TOOL
        event.tool_calls = [ToolCall(name=tool)]


SOURCE: Final = Source(
    name="envoy_ai_gateway",
    summary="Envoy AI Gateway's JSON access log, with models and token counts.",
    stability=Stability.BETA,
    never_carries="Prompts and responses.",
    references=("https://aigateway.envoyproxy.io/docs/capabilities/observability/accesslogs/",),
    markers=dict.fromkeys(
        (
            "gen_ai.request.model",
            "gen_ai.response.model",
            "gen_ai.provider.name",
            "gen_ai.usage.input_tokens",
            "genai_model_name",
            "mcp.method.name",
        ),
        _is_envoy,
    ),
    parse=parse,
)
