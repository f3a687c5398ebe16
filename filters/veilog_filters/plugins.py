"""The doors through which sources, detectors, encoders and rule packs come in: entry points, ours and others' alike.

    DOORS: group of entry points -> what must come in there      offers -> select (names, clashes, on or off) -> load

What is built in is a table in this source tree, written as entry points are, and declared with the same words in
``pyproject.toml`` (a test compares both). The table is taken, not the installed metadata of veilog itself: so what
runs is what this tree says, installed or not. From here on ours and others' are loaded by the same function and checked
by the same rules. What plugins *do* is fenced where it is called, see ``fence``.

Looking for offers reads the metadata of all installed distributions once per process, which takes some milliseconds; no
plugin is imported before something is selected, and none that is turned off ever is.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Callable, Collection, Mapping
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import Any, Final, Literal

from veilog_filters import __version__
from veilog_filters.contracts import BuiltInDetector, Encoder, RulePack, TextDetector, ThreatPack
from veilog_filters.errors import ConfigError, Defect
from veilog_filters.fence import silent
from veilog_filters.yaml_file import shown
from veilog_parsers.registry import BUILT_IN as BUILT_IN_SOURCES
from veilog_parsers.source import Source

DoorName = Literal["sources", "detectors", "encoders", "rules"]
DISTRIBUTION: Final = "veilog"
NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
"""A plugin's name: it becomes a label of metrics, and a source's name a value of events."""
ENTITY: Final = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
BUILT_IN: Final[Mapping[DoorName, Mapping[str, str]]] = MappingProxyType(
    {
        "sources": BUILT_IN_SOURCES,
        "detectors": {
            "presidio": "veilog_filters.detect.builtin:PRESIDIO",
            "secrets": "veilog_filters.detect.builtin:SECRETS",
        },
        "encoders": {
            "native": "veilog_filters.encode.native:ENCODER",
            "asim": "veilog_filters.encode.asim:ENCODER",
            "ecs": "veilog_filters.encode.ecs:ENCODER",
            "ocsf": "veilog_filters.encode.ocsf:ENCODER",
            "otel": "veilog_filters.encode.otel:ENCODER",
            "splunk_cim": "veilog_filters.encode.splunk_cim:ENCODER",
            "udm": "veilog_filters.encode.udm:ENCODER",
        },
        "rules": {"default": "veilog_filters.rules:DEFAULT", "threats": "veilog_filters.rules:THREATS"},
    }
)
"""What veilog itself offers, by door and name, in order of precedence."""

_IN_FILE: Final = "plugins"
"""What defects of plugins name in place of a file."""
_MAX_CONSTANTS: Final = 10_000


@dataclasses.dataclass(frozen=True, slots=True)
class Offer:
    """One entry point of a door.

    Attributes:
        door: which door.
        name: the name of what is offered.
        value: where it is, ``module:attribute``.
        distribution: name of the distribution that offers it.
        version: that distribution's version.
    """

    door: DoorName
    name: str
    value: str
    distribution: str
    version: str

    @property
    def is_built_in(self) -> bool:
        """Whether it is veilog's own."""
        return self.distribution == DISTRIBUTION

    @property
    def origin(self) -> str:
        """Distribution and version, for people."""
        return f"{self.distribution} {self.version}"

    def __str__(self) -> str:
        return f"the {ONE[self.door]} {shown(self.name)} ({self.origin})"


ONE: Final[Mapping[DoorName, str]] = MappingProxyType(
    {"sources": "source", "detectors": "detector", "encoders": "encoder", "rules": "rule pack"}
)
"""What one of the things that come in at a door is called."""


@functools.cache
def offers(door: DoorName) -> tuple[Offer, ...]:
    """All that is offered at a door: the built-in ones, then others' by distribution and name. Imports none of it."""
    ours = [Offer(door, name, value, DISTRIBUTION, __version__) for name, value in BUILT_IN[door].items()]
    others = [
        Offer(door, point.name, point.value, point.dist.name, point.dist.version)
        for point in entry_points(group=f"veilog.{door}")
        if point.dist is not None and point.dist.name != DISTRIBUTION
    ]
    return (*ours, *sorted(others, key=lambda offer: (offer.distribution, offer.name)))


def names(door: DoorName) -> tuple[str, ...]:
    """The names of all that is offered at a door, turned off or not."""
    return tuple(dict.fromkeys(offer.name for offer in offers(door)))


def clashes(door: DoorName) -> dict[str, tuple[Offer, Offer]]:
    """Names that two offers of a door have, with the first two of them."""
    first: dict[str, Offer] = {}
    twice: dict[str, tuple[Offer, Offer]] = {}
    for offer in offers(door):
        if offer.name in first:
            twice.setdefault(offer.name, (first[offer.name], offer))
        first.setdefault(offer.name, offer)
    return twice


def check(door: DoorName) -> None:
    """Whether all that is offered at a door can be told apart.

    Raises:
        ConfigError: two offers have one name. That some configuration turns the name off does not help: nobody could
            say which of them was meant.
    """
    defects = [
        _defect(
            f"two {ONE[door]}s are called {shown(name)}: one of {one.origin} and one of {other.origin}",
            f"uninstall {other.distribution}, or have it rename its own",
        )
        for name, (one, other) in clashes(door).items()
    ]
    if defects:
        raise ConfigError(*defects)


def select(door: DoorName, disabled: Collection[str]) -> list[tuple[Offer, Any]]:
    """All that comes in through a door, loaded, in order.

    Args:
        door: which door.
        disabled: the names of those that stay outside.

    Raises:
        ConfigError: two have one name, or one cannot be loaded or is not what it must be.
    """
    check(door)
    loaded: list[tuple[Offer, Any]] = []
    defects: list[Defect] = []
    for offer in offers(door):
        if offer.name not in disabled:
            try:
                loaded.append((offer, load(offer)))
            except PluginError as error:
                fix = f"{error.fix}, or write {shown(offer.name)} in plugins.disable.{door}"
                defects.append(_defect(f"{offer} {error}", fix))
    if defects:
        raise ConfigError(*defects)
    return loaded


def _defect(problem: str, fix: str) -> Defect:
    return Defect(_IN_FILE, 0, "", problem, fix)


class PluginError(Exception):
    """An offer cannot come in. The message says why, and continues "the source acme ...".

    Args:
        problem: what is wrong.
        fix: what to do.
    """

    def __init__(self, problem: str, fix: str) -> None:
        super().__init__(problem)
        self.fix = fix


@functools.cache
def load(offer: Offer) -> Any:
    """Import what is offered, and check that it keeps the contract of its door.

    Raises:
        PluginError: it does not.
    """
    if not NAME.fullmatch(offer.name):
        raise PluginError("has a name that is not in snake_case", "rename its entry point: letters, digits and _")
    try:
        with silent():
            offered = EntryPoint(offer.name, offer.value, f"veilog.{offer.door}").load()
    except (Exception, SystemExit) as error:
        # Its message is left out, as all exceptions' messages are; the command shows it.
        module = offer.value.partition(":")[0]
        raise PluginError(
            f"cannot be loaded: {type(error).__name__}", f'see what python -c "import {module}" says'
        ) from None
    problem = _CONTRACTS[offer.door](offered)
    if not problem and offered.name != offer.name:
        problem = "calls itself something else than its entry point"
    if problem:
        raise PluginError(problem, "see docs/plugins.md")
    return offered


# What must come in at each door. Each returns what is wrong, or "".


def _wrong_source(offered: Any) -> str:
    if type(offered) is not Source:
        return "is no veilog_parsers.api.Source"
    if not callable(offered.parse):
        return "has a parse that is no function"
    if type(offered.markers) not in (dict, MappingProxyType) or not offered.markers:
        return "has no markers"
    if not all(type(key) is str and callable(test) for key, test in offered.markers.items()):
        return "has markers that are no keys with tests"
    return ""


def _wrong_detector(offered: Any) -> str:
    if type(offered) is BuiltInDetector:
        return ""
    if type(offered) is not TextDetector:
        return "is no veilog_filters.api.TextDetector"
    if not callable(offered.find) or not (offered.prepare is None or callable(offered.prepare)):
        return "has a find or prepare that is no function"
    if type(offered.entities) is not frozenset or not offered.entities:
        return "names no entities in a frozenset"
    if not all(type(name) is str and ENTITY.fullmatch(name) for name in offered.entities):
        return "names entities that are not of the form EMPLOYEE_BADGE"
    return ""


def _wrong_encoder(offered: Any) -> str:
    if type(offered) is not Encoder:
        return "is no veilog_filters.api.Encoder"
    if not callable(offered.encode):
        return "has an encode that is no function"
    if offered.further is not None and not callable(offered.further):
        return "has a further that is no function"
    if type(offered.constants) is not frozenset or len(offered.constants) > _MAX_CONSTANTS:
        return f"has constants that are no frozenset of up to {_MAX_CONSTANTS} strings"
    if not all(type(constant) is str and _is_unicode(constant) for constant in offered.constants):
        return "has constants that are no strings"
    return ""


def _wrong_pack(offered: Any) -> str:
    if type(offered) not in (RulePack, ThreatPack):
        return "is no veilog_filters.api.RulePack or ThreatPack"
    return ""


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


_CONTRACTS: Final[Mapping[DoorName, Callable[[Any], str]]] = MappingProxyType(
    {"sources": _wrong_source, "detectors": _wrong_detector, "encoders": _wrong_encoder, "rules": _wrong_pack}
)
