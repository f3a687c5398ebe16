"""Reads request and response bodies of any provider. The keys of a body decide which reader gets it.

A body may be an object, a JSON string, a stream in a string (server-sent events or JSON lines) or a list of stream
events. Readers consume objects in place, so that the rest of them ends as unmapped. The rest of a string would be lost,
so parsers replace a string by its content first (``open_body``). A body that is none of these, or in which no reader
finds a text, is one text (``rest``).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import chain
from typing import Any, Final

from veilog_parsers.bodies import anthropic, flat, gemini, ollama, openai
from veilog_parsers.bodies.errors import read_error
from veilog_parsers.bodies.exchange import Exchange
from veilog_parsers.bodies.rest import UNREAD_KEY, add_unread_completion, add_unread_prompt
from veilog_parsers.bodies.streams import AssemblerFor, assemble, assembler_for, split_events
from veilog_parsers.errors import RecordError
from veilog_parsers.event import Constant
from veilog_parsers.record.decoding import decode, keep_around
from veilog_parsers.record.fields import dicts, peek, pop_identifier
from veilog_parsers.record.raw import Fields

Reader = Callable[[Fields, Exchange], None]

_ANTHROPIC: Final = Constant("anthropic")
_BEDROCK: Final = Constant("aws.bedrock")
_GEMINI: Final = Constant("gcp.gemini")
_OLLAMA: Final = Constant("ollama")

MAX_PREFIX_CHARS: Final = 128
"""A longer text before a JSON document is not a prefix that a logger wrote: the whole is a text that quotes JSON."""

_STREAMED: Final = ("data:", "event:", "id:", "retry:", ":")
_LINE_OF_JSON: Final = re.compile(r"^\s*(?:data:\s*)?\{", re.MULTILINE)
_SIGNS_OF_BODY: Final = frozenset(
    ("messages", "prompt", "input", "contents", "choices", "output", "candidates", "content", "model", "inputs", "role")
)
_CONVERSE_BLOCKS: Final = frozenset(
    ("text", "image", "document", "video", "audio", "guardContent", "toolUse", "toolResult", "reasoningContent")
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
    """Read the request and the response of a call; either may be None."""
    exchange = Exchange()
    read_request(request, exchange)
    read_response(response, exchange)
    return exchange


def read_request(body: Any, exchange: Exchange) -> None:
    """Consume a request body of any provider. A list is a list of messages; a text that is no JSON is the user's."""
    turns_before, opened = len(exchange.prompt), decode_body(body)
    fields = {"messages": opened} if type(opened) is list else opened
    if type(fields) is dict and fields:
        reader, provider = _request_reader(fields)
        exchange.provider = exchange.provider or provider
        reader(fields, exchange)
    add_unread_prompt(opened, exchange, turns_before)


def read_response(body: Any, exchange: Exchange) -> None:
    """Consume a response body of any provider; a text that is no JSON is the model's."""
    turns_before, opened = len(exchange.response), decode_body(body)
    fields = assemble(flattened(opened)) if type(opened) is list else opened
    if type(fields) is dict and fields:
        read_error(fields, exchange)
        reader, provider = _response_reader(fields)
        # Many providers respond in OpenAI's format, so it names none, not even the one that the request looked like.
        exchange.provider = None if "choices" in fields else exchange.provider or provider
        reader(fields, exchange)
    add_unread_completion(opened if fields is None else fields, exchange, turns_before)


def flattened(items: list[Any]) -> list[Any]:
    """A list of lists as one list: Hugging Face's pipelines answer each of several prompts with a list."""
    return list(chain.from_iterable(items)) if items and all(type(item) is list for item in items) else items


def decode_body(body: Any) -> Any:
    """Decode a body in a string: JSON, whole or cut off, or the events of a stream. Other values are returned as is."""
    if type(body) is not str or not body:
        return body
    if body.lstrip().startswith(_STREAMED):
        return split_events(body) or body
    try:
        decoded = decode(body, allow_cut=True)
    except RecordError:
        # One line of a stream may be broken and the others whole.
        return (split_events(body) if _LINE_OF_JSON.search(body) else None) or body
    documents = [document for document in decoded.documents if type(document) in (dict, list)]
    if not documents:
        value = decoded.documents[0] if len(decoded.documents) == 1 else None
        return value if type(value) is str and value else body
    if len(decoded.before) > MAX_PREFIX_CHARS or (decoded.before and not _is_body(documents[0])):
        # The body is a text that quotes JSON.
        return body
    first = documents[0]
    if type(first) is dict:
        keep_around(first, decoded)
    elif decoded.before or decoded.after:
        documents.append({"text_after": f"{decoded.before}\n{decoded.after}".strip()})
    return documents if len(documents) > 1 else first


def _is_body(document: Any) -> bool:
    """Whether a document that follows a text is a body, and not an example that the text quotes."""
    first = document[0] if type(document) is list and document else document
    return type(first) is dict and not _SIGNS_OF_BODY.isdisjoint(first)


def open_body(
    fields: Fields, *path: str, assembler_for: AssemblerFor = assembler_for, text_key: str = UNREAD_KEY
) -> Any:
    """Decode the body at a path in place, assemble it if it is a stream, and return it.

    Args:
        fields: the object that the path begins in.
        path: where the body is.
        assembler_for: which function assembles a stream, given one of its events.
        text_key: a body that is no JSON is replaced by an object that has it under this key.
    """
    parent = peek(fields, *path[:-1]) if len(path) > 1 else fields
    if type(parent) is not dict or path[-1] not in parent:
        return None
    body = decode_body(parent[path[-1]])
    if type(body) is list:
        body = flattened(body)
        body = assemble(body, assembler_for) or body
    elif type(body) is str and body:
        body = {text_key: body}
    parent[path[-1]] = body
    return body


def _request_reader(body: Fields) -> tuple[Reader, Constant | None]:
    keys = body.keys()
    if is_converse_request(body):
        return _read_converse_request, _BEDROCK
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


def is_converse_request(body: Fields) -> bool:
    """Whether a request body is one of Bedrock's Converse: the kind of a message's block is its key, not its type."""
    return any(
        "type" not in block and not _CONVERSE_BLOCKS.isdisjoint(block)
        for message in dicts(body.get("messages"))[:1]
        for block in dicts(message.get("content"))[:1]
    )


def is_converse_response(body: Fields) -> bool:
    """Whether a response body is one of Bedrock's Converse."""
    return type(body.get("output")) is dict and ("stopReason" in body or "message" in body["output"])


def _read_converse_request(body: Fields, exchange: Exchange) -> None:
    # Bedrock's readers use those of this module.
    from veilog_parsers.bodies import bedrock

    exchange.requested_model = exchange.requested_model or pop_identifier(body, "modelId")
    bedrock.read_request(body, exchange)


def _read_converse_response(body: Fields, exchange: Exchange) -> None:
    from veilog_parsers.bodies import bedrock

    bedrock.read_response(body, exchange)


def _response_reader(body: Fields) -> tuple[Reader, Constant | None]:
    keys = body.keys()
    if is_converse_response(body):
        return _read_converse_response, _BEDROCK
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
