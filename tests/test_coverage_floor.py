"""The floor of coverage is read from pyproject.toml and counts branches alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import check_coverage


@pytest.mark.parametrize(("covered", "code"), [(80, 0), (79, 1)])
def test_too_few_branches_fail(covered: int, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    totals = {"covered_branches": covered, "num_branches": 100, "percent_covered": 99.0}
    (tmp_path / "coverage.json").write_text(json.dumps({"totals": totals}))
    assert check_coverage.main(tmp_path / "coverage.json", 80.0) == code
    assert f"{covered}.0 %, floor 80 %" in capsys.readouterr().out


def test_there_is_a_floor() -> None:
    assert 0 < check_coverage.floor() < 100
