"""Numbering plans: whether some digits are a phone number, as the ``phonenumbers`` library finds when it parses them.

The library parses a text into an object, step by step, with dozens of patterns that it looks up anew each time. Asked
for nothing but yes or no, about digits alone, the same steps take a twentieth of the time:

1. An international prefix is taken off; what is behind it begins with a country code.
2. Otherwise the region's own country code is taken off, where the digits make no number with it or are too many.
3. A national prefix is taken off, unless too little is left.
4. What is left must be a number of some type in one of the regions that share the country code, and must not lack the
   national prefix where such numbers are written with one.

All patterns and lengths are the library's metadata, read once. That these steps are still the library's is checked on
its own example numbers when a plan is made (``agrees``), and on far more digits in the tests.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterator
from functools import cache, cached_property
from typing import Any, Final

import regex
from phonenumbers import phonenumberutil as util
from phonenumbers.phonemetadata import PhoneMetadata

from veilog_filters.detect.compat.phones import (
    MAX_COUNTRY_CODE_DIGITS,
    MAX_DIGITS,
    MIN_DIGITS,
    has_first_group_only,
    library_fallback,
)
from veilog_filters.detect.compat.sre import measure

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

_NO_PREFIX: Final = "NonMatch"
"""Matches no digits."""

Matches = Callable[[str], Any]
"""Something that is true of some strings."""


class Region:
    """What the library knows about the numbers of one region.

    Args:
        metadata: the library's.

    Attributes:
        prefix: what may be taken off as a national prefix.
        leading_digits: numbers that begin so are this region's, where regions share a country code; may be None.
        lengths: how many digits national numbers of any type have.
    """

    def __init__(self, metadata: Any) -> None:
        general = metadata.general_desc
        self._metadata = metadata
        self.country_code: int = metadata.country_code
        self.leading_digits: str | None = metadata.leading_digits
        self._possible = frozenset(general.possible_length)
        self._local_only = frozenset(general.possible_length_local_only)
        self._longest = max(self._possible)
        self.prefix = re.compile(metadata.national_prefix_for_parsing or _NO_PREFIX)
        self._transform: str | None = metadata.national_prefix_transform_rule or None
        kinds = [description for kind in _KINDS if (description := getattr(metadata, kind)) is not None]
        patterns = {length: _patterns(kinds, length) for length in range(MIN_DIGITS, MAX_DIGITS + 1)}
        self.lengths = frozenset(length for length, those in patterns.items() if those)
        # There are some 250 regions, of which a text has numbers of a few: compiled when first needed.
        self._kinds = cache(lambda length: re.compile("|".join(patterns[length])).fullmatch)
        self._formats = cache(lambda: list(map(_format, metadata.number_format)))

    @cached_property
    def international_prefix(self) -> re.Pattern[str]:
        """What is dialled before a country code."""
        return re.compile(self._metadata.international_prefix or _NO_PREFIX)

    @cached_property
    def is_general(self) -> Matches:
        """Whether digits are a national number, of whatever type."""
        return _matches(self._metadata.general_desc.national_number_pattern)

    @cached_property
    def is_led(self) -> Matches:
        """Whether a national number begins with the region's leading digits."""
        return re.compile(self.leading_digits or _NO_PREFIX).match

    def prefix_lengths(self) -> frozenset[int] | None:
        """How many digits may be taken off as a national prefix; None if that is not known."""
        if self._transform is not None:
            return None
        if self.prefix.pattern == _NO_PREFIX:
            return frozenset((0,))
        known = measure(self.prefix.pattern)
        if known is None or known.most_chars is None:
            return None
        return frozenset((0, *range(known.least_chars, known.most_chars + 1)))

    def too_long(self, digits: str) -> bool:
        """Whether there are more digits than any number has."""
        return len(digits) > self._longest and len(digits) not in self._local_only

    def strip_prefix(self, digits: str) -> tuple[str, bool]:
        """Digits without their national prefix, and whether they had one."""
        match = self.prefix.match(digits) if digits else None
        if match is None:
            return digits, False
        if self._transform is None or match.groups()[-1] is None:
            rest = digits[match.end() :]
        else:
            rest = self.prefix.sub(self._transform, digits, count=1)
        if self.is_general(digits) and not self.is_general(rest):
            return digits, False
        return rest, True

    def national(self, digits: str) -> str | None:
        """The national number in some digits; None if there are too few or too many."""
        if len(digits) < MIN_DIGITS:
            return None
        stripped, _ = self.strip_prefix(digits)
        length = len(stripped)
        if length in self._possible or (length > self._longest and length not in self._local_only):
            digits = stripped
        return digits if MIN_DIGITS <= len(digits) <= MAX_DIGITS else None

    def has_type(self, national: str) -> bool:
        """Whether a national number is of some type here."""
        length = len(national)
        return (
            length in self.lengths
            and self.is_general(national) is not None
            and self._kinds(length)(national) is not None
        )

    def needs_prefix(self, national: str) -> bool:
        """Whether a national number is always written with the national prefix."""
        for leads, has_form, needs in self._formats():
            if (leads is None or leads(national)) and has_form(national):
                return needs
        return False


def _matches(pattern: str | None) -> Matches:
    return re.compile(pattern).fullmatch if pattern else lambda _: None


def _format(rule: Any) -> tuple[Matches | None, Matches, bool]:
    """A rule for writing numbers: the digits they begin with, their form, and whether they have the national prefix."""
    leading: list[str] = rule.leading_digits_pattern
    prefix = rule.national_prefix_formatting_rule
    needs = bool(prefix) and not rule.national_prefix_optional_when_formatting and not has_first_group_only(prefix)
    return re.compile(leading[-1]).match if leading else None, re.compile(rule.pattern).fullmatch, needs


def _first_digits(pattern: re.Pattern[str]) -> frozenset[str]:
    """The digits with which a match may begin."""
    known = measure(pattern.pattern)
    if known is None or known.least_chars == 0:
        return frozenset(string.digits)
    partial = regex.compile(pattern.pattern)
    return frozenset(digit for digit in string.digits if partial.fullmatch(digit, partial=True))


def _patterns(kinds: list[Any], length: int) -> list[str]:
    """The patterns for numbers of any kind with so many digits."""
    patterns = {
        kind.national_number_pattern
        for kind in kinds
        if kind.national_number_pattern and (not kind.possible_length or length in kind.possible_length)
    }
    return [f"(?:{pattern})" for pattern in sorted(patterns)]


class Country:
    """The regions that share a country code.

    Args:
        code: the country code.

    Attributes:
        main: the region by whose rules numbers with this code are parsed.
        lengths: how many digits national numbers have.
        is_alone: whether the main region is the only one.
    """

    def __init__(self, code: int) -> None:
        names = util.COUNTRY_CODE_TO_REGION_CODE[code]
        self._regions = [Region(PhoneMetadata.metadata_for_region_or_calling_code(code, name)) for name in names]
        self.main = self._regions[0]
        self.is_alone = len(names) == 1
        self.lengths = frozenset[int]().union(*(region.lengths for region in self._regions))
        self._others = [region for region in self._regions if region.leading_digits is None]
        leading = [region.leading_digits for region in self._regions if region.leading_digits is not None]
        self._is_led = re.compile("|".join(f"(?:{digits})" for digits in leading) or _NO_PREFIX)

    def is_valid(self, national: str) -> bool:
        """Whether a national number is one of its numbers. The first region to claim it decides."""
        if self.is_alone:
            return self.main.has_type(national)
        if not self._is_led.match(national):
            # Most of 25 regions in North America have leading digits, and most numbers have none of them.
            for region in self._others:  # noqa: SIM110 - a generator takes longer than most answers
                if region.has_type(national):
                    return True
            return False
        for region in self._regions:
            if region.leading_digits is not None:
                if region.is_led(national):
                    return region.has_type(national)
            elif region.has_type(national):
                return True
        return False


@cache  # there are about 220
def country(code: int) -> Country:
    """The country with a code."""
    return Country(code)


def has_country_code(digits: str) -> bool:
    """Whether digits behind a plus or an international prefix begin with a country code that there is."""
    return _country_code(digits) is not None


def is_number_with_country_code(digits: str) -> bool:
    """Whether digits are a phone number that begins with its country code."""
    found = _country_code(digits) if len(digits) > MIN_DIGITS else None
    if found is None:
        return False
    code, rest = found
    national = country(code).main.national(rest)
    return national is not None and country(code).is_valid(national)


def _country_code(digits: str) -> tuple[int, str] | None:
    if digits[:1] == "0":
        return None
    for length in range(1, min(len(digits), MAX_COUNTRY_CODE_DIGITS) + 1):
        code = int(digits[:length])
        if code in util.COUNTRY_CODE_TO_REGION_CODE:
            return code, digits[length:]
    return None


class NumberingPlan:
    """Whether digits are a phone number for who dials from a region.

    Args:
        name: the region, two capital letters.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._region = Region(PhoneMetadata.metadata_for_region(name))
        self._country = country(self._region.country_code)
        self._code = str(self._region.country_code)
        # With which digits something begins that may be taken off.
        self._first_of_international = _first_digits(self._region.international_prefix)
        self._first_of_changed = _first_digits(self._region.prefix) | {self._code[0]}
        self._lengths = self._possible_lengths()

    def _possible_lengths(self) -> frozenset[int] | None:
        """How many digits a number has that has no international prefix; None if that is not known."""
        prefixes, main = self._region.prefix_lengths(), self._country.main.prefix_lengths()
        if prefixes is None or main is None:
            return None
        dropped = {*prefixes, *(len(self._code) + first + second for first in prefixes for second in main)}
        return frozenset(length + more for length in self._country.lengths for more in dropped)

    def __call__(self, digits: str, written: str | None = None) -> bool:
        """Whether digits, with no plus before them, are a number.

        Args:
            digits: those that may be dialled, in ASCII.
            written: all digits that stand there, if an extension's come behind.
        """
        region, first = self._region, digits[0]
        if first in self._first_of_international:
            prefix = region.international_prefix.match(digits)
            if prefix is not None and digits[prefix.end() : prefix.end() + 1] != "0":
                return is_number_with_country_code(digits[prefix.end() :])
        if self._lengths is not None and len(digits) not in self._lengths:
            return False
        if first not in self._first_of_changed and self._country.is_alone:
            # Most digits that stand in a text end here: there is nothing to take off.
            return region.has_type(digits) and not region.needs_prefix(digits)
        if digits.startswith(self._code):
            rest, _ = region.strip_prefix(digits[len(self._code) :])
            if (not region.is_general(digits) and region.is_general(rest)) or region.too_long(digits):
                national = self._country.main.national(rest)
                return national is not None and self._country.is_valid(national)
        national = region.national(digits)
        if national is None or not self._country.is_valid(national):
            return False
        main = self._country.main
        return not main.needs_prefix(national) or main.strip_prefix(written or digits)[1]

    def agrees(self) -> bool:
        """Whether the library says the same of its own examples, with and without prefixes and with digits changed."""
        return all(self(digits) == library_fallback(digits, self.name) for digits in self._examples())

    def _examples(self) -> Iterator[str]:
        metadata: Any = PhoneMetadata.metadata_for_region(self.name)
        prefix = metadata.national_prefix or ""
        for kind in _KINDS:
            example = getattr(metadata, kind).example_number if getattr(metadata, kind) is not None else None
            if example:
                yield from (example, prefix + example, self._code + example, self._code + prefix + example)
                yield from (example[:-1], example + "0", "0" + example, "00" + self._code + example, example[::-1])
