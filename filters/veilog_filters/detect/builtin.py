"""The built-in detectors, as their door knows them.

All are patterns of one scan (see ``build``), so each says what the options of that scan are without it.
"""

from __future__ import annotations

from typing import Any, Final

from veilog_filters.config import Detect
from veilog_filters.contracts import BuiltInDetector
from veilog_filters.detect import secrets
from veilog_filters.detect.personal.choice import NOTHING


def _without_presidio(options: Detect) -> Detect:
    """Nothing but secrets. (To name no entity would mean all.)"""
    ours = sorted({detector.entity for detector in secrets.SECRETS})
    wanted = [entity for entity in ours if entity in options.entities] if options.entities else ours
    nothing: dict[str, Any] = {"ner": None, "further_recognizers": [], "recognizers": [], "personal": NOTHING}
    return options.model_copy(update={"entities": wanted, **nothing})


PRESIDIO: Final = BuiltInDetector(
    name="presidio",
    summary="Presidio's recognizers, those of detect.personal and detect.recognizers, and the model of detect.ner.",
    without=_without_presidio,
    is_on=lambda _: True,
)
SECRETS: Final = BuiltInDetector(
    name="secrets",
    summary="API keys, tokens and passwords; detect.secrets turns them off too.",
    without=lambda options: options.model_copy(update={"secrets": False}),
    is_on=lambda options: options.secrets,
)
PERSONAL: Final = BuiltInDetector(
    name="personal",
    summary="Personal data that Presidio's patterns pass; detect.personal turns each kind off and lists on.",
    without=lambda options: options.model_copy(update={"personal": NOTHING}),
    is_on=lambda options: options.personal != NOTHING,
)
