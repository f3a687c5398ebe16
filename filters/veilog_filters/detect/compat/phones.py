"""What ``phone`` uses of the ``phonenumbers`` library that it does not promise, under names of its own."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import phonenumbers

from veilog_filters.detect.compat.internals import take

LENIENCY: Final = 1
"""That of Presidio's recognizer: a number is valid."""

_MATCHER: Final = "phonenumbers.phonenumbermatcher"
_NUMBERS: Final = "phonenumbers.phonenumberutil"

CANDIDATE: Final[re.Pattern[str]] = take(_MATCHER, "_PATTERN")
"""A run of digits and punctuation that may have a phone number in it."""
PUNCTUATION: Final[str] = take(_MATCHER, "_PUNCTUATION")
INNER_MATCHES: Final[tuple[re.Pattern[str], ...]] = take(_MATCHER, "_INNER_MATCHES")
SLASH_SEPARATED_DATES: Final[re.Pattern[str]] = take(_MATCHER, "_SLASH_SEPARATED_DATES")
TIME_STAMPS: Final[re.Pattern[str]] = take(_MATCHER, "_TIME_STAMPS")
TIME_STAMPS_SUFFIX: Final[re.Pattern[str]] = take(_MATCHER, "_TIME_STAMPS_SUFFIX")
PUB_PAGES: Final[re.Pattern[str]] = take(_MATCHER, "_PUB_PAGES")
MATCHING_BRACKETS: Final[re.Pattern[str]] = take(_MATCHER, "_MATCHING_BRACKETS")
UNWANTED_END: Final[re.Pattern[str]] = take(_NUMBERS, "_UNWANTED_END_CHAR_PATTERN")
SECOND_NUMBER_START: Final[re.Pattern[str]] = take(_NUMBERS, "_SECOND_NUMBER_START_PATTERN")
MIN_DIGITS: Final[int] = take(_NUMBERS, "_MIN_LENGTH_FOR_NSN")
"""Of a national number."""
MAX_DIGITS: Final[int] = take(_NUMBERS, "_MAX_LENGTH_FOR_NSN")
MAX_COUNTRY_CODE_DIGITS: Final[int] = take(_NUMBERS, "_MAX_LENGTH_COUNTRY_CODE")

is_latin_letter: Final[Callable[[str], bool]] = take(_MATCHER, "PhoneNumberMatcher._is_latin_letter")
is_invalid_punctuation: Final[Callable[[str], bool]] = take(
    _MATCHER, "PhoneNumberMatcher._is_invalid_punctuation_symbol"
)
has_first_group_only: Final[Callable[[str], bool]] = take(_NUMBERS, "_formatting_rule_has_first_group_only")


class Judge(phonenumbers.PhoneNumberMatcher):
    """The library's matcher, asked about parts of a text.

    Args:
        text: the text.
        region: the region to assume.
    """

    def __init__(self, text: str, region: str) -> None:
        super().__init__(text, region, leniency=LENIENCY)

    def takes(self, start: int, end: int) -> bool:
        """Whether the library takes a part of the text for a phone number."""
        return self._parse_and_verify(self.text[start:end], start) is not None


class BoundedMatcher(phonenumbers.PhoneNumberMatcher):
    """The library's matcher, which asks for the time that is left before it tries anything.

    Args:
        text: the text.
        region: the region to assume.
        ask: raises if none is left.
        options: as the library's.
    """

    def __init__(self, text: str, region: str, ask: Callable[[], object], **options: Any) -> None:
        super().__init__(text, region, **options)
        self._ask = ask

    def _parse_and_verify(self, candidate: str, offset: int) -> Any:
        self._ask()
        return super()._parse_and_verify(candidate, offset)


def library_fallback(digits: str, region: str) -> bool:
    """Whether the library takes digits for a phone number as a whole."""
    return Judge(digits, region).takes(0, len(digits))
