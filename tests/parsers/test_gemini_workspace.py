"""Workspace's activities of Gemini: parameters by their names, and events that are not the usual one."""

from __future__ import annotations

from typing import Any

import pytest

from parsed import load, reveal
from veilog_parsers.event import AuditEvent, Kind, Operation, Outcome, UserType
from veilog_parsers.record.raw import RawRecord
from veilog_parsers.registry import Registry
from veilog_parsers.sources.assistants.gemini_workspace import SOURCE


def parse(name: str = "feature_utilization", actor: Any = None, **parameters: Any) -> AuditEvent:
    listed = [{"name": key, "value": value} for key, value in parameters.items()]
    return SOURCE.parse({"events": [{"name": name, "parameters": listed}], "actor": actor})


def test_who_and_what() -> None:
    fields = load("gemini_workspace", "good_conversation")
    event = SOURCE.parse(fields)
    assert (event.kind, event.operation, event.outcome_status) == (Kind.AI_ACCESS, Operation.CHAT, Outcome.SUCCESS)
    assert (reveal(event.api_operation), reveal(event.endpoint)) == ("conversation", "gmail")
    assert (reveal(event.user_id), reveal(event.user_name)) == ("103118446744073709551", "ines.falk@werft-nord.de")
    assert (reveal(event.request_id), reveal(event.tenant_id)) == ("-314159265358970001", "C02werft1")
    assert [parameter["name"] for parameter in fields["events"][0]["parameters"]] == [
        "event_category",
        "feature_source",
    ]


@pytest.mark.parametrize(
    ("action", "operation"),
    [
        ("conversation", Operation.CHAT),
        ("generate_images_in_product", Operation.IMAGE_GENERATION),
        ("search_in_conversation", Operation.RETRIEVAL),
        ("summarize", None),
    ],
)
def test_operations(action: str, operation: Operation | None) -> None:
    assert parse(action=action).operation is operation


def test_another_event_goes_by_its_own_name_and_tells_no_outcome() -> None:
    event = parse("brand_new", app_name="docs")
    assert (reveal(event.api_operation), event.outcome_status) == ("brand_new", None)


@pytest.mark.parametrize(
    ("actor", "user_type"),
    [
        ({"email": "a@b.de", "callerType": "USER"}, UserType.USER),
        ({"email": "a@b.de"}, UserType.USER),
        ({"profileId": "1", "callerType": "APPLICATION"}, UserType.SERVICE),
        ({"callerType": "KEY", "key": "SYSTEM"}, None),
    ],
)
def test_user_types(actor: Any, user_type: UserType | None) -> None:
    assert parse(actor=actor).user_type is user_type


def test_a_page_of_reports() -> None:
    events = list(Registry().parse(RawRecord(load("gemini_workspace", "good_page"), b"")))
    assert [event.source for event in events] == ["gemini_workspace"] * 2


@pytest.mark.parametrize("application", ["drive", None, ["gemini_in_workspace_apps"]])
def test_other_reports_are_not_recognized(application: Any) -> None:
    assert not SOURCE.markers["events"]({"events": [], "id": {"applicationName": application}})
