"""Fails if fewer branches of ``filters/`` are taken by the tests than before: ``check_coverage.py coverage.json``.

A floor, not an aim: it stands just below what was measured, and is raised when the tests reach more. Branches alone
count: a line that runs says little about the way that was not taken.
"""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).parents[1] / "pyproject.toml"


def floor() -> float:
    """The floor in per cent, from pyproject.toml."""
    return float(tomllib.loads(PROJECT.read_text(encoding="utf-8"))["tool"]["veilog"]["min_branch_percent"])


def main(report: Path, least: float) -> int:
    """Compare a report of ``coverage json`` with the floor; the exit code."""
    totals = json.loads(report.read_text(encoding="utf-8"))["totals"]
    covered, number = totals["covered_branches"], totals["num_branches"]
    percent = 100 * covered / number
    print(f"{covered} of {number} branches of filters/: {percent:.1f} %, floor {least:g} %")
    return 0 if percent >= least else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), floor()))
