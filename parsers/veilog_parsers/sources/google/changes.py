"""What a call of Google Cloud's control plane changed: which resource, which setting, which roles it gave or took.

A change of roles is the same call for every service, ``SetIamPolicy``; ``policyDelta`` in the service's data tells the
difference (cloud.google.com/logging/docs/reference/audit/auditlog/rest/Shared.Types/AuditData, read 2026-11-26). So a
change on a whole project that gives a role of an AI service belongs to that service.
"""

from __future__ import annotations

import re
from typing import Any, Final

from veilog_parsers.event import AuditEvent, Change, Cloud, Constant, Text
from veilog_parsers.record.dropped import Why
from veilog_parsers.record.fields import as_identifier, dicts, drop, drop_known, peek
from veilog_parsers.record.raw import Fields

_SETTINGS: Final = (
    ("SetPublisherModelConfig", Constant("model_invocation_logging")),
    ("LoggingSetting", Constant("prompt_logging")),
    ("FloorSetting", Constant("guardrail")),
    ("Template", Constant("guardrail")),
    ("SetIamPolicy", Constant("role")),
    ("ModelEula", Constant("model_access")),
    ("DataSharingSetting", Constant("data_sharing")),
    ("DeployModel", Constant("deployment")),
)
"""Parts of methods' names, and the setting as events call it; the first that fits counts."""
_READS: Final = ("Get", "List", "Search", "Fetch", "Check", "Test", "Query", "Lookup")
_ENABLED: Final = {"Create": True, "Accept": True, "Deploy": True, "Delete": False, "Undeploy": False}
_VERB: Final = re.compile("[A-Z]?[a-z]+")
_DELTAS: Final = ("serviceData", "metadata")
"""Where an entry has the difference of a policy."""
_MAX_ROLES: Final = 100
_LOGGING: Final = (
    ("request", "publisherModelConfig", "loggingConfig", "enabled"),
    ("request", "publisher_model_config", "logging_config", "enabled"),
)


def role_service(payload: Fields, services: tuple[str, ...]) -> str:
    """The AI service whose role a call gives or takes: ``aiplatform`` for ``roles/aiplatform.admin``; "" for none."""
    for delta in _deltas(payload):
        role = delta.get("role")
        name = role.removeprefix("roles/").partition(".")[0] if type(role) is str else ""
        if name in services:
            return name
    return ""


def read_change(method: str, payload: Fields, event: AuditEvent) -> None:
    """Read what a method changed; one that only reads changes nothing."""
    verb = _VERB.match(method)
    if verb is None or verb[0].startswith(_READS):
        return
    change = Change(enabled=_ENABLED.get(verb[0]))
    change.setting = next((ours for part, ours in _SETTINGS if part in method), None)
    for path in _LOGGING:
        if type(peek(payload, *path)) is bool:
            change.enabled = peek(payload, *path)
            drop(payload, path, why=Why.DUPLICATE)
    _read_roles(payload, change)
    change.target = change.target or (event.cloud or Cloud()).resource
    event.change = change


def _read_roles(payload: Fields, change: Change) -> None:
    """Read the roles that were given, or else taken, and the first member who got or lost one."""
    deltas = _deltas(payload)
    actions = {delta.get("action") for delta in deltas if type(delta.get("action")) is str}
    action = "ADD" if "ADD" in actions else "REMOVE"
    roles: dict[str, Text] = {}
    for delta in deltas:
        role, member = delta.get("role"), delta.get("member")
        name = as_identifier(role)
        if delta.get("action") == action and name is not None:
            roles[str(role)] = name
            change.target = change.target or as_identifier(member)
            for key in ("action", "role"):
                drop_known(delta, key, Why.DUPLICATE)
            if change.target is not None and as_identifier(member) is not None:
                drop_known(delta, "member", Why.DUPLICATE)
    if roles:
        change.roles, change.enabled = list(roles.values()), action == "ADD"


def _deltas(payload: Fields) -> list[Fields]:
    for key in _DELTAS:
        deltas: Any = peek(payload, key, "policyDelta", "bindingDeltas")
        if deltas:
            return dicts(deltas)[:_MAX_ROLES]
    return []
