"""Opens OTLP: turns OpenTelemetry's spans and log records into records of one plain form.

They arrive as OTLP JSON documents (a collector's file exporter; Fluent Bit's raw traces), whose attributes are lists of
``{key, value: {stringValue: ...}}`` and whose 64-bit integers are strings; or through Fluent Bit, which makes the body
of a log record the record and puts the rest into the entry's metadata. Both become objects with the keys of OTLP JSON
and plain attributes: a span, or the log records of one call under ``logs``.

The span of a call and its log records have the same trace and span id. If they are in one document, they become one
record. Log records of a model call that arrive without the span become one record per call: those of one document, of
one array, or of one chunk of entries (see ``CallCollector``). Spans and log records about anything else stay alone.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from typing import Any, Final, Generic, TypeVar

from veilog_parsers.record.decoding import keep_under
from veilog_parsers.record.dropped import Why, note_dropped
from veilog_parsers.record.fields import dicts, drop_known
from veilog_parsers.record.prose import may_hold_prose
from veilog_parsers.record.raw import Fields, RawRecord

T = TypeVar("T")

_CONVENTIONS: Final = (
    *("gen_ai.", "llm.", "openinference.span.kind", "traceloop.entity.", "traceloop.span.kind"),
    *("ai.operationId", "ai.model.", "ai.toolCall.", "mlflow.span", "langfuse.observation.", "langfuse.trace."),
    *("gcp.vertex.agent.", "pydantic_ai."),
)
"""Prefixes of attributes of model calls. Traceloop's other attributes are on every span of a workflow, and those of
Azure's Application Insights begin with ``ai.`` too."""
_CODING_AGENTS: Final = ("claude_code.", "codex.", "gemini_cli.")
"""Prefixes of the events of coding agents. Each is an event of its own, also if several have the same trace."""
_SCOPES: Final = ("com.anthropic.claude_code.", "opentelemetry.instrumentation.")
"""How names of scopes begin: well known, and together with the rest as long as a sentence."""
_CHOICE: Final = "gen_ai.choice"
_MAX_DEPTH: Final = 24
_INTEGER: Final = re.compile(r"-?[0-9]{1,19}")
_ID: Final = re.compile(r"[0-9A-Za-z+/=]{8,64}")
"""An id in hexadecimal, as in OTLP JSON, or in base64, as in the JSON encoding of protobuf."""
_AGENT_EVENT: Final = re.compile(r"[a-z_]{1,32}(?:\.[a-z_]{1,48}){1,3}")
_PAIR: Final = frozenset(("key", "value"))
_SCALARS: Final = ("stringValue", "boolValue", "doubleValue", "bytesValue")
_PLACES: Final = (("resourceSpans", "scopeSpans", "spans"), ("resourceLogs", "scopeLogs", "logRecords"))


def open_document(fields: Fields) -> list[Any] | None:
    """The records in an OTLP JSON document; None if it is none. Malformed parts of it become records as they are."""
    lists = [fields[place[0]] for place in _PLACES if place[0] in fields]
    if not lists or not all(type(value) is list for value in lists) or not any(lists):
        return None
    out: list[Any] = []
    logs: list[Fields] = []
    for place, found in zip(_PLACES, (out, logs), strict=True):
        for item in fields.get(place[0], ()):
            _collect(item, place, found, out)
    _join(out, logs)
    return out


def merge_documents(documents: list[Any]) -> Fields | None:
    """Merge OTLP JSON documents, so that calls are joined across them; None if one of them is no such document."""
    keys = [place[0] for place in _PLACES]
    for document in documents:
        if type(document) is not dict or not any(type(document.get(key)) is list for key in keys):
            return None
        if not all(type(document.get(key, [])) is list for key in keys):
            return None
    return {key: [item for document in documents for item in document.get(key, ())] for key in keys}


def open_fluent_bit(body: Any, metadata: Fields, group: Any = None) -> Fields | None:
    """Rebuild the log record that Fluent Bit split into body and metadata; None if it is about no model call.

    Args:
        body: the record as it arrived; a body that was no object is under ``log``.
        metadata: the entry's metadata, with OTLP's part under ``otlp``; the attributes of a model call are moved out.
        group: the resource and scope that all entries of the group share, if known.
    """
    about = metadata.get("otlp")
    if type(about) is not dict:
        return None
    attributes = about.get("attributes")
    log = {
        "eventName": about.get("event_name"),
        "attributes": attributes if type(attributes) is dict else {},
        "body": body["log"] if type(body) is dict and body.keys() == {"log"} else body,
        "timeUnixNano": about.get("timestamp"),
        "observedTimeUnixNano": about.get("observed_timestamp"),
        "traceId": _hex(about.get("trace_id")),
        "spanId": _hex(about.get("span_id")),
    }
    if not _is_about_ai(log):
        return None
    # Attributes may hold prompts, so they are moved: metadata are passed on to the next hop, cleaned.
    if type(attributes) is dict:
        del about["attributes"]
    resource = group.get("resource") if type(group) is dict else None
    resource = resource.get("attributes") if type(resource) is dict else None
    return _call(log, dict(resource) if type(resource) is dict else {})


def _hex(value: Any) -> Any:
    """An id as OTLP JSON has it; some releases of Fluent Bit have the bytes themselves."""
    return value.hex() if type(value) is bytes else value


def open_internal(fields: Fields) -> list[Any] | None:
    """``open_fluent_bit`` for Fluent Bit's JSON outputs, which put metadata and group under ``__internal__``."""
    internal = fields["__internal__"]
    metadata = internal.get("log_metadata") if type(internal) is dict else None
    if type(metadata) is not dict:
        return None
    date = fields.get("date")
    body = {key: value for key, value in fields.items() if key not in ("__internal__", "date")}
    group = internal.get("group_attributes")
    call = open_fluent_bit(body, metadata, group)
    if call is None:
        return None
    besides = [date, {key: value for key, value in internal.items() if key != "group_attributes"}]
    resource = group.get("resource") if type(group) is dict else None
    if type(resource) is dict and type(resource.get("attributes")) is dict:
        besides += [_prose_beside(resource, "attributes"), _prose_beside(group, "resource")]
    else:
        besides.append(group)
    if may_hold_prose(besides):
        keep_under(call["logs"][0], "__internal__", besides)
    else:
        note_dropped("", besides, Why.NOISE)
    return [call]


def join_internal_records(records: list[Any]) -> list[Any]:
    """Join those records of an array that Fluent Bit's JSON outputs wrote about the same call."""
    if not any(type(record) is dict and "__internal__" in record for record in records):
        return records
    out: list[Any] = []
    calls: dict[tuple[str, str], Fields] = {}
    for record in records:
        opened = open_internal(record) if type(record) is dict and "__internal__" in record else None
        call = opened[0] if opened else None
        if call is None or not _append_to_call(calls, call):
            out.append(record if call is None else call)
    return out


@dataclasses.dataclass(slots=True)
class _Pending(Generic[T]):
    origin: T
    record: RawRecord
    pieces: list[bytes]
    size: int


class CallCollector(Generic[T]):
    """Collects log records that arrive entry by entry from Fluent Bit, and joins those of each call.

    Args:
        max_bytes: the most bytes that the log records of one call may have together; beyond it, a new record begins.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._pending: list[_Pending[T]] = []
        self._by_ids: dict[tuple[str, str], _Pending[T]] = {}

    def add(self, origin: T, record: RawRecord) -> int:
        """Keep a log record of a model call.

        Args:
            origin: returned with the call by ``drain``; that of the call's first log record counts.
            record: the entry.

        Returns:
            How many log records the call has now; 0 if the entry is about no model call, and was not kept.
        """
        call = open_fluent_bit(record.value, record.metadata, record.group) if "otlp" in record.metadata else None
        if call is None:
            return 0
        (log,) = call["logs"]
        ids = _ids_to_join(call, log)
        known = self._by_ids.get(ids) if ids else None
        if known and known.size + len(record.raw) <= self._max_bytes and not _is_over(known.record.value, log):
            known.record.value["logs"].append(log)
            known.pieces.append(record.raw)
            known.size += len(record.raw)
            return len(known.pieces)
        # The metadata were consumed, and must not be read again.
        record = dataclasses.replace(record, value=call, metadata={})
        pending = _Pending(origin, record, [record.raw], len(record.raw))
        self._pending.append(pending)
        if ids:
            self._by_ids[ids] = pending
        return 1

    def drain(self) -> Iterator[tuple[T, RawRecord]]:
        """Return the calls in the order of their first log records, and forget them."""
        pending, self._pending, self._by_ids = self._pending, [], {}
        for call in pending:
            call.record.raw = b"".join(call.pieces)
            yield call.origin, call.record


def is_model_call(attributes: Any) -> bool:
    """Whether attributes describe a call of a model, an agent or a tool."""
    return type(attributes) is dict and any(type(key) is str and key.startswith(_CONVENTIONS) for key in attributes)


def is_model_log(log: Fields) -> bool:
    """Whether a log record is about a call of a model, an agent or a tool."""
    return event_name(log).startswith("gen_ai.") or is_model_call(log.get("attributes"))


def agent_event(log: Fields) -> str:
    """The name of a coding agent's event; "" for any other log record.

    Claude Code has its whole name in the body, and the name of the event alone in an attribute.
    """
    body = log.get("body")
    for name in (event_name(log), body):
        if type(name) is str and name.startswith(_CODING_AGENTS) and _AGENT_EVENT.fullmatch(name):
            return name
    return ""


def _is_about_ai(log: Fields) -> bool:
    """Whether a log record is to be read: one of a model call, or an event of a coding agent."""
    return is_model_log(log) or agent_event(log) != ""


def event_name(log: Fields) -> str:
    """The name of a log record's event, from its own field or, in older releases, from an attribute."""
    attributes = log.get("attributes")
    name = log.get("eventName") or (attributes.get("event.name") if type(attributes) is dict else None)
    return name if type(name) is str else ""


def attributes_to_json(pairs: Any) -> Any:
    """A list of OTLP's key-value pairs as an object; any other value is returned unchanged."""
    if type(pairs) is not list:
        return pairs
    if not all(type(pair) is dict and type(pair.get("key")) is str for pair in pairs):
        return pairs
    return _object(pairs, -1)


def _object(pairs: list[Fields], depth: int) -> Fields:
    """Build an object from OTLP's key-value pairs.

    Repeated keys, and other keys of a pair, are kept beside the value.
    """
    fields: Fields = {}
    for pair in pairs:
        key = pair["key"]
        value = _to_json_value(pair.get("value"), depth + 1)
        if key in fields:
            keep_under(fields, key, fields[key])
        fields[key] = value
        if len(pair) > 2 and may_hold_prose(besides := {name: pair[name] for name in pair.keys() - _PAIR}):
            keep_under(fields, key, besides)
    return fields


def _to_json_value(value: Any, depth: int) -> Any:
    if type(value) is not dict or depth > _MAX_DEPTH:
        return value
    if len(value) > 1 and may_hold_prose({name: value[name] for name in list(value)[1:]}):
        # An OTLP value has one key. This object has others, with prose: it is no OTLP value.
        return value
    for key in _SCALARS:
        if key in value:
            return value[key]
    if "intValue" in value:
        number = value["intValue"]
        return int(number) if type(number) is str and _INTEGER.fullmatch(number) else number
    inside = next((value[key] for key in ("arrayValue", "kvlistValue") if key in value), None)
    items = inside.get("values", []) if type(inside) is dict else None
    if type(items) is not list:
        return value or None
    if type(inside) is dict and may_hold_prose({name: inside[name] for name in inside.keys() - {"values"}}):
        return value
    if "arrayValue" in value:
        return [_to_json_value(item, depth + 1) for item in items]
    if not all(type(item) is dict and type(item.get("key")) is str for item in items):
        return value
    return _object(items, depth)


def _collect(item: Any, keys: tuple[str, str, str], found: list[Any], malformed: list[Any]) -> None:
    """Append the spans or log records of a resource to ``found``, and parts that OTLP does not have to ``malformed``.

    What the document has beside its resource and scopes is kept in the first of their records.
    """
    scopes = item.get(keys[1]) if type(item) is dict else None
    if type(scopes) is not list:
        malformed.append(item)
        return
    resource, beside = _resource_of(item, keys[1])
    for scope in scopes:
        records = scope.get(keys[2]) if type(scope) is dict else None
        if type(records) is not list:
            malformed.append(scope)
            continue
        beside.append(_prose_beside(_without_known_name(scope), keys[2]))
        for record in records:
            if type(record) is not dict:
                malformed.append(record)
                continue
            _open_record(record, resource)
            if any(beside) and may_hold_prose(beside):
                keep_under(record, "resource", beside)
                beside = []
            found.append(record)


def _resource_of(item: Fields, scopes_key: str) -> tuple[Fields, list[Any]]:
    """The attributes of a resource, and what else its part of the document has."""
    resource = item.get("resource")
    attributes = attributes_to_json(resource.get("attributes")) if type(resource) is dict else None
    beside: list[Any] = [_prose_beside(item, "resource", scopes_key)]
    if type(resource) is dict and type(attributes) is dict:
        return attributes, [*beside, _prose_beside(resource, "attributes")]
    return resource if type(resource) is dict else {}, [*beside, resource]


def _open_record(record: Fields, resource: Fields) -> None:
    """Give a span or log record plain attributes, a plain body, and a copy of its resource, which parsers consume."""
    for part in (record, *dicts(record.get("events"))):
        if "attributes" in part:
            part["attributes"] = attributes_to_json(part["attributes"])
    if "body" in record:
        record["body"] = _to_json_value(record["body"], 0)
    if resource:
        record["resource"] = dict(resource)


def _without_known_name(scope: Fields) -> Fields:
    """The part of a document that has a scope, with what is well known of the scope's name left out."""
    about = scope.get("scope")
    name = about.get("name") if type(about) is dict else None
    prefix = next((known for known in _SCOPES if type(name) is str and name.startswith(known)), "")
    if type(about) is not dict or not prefix:
        return scope
    return {**scope, "scope": {**about, "name": str(name).removeprefix(prefix)}}


def _prose_beside(fields: Fields, *keys: str) -> Fields | None:
    """What an object has under other keys than the given ones; None if it could not be prose."""
    found = {name: value for name, value in fields.items() if name not in keys}
    if may_hold_prose(found):
        return found
    for name, value in found.items():
        note_dropped(name, value, Why.NOISE)
    return None


def _ids(record: Fields) -> tuple[str, str] | None:
    """The trace and span id of a record; None if one is not set, which is empty or all zeros."""
    trace, span = record.get("traceId"), record.get("spanId")
    if type(trace) is not str or type(span) is not str or not _ID.fullmatch(trace) or not _ID.fullmatch(span):
        return None
    return (trace, span) if span.strip("0A=") else None


def _ids_to_join(record: Fields, log: Fields) -> tuple[str, str] | None:
    """The ids of a record by which its log record is joined with others; None if that stays alone."""
    return None if agent_event(log) else _ids(record)


def _join(out: list[Any], logs: list[Fields]) -> None:
    """Add each log record of a model call to its span or to the call's other log records, and the rest to ``out``."""
    spans = {ids: span for span in dicts(out) if is_model_call(span.get("attributes")) and (ids := _ids(span))}
    calls: dict[tuple[str, str], Fields] = {}
    for log in logs:
        if not _is_about_ai(log):
            out.append(log)
            continue
        ids = _ids_to_join(log, log)
        span = spans.get(ids) if ids else None
        if span is None:
            call = _call(log, log.get("resource", {}))
            if not _append_to_call(calls, call):
                out.append(call)
        else:
            known = span.setdefault("logs", [])
            if type(known) is list:
                _strip(log, span.get("resource"))
                known.append(log)
            else:
                out.append(_call(log, {}))


def _append_to_call(calls: dict[tuple[str, str], Fields], call: Fields) -> bool:
    """Add a log record to a call that has begun and not ended; else it begins a call, and the result is False."""
    (log,) = call["logs"]
    ids = _ids_to_join(call, log)
    known = calls.get(ids) if ids else None
    if known is not None and not _is_over(known, log):
        log["resource"] = call["resource"]
        _strip(log, known["resource"])
        known["logs"].append(log)
        return True
    if ids:
        calls[ids] = call
    return False


def _is_over(call: Fields, log: Fields) -> bool:
    """Whether a call has ended before this log record: several calls may be logged in one span."""
    return event_name(call["logs"][-1]) == _CHOICE and event_name(log) != _CHOICE


def _call(log: Fields, resource: Fields) -> Fields:
    """The record of a call without a span."""
    call = {key: log.get(key) for key in ("traceId", "spanId")}
    _strip(log, resource)
    return call | {"logs": [log], "resource": resource}


def _strip(log: Fields, resource: Any) -> None:
    """Remove from a log record what its call has too: the ids, and the resource unless it differs."""
    for key in ("traceId", "spanId"):
        if key in log:
            drop_known(log, key, Why.DUPLICATE)
    if "resource" in log and (log["resource"] == resource or not may_hold_prose(log["resource"])):
        drop_known(log, "resource", Why.DUPLICATE)
