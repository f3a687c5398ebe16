"""Bodies, and parts of them, in which no reader found a text.

A body may be no JSON, or JSON in an unknown format. Such a body is one text: the user's in a request, the model's in a
response. So it is hashed, inspected and classified like any other text. A body without words (numbers, ids, settings)
is left in the record and ends as unmapped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import orjson

from veilog_parsers.bodies.exchange import Exchange
from veilog_parsers.errors import RecordError
from veilog_parsers.event import Message, Role, SensitiveText
from veilog_parsers.record.decoding import decode_one, may_be_json
from veilog_parsers.record.dropped import Why
from veilog_parsers.record.fields import drop_known, remainder
from veilog_parsers.record.prose import MAX_LISTED, may_hold_prose, text_may_hold_prose
from veilog_parsers.record.raw import Fields

UNREAD_KEY: Final = "unread_body"
"""The key of a body that is no JSON, in the object that replaces it in the record."""


def add_unread_prompt(body: Any, exchange: Exchange, turns_before: int) -> None:
    """Add what is left of a request as a text of the user, if its reader found no text.

    Args:
        body: what the reader left; it is emptied if it becomes a text.
        exchange: the exchange that the request belongs to.
        turns_before: how many turns the exchange had before the request was read.
    """
    if len(exchange.prompt) == turns_before and (text := _pop_unread_text(body)):
        exchange.add_prompt(Role.USER, [text])


def add_unread_completion(body: Any, exchange: Exchange, turns_before: int) -> None:
    """``add_unread_prompt`` for a response. The message of an error is no text of the model."""
    if len(exchange.response) == turns_before and not exchange.failed and (text := _pop_unread_text(body)):
        exchange.add_completion([text])


def _pop_unread_text(body: Any) -> SensitiveText | None:
    if type(body) is str:
        return SensitiveText(body) if body else None
    left = remainder({"": body}).get("")
    if type(left) is dict and type(left.get(UNREAD_KEY)) is str:
        text = left[UNREAD_KEY] if len(left) == 1 else orjson.dumps(left).decode()
    elif type(left) in (dict, list) and may_hold_prose(left):
        try:
            text = orjson.dumps(left).decode()
        except orjson.JSONEncodeError:
            # It is nested too deeply for JSON. So is the record that it stays in, which is rejected for that later.
            return None
    else:
        return None
    body.clear()
    return SensitiveText(text)


def drop_repeated(fields: Fields, texts: Iterable[str], *keys: str) -> None:
    """Drop values that only repeat known texts; a value with any other words in it is left.

    Args:
        fields: the object that has the values: texts, JSON in strings, or lists and objects of them.
        texts: the known texts.
        keys: where the values are.
    """
    present = [key for key in keys if key in fields]
    if present:
        parts = list(texts)
        known_texts = {text.strip() for text in (*parts, "".join(parts), "\n".join(parts))}
        for key in present:
            if _has_only(fields[key], known_texts):
                drop_known(fields, key, Why.TEXT_READ)


def texts_of(messages: list[Message]) -> Iterator[str]:
    """The texts of messages, in order."""
    return (part.reveal() for message in messages for part in message.parts)


def _has_only(value: Any, known_texts: set[str]) -> bool:
    pending = [value]
    while pending:
        item = pending.pop()
        if type(item) is str:
            if text_may_hold_prose(item) and item.strip() not in known_texts:
                decoded = _decoded(item)
                if decoded is None:
                    return False
                pending.append(decoded)
        elif type(item) is dict:
            if may_hold_prose(dict.fromkeys(item)):
                return False
            pending += item.values()
        elif type(item) is list:
            words = sum(type(inner) is str and inner not in known_texts for inner in item)
            if words > MAX_LISTED:
                return False
            pending += item
    return True


def _decoded(text: str) -> Any:
    """The object or array in a string; None if it is none."""
    try:
        decoded = decode_one(text) if may_be_json(text) else None
    except RecordError:
        return None
    return decoded if type(decoded) in (dict, list) else None
