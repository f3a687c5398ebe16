"""Lines of text inside records: what servers print, and shippers put under ``log``, ``message`` or ``MESSAGE``.

A source of lines has patterns whose named groups are field names of its own (``gin_status``, ``vllm_request_id``
...). A line is matched and its groups go into the record, in the line's place; the source then takes fields as any
other does. So a record whose line the shipper parsed already, with a copy of the same pattern
(``conf/fluent-bit/parsers.conf``), needs no code of its own.

Patterns look at a bounded prefix and have no repeats inside repeats that could match the same text in two ways: a
hostile line costs time in proportion to its length.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import Final

from veilog_parsers.event import AuditEvent
from veilog_parsers.record.fields import drop_keys, ignored_keys, withhold
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import pop_time

LINE_KEYS: Final = ("log", "message", "MESSAGE")
HEAD_CHARS: Final = 512
"""How far into a line its kind must show: behind prefixes of docker, compose, Kubernetes and terminals."""

_COLOR: Final = re.compile(r"\x1b\[[0-9;]{0,16}m")
_IGNORED_SHIPPER_KEYS: Final = ignored_keys(
    """
    _p component color_message container_id container_name docker:plain filename kubernetes:plain level logger
    logtag source:blob stream
    """
)


def find_line(fields: Fields) -> tuple[str, str]:
    """The key and the text of a record's line, without colors; two empty strings if it has none."""
    for key in LINE_KEYS:
        line = fields.get(key)
        if type(line) is str:
            return key, (_COLOR.sub("", line) if "\x1b" in line else line).strip()
    return "", ""


def line_head(fields: Fields) -> str:
    """The beginning of a record's line, in which its kind must show."""
    return find_line(fields)[1][:HEAD_CHARS]


@dataclasses.dataclass(frozen=True, slots=True)
class LineTest:
    """Whether a record's line is one of a source's.

    Attributes:
        is_line: is given the beginning of the line; the registry cuts it once for all sources of lines.
    """

    is_line: Callable[[str], bool]

    def __call__(self, fields: Fields) -> bool:
        """The test of a record, as of any marker."""
        return self.is_line(line_head(fields))


def markers(is_line: Callable[[str], bool], *keys: str) -> dict[str, Callable[[Fields], bool]]:
    """Markers of a source of lines: lines that the test confirms, and the fields that a shipper made of them.

    Args:
        is_line: is given the beginning of the line, ``HEAD_CHARS`` long at most.
        keys: fields that records have whose line was parsed already.
    """

    def was_parsed(fields: Fields) -> bool:
        return any(type(fields.get(key)) is str for key in keys)

    return {**dict.fromkeys(LINE_KEYS, LineTest(is_line)), **dict.fromkeys(keys, was_parsed)}


def open_line(fields: Fields, *patterns: re.Pattern[str]) -> bool:
    """Replace the line by the groups of the first pattern that matches it; a line that none matches stays."""
    key, line = find_line(fields)
    for pattern in patterns:
        match = pattern.search(line) if key else None
        if match is not None:
            del fields[key]
            for name, value in match.groupdict().items():
                if value is not None:
                    fields.setdefault(name, value)
            for name, rest in (("text_before", line[: match.start()]), ("text_after", line[match.end() :])):
                if rest and name not in fields:
                    # Nothing of what a source prints there is for an audit trail, but that it is there.
                    fields[name] = rest
                    withhold(fields, name)
            return True
    return False


def read_shipper_keys(fields: Fields, event: AuditEvent, *own_times: str) -> None:
    """Take the record's time, and drop what its shipper says of the line's way.

    The shipper's time goes first: it has a time zone.

    Args:
        fields: the record.
        event: is given the time.
        own_times: fields in which the line itself has one.
    """
    times = [pop_time(fields, key) for key in ("time", "timestamp", "@timestamp", "ts", "date", *own_times)]
    event.timestamp = next(filter(None, times), None)
    drop_keys(fields, _IGNORED_SHIPPER_KEYS)
