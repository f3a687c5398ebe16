"""SageMaker data capture: three encodings, and bodies of whatever an endpoint speaks."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from parsed import load, reveal, said
from veilog_parsers.event import AuditEvent, Operation, Outcome
from veilog_parsers.record.fields import remainder
from veilog_parsers.sources.aws.aws_sagemaker_capture import SOURCE


def record(sent: Any, produced: Any, encoding: Any = "JSON") -> dict[str, Any]:
    return {
        "captureData": {
            "endpointInput": {"data": sent, "encoding": encoding},
            "endpointOutput": {"data": produced, "encoding": encoding},
        }
    }


def parse(sent: Any, produced: Any, encoding: Any = "JSON") -> AuditEvent:
    return SOURCE.parse(record(sent, produced, encoding))


def coded(value: str) -> str:
    return base64.b64encode(value.encode()).decode()


@pytest.mark.parametrize(
    ("sent", "encoding", "expected"),
    [
        ('{"inputs": "U"}', "JSON", ["U"]),
        ("not JSON", "JSON", ["not JSON"]),
        ('{"instances": [[1.5]]}', "JSON", ['{"instances":[[1.5]]}']),
        ("1,2,U", "CSV", ["1,2,U"]),
        ("[1],U", "CSV", ["[1],U"]),
        (coded('{"inputs": "U"}'), "BASE64", ["U"]),
        (coded("U"), "BASE64", ["U"]),
        ("not base64!", "BASE64", ["not base64!"]),
        ("/9j/4AAQ", "BASE64", []),
        ("", "JSON", []),
        ('{"inputs": "U"}', None, ["U"]),
    ],
)
def test_prompts(sent: str, encoding: Any, expected: list[str]) -> None:
    assert said(parse(sent, None, encoding).prompt_messages) == expected


@pytest.mark.parametrize(
    ("produced", "encoding", "expected"),
    [
        ('[{"generated_text": "A"}]', "JSON", ["A"]),
        ('{"predictions": [0.8]}', "JSON", ['{"predictions":[0.8]}']),
        ("0.8", "CSV", ["0.8"]),
        (
            'data: {"choices":[{"delta":{"content":"A"}}]}\n\ndata: {"choices":[{"delta":{"content":"B"}}]}\n\n',
            "JSON",
            ["AB"],
        ),
        ('{"generated_text": "cut o', "JSON", ["cut o"]),
        (coded('{"generated_text": "A"}'), "BASE64", ["A"]),
    ],
)
def test_responses(produced: str, encoding: str, expected: list[str]) -> None:
    assert said(parse(None, produced, encoding).response_messages) == expected


def test_binary_data_is_dropped() -> None:
    fields = record("/9j/4AAQ", "/9j/4AAQ", "BASE64")
    SOURCE.parse(fields)
    assert "/9j" not in json.dumps(fields)


def test_rows_of_numbers_are_no_text_completion() -> None:
    assert parse("1,2", "0.8", "CSV").operation is None
    assert SOURCE.parse(load("aws_sagemaker_capture", "good_chat")).operation is Operation.CHAT


def test_an_error_in_the_answer_counts() -> None:
    event = SOURCE.parse(load("aws_sagemaker_capture", "error_model"))
    assert (event.outcome_status, reveal(event.error_code), event.response_messages) == (
        Outcome.FAILURE,
        "ModelError",
        [],
    )


def test_only_what_the_caller_made_up_is_left() -> None:
    fields = load("aws_sagemaker_capture", "good_chat")
    SOURCE.parse(fields)
    assert remainder(fields) == {"eventMetadata": {"customAttributes": ["desk=west"], "inferenceId": "case-118"}}
