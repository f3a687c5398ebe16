"""What a response lets out that the prompt did not bring in: personal data, credentials, the system prompt, canaries.

Only here are both sides of an exchange at hand as text; what leaves is counts and words of closed lists. Four things
are looked for, in what the model wrote, arguments of tool calls included:

values
    What detection found in the response and is not in the prompt: neither as something that was found there, nor
    anywhere in its text. Which entity types count is what the classification policy says of them: those of a rule with
    the category ``credentials``, and those of ``pii``, ``phi``, ``pci`` and ``financial``.
the system prompt
    Runs of ``RUN_WORDS`` words that stand in the system prompt and in the response, and in no other turn, in one form
    (no case, no punctuation). The response is first asked at each eighth word, so that a clean one costs an eighth of
    that: a quotation of 15 words and more is always seen. Not seen is one in other words, translated or encoded.
canaries
    Tokens of the operator's own (``canaries``): planted in a system prompt or a document, they have no business in a
    response, wherever they came from.

A system prompt comes again with every call: its runs are kept, as numbers of this process (``hash``), which nobody can
read, under its keyed hash.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from veilog_filters.collect import Collected, parts_of, readings_of
from veilog_filters.policy import ClassificationPolicy
from veilog_filters.sketch import words_in_order
from veilog_filters.texts import Inspected
from veilog_parsers.event import AuditEvent, Constant, Leakage, LeakKind, Role

RUN_WORDS: Final = 8
MIN_QUOTED_WORDS: Final = 15
"""Fewer words of a system prompt are told by chance: a greeting, a name of a product, a form of address."""
MAX_WORDS: Final = 4_096
"""Words of each side that are compared, from its beginning."""
MAX_SYSTEM_PROMPTS: Final = 64
"""System prompts whose runs are kept: some 300 KB each for the longest."""
MAX_SOUGHT: Final = 64
"""Different values of a response that are sought in the text of the prompt; further ones count if none was found."""
BULK_VALUES: Final = 10
"""So many values of personal data in one response are a list of people."""
_HALF_PERCENT: Final = 50

_PERSONAL: Final = frozenset(("pii", "phi", "pci", "financial"))
_SEPARATORS: Final = re.compile(r"[\W_]+")


class LeakTag(NamedTuple):
    """What a leak is as a threat.

    Attributes:
        rule_id: name of the rule.
        severity: ``low``, ``medium`` or ``high``.
        maturity: ``stable`` or ``incubating``.
        atlas: technique of MITRE ATLAS.
        owasp: entry of the OWASP Top 10 for LLM applications, with its year.
    """

    rule_id: Constant
    severity: str
    maturity: str
    atlas: Constant
    owasp: Constant


_DISCLOSURE: Final = (Constant("AML.T0057"), Constant("LLM02:2025"))
"""LLM Data Leakage; Sensitive Information Disclosure."""
_EXTRACTION: Final = (Constant("AML.T0056"), Constant("LLM07:2025"))
"""Extract LLM System Prompt; System Prompt Leakage."""


def tags_of(leakage: Leakage) -> list[LeakTag]:
    """The threats that a leak is: one for each of its kinds, in the order of ``LeakKind``."""
    tags = []
    for kind in leakage.kinds:
        rule = Constant(f"response-leakage-{kind.value.replace('_', '-')}")
        if kind is LeakKind.CANARY:
            tags.append(LeakTag(rule, "high", "stable", *_DISCLOSURE))
        elif kind is LeakKind.CREDENTIALS:
            tags.append(LeakTag(rule, "high", "incubating", *_DISCLOSURE))
        elif kind is LeakKind.SYSTEM_PROMPT:
            is_most = (leakage.system_prompt_percent or 0) >= _HALF_PERCENT
            tags.append(LeakTag(rule, "high" if is_most else "medium", "stable", *_EXTRACTION))
        else:
            is_bulk = sum((leakage.entities or {}).values()) >= BULK_VALUES
            tags.append(LeakTag(rule, "medium" if is_bulk else "low", "incubating", *_DISCLOSURE))
    return tags


def kinds_of_entities(policy: ClassificationPolicy) -> dict[str, LeakKind]:
    """By entity type, what its values are according to a policy; those of which it says nothing are left out."""
    kinds: dict[str, LeakKind] = {}
    for rule in policy.rules:
        if rule.when.keywords or rule.when.patterns:
            continue
        if "credentials" in rule.categories:
            kinds.update(dict.fromkeys(rule.when.entities, LeakKind.CREDENTIALS))
        elif not _PERSONAL.isdisjoint(rule.categories):
            kinds |= {entity: LeakKind.PERSONAL_DATA for entity in rule.when.entities if entity not in kinds}
    return kinds


class Leaks:
    """Compares the two sides of exchanges.

    Args:
        policy: says which entity types are credentials and which are personal data.
        canaries: tokens by the name that events call them.
    """

    def __init__(self, policy: ClassificationPolicy, canaries: Mapping[str, Sequence[str]]) -> None:
        self._kinds = kinds_of_entities(policy)
        self._canaries = [
            (Constant(name), tuple(token.casefold() for token in tokens)) for name, tokens in canaries.items()
        ]
        self._known: OrderedDict[str, frozenset[int] | None] = OrderedDict()

    def __call__(self, event: AuditEvent, collected: Collected) -> Leakage | None:
        """What an event's response lets out; None if nothing is.

        Args:
            event: the event, with its messages and the hash of its system prompt.
            collected: its texts, with what was found in them.
        """
        response = parts_of(collected.response)
        if not response:
            return None
        leakage = Leakage()
        found = self._values(response, collected)
        kinds = {self._kinds[entity] for entity in found}
        leakage.entities = found or None
        if event.system_prompt_hash is not None:
            quoted, percent = self._quoted(event, collected, response)
            if quoted >= MIN_QUOTED_WORDS:
                leakage.system_prompt_words, leakage.system_prompt_percent = quoted, percent
                kinds.add(LeakKind.SYSTEM_PROMPT)
        if self._canaries and (names := self._seen(readings_of(collected.response))):
            leakage.canaries = names
            kinds.add(LeakKind.CANARY)
        if not kinds:
            return None
        leakage.kinds = [kind for kind in LeakKind if kind in kinds]
        return leakage

    def _values(self, response: Iterable[Inspected], collected: Collected) -> dict[str, int]:
        """How many different values stand in the response alone, by entity type."""
        found: dict[str, tuple[str, str]] = {}
        for part in response:
            for finding in part.findings:
                if finding.entity in self._kinds:
                    value = part.text[finding.start : finding.end]
                    found.setdefault(_plain(value), (finding.entity, value))
        if not found:
            return {}
        prompt = parts_of(collected.prompt)
        for part in prompt:
            for finding in part.findings:
                found.pop(_plain(part.text[finding.start : finding.end]), None)
        counts: dict[str, int] = {}
        for number, (entity, value) in enumerate(found.values()):
            if number >= MAX_SOUGHT or not any(value in part.text for part in prompt):
                counts[entity] = counts.get(entity, 0) + 1
        return dict(sorted(counts.items()))

    def _quoted(self, event: AuditEvent, collected: Collected, response: Sequence[Inspected]) -> tuple[int, int]:
        """How many words of the response are the system prompt's, and how much of that they are, in percent."""
        words = _words(response)
        if len(words) < MIN_QUOTED_WORDS:
            return 0, 0
        sides = list(zip(event.prompt_messages, collected.prompt, strict=True))
        system = [part for message, parts in sides if message.role is Role.SYSTEM for part in parts]
        if not self._may_quote(str(event.system_prompt_hash), system, words):
            return 0, 0
        others = [part for message, parts in sides if message.role is not Role.SYSTEM for part in parts]
        runs = frozenset(map(hash, _runs(_words(system))))
        alone = runs.difference(map(hash, _runs(_words(others))))
        quoted, covered, hits = 0, 0, set()
        for start, run in enumerate(map(hash, _runs(words))):
            if run in alone:
                quoted += start + RUN_WORDS - max(start, covered)
                covered = start + RUN_WORDS
                hits.add(run)
        return quoted, round(100 * len(hits) / len(runs))

    def _may_quote(self, key: str, system: Sequence[Inspected], words: Sequence[bytes]) -> bool:
        """Whether one of each eight runs of a response is in a system prompt.

        One that is new is searched as it is; from its second time on its runs are kept, as numbers: many come once,
        others with each call.
        """
        if key not in self._known:
            self._known[key] = None
            if len(self._known) > MAX_SYSTEM_PROMPTS:
                self._known.popitem(last=False)
            return _has_run_of(words, _words(system))
        self._known.move_to_end(key)
        runs = self._known[key]
        if runs is None:
            runs = self._known[key] = frozenset(map(hash, _runs(_words(system))))
        return not runs.isdisjoint(map(hash, _runs(words, RUN_WORDS)))

    def _seen(self, readings: Iterable[str]) -> list[Constant]:
        """The names of the canaries that are in some texts."""
        folded = [text.casefold() for text in readings]
        return [name for name, tokens in self._canaries if any(token in text for token in tokens for text in folded)]


def _plain(value: str) -> str:
    """A value without case and separators: the same number is written in many ways."""
    return _SEPARATORS.sub("", value).casefold()


def _words(parts: Iterable[Inspected]) -> list[bytes]:
    words: list[bytes] = []
    for part in parts:
        words += words_in_order(part.text)
        if len(words) >= MAX_WORDS:
            return words[:MAX_WORDS]
    return words


def _has_run_of(words: Sequence[bytes], others: Sequence[bytes]) -> bool:
    """Whether other words have one of every eighth run of some words."""
    # Nearly every run of an answer has a word that is not there at all: that is told by the words' set in a fifth of
    # the time that a search takes, which costs more than all the rest.
    has = frozenset(others).issuperset
    asked = [run for at in range(0, len(words) - RUN_WORDS + 1, RUN_WORDS) if has(run := words[at : at + RUN_WORDS])]
    if not asked:
        return False
    text = b" %b " % b" ".join(others)
    return any(b" %b " % b" ".join(run) in text for run in asked)


def _runs(words: Sequence[bytes], step: int = 1) -> Iterable[bytes]:
    """Runs of words, in order; each, or one of each ``step``."""
    return (b" ".join(words[at : at + RUN_WORDS]) for at in range(0, len(words) - RUN_WORDS + 1, step))
