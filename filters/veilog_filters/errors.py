"""Errors of the filters. None of them carries record content; see ``veilog_parsers.errors`` for those of records."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Defect:
    """One thing wrong with a configuration, in the words of the person who must fix it.

    Attributes:
        file: path of the file as it was given.
        line: line number from 1, or 0 where the defect has no line (a missing file).
        key: dotted key, e.g. ``detect.threshold``.
        problem: what was found and what was expected.
        fix: what to write instead.
    """

    file: str
    line: int
    key: str
    problem: str
    fix: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        key = f" {self.key}:" if self.key else ""
        fix = f" Fix: {self.fix}" if self.fix else ""
        return f"{place}:{key} {self.problem}.{fix}"


class ConfigError(Exception):
    """The configuration cannot be used. ``defects`` lists everything that is wrong with it, not just the first."""

    def __init__(self, *defects: Defect) -> None:
        super().__init__("\n".join(map(str, defects)))
        self.defects = defects
