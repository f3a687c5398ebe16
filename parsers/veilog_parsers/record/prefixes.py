"""Reads what stands before a record in a line: what runtimes, syslog daemons and loggers write there.

A prefix is read by its grammar, never guessed from the record behind it. These are known, and may follow each other in
this order:

1. Docker Compose: ``gateway-1  | ``.
2. CRI: ``2025-03-03T09:41:03.25Z stdout F ``.
3. syslog, RFC 5424 (``<134>1 2025-03-03T09:41:03Z host app 12 - [id k="v"] ``; an octet count may stand before it) and
   RFC 3164 (``<134>Mar  3 09:41:03 host app[12]: ``), also with the RFC 3339 times that rsyslog and syslog-ng write in
   its place, and with the cookie ``@cee:``.
4. A logger's own: a time, a level, and at most a few names between them, each in brackets or behind a separator
   (``2025-03-03 09:41:03,250 - app.calls - INFO - ``, ``[INFO] [worker-1] calls: ``, AWS Lambda's time and id).
   It has a time or a level, and at most ``_MAX_BARE`` words that stand by themselves. So ``the caller said: `` is no
   prefix: what follows it is a quotation.

A time with a date and a year is kept, and so is a host. RFC 3164's own times and klog's have no year: no clock is asked
which one it was, so they are not kept. The number of other characters is kept if they could be prose.

A line of ``key=value`` pairs (logfmt) is turned into an object, if one of its values is JSON.

Every pattern is anchored and reads a character at most once per alternative; only the first ``MAX_CHARS`` are read.
"""

from __future__ import annotations

import json
import re
from typing import Final, NamedTuple

from veilog_parsers.event import SensitiveText, Timestamp
from veilog_parsers.record.fields import as_identifier
from veilog_parsers.record.prose import text_may_hold_prose
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import parse_time

MAX_CHARS: Final = 2048
"""The longest prefix, structured data of RFC 5424 included."""
_MAX_TOKENS: Final = 12
_MAX_BARE: Final = 2
_MAX_PAIRS: Final = 64

_DATE_TIME: Final = (
    r"[0-9]{4}[-/][0-9]{2}[-/][0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]{1,9})?"
    r"(?: ?(?:Z|UTC|[+-][0-9]{2}:?[0-9]{2})(?![\w:]))?"
)
_RFC_3339: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,18}(?:Z|[+-][0-9]{2}:[0-9]{2})"
_NO_YEAR: Final = r"[A-Z][a-z]{2} [ 0-3][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?"
_LEVEL: Final = (
    r"(?i:trace|debug|info|information|notice|warn|warning|error|err|critical|crit|fatal|severe|panic|alert|emerg)"
    r"(?![\w.$/-])"
)

CRI: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,18}(?:Z|[+-][0-9]{2}:[0-9]{2})) (?:stdout|stderr) ([FP])(?::\S{1,64})? "
)
"""Time, and ``F`` for a whole line or the last part of one, ``P`` for any other part."""
_COMPOSE: Final = re.compile(r"[\w.-]{1,64} +\| ")
_RFC_5424: Final = re.compile(
    rf"(?:[0-9]{{1,6}} )?<[0-9]{{1,3}}>[0-9]{{1,2}} (?P<time>{_RFC_3339}|-) (?P<host>\S{{1,255}}) "
    r"(?P<rest>\S{1,48} \S{1,128} \S{1,32} "
    r'(?:-|(?:\[(?:[^\]"\\]++|\\.|"(?:[^"\\]++|\\.)*+")*+\])++))(?: +|$)\ufeff?'
)
_RFC_3164: Final = re.compile(
    rf"(?:<[0-9]{{1,3}}>(?:(?P<time>{_RFC_3339})|{_NO_YEAR})?|(?P<time_alone>{_RFC_3339})|{_NO_YEAR}) ?"
    rf"(?:(?!{_LEVEL})(?P<host>[\w.:-]{{1,255}}+) )?"
    rf"(?P<rest>(?!{_LEVEL})[\w./@+-]{{1,64}}+(?:\[[0-9]{{1,10}}\])?): *"
)
_COOKIE: Final = re.compile(r"@cee: *")
_TOKEN: Final = re.compile(
    rf"(?P<time>{_DATE_TIME})"
    rf"|(?P<level>{_LEVEL})"
    r"|(?P<klog>[IWEF][0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{1,9} +[0-9]{1,10} [\w./-]{1,128}:[0-9]{1,6}\])"
    r"|\[(?P<in_brackets>[^\[\]{}\"'\\]{0,128})\]"
    r"|\([^(){}\"'\\]{0,64}\)"
    r"|(?P<number>(?:[0-9]{1,10}|[0-9a-fA-F]{8}-[0-9a-fA-F-]{27})(?![\w.]))"
    r"|(?P<name>[A-Za-z_][\w.$/@+-]{0,127}(?:\[[0-9]{1,10}\]|:[0-9]{1,6}(?=[ :]))?)"
)
_SEPARATED: Final = re.compile(r"[ \t]*(?::|-|\||>|,)[ \t]*")
_BLANKS: Final = re.compile(r"[ \t]*")
_TELLING: Final = re.compile(rf"[0-9]|\b{_LEVEL}")
"""A sign of a time or a level: most texts before a document have neither."""
_IS_LEVEL: Final = re.compile(rf"\s*{_LEVEL}\s*")
_DOCUMENT: Final = re.compile(r"\{\s*[\"'}]|\[\s*[\[{\"]|\"\s*(?:\\|[{\[])")
"""How JSON or Python's ``repr`` begins, and a JSON string that holds JSON."""
_PAIR: Final = re.compile(
    r"\s*([A-Za-z_@][\w.@/-]{0,127})="
    r'("(?:[^"\\]++|\\.)*+"(?=\s|$)|[^\s"{\[]\S*+(?=\s|$)|(?=[{\[]))'
)
_PAIRS_BEFORE: Final = re.compile(
    r"(?:[A-Za-z_@][\w.@/-]{0,127}="
    r'(?:"(?!\s*[{\[])(?:[^"\\]++|\\.)*+"|[^\s"{\[]\S*+)\s++){0,32}+'
    r"[A-Za-z_@][\w.@/-]{0,127}=(?:\"\s*)?(?:\{\s*\\?[\"'}]|\[\s*\\?[\[{\"])"
)
"""Pairs of a logfmt line up to a value that is JSON."""


class Prefix(NamedTuple):
    """What stands before a record.

    Attributes:
        end: where the record begins.
        time: when the line was written.
        host: where.
        withheld_chars: the number of other characters, if they could be prose.
    """

    end: int
    time: Timestamp | None = None
    host: SensitiveText | None = None
    withheld_chars: int = 0


NO_PREFIX: Final = Prefix(0)


def read_prefix(text: str) -> Prefix:
    """The prefix of a line; one that ends at 0 if there is none."""
    prefix = NO_PREFIX
    if not text or text[0] in '{"':
        return prefix
    head = text[:MAX_CHARS]
    for sign, read in _READERS:
        # Most texts have no prefix, and show it by a character that is not in them.
        if sign not in head:
            continue
        found = read(head, prefix.end)
        if found is not None:
            prefix = Prefix(
                found.end,
                found.time or prefix.time,
                found.host or prefix.host,
                found.withheld_chars + prefix.withheld_chars,
            )
    return prefix


def is_document(text: str, start: int = 0) -> bool:
    """Whether JSON or Python's ``repr`` begins at a position of a text."""
    return _DOCUMENT.match(text, start) is not None


def is_document_behind(text: str) -> bool:
    """Whether a line is JSON behind a prefix or pairs, or behind none: then its words are the record's, not its own."""
    start = read_prefix(text).end
    return is_document(text, start) or _PAIRS_BEFORE.match(text, start) is not None


def _compose(text: str, start: int) -> Prefix | None:
    match = _COMPOSE.match(text, start)
    return Prefix(match.end(), withheld_chars=_chars(match[0])) if match else None


def _cri(text: str, start: int) -> Prefix | None:
    match = CRI.match(text, start)
    return Prefix(match.end(), parse_time(match[1])) if match else None


def _syslog(text: str, start: int) -> Prefix | None:
    first = text[start : start + 1]
    match = _RFC_5424.match(text, start) if first == "<" or first.isdecimal() else None
    if match is None and (first == "<" or first.isdecimal() or first.isupper()):
        match = _RFC_3164.match(text, start)
    if match is None:
        return None
    groups = match.groupdict()
    time, host = groups["time"] or groups.get("time_alone"), groups["host"]
    if groups.get("time_alone") and not match["rest"].endswith("]"):
        # Without a priority or a process id, this may be a logger's name.
        host = None
    cookie = _COOKIE.match(text, match.end())
    return Prefix(
        cookie.end() if cookie else match.end(),
        parse_time(time),
        as_identifier(host) if host and host != "-" else None,
        _chars(match["rest"]),
    )


def _logger(text: str, start: int) -> Prefix | None:
    """A logger's prefix; None unless a document follows it."""
    if _TELLING.search(text, start, text.find("{", start)) is None:
        return None
    position, time, is_telling, bare = start, None, False, 0
    others: list[str] = []
    for _ in range(_MAX_TOKENS):
        if _DOCUMENT.match(text, position):
            return Prefix(position, time, None, sum(map(_chars, others))) if is_telling else None
        if (token := _TOKEN.match(text, position)) is None:
            return None
        inside = token["in_brackets"] or ""
        found = parse_time(stamp.replace("/", "-")) if (stamp := token["time"] or inside) else None
        time = time or found
        is_level = token["level"] or (inside and _IS_LEVEL.fullmatch(inside))
        is_telling = is_telling or bool(found or is_level or token["klog"])
        if not found and not is_level:
            others.append(token[0])
        separator = _SEPARATED.match(text, token.end())
        bare += token["name"] is not None and separator is None
        if bare > _MAX_BARE:
            return None
        position = separator.end() if separator else _end_of_blanks(text, token.end())
    return None


_READERS: Final = (("| ", _compose), (" std", _cri), (":", _syslog), ("{", _logger))
"""Readers of prefixes in order, each with a piece of text that is in every such prefix, or in what must follow it."""


def _end_of_blanks(text: str, start: int) -> int:
    match = _BLANKS.match(text, start)
    return match.end() if match else start


def _chars(text: str) -> int:
    return len(text) if text_may_hold_prose(text) else 0


def read_pairs(text: str) -> Fields | None:
    """The pairs of a logfmt line, with their values as texts; None if it is none, or has no JSON in it.

    A value in quotes is unquoted; a value that begins like JSON ends where its document does.
    """
    pairs: Fields = {}
    text, position, has_json = text.strip(), 0, False
    while position < len(text):
        match = _PAIR.match(text, position)
        if match is None or match[1] in pairs or len(pairs) >= _MAX_PAIRS:
            return None
        position, value = match.end(), match[2]
        if not value and text[position : position + 1] in ("{", "["):
            end = _end_of_document(text, position)
            if end < 0:
                return None
            value, position = text[position:end], end
        elif value[:1] == '"':
            value = _unquoted(value)
        has_json = has_json or _DOCUMENT.match(value) is not None
        pairs[match[1]] = value
    return pairs if has_json and len(pairs) > 1 else None


def _unquoted(value: str) -> str:
    try:
        text = json.loads(value, strict=False)
    except ValueError:
        return value
    return text if type(text) is str else value


def _end_of_document(text: str, start: int) -> int:
    """Where the JSON document at a position ends; -1 if there is none."""
    try:
        return _DECODER.raw_decode(text, start)[1]
    except (ValueError, RecursionError):
        return -1


_DECODER: Final = json.JSONDecoder(strict=False)
