"""Reads the facts of a record by a table: which field of the event has its value at which paths.

Exports, logs of gateways and logs of applications say the same things under different names. A source of that kind is
a table, not code:

    _FACTS = facts('''
        timestamp           start_time
        model_name          model metadata/model
        latency_ms:s        duration
        agent.name          agent_name
    ''')

Each line has a field of the event, or a part of one of its objects, and the paths of its value, in order of preference;
slashes separate the keys of a path. A line whose first word has a slash continues the one before it. The field decides
how the value is read. A unit after a colon (``s``, ``us``, ``ns``; ``go`` for ``1.5s``; ``nano`` for billionths of a
dollar) is that of the record; without one it is the field's.

Attributes of OpenTelemetry have tables of another kind (``otel.facts``), which are looked up by attribute: dialects
have hundreds of them, and a span has a few.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from veilog_parsers.event import (
    Agent,
    AuditEvent,
    Cloud,
    Credential,
    Guardrail,
    Kubernetes,
    Mcp,
    Network,
    Operation,
    Outcome,
    RateLimit,
    SensitiveText,
    Text,
    ToolCall,
    UserType,
)
from veilog_parsers.record.dropped import prefer
from veilog_parsers.record.endpoints import pop_provider
from veilog_parsers.record.fields import (
    Path,
    drop,
    paths,
    peek,
    pop,
    pop_count,
    pop_first,
    pop_flag,
    pop_identifier,
    pop_text,
)
from veilog_parsers.record.network import pop_address, pop_endpoint_text
from veilog_parsers.record.outcomes import outcome_of_error, outcome_of_status, pop_http_status
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import pop_duration, pop_elapsed, pop_time

Popper = Callable[..., Any]


def _pop_operation(fields: Fields, *path: str) -> Operation | None:
    word = peek(fields, *path)
    operation = OPERATIONS.get(word.lower()) if type(word) is str else None
    if operation is not None:
        pop(fields, *path)
    return operation


def _pop_tool(fields: Fields, *path: str) -> list[ToolCall] | None:
    name = pop_identifier(fields, *path)
    return None if name is None else [ToolCall(name=name)]


def _pop_sources(fields: Fields, *path: str) -> list[SensitiveText] | None:
    name = pop_identifier(fields, *path)
    return None if name is None else [name]


def _times(factor: float) -> Popper:
    """A popper of numbers of which each is so many units of the event's field."""

    def pop_scaled(fields: Fields, *path: str) -> float | None:
        value = pop_elapsed(fields, *path)
        return None if value is None else round(value * factor, 9)

    return pop_scaled


OPERATIONS: Final = {
    **{operation.value: operation for operation in Operation},
    "agent": Operation.INVOKE_AGENT,
    "chain": Operation.INVOKE_AGENT,
    "chat.completion": Operation.CHAT,
    "chat_completion": Operation.CHAT,
    "chat_model": Operation.CHAT,
    "completion": Operation.TEXT_COMPLETION,
    "embedding": Operation.EMBEDDINGS,
    "generation": Operation.CHAT,
    "llm": Operation.CHAT,
    "task": Operation.INVOKE_AGENT,
    "responses": Operation.CHAT,
    "rerank": Operation.RETRIEVAL,
    "reranker": Operation.RETRIEVAL,
    "retriever": Operation.RETRIEVAL,
    "text.completion": Operation.TEXT_COMPLETION,
    "tool": Operation.EXECUTE_TOOL,
    "workflow": Operation.INVOKE_AGENT,
}
"""Operations by the words that traces and gateways have for them, in lower case."""

_UNITS: Final[dict[str, Popper]] = {
    "s": _times(1000),
    "us": _times(1e-3),
    "ns": _times(1e-6),
    "go": pop_duration,
    "nano": _times(1e-9),
}
POPPERS: Final[dict[str, Popper]] = {
    "timestamp": pop_time,
    "client_ip": pop_address,
    "endpoint": pop_endpoint_text,
    "provider": pop_provider,
    "operation": _pop_operation,
    "tool_calls": _pop_tool,
    "data_sources": _pop_sources,
    "http_status": pop_http_status,
    **dict.fromkeys(("user_name", "user_agent"), pop_text),
    **dict.fromkeys(
        (
            *("tenant_id", "user_id", "session_id", "conversation_id", "api_operation", "model_name", "model_version"),
            *("request_id", "error_code", "deployment", "inference_region", "trace_id", "span_id"),
            *("knowledge_base_id", "fallback_from", "host"),
        ),
        pop_identifier,
    ),
    **dict.fromkeys(
        (
            *("input_tokens", "output_tokens", "token_count", "cached_input_tokens", "cache_write_tokens"),
            *("reasoning_tokens", "input_audio_tokens", "output_audio_tokens", "input_image_tokens"),
            *("output_image_tokens", "request_bytes", "response_bytes", "attempt", "retries", "tools_offered"),
            "attachments",
        ),
        pop_count,
    ),
    **dict.fromkeys(("latency_ms", "time_to_first_token_ms", "cost_usd"), pop_elapsed),
    **dict.fromkeys(("stream", "refusal"), pop_flag),
}
"""How the value of each field of an event is read."""
_OBJECTS: Final[dict[str, type[Any]]] = {
    "agent": Agent,
    "cloud": Cloud,
    "credential": Credential,
    "guardrail": Guardrail,
    "k8s": Kubernetes,
    "mcp": Mcp,
    "network": Network,
    "rate_limit": RateLimit,
}
_KNOWN_FAILURES: Final = (Outcome.DENIED, Outcome.THROTTLED, Outcome.CONTENT_FILTERED)
_NUMBERED_PARTS: Final = frozenset(("asn", "remaining_requests", "remaining_tokens"))


class Fact(NamedTuple):
    """A row of a table.

    Attributes:
        name: a field of the event.
        part: a field of the object in it; "" if it is no object.
        popper: reads the value.
        found_at: the paths of the value, in order of preference.
    """

    name: str
    part: str
    popper: Popper
    found_at: tuple[Path, ...]


def facts(declaration: str) -> tuple[Fact, ...]:
    """Make a table of its rows, one a line; see the module.

    Raises:
        KeyError: an event has no such field, or no table may fill it.
    """
    rows: list[list[str]] = []
    for line in declaration.strip().splitlines():
        words = line.split()
        if "/" in words[0]:
            rows[-1] += words
        else:
            rows.append(words)
    return tuple(_fact(target, " ".join(found_at)) for target, *found_at in rows)


def _fact(target: str, found_at: str) -> Fact:
    target, _, unit = target.partition(":")
    name, _, part = target.partition(".")
    if not part:
        return Fact(name, "", _UNITS[unit] if unit else POPPERS[name], paths(found_at))
    if part not in {field.name for field in dataclasses.fields(_OBJECTS[name])}:
        raise KeyError(target)
    popper: Popper = pop_count if part in _NUMBERED_PARTS else pop_text if part == "name" else pop_identifier
    return Fact(name, part, popper, paths(found_at))


def read_facts(fields: Fields, table: tuple[Fact, ...], event: AuditEvent) -> None:
    """Pop the values of a table into an event, where it does not know them.

    A path may be in two rows: the first row without a value gets the one that is there. What is then left under the
    paths of a fact that was found says it again, and is dropped if it is a name or a number.

    Args:
        fields: the record, or an object in it, that the paths begin in.
        table: made by ``facts``.
        event: gets the values.
    """
    repeated: list[Path] = []
    for name, part, popper, found_at in table:
        known = getattr(event, name)
        if part and known is not None:
            known = getattr(known, part)
        value = pop_first(popper, fields, found_at) if known is None else None
        if value is None:
            continue
        repeated += found_at
        if not part:
            setattr(event, name, value)
            continue
        if getattr(event, name) is None:
            setattr(event, name, _OBJECTS[name]())
        setattr(getattr(event, name), part, value)
    drop(fields, *repeated)


def conclude(event: AuditEvent) -> None:
    """Say what follows from the facts: the kind of the caller, and the outcome, of a status or the name of an error."""
    if event.user_type is None and (event.user_id is not None or event.user_name is not None):
        event.user_type = UserType.USER
    if event.outcome_status is None:
        event.outcome_status = outcome_of_status(event.http_status)
    if event.outcome_status is None and event.error_code is not None:
        event.outcome_status = outcome_of_error(text_of(event.error_code))
    if event.outcome_status is Outcome.FAILURE:
        # A word says only that the call failed; a status or the name of an error says how.
        named = outcome_of_error(text_of(event.error_code)), outcome_of_status(event.http_status)
        event.outcome_status = next((how for how in named if how in _KNOWN_FAILURES), Outcome.FAILURE)


def text_of(name: Text | None) -> str:
    """A name as the record has it, for decisions of a parser; "" if there is none."""
    return name.reveal() if isinstance(name, SensitiveText) else str(name or "")


def add_cached_tokens(event: AuditEvent, *, always: bool = False) -> None:
    """Add cached tokens to the input, which includes them by the conventions.

    Args:
        event: the event with all its counts.
        always: whether the source is known to count them apart. If not, an input that is less than them tells it.
    """
    cached = (event.cached_input_tokens or 0) + (event.cache_write_tokens or 0)
    if event.input_tokens is not None and cached and (always or cached > event.input_tokens):
        event.input_tokens += cached
        if event.output_tokens is not None:
            event.token_count = prefer(event.input_tokens + event.output_tokens, event.token_count)
