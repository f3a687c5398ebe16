"""What a pattern may consume, and how to say it to Hyperscan: decided by reading the pattern, once, at start.

Theory of operation. The prefilter may skip a pattern only if Hyperscan reports every end of every match that Python's
``regex`` module would find. Both read nearly the same language; where they do not, a pattern is not *agreed* and
runs on every text. Agreed is what this module's reader knows: literals in ASCII, classes, groups, repeats, look-around
and the escapes ``\\d \\w \\s \\b`` and their opposites. Fuzzy matching, named classes, set operations, recursion,
inline flags beyond ``i``, ``m`` and ``s``, and every letter escape that one side lacks, are not.

For text beyond ASCII the two disagree on characters, not on syntax: which are letters, digits or spaces depends on the
Unicode version of each and on rules for marks and joiners. So Hyperscan never sees them. An agreed pattern can tell
one character beyond ASCII from another only by ``\\w``, ``\\d`` and ``\\s``: four kinds. The text is folded to one
byte per character, with one byte above 0x7F for each kind (as ``regex`` itself judges it), and patterns are rewritten
so that ``\\w`` names those bytes: *folded*. ``\\b`` has no counterpart there and is left out, which only adds matches.
Letters are spread over many bytes, the same one for a letter in both cases: so a pattern that names *foreign* letters
(``игнорируй``) can be told from most texts of its language. Only who asks for it (``foreign``) has such patterns read.
Case folding is the one other bridge (long s matches ``s``, the Kelvin sign ``k``); texts with such characters are
*ambiguous*, and every pattern runs on them. One byte per character also makes Hyperscan's offsets those of the text.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from typing import Final

import regex

from veilog_filters.detect.compat.sre import measure
from veilog_filters.detect.core import CORE

OTHER, DIGIT, SPACE, AMBIGUOUS = 0x80, 0x82, 0x83, 0x84
"""The bytes that stand for characters beyond ASCII, by kind; but for letters."""
FIRST_LETTER, LETTERS = 0x85, 0x78
"""The first of the bytes that stand for letters, and how many there are."""
FOREIGN: Final = r"\x80-\xfc"
"""All bytes that stand for characters beyond ASCII, in a class."""
_NEVER: Final = r"\xff"
"""A byte that no text has."""

AGREED_FLAGS: Final = regex.IGNORECASE | regex.MULTILINE | regex.DOTALL

_FOLDED_IN_CLASS: Final = {
    "d": r"\d\x82",
    "w": r"\w\x82\x85-\xfc",
    "s": r"\s\x83",
    "D": r"\x00-\x2f\x3a-\x7f\x80\x83\x85-\xfc",
    "W": r"\x00-\x2f\x3a-\x40\x5b-\x5e\x60\x7b-\x7f\x80\x83",
    "S": r"\x00-\x08\x0e-\x1f\x21-\x7f\x80\x82\x85-\xfc",
}
_PLAIN_ESCAPES: Final = "ntrf"
_GROUP = re.compile(
    r"\(\?(?::|=|!|<=|<!|>|P<[A-Za-z_][A-Za-z0-9_]*>|P=[A-Za-z_][A-Za-z0-9_]*\)|[ims]+(?:-[ims]+)?[:)]|-[ims]+:)"
)
_REPEAT = re.compile(r"\{\d+(?:,\d*)?\}")
_QUANTIFIER = re.compile(r"[?*+]|\{\d+(?:,\d*)?\}")
_SET_OPERATION = re.compile(r"&&|\|\||--|~~|\[[:.=]")


class UnsupportedSyntaxError(Exception):
    """The pattern uses something that the two engines may read differently."""


@dataclasses.dataclass(frozen=True, slots=True)
class PatternInfo:
    """What is known about an agreed pattern.

    Attributes:
        ascii: the expression for ASCII text.
        folded: the expression for folded text.
        max_chars: longest match in characters; None if there is no bound.
        ahead_chars: how far behind a match an end of the expressions can be, at most.
        reach_chars: how far behind the end of a match an assertion may look, at most; None if there is no bound.
        crosses_whitespace: whether a match may contain ASCII white space.
    """

    ascii: str
    folded: str
    max_chars: int | None
    ahead_chars: int
    reach_chars: int | None
    crosses_whitespace: bool


def pattern_info(pattern: str, flags: int, *, foreign: bool = False) -> PatternInfo | None:
    """What is known about a pattern of Python's ``regex`` module; None if it is not agreed.

    Args:
        pattern: the pattern.
        flags: its flags, as for ``regex.compile``.
        foreign: whether it may have characters beyond ASCII.
    """
    if flags & ~AGREED_FLAGS:
        return None
    try:
        reader = _Reader(pattern, foreign=foreign)
        ascii_, folded = reader.read()
    except UnsupportedSyntaxError:
        return None
    known = measure(pattern, int(flags))
    if known is None or not known.least_chars:
        return None
    return PatternInfo(
        ascii=ascii_,
        folded=folded,
        max_chars=known.most_chars,
        ahead_chars=known.reach_chars or 0 if reader.looks_ahead else 0,
        reach_chars=known.reach_chars,
        crosses_whitespace=known.crosses_whitespace,
    )


class _Reader:
    """Reads a pattern from left to right and writes it for both kinds of text.

    Three things are not written as they stand, so that Hyperscan has less to do. None takes an end from a match: each
    match still has an end reported between its start and where its last assertion has looked.

    * A look-behind at the start becomes the first part of what is sought, and a look-ahead at the end the last.
      Hyperscan would leave the assertions out, and what is between them may have no literals of its own.
    * What may be missing at the end is left out, and everything behind ``CORE``: a match has one of the rest at its
      start. (Windows reach as far behind an end as a match is long.)

    Attributes:
        looks_ahead: whether a look-ahead became a part of what is sought.
    """

    def __init__(self, pattern: str, *, foreign: bool) -> None:
        self._pattern = pattern
        self._foreign = foreign
        self._negated = False
        self._at = 0
        self._ascii: list[str] = []
        self._folded: list[str] = []
        self._depth = 0
        self._starts: list[int] = []
        self._has_branches = False
        self._core: int | None = None
        self.looks_ahead = False

    def read(self) -> tuple[str, str]:
        if not self._foreign and not self._pattern.isascii():
            raise UnsupportedSyntaxError
        while self._at < len(self._pattern):
            self._note()
            self._item()
        end = self._end_of_core()
        return "".join(self._ascii[:end]), "".join(self._folded[:end])

    def _note(self) -> None:
        """Remember where each part of the pattern begins that is in no group, and whether there are alternatives."""
        char = self._pattern[self._at]
        if not self._depth and self._core is None and self._pattern.startswith(CORE, self._at):
            self._core = len(self._ascii)
        if char == "|" and not self._depth:
            self._has_branches = True
        if not self._depth and char not in "?*+{)":
            self._starts.append(len(self._ascii))
        self._depth += (char == "(") - (char == ")")

    def _end_of_core(self) -> int:
        """How much of what is written must be sought."""
        end = len(self._ascii)
        if self._has_branches:
            return end
        if self._core:
            return self._core
        if self._starts and self._ascii[self._starts[-1]] == "(?=" and self._ascii[-1] == ")":
            self._ascii[self._starts[-1]] = self._folded[self._starts[-1]] = "(?:"
            self.looks_ahead = True
            return end
        for start in reversed(self._starts):
            if start == 0 or not _may_be_missing(self._ascii[start:end]):
                break
            end = start
        return end

    def _write(self, ascii_: str, folded: str | None = None) -> None:
        self._ascii.append(ascii_)
        self._folded.append(ascii_ if folded is None else folded)

    def _item(self) -> None:
        char = self._pattern[self._at]
        if char == "\\":
            self._escape()
        elif char == "[":
            self._class()
        elif self._pattern.startswith("(?", self._at):
            group = _GROUP.match(self._pattern, self._at)
            if group is None:
                raise UnsupportedSyntaxError
            if group[0] == "(?<=" and self._at == 0:
                self._announcement()
            else:
                self._take(group[0])
            # Some are whole: inline flags, and a reference by name.
            self._depth -= group[0].endswith(")")
        elif self._pattern.startswith("(*", self._at):
            raise UnsupportedSyntaxError
        elif char == "{":
            repeat = _REPEAT.match(self._pattern, self._at)
            if repeat is None:
                raise UnsupportedSyntaxError
            self._take(repeat[0])
        elif char.isascii():
            self._take(char)
        else:
            self._at += 1
            twins = _ascii_twins(char)
            self._write(f"[{_NEVER}{twins}]", f"[\\x{_FOLD[ord(char)]:02x}{twins}]")

    def _announcement(self) -> None:
        """A look-behind at the start, as the first part of what is sought."""
        self._write("(?:")
        self._at += len("(?<=")

    def _take(self, text: str) -> None:
        self._write(text)
        self._at += len(text)

    def _escape(self) -> None:
        char = self._escaped()
        if char in "dwsDWS":
            self._write("\\" + char, f"[{_FOLDED_IN_CLASS[char]}]")
        elif char in "bB":
            # A repeated boundary means nothing; without the boundary the repeat would take hold of what is before it.
            if self._pattern[self._at : self._at + 1] in ("*", "+", "?", "{"):
                raise UnsupportedSyntaxError
            self._write("\\" + char, "(?:)")
        elif char in "AZ" or char in "123456789":
            self._write("\\" + char)
        else:
            self._write(self._literal(char))

    def _escaped(self) -> str:
        char = self._pattern[self._at + 1 : self._at + 2]
        self._at += 2
        return char

    def _literal(self, char: str) -> str:
        if char == "x":
            digits = self._pattern[self._at : self._at + 2]
            if not re.fullmatch("[0-7][0-9A-Fa-f]", digits):
                raise UnsupportedSyntaxError
            self._at += 2
            return "\\x" + digits
        if not char or (char.isalnum() and char not in _PLAIN_ESCAPES):
            raise UnsupportedSyntaxError
        return "\\" + char

    def _class(self) -> None:
        start = self._at
        self._take("[")
        self._negated = self._pattern.startswith("^", self._at)
        if self._negated:
            self._take("^")
        if self._pattern.startswith("]", self._at):
            self._at += 1
            self._write(r"\]")
        while True:
            char = self._pattern[self._at : self._at + 1]
            if not char or (self._at > start + 1 and _SET_OPERATION.match(self._pattern, self._at)):
                raise UnsupportedSyntaxError
            if char == "]":
                self._take("]")
                return
            self._member(char)

    def _member(self, char: str) -> None:
        """A member of a class."""
        if char == "\\":
            char = self._escaped()
            if char in "dwsDWS":
                self._write("\\" + char, _FOLDED_IN_CLASS[char])
            elif char == "b":
                self._write(r"\x08")
            else:
                self._write(self._literal(char))
        elif char == "[":
            self._at += 1
            self._write(r"\[")
        elif char.isascii() and not _FOREIGN_RANGE.match(self._pattern, self._at):
            self._take(char)
        else:
            self._foreign_member()

    def _foreign_member(self) -> None:
        """A member of a class that is beyond ASCII. A range of them stands for all; what a class excludes, for none."""
        char = self._pattern[self._at]
        is_range = _FOREIGN_RANGE.match(self._pattern, self._at)
        if is_range and (char.isascii() or self._pattern[self._at + 2] == "\\"):
            raise UnsupportedSyntaxError
        self._at += 3 if is_range else 1
        if self._negated:
            return
        if is_range:
            first, last = self._pattern[self._at - 3], self._pattern[self._at - 1]
            twins = "".join(_ascii_twins(other) for other in _WITH_TWINS if first <= other <= last)
            self._write(_NEVER + twins, FOREIGN + twins)
        else:
            twins = _ascii_twins(char)
            self._write(_NEVER + twins, f"\\x{_FOLD[ord(char)]:02x}{twins}")


_WITH_TWINS: Final = "\u0130\u0131\u017f\u212a"
"""The characters beyond ASCII that are letters of it where case does not matter."""
_FOREIGN_RANGE: Final = re.compile(r"[^\x00-\x7f]-[^\]]|[^\\\]]-[^\x00-\x7f]")


@functools.cache
def _ascii_twins(char: str) -> str:
    """The letters of ASCII that a character beyond it is, where case does not matter."""
    pattern = regex.compile(regex.escape(char), regex.IGNORECASE)
    return "".join(letter for letter in "iIkKsS" if pattern.match(letter))


def _may_be_missing(part: list[str]) -> bool:
    """Whether a part of a pattern, as it was written, is repeated from no time on."""
    first = ""
    for piece in reversed(part):
        if _QUANTIFIER.fullmatch(piece) is None:
            break
        first = piece
    return first in ("?", "*") or first.startswith("{0")


class Fold(dict[int, int]):
    """Character to byte, for ``str.translate``; learns each character when it first comes, 1.1 million at most."""

    # As literals and in classes: the library folds ``ı`` to ``I``, but not to ``i``.
    _FOLDS = regex.compile(r"i|k|s|I|K|S|[a-z]|[A-Z]|[\x00-\x7f]", regex.IGNORECASE)
    _DIGIT, _SPACE, _WORD = map(regex.compile, (r"\d", r"\s", r"\w"))
    _PYTHON_DIGIT = re.compile(r"\d")

    def __missing__(self, code: int) -> int:
        self[code] = kind = self._kind(chr(code)) if code > 0x7F else code
        return kind

    def _kind(self, char: str) -> int:
        digit = self._DIGIT.match(char) is not None
        # The phone recognizer judges digits by Python's own tables, which may be of another Unicode version.
        if self._FOLDS.match(char) or digit != (self._PYTHON_DIGIT.match(char) is not None):
            return AMBIGUOUS
        if digit:
            return DIGIT
        if self._SPACE.match(char):
            return SPACE
        return _letter(char) if self._WORD.match(char) else OTHER


def _letter(char: str) -> int:
    """The byte of a letter: the same for all that are one letter where case does not matter."""
    for folded in (char.casefold(), char.lower()):
        if len(folded) == 1:
            return FIRST_LETTER + ord(folded) % LETTERS
    return FIRST_LETTER + ord(char) % LETTERS


_NON_ASCII = re.compile(r"[^\x00-\x7f]+")
_FOLD = Fold()
_AMBIGUOUS_CHAR = chr(AMBIGUOUS)


def fold(text: str) -> bytes | None:
    """A text beyond ASCII as one byte per character; None if it is ambiguous."""
    folded = _NON_ASCII.sub(lambda run: run[0].translate(_FOLD), text)
    return None if _AMBIGUOUS_CHAR in folded else folded.encode("latin-1")
