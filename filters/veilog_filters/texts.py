"""The texts of a record on their way through detection: what is to be read, and, once it was, what was found where.

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

So ``Texts`` gathers first (``items``), and is told later (``assemble``): no stage that looks at a text asks a detector.

A text longer than the scan limit is scanned a little beyond it, up to white space, and cut at it: what straddles the
cut is found whole, and what lies behind it does not leave.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from veilog_filters.detect.api import ANY, NAME, Finding, Found, TextItem, TimedOut, united
from veilog_filters.forms.unfold import CONTEXT_KEYS, END_OF_VALUE, Keys, context_of, looks_like_json, unfolded
from veilog_filters.forms.unmask import unmasked
from veilog_filters.forms.view import Maker, View
from veilog_filters.likeness import Likeness, is_cut, is_dotted, is_of_a_service
from veilog_parsers.errors import ErrorType, RecordError
from veilog_parsers.event import Message, Role
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
_NO_ENTITIES: Final[frozenset[str]] = frozenset()
_URL: Final = "URL"
_URL_ALONE: Final = frozenset((_URL,))
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
        item: which of the items reads it as it is; -1 if none does.
    """

    text: str
    findings: list[Finding]
    truncated_bytes: int = 0
    continued: Sequence[Finding] = ()
    forms: Sequence[str] = ()
    item: int = -1


class InspectedNumber(NamedTuple):
    """A number of a tree, and its digits as a text. It stays a number if nothing is found in them."""

    value: float
    digits: Inspected


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


def counts(texts: list[Inspected]) -> dict[str, int]:
    """How many findings of each entity type there are, by name."""
    found: dict[str, int] = {}
    for text in texts:
        for finding in text.findings:
            found[finding.entity] = found.get(finding.entity, 0) + 1
    return dict(sorted(found.items())) if found else found


@dataclasses.dataclass(frozen=True, slots=True)
class TextLimits:
    """What is read of a text, and how long that may take.

    Attributes:
        max_text_bytes: scan limit of a text.
        max_depth: deepest nesting of a tree.
        check: is called for every text, number and key, and may raise: a time budget.
    """

    max_text_bytes: int
    max_depth: int
    check: Callable[[], object] = lambda: None


class Texts:
    """The texts of one record, or of what stands beside one.

    Args:
        limits: what is read of them.

    Attributes:
        items: what detection is to read. A text that is plain is one item, any other is several.
        coverage: how completely the detectors saw the texts.
    """

    __slots__ = ("_assembled", "_check", "_finish", "_limits", "_plain", "coverage", "items")

    def __init__(self, limits: TextLimits) -> None:
        self.items: list[TextItem] = []
        self.coverage = Coverage()
        self._limits = limits
        self._check = limits.check
        # By item, the text whose findings are those of the item; None for one of several readings.
        self._plain: list[Inspected | None] = []
        self._finish: list[Callable[[Sequence[list[Finding]]], None]] = []
        self._assembled = False

    def assemble(self, found: Sequence[Found]) -> None:
        """Give each text what was found in it.

        Args:
            found: by item, as detection gives it.
        """
        findings: list[list[Finding]] = []
        for item, plain, seen in zip(self.items, self._plain, found, strict=True):
            if isinstance(seen, TimedOut):
                seen = [self._timed_out(item.text)]
            findings.append(seen)
            if plain is not None:
                plain.findings = seen
        for finish in self._finish:
            finish(findings)
        self._finish = []
        self._assembled = True

    def check_complete(self) -> None:
        """Make sure that nobody takes a text for clean that was not read.

        Raises:
            RuntimeError: what was found was not given to the texts.
        """
        if not self._assembled:
            raise RuntimeError("texts were not read to the end")

    def _timed_out(self, text: str) -> Finding:
        self.coverage.timed_out_texts += 1
        return Finding(0, len(text), TIMED_OUT, 1.0)

    def messages(self, messages: Sequence[Message], side: str) -> list[list[Inspected]]:
        """The parts of messages, each by itself and all of a message together."""
        inspected: list[list[Inspected]] = []
        for message in messages:
            field = "system" if message.role is Role.SYSTEM and side == "prompt" else side
            parts = [self.text(part.reveal(), field) for part in message.parts]
            if len(parts) > 1:
                self._read_together(parts)
            inspected.append(parts)
        return inspected

    def text(self, text: str, field: str = ANY, exclude: frozenset[str] = _NO_ENTITIES) -> Inspected:
        """One text."""
        return self._text(text, field, exclude=exclude)

    def name(self, text: str, likeness: Likeness) -> Inspected:
        """A short text that looks like some entity types and is none: a name, an id, a version.

        Names are put together with underscores, which patterns take for letters: ``tenant_536-90-4399_eu``. So one
        with a digit or an address in it is also read with blanks there.
        """
        exclude = likeness.exclude
        inspected = self._text(text, NAME, exclude=exclude)
        if "_" in text and _DIGIT_OR_AT.search(text):
            truncated_bytes = self.coverage.truncated_bytes
            apart = self._text(text.replace("_", " "), NAME, exclude=exclude)
            self.coverage.truncated_bytes = truncated_bytes
            self._finish.append(lambda _: _unite(inspected, apart))
        self._finish.append(lambda _: _discard_chance(inspected, likeness))
        return inspected

    def tree(self, value: Any, field: str = ANY) -> Any:
        """A JSON value, with its strings, keys and numbers as texts and its objects as ``InspectedObject``.

        Raises:
            RecordError: it is nested deeper than the limit.
        """
        return self._tree(value, field, (), 0)

    def _text(
        self,
        text: str,
        field: str,
        above: Keys = (),
        end: str = END_OF_VALUE,
        exclude: frozenset[str] = _NO_ENTITIES,
    ) -> Inspected:
        """A text that stands under some keys; ``end`` tells values from keys, as ``unfold`` does."""
        self._check()
        size = len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
        if size <= self._limits.max_text_bytes:
            forms = self._forms(text)
            # Most texts stand under no key and are plain.
            if above or forms:
                return self._read(text, field, forms, above, end, exclude)
            inspected = Inspected(text, [])
            if text:
                inspected.item = len(self.items)
                self.items.append(TextItem(text, field, "", exclude))
                self._plain.append(inspected)
            return inspected
        kept = text.encode("utf-8", "replace")[: self._limits.max_text_bytes].decode("utf-8", "ignore")
        least = len(kept) + OVERLAP_CHARS
        word = _NO_SPACE.match(text, least, least + MAX_WORD_CHARS)
        scanned = text[: word.end() if word else least]
        inspected = self._read(scanned, field, self._forms(scanned), above, end, exclude, len(kept))
        inspected.truncated_bytes = size - len(kept.encode("utf-8", "replace"))
        self.coverage.truncated_bytes += inspected.truncated_bytes
        return inspected

    def _read(
        self,
        text: str,
        field: str,
        forms: list[View],
        above: Keys,
        end: str,
        exclude: frozenset[str],
        cut: int | None = None,
    ) -> Inspected:
        """A text in all its forms.

        Args:
            text: what is scanned.
            field: where it stands.
            forms: its other forms.
            above: the keys under which it stands.
            end: what is written behind it, if it stands under keys.
            exclude: entity types that are nothing to be found.
            cut: how much of it is kept; all if None.
        """
        context = context_of(above)
        end = end if context else ""
        readings = [_Reading(self._item(TextItem(text, field, context, exclude, end)))]
        readings += [
            _Reading(self._item(TextItem(context + form.text + end, field, "", exclude)), form, shift=len(context))
            for form in forms
        ]
        inspected = Inspected(text[:cut], [], forms=[form.text for form in forms], item=readings[0].item)

        def finish(found: Sequence[list[Finding]]) -> None:
            inspected.findings = _found(readings, found, len(inspected.text))

        self._finish.append(finish)
        return inspected

    def _item(self, item: TextItem) -> int:
        """The place of a reading among the items; -1 for one without text."""
        if not item.text:
            return -1
        self.items.append(item)
        self._plain.append(None)
        return len(self.items) - 1

    def _forms(self, text: str, of: View | None = None) -> list[View]:
        """The other forms of a text."""
        if looks_like_json(text):
            lines = unfolded(text, self._check, of)
            return [lines, *unmasked(lines.text, lines)]
        return unmasked(text, of)

    def _read_together(self, parts: list[Inspected]) -> None:
        """Read the parts of a message together, for values that are split over them."""
        for glue in _GLUES:
            for joined in _joined(parts, glue):
                self._check()
                forms = [joined, *self._forms(joined.text, joined)]
                readings = [_Reading(self._item(TextItem(form.text, NAME)), form) for form in forms]
                self._finish.append(lambda found, readings=readings: _spread(readings, found, parts))  # type: ignore[misc]

    def _tree(self, value: Any, field: str, above: Keys, depth: int) -> Any:
        kind = type(value)
        if kind is str:
            # A time is a time by its grammar; as a text, Presidio would take it for a date.
            return Inspected(value, []) if parse_time(value) else self._leaf(value, field, above)
        if kind is dict:
            self._check_depth(depth)
            named = above
            if "value" in value and type(name := value.get("name", value.get("key"))) is str:
                # The name of the value is a value too.
                named = (*above, name)
            return InspectedObject(
                [
                    (
                        self._text(key, field, above, "", _URL_ALONE if is_dotted(key) else _NO_ENTITIES),
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

    def _leaf(self, value: str, field: str, above: Keys) -> Inspected:
        """A string of a tree. Names of services and operations have dots, and are no addresses."""
        if not is_dotted(value):
            return self._text(value, field, above)
        if is_of_a_service(value, above[-1] if above else ""):
            return self._text(value, field, above, exclude=_URL_ALONE)
        inspected = self._text(value, field, above)
        self._finish.append(lambda _: _discard_cut_urls(inspected))
        return inspected

    def _check_depth(self, depth: int) -> None:
        if depth >= self._limits.max_depth:
            raise RecordError(ErrorType.NESTING_TOO_DEEP, f"more than {self._limits.max_depth} levels")

    def _number(self, value: float, above: Keys) -> InspectedNumber:
        is_whole = type(value) is float and abs(value) < _LARGEST_WHOLE and value.is_integer()
        digits = str(int(value)) if is_whole else str(value)
        inspected = self._text(digits, NAME, above)
        if _TIME.fullmatch(digits):
            self._finish.append(lambda _: _discard_doubtful_phones(inspected))
        return InspectedNumber(value, inspected)


def _unite(inspected: Inspected, apart: Inspected) -> None:
    inspected.findings = united(inspected.findings, apart.findings)


def _discard_chance(inspected: Inspected, likeness: Likeness) -> None:
    if inspected.findings:
        text = inspected.text
        inspected.findings = [f for f in inspected.findings if not likeness.is_by_chance(text, f)]


def _discard_cut_urls(inspected: Inspected) -> None:
    """An address that ends within a word is none: ``org.up`` in ``org.update_member``."""
    if inspected.findings:
        text = inspected.text
        inspected.findings = [f for f in inspected.findings if f.entity != _URL or not is_cut(text, f)]


def _discard_doubtful_phones(inspected: Inspected) -> None:
    """Seconds since 1970, or thousandths, are a phone number where a word says so."""
    inspected.findings = [f for f in inspected.findings if f.entity != _PHONE or f.score > _SURE]


class _Reading(NamedTuple):
    """A text as it is read in one of its forms.

    Attributes:
        item: which of the items reads it; -1 if none does.
        form: the form; None if that is the text itself.
        shift: how many characters were read before it.
    """

    item: int
    form: View | None = None
    shift: int = 0

    def places(self, found: Sequence[list[Finding]]) -> Iterator[Finding]:
        """What was found in it, as it is in the text."""
        for finding in found[self.item] if self.item >= 0 else ():
            start, end = max(finding.start - self.shift, 0), finding.end - self.shift
            if end <= 0:
                continue
            place = (start, end) if self.form is None else self.form.back(start, end)
            if place is not None:
                yield finding._replace(start=place[0], end=place[1])


def _found(readings: list[_Reading], found: Sequence[list[Finding]], cut: int) -> list[Finding]:
    """The findings of all readings of a text, as far as they are in what is kept of it."""
    first, *others = readings
    places = list(first.places(found))
    for other in others:
        places = united(places, other.places(found))
    return [finding._replace(end=min(finding.end, cut)) for finding in places if finding.start < cut]


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


def _spread(readings: list[_Reading], found: Sequence[list[Finding]], parts: list[Inspected]) -> None:
    """Give each part its share of what was found in all of them together."""
    starts = list(itertools.accumulate((len(part.text) for part in parts), initial=0))
    shares: dict[int, list[Finding]] = {}
    continued: dict[int, set[Finding]] = {}
    for finding in itertools.chain.from_iterable(reading.places(found) for reading in readings):
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
    for number, share_of in shares.items():
        parts[number].findings = united(parts[number].findings, share_of)
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
