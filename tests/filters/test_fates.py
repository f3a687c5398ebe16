"""What ``veilog explain`` says of each key: found out by experiment, bounded, and without a value."""

from __future__ import annotations

import base64
import json
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from samples import samples
from veilog_filters import fates
from veilog_filters.config import Config, HashKey
from veilog_filters.explain import explain_record
from veilog_filters.fates import Fates, fates_of
from veilog_filters.pipeline import Pipeline
from veilog_parsers.event import AuditEvent, Kind, Message, Role
from veilog_parsers.record.dropped import Why
from veilog_parsers.record.fields import drop, pop, pop_count, pop_identifier, pop_text, withhold
from veilog_parsers.record.raw import Fields, RawRecord
from veilog_parsers.registry import Registry
from veilog_parsers.source import Source, Stability, always

SENTENCE = "amber basin cedar drift ember fjord"


def parse(fields: Fields) -> AuditEvent:
    """Do everything that may be done with a key, and one thing that may not."""
    event = AuditEvent(kind=Kind.AI_ACCESS, model_name=pop_identifier(fields, "model"))
    event.input_tokens = pop_count(fields, "tokens")
    text = pop_text(fields, "prompt")
    event.prompt_messages = [Message(Role.USER, [text])] if text else []
    answer = pop_text(fields, "body", "answer")
    event.response_messages = [Message(Role.ASSISTANT, [answer])] if answer else []
    drop(fields, "level", ("body", "object"))
    drop(fields, "model_again", why=Why.DUPLICATE)
    withhold(fields, "api_key")
    pop(fields, "forgotten")
    return event


TRIED = Registry(
    [
        Source(
            name="tried",
            summary="",
            stability=Stability.BETA,
            never_carries="",
            references=(),
            markers={"tried": always},
            parse=parse,
        )
    ]
)
RECORD: dict[str, Any] = {
    "tried": True,
    "model": "m-1",
    "tokens": 7,
    "prompt": SENTENCE,
    "body": orjson.dumps({"answer": SENTENCE, "object": "x", "left": [1, {"deep": "y"}]}).decode(),
    "level": "info",
    "model_again": "m-1",
    "api_key": "k",
    "forgotten": "z",
    "nothing": None,
    "extra": False,
    SENTENCE: 1,
}


def opened(record: dict[str, Any]) -> dict[str, Any]:
    return record | {"body": orjson.loads(record["body"])}


def became(found: Fates) -> dict[str, tuple[str, ...]]:
    return {key.path: key.fates[0] for key in found.keys}


def fates_in(record: Any) -> Fates:
    return fates_of(TRIED, RawRecord(record, orjson.dumps(record)))


def test_each_key_has_its_fate_and_what_is_forgotten_is_lost() -> None:
    record = opened(RECORD)
    kept = orjson.dumps(record)
    assert became(fates_in(record)) == {
        "tried": ("unmapped",),
        "model": ("field model_name",),
        "tokens": ("field input_tokens",),
        "prompt": ("prompt text",),
        "body.answer": ("response text",),
        "body.object": ("dropped: noise",),
        "body.left[0]": ("unmapped",),
        "body.left[1].deep": ("unmapped",),
        "level": ("dropped: noise",),
        "model_again": ("dropped: duplicate",),
        "api_key": ("dropped: credential",),
        "forgotten": ("lost",),
        "nothing": ("empty",),
        "extra": ("unmapped",),
        f"<key 12, {len(SENTENCE)} characters>": ("unmapped",),
    }
    assert orjson.dumps(record) == kept, "the record was changed"


def test_json_in_strings_is_looked_into() -> None:
    """This parser leaves the string as it is."""
    found = became(fates_in(RECORD))
    assert [found[f"body.{key}"] for key in ("answer", "object", "left[0]")] == [("unmapped",)] * 3


def test_the_keys_of_an_envelope_are_there_for_the_first_record() -> None:
    record = {"Records": [opened(RECORD), {"tried": True, "model": "m-2"}], "about": "x"}
    found = {key.path: key.fates for key in fates_in(record).keys}
    assert found["about"] == [("dropped: noise",), ()]
    assert found["Records[0].model"] == [("field model_name",), ()]
    assert found["Records[1].model"] == [(), ("field model_name",)]
    assert found["Records[0].forgotten"] == [("lost",), ()]


def test_what_decides_the_parser_and_nothing_else_is_read_into_the_source() -> None:
    def parse_marked(fields: Fields) -> AuditEvent:
        pop(fields, "mark")
        return AuditEvent(kind=Kind.OTHER)

    marked = Source(
        name="marked",
        summary="",
        stability=Stability.BETA,
        never_carries="",
        references=(),
        markers={"mark": lambda fields: fields["mark"] == "ours"},
        parse=parse_marked,
    )
    found = fates_of(Registry([marked]), RawRecord({"mark": "ours"}, b""))
    assert became(found) == {"mark": ("field source",)}


@pytest.mark.parametrize("record", [[1, 2], "no record", {"log": '{"model": "m", "broken'}])
def test_a_record_of_which_nothing_is_read_has_no_keys(record: Any) -> None:
    assert fates_in(record) == Fates([], 0)


def test_a_record_that_cannot_be_written_down_is_not_looked_at() -> None:
    assert fates_of(TRIED, RawRecord({"tried": 2**70}, b"")) == Fates([], 1)


def test_the_work_is_bounded_and_what_is_left_out_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    record = opened(RECORD)
    keys = len(fates_in(record).keys)
    monkeypatch.setattr(fates, "MAX_PARSED_BYTES", 3 * len(orjson.dumps(record)))
    found = fates_in(record)
    assert 0 < len(found.keys) < found.not_looked_at
    assert len(found.keys) + found.not_looked_at == keys


def test_names_are_asked_for_no_key_that_is_only_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def fits(key: str) -> bool:
        asked.append(key)
        return True

    monkeypatch.setattr(fates, "KEY", SimpleNamespace(fits=fits))
    keys = fates_in({"tried": 1, "prompt": SENTENCE, "left": {f"key{number}": "x" for number in range(50)}}).keys
    assert len(asked) == sum(1 + key.path.count(".") for key in keys)


def test_depth_is_bounded() -> None:
    deep: Any = "x"
    for _ in range(200):
        deep = {"a": deep}
    nested: Any = deep
    for _ in range(6):
        nested = {"s": orjson.dumps(nested).decode()}
    for value in (deep, nested):
        found = became(fates_in({"tried": 1, "prompt": SENTENCE, "deep": value}))
        assert list(found.values()) == [("unmapped",), ("prompt text",), ("unmapped",)]


def documents(record: Any) -> list[dict[str, Any]]:
    pipeline = Pipeline(Config(hash_key=HashKey(ephemeral=True)))
    return [json.loads(found) for found in explain_record(pipeline, RawRecord(record, orjson.dumps(record)))]


def test_explain_shows_keys_types_and_lengths_and_no_value() -> None:
    record = {
        "request_id": "req-0be652",
        "request": {"model": "gpt-4o", "messages": [{"role": "user", "content": SENTENCE}], SENTENCE: {"a": SENTENCE}},
        "response": {"choices": [{"index": 0, "message": {"role": "assistant", "content": SENTENCE}}]},
        "authorization": "Bearer abc",
    }
    (explained,) = documents(record)
    assert explained["keys"] == {
        "request_id": "field request_id (text, 10 characters)",
        "request.model": "field model_name (text, 6 characters)",
        "request.messages[0].role": "prompt text (text, 4 characters)",
        "request.messages[0].content": f"prompt text (text, {len(SENTENCE)} characters)",
        f"request.<key 3, {len(SENTENCE)} characters>.a": f"unmapped (text, {len(SENTENCE)} characters)",
        "response.choices[0].index": "dropped: noise (number)",
        "response.choices[0].message.role": "dropped: duplicate (text, 9 characters)",
        "response.choices[0].message.content": f"response text (text, {len(SENTENCE)} characters)",
        "authorization": "dropped: credential (text, 10 characters)",
    }
    assert "keys_not_looked_at" not in explained
    assert explained["redaction"]["dropped_fields"] == 3


def test_explain_says_how_many_keys_it_did_not_look_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fates, "MAX_PARSED_BYTES", 0)
    sample = next(sample for sample in samples() if str(sample) == "openai_gateway/good_chat")
    (explained,) = documents(orjson.loads(sample.line))
    assert explained["keys"] == {}
    assert explained["keys_not_looked_at"] > 10


def test_a_rejected_record_has_no_keys() -> None:
    (explained,) = documents({"log": '{"model": "m", "broken'})
    assert "keys" not in explained


ENCODED = base64.b64encode(SENTENCE.encode()).decode()


@pytest.mark.parametrize(
    "key",
    [
        SENTENCE,
        SENTENCE.replace(" ", "_"),
        SENTENCE.replace(" ", "%20"),
        ENCODED,
        f"id:{ENCODED}",
        "jo@example.org",
        "",
    ],
)
def test_a_key_that_is_no_name_is_not_shown(key: str) -> None:
    found = became(fates_in({"tried": 1, key: 1}))
    assert found == {"tried": ("unmapped",), f"<key 2, {len(key)} characters>": ("unmapped",)}


@pytest.mark.parametrize(
    "key", ["x-api-key", "gen_ai.usage.cache_read.input_tokens", "cacheWriteInputTokenCount", "@type"]
)
def test_a_key_that_is_a_name_is_shown(key: str) -> None:
    assert key in became(fates_in({"tried": 1, key: 1}))
