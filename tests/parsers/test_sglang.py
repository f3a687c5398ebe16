"""SGLang's request log: both formats say the same, and hostile lines stay what they are."""

from __future__ import annotations

from typing import Any

import pytest

from parsed import load, reveal
from veilog_parsers.event import AuditEvent, Operation, Outcome
from veilog_parsers.registry import Registry
from veilog_parsers.sources.servers.sglang import SOURCE


def parse(line: str) -> AuditEvent:
    return SOURCE.parse({"message": line})


def texts(event: AuditEvent) -> tuple[list[str], list[str]]:
    sides = (event.prompt_messages, event.response_messages)
    prompt, response = ([part.reveal() for turn in side for part in turn.parts] for side in sides)
    return prompt, response


def test_a_finished_request_has_both_texts_and_its_cost() -> None:
    event = SOURCE.parse(load("sglang", "good_finish"))
    prompt, response = texts(event)
    assert prompt == [
        "<|im_start|>user\nWrite to chidi.okafor@lagos-freight.com that it's late.<|im_end|>\n<|im_start|>assistant\n"
    ]
    assert response == ["Dear Mr. Okafor, I'm sorry: the ship is late."]
    assert (event.input_tokens, event.output_tokens, event.cached_input_tokens) == (31, 14, 12)
    assert (event.latency_ms, event.stream, event.outcome_status) == (412.345, True, Outcome.SUCCESS)


@pytest.mark.parametrize("case", ["good_receive", "good_finish", "good_json", "good_embedding"])
def test_recognition(case: str) -> None:
    assert Registry().recognize(load("sglang", case)) is SOURCE


@pytest.mark.parametrize(
    "record",
    [
        {"message": "Receive: obj=Order(id=7)"},
        {"message": "Finish: obj={'id': 7}, out={'text': 'x'}"},
        {"message": "the object obj=GenerateReqInput was seen"},
        {"event": "request.finished", "rid": "a"},
        {"event": "request.sent", "obj": {}},
    ],
)
def test_what_is_no_sglang(record: dict[str, Any]) -> None:
    assert Registry().recognize(record) is not SOURCE


@pytest.mark.parametrize(
    ("arguments", "prompt"),
    [
        ("text='It\\'s \\n here', input_ids=None", ["It's \n here"]),
        ('text="It\'s here"', ["It's here"]),
        ("text='a, text=b) out={', rid='x'", ["a, text=b) out={"]),
        ("text='first half' ... 'second half', rid='x'", ["first half...second half"]),
        ("text=['one', 'two']", ["one", "two"]),
        ("text=None", []),
        ("text='cut off at the en", ["cut off at the en)"]),
    ],
)
def test_texts_as_python_writes_them(arguments: str, prompt: list[str]) -> None:
    assert texts(parse(f"Receive: obj=GenerateReqInput({arguments})"))[0] == prompt


def test_a_request_of_openai_s_api_has_its_messages() -> None:
    line = (
        "Receive OpenAI: obj={'model': 'qwen', 'messages': [{'role': 'user', 'content': 'It is late'}], 'stream': True}"
    )
    assert Registry().recognize({"message": line}) is SOURCE
    event = parse(line)
    assert texts(event) == (["It is late"], [])
    assert (reveal(event.model_name), event.stream) == ("qwen", True)


def test_the_kind_of_request_and_its_end() -> None:
    assert SOURCE.parse(load("sglang", "good_embedding")).operation is Operation.EMBEDDINGS
    event = SOURCE.parse(load("sglang", "error_aborted"))
    assert (event.outcome_status, event.http_status) == (Outcome.FAILURE, 400)
    assert reveal(event.error_code) == "BadRequestError"


def test_a_line_that_only_begins_like_one_keeps_its_rest() -> None:
    fields: dict[str, Any] = {"message": "Receive: obj=GenerateReqInput(the ship is in the harbor"}
    SOURCE.parse(fields)
    assert fields["obj"] == {"text_after": "the ship is in the harbor"}
