"""What a detector of the pack is, and what several of them have in common: how a name is written."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Final, NamedTuple

from veilog_filters.detect.core import CORE


class Form(NamedTuple):
    """One way to write something.

    Attributes:
        name: its name in snake_case.
        pattern: in the syntax of the ``regex`` module, compared without case where it does not say otherwise.
        score: confidence of a match.
    """

    name: str
    pattern: str
    score: float


@dataclasses.dataclass(frozen=True, slots=True)
class PersonalDetector:
    """One detector of the pack.

    Attributes:
        name: its name in snake_case.
        option: the option of ``detect.personal`` that turns it on and off.
        entity: entity type of its findings.
        forms: the patterns.
        examples: texts, each with what is found in it.
        counterexamples: texts in which it finds nothing.
        is_valid: whether a match is what it looks like; None if every match is.
        context: words near a match that raise its score, as Presidio does.
    """

    name: str
    option: str
    entity: str
    forms: tuple[Form, ...]
    examples: tuple[tuple[str, str], ...]
    counterexamples: tuple[str, ...]
    is_valid: Callable[[str], bool] | None = None
    context: tuple[str, ...] = ()


CAPITAL: Final = r"(?-i:[^\W\d_a-z])"
"""A capital letter, or any letter beyond ASCII: the check tells them apart."""

WORD: Final = rf"{CAPITAL}[\w'-]{{1,20}}\b"
"""A word with a capital letter."""

FIRST_WORD: Final = rf"{CAPITAL}[\w'-]{CORE}[\w'-]{{0,19}}\b"
"""The same behind a phrase that is rare enough: with its first two letters the prefilter has seen enough."""

PARTICLES: Final = (
    r"(?:(?:de|del|della|der|den|di|da|do|dos|du|la|le|las|los|van|von|zu|zum|zur|ten|ter|bin|ibn|al|el|y) )"
)
"""Small words inside names of people, streets and places."""


def any_of(*words: str) -> str:
    """An expression for any of some words."""
    return f"(?:{'|'.join(words)})"


def words(text: str) -> str:
    """An expression for any of the words of a text."""
    return any_of(*text.split())


def behind(*phrases: str) -> str:
    """A look-behind for any of some phrases, which must not begin inside a word."""
    return rf"(?<=(?<!\w){any_of(*phrases)})"
