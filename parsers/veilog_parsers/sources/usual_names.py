"""The usual names of who, what and when in home-grown logs of model calls, and how their values are read.

There is no standard for such logs, but there are conventions: caller, time, address, duration, tokens and outcome
stand under a few keys each. Sources whose records have such keys share this table, so that a name is known to all.
"""

from __future__ import annotations

from functools import partial
from typing import Final, NamedTuple

from veilog_parsers.event import AuditEvent, SensitiveText
from veilog_parsers.record.dropped import prefer
from veilog_parsers.record.endpoints import model_at, operation_at, pop_provider, provider_at
from veilog_parsers.record.fields import (
    Path,
    ignored_keys,
    paths,
    pop_count,
    pop_first,
    pop_identifier,
    pop_name,
    pop_text,
)
from veilog_parsers.record.keysets import KeySetCache
from veilog_parsers.record.network import pop_address, pop_endpoint
from veilog_parsers.record.outcomes import OUTCOME_WORDS, outcome_of_status, pop_http_status
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import pop_elapsed


class UsualNames(NamedTuple):
    """The usual paths of each field, in order of preference."""

    request_body: tuple[Path, ...]
    response_body: tuple[Path, ...]
    time: tuple[Path, ...]
    request_id: tuple[Path, ...]
    user_id: tuple[Path, ...]
    user_name: tuple[Path, ...]
    tenant: tuple[Path, ...]
    session: tuple[Path, ...]
    conversation: tuple[Path, ...]
    client_ip: tuple[Path, ...]
    user_agent: tuple[Path, ...]
    model: tuple[Path, ...]
    endpoint: tuple[Path, ...]
    api_operation: tuple[Path, ...]
    status: tuple[Path, ...]
    milliseconds: tuple[Path, ...]
    seconds: tuple[Path, ...]
    input_tokens: tuple[Path, ...]
    output_tokens: tuple[Path, ...]
    total_tokens: tuple[Path, ...]
    headers: tuple[Path, ...]
    method: tuple[Path, ...]


USUAL: Final = UsualNames(
    request_body=paths("request_body requestBody request/body req/body request req input"),
    response_body=paths("response_body responseBody response/body resp/body res/body response resp res output"),
    time=paths("time timestamp ts @timestamp datetime created_at start_time startTime date"),
    request_id=paths(
        "request_id requestId req_id x_request_id x-request-id correlation_id correlationId trace_id traceId"
    ),
    user_id=paths("user_id userId user user/id uid"),
    user_name=paths("user_name userName username user/name user_email userEmail email user/email"),
    tenant=paths("tenant_id tenantId tenant organization_id org_id organization org"),
    session=paths("session_id sessionId session"),
    conversation=paths("conversation_id conversationId thread_id threadId chat_id chatId"),
    client_ip=paths(
        """
        client_ip clientIp clientIP source_ip remote_addr remoteAddr remote_ip ip_address ip x_forwarded_for
        x-forwarded-for request/remote_addr req/remoteAddress request/ip
        """
    ),
    user_agent=paths("user_agent userAgent user-agent"),
    model=paths("model model_name modelName model_id modelId"),
    endpoint=paths(
        """
        endpoint url uri path route request_path requestPath request_uri requestUri request_url requestUrl
        request/url request/uri request/path req/url req/path
        """
    ),
    api_operation=paths("api_operation operation_name operationName operation call_type kind"),
    status=paths(
        """
        status_code statusCode http_status httpStatus response_status response_code status
        response/status_code response/statusCode response/status resp/status res/statusCode res/status
        """
    ),
    milliseconds=paths(
        """
        latency_ms latencyMs duration_ms durationMs response_time_ms responseTimeMs elapsed_ms elapsedMs took_ms
        processing_ms total_time_ms
        """
    ),
    seconds=paths("latency_s latency_seconds duration_s duration_seconds response_time_seconds elapsed_seconds"),
    input_tokens=paths("input_tokens prompt_tokens inputTokens promptTokens"),
    output_tokens=paths("output_tokens completion_tokens outputTokens completionTokens"),
    total_tokens=paths("total_tokens totalTokens"),
    headers=paths(
        """
        request_headers requestHeaders headers request/headers req/headers
        response_headers responseHeaders response/headers resp/headers res/headers
        """
    ),
    method=paths("method http_method request/method req/method"),
)


def present(keys: frozenset[str], usual: UsualNames = USUAL) -> UsualNames:
    """The usual paths that a record with these top-level keys can have."""
    return UsualNames(*(tuple(path for path in known if path[0] in keys) for known in usual))


def names_of(usual: UsualNames) -> KeySetCache[UsualNames]:
    """A cache of the paths that records can have, by their top-level keys."""
    return KeySetCache((path[0] for known in usual for path in known), partial(present, usual=usual))


NAMES: Final = names_of(USUAL)

CREDENTIAL_KEYS: Final = ignored_keys(
    """
    authorization:secret Authorization:secret api_key:secret apiKey:secret api-key:secret x-api-key:secret
    cookie:secret cookies:secret access_token:secret
    """
)


def read_who(fields: Fields, names: UsualNames, event: AuditEvent) -> None:
    """Read the caller, and where the call came from."""
    event.tenant_id = pop_first(pop_identifier, fields, names.tenant)
    event.user_id = pop_first(pop_identifier, fields, names.user_id)
    event.user_name = pop_first(pop_name, fields, names.user_name)
    if event.user_id is None and event.user_name is not None and " " not in event.user_name.reveal():
        # Where there is one name, it identifies. A name to show does not.
        event.user_id, event.user_name = event.user_name, None
    event.session_id = pop_first(pop_identifier, fields, names.session)
    event.conversation_id = pop_first(pop_identifier, fields, names.conversation)
    event.client_ip = pop_first(pop_address, fields, names.client_ip)
    event.user_agent = pop_first(pop_text, fields, names.user_agent)


def read_what(fields: Fields, names: UsualNames, event: AuditEvent) -> None:
    """Read what was called: endpoint, provider, model and operation."""
    endpoint = pop_first(pop_endpoint, fields, names.endpoint)
    event.provider = pop_provider(fields, "provider")
    event.model_name = pop_first(pop_identifier, fields, names.model)
    if endpoint is not None:
        event.endpoint = SensitiveText(endpoint)
        event.operation = operation_at(endpoint)
        event.provider = event.provider or provider_at(endpoint)
        event.model_name = event.model_name or model_at(endpoint)
    event.api_operation = pop_first(pop_identifier, fields, names.api_operation)
    event.request_id = pop_first(pop_identifier, fields, names.request_id)


def read_outcome(fields: Fields, names: UsualNames, event: AuditEvent) -> None:
    """Read how the call ended, how long it took (milliseconds) and how many tokens it had."""
    event.http_status = pop_first(pop_http_status, fields, names.status)
    event.outcome_status = outcome_of_status(event.http_status)
    word = fields.get("status")
    outcome = OUTCOME_WORDS.get(word.lower()) if type(word) is str else None
    if outcome is not None:
        del fields["status"]
        event.outcome_status = prefer(event.outcome_status, outcome, "status")
    event.latency_ms = pop_first(pop_elapsed, fields, names.milliseconds)
    if event.latency_ms is None and (seconds := pop_first(pop_elapsed, fields, names.seconds)) is not None:
        event.latency_ms = seconds * 1000
    event.input_tokens = pop_first(pop_count, fields, names.input_tokens)
    event.output_tokens = pop_first(pop_count, fields, names.output_tokens)
    event.token_count = pop_first(pop_count, fields, names.total_tokens)
