"""The list of published detections says only what is so: fields are in the schema, and the samples have them."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from coverage_page import ANSWERS, RULES, Rule, rules
from facts_page import has
from samples import SAMPLES
from veilog_filters.encode import native

ALL = rules()
SCHEMA = native.json_schema()
NEEDS_TEXT = ("content.", "tool_calls.arguments")


def schema_at(schema: Any, keys: tuple[str, ...]) -> Any:
    """What the JSON Schema says at a path, through references, lists and alternatives; None if it has no such place."""
    if "$ref" in schema:
        return schema_at(SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]], keys)
    if not keys:
        return schema
    inner = [schema["items"]] if "items" in schema else schema.get("anyOf", [])
    if keys[0] in schema.get("properties", {}):
        return schema_at(schema["properties"][keys[0]], keys[1:])
    return next((found for option in inner if (found := schema_at(option, keys)) is not None), None)


def path_of(field: str) -> tuple[str, ...]:
    return tuple(field.split("."))


def events(source: str) -> list[dict[str, Any]]:
    return [
        event
        for path in (SAMPLES / source).glob("*.out.json")
        for event in json.loads(path.read_text(encoding="utf-8"))
    ]


@pytest.mark.parametrize("rule", ALL, ids=lambda rule: rule.path)
def test_every_field_is_in_the_schema(rule: Rule) -> None:
    assert rule.fields
    for field in rule.fields:
        assert schema_at(SCHEMA, path_of(field)) is not None, field


def test_a_field_that_is_not_in_the_schema_is_found() -> None:
    assert schema_at(SCHEMA, ("no_such_field",)) is None
    assert schema_at(SCHEMA, ("guardrail", "no_such_field")) is None
    assert schema_at(SCHEMA, ("upstream_threats", "type")) is not None


@pytest.mark.parametrize("rule", [rule for rule in ALL if rule.source], ids=lambda rule: rule.path)
def test_the_samples_of_the_source_have_every_field(rule: Rule) -> None:
    there = events(rule.source)
    assert there
    assert [field for field in rule.fields if not any(has(event, path_of(field)) for event in there)] == []


@pytest.mark.parametrize("rule", ALL, ids=lambda rule: rule.path)
def test_the_answer_fits_what_the_rule_looks_at(rule: Rule) -> None:
    assert rule.expressible in ANSWERS
    reads_text = any(field.startswith(NEEDS_TEXT) for field in rule.fields)
    assert reads_text == (rule.expressible == "text")
    assert bool(rule.source) == (rule.expressible != "no") == (not rule.lacks)


def test_the_list_is_whole() -> None:
    """As many rules as were published when the list was made, each once."""
    assert Counter(rule.origin for rule in ALL) == {
        "Elastic": 40,
        "Splunk": 33,
        "Microsoft Sentinel": 6,
        "Panther": 29,
        "SigmaHQ": 2,
    }
    assert len({rule.link for rule in ALL}) == len(ALL)
    assert RULES.exists()
