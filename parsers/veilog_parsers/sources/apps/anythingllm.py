"""AnythingLLM: its event log, and chats of its workspaces, as its API and its export write them.

An event tells who did what: ``sent_chat`` is a chat, without its texts; logins, keys, users and settings are control
plane. A chat of the export is flat (``prompt``, ``response``, ``sent_at``); one of the API or the database has its
response as JSON in a string, with counts, sources and the model. Pitfalls:

* ``metadata`` of an event is JSON in a string in the database, and an object in the API.
* ``duration`` among the metrics is in seconds.
* ``username`` is ``API`` for calls with a key, and ``unknown user`` if there is one user only.

(From server/models/eventLogs.js, server/utils/helpers/chat/convertTo.js of the repository, read 2026-11-26.)
"""

from __future__ import annotations

from typing import Final

from veilog_parsers.bodies.traced import retrieved
from veilog_parsers.event import AuditEvent, Kind, Operation, Outcome
from veilog_parsers.record.fields import dicts, drop_keys, ignored_keys, open_json, paths, pop
from veilog_parsers.record.raw import Fields
from veilog_parsers.source import Source, Stability
from veilog_parsers.sources.dialect import Dialect, parser_of, put
from veilog_parsers.sources.facts import facts, text_of

_FACTS: Final = facts("""
    timestamp               occurredAt sent_at createdAt
    request_id              id
    api_operation           event
    user_id                 userId user_id
    user_name               username user/username metadata/username
    client_ip               ipAddress metadata/ip
    conversation_id         thread_id threadId api_session_id
    agent.name              workspace/name workspace metadata/workspaceName
    agent.id                workspaceId
    model_name              metadata/chatModel response/metrics/model
    provider                response/metrics/provider metadata/llmProvider
    input_tokens            response/metrics/prompt_tokens
    output_tokens           response/metrics/completion_tokens
    token_count             response/metrics/total_tokens
    latency_ms:s            response/metrics/duration
""")
_IGNORED_KEYS: Final = ignored_keys(
    """
    attachments:blob feedbackScore include:flag lastUpdatedAt metadata:plain rating user:plain workspace:plain
    workspaceId:number
    """
)
_IGNORED_RESPONSE_KEYS: Final = ignored_keys(
    """
    attachments:blob chatId chunkSource:plain docAuthor docSource id outputTps:number published score:number
    timestamp:number token_count_estimate:number type url wordCount:number _distance:number
    """
)
_ACCESSES: Final = frozenset(("sent_chat", "api_sent_chat", "embed_sent_chat"))
_NOBODY: Final = frozenset(("unknown user", "API"))


def _is_event(fields: Fields) -> bool:
    return type(fields.get("event")) is str and ("userId" in fields or "metadata" in fields)


def _is_chat(fields: Fields) -> bool:
    return "prompt" in fields and "response" in fields


def _prepare(fields: Fields) -> None:
    """Bring prompt and response of a chat to one place; what stands beside the response's text stays there."""
    if not _is_chat(fields):
        return
    put(fields, "asked", pop(fields, "prompt"))
    response = open_json(fields, "response")
    if type(response) is dict:
        found = retrieved(response.get("sources"), "text")
        if found and type(fields["asked"]) is str:
            fields["asked"] = {"messages": [found, {"role": "user", "content": fields["asked"]}]}
        if "text" in response:
            put(fields, "answered", {"text": response.pop("text")})
    else:
        put(fields, "answered", pop(fields, "response"))


def _finish(fields: Fields, event: AuditEvent) -> None:
    operation = text_of(event.api_operation)
    if text_of(event.user_name) in _NOBODY:
        event.user_name = None
    if operation and operation not in _ACCESSES:
        event.kind = Kind.AI_CONTROL_PLANE
        if operation.startswith("failed_"):
            event.outcome_status = Outcome.DENIED
    else:
        event.operation = Operation.CHAT
    response = fields.get("response")
    files = dicts(fields.get("attachments"))
    if type(response) is dict:
        files += dicts(response.get("attachments"))
        for holder in (response, *dicts(response.get("sources")), *dicts([response.get("metrics")])):
            drop_keys(holder, _IGNORED_RESPONSE_KEYS)
    event.attachments = event.attachments or len(files) or None


SOURCE: Final = Source(
    name="anythingllm",
    summary="AnythingLLM's event log, and chats of its workspaces.",
    stability=Stability.BETA,
    never_carries="Texts, in the event log; the caller's address, in chats.",
    references=(
        "https://docs.anythingllm.com/features/event-logs",
        "https://github.com/Mintplex-Labs/anything-llm/blob/master/server/models/eventLogs.js",
    ),
    markers={"occurredAt": _is_event, "sent_at": _is_chat, "workspaceId": _is_chat},
    parse=parser_of(
        Dialect(
            facts=_FACTS,
            inputs=paths("asked"),
            outputs=paths("answered"),
            opened=(("metadata",),),
            ignored=_IGNORED_KEYS,
            prepare=_prepare,
            finish=_finish,
        )
    ),
)
