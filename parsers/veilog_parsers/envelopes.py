"""Opening the wrappers that records travel in: one raw record in, the records inside it out.

Cloud services and shippers put records into arrays and into one another: CloudTrail files (``Records``), Event Hubs
(``records``), EventBridge (``detail``), CloudWatch Logs subscriptions (``logEvents`` with JSON in ``message``), and
shippers' ``log`` or ``message``. An envelope is recognized by a top-level key, like a source, and only when the
record is not a source's own: see ``registry``.

What an envelope says besides its records (a stream name, Kubernetes labels) is not carried over.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import orjson

from veilog_parsers.errors import ErrorType, RecordError
from veilog_parsers.otlp import open_document, open_internal
from veilog_parsers.record import Fields

MAX_DEPTH: Final = 4
MAX_EVENTS: Final = 10_000


def _objects(value: Any) -> list[Any] | None:
    """A list that begins with an object, else None. What follows and is none is rejected alone."""
    return value if type(value) is list and value and type(value[0]) is dict else None


def _batch(key: str) -> Callable[[Fields], list[Any] | None]:
    return lambda fields: _objects(fields.get(key))


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
    "records": _batch("records"),
    "detail-type": _event_bridge,
    "logEvents": _cloudwatch,
    "resourceLogs": open_document,
    "resourceSpans": open_document,
    "__internal__": open_internal,
}
"""Envelopes that are nothing but an envelope: opened whatever is inside."""

WRAPPERS: Final[dict[str, Callable[[Fields], list[Any] | None]]] = {
    key: _wrapped(key) for key in ("log", "message", "payload", "event", "msg", "body")
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
