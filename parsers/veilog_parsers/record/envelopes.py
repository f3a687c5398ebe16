"""Opens envelopes: the objects and lines in which cloud services and shippers put records.

Theory of operation
-------------------

A record seldom comes alone. Between the service that wrote it and veilog stand runtimes, shippers, queues and log
stores, and each may put it into something: a file of many records, an object with a time and a host, a line behind a
prefix, a string. Nothing of that changes what was said to a model, so nothing of that may change the event: whatever is
around a record, the same event comes out, but for facts of time and place that the record itself lacks. A record whose
wrapper stayed closed would be quarantined as one that nobody knows.

There are two kinds of envelopes, and ``registry`` opens both.

*Containers* (``CONTAINERS``, here) hold records by their format, known by a top-level key, and are always opened:
CloudTrail files (``Records``), Event Hubs (``records``) and their Capture (``Body``), EventBridge (``detail``),
CloudWatch Logs subscriptions (``logEvents``), Pub/Sub (``data`` in base64), pages of vendors' audit APIs (``data``,
``items``) and of exports (``pages``), OTLP documents (``otlp``). Whether a source claims what is inside does not
matter.

*Wrappers* (``wrappers``) are known by their structure, whatever their keys are called: an object that no source claims,
in which one value is an object, a list or a text that a source claims, or a wrapper again. So the order is:

1. A container is opened.
2. A record that a source claims is that source's. It is never opened, whatever it holds.
3. Of any other record the values are searched: the usual keys of wrappers first (``jsonPayload``, ``event.original``,
   ``_raw``, ``message``), then the others. A text is read behind its prefix (``prefixes``: CRI, syslog, a logger's time
   and level, logfmt), as JSON, or as a server's line.
4. If nothing is found, the record is nobody's, whole and unchanged. If a text under a usual key looks like JSON and
   cannot be read, the record is malformed.

A log entry that quotes a record is no wrapper of it. ``wrappers`` says how the two are told apart: by the key, by words
around the JSON, and by what the entry says itself.

What is around a record is not lost in silence (``context``). The time, the host, the pod and the cloud's name of the
place are passed on to events that lack them (``places``); what else could be prose is counted in characters, as
``envelope_chars`` in ``unmapped``, with the first record inside.

Everything is bounded. At most ``MAX_DEPTH`` envelopes are opened around a record; what is in more stays closed, and is
quarantined as a record that nobody knows. One raw record holds at most ``MAX_EVENTS`` records; with more it is
quarantined as a whole. A search reads each text once and each object once, and tries a limited number of values under
unusual keys, so its cost is linear in the size of the record, and a record that a source claims costs nothing at all.

Two kinds of records are joined here: lines that a container runtime has split (``join_partial_lines``), and the rows
over which API Management's LLM log spreads a call (``join_rows``).
"""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Callable
from typing import Any, Final

from veilog_parsers.errors import RecordError
from veilog_parsers.event import Timestamp
from veilog_parsers.record.context import EnvelopeContext, count_chars_beside, note_beside, time_of
from veilog_parsers.record.decoding import decode_one, keep_under, may_be_json
from veilog_parsers.record.dropped import Why, note_dropped
from veilog_parsers.record.fields import count_chars, dicts, keyset, merge, objects_from
from veilog_parsers.record.otlp import open_document, open_internal
from veilog_parsers.record.pages import PAGES
from veilog_parsers.record.places import place_of
from veilog_parsers.record.prefixes import CRI
from veilog_parsers.record.prose import may_hold_prose
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import parse_time
from veilog_parsers.record.wrappers import records_in

MAX_DEPTH: Final = 8
"""The most envelopes around a record."""
MAX_EVENTS: Final = 10_000

LLM_ROWS: Final = frozenset(("gatewayllmlogs", "gatewayllmlog", "apimanagementgatewayllmlog"))
"""The category or table of API Management's LLM log, in lower case."""
_TEXT_COLUMNS: Final = frozenset(("requestMessages", "responseMessages", "RequestMessages", "ResponseMessages"))


def _batch(key: str) -> Callable[[Fields], list[Any] | None]:
    return lambda fields: objects_from(fields.get(key))


def _event_hub(fields: Fields) -> list[Any] | None:
    records = objects_from(fields.get("records"))
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
    return objects_from(fields.get("receivedMessages"))


def _page(fields: Fields) -> list[Any] | None:
    """A page of a vendor's audit API, or of Google's reports."""
    return objects_from(fields.get("data" if "has_more" in fields else "items"))


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
    events = objects_from(fields.get("logEvents"))
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
    **PAGES,
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
"""The keys under which containers have their records. Pages take along what stands beside these, and ``__internal__``
becomes part of its record (see ``otlp``)."""


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


def context_of_container(key: str, fields: Fields, context: EnvelopeContext) -> EnvelopeContext:
    """The context of a container's records, given the context that the container is in.

    Args:
        key: the key of ``CONTAINERS`` by which it was opened.
        fields: the container.
        context: its own context.
    """
    message = fields.get("message")
    published = time_of(message) if type(message) is dict else None
    return dataclasses.replace(
        context,
        time=published or time_of(fields) or context.time,
        place=place_of(fields).or_else(context.place),
        withheld_chars=context.withheld_chars + count_container_chars(key, fields),
    )


def times_of_items(key: str, fields: Fields) -> list[Timestamp | None]:
    """The time of each item of a container, where it says one; an empty list if it says none."""
    if key != "logEvents":
        return []
    return [parse_time(event.get("timestamp")) if type(event) is dict else None for event in fields[key]]


_CONSUMED: Final = keyset("__internal__ resourceLogs resourceSpans")
"""Envelopes that are consumed when they are opened."""


def items_of(key: str, fields: Fields) -> list[Any] | None:
    """The items of an object that has one of the keys of ``CONTAINERS``; None if it is not that envelope.

    The object is not changed: of an envelope that is consumed when it is opened, the item is that envelope itself.
    """
    if key in _CONSUMED:
        return [fields] if type(fields[key]) in (list, dict) else None
    return CONTAINERS[key](fields)


_LINES: Final = ("log", "message", "MESSAGE")
_OF_LINES: Final = keyset(
    """
    stream logtag _p kubernetes docker container_id container_name partial_message _HOSTNAME _SYSTEMD_UNIT
    __REALTIME_TIMESTAMP
    """
)
"""Keys that container runtimes, shippers and journald put beside a line."""


def is_line(fields: Fields) -> bool:
    """Whether an object is a line that a container or a unit printed."""
    if not _OF_LINES.isdisjoint(fields):
        return any(key in fields for key in _LINES)
    return any(type(text := fields.get(key)) is str and CRI.match(text) for key in _LINES)


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
    resource = place_of(line).resource
    return (*(name if type(name) is str else "" for name in names), resource.reveal() if resource else "")


def _part(line: Fields, key: str, cut_by_docker: bool) -> tuple[str, bool]:
    """The text of a line, without CRI's prefix, and whether another part follows."""
    text: str = line[key]
    head = CRI.match(text)
    if head is not None:
        line.setdefault("time", head[1])
        return text[head.end() :], head[2] == "P"
    mark = line.get("logtag", line.get("_p"))
    if type(mark) is str:
        return text, mark.partition(":")[0] == "P"
    if "partial_message" in line:
        return text, str(line.get("partial_last")).lower() != "true"
    return text, cut_by_docker and "stream" in line and key == "log" and not text.endswith("\n")
