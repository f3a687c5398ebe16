"""What products that guard AI traffic report: one table from the names of their detectors to the schema's words.

Every vendor has detectors of its own, and nearly all detect the same things. These products tell the names of detectors
and one action for all of them; what Bedrock, Azure, Gemini and Model Armor tell is nested and graded: see
``bodies.verdicts``.

A name is compared by its letters and digits alone, without case; a kind behind a slash (``moderated_content/violence``,
``pii/email``) is sought first. Names from the vendors' documents as of 2026-11-26: Lakera Guard (``detector_type``),
Prisma AIRS (``*_detected``, ``detection_service``), Zscaler AI Guard (``detectorResponses``). A name that is in no
document means nothing here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from veilog_parsers.event import (
    AuditEvent,
    ContentCategory,
    Guardrail,
    GuardrailAction,
    GuardrailPolicy,
    Outcome,
    ThreatReporter,
    UpstreamThreat,
    UpstreamThreatType,
)


class Meaning(NamedTuple):
    """What it means that a detector found something, in the words of the schema."""

    threat: UpstreamThreatType | None = None
    policy: GuardrailPolicy | None = None
    category: ContentCategory | None = None


_INJECTION: Final = Meaning(UpstreamThreatType.PROMPT_INJECTION, GuardrailPolicy.JAILBREAK)
_LEAK: Final = Meaning(UpstreamThreatType.DATA_LEAK, GuardrailPolicy.SENSITIVE_INFO)
_URL: Final = Meaning(UpstreamThreatType.MALICIOUS_URL)
_CODE: Final = Meaning(UpstreamThreatType.MALICIOUS_CODE)
_CONTENT: Final = Meaning(policy=GuardrailPolicy.CONTENT)
_TOPIC: Final = Meaning(policy=GuardrailPolicy.TOPIC)
_GROUNDING: Final = Meaning(policy=GuardrailPolicy.GROUNDING)


def _content(category: ContentCategory) -> Meaning:
    return Meaning(policy=GuardrailPolicy.CONTENT, category=category)


_MEANINGS: Final[dict[str, Meaning]] = {
    **dict.fromkeys(("injection", "promptinjection", "promptattack", "pi"), _INJECTION),
    "jailbreak": Meaning(UpstreamThreatType.JAILBREAK, GuardrailPolicy.JAILBREAK),
    **dict.fromkeys(("dlp", "pii", "secrets", "credentials", "dataleakage"), _LEAK),
    **dict.fromkeys(("urlcats", "urlf", "maliciousurl", "maliciousurls", "unknownlinks"), _URL),
    **dict.fromkeys(("maliciouscode", "mc", "malcode"), _CODE),
    **dict.fromkeys(("toxiccontent", "toxicity", "tc", "moderatedcontent", "profanity"), _CONTENT),
    **dict.fromkeys(("hate", "hatespeech"), _content(ContentCategory.HATE)),
    "sexual": _content(ContentCategory.SEXUAL),
    "violence": _content(ContentCategory.VIOLENCE),
    "selfharm": _content(ContentCategory.SELF_HARM),
    "crime": _content(ContentCategory.MISCONDUCT),
    "weapons": _content(ContentCategory.DANGEROUS),
    **dict.fromkeys(("topicviolation", "topicguardrails", "tg", "topic", "offtopic"), _TOPIC),
    **dict.fromkeys(("ungrounded", "contextualgrounding", "cg"), _GROUNDING),
}
_NO_LETTERS: Final = re.compile("[^a-z0-9]+")
_MAX_NAME_CHARS: Final = 64


def meaning_of(detector: str) -> Meaning:
    """What a detector finds, by its name; an empty meaning for a name that is not known."""
    if len(detector) > _MAX_NAME_CHARS:
        return Meaning()
    whole, _, kind = detector.lower().partition("/")
    for name in (kind, whole):
        found = _MEANINGS.get(_NO_LETTERS.sub("", name))
        if found is not None:
            return found
    return Meaning()


def add_found(
    event: AuditEvent, reporter: ThreatReporter, detectors: Iterable[str], action: GuardrailAction | None
) -> None:
    """Add to an event what detectors found, and what was done about it.

    Args:
        event: gets threats, the guardrail and its outcome.
        reporter: whose detectors they are.
        detectors: the names of those that found something.
        action: what the product did, or told the application to do.
    """
    found = [meaning_of(detector) for detector in detectors]
    guardrail = event.guardrail or Guardrail()
    guardrail.action = action
    guardrail.policies = list(dict.fromkeys(meaning.policy for meaning in found if meaning.policy)) or None
    guardrail.categories = list(dict.fromkeys(meaning.category for meaning in found if meaning.category)) or None
    event.guardrail = guardrail if guardrail != Guardrail() else None
    threats = dict.fromkeys(meaning.threat for meaning in found if meaning.threat)
    event.upstream_threats = [UpstreamThreat(reporter=reporter, type=threat) for threat in threats] or None
    blocked = action is GuardrailAction.BLOCKED
    event.outcome_status = event.outcome_status or (Outcome.CONTENT_FILTERED if blocked else Outcome.SUCCESS)
