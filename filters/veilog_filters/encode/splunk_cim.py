"""Splunk: the envelope of the HTTP Event Collector, with the fields of the Common Information Model (8.5) inside.

The model depends on the kind of the event, as ``sourcetype`` says: calls of models are Web (``veilog:ai_access``),
control-plane operations are Change (``veilog:ai_control_plane``), all else has no model. CIM has no names for what is
particular to AI: those fields keep their own names.
"""

from __future__ import annotations

from typing import Final

from veilog_filters.contracts import Encoder
from veilog_filters.encode.table import Object, Row, Table, elsewhere
from veilog_filters.encode.values import milliseconds, now, url, whole
from veilog_filters.encode.verbs import Activity, activity_of

VERSION: Final = "8.5.0"
_MS_PER_SECOND: Final = 1000
_CHANGES: Final = {
    Activity.CREATE: "created",
    Activity.READ: "read",
    Activity.UPDATE: "modified",
    Activity.DELETE: "deleted",
    Activity.OTHER: "unknown",
}
_ACTIONS: Final = {
    "success": "allowed",
    "failure": "failure",
    "denied": "blocked",
    "throttled": "blocked",
    "content_filtered": "blocked",
}


_STATUSES: Final = frozenset(
    (
        *range(100, 103),
        *range(200, 209),
        226,
        *range(300, 309),
        *(status for status in range(400, 432) if status not in (418, 419, 420, 421, 425, 427, 430)),
        *(status for status in range(500, 512) if status != 509),
    )
)
"""The statuses that the model Web knows. Gateways have others of their own."""


def _status(value: int) -> int | None:
    return value if value in _STATUSES else None


def _seconds(timestamp: str) -> float:
    return milliseconds(timestamp) / _MS_PER_SECOND


ROWS: Final = (
    Row("timestamp", "time", "seconds since 1970", transform=_seconds),
    Row("source", "source"),
    Row("host", "host"),
    Row("tenant_id", "event.tenant_id"),
    Row("user_id", "event.user_id"),
    Row("user_name", "event.user_name"),
    Row("user_department", "event.user_bunit"),
    Row("client_ip", "event.src"),
    Row("user_agent", "event.http_user_agent"),
    Row("user_agent", "event.user_agent", why="Web and Change call it differently."),
    Row("api_operation", "event.command"),
    Row("endpoint", "event.url", "if it is a URL", transform=url),
    Row("endpoint", "event.uri_path"),
    Row("request_bytes", "event.bytes_in"),
    Row("response_bytes", "event.bytes_out"),
    Row("latency_ms", "event.response_time", "whole milliseconds", transform=whole),
    Row("latency_ms", "event.latency_ms"),
    Row(
        "http_status",
        "event.status",
        "if the model Web knows it",
        why="In Change it is success or failure.",
        transform=_status,
    ),
    Row("http_status", "event.http_status"),
    Row("error_code", "event.result_id"),
    Row("cloud.account_id", "event.vendor_account"),
    Row("cloud.region", "event.vendor_region"),
    Row("cloud.provider", "event.cloud_provider"),
    Row("cloud.resource", "event.object_id"),
    Row("cloud.resource", "event.dest"),
    Row("change.target", "event.object"),
    Row("change.target_type", "event.object_category"),
    Row("threats", "event.mitre_technique_id", "techniques of MITRE ATLAS", transform=elsewhere),
    Row("threats", "event.threats"),
)


def _finish(event: Object, out: Object) -> None:
    if "time" not in out:
        out["time"] = _seconds(now())
    kind = event["kind"]
    out["sourcetype"] = f"veilog:{kind}"
    inside = out["event"]
    inside["vendor_product"] = "veilog"
    user = event.get("user_name") or event.get("user_id")
    if user is not None:
        inside["user"] = user
    techniques = dict.fromkeys(found["technique"] for found in event.get("threats", ()) if "technique" in found)
    if techniques:
        inside["mitre_technique_id"] = list(techniques)
    outcome = event.get("outcome_status")
    if kind == "ai_access":
        inside["app"] = event.get("provider") or event["source"]
        inside["category"] = "AI/ML API"
        inside["action"] = _ACTIONS.get(outcome or "", "unknown")
        inside.setdefault("dest", event.get("endpoint") or event.get("provider") or "unknown")
    elif kind == "ai_control_plane":
        inside["action"] = _CHANGES[activity_of(event.get("api_operation", ""))]
        inside["change_type"] = "AI service"
        inside["status"] = "success" if outcome in (None, "success") else "failure"
        inside.setdefault("object", event.get("model_name") or inside.get("object_id") or event["source"])
        inside.setdefault("dest", event["source"])


TABLE: Final = Table(
    schema="splunk_cim",
    summary="Splunk HEC events with fields of the Common Information Model 8.5.",
    version=VERSION,
    reference="https://docs.splunk.com/Documentation/CIM",
    rows=ROWS,
    extension="event",
    begin=lambda: {"event": {}},
    finish=_finish,
)
ENCODER: Final = Encoder(name="splunk_cim", summary=TABLE.summary, constants=frozenset(), encode=TABLE.compiled())
