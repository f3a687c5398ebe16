"""Any other JSON log, which a few lines of configuration map to the schema.

    - name: flask_middleware
      when: {service: chat-api}
      fields: {timestamp: ts, user_id: user.email, prompt: body.question, response: answer.text, latency_ms: took_ms}
      constants: {provider: openai}

``fields`` has event fields and the dotted paths of their values, with ``\\.`` for a dot inside a key. The targets
``system``, ``prompt`` and ``response`` are for a text or a list of texts; ``request_body`` and ``response_body`` are
for the body of any provider, which is read as if a gateway had logged it.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from veilog_parsers.bodies.read import open_body, read_exchange
from veilog_parsers.event import (
    Agent,
    AuditEvent,
    Cloud,
    Constant,
    Kind,
    Kubernetes,
    Mcp,
    Message,
    Operation,
    Role,
    SensitiveText,
    UserType,
)
from veilog_parsers.record.fields import Path, peek, pop, pop_count, pop_flag, pop_identifier, pop_number, pop_text
from veilog_parsers.record.network import pop_address, pop_endpoint_text
from veilog_parsers.record.outcomes import outcome_of_call
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import pop_time
from veilog_parsers.source import Source, Stability


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MappingSpec:
    """One mapping, as the configuration gives it.

    Attributes:
        name: the name of the source.
        when: dotted paths, and the values that records must have there; ``*`` for any value.
        fields: targets, and the dotted paths of their values.
        constants: event fields (``provider``, ``operation``, ``kind``), and their values for all records.
    """

    name: str
    when: Mapping[str, str]
    fields: Mapping[str, str]
    constants: Mapping[str, str]


_POPPERS: Final[dict[str, Callable[..., Any]]] = {
    "timestamp": pop_time,
    "client_ip": pop_address,
    "endpoint": pop_endpoint_text,
    **dict.fromkeys(("user_name", "user_agent"), pop_text),
    **dict.fromkeys(
        (
            *("tenant_id", "organization_id", "user_id", "session_id", "conversation_id", "provider", "api_operation"),
            *("model_name", "model_version", "request_id", "error_code", "deployment", "inference_region"),
            *("trace_id", "span_id", "knowledge_base_id", "fallback_from", "host"),
        ),
        pop_identifier,
    ),
    **dict.fromkeys(
        (
            *("input_tokens", "output_tokens", "token_count", "http_status", "cached_input_tokens"),
            *("cache_write_tokens", "reasoning_tokens", "request_bytes", "response_bytes", "attempt", "retries"),
            *("tools_offered", "attachments"),
        ),
        pop_count,
    ),
    **dict.fromkeys(("latency_ms", "time_to_first_token_ms", "cost_usd"), pop_number),
    **dict.fromkeys(("stream", "refusal"), pop_flag),
}
_OBJECTS: Final[dict[str, type[Any]]] = {"cloud": Cloud, "agent": Agent, "k8s": Kubernetes, "mcp": Mcp}
_OBJECT_TARGETS: Final = {
    f"{name}.{field.name}": (name, field.name)
    for name, kind in _OBJECTS.items()
    for field in dataclasses.fields(kind)
    if field.name != "labels"
}
_TEXT_TARGETS: Final = {"system": Role.SYSTEM, "prompt": Role.USER, "response": Role.ASSISTANT}
_BODY_TARGETS: Final = ("request_body", "response_body")
TARGETS: Final = (*_POPPERS, *_OBJECT_TARGETS, *_TEXT_TARGETS, *_BODY_TARGETS)
_CONSTANTS: Final = ("provider", "operation", "kind")
_DOT: Final = re.compile(r"(?<!\\)\.")


def split_path(path: str) -> Path:
    """The keys in a dotted path; ``\\.`` is a dot inside a key.

    Raises:
        ValueError: a key of it is empty.
    """
    keys = tuple(key.replace("\\.", ".") for key in _DOT.split(path))
    if not all(keys):
        raise ValueError(f"the path {path!r} has an empty key")
    return keys


def make_source(spec: MappingSpec) -> Source:
    """The source that a mapping describes.

    Raises:
        ValueError: a target, path or constant is invalid; the message tells the author of the configuration which.
    """
    for target in spec.fields:
        if target not in TARGETS:
            raise ValueError(f"fields.{target}: there is no such target; there are {', '.join(TARGETS)}")
    for name, value in spec.constants.items():
        if name not in _CONSTANTS:
            raise ValueError(f"constants.{name}: a constant is one of {', '.join(_CONSTANTS)}")
        if name in ("operation", "kind"):
            allowed = [str(member) for member in (Operation if name == "operation" else Kind)]
            if value not in allowed:
                raise ValueError(f"constants.{name}: {value} is none of {', '.join(allowed)}")
    parser = _MappedParser(spec)
    conditions = [(split_path(path), value) for path, value in spec.when.items()]

    def matches(fields: Fields) -> bool:
        values = ((peek(fields, *path), wanted) for path, wanted in conditions)
        return all(found is not None and (wanted == "*" or str(found) == wanted) for found, wanted in values)

    return Source(
        name=spec.name,
        summary="A JSON log of your own, mapped in the configuration.",
        stability=Stability.STABLE,
        never_carries="What the mapping does not name; it ends in `unmapped`.",
        references=(),
        markers={conditions[0][0][0]: matches},
        parse=parser,
    )


class _MappedParser:
    """Parses records as a mapping says."""

    def __init__(self, spec: MappingSpec) -> None:
        paths = {target: split_path(path) for target, path in spec.fields.items()}
        self._fields = [(target, _POPPERS[target], path) for target, path in paths.items() if target in _POPPERS]
        self._in_objects = [
            (*_OBJECT_TARGETS[target], path) for target, path in paths.items() if target in _OBJECT_TARGETS
        ]
        self._texts = [(role, paths[target]) for target, role in _TEXT_TARGETS.items() if target in paths]
        self._request, self._response = (paths.get(target) for target in _BODY_TARGETS)
        self._kind = Kind(spec.constants.get("kind", Kind.AI_ACCESS))
        self._operation = Operation(spec.constants["operation"]) if "operation" in spec.constants else None
        self._provider = Constant(spec.constants["provider"]) if "provider" in spec.constants else None

    def __call__(self, fields: Fields) -> AuditEvent:
        event = AuditEvent(kind=self._kind, operation=self._operation, provider=self._provider)
        for target, popper, path in self._fields:
            value = popper(fields, *path)
            if value is not None:
                setattr(event, target, value)
        for name, part, path in self._in_objects:
            identifier = pop_identifier(fields, *path)
            if identifier is not None:
                if getattr(event, name) is None:
                    setattr(event, name, _OBJECTS[name]())
                setattr(getattr(event, name), part, identifier)
        self._read_texts(fields, event)
        request = open_body(fields, *self._request) if self._request else None
        response = open_body(fields, *self._response) if self._response else None
        read_exchange(request, response).apply(event)
        if event.operation is None and event.kind is Kind.AI_ACCESS:
            event.operation = Operation.CHAT
        if event.user_id or event.user_name:
            event.user_type = UserType.USER
        if event.outcome_status is None:
            code = event.error_code
            error = code.reveal() if isinstance(code, SensitiveText) else None
            event.outcome_status = outcome_of_call(event.http_status, error)
        return event

    def _read_texts(self, fields: Fields, event: AuditEvent) -> None:
        for role, path in self._texts:
            parts = _pop_texts(fields, path)
            if parts:
                messages = event.response_messages if role is Role.ASSISTANT else event.prompt_messages
                messages.append(Message(role, parts))


def _pop_texts(fields: Fields, path: Path) -> list[SensitiveText]:
    """Pop a text or a list of texts."""
    value = peek(fields, *path)
    texts = [value] if type(value) is str else value
    if type(texts) is not list or not all(type(text) is str for text in texts):
        return []
    pop(fields, *path)
    return [SensitiveText(text) for text in texts if text]
