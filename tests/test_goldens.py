"""Every sample of every source, through the whole pipeline: what leaves is what was reviewed."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import orjson
import pytest

from samples import ROOT, Sample, rendered, samples
from veilog_filters.config import Config
from veilog_filters.encode import native
from veilog_filters.pipeline import Pipeline
from veilog_parsers.record.raw import RawRecord
from veilog_parsers.registry import SOURCES

ALL = list(samples())
EVENT_SCHEMA: dict[str, Any] = json.loads((ROOT / "conf" / "schema" / "native.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(EVENT_SCHEMA)


@pytest.mark.parametrize("sample", ALL, ids=str)
def test_golden(sample: Sample, golden: Pipeline) -> None:
    events = golden(sample.record())
    assert rendered(events) == sample.golden.read_text(encoding="utf-8"), "review with: make golden && git diff"
    for event in events:
        VALIDATOR.validate(event)


@pytest.mark.parametrize("source", [source.name for source in SOURCES] + ["mapped"])
@pytest.mark.parametrize("case", ["good_", "error_", "malformed", "oversized"])
def test_every_source_has_samples_of_each_kind(source: str, case: str) -> None:
    assert [sample for sample in ALL if sample.source == source and sample.case.startswith(case)]


@pytest.mark.parametrize(
    "sample", [s for s in ALL if s.case.startswith(("good", "error")) and s.source != "other"], ids=str
)
def test_samples_are_recognized(sample: Sample, golden: Pipeline) -> None:
    events = golden(sample.record())
    assert {event["source"] for event in events} <= {sample.source, "mapped_bodies", "other"}
    assert events[0]["source"] in (sample.source, "mapped_bodies")


@pytest.mark.parametrize("source", [source.name for source in SOURCES])
def test_a_field_that_no_parser_knows_shows_up_as_unmapped(source: str, golden: Pipeline) -> None:
    sample = next(sample for sample in ALL if sample.source == source and sample.case.startswith("good"))
    record = orjson.loads(sample.line) | {"brandNewField": "drift"}
    (event,) = golden(RawRecord(record, sample.line))
    assert event["source"] == source
    assert event["unmapped"]["brandNewField"] == "drift"


def test_oversized_samples_are_cut_and_say_so(golden: Pipeline) -> None:
    for sample in ALL:
        if sample.case == "oversized":
            (event,) = golden(sample.record())
            proof = event["redaction"]
            # What is too long for a name leaves as its hash, a text up to the scan limit.
            assert proof["hashed_fields"] or (proof["status"] == "truncated" and proof["truncated_bytes"] > 500), sample


def test_the_schemas_on_file_are_current() -> None:
    assert native.json_schema() == EVENT_SCHEMA, "run: make generate"
    assert Config.model_json_schema() == json.loads((ROOT / "conf" / "schema" / "config.json").read_text())
