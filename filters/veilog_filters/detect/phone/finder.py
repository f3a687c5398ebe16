"""Phone numbers as Presidio's recognizer finds them, without doing the same work once per region.

Theory of operation. Presidio's recognizer runs ``PhoneNumberMatcher`` over the text once for each of eight regions. The
matcher looks for *candidates*, runs of digits and punctuation, and tries each: first the whole candidate, then, if that
is no number, parts of it, in a certain order, until one is. Then it goes on behind the number, or behind the candidate.
Here the same happens with less work:

* Which candidates there are, which parts of them would be tried, and whether their surroundings forbid a number does
  not depend on the region. It is found out once.
* Nearly all parts are digits with ASCII punctuation, perhaps a plus in front and an extension behind. Whether these are
  a number is a question about the digits (see ``numbering_plan``). All others go to the library's own
  ``_parse_and_verify``.
* Digits with a plus and a country code are a number for every region, or for none.
* Where one region takes a *plain* candidate whole, the others can only find the same or parts of it, which Presidio
  removes as duplicates. So the regions go through a text side by side.

The matcher gives up on a text after 65,535 failures. Here the rest of it is searched too, as if it had not.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
import string
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Any, Final, NamedTuple

import phonenumbers
from phonenumbers import phonenumberutil as util
from phonenumbers.phonemetadata import PhoneMetadata

from veilog_filters.detect.api import Deadline
from veilog_filters.detect.compat import phones as library
from veilog_filters.detect.phone.numbering_plan import (
    NumberingPlan,
    has_country_code,
    is_number_with_country_code,
)

GATE_ANY_DIGIT: Final = (r"\d", r"[\d\x82]")
MAX_SHORT: Final = 100
_READABLE = re.compile(r"([(\[]?\+)?([0-9\-/ ()\[\].]+)(?:x[0-9]{1,9})?", re.IGNORECASE)
_PLAIN = re.compile(r"\+?[0-9\-/ ()\[\].]+")
_MAX_LEAD_CHARS: Final = 2 * (1 + 4)
"""The matcher's pattern has at most two brackets or pluses before the first digit, each with four marks behind it."""
_NOT_DIGITS = re.compile(r"[^0-9]+")
_MAX_PLAIN_DIGITS: Final = 20
_NO_NEIGHBOURS: Final = frozenset(string.ascii_letters + "%$")
"""Of ASCII, what must not stand directly before or behind a number."""


class MinDigits(NamedTuple):
    """How small a phone number can be.

    Attributes:
        digits: a number has at least so many digits,
        short: or is one of these.
    """

    digits: int
    short: tuple[str, ...]

    @property
    def fewest(self) -> int:
        """How many digits a number has at least."""
        return min((self.digits, *map(len, self.short)))

    def allow(self, digits: str) -> bool:
        """Whether a number may have these digits."""
        return len(digits) >= self.digits or digits in self.short


def gate(min_digits: MinDigits) -> tuple[str, str]:
    """Expressions, for ASCII and for folded text, without a match of which a text has no phone number.

    Derived by hand from the matcher's candidate pattern: digits with at most four punctuation characters between two
    of them (``x`` counts as punctuation, and once as a digit: vanity letters become digits), or digits, a word for
    "extension" and further digits. A library with another pattern gets the gate that every digit opens.
    """
    if hashlib.sha256(library.CANDIDATE.pattern.encode()).hexdigest() != _PATTERN_DIGEST:
        return GATE_ANY_DIGIT
    more = min_digits.digits - 1
    gap, folded_gap = r"[-x/ ()\[\].~]{0,4}", r"[-x/ ()\[\].~\x80-\xfc]{0,4}"
    ascii_ = (
        rf"\d(?:{gap}[\dx]){{{more}}}"
        r"|\d[ \t,]*(?:;ext=|e?xt(?:ensio?)?n?|anexo|[x#~]|int)[:.]?[ \t,-]*\d"
        r"|\d[- ]+\d{1,6}#"
    )
    folded = (
        rf"[\d\x82](?:{folded_gap}[\d\x82x]){{{more}}}"
        r"|[\d\x82][ \t,\x80\x83]*[a-z#~;=\x80-\xfc]{1,16}[:.\x80]?[ \t,\x80\x83-]*[\d\x82]"
        r"|[\d\x82][- ]+[\d\x82]{1,6}#"
    )
    for number in min_digits.short:
        ascii_ += "|" + gap.join(number)
        folded += "|" + folded_gap.join(rf"[{digit}\x82]" for digit in number)
    return ascii_, folded


_PATTERN_DIGEST: Final = "f5af5fee4448fcd045acfd4d2a9ccfe4ecc4cf8e842f4f14b3d6210bfa913fbb"


def min_digits_of(regions: Iterable[str]) -> MinDigits:
    """How small a phone number can be for the matcher with any of the regions as its default."""
    regions = tuple(regions)
    national = min(min(_metadata(region).general_desc.possible_length) for region in regions)
    everywhere = [_metadata(region) for region in phonenumbers.SUPPORTED_REGIONS]
    everywhere += [PhoneMetadata.metadata_for_nongeo_region(code) for code in util.COUNTRY_CODES_FOR_NON_GEO_REGIONS]
    international = min(len(str(m.country_code)) + min(m.general_desc.possible_length) for m in everywhere)
    # "Possible" lengths are generous: most of the shortest are local numbers only. So few digits can all be tried.
    digits, short = min(national, international), list[str]()
    while digits < min(international, 5):
        numbers = (f"{number:0{digits}}" for number in range(10**digits))
        short += [number for number in numbers if any(library.library_fallback(number, region) for region in regions)]
        digits += 1
    if len(short) > MAX_SHORT:
        return MinDigits(min(map(len, short)), ())
    return MinDigits(digits, tuple(short))


def _metadata(region: str) -> Any:
    return PhoneMetadata.metadata_for_region(region)


_GAP: Final = rf"(?:{library.PUNCTUATION}|[- ]++|[ \u00a0\t,-]*+[^\d\s,-]{{1,20}}+[ \u00a0\t,-]*+)"
"""What may stand between two digits of a candidate, and more: punctuation, or what announces an extension."""


def _viable(fewest: int) -> re.Pattern[str]:
    """The first digit of a candidate that has enough of them.

    Prose is full of candidates with one digit or two, and this passes them faster than the matcher's pattern does. A
    digit that it finds is always the first of its candidate: one before it would have been found instead.
    """
    return re.compile(rf"\d(?:{_GAP}\d){{{fewest - 1}}}")


class _By(Enum):
    """Who knows whether a part of a candidate is a number."""

    NOBODY = "its surroundings or brackets forbid it, whatever the digits"
    PLAN = "the region's numbering plan"
    ANYWHERE = "the same for all regions: it begins with a country code"
    LIBRARY = "the library"


class _Part(NamedTuple):
    """A candidate or a part of one: where it is, and how to tell whether it is a number.

    Attributes:
        start: its first character.
        end: behind its last.
        by: who knows.
        digits: without those of an extension.
        written: with them.
    """

    start: int
    end: int
    by: _By
    digits: str
    written: str


@dataclasses.dataclass(slots=True)
class _Candidate:
    """A run of digits that looks like a phone number.

    Attributes:
        start: its first character.
        end: behind its last.
        whole: the candidate as one part; None if that is no number for certain.
        plain: whether the candidates inside it end where it ends: it is made of few digits, common punctuation and
            perhaps a plus, and nothing was cut off behind it.
        parts: those that may be a number; none in what looks like a date. Made when first needed.
    """

    start: int
    end: int
    whole: _Part | None
    plain: bool
    parts: list[_Part] | None = None


class PhoneFinder:
    """The spans that ``PhoneNumberMatcher`` finds for any of the regions.

    Args:
        regions: the regions to assume for numbers without a country code.
        min_digits: how small a number can be.
    """

    def __init__(self, regions: Iterable[str], min_digits: MinDigits) -> None:
        self._names = tuple(regions)
        plans = map(NumberingPlan, self._names)
        # Where the library has come to judge otherwise than its plan says, it is asked itself.
        self._plans: list[NumberingPlan | None] = [plan if plan.agrees() else None for plan in plans]
        self._min_digits = min_digits
        self._viable = _viable(min_digits.fewest)

    def __call__(self, text: str, deadline: Deadline) -> set[tuple[int, int]]:
        """Spans in characters; some may be missing that lie inside others.

        Args:
            text: the text.
            deadline: says when to give up.

        Raises:
            DetectorTimeout: the deadline has passed.
        """
        candidates = _Candidates(text, self._min_digits, self._viable)
        spans: set[tuple[int, int]] = set()
        # Where the regions are in the text: most of the time all at the same place.
        places: dict[int, list[int]] = {0: list(range(len(self._names)))}
        while places:
            index = min(places)
            regions = places.pop(index)
            candidate = candidates.after(index)
            if candidate is None:
                continue
            deadline()
            taken = candidate.plain and self._any_takes(candidates, candidate.whole, regions)
            if taken:
                spans.add((candidate.start, candidate.end))
            parts = [] if taken else candidates.parts(candidate)
            if not parts:
                places.setdefault(candidate.end, []).extend(regions)
                continue
            for region in regions:
                end = candidate.end
                for part in parts:
                    if self._is_number(candidates, part, region):
                        spans.add((part.start, part.end))
                        end = part.end
                        break
                places.setdefault(end, []).append(region)
        return spans

    def _any_takes(self, candidates: _Candidates, whole: _Part | None, regions: list[int]) -> bool:
        if whole is not None:
            for region in regions:
                if self._is_number(candidates, whole, region):
                    return True
        return False

    def _is_number(self, candidates: _Candidates, part: _Part, region: int) -> bool:
        plan = self._plans[region]
        if part.by is _By.PLAN and plan is not None:
            return plan(part.digits, part.written)
        if part.by is _By.ANYWHERE and plan is not None:
            return is_number_with_country_code(part.digits)
        return candidates.ask_library(part, self._names[region])


class _Candidates:
    """The candidates of a text, found once for all regions.

    Args:
        text: the text.
        min_digits: how small a number can be.
        viable: finds the first digit of a candidate that has enough.
    """

    def __init__(self, text: str, min_digits: MinDigits, viable: re.Pattern[str]) -> None:
        self._text = text
        self._min_digits = min_digits
        self._viable = viable
        self._after: dict[int, _Candidate] = {}
        self._judges: dict[str, library.Judge] = {}

    def after(self, index: int) -> _Candidate | None:
        """The first candidate from an index on, but for those with too few digits."""
        viable = self._viable.search(self._text, index)
        if viable is None:
            return None
        # No more than brackets and pluses are before the first digit of a candidate.
        match = library.CANDIDATE.search(self._text, max(index, viable.start() - _MAX_LEAD_CHARS))
        if match is None:
            return None
        start = match.start()
        if start not in self._after:
            self._after[start] = self._candidate(start, match[0])
        return self._after[start]

    def _candidate(self, start: int, found: str) -> _Candidate:
        end = start + len(found)
        is_bare = found.isascii() and found.isdigit()
        if is_bare and (self._forbidden(start, end, found) or not self._min_digits.allow(found)):
            # Ends of names, most of the time.
            return _Candidate(start, end, None, plain=False, parts=[])
        trailing = library.SECOND_NUMBER_START.search(found) if "x" in found.lower() else None
        text = found[: trailing.start()] if trailing else found
        end = start + len(text)
        if self._is_date_or_time(text, end):
            return _Candidate(start, end, None, plain=False, parts=[])
        whole = self._part(start, text)
        plain = trailing is None and _PLAIN.fullmatch(text) is not None and len(whole.written) <= _MAX_PLAIN_DIGITS
        return _Candidate(start, end, whole if self._may_be_number(whole) else None, plain)

    def _is_date_or_time(self, candidate: str, end: int) -> bool:
        if "/" in candidate and library.SLASH_SEPARATED_DATES.search(candidate):
            return True
        return (
            " " in candidate
            and library.TIME_STAMPS.search(candidate) is not None
            and library.TIME_STAMPS_SUFFIX.match(self._text[end : end + 3]) is not None
        )

    def _part(self, start: int, part: str) -> _Part:
        end = start + len(part)
        readable = _READABLE.fullmatch(part)
        if readable is None:
            return _Part(start, end, _By.LIBRARY, "", "")
        plus, base = readable.groups()
        digits = written = _NOT_DIGITS.sub("", base)
        if len(base) + len(plus or "") < len(part):
            # Behind a slash an "x" begins a second number; behind less than two digits no extension.
            if base.rstrip(" ").endswith("/") or len(digits) < library.MIN_DIGITS:
                return _Part(start, end, _By.LIBRARY, "", "")
            written = _NOT_DIGITS.sub("", part)
        if self._forbidden(start, end, part):
            by = _By.NOBODY
        elif not plus:
            by = _By.PLAN
        elif has_country_code(digits):
            by = _By.ANYWHERE
        else:
            by = _By.LIBRARY
        return _Part(start, end, by, digits, written)

    def _forbidden(self, start: int, end: int, part: str) -> bool:
        """Whether the brackets in a part or the characters around it say that it is no number."""
        if ("(" in part or ")" in part or "[" in part or "]" in part) and (
            not library.MATCHING_BRACKETS.fullmatch(part) or library.PUB_PAGES.search(part)
        ):
            return True
        text = self._text
        # A bracket or a plus in front may follow anything.
        return (start > 0 and part[0] not in "([+" and _no_neighbour(text[start - 1])) or (
            end < len(text) and _no_neighbour(text[end])
        )

    def parts(self, candidate: _Candidate) -> list[_Part]:
        """Those parts of a candidate that may be a number, in the order in which they are tried.

        The whole of a plain candidate is not among them: it was tried before.
        """
        if candidate.parts is None:
            text = self._text[candidate.start : candidate.end]
            parts = (
                ()
                if text.isdigit()
                else (self._part(candidate.start + start, part) for start, part in _inner_parts(text))
            )
            whole = [candidate.whole] if candidate.whole is not None and not candidate.plain else []
            candidate.parts = whole + [part for part in parts if self._may_be_number(part)]
        return candidate.parts

    def _may_be_number(self, part: _Part) -> bool:
        return part.by is not _By.NOBODY and (part.by is not _By.PLAN or self._min_digits.allow(part.digits))

    def ask_library(self, part: _Part, region: str) -> bool:
        """Whether the library takes a part for a number."""
        judge = self._judges.get(region)
        if judge is None:
            judge = self._judges[region] = library.Judge(self._text, region)
        return judge.takes(part.start, part.end)


_NEEDED: Final = ("/", "(", "-", None, ".", None)
"""By inner pattern, a character without which it does not match; None where there are several."""


def _inner_parts(candidate: str) -> Iterator[tuple[int, str]]:
    """The parts that ``_extract_inner_match`` tries, with their places, in its order."""
    for number, pattern in enumerate(library.INNER_MATCHES):
        needed = _NEEDED[number] if len(_NEEDED) == len(library.INNER_MATCHES) else None
        if needed is not None and needed not in candidate:
            continue
        match = pattern.search(candidate)
        if match:
            yield 0, _without_ending(candidate[: match.start()])
        while match:
            yield match.start(1), _without_ending(match[1])
            match = pattern.search(candidate, match.start() + 1)


def _without_ending(part: str) -> str:
    ending = library.UNWANTED_END.search(part)
    return part[: ending.start()] if ending else part


def _no_neighbour(char: str) -> bool:
    """Whether a character must not stand directly before or behind a number: a Latin letter, a percent sign, money."""
    if char.isascii():
        return char in _NO_NEIGHBOURS
    return library.is_invalid_punctuation(char) or library.is_latin_letter(char)
