"""``veilog explain``: why an event looks as it does, with types and offsets, what became of each key, and no text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import orjson

from veilog_filters.detect.api import Scan
from veilog_filters.detect.ner import KNOWN, READ
from veilog_filters.fates import Fates, KeyFate, fates_of
from veilog_filters.pipeline import Pipeline
from veilog_filters.quarantine import DecodeFailure
from veilog_filters.texts import Inspected
from veilog_parsers.errors import ErrorType, RecordError
from veilog_parsers.event import AuditEvent
from veilog_parsers.record.raw import RawRecord
from veilog_parsers.registry import OTHER, ParseFailure

WHY: Final = {
    ErrorType.MALFORMED_JSON: "The line, or what looks like JSON inside of it, cannot be read as JSON.",
    ErrorType.MALFORMED_MSGPACK: "The bytes are no msgpack, or end inside an object.",
    ErrorType.INVALID_UTF8: "The line is not UTF-8.",
    ErrorType.NOT_AN_OBJECT: "The record is a single value, or a list of something else than records.",
    ErrorType.RECORD_TOO_LARGE: "The record is longer than limits.max_record_bytes.",
    ErrorType.NESTING_TOO_DEEP: "The JSON, or a tree that would be kept (limits.max_depth), is nested too deeply.",
    ErrorType.TOO_MANY_EVENTS: "The envelope holds more than 10,000 records.",
    ErrorType.BAD_ENTRY: "The entry of a Forward message is no pair of time and record.",
    ErrorType.OVER_BUDGET: "All stages together took longer than limits.record_secs.",
    ErrorType.UNRECOGNIZED: "No parser knows the record; `veilog suggest` shows what to map.",
    ErrorType.PARSER_FAILED: "The parser raised an error.",
    ErrorType.DETECTOR_FAILED: "A detector raised an error.",
    ErrorType.CLASSIFIER_FAILED: "Classification raised an error.",
    ErrorType.FINGERPRINT_FAILED: "Hashing raised an error.",
    ErrorType.REDACTION_FAILED: "Redaction raised an error.",
    ErrorType.ENCODING_FAILED: "A field holds something that may not leave in it.",
}
"""Why a record is in quarantine, for a person who looks at one."""


def explain_record(pipeline: Pipeline, record: RawRecord | DecodeFailure) -> Iterator[str]:
    """One JSON document per event of a record: parser, findings per text, deciding rules, and what became of each key.

    Keys are content of records too: one is shown if it is a name, else its place and length (see ``fates``).
    """
    if isinstance(record, DecodeFailure):
        yield _document({"parser": None, "why": WHY[record.error_type], "emitted": pipeline(record)})
        return
    # The parsers consume what they are given; the pipeline gets its own copy.
    events = pipeline(RawRecord(orjson.loads(orjson.dumps(record.value)), record.raw, record.tag, record.time))
    fates = fates_of(pipeline.registry, record)
    for number, (event, parsed) in enumerate(zip(events, _parsed(pipeline, record), strict=False)):
        explained: dict[str, Any] = {"parser": event["source"], "kind": event["kind"]}
        if "error_type" in event:
            explained |= {"error_type": event["error_type"], "why": WHY[ErrorType(event["error_type"])]}
        if isinstance(parsed, AuditEvent):
            explained |= _findings(pipeline, parsed)
            for side in ("prompt", "response"):
                if f"{side}_classification" in event:
                    explained[f"{side}_classification"] = event[f"{side}_classification"]
                    explained[f"{side}_rules"] = event["classification_rules"][side]
            explained |= _threats(event)
            explained["redaction"] = event.get("redaction")
            explained |= _keys(fates, number)
        yield _document(explained)


def _threats(event: dict[str, Any]) -> dict[str, Any]:
    """Which rules saw a threat and where, and which would have."""
    seen = [
        {name: threat[name] for name in ("rule_id", "severity", "where", "reporter") if name in threat}
        for threat in event.get("threats", ())
    ]
    dry = event.get("redaction", {}).get("dry_run_rules")
    return {"threats": seen} | ({"dry_run_threats": dry} if dry else {})


def _parsed(pipeline: Pipeline, record: RawRecord) -> Iterator[AuditEvent | ParseFailure]:
    """The events of a record; one rejection for a record that as a whole is none, as the pipeline has it."""
    try:
        parsed = list(pipeline.registry.parse(record))
    except RecordError as error:
        parsed = [ParseFailure(error.error_type, OTHER)]
    yield from parsed


def _keys(fates: Fates, number: int) -> dict[str, Any]:
    """What became of each key of the record in one of its events, with type and length; what is lost is in the first.

    Keys around several records, of which each gets something, are there for each.
    """
    keys = {key.path: _fate(key, key.fates[number]) for key in fates.keys if key.fates[number]}
    return {"keys": keys} | ({"keys_not_looked_at": fates.not_looked_at} if fates.not_looked_at else {})


def _fate(key: KeyFate, fates: tuple[str, ...]) -> str:
    length = "" if key.chars is None else f", {key.chars} characters"
    return f"{', '.join(fates)} ({key.kind}{length})"


def _findings(pipeline: Pipeline, event: AuditEvent) -> dict[str, Any]:
    try:
        collected, scan = pipeline.read(event)
    except Exception:
        # It failed the event too, which says why. The exception's message is not used: it may quote the text.
        return {}
    return {
        f"{side}_texts": [
            _text(role, part) | _ner(scan, part)
            for role, parts in zip((message.role for message in messages), inspected, strict=True)
            for part in parts
        ]
        for side, messages, inspected in (
            ("prompt", event.prompt_messages, collected.prompt),
            ("response", event.response_messages, collected.response),
        )
    }


def _text(role: str, text: Inspected) -> dict[str, Any]:
    return {
        "role": role,
        "chars": len(text.text),
        "truncated_bytes": text.truncated_bytes,
        "findings": [
            {"entity": f.entity, "start": f.start, "end": f.end, "score": round(f.score, 4)} for f in text.findings
        ],
    }


def _ner(scan: Scan, text: Inspected) -> dict[str, str]:
    """What a model did with the text, if there is a model."""
    if scan.model is None or text.item < 0:
        return {}
    result = scan.model.results[text.item]
    return {"ner": READ if result == KNOWN else result}


def _document(value: dict[str, Any]) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
