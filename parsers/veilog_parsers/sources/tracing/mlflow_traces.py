"""MLflow: traces in JSON, as ``Trace.to_json`` and ``mlflow traces get`` write them, one event for each span.

A trace is ``{"info": ..., "data": {"spans": [...]}}``; ``record.pages`` opens it, and gives each span what the info
says of the user and the session. (Spans that MLflow sends by OTLP are read by ``otel_genai``.) Pitfalls:

* Attributes of MLflow are JSON in strings, the single words too: ``"\\"CHAT_MODEL\\""``.
* Version 2 has ``context``, ``start_time`` and ``status_code`` where version 3 has flat names.
* The info has previews of request and response, which are cut off: they count only if there are no spans.
* Costs are in dollars, by MLflow's own prices.

(From mlflow/entities of the repository, version 3, and "Trace Data Structure" of its documentation, read 2026-11-26.)
"""

from __future__ import annotations

import base64
import binascii
from typing import Any, Final

from veilog_parsers.bodies.read import decode_body
from veilog_parsers.bodies.rest import drop_repeated, texts_of
from veilog_parsers.event import AuditEvent
from veilog_parsers.record.fields import drop_keys, ignored_keys, merge, paths, peek, pop, pop_dict
from veilog_parsers.record.raw import Fields
from veilog_parsers.source import Source, Stability
from veilog_parsers.sources.dialect import Dialect, parser_of
from veilog_parsers.sources.facts import facts

_FACTS: Final = facts("""
    request_id              trace_info/client_request_id attributes/mlflow.traceRequestId
                            trace_info/trace_id trace_info/request_id
    trace_id                trace_id context/trace_id
    span_id                 span_id context/span_id
    operation               attributes/mlflow.spanType
    user_id                 trace_info/trace_metadata/mlflow.trace.user
                            trace_info/request_metadata/mlflow.trace.user
    conversation_id         trace_info/trace_metadata/mlflow.trace.session
                            trace_info/request_metadata/mlflow.trace.session
    model_name              attributes/mlflow.llm.model
    provider                attributes/mlflow.llm.provider
    input_tokens            attributes/mlflow.chat.tokenUsage/input_tokens
    output_tokens           attributes/mlflow.chat.tokenUsage/output_tokens
    token_count             attributes/mlflow.chat.tokenUsage/total_tokens
    cached_input_tokens     attributes/mlflow.chat.tokenUsage/cache_read_input_tokens
                            attributes/mlflow.chat.tokenUsage/cache_read_tokens
    cache_write_tokens      attributes/mlflow.chat.tokenUsage/cache_creation_input_tokens
                            attributes/mlflow.chat.tokenUsage/cache_write_tokens
    cost_usd                attributes/mlflow.llm.cost/total_cost
    latency_ms              trace_info/execution_duration_ms trace_info/execution_time_ms
""")
_IGNORED_KEYS: Final = ignored_keys(
    """
    context:plain events:plain links:plain parent_id parent_span_id span_type status:plain status_code status_message
    """
)
_IGNORED_ATTRIBUTES: Final = ignored_keys(
    """
    mlflow.chat.tokenUsage:plain mlflow.chat.tools:objects mlflow.experimentId mlflow.llm.cost:plain
    mlflow.message.format mlflow.spanFunctionName mlflow.spanLogLevel mlflow.spanType mlflow.traceRequestId
    """
)
_IGNORED_INFO: Final = ignored_keys(
    """
    assessments:plain client_request_id execution_duration execution_time_ms:number experiment_id request_id
    request_metadata:plain request_time state status tags:plain timestamp_ms:number trace_id trace_location:plain
    trace_metadata:plain
    """
)
_OWN: Final = "mlflow."


def _is_span(fields: Fields) -> bool:
    attributes = fields.get("attributes")
    return type(attributes) is dict and ("mlflow.spanType" in attributes or "mlflow.traceRequestId" in attributes)


def _is_info(fields: Fields) -> bool:
    return "trace_id" in fields and ("request_preview" in fields or "trace_metadata" in fields)


def _prepare(fields: Fields) -> None:
    """Decode MLflow's attributes, and bring the status of version 3 to where version 2 has it."""
    if "attributes" not in fields and "trace_info" not in fields:
        _make_span(fields)
    attributes = fields.get("attributes")
    if type(attributes) is dict:
        for key, value in attributes.items():
            if key.startswith(_OWN) and type(value) is str:
                attributes[key] = decode_body(value)
    for key in ("trace_id", "span_id"):
        fields[key] = _hex(fields[key]) if key in fields else None
    if type(peek(fields, "status", "code")) is str:
        merge(fields, {"status_code": pop(fields, "status", "code")})


def _hex(value: Any) -> Any:
    """An id of 8 or 16 bytes in hexadecimal, as in OpenTelemetry, if it is in base64."""
    if type(value) is not str or len(value) not in (12, 24):
        return value
    try:
        decoded = base64.b64decode(value, validate=True)
    except binascii.Error:
        return value
    return decoded.hex() if len(decoded) in (8, 16) else value


def _make_span(info: Fields) -> None:
    """Make a span of the info of a trace without spans, with the previews as its inputs and outputs."""
    info["attributes"] = {"mlflow.spanType": "AGENT"}
    info["trace_info"] = {key: info.pop(key) for key in list(info) if key in _IGNORED_INFO}
    for old, new in (("request_preview", "inputs"), ("response_preview", "outputs")):
        if old in info:
            merge(info, {new: info.pop(old)})
    for key in ("request_time", "state"):
        if key in info["trace_info"]:
            info[key] = info["trace_info"].pop(key)


def _finish(fields: Fields, event: AuditEvent) -> None:
    attributes, info = fields.get("attributes"), fields.get("trace_info")
    if type(attributes) is dict:
        tools = attributes.get("mlflow.chat.tools")
        event.tools_offered = event.tools_offered or (len(tools) if type(tools) is list and tools else None)
        drop_keys(attributes, _IGNORED_ATTRIBUTES)
    if type(info) is dict:
        texts = [*texts_of(event.prompt_messages), *texts_of(event.response_messages)]
        drop_repeated(info, texts, "request_preview", "response_preview", "trace_metadata", "tags")
        drop_keys(info, _IGNORED_INFO)
    if fields.get("trace_info") == {}:
        pop_dict(fields, "trace_info")


SOURCE: Final = Source(
    name="mlflow_traces",
    summary="MLflow's traces in JSON: an event for each span, or for a trace without spans.",
    stability=Stability.BETA,
    never_carries="The caller's address; the user, unless the application names it.",
    references=(
        "https://mlflow.org/docs/latest/genai/concepts/trace/",
        "https://github.com/mlflow/mlflow/tree/master/mlflow/entities",
    ),
    markers={"attributes": _is_span, "request_preview": _is_info, "trace_metadata": _is_info},
    parse=parser_of(
        Dialect(
            facts=_FACTS,
            inputs=paths("attributes/mlflow.spanInputs inputs"),
            outputs=paths("attributes/mlflow.spanOutputs outputs"),
            started=paths("start_time_unix_nano start_time_ns start_time request_time"),
            ended=paths("end_time_unix_nano end_time_ns end_time"),
            statuses=paths("status_code state status"),
            name=("name",),
            kinds=paths("attributes/mlflow.spanType"),
            holders=paths("attributes"),
            ignored=_IGNORED_KEYS,
            prepare=_prepare,
            finish=_finish,
        )
    ),
)
