"""Departments of users and models, from a CSV file: detections compare a user's department with the model's.

    kind,pattern,department
    user,*@legal.example.com,legal
    role,arn:aws:sts::*:assumed-role/hr-*,hr
    model,med-*,medical

Patterns are globs, compared without case; the first that matches wins. ``user`` and ``role`` patterns are both held
against the caller's id and name.
"""

from __future__ import annotations

import csv
import fnmatch
import functools
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from veilog_filters.errors import ConfigError, Defect

_HEADER: Final = ["kind", "pattern", "department"]
_KINDS: Final = ("user", "role", "model")
_CACHE: Final = 4096

Row = tuple[re.Pattern[str], str]


class Departments:
    """The lookup, resolved: a list of compiled patterns for callers and one for models."""

    def __init__(self, callers: Sequence[Row], models: Sequence[Row]) -> None:
        # The same callers come again and again; the cache is bounded, since callers come from records.
        self.user = functools.lru_cache(_CACHE)(lambda user_id, user_name: _first(callers, user_id, user_name))
        self.model = functools.lru_cache(_CACHE)(lambda model_name: _first(models, model_name))

    @classmethod
    def load(cls, path: str | Path) -> Departments:
        """Read the file.

        Raises:
            ConfigError: it cannot be read, or a row is no row.
        """
        name = str(path)
        try:
            rows = list(csv.reader(Path(path).read_text(encoding="utf-8").splitlines()))
        except (OSError, UnicodeDecodeError, csv.Error):
            problem = "the departments file cannot be read as UTF-8 CSV"
            raise ConfigError(Defect(name, 0, "", problem, "name a readable file")) from None
        if not rows or rows[0] != _HEADER:
            raise ConfigError(
                Defect(name, 1, "", "the first line is not the header", f"write {','.join(_HEADER)} as the first line")
            )
        callers: list[Row] = []
        models: list[Row] = []
        for number, row in enumerate(rows[1:], 2):
            if not row:
                continue
            if len(row) != len(_HEADER) or row[0] not in _KINDS or not row[1] or not re.fullmatch(r"[\w .-]+", row[2]):
                problem = f"expected {','.join(_HEADER)} with a kind of {', '.join(_KINDS)} and a department"
                raise ConfigError(Defect(name, number, "", problem, "complete the row or remove it"))
            pattern = re.compile(fnmatch.translate(row[1]), re.IGNORECASE)
            (models if row[0] == "model" else callers).append((pattern, row[2]))
        return cls(callers, models)


def _first(rows: Sequence[Row], *values: str) -> str:
    """The department of the first row that matches a value, or ""."""
    for pattern, department in rows:
        if any(value and pattern.match(value) for value in values):
            return department
    return ""
