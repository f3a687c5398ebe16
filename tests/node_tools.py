"""Runs the validators of ``tests/node``, which their makers publish for Node.js."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

FOLDER: Final = Path(__file__).parent / "node"
needs_node = pytest.mark.skipif(
    shutil.which("node") is None or not (FOLDER / "node_modules").exists(),
    reason="needs Node.js and `npm ci` in tests/node",
)


def node(script: str, asked: Any) -> Any:
    """What a script answers to a question; both are JSON."""
    done = subprocess.run(
        ["node", FOLDER / script], input=json.dumps(asked).encode(), capture_output=True, check=True, timeout=600
    )
    return json.loads(done.stdout)
