"""Tokens from the pieces around a place: the context rule sees the same words as with the tokens of the whole text."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from texts import generated, sample_texts
from veilog_filters.config import Detect
from veilog_filters.detect import words
from veilog_filters.detect.context import ContextRule
from veilog_filters.detect.presidio import break_punctuation
from veilog_filters.detect.verify import Verifier
from veilog_filters.detect.words import Words

FILLER = (
    "He put the receipt into the red folder: nobody, at 12:30, the:folder knew who don't :-) the the the to be of it. "
)


@cache
def rule() -> ContextRule:
    return Verifier(Detect())._context_rule


def around(found: Words, position: int) -> list[str]:
    return rule().around(found, position)


def check(text: str) -> None:
    """Words around every place of the text where a match could start."""
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        return  # spaCy takes no lone surrogates
    tokenize = rule().tokenize
    text = break_punctuation(text)
    whole = tokenize(text)
    enhancer = rule()._enhancer
    for position in range(0, len(text), max(1, len(text) // 23)):
        if text[position].isspace() or position >= (whole.ends or [0])[-1]:
            continue
        near = tokenize.near(text, position, enhancer.context_prefix_count + 1, enhancer.context_suffix_count + 1)
        assert around(near, position) == around(whole, position), ascii(text)


@pytest.mark.parametrize(("before", "behind"), [(80, 24), (1, 1), (7, 3)])
def test_near_is_enough(before: int, behind: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "_BEFORE_CHARS", before)
    monkeypatch.setattr(words, "_BEHIND_CHARS", behind)
    for text in [*sample_texts(), *generated(seed=5, number=150), FILLER * 3, " ".join(sample_texts()[:20])]:
        check(text)


def test_pieces_give_the_tokens_of_the_whole_text() -> None:
    """Every word of the texts, as it is and with marks around it, and everything that spaCy has a rule for."""
    tokenize = rule().tokenize
    texts = [*sample_texts(), *generated(seed=6, number=300)]
    known = {word for text in texts for word in text.split()} | set(tokenize._rules)
    known |= {form for word in list(known) for form in (word.lower(), word.upper(), word.title())}
    known |= {form for word in list(known) for form in (f"{word},", f"{word}.", word.strip(".,"))}
    compared = 0
    for text in [*texts, *known]:
        if any("\ud800" <= letter <= "\udfff" for letter in text):
            continue
        compared += 1
        assert tokenize(text) == tokenize._whole(text), ascii(text)
    assert compared > 5000


@settings(deadline=None, max_examples=200)
@given(
    st.lists(
        st.one_of(
            st.sampled_from(
                [" ", "  ", "\n", "\t ", ":", "the", "the:x", "a:the", ":-)", "don't", "do", "n't", "12:30"]
            ),
            st.sampled_from(
                ["card", "of", "number", "it", "passport", "U.S.", "e.g.", ":the:", "\u00a0", "\u200b", "x" * 40]
            ),
            st.text(max_size=3),
        ),
        max_size=60,
    )
)
def test_near_is_enough_for_any_mixture(parts: list[str]) -> None:
    check("".join(parts))
