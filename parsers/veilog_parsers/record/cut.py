"""JSON texts that a log cut off: closes them, so that they can be decoded.

API Management logs at most 8 KB of a body, other gateways have other limits. The beginning of the conversation is
there, and its last message up to the cut. ``close`` ends a string that was cut and closes all brackets. A key or a
number that may not be complete is left out, and returned as the rest.

A text is read once, token by token, and no pattern can match the same text in two ways.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import orjson

_TOKEN: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(")?|[][{}:,]|[^][{}:,"\s]+', re.DOTALL)
_BEGUN: Final = re.compile(r"-?[0-9.eE+-]*|tr?u?e?|fa?l?s?e?|nu?l?l?", re.ASCII)
_MAX_TOKENS: Final = 200_000
_MAX_ESCAPES: Final = 2
"""A cut may leave an incomplete escape, and before it the escape of half a surrogate pair."""
_CLOSING: Final = {"{": "}", "[": "]"}
_BRACKETS: Final = frozenset("{}[]")
_SEPARATORS: Final = frozenset(":,")


class Closed(NamedTuple):
    """A JSON text that was cut off, decoded.

    Attributes:
        value: the object or array that it is the beginning of.
        rest: the text behind the last value that could be used.
    """

    value: Any
    rest: str


def close(text: str, loads: Callable[[str], Any] = orjson.loads) -> Closed | None:
    """Decode the JSON object or array that a text is the beginning of; None if it is complete, or no such beginning.

    Args:
        text: begins where the object or array begins.
        loads: decodes the text that was closed, or raises ``ValueError``.
    """
    brackets: list[str] = []
    # Where the last complete value ended, and whether the next string or scalar is a value (and no key).
    end, is_value = 0, False
    for count, match in enumerate(_TOKEN.finditer(text)):
        piece = match[0]
        if count > _MAX_TOKENS:
            return None
        if piece in _SEPARATORS:
            is_value = piece == ":" or brackets[-1:] == ["]"]
        elif piece in _BRACKETS:
            if not _follow(brackets, piece):
                return None
            end, is_value = match.end(), piece == "["
        elif match[1] is None if piece[0] == '"' else match.end() == len(text):
            return _close_token(text, match, end, is_value, brackets, loads)
        elif is_value:
            end, is_value = match.end(), False
        elif piece[0] != '"':
            return None
    return _loaded(text[:end], "", brackets, loads, text[end:]) if brackets else None


def _follow(brackets: list[str], piece: str) -> bool:
    """Open or close a bracket; False if it closes the wrong one, or the whole document."""
    if piece in _CLOSING:
        brackets.append(_CLOSING[piece])
        return True
    return bool(brackets) and brackets.pop() == piece and bool(brackets)


def _close_token(
    text: str, match: re.Match[str], end: int, is_value: bool, brackets: list[str], loads: Callable[[str], Any]
) -> Closed | None:
    """Close a text at its last token, which was cut off or may have been."""
    piece = match[0]
    if is_value and piece[0] == '"':
        return _loaded(text[: match.start()], piece, brackets, loads, "")
    if piece[0] == '"' or (is_value and _BEGUN.fullmatch(piece)):
        return _loaded(text[:end], "", brackets, loads, text[end:])
    return None


def _loaded(before: str, string: str, brackets: list[str], loads: Callable[[str], Any], rest: str) -> Closed | None:
    """Decode the complete values before the cut, with the string that was cut, if there is one."""
    closing = "".join(reversed(brackets))
    for _ in itertools.repeat(None, _MAX_ESCAPES + 1):
        try:
            return Closed(loads(f'{before}{string}"{closing}' if string else before + closing), rest)
        except ValueError:
            string = string[: max(string.rfind("\\"), 1)] if string else ""
    return None
