"""Texts through collection and detection, as the pipeline takes them, for tests of what is found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from veilog_filters.detect.api import ANY, Detector, Finding, PerText
from veilog_filters.likeness import Likeness
from veilog_filters.texts import Coverage, Inspected, InspectedNumber, InspectedObject, TextLimits, Texts
from veilog_parsers.event import Message

NO_LIKENESS = Likeness(frozenset())


class Reader:
    """Reads single texts, names, trees and messages, each as a record of its own.

    Args:
        detector: a detector, or a function that gives the findings of a text.
        max_text_bytes: scan limit of a text.
        max_depth: deepest nesting of a tree.
        check: is called for every text, number and key.

    Attributes:
        coverage: how completely the last one was seen.
    """

    def __init__(
        self,
        detector: Detector | Callable[[str], list[Finding]],
        max_text_bytes: int = 262_144,
        max_depth: int = 16,
        check: Callable[[], object] = lambda: None,
    ) -> None:
        self.detector: Detector = PerText(detector) if callable(detector) else detector
        self.limits = TextLimits(max_text_bytes, max_depth, check)
        self.coverage = Coverage()

    def text(self, text: str, field: str = ANY) -> Inspected:
        texts = Texts(self.limits)
        inspected = texts.text(text, field)
        self.assemble(texts)
        return inspected

    def name(self, text: str, likeness: Likeness = NO_LIKENESS) -> Inspected:
        texts = Texts(self.limits)
        inspected = texts.name(text, likeness)
        self.assemble(texts)
        return inspected

    def tree(self, value: Any, field: str = ANY) -> Any:
        """The tree, with those numbers as texts in which something is found."""
        texts = Texts(self.limits)
        tree = texts.tree(value, field)
        self.assemble(texts)
        return _resolved(tree)

    def messages(self, messages: list[Message], side: str = "prompt") -> list[list[Inspected]]:
        texts = Texts(self.limits)
        inspected = texts.messages(messages, side)
        self.assemble(texts)
        return inspected

    def assemble(self, texts: Texts) -> None:
        texts.assemble(self.detector.verify(self.detector.scan(texts.items)))
        self.coverage = texts.coverage


def _resolved(tree: Any) -> Any:
    if type(tree) is InspectedNumber:
        return tree.digits if tree.digits.findings else tree.value
    if type(tree) is list:
        return [_resolved(item) for item in tree]
    if type(tree) is InspectedObject:
        return InspectedObject([(key, _resolved(item)) for key, item in tree.pairs])
    return tree
