"""Which keywords and patterns of a policy, and which expressions of threat rules, could be in a text: one pass.

Most texts have none, so most of classification is over when this pass is. What it names is sought again by the exact
means of ``classify``: a prefilter lets through more than there is, never less, so no verdict depends on it. Patterns go
the way of the detectors' (see ``syntax`` and ``hyperscan``). Keywords are sought in casefolded text, and
casefolding makes ASCII letters of other characters (``ﬁ`` is ``fi``), so in a text beyond ASCII any keyword could be.

Which rules look at a text depends on where it stands, and nearly all look at what users and tools say. So there is a
database for each *group* of places, which has the policy's expressions and those that this group's rules ask for: a
system prompt or an answer is spared the others, which take longer than all the rest (``benchmarks/bench_threats.py``).
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import platform
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

import regex

from veilog_filters import __version__
from veilog_filters.detect.prefilter import store
from veilog_filters.detect.prefilter.expressions import Expression
from veilog_filters.detect.prefilter.hyperscan import Prefilter, compile_all
from veilog_filters.detect.prefilter.syntax import pattern_info

_FORMAT: Final = 5
"""Raise it when expressions are made or stored differently from the same patterns."""

_NOTHING: Final[frozenset[int]] = frozenset()


class PolicyPrefilter:
    """One policy's prefilter. Not for several threads at a time.

    Args:
        patterns: the policy's patterns; the prefilter calls each by its place here.
        keywords: patterns of its keywords, without their boundaries: compared without case, as whole words.
        cache_dir: configured directory for compiled patterns.
        further: expressions of threat rules, for the same pass; the prefilter calls each by its place here.
        groups: of each group of places, the numbers of the further expressions that are sought there.
        further_expressions: what Hyperscan is given for them; asked for where it is not in the cache directory.

    Attributes:
        keywords: what the prefilter calls all keywords together.
        stored: whether the compiled patterns are in the cache directory.
    """

    def __init__(
        self,
        patterns: Sequence[str],
        keywords: Sequence[str],
        cache_dir: str,
        further: Sequence[str] = (),
        groups: Sequence[Collection[int]] = (),
        further_expressions: Callable[[], Sequence[Expression | None]] = list,
    ) -> None:
        self.keywords = len(patterns)
        self._beyond_ascii = frozenset({self.keywords} if keywords else ())
        policy = [_expression(pattern, 0) for pattern in patterns]
        # A keyword beyond ASCII is in no ASCII text.
        ascii_keywords = sorted(filter(str.isascii, keywords))
        if ascii_keywords:
            policy.append(_expression(rf"(?<!\w)(?:{'|'.join(ascii_keywords)})(?!\w)", regex.IGNORECASE))
        self._own = len(policy)
        directory, made = store.cache_dir(cache_dir), functools.cache(further_expressions)

        def load(numbers: Sequence[int]) -> tuple[Prefilter, bool]:
            _, prefilter, is_stored = store.load_or_make(
                directory,
                _key(policy, [further[number] for number in numbers]),
                lambda: store.Stored(
                    compile_all([*policy, *(made()[number] for number in numbers)]),
                    {"size": len(policy) + len(numbers)},
                ),
            )
            return prefilter, is_stored

        self._scan, self.stored = load(())
        self._groups: list[tuple[Prefilter, Sequence[int]]] = []
        for group in groups:
            numbers = sorted(group)
            prefilter, is_stored = load(numbers) if numbers else (self._scan, self.stored)
            self.stored = self.stored and is_stored
            self._groups.append((prefilter, numbers))

    def scan(self, texts: Sequence[str]) -> Mapping[int, Sequence[str]]:
        """In which of some texts each pattern could be, by its number; under ``keywords``, any keyword."""
        found: dict[int, list[str]] = {}
        for text in texts:
            for number in self.policy(text):
                found.setdefault(number, []).append(text)
        return found

    def policy(self, text: str) -> Collection[int]:
        """What could be in a text of the policy's."""
        hits = self._scan(text)
        beyond_ascii = _NOTHING if text.isascii() else self._beyond_ascii
        return beyond_ascii if hits is None else beyond_ascii.union(hits.ends, hits.whole)

    def read(self, text: str, group: int) -> tuple[Collection[int], Collection[int]]:
        """What could be in a text: of the policy's, and of the further expressions of a group."""
        scan, numbers = self._groups[group]
        hits = scan(text)
        of_policy = _NOTHING if text.isascii() else self._beyond_ascii
        if hits is None:
            return of_policy, _NOTHING
        own = self._own
        seen = [*hits.ends, *hits.whole] if hits.whole else list(hits.ends)
        further = [numbers[number - own] for number in seen if number >= own]
        if len(further) < len(seen):
            of_policy = of_policy.union(number for number in seen if number < own)
        return of_policy, further


def _expression(pattern: str, flags: int) -> Expression | None:
    info = pattern_info(pattern, flags)
    # Only whether it could match is asked, never where.
    return None if info is None else Expression(info.ascii, info.folded, flags, single_match=True)


def _key(expressions: Sequence[Expression | None], further: Sequence[str]) -> str:
    """Names everything that the databases depend on."""
    versions = (_FORMAT, __version__, importlib.metadata.version("hyperscan"), platform.system(), platform.machine())
    return hashlib.sha256(repr((versions, expressions, further)).encode()).hexdigest()[:32]
