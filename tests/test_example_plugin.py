"""The example in ``examples/plugin``, installed as anybody would install it, and run through the command."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from conftest import Run
from samples import ROOT
from veilog_filters import api as filters_api
from veilog_filters import interrupt
from veilog_filters.fence import REASONS
from veilog_parsers import api as parsers_api

EXAMPLE = ROOT / "examples" / "plugin"
BADGE = "AC-104432"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the example is installed."""
    folder = tmp_path_factory.mktemp("plugin")
    # Built from a copy: a build leaves files in its source.
    shutil.copytree(EXAMPLE, folder / "source")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index"]
    command += ["--no-deps", "--no-build-isolation", "--target", str(folder / "site"), str(folder / "source")]
    subprocess.run(command, check=True, timeout=120)
    return folder / "site"


@pytest.fixture
def with_plugin(veilog: Run, site: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command, beside the installed example."""
    monkeypatch.setenv("PYTHONPATH", str(site), prepend=":")
    return veilog


def events_of(out: bytes) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in out.splitlines()]


def test_the_lists_have_it(with_plugin: Run) -> None:
    for door, name in {
        "sources": "acme_gateway",
        "detectors": "acme_badge",
        "encoders": "acme_siem",
        "rules": "acme_rules",
    }.items():
        done = with_plugin(door)
        assert done.returncode == 0, done.stderr
        (line,) = [line for line in done.stdout.decode().splitlines() if line.startswith(f"{name} ")]
        assert line.split()[1:4] == ["on", "acme-veilog", "1.0.0"]


def test_the_command_reads_finds_labels_and_writes_with_it(with_plugin: Run, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("policy: {content: redacted}\n")
    done = with_plugin("filter", "--config", "c.yaml", EXAMPLE / "records.jsonl")
    assert done.returncode == 0, done.stderr
    event, refused = events_of(done.stdout)
    assert event["source"] == "acme_gateway"
    assert event["content"]["prompt"] == "Which door does badge <ACME_BADGE> open? Answer to <EMAIL_ADDRESS>."
    assert event["prompt_classification"] == "confidential"
    assert event["response_classification"] == "restricted"
    assert event["classification_rules"]["response"] == ["acme_secret_project"]
    assert event["redaction"]["policy"] == "default default/1 acme/1"
    assert event["redaction"]["unmapped_fields"] == 0
    assert (refused["source"], refused["error_type"]) == ("acme_gateway", "unrecognized")
    done = with_plugin("filter", "--config", "c.yaml", "--schema", "acme_siem", EXAMPLE / "records.jsonl")
    encoded, alert, refused = events_of(done.stdout)
    assert alert["about"] == encoded["id"]
    assert encoded["version"] == "acme-siem/3"
    assert encoded["title"] == "chat: gpt-4o-mini"
    assert encoded["text"] == event["content"]
    assert encoded["id"] == event["event_id"]
    assert refused["reason"] == "unrecognized"
    assert BADGE.encode() not in done.stdout


def test_each_part_can_be_turned_off(with_plugin: Run, tmp_path: Path) -> None:
    parts = {"sources": "acme_gateway", "detectors": "acme_badge", "rules": "acme_rules", "encoders": "acme_siem"}
    disabled = "".join(f"    {door}: [{name}]\n" for door, name in parts.items())
    (tmp_path / "c.yaml").write_text(f"plugins:\n  disable:\n{disabled}")
    done = with_plugin("filter", "--config", "c.yaml", EXAMPLE / "records.jsonl")
    assert [event["error_type"] for event in events_of(done.stdout)] == ["unrecognized", "unrecognized"]
    assert [event["source"] for event in events_of(done.stdout)] == ["other", "other"]
    done = with_plugin("filter", "--config", "c.yaml", "--schema", "acme_siem", EXAMPLE / "records.jsonl")
    assert done.returncode == 2
    assert b"the encoder acme_siem is turned off" in done.stderr
    done = with_plugin("encoders", "--config", "c.yaml")
    assert re.search(rb"acme_siem +off ", done.stdout)


def test_without_it_its_names_are_not_known(veilog: Run, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("plugins: {disable: {sources: [acme_gateway]}}\n")
    done = veilog("check", "c.yaml")
    assert done.returncode == 2
    assert b"c.yaml:1: plugins.disable.sources[0]: there is no such source." in done.stderr


def test_several_workers_use_it_and_check_accepts_it(with_plugin: Run, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(
        "sidecar: {http: '', listen: {tcp: '127.0.0.1:24999'}}\nredact: {operators: {ACME_BADGE: hash}}\n"
    )
    done = with_plugin("check", "c.yaml")
    assert (done.returncode, done.stdout) == (0, b"c.yaml: ok\n"), done.stderr
    line = (EXAMPLE / "records.jsonl").read_bytes().splitlines(keepends=True)[0]
    done = with_plugin("filter", "--config", "c.yaml", "--workers", "2", stdin=line * 50)
    assert [event["source"] for event in events_of(done.stdout)] == ["acme_gateway"] * 50


PAGE = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_the_page_shows_what_the_example_says() -> None:
    files = "".join(path.read_text(encoding="utf-8") for path in sorted((EXAMPLE / "acme_veilog").glob("*.py")))
    assert len(blocks("python")) == 7
    for block in blocks("python"):
        assert block in files
    (entry_points,) = blocks("toml")
    assert entry_points in (EXAMPLE / "pyproject.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("api", [parsers_api, filters_api], ids=["parsers", "filters"])
def test_the_page_names_all_that_is_public_and_nothing_else(api: Any) -> None:
    version = re.escape(api.API_VERSION)
    (said,) = re.findall(rf"^`{api.__name__}` {version} has (.*?)\n\n", PAGE + "\n\n", re.MULTILINE | re.DOTALL)
    assert set(re.findall(r"`(\w+)`", said)) == set(api.__all__) - {"API_VERSION"}
    assert all(hasattr(api, name) for name in api.__all__)


def test_the_page_turns_off_what_can_be_turned_off(with_plugin: Run, tmp_path: Path) -> None:
    (yaml,) = blocks("yaml")
    (tmp_path / "c.yaml").write_text(yaml)
    done = with_plugin("rules", "--config", "c.yaml")
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"acme_rules  off" in done.stdout
    commands = re.findall(r"^    veilog (\w+)$", PAGE, re.MULTILINE)
    assert commands == ["sources", "detectors", "encoders", "rules"]


def test_the_page_has_the_numbers_and_names_of_the_code() -> None:
    assert f"After {interrupt.MAX_INTERRUPTS} times in vain" in PAGE
    assert interrupt.WAITING == 5
    assert "five times as long on the clock" in PAGE
    rows = re.findall(r"^\|.*\| `(\w+)` \|$", PAGE, re.MULTILINE)
    assert [row for row in rows if row in REASONS] == list(dict.fromkeys(("raised", "bad_result", "over_budget")))
