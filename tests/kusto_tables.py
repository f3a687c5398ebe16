"""Events as a table of Microsoft Sentinel, in a database that reads Kusto's language."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import duckdb
import duckdb_kql

import sentinel_template

_TYPES: Final = {
    "string": "VARCHAR",
    "datetime": "TIMESTAMPTZ",
    "int": "INTEGER",
    "long": "BIGINT",
    "dynamic": "JSON",
}


def database(folder: Path, rows: list[dict[str, Any]]) -> duckdb.DuckDBPyConnection:
    """A database with the table of the template, and these rows in it; a file of them is left in the folder."""
    columns = ", ".join(f"'{name}': '{_TYPES[kind]}'" for name, kind in sentinel_template.columns().items())
    file = folder / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    connection = duckdb_kql.connect()
    connection.execute(
        f"CREATE TABLE {sentinel_template.TABLE} AS "
        f"SELECT * FROM read_json('{file}', format = 'newline_delimited', columns = {{{columns}}})"
    )
    return connection
