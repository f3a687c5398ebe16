"""The one decoder of JSON: in lines, envelopes, bodies, and strings inside of these.

Theory of operation
-------------------

What a log calls JSON is often not quite JSON. A lone surrogate, a terminal color, a prefix or a second document must
not hide a prompt from the readers: what a strict decoder refuses would be passed on as an ordinary text. So there is
one decoder, it is tolerant, and a text that looks like JSON and cannot be decoded is an error, never "just text".

*The fast way* is ``orjson``, for nearly every text, and a search for duplicate keys. A JSON object may have a key
twice, and every decoder keeps one of the values. The other would be neither inspected nor hashed nor counted, though
the application may have used it. Duplicate keys are found by counting colons:

* In the text every pair has one colon of its own; every other colon stands inside a string (or key).
* ``orjson`` encodes the decoded value again and escapes no colon: again there is one for each pair, and those inside
  strings.
* So the counts are equal if no pair was lost. A lost pair takes at least its own colon with it, and no other colon can
  replace it: the remaining strings have the same colons in both texts, unless one was written as ``\\u003a``. A text
  with that escape is not counted but read the exact way.

Counting and encoding run in C: a fraction of a microsecond for a record of ordinary size.

*The exact way* is Python's own scanner, which accepts control characters, NaN, infinities and numbers of any size,
tells where a document ends, and hands over the pairs of every object. It reads texts that ``orjson`` refused, or in
which the counts differ:

1. Byte order marks, white space of any kind and terminal colors around the text are removed, and half surrogate pairs
   become U+FFFD, as everywhere in this project.
2. Documents are read wherever one can begin: at a ``{`` or ``[`` and what may follow it. A list of numbers in the
   middle of a text (``[12:30:01]``, ``[4711]``) is no document.
3. What is no JSON may be Python's ``repr`` (``python_repr``) or, at the end of the text, a document that was cut off
   (``cut``), if the caller accepts one.
4. The text around the documents is returned, for it may hold prose.

*The remaining text decides.* If it looks like JSON or a piece of it (``looks_like_json``), then something could not be
read: ``MALFORMED_JSON``. If there is no document and nothing that looks like one, the whole is an ordinary text.

Every step is bounded. After a failed attempt, reading goes on behind the place of the failure, so the scanner reads no
character twice; the limit on failures (``MAX_FAILURES``) keeps their cost linear. A text has at most ``MAX_DOCUMENTS``
documents, and a document at most the 254 levels that ``orjson`` can encode, so later stages meet no deeper ones.
"""

from __future__ import annotations

import dataclasses
import json
import re
from typing import Any, Final

import orjson

from veilog_parsers.errors import ErrorType, RecordError
from veilog_parsers.record.cut import close
from veilog_parsers.record.python_repr import find_end, repr_to_json

MAX_DOCUMENTS: Final = 10_000
MAX_FAILURES: Final = 16
"""The most places in a text where a document seems to begin and cannot be read. With one more it is malformed."""
MAX_STRINGS: Final = 4
"""The most levels of JSON strings that hold nothing but JSON."""

_BLANK: Final = "".join(
    chr(code)
    for code in (
        *range(0x21),
        *(0x7F, 0x85, 0xA0, 0x1680, 0x180E, 0x2028, 0x2029, 0x202F, 0x205F, 0x2060, 0x3000, 0xFEFF),
        *range(0x2000, 0x2010),
    )
)
"""White space and control characters of every kind, byte order marks, and other invisible characters."""
_SEPARATORS: Final = _BLANK + ",;"
_COLOR: Final = re.compile(r"\x1b\[[0-9;:?]{0,32}[A-Za-z]")
_ESCAPE: Final = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a whole pair: kept
    r"|(?P<lone>\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
    r"|\\."  # any other escape, an escaped backslash among them: kept
)
_COLON_ESCAPE: Final = re.compile(r"\\u003[aA]")
_COLON_ESCAPE_BYTES: Final = re.compile(rb"\\u003[aA]")
_BEGINNING: Final = re.compile(r"\{\s*[\"'}]|\[\s*[\[{\"'\]]")
_FIRST_OF_REPR: Final = frozenset("'TFNniub")
"""First characters of values that Python writes and JSON does not have: strings, their prefixes, words."""
_NEAR_END: Final = 12
"""The longest number, word or escape that may be incomplete at the end of a text that was cut off."""

_VALUE: Final = r"(?:[\"'{\[0-9-]|true\b|false\b|null\b|NaN\b|True\b|False\b|None\b)"
_PIECE: Final = re.compile(
    rf"\\?[\"']\s*:\s*\\?{_VALUE}"  # "key": or 'key': or \"key\": and a value
    r"|\\\""  # an escaped quote
    r"|\\u[0-9a-fA-F]{4}"
)
_CLOSING: Final = _BLANK + "]}"
_LAST_IN_OBJECT: Final = (*"\"'0123456789", "true", "false", "null", "True", "False", "None")
_LAST_IN_LIST: Final = ('"', "'")
_QUOTED: Final = re.compile(r'\s*"\s*(?:\\+"|[{\[]).*"\s*', re.DOTALL)
_FIRST: Final = frozenset('{["')
_OPENING: Final = re.compile(r"\{|\[[\[\s]*[\"'{]")


@dataclasses.dataclass(slots=True)
class Decoded:
    """What a text holds.

    Attributes:
        documents: the JSON values in the text, in order; an empty list if the text is no JSON.
        before: the text before the first document, or the whole text if there is none.
        after: the text between and behind documents.
        was_cut: whether the last document was cut off.
        is_lossy: whether half surrogate pairs were replaced or colors removed, so that different texts give the
            same documents.
    """

    documents: list[Any]
    before: str = ""
    after: str = ""
    was_cut: bool = False
    is_lossy: bool = False


def decode(text: str | bytes, *, allow_cut: bool = False) -> Decoded:
    """Read the JSON in a text.

    Args:
        text: bytes are UTF-8.
        allow_cut: whether a document may be cut off at the end of the text.

    Raises:
        RecordError: ``INVALID_UTF8``; ``MALFORMED_JSON``: it looks like JSON, or like a piece of it, and cannot be
            read; ``NESTING_TOO_DEEP``; ``TOO_MANY_EVENTS``: it has more documents than ``MAX_DOCUMENTS``.
    """
    decoded = _decode(text, allow_cut)
    for _ in range(MAX_STRINGS):
        value = decoded.documents[0] if len(decoded.documents) == 1 else None
        if type(value) is not str:
            break
        if _QUOTED.fullmatch(value) is None and _OPENING.match(value.lstrip(_BLANK)) is None:
            break
        was_lossy = decoded.is_lossy
        decoded = _decode(value, allow_cut)
        decoded.is_lossy = decoded.is_lossy or was_lossy
    return decoded


def decode_one(text: str | bytes, *, allow_cut: bool = False) -> Any:
    """Decode a text that is one JSON value, with nothing around it but white space.

    Raises:
        RecordError: as ``decode``; ``MALFORMED_JSON`` also if there are several values or any other text.
    """
    decoded = decode(text, allow_cut=allow_cut)
    if len(decoded.documents) != 1 or decoded.before or decoded.after:
        raise _malformed(text)
    return decoded.documents[0]


def may_be_json(text: str) -> bool:
    """Whether a text begins like JSON, behind blank characters. The test is cheap, and most texts fail it."""
    return text[:1] in _FIRST or text.lstrip(_BLANK)[:1] in _FIRST


def looks_like_json(text: str) -> bool:
    """Whether a text looks like JSON or Python's ``repr``, or like a piece of it."""
    return _OPENING.match(text.lstrip(_BLANK)) is not None or _is_tail(text) or _PIECE.search(text) is not None


def _is_tail(text: str) -> bool:
    """Whether a text ends like an object or a list: with a value and closing brackets."""
    inside = text.rstrip(_CLOSING)
    closing = text[len(inside) :]
    if "}" in closing:
        return inside.endswith(_LAST_IN_OBJECT) or closing.count("}") + closing.count("]") > 1
    return "]" in closing and inside.endswith(_LAST_IN_LIST)


def keep_around(fields: dict[str, Any], decoded: Decoded) -> None:
    """Add the text around documents to one of them, as ``text_before`` and ``text_after``: it ends as unmapped."""
    for key, text in (("text_before", decoded.before), ("text_after", decoded.after)):
        if text:
            number = 0
            while (name := f"{key}~{number}" if number else key) in fields:
                number += 1
            fields[name] = text


def keep_under(fields: dict[str, Any], key: str, value: Any) -> None:
    """Add a value whose key is taken: as ``<key>~1``, or with the next number that is free."""
    number = 1
    while (name := f"{key}~{number}") in fields:
        number += 1
    fields[name] = value


def keys_repeat(text: str | bytes, value: Any) -> bool:
    """Whether an object in a text has a key twice, given the value that ``orjson`` decoded; see the module's docstring.

    A text in which a colon is escaped is always said to repeat a key.

    Raises:
        RecordError: ``NESTING_TOO_DEEP``.
    """
    if isinstance(text, str):
        colons, escaped = text.count(":"), "\\" in text and _COLON_ESCAPE.search(text) is not None
    else:
        colons, escaped = text.count(b":"), b"\\" in text and _COLON_ESCAPE_BYTES.search(text) is not None
    return colons > 1 and (escaped or _written(value).count(b":") != colons)


def _written(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        # Nesting is the only property of a decoded value that ``orjson`` may be unable to encode.
        raise RecordError(ErrorType.NESTING_TOO_DEEP, "more than 254 levels") from None


def _malformed(text: str | bytes) -> RecordError:
    return RecordError(ErrorType.MALFORMED_JSON, f"JSON of {len(text)} {'bytes' if type(text) is bytes else 'chars'}")


def _decode(text: str | bytes, allow_cut: bool) -> Decoded:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        if "depth limit" in str(error):
            raise RecordError(ErrorType.NESTING_TOO_DEEP, "more than 1024 levels") from None
    else:
        if type(value) not in (dict, list) or not keys_repeat(text, value):
            return Decoded([value])
    if isinstance(text, bytes):
        try:
            text = text.decode()
        except UnicodeDecodeError:
            raise RecordError(ErrorType.INVALID_UTF8, f"line of {len(text)} bytes") from None
    # Colors first: one may stand between the halves of an escape, which is whole only without it.
    whole = _paired(_COLOR.sub("", text) if "\x1b" in text else text)
    decoded = _Reader(whole.strip(_BLANK), allow_cut).read()
    decoded.is_lossy = whole != text
    return decoded


def _paired(text: str) -> str:
    """A text in which half surrogate pairs are replaced; the same object if it has none."""
    whole = text
    if "\\ud" in text or "\\uD" in text:
        whole = _ESCAPE.sub(_mend, text)
    if not text.isascii():
        # A text that was not decoded from bytes may hold half surrogate pairs without escapes.
        whole = whole.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text if whole == text else whole


def _mend(match: re.Match[str]) -> str:
    return "\\ufffd" if match["lone"] else match[0]


class _Reader:
    """Reads one text the exact way."""

    def __init__(self, text: str, allow_cut: bool) -> None:
        self._text = text
        self._allow_cut = allow_cut
        self._decoded = Decoded([])
        self._around: list[str] = []
        self._end = 0
        """The position behind the last document."""
        self._rest = ""
        """The end of a document that was cut off, as far as it could not be used."""

    def read(self) -> Decoded:
        """Read all documents, and check the remaining text."""
        text, decoded = self._text, self._decoded
        if text[:1] == '"' and (value := self._string()) is not None:
            return Decoded([value])
        position = failures = 0
        while (start := self._next(position)) >= 0:
            position = self._read_at(start)
            if position <= start:
                failures += 1
                position = max(-position, start + 1)
            if failures > MAX_FAILURES:
                raise _malformed(text)
        self._keep_text(len(text))
        left = "\n".join(self._around)
        if decoded.documents:
            decoded.before, decoded.after = self._around[0], "\n".join(filter(None, (*self._around[1:], self._rest)))
        else:
            decoded.before = left = text
        if left and looks_like_json(left):
            raise _malformed(text)
        return decoded

    def _string(self) -> str | None:
        """The string that the text encodes; None if it encodes none."""
        try:
            value = _SCANNER.decode(self._text)
        except json.JSONDecodeError:
            return None
        return value if type(value) is str else None

    def _next(self, position: int) -> int:
        """The position where the next document may begin; -1 if there is none."""
        if position == 0 and self._text[:1] in ("{", "["):
            return 0
        found = _BEGINNING.search(self._text, position)
        return found.start() if found else -1

    def _read_at(self, start: int) -> int:
        """Read the document at a position.

        Returns where it ends, or, if it cannot be read, minus where reading failed.
        """
        text = self._text
        try:
            value, end = _SCANNER.raw_decode(text, start)
        except json.JSONDecodeError as error:
            value, end = self._read_otherwise(start, error)
            if end < 0:
                return -error.pos
        except RecursionError:
            raise RecordError(ErrorType.NESTING_TOO_DEEP, "more levels than the decoder has") from None
        if _is_telling(value) or not text[self._end : start].strip(_SEPARATORS):
            _written(value)
            self._keep_text(start)
            self._decoded.documents.append(value)
            self._end = end
            if len(self._decoded.documents) > MAX_DOCUMENTS:
                raise RecordError(ErrorType.TOO_MANY_EVENTS, f"more than {MAX_DOCUMENTS} in one text")
        return end

    def _read_otherwise(self, start: int, error: json.JSONDecodeError) -> tuple[Any, int]:
        """Read a ``repr``, or JSON that was cut off. Returns the value and where it ends, -1 for none."""
        text = self._text
        if text[error.pos : error.pos + 1] in _FIRST_OF_REPR or error.msg.startswith("Invalid \\"):
            end = find_end(text, start)
            piece, end = (text[start:end], end) if end > 0 else (text[start:], len(text))
            piece = repr_to_json(piece)
            try:
                return _SCANNER.decode(piece), end
            except json.JSONDecodeError as other:
                text, start, error = piece, 0, other
            except RecursionError:
                raise RecordError(ErrorType.NESTING_TOO_DEEP, "more levels than the decoder has") from None
        reaches_end = error.msg.startswith("Unterminated") or error.pos >= len(text) - _NEAR_END
        if self._allow_cut and reaches_end:
            closed = close(text[start:], _loads)
            if closed is not None:
                self._decoded.was_cut = True
                self._rest = closed.rest
                return closed.value, len(self._text)
        return None, -1

    def _keep_text(self, end: int) -> None:
        """Keep the text between the last document and a position."""
        self._around.append(self._text[self._end : end].strip(_SEPARATORS))


def _is_telling(value: Any) -> bool:
    """Whether a value is a document even among words, where a list of words or numbers is part of the text."""
    if type(value) is list:
        return any(type(item) is dict and item for item in value)
    return bool(value)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object from pairs. The last value of a repeated key wins; different ones get ``<key>~1`` and so on."""
    fields = dict(pairs)
    if len(fields) == len(pairs):
        return fields
    numbers: dict[str, int] = {}
    for key, value in pairs:
        if fields[key] is value or fields[key] == value:
            continue
        number = numbers.get(key, 0) + 1
        while f"{key}~{number}" in fields:
            number += 1
        numbers[key] = number
        fields[f"{key}~{number}"] = value
    return fields


def _integer(digits: str) -> int | float | str:
    if len(digits) <= 20:
        number = int(digits)
        if -(2**63) <= number < 2**64:
            return number
    return _float(digits)


def _float(digits: str) -> float | str:
    """A finite number, or its digits if it is larger than a float can be."""
    number = float(digits)
    return number if number - number == 0 else digits


_SCANNER: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_float, parse_constant=str, strict=False
)


def _loads(text: str) -> Any:
    """Decode a text that ``close`` has closed.

    Raises:
        ValueError: it is no JSON.
    """
    try:
        return _SCANNER.decode(text)
    except RecursionError:
        raise RecordError(ErrorType.NESTING_TOO_DEEP, "more levels than the decoder has") from None
