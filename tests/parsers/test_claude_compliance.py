"""Claude's activity feed: what is use and what administration, all kinds of actors, and how an activity ended."""

from __future__ import annotations

from typing import Any

import pytest

from parsed import load, reveal
from veilog_parsers.event import AuditEvent, Change, Kind, Outcome, UserType
from veilog_parsers.sources.assistants.claude_compliance import SOURCE


def parse(name: str = "claude_chat_created", **fields: Any) -> AuditEvent:
    return SOURCE.parse({"type": name, "actor": {"type": "user_actor"}} | fields)


@pytest.mark.parametrize(
    ("name", "kind", "outcome"),
    [
        ("claude_chat_created", Kind.AI_ACCESS, Outcome.SUCCESS),
        ("claude_artifact_viewed", Kind.AI_ACCESS, Outcome.SUCCESS),
        ("claude_file_uploaded", Kind.AI_ACCESS, Outcome.SUCCESS),
        ("claude_chat_access_failed", Kind.AI_ACCESS, Outcome.DENIED),
        ("claude_chat_deletion_failed", Kind.AI_ACCESS, Outcome.FAILURE),
        ("claude_chat_settings_updated", Kind.AI_CONTROL_PLANE, Outcome.SUCCESS),
        ("claude_artifact_sharing_updated", Kind.AI_CONTROL_PLANE, Outcome.SUCCESS),
        ("claude_code_review_config_updated", Kind.AI_CONTROL_PLANE, Outcome.SUCCESS),
        ("api_key_created", Kind.AI_CONTROL_PLANE, Outcome.SUCCESS),
        ("sso_login_failed", Kind.AI_CONTROL_PLANE, Outcome.DENIED),
    ],
)
def test_kind_and_outcome(name: str, kind: Kind, outcome: Outcome) -> None:
    event = parse(name)
    assert (event.kind, event.outcome_status) == (kind, outcome)


@pytest.mark.parametrize(
    ("actor", "expected"),
    [
        ({"type": "user_actor", "user_id": "u", "email_address": "a@b.de"}, ("u", "a@b.de", UserType.USER)),
        ({"type": "unauthenticated_user_actor", "unauthenticated_email_address": "a@b.de"}, ("a@b.de", "a@b.de", UserType.ANONYMOUS)),
        ({"type": "api_actor", "api_key_id": "k"}, ("k", None, UserType.SERVICE)),
        ({"type": "scim_directory_sync_actor", "directory_id": "d"}, ("d", None, UserType.SERVICE)),
        ({"type": "brand_new_actor"}, (None, None, UserType.SERVICE)),
        ({"type": 7}, (None, None, UserType.SERVICE)),
        ("someone", (None, None, None)),
    ],
)  # fmt: skip
def test_actors(actor: Any, expected: tuple[Any, ...]) -> None:
    event = parse(actor=actor)
    assert (reveal(event.user_id), reveal(event.user_name), event.user_type) == expected


def test_what_was_touched() -> None:
    event = SOURCE.parse(load("claude_compliance", "good_chat_created"))
    assert event.cloud is not None
    assert (reveal(event.conversation_id), reveal(event.cloud.resource)) == ("claude_chat_01Xy", "claude_proj_01Of")
    assert (reveal(event.tenant_id), event.timestamp) == ("org_01WerftNord", "2026-03-04T07:20:00.118Z")


@pytest.mark.parametrize(
    ("fields", "recognized"),
    [
        ({"type": "x", "actor": {"type": "user_actor"}}, True),
        ({"type": "x", "actor": {"type": "session"}}, False),
        ({"type": 7, "actor": {"type": "user_actor"}}, False),
        ({"actor": "octocat", "type": "x"}, False),
    ],
)
def test_recognition(fields: dict[str, Any], recognized: bool) -> None:
    assert SOURCE.markers["actor"](fields) is recognized


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ("good_artifact_public", (None, None, ["public"], None, None)),
        ("good_artifact_internal", (None, None, ["organization"], None, None)),
        ("good_sso_off", (None, None, None, "org_sso", False)),
        ("good_sso_on", (None, None, None, "org_sso", True)),
        ("good_role_granted", ("user_01Def", ["chat_project:viewer"], None, None, None)),
        ("good_settings", (None, None, None, "vcs_connections", None)),
    ],
)
def test_what_a_detection_asks_of_a_change(case: str, expected: tuple[Any, ...]) -> None:
    event = SOURCE.parse(load("claude_compliance", case))
    assert (event.kind, event.change is not None) == (Kind.AI_CONTROL_PLANE, True)
    change = event.change or Change()
    roles, scopes = ([reveal(name) for name in names] if names else None for names in (change.roles, change.scopes))
    assert (reveal(change.target), roles, scopes, reveal(change.setting), change.enabled) == expected


def test_the_credential_of_a_key_leaves_as_a_hash() -> None:
    event = SOURCE.parse({"type": "x_created", "actor": {"type": "api_actor", "api_key_id": "apikey_01"}})
    assert event.credential is not None
    assert (event.credential.type, reveal(event.credential.id_hash)) == ("api_key", "apikey_01")
    assert reveal(event.user_id) == "apikey_01"
