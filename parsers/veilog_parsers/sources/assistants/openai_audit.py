"""OpenAI's organization audit log: who changed keys, projects, members, roles and limits, and who logged in.

Every record is about the administration of the organization, not about the use of a model: ``ai_control_plane``. The
details of an event are under a key named like its type: with a dot in the documentation (``api_key.created``), with an
underscore in the output of collectors. What tells an alert from routine is read into ``change``: scopes of keys and
permissions of roles, the role that was granted and to whom, the setting and whether it is on. The role of an assignment
is only in the assignment's id (``role_assignment_<role>__<resource>__..._<principal>``). Names of keys, groups and
projects, lists of addresses and new limits stay unmapped.

The actor of a session is a person; that of an API key is the person or service account that owns it. Times are epoch
seconds. Read from OpenAI's OpenAPI document (``AuditLog``) as of 2026-11-26.
"""

from __future__ import annotations

import re
from typing import Any, Final

from veilog_parsers.event import (
    AuditEvent,
    Change,
    Cloud,
    Constant,
    Credential,
    CredentialType,
    Kind,
    Network,
    Outcome,
    SensitiveText,
    UserType,
)
from veilog_parsers.record.changes import is_on, pop_names
from veilog_parsers.record.fields import (
    as_identifier,
    drop,
    paths,
    peek,
    pop,
    pop_count,
    pop_first,
    pop_identifier,
    pop_text,
)
from veilog_parsers.record.network import pop_address
from veilog_parsers.record.outcomes import outcome_of_error
from veilog_parsers.record.prose import is_word
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import pop_time
from veilog_parsers.source import Source, Stability

_OPENAI: Final = Constant("openai")
_OBJECT: Final = "organization.audit_log"
_ACTORS: Final = ("session", "api_key")
_ASSIGNMENT: Final = re.compile(r"role_assignment_role-([A-Za-z0-9.:-]{1,128})__\S{1,300}")
_ROLES: Final = paths("role role_name role_id")
_SCOPES: Final = paths("scopes permissions permissions_added")
_SWITCH: Final = re.compile(r"(.{1,64})\.(enabled|disabled|activated|deactivated)")
_DETAILS: Final = ("data", "changes_requested")
"""Where some types have their details, below the key of the type."""


def _is_audit(fields: Fields) -> bool:
    return fields.get("object") == _OBJECT or (
        type(fields.get("type")) is str and peek(fields, "actor", "type") in _ACTORS
    )


def _read_who(fields: Fields, event: AuditEvent) -> None:
    for holder in (("session",), ("api_key",), ()):
        path = ("actor", *holder)
        event.user_id = event.user_id or pop_identifier(fields, *path, "user", "id")
        event.user_name = event.user_name or pop_identifier(fields, *path, "user", "email")
    event.user_id = event.user_id or event.user_name
    if event.user_id is not None:
        event.user_type = UserType.USER
    else:
        account = pop_identifier(fields, "actor", "api_key", "service_account", "id")
        event.user_id = account or as_identifier(peek(fields, "actor", "api_key", "id"))
        event.user_type = UserType.SERVICE if event.user_id is not None else None
    event.client_ip = pop_address(fields, "actor", "session", "ip_address")
    event.user_agent = pop_text(fields, "actor", "session", "user_agent")
    key = peek(fields, "actor", "api_key")
    if type(key) is dict:
        event.credential = Credential(type=CredentialType.API_KEY, id_hash=pop_identifier(key, "id"))
    _read_network(peek(fields, "actor", "session"), event)
    drop(fields, ("actor", "type"), ("actor", "api_key", "type"))


def _read_network(session: Any, event: AuditEvent) -> None:
    if type(session) is dict:
        network = Network(
            country=pop_identifier(session, "ip_address_details", "country"),
            asn=pop_count(session, "ip_address_details", "asn"),
            ja3=pop_identifier(session, "ja3"),
            ja4=pop_identifier(session, "ja4"),
        )
        event.network = network if network != Network() else None


def _read_details(details: Fields, name: str, event: AuditEvent) -> None:
    """Read the details of the event: what was changed, and how."""
    resource = pop_identifier(details, "resource_id")
    holders = [details, *(holder for key in _DETAILS if type(holder := details.get(key)) is dict)]
    roles = [role for holder in holders for path in _ROLES for role in pop_names(holder, *path)]
    scopes = [scope for holder in holders for path in _SCOPES for scope in pop_names(holder, *path)]
    own_id = details.get("id")
    assigned = _ASSIGNMENT.fullmatch(own_id) if type(own_id) is str else None
    if assigned is not None and resource is not None:
        # The id repeats role, resource and principal.
        roles.append(SensitiveText(assigned[1]))
        pop(details, "id")
    changed = resource or pop_identifier(details, "id")
    if changed is not None:
        event.cloud = event.cloud or Cloud(provider=_OPENAI)
        event.cloud.resource = changed
    change = Change(
        target=pop_first(pop_identifier, details, paths("principal_id service_account_id connector_id")),
        target_type=pop_first(pop_identifier, details, paths("principal_type resource_type")),
        roles=roles or None,
        scopes=scopes or None,
    )
    _read_setting(details, name, change)
    event.change = change if change != Change() else None


def _read_setting(details: Fields, name: str, change: Change) -> None:
    """Read the setting: that of the type (``scim.enabled``), or the first one that an update names beside roles."""
    switch = _SWITCH.fullmatch(name)
    if switch is not None:
        change.setting, change.enabled = SensitiveText(switch[1]), is_on(switch[2])
        return
    change.enabled = is_on(details.get("enabled"))
    if change.enabled is not None:
        del details["enabled"]
    updates = details.get("changes_requested")
    if type(updates) is not dict or change.roles or change.scopes:
        return
    setting = next(iter(updates), "")
    if as_identifier(setting) is not None:
        change.setting = SensitiveText(setting)
        value = updates[setting]
        word = value.partition("_")[0] if type(value) is str else value
        if (enabled := is_on(word)) is not None:
            change.enabled = enabled
            if is_word(value):
                del updates[setting]


def _read_change(fields: Fields, name: str, event: AuditEvent) -> None:
    """Read the details of the event. A failed login has an error code; the message beside it stays in the record."""
    details = fields.get(name, fields.get(name.replace(".", "_")))
    code = None
    if type(details) is dict:
        code = details.get("error_code")
        event.error_code = pop_identifier(details, "error_code")
    if name.endswith(".failed"):
        named = outcome_of_error(code) if type(code) is str else Outcome.FAILURE
        event.outcome_status = Outcome.DENIED if name.startswith("login") else named
    else:
        event.outcome_status = Outcome.SUCCESS
    _read_details(details if type(details) is dict else {}, name, event)


def parse(fields: Fields) -> AuditEvent:
    """Read one record."""
    name = fields.get("type")
    event = AuditEvent(
        kind=Kind.AI_CONTROL_PLANE,
        timestamp=pop_time(fields, "effective_at"),
        provider=_OPENAI,
        api_operation=pop_identifier(fields, "type"),
        request_id=pop_identifier(fields, "id"),
    )
    project = pop_identifier(fields, "project", "id")
    if project is not None:
        event.cloud = Cloud(provider=_OPENAI, account_id=project)
    _read_who(fields, event)
    if type(name) is str:
        _read_change(fields, name, event)
    drop(fields, "object")
    return event


SOURCE: Final = Source(
    name="openai_audit",
    summary="OpenAI's organization audit log: keys, projects, members, logins.",
    stability=Stability.BETA,
    never_carries="Any use of a model; the organization's id.",
    references=(
        "https://platform.openai.com/docs/api-reference/audit-logs/object",
        "https://github.com/openai/openai-openapi",
    ),
    markers={"effective_at": _is_audit},
    parse=parse,
)
