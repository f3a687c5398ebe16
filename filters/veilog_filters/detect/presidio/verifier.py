"""Presidio's results from the few places of a text where a pattern could match.

Theory of operation. ``AnalyzerEngine.analyze`` runs every recognizer over the whole text, raises scores by context
words, drops what is below the threshold and removes duplicates. Here the same happens with less text:

* **Windows.** A pattern runs only where the prefilter says that a match could end. A match that ends at ``e`` starts
  no earlier than ``e`` minus the longest match, and, for a pattern that cannot take white space into a match, not
  before the white space in front of ``e``. Positions outside these windows start no match, so leaving them out changes
  nothing. Inside, ``finditer`` sees the true text on the left (``pos`` does not hide it) and, on the right, all that a
  match attempt from inside the window can look at: the longest match or the next white space, plus the reach of
  look-ahead. ``endpos`` is beyond that, so no assertion ever meets the artificial end. Matches that start behind the
  window are not believed. ``finditer`` goes on where the last match ended, so the next window does too.
* **The rest is Presidio's.** Validation is the recognizer's own, duplicates are removed by Presidio's own function
  where results overlap, first per recognizer, then after the threshold over all. A recognizer with an ``analyze`` of
  its own runs as it is.
* **Context.** Scores are raised by the enhancer's own rules (see ``context``).
* **Weak patterns.** A pattern whose score cannot reach the threshold even with context, and whose matches no validator
  can raise, is never run. In its recognizer it could have removed only results that are weaker still.

Time is bounded per text, not only per pattern: what is left of it is looked at before each window, and given to the
search, unless the window is short and the pattern known to be harmless there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import Final, NamedTuple

import regex
from presidio_analyzer import EntityRecognizer, Pattern, PatternRecognizer, RecognizerResult, predefined_recognizers
from presidio_analyzer.predefined_recognizers import IbanRecognizer, PhoneRecognizer

from veilog_filters.config import Detect
from veilog_filters.detect.api import Check, Deadline, Finding
from veilog_filters.detect.compat.errors import UnsupportedError
from veilog_filters.detect.compat.guards import BoundedEnhancer, under
from veilog_filters.detect.compat.listed import Part
from veilog_filters.detect.compat.sre import WHITESPACE
from veilog_filters.detect.phone.finder import MinDigits, PhoneFinder, gate, min_digits_of
from veilog_filters.detect.prefilter.expressions import Expression, expression_of
from veilog_filters.detect.prefilter.hyperscan import Hits
from veilog_filters.detect.prefilter.syntax import pattern_info
from veilog_filters.detect.presidio.context import ContextRule, ContextWords
from veilog_filters.detect.presidio.engine import LANGUAGE, BlankNlpEngine, PresidioDetector, is_ours, lazy_artifacts
from veilog_filters.detect.presidio.tokenizer import Tokenizer

_PRESIDIO: Final = "presidio-analyzer"
_SPACE = re.compile(f"[{WHITESPACE}]")
_MAX_WINDOW_CHARS: Final = 1_000
_SEARCH_SECS: Final = 0.05
_SEARCH_SECS_PER_CHAR: Final = 4e-6
"""A search may take so long, in CPU time, per window and per character of it: thirty times what a pattern of
Presidio's takes that goes once through a text. One that backtracks through all of a long word is given up, so that no
text costs more than its length allows."""
_UNTIMED_CHARS: Final = 128
"""On a window of so many characters no known pattern takes longer than 0.1 s, whatever stands there: a test tries."""


class _Pattern:
    """One pattern of a recognizer, and how to run it on windows of a text.

    Args:
        pattern: the pattern.
        flags: its flags.
        score: of its matches.
        is_known: whether it is one of Presidio's or ours, which have no exponential run.
    """

    def __init__(self, pattern: str, flags: int, score: float, is_known: bool) -> None:
        self.score = score
        self.source = (pattern, flags)
        self._untimed_chars = _UNTIMED_CHARS if is_known else 0

    @property
    def expression(self) -> Expression | None:
        """What the prefilter must look for; None if it can't."""
        return expression_of(pattern_info(*self.source), self.source[1])

    def prepare(self) -> None:
        """Make now what is made when it is needed: most patterns of Presidio's never match anything."""
        _ = self._compiled, self._bounds

    @cached_property
    def _compiled(self) -> regex.Pattern[str]:
        pattern, flags = self.source
        return regex.compile(pattern, flags=flags)

    @cached_property
    def _bounds(self) -> _Bounds | None:
        """What bounds the windows; None if nothing does."""
        info = pattern_info(*self.source)
        if info is None or info.reach_chars is None:
            return None
        most = info.max_chars + info.ahead_chars if info.max_chars else 0
        # What was looked at behind a match may be white space too.
        crosses = info.crosses_whitespace or info.ahead_chars > 0
        # Either white space or a longest match must.
        if crosses and not 0 < most <= _MAX_WINDOW_CHARS:
            return None
        return _Bounds(most, info.reach_chars + 1, crosses)

    def find(
        self,
        text: str,
        ends: Sequence[int] | None,
        deadline: Deadline,
        result_of: Callable[[regex.Match[str], float], RecognizerResult | None],
    ) -> list[RecognizerResult]:
        """What is made of exactly the matches of ``finditer`` over the whole text.

        Args:
            text: the text.
            ends: where a match could end, in ascending order; None if that is not known.
            deadline: says when to give up.
            result_of: makes a result of a match and its score, or none.

        Raises:
            DetectorTimeout: the deadline has passed.
        """
        results: list[RecognizerResult] = []
        bounds, last = self._bounds, 0
        whole: list[tuple[int, int, int | None]] = [(0, len(text), None)]
        windows = whole if ends is None or bounds is None else _windows(text, ends, bounds)
        for first, stop, limit in windows:
            deadline()
            first = max(first, last)
            if limit is not None and limit - first <= self._untimed_chars:
                # A timeout takes thrice the time of the search, and most windows are a word.
                matches: Iterator[regex.Match[str]] = self._compiled.finditer(text, first, limit)
            else:
                matches = self._timed_matches(text, first, len(text) if limit is None else limit, deadline)
            for match in matches:
                if match.start() >= stop:
                    break
                last = match.end()
                result = result_of(match, self.score)
                if result is not None:
                    results.append(result)
                if last >= stop:
                    # Most windows end with their match: no other is sought behind it.
                    break
        return results

    def _timed_matches(self, text: str, first: int, limit: int, deadline: Deadline) -> Iterator[regex.Match[str]]:
        """The matches in a long window, within what a search of its length may take."""
        search = Deadline(_SEARCH_SECS + (limit - first) * _SEARCH_SECS_PER_CHAR)
        while True:
            try:
                for match in self._compiled.finditer(text, first, limit, timeout=min(deadline(), search())):
                    yield match
                    first = match.end()
                    deadline()
            except TimeoutError:
                # The library looks at the clock on the wall. If the processor was busy elsewhere, the search goes on
                # behind the last match; else one of the two raises.
                continue
            return


class _Bounds(NamedTuple):
    """How far from the end of a match its window goes.

    Attributes:
        most: longest match in characters; 0 if there is no bound.
        behind: how far behind a match an attempt can look.
        crosses: whether a match can have white space in it.
    """

    most: int
    behind: int
    crosses: bool


def _windows(text: str, ends: Sequence[int], bounds: _Bounds) -> list[tuple[int, int, int | None]]:
    """Where matches can start (from, to) and how far attempts from there can look, without overlap."""
    most, behind, crosses = bounds
    windows: list[tuple[int, int, int | None]] = []
    first = stop = -1
    limit = left = 0
    right = -1
    for end in ends:
        if crosses:
            start, new_limit = end - most, end + most
        else:
            if end > right:
                if text[end - 1] in WHITESPACE:
                    continue
                left, right = _unbroken(text, end, max(right, 0))
            start, new_limit = left, right
            if most:
                start, new_limit = max(start, end - most), min(new_limit, end + most)
        if start > stop:
            if stop > 0:
                windows.append((max(first, 0), stop, limit + behind))
            first = start
        stop, limit = end, new_limit
    if stop > 0:
        windows.append((max(first, 0), stop, limit + behind))
    return windows


def _unbroken(text: str, end: int, low: int) -> tuple[int, int]:
    """The run of characters that are no white space around the one before ``end``, from ``low`` on."""
    low = text.rfind(" ", low, end) + 1 or low
    # What is left is mostly one word, with no other white space in it.
    while (space := _SPACE.search(text, low, end)) is not None:
        low = space.end()
    behind = _SPACE.search(text, end)
    return low, behind.start() if behind else len(text)


class _Recognizer:
    """One of Presidio's recognizers. The base class runs it as it is, on every text.

    Attributes:
        context: its context words.
        sources: what its expressions are made of.
        needed_context: by expression, see ``Verifier``.
    """

    def __init__(self, recognizer: EntityRecognizer) -> None:
        self.recognizer = recognizer
        self.context = ContextWords(recognizer.context or [])
        self.sources: list[tuple[str, int]] = []
        self.needed_context: list[tuple[str, ...]] = []
        self._entity = recognizer.supported_entities[0] if recognizer.supported_entities else ""
        self._metadata = {
            RecognizerResult.RECOGNIZER_NAME_KEY: str(recognizer.name),  # type: ignore[has-type]
            RecognizerResult.RECOGNIZER_IDENTIFIER_KEY: recognizer.id,
        }

    @property
    def expressions(self) -> list[Expression | None]:
        """What the prefilter must look for."""
        return []

    def prepare(self, number: int) -> None:
        """Make now what one of its expressions will need."""

    def find(
        self,
        text: str,
        places: list[tuple[int, Sequence[int] | None]],  # noqa: ARG002
        engine: BlankNlpEngine,
        deadline: Deadline,  # noqa: ARG002
    ) -> list[RecognizerResult]:
        """Its results.

        Args:
            text: the text.
            places: which of its expressions could match, and the ends of such matches, if they are known.
            engine: makes tokens, if somebody asks.
            deadline: says when to give up.
        """
        entities = self.recognizer.supported_entities
        return self.recognizer.analyze(text, entities, lazy_artifacts(engine, text)) or []

    def _result(self, start: int, end: int, score: float) -> RecognizerResult:
        return RecognizerResult(self._entity, start, end, score, recognition_metadata=self._metadata)


class _PatternRecognizer(_Recognizer):
    """A recognizer that does what ``PatternRecognizer`` does, pattern by pattern."""

    recognizer: PatternRecognizer

    def __init__(self, recognizer: PatternRecognizer, threshold: float, context_rule: ContextRule) -> None:
        super().__init__(recognizer)
        kind = type(recognizer)
        self._validates = kind.validate_result is not PatternRecognizer.validate_result
        self._invalidates = kind.invalidate_result is not PatternRecognizer.invalidate_result
        flags, is_known = _flags(recognizer), _is_known(recognizer)
        self._patterns = [
            _Pattern(pattern.regex, flags, pattern.score, is_known)
            for pattern in _patterns(recognizer)
            if self._validates
            or (context_rule.best(pattern.score) if self.context.words else pattern.score) >= threshold
        ]
        self.sources = [pattern.source for pattern in self._patterns]
        # A weak match removes only weaker ones in its recognizer, which need the same words.
        needs = tuple(self.context.words) if self.context.are_plain and not self._validates else ()
        self.needed_context = [needs if pattern.score < threshold else () for pattern in self._patterns]

    @property
    def expressions(self) -> list[Expression | None]:
        """What the prefilter must look for."""
        return [pattern.expression for pattern in self._patterns]

    def prepare(self, number: int) -> None:
        """Make now what one of its expressions will need."""
        self._patterns[number].prepare()

    def find(
        self,
        text: str,
        places: list[tuple[int, Sequence[int] | None]],
        engine: BlankNlpEngine,  # noqa: ARG002
        deadline: Deadline,
    ) -> list[RecognizerResult]:
        """As ``PatternRecognizer.analyze``, on the places where a pattern could match."""
        results: list[RecognizerResult] = []
        for number, ends in places:
            results += self._patterns[number].find(text, ends, deadline, self._result_of)
        # The matches of one pattern do not overlap.
        return _without_duplicates(results) if len(places) > 1 else results

    def _result_of(self, match: regex.Match[str], score: float) -> RecognizerResult | None:
        start, end = match.span()
        score = self._score(match[0], score) if start < end else EntityRecognizer.MIN_SCORE
        return self._result(start, end, score) if score > EntityRecognizer.MIN_SCORE else None

    def _score(self, found: str, score: float) -> float:
        if self._validates:
            valid = self.recognizer.validate_result(found)
            if valid is not None:
                score = EntityRecognizer.MAX_SCORE if valid else EntityRecognizer.MIN_SCORE
        if self._invalidates and self.recognizer.invalidate_result(found):
            score = EntityRecognizer.MIN_SCORE
        return score


class _Iban(_PatternRecognizer):
    """Presidio's IBAN recognizer, which takes the longest part of a match, by the pattern's groups, that is valid."""

    def _result_of(self, match: regex.Match[str], score: float) -> RecognizerResult | None:
        start = match.start()
        for group in range(len(match.groups()), 0, -1):
            end = match.end(group) if match.end(group) > 0 else match.end()
            valid = self.recognizer.validate_result(match.string[start:end]) if start < end else False
            if valid is None or valid:
                return self._result(start, end, EntityRecognizer.MAX_SCORE if valid else score)
        return None


class _Phone(_Recognizer):
    """Presidio's phone recognizer."""

    recognizer: PhoneRecognizer

    def __init__(self, recognizer: PhoneRecognizer, min_digits: MinDigits) -> None:
        super().__init__(recognizer)
        self.finder = PhoneFinder(recognizer.supported_regions, min_digits)
        self._gate = Expression(*gate(min_digits), int(regex.IGNORECASE), single_match=True)
        self.sources = [(self._gate.ascii, self._gate.flags)]
        self.needed_context = [()]

    @property
    def expressions(self) -> list[Expression | None]:
        """What the prefilter must look for."""
        return [self._gate]

    def find(
        self,
        text: str,
        places: list[tuple[int, Sequence[int] | None]],  # noqa: ARG002
        engine: BlankNlpEngine,  # noqa: ARG002
        deadline: Deadline,
    ) -> list[RecognizerResult]:
        """As ``PhoneRecognizer.analyze``."""
        results = [self._result(start, end, self.recognizer.SCORE) for start, end in self.finder(text, deadline)]
        return _without_duplicates(results)


class Verifier:
    """Presidio's findings of a text, given where to look.

    Args:
        options: the ``detect`` section of the configuration.
        min_digits: how small a phone number can be, if it is known from an earlier start.
        check: may stop the record that is worked on.

    Attributes:
        names: what detects, with versions.
        engine: Presidio's engine, which finds the same.
        sources: what the expressions are made of.
        needed_context: by expression, lower-case words of which one must be in a text for a match to reach the
            threshold; empty where a match does without.
        entities: by expression, the types of its findings.
        min_digits: how small a phone number can be; None without a phone recognizer.

    Raises:
        ValueError: as ``PresidioDetector``.
        UnsupportedError: the installed Presidio does something that this does not know.
    """

    def __init__(self, options: Detect, min_digits: MinDigits | None = None, check: Check | None = None) -> None:
        self.engine = reference = PresidioDetector(options, check)
        enhancer = reference.engine.context_aware_enhancer
        if type(enhancer) is not BoundedEnhancer:
            raise UnsupportedError(Part.CONTEXT, _PRESIDIO, "its enhancer is another one")
        self._check = check
        self.names = reference.names
        self.min_digits = min_digits
        self._context_rule = ContextRule(enhancer, reference)
        self._threshold = options.threshold
        self._timeout_secs = options.timeout_secs
        self._blank = reference.blank
        wanted = set(reference.engine.registry.get_recognizers(language=LANGUAGE, entities=reference.entities))
        self._recognizers = [self._known(r) for r in reference.engine.registry.recognizers if r in wanted]
        self.sources: list[tuple[str, int]] = []
        self.needed_context: list[tuple[str, ...]] = []
        self.entities: list[list[str]] = []
        self._owners: list[tuple[int, int]] = []
        self._always: list[int] = []
        for index, recognizer in enumerate(self._recognizers):
            self.sources += recognizer.sources
            self.needed_context += recognizer.needed_context
            self.entities += [list(recognizer.recognizer.supported_entities)] * len(recognizer.sources)
            self._owners += [(index, number) for number in range(len(recognizer.sources))]
            if type(recognizer) is _Recognizer:
                self._always.append(index)
        self._unprepared = set(self._owners)

    @property
    def expressions(self) -> list[Expression | None]:
        """What the prefilter must look for; None for what must always be tried."""
        return [expression for recognizer in self._recognizers for expression in recognizer.expressions]

    def prepare(self) -> None:
        """Make now what is made when it is needed."""
        for index, number in self._unprepared:
            self._recognizers[index].prepare(number)
        self._unprepared.clear()

    def _prepare(self, places: dict[int, list[tuple[int, Sequence[int] | None]]]) -> None:
        """Make what some expressions need. It is not this text's time that goes by."""
        for index, expressions in places.items():
            for number, _ in expressions:
                if (index, number) in self._unprepared:
                    self._recognizers[index].prepare(number)
                    self._unprepared.discard((index, number))

    @property
    def tokenizer(self) -> Tokenizer:
        """What makes the words for the context rule."""
        return self._context_rule.tokenizer

    @property
    def phones(self) -> list[tuple[PhoneFinder, PhoneRecognizer]]:
        """What finds phone numbers, each with Presidio's recognizer that finds the same."""
        return [(one.finder, one.recognizer) for one in self._recognizers if isinstance(one, _Phone)]

    @property
    def runs_always(self) -> bool:
        """Whether there is a recognizer that no expression can stand for, so that every text must come here."""
        return bool(self._always)

    def _known(self, recognizer: EntityRecognizer) -> _Recognizer:
        kind = type(recognizer)
        if kind.enhance_using_context is not EntityRecognizer.enhance_using_context:
            raise UnsupportedError(Part.CONTEXT, _PRESIDIO, f"{kind.__name__} raises scores in a way of its own")
        if isinstance(recognizer, PhoneRecognizer) and kind is PhoneRecognizer and recognizer.leniency == 1:
            self.min_digits = self.min_digits or min_digits_of(recognizer.supported_regions)
            return _Phone(recognizer, self.min_digits)
        if isinstance(recognizer, PatternRecognizer):
            if kind.analyze is PatternRecognizer.analyze:
                return _PatternRecognizer(recognizer, self._threshold, self._context_rule)
            if kind is IbanRecognizer:
                return _Iban(recognizer, self._threshold, self._context_rule)
        return _Recognizer(recognizer)

    def __call__(self, text: str, hits: Hits | None) -> list[Finding]:
        """The findings of a text, in the order of their start.

        Args:
            text: the text.
            hits: what the prefilter says; None if nothing was asked.

        Raises:
            DetectorTimeout: it took too long. Treat the whole text as found.
        """
        places = self._places(hits)
        if self._unprepared:
            self._prepare(places)
        found: list[tuple[RecognizerResult, ContextWords]] = []
        with under(self._timeout_secs, self._check) as deadline:
            for index, expressions in places.items():
                recognizer = self._recognizers[index]
                results = recognizer.find(text, expressions, self._blank, deadline)
                found += [(result, recognizer.context) for result in results]
            self._context_rule(text, found, deadline)
        results = [result for result, _ in found if result.score and result.score >= self._threshold]
        results = _without_duplicates(results)
        return sorted(Finding(r.start, r.end, r.entity_type, r.score) for r in results)

    def _places(self, hits: Hits | None) -> dict[int, list[tuple[int, Sequence[int] | None]]]:
        """Which recognizers to run, on which of their expressions, and where."""
        places: dict[int, list[tuple[int, Sequence[int] | None]]] = {index: [] for index in self._always}
        whole: Iterable[int] = range(len(self._owners)) if hits is None else hits.whole
        for expression in whole:
            index, number = self._owners[expression]
            places.setdefault(index, []).append((number, None))
        if hits is not None:
            for expression, ends in hits.ends.items():
                index, number = self._owners[expression]
                places.setdefault(index, []).append((number, ends))
        return places


def _without_duplicates(results: list[RecognizerResult]) -> list[RecognizerResult]:
    """As Presidio's ``remove_duplicates``, in any order. Only results that overlap another of their type are asked."""
    if len(results) < 2:
        return results
    kept: list[RecognizerResult] = []
    overlapping: list[RecognizerResult] = []
    end, entity = -1, ""
    for result in sorted(results, key=_by_place):
        if result.entity_type != entity or result.start > end:
            kept += overlapping if len(overlapping) < 2 else EntityRecognizer.remove_duplicates(overlapping)
            overlapping, end, entity = [], -1, result.entity_type
        elif (result.start, result.end) == (overlapping[-1].start, overlapping[-1].end):
            # The same span once more (two recognizers found an address), with no higher score.
            continue
        overlapping.append(result)
        end = max(end, result.end)
    return kept + (overlapping if len(overlapping) < 2 else EntityRecognizer.remove_duplicates(overlapping))


def _by_place(result: RecognizerResult) -> tuple[str, int, int, float]:
    return result.entity_type, result.start, result.end, -result.score


def _flags(recognizer: PatternRecognizer) -> int:
    return int(recognizer.global_regex_flags or 0)


def _is_known(recognizer: EntityRecognizer) -> bool:
    """Whether a recognizer is Presidio's or ours, not one that is written in the configuration."""
    return type(recognizer).__module__.startswith(f"{predefined_recognizers.__name__}.") or is_ours(recognizer)


def _patterns(recognizer: PatternRecognizer) -> list[Pattern]:
    return list(recognizer.patterns)  # type: ignore[has-type]  # Presidio's own hints run in a circle
