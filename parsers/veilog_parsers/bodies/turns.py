"""Turns: the messages, content blocks and output items of OpenAI, Anthropic, Ollama and all who copied them.

These dialects differ in their envelopes, hardly in their turns: a turn is an object with texts under a few keys, tool
calls under a few more, and media. They also mix, since gateways translate one into another. So one reader serves all:
it looks for what it knows by key, and leaves what it does not know where it stands.

Media (images, audio, files as base64) carry no text and are discarded, as are ids, signatures and cache marks.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from veilog_parsers.bodies.exchange import Exchange
from veilog_parsers.errors import RecordError
from veilog_parsers.event import Role, SensitiveText, ToolCall
from veilog_parsers.record.decoding import decode_one
from veilog_parsers.record.fields import (
    dicts,
    discard_known,
    identifier,
    ignored,
    known,
    peek,
    take_identifier,
    take_str,
)
from veilog_parsers.record.prose import is_word
from veilog_parsers.record.raw import Fields

_MAX_COMPARED_CHARS: Final = 100_000
MAX_DEPTH: Final = 16
"""Blocks inside blocks (a text in a document in a tool result ...) are read this deep; what is below is left."""

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
_FILTERED: Final = known(
    """
    BLOCKLIST CONTENT_FILTERED ERROR_TOXIC IMAGE_SAFETY PROHIBITED_CONTENT SAFETY SPII content_filter content_filtered
    guardrail_intervened refusal
    """
)
_CALL_ENDINGS: Final = ("_call", "tool_use")
_RESULT_ENDINGS: Final = ("_output", "tool_result")
_ARGUMENTS: Final = ("arguments", "input", "args", "action", "code", "queries")
_TEXTS: Final = (
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
_CALLS: Final = known("tool_calls executed_tools function_call")
_ATTACHMENTS: Final = known("source file filename audio transcript")
_SILENT: Final = ignored(
    """
    annotations:objects audio:blob cache_control:plain call_id caller citation:objects citations:objects
    container_id created_by data:blob detail document_url:blob encrypted_content:blob encrypted_index:blob file:blob
    file_data:blob file_id file_url:blob format:schema id image:blob image_url:blob images:blob index:number
    input_audio:blob input_image:blob is_error:flag logprobs:objects media_type mime_type name obfuscation:blob
    page_age phase prefix result server_label signature:blob source:blob status token_id tool_call_id tool_name
    tool_use_id url:blob video:blob video_url:blob
    """
)

_SILENT_IN_DOCUMENTS: Final = {
    key: kind for key, kind in _SILENT.items() if key not in ("data", "name", "source", "result")
}


class Turn:
    """What one turn holds: what was said, what tools handed in, and which tools were asked for.

    The arguments of tool calls count as said: the model wrote them.
    """

    __slots__ = ("calls", "results", "said")

    def __init__(self) -> None:
        self.said: list[SensitiveText] = []
        self.results: list[SensitiveText] = []
        self.calls: list[ToolCall] = []

    def read(self, block: Fields) -> None:
        """Consume a message, a content block or an output item."""
        if len(block) == 1 and type(block.get("content")) is str:
            # Most turns are nothing but a text, once their role is taken (``benchmarks/bench_parse.py``).
            self._take_texts(block, "content", self.said, 0)
        else:
            self._read_block(block, self.said, 0)

    def take(self, fields: Fields, key: str) -> None:
        """Consume the content under ``key``: a string, a block, or a list of both."""
        if key in fields:
            self._take_texts(fields, key, self.said, 0)

    def call(self, fields: Fields, kind: str = "") -> None:
        """Consume a tool call: its name (that of its kind, if it has none of its own) and its arguments."""
        name = take_identifier(fields, "name") or identifier(kind)
        key = next((key for key in _ARGUMENTS if key in fields), None)
        arguments = take_dumped(fields, key) if key else None
        if name or arguments:
            self.calls.append(ToolCall(name=name, arguments=arguments))
        if arguments:
            self.said.append(arguments)

    def result(self, fields: Fields, key: str) -> None:
        """Consume what a tool answered under ``key``, whatever its type."""
        text = take_dumped(fields, key)
        if text:
            self.results.append(text)

    def _read_block(self, block: Fields, texts: list[SensitiveText], depth: int) -> None:
        kind = block.get("type")
        if type(kind) is str:
            if kind.endswith(_CALL_ENDINGS):
                self.call(block, kind)
                texts = self.results
            elif kind.endswith(_RESULT_ENDINGS):
                texts = self.results
        if "reasoning" in block:
            # OpenRouter says the same twice.
            block.pop("reasoning_details", None)
        for key in _TEXTS:
            if key in block:
                self._take_texts(block, key, texts, depth)
        if not _CALLS.isdisjoint(block):
            self._read_calls(block)
        if not _ATTACHMENTS.isdisjoint(block):
            self._read_attachments(block, texts, depth)
        discard_known(block, _SILENT)
        if type(kind) is str and len(block) == 1 and is_word(kind):
            # Only what was understood may lose its type: drift is easier to see with it.
            del block["type"]

    def _take_texts(self, fields: Fields, key: str, texts: list[SensitiveText], depth: int) -> None:
        content = fields[key]
        if type(content) is str:
            del fields[key]
            if content:
                texts.append(SensitiveText(content))
            return
        if depth >= MAX_DEPTH:
            return
        if type(content) is dict:
            self._read_block(content, texts, depth + 1)
        elif type(content) is list:
            for position, item in enumerate(content):
                if type(item) is str:
                    content[position] = None
                    texts.append(SensitiveText(item))
                elif type(item) is dict:
                    self._read_block(item, texts, depth + 1)
            content[:] = filter(None, content)
        if content in ({}, []):
            del fields[key]

    def _read_calls(self, block: Fields) -> None:
        """Tool calls that stand beside the content: ``tool_calls``, and ``function_call`` before there were many."""
        for call in dicts(block.get("tool_calls")):
            inner = call.get("function") or call.get("custom")
            self.call(inner if type(inner) is dict else call)
            discard_known(call, _SILENT)
            if call.get("type") in ("function", "custom"):
                del call["type"]
        for call in dicts(block.get("executed_tools")):
            self.call(call, take_str(call, "type") or "")
            self.result(call, "output")
            self.result(call, "search_results")
            discard_known(call, _SILENT)
        if type(block.get("function_call")) is dict:
            self.call(block["function_call"])

    def _read_attachments(self, block: Fields, texts: list[SensitiveText], depth: int) -> None:
        """The text that media carry along: plain-text documents, file names, transcripts of audio."""
        source = block.get("source")
        if type(source) is dict:
            if source.get("type") == "text" and "data" in source:
                self._take_texts(source, "data", texts, depth + 1)
            elif "content" in source:
                self._take_texts(source, "content", texts, depth + 1)
        for holder, key in (
            (block.get("file"), "filename"),
            (block, "filename"),
            (block.get("audio"), "transcript"),
            (block, "transcript"),
        ):
            if type(holder) is dict and key in holder:
                self._take_texts(holder, key, texts, depth + 1)


def take_dumped(fields: Fields, key: str) -> SensitiveText | None:
    """Pop any non-empty value as text, JSON if it is no string; what JSON cannot say (deep nesting) is left."""
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
    """A text as it is compared with others: JSON in one spelling, since each log writes it in its own."""
    text = part.reveal().strip()
    if text[:1] in ("{", "[") and len(text) < _MAX_COMPARED_CHARS:
        try:
            return orjson.dumps(decode_one(text), option=orjson.OPT_SORT_KEYS).decode()
        except (RecordError, orjson.JSONEncodeError):
            return text
    return text


def take_role(turn: Fields) -> Role | None:
    """Pop the role of a turn; one that is not known is left, and None."""
    role = turn.get("role")
    if type(role) is not str or role not in _ROLES:
        return None
    del turn["role"]
    return _ROLES[role]


def take_finish(fields: Fields, exchange: Exchange, *path: str) -> None:
    """Pop the reason why the answer ended; some reasons mean that a filter ended it."""
    reason = peek(fields, *path)
    if type(reason) is str and reason in _FILTERED:
        exchange.content_filtered = True
    name = take_identifier(fields, *path)
    if name:
        exchange.finish_reasons.append(name)


def ask_turns(turns: Any, exchange: Exchange) -> None:
    """Read a list of messages (or Responses input items) into the request side."""
    if type(turns) is dict:
        turns = [turns]
    for position, item in enumerate(turns if type(turns) is list else ()):
        if type(item) is str:
            turns[position] = None
            exchange.ask(Role.USER, [SensitiveText(item)] if item else [])
        if type(item) is not dict:
            continue
        kind = item.get("type")
        by_model = type(kind) is str and (kind.endswith(_CALL_ENDINGS) or kind == "reasoning")
        # Who speaks without a known role is taken for the user: that is the side which must not be overlooked.
        role = take_role(item) or (Role.ASSISTANT if by_model else Role.USER)
        turn = Turn()
        turn.read(item)
        # Anthropic puts tool results into user messages, before the user's own words.
        exchange.ask(Role.TOOL, turn.results)
        exchange.ask(role, turn.said)


def ask_content(fields: Fields, key: str, role: Role, exchange: Exchange) -> None:
    """Read a string, a block or a list of them as one turn of the request side."""
    if key not in fields:
        return
    turn = Turn()
    turn.take(fields, key)
    exchange.ask(role, turn.said + turn.results)


def ask_documents(fields: Fields, exchange: Exchange) -> None:
    """Read the documents and tool results that a request hands to the model beside its messages (Cohere, vLLM)."""
    if "documents" not in fields and "tool_results" not in fields:
        return
    turn = Turn()
    for document in dicts(fields.get("documents")):
        data = document.get("data")
        for holder in (document, data if type(data) is dict else {}):
            discard_known(holder, _SILENT_IN_DOCUMENTS)
            for key in list(holder):
                turn.take(holder, key)
    turn.take(fields, "documents")
    turn.result(fields, "tool_results")
    exchange.ask(Role.TOOL, turn.said + turn.results)


def answer_turn(turn: Turn, exchange: Exchange) -> None:
    """Put a turn that the model produced on the response side, with what its provider's own tools returned."""
    exchange.answer(turn.said + turn.results)
    exchange.tool_calls.extend(turn.calls)
