"""Phone numbers as Presidio's recognizer finds them, without doing the same work once per region.

Theory of operation. Presidio's recognizer runs ``PhoneNumberMatcher`` over the text once for each of eight regions,
and the matcher parses and validates every run of digits that looks like a number, then every part of it. Almost all of
that work fails. Three observations save it; none changes a result:

* Which candidates there are does not depend on the region. They are found once.
* A number of fewer than ``min_digits`` digits is valid nowhere. And the national number that parsing makes of a plain
  candidate (digits, ASCII punctuation, no plus) is what is left of its digits after a prefix was taken off: no
  international prefix at its start, and no ending that one of the country's number plans knows, no number. One
  regular expression per region, made from the library's own metadata, says so.
* Where one region takes a plain candidate whole, the others can only find the same or parts of it, which Presidio
  removes as duplicates.

What passes goes to the library's own ``_extract_match``. A text with very many candidates goes to the recognizer.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from re import _parser  # type: ignore[attr-defined]  # typeshed leaves it out
from typing import Any, Final

import phonenumbers
from phonenumbers import phonenumbermatcher as matcher
from phonenumbers import phonenumberutil as util
from phonenumbers.phonemetadata import PhoneMetadata

GATE_ANY_DIGIT: Final = (r"\d", r"[\d\x82]")
MAX_CANDIDATES: Final = 400
_LENIENCY: Final = 1
_PLAIN = re.compile(r"[0-9\-/ ()\[\].]+")
_PLAIN_OR_PLUS = re.compile(r"\+?[0-9\-/ ()\[\].]+")
_NOT_DIGITS = re.compile(r"[^0-9]+")
_MAX_PLAIN_DIGITS: Final = 20


def gate(min_digits: int) -> tuple[str, str]:
    """Expressions, for ASCII and for folded text, without a match of which a text has no phone number.

    Derived by hand from the matcher's candidate pattern: digits with at most four punctuation characters between two
    of them (``x`` counts as punctuation, and once as a digit: vanity letters become digits), or digits, a word for
    "extension" and further digits. A library with another pattern gets the gate that every digit opens.
    """
    if hashlib.sha256(matcher._PATTERN.pattern.encode()).hexdigest() != _PATTERN_DIGEST:  # noqa: SLF001
        return GATE_ANY_DIGIT
    more = min_digits - 1
    narrow = (
        rf"\d(?:[-x/ ()\[\].~]{{0,4}}[\dx]){{{more}}}"
        r"|\d[ \t,]*(?:;ext=|e?xt(?:ensio?)?n?|anexo|[x#~]|int)[:.]?[ \t,-]*\d"
        r"|\d[- ]+\d{1,6}#"
    )
    wide = (
        rf"[\d\x82](?:[-x/ ()\[\].~\x80-\x83]{{0,4}}[\d\x82x]){{{more}}}"
        r"|[\d\x82][ \t,\x80\x83]*[a-z#~;=\x80-\x83]{1,16}[:.\x80]?[ \t,\x80\x83-]*[\d\x82]"
        r"|[\d\x82][- ]+[\d\x82]{1,6}#"
    )
    return narrow, wide


_PATTERN_DIGEST: Final = "f5af5fee4448fcd045acfd4d2a9ccfe4ecc4cf8e842f4f14b3d6210bfa913fbb"


def fewest_digits(regions: Iterable[str]) -> int:
    """How many digits a phone number has at least, for the matcher with any of the regions as its default."""
    national = min(min(_metadata(region).general_desc.possible_length) for region in regions)
    everywhere = [_metadata(region) for region in phonenumbers.SUPPORTED_REGIONS]
    everywhere += [PhoneMetadata.metadata_for_nongeo_region(code) for code in util.COUNTRY_CODES_FOR_NON_GEO_REGIONS]
    international = min(len(str(m.country_code)) + min(m.general_desc.possible_length) for m in everywhere)
    fewest = min(national, international)
    # "Possible" lengths are generous: the shortest are valid as local numbers only. Three or four digits can be tried.
    while fewest < min(international, 5) and not any(
        _is_number(f"{number:0{fewest}}", region) for region in regions for number in range(10**fewest)
    ):
        fewest += 1
    return fewest


def _is_number(digits: str, region: str) -> bool:
    return matcher.PhoneNumberMatcher(digits, region, leniency=_LENIENCY)._parse_and_verify(digits, 0) is not None  # noqa: SLF001


def _metadata(region: str) -> Any:
    return PhoneMetadata.metadata_for_region(region)


class PhoneFinder:
    """The spans that ``PhoneNumberMatcher`` finds for any of the regions.

    Args:
        regions: the regions to assume for numbers without a country code.
        min_digits: as ``fewest_digits`` says.
    """

    def __init__(self, regions: Iterable[str], min_digits: int) -> None:
        self._regions = [(region, _possible(region)) for region in regions]
        self._min_digits = min_digits

    def __call__(self, text: str) -> set[tuple[int, int]] | None:
        """Spans, without some that lie inside others of the same list; None if the text has too many candidates."""
        candidates = _Candidates(text)
        spans: set[tuple[int, int]] = set()
        whole: dict[int, int] = {}
        for region, possible in self._regions:
            finder = matcher.PhoneNumberMatcher(text, region, leniency=_LENIENCY)
            index = 0
            while (candidate := candidates.after(index)) is not None:
                start, found, plain = candidate
                index = start + len(found)
                if whole.get(start) == index or not self._may_be_number(candidates, candidate, possible):
                    continue
                match = finder._extract_match(found, start)  # noqa: SLF001
                if match is None:
                    continue
                spans.add((match.start, match.end))
                if plain and (match.start, match.end) == (start, index):
                    whole[start] = index
                index = match.end
            if len(candidates.known) > MAX_CANDIDATES:
                return None
        return spans

    def _may_be_number(
        self, candidates: _Candidates, candidate: tuple[int, str, bool], possible: re.Pattern[str] | None
    ) -> bool:
        digits = candidates.parts(candidate, self._min_digits)
        if digits is None:
            return True
        if possible is None:
            return bool(digits)
        return any(possible.fullmatch(part) for part in digits)


class _Candidates:
    """The candidates of a text, found once for all regions."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.known: dict[int, tuple[int, str, bool] | None] = {}
        self._parts: dict[int, list[str] | None] = {}

    def after(self, index: int) -> tuple[int, str, bool] | None:
        """The first candidate from an index on: its start, its text, and whether it is plain and ends by itself."""
        if index not in self.known:
            match = matcher._PATTERN.search(self._text, index)  # noqa: SLF001
            self.known[index] = None if match is None else self._trimmed(match)
        return self.known[index]

    @staticmethod
    def _trimmed(match: re.Match[str]) -> tuple[int, str, bool]:
        found = match[0]
        trailing = util._SECOND_NUMBER_START_PATTERN.search(found)  # noqa: SLF001
        if trailing:
            return match.start(), found[: trailing.start()], False
        plain = _PLAIN_OR_PLUS.fullmatch(found) is not None and len(_NOT_DIGITS.sub("", found)) <= _MAX_PLAIN_DIGITS
        return match.start(), found, plain

    def parts(self, candidate: tuple[int, str, bool], min_digits: int) -> list[str] | None:
        """The digits of everything that the matcher would try in a candidate; None if it is not plain."""
        start, found, _ = candidate
        # Two candidates that start at the same place are the same: what matches there does not depend on the index.
        if start not in self._parts:
            self._parts[start] = _digits_of_parts(found, min_digits) if _PLAIN.fullmatch(found) else None
        return self._parts[start]


def _digits_of_parts(candidate: str, min_digits: int) -> list[str]:
    """Digits of the candidate and of its parts, as ``_extract_inner_match`` takes it apart, if they are enough."""
    digits = _NOT_DIGITS.sub("", candidate)
    if len(digits) < min_digits:
        return []
    parts = {digits: None}
    for pattern in matcher._INNER_MATCHES:  # noqa: SLF001
        match = pattern.search(candidate)
        if match:
            parts[_NOT_DIGITS.sub("", candidate[: match.start()])] = None
        while match:
            parts[_NOT_DIGITS.sub("", match[1])] = None
            match = pattern.search(candidate, match.start() + 1)
    return [part for part in parts if len(part) >= min_digits]


def _possible(region: str) -> re.Pattern[str] | None:
    """Matches the digits of every plain candidate that can be a number in a region; None if that is not known.

    Parsing takes off, at most, a national prefix, the country code and a national prefix again; or it takes off an
    international prefix, and then anything may follow. What is left must match the general description of one of the
    regions that share the country code.
    """
    metadata = _metadata(region)
    if metadata.national_prefix_transform_rule not in (None, "\\2"):
        return None
    prefix = metadata.national_prefix_for_parsing
    longest_prefix = _parser.parse(prefix).getwidth()[1] if prefix else 0
    code = metadata.country_code
    plans = "|".join(
        _metadata(other).general_desc.national_number_pattern for other in util.COUNTRY_CODE_TO_REGION_CODE[code]
    )
    most = len(str(code)) + 2 * longest_prefix
    return re.compile(rf"(?:{metadata.international_prefix})[0-9]*|[0-9]{{0,{most}}}(?:{plans})")
