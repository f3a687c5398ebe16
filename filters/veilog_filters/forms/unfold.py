"""JSON as lines of keys and values, so that each value is read with its keys as context.

Theory of operation. ``{"bank account": {"number": 12345678}}`` says what the number is, but two braces away, and
``"p\\u0061ssword"`` says it to no pattern. So a text that is JSON is read twice: as it is, since what Presidio finds in
it must be found, and in a view that has a line for each value:

    bank account:
    ;
    bank account number:
    12345678
    ;

Keys and values stand there without their escapes, each key once where it can be found and again, shortened, where it
is only context. A string that holds JSON is opened too, ``MAX_JSON_IN_JSON`` deep. The semicolon keeps a match from
going from one value to the next; the line end behind the key lets a pattern begin a line with the value.

The tokenizer takes whatever begins like JSON: JSON that was cut, has duplicate keys, lone surrogates or NaN is read as
far as it goes. There is no recursion but for JSON in strings, and a view has at most ``MAX_GROWTH`` times the
characters of its text and some: beyond that keys of outer objects are left out.

Redaction, too, needs to know what stands where: ``json_spans`` tells, so that a finding inside of strings and numbers
leaves JSON behind.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from typing import Final, NamedTuple

import orjson

from veilog_filters.forms.unmask import JSON_ESCAPE, unescaped_character, unmasked
from veilog_filters.forms.view import Maker, Piece, View, replaced

MAX_JSON_IN_JSON: Final = 3
MAX_GROWTH: Final = 4
CONTEXT_KEYS: Final = 3
"""So many keys above a value are its context, from the nearest on."""
MAX_CONTEXT_CHARS: Final = 40
"""A key is cut to this where it is only context."""
_SPARE_CHARS: Final = 4096
_CHECK_EVERY_TOKENS: Final = 2048
_GLANCE_CHARS: Final = 64
_LONGEST_ESCAPE: Final = 12

_BLANK: Final = " \t\r\n\v\f\ufeff\u00a0\u2028\u2029"
_FIRST: Final = frozenset(_BLANK + "{[")
_BEGIN: Final = re.compile(rf"[{_BLANK}]*+(?:\{{\s*+[\"}}]|\[\s*+(?:[\"\[\]{{]|-?\d|true|false|null))")
_TOKEN: Final = re.compile(
    r"""
    "(?P<string>[^"\\]*+(?:\\.[^"\\]*+)*+)(?:"|\\?\Z)(?P<colon>\s*+:)?
  | (?P<open>[{\[])
  | (?P<close>[}\]])
  | (?P<bare>[^\s{}\[\]:,"]++)
    """,
    re.VERBOSE | re.DOTALL,
)
_HAS_DIGIT: Final = re.compile(r"\d")
END_OF_KEYS: Final = ":\n"
END_OF_VALUE: Final = "\n;\n"


Keys = tuple[str, ...]
"""Keys above a value, from the outermost on, the nearest ``CONTEXT_KEYS`` of them."""


def looks_like_json(text: str) -> bool:
    """Whether a text begins as a JSON object or array does."""
    return text[:1] in _FIRST and _BEGIN.match(text) is not None


def context_of(keys: Keys) -> str:
    """What is written before a value that stands under some keys; empty without keys."""
    return " ".join([_plain_key(key[:MAX_CONTEXT_CHARS]) for key in keys]) + END_OF_KEYS if keys else ""


def _plain_key(key: str) -> str:
    """A key as it reads: without what is not seen, and in plain letters."""
    if key.isascii() and "\\" not in key:
        return key
    forms = unmasked(key)
    return forms[-1].text if forms else key


def unfolded(text: str, check: Callable[[], object], of: View | None = None) -> View:
    """The view of a JSON text with a line for each value.

    Args:
        text: the text.
        check: is called again and again, and may raise.
        of: the view whose text it is.
    """
    unfolding = _Unfolding(len(text), check)
    whole = Piece(0, len(text), 0, len(text), exact=True)
    unfolding.run(View(text, [whole]), (), MAX_JSON_IN_JSON)
    return unfolding.maker.view(of)


class _Unfolding:
    def __init__(self, size: int, check: Callable[[], object]) -> None:
        self.maker = Maker()
        self._check = check
        self._room = MAX_GROWTH * size + _SPARE_CHARS

    def run(self, source: View, above: Keys, levels: int) -> None:
        """Write the lines of one JSON text.

        Args:
            source: the text, and where it comes from.
            above: keys of what it stands in.
            levels: how many levels of JSON in strings may be opened.
        """
        # The keys above each open container, and the key of what comes next, if it has one of its own.
        opened, key = [above], ""
        for number, token in enumerate(_TOKEN.finditer(source.text)):
            if number % _CHECK_EVERY_TOKENS == 0:
                self._check()
            kind, keys = token.lastgroup, opened[-1]
            if kind == "close":
                if len(opened) > 1:
                    opened.pop()
                self._end(key)
                key = ""
            elif kind == "colon":
                self._end(key)
                key = self._key(source, token, keys)
            elif kind == "open":
                self._end(key)
                opened.append((*keys, key)[-CONTEXT_KEYS:] if key else keys)
                key = ""
            else:
                self._value(source, token, keys, key, levels)
                key = ""

    def _end(self, key: str) -> None:
        """End the line of a key, if there is one, without a value."""
        if key:
            self.maker.fill(END_OF_VALUE)

    def _key(self, source: View, token: re.Match[str], above: Keys) -> str:
        """Begin a line with a key, and what stands above it."""
        if above:
            self._context(context_of(above)[: -len(END_OF_KEYS)] + " ")
        key = self._write(source, *token.span("string"))
        self.maker.fill(END_OF_KEYS)
        return key or " "

    def _value(self, source: View, token: re.Match[str], above: Keys, key: str, levels: int) -> None:
        kind = token.lastgroup or ""
        start, end = token.span(kind)
        if kind == "bare" and not _HAS_DIGIT.search(source.text, start, end):
            self._end(key)
            return
        if kind == "string" and levels and _holds_json(source.text[start : min(end, start + _GLANCE_CHARS)]):
            self._end(key)
            self.run(_plain(source, start, end), (*above, key)[-CONTEXT_KEYS:] if key else above, levels - 1)
            return
        if not key:
            self._context(context_of(above))
        self._write(source, start, end)
        self.maker.fill(END_OF_VALUE)

    def _context(self, words: str) -> None:
        if self.maker.size + len(words) < self._room:
            self.maker.fill(words)

    def _write(self, source: View, start: int, end: int) -> str:
        """Write the inside of a string, or a number; gives what was written."""
        words = source.text[start:end]
        if "\\" in words:
            source = _plain(source, start, end)
            words, start, end = source.text, 0, len(source.text)
        for piece, begin, stop, exact in source.cut(start, end):
            self.maker.add(piece, begin, stop, exact=exact)
        return words


def _holds_json(head: str) -> bool:
    """Whether a string that begins so holds JSON."""
    plain = replaced(head, JSON_ESCAPE, unescaped_character) if "\\" in head else None
    return looks_like_json(plain.text if plain else head)


def _plain(source: View, start: int, end: int) -> View:
    """A part of a text, without its escapes, and with its way back to where the text comes from."""
    unescaped = replaced(source.text[start:end], JSON_ESCAPE, unescaped_character)
    maker = Maker()
    if unescaped is None:
        for words, begin, stop, exact in source.cut(start, end):
            maker.add(words, begin, stop, exact=exact)
        return maker.view()
    for words, begin, stop, exact in unescaped.cut(0, len(unescaped.text)):
        if exact:
            for piece, first, last, is_exact in source.cut(start + begin, start + stop):
                maker.add(piece, first, last, exact=is_exact)
        elif (place := source.back(start + begin, start + stop)) is not None:
            maker.add(words, *place, exact=False)
    return maker.view()


class Span(NamedTuple):
    """The inside of a JSON string, or a number or literal.

    Attributes:
        start: where it begins.
        end: where it ends.
        bare: whether it stands without quotation marks.
    """

    start: int
    end: int
    bare: bool


def json_spans(text: str) -> list[Span] | None:
    """What stands in a JSON text beside its structure; None if the text is no JSON."""
    if not looks_like_json(text):
        return None
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return [
        Span(*(token.span("string") if token["bare"] is None else token.span("bare")), bare=token["bare"] is not None)
        for token in _TOKEN.finditer(text)
        if token["open"] is None and token["close"] is None
    ]


def covering(text: str, spans: list[Span], start: int, end: int) -> list[Span]:
    """The parts of strings, and the whole numbers, that a place in a JSON text touches. No escape is cut in two."""
    found: list[Span] = []
    index = bisect_right(spans, start, key=lambda span: span.end)
    while index < len(spans) and spans[index].start < end:
        span = spans[index]
        if span.bare:
            found.append(span)
        elif span.start < span.end:
            first, last = max(start, span.start), min(end, span.end)
            found.append(
                Span(_escape_at(text, span.start, first)[0], _escape_at(text, span.start, last)[1], bare=False)
            )
        index += 1
    return found


def _escape_at(text: str, low: int, at: int) -> tuple[int, int]:
    """The escape that a place is in the middle of (start, end); the place twice if there is none."""
    begin = max(low, at - _LONGEST_ESCAPE)
    while begin > low and text[begin - 1] == "\\":
        begin -= 1
    for escape in JSON_ESCAPE.finditer(text, begin, at + _LONGEST_ESCAPE):
        if escape.start() >= at:
            break
        if escape.end() > at:
            return escape.span()
    return at, at
