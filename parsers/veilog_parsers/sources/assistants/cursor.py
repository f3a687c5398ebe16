"""Cursor's Admin API: the audit log of a team, and usage events.

An audit event (``/teams/audit-logs``) is about the administration of the team or a login: who, from where, which type,
and details that depend on the type (``event_data``). A usage event (``/teams/filtered-usage-events``) is a request to a
model: who, which model, its tokens and what it cost. Neither has prompts, code or responses.

Events come in pages (``events``, ``usageEvents``), which collectors split. Times are RFC 3339, or epoch milliseconds in
a string. Costs are in cents.

Read from public clients of the API (the vendor's page has no schema) as of 2026-11-26; types of audit events from the
vendor's page. Details of a type are read where they name a setting, a role or a person.
"""

from __future__ import annotations

from typing import Any, Final

from veilog_parsers.event import (
    AuditEvent,
    Change,
    Constant,
    Kind,
    Operation,
    Outcome,
    Timestamp,
    UserType,
)
from veilog_parsers.record.changes import is_on, pop_names
from veilog_parsers.record.fields import (
    drop,
    drop_keys,
    ignored_keys,
    keyset,
    open_json,
    paths,
    pop_count,
    pop_first,
    pop_identifier,
    pop_number,
    pop_text,
)
from veilog_parsers.record.network import pop_address
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import parse_time, pop_time
from veilog_parsers.source import Source, Stability
from veilog_parsers.sources.facts import add_cached_tokens

_PROVIDER: Final = Constant("cursor")
_TARGETS: Final = paths("target_email user_email email target_user_id user_id server_name name key_id id")
_SETTINGS: Final = paths("setting_name setting")
_VALUES: Final = ("new_value", "enabled", "value")
_AUDIT_KEYS: Final = keyset("event_data event_type timestamp user_email")
_ALL_AUDIT_KEYS: Final = _AUDIT_KEYS | keyset("event_id ip_address")
_TYPES: Final = keyset(
    """
    create_directory_group delete_directory_group mcp_authentication mcp_server_config privacy_mode
    update_directory_group update_user_role user_api_key user_spend_limit
    """
)
_USUAL_TYPES: Final = keyset("add_user login logout remove_user")
_TYPES_BEGIN: Final = ("team_",)
_FAILED: Final = ("failed", "denied")

_IGNORED_USAGE_KEYS: Final = ignored_keys(
    """
    isChargeable:flag isFreeBugbot:flag isHeadless:flag isTokenBasedCall:flag maxMode:flag requestsCosts:number
    """
)


def _is_audit_event(fields: Fields) -> bool:
    # Many applications log the type of an event and an e-mail. Types that others have too need all of Cursor's names.
    name = fields.get("event_type")
    if type(name) is not str or not fields.keys() >= _AUDIT_KEYS:
        return False
    if name in _TYPES or name.startswith(_TYPES_BEGIN):
        return True
    return name in _USUAL_TYPES and fields.keys() >= _ALL_AUDIT_KEYS


def _is_usage_event(fields: Fields) -> bool:
    return "model" in fields and not fields.keys().isdisjoint(("isTokenBasedCall", "requestsCosts", "tokenUsage"))


def _pop_time(fields: Fields) -> Timestamp | None:
    value: Any = fields.get("timestamp")
    if type(value) is str and value.isdecimal() and len(value) < 20:
        time = parse_time(int(value))
        if time is not None:
            del fields["timestamp"]
        return time
    return pop_time(fields, "timestamp")


def _parse_usage(fields: Fields) -> AuditEvent:
    event = AuditEvent(
        kind=Kind.AI_ACCESS,
        operation=Operation.CHAT,
        provider=_PROVIDER,
        timestamp=_pop_time(fields),
        user_id=pop_identifier(fields, "userEmail"),
        model_name=pop_identifier(fields, "model"),
        input_tokens=pop_count(fields, "tokenUsage", "inputTokens"),
        output_tokens=pop_count(fields, "tokenUsage", "outputTokens"),
        cached_input_tokens=pop_count(fields, "tokenUsage", "cacheReadTokens"),
        cache_write_tokens=pop_count(fields, "tokenUsage", "cacheWriteTokens"),
    )
    add_cached_tokens(event, always=True)
    event.user_type = UserType.USER if event.user_id is not None else None
    cents = pop_number(fields, "chargedCents")
    spent = pop_number(fields, "tokenUsage", "totalCents") if cents is None else None
    cents = spent if cents is None else cents
    drop(fields, ("tokenUsage", "totalCents"))
    event.cost_usd = None if cents is None or cents < 0 else round(cents / 100, 8)
    kind: Any = fields.get("kind")
    # ``Errored, Not Charged`` is one of the kinds.
    failed = type(kind) is str and kind.lower().startswith(("errored", "aborted"))
    event.outcome_status = Outcome.FAILURE if failed else Outcome.SUCCESS
    event.api_operation = pop_identifier(fields, "kind")
    drop_keys(fields, _IGNORED_USAGE_KEYS)
    return event


def _parse_audit(fields: Fields) -> AuditEvent:
    name: Any = fields.get("event_type")
    event = AuditEvent(
        kind=Kind.AI_CONTROL_PLANE,
        provider=_PROVIDER,
        timestamp=_pop_time(fields),
        request_id=pop_first(pop_identifier, fields, paths("event_id id")),
        api_operation=pop_identifier(fields, "event_type"),
        user_id=pop_identifier(fields, "user_email"),
        client_ip=pop_address(fields, "ip_address"),
        tenant_id=pop_first(pop_identifier, fields, paths("team_id organization_id")),
        user_agent=pop_text(fields, "user_agent"),
    )
    event.user_type = UserType.USER if event.user_id is not None else None
    failed = type(name) is str and name.endswith(_FAILED)
    event.outcome_status = Outcome.DENIED if failed else Outcome.SUCCESS
    details = open_json(fields, "event_data")
    if type(details) is dict:
        _read_change(details, event)
    return event


def _read_change(details: Fields, event: AuditEvent) -> None:
    setting = pop_first(pop_identifier, details, _SETTINGS)
    change = Change(
        setting=setting,
        target=pop_first(pop_identifier, details, _TARGETS),
        roles=[*pop_names(details, "role"), *pop_names(details, "new_role")] or None,
        scopes=[*pop_names(details, "scopes"), *pop_names(details, "scope")] or None,
    )
    for key in _VALUES:
        if change.enabled is None and (enabled := is_on(details.get(key))) is not None:
            change.enabled = enabled
            del details[key]
            drop(details, "old_value")
    event.change = change if change != Change() else None


def parse(fields: Fields) -> AuditEvent:
    """Read one event."""
    return _parse_usage(fields) if "userEmail" in fields else _parse_audit(fields)


SOURCE: Final = Source(
    name="cursor",
    summary="Cursor's Admin API: the audit log of a team, and usage events.",
    stability=Stability.BETA,
    never_carries="Prompts, code, responses; what agents did on a developer's machine.",
    references=("https://cursor.com/docs/account/teams/admin-api",),
    markers={"event_type": _is_audit_event, "userEmail": _is_usage_event},
    parse=parse,
)
