"""The content for Microsoft Sentinel: columns are what the encoder writes, queries bind to them, run, and count right.

Microsoft's language service parses and binds every query (``npm ci`` in tests/node). duckdb-kql runs them over the
events of all samples; it knows no ``prev``, which one query needs. Nothing that can be installed checks the template of
Azure Resource Manager as a whole: what it embeds is checked, and that it is made of the files beside it.
"""

from __future__ import annotations

import functools
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import duckdb_kql
import pytest

import sentinel_template
from kusto_tables import database
from node_tools import needs_node, node
from samples import ROOT, SAMPLES
from siem_panels import PANELS, query
from veilog_filters.encode import asim

SENTINEL = sentinel_template.SENTINEL
FILES = sorted(SENTINEL.glob("*/*.kql"))
COLUMNS = sentinel_template.columns()
EVENTS = [
    event for path in sorted(SAMPLES.rglob("*.out.json")) for event in json.loads(path.read_text(encoding="utf-8"))
]
FUNCTIONS = {file.stem: query(file).text for file in FILES if file.parent.name == "functions"}
NOT_RUN = {"gaps"}
"""Queries with ``prev``, which duckdb-kql does not know."""


def test_every_event_fits_the_columns() -> None:
    kinds = {"string": (str,), "datetime": (str,), "int": (int,), "long": (int,), "dynamic": (dict, list)}
    for event in EVENTS:
        for name, value in asim.encode(event).items():
            assert isinstance(value, kinds[COLUMNS[name]]), name


def test_the_columns_are_such_as_azure_takes() -> None:
    assert COLUMNS["TimeGenerated"] == "datetime"
    assert all(re.fullmatch("[A-Za-z][A-Za-z0-9_]{0,44}", name) for name in COLUMNS)
    assert not COLUMNS.keys() & {"TenantId", "Type", "UniqueId", "Title", "id", "_ResourceId", "_SubscriptionId"}
    assert set(COLUMNS.values()) <= {"string", "int", "long", "real", "boolean", "datetime", "dynamic"}


def test_the_template_holds_every_query_and_nothing_else() -> None:
    template = json.loads(sentinel_template.TEMPLATE.read_text())
    text = json.dumps(template)
    for file in FILES:
        embedded = json.dumps(query(file).text)[1:-1]
        assert embedded in text or json.dumps(embedded)[1:-1] in text, file
    assert {panel.name for panel in PANELS} == {file.stem for file in FILES if file.parent.name == "panels"}
    kinds = [resource["type"].rpartition("/")[2] for resource in template["resources"]]
    saved = [file for file in FILES if file.parent.name in ("functions", "audit")]
    assert kinds == [
        "tables",
        "dataCollectionRules",
        *["savedSearches"] * len(saved),
        "workbooks",
        *["alertRules"] * len([file for file in FILES if file.parent.name in ("alerts", "detections")]),
    ]
    rule = template["resources"][1]["properties"]
    (stream,) = rule["streamDeclarations"]
    assert [flow["outputStream"] for flow in rule["dataFlows"]] == [stream] == ["Custom-Veilog_CL"]
    assert rule["streamDeclarations"][stream]["columns"] == template["resources"][0]["properties"]["schema"]["columns"]


BROKEN = {
    "column": "Veilog | where Usr == 'x'",
    "syntax": "Veilog | sumarize count()",
    "type": "Veilog | where User > 1",
    "table": "Veilog_Cl | take 1",
}
QUERIES = {f"{file.parent.name}/{file.stem}": query(file).text for file in FILES}


@functools.cache
def bound() -> Any:
    """What Microsoft's service says of all queries, and of some that are wrong: asked once, since it takes seconds."""
    asked = {"tables": {sentinel_template.TABLE: COLUMNS}, "functions": FUNCTIONS, "queries": QUERIES | BROKEN}
    return node("kql.js", asked)


@needs_node
def test_microsofts_own_service_binds_every_query() -> None:
    answers = {name: bound()[name] for name in QUERIES}
    assert {name: answer["problems"] for name, answer in answers.items() if answer["problems"]} == {}
    assert all(answer["columns"] for answer in answers.values())


@needs_node
@pytest.mark.parametrize("name", BROKEN)
def test_a_query_that_is_wrong_is_found(name: str) -> None:
    assert bound()[name]["problems"]


@needs_node
@pytest.mark.parametrize(
    ("schema", "definition"), [("AgentEvent", "agent_event.json"), ("AuditEvent", "audit_event.json")]
)
def test_a_parser_shows_what_veilog_writes_as_asim_has_it(schema: str, definition: str) -> None:
    published = json.loads((ROOT / "tests" / "data" / "asim" / definition).read_text())
    of_asim = published | dict.fromkeys(("EventSchema", "Dvc", "User", "IpAddr", "Src"), "string")
    columns = bound()[f"functions/ASim{schema}Veilog"]["columns"]
    assert columns.items() <= of_asim.items()
    written = {name for row in map(asim.encode, EVENTS) if row["EventSchema"] == schema for name in row}
    assert written <= columns.keys()


def answer(connection: duckdb.DuckDBPyConnection, name: str) -> list[dict[str, Any]]:
    (file,) = (file for file in FILES if file.stem == name and file.parent.name != "detections")
    done = duckdb_kql.kql(connection, f"let Veilog = {FUNCTIONS['Veilog']};\n{query(file).text}")
    return [dict(zip(done.columns, row, strict=True)) for row in done.fetchall()]


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    """All samples' events, each delivered twice, and one between departments."""
    rows = [asim.encode(event) for event in [*EVENTS, BETWEEN]]
    return database(tmp_path_factory.mktemp("samples"), [*rows, *rows])


BETWEEN = next(event for event in EVENTS if event["kind"] == "ai_access" and "user_id" in event) | {
    "event_id": "between",
    "user_department": "sales",
    "model_department": "research",
}
CALLS = [event for event in [*EVENTS, BETWEEN] if event["kind"] == "ai_access"]


@pytest.mark.parametrize(
    "name", sorted({file.stem for file in FILES if file.parent.name in ("panels", "audit")} - NOT_RUN)
)
def test_a_query_finds_something_in_the_samples(name: str, samples: duckdb.DuckDBPyConnection) -> None:
    assert answer(samples, name)


def test_the_numbers_are_those_of_the_events(samples: duckdb.DuckDBPyConnection) -> None:
    for name, column in (("access", "Calls"), ("departments", "Calls"), ("tokens_and_cost", "Requests")):
        assert sum(row[column] for row in answer(samples, name)) == len(CALLS), name
    assert sum(row["InputTokens"] or 0 for row in answer(samples, "departments")) == sum(
        event.get("input_tokens", 0) for event in CALLS
    )
    blocked = sum(
        len(event["guardrail"].get("policies") or [""])
        for event in [*EVENTS, BETWEEN]
        if event.get("guardrail", {}).get("action") == "blocked"
    )
    found = answer(samples, "guardrails")
    assert sum(row["Events"] for row in found if row["GuardrailAction"] == "blocked") == blocked > 0
    failed = [event for event in CALLS if event.get("outcome_status") not in (None, "success")]
    assert sum(row["Calls"] for row in answer(samples, "failures")) == len(failed)
    assert sum(row["Quarantined"] for row in answer(samples, "redaction")) == len(
        [event for event in EVENTS if event["kind"] == "quarantine"]
    )
    (row,) = answer(samples, "cross_department")
    assert (row["UserDepartment"], row["ModelDepartment"], row["Calls"]) == ("sales", "research", 1)


def test_the_class_of_a_call_is_the_higher_one(samples: duckdb.DuckDBPyConnection) -> None:
    order = ["public", "internal", "confidential", "restricted"]
    wanted: dict[str, int] = {}
    for event in CALLS:
        sides = [
            event[f"{side}_classification"] for side in ("prompt", "response") if f"{side}_classification" in event
        ]
        name = max(sides, key=order.index) if sides else ""
        wanted[name] = wanted.get(name, 0) + 1
    found: dict[str, int] = {}
    for row in answer(samples, "departments"):
        found[row["DataClass"]] = found.get(row["DataClass"], 0) + row["Calls"]
    assert found == wanted


def test_the_rule_fires_for_a_user_who_does_ten_times_as_much_as_usual(tmp_path: Path) -> None:
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)

    def calls(user: str, count: int, begin: datetime, minutes: float) -> list[dict[str, Any]]:
        return [
            asim.encode(
                {
                    "schema": "veilog/1",
                    "event_id": f"{user}-{begin:%d%H}-{number}",
                    "source": "litellm",
                    "kind": "ai_access",
                    "user_name": user,
                    "timestamp": (begin + timedelta(minutes=minutes * number / count)).isoformat(),
                }
            )
            for number in range(count)
        ]

    last = hour - timedelta(hours=1)
    week = hour - timedelta(days=7)
    rows = [
        *calls("new", 150, last, 59),
        *calls("few", 99, last, 59),
        *calls("busy", 150, last, 59),
        *calls("busy", 335 * 16, week, 6 * 24 * 60),
        *calls("past", 150, week, 59),
    ]
    assert [row["User"] for row in answer(database(tmp_path, rows), "user_volume")] == ["new"]
