"""The inspect stage: every text once through the detectors, as spans that later stages use.

Text hides in text. A string that holds JSON (a tool call's arguments, a body that a gateway logged as a string) is
decoded and inspected leaf by leaf, since escapes such as ``\\u0040`` hide an address from any pattern; a number can be
a card number; a key of a map can be a name. ``Inspected`` keeps what was found in the shape in which it was found, so
that redaction can put the same shape together again.

A detector may want to know where a text stands (NER reads some fields alone) and what else will come (it reads a
record's texts together). One that has ``in_field``, ``begin`` and ``read_ahead`` is told so.

A text longer than the scan limit is scanned a little beyond it and cut at it: what straddles the cut is found whole,
and what lies behind it does not leave.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol, cast

import orjson

from veilog_filters.detect.finding import ANY, NAME, Detector, DetectorTimeout, Finding
from veilog_parsers.errors import ErrorType, RecordError
from veilog_parsers.event import AuditEvent, Message, Role
from veilog_parsers.times import parse_time

TIMED_OUT: Final = "TIMED_OUT"
"""Entity type of a text whose detection did not finish: it counts as found, whole."""

OVERLAP_CHARS: Final = 256
MAX_SHORT_CHARS: Final = 64
"""Whatever its characters, a text so short is below any scan limit, and never cut."""
MAX_JSON_IN_JSON: Final = 3
_CARD_DIGITS: Final = range(12, 20)
_CARD: Final = "CREDIT_CARD"


@dataclasses.dataclass(slots=True)
class Inspected:
    """One text and what was found in it.

    Attributes:
        text: the text up to the scan limit. Raw; only redaction and classification read it.
        findings: spans of ``text``; empty for a text that is JSON.
        tree: for a text that is JSON, the decoded value with every string, key and suspicious number ``Inspected``.
        truncated_bytes: how much was cut off behind the scan limit.
    """

    text: str
    findings: list[Finding]
    tree: Any = None
    truncated_bytes: int = 0

    def leaves(self) -> Iterator[Inspected]:
        """The texts that were inspected: this one, or those in its tree."""
        if self.tree is None:
            yield self
        else:
            yield from leaves_of(self.tree)


@dataclasses.dataclass(slots=True)
class InspectedObject:
    """A JSON object whose keys were inspected too. Two keys may become one when they are redacted, so: pairs."""

    pairs: list[tuple[Inspected, Any]]


def leaves_of(tree: Any) -> Iterator[Inspected]:
    """The inspected texts of a tree, keys included, in order."""
    if type(tree) is Inspected:
        yield from tree.leaves()
    elif type(tree) is list:
        for item in tree:
            yield from leaves_of(item)
    elif type(tree) is InspectedObject:
        for key, item in tree.pairs:
            yield key
            yield from leaves_of(item)


@dataclasses.dataclass(slots=True)
class Coverage:
    """How completely the detectors saw the texts that were given to them.

    Attributes:
        truncated_bytes: how much was cut off behind the scan limit.
        timed_out_texts: how many texts took too long and so count as found, whole.
    """

    truncated_bytes: int = 0
    timed_out_texts: int = 0


@dataclasses.dataclass(slots=True)
class Inspection:
    """What was found in one event's prompt and response.

    Attributes:
        prompt: texts by message and part.
        response: likewise.
        coverage: how completely the detectors saw the event's texts.
        unverified: candidates, and where their findings belong; empty when the inspection is complete.
    """

    prompt: list[list[Inspected]]
    response: list[list[Inspected]]
    coverage: Coverage = dataclasses.field(default_factory=Coverage)
    unverified: list[tuple[Any, list[Finding]]] = dataclasses.field(default_factory=list)

    def check(self) -> None:
        """Make sure that nobody takes a text for clean that was not read.

        Raises:
            RuntimeError: the inspection is not complete.
        """
        if self.unverified:
            raise RuntimeError("an inspection was not completed")

    def side(self, messages: list[list[Inspected]]) -> list[Inspected]:
        """All texts of one side."""
        self.check()
        texts: list[Inspected] = []
        for parts in messages:
            for part in parts:
                if part.tree is None:
                    texts.append(part)
                else:
                    texts += part.leaves()
        return texts


def counts(texts: list[Inspected]) -> dict[str, int]:
    """How many findings of each entity type there are, by name."""
    found: dict[str, int] = {}
    for text in texts:
        for finding in text.findings:
            found[finding.entity] = found.get(finding.entity, 0) + 1
    return dict(sorted(found.items())) if found else found


class _TwoSteps(Protocol):
    """A detector that can first look at a text and verify later what it has seen: see ``detect.fast``."""

    def look(self, text: str) -> list[Finding] | Any: ...

    def verify(self, candidate: Any) -> list[Finding]: ...


class Inspector:
    """Runs the detector over texts, trees and events.

    Args:
        detector: gives the findings of one text.
        max_text_bytes: scan limit of a text.
        max_depth: deepest nesting of a tree.
    """

    def __init__(self, detector: Detector, max_text_bytes: int, max_depth: int) -> None:
        self.coverage = Coverage()
        self._detect = detector
        self._detect_other: Callable[[str, frozenset[str]], list[Finding]] | None
        self._detect_other = getattr(detector, "other_than", None)
        self._detect_in_field: Callable[[str, str], list[Finding]] | None = getattr(detector, "in_field", None)
        self._begin: Callable[[], None] | None = getattr(detector, "begin", None)
        self._read_ahead: Callable[[list[tuple[str, str]]], None] | None = getattr(detector, "read_ahead", None)
        self._steps: _TwoSteps | None = cast("_TwoSteps", detector) if hasattr(detector, "look") else None
        self._unverified: list[tuple[Any, list[Finding]]] | None = None
        self._max_text_bytes = max_text_bytes
        self._max_depth = max_depth

    def __call__(self, event: AuditEvent) -> Inspection:
        """Inspect every message part of an event. ``coverage`` starts anew and goes on over texts inspected later."""
        inspection = self.look(event)
        self.verify(inspection)
        return inspection

    def look(self, event: AuditEvent) -> Inspection:
        """As when called, but for what takes long: ``verify`` completes it.

        Who has several events looks at all of them first: see ``pipeline``.
        """
        self.coverage = Coverage()
        if self._begin is not None:
            self._begin()
        self._announce(lambda inspector: inspector(event))
        self._unverified = None if self._steps is None else []
        try:
            inspection = self._event(event)
            inspection.unverified = self._unverified or []
        finally:
            self._unverified = None
        return inspection

    def verify(self, inspection: Inspection) -> None:
        """Complete an inspection."""
        if self._steps is None:
            return
        for candidate, findings in inspection.unverified:
            try:
                findings += self._steps.verify(candidate)
            except DetectorTimeout:
                findings.append(self._timed_out(candidate.text, inspection.coverage))
        inspection.unverified = []

    def _announce(self, walk: Callable[[Inspector], object]) -> None:
        """Tell the detector, if it wants to know, which texts a walk over them will ask about."""
        if self._read_ahead is not None:
            gathering = _Gathering()
            walk(Inspector(gathering, self._max_text_bytes, self._max_depth))
            self._read_ahead(gathering.texts)

    def _event(self, event: AuditEvent) -> Inspection:
        return Inspection(
            self._messages(event.prompt_messages, "prompt"),
            self._messages(event.response_messages, "response"),
            self.coverage,
        )

    def resume(self, inspection: Inspection) -> None:
        """Texts inspected from now on are of the same event again."""
        inspection.check()
        self.coverage = inspection.coverage

    def _messages(self, messages: list[Message], side: str) -> list[list[Inspected]]:
        return [
            [
                self._text(part.reveal(), "system" if message.role is Role.SYSTEM and side == "prompt" else side)
                for part in message.parts
            ]
            for message in messages
        ]

    def text(self, text: str, field: str = ANY) -> Inspected:
        """Inspect one text; where it holds JSON, leaf by leaf."""
        self._announce(lambda inspector: inspector.text(text, field))
        return self._text(text, field)

    def _text(self, text: str, field: str, json_levels: int = MAX_JSON_IN_JSON) -> Inspected:
        size = len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
        if size > self._max_text_bytes:
            return self._long_text(text, size, field)
        if json_levels and text.lstrip()[:1] in ("{", "["):
            try:
                decoded = orjson.loads(text)
            except orjson.JSONDecodeError:
                return Inspected(text, self._findings(text, field))
            return Inspected(text, [], self._tree(decoded, field, json_levels=json_levels - 1))
        return Inspected(text, self._findings(text, field))

    def name(self, text: str, expected: frozenset[str]) -> Inspected:
        """Inspect a short text in which some entity types are nothing to be found: a name, an id, a version."""
        if self._detect_other is None or len(text) > MAX_SHORT_CHARS:
            inspected = self._text(text, NAME, json_levels=0)
            inspected.findings = [finding for finding in inspected.findings if finding.entity not in expected]
            return inspected
        try:
            return Inspected(text, self._detect_other(text, expected))
        except DetectorTimeout:
            return Inspected(text, [self._timed_out(text, self.coverage)])

    def _findings(self, text: str, field: str) -> list[Finding]:
        """What is found in a text; while an event is looked at, what will have been found when it is verified."""
        if not text:
            return []
        if self._unverified is None or self._steps is None:
            return self._findings_now(text, field)
        looked = self._steps.look(text)
        if isinstance(looked, list):
            return looked
        findings: list[Finding] = []
        self._unverified.append((looked, findings))
        return findings

    def _findings_now(self, text: str, field: str) -> list[Finding]:
        try:
            return self._detect(text) if self._detect_in_field is None else self._detect_in_field(text, field)
        except DetectorTimeout:
            return [self._timed_out(text, self.coverage)]

    def _timed_out(self, text: str, coverage: Coverage) -> Finding:
        coverage.timed_out_texts += 1
        return Finding(0, len(text), TIMED_OUT, 1.0)

    def _long_text(self, text: str, size: int, field: str) -> Inspected:
        kept = text.encode("utf-8", "replace")[: self._max_text_bytes].decode("utf-8", "ignore")
        cut = len(kept)
        found = self._findings_now(text[: cut + OVERLAP_CHARS], field)
        findings = [f._replace(end=min(f.end, cut)) for f in found if f.start < cut]
        truncated_bytes = size - len(kept.encode("utf-8", "replace"))
        self.coverage.truncated_bytes += truncated_bytes
        return Inspected(kept, findings, truncated_bytes=truncated_bytes)

    def tree(self, value: Any, field: str = ANY) -> Any:
        """A JSON value with its strings, keys and card-like numbers ``Inspected`` and its objects ``InspectedObject``.

        Raises:
            RecordError: it is nested deeper than the limit.
        """
        self._announce(lambda inspector: inspector.tree(value, field))
        return self._tree(value, field)

    def _tree(self, value: Any, field: str, depth: int = 0, json_levels: int = MAX_JSON_IN_JSON) -> Any:
        kind = type(value)
        if kind is str:
            # A time is a time by its grammar; as a text, Presidio would take it for a date.
            return Inspected(value, []) if parse_time(value) else self._text(value, field, json_levels)
        if kind is dict:
            self._check_depth(depth)
            return InspectedObject(
                [
                    (self._text(key, field, 0), self._tree(item, field, depth + 1, json_levels))
                    for key, item in value.items()
                ]
            )
        if kind is list:
            self._check_depth(depth)
            return [self._tree(item, field, depth + 1, json_levels) for item in value]
        if kind is int or kind is float:
            return self._number(value)
        return value

    def _check_depth(self, depth: int) -> None:
        if depth >= self._max_depth:
            raise RecordError(ErrorType.NESTING_TOO_DEEP, f"more than {self._max_depth} levels")

    def _number(self, value: float) -> Any:
        digits = str(int(value)) if float(value).is_integer() else ""
        if len(digits) in _CARD_DIGITS:
            cards = [finding for finding in self._findings_now(digits, NAME) if finding.entity == _CARD]
            if cards:
                return Inspected(digits, cards)
        return value


class _Gathering:
    """A detector that finds nothing and remembers what it was asked about."""

    def __init__(self) -> None:
        self.texts: list[tuple[str, str]] = []

    def __call__(self, text: str) -> list[Finding]:
        return self.in_field(text, ANY)

    def in_field(self, text: str, field: str) -> list[Finding]:
        self.texts.append((text, field))
        return []
