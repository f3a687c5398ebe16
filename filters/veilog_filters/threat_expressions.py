"""The expressions of threat rules: read when a pack is, so that whatever runs later is bounded and in the one scan.

Theory of operation. An expression is a pattern of Python's ``regex`` module, sought in any case, with ``.`` for line
ends too. Whoever sends a prompt chooses the text that it runs on, so it must be linear on any text. That is made sure
when it is read:

* A repeat without an upper bound, of one character, gets one: ``MOST_LETTERS`` for what takes letters (``.``, ``\\w``),
  ``MOST_SPACE`` for all else. Of a group, it is refused, and so is a bound above ``MOST_LETTERS``.
* A search may try at most ``MOST_WAYS`` ways from one place: two long gaps, not three. What refers back is refused.
* It must be of the language that Hyperscan reads in the same way (``detect.prefilter.syntax``), else it could not be in
  the one scan.

Hyperscan is given the expression as it is used, in the mode that may report more than there is, and what it reports is
sought again. Broader forms (only what lies between the gaps, only literals) were tried: they are in so many ordinary
texts that searching these takes longer than the scan.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

import regex

from veilog_filters.detect.compat.sre import ways, works
from veilog_filters.detect.prefilter.expressions import Expression
from veilog_filters.detect.prefilter.syntax import PatternInfo, pattern_info
from veilog_filters.yaml_file import InvalidError, check_pattern

FLAGS: Final = regex.IGNORECASE | regex.DOTALL
MOST_LETTERS: Final = 80
"""Longest gap, in characters."""
MOST_SPACE: Final = 16
"""Longest repeat of what takes no letters (white space, digits), where the expression has no bound."""
MOST_WAYS: Final = 20_000
MAX_CHARS: Final = 8_192
"""Longest expression, in characters."""
_TOKEN: Final = re.compile(
    r"""
    (?P<single> \\. | \[ \^? \]? (?: \\. | [^\]\\] )* \] | [^\\\[()|*+?{^$] | \{(?!\d) )
  | (?P<open> \( (?: \? (?: [:=!>] | <[=!] | P<\w+> | [ims-]+: ) )? )
  | (?P<close> \) )
  | (?P<other> [|^$] )
    """,
    re.VERBOSE | re.DOTALL,
)
_REPEAT: Final = re.compile(r"(?P<kind>[*+?]|\{(?P<least>\d+)(?P<to>,(?P<most>\d*))?\})(?P<how>[?+]?)")
_NARROW: Final = re.compile(r"\\[sdWbBAZntrf]|\\[^A-Za-z0-9]|[^\\.\[\w]|\[[^\^\w\\]*(?:\\[sdWntrf][^\w\\]*)*\]")
_NO_SPACES: Final = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]")
_FIX: Final = "see docs/reference/threats.md"


def read_expression(pattern: str) -> str:
    """An expression with all its repeats bounded.

    Raises:
        InvalidError: it is none, or not one that is linear on any text, or none for the one scan. Quotes nothing of it.
    """
    if len(pattern) > MAX_CHARS:
        raise InvalidError(f"the expression is longer than {MAX_CHARS} characters", "write several")
    check_pattern(pattern)
    strict = bounded(pattern)
    found = ways(strict, int(FLAGS))
    if found is None and works():
        raise InvalidError("the expression refers back, or is none of Python's re module", f"write it out; {_FIX}")
    if found is not None and found > MOST_WAYS:
        problem = f"the expression can be tried in more than {MOST_WAYS} ways at one place: long gaps multiply"
        raise InvalidError(problem, "write one long gap, or several expressions under all")
    if works() and _info(strict) is None:
        problem = "the expression may match nothing, or has what Hyperscan reads in another way"
        raise InvalidError(problem, f"write it with literals, classes, groups and repeats; {_FIX}")
    return strict


def read_words(words: Collection[str]) -> str:
    """What whole words and phrases are sought by, any of them, over any white space.

    Raises:
        InvalidError: one of them is empty.
    """
    return f"(?:{'|'.join(_spelled(word) for word in words)})"


def prefiltered(expression: str) -> Expression | None:
    """What Hyperscan is given; None if the expression has to be tried on every text."""
    whole = _info(expression)
    if whole is None:
        return None
    return Expression(whole.ascii, whole.folded, int(FLAGS), single_match=True)


def _info(pattern: str) -> PatternInfo | None:
    return pattern_info(pattern, int(FLAGS), foreign=True)


def _spelled(word: str) -> str:
    pieces = word.split()
    if not pieces:
        raise InvalidError("a word is empty", "remove it")
    spelled = rf"\s{{1,{MOST_SPACE}}}".join(map(regex.escape, pieces))
    # Languages that part no words have no boundaries either.
    before = "" if _NO_SPACES.match(pieces[0][0]) else r"(?<!\w)"
    after = "" if _NO_SPACES.match(pieces[-1][-1]) else r"(?!\w)"
    return f"{before}{spelled}{after}"


def bounded(pattern: str) -> str:
    """An expression, which compiles, with its repeats bounded; nothing else is checked."""
    strict: list[str] = []
    at = 0
    while at < len(pattern):
        token = _TOKEN.match(pattern, at)
        if token is None:
            raise InvalidError(f"the expression has what none may have, at character {at + 1}", _FIX)
        at = token.end()
        bound = ""
        if (repeat := _REPEAT.match(pattern, at)) is not None:
            at = repeat.end()
            bound = _bound(token, repeat, at)
        strict += (token[0], bound)
    return "".join(strict)


def _bound(token: re.Match[str], repeat: re.Match[str], at: int) -> str:
    """What is written for a repeat."""
    least, most = _least(repeat), _most(repeat)
    is_single = token["single"] is not None
    is_wide = is_single and not _NARROW.fullmatch(token["single"])
    if most is None and not is_single:
        raise InvalidError(
            f"a group is repeated without an upper bound, at character {at}", "write one, for example {0,5}"
        )
    if most is None:
        most = max(least, MOST_LETTERS if is_wide else MOST_SPACE)
    if most > MOST_LETTERS:
        raise InvalidError(f"a repeat goes beyond {MOST_LETTERS}, at character {at}", f"write at most {MOST_LETTERS}")
    return f"{{{least},{most}}}{repeat['how']}"


def _least(repeat: re.Match[str]) -> int:
    return {"*": 0, "+": 1, "?": 0}.get(repeat["kind"], int(repeat["least"] or 0))


def _most(repeat: re.Match[str]) -> int | None:
    """The upper bound of a repeat; None if it has none."""
    if repeat["kind"] in "*+":
        return None
    if repeat["kind"] == "?":
        return 1
    if repeat["to"] is None:
        return int(repeat["least"])
    return int(repeat["most"]) if repeat["most"] else None
