"""OpenTelemetry's GenAI conventions: spans and log records of calls to models, agents and tools.

All conventions that instrumentations use today are read: the current ones (messages as one attribute), the ones before
(an event per message), Traceloop's older numbered attributes, OpenInference, and vendors' own. They are mixed, even
within one release of one library, so no record is read by one convention: ``dialects`` has a table of the names that
each fact has in all of them, and ``otel_messages`` finds the texts. ``record.otlp`` has turned the records into their
plain form, and joined those of a call.

Pitfalls: a span that ended well has no status at all; errors have a general type (``ClientError``), and their specific
name in the message; a span has a user only if the application has added one, so otherwise the service is the caller; a
log record has its own time, or only the time when it was observed; ``gen_ai.response.id`` may be a number.

A trace identifies a call: ``conversation_id`` is the trace if there is no conversation, and ``request_id`` is the span
if the response has no id. So a span and log records that arrived separately can be joined later.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from veilog_parsers.event import (
    AuditEvent,
    Constant,
    Kind,
    Operation,
    Outcome,
    SensitiveText,
    Timestamp,
    ToolCall,
    UserType,
)
from veilog_parsers.record.dropped import Why, note_dropped, prefer
from veilog_parsers.record.fields import (
    dicts,
    drop,
    drop_keys,
    drop_known,
    ignored_keys,
    keyset,
    peek,
    pop_first,
    pop_identifier,
    withhold,
)
from veilog_parsers.record.otlp import agent_event, event_name, is_model_call, is_model_log
from veilog_parsers.record.outcomes import most_telling, outcome_of_error, outcome_of_status
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import parse_time, pop_time, to_epoch_ns
from veilog_parsers.source import Source, Stability
from veilog_parsers.sources.facts import add_cached_tokens
from veilog_parsers.sources.otel.dialects import DIALECTS, QUOTED, REFERENCES
from veilog_parsers.sources.otel.guardrails import Verdict
from veilog_parsers.sources.otel.libraries import unquoted
from veilog_parsers.sources.otel.otel_messages import (
    ExchangeMerger,
    count_tools,
    read_bodies,
    read_events,
    read_messages,
    read_numbered,
)
from veilog_parsers.sources.otel.resources import read_resource

_MAX_MESSAGE_CHARS: Final = 2000
_NANOS_PER_MS: Final = 1_000_000
_FAILED: Final = (2, "2", "STATUS_CODE_ERROR", "ERROR", "Error")
_NAMES_IN_ERRORS: Final = re.compile(
    r"\(([A-Z][A-Za-z]{3,64})\)|'(?:code|type)': '([A-Za-z_.]{3,64})'|Error code: ([0-9]{3})", re.ASCII
)
"""Errors in messages of libraries: ``(ThrottlingException)``, ``'code': 'content_filter'``, ``Error code: 429``."""

_GOOGLE: Final = Constant("gcp.gen_ai")
_BLOCKED: Final = frozenset(("content_filter", "content_filtered", "guardrail_intervened"))
"""Why a response ended, if a guardrail or a content filter ended it."""
_OPERATIONS: Final = {
    "agent": Operation.INVOKE_AGENT,
    "ai.embed": Operation.EMBEDDINGS,
    "ai.embed.doembed": Operation.EMBEDDINGS,
    "ai.embedmany": Operation.EMBEDDINGS,
    "ai.embedmany.doembed": Operation.EMBEDDINGS,
    "ai.generateobject": Operation.INVOKE_AGENT,
    "ai.generateobject.dogenerate": Operation.CHAT,
    "ai.generatetext": Operation.INVOKE_AGENT,
    "ai.generatetext.dogenerate": Operation.CHAT,
    "ai.rerank": Operation.RETRIEVAL,
    "ai.rerank.dorerank": Operation.RETRIEVAL,
    "ai.streamobject": Operation.INVOKE_AGENT,
    "ai.streamobject.dostream": Operation.CHAT,
    "ai.streamtext": Operation.INVOKE_AGENT,
    "ai.streamtext.dostream": Operation.CHAT,
    "ai.toolcall": Operation.EXECUTE_TOOL,
    "chat_model": Operation.CHAT,
    "completion": Operation.TEXT_COMPLETION,
    "embedding": Operation.EMBEDDINGS,
    "generation": Operation.CHAT,
    "llm": Operation.CHAT,
    "reranker": Operation.RETRIEVAL,
    "rerank": Operation.RETRIEVAL,
    "retriever": Operation.RETRIEVAL,
    "tool": Operation.EXECUTE_TOOL,
    **{operation.value: operation for operation in Operation},
}
"""Operations by ``gen_ai.operation.name`` and by what other dialects have for it, in lower case.

A call of Vercel's SDK has a span for all its steps, which is that of an agent in the conventions, and one for each.
"""
_CHUNKS: Final = (
    *("gen_ai.content.completion.chunk", "First Token Stream Event", "ai.stream.firstChunk", "ai.stream.finish"),
)
_STEPS: Final = frozenset((Operation.EXECUTE_TOOL, Operation.INVOKE_AGENT, Operation.RETRIEVAL))

_IGNORED_SPAN_KEYS: Final = ignored_keys(
    """
    droppedAttributesCount:number droppedEventsCount:number droppedLinksCount:number endTimeUnixNano flags:number
    kind links:plain name observedTimeUnixNano parentSpanId resource:plain schemaUrl scope:plain startTimeUnixNano
    timeUnixNano traceState
    """
)
_LOG_KEYS: Final = keyset("body eventName observedTimeUnixNano severityNumber severityText timeUnixNano")
"""What log records have, and spans have not."""
_IGNORED_LOG_KEYS: Final = ignored_keys(
    """
    droppedAttributesCount:number eventName flags:number observedTimeUnixNano severityNumber:number severityText
    timeUnixNano
    """
)


def parse(fields: Fields) -> AuditEvent:
    """Read one call: a span, with or without log records, or log records alone."""
    event = AuditEvent(kind=Kind.AI_ACCESS)
    _open_log(fields)
    logs = dicts(fields.get("logs"))
    holders = [holder for item in (fields, *logs) if type(holder := item.get("attributes")) is dict]
    _read_times(fields, logs, event)
    for attributes in holders:
        _unquote(attributes)
        DIALECTS.read(attributes, event)
        _read_operation(attributes, event)
        event.tools_offered = event.tools_offered or count_tools(attributes)
    _complete(holders, event)
    _read_outcome(fields, holders, event)
    _read_texts(fields, logs, holders, event)
    if event.outcome_status is None and logs and (event.response_messages or event.finish_reasons):
        event.outcome_status = Outcome.SUCCESS
    if event.operation is None and (logs or (event.response_messages and event.output_tokens is not None)):
        # Log records of single messages are those of a chat, and so are texts with their tokens.
        event.operation = Operation.CHAT
    _read_ids(fields, event)
    read_resource(fields, event)
    for attributes in holders:
        DIALECTS.drop(attributes)
    for log in logs:
        drop_keys(log, _IGNORED_LOG_KEYS)
    drop_keys(fields, _IGNORED_SPAN_KEYS)
    return event


def _open_log(fields: Fields) -> None:
    """Make a log record by itself one of a call, as it is in a document."""
    if "logs" not in fields and "startTimeUnixNano" not in fields and not _LOG_KEYS.isdisjoint(fields):
        fields["logs"] = [{key: fields.pop(key) for key in (*_LOG_KEYS, "attributes") if key in fields}]


def _unquote(attributes: Fields) -> None:
    """Open the strings of dialects that have them as JSON, in quotation marks."""
    for key in [key for key in attributes if key.startswith(QUOTED)]:
        attributes[key] = unquoted(attributes[key])


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


def _read_operation(attributes: Fields, event: AuditEvent) -> None:
    """Read the operation, and the tool of a step that runs one. Its name in the dialect is the first of several."""
    for name in DIALECTS.attributes("operation"):
        kind = attributes.get(name)
        if event.operation is None and type(kind) is str:
            event.operation = _OPERATIONS.get(kind.lower())
    operation = pop_first(pop_identifier, attributes, DIALECTS.paths("operation"), drop_others=True)
    event.api_operation = prefer(event.api_operation, operation)
    if event.operation is Operation.EXECUTE_TOOL and event.tool_calls is None:
        tool = pop_first(pop_identifier, attributes, DIALECTS.paths("tool"), drop_others=True)
        event.tool_calls = [ToolCall(name=tool)] if tool else None
    known = {text.reveal() for text in (operation, event.agent and event.agent.name) if isinstance(text, SensitiveText)}
    for name in DIALECTS.attributes("label"):
        # Vercel's SDK writes both again as one.
        if type(label := attributes.get(name)) is str and known.issuperset(label.split(" ")):
            drop_known(attributes, name, Why.DUPLICATE)


def _complete(holders: list[Fields], event: AuditEvent) -> None:
    """Complete facts by what they follow from."""
    event.model_name = event.model_name or event.model_version
    if event.user_id is not None or event.user_name is not None:
        event.user_type = UserType.USER
    model = event.model_name
    if event.provider is None and isinstance(model, SensitiveText) and model.reveal().startswith("gemini"):
        # Google's ADK names itself as the provider, and may call any.
        event.provider = _GOOGLE
    if event.time_to_first_token_ms is None:
        event.time_to_first_token_ms = _time_to_completion(holders, event.timestamp)
    add_cached_tokens(event)


def _time_to_completion(holders: list[Fields], start: Timestamp | None) -> float | None:
    """Milliseconds from a span's start to the time when its completion began."""
    for attributes in holders if start is not None else ():
        for name in DIALECTS.attributes("completion_start"):
            began = parse_time(attributes.get(name))
            elapsed = to_epoch_ns(began) - to_epoch_ns(start) if began is not None and start is not None else -1
            if elapsed >= 0:
                del attributes[name]
                return round(elapsed / _NANOS_PER_MS, 3)
    return None


def _read_outcome(fields: Fields, holders: list[Fields], event: AuditEvent) -> None:
    """How the call ended: the status of the span tells whether it failed, error types and messages tell how."""
    errors = [error for attributes in holders if (error := pop_identifier(attributes, "error.type"))]
    errors += _pop_exceptions(fields)
    message, code = peek(fields, "status", "message"), peek(fields, "status", "code")
    drop(fields, ("status", "code"))
    # A span that ended well has no status at all.
    has_ended = "endTimeUnixNano" in fields and "status" not in fields
    if code not in _FAILED and (has_ended or type(fields.get("status")) is dict):
        event.outcome_status = Outcome.SUCCESS
    elif code in _FAILED or errors:
        _read_failure(message, errors, event)
    reasons = [reason.reveal() for reason in event.finish_reasons or [] if not isinstance(reason, str)]
    was_blocked = not _BLOCKED.isdisjoint(reasons)
    verdict = Verdict()
    for attributes in holders:
        verdict.read(attributes)
    event.guardrail = verdict.put(event.guardrail, was_blocked=was_blocked)
    if was_blocked or verdict.has_filtered or verdict.policies:
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
            told = happened.get("attributes")
            if type(told) is dict:
                DIALECTS.read(told, event)
                DIALECTS.drop(told)
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
    event.trace_id, event.span_id = pop_identifier(fields, "traceId"), pop_identifier(fields, "spanId")
    event.conversation_id = event.conversation_id or event.trace_id
    event.request_id = event.request_id or event.span_id
    drop(fields, "traceId", "spanId")


def _is_model_span(fields: Fields) -> bool:
    """Whether a record is a span, or a log record by itself. Coding agents have such attributes in their own ones."""
    return (
        (is_model_call(fields.get("attributes")) or event_name(fields).startswith("gen_ai."))
        and ("spanId" in fields or "traceId" in fields)
        and not agent_event({"eventName": fields.get("name")})
        and not agent_event(fields)
    )


def _has_model_logs(fields: Fields) -> bool:
    logs = fields.get("logs")
    log = logs[0] if type(logs) is list and logs else None
    return type(log) is dict and is_model_log(log) and not agent_event(log)


SOURCE: Final = Source(
    name="otel_genai",
    summary="OpenTelemetry GenAI spans and logs (OTLP JSON, Fluent Bit), also those of Traceloop, OpenInference, "
    "Vercel's AI SDK, MLflow, Langfuse, Logfire, Pydantic AI and Google's ADK.",
    stability=Stability.STABLE,
    never_carries="Texts, unless the instrumentation was told to capture them; the caller's address; often the caller.",
    references=REFERENCES,
    markers={"attributes": _is_model_span, "logs": _has_model_logs},
    parse=parse,
)
