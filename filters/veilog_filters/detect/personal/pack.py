"""All detectors of the pack, and which of them a configuration asks for."""

from __future__ import annotations

from typing import Final

from veilog_filters.config import Personal
from veilog_filters.detect.personal import addresses, dates, gazetteer, names, numbers
from veilog_filters.detect.personal.detector import PersonalDetector

NAME: Final = "veilog-personal/1"
"""The pack and its version, among the names of what detects. Raise it when the pack finds something else."""

PACK: Final[tuple[PersonalDetector, ...]] = (
    addresses.STREETS,
    addresses.CODES,
    addresses.PLACES,
    names.TITLED,
    names.ANNOUNCED,
    dates.IN_WORDS,
    dates.BIRTH,
    dates.AGES,
    numbers.PHONES,
    numbers.CARDS,
    numbers.EXPIRIES,
    numbers.SECURITY_CODES,
)
"""Those without lists."""


def wanted(options: Personal) -> list[PersonalDetector]:
    """The detectors that a configuration asks for.

    Args:
        options: the ``detect.personal`` section of the configuration.

    Raises:
        InvalidError: the file of names and places is not what it should be.
    """
    detectors = [detector for detector in PACK if getattr(options, detector.option)]
    return detectors + gazetteer.detectors(options)
