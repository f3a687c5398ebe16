"""How long a match of a pattern can be and what it can consume: read with the parser of Python's ``re``.

That parser is nobody's interface, and there is no other. So what it says of a few patterns is compared with what is
known of them (``works``), once in a process. Where it is another parser, nothing is known of any pattern: then each
runs on every text, from its first character to its last.
"""

from __future__ import annotations

import functools
import warnings
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


@functools.cache
def works() -> bool:
    """Whether the parser says what is known of some patterns."""
    return all(_measured(pattern, 0) == known for pattern, known in _KNOWN.items())


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
