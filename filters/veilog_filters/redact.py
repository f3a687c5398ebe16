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

What is inspected where: message texts and unmapped trees against everything; names of things (models, endpoints,
request ids) and of people are inspected too, but kept from being eaten by the entities that such names always look
like, see ``EXPECTED_IN_NAMES``.
"""

from __future__ import annotations

import dataclasses
import operator
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Final

from veilog_filters.config import Policy, Redact
from veilog_filters.detect.finding import Finding
from veilog_filters.detect.unfold import Span, covering, json_spans
from veilog_filters.fingerprint import Fingerprinter
from veilog_filters.inspect import MAX_SHORT_CHARS, TIMED_OUT, Inspected, InspectedObject, Inspection, Inspector
from veilog_parsers.event import (
    AuditEvent,
    CleanText,
    Cloud,
    Content,
    Handling,
    Kind,
    Message,
    Role,
    SensitiveText,
    SensitiveTree,
    Text,
    ToolCall,
)

MAX_NAME_CHARS: Final = 512
"""Names of things and people are cut here: whatever is longer is no name."""

MAX_CLEAN_NAMES: Final = 4096
"""The same models, endpoints and callers come again and again, so short names in which nothing was found are
remembered, as many of people and as many of things. Names that do not leave as they are, are not."""

EXPECTED_IN_NAMES: Final = {
    # Versions look like dates and addresses, hosts like URLs, ids like phone or licence numbers.
    Handling.MACHINE: frozenset(
        {
            "DATE_TIME",
            "IP_ADDRESS",
            "LOCATION",
            "MAC_ADDRESS",
            "NRP",
            "ORGANIZATION",
            "PERSON",
            "PHONE_NUMBER",
            "URL",
            "US_BANK_NUMBER",
            "US_DRIVER_LICENSE",
            "UUID",
        }
    ),
    # An audit trail names people by what identifies them. Cards, government ids and secrets never do.
    Handling.IDENTITY: frozenset(
        {
            "DATE_TIME",
            "EMAIL_ADDRESS",
            "IP_ADDRESS",
            "LOCATION",
            "MAC_ADDRESS",
            "NRP",
            "ORGANIZATION",
            "PERSON",
            "PHONE_NUMBER",
            "URL",
            "US_BANK_NUMBER",
            "US_DRIVER_LICENSE",
            "UUID",
        }
    ),
}

_NAME_FIELDS: Final = tuple(
    (field.name, field.metadata["handling"])
    for field in dataclasses.fields(AuditEvent)
    if field.metadata["handling"] in EXPECTED_IN_NAMES
)
_names_of: Final = operator.attrgetter(*(name for name, _ in _NAME_FIELDS))
_CLOUD_FIELDS: Final = tuple(field.name for field in dataclasses.fields(Cloud))

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
        self._pseudonymize = policy.identity == "pseudonymize"
        self._clean: dict[Handling, OrderedDict[str, CleanText]] = {h: OrderedDict() for h in EXPECTED_IN_NAMES}
        self.entities: Counter[tuple[str, str]] = Counter()

    def _hash(self, text: str, entity: str, tenant: str) -> str:
        return (
            f"<{entity}:{self._fingerprinter.digest(f'entity:{entity}', tenant, text.encode('utf-8', 'replace'))[:16]}>"
        )

    def __call__(self, event: AuditEvent, inspection: Inspection, tenant: str) -> None:
        """Clean an event in place: afterwards every text in it is a ``CleanText``, and what is not kept is gone."""
        self._clean_names(event, tenant)
        if self._keep_content:
            event.content = self._content(event, inspection, tenant)
        event.prompt_messages, event.response_messages = [], []
        if event.tool_calls:
            event.tool_calls = [self._tool_call(call, tenant) for call in event.tool_calls]
        if isinstance(event.unmapped, SensitiveTree):
            keep = self._keep_unmapped or event.kind is Kind.OTHER
            event.unmapped = self.tree(event.unmapped.reveal(), tenant) if keep else None

    def _clean_names(self, event: AuditEvent, tenant: str) -> None:
        for (name, handling), value in zip(_NAME_FIELDS, _names_of(event), strict=True):
            if value is None:
                continue
            if name == "finish_reasons":
                event.finish_reasons = [self._name(text, handling, name, tenant) for text in value]
            else:
                setattr(event, name, self._name(value, handling, name, tenant))
        if event.cloud is not None:
            for name in _CLOUD_FIELDS:
                value = getattr(event.cloud, name)
                if value is not None:
                    setattr(event.cloud, name, self._name(value, Handling.MACHINE, name, tenant))

    def _name(self, value: Text, handling: Handling, field: str, tenant: str) -> Any:
        if not isinstance(value, SensitiveText):
            return value
        text = value.reveal()
        clean = self._clean[handling]
        known = clean.get(text)
        if known is not None:
            clean.move_to_end(text)
            return known
        if self._pseudonymize and handling is Handling.IDENTITY:
            return CleanText(
                "p_" + self._fingerprinter.digest(f"identity:{field}", tenant, text.encode("utf-8", "replace"))[:32]
            )
        inspected = self._inspect.name(text, EXPECTED_IN_NAMES[handling])
        if not inspected.findings and len(text) <= MAX_SHORT_CHARS:
            known = clean[text] = CleanText(text)
            if len(clean) > MAX_CLEAN_NAMES:
                clean.popitem(last=False)
            return known
        # Cut after redaction, so that nothing is cut into a shape that no detector knows.
        return CleanText(self.text(inspected, tenant)[:MAX_NAME_CHARS])

    def _tool_call(self, call: ToolCall, tenant: str) -> ToolCall:
        cleaned = ToolCall()
        if call.name is not None:
            cleaned.name = self._name(call.name, Handling.MACHINE, "tool", tenant)
        if self._keep_content and isinstance(call.arguments, SensitiveText):
            cleaned.arguments = self.text(self._inspect.text(call.arguments.reveal(), "tool_calls"), tenant)
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
