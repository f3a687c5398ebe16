"""Which detectors of the pack a configuration asks for."""

from __future__ import annotations

from typing import Final

from veilog_filters.config import Personal
from veilog_filters.detect.personal import gazetteer
from veilog_filters.detect.personal.detector import PersonalDetector
from veilog_filters.detect.personal.pack import PACK


def wanted(options: Personal) -> list[PersonalDetector]:
    """The detectors that a configuration asks for.

    Args:
        options: the ``detect.personal`` section of the configuration.

    Raises:
        InvalidError: the file of names and places is not what it should be.
    """
    detectors = [detector for detector in PACK if getattr(options, detector.option)]
    return detectors + gazetteer.detectors(options.gazetteer_file, built_in=options.gazetteer)


NOTHING: Final = Personal(
    postal_addresses=False,
    places=False,
    names=False,
    dates=False,
    birth_dates=False,
    ages=False,
    phone_numbers=False,
    card_numbers=False,
    card_expiries=False,
)
"""The options with which the pack finds nothing."""
