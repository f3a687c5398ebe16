"""Batch files: one line for each request that a provider works off later, or for its result.

* OpenAI, Azure and Mistral: ``{custom_id, method, url, body}``, and ``{id, custom_id, response: {status_code,
  request_id, body}, error}``. (BatchRequestInput and BatchRequestOutput of OpenAI's API description, version 2.3.0.)
* Anthropic: ``{custom_id, params}`` and ``{custom_id, result: {type, message}}``, where ``type`` is ``succeeded``,
  ``errored``, ``canceled`` or ``expired``. (Message Batches, read 2026-11-26.)
* Amazon Bedrock: ``{recordId, modelInput}``, and the same with ``modelOutput`` or ``error``. (Batch inference, read
  2026-11-26.)

The id that the caller gave is the one id that request and result share, so it is the event's ``request_id``. No line
tells who called, and no request when.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from veilog_parsers.bodies import bedrock
from veilog_parsers.bodies.errors import read_error
from veilog_parsers.bodies.exchange import Exchange
from veilog_parsers.bodies.read import open_body, read_request, read_response
from veilog_parsers.event import AuditEvent, Constant, Kind, Outcome, SensitiveText
from veilog_parsers.record.endpoints import operation_at
from veilog_parsers.record.fields import Path, drop, keyset, peek, pop_identifier
from veilog_parsers.record.network import pop_endpoint
from veilog_parsers.record.outcomes import outcome_of_status, pop_http_status
from veilog_parsers.record.raw import Fields
from veilog_parsers.source import Source, Stability

_SIGNS_OF_REQUEST: Final = keyset(
    "model messages input prompt contents anthropic_version inputText inferenceConfig max_gen_len"
)
_STATUS: Final = frozenset(("status_code",))
_BODY: Final = frozenset(("body",))
_LOOKED_AT: Final = 2048
_RESULTS: Final = {
    "succeeded": Outcome.SUCCESS,
    "errored": Outcome.FAILURE,
    "canceled": Outcome.FAILURE,
    "expired": Outcome.FAILURE,
}
"""What became of a request to Anthropic."""


class _Format(NamedTuple):
    """Where a format has what.

    Attributes:
        id_key: the caller's id.
        request: the body of the request.
        response: the body of the response.
        is_bedrock: whether the bodies are Bedrock's.
    """

    id_key: str
    request: Path
    response: Path
    is_bedrock: bool = False


_OPENAI: Final = _Format("custom_id", ("body",), ("response", "body"))
_ANTHROPIC: Final = _Format("custom_id", ("params",), ("result", "message"))
_BEDROCK: Final = _Format("recordId", ("modelInput",), ("modelOutput",), is_bedrock=True)


def _has(body: Any, keys: frozenset[str]) -> bool:
    """Whether an object, or the beginning of its text, has one of some keys."""
    if type(body) is str:
        return any(f'"{key}"' in body[:_LOOKED_AT] for key in keys)
    return type(body) is dict and not keys.isdisjoint(body)


def _is_request(body: Any) -> bool:
    return _has(body, _SIGNS_OF_REQUEST)


def _is_failed_line(fields: Fields) -> bool:
    """A line of an error file: the request has not been worked off."""
    return type(fields.get("error")) is dict and "response" in fields and "id" in fields


def _format_of(fields: Fields) -> _Format | None:
    """The format of a line; None for a record that is none."""
    if type(fields.get("recordId")) is str and _is_request(fields.get("modelInput")):
        return _BEDROCK
    if type(fields.get("custom_id")) is not str:
        return None
    kind = peek(fields, "result", "type")
    if _is_request(fields.get("params")) or (type(kind) is str and kind in _RESULTS):
        return _ANTHROPIC
    response = fields.get("response")
    is_result = _has(response, _STATUS) and _has(response, _BODY)
    return _OPENAI if is_result or _is_request(fields.get("body")) or _is_failed_line(fields) else None


def _is_line(fields: Fields) -> bool:
    return _format_of(fields) is not None


def parse(fields: Fields) -> AuditEvent:
    """Read one line."""
    form = _format_of(fields) or _OPENAI
    event, exchange = AuditEvent(kind=Kind.AI_ACCESS), Exchange()
    event.request_id = pop_identifier(fields, form.id_key)
    endpoint = pop_endpoint(fields, "url")
    if endpoint is not None:
        event.endpoint = SensitiveText(endpoint)
        event.operation = operation_at(endpoint)
    drop(fields, "method")
    if type(fields.get("response")) is str:
        open_body(fields, "response")
    event.http_status = pop_http_status(fields, "response", "status_code")
    event.outcome_status = outcome_of_status(event.http_status)
    if form is _BEDROCK:
        event.provider = Constant("aws.bedrock")
        bedrock.read_request(bedrock.open_body(fields, *form.request), exchange)
        bedrock.read_response(bedrock.open_body(fields, *form.response), exchange)
    else:
        read_request(open_body(fields, *form.request), exchange)
        read_response(open_body(fields, *form.response), exchange)
    if form is _ANTHROPIC:
        _read_result(fields.get("result"), event, exchange)
    read_error(fields, exchange)
    _read_bedrock_error(fields.get("error"), exchange)
    exchange.apply(event)
    return event


def _read_result(result: Any, event: AuditEvent, exchange: Exchange) -> None:
    event.provider = Constant("anthropic")
    if type(result) is not dict:
        return
    kind = result.get("type")
    if type(kind) is str and kind in _RESULTS:
        del result["type"]
        event.outcome_status = _RESULTS[kind]
        if kind != "succeeded":
            event.error_code = Constant(kind)
    error = result.get("error")
    if type(error) is dict:
        # The error is in an object that says only that it is one.
        read_error(error, exchange)
        if exchange.error_code is not None:
            event.error_code = None


def _read_bedrock_error(error: Any, exchange: Exchange) -> None:
    if type(error) is dict and "errorCode" in error:
        exchange.failed = True
        exchange.error_code = exchange.error_code or pop_identifier(error, "errorCode")


SOURCE: Final = Source(
    name="llm_batch",
    summary="Batch files of OpenAI, Azure, Mistral, Anthropic and Amazon Bedrock: requests and their results.",
    stability=Stability.BETA,
    never_carries="Who called, and from where; when a request was made.",
    references=(
        "https://platform.openai.com/docs/api-reference/batch",
        "https://docs.anthropic.com/en/api/creating-message-batches",
        "https://docs.aws.amazon.com/bedrock/latest/userguide/batch-inference-data.html",
    ),
    markers={"custom_id": _is_line, "recordId": _is_line},
    parse=parse,
)
