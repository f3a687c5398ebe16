"""The way of a record, from a decoded value to the objects that may leave.

    parse -> inspect -> classify -> fingerprint -> redact -> encode

One direction; no stage calls back. Whatever raises on the way, for whatever reason, what leaves instead is one
quarantine event made of constants, lengths and keyed hashes: the stage that was at work gives its ``error_type``.
No exception's message or traceback is ever written, since libraries quote their input in them.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import Any, Final

from veilog_filters.classify import ClassificationPolicy, Classifier, Evidence
from veilog_filters.config import Config, defect_of, load_policy
from veilog_filters.detect.fast import NamedDetector, detector_for
from veilog_filters.detect.finding import Detector
from veilog_filters.detect.ner import NerDetector
from veilog_filters.encode import ENCODERS
from veilog_filters.fingerprint import Fingerprinter, fingerprint, load_key
from veilog_filters.inspect import Inspection, Inspector, counts
from veilog_filters.lookup import Departments
from veilog_filters.metrics import Counts
from veilog_filters.redact import Redactor
from veilog_parsers.errors import ErrorType, RecordError
from veilog_parsers.event import (
    AuditEvent,
    ClassificationRules,
    CleanText,
    Findings,
    Kind,
    Redaction,
    RedactionStatus,
    SensitiveText,
    SensitiveTree,
    Text,
)
from veilog_parsers.record import RawRecord
from veilog_parsers.registry import OTHER, Registry, Rejected

DROPPED_UNRECOGNIZED: Final = "unrecognized"
DROPPED_EMPTY: Final = "no_events_inside"
DROPPED_METADATA: Final = "metadata_not_cleaned"


@dataclasses.dataclass(slots=True)
class Damaged:
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
    raw_hash: CleanText
    tag: str = ""
    time: str | None = None


class Pipeline:
    """All stages, built once from a configuration; calling it processes one record.

    Args:
        config: the configuration.
        schema: name of the encoding that leaves.
        detector: replaces Presidio; for callers that have their own.
        config_path: the configuration's file, for errors that show only while building.

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
        if detector is None:
            try:
                self._built = detector = detector_for(config.detect)
            except ValueError as error:
                raise defect_of(config_path, "detect", error) from None
            names = detector.names
        self.ner = detector if isinstance(detector, NerDetector) else None
        self.inspect = Inspector(detector, config.detect.max_text_bytes, config.limits.max_depth)
        self._redact = Redactor(config.redact, config.policy, self.inspect, self.fingerprinter)
        self._encode = ENCODERS[schema]
        self._unrecognized = config.policy.unrecognized
        self._tenant_id = config.tenant_id
        self._tag = config.tag
        self._detectors = [CleanText(name) for name in names]
        self._policy_name = CleanText(f"{config.policy.name} {policy.name}/{policy.version}")
        self.counts = Counts()
        self.counts.entities = self._redact.entities

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

    def __call__(self, record: RawRecord | Damaged) -> list[dict[str, Any]]:
        """What leaves for one raw record: one event for each record inside it, encoded, in order."""
        self.counts.received += 1
        out = self._process(record)
        self._count_cache()
        for encoded in out:
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

    def _process(self, record: RawRecord | Damaged) -> list[dict[str, Any]]:
        if isinstance(record, Damaged):
            self.counts.bytes_in += record.raw_bytes
            return [self._quarantine(record, OTHER, 0)]
        self.counts.bytes_in += len(record.raw)
        out: list[dict[str, Any]] = []
        index = -1
        try:
            for index, parsed in enumerate(self.registry.parse(record)):
                encoded = self._finish(parsed, record, index)
                if encoded is not None:
                    out.append(encoded)
        except RecordError as error:
            # The record as a whole cannot be opened: one event for it, whatever was read before that showed.
            return [self._quarantine(self._damaged(record, error.error_type), OTHER, 0)]
        except Exception:
            return [self._quarantine(self._damaged(record, ErrorType.PARSER_FAILED), OTHER, 0)]
        if index < 0:
            self.counts.dropped[DROPPED_EMPTY] += 1
        return out

    def _finish(self, parsed: AuditEvent | Rejected, record: RawRecord, index: int) -> dict[str, Any] | None:
        """All stages after parse; None for a record that the policy drops."""
        if isinstance(parsed, Rejected):
            return self._quarantine(self._damaged(record, parsed.error_type), parsed.source, index)
        event = parsed
        if event.source == OTHER and self._unrecognized != "clean":
            if self._unrecognized == "drop":
                self.counts.dropped[DROPPED_UNRECOGNIZED] += 1
                return None
            return self._quarantine(self._damaged(record, ErrorType.UNRECOGNIZED), OTHER, index)
        failure = ErrorType.FINGERPRINT_FAILED
        lap = self._stopwatch()
        try:
            tenant = self._identify(event, record, index)
            lap("fingerprint")
            failure = ErrorType.DETECTOR_FAILED
            inspection = self.inspect(event)
            lap("inspect")
            failure = ErrorType.CLASSIFIER_FAILED
            self._label(event, inspection)
            lap("classify")
            failure = ErrorType.FINGERPRINT_FAILED
            fingerprint(event, self.fingerprinter, self._previous, tenant)
            lap("fingerprint")
            failure = ErrorType.REDACTION_FAILED
            unmapped_fields = _count_leaves(event.unmapped.reveal()) if isinstance(event.unmapped, SensitiveTree) else 0
            self._redact(event, inspection, tenant)
            event.redaction = self._proof(unmapped_fields)
            lap("redact")
            failure = ErrorType.ENCODING_FAILED
            encoded = self._encode(event)
            lap("encode")
            return encoded
        except RecordError as error:
            failure = error.error_type
        except Exception:  # noqa: S110 - deliberately unread: its message may quote the text
            pass
        return self._quarantine(self._damaged(record, failure), str(parsed.source), index)

    def _stopwatch(self) -> Callable[[str], None]:
        """Adds the time since its last call to a stage. Two dictionary updates per stage: noise beside the stages."""
        clock, seconds, events = time.perf_counter, self.counts.stage_seconds, self.counts.stage_events
        last = clock()

        def lap(stage: str) -> None:
            nonlocal last
            now = clock()
            seconds[stage] += now - last  # type: ignore[assignment]  # typeshed counts in int
            events[stage] += 1
            last = now

        return lap

    def clean(self, tree: dict[str, Any]) -> dict[str, Any]:
        """A JSON object beside a record (a shipper's metadata), cleaned leaf by leaf; empty if that fails."""
        try:
            if self.ner is not None:
                self.ner.begin()
            return self._redact.tree(tree, self._tenant_id, "metadata")
        except Exception:
            self.counts.dropped[DROPPED_METADATA] += 1
            return {}

    def _identify(self, event: AuditEvent, record: RawRecord, index: int) -> str:
        """Fill tenant, time, id and departments; the tenant by which hashes are separated is returned."""
        if self._tenant_id:
            event.tenant_id = CleanText(self._tenant_id)
        tenant = _reveal(event.tenant_id)
        if event.timestamp is None and record.time is not None:
            event.timestamp = CleanText(record.time)
        event.event_id = self._event_id(
            str(event.source), _reveal(event.request_id), event.timestamp or "", record.raw, index
        )
        if self._departments is not None:
            department = self._departments.user(_reveal(event.user_id), _reveal(event.user_name))
            event.user_department = CleanText(department) if department else None
            department = self._departments.model(_reveal(event.model_name))
            event.model_department = CleanText(department) if department else None
        return tenant

    def _event_id(self, source: str, source_id: str, time: str, raw: bytes, index: int) -> CleanText:
        """The same for every delivery of the same bytes, so that duplicates can be removed downstream."""
        running = self.fingerprinter.start("event_id", self._tenant_id)
        running.update("\0".join((source, source_id, time, str(index), "")).encode("utf-8", "replace"))
        running.update(raw)
        return CleanText(running.hexdigest()[:32])

    def _label(self, event: AuditEvent, inspection: Inspection) -> None:
        if event.kind is not Kind.AI_ACCESS:
            return
        findings, rules = Findings(), ClassificationRules()
        categories: set[str] = set()
        for side, messages in (("prompt", inspection.prompt), ("response", inspection.response)):
            if not messages:
                continue
            texts = inspection.side(messages)
            found = counts(texts)
            verdict = self._classify(
                Evidence(
                    [text.text for text in texts],
                    found,
                    side,  # type: ignore[arg-type]
                    event.source or "",
                    event.user_department or "",
                    event.model_department or "",
                )
            )
            setattr(findings, side, found)
            setattr(rules, side, [CleanText(rule) for rule in verdict.rules])
            setattr(event, f"{side}_classification", verdict.level)
            categories.update(verdict.categories)
        if inspection.prompt or inspection.response:
            event.findings, event.classification_rules = findings, rules
            event.data_categories = [CleanText(category) for category in sorted(categories)]

    def _proof(self, unmapped_fields: int) -> Redaction:
        coverage = self.inspect.coverage
        proof = Redaction(policy=self._policy_name, detectors=self._detectors)
        proof.truncated_bytes, proof.unmapped_fields = coverage.truncated_bytes, unmapped_fields
        if self.ner is not None:
            proof.ner_read_texts, proof.ner_left_out_texts = self.ner.read_texts, self.ner.left_out_texts
        self.counts.unmapped_fields += unmapped_fields
        if coverage.truncated_bytes:
            proof.status = RedactionStatus.TRUNCATED
        self.counts.timed_out_texts += coverage.timed_out_texts
        if coverage.timed_out_texts:
            proof.status = RedactionStatus.TIMED_OUT
        return proof

    def _damaged(self, record: RawRecord, error_type: ErrorType) -> Damaged:
        raw_hash = self.fingerprinter.digest("raw", self._tenant_id, record.raw)
        return Damaged(error_type, len(record.raw), raw_hash, record.tag, record.time)

    def _quarantine(self, damaged: Damaged, source: str, index: int) -> dict[str, Any]:
        """The event that stands for a record which cannot be shown: nothing in it comes from the record's content."""
        event = AuditEvent(source=CleanText(source), kind=Kind.QUARANTINE)
        event.error_type = CleanText(damaged.error_type)
        event.raw_bytes = damaged.raw_bytes
        event.raw_hash = damaged.raw_hash
        event.hash_key_id = self.fingerprinter.key_id
        event.tenant_id = CleanText(self._tenant_id) if self._tenant_id else None
        tag = damaged.tag or self._tag
        event.tag = CleanText(tag) if tag else None
        event.timestamp = CleanText(damaged.time) if damaged.time else None
        event.event_id = self._event_id("quarantine", damaged.raw_hash, damaged.time or "", b"", index)
        self.counts.quarantined[damaged.error_type] += 1
        return self._encode(event)


def classifier_for(config: Config, policy: ClassificationPolicy) -> Classifier:
    """The classifier, with a sieve where the detector may have a prefilter."""
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
