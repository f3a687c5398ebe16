"""How long a match of a pattern can be and what it can consume: read with the parser of Python's ``re``.

That parser is nobody's interface, and there is no other. So what it says of a few patterns is compared with what is
known of them (``works``), once in a process. Where it is another parser, nothing is known of any pattern: then each
runs on every text, from its first character to its last.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple

from veilog_filters.detect.compat.internals import take

WHITESPACE: Final = " \t\n\r\f\v"

_parse: Final = take("re._parser", "parse")


def _code(name: str) -> Any:
    return take("re._constants", name)


_ASSERTS: Final = (_code("ASSERT"), _code("ASSERT_NOT"))
_REPEATS: Final = (_code("MAX_REPEAT"), _code("MIN_REPEAT"), _code("POSSESSIVE_REPEAT"))
_CONSUMES_NOTHING: Final = (*_ASSERTS, _code("AT"), _code("GROUPREF"))
_MAY_BE_SPACE: Final = (_code("CATEGORY_SPACE"), _code("CATEGORY_NOT_DIGIT"), _code("CATEGORY_NOT_WORD"))
_ATOMIC_GROUP, _BRANCH, _CATEGORY = _code("ATOMIC_GROUP"), _code("BRANCH"), _code("CATEGORY")
_GROUPREF_EXISTS, _IN, _LITERAL = _code("GROUPREF_EXISTS"), _code("IN"), _code("LITERAL")
_NEGATE, _RANGE, _SUBPATTERN = _code("NEGATE"), _code("RANGE"), _code("SUBPATTERN")
_MAX_REPEAT: Final = _code("MAXREPEAT")


class Measures(NamedTuple):
    """What is known about the matches of a pattern.

    Attributes:
        least_chars: the shortest match in characters.
        most_chars: the longest; None if there is no bound.
        reach_chars: how far behind the end of a match an assertion may look; None if there is no bound.
        crosses_whitespace: whether a match may contain ASCII white space.
    """

    least_chars: int
    most_chars: int | None
    reach_chars: int | None
    crosses_whitespace: bool


_KNOWN: Final[dict[str, Measures | None]] = {
    r"\b[a-z]{2,5}\b": Measures(2, 5, 1, crosses_whitespace=False),
    r"(?:ab|c\sd)+?": Measures(2, None, 1, crosses_whitespace=True),
    r"(x)(?(1)[^y]|z)": Measures(2, 2, 1, crosses_whitespace=True),
    r"a(?=\d{3})(?!b*)": Measures(1, 1, None, crosses_whitespace=False),
    r"(?<!a)(?>[\w.-]*+)@(?=x(?=yz))": Measures(1, None, 4, crosses_whitespace=False),
    r"(.)|[\x08-\x0e]\1?": Measures(1, 2, 1, crosses_whitespace=True),
    r"[^\s]\S\D": Measures(3, 3, 1, crosses_whitespace=True),
    r"a(?:bc|d(?=ee))": Measures(2, 3, 3, crosses_whitespace=False),
    r"(x)\1(?(1)y|z(?=ww))": Measures(3, 3, 3, crosses_whitespace=False),
    r"[^\s\d]{2,3}?b": Measures(3, 4, 1, crosses_whitespace=False),
    r"\Wa": Measures(2, 2, 1, crosses_whitespace=True),
    "(": None,
}


_KNOWN_WAYS: Final[dict[str, int | None]] = {
    r"a.{0,9}b": 10,
    r"a[^;]{0,9}b": 10,
    r"a[^;]{0,9};": 1,
    r"a[^;,]{0,9}b.{0,4}c": 50,
    r"a\w{0,9}b": 10,
    r"a\w{0,9}\s": 1,
    r"a\S{0,9}b": 10,
    r"a\S{0,9}\s": 1,
    r"a\d{0,9}b": 1,
    r"a[\s\d]{0,9}b": 1,
    r"(?:a\d{0,9}|a\W{0,9}){0,2}b": 12,
    r"(a)\1": None,
}


@functools.cache
def works() -> bool:
    """Whether the parser says what is known of some patterns."""
    return all(_measured(pattern, 0) == known for pattern, known in _KNOWN.items()) and all(
        _counted(pattern) == known for pattern, known in _KNOWN_WAYS.items()
    )


def measure(pattern: str, flags: int = 0) -> Measures | None:
    """What is known about the matches of a pattern; None if nothing is.

    Args:
        pattern: the pattern.
        flags: its flags, as for ``re.compile``.
    """
    return _measured(pattern, flags) if works() else None


def _measured(pattern: str, flags: int) -> Measures | None:
    try:
        unbounded = int(_MAX_REPEAT)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            tree = _parse(pattern, flags)
        least, most = tree.getwidth()
        reach = _reach(tree, unbounded)
        return Measures(
            least,
            None if most >= unbounded else most,
            None if reach >= unbounded else reach + 1,
            any(_can_consume(tree, ord(space)) for space in WHITESPACE),
        )
    except Exception:
        # The pattern is none, or asks for more than the parser has; or the parser is another one.
        return None


MOST_WAYS: Final = 1_000_000
"""Where counting ways ends."""
_ANY, _NOT_LITERAL = _code("ANY"), _code("NOT_LITERAL")
_REFERS_BACK: Final = (_code("GROUPREF"), _GROUPREF_EXISTS)
_NARROW: Final = (_code("CATEGORY_SPACE"), _code("CATEGORY_DIGIT"), _code("CATEGORY_NOT_WORD"))


def ways(pattern: str, flags: int = 0) -> int | None:
    """In how many ways, at most, a search may try a pattern from one place: its gaps, all combined.

    A gap is a repeat of what takes letters (``.``, ``\\w``, ``[^;]``), unless what comes behind it is nothing that it
    takes: then it ends there. Repeats of anything narrower are left out. None for a pattern that refers back, or of
    which nothing is known.

    Args:
        pattern: the pattern.
        flags: its flags, as for ``re.compile``.
    """
    return _counted(pattern, flags) if works() else None


def _counted(pattern: str, flags: int = 0) -> int | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return _ways(list(_parse(pattern, flags)))
    except Exception:
        # As in ``_measured``; a ``LookupError`` for what refers back is among them.
        return None


Behind = tuple[Sequence[Any], ...]
"""What can come behind some nodes: one of these lists of nodes."""


def _ways(nodes: Sequence[Any], behind: Behind = ((),), *, again: bool = False) -> int:
    """As ``ways``; ``again`` where the nodes are repeated, so that each repeat in them counts, however narrow."""
    found = 1
    for place, (operator, argument) in enumerate(nodes):
        rest = tuple([*nodes[place + 1 :], *further] for further in behind)
        if operator in _REFERS_BACK:
            raise LookupError
        if operator in _REPEATS:
            least, most, body = argument
            found *= _ways_to_repeat(least, most, body, rest, again=again)
        elif operator in _ASSERTS:
            found *= _ways(list(argument[1]))
        else:
            parts = [list(part) for part in _parts(operator, argument)]
            of_parts = [_ways(part, rest, again=again) for part in parts]
            # Branches that begin alike are all tried, each time that a group around them is repeated.
            found *= sum(of_parts) if again and _overlap(map(_first, parts)) else max(of_parts, default=1)
        found = min(found, MOST_WAYS)
    return found


def _ways_to_repeat(least: int, most: int, body: Any, behind: Behind, *, again: bool) -> int:
    most = min(most, MOST_WAYS)
    if len(body) == 1 and (taken := _taken(*body[0])):
        if least == most or not (again or _takes_letters(*body[0])):
            return 1
        ends = [_first(nodes) for nodes in behind]
        return 1 if all(end is not None and not taken & end for end in ends) else most - least + 1
    nodes = list(body)
    around = (*behind, *([*nodes, *further] for further in behind)) if most > 1 else behind
    inside = _ways(nodes, around, again=again or most > 1)
    if inside == 1:
        return 1
    return int(min(inside ** min(most, 20), MOST_WAYS) * (most - least + 1))


def _takes_letters(operator: Any, argument: Any) -> bool:
    if operator is _IN:
        negated = any(kind is _NEGATE for kind, _ in argument)
        return negated or any(
            kind is _RANGE or (kind is _CATEGORY and value not in _NARROW) for kind, value in argument
        )
    return operator in (_ANY, _NOT_LITERAL)


_SAMPLE: Final = frozenset((*range(0x80), 0xE9, 0x436, 0x4E2D, 0x3002, 0x2003))
"""Characters that stand for all: ASCII, and one of each kind beyond it."""
_OF_CATEGORY: Final[dict[Any, Callable[[str], bool]]] = {
    _code("CATEGORY_SPACE"): str.isspace,
    _code("CATEGORY_DIGIT"): str.isdigit,
    _code("CATEGORY_WORD"): lambda char: char.isalnum() or char == "_",
    _code("CATEGORY_NOT_SPACE"): lambda char: not char.isspace(),
    _code("CATEGORY_NOT_DIGIT"): lambda char: not char.isdigit(),
    _code("CATEGORY_NOT_WORD"): lambda char: not (char.isalnum() or char == "_"),
}


def _taken(operator: Any, argument: Any) -> frozenset[int]:
    """Of the sample, what a node that takes one character takes, in any case; none if it is another node."""
    if operator is _ANY:
        return _SAMPLE
    if operator is _NOT_LITERAL:
        return _SAMPLE - {argument}
    if operator is _LITERAL:
        return frozenset(map(ord, filter(_is_one, (chr(argument), chr(argument).lower(), chr(argument).upper()))))
    if operator is not _IN:
        return frozenset()
    negated = any(kind is _NEGATE for kind, _ in argument)
    found = frozenset[int]().union(*(_members(kind, value) for kind, value in argument))
    return _SAMPLE - found if negated else found


def _members(kind: Any, value: Any) -> frozenset[int]:
    """Of the sample, what a member of a class takes."""
    if kind is _LITERAL:
        return _taken(_LITERAL, value)
    if kind is _RANGE:
        spread = range(value[0], value[1] + 1)
        return frozenset(code for code in _SAMPLE if code in spread or ord(chr(code).swapcase()[0]) in spread)
    if kind is _CATEGORY:
        return frozenset(code for code in _SAMPLE if _OF_CATEGORY[value](chr(code)))
    return frozenset()


def _overlap(firsts: Iterable[frozenset[int] | None]) -> bool:
    seen = frozenset[int]()
    for first in firsts:
        if first is None or seen & first:
            return True
        seen |= first
    return False


def _is_one(text: str) -> bool:
    return len(text) == 1


def _first(nodes: Sequence[Any]) -> frozenset[int] | None:
    """Of the sample, what the first character of some nodes can be; None where it may be any, or there is none."""
    found = frozenset[int]()
    for operator, argument in nodes:
        if operator in _CONSUMES_NOTHING:
            continue
        taken = _taken(operator, argument)
        if taken:
            return found | taken
        firsts = [_first(list(part)) for part in _parts(operator, argument)]
        if not firsts or None in firsts:
            return None
        found = found.union(*filter(None, firsts))
        if operator not in _REPEATS or argument[0]:
            return found
    return None


def _reach(tree: Any, unbounded: int) -> int:
    """How far assertions look beyond where they stand, at most: the sum over nested ones."""
    most = 0
    for operator, argument in tree:
        if operator in _ASSERTS:
            inside = argument[1]
            most = max(most, inside.getwidth()[1] + _reach(inside, unbounded))
        else:
            most = max([most, *(_reach(part, unbounded) for part in _parts(operator, argument))])
    return min(most, unbounded)


def _parts(operator: Any, argument: Any) -> list[Any]:
    """The sub-patterns of a node that consume text."""
    if operator in _REPEATS:
        return [argument[2]]
    if operator is _SUBPATTERN:
        return [argument[3]]
    if operator is _ATOMIC_GROUP:
        return [argument]
    if operator is _BRANCH:
        return list(argument[1])
    if operator is _GROUPREF_EXISTS:
        return [part for part in argument[1:] if part is not None]
    return []


def _can_consume(tree: Any, code: int) -> bool:
    """Whether a pattern may take an ASCII white space character into a match."""
    return any(_node_can_consume(operator, argument, code) for operator, argument in tree)


def _node_can_consume(operator: Any, argument: Any, code: int) -> bool:
    if operator is _LITERAL:
        return bool(argument == code)
    if operator is _IN:
        return _in_class(argument, code)
    if operator in _CONSUMES_NOTHING:
        return False
    parts = _parts(operator, argument)
    # What is not known (any character, all but one) may consume it.
    return any(_can_consume(part, code) for part in parts) if parts else True


def _in_class(items: Any, code: int) -> bool:
    negated, found = False, False
    for operator, argument in items:
        if operator is _NEGATE:
            negated = True
        elif operator is _LITERAL:
            found |= argument == code
        elif operator is _RANGE:
            found |= argument[0] <= code <= argument[1]
        elif operator is _CATEGORY:
            found |= argument in _MAY_BE_SPACE
        else:
            return True
    return bool(found != negated)
