"""SageMaker data capture: requests and responses of an endpoint, one record per inference.

``captureData`` has both bodies as strings, and ``encoding`` tells how: ``JSON``, ``CSV``, or ``BASE64`` for all content
types that the endpoint's configuration does not list, which may be text too. A body has the format of the container
behind the endpoint: a model's API, or any JSON. A body in which no reader finds a text is one text. Base64 that encodes
no text (images, tensors) is dropped, since no detector can read it.

The record has neither caller nor outcome nor the endpoint's name, which is in the path of the record's S3 object; the
caller is in CloudTrail. ``customAttributes`` and ``inferenceId`` are written by the caller, and stay unmapped.
"""

from __future__ import annotations

import base64
from typing import Final

from veilog_parsers.bodies.exchange import Exchange
from veilog_parsers.event import AuditEvent, Cloud, Kind, Outcome, Role
from veilog_parsers.record.fields import drop, drop_known, peek, pop_identifier, pop_text
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import pop_time
from veilog_parsers.source import Source, Stability
from veilog_parsers.sources.aws.common import AWS, SAGEMAKER, read_any_request, read_any_response


def _has_a_side(fields: Fields) -> bool:
    data = fields.get("captureData")
    return type(data) is dict and ("endpointInput" in data or "endpointOutput" in data)


def _open_base64(side: Fields) -> None:
    """Replace base64 by the text that it encodes, or drop it if it encodes none. Other data stay as they are."""
    data = side.get("data")
    if side.get("encoding") != "BASE64" or type(data) is not str:
        return
    try:
        side["data"] = base64.b64decode(data, validate=True).decode()
    except UnicodeDecodeError:
        drop_known(side, "data")
    except ValueError:
        return


def _side(fields: Fields, name: str) -> Fields:
    side = peek(fields, "captureData", name)
    if type(side) is not dict:
        return {}
    _open_base64(side)
    drop(side, "mode", "observedContentType")
    return side


def _read_bodies(sent: Fields, produced: Fields, exchange: Exchange) -> None:
    """Consume both bodies. Rows of CSV are texts, even if they contain brackets of JSON."""
    if sent.get("encoding") == "CSV":
        rows = pop_text(sent, "data")
        exchange.add_prompt(Role.USER, [rows] if rows else [])
    elif "data" in sent:
        read_any_request(sent, "data", exchange)
    if produced.get("encoding") == "CSV":
        rows = pop_text(produced, "data")
        exchange.add_completion([rows] if rows else [])
    elif "data" in produced:
        read_any_response(produced, "data", exchange)


def parse(fields: Fields) -> AuditEvent:
    """Read one record."""
    event = AuditEvent(
        kind=Kind.AI_ACCESS,
        timestamp=pop_time(fields, "eventMetadata", "inferenceTime"),
        provider=SAGEMAKER,
        request_id=pop_identifier(fields, "eventMetadata", "eventId"),
        cloud=Cloud(provider=AWS),
    )
    sent, produced = _side(fields, "endpointInput"), _side(fields, "endpointOutput")
    if produced:
        event.outcome_status = Outcome.SUCCESS
    exchange = Exchange()
    _read_bodies(sent, produced, exchange)
    exchange.apply(event)
    for side in (sent, produced):
        if side.get("encoding") in ("BASE64", "CSV", "JSON"):
            drop_known(side, "encoding")
    drop(fields, "eventVersion")
    return event


SOURCE: Final = Source(
    name="aws_sagemaker_capture",
    summary="Amazon SageMaker data capture: requests and responses of endpoints.",
    stability=Stability.BETA,
    never_carries="The caller, the endpoint's name, failed calls.",
    references=("https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture-endpoint.html",),
    markers={"captureData": _has_a_side},
    parse=parse,
)
