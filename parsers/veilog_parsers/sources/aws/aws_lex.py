"""Amazon Lex's conversation logs in CloudWatch: what a user said to a bot, and what the bot answered, a turn a record.

Version 2 has the bot in an object and a list of messages, version 1 flat keys and one answer. The intent that Lex
found is read as a tool, and its slots, which hold the user's words, as its arguments. Other interpretations,
transcriptions of the same words, hints and attributes of the session stay unmapped. Lex may use a model of Bedrock to
find the values of slots (``interpretationSource``); which one is not logged.

Format: docs.aws.amazon.com/lexv2/latest/dg/conversation-logs-cw.html and lex/latest/dg/conversation-logs-cw.html, read
2026-11-26. The page writes ``message-version``, records have ``messageVersion``.
"""

from __future__ import annotations

from typing import Any, Final

from veilog_parsers.bodies.exchange import Exchange
from veilog_parsers.bodies.rest import drop_repeated, texts_of
from veilog_parsers.bodies.turns import Turn, add_completion_turn, add_prompt_content, pop_serialized
from veilog_parsers.event import Agent, AuditEvent, Cloud, Kind, Operation, Outcome, Role, ToolCall, UserType
from veilog_parsers.record.fields import (
    dicts,
    drop_keys,
    ignored_keys,
    peek,
    pop_first,
    pop_identifier,
    remainder,
)
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import pop_time
from veilog_parsers.source import Source, Stability
from veilog_parsers.sources.aws.common import AWS, LEX

_AGENT_PATHS: Final = {
    "id": (("bot", "id"),),
    "name": (("bot", "name"), ("botName",)),
    "version": (("bot", "version"), ("botVersion",)),
}
_CARD_TEXTS: Final = ("title", "subtitle")
_BUTTON_TEXTS: Final = ("text", "value")
_IGNORED_KEYS: Final = ignored_keys(
    """
    bargeIn botAlias developerOverride:flag inputDialogMode inputMode interpretationSource locale message-version
    messageVersion missedUtterance:flag nluIntentConfidence:number responseReason sentimentResponse:plain
    """
)
_IGNORED_BOT_KEYS: Final = ignored_keys("aliasId aliasName localeId")
_IGNORED_MESSAGE_KEYS: Final = ignored_keys("contentType")
_FAILED: Final = "Failed"


def _is_turn(fields: Fields) -> bool:
    return type(fields.get("bot")) is dict or type(fields.get("botName")) is str


def _read_answer(fields: Fields, exchange: Exchange) -> None:
    """Consume the bot's messages; a card has its texts and those of its buttons."""
    turn = Turn()
    for message in dicts(fields.get("messages")):
        turn.add_content(message, "content")
        card = message.get("imageResponseCard")
        if type(card) is dict:
            for key in _CARD_TEXTS:
                turn.add_content(card, key)
            for button in dicts(card.get("buttons")) + dicts(card.get("buttonsList")):
                for key in _BUTTON_TEXTS:
                    turn.add_content(button, key)
        drop_keys(message, _IGNORED_MESSAGE_KEYS)
    turn.add_content(fields, "botResponse")
    add_completion_turn(turn, exchange)


def _read_intent(fields: Fields, event: AuditEvent) -> None:
    """Read the intent, and whether the bot failed to fulfil it."""
    intent: Any = peek(fields, "sessionState", "intent")
    if type(intent) is dict:
        name, slots = pop_identifier(intent, "name"), remainder({"": intent.get("slots")})
        if intent.get("state") == _FAILED:
            event.outcome_status = Outcome.FAILURE
        drop_keys(intent, _IGNORED_INTENT_KEYS)
    else:
        intent, name = fields, pop_identifier(fields, "intent")
        slots = remainder({"": fields.get("slots")})
        if fields.get("dialogState") == _FAILED:
            event.outcome_status = Outcome.FAILURE
    if name is not None:
        event.tool_calls = [ToolCall(name=name, arguments=pop_serialized(intent, "slots") if slots else None)]


_IGNORED_INTENT_KEYS: Final = ignored_keys("confirmationState state")


def parse(fields: Fields) -> AuditEvent:
    """Read one record."""
    event = AuditEvent(
        kind=Kind.AI_ACCESS,
        timestamp=pop_time(fields, "timestamp"),
        provider=LEX,
        operation=Operation.CHAT,
        api_operation=pop_identifier(fields, "operationName"),
        request_id=pop_identifier(fields, "requestId"),
        conversation_id=pop_identifier(fields, "sessionId"),
        user_id=pop_identifier(fields, "userId"),
        cloud=Cloud(provider=AWS),
    )
    event.user_type = UserType.USER if event.user_id is not None else None
    bot = Agent(**{name: pop_first(pop_identifier, fields, paths) for name, paths in _AGENT_PATHS.items()})
    event.agent = bot if bot != Agent() else None
    exchange = Exchange()
    add_prompt_content(fields, "inputTranscript", Role.USER, exchange)
    _read_answer(fields, exchange)
    _read_intent(fields, event)
    exchange.apply(event)
    drop_repeated(fields, texts_of(exchange.prompt), "rawInputTranscript", "transcriptions")
    if type(fields.get("bot")) is dict:
        drop_keys(fields["bot"], _IGNORED_BOT_KEYS)
    drop_keys(fields, _IGNORED_KEYS)
    return event


SOURCE: Final = Source(
    name="aws_lex",
    summary="Amazon Lex: conversation logs of bots, versions 1 and 2, in CloudWatch.",
    stability=Stability.BETA,
    never_carries="Accounts, addresses, models, tokens.",
    references=(
        "https://docs.aws.amazon.com/lexv2/latest/dg/conversation-logs-cw.html",
        "https://docs.aws.amazon.com/lex/latest/dg/conversation-logs-cw.html",
    ),
    markers={"inputTranscript": _is_turn},
    parse=parse,
)
