"""Amazon Bedrock AgentCore: the logs of its runtimes, gateways, memories and tools.

All are OpenTelemetry log records with keys of AWS: ``resource_arn`` names the resource that logs, ``attributes`` and
``resource`` repeat the ids, and each kind of resource has its own ``body``. A runtime's body is the payload that the
agent's author designed: the prompt is a string, a list of turns, an object, or a text under another key. A code
interpreter's payload may be cut off (``truncatedPayload``). A gateway has the called tool only in a sentence. A
memory's body has the conversation that it processed.

Pitfalls: ``timeUnixNano`` is a number beyond 2^53, so shippers written in Lua or JavaScript round it;
``event_timestamp`` is the time of logging, up to seconds later; and the session is the conversation, since the runtime
keeps the context of an agent for each session. Usage records measure a session every second: they are no calls, so
``other``.
"""

from __future__ import annotations

import re
from typing import Final

from veilog_parsers.bodies.exchange import Exchange
from veilog_parsers.bodies.turns import Turn, add_completion_turn, add_prompt_messages
from veilog_parsers.errors import ErrorType, RecordError
from veilog_parsers.event import AuditEvent, Cloud, Kind, Operation, Outcome, ToolCall
from veilog_parsers.record.decoding import looks_like_json
from veilog_parsers.record.dropped import Why
from veilog_parsers.record.fields import (
    as_identifier,
    dicts,
    drop,
    drop_keys,
    drop_known,
    ignored_keys,
    open_json,
    peek,
    pop_identifier,
    pop_int,
    remainder,
)
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import parse_time, pop_time
from veilog_parsers.source import Source, Stability
from veilog_parsers.sources.aws.common import (
    AWS,
    BEDROCK,
    parent_without_placeholder,
    read_any_request,
    read_any_response,
    read_call,
    read_result,
)

_SERVICE: Final = "bedrock-agentcore"
_ERROR_SEVERITY: Final = 17
"""The lowest ``severityNumber`` of errors in OpenTelemetry."""

_OPERATIONS: Final = {
    "runtime": Operation.INVOKE_AGENT,
    "gateway": Operation.EXECUTE_TOOL,
    "code-interpreter": Operation.EXECUTE_TOOL,
    "code-interpreter-custom": Operation.EXECUTE_TOOL,
    "browser": Operation.EXECUTE_TOOL,
    "browser-custom": Operation.EXECUTE_TOOL,
}
"""Operations by the type of the resource that logs."""

_TOOL_IN_SENTENCE: Final = re.compile(r"\btool ([A-Za-z0-9_.:/-]{1,256})")
"""The tool in the sentence of a gateway: ``Processing request for tool orders___find from target 7QX2M4``."""

_ANSWER_KEYS: Final = ("result", "response", "answer", "output", "message")
"""Usual keys of an agent's response."""

_IGNORED_ATTRIBUTES: Final = ignored_keys(
    """
    account.id actor.id aws.account.id aws.operation.name aws.request.id aws.resource.type resource.id session.id
    cloud.platform cloud.provider cloud.region cloud.resource_id service.name toolsession.id
    """
)
_IGNORED_KEYS: Final = ignored_keys(
    """
    observedTimeUnixNano service_name severityNumber:number severityText spanId span_id timeUnixNano event_timestamp
    """
)


def _names_agentcore(fields: Fields) -> bool:
    arn = fields.get("resource_arn")
    return type(arn) is str and arn.startswith("arn:") and f":{_SERVICE}:" in arn[:64]


def _read_who(fields: Fields, body: Fields, event: AuditEvent) -> None:
    """Read account, actor and session, which are top-level fields or attributes."""
    account = pop_identifier(fields, "account_id")
    for key in ("aws.account.id", "account.id"):
        account = account or pop_identifier(fields, "attributes", key)
    event.tenant_id = account
    event.user_id = (
        pop_identifier(fields, "actor_id")
        or pop_identifier(body, "request_payload", "actor_id")
        or pop_identifier(fields, "attributes", "actor.id")
    )
    event.conversation_id = pop_identifier(fields, "session_id") or pop_identifier(fields, "attributes", "session.id")
    event.session_id = pop_identifier(fields, "tool_session_id")


def _read_what(fields: Fields, body: Fields, event: AuditEvent) -> None:
    arn = fields.get("resource_arn")
    parts = arn.split(":", 5) if type(arn) is str else []
    region, account, resource = parts[3:6] if len(parts) == 6 else ("", "", "")
    if account.isdigit():
        event.tenant_id = event.tenant_id or as_identifier(account)
    event.provider = BEDROCK
    event.operation = _OPERATIONS.get(resource.partition("/")[0])
    event.api_operation = pop_identifier(fields, "operation") or pop_identifier(
        fields, "attributes", "aws.operation.name"
    )
    event.request_id = (
        pop_identifier(fields, "request_id")
        or pop_identifier(body, "requestId")
        or pop_identifier(fields, "attributes", "aws.request.id")
    )
    event.cloud = Cloud(
        provider=AWS,
        account_id=event.tenant_id,
        region=as_identifier(region),
        resource=pop_identifier(fields, "resource_arn"),
    )


def _read_outcome(fields: Fields, body: Fields, event: AuditEvent) -> None:
    failed = body.get("isError")
    if type(failed) is bool:
        drop_known(body, "isError", Why.DUPLICATE)
    severity = fields.get("severityNumber")
    if failed is True or (type(severity) is int and severity >= _ERROR_SEVERITY):
        event.outcome_status = Outcome.FAILURE
    else:
        event.outcome_status = Outcome.SUCCESS


def _read_request(body: Fields, exchange: Exchange) -> None:
    parent_without_placeholder(body, ("request_payload",))
    payload = open_json(body, "request_payload")
    if type(payload) is dict:
        _read_request_payload(payload, exchange)
    elif type(payload) is list:
        add_prompt_messages(payload, exchange)
    if not exchange.prompt:
        read_any_request(body, "request_payload", exchange)
    for key in ("requestBody", "request_body"):
        if key in body:
            read_any_request(parent_without_placeholder(body, (key,)), key, exchange)


def _read_request_payload(payload: Fields, exchange: Exchange) -> None:
    """Read what an agent or a tool was called with: messages, or the arguments of a tool, also cut off."""
    for key in ("prompt", "input", "messages"):
        messages = payload.get(key)
        if type(messages) is dict and "role" in messages:
            messages = payload[key] = [messages]
        if type(messages) is list and dicts(messages[:1]):
            add_prompt_messages(messages, exchange)
    cut = open_json(payload, "truncatedPayload")
    if type(cut) is dict and "arguments" in cut:
        read_call(cut, exchange)
    elif cut:
        read_any_request(payload, "truncatedPayload", exchange)
    if "arguments" in payload:
        read_call(payload, exchange)


def _read_response(body: Fields, exchange: Exchange) -> None:
    parent_without_placeholder(body, ("response_payload",))
    payload = open_json(body, "response_payload")
    if type(payload) is list:
        for message in dicts(payload):
            _add_completion(message, exchange)
    elif type(payload) is dict:
        _read_response_payload(body, payload, exchange)
    if not exchange.response:
        read_any_response(body, "response_payload", exchange)
    for key in ("responseBody", "response_body"):
        if key in body:
            read_any_response(parent_without_placeholder(body, (key,)), key, exchange)


def _read_response_payload(body: Fields, payload: Fields, exchange: Exchange) -> None:
    """Read the result of a tool, a message of the agent, or an object with the agent's text under a usual key."""
    if "isError" in payload or "structuredContent" in payload:
        # Code interpreters write every field of a content block, most of them null.
        payload = body["response_payload"] = remainder(payload)
        read_result(payload, exchange)
    elif "role" in payload:
        _add_completion(payload, exchange)
    else:
        turn = Turn()
        for key in _ANSWER_KEYS:
            if type(payload.get(key)) is str:
                turn.add_content(payload, key)
        add_completion_turn(turn, exchange)


def _add_completion(message: Fields, exchange: Exchange) -> None:
    drop(message, "role")
    turn = Turn()
    turn.add_block(message)
    add_completion_turn(turn, exchange)


def _read_conversation(body: Fields, exchange: Exchange) -> None:
    """Read the conversation that a memory processed. Its roles are in upper case."""
    turns = dicts(body.get("currentConversations"))
    for turn in turns:
        role = turn.get("role")
        if type(role) is str:
            turn["role"] = role.lower()
    add_prompt_messages(turns, exchange)


def _read_sentence(body: Fields, event: AuditEvent) -> None:
    """Read the tool in the sentence of a gateway. The sentence itself stays in the record."""
    sentence = body.get("log")
    tool = _TOOL_IN_SENTENCE.search(sentence[:1024]) if type(sentence) is str else None
    if tool and event.operation is Operation.EXECUTE_TOOL and event.tool_calls is None:
        event.tool_calls = [ToolCall(name=as_identifier(tool[1]))]
        drop(body, "id")


def parse(fields: Fields) -> AuditEvent:
    """Read one record."""
    event = AuditEvent(timestamp=parse_time(pop_int(fields, "timeUnixNano")) or pop_time(fields, "event_timestamp"))
    event.kind = Kind.OTHER if type(fields.get("metrics")) is dict else Kind.AI_ACCESS
    body = open_json(fields, "body")
    if type(body) is str and looks_like_json(body):
        raise RecordError(ErrorType.MALFORMED_JSON, f"body of {len(body)} characters")
    body = body if type(body) is dict else {}
    _read_who(fields, body, event)
    _read_what(fields, body, event)
    for path in (("attributes",), ("resource",), ("resource", "attributes")):
        attributes = peek(fields, *path)
        if type(attributes) is dict:
            drop_keys(attributes, _IGNORED_ATTRIBUTES)
    if event.kind is Kind.OTHER:
        return event
    _read_outcome(fields, body, event)
    exchange = Exchange()
    _read_request(body, exchange)
    _read_response(body, exchange)
    _read_conversation(body, exchange)
    exchange.operation = event.operation
    exchange.apply(event)
    _read_sentence(body, event)
    drop_keys(fields, _IGNORED_KEYS)
    return event


SOURCE: Final = Source(
    name="aws_agentcore",
    summary="Amazon Bedrock AgentCore: runtimes, gateways, memories, code interpreters, browsers.",
    stability=Stability.BETA,
    never_carries="The caller's identity and address (CloudTrail has them), models and tokens.",
    references=(
        "https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/observability-configure.html",
        "https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/observability-service-provided.html",
    ),
    markers={"resource_arn": _names_agentcore},
    parse=parse,
)
