"""Slack's audit log about AI: settings of Slack AI, and actions of an agent for a user.

The audit log has records of everything in an Enterprise organization. Two kinds are read, all others are no AI logs:
actions ``pref.slack_ai_...`` are administration (``ai_control_plane``), and a record with ``acting_agent`` in its
details is what an agent did for a user, for example Slackbot (``ai_access``). Nobody's questions to Slack AI are there,
and no answers.

Times are epoch seconds. Names of channels and files, and values of settings that are no switches, stay unmapped.

Read from Slack's documentation (Audit Logs API, methods and actions; help article on audit logs) as of 2026-11-26.
"""

from __future__ import annotations

from typing import Any, Final

from veilog_parsers.event import (
    Agent,
    AuditEvent,
    Change,
    Cloud,
    Constant,
    Kind,
    Operation,
    Outcome,
    SensitiveText,
    Text,
    UserType,
)
from veilog_parsers.record.changes import is_on
from veilog_parsers.record.fields import drop, paths, peek, pop_first, pop_identifier, pop_text
from veilog_parsers.record.network import pop_address
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import pop_time
from veilog_parsers.source import Source, Stability

_PROVIDER: Final = Constant("slack")
_SETTING: Final = "pref.slack_ai_"
_ACTIONS: Final = {
    name: Constant(name)
    for name in (
        f"{_SETTING}{setting}_changed"
        for setting in (
            *("allow_detailed_feedback", "allow_feedback", "allow_file_summaries", "allow_huddle_notes"),
            *("allow_recap", "allow_translations", "allow_workflow_builder"),
            *("allowed_search_files", "allowed_workspaces"),
        )
    )
}
"""The documented actions. They are longer than names of operations may be."""


def _is_ai_action(fields: Fields) -> bool:
    action = fields.get("action")
    return (
        type(action) is str
        and type(peek(fields, "actor", "type")) is str
        and (action.startswith(_SETTING) or type(peek(fields, "details", "acting_agent")) is str)
    )


def _pop_action(fields: Fields) -> Text | None:
    known = _ACTIONS.get(fields["action"]) if type(fields.get("action")) is str else None
    if known is None:
        return pop_identifier(fields, "action")
    del fields["action"]
    return known


def _read_change(fields: Fields, action: str, event: AuditEvent) -> None:
    setting = action.removeprefix("pref.").removesuffix("_changed")
    event.change = Change(setting=SensitiveText(setting))
    details: Any = fields.get("details")
    value = details.get("new_value") if type(details) is dict else None
    single = value[0] if type(value) is list and len(value) == 1 else value
    if (enabled := is_on(single)) is not None:
        event.change.enabled = enabled
        del details["new_value"]
        drop(details, "previous_value")


def parse(fields: Fields) -> AuditEvent:
    """Read one record."""
    action: Any = fields.get("action")
    event = AuditEvent(
        kind=Kind.AI_ACCESS,
        provider=_PROVIDER,
        timestamp=pop_time(fields, "date_create"),
        request_id=pop_identifier(fields, "id"),
        api_operation=_pop_action(fields),
        tenant_id=pop_first(pop_identifier, fields, paths("context/location/id actor/user/team")),
        user_id=pop_identifier(fields, "actor", "user", "id"),
        user_name=pop_first(pop_identifier, fields, paths("actor/user/email actor/user/name")),
        session_id=pop_identifier(fields, "context", "session_id"),
        client_ip=pop_address(fields, "context", "ip_address"),
        user_agent=pop_text(fields, "context", "ua"),
        outcome_status=Outcome.SUCCESS,
    )
    event.user_type = UserType.USER if event.user_id is not None else None
    agent = pop_identifier(fields, "details", "acting_agent")
    if agent is not None:
        event.agent, event.operation = Agent(name=agent), Operation.INVOKE_AGENT
    if type(action) is str and action.startswith(_SETTING):
        event.kind = Kind.AI_CONTROL_PLANE
        _read_change(fields, action, event)
    kind = peek(fields, "entity", "type")
    entity = pop_identifier(fields, "entity", kind, "id") if type(kind) is str else None
    event.cloud = Cloud(provider=_PROVIDER, resource=entity) if entity is not None else None
    drop(fields, ("actor", "type"), ("entity", "type"), ("context", "location", "type"))
    return event


SOURCE: Final = Source(
    name="slack_ai",
    summary="Slack's audit log: settings of Slack AI, and what an agent did for a user.",
    stability=Stability.BETA,
    never_carries="Questions, answers, models, tokens.",
    references=(
        "https://docs.slack.dev/reference/audit-logs-api/methods-actions-reference",
        "https://slack.com/help/articles/360000394286-Audit-logs-in-Slack",
    ),
    markers={"date_create": _is_ai_action},
    parse=parse,
)
