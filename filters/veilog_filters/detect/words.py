"""The words of a text as Presidio's context rule sees them: spaCy's tokens, remembered piece by piece.

spaCy splits a text at white space and then each piece by rules, which is slow, and most pieces have come before. Its
own memory of pieces does not work inside a memory zone, and outside of one its vocabulary grows for ever. So pieces
are remembered here, in bounded number; their tokens are made in a memory zone.

One rule of spaCy's looks across white space, or could: special cases of several tokens (``don't``, ``:-)``) are sought
in the whole text. If two tokens that stand next to each other in some special case meet at the edge of two pieces,
the text is tokenized as a whole.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

MAX_PIECES: Final = 50_000
MAX_PIECE_CHARS: Final = 64

_PIECES = re.compile(r"\S+|\s+")


class Words(NamedTuple):
    """A text as the context rule sees it.

    Attributes:
        words: its tokens.
        ends: where each ends, in characters.
        keywords: those that count, in lower case.
    """

    words: list[str]
    ends: list[int]
    keywords: frozenset[str]


class _Piece(NamedTuple):
    words: tuple[str, ...]
    ends: tuple[int, ...]
    keywords: frozenset[str]
    first: frozenset[str]
    last: frozenset[str]


class Tokenizer:
    """Tokens of texts.

    Args:
        nlp: a blank spaCy pipeline.
        keywords: the words of some tokens that count, in lower case.
    """

    def __init__(self, nlp: Any, keywords: Any) -> None:
        self._nlp = nlp
        self._keywords = keywords
        self._pieces: dict[str, _Piece] = {}
        full = nlp.tokenizer
        self._without_special_cases = type(full)(
            nlp.vocab,
            rules={},
            prefix_search=full.prefix_search,
            suffix_search=full.suffix_search,
            infix_finditer=full.infix_finditer,
            token_match=full.token_match,
            url_match=full.url_match,
        )
        self._neighbours: set[tuple[str, str]] = set()
        with nlp.memory_zone():
            for case in full.rules:
                tokens = [token.text for token in self._without_special_cases(case)]
                self._neighbours.update(itertools.pairwise(tokens))

    def __call__(self, text: str) -> Words:
        """The words of a text."""
        words: list[str] = []
        ends: list[int] = []
        keywords: set[str] = set()
        before: frozenset[str] = frozenset()
        for start, piece in self._split(text):
            for last in before:
                for first in piece.first:
                    if (last, first) in self._neighbours:
                        return self._whole(text)
            words += piece.words
            ends += [start + end for end in piece.ends]
            keywords |= piece.keywords
            before = piece.last
        return Words(words, ends, frozenset(keywords))

    def _split(self, text: str) -> Iterable[tuple[int, _Piece]]:
        """The pieces of a text and where they start. A space behind a piece belongs to it and is no token."""
        split = []
        for match in _PIECES.finditer(text):
            start, piece = match.start(), match[0]
            if start and piece[0] == " ":
                start, piece = start + 1, piece[1:]
            if piece:
                split.append((start, piece))
        known = self._pieces
        missing = {piece for _, piece in split} - known.keys()
        if not missing:
            return [(start, known[piece]) for start, piece in split]
        with self._nlp.memory_zone():
            made = {piece: self._piece(piece) for piece in missing}
        found = [(start, known.get(piece) or made[piece]) for start, piece in split]
        if len(known) > MAX_PIECES:
            known.clear()
        known.update((piece, tokens) for piece, tokens in made.items() if len(piece) <= MAX_PIECE_CHARS)
        return found

    def _piece(self, piece: str) -> _Piece:
        doc = self._nlp.tokenizer(piece)
        words = tuple(token.text for token in doc)
        bare = [token.text for token in self._without_special_cases(piece)]
        return _Piece(
            words,
            tuple(token.idx + len(token) for token in doc),
            frozenset(self._keywords(words)),
            frozenset((words[0], bare[0])),
            frozenset((words[-1], bare[-1])),
        )

    def _whole(self, text: str) -> Words:
        with self._nlp.memory_zone():
            doc = self._nlp.tokenizer(text)
            words = [token.text for token in doc]
            ends = [token.idx + len(token) for token in doc]
            return Words(words, ends, frozenset(self._keywords(words)))
