"""Facts, and tables that tell in which attributes a dialect has them: a dialect is rows, not code.

A row of a table is an attribute and what it holds, in order of preference::

    gen_ai.usage.input_tokens           input_tokens
    mlflow.chat.tokenUsage/input_tokens input_tokens
    gen_ai.input.messages               prompt_messages
    gen_ai.output.type                  word
    llm.request.*                       plain

What it holds is a *fact* (a key of ``FACTS``: how its value is popped, and where in an event it goes), or a *text* (any
other name: what ``otel_messages`` or a source does with it), or a kind of ``record.fields``: then the attribute is
dropped if its value is of that kind, since an audit trail does not need it. Slashes separate an attribute from the keys
in its value, which may be JSON in a string. ``*`` stands for the rest of a name; only kinds have it.

Of several attributes with the same fact, the first with a value counts. The others repeat it and are dropped, unless
they could hold prose. Reading costs one look-up for each attribute of a record, however many rows a table has.
(``sources.facts`` has tables for other logs, which are shorter and go from the field to its paths.)
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Final

from veilog_parsers.event import (
    Agent,
    AuditEvent,
    Cloud,
    Guardrail,
    Kubernetes,
    Mcp,
    SensitiveText,
    Text,
)
from veilog_parsers.record.dropped import DUPLICATE, Why, note_dropped, prefer
from veilog_parsers.record.endpoints import provider_named
from veilog_parsers.record.fields import (
    Path,
    as_identifier,
    dicts,
    drop,
    drop_keys,
    ignored_keys,
    is_kind,
    open_json,
    peek,
    pop,
    pop_count,
    pop_flag,
    pop_identifier,
    pop_number,
    pop_text,
)
from veilog_parsers.record.network import pop_address, pop_endpoint_text
from veilog_parsers.record.outcomes import pop_http_status
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import pop_elapsed

_MS_PER_SECOND: Final = 1000.0
_MICROS_PER_DOLLAR: Final = 1_000_000
_MAX_TOOLS: Final = 10_000
_FRAMEWORKS: Final = frozenset(("gcp.vertex.agent", "langchain"))
"""What some instrumentations name as the provider, though it is the library that calls one."""
_OBJECTS: Final[dict[str, type[Any]]] = {
    "agent": Agent,
    "cloud": Cloud,
    "guardrail": Guardrail,
    "k8s": Kubernetes,
    "mcp": Mcp,
}


@dataclasses.dataclass(frozen=True, slots=True)
class Fact:
    """How a value is popped, and what puts it into an event, which may have it already."""

    pop: Callable[..., Any]
    put: Callable[[AuditEvent, Any], None]


@dataclasses.dataclass(frozen=True, slots=True)
class _Row:
    rank: int
    path: Path
    fact: str


_LAST: Final = frozenset(("user_email",))
"""Facts whose place depends on others."""


class Table:
    """The attributes of some dialects, and what they hold.

    Args:
        rows: one a line; see the module's description.

    Raises:
        ValueError: a row has no two columns, or repeats another one.
    """

    def __init__(self, rows: str) -> None:
        self._facts: dict[str, tuple[_Row, ...]] = {}
        self._texts: dict[str, tuple[Path, ...]] = {}
        self._ignored = ignored_keys("")
        prefixes = ignored_keys("")
        seen: set[tuple[Path, bool]] = set()
        for rank, line in enumerate(filter(None, map(str.strip, rows.splitlines()))):
            attribute, what = line.split()
            path = tuple(attribute.split("/"))
            # What is left of a value once its fact is popped may be dropped, so an attribute may have a row for each.
            if (path, is_kind(what)) in seen:
                raise ValueError(f"{attribute} has two rows")
            seen.add((path, is_kind(what)))
            if is_kind(what):
                place = prefixes if attribute.endswith("*") else self._ignored
                place |= ignored_keys(f"{attribute.removesuffix('*')}:{what}")
            elif what in FACTS:
                self._facts[path[0]] = (*self._facts.get(path[0], ()), _Row(rank, path, what))
            else:
                self._texts[what] = (*self._texts.get(what, ()), path)
        self._prefixes = tuple(prefixes.items())
        self._any_prefix = tuple(prefixes)
        self._attributes = {text: tuple(path[0] for path in paths) for text, paths in self._texts.items()}

    def paths(self, text: str) -> tuple[Path, ...]:
        """Where a text, or any other thing that is no fact, may be, in order of preference."""
        return self._texts.get(text, ())

    def attributes(self, text: str) -> tuple[str, ...]:
        """The attributes of ``paths``."""
        return self._attributes.get(text, ())

    def read(self, attributes: Fields, event: AuditEvent) -> None:
        """Pop all facts, and put those into an event that it does not have."""
        rows = [row for key in attributes if key in self._facts for row in self._facts[key]]
        values: dict[str, Any] = {}
        for row in sorted(rows, key=lambda row: row.rank):
            if len(row.path) > 1:
                open_json(attributes, row.path[0])
            if row.fact in values:
                drop(attributes, row.path, why=DUPLICATE)
                continue
            value = FACTS[row.fact].pop(attributes, *row.path)
            if value is not None:
                values[row.fact] = value
        for fact in sorted(values, key=_LAST.__contains__):
            FACTS[fact].put(event, values[fact])

    def drop(self, attributes: Fields) -> None:
        """Drop what an audit trail does not need."""
        drop_keys(attributes, self._ignored)
        keys = {
            key: next(kind for prefix, kind in self._prefixes if key.startswith(prefix))
            for key in attributes
            if key.startswith(self._any_prefix)
        }
        if keys:
            drop_keys(attributes, keys)


def _putter(name: str) -> Callable[[AuditEvent, Any], None]:
    """What fills a field of an event (``trace_id``), or a field of an object in it (``agent.name``), if it is empty."""
    holder, _, part = name.rpartition(".")

    def put(event: AuditEvent, value: Any) -> None:
        place: Any = event
        if holder:
            place = getattr(event, holder)
            if place is None:
                place = _OBJECTS[holder]()
                setattr(event, holder, place)
        setattr(place, part, prefer(getattr(place, part), value))

    return put


def _pop_seconds(fields: Fields, *path: str) -> float | None:
    """Pop a time in seconds, and return milliseconds."""
    seconds = pop_elapsed(fields, *path)
    return None if seconds is None else round(seconds * _MS_PER_SECOND, 3)


def _pop_cost(fields: Fields, *path: str) -> float | None:
    cost = pop_number({"": peek(fields, *path)}, "")
    if cost is None or cost < 0:
        return None
    pop(fields, *path)
    return cost


def _pop_micros(fields: Fields, *path: str) -> float | None:
    """Pop a cost in millionths of a dollar, and return dollars."""
    micros = pop_count(fields, *path)
    return None if micros is None else micros / _MICROS_PER_DOLLAR


def _pop_provider(fields: Fields, *path: str) -> Text | None:
    """Pop a provider as OpenTelemetry spells it."""
    name = pop_identifier(fields, *path)
    folded = name.reveal().lower() if name else ""
    if not folded or folded in _FRAMEWORKS:
        if folded:
            note_dropped(path[-1], folded, Why.NOISE)
        return None
    # Vercel's SDK has the API after the provider: ``openai.chat``, ``google.generative-ai``.
    return provider_named(folded) or provider_named(_VERCEL_PROVIDERS.get(folded, "")) or _vercel_provider(folded)


_VERCEL_PROVIDERS: Final = {
    "amazon-bedrock": "bedrock",
    "google.generative-ai": "gemini",
    "google.vertex.chat": "vertex",
    "google.vertex": "vertex",
    "azure.chat": "azure",
    "azure.responses": "azure",
    "mistral.chat": "mistral",
    "xai.chat": "xai",
}
_VERCEL_APIS: Final = (".chat", ".completion", ".embedding", ".image", ".messages", ".responses")


def _vercel_provider(name: str) -> SensitiveText | None:
    api = next((api for api in _VERCEL_APIS if name.endswith(api)), "")
    return as_identifier(name.removesuffix(api))


def _pop_names(fields: Fields, *path: str) -> list[Text] | None:
    """Pop a name, or a list of names, also as JSON in a string."""
    value = open_json(fields, *path)
    if type(value) is not list:
        name = pop_identifier(fields, *path)
        return [name] if name else None
    names: list[Text] = [name for item in value if (name := as_identifier(item))]
    drop(fields, path)
    return names or None


def _pop_length(fields: Fields, *path: str) -> int | None:
    """Pop a list of definitions, and return how many there are. They hold prose by their nature (see ``bodies``)."""
    value = open_json(fields, *path)
    if type(value) is not list or len(value) > _MAX_TOOLS:
        return None
    if not all(type(open_json({"": item}, "")) is dict for item in value):
        return None
    note_dropped(path[-1], pop(fields, *path), Why.NOISE)
    return len(value)


def _pop_guardrail(fields: Fields, *path: str) -> tuple[SensitiveText | None, SensitiveText | None] | None:
    """Pop the id of one of Bedrock's guardrails, which may have a version after a colon."""
    name = pop_identifier(fields, *path)
    if name is None:
        return None
    guardrail, colon, version = name.reveal().rpartition(":")
    if not colon or not guardrail or not version or guardrail.startswith("arn:"):
        return name, None
    return as_identifier(guardrail), as_identifier(version)


def _put_guardrail(event: AuditEvent, value: tuple[SensitiveText | None, SensitiveText | None]) -> None:
    event.guardrail = event.guardrail or Guardrail()
    if event.guardrail.id is None:
        event.guardrail.id, event.guardrail.version = value


def _put_data_source(event: AuditEvent, value: list[Text]) -> None:
    event.data_sources = prefer(event.data_sources, value)


def _pop_document_ids(fields: Fields, *path: str) -> list[Text] | None:
    """Pop the ids of documents that a search found. Their texts, if there are any, stay."""
    documents = open_json(fields, *path)
    ids: list[Text] = [name for item in dicts(documents) if (name := pop_identifier(item, "id"))]
    for document in dicts(documents):
        drop(document, "score")
    return ids or None


def _put_email(event: AuditEvent, value: SensitiveText) -> None:
    """The caller's e-mail address is the id if there is no other, else the name."""
    if event.user_id is None:
        event.user_id = value
    else:
        event.user_name = prefer(event.user_name, value)


def _facts(popper: Callable[..., Any], names: str) -> dict[str, Fact]:
    return {name: Fact(popper, _putter(name)) for name in names.split()}


FACTS: Final[dict[str, Fact]] = {
    **_facts(
        pop_identifier,
        """
        tenant_id user_id session_id conversation_id model_name model_version request_id deployment inference_region
        trace_id span_id error_code knowledge_base_id host api_operation
        agent.id agent.version mcp.method mcp.server mcp.tool cloud.provider cloud.account_id cloud.region
        cloud.resource k8s.namespace k8s.pod k8s.container k8s.node
        """,
    ),
    **_facts(pop_text, "user_name user_agent agent.name"),
    **_facts(
        pop_count,
        """
        input_tokens output_tokens token_count cached_input_tokens cache_write_tokens reasoning_tokens
        input_audio_tokens output_audio_tokens input_image_tokens output_image_tokens request_bytes response_bytes
        attempt retries prompt_chars response_chars
        """,
    ),
    **_facts(pop_elapsed, "latency_ms time_to_first_token_ms"),
    **_facts(pop_flag, "stream refusal"),
    **_facts(_pop_cost, "cost_usd"),
    **_facts(pop_http_status, "http_status"),
    **_facts(pop_endpoint_text, "endpoint"),
    **_facts(_pop_length, "tools_offered"),
    **_facts(_pop_names, "finish_reasons"),
    **_facts(_pop_provider, "provider"),
    **_facts(pop_address, "client_ip"),
    "user_email": Fact(pop_identifier, _put_email),
    "guardrail": Fact(_pop_guardrail, _put_guardrail),
    "data_sources": Fact(_pop_names, _put_data_source),
    "document_ids": Fact(_pop_document_ids, _put_data_source),
    "cost_usd_micros": Fact(_pop_micros, _putter("cost_usd")),
    "latency_seconds": Fact(_pop_seconds, _putter("latency_ms")),
    "time_to_first_token_seconds": Fact(_pop_seconds, _putter("time_to_first_token_ms")),
}
"""What attributes may tell, by the field of the event that it fills, or by a name for what needs more than that."""
