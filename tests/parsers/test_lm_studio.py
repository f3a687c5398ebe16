"""LM Studio's diagnostics stream and server log."""

from __future__ import annotations

from typing import Any

import pytest

from parsed import load, reveal
from veilog_parsers.event import AuditEvent, Outcome
from veilog_parsers.registry import Registry
from veilog_parsers.sources.servers.lm_studio import SOURCE


def texts(event: AuditEvent) -> tuple[str, str]:
    sides = (event.prompt_messages, event.response_messages)
    prompt, response = ("|".join(part.reveal() for turn in side for part in turn.parts) for side in sides)
    return prompt, response


@pytest.mark.parametrize(
    ("case", "prompt", "response"),
    [
        ("good_output", "", "Köl."),
        ("good_block", "<start_of_turn>user\nWhere is hall 3?<end_of_turn>\n", ""),
        ("good_request", "Answer in one line.|Call Ines Falk at +49 431 5550123?", ""),
        ("good_redacted", "", ""),
    ],
)
def test_texts(case: str, prompt: str, response: str) -> None:
    fields = load("lm_studio", case)
    assert Registry().recognize(fields) is SOURCE
    assert texts(SOURCE.parse(fields)) == (prompt, response)


def test_statistics() -> None:
    event = SOURCE.parse(load("lm_studio", "good_output"))
    assert (event.input_tokens, event.output_tokens, event.token_count) == (24, 4, 28)
    assert (event.time_to_first_token_ms, event.latency_ms) == (330.0, 1100.0)
    assert SOURCE.parse(load("lm_studio", "error_failed")).outcome_status is Outcome.FAILURE


def test_the_line_names_the_path_and_the_model() -> None:
    event = SOURCE.parse(load("lm_studio", "good_request"))
    assert (reveal(event.endpoint), reveal(event.model_name), event.stream) == (
        *("/v1/chat/completions", "qwen/qwen3-8b"),
        False,
    )


@pytest.mark.parametrize(
    "record",
    [
        {"data": {"type": "server.log", "content": "x"}},
        {"data": "llm.prediction.input"},
        {"log": "Received request: POST to /v1/orders"},
        {"log": "Generated prediction of the weather"},
        {"log": "type: llm.prediction.input"},
    ],
)
def test_what_is_no_lm_studio(record: dict[str, Any]) -> None:
    assert Registry().recognize(record) is not SOURCE
