"""Counts the ordinary log records that are taken for traffic with a model by evidence alone.

``python scripts/false_recognition.py [--inner] FOLDER...`` reads every record below some folders, and prints how many
the sources without a format of their own recognize, with the shape of each: its keys, never its values. It fails if
there are more than one in a thousand. With ``--inner`` every object inside a record is a record too: harder, since
these have short names.

It reads ``.json`` (one record, a list, or lines), ``.ndjson``, ``.jsonl``, ``.log`` and ``.txt`` (lines: JSON, or the
text under ``message`` and ``log``), ``.csv`` (one record for each row), ``.yml`` (the test events of Panther's rules)
and ``.zip`` of these. ``tests/parsers/test_app_log.py`` names the corpora that it was run on.
"""

from __future__ import annotations

import csv
import io
import json
import sys
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path, PurePath
from typing import Any, Final

import yaml

from veilog_parsers.errors import RecordError
from veilog_parsers.event import AuditEvent
from veilog_parsers.record.raw import RawRecord
from veilog_parsers.registry import Registry

BY_EVIDENCE: Final = ("app_log", "llm_batch", "openai_realtime")
MAX_SHARE: Final = 0.001
MAX_FILE_BYTES: Final = 64 << 20


def _of_lines(text: str) -> Iterator[Any]:
    for line in text.splitlines():
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            value = None
        if type(value) is dict:
            yield value
        elif line.strip():
            yield {"message": line, "level": "info"}
            yield {"log": line, "stream": "stdout"}


def _of_json(text: str) -> Iterator[Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        yield from _of_lines(text)
        return
    for item in value if type(value) is list else [value]:
        if type(item) is dict:
            yield item
            # Expected results of Elastic's pipelines hold their events in a list.
            yield from (event for event in item.get("expected", ()) if type(event) is dict)


def _of_rows(text: str) -> Iterator[Any]:
    yield from csv.DictReader(io.StringIO(text))


def _of_rules(text: str) -> Iterator[Any]:
    try:
        rule = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):
        return
    for test in rule.get("Tests") or () if type(rule) is dict else ():
        if type(test) is dict and type(test.get("Log")) is dict:
            yield json.loads(json.dumps(test["Log"], default=str))


_READERS: Final[dict[str, Callable[[str], Iterator[Any]]]] = {
    ".json": _of_json,
    ".ndjson": _of_lines,
    ".jsonl": _of_lines,
    ".log": _of_lines,
    ".txt": _of_lines,
    ".csv": _of_rows,
    ".yml": _of_rules,
    ".yaml": _of_rules,
}


def _of_bytes(name: str, data: bytes) -> Iterator[Any]:
    suffix = PurePath(name).suffix
    if suffix == ".zip":
        try:
            archive = zipfile.ZipFile(io.BytesIO(data))
        except zipfile.BadZipFile:
            return
        for entry in archive.infolist():
            if entry.file_size <= MAX_FILE_BYTES and PurePath(entry.filename).suffix in _READERS:
                yield from _of_bytes(entry.filename, archive.read(entry))
    elif suffix in _READERS:
        yield from _READERS[suffix](data.decode("utf-8", "replace"))


def records_below(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every record below a folder, with the path of its file."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.stat().st_size <= MAX_FILE_BYTES:
            for record in _of_bytes(path.name, path.read_bytes()):
                yield str(path.relative_to(folder)), record


def objects_in(value: Any) -> Iterator[dict[str, Any]]:
    """The objects inside a value, the value itself not among them."""
    items = value.values() if type(value) is dict else value if type(value) is list else ()
    for item in items:
        if type(item) is dict:
            yield item
        yield from objects_in(item)


def sources_of(registry: Registry, record: dict[str, Any]) -> set[str]:
    """The sources of the events in a record; none if it cannot be parsed."""
    try:
        return {str(event.source) for event in registry.parse(RawRecord(record, b"")) if isinstance(event, AuditEvent)}
    except RecordError:
        return set()


def records_in(folders: list[str], is_inner: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every record below some folders, with the path of its file."""
    for folder in folders:
        for name, record in records_below(Path(folder)):
            if is_inner:
                for inner in objects_in(record):
                    # Parsers consume what they are given.
                    yield name, json.loads(json.dumps(inner))
            yield name, record


def main(arguments: list[str]) -> int:
    """Count, print, and return the exit code."""
    registry, counts, shapes = Registry(), Counter[str](), Counter[tuple[str, str, str]]()
    folders = [argument for argument in arguments if argument != "--inner"]
    for name, record in records_in(folders, "--inner" in arguments):
        keys = " ".join(sorted(map(str, record)))[:200]
        counts["records"] += 1
        for source in sources_of(registry, record):
            counts[source] += 1
            if source in BY_EVIDENCE:
                shapes[source, name, keys] += 1
    for (source, name, keys), number in shapes.most_common():
        print(f"{number} as {source}: {name}: {keys}")
    print(", ".join(f"{number} {name}" for name, number in counts.most_common()))
    found = sum(counts[source] for source in BY_EVIDENCE)
    return int(not counts["records"] or found > MAX_SHARE * counts["records"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
