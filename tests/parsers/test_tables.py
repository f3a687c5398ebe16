"""Sources that are tables: gateways, exports of tracing products, chat applications. What each reads of its samples."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from parsed import load, reveal, said, turns
from veilog_parsers.event import AuditEvent, Kind, Operation, Outcome, SensitiveTree
from veilog_parsers.record.dropped import listed
from veilog_parsers.record.fields import remainder
from veilog_parsers.record.raw import Fields, RawRecord
from veilog_parsers.registry import SOURCES, Registry
from veilog_parsers.sources.facts import facts, read_facts

PARSERS = {source.name: source.parse for source in SOURCES}
REGISTRY = Registry()
EXPECTED: dict[str, dict[str, Any]] = {
    "agentgateway/good_chat": {
        "operation": Operation.CHAT,
        "latency_ms": 2488.0,
        "time_to_first_token_ms": 412.0,
        "cost_usd": 0.000189,
        "user_id": "amira.haddad@porto-ferry.example",
    },
    "agentgateway/good_text_line": {"model_name": "gpt-4o-mini", "input_tokens": 68, "http_status": 200},
    "agentgateway/good_tool_call": {"mcp.tool": "search_issues", "mcp.server": "github", "kind": Kind.AI_ACCESS},
    "agentgateway/good_tool_list": {"mcp.method": "tools/list", "kind": Kind.AI_CONTROL_PLANE},
    "agentgateway/error_denied": {"outcome_status": Outcome.DENIED},
    "apisix/good_payloads": {"model_version": "gpt-4o-2024-08-06", "cached_input_tokens": 16, "user_id": "claims_app"},
    "apisix/error_throttled": {"outcome_status": Outcome.THROTTLED, "stream": True},
    "bifrost/good_chat_stream": {
        "model_name": "house-model",
        "model_version": "claude-sonnet-4-5-20250929",
        "stream": True,
        "cached_input_tokens": 32,
        "cost_usd": 0.00213,
    },
    "bifrost/error_throttled": {"outcome_status": Outcome.THROTTLED, "error_code": "rate_limit_error"},
    "higress/good_question_and_answer": {"cached_input_tokens": 80, "time_to_first_token_ms": 309.0, "stream": True},
    "higress/good_older_log": {"model_name": "qwen-max", "output_tokens": 17},
    "langsmith/good_llm": {
        "provider": "openai",
        "input_tokens": 41,
        "time_to_first_token_ms": 380.0,
        "latency_ms": 1250.0,
        "cost_usd": 0.0000158,
        "conversation_id": "th-88",
        "stream": True,
    },
    "langsmith/good_chain": {"operation": Operation.INVOKE_AGENT, "agent.name": "claims_graph"},
    "langsmith/error_throttled": {"outcome_status": Outcome.THROTTLED, "error_code": "RateLimitError"},
    "langfuse/good_generation": {"input_tokens": 42, "output_tokens": 15, "cached_input_tokens": 20},
    "langfuse/good_blob_export": {"input_tokens": 42, "cost_usd": 0.000205, "latency_ms": 1800.0},
    "langfuse/good_trace": {"operation": Operation.INVOKE_AGENT, "latency_ms": 2100.0},
    "langfuse/error_failed": {"outcome_status": Outcome.FAILURE},
    "datadog_llm/good_exported_span": {"cost_usd": 7.5e-06, "latency_ms": 1830.0, "user_id": "u-311"},
    "datadog_llm/error_denied": {"outcome_status": Outcome.DENIED},
    "new_relic_ai/good_summary": {"input_tokens": 12, "latency_ms": 1420.5, "rate_limit.remaining_tokens": 39000},
    "new_relic_ai/error_throttled": {"outcome_status": Outcome.THROTTLED},
    "mlflow_traces/good_chat_span": {
        "trace_id": "deadbeef" + "0" * 23 + "1",
        "span_id": "abcdef1234567890",
        "cost_usd": 6.6e-06,
        "tools_offered": 1,
    },
    "mlflow_traces/error_failed": {"outcome_status": Outcome.FAILURE},
    "braintrust/good_llm": {"input_tokens": 24, "latency_ms": 900.0, "time_to_first_token_ms": 210.0},
    "braintrust/good_tool": {"operation": Operation.EXECUTE_TOOL},
    "open_webui/good_chat": {"operation": Operation.CHAT, "conversation_id": "c-12", "stream": True},
    "open_webui/good_settings": {"kind": Kind.AI_CONTROL_PLANE, "user_name": "Admin"},
    "open_webui/error_signin": {"kind": Kind.AI_CONTROL_PLANE, "outcome_status": Outcome.DENIED},
    "librechat/good_asked": {"input_tokens": 14, "attachments": 1, "provider": "openai"},
    "librechat/good_transaction": {"cost_usd": 0.00063, "cached_input_tokens": 50},
    "dify/good_console_message": {"cost_usd": 0.0001375, "knowledge_base_id": "ds-1", "latency_ms": 1420.0},
    "dify/good_node_finished": {"model_name": "gpt-4o", "token_count": 27},
    "anythingllm/good_chat": {"model_name": "gpt-4o", "latency_ms": 1100.0, "attachments": 1},
    "anythingllm/error_login": {"kind": Kind.AI_CONTROL_PLANE, "outcome_status": Outcome.DENIED},
    "flowise/good_asked": {"operation": Operation.INVOKE_AGENT, "attachments": 1},
    "n8n/good_llm": {"input_tokens": 28, "agent.name": "Answer mails", "model_name": "gpt-4o-mini"},
    "n8n/error_denied": {"outcome_status": Outcome.DENIED},
}
SAID: dict[str, tuple[list[str], list[str]]] = {
    "langsmith/good_llm": (
        ["You help claims adjusters.", "Which claims has Tomas Lind (tomas.lind@example.org)?"],
        ["Claim 77, paid to DE89370400440532013000."],
    ),
    "langsmith/good_chain": (["Which claims has Tomas Lind?"], ["Claim 77."]),
    "datadog_llm/good_exported_span": (
        ["You plan shifts.", "Who is on shift? Ask mina.aalto@example.org."],
        ["Mina Aalto."],
    ),
    "new_relic_ai/good_message_answered": ([], ["I am sorry, Piotr. Please call +48 22 123 45 67."]),
    "mlflow_traces/good_info_only": (["A menu for Sofia Ek, sofia.ek@example.org"], ["Soup, fish, cake."]),
    "braintrust/good_tool": (['{"name":"Elin Berg"}'], ['{"iban":"SE4550000000058398257466"}']),
    "open_webui/good_chat": (["My tax number is 12345678903, is it valid?"], ["I cannot check it."]),
    "flowise/good_prediction": (
        ["Invoices go out on Fridays.", "Send the invoice to Paula Reis."],
        ["I have sent it."],
    ),
    "agentgateway/good_prompts": (
        ["You are a harbour clerk.", "Write to amira.haddad@porto-ferry.example about berth 4."],
        ["Dear Amira, berth 4 is yours from Monday."],
    ),
}


def parsed(name: str) -> AuditEvent:
    return PARSERS[name.partition("/")[0]](load(*name.split("/")))


@pytest.mark.parametrize("name", EXPECTED)
def test_facts(name: str) -> None:
    event = parsed(name)
    for path, wanted in EXPECTED[name].items():
        value: Any = event
        for key in path.split("."):
            value = getattr(value, key)
        assert (reveal(value) if hasattr(value, "reveal") else value) == wanted, path


@pytest.mark.parametrize("name", SAID)
def test_texts(name: str) -> None:
    event = parsed(name)
    assert (said(event.prompt_messages), said(event.response_messages)) == SAID[name]


def test_what_retrieval_found_is_said_by_a_tool() -> None:
    event = parsed("dify/good_agent_message")
    assert turns(event.prompt_messages)[0] == ("tool", ["Parcels for the north go through Oulu."])


@pytest.mark.parametrize(
    ("source", "case", "users"),
    [
        ("langsmith", "good_page", ["adjuster-17"] * 2),
        ("langfuse", "good_trace_with_observations", ["ines.costa@porto-ferry.example"] * 3),
        ("datadog_llm", "good_sent_spans", ["ops@porto-ferry.example"] * 3),
        ("datadog_llm", "good_page", ["u-311"]),
        ("new_relic_ai", "good_query_result", ["piotr.nowak@example.org"] * 2),
        ("mlflow_traces", "good_trace", ["chef-2"] * 3),
        ("braintrust", "good_page", ["elin.berg@example.org"]),
        ("librechat", "good_exported_conversation", [None] * 2),
    ],
)
def test_pages_give_each_record_what_all_share(source: str, case: str, users: list[str | None]) -> None:
    events = [event for event in REGISTRY.parse(RawRecord(load(source, case), b"")) if isinstance(event, AuditEvent)]
    assert [reveal(event.user_id) for event in events] == users
    assert {event.source for event in events} == {source}


@pytest.mark.parametrize(
    ("source", "case"),
    [
        ("langsmith", "good_page"),
        ("datadog_llm", "good_page"),
        ("mlflow_traces", "good_trace"),
        ("braintrust", "good_page"),
    ],
)
def test_prose_beside_the_records_of_a_page_goes_with_the_first(source: str, case: str) -> None:
    sentence = "what somebody said beside all of the records"
    events = REGISTRY.parse(RawRecord(load(source, case) | {"note": sentence}, b""))
    left = [event.unmapped for event in events if isinstance(event, AuditEvent)]
    first, *others = [str(tree.reveal()) if isinstance(tree, SensitiveTree) else "" for tree in left]
    assert sentence in first
    assert not any(sentence in other for other in others)


LOOKALIKES: dict[str, Fields] = {
    "an application's runs": {"run_type": "nightly", "duration": 3},
    "a release": {"release": "v12", "tags": ["prod"], "environment": "prod"},
    "a page of users": {"data": [{"id": 1, "attributes": {"name": "Ada"}}], "meta": {}},
    "a span without a model": {"attributes": {"http.method": "GET"}, "span_id": "1f"},
    "a vendor": {"vendor": "Acme", "request.model": "T-100", "ingest": 3},
    "a scope": {"scope": "request", "level": "info", "message": "started"},
    "an Envoy log": {"route_name": "web", "response_code": "200", "path": "/"},
    "an answer": {"answer": 42, "conversation_id": "c-1"},
    "a task": {"task_id": "t-1", "event": "created"},
    "an event": {"eventName": "n8n.workflow.started", "payload": {}},
    "an AWS event": {"eventName": "GetObject", "eventSource": "s3.amazonaws.com"},
    "an audit level": {"audit_level": "Metadata", "verb": "get", "requestURI": "/api"},
    "a workspace": {"workspaceId": 3, "name": "Claims"},
    "an event of a calendar": {"occurredAt": "2026-11-24T08:00:00Z", "event": "meeting"},
    "a token": {"tokenType": "Bearer", "expiresIn": 3600},
    "a message of a queue": {"messageId": "m-1", "isCreatedByUser": True},
}


@pytest.mark.parametrize("name", LOOKALIKES)
def test_records_that_only_look_like_one_are_not_taken(name: str) -> None:
    source = REGISTRY.recognize(copy.deepcopy(LOOKALIKES[name]))
    assert source is None or source.name not in {case.partition("/")[0] for case in EXPECTED}


@pytest.mark.parametrize(
    ("status", "error", "outcome", "noted"),
    [
        ("ok", None, Outcome.SUCCESS, []),
        ("error", None, Outcome.FAILURE, []),
        ("error", {"type": "RateLimitError"}, Outcome.THROTTLED, ["status"]),
        ("ok", {"type": "RateLimitError"}, Outcome.THROTTLED, ["status"]),
        ("error", True, Outcome.FAILURE, ["status"]),
        ("error", False, Outcome.FAILURE, ["error"]),
        (None, False, None, ["error"]),
    ],
)
def test_a_status_is_noted_if_an_error_tells_the_outcome(
    status: str | None, error: Any, outcome: Outcome | None, noted: list[str]
) -> None:
    fields = {key: value for key, value in (("status", status), ("error", error)) if value is not None}
    with listed() as entries:
        event = PARSERS["datadog_llm"]({"ml_app": "a", "span_id": "1"} | fields)
    assert event.outcome_status is outcome
    assert [entry.key for entry in entries if entry.key in fields] == noted


@pytest.mark.parametrize(
    ("times", "latency", "noted"),
    [
        ({"startTime": "2026-11-24T08:00:00Z", "endTime": "2026-11-24T08:00:01Z"}, 1000.0, 0),
        ({"startTime": "2026-11-24T08:00:00Z", "endTime": "2026-11-24T08:00:01Z", "latency": 2}, 2000.0, 1),
        ({"startTime": "2026-11-24T08:00:01Z", "endTime": "2026-11-24T08:00:00Z"}, None, 1),
        ({"endTime": "2026-11-24T08:00:00Z"}, None, 0),
        ({"endTime": "2026-11-24T08:00:00Z", "completionStartTime": "2026-11-24T08:00:00Z"}, None, 1),
    ],
)
def test_a_time_is_noted_if_no_duration_needs_it(times: Fields, latency: float | None, noted: int) -> None:
    with listed() as entries:
        event = PARSERS["langfuse"]({"type": "GENERATION", "traceId": "t"} | times)
    assert (event.latency_ms, len([entry for entry in entries if entry.key == ""])) == (latency, noted)


def test_what_a_line_and_its_record_both_tell_is_kept_if_it_is_prose() -> None:
    line = '2026-11-24T08:05:31Z\tinfo\trequest src.addr=10.0.0.1:2 http.path=/a note="my name is Elin Berg, call me"'
    (event,) = REGISTRY.parse(RawRecord({"log": line, "http.path": "/b", "note": "relay"}, b""))
    assert isinstance(event, AuditEvent)
    assert isinstance(event.unmapped, SensitiveTree)
    assert reveal(event.endpoint) == "/b"
    assert event.unmapped.reveal()["note~1"] == "my name is Elin Berg, call me"


def test_a_page_of_its_own_in_a_record_is_kept_beside_the_page() -> None:
    row = {"_xact_id": "1", "span_attributes": {"type": "llm"}, "page": "see how Elin Berg was answered"}
    record = {"events": [row], "note": "all rows that Elin Berg has asked for"}
    (event,) = REGISTRY.parse(RawRecord(record, b""))
    assert isinstance(event, AuditEvent)
    assert isinstance(event.unmapped, SensitiveTree)
    left = event.unmapped.reveal()
    assert (left["page"], left["page~1"]) == ([{"note": record["note"]}], row["page"])


def test_the_first_row_that_needs_a_value_gets_it() -> None:
    table = facts("""
        model_name      alias model
        model_version   model
        latency_ms:s    duration
                        more/seconds
    """)
    for fields, wanted in (
        ({"alias": "house", "model": "gpt-4o", "duration": 1.5}, ("house", "gpt-4o", 1500.0)),
        ({"model": "gpt-4o", "more": {"seconds": "0.25"}}, ("gpt-4o", None, 250.0)),
    ):
        event = AuditEvent()
        read_facts(fields, table, event)
        assert (reveal(event.model_name), reveal(event.model_version), event.latency_ms) == wanted
        assert remainder(fields) == {}


def test_a_table_names_only_fields_of_events() -> None:
    for row in ("no_such_field path", "agent.shoe_size path", "latency_ms:weeks path"):
        with pytest.raises(KeyError):
            facts(row)
