"""Runs detections in SQLite over events of ``veilog/1``: what they find there is what they must find anywhere.

The queries are those of pySigma's backend for SQLite, whose windows slide, or templates where Sigma has no words. The
table has a column for each field that a detection asks for: absent ones are null, a list is a text between bars, and
``caller`` and ``place`` are made as ``detection_languages`` says. Where a detection groups by the items of a list
(``prompt_sketch``), a second table has a row for each.
"""

from __future__ import annotations

import functools
import json
import sqlite3
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import detection_languages as languages
import detections
from detections import Detection

Event = dict[str, Any]


def value_of(event: Event, field: str) -> Any:
    """What stands in a field; of a part of the objects of a list, all of them."""
    if field in languages.DERIVED:
        return next((found for name in languages.DERIVED[field] if (found := value_of(event, name)) is not None), None)
    value: Any = event
    for key in field.split("."):
        if isinstance(value, list):
            value = [item[key] for item in value if key in item]
        elif value is not None:
            value = value.get(key)
    return value


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        return "|" + "|".join(map(str, value)) + "|" if value else None
    return str(value).lower() if isinstance(value, bool) else value


@functools.cache
def fields() -> list[str]:
    """The fields that any detection asks for."""
    asked = {field for found in detections.detections().values() for field in found.fields()}
    return sorted(asked | {"event_id", "timestamp"})


def _fill(connection: sqlite3.Connection, table: str, rows: Iterable[tuple[Any, ...]]) -> None:
    columns = ", ".join(f"`{field}`" for field in fields())
    connection.execute(f"CREATE TABLE `{table}` ({columns})")
    connection.executemany(f"INSERT INTO `{table}` VALUES ({', '.join('?' * len(fields()))})", rows)


def _rows(events: Iterable[Event]) -> Iterator[tuple[Any, ...]]:
    for event in events:
        yield tuple(_cell(value_of(event, field)) for field in fields())


def _by_item(events: Iterable[Event], field: str) -> Iterator[tuple[Any, ...]]:
    for event in events:
        for number, item in enumerate(value_of(event, field) or ()):
            own = {"event_id": f"{event['event_id']}#{number}", field: item}
            yield tuple(own[name] if name in own else _cell(value_of(event, name)) for name in fields())


def database(events: list[Event]) -> sqlite3.Connection:
    """The events in tables."""
    connection = sqlite3.connect(":memory:")
    connection.row_factory = sqlite3.Row
    _fill(connection, "events", _rows(events))
    _fill(connection, "events_by_prompt_sketch", _by_item(events, "prompt_sketch"))
    return connection


def told(connection: sqlite3.Connection, found: Detection, until: datetime) -> set[str]:
    """Whom a detection tells of: values of its first key, or ids of events where it has none."""
    rows = connection.execute(detections.sqlite_query(found), {"until": int(until.timestamp())}).fetchall()
    key = found.keys[0] if found.keys else "event_id"
    return {json.loads(row["group_keys"])[key] if "group_keys" in row.keys() else row[key] for row in rows}  # noqa: SIM118
