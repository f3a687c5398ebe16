"""What the context rule and its tokenizer use of Presidio and spaCy that they do not promise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from veilog_filters.detect.compat.internals import take

find_supportive_word: Final[Callable[[list[str], list[str], str], str]] = take(
    "presidio_analyzer.context_aware_enhancers.lemma_context_aware_enhancer",
    "LemmaContextAwareEnhancer._find_supportive_word_in_context",
)
"""The first of a recognizer's context words that is among some words; empty if none is."""

is_punct: Final[Callable[[str], bool]] = take("spacy.lang.lex_attrs", "is_punct")
"""Whether a word is nothing but punctuation."""
