"""A copy of a text in another form, and the way back from a place in the copy to the place in the text.

What is sought in a text hides in how it is written: an address with ``%40`` in it, a card in full-width digits, a
value whose key stands two braces before it. So a text is also read in other forms (see ``unmask`` and ``unfold``).
Each is a ``View``: pieces of the text, some as they are, some decoded, some left out, and between them words that are
not from the text at all. What is found in a view is found in the text, at the place where it comes from:

    text   to anna%40corp.com, now         a piece that is as it was (~) maps character by character,
           ~~~~~~~===~~~~~~~~~~~~~         a piece that was decoded (=) maps whole or not at all,
    view   to anna@corp.com, now           and what is from elsewhere maps to nothing.
              ^^^^^^^^^^^^^
    found  to ^^^^^^^^^^^^^^^, now

A view can be of another view; places are then mapped twice.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from typing import NamedTuple


class Piece(NamedTuple):
    """A piece of a view.

    Attributes:
        at: where it begins in the view.
        end: where it ends there.
        start: where what it comes from begins in the text.
        stop: where that ends.
        exact: whether it is as it was.
    """

    at: int
    end: int
    start: int
    stop: int
    exact: bool


class View:
    """A text made from another.

    Args:
        text: what to read.
        pieces: the pieces of it that come from the other text, in the order of both.
        of: the view that it is made from; None if that is the text itself.
    """

    __slots__ = ("_ends", "_of", "_pieces", "_starts", "text")

    def __init__(self, text: str, pieces: list[Piece], of: View | None = None) -> None:
        self.text = text
        self._pieces = pieces
        self._starts = [piece.at for piece in pieces]
        self._ends = [piece.end for piece in pieces]
        self._of = of

    def back(self, start: int, end: int) -> tuple[int, int] | None:
        """Where what stands at a place comes from; None if it comes from nowhere in the text."""
        first, last = bisect_right(self._ends, start), bisect_left(self._starts, end) - 1
        if first > last:
            return None
        place = _start(self._pieces[first], start), _stop(self._pieces[last], end)
        return place if self._of is None else self._of.back(*place)

    def cut(self, start: int, end: int) -> Iterator[tuple[str, int, int, bool]]:
        """What stands at a place, piece by piece: text, where it comes from (start, end), and whether it is as it was.

        For views of the text itself.
        """
        for piece in self._pieces[bisect_right(self._ends, start) : bisect_left(self._starts, end)]:
            words = self.text[max(start, piece.at) : min(end, piece.end)]
            yield words, _start(piece, start), _stop(piece, end), piece.exact


def _start(piece: Piece, at: int) -> int:
    return piece.start + max(at - piece.at, 0) if piece.exact else piece.start


def _stop(piece: Piece, at: int) -> int:
    return piece.stop - max(piece.end - at, 0) if piece.exact else piece.stop


class Maker:
    """Puts a view together.

    Attributes:
        size: how many characters it has so far.
    """

    def __init__(self) -> None:
        self.size = 0
        self._words: list[str] = []
        self._pieces: list[Piece] = []

    def add(self, words: str, start: int, stop: int, *, exact: bool) -> None:
        """Add what comes from a place in the text."""
        if words:
            self._pieces.append(Piece(self.size, self.size + len(words), start, stop, exact))
            self.fill(words)

    def fill(self, words: str) -> None:
        """Add what comes from nowhere in the text."""
        self._words.append(words)
        self.size += len(words)

    def view(self, of: View | None = None) -> View:
        """What was put together."""
        return View("".join(self._words), self._pieces, of)


def replaced(text: str, pattern: re.Pattern[str], replace: Callable[[str], str], of: View | None = None) -> View | None:
    """The view of a text in which matches are replaced; None if that changes nothing.

    Args:
        text: the text.
        pattern: what to replace.
        replace: gives what stands there instead; the same if it stays.
        of: the view whose text it is.
    """
    maker = Maker()
    done = 0
    for match in pattern.finditer(text):
        found = match[0]
        words = replace(found)
        if words != found:
            start, end = match.span()
            maker.add(text[done:start], done, start, exact=True)
            # One character for one is as good as unchanged.
            maker.add(words, start, end, exact=len(words) == len(found) == 1)
            done = end
    if not done:
        return None
    maker.add(text[done:], done, len(text), exact=True)
    return maker.view(of)
