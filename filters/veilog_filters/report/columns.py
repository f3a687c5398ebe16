"""The columns of the report, and where each schema has them.

An encoder writes a field of ``veilog/1`` where a row of its table says, or among the target's extensions. Reading goes
the same way back: ``places`` derives from the same table where a field can stand, so no mapping is written twice. Only
what a row changes needs an undoing, and there are three of these in ``_CHANGED``.

Events may come from anywhere, so a value is taken only if it is what its column holds: a text that is too long is
replaced by its beginning and a hash, a number that is none is absent.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson

from veilog_filters.encode import asim, ecs, ocsf, otel, splunk_cim, udm
from veilog_filters.encode.table import Table
from veilog_parsers.event import SCHEMA_ID, Kind

Document = dict[str, Any]
Row = dict[str, Any]
"""An event as the report has it: its columns, absent ones left out."""
Place = tuple[str, ...]
"""Keys from a document to a value."""
Take = Callable[[Any], Any]
"""A value of a document to what the database takes; None if it is nothing of this kind."""

MAX_TEXT_CHARS: Final = 500
"""Longest name that is kept as it is. The gate lets none leave that is as long."""
MAX_ITEMS: Final = 256
"""Most items of a list or an object that are read."""
_INT64: Final = 2**63
_MAX_DOLLARS: Final = 1e9
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def text(value: Any) -> str | None:
    """A text; of a long one its beginning and a hash, so that two different ones stay two."""
    if type(value) is not str or not value:
        return None
    if len(value) <= MAX_TEXT_CHARS:
        return value
    return f"{value[: MAX_TEXT_CHARS // 5]}…{hashlib.sha256(value.encode('utf-8', 'replace')).hexdigest()[:16]}"


def whole(value: Any) -> int | None:
    """A whole number of 64 bits."""
    if type(value) is float and value.is_integer():
        value = int(value)
    return value if type(value) is int and -_INT64 <= value < _INT64 else None


def flag(value: Any) -> bool | None:
    """Yes or no."""
    return value if type(value) is bool else None


def dollars(value: Any) -> float | None:
    """An amount of money below a billion dollars: no call costs more, and sums stay exact."""
    return value if type(value) in (int, float) and abs(value) < _MAX_DOLLARS else None


def moment(value: Any) -> int | None:
    """RFC 3339 to microseconds since 1970, UTC. A time without a zone is in UTC."""
    if type(value) is not str:
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    return ((found if found.tzinfo else found.replace(tzinfo=UTC)) - _EPOCH) // _MICROSECOND


def seconds(value: Any) -> int | None:
    """Seconds since 1970, to the millisecond, to microseconds."""
    if type(value) not in (int, float) or not abs(value) < _MAX_SECONDS:
        return None
    milliseconds: int = round(value * 1_000)
    return milliseconds * 1_000


def nanoseconds(value: Any) -> int | None:
    """Nanoseconds since 1970 in digits, as OTLP's JSON has them, or as a number, to microseconds; 0 is no time."""
    if type(value) is str and value.isascii() and value.isdigit() and len(value) <= _MAX_DIGITS:
        value = int(value)
    if type(value) is not int or not abs(value) < _MAX_SECONDS * 1_000_000_000:
        return None
    microseconds: int = value // 1_000
    return microseconds or None


_MAX_SECONDS: Final = 253_402_300_800
"""The year 10000."""
_MAX_DIGITS: Final = 21


def texts(value: Any) -> list[str] | None:
    """A list of texts."""
    if type(value) is not list:
        return None
    return [item for item in map(text, value[:MAX_ITEMS]) if item is not None]


def first(value: Any) -> str | None:
    """The text that stands first in a list of texts."""
    return text(value[0]) if type(value) is list and value else None


def counts(value: Any) -> dict[str, int] | None:
    """Counts by name."""
    if type(value) is not dict:
        return None
    pairs = [(text(name), whole(number)) for name, number in list(value.items())[:MAX_ITEMS]]
    return {name: number for name, number in pairs if name is not None and number is not None}


def threats(value: Any) -> list[dict[str, str | None]] | None:
    """Threats, each with who reports it."""
    if type(value) is not list:
        return None
    return [
        {"reporter": text(item.get("reporter")), "type": text(item.get("type"))}
        for item in value[:MAX_ITEMS]
        if type(item) is dict
    ]


TYPES: Final[dict[Take, str]] = {
    text: "VARCHAR",
    whole: "BIGINT",
    dollars: "DECIMAL(18, 9)",
    flag: "BOOLEAN",
    moment: "BIGINT",
    texts: "VARCHAR[]",
    counts: "MAP(VARCHAR, BIGINT)",
    threats: "STRUCT(reporter VARCHAR, type VARCHAR)[]",
}
"""What the database takes of each kind."""

COLUMNS: Final[dict[str, Take]] = {
    "event_id": text,
    "timestamp": moment,
    "source": text,
    "kind": text,
    "user_id": text,
    "user_name": text,
    "user_type": text,
    "user_department": text,
    "provider": text,
    "model_name": text,
    "model_department": text,
    "hash_key_id": text,
    "previous_hashes.hash_key_id": text,
    "prompt_chars": whole,
    "response_chars": whole,
    "prompt_classification": text,
    "response_classification": text,
    "data_categories": texts,
    "findings.prompt": counts,
    "findings.response": counts,
    "input_tokens": whole,
    "output_tokens": whole,
    "token_count": whole,
    "cost_usd": dollars,
    "request_bytes": whole,
    "response_bytes": whole,
    "outcome_status": text,
    "error_code": text,
    "guardrail.action": text,
    "guardrail.policies": texts,
    "upstream_threats": threats,
    "leakage.kinds": texts,
    "change.setting": text,
    "change.enabled": flag,
    "redaction.policy": text,
    "redaction.detectors": texts,
    "redaction.status": text,
    "redaction.truncated_bytes": whole,
    "redaction.unmapped_fields": whole,
    "redaction.dropped_fields": whole,
    "redaction.hashed_fields": whole,
    "error_type": text,
    "raw_bytes": whole,
}
"""The fields of ``veilog/1`` that the report speaks of, and what may stand in each."""


def column(field: str) -> str:
    """What a field is called in the database."""
    return field.replace(".", "_")


_CHANGED: Final[dict[tuple[str, str], tuple[str, Take]]] = {
    ("otel", "timestamp"): ("timeUnixNano", nanoseconds),
    ("splunk_cim", "timestamp"): ("time", seconds),
    ("udm", "user_department"): ("principal.user.department", first),
}
"""Where a table changes what it writes: by schema and field, the place, and what makes the field's value of it."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """How events of one schema are read.

    Attributes:
        name: what ``--schema`` calls it.
        is_it: whether a document is of this schema, and veilog's.
        table: the table that it is written by; None for ``veilog/1`` itself.
        events: the events in a document, for a schema whose documents hold several.
        is_beside: whether a document is written beside an event, and says of it again what the event says.
        fillers: values that stand where a target requires one and the event has none.
        filled_by: fields whose values do so in other fields' places, by field.
    """

    name: str
    is_it: Callable[[Document], bool]
    table: Table | None
    events: Callable[[Document], Iterator[Document]] = lambda document: iter((document,))
    is_beside: Callable[[Document], bool] = lambda _document: False
    fillers: frozenset[str] = frozenset()
    filled_by: dict[str, str] = dataclasses.field(default_factory=dict)

    def compiled(self) -> Callable[[Document], Row]:
        """What makes of an event of this schema a row."""
        tree: _Tree = {}
        for field, take in COLUMNS.items():
            found, take_found = self._found_at(field, take)
            for place in found:
                _plant(tree, place, column(field), take_found)
        fillers, filled_by = self.fillers, self.filled_by

        def read(event: Document) -> Row:
            row: Row = {}
            _gather(event, tree, row)
            for filler in fillers:
                row = {name: value for name, value in row.items() if value != filler}
            for name, other in filled_by.items():
                if name in row and row[name] == row.get(other):
                    del row[name]
            return row

        return read

    def _found_at(self, field: str, take: Take) -> tuple[tuple[Place, ...], Take]:
        changed = _CHANGED.get((self.name, field))
        if changed is None:
            return places(self.table, field), take
        return (tuple(changed[0].split(".")),), changed[1]


def places(table: Table | None, field: str) -> tuple[Place, ...]:
    """Where an event has a field as it is, by the table that it was written by.

    Args:
        table: the table; None for ``veilog/1`` itself.
        field: the field; a part of an object with a dot.
    """
    if table is None:
        return (tuple(field.split(".")),)
    targets = [row.target for row in table.rows if row.field == field and row.transform is None]
    name, _, part = field.partition(".")
    prefix = f"{table.extension}." if table.extension else ""
    if not table.is_flat:
        return tuple(tuple(target.split(".")) for target in (*targets, f"{prefix}{field}"))
    # An object is one attribute, unless rows take it apart.
    is_apart = any(row.field.startswith(f"{name}.") for row in table.rows)
    extended = (f"{prefix}{name}", part) if part and not is_apart else (f"{prefix}{field}",)
    return (*((target,) for target in targets), extended)


@dataclasses.dataclass(slots=True)
class _Node:
    """What is wanted of a value: itself, as a column, or what is in it."""

    name: str = ""
    take: Take = text
    inside: _Tree = dataclasses.field(default_factory=dict)


_Tree = dict[str, _Node]


def _plant(tree: _Tree, place: Place, name: str, take: Take) -> None:
    *above, last = place
    for key in above:
        tree = tree.setdefault(key, _Node()).inside
    node = tree.setdefault(last, _Node())
    node.name, node.take = name, take


def _gather(value: Document, tree: _Tree, row: Row) -> None:
    """Put into a row what is wanted of an object. It costs a look-up for each key that the object has."""
    for key, item in value.items():
        node = tree.get(key)
        if node is None or item is None:
            continue
        if node.inside:
            inner = item if item.__class__ is dict else _opened(item)
            if inner is not None:
                _gather(inner, node.inside, row)
        if node.name and node.name not in row:
            taken = node.take(item)
            if taken is not None:
                row[node.name] = taken


def _at(value: Any, place: Place) -> Any:
    """What stands at a place."""
    for key in place:
        value = value.get(key) if value.__class__ is dict else None
    return value


def _opened(value: Any) -> Document | None:
    """The object in a text of JSON: columns of tables have objects as such texts."""
    if type(value) is not str or not value.startswith("{"):
        return None
    try:
        found: Document = orjson.loads(value)
    except orjson.JSONDecodeError:
        return None
    return found


# OpenTelemetry: a document holds records, and a record's attributes are a list.


def _records(document: Document) -> Iterator[Document]:
    for resource in _items(document, "resourceLogs"):
        for scope in _items(resource, "scopeLogs"):
            for record in _items(scope, "logRecords"):
                attributes = _pairs(record.get("attributes"))
                attributes["timeUnixNano"] = record.get("timeUnixNano")
                yield attributes


def _items(value: Document, key: str) -> Iterator[Document]:
    found = value.get(key)
    if type(found) is list:
        yield from (item for item in found if type(item) is dict)


def _pairs(value: Any, depth: int = 0) -> Document:
    if type(value) is not list:
        return {}
    return {
        pair["key"]: _value(pair.get("value"), depth)
        for pair in value
        if type(pair) is dict and type(pair.get("key")) is str
    }


_MAX_DEPTH: Final = 8


def _value(value: Any, depth: int) -> Any:
    """A value of OTLP's JSON."""
    if type(value) is not dict or not value or depth > _MAX_DEPTH:
        return None
    kind, inner = next(iter(value.items()))
    if kind == "intValue":
        return _integer(inner)
    if kind == "kvlistValue" and type(inner) is dict:
        return _pairs(inner.get("values"), depth + 1)
    if kind == "arrayValue" and type(inner) is dict and type(inner.get("values")) is list:
        return [_value(item, depth + 1) for item in inner["values"]]
    return inner


def _integer(value: Any) -> int | None:
    if type(value) is int:
        return value
    digits = value.removeprefix("-") if type(value) is str else ""
    return int(value) if digits.isascii() and digits.isdigit() and len(digits) <= len(str(_INT64)) else None


def _is_asim(schema: str) -> Callable[[Document], bool]:
    return lambda document: document.get("EventSchema") == schema and document.get("EventVendor") == "veilog"


SCHEMAS: Final = (
    Schema(name="native", is_it=lambda document: document.get("schema") == SCHEMA_ID, table=None),
    Schema(
        name="ocsf",
        is_it=lambda document: "class_uid" in document and _at(document, ("metadata", "product", "name")) == "veilog",
        table=ocsf.TABLE,
        is_beside=lambda document: document["class_uid"] == ocsf.DETECTION_FINDING,
        fillers=frozenset(("unknown",)),
    ),
    Schema(name="ecs", is_it=lambda document: _at(document, ("event", "module")) == "veilog", table=ecs.TABLE),
    Schema(name="otel", is_it=lambda document: "resourceLogs" in document, table=otel.TABLE, events=_records),
    Schema(
        name="splunk_cim",
        is_it=lambda document: str(document.get("sourcetype")).startswith("veilog:"),
        table=splunk_cim.TABLE,
    ),
    Schema(name="asim", is_it=_is_asim("AgentEvent"), table=asim.AGENT),
    Schema(name="asim", is_it=_is_asim("AuditEvent"), table=asim.AUDIT),
    Schema(
        name="udm",
        is_it=lambda document: _at(document, ("metadata", "productName")) == "veilog",
        table=udm.TABLE,
        filled_by={"model_name": "source"},
    ),
)
"""Every schema, each told by what all its events have."""
_KINDS: Final = frozenset(Kind)


class Reader:
    """Reads events of every schema, mixed as they come."""

    def __init__(self) -> None:
        self._schemas = [(schema, schema.compiled()) for schema in SCHEMAS]

    def rows(self, document: Any) -> tuple[str, list[Row]] | None:
        """The schema of a document and its events: none in a document that is written beside an event.

        None if it is of no schema, or should have an event and has none of veilog's.

        Args:
            document: a value of JSON.
        """
        if type(document) is not dict:
            return None
        for schema, read in self._schemas:
            if schema.is_it(document):
                if schema.is_beside(document):
                    return schema.name, []
                rows = [row for event in schema.events(document) if _is_event(row := read(event))]
                return (schema.name, rows) if rows else None
        return None


def _is_event(row: Row) -> bool:
    """Whether a row has what every event has."""
    return row.get("kind") in _KINDS and "source" in row and "event_id" in row
