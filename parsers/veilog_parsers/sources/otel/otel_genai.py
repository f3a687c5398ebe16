"""OpenTelemetry's GenAI conventions: spans and log records of calls to models, agents and tools.

All conventions that instrumentations use today are read: the current ones (messages as one attribute), the ones before
(an event per message), Traceloop's older numbered attributes, and OpenInference. They are mixed, even within one
release of one library, so no record is read by one convention: each field has its names in all of them, and
``otel_messages`` finds the texts. ``record.otlp`` has turned the records into their plain form, and joined those of a
call.

Pitfalls: a span that ended well has no status at all; errors have a general type (``ClientError``), and their specific
name in the message; a span has a user only if the application has added one, so otherwise the service is the caller; a
log record has its own time, or only the time when it was observed; ``gen_ai.response.id`` may be a number.

A trace identifies a call: ``conversation_id`` is the trace if there is no conversation, and ``request_id`` is the span
if the response has no id. So a span and log records that arrived separately can be joined later.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeVar

from veilog_parsers.event import (
    AuditEvent,
    Cloud,
    Kind,
    Operation,
    Outcome,
    SensitiveText,
    Text,
    ToolCall,
    UserType,
)
from veilog_parsers.record.dropped import Why, note_dropped, prefer
from veilog_parsers.record.endpoints import provider_named
from veilog_parsers.record.fields import (
    Path,
    as_identifier,
    dicts,
    drop,
    drop_keys,
    drop_known,
    ignored_keys,
    open_json,
    paths,
    peek,
    pop_count,
    pop_first,
    pop_identifier,
    pop_text,
    withhold,
)
from veilog_parsers.record.network import pop_address, pop_endpoint
from veilog_parsers.record.otlp import is_model_call, is_model_log
from veilog_parsers.record.outcomes import most_telling, outcome_of_error, outcome_of_status
from veilog_parsers.record.places import pop_pod, resource_of_pod
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import pop_time
from veilog_parsers.source import Source, Stability
from veilog_parsers.sources.otel.otel_messages import (
    ExchangeMerger,
    read_bodies,
    read_events,
    read_messages,
    read_numbered,
)

T = TypeVar("T")

_MAX_MESSAGE_CHARS: Final = 2000
_NANOS_PER_MS: Final = 1_000_000
_FAILED: Final = (2, "2", "STATUS_CODE_ERROR", "ERROR", "Error")
_NAMES_IN_ERRORS: Final = re.compile(
    r"\(([A-Z][A-Za-z]{3,64})\)|'(?:code|type)': '([A-Za-z_.]{3,64})'|Error code: ([0-9]{3})", re.ASCII
)
"""Errors in messages of libraries: ``(ThrottlingException)``, ``'code': 'content_filter'``, ``Error code: 429``."""

_FRAMEWORKS: Final = frozenset(("langchain",))
"""What some instrumentations name as the provider, though it is the library that calls one."""
_OPERATIONS: Final = {
    "agent": Operation.INVOKE_AGENT,
    "completion": Operation.TEXT_COMPLETION,
    "embedding": Operation.EMBEDDINGS,
    "llm": Operation.CHAT,
    "reranker": Operation.RETRIEVAL,
    "rerank": Operation.RETRIEVAL,
    "retriever": Operation.RETRIEVAL,
    "tool": Operation.EXECUTE_TOOL,
    **{operation.value: operation for operation in Operation},
}
"""Operations by ``gen_ai.operation.name``, ``llm.request.type`` and the span kinds of Traceloop and OpenInference."""
_CHUNKS: Final = ("gen_ai.content.completion.chunk", "First Token Stream Event")
_STEPS: Final = frozenset((Operation.EXECUTE_TOOL, Operation.INVOKE_AGENT, Operation.RETRIEVAL))

_IGNORED_SPAN_KEYS: Final = ignored_keys(
    """
    droppedAttributesCount:number droppedEventsCount:number droppedLinksCount:number endTimeUnixNano flags:number
    kind links:plain name observedTimeUnixNano parentSpanId resource:plain schemaUrl scope:plain startTimeUnixNano
    timeUnixNano traceState
    """
)
_IGNORED_LOG_KEYS: Final = ignored_keys(
    """
    droppedAttributesCount:number eventName flags:number observedTimeUnixNano severityNumber:number severityText
    timeUnixNano
    """
)
_IGNORED_ATTRIBUTES: Final = ignored_keys(
    """
    aws.bedrock.guardrail.id error.type event.name gen_ai.completion gen_ai.headers:secret gen_ai.is_streaming:flag
    gen_ai.openai.api_version gen_ai.openai.response.system_fingerprint gen_ai.openai.system_fingerprint
    gen_ai.output.type:schema gen_ai.prompt.prompt_filter_results:json gen_ai.prompt_caching:plain gen_ai.token.type
    gen_ai.tool.definitions:json gen_ai.tool.type gen_ai.usage.reasoning_tokens:number input.mime_type
    llm.headers:secret llm.invocation_parameters:json llm.is_streaming:flag llm.prompt_template.variables
    llm.prompt_template.version openai.request.service_tier openai.response.service_tier
    openai.response.system_fingerprint openinference.span.kind output.mime_type server.port:number
    traceloop.entity.path traceloop.span.kind
    """
)
"""Settings, definitions of tools (see ``bodies.openai``), and headers, which may hold credentials."""
_IGNORED_ATTRIBUTE_PREFIXES: Final = (
    "gen_ai.request.",
    "gen_ai.usage.cache_",
    "gen_ai.usage.details.",
    "gen_ai.response.",
    "llm.request.",
    "llm.response.",
    "llm.token_count.",
    "llm.tools",
    "llm.usage.",
)


_PROVIDER: Final = paths("gen_ai.provider.name gen_ai.system llm.provider llm.system llm.vendor")
_MODEL: Final = paths("gen_ai.request.model llm.request.model llm.model_name embedding.model_name reranker.model_name")
_ANSWERED_MODEL: Final = paths("gen_ai.response.model llm.response.model")
_REQUEST_ID: Final = paths("gen_ai.response.id gen_ai.tool.call.id")
_OPERATION: Final = paths("gen_ai.operation.name llm.request.type traceloop.span.kind openinference.span.kind")
_TOOL: Final = paths("gen_ai.tool.name tool.name traceloop.entity.name")
_FINISH_REASON: Final = paths("llm.finish_reason gen_ai.response.finish_reason")
_ENDPOINT: Final = paths("url.full http.url gen_ai.openai.api_base server.address gen_ai.request.base_url")
_CONVERSATION: Final = paths(
    "gen_ai.conversation.id gen_ai.openai.thread.id traceloop.association.properties.conversation_id "
    "traceloop.association.properties.thread_id"
)
_CACHED: Final = (
    paths("gen_ai.usage.cache_read.input_tokens gen_ai.usage.cache_read_input_tokens"),
    paths(
        "gen_ai.usage.cache_write.input_tokens gen_ai.usage.cache_creation.input_tokens "
        "gen_ai.usage.cache_creation_input_tokens"
    ),
)
_HTTP_STATUS: Final = ("http.status_code", "http.response.status_code")
_GUARDRAILS: Final = ("gen_ai.bedrock.guardrail.input_filter", "gen_ai.bedrock.guardrail.output_filter")
_SESSION: Final = paths("session.id traceloop.association.properties.session_id")
_USER: Final = paths(
    "user.id enduser.id user.email llm.user gen_ai.user gen_ai.openai.request.user "
    "traceloop.association.properties.user_id"
)
_USER_NAME: Final = paths("user.name user.full_name")
_INPUT: Final = paths(
    "gen_ai.usage.input_tokens gen_ai.usage.prompt_tokens llm.usage.prompt_tokens llm.token_count.prompt"
)
_OUTPUT: Final = paths(
    "gen_ai.usage.output_tokens gen_ai.usage.completion_tokens llm.usage.completion_tokens llm.token_count.completion"
)
_TOTAL: Final = paths("gen_ai.usage.total_tokens llm.usage.total_tokens llm.token_count.total")


def parse(fields: Fields) -> AuditEvent:
    """Read one call: a span, with or without log records, or log records alone."""
    event = AuditEvent(kind=Kind.AI_ACCESS)
    logs = dicts(fields.get("logs"))
    holders = [holder for item in (fields, *logs) if type(holder := item.get("attributes")) is dict]
    _read_times(fields, logs, event)
    for attributes in holders:
        _read_who(attributes, event)
        _read_what(attributes, event)
        _read_usage(attributes, event)
    _read_outcome(fields, holders, event)
    _read_texts(fields, logs, holders, event)
    if event.outcome_status is None and logs and (event.response_messages or event.finish_reasons):
        event.outcome_status = Outcome.SUCCESS
    if event.operation is None and logs:
        # Log records of single messages are those of a chat.
        event.operation = Operation.CHAT
    _read_ids(fields, event)
    _read_resource(fields, event)
    for attributes in holders:
        drop_keys(attributes, _IGNORED_ATTRIBUTES)
        drop(attributes, *[key for key in attributes if key.startswith(_IGNORED_ATTRIBUTE_PREFIXES)])
    for log in logs:
        drop_keys(log, _IGNORED_LOG_KEYS)
    drop_keys(fields, _IGNORED_SPAN_KEYS)
    return event


def _pop_first(popper: Callable[..., T | None], attributes: Fields, names: tuple[Path, ...]) -> T | None:
    """The value of the first attribute that has one; the others repeat it."""
    return pop_first(popper, attributes, names, drop_others=True)


def _nanoseconds(fields: Fields, key: str) -> int | None:
    value = fields.get(key)
    if type(value) is str and len(value) < 20 and value.isdecimal():
        value = fields[key] = int(value)
    return value if type(value) is int and value > 0 else None


def _read_times(fields: Fields, logs: list[Fields], event: AuditEvent) -> None:
    start, end = _nanoseconds(fields, "startTimeUnixNano"), _nanoseconds(fields, "endTimeUnixNano")
    if start is not None and end is not None and end >= start:
        event.latency_ms = round((end - start) / _NANOS_PER_MS, 3)
    for holder, key in (
        (fields, "startTimeUnixNano"),
        *((log, key) for log in logs for key in ("timeUnixNano", "observedTimeUnixNano")),
    ):
        if event.timestamp is None and _nanoseconds(holder, key) is not None:
            event.timestamp = pop_time(holder, key)


def _read_who(attributes: Fields, event: AuditEvent) -> None:
    # Values are popped even if the event has one, so that repetitions do not end as unmapped.
    user, name = _pop_first(pop_identifier, attributes, _USER), _pop_first(pop_text, attributes, _USER_NAME)
    event.user_id, event.user_name = prefer(event.user_id, user), prefer(event.user_name, name)
    if event.user_id is not None or event.user_name is not None:
        event.user_type = UserType.USER
    session, conversation = (_pop_first(pop_identifier, attributes, names) for names in (_SESSION, _CONVERSATION))
    event.session_id = prefer(event.session_id, session)
    event.conversation_id = prefer(event.conversation_id, conversation)
    address, agent = pop_address(attributes, "client.address"), pop_text(attributes, "user_agent.original")
    event.client_ip, event.user_agent = prefer(event.client_ip, address), prefer(event.user_agent, agent)


def _read_what(attributes: Fields, event: AuditEvent) -> None:
    provider, requested, answered, request = (
        _pop_first(pop_identifier, attributes, names) for names in (_PROVIDER, _MODEL, _ANSWERED_MODEL, _REQUEST_ID)
    )
    event.provider = prefer(event.provider, _provider(provider))
    event.model_version = prefer(event.model_version, answered)
    event.model_name = prefer(event.model_name, requested) or answered
    event.request_id = prefer(event.request_id, request)
    endpoint = _pop_first(pop_endpoint, attributes, _ENDPOINT)
    if endpoint:
        event.endpoint = prefer(event.endpoint, SensitiveText(endpoint))
    for (name,) in _OPERATION:
        name_of_kind = attributes.get(name)
        if event.operation is None and type(name_of_kind) is str:
            event.operation = _OPERATIONS.get(name_of_kind.lower())
    operation = _pop_first(pop_identifier, attributes, _OPERATION)
    event.api_operation = prefer(event.api_operation, operation)
    if event.operation is Operation.EXECUTE_TOOL and event.tool_calls is None:
        tool = _pop_first(pop_identifier, attributes, _TOOL)
        event.tool_calls = [ToolCall(name=tool)] if tool else None


def _provider(name: SensitiveText | None) -> Text | None:
    folded = name.reveal().lower() if name else ""
    if not folded or folded in _FRAMEWORKS:
        return None
    return provider_named(folded) or as_identifier(folded)


def _read_usage(attributes: Fields, event: AuditEvent) -> None:
    for field, names in (("input_tokens", _INPUT), ("output_tokens", _OUTPUT), ("token_count", _TOTAL)):
        count = _pop_first(pop_count, attributes, names)
        setattr(event, field, prefer(getattr(event, field), count))
    _add_cached(attributes, event)
    reasons = peek(attributes, "gen_ai.response.finish_reasons")
    named: list[Text] = [name for item in (reasons if type(reasons) is list else ()) if (name := as_identifier(item))]
    drop(attributes, "gen_ai.response.finish_reasons")
    reason = _pop_first(pop_identifier, attributes, _FINISH_REASON)
    single: list[Text] | None = [reason] if reason else None
    event.finish_reasons = prefer(prefer(event.finish_reasons, named or None), single)


def _add_cached(attributes: Fields, event: AuditEvent) -> None:
    """Add cached tokens to the input, which includes them by the conventions. If it is less than them, it did not."""
    cached = sum(_pop_first(pop_count, attributes, names) or 0 for names in _CACHED)
    if event.input_tokens is not None and cached > event.input_tokens:
        event.input_tokens += cached
        if event.output_tokens is not None:
            event.token_count = prefer(event.input_tokens + event.output_tokens, event.token_count)


def _has_guardrail_found(attributes: Fields) -> bool:
    """Whether Bedrock's guardrail found something. Traceloop quotes the words that it found: they are withheld."""
    found = False
    for name in _GUARDRAILS:
        verdict = open_json(attributes, name) if name in attributes else None
        for filters in [verdict] if type(verdict) is dict else dicts(verdict):
            sensitive = filters.get("sensitive")
            kinds = [*filters.values(), *(sensitive.values() if type(sensitive) is dict else ())]
            found |= any(type(kind) is list and bool(kind) for kind in kinds)
            withhold(filters, "words")
    return found


def _read_outcome(fields: Fields, holders: list[Fields], event: AuditEvent) -> None:
    """How the call ended: the status of the span tells whether it failed, error types and messages tell how."""
    errors = [error for attributes in holders if (error := pop_identifier(attributes, "error.type"))]
    errors += _pop_exceptions(fields)
    message, code = peek(fields, "status", "message"), peek(fields, "status", "code")
    drop(fields, ("status", "code"))
    for name in _HTTP_STATUS:
        status = [pop_count(attributes, name) for attributes in holders if name in attributes]
        event.http_status = next((number for number in status if number and 100 <= number < 600), event.http_status)
    # A span that ended well has no status at all.
    has_ended = "endTimeUnixNano" in fields and "status" not in fields
    if code not in _FAILED and (has_ended or type(fields.get("status")) is dict):
        event.outcome_status = Outcome.SUCCESS
    elif code in _FAILED or errors:
        _read_failure(message, errors, event)
    filtered = [_has_guardrail_found(attributes) for attributes in holders]
    reasons = [reason.reveal() for reason in event.finish_reasons or [] if not isinstance(reason, str)]
    if any(filtered) or "content_filter" in reasons:
        event.outcome_status = Outcome.CONTENT_FILTERED


def _pop_exceptions(fields: Fields) -> Iterator[SensitiveText]:
    """Pop the types of a span's exception events. A message that the span's status repeats is dropped."""
    status_message = peek(fields, "status", "message")
    for span_event in dicts(fields.get("events")):
        attributes = span_event.get("attributes")
        if span_event.get("name") != "exception" or type(attributes) is not dict:
            continue
        error = pop_identifier(attributes, "exception.type")
        if error is not None:
            yield error
        withhold(attributes, "exception.stacktrace")
        drop(attributes, "exception.escaped")
        message = attributes.get("exception.message")
        if type(status_message) is str and type(message) is str and message in status_message:
            drop_known(attributes, "exception.message", Why.DUPLICATE)
        drop(span_event, "name", "timeUnixNano")


def _read_failure(message: Any, errors: list[SensitiveText], event: AuditEvent) -> None:
    """The error code, the outcome and the HTTP status of a failed call, from its message and types of errors."""
    in_message = list(_names_in_error(message))
    # OpenAI's messages have a type and a code: the code, which comes last, tells more than the type.
    names = [name for name in reversed(in_message) if not name.isdigit()]
    names += [error.reveal() for error in errors]
    best = most_telling(names)
    event.error_code = SensitiveText(best) if best is not None else None
    for error in errors:
        if error.reveal() != best:
            note_dropped("error.type", error.reveal(), Why.DUPLICATE)
    event.outcome_status = outcome_of_error(" ".join((*in_message, *(error.reveal() for error in errors))))
    if in_message and in_message[0].isdigit():
        event.http_status = int(in_message[0])
    by_status = outcome_of_status(event.http_status)
    if event.outcome_status is Outcome.FAILURE and by_status not in (None, Outcome.SUCCESS):
        event.outcome_status = by_status


def _names_in_error(message: Any) -> Iterator[str]:
    if type(message) is str:
        for match in _NAMES_IN_ERRORS.finditer(message[:_MAX_MESSAGE_CHARS]):
            yield match[match.lastindex or 0]


def _read_texts(fields: Fields, logs: list[Fields], holders: list[Fields], event: AuditEvent) -> None:
    texts = ExchangeMerger()
    bodies = [body for log in logs if type(body := log.get("body")) is dict and is_model_call(body)]
    for attributes in (*holders, *bodies):
        texts.add(read_messages(attributes))
    events = dicts(fields.get("events"))
    for happened in events:
        # An event per token of a stream, or for the first one, without its text.
        if happened.get("name") in _CHUNKS:
            drop(happened, "name", "timeUnixNano")
    texts.add(read_events(events, "attributes"))
    texts.add(read_events(logs, "body"))
    for attributes in holders:
        texts.add(read_numbered(attributes))
    for attributes in holders:
        texts.add(read_bodies(attributes, texts.exchange, of_a_model=event.operation not in _STEPS))
    exchange = texts.exchange
    if event.tool_calls is not None and exchange.prompt:
        event.tool_calls[0].arguments = exchange.prompt[0].parts[0]
    exchange.apply(event)


def _read_ids(fields: Fields, event: AuditEvent) -> None:
    event.conversation_id = event.conversation_id or pop_identifier(fields, "traceId")
    event.request_id = event.request_id or pop_identifier(fields, "spanId")
    drop(fields, "traceId", "spanId")


def _read_resource(fields: Fields, event: AuditEvent) -> None:
    """Read the resource: the service that made the records, and where it runs."""
    resource = fields.get("resource")
    if type(resource) is not dict:
        return
    service = resource.get("service.name")
    if event.user_type is None and type(service) is str and service and not service.startswith("unknown_service"):
        event.user_type, event.user_name = UserType.SERVICE, pop_text(resource, "service.name")
    drop(resource, "service.name")
    event.k8s, event.host = pop_pod(resource), pop_identifier(resource, "host.name")
    cloud = Cloud(
        provider=pop_identifier(resource, "cloud.provider"),
        account_id=pop_identifier(resource, "cloud.account.id"),
        region=pop_identifier(resource, "cloud.region"),
        resource=pop_identifier(resource, "cloud.resource_id") or resource_of_pod(event.k8s),
    )
    if any((cloud.provider, cloud.account_id, cloud.region, cloud.resource)):
        event.cloud = cloud


def _is_model_span(fields: Fields) -> bool:
    return is_model_call(fields.get("attributes")) and ("spanId" in fields or "traceId" in fields)


def _has_model_logs(fields: Fields) -> bool:
    logs = fields.get("logs")
    return type(logs) is list and bool(logs) and type(logs[0]) is dict and is_model_log(logs[0])


SOURCE: Final = Source(
    name="otel_genai",
    summary="OpenTelemetry GenAI spans and logs (OTLP JSON, Fluent Bit), also Traceloop's and OpenInference's.",
    stability=Stability.STABLE,
    never_carries="Texts, unless the instrumentation was told to capture them; the caller's address; often the caller.",
    references=(
        "https://opentelemetry.io/docs/specs/semconv/gen-ai/",
        "https://github.com/Arize-ai/openinference/blob/main/spec/semantic_conventions.md",
        "https://docs.fluentbit.io/manual/data-pipeline/inputs/opentelemetry",
    ),
    markers={"attributes": _is_model_span, "logs": _has_model_logs},
    parse=parse,
)
