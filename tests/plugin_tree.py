"""Plugins for tests: a distribution as an installer leaves it, a module and its metadata in a folder."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import invalidate_caches
from pathlib import Path

from veilog_filters import plugins

_NUMBERS = itertools.count()

HEAD = """
import re, sys, time, warnings, logging
from pathlib import Path
from veilog_filters.api import *
from veilog_parsers.api import *

def source(parse, is_ours=lambda fields: True, name="acme", markers=None):
    return Source(
        name=name, summary="Acme's log.", stability=Stability.BETA, never_carries="Nothing.", references=(),
        markers=markers or {"acme": is_ours}, parse=parse,
    )

def detector(find, name="acme_finder", prepare=None):
    return TextDetector(
        name=name, summary="Acme's.", entities=frozenset({"ACME_ID"}), find=find, prepare=prepare
    )

def encoder(encode, name="acme_siem", constants=("kind", "text", "Acme: event")):
    return Encoder(name=name, summary="Acme's.", constants=frozenset(constants), encode=encode)
"""


def install(folder: Path, entry_points: Mapping[str, Mapping[str, str]], code: str, name: str = "acme-veilog") -> str:
    """Put a distribution into a folder that is on the path.

    Args:
        folder: the folder.
        entry_points: by door and name, the attribute of the module.
        code: of the module, after ``HEAD``.
        name: of the distribution.

    Returns:
        The name of its module.
    """
    module = f"acme_veilog_{next(_NUMBERS)}"
    (folder / f"{module}.py").write_text(HEAD + code)
    metadata = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = []
    for door, points in entry_points.items():
        lines.append(f"[veilog.{door}]")
        lines += [f"{point} = {module}:{attribute}" for point, attribute in points.items()]
    (metadata / "entry_points.txt").write_text("\n".join(lines) + "\n")
    return module


@contextmanager
def on_path(folder: Path) -> Iterator[None]:
    """Let this process see what is installed in a folder, and forget it afterwards."""
    sys.path.insert(0, str(folder))
    _forget()
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        _forget()


def _forget() -> None:
    invalidate_caches()
    plugins.offers.cache_clear()
    plugins.load.cache_clear()
