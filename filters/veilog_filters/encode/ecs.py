"""ECS 9.5 for Elastic: ``gen_ai.*``, ``event.*``, ``related.*``; what ECS has no field for is below ``veilog``.

``gen_ai.response.finish_reasons`` is declared ``nested`` in ECS, which takes objects alone: an index with that mapping
refuses the plain names that providers give, so they stand at ``veilog.finish_reasons``.
"""

from __future__ import annotations

from typing import Final

from veilog_filters import __version__
from veilog_filters.contracts import Encoder
from veilog_filters.encode.table import Object, Row, Table, elsewhere
from veilog_filters.encode.values import address, now, path, url, whole
from veilog_filters.encode.verbs import Activity, activity_of

VERSION: Final = "9.5.0"
_TYPES: Final = {
    Activity.CREATE: "creation",
    Activity.READ: "access",
    Activity.UPDATE: "change",
    Activity.DELETE: "deletion",
    Activity.OTHER: "info",
}
_NANOS_PER_MS: Final = 1_000_000
_HASHES: Final = ("prompt_hash", "system_prompt_hash", "response_hash", "raw_hash")


def _email(value: str) -> str | None:
    return value if "@" in value else None


def _duration(value: float) -> int | None:
    return whole(value * _NANOS_PER_MS)


ROWS: Final = (
    Row("timestamp", "@timestamp"),
    Row("event_id", "event.id"),
    Row("source", "event.provider"),
    Row("organization_id", "organization.id"),
    Row("user_id", "user.id"),
    Row("user_name", "user.name"),
    Row("user_name", "user.email", "if it is an address", transform=_email),
    Row("client_ip", "source.address"),
    Row("client_ip", "source.ip", "if it is an IP address", transform=address),
    Row("network.asn", "source.as.number"),
    Row("network.country", "source.geo.country_name"),
    Row("network.ja3", "tls.client.ja3"),
    Row("user_agent", "user_agent.original"),
    Row("agent.id", "gen_ai.agent.id"),
    Row("agent.name", "gen_ai.agent.name"),
    Row("host", "host.name"),
    Row("k8s.namespace", "orchestrator.namespace"),
    Row("k8s.pod", "orchestrator.resource.name"),
    Row("k8s.container", "container.name"),
    Row("provider", "gen_ai.provider.name"),
    Row("operation", "gen_ai.operation.name"),
    Row("api_operation", "event.action"),
    Row("endpoint", "url.full", "if it is a URL", transform=url),
    Row("endpoint", "url.path", "if it is a path", transform=path),
    Row("model_name", "gen_ai.request.model"),
    Row("model_version", "gen_ai.response.model"),
    Row("request_id", "http.request.id"),
    Row("trace_id", "trace.id"),
    Row("span_id", "span.id"),
    Row("mcp.tool", "gen_ai.tool.name"),
    Row("cloud.provider", "cloud.provider"),
    Row("cloud.account_id", "cloud.account.id"),
    Row("cloud.region", "cloud.region"),
    Row("input_tokens", "gen_ai.usage.input_tokens"),
    Row("output_tokens", "gen_ai.usage.output_tokens"),
    Row("latency_ms", "event.duration", "nanoseconds", transform=_duration),
    Row("request_bytes", "http.request.bytes"),
    Row("response_bytes", "http.response.bytes"),
    Row("outcome_status", "event.reason", why="`event.outcome` tells success, failure and unknown apart, not more."),
    Row("error_code", "error.code"),
    Row("http_status", "http.response.status_code"),
    Row("error_type", "error.type"),
    Row("threats", "threat.technique.id", "techniques of MITRE ATLAS, with threat.framework", transform=elsewhere),
    Row("threats", "tags", "entries of OWASP's list with their year", transform=elsewhere),
    Row("threats", "veilog.threats", why="ECS has one threat for an event, and says not which rule saw it."),
)


def _begin() -> Object:
    return {
        "ecs": {"version": VERSION},
        "event": {"module": "veilog", "kind": "event"},
        "observer": {"vendor": "veilog", "product": "veilog", "type": "filter", "version": __version__},
    }


def _finish(event: Object, out: Object) -> None:
    about = out["event"]
    about["dataset"] = f"veilog.{event['source']}"
    out.setdefault("@timestamp", now())
    if event["kind"] == "quarantine":
        about["kind"] = "pipeline_error"
    elif event["kind"] == "usage":
        about["kind"] = "metric"
    else:
        about["category"], about["type"] = _category(event)
        outcome = event.get("outcome_status")
        about["outcome"] = "unknown" if outcome is None else "success" if outcome == "success" else "failure"
    _add_threats(event, out)
    related = {
        "user": [event[name] for name in ("user_id", "user_name") if name in event],
        "ip": [found for found in (address(event.get("client_ip", "")),) if found],
        "hash": [event[name] for name in _HASHES if name in event],
        "hosts": [event["host"]] if "host" in event else [],
    }
    found = {name: values for name, values in related.items() if values}
    if found:
        out["related"] = found


def _add_threats(event: Object, out: Object) -> None:
    """Add techniques and entries, each once."""
    techniques, entries = (_each(event, name) for name in ("technique", "owasp"))
    if techniques:
        out["threat"] = {"framework": "MITRE ATLAS", "technique": {"id": techniques}}
    if entries:
        out["tags"] = entries


def _each(event: Object, name: str) -> list[str]:
    return list(dict.fromkeys(threat[name] for threat in event.get("threats", ()) if name in threat))


def _category(event: Object) -> tuple[list[str], list[str]]:
    """Categories and types, in pairs that ECS allows."""
    if event["kind"] == "ai_control_plane":
        return ["configuration"], [_TYPES[activity_of(event.get("api_operation", ""))]]
    types = ["access"] if event["kind"] == "ai_access" else ["info"]
    if event.get("outcome_status") in ("denied", "throttled", "content_filtered"):
        types.append("denied")
    elif event.get("outcome_status") == "success":
        types.append("allowed")
    return ["api"], types


TABLE: Final = Table(
    schema="ecs",
    summary="Elastic Common Schema 9.5, with gen_ai fields.",
    version=VERSION,
    reference="https://www.elastic.co/docs/reference/ecs",
    rows=ROWS,
    extension="veilog",
    begin=_begin,
    finish=_finish,
)
ENCODER: Final = Encoder(name="ecs", summary=TABLE.summary, constants=frozenset(), encode=TABLE.compiled())
