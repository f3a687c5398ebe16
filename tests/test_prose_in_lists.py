"""A sentence in pieces over a list of names leaves in no piece: the prose oracle plants whole sentences, or single words."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest

from samples import config_with
from veilog_filters.pipeline import Pipeline
from veilog_parsers.record.raw import RawRecord

WORDS = "we plan to fire bob smith next week because budgets shrink and nobody knows".split(" ")  # noqa: SIM905 - prose
CALL: dict[str, Any] = {"model": "gpt-4o", "prompt": "hi", "completion": "ok"}
LABELS = ("app", "component", "team", "tier", "service")


def finish_reasons(pieces: list[str]) -> dict[str, Any]:
    message = {"role": "assistant", "content": "x"}
    return {"model": "gpt-4o", "choices": [{"finish_reason": piece, "message": message} for piece in pieces]}


def tool_calls(pieces: list[str]) -> dict[str, Any]:
    calls = [{"type": "function", "function": {"name": piece, "arguments": "{}"}} for piece in pieces]
    message = {"role": "assistant", "content": "x", "tool_calls": calls}
    return {"model": "gpt-4o", "choices": [{"finish_reason": "stop", "message": message}]}


def labels(pieces: list[str]) -> dict[str, Any]:
    return {"kubernetes": {"labels": dict(zip(LABELS, pieces, strict=False))}, "log": CALL}


@pytest.mark.parametrize("size", [3, 4, 5])
@pytest.mark.parametrize("joint", ["_", "-", "."])
@pytest.mark.parametrize("make", [finish_reasons, tool_calls, labels])
def test_no_three_words_in_a_row_leave_in_pieces(make: Any, joint: str, size: int) -> None:
    pieces = [joint.join(WORDS[start : start + size]) for start in range(0, len(WORDS), size)]
    line = orjson.dumps(make(pieces))
    out = json.dumps(Pipeline(config_with())(RawRecord(orjson.loads(line), line)))
    assert '"error_type"' not in out
    assert "hmac:" in out
    for start in range(len(WORDS) - 2):
        assert joint.join(WORDS[start : start + 3]) not in out
