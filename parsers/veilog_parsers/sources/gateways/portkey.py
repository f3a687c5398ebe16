"""Portkey's open-source gateway: its log of each call, or of a single attempt.

A call is ``{time, method, endpoint, status, duration, requestOptions}``. Each of ``requestOptions`` is one attempt,
since the gateway retries and falls back: ``providerOptions`` (provider and URL), ``finalUntransformedRequest.body``
(the client's request), ``transformedRequest.body`` (the same in the provider's format), ``originalResponse.body`` (the
provider's response) or ``response``, ``createdAt``, ``executionTime``. Pitfalls:

* Hooks (guardrails) put their verdicts into the response, under ``hook_results``. Status 446 means that one of them
  denied the call, 246 that one failed and the call was let through.
* The last attempt is the one that was answered. The bodies of earlier ones repeat the request and are dropped.
* ``providerOptions`` holds the provider's API key and headers, and is withheld.
* ``time`` is in the format of the server's locale and cannot be parsed; ``createdAt`` can.
* A log over 100,000 characters has no bodies.
"""

from __future__ import annotations

from typing import Any, Final

from veilog_parsers.bodies.read import open_body, read_exchange
from veilog_parsers.bodies.rest import drop_repeated, texts_of
from veilog_parsers.event import (
    AuditEvent,
    Guardrail,
    GuardrailAction,
    Kind,
    Outcome,
    SensitiveText,
    Text,
    UserType,
)
from veilog_parsers.record.dropped import prefer
from veilog_parsers.record.endpoints import operation_at, pop_provider
from veilog_parsers.record.fields import (
    dicts,
    drop,
    drop_keys,
    ignored_keys,
    peek,
    pop,
    pop_count,
    pop_identifier,
    pop_number,
    withhold,
)
from veilog_parsers.record.network import pop_endpoint
from veilog_parsers.record.outcomes import outcome_of_status
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import pop_time
from veilog_parsers.source import Source, Stability

_REQUESTS: Final = (
    ("finalUntransformedRequest", "body"),
    ("requestParams",),
    ("transformedRequest", "body"),
)
_RESPONSES: Final = (("originalResponse", "body"), ("response", "body"), ("response",))
_IGNORED_ATTEMPT_KEYS: Final = ignored_keys(
    """
    cacheKey cacheMaxAge:number cacheMode cacheStatus hookSpanId lastUsedOptionIndex:number lastUsedOptionJsonPath
    """
)
_DENIED_BY_HOOK: Final = 446
_FLAGGED_BY_HOOK: Final = 246
_IGNORED_HOOK_KEYS: Final = ignored_keys(
    "async:flag created_at deny:flag execution_time:number id transformed:flag type verdict:flag"
)
_IGNORED_CHECK_KEYS: Final = ignored_keys("created_at execution_time:number id transformed:flag verdict:flag")
_PARTS: Final = (
    *("finalUntransformedRequest", "originalResponse", "providerOptions", "requestParams", "response"),
    "transformedRequest",
)


def _is_attempt(fields: Fields) -> bool:
    return type(fields.get("providerOptions")) is dict


def _is_call(fields: Fields) -> bool:
    return any(_is_attempt(attempt) for attempt in dicts(fields.get("requestOptions"))[:1])


def parse(fields: Fields) -> AuditEvent:
    """Read one call, or one attempt that was logged alone."""
    event = AuditEvent(kind=Kind.AI_ACCESS)
    event.timestamp = pop_time(fields, "time")
    status = pop_count(fields, "status")
    endpoint = pop_endpoint(fields, "endpoint")
    event.endpoint = SensitiveText(endpoint) if endpoint else None
    event.operation = operation_at(endpoint)
    event.latency_ms = pop_number(fields, "duration")
    attempts = dicts(fields.get("requestOptions")) or [fields]
    texts = _read_attempt(attempts[-1], event, status)
    if len(attempts) > 1:
        event.retries = len(attempts) - 1
        event.fallback_from = _replaced(attempts, event.provider)
    for attempt in attempts[:-1]:
        _drop_copies(attempt, texts)
        drop(attempt, "createdAt", "executionTime")
    drop(fields, "method", "time")
    return event


def _replaced(attempts: list[Fields], answered: Text | None) -> Text | None:
    """The provider of the last attempt that went to another one than the one that answered."""
    name = answered.reveal() if isinstance(answered, SensitiveText) else answered
    for attempt in reversed(attempts[:-1]):
        provider = pop_provider(attempt, "providerOptions", "provider")
        if provider is not None and (provider.reveal() if isinstance(provider, SensitiveText) else provider) != name:
            return provider
    return None


def _read_hooks(body: Any, status: int | None) -> Guardrail | None:
    """Consume the verdicts of hooks, and say what they did."""
    results = peek(body, "hook_results")
    hooks = [hook for found in (results.values() if type(results) is dict else ()) for hook in dicts(found)]
    failed = next((hook for hook in hooks if hook.get("verdict") is False), None)
    if status == _DENIED_BY_HOOK:
        action = GuardrailAction.BLOCKED
    elif failed is not None or status == _FLAGGED_BY_HOOK:
        action = GuardrailAction.FLAGGED
    elif any(hook.get("transformed") is True for hook in hooks):
        action = GuardrailAction.MASKED
    elif hooks:
        action = GuardrailAction.NONE
    else:
        return None
    named = failed or (hooks[0] if hooks else {})
    guardrail = Guardrail(id=pop_identifier(named, "id"), action=action)
    for hook in hooks:
        drop_keys(hook, _IGNORED_HOOK_KEYS)
        for check in dicts(hook.get("checks")):
            drop_keys(check, _IGNORED_CHECK_KEYS)
    return guardrail


def _read_attempt(attempt: Fields, event: AuditEvent, status: int | None) -> list[str]:
    """Read the attempt that was answered, and return its texts."""
    event.timestamp = event.timestamp or pop_time(attempt, "createdAt")
    event.provider = pop_provider(attempt, "providerOptions", "provider")
    url = pop_endpoint(attempt, "providerOptions", "requestURL") or pop_endpoint(
        attempt, "providerOptions", "rubeusURL"
    )
    if url:
        event.endpoint = event.endpoint or SensitiveText(url)
        event.operation = event.operation or operation_at(url)
    event.request_id = pop_identifier(attempt, "traceId") or pop_identifier(attempt, "id")
    for key in ("_user", "user"):
        event.user_id = event.user_id or pop_identifier(attempt, "metadata", key)
    took = pop_number(attempt, "executionTime")
    event.latency_ms = prefer(event.latency_ms, took)
    provider_status = pop_count(attempt, "originalResponse", "status")
    gateway_status = pop_count(attempt, "response", "status")
    event.http_status = prefer(prefer(status, gateway_status, "status"), provider_status, "status")
    event.outcome_status = outcome_of_status(event.http_status)
    request, response = _first_body(attempt, _REQUESTS), _first_body(attempt, _RESPONSES)
    event.guardrail = _read_hooks(response, event.http_status)
    if event.http_status == _DENIED_BY_HOOK:
        event.outcome_status = Outcome.CONTENT_FILTERED
    exchange = read_exchange(request, response)
    exchange.apply(event)
    texts = [*texts_of(exchange.prompt), *texts_of(exchange.response)]
    if event.outcome_status is None and exchange.finish_reasons:
        # A single attempt has no status, but its response ended properly.
        event.outcome_status = Outcome.SUCCESS
    _keep_unread_bodies(attempt, texts)
    if event.user_id is not None:
        event.user_type = UserType.USER
    return texts


def _first_body(attempt: Fields, paths: tuple[tuple[str, ...], ...]) -> Any:
    for path in paths:
        if type(peek(attempt, *path)) in (dict, list, str):
            body = open_body(attempt, *path)
            if type(body) in (dict, list):
                return body
    return None


def _keep_unread_bodies(attempt: Fields, texts: list[str]) -> None:
    """Drop copies of the request, and all settings. Keep what the readers left of the bodies."""
    request, response = pop(attempt, *_REQUESTS[0]), pop(attempt, *_RESPONSES[0])
    _drop_copies(attempt, texts)
    for key, body in (("finalUntransformedRequest", request), ("originalResponse", response)):
        if body:
            beside = attempt.get(key)
            attempt[key] = {"body": body} | ({} if beside is None else {"chars": beside})


def _drop_copies(attempt: Fields, texts: list[str]) -> None:
    """Drop repetitions in an attempt, and withhold its other parts: keys, headers, another prompt."""
    drop_keys(attempt, _IGNORED_ATTEMPT_KEYS)
    parts = [key for key in _PARTS if type(attempt.get(key)) is dict]
    drop_repeated(attempt, texts, *parts)
    withhold(attempt, *parts)


SOURCE: Final = Source(
    name="portkey",
    summary="Portkey's open-source gateway: its log of each call with its attempts.",
    stability=Stability.BETA,
    never_carries="Who called, unless the metadata say so; the bodies of calls over 100,000 characters.",
    references=("https://github.com/Portkey-AI/gateway",),
    markers={"requestOptions": _is_call, "providerOptions": _is_attempt},
    parse=parse,
)
