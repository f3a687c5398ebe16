"""Writes docs/reference/schemas.md: where each field of an event stands in every other schema. A test keeps it current.

It is made from the tables by which the encoders write. Run it with ``make generate``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from veilog_filters.encode.mappings import TABLES, rows

PAGE: Final = Path(__file__).parents[1] / "docs" / "reference" / "schemas.md"
_HEAD: Final = """\
# Schemas

<!-- made by `make generate` from the tables of the encoders -->

`output.schema` or `veilog filter --schema NAME` chooses another schema than `veilog/1`; the sidecar can have [one for
each place](../operate/sidecar.md#to-several-places). A table says where each field of [`veilog/1`](fields.md) stands
there; `veilog schema NAME` prints it. No fact is lost: what a schema has no place for stands in its place for
extensions, under its own name. `veilog encoders` lists the schemas that are there.

The tests check what is written from all samples, and from events with every field and with none, against the targets'
own definitions: OCSF's JSON Schema, ECS's list of fields, the constants of OpenTelemetry's conventions, the data models
of CIM, the columns of ASIM's tables. UDM has no definition that a program could read: its fields are checked against a
list that was typed off its reference.

"""


def page() -> str:
    """The page."""
    parts = [_HEAD]
    for schema, tables in TABLES.items():
        for table in tables:
            parts.append(
                f"## `{schema}`: {table.summary}\n\nVersion {table.version}; [reference]({table.reference}).\n\n"
            )
            if table.note:
                parts.append(f"{table.note}\n\n")
            parts.append("| field | target | how | why |\n| --- | --- | --- | --- |\n")
            parts += [f"| `{row.field}` | `{row.target}` | {row.how} | {row.why} |\n" for row in rows(table)]
            parts.append("\n")
    return "".join(parts).rstrip("\n") + "\n"
