"""What ``veilog report`` does: checks what it needs, reads, asks, writes, and says what was not read."""

from __future__ import annotations

import dataclasses
import importlib.util
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from veilog_filters.metrics import Counts
from veilog_filters.progress import Progress, print_stderr
from veilog_filters.report.read import SUFFIXES, not_read
from veilog_filters.transports.inputs import STDIN, Output
from veilog_filters.yaml_file import reason_of

if TYPE_CHECKING:
    from veilog_filters.report.report import Report

__all__ = ["SUFFIXES", "Order", "UsageError", "missing", "run"]

_NEEDED: Final = ("duckdb", "vl_convert")
_TOLD_FILES: Final = 20


class UsageError(Exception):
    """The report cannot be made as it was ordered. Says what to do."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to report, and where to.

    Attributes:
        files: files of events; ``-`` is standard input.
        size: their bytes on disk; 0 if unknown.
        out: where to write; ``-`` is standard output.
        form: ``html``, ``md`` or ``json``.
        first: first day that is reported, in UTC, if there is one.
        last: last day.
        rows: most rows of a table.
    """

    files: list[str]
    size: int
    out: str
    form: str = "html"
    first: date | None = None
    last: date | None = None
    rows: int = 200


def missing() -> str:
    """What to install before a report can be made; "" if all is there."""
    if all(importlib.util.find_spec(name) for name in _NEEDED):
        return ""
    return "pip install 'veilog[report]'"


def run(order: Order) -> bool:
    """Make a report and write it; whether everything was read and there was something to report.

    Raises:
        UsageError: the extra is not installed, or the report cannot be written there.
    """
    if needed := missing():
        raise UsageError(f"a report needs DuckDB and vl-convert, which are not installed. Install them: {needed}")
    if order.out == STDIN:
        out = Output()
        report = _made(order)
        out.write(_writer(order.form)(report).encode("utf-8", "replace"))
    else:
        _check_place(order)
        report = _made(order)
        text = _writer(order.form)(report)
        try:
            Path(order.out).write_text(text, encoding="utf-8", errors="replace")
        except OSError as error:
            raise UsageError(f"cannot write {order.out}: {reason_of(error)}. Name a file that can be written") from None
    _tell(report)
    return report.is_whole


def _check_place(order: Order) -> None:
    """See, before much is read, that the report does not go over what is read, nor to a folder that is not there."""
    if not Path(order.out).absolute().parent.is_dir():
        raise UsageError(f"cannot write {order.out}: there is no such folder. Make it, or name another with --out")
    for path in order.files:
        if path != STDIN and Path(order.out).exists() and Path(order.out).samefile(path):
            raise UsageError(f"{order.out} is one of the files to read. Name another file with --out")


def _made(order: Order) -> Report:
    from veilog_filters.report.database import Period
    from veilog_filters.report.report import make

    written = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    with Progress(order.size) as progress:
        return make(
            order.files,
            period=Period(order.first, order.last),
            written=written,
            most_rows=order.rows,
            told=lambda events, bytes_read: progress.update(_counted(events, bytes_read), bytes_read),
            next_file=progress.next_stream,
        )


def _counted(events: int, bytes_read: int) -> Counts:
    return Counts(received=events, bytes_in=bytes_read)


def _writer(form: str) -> Callable[[Report], str]:
    if form == "json":
        from veilog_filters.report.report import as_json

        return as_json
    if form == "md":
        from veilog_filters.report.markdown import as_markdown

        return as_markdown
    from veilog_filters.report.page import as_html

    return as_html


def _tell(report: Report) -> None:
    """Say on standard error what was not read, and what there is none of."""
    problems = not_read(report.files)
    for problem in problems[:_TOLD_FILES]:
        print_stderr(f"not read: {problem}.")
    if len(problems) > _TOLD_FILES:
        print_stderr(f"and {len(problems) - _TOLD_FILES:,} more files were not wholly read; the report names them.")
    if not report.loaded.events:
        print_stderr("there are no events to report.")
