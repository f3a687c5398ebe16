"""Vertex AI's request-response log: bodies as objects, strings and streams, and payloads of deployed models."""

from __future__ import annotations

from typing import Any

import pytest

from parsed import load, reveal, said, turns
from veilog_parsers.event import AuditEvent, Operation, Outcome
from veilog_parsers.record.fields import remainder
from veilog_parsers.sources.google.vertex_request_response import SOURCE

NAME = "vertex_request_response"


def parse(**fields: Any) -> AuditEvent:
    return SOURCE.parse({"logging_time": "2026-03-04T08:20:22Z"} | fields)


@pytest.mark.parametrize("name", ["good_gemini", "good_json_strings"])
def test_bodies_are_objects_or_strings(name: str) -> None:
    event = SOURCE.parse(load(NAME, name))
    assert [role for role, _ in turns(event.prompt_messages)] == ["system", "user"]
    assert said(event.response_messages) == ["Dear Mr. Lang, your claim is paid."]
    assert (event.input_tokens, event.output_tokens, event.token_count) == (13, 130, 143)
    assert (reveal(event.model_name), reveal(event.model_version)) == ("gemini-2.5-pro", "gemini-2.5-pro-001")
    assert event.latency_ms in (1822.994, 900.5)


def test_a_stream_is_one_answer() -> None:
    event = SOURCE.parse(load(NAME, "good_stream"))
    assert said(event.response_messages) == ["Dear Mr. Lang, call +49 89 2180."]
    assert event.output_tokens == 130


def test_other_publishers_speak_their_own_shape() -> None:
    event = SOURCE.parse(load(NAME, "good_claude"))
    assert (event.operation, reveal(event.model_name)) == (Operation.CHAT, "claude-sonnet-4-5")
    assert (event.input_tokens, event.output_tokens) == (30, 11)


@pytest.mark.parametrize(
    ("request_payload", "prompts"),
    [
        (['{"instances": [{"prompt": "U"}]}'], ["U"]),
        ([{"instances": [{"content": "U"}, {"content": "V"}]}], ["U", "V"]),
        ('{"instances": [{"context": "S", "prompt": "U"}]}', ["S", "U"]),
        ([{"instances": [{"messages": [{"role": "user", "content": "U"}]}]}], ["U"]),
        ([{"instances": [[1, "U"]]}], ['[[1,"U"]]']),
        ([{"messages": [{"role": "user", "content": "U"}]}], ["U"]),
        (["U"], ["U"]),
        ([], []),
        (None, []),
    ],
)
def test_requests_of_deployed_models(request_payload: Any, prompts: list[str]) -> None:
    assert said(parse(request_payload=request_payload).prompt_messages) == prompts


@pytest.mark.parametrize(
    ("response_payload", "answers"),
    [
        (['{"predictions": [{"content": "A"}]}'], ["A"]),
        ([{"predictions": [{"candidates": [{"content": "A"}]}]}], ["A"]),
        ([{"predictions": [{"embeddings": {"values": [0.1]}}]}], []),
        ([{"predictions": ["A"]}], ['["A"]']),
        ([{"choices": [{"message": {"content": "A"}}]}], ["A"]),
    ],
)
def test_responses_of_deployed_models(response_payload: Any, answers: list[str]) -> None:
    assert said(parse(response_payload=response_payload).response_messages) == answers


def test_what_the_payload_repeats_is_not_read_twice() -> None:
    fields = load(NAME, "good_json_strings")
    SOURCE.parse(fields)
    assert not remainder(fields)


def test_a_body_that_was_cut_is_still_text() -> None:
    event = parse(full_request='{"contents":[{"parts":[{"text":"as', full_response='{"candidates":cut}')
    assert said(event.prompt_messages) == ["as"]
    assert said(event.response_messages) == ['{"candidates":cut}']


def test_a_blocked_prompt_is_filtered() -> None:
    event = SOURCE.parse(load(NAME, "error_blocked"))
    assert (event.outcome_status, reveal(event.error_code)) == (Outcome.CONTENT_FILTERED, "PROHIBITED_CONTENT")


@pytest.mark.parametrize("request_id", ["6190833742175204884", 6190833742175204884])
def test_ids_beyond_a_float(request_id: Any) -> None:
    assert reveal(parse(request_id=request_id).request_id) == "6190833742175204884"


def test_recognition() -> None:
    assert SOURCE.markers["full_request"]({"full_request": {}, "logging_time": "t"})
    assert not SOURCE.markers["full_request"]({"full_request": {"contents": []}})
