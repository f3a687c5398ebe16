"""Lines of text in records: what servers print, and shippers put under ``log``, ``message`` or ``MESSAGE``.

The parser of such a source has patterns whose named groups are keys of its own (``gin_status``, ``vllm_request_id``).
The groups of the pattern that matches replace the line in the record, and the parser pops them like any other fields.
So the parser reads a record that the shipper has already split with the same pattern (``conf/fluent-bit/parsers.conf``)
without any more code.

Patterns match a bounded prefix and have no nested repeats that could match the same text in two ways, so the time that
a hostile line takes is linear in its length.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import Final

from veilog_parsers.event import AuditEvent
from veilog_parsers.record.decoding import keep_under
from veilog_parsers.record.dropped import Why, note_dropped, prefer
from veilog_parsers.record.fields import drop_keys, ignored_keys, withhold
from veilog_parsers.record.prefixes import is_document_behind
from veilog_parsers.record.prose import may_hold_prose
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import pop_time

LINE_KEYS: Final = ("log", "message", "MESSAGE")
HEAD_CHARS: Final = 512
"""Length of the beginning of a line by which its source is recognized. Docker and others put prefixes before it."""

_FIRST_OF_KEYS: Final = frozenset("\"'\\}")
"""What follows the first brace of JSON, also of JSON in a string, or of Python's ``repr``."""
_COLOR: Final = re.compile(r"\x1b\[[0-9;]{0,16}m")
_IGNORED_SHIPPER_KEYS: Final = ignored_keys(
    """
    _p component color_message container_id container_name docker:plain filename kubernetes:plain level logger
    logtag source:blob stream
    """
)


def find_line(fields: Fields) -> tuple[str, str]:
    """The key and the text of a record's line, without terminal colors; two empty strings if there is no line."""
    for key in LINE_KEYS:
        line = fields.get(key)
        if type(line) is str:
            return key, (_COLOR.sub("", line) if "\x1b" in line else line).strip()
    return "", ""


def line_head(fields: Fields) -> str:
    """The beginning of a record's line, by which its source is recognized."""
    return find_line(fields)[1][:HEAD_CHARS]


def is_json_line(head: str) -> bool:
    """Whether a line, by its beginning, is JSON, perhaps behind a prefix.

    Then it is no server's line, though it may have one in a string: its record is a wrapper.
    """
    brace = head.find("{")
    return brace >= 0 and head[brace + 1 : brace + 9].lstrip()[:1] in _FIRST_OF_KEYS and is_document_behind(head)


@dataclasses.dataclass(frozen=True, slots=True)
class LineTest:
    """The test of a source whose records are lines.

    Attributes:
        is_line: tells from the beginning of a line whether it is one of the source; the registry gets that beginning
            once for all sources.
        prints_json: whether lines of the source have JSON in them, so that it says itself whether a line with JSON is
            its own. Of other sources, none is: see ``is_json_line``.
    """

    is_line: Callable[[str], bool]
    prints_json: bool = False

    def __call__(self, fields: Fields) -> bool:
        """Test a record, as the test of any marker does."""
        head = line_head(fields)
        return self.is_line(head) and (self.prints_json or not is_json_line(head))


def markers(
    is_line: Callable[[str], bool], *keys: str, prints_json: bool = False
) -> dict[str, Callable[[Fields], bool]]:
    """The markers of a source whose records are lines, or lines that a shipper has split into fields.

    Args:
        is_line: tells from the beginning of a line (up to ``HEAD_CHARS``) whether it is one of the source.
        keys: fields that the record of a split line has.
        prints_json: see ``LineTest``.
    """

    def was_parsed(fields: Fields) -> bool:
        return any(type(fields.get(key)) is str for key in keys)

    return {**dict.fromkeys(LINE_KEYS, LineTest(is_line, prints_json)), **dict.fromkeys(keys, was_parsed)}


def open_line(fields: Fields, *patterns: re.Pattern[str]) -> bool:
    """Replace the line by the groups of the pattern that matches first in it; the line stays if none does.

    Of two that match at one place it is the first. (What a server prints comes first in a line: behind it stands what
    callers wrote, and that may look like another of the server's lines.)
    """
    key, line = find_line(fields)
    matches = [match for pattern in patterns if (match := pattern.search(line)) is not None] if key else []
    if not matches:
        return False
    match = min(matches, key=re.Match.start)
    del fields[key]
    for name, value in match.groupdict().items():
        if value is not None:
            _add_group(fields, name, value)
    for name, rest in (("text_before", line[: match.start()]), ("text_after", line[match.end() :])):
        if rest and name not in fields:
            # An audit trail does not need what stands there, but its length shows that something did.
            fields[name] = rest
            withhold(fields, name)
    return True


def _add_group(fields: Fields, name: str, value: str) -> None:
    """Add a group of a line, unless the record has one already that the shipper made."""
    if name not in fields:
        fields[name] = value
    elif fields[name] != value and may_hold_prose(value):
        keep_under(fields, name, value)
    else:
        note_dropped(name, value, Why.DUPLICATE)


def read_shipper_keys(fields: Fields, event: AuditEvent, *own_times: str) -> None:
    """Read the time of a line, and drop the keys that shippers add to lines.

    The shipper's time is preferred to the line's own, since it has a time zone.

    Args:
        fields: the record.
        event: gets the time.
        own_times: the fields with the line's own time.
    """
    times = [pop_time(fields, key) for key in ("time", "timestamp", "@timestamp", "ts", "date", *own_times)]
    event.timestamp = None
    for time in times:
        event.timestamp = prefer(event.timestamp, time)
    drop_keys(fields, _IGNORED_SHIPPER_KEYS)
