"""Anthropic's APIs: messages, and the older complete. Claude models on Bedrock have the same format.

``usage.input_tokens`` excludes tokens read from or written to the cache. OpenTelemetry's ``gen_ai.usage.input_tokens``
includes them, and so does veilog: the three are added. Tool definitions are settings and dropped, as for OpenAI.
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
from veilog_parsers.record.fields import drop_keys, ignored_keys, peek_count, pop_count, pop_identifier, pop_sum
from veilog_parsers.record.raw import Fields

_IGNORED_REQUEST_KEYS: Final = ignored_keys(
    """
    anthropic_beta:list anthropic_version cache_control:plain container:plain context_management:plain effort:plain
    inference_geo max_tokens:number max_tokens_to_sample:number mcp_servers:objects output_config:plain
    output_format:schema service_tier speed:number stop_sequences:list stream:flag temperature:number thinking:plain
    tool_choice:schema tools:objects top_k:number top_p:number
    """
)
_IGNORED_RESPONSE_KEYS: Final = ignored_keys(
    """
    container:plain context_management:plain log_id stop:plain stop_details:plain stop_sequence type
    """
)
_IGNORED_USAGE_KEYS: Final = ignored_keys(
    """
    cache_creation:plain inference_geo iterations:plain output_tokens_details:plain server_tool_use:plain
    service_tier speed:number
    """
)


def read_request(body: Fields, exchange: Exchange) -> None:
    """Consume a request body."""
    exchange.operation = exchange.operation or (
        Operation.TEXT_COMPLETION if "prompt" in body and "messages" not in body else Operation.CHAT
    )
    exchange.requested_model = pop_identifier(body, "model")
    exchange.user = pop_identifier(body, "metadata", "user_id")
    add_prompt_content(body, "system", Role.SYSTEM, exchange)
    add_prompt_messages(body.get("messages"), exchange)
    add_prompt_content(body, "prompt", Role.USER, exchange)
    read_settings(body, exchange, "tools", "functions")
    drop_keys(body, _IGNORED_REQUEST_KEYS)


def read_response(body: Fields, exchange: Exchange) -> None:
    """Consume a response body; a stream must be assembled first (``streams.assemble``)."""
    exchange.operation = exchange.operation or (Operation.TEXT_COMPLETION if "completion" in body else Operation.CHAT)
    exchange.answered_model = pop_identifier(body, "model")
    exchange.request_id = pop_identifier(body, "id")
    drop_role(body)
    turn = Turn()
    turn.add_content(body, "content")
    turn.add_content(body, "completion")
    add_completion_turn(turn, exchange)
    pop_finish_reason(body, exchange, "stop_reason")
    usage = body.get("usage")
    if type(usage) is dict:
        _read_usage(usage, exchange)
    drop_keys(body, _IGNORED_RESPONSE_KEYS)


def _read_usage(usage: Fields, exchange: Exchange) -> None:
    read, written = (peek_count(usage, f"cache_{kind}_input_tokens") for kind in ("read", "creation"))
    exchange.add_cached(read, written)
    exchange.input_tokens = pop_sum(usage, "input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    exchange.reasoning_tokens = pop_count(usage, "output_tokens_details", "thinking_tokens")
    exchange.output_tokens = pop_count(usage, "output_tokens")
    exchange.sum_tokens()
    drop_keys(usage, _IGNORED_USAGE_KEYS)
