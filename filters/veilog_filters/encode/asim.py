"""Microsoft Sentinel: ASIM, one row of columns for each event.

Calls of models and agents are AgentEvents; the columns satisfy both versions that Microsoft's parsers know (0.1.0 and
1.0.0). All other events are AuditEvents (0.1.2): they have a result, which AgentEvent has not. Whatever has no column
is below ``AdditionalFields``, a dynamic column. The columns for raw text stay empty.
"""

from __future__ import annotations

from typing import Final

from veilog_filters.contracts import Encoder
from veilog_filters.encode.table import Object, Row, Table, elsewhere
from veilog_filters.encode.values import address, name_of_host, now
from veilog_filters.encode.verbs import Activity, activity_of

AGENT_VERSION: Final = "0.1.0"
AUDIT_VERSION: Final = "0.1.2"
_EXTENSION: Final = "AdditionalFields"
_EVENT_TYPES: Final = {
    Activity.CREATE: "Create",
    Activity.READ: "Read",
    Activity.UPDATE: "Set",
    Activity.DELETE: "Delete",
    Activity.OTHER: "Other",
}
_RESULTS: Final[dict[str | None, str]] = {"success": "Success", None: "NA"}
_USER_TYPES: Final = {"user": "Regular", "service": "Service", "role": "Other", "anonymous": "Anonymous"}

_RISKS: Final = {"low": 25, "medium": 50, "high": 100}

_COMMON: Final = (
    Row("timestamp", "TimeGenerated"),
    Row("timestamp", "EventStartTime"),
    Row("timestamp", "EventEndTime", why="An event has one time."),
    Row("user_id", "ActorUserId"),
    Row("user_name", "ActorUsername"),
    Row("session_id", f"{_EXTENSION}.session_id"),
    Row("client_ip", "SrcIpAddr", "if it is an address", transform=address),
    Row("client_ip", f"{_EXTENSION}.client_host", "if it is a host's name, or masked", transform=name_of_host),
    Row("agent.id", "SrcAgentId"),
    Row("agent.name", "SrcAgentName"),
)
AGENT_ROWS: Final = (
    *_COMMON,
    Row("event_id", "EventUid"),
    Row("tenant_id", "ActorUserScopeId"),
    Row("conversation_id", "EventSessionId"),
    Row("request_id", "EventRequestId"),
    Row("api_operation", "EventOriginalType"),
    Row("operation", "EventType"),
    Row("provider", "ModelProviderName"),
    Row("model_name", "ModelName"),
    Row("input_tokens", "InputTokensUsed"),
    Row("output_tokens", "OutputTokensUsed"),
    Row("finish_reasons", "EventFinishReasons"),
    Row("error_code", "EventOriginalErrorType"),
    Row("mcp.tool", "ToolName"),
)
AUDIT_ROWS: Final = (
    *(row for row in _COMMON if not row.target.startswith("SrcAgent")),
    Row("event_id", "EventOriginalUid"),
    Row("tenant_id", "ActorScopeId"),
    Row("session_id", "ActorSessionId"),
    Row("user_type", "ActorUserType", "Regular, Service, Anonymous or Other", transform=_USER_TYPES.get),
    Row("user_type", f"{_EXTENSION}.user_type"),
    Row("user_agent", "HttpUserAgent"),
    Row("api_operation", "Operation"),
    Row("endpoint", "TargetUrl"),
    Row("cloud.resource", "ObjectId"),
    Row("error_code", "EventResultDetails"),
    Row("threats", "ThreatName", "the rule that saw the gravest, with its category and risk", transform=elsewhere),
    Row("threats", f"{_EXTENSION}.threats", why="An event has one threat in its columns."),
)


def _begin_agent() -> Object:
    return _begun("AgentEvent", AGENT_VERSION)


def _begin_audit() -> Object:
    return _begun("AuditEvent", AUDIT_VERSION)


def _begun(schema: str, version: str) -> Object:
    return {
        "EventCount": 1,
        "EventVendor": "veilog",
        "EventProduct": "veilog",
        "EventSchema": schema,
        "EventSchemaVersion": version,
        _EXTENSION: {},
    }


def _complete(event: Object, out: Object) -> None:
    if "TimeGenerated" not in out:
        out["TimeGenerated"] = out["EventStartTime"] = out["EventEndTime"] = now()
    if "user_id" in event:
        out["ActorUserIdType"] = "Other"
    if "user_name" in event:
        out["ActorUsernameType"] = "UPN" if "@" in event["user_name"] else "Simple"


def _finish_agent(event: Object, out: Object) -> None:
    _complete(event, out)
    out.setdefault("EventType", "Other")


def _finish_audit(event: Object, out: Object) -> None:
    _complete(event, out)
    out["Dvc"] = out["DvcHostname"] = event.get("host", "veilog")
    out["EventType"] = _EVENT_TYPES[activity_of(event.get("api_operation", ""))]
    out["EventResult"] = _RESULTS.get(event.get("outcome_status"), "Failure")
    out.setdefault("Operation", event["kind"])
    change = event.get("change", {})
    out["Object"] = change.get("target") or event.get("model_name") or out.get("ObjectId") or event["source"]
    out["ObjectType"] = "Cloud Resource" if "ObjectId" in out else "Service"
    if event.get("threats"):
        gravest = event["threats"][0]
        out["RuleName"] = out["ThreatName"] = gravest["rule_id"]
        out["ThreatCategory"], out["ThreatRiskLevel"] = gravest["family"], _RISKS[gravest["severity"]]
        if "technique" in gravest:
            out["ThreatId"] = gravest["technique"]


AGENT: Final = Table(
    schema="asim_agent_event",
    summary="Microsoft Sentinel, ASIM: AgentEvent for calls of models.",
    version=AGENT_VERSION,
    reference="https://learn.microsoft.com/azure/sentinel/normalization-about-schemas",
    rows=AGENT_ROWS,
    extension=_EXTENSION,
    begin=_begin_agent,
    finish=_finish_agent,
)
AUDIT: Final = Table(
    schema="asim_audit_event",
    summary="Microsoft Sentinel, ASIM: AuditEvent for all else.",
    version=AUDIT_VERSION,
    reference="https://learn.microsoft.com/azure/sentinel/normalization-schema-audit",
    rows=AUDIT_ROWS,
    extension=_EXTENSION,
    begin=_begin_audit,
    finish=_finish_audit,
)
_agent, _audit = AGENT.compiled(), AUDIT.compiled()


def encode(event: Object) -> Object:
    """An event as the row of one of the two tables, by its kind."""
    return _agent(event) if event["kind"] == "ai_access" else _audit(event)


ENCODER: Final = Encoder(
    name="asim",
    summary="Microsoft Sentinel, ASIM: AgentEvent for calls of models, AuditEvent for all else.",
    constants=frozenset(),
    encode=encode,
)
