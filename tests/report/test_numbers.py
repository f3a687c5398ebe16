"""Every number of the report equals what Python computes from the same events, whatever schema they were written in."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pytest
import zstandard

import report_numbers
from bench_report import made
from veilog_filters import plugins
from veilog_filters.report.database import Period
from veilog_filters.report.queries import AUDIT, PANELS, QUERIES
from veilog_filters.report.report import Report, as_json, make

ENCODERS = {offer.name: encoder.encode for offer, encoder in plugins.select("encoders", ())}
CYCLE = 781
"""As many events as the samples have, more or less: each of them is there."""


def varied() -> list[dict[str, Any]]:
    """Events of one quarter, some of which lack what the report tells, or have it otherwise."""
    events = list(made(2 * CYCLE))
    for number, event in enumerate(events):
        if number % 7 == 0:
            for name in ("user_id", "user_name", "user_department"):
                del event[name]
        if number % 11 == 0 and "redaction" in event:
            event["redaction"] = event["redaction"] | {"policy": "second version", "status": "timed_out"}
        if number % 13 == 0:
            event["previous_hashes"] = {"hash_key_id": "0badcafe", "prompt_hash": "0" * 64}
    return events


EVENTS = varied()


def reported(*paths: Path, first: Any = None, last: Any = None, rows: int = 100_000) -> Report:
    return make(
        [str(path) for path in paths],
        period=Period(first, last),
        written="2026-10-01T00:00:00Z",
        most_rows=rows,
        told=lambda _events, _bytes: None,
        next_file=lambda _bytes: None,
    )


def lines(events: list[dict[str, Any]], schema: str = "native") -> bytes:
    return b"".join(orjson.dumps(ENCODERS[schema](event), option=orjson.OPT_APPEND_NEWLINE) for event in events)


def answered(report: Report) -> dict[str, list[str]]:
    """All rows by query, in an order that is theirs alone."""
    document = json.loads(as_json(report))
    return {
        part["name"]: ordered([dict(zip(part["columns"], row, strict=True)) for row in part["rows"]])
        for part in document["dashboard"] + document["audit"]
    }


def ordered(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(json.dumps(row, sort_keys=True) for row in rows)


def expected(events: list[dict[str, Any]]) -> dict[str, list[str]]:
    whole = [event | {"timestamp": event["timestamp"].replace(".000Z", "Z")} for event in events]
    numbers = report_numbers.dashboard(whole) | report_numbers.audit(whole)
    return {name: ordered(rows) for name, rows in numbers.items()}


EXPECTED = expected(EVENTS)


def test_all_queries_are_computed_and_say_something() -> None:
    assert list(EXPECTED) == [query.name for query in QUERIES]
    assert all(EXPECTED.values())
    assert {query.name for query in AUDIT} == {name for name in EXPECTED if name.startswith("audit_")}
    assert PANELS[0].name == "overview"


@pytest.mark.parametrize("schema", ENCODERS)
def test_numbers_equal_what_python_computes(schema: str, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(lines(EVENTS, schema))
    report = reported(path)
    assert report.is_whole
    assert set(report.files[0].events) == {schema}
    found = answered(report)
    for name, rows in EXPECTED.items():
        assert found[name] == rows, name


def test_mixed_files_of_all_schemas_count_each_event_once(tmp_path: Path) -> None:
    """Every event is there three times: in two schemas, in files of different forms, and delivered twice."""
    names = list(ENCODERS)
    mixed = [lines([event], names[number % len(names)]) for number, event in enumerate(EVENTS)]
    (tmp_path / "mixed.gz").write_bytes(gzip.compress(b"".join(mixed)))
    (tmp_path / "again.zst").write_bytes(zstandard.compress(lines(EVENTS, "ocsf")))
    (tmp_path / "twice.json").write_bytes(json.dumps(EVENTS, indent=2).encode())
    report = reported(*(tmp_path / name for name in ("mixed.gz", "again.zst", "twice.json")))
    assert report.loaded.events == len(EVENTS)
    assert report.loaded.duplicates == 2 * len(EVENTS)
    assert report.is_whole
    assert set(report.files[0].events) == set(names)
    assert answered(report) == EXPECTED


def test_parquet_gives_the_same_numbers(tmp_path: Path) -> None:
    """Also under a name that would be a pattern, or another host."""
    (tmp_path / "events.jsonl").write_bytes(lines(EVENTS))
    path = tmp_path / "http:[a-z]*.parquet"
    duckdb.sql(f"COPY (SELECT * FROM read_json('{tmp_path}/events.jsonl', sample_size=-1)) TO '{tmp_path}/x.parquet'")
    (tmp_path / "x.parquet").rename(path)
    report = reported(path)
    assert report.is_whole
    assert report.files[0].events["native"] == len(EVENTS)
    assert answered(report) == EXPECTED


def test_a_period_has_its_days_and_no_others(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    without_time = [{name: value for name, value in EVENTS[0].items() if name != "timestamp"} | {"event_id": "f" * 32}]
    path.write_bytes(lines(EVENTS + without_time))
    first, last = "2026-07-15", "2026-08-02"
    chosen = [event for event in EVENTS if first <= event["timestamp"][:10] <= last]
    from datetime import date

    report = reported(path, first=date.fromisoformat(first), last=date.fromisoformat(last))
    assert report.loaded.events == len(chosen) > 0
    assert report.loaded.outside == len(EVENTS) + 1 - len(chosen)
    assert answered(report) == expected(chosen)


def test_the_same_events_give_the_same_report(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(lines(EVENTS))
    assert as_json(reported(path)) == as_json(reported(path))


def test_a_table_has_so_many_rows_and_says_how_many_there_are(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(lines(EVENTS))
    document = json.loads(as_json(reported(path, rows=3)))
    part = next(part for part in document["audit"] if part["name"] == "audit_access")
    assert len(part["rows"]) == 3
    assert part["total_rows"] == len(EXPECTED["audit_access"])


def test_clocks_that_are_wrong_leave_the_charts_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    wrong = [
        EVENTS[number] | {"event_id": f"{number:032x}f", "timestamp": time}
        for number, time in enumerate(("0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z"))
    ]
    path.write_bytes(lines(EVENTS + wrong))
    report = reported(path)
    assert report.loaded.unit == "day"
    assert report.loaded.events == len(EVENTS) + 3
    at = report.answers["audit_sources"].columns.index("not_in_charts")
    assert sum(row[at] for row in report.answers["audit_sources"].rows) == 3
