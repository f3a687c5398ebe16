"""Google Cloud Audit Logs: who called which Google service, and how the call ended.

Cloud Logging has the calls of all services in ``protoPayload``. Calls of Vertex AI and the Gemini API that use a model
are ``ai_access`` (they are in the data access log, which is off by default), their other calls ``ai_control_plane``,
and calls of other services ``other``: of these only the caller and the operation are read, and the rest stays unmapped.

Pitfalls: ``status`` has the gRPC code, and is missing or empty for success; the caller's address may be ``private`` or
a word for Google's own network, and its key is ``callerIp`` or ``callerIP``; a live session logs its first and its last
entry with the same ``operation``; the model is at the end of the resource's name. Requests usually have no contents; if
an export has them, they are read as texts.
"""

from __future__ import annotations

import re
from typing import Final

from veilog_parsers.bodies import gemini
from veilog_parsers.bodies.exchange import Exchange
from veilog_parsers.bodies.read import open_body
from veilog_parsers.bodies.rest import add_unread_completion, add_unread_prompt
from veilog_parsers.event import AuditEvent, Cloud, Constant, Kind, Operation, Outcome, UserType
from veilog_parsers.record.dropped import Why
from veilog_parsers.record.fields import (
    as_identifier,
    drop,
    drop_keys,
    drop_known,
    ignored_keys,
    peek,
    pop_identifier,
    pop_int,
    pop_str,
    pop_text,
)
from veilog_parsers.record.network import pop_address
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import pop_time
from veilog_parsers.source import Source, Stability

GCP: Final = Constant("gcp")
VERTEX: Final = Constant("gcp.vertex_ai")

_PROVIDERS: Final = {
    "aiplatform.googleapis.com": VERTEX,
    "generativelanguage.googleapis.com": Constant("gcp.gemini"),
}

_MODEL_USE: Final[dict[str, Operation | None]] = {
    "AsyncQueryReasoningEngine": Operation.INVOKE_AGENT,
    "AugmentPrompt": Operation.RETRIEVAL,
    "BatchEmbedContents": Operation.EMBEDDINGS,
    "BidiGenerateContent": Operation.GENERATE_CONTENT,
    "ChatCompletions": Operation.CHAT,
    "ComputeTokens": None,
    "CountTokens": None,
    "DirectPredict": None,
    "DirectRawPredict": None,
    "EmbedContent": Operation.EMBEDDINGS,
    "Explain": None,
    "FindNeighbors": Operation.RETRIEVAL,
    "GenerateAnswer": Operation.GENERATE_CONTENT,
    "GenerateContent": Operation.GENERATE_CONTENT,
    "Predict": None,
    "PredictLongRunning": None,
    "QueryReasoningEngine": Operation.INVOKE_AGENT,
    "RawPredict": None,
    "RetrieveContexts": Operation.RETRIEVAL,
    "ServerStreamingPredict": None,
    "StreamDirectPredict": None,
    "StreamDirectRawPredict": None,
    "StreamGenerateContent": Operation.GENERATE_CONTENT,
    "StreamQueryReasoningEngine": Operation.INVOKE_AGENT,
    "StreamRawPredict": None,
    "StreamingPredict": None,
    "StreamingRawPredict": None,
}
"""Methods that use a model, and their operations; None if the name does not tell."""

_CONTROL: Final = {"CreateReasoningEngine": Operation.CREATE_AGENT}

_CODES: Final = (
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
)
"""gRPC's status codes by number."""
_OUTCOMES: Final = {
    "OK": Outcome.SUCCESS,
    "PERMISSION_DENIED": Outcome.DENIED,
    "UNAUTHENTICATED": Outcome.DENIED,
    "RESOURCE_EXHAUSTED": Outcome.THROTTLED,
}

_PROJECT: Final = re.compile(r"projects/([^/\s]{1,128})")
_LOCATION: Final = re.compile(r"/locations/([^/\s]{1,64})")
_MODEL: Final = re.compile(r"(?:^|/)(?:models|tunedModels|endpoints)/([^/:\s]{1,256})")
_ANONYMOUS: Final = frozenset(("allUsers", "anonymous", "system:anonymous"))

_IGNORED_KEYS: Final = ignored_keys("insertid logName receiveTimestamp receivetimestamp severity")
_IGNORED_PAYLOAD_KEYS: Final = ignored_keys(
    """
    @type at_sign_type authorizationInfo:plain numResponseItems:number resourceLocation:plain serviceName
    """
)
_IGNORED_METADATA_KEYS: Final = ignored_keys("destinationAttributes:plain requestAttributes:plain")
_IGNORED_BODY_KEYS: Final = ignored_keys("@type endpoint model name parent")
"""Keys that only AI entries lose. Of other services' entries everything is kept."""


def _is_audit(fields: Fields) -> bool:
    payload = fields.get("protoPayload")
    return type(payload) is dict and any(
        type(payload.get(key)) is str for key in ("methodName", "serviceName", "@type")
    )


def read_resource(name: object, event: AuditEvent, cloud: Cloud) -> None:
    """Read project, region and model from a resource's name, where they are unknown."""
    if type(name) is not str:
        return
    project, location, model = _PROJECT.search(name), _LOCATION.search(name), _MODEL.search(name)
    if project and event.tenant_id is None:
        event.tenant_id = as_identifier(project[1])
    cloud.account_id = cloud.account_id or event.tenant_id
    if location and cloud.region is None:
        cloud.region = as_identifier(location[1])
    if model and event.model_name is None:
        event.model_name = as_identifier(model[1])


def _kind(payload: Fields) -> Kind:
    service, method = payload.get("serviceName"), payload.get("methodName")
    if type(service) is not str or service not in _PROVIDERS:
        return Kind.OTHER
    used = type(method) is str and method.rpartition(".")[2] in _MODEL_USE
    return Kind.AI_ACCESS if used else Kind.AI_CONTROL_PLANE


def _read_who(payload: Fields, event: AuditEvent) -> None:
    email = peek(payload, "authenticationInfo", "principalEmail")
    subject = peek(payload, "authenticationInfo", "principalSubject")
    event.user_id = pop_identifier(payload, "authenticationInfo", "principalEmail")
    if event.user_id is None:
        event.user_id = pop_identifier(payload, "authenticationInfo", "principalSubject")
    elif type(subject) is str and subject.partition(":")[2] == email:
        drop_known(payload["authenticationInfo"], "principalSubject", Why.DUPLICATE)
    if event.user_id is not None:
        event.user_type = _user_type(str(email or ""), str(subject or ""))
    event.client_ip = pop_address(payload, "requestMetadata", "callerIp") or pop_address(
        payload, "requestMetadata", "callerIP"
    )
    event.user_agent = pop_text(payload, "requestMetadata", "callerSuppliedUserAgent")


def _user_type(email: str, subject: str) -> UserType:
    if email in _ANONYMOUS or subject in _ANONYMOUS:
        return UserType.ANONYMOUS
    if email.endswith("gserviceaccount.com") or subject.startswith(("serviceAccount:", "system:")):
        return UserType.SERVICE
    return UserType.USER


def _read_what(fields: Fields, payload: Fields, event: AuditEvent) -> None:
    service, method = payload.get("serviceName"), payload.get("methodName")
    event.api_operation = pop_identifier(payload, "methodName")
    event.request_id = pop_identifier(fields, "insertId") or pop_identifier(fields, "insertid")
    event.tenant_id = pop_identifier(fields, "resource", "labels", "project_id")
    cloud = event.cloud = Cloud(
        provider=GCP, account_id=event.tenant_id, region=pop_identifier(fields, "resource", "labels", "location")
    )
    name = payload.get("resourceName")
    if event.kind is Kind.OTHER:
        project = _PROJECT.match(name) if type(name) is str else None
        if project and event.tenant_id is None:
            event.tenant_id = cloud.account_id = as_identifier(project[1])
    else:
        event.provider = _PROVIDERS[str(service)]
        short = str(method).rpartition(".")[2]
        event.operation = _MODEL_USE.get(short) or _CONTROL.get(short)
        for found in (
            name,
            peek(payload, "request", "endpoint"),
            peek(payload, "request", "model"),
            peek(payload, "request", "setup", "model"),
            fields.get("logName"),
        ):
            read_resource(found, event, cloud)
    cloud.resource = pop_identifier(payload, "resourceName")


def _read_outcome(payload: Fields, event: AuditEvent) -> None:
    """Read the gRPC code. An unknown code stays in the record and counts as a failure."""
    code = peek(payload, "status", "code")
    if type(code) is int and 0 <= code < len(_CODES):
        pop_int(payload, "status", "code")
        name = _CODES[code]
        event.error_code = Constant(name) if code else None
        event.outcome_status = _OUTCOMES.get(name, Outcome.FAILURE)
    else:
        event.outcome_status = Outcome.SUCCESS if code is None else Outcome.FAILURE
    if peek(payload, "status", "message") == "OK":
        pop_str(payload, "status", "message")


def _read_bodies(payload: Fields, event: AuditEvent) -> None:
    exchange = Exchange()
    request, response = (open_body(payload, key) for key in ("request", "response"))
    for body, read in ((request, gemini.read_request), (response, gemini.read_response)):
        if type(body) is dict:
            drop(body, ("setup", "model"), why=Why.DUPLICATE)
            # In calls that create or change a resource, these keys hold the whole resource.
            drop_keys(body, _IGNORED_BODY_KEYS)
            if event.kind is Kind.AI_ACCESS and body:
                read(body, exchange)
    if event.kind is Kind.AI_ACCESS:
        add_unread_prompt(request, exchange, 0)
        add_unread_completion(response, exchange, 0)
    exchange.operation = event.operation
    exchange.apply(event)


def parse(fields: Fields) -> AuditEvent:
    """Read one record."""
    payload = fields.get("protoPayload")
    payload = payload if type(payload) is dict else {}
    event = AuditEvent(kind=_kind(payload))
    event.timestamp = pop_time(fields, "timestamp") or pop_time(fields, "receiveTimestamp")
    _read_who(payload, event)
    _read_what(fields, payload, event)
    _read_outcome(payload, event)
    if event.kind is Kind.OTHER:
        return event
    _read_bodies(payload, event)
    if event.kind is Kind.AI_ACCESS:
        event.conversation_id = pop_identifier(fields, "operation", "id")
        drop(fields, ("operation", "producer"))
    drop_keys(payload, _IGNORED_PAYLOAD_KEYS)
    if type(payload.get("requestMetadata")) is dict:
        drop_keys(payload["requestMetadata"], _IGNORED_METADATA_KEYS)
    drop(fields, ("resource", "type"), ("resource", "labels", "method"), ("resource", "labels", "service"))
    drop_keys(fields, _IGNORED_KEYS)
    return event


SOURCE: Final = Source(
    name="gcp_audit",
    summary="Google Cloud Audit Logs: calls of Vertex AI and the Gemini API, and of all other services.",
    stability=Stability.BETA,
    never_carries="Prompts, answers and tokens: those are in Vertex AI's request-response log.",
    references=(
        "https://cloud.google.com/logging/docs/reference/audit/auditlog/rest/Shared.Types/AuditLog",
        "https://cloud.google.com/vertex-ai/docs/general/audit-logging",
    ),
    markers={"protoPayload": _is_audit},
    parse=parse,
)
