"""The fastest detector that finds what is configured."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Final, Protocol

from veilog_filters.config import Detect, Ner
from veilog_filters.detect.api import Check
from veilog_filters.detect.cache import CachingDetector, FindingsCache
from veilog_filters.detect.compat.errors import UnsupportedError
from veilog_filters.detect.compat.listed import Part
from veilog_filters.detect.prefilter import hyperscan
from veilog_filters.detect.prefiltered import PrefilteredDetector
from veilog_filters.detect.presidio.reference import ReferenceDetector
from veilog_filters.log import log_event
from veilog_filters.metrics import Counts

FALLBACK: Final = "veilog-fallback/"
"""Before a fast path's name, among the names of what detects: Presidio's engine does its work."""


class NamedDetector(CachingDetector, Protocol):
    """A detector that the pipeline can build.

    Attributes:
        names: what detects, with versions.
    """

    names: list[str]

    def count_into(self, counts: Counts) -> None:
        """Add what was counted since the last call."""
        ...


def detector_for(options: Detect, check: Check | None = None) -> NamedDetector:
    """The fastest detector that finds what is configured.

    Args:
        options: the ``detect`` section of the configuration.
        check: may stop the record that is worked on, see ``api``.

    Raises:
        ValueError: the configuration names a recognizer, entity or model that is not there. The message is fit for
            the person who wrote the configuration.
    """
    if options.ner is not None:
        return _with_ner(options, options.ner, check)
    if options.prefilter == "off" or not hyperscan.available():
        return _reference(options, check)
    try:
        return PrefilteredDetector(options, check)
    except UnsupportedError as error:
        return _reference(options, check, error)


def _reference(options: Detect, check: Check | None, error: UnsupportedError | None = None) -> NamedDetector:
    """Presidio's engine itself.

    Args:
        options: the ``detect`` section of the configuration.
        check: may stop the record that is worked on.
        error: why nothing faster may be used; None if nothing faster is asked for.
    """
    detector = ReferenceDetector(options, check)
    _own_up(detector.names, error)
    return detector


def _own_up(names: list[str], error: UnsupportedError | None = None) -> None:
    """Say what does not run as fast as it could, in a log line and in the names of what detects."""
    from veilog_filters.detect.compat import probes

    try:
        if error is not None:
            raise error
        # The engine's own fast path.
        probes.check([Part.CONTEXT])
    except UnsupportedError as found:
        names.append(f"{FALLBACK}{found.part}")
        _say_once(found.part, found.library, found.version, found.reason)


@functools.cache
def _say_once(part: str, library: str, version: str, reason: str) -> None:
    log_event("detector_fallback", part=part, library=library, version=version, reason=reason)


def fallbacks(names: Iterable[str]) -> list[str]:
    """The fast paths that are not used since the installed libraries are not what they were written for.

    Args:
        names: of a detector.
    """
    return [name.removeprefix(FALLBACK) for name in names if name.startswith(FALLBACK)]


def _with_ner(options: Detect, ner: Ner, check: Check | None) -> NamedDetector:
    from veilog_filters.detect.compat import probes
    from veilog_filters.detect.ner import NerDetector, NoPatterns
    from veilog_filters.detect.presidio.engine import PresidioDetector

    reader = PresidioDetector(options, check)
    probes.expect_engine(reader)
    # No entity named means all. So the list becomes shorter, but it never becomes empty.
    named = reader.pattern_entities if options.entities else []
    if options.entities and not named:
        _own_up(reader.names)
        nothing = NoPatterns(FindingsCache(options.cache_entries, options.cache_bytes))
        return NerDetector(ner, reader, nothing, check=check)
    patterns = detector_for(options.model_copy(update={"ner": None, "entities": named}), check)
    reader.names += (f"{FALLBACK}{part}" for part in fallbacks(patterns.names))
    return NerDetector(ner, reader, patterns, check=check)
