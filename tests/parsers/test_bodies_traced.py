"""Inputs and outputs of traced calls: in whatever form they are, the same turns are read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from parsed import said, turns
from veilog_parsers.bodies.exchange import Exchange
from veilog_parsers.bodies.traced import read_inputs, read_outputs
from veilog_parsers.record.fields import remainder
from veilog_parsers.record.raw import Fields


def constructed(name: str, **kwargs: Any) -> Fields:
    return {"lc": 1, "type": "constructor", "id": ["langchain_core", "messages", name], "kwargs": kwargs}


QUESTION, ANSWER = "Where is the key?", "Under the mat."
INPUTS = {
    "a text": QUESTION,
    "a key": {"question": QUESTION},
    "a state": {"input": {"messages": [{"role": "user", "content": QUESTION}]}},
    "messages": [{"role": "user", "content": QUESTION}],
    "a message": {"role": "user", "content": QUESTION},
    "typed messages": {"messages": [{"type": "human", "content": QUESTION}]},
    "messages with data": {"messages": [{"type": "human", "data": {"content": QUESTION, "type": "human"}}]},
    "constructed messages": {"messages": [[constructed("HumanMessage", content=QUESTION, type="human")]]},
    "pairs": {"messages": [["human", QUESTION]]},
    "prompts": {"prompts": [QUESTION]},
    "JSON in a string": json.dumps({"messages": [{"role": "user", "content": QUESTION}]}),
    "Gemini's": {"contents": [{"role": "user", "parts": [{"text": QUESTION}]}]},
}
OUTPUTS = {
    "a text": ANSWER,
    "a key": {"output": ANSWER},
    "a message": {"role": "assistant", "content": ANSWER},
    "choices": [{"index": 0, "message": {"role": "assistant", "content": ANSWER}, "finish_reason": "stop"}],
    "a completion": {"choices": [{"message": {"role": "assistant", "content": ANSWER}}]},
    "a state": {"messages": [{"type": "human", "content": QUESTION}, {"type": "ai", "content": ANSWER}]},
    "generations": {"generations": [[{"text": ANSWER, "message": constructed("AIMessage", content=ANSWER)}]]},
    "generations without messages": {"generations": [[{"text": ANSWER, "generationInfo": {"finish_reason": "stop"}}]]},
    "a holder": {"response": {"generations": [[{"text": ANSWER}]]}},
    "JSON in a string": json.dumps({"role": "assistant", "content": ANSWER}),
    "Gemini's": {"candidates": [{"content": {"role": "model", "parts": [{"text": ANSWER}]}}]},
}


@pytest.mark.parametrize("name", INPUTS)
def test_inputs(name: str) -> None:
    holder, exchange = {"inputs": json.loads(json.dumps(INPUTS[name]))}, Exchange()
    read_inputs(holder, "inputs", exchange)
    assert turns(exchange.prompt) == [("user", [QUESTION])]
    assert remainder(holder) == {}


@pytest.mark.parametrize("name", OUTPUTS)
def test_outputs(name: str) -> None:
    holder, exchange = {"outputs": json.loads(json.dumps(OUTPUTS[name]))}, Exchange()
    exchange.add_prompt(*_asked())
    read_outputs(holder, "outputs", exchange)
    assert said(exchange.response) == [ANSWER]
    assert remainder(holder) == {}


def _asked() -> tuple[Any, Any]:
    asked = Exchange()
    read_inputs({"inputs": QUESTION}, "inputs", asked)
    return asked.prompt[0].role, asked.prompt[0].parts


def test_a_history_comes_before_the_question() -> None:
    exchange = Exchange()
    history = [{"type": "human", "content": "Hello"}, {"type": "ai", "content": "Good day"}]
    read_inputs({"inputs": {"chat_history": history, "question": QUESTION}}, "inputs", exchange)
    assert turns(exchange.prompt) == [("user", ["Hello"]), ("assistant", ["Good day"]), ("user", [QUESTION])]


def test_counts_beside_a_message_are_read() -> None:
    message = constructed(
        "AIMessage",
        content=ANSWER,
        usage_metadata={"input_tokens": 9, "output_tokens": 4, "input_token_details": {"cache_read": 8}},
        response_metadata={"model_name": "gpt-4o", "finish_reason": "stop"},
        tool_calls=[{"name": "look", "args": {"at": "mat"}, "id": "call_1", "type": "tool_call"}],
    )
    holder, exchange = {"outputs": {"generations": [[{"message": message}]]}}, Exchange()
    read_outputs(holder, "outputs", exchange)
    assert (exchange.input_tokens, exchange.output_tokens, exchange.cached_input_tokens) == (9, 4, 8)
    assert exchange.answered_model is not None
    assert exchange.answered_model.reveal() == "gpt-4o"
    assert len(exchange.tool_calls) == 1
    assert remainder(holder) == {}


@pytest.mark.parametrize("value", [7, True, [1, [2]], {"n": 3}, None, "", [], {}])
def test_what_has_no_words_is_no_text(value: Any) -> None:
    holder, exchange = {"inputs": value, "outputs": value}, Exchange()
    read_inputs(holder, "inputs", exchange)
    read_outputs(holder, "outputs", exchange)
    assert (exchange.prompt, exchange.response) == ([], [])


def test_a_generation_without_any_text_is_none() -> None:
    holder, exchange = (
        {"outputs": {"generations": [[{"message": constructed("AIMessage", tool_calls=[])}]]}},
        Exchange(),
    )
    read_outputs(holder, "outputs", exchange)
    assert exchange.response == []


def test_nesting_has_a_limit() -> None:
    value: Any = QUESTION
    for _ in range(100):
        value = {"input": value}
    exchange = Exchange()
    read_inputs({"inputs": value}, "inputs", exchange)
    assert QUESTION in said(exchange.prompt)[0]
