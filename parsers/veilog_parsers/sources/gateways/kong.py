"""Kong's AI plugins (AI Proxy and its kin), as Kong's log plugins (http-log, file-log, tcp-log ...) serialize a call.

Kong's ordinary log of a request, with an ``ai`` object in it that has one section per plugin:
``ai.<plugin>.{meta,usage,payload}``. What one would not guess:

* The section of AI Proxy is named ``proxy`` in some releases and ``ai-proxy`` in others, so any section is read, those
  that proxy first.
* ``payload.request`` and ``payload.response`` are the bodies as JSON **strings**, and only there with ``log_payloads``.
* Token counts of streams are Kong's estimates. An unknown provider is the word ``UNSPECIFIED``.
* ``consumer.custom_id`` is the name that the company knows its user by, ``username`` is Kong's own.
"""

from __future__ import annotations

from typing import Any, Final

from veilog_parsers.bodies.read import open_body, read_exchange
from veilog_parsers.event import AuditEvent, Kind, SensitiveText, UserType
from veilog_parsers.record.endpoints import operation_at, take_provider
from veilog_parsers.record.fields import (
    discard,
    discard_known,
    ignored,
    known,
    peek,
    take_count,
    take_identifier,
    take_number,
    take_text,
)
from veilog_parsers.record.network import take_address, take_endpoint
from veilog_parsers.record.outcomes import outcome_of_status
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import take_time
from veilog_parsers.source import Source, Stability

_SECTION_KEYS: Final = known("cache meta payload usage")
_PROXIES: Final = ("proxy", "ai-proxy", "ai-proxy-advanced")
_NOISE: Final = ignored(
    """
    latencies:plain route:plain service:plain source:blob tries:plain upstream_status:number upstream_uri
    workspace:plain
    """
)
_META_NOISE: Final = ignored("plugin_id request_mode")
_USAGE_NOISE: Final = ignored("cost:number time_per_token:number time_to_first_token:number")
_REQUEST_NOISE: Final = ignored("headers:secret id method querystring:secret size tls:plain")
_RESPONSE_NOISE: Final = ignored("headers:secret size")


def _has_ai(fields: Fields) -> bool:
    sections = fields.get("ai")
    return type(sections) is dict and any(
        type(section) is dict and not _SECTION_KEYS.isdisjoint(section) for section in sections.values()
    )


def parse(fields: Fields) -> AuditEvent:
    """Read one log entry."""
    event = AuditEvent(kind=Kind.AI_ACCESS, timestamp=take_time(fields, "started_at"))
    _read_who(fields, event)
    _read_request(fields, event)
    sections = fields.get("ai")
    if type(sections) is dict:
        for name in sorted(sections, key=lambda name: name not in _PROXIES):
            if type(sections[name]) is dict:
                _read_section(sections[name], event)
    discard_known(fields, _NOISE)
    return event


def _read_who(fields: Fields, event: AuditEvent) -> None:
    custom, name = take_identifier(fields, "consumer", "custom_id"), take_text(fields, "consumer", "username")
    number, credential = (
        take_identifier(fields, "consumer", "id"),
        take_identifier(fields, "authenticated_entity", "id"),
    )
    event.user_id = custom or name or number or credential
    event.user_name = name if event.user_id is not name else None
    if event.user_id is not None:
        event.user_type = UserType.USER
    event.tenant_id = take_identifier(fields, "workspace_name")
    event.client_ip = take_address(fields, "client_ip")
    event.user_agent = take_text(fields, "request", "headers", "user-agent")
    discard(fields, *[("consumer", key) for key in ("created_at", "updated_at", "tags", "type")])
    discard(fields, ("authenticated_entity", "consumer_id"))


def _read_request(fields: Fields, event: AuditEvent) -> None:
    path, url = take_endpoint(fields, "request", "uri"), take_endpoint(fields, "request", "url")
    endpoint = path or url
    if endpoint:
        event.endpoint = SensitiveText(endpoint)
        event.operation = operation_at(endpoint)
    # Kong's own id; the response carries one that the provider gave.
    event.request_id = take_identifier(fields, "request", "id") or take_identifier(
        fields, "response", "headers", "x-kong-request-id"
    )
    event.http_status = take_count(fields, "response", "status")
    event.outcome_status = outcome_of_status(event.http_status)
    latency = take_number(fields, "latencies", "request")
    event.latency_ms = latency if latency is not None and latency >= 0 else None
    for name, noise in (("request", _REQUEST_NOISE), ("response", _RESPONSE_NOISE)):
        if type(fields.get(name)) is dict:
            discard_known(fields[name], noise)


def _read_section(section: Fields, event: AuditEvent) -> None:
    """One plugin's section. The first that says something is believed; the others did not answer the client."""
    if peek(section, "meta", "provider_name") == "UNSPECIFIED":
        discard(section, ("meta", "provider_name"))
    provider = take_provider(section, "meta", "provider_name")
    requested, answered = (take_identifier(section, "meta", f"{side}_model") for side in ("request", "response"))
    latency = take_number(section, "meta", "llm_latency")
    sent, produced, total = (
        take_count(section, "usage", name) for name in ("prompt_tokens", "completion_tokens", "total_tokens")
    )
    event.provider = event.provider or provider
    event.model_name = event.model_name or requested or answered
    event.model_version = event.model_version or answered
    event.latency_ms = latency if event.latency_ms is None else event.latency_ms
    event.input_tokens = sent if event.input_tokens is None else event.input_tokens
    event.output_tokens = produced if event.output_tokens is None else event.output_tokens
    event.token_count = total if event.token_count is None else event.token_count
    bodies: list[Any] = [open_body(section, "payload", side) for side in ("request", "response")]
    read_exchange(*bodies).apply(event)
    for name, noise in (("meta", _META_NOISE), ("usage", _USAGE_NOISE)):
        if type(section.get(name)) is dict:
            discard_known(section[name], noise)
    discard(section, "cache")


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
