"""What a pattern of our own is: a row of facts that Presidio's interface is given, with proofs.

Patterns are linear: repeats are bounded, none is nested. Presidio matches without case; where case tells a key from a
word, ``(?-i:...)`` restores it.

Examples are put together from pieces, so that a scanner of this repository does not take them for leaked keys.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Final

Check = Callable[[str], bool | None]
"""Of a match: whether it is what it looks like. None: nobody can tell, so the pattern's score stands."""


@dataclasses.dataclass(frozen=True, slots=True)
class PatternDetector:
    """One detector.

    Attributes:
        name: its name in snake_case.
        entity: entity type of its findings.
        pattern: in the syntax of the ``regex`` module.
        score: confidence of a match.
        examples: texts in which it finds something.
        counterexamples: texts in which it finds nothing.
        check: looks at each match; None if the pattern says it all.
    """

    name: str
    entity: str
    pattern: str
    score: float
    examples: tuple[str, ...]
    counterexamples: tuple[str, ...]
    check: Check | None = dataclasses.field(default=None, repr=False)


EDGE: Final = "(?<![A-Za-z0-9])"
"""A key begins where no letter or digit is before it, so behind an underscore too, where ``\\b`` sees no edge."""
NO_WORD: Final = "(?=[a-z_-]{0,60}[A-Z0-9])"
"""Names and words have small letters alone."""
NUMBERED: Final = "(?=[A-Za-z_-]{0,60}[0-9])"
HEX: Final = "0123456789abcdef"
MIXED: Final = "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7cF0xR"
