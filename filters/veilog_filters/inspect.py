"""The inspect stage: every text once through the detectors, as spans that later stages use.

Theory of operation. A text is read as it is, which gives Presidio's own findings, and, if something may stand in it
that is written in another way, in other forms too (``forms.view``):

* JSON, also in strings of JSON, as lines of keys and values (``forms.unfold``);
* escapes, compatibility forms, unseen characters and base64 undone (``forms.unmask``);
* the ends of a message's parts put together, with and without a blank, since a value may be split over them.

What is found in another form is found in the text, at the place that it comes from. Findings of one entity type that
overlap are one value, so they become one finding: ``united``. A text that is plain has its findings from one reading.

A value that was decoded before it came here (``unmapped``, metadata) stands in a tree. Each leaf, numbers included, is
read behind the keys above it, as a line of unfolded JSON is; what is found counts as far as it is in the leaf.
``InspectedObject`` keeps what was found in the shape in which it was found, so that redaction can put the same shape
together again.

A detector may want to know where a text stands (NER reads some fields alone) and what else will come (it reads a
record's texts together). One that has ``in_field``, ``begin`` and ``read_ahead`` is told so. A model reads a leaf
without its keys, and no parts put together: those are for patterns.

A text longer than the scan limit is scanned a little beyond it, up to white space, and cut at it: what straddles the
cut is found whole, and what lies behind it does not leave.
"""

from __future__ import annotations

import dataclasses
import itertools
import operator
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple, Protocol, cast

from veilog_filters.detect.api import ANY, NAME, Detector, DetectorTimeout, Finding
from veilog_filters.forms.unfold import CONTEXT_KEYS, END_OF_VALUE, Keys, context_of, looks_like_json, unfolded
from veilog_filters.forms.unmask import unmasked
from veilog_filters.forms.view import Maker, View
from veilog_parsers.errors import ErrorType, RecordError
from veilog_parsers.event import AuditEvent, Message, Role
from veilog_parsers.record.times import parse_time

TIMED_OUT: Final = "TIMED_OUT"
"""Entity type of a text whose detection did not finish: it counts as found, whole."""

OVERLAP_CHARS: Final = 256
"""How far beyond the scan limit a text is scanned, at least."""
MAX_WORD_CHARS: Final = 8192
"""How far beyond that the end of a word is sought: the longest secrets that patterns know."""
EDGE_CHARS: Final = 256
"""How much of each end of a message's part is put together with that of its neighbour."""
MAX_JOINED_CHARS: Final = 65_536
MAX_SHORT_CHARS: Final = 64
"""Whatever its characters, a text so short is below any scan limit, and never cut."""
_DIGIT_OR_AT: Final = re.compile(r"[\d@]|%40")
_NO_SPACE: Final = re.compile(r"\S+")
_GLUES: Final = ("", " ")
_LARGEST_WHOLE: Final = 1e21
_URL: Final = "URL"
_MADE_OF_WORDS: Final = frozenset((_URL, "EMAIL_ADDRESS"))
_SCHEMES: Final = ("http", "www.")
_PHONE: Final = "PHONE_NUMBER"
_SURE: Final = 0.5
_TIME: Final = re.compile(r"1[0-9]{9}(?:[0-9]{3}|[0-9]{6}|[0-9]{9})?(?:\.[0-9]*)?")
_BETWEEN: Final = "\n;\n"


@dataclasses.dataclass(slots=True)
class Inspected:
    """One text and what was found in it.

    Attributes:
        text: the text up to the scan limit. Raw; only redaction and classification read it.
        findings: spans of ``text``, in order.
        truncated_bytes: how much was cut off behind the scan limit.
        continued: spans that belong to findings of an earlier part of the message: to redact, not to count.
        forms: the text in its other forms, for who looks for words in it.
    """

    text: str
    findings: list[Finding]
    truncated_bytes: int = 0
    continued: Sequence[Finding] = ()
    forms: Sequence[str] = ()

    def readings(self) -> Iterator[Inspected]:
        """This text, and its other forms as texts in which nothing more was found."""
        yield self
        for form in self.forms:
            yield Inspected(form, [])


@dataclasses.dataclass(slots=True)
class InspectedObject:
    """A JSON object whose keys were inspected too. Two keys may become one when they are redacted, so: pairs."""

    pairs: list[tuple[Inspected, Any]]


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
        unfinished: what is to be done with findings when all are there.
    """

    prompt: list[list[Inspected]]
    response: list[list[Inspected]]
    coverage: Coverage = dataclasses.field(default_factory=Coverage)
    unverified: list[tuple[Any, list[Finding]]] = dataclasses.field(default_factory=list)
    unfinished: list[Callable[[], None]] = dataclasses.field(default_factory=list)

    def check(self) -> None:
        """Make sure that nobody takes a text for clean that was not read.

        Raises:
            RuntimeError: the inspection is not complete.
        """
        if self.unverified or self.unfinished:
            raise RuntimeError("an inspection was not completed")

    def side(self, messages: list[list[Inspected]]) -> list[Inspected]:
        """All texts of one side."""
        self.check()
        texts: list[Inspected] = []
        for parts in messages:
            for part in parts:
                if part.forms:
                    texts += part.readings()
                else:
                    texts.append(part)
        return texts


def counts(texts: list[Inspected]) -> dict[str, int]:
    """How many findings of each entity type there are, by name."""
    found: dict[str, int] = {}
    for text in texts:
        for finding in text.findings:
            found[finding.entity] = found.get(finding.entity, 0) + 1
    return dict(sorted(found.items())) if found else found


class _TwoSteps(Protocol):
    """A detector that can first look at a text and verify later what it has seen: see ``detect.prefiltered``."""

    def look(self, text: str) -> list[Finding] | Any: ...

    def verify(self, candidate: Any) -> list[Finding]: ...


class Inspector:
    """Runs the detector over texts, trees and events.

    Args:
        detector: gives the findings of one text.
        max_text_bytes: scan limit of a text.
        max_depth: deepest nesting of a tree.
        check: is called for every text, number and key, and may raise: a time budget.

    Attributes:
        coverage: how completely the detectors saw the texts of this event.
        check: as given; may be replaced at any time.
    """

    def __init__(
        self, detector: Detector, max_text_bytes: int, max_depth: int, check: Callable[[], object] = lambda: None
    ) -> None:
        self.coverage = Coverage()
        self.check = check
        self._detect = detector
        self._detect_other: Callable[[str, frozenset[str]], list[Finding]] | None
        self._detect_other = getattr(detector, "other_than", None)
        self._detect_in_field: Callable[[str, str], list[Finding]] | None = getattr(detector, "in_field", None)
        self._reads_fields = self._detect_in_field is not None
        self._begin: Callable[[], None] | None = getattr(detector, "begin", None)
        self._read_ahead: Callable[[list[tuple[str, str]]], None] | None = getattr(detector, "read_ahead", None)
        self._steps: _TwoSteps | None = cast("_TwoSteps", detector) if hasattr(detector, "look") else None
        self._unverified: list[tuple[Any, list[Finding]]] | None = None
        self._unfinished: list[Callable[[], None]] = []
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
            inspection.unverified, inspection.unfinished = self._unverified or [], self._unfinished
        finally:
            self._unverified, self._unfinished = None, []
        return inspection

    def verify(self, inspection: Inspection) -> None:
        """Complete an inspection."""
        if self._steps is None:
            return
        for candidate, findings in inspection.unverified:
            self.check()
            try:
                findings += self._steps.verify(candidate)
            except DetectorTimeout:
                findings.append(self._timed_out(candidate.text, inspection.coverage))
        inspection.unverified = []
        for finish in inspection.unfinished:
            finish()
        inspection.unfinished = []

    def _announce(self, walk: Callable[[Inspector], object]) -> None:
        """Tell the detector, if it wants to know, which texts a walk over them will ask about."""
        if self._read_ahead is not None:
            gathering = _Gathering()
            walk(Inspector(gathering, self._max_text_bytes, self._max_depth, self.check))
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
        inspected: list[list[Inspected]] = []
        for message in messages:
            field = "system" if message.role is Role.SYSTEM and side == "prompt" else side
            parts = [self._text(part.reveal(), field) for part in message.parts]
            if len(parts) > 1:
                self._read_together(parts)
            inspected.append(parts)
        return inspected

    def text(self, text: str, field: str = ANY) -> Inspected:
        """Inspect one text."""
        self._announce(lambda inspector: inspector.text(text, field))
        return self._text(text, field)

    def _text(self, text: str, field: str, above: Keys = (), end: str = END_OF_VALUE) -> Inspected:
        """Inspect a text that stands under some keys; ``end`` tells values from keys, as ``unfold`` does."""
        self.check()
        size = len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
        if size <= self._max_text_bytes:
            forms = self._forms(text)
            # Most texts stand under no key and are plain.
            if above or forms:
                return self._read(text, field, forms, above, end)
            return Inspected(text, self._findings(text, field))
        kept = text.encode("utf-8", "replace")[: self._max_text_bytes].decode("utf-8", "ignore")
        least = len(kept) + OVERLAP_CHARS
        word = _NO_SPACE.match(text, least, least + MAX_WORD_CHARS)
        scanned = text[: word.end() if word else least]
        inspected = self._read(scanned, field, self._forms(scanned), above, end, len(kept))
        inspected.truncated_bytes = size - len(kept.encode("utf-8", "replace"))
        self.coverage.truncated_bytes += inspected.truncated_bytes
        return inspected

    def _read(
        self, text: str, field: str, forms: list[View], above: Keys, end: str, cut: int | None = None
    ) -> Inspected:
        """Read a text in all its forms.

        Args:
            text: what is scanned.
            field: where it stands.
            forms: its other forms.
            above: the keys under which it stands.
            end: what is written behind it, if it stands under keys.
            cut: how much of it is kept; all if None.
        """
        context = context_of(above)
        end = end if context else ""
        looked = [_Reading(self._findings(text, field))] if not context or self._reads_fields else []
        if context:
            in_context = self._findings(context + text + end, NAME if self._reads_fields else field)
            looked.append(_Reading(in_context, shift=len(context)))
        looked += [
            _Reading(self._findings(context + form.text + end, field), form, shift=len(context)) for form in forms
        ]
        inspected = Inspected(text[:cut], [], forms=[form.text for form in forms])
        self._finally(lambda: inspected.findings.extend(_found(looked, len(inspected.text))))
        return inspected

    def _forms(self, text: str, of: View | None = None) -> list[View]:
        """The other forms of a text."""
        if looks_like_json(text):
            lines = unfolded(text, self.check, of)
            return [lines, *unmasked(lines.text, lines)]
        return unmasked(text, of)

    def _read_together(self, parts: list[Inspected]) -> None:
        """Look for values that are split over parts of a message."""
        for glue in _GLUES:
            for joined in _joined(parts, glue):
                self.check()
                forms = [joined, *self._forms(joined.text, joined)]
                looked = [_Reading(self._findings(form.text, NAME), form) for form in forms]
                self._finally(lambda looked=looked: _spread(looked, parts))  # type: ignore[misc]

    def _finally(self, finish: Callable[[], None]) -> None:
        """Do something when all findings are there: at once, unless an event is looked at."""
        if self._unverified is None:
            finish()
        else:
            self._unfinished.append(finish)

    def name(self, text: str, expected: frozenset[str]) -> Inspected:
        """Inspect a short text in which some entity types are nothing to be found: a name, an id, a version.

        Names are put together with underscores, which patterns take for letters: ``tenant_536-90-4399_eu``. So one
        with a digit or an address in it is also read with blanks there.
        """
        inspected = self._name(text, expected)
        if "_" in text and _DIGIT_OR_AT.search(text):
            truncated_bytes = self.coverage.truncated_bytes
            apart = self._name(text.replace("_", " "), expected)
            self.coverage.truncated_bytes = truncated_bytes
            inspected.findings = united(inspected.findings, apart.findings)
        return inspected

    def _name(self, text: str, expected: frozenset[str]) -> Inspected:
        if self._detect_other is None or len(text) > MAX_SHORT_CHARS or self._forms(text):
            inspected = self._text(text, NAME)
            inspected.findings = [finding for finding in inspected.findings if finding.entity not in expected]
            return inspected
        self.check()
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

    def tree(self, value: Any, field: str = ANY) -> Any:
        """A JSON value with its strings, keys and suspicious numbers ``Inspected`` and its objects ``InspectedObject``.

        Raises:
            RecordError: it is nested deeper than the limit.
        """
        self._announce(lambda inspector: inspector.tree(value, field))
        return self._tree(value, field, (), 0)

    def _tree(self, value: Any, field: str, above: Keys, depth: int) -> Any:
        kind = type(value)
        if kind is str:
            # A time is a time by its grammar; as a text, Presidio would take it for a date.
            return Inspected(value, []) if parse_time(value) else self._text(value, field, above)
        if kind is dict:
            self._check_depth(depth)
            named = above
            if "value" in value and type(name := value.get("name", value.get("key"))) is str:
                # The name of the value is a value too.
                named = (*above, name)
            return InspectedObject(
                [
                    (
                        self._text(key, field, above, ""),
                        self._tree(
                            item,
                            field,
                            (*(named if key == "value" else above), key)[-CONTEXT_KEYS:],
                            depth + 1,
                        ),
                    )
                    for key, item in value.items()
                ]
            )
        if kind is list:
            self._check_depth(depth)
            return [self._tree(item, field, above, depth + 1) for item in value]
        if kind is int or kind is float:
            return self._number(value, above)
        return value

    def _check_depth(self, depth: int) -> None:
        if depth >= self._max_depth:
            raise RecordError(ErrorType.NESTING_TOO_DEEP, f"more than {self._max_depth} levels")

    def _number(self, value: float, above: Keys) -> Any:
        """A number, as a text if something is found in it."""
        is_whole = type(value) is float and abs(value) < _LARGEST_WHOLE and value.is_integer()
        digits = str(int(value)) if is_whole else str(value)
        inspected = self._text(digits, NAME, above)
        if inspected.findings and _TIME.fullmatch(digits):
            # Seconds since 1970, or thousandths. It is a phone number where a word says so.
            inspected.findings = [f for f in inspected.findings if f.entity != _PHONE or f.score > _SURE]
        return inspected if inspected.findings else value


class _Reading(NamedTuple):
    """What was found when a text was read in one of its forms, or will have been.

    Attributes:
        findings: in what was read.
        form: the form; None if that is the text itself.
        shift: how many characters were read before it.
    """

    findings: list[Finding]
    form: View | None = None
    shift: int = 0

    def places(self) -> Iterator[Finding]:
        """The findings as they are in the text."""
        for finding in self.findings:
            start, end = max(finding.start - self.shift, 0), finding.end - self.shift
            if end <= 0:
                continue
            place = (start, end) if self.form is None else self.form.back(start, end)
            if place is not None:
                yield finding._replace(start=place[0], end=place[1])


def _found(readings: list[_Reading], cut: int) -> list[Finding]:
    """The findings of all readings of a text, as far as they are in what is kept of it."""
    first, *others = readings
    found = list(first.places())
    for other in others:
        found = united(found, other.places())
    return [finding._replace(end=min(finding.end, cut)) for finding in found if finding.start < cut]


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


def _joined(parts: list[Inspected], glue: str) -> Iterator[View]:
    """The parts of a message put together, a long one by its ends alone. Places are those in all parts in a row."""
    maker, start = Maker(), 0
    for number, part in enumerate(parts):
        text, stop = part.text, start + len(part.text)
        if number:
            maker.fill(glue)
        is_long = len(text) > 2 * EDGE_CHARS
        head = text[:EDGE_CHARS] if is_long else text
        maker.add(head, start, start + len(head), exact=True)
        if is_long:
            maker.fill(_BETWEEN)
        is_full = maker.size > MAX_JOINED_CHARS
        if is_full:
            yield maker.view()
            maker = Maker()
        if is_long or is_full:
            tail = text[-EDGE_CHARS:] if is_long else text
            maker.add(tail, stop - len(tail), stop, exact=True)
        start = stop
    yield maker.view()


def _spread(readings: list[_Reading], parts: list[Inspected]) -> None:
    """Give each part its share of what was found in all of them together."""
    starts = list(itertools.accumulate((len(part.text) for part in parts), initial=0))
    shares: dict[int, list[Finding]] = {}
    continued: dict[int, set[Finding]] = {}
    for finding in itertools.chain.from_iterable(reading.places() for reading in readings):
        first = bisect_right(starts, finding.start) - 1
        touched = [
            (number, _share(finding, starts[number], starts[number + 1]))
            for number in range(first, bisect_left(starts, finding.end))
        ]
        touched = [(number, share) for number, share in touched if share.start < share.end]
        if len(touched) == 1 and _is_cut(touched[0][1], parts[first].text):
            continue
        if len(touched) > 1 and _is_by_chance(touched, parts):
            continue
        for number, share in touched:
            if number == touched[0][0]:
                shares.setdefault(number, []).append(share)
            else:
                continued.setdefault(number, set()).add(share)
    for number, found in shares.items():
        parts[number].findings = united(parts[number].findings, found)
    for number, rest in continued.items():
        parts[number].continued = (*parts[number].continued, *sorted(rest))


def _share(finding: Finding, start: int, end: int) -> Finding:
    """How much of a finding is in a part."""
    return finding._replace(start=max(finding.start, start) - start, end=min(finding.end, end) - start)


def _is_cut(finding: Finding, text: str) -> bool:
    """Whether something found in one end of a part may go on in its middle: then it was found with the part."""
    is_long = len(text) > 2 * EDGE_CHARS
    return is_long and (finding.end == EDGE_CHARS or finding.start == len(text) - EDGE_CHARS)


def _is_by_chance(touched: list[tuple[int, Finding]], parts: list[Inspected]) -> bool:
    """Whether two parts look like an address only since one ends and the other begins: "It is here." and "Nobody".

    An address in words needs more than a full stop between words, and one that a part has by itself is whole.
    """
    number, share = touched[0]
    if share.entity not in _MADE_OF_WORDS:
        return False
    words = parts[number].text[share.start : share.end].lower()
    if share.entity == _URL and not words.startswith(_SCHEMES):
        return True
    return any(
        other.entity == share.entity and other.start < share.end and share.start < other.end
        for number, share in touched
        for other in parts[number].findings
    )


class _Gathering:
    """A detector that finds nothing and remembers what it was asked about."""

    def __init__(self) -> None:
        self.texts: list[tuple[str, str]] = []

    def __call__(self, text: str) -> list[Finding]:
        return self.in_field(text, ANY)

    def in_field(self, text: str, field: str) -> list[Finding]:
        self.texts.append((text, field))
        return []
