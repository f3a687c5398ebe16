"""The words of a text as Presidio's context rule sees them: spaCy's tokens, remembered piece by piece.

spaCy splits a text at white space and then each piece by rules, which is slow, and most pieces have come before. Its
own memory of pieces does not work inside a memory zone, and outside of one its vocabulary grows for ever. So pieces
are remembered here, in bounded number; their tokens are made in a memory zone.

One rule of spaCy's looks across white space, or could: special cases of several tokens (``don't``, ``:-)``) are sought
in the whole text. If two tokens that stand next to each other in some special case meet at the edge of two pieces,
the text is tokenized as a whole.

Nor are all pieces needed: the rule looks at a few words that count, before and behind a match. So the pieces around a
match are enough, with one more at each side, whose tokens a special case across the edge could change. What counts as a
keyword is decided word by word, with one exception: a token with a colon in it gives its parts as keywords to the whole
text ("the:x" makes every "the" count), so the pieces with colons are always asked.
"""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

MAX_PIECES: Final = 50_000
MAX_PIECE_CHARS: Final = 64

_PIECES = re.compile(r"\S+|\s+")
_PLAIN = re.compile(r"([A-Za-z]*[a-z]|[0-9]+)([,.]?)")
_WITH_COLON = re.compile(r"\S*:\S*")
_BEFORE_CHARS: Final = 80
_BEHIND_CHARS: Final = 24
"""How far around a match to look first, in characters; twice as far each time that is not enough."""
_SPECIAL_CHARS: Final = 80
"""More than the tokens of any special case have characters, with a blank between any two."""


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
    counting: int
    length: int
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
        self._rules = frozenset(full.rules)
        self._stop_words = frozenset(nlp.Defaults.stop_words)
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
        # Words of which no special case takes hold, whatever stands beside them.
        self._special = self._rules.union(*self._neighbours)

    def plain_word(self, piece: str) -> str | None:
        """The word of a piece that is one word or number, perhaps with a comma or full stop behind it; else None.

        No rule but a special case parts letters or digits alone, and either mark is parted from them. So the word is a
        token, whatever stands beside the piece.
        """
        match = _PLAIN.fullmatch(piece)
        if match is None or match[1] in self._special or piece in self._special:
            return None
        return match[1]

    def is_stop_word(self, word: str) -> bool:
        """Whether spaCy lists a word as a stop word, in any case."""
        return word.lower() in self._stop_words

    def __call__(self, text: str) -> Words:
        """The words of a text."""
        return self._joined(self._split(text)) or self._whole(text)

    def _joined(self, pieces: Iterable[tuple[int, _Piece]]) -> Words | None:
        """The words of adjacent pieces; None if a special case could stand across two of them."""
        words: list[str] = []
        ends: list[int] = []
        keywords: set[str] = set()
        before: frozenset[str] = frozenset()
        for start, piece in pieces:
            for last in before:
                for first in piece.first:
                    if (last, first) in self._neighbours:
                        return None
            words += piece.words
            ends += [start + end for end in piece.ends]
            keywords |= piece.keywords
            before = piece.last
        return Words(words, ends, frozenset(keywords))

    def near(self, text: str, position: int, before: int, behind: int) -> Words:
        """The words around a position: enough of them that the last ``before`` and next ``behind`` keywords are there.

        Where they begin and end nobody should care: counting from the position, they are those of the whole text.
        """
        before_chars, behind_chars = _BEFORE_CHARS, _BEHIND_CHARS
        while True:
            low = self._edge_before(text, max(0, position - before_chars))
            high = self._edge_behind(text, min(len(text), position + behind_chars))
            if low == 0 and high == len(text):
                return self(text)
            pieces = self._split(text, low, high)
            words = self._joined(pieces) or self._around(text, low, high)
            # The outermost pieces do not count, and neither does the one at the position.
            inner = pieces[(low > 0) : len(pieces) - (high < len(text))]
            left = sum(piece.counting for start, piece in inner if start + piece.length <= position)
            right = sum(piece.counting for start, piece in inner if start > position)
            if (low == 0 or left >= before) and (high == len(text) or right >= behind):
                return words._replace(keywords=words.keywords | self._of_colons(text))
            before_chars, behind_chars = 2 * before_chars, 2 * behind_chars

    def _around(self, text: str, low: int, high: int) -> Words:
        """The words of a part of a text, and of so much around it that no special case reaches into it from outside."""
        low = self._edge_before(text, max(0, low - _SPECIAL_CHARS))
        high = self._edge_behind(text, min(len(text), high + _SPECIAL_CHARS))
        return self._whole(text[low:high], low)

    @staticmethod
    def _edge_before(text: str, low: int) -> int:
        """Where a piece that is not white space begins, at a place or before it; or the text does."""
        while low > 0 and (text[low].isspace() or not text[low - 1].isspace()):
            low -= 1
        return low

    @staticmethod
    def _edge_behind(text: str, high: int) -> int:
        """Where a piece that is not white space ends, at a place or behind it; or the text does."""
        while high < len(text) and (text[high - 1].isspace() or not text[high].isspace()):
            high += 1
        return high

    def _of_colons(self, text: str) -> frozenset[str]:
        """The keywords of all pieces that have a colon in them."""
        if ":" not in text:
            return frozenset()
        pieces = (piece for match in _WITH_COLON.finditer(text) for _, piece in self._split(text, *match.span()))
        return frozenset().union(*(piece.keywords for piece in pieces))

    def _split(self, text: str, low: int = 0, high: int = sys.maxsize) -> list[tuple[int, _Piece]]:
        """The pieces of a part of a text and where they start. A space behind a piece belongs to it and is no token."""
        split = []
        for match in _PIECES.finditer(text, low, high):
            start, piece = match.start(), match[0]
            if start > low and piece[0] == " ":
                start, piece = start + 1, piece[1:]
            if piece:
                split.append((start, piece))
        known = self._pieces
        missing = {piece for _, piece in split if piece not in known}
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
        return self._plain_piece(piece) or self._any_piece(piece)

    def _plain_piece(self, piece: str) -> _Piece | None:
        """A word or a number, perhaps with a comma or a full stop behind it, by spaCy's rules without spaCy.

        No rule but a special case parts letters or digits alone, and either mark is parted from them. Most pieces are
        like that, and this takes a fiftieth of the time.
        """
        match = _PLAIN.fullmatch(piece)
        if match is None or piece in self._rules or (word := match[1]) in self._rules:
            return None
        lower = word.lower()
        keywords = frozenset() if lower in self._stop_words else frozenset((lower,))
        words, ends = ((word, match[2]), (len(word), len(piece))) if match[2] else ((word,), (len(piece),))
        return _Piece(words, ends, keywords, len(keywords), len(piece), frozenset((word,)), frozenset((words[-1],)))

    def _any_piece(self, piece: str) -> _Piece:
        doc = self._nlp.tokenizer(piece)
        words = tuple(token.text for token in doc)
        bare = [token.text for token in self._without_special_cases(piece)]
        keywords = frozenset(self._keywords(words))
        return _Piece(
            words,
            tuple(token.idx + len(token) for token in doc),
            keywords,
            sum(word.lower() in keywords for word in words),
            len(piece),
            frozenset((words[0], bare[0])),
            frozenset((words[-1], bare[-1])),
        )

    def _whole(self, text: str, start: int = 0) -> Words:
        """The words of a text, or of a part of one that starts at ``start``."""
        with self._nlp.memory_zone():
            doc = self._nlp.tokenizer(text)
            words = [token.text for token in doc]
            ends = [start + token.idx + len(token) for token in doc]
            return Words(words, ends, frozenset(self._keywords(words)))
