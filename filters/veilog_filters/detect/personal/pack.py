"""All detectors of the pack but those of lists."""

from __future__ import annotations

from typing import Final

from veilog_filters.detect.personal import addresses, dates, names, numbers
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
"""The detectors, by what they find."""
