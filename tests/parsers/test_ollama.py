"""Ollama's debug lines: prompts as Go quotes them, and their lengths. Access lines are tested with the other lines."""

from __future__ import annotations

from typing import Any

import pytest

from parsed import load
from veilog_parsers.event import Operation
from veilog_parsers.registry import Registry
from veilog_parsers.sources.servers.ollama import SOURCE

HEAD = "time=2026-11-20T07:12:36.512Z level=DEBUG source=routes.go:1463 msg="


@pytest.mark.parametrize(
    ("line", "operation", "prompt"),
    [
        ('"chat request" images=0 prompt="Say \\"hi\\"\\nnow"', Operation.CHAT, ['Say "hi"\nnow']),
        ('"generate request" images=2 prompt=Hi', Operation.TEXT_COMPLETION, ["Hi"]),
        ('"completion request" images=0 prompt=1234 format=""', Operation.TEXT_COMPLETION, []),
        ('"chat request" images=0 prompt="cut off at the en', Operation.CHAT, ["cut off at the en"]),
        ('"chat request" images=0 prompt=""', Operation.CHAT, []),
        ('"llama-server completion request" media=1 prompt_len=20', Operation.TEXT_COMPLETION, []),
    ],
)
def test_prompts(line: str, operation: Operation, prompt: list[str]) -> None:
    fields: dict[str, Any] = {"log": HEAD + line}
    assert Registry().recognize(fields) is SOURCE
    event = SOURCE.parse(fields)
    assert (event.operation, event.timestamp) == (operation, "2026-11-20T07:12:36.512Z")
    assert [part.reveal() for turn in event.prompt_messages for part in turn.parts] == prompt


def test_images_are_attachments() -> None:
    assert SOURCE.parse(load("ollama", "good_debug_chat")).attachments == 1


@pytest.mark.parametrize(
    "line", ['"got a request" prompt="x"', '"chat request" images=0', '"loading a model" prompt="x"']
)
def test_other_lines(line: str) -> None:
    assert Registry().recognize({"log": HEAD + line}) is None
