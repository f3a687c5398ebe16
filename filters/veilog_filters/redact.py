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

The stage is pure: it looks for nothing, it is told what was found where. What leaves for names is for ``names``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from veilog_filters.collect import Collected, Read
from veilog_filters.config import Policy, Redact
from veilog_filters.detect.api import Finding
from veilog_filters.fingerprint import Fingerprinter
from veilog_filters.forms.unfold import Span, covering, json_spans
from veilog_filters.names import Named, Names, PendingName
from veilog_filters.texts import TIMED_OUT, Inspected, InspectedNumber, InspectedObject
from veilog_parsers.event import (
    AuditEvent,
    CleanText,
    Constant,
    Content,
    Digest,
    Message,
    Name,
    Role,
    SensitiveTree,
    ToolCall,
)

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
        fingerprinter: makes the keyed hashes of the hash operator and of pseudonyms.
        names: what leaves for names.
        check: is called for every value of a tree, and may raise: a time budget.

    Attributes:
        entities: how many spans were replaced, by entity type and operator.
    """

    def __init__(
        self,
        redact: Redact,
        policy: Policy,
        fingerprinter: Fingerprinter,
        names: Names,
        check: Callable[[], object] = lambda: None,
    ) -> None:
        self._check = check
        self._fingerprinter = fingerprinter
        self._keep_last = redact.mask_keep_last_chars
        self._operator_of: Mapping[str, str] = redact.operators
        self._default = redact.operators.get("default", "replace")
        self._operators: dict[str, Operator] = {
            "replace": lambda _text, entity, _tenant: f"<{entity}>",
            "mask": lambda text, _entity, _tenant: "*" * len(text),
            "hash": self._hash,
            "remove": lambda _text, _entity, _tenant: "",
        }
        self._keep_content = policy.content == "redacted"
        self._names = names
        self.entities: Counter[tuple[str, str]] = Counter()

    def _hash(self, text: str, entity: str, tenant: str) -> str:
        return (
            f"<{entity}:{self._fingerprinter.digest(f'entity:{entity}', tenant, text.encode('utf-8', 'replace'))[:16]}>"
        )

    def __call__(self, event: AuditEvent, collected: Collected, tenant: str) -> dict[str, int]:
        """Clean an event in place: afterwards every text in it may leave, and what is not kept is gone.

        Args:
            event: the event.
            collected: its texts, with what was found in them.
            tenant: by which hashes are separated.

        Returns:
            How many values left as keyed hashes since they are no names, by field.

        Raises:
            RuntimeError: its texts were not read to the end.
            RecordError: it has no time left.
        """
        collected.texts.check_complete()
        hashed: dict[str, int] = {}
        for holder, field, name in collected.names:
            # Nearly all names are known, and leave as they are.
            setattr(holder, field, name if type(name) is Name else self._left(name, tenant, hashed))
        if self._keep_content:
            event.content = self._content(event, collected, tenant)
        event.prompt_messages, event.response_messages = [], []
        if event.tool_calls:
            event.tool_calls = [
                ToolCall(
                    name=None if name is None else self.name(name, tenant, hashed),
                    arguments=None if arguments is None else self.text(arguments, tenant),
                    status=call.status,
                )
                for call, name, arguments in zip(
                    event.tool_calls, collected.tool_names, collected.tool_arguments, strict=True
                )
            ]
        if isinstance(event.unmapped, SensitiveTree):
            event.unmapped = None if collected.unmapped is None else self.tree(collected.unmapped, tenant)
        return hashed

    def _left(self, name: Read, tenant: str, hashed: dict[str, int]) -> Any:
        """What leaves for a name, each of a list, or each of an object."""
        if type(name) is PendingName:
            return self.name(name, tenant, hashed)
        if type(name) is list:
            return [self.name(one, tenant, hashed) for one in name]
        if type(name) is dict:
            return {key: self.name(one, tenant, hashed) for key, one in name.items()}
        return name

    def name(self, name: Named, tenant: str, hashed: dict[str, int]) -> Name | Digest | Constant:
        """What leaves for a value of a field for names.

        Args:
            name: that, or what is needed to tell it.
            tenant: by which hashes are separated.
            hashed: counts values that leave as keyed hashes, by field.
        """
        return self._names.leave(name, tenant, self.text, hashed) if type(name) is PendingName else name

    def _content(self, event: AuditEvent, collected: Collected, tenant: str) -> Content | None:
        def joined(messages: list[Message], inspected: list[list[Inspected]], system: bool) -> CleanText | None:
            texts = [
                self.text(part, tenant)
                for message, parts in zip(messages, inspected, strict=True)
                if (message.role is Role.SYSTEM) is system
                for part in parts
            ]
            return CleanText("\n".join(texts)) if texts else None

        content = Content(
            system=joined(event.prompt_messages, collected.prompt, system=True),
            prompt=joined(event.prompt_messages, collected.prompt, system=False),
            response=joined(event.response_messages, collected.response, system=False),
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
            self.entities[cluster.entity, self._operator_of.get(cluster.entity, self._default)] += 1
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
        name = self._operator_of.get(entity, self._default)
        if entity == TIMED_OUT:
            return f"<{TIMED_OUT}>"
        replaced = self._operators[name](span, entity, tenant)
        # The last characters of an escape are no characters.
        if name == "mask" and alone and len(span) > 2 * self._keep_last and "\\" not in span:
            hidden = len(span) - self._keep_last
            return replaced[:hidden] + span[hidden:]
        return replaced

    def tree(self, tree: InspectedObject, tenant: str) -> dict[str, Any]:
        """A JSON object with every key, string and number cleaned.

        Raises:
            RecordError: it has no time left.
        """
        cleaned: dict[str, Any] = self._rebuild(tree, tenant)
        return cleaned

    def _rebuild(self, tree: Any, tenant: str) -> Any:
        self._check()
        kind = type(tree)
        if kind is Inspected:
            return self.text(tree, tenant)
        if kind is InspectedNumber:
            return self.text(tree.digits, tenant) if tree.digits.findings else tree.value
        if kind is list:
            return [self._rebuild(item, tenant) for item in tree]
        if kind is InspectedObject:
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
