"""Presidio's context rule: a word near a match raises its score. The same scores, most often without tokens.

Theory of operation. ``LemmaContextAwareEnhancer`` tokenizes the text, goes from the token at the match backward until
it has six tokens that are keywords (no stop word, no punctuation), forward until it has one, and looks in these for
the context words of the recognizer. spaCy's tokenizer takes longer than everything else that is done for a match.

But the answer is mostly plain to see. A *plain* piece of text, a word or a number between spaces, perhaps with a comma
or full stop behind it, is one token, and a keyword unless it is a stop word. (Presidio makes keywords of what is on
both sides of a colon, so "the:x" makes one of every "the".) What is not plain (an address, a bracket, an abbreviation)
has at most as many keywords as it has characters, and at least one if it has a digit, else perhaps none. So a glance at
the pieces before the match often tells for certain

* that a context word is in reach: it is in a plain piece, and what is between has less than six tokens at most;
* or that none is: there is none up to six plain keywords back.

Only if neither is certain, tokens are made, of the pieces around the match (see ``tokenizer``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Final

from presidio_analyzer import RecognizerResult
from presidio_analyzer.context_aware_enhancers import LemmaContextAwareEnhancer
from presidio_analyzer.nlp_engine import NlpArtifacts

from veilog_filters.detect.api import Deadline
from veilog_filters.detect.compat.context import find_supportive_word
from veilog_filters.detect.presidio.engine import LANGUAGE, PresidioDetector, readable
from veilog_filters.detect.presidio.tokenizer import PIECE, Tokenizer, Words, is_part

_GLANCE_CHARS: Final = 160
"""How far back a glance goes."""
_BEHIND_CHARS: Final = 80
_MAX_PIECE_CHARS: Final = 512
"""How far from the start of a match the end of its piece is sought."""
_SPACE = re.compile(r"\s")
_DIGIT = re.compile(r"[0-9]")


class ContextWords:
    """The context words of a recognizer.

    Args:
        words: as Presidio has them.

    Attributes:
        words: in lower case.
        are_plain: whether they are in a text if and only if they are in its lower case. That of a sigma depends on
            what is around it.
    """

    def __init__(self, words: Iterable[str]) -> None:
        self.words = [word.lower() for word in words]
        self.are_plain = all(word.strip() and "σ" not in word and "ς" not in word for word in self.words)

    def are_in(self, lowered: str, start: int = 0, end: int | None = None) -> bool:
        """Whether any of them is in a text in lower case, or in a part of it."""
        # Seven searches for a word are faster than one for seven; a generator would take longer than they do.
        for word in self.words:  # noqa: SIM110
            if lowered.find(word, start, end) >= 0:
                return True
        return False


class _NotNear(Enum):
    """What is neither yes nor no nor unclear."""

    NOT_NEAR = "no context word in the pieces that were looked at"


_NOT_NEAR: Final = _NotNear.NOT_NEAR


class ContextRule:
    """Raises scores as Presidio's enhancer does.

    Args:
        enhancer: Presidio's.
        presidio: has the tokenizer, without a model, and keeps its vocabulary small.
    """

    def __init__(self, enhancer: LemmaContextAwareEnhancer, presidio: PresidioDetector) -> None:
        self._enhancer = enhancer
        # Presidio's own choice of the words that count, without looking each up in spaCy's vocabulary.
        self.tokenizer = Tokenizer(
            presidio.blank.nlp,
            presidio.zone,
            lambda engine, words: NlpArtifacts.set_keywords(engine, words, LANGUAGE),
        )
        # One keyword more than the count says, on each side: see ``_add_n_words``.
        self._before: int = enhancer.context_prefix_count + 1
        self._behind: int = enhancer.context_suffix_count + 1
        self._can_glance = enhancer.context_matching_mode == "substring" and self._behind == 1

    def best(self, score: float) -> float:
        """What becomes of a score with a context word near."""
        enhancer = self._enhancer
        raised: float = max(score + enhancer.context_similarity_factor, enhancer.min_score_with_context_similarity)
        return min(raised, LemmaContextAwareEnhancer.MAX_SCORE)

    def __call__(self, text: str, found: Sequence[tuple[RecognizerResult, ContextWords]], deadline: Deadline) -> None:
        """Raise the scores of results that have a context word of their recognizer near them.

        Raises:
            DetectorTimeout: the text's time is used up.
        """
        unclear = []
        colons: dict[str, bool] = {}
        lowered: str | None = None
        mentioned: dict[ContextWords, bool] = {}
        for result, context in found:
            if not context.words or result.score >= LemmaContextAwareEnhancer.MAX_SCORE:
                continue
            if lowered is None:
                lowered = text.lower()
            if context not in mentioned:
                mentioned[context] = not context.are_plain or context.are_in(lowered)
            if not mentioned[context]:
                continue
            deadline()
            supported = self._glance(text, lowered, result.start, context, colons)
            if supported is None:
                unclear.append((result, context))
            elif supported:
                result.score = self.best(result.score)
        if unclear:
            self._read(readable(text), unclear, deadline)

    def _glance(
        self, text: str, lowered: str, start: int, context: ContextWords, colons: dict[str, bool]
    ) -> bool | None:
        """Whether a context word is near a place; None if tokens must tell.

        ``colons`` remembers which stop words may stand beside a colon somewhere in the text.
        """
        if not self._can_glance or not context.are_plain or len(lowered) != len(text) or text[start].isspace():
            return None
        low = max(0, start - _GLANCE_CHARS)
        pieces = _pieces(text[low:start])
        # The match may begin inside a piece, whose tokens are not known.
        head = pieces.pop()
        if low > 0:
            if not pieces:
                return None
            del pieces[0]  # it may be cut
        end = self._end_of_next_keyword(text, start, head)
        if end is None:
            return None
        # Most of the time no context word is as near as that, and nothing has to be sought in the pieces.
        near = context if context.are_in(lowered, low, end) else None
        unclear = near is not None and near.are_in(lowered, start - len(head), end)
        found = self._walk_back(pieces, 1 + len(head), lowered, near, unclear, colons)
        return (None if low > 0 else False) if found is _NOT_NEAR else found

    def _walk_back(
        self,
        pieces: list[str],
        possible: int,
        lowered: str,
        near: ContextWords | None,
        unclear: bool,
        colons: dict[str, bool],
    ) -> bool | _NotNear | None:
        """Seek a context word in the pieces before a match, from the nearest on, as far as keywords count.

        Args:
            pieces: the pieces, in the order of the text.
            possible: how many keywords there may be between the match and the last piece, at most.
            lowered: the text in lower case.
            near: the context words; None if none of them is in the pieces.
            unclear: whether one may be in the match's own tokens.
            colons: remembers which stop words may stand beside a colon somewhere in the text.

        Returns:
            As ``_glance``; ``_NOT_NEAR`` if the pieces end before the keywords do, without a context word.
        """
        certain = 0
        for part in reversed(pieces):
            word = self.tokenizer.plain_word(part)
            keyword = word is not None and not self.tokenizer.is_stopword(word)
            if word is not None and not keyword and not _may_count(word, lowered, colons):
                continue
            if near is not None and near.are_in(part.lower()):
                if keyword and possible < self._before:
                    return True
                unclear = True
            numbers = 0 if word is not None else self.tokenizer.numbers_in(part)
            certain += numbers or (keyword or _has_number(part))
            if certain >= self._before:
                return None if unclear else False
            # White space but for a single blank is a token too, and no stop word.
            possible += numbers or (1 if word is not None else len(part))
        return None if unclear else _NOT_NEAR

    def _end_of_next_keyword(self, text: str, start: int, head: str) -> int | None:
        """A place behind the first token that is a keyword, from the match on; None if that is not plain to see."""
        space = _SPACE.search(text, start, start + _MAX_PIECE_CHARS)
        if space is None and start + _MAX_PIECE_CHARS < len(text):
            return None
        end = space.start() if space else len(text)
        # The token at the match may begin before it.
        if ":" not in head and _has_number(text[start:end]):
            return end
        limit = min(len(text), end + _BEHIND_CHARS)
        for piece in PIECE.finditer(text, end, limit):
            if piece.end() == limit < len(text):
                return None
            word = self.tokenizer.plain_word(piece[0])
            if word is not None and not self.tokenizer.is_stopword(word):
                return piece.end()
        return len(text) if limit == len(text) else None

    def _read(self, text: str, unclear: list[tuple[RecognizerResult, ContextWords]], deadline: Deadline) -> None:
        """Raise scores by the tokens around matches."""
        words, mode = Words(self.tokenizer, text, deadline), self._enhancer.context_matching_mode
        for result, context in unclear:
            if find_supportive_word(words.near(result.start, self._before, self._behind), context.words, mode):
                result.score = self.best(result.score)


def _pieces(text: str) -> list[str]:
    """The pieces of a text and all white space between them but for single blanks, which are no tokens.

    The last is the piece in which the text ends, or empty behind white space.
    """
    if text.isprintable() and "  " not in text:
        return text.split(" ")
    pieces = PIECE.findall(text)
    if not pieces or pieces[-1].isspace():
        pieces.append("")
    return [piece for piece in pieces if piece != " "]


def _may_count(word: str, lowered: str, colons: dict[str, bool]) -> bool:
    """Whether a stop word may be a keyword all the same, since a colon stands beside it somewhere in the text."""
    may_count = colons.get(word)
    if may_count is None:
        may_count = colons[word] = is_part(word.lower(), lowered)
    return may_count


def _has_number(piece: str) -> bool:
    """Whether a token in a piece has a digit: then it is no stop word and no punctuation.

    A token with a colon may be no keyword, but its parts are.
    """
    return ":" not in piece and _DIGIT.search(piece) is not None
