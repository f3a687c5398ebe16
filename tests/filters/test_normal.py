"""NFKC that costs what the text's length allows, and is NFKC for every text that somebody writes."""

from __future__ import annotations

import re
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shares import share
from texts import generated, sample_texts
from veilog_filters.fingerprint import canonical
from veilog_filters.normal import MAX_MARKS, nfkc

MARKS = [
    "\u0301\u0327",  # an acute and a cedilla, in the wrong order
    "\u0344\u0f73",  # each becomes two; the second is of class 0
    "\u0f81\u0f75",
    "\uff9f\u0327",  # half-width marks of Japanese, which become combining ones
    "\u05b0\u0591\u0327",
    "\U0001d165\u0301",
]


@pytest.mark.parametrize("marks", MARKS)
def test_a_run_of_marks_costs_what_its_length_allows(marks: str) -> None:
    nfkc("a" + marks)
    start = time.process_time()
    canonical("a" + marks * 100_000)
    # By insertion it took a minute.
    assert time.process_time() - start < 2


@pytest.mark.parametrize("marks", MARKS)
def test_a_run_that_is_not_too_long_is_left_alone_and_a_longer_one_is_broken(marks: str) -> None:
    run = (marks * MAX_MARKS)[:MAX_MARKS]
    assert nfkc(f"a{run}b{run}") == unicodedata.normalize("NFKC", f"a{run}b{run}")
    assert nfkc(f"a{run}{run}\u0327b").count("\u034f") == 2


@given(st.text(st.characters(), max_size=60))
def test_a_text_without_such_a_run_gives_nfkc(text: str) -> None:
    assert nfkc(text) == unicodedata.normalize("NFKC", text)


def test_all_that_people_write_gives_nfkc() -> None:
    for text in [*share(sample_texts(), 3), *generated(seed=8, number=200), "Zalgo: h\u0321\u034be\u0489\u0360l\u0358"]:
        assert nfkc(text) == unicodedata.normalize("NFKC", text)


def test_no_mark_is_taken_for_a_letter() -> None:
    """A run of what was missed would be sorted as before."""
    for code in range(0x110000):
        character = chr(code)
        parts = unicodedata.normalize("NFKD", character)
        if unicodedata.combining(parts[0]):
            assert "\u034f" in nfkc("a" + character * (MAX_MARKS + 1)), hex(code)


def test_normalization_goes_through_the_one_helper() -> None:
    from pathlib import Path

    import veilog_filters
    import veilog_parsers

    users = {
        file.name
        for package in (veilog_filters, veilog_parsers)
        for file in Path(package.__path__[0]).rglob("*.py")
        if "prove" not in file.parts and re.search(r"normalize\(\"NF", file.read_text())
    }
    # ``unmask`` normalizes one character at a time; ``prove`` judges what comes out, and must not judge as the gate does.
    assert users == {"normal.py", "unmask.py"}
