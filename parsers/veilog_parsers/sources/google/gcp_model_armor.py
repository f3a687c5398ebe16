"""Model Armor's log of sanitizing: a prompt or a response, what its filters found in it, and what was decided.

Cloud Logging has one entry for each text (``modelarmor.googleapis.com/sanitize_operations``), if a template logs its
operations. The template is the guardrail. A template that only inspects finds and does not block. Sensitive Data
Protection may add the text without what it found (``deidentifyResult``): it is withheld, since the whole text is read.
The reason of a verdict is a sentence, and stays unmapped, as do the places of what was found.

Format: cloud.google.com/model-armor/configure-logging and the REST reference of ``SanitizationResult``, read
2026-11-26. The log has no caller: that is in the audit log (``gcp_audit``), and in Gemini Enterprise's log.
"""

from __future__ import annotations

from typing import Final

from veilog_parsers.bodies.exchange import Exchange
from veilog_parsers.bodies.read import open_body
from veilog_parsers.bodies.rest import add_unread_completion, add_unread_prompt
from veilog_parsers.bodies.turns import Turn, add_completion_turn, add_prompt_content
from veilog_parsers.bodies.verdicts import read_model_armor
from veilog_parsers.event import AuditEvent, GuardrailAction, Kind, Operation, Outcome, Role, ThreatReporter
from veilog_parsers.record.dropped import Why
from veilog_parsers.record.fields import drop, drop_known, peek, pop_identifier, withhold
from veilog_parsers.record.raw import Fields
from veilog_parsers.source import Source, Stability
from veilog_parsers.sources.google.entries import log_id, payload_of, payload_type, read_entry
from veilog_parsers.sources.google.gcp_audit import MODEL_ARMOR

_TYPE: Final = "google.cloud.modelarmor.logging."
_LOG: Final = "modelarmor.googleapis.com/sanitize_operations"
_KNOWN: Final = frozenset((_LOG, "modelarmor.googleapis.com/SanitizeOperation"))
_RESPONSE: Final = "SANITIZE_MODEL_RESPONSE"
_LABEL: Final = "modelarmor.googleapis.com/"
_RESULTS: Final = ("SUCCESS", "PARTIAL", "FAILURE")


def _is_operation(fields: Fields) -> bool:
    return payload_type(fields).startswith(_TYPE) or (
        log_id(fields) == _LOG and type(payload_of(fields).get("sanitizationResult")) is dict
    )


def _read_text(payload: Fields, exchange: Exchange) -> None:
    item = open_body(payload, "sanitizationInput")
    if type(item) is dict and "byteItem" in item:
        exchange.attachments = 1
        withhold(item, "byteItem")
    if payload.get("operationType") == _RESPONSE:
        turn = Turn()
        turn.add_content(item if type(item) is dict else {}, "text")
        add_completion_turn(turn, exchange)
        add_unread_completion(item, exchange, 0)
    else:
        add_prompt_content(item if type(item) is dict else {}, "text", Role.USER, exchange)
        add_unread_prompt(item, exchange, 0)


def _read_result(result: Fields, event: AuditEvent, exchange: Exchange) -> None:
    verdict = exchange.verdict_of(ThreatReporter.GOOGLE_MODEL_ARMOR)
    for holder in (peek(result, "filterResults", "sdp", "sdpFilterResult"), peek(result, "filterResults", "sdp")):
        deidentified = peek(holder, "deidentifyResult")
        if type(deidentified) is dict:
            withhold(deidentified, "data")
    read_model_armor(result, verdict)
    ended = result.get("invocationResult")
    if verdict.action is GuardrailAction.BLOCKED:
        event.outcome_status = Outcome.CONTENT_FILTERED
    else:
        event.outcome_status = Outcome.FAILURE if ended == "FAILURE" else Outcome.SUCCESS
    if ended in _RESULTS:
        drop_known(result, "invocationResult", Why.DUPLICATE)


def parse(fields: Fields) -> AuditEvent:
    """Read one record."""
    payload = payload_of(fields)
    event = AuditEvent(kind=Kind.AI_ACCESS, provider=MODEL_ARMOR, operation=Operation.MODERATION)
    exchange = Exchange()
    _read_text(payload, exchange)
    event.api_operation = pop_identifier(payload, "operationType")
    template = pop_identifier(fields, "resource", "labels", "template_id")
    result = payload.get("sanitizationResult")
    if type(result) is dict:
        exchange.verdict_of(ThreatReporter.GOOGLE_MODEL_ARMOR).id = template
        _read_result(result, event, exchange)
    event.request_id = pop_identifier(fields, "labels", f"{_LABEL}client_correlation_id")
    read_entry(fields, event, known=_KNOWN)
    exchange.apply(event)
    for key in ("api_version", "operation_type", "client_name"):
        drop(fields, ("labels", f"{_LABEL}{key}"))
    drop(payload, "@type")
    return event


SOURCE: Final = Source(
    name="gcp_model_armor",
    summary="Model Armor: prompts and responses that it sanitized, and what its filters found.",
    stability=Stability.BETA,
    never_carries="The caller, the address, the model.",
    references=(
        "https://docs.cloud.google.com/model-armor/configure-logging",
        "https://cloud.google.com/model-armor/reference/rest/v1/SanitizationResult",
    ),
    markers={"jsonPayload": _is_operation},
    parse=parse,
)
