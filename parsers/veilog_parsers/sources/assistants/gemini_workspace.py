"""Google Workspace's activity reports about Gemini: who used which of its features in which app.

An activity has an actor, an address and a list of events, nearly always a single one; each event has its parameters as
a list of names and values. Only the first event is read; others stay unmapped. There are no prompts or responses, but
an activity is a use of a model: ``ai_access``.

``uniqueQualifier`` is a 64-bit number in a string, at times negative, and only unique with the time and the customer.
"""

from __future__ import annotations

from typing import Final

from veilog_parsers.event import AuditEvent, Constant, Kind, Operation, Outcome, SensitiveText, UserType
from veilog_parsers.record.fields import dicts, drop, peek, pop_identifier
from veilog_parsers.record.network import pop_address
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import pop_time
from veilog_parsers.source import Source, Stability

_APPLICATION: Final = "gemini_in_workspace_apps"
_GEMINI: Final = Constant("gcp.gemini")
_UTILIZATION: Final = "feature_utilization"
_OPERATIONS: Final = (
    ("conversation", Operation.CHAT),
    ("generate_image", Operation.IMAGE_GENERATION),
    ("search", Operation.RETRIEVAL),
)
"""Operations by the prefix of the action."""


def _is_activity(fields: Fields) -> bool:
    application = peek(fields, "id", "applicationName")
    return type(application) is str and application == _APPLICATION


def _pop_parameter(parameters: list[Fields], name: str) -> SensitiveText | None:
    """Pop the value of a parameter, if it looks like an identifier."""
    for parameter in parameters:
        if parameter.get("name") == name:
            value = pop_identifier(parameter, "value")
            if value is not None:
                del parameter["name"]
                return value
    return None


def _read_event(activity: Fields, event: AuditEvent) -> None:
    first = next(iter(dicts(activity.get("events"))), {})
    name = first.get("name")
    parameters = dicts(first.get("parameters"))
    action = next((parameter.get("value") for parameter in parameters if parameter.get("name") == "action"), None)
    event.api_operation = _pop_parameter(parameters, "action")
    if event.api_operation is None:
        event.api_operation = pop_identifier(first, "name")
    elif name == _UTILIZATION:
        del first["name"]
    event.outcome_status = Outcome.SUCCESS if name == _UTILIZATION else None
    event.endpoint = _pop_parameter(parameters, "app_name")
    if type(action) is str:
        event.operation = next((ours for start, ours in _OPERATIONS if action.startswith(start)), None)
    if type(first.get("parameters")) is list:
        first["parameters"] = [parameter for parameter in first["parameters"] if parameter != {}]
    drop(first, "type")


def parse(fields: Fields) -> AuditEvent:
    """Read one record."""
    event = AuditEvent(
        kind=Kind.AI_ACCESS,
        timestamp=pop_time(fields, "id", "time"),
        tenant_id=pop_identifier(fields, "id", "customerId"),
        request_id=pop_identifier(fields, "id", "uniqueQualifier"),
        provider=_GEMINI,
    )
    event.user_name = pop_identifier(fields, "actor", "email")
    event.user_id = pop_identifier(fields, "actor", "profileId") or event.user_name
    if event.user_id is not None:
        caller = peek(fields, "actor", "callerType")
        event.user_type = UserType.USER if caller in (None, "USER") else UserType.SERVICE
    event.client_ip = pop_address(fields, "ipAddress")
    _read_event(fields, event)
    drop(fields, "kind", "etag", ("id", "applicationName"), ("actor", "callerType"))
    return event


SOURCE: Final = Source(
    name="gemini_workspace",
    summary="Google Workspace activity reports of Gemini in Gmail, Docs, Meet and the other apps.",
    stability=Stability.BETA,
    never_carries="Prompts, answers, models, tokens, failed requests.",
    references=("https://developers.google.com/workspace/admin/reports/v1/appendix/activity/gemini-in-workspace-apps",),
    markers={"events": _is_activity},
    parse=parse,
)
