"""Ollama's own API: chat, generate and embed. (Its OpenAI-compatible API is read by ``openai``.)

``system`` replaces the system prompt. ``template``, ``options`` and tool definitions are settings and dropped, as is
``context``, an earlier conversation as token ids. Durations are in nanoseconds.
"""

from __future__ import annotations

from typing import Final

from veilog_parsers.bodies.exchange import Exchange
from veilog_parsers.bodies.turns import (
    Turn,
    add_completion_turn,
    add_prompt_content,
    add_prompt_messages,
    drop_role,
    pop_finish_reason,
    read_settings,
)
from veilog_parsers.event import Operation, Role
from veilog_parsers.record.fields import drop_keys, ignored_keys, pop_count, pop_identifier
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import pop_time

_IGNORED_REQUEST_KEYS: Final = ignored_keys(
    """
    context:numbers dimensions:number format:schema images:blob keep_alive logprobs:objects options:plain raw:flag
    stream:flag template think tools:objects truncate
    """
)
_IGNORED_RESPONSE_KEYS: Final = ignored_keys(
    """
    context:numbers done:flag embedding:vector embeddings:vector eval_duration:number load_duration:number
    logprobs:objects prompt_eval_duration:number
    """
)
_NS_PER_MS: Final = 1_000_000


def read_request(body: Fields, exchange: Exchange) -> None:
    """Consume a request body."""
    if "messages" in body:
        exchange.operation = exchange.operation or Operation.CHAT
    elif "input" in body:
        exchange.operation = exchange.operation or Operation.EMBEDDINGS
    else:
        exchange.operation = exchange.operation or Operation.TEXT_COMPLETION
    exchange.requested_model = pop_identifier(body, "model")
    add_prompt_content(body, "system", Role.SYSTEM, exchange)
    add_prompt_messages(body.get("messages"), exchange)
    for key in ("prompt", "suffix", "input"):
        add_prompt_content(body, key, Role.USER, exchange)
    images = body.get("images")
    exchange.add_attachments(len(images) if type(images) is list else 0)
    read_settings(body, exchange, "tools")
    drop_keys(body, _IGNORED_REQUEST_KEYS)


def read_response(body: Fields, exchange: Exchange) -> None:
    """Consume a response body; a stream must be assembled first (``streams.assemble``)."""
    exchange.answered_model = pop_identifier(body, "model")
    exchange.timestamp = pop_time(body, "created_at")
    exchange.input_tokens = pop_count(body, "prompt_eval_count")
    exchange.output_tokens = pop_count(body, "eval_count")
    exchange.sum_tokens()
    duration = pop_count(body, "total_duration")
    if duration is not None:
        exchange.latency_ms = duration / _NS_PER_MS
    turn = Turn()
    message = body.get("message")
    if type(message) is dict:
        exchange.operation = exchange.operation or Operation.CHAT
        drop_role(message)
        turn.add_block(message)
    elif "embedding" in body or "embeddings" in body:
        exchange.operation = Operation.EMBEDDINGS
    turn.add_content(body, "thinking")
    turn.add_content(body, "response")
    add_completion_turn(turn, exchange)
    pop_finish_reason(body, exchange, "done_reason")
    drop_keys(body, _IGNORED_RESPONSE_KEYS)
