"""Lakera Guard's results: what its detectors found in the messages of a call.

A result has ``flagged``, which is the verdict of the project's policy, ``breakdown`` with each detector and whether it
detected something, ``payload`` with the places of personal data and links, and the id of the request in ``metadata``.
Applications log it as it is, or with the ``messages`` that they sent. Guard only tells: the application blocks. So a
flagged call is ``flagged`` here, not blocked.

The texts of ``payload`` are pieces of the messages; without the messages they are the only text there is, and count as
the user's. ``dev_info`` is about the service.

Read from Lakera's API reference (``POST /v2/guard``) as of 2026-11-26. How its platform exports logs is not public.
"""

from __future__ import annotations

from typing import Any, Final

from veilog_parsers.bodies.exchange import Exchange
from veilog_parsers.bodies.rest import drop_repeated, texts_of
from veilog_parsers.bodies.turns import Turn, add_prompt_messages
from veilog_parsers.event import AuditEvent, GuardrailAction, Kind, Operation, Role, ThreatReporter
from veilog_parsers.record.fields import (
    dicts,
    drop,
    drop_keys,
    ignored_keys,
    paths,
    peek,
    pop_first,
    pop_identifier,
)
from veilog_parsers.record.network import pop_address
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import pop_time
from veilog_parsers.source import Source, Stability
from veilog_parsers.sources.gateways.guards import add_found

_IGNORED_KEYS: Final = ignored_keys("dev_info:plain")
_IGNORED_DETECTOR_KEYS: Final = ignored_keys("detected:flag detector_id detector_type message_id:number")
_IGNORED_PIECE_KEYS: Final = ignored_keys("start:number end:number detector_type message_id:number labels:list")


def _is_result(fields: Fields) -> bool:
    breakdown = fields["breakdown"]
    first = breakdown[0] if type(breakdown) is list and breakdown else None
    return type(fields.get("flagged")) is bool and type(first) is dict and "detector_type" in first


def _read_detectors(fields: Fields, event: AuditEvent) -> None:
    detected: list[str] = []
    policy = None
    for detector in dicts(fields.get("breakdown")):
        name: Any = detector.get("detector_type")
        if detector.get("detected") is True and type(name) is str:
            detected.append(name)
        policy = policy or pop_first(pop_identifier, detector, paths("policy_id project_id"))
        drop(detector, "policy_id", "project_id")
        drop_keys(detector, _IGNORED_DETECTOR_KEYS)
    flagged = fields.get("flagged")
    action = None
    if type(flagged) is bool:
        action = GuardrailAction.FLAGGED if flagged else GuardrailAction.NONE
        del fields["flagged"]
    add_found(event, ThreatReporter.LAKERA, detected, action)
    if event.guardrail is not None:
        event.guardrail.id = policy


def _read_texts(fields: Fields, event: AuditEvent) -> None:
    exchange, turn = Exchange(), Turn()
    add_prompt_messages(fields.get("messages"), exchange)
    for piece in dicts(fields.get("payload")):
        if exchange.prompt:
            drop_repeated(piece, texts_of(exchange.prompt), "text")
        turn.add_content(piece, "text")
        drop_keys(piece, _IGNORED_PIECE_KEYS)
    exchange.add_prompt(Role.USER, turn.text_parts)
    status = event.outcome_status
    exchange.apply(event)
    event.outcome_status = status


def parse(fields: Fields) -> AuditEvent:
    """Read one result."""
    event = AuditEvent(
        kind=Kind.AI_ACCESS,
        operation=Operation.MODERATION,
        timestamp=pop_first(pop_time, fields, paths("timestamp time created_at @timestamp")),
        request_id=pop_identifier(fields, "metadata", "request_uuid"),
        user_id=pop_identifier(fields, "metadata", "user_id"),
        session_id=pop_identifier(fields, "metadata", "session_id"),
        client_ip=pop_address(fields, "metadata", "ip_address"),
    )
    _read_detectors(fields, event)
    _read_texts(fields, event)
    if peek(fields, "metadata", "internal_request_id") is not None:
        event.trace_id = pop_identifier(fields, "metadata", "internal_request_id")
    drop_keys(fields, _IGNORED_KEYS)
    return event


SOURCE: Final = Source(
    name="lakera_guard",
    summary="Lakera Guard's results: what its detectors found in a call.",
    stability=Stability.BETA,
    never_carries="Responses, models, tokens; messages, unless the application logs them with the result.",
    references=("https://docs.lakera.ai/docs/api/guard",),
    markers={"breakdown": _is_result},
    parse=parse,
)
