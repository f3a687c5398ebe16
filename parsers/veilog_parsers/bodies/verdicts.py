"""Verdicts: what the source's own guardrails and content filters found in a call, and what they did.

Each provider reports them in its own words. All are read into closed lists: what was done, by which policy, which
harmful content, how surely, and which attack. Names that customers give (of topics, words, blocklists) and quotations
of what was found are no members of a list: names stay in the record, quotations are withheld.

Formats: Amazon Bedrock's ``GuardrailAssessment`` (docs.aws.amazon.com/bedrock/latest/APIReference, read 2026-11-26),
in traces of Converse and InvokeModel and in the response of ApplyGuardrail; Azure OpenAI's content filter results
(learn.microsoft.com/azure/ai-foundry/openai/concepts/content-filter, read 2026-11-26); Gemini's safety ratings
(ai.google.dev/api/generate-content); Model Armor's ``SanitizationResult``
(cloud.google.com/model-armor/reference/rest/v1/SanitizationResult, read 2026-11-26).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, Final

from veilog_parsers.event import (
    AuditEvent,
    Confidence,
    ContentCategory,
    Guardrail,
    GuardrailAction,
    GuardrailPolicy,
    Text,
    ThreatReporter,
    UpstreamThreat,
    UpstreamThreatType,
)
from veilog_parsers.record.dropped import Why
from veilog_parsers.record.fields import dicts, drop, drop_keys, drop_known, ignored_keys, peek, pop_identifier
from veilog_parsers.record.prose import is_word
from veilog_parsers.record.raw import Fields

_ACTIONS: Final = tuple(GuardrailAction)
_CONFIDENCES: Final = tuple(Confidence)
_MAX_FINDINGS: Final = 1_000
"""More findings in one list than any guardrail reports: those beyond are left."""

_CATEGORIES: Final = {
    "dangerous": ContentCategory.DANGEROUS,
    "dangerous_content": ContentCategory.DANGEROUS,
    "harassment": ContentCategory.HARASSMENT,
    "hate": ContentCategory.HATE,
    "hate_speech": ContentCategory.HATE,
    "insults": ContentCategory.INSULTS,
    "misconduct": ContentCategory.MISCONDUCT,
    "self_harm": ContentCategory.SELF_HARM,
    "selfharm": ContentCategory.SELF_HARM,
    "sexual": ContentCategory.SEXUAL,
    "sexually_explicit": ContentCategory.SEXUAL,
    "violence": ContentCategory.VIOLENCE,
}
"""Harmful content by the providers' names in lower case."""
_DEGREES: Final = {
    "low": Confidence.LOW,
    "low_and_above": Confidence.LOW,
    "medium": Confidence.MEDIUM,
    "medium_and_above": Confidence.MEDIUM,
    "high": Confidence.HIGH,
}


@dataclasses.dataclass(slots=True)
class Verdict:
    """The findings of one reporter on one call."""

    reporter: ThreatReporter
    id: Text | None = None
    version: Text | None = None
    action: GuardrailAction | None = None
    policies: list[GuardrailPolicy] = dataclasses.field(default_factory=list)
    categories: list[ContentCategory] = dataclasses.field(default_factory=list)
    confidence: Confidence | None = None
    threats: list[UpstreamThreatType] = dataclasses.field(default_factory=list)

    def act(self, action: GuardrailAction) -> None:
        """Note what was done; the strongest counts."""
        if self.action is None or _ACTIONS.index(action) > _ACTIONS.index(self.action):
            self.action = action

    def find(
        self,
        policy: GuardrailPolicy,
        action: GuardrailAction,
        *,
        category: ContentCategory | None = None,
        confidence: Confidence | None = None,
        threat: UpstreamThreatType | None = None,
    ) -> None:
        """Note a finding of a policy, and what was done about it."""
        self.act(action)
        _add(self.policies, policy)
        _add(self.categories, category)
        _add(self.threats, threat)
        if confidence is not None:
            self._raise_confidence(confidence)

    def add(self, other: Verdict) -> None:
        """Add the findings of another verdict on the same call."""
        self.id, self.version = self.id or other.id, self.version or other.version
        if other.action is not None:
            self.act(other.action)
        if other.confidence is not None:
            self._raise_confidence(other.confidence)
        for mine, theirs in (
            (self.policies, other.policies),
            (self.categories, other.categories),
            (self.threats, other.threats),
        ):
            for item in theirs:
                _add(mine, item)

    def _raise_confidence(self, confidence: Confidence) -> None:
        if self.confidence is None or _CONFIDENCES.index(confidence) > _CONFIDENCES.index(self.confidence):
            self.confidence = confidence

    def apply(self, event: AuditEvent) -> None:
        """Copy the findings into an event, unless it has those of another reporter."""
        if event.guardrail is None and (self.id, self.action) != (None, None):
            event.guardrail = Guardrail(
                id=self.id,
                version=self.version,
                action=self.action,
                policies=self.policies or None,
                categories=self.categories or None,
                confidence=self.confidence,
            )
        if self.threats:
            found = [UpstreamThreat(reporter=self.reporter, type=threat) for threat in self.threats]
            event.upstream_threats = (event.upstream_threats or []) + found


def _add(found: list[Any], item: Any) -> None:
    if item is not None and item not in found:
        found.append(item)


# What is taken from a verdict says in the provider's words what the guardrail's fields say in ours: it is a duplicate.


def _take_word(fields: Fields, key: str) -> str | None:
    """Take a word, in the form that it has; a text with more words stays."""
    value = fields.get(key)
    if type(value) is not str or not value or not is_word(value):
        return None
    drop_known(fields, key, Why.DUPLICATE)
    return value


def _take_known(fields: Fields, key: str, known: frozenset[str]) -> str | None:
    """Take a member of a closed list; any other value stays."""
    value = fields.get(key)
    if type(value) is not str or value not in known:
        return None
    drop_known(fields, key, Why.DUPLICATE)
    return value


def _take_flag(fields: Fields, key: str) -> bool | None:
    """Take a flag; any other value stays."""
    value = fields.get(key)
    if type(value) is not bool:
        return None
    drop_known(fields, key, Why.DUPLICATE)
    return value


# Amazon Bedrock

_BEDROCK_POLICIES: Final = {
    "topicPolicy": GuardrailPolicy.TOPIC,
    "contentPolicy": GuardrailPolicy.CONTENT,
    "wordPolicy": GuardrailPolicy.WORD,
    "sensitiveInformationPolicy": GuardrailPolicy.SENSITIVE_INFO,
    "contextualGroundingPolicy": GuardrailPolicy.GROUNDING,
    "automatedReasoningPolicy": GuardrailPolicy.AUTOMATED_REASONING,
}
_BEDROCK_ACTIONS: Final = {
    "BLOCKED": GuardrailAction.BLOCKED,
    "ANONYMIZED": GuardrailAction.MASKED,
    "NONE": GuardrailAction.FLAGGED,
}
_PROMPT_ATTACK: Final = "prompt_attack"
_IGNORED_FINDING_KEYS: Final = ignored_keys("filterStrength threshold:number score:number")
_IGNORED_ASSESSMENT_KEYS: Final = ignored_keys("invocationMetrics:plain")


def read_bedrock_trace(trace: Fields, verdict: Verdict) -> None:
    """Consume the assessments in the trace of a guardrail. Its quotations must have been withheld before.

    Converse has ``inputAssessment`` and ``outputAssessments``, InvokeModel ``input`` and ``outputs``: by id of the
    guardrail, an assessment or a list of them.
    """
    for key in ("inputAssessment", "outputAssessments", "input", "outputs"):
        found = trace.get(key)
        for by_id in dicts(found) if type(found) is list else [found]:
            for name, assessments in by_id.items() if type(by_id) is dict else ():
                verdict.id = verdict.id or pop_identifier({"": name}, "")
                read_bedrock_assessments(assessments, verdict)
    if verdict.action is None:
        verdict.act(GuardrailAction.NONE)


def read_bedrock_assessments(assessments: Any, verdict: Verdict) -> None:
    """Consume an assessment, or a list of them."""
    for assessment in dicts(assessments if type(assessments) is list else [assessments])[:_MAX_FINDINGS]:
        for key, policy in _BEDROCK_POLICIES.items():
            for findings in _lists(assessment.get(key)):
                for finding in dicts(findings):
                    _read_bedrock_finding(finding, policy, verdict)
        applied = assessment.get("appliedGuardrailDetails")
        if type(applied) is dict:
            verdict.id = pop_identifier(applied, "guardrailArn") or pop_identifier(applied, "guardrailId") or verdict.id
            verdict.version = pop_identifier(applied, "guardrailVersion") or verdict.version
        drop_keys(assessment, _IGNORED_ASSESSMENT_KEYS)


def _lists(policy: Any) -> Iterator[list[Any]]:
    if type(policy) is dict:
        yield from (value[:_MAX_FINDINGS] for value in policy.values() if type(value) is list)


def _read_bedrock_finding(finding: Fields, policy: GuardrailPolicy, verdict: Verdict) -> None:
    """Consume a finding. In detect mode its action is ``NONE``; with full output, what was not found is listed too."""
    action = _BEDROCK_ACTIONS.get(_take_word(finding, "action") or "")
    detected = _take_flag(finding, "detected")
    degree = _DEGREES.get((_take_word(finding, "confidence") or "").lower())
    kind = finding.get("type")
    kind = kind.lower() if type(kind) is str else ""
    drop_keys(finding, _IGNORED_FINDING_KEYS)
    if policy is GuardrailPolicy.CONTENT and (kind in _CATEGORIES or kind == _PROMPT_ATTACK):
        drop_known(finding, "type", Why.DUPLICATE)
    if action is None or detected is False or (action is GuardrailAction.FLAGGED and detected is None):
        return
    if kind == _PROMPT_ATTACK:
        policy, threat = GuardrailPolicy.JAILBREAK, UpstreamThreatType.PROMPT_INJECTION
    else:
        threat = None
    category = _CATEGORIES.get(kind) if policy is GuardrailPolicy.CONTENT else None
    verdict.find(policy, action, category=category, confidence=degree, threat=threat)


# Azure

_AZURE_POLICIES: Final = {
    "custom_blocklists": GuardrailPolicy.WORD,
    "indirect_attack": GuardrailPolicy.INDIRECT_ATTACK,
    "jailbreak": GuardrailPolicy.JAILBREAK,
    "personally_identifiable_information": GuardrailPolicy.SENSITIVE_INFO,
    "profanity": GuardrailPolicy.WORD,
    "protected_material_code": GuardrailPolicy.PROTECTED_MATERIAL,
    "protected_material_text": GuardrailPolicy.PROTECTED_MATERIAL,
    "ungrounded_material": GuardrailPolicy.GROUNDING,
}
_AZURE_THREATS: Final = {
    "indirect_attack": UpstreamThreatType.INDIRECT_INJECTION,
    "jailbreak": UpstreamThreatType.JAILBREAK,
}


def read_azure_filters(results: Any, verdict: Verdict) -> None:
    """Consume content filter results: by name of the filter, whether it found something, and whether it filtered.

    A filter that only annotates has ``detected`` without ``filtered``. Custom blocklists are a list, or an object with
    ``details``.
    """
    if type(results) is not dict:
        return
    for name in list(results):
        category = _CATEGORIES.get(name)
        if name not in _AZURE_POLICIES and category is None:
            continue
        result = results[name]
        if name == "custom_blocklists":
            _read_blocklists(result, verdict)
        if type(result) is not dict:
            continue
        filtered, detected = _take_flag(result, "filtered"), _take_flag(result, "detected")
        degree = _DEGREES.get((_take_word(result, "severity") or "").lower())
        if filtered or detected or degree is not None:
            verdict.find(
                GuardrailPolicy.CONTENT if category else _AZURE_POLICIES[name],
                GuardrailAction.BLOCKED if filtered else GuardrailAction.FLAGGED,
                category=category,
                confidence=degree,
                threat=_AZURE_THREATS.get(name),
            )
    if verdict.action is None:
        verdict.act(GuardrailAction.NONE)


def _read_blocklists(lists: Any, verdict: Verdict) -> None:
    for blocklist in dicts(lists if type(lists) is list else peek(lists, "details")):
        if _take_flag(blocklist, "filtered"):
            verdict.id = verdict.id or pop_identifier(blocklist, "id")
            verdict.find(GuardrailPolicy.WORD, GuardrailAction.BLOCKED)


# Google

_PROBABLE: Final = {"MEDIUM": Confidence.MEDIUM, "HIGH": Confidence.HIGH}
_HARM_PREFIX: Final = "HARM_CATEGORY_"


def read_gemini_ratings(ratings: Any, verdict: Verdict) -> None:
    """Consume safety ratings. Every answer has them: only what was blocked, or is probable, is a finding."""
    for rating in dicts(ratings)[:_MAX_FINDINGS]:
        name, blocked = rating.get("category"), _take_flag(rating, "blocked")
        category = _CATEGORIES.get(name.removeprefix(_HARM_PREFIX).lower()) if type(name) is str else None
        degree = _PROBABLE.get(_take_word(rating, "probability") or "")
        if category is not None:
            drop_known(rating, "category", Why.DUPLICATE)
        drop(rating, "probabilityScore", "probability_score", "severity", "severityScore", "severity_score")
        if blocked or degree is not None:
            action = GuardrailAction.BLOCKED if blocked else GuardrailAction.FLAGGED
            verdict.find(GuardrailPolicy.CONTENT, action, category=category, confidence=degree)
    if verdict.action is None:
        verdict.act(GuardrailAction.NONE)


_ARMOR_FILTERS: Final = {
    "csam": (GuardrailPolicy.CONTENT, None),
    "malicious_uris": (GuardrailPolicy.CONTENT, UpstreamThreatType.MALICIOUS_URL),
    "pi_and_jailbreak": (GuardrailPolicy.JAILBREAK, UpstreamThreatType.PROMPT_INJECTION),
    "rai": (GuardrailPolicy.CONTENT, None),
    "sdp": (GuardrailPolicy.SENSITIVE_INFO, UpstreamThreatType.DATA_LEAK),
    "virus_scan": (GuardrailPolicy.CONTENT, UpstreamThreatType.MALICIOUS_CODE),
}
_MATCH: Final = "MATCH_FOUND"
_ARMOR_STATES: Final = frozenset((_MATCH, "NO_MATCH_FOUND"))
_ARMOR_BLOCK: Final = "MODEL_ARMOR_SANITIZATION_VERDICT_BLOCK"
_ARMOR_DECISIONS: Final = frozenset((_ARMOR_BLOCK, "MODEL_ARMOR_SANITIZATION_VERDICT_ALLOW"))
_IGNORED_ARMOR_KEYS: Final = ignored_keys("executionState")


def read_model_armor(result: Fields, verdict: Verdict) -> None:
    """Consume a ``SanitizationResult``. What a filter matched is blocked only if the verdict says so."""
    decision = _take_known(result, "sanitizationVerdict", _ARMOR_DECISIONS)
    action = GuardrailAction.BLOCKED if decision == _ARMOR_BLOCK else GuardrailAction.FLAGGED
    filters = result.get("filterResults")
    for name, (policy, threat) in _ARMOR_FILTERS.items():
        found = filters.get(name) if type(filters) is dict else None
        if type(found) is dict:
            for kind, state in _armor_states(found, "", 0):
                degree = _DEGREES.get((_take_word(state, "confidenceLevel") or "").lower())
                category = _CATEGORIES.get(kind)
                matched = _take_known(state, "matchState", _ARMOR_STATES) == _MATCH
                drop_keys(state, _IGNORED_ARMOR_KEYS)
                if matched:
                    verdict.find(policy, action, category=category, confidence=degree, threat=threat)
    matched = _take_known(result, "filterMatchState", _ARMOR_STATES) == _MATCH
    verdict.act(action if matched or decision == _ARMOR_BLOCK else GuardrailAction.NONE)


_MAX_ARMOR_DEPTH: Final = 4


def _armor_states(found: Fields, name: str, depth: int) -> Iterator[tuple[str, Fields]]:
    """The objects with a state in the result of a filter, with their keys: its own, and one for each type it knows."""
    if "matchState" in found:
        yield name, found
    if depth < _MAX_ARMOR_DEPTH:
        for key, inner in list(found.items()):
            if type(inner) is dict:
                yield from _armor_states(inner, key, depth + 1)
