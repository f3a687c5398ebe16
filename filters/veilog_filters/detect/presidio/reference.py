"""Presidio's engine behind the cache, for platforms without Hyperscan. Presidio is imported when a detector is made."""

from __future__ import annotations

from veilog_filters.config import Detect
from veilog_filters.detect.api import Check, Finding
from veilog_filters.detect.cache import FindingsCache


class ReferenceDetector:
    """Presidio's engine as it is, behind the cache."""

    def __init__(self, options: Detect, check: Check | None = None) -> None:
        from veilog_filters.detect.presidio.engine import PresidioDetector

        self._detect = PresidioDetector(options, check)
        self.names = self._detect.names
        self.cache = FindingsCache(options.cache_entries, options.cache_bytes)

    def __call__(self, text: str) -> list[Finding]:
        """The findings of a text, in the order of their start.

        Raises:
            DetectorTimeout: it took too long. Treat the whole text as found.
        """
        key = self.cache.key(text)
        found = self.cache.get(key)
        if found is None:
            found = self._detect(text)
            self.cache.put(key, found)
        return found

    def prepare(self) -> None:
        """Nothing is left to do."""
