"""Departments of users and of what they use, from a CSV file: whose is the model that somebody calls?

    kind,pattern,department
    user,*@legal.example.com,legal
    role,arn:aws:sts::*:assumed-role/hr-*,hr
    model,med-*,medical
    knowledge_base,KB0PAYROLL*,hr
    tool,ledger_*,finance

Patterns are globs, compared without case; the first that matches wins. ``user`` and ``role`` patterns are both held
against the caller's id and name; ``knowledge_base`` patterns against the knowledge base and what retrieval read;
``tool`` patterns against the tools that the model asked for, and MCP's tool and server. What everybody may use has no
row: then nothing is crossed.
"""

from __future__ import annotations

import csv
import fnmatch
import functools
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from veilog_filters.errors import ConfigError, Defect
from veilog_parsers.event import AuditEvent, Constant, CrossDepartment, Crossing, SensitiveText, Text

_HEADER: Final = ["kind", "pattern", "department"]
_CALLERS: Final = ("user", "role")
_KINDS: Final = (*_CALLERS, *map(str, Crossing))
_CACHE: Final = 4096
_MAX_NAMES: Final = 64
"""Names of tools and data sources of one event that are looked up: a record may list thousands."""

Row = tuple[re.Pattern[str], str]


class Departments:
    """The lookup, resolved: lists of compiled patterns by what is looked up.

    Args:
        callers: of users and roles.
        resources: of what they use.
    """

    def __init__(self, callers: Sequence[Row], resources: dict[Crossing, Sequence[Row]]) -> None:
        # The same names come again and again; the cache is bounded, since they come from records.
        self.user = functools.lru_cache(_CACHE)(lambda user_id, user_name: _first(callers, user_id, user_name))
        self._resource = functools.lru_cache(_CACHE)(lambda kind, name: _first(resources.get(kind, ()), name))
        self._kinds = frozenset(resources)

    def __call__(self, event: AuditEvent) -> None:
        """Fill the departments of an event's user and model, and whether one of what is used is another's."""
        department = self.user(_reveal(event.user_id), _reveal(event.user_name))
        event.user_department = Constant(department) if department else None
        model = self.model(_reveal(event.model_name))
        event.model_department = Constant(model) if model else None
        if department:
            event.cross_department = self._crossing(event, department, model)

    def model(self, name: str) -> str:
        """The department of a model, or ""."""
        return self._resource(Crossing.MODEL, name)

    def _crossing(self, event: AuditEvent, department: str, model: str) -> CrossDepartment | None:
        owners = {Crossing.MODEL: {model} if model else set()}
        for kind, names in _USED.items():
            if kind in self._kinds:
                owners[kind] = {self._resource(kind, name) for name in names(event)}
        pairs = [
            (owner, kind)
            for kind in Crossing
            for owner in sorted(owners.get(kind, ()))
            if owner not in ("", department)
        ]
        if not pairs:
            return None
        others = dict.fromkeys(Constant(owner) for owner, _ in pairs)
        through = dict.fromkeys(kind for _, kind in pairs)
        return CrossDepartment(
            user_department=Constant(department), resource_departments=list(others), through=list(through)
        )

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
        resources: dict[Crossing, list[Row]] = {}
        for number, row in enumerate(rows[1:], 2):
            if not row:
                continue
            if len(row) != len(_HEADER) or row[0] not in _KINDS or not row[1] or not re.fullmatch(r"[\w .-]+", row[2]):
                problem = f"expected {','.join(_HEADER)} with a kind of {', '.join(_KINDS)} and a department"
                raise ConfigError(Defect(name, number, "", problem, "complete the row or remove it"))
            pattern = re.compile(fnmatch.translate(row[1]), re.IGNORECASE)
            of_kind = callers if row[0] in _CALLERS else resources.setdefault(Crossing(row[0]), [])
            of_kind.append((pattern, row[2]))
        return cls(callers, {**resources})


def _knowledge_bases(event: AuditEvent) -> list[str]:
    return _some([event.knowledge_base_id, *(event.data_sources or ())])


def _tools(event: AuditEvent) -> list[str]:
    mcp = [event.mcp.tool, event.mcp.server] if event.mcp is not None else []
    return _some([*mcp, *(call.name for call in event.tool_calls or ())])


_USED: Final = {Crossing.KNOWLEDGE_BASE: _knowledge_bases, Crossing.TOOL: _tools}


def _some(names: Iterable[Text | None]) -> list[str]:
    """The different names, up to ``_MAX_NAMES``."""
    return list(dict.fromkeys(_reveal(name) for name in names if name is not None))[:_MAX_NAMES]


def _reveal(text: Text | None) -> str:
    if text is None:
        return ""
    return text.reveal() if isinstance(text, SensitiveText) else text


def _first(rows: Sequence[Row], *values: str) -> str:
    """The department of the first row that matches a value, or ""."""
    for pattern, department in rows:
        if any(value and pattern.match(value) for value in values):
            return department
    return ""
