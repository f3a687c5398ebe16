"""Wire shapes: what each provider's bodies come down to, streamed or not, and that no body can break a reader."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veilog_parsers.bodies import Exchange, read_exchange
from veilog_parsers.bodies.read import open_body
from veilog_parsers.bodies.streams import assemble, split_events
from veilog_parsers.event import Message, Operation, Outcome, Role
from veilog_parsers.record.fields import remainder

Turns = list[tuple[str, list[str]]]


def turns(messages: list[Message]) -> Turns:
    return [(message.role.value, [part.reveal() for part in message.parts]) for message in messages]


def asked(request: Any) -> Turns:
    return turns(read_exchange(request, None).prompt)


def answered(response: Any) -> list[list[str]]:
    return [parts for _, parts in turns(read_exchange(None, response).response)]


def calls(response: Any) -> list[tuple[str | None, str | None]]:
    return [
        tuple(text.reveal() if text else None for text in (call.name, call.arguments))  # type: ignore[misc, union-attr]
        for call in read_exchange(None, response).tool_calls
    ]


def chat(*messages: Any) -> dict[str, Any]:
    return {"model": "m", "messages": list(messages)}


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


REQUESTS: list[tuple[str, Any, Turns]] = [
    (
        "chat roles",
        chat({"role": "developer", "content": "be brief"}, user("hi")),
        [("system", ["be brief"]), ("user", ["hi"])],
    ),
    ("unknown role is the user's", chat({"role": "narrator", "content": "once"}), [("user", ["once"])]),
    (
        "content parts",
        chat(user([{"type": "text", "text": "a"}, {"type": "input_text", "text": "b"}])),
        [("user", ["a", "b"])],
    ),
    (
        "null content with tool calls",
        chat(
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}}],
            }
        ),
        [("assistant", ['{"x":1}'])],
    ),
    (
        "legacy function call",
        chat({"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}}),
        [("assistant", ["{}"])],
    ),
    ("tool result", chat({"role": "tool", "tool_call_id": "c", "content": "42"}), [("tool", ["42"])]),
    (
        "file name",
        chat(user([{"type": "file", "file": {"filename": "cv.pdf", "file_data": "JVBE"}}])),
        [("user", ["cv.pdf"])],
    ),
    ("bare list of messages", [user("hi")], [("user", ["hi"])]),
    ("JSON string", '{"messages":[{"role":"user","content":"hi"}]}', [("user", ["hi"])]),
    (
        "predicted output",
        chat(user("fix")) | {"prediction": {"type": "content", "content": "old"}},
        [("user", ["fix"]), ("assistant", ["old"])],
    ),
    ("responses string", {"input": "hi", "instructions": "be brief"}, [("system", ["be brief"]), ("user", ["hi"])]),
    (
        "responses items",
        {
            "input": [
                user([{"type": "input_text", "text": "q"}]),
                {"type": "function_call", "name": "f", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c", "output": "r"},
                {"type": "reasoning", "summary": [{"type": "summary_text", "text": "s"}]},
            ]
        },
        [("user", ["q"]), ("assistant", ["{}"]), ("tool", ["r"]), ("assistant", ["s"])],
    ),
    ("stored prompt", {"prompt": {"id": "p", "version": "2", "variables": {"city": "Oslo"}}}, [("user", ["Oslo"])]),
    ("completion prompts", {"prompt": ["a", "b"], "suffix": "c"}, [("user", ["a", "b"]), ("user", ["c"])]),
    ("embedding inputs", {"input": ["a", "b"], "model": "text-embedding-3-small"}, [("user", ["a", "b"])]),
    ("token ids", {"input": [[1, 2], [3]], "model": "text-embedding-3-small"}, []),
    ("image prompt", {"prompt": "a cat", "size": "1024x1024"}, [("user", ["a cat"])]),
    (
        "anthropic system blocks",
        {"system": [{"type": "text", "text": "s"}], "messages": [user("hi")]},
        [("system", ["s"]), ("user", ["hi"])],
    ),
    (
        "anthropic tool result before the user's words",
        {
            "system": "s",
            "messages": [
                user(
                    [
                        {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "r"}]},
                        {"type": "text", "text": "q"},
                    ]
                )
            ],
        },
        [("system", ["s"]), ("tool", ["r"]), ("user", ["q"])],
    ),
    (
        "anthropic tool use",
        chat({"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {"x": 1}}]}),
        [("assistant", ['{"x":1}'])],
    ),
    (
        "anthropic thinking",
        chat({"role": "assistant", "content": [{"type": "thinking", "thinking": "hm", "signature": "x"}]}),
        [("assistant", ["hm"])],
    ),
    (
        "anthropic document",
        chat(user([{"type": "document", "title": "t", "source": {"type": "text", "data": "d"}}])),
        [("user", ["t", "d"])],
    ),
    (
        "anthropic complete",
        {"prompt": "\n\nHuman: hi\n\nAssistant:", "max_tokens_to_sample": 9},
        [("user", ["\n\nHuman: hi\n\nAssistant:"])],
    ),
    (
        "gemini",
        {"systemInstruction": {"role": "user", "parts": [{"text": "s"}]}, "contents": [{"parts": [{"text": "q"}]}]},
        [("system", ["s"]), ("user", ["q"])],
    ),
    (
        "gemini single part and string",
        {"contents": [{"role": "model", "parts": {"text": "a"}}, "q"]},
        [("assistant", ["a"]), ("user", ["q"])],
    ),
    ("gemini snake case", {"system_instruction": {"parts": [{"text": "s"}]}, "contents": []}, [("system", ["s"])]),
    (
        "gemini tools",
        {
            "contents": [
                {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"x": 1}}}]},
                {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"y": 2}}}]},
            ]
        },
        [("assistant", ['{"x":1}']), ("tool", ['{"y":2}'])],
    ),
    ("ollama chat", {"keep_alive": None, "messages": [user("hi") | {"images": ["iVBO"]}]}, [("user", ["hi"])]),
    (
        "ollama generate",
        {"raw": False, "system": "s", "prompt": "p", "template": "t"},
        [("system", ["s"]), ("user", ["p"])],
    ),
]


@pytest.mark.parametrize(
    ("request_body", "expected"), [case[1:] for case in REQUESTS], ids=[case[0] for case in REQUESTS]
)
def test_request_comes_down_to_turns_in_order(request_body: Any, expected: Turns) -> None:
    assert asked(json.loads(json.dumps(request_body))) == expected


CHUNK = {"id": "c", "object": "chat.completion.chunk", "model": "m"}


def chunk(delta: Any, index: int = 0, finish: str | None = None) -> dict[str, Any]:
    return CHUNK | {"choices": [{"index": index, "delta": delta, "finish_reason": finish}]}


def block(index: int, **delta: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": delta}


ANTHROPIC_EVENTS: list[Any] = [
    {
        "type": "message_start",
        "message": {
            "id": "msg",
            "role": "assistant",
            "model": "claude",
            "content": [],
            "usage": {"input_tokens": 5, "output_tokens": 1},
        },
    },
    {"type": "ping"},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
    block(0, type="thinking_delta", thinking="h"),
    block(0, type="thinking_delta", thinking="m"),
    block(0, type="signature_delta", signature="x"),
    {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
    block(1, type="text_delta", text="Hel"),
    block(1, type="text_delta", text="lo"),
    {
        "type": "content_block_start",
        "index": 2,
        "content_block": {"type": "tool_use", "id": "t", "name": "f", "input": {}},
    },
    block(2, type="input_json_delta", partial_json='{"x"'),
    block(2, type="input_json_delta", partial_json=":1}"),
    {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 9}},
    "[DONE]",
    {"type": "message_stop", "amazon-bedrock-invocationMetrics": {"invocationLatency": 7}},
]

RESPONSES: list[tuple[str, Any, list[list[str]]]] = [
    ("chat", {"choices": [{"message": {"role": "assistant", "content": "a"}}]}, [["a"]]),
    ("several choices", {"choices": [{"message": {"content": "a"}}, {"message": {"content": "b"}}]}, [["a"], ["b"]]),
    ("message absent", {"choices": [{"finish_reason": "content_filter"}]}, []),
    (
        "reasoning, content and refusal",
        {"choices": [{"message": {"reasoning_content": "r", "content": "c", "refusal": "no"}}]},
        [["r", "c", "no"]],
    ),
    ("transcript of audio", {"choices": [{"message": {"audio": {"data": "UklG", "transcript": "said"}}}]}, [["said"]]),
    ("completions", {"choices": [{"text": "a"}, {"text": "b"}]}, [["a"], ["b"]]),
    (
        "responses",
        {
            "object": "response",
            "output": [
                {"type": "reasoning", "summary": [{"type": "summary_text", "text": "r"}]},
                {
                    "type": "message",
                    "role": "assistant",
                    "content": [{"type": "output_text", "text": "a"}, {"type": "refusal", "refusal": "n"}],
                },
            ],
        },
        [["r", "a", "n"]],
    ),
    (
        "what code that the model ran has printed",
        {
            "object": "response",
            "output": [
                {"type": "code_interpreter_call", "code": "f()", "outputs": [{"type": "logs", "logs": "printed"}]}
            ],
        },
        [["f()", "printed"]],
    ),
    (
        "what code that Claude ran has printed",
        {
            "type": "message",
            "content": [
                {
                    "type": "code_execution_tool_result",
                    "tool_use_id": "t",
                    "content": {"type": "code_execution_result", "stdout": "o", "stderr": "e", "return_code": 0},
                }
            ],
        },
        [["o", "e"]],
    ),
    ("image with revised prompt", {"data": [{"b64_json": "iVBO", "revised_prompt": "a tabby cat"}]}, [["a tabby cat"]]),
    (
        "anthropic",
        {
            "type": "message",
            "content": [{"type": "text", "text": "a"}, {"type": "tool_use", "name": "f", "input": {"x": 1}}],
        },
        [["a", '{"x":1}']],
    ),
    ("anthropic complete", {"completion": " a", "stop_reason": "stop_sequence"}, [[" a"]]),
    (
        "gemini",
        {
            "candidates": [
                {
                    "content": {
                        "parts": [
                            {"text": "t", "thought": True},
                            {"text": "a"},
                            {"executableCode": {"language": "PYTHON", "code": "1+1"}},
                            {"codeExecutionResult": {"output": "2"}},
                        ]
                    }
                }
            ]
        },
        [["t", "a", "1+1", "2"]],
    ),
    ("gemini without parts", {"candidates": [{"content": {"role": "model"}, "finishReason": 2}]}, []),
    ("ollama chat", {"message": {"role": "assistant", "content": "a", "thinking": "t"}, "done": True}, [["t", "a"]]),
    ("ollama generate", {"response": "a", "done": True, "context": [1, 2]}, [["a"]]),
    ("JSON string", '{"choices":[{"message":{"content":"a"}}]}', [["a"]]),
    ("nothing", "", []),
    ("prose", "Bad gateway", [["Bad gateway"]]),
]

STREAMS: list[tuple[str, list[Any], list[list[str]]]] = [
    ("chat", [chunk({"role": "assistant", "content": ""}), chunk({"content": "Hel"}), chunk({"content": "lo"}), chunk({}, finish="stop")], [["Hello"]]),
    ("chat, several choices", [chunk({"content": "a"}, 1), chunk({"content": "b"}, 0), chunk({"content": "c"}, 1)], [["b"], ["ac"]]),
    ("chat, tool calls by index",
     [chunk({"tool_calls": [{"index": 0, "id": "c0", "function": {"name": "f", "arguments": ""}}]}), chunk({"tool_calls": [{"index": 1, "id": "c1", "function": {"name": "g", "arguments": "{}"}}]}),
      chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"x"'}}]}), chunk({"tool_calls": [{"index": 0, "function": {"arguments": ":1}"}}]})],
     [['{"x":1}', "{}"]]),
    ("chat, legacy function call", [chunk({"function_call": {"name": "f", "arguments": "{"}}), chunk({"function_call": {"arguments": "}"}})], [["{}"]]),
    ("chat, text beside delta", [CHUNK | {"choices": [{"index": 0, "text": "a", "delta": {"content": "a"}}]}], [["a"]]),
    ("chat, list of parts", [chunk({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "t"}]}]}), chunk({"content": "a"})], [["t", "a"]]),
    ("completions", [CHUNK | {"choices": [{"index": 0, "text": "a"}]}, CHUNK | {"choices": [{"index": 0, "text": "b"}]}], [["ab"]]),
    ("responses, completed", [{"type": "response.output_text.delta", "delta": "a"}, {"type": "response.completed", "response": {"output": [{"type": "message", "content": [{"type": "output_text", "text": "all"}]}]}}], [["all"]]),
    ("responses, cut off",
     [{"type": "response.created", "response": {"id": "r", "model": "m", "output": []}}, {"type": "response.output_item.done", "output_index": 0, "item": {"type": "message", "content": [{"type": "output_text", "text": "one"}]}},
      {"type": "response.output_text.delta", "output_index": 1, "delta": "tw"}, {"type": "response.output_text.delta", "output_index": 1, "delta": "o"}], [["one", "two"]]),
    ("anthropic", ANTHROPIC_EVENTS, [["hm", "Hello", '{"x":1}']]),
    ("anthropic complete", [{"type": "completion", "completion": " a", "stop_reason": None}, {"type": "ping"}, {"type": "completion", "completion": "b", "stop_reason": "stop_sequence"}], [[" ab"]]),
    ("gemini",
     [{"candidates": [{"content": {"role": "model", "parts": [{"text": "t", "thought": True}]}}]}, {"candidates": [{"content": {"parts": [{"text": "a"}]}}]}, {"candidates": [{"content": {"parts": [{"text": "b"}]}, "finishReason": "STOP"}]}],
     [["t", "ab"]]),
    ("ollama chat", [{"message": {"role": "assistant", "content": "a"}, "done": False}, {"message": {"role": "assistant", "content": "b"}, "done": True}], [["ab"]]),
    ("ollama generate", [{"response": "a", "done": False}, {"response": "b", "done": True}], [["ab"]]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("response", "expected"), [case[1:] for case in RESPONSES], ids=[case[0] for case in RESPONSES]
)
def test_response_comes_down_to_its_texts(response: Any, expected: list[list[str]]) -> None:
    assert answered(response) == expected


def as_list(events: list[Any]) -> Any:
    return json.loads(json.dumps(events))


def as_sse(events: list[Any]) -> str:
    return (
        "".join(f": comment\r\nevent: e\r\ndata: {json.dumps(event)}\r\n\r\n" for event in events) + "data: [DONE]\n\n"
    )


def as_ndjson(events: list[Any]) -> str:
    return "\n".join(json.dumps(event) for event in events)


@pytest.mark.parametrize("written", [as_list, as_sse, as_ndjson])
@pytest.mark.parametrize(("events", "expected"), [case[1:] for case in STREAMS], ids=[case[0] for case in STREAMS])
def test_stream_reads_like_its_plain_twin(events: list[Any], expected: list[list[str]], written: Any) -> None:
    assert answered(written(events)) == expected


def test_streamed_tool_calls_have_names_and_arguments() -> None:
    assert calls(as_list(STREAMS[2][1])) == [("f", '{"x":1}'), ("g", "{}")]


def test_anthropic_stream_keeps_the_latest_counts() -> None:
    exchange = read_exchange(None, as_list(ANTHROPIC_EVENTS))
    assert (exchange.input_tokens, exchange.output_tokens) == (5, 9)


def test_assembled_stream_keeps_what_is_no_fragment() -> None:
    body = assemble(as_list(ANTHROPIC_EVENTS))
    assert body is not None
    assert body["amazon-bedrock-invocationMetrics"] == {"invocationLatency": 7}


def test_list_that_is_no_stream_is_not_assembled() -> None:
    assert assemble([{"role": "user", "content": "hi"}, 7, None]) is None


def test_line_separators_inside_json_do_not_split_an_event() -> None:
    assert split_events('data: {"a":"x\u2028y\x85z"}\n') == [{"a": "x\u2028y\x85z"}]


def test_error_event_ends_a_stream_as_a_failure() -> None:
    exchange = read_exchange(None, [chunk({"content": "a"}), {"error": {"code": "server_error", "message": "m"}}])
    assert (exchange.failed, turns(exchange.response)) == (True, [("assistant", ["a"])])


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ({"usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}}, (3, 4, 7)),
        ({"output": [], "usage": {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}}, (3, 4, 7)),
        ({"type": "message", "usage": {"input_tokens": 1, "cache_read_input_tokens": 10, "cache_creation_input_tokens": 100, "output_tokens": 4}}, (111, 4, 115)),
        ({"candidates": [], "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 4, "thoughtsTokenCount": 5, "totalTokenCount": 12}}, (3, 9, 12)),
        ({"done": True, "prompt_eval_count": 3, "eval_count": 4}, (3, 4, 7)),
        ({"usage": {"prompt_tokens": -3, "completion_tokens": "x"}}, (None, None, None)),
    ],
    ids=["openai", "responses", "anthropic adds cached", "gemini adds thoughts", "ollama", "nonsense"],
)  # fmt: skip
def test_tokens(response: Any, expected: tuple[int | None, int | None, int | None]) -> None:
    exchange = read_exchange(None, response)
    assert (exchange.input_tokens, exchange.output_tokens, exchange.total_tokens) == expected


@pytest.mark.parametrize(
    ("request_body", "response", "operation"),
    [
        (chat(user("q")), None, Operation.CHAT),
        ({"model": "gpt-4.1", "input": "q"}, None, Operation.CHAT),
        ({"model": "m", "prompt": "q"}, None, Operation.TEXT_COMPLETION),
        ({"model": "dall-e-3", "prompt": "q"}, None, Operation.IMAGE_GENERATION),
        ({"model": "text-embedding-3-small", "input": "q"}, None, Operation.EMBEDDINGS),
        ({"model": "m", "input": ["q"]}, None, Operation.EMBEDDINGS),
        ({"model": "m", "input": "q"}, {"data": [{"embedding": [0.1]}]}, Operation.EMBEDDINGS),
        ({"model": "omni-moderation-latest", "input": "q"}, None, Operation.MODERATION),
        ({"contents": []}, None, Operation.GENERATE_CONTENT),
        (None, {"choices": [{"message": {}}]}, None),
        (None, {"choices": [{"message": {"content": "a"}}]}, Operation.CHAT),
        (None, {"choices": [{"text": "a"}]}, Operation.TEXT_COMPLETION),
    ],
)
def test_operation(request_body: Any, response: Any, operation: Operation | None) -> None:
    assert read_exchange(request_body, response).operation is operation


@pytest.mark.parametrize(
    ("response", "outcome", "code"),
    [
        ({"error": {"message": "m", "type": "tokens", "code": "rate_limit_exceeded"}}, Outcome.THROTTLED, "rate_limit_exceeded"),
        ({"error": {"message": "m", "type": "invalid_request_error", "code": None}}, Outcome.FAILURE, "invalid_request_error"),
        ({"error": {"code": "content_filter", "status": 400}}, Outcome.CONTENT_FILTERED, "content_filter"),
        ({"type": "error", "error": {"type": "permission_error", "message": "m"}}, Outcome.DENIED, "permission_error"),
        ([{"error": {"code": 429, "message": "m", "status": "RESOURCE_EXHAUSTED"}}], Outcome.THROTTLED, "RESOURCE_EXHAUSTED"),
        ({"object": "error", "message": "m", "type": "invalid_model", "code": 1500}, Outcome.FAILURE, "invalid_model"),
    ],
    ids=["openai", "type for want of a code", "azure filter", "anthropic", "google list", "mistral"],
)  # fmt: skip
def test_error_body_tells_code_and_outcome(response: Any, outcome: Outcome, code: str) -> None:
    exchange = read_exchange(None, response)
    assert exchange.failed
    assert exchange.error_outcome is outcome
    assert exchange.error_code is not None
    assert exchange.error_code.reveal() == code


def test_error_message_is_no_answer_and_stays_in_the_record() -> None:
    response = {"error": {"code": "c", "message": "it was about Jane"}}
    assert answered(response) == []
    assert remainder(response) == {"error": {"message": "it was about Jane"}}


@pytest.mark.parametrize(
    "response",
    [
        {"choices": [{"finish_reason": "content_filter"}]},
        {"output": [], "status": "incomplete", "incomplete_details": {"reason": "content_filter"}},
        {"type": "message", "stop_reason": "refusal"},
        {"candidates": [{"finishReason": "SAFETY"}]},
        {"candidates": [{"finishReason": 8}]},
        {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}},
    ],
)
def test_content_filters_are_seen(response: Any) -> None:
    assert read_exchange(None, response).content_filtered


def test_model_refusal_in_a_chat_is_no_filter() -> None:
    assert not read_exchange(
        None, {"choices": [{"message": {"refusal": "no"}, "finish_reason": "stop"}]}
    ).content_filtered


@pytest.mark.parametrize(
    ("request_body", "response", "provider"),
    [
        ({"anthropic_version": "x", "messages": []}, None, "anthropic"),
        (chat(user("q")), {"type": "message", "content": []}, "anthropic"),
        ({"contents": []}, None, "gcp.gemini"),
        ({"messages": [], "options": {}}, None, "ollama"),
        (chat(user("q")), {"choices": []}, None),
    ],
)
def test_provider_is_named_only_by_a_shape_of_its_own(request_body: Any, response: Any, provider: str | None) -> None:
    assert read_exchange(request_body, response).provider == provider


def test_instructions_that_an_answer_repeats_are_read_once() -> None:
    exchange = read_exchange({"input": "q", "instructions": "s"}, {"output": [], "instructions": "s"})
    assert turns(exchange.prompt) == [("system", ["s"]), ("user", ["q"])]


def test_instructions_of_a_stored_prompt_come_from_the_answer() -> None:
    exchange = read_exchange({"input": "q"}, {"output": [], "instructions": [{"role": "developer", "content": "s"}]})
    assert turns(exchange.prompt) == [("system", ["s"]), ("user", ["q"])]


def test_ids_of_user_and_conversation() -> None:
    exchange = read_exchange({"input": "q", "safety_identifier": "u1", "conversation": {"id": "conv"}}, None)
    assert exchange.user is not None
    assert exchange.conversation_id is not None
    assert (exchange.user.reveal(), exchange.conversation_id.reveal()) == ("u1", "conv")


MEDIA = [
    {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBO"}},
    {"type": "input_image", "image_url": "data:image/png;base64,iVBO", "detail": "low"},
    {"type": "input_audio", "input_audio": {"data": "UklG", "format": "wav"}},
    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBO"}},
    {"type": "document", "source": {"type": "url", "url": "https://files.example.org/x"}},
    {"type": "redacted_thinking", "data": "EmwKAhgB"},
]


@pytest.mark.parametrize("part", MEDIA, ids=lambda part: part["type"])
def test_media_carry_no_text_and_leave_nothing(part: Any) -> None:
    body = chat(user([dict(part)]))
    assert asked(body) == []
    assert remainder(body) == {}


def test_gemini_inline_data_leaves_nothing() -> None:
    body = {
        "contents": [{"role": "user", "parts": [{"inlineData": {"data": "iVBO"}}, {"fileData": {"fileUri": "gs://x"}}]}]
    }
    assert asked(body) == []
    assert remainder(body) == {}


@pytest.mark.parametrize(
    "left",
    [
        {"messages": "many"},
        {"messages": [7, ["hello"]]},
        {"messages": [{"content": 42}]},
        {"messages": [{"content": [{"type": "hologram", "shape": "cube"}]}]},
        {"instructions": 7, "model": ["m"], "user": {"mail": "a@b.se"}},
        {"x-new-field": {"deep": ["value"]}},
    ],
)
def test_what_is_not_understood_stays(left: dict[str, Any]) -> None:
    body = json.loads(json.dumps(left))
    asked(body)
    assert remainder(body) == left


@pytest.mark.parametrize(
    "data",
    [
        {"phone": 2125551234},
        {"customer": {"contacts": [{"mail": "a@b.se"}]}},
        {"question": "what is this"},
        {"name": "Anna", "social": "536-90-4399"},
        2125551234,
    ],
)
@pytest.mark.parametrize("key", ["messages", "input"])
def test_content_that_is_data_is_a_text(data: Any, key: str) -> None:
    body: dict[str, Any] = {key: [{"role": "user", "content": data}] if key == "messages" else data}
    ((role, parts),) = asked(body)
    assert (role, [json.loads(part) for part in parts]) == ("user", [data])
    assert remainder(body) == {}


def test_a_text_with_notes_on_it_is_the_text() -> None:
    """As OpenAI's Assistants have it (`MessageContentTextObject` of its API description)."""
    block = {"type": "text", "text": {"value": "hi", "annotations": []}}
    body = {"messages": [{"role": "user", "content": [block, {"type": "text", "text": {"value": "you"}}]}]}
    assert asked(body) == [("user", ["hi", "you"])]
    assert remainder(body) == {}


def test_what_stands_beside_a_text_with_notes_stays() -> None:
    body = {"messages": [{"role": "user", "content": {"text": {"value": "hi", "note": "what somebody says of it"}}}]}
    assert asked(body) == [("user", ["hi"])]
    assert remainder(body) == {"messages": [{"content": {"text": {"note": "what somebody says of it"}}}]}


@pytest.mark.parametrize(
    "media",
    [{"bytes": "JVBERi0xLjcKJeLjz9MK"}, {"flag": True, "count": 7}, {"s3Location": {"uri": "s3://bucket/a"}}, {}],
)
def test_content_that_says_nothing_is_no_text(media: dict[str, Any]) -> None:
    assert asked({"messages": [{"role": "user", "content": media}]}) == []


def nested(depth: int) -> dict[str, Any]:
    content: Any = "deep"
    for _ in range(depth):
        content = [{"type": "tool_result", "content": content}]
    return chat(user(content))


def test_nested_content_is_read_to_a_bound() -> None:
    assert asked(nested(5)) == [("tool", ["deep"])]
    assert asked(nested(400)) == []


def test_open_body_leaves_the_opened_body_in_the_record() -> None:
    record = {"http": {"body": as_sse([chunk({"content": "a"}) | {"novelty": 1}])}}
    read_exchange(None, open_body(record, "http", "body"))
    assert remainder(record) == {"http": {"body": {"novelty": 1, "text_after": ": comment"}}}


KEYS = st.sampled_from(
    [
        "arguments",
        "candidates",
        "choices",
        "code",
        "completion",
        "content",
        "contents",
        "conversation",
        "data",
        "delta",
        "done",
        "embedding",
        "error",
        "event",
        "file",
        "filename",
        "finishReason",
        "finish_reason",
        "function",
        "functionCall",
        "function_call",
        "id",
        "incomplete_details",
        "index",
        "input",
        "instructions",
        "item",
        "message",
        "messages",
        "metadata",
        "model",
        "object",
        "output",
        "output_index",
        "parts",
        "partial_json",
        "promptFeedback",
        "prompt",
        "response",
        "role",
        "source",
        "status",
        "stop_reason",
        "system",
        "text",
        "thinking",
        "tool_calls",
        "type",
        "usage",
        "usageMetadata",
        "variables",
        "x_groq",
    ]
)
WORDS = st.sampled_from(
    [
        "[DONE]",
        "assistant",
        "completion",
        "content_block_delta",
        "content_block_start",
        "error",
        "function_call",
        "message",
        "message_delta",
        "message_start",
        "reasoning",
        "response.completed",
        "response.created",
        "response.output_text.delta",
        "text",
        "tool_result",
        "tool_use",
        "user",
    ]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | WORDS
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(max_size=4), inner, max_size=6),
    max_leaves=30,
)
BODIES = JSON | JSON.map(json.dumps) | st.lists(JSON, max_size=4).map(as_sse)


@given(request_body=BODIES, response=BODIES)
def test_no_body_breaks_a_reader(request_body: Any, response: Any) -> None:
    exchange = read_exchange(request_body, response)
    assert isinstance(exchange, Exchange)
    assert all(isinstance(message.role, Role) and message.parts for message in exchange.prompt + exchange.response)
