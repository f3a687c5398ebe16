"""What the objects around a record tell about it: when its line was written, where, and how much was left behind.

A wrapper's own facts are passed on to its records, for those that have none of their own:

* the time: of the innermost wrapper that has one;
* the place: host and pod, and as ``cloud.resource`` the cloud's name of it (``places``).

Everything else stays behind. What of it could be prose is counted in characters.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from typing import Any, Final

from veilog_parsers.event import AuditEvent, Cloud, Timestamp
from veilog_parsers.record.dropped import Why, note_dropped, prefer
from veilog_parsers.record.fields import count_chars
from veilog_parsers.record.places import NO_PLACE, Place, copy_of, pop_place
from veilog_parsers.record.prefixes import NO_PREFIX, Prefix
from veilog_parsers.record.prose import may_hold_prose, text_may_hold_prose
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import parse_time

_TIMES: Final = (
    *("time", "timestamp", "@timestamp", "ts", "date", "_SOURCE_REALTIME_TIMESTAMP", "__REALTIME_TIMESTAMP"),
    *("receiveTimestamp", "TimeGenerated", "_time", "publishTime", "publish_time", "EnqueuedTimeUtc", "Timestamp"),
    *("timeUnixNano", "observedTimeUnixNano"),
)
"""In order of preference: of the line's own time, and of the time at which something received it."""
_NUMBER: Final = re.compile(r"[0-9]{9,19}(?:\.[0-9]{1,9})?")


@dataclasses.dataclass(slots=True, frozen=True)
class EnvelopeContext:
    """What envelopes tell about the records inside them.

    Attributes:
        time: when the line was written.
        place: where it was written.
        withheld_chars: the number of other characters that could hold prose. They are dropped, so they are counted.
    """

    time: Timestamp | None = None
    place: Place = NO_PLACE
    withheld_chars: int = 0

    def inside(self, fields: Fields, *contents: str, prefix: Prefix = NO_PREFIX) -> EnvelopeContext:
        """The context of what is inside an object that is in this context.

        Args:
            fields: the object.
            contents: the keys that hold the records; everything else is counted.
            prefix: what stood before the records in a text.
        """
        beside = copy_of({key: value for key, value in fields.items() if key not in contents})
        place = pop_place(beside)
        note_beside(beside)
        return EnvelopeContext(
            prefix.time or time_of(beside) or self.time,
            Place(place.k8s, prefer(prefix.host, place.host, "host"), place.resource).or_else(self.place),
            self.withheld_chars + prefix.withheld_chars + count_chars_beside(beside) + _chars_of_keys(contents),
        )

    def complete(self, event: AuditEvent, own: Place = NO_PLACE) -> None:
        """Give an event the facts that its record lacks.

        Args:
            event: the event.
            own: the place that a shipper has added to the record itself.
        """
        event.timestamp = event.timestamp or self.time
        self._complete_place(event, own)

    def _complete_place(self, event: AuditEvent, own: Place) -> None:
        if own is NO_PLACE and self.place is NO_PLACE:
            return
        place = Place(event.k8s, event.host).or_else(own).or_else(self.place)
        event.k8s, event.host = place.k8s, place.host
        if place.resource is not None:
            cloud = event.cloud = event.cloud or Cloud()
            known = cloud.resource
            cloud.resource = place.resource if known is None else prefer(known, place.own_resource(), "resource")

    def without_chars(self) -> EnvelopeContext:
        """The same, with nothing to count: it was counted with another record."""
        return dataclasses.replace(self, withheld_chars=0) if self.withheld_chars else self


NO_CONTEXT: Final = EnvelopeContext()


class Surroundings:
    """The context of what a value of an object may hold, made when it is asked for: most values hold no record."""

    __slots__ = ("_context", "_fields", "_key", "_outer", "_prefix")

    def __init__(self, outer: Surroundings | EnvelopeContext, fields: Fields, key: str, prefix: Prefix) -> None:
        self._outer = outer
        self._fields = fields
        self._key = key
        self._prefix = prefix
        self._context: EnvelopeContext | None = None

    def context(self) -> EnvelopeContext:
        """The context. Only the first call's has the number of characters, so that they are counted with one record."""
        if self._context is not None:
            return self._context
        outer = self._outer if isinstance(self._outer, EnvelopeContext) else self._outer.context()
        context = outer.inside(self._fields, self._key, prefix=self._prefix)
        self._context = context.without_chars()
        return context


def count_chars_beside(fields: Fields, *keys: str) -> int:
    """The number of characters in an envelope's keys and values that could hold prose, except under some keys."""
    beside = {name: value for name, value in fields.items() if name not in keys}
    return sum(count_chars(value) for value in beside.values() if may_hold_prose(value)) + _chars_of_keys(beside)


def _chars_of_keys(keys: Iterable[str]) -> int:
    return sum(len(key) for key in keys if text_may_hold_prose(key))


def note_beside(fields: Fields, *keys: str) -> None:
    """Note what an envelope has under other keys than the given ones: it does not go with the records inside."""
    for name, value in fields.items():
        if name not in keys:
            note_dropped(name, value, Why.NOISE)


def time_of(fields: Fields) -> Timestamp | None:
    """The time of an envelope, under one of the usual keys."""
    return next((found for name in _TIMES if name in fields and (found := _time(fields[name]))), None)


def _time(value: Any) -> Timestamp | None:
    """Parse a time, also one of journald's or Splunk's, which are numbers in strings."""
    if type(value) is str and len(value) < 32 and _NUMBER.fullmatch(value):
        value = float(value) if "." in value else int(value)
    return parse_time(value)
