"""Coverage-guided fuzzing, see ``fuzz/harness.py``: only declared errors, and memory stays flat."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from no_network import sitecustomize
from samples import ROOT
from shares import SOAK

RUNS = (
    {"forward": 1_000_000, "json": 1_000_000, "filter": 1_000_000, "msgpack": 100_000}
    if SOAK
    else {"forward": 1_000, "json": 1_500, "filter": 350, "msgpack": 100}
)
HARNESS = ROOT / "tests" / "fuzz" / "harness.py"
MAX_GROWTH = 1.05
TIMEOUT_SECS = 14_400 if SOAK else 240

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("atheris") is None, reason="atheris has wheels for Linux on x86-64 alone"
    ),
]


def fuzz(target: str, runs: int, folder: Path) -> subprocess.CompletedProcess[str]:
    path = filter(None, (str(Path(sitecustomize.__file__).parent), os.environ.get("PYTHONPATH")))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path), "PYTHONHASHSEED": "0"}
    return subprocess.run(
        [sys.executable, str(HARNESS), target, str(runs), str(folder)],
        check=False,
        capture_output=True,
        text=True,
        errors="replace",
        env=environment,
        cwd=folder,
        timeout=TIMEOUT_SECS,
    )


@pytest.mark.parametrize("target", RUNS)
def test_whatever_comes_in_only_declared_errors_come_out(target: str, tmp_path: Path) -> None:
    done = fuzz(target, RUNS[target], tmp_path)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["runs"] == RUNS[target]
    assert report["end_kb"] <= report["half_kb"] * MAX_GROWTH, report


def test_an_error_that_is_not_declared_is_found(tmp_path: Path) -> None:
    """A target that fails on one input in thousands, which coverage leads to."""
    done = fuzz("planted fault", 60_000, tmp_path)
    assert done.returncode != 0
    assert "this is the fault" in done.stdout
    assert list(tmp_path.glob("crash-*"))
