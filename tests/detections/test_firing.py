"""Detections tell of the right ones: attacks among ordinary traffic, in every engine that can be installed.

SQLite (``sigma_oracle``) is the oracle: it must find what the scenarios are labelled with. Kusto's queries are then
executed by duckdb-kql over the same events in the schema ``asim``, and EQL's by ``eql`` over those in ``ecs``: they must
find what the oracle finds. Nothing that can be installed runs SPL, ES|QL or YARA-L.
"""

from __future__ import annotations

import functools
import json
import sqlite3
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import duckdb_kql
import eql
import pytest

import detection_languages as languages
import detections
import sentinel_template
from attack_traffic import Scenario, last_hour, owners, scenarios, wanted
from detections import Language, Shape
from siem_panels import query
from sigma_oracle import database, told
from veilog_filters.encode import asim, ecs

UNTIL = last_hour()
SCENARIOS = scenarios(UNTIL)
WANTED = wanted(SCENARIOS)
OWNERS = dict(owners(SCENARIOS))
EVENTS = [event for scenario in SCENARIOS for event in scenario.events]
DETECTIONS = detections.detections()


@pytest.fixture(scope="module")
def sqlite() -> sqlite3.Connection:
    return database(EVENTS)


def by_oracle(connection: sqlite3.Connection, name: str, until: datetime = UNTIL) -> set[str]:
    return told(connection, DETECTIONS[name], until)


def test_every_detection_has_a_scenario_that_fires_it() -> None:
    assert WANTED.keys() == DETECTIONS.keys()
    assert sum(not scenario.fires for scenario in SCENARIOS) > 20


@pytest.mark.parametrize("name", DETECTIONS)
def test_sqlite_finds_what_the_scenarios_are_labelled_with(name: str, sqlite: sqlite3.Connection) -> None:
    assert {OWNERS[key] for key in by_oracle(sqlite, name)} == WANTED[name]


@pytest.mark.parametrize("seed", [1, 2])
def test_other_ordinary_days_change_nothing(seed: int) -> None:
    other = scenarios(UNTIL, seed)
    owned = dict(owners(other))
    connection = database([event for scenario in other for event in scenario.events])
    for name in ("repeated_varied_injection", "token_spike", "new_model_by_user", "denied_then_allowed"):
        assert {owned[key] for key in by_oracle(connection, name)} == WANTED[name], name


# Kusto ----------------------------------------------------------------------------------------------------------------


def in_kusto(folder: Path, events: list[dict[str, Any]]) -> duckdb.DuckDBPyConnection:
    """The events in the table of Sentinel, each delivered twice."""
    types = {"string": "VARCHAR", "datetime": "TIMESTAMPTZ", "int": "INTEGER", "long": "BIGINT", "dynamic": "JSON"}
    columns = ", ".join(f"'{name}': '{types[kind]}'" for name, kind in sentinel_template.columns().items())
    file = folder / "rows.jsonl"
    rows = [json.dumps(asim.encode(event)) + "\n" for event in events]
    file.write_text("".join([*rows, *rows]), encoding="utf-8")
    connection = duckdb_kql.connect()
    source = f"read_json('{file}', format = 'newline_delimited', columns = {{{columns}}})"
    connection.execute(f"CREATE TABLE {sentinel_template.TABLE} AS SELECT * FROM {source}")
    return connection


@pytest.fixture(scope="module")
def kusto(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    return in_kusto(tmp_path_factory.mktemp("kusto"), EVENTS)


def by_kusto(connection: duckdb.DuckDBPyConnection, name: str) -> set[str]:
    function = query(sentinel_template.SENTINEL / "functions" / "Veilog.kql").text
    at_that_hour = detections.queries(Language.KQL)[name].replace("now()", f"datetime({UNTIL.isoformat()})")
    done = duckdb_kql.kql(connection, f"let Veilog = {function};\n{at_that_hour}")
    keys = DETECTIONS[name].keys
    column = list(done.columns).index(languages.kusto_name(keys[0]) if keys else "EventId")
    return {row[column] for row in done.fetchall()}


@pytest.mark.slow
@pytest.mark.parametrize("name", DETECTIONS)
def test_kusto_finds_what_the_oracle_finds(
    name: str, sqlite: sqlite3.Connection, kusto: duckdb.DuckDBPyConnection
) -> None:
    assert by_kusto(kusto, name) == by_oracle(sqlite, name)


# EQL ------------------------------------------------------------------------------------------------------------------

TICKS = 10_000_000
"""Of EQL's clock, in a second."""


def _single(value: Any) -> Any:
    """A document as ``eql`` can read it: Elasticsearch searches all items of a list, ``eql`` none; each has one here."""
    if isinstance(value, dict):
        return {key: _single(item) for key, item in value.items()}
    if isinstance(value, list) and len(value) == 1:
        return _single(value[0])
    return value


@functools.cache
def documents() -> list[Any]:
    made = []
    for event in EVENTS:
        when = datetime.fromisoformat(event["timestamp"]).timestamp()
        made.append(eql.Event("any", int(when * TICKS), _single(ecs.ENCODER.encode(event))))
    return sorted(made, key=lambda event: event.time)


def by_eql(name: str) -> set[str]:
    with eql.parser.elasticsearch_syntax:
        parsed = eql.parse_query(detections.queries(Language.EQL)[name])
    engine = eql.PythonEngine()
    engine.add_query(parsed)
    found: set[str] = set()
    first = languages.eql_field(DETECTIONS[name].keys[0]).split(".")

    def keep(result: Any) -> None:
        value = result.events[0].data
        for key in first:
            value = value[key]
        found.add(value)

    engine.add_output_hook(keep)
    engine.stream_events(documents())
    return found


@pytest.mark.parametrize("name", detections.queries(Language.EQL))
def test_eql_finds_what_the_oracle_finds(name: str, sqlite: sqlite3.Connection) -> None:
    assert by_eql(name) == by_oracle(sqlite, name)


# Windows --------------------------------------------------------------------------------------------------------------


def burst(count: int, around_secs: float) -> list[dict[str, Any]]:
    """Blocked calls of one user, a minute apart, half of them before the last full quarter of an hour and half after."""
    (scenario,) = (found for found in SCENARIOS if found.name == "stopped_again_and_again")
    edge = UNTIL.timestamp() - 1800
    made = []
    for number in range(count):
        when = datetime.fromtimestamp(edge + around_secs + 60 * (number - count // 2), UNTIL.tzinfo)
        event = scenario.events[0] | {"event_id": f"burst-{number}", "timestamp": when.isoformat()}
        made.append(event)
    return made


def in_bins(events: list[dict[str, Any]], name: str) -> set[str]:
    """What a tumbling window finds, as SPL's ``bin`` and ES|QL's ``date_trunc`` make them: counted here."""
    options = DETECTIONS[name].options
    length = detections.seconds(options["window"])
    counts: dict[tuple[str, int], int] = {}
    for event in events:
        key = (event["user_id"], int(datetime.fromisoformat(event["timestamp"]).timestamp()) // length)
        counts[key] = counts.get(key, 0) + 1
    return {user for (user, _), count in counts.items() if count >= options["least"]}


@pytest.mark.parametrize(("around_secs", "is_found_by_bins"), [(0, False), (360, True)])
def test_a_burst_over_the_edge_of_a_bin(around_secs: float, is_found_by_bins: bool, tmp_path: Path) -> None:
    """Six calls in six minutes: sliding windows see them wherever they lie, tumbling ones not over an edge."""
    name = "upstream_guardrail_burst"
    events = burst(6, around_secs)
    user = {events[0]["user_id"]}
    assert told(database(events), DETECTIONS[name], UNTIL) == user
    assert by_kusto(in_kusto(tmp_path, events), name) == user
    assert in_bins(events, name) == (user if is_found_by_bins else set())
    kinds = detections.WINDOWS[Shape.EVENT_COUNT]
    assert (kinds[Language.KQL], kinds[Language.SQL]) == ("sliding", "sliding")
    assert "| bin _time span=15m" in detections.queries(Language.SPL)[name]
    assert "date_trunc(15minutes, @timestamp)" in detections.queries(Language.ESQL)[name]


def test_too_few_or_too_slow_is_no_burst() -> None:
    name = "upstream_guardrail_burst"
    assert told(database(burst(4, 0)), DETECTIONS[name], UNTIL) == set()
    slow = [event | {"timestamp": datetime.fromtimestamp(UNTIL.timestamp() - 240 * number, UNTIL.tzinfo).isoformat()}
            for number, event in enumerate(burst(6, 0), 1)]  # fmt: skip
    assert told(database(slow), DETECTIONS[name], UNTIL) == set()


Break = Callable[[dict[str, Any]], dict[str, Any]]


@pytest.mark.parametrize(
    ("name", "scenario", "change"),
    [
        ("response_leakage", "leak", lambda event: event | {"leakage": {"kinds": ["canaryx"]}}),
        ("threat_high_severity", "weakened_then_violated", lambda event: event | {"threats": []}),
        ("credentials_in_prompts", "pasted_key", lambda event: event | {"data_categories": ["pii"]}),
    ],
)
def test_what_is_only_like_it_does_not_fire(name: str, scenario: str, change: Break) -> None:
    (found,) = (one for one in SCENARIOS if one.name == scenario)
    assert told(database(found.events), DETECTIONS[name], UNTIL)
    assert told(database([change(event) for event in found.events]), DETECTIONS[name], UNTIL) == set()


def test_no_scenario_shares_what_a_detection_names() -> None:
    seen: dict[str, str] = {}
    for key, name in owners(SCENARIOS):
        assert seen.setdefault(key, name) == name, key
    assert all(isinstance(scenario, Scenario) and scenario.events for scenario in SCENARIOS)
