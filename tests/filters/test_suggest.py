"""``veilog suggest``: shapes without values, and entries that are accepted and work."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from conftest import Run
from samples import KEY_FILE, samples
from veilog_filters.config import Config, HashKey
from veilog_filters.fingerprint import Fingerprinter, load_key
from veilog_filters.record_shape import key_paths, shape_hash
from veilog_filters.suggest import Suggestions
from veilog_parsers.record.raw import RawRecord

CHAT = {
    "ts": "2025-01-02T03:04:05Z",
    "service": "chat-api",
    "user": {"email": "ann.smith@example.com", "dept": None},
    "body": {"question": "What is the salary of our chief executive officer this year?"},
    "answer": {"text": "I am not able to tell you that, I am afraid."},
    "llm": {"model": "gpt-x", "usage": {"prompt_tokens": 12, "completion_tokens": 9}},
    "took_ms": 12.5,
    "req_id": "r-1",
}


@pytest.mark.parametrize(
    ("value", "paths"),
    [
        ({"a": {"b": 1}, "c": [{"d": 2}, {"d": 3, "e": []}]}, ["a.b", "c[].d", "c[].e"]),
        ({"a.b": {"c": None}}, [r"a\.b.c"]),
        ({"x": {}, "y": [[1], ["2"]], "": 1}, ["", "x", "y[][]"]),
        ([{"a": 1}, 2], ["[]", "[].a"]),
        (7, [""]),
        ({}, [""]),
        ({"k" * 100: 1, "k" * 64 + "other": 2}, ["k" * 64]),
    ],
)
def test_key_paths(value: Any, paths: list[str]) -> None:
    assert key_paths(value) == paths


def test_key_paths_do_not_depend_on_values_order_or_repetition() -> None:
    chance = random.Random(7)
    for _ in range(100):
        items = [(f"k{n}", chance.choice([1, "x", None, True])) for n in range(20)]
        first = key_paths({"list": [dict(items)] * 3, "tree": dict(items)})
        chance.shuffle(items)
        assert key_paths({"tree": {key: "other" for key, _ in items}, "list": [dict(items)]}) == first


def test_key_paths_are_bounded_however_large_the_record_is() -> None:
    deep: Any = 1
    for _ in range(100_000):
        deep = {"k" * 1000: deep}
    start = time.perf_counter()
    (path,) = key_paths(deep)
    assert path.count(".") == 31
    assert len(path) < 32 * 65
    assert len(key_paths({f"key {n}": n for n in range(1_000_000)})) == 1000
    assert key_paths({"a": list(range(1_000_000))}) == ["a[]"]
    assert key_paths({"a": [{"b": n} for n in range(300_000)]}, 5) == ["a[].b"]
    assert len(key_paths({"k" * 1_000_000: {str(n): n for n in range(1000)}})) == 1000
    assert time.perf_counter() - start < 20
    while isinstance(deep, dict):  # or the interpreter takes it apart by recursion
        (deep,) = deep.values()


def page_of(*records: Any, config: Config | None = None) -> str:
    suggestions = Suggestions(config or Config(hash_key=HashKey(file=str(KEY_FILE))), None)
    for record in records:
        suggestions.add(RawRecord(orjson.loads(orjson.dumps(record)), orjson.dumps(record)))
    return suggestions.page()


def test_what_is_printed_can_be_pasted_and_reads_the_records(veilog: Run, tmp_path: Path) -> None:
    lines = b"\n".join(map(orjson.dumps, (CHAT, CHAT | {"user": {"email": "bob@example.com", "dept": None}})))
    printed = veilog("suggest", stdin=lines)
    assert (printed.returncode, printed.stderr) == (0, b"")
    (tmp_path / "c.yaml").write_bytes(printed.stdout)
    assert veilog("check", "c.yaml").returncode == 0
    events = [json.loads(line) for line in veilog("filter", "--config", "c.yaml", stdin=lines).stdout.splitlines()]
    assert [event["source"] for event in events] == ["my_log_1"] * 2
    for event in events:
        assert {
            "prompt_hash",
            "response_hash",
            "user_id",
            "timestamp",
            "model_name",
            "input_tokens",
            "latency_ms",
            "request_id",
        } - {"request_id"} <= event.keys()
    assert b"0 of 0 shapes" not in veilog("suggest", "--config", "c.yaml", stdin=lines).stdout
    assert b"2 events recognized, 0 not" in veilog("suggest", "--config", "c.yaml", stdin=lines).stdout


def test_no_value_is_shown() -> None:
    printed = page_of(CHAT, CHAT)
    for value in ("salary", "afraid", "ann.smith", "chat-api", "gpt-x", "r-1", "12.5", "2025-01-02"):
        assert value not in printed
    assert "body.question: text, 60 characters" in printed
    assert "user.dept: null" in printed


def test_the_shape_is_that_of_quarantine_events_and_needs_the_key() -> None:
    ours = Fingerprinter(*load_key(HashKey(file=str(KEY_FILE))))
    digest = ours.digest("record_shape", "", "\n".join(key_paths(CHAT)).encode())[:32]
    assert shape_hash(key_paths(CHAT), ours) == digest
    assert f"record_shape {digest}" in page_of(CHAT)
    without = page_of(CHAT, config=Config(hash_key=HashKey(env="NO_SUCH_KEY_HERE")))
    assert "record_shape needs the hash key" in without
    assert digest not in without


SHAPES = (
    {"user-prompt": "Tell me a story about a dog", "completion": "Once upon a time"},
    {"input": {"text": "one two three four"}, "output": {"text": "five"}},
    {"a.b": {"question": "one two three four"}, "model": "m"},
    {
        "data": {
            "llm_request": {"messages": [{"role": "user", "content": "one two three"}]},
            "llm_response": {"choices": [{"message": {"content": "x y z"}}]},
        }
    },
    {"prompts": ["one two three", "four five six"], "answer": "x"},
    {"model_id": "m", "spent": {"input_tokens": 4, "output_tokens": 5}},
    {"system-prompt": "be nice to people", "query": "who is it then", "response": "nobody is it"},
    {"\x1b[31mprompt": {"prompt": "one two three four"}, "n\nn": 1, "x: y": 2, "# c": 3},
    {"prompt": "one two three", "when": "x", "null": None, "true": True, "1": 1},
)


@pytest.mark.parametrize("record", SHAPES, ids=lambda record: next(iter(record)).strip())
def test_every_entry_is_accepted_and_its_records_are_recognized(record: dict[str, Any]) -> None:
    printed = page_of(record)
    assert all(character.isprintable() or character == "\n" for character in printed)
    config = Config.model_validate(yaml.safe_load(printed))
    (source,) = config.sources()[:1]
    assert page_of(record, config=config.model_copy(update={"hash_key": HashKey(ephemeral=True)})).startswith(
        "# 1 record read: 1 event recognized, 0 not"
    )
    event = source.parse(orjson.loads(orjson.dumps(record)))
    has_text = any(word in json.dumps(record) for word in ("one two", "dog", "who is it"))
    assert bool(event.prompt_messages) == has_text


def test_shapes_are_counted_and_bounded() -> None:
    records = [{f"k{number}": number} for number in range(1200)]
    printed = page_of(*records, *records[:5], {"k0": 9}, CHAT)
    assert printed.startswith("# 1,207 records read: 0 events recognized, 1,207 not, of 1,000 shapes.")
    assert "have shapes beyond the first 1,000" in printed
    assert "Shape 1: 3 records" in printed
    assert len(printed.splitlines()) < 400


def test_what_is_recognized_and_what_cannot_be_read_is_counted(veilog: Run) -> None:
    good = next(sample.line for sample in samples() if sample.source == "litellm" and sample.case == "good_chat")
    printed = veilog("suggest", stdin=good + b"\n{\n7\n").stdout
    assert printed.startswith(b"# 3 records read: 1 event recognized, 0 not, of 0 shapes.\n# 2 could not be read: ")
    assert b"mapped" not in printed
