"""OpenTelemetry GenAI: every dialect's texts and tokens, what is joined, and what Fluent Bit makes of a log record."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samples import SAMPLES
from veilog_filters.forward import Chunk, Entry, ServerConnection
from veilog_parsers.event import (
    AuditEvent,
    CleanText,
    Confidence,
    ContentCategory,
    GuardrailAction,
    GuardrailPolicy,
    Kind,
    Operation,
    Outcome,
    Role,
    SensitiveTree,
    Text,
    UserType,
)
from veilog_parsers.record.otlp import CallCollector
from veilog_parsers.record.raw import RawRecord
from veilog_parsers.registry import Registry
from veilog_parsers.sources.otel.facts import Table

REGISTRY = Registry()
CAPTURE = Path(__file__).parents[1] / "data" / "forward" / "fluent-bit-5.1.1.otlp-logs.bin"
PROMPT = "Draft a reply to greta.lindholm@fjordbank-mail.com about claim 7731."


def load(name: str) -> Any:
    return json.loads((SAMPLES / "otel_genai" / f"{name}.in.json").read_text())


def parse(value: Any, **about: Any) -> list[AuditEvent]:
    events = [event for event in REGISTRY.parse(RawRecord(value, b"", **about)) if isinstance(event, AuditEvent)]
    assert events
    return events


def reveal(text: Text | CleanText | None) -> str | None:
    return text if text is None or isinstance(text, str) else text.reveal()


def prompt(event: AuditEvent) -> list[tuple[Role, str]]:
    return [(message.role, part.reveal()) for message in event.prompt_messages for part in message.parts]


def response(event: AuditEvent) -> list[str]:
    return [part.reveal() for message in event.response_messages for part in message.parts]


def span(attributes: Any, **more: Any) -> dict[str, Any]:
    return {"traceId": "ab" * 16, "spanId": "cd" * 8, "attributes": attributes, **more}


def logs(*records: dict[str, Any]) -> dict[str, Any]:
    return {"resourceLogs": [{"scopeLogs": [{"logRecords": list(records)}]}]}


def log(name: str, **body: str) -> dict[str, Any]:
    values = [{"key": key, "value": {"stringValue": value}} for key, value in body.items()]
    return {"eventName": name, "body": {"kvlistValue": {"values": values}}, "traceId": "ab" * 16, "spanId": "cd" * 8}


@pytest.mark.parametrize(
    ("name", "tokens", "version"),
    [
        ("good_current", (41, 12, None), "gpt-4.1-mini-2025-04-14"),
        ("good_a_span_by_itself", (41, 12, None), "gpt-4.1-mini-2025-04-14"),
        ("good_span_and_events", (41, 12, None), "gpt-4.1-mini-2025-04-14"),
        ("good_operation_details", (41, 12, None), "gpt-4.1-mini-2025-04-14"),
        ("good_span_events", (9, 7, None), None),
        ("good_traceloop", (30, 8, 38), "gpt-4o-2024-08-06"),
        ("good_openinference", (22, 6, 28), "gpt-4o-2024-08-06"),
    ],
)
def test_every_dialect_says_the_same(name: str, tokens: tuple[int, ...], version: str | None) -> None:
    (event,) = parse(load(name))
    assert [text for role, text in prompt(event) if role is Role.USER] == [PROMPT]
    assert len(response(event)) == 1
    assert (event.input_tokens, event.output_tokens, event.token_count) == tokens
    assert reveal(event.model_version) == version
    assert (event.operation, event.outcome_status) == (Operation.CHAT, Outcome.SUCCESS)
    assert reveal(event.conversation_id) == "5b8efff798038103d269b633813fc60c"


@pytest.mark.parametrize(
    ("name", "position", "tokens", "model"),
    [
        ("good_conventions_of_2026", 0, (2310, 188, None), "anthropic.claude-sonnet-4-5-20250929-v1:0"),
        ("good_vercel_ai_sdk", 0, (90, 31, 121), "gpt-5-mini"),
        ("good_mlflow", 0, (41, 12, 53), "gpt-4o"),
        ("good_langfuse", 0, (41, 12, 53), "claude-sonnet-5"),
        ("good_pydantic_ai_and_logfire", 0, (180, 41, None), "gpt-4o"),
        ("good_pydantic_ai_and_logfire", 3, (30, 12, 42), "gpt-4o"),
        ("good_google_adk", 0, (41, 12, 53), "gemini-2.5-flash"),
    ],
)
def test_every_vendor_s_dialect_says_the_same(name: str, position: int, tokens: tuple[int, ...], model: str) -> None:
    event = parse(load(name))[position]
    assert next(text for role, text in prompt(event) if role is Role.USER) == PROMPT
    assert response(event) == ["Dear Ms. Lindholm, claim 7731 is approved."]
    assert (event.input_tokens, event.output_tokens, event.token_count) == tokens
    assert reveal(event.model_name) == model


def test_the_facts_of_a_call_are_read() -> None:
    (event,) = parse(load("good_conventions_of_2026"))
    assert (reveal(event.user_id), reveal(event.user_name)) == ("adjuster-42", "greta.lindholm@fjordbank-mail.com")
    # The id of AWS joins a span to Bedrock's log and to CloudTrail.
    assert reveal(event.request_id) == "79b9da39-98ae-518a-8ce3-fa4eb8ed4f34"
    assert (reveal(event.trace_id), reveal(event.span_id)) == ("5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174")
    assert reveal(event.user_agent) == "claims-assistant/4.2.0"
    assert (event.cached_input_tokens, event.cache_write_tokens, event.reasoning_tokens) == (2048, 0, 120)
    assert (event.stream, event.time_to_first_token_ms, event.tools_offered) == (True, 412.0, 2)
    assert event.agent is not None
    assert reveal(event.agent.name) == "claims-adjuster"
    assert event.guardrail is not None
    assert (reveal(event.guardrail.id), event.guardrail.action) == ("q8x2m4kd01zp", GuardrailAction.BLOCKED)
    assert event.k8s is not None
    assert event.k8s.labels is not None
    assert {str(name): reveal(value) for name, value in event.k8s.labels.items()} == {"team": "claims-ai"}


def test_what_a_content_filter_found_is_read() -> None:
    (event,) = parse(load("error_azure_content_filter"))
    assert event.guardrail is not None
    assert event.guardrail.policies == [GuardrailPolicy.CONTENT, GuardrailPolicy.JAILBREAK]
    assert event.guardrail.categories == [ContentCategory.HATE, ContentCategory.VIOLENCE]
    assert (event.guardrail.confidence, event.outcome_status) == (Confidence.MEDIUM, Outcome.CONTENT_FILTERED)


def test_what_the_model_said_last_in_a_conversation_is_the_response() -> None:
    said = [("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d"), ("assistant", "e")]
    events = [{"event.name": f"gen_ai.{role}.message", "content": text, "role": role} for role, text in said]
    turns = [{"role": role, "parts": [{"type": "text", "content": text}]} for role, text in said]
    for told in ({"all_messages_events": json.dumps(events)}, {"pydantic_ai.all_messages": json.dumps(turns)}):
        (event,) = parse(span({"gen_ai.operation.name": "invoke_agent", **told}))
        assert [text for _, text in prompt(event)] == ["a", "b", "c"]
        assert response(event) == ["d", "e"]
        assert event.unmapped is None


@pytest.mark.parametrize("events", [[{"event.name": ["x"]}, 7, {"event.name": {}}], "no JSON at all", {"a": "b"}, 7])
def test_events_that_are_none_are_left(events: Any) -> None:
    (event,) = parse(span({"gen_ai.system": "openai", "events": events}))
    assert (event.prompt_messages, event.response_messages) == ([], [])
    assert isinstance(event.unmapped, SensitiveTree)


def test_a_response_that_is_a_message_is_read_as_a_response() -> None:
    body: dict[str, Any] = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-5",
        "stop_reason": "end_turn",
    }
    body["content"] = [{"type": "text", "text": "a", "parsed_output": None}]
    (event,) = parse(span({"openinference.span.kind": "LLM", "output.value": json.dumps(body)}))
    assert (response(event), reveal(event.model_version)) == (["a"], "claude-sonnet-5")


def test_a_result_with_a_role_is_no_message() -> None:
    result = {"role": "admin", "content": "what the tool found", "note": "and what it thought of it"}
    (event,) = parse(span({"gen_ai.operation.name": "execute_tool", "gen_ai.tool.call.result": json.dumps(result)}))
    assert response(event) == [json.dumps(result)]


def test_bodies_that_a_library_left_empty_are_no_texts() -> None:
    kit = {"gcp.vertex.agent.llm_request": "{}", "gcp.vertex.agent.llm_response": "{}"}
    (event,) = parse(span({"gen_ai.operation.name": "execute_tool", "gcp.vertex.agent.tool_response": "done", **kit}))
    assert (prompt(event), response(event), event.unmapped) == ([], ["done"], None)


def test_costs_and_counts_that_cannot_be_are_left() -> None:
    attributes = {"gen_ai.system": "openai", "operation.cost": -1, "llm.cost.total": "free", "gen_ai.request.stream": 2}
    (event,) = parse(span(attributes | {"mlflow.chat.tokenUsage": '{"input_tokens": -4}'}))
    assert (event.cost_usd, event.stream, event.input_tokens) == (None, None, None)
    assert isinstance(event.unmapped, SensitiveTree)
    assert set(event.unmapped.reveal()["attributes"]) == {"operation.cost", "llm.cost.total"}


@pytest.mark.parametrize("rows", ["a word\na number", "a/b input_tokens\na/b output_tokens"])
def test_a_table_has_one_row_for_each_attribute(rows: str) -> None:
    with pytest.raises(ValueError, match="has two rows"):
        Table(rows)


def test_a_log_record_by_itself_is_one_of_a_call() -> None:
    record = {"traceId": "ab" * 16, "spanId": "cd" * 8, "timeUnixNano": "1741167600123456789", "severityNumber": 9}
    (event,) = parse(record | {"eventName": "gen_ai.user.message", "body": {"content": PROMPT}, "attributes": {}})
    assert (event.source, prompt(event), event.unmapped) == ("otel_genai", [(Role.USER, PROMPT)], None)
    details = {"gen_ai.request.model": "m", "gen_ai.input.messages": [{"role": "user", "parts": [PROMPT]}]}
    (event,) = parse(record | {"attributes": details})
    assert (prompt(event), event.timestamp) == ([(Role.USER, PROMPT)], "2025-03-05T09:40:00.123456789Z")


def test_log_records_of_two_calls_in_one_span_are_two_events() -> None:
    first, second = parse(load("good_events_of_two_calls"))
    assert (len(first.prompt_messages), response(first)) == (2, ["Dear Ms. Lindholm, claim 7731 is approved."])
    assert (prompt(second), response(second)) == ([(Role.USER, "And claim 7732?")], ['{"claim": 7732}'])
    assert second.tool_calls
    assert reveal(second.tool_calls[0].name) == "get_claim"


def test_log_records_without_ids_stay_apart() -> None:
    records = [log("gen_ai.user.message", content="a"), log("gen_ai.choice", message="b")]
    assert len(parse(logs(*copy.deepcopy(records)))) == 1
    for record in records:
        record["spanId"] = "0" * 16
    assert len(parse(logs(*records))) == 2


def test_texts_that_span_and_events_both_carry_count_once_and_others_are_kept() -> None:
    said = [{"role": "user", "parts": [{"type": "text", "content": "a"}]}]
    attributes = [{"key": "gen_ai.input.messages", "value": {"stringValue": json.dumps(said)}}]
    document = logs(log("gen_ai.user.message", content="a"), log("gen_ai.user.message", content="only logged"))
    (event,) = parse({"resourceSpans": [{"scopeSpans": [{"spans": [span(attributes)]}]}], **document})
    assert [text for _, text in prompt(event)] == ["a", "only logged"]


def test_what_is_no_model_call_stays_by_itself_as_it_is() -> None:
    web = {
        "traceId": "ab" * 16,
        "spanId": "cd" * 8,
        "name": "GET",
        "attributes": [{"key": "k", "value": {"intValue": "7"}}],
    }
    line = {"body": {"stringValue": "worker started"}, "traceId": "ab" * 16, "spanId": "cd" * 8}
    document = {
        "resourceSpans": [{"scopeSpans": [{"spans": [web]}]}],
        **logs(line, log("gen_ai.user.message", content="a")),
    }
    events = parse(document)
    assert [(event.source, event.kind) for event in events] == [
        ("other", Kind.OTHER),
        ("other", Kind.OTHER),
        ("otel_genai", Kind.AI_ACCESS),
    ]
    assert events[0].unmapped.reveal()["attributes"] == {"k": 7}  # type: ignore[union-attr]


def test_another_source_s_record_in_a_log_record_s_body_is_that_source_s() -> None:
    call = {"model": "m", "request": {"messages": [{"role": "user", "content": "hi"}]}, "response": {"choices": []}}
    (event,) = parse(logs({"body": {"stringValue": json.dumps(call)}, "severityText": "INFO"}))
    assert event.source == "openai_gateway"


def test_what_is_not_built_like_otlp_is_an_event_or_rejected_alone() -> None:
    assert (
        len(list(REGISTRY.parse(RawRecord({"resourceSpans": [7, {"scopeSpans": 7}, {"scopeSpans": [7]}]}, b"")))) == 3
    )
    assert [event.source for event in parse({"resourceSpans": 7})] == ["other"]
    deep: Any = {"stringValue": "x"}
    for _ in range(200):
        deep = {"arrayValue": {"values": [deep]}}
    assert parse(logs({"eventName": "gen_ai.user.message", "body": deep}))[0].source == "otel_genai"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ('[{"role":"user","parts":[{"type":"text","content":"cut of', "cut of"),
        ('{"invoice": 7}', '{"invoice": 7}'),
        ("plain", "plain"),
        ('[{"role":"user","content":"as OpenAI has it"}]', "as OpenAI has it"),
        ([{"role": "user", "parts": ["a string"]}], "a string"),
        ([{"role": "tool", "parts": [{"type": "tool_call_response", "id": "1", "result": {"n": 7}}]}], '{"n":7}'),
        ([{"role": "user", "content": [{"guardContent": {"text": {"text": "x"}}}]}], '[{"guardContent":{"text":{"text":"x"}}}]'),
    ],
)  # fmt: skip
def test_messages_come_in_many_forms_and_all_of_them_are_texts(value: Any, said: str) -> None:
    (event,) = parse(span({"gen_ai.input.messages": value}))
    assert [text for _, text in prompt(event)] == [said]


def test_media_and_vectors_are_no_text() -> None:
    parts = [{"type": "blob", "modality": "image", "content": "aGVsbG8="}, {"type": "uri", "uri": "https://a.b/c.png"}]
    (event,) = parse(span({"gen_ai.input.messages": [{"role": "user", "parts": parts}, {"content": [0.1, 2]}]}))
    assert (prompt(event), event.unmapped) == ([], None)


@pytest.mark.parametrize(
    ("message", "error", "outcome", "code"),
    [
        ("An error occurred (ThrottlingException) when calling it", "ClientError", Outcome.THROTTLED, "ThrottlingException"),
        ("An error occurred (Unknown) when calling ConverseStream", "EventStreamError", Outcome.FAILURE, "EventStreamError"),
        ("Error code: 401 - {'error': {'code': 'invalid_api_key'}}", "AuthenticationError", Outcome.DENIED, "invalid_api_key"),
        ("{'message': 'filtered', 'type': None, 'code': 'content_filter'}", "BadRequestError", Outcome.CONTENT_FILTERED, "content_filter"),
        ("Connection error.", "APIConnectionError", Outcome.FAILURE, "APIConnectionError"),
        (7, "TimeoutError", Outcome.FAILURE, "TimeoutError"),
    ],
)  # fmt: skip
def test_failures(message: Any, error: str, outcome: Outcome, code: str) -> None:
    (event,) = parse(span({"gen_ai.system": "x", "error.type": error}, status={"code": 2, "message": message}))
    assert (event.outcome_status, reveal(event.error_code)) == (outcome, code)


@pytest.mark.parametrize(
    ("attributes", "code", "outcome", "status"),
    [
        ({"http.response.status_code": 429}, 2, Outcome.THROTTLED, 429),
        ({"http.status_code": 403}, 2, Outcome.DENIED, 403),
        ({"http.response.status_code": 200}, 2, Outcome.FAILURE, 200),
        ({"http.response.status_code": 200}, 1, Outcome.SUCCESS, 200),
        ({"http.response.status_code": 7}, 1, Outcome.SUCCESS, None),
    ],
)
def test_the_status_of_the_answer_tells_more_than_that_it_failed(
    attributes: dict[str, Any], code: int, outcome: Outcome, status: int | None
) -> None:
    (event,) = parse(span({"gen_ai.system": "openai", **attributes}, status={"code": code}))
    assert (event.outcome_status, event.http_status) == (outcome, status)


def test_the_service_called_where_no_user_is_named() -> None:
    (event,) = parse(load("good_tools"))[:1]
    assert (event.user_type, reveal(event.user_name)) == (UserType.SERVICE, "claims-assistant")
    assert event.cloud
    assert reveal(event.cloud.resource) == "claims/claims-assistant-7d9f-x2x1q/app"
    (event,) = parse(load("good_openinference"))
    assert (event.user_type, reveal(event.user_id), event.user_name) == (UserType.USER, "adjuster-42", None)


def test_a_tool_s_arguments_and_result() -> None:
    event = parse(load("good_tools"))[1]
    assert event.operation is Operation.EXECUTE_TOOL
    assert event.tool_calls
    (call,) = event.tool_calls
    assert (reveal(call.name), reveal(call.arguments)) == ("get_weather", '{"city": "Kiel"}')
    assert response(event) == ["11 degrees, reported by jens.petersen@kiel-wetter.com"]


def test_headers_and_tracebacks_do_not_even_count_as_unmapped() -> None:
    for name in ("good_traceloop", "error_rate_limited"):
        (event,) = parse(load(name))
        left = json.dumps(event.unmapped.reveal()) if event.unmapped else ""  # type: ignore[union-attr]
        assert "not-a-real-key" not in left
        assert "Traceback" not in left


def test_a_guardrail_s_verdict_counts_and_the_words_it_quotes_are_dropped() -> None:
    events = parse(load("error_guardrail"))
    assert [event.outcome_status for event in events] == [Outcome.CONTENT_FILTERED] * 2
    left = [json.dumps(event.unmapped.reveal()) if event.unmapped else "" for event in events]  # type: ignore[union-attr]
    assert "Heron" not in "".join(left)
    assert "unreleased-products" in left[0]
    # A guardrail that found nothing did not intervene.
    verdict = {"sensitive": {"pii": [], "regex": []}, "topic": [], "content": [], "words": []}
    attributes = [
        {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
        {"key": "gen_ai.bedrock.guardrail.input_filter", "value": {"stringValue": json.dumps(verdict)}},
    ]
    (event,) = parse({"resourceSpans": [{"scopeSpans": [{"spans": [span(attributes)]}]}]})
    assert event.outcome_status is not Outcome.CONTENT_FILTERED


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({"input_tokens": 1167, "cache_read.input_tokens": 1163, "output_tokens": 9}, (1167, 9, None)),
        (
            {"input_tokens": 4, "cache_read.input_tokens": 18131, "output_tokens": 50, "total_tokens": 54},
            (18135, 50, 18185),
        ),
        ({"input_tokens": 4, "cache_creation_input_tokens": 8, "cache_read_input_tokens": 2}, (14, None, None)),
        ({"output_tokens": 50, "cache_read.input_tokens": 18131}, (None, 50, None)),
    ],
)
def test_cached_tokens_are_input(counts: dict[str, int], expected: tuple[int | None, ...]) -> None:
    """OpenTelemetry counts them as input; some instrumentations pass on Bedrock's count, which leaves them out."""
    attributes = [{"key": f"gen_ai.usage.{name}", "value": {"intValue": str(n)}} for name, n in counts.items()]
    (event,) = parse({"resourceSpans": [{"scopeSpans": [{"spans": [span(attributes)]}]}]})
    assert (event.input_tokens, event.output_tokens, event.token_count) == expected


def test_wrong_types_are_left() -> None:
    (event,) = parse(load("malformed"))
    assert (event.provider, event.model_name, event.input_tokens, event.outcome_status) == (None,) * 4
    left = event.unmapped.reveal()  # type: ignore[union-attr]
    assert {"gen_ai.provider.name", "gen_ai.usage.output_tokens", "user.id"} <= set(left["attributes"])


def test_what_fluent_bit_sends() -> None:
    connection = ServerConnection()
    connection.receive_data(CAPTURE.read_bytes())
    chunk = connection.next_event()
    assert isinstance(chunk, Chunk)
    group: dict[str, Any] = {"resource": {"attributes": {"service.name": "tutor"}}}
    entries: list[Entry] = [entry for entry in chunk.entries if isinstance(entry, Entry) and not entry.is_group_marker]
    events = [parse(entry.record, metadata=entry.metadata or {}, group=group)[0] for entry in entries]
    assert [event.source for event in events] == ["otel_genai"] * 4
    assert [role for event in events for role, _ in prompt(event)] == [Role.SYSTEM, Role.SYSTEM, Role.USER]
    assert response(events[3]) == ["The solution to the equation \\(3x + 11 = 14\\) is \\(x = 1\\)."]
    assert {reveal(event.request_id) for event in events} == {"8bc3b16f32f41a05"}
    assert {reveal(event.user_name) for event in events} == {"tutor"}
    # What was read is out of the metadata, which goes on; what tells where it belongs is still there.
    assert all("attributes" not in (entry.metadata or {})["otlp"] for entry in entries)
    assert (entries[0].metadata or {})["otlp"]["trace_id"] == "c09a6267a382a74b424c6eeeda683cd8"


def fluent_bit_entry(name: str, body: Any, span_id: str = "cd" * 8) -> RawRecord:
    about = {"event_name": name, "attributes": {"gen_ai.provider.name": "openai"}, "trace_id": "ab" * 16}
    return RawRecord(body, b"raw", metadata={"otlp": about | {"span_id": span_id}})


def test_entries_of_one_call_are_one_event_and_of_two_calls_two() -> None:
    calls = CallCollector[int](1000)
    entries = [
        fluent_bit_entry("gen_ai.user.message", {"content": "first"}),
        fluent_bit_entry("gen_ai.user.message", {"content": "other span"}, "ef" * 8),
        fluent_bit_entry("gen_ai.choice", {"index": 0, "message": {"content": "a"}}),
        fluent_bit_entry("gen_ai.choice", {"index": 1, "message": {"content": "b"}}),
        fluent_bit_entry("gen_ai.user.message", {"content": "second"}),
        fluent_bit_entry("gen_ai.user.message", {"content": "no span"}, "0" * 16),
        fluent_bit_entry("gen_ai.user.message", {"content": "no span either"}, "0" * 16),
    ]
    assert [calls.add(number, entry) for number, entry in enumerate(entries)] == [1, 1, 2, 3, 1, 1, 1]
    taken = list(calls.drain())
    assert [(origin, record.raw) for origin, record in taken] == [
        (0, b"rawrawraw"),
        *((number, b"raw") for number in (1, 4, 5, 6)),
    ]
    events = [event for _, record in taken for event in REGISTRY.parse(record)]
    assert [[text for _, text in prompt(event)] for event in events if isinstance(event, AuditEvent)] == [
        ["first"],
        ["other span"],
        ["second"],
        ["no span"],
        ["no span either"],
    ]
    assert isinstance(events[0], AuditEvent)
    assert response(events[0]) == ["a", "b"]
    assert list(calls.drain()) == []


def test_entries_about_no_model_and_more_than_a_record_may_hold_are_not_joined() -> None:
    calls = CallCollector[str](7)
    assert calls.add("", RawRecord({"log": "hello"}, b"raw")) == 0
    assert calls.add("", RawRecord({"log": "hello"}, b"raw", metadata={"otlp": {"event_name": "started"}})) == 0
    assert calls.add("", RawRecord({"log": "hello"}, b"raw", metadata={"otlp": 7})) == 0
    asked = [calls.add("", fluent_bit_entry("gen_ai.user.message", {"content": "q"})) for _ in range(3)]
    assert asked == [1, 2, 1]


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4) | st.binary(max_size=4) | st.just("ab" * 8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(("log", "a", "gen_ai.x")), inner),
    max_leaves=6,
)
ABOUT = st.fixed_dictionaries(
    {},
    optional={
        "event_name": ANYTHING | st.sampled_from(("gen_ai.choice", "gen_ai.user.message")),
        **dict.fromkeys(("attributes", "trace_id", "span_id", "timestamp", "observed_timestamp"), ANYTHING),
    },
)


@given(st.lists(st.tuples(ANYTHING, ABOUT | ANYTHING, ANYTHING), max_size=5))
def test_no_entry_breaks_the_joining(entries: list[tuple[Any, Any, Any]]) -> None:
    """It runs outside of what catches a parser's failures."""
    calls, left = CallCollector[None](1000), 0
    for body, about, group in entries:
        group = group if isinstance(group, dict) else {}
        left += not calls.add(None, RawRecord(body, b"raw", metadata={"otlp": about}, group=group))
    taken = list(calls.drain())
    assert sum(len(record.raw) for _, record in taken) == 3 * (len(entries) - left)
    for _, record in taken:
        assert all(isinstance(event, AuditEvent) for event in REGISTRY.parse(record))


def test_what_fluent_bit_sends_of_one_call_is_one_event() -> None:
    connection = ServerConnection()
    connection.receive_data(CAPTURE.read_bytes())
    chunk = connection.next_event()
    assert isinstance(chunk, Chunk)
    calls = CallCollector[int](1_000_000)
    for entry in chunk.entries:
        if isinstance(entry, Entry) and not entry.is_group_marker:
            calls.add(0, RawRecord(entry.record, b"raw", metadata=entry.metadata or {}))
    ((_, record),) = calls.drain()
    (event,) = REGISTRY.parse(record)
    assert isinstance(event, AuditEvent)
    assert [role for role, _ in prompt(event)] == [Role.SYSTEM, Role.SYSTEM, Role.USER]
    assert response(event) == ["The solution to the equation \\(3x + 11 = 14\\) is \\(x = 1\\)."]


def test_records_of_fluent_bit_s_json_that_are_one_call_s_are_joined_in_an_array() -> None:
    def line(name: str, **body: Any) -> dict[str, Any]:
        about = {"event_name": name, "attributes": {"gen_ai.system": "openai"}, "trace_id": "ab" * 16}
        return {"date": 1.5, **body, "__internal__": {"log_metadata": {"otlp": about | {"span_id": "cd" * 8}}}}

    both = [line("gen_ai.user.message", content="q"), line("gen_ai.choice", message={"content": "a"}, index=0)]
    other = {"date": 1.5, "log": "hello", "__internal__": {"log_metadata": {"otlp": {"event_name": "started"}}}}
    event, rest = parse([*both, other])
    assert ([text for _, text in prompt(event)], response(event)) == (["q"], ["a"])
    assert rest.source == "other"


def test_a_log_record_through_fluent_bit_that_is_about_no_model_is_left_to_others() -> None:
    metadata = {"otlp": {"attributes": {"a": 1}, "event_name": "started"}}
    (event,) = parse({"log": "hello"}, metadata=metadata)
    assert (event.source, metadata["otlp"]["attributes"]) == ("other", {"a": 1})
    (event,) = parse({"log": "hello"}, metadata={"otlp": {"event_name": "gen_ai.user.message"}})
    assert prompt(event) == [(Role.USER, "hello")]
