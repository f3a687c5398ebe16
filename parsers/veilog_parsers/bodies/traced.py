"""Reads the inputs and outputs that tracing libraries and chat applications keep of a call.

They are what went into a function and came out of it, not the bodies of an API, but in nearly all cases they hold one,
or texts and messages under a few keys. Here they are rewritten in place to the form that the readers of bodies know:

* LangChain's messages: with a constructor (``{"lc": 1, "id": [..., "HumanMessage"], "kwargs": {...}}``), with a type
  (``{"type": "human", "content": ...}``, also with ``data``), or as a pair of role and text. Lists of lists of them.
* LangChain's results: ``generations``, with counts under ``llm_output`` or beside the messages.
* A text under one of the usual keys (``input``, ``question``, ``output``, ``answer``), with or without a history.
* The state of a graph, which has the whole conversation in its outputs too: only what the model added is its response.

(The formats are those of langchain-core 1.0 and of its JavaScript twin, read 2026-11-26.)
"""

from __future__ import annotations

from typing import Any, Final

from veilog_parsers.bodies.exchange import Exchange
from veilog_parsers.bodies.read import decode_body, read_request, read_response
from veilog_parsers.bodies.rest import drop_repeated, texts_of
from veilog_parsers.bodies.streams import assemble
from veilog_parsers.bodies.turns import pop_serialized
from veilog_parsers.event import Operation, Role, SensitiveText
from veilog_parsers.record.dropped import DUPLICATE, Why
from veilog_parsers.record.fields import (
    dicts,
    drop,
    drop_keys,
    drop_known,
    ignored_keys,
    keyset,
    merge,
    peek,
    pop,
    pop_str,
    pop_text,
)
from veilog_parsers.record.raw import Fields

_MAX_DEPTH: Final = 4
_ROLES: Final = {
    "ai": "assistant",
    "aimessage": "assistant",
    "aimessagechunk": "assistant",
    "apimessage": "assistant",
    "assistant": "assistant",
    "chatmessage": "user",
    "developer": "system",
    "functionmessage": "tool",
    "function": "tool",
    "human": "user",
    "humanmessage": "user",
    "humanmessagechunk": "user",
    "system": "system",
    "systemmessage": "system",
    "tool": "tool",
    "toolmessage": "tool",
    "user": "user",
    "usermessage": "user",
}
"""Roles by the names that LangChain has for its messages, and applications for theirs, in lower case."""
_ASKED: Final = (
    "input",
    "question",
    "query",
    "prompt",
    "text",
    "user_input",
    "human_input",
    "message",
    "value",
    "task",
)
_ANSWERED: Final = (
    "output",
    "answer",
    "text",
    "response",
    "result",
    "completion",
    "content",
    "generated_text",
    "value",
)
_HISTORIES: Final = ("chat_history", "history")
_HOLDERS: Final = ("input", "inputs", "output", "outputs", "response", "result", "return", "args", "kwargs", "state")
"""Keys under which there may be a whole input or output."""
_BODIES: Final = keyset("choices contents inputs instances messages model system")
_ANSWERS: Final = keyset("candidates choices embedding embeddings generated_text usageMetadata")
_IGNORED_MESSAGE_KEYS: Final = ignored_keys(
    """
    additional_kwargs:plain example:flag id invalid_tool_calls:plain lc_kwargs:plain name response_metadata:plain
    tool_call_chunks:plain usage_metadata:plain
    """
)
_IGNORED_RESULT_KEYS: Final = ignored_keys("llmOutput:plain llm_output:plain run:plain type")
_IGNORED_GENERATION_KEYS: Final = ignored_keys("generationInfo:plain generation_info:plain type")
_USAGES: Final = (
    ("usage_metadata",),
    ("response_metadata", "token_usage"),
    ("response_metadata", "tokenUsage"),
    ("response_metadata", "usage"),
)
_RENAMED_COUNTS: Final = {
    "promptTokens": "prompt_tokens",
    "completionTokens": "completion_tokens",
    "totalTokens": "total_tokens",
}


def read_inputs(holder: Fields, key: str, exchange: Exchange) -> None:
    """Consume the inputs under a key as a request. What is left of them stays under the key."""
    if holder.get(key):
        turns_before = len(exchange.prompt)
        body = holder[key] = as_request(holder[key])
        read_request(body, exchange)
        if len(exchange.prompt) == turns_before and _has_words(body) and (text := pop_serialized(holder, key)):
            exchange.add_prompt(Role.USER, [text])
        elif type(body) is dict:
            drop_repeated(body, texts_of(exchange.prompt), "value")


def read_outputs(holder: Fields, key: str, exchange: Exchange) -> None:
    """Consume the outputs under a key as a response. What is left of them stays under the key."""
    if holder.get(key):
        turns_before = len(exchange.response)
        body = holder[key] = as_response(holder[key])
        read_response(body, exchange)
        if _is_unread(body, exchange, turns_before) and (text := pop_serialized(holder, key)):
            exchange.add_completion([text])
        elif type(body) is dict:
            drop_repeated(body, [*texts_of(exchange.prompt), *texts_of(exchange.response)], "messages", "value")


def _is_unread(body: Any, exchange: Exchange, turns_before: int) -> bool:
    """Whether outputs have words, but no reader found a response in them, nor that there is none."""
    told = exchange.failed or exchange.finish_reasons or exchange.operation is Operation.EMBEDDINGS
    return len(exchange.response) == turns_before and not told and _has_words(body)


def _has_words(value: Any) -> bool:
    """Whether there is any text in a value: inputs and outputs are texts, if they are short ones too."""
    pending = [value]
    while pending:
        item = pending.pop()
        if type(item) is str and item:
            return True
        if type(item) is dict:
            pending += item.values()
        elif type(item) is list:
            pending += item
    return False


def as_request(value: Any, depth: int = 0) -> Any:
    """Inputs as a request body, rewritten in place. What is neither a text nor JSON stays as it is."""
    value = decode_body(value)
    if type(value) is str:
        return {"messages": [{"role": "user", "content": value}]}
    if type(value) is list:
        return {"messages": _messages(value)}
    if type(value) is not dict:
        return value
    if _is_message(value):
        return {"messages": [_message(value)]}
    if "messages" in value:
        value["messages"] = _messages(value["messages"])
        return value
    if "prompts" in value and "prompt" not in value:
        value["prompt"] = value.pop("prompts")
    turns = [turn for key in _HISTORIES if dicts(value.get(key)) for turn in _messages(value.pop(key))]
    asked = next((key for key in _ASKED if type(value.get(key)) is str and value[key]), None)
    if asked is not None and _BODIES.isdisjoint(value):
        turns.append({"role": "user", "content": value.pop(asked)})
    if turns:
        value["messages"] = turns
        return value
    return _opened(value, depth, as_request) if _BODIES.isdisjoint(value) else value


def as_response(value: Any, depth: int = 0) -> Any:
    """Outputs as a response body, rewritten in place. What is neither a text nor JSON stays as it is."""
    value = decode_body(value)
    if type(value) is str:
        return {"choices": [{"message": {"content": value}}]}
    if type(value) is list:
        value = _body_of(value)
    if type(value) is not dict or not _ANSWERS.isdisjoint(value):
        return value
    if _is_message(value):
        return _with_choices({}, [_choice(_message(value))])
    if type(value.get("generations")) is list:
        return _with_generations(value)
    if _is_conversation(value.get("messages")):
        return _with_answers(value)
    answered = next((key for key in _ANSWERED if type(value.get(key)) is str and value[key]), None)
    if answered is not None:
        value["choices"] = [{"message": {"content": value.pop(answered)}}]
        return value
    return _opened(value, depth, as_response)


def _body_of(value: list[Any]) -> Any:
    """The body that a list is: messages, choices, or the events of a stream."""
    if _is_conversation(value):
        return {"messages": value}
    return {"choices": value} if _are_choices(value) else assemble(value) or value


def retrieved(items: Any, *keys: str) -> Fields | None:
    """Pop what a retrieval found into a turn of the request, as what a tool said; None if it has no texts.

    Args:
        items: the documents that were found; what is left of them stays.
        keys: where a document has its text.
    """
    texts = [text for item in dicts(items) for key in keys if (text := pop_str(item, key))]
    return {"role": "tool", "content": [{"type": "text", "text": text} for text in texts]} if texts else None


def pop_tool_text(holder: Fields, key: str) -> SensitiveText | None:
    """Pop what a tool was called with, or what it gave: a text, alone or in an object, or anything else as JSON."""
    value = holder.get(key)
    if type(value) is dict and len(value) == 1:
        (inner,) = value.items()
        if inner[0] in (*_ASKED, *_ANSWERED) and type(inner[1]) is str:
            return pop_text(holder, key, inner[0])
    return pop_serialized(holder, key)


def _opened(value: Fields, depth: int, rewrite: Any) -> Fields:
    """Put the fields of a whole input or output, which is under one of the usual keys, beside the others."""
    for key in _HOLDERS:
        inner = value.get(key)
        if depth < _MAX_DEPTH and type(inner) in (dict, list) and inner:
            inner = rewrite(inner, depth + 1)
            if type(inner) is dict and type(inner.get("messages") or inner.get("choices")) is list:
                del value[key]
                merge(value, inner)
            else:
                value[key] = inner
            return value
    return value


def _is_message(value: Any) -> bool:
    if type(value) is not dict:
        return False
    if type(value.get("kwargs")) is dict and "lc" in value:
        return True
    kind = value.get("role", value.get("type"))
    named = type(kind) is str and kind.lower() in _ROLES
    return named and ("content" in value or "tool_calls" in value or type(value.get("data")) is dict)


def _is_conversation(value: Any) -> bool:
    """Whether a list has messages, or lists of them."""
    first = value[0] if type(value) is list and value else None
    return _is_message(first[0] if type(first) is list and first else first)


def _are_choices(value: list[Any]) -> bool:
    return any("message" in item or "delta" in item for item in dicts(value)[:1])


def _messages(turns: Any) -> Any:
    """Messages of any kind in the form of OpenAI's; lists of lists become one."""
    if type(turns) is not list:
        return turns
    flat: list[Any] = []
    for turn in turns:
        if type(turn) is list and not _is_pair(turn):
            flat += turn
        else:
            flat.append(turn)
    return [_message(turn) for turn in flat]


def _is_pair(turn: list[Any]) -> bool:
    return len(turn) == 2 and all(type(item) is str for item in turn) and turn[0].lower() in _ROLES


def _message(turn: Any) -> Any:
    if type(turn) is list and _is_pair(turn):
        return {"role": _ROLES[turn[0].lower()], "content": turn[1]}
    if not _is_message(turn):
        return turn
    name, is_wrapped = turn.get("type"), True
    if "lc" in turn:
        path = turn.get("id")
        name = path[-1] if type(path) is list and path else None
        drop(turn, "lc", "type", "id")
        merge(turn, pop(turn, "kwargs"))
    elif type(turn.get("data")) is dict:
        data = pop(turn, "data")
        if "role" not in turn and "role" not in data:
            turn.pop("type", None)  # it is read as the role
        merge(turn, data)
    else:
        is_wrapped = False
    if "role" not in turn and type(name) is str and name.lower() in _ROLES:
        turn["role"] = _ROLES[name.lower()]
        _drop_kind(turn, is_wrapped)
    if not turn.get("tool_calls") and peek(turn, "additional_kwargs", "tool_calls"):
        turn["tool_calls"] = pop(turn, "additional_kwargs", "tool_calls")
    for call in dicts(turn.get("tool_calls")):
        if call.get("type") == "tool_call":
            drop_known(call, "type")
    return turn


def _drop_kind(turn: Fields, is_wrapped: bool) -> None:
    """Drop the type of a message that is its role. In a wrapped message, the wrapper told the role already."""
    if type(turn.get("type")) is str and turn["type"].lower() in _ROLES:
        if is_wrapped:
            drop_known(turn, "type", DUPLICATE)
        else:
            del turn["type"]


def _choice(message: Any) -> Fields:
    choice: Fields = {"message": message}
    reason = pop_str(message, "response_metadata", "finish_reason") or pop_str(
        message, "response_metadata", "stop_reason"
    )
    return choice | ({"finish_reason": reason} if reason else {})


def _with_choices(body: Fields, choices: list[Fields]) -> Fields:
    """A body with choices, and with the counts and the model that stand beside LangChain's messages."""
    body["choices"] = choices
    for choice in choices:
        message = choice.get("message")
        if type(message) is not dict:
            continue
        for key in ("model_name", "model"):
            if "model" not in body and (model := pop_str(message, "response_metadata", key)):
                body["model"] = model
        for path in _USAGES:
            if type(peek(message, *path)) is dict and "usage" not in body:
                body["usage"] = _renamed(pop(message, *path))
        drop_keys(message, _IGNORED_MESSAGE_KEYS)
    return body


def _with_answers(body: Fields) -> Fields:
    """A body whose choices are the last messages of a conversation that are the model's own."""
    turns = _messages(body["messages"])
    asked = [number for number, turn in enumerate(turns) if peek(turn, "role") in ("user", "system")]
    start = asked[-1] + 1 if asked else 0
    answers = [{"content": turn} if type(turn) is str else turn for turn in turns[start:]]
    body["messages"] = [*turns[:start], *(turn for turn in answers if type(turn) is not dict)]
    return _with_choices(body, [_choice(turn) for turn in answers if type(turn) is dict])


def _with_generations(body: Fields) -> Fields:
    choices = []
    flat = _messages(body.pop("generations"))
    if others := [item for item in flat if type(item) is not dict]:
        body["generations"] = others
    for generation in dicts(flat):
        choice = _choice(_message(generation.pop("message"))) if _is_message(generation.get("message")) else {}
        for key in ("generation_info", "generationInfo"):
            if "finish_reason" not in choice and (reason := pop_str(generation, key, "finish_reason")):
                choice["finish_reason"] = reason
        if "text" in generation and generation["text"] == peek(choice, "message", "content"):
            # The text of a generation repeats that of its message.
            drop_known(generation, "text", Why.TEXT_READ)
        drop_keys(generation, _IGNORED_GENERATION_KEYS)
        merge(generation, choice)
        choices.append(generation)
    _hoist_totals(body)
    drop_keys(body, _IGNORED_RESULT_KEYS)
    return _with_choices(body, choices)


def _hoist_totals(body: Fields) -> None:
    """Bring the model and the counts of a result to where a body has them."""
    for name in ("llm_output", "llmOutput"):
        for key in ("model_name", "model"):
            if "model" not in body and (model := pop_str(body, name, key)):
                body["model"] = model
        for key in ("token_usage", "tokenUsage", "usage"):
            if "usage" not in body and type(peek(body, name, key)) is dict:
                body["usage"] = _renamed(pop(body, name, key))


def _renamed(usage: Fields) -> Fields:
    return {_RENAMED_COUNTS.get(key, key): value for key, value in usage.items()}
