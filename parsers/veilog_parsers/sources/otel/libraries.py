"""Bodies and messages as libraries write them into attributes, changed to those that the other readers know.

Vercel's AI SDK has its own names for the parts of messages. Google's ADK has Gemini's bodies, with the instructions in
the settings, and one response without its list. Pydantic's Logfire has OpenAI's message and usage in an object of its
own. Each function takes a decoded value, and returns it changed; a value that is not built like that is returned as is.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from veilog_parsers.record.fields import dicts, drop_known, open_json, pop
from veilog_parsers.record.raw import Fields

_VERCEL_CALL: Final = "tool-call"
_VERCEL_RESULT: Final = "tool-result"
_VERCEL_KINDS: Final = (_VERCEL_CALL, _VERCEL_RESULT, "function")
_VERCEL_OUTPUTS: Final = ("text", "json", "error-text", "error-json", "content")
_PART_KEYS: Final = {"mediaType": "media_type", "toolCallId": "id", "toolName": "name"}
_SPEAKERS: Final = ("assistant", "developer", "function", "human", "model", "system", "tool", "user")
_SIGNS_OF_RESPONSE: Final = frozenset(("choices", "model", "object", "stop_reason", "usage"))
"""What responses of APIs have, also of those that answer with a message (Anthropic), and messages alone have not."""
_CANDIDATE_KEYS: Final = ("content", "finish_reason", "grounding_metadata")
_ARGUMENTS: Final = ("input", "args")
_RESULTS: Final = ("output", "result")


def from_vercel(body: Any) -> Any:
    """A prompt of Vercel's SDK: messages, or an object with a system prompt and a prompt or messages."""
    messages = body.get("messages") if type(body) is dict else body
    if type(body) is dict and type(body.get("prompt")) is list:
        messages = body["messages"] = body.pop("prompt")
    for message in dicts(messages):
        content = message.get("content")
        message["content"] = [_vercel_part(part) for part in content] if type(content) is list else content
    return body


def vercel_tool_calls(calls: Any) -> Any:
    """The tool calls of a response, as a message that makes them."""
    if not dicts(calls):
        return calls
    return {"tool_calls": [_named(call) for call in calls if type(call) is dict]}


def _vercel_part(part: Any) -> Any:
    kind = part.get("type") if type(part) is dict else None
    if kind == _VERCEL_CALL:
        return _named(part) | {"type": "tool_call"}
    if kind == _VERCEL_RESULT:
        key = next((key for key in _RESULTS if key in part), None)
        result = part.pop(key) if key else None
        # Newer releases tell the type of the result.
        if type(result) is dict and result.keys() == {"type", "value"} and result["type"] in _VERCEL_OUTPUTS:
            drop_known(result, "type")
            result = result["value"]
        text = result if type(result) is str else orjson.dumps(result).decode()
        return {"type": "tool_result", "content": text, **_renamed(part)}
    return _renamed(part) if type(part) is dict else part


def _named(call: Fields) -> Fields:
    """A tool call with the usual names of its parts."""
    name, key = call.pop("toolName", None), next((key for key in _ARGUMENTS if key in call), None)
    arguments = call.pop(key) if key else None
    return {"name": name, "arguments": arguments, **_renamed(call)}


def _renamed(part: Fields) -> Fields:
    for key in ("type", "toolCallType"):
        if part.get(key) in _VERCEL_KINDS:
            drop_known(part, key)
    return {_PART_KEYS.get(key, key): value for key, value in part.items()}


def from_adk_request(body: Any) -> Any:
    """A request of Google's ADK: its instructions are a part of the settings; data that were sent are contents."""
    if type(body) is list:
        return {"contents": body}
    config = body.get("config") if type(body) is dict else None
    if type(config) is dict:
        instructions = pop(config, "system_instruction")
        if type(instructions) is str:
            instructions = {"parts": [{"text": instructions}]}
        elif type(instructions) is list:
            instructions = {"parts": [{"text": part} if type(part) is str else part for part in instructions]}
        if instructions:
            body["system_instruction"] = instructions
        if "tools" in config:
            body["tools"] = pop(config, "tools")
    return body


def from_adk_response(body: Any) -> Any:
    """A response of Google's ADK, which is one candidate."""
    if type(body) is not dict or "candidates" in body or "content" not in body:
        return body
    # The body is changed in place, so that what its reader leaves is left in the record.
    body["candidates"] = [{key: body.pop(key) for key in _CANDIDATE_KEYS if key in body}]
    return body


def from_logfire(body: Any) -> Any:
    """A response of Logfire: a message and the usage, or the text that was put together from a stream."""
    if type(body) is not dict:
        return body
    for key, kind, name in (
        ("message", dict, "message"),
        ("combined_chunk_content", str, "text"),
        ("text", str, "text"),
    ):
        if "choices" not in body and type(body.get(key)) is kind:
            body["choices"] = [{name: body.pop(key)}]
    return body


def messages_in(body: Any) -> list[Fields]:
    """The messages in a body that is nothing but one or more of them; none if it is anything else."""
    messages = body if type(body) is list else [body]
    if any(type(item) is not dict or not _SIGNS_OF_RESPONSE.isdisjoint(item) for item in messages):
        return []
    return messages if all(item.get("role") in _SPEAKERS for item in messages) else []


def unquoted(value: Any) -> Any:
    """The string in a JSON string in quotation marks; any other value is returned as it is."""
    if type(value) is not str or value[:1] != '"' or value[-1:] != '"':
        return value
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return value


def opened(attributes: Fields, attribute: str) -> Any:
    """The JSON in an attribute, in place; of a list of strings, the JSON in each."""
    value = open_json(attributes, attribute)
    if type(value) is list:
        for position, item in enumerate(value):
            if type(item) is str:
                holder = {"": unquoted(item)}
                open_json(holder, "")
                value[position] = holder[""]
    return value
