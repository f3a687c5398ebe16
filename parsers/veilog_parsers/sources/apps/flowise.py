"""Flowise: chat messages, as its API and its database have them, and answers of its prediction API.

A message is a turn of a user (``userMessage``) or of the flow (``apiMessage``). The answer of a prediction has both
sides. Pitfalls:

* Lists (documents, tools, uploads, reasoning) are JSON in strings in the database, and lists in the API.
* A flow is no model: which models it called is not in the message.

(From packages/server/src/database/entities/ChatMessage.ts of the repository and "Prediction" of its documentation, read
2026-11-26.)
"""

from __future__ import annotations

from typing import Any, Final

from veilog_parsers.bodies.traced import retrieved
from veilog_parsers.event import AuditEvent, Operation
from veilog_parsers.record.dropped import DUPLICATE, note_dropped
from veilog_parsers.record.fields import dicts, ignored_keys, open_json, paths, pop
from veilog_parsers.record.raw import Fields
from veilog_parsers.source import Source, Stability
from veilog_parsers.sources.dialect import Dialect, parser_of, put
from veilog_parsers.sources.facts import facts

_FACTS: Final = facts("""
    timestamp               createdDate
    request_id              chatMessageId id
    agent.id                chatflowid
    conversation_id         chatId
    session_id              sessionId
    user_id                 leadEmail
    trace_id                executionId
""")
_IGNORED_KEYS: Final = ignored_keys(
    """
    action:plain artifacts:plain chatType feedback:plain fileAnnotations:plain fileUploads:plain followUpPrompts:plain
    isStreamValid:flag memoryType sourceDocuments:plain userMessageId
    """
)
_LISTS: Final = ("usedTools", "agentReasoning", "sourceDocuments", "fileUploads", "artifacts", "fileAnnotations")


def _is_message(fields: Fields) -> bool:
    return fields.get("role") in ("userMessage", "apiMessage") and "content" in fields


def _is_prediction(fields: Fields) -> bool:
    return "chatId" in fields and ("text" in fields or "json" in fields)


def _prepare(fields: Fields) -> None:
    """Bring the texts of a message or a prediction to the side where they belong, with the tools that were used."""
    for key in _LISTS:
        open_json(fields, key)
    said: Any = None
    if _is_message(fields):
        role = fields.pop("role")
        said = pop(fields, "content")
        if role == "userMessage":
            put(fields, "asked", said)
            return
        if _is_prediction(fields):
            # A prediction is the flow's answer, which the role says again.
            note_dropped("role", role, DUPLICATE)
    elif type(fields.get("question")) is str:
        put(fields, "asked", pop(fields, "question"))
    found = retrieved(fields.get("sourceDocuments"), "pageContent")
    if found:
        question = fields.get("asked")
        turns = [{"role": "user", "content": question}] if type(question) is str else []
        fields["asked"] = {"messages": [found, *turns]}
    if said is None:
        said = pop(fields, "text" if "text" in fields else "json")
    blocks = [*map(_tool, _popped_tools(fields)), {"type": "text", "text": said} if type(said) is str else said]
    put(fields, "answered", {"choices": [{"message": {"content": [block for block in blocks if block]}}]})


def _popped_tools(fields: Fields) -> list[Any]:
    tools = fields.get("usedTools")
    if type(tools) is list and all(type(tool) is dict or tool is None for tool in tools):
        return [tool for tool in pop(fields, "usedTools") if tool]
    return []


def _tool(tool: Fields) -> Fields:
    """A used tool as a tool call with its result."""
    names = {"tool": "name", "toolInput": "arguments", "toolOutput": "output"}
    return {"type": "tool_call", **{names.get(key, key): value for key, value in tool.items()}}


def _finish(fields: Fields, event: AuditEvent) -> None:
    event.operation = Operation.INVOKE_AGENT
    event.attachments = event.attachments or len(dicts(fields.get("fileUploads"))) or None


SOURCE: Final = Source(
    name="flowise",
    summary="Flowise's chat messages and predictions.",
    stability=Stability.BETA,
    never_carries="The model and its tokens; the caller's address; the user, unless a lead was captured.",
    references=(
        "https://docs.flowiseai.com/api-reference/chat-message",
        "https://github.com/FlowiseAI/Flowise/blob/main/packages/server/src/database/entities/ChatMessage.ts",
    ),
    markers={"chatflowid": _is_message, "chatMessageId": _is_prediction},
    parse=parser_of(
        Dialect(
            facts=_FACTS,
            inputs=paths("asked"),
            outputs=paths("answered"),
            ignored=_IGNORED_KEYS,
            prepare=_prepare,
            finish=_finish,
        )
    ),
)
