"""Opens envelopes: the objects in which cloud services and shippers put records.

Envelopes are CloudTrail files (``Records``), Event Hubs (``records``) and their Capture (``Body``), EventBridge
(``detail``), CloudWatch Logs subscriptions (``logEvents`` with JSON in ``message``), Pub/Sub (``data`` in base64),
pages of vendors' audit APIs (``data``, ``items``), Microsoft 365's ``AuditData``, and shippers' ``log`` or ``message``:
lines of containers (Docker's files, CRI, with metadata of Kubernetes) and of journald. An envelope is recognized by a
top-level key, like a source, and only if no source claims the record; see ``registry``.

Two kinds of records are joined here: lines that a container runtime has split (``join_partial_lines``), and the rows
over which API Management's LLM log spreads a call (``join_rows``).

Two facts of an envelope are passed on to its records: when a line was written, for records without a time, and where,
for records without a ``cloud.resource``: ``namespace/pod/container`` in Kubernetes, host and unit in a journal.
Streams, labels and annotations are not passed on.
"""

from __future__ import annotations

import base64
import dataclasses
import re
from collections.abc import Callable
from typing import Any, Final

from veilog_parsers.errors import ErrorType, RecordError
from veilog_parsers.event import SensitiveText, Timestamp
from veilog_parsers.record.decoding import decode, decode_one, keep_around, keep_under, may_be_json
from veilog_parsers.record.dropped import Why, note_dropped
from veilog_parsers.record.fields import as_identifier, count_chars, dicts, keyset, merge
from veilog_parsers.record.otlp import open_document, open_internal
from veilog_parsers.record.prose import may_hold_prose
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import parse_time

MAX_DEPTH: Final = 4
MAX_EVENTS: Final = 10_000

LLM_ROWS: Final = frozenset(("gatewayllmlogs", "gatewayllmlog", "apimanagementgatewayllmlog"))
"""The category or table of API Management's LLM log, in lower case."""
_TEXT_COLUMNS: Final = frozenset(("requestMessages", "responseMessages", "RequestMessages", "ResponseMessages"))


def _objects(value: Any) -> list[Any] | None:
    """A list that begins with an object, else None. Its later items need not be objects: each is checked alone."""
    return value if type(value) is list and value and type(value[0]) is dict else None


def _batch(key: str) -> Callable[[Fields], list[Any] | None]:
    return lambda fields: _objects(fields.get(key))


def _event_hub(fields: Fields) -> list[Any] | None:
    records = _objects(fields.get("records"))
    return None if records is None else join_rows(records)


def _captured(fields: Fields) -> list[Any] | None:
    """An event of Event Hubs Capture, in JSON: its ``Body`` is an object, JSON, or base64 of JSON.

    In the JSON encoding of Avro, the body is an object with the key ``bytes``.
    """
    body = fields.get("Body")
    if type(body) is dict and list(body) == ["bytes"]:
        body = body["bytes"]
    return _decoded(body)


def _pub_sub(fields: Fields) -> list[Any] | None:
    """A Pub/Sub message, pushed (in ``message``) or pulled, whose ``data`` is base64."""
    message = fields.get("message")
    message = message if type(message) is dict else fields
    published = "publishTime" in message or "publish_time" in message
    return _decoded(message["data"]) if published and type(message.get("data")) is str else None


def _pulled(fields: Fields) -> list[Any] | None:
    return _objects(fields.get("receivedMessages"))


def _page(fields: Fields) -> list[Any] | None:
    """A page of a vendor's audit API, or of Google's reports."""
    return _objects(fields.get("data" if "has_more" in fields else "items"))


def _decoded(body: Any) -> list[Any] | None:
    """The records in a body that may be base64. A body that is no JSON becomes an item that is rejected later."""
    if type(body) is str and not may_be_json(body):
        try:
            body = base64.b64decode(body, validate=True).decode()
        except ValueError:
            return [body]
    if type(body) is str and may_be_json(body):
        try:
            body = records_in(body) or body
        except RecordError:
            return [body]
    if type(body) is list:
        return join_rows(body)
    return [body] if type(body) in (dict, str) else None


def join_rows(records: list[Any]) -> list[Any]:
    """Join the rows of each call in API Management's LLM log, which has tokens, request and response in separate rows.

    The rows of a call share a correlation id. A long text takes several rows, numbered in order. Other records stay.
    """
    calls: dict[str, list[Fields]] = {}
    for record in records:
        key = _row_of(record)
        if key is not None:
            calls.setdefault(key, []).append(record)
    if not calls:
        return records
    joined = []
    for record in records:
        key = _row_of(record)
        rows = calls.get(key, []) if key is not None else []
        if key is None or len(rows) == 1:
            joined.append(record)
        elif record is rows[0]:
            joined.append(_one_record(rows))
    return joined


def _row_of(record: Any) -> str | None:
    """The correlation id of a row of the LLM log; None for anything else."""
    if type(record) is not dict:
        return None
    category = record.get("category") or record.get("Category") or record.get("Type")
    if type(category) is not str or category.lower() not in LLM_ROWS:
        return None
    key = record.get("correlationId") or record.get("CorrelationId")
    return key if type(key) is str else None


def _columns(row: Fields) -> tuple[str, Fields]:
    """The key under which a row has its columns (an object, or JSON in a string), and these; "" for the top level."""
    for key in ("properties", "Properties"):
        value = row.get(key)
        if type(value) is str and may_be_json(value):
            try:
                value = decode_one(value)
            except RecordError:
                continue
        if type(value) is dict:
            return key, value
    return "", row


def _number(columns: Fields) -> int:
    value = columns.get("sequenceNumber", columns.get("SequenceNumber"))
    if type(value) is str and value.isdecimal() and len(value) < 10:
        value = int(value)
    return value if type(value) is int else 0


def _one_record(rows: list[Fields]) -> Fields:
    """The first row with the columns of all rows.

    Pieces of a text are joined in order; of a count, the first not 0 wins.
    """
    opened = sorted(((row, *_columns(row)) for row in rows), key=lambda found: _number(found[2]))
    joined: Fields = {}
    pieces: dict[str, list[Any]] = {}
    for _, _, columns in opened:
        for key, value in columns.items():
            if key in _TEXT_COLUMNS:
                pieces.setdefault(key, []).append(value)
            else:
                _add_column(joined, key, value)
    joined |= {key: _text_of(found) for key, found in pieces.items()}
    first, holder, _ = opened[0]
    for row, place, _ in opened[1:] if holder else ():
        for key, value in row.items():
            if key != place and value != first.get(key) and may_hold_prose(value):
                keep_under(first, key, value)
            elif key != place:
                note_dropped(key, value, Why.DUPLICATE)
    return first | {holder: joined} if holder else joined


def _add_column(joined: Fields, key: str, value: Any) -> None:
    """Add the value that a further row has for a column."""
    was = joined.get(key)
    if not was:
        joined[key] = value
        if was is not None:
            note_dropped(key, was, Why.DUPLICATE)
    elif was != value and may_hold_prose(value):
        keep_under(joined, key, value)
    else:
        note_dropped(key, value, Why.DUPLICATE)


def _text_of(pieces: list[Any]) -> Any:
    """Join the pieces of a JSON text, or lists of messages; a mixture of both becomes a list."""
    pieces = [piece for piece in pieces if piece]
    if len(pieces) == 1:
        return pieces[0]
    if not all(type(piece) is str for piece in pieces):
        return [item for piece in pieces for item in (piece if type(piece) is list else [piece])]
    try:
        lists = [decode_one(piece) for piece in pieces]
    except RecordError:
        return "".join(pieces)
    return [item for piece in lists for item in (piece if type(piece) is list else [piece])]


def _event_bridge(fields: Fields) -> list[Any] | None:
    detail = fields.get("detail")
    return [detail] if type(detail) is dict and "detail-type" in fields else None


def _cloudwatch(fields: Fields) -> list[Any] | None:
    """A CloudWatch Logs subscription. Its CONTROL_MESSAGE tests the connection and holds no record."""
    if fields.get("messageType") == "CONTROL_MESSAGE":
        return []
    events = _objects(fields.get("logEvents"))
    if events is None or "logGroup" not in fields:
        return None
    return [event.get("message") if type(event) is dict else event for event in events]


CONTAINERS: Final[dict[str, Callable[[Fields], list[Any] | None]]] = {
    "Records": _batch("Records"),
    "records": _event_hub,
    "EnqueuedTimeUtc": _captured,
    "subscription": _pub_sub,
    "messageId": _pub_sub,
    "receivedMessages": _pulled,
    "ackId": _pub_sub,
    "detail-type": _event_bridge,
    "logEvents": _cloudwatch,
    "has_more": _page,
    "nextPageToken": _page,
    "resourceLogs": open_document,
    "resourceSpans": open_document,
    "__internal__": open_internal,
}
"""Envelopes that are always opened, whatever is inside."""

_CONTENTS: Final = {
    "Records": ("Records",),
    "records": ("records",),
    "EnqueuedTimeUtc": ("Body",),
    "subscription": ("message", "data"),
    "messageId": ("message", "data"),
    "receivedMessages": ("receivedMessages",),
    "ackId": ("message", "data"),
    "detail-type": ("detail",),
    "logEvents": ("logEvents",),
    "has_more": ("data",),
    "nextPageToken": ("items",),
    "resourceLogs": ("resourceLogs", "resourceSpans"),
    "resourceSpans": ("resourceLogs", "resourceSpans"),
}
"""The keys under which containers have their records. ``__internal__`` becomes part of its record (see ``otlp``)."""


def count_container_chars(key: str, fields: Fields) -> int:
    """The number of characters that a container has beside its records, at all levels, in values that could hold prose.

    Args:
        key: the key of ``CONTAINERS`` by which it was opened.
        fields: the container.
    """
    contents = _CONTENTS.get(key)
    if contents is None:
        return 0
    chars = count_chars_beside(fields, *contents)
    note_beside(fields, *contents)
    message = fields.get("message")
    if key == "logEvents":
        for event in dicts(fields[key]):
            chars += count_chars_beside(event, "message")
            note_beside(event, "message")
    elif "message" in contents and "message" in fields:
        chars += count_chars_beside(message, "data") if type(message) is dict else count_chars(message)
        note_beside(message if type(message) is dict else fields, "data")
        # Only one of ``message`` and ``data`` has the record.
        chars += count_chars(fields["data"]) if type(message) is dict and "data" in fields else 0
    return chars


_CONSUMED: Final = keyset("__internal__ resourceLogs resourceSpans")
"""Envelopes that are consumed when they are opened."""


def is_container(key: str, fields: Fields) -> bool:
    """Whether an object with one of the keys of ``CONTAINERS`` is that envelope. The object is not changed."""
    if key in _CONSUMED:
        return type(fields[key]) in (list, dict)
    return CONTAINERS[key](fields) is not None


WRAPPERS: Final = ("log", "message", "MESSAGE", "payload", "event", "msg", "body", "AuditData", "auditData")
"""Keys under which shippers put a record. They are opened only if a source claims the record inside."""

_LINES: Final = ("log", "message", "MESSAGE")
_OF_LINES: Final = keyset(
    """
    stream logtag _p kubernetes docker container_id container_name partial_message _HOSTNAME _SYSTEMD_UNIT
    __REALTIME_TIMESTAMP
    """
)
"""Keys that container runtimes, shippers and journald put beside a line."""
_CRI: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,18}(?:Z|[+-][0-9]{2}:[0-9]{2})) (?:stdout|stderr) ([FP])(?::\S{1,64})? "
)
_TIMES: Final = ("time", "timestamp", "@timestamp", "ts", "date", "_SOURCE_REALTIME_TIMESTAMP", "__REALTIME_TIMESTAMP")
_MAX_NAME: Final = 253
_SIGN_OF_JSON: Final = re.compile(r"[{\[\]}\"'\\]")
"""A text without any of these characters is no JSON and no piece of it."""


@dataclasses.dataclass(slots=True, frozen=True)
class EnvelopeContext:
    """What envelopes tell about the records inside them.

    Attributes:
        time: when the line was written.
        resource: where it was written: ``namespace/pod/container``, or a host and its unit.
        withheld_chars: the number of other characters that could hold prose. They are dropped, so they are counted.
    """

    time: Timestamp | None = None
    resource: SensitiveText | None = None
    withheld_chars: int = 0


NO_CONTEXT: Final = EnvelopeContext()


def unwrap(fields: Fields, key: str, context: EnvelopeContext) -> tuple[list[Any], EnvelopeContext] | None:
    """The objects under one of ``WRAPPERS``, or in a string there, and their context; None if there are none.

    Raises:
        RecordError: a string there looks like JSON, or like a piece of it, and cannot be read.
    """
    value, time = fields.get(key), None
    if type(value) is list and key == "MESSAGE":
        value = _journal_text(value)
    if type(value) is str:
        line = _CRI.match(value)
        if line is not None:
            time, value = parse_time(line[1]), value[line.end() :]
        records = records_in(value)
    else:
        records = [value] if type(value) is dict else []
    if not records:
        return None
    time = time or next((found for name in _TIMES if name in fields and (found := _time(fields[name]))), None)
    return records, EnvelopeContext(
        time or context.time,
        _resource(fields) or context.resource,
        context.withheld_chars + count_chars_beside(fields, key),
    )


def count_chars_beside(fields: Fields, *keys: str) -> int:
    """The number of characters in an envelope's values that could hold prose, except under some keys."""
    return sum(count_chars(value) for name, value in fields.items() if name not in keys and may_hold_prose(value))


def note_beside(fields: Fields, *keys: str) -> None:
    """Note what an envelope has under other keys than the given ones: it does not go with the records inside."""
    for name, value in fields.items():
        if name not in keys:
            note_dropped(name, value, Why.NOISE)


def records_in(text: str) -> list[Any]:
    """The records in a text, with the text around them added to the first; none if the text is no JSON.

    Raises:
        RecordError: it looks like JSON, or like a piece of it, and cannot be read.
    """
    if _SIGN_OF_JSON.search(text) is None:
        return []
    decoded = decode(text)
    records: list[Any] = []
    for document in decoded.documents:
        if type(document) is list:
            records += document
        elif type(document) is dict:
            records.append(document)
    first = next((record for record in records if type(record) is dict), None)
    if first is not None:
        keep_around(first, decoded)
    return records


def _journal_text(value: list[Any]) -> str | None:
    """A text that journald writes as a list of bytes, since it has other characters than printable ones."""
    try:
        return bytes(value).decode("utf-8", "replace")
    except (TypeError, ValueError):
        return None


def _time(value: Any) -> Timestamp | None:
    """Parse a time, also one of journald's, which are numbers in strings."""
    return parse_time(int(value) if type(value) is str and len(value) < 20 and value.isdecimal() else value)


def _resource(fields: Fields) -> SensitiveText | None:
    """Where a line was written. Fluent Bit and Vector have different keys for it."""
    pod = fields.get("kubernetes")
    if type(pod) is dict:
        choices = (
            ("namespace_name", "pod_namespace", "namespace"),
            ("pod_name", "pod"),
            ("container_name", "container"),
        )
        names = [next((pod[key] for key in keys if key in pod), None) for keys in choices]
    else:
        names = [fields.get(key) for key in ("_HOSTNAME", "_SYSTEMD_UNIT")]
    return as_identifier("/".join(name for name in names if type(name) is str and 0 < len(name) <= _MAX_NAME))


def is_line(fields: Fields) -> bool:
    """Whether an object is a line that a container or a unit printed."""
    if not _OF_LINES.isdisjoint(fields):
        return any(key in fields for key in _LINES)
    return any(type(text := fields.get(key)) is str and _CRI.match(text) for key in _LINES)


def join_partial_lines(lines: list[Fields]) -> list[Fields]:
    """Join the parts into which a container runtime has split lines (at 16 KB).

    CRI marks every part except the last with ``P``; Docker's files have no line end in it, and its fluentd driver adds
    ``partial_message``. Parts of several containers may be mixed. A line whose last part is missing is joined as far as
    it goes.
    """
    cut_by_docker = any(type(text := line.get("log")) is str and text.endswith("\n") for line in lines)
    out: list[Fields] = []
    parts: dict[tuple[str, ...], list[str]] = {}
    begun: dict[tuple[str, ...], Fields] = {}
    for line in lines:
        key = next((key for key in _LINES if type(line.get(key)) is str), None)
        if key is None:
            out.append(line)
            continue
        text, partial = _part(line, key, cut_by_docker)
        whose = _whose(line)
        if partial:
            if whose in begun:
                merge(begun[whose], _without(line, key))
            begun.setdefault(whose, dict(line))
            parts.setdefault(whose, []).append(text)
        elif whose in parts:
            first = begun.pop(whose)
            merge(first, _without(line, key))
            out.append(first | {key: "".join((*parts.pop(whose), text))})
        else:
            out.append(line)
    for whose, line in begun.items():
        key = next(key for key in _LINES if type(line.get(key)) is str)
        out.append(line | {key: "".join(parts[whose])})
    return out


def _without(fields: Fields, key: str) -> Fields:
    return {name: value for name, value in fields.items() if name != key}


def _whose(line: Fields) -> tuple[str, ...]:
    """What tells the output of one container from that of others."""
    names = [line.get(key) for key in ("stream", "container_id", "container_name", "file")]
    resource = _resource(line)
    return (*(name if type(name) is str else "" for name in names), resource.reveal() if resource else "")


def _part(line: Fields, key: str, cut_by_docker: bool) -> tuple[str, bool]:
    """The text of a line, without CRI's prefix, and whether another part follows."""
    text: str = line[key]
    head = _CRI.match(text)
    if head is not None:
        line.setdefault("time", head[1])
        return text[head.end() :], head[2] == "P"
    mark = line.get("logtag", line.get("_p"))
    if type(mark) is str:
        return text, mark.partition(":")[0] == "P"
    if "partial_message" in line:
        return text, str(line.get("partial_last")).lower() != "true"
    return text, cut_by_docker and "stream" in line and key == "log" and not text.endswith("\n")


def decode_inner(value: Any) -> list[Any]:
    """The records in an item of an envelope: an object, or a string that holds one or more.

    Raises:
        RecordError: it is neither.
    """
    if type(value) is str:
        records = records_in(value)
        if not records:
            raise RecordError(ErrorType.MALFORMED_JSON, f"record of {len(value)} characters in an envelope")
        return records
    if type(value) is not dict:
        raise RecordError(ErrorType.NOT_AN_OBJECT, "record in an envelope")
    return [value]
