"""Flat application logs: which records are taken for traffic with a model, which are not, and what is read of them.

False recognition was measured with ``scripts/false_recognition.py`` on public logs, as they were on 2026-11-26:
logpai/loghub (sixteen systems, 97,770 records), the test events of panther-labs/panther-analysis (4,926),
OTRF/Security-Datasets (Windows, Linux, AWS: 522,272), and the test data of vectordotdev/vector (45,415),
elastic/elastic-package (1,706), elastic/examples (2,121) and fluent/fluent-bit. A line of text counts twice, under
``message`` and under ``log``. None was recognized. Of the objects inside the records of all but the first and the third
(243,147 with the records), 38 were: all of them bodies in Bedrock's invocation logs. No corpus is copied here: what
stands here are records of our own with the words that ordinary logs share with AI logs.
"""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from veilog_parsers.event import AuditEvent, Operation, Outcome, Role, SensitiveText, SensitiveTree, UserType
from veilog_parsers.record.fields import remainder
from veilog_parsers.record.raw import RawRecord
from veilog_parsers.registry import Registry
from veilog_parsers.sources.gateways import evidence
from veilog_parsers.sources.gateways.app_log import SOURCE
from veilog_parsers.sources.gateways.evidence import BAR, COUNTER_SIGNS, MARKERS, SIGNS, is_ai_traffic

REGISTRY = Registry()
ASKED, SAID = "What is the tallest mountain of Norway?", "It is called Galdhøpiggen, I think."
USER, ASSISTANT = {"role": "user", "content": ASKED}, {"role": "assistant", "content": SAID}
FLAT: dict[str, Any] = {"model": "gpt-4o", "prompt": ASKED, "completion": SAID}


def plain(value: Any) -> Any:
    return value.reveal() if isinstance(value, SensitiveText) else value


def left(event: AuditEvent) -> Any:
    return event.unmapped.reveal() if isinstance(event.unmapped, SensitiveTree) else event.unmapped


def texts(event: AuditEvent) -> tuple[list[str], list[str]]:
    asked, answered = (
        [part.reveal() for message in messages for part in message.parts]
        for messages in (event.prompt_messages, event.response_messages)
    )
    return asked, answered


def read(record: dict[str, Any]) -> AuditEvent:
    (event,) = REGISTRY.parse(RawRecord(json.loads(json.dumps(record)), b""))
    assert isinstance(event, AuditEvent)
    return event


ORDINARY: list[dict[str, Any]] = [
    # Things that have a model.
    {"model": "Model S", "vin": "5YJ3E1EA7KF317000", "speed": 88, "message": "door open"},
    {"model": "LaserJet 4200", "status": "ready", "toner": 31, "message": "paper jam in tray two"},
    {"manufacturer": "Dell Inc.", "model": "Latitude 7420", "serial_number": "8XJ2", "content": "inventory of the host"},
    {"device": "sensor-4", "model": "DHT22", "temperature": 21.5, "output": 3.3, "input": 5},
    {"model": "iPhone14,5", "os": "iOS 17.2", "type": "device", "response": "ok", "provider": "T-Mobile"},
    {"model": "Canon EOS R5", "prompt": "Ready", "response": "ok"},
    {"model": "ThinkPad X1", "prompt": "C:\\>", "output": "volume in drive C has no label"},
    {"model": "auth.User", "pk": 12, "action": "create", "message": "a user was created", "content": "a row"},
    {"model": "Order", "query": "SELECT id FROM orders WHERE id = 1", "duration": 12},
    {"engine": "postgres", "deployment": "blue", "message": "the rollout is complete"},
    # Training and other machine learning.
    {"model": "resnet50", "epoch": 3, "loss": 0.21, "accuracy": 0.93, "message": "epoch done in time"},
    {"model": "llama-3-8b", "global_step": 1200, "loss": 1.9, "input_tokens": 2048, "output_tokens": 0},
    {"model": "xgboost-v3", "input": "s3://bucket/in.csv", "output": "s3://bucket/out.csv", "rows": 100},
    {"model": "sentiment-2", "input": "the film was great", "output": "it is quite positive"},
    {"model": "fraud", "score": 0.4, "provider": "sagemaker", "latency_ms": 4},
    # Shells, installers, consoles.
    {"prompt": "root@web-1:/var/log#", "command": "ls -la", "output": "total 48 drwxr-xr-x 2 root root"},
    {"prompt": "[sudo] password for deploy user:", "tty": "pts/0", "output": "try again please, deploy"},
    {"prompt": "Do you want to continue? [Y/n]", "response": "y", "package": "nginx"},
    {"prompt": "login", "response_type": "code", "client_id": "web", "scope": "openid"},
    {"prompt": "consent", "user": "ann", "model": "oauth"},
    # Messages, contents, roles.
    {"level": "info", "message": "calling the model now", "model": "gpt-4o"},
    {"level": "info", "message": "model gpt-4o loaded in 3 s", "logger": "app"},
    {"role": "user", "content": "the page on prices was edited", "action": "edit", "path": "/prices"},
    {"role": "admin", "content": "the page on prices was edited", "timestamp": "2026-11-20T08:00:00Z"},
    {"role": "assistant", "department": "sales", "user": "ann", "message": "she was promoted last week"},
    {"role": "arn:aws:iam::123456789012:role/deploy", "content": "assumed by the pipeline for a deploy"},
    {"role": "system", "content": "", "user": "ann"},
    {"role": "user", "messages": 3, "unread": 1},
    {"messages": ["mail one of the day", "mail two of the day"], "user": "ann"},
    {"messages": [{"subject": "hello to all of you", "from": "ann"}], "folder": "inbox"},
    {"messages": [{"role": "manager", "content": "please see to it today"}], "ticket": 4},
    {"contents": [{"name": "a.txt", "size": 4}], "bucket": "b"},
    {"conversation": "call 12", "agent": "ann", "message": "the customer hung up again"},
    {"history": [{"commit": "abc", "message": "fix the build of docs"}], "branch": "main"},
    {"turns": 4, "player": "ann", "message": "the game was won by ann"},
    # Choices and candidates.
    {"choices": ["red", "blue"], "poll": 3},
    {"choices": [{"label": "red", "votes": 4}], "question": "Which is the nicest of colors?"},
    {"candidates": [{"name": "Ann", "votes": 4}], "election": "board"},
    {"candidates": [{"content": "a text of a book", "score": 3}], "query": "books on the sea"},
    # Tokens.
    {"tokens": ["abc", "def"], "client_id": "web", "message": "two tokens were refreshed"},
    {"tokens": 5, "bucket": "login", "message": "rate limit of the client"},
    {"access_token": "x", "total_tokens": 3, "provider": "okta"},
    {"usage": {"cpu": 4, "memory": 12}, "model": "t3.large"},
    {"usage": "disk is almost full again", "message": "clean the disk up soon"},
    {"max_tokens": 100, "lexer": "sql", "input": "SELECT id FROM orders"},
    # Completions, finishing.
    {"completion": "50%", "task": "backup", "model": "incremental"},
    {"completion": 0.5, "task": "backup", "prompt": "wait"},
    {"finish_reason": "length", "race": 4, "result": "ann has won the race"},
    {"stop_reason": "SIGTERM", "model": "worker", "message": "the worker has stopped now"},
    {"done": True, "task": "backup", "response": "the backup has been written", "total_duration": 12},
    # Questions, inputs and outputs of others.
    {"question": "Which is the nicest of colors?", "answer": "I would say that it is blue."},
    {"question": "example.com", "answer": "93.184.216.34", "type": "A", "model": "dns"},
    {"query": "books on the sea", "results": 12, "user": "ann"},
    {"query": "{ user { name } }", "variables": {}, "operationName": "User"},
    {"input": "a file of the pipeline", "output": "another file of the pipeline", "stage": 2},
    {"inputs": [{"path": "/var/log/a"}], "output": {"elasticsearch": {"hosts": ["h"]}}, "type": "filestream"},
    {"parameters": {"limit": 3}, "data": [{"object": "charge", "amount": 3}], "object": "list"},
    {"type": "message", "channel": "C1", "user": "U1", "text": "hello to all of you"},
    {"type": "message", "role": "assistant", "content": "a plain text from a chat", "room": 4},
    {"type": "response", "output": [{"type": "file", "id": "a"}]},
    {"object": "chat", "owner": "ann", "message": "a room for all of you"},
    {"provider": "aws", "model": "m5.large", "region": "eu-west-1", "message": "an instance has started"},
    {"provider": "google", "event": "login", "user": "ann", "response": "success"},
    {"ai_response": 4, "bot_reply": None, "model_id": 7},
    {"generation": 12, "prompt": 3, "resource": "deploy/web"},
    {"generated_text": 4, "file": "a.txt"},
]  # fmt: skip


@pytest.mark.parametrize("record", ORDINARY, ids=lambda record: "+".join(record)[:60])
def test_ordinary_logs_are_not_claimed(record: dict[str, Any]) -> None:
    assert not is_ai_traffic(record)
    assert read(record).source == "other"
    assert read({"log": json.dumps(record), "stream": "stdout"}).source == "other"


AI_TRAFFIC: list[dict[str, Any]] = [
    FLAT,
    {"model": "inhouse-7", "prompt": "hello", "completion": "hi"},
    {"prompt": ASKED, "response": SAID},
    {"prompt": ASKED, "completion": SAID},
    {"model": "claude-sonnet-4-5", "question": ASKED, "answer": SAID},
    {"model": "gpt-4o", "input": "hi"},
    {"llmModel": "us.anthropic.claude-3-haiku-20240307-v1:0", "userPrompt": "hi"},
    {"model": "m", "messages": [USER]},
    {"messages": [USER, ASSISTANT]},
    {"messages": json.dumps([USER])},
    {"messages": repr([USER])},
    {"model": "m", "prompt_tokens": 3, "completion_tokens": 4},
    {"provider": "openai", "model": "gpt-4o", "latency_ms": 4},
    {"model": "gemini-2.0-flash", "finish_reason": "STOP"},
    USER,
    ASSISTANT,
    {**USER, "session_id": "s", "timestamp": "2026-11-20T08:00:00Z"},
    {"role": "assistant", "content": [{"type": "text", "text": SAID}], "model": "m"},
    {"choices": [{"message": ASSISTANT}]},
    {"choices": [{"text": SAID, "finish_reason": "stop"}]},
    {"candidates": [{"content": {"parts": [{"text": SAID}]}}]},
    {"contents": [{"parts": [{"text": ASKED}]}]},
    {"type": "message", "role": "assistant", "content": [{"type": "text", "text": SAID}]},
    {"output": {"message": {"role": "assistant", "content": [{"text": SAID}]}}},
    {"model": "llama3.2", "response": SAID, "done": True},
    {"generated_text": SAID},
]


@pytest.mark.parametrize("record", AI_TRAFFIC, ids=lambda record: "+".join(record)[:60])
def test_traffic_is_claimed(record: dict[str, Any]) -> None:
    assert is_ai_traffic(record)
    event = read(record)
    assert event.source == "app_log"
    assert any(texts(event)) or event.model_name is not None


FAMILIES = [
    "gpt-4o",
    "gpt-3.5-turbo",
    "gpt-35-turbo",
    "gpt-5-mini",
    "chatgpt-4o-latest",
    "o1-mini",
    "o3",
    "o4-mini",
    "text-embedding-3-small",
    "dall-e-3",
    "openai/gpt-4.1",
    "azure/gpt-4o",
    "ft:gpt-4o-mini:acme",
    "claude-3-5-sonnet-20240620",
    "claude-opus-4-1",
    "anthropic.claude-v2",
    "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "anthropic/claude-3-opus",
    "gemini-1.5-pro",
    "models/gemini-2.0-flash",
    "projects/p/locations/l/publishers/google/models/gemini-2.5-pro",
    "gemma-2-9b-it",
    "meta-llama/Llama-3.1-8B-Instruct",
    "meta.llama3-70b-instruct-v1:0",
    "llama3.2:latest",
    "mistral-large-latest",
    "mixtral-8x7b",
    "open-mistral-7b",
    "codestral-2501",
    "amazon.titan-text-express-v1",
    "amazon.nova-pro-v1:0",
    "cohere.command-r-v1:0",
    "command-r-plus",
    "embed-english-v3.0",
    "deepseek-chat",
    "deepseek-ai/DeepSeek-R1",
    "qwen2.5:7b",
    "Qwen/Qwen2.5-72B-Instruct",
    "grok-2",
    "phi3",
    "phi-4",
    "jamba-1.5-large",
    "granite-3.1-8b",
    "sonar-pro",
    "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-3-haiku-20240307-v1:0",
]


@pytest.mark.parametrize("name", FAMILIES)
def test_models_of_known_families(name: str) -> None:
    assert is_ai_traffic({"model": name, "prompt": "x"})


@pytest.mark.parametrize(
    "name",
    [
        "Model 3",
        "o1",
        "iPhone 14",
        "Gemini",
        "Claude",
        "Nova",
        "Falcon 9",
        "Phi",
        "Titan X",
        "o12",
        "m4",
        "Golf GTI",
        "C3PO",
    ],
)
def test_names_of_other_things_are_of_no_family(name: str) -> None:
    assert is_ai_traffic({"model": name, "input": "hello"}) == (name == "o1")


def all_weighed(sign: evidence.Sign) -> list[int]:
    """What a sign weighs for values of every kind."""
    values: list[Any] = [
        *(ASKED, "x", "", 4, 0.5, None, True, [], {}, [USER], [{"parts": [{"text": "x"}]}], "gpt-4o", "stop", "openai"),
        *(
            {"prompt_tokens": 3},
            {"prompt": 3, "completion": 4},
            {"max_new_tokens": 4},
            ASSISTANT,
            {"message": ASSISTANT},
        ),
        *(
            [{"message": {}}],
            [{"text": "x", "logprobs": None}],
            [{"content": {"parts": []}}],
            [{"object": "embedding"}],
        ),
        *("chat.completion", "assistant", "message", [{"type": "message", "id": "m"}], [{"generated_text": "x"}]),
    ]
    besides: list[dict[str, Any]] = [
        {},
        {"content": "x"},
        {"content": [], "role": "assistant"},
        {"completion_tokens": 3, "output_tokens": 3},
    ]
    besides += [{"prompt_tokens": 3, "input_tokens": 3, "reply": "x"}, {"inputTokens": 3, "promptTokens": 3}]
    besides += [{"outputTokens": 3, "completionTokens": 3}]
    return [
        sign.weigh(value, {key: value} | more) for value in values for more in besides for key in sorted(sign.keys)[:1]
    ]


@pytest.mark.parametrize("sign", SIGNS, ids=lambda sign: f"{sign.group} {sorted(sign.keys)[0]}")
def test_a_sign_weighs_what_the_table_says(sign: evidence.Sign) -> None:
    weights = all_weighed(sign)
    assert max(weights) == sign.most, "the greatest weight is reached, and is the greatest"
    assert min(weights) == 0, "no key counts for itself"
    assert sign.why.endswith(".")


def test_the_table_as_plain_as_can_be() -> None:
    """Scoring in groups, with an early end, says the same as adding up all that is there."""

    def score(fields: dict[str, Any]) -> int:
        groups: dict[str, int] = {}
        for sign in SIGNS:
            for key in sign.keys & fields.keys():
                groups[sign.group] = max(groups.get(sign.group, 0), sign.weigh(fields[key], fields))
        return sum(groups.values()) - sum(less for keys, less, _ in COUNTER_SIGNS if not keys.isdisjoint(fields))

    records = [*ORDINARY, *AI_TRAFFIC]
    merged = [one | other for one, other in itertools.product(records, records)]
    for fields in records + merged:
        assert is_ai_traffic(fields) == (score(fields) >= BAR), fields


def test_what_reaches_the_bar_has_a_marker() -> None:
    light = [sign for sign in SIGNS if not sign.keys <= MARKERS]
    assert sum({sign.group: sign.most for sign in light}.values()) < BAR


def test_no_value_is_looked_at_if_the_keys_cannot_do_it() -> None:
    class Opaque(dict[str, Any]):
        def __getitem__(self, key: str) -> Any:
            raise AssertionError(key)

    assert not is_ai_traffic(Opaque(model="gpt-4o", level="info", time=1, status="ok"))


@pytest.mark.parametrize("text", ["word " * 400_000, "a" * 2_000_000, "é" * 2_000_000, "a b " * 500_000])
def test_a_long_text_costs_no_more_than_its_beginning(text: str) -> None:
    # It would take minutes otherwise, and the suite's time limit would end it.
    for _ in range(200):
        is_ai_traffic(
            {"model": text, "prompt": text, "response": text, "messages": text, "role": text, "content": text}
        )


@pytest.mark.parametrize(
    ("more", "field", "expected"),
    [
        ({"timestamp": "2026-11-20T08:00:00Z"}, "timestamp", "2026-11-20T08:00:00Z"),
        ({"user": "u-1"}, "user_id", "u-1"),
        ({"user": "u-1"}, "user_type", UserType.USER),
        ({"userEmail": "a@fernhill.se"}, "user_id", "a@fernhill.se"),
        ({"metadata": {"user_id": "u-2"}}, "user_id", "u-2"),
        ({"sessionId": "s"}, "session_id", "s"),
        ({"chat_id": "c"}, "conversation_id", "c"),
        ({"id": "r"}, "request_id", "r"),
        ({"id": "m", "request_id": "r"}, "request_id", "r"),
        ({"ip": "203.0.113.9"}, "client_ip", "203.0.113.9"),
        ({"provider": "azure_openai"}, "provider", "azure.ai.openai"),
        ({"llm_provider": "groq"}, "provider", "groq"),
        ({"input_tokens": 3}, "input_tokens", 3),
        ({"tokens": {"prompt": 3, "completion": 4}}, "output_tokens", 4),
        ({"tokens": 7}, "token_count", 7),
        ({"usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}}, "token_count", 7),
        ({"latency_ms": 12}, "latency_ms", 12.0),
        ({"duration_seconds": 1.5}, "latency_ms", 1500.0),
        ({"status": "success"}, "outcome_status", Outcome.SUCCESS),
        ({"status_code": 429}, "outcome_status", Outcome.THROTTLED),
        ({"success": False}, "outcome_status", Outcome.FAILURE),
        ({"error": "content_filter"}, "outcome_status", Outcome.CONTENT_FILTERED),
        ({"error": "timeout"}, "error_code", "timeout"),
        ({"error": {"code": "rate_limit_exceeded", "message": "x"}}, "error_code", "rate_limit_exceeded"),
        ({"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736"}, "trace_id", "4bf92f3577b34da6a3ce929d0e0e4736"),
        ({"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736"}, "request_id", None),
        ({"span_id": "00f067aa0ba902b7"}, "span_id", "00f067aa0ba902b7"),
        ({"deployment": "chat-eu"}, "deployment", "chat-eu"),
        ({"deployment": "chat-eu"}, "model_name", "gpt-4o"),
        ({"deployment": "chat-eu", "model": None, "total_tokens": 4}, "model_name", "chat-eu"),
        ({"cost_usd": 0.02}, "cost_usd", 0.02),
        ({"ttft_ms": 120}, "time_to_first_token_ms", 120.0),
        ({"stream": True}, "stream", True),
        ({"cached_tokens": 9}, "cached_input_tokens", 9),
        ({"tokens": {"input": 3, "output": 4, "reasoning": 2}}, "reasoning_tokens", 2),
        ({}, "model_name", "gpt-4o"),
        ({}, "model_version", None),
        ({}, "operation", None),
        ({"operation": "Summarize"}, "api_operation", "Summarize"),
        ({"url": "https://api.openai.com/v1/chat/completions?key=k"}, "endpoint", "https://api.openai.com/v1/chat/completions"),
        ({"url": "https://api.openai.com/v1/chat/completions"}, "operation", Operation.CHAT),
    ],
)  # fmt: skip
def test_facts_beside_the_texts(more: dict[str, Any], field: str, expected: Any) -> None:
    event = read(FLAT | more)
    assert event.source == "app_log"
    assert plain(getattr(event, field)) == expected
    assert texts(event) == ([ASKED], [SAID])


@pytest.mark.parametrize("key", ["finish_reason", "finishReason", "stop_reason", "stopReason", "done_reason"])
def test_finish_reasons(key: str) -> None:
    event = read(FLAT | {key: "length"})
    assert [plain(reason) for reason in event.finish_reasons or []] == ["length"]


@pytest.mark.parametrize("key", sorted(evidence.PROMPT_KEYS))
def test_every_name_of_a_prompt_is_read(key: str) -> None:
    event = read({"model": "gpt-4o", key: ASKED, "completion": SAID})
    assert texts(event) == ([ASKED], [SAID])
    is_system = "system" in key.lower()
    assert event.prompt_messages[0].role is (Role.SYSTEM if is_system else Role.USER)


@pytest.mark.parametrize("key", [*sorted(evidence.ANSWER_KEYS), "answer", "response", "output", "reply", "output_text"])
def test_every_name_of_an_answer_is_read(key: str) -> None:
    assert texts(read({"model": "gpt-4o", "prompt": ASKED, key: SAID})) == ([ASKED], [SAID])


@pytest.mark.parametrize("key", sorted(evidence.TURNS_KEYS - {"contents", "chat_history"}))
def test_every_name_of_messages_is_read(key: str) -> None:
    event = read({"model": "m", key: [USER, ASSISTANT, USER], "completion": SAID})
    assert texts(event) == ([ASKED, SAID, ASKED], [SAID])


@pytest.mark.parametrize("content", [{"content": SAID}, {"text": SAID}, {"parts": [{"text": SAID}]}])
@pytest.mark.parametrize("role", ["user", "assistant", "human", "model", "ai", "system"])
def test_a_turn_is_its_speaker_s(role: str, content: dict[str, Any]) -> None:
    event = read({"role": role, **content, "timestamp": "2026-11-20T08:00:00Z"})
    assert event.source == "app_log"
    is_answer = role in ("assistant", "model", "ai")
    assert texts(event) == (([], [SAID]) if is_answer else ([SAID], []))


@pytest.mark.parametrize("key", sorted(evidence.MODEL_KEYS))
def test_every_name_of_a_model_is_read(key: str) -> None:
    assert plain(read({key: "gpt-4o", "prompt": ASKED}).model_name) == "gpt-4o"


def test_what_was_retrieved_is_no_turn_of_the_user() -> None:
    event = read(
        {"model": "gpt-4o", "context": "a text", "sources": [{"title": "b"}], "question": "why so", "answer": "so"}
    )
    assert [message.role for message in event.prompt_messages] == [Role.TOOL, Role.TOOL, Role.USER]


def test_the_line_of_a_logger_is_no_prompt() -> None:
    facts = {"model": "gpt-4o", "input_tokens": 3, "output_tokens": 4, "message": "the call is over"}
    assert texts(read(facts | {"level": "info"})) == ([], [])
    assert texts(read(facts)) == (["the call is over"], [])


@pytest.mark.parametrize(
    "response", [{"choices": [{"message": ASSISTANT}], "model": "m"}, ASSISTANT, [ASSISTANT], {"a": SAID}]
)
def test_a_body_under_the_name_of_an_answer(response: Any) -> None:
    event = read({"model": "gpt-4o", "prompt": ASKED, "response": response})
    assert texts(event)[0] == [ASKED]
    assert any(SAID in text or json.dumps(SAID)[1:-1] in text for text in texts(event)[1])


SECRET = "sk-9f8e7d6c5b4a39281706"


@pytest.mark.parametrize("key", ["api_key", "authorization", "x-api-key", "cookie", "access_token"])
def test_credentials_survive_nowhere(key: str) -> None:
    fields: dict[str, Any] = {**FLAT, key: f"Bearer {SECRET}"}
    SOURCE.parse(fields)
    assert SECRET not in json.dumps(remainder(fields))


def test_facts_of_others_stay() -> None:
    others = {"feature": "menu", "latency": 1.2, "feedback": {"stars": 4}, "level": "info"}
    assert left(read(FLAT | others)) == others


@pytest.mark.parametrize("key", ["messages", "prompt"])
def test_a_request_that_was_not_put_into_a_body_is_read_beside_a_response(key: str) -> None:
    """A response with a known format makes the record one of a gateway."""
    record = {
        key: [USER] if key == "messages" else ASKED,
        "response": {"model": "gpt-4o", "choices": [{"message": ASSISTANT}]},
    }
    event = read(record)
    assert event.source == "openai_gateway"
    assert texts(event) == ([ASKED], [SAID])
    assert left(event) is None


@pytest.mark.parametrize("key", ["messages", "prompt", "input", "history"])
def test_messages_as_a_text_are_messages(key: str) -> None:
    event = read({"model": "gpt-4o", key: json.dumps([USER, ASSISTANT, USER]), "completion": "yes"})
    assert [message.role for message in event.prompt_messages] == [Role.USER, Role.ASSISTANT, Role.USER]
    assert texts(event) == ([ASKED, SAID, ASKED], ["yes"])


@pytest.mark.parametrize("turns", [{"messages": [USER]}, {"prompt": ASKED}])
def test_a_system_prompt_beside_flat_texts_names_no_provider(turns: dict[str, Any]) -> None:
    event = read({"model": "gpt-4o", "system": "Be brief.", **turns, "completion": SAID})
    assert texts(event) == (["Be brief.", ASKED], [SAID]) or texts(event) == ([ASKED, "Be brief."], [SAID])
    assert event.provider is None


KEYS = sorted(MARKERS | {"time", "user", "level", "error", "id", "status", "metadata", "x"})
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from([ASKED, "user", "gpt-4o"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=20,
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(fields=st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=10))
def test_no_record_breaks_the_score_or_the_parser(fields: dict[str, Any]) -> None:
    assert is_ai_traffic(fields) in (True, False)
    assert isinstance(SOURCE.parse(fields), AuditEvent)
