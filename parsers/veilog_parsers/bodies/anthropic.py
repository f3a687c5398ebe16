"""The Anthropic shapes: messages, and the older complete. Bedrock's Claude models speak them too.

``usage.input_tokens`` excludes tokens read from or written to the cache; OpenTelemetry's ``gen_ai.usage.input_tokens``
includes them, and so do we: the three are added. Tool definitions are configuration and discarded, as for OpenAI.
"""

from __future__ import annotations

from typing import Final

from veilog_parsers.bodies.exchange import Exchange
from veilog_parsers.bodies.turns import Turn, answer_turn, ask_content, ask_turns, take_finish, take_role
from veilog_parsers.event import Operation, Role
from veilog_parsers.record.fields import discard_known, ignored, take_count, take_identifier, take_sum
from veilog_parsers.record.raw import Fields

_CONFIGURATION: Final = ignored(
    """
    anthropic_beta:list anthropic_version cache_control:plain container:plain context_management:plain effort:plain
    inference_geo max_tokens:number max_tokens_to_sample:number mcp_servers:objects output_config:plain
    output_format:schema service_tier speed:number stop_sequences:list stream:flag temperature:number thinking:plain
    tool_choice:schema tools:objects top_k:number top_p:number
    """
)
_BOOKKEEPING: Final = ignored(
    """
    container:plain context_management:plain log_id stop:plain stop_details:plain stop_sequence type
    """
)
_USAGE_DETAILS: Final = ignored(
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
    exchange.requested_model = take_identifier(body, "model")
    exchange.user = take_identifier(body, "metadata", "user_id")
    ask_content(body, "system", Role.SYSTEM, exchange)
    ask_turns(body.get("messages"), exchange)
    ask_content(body, "prompt", Role.USER, exchange)
    discard_known(body, _CONFIGURATION)


def read_response(body: Fields, exchange: Exchange) -> None:
    """Consume a response body; a stream must be assembled first (``streams.assemble``)."""
    exchange.operation = exchange.operation or (Operation.TEXT_COMPLETION if "completion" in body else Operation.CHAT)
    exchange.answered_model = take_identifier(body, "model")
    exchange.request_id = take_identifier(body, "id")
    take_role(body)
    turn = Turn()
    turn.take(body, "content")
    turn.take(body, "completion")
    answer_turn(turn, exchange)
    take_finish(body, exchange, "stop_reason")
    usage = body.get("usage")
    if type(usage) is dict:
        _read_usage(usage, exchange)
    discard_known(body, _BOOKKEEPING)


def _read_usage(usage: Fields, exchange: Exchange) -> None:
    exchange.input_tokens = take_sum(usage, "input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    exchange.output_tokens = take_count(usage, "output_tokens")
    if exchange.input_tokens is not None and exchange.output_tokens is not None:
        exchange.total_tokens = exchange.input_tokens + exchange.output_tokens
    discard_known(usage, _USAGE_DETAILS)
