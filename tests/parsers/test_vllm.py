"""vLLM: Python's literals are read by hand, whole or cut off, and nothing else of the line leaves."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veilog_parsers.event import AuditEvent, Kind, Operation, Outcome, SensitiveText
from veilog_parsers.record.fields import remainder
from veilog_parsers.record.python_repr import unquote
from veilog_parsers.registry import Registry
from veilog_parsers.sources.servers.vllm import SOURCE

HEAD = "INFO 04-02 08:15:30 [logger.py:43] "
TAIL = ", params: SamplingParams(n=1, stop=['Okafor']), prompt_token_ids: [1, 2], lora_request: None."


def parse(line: str) -> AuditEvent:
    return SOURCE.parse({"log": line})


def asked(line: str) -> list[str]:
    return [part.reveal() for message in parse(line).prompt_messages for part in message.parts]


@given(st.text())
def test_any_text_comes_back_from_its_repr(text: str) -> None:
    assert asked(f"{HEAD}Received request cmpl-1: prompt: {text!r}{TAIL}") == ([text] if text else [])


@given(st.text(alphabet="abc äß😀", min_size=1, max_size=40), st.integers(1, 40))
def test_a_literal_that_was_cut_off_is_the_beginning_of_its_text(text: str, cut: int) -> None:
    assert unquote(f"'{text[:cut]}") == text[:cut]


@pytest.mark.parametrize(
    ("literal", "text"),
    [
        (r"'it\'s'", "it's"),
        (r"""'say "x" \\n'""", r'say "x" \n'),
        (r"'\x1b[0m\u200b\U0001f600'", "\x1b[0m\u200b\U0001f600"),
        (r"'\ud83d'", "\ufffd"),
        (r"'\U99999999'", "\ufffd"),
        ("None", ""),
        ("__import__('os').system('id')", ""),
        ("", ""),
        ("'", ""),
    ],
)
def test_literals(literal: str, text: str) -> None:
    assert unquote(literal) == text


def test_nothing_else_of_the_line_is_kept() -> None:
    fields = {"log": f"{HEAD}Received request cmpl-1: prompt: 'hi'{TAIL}", "stream": "stderr"}
    event = SOURCE.parse(fields)
    assert remainder(fields) == {"text_after": len(TAIL)}
    assert (event.kind, event.operation) == (Kind.AI_ACCESS, Operation.TEXT_COMPLETION)


def test_request_and_response_share_their_id() -> None:
    request = parse(f"{HEAD}Received request chatcmpl-7: prompt: 'hi'{TAIL}")
    response = parse(f"{HEAD}Generated response chatcmpl-7: output: 'yo', output_token_ids: [1], finish_reason: length")
    assert isinstance(request.request_id, SensitiveText)
    assert isinstance(response.request_id, SensitiveText)
    assert request.request_id.reveal() == response.request_id.reveal() == "chatcmpl-7"
    assert (request.outcome_status, response.outcome_status) == (None, Outcome.SUCCESS)


@pytest.mark.parametrize(
    "line", ["INFO 04-02 08:15:30 [async_llm.py:270] Added request chatcmpl-7.", "Request timed out", "A prompt: 'x'"]
)
def test_other_lines_are_not_taken(line: str) -> None:
    assert Registry().recognize({"log": line}) is None


@pytest.mark.parametrize(
    "line",
    [
        "Received request a: prompt: '" + "\\" * 2_000_000,
        "Received request a: prompt: '" + "\\x" * 1_000_000,
        "Received request a: " * 100_000,
        "Received request a: prompt: 'x'" + ", finish_reason: " * 100_000 + "!",
        "Generated response a: output: " + "'" * 2_000_000,
    ],
    ids=["backslashes", "half escapes", "beginnings", "endings", "quotes"],
)
def test_hostile_lines_cost_little(line: str) -> None:
    begin = time.perf_counter()
    parse(line)
    assert time.perf_counter() - begin < 5
