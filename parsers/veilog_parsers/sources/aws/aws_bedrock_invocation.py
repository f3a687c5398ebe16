"""Amazon Bedrock's model invocation log: one record per call, with the caller, the model and both bodies.

The caller and the token counts are read from the fields that Bedrock writes, and from the bodies only if these lack
them. ``requestMetadata`` is written by the caller, so a session or a user in it counts only if there is no better one.

These fields stay unmapped on purpose: the S3 paths of bodies that are too large or binary (the only sign of a text that
is not in the record) and messages of errors.
"""

from __future__ import annotations

from typing import Final

from veilog_parsers.bodies import bedrock
from veilog_parsers.bodies.exchange import Exchange
from veilog_parsers.event import AuditEvent, Cloud, Kind, Operation
from veilog_parsers.record.fields import drop, peek, peek_count, pop_count, pop_identifier, pop_sum
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import pop_time
from veilog_parsers.source import Source, Stability
from veilog_parsers.sources.aws.common import AWS, BEDROCK, pop_error_code, pop_model, read_principal

_METADATA: Final = {
    "sessionId": "session_id",
    "session_id": "session_id",
    "userId": "user_id",
    "user_id": "user_id",
    "conversationId": "conversation_id",
    "conversation_id": "conversation_id",
    "traceId": "trace_id",
    "trace_id": "trace_id",
}
"""Usual keys of what callers write, and the fields of the event that they fill."""
_SCHEMA_TYPE: Final = "ModelInvocationLog"


def _says_so(fields: Fields) -> bool:
    return fields.get("schemaType") == _SCHEMA_TYPE


def _has_body(fields: Fields) -> bool:
    """Recognize a record without ``schemaType``, which shippers may drop, by its bodies."""
    sides = (fields.get("input"), fields.get("output"))
    return any(
        type(side) is dict and any(key.startswith(("inputBody", "outputBody")) for key in side) for side in sides
    )


def _read_who(fields: Fields, event: AuditEvent) -> None:
    read_principal(peek(fields, "identity", "arn"), event)
    event.user_id = pop_identifier(fields, "identity", "arn")
    event.tenant_id = pop_identifier(fields, "accountId")
    metadata = fields.get("requestMetadata")
    if type(metadata) is dict:
        for key, field in _METADATA.items():
            if key in metadata and getattr(event, field) is None:
                setattr(event, field, pop_identifier(metadata, key))


def _read_what(fields: Fields, event: AuditEvent) -> None:
    event.provider = BEDROCK
    operation, model = fields.get("operation"), fields.get("modelId")
    if type(model) is str and "embed" in model:
        event.operation = Operation.EMBEDDINGS
    elif type(operation) is str and operation.startswith("Converse"):
        event.operation = Operation.CHAT
    if type(operation) is str and operation:
        event.stream = operation.endswith("Stream")
    event.api_operation = pop_identifier(fields, "operation")
    event.inference_region = pop_identifier(fields, "inferenceRegion")
    event.model_name, resource = pop_model(fields, "modelId")
    event.request_id = pop_identifier(fields, "requestId")
    event.cloud = Cloud(
        provider=AWS, account_id=event.tenant_id, region=pop_identifier(fields, "region"), resource=resource
    )


def _read_counts(fields: Fields, event: AuditEvent) -> None:
    """``inputTokenCount`` excludes the cache's tokens: the three are added, as OpenTelemetry counts them."""
    sent, produced = fields.get("input"), fields.get("output")
    if type(sent) is dict:
        event.cached_input_tokens = peek_count(sent, "cacheReadInputTokenCount")
        event.cache_write_tokens = peek_count(sent, "cacheWriteInputTokenCount")
        event.input_tokens = pop_sum(sent, "inputTokenCount", "cacheReadInputTokenCount", "cacheWriteInputTokenCount")
        drop(sent, "inputContentType")
    if type(produced) is dict:
        event.output_tokens = pop_count(produced, "outputTokenCount")
        drop(produced, "outputContentType")


def _read_bodies(fields: Fields) -> Exchange:
    exchange = Exchange()
    bedrock.read_request(bedrock.open_body(fields, "input", "inputBodyJson"), exchange)
    bedrock.read_response(bedrock.open_body(fields, "output", "outputBodyJson"), exchange)
    return exchange


def parse(fields: Fields) -> AuditEvent:
    """Read one record."""
    event = AuditEvent(kind=Kind.AI_ACCESS, timestamp=pop_time(fields, "timestamp"))
    _read_who(fields, event)
    _read_what(fields, event)
    _read_counts(fields, event)
    pop_error_code(fields, event)
    _read_bodies(fields).apply(event)
    if event.token_count is None and event.input_tokens is not None and event.output_tokens is not None:
        event.token_count = event.input_tokens + event.output_tokens
    drop(fields, "schemaType", "schemaVersion")
    return event


SOURCE: Final = Source(
    name="aws_bedrock_invocation",
    summary="Amazon Bedrock model invocation logging, to CloudWatch Logs or S3, for every model family.",
    stability=Stability.STABLE,
    never_carries="The caller's address and user agent, which CloudTrail has; bodies over 100 KB, which S3 has.",
    references=("https://docs.aws.amazon.com/bedrock/latest/userguide/model-invocation-logging.html",),
    markers={"schemaType": _says_so, "modelId": _has_body},
    parse=parse,
)
