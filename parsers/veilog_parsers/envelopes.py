"""Opening the wrappers that records travel in: one raw record in, the records inside it out.

Cloud services and shippers put records into arrays and into one another: CloudTrail files (``Records``), Event Hubs
(``records``) and what their Capture makes of them (``Body``), EventBridge (``detail``), CloudWatch Logs subscriptions
(``logEvents`` with JSON in ``message``), Pub/Sub (``data`` in base64), pages of vendors' audit APIs (``data``,
``items``), Microsoft 365's ``AuditData``, and shippers' ``log`` or ``message``. An envelope is recognized by a
top-level key, like a source, and only when the record is not a source's own: see ``registry``.

One kind of record is put together here: API Management spreads a call over rows of its LLM log. The rows of a call
that come in one batch become one record; see ``join_rows``.

What an envelope says besides its records (a stream name, Kubernetes labels) is not carried over.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any, Final

import orjson

from veilog_parsers.errors import ErrorType, RecordError
from veilog_parsers.record import Fields

MAX_DEPTH: Final = 4
MAX_EVENTS: Final = 10_000

LLM_ROWS: Final = frozenset(("gatewayllmlogs", "gatewayllmlog", "apimanagementgatewayllmlog"))
"""What the category, or the table, of API Management's LLM log is called, in lower case."""
_TEXT_COLUMNS: Final = frozenset(("requestMessages", "responseMessages", "RequestMessages", "ResponseMessages"))


def _objects(value: Any) -> list[Any] | None:
    """A list that begins with an object, else None. What follows and is none is rejected alone."""
    return value if type(value) is list and value and type(value[0]) is dict else None


def _batch(key: str) -> Callable[[Fields], list[Any] | None]:
    return lambda fields: _objects(fields.get(key))


def _event_hub(fields: Fields) -> list[Any] | None:
    records = _objects(fields.get("records"))
    return None if records is None else join_rows(records)


def _captured(fields: Fields) -> list[Any] | None:
    """An event that Event Hubs Capture wrote, in JSON: its ``Body`` is an object, JSON, or base64 of JSON.

    Avro's own JSON puts the bytes one level further down.
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
    """The records in a body that may be base64. One that is no JSON is rejected, not passed on encoded."""
    if type(body) is str and body.lstrip()[:1] not in ("{", "["):
        try:
            body = base64.b64decode(body, validate=True).decode()
        except ValueError:
            return [body]
    if type(body) is str and body.lstrip()[:1] == "[":
        try:
            body = orjson.loads(body)
        except orjson.JSONDecodeError:
            return [body]
    if type(body) is list:
        return join_rows(body)
    return [body] if type(body) in (dict, str) else None


def join_rows(records: list[Any]) -> list[Any]:
    """Put together the rows of each call of API Management's LLM log: tokens, request and response come apart.

    Rows share a correlation id. A long text takes several, numbered in order. What is no such row stays as it is.
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
    """Where a row has its columns: under a key, as an object or JSON in a string, or, under no key, at the top."""
    for key in ("properties", "Properties"):
        value = row.get(key)
        if type(value) is str and value[:1] == "{":
            try:
                value = orjson.loads(value)
            except orjson.JSONDecodeError:
                continue
        if type(value) is dict:
            return key, value
    return "", row


def _number(columns: Fields) -> int:
    value = columns.get("sequenceNumber", columns.get("SequenceNumber"))
    return value if type(value) is int else 0


def _one_record(rows: list[Fields]) -> Fields:
    """The first row with the columns of all. Pieces of a text are joined in order, counts are the first that count."""
    rows = sorted(rows, key=lambda row: _number(_columns(row)[1]))
    joined: Fields = {}
    pieces: dict[str, list[Any]] = {}
    for row in rows:
        for key, value in _columns(row)[1].items():
            if key in _TEXT_COLUMNS:
                pieces.setdefault(key, []).append(value)
            else:
                joined[key] = joined.get(key) or value
    joined |= {key: _text_of(found) for key, found in pieces.items()}
    holder = _columns(rows[0])[0]
    return rows[0] | {holder: joined} if holder else joined


def _text_of(pieces: list[Any]) -> Any:
    """Pieces of one JSON text, or whole lists of messages, as one; what mixes them is left as a list."""
    pieces = [piece for piece in pieces if piece]
    if len(pieces) == 1:
        return pieces[0]
    if not all(type(piece) is str for piece in pieces):
        return [item for piece in pieces for item in (piece if type(piece) is list else [piece])]
    try:
        lists = [orjson.loads(piece) for piece in pieces]
    except orjson.JSONDecodeError:
        return "".join(pieces)
    return [item for piece in lists for item in (piece if type(piece) is list else [piece])]


def _event_bridge(fields: Fields) -> list[Any] | None:
    detail = fields.get("detail")
    return [detail] if type(detail) is dict and "detail-type" in fields else None


def _cloudwatch(fields: Fields) -> list[Any] | None:
    """A CloudWatch Logs subscription; its CONTROL_MESSAGE is a test of the connection and holds no record."""
    if fields.get("messageType") == "CONTROL_MESSAGE":
        return []
    events = _objects(fields.get("logEvents"))
    if events is None or "logGroup" not in fields:
        return None
    return [event.get("message") if type(event) is dict else event for event in events]


def _wrapped(key: str) -> Callable[[Fields], list[Any] | None]:
    def split(fields: Fields) -> list[Any] | None:
        value = fields.get(key)
        if type(value) is dict:
            return [value]
        if type(value) is str and value.lstrip()[:1] == "{":
            try:
                return [orjson.loads(value)]
            except orjson.JSONDecodeError:
                return None
        return None

    return split


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
}
"""Envelopes that are nothing but an envelope: opened whatever is inside."""

WRAPPERS: Final[dict[str, Callable[[Fields], list[Any] | None]]] = {
    key: _wrapped(key) for key in ("log", "message", "payload", "event", "msg", "AuditData", "auditData")
}
"""Keys under which shippers put a record: opened only if what is inside is a source's record."""


def decode_inner(value: Any) -> Fields:
    """A record from inside an envelope: an object, or a string that holds one.

    Raises:
        RecordError: it is neither.
    """
    if type(value) is str:
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError as error:
            raise RecordError(
                ErrorType.MALFORMED_JSON, f"record of {len(error.doc)} characters in an envelope"
            ) from None
    if type(value) is not dict:
        raise RecordError(ErrorType.NOT_AN_OBJECT, "record in an envelope")
    return value
