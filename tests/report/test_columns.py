"""The report's columns are read back from every schema as the encoders wrote them, and hostile values become none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from samples import SAMPLES
from veilog_filters import plugins
from veilog_filters.encode import mappings
from veilog_filters.report import columns
from veilog_filters.report.columns import COLUMNS, SCHEMAS, Reader, column
from veilog_filters.report.queries import QUERIES
from veilog_filters.report.views import EVENTS as VIEW

ENCODERS = {offer.name: encoder.encode for offer, encoder in plugins.select("encoders", ())}
READER = Reader()
HOSTILE: list[Any] = [
    None,
    "",
    "x" * 10_000,
    -1,
    2**70,
    1e308,
    float("nan"),
    True,
    [],
    {},
    [[]],
    {"a": {}},
    [None],
    "{",
    "\x00",
]


def row_of(document: Any) -> dict[str, Any]:
    found = READER.rows(document)
    assert found is not None
    return found[1][0]


def events() -> list[dict[str, Any]]:
    return [
        event for path in sorted(SAMPLES.rglob("*.out.json")) for event in json.loads(path.read_text(encoding="utf-8"))
    ]


EVENTS = events()


def test_what_is_written_beside_an_event_is_no_second_event() -> None:
    writers = {offer.name: encoder.further for offer, encoder in plugins.select("encoders", ()) if encoder.further}
    beside = [
        (schema, document) for schema, further in writers.items() for event in EVENTS for document in further(event)
    ]
    assert beside
    for schema, document in beside:
        assert READER.rows(json.loads(json.dumps(document))) == (schema, [])


@pytest.mark.parametrize("schema", ENCODERS)
def test_what_was_written_is_read_back(schema: str) -> None:
    for event in EVENTS:
        written = json.loads(json.dumps(ENCODERS[schema](event)))
        found = READER.rows(written)
        assert found is not None
        assert found[0] == schema
        native, row = row_of(event), found[1][0]
        if "timestamp" not in event:
            # Other schemas require a time, and get that of writing.
            row.pop("timestamp", None)
        elif schema == "splunk_cim":
            native["timestamp"] -= native["timestamp"] % 1_000
        if schema == "udm" and event["kind"] != "ai_access":
            # What is no call is at the thing that it changed, in the place of the model.
            row["model_name"] = native.get("model_name")
        assert {name: value for name, value in row.items() if value is not None} == native


def test_the_columns_are_fields_and_each_is_asked_for() -> None:
    assert COLUMNS.keys() <= set(mappings.fields())
    assert {schema.name for schema in SCHEMAS} == set(plugins.BUILT_IN["encoders"])
    asked = VIEW + "".join(query.sql for query in QUERIES)
    assert [name for name in map(column, COLUMNS) if name not in asked and name != "event_id"] == []


def test_several_records_of_one_document_are_several_events() -> None:
    first, second = (ENCODERS["otel"](event) for event in EVENTS[:2])
    first["resourceLogs"] += second["resourceLogs"]
    found = READER.rows(first)
    assert found is not None
    assert [row["event_id"] for row in found[1]] == [event["event_id"] for event in EVENTS[:2]]


def test_objects_that_are_texts_of_json_are_opened() -> None:
    written = json.loads(json.dumps(ENCODERS["asim"](EVENTS[0])))
    expected = row_of(written)
    written["AdditionalFields"] = json.dumps(written["AdditionalFields"])
    assert row_of(written) == expected


def leaves(value: Any) -> list[tuple[Any, Any]]:
    """Every place of a document that holds something: the container and the key."""
    if isinstance(value, dict):
        return [(value, key) for key in value] + [leaf for item in value.values() for leaf in leaves(item)]
    if isinstance(value, list):
        return [(value, number) for number in range(len(value))] + [leaf for item in value for leaf in leaves(item)]
    return []


@pytest.mark.parametrize("schema", ENCODERS)
def test_hostile_values_are_absent_or_short(schema: str) -> None:
    document = json.loads(json.dumps(ENCODERS[schema](max(EVENTS, key=lambda event: len(row_of(event))))))
    for container, key in leaves(document):
        before = container[key]
        for value in HOSTILE:
            container[key] = value
            for row in (READER.rows(document) or ("", []))[1]:
                for name, item in row.items():
                    assert not isinstance(item, str) or 0 < len(item) <= columns.MAX_TEXT_CHARS, name
                    assert type(item) is not int or -(2**63) <= item < 2**63, name
                    assert type(item) is not float or abs(item) < 1e9, name
        container[key] = before


@pytest.mark.parametrize(
    "document", [None, 1, "x", [], {}, {"schema": "veilog/2"}, {"class_uid": 6003}, {"resourceLogs": 3}]
)
def test_what_is_no_event_of_veilogs_is_none(document: Any) -> None:
    assert READER.rows(document) is None


@pytest.mark.parametrize("missing", ["event_id", "source", "kind"])
def test_an_event_has_what_every_event_has(missing: str) -> None:
    assert READER.rows({name: value for name, value in EVENTS[0].items() if name != missing}) is None


def test_long_names_stay_different() -> None:
    one, other = columns.text("x" * 1_000_000), columns.text("x" * 1_000_001)
    assert one is not None
    assert one != other
    assert len(one) < columns.MAX_TEXT_CHARS
