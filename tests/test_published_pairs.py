"""Published detections tell an alert from routine by one fact: it is in what leaves under the default configuration.

The pairs are those of Panther's rules for OpenAI and Anthropic (scopes of a key, a granted role, the audience of a shared
artifact, a switched-off sign-on), and of Microsoft Sentinel's for Copilot (an attempted jailbreak).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from samples import SAMPLES, config_with
from veilog_filters.pipeline import Pipeline
from veilog_parsers.record.raw import RawRecord

Event = dict[str, Any]
ELEVATED = {"all", "models:write", "organization:write", "api_keys:write", "admin"}


def leaving(source: str, case: str) -> Event:
    line = (SAMPLES / source / f"{case}.in.json").read_bytes()
    (event,) = Pipeline(config_with())(RawRecord(orjson.loads(line), line))
    assert "unmapped" not in event
    return event


def has_elevated_scopes(event: Event) -> bool:
    return not ELEVATED.isdisjoint(event.get("change", {}).get("scopes", ()))


def grants_ownership(event: Event) -> bool:
    roles = event.get("change", {}).get("roles", ())
    return event["api_operation"] == "role.assignment.created" and any("owner" in role for role in roles)


def is_public(event: Event) -> bool:
    return "public" in event.get("change", {}).get("scopes", ())


def switches_sign_on_off(event: Event) -> bool:
    change = event.get("change", {})
    return change.get("setting") == "org_sso" and change.get("enabled") is False


def is_jailbreak(event: Event) -> bool:
    threats = event.get("upstream_threats", ())
    return {"reporter": "m365_copilot", "type": "jailbreak"} in threats


@pytest.mark.parametrize(
    ("source", "alert", "routine", "rule"),
    [
        ("openai_audit", "good_key_updated", "good_key_created", has_elevated_scopes),
        ("openai_audit", "good_role_owner", "good_role_reader", grants_ownership),
        ("claude_compliance", "good_artifact_public", "good_artifact_internal", is_public),
        ("claude_compliance", "good_sso_off", "good_sso_on", switches_sign_on_off),
        ("m365_copilot", "good_jailbreak_attempt", "good_interaction", is_jailbreak),
        ("m365_copilot", "good_graph_record", "good_defender_row", is_jailbreak),
    ],
)
def test_an_alert_and_routine_differ(source: str, alert: str, routine: str, rule: Callable[[Event], bool]) -> None:
    assert rule(leaving(source, alert))
    assert not rule(leaving(source, routine))
