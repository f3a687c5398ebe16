"""A detector: Acme's badge numbers, two letters and six digits of which the last one is a check digit."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from veilog_filters.api import Finding, TextDetector

ENTITY: Final = "ACME_BADGE"
_BADGE: Final = re.compile(r"\bAC-(\d{5})(\d)\b")


def find(texts: Sequence[str]) -> list[list[Finding]]:
    """The findings of each text, in the same order."""
    return [list(_badges(text)) for text in texts]


def _badges(text: str) -> Iterator[Finding]:
    for match in _BADGE.finditer(text):
        if sum(map(int, match[1])) % 10 == int(match[2]):
            yield Finding(match.start(), match.end(), ENTITY, 0.9)


DETECTOR: Final = TextDetector(
    name="acme_badge",
    summary="Badge numbers of Acme.",
    entities=frozenset({ENTITY}),
    find=find,
)
