"""Vertex AI's request-response log: rows of a BigQuery table, one per call, with both bodies.

The row of a model with its own API (Gemini, Claude, OpenAI's format) has the bodies in ``full_request`` and
``full_response``: objects or, in some exports of the table, JSON in strings. Gemini's keys are in snake_case here, and
a stream is a list of its chunks. The row of a deployed endpoint has ``request_payload`` and ``response_payload``
instead: lists of JSON strings with ``instances`` and ``predictions``.

If a row has both, the payloads repeat the bodies, as does ``otel_log``: repetitions are dropped. ``request_id`` is a
number beyond 2^53. The caller is only in the audit log. ``model_version`` is mostly ``default``.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from typing import Final

from veilog_parsers.bodies.exchange import Exchange
from veilog_parsers.bodies.read import decode_body, open_body, read_request, read_response
from veilog_parsers.bodies.rest import UNREAD_KEY, drop_repeated, texts_of
from veilog_parsers.bodies.turns import Turn, add_completion_turn, add_prompt_content, pop_serialized
from veilog_parsers.event import AuditEvent, Cloud, Kind, Outcome, Role
from veilog_parsers.record.dropped import Why, prefer
from veilog_parsers.record.fields import (
    dicts,
    drop,
    drop_keys,
    ignored_keys,
    open_json,
    peek,
    pop_identifier,
    pop_number,
    remainder,
)
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import pop_time
from veilog_parsers.source import Source, Stability
from veilog_parsers.sources.google.gcp_audit import GCP, VERTEX, read_resource

_PROMPT_KEYS: Final = ((Role.SYSTEM, "context"), (Role.USER, "prompt"), (Role.USER, "content"), (Role.USER, "text"))
_COMPLETION_KEYS: Final = ("content", "candidates", "text")
_IGNORED_NAME_KEYS: Final = ignored_keys("model deployed_model_id")
_IGNORED_VERSION_KEYS: Final = ignored_keys("model_version")
_IGNORED_PREDICTION_KEYS: Final = ignored_keys(
    "embeddings:plain bytesBase64Encoded:blob safetyAttributes:plain citationMetadata:objects image:blob"
)


def _is_row(fields: Fields) -> bool:
    return "logging_time" in fields or "deployed_model_id" in fields or "api_method" in fields


def _read_resource_names(fields: Fields, event: AuditEvent) -> None:
    """Read model, project and region: the row has the model's publisher, the request the project and region too."""
    cloud = event.cloud = Cloud(provider=GCP)
    request = fields.get("full_request")
    names = (peek(request, "model"), peek(request, "endpoint"), fields.get("model"), fields.get("endpoint"))
    for name in names:
        read_resource(name, event, cloud)
    endpoint = pop_identifier(fields, "endpoint") or pop_identifier(fields, "model")
    cloud.resource = pop_identifier(request, "model") if type(request) is dict else None
    cloud.resource = prefer(cloud.resource, endpoint)
    if type(request) is dict:
        drop(request, "endpoint", why=Why.DUPLICATE)
    if event.model_name is None:
        event.model_name = pop_identifier(fields, "deployed_model_id")
    drop_keys(fields, _IGNORED_NAME_KEYS)


def _read_payload(fields: Fields, key: str, exchange: Exchange, read: Callable[[Fields, Exchange], None]) -> None:
    """Read a list of bodies in strings, or a single body; each has many instances or predictions."""
    payload = open_json(fields, key)
    bodies = payload if type(payload) is list else [payload]
    for position, body in enumerate(bodies):
        body = decode_body(body)
        if type(body) is dict:
            bodies[position] = body
            read(body, exchange)
        elif type(body) is str and body:
            bodies[position] = None
            read({"text": body}, exchange)
    fields[key] = bodies


def _read_instances(body: Fields, exchange: Exchange) -> None:
    instances = body.get("instances")
    for instance in dicts(instances) if instances else [body]:
        turns_before = len(exchange.prompt)
        for role, key in _PROMPT_KEYS:
            add_prompt_content(instance, key, role, exchange)
        if len(exchange.prompt) == turns_before:
            read_request(instance, exchange)
    if type(instances) is list and remainder({"instances": instances}):
        # Rows of features, or keys that no reader knows: the rest is one text.
        text = pop_serialized(body, "instances")
        exchange.add_prompt(Role.USER, [text] if text else [])


def _read_predictions(body: Fields, exchange: Exchange) -> None:
    predictions = body.get("predictions")
    for prediction in dicts(predictions) if predictions else [body]:
        drop_keys(prediction, _IGNORED_PREDICTION_KEYS)
        turn = Turn()
        for key in _COMPLETION_KEYS:
            turn.add_content(prediction, key)
        add_completion_turn(turn, exchange)
    if type(predictions) is list and remainder({"predictions": predictions}):
        text = pop_serialized(body, "predictions")
        exchange.add_completion([text] if text else [])
    if not predictions:
        read_response(body, exchange)


def _read_bodies(fields: Fields, exchange: Exchange) -> None:
    """Read the full bodies, and the payloads if the full bodies are no JSON."""
    request, response = fields.get("full_request"), open_body(fields, "full_response")
    repeated = ["otel_log"]
    for full, key, read in (
        (request, "request_payload", _read_instances),
        (response, "response_payload", _read_predictions),
    ):
        if type(full) is dict and full and UNREAD_KEY not in full:
            repeated.append(key)
        elif key in fields:
            _read_payload(fields, key, exchange, read)
    read_request(request, exchange)
    read_response(response, exchange)
    drop_repeated(fields, chain(texts_of(exchange.prompt), texts_of(exchange.response)), *repeated)


def parse(fields: Fields) -> AuditEvent:
    """Read one record."""
    event = AuditEvent(kind=Kind.AI_ACCESS, timestamp=pop_time(fields, "logging_time"), provider=VERTEX)
    event.request_id = pop_identifier(fields, "request_id")
    event.api_operation = pop_identifier(fields, "api_method")
    open_json(fields, "metadata")
    event.latency_ms = pop_number(fields, "metadata", "request_latency")
    open_body(fields, "full_request")
    _read_resource_names(fields, event)
    if fields.get("model_version") != "default":
        event.model_version = pop_identifier(fields, "model_version")
    drop_keys(fields, _IGNORED_VERSION_KEYS)
    exchange = Exchange()
    _read_bodies(fields, exchange)
    if exchange.response or exchange.finish_reasons:
        event.outcome_status = Outcome.SUCCESS
    exchange.apply(event)
    return event


SOURCE: Final = Source(
    name="vertex_request_response",
    summary="Vertex AI request-response logging: rows of its BigQuery table, in JSON.",
    stability=Stability.BETA,
    never_carries="The caller and the address, which Cloud Audit Logs have.",
    references=(
        "https://cloud.google.com/vertex-ai/generative-ai/docs/multimodal/request-response-logging",
        "https://cloud.google.com/vertex-ai/docs/predictions/online-prediction-logging",
    ),
    markers=dict.fromkeys(
        ("full_request", "full_response", "request_payload", "response_payload", "deployed_model_id"), _is_row
    ),
    parse=parse,
)
