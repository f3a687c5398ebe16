"""What a call of Azure's control plane changed: which resource, which setting, which role it gave to whom.

The operation's name is a path that ends with ``write``, ``delete`` or ``action``
(learn.microsoft.com/azure/role-based-access-control/permissions/ai-machine-learning, read 2026-11-26). Names of
resource types in it tell the setting. The body of a request to assign a role is JSON in ``properties.requestbody``;
its keys are in PascalCase or in camelCase.
"""

from __future__ import annotations

from typing import Any, Final

from veilog_parsers.event import AuditEvent, Change, Cloud, Constant
from veilog_parsers.record.fields import open_json, peek, pop_identifier
from veilog_parsers.record.raw import Fields

_SETTINGS: Final = (
    ("diagnosticsettings", Constant("diagnostic_logging")),
    ("raipolicies", Constant("guardrail")),
    ("raiblocklists", Constant("blocklist")),
    ("raitopics", Constant("guardrail")),
    ("roleassignments", Constant("role")),
    ("defendersettings", Constant("threat_protection")),
    ("defenderforaisettings", Constant("threat_protection")),
    ("networksecurityperimeter", Constant("network_access")),
    ("privateendpointconnection", Constant("network_access")),
    ("listkey", Constant("api_key")),
    ("regeneratekey", Constant("api_key")),
    ("deployments", Constant("deployment")),
    ("onlineendpoints", Constant("deployment")),
    ("connections", Constant("connection")),
)
"""Parts of operations' names in lower case, and the setting as events call it; the first that fits counts."""
_ENABLED: Final = {"write": True, "delete": False}
_BODY_KEYS: Final = ("requestbody", "requestBody")
_ROLE_KEYS: Final = ("RoleDefinitionId", "roleDefinitionId")
_PRINCIPAL_KEYS: Final = ("PrincipalId", "principalId")
_PRINCIPAL_TYPE_KEYS: Final = ("PrincipalType", "principalType")


def read_change(operation: object, properties: Fields, event: AuditEvent) -> None:
    """Read what an operation changed; one that only reads changes nothing."""
    name = operation.lower() if type(operation) is str else ""
    verb = name.rpartition("/")[2]
    if verb == "read":
        return
    setting = next((ours for part, ours in _SETTINGS if part in name), None)
    if setting is None and verb not in _ENABLED:
        return
    change = Change(setting=setting, enabled=_ENABLED.get(verb))
    _read_assignment(properties, change)
    change.target = change.target or (event.cloud or Cloud()).resource
    event.change = change


def _read_assignment(properties: Fields, change: Change) -> None:
    """Read the role that was given, and to whom."""
    for key in _BODY_KEYS:
        body = open_json(properties, key)
        holder = _properties_of(body)
        role = _first(holder, _ROLE_KEYS)
        if role is not None:
            change.roles = [role]
            change.target = _first(holder, _PRINCIPAL_KEYS)
            change.target_type = _first(holder, _PRINCIPAL_TYPE_KEYS)


def _properties_of(body: Any) -> Fields:
    for key in ("Properties", "properties"):
        inner = peek(body, key)
        if type(inner) is dict:
            return inner
    return body if type(body) is dict else {}


def _first(fields: Fields, keys: tuple[str, ...]) -> Any:
    return next((found for key in keys if (found := pop_identifier(fields, key)) is not None), None)
