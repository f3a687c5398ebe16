"""Wrappers: whatever is around a record, the same event comes out, but for the time and place that the record lacks."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from samples import samples
from veilog_parsers.event import SensitiveText, SensitiveTree
from veilog_parsers.record.raw import RawRecord
from veilog_parsers.registry import SOURCES, ParseFailure, Registry

REGISTRY = Registry()
NAMES = {source.name for source in SOURCES}
GOOD = [sample for sample in samples() if sample.source in NAMES and sample.case.startswith("good")]
TIME = "2026-01-02T03:04:05.678Z"
POD = {"namespace_name": "ai", "pod_name": "gw-1", "container_name": "gw", "host": "node-1", "labels": {"app": "gw"}}


def text_of(value: Any) -> str:
    return orjson.dumps(value).decode()


def listed(record: Any) -> list[Any]:
    """A record in a list; a sample that is a list of records as it is."""
    return record if isinstance(record, list) else [record]


def quoted(value: Any) -> str:
    """A value as JSON in a JSON string."""
    return text_of(text_of(value))


OBJECTS: dict[str, Callable[[Any], Any]] = {
    "jsonPayload": lambda record: {
        "insertId": "i1",
        "jsonPayload": record,
        "logName": "projects/p-1/logs/stdout",
        "receiveTimestamp": TIME,
        "resource": {"type": "k8s_container", "labels": {"namespace_name": "ai", "pod_name": "gw-1"}},
        "severity": "INFO",
        "timestamp": TIME,
    },
    "textPayload": lambda record: {"textPayload": text_of(record), "logName": "projects/p-1/logs/x", "timestamp": TIME},
    "message in jsonPayload": lambda record: {"jsonPayload": {"message": text_of(record), "level": "info"}},
    "event.original": lambda record: {"@timestamp": TIME, "event.original": text_of(record), "host.name": "h1"},
    "event.original, nested": lambda record: {
        "@timestamp": TIME,
        "ecs": {"version": "8.11"},
        "event": {"original": text_of(record), "dataset": "gateway"},
        "host": {"name": "h1"},
        "message": "a call was made",
    },
    "ECS, twice": lambda record: {"message": text_of(record), "event": {"original": text_of(record)}},
    "_raw": lambda record: {"_raw": text_of(record), "_time": "1767323045.678", "host": "h1", "source": "s", "sourcetype": "x"},
    "_raw, an object": lambda record: {"_raw": record, "cribl_pipe": "p", "_time": 1767323045.678},
    "data": lambda record: {"specversion": "1.0", "id": "i", "type": "gateway.call", "time": TIME, "data": record},
    "data, a text": lambda record: {"data": text_of(record), "partition": 3},
    "record": lambda record: {"record": record, "offset": 7},
    "record, a text": lambda record: {"record": text_of(record), "topic": "ai"},
    "RawData": lambda record: {"TimeGenerated": TIME, "RawData": text_of(record), "Computer": "h1", "Type": "Gateway_CL"},
    "@message": lambda record: {"@timestamp": TIME, "@message": text_of(record), "@logStream": "s", "@log": "1:/g"},
    "message": lambda record: {"message": text_of(record), "level": "info", "logger": "calls"},
    "log, of a container": lambda record: {"log": text_of(record) + "\n", "stream": "stdout", "time": TIME, "kubernetes": POD},
    "any key": lambda record: {"zebra": record, "n": 1},
    "any key, a text": lambda record: {"zebra": text_of(record), "n": 1},
    "any key, a list": lambda record: {"zebras": listed(record), "n": 1},
    "a string in a string": lambda record: {"zebra": quoted(record)},
    "syslog, RFC 5424": lambda record: {"message": f"<134>1 {TIME} h1 gw 12 - - {text_of(record)}"},
    "syslog, RFC 5424, structured data": lambda record: {
        "message": f'<134>1 {TIME} h1 gw 12 ID4 [x@1 a="b\\"]" c="{{"][y@1] \ufeff{text_of(record)}'
    },
    "syslog, RFC 3164": lambda record: {"message": f"<134>Jan  2 03:04:05 h1 gw[12]: {text_of(record)}"},
    "syslog, no host": lambda record: {"msg": f" {text_of(record)}", "syslogtag": "gw:", "hostname": "h1"},
    "syslog, any key": lambda record: {"zebra": f"<134>Jan  2 03:04:05 h1 gw[12]: @cee: {text_of(record)}"},
    "level and time": lambda record: {"message": f"{TIME} INFO {text_of(record)}"},
    "logger": lambda record: {"zebra": f"2026-01-02 03:04:05,678 - app.calls - INFO - {text_of(record)}"},
    "logger, brackets": lambda record: {"message": f"[{TIME}] [INFO] [worker-1] calls: {text_of(record)}"},
    "Lambda": lambda record: {
        "messageType": "DATA_MESSAGE",
        "logGroup": "/aws/lambda/f",
        "logStream": "s",
        "logEvents": [
            {
                "id": "1",
                "timestamp": 1767323045678,
                "message": f"{TIME}\t7f3a0003-1111-4222-8333-123456789abc\tINFO\t{text_of(record)}",
            }
        ],
    },
    "klog": lambda record: {"log": f"I0102 03:04:05.678901       1 calls.go:12] {text_of(record)}"},
    "CRI": lambda record: {"log": f"{TIME} stdout F {text_of(record)}", "kubernetes": POD},
    "Compose": lambda record: {"log": f"gateway-1  | {text_of(record)}"},
    "logfmt": lambda record: {"message": f"level=info ts={TIME} msg={text_of(record)} took=3ms"},
    "logfmt, quoted": lambda record: {"message": f'level=info caller="a b" msg={quoted(record)}'},
    "SNS": lambda record: {"Type": "Notification", "MessageId": "1", "Message": text_of(record), "Timestamp": TIME},
    "HEC": lambda record: {"event": record, "time": 1767323045.678, "host": "h1", "sourcetype": "x"},
    "GELF": lambda record: {"version": "1.1", "host": "h1", "short_message": "call", "full_message": text_of(record)},
    "Pub/Sub": lambda record: {
        "message": {"data": base64.b64encode(orjson.dumps(record)).decode(), "publishTime": TIME}, "subscription": "s"
    },
    "Event Hubs": lambda record: {"records": listed(record)},
    "SQS": lambda record: {"Records": [{"messageId": "1", "body": text_of(record), "eventSource": "aws:sqs"}]},
    "an array of log entries": lambda record: [{"jsonPayload": record, "insertId": "1"}],
}  # fmt: skip
LINES: dict[str, Callable[[Any], Any]] = {
    "line, RFC 5424": lambda record: f"<134>1 {TIME} h1 gw 12 - - {text_of(record)}",
    "line, RFC 3164": lambda record: f"<134>Jan  2 03:04:05 h1 gw[12]: {text_of(record)}",
    "line of rsyslog's file": lambda record: f"{TIME} h1 gw[12]: {text_of(record)}",
    "line, level and time": lambda record: f"INFO {TIME} calls: {text_of(record)}",
    "line, a string": quoted,
}
WRAPPERS = OBJECTS | LINES
PLACE = ("timestamp", "cloud", "k8s", "host")
"""What the wrapper may tell, if the record does not."""


def plain(value: Any) -> Any:
    if isinstance(value, SensitiveText | SensitiveTree):
        return value.reveal()
    if dataclasses.is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return [plain(item) for item in value] if isinstance(value, list) else value


def events_of(value: Any) -> list[dict[str, Any]]:
    line = orjson.dumps(value)
    events = []
    for event in REGISTRY.parse(RawRecord(orjson.loads(line), line)):
        found = plain(event)
        if not isinstance(event, ParseFailure):
            left = {key: item for key, item in (found["unmapped"] or {}).items() if key != "envelope_chars"}
            found["unmapped"] = left or None
        events.append(found)
    return events


def differences(bare: Any, wrapped: Any, path: str = "") -> list[str]:
    """Where two events differ, but for facts of time and place that the first one lacks."""
    if bare is None and path.partition(".")[0] in PLACE:
        return []
    if isinstance(bare, dict) and isinstance(wrapped, dict):
        keys = bare.keys() | wrapped.keys()
        prefix = f"{path}." if path else ""
        return [
            found for key in sorted(keys) for found in differences(bare.get(key), wrapped.get(key), f"{prefix}{key}")
        ]
    return [] if bare == wrapped else [path]


def differing(bare: list[dict[str, Any]], wrapped: list[dict[str, Any]]) -> list[str]:
    if len(bare) != len(wrapped):
        return [f"{len(bare)} events, wrapped {len(wrapped)}"]
    return [found for one, other in zip(bare, wrapped, strict=True) for found in differences(one, other)]


BARE = {str(sample): events_of(orjson.loads(sample.line)) for sample in GOOD}


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_the_same_event_comes_out_of_a_wrapper(wrapper: str) -> None:
    wrap = WRAPPERS[wrapper]
    wrong = {
        str(sample): found
        for sample in GOOD
        if (found := differing(BARE[str(sample)], events_of(wrap(orjson.loads(sample.line)))))
    }
    assert wrong == {}
