"""The stages of a pipeline, built from a configuration."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from veilog_filters.beside import Beside
from veilog_filters.budget import Budget
from veilog_filters.classify import Classifier
from veilog_filters.collect import Collector
from veilog_filters.config import Config, defect_of, load_policy, read_canaries
from veilog_filters.detect.api import Detector, Watched
from veilog_filters.detect.build import NamedDetector
from veilog_filters.detect.prefilter import hyperscan
from veilog_filters.detect.prefilter.policy import PolicyPrefilter
from veilog_filters.detect.prefilter.rules import RulesPrefilter
from veilog_filters.detectors import configured_detector
from veilog_filters.encoders import Writers
from veilog_filters.fence import Fence
from veilog_filters.fingerprint import Fingerprinter, load_key
from veilog_filters.ids import Ids
from veilog_filters.leakage import Leaks, kinds_of_entities
from veilog_filters.lookup import Departments
from veilog_filters.metrics import Counts
from veilog_filters.names import Names
from veilog_filters.policy import ClassificationPolicy
from veilog_filters.quarantine import Quarantine
from veilog_filters.redact import Redactor
from veilog_filters.texts import TextLimits
from veilog_filters.threat_expressions import prefiltered
from veilog_filters.threat_pack import load_rules
from veilog_filters.threat_rules import GROUP_OF, Search, ThreatRules
from veilog_filters.threats import Threats
from veilog_filters.usage import Meter
from veilog_parsers.event import Constant, LeakKind
from veilog_parsers.registry import Registry


@dataclasses.dataclass(slots=True)
class Parts:
    """What a pipeline is made of.

    Attributes:
        beside: cleans tags, metadata and groups.
        budget: a record's time.
        built: the detector, if it is one of ours.
        classifier: gives labels.
        collector: collects the texts of an event.
        counts: what was done.
        departments: the lookup; None without one.
        detector: what looks for findings.
        detector_names: what events say of it.
        fingerprinter: makes keyed hashes.
        ids: makes ids of events.
        leaks: compares the two sides of exchanges.
        meter: counts by caller and window; None where nothing is counted.
        policy_name: what events say of the policy.
        policy_prefilter: tells where the policy's words and patterns could be; None where they are sought in all texts.
        previous: makes hashes under the previous key; None without one.
        quarantine: makes quarantine events.
        redactor: puts the operators to work.
        registry: the parsers.
        threats: tells threats.
        writers: write an event in each schema.
    """

    beside: Beside
    budget: Budget
    built: NamedDetector | None
    classifier: Classifier
    collector: Collector
    counts: Counts
    departments: Departments | None
    detector: Detector
    detector_names: list[Constant]
    fingerprinter: Fingerprinter
    ids: Ids
    leaks: Leaks
    meter: Meter | None
    policy_name: Constant
    policy_prefilter: PolicyPrefilter | None
    previous: Fingerprinter | None
    quarantine: Quarantine
    redactor: Redactor
    registry: Registry
    threats: Threats
    writers: Writers


def build_parts(config: Config, schemas: Sequence[str], detector: Detector | None, config_path: str | None) -> Parts:
    """The parts of a pipeline.

    Args:
        config: the configuration.
        schemas: names of the encoders that write what leaves.
        detector: replaces the built-in ones.
        config_path: the configuration's file, for errors that show only while building.

    Raises:
        ConfigError: a key, a file, a model or an entity that the configuration names is not there.
    """
    file = config_path or "configuration"
    fingerprinter = Fingerprinter(*load_key(config.hash_key, "hash_key", file))
    previous = None
    if config.previous_hash_key:
        previous = Fingerprinter(*load_key(config.previous_hash_key, "previous_hash_key", file))
    policy = load_policy(config)
    classifier = Classifier(policy)
    departments = config.lookup.departments_file
    budget, counts = Budget(config.limits.record_secs), Counts()
    fence = Fence(budget.left)
    counts.plugin_failures = fence.failures
    registry = Registry(config.sources(fence), "" if config.source == "auto" else config.source)
    built: NamedDetector | None = None
    if detector is None:
        try:
            detector = built = configured_detector(config, fence, budget.check)
        except ValueError as error:
            raise defect_of(config_path, "detect", error) from None
    else:
        detector = Watched(detector, budget.check)
    limits = TextLimits(config.detect.max_text_bytes, config.limits.max_depth, budget.check)
    names = Names(config.policy, fingerprinter)
    redactor = Redactor(config.redact, config.policy, fingerprinter, names, budget.check)
    counts.entities = redactor.entities
    rules = ThreatRules(load_rules(config, config_path))
    policy_prefilter = policy_prefilter_for(config, classifier)
    search = search_for(rules, rules_prefilter_for(config, rules))
    keep = config.policy.unmapped == "redact"
    beside = Beside(detector, names, redactor, limits, budget, counts, config.tenant_id, keep=keep)
    ids = Ids(fingerprinter, config.tenant_id)
    return Parts(
        beside=beside,
        budget=budget,
        built=built,
        classifier=classifier,
        collector=Collector(config.policy, limits, names),
        counts=counts,
        departments=Departments.load(departments) if departments else None,
        detector=detector,
        detector_names=[Constant(name) for name in (built.names if built else ["custom"])],
        fingerprinter=fingerprinter,
        ids=ids,
        leaks=Leaks(policy, read_canaries(config, file)),
        meter=meter_for(config, ids, fingerprinter, policy),
        policy_name=Constant(f"{config.policy.name} {policy.label}"),
        policy_prefilter=policy_prefilter,
        previous=previous,
        quarantine=Quarantine(fingerprinter, ids, config.tenant_id, config.tag, beside.tag, counts),
        redactor=redactor,
        registry=registry,
        threats=Threats(rules, search, config.threats.modes, budget.check),
        writers=Writers(schemas, config.plugins.disable.encoders, fence),
    )


def meter_for(config: Config, ids: Ids, fingerprinter: Fingerprinter, policy: ClassificationPolicy) -> Meter | None:
    """What counts by caller and window, and knows the working hours; None where the configuration asks for neither."""
    options = config.usage
    if not options.events and not options.on_events and options.working_hours is None:
        return None
    credentials = [name for name, kind in kinds_of_entities(policy).items() if kind is LeakKind.CREDENTIALS]
    return Meter(options, ids, fingerprinter, config.tenant_id, credentials)


def policy_prefilter_for(config: Config, classifier: Classifier) -> PolicyPrefilter | None:
    """Tells where the policy's words and patterns could be, where the detector may have a prefilter too."""
    if not _has_prefilters(config):
        return None
    return PolicyPrefilter(classifier.patterns, classifier.keywords, config.detect.cache_dir)


def rules_prefilter_for(config: Config, rules: ThreatRules) -> RulesPrefilter | None:
    """Tells where the expressions of threat rules could be, likewise."""
    if not _has_prefilters(config):
        return None
    return RulesPrefilter(
        rules.expressions, rules.groups(), config.detect.cache_dir, lambda: list(map(prefiltered, rules.expressions))
    )


def _has_prefilters(config: Config) -> bool:
    return config.detect.prefilter == "auto" and hyperscan.available()


def search_for(rules: ThreatRules, prefilter: RulesPrefilter | None) -> Search:
    """What of the rules' expressions could be in a text that stands at a place; all of them where nobody can tell."""
    if prefilter is None:
        return rules.everything
    return lambda text, place: prefilter(text, GROUP_OF[place])


def prepare(built: NamedDetector | None, config_path: str | None) -> None:
    """Build now what a detector would build when the first record needs it.

    Raises:
        ConfigError: as when it is built.
    """
    if built is not None:
        try:
            built.prepare()
        except ValueError as error:
            raise defect_of(config_path, "detect", error) from None
