"""The fastest detector that finds what is configured."""

from __future__ import annotations

from typing import Protocol

from veilog_filters.config import Detect, Ner
from veilog_filters.detect.api import Check
from veilog_filters.detect.cache import CachingDetector, FindingsCache
from veilog_filters.detect.prefilter import hyperscan
from veilog_filters.detect.prefiltered import PrefilteredDetector, UnsupportedPresidioError
from veilog_filters.detect.presidio.reference import ReferenceDetector
from veilog_filters.metrics import Counts


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
        return ReferenceDetector(options, check)
    try:
        return PrefilteredDetector(options, check)
    except UnsupportedPresidioError:
        return ReferenceDetector(options, check)


def _with_ner(options: Detect, ner: Ner, check: Check | None) -> NamedDetector:
    from veilog_filters.detect.ner import NerDetector, NoPatterns
    from veilog_filters.detect.presidio.engine import PresidioDetector

    reader = PresidioDetector(options, check)
    # No entity named means all. So the list becomes shorter, but it never becomes empty.
    named = reader.pattern_entities if options.entities else []
    if options.entities and not named:
        nothing = NoPatterns(FindingsCache(options.cache_entries, options.cache_bytes))
        return NerDetector(ner, reader, nothing, check=check)
    patterns = detector_for(options.model_copy(update={"ner": None, "entities": named}), check)
    return NerDetector(ner, reader, patterns, check=check)
