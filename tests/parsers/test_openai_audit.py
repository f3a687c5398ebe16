"""OpenAI's audit log: actors of both types, details under either spelling of the type, logins that failed."""

from __future__ import annotations

from typing import Any

import pytest

from parsed import load, reveal
from veilog_parsers.event import AuditEvent, Kind, Outcome, UserType
from veilog_parsers.sources.assistants.openai_audit import SOURCE


def parse(**fields: Any) -> AuditEvent:
    return SOURCE.parse({"type": "api_key.created", "effective_at": 1772608400} | fields)


def test_who_and_what() -> None:
    event = SOURCE.parse(load("openai_audit", "good_key_created"))
    assert (event.kind, event.timestamp) == (Kind.AI_CONTROL_PLANE, "2026-03-04T07:13:20Z")
    assert (reveal(event.user_id), reveal(event.user_name)) == ("user-Wq7Lk2Fb9Tz4Hm1C", "ines.falk@werft-nord.de")
    assert event.cloud is not None
    assert (reveal(event.cloud.account_id), reveal(event.cloud.resource)) == ("proj_118", "key_7Qx2")


@pytest.mark.parametrize(
    ("actor", "expected"),
    [
        ({"session": {"user": {"id": "u", "email": "a@b.de"}}}, ("u", "a@b.de", UserType.USER)),
        ({"api_key": {"id": "k", "user": {"id": "u", "email": "a@b.de"}}}, ("u", "a@b.de", UserType.USER)),
        ({"api_key": {"id": "k", "service_account": {"id": "s"}}}, ("s", None, UserType.SERVICE)),
        ({"api_key": {"id": "k"}}, ("k", None, UserType.SERVICE)),
        ({"session": {"user": {"email": "a@b.de"}}}, ("a@b.de", "a@b.de", UserType.USER)),
        ({}, (None, None, None)),
        ("system", (None, None, None)),
    ],
)
def test_actors(actor: Any, expected: tuple[Any, ...]) -> None:
    event = parse(actor=actor)
    assert (reveal(event.user_id), reveal(event.user_name), event.user_type) == expected


@pytest.mark.parametrize("key", ["api_key.created", "api_key_created"])
def test_details_are_under_either_spelling(key: str) -> None:
    event = parse(**{key: {"id": "key_1"}})
    assert event.cloud is not None
    assert reveal(event.cloud.resource) == "key_1"


@pytest.mark.parametrize(
    ("name", "detail", "outcome"),
    [
        ("login.succeeded", {}, Outcome.SUCCESS),
        ("login.failed", {"error_code": "invalid_credentials"}, Outcome.DENIED),
        ("login.failed", None, Outcome.DENIED),
        ("logout.failed", {"error_code": "timeout"}, Outcome.FAILURE),
        ("logout.failed", {"error_code": ["timeout"]}, Outcome.FAILURE),
        ("project.archived", {"id": "p"}, Outcome.SUCCESS),
    ],
)
def test_outcomes(name: str, detail: Any, outcome: Outcome) -> None:
    assert parse(type=name, **{name: detail}).outcome_status is outcome


@pytest.mark.parametrize(
    ("fields", "recognized"),
    [
        ({"object": "organization.audit_log", "effective_at": 1}, True),
        ({"type": "api_key.created", "effective_at": 1, "actor": {"type": "session"}}, True),
        ({"effective_at": 1, "actor": {"type": "admin"}, "type": "x"}, False),
        ({"effective_at": 1, "actor": "x"}, False),
    ],
)
def test_recognition(fields: dict[str, Any], recognized: bool) -> None:
    assert SOURCE.markers["effective_at"](fields) is recognized


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ("good_role_owner", ("user-9QwErTy", "user", ["api-organization-owner"], None, None, None)),
        ("good_role_reader", ("group-eng", "group", ["api-project-viewer"], None, None, None)),
        ("good_key_updated", (None, None, None, ["models:write", "api_keys:write"], None, None)),
        ("good_scim_off", (None, None, None, None, "scim", False)),
        ("good_logging_off", (None, None, None, None, "api_call_logging", False)),
        (
            "good_connector_bound",
            ("conn_2", "workspace.connector", ["role-workspace-member"], ["connector.use"], None, True),
        ),
    ],
)
def test_what_a_detection_asks_of_a_change(case: str, expected: tuple[Any, ...]) -> None:
    change = SOURCE.parse(load("openai_audit", case)).change
    assert change is not None
    roles, scopes = ([reveal(name) for name in names] if names else None for names in (change.roles, change.scopes))
    assert (
        *(reveal(change.target), reveal(change.target_type), roles, scopes),
        *(reveal(change.setting), change.enabled),
    ) == expected


def test_what_a_detection_asks_of_a_connection() -> None:
    event = SOURCE.parse(load("openai_audit", "good_scim_off"))
    assert event.network is not None
    assert (reveal(event.network.country), event.network.asn) == ("DE", 3320)
    assert reveal(event.network.ja4) == "t13d1516h2_8daaf6152771_02713d6af862"


@pytest.mark.parametrize("scopes", ["Please read the offer", [["a"]], [7], {"all": True}, None])
def test_scopes_of_other_types_stay(scopes: Any) -> None:
    fields = {"type": "api_key.created", "effective_at": 1, "api_key.created": {"data": {"scopes": scopes}}}
    assert SOURCE.parse(fields).change is None
    assert fields["api_key.created"] == {"data": {"scopes": scopes}}
