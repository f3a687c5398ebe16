"""Markers to plant in records: whatever text leaves uninspected shows by them.

Markers are told apart from nothing else, so a detector that knows them finds each of them wherever it is asked.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any, Final

import orjson

from samples import Sample
from veilog_filters.detect.api import Finding
from veilog_filters.prove.samples import DECIDING, opened

MARKER: Final = re.compile(r"zq[0-9a-f]{6}zq")
Path_ = tuple[str | int, ...]


def marker(number: int) -> str:
    return f"zq{number:06x}zq"


def canaries(text: str) -> list[Finding]:
    """A detector of markers."""
    return [Finding(match.start(), match.end(), "CANARY", 0.9) for match in MARKER.finditer(text)]


def places(value: Any, path: Path_ = ()) -> Iterator[Path_]:
    """The path of every string leaf, and of every key (with a ``"#key"`` behind it)."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield (*path, key, "#key")
            yield from places(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from places(item, (*path, index))
    elif isinstance(value, str):
        yield path
        inner = opened(value)
        if inner is not None:
            for place in places(inner):
                yield (*path, "#json", *place)


def planted(value: Any, path: Path_, mark: str) -> Any:
    """The value with ``mark`` added to the leaf or key at ``path``."""
    if not path:
        return f"{value}-{mark}"
    step, rest = path[0], path[1:]
    if step == "#json":
        return orjson.dumps(planted(opened(value), rest, mark)).decode()
    if rest == ("#key",):
        return {(f"{key}-{mark}" if key == step else key): item for key, item in value.items()}
    changed = dict(value) if isinstance(value, dict) else list(value)
    changed[step] = planted(value[step], rest, mark)  # type: ignore[index]
    return changed


def planted_everywhere(sample: Sample) -> Any:
    """The sample with a marker in every string leaf that does not decide which parser reads it."""
    numbers = itertools.count(1)

    def plant(value: Any, key: str | int) -> Any:
        if isinstance(value, dict):
            return {name: plant(item, name) for name, item in value.items()}
        if isinstance(value, list):
            return [plant(item, key) for item in value]
        if not isinstance(value, str) or key in DECIDING:
            return value
        inner = opened(value)
        return f"{value}-{marker(next(numbers))}" if inner is None else orjson.dumps(plant(inner, key)).decode()

    return plant(orjson.loads(sample.line), "")
