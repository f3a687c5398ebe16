"""Fluent Bit's parsers for lines of text: they are veilog's own patterns, and give the same events, by Fluent Bit too."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import regex
import yaml

from fluent_bit_parsers import FOLDER, PATTERNS, classic, in_yaml
from samples import Sample, samples
from veilog_parsers.event import AuditEvent
from veilog_parsers.record.lines import find_line
from veilog_parsers.record.raw import RawRecord
from veilog_parsers.registry import Registry

SOURCES = {
    "vllm": ["veilog_vllm"],
    "ollama": ["veilog_ollama", "veilog_ollama_debug"],
    "llama_cpp": ["veilog_llama_cpp", "veilog_llama_cpp_body"],
    "tgi": ["veilog_tgi"],
    "access_log": ["veilog_access_combined", "veilog_access_envoy", "veilog_access_uvicorn"],
}


def lines() -> Iterator[tuple[Sample, str]]:
    """The samples that are a line of text."""
    for sample in samples():
        record = orjson.loads(sample.line)
        if sample.source in SOURCES and not sample.case.startswith("malformed") and "target" not in record:
            line = find_line(record)[1]
            if line:
                yield sample, line


LINES = list(lines())


def the_event(record: dict[str, Any]) -> AuditEvent:
    (event,) = Registry().parse(RawRecord(orjson.loads(orjson.dumps(record)), b""))
    assert isinstance(event, AuditEvent)
    return event


def told(event: AuditEvent) -> list[Any]:
    """All that an event tells, revealed, but for what the parser in Fluent Bit dropped before."""
    sides = event.prompt_messages + event.response_messages
    names = [
        name
        for name in event.__dataclass_fields__
        if name not in ("prompt_messages", "response_messages", "unmapped", "dropped_fields")
    ]
    found = [getattr(event, name) for name in names]
    texts = [part.reveal() for message in sides for part in message.parts]
    return [value.reveal() if hasattr(value, "reveal") else str(value) for value in found] + texts


def test_the_files_are_current() -> None:
    assert (FOLDER / "parsers.conf").read_text(encoding="utf-8") == classic(), "run: make generate"
    assert (FOLDER / "parsers.yaml").read_text(encoding="utf-8") == in_yaml()


def test_both_forms_say_the_same() -> None:
    blocks = re.findall(r"^    Name +(\S+)\n    Format +(\S+)\n    Regex +(.*)$", classic(), re.MULTILINE)
    parsers = yaml.safe_load(in_yaml())["parsers"]
    assert [tuple(parser.values()) for parser in parsers] == blocks
    assert [name for name, _, _ in blocks] == list(PATTERNS)


@pytest.mark.parametrize(("sample", "line"), LINES, ids=[str(sample) for sample, _ in LINES])
def test_a_line_that_was_parsed_before_gives_the_same_event(sample: Sample, line: str) -> None:
    """With the module ``regex``, whose syntax is Onigmo's, in as far as these patterns use it."""
    expressions = {parser["name"]: parser["regex"] for parser in yaml.safe_load(in_yaml())["parsers"]}
    matches = [regex.search(expressions[name], line) for name in SOURCES[sample.source]]
    match = next(filter(None, matches))
    record = {name: value for name, value in match.groupdict().items() if value}
    event = the_event(record)
    assert event.source == sample.source
    if "lora_name" not in line:
        assert told(event) == told(the_event({"log": line}))


@pytest.mark.skipif(shutil.which("fluent-bit") is None, reason="fluent-bit is not on PATH")
@pytest.mark.parametrize("form", ["parsers.conf", "parsers.yaml"])
@pytest.mark.parametrize("source", SOURCES)
def test_fluent_bit_parses_the_same(source: str, form: str, tmp_path: Path) -> None:
    mine = [line for sample, line in LINES if sample.source == source and "lora_name" not in line]
    (tmp_path / "in.log").write_text("".join(f"{line}\n" for line in mine), encoding="utf-8")
    filters = [
        {"name": "parser", "match": "*", "key_name": "log", "parser": name, "reserve_data": "on"}
        for name in SOURCES[source]
    ]
    config = {
        "service": {"flush": 0.2, "grace": 1, "parsers_file": str(FOLDER / form), "log_level": "error"},
        "pipeline": {
            "inputs": [
                {
                    "name": "tail",
                    "path": str(tmp_path / "in.log"),
                    "read_from_head": "true",
                    "exit_on_eof": "true",
                    "buffer_max_size": "1M",
                }
            ],
            "filters": filters,
            "outputs": [{"name": "stdout", "match": "*", "format": "json_lines"}],
        },
    }
    (tmp_path / "c.yaml").write_text(json.dumps(config))
    command = [str(shutil.which("fluent-bit")), "-c", str(tmp_path / "c.yaml")]
    done = subprocess.run(command, capture_output=True, timeout=30, check=False)
    records = [json.loads(line) for line in done.stdout.splitlines() if line.startswith(b"{")]
    assert len(records) == len(mine), done.stderr
    for record, line in zip(records, mine, strict=True):
        assert "log" not in record, record
        del record["date"]
        assert told(the_event(record)) == told(the_event({"log": line}))
