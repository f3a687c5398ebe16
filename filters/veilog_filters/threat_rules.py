"""Threat rules at work: which of them match some texts and facts.

Theory of operation. All expressions of all rules, and the signs of hidden forms, are numbered. Where Hyperscan is
there, one pass over a text tells which of them could be in it, of those that rules for its place look for; most often
none, and then nothing more is done. Without Hyperscan each could be. From there on both ways are the same:

* the rules that name what could be there, and that look at this place, are *candidates*;
* of each, the conditions are asked, an expression at most once for a text, as ``regex`` finds it;
* where a text shows the sign of a hidden form, what is decoded from it is read likewise. A rule that matches there,
  and not in the text as it is, makes those rules match that look for the form.

The conditions of a rule hold in one text: a part of a message in one of its readings (as it is, escapes undone, what
is in base64 read). What it says of facts of the event is asked once for each event, and only of the rules that could
match.

Time: an expression is linear on any text (``threat_expressions``); on long texts a search has what is left of the
record's time, and if that runs out the record is in quarantine.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

import regex

from veilog_filters.detect.api import Check
from veilog_filters.forms.hidden import FORMS, SIGNS, Form, decoded
from veilog_filters.threat_expressions import FLAGS, bounded, read_words
from veilog_filters.threat_pack import Fact, Group, LoadedRule, Rule
from veilog_parsers.errors import ErrorType, RecordError
from veilog_parsers.event import ThreatPlace

Search = Callable[[str, ThreatPlace], Collection[int]]
"""A text, and where it stands, to the numbers of the expressions that could match in it."""
Facts = Callable[[str], Collection[str]]
"""A fact's name to its values in an event, small letters: none where the event has no such fact."""
Matches = dict[int, set[ThreatPlace]]
"""The rules that match, by number, and where; nowhere for rules about facts alone."""

GROUP_OF: Final[Mapping[ThreatPlace, int]] = MappingProxyType(
    {place: {ThreatPlace.RESPONSE: 1, ThreatPlace.SYSTEM: 2}.get(place, 0) for place in ThreatPlace}
)
"""Places by groups: nearly all rules look at what comes from users and tools, few at answers or system prompts."""
GROUPS: Final = 1 + max(GROUP_OF.values())

_ANY_KIND: Final = ""
_LONG_CHARS: Final = 2_048
"""Texts from so many characters on are searched with a timeout, which costs as much as the search of a short one."""
_GRAVE: Final = ("medium", "high")


class Reading(NamedTuple):
    """A text as rules read it.

    Attributes:
        place: where it stands.
        text: what is read.
        hits: which expressions could match.
        is_plain: whether it is the text as it is, not one of its other forms.
    """

    place: ThreatPlace
    text: str
    hits: Collection[int]
    is_plain: bool = True


class ThreatRules:
    """Rules, ready to match.

    Args:
        loaded: the rules; those that are off are left out.

    Attributes:
        rules: the rules that are not off, by number.
    """

    def __init__(self, loaded: Iterable[LoadedRule]) -> None:
        self.rules = [rule for rule in loaded if rule.mode != "off"]
        self._table, self._excluded = _Table(), _Table()
        self._conditions = [_Conditions(one.rule, self._table, self._excluded) for one in self.rules]
        hides = [(number, one.rule.when.forms) for number, one in enumerate(self.rules)]
        self._by_form = {form: [number for number, forms in hides if form in forms] for form in FORMS}
        self._signs = {self._table.number(bounded(SIGNS[form])): form for form in FORMS if self._by_form[form]}
        self._form_places = {
            ThreatPlace(place) for one in self.rules if one.rule.when.forms for place in one.rule.applies_to
        }
        self._candidates: dict[int, list[int]] = {}
        for number, conditions in enumerate(self._conditions):
            for expression in conditions.seeks:
                self._candidates.setdefault(expression, []).append(number)
        self._of_facts = _by_kind(self.rules)
        self._all = range(len(self._table.expressions))

    @property
    def expressions(self) -> Sequence[str]:
        """What is looked for in texts, by number."""
        return self._table.expressions

    @property
    def needs_text(self) -> bool:
        """Whether any rule reads text."""
        return bool(self._table.expressions)

    def groups(self) -> list[frozenset[int]]:
        """By the groups of places, which expressions their rules look for, signs of hidden forms among them."""
        sought: list[set[int]] = [set() for _ in range(GROUPS)]
        for number, one in enumerate(self.rules):
            of_rule = self._conditions[number].sought
            signs = {sign for sign, form in self._signs.items() if form in one.rule.when.forms}
            for place in one.rule.applies_to:
                sought[GROUP_OF[ThreatPlace(place)]] |= of_rule | signs
        return list(map(frozenset, sought))

    def everything(self, text: str, place: ThreatPlace) -> Collection[int]:  # noqa: ARG002 - what a search is given
        """The search where nobody can tell: every expression could match."""
        return self._all

    def least_repeated(self, number: int) -> int:
        """How many calls of the same caller with much the same prompt a rule asks for, besides."""
        return self.rules[number].rule.when.repeated or 0

    def match(self, readings: Iterable[Reading], facts: Facts, search: Search, check: Check) -> Matches:
        """Which rules match.

        Args:
            readings: the texts of an event that are judged.
            facts: its facts.
            search: what could match in a decoded text.
            check: may stop the record.

        Rules that ask how often a prompt was repeated match as if it was: see ``least_repeated``.

        Raises:
            RecordError: the record's time is used up.
        """
        found: Matches = {}
        for reading in readings:
            matched = self._in_text(reading, facts, check)
            for number in matched:
                found.setdefault(number, set()).add(reading.place)
            if reading.is_plain and reading.place in self._form_places:
                self._in_hidden(reading, matched, (facts, search, check), found)
        for kind in (*facts("kind"), _ANY_KIND):
            for number in self._of_facts.get(kind, ()):
                if self._conditions[number].fit(facts):
                    found.setdefault(number, set())
        return found

    def _in_text(self, reading: Reading, facts: Facts, check: Check) -> list[int]:
        """The rules that match one text."""
        candidates = {number for hit in reading.hits for number in self._candidates.get(hit, ())}
        if not candidates:
            return []
        sought, excluded = _Sought(self._table, reading, check), _Sought(self._excluded, reading, check)
        conditions = self._conditions
        return [
            number
            for number in sorted(candidates)
            if reading.place in conditions[number].places
            and conditions[number].hold(sought, excluded)
            and conditions[number].fit(facts)
        ]

    def _in_hidden(
        self, reading: Reading, matched: Sequence[int], means: tuple[Facts, Search, Check], found: Matches
    ) -> None:
        """Add the rules that match what is hidden in a text, and those that look for the form in which it is."""
        facts, search, check = means
        for hit in reading.hits:
            form = self._signs.get(hit)
            if form is None or not _Sought(self._table, reading, check)(hit):
                continue
            for text in decoded(reading.text, form):
                inside = self._in_text(Reading(reading.place, text, search(text, reading.place)), facts, check)
                further = [number for number in inside if number not in matched]
                grave = any(self.rules[number].rule.severity in _GRAVE for number in further)
                for number in (*further, *self._hiding(form, reading.place)) if grave else ():
                    found.setdefault(number, set()).add(reading.place)

    def _hiding(self, form: Form, place: ThreatPlace) -> list[int]:
        return [number for number in self._by_form[form] if place in self._conditions[number].places]


class _Table:
    """Expressions, each once, by number; compiled when they are first sought."""

    def __init__(self) -> None:
        self.expressions: list[str] = []
        self._numbers: dict[str, int] = {}
        self._compiled: dict[int, regex.Pattern[str]] = {}

    def number(self, expression: str) -> int:
        """The number of an expression."""
        number = self._numbers.setdefault(expression, len(self.expressions))
        if number == len(self.expressions):
            self.expressions.append(expression)
        return number

    def pattern(self, number: int) -> regex.Pattern[str]:
        """The compiled expression of a number."""
        pattern = self._compiled.get(number)
        if pattern is None:
            pattern = self._compiled[number] = regex.compile(self.expressions[number], FLAGS)
        return pattern


class _Sought:
    """What is in one text: each expression is sought once.

    Args:
        table: the expressions.
        reading: the text.
        check: may stop the record.
    """

    __slots__ = ("_check", "_hits", "_known", "_table", "_text")

    def __init__(self, table: _Table, reading: Reading, check: Check) -> None:
        self._table = table
        self._text = reading.text
        self._hits = reading.hits
        self._check = check
        self._known: dict[int, bool] = {}

    def __call__(self, number: int) -> bool:
        """Whether an expression matches, of those that the scan looks for."""
        return number in self._hits and self.anyway(number)

    def anyway(self, number: int) -> bool:
        """Whether an expression matches, of those that it does not look for."""
        known = self._known.get(number)
        if known is None:
            known = self._known[number] = self._seek(number)
        return known

    def _seek(self, number: int) -> bool:
        pattern, left = self._table.pattern(number), self._check()
        if left is None or len(self._text) < _LONG_CHARS:
            return pattern.search(self._text) is not None
        try:
            return pattern.search(self._text, timeout=left) is not None
        except TimeoutError:
            raise RecordError(ErrorType.OVER_BUDGET, "an expression took the record's time") from None


class _Conditions:
    """The conditions of a rule, with numbers for expressions.

    Args:
        rule: the rule.
        table: takes the expressions that are looked for.
        excluded: takes those of which none may match. They are sought where all else holds, so no scan needs them.

    Attributes:
        places: where it looks.
        seeks: the expressions of which one has to be there.
        sought: all expressions that are looked for.
    """

    def __init__(self, rule: Rule, table: _Table, excluded: _Table) -> None:
        when = rule.when
        self.places = frozenset(map(ThreatPlace, rule.applies_to))
        self._groups = [_numbers(group, table) for group in when.all]
        if when.words:
            self._groups.append([table.number(read_words(when.words))])
        self._signs = [(sign.weight, _numbers(sign, table)) for sign in when.score.of] if when.score else []
        self._threshold = when.score.threshold if when.score else 0
        self._not = [excluded.number(bounded(expression)) for expression in when.not_]
        self._facts = {name: _Values(values) for name, values in when.event.items()}
        of_signs = frozenset(number for _, sign in self._signs for number in sign)
        self.seeks = frozenset(self._groups[0]) if self._groups else of_signs
        self.sought = of_signs.union(*self._groups)

    def hold(self, sought: _Sought, excluded: _Sought) -> bool:
        """Whether all that is said of a text holds in one."""
        return (
            all(any(map(sought, group)) for group in self._groups)
            and sum(weight for weight, sign in self._signs if any(map(sought, sign))) >= self._threshold
            and not any(map(excluded.anyway, self._not))
        )

    def fit(self, facts: Facts) -> bool:
        """Whether all that is said of an event holds."""
        return all(values.have(facts(name)) for name, values in self._facts.items())


class _Values:
    """The values of which a fact must have one."""

    def __init__(self, values: Iterable[Fact]) -> None:
        said = [spelled(value) for value in values]
        self._exact = frozenset(value for value in said if "*" not in value)
        self._begins = tuple(value[:-1] for value in said if value.endswith("*") and not value.startswith("*"))
        self._ends = tuple(value[1:] for value in said if value.startswith("*") and not value.endswith("*"))
        self._holds = tuple(value[1:-1] for value in said if value.startswith("*") and value.endswith("*"))

    def have(self, values: Collection[str]) -> bool:
        """Whether one of an event's values is among them."""
        return any(
            value in self._exact
            or value.startswith(self._begins)
            or value.endswith(self._ends)
            or any(part in value for part in self._holds)
            for value in values
        )


def _by_kind(rules: Sequence[LoadedRule]) -> dict[str, list[int]]:
    """The rules about facts alone, by the kinds of events that they name: most events have no kind with such a rule."""
    numbers: dict[str, list[int]] = {}
    for number, one in enumerate(rules):
        when = one.rule.when
        if not when.reads_text:
            for kind in map(spelled, when.event.get("kind", (_ANY_KIND,))):
                numbers.setdefault(kind, []).append(number)
    return numbers


def spelled(value: object) -> str:
    """A fact's value as values are compared: true, false, a number, or text in small letters."""
    return str(value).casefold()


def _numbers(group: Group, table: _Table) -> list[int]:
    numbers = [table.number(bounded(expression)) for expression in group.any]
    return [*numbers, table.number(read_words(group.words))] if group.words else numbers
