"""LM Studio's logs: the diagnostics stream (``lms log stream``), and the server's log of requests.

With ``--json`` the stream has an object for each prompt and each response of a model: ``data.type`` is
``llm.prediction.input`` with the whole chat in the model's template, or ``llm.prediction.output`` with text and
statistics. Without it the same stands in a block of lines. The server's log has the body of each request
(``Received request: POST to /v1/chat/completions with body {...}``): JSON over several lines, which the shipper has to
join. Its lines with responses (``Generated prediction: {...}``) are bodies behind a prefix: ``app_log`` reads them.

The prompt of the stream counts as one turn of the user. Nothing joins a prompt with its response. Durations are in
seconds. Times of lines have no zone, those of blocks depend on the user's locale.

Built from the vendor's SDK (``DiagnosticsLogEvent``), the source of ``lms`` and public logs as of 2026-11-26.
"""

from __future__ import annotations

import re
from typing import Final

from veilog_parsers.bodies.exchange import Exchange
from veilog_parsers.bodies.read import open_body, read_request
from veilog_parsers.bodies.turns import Turn, add_completion_turn, add_prompt_content
from veilog_parsers.event import AuditEvent, Constant, Kind, Operation, Outcome, Role, SensitiveText
from veilog_parsers.record.endpoints import operation_at
from veilog_parsers.record.fields import (
    drop,
    drop_keys,
    ignored_keys,
    paths,
    peek,
    pop_count,
    pop_first,
    pop_identifier,
    pop_word,
)
from veilog_parsers.record.lines import markers, open_line, read_shipper_keys
from veilog_parsers.record.network import pop_endpoint
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import pop_elapsed, pop_time
from veilog_parsers.source import Source, Stability

_PROVIDER: Final = Constant("lm_studio")
_INPUT: Final = "llm.prediction.input"
_OUTPUT: Final = "llm.prediction.output"
_TYPES: Final = (_INPUT, _OUTPUT)
REQUEST: Final = re.compile(
    r"(?:\[?(?P<lms_time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\]?\s*\[[A-Z]{4,7}\]\s*(?:\[[^\]\n]{0,200}\]\s*){0,4})?"
    r"(?P<lms_line>Received request): (?P<lms_method>[A-Z]{3,7}) to (?P<lms_path>/\S{0,400}) with body\s*"
    r"(?P<lms_body>.+)?",
    re.DOTALL,
)
BLOCK: Final = re.compile(
    r"type: (?P<lms_type>llm\.prediction\.(?:in|out)put)\s+modelIdentifier: (?P<lms_model>\S{1,256})\s+"
    r"(?:modelPath: (?P<lms_model_path>[^\n]{1,512})\s+)?(?:input|output): ?(?P<lms_text>.+)",
    re.DOTALL,
)
_STATS: Final = ignored_keys(
    """
    acceptedDraftTokensCount:number ignoredDraftTokensCount:number numGpuLayers:number rejectedDraftTokensCount:number
    tokensPerSecond:number totalDraftTokensCount:number usedDraftModelKey
    """
)
_REDACTED: Final = "[Sensitive]"
"""What stands for a body whose redaction is on."""
_FAILED: Final = ("failed", "modelUnloaded")


def _is_lm_studio_line(head: str) -> bool:
    if "Received request: " in head:
        return " with body" in head
    return "type: llm.prediction." in head and "modelIdentifier: " in head


def _is_prediction(fields: Fields) -> bool:
    return peek(fields, "data", "type") in _TYPES


def _read_prediction(fields: Fields, event: AuditEvent) -> None:
    """Read an object of the stream."""
    data = fields["data"]
    event.timestamp = pop_time(fields, "timestamp")
    event.api_operation = pop_identifier(data, "type")
    event.model_name = pop_identifier(data, "modelIdentifier")
    event.model_version = pop_identifier(data, "modelPath")
    exchange, turn = Exchange(), Turn()
    add_prompt_content(data, "input", Role.USER, exchange)
    turn.add_content(data, "output")
    add_completion_turn(turn, exchange)
    stats = data.get("stats")
    if type(stats) is dict:
        exchange.input_tokens = pop_count(stats, "promptTokensCount")
        exchange.output_tokens = pop_count(stats, "predictedTokensCount")
        exchange.total_tokens = pop_count(stats, "totalTokensCount")
        first, whole = pop_elapsed(stats, "timeToFirstTokenSec"), pop_elapsed(stats, "totalTimeSec")
        event.time_to_first_token_ms = None if first is None else round(first * 1000, 3)
        event.latency_ms = None if whole is None else round(whole * 1000, 3)
        if stats.get("stopReason") in _FAILED:
            event.outcome_status = Outcome.FAILURE
        reason = pop_identifier(stats, "stopReason")
        exchange.finish_reasons += [reason] if reason is not None else []
        drop_keys(stats, _STATS)
    exchange.apply(event)


def _read_block(fields: Fields, event: AuditEvent) -> None:
    """Read a block of lines of the stream. The text stands in quotation marks, without escapes."""
    kind = pop_word(fields, "lms_type")
    event.api_operation = SensitiveText(kind) if kind else None
    event.model_version = pop_identifier(fields, "lms_model_path")
    text = fields["lms_text"]
    if text[:1] == '"':
        fields["lms_text"] = text[1:].rstrip().removesuffix('"')
    exchange, turn = Exchange(), Turn()
    if kind == _OUTPUT:
        turn.add_content(fields, "lms_text")
        add_completion_turn(turn, exchange)
    else:
        add_prompt_content(fields, "lms_text", Role.USER, exchange)
    exchange.apply(event)


def _read_body(fields: Fields, event: AuditEvent) -> None:
    """Read a line of the server's log."""
    endpoint = pop_endpoint(fields, "lms_path")
    if endpoint is not None:
        event.endpoint = SensitiveText(endpoint)
        event.operation = operation_at(endpoint)
    if fields.get("lms_body") == _REDACTED:
        del fields["lms_body"]
    body, exchange = open_body(fields, "lms_body"), Exchange(operation=event.operation)
    event.stream = peek(body, "stream") if type(peek(body, "stream")) is bool else None
    read_request(body, exchange)
    exchange.apply(event)
    drop(fields, "lms_line", "lms_method")


def parse(fields: Fields) -> AuditEvent:
    """Read one object of the stream, one block of it, or one line of the server's log."""
    event = AuditEvent(kind=Kind.AI_ACCESS, provider=_PROVIDER)
    if _is_prediction(fields):
        _read_prediction(fields, event)
        return event
    open_line(fields, BLOCK, REQUEST)
    event.model_name = pop_first(pop_identifier, fields, paths("lms_model"))
    if type(fields.get("lms_text")) is str:
        _read_block(fields, event)
    elif "lms_body" in fields or "lms_path" in fields:
        _read_body(fields, event)
    else:
        event.kind, event.provider = Kind.OTHER, None
    event.operation = event.operation or (Operation.CHAT if event.kind is Kind.AI_ACCESS else None)
    read_shipper_keys(fields, event, "lms_time")
    return event


SOURCE: Final = Source(
    name="lm_studio",
    summary="LM Studio's diagnostics stream and its server's log of requests.",
    stability=Stability.BETA,
    never_carries="Users, addresses; texts, if the log's redaction is on.",
    references=(
        "https://lmstudio.ai/docs/cli/serve/log-stream",
        "https://github.com/lmstudio-ai/lms/blob/main/src/subcommands/log.ts",
    ),
    markers={**markers(_is_lm_studio_line, "lms_line", "lms_type"), "data": _is_prediction},
    parse=parse,
)
