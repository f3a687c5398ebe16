"""The report as a page: one file of HTML, with no script, no font and no picture from anywhere.

Its template is ``pages/report.html.j2``, which escapes whatever it shows.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from markupsafe import Markup

from veilog_filters import __version__
from veilog_filters.pages import render
from veilog_filters.report.charts import ChartError, drawn
from veilog_filters.report.printable import printable
from veilog_filters.report.queries import AUDIT, PANELS, Query
from veilog_filters.report.report import Report

_TIME_CHARS: Final = len("2026-01-01T00:00:00")
_MIDNIGHT: Final = "T00:00:00Z"
_SHOWN_CHARS: Final = 160
_FILES: Final = 50


class Cell(NamedTuple):
    """A cell of a table.

    Attributes:
        kind: ``number``, ``time``, ``text`` or ``none``.
        shown: what is read.
        value: the value itself, for whoever reads the page with a program.
    """

    kind: str
    shown: str
    value: str = ""


class Part(NamedTuple):
    """A query on the page.

    Attributes:
        query: the query.
        head: names of its columns.
        rows: its first rows.
        total: how many rows there are.
        charts: what was drawn, as SVG.
        not_drawn: how many charts could not be drawn.
    """

    query: Query
    head: list[str]
    rows: list[list[Cell]]
    total: int
    charts: list[Markup]
    not_drawn: int


def as_html(report: Report) -> str:
    """The report as a page."""
    overview = _part(report, PANELS[0])
    broken = [account for account in report.files if not account.is_whole]
    return render(
        "report.html.j2",
        report=report,
        version=__version__,
        period=_period(report),
        figures=list(zip(overview.head, overview.rows[0], strict=True)),
        overview=overview,
        panels=[_part(report, query) for query in PANELS[1:]],
        audit=[_part(report, query) for query in AUDIT],
        files=[(printable(account.name), account) for account in report.files[:_FILES]],
        more_files=max(0, len(report.files) - _FILES),
        broken=[(printable(account.name), account.problems) for account in broken[:_FILES]],
        more_broken=max(0, len(broken) - _FILES),
    )


def _period(report: Report) -> str:
    first, last = report.period
    if first is None and last is None:
        return "all events"
    return f"{first or 'the first event'} to {last or 'the last event'}, UTC"


def _part(report: Report, query: Query) -> Part:
    answer = report.answers[query.name]
    charts: list[Markup] = []
    not_drawn = 0
    for chart in query.charts:
        try:
            # What was drawn is checked there: shapes and texts, nothing else.
            charts += [Markup(svg) for svg in (drawn(chart, answer, query.title),) if svg]  # noqa: S704
        except ChartError:
            # The page says so. Its numbers are in the table all the same.
            not_drawn += 1
    head = [name.replace("_", " ") for name in answer.columns]
    rows = [
        [_cell(value, name) for name, value in zip(answer.columns, row, strict=True)] for row in report.shown(query)
    ]
    return Part(query, head, rows, answer.total, charts, not_drawn)


def _cell(value: Any, column: str) -> Cell:
    if value is None:
        return Cell("none", "")
    if isinstance(value, int):
        return Cell("number", f"{value:,}", str(value))
    if isinstance(value, float):
        return Cell("number", f"{value:,.2f}" if abs(value) >= 1 or not value else f"{value:.3g}", repr(value))
    if column == "bucket" and value.endswith(_MIDNIGHT):
        return Cell("time", value.removesuffix(_MIDNIGHT), value)
    if column == "bucket" or column.startswith(("first_", "last_", "gap_")):
        return Cell("time", value[:_TIME_CHARS].replace("T", " "), value)
    text = printable(value)
    return Cell("text", text if len(text) <= _SHOWN_CHARS else f"{text[: _SHOWN_CHARS - 17]}…{text[-16:]}")
