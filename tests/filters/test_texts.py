"""Texts of a record: where text hides, and what happens at the limits."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reading import Reader
from veilog_filters.collect import parts_of, readings_of
from veilog_filters.config import Detect
from veilog_filters.detect.api import DetectorTimeout, Finding, PerText, TextItem, united
from veilog_filters.detect.build import detector_for
from veilog_filters.likeness import likeness_of
from veilog_filters.texts import TIMED_OUT, Inspected, TextLimits, Texts, counts
from veilog_parsers.errors import ErrorType, RecordError
from veilog_parsers.event import Message, Role, SensitiveText


class Recorder:
    """Remembers what it was asked about and finds ``X``."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def __call__(self, text: str) -> list[Finding]:
        self.texts.append(text)
        return [Finding(i, i + 1, "X", 0.9) for i, character in enumerate(text) if character == "X"]


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


def reader(recorder: Recorder, max_text_bytes: int = 1000) -> Reader:
    return Reader(recorder, max_text_bytes, max_depth=8)


def test_each_text_is_inspected_once(recorder: Recorder) -> None:
    texts = Texts(TextLimits(1000, 8))
    prompt = texts.messages(
        [Message(Role.SYSTEM, [SensitiveText("s")]), Message(Role.USER, [SensitiveText("aXX")])], "prompt"
    )
    response = texts.messages([Message(Role.ASSISTANT, [SensitiveText("r"), SensitiveText("X")])], "response")
    reader(recorder).assemble(texts)
    assert recorder.texts == ["s", "aXX", "r", "X", "rX", "r X"], "the parts of a message together too"
    assert counts(parts_of(prompt)) == {"X": 2}
    assert counts(parts_of(response)) == {"X": 1}


def test_json_is_inspected_as_it_is_and_as_lines_of_keys_and_values(recorder: Recorder) -> None:
    text = ' {"k\\u0058": ["\\u0058", {"a": 1}], "b": "X"}'
    inspected = reader(recorder).text(text)
    assert recorder.texts == [text, "kX:\n\n;\nkX:\nX\n;\nkX a:\n1\n;\nb:\nX\n;\n"]
    assert [text[f.start : f.end] for f in inspected.findings] == ["\\u0058", "\\u0058", "X"]
    assert [inspected.text, *inspected.forms] == readings_of([[inspected]]) == recorder.texts
    assert counts([inspected]) == {"X": 3}


def test_what_only_looks_like_json_is_a_text(recorder: Recorder) -> None:
    reader(recorder).text("{X")
    assert recorder.texts == ["{X"]


@pytest.mark.parametrize(
    ("number", "digits"),
    [
        (4111111111111111, "4111111111111111"),
        (4111111111111111.0, "4111111111111111"),
        (-12, "-12"),
        (1.5, "1.5"),
        (1e300, "1e+300"),
        (10**25, "1" + "0" * 25),
        (True, None),
        (None, None),
    ],
)
def test_numbers_are_inspected_with_their_keys(number: float | None, digits: str | None) -> None:
    asked: list[str] = []

    def found(text: str) -> list[Finding]:
        asked.append(text)
        return [Finding(0, len(text), "Y", 1.0)] if text.startswith("a b") else []

    tree = Reader(found, 1000, 8).tree({"a": {"b": [number]}})
    value = tree.pairs[0][1].pairs[0][1][0]
    if digits is None:
        assert value is number
    else:
        assert asked[-1] == f"a b:\n{digits}\n;\n"
        assert (value.text, value.findings) == (digits, [Finding(0, len(digits), "Y", 1.0)])
    assert Reader(found, 1000, 8).tree([number]) == [number]


def test_a_number_that_is_a_time_is_a_phone_number_only_where_a_word_says_so() -> None:
    def phones(text: str) -> list[Finding]:
        return [Finding(0, len(text), "PHONE_NUMBER", 0.75 if "phone" in text else 0.4)]

    (_, created), (_, phone), (_, other) = (
        Reader(phones, 1000, 8).tree({"created": 1772609200, "phone": 1772609200, "x": 2125550182}).pairs
    )
    assert created == 1772609200
    assert isinstance(phone, Inspected)
    assert isinstance(other, Inspected)


def test_a_leaf_is_read_behind_the_nearest_keys_and_what_is_found_in_these_is_cut_off(recorder: Recorder) -> None:
    def found(text: str) -> list[Finding]:
        recorder(text)
        return [Finding(text.index("d:"), len(text), "S", 0.6)] if "d:" in text else []

    tree = Reader(found, 1000, 16).tree({"a": {"b": [{"c": {"d": "value"}}]}})
    assert recorder.texts == ["a", "a:\nb", "a b:\nc", "a b c:\nd", "b c d:\nvalue\n;\n"]
    leaf = tree.pairs[0][1].pairs[0][1][0].pairs[0][1].pairs[0][1]
    assert leaf.findings == [Finding(0, 5, "S", 0.6)]


def test_a_long_text_is_cut_at_the_limit_and_what_straddles_it_is_found(recorder: Recorder) -> None:
    inspect = reader(recorder, 300)
    inspected = inspect.text("a" * 299 + "XX" + "b" * 1000)
    assert len(inspected.text) == 300
    assert inspected.findings == [Finding(299, 300, "X", 0.9)]
    assert inspected.truncated_bytes == inspect.coverage.truncated_bytes == 1001
    assert len(recorder.texts[0]) == 300 + 1001, "up to the end of the word"
    inspect.text("a " * 1000)
    assert len(recorder.texts[1]) == 300 + 256 + 1
    inspect.text("a" * 20_000)
    assert len(recorder.texts[2]) == 300 + 256 + 8192


def test_the_limit_is_in_bytes_and_never_splits_a_character(recorder: Recorder) -> None:
    inspected = reader(recorder, 301).text("é" * 200)
    assert inspected.text == "é" * 150
    assert inspected.truncated_bytes == 100


def test_long_json_is_read_as_far_as_it_is_scanned(recorder: Recorder) -> None:
    inspected = reader(recorder, 300).text(json.dumps(["X", "a " * 400]))
    assert len(inspected.text) == 300
    assert recorder.texts[1].startswith("X\n;\na a")
    assert inspected.findings == [Finding(2, 3, "X", 0.9)]


def test_a_timeout_counts_as_found_whole() -> None:
    def slow(text: str) -> list[Finding]:
        raise DetectorTimeout

    inspect = Reader(slow, 1000, 8)
    assert inspect.text("abc").findings == [Finding(0, 3, TIMED_OUT, 1.0)]
    assert inspect.coverage.timed_out_texts == 1


def test_depth_is_bounded(recorder: Recorder) -> None:
    tree: object = "x"
    for _ in range(9):
        tree = {"a": tree}
    with pytest.raises(RecordError) as raised:
        reader(recorder).tree(tree)
    assert raised.value.error_type is ErrorType.NESTING_TOO_DEEP


def test_texts_that_were_not_read_to_the_end_are_not_clean(recorder: Recorder) -> None:
    texts = Texts(TextLimits(1000, 8))
    texts.text("X")
    with pytest.raises(RuntimeError):
        texts.check_complete()
    reader(recorder).assemble(texts)
    texts.check_complete()


def test_each_text_must_have_been_looked_at() -> None:
    texts = Texts(TextLimits(1000, 8))
    texts.text("X")
    with pytest.raises(ValueError, match="zip"):
        texts.assemble([])
    with pytest.raises(RuntimeError):
        texts.check_complete()


def test_what_patterns_find_behind_a_key_is_told_at_its_place_in_the_text() -> None:
    detector = PerText(lambda text: [Finding(0, 2, "A", 0.5), Finding(1, 6, "B", 0.5), Finding(4, len(text), "C", 0.5)])
    items = [TextItem("text", key="key", exclude=frozenset("C"), end="; "), TextItem("text", exclude=frozenset("B"))]
    assert detector.verify(detector.scan(items)) == [
        [Finding(0, 3, "B", 0.5)],
        [Finding(0, 2, "A", 0.5), Finding(4, 4, "C", 0.5)],
    ]


def test_what_two_readings_find_is_one_finding() -> None:
    known = [Finding(0, 4, "A", 0.5), Finding(2, 6, "B", 0.5), Finding(10, 12, "A", 0.5)]
    assert united(known, []) is known
    assert united(known, known) is known
    assert united(known, [Finding(3, 8, "A", 0.9), Finding(20, 22, "C", 0.1), Finding(20, 22, "C", 0.1)]) == [
        Finding(0, 8, "A", 0.9),
        Finding(2, 6, "B", 0.5),
        Finding(10, 12, "A", 0.5),
        Finding(20, 22, "C", 0.1),
        Finding(20, 22, "C", 0.1),
    ]
    assert known[0] == Finding(0, 4, "A", 0.5)


SPAN = st.tuples(st.integers(0, 30), st.integers(1, 8), st.sampled_from("AB"), st.sampled_from([0.4, 0.8]))


@given(st.lists(SPAN, max_size=6), st.lists(SPAN, max_size=6))
def test_no_character_of_a_finding_is_lost_when_two_readings_are_united(first: list[Any], second: list[Any]) -> None:
    known, further = ([Finding(s, s + n, e, score) for s, n, e, score in part] for part in (sorted(first), second))
    both = united(known, further)
    assert both == sorted(both)
    for finding in (*known, *further):
        places = {at for f in both if f.entity == finding.entity for at in range(f.start, f.end)}
        assert places >= set(range(finding.start, finding.end))


def message(*parts: str) -> list[Message]:
    return [Message(Role.USER, [SensitiveText(part) for part in parts])]


def secrets(text: str) -> list[Finding]:
    """Finds SECRET, with or without a blank in it, and addresses as words around an @ or a full stop."""
    found = [Finding(m.start(), m.end(), "S", 0.9) for m in re.finditer("SEC ?RET", text)]
    found += [Finding(m.start(), m.end(), "EMAIL_ADDRESS", 0.9) for m in re.finditer(r"\w+@\w+\.\w+", text)]
    return sorted(found + [Finding(m.start(), m.end(), "URL", 0.5) for m in re.finditer(r"(https://)?\w+\.\w+", text)])


@pytest.mark.parametrize("filler", ["", "x" * 2000])
@pytest.mark.parametrize("parts", [("SEC", "RET"), ("S", "E", "C", "R", "ET"), ("a SEC", "RET b"), ("SE", "", "CRET")])
def test_a_value_split_over_parts_is_found_once_and_redacted_in_all(parts: tuple[str, ...], filler: str) -> None:
    parts = (filler + " " + parts[0], *parts[1:-1], parts[-1] + " " + filler)
    prompt = Reader(secrets, 1_000_000, 8).messages(message(*parts))
    assert counts(parts_of(prompt))["S"] == 1
    left = []
    for part in prompt[0]:
        covered = {at for f in (*part.findings, *part.continued) if f.entity == "S" for at in range(f.start, f.end)}
        left.append("".join(c for at, c in enumerate(part.text) if at not in covered))
    assert not re.search("[SECRT]", "".join(left))


@pytest.mark.parametrize(
    ("parts", "found"),
    [
        (("It is here.", "Nobody knows."), {}),
        (("Mail ann@corp.de", "Thanks"), {"EMAIL_ADDRESS": 1, "URL": 1}),
        (("see https://corp", ".de now"), {"URL": 1}),
        (("ann@co", "rp.de"), {"EMAIL_ADDRESS": 1, "URL": 1}),
    ],
)
def test_two_sentences_are_no_address(parts: tuple[str, str], found: dict[str, int]) -> None:
    assert counts(parts_of(Reader(secrets, 1000, 8).messages(message(*parts)))) == found


def test_thousands_of_parts_are_put_together_piece_by_piece(recorder: Recorder) -> None:
    Reader(recorder, 1_000_000, 8).messages(message(*(["y" * 300, "z" * 2000] * 500)))
    together = recorder.texts[1000:]
    assert len(together) > 4
    assert max(map(len, together)) < 70_000
    assert sum(map(len, together)) < 2 * 1_000_000


def test_the_check_is_asked_for_every_text_number_and_key(recorder: Recorder) -> None:
    asked: list[int] = []
    Reader(recorder, 1000, 8, check=lambda: asked.append(1)).tree({"a": ["b", 1, 2.5, {"c": "d"}]})
    assert len(asked) >= 6

    def over() -> None:
        raise RecordError(ErrorType.OVER_BUDGET)

    inspect = Reader(recorder, 1000, 8, check=over)
    for work in (lambda: inspect.text("a"), lambda: inspect.tree([1]), lambda: inspect.messages(message("a"))):
        with pytest.raises(RecordError):
            work()


@pytest.mark.parametrize(
    ("entity", "value"),
    [
        ("CREDIT_CARD", "4111111111111111"),
        ("CREDIT_CARD", "4111-1111-1111-1111"),
        ("US_SSN", "536-90-4399"),
        ("EMAIL_ADDRESS", "ann.smith@example.com"),
        ("EMAIL_ADDRESS", "ann.smith%40example.com"),
        ("IBAN_CODE", "DE89370400440532013000"),
        ("AWS_ACCESS_KEY", "AKIA" + "IOSFODNN7EXAMQLE"),
        ("GITHUB_TOKEN", "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a"),
        ("STRIPE_KEY", "sk_" + "live_51HAbCdEfGhIjKlMnOpQrSt"),
    ],
)
def test_a_value_between_underscores_of_a_name_is_found_at_its_place(entity: str, value: str) -> None:
    inspector = Reader(detector_for(Detect(timeout_secs=30)))
    for before, behind in (("x_", "_y"), ("x_", ""), ("", "_y"), ("prod_a_", "_v1"), ("x" * 70 + "_", "_y")):
        found = [f for f in inspector.name(before + value + behind).findings if f.entity == entity]
        assert any(f.start <= len(before) and f.end >= len(before + value) for f in found), (before, behind)
    assert inspector.coverage.truncated_bytes == 0


def test_a_name_of_words_and_underscores_has_no_findings() -> None:
    inspector = Reader(detector_for(Detect(timeout_secs=30)))
    for name in ("get_weather_2", "us_east_1", "gpt_4o_mini", "call_0a1b2c3d4e5f", "team_a_7", "run_python_3_11"):
        assert inspector.name(name, likeness_of("model_name")).findings == []
