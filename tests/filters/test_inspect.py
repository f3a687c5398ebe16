"""Inspection: where text hides, and what happens at the limits."""

from __future__ import annotations

import json

import pytest

from veilog_filters.detect.finding import DetectorTimeout, Finding
from veilog_filters.inspect import TIMED_OUT, Inspected, Inspector, counts
from veilog_parsers.errors import ErrorType, RecordError
from veilog_parsers.event import AuditEvent, Message, Role, SensitiveText


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


def inspector(recorder: Recorder, max_text_bytes: int = 1000) -> Inspector:
    return Inspector(recorder, max_text_bytes, max_depth=8)


def test_each_text_is_inspected_once(recorder: Recorder) -> None:
    event = AuditEvent(
        prompt_messages=[Message(Role.SYSTEM, [SensitiveText("s")]), Message(Role.USER, [SensitiveText("aXX")])],
        response_messages=[Message(Role.ASSISTANT, [SensitiveText("r"), SensitiveText("X")])],
    )
    inspection = inspector(recorder)(event)
    assert recorder.texts == ["s", "aXX", "r", "X"]
    assert counts(inspection.side(inspection.prompt)) == {"X": 2}
    assert counts(inspection.side(inspection.response)) == {"X": 1}


def test_strings_that_hold_json_are_inspected_by_leaf_and_key(recorder: Recorder) -> None:
    inspected = inspector(recorder).text(' {"k\\u0058": ["\\u0058", {"a": 1}], "t": "2025-01-01T00:00:00Z"}')
    assert recorder.texts == ["kX", "X", "a", "t"]
    assert [len(leaf.findings) for leaf in inspected.leaves()] == [1, 1, 0, 0, 0]


def test_json_in_json_is_opened_to_a_bounded_depth(recorder: Recorder) -> None:
    text = "X"
    for _ in range(5):
        text = json.dumps([text])
    inspector(recorder).text(text)
    assert len(recorder.texts) == 1
    assert recorder.texts[0].startswith('["[')


def test_what_only_looks_like_json_is_a_text(recorder: Recorder) -> None:
    inspector(recorder).text("{X")
    assert recorder.texts == ["{X"]


@pytest.mark.parametrize(
    ("number", "asked"),
    [(4111111111111111, True), (4111111111111111.0, True), (123, False), (1.5, False), (True, False), (10**25, False)],
)
def test_numbers_that_could_be_cards_are_inspected(number: float, asked: bool) -> None:
    def cards(text: str) -> list[Finding]:
        return [Finding(0, len(text), "CREDIT_CARD", 1.0)]

    found = Inspector(cards, 1000, 8).tree([number])[0]
    assert isinstance(found, Inspected) is asked


def test_a_long_text_is_cut_at_the_limit_and_what_straddles_it_is_found(recorder: Recorder) -> None:
    inspect = inspector(recorder, 300)
    inspected = inspect.text("a" * 299 + "XX" + "b" * 1000)
    assert len(inspected.text) == 300
    assert inspected.findings == [Finding(299, 300, "X", 0.9)]
    assert inspected.truncated_bytes == inspect.coverage.truncated_bytes == 1001
    assert len(recorder.texts[0]) == 300 + 256


def test_the_limit_is_in_bytes_and_never_splits_a_character(recorder: Recorder) -> None:
    inspected = inspector(recorder, 301).text("é" * 200)
    assert inspected.text == "é" * 150
    assert inspected.truncated_bytes == 100


def test_long_json_is_not_opened_but_cut(recorder: Recorder) -> None:
    inspected = inspector(recorder, 300).text(json.dumps(["a" * 400]))
    assert inspected.tree is None
    assert len(inspected.text) == 300


def test_a_timeout_counts_as_found_whole() -> None:
    def slow(text: str) -> list[Finding]:
        raise DetectorTimeout

    inspect = Inspector(slow, 1000, 8)
    assert inspect.text("abc").findings == [Finding(0, 3, TIMED_OUT, 1.0)]
    assert inspect.coverage.timed_out_texts == 1


def test_depth_is_bounded(recorder: Recorder) -> None:
    tree: object = "x"
    for _ in range(9):
        tree = {"a": tree}
    with pytest.raises(RecordError) as raised:
        inspector(recorder).tree(tree)
    assert raised.value.error_type is ErrorType.NESTING_TOO_DEEP


def test_coverage_starts_anew_with_each_event(recorder: Recorder) -> None:
    inspect = inspector(recorder, 300)
    inspect.text("x" * 400)
    inspect(AuditEvent())
    assert inspect.coverage.truncated_bytes == 0
