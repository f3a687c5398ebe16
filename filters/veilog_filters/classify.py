"""The classify stage: a policy's rules give each side of an exchange a level and categories, and say why.

A rule's conditions look at what detectors found, at words and patterns in the text, at the source and at departments.
All conditions of a rule must hold; within a list, any entry may. The level is the highest of the matching rules, or
the policy's default; the categories are their union; the ids of all matching rules are named.

Everything is resolved when the classifier is built. Where Hyperscan is there, the pass over the texts that detection
makes tells which words and patterns could be in them (see ``detect.prefilter.policy``), and only those are sought. A
pattern that runs out of its time counts as a match: whoever makes a pattern hang must not get a lower label for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import regex

from veilog_filters.policy import ClassificationPolicy, Rule, Side
from veilog_parsers.event import Constant, Crossing, Level


class Evidence(NamedTuple):
    """What the rules may look at, for one side of an exchange.

    Attributes:
        texts: its texts, if nobody has looked where something could be.
        possible: the texts in which each pattern and the keywords could be (``Classifier.patterns`` are numbered, the
            keywords come behind them); None if nobody has looked.
        entities: how many findings of each entity type there are.
        side: which side it is.
        source: name of the log source.
        user_department: from the lookup.
        model_department: from the lookup.
        crosses: through what the user reached another department, from the lookup.
    """

    texts: Sequence[str]
    possible: Mapping[int, Sequence[str]] | None
    entities: Mapping[str, int]
    side: Side
    source: str
    user_department: str
    model_department: str
    crosses: tuple[Crossing, ...] = ()


class Verdict(NamedTuple):
    """A label and the reasons for it."""

    level: Level
    categories: tuple[Constant, ...]
    rules: tuple[Constant, ...]


_WORD: Final = regex.compile(r"\w+")


class Classifier:
    """Applies a policy.

    Args:
        policy: the rules.
        timeout_secs: time one pattern may take on one text, in seconds.

    Attributes:
        patterns: the policy's patterns.
        keywords: patterns of its keywords, without their boundaries: compared without case, as whole words.
    """

    def __init__(self, policy: ClassificationPolicy, timeout_secs: float = 0.5) -> None:
        self._default = _level(policy.default_level)
        self._timeout_secs = timeout_secs
        words = {_folded(word) for rule in policy.rules for word in rule.when.keywords}
        # Most keywords are one word: found by one pass over a text and a set, in a quarter of the time that an
        # alternation of all keywords takes. A phrase is sought if all its words are there.
        self._single = frozenset(word for word in words if _WORD.fullmatch(word))
        self._phrases = [
            (frozenset(_WORD.findall(phrase)), phrase, _pattern_of(phrase)) for phrase in sorted(words - self._single)
        ]
        self.patterns = [pattern for rule in policy.rules for pattern in rule.when.patterns]
        self.keywords = [_spelled(word) for word in words]
        numbers = iter(range(len(self.patterns)))
        self._rules = [_CompiledRule(rule, [next(numbers) for _ in rule.when.patterns]) for rule in policy.rules]
        self._rules_for_nothing = [rule for rule in self._rules if not rule.needs_something]
        # What is said where nothing was found, by what is left to look at: names of sources, departments and sides.
        self._of_nothing: dict[tuple[object, ...], Verdict] = {}
        self._keywords = len(self.patterns)
        self._everything = range(len(self.patterns) + 1)

    def __call__(self, evidence: Evidence) -> Verdict:
        """The label of one side."""
        texts = evidence.possible
        if texts is None:
            texts = dict.fromkeys(self._everything, evidence.texts)
        if texts or evidence.entities:
            return self._judge(self._rules, evidence, texts)
        known = self._of_nothing.get(evidence[3:])
        if known is None:
            known = self._of_nothing[evidence[3:]] = self._judge(self._rules_for_nothing, evidence, texts)
        return known

    def _judge(self, rules: Sequence[_CompiledRule], evidence: Evidence, texts: Mapping[int, Sequence[str]]) -> Verdict:
        words, words_timed_out = self._words(texts.get(self._keywords, ()))
        level = self._default
        categories: set[Constant] = set()
        matched: list[Constant] = []
        for rule in rules:
            if rule.holds(evidence, texts, words, words_timed_out, self._timeout_secs):
                matched.append(rule.id)
                categories.update(rule.categories)
                level = rule.level if len(matched) == 1 else max(level, rule.level)
        return Verdict(level, tuple(sorted(categories)), tuple(matched))

    def _words(self, texts: Sequence[str]) -> tuple[set[str], bool]:
        """The keywords in the texts, and whether the search ran out of time."""
        found: set[str] = set()
        if not self._single and not self._phrases:
            return found, False
        try:
            for text in texts:
                words = set(_WORD.findall(text.casefold()))  # linear: needs no timeout, which costs thrice the search
                found |= self._single & words
                possible = [entry for entry in self._phrases if entry[0] <= words]
                folded = _folded(text) if possible else ""
                for _, phrase, pattern in possible:
                    if phrase in folded and pattern.search(text, timeout=self._timeout_secs):
                        found.add(phrase)
        except TimeoutError:
            return found, True
        return found, False


class _CompiledRule:
    """A rule with its lists as sets and its patterns compiled.

    Args:
        rule: the rule.
        numbers: the places of its patterns among those of all rules.
    """

    def __init__(self, rule: Rule, numbers: Sequence[int]) -> None:
        when = rule.when
        self.id = Constant(rule.id)
        self.level = _level(rule.level)
        self.categories = [Constant(category) for category in rule.categories]
        self._entities = when.entities
        self._keywords = {_folded(word) for word in when.keywords}
        self._min_keywords = when.min_keywords
        self._crosses = frozenset(when.crosses)
        self._patterns = [
            (number, regex.compile(pattern)) for number, pattern in zip(numbers, when.patterns, strict=True)
        ]
        self._closed = [
            (field, frozenset(names))
            for field, names in (
                ("side", when.sides),
                ("source", when.sources),
                ("user_department", when.user_departments),
                ("model_department", when.model_departments),
            )
            if names
        ]

    @property
    def needs_something(self) -> bool:
        """Whether it can only hold where something was found or could be in the texts."""
        found = bool(self._entities) and min(self._entities.values()) > 0  # of a type, 0 or more are always there
        return bool(found or self._keywords or self._patterns)

    def holds(
        self,
        evidence: Evidence,
        texts: Mapping[int, Sequence[str]],
        words: set[str],
        words_timed_out: bool,
        timeout_secs: float,
    ) -> bool:
        """Whether all conditions hold, the cheap ones asked first."""
        for field, names in self._closed:
            if getattr(evidence, field) not in names:
                return False
        if self._crosses and self._crosses.isdisjoint(evidence.crosses):
            return False
        if self._entities and not any(evidence.entities.get(name, 0) >= n for name, n in self._entities.items()):
            return False
        if self._keywords and not words_timed_out and len(self._keywords & words) < self._min_keywords:
            return False
        return not self._patterns or self._pattern_matches(texts, timeout_secs)

    def _pattern_matches(self, texts: Mapping[int, Sequence[str]], timeout_secs: float) -> bool:
        try:
            return any(
                pattern.search(text, timeout=timeout_secs)
                for number, pattern in self._patterns
                for text in texts.get(number, ())
            )
        except TimeoutError:
            return True


def _level(name: str) -> Level:
    return Level[name.upper()]


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _pattern_of(phrase: str) -> regex.Pattern[str]:
    """A phrase in any case, between word boundaries of its own, any white space where it has a blank."""
    return regex.compile(rf"(?<!\w){_spelled(phrase)}(?!\w)", regex.IGNORECASE)


def _spelled(phrase: str) -> str:
    return r"\s+".join(map(regex.escape, phrase.split()))
