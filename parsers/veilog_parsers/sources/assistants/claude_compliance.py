"""Claude's Compliance API, the activity feed: actions of users and administrators of an organization.

Actions with chats, artifacts, files and projects are ``ai_access``. All others (keys, members, groups, settings,
sign-on, exports) are ``ai_control_plane``. None has prompts or responses; titles and file names, which may hint at
them, stay unmapped. There are many types of actions, and new ones are added. So the prefix of a type tells what it is
about, and its suffix how it ended.

Actors are of many types: users, with or without a login, API keys, the vendor's staff, directories.
"""

from __future__ import annotations

from typing import Final

from veilog_parsers.event import AuditEvent, Cloud, Constant, Kind, Outcome, UserType
from veilog_parsers.record.fields import drop, peek, pop_identifier, pop_text
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
)


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
    _read_who(fields, event)
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
