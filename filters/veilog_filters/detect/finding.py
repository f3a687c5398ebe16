"""One thing a detector found: where it is and what it is, never what it says."""

from __future__ import annotations

from typing import NamedTuple


class Finding(NamedTuple):
    """A span of a text, in characters, half open, with its entity type and Presidio's confidence (0 to 1)."""

    start: int
    end: int
    entity: str
    score: float
