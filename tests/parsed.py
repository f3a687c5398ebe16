"""What tests of parsers look at: samples, texts out of their seals, turns as plain tuples."""

from __future__ import annotations

import json

from samples import SAMPLES
from veilog_parsers.event import Message, Text
from veilog_parsers.record.raw import Fields


def load(source: str, case: str) -> Fields:
    """A sample's record, decoded afresh."""
    record: Fields = json.loads((SAMPLES / source / f"{case}.in.json").read_text())
    return record


def reveal(text: Text | None) -> str | None:
    """The text itself."""
    return text if text is None or isinstance(text, str) else text.reveal()


def turns(messages: list[Message]) -> list[tuple[str, list[str]]]:
    """Role and texts of each message."""
    return [(message.role.value, [part.reveal() for part in message.parts]) for message in messages]


def said(messages: list[Message]) -> list[str]:
    """The texts of all messages."""
    return [part for _, parts in turns(messages) for part in parts]
