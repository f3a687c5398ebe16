"""Finds what a wrapper may hold: the values of an object in which a record could be.

A wrapper is known by its structure: no source claims it, and a source claims what is in one of its values, an object, a
list, or a text. Which values are tried, and what is asked of them, depends on the key:

* Under ``NAMED`` keys shippers, clouds and loggers are known to put records. There a text may have other words around
  its JSON, a text without JSON may be a server's line, and a text that looks like JSON and cannot be read makes the
  record malformed.
* Under any other key a text counts if the whole of it is JSON, behind nothing but a prefix (``prefixes``), and if the
  key is none under which people's words are logged (``_SAID``).
* A record that is claimed by evidence, for facts of a call and no words (``Source.may_wrap``), may be a wrapper too, if
  what is inside has a format of its own.
* Where an object has words under other keys, a record inside that only evidence claims is a part of it
  (``keys_with_words``).
* An object that says in words of its own what it is about (``_has_statement``) is a log entry, no wrapper: what it has
  under other keys than the usual ones of wrappers belongs to its statement, and JSON in its texts is a quotation.

The number of values that are tried in vain is limited (``MAX_TRIED``), so an object with many of them costs little more
than one with few. Named keys are not limited: there are few of them in an object.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, Final, NamedTuple

import orjson

from veilog_parsers.errors import RecordError
from veilog_parsers.record.decoding import MAX_STRINGS, Decoded, decode, keep_around, may_be_json
from veilog_parsers.record.fields import keyset, objects_from
from veilog_parsers.record.lines import LINE_KEYS
from veilog_parsers.record.prefixes import NO_PREFIX, Prefix, is_document, read_pairs, read_prefix
from veilog_parsers.record.prose import may_hold_prose
from veilog_parsers.record.raw import Fields

NAMED: Final = (
    *("log", "message", "MESSAGE", "payload", "event", "msg", "body", "AuditData", "auditData"),
    *("jsonPayload", "textPayload", "event.original", "original", "_raw", "raw", "rawmsg", "data", "record", "RawData"),
    *(
        "@message",
        "Message",
        "LogMessage",
        "LogEntry",
        "resultDescription",
        "log_processed",
        "full_message",
        "line",
        "value",
    ),
)
"""Where records are put: Docker, CRI, journald, loggers; Microsoft 365; Google Cloud Logging; ECS; Splunk, Cribl and
rsyslog; Azure Monitor's custom tables; CloudWatch Insights, SNS; Azure's container logs and App Service; Fluent Bit's
``kubernetes`` filter, GELF, Loki."""
_NAMED: Final = frozenset(NAMED)
ANY_CONTENT: Final = frozenset(NAMED[: NAMED.index("auditData") + 1])
"""The usual keys of wrappers. An object there is opened whatever is beside it, and a container (``Records``,
``records``) whatever is in it; under other keys, only if a source claims one of its items."""
MAX_TRIED: Final = 256
"""The most values of a record, in all levels, that are tried under keys that are not named."""
_SAID: Final = keyset(
    """
    answer comment comments completion content description feedback input note notes output prompt query question
    reason response_text review said subject summary text title user_input user_message user_text
    """
)
_STATING: Final = ("message", "msg", "log", "MESSAGE", "event", "text", "title")
"""Keys under which a log says in words what it is about."""
_WORDS: Final = re.compile(r"[^\W\d_]{2,}[,:;]? [^\W\d_]{2,}")
_SIGN_OF_JSON: Final = re.compile(r"[{\[\]}\"'\\]")
"""A text without any of these characters is no JSON and no piece of it."""
_BASE64_OF_JSON: Final = ("eyJ", "eyA", "ewo", "ew0K", "W3s", "Wwo", "WwA")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/\s]++={0,2}\s*")
_SHORTEST_LINE: Final = 24
"""Shorter texts are no line of a server."""
_LAST: Final = frozenset('}]"')


class Content(NamedTuple):
    """What one value of an object may hold.

    Attributes:
        key: the key of the value.
        records: the objects in it.
        prefix: what stood before them in a text.
        is_json: whether they are the JSON of a text.
    """

    key: str
    records: list[Any]
    prefix: Prefix = NO_PREFIX
    is_json: bool = False


class Tried:
    """A search for a record in another: what is looked for, and how long.

    Attributes:
        left: how many values under keys that are not named may still be tried.
        of_format: whether only a record counts that has a format of its own. Evidence claims the one around it, too.
    """

    __slots__ = ("left", "of_format")

    def __init__(self, of_format: bool = False) -> None:
        self.left = MAX_TRIED
        self.of_format = of_format

    @contextmanager
    def only_formats(self, wanted: bool) -> Iterator[None]:
        """Look for records with a format of their own alone, if that is wanted, until the end of the block."""
        before, self.of_format = self.of_format, self.of_format or wanted
        try:
            yield
        finally:
            self.of_format = before


def keys_with_words(fields: Fields) -> list[str]:
    """Up to two keys of an object, not among the named ones, under which it has words.

    ``{"question": ..., "llm": {"model": ..., "usage": ...}}`` is one record: the call under ``llm`` belongs to the
    question beside it. So where an object has words beside a value, evidence alone does not make that value a record.
    """
    found = (name for name, value in fields.items() if name not in _NAMED and may_hold_prose(value))
    return list(islice(found, 2))


def named_in(fields: Fields) -> Sequence[str]:
    """The named keys that an object has, in order."""
    return () if _NAMED.isdisjoint(fields) else [key for key in NAMED if key in fields]


def named_contents(fields: Fields, key: str) -> Iterator[Content]:
    """What may be under a named key of an object, in order.

    Raises:
        RecordError: a text there looks like JSON, or like a piece of it, and cannot be read.
    """
    value = fields[key]
    if type(value) is list and key == "MESSAGE":
        value = _journal_text(value) or value
    if type(value) is str:
        yield from contents_of_text(_out_of_base64(value), key)
    elif (records := _objects(value)) and (key in ANY_CONTENT or not _has_statement(fields)):
        yield Content(key, records)


def _out_of_base64(text: str) -> str:
    """The JSON in a text that is base64 of it (Kinesis, Firehose, Kafka's REST proxies); any other text unchanged."""
    if not text.startswith(_BASE64_OF_JSON) or _BASE64.fullmatch(text) is None:
        return text
    try:
        return base64.b64decode(text).decode()
    except ValueError:
        return text


def contents_of_text(text: str, key: str = "") -> Iterator[Content]:
    """What may be in a text: the pairs of a logfmt line, a server's line behind a prefix, or JSON.

    Args:
        text: the text.
        key: its key. A line is not looked for again under keys by which sources recognize one.

    Raises:
        RecordError: it looks like JSON, or like a piece of it, and cannot be read.
    """
    if len(text) < _SHORTEST_LINE and _SIGN_OF_JSON.search(text) is None:
        return
    prefix, rest = _behind_prefix(text)
    if "=" in rest and (pairs := read_pairs(rest)):
        yield Content(key, [pairs], prefix)
    if (prefix.end or key not in LINE_KEYS) and len(rest) >= _SHORTEST_LINE and not is_document(rest):
        yield Content(key, [{LINE_KEYS[0]: rest}], prefix)
    if records := records_in(rest):
        yield Content(key, records, prefix, is_json=True)


def _behind_prefix(text: str) -> tuple[Prefix, str]:
    """The prefix of a text, and what is behind it; also of a text that is a JSON string, or is so in a JSON string."""
    prefix = read_prefix(text)
    text = text[prefix.end :] if prefix.end else text
    for _ in range(MAX_STRINGS):
        if prefix.end or text[:1] != '"':
            break
        try:
            inside = orjson.loads(text)
        except orjson.JSONDecodeError:
            break
        if type(inside) is not str or (not (prefix := read_prefix(inside)).end and inside[:1] != '"'):
            break
        text = inside[prefix.end :]
    return prefix, text


def is_readable_behind_prefix(line: bytes) -> bool:
    """Whether a line that cannot be read as a whole has a prefix, and can be read behind it.

    The structured data of a syslog line look like a piece of JSON.
    """
    try:
        text = line.decode()
        return bool((prefix := read_prefix(text)).end and decode(text[prefix.end :]).documents)
    except (UnicodeDecodeError, RecordError):
        return False


def other_contents(fields: Fields, tried: Tried) -> Iterator[Content]:
    """What may be under the keys of an object that are not named."""
    may_wrap: bool | None = None
    for key, value in fields.items():
        kind = type(value)
        if kind is str:
            if not _may_be_whole(value) or key in _SAID or key in _NAMED:
                continue
        elif (kind is not dict and kind is not list) or not value or key in _NAMED:
            continue
        if may_wrap is None:
            may_wrap = not _has_statement(fields)
        if not may_wrap or tried.left <= 0:
            return
        tried.left -= 1
        content = _whole(value, key) if kind is str else Content(key, _objects(value))
        if content is not None and content.records:
            yield content


def _objects(value: Any) -> list[Any]:
    """An object, as a list; a list that begins with one. Its later items need not be objects: each is checked alone."""
    if type(value) is dict:
        return [value] if value else []
    return objects_from(value) or []


def _may_be_whole(text: str) -> bool:
    """Whether a text ends like JSON. The test is cheap, and most texts fail it."""
    last = text[-1:]
    return last in _LAST or (last in "\r\n " and text.rstrip()[-1:] in _LAST)


def _whole(text: str, key: str) -> Content | None:
    """The records of a text that is nothing but JSON, and perhaps a prefix."""
    prefix, rest = _behind_prefix(text)
    if not may_be_json(rest):
        return None
    try:
        decoded = decode(rest)
    except RecordError:
        return None
    if decoded.before or decoded.after:
        return None
    records = _records_of(decoded)
    return Content(key, records, prefix) if records else None


def _has_statement(fields: Fields) -> bool:
    """Whether an object says something in words: two or more of them, and no JSON."""
    return any(
        type(value := fields.get(key)) is str and "{" not in value and _WORDS.search(value[:256]) is not None
        for key in _STATING
    )


def records_in(text: str) -> list[Any]:
    """The records in a text, with the text around them added to the first; none if the text is no JSON.

    Raises:
        RecordError: it looks like JSON, or like a piece of it, and cannot be read.
    """
    if _SIGN_OF_JSON.search(text) is None:
        return []
    decoded = decode(text)
    records = _records_of(decoded)
    first = next((record for record in records if type(record) is dict), None)
    if first is not None:
        keep_around(first, decoded)
    return records


def _records_of(decoded: Decoded) -> list[Any]:
    records: list[Any] = []
    for document in decoded.documents:
        if type(document) is list:
            records += document
        elif type(document) is dict:
            records.append(document)
    return records


def _journal_text(value: list[Any]) -> str | None:
    """A text that journald writes as a list of bytes, since it has other characters than printable ones."""
    try:
        return bytes(value).decode("utf-8", "replace")
    except (TypeError, ValueError):
        return None
