"""Reads the messages in OpenTelemetry's spans and log records, in every convention that is in use.

The conventions in order of preference: messages or texts as one attribute (``gen_ai.input.messages``), one event per
message (``gen_ai.user.message``, ``gen_ai.choice``), numbered attributes (Traceloop's ``gen_ai.prompt.0.content``,
OpenInference's ``llm.input_messages.0.message.content``), and whole bodies (``input.value``, ``output.value``). A call
often has the same text in two of them: each text counts once, where it is found first. Which attributes have what, the
table of ``dialects`` tells.

Pitfalls: an attribute is a JSON string on a span, and structured on a log record; the length limit of an SDK may have
cut off such a string, which is read up to the cut; parts have their text under ``content``.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, Final

from veilog_parsers.bodies.exchange import TOKEN_COUNTS, Exchange
from veilog_parsers.bodies.read import decode_body, read_request, read_response
from veilog_parsers.bodies.rest import drop_repeated, texts_of
from veilog_parsers.bodies.turns import (
    Turn,
    add_completion_turn,
    add_prompt_content,
    add_prompt_turn,
    comparable,
    drop_role,
    pop_finish_reason,
    pop_role,
    pop_serialized,
)
from veilog_parsers.event import Message, Role, SensitiveText
from veilog_parsers.record.dropped import Why, note_dropped
from veilog_parsers.record.fields import (
    dicts,
    drop,
    drop_keys,
    drop_known,
    ignored_keys,
    keyset,
    open_json,
    pop,
    withhold,
)
from veilog_parsers.record.otlp import event_name
from veilog_parsers.record.raw import Fields
from veilog_parsers.sources.otel.dialects import DIALECTS
from veilog_parsers.sources.otel.libraries import (
    from_adk_request,
    from_adk_response,
    from_logfire,
    from_vercel,
    messages_in,
    opened,
    vercel_tool_calls,
)

_MESSAGE_KEYS: Final = keyset("content finish_reason gen_ai.event.content message parts role text tool_calls")
"""JSON in a string is a message if it has one of these keys; other JSON is a text."""
_MAX_SEGMENTS: Final = 16
_EVENT_ROLES: Final = {
    "gen_ai.system.message": Role.SYSTEM,
    "gen_ai.user.message": Role.USER,
    "gen_ai.assistant.message": Role.ASSISTANT,
    "gen_ai.tool.message": Role.TOOL,
}
_ROLE_KEYS: Final = {"user": Role.USER, "system": Role.SYSTEM, "assistant": Role.ASSISTANT}
"""Traceloop's older attributes have the role as the key of the text, instead of ``content``."""
_IGNORED_BLOB_KEYS: Final = ignored_keys("content:blob data:blob")
_IGNORED_PART_KEYS: Final = ignored_keys("id modality mime_type uri:blob file_id content_filter_results:plain")
_IGNORED_EVENT_KEYS: Final = ignored_keys(
    "event.name gen_ai.message.index:number gen_ai.provider.name gen_ai.system id index:number"
)


@dataclasses.dataclass(slots=True)
class ExchangeMerger:
    """Merges what several conventions have of one call; each text counts once."""

    exchange: Exchange = dataclasses.field(default_factory=Exchange)
    _prompt_texts: set[str] = dataclasses.field(default_factory=set)
    _response_texts: set[str] = dataclasses.field(default_factory=set)

    def add(self, found: Exchange) -> None:
        """Add what another convention has of the call, without the texts that an earlier one had."""
        self.exchange.prompt += _unseen(found.prompt, self._prompt_texts)
        self.exchange.response += _unseen(found.response, self._response_texts)
        self.exchange.fill(found, "tool_calls", "finish_reasons", "content_filtered", "answered_model", *TOKEN_COUNTS)


def read_messages(attributes: Fields) -> Exchange:
    """Consume attributes that have all of the input, or all of the output, as messages or as texts."""
    merger = ExchangeMerger()
    for text, read in _ATTRIBUTES.items():
        present = [attribute for attribute in DIALECTS.attributes(text) if attribute in attributes]
        if present:
            exchange = Exchange()
            for attribute in present:
                read(attributes, attribute, exchange)
            merger.add(exchange)
    return merger.exchange


def read_events(events: list[Fields], content_of: str) -> Exchange:
    """Consume events that are messages, in order.

    Args:
        events: log records or span events.
        content_of: where their content is: log records have it in ``body``, span events in ``attributes``.
    """
    exchange = Exchange()
    for event in events:
        name = event_name(event) or event.get("name")
        content = _open_message(event, content_of)
        if type(name) is str and type(content) is dict and _read_event(name, content, exchange):
            drop_keys(content, _IGNORED_EVENT_KEYS)
            drop(event, "name", "eventName", "timeUnixNano", ("attributes", "event.name"))
    return exchange


def read_numbered(attributes: Fields) -> Exchange:
    """Consume messages that are spread over attributes with numbers in their names."""
    exchange = Exchange()
    for text, read_attribute in _OLDER.items():
        for attribute in DIALECTS.attributes(text):
            read_attribute(attributes, attribute, exchange)
    if not any(key.startswith(_NUMBERED_PREFIXES) for key in attributes):
        return exchange
    for text, read in _NUMBERED.items():
        for attribute in DIALECTS.attributes(text):
            for item in _numbered(attributes, attribute.removesuffix("#")):
                read(item, exchange)
    return exchange


def _read_traceloop_prompt(message: Fields, exchange: Exchange) -> None:
    for key, role in _ROLE_KEYS.items():
        add_prompt_content(message, key, role, exchange)
    _add_prompt_message(message, Role.USER, exchange)


def _read_openinference_prompt(item: Fields, exchange: Exchange) -> None:
    _add_prompt_message(_open_inference(item), Role.USER, exchange)


def _read_openinference_completion(item: Fields, exchange: Exchange) -> None:
    _add_completion_message(_open_inference(item), exchange)


def _read_text_prompt(item: Fields, exchange: Exchange) -> None:
    add_prompt_content(item, "prompt", Role.USER, exchange)


def _read_text_completion(item: Fields, exchange: Exchange) -> None:
    if type(item.get("completion")) is dict:
        _add_completion_message(item["completion"], exchange)


def _read_embedding(item: Fields, exchange: Exchange) -> None:
    drop(item, ("embedding", "embedding.vector"), ("embedding", "vector"))
    add_prompt_content(item, "embedding", Role.USER, exchange)


def _read_document(item: Fields, exchange: Exchange) -> None:
    document = item.get("document")
    if type(document) is dict:
        drop(document, "score", "id")
        _add_completion_message(document, exchange)


def read_bodies(attributes: Fields, known: Exchange, *, of_a_model: bool) -> Exchange:
    """Consume the whole input and output: the bodies of an API call, or the arguments and the result of a step.

    Args:
        attributes: those of the span or log record.
        known: what was found elsewhere in the record. If that has no texts, an input or output that no reader knows is
            one text.
        of_a_model: whether inputs and outputs can be bodies of a model's API. Some attributes always are.
    """
    exchange = Exchange()
    keys = []
    for attribute, form in _BODY_ATTRIBUTES:
        if attribute in attributes:
            _read_body(attributes, attribute, form, exchange, known, is_body=of_a_model or form.is_always_body)
            keys.append(attribute)
    present = [key for key in keys if key in attributes]
    if present:
        known_texts = [
            text for one in (known, exchange) for side in (one.prompt, one.response) for text in texts_of(side)
        ]
        drop_repeated(attributes, known_texts, *present)
        # Other parts of them (settings, callbacks, the state of a program) are withheld.
        withhold(attributes, *present)
    return exchange


@dataclasses.dataclass(frozen=True, slots=True)
class _Body:
    """How an attribute with a whole body is read.

    Attributes:
        is_request: whether it is the input, else the output.
        open: changes a decoded body of a library to that of the API which it was made from.
        is_always_body: whether it is a body in spans of steps too.
    """

    is_request: bool
    open: Callable[[Any], Any] | None = None
    is_always_body: bool = False


def _read_body(
    attributes: Fields, attribute: str, form: _Body, exchange: Exchange, known: Exchange, *, is_body: bool
) -> None:
    body = decode_body(attributes[attribute])
    body = form.open(body) if form.open is not None and body else body
    if body in ({}, []):
        # Google's ADK writes empty bodies in place of those that it may not tell.
        drop_known(attributes, attribute)
        return
    if messages := messages_in(body):
        for message in messages:
            if form.is_request:
                _add_prompt_message(message, Role.USER, exchange)
            else:
                _add_completion_message(message, exchange)
    elif is_body and (type(body) is dict or form.is_always_body):
        (read_request if form.is_request else read_response)(body, exchange)
    if form.is_request and not exchange.prompt and not known.prompt:
        text = pop_serialized(attributes, attribute)
        exchange.add_prompt(Role.USER, [text] if text else [])
    if not form.is_request and not exchange.response and not known.response:
        text = pop_serialized(attributes, attribute)
        exchange.add_completion([text] if text else [])


def count_tools(attributes: Fields) -> int | None:
    """Consume the definitions of tools that are spread over numbered attributes, and return how many there are."""
    if not any(key.startswith(_TOOL_PREFIXES) for key in attributes):
        return None
    numbers = set()
    for attribute in DIALECTS.attributes("tools"):
        prefix = attribute.removesuffix("#")
        for key in [key for key in attributes if key.startswith(prefix)]:
            number, _, rest = key[len(prefix) :].partition(".")
            if number.isdecimal() and rest:
                numbers.add(number)
                drop_keys(attributes, ignored_keys(f"{key}:{'json' if rest.endswith('json_schema') else 'plain'}"))
    return len(numbers) or None


def _unseen(messages: list[Message], seen: set[str]) -> list[Message]:
    found = [(message, [(comparable(part), part) for part in message.parts]) for message in messages]
    for message, parts in found:
        repeated = [part for text, part in parts if text in seen]
        for part in repeated:
            note_dropped("", part, Why.TEXT_READ)
        if len(repeated) == len(parts):
            note_dropped("role", message.role, Why.DUPLICATE)
    kept = [Message(message.role, [part for text, part in parts if text not in seen]) for message, parts in found]
    seen.update(text for _, parts in found for text, _ in parts)
    return [message for message in kept if message.parts]


def _add_prompt_attribute(attributes: Fields, key: str, exchange: Exchange, role: Role) -> None:
    for message in _messages(attributes, key):
        _add_prompt_message(message, role, exchange)


def _add_completion_attribute(attributes: Fields, key: str, exchange: Exchange) -> None:
    for message in _messages(attributes, key):
        _add_completion_message(message, exchange)


def _add_conversation(attributes: Fields, key: str, exchange: Exchange) -> None:
    """Add messages of both sides: what the model said last, after all else, is the response."""
    messages = _messages(attributes, key)
    last = len(messages)
    while last and messages[last - 1].get("role") == "assistant":
        last -= 1
    for message in messages[:last]:
        _add_prompt_message(message, Role.USER, exchange)
    for message in messages[last:]:
        _add_completion_message(message, exchange)


def _add_event_list(attributes: Fields, key: str, exchange: Exchange) -> None:
    """Add events that are messages, which an attribute has as JSON: what the model said last is the response."""
    events = dicts(open_json(attributes, key))
    last = len(events)
    while last and events[last - 1].get("event.name") == "gen_ai.assistant.message":
        last -= 1
    for position, event in enumerate(events):
        name = event.get("event.name") if position < last else "gen_ai.choice"
        if type(name) is str and _read_event(name, event, exchange):
            for content in (event, event.get("message")):
                if type(content) is dict:
                    drop_keys(content, _IGNORED_EVENT_KEYS)


def _add_prompt_texts(attributes: Fields, key: str, exchange: Exchange) -> None:
    """Add a text, or a list of texts, of the user. They may be JSON in strings."""
    value = opened(attributes, key)
    if type(value) is list and not all(type(item) in (str, type(None)) for item in value):
        text = pop_serialized(attributes, key)
        exchange.add_prompt(Role.USER, [text] if text else [])
    else:
        add_prompt_content(attributes, key, Role.USER, exchange)


def _add_response_text(attributes: Fields, key: str, exchange: Exchange) -> None:
    text = pop_serialized(attributes, key)
    exchange.add_completion([text] if text else [])


def _add_vercel_tool_calls(attributes: Fields, key: str, exchange: Exchange) -> None:
    message = vercel_tool_calls(opened(attributes, key))
    if type(message) is dict:
        attributes[key] = message
        _add_completion_message(message, exchange)


def _drop_vectors(attributes: Fields, key: str, _exchange: Exchange) -> None:
    opened(attributes, key)
    drop_keys(attributes, ignored_keys(f"{key}:numbers"))


def _messages(attributes: Fields, key: str) -> list[Fields]:
    """The messages under a key (not copies of them); texts, also in a list, become messages."""
    if key not in attributes:
        return []
    value = _open_message(attributes, key)
    if type(value) is dict:
        return [value]
    if type(value) is list:
        value[:] = [{"content": item} if type(item) is str else item for item in value]
    return dicts(value)


def _open_message(fields: Fields, key: str) -> Any:
    """Replace a string by the messages in it, and return them. Any other text, also JSON, becomes one message."""
    value = fields.get(key)
    if type(value) is not str or not value:
        return value
    decoded = decode_body(value)
    items = decoded if type(decoded) is list else [decoded]
    if not items or not all(type(item) is dict and not item.keys().isdisjoint(_MESSAGE_KEYS) for item in items):
        decoded = {"content": value}
    fields[key] = decoded
    return decoded


def _add_prompt_message(message: Fields, role: Role, exchange: Exchange) -> None:
    named = pop_role(message)
    add_prompt_turn(_read_turn(message), named, role, exchange)


def _add_completion_message(message: Fields, exchange: Exchange) -> None:
    drop_role(message)
    pop_finish_reason(message, exchange, "finish_reason")
    if message.get("finish_reason") == "":
        drop_known(message, "finish_reason")
    add_completion_turn(_read_turn(message), exchange)


def _read_turn(message: Fields) -> Turn:
    turn = Turn()
    content = message.get("content")
    if type(content) is str and content.startswith('[{"type"'):
        # In Traceloop's numbered attributes, a content of several parts is JSON.
        open_json(message, "content")
    parts = message.get("parts")
    if type(parts) is list:
        parts[:] = [{"type": "text", "content": part} if type(part) is str else part for part in parts]
    for part in dicts(parts):
        _read_part(part, turn)
    turn.add_block(message)
    if "content" in message:
        _add_unread_content(message, turn)
    drop_keys(message, _IGNORED_PART_KEYS)
    return turn


def _add_unread_content(message: Fields, turn: Turn) -> None:
    """Add content that no reader knows as a text, except vectors of numbers."""
    content = message["content"]
    if type(content) is list and all(type(item) in (int, float) for item in content):
        drop_known(message, "content")
        return
    text = pop_serialized(message, "content")
    if text:
        turn.text_parts.append(text)


def _read_part(part: Fields, turn: Turn) -> None:
    kind = part.get("type")
    if kind == "blob":
        drop_keys(part, _IGNORED_BLOB_KEYS)
    elif kind == "tool_call_response":
        turn.add_tool_result(part, "response")
        turn.add_tool_result(part, "result")
    elif kind == "server_tool_call_response":
        turn.add_tool_result(part, "server_tool_call_response")
    elif kind == "server_tool_call" and "server_tool_call" in part and "arguments" not in part:
        part["arguments"] = part.pop("server_tool_call")
    drop_keys(part, _IGNORED_PART_KEYS)
    turn.add_block(part)


def _read_event(name: str, content: Fields, exchange: Exchange) -> bool:
    """Consume an event's content if the event is a message."""
    for key in ("gen_ai.event.content", "message"):
        inner = open_json(content, key)
        if type(inner) is dict and key == "gen_ai.event.content":
            # Azure's SDKs put the whole content of a message into one attribute of a span event.
            content.update(pop(content, key))
    role = _EVENT_ROLES.get(name)
    if role is not None:
        drop_role(content)
        _add_prompt_message(content, role, exchange)
    elif name == "gen_ai.choice":
        pop_finish_reason(content, exchange, "finish_reason")
        message = content.get("message")
        if type(message) is dict:
            _add_completion_message(message, exchange)
        elif type(message) is str:
            exchange.add_completion([SensitiveText(pop(content, "message"))])
        _add_completion_message(content, exchange)
    elif name == "gen_ai.content.prompt":
        _add_prompt_attribute(content, "gen_ai.prompt", exchange, Role.USER)
    elif name == "gen_ai.content.completion":
        _add_completion_attribute(content, "gen_ai.completion", exchange)
    else:
        return False
    return True


def _open_inference(item: Fields) -> Fields:
    """Convert a message of OpenInference, whose parts and tool calls are inside another object each."""
    message = item.get("message")
    if type(message) is not dict:
        return item
    calls = [call["tool_call"] for call in _listed(message, "tool_calls") if type(call.get("tool_call")) is dict]
    contents = _listed(message, "contents")
    parts = [part.pop("message_content") for part in contents if type(part.get("message_content")) is dict]
    if calls:
        # Parts may repeat the tool calls.
        for part in contents:
            drop(part, "tool_call", why=Why.DUPLICATE)
        message["tool_calls"] = calls
    elif "contents" in message:
        calls = [part.pop("tool_call") for part in contents if type(part.get("tool_call")) is dict]
        message["tool_calls"] = calls
    if parts:
        message["parts"] = parts
    if "contents" in message and not any(contents):
        del message["contents"]
    if "function_call_name" in message:
        name, arguments = pop(message, "function_call_name"), pop(message, "function_call_arguments_json")
        if name or arguments:
            message["function_call"] = {"name": name, "arguments": arguments}
    return message


def _listed(fields: Fields, key: str) -> list[Fields]:
    return dicts(fields.get(key))


def _numbered(attributes: Fields, prefix: str) -> list[Fields]:
    """Pop the attributes ``<prefix>N.<name>``, and build one object per N from their names, in order.

    Attributes that contradict another one stay (a value at a path that is a prefix of another path).
    """
    tree: Fields = {}
    for key in [key for key in attributes if key.startswith(prefix)]:
        path = key[len(prefix) :].split(".")
        if len(path) < 2 or len(path) > _MAX_SEGMENTS or not path[0].isdecimal():
            continue
        place = tree
        for step in path[:-1]:
            place = place.setdefault(step, {})
            if type(place) is not dict:
                break
        if type(place) is dict and path[-1] not in place:
            place[path[-1]] = attributes.pop(key)
    messages = dicts(_as_lists(tree))
    if messages:
        # What their readers leave must end as unmapped.
        attributes.setdefault(prefix.removesuffix("."), messages)
    return messages


def _as_lists(tree: Any) -> Any:
    """Convert objects whose keys are all numbers to arrays, in the order of the numbers."""
    if type(tree) is not dict:
        return tree
    if tree and all(key.isdecimal() and len(key) < 10 for key in tree):
        return [_as_lists(tree[key]) for key in sorted(tree, key=int)]
    return {key: _as_lists(value) for key, value in tree.items()}


_ATTRIBUTES: Final[dict[str, Callable[[Fields, str, Exchange], None]]] = {
    "system_messages": functools.partial(_add_prompt_attribute, role=Role.SYSTEM),
    "prompt_messages": functools.partial(_add_prompt_attribute, role=Role.USER),
    "response_messages": _add_completion_attribute,
    "conversation": _add_conversation,
    "event_list": _add_event_list,
    "prompt_text": _add_prompt_texts,
    "prompt_texts": _add_prompt_texts,
    "response_text": _add_response_text,
    "vercel_tool_calls": _add_vercel_tool_calls,
    "vectors": _drop_vectors,
}
"""Texts whose attributes have all of them."""
_OLDER: Final[dict[str, Callable[[Fields, str, Exchange], None]]] = {
    "older_prompt": functools.partial(_add_prompt_attribute, role=Role.USER),
    "older_response": _add_completion_attribute,
}
"""The same, where the attribute may be the first half of the names of numbered ones."""
_NUMBERED: Final[dict[str, Callable[[Fields, Exchange], None]]] = {
    "traceloop_prompts": _read_traceloop_prompt,
    "traceloop_responses": _add_completion_message,
    "openinference_prompts": _read_openinference_prompt,
    "openinference_responses": _read_openinference_completion,
    "text_prompts": _read_text_prompt,
    "text_responses": _read_text_completion,
    "embeddings": _read_embedding,
    "documents": _read_document,
}
"""Texts that are spread over numbered attributes, and what reads one message of each."""
_BODIES: Final = {
    "request": _Body(is_request=True, is_always_body=True),
    "vercel_request": _Body(is_request=True, open=from_vercel, is_always_body=True),
    "adk_request": _Body(is_request=True, open=from_adk_request, is_always_body=True),
    "input": _Body(is_request=True),
    "adk_response": _Body(is_request=False, open=from_adk_response, is_always_body=True),
    "logfire_response": _Body(is_request=False, open=from_logfire, is_always_body=True),
    "output": _Body(is_request=False),
}
"""Texts that are whole bodies."""
_BODY_ATTRIBUTES: Final = tuple(
    (attribute, form) for text, form in _BODIES.items() for attribute in DIALECTS.attributes(text)
)


def _prefixes(*texts: str) -> tuple[str, ...]:
    return tuple(attribute.removesuffix("#") for text in texts for attribute in DIALECTS.attributes(text))


_NUMBERED_PREFIXES: Final = _prefixes(*_NUMBERED)
_TOOL_PREFIXES: Final = _prefixes("tools")
