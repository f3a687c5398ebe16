"""The way of a record, from a decoded value to the objects that may leave.

    parse -> identify -> collect -> scan -> verify -> classify -> threats -> fingerprint -> compare -> redact -> count
          -> tag -> encode

What may leave is decided in the last ones: ``names`` and ``gate`` say what a name is, ``encode`` takes nothing that is
not of its field's type. ``wiring`` builds the stages, ``ids`` makes the ids of events, and ``quarantine`` what leaves
instead of a record.

One direction; no stage calls back: ``collect`` gathers all texts of an event, ``scan`` and ``verify`` are the only ones
that look for anything in them, and all later stages are told what was found. Records go in small batches, all of them
through a stage before any goes through the next: then the code of a stage is in the processor's caches, which takes a
sixth off what a record costs (``benchmarks/bench_pipeline.py``). No stage looks from one event to another: detection
gets the texts of one event at a time, so that what fails or takes too long is that event alone.

Whatever raises on the way, for whatever reason, what leaves instead is one quarantine event made of constants, lengths
and keyed hashes: the stage that was at work gives its ``error_type``. A record that takes too long is such a case too
(``budget``). No exception's message or traceback is ever written, since libraries quote their input in them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final, NamedTuple, TypeVar

from veilog_filters import clock
from veilog_filters.budget import LARGE_RECORD_BYTES
from veilog_filters.classify import Evidence, Verdict
from veilog_filters.collect import Collected, parts_of, readings_of
from veilog_filters.config import Config
from veilog_filters.detect.api import Detector, Scan
from veilog_filters.detect.build import fallbacks
from veilog_filters.encode import native
from veilog_filters.encoders import Written
from veilog_filters.fingerprint import fingerprint
from veilog_filters.interrupt import Interrupted, within
from veilog_filters.joining import Joiner
from veilog_filters.policy import Side
from veilog_filters.quarantine import DecodeFailure
from veilog_filters.texts import Inspected, TextLimits, Texts, counts
from veilog_filters.threat_rules import Matches, Reading
from veilog_filters.wiring import build_parts, prepare
from veilog_parsers.errors import ErrorType, RecordError
from veilog_parsers.event import (
    AuditEvent,
    ClassificationRules,
    Constant,
    Findings,
    Kind,
    Redaction,
    RedactionStatus,
    SensitiveText,
    SensitiveTree,
    Text,
)
from veilog_parsers.record.raw import RawRecord
from veilog_parsers.record.times import parse_time
from veilog_parsers.registry import OTHER, ParseFailure

T = TypeVar("T")

BATCH_RECORDS: Final = 16
"""Larger batches are not faster: then it is the records that leave the caches."""
BATCH_BYTES: Final = 1_048_576
"""A batch is complete when it has so many bytes of raw records: large ones have nothing to gain."""

STEP_SECS: Final = 0.01
"""How long a step is, in seconds, unless a stage of one event takes longer."""

PARSE: Final = "parse"
"""The first stage, as metrics call it."""

DROPPED_UNRECOGNIZED: Final = "unrecognized"
DROPPED_EMPTY: Final = "no_events_inside"
DROPPED_USAGE: Final = "usage_not_fetched"


@dataclasses.dataclass(slots=True)
class _Job:
    """An event on its way.

    Attributes:
        record: the raw record that it comes from.
        index: which of the record's events it is.
        event: what the stages work on.
        record_digest: of the record that it comes from, see ``Ids.of_record``.
        spent_secs: what it took until now, in seconds.
        spent_processor_secs: processor time of that, in seconds; noted only for large records and long steps.
        tenant: the configured tenant, by which hashes are separated.
        collected: its texts, and what was found in them.
        scan: what detection has seen in them.
        possible: by side, where the policy's words and patterns could be; empty where nobody has looked.
        readings: the texts in which expressions of threat rules could match.
        matches: the threat rules that match.
        written: what leaves; empty as long as it is on its way.
        kind: the kind of what leaves.
    """

    record: RawRecord
    index: int
    event: AuditEvent
    record_digest: bytes
    spent_secs: float
    spent_processor_secs: float = 0.0
    tenant: str = dataclasses.field(init=False)
    collected: Collected = dataclasses.field(init=False)
    scan: Scan = dataclasses.field(init=False)
    possible: dict[Side, Mapping[int, Sequence[str]]] = dataclasses.field(default_factory=dict)
    readings: Sequence[Reading] = ()
    matches: Matches = dataclasses.field(default_factory=dict)
    written: Written = dataclasses.field(default_factory=list)
    kind: Kind = Kind.QUARANTINE


class Leaving(NamedTuple):
    """What leaves for a raw record.

    Attributes:
        written: by schema, the records that are written for the events in it, in order.
        is_whole: whether none of its events is in quarantine.
    """

    written: Written
    is_whole: bool


_RELEASED: Final = (AuditEvent(), Collected(Texts(TextLimits(0, 0)), [], []), Scan((), ()))


def batches(
    items: Iterable[T], bytes_of: Callable[[T], int], most: Callable[[], int] = lambda: BATCH_RECORDS
) -> Iterator[list[T]]:
    """Records in batches that a pipeline takes well; several large ones do not wait for each other.

    Args:
        items: records, or what has them.
        bytes_of: how many bytes an item holds, see ``size_of``.
        most: how many records the next batch may have.
    """
    batch: list[T] = []
    size = 0
    for item in items:
        batch.append(item)
        size += bytes_of(item)
        if len(batch) >= most() or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def size_of(record: RawRecord | DecodeFailure | None) -> int:
    """How many bytes of a raw record are kept."""
    return len(record.raw) if isinstance(record, RawRecord) else 0


class Pipeline:
    """All stages, built once from a configuration; calling it processes one record, ``batch`` several.

    Args:
        config: the configuration.
        schemas: names of the encoders that write what leaves.
        detector: replaces the built-in ones; for callers that have their own.
        config_path: the configuration's file, for errors that show only while building.

    Attributes:
        batch_records: how many records a batch may have to be taken as one.
        counts: what was done.
        stages: the stages after parse: name in metrics, ``error_type`` of an event that fails there, work. Exchanged
            by ``veilog prove`` alone, which has one fail at a time.
        detector: what looks for findings.
        fingerprinter: makes keyed hashes.
        registry: the parsers.
        meter: counts by caller and window; None where nothing is counted.
        schemas: names of the encoders that write what leaves, in the order of what ``leaving`` gives.

    Raises:
        ConfigError: a key, a file, a model or an entity that the configuration names is not there.
    """

    def __init__(
        self,
        config: Config,
        schemas: Sequence[str] = ("native",),
        detector: Detector | None = None,
        config_path: str | None = None,
    ) -> None:
        parts = build_parts(config, schemas, detector, config_path)
        self._config_path = config_path
        self._built = parts.built
        self._budget = parts.budget
        self._policy_prefilter = parts.policy_prefilter
        self._collect = parts.collector
        self._classify = parts.classifier
        self._threats = parts.threats
        self._redact = parts.redactor
        self._writers = parts.writers
        self._ids = parts.ids
        self._quarantine = parts.quarantine
        self._beside = parts.beside
        self._previous = parts.previous
        self._departments = parts.departments
        self._leaks = parts.leaks
        self.meter = parts.meter
        self._detectors = parts.detector_names
        self._fallbacks = fallbacks(parts.detector_names)
        self._policy_name = parts.policy_name
        self._unrecognized = config.policy.unrecognized
        self._sketches = config.policy.prompt_sketch == "keep"
        self._tenant_id = config.tenant_id
        self._max_record_bytes = config.limits.max_record_bytes
        self.counts = parts.counts
        self.detector = parts.detector
        self.fingerprinter = parts.fingerprinter
        self.registry = parts.registry
        self.schemas = tuple(schemas)
        # A record that a model reads is not to wait for those beside it.
        self.batch_records = BATCH_RECORDS if config.detect.ner is None else 1
        # What the stages after parse are called in metrics, what is said of an event that fails there, and the work.
        self.stages: tuple[tuple[str, ErrorType, Callable[[_Job], None]], ...] = (
            ("fingerprint", ErrorType.FINGERPRINT_FAILED, self._identify),
            ("detect", ErrorType.DETECTOR_FAILED, self._gather),
            ("detect", ErrorType.DETECTOR_FAILED, self._scan),
            ("detect", ErrorType.DETECTOR_FAILED, self._verify),
            ("classify", ErrorType.CLASSIFIER_FAILED, self._label),
            ("threats", ErrorType.CLASSIFIER_FAILED, self._seek_threats),
            ("fingerprint", ErrorType.FINGERPRINT_FAILED, self._fingerprint),
            ("classify", ErrorType.CLASSIFIER_FAILED, self._compare),
            ("redact", ErrorType.REDACTION_FAILED, self._clean),
            ("encode", ErrorType.ENCODING_FAILED, self._count),
            ("threats", ErrorType.CLASSIFIER_FAILED, self._tag),
            ("encode", ErrorType.ENCODING_FAILED, self._write),
        )

    def prepare(self) -> None:
        """Build now what would be built when the first record needs it.

        Raises:
            ConfigError: as when it is built.
        """
        prepare(self._built, self._config_path)

    def joiner(self) -> Joiner[Any]:
        """Joins the records of one chunk that come entry by entry."""
        return Joiner(self._max_record_bytes, self._quarantine, self.counts)

    def decode_failure(
        self, error_type: ErrorType, raw: bytes, tag: str = "", time: str | None = None
    ) -> DecodeFailure:
        """What stands for bytes that are no record, see ``Quarantine.failure``."""
        return self._quarantine.failure(error_type, raw, tag, time)

    def tag(self, tag: str) -> str:
        """A shipper's tag as it may leave: a name, or the keyed hash of what is none. Never raises."""
        return str(self._beside.tag(tag))

    def group(self, body: Any) -> dict[str, Any]:
        """The body of a group marker as it may leave, see ``Beside.group``."""
        return self._beside.group(body)

    def clean(self, tree: dict[str, Any]) -> dict[str, Any]:
        """A shipper's metadata as it may leave, see ``Beside.metadata``."""
        return self._beside.metadata(tree)

    def read(self, event: AuditEvent) -> tuple[Collected, Scan]:
        """The texts of an event with what is found in them; the event stays as it is."""
        self._budget.begin_batch()
        self._budget.resume(clock.secs(), 0.0)
        collected = self._collect(event, self._tenant_id)
        scan = self.detector.scan(collected.texts.items)
        collected.texts.assemble(self.detector.verify(scan))
        return collected, scan

    def __call__(self, record: RawRecord | DecodeFailure) -> list[dict[str, Any]]:
        """What leaves in the first schema for one raw record: the events for the records inside it, in order."""
        return self.batch([record])[0]

    def batch(self, records: Sequence[RawRecord | DecodeFailure]) -> list[list[dict[str, Any]]]:
        """What leaves in the first schema for each of some raw records: the same as if it came alone."""
        return [leaving.written[0] for leaving in self.leaving(records)]

    def leaving(self, records: Sequence[RawRecord | DecodeFailure]) -> list[Leaving]:
        """What leaves in all schemas for each of some raw records."""
        steps = self.steps(records)
        while True:
            try:
                next(steps)
            except StopIteration as done:
                results: list[Leaving] = done.value
                return results

    def steps(self, records: Sequence[RawRecord | DecodeFailure]) -> Generator[None, None, list[Leaving]]:
        """As ``leaving``, in steps: whoever serves several senders lets another one go on wherever this yields.

        A step is a batch of events in all stages, or less: it ends after the event that it is at when ``STEP_SECS`` are
        over. So it takes that long and one stage of one event, which ``limits.record_secs`` bounds.
        """
        done: list[list[_Job | Written]] = []
        write = self._writers.write_quarantine
        waiting: list[_Job] = []
        for record in records:
            jobs: list[_Job | Written] = []
            done.append(jobs)
            digest = b""
            try:
                # Now: parsers take apart what they are given.
                digest = self._digest(record)
                for job in self._parse(record, digest):
                    jobs.append(job)
                    if isinstance(job, _Job):
                        waiting.append(job)
                    # There are records with thousands of events.
                    if len(waiting) >= self.batch_records:
                        batch, waiting = waiting, []
                        yield from self._finish(batch)
                        yield
            except RecordError as error:
                # The record as a whole cannot be opened: one event for it, whatever was read before that showed.
                jobs[:] = [write(self._quarantine(record, error.error_type, record_digest=digest))]
            except Exception:
                jobs[:] = [write(self._quarantine(record, ErrorType.PARSER_FAILED, record_digest=digest))]
        yield from self._finish(waiting)
        self._ids.forget()
        if self._built is not None:
            self._built.count_into(self.counts)
        return [self._leaving(jobs) for jobs in done]

    def _leaving(self, jobs: Sequence[_Job | Written]) -> Leaving:
        """What leaves for a record whose events are done, counted."""
        events, is_whole = [], True
        for job in jobs:
            kind = job.kind if isinstance(job, _Job) else Kind.QUARANTINE
            self.counts.emitted[kind.value] += 1
            is_whole = is_whole and kind is not Kind.QUARANTINE
            events.append(job.written if isinstance(job, _Job) else job)
        if len(events) == 1:
            return Leaving(events[0], is_whole)
        by_schema = [[record for event in events for record in event[number]] for number in range(len(self.schemas))]
        return Leaving(by_schema, is_whole)

    def follow(self, clock: Callable[[], float]) -> None:
        """Close windows of usage by a clock, in seconds since 1970, instead of by the times of records."""
        if self.meter is not None:
            self.meter.follow(clock)

    def usage(self, *, everything: bool = False) -> list[Written]:
        """What was counted by caller and window, as events in all schemas: each once.

        Args:
            everything: windows that are still open too: nothing more will come.
        """
        if self.meter is None:
            return []
        rows = self.meter.drain() if everything else self.meter.due()
        if rows:
            self.counts.emitted[Kind.USAGE.value] += len(rows)
        if self.meter.lost_rows:
            self.counts.dropped[DROPPED_USAGE] += self.meter.lost_rows
            self.meter.lost_rows = 0
        return [self._write_row(native.encode(row)) for row in rows]

    def _write_row(self, row: dict[str, Any]) -> Written:
        # It is of no record that could be in quarantine: where an encoder fails it leaves in veilog/1.
        return self._writers.write(row, lambda _error_type: row)

    def hand_over(self, successor: Pipeline) -> list[Written]:
        """All that was counted, as events; what chunks that are being filtered still bring is the successor's."""
        counted = self.usage(everything=True)
        self.meter = successor.meter
        return counted

    def _digest(self, record: RawRecord | DecodeFailure) -> bytes:
        """What ids of a record's events are made of; for a damaged one, its hash is."""
        return b"" if isinstance(record, DecodeFailure) else self._ids.of_record(record)

    def _parse(self, record: RawRecord | DecodeFailure, record_digest: bytes) -> Iterator[_Job | Written]:
        """The events of a raw record, or what leaves instead of one; those that policy lets go are left out.

        Raises:
            RecordError: the raw record as a whole is no record.
        """
        self.counts.received += 1
        write = self._writers.write_quarantine
        if self._fallbacks:
            self.counts.fallback_records.update(self._fallbacks)
        if isinstance(record, DecodeFailure):
            self.counts.bytes_in += record.raw_bytes
            yield write(self._quarantine(record, record.error_type))
            return
        self.counts.bytes_in += len(record.raw)
        start = clock.secs()
        self._budget.resume(start, 0.0)
        index = -1
        is_large = len(record.raw) >= LARGE_RECORD_BYTES
        parsing = self._interruptible(self.registry.parse(record)) if is_large else self.registry.parse(record)
        processor_start = clock.processor_secs() if is_large else 0.0
        processor_secs = 0.0
        for index, parsed in enumerate(parsing):
            spent_secs = clock.secs() - start
            if is_large:
                processor_secs = clock.processor_secs() - processor_start
            self.counts.stage_seconds[PARSE] += spent_secs  # type: ignore[assignment]  # typeshed counts in int
            self.counts.stage_events[PARSE] += 1
            if isinstance(parsed, ParseFailure):
                yield write(self._quarantine(record, parsed.error_type, parsed.source, index, record_digest))
            elif parsed.source != OTHER or self._unrecognized == "redact":
                yield _Job(record, index, parsed, record_digest, spent_secs, processor_secs)
            elif self._unrecognized == "drop":
                self.counts.dropped[DROPPED_UNRECOGNIZED] += 1
            else:
                shown = parsed.unmapped
                yield write(self._quarantine(record, ErrorType.UNRECOGNIZED, OTHER, index, record_digest, shown))
            start = clock.secs()
            if is_large:
                processor_start = clock.processor_secs()
            self._budget.resume(start, 0.0)
        if index < 0:
            self.counts.dropped[DROPPED_EMPTY] += 1

    def _interruptible(self, parsing: Iterator[AuditEvent | ParseFailure]) -> Iterator[AuditEvent | ParseFailure]:
        """The events of a parser, which is interrupted if one of them takes longer than the budget.

        Raises:
            RecordError: one took longer.
        """
        while True:
            try:
                parsed = within(self._budget.limit_secs, "a parser", next, parsing, None, waits=False)
            except Interrupted:
                raise RecordError(ErrorType.OVER_BUDGET, f"more than {self._budget.limit_secs} s") from None
            if parsed is None:
                return
            yield parsed

    def _finish(self, jobs: list[_Job]) -> Iterator[None]:
        """All stages after parse. What fails in one is in quarantine, and the others go on.

        Yields where others may go on: no stage keeps anything of an event from one job to the next.
        """
        everything, budget = jobs, self._budget
        budget.begin_batch()
        over_at = clock.secs() + STEP_SECS
        entered: dict[str, int] = {}
        for stage, failure, work in self.stages:
            # A stage may have two steps; an event enters it once.
            entered.setdefault(stage, len(jobs))
            began, secs = clock.secs(), 0.0
            for job in jobs:
                budget.resume(began, job.spent_secs, job.spent_processor_secs)
                try:
                    work(job)
                except RecordError as error:
                    self._fail(job, error.error_type)
                except Exception:
                    # Deliberately unread: its message may quote the text.
                    self._fail(job, failure)
                now = clock.secs()
                job.spent_secs += now - began
                secs += now - began
                if job.spent_secs > budget.limit_secs and budget.is_spent(now) and not job.written:
                    self._fail(job, ErrorType.OVER_BUDGET)
                if now > over_at:
                    job.spent_processor_secs += budget.batch_processor_secs
                    yield
                    budget.begin_batch()
                    now = clock.secs()
                    over_at = now + STEP_SECS
                began = now
            self.counts.stage_seconds[stage] += secs  # type: ignore[assignment]  # typeshed counts in int
            jobs = [job for job in jobs if not job.written]
        self.counts.stage_events.update(entered)
        for job in everything:
            # What is written waits for others, but without its texts.
            job.event, job.collected, job.scan = _RELEASED
            job.possible, job.readings = {}, ()

    def _fail(self, job: _Job, error_type: ErrorType) -> None:
        job.written = self._writers.write_quarantine(self._quarantine_of(job, error_type))

    def _quarantine_of(self, job: _Job, error_type: ErrorType) -> dict[str, Any]:
        """The quarantine event that leaves in place of a job's."""
        job.kind = Kind.QUARANTINE
        return self._quarantine(job.record, error_type, str(job.event.source), job.index, job.record_digest)

    def _identify(self, job: _Job) -> None:
        """Fill tenant, time, id and departments."""
        event, record = job.event, job.record
        # Parsers say whose record it is. Hashes are separated by what the configuration says alone: whoever serves
        # several organizations follows a prompt over all of them, or runs one veilog for each.
        event.organization_id = event.organization_id or event.tenant_id
        if self._tenant_id:
            event.tenant_id = Constant(self._tenant_id)
        elif event.tenant_id is None:
            event.tenant_id = event.organization_id
        job.tenant = self._tenant_id
        if event.timestamp is None:
            event.timestamp = parse_time(record.time)
        event.event_id = self._ids.of_event(
            job.record_digest, str(event.source), _reveal(event.request_id), event.timestamp or "", job.index
        )
        if self._departments is not None:
            self._departments(event)

    def _gather(self, job: _Job) -> None:
        job.collected = self._collect(job.event, job.tenant)

    def _scan(self, job: _Job) -> None:
        """One pass over all texts: for the detector, and for who has to know where words and expressions could be."""
        event, collected = job.event, job.collected
        job.scan = self.detector.scan(collected.texts.items)
        if self._policy_prefilter is not None and event.kind is Kind.AI_ACCESS:
            possible = self._policy_prefilter.scan
            job.possible = {
                "prompt": possible(readings_of(collected.prompt)),
                "response": possible(readings_of(collected.response)),
            }
        job.readings = self._threats.scan(event, collected)

    def _verify(self, job: _Job) -> None:
        job.collected.texts.assemble(self.detector.verify(job.scan))

    def _label(self, job: _Job) -> None:
        event, collected = job.event, job.collected
        if event.kind is not Kind.AI_ACCESS:
            return
        if not collected.prompt and not collected.response:
            return
        collected.texts.check_complete()
        findings, rules = Findings(), ClassificationRules()
        categories: set[Constant] = set()
        if collected.prompt:
            findings.prompt, verdict = self._judge("prompt", job, collected.prompt)
            rules.prompt, event.prompt_classification = list(verdict.rules), verdict.level
            categories.update(verdict.categories)
        if collected.response:
            findings.response, verdict = self._judge("response", job, collected.response)
            rules.response, event.response_classification = list(verdict.rules), verdict.level
            categories.update(verdict.categories)
        event.findings, event.classification_rules, event.data_categories = findings, rules, sorted(categories)

    def _judge(self, side: Side, job: _Job, messages: list[list[Inspected]]) -> tuple[dict[str, int], Verdict]:
        """What was found in the texts of one side, and its label."""
        event, found, possible = job.event, counts(parts_of(messages)), job.possible.get(side)
        self.counts.findings.update(found)
        evidence = Evidence(
            readings_of(messages) if possible is None else (),
            possible,
            found,
            side,
            event.source or "",
            event.user_department or "",
            event.model_department or "",
            tuple(event.cross_department.through) if event.cross_department is not None else (),
        )
        return found, self._classify(evidence)

    def _seek_threats(self, job: _Job) -> None:
        """Which threat rules match; before names are replaced, which rules may ask for."""
        job.matches = self._threats(job.event, job.readings)

    def _fingerprint(self, job: _Job) -> None:
        fingerprint(job.event, self.fingerprinter, self._previous, job.tenant, sketches=self._sketches)

    def _compare(self, job: _Job) -> None:
        """What the response lets out. It comes behind the hashes: runs of system prompts are kept under theirs."""
        if job.event.kind is Kind.AI_ACCESS:
            job.event.leakage = self._leaks(job.event, job.collected)

    def _clean(self, job: _Job) -> None:
        event = job.event
        proof = Redaction(policy=self._policy_name, detectors=self._detectors, dropped_fields=event.dropped_fields)
        if isinstance(event.unmapped, SensitiveTree):
            proof.unmapped_fields = _count_leaves(event.unmapped.reveal())
        hashed = self._redact(event, job.collected, job.tenant)
        self.counts.unmapped_fields += proof.unmapped_fields
        if hashed:
            proof.hashed_fields = sum(hashed.values())
            self.counts.hashed_names.update(hashed)
        coverage = job.collected.texts.coverage
        proof.truncated_bytes = coverage.truncated_bytes
        model = job.scan.model
        if model is not None:
            proof.ner_read_texts, proof.ner_left_out_texts = model.read_texts, model.left_out_texts
        if coverage.truncated_bytes:
            proof.status = RedactionStatus.TRUNCATED
        self.counts.timed_out_texts += coverage.timed_out_texts
        if coverage.timed_out_texts:
            proof.status = RedactionStatus.TIMED_OUT
        event.redaction = proof

    def _count(self, job: _Job) -> None:
        """By caller and window; behind the gate, so that nothing is counted but what may leave."""
        if self.meter is not None:
            self.meter.observe(job.event)

    def _tag(self, job: _Job) -> None:
        """The threats; behind all that they may follow from."""
        event = job.event
        threats, dry = self._threats.tagged(event, job.matches, self.counts.threats)
        event.threats = threats or None
        if dry and event.redaction is not None:
            event.redaction.dry_run_rules = dry

    def _write(self, job: _Job) -> None:
        event = native.encode(job.event)
        job.kind = job.event.kind or Kind.OTHER
        job.written = self._writers.write(event, partial(self._quarantine_of, job))


def _reveal(text: Text | None) -> str:
    if text is None:
        return ""
    return text.reveal() if isinstance(text, SensitiveText) else text


def _count_leaves(tree: Any) -> int:
    """How many values a JSON tree has. No recursion: how deep a record may be is checked where it is cleaned."""
    count, pending = 0, [tree]
    while pending:
        value = pending.pop()
        if type(value) is dict:
            pending.extend(value.values())
        elif type(value) is list:
            pending.extend(value)
        else:
            count += 1
    return count
