"""The pack of recognizers of personal data, as recognizers of Presidio."""

from __future__ import annotations

from collections.abc import Iterator

from presidio_analyzer import Pattern, PatternRecognizer

from veilog_filters.config import Personal
from veilog_filters.detect.personal.choice import wanted
from veilog_filters.detect.personal.detector import PersonalDetector


class PersonalRecognizer(PatternRecognizer):
    """A detector of the pack.

    Args:
        detector: the detector.
        prefix: before its name.
    """

    def __init__(self, detector: PersonalDetector, prefix: str = "") -> None:
        super().__init__(
            supported_entity=detector.entity,
            name=f"{prefix}{detector.name}",
            patterns=[Pattern(form.name, form.pattern, form.score) for form in detector.forms],
            context=list(detector.context),
        )


class CheckedRecognizer(PersonalRecognizer):
    """A detector of the pack with a check: what fails it is dropped, what passes keeps its score."""

    def __init__(self, detector: PersonalDetector, prefix: str = "") -> None:
        super().__init__(detector, prefix)
        self._is_valid = detector.is_valid

    def validate_result(self, pattern_text: str) -> bool | None:
        """False for what is not what it looks like, else nothing: a check makes no match surer."""
        return None if self._is_valid is None or self._is_valid(pattern_text) else False


def personal_recognizers(options: Personal, prefix: str = "") -> Iterator[PatternRecognizer]:
    """The recognizers that a configuration asks for.

    Args:
        options: the ``detect.personal`` section of the configuration.
        prefix: before their names.

    Raises:
        InvalidError: the file of names and places is not what it should be.
    """
    for detector in wanted(options):
        kind = PersonalRecognizer if detector.is_valid is None else CheckedRecognizer
        yield kind(detector, prefix)
