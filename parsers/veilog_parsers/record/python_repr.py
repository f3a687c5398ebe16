"""Decodes what Python's ``repr`` wrote into a log: strings, and lists and objects of them.

Nothing is evaluated. Lists and objects are rewritten as JSON, literal by literal, for the JSON decoder and its limits
(``decoding``).
"""

from __future__ import annotations

import re
from typing import Final

import orjson

_ESCAPE: Final = re.compile(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8})|(.))", re.DOTALL)
_PLAIN_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t"}
_STRING: Final = r"'[^'\\]*+(?:\\.[^'\\]*+)*+(?:'|\\?\Z)|\"[^\"\\]*+(?:\\.[^\"\\]*+)*+(?:\"|\\?\Z)"
"""A string literal, which may be cut off at the end of the text."""
_LITERAL: Final = re.compile(rf"\b[ub](?={_STRING[0]}|\")|{_STRING}|\b(?:True|False|None|nan|inf)\b", re.DOTALL)
_WORDS: Final = {"True": "true", "False": "false", "None": "null", "nan": "NaN", "inf": "Infinity", "u": "", "b": ""}
_TOKEN: Final = re.compile(rf"{_STRING}|[][{{}}()]", re.DOTALL)


def unquote(literal: str) -> str:
    """The text that a Python string literal (its ``repr``) stands for, whole or cut off; "" for ``None``."""
    if literal[:1] not in ("'", '"'):
        return ""
    text = literal[1:-1] if len(literal) > 1 and literal[-1] == literal[0] else literal[1:]
    return _ESCAPE.sub(_character, text) if "\\" in text else text


def repr_to_json(text: str) -> str:
    """Rewrite the ``repr`` of an object or a list as JSON. Values that JSON does not have stay as they are."""
    return _LITERAL.sub(_as_json, text)


def find_end(text: str, start: int) -> int:
    """The position behind the bracket that closes the one at ``start``; -1 if there is none."""
    depth = 0
    for token in _TOKEN.finditer(text, start):
        if token[0] in "[{(":
            depth += 1
        elif token[0] in "]})":
            depth -= 1
            if depth == 0:
                return token.end()
    return -1


def _character(escape: re.Match[str]) -> str:
    code = escape[1] or escape[2] or escape[3]
    if code is None:
        return _PLAIN_ESCAPES.get(escape[4], escape[4])
    number = int(code, 16)
    # Half a surrogate pair is no character, and encoders refuse it.
    return "\ufffd" if number > 0x10FFFF or 0xD800 <= number <= 0xDFFF else chr(number)


def _as_json(literal: re.Match[str]) -> str:
    word = _WORDS.get(literal[0])
    return orjson.dumps(unquote(literal[0])).decode() if word is None else word
