"""Portkey: the attempt that answered is the event, and keys go nowhere."""

from __future__ import annotations

import json
from typing import Any

import pytest

from samples import SAMPLES
from veilog_parsers.event import Outcome
from veilog_parsers.record.fields import remainder
from veilog_parsers.sources.gateways.portkey import SOURCE


def load(name: str) -> Any:
    return json.loads((SAMPLES / "portkey" / f"{name}.in.json").read_text())


@pytest.mark.parametrize("name", ["good_fallback", "good_attempt", "good_stream"])
def test_nothing_is_left_not_even_a_key(name: str) -> None:
    fields = load(name)
    SOURCE.parse(fields)
    assert remainder(fields) == {}


def test_the_last_attempt_answered() -> None:
    event = SOURCE.parse(load("good_fallback"))
    assert str(event.provider) != "openai"
    assert (event.input_tokens, event.output_tokens, event.latency_ms) == (22, 15, 1744.0)
    assert [part.reveal() for message in event.prompt_messages for part in message.parts] == [
        "You write letters.",
        "Draft a reply to mia.novak@example.com.",
    ]


def test_an_attempt_alone_has_a_time_and_succeeds_if_it_was_answered() -> None:
    event = SOURCE.parse(load("good_attempt"))
    assert (event.timestamp, event.outcome_status) == ("2025-03-18T11:00:00.5Z", Outcome.SUCCESS)


def test_what_the_readers_left_of_a_body_stays() -> None:
    fields = load("good_attempt")
    fields["originalResponse"]["body"]["novelty"] = 1
    fields["finalUntransformedRequest"]["body"]["novelty"] = 2
    SOURCE.parse(fields)
    assert remainder(fields) == {
        "originalResponse": {"body": {"novelty": 1}},
        "finalUntransformedRequest": {"body": {"novelty": 2}},
    }


def test_a_call_that_was_too_large_has_no_bodies() -> None:
    fields = load("good_fallback")
    for key in ("finalUntransformedRequest", "transformedRequest", "originalResponse", "requestParams"):
        del fields["requestOptions"][1][key]
    event = SOURCE.parse(fields)
    assert event.prompt_messages == []
    assert event.outcome_status is Outcome.SUCCESS
