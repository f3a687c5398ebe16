"""Texts of events as a reader can see them: nothing hidden, nothing that changes what stands around it."""

from __future__ import annotations

import re
from typing import Final

_PLAIN: Final = re.compile(r"[ -~]*")


def printable(text: str) -> str:
    """A text with every character that is not printed (controls, marks of direction, joiners) as an escape."""
    if _PLAIN.fullmatch(text) or text.isprintable():
        return text
    return "".join(character if character.isprintable() else _escape(character) for character in text)


def _escape(character: str) -> str:
    number = ord(character)
    return f"\\u{number:04x}" if number < 0x1_0000 else f"\\U{number:08x}"
