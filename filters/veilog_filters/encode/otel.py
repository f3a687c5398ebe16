"""OpenTelemetry: a log record with the GenAI attributes, in OTLP's JSON, one document for each event.

The Collector reads such lines with its ``otlpjsonfile`` receiver, or from a port that takes OTLP over HTTP. Through the
Forward protocol each record is such a document: whoever takes it there writes it as it is. Attributes
are those of the GenAI conventions (0.1.0 of their own repository) and of the general ones (1.44); what neither names
begins with ``veilog.``. Objects that have no attributes of their own (tool calls, counts of findings) are key-value
lists.
"""

from __future__ import annotations

import re
from typing import Any, Final

from veilog_filters import __version__
from veilog_filters.contracts import Encoder
from veilog_filters.encode.table import Object, Row, Table, elsewhere
from veilog_filters.encode.values import nanoseconds, now

VERSION: Final = "1.44.0"
_EVENT: Final = "gen_ai.client.inference.operation.details"
_INFO: Final = (9, "INFO")
_WARN: Final = (13, "WARN")
_MS_PER_SECOND: Final = 1000


def _seconds(value: float) -> float:
    return value / _MS_PER_SECOND


_TRACE_ID: Final = re.compile(r"(?!0+$)[0-9A-Fa-f]{32}")
_SPAN_ID: Final = re.compile(r"(?!0+$)[0-9A-Fa-f]{16}")


def _trace_id(value: str) -> str | None:
    return value if _TRACE_ID.fullmatch(value) else None


def _span_id(value: str) -> str | None:
    return value if _SPAN_ID.fullmatch(value) else None


ROWS: Final = (
    Row("timestamp", "timeUnixNano", "nanoseconds since 1970", transform=elsewhere),
    Row("event_id", "log.record.uid"),
    Row("user_id", "user.id"),
    Row("user_name", "user.name"),
    Row("session_id", "session.id"),
    Row("conversation_id", "gen_ai.conversation.id"),
    Row("client_ip", "client.address"),
    Row("user_agent", "user_agent.original"),
    Row("agent.id", "gen_ai.agent.id"),
    Row("agent.name", "gen_ai.agent.name"),
    Row("agent.version", "gen_ai.agent.version"),
    Row("network.country", "geo.country.iso_code"),
    Row("network.ja3", "tls.client.ja3"),
    Row("host", "host.name"),
    Row("k8s.namespace", "k8s.namespace.name"),
    Row("k8s.pod", "k8s.pod.name"),
    Row("k8s.container", "k8s.container.name"),
    Row("k8s.node", "k8s.node.name"),
    Row("provider", "gen_ai.provider.name"),
    Row("operation", "gen_ai.operation.name"),
    Row("endpoint", "url.full"),
    Row("model_name", "gen_ai.request.model"),
    Row("model_version", "gen_ai.response.model"),
    Row("request_id", "gen_ai.response.id"),
    Row("trace_id", "traceId", "if it is 32 hexadecimal digits; else an attribute", transform=_trace_id),
    Row("span_id", "spanId", "if it is 16 hexadecimal digits; else an attribute", transform=_span_id),
    Row("mcp.method", "mcp.method.name"),
    Row("mcp.tool", "gen_ai.tool.name"),
    Row("data_sources", "gen_ai.data_source.id"),
    Row("knowledge_base_id", "aws.bedrock.knowledge_base.id"),
    Row("guardrail.id", "aws.bedrock.guardrail.id"),
    Row("stream", "gen_ai.request.stream"),
    Row("cloud.provider", "cloud.provider"),
    Row("cloud.account_id", "cloud.account.id"),
    Row("cloud.region", "cloud.region"),
    Row("cloud.resource", "cloud.resource_id"),
    Row("input_tokens", "gen_ai.usage.input_tokens"),
    Row("output_tokens", "gen_ai.usage.output_tokens"),
    Row("cached_input_tokens", "gen_ai.usage.cache_read.input_tokens"),
    Row("cache_write_tokens", "gen_ai.usage.cache_creation.input_tokens"),
    Row("reasoning_tokens", "gen_ai.usage.reasoning.output_tokens"),
    Row("latency_ms", "gen_ai.client.operation.duration", "seconds", transform=_seconds),
    Row("time_to_first_token_ms", "gen_ai.response.time_to_first_chunk", "seconds", transform=_seconds),
    Row("request_bytes", "http.request.body.size"),
    Row("response_bytes", "http.response.body.size"),
    Row("error_code", "error.type"),
    Row("http_status", "http.response.status_code"),
    Row("finish_reasons", "gen_ai.response.finish_reasons"),
)


def _finish(event: Object, out: Object) -> None:
    """Make of the attributes a log record, its scope, its resource and the document around them."""
    is_call = event["kind"] == "ai_access"
    number, text = _INFO if event.get("outcome_status", "success") == "success" else _WARN
    record: Object = {
        "timeUnixNano": nanoseconds(event.get("timestamp") or now()),
        "severityNumber": number,
        "severityText": text,
        "eventName": _EVENT if is_call else f"veilog.{event['kind']}",
        **{name: out.pop(name) for name in ("traceId", "spanId") if name in out},
        "attributes": [{"key": key, "value": _value(value)} for key, value in out.items()],
    }
    resource = [{"key": "service.name", "value": {"stringValue": "veilog"}}]
    scope = {"name": "veilog", "version": __version__}
    out.clear()
    out["resourceLogs"] = [
        {"resource": {"attributes": resource}, "scopeLogs": [{"scope": scope, "logRecords": [record]}]}
    ]


def _value(value: Any) -> Object:
    """A value as OTLP's JSON has it: integers in strings, since they have 64 bits."""
    kind = type(value)
    if kind is bool:
        return {"boolValue": value}
    if kind is int:
        return {"intValue": str(value)}
    if kind is float:
        return {"doubleValue": value}
    if kind is list:
        return {"arrayValue": {"values": [_value(item) for item in value]}}
    if kind is dict:
        return {"kvlistValue": {"values": [{"key": key, "value": _value(item)} for key, item in value.items()]}}
    return {} if value is None else {"stringValue": str(value)}


TABLE: Final = Table(
    schema="otel",
    summary="OpenTelemetry log records with GenAI attributes, in OTLP's JSON.",
    version=VERSION,
    reference="https://opentelemetry.io/docs/specs/semconv/gen-ai/",
    rows=ROWS,
    extension="veilog",
    is_flat=True,
    finish=_finish,
    note=(
        "One document of OTLP's JSON for each event: a line of `veilog filter`, which the Collector's `otlpjsonfile` "
        "receiver reads, or a record of the Forward protocol. The targets are attributes of its log record, but "
        "`timeUnixNano`, `traceId` and `spanId`, which are its own."
    ),
)
ENCODER: Final = Encoder(name="otel", summary=TABLE.summary, constants=frozenset(), encode=TABLE.compiled())
