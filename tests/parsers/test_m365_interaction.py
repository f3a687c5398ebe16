"""Microsoft Graph's history of Copilot interactions: texts of each side, who, and the documents beside them."""

from __future__ import annotations

from typing import Any

import pytest

from parsed import load, reveal
from veilog_parsers.event import Kind, Outcome, Role, UserType
from veilog_parsers.registry import Registry
from veilog_parsers.sources.assistants.m365_interaction import SOURCE


def test_a_prompt_is_the_users() -> None:
    event = SOURCE.parse(load("m365_interaction", "good_prompt"))
    assert (event.kind, event.user_type, reveal(event.endpoint)) == (Kind.AI_ACCESS, UserType.USER, "Word")
    assert reveal(event.user_id) == "c3f8a276-1d4b-4e59-8a70-9b2c6d5e4f18"
    (message,) = event.prompt_messages
    assert message.role is Role.USER
    assert message.parts[0].reveal().startswith("Shorten the offer")
    assert (event.response_messages, event.outcome_status) == ([], None)


def test_a_response_is_the_agents_with_the_texts_of_its_cards() -> None:
    event = SOURCE.parse(load("m365_interaction", "good_response"))
    assert (event.prompt_messages, event.outcome_status, event.user_id) == ([], Outcome.SUCCESS, None)
    texts = [part.reveal() for part in event.response_messages[0].parts]
    assert texts[0].startswith("<p>Dear Mr. Lindqvist")
    assert "price list 2026" in texts[1]
    assert event.agent is not None
    assert reveal(event.agent.name) == "Copilot in Word"
    assert len(event.data_sources or []) == 2


def test_both_records_of_an_exchange_have_one_request_id() -> None:
    prompt, response = (SOURCE.parse(load("m365_interaction", f"good_{side}")) for side in ("prompt", "response"))
    assert reveal(prompt.request_id) == reveal(response.request_id)
    assert reveal(prompt.conversation_id) == reveal(response.conversation_id)


@pytest.mark.parametrize(
    ("fields", "recognized"),
    [
        ({"interactionType": "userPrompt", "body": {}}, True),
        ({"interactionType": "aiResponse", "body": {}}, True),
        ({"interactionType": "aiResponse"}, False),
        ({"interactionType": "phoneCall", "body": {}}, False),
        ({"interactionType": ["aiResponse"], "body": {}}, False),
    ],
)
def test_recognition(fields: dict[str, Any], recognized: bool) -> None:
    assert (Registry().recognize(fields) is SOURCE) is recognized
