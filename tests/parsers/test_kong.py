"""Kong: which section is believed, and who the caller is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from samples import SAMPLES
from veilog_parsers.event import AuditEvent, Operation, Outcome, SensitiveText
from veilog_parsers.record.fields import remainder
from veilog_parsers.record.raw import RawRecord
from veilog_parsers.registry import Registry
from veilog_parsers.sources.gateways.kong import SOURCE


def load(name: str) -> Any:
    return json.loads((SAMPLES / "kong" / f"{name}.in.json").read_text())


def texts(event: AuditEvent) -> list[str]:
    return [part.reveal() for message in event.prompt_messages + event.response_messages for part in message.parts]


def reveal(text: Any) -> Any:
    return text.reveal() if isinstance(text, SensitiveText) else text


def test_payloads_are_read_from_their_strings() -> None:
    fields = load("good_payloads")
    event = SOURCE.parse(fields)
    assert texts(event)[-1] == "With the card 4111 1111 1111 1111."
    assert (event.operation, event.outcome_status) == (Operation.CHAT, Outcome.SUCCESS)
    assert remainder(fields) == {}


@pytest.mark.parametrize("name", ["good_payloads", "good_plugin_name_and_transformer"])
def test_the_proxy_is_believed_before_other_plugins(name: str) -> None:
    event = SOURCE.parse(load(name))
    assert (reveal(event.model_name), reveal(event.provider)) == ("gpt-4o", "openai")
    assert (event.input_tokens, event.output_tokens, event.token_count) == (41, 18, 59)


def test_custom_id_goes_before_kong_s_own_names() -> None:
    fields = load("good_payloads")
    assert reveal(SOURCE.parse(fields).user_id) == "jonas.keller@nordwind-ag.com"
    fields = load("good_payloads")
    del fields["consumer"]["custom_id"]
    event = SOURCE.parse(fields)
    assert (reveal(event.user_id), event.user_name) == ("jonas.keller", None)


def test_a_streamed_payload_is_put_together() -> None:
    assert texts(SOURCE.parse(load("good_stream")))[-1] == "With the card 4111 1111 1111 1111."


@pytest.mark.parametrize("ai", [None, "on", {}, {"proxy": 1}, {"proxy": {"x": 1}}])
def test_other_logs_of_kong_are_not_taken(ai: Any) -> None:
    fields = {"ai": ai, "client_ip": "198.51.100.1", "started_at": 1742290442719}
    assert Registry().recognize(fields) is None


def test_a_batch_of_http_log_is_many_events() -> None:
    batch = [load("good_payloads"), load("good_stream")]
    assert [event.source for event in Registry().parse(RawRecord(batch, b""))] == ["kong", "kong"]


def test_of_several_calls_of_a_session_the_first_is_read_and_the_others_stay() -> None:
    calls = [{"method": "tools/call", "tool_name": "find"}, {"method": "tools/list", "tool_name": "send"}]
    fields = {"ai": {"mcp": {"rpc": calls}}}
    event = SOURCE.parse(fields)
    assert event.mcp is not None
    assert (reveal(event.mcp.method), reveal(event.mcp.tool)) == ("tools/call", "find")
    assert remainder(fields) == {"ai": {"mcp": {"rpc": [None, {"method": "tools/list", "tool_name": "send"}]}}}
