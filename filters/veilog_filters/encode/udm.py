"""Google SecOps: the Unified Data Model, in the JSON of its ingestion API (camelCase).

UDM has no type of event and no field for AI: a call is a user's access to a resource, the model. What has no field is
below ``additional``, a struct.
"""

from __future__ import annotations

from typing import Final

from veilog_filters.contracts import Encoder
from veilog_filters.encode.table import Object, Row, Table, elsewhere
from veilog_filters.encode.values import address, name_of_host, now
from veilog_filters.encode.verbs import Activity, activity_of

_USER_EVENTS: Final = {
    Activity.CREATE: "USER_RESOURCE_CREATION",
    Activity.READ: "USER_RESOURCE_ACCESS",
    Activity.UPDATE: "USER_RESOURCE_UPDATE_CONTENT",
    Activity.DELETE: "USER_RESOURCE_DELETION",
    Activity.OTHER: "USER_RESOURCE_ACCESS",
}
_EVENTS: Final = {
    Activity.CREATE: "RESOURCE_CREATION",
    Activity.READ: "RESOURCE_READ",
    Activity.UPDATE: "RESOURCE_WRITTEN",
    Activity.DELETE: "RESOURCE_DELETION",
    Activity.OTHER: "RESOURCE_READ",
}
_ENVIRONMENTS: Final = {
    "aws": "AMAZON_WEB_SERVICES",
    "azure": "MICROSOFT_AZURE",
    "gcp": "GOOGLE_CLOUD_PLATFORM",
}
_ACTIONS: Final = {
    "success": "ALLOW",
    "failure": "FAIL",
    "denied": "BLOCK",
    "throttled": "BLOCK",
    "content_filtered": "BLOCK",
}
_ACCOUNTS: Final = {"user": "CLOUD_ACCOUNT_TYPE", "service": "SERVICE_ACCOUNT_TYPE", "role": "CLOUD_ACCOUNT_TYPE"}
_MAX_PRODUCT_EVENT_CHARS: Final = 64
_TOP_LEVEL: Final = "Google documents how a query asks for a key of `additional`, not for one of an object in it."


def _short(value: str) -> str | None:
    return value if len(value) <= _MAX_PRODUCT_EVENT_CHARS else None


def _listed(value: str) -> list[str]:
    return [value]


def _email(value: str) -> list[str] | None:
    return [value] if "@" in value else None


def _addresses(value: str) -> list[str] | None:
    return [value] if address(value) else None


ROWS: Final = (
    Row("timestamp", "metadata.eventTimestamp"),
    Row("event_id", "metadata.productLogId"),
    Row("api_operation", "metadata.productEventType", "of at most 64 characters", transform=_short),
    Row("tenant_id", "principal.namespace"),
    Row("user_id", "principal.user.userid"),
    Row("user_name", "principal.user.userDisplayName"),
    Row("user_name", "principal.user.emailAddresses", "if it is an address", transform=_email),
    Row("user_type", "principal.user.accountType", "an account type of UDM", transform=_ACCOUNTS.get),
    Row("user_type", "additional.user_type"),
    Row("user_department", "principal.user.department", "the one of a list", transform=_listed),
    Row("session_id", "network.sessionId"),
    Row("client_ip", "principal.ip", "the one of a list, if it is an address", transform=_addresses),
    Row("client_ip", "principal.hostname", "if it is a host's name, or masked", transform=name_of_host),
    Row("user_agent", "network.http.userAgent"),
    Row("host", "observer.hostname"),
    Row("endpoint", "target.url"),
    Row("provider", "target.application"),
    Row("model_name", "target.resource.name"),
    Row("cloud.resource", "target.resource.productObjectId"),
    Row(
        "cloud.provider",
        "target.resource.attribute.cloud.environment",
        "an environment of UDM",
        transform=_ENVIRONMENTS.get,
    ),
    Row("cloud.provider", "additional.cloud.provider"),
    Row("cloud.region", "target.location.name"),
    Row("request_bytes", "network.sentBytes"),
    Row("response_bytes", "network.receivedBytes"),
    Row("http_status", "network.http.responseCode"),
    Row("guardrail.action", "additional.guardrail_action", why=_TOP_LEVEL),
    Row("redaction.policy", "additional.redaction_policy", why=_TOP_LEVEL),
    Row("redaction.status", "additional.redaction_status", why=_TOP_LEVEL),
    Row("threats", "securityResult", "one result for each, behind the outcome", transform=elsewhere),
    Row(
        "threats",
        "additional.threats",
        why="A result does not say where the text stands, and how well the rule is known.",
    ),
)


def _begin() -> Object:
    return {"metadata": {"vendorName": "veilog", "productName": "veilog", "logType": "VEILOG"}, "additional": {}}


def _finish(event: Object, out: Object) -> None:
    about = out["metadata"]
    about.setdefault("eventTimestamp", now())
    kind, activity = event["kind"], activity_of(event.get("api_operation", ""))
    principal = out.setdefault("principal", {})
    if kind in ("other", "quarantine", "usage"):
        about["eventType"] = "GENERIC_EVENT"
    else:
        about["eventType"] = (_USER_EVENTS if "user" in principal else _EVENTS)[activity]
        resource = out.setdefault("target", {}).setdefault("resource", {})
        if kind == "ai_access":
            resource["resourceSubtype"] = "AI model"
        resource.setdefault("name", event.get("change", {}).get("target") or event["source"])
    if not principal or principal.keys() == {"namespace"}:
        principal["application"] = event["source"]
    result: Object = {}
    outcome = event.get("outcome_status")
    if outcome is not None:
        result["action"] = [_ACTIONS[outcome]]
    if "error_code" in event:
        result["summary"] = event["error_code"]
    if event.get("data_categories"):
        result["categoryDetails"] = event["data_categories"]
    results = [*([result] if result else ()), *map(_threat, event.get("threats", ()))]
    if results:
        out["securityResult"] = results


def _threat(threat: Object) -> Object:
    """A threat as a security result."""
    result: Object = {
        "ruleName": threat["rule_id"],
        "severity": threat["severity"].upper(),
        "categoryDetails": [threat["family"]],
    }
    if "technique" in threat:
        result["attackDetails"] = {"techniques": [{"id": threat["technique"]}]}
    if "owasp" in threat:
        result["detectionFields"] = [{"key": "owasp", "value": threat["owasp"]}]
    return result


TABLE: Final = Table(
    schema="udm",
    summary="Google SecOps: Unified Data Model events, in the ingestion API's JSON.",
    version="2026-04",
    reference="https://cloud.google.com/chronicle/docs/reference/udm-field-list",
    rows=ROWS,
    extension="additional",
    begin=_begin,
    finish=_finish,
)
ENCODER: Final = Encoder(name="udm", summary=TABLE.summary, constants=frozenset(), encode=TABLE.compiled())
