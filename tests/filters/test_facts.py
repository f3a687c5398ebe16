"""The facts of an event, in every field and every object of the schema: what fits leaves, prose does not."""

from __future__ import annotations

import dataclasses
import json
import typing
from functools import partial
from typing import Any

import pytest

from facts import event_from, full
from veilog_filters.encode import native
from veilog_parsers.event import AuditEvent, Constant, Handling, Kind, Outcome, SensitiveText, ToolCall

PROSE = "sell the old house to Anna before winter comes"


@pytest.mark.parametrize("identity", ["keep", "pseudonymize"])
def test_prose_leaves_through_no_field(identity: str) -> None:
    event = event_from(lambda: full(PROSE), policy={"identity": identity})
    encoded = json.dumps(event)
    assert "error_type" not in event
    assert not [word for word in PROSE.split() if len(word) > 3 and word in encoded]
    assert event["agent"]["name"].startswith("hmac:")
    assert event["k8s"]["labels"]["app"].startswith("hmac:")


def test_every_fact_that_fits_leaves() -> None:
    event = event_from(lambda: full("a1b2c3d4"))
    text_fields = {name for name, value in event.items() if value == "a1b2c3d4"}
    expected = {
        field.name
        for field in dataclasses.fields(AuditEvent)
        if field.metadata["handling"] in (Handling.IDENTITY, Handling.IDENTIFIER)
        and field.metadata["group"] in ("who", "what", "cost and outcome")
    } - {"finish_reasons", "data_sources", "sensitivity_labels"}
    assert text_fields == expected
    assert event["guardrail"] == {
        "id": "a1b2c3d4",
        "version": "a1b2c3d4",
        "action": "none",
        "policies": ["topic"],
        "categories": ["hate"],
        "confidence": "low",
    }
    assert event["k8s"]["labels"] == {"app": "a1b2c3d4"}
    assert event["upstream_threats"] == [{"reporter": "aws_bedrock", "type": "jailbreak"}]
    assert event["change"]["scopes"] == ["a1b2c3d4"]


def test_a_credential_leaves_as_a_hash_that_joins_its_calls() -> None:
    first, second, other = (event_from(partial(full, text)) for text in ("AKIAa1", "AKIAa1", "AKIAb2"))
    hashes = [event["credential"]["id_hash"] for event in (first, second, other)]
    assert hashes[0] == hashes[1] != hashes[2]
    assert len(hashes[0]) == 64
    assert "AKIA" not in json.dumps(first["credential"])


def test_the_status_of_a_tool_stays_with_its_call() -> None:
    event = event_from(
        lambda: AuditEvent(
            kind=Kind.OTHER,
            tool_calls=[
                ToolCall(name=SensitiveText("search"), status=Outcome.FAILURE),
                ToolCall(name=SensitiveText("read_file")),
            ],
        )
    )
    assert event["tool_calls"] == [{"name": "search", "status": "failure"}, {"name": "read_file"}]


def test_a_label_that_is_not_on_the_list_is_refused() -> None:
    event = AuditEvent(kind=Kind.OTHER)
    event.k8s = typing.cast("Any", typing.get_args(typing.get_type_hints(AuditEvent)["k8s"])[0])()
    assert event.k8s is not None
    event.k8s.labels = {PROSE: Constant("a")}
    with pytest.raises(native.EncodingError):
        native.encode(event)
