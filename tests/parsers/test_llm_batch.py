"""Lines of batch files: which are recognized, and that request and result share an id."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from veilog_parsers.event import AuditEvent, Operation, Outcome, SensitiveText
from veilog_parsers.record.raw import RawRecord
from veilog_parsers.registry import Registry

SAMPLES = Path(__file__).parents[2] / "parsers/samples/llm_batch"
REGISTRY = Registry()
REQUEST = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}
ANSWER = {"model": "gpt-4o", "choices": [{"message": {"role": "assistant", "content": "hello"}}]}


def read(record: dict[str, Any]) -> AuditEvent:
    (event,) = REGISTRY.parse(RawRecord(json.loads(json.dumps(record)), b""))
    assert isinstance(event, AuditEvent)
    return event


def plain(value: Any) -> Any:
    return value.reveal() if isinstance(value, SensitiveText) else value


@pytest.mark.parametrize(
    "record",
    [
        {"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": REQUEST},
        {"custom_id": "1", "body": json.dumps(REQUEST)},
        {"custom_id": "1", "params": REQUEST},
        {"id": "b", "custom_id": "1", "response": {"status_code": 200, "body": ANSWER}, "error": None},
        {"id": "b", "custom_id": "1", "response": json.dumps({"status_code": 200, "body": ANSWER}), "error": None},
        {"id": "b", "custom_id": "1", "response": None, "error": {"code": "batch_expired"}},
        {"custom_id": "1", "result": {"type": "canceled"}},
        {"recordId": "1", "modelInput": {"inputText": "hi"}},
    ],
)
def test_recognized(record: dict[str, Any]) -> None:
    event = read(record)
    assert event.source == "llm_batch"
    assert plain(event.request_id) == "1"


@pytest.mark.parametrize(
    "record",
    [
        {"custom_id": "button_1", "type": 2, "label": "Buy"},
        {"custom_id": "1", "body": {"total": 4}, "method": "POST", "url": "/orders"},
        {"custom_id": "1", "body": "an order for you"},
        {"custom_id": "1", "params": {"limit": 3}},
        {"custom_id": "1", "result": {"type": "ok"}},
        {"custom_id": "1", "result": "succeeded"},
        {"custom_id": "1", "response": {"status": 200}},
        {"custom_id": "1", "error": {"code": "expired"}},
        {"custom_id": 7, "body": {"total": 4}},
        {"recordId": "49590338", "data": "aGVsbG8="},
        {"recordId": "1", "modelInput": {"rows": 3}},
    ],
)
def test_other_records_with_such_ids_are_not_claimed(record: dict[str, Any]) -> None:
    assert read(record).source == "other"


def test_request_and_result_have_one_id() -> None:
    asked, answered = (
        read(json.loads((SAMPLES / f"good_openai_{name}.in.json").read_text())) for name in ("request", "result")
    )
    assert plain(asked.request_id) == plain(answered.request_id) == "row-0001"


@pytest.mark.parametrize(
    ("url", "operation"),
    [
        ("/v1/chat/completions", Operation.CHAT),
        ("/v1/embeddings", Operation.EMBEDDINGS),
        ("/v1/responses", Operation.CHAT),
    ],
)
def test_the_operation_is_the_endpoint_s(url: str, operation: Operation) -> None:
    assert read({"custom_id": "1", "url": url, "body": REQUEST}).operation is operation


@pytest.mark.parametrize(
    ("rest", "outcome", "code"),
    [
        ({"result": {"type": "succeeded", "message": {"content": [{"type": "text", "text": "a"}]}}}, Outcome.SUCCESS, None),
        ({"result": {"type": "errored", "error": {"type": "error", "error": {"type": "rate_limit_error"}}}}, Outcome.THROTTLED, "rate_limit_error"),
        ({"result": {"type": "canceled"}}, Outcome.FAILURE, "canceled"),
        ({"response": {"status_code": 200, "body": ANSWER}}, Outcome.SUCCESS, None),
        ({"response": {"status_code": 429, "body": {"error": {"code": "rate_limit_exceeded"}}}}, Outcome.THROTTLED, "rate_limit_exceeded"),
        ({"id": "b", "response": None, "error": {"code": "batch_expired"}}, Outcome.FAILURE, "batch_expired"),
    ],
)  # fmt: skip
def test_outcomes(rest: dict[str, Any], outcome: Outcome, code: str | None) -> None:
    event = read({"custom_id": "1", **rest})
    assert plain(event.error_code) == code
    assert event.outcome_status is outcome
