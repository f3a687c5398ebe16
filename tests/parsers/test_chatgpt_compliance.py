"""ChatGPT's Compliance API: conversations and single messages, and contents in either of their shapes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from parsed import load, reveal, said, turns
from veilog_parsers.event import AuditEvent, Kind
from veilog_parsers.sources.assistants.chatgpt_compliance import SOURCE

NAME = "chatgpt_compliance"


def parse(**fields: Any) -> AuditEvent:
    return SOURCE.parse({"object": "compliance.workspace.conversation"} | fields)


def test_a_conversation_s_turns_are_on_their_sides() -> None:
    event = SOURCE.parse(load(NAME, "good_conversation"))
    assert turns(event.prompt_messages) == [
        ("system", ["Answer politely."]),
        ("user", ["Draft an offer for Mara Lind, +46 8 5550 1180."]),
    ]
    assert said(event.response_messages) == ["Dear Ms. Lind, here is our offer."]
    assert (reveal(event.user_name), event.kind) == ("ines.falk@werft-nord.de", Kind.AI_ACCESS)


@pytest.mark.parametrize(
    "content",
    [{"type": "text", "value": "U"}, {"content_type": "text", "parts": ["U"]}, {"text": "U"}, "U"],
)
def test_contents(content: Any) -> None:
    message = {"author": {"role": "user"}, "content": content}
    for fields in ({"messages": [message]}, {"messages": {"data": [message]}}, {"message": message}):
        event = parse(**json.loads(json.dumps(fields)))
        assert turns(event.prompt_messages) == [("user", ["U"])]


def test_who_speaks_without_a_role_is_the_user() -> None:
    assert turns(parse(message={"author": {}, "content": "U"}).prompt_messages) == [("user", ["U"])]


def test_links_that_open_files_are_dropped_and_their_names_are_texts() -> None:
    fields = load(NAME, "good_message")
    event = SOURCE.parse(fields)
    assert said(event.prompt_messages) == ["Is mara.lind@werft-nord.de hers?", "Offer Lind.pdf"]
    assert "sig=" not in json.dumps(fields)
    assert (reveal(event.request_id), event.timestamp) == ("msg-4", "2026-03-04T07:23:24.5Z")


def test_a_conversation_without_messages_is_a_use() -> None:
    event = SOURCE.parse(load(NAME, "good_listed"))
    assert (event.kind, event.prompt_messages, event.response_messages) == (Kind.AI_ACCESS, [], [])


@pytest.mark.parametrize(
    ("fields", "recognized"),
    [
        ({"object": "compliance.workspace.conversation"}, True),
        ({"last_active_at": 1, "user_email": "a@b.de", "title": "t"}, True),
        ({"last_active_at": 1, "message": {"author": {}}}, True),
        ({"last_active_at": 1, "user_email": "a@b.de", "plan": "pro"}, False),
        ({"last_active_at": 1, "message": "hello"}, False),
        ({"object": "list"}, False),
    ],
)
def test_recognition(fields: dict[str, Any], recognized: bool) -> None:
    assert any(test(fields) for key, test in SOURCE.markers.items() if key in fields) is recognized
