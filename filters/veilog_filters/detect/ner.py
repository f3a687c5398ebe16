"""Named entities beside patterns: which texts a model reads, for how long, and what becomes of the others.

Theory of operation. A model finds what no pattern can, people's names above all, and reads a thousand times slower than
the patterns of ``prefiltered`` do. So every text goes through a gate:

    text -> field and length selected? -- no --> patterns alone (left out: counted, shown in the event)
                    | yes
            findings known? -- yes --> those
                    | no
            budget of the record left? -- no --> DetectorTimeout: the whole text counts as found
                    | yes
            read -> remembered

* **What is read whole** (up to ``chunk_chars``) is read by Presidio's engine itself, patterns included, and gives its
  findings span for span and score for score. Patterns are not taken from ``prefiltered`` there: with a model, context
  words are compared by lemma, so scores differ from those without one. They are a tenth of the time.
* **What is longer** is read in chunks that begin and end at white space and overlap. The model's findings of all
  chunks, and those of the patterns over the whole text as without NER, are merged as Presidio merges. A name that a
  chunk's edge may have cut is given up where the neighbouring chunk has more of it; nothing else is, so at worst
  something is found twice.
* **The budget** is the time the model takes for one record (metadata beside it have their own). spaCy cannot be
  interrupted within a call. A call is one chunk, or one batch of no more characters, and no call begins when the
  budget is used up: so one call is what a record can go over it. Prose takes 30 microseconds a character, hostile text
  up to 200. What was not read counts as found, whole: nobody knows what is in it. That depends on the machine's speed,
  as every time limit does; a larger budget makes it rarer, and what a record does get read is remembered, so a shipper
  that sends again gets further.
* **Batches.** The texts of a record are known before the first is needed, so they are read together. Measured with
  en_core_web_sm: texts of 20 characters, such as the leaves of JSON, take a third of the time, of 100 half, of 600
  three quarters; above 3,000 little is won. Findings are the same. No record waits for another's.
* **The cache** is that of the patterns, with keys of its own for what a model has read. A text that stands in two
  fields, one selected and one not, is known there under two keys.
"""

from __future__ import annotations

import dataclasses
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple, Protocol, TypeVar

from veilog_filters.config import Ner
from veilog_filters.detect.api import (
    ANY,
    NAME,
    TIMED_OUT,
    Check,
    DetectorTimeout,
    Finding,
    Found,
    ModelReadings,
    Scan,
    TextItem,
    TimedOut,
    detect,
    united,
)
from veilog_filters.detect.cache import CachingDetector, FindingsCache
from veilog_filters.metrics import Counts

ResultT = TypeVar("ResultT")
MAX_BATCH_TEXTS: Final = 128
_READ_BY_MODEL: Final = b"ner"
"""Behind a text's digest it makes a key that no text has as a pattern-only key: those are shorter."""
_LAST_WHITE_SPACE: Final = re.compile(r"\s(?=\S*\Z)")

READ: Final = "read"
KNOWN: Final = "known"
LEFT_OUT_FIELD: Final = "left_out_field"
LEFT_OUT_LENGTH: Final = "left_out_length"
OVER_BUDGET: Final = "over_budget"
MODEL_TIMED_OUT: Final = "timed_out"
RESULTS: Final = (READ, KNOWN, LEFT_OUT_FIELD, LEFT_OUT_LENGTH, OVER_BUDGET, MODEL_TIMED_OUT)
"""What can become of a text, as label of a metric."""


class Reader(Protocol):
    """What reads with a model: ``presidio.PresidioDetector``.

    Attributes:
        names: what detects, with versions.
        renewals: how often the model was loaded anew.
    """

    names: list[str]
    renewals: int

    def whole(self, texts: Sequence[str]) -> list[list[Finding] | None]:
        """All findings of each text, patterns' included; None for a text on which a pattern took too long."""
        ...

    def names_in(self, text: str) -> list[Finding]:
        """What the model alone finds in a chunk."""
        ...

    def merged(self, findings: Iterable[Finding]) -> list[Finding]:
        """Findings without duplicates."""
        ...


class NoPatterns:
    """No patterns, for a configuration that looks for nothing but what the model finds."""

    def __init__(self, cache: FindingsCache) -> None:
        self.cache = cache
        self.names: list[str] = []

    def scan(self, items: Sequence[TextItem]) -> Scan:
        """Nothing could be anywhere."""
        return Scan(items, ())

    def verify(self, scan: Scan) -> list[Found]:
        """Nothing, for each text."""
        return [[] for _ in scan.items]

    def prepare(self) -> None:
        """Nothing to prepare."""

    def count_into(self, counts: Counts) -> None:
        """Nothing was counted."""


@dataclasses.dataclass(slots=True)
class _Outcome:
    """What became of a text in this record: its findings, or None if it counts as found, and why."""

    findings: list[Finding] | None
    result: str


class _Patterns(NamedTuple):
    """The scan of the patterns, and which of its items serve an item.

    Attributes:
        scan: of all texts that patterns read beside the model.
        alone: by item, the place of what patterns read in place of the model; None where the model reads.
        keyed: by item, the place of the text behind its key; None without a key.
    """

    scan: Scan
    alone: list[int | None]
    keyed: list[int | None]


class _Record:
    """What the model has done for one scan, which is one record: its budget and the texts that it has read."""

    def __init__(self) -> None:
        self.spent_secs = 0.0
        self.outcomes: dict[bytes, _Outcome] = {}


class NerDetector:
    """Patterns for every text, a model for those that the gate lets in.

    Args:
        options: the ``detect.ner`` section of the configuration.
        reader: reads with the model.
        patterns: the same configuration without NER.
        clock: seconds that only grow.
        check: may stop the record that is worked on.

    Attributes:
        names: what detects, with versions.
        cache: findings of texts that were seen before.
    """

    def __init__(
        self,
        options: Ner,
        reader: Reader,
        patterns: CachingDetector,
        clock: Callable[[], float] = time.perf_counter,
        check: Check | None = None,
    ) -> None:
        self._check = check
        self.names = reader.names
        self.cache = patterns.cache
        self._patterns = patterns
        self._reader = reader
        self._clock = clock
        self._fields = frozenset((ANY, *options.fields))
        self._lengths = range(options.min_chars, options.max_chars + 1)
        self._budget_secs = options.budget_secs
        self._chunk_chars = options.chunk_chars
        self._overlap_chars = options.overlap_chars
        self._tally: Counter[str] = Counter()
        self._seconds = 0.0
        self._renewals_seen = 0

    def scan(self, items: Sequence[TextItem]) -> Scan:
        """What patterns could find in the texts that they read. One scan is one record, with a budget of its own."""
        by_patterns: list[TextItem] = []
        alone: list[int | None] = []
        keyed: list[int | None] = []
        for item in items:
            left_out = bool(self._left_out(item))
            alone.append(len(by_patterns) if left_out else None)
            if left_out:
                by_patterns.append(TextItem(item.text, NAME, "", item.exclude))
            keyed.append(len(by_patterns) if item.key else None)
            if item.key:
                by_patterns.append(item)
        return Scan(items, _Patterns(self._patterns.scan(by_patterns), alone, keyed))

    def verify(self, scan: Scan) -> list[Found]:
        """The findings of each text: the model's, and the patterns'."""
        patterns: _Patterns = scan.seen  # type: ignore[assignment]  # what ``scan`` has put there
        by_patterns = self._patterns.verify(patterns.scan)
        record = _Record()
        self._read_all(record, {self._key(item.text): item.text for item in scan.items if not self._left_out(item)})
        found: list[Found] = []
        read: list[str] = []
        for item, alone, keyed in zip(scan.items, patterns.alone, patterns.keyed, strict=True):
            findings: Found = []
            result = ""
            if alone is not None:
                findings = by_patterns[alone]
            if item.field != NAME:
                result = self._left_out(item)
                if not result:
                    findings, result = self._outcome(record, item)
                self._tally[result] += 1
            if keyed is not None:
                findings = _both(findings, by_patterns[keyed])
            if item.exclude and findings is not TIMED_OUT:
                findings = [finding for finding in findings if finding.entity not in item.exclude]
            found.append(findings)
            read.append(result)
        counted = Counter(read)
        scan.model = ModelReadings(
            read, counted[READ] + counted[KNOWN], counted[LEFT_OUT_FIELD] + counted[LEFT_OUT_LENGTH]
        )
        return found

    def _outcome(self, record: _Record, item: TextItem) -> tuple[Found, str]:
        """What has become of a text that the model reads. A text that stands in a record twice is known then."""
        outcome = record.outcomes[self._key(item.text)]
        if outcome.findings is None:
            return TIMED_OUT, outcome.result
        result, outcome.result = outcome.result, KNOWN
        return list(outcome.findings), result

    def prepare(self) -> None:
        """Import and build now what patterns need. The model is there already."""
        self._patterns.prepare()

    def count_into(self, counts: Counts) -> None:
        """Add what was counted since the last call."""
        self.cache.count_into(counts)
        counts.ner_texts.update(self._tally)
        counts.ner_seconds += self._seconds
        counts.ner_recycles += self._reader.renewals - self._renewals_seen
        self._tally.clear()
        self._seconds, self._renewals_seen = 0.0, self._reader.renewals

    def _left_out(self, item: TextItem) -> str:
        """Why the model does not read a text; empty if it does."""
        if item.field not in self._fields:
            return LEFT_OUT_FIELD
        return "" if len(item.text) in self._lengths else LEFT_OUT_LENGTH

    def _key(self, text: str) -> bytes:
        return self.cache.key(text) + _READ_BY_MODEL

    def _read_all(self, record: _Record, texts: dict[bytes, str]) -> None:
        """Give each text an outcome."""
        short: dict[bytes, str] = {}
        long: dict[bytes, str] = {}
        for key, text in texts.items():
            found = self.cache.get(key)
            if found is not None:
                record.outcomes[key] = _Outcome(found, KNOWN)
            else:
                (short if len(text) <= self._chunk_chars else long)[key] = text
        for batch in self._batches(short):
            self._read_batch(record, batch)
        for key, text in long.items():
            self._keep(record, key, self._read_long(record, text))

    def _batches(self, texts: dict[bytes, str]) -> Iterator[dict[bytes, str]]:
        batch: dict[bytes, str] = {}
        room = self._chunk_chars
        for key, text in texts.items():
            if batch and (len(text) > room or len(batch) == MAX_BATCH_TEXTS):
                yield batch
                batch, room = {}, self._chunk_chars
            batch[key] = text
            room -= len(text)
        if batch:
            yield batch

    def _read_batch(self, record: _Record, batch: dict[bytes, str]) -> None:
        if record.spent_secs >= self._budget_secs:
            for key in batch:
                self._keep(record, key, _Outcome(None, OVER_BUDGET))
            return
        results = self._timed(record, lambda: self._reader.whole(list(batch.values())))
        for key, found in zip(batch, results, strict=True):
            self._keep(record, key, _Outcome(found, MODEL_TIMED_OUT if found is None else READ))

    def _read_long(self, record: _Record, text: str) -> _Outcome:
        """Read a text in chunks. Half of a text read is not read."""
        spans = list(chunks(text, self._chunk_chars, self._overlap_chars))
        found: list[list[Finding]] = []
        try:
            for start, end in spans:
                if record.spent_secs >= self._budget_secs:
                    return _Outcome(None, OVER_BUDGET)
                chunk = text[start:end]
                names = self._timed(record, lambda chunk=chunk: self._reader.names_in(chunk))  # type: ignore[misc]
                found.append([f._replace(start=f.start + start, end=f.end + start) for f in names])
            patterns = detect(self._patterns, text)
        except DetectorTimeout:
            return _Outcome(None, MODEL_TIMED_OUT)
        return _Outcome(self._reader.merged([*patterns, *stitched(text, spans, found)]), READ)

    def _timed(self, record: _Record, read: Callable[[], ResultT]) -> ResultT:
        if self._check is not None:
            self._check()
        started = self._clock()
        try:
            return read()
        finally:
            took = self._clock() - started
            record.spent_secs += took
            self._seconds += took

    def _keep(self, record: _Record, key: bytes, outcome: _Outcome) -> None:
        record.outcomes[key] = outcome
        if outcome.findings is not None:
            self.cache.put(key, outcome.findings)


def _both(first: Found, second: Found) -> Found:
    """What two readings of a text found; that one of them took too long counts for both."""
    if isinstance(first, TimedOut) or isinstance(second, TimedOut):
        return TIMED_OUT
    return united(first, second)


def chunks(text: str, chunk_chars: int, overlap_chars: int) -> Iterator[tuple[int, int]]:
    """Spans that cover a text, none longer than ``chunk_chars``, that overlap by ``overlap_chars`` at least.

    Edges are at white space if there is any: an end moves back by half a chunk at most, a begin by half an overlap.
    """
    start = 0
    while len(text) - start > chunk_chars:
        end = _edge(text, start + chunk_chars // 2, start + chunk_chars)
        yield start, end
        start = _edge(text, end - overlap_chars - overlap_chars // 2, end - overlap_chars)
    yield start, len(text)


def _edge(text: str, least: int, most: int) -> int:
    """The place behind the last white space between two places, or the second of them."""
    space = _LAST_WHITE_SPACE.search(text, least, most)
    return space.end() if space else most


def stitched(text: str, spans: Sequence[tuple[int, int]], found: Sequence[list[Finding]]) -> Iterator[Finding]:
    """The findings of all chunks, but for those that an edge may have cut and of which a neighbour has more."""
    for number, (start, end) in enumerate(spans):
        before = found[number - 1] if number else []
        after = found[number + 1] if number + 1 < len(spans) else []
        for finding in found[number]:
            cut_left = number > 0 and not text[start : finding.start].strip()
            cut_right = number + 1 < len(spans) and not text[finding.end : end].strip()
            if (cut_left and _covered(finding, before)) or (cut_right and _covered(finding, after)):
                continue
            yield finding


def _covered(finding: Finding, by: list[Finding]) -> bool:
    """Whether one of the others is longer and has it inside. (Equals would give each other up.)"""
    length = finding.end - finding.start
    return any(o.start <= finding.start and finding.end <= o.end and o.end - o.start > length for o in by)
