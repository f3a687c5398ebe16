"""Encoders of plugins behind the fence: what they write is made of what may leave anyway.

The gate comes first: a plugin is given a native event, in which every value is what may leave in its field. What it
gives back is checked again and copied. Numbers, booleans and null are as they are. A string, or a key, must be one of

* a string of the event,
* one of the encoder's constants,
* words of these, put together with spaces and punctuation of ASCII (``chat with gpt-4o``, ``host/path``).

So an encoder cannot write what it was not given, wherever it may have it from.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from veilog_filters.contracts import Encoder
from veilog_filters.fence import BadResultError, Fence, Plugin
from veilog_parsers.errors import ErrorType

KIND: Final = "encoder"
MAX_DEPTH: Final = 64
MAX_VALUES: Final = 100_000
"""Most values in all records of an event, keys not counted."""
MAX_MADE_CHARS: Final = 8_192
"""Longest string that is put together of others."""
MAX_INTEGER: Final = 2**63
"""No writer of JSON here takes larger numbers."""
_WORD: Final = re.compile(r"[^\x20-/:-@\[-`{-~]+")
"""What no space and no punctuation of ASCII parts. (Controls and all else belong to words.)"""


def fenced(encoder: Encoder, fence: Fence) -> Callable[[dict[str, Any]], list[dict[str, Any]]]:
    """A plugin's encoder behind the fence: makes of an event that came through the gate its records."""
    plugin = Plugin(KIND, encoder.name, ErrorType.ENCODING_FAILED)
    constants = encoder.constants
    constant_words = frozenset(word for constant in constants for word in _WORD.findall(constant))

    def write(event: dict[str, Any]) -> list[dict[str, Any]]:
        known = _Known(constants.union(map(str, _strings(event))), constant_words)
        records = [fence.call(plugin, known.copied, encoder.encode, _plain(event))]
        if encoder.further is not None:
            records += fence.call(plugin, known.copied_list, encoder.further, _plain(event))
        return records

    return write


def _strings(value: Any) -> Iterator[str]:
    """All keys and strings in an event."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
    elif isinstance(value, str):
        yield value


def _plain(value: Any) -> Any:
    """A copy of an event in plain types: what it holds has been checked, and a plugin need not know of ours."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, str) else value


class _Known:
    """Checks and copies what an encoder made of one event.

    Args:
        strings: what it may write as it is.
        constant_words: the words of its constants.
    """

    def __init__(self, strings: frozenset[str], constant_words: frozenset[str]) -> None:
        self._strings = strings
        self._constant_words = constant_words
        self._words: frozenset[str] | None = None
        self._left = MAX_VALUES

    def copied(self, value: Any) -> dict[str, Any]:
        """A copy.

        Raises:
            BadResultError: there is something in it that may not leave.
        """
        if type(value) is not dict or not value:
            raise BadResultError
        copy: dict[str, Any] = self._copied(value, 0)
        return copy

    def copied_list(self, value: Any) -> list[dict[str, Any]]:
        """Copies of the objects in a list.

        Raises:
            BadResultError: as ``copied``, or it is no list.
        """
        if type(value) is not list:
            raise BadResultError
        return [self.copied(item) for item in value]

    def _copied(self, value: Any, depth: int) -> Any:
        self._left -= 1
        if self._left < 0 or depth > MAX_DEPTH:
            raise BadResultError
        kind = type(value)
        if kind is str:
            return self._string(value)
        if kind is dict:
            return {self._string(key): self._copied(item, depth + 1) for key, item in value.items()}
        if kind is list or kind is tuple:
            return [self._copied(item, depth + 1) for item in value]
        if value is None or kind is bool:
            return value
        if (kind is int or kind is float) and -MAX_INTEGER <= value < MAX_INTEGER:
            return value
        raise BadResultError

    def _string(self, text: Any) -> str:
        if type(text) is not str:
            raise BadResultError
        if text in self._strings:
            return text
        if len(text) > MAX_MADE_CHARS:
            raise BadResultError
        if self._words is None:
            given = (word for string in self._strings for word in _WORD.findall(string))
            self._words = self._constant_words.union(given)
        if not self._words.issuperset(_WORD.findall(text)):
            raise BadResultError
        return text
