"""GitHub's audit log about Copilot: seats and policies, actions of agents, and streamed usage records.

There are three kinds of records. Actions named ``copilot.*`` are administration: ``ai_control_plane``. Actions of any
name by an agent (``actor_is_agent``) are ``ai_access``, and the caller is the person who started the agent, in
``user``. Usage records, which an enterprise can have streamed, are Copilot's requests and responses with their bodies:
``ai_access`` too. The request and the response of a call are two records with the same ``github_request_id``. A body is
JSON in a string; it is cut off at 1 MB, and is then a text.

Times are epoch milliseconds, in ``@timestamp`` or ``created_at``; the API of the audit log has ISO 8601 in places.
"""

from __future__ import annotations

from typing import Final

from veilog_parsers.bodies.exchange import Exchange
from veilog_parsers.bodies.read import open_body, read_request, read_response
from veilog_parsers.event import (
    AuditEvent,
    Change,
    Constant,
    Credential,
    CredentialType,
    Kind,
    Network,
    Operation,
    Outcome,
    UserType,
)
from veilog_parsers.record.dropped import Why, prefer
from veilog_parsers.record.fields import drop, drop_keys, drop_known, ignored_keys, pop_identifier, pop_text
from veilog_parsers.record.network import pop_address, pop_endpoint_text
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import pop_time
from veilog_parsers.source import Source, Stability

_PROVIDER: Final = Constant("github.copilot")
_ACTION: Final = "copilot."

_USER: Final = Constant("user")
_CREDENTIALS: Final = (
    ("personal access token", CredentialType.API_KEY),
    ("oauth", CredentialType.OAUTH),
    ("github app", CredentialType.TEMPORARY),
)
"""Kinds of tokens by what GitHub calls them, in lower case."""

_IGNORED_KEYS: Final = ignored_keys("actor_is_bot:flag hashed_token:secret operation_type token_id version")


def _is_action(fields: Fields) -> bool:
    action = fields.get("action")
    return type(action) is str and (
        (action.startswith(_ACTION) and "actor" in fields) or fields.get("actor_is_agent") is True
    )


def _is_usage(fields: Fields) -> bool:
    return fields.get("type") in ("request", "response") and "body" in fields


def _read_usage(fields: Fields, event: AuditEvent) -> None:
    """Read a request or a response of Copilot's API."""
    event.request_id = pop_identifier(fields, "github_request_id") or pop_identifier(fields, "event_id")
    event.tenant_id = pop_identifier(fields, "enterprise_id")
    event.user_id = pop_identifier(fields, "user_id")
    event.user_type = UserType.USER if event.user_id is not None else None
    event.endpoint = pop_endpoint_text(fields, "endpoint")
    is_request = fields.get("type") == "request"
    exchange = Exchange()
    body = open_body(fields, "body")
    if is_request:
        read_request(body, exchange)
    else:
        event.outcome_status = Outcome.SUCCESS
        read_response(body, exchange)
    event.api_operation = pop_identifier(fields, "type")
    exchange.apply(event)
    drop(fields, "event_id")


def _read_credential(fields: Fields, event: AuditEvent) -> None:
    """Read the token of the call, of which GitHub logs a hash."""
    hashed = pop_identifier(fields, "hashed_token")
    kind = fields.get("programmatic_access_type")
    kinds = [ours for word, ours in _CREDENTIALS if type(kind) is str and word in kind.lower()]
    if kinds:
        del fields["programmatic_access_type"]
    if hashed is not None or kinds:
        event.credential = Credential(type=kinds[0] if kinds else None, id_hash=hashed)


def _read_action(fields: Fields, event: AuditEvent) -> None:
    event.request_id = pop_identifier(fields, "request_id") or pop_identifier(fields, "_document_id")
    drop(fields, "_document_id")
    event.tenant_id = pop_identifier(fields, "org") or pop_identifier(fields, "business")
    event.api_operation = pop_identifier(fields, "action")
    by_agent = fields.get("actor_is_agent") is True
    if type(fields.get("actor_is_agent")) is bool:
        drop_known(fields, "actor_is_agent", Why.DUPLICATE)
    who = "user" if by_agent and fields.get("user") else "actor"
    event.user_name = pop_identifier(fields, who)
    event.user_id = pop_identifier(fields, f"{who}_id") or event.user_name
    event.user_type = UserType.USER if event.user_id is not None else None
    event.client_ip = pop_address(fields, "actor_ip")
    event.user_agent = pop_text(fields, "user_agent")
    event.outcome_status = Outcome.SUCCESS
    _read_credential(fields, event)
    country = pop_identifier(fields, "actor_location", "country_code")
    event.network = Network(country=country) if country is not None else None
    target = None if by_agent else pop_identifier(fields, "user")
    event.change = Change(target=target, target_type=_USER) if target is not None else None
    if by_agent:
        event.kind, event.operation = Kind.AI_ACCESS, Operation.INVOKE_AGENT
        event.conversation_id = pop_identifier(fields, "agent_session_id")


def parse(fields: Fields) -> AuditEvent:
    """Read one record."""
    happened, created = pop_time(fields, "@timestamp"), pop_time(fields, "created_at")
    event = AuditEvent(provider=_PROVIDER, timestamp=prefer(happened, created))
    if _is_usage(fields):
        event.kind = Kind.AI_ACCESS
        _read_usage(fields, event)
    else:
        event.kind = Kind.AI_CONTROL_PLANE
        _read_action(fields, event)
    drop_keys(fields, _IGNORED_KEYS)
    return event


SOURCE: Final = Source(
    name="github_copilot_audit",
    summary="GitHub's audit log: Copilot's seats and policies, agents' actions, streamed usage records.",
    stability=Stability.BETA,
    never_carries="Prompts and answers, except in streamed usage records.",
    references=(
        "https://docs.github.com/en/organizations/keeping-your-organization-secure/"
        "managing-security-settings-for-your-organization/audit-log-events-for-your-organization",
        "https://docs.github.com/en/copilot/reference/enterprise-administrators/agentic-audit-log-events",
    ),
    markers={"action": _is_action, "github_request_id": _is_usage},
    parse=parse,
)
