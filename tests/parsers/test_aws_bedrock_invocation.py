"""The Bedrock invocation log: its samples, every model family's shapes, and hostile records."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veilog_parsers.event import AuditEvent, CleanText, Message, Operation, Outcome, Text, UserType
from veilog_parsers.record.fields import remainder
from veilog_parsers.sources.aws.aws_bedrock_invocation import SOURCE

SAMPLES = Path(__file__).parents[2] / "parsers" / "samples" / "aws_bedrock_invocation"
NAMES = sorted(path.name.removesuffix(".in.json") for path in SAMPLES.glob("*.in.json"))

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)

Turns = list[tuple[str, list[str]]]


def load(name: str) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((SAMPLES / f"{name}.in.json").read_text())
    return record


def record(request: Any = None, response: Any = None, **envelope: Any) -> dict[str, Any]:
    return {
        "schemaType": "ModelInvocationLog",
        "operation": "InvokeModel",
        "modelId": "vendor.model-v1:0",
        "input": {"inputBodyJson": copy.deepcopy(request)},
        "output": {"outputBodyJson": copy.deepcopy(response)},
    } | envelope


def parse(request: Any = None, response: Any = None, **envelope: Any) -> AuditEvent:
    return SOURCE.parse(record(request, response, **envelope))


def reveal(text: Text | CleanText | None) -> str | None:
    return text if text is None or isinstance(text, str) else text.reveal()


def turns(messages: list[Message]) -> Turns:
    return [(message.role.value, [part.reveal() for part in message.parts]) for message in messages]


def asked(event: AuditEvent) -> Turns:
    return turns(event.prompt_messages)


def answered(event: AuditEvent) -> list[str]:
    return [part for _, parts in turns(event.response_messages) for part in parts]


def calls(event: AuditEvent) -> list[tuple[str | None, str | None]]:
    return [(reveal(call.name), reveal(call.arguments)) for call in event.tool_calls or []]


def paths(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON tree, except its root."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [found for key, value in items for found in [(*path, key), *paths(value, (*path, key))]]


@pytest.mark.parametrize("name", NAMES)
def test_samples_are_recognized(name: str) -> None:
    fields = load(name)
    assert any(test(fields) for key, test in SOURCE.markers.items() if key in fields)


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("good_")])
def test_good_samples_leave_only_what_is_meant_to_be_left(name: str) -> None:
    fields = load(name)
    SOURCE.parse(fields)
    left = {
        "good_converse": {"requestMetadata"},
        "good_s3_body": {"input"},
    }
    assert remainder(fields).keys() == left.get(name, set())


@pytest.mark.parametrize("name", [name for name in NAMES if name != "malformed"])
def test_samples_say_who_called_which_model(name: str) -> None:
    event = SOURCE.parse(load(name))
    assert None not in (event.timestamp, event.tenant_id, event.user_id, event.user_type, event.model_name)


def test_a_record_without_schema_type_is_recognized_by_its_body() -> None:
    fields = load("good_titan")
    del fields["schemaType"]
    assert SOURCE.markers["modelId"](fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"schemaType": "SomethingElse"},
        {"modelId": "m", "input": {"text": "hi"}},
        {"modelId": "m", "input": "inputBodyJson"},
    ],
)
def test_other_records_are_not_recognized(fields: dict[str, Any]) -> None:
    assert not any(test(fields) for key, test in SOURCE.markers.items() if key in fields)


REQUESTS: dict[str, tuple[Any, Turns]] = {
    "converse": (
        {"system": [{"text": "S"}], "messages": [{"role": "user", "content": [{"text": "U"}]}], "inferenceConfig": {}},
        [("system", ["S"]), ("user", ["U"])],
    ),
    "converse by its blocks alone": (
        {"messages": [{"role": "user", "content": [{"text": "U"}, {"image": {"source": {"bytes": "QUJD"}}}]}]},
        [("user", ["U"])],
    ),
    "guarded content": (
        {"messages": [{"role": "user", "content": [{"guardContent": {"text": {"text": "U", "qualifiers": ["q"]}}}]}]},
        [("user", ["U"])],
    ),
    "document": (
        {
            "messages": [
                {"role": "user", "content": [{"document": {"name": "N", "source": {"text": "D"}, "format": "txt"}}]}
            ]
        },
        [("user", ["N", "D"])],
    ),
    "tool result before the user's words": (
        {
            "messages": [
                {
                    "role": "user",
                    "content": [{"toolResult": {"toolUseId": "t", "content": [{"json": {"a": 1}}, {"text": "R"}]}}],
                },
                {"role": "user", "content": [{"text": "U"}]},
            ]
        },
        [("tool", ['{"a":1}', "R"]), ("user", ["U"])],
    ),
    "prompt variables": ({"promptVariables": {"name": {"text": "V"}}}, [("user", ["V"])]),
    "anthropic": (
        {"anthropic_version": "b", "system": "S", "messages": [{"role": "user", "content": "U"}]},
        [("system", ["S"]), ("user", ["U"])],
    ),
    "anthropic legacy": (
        {"prompt": "\n\nHuman: U\n\nAssistant:", "max_tokens_to_sample": 5},
        [("user", ["\n\nHuman: U\n\nAssistant:"])],
    ),
    "openai": ({"messages": [{"role": "user", "content": "U"}], "max_tokens": 5}, [("user", ["U"])]),
    "titan": ({"inputText": "U", "textGenerationConfig": {"maxTokenCount": 5}}, [("user", ["U"])]),
    "llama": ({"prompt": "U", "max_gen_len": 5}, [("user", ["U"])]),
    "cohere chat": (
        {
            "preamble": "S",
            "chat_history": [{"role": "USER", "message": "U1"}, {"role": "CHATBOT", "message": "A1"}],
            "documents": [{"title": "T", "snippet": "D"}],
            "message": "U2",
        },
        [("system", ["S"]), ("user", ["U1"]), ("assistant", ["A1"]), ("tool", ["T", "D"]), ("user", ["U2"])],
    ),
    "cohere embed": ({"texts": ["U1", "U2"], "input_type": "search_document"}, [("user", ["U1", "U2"])]),
    "rerank": ({"query": "Q", "documents": ["D1", {"text": "D2"}]}, [("tool", ["D2", "D1"]), ("user", ["Q"])]),
    "image task": (
        {
            "taskType": "TEXT_IMAGE",
            "textToImageParams": {"text": "U", "negativeText": "N"},
            "imageGenerationConfig": {},
        },
        [("user", ["U"]), ("user", ["N"])],
    ),
    "stability": ({"text_prompts": [{"text": "U", "weight": 1}], "cfg_scale": 7}, [("user", ["U"])]),
    "container": ({"inputs": "U", "parameters": {"max_new_tokens": 5}}, [("user", ["U"])]),
    "json in a string": ('{"inputText": "U"}', [("user", ["U"])]),
    "text that is no json": ("U", [("user", ["U"])]),
    "body in S3": (None, []),
}


@pytest.mark.parametrize(("body", "expected"), REQUESTS.values(), ids=REQUESTS.keys())
def test_requests(body: Any, expected: Turns) -> None:
    assert asked(parse(body)) == expected


@pytest.mark.parametrize("body", [body for body, _ in REQUESTS.values()], ids=REQUESTS.keys())
def test_requests_are_consumed(body: Any) -> None:
    fields = record(body)
    SOURCE.parse(fields)
    assert not remainder(fields)


RESPONSES: dict[str, tuple[Any, list[str]]] = {
    "converse": ({"output": {"message": {"role": "assistant", "content": [{"text": "A"}]}}}, ["A"]),
    "reasoning": (
        {
            "output": {
                "message": {"content": [{"reasoningContent": {"reasoningText": {"text": "R", "signature": "s"}}}]}
            }
        },
        ["R"],
    ),
    "citations": (
        {"output": {"message": {"content": [{"citationsContent": {"content": [{"text": "A"}], "citations": []}}]}}},
        ["A"],
    ),
    "anthropic": ({"type": "message", "content": [{"type": "text", "text": "A"}]}, ["A"]),
    "anthropic legacy": ({"completion": "A", "stop_reason": "stop_sequence"}, ["A"]),
    "openai": ({"choices": [{"message": {"role": "assistant", "content": "A"}}]}, ["A"]),
    "imported model": ({"choices": [{"text": "A", "index": 0}], "object": "text_completion"}, ["A"]),
    "titan": ({"results": [{"outputText": "A", "tokenCount": 1}, {"outputText": "B", "tokenCount": 2}]}, ["A", "B"]),
    "llama": ({"generation": "A", "stop_reason": "stop"}, ["A"]),
    "cohere chat": ({"text": "A", "chat_history": [{"role": "USER", "message": "U"}]}, ["A"]),
    "cohere generations": ({"generations": [{"text": "A", "finish_reason": "COMPLETE"}], "prompt": "U"}, ["A"]),
    "mistral": ({"outputs": [{"text": "A", "stop_reason": "stop"}]}, ["A"]),
    "ai21": (
        {
            "id": 1,
            "prompt": {"text": "U"},
            "completions": [{"data": {"text": "A"}, "finishReason": {"reason": "stop"}}],
        },
        ["A"],
    ),
    "embedding": ({"embedding": [0.1], "inputTextTokenCount": 2}, []),
    "image": ({"images": ["QUJD"], "seeds": [1]}, []),
    "converse stream": (
        [
            {"messageStart": {"role": "assistant"}},
            {"contentBlockDelta": {"delta": {"reasoningContent": {"text": "R"}}, "contentBlockIndex": 0}},
            {"contentBlockDelta": {"delta": {"reasoningContent": {"signature": "s"}}, "contentBlockIndex": 0}},
            {"contentBlockDelta": {"delta": {"text": "4111 "}, "contentBlockIndex": 1}},
            {"contentBlockStop": {"contentBlockIndex": 1}},
            {"contentBlockDelta": {"delta": {"text": "1111"}, "contentBlockIndex": 2}},
            {"messageStop": {"stopReason": "end_turn"}},
        ],
        ["R", "4111 1111"],
    ),
    "anthropic stream": (
        [
            {"type": "message_start", "message": {"role": "assistant", "content": []}},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "4111 "}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "1111"}},
            "[DONE]",
        ],
        ["4111 1111"],
    ),
    "openai stream": ([{"choices": [{"delta": {"content": "A"}}]}, {"choices": [{"delta": {"content": "B"}}]}], ["AB"]),
    "titan stream": ([{"outputText": "A", "index": 0}, {"outputText": "B", "index": 0}, "[DONE]"], ["AB"]),
    "llama stream": ([{"generation": "A"}, {"generation": "B", "stop_reason": "stop"}], ["AB"]),
    "mistral stream": ([{"outputs": [{"text": "A"}]}, {"outputs": [{"text": "B", "stop_reason": "stop"}]}], ["AB"]),
    "cohere stream": (
        [
            {"event_type": "text-generation", "text": "A"},
            {"event_type": "stream-end", "is_finished": True, "response": {"text": "AB"}},
        ],
        ["AB"],
    ),
    "text that is no json": ("A", ["A"]),
}


@pytest.mark.parametrize(("body", "expected"), RESPONSES.values(), ids=RESPONSES.keys())
def test_responses(body: Any, expected: list[str]) -> None:
    assert answered(parse(None, body)) == expected


@pytest.mark.parametrize("body", [body for body, _ in RESPONSES.values()], ids=RESPONSES.keys())
def test_responses_are_consumed(body: Any) -> None:
    fields = record(None, body)
    SOURCE.parse(fields)
    assert not remainder(fields)


@pytest.mark.parametrize(
    ("request_body", "response_body", "envelope", "operation"),
    [
        ({"messages": [], "inferenceConfig": {}}, None, {}, Operation.CHAT),
        (None, None, {"operation": "ConverseStream"}, Operation.CHAT),
        ({"prompt": "U"}, None, {}, Operation.TEXT_COMPLETION),
        ({"inputText": "U"}, {"embedding": [0.1]}, {}, Operation.EMBEDDINGS),
        ({"inputText": "U"}, {"results": [{"outputText": "A"}]}, {}, Operation.TEXT_COMPLETION),
        ({"inputText": "U"}, None, {"modelId": "amazon.titan-embed-text-v2:0"}, Operation.EMBEDDINGS),
        ({"texts": ["U"]}, None, {}, Operation.EMBEDDINGS),
        ({"prompt": "U"}, {"images": ["QUJD"]}, {}, Operation.IMAGE_GENERATION),
        ({"query": "Q", "documents": ["D"]}, None, {}, Operation.RETRIEVAL),
    ],
)
def test_operation(request_body: Any, response_body: Any, envelope: dict[str, Any], operation: Operation) -> None:
    assert parse(request_body, response_body, **envelope).operation is operation


def test_tool_calls_are_parts_of_the_answer_too() -> None:
    event = SOURCE.parse(load("good_tools"))
    name, arguments = calls(event)[0]
    assert name == "send_mail"
    assert answered(event)[-1] == arguments


def test_tool_arguments_of_a_stream_are_joined() -> None:
    assert calls(SOURCE.parse(load("good_nova_stream"))) == [("notify_owner", '{"channel":"mail"}')]


@pytest.mark.parametrize(
    ("arn", "user_type", "name", "session"),
    [
        ("arn:aws:sts::123456789012:assumed-role/App/web-1", UserType.ROLE, "App", "web-1"),
        ("arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Dev_1/a@b.com", UserType.USER, "a@b.com", "a@b.com"),
        ("arn:aws:iam::123456789012:user/team/alice", UserType.USER, "alice", None),
        ("arn:aws:iam::123456789012:root", UserType.USER, "root", None),
        ("arn:aws:sts::123456789012:federated-user/bob", UserType.USER, "bob", None),
        ("<redacted>", None, None, None),
    ],
)
def test_callers(arn: str, user_type: UserType | None, name: str | None, session: str | None) -> None:
    event = parse(identity={"arn": arn})
    assert (reveal(event.user_id), event.user_type, reveal(event.user_name), reveal(event.session_id)) == (
        arn,
        user_type,
        name,
        session,
    )


def test_what_callers_say_of_themselves_does_not_replace_what_is_known() -> None:
    claimed = {"sessionId": "claimed", "userId": "claimed"}
    event = parse(identity={"arn": "arn:aws:sts::1:assumed-role/App/web-1"}, requestMetadata=claimed)
    assert reveal(event.session_id) == "web-1"
    assert reveal(event.user_id) != "claimed"


def test_what_callers_say_of_themselves_fills_in_what_is_not_known() -> None:
    assert reveal(parse(requestMetadata={"session_id": "claimed"}).session_id) == "claimed"


@pytest.mark.parametrize(
    ("model", "name", "has_resource"),
    [
        ("anthropic.claude-v2:1", "anthropic.claude-v2:1", False),
        ("us.amazon.nova-lite-v1:0", "us.amazon.nova-lite-v1:0", False),
        ("arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-v2:1", "anthropic.claude-v2:1", True),
        ("arn:aws:bedrock:us-east-1:1:inference-profile/us.amazon.nova-lite-v1:0", "us.amazon.nova-lite-v1:0", True),
        ("arn:aws:sagemaker:us-east-1:1:endpoint/quick-start", "quick-start", True),
    ],
)
def test_models(model: str, name: str, has_resource: bool) -> None:
    event = parse(modelId=model)
    assert reveal(event.model_name) == name
    assert event.cloud is not None
    assert reveal(event.cloud.resource) == (model if has_resource else None)


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        (None, Outcome.SUCCESS),
        ("AccessDeniedException", Outcome.DENIED),
        ("ThrottlingException", Outcome.THROTTLED),
        ("ValidationException", Outcome.FAILURE),
    ],
)
def test_outcomes(code: str | None, outcome: Outcome) -> None:
    assert parse(errorCode=code).outcome_status is outcome


@pytest.mark.parametrize(
    "body",
    [
        {"output": {"message": {}}, "stopReason": "guardrail_intervened"},
        {"completion": "A", "amazon-bedrock-guardrailAction": "INTERVENED"},
        {"results": [{"outputText": "A", "completionReason": "CONTENT_FILTERED"}]},
        [{"messageStart": {}}, {"contentBlockDelta": {}, "amazon-bedrock-guardrailAction": "INTERVENED"}],
    ],
)
def test_filtered_content(body: Any) -> None:
    assert parse(None, body).outcome_status is Outcome.CONTENT_FILTERED


def test_an_answer_that_a_guardrail_withheld_is_an_answer() -> None:
    event = SOURCE.parse(load("error_guardrail"))
    assert turns(event.response_messages) == [
        ("assistant", ["Sorry, I cannot talk about account numbers."]),
        ("assistant", ["536-90-4399, 536-90-4399"]),
    ]


@pytest.mark.parametrize("name", ["error_guardrail", "error_guardrail_invoke"])
def test_what_a_guardrail_quotes_is_not_even_left_to_be_cleaned(name: str) -> None:
    fields = load(name)
    event = SOURCE.parse(fields)
    assert event.guardrail is not None
    assert event.guardrail.policies
    left = json.dumps(remainder(fields))
    assert "sensitiveInformationPolicy" in left
    for quoted in ("modelOutput", "match", "536-90-4399", "Tom Becker"):
        assert quoted not in left


def test_a_trace_deeper_than_any_is_dropped() -> None:
    deep: Any = "Tom Becker"
    for _ in range(40):
        deep = [{"customWords": deep}]
    fields = {"schemaType": "ModelInvocationLog", "output": {"outputBodyJson": {"trace": {"guardrail": deep[0]}}}}
    SOURCE.parse(fields)
    assert "Tom" not in json.dumps(fields)


def test_input_tokens_include_the_cache() -> None:
    counts = {"inputTokenCount": 16, "cacheReadInputTokenCount": 80, "cacheWriteInputTokenCount": 4}
    assert parse(input=counts).input_tokens == 100


def test_counts_of_a_body_fill_in_for_the_envelope() -> None:
    usage = {"inputTokens": 1, "outputTokens": 2, "cacheReadInputTokens": 3, "cacheReadInputTokenCount": 3}
    event = parse(None, {"output": {}, "usage": usage})
    assert (event.input_tokens, event.output_tokens, event.token_count) == (4, 2, 6)


def test_latency_of_a_stream() -> None:
    assert SOURCE.parse(load("good_anthropic_stream")).latency_ms == 1312


def test_the_path_of_a_body_in_s3_is_left() -> None:
    fields = load("good_s3_body")
    SOURCE.parse(fields)
    assert "inputBodyS3Path" in fields["input"]


def test_results_nested_too_deeply_are_left() -> None:
    block: Any = {"text": "deep"}
    for _ in range(100):
        block = {"toolResult": {"content": [block]}}
    assert asked(parse({"messages": [{"role": "user", "content": [block]}]})) == []


@given(JSON)
def test_any_body_parses(body: Any) -> None:
    parse(body, body)


@given(st.dictionaries(st.sampled_from([*load("good_converse"), "errorCode", "extra"]), JSON))
def test_any_record_parses(fields: dict[str, Any]) -> None:
    SOURCE.parse(fields)


@given(st.sampled_from(NAMES), st.data())
def test_samples_with_a_retyped_field_parse(name: str, data: st.DataObject) -> None:
    fields = load(name)
    *parents, key = data.draw(st.sampled_from(paths(fields)))
    target: Any = fields
    for parent in parents:
        target = target[parent]
    target[key] = data.draw(JSON)
    SOURCE.parse(fields)
