"""What all tests run under: no network, a key, and one Presidio for all who only read from it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from no_network import sitecustomize
from samples import KEY_FILE, golden_pipeline
from veilog_filters.config import Detect
from veilog_filters.detect.presidio.engine import PresidioDetector
from veilog_filters.pipeline import Pipeline

# Subprocesses have other homes: what was compiled once serves all tests.
os.environ.setdefault("VEILOG_CACHE_DIR", str(Path(tempfile.gettempdir()) / f"veilog-tests-{os.getuid()}"))

Run = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.fixture(autouse=True, scope="session")
def _network_is_denied() -> None:
    with pytest.raises(sitecustomize.NetworkDenied):
        socket.create_connection(("192.0.2.1", 80), timeout=1)


@pytest.fixture(autouse=True)
def _key_in_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VEILOG_HASH_KEY", KEY_FILE.read_text().strip())


@pytest.fixture(scope="session")
def presidio() -> PresidioDetector:
    """Presidio with the default options."""
    return PresidioDetector(Detect())


@pytest.fixture(scope="session")
def golden() -> Pipeline:
    """The pipeline of the goldens."""
    return golden_pipeline()


@pytest.fixture
def veilog(tmp_path: Path) -> Run:
    """Runs the ``veilog`` command in a process of its own, without network, without HOME, in an empty directory."""

    def run(*arguments: str | Path, stdin: bytes = b"", **environment: str) -> subprocess.CompletedProcess[bytes]:
        inherited: dict[str, Any] = {
            name: value
            for name, value in os.environ.items()
            if name in ("PATH", "VEILOG_HASH_KEY", "VEILOG_CACHE_DIR", "LANG", "COVERAGE_PROCESS_CONFIG")
        }
        # What this process imports, its children import too.
        path = filter(None, (str(Path(sitecustomize.__file__).parent), os.environ.get("PYTHONPATH")))
        inherited |= {"PYTHONPATH": os.pathsep.join(path), "HOME": str(tmp_path)}
        return subprocess.run(
            [sys.executable, "-m", "veilog_filters", *map(str, arguments)],
            check=False,
            input=stdin,
            capture_output=True,
            env={name: value for name, value in (inherited | environment).items() if value},
            cwd=tmp_path,
            timeout=300,
        )

    return run
