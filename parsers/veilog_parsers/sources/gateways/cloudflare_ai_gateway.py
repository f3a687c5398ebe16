"""Cloudflare AI Gateway: the Logpush dataset ``ai_gateway_events``, and entries of its logs API.

Logpush encrypts ``RequestBody``, ``ResponseBody`` and ``Metadata`` with the customer's public key: each is an object
with ``key``, ``iv`` and ``data`` in base64. An encrypted body is no text, so it has no hash, no length and no label; in
``unmapped`` the word ``encrypted`` replaces it. Bodies that are not encrypted are read as usual.

Entries of the API have keys in snake_case and no bodies. Status 424 means that the gateway's data loss prevention
blocked the call. A response with one of the error codes in ``_BLOCKS`` says that the guardrails did. ``Metrics`` has
cost and duration; ``RequestedModel`` is what the caller asked for, if the gateway routed the call to another model.
Neither of the two names a country. (Dataset ``ai_gateway_events`` and the guides to Guardrails, read 2026-11-26.)
"""

from __future__ import annotations

from typing import Any, Final

from veilog_parsers.bodies.read import open_body, read_exchange
from veilog_parsers.event import (
    AuditEvent,
    Guardrail,
    GuardrailAction,
    GuardrailPolicy,
    Kind,
    Outcome,
    SensitiveText,
    UserType,
)
from veilog_parsers.record.dropped import Why, note_dropped, prefer
from veilog_parsers.record.endpoints import operation_at, pop_provider
from veilog_parsers.record.fields import (
    dicts,
    drop_keys,
    ignored_keys,
    keyset,
    open_json,
    peek,
    pop,
    pop_count,
    pop_identifier,
)
from veilog_parsers.record.network import pop_endpoint
from veilog_parsers.record.outcomes import outcome_of_status
from veilog_parsers.record.prose import is_blob
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import pop_time
from veilog_parsers.source import Source, Stability
from veilog_parsers.sources.facts import facts, read_facts

ENCRYPTED: Final = "encrypted"
_BLOCKED_BY_DLP: Final = 424
_CIPHER_KEYS: Final = keyset("key iv data")
_BLOCKS: Final = {2016: GuardrailPolicy.CONTENT, 2017: GuardrailPolicy.CONTENT}
"""Error codes of a prompt and of a response that the guardrails blocked."""
_FACTS: Final = facts("""
    model_name      RequestedModel Model model
    model_version   Model
    request_id      ID id
    tenant_id       Gateway gateway_id
    input_tokens    tokens_in
    output_tokens   tokens_out
    latency_ms      duration Metrics/durationMs
    cost_usd        cost Cost Metrics/cost
    request_bytes   request_size
    response_bytes  response_size
""")
_IGNORED_KEYS: Final = ignored_keys(
    """
    Cached:flag RateLimited:flag RoutingDecisionID Step cached:flag custom_cost model_type
    request_content_type request_head_complete:flag request_type response_content_type
    response_head_complete:flag step:number
    """
)


def _is_logpush(fields: Fields) -> bool:
    return "Provider" in fields and ("Gateway" in fields or "Model" in fields)


def _is_api(fields: Fields) -> bool:
    return "tokens_out" in fields and "provider" in fields and "cached" in fields


def parse(fields: Fields) -> AuditEvent:
    """Read one entry of either kind."""
    event = AuditEvent(kind=Kind.AI_ACCESS)
    times = [pop_time(fields, key) for key in ("Datetime", "CreatedAt", "Timestamp", "created_at")]
    for time in times:
        event.timestamp = prefer(event.timestamp, time)
    event.provider = pop_provider(fields, "Provider") or pop_provider(fields, "provider")
    read_facts(fields, _FACTS, event)
    endpoint = pop_endpoint(fields, "Endpoint") or pop_endpoint(fields, "path")
    if endpoint:
        event.endpoint = SensitiveText(endpoint)
        event.operation = operation_at(f"/v1/{endpoint.lstrip('/')}")
    _read_outcome(fields, event)
    _read_metadata(fields, event)
    request, response = _body(fields, "RequestBody"), _body(fields, "ResponseBody")
    _read_block(response, event)
    read_exchange(request, response).apply(event)
    drop_keys(fields, _IGNORED_KEYS)
    return event


def _read_outcome(fields: Fields, event: AuditEvent) -> None:
    status, other = pop_count(fields, "StatusCode"), pop_count(fields, "status_code")
    event.http_status = prefer(status, other)
    event.outcome_status = outcome_of_status(event.http_status)
    if event.http_status == _BLOCKED_BY_DLP:
        event.outcome_status = Outcome.CONTENT_FILTERED
    if fields.get("RateLimited") is True:
        event.outcome_status = Outcome.THROTTLED
    if type(fields.get("success")) is bool:
        outcome = Outcome.SUCCESS if pop(fields, "success") else Outcome.FAILURE
        event.outcome_status = prefer(event.outcome_status, outcome, "success")


def _read_block(response: Any, event: AuditEvent) -> None:
    """Read from an error of the gateway that its guardrails or its data loss prevention blocked the call."""
    if event.http_status == _BLOCKED_BY_DLP:
        event.guardrail = Guardrail(action=GuardrailAction.BLOCKED, policies=[GuardrailPolicy.SENSITIVE_INFO])
    errors = response.get("error") if type(response) is dict else None
    for error in dicts([errors] if type(errors) is dict else errors):
        policy = _BLOCKS.get(error["code"]) if type(error.get("code")) is int else None
        if policy is not None:
            event.guardrail = Guardrail(action=GuardrailAction.BLOCKED, policies=[policy])
            event.outcome_status = Outcome.CONTENT_FILTERED
            event.error_code = pop_identifier(error, "code")


def _read_metadata(fields: Fields, event: AuditEvent) -> None:
    """Read the caller from the metadata that the application has added."""
    for name in ("Metadata", "metadata"):
        _close_encrypted(fields, name)
        for key in ("user_id", "userId", "user"):
            event.user_id = event.user_id or pop_identifier(fields, name, key)
    if event.user_id is not None:
        event.user_type = UserType.USER


def _is_encrypted(value: Any) -> bool:
    """Whether a value is encrypted: ciphertext with its key or initialization vector, and no prose."""
    return type(value) is dict and "data" in value and len(_CIPHER_KEYS & value.keys()) > 1 and is_blob(value)


def _close_encrypted(fields: Fields, name: str) -> None:
    """Replace an encrypted value by the word that it is encrypted: the ciphertext is noise."""
    value = open_json(fields, name)
    if _is_encrypted(value):
        note_dropped(name, value, Why.NOISE)
        fields[name] = ENCRYPTED


def _body(fields: Fields, name: str) -> Any:
    _close_encrypted(fields, name)
    return open_body(fields, name) if peek(fields, name) != ENCRYPTED else None


SOURCE: Final = Source(
    name="cloudflare_ai_gateway",
    summary="Cloudflare AI Gateway's Logpush events and API log entries.",
    stability=Stability.BETA,
    never_carries="Prompts and responses, as long as Logpush encrypts them; who called, unless its metadata say so.",
    references=("https://developers.cloudflare.com/ai-gateway/observability/logging/logpush/",),
    markers={"Provider": _is_logpush, "tokens_in": _is_api},
    parse=parse,
)
