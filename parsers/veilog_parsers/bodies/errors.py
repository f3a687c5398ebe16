"""Reads error bodies. All APIs have similar ones: ``{"error": {"code": ..., "type": ..., "message": ...}}``.

The name of the error is read. Its message is no text of the model, and it may quote the user, so it stays in place and
ends as unmapped.
"""

from __future__ import annotations

from typing import Final

from veilog_parsers.bodies.exchange import Exchange
from veilog_parsers.bodies.verdicts import read_azure_filters
from veilog_parsers.event import Outcome, ThreatReporter
from veilog_parsers.record.dropped import Why, prefer
from veilog_parsers.record.fields import drop, peek, pop_identifier
from veilog_parsers.record.outcomes import most_telling, outcome_of_error
from veilog_parsers.record.raw import Fields

_NAMES: Final = ("code", "type", "status")


def read_error(body: Fields, exchange: Exchange) -> None:
    """Consume the error of a response body, if it has one."""
    error = body.get("error")
    if body.get("object") == "error":
        # Mistral and vLLM: the body is the error.
        error = body
    elif body.keys() == {"detail"}:
        # FastAPI (vLLM and many gateways): which field is wrong and why, with a quotation of the field.
        exchange.failed = True
    if not error:
        return
    exchange.failed = True
    exchange.request_id = prefer(exchange.request_id, pop_identifier(body, "request_id"), "request_id")
    if body.get("type") == "error":
        drop(body, "type")
    if type(error) is not dict:
        exchange.error_code = prefer(exchange.error_code, pop_identifier(body, "error_type"), "error_type")
        return
    _read_name(error, exchange)
    exchange.content_filtered = exchange.content_filtered or exchange.error_outcome is Outcome.CONTENT_FILTERED
    for key in ("content_filter_result", "content_filter_results"):
        results = peek(error, "innererror", key)
        if results is not None:
            read_azure_filters(results, exchange.verdict_of(ThreatReporter.AZURE_AI))
    drop(error, *_NAMES, why=Why.DUPLICATE)
    drop(error, "innererror", "param")


def _read_name(error: Fields, exchange: Exchange) -> None:
    """Read the name of an error that tells most. The bodies that were read before may have told another one."""
    # Google's ``code`` is an HTTP status and its ``status`` a name: a number counts only if there is no name.
    names = {key: name for key in _NAMES if type(name := error.get(key)) is str and name}
    best = most_telling(names.values())
    keys = sorted(_NAMES, key=lambda key: (key not in names, names.get(key) != best))
    for key in keys:
        code = pop_identifier(error, key)
        if code is not None:
            exchange.error_outcome = exchange.error_outcome or outcome_of_error(code.reveal())
            exchange.error_code = prefer(exchange.error_code, code, key)
            return
