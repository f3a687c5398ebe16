"""Which keywords and patterns of a policy could be in a text: one pass of Hyperscan for all of them.

Most texts have none, so most of classification is over when this pass is. What it names is sought again by the exact
means of ``classify``: a prefilter lets through more than there is, never less, so no verdict depends on it. Patterns go
the way of the detectors' (see ``syntax`` and ``hyperscan``). Keywords are sought in casefolded text, and
casefolding makes ASCII letters of other characters (``ﬁ`` is ``fi``), so in a text beyond ASCII any keyword could be.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
from collections.abc import Collection, Mapping, Sequence
from typing import Final

import regex

from veilog_filters import __version__
from veilog_filters.detect.prefilter import store
from veilog_filters.detect.prefilter.expressions import Expression, expression_of
from veilog_filters.detect.prefilter.hyperscan import compile_all
from veilog_filters.detect.prefilter.syntax import pattern_info

_FORMAT: Final = 3
"""Raise it when expressions are made or stored differently from the same patterns."""

_NOTHING: Final[frozenset[int]] = frozenset()


class PolicyPrefilter:
    """One policy's prefilter. Not for several threads at a time.

    Args:
        patterns: the policy's patterns; the prefilter calls each by its place here.
        keywords: patterns of its keywords, without their boundaries: compared without case, as whole words.
        cache_dir: configured directory for compiled patterns.

    Attributes:
        keywords: what the prefilter calls all keywords together.
        stored: whether the compiled patterns are in the cache directory.
    """

    def __init__(self, patterns: Sequence[str], keywords: Sequence[str], cache_dir: str) -> None:
        self.keywords = len(patterns)
        self._beyond_ascii = frozenset({self.keywords} if keywords else ())
        expressions = [_expression(pattern, 0) for pattern in patterns]
        # A keyword beyond ASCII is in no ASCII text.
        ascii_keywords = sorted(filter(str.isascii, keywords))
        if ascii_keywords:
            expressions.append(_expression(rf"(?<!\w)(?:{'|'.join(ascii_keywords)})(?!\w)", regex.IGNORECASE))
        directory, key = store.cache_dir(cache_dir), _key(expressions)
        _, self._scan, self.stored = store.load_or_make(
            directory,
            key,
            lambda: store.Stored(compile_all(expressions), {"size": len(expressions)}),
        )

    def scan(self, texts: Sequence[str]) -> Mapping[int, Sequence[str]]:
        """In which of some texts each pattern could be, by its number; under ``keywords``, any keyword."""
        found: dict[int, list[str]] = {}
        for text in texts:
            for number in self._possible(text):
                found.setdefault(number, []).append(text)
        return found

    def _possible(self, text: str) -> Collection[int]:
        hits = self._scan(text)
        beyond_ascii = _NOTHING if text.isascii() else self._beyond_ascii
        return beyond_ascii if hits is None else beyond_ascii.union(hits.ends, hits.whole)


def _expression(pattern: str, flags: int) -> Expression | None:
    return expression_of(pattern_info(pattern, flags), flags)


def _key(expressions: Sequence[Expression | None]) -> str:
    """Names everything that the databases depend on."""
    versions = (_FORMAT, __version__, importlib.metadata.version("hyperscan"), platform.system(), platform.machine())
    return hashlib.sha256(repr((versions, expressions)).encode()).hexdigest()[:32]
