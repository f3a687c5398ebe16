"""OpenAI's organization audit log: who changed keys, projects, members, roles and limits, and who logged in.

Every record is about the administration of the organization, not about the use of a model: ``ai_control_plane``. The
details of an event are under a key named like its type: with a dot in the documentation (``api_key.created``), with an
underscore in the output of collectors. Only the id of the changed resource is read; the change itself stays unmapped.

The actor of a session is a person; that of an API key is the person or service account that owns it. Times are epoch
seconds.
"""

from __future__ import annotations

from typing import Final

from veilog_parsers.event import AuditEvent, Cloud, Constant, Kind, Outcome, UserType
from veilog_parsers.record.fields import drop, peek, pop_identifier, pop_text
from veilog_parsers.record.network import pop_address
from veilog_parsers.record.outcomes import outcome_of_error
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import pop_time
from veilog_parsers.source import Source, Stability

_OPENAI: Final = Constant("openai")
_OBJECT: Final = "organization.audit_log"
_ACTORS: Final = ("session", "api_key")


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
        event.user_id = account or pop_identifier(fields, "actor", "api_key", "id")
        event.user_type = UserType.SERVICE if event.user_id is not None else None
    event.client_ip = pop_address(fields, "actor", "session", "ip_address")
    event.user_agent = pop_text(fields, "actor", "session", "user_agent")
    drop(fields, ("actor", "type"), ("actor", "api_key", "type"))


def _read_change(fields: Fields, name: str, event: AuditEvent) -> None:
    """Read the details of the event. A failed login has an error code; the message beside it stays in the record."""
    change = fields.get(name, fields.get(name.replace(".", "_")))
    code = None
    if type(change) is dict:
        changed = pop_identifier(change, "id")
        if changed is not None:
            event.cloud = event.cloud or Cloud(provider=_OPENAI)
            event.cloud.resource = changed
        code = change.get("error_code")
        event.error_code = pop_identifier(change, "error_code")
    if name.endswith(".failed"):
        named = outcome_of_error(code) if type(code) is str else Outcome.FAILURE
        event.outcome_status = Outcome.DENIED if name.startswith("login") else named
    else:
        event.outcome_status = Outcome.SUCCESS


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
    references=("https://platform.openai.com/docs/api-reference/audit-logs/object",),
    markers={"effective_at": _is_audit},
    parse=parse,
)
