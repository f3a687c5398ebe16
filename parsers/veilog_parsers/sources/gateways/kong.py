"""Kong's AI plugins (AI Proxy and others), as Kong's log plugins (http-log, file-log, tcp-log) write a call.

A record is Kong's ordinary log of a request, with an ``ai`` object that has one section per plugin:
``ai.<plugin>.{meta,usage,payload}``. Pitfalls:

* The section of AI Proxy is ``proxy`` in some releases and ``ai-proxy`` in others. So all sections are read, those of a
  proxy first.
* ``payload.request`` and ``payload.response`` are bodies as JSON **strings**. They are missing without
  ``log_payloads``.
* Token counts of streams are Kong's estimates. An unknown provider is ``UNSPECIFIED``.
* The AI MCP plugin has a section of its own: ``ai.mcp.{mcp_session_id,rpc[]}``, a JSON-RPC call each, with both of its
  messages as JSON strings.
* Costs are in the currency in which the operator gave the model's prices; dollars are assumed.
* ``consumer.custom_id`` is the company's own name of the user, ``username`` is Kong's.
"""

from __future__ import annotations

from typing import Any, Final

from veilog_parsers.bodies.exchange import Exchange
from veilog_parsers.bodies.read import open_body, read_exchange
from veilog_parsers.bodies.rest import UNREAD_KEY, add_unread_prompt
from veilog_parsers.event import AuditEvent, Constant, Kind, Mcp, Operation, Outcome, SensitiveText, ToolCall, UserType
from veilog_parsers.record.dropped import Why, prefer
from veilog_parsers.record.endpoints import operation_at
from veilog_parsers.record.fields import (
    as_identifier,
    dicts,
    drop,
    drop_keys,
    ignored_keys,
    keyset,
    peek,
    pop_count,
    pop_identifier,
    pop_text,
)
from veilog_parsers.record.network import pop_address, pop_endpoint
from veilog_parsers.record.outcomes import outcome_of_status
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import pop_elapsed, pop_time
from veilog_parsers.source import Source, Stability
from veilog_parsers.sources.facts import facts, read_facts
from veilog_parsers.sources.gateways.mcp import read_messages

_SECTION_KEYS: Final = keyset("cache meta payload rpc usage")
_FACTS: Final = facts("""
    credential.id_hash      authenticated_entity/id
    request_bytes           request/size
    response_bytes          response/size
    deployment              service/name
    trace_id                trace_id/w3c trace_id/datadog trace_id
""")
_SECTION_FACTS: Final = facts("""
    provider                meta/provider_name
    model_version           meta/response_model
    latency_ms              meta/llm_latency
    cost_usd                usage/cost
    time_to_first_token_ms  usage/time_to_first_token
    input_tokens            usage/prompt_tokens usage/prompt_token
    output_tokens           usage/completion_tokens usage/completion_token
    token_count             usage/total_tokens
""")
_TOOL_ERROR: Final = Constant("tool_error")
_PROXIES: Final = ("proxy", "ai-proxy", "ai-proxy-advanced")
_IGNORED_KEYS: Final = ignored_keys(
    """
    latencies:plain route:plain service:plain source:blob tries:plain upstream_status:number upstream_uri
    workspace:plain
    """
)
_IGNORED_META_KEYS: Final = ignored_keys("llm_latency:number plugin_id request_mode")
_IGNORED_USAGE_KEYS: Final = ignored_keys(
    """
    completion_token:number completion_tokens:number cost:number prompt_token:number prompt_tokens:number
    time_per_token:number time_to_first_token:number total_tokens:number
    """
)
_IGNORED_RPC_KEYS: Final = ignored_keys("id latency:number response_body_size:number")
_IGNORED_REQUEST_KEYS: Final = ignored_keys("headers:secret id method querystring:secret size tls:plain")
_IGNORED_RESPONSE_KEYS: Final = ignored_keys("headers:secret size")


def _has_ai(fields: Fields) -> bool:
    sections = fields.get("ai")
    return type(sections) is dict and any(
        type(section) is dict and not _SECTION_KEYS.isdisjoint(section) for section in sections.values()
    )


def parse(fields: Fields) -> AuditEvent:
    """Read one log entry."""
    event = AuditEvent(kind=Kind.AI_ACCESS, timestamp=pop_time(fields, "started_at"))
    number = peek(fields, "authenticated_entity", "id")
    read_facts(fields, _FACTS, event)
    _read_who(fields, event, number)
    _read_request(fields, event)
    if dicts(fields.get("tries"))[1:]:
        event.retries = len(fields["tries"]) - 1
    sections = fields.get("ai")
    if type(sections) is dict:
        for name in sorted(sections, key=lambda name: name not in _PROXIES):
            if type(sections[name]) is dict:
                _read_section(sections[name], event)
    drop_keys(fields, _IGNORED_KEYS)
    return event


def _read_who(fields: Fields, event: AuditEvent, credential: Any) -> None:
    custom, name = pop_identifier(fields, "consumer", "custom_id"), pop_text(fields, "consumer", "username")
    number = pop_identifier(fields, "consumer", "id")
    event.user_id = prefer(prefer(custom or name, number), as_identifier(credential))
    event.user_name = name if event.user_id is not name else None
    if event.user_id is not None:
        event.user_type = UserType.USER
    event.tenant_id = pop_identifier(fields, "workspace_name")
    event.client_ip = pop_address(fields, "client_ip")
    event.user_agent = pop_text(fields, "request", "headers", "user-agent")
    drop(fields, *[("consumer", key) for key in ("created_at", "updated_at", "tags", "type")])
    drop(fields, ("authenticated_entity", "consumer_id"), why=Why.DUPLICATE)


def _read_request(fields: Fields, event: AuditEvent) -> None:
    path, url = pop_endpoint(fields, "request", "uri"), pop_endpoint(fields, "request", "url")
    endpoint = prefer(path, url)
    if endpoint:
        event.endpoint = SensitiveText(endpoint)
        event.operation = operation_at(endpoint)
    # The id of Kong, since the one in the body is the provider's.
    event.request_id = pop_identifier(fields, "request", "id") or pop_identifier(
        fields, "response", "headers", "x-kong-request-id"
    )
    event.http_status = pop_count(fields, "response", "status")
    event.outcome_status = outcome_of_status(event.http_status)
    event.latency_ms = pop_elapsed(fields, "latencies", "request")
    for name, ignored in (("request", _IGNORED_REQUEST_KEYS), ("response", _IGNORED_RESPONSE_KEYS)):
        if type(fields.get(name)) is dict:
            drop_keys(fields[name], ignored)


def _read_section(section: Fields, event: AuditEvent) -> None:
    """Read the section of one plugin.

    The first section that has a value counts: the others did not answer the client.
    """
    if peek(section, "meta", "provider_name") == "UNSPECIFIED":
        drop(section, ("meta", "provider_name"))
    requested = pop_identifier(section, "meta", "request_model")
    read_facts(section, _SECTION_FACTS, event)
    event.model_name = prefer(event.model_name, requested, "request_model") or event.model_version
    _read_rpc(section, event)
    bodies: list[Any] = [open_body(section, "payload", side) for side in ("request", "response")]
    read_exchange(*bodies).apply(event)
    for name, ignored in (("meta", _IGNORED_META_KEYS), ("usage", _IGNORED_USAGE_KEYS)):
        if type(section.get(name)) is dict:
            drop_keys(section[name], ignored)
    drop(section, "cache")


def _read_rpc(section: Fields, event: AuditEvent) -> None:
    """Read the calls of an MCP session. If a client sends several at once, the first one is the event's ``mcp``.

    What the others called stays in the record.
    """
    event.session_id = event.session_id or pop_identifier(section, "mcp_session_id")
    for call in dicts(section.get("rpc")):
        method, tool = as_identifier(call.get("method")), as_identifier(call.get("tool_name"))
        if event.mcp is None:
            event.mcp = Mcp(method=pop_identifier(call, "method"), tool=pop_identifier(call, "tool_name"))
        event.api_operation = event.api_operation or method
        if tool is not None:
            event.operation = event.operation or Operation.EXECUTE_TOOL
        if call.get("error"):
            event.outcome_status, event.error_code = Outcome.FAILURE, _TOOL_ERROR
        exchange = Exchange()
        payload = open_body(call, "payload")
        if type(payload) is dict and UNREAD_KEY in payload:
            add_unread_prompt(payload, exchange, 0)
        read_messages([open_body(call, "payload", side) for side in ("request", "response")], event, exchange)
        exchange.apply(event)
        if tool is not None and not event.tool_calls:
            event.tool_calls = [ToolCall(name=tool)]
        drop_keys(call, _IGNORED_RPC_KEYS)


SOURCE: Final = Source(
    name="kong",
    summary="Kong AI Gateway: the `ai` sections that AI Proxy and its kin add to Kong's logs.",
    stability=Stability.BETA,
    never_carries="Prompts and responses, unless `log_payloads` is on; exact token counts of streams.",
    references=(
        "https://docs.konghq.com/gateway/latest/ai-gateway/ai-analytics/",
        "https://docs.konghq.com/hub/kong-inc/http-log/",
    ),
    markers={"ai": _has_ai},
    parse=parse,
)
