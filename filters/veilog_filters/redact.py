"""The redact stage: operators on every text that is kept.

Theory of operation. Detectors report spans that overlap and nest: an address inside a URL, a number that could be a
bank account, a phone and a card. Redaction must be sure of one thing, that no character of any span survives, and
should be readable second. So spans are merged first: spans that share a character form a *cluster*, and the cluster is
replaced as a whole, by the operator of its strongest member. Strongest is the highest score, then the longest, then the
leftmost, then the first entity type in the alphabet, so the choice never depends on the order in which detectors ran.

    text      mail alice@corp.com or see https://corp.com/?u=alice@corp.com now
    spans          ~~~EMAIL 1.0~~~        ~~~~~~~~~~~URL 0.6~~~~~~~~~~~~~~~
                                                             ~~EMAIL 1.0~~~
    result    mail <EMAIL_ADDRESS> or see <EMAIL_ADDRESS> now

``mask`` may leave the last characters of a span readable, but only where the cluster is that span alone: in a merged
one those characters may belong to something else.

Message texts and unmapped trees are inspected against everything; names go their own way, see ``names``.
"""

from __future__ import annotations

import dataclasses
import operator
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final

from veilog_filters.config import Policy, Redact
from veilog_filters.detect.api import Finding
from veilog_filters.fingerprint import Fingerprinter
from veilog_filters.forms.unfold import Span, covering, json_spans
from veilog_filters.inspect import TIMED_OUT, Inspected, InspectedObject, Inspection, Inspector
from veilog_filters.names import Names
from veilog_parsers.event import (
    AuditEvent,
    CleanText,
    Cloud,
    Content,
    Handling,
    Message,
    Role,
    SensitiveText,
    SensitiveTree,
    ToolCall,
)
from veilog_parsers.registry import OTHER

_NAME_FIELDS: Final = tuple(
    (field.name, field.metadata["handling"])
    for field in dataclasses.fields(AuditEvent)
    if field.metadata["handling"] in (Handling.IDENTITY, Handling.IDENTIFIER)
)
_IDENTITY_FIELDS: Final = tuple(name for name, handling in _NAME_FIELDS if handling is Handling.IDENTITY)
_names_of: Final = operator.attrgetter(*(name for name, _ in _NAME_FIELDS))
_identity_of: Final = operator.attrgetter(*_IDENTITY_FIELDS)
_CLOUD_FIELDS: Final = tuple((field.name, f"cloud.{field.name}") for field in dataclasses.fields(Cloud))

Operator = Callable[[str, str, str], str]
"""(text of the cluster, entity type, tenant) to what stands there instead."""


def merge(findings: list[Finding]) -> list[tuple[Finding, bool]]:
    """Clusters of overlapping spans, from left to right, each as its strongest member stretched over the cluster.

    The flag says whether the cluster is that one span alone.
    """
    clusters: list[tuple[Finding, bool]] = []
    members: list[Finding] = []
    end = -1
    for finding in sorted(findings):
        if finding.start >= end and members:
            clusters.append(_strongest(members, end))
            members = []
        members.append(finding)
        end = max(end, finding.end)
    if members:
        clusters.append(_strongest(members, end))
    return clusters


def _strongest(members: list[Finding], end: int) -> tuple[Finding, bool]:
    start = members[0].start
    best = min(members, key=lambda f: (-f.score, f.start - f.end, f.start, f.entity))
    alone = all(member.start == best.start and member.end == best.end for member in members)
    return best._replace(start=start, end=end), alone


class Redactor:
    """Puts the operators to work.

    Args:
        redact: which operator for which entity type.
        policy: what is kept at all.
        inspector: inspects the texts that no earlier stage has seen (names, unmapped trees).
        fingerprinter: makes the keyed hashes of the hash operator and of pseudonyms.
    """

    def __init__(self, redact: Redact, policy: Policy, inspector: Inspector, fingerprinter: Fingerprinter) -> None:
        self._inspect = inspector
        self._fingerprinter = fingerprinter
        self._keep_last = redact.mask_keep_last_chars
        self._names: Mapping[str, str] = redact.operators
        self._default = redact.operators.get("default", "replace")
        self._operators: dict[str, Operator] = {
            "replace": lambda _text, entity, _tenant: f"<{entity}>",
            "mask": lambda text, _entity, _tenant: "*" * len(text),
            "hash": self._hash,
            "remove": lambda _text, _entity, _tenant: "",
        }
        self._keep_content = policy.content == "redacted"
        self._keep_unmapped = policy.unmapped == "redact"
        self.names = Names(policy, inspector, fingerprinter, self.text)
        self.entities: Counter[tuple[str, str]] = Counter()

    def _hash(self, text: str, entity: str, tenant: str) -> str:
        return (
            f"<{entity}:{self._fingerprinter.digest(f'entity:{entity}', tenant, text.encode('utf-8', 'replace'))[:16]}>"
        )

    def __call__(self, event: AuditEvent, inspection: Inspection, tenant: str) -> None:
        """Clean an event in place: afterwards every text in it may leave, and what is not kept is gone."""
        self._clean_names(event, tenant)
        if self._keep_content:
            event.content = self._content(event, inspection, tenant)
        event.prompt_messages, event.response_messages = [], []
        if event.tool_calls:
            event.tool_calls = self._tool_calls(event.tool_calls, tenant)
        if isinstance(event.unmapped, SensitiveTree):
            # Of unrecognized records, policy lets only those come here whose text it keeps.
            keep = self._keep_unmapped or event.source == OTHER
            event.unmapped = self.tree(event.unmapped.reveal(), tenant) if keep else None

    def _clean_names(self, event: AuditEvent, tenant: str) -> None:
        names = self.names
        names.begin(tuple(zip(_IDENTITY_FIELDS, _identity_of(event), strict=True)), tenant)
        for (field, handling), value in zip(_NAME_FIELDS, _names_of(event), strict=True):
            if value is None:
                continue
            if field == "finish_reasons":
                event.finish_reasons = names.each(value, field, handling, tenant)
            else:
                setattr(event, field, names(value, field, handling, tenant))
        if event.cloud is not None:
            for name, field in _CLOUD_FIELDS:
                value = getattr(event.cloud, name)
                if value is not None:
                    setattr(event.cloud, name, names(value, field, Handling.IDENTIFIER, tenant))

    def _tool_calls(self, calls: list[ToolCall], tenant: str) -> list[ToolCall]:
        given = [call.name for call in calls if call.name is not None]
        names = iter(self.names.each(given, "tool_calls.name", Handling.IDENTIFIER, tenant))
        cleaned = [ToolCall(name=None if call.name is None else next(names)) for call in calls]
        if self._keep_content:
            for call, clean in zip(calls, cleaned, strict=True):
                if isinstance(call.arguments, SensitiveText):
                    clean.arguments = self.text(self._inspect.text(call.arguments.reveal(), "tool_calls"), tenant)
        return cleaned

    def _content(self, event: AuditEvent, inspection: Inspection, tenant: str) -> Content | None:
        def joined(messages: list[Message], inspected: list[list[Inspected]], system: bool) -> CleanText | None:
            texts = [
                self.text(part, tenant)
                for message, parts in zip(messages, inspected, strict=True)
                if (message.role is Role.SYSTEM) is system
                for part in parts
            ]
            return CleanText("\n".join(texts)) if texts else None

        content = Content(
            system=joined(event.prompt_messages, inspection.prompt, system=True),
            prompt=joined(event.prompt_messages, inspection.prompt, system=False),
            response=joined(event.response_messages, inspection.response, system=False),
        )
        return content if content.system or content.prompt or content.response else None

    def text(self, inspected: Inspected, tenant: str) -> CleanText:
        """An inspected text with its findings replaced."""
        text = inspected.text
        # Most texts are clean: they are passed on as they are, with no copy made.
        if not inspected.findings and not inspected.continued:
            return CleanText(text)
        spans = json_spans(text)
        out: list[str] = []
        position = 0
        for cluster, alone in merge([*inspected.findings, *inspected.continued]):
            self.entities[cluster.entity, self._names.get(cluster.entity, self._default)] += 1
            # In JSON, what stands in strings and numbers is replaced, and the structure stays.
            whole = Span(cluster.start, cluster.end, bare=False)
            for span in [whole] if spans is None else covering(text, spans, cluster.start, cluster.end):
                # An escape or a number may belong to two findings.
                start = max(position, span.start)
                if start < span.end:
                    replacement = self._replacement(text[start : span.end], cluster.entity, alone, tenant)
                    out += text[position:start], f'"{replacement}"' if span.bare else replacement
                    position = span.end
        out.append(text[position:])
        return CleanText("".join(out))

    def _replacement(self, span: str, entity: str, alone: bool, tenant: str) -> str:
        name = self._names.get(entity, self._default)
        if entity == TIMED_OUT:
            return f"<{TIMED_OUT}>"
        replaced = self._operators[name](span, entity, tenant)
        # The last characters of an escape are no characters.
        if name == "mask" and alone and len(span) > 2 * self._keep_last and "\\" not in span:
            hidden = len(span) - self._keep_last
            return replaced[:hidden] + span[hidden:]
        return replaced

    def tree(self, value: dict[str, Any], tenant: str, field: str = "unmapped") -> dict[str, Any]:
        """A JSON object with every key, string and card number cleaned.

        Raises:
            RecordError: it is nested too deeply.
        """
        cleaned: dict[str, Any] = self._rebuild(self._inspect.tree(value, field), tenant)
        return cleaned

    def _rebuild(self, tree: Any, tenant: str) -> Any:
        self._inspect.check()
        if type(tree) is Inspected:
            return self.text(tree, tenant)
        if type(tree) is list:
            return [self._rebuild(item, tenant) for item in tree]
        if type(tree) is InspectedObject:
            return self._rebuild_object(tree, tenant)
        return tree

    def _rebuild_object(self, tree: InspectedObject, tenant: str) -> dict[CleanText, Any]:
        rebuilt: dict[CleanText, Any] = {}
        # By key, the number of the last one that was renamed: thousands of keys may become the same.
        numbers: dict[CleanText, int] = {}
        for key, item in tree.pairs:
            name = stem = self.text(key, tenant)
            while name in rebuilt:
                numbers[stem] = numbers.get(stem, 1) + 1
                name = CleanText(f"{stem}~{numbers[stem]}")
            rebuilt[name] = self._rebuild(item, tenant)
        return rebuilt
