"""Nothing is lost in silence: of every key of every record it can be said what became of it.

Samples do not have every key that a parser reads beside every other. So records of a source are also put together, two
at a time: a fact that comes from two places is read once, and the other place is accounted for.
"""

from __future__ import annotations

import dataclasses
import itertools
import random
from collections import Counter
from typing import Any

import orjson
import pytest

from samples import Sample, config_with, samples
from veilog_filters.fates import LOST, fates_of
from veilog_parsers.event import AuditEvent, Kind, SensitiveText, SensitiveTree
from veilog_parsers.record.dropped import Why, listed, note_dropped, prefer
from veilog_parsers.record.fields import (
    count_chars,
    drop,
    drop_keys,
    drop_known,
    ignored_keys,
    merge,
    pop_first,
    pop_identifier,
    pop_same_text,
    withhold,
)
from veilog_parsers.record.raw import Fields, RawRecord
from veilog_parsers.registry import SOURCES, ParseFailure, Registry
from veilog_parsers.source import Source, Stability, always

ALL = list(samples())
GOOD = [sample for sample in ALL if sample.case.startswith("good")]
REGISTRY = Registry(config_with().sources())
SENTENCE = "amber basin cedar drift ember fjord grove harbor inlet"
PAIRS = 12
"""How many pairs of records of a source are put together."""


def lost(record: Any) -> list[str]:
    """The keys of a record of which nobody can say what became of them."""
    fates = fates_of(REGISTRY, RawRecord(record, orjson.dumps(record)))
    assert fates.not_looked_at == 0
    return [key.path for key in fates.keys if any(LOST in found for found in key.fates)]


@pytest.mark.parametrize("sample", ALL, ids=str)
def test_no_key_of_a_sample_is_lost(sample: Sample) -> None:
    assert lost(orjson.loads(sample.line)) == []


def together(one: Any, other: Any) -> Any:
    """Two records in one: what both have is the first one's."""
    if type(one) is not dict or type(other) is not dict:
        return one
    return one | {key: together(one[key], value) if key in one else value for key, value in other.items()}


@pytest.mark.parametrize("source", [source.name for source in SOURCES])
def test_no_key_is_lost_where_a_record_has_the_keys_of_two(source: str) -> None:
    records = [
        value
        for sample in ALL
        if sample.source == source and sample.case.startswith(("good", "error"))
        if type(value := orjson.loads(sample.line)) is dict
    ]
    pairs = list(itertools.permutations(records, 2))
    random.Random(source).shuffle(pairs)
    assert [path for one, other in pairs[:PAIRS] for path in lost(together(one, other))] == []


@pytest.mark.parametrize("sample", ALL, ids=str)
def test_an_event_counts_the_keys_that_were_dropped(sample: Sample) -> None:
    with listed() as entries:
        for parsed in REGISTRY.parse(sample.record()):
            if isinstance(parsed, AuditEvent):
                assert parsed.dropped_fields == len(entries)
            entries.clear()


CALL = {
    "time": "2026-01-02T03:04:05Z",
    "model": "m",
    "request": {"messages": [{"role": "user", "content": "hi"}]},
    "response": {"choices": []},
    "kubernetes": {"pod_name": "own-1", "host": "node-2", "labels": {"app": "gw"}},
    "_HOSTNAME": "own-host",
}
TEXT = orjson.dumps(CALL).decode()


@pytest.mark.parametrize(
    "record",
    [
        {"log": TEXT, "host": "relay", "kubernetes": {"pod_name": "relay-1", "labels": {"app": "x"}}},
        {"message": f"<134>1 2026-01-02T03:04:05Z h1 gw 12 - - {TEXT}", "host": "relay"},
        {"message": {"event": {"original": TEXT}, "host": {"name": "h1"}}, "host": "relay", "kubernetes": {"pod": "p"}},
        {"host": "relay", "logGroup": "g", "logEvents": [{"id": "1", "message": {"log": TEXT, "host": "inner"}}]},
        {"_ResourceId": "/subscriptions/s/x", "RawData": {"_ResourceId": "/subscriptions/s/y", "RawData": TEXT}},
    ],
)
def test_a_place_that_is_told_twice_is_not_lost(record: Any) -> None:
    assert lost(record) == []


def dropped_by(change: Any) -> Counter[tuple[str, str]]:
    """Key and reason of what is dropped in a call."""
    with listed() as entries:
        change()
    return Counter((entry.key, entry.why.value) for entry in entries)


def test_every_way_to_drop_a_key_gives_its_reason() -> None:
    fields: Fields = {"a": 1, "b": {"c": "x"}, "secret": "s", "d": "one", "e": "one", "f": "same", "g": "old", "h": 0}
    assert dropped_by(lambda: drop(fields, "a")) == {("a", "noise"): 1}
    assert dropped_by(lambda: drop(fields, ("b", "c"), why=Why.TEXT_READ)) == {("c", "text_read"): 1}
    assert dropped_by(lambda: withhold(fields, "secret")) == {("secret", "credential"): 1}
    paths = (("d",), ("e",))
    assert dropped_by(lambda: pop_first(pop_identifier, fields, paths, drop_others=True)) == {("e", "duplicate"): 1}
    assert dropped_by(lambda: pop_same_text(fields, SensitiveText("same"), "f")) == {("f", "duplicate"): 1}
    assert dropped_by(lambda: merge(fields, {"g": "new"})) == {("g", "duplicate"): 1}
    assert dropped_by(lambda: drop_known(fields, "h")) == {("h", "noise"): 1}
    assert dropped_by(lambda: prefer("known", "found", "key")) == {("key", "duplicate"): 1}
    assert dropped_by(lambda: (prefer(None, "found"), prefer("known", None))) == {}
    assert fields == {"b": {}, "g": "new"}


def test_a_list_of_keys_has_one_reason_and_secrets_are_credentials() -> None:
    keys = ignored_keys("a b:number token:secret", why=Why.DUPLICATE) | ignored_keys("c")
    fields: Fields = {"a": "x", "b": 2, "token": "t", "c": "y", "d": "z"}
    reasons = {("a", "duplicate"): 1, ("b", "duplicate"): 1, ("token", "credential"): 1, ("c", "noise"): 1}
    assert dropped_by(lambda: drop_keys(fields, keys)) == reasons
    assert fields == {"d": "z"}


@pytest.mark.parametrize("why", [why for why in Why if why is not Why.CREDENTIAL])
def test_prose_is_not_dropped_for_any_reason(why: Why) -> None:
    fields: Fields = {"a": SENTENCE, "b": SENTENCE, "c": [SENTENCE]}
    kept = orjson.loads(orjson.dumps(fields))
    assert dropped_by(lambda: drop_keys(fields, ignored_keys("a b:number c:list", why=why))) == {}
    assert dropped_by(lambda: drop(fields, *fields, why=why)) == {}
    assert fields == kept


def test_prose_that_is_withheld_leaves_its_length() -> None:
    fields: Fields = {"headers": {"x": SENTENCE}}
    assert dropped_by(lambda: withhold(fields, "headers")) == {("headers", "credential"): 1}
    assert fields == {"headers": count_chars({"x": SENTENCE})}


def texts_in(value: Any) -> str:
    """All texts of an event, as one."""
    if isinstance(value, SensitiveText):
        return value.reveal()
    if isinstance(value, SensitiveTree):
        return orjson.dumps(value.reveal()).decode()
    if isinstance(value, list):
        return "\n".join(map(texts_in, value))
    if dataclasses.is_dataclass(value):
        return "\n".join(texts_in(getattr(value, field.name)) for field in dataclasses.fields(value))
    return ""


def length_in(value: Any) -> int:
    """The largest number in what is left of an event."""
    numbers, pending = [0], [value]
    while pending:
        item = pending.pop()
        if type(item) is dict:
            pending += item.values()
        elif type(item) is list:
            pending += item
        elif type(item) is int:
            numbers.append(item)
    return max(numbers)


def replaced(value: Any, key: str) -> Any:
    """A record with a sentence in place of every text and number under a key, wherever that is."""
    if type(value) is dict:
        return {
            name: SENTENCE if name == key and type(item) in (str, int, float, bool) else replaced(item, key)
            for name, item in value.items()
        }
    return [replaced(item, key) for item in value] if type(value) is list else value


@pytest.mark.parametrize("sample", GOOD, ids=str)
def test_a_sentence_under_a_key_that_is_dropped_stays(sample: Sample) -> None:
    """In the event, or as its length: a credential, or what stands beside a record in an envelope."""
    record = orjson.loads(sample.line)
    with listed() as entries:
        list(REGISTRY.parse(sample.record()))
    gone = []
    for key in sorted({entry.key for entry in entries if type(entry.value) in (str, int, float, bool)}):
        changed = replaced(record, key)
        if changed == record:
            continue  # inside of a text, or renamed
        parsed = list(REGISTRY.parse(RawRecord(changed, b"")))
        if any(isinstance(event, ParseFailure) for event in parsed):
            continue  # quarantined
        trees = [event.unmapped.reveal() for event in parsed if isinstance(event.unmapped, SensitiveTree)]  # type: ignore[union-attr]
        said = texts_in(parsed)
        # A region is spelled without blanks.
        if SENTENCE not in said and SENTENCE.replace(" ", "") not in said and length_in(trees) < len(SENTENCE):
            gone.append(key)
    assert gone == []


def source(name: str, parse: Any) -> Source:
    """A source whose records have its name as a key."""
    return Source(
        name=name,
        summary="",
        stability=Stability.BETA,
        never_carries="",
        references=(),
        markers={name: always},
        parse=parse,
    )


def parse_noisy(fields: Fields) -> AuditEvent:
    drop(fields, "noisy", *fields)
    return AuditEvent(kind=Kind.OTHER)


def parse_failing(fields: Fields) -> AuditEvent:
    drop(fields, *fields)
    raise ValueError


def parse_nested(fields: Fields) -> AuditEvent:
    list(TRIED.parse(RawRecord({"noisy": 1}, b"")))
    return parse_noisy(fields)


TRIED = Registry([source("noisy", parse_noisy), source("failing", parse_failing), source("nested", parse_nested)])


def counts(record: Any) -> list[int | None]:
    return [getattr(parsed, "dropped_fields", None) for parsed in TRIED.parse(RawRecord(record, b""))]


def test_a_parser_that_raises_leaves_nothing_to_the_next_record() -> None:
    note_dropped("of nobody", 1, Why.NOISE)
    assert counts([{"noisy": 1, "a": 2}, {"failing": 1, "a": 2}, {"noisy": 1}]) == [2, None, 1]
    assert counts({"failing": 1, "a": 2}) == [None]
    assert counts({"noisy": 1}) == [1]


def test_a_record_that_a_parser_parses_inside_counts_with_its_own() -> None:
    assert counts([{"nested": 1, "a": 2}, {"noisy": 1}]) == [3, 1]


def test_records_that_are_parsed_by_turns_do_not_count_each_other() -> None:
    one, other = (TRIED.parse(RawRecord([{"noisy": 1, "a": 2}, {"noisy": 1}], b"")) for _ in range(2))
    found = [next(turn) for turn in (one, other, other, one)]
    assert [parsed.dropped_fields for parsed in found if isinstance(parsed, AuditEvent)] == [2, 2, 1, 1]


def test_what_an_envelope_drops_counts_with_its_first_record() -> None:
    assert counts({"Records": [{"noisy": 1}, {"noisy": 1}], "a": 1, "b": 2}) == [3, 1]


def test_lists_of_what_is_dropped_are_nested() -> None:
    with listed() as outer:
        note_dropped("a", 1, Why.NOISE)
        with pytest.raises(ValueError, match="b"), listed() as inner:
            note_dropped("b", 1, Why.NOISE)
            raise ValueError("b")
        note_dropped("c", 1, Why.NOISE)
    note_dropped("d", 1, Why.NOISE)
    assert ([entry.key for entry in outer], [entry.key for entry in inner]) == (["a", "c"], ["b"])
