"""ChatGPT Enterprise's Compliance API: conversations of a workspace, whole or message by message.

What is known of it comes from collectors and their documentation, not from the vendor's reference, which needs an
account. A conversation names its workspace and user and holds its messages, under ``messages`` as a list or a page of
one, or, as collectors split it, a single one under ``message``. A message's author has a role; its content is a text
in ``value``, or a list of ``parts``. A conversation without messages (deleted, or just listed) is a use all the same.

Titles are made of what was said, but nobody asked or answered them: they are left, as no text of a turn. Links to
files carry signatures that open them: dropped.
"""

from __future__ import annotations

from typing import Any, Final

from veilog_parsers.bodies.exchange import Exchange
from veilog_parsers.bodies.turns import Turn, answer_turn, take_role
from veilog_parsers.event import AuditEvent, Constant, Kind, Operation, Outcome, Role, UserType
from veilog_parsers.record.fields import dicts, discard, discard_known, ignored, peek, take_identifier, withhold
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import take_time
from veilog_parsers.source import Source, Stability

_OPENAI: Final = Constant("openai")
_OBJECT: Final = "compliance.workspace.conversation"
_CONTENT: Final = ("value", "parts", "text")
_MESSAGE_BOOKKEEPING: Final = ignored("created_at id object")
_CONTENT_BOOKKEEPING: Final = ignored("annotations:objects content_type type")
_BOOKKEEPING: Final = ignored("created_at last_active_at object")


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
    role = take_role(holder) or Role.USER
    turn = Turn()
    content = message.get("content")
    if type(content) is dict:
        for key in _CONTENT:
            turn.take(content, key)
        discard_known(content, _CONTENT_BOOKKEEPING)
    else:
        turn.take(message, "content")
    for file in dicts(peek(message, "files", "data")):
        withhold(file, "download_url", "url")
        turn.take(file, "title")
        turn.take(file, "name")
    if role is Role.ASSISTANT:
        answer_turn(turn, exchange)
    else:
        exchange.ask(role, turn.said + turn.results)
    discard(message, ("author", "object"))
    discard_known(message, _MESSAGE_BOOKKEEPING)


def parse(fields: Fields) -> AuditEvent:
    """Read one record."""
    event = AuditEvent(
        kind=Kind.AI_ACCESS,
        provider=_OPENAI,
        operation=Operation.CHAT,
        tenant_id=take_identifier(fields, "workspace_id"),
        user_name=take_identifier(fields, "user_email"),
        conversation_id=take_identifier(fields, "id"),
        outcome_status=Outcome.SUCCESS,
    )
    event.user_id = take_identifier(fields, "user_id") or event.user_name
    event.user_type = UserType.USER if event.user_id is not None else None
    single: Any = fields.get("message")
    event.timestamp = (
        (take_time(single, "created_at") if type(single) is dict else None)
        or take_time(fields, "last_active_at")
        or take_time(fields, "created_at")
    )
    if type(single) is dict:
        event.request_id = take_identifier(single, "id")
    exchange = Exchange()
    for message in _messages(fields):
        _read_message(message, exchange)
    exchange.apply(event)
    discard(fields, ("messages", "object"), ("messages", "has_more"), ("messages", "last_id"))
    discard_known(fields, _BOOKKEEPING)
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
