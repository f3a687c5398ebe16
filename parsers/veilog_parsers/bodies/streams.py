"""Streams: the events of a streamed response, assembled to the body that the same call returns without streaming.

The ordinary readers then read that body, so both forms of a response have the same texts and the same hashes. Events
come as server-sent events, as JSON lines, or as a list that a logger collected. Keys of an event that are no fragments
of texts go into the body (the last value that is not empty), so usage, ids and unknown keys are found there.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from veilog_parsers.bodies import flat
from veilog_parsers.errors import RecordError
from veilog_parsers.record.decoding import Decoded, decode, keep_around, keep_under
from veilog_parsers.record.dropped import DUPLICATE, NOISE, Why, note_dropped
from veilog_parsers.record.fields import dicts, drop, drop_known, keyset, merge, pop_dict, pop_str, remainder
from veilog_parsers.record.prose import is_word, may_hold_prose
from veilog_parsers.record.raw import Fields

AssemblerFor = Callable[[Fields], Callable[[list[Fields]], Fields] | None]
"""Which function assembles a stream, given one of its events; None if the event does not tell."""

_OTHER: Final = "text_after"
_MARK: Final = re.compile(
    r"|\[DONE\]|event: ?[\w.-]{1,64}|id: ?[\w.:-]{0,64}|retry: ?[0-9]{1,10}"
    r"|: ?(?:OPENROUTER PROCESSING|ping|keep-?alive)?"
)
"""Lines of a stream that carry no data."""
_FRAGMENTS: Final = keyset(
    "arguments completion content partial_json reasoning reasoning_content refusal response text thinking tool_plan"
)
"""Keys whose values are pieces of one text: collected in lists, joined at the end."""
_ANTHROPIC_EVENTS: Final = keyset(
    """
    message_start message_delta message_stop content_block_start content_block_delta content_block_stop
    """
)
_RESPONSES_END: Final = frozenset(("response.completed", "response.incomplete", "response.failed"))

_REPEATS: Final = keyset("annotation arguments code delta input logprobs part refusal text")
_RESPONSES_PARTS: Final[dict[str, Callable[[Any], bool]]] = {
    **dict.fromkeys(("response", "item"), lambda value: type(value) is dict),
    **dict.fromkeys(("message", *_REPEATS), lambda _: True),
}
"""Keys of events of a Responses stream that hold no names: the response, its items, and what repeats parts of them."""


_RESPONSES_TEXTS: Final = frozenset(("response", "item", "delta"))
"""The keys of these parts that a body is assembled from."""


def split_events(text: str) -> list[Any]:
    """The events of a stream in one string.

    Marks (``[DONE]``, names, ids) are no events. Any other text between events is kept, as one event of its own.
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


def assembler_for(event: Fields) -> Callable[[list[Fields]], Fields] | None:
    """Which function assembles the stream of a provider's own API, given one of its events; None if none does."""
    kind = event.get("type")
    if type(kind) is str:
        by_type = [found for types, found in _BY_TYPE if kind in types]
        by_type += [found for prefix, found in _BY_TYPE_PREFIX if kind.startswith(prefix)]
        if by_type:
            return by_type[0]
    return next((found for keys, found in _BY_KEYS if not keys.isdisjoint(event)), None)


def assemble(events: list[Any], assembler_for: AssemblerFor = assembler_for) -> Fields | None:
    """The body that a list of stream events makes, or None if no provider is known to send such events.

    The events are consumed. Items that are no objects, such as a ``"[DONE]"``, are ignored unless they could be prose.

    Args:
        events: the events, in order.
        assembler_for: tells which function assembles them.
    """
    found = [event for event in events if type(event) is dict]
    others = [event[_OTHER] for event in found if event.keys() == {_OTHER}]
    if others:
        found = [event for event in found if event.keys() != {_OTHER}]
    for event in found:
        assembler = assembler_for(event)
        if assembler is not None:
            body = assembler(found)
            for other in others:
                keep_around(body, Decoded([], after=other))
            return _keep_strays(body, events)
    return None


def _keep_strays(body: Fields, events: list[Any]) -> Fields:
    """Put items of a stream that are no events, but could be prose, into its body."""
    strays = [event for event in events if type(event) is not dict and may_hold_prose(event)]
    if strays:
        keep_under(body, "event", strays)
    for event in events:
        if type(event) is not dict and event not in strays:
            note_dropped("", event, Why.NOISE)
    return body


def _merge(body: Fields, event: Fields) -> None:
    """Merge an event into a body. Later values win, except empty ones, which first and last events often have."""
    for key, value in event.items():
        if value or key not in body:
            was = body.get(key)
            if was and was != value:
                _keep(body, key, was)
            elif was is not None:
                note_dropped(key, was, DUPLICATE)
            body[key] = value
        elif value is not None:
            note_dropped(key, value, DUPLICATE)


def _keep(body: Fields, key: str, value: Any, why: Why = DUPLICATE) -> None:
    """Keep the value that an earlier event has for a key, if it could be prose; else drop it for a reason."""
    if not may_hold_prose(value):
        note_dropped(key, value, why)
    else:
        kept = body.setdefault(f"{key}~", [])
        if type(kept) is list:
            kept.append(value)
        else:
            keep_under(body, key, value)


def _pop_object(fields: Fields, key: str) -> Any:
    """Pop an object; another value stays, under another key."""
    value = fields.pop(key, None)
    if type(value) is dict or value is None:
        return value
    keep_under(fields, key, value)
    return None


def _pop_kind(event: Fields) -> Any:
    """Pop the type of an event; a value that could be prose stays, under another key."""
    kind = event.pop("type", None)
    if is_word(kind):
        if kind is not None:
            note_dropped("type", kind, NOISE)
        return kind
    keep_under(event, "type", kind)
    return None


def _pop_objects(event: Fields, key: str) -> list[Fields]:
    """Pop the objects of a list; other items, or a value that is no list, stay under another key."""
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
    if is_word(index) and "index" in fragment:
        drop_known(fragment, "index")
    return slots.setdefault(index if type(index) is int else default, {})


def _in_order(slots: dict[int, Fields]) -> list[Fields]:
    return [_join(slots[index]) for index in sorted(slots)]


def _collect(target: Fields, delta: Fields) -> None:
    """Add a fragment: pieces of texts to lists, other values by ``_merge``. Mistral has lists of parts."""
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
    """Events with one piece of text each: Anthropic's complete, Ollama's generate."""
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
        for fragment in _pop_objects(event, "choices"):
            delta = _pop_object(fragment, "delta")
            index = _index_in(fragment)
            choice = _slot(choices, fragment)
            if type(delta) is dict:
                text = fragment.get("text")
                if text is not None and (is_word(text) or text == delta.get("content")):
                    drop_known(fragment, "text", Why.TEXT_READ)
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
    """Add fragments of tool calls: the name, then pieces of the arguments. ``function_call`` is the older form."""
    for position, fragment in enumerate(_pop_objects(delta, "tool_calls")):
        call = _slot(calls, fragment, position)
        function = _pop_object(fragment, "function")
        if type(function) is dict:
            _collect(_object(call, "function"), function)
        _merge(call, fragment)
    function = _pop_object(delta, "function_call")
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
        _keep_besides(event, besides)
        kind, response, item, delta = (event.get(key) for key in ("type", "response", "item", "delta"))
        if type(response) is dict:
            _merge(body, response)
            if kind in _RESPONSES_END:
                note_dropped("", [body, items, pieces], Why.TEXT_READ)
                return response | besides
        index = _index_in(event, "output_index")
        if type(item) is dict:
            _add_item(item, kind == "response.output_item.done", index, items, pieces)
        elif type(delta) is str:
            pieces.setdefault(index, []).append(delta)
        elif kind == "error":
            body["error"] = {key: event[key] for key in ("code", "message") if key in event}
    body["output"] = _join_output(items, pieces)
    return body | besides


def _keep_besides(event: Fields, besides: Fields) -> None:
    """Keep what an event of a Responses stream has beside its parts, if it could be prose."""
    for key, value in event.items():
        if not _RESPONSES_PARTS.get(key, is_word)(value):
            _keep(besides, key, value, Why.NOISE)
        elif key not in _RESPONSES_TEXTS:
            note_dropped(key, value, Why.TEXT_READ if key in _REPEATS else Why.NOISE)


def _add_item(item: Fields, is_done: bool, index: int, items: dict[int, Fields], pieces: dict[int, list[str]]) -> None:
    """Add an output item of a Responses stream, in place of its beginning and, once it is done, of its pieces."""
    if index in items:
        note_dropped("item", items[index], Why.TEXT_READ)
    items[index] = item
    if is_done and index in pieces:
        note_dropped("delta", pieces.pop(index), Why.TEXT_READ)


def _join_output(items: dict[int, Fields], pieces: dict[int, list[str]]) -> list[Fields]:
    """The output items of a Responses stream in order, with the pieces of those that had not ended."""
    for index, texts in pieces.items():
        item = items.setdefault(index, {"type": "message"})
        if item.get("type") == "function_call":
            item["arguments"] = "".join(texts)
        else:
            item["content"] = [{"type": "output_text", "text": "".join(texts)}]
    return [items[index] for index in sorted(items)]


def _index_in(event: Fields, key: str = "index") -> int:
    """The number that an event has under a key; 0 if it has none."""
    index = event.get(key)
    return index if type(index) is int else 0


def _assemble_anthropic(events: list[Fields]) -> Fields:
    """Anthropic messages: events start, change and stop the message, and each of its content blocks likewise."""
    body: Fields = {}
    counts: Fields = {}
    blocks: dict[int, Fields] = {}
    for event in events:
        kind = _pop_kind(event)
        message, delta, usage = (_pop_object(event, key) for key in ("message", "delta", "usage"))
        if type(message) is dict:
            _merge(counts, _pop_object(message, "usage") or {})
            _pop_kind(message)
            _merge(body, message)
        if type(usage) is dict:
            _merge(counts, usage)
        if kind in ("content_block_start", "content_block_delta", "content_block_stop"):
            _collect_block(_slot(blocks, event), event, delta)
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


def _collect_block(block: Fields, event: Fields, delta: Any) -> None:
    """Add the beginning or a piece of a content block, which an event has."""
    start = _pop_object(event, "content_block")
    if type(start) is dict:
        _collect(block, start)
    if type(delta) is dict:
        _pop_kind(delta)
        _collect(block, delta)


def _join_input(block: Fields) -> None:
    """Join the arguments of a tool call, where they came in pieces."""
    if "partial_json" in block:
        if block.get("input"):
            _keep(block, "input", block["input"])
        block["input"] = "".join(piece for piece in block.pop("partial_json") if type(piece) is str)


def _assemble_cohere(events: list[Fields]) -> Fields:
    """Version 2 of Cohere's API: events like Anthropic's, with OpenAI's tool calls, one at a time."""
    body: Fields = {}
    message: Fields = {}
    blocks: dict[int, Fields] = {}
    calls: dict[int, Fields] = {}
    for event in events:
        kind, delta, index = _pop_kind(event), _pop_object(event, "delta"), _index_in(event)
        if "index" in event and is_word(event["index"]):
            drop_known(event, "index")
        _merge(body, event)
        fragment = _pop_object(delta, "message") if type(delta) is dict else None
        if type(fragment) is dict:
            content, call = _pop_object(fragment, "content"), _pop_object(fragment, "tool_calls")
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
    """Transcripts of audio: pieces of the text, and in the last event the whole text."""
    pieces: list[str] = []
    besides: Fields = {}
    for event in events:
        if event.get("type") == "transcript.text.done":
            drop_known(event, "type")
            if pieces:
                note_dropped("delta", pieces, Why.TEXT_READ)
            return event | besides
        for key, value in event.items():
            if key != "delta" or type(value) is not str:
                _keep(besides, key, value, Why.NOISE)
        delta = event.get("delta")
        if type(delta) is str:
            pieces.append(delta)
    return {"text": "".join(pieces)} | besides


def _assemble_ollama(events: list[Fields]) -> Fields:
    """Ollama: every line of its generate API has a piece of text, every line of its chat API a message."""
    first = next(event for event in events if "done" in event)
    return _assemble_texts(events) if "response" in first else _assemble_ollama_chat(events)


def _assemble_ollama_chat(events: list[Fields]) -> Fields:
    """Every line has a message with a piece of its text; tool calls come whole."""
    body: Fields = {}
    message: Fields = {}
    calls: list[Any] = []
    for event in events:
        delta = _pop_object(event, "message")
        if type(delta) is dict:
            calls += _pop_objects(delta, "tool_calls")
            _collect(message, delta)
        _merge(body, event)
    body["message"] = _join(message)
    if calls:
        message["tool_calls"] = calls
    return body


def _assemble_gemini(events: list[Fields]) -> Fields:
    """Gemini: every event is a response with the next parts of each candidate."""
    body: Fields = {}
    candidates: dict[int, Fields] = {}
    parts: dict[int, list[Any]] = {}
    for event in events:
        for fragment in _pop_objects(event, "candidates"):
            index = _index_in(fragment)
            candidate = _slot(candidates, fragment)
            content = _pop_object(fragment, "content")
            if type(content) is dict:
                for part in _pop_objects(content, "parts"):
                    _append_part(parts.setdefault(index, []), part)
                _merge(_object(candidate, "content"), content)
            _merge(candidate, fragment)
        _merge(body, event)
    for index, found in parts.items():
        _object(candidates[index], "content")["parts"] = [_join(part) for part in found]
    body["candidates"] = [candidates[index] for index in sorted(candidates)]
    return body


def _append_part(parts: list[Any], part: Fields) -> None:
    """Add a part. A text continues the text before it, unless only one of them is a thought."""
    if "text" in part and parts and "text" in parts[-1] and parts[-1].get("thought") == part.get("thought"):
        _collect(parts[-1], part)
    else:
        parts.append({})
        _collect(parts[-1], part)


def assemble_converse(events: list[Fields]) -> Fields:
    """Assemble events of Bedrock's ConverseStream: join deltas to blocks.

    Nova gives every piece of a text a number of its own, so pieces are joined by their kind.
    """
    runs: list[tuple[str, Fields, list[str]]] = []
    message: Fields = {}
    body: Fields = {}
    for event in events:
        call = pop_dict(event, "contentBlockStart", "start", "toolUse")
        if call is not None:
            runs.append(("toolUse", call, []))
        delta = pop_dict(event, "contentBlockDelta", "delta")
        if delta is not None:
            _append_converse_delta(runs, delta)
        merge(message, pop_dict(event, "messageStart") or {})
        merge(body, pop_dict(event, "messageStop") or {})
        merge(body, pop_dict(event, "metadata") or {})
        drop(event, "contentBlockStop", ("contentBlockStart", "contentBlockIndex"))
        drop(event, ("contentBlockDelta", "contentBlockIndex"))
        merge(body, remainder(event))
    message["content"] = [_converse_block(*run) for run in runs]
    return body | {"output": {"message": message}}


def _append_converse_delta(runs: list[tuple[str, Fields, list[str]]], delta: Fields) -> None:
    drop(delta, ("reasoningContent", "signature"))
    for path in (("text",), ("toolUse", "input"), ("reasoningContent", "text")):
        piece = pop_str(delta, *path)
        if piece:
            if not runs or runs[-1][0] != path[0]:
                runs.append((path[0], {}, []))
            runs[-1][2].append(piece)
    rest = remainder(delta)
    if rest:
        runs.append(("", rest, []))


def _converse_block(kind: str, start: Fields, pieces: list[str]) -> Fields:
    text = "".join(pieces)
    if kind == "text":
        return {"text": text}
    if kind == "toolUse":
        return {"toolUse": start | {"input": text}}
    if kind == "reasoningContent":
        return {"reasoningContent": {"reasoningText": {"text": text}}}
    return start


_BY_TYPE: Final = (
    (_ANTHROPIC_EVENTS, _assemble_anthropic),
    (keyset("completion"), _assemble_texts),
    (keyset("message-start"), _assemble_cohere),
)
_BY_TYPE_PREFIX: Final = (("response.", _assemble_responses), ("transcript.text.", _assemble_transcript))
_BY_KEYS: Final = (
    (keyset("choices"), _assemble_choices),
    (keyset("candidates promptFeedback usageMetadata"), _assemble_gemini),
    (keyset("contentBlockDelta contentBlockStart messageStart messageStop"), assemble_converse),
    (keyset("done"), _assemble_ollama),
    (keyset("event_type generated_text token tokens_predicted"), flat.assemble_texts),
    (keyset("error"), _merge_all),
)
"""Which function assembles a stream: by the type of its events, or by their keys, most telling first."""
