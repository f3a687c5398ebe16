"""Logs of the user's own, mapped by configuration."""

from __future__ import annotations

from typing import Any

import pytest

from veilog_parsers.event import AuditEvent, Kind, Operation, Outcome, SensitiveText
from veilog_parsers.record.fields import remainder
from veilog_parsers.registry import Registry
from veilog_parsers.sources.mapped import MappingSpec, make_source, split_path


def spec(fields: dict[str, str], when: dict[str, str] | None = None, **constants: str) -> MappingSpec:
    return MappingSpec(name="mine", when=when or {"service": "chat"}, fields=fields, constants=constants)


def parse(mapping: MappingSpec, record: dict[str, Any]) -> AuditEvent:
    return make_source(mapping).parse(record)


def revealed(text: Any) -> Any:
    return text.reveal() if isinstance(text, SensitiveText) else text


def test_every_kind_of_target() -> None:
    record = {
        "service": "chat",
        "at": 1740994863,
        "who": {"mail": "a@b.example", "full.name": "Ann Bee"},
        "ip": "203.0.113.5:1234",
        "url": "POST https://u:p@h.example/v1/chat?key=1 HTTP/1.1",
        "n": {"in": "7", "out": 3},
        "took": "12.5",
        "code": 429,
        "zone": "eu",
        "texts": {"s": "be kind", "q": ["one", "two"], "a": "three"},
    }
    event = parse(
        spec(
            {
                "timestamp": "at",
                "user_id": "who.mail",
                "user_name": r"who.full\.name",
                "client_ip": "ip",
                "endpoint": "url",
                "input_tokens": "n.in",
                "output_tokens": "n.out",
                "latency_ms": "took",
                "http_status": "code",
                "cloud.region": "zone",
                "system": "texts.s",
                "prompt": "texts.q",
                "response": "texts.a",
            },
            provider="openai",
        ),
        record,
    )
    assert event.timestamp == "2025-03-03T09:41:03Z"
    assert revealed(event.user_id) == "a@b.example"
    assert revealed(event.user_name) == "Ann Bee"
    assert revealed(event.client_ip) == "203.0.113.5"
    assert revealed(event.endpoint) == "https://h.example/v1/chat"
    assert (event.input_tokens, event.output_tokens, event.latency_ms) == (7, 3, 12.5)
    assert (event.http_status, event.outcome_status) == (429, Outcome.THROTTLED)
    assert event.cloud is not None
    assert revealed(event.cloud.region) == "eu"
    assert (event.kind, event.operation, event.provider) == (Kind.AI_ACCESS, Operation.CHAT, "openai")
    prompt = [(message.role, [part.reveal() for part in message.parts]) for message in event.prompt_messages]
    assert prompt == [("system", ["be kind"]), ("user", ["one", "two"])]
    assert [part.reveal() for part in event.response_messages[0].parts] == ["three"]
    assert remainder(record) == {"service": "chat"}


def test_whole_bodies_are_read_as_a_gateway_s() -> None:
    event = parse(
        spec({"request_body": "up", "response_body": "down"}),
        {
            "up": {"model": "m", "messages": [{"role": "user", "content": "hi"}]},
            "down": '{"choices":[{"message":{"content":"yo"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1}}',
        },
    )
    assert revealed(event.model_name) == "m"
    assert event.input_tokens == 1
    assert [part.reveal() for part in event.response_messages[0].parts] == ["yo"]


def test_constants() -> None:
    event = parse(spec({"user_id": "u"}, kind="ai_control_plane", operation="create_agent"), {"u": "x"})
    assert (event.kind, event.operation) == (Kind.AI_CONTROL_PLANE, Operation.CREATE_AGENT)


@pytest.mark.parametrize(
    ("when", "record", "recognized"),
    [
        ({"service": "chat"}, {"service": "chat"}, True),
        ({"service": "chat"}, {"service": "shop"}, False),
        ({"service": "*"}, {"service": 7}, True),
        ({"v": "2"}, {"v": 2}, True),
        ({"a.b": "x", "c": "*"}, {"a": {"b": "x"}, "c": 0}, True),
        ({"a.b": "x", "c": "*"}, {"a": {"b": "x"}}, False),
        ({"a.b": "x"}, {"a": "x"}, False),
    ],
)
def test_conditions(when: dict[str, str], record: dict[str, Any], recognized: bool) -> None:
    registry = Registry((make_source(spec({"user_id": "u"}, when)),))
    assert (registry.recognize(record) is not None) is recognized


def test_values_of_the_wrong_type_are_left() -> None:
    record = {"t": "noon", "u": "two words", "q": {"a": 1}, "ip": "nowhere", "n": -1}
    mapping = {"timestamp": "t", "user_id": "u", "prompt": "q", "client_ip": "ip", "input_tokens": "n"}
    event = parse(spec(mapping), record)
    assert (event.timestamp, event.user_id, event.prompt_messages, event.client_ip) == (None, None, [], None)
    assert remainder(record) == record


@pytest.mark.parametrize(
    ("mapping", "problem"),
    [
        (spec({"promt": "x"}), r"fields\.promt: there is no such target"),
        (spec({"user_id": "a..b"}), "has an empty key"),
        (spec({"user_id": "a"}, model="x"), r"constants\.model: a constant is one of"),
        (spec({"user_id": "a"}, operation="talk"), r"constants\.operation: talk is none of"),
    ],
)
def test_wrong_mappings_are_explained(mapping: MappingSpec, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        make_source(mapping)


def test_paths() -> None:
    assert split_path(r"a.b\.c.d") == ("a", "b.c", "d")
