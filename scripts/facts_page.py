"""Writes docs/reference/facts.md: which sources tell which fact, as the events of their samples have it.

It is as true as the goldens are. Run it with ``make generate`` after adding or changing a source.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import field_table
from veilog_parsers.event import AuditEvent
from veilog_parsers.registry import SOURCES

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "docs" / "reference" / "facts.md"
_OF_EVERY_EVENT: Final = frozenset(("schema", "event_id", "source", "kind", "redaction"))
_OF_VEILOG: Final = frozenset(
    (
        *("user_department", "model_department", "hash_key_id", "previous_hashes", "classification_rules"),
        *("content", "unmapped", "tag", "error_type", "raw_bytes", "raw_hash", "record_shape"),
    )
)
"""What veilog itself adds, of its configuration, or of records that it could not show."""
_HEAD: Final = """\
# Which source tells which fact

<!-- made by `make generate` from the samples of the sources: change those, not this page -->

For each [field](fields.md), the sources whose samples' events have it; in parentheses, those where fewer than half of
the events do. A dash: no source. Left out are fields of every event, and those from your configuration or of
quarantine.

| field | sources |
| --- | --- |
"""


def _events(source: str) -> Iterator[dict[str, Any]]:
    folder = ROOT / "parsers" / "samples" / source
    for path in sorted((*folder.glob("good_*.out.json"), *folder.glob("error_*.out.json"))):
        yield from (event for event in json.loads(path.read_text(encoding="utf-8")) if event["source"] == source)


def has(value: Any, keys: tuple[str, ...]) -> bool:
    """Whether a tree has a value at a path; in lists, in any of their items."""
    if isinstance(value, list):
        return any(has(item, keys) for item in value)
    if not keys:
        return value is not None
    return isinstance(value, dict) and keys[0] in value and has(value[keys[0]], keys[1:])


def facts() -> list[str]:
    """The fields that sources can fill: parts of objects, not the objects."""
    found = [
        (path, may_be)
        for path, may_be, _ in field_table.rows(AuditEvent)
        if path.partition(".")[0] not in _OF_EVERY_EVENT | _OF_VEILOG
    ]
    return [path for path, may_be in found if may_be != "object"]


def page() -> str:
    """The page."""
    counts: dict[str, Counter[str]] = {path: Counter() for path in facts()}
    totals: Counter[str] = Counter()
    for name in sorted(source.name for source in SOURCES):
        for event in _events(name):
            totals[name] += 1
            for path, count in counts.items():
                count[name] += has(event, tuple(path.split(".")))
    lines = []
    for path, count in counts.items():
        told = [
            f"`{name}`" if 2 * number >= totals[name] else f"(`{name}`)" for name, number in count.items() if number
        ]
        lines.append(f"| `{path}` | {', '.join(told) or '–'} |\n")
    return _HEAD + "".join(lines)
