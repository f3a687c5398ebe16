"""Amazon Q Developer's prompt logs in S3: chats and inline suggestions in developers' editors. Kiro has the same.

A file has ``records``, and each record has the request and the response of a call, under keys that name the call:
``generateAssistantResponseEventRequest`` for a chat, ``generateCompletionsEventRequest`` for a suggestion. Of ``/dev``
only the request is logged. The code around the cursor is the prompt of a suggestion, and so is the file's name.

Format: docs.aws.amazon.com/amazonq/latest/qdeveloper-ug/q-admin-prompt-log-examples.html, read 2026-11-26. ``modelId``
is in the records of Kiro. The page names the log of ``/dev`` (``StartTaskAssistCodeGeneration``); its keys follow the
same pattern. Titles and excerpts of web pages that an answer is based on stay unmapped; their addresses are read.
"""

from __future__ import annotations

from typing import Final

from veilog_parsers.bodies.exchange import Exchange
from veilog_parsers.bodies.turns import Turn, add_completion_turn, add_prompt_content
from veilog_parsers.event import AuditEvent, Cloud, Constant, Kind, Operation, Role, SensitiveText, Text, UserType
from veilog_parsers.record.dropped import prefer
from veilog_parsers.record.fields import dicts, drop_keys, ignored_keys, peek, pop_identifier
from veilog_parsers.record.network import pop_endpoint
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import pop_time
from veilog_parsers.source import Source, Stability
from veilog_parsers.sources.aws.common import AWS, Q_DEVELOPER

_CALLS: Final = {
    "generateAssistantResponse": (Constant("GenerateAssistantResponse"), Operation.CHAT),
    "generateCompletions": (Constant("GenerateCompletions"), Operation.TEXT_COMPLETION),
    "startTaskAssistCodeGeneration": (Constant("StartTaskAssistCodeGeneration"), Operation.INVOKE_AGENT),
}
"""Calls by the beginning of their keys, as CloudTrail names them."""
_MARKERS: Final = tuple(f"{call}Event{side}" for call in _CALLS for side in ("Request", "Response"))
_PROMPT_KEYS: Final = ("prompt", "leftContext", "rightContext", "fileName")
_ANSWER_KEYS: Final = ("assistantResponse", "completions", "followupPrompts")
_IGNORED_REQUEST_KEYS: Final = ignored_keys("chatTriggerType")
_IGNORED_RESPONSE_KEYS: Final = ignored_keys("utteranceId")


def _has_a_side(fields: Fields) -> bool:
    return any(type(fields.get(key)) is dict for key in _MARKERS)


def _read_request(request: Fields, event: AuditEvent, exchange: Exchange) -> None:
    event.timestamp = prefer(event.timestamp, pop_time(request, "timeStamp"))
    event.user_id = prefer(event.user_id, pop_identifier(request, "userId"))
    event.user_type = UserType.USER if event.user_id is not None else None
    event.model_name = prefer(event.model_name, pop_identifier(request, "modelId"))
    event.conversation_id = prefer(event.conversation_id, pop_identifier(request, "conversationId"))
    if event.cloud is not None:
        event.cloud.resource = prefer(event.cloud.resource, pop_identifier(request, "customizationArn"))
    for key in _PROMPT_KEYS:
        add_prompt_content(request, key, Role.USER, exchange)
    drop_keys(request, _IGNORED_REQUEST_KEYS)
    drop_keys(request, _IGNORED_RESPONSE_KEYS)


def _read_response(response: Fields, event: AuditEvent, exchange: Exchange) -> None:
    event.request_id = prefer(event.request_id, pop_identifier(response, "requestId"))
    metadata = peek(response, "messageMetadata")
    if type(metadata) is dict:
        event.conversation_id = prefer(event.conversation_id, pop_identifier(metadata, "conversationId"))
        drop_keys(metadata, _IGNORED_RESPONSE_KEYS)
    turn = Turn()
    for key in _ANSWER_KEYS:
        turn.add_content(response, key)
    add_completion_turn(turn, exchange)
    links = [pop_endpoint(link, "uri") for link in dicts(response.get("supplementaryWebLinksEvent"))]
    found: list[Text] = [SensitiveText(link) for link in links if link is not None]
    event.data_sources = (event.data_sources or []) + found or None


def parse(fields: Fields) -> AuditEvent:
    """Read one record."""
    event = AuditEvent(kind=Kind.AI_ACCESS, provider=Q_DEVELOPER, cloud=Cloud(provider=AWS))
    exchange = Exchange()
    for call, (name, operation) in _CALLS.items():
        request, response = fields.get(f"{call}EventRequest"), fields.get(f"{call}EventResponse")
        if type(request) is dict:
            event.api_operation, event.operation = name, operation
            _read_request(request, event, exchange)
        if type(response) is dict:
            event.api_operation, event.operation = name, operation
            _read_response(response, event, exchange)
    exchange.apply(event)
    return event


SOURCE: Final = Source(
    name="aws_q_developer",
    summary="Amazon Q Developer and Kiro: prompt logs of chats and inline suggestions, in S3.",
    stability=Stability.BETA,
    never_carries="Tokens, the caller's address, failed calls, what the agent of /dev wrote.",
    references=("https://docs.aws.amazon.com/amazonq/latest/qdeveloper-ug/q-admin-prompt-log-examples.html",),
    markers=dict.fromkeys(_MARKERS, _has_a_side),
    parse=parse,
)
