"""The content for Google SecOps. Nothing that can be installed parses or runs it: ``test_siem_content`` reads its fields."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from query_fields import yara_l_fields
from siem_panels import CONTENT, PANELS, query
from veilog_filters.encode import udm

SECOPS = CONTENT / "secops"
FILES = sorted(SECOPS.glob("*/*.yaral"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_a_query_asks_for_no_key_of_an_object_among_the_extensions(file: Path) -> None:
    """Google documents how to ask for a key of ``additional``, not for one of an object in it."""
    keys = {field.removeprefix("additional.") for field in yara_l_fields(query(file).text) if "additional." in field}
    assert not any("." in key for key in keys)


def test_the_questions_are_those_of_the_other_siems() -> None:
    names = {folder: {file.stem for file in FILES if file.parent.name == folder} for folder in ("audit", "panels")}
    for siem in ("splunk", "sentinel"):
        assert names["audit"] < {file.stem for file in (CONTENT / siem / "audit").iterdir()}
    assert names["panels"] < {panel.name for panel in PANELS}


def test_the_example_of_a_request_is_what_the_encoder_writes() -> None:
    """The example holds an event of a sample, as ``veilog filter --schema udm`` writes it."""
    example = json.loads((SECOPS / "import-events.json").read_text(encoding="utf-8"))
    (event,) = example["inlineSource"]["events"]
    sample = CONTENT.parents[1] / "parsers/samples/aws_bedrock_invocation/error_guardrail.out.json"
    (golden,) = json.loads(sample.read_text(encoding="utf-8"))
    assert event["udm"] == udm.ENCODER.encode(without_text(golden))


def without_text(event: dict[str, object]) -> dict[str, object]:
    """A golden without what leaves under the policy of the goldens alone."""
    return {name: value for name, value in event.items() if name not in ("content", "unmapped")}
