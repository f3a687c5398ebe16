"""LibreChat: messages and transactions, as its database and its export of conversations have them.

A message is a turn of a user or of a model, with the conversation and the user that it belongs to. A transaction is
what a call cost: one for the prompt and one for the completion. (``record.pages`` opens an exported conversation.)
Pitfalls:

* ``text`` is empty where a message has ``content``, a list of parts: text, thoughts, tool calls, errors.
* ``endpoint`` is the provider's name in LibreChat's spelling, or that of a custom endpoint.
* Amounts of transactions are negative. A million credits are a dollar.
* Its database writes ids and times as ``{"$oid": ...}`` and ``{"$date": ...}`` when it is exported by MongoDB's tools.

(From packages/data-schemas/src/schema of the repository, read 2026-11-26.)
"""

from __future__ import annotations

from typing import Any, Final

from veilog_parsers.event import AuditEvent, Kind, Operation
from veilog_parsers.record.dropped import prefer
from veilog_parsers.record.fields import (
    as_identifier,
    dicts,
    drop_keys,
    ignored_keys,
    merge,
    paths,
    pop,
    pop_int,
    pop_number,
)
from veilog_parsers.record.raw import Fields
from veilog_parsers.source import Source, Stability
from veilog_parsers.sources.dialect import Dialect, parser_of, put
from veilog_parsers.sources.facts import add_cached_tokens, facts, text_of

_FACTS: Final = facts("""
    timestamp               createdAt updatedAt
    request_id              messageId _id
    conversation_id         conversationId
    user_id                 user
    tenant_id               tenantId
    model_name              model
    provider                endpoint
    agent.id                agent_id
    input_tokens            inputTokens
    cached_input_tokens     readTokens
    cache_write_tokens      writeTokens
""")
_IGNORED_KEYS: Final = ignored_keys(
    """
    __v:number _id _meiliIndex:flag attachments:plain clientId context contextMeta:plain conversation:plain
    conversationSignature depth:number endpointType expiredAt feedback:plain files:plain iconURL:plain
    invocationId:number isCreatedByUser:flag isTemporary:flag langfuseDestinationIds:plain langfuseSampled:flag
    metadata:plain parentMessageId rate:number rateDetail:plain sender spec summaryTokenCount:number thread_id tokenType
    unfinished:flag updatedAt valueKey
    """
)
_IGNORED_PART_KEYS: Final = ignored_keys("agentId auth expires_at:number progress:number tool_call_ids:plain")
_PROVIDERS: Final = {"openai": "openai", "azureopenai": "azure.ai.openai", "anthropic": "anthropic"}
_TOOL_CALL: Final = "tool_call"
_CREDITS_PER_DOLLAR: Final = 1_000_000


def _is_message(fields: Fields) -> bool:
    return "messageId" in fields and ("conversationId" in fields or "text" in fields)


def _is_transaction(fields: Fields) -> bool:
    return "rawAmount" in fields or "tokenValue" in fields


def _prepare(fields: Fields) -> None:
    for key, inner in list(fields.items()):
        if type(inner) is dict and len(inner) == 1 and ("$oid" in inner or "$date" in inner):
            fields[key] = next(iter(inner.values()))
    if "isCreatedByUser" not in fields:
        return
    parts = dicts(fields.get("content"))
    for part in parts:
        _open_part(part)
    said = [part for key in ("content", "text") if (part := _popped(fields, key))]
    blocks: list[Any] = [block for part in said for block in (part if type(part) is list else [_text(part)])]
    quotes = _popped(fields, "quotes")
    blocks += [_text(quote) for quote in quotes] if type(quotes) is list else []
    if not blocks:
        return
    if fields["isCreatedByUser"] is True:
        put(fields, "input", {"messages": [{"role": "user", "content": blocks}]})
    else:
        put(fields, "output", {"choices": [{"message": {"role": "assistant", "content": blocks}}]})


def _popped(fields: Fields, key: str) -> Any:
    """Pop a text, or a list of parts or texts; anything else stays."""
    value = fields.get(key)
    if type(value) is str or (type(value) is list and all(type(item) in (dict, str) for item in value)):
        return pop(fields, key)
    return None


def _text(value: Any) -> Any:
    return {"type": "text", "text": value} if type(value) is str else value


def _open_part(part: Fields) -> None:
    """Bring a part to the form of OpenAI's: its thoughts are under another key, its tool calls in objects."""
    if "think" in part:
        part["thinking"] = part.pop("think")
    call = part.get("tool_call")
    if type(call) is dict:
        drop_keys(call, _IGNORED_PART_KEYS)
        if call.get("type") in (_TOOL_CALL, "function"):
            del call["type"]
        if part.get("type") == _TOOL_CALL:
            del part["type"]
        merge(part, pop(part, "tool_call"))
        put(part, "type", _TOOL_CALL)
    drop_keys(part, _IGNORED_PART_KEYS)


def _finish(fields: Fields, event: AuditEvent) -> None:
    add_cached_tokens(event, always=True)
    name = text_of(event.provider)
    if name.lower() in _PROVIDERS:
        event.provider = as_identifier(_PROVIDERS[name.lower()])
    kind = fields.get("tokenType")
    if "isCreatedByUser" in fields:
        event.operation = Operation.CHAT
        _read_tokens(fields, "tokenCount", "input" if fields["isCreatedByUser"] is True else "output", event)
    elif kind == "credits":
        event.kind = Kind.AI_CONTROL_PLANE
    elif kind in ("prompt", "completion"):
        _read_tokens(fields, "rawAmount", "input" if kind == "prompt" else "output", event)
    value = pop_number(fields, "tokenValue")
    if value is not None and event.kind is Kind.AI_ACCESS:
        event.cost_usd = round(abs(value) / _CREDITS_PER_DOLLAR, 9)
    files = [*dicts(fields.get("files")), *dicts(fields.get("attachments"))]
    event.attachments = event.attachments or len(files) or None


def _read_tokens(fields: Fields, key: str, side: str, event: AuditEvent) -> None:
    count, field = pop_int(fields, key), f"{side}_tokens"
    setattr(event, field, prefer(getattr(event, field), None if count is None else abs(count), key))


SOURCE: Final = Source(
    name="librechat",
    summary="LibreChat's messages and transactions, from its database or an exported conversation.",
    stability=Stability.BETA,
    never_carries="The caller's address; the user, in an exported conversation.",
    references=("https://github.com/danny-avila/LibreChat/tree/main/packages/data-schemas/src/schema",),
    markers={"isCreatedByUser": _is_message, "tokenType": _is_transaction},
    parse=parser_of(
        Dialect(
            facts=_FACTS,
            inputs=paths("input"),
            outputs=paths("output"),
            finish_reasons=paths("finish_reason"),
            errors=paths("error"),
            ignored=_IGNORED_KEYS,
            prepare=_prepare,
            finish=_finish,
        )
    ),
)
