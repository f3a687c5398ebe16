"""The database behind the report: a DuckDB file in a private folder that goes with it.

Memory is limited and the file holds what is more. Rows come in batches, each as a file of JSON with the columns' types;
a thread loads one batch while the next is read, since DuckDB does not need Python meanwhile.
A Parquet file is read through a link in the private folder, so that no name of a file means anything to DuckDB: no
pattern, no address of another host. No extension is loaded or fetched, and once the events are in, DuckDB can reach no
file but its own.

Events are already clean; the folder is private all the same, and is removed whatever happens.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import date, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

import duckdb
import orjson

from veilog_filters.report.columns import COLUMNS, TYPES, Row, column
from veilog_filters.report.read import ParquetError
from veilog_filters.report.views import CALLS, EVENTS

MEMORY_LIMIT: Final = "400MB"
"""What DuckDB may use; more goes to its temporary files. Beside it there is one batch, and Python."""
BATCH_ROWS: Final = 20_000
BATCH_BYTES: Final = 33_554_432
"""A batch ends with whichever comes first."""
_PARQUET_ROWS: Final = 1_000
_SETTINGS: Final[dict[str, str | bool | int | float | list[str]]] = {
    "memory_limit": MEMORY_LIMIT,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_community_extensions": False,
}
_NAMES: Final = tuple(map(column, COLUMNS))
_LOAD: Final = f"""\
INSERT INTO loaded
SELECT {", ".join("make_timestamp(timestamp)" if name == "timestamp" else name for name in _NAMES)}
FROM read_json(?, format = 'newline_delimited', maximum_object_size = {2 * BATCH_BYTES}, columns = {{
    {", ".join(f"{name}: '{TYPES[take]}'" for name, take in zip(_NAMES, COLUMNS.values(), strict=True))}
}})"""  # noqa: S608 - names and types of our own columns


class Period(NamedTuple):
    """Which events are reported, by their days in UTC, both included; None for no bound."""

    first: date | None
    last: date | None


class Loaded(NamedTuple):
    """What became of the rows.

    Attributes:
        events: how many are reported.
        duplicates: how many came again, with the ``event_id`` of another.
        outside: how many are not of the period, or have no time when there is one.
        unit: length of a ``bucket``: hour, day, week, month or year.
        charted: the first and the last time that have a ``bucket``.
        views: the SQL of the views that the queries ask.
    """

    events: int
    duplicates: int
    outside: int
    unit: str
    charted: tuple[datetime, datetime]
    views: tuple[str, ...]


class Answer(NamedTuple):
    """What a query gave.

    Attributes:
        columns: names of the columns.
        rows: the first rows.
        total: how many rows there are.
    """

    columns: list[str]
    rows: list[tuple[Any, ...]]
    total: int


# DuckDB's times are in UTC and have no zone.
_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001
_EARLIEST: Final = datetime(1, 1, 1)  # noqa: DTZ001
_LATEST: Final = datetime(9999, 12, 31)  # noqa: DTZ001
_MIDDLE: Final = "SELECT quantile_disc(timestamp, 0.01), quantile_disc(timestamp, 0.99) FROM loaded"
_UNITS: Final = ((3, "hour"), (120, "day"), (800, "week"), (3_650, "month"))
"""By the days that the middle 98 % of the events take, so that a chart has a hundred columns or so."""


class Database:
    """A database for one report. A context manager: its files go when it is left."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="veilog-report-")
        self._path = Path(self._folder.name)
        self._batch: list[bytes] = []
        self._batch_bytes = 0
        try:
            file, spill = str(self._path / "events.duckdb"), str(self._path / "spill")
            self._connection = duckdb.connect(file, config={**_SETTINGS, "temp_directory": spill})
        except BaseException:
            self._folder.cleanup()
            raise
        columns = ", ".join(
            f"{name} {'TIMESTAMP' if name == 'timestamp' else TYPES[take]}"
            for name, take in zip(_NAMES, COLUMNS.values(), strict=True)
        )
        self._connection.execute(f"CREATE TABLE loaded ({columns})")
        self._loader = ThreadPoolExecutor(max_workers=1)
        self._loading: Future[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loader.shutdown()
        self._connection.close()
        self._folder.cleanup()

    def parquet(self, path: str) -> Iterator[bytes]:
        """The rows of a Parquet file, each as JSON.

        Raises:
            ParquetError: it is damaged; the rows before the damage were given.
        """
        link = self._path / "input.parquet"
        link.unlink(missing_ok=True)
        link.symlink_to(Path(path).absolute())
        # A cursor of its own: rows are loaded while others are still read.
        with self._connection.cursor() as cursor:
            try:
                rows = cursor.execute("SELECT to_json(row)::VARCHAR FROM read_parquet(?) AS row", [str(link)])
                while found := rows.fetchmany(_PARQUET_ROWS):
                    for (row,) in found:
                        yield row.encode()
            except duckdb.Error:
                raise ParquetError("the Parquet data is damaged; what came before was read") from None

    def add(self, row: Row) -> None:
        """Take a row."""
        line = orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
        self._batch.append(line)
        self._batch_bytes += len(line)
        if len(self._batch) >= BATCH_ROWS or self._batch_bytes >= BATCH_BYTES:
            self._flush()

    def _flush(self) -> None:
        """Have the batch loaded, when the one before is."""
        self._wait()
        if self._batch:
            self._loading = self._loader.submit(self._load, self._batch)
            self._batch, self._batch_bytes = [], 0

    def _wait(self) -> None:
        if self._loading is not None:
            self._loading.result()

    def _load(self, batch: list[bytes]) -> None:
        file = self._path / "batch.json"
        with file.open("wb") as out:
            out.writelines(batch)
        self._connection.execute(_LOAD, [str(file)])

    def finish(self, period: Period) -> Loaded:
        """All rows are there: remove what is not to be counted, and make the views.

        Args:
            period: which events are reported.
        """
        self._flush()
        self._wait()
        ask = self._connection.execute
        ask("SET enable_external_access = false")
        ask("SET lock_configuration = true")
        before = self._number("SELECT count(*) FROM loaded")
        again = before - self._number("SELECT count(DISTINCT event_id) FROM loaded")
        if again:
            ask("DELETE FROM loaded WHERE rowid NOT IN (SELECT min(rowid) FROM loaded GROUP BY event_id)")
        if period.first is not None:
            ask("DELETE FROM loaded WHERE timestamp IS NULL OR timestamp < ?", [period.first])
        if period.last is not None:
            ask("DELETE FROM loaded WHERE timestamp IS NULL OR timestamp >= ?", [period.last + timedelta(days=1)])
        events = self._number("SELECT count(*) FROM loaded")
        unit, charted = self._charted()
        views = (EVENTS.format(unit=unit, first=charted[0], last=charted[1]), CALLS)
        for view in views:
            ask(view)
        return Loaded(events, again, before - again - events, unit, charted, views)

    def _charted(self) -> tuple[str, tuple[datetime, datetime]]:
        """The length of a bucket, and between which times there are any.

        A few events with a wrong clock must not squeeze all others into one column: what is farther from the middle
        98 % of the events than these are long stands in no chart. It stands in all tables.
        """
        found = self._connection.execute(_MIDDLE).fetchone()
        first, last = found if found and found[0] is not None else (_EPOCH, _EPOCH)
        length = last - first
        unit = next((unit for most, unit in _UNITS if length <= timedelta(days=most)), "year")
        margin = max(length, timedelta(days=1))
        return unit, (max(first, _EARLIEST + margin) - margin, min(last, _LATEST - margin) + margin)

    def _number(self, sql: str) -> int:
        found = self._connection.execute(sql).fetchone()
        return int(found[0]) if found else 0

    def answer(self, sql: str, most: int) -> Answer:
        """Ask a query.

        Args:
            sql: one SELECT.
            most: most rows to fetch.
        """
        asked = self._connection.execute(sql)
        columns = [str(about[0]) for about in asked.description or ()]
        rows = asked.fetchmany(most)
        total = len(rows) if len(rows) < most else self._number(f"SELECT count(*) FROM ({sql})")  # noqa: S608 - ours
        return Answer(columns, [tuple(map(_plain, row)) for row in rows], total)


def _plain(value: Any) -> Any:
    """A cell as JSON can have it."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds") + "Z" if value.microsecond else value.isoformat() + "Z"
    return value if value is None or isinstance(value, (str, int, float)) else float(value)
