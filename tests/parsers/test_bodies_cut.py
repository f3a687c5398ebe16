"""JSON that was cut off, closed where it ends."""

from __future__ import annotations

import json
import time
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from veilog_parsers.bodies.read import read_exchange
from veilog_parsers.record.cut import close


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": [{"b": "text that en', {"a": [{"b": "text that en"}]}),
        ('{"a": 1, "b": 23', {"a": 1}),
        ('{"a": true, "b": tru', {"a": True}),
        ('{"a": "x", "na', {"a": "x"}),
        ('{"a": "x", "b":', {"a": "x"}),
        ('{"a": "x",', {"a": "x"}),
        ('{"a": {"b": 1}, "c": [1, 2, ', {"a": {"b": 1}, "c": [1, 2]}),
        ('[{"role": "user", "content": "hi', [{"role": "user", "content": "hi"}]),
        ('{"a": "half an escape\\', {"a": "half an escape"}),
        ('{"a": "half an escape\\u00', {"a": "half an escape"}),
        ('{"a": "no escape\\\\u00', {"a": "no escape\\u00"}),
        ('{"a": "half a pair\\ud83d', {"a": "half a pair"}),
        ('{"a": "half a pair\\ud83d\\', {"a": "half a pair"}),
        ('{"a": "half a pair\\ud83d\\ude', {"a": "half a pair"}),
        ('{"a": "a pair\\ud83d\\ude00', {"a": "a pair\U0001f600"}),
        ('{"a": "\\ud83d', {"a": ""}),
        ('{"a": "', {"a": ""}),
        ("{", {}),
        ('{"messages": [', {"messages": []}),
    ],
)
def test_what_is_there_is_read(text: str, value: Any) -> None:
    closed = close(text)
    assert closed is not None
    assert closed.value == value


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}',
        '{"a": 1} {"b": ',
        "{]",
        '{"a" 1, "b": [',
        '{"a": nonsense, "b": "',
        '{"a": nonsense',
        "no json",
        "",
        '"text',
    ],
)
def test_what_is_whole_or_no_json_is_not_closed(text: str) -> None:
    assert close(text) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


def begins(part: Any, whole: Any) -> bool:
    """Whether a value is the beginning of another one."""
    if isinstance(part, dict) and isinstance(whole, dict):
        return all(key in whole and begins(value, whole[key]) for key, value in part.items())
    if isinstance(part, list) and isinstance(whole, list):
        return len(part) <= len(whole) and all(map(begins, part, whole))
    if isinstance(part, str) and isinstance(whole, str):
        return whole.startswith(part)
    return type(part) is type(whole) and bool(part == whole)


@given(st.lists(JSON, min_size=1, max_size=3) | st.dictionaries(st.text(max_size=5), JSON, min_size=1), st.data())
def test_any_beginning_is_read_as_a_beginning(value: Any, data: st.DataObject) -> None:
    text = data.draw(st.sampled_from((json.dumps(value), orjson.dumps(value).decode())))
    cut = data.draw(st.integers(1, len(text) - 1))
    closed = close(text[:cut])
    assert closed is not None
    assert begins(closed.value, value)


def test_both_sides_of_a_cut_exchange_are_texts() -> None:
    exchange = read_exchange(
        '{"model": "m", "messages": [{"role": "system", "content": "Be kind"}, {"role": "user", "content": "My name is Jo',
        '{"model": "m", "choices": [{"message": {"role": "assistant", "content": "Hello J',
    )
    assert [part.reveal() for message in exchange.prompt for part in message.parts] == ["Be kind", "My name is Jo"]
    assert [part.reveal() for message in exchange.response for part in message.parts] == ["Hello J"]


@pytest.mark.parametrize(
    "text", ["[" * 1_000_000, "[1," * 300_000, '{"a":' * 300_000, '{"a":"' + "\\" * 999_999, '"' * 999_999]
)
def test_hostile_texts_cost_little(text: str) -> None:
    started = time.process_time()
    close(text)
    assert time.process_time() - started < 2
