"""The words around a place of a text as Presidio's context rule sees them: spaCy's tokens, made only where they count.

Theory of operation. spaCy parts a text at white space, then each *piece* by rules: marks are taken off at both ends,
the rest is parted inside. Its tokenizer makes an entry in its vocabulary for each token, which takes most of its time,
and which is what makes Presidio's memory grow. Only the texts of tokens are needed here, so the same steps are done
with spaCy's own patterns and nothing else, piece by piece, from the match backward and forward until enough is seen.

One rule looks across white space, or could: special cases of several tokens (``don't``, ``:-)``) are sought in the
whole text. A piece that has a token of any of them is given to spaCy itself; and if two tokens that stand next to each
other in some special case meet at the edge of two pieces, so is the whole text.

What counts as a keyword is decided word by word, with one exception: a token with a colon in it gives its parts as
keywords to the whole text ("the:x" makes every "the" count), so for words that do not count otherwise, the pieces with
colons are asked.

A text with thousands of matches costs no more than its length: where the next piece with a word that counts is, in
either direction, is found out once for each piece; and once it shows that spaCy must see the whole text, all matches
are looked up in an index of that.
"""

from __future__ import annotations

import itertools
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any, Final, NamedTuple

from spacy.attrs import ORTH

from veilog_filters.detect.api import Deadline
from veilog_filters.detect.compat.context import is_punct

PIECE = re.compile(r"\S+|\s+")
_PLAIN = re.compile(r"([A-Za-z]*[a-z]|[0-9]+)([,.]?)")
_DASHED = re.compile(r"[0-9]+(?:-[0-9]+)+[,.]?")
_BLANK: Final = " "
MAX_SOUGHT: Final = 64
"""How many words of a text are sought beside its colons one by one."""

Keywords = Callable[["Tokenizer", list[str]], list[str]]
"""Which of some words count, in lower case, given who knows stop words and punctuation."""


class BoundarySpecialCaseError(Exception):
    """A special case could stand across two pieces, so that each alone does not tell its tokens."""


class Piece(NamedTuple):
    """A run of white space, or of anything else.

    Attributes:
        words: its tokens.
        ends: where each ends, in characters from the start of the piece.
        keywords: those that count, in lower case, and what is on both sides of their colons.
        first: what its first token may be before special cases are sought.
        last: likewise.
    """

    words: Sequence[str]
    ends: Sequence[int]
    keywords: frozenset[str]
    first: frozenset[str]
    last: frozenset[str]


class Tokenizer:
    """spaCy's tokens of pieces.

    Args:
        nlp: a blank spaCy pipeline.
        zone: gives the engine of such a pipeline whose vocabulary has not seen too many words yet.
        keywords: picks those words that count.
    """

    def __init__(self, nlp: Any, zone: Callable[[], AbstractContextManager[Any]], keywords: Keywords) -> None:
        self._zone = zone
        self._keywords = keywords
        full = nlp.tokenizer
        self._prefix, self._suffix, self._infixes = full.prefix_search, full.suffix_search, full.infix_finditer
        self._is_token, self._is_url = full.token_match, full.url_match
        self._stop_words = frozenset(nlp.Defaults.stop_words)
        self._rules = {case: tuple(part[ORTH] for part in parts) for case, parts in full.rules.items()}
        # Special cases that are sought among the tokens of a text, as tokens, by the first of them.
        self._sought: dict[str, list[list[str]]] = {}
        for case in filter(self._is_sought, self._rules):
            words = list(self._cut(case, {})[0])
            self._sought.setdefault(words[0], []).append(words)
        cases = list(itertools.chain.from_iterable(self._sought.values()))
        self._neighbours = {pair for words in cases for pair in itertools.pairwise(words)}
        self._second = frozenset(second for _, second in self._neighbours)
        self._parts_dashes = self._cut("123-45-6789.", {})[0] == ["123", "-", "45", "-", "6789", "."]
        # Words of which no special case takes hold, whatever stands beside them, are none of these.
        self._special = frozenset(itertools.chain(self._rules, *cases))

    def _is_sought(self, case: str) -> bool:
        return bool(self._prefix(case) or self._suffix(case) or list(self._infixes(case)) or _BLANK in case)

    def plain_word(self, piece: str) -> str | None:
        """The word of a piece that is one word or number, perhaps with a comma or full stop behind it; else None.

        No rule but a special case parts letters or digits alone, and either mark is parted from them. So the word is a
        token, whatever stands beside the piece.
        """
        if piece.isalpha() and piece.isascii() and piece[-1].islower():
            # What the pattern says of most words, in a third of the time.
            return None if piece in self._special else piece
        match = _PLAIN.fullmatch(piece)
        if match is None or match[1] in self._special or piece in self._special:
            return None
        return match[1]

    def numbers_in(self, piece: str) -> int:
        """How many numbers a piece has that is nothing but numbers with dashes between: each is a token. Else 0."""
        return piece.count("-") + 1 if self._parts_dashes and _DASHED.fullmatch(piece) else 0

    def is_stopword(self, word: str, language: str = "") -> bool:  # noqa: ARG002
        """Whether spaCy lists a word as a stop word, in any case; as Presidio's ``NlpEngine.is_stopword``."""
        return word.lower() in self._stop_words

    def is_punct(self, word: str, language: str) -> bool:  # noqa: ARG002
        """As Presidio's ``NlpEngine.is_punct``."""
        return is_punct(word)

    def piece(self, piece: str) -> Piece:
        """The tokens of a piece."""
        word = self.plain_word(piece)
        if word is not None:
            # Most pieces are like that, and this takes a thirtieth of the time.
            lower, edge = word.lower(), frozenset((word,))
            keywords = frozenset() if lower in self._stop_words else frozenset((lower,))
            mark = piece[len(word) :]
            if not mark:
                return Piece((word,), (len(word),), keywords, edge, edge)
            return Piece((word, mark), (len(word), len(piece)), keywords, edge, frozenset((mark,)))
        words, is_special = self._cut(piece, self._rules)
        bare = self._cut(piece, {})[0] if is_special else words
        if self._has_special_case(words):
            words, ends, keywords = self.whole(piece)
        else:
            ends = list(itertools.accumulate(map(len, words)))
            keywords = frozenset(self._keywords(self, list(words)))
        return Piece(words, ends, keywords, frozenset((words[0], bare[0])), frozenset((words[-1], bare[-1])))

    def _has_special_case(self, words: Sequence[str]) -> bool:
        for start, word in enumerate(words):
            for case in self._sought.get(word, ()):
                if list(words[start : start + len(case)]) == case:
                    return True
        return False

    def _cut(self, piece: str, rules: dict[str, tuple[str, ...]]) -> tuple[Sequence[str], bool]:
        """The tokens of a piece by spaCy's steps, and whether a special case was among them.

        ``_tokenize``, ``_split_affixes`` and ``_attach_tokens`` of spaCy's tokenizer, in one.
        """
        if piece in rules:
            return rules[piece], True
        prefixes: list[str] = []
        suffixes: list[str] = []
        rest, before = piece, 0
        while rest and len(rest) != before and rest not in rules and not (self._is_token and self._is_token(rest)):
            before = len(rest)
            prefix, suffix, rest = self._affixes(rest, rules)
            prefixes += filter(None, (prefix,))
            suffixes += filter(None, (suffix,))
        is_special = rest in rules
        middle = rules[rest] if is_special else self._parts(rest)
        return [*prefixes, *middle, *reversed(suffixes)], is_special

    def _affixes(self, text: str, rules: dict[str, tuple[str, ...]]) -> tuple[str, str, str]:
        """What is taken off at the start of a text and at its end, and what is left."""
        match = self._prefix(text)
        prefix = text[: match.end() - match.start()] if match else ""
        behind = text[len(prefix) :]
        if prefix and behind in rules:
            return prefix, "", behind
        match = self._suffix(behind)
        size = match.end() - match.start() if match else 0
        suffix, without = (text[-size:], text[:-size]) if size else ("", text)
        if suffix and without in rules:
            return "", suffix, without
        if prefix and suffix and len(prefix) + size <= len(text):
            return prefix, suffix, text[len(prefix) : -size]
        return (prefix, "", behind) if prefix else ("", suffix, without)

    def _parts(self, text: str) -> list[str]:
        """The tokens of what has no more marks at its ends."""
        if not text:
            return []
        if (self._is_token and self._is_token(text)) or (self._is_url and self._is_url(text)):
            return [text]
        parts: list[str] = []
        start = 0
        for match in self._infixes(text):
            if match.start() == 0:
                continue
            parts += filter(None, (text[start : match.start()], match[0]))
            start = match.end()
        return [*parts, text[start:]] if start < len(text) else parts

    def check_boundary(self, before: Callable[[], Piece], behind: Piece) -> None:
        """Two pieces stand side by side. The first is only made if it matters.

        Raises:
            BoundarySpecialCaseError: a special case could stand across them.
        """
        if not self._second.isdisjoint(behind.first) and not self._neighbours.isdisjoint(
            itertools.product(before().last, behind.first)
        ):
            raise BoundarySpecialCaseError

    def whole(self, text: str) -> tuple[list[str], list[int], frozenset[str]]:
        """The tokens of a text, where each ends, and those that count, by spaCy."""
        with self._zone() as engine:
            doc = engine.nlp.tokenizer(text)
            words = [token.text for token in doc]
            return words, [token.idx + len(token) for token in doc], frozenset(self._keywords(self, words))


class TokenIndex:
    """All tokens of a text, and which of them count.

    Args:
        words: the tokens, in lower case.
        ends: where each ends, in characters.
        keywords: those that count.
    """

    def __init__(self, words: Sequence[str], ends: list[int], keywords: frozenset[str]) -> None:
        self._ends = ends
        self._counting = [number for number, word in enumerate(words) if word in keywords]
        self._words = [words[number] for number in self._counting]

    def near(self, position: int, before: int, behind: int) -> list[str]:
        """As ``Words.near``."""
        index = bisect_right(self._ends, position)
        if index == len(self._ends):
            raise ValueError("a match starts behind the last word")
        first = bisect_left(self._counting, index)
        until = first + (first < len(self._counting) and self._counting[first] == index)
        return self._words[max(0, until - before) : until][::-1] + self._words[first : first + behind]


class Words:
    """The words of one text.

    Args:
        tokenizer: makes them.
        text: the text.
        deadline: says when to give up.
    """

    def __init__(self, tokenizer: Tokenizer, text: str, deadline: Deadline) -> None:
        self._tokenizer = tokenizer
        self._text = text
        self._deadline = deadline
        self._lowered = text.lower()
        self._spans = list(_spans(text))
        self._starts = [start for start, _ in self._spans]
        self._pieces: dict[int, Piece] = {}
        self._made: dict[str, Piece] = {}
        self._counting: dict[int, list[str]] = {}
        # By piece, the nearest one before it, or behind it, that has a word that counts.
        self._before: dict[int, int] = {}
        self._behind: dict[int, int] = {}
        self._parts: frozenset[str] | None = None
        self._sought: dict[str, bool] = {}
        self._across = False

    def near(self, position: int, before: int, behind: int) -> list[str]:
        """The words at a position and around it that count, in lower case.

        Args:
            position: where a match starts.
            before: how many to take at most, from the token at the position backward.
            behind: how many from it forward.

        Raises:
            DetectorTimeout: the text's time is used up.
            ValueError: there is no token at the position or behind it. Presidio's enhancer raises it too.
        """
        self._deadline()
        if not self._spans:
            return [""]
        # The single blank behind a piece is no token: the next one is taken.
        number = bisect_right(self._starts, position) - 1
        if number < 0 or position >= self._spans[number][1]:
            number += 1
        if number == len(self._spans):
            raise ValueError("a match starts behind the last word")
        if not self._across:
            try:
                index = bisect_right(self._piece(number).ends, max(0, position - self._starts[number]))
                return [
                    *itertools.islice(self._backward(number, index), before),
                    *itertools.islice(self._forward(number, index), behind),
                ]
            except BoundarySpecialCaseError:
                self._across = True
        return self._whole.near(position, before, behind)

    def _backward(self, number: int, index: int) -> Iterator[str]:
        """Words that count, from a token of a piece backward."""
        piece = self._piece(number)
        yield from (word for word in map(str.lower, reversed(piece.words[: index + 1])) if self._counts(word, piece))
        while (number := self._next(number, -1, self._before)) >= 0:
            yield from reversed(self._words_of(number))

    def _forward(self, number: int, index: int) -> Iterator[str]:
        """Words that count, from a token of a piece forward."""
        piece = self._piece(number)
        yield from (word for word in map(str.lower, piece.words[index:]) if self._counts(word, piece))
        while (number := self._next(number, 1, self._behind)) < len(self._spans):
            yield from self._words_of(number)

    def _next(self, number: int, step: int, known: dict[int, int]) -> int:
        """The nearest piece before (step -1) or behind (1) a piece that has words that count; else beyond the text.

        Raises:
            BoundarySpecialCaseError: a special case could stand across two pieces on the way.
        """
        passed = []
        while True:
            if number in known:
                number = known[number]
                break
            passed.append(number)
            other = number + step
            if not 0 <= other < len(self._spans):
                number = other
                break
            first, second = (other, number) if step < 0 else (number, other)
            self._tokenizer.check_boundary(lambda first=first: self._piece(first), self._piece(second))  # type: ignore[misc]
            number = other
            if self._words_of(number):
                break
        for one in passed:
            known[one] = number
        return number

    def _words_of(self, number: int) -> list[str]:
        """The words of a piece that count."""
        words = self._counting.get(number)
        if words is None:
            piece = self._piece(number)
            words = [word for word in map(str.lower, piece.words) if self._counts(word, piece)]
            self._counting[number] = words
        return words

    def _piece(self, number: int) -> Piece:
        piece = self._pieces.get(number)
        if piece is None:
            self._deadline()
            start, end = self._spans[number]
            text = self._text[start:end]
            # Texts repeat themselves, in floods above all.
            piece = self._made.get(text)
            if piece is None:
                piece = self._made[text] = self._tokenizer.piece(text)
            self._pieces[number] = piece
        return piece

    def _counts(self, word: str, piece: Piece) -> bool:
        return word in piece.keywords or (self._is_part(word) and word in self._parts_at_colons())

    def _is_part(self, word: str) -> bool:
        """Whether a word may be one of ``_parts_at_colons``, which take long to make."""
        if self._parts is not None or ":" not in self._lowered:
            return self._parts is not None
        sought = self._sought.get(word)
        if sought is None:
            # To seek many words takes longer than to make them all.
            sought = self._sought[word] = len(self._sought) >= MAX_SOUGHT or is_part(word, self._lowered)
        return sought

    def _parts_at_colons(self) -> frozenset[str]:
        """The keywords of all pieces that have a colon in them."""
        if self._parts is None:
            with_colon = (n for n, span in enumerate(self._spans) if self._text.find(":", *span) >= 0)
            self._parts = frozenset().union(*(self._piece(number).keywords for number in with_colon))
        return self._parts

    @cached_property
    def _whole(self) -> TokenIndex:
        words, ends, keywords = self._tokenizer.whole(self._text)
        return TokenIndex(list(map(str.lower, words)), ends, keywords)


def _spans(text: str) -> Iterator[tuple[int, int]]:
    """Where pieces are. A blank directly behind a piece belongs to it and is no token."""
    for match in PIECE.finditer(text):
        start, end = match.span()
        if start > 0 and text[start] == _BLANK:
            start += 1
        if start < end:
            yield start, end


def is_part(word: str, lowered: str) -> bool:
    """Whether a word may stand beside a colon in a text in lower case. Then it may be a keyword wherever it stands."""
    return ":" in lowered and (f":{word}" in lowered or f"{word}:" in lowered)
