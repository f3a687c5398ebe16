"""Runs detections over events of veilog in SQLite and prints which of them fired when, on whom, and on whom none did.

A detection is a query of ``detections/``: a file, named as the detection and its playbook, with a first line that says
what it tells. It asks a table ``events`` with a column for each field below (underscores for dots; lists and objects
are JSON texts), and ``who``, the caller's name. Numbers and windows are in ``parameters.json``.

    python timeline.py events.jsonl
"""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, NamedTuple

HERE: Final = Path(__file__).parent
FIELDS: Final = (
    "event_id",
    "timestamp",
    "kind",
    "user_name",
    "client_ip",
    "credential.id_hash",
    "api_operation",
    "model_name",
    "change.target",
    "off_hours",
    "outcome_status",
    "guardrail.action",
    "upstream_threats",
    "threats",
    "leakage.kinds",
    "cross_department.user_department",
    "cross_department.resource_departments",
    "classification_rules",
    "findings",
    "prompt_hash",
    "prompt_sketch",
    "token_count",
)
"""Of events, in the schema ``veilog/1``."""


class Alert(NamedTuple):
    """The first time that a detection fires on somebody.

    Attributes:
        time: of the event that made it fire.
        detection: its name.
        who: the caller.
        told: what it says, of fields alone.
    """

    time: str
    detection: str
    who: str
    told: str


def value_at(event: dict[str, Any], field: str) -> Any:
    """What a field of an event holds, as a column of SQLite takes it; None if it is not there."""
    value: Any = event
    for part in field.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return json.dumps(value) if isinstance(value, list | dict) else value


def loaded(events: Iterable[dict[str, Any]]) -> sqlite3.Connection:
    """A database in memory with the table ``events``; an event that was delivered twice is there once."""
    columns = ", ".join(field.replace(".", "_") for field in FIELDS)
    holes = ", ".join("?" * (len(FIELDS) + 1))
    connection = sqlite3.connect(":memory:")
    connection.execute(f"CREATE TABLE events ({columns}, who, PRIMARY KEY (event_id))")
    rows = (
        (*(value_at(event, field) for field in FIELDS), event.get("user_name") or event.get("user_id"))
        for event in events
    )
    connection.executemany(f"INSERT OR IGNORE INTO events VALUES ({holes})", rows)  # noqa: S608 - constants of this file
    connection.execute("CREATE INDEX by_caller ON events (who, timestamp)")
    return connection


def parameters(file: Path = HERE / "parameters.json") -> dict[str, Any]:
    """The parameters of all detections, as SQLite takes them."""
    values = json.loads(file.read_text(encoding="utf-8"))
    return {name: json.dumps(value) if isinstance(value, list) else value for name, value in values.items()}


def fired(connection: sqlite3.Connection, detection: Path, given: dict[str, Any]) -> list[Alert]:
    """The first alert of a detection for each caller."""
    first: dict[str, Alert] = {}
    for time, who, told in connection.execute(detection.read_text(encoding="utf-8"), given):
        if who not in first or time < first[who].time:
            first[who] = Alert(time, detection.stem, who, told)
    return list(first.values())


def alerts(connection: sqlite3.Connection, **changed: Any) -> list[Alert]:
    """The alerts of all detections, in the order of time; ``changed`` goes before the parameters of the file."""
    given = parameters() | changed
    return sorted(alert for file in (HERE / "detections").glob("*.sql") for alert in fired(connection, file, given))


def shown(found: list[Alert], callers: list[str]) -> str:
    """The timeline as text."""
    lines = [
        f"{alert.time[:10]} {alert.time[11:19]}  {alert.detection:<33} {alert.who:<19} {alert.told}" for alert in found
    ]
    accused = {alert.who for alert in found}
    quiet = [who for who in callers if who not in accused]
    detections = {alert.detection for alert in found}
    summary = f"{len(detections)} detections fired on: {', '.join(sorted(accused))}"
    return "\n".join([*lines, "", summary, f"none on: {', '.join(quiet)}"])


def main(arguments: list[str]) -> int:
    """Print the timeline of files of events; the exit code."""
    if not arguments:
        print("usage: python timeline.py EVENTS...", file=sys.stderr)
        return 2
    lines = (line for name in arguments for line in Path(name).read_text(encoding="utf-8").splitlines())
    connection = loaded(map(json.loads, lines))
    callers = connection.execute("SELECT DISTINCT who FROM events WHERE who IS NOT NULL ORDER BY who")
    print(shown(alerts(connection), [who for (who,) in callers]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
