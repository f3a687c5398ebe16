"""The report as Markdown: the same tables as on the page, without charts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from veilog_filters import __version__
from veilog_filters.report.printable import printable
from veilog_filters.report.queries import AUDIT, PANELS, Query
from veilog_filters.report.read import not_read
from veilog_filters.report.report import Report

_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>()#+!|~&$:@])")
"""What may begin a mark-up, an address or an entity."""


def as_markdown(report: Report) -> str:
    """The report as Markdown."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    loaded = report.loaded
    first, last = report.period
    yield "# AI usage and audit report"
    yield ""
    yield f"- Written {report.written} by veilog {__version__}"
    yield f"- Period: {first or 'the first event'} to {last or 'the last event'}, in UTC; a bucket is a {loaded.unit}"
    yield f"- {loaded.events} events from {len(report.files)} files, each counted once"
    yield f"- {loaded.duplicates} came again, {loaded.outside} are outside of the period"
    if problems := not_read(report.files):
        yield from ("", "## What was not read", "")
        yield from (f"- {_text(problem)}" for problem in problems)
    for title, queries in (("Dashboard", PANELS), ("Audit report", AUDIT)):
        yield from ("", f"## {title}")
        for query in queries:
            yield from _part(report, query)
    yield from ("", "## The views that the queries ask", "", "```sql", ";\n\n".join(loaded.views), "```")


def _part(report: Report, query: Query) -> Iterator[str]:
    answer = report.answers[query.name]
    yield from ("", f"### {query.title}", "", query.why, "")
    if answer.total:
        yield f"| {' | '.join(name.replace('_', ' ') for name in answer.columns)} |"
        yield f"|{' --- |' * len(answer.columns)}"
        for row in report.shown(query):
            yield f"| {' | '.join(map(_text, row))} |"
        if answer.total > report.most_rows:
            yield from ("", f"The first {report.most_rows} of {answer.total} rows.")
    else:
        yield query.empty
    yield from ("", f"<details><summary>Query <code>{query.name}</code></summary>", "", "```sql", query.sql, "```")
    yield from ("", "</details>")


def _text(value: Any) -> str:
    if value is None:
        return ""
    return _SPECIAL.sub(r"\\\1", printable(value)) if isinstance(value, str) else str(value)
