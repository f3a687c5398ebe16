"""The way of a record, from a decoded value to the objects that may leave.

    parse -> identify -> inspect -> verify -> classify -> fingerprint -> redact -> encode

What may leave is decided in the last two: ``names`` and ``gate`` say what a name is, ``encode`` takes nothing that is
not of its field's type.

One direction; no stage calls back. Records go in small batches, all of them through a stage before any goes through
the next: then the code of a stage is in the processor's caches, which takes a sixth off what a record costs
(``benchmarks/bench_pipeline.py``). No stage looks from one event to another.

Whatever raises on the way, for whatever reason, what leaves instead is one quarantine event made of constants, lengths
and keyed hashes: the stage that was at work gives its ``error_type``. A record that takes too long is such a case too
(``budget``). No exception's message or traceback is ever
written, since libraries quote their input in them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import Any, Final, TypeVar

from veilog_filters import clock
from veilog_filters.budget import Budget
from veilog_filters.classify import ClassificationPolicy, Classifier, Evidence, Side, Verdict
from veilog_filters.config import Config, defect_of, load_policy
from veilog_filters.detect.api import Detector
from veilog_filters.detect.build import NamedDetector, detector_for
from veilog_filters.detect.ner import NerDetector
from veilog_filters.encode import ENCODERS
from veilog_filters.fingerprint import Fingerprinter, fingerprint, load_key
from veilog_filters.inspect import Inspected, Inspection, Inspector, counts
from veilog_filters.lookup import Departments
from veilog_filters.metrics import Counts
from veilog_filters.record_shape import key_paths, shape_hash
from veilog_filters.redact import Redactor
from veilog_parsers.errors import ErrorType, RecordError
from veilog_parsers.event import (
    AuditEvent,
    ClassificationRules,
    Constant,
    Digest,
    Findings,
    Handling,
    Kind,
    Redaction,
    RedactionStatus,
    SensitiveText,
    SensitiveTree,
    Text,
)
from veilog_parsers.record.raw import RawRecord
from veilog_parsers.record.times import parse_time
from veilog_parsers.registry import OTHER, ParseFailure, Registry

T = TypeVar("T")

BATCH_RECORDS: Final = 16
"""Larger batches are not faster: then it is the records that leave the caches."""
BATCH_BYTES: Final = 1_048_576
"""A batch is complete when it has so many bytes of raw records: large ones have nothing to gain."""

STEP_SECS: Final = 0.01
"""How long a step is, in seconds, unless a stage of one event takes longer."""

PARSE: Final = "parse"
"""The first stage, as metrics call it."""

GROUP_ATTRIBUTES: Final = {"resource": frozenset[str](), "scope": frozenset(("name", "version"))}
"""What a group marker says besides attributes, by its part (OTLP's Resource and InstrumentationScope)."""
RESOURCE_ATTRIBUTES: Final = frozenset(
    (
        "cloud.account.id",
        "cloud.availability_zone",
        "cloud.platform",
        "cloud.provider",
        "cloud.region",
        "container.id",
        "container.name",
        "deployment.environment",
        "deployment.environment.name",
        "host.name",
        "k8s.cluster.name",
        "k8s.container.name",
        "k8s.deployment.name",
        "k8s.namespace.name",
        "k8s.node.name",
        "k8s.pod.name",
        "service.instance.id",
        "service.name",
        "service.namespace",
        "service.version",
        "telemetry.sdk.language",
        "telemetry.sdk.name",
        "telemetry.sdk.version",
    )
)
"""Attributes that leave as names (OpenTelemetry's semantic conventions for resources)."""

DROPPED_UNRECOGNIZED: Final = "unrecognized"
DROPPED_EMPTY: Final = "no_events_inside"
DROPPED_METADATA: Final = "metadata_not_cleaned"


@dataclasses.dataclass(slots=True)
class DecodeFailure:
    """What a transport could not decode: it has a length and a hash, but no value.

    Attributes:
        error_type: why.
        raw_bytes: its length.
        raw_hash: its hash in the ``raw`` domain.
        tag: the shipper's tag, or "".
        time: the shipper's time in RFC 3339, or None.
    """

    error_type: ErrorType
    raw_bytes: int
    raw_hash: Digest
    tag: str = ""
    time: str | None = None


@dataclasses.dataclass(slots=True)
class _Job:
    """An event on its way.

    Attributes:
        record: the raw record that it comes from.
        index: which of the record's events it is.
        event: what the stages work on.
        record_digest: of the record that it comes from, see ``Fingerprinter.record``.
        spent_secs: what it took until now, in seconds.
        tenant: by which hashes are separated.
        inspection: what was found in its texts.
        encoded: what leaves; empty as long as it is on its way.
    """

    record: RawRecord
    index: int
    event: AuditEvent
    record_digest: bytes
    spent_secs: float
    tenant: str = dataclasses.field(init=False)
    inspection: Inspection = dataclasses.field(init=False)
    encoded: dict[str, Any] = dataclasses.field(default_factory=dict)


_NOTHING_HASHED: Final = (b"", Digest(""))
_LET_GO: Final = (AuditEvent(), Inspection([], []))


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
        schema: name of the encoding that leaves.
        detector: replaces Presidio; for callers that have their own.
        config_path: the configuration's file, for errors that show only while building.

    Attributes:
        batch_records: how many records a batch may have to be taken as one.
        stages: the stages after parse: name in metrics, ``error_type`` of an event that fails there, work. Exchanged
            by ``veilog prove`` alone, which has one fail at a time.

    Raises:
        ConfigError: a key, a file, a model or an entity that the configuration names is not there.
    """

    def __init__(
        self,
        config: Config,
        schema: str = "native",
        detector: Detector | None = None,
        config_path: str | None = None,
    ) -> None:
        self._config_path = config_path
        file = config_path or "configuration"
        self.fingerprinter = Fingerprinter(*load_key(config.hash_key, "hash_key", file))
        self._previous = (
            Fingerprinter(*load_key(config.previous_hash_key, "previous_hash_key", file))
            if config.previous_hash_key
            else None
        )
        policy = load_policy(config)
        self._classify = classifier_for(config, policy)
        departments = config.lookup.departments_file
        self._departments = Departments.load(departments) if departments else None
        self.registry = Registry(config.sources(), "" if config.source == "auto" else config.source)
        names = ["custom"]
        self._built: NamedDetector | None = None
        self._cache_seen = (0, 0)
        self._hashed = _NOTHING_HASHED
        self._budget = Budget(config.limits.record_secs)
        if detector is None:
            try:
                self._built = detector = detector_for(config.detect, self._budget.check)
            except ValueError as error:
                raise defect_of(config_path, "detect", error) from None
            names = detector.names
        self.ner = detector if isinstance(detector, NerDetector) else None
        self.inspect = Inspector(detector, config.detect.max_text_bytes, config.limits.max_depth, self._budget.check)
        self._redact = Redactor(config.redact, config.policy, self.inspect, self.fingerprinter)
        self._names = self._redact.names
        self._encode = ENCODERS[schema]
        self._unrecognized = config.policy.unrecognized
        self._tenant_id = config.tenant_id
        self._tag = config.tag
        self._keep_unmapped = config.policy.unmapped == "redact"
        self._detectors = [Constant(name) for name in names]
        self._policy_name = Constant(f"{config.policy.name} {policy.name}/{policy.version}")
        self.counts = Counts()
        self.counts.entities = self._redact.entities
        # What a model may do, and has done, is counted event by event.
        self.batch_records = BATCH_RECORDS if self.ner is None else 1
        # What the stages after parse are called in metrics, what is said of an event that fails there, and the work.
        self.stages: tuple[tuple[str, ErrorType, Callable[[_Job], None]], ...] = (
            ("fingerprint", ErrorType.FINGERPRINT_FAILED, self._identify),
            ("inspect", ErrorType.DETECTOR_FAILED, self._look),
            ("inspect", ErrorType.DETECTOR_FAILED, self._verify),
            ("classify", ErrorType.CLASSIFIER_FAILED, self._label),
            ("fingerprint", ErrorType.FINGERPRINT_FAILED, self._fingerprint),
            ("redact", ErrorType.REDACTION_FAILED, self._clean),
            ("encode", ErrorType.ENCODING_FAILED, self._write),
        )

    def prepare(self) -> None:
        """Build now what would be built when the first record needs it, for who would rather wait at start.

        Raises:
            ConfigError: as when it is built.
        """
        if self._built is not None:
            try:
                self._built.prepare()
            except ValueError as error:
                raise defect_of(self._config_path, "detect", error) from None

    def __call__(self, record: RawRecord | DecodeFailure) -> list[dict[str, Any]]:
        """What leaves for one raw record: one event for each record inside it, encoded, in order."""
        return self.batch([record])[0]

    def batch(self, records: Sequence[RawRecord | DecodeFailure]) -> list[list[dict[str, Any]]]:
        """What leaves for each of some raw records: the same as if it came alone."""
        steps = self.steps(records)
        while True:
            try:
                next(steps)
            except StopIteration as done:
                results: list[list[dict[str, Any]]] = done.value
                return results

    def steps(self, records: Sequence[RawRecord | DecodeFailure]) -> Generator[None, None, list[list[dict[str, Any]]]]:
        """As ``batch``, in steps: whoever serves several senders lets another one go on wherever this yields.

        A step is a batch of events in all stages, or less: it ends after the event that it is at when ``STEP_SECS`` are
        over. So it takes that long and one stage of one event, which ``limits.record_secs`` bounds.
        """
        done: list[list[_Job | dict[str, Any]]] = []
        waiting: list[_Job] = []
        for record in records:
            jobs: list[_Job | dict[str, Any]] = []
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
                jobs[:] = [self._rejected(record, error.error_type, record_digest=digest)]
            except Exception:
                jobs[:] = [self._rejected(record, ErrorType.PARSER_FAILED, record_digest=digest)]
        yield from self._finish(waiting)
        self._hashed = _NOTHING_HASHED
        out = [[job.encoded if isinstance(job, _Job) else job for job in jobs] for jobs in done]
        self._count_cache()
        for events in out:
            for encoded in events:
                self.counts.emitted[encoded["kind"]] += 1
        return out

    def _count_cache(self) -> None:
        if self._built is not None:
            cache, (hits, misses) = self._built.cache, self._cache_seen
            self.counts.cache_hits += cache.hits - hits
            self.counts.cache_misses += cache.misses - misses
            self._cache_seen = (cache.hits, cache.misses)
        if self.ner is not None:
            self.ner.count_into(self.counts)

    def _digest(self, record: RawRecord | DecodeFailure) -> bytes:
        """What ids of a record's events are made of; for a damaged one, its hash is."""
        return b"" if isinstance(record, DecodeFailure) else self.fingerprinter.record(record, self._tenant_id)

    def _parse(self, record: RawRecord | DecodeFailure, record_digest: bytes) -> Iterator[_Job | dict[str, Any]]:
        """The events of a raw record, or what leaves instead of one; those that policy lets go are left out.

        Raises:
            RecordError: the raw record as a whole is no record.
        """
        self.counts.received += 1
        if isinstance(record, DecodeFailure):
            self.counts.bytes_in += record.raw_bytes
            yield self._rejected(record, record.error_type)
            return
        self.counts.bytes_in += len(record.raw)
        start = clock.secs()
        index = -1
        for index, parsed in enumerate(self.registry.parse(record)):
            spent_secs = clock.secs() - start
            self.counts.stage_seconds[PARSE] += spent_secs  # type: ignore[assignment]  # typeshed counts in int
            self.counts.stage_events[PARSE] += 1
            if isinstance(parsed, ParseFailure):
                yield self._rejected(record, parsed.error_type, parsed.source, index, record_digest)
            elif parsed.source != OTHER or self._unrecognized == "redact":
                yield _Job(record, index, parsed, record_digest, spent_secs)
            elif self._unrecognized == "drop":
                self.counts.dropped[DROPPED_UNRECOGNIZED] += 1
            else:
                yield self._rejected(record, ErrorType.UNRECOGNIZED, OTHER, index, record_digest, parsed.unmapped)
            start = clock.secs()
        if index < 0:
            self.counts.dropped[DROPPED_EMPTY] += 1

    def _finish(self, jobs: list[_Job]) -> Iterator[None]:
        """All stages after parse. What fails in one is in quarantine, and the others go on.

        Yields where others may go on: no stage keeps anything of an event from one job to the next. (A model does, so
        with NER it does not.)
        """
        everything, budget = jobs, self._budget
        budget.begin_batch()
        over_at = clock.secs() + (STEP_SECS if self.ner is None else float("inf"))
        entered: dict[str, int] = {}
        for stage, failure, work in self.stages:
            # A stage may have two steps; an event enters it once.
            entered.setdefault(stage, len(jobs))
            began, secs = clock.secs(), 0.0
            for job in jobs:
                budget.resume(began, job.spent_secs)
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
                if job.spent_secs > budget.limit_secs and budget.is_spent(now) and not job.encoded:
                    self._fail(job, ErrorType.OVER_BUDGET)
                if now > over_at:
                    yield
                    budget.begin_batch()
                    now = clock.secs()
                    over_at = now + STEP_SECS
                began = now
            self.counts.stage_seconds[stage] += secs  # type: ignore[assignment]  # typeshed counts in int
            jobs = [job for job in jobs if not job.encoded]
        self.counts.stage_events.update(entered)
        for job in everything:
            # What is encoded waits for others, but without its texts.
            job.event, job.inspection = _LET_GO

    def _fail(self, job: _Job, error_type: ErrorType) -> None:
        job.encoded = self._rejected(job.record, error_type, str(job.event.source), job.index, job.record_digest)

    def tag(self, tag: str) -> str:
        """A shipper's tag as it may leave: a name, or the keyed hash of what is none. Never raises."""
        return str(self._tag_name(tag))

    def _tag_name(self, tag: str) -> Text:
        # Beside any event: with a time of its own, and nobody's names to conceal.
        self._begin_beside()
        try:
            return self._names(SensitiveText(tag), "tag", Handling.IDENTIFIER, self._tenant_id)
        except Exception:
            # A detector failed on it, or it took too long: as a hash it leaves all the same.
            return self._names.hash(tag, "tag", self._tenant_id)

    def _begin_beside(self) -> None:
        """Begin with what stands beside records: tags, metadata, groups."""
        self._names.begin()
        self._budget.begin_batch()
        self._budget.resume(clock.secs(), 0.0)

    def group(self, body: Any) -> dict[str, Any]:
        """The body of a group marker as it may leave: of resource and scope, listed attributes, as names.

        What else it says leaves cleaned, where the policy keeps what was not mapped. Empty where that fails.
        """
        if type(body) is not dict:
            return {}
        if self._keep_unmapped:
            return self.clean(body)
        self._begin_beside()
        try:
            return self._listed(body)
        except Exception:
            self.counts.dropped[DROPPED_METADATA] += 1
            return {}

    def _listed(self, body: dict[str, Any]) -> dict[str, Any]:
        group: dict[str, Any] = {}
        for holder, attributes in GROUP_ATTRIBUTES.items():
            found = body.get(holder)
            if type(found) is not dict:
                continue
            kept = self._named(found, attributes)
            inner = found.get("attributes")
            if type(inner) is dict and (listed := self._named(inner, RESOURCE_ATTRIBUTES)):
                kept["attributes"] = listed
            if kept:
                group[holder] = kept
        return group

    def _named(self, holder: dict[str, Any], attributes: frozenset[str]) -> dict[str, Any]:
        return {
            key: str(self._names(SensitiveText(value), "group", Handling.IDENTIFIER, self._tenant_id))
            for key in sorted(attributes.intersection(holder))
            if type(value := holder[key]) is str and value
        }

    def clean(self, tree: dict[str, Any]) -> dict[str, Any]:
        """A JSON object beside a record (a shipper's metadata), cleaned leaf by leaf where the policy keeps it.

        Empty under ``unmapped: drop``, and where cleaning fails.
        """
        if not self._keep_unmapped or not tree:
            return {}
        try:
            if self.ner is not None:
                self.ner.begin()
            self._begin_beside()
            return self._redact.tree(tree, self._tenant_id, "metadata")
        except Exception:
            self.counts.dropped[DROPPED_METADATA] += 1
            return {}

    def _identify(self, job: _Job) -> None:
        """Fill tenant, time, id and departments."""
        event, record = job.event, job.record
        if self._tenant_id:
            event.tenant_id = Constant(self._tenant_id)
        job.tenant = _reveal(event.tenant_id)
        if event.timestamp is None:
            event.timestamp = parse_time(record.time)
        event.event_id = self._event_id(
            job.record_digest, str(event.source), _reveal(event.request_id), event.timestamp or "", job.index
        )
        if self._departments is not None:
            department = self._departments.user(_reveal(event.user_id), _reveal(event.user_name))
            event.user_department = Constant(department) if department else None
            department = self._departments.model(_reveal(event.model_name))
            event.model_department = Constant(department) if department else None

    def _event_id(self, record_digest: bytes, source: str, source_id: str, time: str, index: int) -> Digest:
        """The same for every delivery of the same record, so that duplicates can be removed downstream."""
        running = self.fingerprinter.start("event_id", self._tenant_id)
        running.update("\0".join((source, source_id, time, str(index), "")).encode("utf-8", "replace"))
        running.update(record_digest)
        return Digest(running.hexdigest()[:32])

    def _look(self, job: _Job) -> None:
        job.inspection = self.inspect.look(job.event)

    def _verify(self, job: _Job) -> None:
        self.inspect.verify(job.inspection)

    def _label(self, job: _Job) -> None:
        event, inspection = job.event, job.inspection
        if event.kind is not Kind.AI_ACCESS:
            return
        if not inspection.prompt and not inspection.response:
            return
        findings, rules = Findings(), ClassificationRules()
        categories: set[Constant] = set()
        if inspection.prompt:
            findings.prompt, verdict = self._judge("prompt", event, inspection.side(inspection.prompt))
            rules.prompt, event.prompt_classification = list(verdict.rules), verdict.level
            categories.update(verdict.categories)
        if inspection.response:
            findings.response, verdict = self._judge("response", event, inspection.side(inspection.response))
            rules.response, event.response_classification = list(verdict.rules), verdict.level
            categories.update(verdict.categories)
        event.findings, event.classification_rules, event.data_categories = findings, rules, sorted(categories)

    def _judge(self, side: Side, event: AuditEvent, texts: list[Inspected]) -> tuple[dict[str, int], Verdict]:
        """What was found in the texts of one side, and its label."""
        found = counts(texts)
        self.counts.findings.update(found)
        evidence = Evidence(
            [text.text for text in texts],
            found,
            side,
            event.source or "",
            event.user_department or "",
            event.model_department or "",
        )
        return found, self._classify(evidence)

    def _fingerprint(self, job: _Job) -> None:
        fingerprint(job.event, self.fingerprinter, self._previous, job.tenant)

    def _clean(self, job: _Job) -> None:
        event, inspection = job.event, job.inspection
        proof = Redaction(policy=self._policy_name, detectors=self._detectors)
        if isinstance(event.unmapped, SensitiveTree):
            proof.unmapped_fields = _count_leaves(event.unmapped.reveal())
        self.inspect.resume(inspection)
        self._redact(event, inspection, job.tenant)
        self.counts.unmapped_fields += proof.unmapped_fields
        hashed = self._names.hashed
        if hashed:
            proof.hashed_fields = sum(hashed.values())
            self.counts.hashed_names.update(hashed)
        coverage = inspection.coverage
        proof.truncated_bytes = coverage.truncated_bytes
        if self.ner is not None:
            proof.ner_read_texts, proof.ner_left_out_texts = self.ner.read_texts, self.ner.left_out_texts
        if coverage.truncated_bytes:
            proof.status = RedactionStatus.TRUNCATED
        self.counts.timed_out_texts += coverage.timed_out_texts
        if coverage.timed_out_texts:
            proof.status = RedactionStatus.TIMED_OUT
        event.redaction = proof

    def _write(self, job: _Job) -> None:
        job.encoded = self._encode(job.event)

    def _rejected(
        self,
        record: RawRecord | DecodeFailure,
        error_type: ErrorType,
        source: str = OTHER,
        index: int = 0,
        record_digest: bytes = b"",
        shown: Any = None,
    ) -> dict[str, Any]:
        """What leaves for a record, or one in it, which cannot be shown: nothing comes from the record's content.

        Args:
            record: the raw record.
            error_type: why.
            source: the parser that it came to.
            index: which of the raw record's events it would have been.
            record_digest: the raw record's, as far as it was made.
            shown: what of an unrecognized record the operator gets the shape of, sealed.
        """
        event = AuditEvent(source=Constant(source), kind=Kind.QUARANTINE)
        event.error_type = Constant(error_type)
        if isinstance(record, DecodeFailure):
            event.raw_bytes, event.raw_hash = record.raw_bytes, record.raw_hash
        else:
            event.raw_bytes = len(record.raw)
            event.raw_hash = self._raw_hash(record.raw)
        event.hash_key_id = self.fingerprinter.key_id
        event.tenant_id = Constant(self._tenant_id) if self._tenant_id else None
        tag = record.tag or self._tag
        if tag:
            event.tag = self._tag_name(tag)
        event.timestamp = parse_time(record.time)
        event.event_id = self._event_id(
            record_digest or event.raw_hash.encode(), "quarantine", "", record.time or "", index
        )
        if isinstance(shown, SensitiveTree):
            event.record_shape = Digest(shape_hash(key_paths(shown.reveal()), self.fingerprinter))
        self.counts.quarantined[error_type] += 1
        return self._encode(event)

    def _raw_hash(self, raw: bytes) -> Digest:
        """The hash of a record's bytes, made once: there are records with thousands of events."""
        if self._hashed[0] is not raw:
            self._hashed = (raw, self.fingerprinter.digest("raw", self._tenant_id, raw))
        return self._hashed[1]


def classifier_for(config: Config, policy: ClassificationPolicy) -> Classifier:
    """The classifier, with a prefilter where the detector may have one."""
    return Classifier(policy, cache_dir=config.detect.cache_dir if config.detect.prefilter == "auto" else None)


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
