"""One thing a detector found: where it is and what it is, never what it says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple


class Finding(NamedTuple):
    """A span of a text, in characters, half open, with its entity type and Presidio's confidence (0 to 1)."""

    start: int
    end: int
    entity: str
    score: float


NAME: Final = "name"
"""The field of names, ids and lone numbers, which NER never reads: what it finds is what is expected there."""

ANY: Final = ""
"""The field of a text that comes from nowhere in particular: NER reads it."""

Detector = Callable[[str], list[Finding]]
"""What the inspect stage calls: a text in, its findings out."""


class DetectorTimeout(Exception):  # noqa: N818 - the name says what happened
    """A pattern ran out of its time on a text. The text counts as found, whole."""
