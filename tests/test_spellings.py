"""The oracle's own eyes: it finds each sentence in each spelling, and finds none where there is none."""

from __future__ import annotations

import random

import orjson
import pytest

from names_that_do_not_fit import misfits
from names_that_fit import NAMES_THAT_FIT
from veilog_filters.prove.spellings import MIN_WORDS, SPELLINGS, VOCABULARIES, Finder, sentence


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_sentence_is_found_however_it_is_written(spelling: str) -> None:
    for vocabulary in VOCABULARIES:
        planted = sentence(random.Random(f"{spelling} {vocabulary}"), vocabulary)
        assert len(planted.words) >= MIN_WORDS
        text = SPELLINGS[spelling](planted.words)
        find = Finder((run, index) for index, run in enumerate(planted.runs()))
        for output in (text, orjson.dumps({"a": text, "z": "9f" * 32}).decode(), f"tag.{text}: 7"):
            assert len(find(output)) >= len(planted.runs()) * 0.6, (vocabulary, output)


def test_other_texts_are_not_taken_for_it() -> None:
    chance = random.Random(3)
    sentences = [sentence(chance, vocabulary) for vocabulary in VOCABULARIES for _ in range(20)]
    find = Finder((run, index) for index, planted in enumerate(sentences) for run in planted.runs())
    for names in NAMES_THAT_FIT.values():
        assert not find("\n".join(names))
    for misfit in misfits(seed=4):
        assert not find(misfit.text), misfit


def test_two_words_in_a_row_are_not_three() -> None:
    planted = sentence(random.Random(1), "rare")
    find = Finder((run, index) for index, run in enumerate(planted.runs()))
    words = planted.words
    assert not find(f"{words[0]} {words[1]} x {words[3]} {words[4]}")
    assert find(f"{words[0]}_{words[1]}/{words[2]}") == {0}
