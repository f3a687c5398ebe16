"""Presidio's engine behind the cache, where no fast path does its work. Making a detector imports Presidio."""

from __future__ import annotations

from collections.abc import Sequence

from veilog_filters.config import Detect
from veilog_filters.detect.api import (
    TIMED_OUT,
    Check,
    DetectorTimeout,
    Found,
    Scan,
    TextItem,
    of_item,
    read_by_patterns,
)
from veilog_filters.detect.cache import FindingsCache
from veilog_filters.metrics import Counts


class ReferenceDetector:
    """Presidio's engine as it is, behind the cache."""

    def __init__(self, options: Detect, check: Check | None = None) -> None:
        from veilog_filters.detect.compat import probes
        from veilog_filters.detect.presidio.engine import PresidioDetector

        self._detect = PresidioDetector(options, check)
        probes.expect_engine(self._detect)
        self.names = self._detect.names
        self.cache = FindingsCache(options.cache_entries, options.cache_bytes)

    def scan(self, items: Sequence[TextItem]) -> Scan:
        """Nothing is found out yet."""
        return Scan(items, ())

    def verify(self, scan: Scan) -> list[Found]:
        """The findings of each text."""
        return [self._found(item) for item in scan.items]

    def _found(self, item: TextItem) -> Found:
        text = read_by_patterns(item)
        key = self.cache.key(text)
        found = self.cache.get(key)
        if found is None:
            try:
                found = self._detect(text)
            except DetectorTimeout:
                return TIMED_OUT
            self.cache.put(key, found)
        return of_item(item, found)

    def count_into(self, counts: Counts) -> None:
        """Add what was counted since the last call."""
        self.cache.count_into(counts)

    def prepare(self) -> None:
        """Nothing is left to do."""
