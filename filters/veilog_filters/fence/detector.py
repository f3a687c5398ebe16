"""Detectors of plugins behind the fence, united with what the built-in one finds.

What a plugin finds is checked against the texts it was given: as many lists as texts, spans that are inside of their
text, entity types that it has named before any record came, scores from 0 to 1. An entity type becomes a key of events
and a label of metrics, so it must not come from a text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from veilog_filters.contracts import TextDetector
from veilog_filters.detect.api import Finding
from veilog_filters.fence import BadResultError, Fence, Plugin, silent
from veilog_parsers.errors import ErrorType

KIND: Final = "detector"


class FencedDetector:
    """One plugin's detector.

    Args:
        detector: the plugin's.
        fence: calls it.
        threshold: least score of a finding, 0 to 1.
        entities: entity types to look for; none means all.
    """

    def __init__(self, detector: TextDetector, fence: Fence, threshold: float, entities: Sequence[str]) -> None:
        self._detector = detector
        self._fence = fence
        self._plugin = Plugin(KIND, detector.name, ErrorType.DETECTOR_FAILED)
        self._threshold = threshold
        self._wanted = detector.entities.intersection(entities) if entities else detector.entities
        self.entities = detector.entities

    def prepare(self) -> None:
        """Let it load what it needs. Raises whatever it raises: no record has come yet."""
        if self._detector.prepare is not None:
            with silent():
                self._detector.prepare()

    def find(self, texts: Sequence[str]) -> list[list[Finding]]:
        """The findings of each text, in order.

        Raises:
            RecordError: the plugin failed.
        """
        if not self._wanted:
            return [[] for _ in texts]
        return self._fence.call(
            self._plugin, lambda found: self._checked(found, texts), self._detector.find, tuple(texts)
        )

    def _checked(self, found: Any, texts: Sequence[str]) -> list[list[Finding]]:
        if type(found) not in (list, tuple) or len(found) != len(texts):
            raise BadResultError
        return [self._of_text(findings, len(text)) for findings, text in zip(found, texts, strict=True)]

    def _of_text(self, findings: Any, chars: int) -> list[Finding]:
        if type(findings) not in (list, tuple):
            raise BadResultError
        checked = [self._finding(finding, chars) for finding in findings]
        return sorted(f for f in checked if f.score >= self._threshold and f.entity in self._wanted)

    def _finding(self, finding: Any, chars: int) -> Finding:
        if type(finding) is not Finding:
            raise BadResultError
        start, end, entity, score = finding
        if type(start) is not int or type(end) is not int or not 0 <= start < end <= chars:
            raise BadResultError
        if type(entity) is not str or entity not in self.entities:
            raise BadResultError
        if type(score) not in (int, float) or not 0 <= score <= 1:
            raise BadResultError
        return Finding(start, end, entity, float(score))
