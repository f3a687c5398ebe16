"""Streams: the events of a streamed answer, put together into the body that the same call without streaming gives.

The ordinary readers then read it, so a streamed answer and its plain twin have the same texts and the same hashes.
Events come as server-sent events, as JSON lines, or as a list that somebody collected. Keys of an event that are not
fragments go to the body, the last value that says something first; so usage, ids and drift are where they belong.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from veilog_parsers.bodies import flat
from veilog_parsers.errors import RecordError
from veilog_parsers.record.decoding import Decoded, decode, keep_around, keep_under
from veilog_parsers.record.fields import dicts, known
from veilog_parsers.record.prose import is_word, may_hold_prose
from veilog_parsers.record.raw import Fields

_OTHER: Final = "text_after"
_MARK: Final = re.compile(
    r"|\[DONE\]|event: ?[\w.-]{1,64}|id: ?[\w.:-]{0,64}|retry: ?[0-9]{1,10}"
    r"|: ?(?:OPENROUTER PROCESSING|ping|keep-?alive)?"
)
"""Lines of a stream that say nothing."""
_FRAGMENTS: Final = known(
    "arguments completion content partial_json reasoning reasoning_content refusal response text thinking tool_plan"
)
"""Keys whose values are pieces of one text: collected in lists, joined at the end."""
_ANTHROPIC_EVENTS: Final = known(
    """
    message_start message_delta message_stop content_block_start content_block_delta content_block_stop
    """
)
_RESPONSES_END: Final = frozenset(("response.completed", "response.incomplete", "response.failed"))

_REPEATS: Final = known("annotation arguments code delta input logprobs part refusal text")
_RESPONSES_PARTS: Final[dict[str, Callable[[Any], bool]]] = {
    **dict.fromkeys(("response", "item"), lambda value: type(value) is dict),
    **dict.fromkeys(("message", *_REPEATS), lambda _: True),
}
"""What events of a Responses stream hold, but for names: the response and its items, and what these say again."""


def events_of(text: str) -> list[Any]:
    """The events of a stream in one string.

    Marks between them (``[DONE]``, names, ids) are none; any other text is kept, as an event of nothing but that.
    """
    events: list[Any] = []
    others: list[str] = []
    # Not splitlines(): JSON may hold U+2028 and its like as they are.
    for line in text.split("\n"):
        line = line.strip()
        if line.startswith("data:"):
            line = line[5:].lstrip()
        found = _events_in(line) if "{" in line else []
        events += found
        if not found and _MARK.fullmatch(line) is None:
            others.append(line)
    if events and others:
        events.append({_OTHER: "\n".join(others)})
    return events


def _events_in(line: str) -> list[Any]:
    try:
        decoded = decode(line, allow_cut=True)
    except RecordError:
        return []
    events = [document for document in decoded.documents if type(document) is dict]
    if events:
        keep_around(events[0], decoded)
    return events


def assemble(events: list[Any]) -> Fields | None:
    """The body that a list of stream events amounts to, or None if they are no provider's.

    The events are consumed. Items that are no objects, such as a ``"[DONE]"`` in between, are passed over unless
    they could be prose.
    """
    found = [event for event in events if type(event) is dict]
    others = [event[_OTHER] for event in found if event.keys() == {_OTHER}]
    if others:
        found = [event for event in found if event.keys() != {_OTHER}]
    for event in found:
        assembler = _assembler(event)
        if assembler is not None:
            body = assembler(found)
            for other in others:
                keep_around(body, Decoded([], after=other))
            return with_strays(body, events)
    return None


def with_strays(body: Fields, events: list[Any]) -> Fields:
    """Put what stands among events, is none and could be prose, into the body that they amount to."""
    strays = [event for event in events if type(event) is not dict and may_hold_prose(event)]
    if strays:
        keep_under(body, "event", strays)
    return body


def _assembler(event: Fields) -> Callable[[list[Fields]], Fields] | None:
    kind = event.get("type")
    if type(kind) is str:
        if kind.startswith("response."):
            return _assemble_responses
        if kind in _ANTHROPIC_EVENTS:
            return _assemble_anthropic
        if kind == "completion":
            return _assemble_texts
        if kind == "message-start":
            return _assemble_cohere
        if kind.startswith("transcript.text."):
            return _assemble_transcript
    if "choices" in event:
        return _assemble_choices
    if "candidates" in event or "usageMetadata" in event or "promptFeedback" in event:
        return _assemble_gemini
    if "done" in event:
        return _assemble_texts if "response" in event else _assemble_ollama
    if "event_type" in event or "token" in event or "generated_text" in event or "tokens_predicted" in event:
        return flat.assemble
    return _merge_all if "error" in event else None


def _merge(body: Fields, event: Fields) -> None:
    """Later values win, but empty ones never do: first and last chunks are often half empty."""
    for key, value in event.items():
        if value or key not in body:
            was = body.get(key)
            if was and was != value:
                _keep(body, key, was)
            body[key] = value


def _keep(body: Fields, key: str, value: Any) -> None:
    """Keep what another event says under the same key, if it could be prose."""
    if may_hold_prose(value):
        kept = body.setdefault(f"{key}~", [])
        if type(kept) is list:
            kept.append(value)
        else:
            keep_under(body, key, value)


def _take_fragment(fields: Fields, key: str) -> Any:
    """Pop an object; a value that is none is left, under another key."""
    value = fields.pop(key, None)
    if type(value) is dict or value is None:
        return value
    keep_under(fields, key, value)
    return None


def _take_kind(event: Fields) -> Any:
    """Pop what kind an event is of; what is no name of a kind is left, under another key."""
    kind = event.pop("type", None)
    if is_word(kind):
        return kind
    keep_under(event, "type", kind)
    return None


def _take_objects(event: Fields, key: str) -> list[Fields]:
    """Pop a list of objects; what it holds besides, or is instead, is left under another key."""
    value = event.pop(key, None)
    others = [item for item in value if type(item) is not dict] if type(value) is list else value
    if others:
        keep_under(event, key, others)
    return dicts(value)


def _merge_all(events: list[Fields]) -> Fields:
    body: Fields = {}
    for event in events:
        _merge(body, event)
    return body


def _slot(slots: dict[int, Fields], fragment: Fields, default: int = 0) -> Fields:
    """The entry that a fragment belongs to, by its ``index``."""
    index = fragment.get("index", default)
    if is_word(index):
        fragment.pop("index", None)
    return slots.setdefault(index if type(index) is int else default, {})


def _in_order(slots: dict[int, Fields]) -> list[Fields]:
    return [_join(slots[index]) for index in sorted(slots)]


def _collect(target: Fields, delta: Fields) -> None:
    """Add a fragment: pieces of text to their lists, anything else merged. A list of parts (Mistral) stays one."""
    for key in _FRAGMENTS & delta.keys():
        piece = delta.pop(key)
        if piece is not None:
            target.setdefault(key, []).extend(piece if type(piece) is list else [piece])
    _merge(target, delta)


def _join(target: Fields) -> Fields:
    for key in _FRAGMENTS & target.keys():
        pieces = target[key]
        if all(type(piece) is str for piece in pieces):
            target[key] = "".join(pieces)
    return target


def _assemble_texts(events: list[Fields]) -> Fields:
    """Flat events with one piece of text each: Anthropic's complete, Ollama's generate."""
    body: Fields = {}
    for event in events:
        _collect(body, event)
    return _join(body)


def _assemble_choices(events: list[Fields]) -> Fields:
    """OpenAI chat (``delta``) and completions (``text``) chunks. Some providers send a ``text`` beside each delta."""
    body: Fields = {}
    choices: dict[int, Fields] = {}
    messages: dict[int, Fields] = {}
    calls: dict[int, dict[int, Fields]] = {}
    for event in events:
        for fragment in _take_objects(event, "choices"):
            delta = _take_fragment(fragment, "delta")
            index = fragment.get("index")
            index = index if type(index) is int else 0
            choice = _slot(choices, fragment)
            if type(delta) is dict:
                if is_word(fragment.get("text")) or fragment.get("text") == delta.get("content"):
                    fragment.pop("text", None)
                _collect_calls(calls.setdefault(index, {}), delta)
                _collect(messages.setdefault(index, {}), delta)
            _collect(choice, fragment)
        _merge(body, event)
    for index, message in messages.items():
        if calls[index]:
            message["tool_calls"] = [_join_call(call) for _, call in sorted(calls[index].items())]
        choices[index]["message"] = _join(message)
    body["choices"] = _in_order(choices)
    if not body.get("usage") and type(body.get("x_groq")) is dict:
        body["usage"] = body["x_groq"].get("usage")
    return body


def _collect_calls(calls: dict[int, Fields], delta: Fields) -> None:
    """Tool calls come in fragments: the name first, then the arguments bit by bit. ``function_call`` is the old one."""
    for position, fragment in enumerate(_take_objects(delta, "tool_calls")):
        call = _slot(calls, fragment, position)
        function = _take_fragment(fragment, "function")
        if type(function) is dict:
            _collect(_object(call, "function"), function)
        _merge(call, fragment)
    function = _take_fragment(delta, "function_call")
    if type(function) is dict:
        _collect(_object(_slot(calls, {}), "function"), function)


def _object(fields: Fields, key: str) -> Fields:
    value = fields.get(key)
    if type(value) is not dict:
        value = fields[key] = {}
    return value


def _join_call(call: Fields) -> Fields:
    if type(call.get("function")) is dict:
        _join(call["function"])
    return call


def _assemble_responses(events: list[Fields]) -> Fields:
    """The last event of a Responses stream repeats the whole response; a stream that was cut off has only pieces."""
    body: Fields = {}
    items: dict[int, Fields] = {}
    pieces: dict[int, list[str]] = {}
    besides: Fields = {}
    for event in events:
        for key, value in event.items():
            if not _RESPONSES_PARTS.get(key, is_word)(value):
                _keep(besides, key, value)
        kind, response, item, delta = (event.get(key) for key in ("type", "response", "item", "delta"))
        if type(response) is dict:
            _merge(body, response)
            if kind in _RESPONSES_END:
                return response | besides
        index = event.get("output_index")
        index = index if type(index) is int else 0
        if type(item) is dict:
            items[index] = item
            if kind == "response.output_item.done":
                pieces.pop(index, None)
        elif type(delta) is str:
            pieces.setdefault(index, []).append(delta)
        elif kind == "error":
            body["error"] = {key: event[key] for key in ("code", "message") if key in event}
    for index, texts in pieces.items():
        item = items.setdefault(index, {"type": "message"})
        if item.get("type") == "function_call":
            item["arguments"] = "".join(texts)
        else:
            item["content"] = [{"type": "output_text", "text": "".join(texts)}]
    body["output"] = [items[index] for index in sorted(items)]
    return body | besides


def _assemble_anthropic(events: list[Fields]) -> Fields:
    """Anthropic messages: a frame with a start, a delta and a stop, and content blocks that are framed likewise."""
    body: Fields = {}
    counts: Fields = {}
    blocks: dict[int, Fields] = {}
    for event in events:
        kind = _take_kind(event)
        message, delta, usage = (_take_fragment(event, key) for key in ("message", "delta", "usage"))
        if type(message) is dict:
            _merge(counts, _take_fragment(message, "usage") or {})
            _take_kind(message)
            _merge(body, message)
        if type(usage) is dict:
            _merge(counts, usage)
        if kind in ("content_block_start", "content_block_delta", "content_block_stop"):
            block = _slot(blocks, event)
            start = _take_fragment(event, "content_block")
            if type(start) is dict:
                _collect(block, start)
            if type(delta) is dict:
                _take_kind(delta)
                _collect(block, delta)
        elif type(delta) is dict:
            _merge(body, delta)
        _merge(body, event)
    for block in blocks.values():
        _join_input(block)
    if blocks:
        if body.get("content"):
            _keep(body, "content", body["content"])
        body["content"] = _in_order(blocks)
    return body | {"type": "message", "usage": counts}


def _join_input(block: Fields) -> None:
    """Join the arguments of a tool call, where they came in pieces."""
    if "partial_json" in block:
        if block.get("input"):
            _keep(block, "input", block["input"])
        block["input"] = "".join(piece for piece in block.pop("partial_json") if type(piece) is str)


def _assemble_cohere(events: list[Fields]) -> Fields:
    """Cohere's second version: messages framed like Anthropic's, with OpenAI's tool calls, one at a time."""
    body: Fields = {}
    message: Fields = {}
    blocks: dict[int, Fields] = {}
    calls: dict[int, Fields] = {}
    for event in events:
        kind, delta, index = _take_kind(event), _take_fragment(event, "delta"), event.get("index")
        if is_word(index):
            event.pop("index", None)
        _merge(body, event)
        index = index if type(index) is int else 0
        fragment = _take_fragment(delta, "message") if type(delta) is dict else None
        if type(fragment) is dict:
            content, call = _take_fragment(fragment, "content"), _take_fragment(fragment, "tool_calls")
            if type(content) is dict:
                _collect(blocks.setdefault(index, {}), content)
            if type(call) is dict:
                _collect_calls(calls, {"tool_calls": [call | {"index": index}]})
            if kind in ("message-start", "tool-plan-delta"):
                _collect(message, fragment)
        if type(delta) is dict:
            _merge(body, delta)
    message["content"] = [_join(blocks[index]) for index in sorted(blocks)]
    message["tool_calls"] = [_join_call(calls[index]) for index in sorted(calls)]
    return body | {"message": _join(message)}


def _assemble_transcript(events: list[Fields]) -> Fields:
    """Speech to text: pieces, and in the last event the whole text."""
    pieces: list[str] = []
    besides: Fields = {}
    for event in events:
        if event.get("type") == "transcript.text.done":
            event.pop("type")
            return event | besides
        for key, value in event.items():
            if key != "delta" or type(value) is not str:
                _keep(besides, key, value)
        delta = event.get("delta")
        if type(delta) is str:
            pieces.append(delta)
    return {"text": "".join(pieces)} | besides


def _assemble_ollama(events: list[Fields]) -> Fields:
    """Ollama chat: every line has a message with a piece of its text; tool calls come whole."""
    body: Fields = {}
    message: Fields = {}
    calls: list[Any] = []
    for event in events:
        delta = _take_fragment(event, "message")
        if type(delta) is dict:
            calls += _take_objects(delta, "tool_calls")
            _collect(message, delta)
        _merge(body, event)
    body["message"] = _join(message)
    if calls:
        message["tool_calls"] = calls
    return body


def _assemble_gemini(events: list[Fields]) -> Fields:
    """Gemini: every event is a response of its own, with the next parts of each candidate."""
    body: Fields = {}
    candidates: dict[int, Fields] = {}
    parts: dict[int, list[Any]] = {}
    for event in events:
        for fragment in _take_objects(event, "candidates"):
            index = fragment.get("index")
            index = index if type(index) is int else 0
            candidate = _slot(candidates, fragment)
            content = _take_fragment(fragment, "content")
            if type(content) is dict:
                for part in _take_objects(content, "parts"):
                    _append_part(parts.setdefault(index, []), part)
                _merge(_object(candidate, "content"), content)
            _merge(candidate, fragment)
        _merge(body, event)
    for index, found in parts.items():
        _object(candidates[index], "content")["parts"] = [_join(part) for part in found]
    body["candidates"] = [candidates[index] for index in sorted(candidates)]
    return body


def _append_part(parts: list[Any], part: Fields) -> None:
    """A text continues the text before it, unless one is a thought and the other is not."""
    if "text" in part and parts and "text" in parts[-1] and parts[-1].get("thought") == part.get("thought"):
        _collect(parts[-1], part)
    else:
        parts.append({})
        _collect(parts[-1], part)
