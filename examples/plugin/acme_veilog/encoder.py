"""An encoder: events as Acme's SIEM wants them."""

from __future__ import annotations

from typing import Any, Final

from veilog_filters.api import Encoder, constants_in

_FIELDS: Final = {
    "time": "timestamp",
    "id": "event_id",
    "origin": "source",
    "kind": "kind",
    "who": "user_id",
    "model": "model_name",
    "prompt_hash": "prompt_hash",
    "label": "prompt_classification",
    "found": "findings",
    "text": "content",
    "reason": "error_type",
    "length": "raw_bytes",
}
"""Key of Acme's schema to field of veilog/1."""
_SEVERITIES: Final = {"success": "info", "denied": "warning", "failure": "error"}
_ALERT: Final = ("alert", "about", "restricted data")
_VERSION: Final = "acme-siem/3"


def encode(event: dict[str, Any]) -> dict[str, Any]:
    """Write one event. It is a JSON object of veilog/1, in which nothing stands that may not leave."""
    encoded: dict[str, Any] = {"version": _VERSION}
    for key, field in _FIELDS.items():
        if field in event:
            encoded[key] = event[field]
    encoded["severity"] = _SEVERITIES.get(event.get("outcome_status", ""), "info")
    if "model_name" in event:
        encoded["title"] = f"{event.get('operation', 'call')}: {event['model_name']}"
    return encoded


def alerts(event: dict[str, Any]) -> list[dict[str, Any]]:
    """The records that are written after that of the event, and name it by its id: an alert for restricted data."""
    if event.get("response_classification") != "restricted":
        return []
    return [{"version": _VERSION, "severity": "alert", "about": event["event_id"], "title": "restricted data"}]


ENCODER: Final = Encoder(
    name="acme_siem",
    summary="The schema of Acme's SIEM, version 3.",
    constants=constants_in("version", "severity", "title", "call", "info", _VERSION, _FIELDS, _SEVERITIES, _ALERT),
    encode=encode,
    further=alerts,
)
