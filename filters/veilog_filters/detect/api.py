"""The contract of detection: texts in, findings out, a batch at a time; and what bounds its time.

    scan = detector.scan(items)       one quick pass over each text: where could something be?
    found = detector.verify(scan)     there, what takes longer; by item its findings, or that its time was used up

A finding says where something is and what it is, never what it says.

Detection cannot be interrupted from outside: it is loops around calls into libraries. So each loop (windows, matches,
candidates, tokens, chunks) calls a ``Deadline`` once a turn. That costs a tenth of a microsecond and bounds the time of
a text to what is allowed plus one call into a library; and those calls that can, take what is left as their timeout.
"""

from __future__ import annotations

import dataclasses
import operator
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from typing import Any, Final, NamedTuple, Protocol

from veilog_filters import clock


class Finding(NamedTuple):
    """A span of a text, in characters, half open, with its entity type and Presidio's confidence (0 to 1)."""

    start: int
    end: int
    entity: str
    score: float


NAME: Final = "name"
"""The field of names, ids and lone numbers, which NER never reads: what it finds is what is expected there."""

ANY: Final = ""
"""The field of a text that comes from nowhere in particular: NER reads it."""

_NO_ENTITIES: Final[frozenset[str]] = frozenset()


class TextItem(NamedTuple):
    """One text to look at.

    Attributes:
        text: the text.
        field: where it stands: ``system``, ``prompt``, ``response``, ``tool_calls``, ``unmapped``, ``metadata``,
            ``NAME`` or ``ANY``.
        key: the keys above a value, written as a line. Patterns read the text behind it, a model without it.
        exclude: entity types that are nothing to be found in this text.
        end: what patterns read behind a text that has a key: it tells a value from a key.
    """

    text: str
    field: str = ANY
    key: str = ""
    exclude: frozenset[str] = _NO_ENTITIES
    end: str = ""


class TimedOut(Enum):
    """What stands for the findings of a text that took too long. The text counts as found, whole."""

    TIMED_OUT = "timed_out"


TIMED_OUT: Final = TimedOut.TIMED_OUT

Found = list[Finding] | TimedOut
"""The findings of a text in the order of their start, at places in ``TextItem.text``; or that it took too long."""


@dataclasses.dataclass(slots=True)
class ModelReadings:
    """What a model made of the texts of a scan.

    Attributes:
        results: by item, one of ``ner.RESULTS``; "" for names, which no model reads.
        read_texts: how many it has read, now or before.
        left_out_texts: how many it has not, since their field or length is not selected.
    """

    results: Sequence[str]
    read_texts: int
    left_out_texts: int


@dataclasses.dataclass(slots=True)
class Scan:
    """What one pass over a batch of texts has shown.

    Attributes:
        items: the texts.
        seen: by item, what the detector that made the scan needs to verify it. Nobody else reads it.
        model: what a model made of the texts; None without one, and before they are verified.
    """

    items: Sequence[TextItem]
    seen: Sequence[Any]
    model: ModelReadings | None = None


class Detector(Protocol):
    """Finds what may not leave. Each scan stands for itself: a detector keeps nothing of one that another depends on.

    What a detector raises, and whatever the ``Check`` that it was given raises, sends the record to quarantine.
    """

    def scan(self, items: Sequence[TextItem]) -> Scan:
        """Pass over each text once. Takes microseconds for a text; what takes longer is for ``verify``."""
        ...

    def verify(self, scan: Scan) -> list[Found]:
        """The findings of each text of a scan, in the order of its items, without the excluded types."""
        ...


Check = Callable[[], float | None]
"""Raises if the record that is worked on must not go on (whatever it raises passes through detection), else returns
the seconds that are left to the record, or None if it has no bound."""


class DetectorTimeout(Exception):  # noqa: N818 - the name says what happened
    """A pattern ran out of its time on a text. The text counts as found, whole."""


class PerText:
    """A detector that is a function of a text.

    Args:
        find: gives the findings of a text, in the order of their start. May raise ``DetectorTimeout``.
    """

    def __init__(self, find: Callable[[str], list[Finding]]) -> None:
        self._find = find

    def scan(self, items: Sequence[TextItem]) -> Scan:
        """Nothing is found out yet."""
        return Scan(items, ())

    def verify(self, scan: Scan) -> list[Found]:
        """The findings of each text."""
        return [self._found(item) for item in scan.items]

    def _found(self, item: TextItem) -> Found:
        try:
            return of_item(item, self._find(read_by_patterns(item)))
        except DetectorTimeout:
            return TIMED_OUT


class Watched:
    """A detector from elsewhere, which knows no ``Check``: it gets one text at a time, and between two it is asked.

    Args:
        detector: the detector.
        check: may stop the record.
    """

    def __init__(self, detector: Detector, check: Check) -> None:
        self._detector = detector
        self._check = check

    def scan(self, items: Sequence[TextItem]) -> Scan:
        """A scan of its own for each text."""
        scans = []
        for item in items:
            self._check()
            scans.append(self._detector.scan([item]))
        return Scan(items, scans)

    def verify(self, scan: Scan) -> list[Found]:
        """The findings of each text."""
        found: list[Found] = []
        for one in scan.seen:
            self._check()
            (findings,) = self._detector.verify(one)
            found.append(findings)
        return found


def detect(detector: Detector, text: str, field: str = ANY, exclude: frozenset[str] = _NO_ENTITIES) -> list[Finding]:
    """The findings of one text, in the order of their start.

    Raises:
        DetectorTimeout: it took too long. Treat the whole text as found.
    """
    (found,) = detector.verify(detector.scan([TextItem(text, field, "", exclude)]))
    if isinstance(found, TimedOut):
        raise DetectorTimeout
    return found


def read_by_patterns(item: TextItem) -> str:
    """What patterns read of an item: its text, behind its key."""
    return f"{item.key}{item.text}{item.end}" if item.key else item.text


def of_item(item: TextItem, findings: list[Finding]) -> list[Finding]:
    """Findings in what patterns read, as findings of the item: in its text, and of no excluded type."""
    if item.key:
        shift, size = len(item.key), len(item.text)
        findings = [
            finding._replace(start=max(finding.start - shift, 0), end=min(finding.end - shift, size))
            for finding in findings
            if finding.end > shift and finding.start < shift + size
        ]
    if item.exclude:
        findings = [finding for finding in findings if finding.entity not in item.exclude]
    return findings


def united(known: list[Finding], further: Iterable[Finding]) -> list[Finding]:
    """Findings of two readings of a text, in order. What both found is there once, as large as either has it.

    Args:
        known: those of the first; it is not changed.
        further: those of the second.
    """
    seen = set(known)
    new = [finding for finding in further if finding not in seen]
    if not new:
        return known
    clusters: dict[str, list[list[int]]] = {}
    whole = sorted(known)
    for index, finding in enumerate(whole):
        of_entity = clusters.setdefault(finding.entity, [])
        if of_entity and finding.start < of_entity[-1][1]:
            of_entity[-1][1] = max(of_entity[-1][1], finding.end)
        else:
            of_entity.append([finding.start, finding.end, index])
    added = []
    for finding in new:
        of_entity = clusters.get(finding.entity, [])
        place = bisect_right(of_entity, finding.start, key=operator.itemgetter(1))
        if place == len(of_entity) or of_entity[place][0] >= finding.end:
            added.append(finding)
            continue
        index = of_entity[place][2]
        one = whole[index]
        whole[index] = one._replace(
            start=min(one.start, finding.start), end=max(one.end, finding.end), score=max(one.score, finding.score)
        )
    return sorted(whole + added)


class Deadline:
    """When to give up a text: when wall time and CPU time are both used up.

    A process that waits for a busy machine has not spent its text's time: when wall time is used up, the unused CPU
    time is what is left.

    Args:
        timeout_secs: how long the text may take.
        check: may stop the record.
    """

    __slots__ = ("_at", "_check", "_processor_at")

    def __init__(self, timeout_secs: float, check: Check | None = None) -> None:
        self._at = clock.secs() + timeout_secs
        self._processor_at = clock.processor_secs() + timeout_secs
        self._check = check

    def __call__(self) -> float:
        """The seconds that are left: more than none.

        Raises:
            DetectorTimeout: none is left. Treat the whole text as found.
        """
        left = self._at - clock.secs()
        if left <= 0:
            left = self._processor_at - clock.processor_secs()
            if left <= 0:
                raise DetectorTimeout
            self._at = clock.secs() + left
        of_record = self._check() if self._check is not None else None
        if of_record is None or of_record >= left:
            return left
        if of_record <= 0:
            raise DetectorTimeout
        return of_record
