"""Reading a request and its answer: one cheap look at the keys decides which reader gets the body.

A body may be an object, a JSON string, a stream in a string (server-sent events or JSON lines) or a list of stream
events. Objects are consumed in place, so that what is left of them shows up as unmapped. A string cannot be: whoever
holds the record opens it first (``open_body``); otherwise what is left of it is dropped. A body that is none of these,
or in which no reader finds a text, is a text as a whole (``rest``).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from veilog_parsers.bodies import anthropic, flat, gemini, ollama, openai
from veilog_parsers.bodies.errors import read_error
from veilog_parsers.bodies.exchange import Exchange
from veilog_parsers.bodies.rest import answer_rest, ask_rest, unread
from veilog_parsers.bodies.streams import assemble, events_of
from veilog_parsers.errors import RecordError
from veilog_parsers.event import Constant
from veilog_parsers.record.decoding import decode as decode_text
from veilog_parsers.record.decoding import keep_around
from veilog_parsers.record.fields import dicts, peek
from veilog_parsers.record.raw import Fields

Reader = Callable[[Fields, Exchange], None]

_ANTHROPIC: Final = Constant("anthropic")
_GEMINI: Final = Constant("gcp.gemini")
_OLLAMA: Final = Constant("ollama")

MAX_PREFIX_CHARS: Final = 128
"""A longer text before a document is no prefix of a log, but the beginning of a text that quotes JSON."""

_STREAMED: Final = ("data:", "event:", "id:", "retry:", ":")
_LINE_OF_JSON: Final = re.compile(r"^\s*(?:data:\s*)?\{", re.MULTILINE)
_SIGNS_OF_BODY: Final = frozenset(
    ("messages", "prompt", "input", "contents", "choices", "output", "candidates", "content", "model", "inputs", "role")
)
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
    """Consume a request body of any provider. A bare list is a list of messages, and no JSON is a text of the user."""
    asked, opened = len(exchange.prompt), decode(body)
    fields = {"messages": opened} if type(opened) is list else opened
    if type(fields) is dict and fields:
        reader, provider = _request_reader(fields)
        exchange.provider = exchange.provider or provider
        reader(fields, exchange)
    ask_rest(opened, exchange, asked)


def read_response(body: Any, exchange: Exchange) -> None:
    """Consume a response body of any provider; one that is no JSON is an answer as it is."""
    answered, opened = len(exchange.response), decode(body)
    fields = assemble(opened) if type(opened) is list else opened
    if type(fields) is dict and fields:
        read_error(fields, exchange)
        reader, provider = _response_reader(fields)
        # What answers in OpenAI's shape speaks a dialect of it, whatever else its request resembled.
        exchange.provider = None if "choices" in fields else exchange.provider or provider
        reader(fields, exchange)
    answer_rest(opened if fields is None else fields, exchange, answered)


def decode(body: Any) -> Any:
    """What is in a string: JSON, also cut off, the events of a stream, else the text itself. All else is as it is."""
    if type(body) is not str or not body:
        return body
    if body.lstrip().startswith(_STREAMED):
        return events_of(body) or body
    try:
        decoded = decode_text(body, allow_cut=True)
    except RecordError:
        # One line may be broken, and the others whole.
        return (events_of(body) if _LINE_OF_JSON.search(body) else None) or body
    documents = [document for document in decoded.documents if type(document) in (dict, list)]
    if not documents:
        value = decoded.documents[0] if len(decoded.documents) == 1 else None
        return value if type(value) is str and value else body
    if len(decoded.before) > MAX_PREFIX_CHARS or (decoded.before and not _is_known(documents[0])):
        # A text with JSON in it.
        return body
    first = documents[0]
    if type(first) is dict:
        keep_around(first, decoded)
    elif decoded.before or decoded.after:
        documents.append({"text_after": f"{decoded.before}\n{decoded.after}".strip()})
    return documents if len(documents) > 1 else first


def _is_known(document: Any) -> bool:
    """Whether a document that stands behind a text is a body, and not just an example in it."""
    first = document[0] if type(document) is list and document else document
    return type(first) is dict and not _SIGNS_OF_BODY.isdisjoint(first)


def open_body(fields: Fields, *path: str) -> Any:
    """Decode the body at a path in place, a stream of events to the body it amounts to, and return what is there.

    A body that is no JSON is put in the form in which it is read as a text (``rest.unread``).
    """
    parent = peek(fields, *path[:-1]) if len(path) > 1 else fields
    if type(parent) is not dict or path[-1] not in parent:
        return None
    body = decode(parent[path[-1]])
    if type(body) is list:
        body = assemble(body) or body
    elif type(body) is str and body:
        body = unread(body)
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
