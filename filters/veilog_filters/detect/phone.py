"""Phone numbers as Presidio's recognizer finds them, without doing the same work once per region.

Theory of operation. Presidio's recognizer runs ``PhoneNumberMatcher`` over the text once for each of eight regions,
and the matcher parses and validates every run of digits that looks like a number, then every part of it. Almost all of
that work fails. Four observations save it; none changes a result:

* Which candidates there are does not depend on the region. They are found once.
* A number has at least five digits, but for a few short ones, which are listed by trying them all (in Germany 1640 is
  a number, 1740 is not). And the national number that parsing makes of a plain
  candidate (digits, ASCII punctuation, no plus) is what is left of its digits after a prefix was taken off: no
  international prefix at its start, and no ending that one of the country's number plans knows, no number.
  Expressions per region, made from the library's own metadata, say so.
* A number with a plus and a country code is parsed alike for every region.
* Where one region takes a plain candidate whole, the others can only find the same or parts of it, which Presidio
  removes as duplicates.

What passes goes to the library's own ``_extract_match``. A text with so many candidates that the matcher would give up
on it goes to the matcher.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterable, Iterator
from re import _constants as sre  # type: ignore[attr-defined]  # typeshed leaves it out
from re import _parser  # type: ignore[attr-defined]
from typing import Any, Final, NamedTuple

import phonenumbers
from phonenumbers import phonenumbermatcher as matcher
from phonenumbers import phonenumberutil as util
from phonenumbers.phonemetadata import PhoneMetadata

from veilog_filters.detect.finding import DetectorTimeout

GATE_ANY_DIGIT: Final = (r"\d", r"[\d\x82]")
MAX_TRIES: Final = 60_000
"""The matcher gives up on a text after 65,535 failures."""
MAX_SHORT: Final = 100
_LENIENCY: Final = 1
_PLAIN = re.compile(r"[0-9\-/ ()\[\].]+")
_EXTENDED = re.compile(r"([0-9\-/ ()\[\].]+)x[0-9]{1,9}", re.IGNORECASE)
_WITH_COUNTRY = re.compile(rf"\+(?:{'|'.join(map(str, sorted(util.COUNTRY_CODE_TO_REGION_CODE)))})[0-9\-/ ()\[\].]*")
_PLAIN_OR_PLUS = re.compile(r"\+?[0-9\-/ ()\[\].]+")
_NOT_DIGITS = re.compile(r"[^0-9]+")
_MAX_PLAIN_DIGITS: Final = 20


class Least(NamedTuple):
    """How small a phone number can be.

    Attributes:
        digits: a number has at least so many digits,
        short: or is one of these.
    """

    digits: int
    short: tuple[str, ...]

    def allow(self, digits: str) -> bool:
        """Whether a number may have these digits."""
        return len(digits) >= self.digits or digits in self.short


def gate(least: Least) -> tuple[str, str]:
    """Expressions, for ASCII and for folded text, without a match of which a text has no phone number.

    Derived by hand from the matcher's candidate pattern: digits with at most four punctuation characters between two
    of them (``x`` counts as punctuation, and once as a digit: vanity letters become digits), or digits, a word for
    "extension" and further digits. A library with another pattern gets the gate that every digit opens.
    """
    if hashlib.sha256(matcher._PATTERN.pattern.encode()).hexdigest() != _PATTERN_DIGEST:  # noqa: SLF001
        return GATE_ANY_DIGIT
    more = least.digits - 1
    gap, wide_gap = r"[-x/ ()\[\].~]{0,4}", r"[-x/ ()\[\].~\x80-\x83]{0,4}"
    narrow = (
        rf"\d(?:{gap}[\dx]){{{more}}}"
        r"|\d[ \t,]*(?:;ext=|e?xt(?:ensio?)?n?|anexo|[x#~]|int)[:.]?[ \t,-]*\d"
        r"|\d[- ]+\d{1,6}#"
    )
    wide = (
        rf"[\d\x82](?:{wide_gap}[\d\x82x]){{{more}}}"
        r"|[\d\x82][ \t,\x80\x83]*[a-z#~;=\x80-\x83]{1,16}[:.\x80]?[ \t,\x80\x83-]*[\d\x82]"
        r"|[\d\x82][- ]+[\d\x82]{1,6}#"
    )
    for number in least.short:
        narrow += "|" + gap.join(number)
        wide += "|" + wide_gap.join(rf"[{digit}\x82]" for digit in number)
    return narrow, wide


_PATTERN_DIGEST: Final = "f5af5fee4448fcd045acfd4d2a9ccfe4ecc4cf8e842f4f14b3d6210bfa913fbb"


def least_of(regions: Iterable[str]) -> Least:
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
        short += [number for number in numbers if any(_is_number(number, region) for region in regions)]
        digits += 1
    if len(short) > MAX_SHORT:
        return Least(min(map(len, short)), ())
    return Least(digits, tuple(short))


def _is_number(digits: str, region: str) -> bool:
    return matcher.PhoneNumberMatcher(digits, region, leniency=_LENIENCY)._parse_and_verify(digits, 0) is not None  # noqa: SLF001


def _metadata(region: str) -> Any:
    return PhoneMetadata.metadata_for_region(region)


class Candidate(NamedTuple):
    """A run of digits that looks like a phone number.

    Attributes:
        start: where it is in the text.
        text: what it is.
        plain: whether the candidates inside it end where it ends: it is made of few digits, common punctuation and
            perhaps a plus, and nothing was cut off behind it.
    """

    start: int
    text: str
    plain: bool


class PhoneFinder:
    """The spans that ``PhoneNumberMatcher`` finds for any of the regions.

    Args:
        regions: the regions to assume for numbers without a country code.
        least: how small a number can be.
    """

    def __init__(self, regions: Iterable[str], least: Least) -> None:
        self._regions = [_Region(region) for region in regions]
        self._least = least

    def __call__(self, text: str, deadline: float) -> set[tuple[int, int]]:
        """Spans in characters; some may be missing that lie inside others.

        Args:
            text: the text.
            deadline: when to give up, on the clock of ``time.monotonic``.

        Raises:
            DetectorTimeout: the deadline has passed.
        """
        candidates = _Candidates(text, self._least)
        spans: set[tuple[int, int]] = set()
        whole: set[int] = set()
        nowhere: set[str] = set()
        for region in self._regions:
            finder = _Matcher(text, region, self._least, nowhere)
            index = 0
            while (candidate := candidates.after(index)) is not None:
                start = candidate.start
                index = start + len(candidate.text)
                if start in whole or not candidates.may_be_number(candidate, region):
                    continue
                if time.monotonic() > deadline:
                    raise DetectorTimeout
                match = finder._extract_match(candidate.text, start)  # noqa: SLF001
                if match is None:
                    continue
                spans.add((match.start, match.end))
                if candidate.plain and (match.start, match.end) == (start, index):
                    whole.add(start)
                index = match.end
            if candidates.tries > MAX_TRIES:
                # The matcher would give up somewhere in this text: only itself knows where.
                return self._by_the_book(text, deadline)
        return spans

    def _by_the_book(self, text: str, deadline: float) -> set[tuple[int, int]]:
        spans = set()
        for region in self._regions:
            for match in matcher.PhoneNumberMatcher(text, region.name, leniency=_LENIENCY):
                spans.add((match.start, match.end))
                if time.monotonic() > deadline:
                    raise DetectorTimeout
        return spans


class _Region:
    """What the digits of a plain number look like in a region.

    Parsing takes off, at most, the country code with a national prefix behind it and a national prefix; or it takes
    off an international prefix, and then anything may follow. What is left must be a number of some type of one of
    the regions that share the country code. Digits from which nothing can be taken off are a number only if the
    region's format for them does not ask for the national prefix.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        metadata = _metadata(name)
        sharing = [_metadata(other) for other in util.COUNTRY_CODE_TO_REGION_CODE[metadata.country_code]]
        self._main = sharing[0]
        prefixes = {_dropped(metadata), _dropped(self._main)}
        self._known = None not in prefixes
        prefix = f"(?:{'|'.join(sorted(filter(None, prefixes)))})"
        kinds = {
            description.national_number_pattern
            for plan in sharing
            for kind in _KINDS
            if (description := getattr(plan, kind)) is not None and description.national_number_pattern
        }
        numbers = f"(?:{'|'.join(sorted(kinds))})"
        self._prefixed = re.compile(
            rf"(?:{metadata.international_prefix})[0-9]*"
            rf"|{metadata.country_code}{prefix}?{prefix}?{numbers}|{prefix}{numbers}"
        )
        self._numbers = re.compile(numbers)

    def allows(self, digits: str) -> bool:
        """Whether a plain candidate with these digits can be a number."""
        if not self._known or self._prefixed.fullmatch(digits):
            return True
        return self._numbers.fullmatch(digits) is not None and not self._needs_prefix(digits)

    def _needs_prefix(self, digits: str) -> bool:
        """As ``_is_national_prefix_present_if_required`` finds for a number without one."""
        main = self._main
        rule = util._choose_formatting_pattern_for_number(main.number_format, digits)  # noqa: SLF001
        if rule is None or not rule.national_prefix_formatting_rule or rule.national_prefix_optional_when_formatting:
            return False
        if util._formatting_rule_has_first_group_only(rule.national_prefix_formatting_rule):  # noqa: SLF001
            return False
        prefix = main.national_prefix_for_parsing
        return not (prefix and re.match(prefix, digits))


class _Matcher(matcher.PhoneNumberMatcher):
    """The library's matcher, which is spared the parsing of parts that can be no number.

    Args:
        text: the text.
        region: the region to assume.
        least: how small a number can be.
        nowhere: numbers with a plus that the matcher for another region has found to be none. Added to.
    """

    def __init__(self, text: str, region: _Region, least: Least, nowhere: set[str]) -> None:
        super().__init__(text, region.name, leniency=_LENIENCY)
        self._region = region
        self._least = least
        self._nowhere = nowhere

    def _parse_and_verify(self, candidate: str, offset: int) -> Any:
        digits = _digits_of(candidate)
        if digits is not None and not any(self._least.allow(part) and self._region.allows(part) for part in digits):
            return None
        if not _WITH_COUNTRY.fullmatch(candidate):
            return super()._parse_and_verify(candidate, offset)
        # A plus and a country code that exists: the region plays no part. Where it stands in the text may.
        key = f"{offset} {candidate}"
        if key in self._nowhere:
            return None
        match = super()._parse_and_verify(candidate, offset)
        if match is None:
            self._nowhere.add(key)
        return match


def _digits_of(candidate: str) -> tuple[str, ...] | None:
    """The digits that parsing may see in a candidate without a plus; None if that is not known.

    An extension is taken off if what is before it can be a number.
    """
    if _PLAIN.fullmatch(candidate):
        return (_NOT_DIGITS.sub("", candidate),)
    extended = _EXTENDED.fullmatch(candidate)
    return (_NOT_DIGITS.sub("", extended[1]), _NOT_DIGITS.sub("", candidate)) if extended else None


class _Candidates:
    """The candidates of a text, found once for all regions.

    Attributes:
        tries: how many parts of candidates a matcher tries at most before it has seen the whole text.
    """

    def __init__(self, text: str, least: Least) -> None:
        self.tries = 0
        self._text = text
        self._least = least
        self._after: dict[int, Candidate | None] = {}
        self._parts: dict[Candidate, list[str] | None] = {}

    def after(self, index: int) -> Candidate | None:
        """The first candidate from an index on."""
        if index in self._after:
            return self._after[index]
        match = matcher._PATTERN.search(self._text, index)  # noqa: SLF001
        self._after[index] = candidate = None if match is None else _trimmed(match)
        return candidate

    def may_be_number(self, candidate: Candidate, region: _Region) -> bool:
        """Whether the candidate or a part of it can be a number of a region."""
        if candidate not in self._parts:
            self._parts[candidate] = self._digits_of_parts(candidate.text)
        parts = self._parts[candidate]
        return parts is None or any(region.allows(part) for part in parts)

    def _digits_of_parts(self, candidate: str) -> list[str] | None:
        """Digits of the candidate and of all parts that ``_extract_inner_match`` tries; None if that is not known.

        Those that are too few for a number are left out.
        """
        if not _PLAIN.fullmatch(candidate) and not _EXTENDED.fullmatch(candidate):
            self.tries += 1 + len(candidate) * (1 + len(matcher._INNER_MATCHES))  # noqa: SLF001
            return None
        self.tries += 1
        texts = {candidate: None}
        for pattern in matcher._INNER_MATCHES:  # noqa: SLF001
            match = pattern.search(candidate)
            if match:
                self.tries += 1
                texts[candidate[: match.start()]] = None
            while match:
                self.tries += 1
                texts[match[1]] = None
                match = pattern.search(candidate, match.start() + 1)
        parts: dict[str, None] = {}
        for text in filter(None, texts):
            digits = _digits_of(text)
            if digits is None:
                return None
            parts.update(dict.fromkeys(digits))
        return [part for part in parts if self._least.allow(part)]


def _trimmed(match: re.Match[str]) -> Candidate:
    found = match[0]
    trailing = util._SECOND_NUMBER_START_PATTERN.search(found)  # noqa: SLF001
    if trailing:
        return Candidate(match.start(), found[: trailing.start()], plain=False)
    plain = _PLAIN_OR_PLUS.fullmatch(found) is not None and len(_NOT_DIGITS.sub("", found)) <= _MAX_PLAIN_DIGITS
    return Candidate(match.start(), found, plain)


_KINDS: Final = (
    "fixed_line",
    "mobile",
    "toll_free",
    "premium_rate",
    "shared_cost",
    "personal_number",
    "voip",
    "pager",
    "uan",
    "voicemail",
)


def _dropped(metadata: Any) -> str | None:
    """Matches what may be taken off as a national prefix; None if that is not known."""
    prefix, rule = metadata.national_prefix_for_parsing or "", metadata.national_prefix_transform_rule
    if rule is None:
        return f"(?:{prefix})"
    if rule != r"\2":
        return None
    # The pattern takes in the number behind the prefix too, as its second group, and puts it back.
    tree = _parser.parse(prefix)
    kept = [part[1][3] for part in _groups(tree) if part[1][0] == int(rule[1])]
    return f"[0-9]{{1,{tree.getwidth()[1] - kept[0].getwidth()[1]}}}" if len(kept) == 1 else None


def _groups(tree: Any) -> Iterator[Any]:
    for part in tree:
        operator, argument = part
        if operator is sre.SUBPATTERN:
            yield part
            yield from _groups(argument[3])
        elif operator in (sre.MAX_REPEAT, sre.MIN_REPEAT):
            yield from _groups(argument[2])
