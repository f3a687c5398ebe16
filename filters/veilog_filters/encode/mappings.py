"""The tables of all schemas, as ``veilog schema <target>`` and the documentation show them."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterator
from typing import Any, Final

from veilog_filters.encode import asim, ecs, ocsf, otel, splunk_cim, udm
from veilog_filters.encode.table import Row, Table
from veilog_parsers.event import AuditEvent, Handling

TABLES: Final[dict[str, tuple[Table, ...]]] = {
    "asim": (asim.AGENT, asim.AUDIT),
    "ecs": (ecs.TABLE,),
    "ocsf": (ocsf.TABLE,),
    "otel": (otel.TABLE,),
    "splunk_cim": (splunk_cim.TABLE,),
    "udm": (udm.TABLE,),
}
"""By schema; some write events of different kinds in different ways."""


def fields(kind: type[Any] = AuditEvent, prefix: str = "") -> Iterator[str]:
    """All fields of ``veilog/1``, and the parts of the objects among them with a dot."""
    hints = typing.get_type_hints(kind)
    for field in dataclasses.fields(kind):
        if field.metadata.get("handling") is Handling.WORKING:
            continue
        inner = next(
            (option for option in typing.get_args(hints[field.name]) if dataclasses.is_dataclass(option)), None
        )
        if inner is not None and not prefix:
            yield from fields(typing.cast("type[Any]", inner), f"{field.name}.")
        else:
            yield prefix + field.name


def rows(table: Table) -> list[Row]:
    """A table with a row for every field."""
    whole = {row.field for row in table.rows}
    known = [name for name in fields() if name.partition(".")[0] not in whole or name.partition(".")[0] == name]
    extra = [name for name in sorted(whole) if name not in known and "." not in name]
    return list(table.mapping([*known, *extra]))


def as_text(schema: str) -> str:
    """The tables of a schema, in columns."""
    parts = []
    for table in TABLES[schema]:
        cells = [("field", "target", "how", "why"), *((row.field, row.target, row.how, row.why) for row in rows(table))]
        widths = [max(len(cell[column]) for cell in cells) for column in range(3)]
        lines = [
            "  ".join([*(text.ljust(width) for text, width in zip(cell[:3], widths, strict=True)), cell[3]]).rstrip()
            for cell in cells
        ]
        note = [table.note] if table.note else []
        head = [f"{table.summary} Version {table.version}, {table.reference}", *note, ""]
        parts.append("\n".join([*head, *lines]))
    return "\n\n".join(parts)
