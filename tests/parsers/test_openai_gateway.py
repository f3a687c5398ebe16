"""Gateway records: which are recognized, what their envelopes say, and that no credential of theirs survives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veilog_parsers.event import AuditEvent, Kind, Operation, Outcome, SensitiveText, UserType
from veilog_parsers.record.context import NO_CONTEXT
from veilog_parsers.record.fields import remainder
from veilog_parsers.registry import Registry
from veilog_parsers.sources.gateways.openai_gateway import SOURCE

SAMPLES = sorted((Path(__file__).parents[2] / "parsers/samples/openai_gateway").glob("*.in.json"))
REQUEST = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}
RESPONSE = {
    "model": "gpt-4o-2024-11-20",
    "choices": [{"message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}],
}


def copy(value: Any) -> Any:
    return json.loads(json.dumps(value))


def record(**envelope: Any) -> dict[str, Any]:
    fields: dict[str, Any] = copy({"request": REQUEST, "response": RESPONSE} | envelope)
    return fields


def recognized(fields: dict[str, Any]) -> bool:
    return any(key in fields and test(fields) for key, test in SOURCE.markers.items())


def plain(value: Any) -> Any:
    return value.reveal() if isinstance(value, SensitiveText) else value


def parsed(fields: dict[str, Any], field: str) -> Any:
    return plain(getattr(SOURCE.parse(fields), field))


def texts(event: AuditEvent) -> tuple[list[str], list[str]]:
    asked, answered = (
        [part.reveal() for message in messages for part in message.parts]
        for messages in (event.prompt_messages, event.response_messages)
    )
    return asked, answered


STREAM = 'data: {"model":"m","choices":[{"delta":{"content":"hello"}}]}\n\ndata: [DONE]\n\n'


@pytest.mark.parametrize(
    "fields",
    [
        {"request": REQUEST, "response": RESPONSE},
        {"request": json.dumps(REQUEST), "response": json.dumps(RESPONSE)},
        {"request_body": REQUEST, "response_body": STREAM},
        {"requestBody": json.dumps(REQUEST), "responseBody": [json.loads(STREAM[6:].partition("\n")[0])]},
        {"req": REQUEST, "res": RESPONSE},
        {"input": REQUEST, "output": RESPONSE},
        {"request": {"method": "POST", "body": REQUEST}, "response": {"status": 200, "body": RESPONSE}},
        {"request": "POST /v1/chat/completions HTTP/1.1", "request_body": REQUEST, "response_body": RESPONSE},
    ],
    ids=["objects", "strings", "stream", "chunks", "short names", "input and output", "http logger", "request line"],
)
class TestPlacesOfBodies:
    def test_recognized(self, fields: dict[str, Any]) -> None:
        assert recognized(copy(fields))

    def test_read(self, fields: dict[str, Any]) -> None:
        assert texts(SOURCE.parse(copy(fields))) == (["hi"], ["hello"])


@pytest.mark.parametrize(
    "fields",
    [
        {"request": {"contents": [{"parts": [{"text": "q"}]}]}},
        {"response": {"candidates": [], "usageMetadata": {}}},
        {"request": {"messages": [{"role": "user", "content": "q"}]}, "response": None},
        {"request": None, "response": {"error": {"code": "x"}}, "endpoint": "/v1/embeddings"},
        {"response": {}, "url": "https://api.example.net/v1/chat/completions?trace=1"},
        {"response": [{"type": "message_start", "message": {"model": "claude"}}]},
    ],
)
def test_one_sure_sign_is_enough(fields: dict[str, Any]) -> None:
    assert recognized(fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"request": "GET /index.html HTTP/1.1", "response": 200},
        {"request": {"method": "GET", "url": "/messages"}, "response": {"status": 200}},
        {"request": {"body": {"input": "a form", "name": "n"}}, "response": {"body": {"output": []}}},
        {"request": '{"message":"hi","model_year":1999}', "response": "{}", "path": "/api/chat"},
        {"input": {"inputBodyJson": {"messages": []}}, "output": {}},
        {"request": {"messages": []}, "response": {"choices": ["red", "blue"]}, "path": "/polls/completions"},
        {"request": [], "response": []},
    ],
)
def test_ordinary_records_are_not_claimed(fields: dict[str, Any]) -> None:
    assert not recognized(fields)


@pytest.mark.parametrize(
    ("envelope", "field", "expected"),
    [
        ({"time": "2025-03-03T10:41:03+01:00"}, "timestamp", "2025-03-03T09:41:03Z"),
        ({"ts": 1740994863}, "timestamp", "2025-03-03T09:41:03Z"),
        ({"user": "u-1"}, "user_id", "u-1"),
        ({"user_email": "a@fernhill.se"}, "user_id", "a@fernhill.se"),
        ({"user_id": "u-1", "username": "ann"}, "user_name", "ann"),
        ({"user": {"id": "u-1", "name": "ann"}}, "user_name", "ann"),
        ({"user": "u-1"}, "user_type", UserType.USER),
        ({}, "user_type", None),
        ({"sessionId": "s"}, "session_id", "s"),
        ({"thread_id": "t"}, "conversation_id", "t"),
        ({"org_id": "o"}, "tenant_id", "o"),
        ({"response_headers": {"OpenAI-Organization": "o"}}, "tenant_id", "o"),
        ({"client_ip": "203.0.113.9"}, "client_ip", "203.0.113.9"),
        ({"remote_addr": "203.0.113.9:5120"}, "client_ip", "203.0.113.9"),
        ({"remote_addr": "[2001:db8::1]:5120"}, "client_ip", "2001:db8::1"),
        ({"x-forwarded-for": "203.0.113.9, 10.0.0.1"}, "client_ip", "203.0.113.9"),
        ({"request_headers": {"X-Forwarded-For": ["203.0.113.9"]}}, "client_ip", "203.0.113.9"),
        ({"request_headers": {"User-Agent": "curl/8 (x)"}}, "user_agent", "curl/8 (x)"),
        ({"response_headers": {"x-request-id": "req_1"}}, "request_id", "req_1"),
        ({"request_id": "r", "response_headers": {"x-request-id": "req_1"}}, "request_id", "r"),
        ({"model": "alias"}, "model_name", "alias"),
        ({}, "model_name", "gpt-4o"),
        ({}, "model_version", "gpt-4o-2024-11-20"),
        ({"endpoint": "/v1/chat/completions"}, "endpoint", "/v1/chat/completions"),
        ({"url": "https://me:pa@ss@llm.se/v1/x?key=k#f"}, "endpoint", "https://llm.se/v1/x"),
        ({"url": "me:pass@llm.se/v1/x"}, "endpoint", "llm.se/v1/x"),
        ({"url": "https://gw.se/to/https://me:pw@llm.se/v1"}, "endpoint", "https://gw.se/to/https://llm.se/v1"),
        ({"path": "POST /v1/embeddings HTTP/1.1"}, "endpoint", "/v1/embeddings"),
        ({"path": "not a path"}, "endpoint", None),
        ({"path": "/v1/embeddings"}, "operation", Operation.EMBEDDINGS),
        ({"operation": "CreateChat"}, "api_operation", "CreateChat"),
        ({"status": 200}, "outcome_status", Outcome.SUCCESS),
        ({"status_code": "503"}, "http_status", 503),
        ({"status": 401}, "outcome_status", Outcome.DENIED),
        ({"status": "error"}, "outcome_status", Outcome.FAILURE),
        ({"status": 1200}, "http_status", None),
        ({"latency_ms": 12}, "latency_ms", 12.0),
        ({"duration_seconds": 1.5}, "latency_ms", 1500.0),
        ({"duration": 5}, "latency_ms", None),
        ({"latency_ms": -5}, "latency_ms", None),
        ({"response_headers": {"openai-processing-ms": "359"}}, "latency_ms", 359.0),
        ({"prompt_tokens": 7}, "input_tokens", 7),
        ({"provider": "Azure_OpenAI"}, "provider", "azure.ai.openai"),
        ({"provider": "groq"}, "provider", "groq"),
        ({"url": "https://x.openai.azure.com/openai/deployments/d/chat/completions"}, "provider", "azure.ai.openai"),
        ({"url": "https://api.mistral.ai:443/v1/chat/completions"}, "provider", "mistral_ai"),
        ({"url": "https://api.openai.com.evil.se/v1/chat/completions"}, "provider", None),
    ],
)
def test_envelope(envelope: dict[str, Any], field: str, expected: Any) -> None:
    assert parsed(record(**envelope), field) == expected


def test_model_in_the_path_is_the_one_requested() -> None:
    fields = {"request": {"contents": []}, "url": "https://h.se/v1beta/models/gemini-2.5-flash:generateContent"}
    assert parsed(fields, "model_name") == "gemini-2.5-flash"


@pytest.mark.parametrize(
    ("status", "error", "outcome"),
    [
        (200, {"code": "content_filter"}, Outcome.CONTENT_FILTERED),
        (400, {"code": "content_filter"}, Outcome.CONTENT_FILTERED),
        (200, {"code": "rate_limit_exceeded"}, Outcome.THROTTLED),
        (200, "model not found", Outcome.FAILURE),
        (None, {"type": "authentication_error"}, Outcome.DENIED),
        (429, {"code": "insufficient_quota"}, Outcome.THROTTLED),
        (500, {"code": "server_error"}, Outcome.FAILURE),
    ],
)
def test_error_body_corrects_the_status(status: int | None, error: Any, outcome: Outcome) -> None:
    assert parsed(record(status=status, response={"error": error}), "outcome_status") is outcome


SECRET = "sk-9f8e7d6c5b4a39281706"


@pytest.mark.parametrize(
    "envelope",
    [
        {"authorization": f"Bearer {SECRET}"},
        {"api_key": SECRET},
        {"headers": {"Authorization": f"Bearer {SECRET}"}},
        {"request_headers": {"x-api-key": SECRET, "cookie": SECRET, "x-whatever": SECRET}},
        {"response_headers": {"set-cookie": SECRET}},
        {"request_headers": f"Authorization: Bearer {SECRET}"},
        {"request_headers": [{"name": "Authorization", "value": SECRET}]},
        {"request": {"headers": {"authorization": SECRET}, "body": REQUEST}},
        {"url": f"https://u:{SECRET}@llm.se/v1?key={SECRET}"},
        {"request": REQUEST | {"data_sources": [{"parameters": {"authentication": {"key": SECRET}}}]}},
    ],
)
def test_credentials_survive_nowhere(envelope: dict[str, Any]) -> None:
    fields = record(**envelope)
    event = SOURCE.parse(fields)
    assert SECRET not in json.dumps(remainder(fields))
    assert SECRET not in str(plain(event.endpoint))


def test_labels_beside_an_exchange_stay_unmapped() -> None:
    fields = record(_src={"file": "x"}, oracle={"model": "y"})
    SOURCE.parse(fields)
    assert remainder(fields) == {"_src": {"file": "x"}, "oracle": {"model": "y"}}


def test_body_that_was_cut_is_read_as_far_as_it_goes() -> None:
    body = '{"model":"gpt-4.1","messages":[{"role":"system","content":"s"},{"role":"user","content":"cut o'
    event = SOURCE.parse(record(request=body, response='{"choices":[{"message":{"content":"hel'))
    assert texts(event) == (["s", "cut o"], ["hel"])


@pytest.mark.parametrize("body", ["", "not json", '{"messages":[{"role":"user","content":unquoted'])
def test_body_that_is_no_json_is_a_text(body: str) -> None:
    fields = record(request=body, endpoint="/v1/chat/completions")
    assert texts(SOURCE.parse(fields)) == ([body] if body else [], ["hello"])
    assert "request" not in remainder(fields)


@pytest.mark.parametrize("line", ["POST /v1/chat/completions HTTP/1.1", "POST /v1/chat/completions", "/v1/responses"])
def test_a_request_line_is_no_body(line: str) -> None:
    fields = record(request=line, endpoint="/v1/chat/completions")
    assert texts(SOURCE.parse(fields)) == ([], ["hello"])


def record_in(sample: Path) -> dict[str, Any]:
    """The record of a sample, out of what is around it."""
    ((record, _, _),) = Registry()._open(json.loads(sample.read_bytes()), 0, NO_CONTEXT)
    assert type(record) is dict
    return record


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.name.removesuffix(".in.json"))
class TestSamples:
    def test_recognized(self, sample: Path) -> None:
        assert recognized(record_in(sample))

    def test_read(self, sample: Path) -> None:
        event = SOURCE.parse(record_in(sample))
        assert event.kind is Kind.AI_ACCESS
        assert event.prompt_messages

    def test_good_ones_leave_nothing(self, sample: Path) -> None:
        fields = record_in(sample)
        SOURCE.parse(fields)
        left = remainder(fields)
        # Of headers that could hold a sentence the length is left.
        assert type(left.pop("headers", 0)) is int
        assert not (sample.name.startswith("good_") and left)


NAMES = st.sampled_from(
    [
        "body",
        "client_ip",
        "duration_seconds",
        "endpoint",
        "headers",
        "http_status",
        "input",
        "latency_ms",
        "messages",
        "model",
        "output",
        "prompt",
        "provider",
        "request",
        "request_body",
        "request_headers",
        "response",
        "response_body",
        "response_headers",
        "status",
        "time",
        "url",
        "user",
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(max_size=4), inner, max_size=5),
    max_leaves=20,
)


@given(fields=st.dictionaries(NAMES | st.text(max_size=4), VALUES, max_size=10))
def test_no_record_breaks_the_parser(fields: dict[str, Any]) -> None:
    recognized(fields)
    assert isinstance(SOURCE.parse(fields), AuditEvent)


@pytest.mark.parametrize(
    ("response", "outcome"),
    [
        ({"choices": [{"message": {"content": "a"}}]}, Outcome.SUCCESS),
        ({"data": [{"embedding": [0.1]}], "usage": {"prompt_tokens": 3, "total_tokens": 3}}, None),
        ({"error": {"code": "server_error"}}, Outcome.FAILURE),
        (None, None),
    ],
)
def test_who_has_an_answer_was_answered(response: Any, outcome: Outcome | None) -> None:
    fields = record(response=response)
    fields.pop("status", None)
    assert SOURCE.parse(fields).outcome_status is outcome


CONVERSE = {
    "modelId": "anthropic.claude-3-5-sonnet-20240620-v1:0",
    "messages": [{"role": "user", "content": [{"text": "hi"}]}],
    "system": [{"text": "be brief"}],
    "inferenceConfig": {"maxTokens": 100},
}
CONVERSED = {
    "output": {"message": {"role": "assistant", "content": [{"text": "hello"}]}},
    "stopReason": "end_turn",
    "usage": {"inputTokens": 3, "outputTokens": 4, "totalTokens": 7},
    "metrics": {"latencyMs": 123},
}
CONVERSE_STREAM = [
    {"messageStart": {"role": "assistant"}},
    {"contentBlockDelta": {"delta": {"text": "hel"}, "contentBlockIndex": 0}},
    {"contentBlockDelta": {"delta": {"text": "lo"}, "contentBlockIndex": 0}},
    {"messageStop": {"stopReason": "end_turn"}},
    {"metadata": {"usage": CONVERSED["usage"], "metrics": CONVERSED["metrics"]}},
]


@pytest.mark.parametrize("response", [CONVERSED, json.dumps(CONVERSED), CONVERSE_STREAM])
@pytest.mark.parametrize("names", [("request", "response"), ("requestBody", "responseBody"), ("input", "output")])
def test_bodies_of_bedrock_s_converse(names: tuple[str, str], response: Any) -> None:
    fields = copy({names[0]: CONVERSE, names[1]: response, "user": "u1"})
    assert recognized(fields)
    event = SOURCE.parse(fields)
    assert texts(event) == (["be brief", "hi"], ["hello"])
    assert plain(event.model_name) == CONVERSE["modelId"]
    assert [plain(reason) for reason in event.finish_reasons or []] == ["end_turn"]
    assert (event.latency_ms, event.input_tokens, event.output_tokens, event.token_count) == (123, 3, 4, 7)
    assert (event.provider, event.operation, event.outcome_status) == ("aws.bedrock", Operation.CHAT, Outcome.SUCCESS)
    assert remainder(fields) == {}


def test_the_model_of_bedrock_s_converse_may_be_in_the_url_alone() -> None:
    request = {key: value for key, value in CONVERSE.items() if key != "modelId"}
    url = "https://bedrock-runtime.us-east-1.amazonaws.com/model/anthropic.claude-3-5-sonnet-20240620-v1:0/converse"
    assert parsed(copy({"url": url, "request": request, "response": CONVERSED}), "model_name") == CONVERSE["modelId"]


@pytest.mark.parametrize(
    "response",
    [
        {"data": [{"generated_text": "hello"}]},
        {"outputs": [{"generated_text": "hello"}]},
        {"predictions": [{"generated_text": "hello"}]},
        [{"generated_text": "hello"}],
        [[{"generated_text": "hello"}]],
    ],
)
@pytest.mark.parametrize("pack", [copy, json.dumps])
def test_answers_of_hugging_face_s_pipelines(response: Any, pack: Any) -> None:
    fields = {"response": pack(response), "user": "u1"}
    assert recognized(fields)
    event = SOURCE.parse(fields)
    assert (texts(event), event.outcome_status) == (([], ["hello"]), Outcome.SUCCESS)
    assert remainder(fields) == {}


@pytest.mark.parametrize("name", ["Jane Doe", "Ludwig van der Berg", "Zoë O'Neil-Smith", "山田 太郎"])
def test_a_name_to_show_is_a_user_name_and_identifies_nobody(name: str) -> None:
    for key in ("user_name", "userName", "username"):
        event = SOURCE.parse(record(**{key: name}))
        assert (event.user_id, plain(event.user_name), event.user_type) == (None, name, UserType.USER)
    event = SOURCE.parse(record(user_name=name, user_id="u1"))
    assert (plain(event.user_id), plain(event.user_name)) == ("u1", name)


@pytest.mark.parametrize("text", ["sell the old house", "Sell the old house of Anna", "Stop it.", "Why? Because"])
def test_prose_is_no_name_to_show(text: str) -> None:
    fields = record(user_name=text)
    assert SOURCE.parse(fields).user_name is None
    assert fields["user_name"] == text


@pytest.mark.parametrize(
    ("status", "error", "outcome"),
    [
        (400, {"code": "moderation_blocked", "type": "image_generation_user_error"}, Outcome.CONTENT_FILTERED),
        (400, {"code": "content_policy_violation", "type": "invalid_request_error"}, Outcome.CONTENT_FILTERED),
        (400, {"type": "ExpiredTokenException"}, Outcome.DENIED),
        (400, {"type": "invalid_request_error", "code": None}, Outcome.FAILURE),
        (503, {"code": 503, "status": "RESOURCE_EXHAUSTED"}, Outcome.THROTTLED),
        (200, {"code": "rate_limit_exceeded"}, Outcome.THROTTLED),
        (403, {"type": "api_error"}, Outcome.DENIED),
    ],
)
def test_the_error_in_a_body_tells_more_than_the_status_of_a_failure(
    status: int, error: dict[str, Any], outcome: Outcome
) -> None:
    assert parsed(record(status_code=status, response={"error": error}), "outcome_status") is outcome


def test_a_vague_code_never_hides_a_type() -> None:
    error = {"code": "unknown", "type": "ModelStreamErrorException"}
    assert parsed(record(response={"error": error}), "error_code") == "ModelStreamErrorException"
