"""Reads turns: the messages, content blocks and output items of OpenAI, Anthropic, Ollama and APIs that copied theirs.

These APIs differ in the objects around their turns, and hardly in the turns: objects with texts under a few keys, tool
calls under a few more, and media. Gateways also translate one into another, and mix them. So one reader serves all: it
looks for the keys that it knows, and leaves the others in place.

Media (images, audio, files as base64) have no text and are dropped, as are ids, signatures and cache marks.
"""

from __future__ import annotations

import re
from typing import Any, Final

import orjson

from veilog_parsers.bodies.exchange import Exchange
from veilog_parsers.errors import RecordError
from veilog_parsers.event import Message, Role, SensitiveText, ToolCall
from veilog_parsers.record.decoding import decode_one
from veilog_parsers.record.dropped import DUPLICATE, Why, note_dropped
from veilog_parsers.record.fields import (
    as_identifier,
    dicts,
    drop_keys,
    drop_known,
    ignored_keys,
    keyset,
    peek,
    pop_identifier,
    pop_str,
)
from veilog_parsers.record.prose import is_word
from veilog_parsers.record.raw import Fields

_MAX_COMPARED_CHARS: Final = 100_000
MAX_DEPTH: Final = 16
"""The depth to which blocks inside blocks are read (a text in a document in a tool result). Deeper ones are left."""

_ROLES: Final = {
    "system": Role.SYSTEM,
    "developer": Role.SYSTEM,
    "user": Role.USER,
    "human": Role.USER,
    "assistant": Role.ASSISTANT,
    "model": Role.ASSISTANT,
    "tool": Role.TOOL,
    "function": Role.TOOL,
}
_FILTER_REASONS: Final = keyset(
    """
    BLOCKLIST CONTENT_FILTERED ERROR_TOXIC IMAGE_SAFETY PROHIBITED_CONTENT SAFETY SPII content_filter content_filtered
    guardrail_intervened refusal
    """
)
_MEDIA: Final = keyset(
    """
    audio document file image image_url input_audio input_file input_image video video_url
    """
)
"""Types of content blocks that are attachments."""
_TOOL_CALL_SUFFIXES: Final = ("_call", "tool_use")
_TOOL_RESULT_SUFFIXES: Final = ("_output", "tool_result")
_ARGUMENT_KEYS: Final = ("arguments", "input", "args", "action", "code", "queries")
_TEXT_KEYS: Final = (
    "reasoning_content",
    "reasoning",
    "reasoning_details",
    "thinking",
    "summary",
    "tool_plan",
    "title",
    "context",
    "intent",
    "text",
    "content",
    "refusal",
    "revised_prompt",
    "output",
    "outputs",
    "results",
    "logs",
    "stdout",
    "stderr",
)
_TOOL_CALL_KEYS: Final = keyset("tool_calls executed_tools function_call")
_ATTACHMENT_KEYS: Final = keyset("source file filename audio transcript images")
_IGNORED_KEYS: Final = ignored_keys(
    """
    annotations:objects audio:blob cache_control:plain call_id caller citation:objects citations:objects
    container_id created_by data:blob detail document_url:blob encrypted_content:blob encrypted_index:blob file:blob
    file_data:blob file_id file_url:blob format:schema id image:blob image_url:blob images:blob index:number
    input_audio:blob input_image:blob is_error:flag logprobs:objects media_type mime_type name obfuscation:blob
    page_age phase prefix result server_label signature:blob source:blob status token_id tool_call_id tool_name
    tool_use_id url:blob video:blob video_url:blob
    """
)

_IGNORED_DOCUMENT_KEYS: Final = {
    key: kind for key, kind in _IGNORED_KEYS.items() if key not in ("data", "name", "source", "result")
}


class Turn:
    """One turn: its texts, the results of tools in it, and the tools that it calls.

    Attributes:
        text_parts: what the speaker of the turn wrote, with the arguments of tool calls, which the model wrote.
        result_parts: what tools returned.
        tool_calls: the calls of tools.
        attachments: the number of files, images and other media.
        refused: whether the model refused, in a part of its own.
    """

    __slots__ = ("attachments", "refused", "result_parts", "text_parts", "tool_calls")

    def __init__(self) -> None:
        self.text_parts: list[SensitiveText] = []
        self.result_parts: list[SensitiveText] = []
        self.tool_calls: list[ToolCall] = []
        self.attachments = 0
        self.refused = False

    def add_block(self, block: Fields) -> None:
        """Consume a message, a content block or an output item."""
        if len(block) == 1 and type(block.get("content")) is str:
            # Once their role is popped, most turns have nothing but a text (see ``benchmarks/bench_parse.py``).
            self._read_content(block, "content", self.text_parts, 0)
        else:
            self._read_block(block, self.text_parts, 0)

    def add_content(self, fields: Fields, key: str) -> None:
        """Consume the content under ``key``: a string, a block, or a list of both."""
        if key in fields:
            self._read_content(fields, key, self.text_parts, 0)

    def add_tool_call(self, fields: Fields, kind: str = "") -> None:
        """Consume a tool call: its arguments and its name, or its kind if it has no name."""
        name = pop_identifier(fields, "name") or as_identifier(kind)
        key = next((key for key in _ARGUMENT_KEYS if key in fields), None)
        arguments = pop_serialized(fields, key) if key else None
        if name or arguments:
            self.tool_calls.append(ToolCall(name=name, arguments=arguments))
        if arguments:
            self.text_parts.append(arguments)

    def add_tool_result(self, fields: Fields, key: str) -> None:
        """Consume the result of a tool under ``key``, of any type."""
        text = pop_serialized(fields, key)
        if text:
            self.result_parts.append(text)

    def _read_block(self, block: Fields, texts: list[SensitiveText], depth: int) -> None:
        kind = block.get("type")
        if type(kind) is str and self._read_kind(block, kind):
            texts = self.result_parts
        if "reasoning" in block and "reasoning_details" in block:
            # OpenRouter has the same text under both keys.
            drop_known(block, "reasoning_details", Why.TEXT_READ)
        for key in _TEXT_KEYS:
            if key in block:
                self._read_content(block, key, texts, depth)
        if not _TOOL_CALL_KEYS.isdisjoint(block):
            self._read_tool_calls(block)
        if not _ATTACHMENT_KEYS.isdisjoint(block):
            self._read_attachments(block, texts, depth)
        drop_keys(block, _IGNORED_KEYS)
        if type(kind) is str and len(block) == 1 and is_word(kind):
            # A block with unknown keys keeps its type, so that it can be recognized in ``unmapped``.
            drop_known(block, "type")

    def _read_kind(self, block: Fields, kind: str) -> bool:
        """Note what a block is: a tool's call or its result, whose texts are results, or an attachment."""
        if kind.endswith(_TOOL_CALL_SUFFIXES):
            self.add_tool_call(block, kind)
            return True
        self.attachments += kind in _MEDIA
        return kind.endswith(_TOOL_RESULT_SUFFIXES)

    def _read_content(self, fields: Fields, key: str, texts: list[SensitiveText], depth: int) -> None:
        content = fields[key]
        if type(content) is str:
            del fields[key]
            if content:
                texts.append(SensitiveText(content))
                self.refused = self.refused or key == "refusal"
            return
        if depth >= MAX_DEPTH:
            return
        if key == "text" and type(content) is dict and type(content.get("value")) is str:
            # OpenAI's Assistants have a text and what is noted about it.
            self._read_content(content, "value", texts, depth + 1)
            drop_keys(content, _IGNORED_KEYS)
        elif _is_data(content):
            # Whatever an application sends there, the model reads its JSON: names of keys, numbers and all.
            text = pop_serialized(fields, key)
            texts += [text] if text is not None else ()
        elif type(content) is dict:
            self._read_block(content, texts, depth + 1)
        elif type(content) is list:
            self._read_items(content, texts, depth + 1)
        if content in ({}, []):
            fields.pop(key, None)

    def _read_items(self, content: list[Any], texts: list[SensitiveText], depth: int) -> None:
        for position, item in enumerate(content):
            if type(item) is str:
                content[position] = None
                texts.append(SensitiveText(item))
            elif type(item) is dict:
                self._read_block(item, texts, depth)
        content[:] = filter(None, content)

    def _read_tool_calls(self, block: Fields) -> None:
        """Consume tool calls beside the content: ``tool_calls``, and the older ``function_call`` for a single one."""
        for call in dicts(block.get("tool_calls")):
            inner = call.get("function") or call.get("custom")
            self.add_tool_call(inner if type(inner) is dict else call)
            drop_keys(call, _IGNORED_KEYS)
            if call.get("type") in ("function", "custom"):
                drop_known(call, "type")
        for call in dicts(block.get("executed_tools")):
            self.add_tool_call(call, pop_str(call, "type") or "")
            self.add_tool_result(call, "output")
            self.add_tool_result(call, "search_results")
            drop_keys(call, _IGNORED_KEYS)
        if type(block.get("function_call")) is dict:
            self.add_tool_call(block["function_call"])

    def _read_attachments(self, block: Fields, texts: list[SensitiveText], depth: int) -> None:
        """Consume the texts that come with media: plain-text documents, file names, transcripts of audio."""
        source, images = block.get("source"), block.get("images")
        if type(images) is list:
            # Ollama has the images of a message beside its text.
            self.attachments += len(images)
        if type(source) is dict:
            if source.get("type") == "text" and "data" in source:
                self._read_content(source, "data", texts, depth + 1)
            elif "content" in source:
                self._read_content(source, "content", texts, depth + 1)
        for holder, key in (
            (block.get("file"), "filename"),
            (block, "filename"),
            (block.get("audio"), "transcript"),
            (block, "transcript"),
        ):
            if type(holder) is dict and key in holder:
                self._read_content(holder, key, texts, depth + 1)


def _is_data(content: Any) -> bool:
    """Whether content is data of an application and no block of any API: an object, or a number, that says something.

    Settings, flags, small numbers and media say nothing.
    """
    if type(content) is dict and not _BLOCK_KEYS.isdisjoint(content):
        return False
    pending = [content] if type(content) in (dict, int, float) else []
    while pending:
        item = pending.pop()
        if type(item) is dict:
            pending += item.values()
        elif type(item) is list:
            pending += item
        elif type(item) is str:
            if _TELLING.search(item, 0, _GLANCE_CHARS):
                return True
        elif type(item) in (int, float) and abs(item) >= _LEAST_NUMBER:
            return True
    return False


_TELLING: Final = re.compile(r"[0-9][0-9 .()/+-]{5,}[0-9]|@|\s")
"""In a string: a number of a person or an account, an address, or several words."""
_GLANCE_CHARS: Final = 1024
_LEAST_NUMBER: Final = 1_000_000
_BLOCK_KEYS: Final = frozenset(
    (*_TEXT_KEYS, "type", "role", "parts", "function", "input", "inputs", "prompt", "messages")
)


def pop_serialized(fields: Fields, key: str) -> SensitiveText | None:
    """Pop any non-empty value as a text, encoded as JSON if it is no string. Values nested too deeply for JSON stay."""
    value = fields.get(key)
    if type(value) is not str:
        if not value:
            return None
        try:
            value = orjson.dumps(value).decode()
        except orjson.JSONEncodeError:
            return None
    del fields[key]
    return SensitiveText(value) if value else None


def comparable(part: SensitiveText) -> str:
    """A text for comparisons.

    If it is JSON it is encoded again with sorted keys, since logs differ in spaces and order.
    """
    text = part.reveal().strip()
    if text[:1] in ("{", "[") and len(text) < _MAX_COMPARED_CHARS:
        try:
            return orjson.dumps(decode_one(text), option=orjson.OPT_SORT_KEYS).decode()
        except (RecordError, orjson.JSONEncodeError):
            return text
    return text


def pop_role(turn: Fields) -> Role | None:
    """Pop the role of a turn, if it is a known one."""
    role = turn.get("role")
    if type(role) is not str or role not in _ROLES:
        return None
    del turn["role"]
    return _ROLES[role]


def drop_role(turn: Fields) -> None:
    """Drop the role of a turn whose place tells it: the model's response, a system instruction."""
    role = turn.get("role")
    if type(role) is str and role in _ROLES:
        note_dropped("role", turn.pop("role"), DUPLICATE)


def pop_finish_reason(fields: Fields, exchange: Exchange, *path: str) -> None:
    """Pop the reason why the response ended; some reasons mean that a filter ended it."""
    reason = peek(fields, *path)
    if type(reason) is str and reason in _FILTER_REASONS:
        exchange.content_filtered = True
        exchange.refusal = exchange.refusal or reason == "refusal" or None
    name = pop_identifier(fields, *path)
    if name:
        exchange.finish_reasons.append(name)


def add_prompt_messages(turns: Any, exchange: Exchange) -> None:
    """Add a list of messages, or of input items of the Responses API, to the request."""
    if type(turns) is dict:
        turns = [turns]
    for position, item in enumerate(turns if type(turns) is list else ()):
        if type(item) is str:
            turns[position] = None
            exchange.add_prompt(Role.USER, [SensitiveText(item)] if item else [])
        if type(item) is not dict:
            continue
        kind = item.get("type")
        by_model = type(kind) is str and (kind.endswith(_TOOL_CALL_SUFFIXES) or kind == "reasoning")
        # A message without a known role counts as the user's, so that no prompt is overlooked.
        named = pop_role(item)
        turn = Turn()
        turn.add_block(item)
        add_prompt_turn(turn, named, Role.ASSISTANT if by_model else Role.USER, exchange)


def add_prompt_turn(turn: Turn, named: Role | None, default: Role, exchange: Exchange) -> None:
    """Add a turn to the request.

    Args:
        turn: the turn. Anthropic's user messages may begin with the results of tools.
        named: the role that it has; of no use if it has no text.
        default: its role if it has none.
        exchange: the exchange that the request belongs to.
    """
    exchange.add_attachments(turn.attachments)
    exchange.add_prompt(Role.TOOL, turn.result_parts)
    if turn.text_parts:
        exchange.prompt.append(Message(named or default, turn.text_parts))
    elif named is not None:
        note_dropped("role", named, DUPLICATE)
    for call in turn.tool_calls:
        # It was in an earlier response.
        if call.name is not None:
            note_dropped("name", call.name, DUPLICATE)


def add_prompt_content(fields: Fields, key: str, role: Role, exchange: Exchange) -> None:
    """Add a string, a block or a list of them to the request, as one turn."""
    if key not in fields:
        return
    turn = Turn()
    turn.add_content(fields, key)
    exchange.add_prompt(role, turn.text_parts + turn.result_parts)
    exchange.add_attachments(turn.attachments)


def read_settings(fields: Fields, exchange: Exchange, *tool_lists: str) -> None:
    """Read two facts of a request's settings: whether it asks for a stream, and how many tools it offers.

    Args:
        fields: the request. The lists of tools stay in it.
        exchange: the exchange that the request belongs to.
        tool_lists: where the lists of tools are.
    """
    if type(fields.get("stream")) is bool:
        exchange.stream = fields.pop("stream")
    for key in tool_lists:
        tools = fields.get(key)
        if type(tools) is list and tools:
            exchange.tools_offered = (exchange.tools_offered or 0) + len(tools)


def add_prompt_documents(fields: Fields, exchange: Exchange) -> None:
    """Add the documents and tool results that a request has beside its messages (Cohere, vLLM)."""
    if "documents" not in fields and "tool_results" not in fields:
        return
    turn = Turn()
    for document in dicts(fields.get("documents")):
        data = document.get("data")
        for holder in (document, data if type(data) is dict else {}):
            drop_keys(holder, _IGNORED_DOCUMENT_KEYS)
            for key in list(holder):
                turn.add_content(holder, key)
    turn.add_content(fields, "documents")
    turn.add_tool_result(fields, "tool_results")
    exchange.add_prompt(Role.TOOL, turn.text_parts + turn.result_parts)


def add_prompt_variables(fields: Fields, key: str, exchange: Exchange) -> None:
    """Add the values of variables, which fill a prompt that the provider or the gateway stores, as one turn."""
    variables = fields.get(key)
    if type(variables) is dict:
        turn = Turn()
        for name in list(variables):
            turn.add_content(variables, name)
        exchange.add_prompt(Role.USER, turn.text_parts)


def add_completion_turn(turn: Turn, exchange: Exchange) -> None:
    """Add a turn of the model to the response, with the results of tools that its provider ran."""
    exchange.add_completion(turn.text_parts + turn.result_parts)
    exchange.tool_calls.extend(turn.tool_calls)
    exchange.refusal = exchange.refusal or turn.refused or None
