"""Reading a request and its answer: one cheap look at the keys decides which reader gets the body.

A body may be an object, a JSON string, a stream in a string (server-sent events or JSON lines) or a list of stream
events. Objects are consumed in place, so that what is left of them shows up as unmapped. A string cannot be: whoever
holds the record opens it first (``open_body``); otherwise what is left of it is dropped.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import orjson

from veilog_parsers.event import Constant
from veilog_parsers.record import Fields
from veilog_parsers.take import dicts, peek
from veilog_parsers.wire import anthropic, flat, gemini, ollama, openai
from veilog_parsers.wire.cut import close
from veilog_parsers.wire.errors import read_error
from veilog_parsers.wire.exchange import Exchange
from veilog_parsers.wire.streams import assemble, events_of

Reader = Callable[[Fields, Exchange], None]

_ANTHROPIC: Final = Constant("anthropic")
_GEMINI: Final = Constant("gcp.gemini")
_OLLAMA: Final = Constant("ollama")

_GEMINI_REQUEST: Final = frozenset(("contents", "systemInstruction", "system_instruction"))
_ANTHROPIC_REQUEST: Final = frozenset(
    (
        "anthropic_version",
        "max_tokens_to_sample",
        "mcp_servers",
        "output_config",
        "stop_sequences",
        "system",
        "thinking",
    )
)
_OLLAMA_REQUEST: Final = frozenset(("context", "keep_alive", "options", "raw", "template", "think"))
_GEMINI_RESPONSE: Final = frozenset(("candidates", "promptFeedback", "usageMetadata", "usage_metadata", "totalTokens"))
_ANTHROPIC_RESPONSE: Final = frozenset(("completion", "stop_reason"))
_OLLAMA_RESPONSE: Final = frozenset(("done", "embedding", "embeddings"))


def read_exchange(request: Any, response: Any) -> Exchange:
    """Read both sides; either may be None."""
    exchange = Exchange()
    read_request(request, exchange)
    read_response(response, exchange)
    return exchange


def read_request(body: Any, exchange: Exchange) -> None:
    """Consume a request body of any provider. A bare list is a list of messages."""
    body = decode(body)
    if type(body) is list:
        body = {"messages": body}
    if type(body) is dict and body:
        reader, provider = _request_reader(body)
        exchange.provider = exchange.provider or provider
        reader(body, exchange)


def read_response(body: Any, exchange: Exchange) -> None:
    """Consume a response body of any provider."""
    body = decode(body)
    if type(body) is list:
        body = assemble(body)
    if type(body) is dict and body:
        read_error(body, exchange)
        reader, provider = _response_reader(body)
        # What answers in OpenAI's shape speaks a dialect of it, whatever else its request resembled.
        exchange.provider = None if "choices" in body else exchange.provider or provider
        reader(body, exchange)


def decode(body: Any) -> Any:
    """The JSON object or array in a string, also one that was cut, or the events of a stream; all else as it is."""
    if type(body) is not str:
        return body
    text = body.lstrip()
    if text.startswith(("{", "[")):
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            cut = close(text)
            if cut is not None:
                return cut
    elif not text.startswith(("data:", "event:", "id:", ":")):
        return body
    return events_of(text) or body


def open_body(fields: Fields, *path: str) -> Any:
    """Decode the body at a path in place, a stream of events to the body it amounts to, and return what is there."""
    parent = peek(fields, *path[:-1]) if len(path) > 1 else fields
    if type(parent) is not dict or path[-1] not in parent:
        return None
    body = decode(parent[path[-1]])
    if type(body) is list:
        body = assemble(body) or body
    parent[path[-1]] = body
    return body


def _request_reader(body: Fields) -> tuple[Reader, Constant | None]:
    keys = body.keys()
    if not keys.isdisjoint(_GEMINI_REQUEST):
        return gemini.read_request, _GEMINI
    if "requests" in body or ("content" in body and peek(body, "content", "parts")):
        return gemini.read_request, _GEMINI
    # Anthropic has a system beside messages, Ollama also beside a prompt.
    if not keys.isdisjoint(_OLLAMA_REQUEST) or ("system" in body and "prompt" in body and "messages" not in body):
        return ollama.read_request, _OLLAMA
    if flat.is_request(body):
        return flat.read_request, None
    if not keys.isdisjoint(_ANTHROPIC_REQUEST) or ("metadata" in body and peek(body, "metadata", "user_id")):
        return anthropic.read_request, _ANTHROPIC
    return openai.read_request, None


def _response_reader(body: Fields) -> tuple[Reader, Constant | None]:
    keys = body.keys()
    if not keys.isdisjoint(_GEMINI_RESPONSE):
        return gemini.read_response, _GEMINI
    if "choices" in body:
        return openai.read_response, None
    if flat.is_response(body):
        return flat.read_response, None
    if peek(body, "embedding", "values") or any("values" in item for item in dicts(body.get("embeddings"))[:1]):
        return gemini.read_response, _GEMINI
    if not keys.isdisjoint(_ANTHROPIC_RESPONSE) or body.get("type") == "message":
        return anthropic.read_response, _ANTHROPIC
    if not keys.isdisjoint(_OLLAMA_RESPONSE):
        return ollama.read_response, _OLLAMA
    return openai.read_response, None
