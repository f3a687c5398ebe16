"""Bodies that their log cut off: what is there of a JSON text, closed so that it can be read.

API Management logs at most 8 KB of a body, others cut at limits of their own: the beginning of a conversation is there,
and its last message up to the cut. Such a text is closed where it ends: a string that had begun is ended, and all
brackets are closed. A name or number that may not be whole is no part of the value, and given back as the rest.

The text is gone through once, token by token, and no pattern can match the same text in two ways.
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
"""A cut may leave half an escape, and before it half a pair of surrogates."""
_CLOSING: Final = {"{": "}", "[": "]"}


class Closed(NamedTuple):
    """What a text that was cut is the beginning of.

    Attributes:
        value: the object or array.
        rest: the text behind what could be used.
    """

    value: Any
    rest: str


def close(text: str, loads: Callable[[str], Any] = orjson.loads) -> Closed | None:
    """The JSON object or array that a text is the beginning of; None if it is whole, or the beginning of none.

    Args:
        text: begins where the object or array does.
        loads: decodes the text that was closed, or raises ``ValueError``.
    """
    brackets: list[str] = []
    # Where the last whole value ended, and whether a string or scalar that comes now is a value, not a name.
    end, is_value = 0, False
    for count, match in enumerate(_TOKEN.finditer(text)):
        piece = match[0]
        if piece in _CLOSING:
            brackets.append(_CLOSING[piece])
            is_value = piece == "["
        elif piece in ("}", "]"):
            if not brackets or brackets.pop() != piece or not brackets:
                return None
            is_value = False
        elif piece in (":", ","):
            is_value = piece == ":" or brackets[-1:] == ["]"]
            continue
        elif not is_value:
            if piece[0] != '"':
                return None
            if match[1] is None:
                break
            continue
        elif piece[0] == '"' and match[1] is None:
            return _loaded(text[: match.start()], piece, brackets, loads, "")
        elif piece[0] != '"' and match.end() == len(text):
            return _loaded(text[:end], "", brackets, loads, text[end:]) if _BEGUN.fullmatch(piece) else None
        else:
            is_value = False
        if count > _MAX_TOKENS:
            return None
        end = match.end()
    return _loaded(text[:end], "", brackets, loads, text[end:]) if brackets else None


def _loaded(before: str, string: str, brackets: list[str], loads: Callable[[str], Any], rest: str) -> Closed | None:
    """The whole values before the cut, and the string that was cut, if it was one."""
    closing = "".join(reversed(brackets))
    for _ in itertools.repeat(None, _MAX_ESCAPES + 1):
        try:
            return Closed(loads(f'{before}{string}"{closing}' if string else before + closing), rest)
        except ValueError:
            string = string[: max(string.rfind("\\"), 1)] if string else ""
    return None
