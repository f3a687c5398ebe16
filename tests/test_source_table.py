"""The tables of sources say what the sources say, the table of fields what the gate does."""

from __future__ import annotations

import pytest

import field_table
from source_table import PAGE, README, gives, page, short_table, updated
from veilog_parsers.registry import SOURCES
from veilog_parsers.source import Source


def test_the_table_is_current() -> None:
    readme = README.read_text(encoding="utf-8")
    assert updated(readme) == readme, "run `make generate`"
    assert short_table() in readme
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make generate`"


def test_the_table_of_fields_is_current() -> None:
    assert field_table.PAGE.read_text(encoding="utf-8") == field_table.page(), "run `make generate`"


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_a_source_says_what_it_is_and_what_it_lacks(source: Source) -> None:
    assert source.summary.endswith(".")
    assert source.never_carries.endswith(".")
    assert source.references
    assert "|" not in source.summary + source.never_carries


def test_what_a_source_gives_is_what_its_samples_have() -> None:
    assert gives("ollama") == "(prompt), address, latency, outcome"
    assert gives("aws_cloudtrail") == "(prompt), (response), (model), (tools), who, address, outcome"
    assert gives("no such source") == ""
