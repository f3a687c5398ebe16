"""The detector of a configuration: the built-in scan (``detect``), and those of plugins beside it.

Each text goes to both, and what they find is united. A plugin finds more; it never takes away what the built-in scan
found.
"""

from __future__ import annotations

from collections.abc import Sequence

from veilog_filters import plugins
from veilog_filters.config import Config, Detect
from veilog_filters.detect import entities
from veilog_filters.detect.api import Check, Found, Scan, TextItem, TimedOut, of_item, read_by_patterns, united
from veilog_filters.detect.build import NamedDetector, detector_for
from veilog_filters.detect.builtin import PERSONAL, PRESIDIO, SECRETS
from veilog_filters.detect.cache import FindingsCache
from veilog_filters.detect.ner import NoPatterns
from veilog_filters.errors import ConfigError, Defect
from veilog_filters.fence import Fence
from veilog_filters.fence.detector import FencedDetector
from veilog_filters.metrics import Counts


def configured_detector(config: Config, fence: Fence, check: Check | None = None) -> NamedDetector:
    """The detector that a configuration asks for.

    Args:
        config: the configuration.
        fence: calls the detectors of plugins.
        check: may stop the record that is worked on, see ``detect.api``.

    Raises:
        ValueError: as ``detect.build.detector_for``.
        ConfigError: no detector is on, or one of a plugin cannot be loaded or prepared.
    """
    offered = config.text_detectors()
    options = scan_options(config)
    if options is None and not offered:
        fix = "take a name out of plugins.disable.detectors, or write detect.secrets: true"
        raise ConfigError(Defect("plugins", 0, "", "no detector is on: nothing would be looked for", fix))
    scan: NamedDetector
    if options is None:
        scan = NoPatterns(FindingsCache(config.detect.cache_entries, config.detect.cache_bytes))
    else:
        scan = detector_for(options, check)
    if not offered:
        return scan
    fenced = []
    for offer, detector in offered:
        fenced.append(FencedDetector(detector, fence, config.detect.threshold, config.detect.entities))
        _prepare(offer, fenced[-1])
    names = [f"{offer.name}/{offer.version}" for offer, _ in offered]
    return UnitedDetector(scan, fenced, names)


def scan_options(config: Config) -> Detect | None:
    """What the built-in scan looks for, without the parts that are turned off; None for nothing at all.

    Raises:
        ConfigError: a plugin cannot be loaded.
    """
    options, off = config.detect, config.plugins.disable.detectors
    if options.entities:
        of_plugins = frozenset[str]().union(*(detector.entities for _, detector in config.text_detectors()))
        ours = [name for name in options.entities if name not in of_plugins or entities.exists(name)]
        if not ours:
            return None
        options = options.model_copy(update={"entities": ours})
    if PERSONAL.name in off:
        options = PERSONAL.without(options)
    if SECRETS.name in off:
        options = SECRETS.without(options)
    if PRESIDIO.name in off:
        options = PRESIDIO.without(options)
        return options if options.secrets and options.entities else None
    return options


def _prepare(offer: plugins.Offer, detector: FencedDetector) -> None:
    try:
        detector.prepare()
    except Exception as error:
        problem = f"{offer} cannot be prepared: {type(error).__name__}"
        fix = f"repair it, or write {offer.name} in plugins.disable.detectors"
        raise ConfigError(Defect("plugins", 0, "", problem, fix)) from None


class UnitedDetector:
    """The built-in scan and plugins.

    Args:
        scan: the built-in one.
        others: those of plugins.
        names: of plugins, with versions.

    Attributes:
        names: what detects, with versions.
        cache: findings of texts that the built-in scan has seen before.
    """

    def __init__(self, scan: NamedDetector, others: Sequence[FencedDetector], names: Sequence[str]) -> None:
        self.names = [*scan.names, *names]
        self.cache = scan.cache
        self._scan = scan
        self._others = others

    def scan(self, items: Sequence[TextItem]) -> Scan:
        """See ``Detector``. What takes a plugin's time is for ``verify``."""
        return self._scan.scan(items)

    def verify(self, scan: Scan) -> list[Found]:
        """See ``Detector``.

        Raises:
            RecordError: a plugin failed.
        """
        found = self._scan.verify(scan)
        texts = [read_by_patterns(item) for item in scan.items]
        for other in self._others if texts else ():
            for number, further in enumerate(other.find(texts)):
                known = found[number]
                # What took too long counts as found, whole.
                if further and not isinstance(known, TimedOut):
                    found[number] = united(known, of_item(scan.items[number], further))
        return found

    def prepare(self) -> None:
        """Import and build now what the first texts would need."""
        self._scan.prepare()

    def count_into(self, counts: Counts) -> None:
        """Add what was counted since the last call."""
        self._scan.count_into(counts)
