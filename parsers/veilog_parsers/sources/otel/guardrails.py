"""What guardrails and content filters decided, as attributes of spans quote it.

Traceloop's attributes for Bedrock list what each policy of a guardrail found, and those for Azure the severity of each
category of harmful content. Neither tells whether the text was masked: a call that the filter did not end is flagged.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from veilog_parsers.event import Confidence, ContentCategory, Guardrail, GuardrailAction, GuardrailPolicy
from veilog_parsers.record.fields import dicts, open_json, withhold
from veilog_parsers.record.raw import Fields
from veilog_parsers.sources.otel.dialects import DIALECTS

_POLICIES: Final = {
    "content": GuardrailPolicy.CONTENT,
    "sensitive": GuardrailPolicy.SENSITIVE_INFO,
    "topic": GuardrailPolicy.TOPIC,
    "words": GuardrailPolicy.WORD,
}
"""Policies by the keys of Bedrock's filters."""
_AZURE_POLICIES: Final = {
    "indirect_attack": GuardrailPolicy.INDIRECT_ATTACK,
    "jailbreak": GuardrailPolicy.JAILBREAK,
    "protected_material_code": GuardrailPolicy.PROTECTED_MATERIAL,
    "protected_material_text": GuardrailPolicy.PROTECTED_MATERIAL,
}
"""Policies by the names of Azure's filters. All others are of content."""
_CATEGORIES: Final = {category.value: category for category in ContentCategory}
_SEVERITIES: Final = {"low": Confidence.LOW, "medium": Confidence.MEDIUM, "high": Confidence.HIGH}
_ORDER: Final = tuple(Confidence)


class Verdict:
    """What the guardrails of a call found.

    Attributes:
        was_asked: whether there is a verdict at all.
        policies: the policies that found something, in order.
        categories: the harmful content that they found.
        confidence: the highest severity.
        has_filtered: whether a filter says that it blocked something.
    """

    def __init__(self) -> None:
        self.was_asked = False
        self.policies: list[GuardrailPolicy] = []
        self.categories: list[ContentCategory] = []
        self.confidence: Confidence | None = None
        self.has_filtered = False

    def read(self, attributes: Fields) -> None:
        """Read the filters in attributes. The words that Bedrock's quote are withheld; the filters stay."""
        for name in DIALECTS.attributes("bedrock_guardrail"):
            for filters in _objects(attributes, name):
                self._add_bedrock(filters)
        for name in DIALECTS.attributes("azure_filter"):
            for item in _objects(attributes, name):
                results = item.get("content_filter_results")
                for category, result in results.items() if type(results) is dict else ():
                    self._add_azure(category, result)

    def put(self, guardrail: Guardrail | None, *, was_blocked: bool) -> Guardrail | None:
        """Complete what is known of the guardrail (its id) by the verdict."""
        if not self.was_asked:
            if guardrail is not None and was_blocked:
                guardrail.action = GuardrailAction.BLOCKED
            return guardrail
        guardrail = guardrail or Guardrail()
        if self.policies:
            blocked = was_blocked or self.has_filtered
            guardrail.action = GuardrailAction.BLOCKED if blocked else GuardrailAction.FLAGGED
        else:
            guardrail.action = GuardrailAction.NONE
        guardrail.policies = self.policies or None
        guardrail.categories = self.categories or None
        guardrail.confidence = self.confidence
        return guardrail

    def _add_bedrock(self, filters: Fields) -> None:
        self.was_asked = True
        for key, policy in _POLICIES.items():
            found = filters.get(key)
            lists = found.values() if type(found) is dict else (found,)
            items = [item for found_list in lists if type(found_list) is list for item in found_list]
            if items:
                self._add(policy, items if policy is GuardrailPolicy.CONTENT else ())
        withhold(filters, "words")

    def _add_azure(self, category: str, result: Any) -> None:
        if type(result) is not dict:
            return
        self.was_asked = True
        severity = _SEVERITIES.get(str(result.get("severity")))
        if result.get("filtered") is True:
            self.has_filtered = True
        elif result.get("detected") is not True and severity is None:
            return
        self._add(_AZURE_POLICIES.get(category, GuardrailPolicy.CONTENT), (category,))
        if severity and (self.confidence is None or _ORDER.index(severity) > _ORDER.index(self.confidence)):
            self.confidence = severity

    def _add(self, policy: GuardrailPolicy, names: Any) -> None:
        if policy not in self.policies:
            self.policies.append(policy)
        for name in names:
            category = _CATEGORIES.get(name.lower().replace("-", "_")) if type(name) is str else None
            if category and category not in self.categories:
                self.categories.append(category)


def _objects(attributes: Fields, name: str) -> Iterator[Fields]:
    """The objects in an attribute, which may be JSON: one, or several in a list."""
    value = open_json(attributes, name) if name in attributes else None
    yield from [value] if type(value) is dict else dicts(value)
