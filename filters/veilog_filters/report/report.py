"""A report: files in, answers to all queries out, and the answers as JSON."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from veilog_filters import __version__
from veilog_filters.report.columns import Reader
from veilog_filters.report.database import Answer, Database, Loaded, Period
from veilog_filters.report.queries import AUDIT, PANELS, QUERIES, Query
from veilog_filters.report.read import FileRead, account_of, as_data, read_file

FETCHED_ROWS: Final = 20_000
"""Rows that charts may draw. Tables have fewer, or what the user asks for."""
_TOLD_ROWS: Final = 5_000


class Told(Protocol):
    """Is told how far it is."""

    def __call__(self, events: int, bytes_read: int, /) -> None:
        """Called every now and then with the events and bytes of this file."""
        ...


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was asked and answered.

    Attributes:
        written: when, RFC 3339 in UTC.
        period: which events were asked for.
        files: an account of each file.
        loaded: what became of the events.
        answers: by name of the query.
        most_rows: most rows of a table.
    """

    written: str
    period: Period
    files: list[FileRead]
    loaded: Loaded
    answers: dict[str, Answer]
    most_rows: int

    @property
    def is_whole(self) -> bool:
        """Whether everything was read and there is something to report."""
        return self.loaded.events > 0 and all(account.is_whole for account in self.files)

    def shown(self, query: Query) -> list[tuple[Any, ...]]:
        """The rows of a table."""
        return self.answers[query.name].rows[: self.most_rows]


def make(
    paths: Sequence[str],
    *,
    period: Period,
    written: str,
    most_rows: int,
    told: Told,
    next_file: Callable[[int], None],
) -> Report:
    """Read files and ask all queries.

    Args:
        paths: files; ``-`` for standard input.
        period: which events are reported.
        written: the time that the report bears, RFC 3339.
        most_rows: most rows of a table.
        told: is told how far it is.
        next_file: is told, after each file, how many bytes it had on disk.
    """
    files: list[FileRead] = []
    with Database() as database:
        reader = Reader()
        for path in paths:
            account = account_of(path)
            files.append(account)
            for number, row in enumerate(read_file(path, reader, database.parquet, account)):
                database.add(row)
                if number % _TOLD_ROWS == 0:
                    told(number, account.bytes_read)
            next_file(account.bytes_read)
        loaded = database.finish(period)
        most = max(most_rows, FETCHED_ROWS)
        answers = {query.name: database.answer(query.sql, most) for query in QUERIES}
    return Report(written=written, period=period, files=files, loaded=loaded, answers=answers, most_rows=most_rows)


def as_json(report: Report) -> str:
    """The report as a document of JSON."""
    return (
        json.dumps(
            {
                "report": "veilog report",
                "version": __version__,
                "written": report.written,
                "period": {
                    name: str(day) if day else None for name, day in zip(("first", "last"), report.period, strict=True)
                },
                "events": report.loaded.events,
                "duplicates": report.loaded.duplicates,
                "outside_period": report.loaded.outside,
                "bucket": report.loaded.unit,
                "views": report.loaded.views,
                "files": [as_data(account) for account in report.files],
                "dashboard": [_as_data(report, query) for query in PANELS],
                "audit": [_as_data(report, query) for query in AUDIT],
            },
            indent=1,
            ensure_ascii=False,
        )
        + "\n"
    )


def _as_data(report: Report, query: Query) -> dict[str, Any]:
    answer = report.answers[query.name]
    return {
        "name": query.name,
        "title": query.title,
        "why": query.why,
        "sql": query.sql,
        "columns": answer.columns,
        "rows": report.shown(query),
        "total_rows": answer.total,
    }
