"""What Python printed, read without evaluating it. (Strings alone: see the tests of ``vllm``.)"""

from __future__ import annotations

import time
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from veilog_parsers.errors import ErrorType, RecordError
from veilog_parsers.record.decoding import decode_one

CHARACTERS = st.characters(codec="utf-8")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(CHARACTERS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(CHARACTERS, max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(
    st.dictionaries(st.text(CHARACTERS), VALUES) | st.lists(st.dictionaries(st.text(CHARACTERS), VALUES, min_size=1))
)
def test_any_object_comes_back_from_its_repr(value: Any) -> None:
    assert decode_one(repr(value)) == value


@pytest.mark.parametrize(
    "text",
    [
        "{'a': object()}",
        "{'a': (1, 2)}",
        "{'a': {1, 2}}",
        "{'a': __import__('os')}",
        "[{'role': 'user', 'content': 'cut o",
        "{'a': 'b'} and more",
    ],
)
def test_anything_else_is_malformed(text: str) -> None:
    with pytest.raises(RecordError) as raised:
        decode_one(text)
    assert raised.value.error_type is ErrorType.MALFORMED_JSON


@pytest.mark.parametrize("text", ["[{'a': " + "[" * 500_000, "{'" + "\\" * 999_999, "{'a': " + "'b', " * 200_000])
def test_hostile_texts_cost_little(text: str) -> None:
    started = time.process_time()
    with pytest.raises(RecordError):
        decode_one(text)
    assert time.process_time() - started < 2


def test_a_word_in_a_string_is_no_literal() -> None:
    assert orjson.dumps(decode_one("{'a': 'None of it is True', 'b': None}")) == b'{"a":"None of it is True","b":null}'
