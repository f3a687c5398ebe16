"""Other forms of a text: what they say, and that every place in them leads back to where it comes from."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from disguises import PLANTED, SPELLINGS
from shares import share
from texts import generated, sample_texts
from veilog_filters.forms.unfold import covering, json_spans, looks_like_json, unfolded
from veilog_filters.forms.unmask import MAX_GROWTH, MIN_RUN_CHARS, unmasked
from veilog_filters.forms.view import Maker, View

ANYTHING = st.lists(
    st.one_of(
        st.text(max_size=6),
        st.sampled_from(
            ["%41", "&#65;", "&lt", "\\u0041", "\\ud83d\\ude00", "\\n", "\\\\", "QW5uYSBCZXJnIGlzIGhlcmU=", "+"]
        ),
        st.sampled_from(
            ["\u200b", "\uff21", "\ufb01", "\u2026", "\U000e0041", "\ufdfa", "\ud800", "{", "[", '"', ":", ","]
        ),
    ),
    max_size=14,
).map("".join)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**63), st.floats(allow_nan=False), st.text(max_size=12)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.text(max_size=8), inner, max_size=4),
        inner.map(lambda value: orjson.dumps(value).decode() if can_be_written(value) else ""),
    ),
    max_leaves=12,
)


def can_be_written(value: Any) -> bool:
    try:
        orjson.dumps(value)
    except (orjson.JSONEncodeError, TypeError):
        return False
    return True


def nothing() -> None:
    """A check that never raises."""


def forms(text: str) -> list[View]:
    base = unfolded(text, nothing) if looks_like_json(text) else None
    return [*([base] if base else []), *unmasked(base.text if base else text, base)]


def said(text: str) -> list[str]:
    return [form.text for form in forms(text)]


@settings(max_examples=400, deadline=None)
@given(ANYTHING)
def test_every_place_leads_back_into_the_text_and_in_order(text: str) -> None:
    for form in forms(text):
        last = 0
        for at in range(len(form.text)):
            place = form.back(at, at + 1)
            if place is not None:
                assert 0 <= place[0] < place[1] <= len(text)
                assert place[0] >= last
                last = place[0]
        whole = form.back(0, len(form.text))
        assert whole is None or 0 <= whole[0] < whole[1] <= len(text)


@settings(max_examples=400, deadline=None)
@given(ANYTHING)
def test_what_is_unmasked_does_not_grow_much(text: str) -> None:
    views = unmasked(text)
    before = len(text)
    for view in views:
        assert len(view.text) <= MAX_GROWTH * max(before, len(text))


def test_what_was_left_as_it_was_is_the_same_there_and_here() -> None:
    seen = 0
    for text in [*share(sample_texts(), 3), *generated(seed=3, number=200)]:
        for form in (form for form in unmasked(text)[:1] if form._of is None):
            for piece in form._pieces:
                if piece.exact and piece.end - piece.at > 1:
                    assert form.text[piece.at : piece.end] == text[piece.start : piece.stop]
                    seen += 1
    assert seen > 100


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("a\\u0040b", "a@b"),
        ("a&#64;b &lt;", "a@b <"),
        ("%e2%82%ac", "\u20ac"),
        ("%ff%41", "\u00ffA"),
        ("\\ud83d\\ude00", "\U0001f600"),
        ("\uff21\u00ad\u0663\u2026", "A3..."),
        ("x QW5uYSBCZXJnIHdhcyBoZXJl y", "x Anna Berg was here y"),
        ("1+2 %2b", "1+2 +"),
        ("a+b", "a b"),
        ("a+b &amp;", "a b &"),
        ("+45\n12\n34\n56\n78", "+45 12 34 56 78"),
        ("call 4111  1111\t1111 1111 now", "call 4111 1111 1111 1111 now"),
    ],
)
def test_what_a_text_says(text: str, form: str) -> None:
    assert form in said(text)


@pytest.mark.parametrize(
    "text",
    [
        "Explain how a heat pump works, at 50 % of the price & with 3.5 kW.",
        "responsibilities internationalization Particularly",
        "f(a && b) | c \\ d, C:\\Apps\\veilog",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0bcd0e60c3aac",
        "123e4567-e89b-12d3-a456-426614174000",
        "Straße, naïve, 東京, привет, “quoted” – and 😀",
        "\\ud83d alone",
        "&unknown; 100%zz",
    ],
)
def test_ordinary_texts_have_no_other_form(text: str) -> None:
    assert said(text) == []


def test_a_place_in_what_was_decoded_is_all_of_it() -> None:
    text = "mail anna&#64;corp.com now, QW5uYSBCZXJnIHdhcyBoZXJl"
    (first, second) = unmasked(text)
    at = first.text.index("@")
    assert first.back(at - 4, at + 9) == (text.index("anna"), text.index(" now"))
    at = second.text.index("Berg")
    assert second.back(at, at + 4) == (text.index("QW5"), len(text))


def test_what_comes_from_nowhere_leads_nowhere() -> None:
    maker = Maker()
    maker.fill("keys:")
    maker.add("value", 3, 8, exact=True)
    maker.fill(";")
    view = maker.view()
    assert view.back(0, 5) is None
    assert view.back(10, 11) is None
    assert view.back(0, 7) == (3, 5)
    assert view.back(0, 11) == (3, 8)


def test_json_becomes_lines_of_keys_and_values() -> None:
    text = '{"a": {"b": [1, [true, "x\\ny"]], "c": null}, "d": "{\\"e\\": \\"\\\\u0041\\"}", "f": {}, "g": -2.5}'
    assert unfolded(text, nothing).text.split("\n;\n") == [
        "a:\n",
        "a b:\n",
        "a b:\n1",
        "a b:\nx\ny",
        "a c:\n",
        "d:\n",
        "d e:\nA",
        "f:\n",
        "g:\n-2.5",
        "",
    ]


@pytest.mark.parametrize("text", ['{"a": "b', '[1, {"a"', '{"a": 1}}}]{"b": 2}', '["\\', '{"a" "b": : , 1', "[NaN, 1"])
def test_json_that_is_broken_is_read_as_far_as_it_goes(text: str) -> None:
    if looks_like_json(text):
        assert unfolded(text, nothing).text


def test_json_in_json_is_opened_three_deep() -> None:
    text = '{"k": "a\\u0040b"}'
    depths = []
    for _ in range(5):
        depths.append("k:\na@b" in unfolded(text, nothing).text)
        text = json.dumps({"in": text})
    assert depths == [True, True, True, True, False]


def test_outer_keys_are_left_out_where_there_is_no_room() -> None:
    text = json.dumps({"k" * 40: [1] * 20_000})
    assert len(unfolded(text, nothing).text) < 4 * len(text) + 5000 + 6 * 20_000


@settings(max_examples=400, deadline=None)
@given(JSON, st.lists(st.tuples(st.integers(0, 400), st.integers(1, 30)), min_size=1, max_size=4), st.booleans())
def test_json_stays_json_whatever_is_found_inside_of_it(value: Any, places: list[tuple[int, int]], plain: bool) -> None:
    text = json.dumps([value], ensure_ascii=plain)
    spans = json_spans(text)
    if spans is None:
        return
    out: list[str] = []
    position = 0
    for start, length in sorted(places):
        for span in covering(text, spans, start, start + length):
            first = max(position, span.start)
            if first < span.end:
                out += text[position:first], '"<X>"' if span.bare else "<X>"
                position = span.end
    orjson.loads("".join([*out, text[position:]]))


@pytest.mark.parametrize(
    "make",
    [
        lambda n: "\\" * n,
        lambda n: "%41" * n,
        lambda n: "&#65" * n,
        lambda n: "QUJD" * n,
        lambda n: ("QUJD" * 16 + "\n") * (n // 16),
        lambda n: "\uff21" * n,
        lambda n: "[" * n,
        lambda n: '{"a":' * n,
        lambda n: '["' + "\\\\" * n + '"]',
        lambda n: "[" + '"",' * n + "]",
        lambda n: "a" * n + "=",
        lambda n: "a+" * n,
    ],
)
@pytest.mark.slow
def test_cost_is_linear(make: Callable[[int], str]) -> None:
    def cost(n: int) -> float:
        text = make(n)
        times = []
        for _ in range(3):
            start = time.process_time()
            forms(text)
            times.append(time.process_time() - start)
        return min(times)

    small, large = max(cost(8_000), 0.002), cost(64_000)
    assert large < 20 * small, "eight times as long, at most some more than eight times as slow"


def test_spellings_are_told_from_plain_text() -> None:
    for name, spell in SPELLINGS.items():
        for value in PLANTED.values():
            spelled = spell(value)
            if spelled != value and len(spelled) > MIN_RUN_CHARS and spelled.split() != value.split():
                assert unmasked(spelled), name
