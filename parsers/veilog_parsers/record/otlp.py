"""OpenTelemetry's spans and log records, out of what carries them, in one plain form.

They come as OTLP JSON documents (a collector's file exporter; Fluent Bit's raw traces), whose attributes are lists of
``{key, value: {stringValue: ...}}`` and whose 64-bit integers are strings; or through Fluent Bit, which makes a log
record's body the record and puts all else into the entry's metadata. Here both become objects with the names of OTLP
JSON and plain attributes: a span, or the log records of one call under ``logs``.

A call's span and its log records name the same trace and span. Where they come in one document they become one record;
log records about model calls that come without their span become one record per call, as far as their ids tell: those
of one document, of one array, or of one chunk of entries (see ``Calls``). What is about no model call stays by itself.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from typing import Any, Final, Generic, TypeVar

from veilog_parsers.record.decoding import keep_under
from veilog_parsers.record.fields import dicts
from veilog_parsers.record.prose import may_hold_prose
from veilog_parsers.record.raw import Fields, RawRecord

T = TypeVar("T")

_CONVENTIONS: Final = ("gen_ai.", "llm.", "openinference.span.kind", "traceloop.entity.", "traceloop.span.kind")
"""How attributes of model calls begin. Traceloop's other attributes are on every span of a workflow."""
_CHOICE: Final = "gen_ai.choice"
_MAX_DEPTH: Final = 24
_INTEGER: Final = re.compile(r"-?[0-9]{1,19}")
_ID: Final = re.compile(r"[0-9A-Za-z+/=]{8,64}")
"""OTLP's JSON has ids in hex; what writes protobuf's own JSON has them in base64."""
_PAIR: Final = frozenset(("key", "value"))
_SCALARS: Final = ("stringValue", "boolValue", "doubleValue", "bytesValue")
_PLACES: Final = (("resourceSpans", "scopeSpans", "spans"), ("resourceLogs", "scopeLogs", "logRecords"))


def open_document(fields: Fields) -> list[Any] | None:
    """The records in an OTLP JSON document, or None if it is none. What is not built as it should be comes as it is."""
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
    """Several OTLP JSON documents as one, so that calls are joined across them; None if some of them are none."""
    keys = [place[0] for place in _PLACES]
    for document in documents:
        if type(document) is not dict or not any(type(document.get(key)) is list for key in keys):
            return None
        if not all(type(document.get(key, [])) is list for key in keys):
            return None
    return {key: [item for document in documents for item in document.get(key, ())] for key in keys}


def open_fluent_bit(body: Any, metadata: Fields, group: Any = None) -> Fields | None:
    """The log record whose body and metadata Fluent Bit parted; None if it is about no model call.

    Args:
        body: the record as it arrived; a body that was no object is under ``log``.
        metadata: the entry's, with OTLP's share of it under ``otlp``; a model call's attributes are taken out of it.
        group: the resource and scope that the entry's group has in common, if known.
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
    if not is_model_log(log):
        return None
    # They may hold prompts, so they are moved: what is left of the metadata may leave, cleaned.
    if type(attributes) is dict:
        del about["attributes"]
    resource = group.get("resource") if type(group) is dict else None
    resource = resource.get("attributes") if type(resource) is dict else None
    return _call(log, dict(resource) if type(resource) is dict else {})


def _hex(value: Any) -> Any:
    """An id in OTLP JSON's spelling: some releases of Fluent Bit have the bytes themselves."""
    return value.hex() if type(value) is bytes else value


def open_internal(fields: Fields) -> list[Any] | None:
    """The same, as Fluent Bit's JSON outputs write it: metadata and group under a key of their own."""
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
    return [call]


def join_internal_records(records: list[Any]) -> list[Any]:
    """Records in an array: those that Fluent Bit's JSON outputs wrote of one call are put together."""
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
    """Log records that come from Fluent Bit entry by entry, put together call by call.

    Args:
        max_bytes: how large a call's log records may be together; more than that begin another record.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._pending: list[_Pending[T]] = []
        self._by_ids: dict[tuple[str, str], _Pending[T]] = {}

    def add(self, origin: T, record: RawRecord) -> int:
        """Keep a log record of a model call; how many its call has now, or 0: it is none, and was not kept.

        Args:
            origin: what to give back with the call; of its first log record that of all.
            record: the entry.
        """
        call = open_fluent_bit(record.value, record.metadata, record.group) if "otlp" in record.metadata else None
        if call is None:
            return 0
        ids, (log,) = _ids(call), call["logs"]
        known = self._by_ids.get(ids) if ids else None
        if known and known.size + len(record.raw) <= self._max_bytes and not _is_over(known.record.value, log):
            known.record.value["logs"].append(log)
            known.pieces.append(record.raw)
            known.size += len(record.raw)
            return len(known.pieces)
        # Its metadata was read, and is not to be read again.
        record = dataclasses.replace(record, value=call, metadata={})
        pending = _Pending(origin, record, [record.raw], len(record.raw))
        self._pending.append(pending)
        if ids:
            self._by_ids[ids] = pending
        return 1

    def drain(self) -> Iterator[tuple[T, RawRecord]]:
        """Give back what was kept, in the order in which the calls began."""
        pending, self._pending, self._by_ids = self._pending, [], {}
        for call in pending:
            call.record.raw = b"".join(call.pieces)
            yield call.origin, call.record


def is_model_call(attributes: Any) -> bool:
    """Whether attributes are those of a call to a model, an agent or a tool."""
    return type(attributes) is dict and any(type(key) is str and key.startswith(_CONVENTIONS) for key in attributes)


def is_model_log(log: Fields) -> bool:
    """Whether a log record is about such a call."""
    return event_name(log).startswith("gen_ai.") or is_model_call(log.get("attributes"))


def event_name(log: Fields) -> str:
    """The name of a log record's event; before it had a field of its own it was an attribute."""
    attributes = log.get("attributes")
    name = log.get("eventName") or (attributes.get("event.name") if type(attributes) is dict else None)
    return name if type(name) is str else ""


def attributes_to_json(pairs: Any) -> Any:
    """A list of OTLP's key-value pairs as an object; anything else as it is."""
    if type(pairs) is not list:
        return pairs
    if not all(type(pair) is dict and type(pair.get("key")) is str for pair in pairs):
        return pairs
    return _object(pairs, -1)


def _object(pairs: list[Fields], depth: int) -> Fields:
    """An object of OTLP's key-value pairs; what a pair says besides, or of a key that is there, is kept beside it."""
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
        # One of a kind is what there is; what else stands there is no attribute's.
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
        beside.append(_prose_beside(scope, keys[2]))
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


def _prose_beside(fields: Fields, *keys: str) -> Fields | None:
    """What an object has under other keys than some; None if it could not be prose."""
    found = {name: value for name, value in fields.items() if name not in keys}
    return found if may_hold_prose(found) else None


def _ids(record: Fields) -> tuple[str, str] | None:
    """The trace and span that a record names, or None: an unset id is empty or all zeros."""
    trace, span = record.get("traceId"), record.get("spanId")
    if type(trace) is not str or type(span) is not str or not _ID.fullmatch(trace) or not _ID.fullmatch(span):
        return None
    return (trace, span) if span.strip("0A=") else None


def _join(out: list[Any], logs: list[Fields]) -> None:
    """Put each log record of a model call to its span or to the call's other log records, and the rest to ``out``."""
    spans = {ids: span for span in dicts(out) if is_model_call(span.get("attributes")) and (ids := _ids(span))}
    calls: dict[tuple[str, str], Fields] = {}
    for log in logs:
        if not is_model_log(log):
            out.append(log)
            continue
        ids = _ids(log)
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
    """Put a call's log record to what is known of the same call, if it is not over."""
    ids, (log,) = _ids(call), call["logs"]
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
    """Whether a call's log records have ended before this one: several calls may be logged from one span."""
    return event_name(call["logs"][-1]) == _CHOICE and event_name(log) != _CHOICE


def _call(log: Fields, resource: Fields) -> Fields:
    """A record of one call that is known from log records alone."""
    call = {key: log.get(key) for key in ("traceId", "spanId")}
    _strip(log, resource)
    return call | {"logs": [log], "resource": resource}


def _strip(log: Fields, resource: Any) -> None:
    """Take out of a log record what its call says: its ids and, unless it says something else, its resource."""
    for key in ("traceId", "spanId"):
        log.pop(key, None)
    if "resource" in log and (log["resource"] == resource or not may_hold_prose(log["resource"])):
        del log["resource"]
