"""Azure Monitor: diagnostic logs of Azure OpenAI and AI Foundry, API Management's gateway logs, the activity log.

These logs differ much. The resource's own RequestResponse category has, despite its name, neither prompt nor response
nor tokens: it tells who called which deployment, when, and for how long. API Management's log has up to four bodies, as
JSON in strings: those of the client, and those of the backend, which differ if a policy of the gateway rewrites them.
The client's count, and what only the backend's have is added. API Management's newer LLM log spreads a call over rows
that share a correlation id: tokens in row 0, the messages of the request in row 1, those of the response in row 2. The
rows of one batch are joined before they are parsed (see ``record.envelopes``). The activity log has the control plane.

Pitfalls: ``properties`` is an object or a JSON string; ``durationMs`` can be negative, and then the .NET ticks in
``requestTime`` and ``responseTime`` are right; caller addresses may be masked; resource ids are in upper case; keys are
in camelCase or, from Log Analytics, in PascalCase and not inside ``properties``.
"""

from __future__ import annotations

import re
from typing import Any, Final

import orjson

from veilog_parsers.bodies.exchange import TOKEN_COUNTS, Exchange
from veilog_parsers.bodies.read import decode_body, open_body, read_exchange, read_request, read_response
from veilog_parsers.errors import ErrorType, RecordError
from veilog_parsers.event import AuditEvent, Cloud, Constant, Kind, Operation, Outcome, SensitiveText, UserType
from veilog_parsers.record.decoding import looks_like_json
from veilog_parsers.record.dropped import Why, note_dropped, prefer
from veilog_parsers.record.envelopes import LLM_ROWS
from veilog_parsers.record.fields import (
    as_identifier,
    dicts,
    drop,
    drop_keys,
    drop_known,
    ignored_keys,
    open_json,
    paths,
    peek,
    pop,
    pop_count,
    pop_first,
    pop_identifier,
    pop_int,
    pop_name,
    pop_number,
    pop_operation,
    pop_text,
    pop_word,
    withhold,
)
from veilog_parsers.record.network import pop_address, pop_endpoint
from veilog_parsers.record.outcomes import outcome_of_error, outcome_of_status, pop_http_status
from veilog_parsers.record.prose import may_hold_prose
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import pop_time
from veilog_parsers.source import Source, Stability

AZURE: Final = Constant("azure")
AZURE_OPENAI: Final = Constant("azure.ai.openai")

_TICKS_PER_MS: Final = 10_000
_SUBSCRIPTION: Final = re.compile(r"/subscriptions/([^/\s]{1,64})", re.IGNORECASE)
_MODEL_IN_URL: Final = re.compile(r"/deployments/([^/?\s]{1,256})")
_AI_RESOURCES: Final = ("microsoft.cognitiveservices", "microsoft.machinelearningservices", "microsoft.botservice")

_ACCESS: Final = frozenset(("requestresponse", "azureopenairequestusage", "trace"))
_GATEWAY: Final = frozenset(("gatewaylogs", "apimanagementgatewaylogs"))

_OPERATIONS: Final = (
    ("chatcompletions", Operation.CHAT),
    ("responses", Operation.CHAT),
    ("embeddings", Operation.EMBEDDINGS),
    ("completions", Operation.TEXT_COMPLETION),
    ("image", Operation.IMAGE_GENERATION),
)
"""Prefixes of Azure's operation names, most specific first."""

_COLUMNS: Final = {
    "TimeGenerated": "time",
    "ResourceId": "resourceId",
    "_ResourceId": "resourceId",
    "OperationName": "operationName",
    "Category": "category",
    "CorrelationId": "correlationId",
    "CallerIpAddress": "callerIpAddress",
    "CallerIPAddress": "callerIpAddress",
    "DurationMs": "durationMs",
    "ResultType": "resultType",
    "ResultSignature": "resultSignature",
    "TenantId": "tenantId",
    "Location": "location",
    "Properties": "properties",
    "ApimSubscriptionId": "apimSubscriptionId",
    "TotalTime": "durationMs",
}
"""Columns of Log Analytics and the keys of diagnostic settings that they stand for."""


_IDENTIFYING: Final = frozenset(
    ("resourceId", "ResourceId", "_ResourceId", "tenantId", "TenantId", "correlationId", "CorrelationId")
)


_IGNORED_KEYS: Final = ignored_keys(
    """
    DeploymentVersion Level Tenant Type category event isRequestSuccess:flag level operationVersion truncated:flag
    """
)
"""Keys that only AI records lose. Of other records everything is kept."""

_API_NAME: Final = re.compile(r"Azure [A-Za-z]{1,16} API version [0-9-]{1,16}(?:preview)?")
"""The name of the API in records of calls to a model."""


def _is_azure(fields: Fields) -> bool:
    """Whether a record is Azure's.

    Other clouds have categories and operation names too, but not these ids or providers.
    """
    operation = fields.get("operationName")
    return not _IDENTIFYING.isdisjoint(fields) or (
        type(operation) is str and operation.lower().startswith("microsoft.")
    )


def _is_gateway_table(fields: Fields) -> bool:
    """Recognize a table of Log Analytics by its name, since some tables have no category."""
    table = fields.get("Type")
    return type(table) is str and (table.lower() in _GATEWAY or table.lower() in LLM_ROWS)


def parse(fields: Fields) -> AuditEvent:
    """Read one record."""
    for column, name in _COLUMNS.items():
        if column in fields and name not in fields:
            fields[name] = fields.pop(column)
    category = fields.get("category") or fields.get("Type")
    category = category.lower() if type(category) is str else ""
    properties = open_json(fields, "properties")
    if type(properties) is str and looks_like_json(properties):
        raise RecordError(ErrorType.MALFORMED_JSON, f"properties of {len(properties)} characters")
    properties = properties if type(properties) is dict else {}
    if category in _GATEWAY or category in LLM_ROWS:
        properties = _camel_cased(properties or fields)
    event = AuditEvent(kind=_kind(category, fields, properties), timestamp=pop_time(fields, "time"))
    _read_who(fields, properties, event)
    _read_what(fields, event)
    _read_outcome(fields, properties, event)
    if event.kind is Kind.AI_ACCESS:
        event.provider = AZURE_OPENAI
        if category in _GATEWAY:
            _read_gateway(properties, event)
        elif category in LLM_ROWS:
            _read_llm_row(properties, event)
        else:
            _read_request(properties, event)
    if event.kind is not Kind.OTHER:
        drop_keys(fields, _IGNORED_KEYS)
    return event


def _camel_cased(columns: Fields) -> Fields:
    """Rename columns in place to their keys in diagnostic logs."""
    for key in list(columns):
        folded = key[:1].lower() + key[1:]
        if folded not in columns:
            columns[folded] = columns.pop(key)
    return columns


def _kind(category: str, fields: Fields, properties: Fields) -> Kind:
    if category in LLM_ROWS:
        return Kind.AI_ACCESS
    if category in _GATEWAY:
        return Kind.AI_ACCESS if _is_model_call(properties) else Kind.OTHER
    resource, operation = fields.get("resourceId"), fields.get("operationName")
    named = f"{resource if type(resource) is str else ''} {operation if type(operation) is str else ''}".lower()
    if category in _ACCESS and (any(name in named for name in _AI_RESOURCES) or "resourceId" not in fields):
        return Kind.AI_ACCESS
    return Kind.AI_CONTROL_PLANE if any(name in named for name in _AI_RESOURCES) else Kind.OTHER


def _is_model_call(properties: Fields) -> bool:
    """Whether a call through API Management is one of a model, by its URL or by the keys of a body."""
    url = properties.get("url") or properties.get("backendUrl") or ""
    if type(url) is str and ("/openai/" in url or "/deployments/" in url or "/chat/completions" in url):
        return True
    bodies = (
        properties.get(key) for key in ("requestBody", "backendRequestBody", "responseBody", "backendResponseBody")
    )
    return any(
        type(body) is str and any(f'"{key}"' in body for key in ("messages", "choices", "prompt", "input"))
        for body in bodies
    )


def _read_who(fields: Fields, properties: Fields, event: AuditEvent) -> None:
    tenant, directory = pop_identifier(fields, "tenantId"), pop_identifier(fields, "tenantID")
    event.tenant_id = tenant or directory
    event.client_ip = pop_address(fields, "callerIpAddress")
    _read_identity(fields, properties, event)
    if event.user_id is None:
        subscription = pop_identifier(properties, "apimSubscriptionId") or pop_identifier(fields, "apimSubscriptionId")
        if subscription is not None:
            event.user_id, event.user_type = subscription, UserType.SERVICE


def _read_identity(fields: Fields, properties: Fields, event: AuditEvent) -> None:
    """The caller: a person with an object id or a name, else an application, else the principal of a role."""
    claims = peek(fields, "identity", "claims")
    claims = claims if type(claims) is dict else {}
    upn = _pop_name(claims)
    object_id = pop_identifier(properties, "objectId") or pop_identifier(claims, _OBJECT_ID_CLAIM)
    application = pop_identifier(claims, "appid")
    event.user_name = pop_text(fields, "caller") or pop_text(fields, "Caller") or upn
    principal = None
    if object_id is None and event.user_name is None and application is None:
        principal = pop_identifier(fields, "identity", "authorization", "evidence", "principalId")
    event.user_id = prefer(object_id or event.user_name, application) or principal
    if event.user_id is not None:
        is_person = peek(fields, "identity", "authorization", "evidence", "principalType") == "User"
        event.user_type = UserType.USER if event.user_name or object_id or is_person else UserType.SERVICE


def _pop_name(claims: Fields) -> SensitiveText | None:
    """Pop the caller's name from the claims of a token: the one to sign in with before the one to show."""
    keys = [key for name in _NAME_CLAIMS for key in claims if key.rpartition("/")[2] == name]
    # Two claims may be called "name", of which one has an address.
    keys.sort(key=lambda key: key.endswith("name") and "@" not in str(claims[key]))
    return next((found for key in keys if (found := pop_name(claims, key)) is not None), None)


_NAME_CLAIMS: Final = ("upn", "preferred_username", "unique_name", "name")
_OBJECT_ID_CLAIM: Final = "http://schemas.microsoft.com/identity/claims/objectidentifier"


def _read_what(fields: Fields, event: AuditEvent) -> None:
    resource = fields.get("resourceId")
    subscription = _SUBSCRIPTION.search(resource) if type(resource) is str else None
    event.cloud = Cloud(
        provider=AZURE,
        account_id=as_identifier(subscription[1]) if subscription else None,
        region=_region(fields),
        resource=pop_identifier(fields, "resourceId"),
    )
    operation = fields.get("operationName")
    event.api_operation = pop_operation(fields, "operationName")
    if event.kind is Kind.AI_ACCESS and type(operation) is str:
        folded = operation.lower().replace("_", "")
        event.operation = next((ours for name, ours in _OPERATIONS if folded.startswith(name)), None)
    event.request_id = pop_identifier(fields, "correlationId")


def _region(fields: Fields) -> SensitiveText | None:
    """Pop the region, by its programmatic name: some categories have ``West Europe`` for ``westeurope``."""
    location = fields.get("location")
    region = as_identifier(location.replace(" ", "").lower()) if type(location) is str else None
    if region is not None:
        pop(fields, "location")
    return region


def _read_outcome(fields: Fields, properties: Fields, event: AuditEvent) -> None:
    event.http_status = _status(fields, properties)
    result = pop_word(fields, "resultType")
    event.outcome_status = outcome_of_status(event.http_status)
    if event.outcome_status is not None:
        prefer(event.outcome_status.value, result, "resultType")
    elif result is not None:
        word = result.lower()
        if word in ("success", "succeeded", "accept", "accepted"):
            event.outcome_status = Outcome.SUCCESS
        elif word.startswith(("fail", "error", "unauthor", "forbid")):
            # The signature tells why: ``Failed.Forbidden``.
            signature = fields.get("resultSignature")
            event.outcome_status = outcome_of_error(f"{word} {signature if type(signature) is str else ''}")
        else:
            fields["resultType"] = result
    # Ticks are integers beyond 2^53: floats would be off by microseconds.
    duration, started = pop_number(fields, "durationMs"), pop_int(properties, "requestTime")
    ended = pop_int(properties, "responseTime")
    if duration is not None and duration >= 0:
        event.latency_ms = duration
    elif started is not None and ended is not None and ended >= started:
        event.latency_ms = round((ended - started) / _TICKS_PER_MS, 3)
        started = ended = None
    else:
        duration = None
    for name, found in (("durationMs", duration), ("requestTime", started), ("responseTime", ended)):
        if found is not None and found != event.latency_ms:
            note_dropped(name, found, Why.DUPLICATE)


def _status(fields: Fields, properties: Fields) -> int | None:
    status = pop_first(pop_http_status, properties, _STATUS)
    return pop_http_status(fields, "resultSignature") if status is None else status


def _read_request(properties: Fields, event: AuditEvent) -> None:
    """Read rows of the RequestResponse and Trace categories and of usage.

    The deployment is a fallback for the model.
    """
    deployment = pop_identifier(properties, "modelDeploymentName")
    model, version = pop_identifier(properties, "modelName"), pop_identifier(properties, "modelVersion")
    event.model_name = prefer(model, deployment)
    event.model_version = version
    event.input_tokens = pop_count(properties, "promptTokens")
    event.output_tokens = pop_count(properties, "completionTokens") or pop_count(properties, "generatedTokens")
    event.token_count = pop_count(properties, "totalTokens")
    if type(name := properties.get("apiName")) is str and _API_NAME.fullmatch(name):
        drop_known(properties, "apiName")
    drop(properties, "apiName", "requestLength", "responseLength", "streamType")


def _read_gateway(properties: Fields, event: AuditEvent) -> None:
    """Read API Management's log of a call: the client's bodies, and what only the backend's have."""
    endpoint = pop_endpoint(properties, "url") or pop_endpoint(properties, "backendUrl")
    if endpoint is not None:
        event.endpoint = SensitiveText(endpoint)
        model = _MODEL_IN_URL.search(endpoint)
        event.model_name = as_identifier(model[1]) if model else None
    bodies = {key: open_body(properties, key) for key in _BODIES}
    for own, backend, lists in _SIDES:
        _drop_shared(bodies[own], bodies[backend], lists)
    exchange = read_exchange(bodies["requestBody"], bodies["responseBody"])
    behind = read_exchange(bodies["backendRequestBody"], bodies["backendResponseBody"])
    _add_backend(exchange, behind)
    # The gateway may stand in front of any model. Bodies in the format of Anthropic, Google or Ollama tell whose it is.
    event.provider = exchange.provider or behind.provider or event.provider
    exchange.apply(event)
    _read_gateway_error(properties, event)
    for key in _HEADERS:
        headers = open_json(properties, key)
        if type(headers) is dict:
            for name in [name for name in headers if name.lower() == "user-agent"]:
                event.user_agent = event.user_agent or pop_text(headers, name)
        withhold(properties, key)
    for key in _BODIES:
        if properties.get(key) == "":
            drop_known(properties, key)
    drop_keys(properties, _IGNORED_GATEWAY_KEYS)


def _read_gateway_error(properties: Fields, event: AuditEvent) -> None:
    """Read the reason why the gateway itself refused a call. The message beside it stays in the record."""
    reason = pop_identifier(properties, "lastErrorReason") or pop_identifier(properties, "lastError", "reason")
    event.error_code = event.error_code or reason


def _drop_shared(own: Any, backend: Any, lists: str) -> None:
    """Remove from the backend's body what the client's has too: the whole body, or equal messages and choices."""
    if type(own) is not dict or type(backend) is not dict:
        return
    if own == backend:
        note_dropped("", dict(backend), Why.TEXT_READ)
        backend.clear()
        return
    known_texts = {_text_of(item) for item in dicts(own.get(lists))}
    if type(backend.get(lists)) is list:
        shared = [item for item in backend[lists] if _text_of(item) in known_texts]
        if shared:
            note_dropped("", shared, Why.TEXT_READ)
            backend[lists] = [item for item in backend[lists] if _text_of(item) not in known_texts]


def _text_of(item: Any) -> bytes:
    """A message as bytes, for comparisons; of a choice only its message, without the results of filters."""
    message = item
    if type(item) is dict and "message" in item:
        besides = {key: value for key, value in item.items() if key != "message"}
        message = item if may_hold_prose(besides) else item["message"]
    try:
        return orjson.dumps(message, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:
        return b""


def _add_backend(exchange: Exchange, backend: Exchange) -> None:
    """Add what only the backend's bodies have; the client's newest turn of the user stays the newest.

    A filter that the backend reports counts even if the client was told of none.
    """
    if not exchange.response:
        exchange.fill(backend, "finish_reasons", "failed", "error_code", "error_outcome")
    elif backend.finish_reasons:
        note_dropped("finish_reason", backend.finish_reasons, Why.DUPLICATE)
    exchange.prompt[:0] = backend.prompt
    exchange.response += backend.response
    exchange.fill(backend, "content_filtered", "tool_calls", "operation", "requested_model", "answered_model")
    exchange.fill(backend, "request_id", "user", "timestamp", *TOKEN_COUNTS)


_SIDES: Final = (
    ("requestBody", "backendRequestBody", "messages"),
    ("responseBody", "backendResponseBody", "choices"),
)
_HEADERS: Final = ("requestHeaders", "responseHeaders", "backendRequestHeaders", "backendResponseHeaders")
"""Headers hold credentials: only the client's user agent is read, the rest is withheld."""

_IGNORED_GATEWAY_KEYS: Final = ignored_keys(
    """
    apiId apiRevision backendId backendMethod backendProtocol backendResponseCode:number backendTime:number
    backendUrl cache:plain cacheTime:number clientProtocol clientTime:number clientTlsVersion isRequestSuccess:flag
    method operationId productId region requestSize:number responseSize:number sourceSystem type
    """
)
_STATUS: Final = paths("responseCode statusCode")
_BODIES: Final = ("requestBody", "backendRequestBody", "responseBody", "backendResponseBody")


def _read_llm_row(row: Fields, event: AuditEvent) -> None:
    """Read the joined rows of a call, or a single one of them."""
    model, deployment = pop_identifier(row, "modelName"), pop_identifier(row, "deploymentName")
    event.model_name = prefer(model, deployment)
    event.input_tokens = pop_count(row, "promptTokens")
    event.output_tokens = pop_count(row, "completionTokens")
    event.token_count = pop_count(row, "totalTokens")
    event.request_id = event.request_id or pop_identifier(row, "correlationId")
    event.operation = event.operation or Operation.CHAT
    exchange = Exchange()
    for key, read in (("requestMessages", read_request), ("responseMessages", read_response)):
        messages = decode_body(row.get(key))
        if type(messages) is str and messages:
            # The log cuts off long messages, which are then no JSON but still texts of the call.
            pop(row, key)
            read(messages, exchange)
        elif type(messages) in (list, dict):
            row[key] = messages
            read(
                {"choices": [{"message": m} for m in messages]}
                if read is read_response and type(messages) is list
                else messages,
                exchange,
            )
    exchange.apply(event)
    drop(row, "isStreamCompletion", "sequenceNumber", "apiVersion", "requestId", "promptCachedTokens")
    drop(row, "sourceSystem", "type")


SOURCE: Final = Source(
    name="azure_monitor",
    summary="Azure OpenAI and AI Foundry diagnostics, API Management gateway and LLM logs, the activity log.",
    stability=Stability.STABLE,
    never_carries="Prompts, responses and tokens in the RequestResponse category; they are in API Management's logs.",
    references=(
        "https://learn.microsoft.com/en-us/azure/azure-monitor/reference/supported-logs/"
        "microsoft-cognitiveservices-accounts-logs",
        "https://learn.microsoft.com/en-us/azure/azure-monitor/reference/tables/apimanagementgatewayllmlog",
    ),
    markers={
        **dict.fromkeys(("operationName", "OperationName", "category", "Category"), _is_azure),
        "Type": _is_gateway_table,
    },
    parse=parse,
)
