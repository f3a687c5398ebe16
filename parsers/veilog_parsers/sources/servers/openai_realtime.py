"""Events of OpenAI's Realtime API, and those that stream a response of the Responses API, one by one.

Clients, proxies and voice agents log what goes over the socket: ``{type, event_id, ...}``. What an event is about
stands under one key: ``session`` (with the instructions), ``item`` (a turn of the conversation), ``response``,
``part``, ``delta``, ``text`` or ``transcript``. (Client and server events of the Realtime API reference, read
2026-11-26. Names from before general availability, such as ``response.text.done``, are read too.)

Pitfalls:

* A text comes many times: in deltas, when a part, an item and the response are done. Each event is one record, and has
  the text that it has.
* Audio is base64 and is dropped; its transcript is read. A transcript of input audio is the user's.
* ``response.create`` and ``session.update`` are the client's: their instructions and input belong to the request.
* Other systems have events of sessions and responses too. So the type must be one of the API, and the object that such
  an event has must stand beside it.
"""

from __future__ import annotations

from typing import Any, Final

from veilog_parsers.bodies.errors import read_error
from veilog_parsers.bodies.exchange import Exchange
from veilog_parsers.bodies.read import read_request, read_response
from veilog_parsers.bodies.turns import (
    Turn,
    add_completion_turn,
    add_prompt_content,
    add_prompt_messages,
    add_prompt_variables,
)
from veilog_parsers.event import AuditEvent, Constant, Kind, Operation, Role
from veilog_parsers.record.fields import (
    dicts,
    drop,
    drop_keys,
    ignored_keys,
    keyset,
    peek,
    pop_count,
    pop_identifier,
)
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import pop_time
from veilog_parsers.source import Source, Stability

_COMPANIONS: Final = (
    ("session.created session.updated session.update", ("session",)),
    ("transcription_session.updated transcription_session.update transcription_session.created", ("session",)),
    ("conversation.created", ("conversation",)),
    (
        """
        conversation.item.create conversation.item.created conversation.item.added conversation.item.done
        conversation.item.retrieved response.output_item.added response.output_item.done
        """,
        ("item",),
    ),
    (
        """
        conversation.item.retrieve conversation.item.delete conversation.item.deleted conversation.item.truncate
        conversation.item.truncated conversation.item.input_audio_transcription.completed
        conversation.item.input_audio_transcription.delta conversation.item.input_audio_transcription.segment
        conversation.item.input_audio_transcription.failed
        response.text.delta response.text.done response.output_text.delta response.output_text.done
        response.audio_transcript.delta response.audio_transcript.done response.output_audio_transcript.delta
        response.output_audio_transcript.done response.audio.delta response.audio.done response.output_audio.delta
        response.output_audio.done response.content_part.added response.content_part.done
        response.function_call_arguments.delta response.function_call_arguments.done
        response.mcp_call_arguments.delta response.mcp_call_arguments.done response.refusal.delta
        response.refusal.done response.reasoning_summary_text.delta response.reasoning_summary_text.done
        response.reasoning_text.delta response.reasoning_text.done
        """,
        ("item_id",),
    ),
    (
        """
        response.create response.created response.done response.in_progress response.completed response.incomplete
        response.failed response.queued
        """,
        ("response",),
    ),
    ("response.cancel response.create", ("event_id",)),
    (
        """
        input_audio_buffer.append input_audio_buffer.commit input_audio_buffer.clear input_audio_buffer.committed
        input_audio_buffer.cleared input_audio_buffer.speech_started input_audio_buffer.speech_stopped
        input_audio_buffer.timeout_triggered output_audio_buffer.clear output_audio_buffer.started
        output_audio_buffer.stopped output_audio_buffer.cleared
        """,
        ("type",),
    ),
    ("rate_limits.updated", ("rate_limits",)),
    ("error", ("error",)),
)
"""The types of events, and what stands beside the type."""
_EVENTS: Final[dict[str, frozenset[str]]] = {}
for _types, _keys in _COMPANIONS:
    for _type in _types.split():
        _EVENTS[_type] = _EVENTS.get(_type, frozenset()).union(_keys)

_SESSION_KEYS: Final = keyset(
    """
    audio client_secret input_audio_format input_audio_transcription instructions max_output_tokens
    max_response_output_tokens modalities model output_modalities turn_detection voice
    """
)
_IGNORED_SESSION_KEYS: Final = ignored_keys(
    """
    audio:plain client_secret:secret expires_at:number include:list input_audio_format:plain
    input_audio_noise_reduction:plain input_audio_transcription:plain max_output_tokens
    max_response_output_tokens modalities:list object output_audio_format:plain output_modalities:list speed:number
    temperature:number tool_choice:schema tools:objects tracing:plain truncation:plain turn_detection:plain type
    voice:plain reasoning:schema
    """
)
_IGNORED_RESPONSE_KEYS: Final = ignored_keys(
    """
    audio:plain conversation output_audio_format:plain output_modalities:list modalities:list max_output_tokens
    voice:plain status_details:plain
    """
)
_IGNORED_EVENT_KEYS: Final = ignored_keys(
    """
    audio:blob audio_end_ms:number audio_start_ms:number call_id content_index:number event_id item_id logprobs:objects
    obfuscation:blob output_index:number previous_item_id rate_limits:plain sequence_number:number summary_index:number
    id speaker start:number end:number
    """
)
_DETAILS: Final = (
    ("cached_input_tokens", ("input_token_details", "cached_tokens")),
    ("input_audio_tokens", ("input_token_details", "audio_tokens")),
    ("input_image_tokens", ("input_token_details", "image_tokens")),
    ("output_audio_tokens", ("output_token_details", "audio_tokens")),
    ("reasoning_tokens", ("output_token_details", "reasoning_tokens")),
)
_OBJECTS: Final = keyset("conversation item response")
_IGNORED_AUDIO_KEYS: Final = ignored_keys("delta:blob")
_INPUT_PREFIX: Final = "conversation.item.input_audio_transcription."
_AUDIO_DELTAS: Final = keyset("response.audio.delta response.output_audio.delta")
_TEXT_KEYS: Final = ("text", "transcript", "delta", "refusal")


def _is_event(fields: Fields) -> bool:
    kind = fields.get("type")
    companions = _EVENTS.get(kind) if type(kind) is str else None
    if companions is None or companions.isdisjoint(fields):
        return False
    if kind == "error":
        event_id = fields.get("event_id")
        return type(fields["error"]) is dict and type(event_id) is str and event_id.startswith("event_")
    if "session" in companions:
        session = fields.get("session")
        return type(session) is dict and not _SESSION_KEYS.isdisjoint(session)
    return all(
        type(fields.get(key)) is dict
        for key in ("item", "response", "conversation")
        if key in companions & fields.keys()
    )


def parse(fields: Fields) -> AuditEvent:
    """Read one event."""
    kind, exchange = fields.get("type"), Exchange(operation=Operation.CHAT)
    kind = kind if type(kind) is str and kind in _EVENTS else ""
    event = AuditEvent(kind=Kind.AI_ACCESS)
    if kind:
        del fields["type"]
        event.api_operation = Constant(next(known for known in _EVENTS if known == kind))
    for key in ("time", "timestamp", "ts", "@timestamp"):
        event.timestamp = event.timestamp or pop_time(fields, key)
    event.session_id = pop_identifier(fields, "session", "id") or pop_identifier(fields, "session_id")
    event.conversation_id = (
        pop_identifier(fields, "conversation", "id")
        or pop_identifier(fields, "response", "conversation_id")
        or pop_identifier(fields, "conversation_id")
    )
    event.request_id = (
        pop_identifier(fields, "response", "id")
        or pop_identifier(fields, "response_id")
        or pop_identifier(fields, "event_id")
    )
    for usage in (fields.get("usage"), peek(fields, "response", "usage")):
        _read_details(usage, event)
    _read_session(fields.get("session"), exchange)
    _read_item(fields.get("item"), exchange)
    _read_texts(fields, kind, exchange)
    _read_response(fields, kind, exchange)
    _read_usage(fields.get("usage"), exchange)
    read_error(fields, exchange)
    drop(fields, ("conversation", "object"))
    drop_keys(fields, _IGNORED_EVENT_KEYS)
    exchange.apply(event)
    return event


def _read_session(session: Any, exchange: Exchange) -> None:
    if type(session) is not dict:
        return
    exchange.requested_model = pop_identifier(session, "model")
    add_prompt_content(session, "instructions", Role.SYSTEM, exchange)
    for holder in (session.get("input_audio_transcription"), peek(session, "audio", "input", "transcription")):
        if type(holder) is dict:
            # What the transcribing model is told of the speech.
            add_prompt_content(holder, "prompt", Role.SYSTEM, exchange)
    if type(session.get("prompt")) is dict:
        add_prompt_variables(session["prompt"], "variables", exchange)
        drop(session["prompt"], "id", "version")
    drop_keys(session, _IGNORED_SESSION_KEYS)


def _read_item(item: Any, exchange: Exchange) -> None:
    """Consume a turn of the conversation, or a call of a tool, which is the model's."""
    if type(item) is not dict:
        return
    drop(item, "object")
    kind = item.get("type")
    if item.get("role") == "assistant" or kind in ("function_call", "mcp_call", "reasoning"):
        drop(item, "role")
        turn = Turn()
        turn.add_block(item)
        add_completion_turn(turn, exchange)
    else:
        add_prompt_messages([item], exchange)


def _read_texts(fields: Fields, kind: str, exchange: Exchange) -> None:
    """Consume the texts of an event that has a piece of the conversation."""
    turn = Turn()
    if kind in _AUDIO_DELTAS:
        drop_keys(fields, _IGNORED_AUDIO_KEYS)
    if kind.endswith(("arguments.delta", "arguments.done")):
        turn.add_tool_call(fields)
    for key in _TEXT_KEYS:
        turn.add_content(fields, key)
    turn.add_content(fields, "part")
    if kind.startswith(_INPUT_PREFIX):
        exchange.add_prompt(Role.USER, turn.text_parts)
    else:
        add_completion_turn(turn, exchange)


def _read_response(fields: Fields, kind: str, exchange: Exchange) -> None:
    response = fields.get("response")
    if type(response) is not dict:
        return
    if kind == "response.create":
        read_request(response, exchange)
    else:
        details = response.get("status_details")
        if type(details) is dict:
            exchange.failed = details.get("type") == "failed"
            read_error(details, exchange)
            exchange.content_filtered = exchange.content_filtered or details.get("reason") == "content_filter"
        drop(response, "object")
        for item in dicts(response.get("output")):
            drop(item, "object")
        read_response(response, exchange)
    drop_keys(response, _IGNORED_RESPONSE_KEYS)


def _read_details(usage: Any, event: AuditEvent) -> None:
    """Consume the counts of tokens by what they are of. Those of text are the rest, and are dropped."""
    if type(usage) is not dict:
        return
    for name, path in _DETAILS:
        setattr(event, name, pop_count(usage, *path))
    drop(usage, ("input_token_details", "text_tokens"), ("output_token_details", "text_tokens"))
    drop(usage, ("input_token_details", "cached_tokens_details"))


def _read_usage(usage: Any, exchange: Exchange) -> None:
    """Consume the counts of a transcription."""
    if type(usage) is dict:
        exchange.input_tokens = pop_count(usage, "input_tokens")
        exchange.output_tokens = pop_count(usage, "output_tokens")
        exchange.total_tokens = pop_count(usage, "total_tokens")
        drop(usage, "type", "seconds")


SOURCE: Final = Source(
    name="openai_realtime",
    summary="Events of OpenAI's Realtime API and of streamed responses, as clients and proxies log them one by one.",
    stability=Stability.BETA,
    never_carries="Who called, and from where. Audio is no text: without a transcript, nothing of what was said.",
    references=(
        "https://platform.openai.com/docs/api-reference/realtime-client-events",
        "https://platform.openai.com/docs/api-reference/realtime-server-events",
        "https://platform.openai.com/docs/api-reference/responses-streaming",
    ),
    markers={"type": _is_event},
    parse=parse,
)
