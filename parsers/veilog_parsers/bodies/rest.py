"""What the readers of bodies did not understand: a body never gives an exchange in which nothing was said.

A body may be no JSON at all, or JSON of a shape that nobody knows. Such a body is taken as what it is at least, a text:
of the user in a request, the model's in an answer. So it has a hash, is inspected and classified. What has no words in
it (numbers, ids, settings) is left where it stands, and ends as unmapped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import orjson

from veilog_parsers.bodies.exchange import Exchange
from veilog_parsers.errors import RecordError
from veilog_parsers.event import Message, Role, SensitiveText
from veilog_parsers.record.decoding import decode_one, may_be_json
from veilog_parsers.record.fields import remainder
from veilog_parsers.record.prose import MAX_LISTED, may_hold_prose, text_may_hold_prose
from veilog_parsers.record.raw import Fields

UNREAD: Final = "unread_body"
"""Key under which a body that is no JSON is put, so that it can be taken out of its record."""


def ask_rest(body: Any, exchange: Exchange, asked: int) -> None:
    """Take the words in what is left of a request as the user's, if the request has added nothing.

    Args:
        body: as its reader left it; emptied if it is taken.
        exchange: may be given a turn.
        asked: how many turns it had before the request was read.
    """
    if len(exchange.prompt) == asked and (text := _take_rest(body)):
        exchange.ask(Role.USER, [text])


def answer_rest(body: Any, exchange: Exchange, answered: int) -> None:
    """``ask_rest`` for a response. What an error says is no answer."""
    if len(exchange.response) == answered and not exchange.failed and (text := _take_rest(body)):
        exchange.answer([text])


def _take_rest(body: Any) -> SensitiveText | None:
    if type(body) is str:
        return SensitiveText(body) if body else None
    left = remainder({"": body}).get("")
    if type(left) is dict and type(left.get(UNREAD)) is str:
        text = left[UNREAD] if len(left) == 1 else orjson.dumps(left).decode()
    elif type(left) in (dict, list) and may_hold_prose(left):
        try:
            text = orjson.dumps(left).decode()
        except orjson.JSONEncodeError:
            # Deeper than JSON is written: it stays in the record, which is too deep as a whole.
            return None
    else:
        return None
    body.clear()
    return SensitiveText(text)


def drop_repeated(fields: Fields, texts: Iterable[str], *keys: str) -> None:
    """Drop what says again what is known already; a value with any other words in it is left.

    Args:
        fields: what holds the values: texts, JSON in strings, or lists and objects of them.
        texts: what is known.
        keys: of the values.
    """
    present = [key for key in keys if key in fields]
    if present:
        known = list(texts)
        heard = {text.strip() for text in (*known, "".join(known), "\n".join(known))}
        for key in present:
            if _says_only(fields[key], heard):
                del fields[key]


def texts_of(messages: list[Message]) -> Iterator[str]:
    """The texts of some turns."""
    return (part.reveal() for message in messages for part in message.parts)


def _says_only(value: Any, heard: set[str]) -> bool:
    pending = [value]
    while pending:
        item = pending.pop()
        if type(item) is str:
            if text_may_hold_prose(item) and item.strip() not in heard:
                decoded = _decoded(item)
                if decoded is None:
                    return False
                pending.append(decoded)
        elif type(item) is dict:
            if may_hold_prose(dict.fromkeys(item)):
                return False
            pending += item.values()
        elif type(item) is list:
            words = sum(type(inner) is str and inner not in heard for inner in item)
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


def unread(body: str) -> Fields:
    """A body that is no JSON, in the form in which ``ask_rest`` and ``answer_rest`` find it."""
    return {UNREAD: body}
