"""Every schema of events: the target's own definition accepts what is written, and no fact is lost on the way."""

from __future__ import annotations

import dataclasses
import importlib
import json
from collections.abc import Iterator
from functools import partial
from itertools import count
from typing import Any

import jsonschema
import msgpack
import orjson
import pytest
from google.protobuf.json_format import ParseError

from facts import event_from, full
from samples import SAMPLES
from schema_definitions import CHECKS, check_otel, leaves
from veilog_filters import plugins
from veilog_filters.encode import asim, ecs, ocsf, otel, splunk_cim, udm
from veilog_filters.encode.table import Row, Table, elsewhere

MODULES = {"ocsf": ocsf, "ecs": ecs, "otel": otel, "splunk_cim": splunk_cim, "asim": asim, "udm": udm}
GOLDENS = sorted(SAMPLES.rglob("*.out.json"))
SAYS_NOTHING = {"schema"}
"""The name of veilog's own schema, which stands in no other."""
LONGEST = 64


LATER = {
    "schema": "veilog/1",
    "event_id": "e2",
    "timestamp": "2026-11-27T10:20:30Z",
    "source": "app_log",
    "kind": "ai_access",
    "user_id": "ann",
    "user_department": "sales",
    "prompt_hash": "ab12",
    "prompt_sketch": ["0a1b2c", "3d4e5f"],
    "threats": [
        {
            "rule_id": "acme-override",
            "severity": "high",
            "maturity": "stable",
            "family": "instruction_override",
            "technique": "AML.T0051.000",
            "owasp": "LLM01:2026",
            "frameworks": [
                {"framework": "mitre-atlas", "version": "2026.09", "id": "AML.T0051.000"},
                {"framework": "mitre-attack", "version": "20", "id": "T1552"},
            ],
            "reporter": "veilog",
            "where": ["user", "tool_result"],
        },
        {"rule_id": "acme-low", "severity": "low", "maturity": "incubating", "family": "custom", "reporter": "lakera"},
    ],
    "leakage": {
        "kinds": ["personal_data", "canary"],
        "entities": {"EMAIL_ADDRESS": 1_501},
        "system_prompt_words": 1_502,
        "system_prompt_percent": 53,
        "canaries": ["payroll"],
    },
    "cross_department": {"user_department": "sales", "resource_departments": ["hr"], "through": ["model"]},
    "off_hours": True,
    "recent": {"window_start": "2026-11-27T10:00:00Z", "requests": 1_503, "repeated_prompts": 1_504},
}
USAGE = {
    "schema": "veilog/1",
    "event_id": "e3",
    "timestamp": "2026-11-27T10:00:00Z",
    "source": "veilog",
    "kind": "usage",
    "user_id": "ann",
    "agent": {"name": "coder"},
    "usage": {
        "scope": "caller",
        "window_secs": 3_600,
        **{name: 1_600 + number for number, name in enumerate(("requests", "tokens", "denied", "off_hours"))},
        "models": ["7c436b98d6fd"],
        "tools": ["0c436b98d6fd"],
        "names_left_out": True,
    },
}


def events() -> Iterator[tuple[str, dict[str, Any]]]:
    """The events of all samples; one with a value in every field; one of each kind with nothing but what is required."""
    for path in GOLDENS:
        for number, event in enumerate(json.loads(path.read_text(encoding="utf-8"))):
            yield f"{path.parent.name}/{path.name}#{number}", event
    for text in ("a1b2c3d4", "192.0.2.7", "x" * LONGEST, "https://api.example.com/v1"):
        yield f"full {text[:12]}", plain(event_from(partial(full, text)))
    yield "facts of later stages", LATER
    yield "usage", USAGE
    for kind in ("ai_access", "ai_control_plane", "other", "quarantine", "usage"):
        yield f"empty {kind}", {"schema": "veilog/1", "event_id": "e1", "source": "other", "kind": kind}
    many = plain(event_from(partial(full, "a1b2c3d4")))
    yield "other numbers", numbered(many, count(1_001)) | {"http_status": 200}
    yield "other texts", lettered(many, count(1_001))
    yield "many tools", many | {"tool_calls": [{"name": f"tool_{number}"} for number in range(1_000)]}


def lettered(value: Any, numbers: Iterator[int]) -> Any:
    """An event whose names are all different, for the same reason."""
    if isinstance(value, dict):
        return {key: lettered(item, numbers) for key, item in value.items()}
    if isinstance(value, list):
        return [lettered(item, numbers) for item in value]
    return f"a1b2c3d{next(numbers)}" if value == "a1b2c3d4" else value


def numbered(value: Any, numbers: Iterator[int]) -> Any:
    """An event whose numbers are all different: one that is lost is not there for another."""
    if isinstance(value, dict):
        return {key: numbered(item, numbers) for key, item in value.items()}
    if isinstance(value, list):
        return [numbered(item, numbers) for item in value]
    return type(value)(next(numbers)) if type(value) in (int, float) else value


def plain(event: dict[str, Any]) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(json.dumps(event))
    return decoded


ALL = dict(events())


def tables_of(schema: str, event: dict[str, Any]) -> Table:
    if schema == "asim":
        return asim.AGENT if event["kind"] == "ai_access" else asim.AUDIT
    table: Table = MODULES[schema].TABLE
    return table


def written_in(schema: str, event: dict[str, Any]) -> dict[str, Any]:
    written: dict[str, Any] = MODULES[schema].ENCODER.encode(event)
    return written


def test_all_schemas_are_asked() -> None:
    assert set(MODULES) == set(CHECKS) == set(plugins.BUILT_IN["encoders"]) - {"native"}
    for name, place in plugins.BUILT_IN["encoders"].items():
        module, _, attribute = place.partition(":")
        assert getattr(importlib.import_module(module), attribute).name == name


GROUPS = sorted({name.partition("/")[0] for name in ALL})
"""The folders of samples, and the other events by themselves: one test for each, since there are thousands of events."""


def in_group(group: str) -> dict[str, dict[str, Any]]:
    return {name: event for name, event in ALL.items() if name.partition("/")[0] == group}


@pytest.mark.parametrize("schema", MODULES)
@pytest.mark.parametrize("group", GROUPS)
def test_what_is_written_is_valid(group: str, schema: str) -> None:
    for event in in_group(group).values():
        CHECKS[schema](written_in(schema, event))


def lost(event: dict[str, Any], schema: str, written: dict[str, Any]) -> list[str]:
    """The fields of an event that are not in what was written, neither as they are nor as their rows make them."""
    made: dict[str, list[Any]] = {}
    for row in tables_of(schema, event).rows:
        if row.transform not in (None, elsewhere):
            made.setdefault(row.field, []).append(row.transform)
    # With their types: True is no 1.
    found_values = [value for _, value in leaves(written)]
    found_values += [int(value) for value in found_values if isinstance(value, str) and value.lstrip("-").isdigit()]
    there = [(type(value), value) for value in found_values]
    if schema == "otel":
        # A null is a value without any of the kinds.
        there.append((type(None), None))
    missing = []
    for path, value in leaves(event):
        wanted = [transform(value) for transform in made.get(path, ())]
        found = [item for want in wanted if want is not None for _, item in leaves(want)]
        if path in SAYS_NOTHING or (type(value), value) in there:
            continue
        if not any((type(item), item) in there for item in found):
            missing.append(path)
    return missing


FURTHER = {schema: module for schema, module in MODULES.items() if module.ENCODER.further is not None}


@pytest.mark.parametrize("schema", FURTHER)
def test_what_is_written_beside_is_valid_too(schema: str) -> None:
    written = [record for event in ALL.values() for record in FURTHER[schema].ENCODER.further(event)]
    assert len(written) > 10
    for record in written:
        CHECKS[schema](record)


@pytest.mark.parametrize("name", [*list(ALL)[::20], "full a1b2c3d4"])
def test_an_encoder_changes_nothing_in_an_event(name: str) -> None:
    """The encoders of other schemas are given the same object."""
    event, before = ALL[name], orjson.dumps(ALL[name])
    for module in MODULES.values():
        written = [module.ENCODER.encode(event), *(module.ENCODER.further or (lambda _: []))(event)]
        orjson.dumps(written)
        assert orjson.dumps(event) == before


@pytest.mark.parametrize("schema", MODULES)
@pytest.mark.parametrize("group", GROUPS)
def test_no_fact_is_lost(group: str, schema: str) -> None:
    missing = {}
    for name, event in in_group(group).items():
        paths = lost(event, schema, written_in(schema, event))
        # OTLP has the time in nanoseconds, which is checked where it is defined.
        missing[name] = [path for path in paths if (schema, path) != ("otel", "timestamp")]
    assert {name: paths for name, paths in missing.items() if paths} == {}


@pytest.mark.parametrize(
    ("trace", "span", "names"),
    [
        ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", {"traceId", "spanId"}),
        ("1-67891233-abcdef012345678912345678", "53995c3f42cd8ad8", {"spanId"}),
        ("0" * 32, "0" * 16, set()),
    ],
    ids=["of W3C", "of X-Ray", "none"],
)
def test_ids_of_traces_are_those_of_the_log_record_where_they_have_their_form(
    trace: str, span: str, names: set[str]
) -> None:
    written = written_in("otel", ALL["full a1b2c3d4"] | {"trace_id": trace, "span_id": span})
    check_otel(written)
    record = written["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]
    assert record.keys() & {"traceId", "spanId"} == names
    found = {attribute["key"]: attribute["value"] for attribute in record["attributes"]}
    assert found.get("veilog.trace_id") == (None if "traceId" in names else {"stringValue": trace})
    assert found.get("veilog.span_id") == (None if "spanId" in names else {"stringValue": span})


def with_numbers(value: Any, number: float) -> Any:
    """An event with another number in every field that has one; counts have 64 bits."""
    if isinstance(value, dict):
        return {key: with_numbers(item, number) for key, item in value.items()}
    if isinstance(value, list):
        return [with_numbers(item, number) for item in value]
    if type(value) is int and type(number) is float and abs(number) >= 2**63:
        return 2**63 - 1
    return number if type(value) in (int, float) else value


@pytest.mark.parametrize("number", [0, -1.0, 5e-324, 2**63 - 1, 1e13, 2.0**63, -(2.0**64), 1.7e308])
@pytest.mark.parametrize("schema", MODULES)
def test_what_is_written_has_no_number_that_cannot_leave(schema: str, number: float) -> None:
    """Writers refuse integers of more than 64 bits, and one that raises would take its neighbours with it."""
    event = with_numbers(ALL["full a1b2c3d4"], number) | {"http_status": 200}
    written = written_in(schema, event)
    assert orjson.loads(orjson.dumps(written))
    assert msgpack.unpackb(msgpack.packb(written))
    assert "latency_ms" not in lost(event, schema, written)


@pytest.mark.parametrize("schema", [name for name in MODULES if name != "asim"])
def test_a_lost_fact_would_be_seen(schema: str) -> None:
    event = ALL["full a1b2c3d4"] | {"model_name": "gpt-4o-lost"}
    table = tables_of(schema, event)
    without = tuple(row for row in table.rows if row.field != "model_name")
    broken = dataclasses.replace(table, rows=(*without, Row("model_name", "", transform=elsewhere)))
    made = lost(event, schema, broken.compiled()(event))
    # What only repeats a fact (an object's name) may have it still.
    assert "model_name" in made or schema in ("splunk_cim",)


@pytest.mark.parametrize(
    "change",
    [
        {"no_such_attribute": 1},
        {"time": "yesterday"},
        {"severity_id": 12},
        {"src_endpoint": {"ip": "81.2.69.***"}},
        {"src_endpoint": {}},
        {"ai_model": {"name": "gpt-4o"}},
        {"type_uid": 600301},
        {"enrichments": [{"name": "prompt_hash"}]},
    ],
    ids=str,
)
def test_the_check_of_ocsf_can_fail(change: dict[str, Any]) -> None:
    with pytest.raises((jsonschema.ValidationError, AssertionError)):
        CHECKS["ocsf"](written_in("ocsf", ALL["full a1b2c3d4"]) | change)


@pytest.mark.parametrize(
    ("schema", "change"),
    [
        ("ecs", {"no": {"such": 1}}),
        ("ecs", {"event": {"kind": "odd"}}),
        ("ecs", {"source": {"ip": "81.2.69.***"}}),
        ("ecs", {"gen_ai": {"request": {"model": {"id": "m"}}}}),
        ("splunk_cim", {"sourcetype": "veilog:ai_access", "event": {"action": "allowed"}}),
        ("splunk_cim", {"odd": 1}),
        ("asim", {"NoSuchColumn": 1}),
        ("asim", {"InputTokensUsed": "12"}),
        ("udm", {"metadata": {"eventTimestamp": "2026-01-01T00:00:00Z", "eventType": "AI_CALL"}}),
        ("udm", {"principal": {}}),
        ("otel", {"resourceLogs": []}),
        ("otel", {"no_such_field": 1}),
    ],
    ids=str,
)
def test_the_other_checks_can_fail(schema: str, change: dict[str, Any]) -> None:
    with pytest.raises((AssertionError, KeyError, ValueError, ParseError)):
        CHECKS[schema](written_in(schema, ALL["full a1b2c3d4"]) | change)
