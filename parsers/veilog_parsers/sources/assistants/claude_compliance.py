"""Claude's Compliance API, the activity feed: actions of users and administrators of an organization.

Actions with chats, artifacts, files and projects are ``ai_access``. All others (keys, members, groups, settings,
sign-on, exports) are ``ai_control_plane``. None has prompts or responses; titles and file names, which may hint at
them, stay unmapped. There are many types of actions, and new ones are added. So the prefix of a type tells what it is
about, and its suffix how it ended.

What tells an alert from routine is read into ``change``: the role that was granted and to whom, the scopes of a key,
the audience of a shared artifact (as its scopes: ``public``, ``organization``), the setting and whether it is on. Of
several settings that were changed at once the first is read.

Actors are of many types: users, with or without a login, API keys, the vendor's staff, directories.
"""

from __future__ import annotations

import re
from typing import Final

from veilog_parsers.event import (
    AuditEvent,
    Change,
    Cloud,
    Constant,
    Credential,
    CredentialType,
    Kind,
    Mcp,
    Outcome,
    SensitiveText,
    UserType,
)
from veilog_parsers.record.changes import is_on, pop_names
from veilog_parsers.record.fields import as_identifier, dicts, drop, peek, pop_identifier, pop_text
from veilog_parsers.record.network import pop_address
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import pop_time
from veilog_parsers.source import Source, Stability

_ANTHROPIC: Final = Constant("anthropic")
_USE: Final = ("claude_artifact_", "claude_chat_", "claude_file_", "claude_gen_file_", "claude_project_")
_SETTINGS: Final = ("_settings_updated", "_sharing_updated", "_role_updated", "_config_updated")
"""Suffixes of types that change access or settings. They are administration, whatever their prefix."""
_DENIED: Final = ("_access_failed", "_login_failed", "_denied", "_blocked", "_rejected")

_USER_TYPES: Final = {
    "user_actor": UserType.USER,
    "anthropic_actor": UserType.USER,
    "unauthenticated_user_actor": UserType.ANONYMOUS,
}
_IDS: Final = (
    "user_id",
    "api_key_id",
    "admin_api_key_id",
    "service_account_id",
    "directory_id",
)
_RESOURCES: Final = (
    "claude_artifact_id",
    "claude_file_id",
    "claude_project_id",
    "api_key_id",
    "admin_api_key_id",
    "mcp_server_id",
    "resource_id",
)
_CREDENTIALS: Final = {
    "api_key_id": CredentialType.API_KEY,
    "admin_api_key_id": CredentialType.API_KEY,
    "service_account_id": CredentialType.SERVICE_ACCOUNT,
}
_SWITCH: Final = re.compile(r"(.{1,64})_(toggled|enabled|disabled|activated|deactivated)")


def _is_activity(fields: Fields) -> bool:
    kind = peek(fields, "actor", "type")
    return type(kind) is str and kind.endswith("_actor") and type(fields.get("type")) is str


def _read_who(fields: Fields, event: AuditEvent) -> None:
    event.tenant_id = pop_identifier(fields, "organization_id")
    event.tenant_id = event.tenant_id or pop_identifier(fields, "organization_uuid")
    drop(fields, "organization_uuid")
    kind = peek(fields, "actor", "type")
    event.user_type = _USER_TYPES.get(str(kind), UserType.SERVICE) if kind else None
    drop(fields, ("actor", "type"))
    for key in _IDS:
        event.user_id = event.user_id or pop_identifier(fields, "actor", key)
    event.user_name = pop_identifier(fields, "actor", "email_address") or pop_identifier(
        fields, "actor", "unauthenticated_email_address"
    )
    event.user_id = event.user_id or event.user_name
    event.client_ip = pop_address(fields, "actor", "ip_address")
    event.user_agent = pop_text(fields, "actor", "user_agent")


def _read_credential(fields: Fields, event: AuditEvent) -> None:
    for key, kind in _CREDENTIALS.items():
        used = as_identifier(peek(fields, "actor", key))
        if used is not None:
            event.credential = Credential(type=kind, id_hash=used)
            return


def _read_change(fields: Fields, name: str, event: AuditEvent) -> None:
    """Read what was changed, and how."""
    change = Change(
        target=pop_identifier(fields, "target_id"),
        target_type=pop_identifier(fields, "target_type") or pop_identifier(fields, "resource_type"),
        roles=[*pop_names(fields, "role"), *pop_names(fields, "roles")] or None,
        scopes=[*pop_names(fields, "scopes"), *pop_names(fields, "audience", key="type")] or None,
        enabled=is_on(fields.get("is_enabled")),
    )
    if change.enabled is not None:
        del fields["is_enabled"]
    switch = _SWITCH.fullmatch(name)
    if switch is not None:
        change.setting = SensitiveText(switch[1])
        change.enabled = is_on(switch[2]) if change.enabled is None else change.enabled
    for update in dicts(fields.get("updates"))[:1]:
        change.setting = pop_identifier(update, "type")
        if (enabled := is_on(update.get("current_value"))) is not None:
            change.enabled = enabled
            del update["current_value"]
    event.change = change if change != Change() else None
    server = pop_identifier(fields, "mcp_server_name")
    event.mcp = Mcp(server=server) if server is not None else None


def _kind(name: str) -> Kind:
    used = name.startswith(_USE) and not name.endswith(_SETTINGS)
    return Kind.AI_ACCESS if used else Kind.AI_CONTROL_PLANE


def _outcome(name: str) -> Outcome:
    if name.endswith(_DENIED):
        return Outcome.DENIED
    return Outcome.FAILURE if name.endswith("_failed") else Outcome.SUCCESS


def parse(fields: Fields) -> AuditEvent:
    """Read one record."""
    name = fields.get("type")
    name = name if type(name) is str else ""
    event = AuditEvent(
        kind=_kind(name),
        timestamp=pop_time(fields, "created_at"),
        provider=_ANTHROPIC,
        api_operation=pop_identifier(fields, "type"),
        request_id=pop_identifier(fields, "id"),
        outcome_status=_outcome(name),
    )
    _read_credential(fields, event)
    _read_who(fields, event)
    if event.kind is Kind.AI_CONTROL_PLANE:
        _read_change(fields, name, event)
    event.conversation_id = pop_identifier(fields, "claude_chat_id")
    event.model_name = pop_identifier(fields, "model")
    for key in _RESOURCES:
        if event.cloud is None and (resource := pop_identifier(fields, key)):
            event.cloud = Cloud(provider=_ANTHROPIC, resource=resource)
    return event


SOURCE: Final = Source(
    name="claude_compliance",
    summary="Claude's Compliance API: the activity feed of an organization.",
    stability=Stability.BETA,
    never_carries="What was said in chats, tokens.",
    references=("https://platform.claude.com/docs/en/manage-claude/compliance-content-data",),
    markers={"actor": _is_activity},
    parse=parse,
)
