"""Findings of texts that were seen before.

AI traffic repeats itself: the system prompt and all earlier turns come again with every request. The cache holds
spans only, under a digest of the text with a key that exists in this process alone: neither a text nor anything that
could confirm a guess of one can be read out of it.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections import OrderedDict
from typing import Final, Protocol

from veilog_filters.detect.api import Detector, Finding
from veilog_filters.metrics import Counts

_ENTRY_BYTES: Final = sys.getsizeof(b"") + 16 + 200  # digest, tuple, place in the dictionary
_FINDING_BYTES: Final = sys.getsizeof(Finding(0, 0, "", 0.0)) + 3 * 28  # its numbers; entity names are shared


class CachingDetector(Detector, Protocol):
    """A detector that remembers.

    Attributes:
        cache: findings of texts that were seen before.
    """

    cache: FindingsCache

    def prepare(self) -> None:
        """Import and build now what would be built for the first text that needs it."""
        ...


class FindingsCache:
    """The most recently used findings, bounded in number and in bytes.

    Args:
        max_entries: texts to remember; 0 for none.
        max_bytes: memory to use, estimated.

    Attributes:
        hits: how often a text was known.
        misses: how often it was not.
    """

    def __init__(self, max_entries: int, max_bytes: int) -> None:
        self.hits = 0
        self.misses = 0
        self._counted = (0, 0)
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._bytes = 0
        self._key = os.urandom(32)
        self._entries: OrderedDict[bytes, tuple[Finding, ...]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def key(self, text: str) -> bytes:
        """The digest of a text."""
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16, key=self._key).digest()

    def get(self, key: bytes) -> list[Finding] | None:
        """The findings of a text; None if it is not known."""
        found = self._entries.get(key)
        if found is None:
            self.misses += 1
            return None
        self._entries.move_to_end(key)
        self.hits += 1
        return list(found)

    def get_again(self, key: bytes) -> list[Finding] | None:
        """As ``get``, for a text that was looked up a moment ago: it counts as looked up once."""
        if key not in self._entries:
            return None
        self.misses -= 1
        return self.get(key)

    def count_into(self, counts: Counts) -> None:
        """Add what was looked up since the last call."""
        hits, misses = self._counted
        counts.cache_hits += self.hits - hits
        counts.cache_misses += self.misses - misses
        self._counted = (self.hits, self.misses)

    def clear(self) -> None:
        """Forget all findings."""
        self._entries.clear()
        self._bytes = 0

    def put(self, key: bytes, findings: list[Finding]) -> None:
        """Remember the findings of a text. What takes more than a quarter of all room is not worth it."""
        size = _size(findings)
        if not self._max_entries or size > self._max_bytes // 4:
            return
        previous = self._entries.pop(key, None)
        if previous is not None:
            self._bytes -= _size(previous)
        self._entries[key] = tuple(findings)
        self._bytes += size
        while len(self._entries) > self._max_entries or self._bytes > self._max_bytes:
            self._bytes -= _size(self._entries.popitem(last=False)[1])


def _size(findings: list[Finding] | tuple[Finding, ...]) -> int:
    return _ENTRY_BYTES + len(findings) * _FINDING_BYTES
