"""Tokens from the pieces around a place: the context rule sees the same words as with the tokens of the whole text."""

from __future__ import annotations

from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from shares import share
from texts import generated, sample_texts
from veilog_filters.config import Detect
from veilog_filters.detect.api import Deadline
from veilog_filters.detect.presidio.context import ContextRule, ContextWords
from veilog_filters.detect.presidio.engine import readable
from veilog_filters.detect.presidio.tokenizer import Words
from veilog_filters.detect.presidio.verifier import Verifier

FILLER = (
    "He put the receipt into the red folder: nobody, at 12:30, the:folder knew who don't :-) the the the to be of it. "
)


@cache
def rule() -> ContextRule:
    return Verifier(Detect())._context_rule


def check(text: str) -> None:
    """Words around every place of the text where a match could start."""
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        return  # spaCy takes no lone surrogates
    text = readable(text)
    words = Words(rule().tokenizer, text, Deadline(60))
    _, ends, _ = rule().tokenizer.whole(text)
    for position in range(0, len(text), max(1, len(text) // 23)):
        if position >= (ends or [0])[-1]:
            continue
        for before, behind in ((6, 1), (3, 400)):
            assert words.near(position, before, behind) == words._whole.near(position, before, behind), ascii(text)


CONTEXTS = [ContextWords(words) for words in (["card", "passport"], ["number"], ["the", "call", "name"], ["a", "12"])]


def check_glance(text: str) -> int:
    """What is seen at a glance is what tokens tell. Returns how often a glance was enough."""
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        return 0
    words, lowered, seen = Words(rule().tokenizer, readable(text), Deadline(60)), text.lower(), 0
    for position in range(0, len(text), max(1, len(text) // 37)):
        try:
            near = words.near(position, 6, 1)
        except ValueError:
            continue
        for context in CONTEXTS:
            glance = rule()._glance(text, lowered, position, context, {})
            if glance is not None:
                seen += 1
                assert glance == any(word in keyword for word in context.words for keyword in near), ascii(text)
    return seen


NUMBERS = (
    "893-82-5257.",
    "555-123-4567,",
    "12--34",
    "1-2-",
    "-1-2",
    "1-a-2",
    "1-2.5",
    "2024-05-01.",
    "0-0",
    "8-)",
    "1-2-3..",
)


def test_what_is_seen_at_a_glance_is_so() -> None:
    texts = [*share(sample_texts(), 4), *generated(seed=8, number=200), FILLER * 3, FILLER.replace(" ", "  ")]
    texts += [f"my number is {n} card from 1-2-3-4-5 to {n}, and 7 more at 1.2.3.4 or a-1 {n}" for n in NUMBERS]
    texts += [text.replace(" ", chance) for text in texts[::7] for chance in ("\n", "\u00a0", " \t")]
    assert sum(map(check_glance, texts)) > 5_000


def test_near_is_enough() -> None:
    for text in [
        *share(sample_texts(), 4, 1),
        *generated(seed=5, number=150),
        FILLER * 3,
        " ".join(sample_texts()[:20]),
    ]:
        check(text)


def test_pieces_give_the_tokens_of_the_whole_text() -> None:
    """Every word of the texts, as it is and with marks around it, and everything that spaCy has a rule for."""
    tokenizer = rule().tokenizer
    texts = [*share(sample_texts(), 4, 2), *generated(seed=6, number=100)]
    known = {word for text in texts for word in text.split()} | set(tokenizer._rules)
    known |= {form for word in list(known) for form in (word.lower(), word.upper(), word.title())}
    known |= {form for word in list(known) for form in (f"{word},", f"{word}.", f"({word})", word.strip(".,"))}
    compared = plain = 0
    for text in known:
        if not text or any("\ud800" <= letter <= "\udfff" for letter in text):
            continue
        compared += 1
        words, ends, keywords = tokenizer.whole(text)
        piece = tokenizer.piece(text) if not any(map(str.isspace, text)) else None
        if piece is not None:
            assert (list(piece.words), list(piece.ends), piece.keywords) == (words, ends, keywords), ascii(text)
            assert tokenizer._cut(text, {})[0][-1] in piece.last
        word = tokenizer.plain_word(text)
        if word is not None:
            plain += 1
            assert words == [word, *text[len(word) :]]
            assert keywords == (frozenset() if tokenizer.is_stopword(word) else {word.lower()})
    assert compared > 5000
    assert plain > 1000


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
    check_glance("".join(parts))


def test_words_are_the_same_when_the_vocabulary_was_made_anew() -> None:
    """What no piece tells is given to spaCy, whose vocabulary keeps something of every word."""
    fresh = Verifier(Detect())._context_rule
    presidio = fresh.tokenizer._zone.__self__  # type: ignore[attr-defined]
    presidio._renew_after = 200
    for number in range(60):
        text = " ".join(f"w{number}x{place} don't" for place in range(10))
        assert fresh.tokenizer.whole(text) == rule().tokenizer.whole(text)
    assert presidio.renewals > 1
