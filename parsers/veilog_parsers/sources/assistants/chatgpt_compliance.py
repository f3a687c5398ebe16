"""ChatGPT Enterprise's Compliance API: conversations of a workspace, whole or message by message.

The format is known from collectors and their documentation, since the vendor's reference needs an account. A
conversation has its workspace, its user and its messages: under ``messages`` a list or a page of a list, or, if a
collector split it, a single one under ``message``. The author of a message has a role; the content is a text in
``value``, or a list of ``parts``. A conversation without messages (deleted, or only listed) is ``ai_access`` too.

Titles are made from messages, but they are no text of a turn: they stay unmapped. Links to files have signatures that
open the files: they are withheld.
"""

from __future__ import annotations

from typing import Any, Final

from veilog_parsers.bodies.exchange import Exchange
from veilog_parsers.bodies.turns import Turn, add_completion_turn, pop_role
from veilog_parsers.event import AuditEvent, Constant, Kind, Operation, Outcome, Role, UserType
from veilog_parsers.record.fields import dicts, drop, drop_keys, ignored_keys, peek, pop_identifier, withhold
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import pop_time
from veilog_parsers.source import Source, Stability

_OPENAI: Final = Constant("openai")
_OBJECT: Final = "compliance.workspace.conversation"
_CONTENT: Final = ("value", "parts", "text")
_IGNORED_MESSAGE_KEYS: Final = ignored_keys("created_at id object")
_IGNORED_CONTENT_KEYS: Final = ignored_keys("annotations:objects content_type type")
_IGNORED_KEYS: Final = ignored_keys("created_at last_active_at object")


def _is_conversation(fields: Fields) -> bool:
    message = fields.get("message")
    return (
        fields.get("object") == _OBJECT
        or ("user_email" in fields and not fields.keys().isdisjoint(("messages", "title")))
        or (type(message) is dict and "author" in message)
    )


def _messages(fields: Fields) -> list[Fields]:
    held = fields.get("messages")
    held = held.get("data") if type(held) is dict else held
    single: Any = fields.get("message")
    return [*dicts(held), *dicts([single])]


def _read_message(message: Fields, exchange: Exchange) -> None:
    author = message.get("author")
    holder = author if type(author) is dict else message
    role = pop_role(holder) or Role.USER
    turn = Turn()
    content = message.get("content")
    if type(content) is dict:
        for key in _CONTENT:
            turn.add_content(content, key)
        drop_keys(content, _IGNORED_CONTENT_KEYS)
    else:
        turn.add_content(message, "content")
    for file in dicts(peek(message, "files", "data")):
        withhold(file, "download_url", "url")
        turn.add_content(file, "title")
        turn.add_content(file, "name")
    if role is Role.ASSISTANT:
        add_completion_turn(turn, exchange)
    else:
        exchange.add_prompt(role, turn.text_parts + turn.result_parts)
    drop(message, ("author", "object"))
    drop_keys(message, _IGNORED_MESSAGE_KEYS)


def parse(fields: Fields) -> AuditEvent:
    """Read one record."""
    event = AuditEvent(
        kind=Kind.AI_ACCESS,
        provider=_OPENAI,
        operation=Operation.CHAT,
        tenant_id=pop_identifier(fields, "workspace_id"),
        user_name=pop_identifier(fields, "user_email"),
        conversation_id=pop_identifier(fields, "id"),
        outcome_status=Outcome.SUCCESS,
    )
    event.user_id = pop_identifier(fields, "user_id") or event.user_name
    event.user_type = UserType.USER if event.user_id is not None else None
    single: Any = fields.get("message")
    event.timestamp = (
        (pop_time(single, "created_at") if type(single) is dict else None)
        or pop_time(fields, "last_active_at")
        or pop_time(fields, "created_at")
    )
    if type(single) is dict:
        event.request_id = pop_identifier(single, "id")
    exchange = Exchange()
    event.attachments = sum(len(dicts(peek(message, "files", "data"))) for message in _messages(fields)) or None
    for message in _messages(fields):
        _read_message(message, exchange)
    exchange.apply(event)
    drop(fields, ("messages", "object"), ("messages", "has_more"), ("messages", "last_id"))
    drop_keys(fields, _IGNORED_KEYS)
    return event


SOURCE: Final = Source(
    name="chatgpt_compliance",
    summary="ChatGPT Enterprise's Compliance API: conversations and messages of a workspace.",
    stability=Stability.BETA,
    never_carries="Addresses, tokens, failed requests. Its event logs (sign-on, audit, Codex) are not read.",
    references=("https://help.openai.com/en/articles/9261474-compliance-api-for-chatgpt-enterprise-edu",),
    markers={"object": _is_conversation, "last_active_at": _is_conversation},
    parse=parse,
)
