"""NFKC in linear time, whatever the text.

Theory of operation. Normalization sorts each run of combining marks by their classes, and Python sorts by insertion: a
run of n marks takes n² steps, in one call that nothing interrupts. No language writes more than a few marks on a
letter, so Unicode's Stream-Safe Text Format (UAX 15) puts U+034F, which is invisible and which no normalization
crosses, between the marks of a run longer than ``MAX_MARKS``. That is done here first. A text without such a run gives
what NFKC gives.

A mark is here what becomes nothing but marks: U+0F73 is a letter by its class, and two marks when it is taken apart.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from typing import Final

MAX_MARKS: Final = 30
"""So many marks in a row are left alone; as in UAX 15."""
_JOINER: Final = "\u034f"
_MARK, _OTHER = ord("m"), ord("-")
_CANDIDATES: Final = re.compile(rf"(?<![\u0300-\U0010ffff])[\u0300-\U0010ffff]{{{MAX_MARKS + 1}}}")
"""No mark comes before U+0300: most texts in Latin letters are told by this alone."""
_TOO_LONG: Final = chr(_MARK) * (MAX_MARKS + 1)


class _Kinds(dict[int, int]):
    """Character to whether it is a mark, for ``str.translate``; learns each when it first comes."""

    def __missing__(self, code: int) -> int:
        self[code] = kind = _MARK if _is_mark(chr(code)) else _OTHER
        return kind


def _is_mark(character: str) -> bool:
    return all(map(unicodedata.combining, unicodedata.normalize("NFKD", character)))


_KINDS: Final = _Kinds()


def nfkc(text: str) -> str:
    """A text in NFKC, with its longest runs of marks broken. Linear in the text."""
    if not text.isascii() and _CANDIDATES.search(text):
        text = _stream_safe(text)
    return unicodedata.normalize("NFKC", text)


def _stream_safe(text: str) -> str:
    """A text with no run of more than ``MAX_MARKS`` marks."""
    kinds = text.translate(_KINDS)
    start = kinds.find(_TOO_LONG)
    if start < 0:
        return text
    bounds = [0]
    while start >= 0:
        bounds.append(start + MAX_MARKS)
        start = kinds.find(_TOO_LONG, start + MAX_MARKS)
    bounds.append(len(text))
    return _JOINER.join([text[first:last] for first, last in itertools.pairwise(bounds)])
