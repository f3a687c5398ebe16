"""The sample records of all sources: invented people and data, shipped with the parsers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import orjson

import veilog_parsers

DECIDING: Final = (
    "schemaType",
    "eventSource",
    "eventName",
    "category",
    "operationName",
    "call_type",
    "type",
    "role",
    "object",
)
"""Keys whose values decide which parser reads a record, and how."""


def samples_folder() -> Path:
    """The folder of the samples: inside the installed package; in a clone, beside it."""
    package = Path(veilog_parsers.__file__).parent
    inside = package / "samples"
    return inside if inside.is_dir() else package.parent / "samples"


def sample_lines() -> Iterator[tuple[str, bytes]]:
    """Name (``source/case``) and line of JSON of each sample, in order."""
    for path in sorted(samples_folder().glob("*/*.in.json")):
        yield f"{path.parent.name}/{path.name.removesuffix('.in.json')}", orjson.dumps(orjson.loads(path.read_bytes()))


def opened(text: str) -> Any:
    """The JSON container in a string, or None."""
    if text[:1] not in ("{", "["):
        return None
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
