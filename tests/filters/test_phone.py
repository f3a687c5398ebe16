"""Phone numbers: the plans say what the library says, and the finder finds what Presidio's recognizer finds."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from functools import cache

import phonenumbers
import pytest
from faker import Faker
from phonenumbers import phonenumbermatcher as matcher
from phonenumbers.phonemetadata import PhoneMetadata
from presidio_analyzer import EntityRecognizer, RecognizerResult
from presidio_analyzer.predefined_recognizers import PhoneRecognizer

from shares import SOAK
from texts import GLUE, LOCALES, VALUES
from veilog_filters.detect.api import Deadline
from veilog_filters.detect.compat.phones import library_fallback
from veilog_filters.detect.phone.finder import PhoneFinder, min_digits_of
from veilog_filters.detect.phone.numbering_plan import NumberingPlan

REGIONS: tuple[str, ...] = tuple(PhoneRecognizer().supported_regions)
EVERYWHERE = sorted(phonenumbers.SUPPORTED_REGIONS)
KINDS = ("fixed_line", "mobile", "toll_free", "voip", "premium_rate", "uan", "pager", "personal_number")


@cache
def plan(region: str) -> NumberingPlan:
    return NumberingPlan(region)


def examples(region: str) -> list[str]:
    metadata = PhoneMetadata.metadata_for_region(region)
    kinds = [getattr(metadata, kind) for kind in KINDS]
    return [kind.example_number for kind in kinds if kind is not None and kind.example_number]


def dialled(region: str, chance: random.Random) -> str:
    """Digits near those of a number of a region: changed, cut, and with all sorts of prefixes."""
    metadata = PhoneMetadata.metadata_for_region(region)
    assert metadata is not None
    digits = [chance.choice("0123456789") for _ in range(chance.randint(2, 20))]
    if chance.random() > 0.3 and examples(region):
        digits = list(chance.choice(examples(region)))
        for _ in range(chance.randint(0, 4)):
            digits[chance.randrange(len(digits))] = chance.choice("0123456789")
        code, national = str(metadata.country_code), metadata.national_prefix or ""
        prefixes = ("", national, code, code + national, "00", "011", "00" + code, "0", "1", digits[0])
        digits[:0] = chance.choice(prefixes)
    return "".join(digits[:-1] if chance.random() < 0.2 else digits)


def test_plans_agree_with_the_library() -> None:
    chance, valid = random.Random(3), 0
    for number in range(300_000 if SOAK else 6_000):
        region = chance.choice(REGIONS if number % 2 else EVERYWHERE)
        digits = dialled(chance.choice(EVERYWHERE) if chance.random() < 0.2 else region, chance)
        expected = library_fallback(digits, region)
        valid += expected
        assert plan(region)(digits) == expected, (region, digits)
    assert valid > 500


def test_a_plan_that_the_library_does_not_follow_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    assert all(plan(region).agrees() for region in REGIONS)
    monkeypatch.setattr(NumberingPlan, "__call__", lambda self, digits, written=None: True)
    assert not plan("DE").agrees()
    check(
        PhoneFinder(REGIONS, min_digits_of(REGIONS)),
        "call 212-555-0182 or 12345, not 030 901820 or 4111 1111 1111 1111",
    )


@cache
def finder() -> PhoneFinder:
    return PhoneFinder(REGIONS, min_digits_of(REGIONS))


def check(find: PhoneFinder, text: str) -> int:
    expected = {(r.start, r.end) for r in PhoneRecognizer().analyze(text, ["PHONE_NUMBER"], None)}  # type: ignore[arg-type]
    found = [RecognizerResult("PHONE_NUMBER", start, end, 0.4) for start, end in find(text, Deadline(60))]
    assert {(r.start, r.end) for r in EntityRecognizer.remove_duplicates(found)} == expected, ascii(text)
    return len(expected)


def texts(seed: int) -> Iterator[str]:
    """Numbers of ten countries side by side and glued to anything, and what looks like numbers."""
    chance, fakers = random.Random(seed), [Faker(locale) for locale in LOCALES]
    for number, faker in enumerate(fakers):
        faker.seed_instance(seed + number)
    while True:
        if chance.random() < 0.5:
            glue = chance.choice(("", "a", "call ", "(", "$", "x", " - ", "/", " ext. 7 ", *GLUE))
            values = [
                chance.choice(fakers).phone_number() if chance.random() < 0.8 else chance.choice(VALUES)
                for _ in range(chance.randint(1, 3))
            ]
            yield glue.join(values)
        else:
            yield "".join(chance.choice("0123456789" * 3 + " -.()/[]+x#~, ;") for _ in range(chance.randint(3, 40)))


def test_finds_what_presidio_finds() -> None:
    stream = texts(5)
    assert sum(check(finder(), next(stream)) for _ in range(40_000 if SOAK else 700)) > 200


@pytest.mark.parametrize("unit", ["12 x3456, ", "7 - 8 (9", "1" + "," * 50, "5 ext 6 ", "+1 ", "99999 ", "(2) "])
def test_where_the_matcher_gives_up(unit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a bound of 40 tries for the matcher: all that it finds is found, and what is behind that too."""
    text = unit * 30 + " call 212-555-0182 " + unit * 60 + " or 030 901820"
    check(finder(), text)
    given_up = matcher.PhoneNumberMatcher.__init__.__defaults__
    assert given_up == (1, 65535, 1)
    monkeypatch.setattr(matcher.PhoneNumberMatcher.__init__, "__defaults__", (1, 40, 1))
    theirs = {(r.start, r.end) for r in PhoneRecognizer().analyze(text, ["PHONE_NUMBER"], None)}  # type: ignore[arg-type]
    found = finder()(text, Deadline(60))
    assert all(any(s <= start and end <= e for s, e in found) for start, end in theirs)


def test_long_gaps_take_linear_time() -> None:
    seconds = []
    for size in (20_000, 80_000):
        text = "1" + ", " * size + "2" + "-" * size + "3" + "; " * size + "x" * size
        start = time.perf_counter()
        finder()(text, Deadline(60))
        seconds.append(time.perf_counter() - start)
    assert seconds[1] < 10 * seconds[0] + 0.5
