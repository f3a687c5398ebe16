"""Databricks: inference tables and usage of model serving, and the audit log of its AI services.

A row of an inference table is a call of a serving endpoint with the bodies of request and response as JSON. Rows of
AI Gateway's tables have the requester and the served entity as well; those of older endpoints have their names in
``request_metadata``. A row of ``system.serving.endpoint_usage`` has the tokens instead of the bodies.

The audit log has records of all services. Those of model serving, vector search, Genie, agents and the model registry
are read; all others are no AI logs. Queries and conversations are ``ai_access``, the rest is ``ai_control_plane``. The
delivered JSON spells names with capitals (``serviceName``), the system table ``system.access.audit`` with underscores.
A parameter that is a question (``content``, ``query_text``) is the user's text.

Times are epoch milliseconds, or RFC 3339; durations are milliseconds.

Read from Databricks' documentation (audit log reference, inference tables, ``system.serving``) as of 2026-11-26.
"""

from __future__ import annotations

from typing import Any, Final

from veilog_parsers.bodies.exchange import Exchange
from veilog_parsers.bodies.read import open_body, read_exchange
from veilog_parsers.bodies.turns import add_prompt_content
from veilog_parsers.event import AuditEvent, Change, Cloud, Constant, Kind, Operation, Role, SensitiveText, UserType
from veilog_parsers.record.changes import is_on
from veilog_parsers.record.fields import (
    drop,
    drop_keys,
    ignored_keys,
    open_json,
    paths,
    pop_count,
    pop_first,
    pop_identifier,
    pop_text,
)
from veilog_parsers.record.network import pop_address
from veilog_parsers.record.outcomes import outcome_of_status, pop_http_status
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import pop_elapsed, pop_time
from veilog_parsers.source import Source, Stability

_PROVIDER: Final = Constant("databricks")
_SERVICES: Final = (
    "agentEvaluation",
    "agentFramework",
    "aibiGenie",
    "genie",
    "modelRegistry",
    "serverlessRealTimeInference",
    "vectorSearch",
)
_USES: Final = (
    ("queryvectorindex", Operation.RETRIEVAL),
    ("scanvectorindex", Operation.RETRIEVAL),
    ("conversation", Operation.CHAT),
    ("message", Operation.CHAT),
    ("queryservingendpoint", None),
    ("queryinferenceendpoint", None),
)
"""Parts of names of actions that use a model or an index, in lower case, and the operation that each stands for."""
_QUESTIONS: Final = ("content", "query_text", "queryText", "question", "prompt")
_TARGETS: Final = paths("endpoint_name endpointName index_name indexName space_id spaceId name full_name id")
_SWITCHES: Final = ("enabled", "isEnabled", "is_enabled")

_IGNORED_ROW_KEYS: Final = ignored_keys(
    """
    date logging_error_codes:list request_date request_streaming:flag sampling_fraction:number schema_version
    """
)
_IGNORED_AUDIT_KEYS: Final = ignored_keys(
    """
    MAX_LOG_MESSAGE_LENGTH:number auditLevel audit_level event_date event_id orgId shardName version workspace_id
    workspaceId
    """
)


def _is_row(fields: Fields) -> bool:
    return not fields.keys().isdisjoint(
        ("request", "response", "input_token_count", "execution_time_ms", "request_time")
    )


def _is_audit(fields: Fields) -> bool:
    service = fields.get("serviceName", fields.get("service_name"))
    action = fields.get("actionName", fields.get("action_name"))
    return type(service) is str and service in _SERVICES and type(action) is str


def _parse_row(fields: Fields) -> AuditEvent:
    """Read a call of a serving endpoint."""
    event = AuditEvent(
        kind=Kind.AI_ACCESS,
        provider=_PROVIDER,
        timestamp=pop_first(pop_time, fields, paths("request_time timestamp_ms")),
        tenant_id=pop_first(pop_identifier, fields, paths("account_id workspace_id")),
        request_id=pop_identifier(fields, "databricks_request_id"),
        trace_id=pop_identifier(fields, "client_request_id"),
        user_id=pop_identifier(fields, "requester"),
        deployment=pop_first(
            pop_identifier,
            fields,
            paths("request_metadata/endpoint_name endpoint_name served_entity_name served_entity_id"),
        ),
        model_name=pop_first(pop_identifier, fields, paths("request_metadata/model_name entity_name")),
        model_version=pop_identifier(fields, "request_metadata", "model_version"),
        http_status=pop_http_status(fields, "status_code"),
        latency_ms=pop_first(pop_elapsed, fields, paths("execution_duration_ms execution_time_ms")),
        input_tokens=pop_count(fields, "input_token_count"),
        output_tokens=pop_count(fields, "output_token_count"),
    )
    event.user_type = _user_type(event)
    event.outcome_status = outcome_of_status(event.http_status)
    streamed = fields.get("request_streaming")
    event.stream = streamed if type(streamed) is bool else None
    open_json(fields, "request_metadata")
    read_exchange(open_body(fields, "request"), open_body(fields, "response")).apply(event)
    drop(fields, "input_character_count", "output_character_count", "timestamp_ms")
    drop_keys(fields, _IGNORED_ROW_KEYS)
    return event


def _user_type(event: AuditEvent) -> UserType | None:
    """People have e-mail addresses; service principals have ids."""
    if not isinstance(event.user_id, SensitiveText):
        return None
    return UserType.USER if "@" in event.user_id.reveal() else UserType.SERVICE


def _read_who(fields: Fields, event: AuditEvent) -> None:
    event.tenant_id = pop_first(pop_identifier, fields, paths("accountId account_id"))
    event.user_id = pop_first(
        pop_identifier, fields, paths("userIdentity/email user_identity/email identity_metadata/run_by")
    )
    event.user_name = pop_first(pop_identifier, fields, paths("userIdentity/subjectName user_identity/subject_name"))
    event.user_id = event.user_id or event.user_name
    event.user_type = _user_type(event)
    event.session_id = pop_first(pop_identifier, fields, paths("sessionId session_id"))
    event.client_ip = pop_first(pop_address, fields, paths("sourceIPAddress source_ip_address"))
    event.user_agent = pop_first(pop_text, fields, paths("userAgent user_agent"))


def _parse_audit(fields: Fields) -> AuditEvent:
    """Read a record of the audit log."""
    action: Any = fields.get("actionName", fields.get("action_name"))
    lower = action.lower() if type(action) is str else ""
    use = next(((part, operation) for part, operation in _USES if part in lower), None)
    event = AuditEvent(
        kind=Kind.AI_CONTROL_PLANE if use is None else Kind.AI_ACCESS,
        operation=None if use is None else use[1],
        provider=_PROVIDER,
        timestamp=pop_first(pop_time, fields, paths("timestamp event_time")),
        api_operation=pop_first(pop_identifier, fields, paths("actionName action_name")),
        endpoint=pop_first(pop_identifier, fields, paths("serviceName service_name")),
        request_id=pop_first(pop_identifier, fields, paths("requestId request_id")),
        http_status=pop_first(pop_http_status, fields, paths("response/statusCode response/status_code")),
    )
    event.outcome_status = outcome_of_status(event.http_status)
    workspace = pop_first(pop_identifier, fields, paths("workspaceId workspace_id orgId"))
    event.cloud = Cloud(provider=_PROVIDER, account_id=workspace) if workspace is not None else None
    _read_who(fields, event)
    for key in ("requestParams", "request_params"):
        parameters = open_json(fields, key)
        if type(parameters) is dict:
            _read_parameters(parameters, event)
            break
    drop_keys(fields, _IGNORED_AUDIT_KEYS)
    return event


def _read_parameters(parameters: Fields, event: AuditEvent) -> None:
    target = pop_first(pop_identifier, parameters, _TARGETS)
    if event.kind is Kind.AI_ACCESS:
        event.deployment = target
        event.conversation_id = pop_first(pop_identifier, parameters, paths("conversation_id conversationId"))
        exchange = Exchange(operation=event.operation)
        for key in _QUESTIONS:
            add_prompt_content(parameters, key, Role.USER, exchange)
        exchange.apply(event)
        return
    change = Change(target=target, target_type=event.endpoint if target is not None else None)
    for key in _SWITCHES:
        if change.enabled is None and (enabled := is_on(parameters.get(key))) is not None:
            change.enabled = enabled
            del parameters[key]
    event.change = change if change != Change() else None


def parse(fields: Fields) -> AuditEvent:
    """Read one row of an inference or usage table, or one record of the audit log."""
    return _parse_row(fields) if "databricks_request_id" in fields else _parse_audit(fields)


SOURCE: Final = Source(
    name="databricks",
    summary="Databricks: inference tables and usage of model serving, and the audit log of its AI services.",
    stability=Stability.BETA,
    never_carries="Addresses of callers of endpoints; texts in audit and usage records, but for questions to Genie.",
    references=(
        "https://docs.databricks.com/aws/en/admin/account-settings/audit-logs",
        "https://docs.databricks.com/aws/en/ai-gateway/inference-tables",
        "https://docs.databricks.com/aws/en/admin/system-tables/model-serving-cost",
    ),
    markers={
        "databricks_request_id": _is_row,
        **dict.fromkeys(("serviceName", "service_name"), _is_audit),
    },
    parse=parse,
)
