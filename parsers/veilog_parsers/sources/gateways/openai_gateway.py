"""Gateways and home-grown middleware: one record per call, with the bodies of request and response.

There is no standard for such logs, but there are conventions: two bodies (objects, or JSON in strings) under a few
usual keys, and beside them caller, time, address and duration under others. ``bodies`` reads the bodies of any
provider; a field of the record takes precedence over a field of a body.

HTTP loggers put the bodies into ``request`` and ``response`` objects, beside ``headers``, ``url`` and ``status``: these
are read too. Only the few headers that an audit trail needs are read. All others are withheld, since they hold
credentials.
"""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

from veilog_parsers.bodies.flat import has_generated
from veilog_parsers.bodies.read import flattened, is_converse_response, open_body, read_exchange
from veilog_parsers.event import AuditEvent, Kind, Outcome, SensitiveText, UserType
from veilog_parsers.record.decoding import keep_under
from veilog_parsers.record.endpoints import is_model_api, model_at, operation_at, pop_provider, provider_at
from veilog_parsers.record.fields import (
    Path,
    drop,
    drop_keys,
    ignored_keys,
    keyset,
    paths,
    peek,
    pop,
    pop_count,
    pop_first,
    pop_identifier,
    pop_name,
    pop_text,
    withhold,
)
from veilog_parsers.record.keysets import KeySetCache
from veilog_parsers.record.network import pop_address, pop_endpoint
from veilog_parsers.record.outcomes import outcome_of_status, pop_http_status
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import pop_elapsed, pop_time
from veilog_parsers.source import KeyedTest, Source, Stability, Test


class _Names(NamedTuple):
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


_USUAL: Final = _Names(
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
_REQUEST_ID_HEADERS: Final = paths("x-request-id request-id apim-request-id")


def _present(keys: frozenset[str]) -> _Names:
    """The usual paths that a record with these keys can have."""
    return _Names(*(tuple(path for path in usual if path[0] in keys) for usual in _USUAL))


_NAMES: Final = KeySetCache((path[0] for usual in _USUAL for path in usual), _present)

_CREDENTIAL_KEYS: Final = ignored_keys(
    """
    authorization:secret Authorization:secret api_key:secret apiKey:secret api-key:secret x-api-key:secret
    cookie:secret cookies:secret access_token:secret
    """
)
_IGNORED_KEYS: Final = _CREDENTIAL_KEYS | ignored_keys("stream:flag streaming:flag")

_STATUS_WORDS: Final = {
    "success": Outcome.SUCCESS,
    "succeeded": Outcome.SUCCESS,
    "ok": Outcome.SUCCESS,
    "error": Outcome.FAILURE,
    "failure": Outcome.FAILURE,
    "failed": Outcome.FAILURE,
}

_REQUEST_LINE: Final = re.compile(
    r"(?:[A-Z]{3,7} )?[a-z]{0,5}:?/\S{0,2000}(?: HTTP/[0-9.]{1,3})?|[A-Z]{3,7}|[1-5][0-9]{2}(?: [A-Za-z ]{0,32})?"
)
"""A string under the key of a body that is none: a request line, a URL, a method, a status."""
_BODY_STARTS: Final = ("{", "[", "data:", "event:")
_PROMPT_KEYS: Final = keyset(
    "messages prompt input contents system instructions message chat_history texts inputs query"
)
_ANSWER_KEYS: Final = keyset("choices output content completion data embeddings usage done")
_UNMISTAKABLE_KEYS: Final = keyset(
    "candidates usageMetadata promptFeedback modelVersion generated_text generation_id tokens_predicted"
)
"""Keys of responses that do not name their model: those of Gemini, TGI, Cohere and llama.cpp."""


def _text_has(text: str, *keys: str) -> bool:
    """Whether a text has one of some keys, in JSON or in Python's ``repr``."""
    return any(f'"{key}"' in text for key in keys) or ("'" in text and any(f"'{key}'" in text for key in keys))


def _is_model_request(body: Any) -> bool:
    """Whether a request body is one to a model: it has a model and a prompt, or messages with roles."""
    if type(body) is str:
        return (_text_has(body, "model") and _text_has(body, *_PROMPT_KEYS)) or (
            _text_has(body, "role") and _text_has(body, "messages", "contents")
        )
    if type(body) is not dict:
        return False
    if not body.keys().isdisjoint(_PROMPT_KEYS) and ("model" in body or "max_new_tokens" in _parameters(body)):
        return True
    turns = body.get("messages") or body.get("contents")
    first = turns[0] if type(turns) is list and turns else None
    return type(first) is dict and ("role" in first or "parts" in first)


def _parameters(body: Fields) -> Any:
    """The parameters of a TGI request. It names no model, since a TGI server has only one."""
    parameters = body.get("parameters")
    return parameters if type(parameters) is dict else ()


def _is_model_response(body: Any) -> bool:
    """Whether a response body, or one of the first events of a stream, is one of a model."""
    if type(body) is str:
        return (_text_has(body, "model") and _text_has(body, *_ANSWER_KEYS)) or _text_has(body, *_UNMISTAKABLE_KEYS)
    if type(body) is list:
        return any(_is_model_response(event) for event in flattened(body)[:3] if type(event) is dict)
    if type(body) is not dict:
        return False
    inner = body.get("message") or body.get("response")
    return (
        ("model" in body and not body.keys().isdisjoint(_ANSWER_KEYS))
        or not body.keys().isdisjoint(_UNMISTAKABLE_KEYS)
        or has_generated(body)
        or is_converse_response(body)
        or (type(inner) is dict and "model" in inner)
    )


def _test_of_exchanges(keys: frozenset[str]) -> Test:
    """Make the test of records.

    Web logs have requests and responses too: a body or a path must be one of a model API.
    """
    bodies = _present(keys)
    # Paths of one key come first: most records are recognized by one.
    tests = [(path, _is_model_request) for path in sorted(bodies.request_body, key=len)]
    tests += [(path, _is_model_response) for path in sorted(bodies.response_body, key=len)]

    def is_exchange(fields: Fields) -> bool:
        for path, is_models in tests:
            if is_models(peek(fields, *path)):
                return True
        return any(is_model_api(peek(fields, *path)) for path in _NAMES.get(fields).endpoint)

    return is_exchange


def _open_first(fields: Fields, usual: tuple[Path, ...]) -> Any:
    """Decode the first body in place, and return it."""
    texts = []
    for path in usual:
        body = peek(fields, *path)
        if type(body) is dict:
            return body
        if type(body) is list or (type(body) is str and body.lstrip().startswith(_BODY_STARTS)):
            return open_body(fields, *path)
        if body == "":
            pop(fields, *path)
        elif type(body) is str and not _REQUEST_LINE.fullmatch(body):
            texts.append(path)
    # A body that is only a text counts if there is no other.
    return open_body(fields, *texts[0]) if texts else None


def _pop_headers(fields: Fields, usual: tuple[Path, ...]) -> dict[str, Any]:
    """Pop all headers of request and response, with their names in lower case."""
    headers: dict[str, Any] = {}
    for path in usual:
        found = pop(fields, *path)
        if type(found) is dict:
            for name, value in found.items():
                _add_header(headers, name.lower(), value)
        elif found:
            _add_header(headers, path[-1], found)
    return headers


def _add_header(headers: dict[str, Any], name: str, value: Any) -> None:
    """Add a header. Its other values, and the one of the response, are kept beside it, so that they are counted."""
    if type(value) is list and value:
        if len(value) > 1:
            keep_under(headers, name, value[1:])
        value = value[0]
    if name in headers:
        keep_under(headers, name, headers[name])
    headers[name] = value


def _read_who(fields: Fields, names: _Names, event: AuditEvent) -> None:
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


def _read_what(fields: Fields, names: _Names, event: AuditEvent) -> None:
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


def _read_outcome(fields: Fields, names: _Names, event: AuditEvent) -> None:
    event.http_status = pop_first(pop_http_status, fields, names.status)
    event.outcome_status = outcome_of_status(event.http_status)
    word = fields.get("status")
    if type(word) is str and word.lower() in _STATUS_WORDS:
        del fields["status"]
        event.outcome_status = event.outcome_status or _STATUS_WORDS[word.lower()]
    event.latency_ms = pop_first(pop_elapsed, fields, names.milliseconds)
    if event.latency_ms is None and (seconds := pop_first(pop_elapsed, fields, names.seconds)) is not None:
        event.latency_ms = seconds * 1000
    event.input_tokens = pop_first(pop_count, fields, names.input_tokens)
    event.output_tokens = pop_first(pop_count, fields, names.output_tokens)
    event.token_count = pop_first(pop_count, fields, names.total_tokens)


def _read_headers(headers: Fields, event: AuditEvent) -> None:
    """Read from headers what the record itself does not have."""
    event.tenant_id = event.tenant_id or pop_identifier(headers, "openai-organization")
    event.client_ip = event.client_ip or pop_address(headers, "x-forwarded-for") or pop_address(headers, "x-real-ip")
    event.user_agent = event.user_agent or pop_text(headers, "user-agent")
    event.request_id = event.request_id or pop_first(pop_identifier, headers, _REQUEST_ID_HEADERS)
    if event.latency_ms is None:
        event.latency_ms = pop_elapsed(headers, "openai-processing-ms")


def parse(fields: Fields) -> AuditEvent:
    """Read one record."""
    names = _NAMES.get(fields)
    request, response = _open_first(fields, names.request_body), _open_first(fields, names.response_body)
    event = AuditEvent(kind=Kind.AI_ACCESS, timestamp=pop_first(pop_time, fields, names.time))
    headers = _pop_headers(fields, names.headers)
    _read_who(fields, names, event)
    _read_what(fields, names, event)
    _read_outcome(fields, names, event)
    if headers:
        _read_headers(headers, event)
        # The other headers may be credentials.
        fields["headers"] = headers
        withhold(fields, "headers")
    drop_keys(fields, _IGNORED_KEYS)
    drop(fields, *names.method)
    read_exchange(request, response).apply(event)
    if event.user_id is not None or event.user_name is not None:
        event.user_type = UserType.USER
    return event


SOURCE: Final = Source(
    name="openai_gateway",
    summary="Request and response bodies of model APIs, as gateways and home-grown middleware log them.",
    stability=Stability.STABLE,
    never_carries="What the gateway chose not to log. A name outside the usual ones ends in `unmapped`.",
    references=(
        "https://platform.openai.com/docs/api-reference",
        "https://docs.anthropic.com/en/api/messages",
        "https://ai.google.dev/api/generate-content",
        "https://github.com/ollama/ollama/blob/main/docs/api.md",
    ),
    markers=dict.fromkeys(
        (path[0] for path in (*_USUAL.request_body, *_USUAL.response_body)), KeyedTest(_test_of_exchanges)
    ),
    parse=parse,
)
