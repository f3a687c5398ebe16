"""``veilog sources``, ``detectors``, ``encoders`` and ``rules``: what is there, from where, and whether it is on.

It must be of use where nothing else starts: so what clashes or cannot be loaded is listed too, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from veilog_filters import plugins
from veilog_filters.config import Config
from veilog_filters.plugins import DoorName, Offer, PluginError
from veilog_filters.yaml_file import shown

HEAD: Final = ("NAME", "STATE", "FROM", "WHAT")


def table(door: DoorName, config: Config | None) -> str:
    """All that is offered at a door, one line each, under a head.

    Args:
        door: which door.
        config: says what is turned off; None where it cannot be read.
    """
    return _aligned([HEAD, *_rows(door, config)])


RULES_HEAD: Final = ("RULE", "MODE", "SEVERITY", "MATURITY", "PACK", "FROM")


def threat_rules(config: Config, config_path: str | None) -> str:
    """All threat rules, one line each, under a head.

    Raises:
        ConfigError: something is wrong with a pack, or with a mode.
    """
    from veilog_filters.threat_pack import load_rules

    return _aligned(
        [
            RULES_HEAD,
            *(
                (one.rule.id, one.mode, one.rule.severity, one.rule.maturity, one.pack, one.origin)
                for one in load_rules(config, config_path)
            ),
        ]
    )


def _aligned(rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    return "\n".join(
        "  ".join((*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1])) for row in rows
    )


def _rows(door: DoorName, config: Config | None) -> Iterator[tuple[str, str, str, str]]:
    for mapping in config.mapped if config is not None and door == "sources" else ():
        yield mapping.name, "on", "configuration", "A JSON log of your own, mapped in the configuration."
    clashing = plugins.clashes(door)
    for offer in plugins.offers(door):
        state, summary = _state(offer, config)
        if offer.name in clashing:
            state, summary = "clash", "Two have this name: nothing starts until one is gone."
        origin = f"{offer.origin} (built in)" if offer.is_built_in else offer.origin
        yield shown(offer.name), state, origin, summary


def _state(offer: Offer, config: Config | None) -> tuple[str, str]:
    """Whether an offer is on, and what it is."""
    if config is not None and offer.name in getattr(config.plugins.disable, offer.door):
        # It is not imported, so it cannot say what it is.
        return "off", f"Turned off in plugins.disable.{offer.door}." if not offer.is_built_in else _summary(offer)
    try:
        summary = _summary(offer)
    except PluginError as error:
        return "broken", f"It {error}: {error.fix}."
    return ("on" if config is None or _is_on(offer, config) else "off"), summary


def _summary(offer: Offer) -> str:
    summary = plugins.load(offer).summary
    return summary if type(summary) is str else ""


def _is_on(offer: Offer, config: Config) -> bool:
    """Whether the other options of a configuration have something on that is not turned off by its name."""
    if offer.door == "sources":
        return config.source in ("auto", offer.name)
    if offer.door == "detectors" and offer.is_built_in:
        is_on: bool = plugins.load(offer).is_on(config.detect)
        return is_on
    if offer.door == "rules" and offer.name == "default":
        return not config.classify.policy_file
    return True
