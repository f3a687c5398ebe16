"""``veilog explain``: why an event looks as it does, with types and offsets and without any text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from veilog_filters.inspect import Inspected
from veilog_filters.pipeline import Damaged, Pipeline
from veilog_parsers.errors import RecordError
from veilog_parsers.event import AuditEvent, Role
from veilog_parsers.record import RawRecord
from veilog_parsers.registry import OTHER, Rejected


def explain_record(pipeline: Pipeline, record: RawRecord | Damaged) -> Iterator[str]:
    """One JSON document per event of a record: parser, findings per text, deciding rules, and what would leave."""
    if isinstance(record, Damaged):
        yield _document({"parser": None, "emitted": pipeline(record)})
        return
    # The parsers consume what they are given; the pipeline gets its own copy.
    events = pipeline(RawRecord(orjson.loads(orjson.dumps(record.value)), record.raw, record.tag, record.time))
    for event, parsed in zip(events, _parsed(pipeline, record), strict=False):
        explained: dict[str, Any] = {"parser": event["source"], "kind": event["kind"]}
        if isinstance(parsed, Rejected):
            explained["error_type"] = event["error_type"]
        elif isinstance(parsed, AuditEvent):
            explained |= _findings(pipeline, parsed)
            for side in ("prompt", "response"):
                if f"{side}_classification" in event:
                    explained[f"{side}_classification"] = event[f"{side}_classification"]
                    explained[f"{side}_rules"] = event["classification_rules"][side]
            explained["redaction"] = event.get("redaction")
        yield _document(explained)


def _parsed(pipeline: Pipeline, record: RawRecord) -> Iterator[AuditEvent | Rejected]:
    """The events of a record; one rejection for a record that as a whole is none, as the pipeline has it."""
    try:
        parsed = list(pipeline.registry.parse(record))
    except RecordError as error:
        parsed = [Rejected(error.error_type, OTHER)]
    yield from parsed


def _findings(pipeline: Pipeline, event: AuditEvent) -> dict[str, Any]:
    inspection = pipeline.inspect(event)
    return {
        f"{side}_texts": [
            _text(role, part) | _ner(pipeline, "system" if role is Role.SYSTEM and side == "prompt" else side, part)
            for role, parts in zip((message.role for message in messages), inspected, strict=True)
            for part in parts
        ]
        for side, messages, inspected in (
            ("prompt", event.prompt_messages, inspection.prompt),
            ("response", event.response_messages, inspection.response),
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


def _ner(pipeline: Pipeline, field: str, text: Inspected) -> dict[str, str]:
    """What a model did with the text, if there is a model."""
    return {} if pipeline.ner is None or not text.text else {"ner": pipeline.ner.verdict(text.text, field)}


def _document(value: dict[str, Any]) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
