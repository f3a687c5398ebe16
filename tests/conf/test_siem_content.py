"""What teams import into their SIEMs asks for no field that nothing writes.

A dashboard, an alert or an audit query over a field that does not exist is not refused: it is empty, and says that all
is well. So each folder of conf/siem has a row here: the schema in which its SIEM gets events, and what finds the fields
in a file of that folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from query_fields import secops_fields, sentinel_fields, splunk_fields
from samples import ROOT
from siem_fields import elastic_fields, emitted, esql_fields, unknown

FOLDER = ROOT / "conf" / "siem"


class Siem(NamedTuple):
    """The content for a SIEM."""

    schema: str
    suffixes: tuple[str, ...]
    """Of the files that ask for fields."""
    fields: Callable[[Path], Iterator[str]]
    others: tuple[str, ...] = ()
    """Suffixes of files that ask for no fields, or are made of those that do and have tests of their own."""


SIEMS = {
    "elastic": Siem("ecs", (".esql", ".eql", ".ndjson", ".json"), elastic_fields),
    "splunk": Siem("splunk_cim", (".spl",), splunk_fields, ("", ".conf", ".manifest", ".meta", ".xml")),
    "sentinel": Siem("asim", (".kql",), sentinel_fields, (".json",)),
    "secops": Siem("udm", (".yaral",), secops_fields, (".json",)),
}
WITHOUT_FIELDS = (".md", ".yaml", ".py", ".json")
"""Pages, the sources that the other files are made from, and automation, which has tests of its own."""
NO_QUERIES = {"connector.json"}
"""Where an alert is sent, not what it says."""


def files(name: str) -> list[Path]:
    found = (path for path in (FOLDER / name).rglob("*") if path.suffix in SIEMS[name].suffixes)
    return sorted(path for path in found if path.name not in NO_QUERIES)


def test_every_file_is_looked_at() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {*SIEMS, "playbooks", "sigma"}
    for name, siem in SIEMS.items():
        others = {path.suffix for path in (FOLDER / name).rglob("*") if path.is_file()} - {*siem.suffixes}
        assert others <= {*WITHOUT_FIELDS, *siem.others}, name


@pytest.mark.parametrize(
    ("name", "path"),
    [(name, path) for name in SIEMS for path in files(name)],
    ids=lambda value: getattr(value, "name", value),
)
def test_content_asks_for_fields_that_are_written(name: str, path: Path) -> None:
    siem = SIEMS[name]
    assert list(siem.fields(path)), "a file that asks for no field is read wrongly"
    assert unknown(siem.fields(path), siem.schema) == set()


def test_a_field_that_nothing_writes_is_seen() -> None:
    query = 'FROM logs-veilog-* | WHERE user.name == "a.b" AND veilog.kind == "x" | STATS n = SUM(veilog.no_such) BY `no.such`'
    assert unknown(esql_fields(query), "ecs") == {"veilog.no_such", "no.such"}
    assert "gen_ai.usage.input_tokens" in emitted("ecs")
