"""Which expressions of threat rules could be in a text: one pass for all that are sought where it stands.

Most texts have none, so most of the threats stage is over when this pass is. What it names is sought again by the
expression itself: a prefilter lets through more than there is, never less.

Nearly all rules look at what users and tools say. So there is a database for each *group* of places, with what this
group's rules ask for: a system prompt or an answer is spared the others, which take longer than everything else that is
looked for (``benchmarks/bench_threats.py``). The policy's words have a database of their own (``policy``): who edits a
policy waits for a second, and not until all rules are compiled again.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import platform
from collections.abc import Callable, Collection, Sequence
from typing import Final

from veilog_filters import __version__
from veilog_filters.detect.prefilter import store
from veilog_filters.detect.prefilter.expressions import Expression
from veilog_filters.detect.prefilter.hyperscan import Prefilter, compile_all

_FORMAT: Final = 1
"""Raise it when expressions are made or stored differently from the same rules."""
_NOTHING: Final[frozenset[int]] = frozenset()


class RulesPrefilter:
    """The databases of some rules. Not for several threads at a time.

    Args:
        expressions: what the rules seek; the prefilter calls each by its place here.
        groups: of each group of places, the numbers of the expressions that are sought there.
        cache_dir: configured directory for compiled patterns.
        expressions_of: what Hyperscan is given for all expressions; called where they are not in the cache directory.

    Attributes:
        stored: whether the compiled expressions are in the cache directory.
    """

    def __init__(
        self,
        expressions: Sequence[str],
        groups: Sequence[Collection[int]],
        cache_dir: str,
        expressions_of: Callable[[], Sequence[Expression | None]],
    ) -> None:
        directory, made = store.cache_dir(cache_dir), functools.cache(expressions_of)
        self.stored = True
        self._groups: list[tuple[Prefilter, Sequence[int]] | None] = []
        for group in groups:
            numbers = sorted(group)
            if not numbers:
                self._groups.append(None)
                continue
            _, prefilter, is_stored = store.load_or_make(
                directory, _key([expressions[number] for number in numbers]), functools.partial(_stored, made, numbers)
            )
            self.stored = self.stored and is_stored
            self._groups.append((prefilter, numbers))

    def __call__(self, text: str, group: int) -> Collection[int]:
        """Which of a group's expressions could be in a text."""
        known = self._groups[group]
        if known is None:
            return _NOTHING
        scan, numbers = known
        hits = scan(text)
        return _NOTHING if hits is None else [numbers[number] for number in (*hits.ends, *hits.whole)]


def _stored(made: Callable[[], Sequence[Expression | None]], numbers: Sequence[int]) -> store.Stored:
    expressions = made()
    return store.Stored(compile_all([expressions[number] for number in numbers]), {"size": len(numbers)})


def _key(expressions: Sequence[str]) -> str:
    """Names everything that a database depends on."""
    versions = (_FORMAT, __version__, importlib.metadata.version("hyperscan"), platform.system(), platform.machine())
    return hashlib.sha256(repr(("rules", versions, expressions)).encode()).hexdigest()[:32]
