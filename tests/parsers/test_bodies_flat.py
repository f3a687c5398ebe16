"""Flat shapes (Cohere, TGI, llama.cpp, Vertex), and what providers add to OpenAI's."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest

from veilog_parsers.bodies import Exchange, read_exchange
from veilog_parsers.bodies.read import open_body
from veilog_parsers.event import Message, Operation
from veilog_parsers.record.fields import remainder
from veilog_parsers.registry import Registry

USER = [{"role": "user", "content": "q"}]
Turns = list[tuple[str, list[str]]]


def turns(messages: list[Message]) -> Turns:
    return [(message.role.value, [part.reveal() for part in message.parts]) for message in messages]


def sse(*events: Any) -> str:
    return "".join(f"event: {event.get('type')}\ndata: {json.dumps(event)}\n\n" for event in events)


def lines(*events: Any) -> str:
    return "".join(json.dumps(event) + "\n" for event in events)


def read(request: Any, response: Any) -> tuple[Exchange, Any]:
    """The exchange, and what nobody understood of it."""
    record = orjson.loads(orjson.dumps({"request": request, "response": response}))
    exchange = read_exchange(open_body(record, "request"), open_body(record, "response"))
    return exchange, remainder(record)


COHERE_1_ANSWER = {
    "response_id": "r1",
    "generation_id": "g1",
    "text": "ans",
    "chat_history": [{"role": "USER", "message": "Now?"}],
    "finish_reason": "COMPLETE",
    "meta": {
        "api_version": {"version": "1"},
        "billed_units": {"input_tokens": 5, "output_tokens": 2},
        "tokens": {"input_tokens": 71, "output_tokens": 3},
    },
}
COHERE_2_USAGE = {
    "billed_units": {"input_tokens": 5, "output_tokens": 2},
    "tokens": {"input_tokens": 71, "output_tokens": 3},
}
COHERE_2_STREAM = sse(
    {"type": "message-start", "id": "i", "delta": {"message": {"role": "assistant", "content": [], "tool_plan": ""}}},
    {"type": "tool-plan-delta", "delta": {"message": {"tool_plan": "pl"}}},
    {"type": "tool-plan-delta", "delta": {"message": {"tool_plan": "an"}}},
    {"type": "tool-call-start", "index": 0, "delta": {"message": {"tool_calls": {"id": "t", "type": "function", "function": {"name": "f", "arguments": ""}}}}},
    {"type": "tool-call-delta", "index": 0, "delta": {"message": {"tool_calls": {"function": {"arguments": "{}"}}}}},
    {"type": "tool-call-end", "index": 0},
    {"type": "content-start", "index": 0, "delta": {"message": {"content": {"type": "text", "text": ""}}}},
    {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": "He"}}}},
    {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": "llo"}}}},
    {"type": "content-end", "index": 0},
    {"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": COHERE_2_USAGE}},
)  # fmt: skip
TOKEN = {"id": 1, "logprob": -0.1, "special": False}

EXCHANGES: dict[str, tuple[Any, Any, Turns, list[list[str]], tuple[int | None, int | None, int | None], Operation | None]] = {
    "cohere chat": (
        {"model": "c", "message": "Now?", "preamble": "Be nice", "chat_history": [{"role": "USER", "message": "hi"}, {"role": "CHATBOT", "message": "hello"}], "documents": [{"title": "t", "snippet": "doc"}]},
        COHERE_1_ANSWER,
        [("system", ["Be nice"]), ("user", ["hi"]), ("assistant", ["hello"]), ("tool", ["t", "doc"]), ("user", ["Now?"])],
        [["ans"]],
        (71, 3, 74),
        Operation.CHAT,
    ),
    "cohere chat, streamed": (
        {"model": "c", "message": "q", "stream": True},
        lines({"is_finished": False, "event_type": "stream-start", "generation_id": "g"}, {"is_finished": False, "event_type": "text-generation", "text": "an"}, {"is_finished": True, "event_type": "stream-end", "response": COHERE_1_ANSWER, "finish_reason": "COMPLETE"}),
        [("user", ["q"])],
        [["ans"]],
        (71, 3, 74),
        Operation.CHAT,
    ),
    "cohere v2 chat": (
        {"model": "c", "messages": USER, "safety_mode": "NONE", "documents": ["plain", {"id": "d", "data": {"text": "doc"}}]},
        {"id": "i", "finish_reason": "COMPLETE", "message": {"role": "assistant", "tool_plan": "plan", "content": [{"type": "text", "text": "ans"}]}, "usage": COHERE_2_USAGE},
        [("tool", ["doc", "plain"]), ("user", ["q"])],
        [["plan", "ans"]],
        (71, 3, 74),
        Operation.CHAT,
    ),
    "cohere v2 chat, streamed": ({"model": "c", "messages": USER}, COHERE_2_STREAM, [("user", ["q"])], [["plan", "Hello", "{}"]], (71, 3, 74), Operation.CHAT),
    "cohere embed": (
        {"model": "e", "texts": ["a", "b"], "input_type": "search_document"},
        {"id": "i", "texts": ["a", "b"], "embeddings": {"float": [[0.1]]}, "response_type": "embeddings_by_type", "meta": {"billed_units": {"input_tokens": 2}}},
        [("user", ["a", "b"])],
        [],
        (2, None, None),
        Operation.EMBEDDINGS,
    ),
    "rerank": (
        {"model": "r", "query": "q", "documents": ["a", "b"], "top_n": 1},
        {"id": "i", "results": [{"index": 0, "relevance_score": 0.9}], "meta": {"billed_units": {"search_units": 1}}},
        [("tool", ["a", "b"]), ("user", ["q"])],
        [],
        (None, None, None),
        Operation.RETRIEVAL,
    ),
    "tgi": (
        {"inputs": "What?", "parameters": {"max_new_tokens": 20, "details": True}},
        {"generated_text": "ans", "details": {"finish_reason": "length", "generated_tokens": 20, "prefill": [{"id": 1, "text": "What"}], "tokens": [{"text": "ans"}]}},
        [("user", ["What?"])],
        [["ans"]],
        (None, 20, None),
        Operation.TEXT_COMPLETION,
    ),
    "tgi, a list": ({"inputs": "What?"}, [{"generated_text": "ans"}], [("user", ["What?"])], [["ans"]], (None, None, None), Operation.TEXT_COMPLETION),
    "tgi, streamed": (
        {"inputs": "What?"},
        sse({"index": 1, "token": TOKEN | {"text": "He"}, "generated_text": None, "details": None}, {"index": 2, "token": TOKEN | {"text": "llo"}, "generated_text": "Hello!", "details": {"finish_reason": "eos_token", "generated_tokens": 2, "seed": None}}),
        [("user", ["What?"])],
        [["Hello!"]],
        (None, 2, None),
        Operation.TEXT_COMPLETION,
    ),
    "tgi, a stream cut off": (
        {"inputs": "What?"},
        sse({"index": 1, "token": TOKEN | {"text": "He"}, "generated_text": None}, {"index": 2, "token": TOKEN | {"text": "<s>", "special": True}, "generated_text": None}),
        [("user", ["What?"])],
        [["He"]],
        (None, None, None),
        Operation.TEXT_COMPLETION,
    ),
    "llama.cpp's own": (
        {"prompt": "q", "n_predict": 5, "cache_prompt": True},
        {"content": "a", "model": "m.gguf", "tokens_evaluated": 4, "tokens_predicted": 2, "stop": True, "stop_type": "eos", "generation_settings": {"n": 1}, "prompt": "q", "timings": {}},
        [("user", ["q"])],
        [["a"]],
        (4, 2, None),
        Operation.TEXT_COMPLETION,
    ),
    "vertex predict": (
        {"instances": [{"prompt": "q"}], "parameters": {"temperature": 0}},
        {"predictions": [{"content": "a", "safetyAttributes": {}}], "metadata": {"tokenMetadata": {"inputTokenCount": {"totalTokens": 1}, "outputTokenCount": {"totalTokens": 2}}}},
        [("user", ["q"])],
        [["a"]],
        (1, 2, None),
        Operation.TEXT_COMPLETION,
    ),
    "gemini batch of embeddings": ({"requests": [{"model": "models/e", "content": {"parts": [{"text": "q"}]}}]}, {"embeddings": [{"values": [0.1]}]}, [("user", ["q"])], [], (None, None, None), Operation.EMBEDDINGS),
    "speech to text": (
        {"model": "whisper-1", "file": "a.mp3", "language": "en", "prompt": "names: Bo"},
        {"task": "transcribe", "duration": 3.2, "text": "hello there", "segments": [{"text": "hello there"}], "usage": {"type": "tokens", "input_tokens": 4, "output_tokens": 2, "total_tokens": 6}},
        [("user", ["names: Bo"])],
        [["hello there"]],
        (4, 2, 6),
        None,
    ),
    "speech to text, streamed": (
        {"model": "gpt-4o-transcribe"},
        sse({"type": "transcript.text.delta", "delta": "hel"}, {"type": "transcript.text.done", "text": "hello", "usage": {"input_tokens": 4, "output_tokens": 2, "total_tokens": 6}}),
        [],
        [["hello"]],
        (4, 2, 6),
        None,
    ),
    "text to speech": ({"model": "tts-1", "input": "say this", "voice": "alloy"}, None, [("user", ["say this"])], [], (None, None, None), None),
    "deepseek": (
        {"model": "deepseek-reasoner", "messages": USER},
        {"id": "c", "choices": [{"index": 0, "message": {"role": "assistant", "content": "a", "reasoning_content": "why"}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4, "prompt_cache_hit_tokens": 1, "prompt_cache_miss_tokens": 2}},
        [("user", ["q"])],
        [["why", "a"]],
        (3, 1, 4),
        Operation.CHAT,
    ),
    "groq's tools": (
        {"model": "compound", "messages": USER},
        {"choices": [{"message": {"content": "a", "executed_tools": [{"index": 0, "type": "search", "arguments": "{}", "output": "found"}]}}], "x_groq": {"id": "r"}, "usage_breakdown": {"models": []}},
        [("user", ["q"])],
        [["a", "{}", "found"]],
        (None, None, None),
        Operation.CHAT,
    ),
    "a mistral conversation": (
        {"model": "m", "inputs": [{"role": "user", "content": "q"}]},
        {"conversation_id": "c1", "object": "conversation.response", "outputs": [{"type": "message.output", "role": "assistant", "content": "a"}]},
        [("user", ["q"])],
        [["a"]],
        (None, None, None),
        Operation.TEXT_COMPLETION,
    ),
    "azure's filters": (
        {"messages": USER},
        {"created": 0, "choices": [{"index": 0, "message": {"content": "a"}, "content_filter_results": {"hate": {"filtered": False}}, "content_filter_offsets": {"start": 1}}], "prompt_filter_results": [{"prompt_index": 0}], "prompt_annotations": []},
        [("user", ["q"])],
        [["a"]],
        (None, None, None),
        Operation.CHAT,
    ),
    "openrouter's reasoning": (
        {"model": "o", "messages": USER},
        {"choices": [{"message": {"content": "a", "reasoning": "r", "reasoning_details": [{"type": "reasoning.text", "text": "r"}]}}], "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3, "cost": 0.1}},
        [("user", ["q"])],
        [["r", "a"]],
        (1, 2, 3),
        Operation.CHAT,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", EXCHANGES.values(), ids=list(EXCHANGES))
def test_exchange_is_read_whole(case: Any) -> None:
    request, response, prompt, answer, tokens, operation = case
    exchange, left = read(request, response)
    assert turns(exchange.prompt) == prompt
    assert [parts for _, parts in turns(exchange.response)] == answer
    assert (exchange.input_tokens, exchange.output_tokens, exchange.total_tokens) == tokens
    assert exchange.operation is operation
    assert left == {}


@pytest.mark.parametrize(
    ("request_body", "response", "provider"),
    [
        ({"model": "d", "messages": USER, "thinking": {"type": "enabled"}}, {"choices": []}, None),
        ({"model": "l", "prompt": "q", "system": "s"}, {"response": "a", "done": True}, "ollama"),
        ({"model": "e", "texts": ["a"]}, {"embeddings": [[0.1]], "texts": ["a"], "meta": {}}, None),
        ({"content": {"parts": [{"text": "q"}]}}, {"embedding": {"values": [0.1]}}, "gcp.gemini"),
        ({"model": "l", "input": ["a"]}, {"model": "l", "embeddings": [[0.1]]}, "ollama"),
    ],
    ids=["deepseek thinks like claude", "ollama with a system", "cohere embeds", "gemini embeds", "ollama embeds"],
)
def test_a_key_that_two_dialects_share_names_no_wrong_provider(
    request_body: Any, response: Any, provider: str | None
) -> None:
    assert read(request_body, response)[0].provider == provider


@pytest.mark.parametrize(
    ("response", "code", "left"),
    [
        (
            {"error": "inputs too long for Ann", "error_type": "validation"},
            "validation",
            {"error": "inputs too long for Ann"},
        ),
        ({"detail": [{"loc": ["body"], "input": "Ann"}]}, None, {"detail": [{"loc": ["body"], "input": "Ann"}]}),
    ],
    ids=["tgi", "fastapi"],
)
def test_error_is_no_answer_and_its_text_stays(response: Any, code: str | None, left: Any) -> None:
    exchange, rest = read(None, response)
    assert exchange.failed
    assert exchange.response == []
    assert (exchange.error_code.reveal() if exchange.error_code else None) == code
    assert rest == {"response": left}


@pytest.mark.parametrize("name", ["cohere chat", "cohere embed", "rerank", "tgi"])
def test_gateways_log_them_too(name: str) -> None:
    request, response = EXCHANGES[name][:2]
    found = Registry().recognize({"request": request, "response": response})
    assert found is not None
    assert found.name == "openai_gateway"
