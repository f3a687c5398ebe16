"""The one decoder: what it tolerates, what it refuses, that it loses nothing, and what it costs."""

from __future__ import annotations

import contextlib
import json
import math
import time
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from veilog_parsers.errors import ErrorType, RecordError
from veilog_parsers.record.decoding import MAX_DOCUMENTS, Decoded, decode, decode_one, keys_repeat, looks_like_json
from veilog_parsers.record.prose import may_hold_prose

TEXTS = st.text(st.characters(codec="utf-8"), max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=12,
)
OBJECTS = st.dictionaries(TEXTS, JSON, min_size=1, max_size=4)

DISGUISES: dict[str, Callable[[str], str]] = {
    "plain": lambda text: text,
    "byte order mark": lambda text: "\ufeff" + text,
    "blank": lambda text: f"\u00a0\u2003\t{text}\u3000\x00\r\n",
    "colours": lambda text: f"\x1b[1;32m{text}\x1b[0m",
    "quoted": json.dumps,
    "quoted twice": lambda text: json.dumps(json.dumps(text)),
}


@pytest.mark.parametrize("disguise", DISGUISES)
@given(value=OBJECTS)
def test_what_stands_around_and_says_nothing(disguise: str, value: dict[str, Any]) -> None:
    assert decode_one(DISGUISES[disguise](json.dumps(value))) == value
    assert decode_one(DISGUISES[disguise](orjson.dumps(value).decode()).encode()) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": "\\ud83d"}', {"a": "\ufffd"}),
        ('{"a": "\\ud83d\\ude00"}', {"a": "\U0001f600"}),
        ('{"a": "\ud83d"}', {"a": "\ufffd"}),
        ('{"a": "one\ntwo\tthree\x00"}', {"a": "one\ntwo\tthree\x00"}),
        ('{"a": NaN, "b": Infinity, "c": [-Infinity]}', {"a": "NaN", "b": "Infinity", "c": ["-Infinity"]}),
        ('{"a": 1e999, "b": -1e999}', {"a": "1e999", "b": "-1e999"}),
        ('{"a": ' + "9" * 5000 + "}", {"a": "9" * 5000}),
        ('{"a": 123456789012345678901234567890}', {"a": 1.2345678901234568e29}),
        ("{'a': None, 'b': [True, \"it's\"]}", {"a": None, "b": [True, "it's"]}),
        ("{u'a': b'x', 'b': nan}", {"a": "x", "b": "NaN"}),
    ],
)
def test_what_other_decoders_refuse(text: str, value: Any) -> None:
    assert decode_one(text) == value


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"a":1}\n{"b":2}', Decoded([{"a": 1}, {"b": 2}])),
        ('{"a":1}{"b":2},{"c":3}', Decoded([{"a": 1}, {"b": 2}, {"c": 3}])),
        ('INFO gateway: {"a":1}', Decoded([{"a": 1}], "INFO gateway:")),
        ('[12:30:01] app[4711]: {"a":1} done {"b":2} end', Decoded([{"a": 1}, {"b": 2}], "[12:30:01] app[4711]:", "done\nend")),
        ("started {worker} [3] {}", Decoded([], "started {worker} [3] {}")),
        ("", Decoded([])),
        ("7", Decoded([7])),
    ],
)  # fmt: skip
def test_documents_and_the_text_around_them(text: str, found: Decoded) -> None:
    assert decode(text) == found


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1',
        '{"a" 1}',
        "{broken",
        '[{"a": 1}, {"b"',
        '"content": "half of it"',
        'rest of it"}]}',
        'rest of it"]',
        r"he said \"hi\"",
        "'role': 'user'",
        '"a": "b"}]} {"c": 1}',
        '{"c": 1} {"a": "b',
        "{'a': object()}",
        'x {"a" 1} ' * 50,
    ],
)
def test_a_piece_of_json_is_malformed(text: str) -> None:
    with pytest.raises(RecordError) as raised:
        decode(text)
    assert raised.value.error_type is ErrorType.MALFORMED_JSON
    assert text not in str(raised.value)


@pytest.mark.parametrize(
    "line",
    [
        "plain text",
        "[INFO] started",
        "[2026-01-02 10:00:00] local.INFO: done",
        'time=1 level=info msg="ready"',
        '10.0.0.1 - - [1/Jan/2026] "GET / HTTP/1.1" 200 1',
        "it's {done} (100%)",
        "C:\\new\\table",
    ],
)
def test_a_line_of_text_is_no_json(line: str) -> None:
    assert decode(line) == Decoded([], line)
    assert not looks_like_json(line)


@given(OBJECTS, st.data())
def test_every_piece_of_json_is_read_or_refused(value: dict[str, Any], data: st.DataObject) -> None:
    """No prose of a document that was cut anywhere, at either end, is taken for a text that is no JSON."""
    text = json.dumps({"messages": [{"role": "user", "content": value}]})
    start = data.draw(st.integers(0, 12))
    end = data.draw(st.integers(len(text) - 5, len(text)))
    try:
        decoded = decode(text[start:end])
    except RecordError as error:
        assert error.error_type is ErrorType.MALFORMED_JSON
    else:
        assert decoded.documents


@given(st.lists(st.tuples(st.sampled_from("ab:\u003a~1"), JSON), max_size=6))
def test_no_value_of_a_repeated_key_is_lost(pairs: list[tuple[str, Any]]) -> None:
    text = "{" + ",".join(f"{json.dumps(key)}:{json.dumps(value)}" for key, value in pairs) + "}"
    fields = decode_one(text)
    kept = [json.dumps(value) for value in fields.values()]
    for key, value in pairs:
        assert json.dumps(value) in kept or any(value == other for other in fields.values())
        assert key in fields
    assert dict(pairs).items() <= fields.items() or any(isinstance(value, float) for _, value in pairs)


@pytest.mark.parametrize(
    "text",
    [
        '{"a":"secret","a":"x"}',
        '{"a":"secret","a":"\\u003a\\u003A"}',
        '{"a":"secret","a":{"b:c":"::"}}',
        '{"x":[{"a":"secret","a":"x"}]}',
        '{"a":"se:cret","a":"x:::"}',
        '{"a" : "secret", "a"\t:\n"x"}',
        '{"a":"secret","\\u0061":"x"}',
    ],
)
def test_repeated_keys_are_found_however_colons_are_balanced(text: str) -> None:
    assert keys_repeat(text, orjson.loads(text))
    assert keys_repeat(text.encode(), orjson.loads(text))
    assert "se" in orjson.dumps(decode_one(text)).decode()


@given(OBJECTS)
def test_no_repeated_key_is_found_where_none_is(value: dict[str, Any]) -> None:
    assert not keys_repeat(orjson.dumps(value), value)
    assert not keys_repeat(json.dumps(value, indent=1, ensure_ascii=False), value)


@pytest.mark.parametrize("text", ["[" * 5000, '{"a":' * 500 + "1" + "}" * 500, "[" * 500 + "NaN" + "]" * 500])
def test_deep_nesting_is_told(text: str) -> None:
    with pytest.raises(RecordError) as raised:
        decode(text)
    assert raised.value.error_type is ErrorType.NESTING_TOO_DEEP


def test_documents_are_bounded() -> None:
    with pytest.raises(RecordError) as raised:
        decode('{"a":1}' * (MAX_DOCUMENTS + 1))
    assert raised.value.error_type is ErrorType.TOO_MANY_EVENTS


@given(st.text() | st.binary())
def test_any_text_gives_documents_or_a_declared_error(text: str | bytes) -> None:
    for allow_cut in (False, True):
        try:
            decoded = decode(text, allow_cut=allow_cut)
        except RecordError as error:
            assert error.error_type in {ErrorType.MALFORMED_JSON, ErrorType.INVALID_UTF8, ErrorType.NESTING_TOO_DEEP}
        else:
            orjson.dumps(decoded.documents)


HOSTILE: dict[str, Callable[[int], str]] = {
    "braces": lambda n: "x" + "}" * n + "x",
    "opening": lambda n: "{" * n,
    "opening strings": lambda n: '{"' * n,
    "opening objects": lambda n: '{"a":' * n,
    "opening lists": lambda n: "[1," * n,
    "repeated keys": lambda n: "{" + ",".join(f'"a":{i}' for i in range(n)) + "}",
    "repeated keys and their substitutes": lambda n: "{" + ",".join(f'"a~{i}":0,"a":{i}' for i in range(n)) + "}",
    "documents": lambda n: '{"a":1}' * (n // 8),
    "failing documents": lambda n: '{"a" 1} ' * n,
    "backslashes": lambda n: '"' + "\\" * n,
    "blanks": lambda n: ("{" + " " * 10) * n,
    "blanks before a colon": lambda n: '"' + " " * n + ":" + " " * n,
    "repr": lambda n: "{'a': " + "'b', " * n,
    "documents in repr": lambda n: "{'a': 1} " * (n // 8),
    "a cut string": lambda n: '{"a":"' + "x" * n,
    "colours": lambda n: "\x1b[" * n,
    "surrogates": lambda n: '{"a":"' + "\\ud83d" * n + '"}',
    "numbers that are none": lambda n: "[" + "NaN," * n + "1]",
    "digits": lambda n: "[NaN," + "9" * n + "]",
    "quotes": lambda n: "\\" * n + '"',
    "prefixes": lambda n: "x [{ " * n,
}


@pytest.mark.parametrize("family", HOSTILE)
def test_the_cost_is_linear(family: str) -> None:
    """Time for eight times the size is about eight times as much: by the square it would be sixty-four."""

    def seconds(size: int) -> float:
        text = HOSTILE[family](size)
        best = math.inf
        for _ in range(3):
            start = time.process_time()
            with contextlib.suppress(RecordError):
                decode(text, allow_cut=True)
            best = min(best, time.process_time() - start)
        return best

    small, large = seconds(5000), seconds(40_000)
    assert large < max(24 * small, 0.05)


@pytest.mark.parametrize(
    "value", [{"a": ["x"] * 100_000}, {"a" * 15 + str(n): n for n in range(100_000)}, [[]] * 100_000]
)
def test_looking_for_prose_is_linear(value: Any) -> None:
    start = time.process_time()
    may_hold_prose(value)
    assert time.process_time() - start < 2


COLOUR = "\x1b[0m"
HALVES = {
    "JSON": r'{"a": "\ud83d"}',
    "a string": r'"\ud83d x"',
    "the second half": r'{"a": "\udc00 \ud83d"}',
    "a pair": r'{"\ud83d\ude00": "\ud83d\ude00"}',
    "a string in a string": r'"{\"a\": \"\\ud83d\"}"',
    "repr": r"{'a': '\ud83d'}",
    "a long escape of repr": r"{'a': '\U0000d83d'}",
    "a cut one": r'{"a": "\ud83d \ud8',
    "as it is": '{"a": "\ud83d"}',
    "before JSON": '\ud83d {"a": 1}',
}


@pytest.mark.parametrize("text", HALVES.values(), ids=HALVES)
def test_what_is_read_can_be_written_wherever_a_colour_splits_an_escape(text: str) -> None:
    split = [text, *(text[:place] + COLOUR + text[place:] for place in range(len(text) + 1))]
    for written in split:
        try:
            decoded = decode(written, allow_cut=True)
        except RecordError:
            continue
        orjson.dumps([decoded.documents, decoded.before, decoded.after])


def test_texts_that_differ_in_a_colour_alone_are_told_apart() -> None:
    assert decode('{"a": "x"}').is_lossy is False
    assert decode(f'{{"a": "x{COLOUR}"}}').is_lossy is True
