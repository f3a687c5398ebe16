"""The add-on for Splunk: Splunk's own checks pass, and what it asks for is what veilog writes.

Nothing that can be installed runs Splunk's queries. So they are read word by word (``query_fields``, ``test_siem_content``), the dashboard is
checked by Splunk's validator (``npm ci`` in tests/node), and the add-on by splunk-appinspect, which needs an environment of
its own: its dependencies are old (``make appinspect``).
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

import splunk_app
import veilog_filters
from node_tools import needs_node, node
from query_fields import calculated, conf
from samples import ROOT
from schema_definitions import CIM
from siem_panels import PANELS

SPLUNK = splunk_app.SPLUNK
DEFAULT = splunk_app.ADD_ON / "default"
APPINSPECT = ROOT / ".venv-appinspect" / "bin" / "splunk-appinspect"


def test_what_the_add_on_makes_of_fields() -> None:
    assert calculated().keys() == {"data_class", "caller", "place"}


def test_every_kind_of_event_is_read_and_tagged_as_its_model_wants() -> None:
    kinds = {place.rpartition(":")[2] for place in conf("props.conf").sections()}
    assert kinds == {"ai_access", "ai_control_plane", "other", "quarantine"}
    searches = {name: section["search"] for name, section in conf("eventtypes.conf").items() if name != "DEFAULT"}
    tags = {
        searches[name.removeprefix("eventtype=")]: set(section)
        for name, section in conf("tags.conf").items()
        if name != "DEFAULT"
    }
    assert tags == {'sourcetype="veilog:ai_access"': {"web"}, 'sourcetype="veilog:ai_control_plane"': {"change"}}
    models = json.loads((DEFAULT.parent / "app.manifest").read_text())["info"]["commonInformationModels"]
    assert models.keys() == {"Web", "Change"} <= CIM.keys()


def test_the_add_on_has_the_version_of_veilog() -> None:
    app = conf("app.conf")
    manifest = json.loads((DEFAULT.parent / "app.manifest").read_text())
    assert {app["id"]["version"], app["launcher"]["version"], manifest["info"]["id"]["version"]} == {
        veilog_filters.__version__
    }
    assert app["id"]["name"] == app["package"]["id"] == manifest["info"]["id"]["name"] == DEFAULT.parent.name
    assert (DEFAULT.parent / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


def test_every_query_is_in_the_add_on() -> None:
    searches = conf("savedsearches.conf")
    names = {file.stem for folder in ("alerts", "audit") for file in (SPLUNK / folder).iterdir()}
    found = {f"AI use: detection {file.stem}" for file in (SPLUNK / "detections").iterdir()}
    assert set(searches.sections()) == {f"AI use: {name}" for name in names} | found
    assert {panel.name for panel in PANELS} == {file.stem for file in (SPLUNK / "panels").iterdir()}
    for name in names:
        assert searches[f"AI use: {name}"]["search"].startswith("`veilog`")
    assert searches["AI use: user_volume"]["enableSched"] == "1"


def dashboard() -> Any:
    view = splunk_app.VIEW.read_text(encoding="utf-8")
    (definition,) = re.findall(r"<definition><!\[CDATA\[(.*)\]\]></definition>", view, re.DOTALL)
    return json.loads(definition)


@needs_node
def test_splunk_accepts_the_dashboard() -> None:
    assert node("dashboard.js", dashboard()) == []


@needs_node
@pytest.mark.parametrize(
    "broken",
    [
        {"visualizations": {}},
        {"layout": {}},
        {"dataSources": {"threats": {"type": "ds.search", "options": {"qry": ""}}}},
    ],
    ids=str,
)
def test_the_check_of_the_dashboard_can_fail(broken: dict[str, Any]) -> None:
    assert node("dashboard.js", dashboard() | broken) != []


needs_appinspect = pytest.mark.skipif(not APPINSPECT.exists(), reason="needs splunk-appinspect: `make appinspect`")


def inspected(add_on: Path, folder: Path) -> dict[str, int]:
    """How many of Splunk's checks ended how."""
    package, report = folder / "TA-veilog.tgz", folder / "report.json"
    with tarfile.open(package, "w:gz") as archive:
        archive.add(add_on, "TA-veilog")
    command = [str(APPINSPECT), "inspect", str(package), "--mode", "precert", "--included-tags", "cloud"]
    done = subprocess.run(
        [*command, "--data-format", "json", "--output-file", str(report)], check=False, capture_output=True, timeout=300
    )
    assert report.exists(), done.stderr.decode()
    summary: dict[str, int] = json.loads(report.read_text())["summary"]
    return summary


@needs_appinspect
def test_splunk_accepts_the_add_on(tmp_path: Path) -> None:
    summary = inspected(splunk_app.ADD_ON, tmp_path)
    bad = ("error", "failure", "future_failure", "warning")
    assert summary["success"] > 90
    assert {name: summary[name] for name in bad} == dict.fromkeys(bad, 0)


@needs_appinspect
def test_the_check_of_the_add_on_can_fail(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(splunk_app.ADD_ON, broken)
    (broken / "default" / "outputs.conf").write_text("[tcpout]\ndefaultGroup = elsewhere\n")
    assert inspected(broken, tmp_path)["failure"] > 0
