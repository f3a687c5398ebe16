"""Realtime events: which are recognized, and whose their texts are."""

from __future__ import annotations

import json
from typing import Any

import pytest

from veilog_parsers.event import AuditEvent, Outcome, Role, SensitiveText
from veilog_parsers.record.raw import RawRecord
from veilog_parsers.registry import Registry
from veilog_parsers.sources.servers import openai_realtime

REGISTRY = Registry()
SAID = "two loaves for Klaas"


def read(record: dict[str, Any]) -> AuditEvent:
    (event,) = REGISTRY.parse(RawRecord(json.loads(json.dumps(record)), b""))
    assert isinstance(event, AuditEvent)
    return event


def plain(value: Any) -> Any:
    return value.reveal() if isinstance(value, SensitiveText) else value


def said(event: AuditEvent) -> list[tuple[Role, str]]:
    return [
        (message.role, part.reveal())
        for message in (*event.prompt_messages, *event.response_messages)
        for part in message.parts
    ]


def item(role: str, kind: str = "text", key: str = "text") -> dict[str, Any]:
    return {"id": "i", "type": "message", "role": role, "content": [{"type": kind, key: SAID}]}


@pytest.mark.parametrize(
    ("record", "role"),
    [
        ({"type": "session.update", "session": {"instructions": SAID}}, Role.SYSTEM),
        ({"type": "session.created", "session": {"audio": {"input": {"transcription": {"prompt": SAID}}}}}, Role.SYSTEM),
        ({"type": "session.created", "session": {"input_audio_transcription": {"prompt": SAID}, "model": "m"}}, Role.SYSTEM),
        ({"type": "conversation.item.create", "item": item("user", "input_text")}, Role.USER),
        ({"type": "conversation.item.create", "item": item("system", "input_text")}, Role.SYSTEM),
        ({"type": "conversation.item.done", "item": item("user", "input_audio", "transcript")}, Role.USER),
        ({"type": "conversation.item.created", "item": item("assistant", "audio", "transcript")}, Role.ASSISTANT),
        ({"type": "response.output_item.done", "item": item("assistant")}, Role.ASSISTANT),
        ({"type": "conversation.item.create", "item": {"type": "function_call_output", "output": SAID}}, Role.TOOL),
        ({"type": "conversation.item.input_audio_transcription.completed", "item_id": "i", "transcript": SAID}, Role.USER),
        ({"type": "conversation.item.input_audio_transcription.delta", "item_id": "i", "delta": SAID}, Role.USER),
        ({"type": "response.output_text.done", "item_id": "i", "text": SAID}, Role.ASSISTANT),
        ({"type": "response.text.delta", "item_id": "i", "delta": SAID}, Role.ASSISTANT),
        ({"type": "response.audio_transcript.done", "item_id": "i", "transcript": SAID}, Role.ASSISTANT),
        ({"type": "response.content_part.added", "item_id": "i", "part": {"type": "text", "text": SAID}}, Role.ASSISTANT),
        ({"type": "response.function_call_arguments.done", "item_id": "i", "name": "f", "arguments": SAID}, Role.ASSISTANT),
        ({"type": "response.refusal.done", "item_id": "i", "refusal": SAID}, Role.ASSISTANT),
        ({"type": "response.create", "response": {"instructions": SAID}}, Role.SYSTEM),
        ({"type": "response.create", "response": {"input": [item("user", "input_text")]}}, Role.USER),
        ({"type": "response.done", "response": {"output": [item("assistant")]}}, Role.ASSISTANT),
    ],
)  # fmt: skip
def test_whose_a_text_is(record: dict[str, Any], role: Role) -> None:
    event = read(record)
    assert event.source == "openai_realtime"
    assert said(event) == [(role, SAID)]
    assert event.api_operation == record["type"]


@pytest.mark.parametrize(
    "record",
    [
        {"type": "session.created", "session": {"id": "s", "user": "ann"}},
        {"type": "session.created", "session": "s"},
        {"type": "session.updated", "user": "ann"},
        {"type": "conversation.created", "channel": "c"},
        {"type": "conversation.item.created", "item": "i"},
        {"type": "response.done", "status": 200},
        {"type": "response.created", "response": 200},
        {"type": "response.text.done", "text": "a page of ours"},
        {"type": "error", "error": {"code": "x"}},
        {"type": "error", "error": "x", "event_id": "event_1"},
        {"type": "error", "error": {"code": "x"}, "event_id": "e-1"},
        {"type": ["session.created"], "session": {"model": "m"}},
    ],
)
def test_events_of_other_systems_are_not_claimed(record: dict[str, Any]) -> None:
    assert read(record).source == "other"


@pytest.mark.parametrize("name", sorted(openai_realtime._EVENTS))
def test_every_event_of_the_api_is_recognized(name: str) -> None:
    values = {"session": {"model": "m"}, "item": {"type": "message"}, "response": {}, "error": {"code": "x"}}
    record = {"event_id": "event_1", "item_id": "i", "conversation": {"id": "c"}, "rate_limits": [], **values}
    companions = openai_realtime._EVENTS[name]
    event = read({key: value for key, value in record.items() if key in companions | {"event_id"}} | {"type": name})
    assert event.source == "openai_realtime"


def test_audio_is_dropped_and_words_in_its_place_are_not() -> None:
    audio = {"type": "response.output_audio.delta", "item_id": "i", "delta": "UklGRiQAAABXQVZFAAECAwQFBgcICQoLDA0ODw=="}
    assert said(read(audio)) == []
    assert said(read(audio | {"delta": SAID})) == [(Role.ASSISTANT, SAID)]


@pytest.mark.parametrize(
    ("details", "outcome"),
    [
        ({"type": "failed", "error": {"code": "insufficient_quota"}}, Outcome.THROTTLED),
        ({"type": "failed"}, Outcome.FAILURE),
        ({"type": "incomplete", "reason": "content_filter"}, Outcome.CONTENT_FILTERED),
        (None, Outcome.SUCCESS),
    ],
)
def test_how_a_response_ended(details: Any, outcome: Outcome) -> None:
    status = details["type"] if details else "completed"
    response = {"status": status, "status_details": details, "output": []}
    assert read({"type": "response.done", "response": response}).outcome_status is outcome


def test_ids_join_the_events_of_a_response() -> None:
    done = read({"type": "response.done", "response": {"id": "resp_1", "conversation_id": "c"}, "event_id": "event_2"})
    piece = read(
        {"type": "response.text.delta", "item_id": "i", "response_id": "resp_1", "event_id": "event_1", "delta": "a"}
    )
    assert plain(done.request_id) == plain(piece.request_id) == "resp_1"
    assert plain(done.conversation_id) == "c"


def test_tokens_of_audio_and_of_the_cache_are_told_apart() -> None:
    usage = {
        "input_tokens": 80,
        "output_tokens": 40,
        "input_token_details": {"text_tokens": 60, "audio_tokens": 20, "cached_tokens": 5},
        "output_token_details": {"text_tokens": 10, "audio_tokens": 30},
    }
    event = read({"type": "response.done", "response": {"id": "r", "output": [], "usage": usage}})
    assert (event.input_tokens, event.output_tokens, event.cached_input_tokens) == (80, 40, 5)
    assert (event.input_audio_tokens, event.output_audio_tokens) == (20, 30)
