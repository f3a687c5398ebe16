"""Reads times as logs write them, and writes them in one form: RFC 3339 in UTC, with the fraction of the source.

Logs write ``...Z``, no zone at all (taken as UTC), a blank instead of ``T``, 1 to 9 fraction digits, offsets with and
without a colon, epochs in seconds, milliseconds and nanoseconds, and the formats of web servers
(``24/Nov/2025:03:09:01 +0000``) and of Gin (``2025/11/24 - 03:09:01``). Anything else is no time.

Durations are read here too: numbers, and the formats of Go and Rust (``2m38s``, ``986.5ms``).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from veilog_parsers.event import Timestamp
from veilog_parsers.record.fields import peek, pop, pop_number
from veilog_parsers.record.raw import Fields

_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ]((?:[01]\d|2[0-3]):\d\d:\d\d)(?:[.,](\d{1,9}))?\s?(Z|z|UTC|[+-]\d\d:?\d\d)?", re.ASCII
)
_CLF = re.compile(r"(\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d:\d\d:\d\d) ([+-]\d{4})", re.ASCII)
_GIN = re.compile(r"(\d{4})/(\d\d)/(\d\d) - (\d\d:\d\d:\d\d)", re.ASCII)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DURATION = re.compile(
    r"(?:(?P<h>\d{1,6})h)?(?:(?P<min>\d{1,6})m(?!s))?(?:(?P<number>\d{1,12}(?:\.\d{1,12})?)(?P<unit>s|ms|us|µs|μs|ns))?",
    re.ASCII,
)
_UNIT_MS = {"s": 1000.0, "ms": 1.0, "us": 1e-3, "µs": 1e-3, "μs": 1e-3, "ns": 1e-6}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NS = 1_000_000_000
_YEARS = ("1970", "2199")
"""The first and the last year of times that are accepted."""
_FIRST_SECOND, _LAST_SECOND = 0, 7_258_118_399
_MAX_ELAPSED = 1e12
_MAX_SECONDS = 253_402_300_799  # 9999-12-31T23:59:59Z


def parse_time(value: Any) -> Timestamp | None:
    """RFC 3339 in UTC from a time string, or from an epoch number whose size tells its unit (s, ms, us or ns)."""
    if type(value) is str:
        return _from_string(value)
    if type(value) is Timestamp:
        return value
    if type(value) is int:
        if value < 10**8:
            return None
        # An epoch of today is 10 digits in seconds, 13 in milliseconds, 16 in microseconds, 19 in nanoseconds.
        nanoseconds = value
        while nanoseconds < 10**17:
            nanoseconds *= 1000
        return from_epoch_ns(nanoseconds)
    if type(value) is float and 0 < value < _MAX_SECONDS * 1000:
        seconds = value / 1000 if value > _MAX_SECONDS else value
        return from_epoch_ns(round(seconds * 1_000_000) * 1000)
    return None


def from_epoch_ns(nanoseconds: int) -> Timestamp | None:
    """RFC 3339 in UTC from nanoseconds since 1970; None outside the years 1970 to 2199."""
    seconds, fraction = divmod(nanoseconds, _NS)
    if not _FIRST_SECOND <= seconds <= _LAST_SECOND:
        return None
    moment = _EPOCH + timedelta(seconds=seconds)
    return _format(_stem(moment.replace(tzinfo=None)), f"{fraction:09d}")


def to_epoch_ns(time: Timestamp) -> int:
    """Nanoseconds since 1970."""
    stem, _, fraction = time.removesuffix("Z").partition(".")
    seconds = (datetime.fromisoformat(stem).replace(tzinfo=UTC) - _EPOCH) // timedelta(seconds=1)
    return seconds * _NS + int(fraction.ljust(9, "0") or 0)


def _from_string(value: str) -> Timestamp | None:
    if len(value) >= 64:
        return None
    match = _TIME.fullmatch(value) or _TIME.fullmatch(_respelled(value.strip()))
    if match is None:
        return None
    date, clock, fraction, zone = match.groups()
    stem = f"{date}T{clock}"
    try:
        moment = datetime.fromisoformat(stem)
        if zone and zone[0] in "+-":
            offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
            stem = _stem(moment - offset if zone[0] == "+" else moment + offset)
    except (ValueError, OverflowError):
        return None
    return _format(stem, fraction or "") if _YEARS[0] <= stem[:4] <= _YEARS[1] else None


def _respelled(value: str) -> str:
    """A time in the format of web servers or of Gin, reordered to the format of all others."""
    if (clf := _CLF.fullmatch(value)) and clf[2] in _MONTHS:
        return f"{clf[3]}-{_MONTHS.index(clf[2]) + 1:02d}-{clf[1]} {clf[4]}{clf[5]}"
    if gin := _GIN.fullmatch(value):
        return f"{gin[1]}-{gin[2]}-{gin[3]} {gin[4]}"
    return value


def _stem(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def _format(stem: str, fraction: str) -> Timestamp:
    fraction = fraction.rstrip("0")
    return Timestamp(f"{stem}.{fraction}Z" if fraction else f"{stem}Z")


def between_ms(start: Timestamp | None, end: Timestamp | None) -> float | None:
    """Milliseconds from one time to another; None if one is unknown, or if they are in the wrong order."""
    if start is None or end is None:
        return None
    elapsed = datetime.fromisoformat(end) - datetime.fromisoformat(start)
    return round(elapsed / timedelta(milliseconds=1), 3) if elapsed >= timedelta() else None


def pop_time(fields: Fields, *path: str) -> Timestamp | None:
    """Pop a time."""
    value = peek(fields, *path)
    time = None if value is None else parse_time(value)
    if time is not None:
        pop(fields, *path)
    return time


def duration_ms(value: Any) -> float | None:
    """Milliseconds from a duration as Go and Rust print it: ``1m58s``, ``2.5s``, ``74.6µs``."""
    match = _DURATION.fullmatch(value) if type(value) is str and 0 < len(value) < 40 else None
    if match is None:
        return None
    whole = (int(match["h"] or 0) * 60 + int(match["min"] or 0)) * 60_000
    return round(whole + float(match["number"] or 0) * _UNIT_MS.get(match["unit"] or "", 0), 6)


def pop_elapsed(fields: Fields, *path: str) -> float | None:
    """Pop a duration as a number, in whatever unit; a negative one, of a clock that was set back, stays."""
    number: Any = peek(fields, *path)
    if type(number) is str:
        number = pop_number({"": number}, "")
    if type(number) not in (int, float) or not 0 <= number < _MAX_ELAPSED:
        return None
    pop(fields, *path)
    return float(number)


def pop_duration(fields: Fields, *path: str) -> float | None:
    """Pop a duration in the format of Go or Rust; milliseconds."""
    duration = duration_ms(peek(fields, *path))
    if duration is not None:
        pop(fields, *path)
    return duration
