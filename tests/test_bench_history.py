"""The history of the benchmarks says what was measured, with what, and nothing of where; its picture shows each run."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

import bench_history

RATIOS = {"detect": {"clean": 101.237, "dense": 3.2}, "filter": {"clean": 60.0, "dense": 2.0}}


def test_a_run_is_appended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        bench_history, "_git", lambda *arguments: {"rev-parse": "abcdef0123", "status": " M x"}[arguments[0]]
    )
    history = tmp_path / "history.jsonl"
    assert bench_history.read(history) == []
    for _ in range(2):
        bench_history.append(bench_history.entry(RATIOS, 800, 3), history)
    first, second = bench_history.read(history)
    assert first == second
    assert first["commit"] == "abcdef0123+"
    assert first["ratios"]["detect"] == {"clean": 101.24, "dense": 3.2}
    assert (first["records"], first["rounds"]) == (800, 3)


def test_the_processor_is_named_without_anything_else_of_the_machine(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\nflags\t: x\n")
    assert bench_history.processor(tmp_path / "cpuinfo") == "Some CPU @ 2 GHz"
    assert bench_history.processor(tmp_path / "missing")


def test_what_is_checked_in_names_no_path_and_no_host() -> None:
    for run in (bench_history.entry(RATIOS, 800, 3), *bench_history.read()):
        assert set(run) == {"date", "commit", "version", "python", "cpu", "records", "rounds", "ratios"}
        assert not re.search(r"/(home|root|work|tmp|Users)\b", json.dumps(run))


@pytest.mark.parametrize("runs", [0, 1, 3])
def test_every_run_is_a_point_of_every_line(runs: int) -> None:
    line: dict[str, Any] = {"date": "2026-01-01", "commit": "<abc>", "ratios": RATIOS}
    picture = ET.fromstring(bench_history.draw([line] * runs))
    tag = "{http://www.w3.org/2000/svg}"
    circles = picture.findall(f"{tag}circle")
    assert len(circles) == 4 * runs
    assert len(picture.findall(f"{tag}polyline")) == (4 if runs else 0)
    width, height = (float(part) for part in picture.attrib["viewBox"].split()[2:])
    assert all(0 < float(circle.attrib["cx"]) < width and 0 < float(circle.attrib["cy"]) < height for circle in circles)
    # More is higher.
    if runs:
        assert float(circles[0].attrib["cy"]) < float(circles[runs].attrib["cy"])
