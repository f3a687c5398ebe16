"""FastChat's log of conversations: who said what, which model, votes."""

from __future__ import annotations

from typing import Any

import pytest

from parsed import load, reveal
from veilog_parsers.event import Role
from veilog_parsers.registry import Registry
from veilog_parsers.sources.servers.fastchat import SOURCE


def test_the_last_message_is_the_response() -> None:
    fields = load("fastchat", "good_chat")
    assert Registry().recognize(fields) is SOURCE
    event = SOURCE.parse(fields)
    assert [turn.role for turn in event.prompt_messages] == [Role.SYSTEM, Role.USER, Role.ASSISTANT, Role.USER]
    assert [part.reveal() for turn in event.response_messages for part in turn.parts] == ["A shipyard, perhaps."]
    assert (event.latency_ms, reveal(event.client_ip)) == (1623.4, "203.0.113.29")


def test_an_unwritten_response_is_none() -> None:
    event = SOURCE.parse(load("fastchat", "error_no_answer"))
    assert (event.response_messages, event.outcome_status) == ([], None)


def test_a_vote_has_the_conversations_of_both_models() -> None:
    event = SOURCE.parse(load("fastchat", "good_vote"))
    assert reveal(event.api_operation) == "leftvote"
    assert [part.reveal() for turn in event.response_messages for part in turn.parts] == [
        "A shipyard, perhaps.",
        "The harbor.",
    ]


def test_images_are_counted() -> None:
    assert SOURCE.parse(load("fastchat", "good_image")).attachments == 1


@pytest.mark.parametrize(
    "record",
    [
        {"tstamp": 1, "state": "open"},
        {"tstamp": 1, "state": {"messages": []}},
        {"tstamp": 1, "states": [7]},
        {"tstamp": 1, "type": "chat"},
    ],
)
def test_what_is_no_fastchat(record: dict[str, Any]) -> None:
    assert Registry().recognize(record) is not SOURCE
