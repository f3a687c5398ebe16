"""The one decoder of JSON: in lines, envelopes, bodies, and strings inside of those.

Theory of operation
-------------------

What a log calls JSON is often a little more or less than that. A prompt must not get past a reader because of a lone
surrogate, a colour, a prefix or a second document: what one decoder refuses would leave as the text it stood in. So
there is one decoder, it is tolerant, and what it cannot read is an error, never "just text".

*The fast way* is ``orjson``. Nearly every text takes it, and it costs one look more: duplicate keys. A JSON object may
name a key twice, and every decoder keeps one of the values. The other is gone from what is inspected, hashed and
counted, but not from the application that wrote it. They are found by counting colons:

* In the text every pair has one colon of its own; every other colon stands inside a string (or key).
* The decoded value is written again by ``orjson``, which escapes no colon: again one for each pair, and those inside
  strings.
* So the counts are equal if nothing was lost. A lost pair takes at least its own colon with it, and nothing can make up
  for that: the strings that were kept have the same colons on both sides, unless one was written as ``\\u003a``.
  A text with that escape is not counted but read the exact way.

Counting and writing run in C: a fraction of a microsecond for a record of ordinary size.

*The exact way* is Python's own scanner, which takes control characters, NaN, infinities and numbers of any size, tells
where a document ends, and hands over the pairs of every object. It reads what the fast way refused or counted:

1. What stands around a text and says nothing (byte order mark, white space of any kind, colours) is removed, and half
   surrogate pairs become U+FFFD, as everywhere in this project.
2. Documents are read from wherever one can begin: ``{`` or ``[`` and what may follow it. A list of numbers in the
   middle of a text (``[12:30:01]``, ``[4711]``) begins none.
3. Where JSON cannot be read, Python's ``repr`` may be (``python_repr``), and at the end of the text the beginning of a
   document (``cut``), if the caller can use one.
4. The text around the documents is given back, for it may say something.

*What is left over decides.* If that text looks like JSON or a piece of it (``looks_like_json``), then something was not
read: ``MALFORMED_JSON``. If there is no document and nothing that looks like one, it is a text, and said to be one.

Every part is bounded. A failed attempt goes on behind the place where it failed, so no character is read twice by the
scanner; the few that may fail (``MAX_FAILURES``) keep the cost of errors, which is linear each, linear. Documents are
at most ``MAX_DOCUMENTS``, nesting at most what ``orjson`` writes (254 levels): downstream nobody meets more.
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
"""Places in a text where a document seems to begin and none does. One more and the text is malformed."""
MAX_STRINGS: Final = 4
"""JSON strings that hold nothing but JSON again, level in level."""

_BLANK: Final = "".join(
    chr(code)
    for code in (
        *range(0x21),
        *(0x7F, 0x85, 0xA0, 0x1680, 0x180E, 0x2028, 0x2029, 0x202F, 0x205F, 0x2060, 0x3000, 0xFEFF),
        *range(0x2000, 0x2010),
    )
)
"""White space and controls of every kind, byte order marks, and characters that show nothing."""
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
"""How what Python writes and JSON does not begins: strings, their prefixes, words."""
_NEAR_END: Final = 12
"""A number, a word or an escape that a cut left incomplete begins at most so many characters before the end."""

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
        documents: the JSON values in it, in order. None, if it is a text and no JSON.
        before: the text before the first document, or all of a text that has none.
        after: the text behind and between documents.
        was_cut: whether the last document is the beginning of one.
        is_lossy: whether halves of surrogate pairs were mended: other texts give the same documents.
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
        allow_cut: whether the beginning of a document, at the end of the text, counts as one.

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
    """The one JSON value that a text is, with nothing around it but white space.

    Raises:
        RecordError: as ``decode``; ``MALFORMED_JSON`` also if there are several values, or is anything else.
    """
    decoded = decode(text, allow_cut=allow_cut)
    if len(decoded.documents) != 1 or decoded.before or decoded.after:
        raise _malformed(text)
    return decoded.documents[0]


def may_be_json(text: str) -> bool:
    """Whether a text begins like JSON, behind what is blank or a colour. Cheap: most texts do not."""
    return text[:1] in _FIRST or text.lstrip(_BLANK)[:1] in _FIRST


def looks_like_json(text: str) -> bool:
    """Whether a text is written like JSON (or like Python's ``repr``), or like a piece cut out of it."""
    return _OPENING.match(text.lstrip(_BLANK)) is not None or _is_tail(text) or _PIECE.search(text) is not None


def _is_tail(text: str) -> bool:
    """Whether a text ends like an object or a list: with closing brackets, behind a value."""
    inside = text.rstrip(_CLOSING)
    closing = text[len(inside) :]
    if "}" in closing:
        return inside.endswith(_LAST_IN_OBJECT) or closing.count("}") + closing.count("]") > 1
    return "]" in closing and inside.endswith(_LAST_IN_LIST)


def keep_around(fields: dict[str, Any], decoded: Decoded) -> None:
    """Put the text around documents into one of them, as ``text_before`` and ``text_after``: it ends as unmapped."""
    for key, text in (("text_before", decoded.before), ("text_after", decoded.after)):
        if text:
            number = 0
            while (name := f"{key}~{number}" if number else key) in fields:
                number += 1
            fields[name] = text


def keep_under(fields: dict[str, Any], key: str, value: Any) -> None:
    """Keep a value whose key is another's too: as ``<key>~1``, or the next number that is free."""
    number = 1
    while (name := f"{key}~{number}") in fields:
        number += 1
    fields[name] = value


def keys_repeat(text: str | bytes, value: Any) -> bool:
    """Whether an object in a text names a key twice, given what ``orjson`` made of the text. See the module.

    May be wrong in one direction: a text with a colon written as an escape is always said to repeat one.

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
        # Of what a JSON decoder gives, only nesting is more than it can write.
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
    whole = _paired(text)
    decoded = _Reader(_trimmed(whole), allow_cut).read()
    decoded.is_lossy = whole is not text
    return decoded


def _trimmed(text: str) -> str:
    """A text without colours, and without what is blank around it."""
    if "\x1b" in text:
        text = _COLOR.sub("", text)
    return text.strip(_BLANK)


def _paired(text: str) -> str:
    """A text without halves of surrogate pairs; the same object if it has none."""
    whole = text
    if "\\ud" in text or "\\uD" in text:
        whole = _ESCAPE.sub(_mend, text)
    if not text.isascii():
        # A text that was no bytes may hold halves as they are.
        whole = whole.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text if whole == text else whole


def _mend(match: re.Match[str]) -> str:
    return "\\ufffd" if match["lone"] else match[0]


class _Reader:
    """The exact way through one text."""

    def __init__(self, text: str, allow_cut: bool) -> None:
        self._text = text
        self._allow_cut = allow_cut
        self._decoded = Decoded([])
        self._around: list[str] = []
        self._end = 0
        """Where the last document ended."""
        self._rest = ""
        """What could not be used of a document that was cut."""

    def read(self) -> Decoded:
        """Read all documents, and see what is left."""
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
        """The string that the whole text is; None if it is none."""
        try:
            value = _SCANNER.decode(self._text)
        except json.JSONDecodeError:
            return None
        return value if type(value) is str else None

    def _next(self, position: int) -> int:
        """Where the next document may begin; -1 if none does."""
        if position == 0 and self._text[:1] in ("{", "["):
            return 0
        found = _BEGINNING.search(self._text, position)
        return found.start() if found else -1

    def _read_at(self, start: int) -> int:
        """Read the document at a place; where it ends, or, if it is none, minus where its reading failed."""
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
        """What is there instead of JSON: a ``repr``, or the beginning of either. The end is -1 if it is neither."""
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
        """Keep the text between the last document and the next."""
        self._around.append(self._text[self._end : end].strip(_SEPARATORS))


def _is_telling(value: Any) -> bool:
    """Whether a document is one wherever it stands: among words, a list of words or numbers is more of them."""
    if type(value) is list:
        return any(type(item) is dict and item for item in value)
    return bool(value)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys may repeat: the last value wins, others that differ stay under ``<key>~1`` and so on."""
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
    """A finite number, or, beyond what a float holds, its digits."""
    number = float(digits)
    return number if number - number == 0 else digits


_SCANNER: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_float, parse_constant=str, strict=False
)


def _loads(text: str) -> Any:
    """The value of a text that ``close`` put together.

    Raises:
        ValueError: it has none.
    """
    try:
        return _SCANNER.decode(text)
    except RecursionError:
        raise RecordError(ErrorType.NESTING_TOO_DEEP, "more levels than the decoder has") from None
