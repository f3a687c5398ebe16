"""What containers, Kubernetes and journald put around a record: opened, its time and place used, cut lines joined."""

from __future__ import annotations

import json
from typing import Any

import pytest

from veilog_parsers.errors import ErrorType
from veilog_parsers.event import AuditEvent, Text
from veilog_parsers.record.raw import RawRecord
from veilog_parsers.registry import ParseFailure, Registry

REGISTRY = Registry()
CALL = {"model": "m", "request": {"messages": [{"role": "user", "content": "hi"}]}, "response": {"choices": []}}
LINE = json.dumps(CALL)
POD = {"namespace_name": "ai", "pod_name": "gw-1", "container_name": "gateway", "labels": {"a": "b"}}
TIME = "2025-03-03T09:41:03.25Z"


def parse(value: Any) -> list[AuditEvent]:
    events = [event for event in REGISTRY.parse(RawRecord(value, b"")) if isinstance(event, AuditEvent)]
    assert events
    return events


def reveal(text: Text | None) -> str | None:
    return text if text is None or isinstance(text, str) else text.reveal()


def resource(event: AuditEvent) -> str | None:
    return reveal(event.cloud.resource) if event.cloud else None


def texts(event: AuditEvent) -> list[str]:
    return [part.reveal() for message in event.prompt_messages for part in message.parts]


@pytest.mark.parametrize(
    ("value", "where"),
    [
        ({"log": LINE + "\n", "stream": "stdout", "time": TIME}, None),
        ({"log": LINE, "stream": "stdout", "_p": "F", "time": TIME, "kubernetes": POD}, "ai/gw-1/gateway"),
        ({"message": LINE, "logtag": "F", "time": TIME, "kubernetes": {"pod_namespace": "ai", "pod_name": "x"}}, "ai/x"),
        ({"log": f"2025-03-03T10:41:03.250000000+01:00 stdout F {LINE}", "kubernetes": POD}, "ai/gw-1/gateway"),
        ({"log": f"{TIME} stderr F {LINE}", "time": "2020-01-01T00:00:00Z"}, None),
        ({"MESSAGE": LINE, "_HOSTNAME": "h1", "_SYSTEMD_UNIT": "gw.service", "__REALTIME_TIMESTAMP": "1740994863250000"}, "h1/gw.service"),
        ({"MESSAGE": list(LINE.encode()), "_HOSTNAME": "h1", "__REALTIME_TIMESTAMP": "1740994863250000"}, "h1"),
        ({"message": json.dumps({"log": LINE, "time": TIME}), "timestamp": "2020-01-01T00:00:00Z", "kubernetes": POD}, "ai/gw-1/gateway"),
        ({"log": LINE, "date": 1740994863.25, "kubernetes": {"pod_name": ["x"], "namespace_name": 7}}, None),
        ({"log": LINE, "@timestamp": TIME, "kubernetes": "none"}, None),
        ({"log": LINE, "time": TIME, "kubernetes": {"pod_name": "anna berg", "namespace_name": 7}}, None),
    ],
)  # fmt: skip
def test_time_and_place_come_from_around_the_record(value: Any, where: str | None) -> None:
    (event,) = parse(value)
    assert (event.source, event.timestamp, resource(event)) == ("openai_gateway", TIME, where)
    assert event.unmapped is None


def test_what_the_record_says_itself_goes_first() -> None:
    (event,) = parse({"log": json.dumps(CALL | {"timestamp": "2024-01-01T00:00:00Z"}), "time": TIME})
    assert event.timestamp == "2024-01-01T00:00:00Z"
    azure = {"category": "Audit", "tenantId": "t", "resourceId": "/subscriptions/s/x"}
    (event,) = parse({"log": json.dumps(azure), "time": TIME, "kubernetes": POD})
    assert resource(event) == "/subscriptions/s/x"


@pytest.mark.parametrize(
    "value",
    [
        {"log": "plain", "stream": "stdout", "time": TIME, "kubernetes": POD},
        {"MESSAGE": [1, 2, 300]},
        {"MESSAGE": ["a", None]},
        {"MESSAGE": None},
    ],
)
def test_what_holds_no_record_is_kept_whole(value: Any) -> None:
    (event,) = parse(json.loads(json.dumps(value)))
    assert event.source == "other"
    assert event.unmapped.reveal() == value  # type: ignore[union-attr]


def test_a_part_of_a_record_is_rejected() -> None:
    (rejected,) = REGISTRY.parse(RawRecord({"log": f"{TIME} stdout P {LINE[:30]}"}, b""))
    assert isinstance(rejected, ParseFailure)
    assert rejected.error_type is ErrorType.MALFORMED_JSON


def cut(**about: Any) -> list[dict[str, Any]]:
    return [about | {"log": LINE[:20]}, about | {"log": LINE[20:50]}, about | {"log": LINE[50:]}]


def marked(lines: list[dict[str, Any]], marks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line | mark for line, mark in zip(lines, marks, strict=True)]


CUT_LINES = {
    "logtag": marked(cut(), [{"logtag": "P"}, {"logtag": "P"}, {"logtag": "F"}]),
    "_p": marked(cut(stream="stdout", kubernetes=POD), [{"_p": "P"}, {"_p": "P"}, {"_p": "F"}]),
    "text": [{"log": f"{TIME} stdout {mark} {line['log']}"} for mark, line in zip("PPF", cut(), strict=True)],
    "docker file": [line | {"log": line["log"] + end} for line, end in zip(cut(stream="stdout"), ("", "", "\n"), strict=True)],
    "docker's fluentd driver": marked(
        cut(container_id="c"), [{"partial_message": "true", "partial_last": last} for last in ("false", "false", "true")]
    ),
}  # fmt: skip


@pytest.mark.parametrize("lines", CUT_LINES.values(), ids=CUT_LINES)
def test_cut_lines_are_joined(lines: list[dict[str, Any]]) -> None:
    (event,) = parse(lines)
    assert (event.source, texts(event)) == ("openai_gateway", ["hi"])


def test_parts_of_two_containers_are_told_apart() -> None:
    ours, theirs = CUT_LINES["_p"], marked(cut(stream="stderr"), [{"_p": "P"}, {"_p": "P"}, {"_p": "F"}])
    mixed = [line for pair in zip(ours, theirs, strict=True) for line in pair]
    assert [event.source for event in parse(mixed)] == ["openai_gateway"] * 2


def test_a_line_whose_end_is_missing_is_rejected_and_others_are_read() -> None:
    lines = [*CUT_LINES["logtag"][:2], {"log": LINE, "stream": "stderr"}, {"log": "started", "stream": "x"}]
    *events, rejected = REGISTRY.parse(RawRecord(lines, b""))
    assert [event.source for event in events] == ["openai_gateway", "other"]
    assert isinstance(rejected, ParseFailure)
    assert rejected.error_type is ErrorType.MALFORMED_JSON


def test_a_batch_begins_with_a_record_or_a_line() -> None:
    banner = {"log": "started", "stream": "stdout", "time": TIME}
    assert [event.source for event in parse([banner, banner | {"log": LINE}])] == ["other", "openai_gateway"]


def test_otlp_documents_in_one_batch_are_one() -> None:
    about = {"traceId": "ab" * 16, "spanId": "cd" * 8}
    span = {**about, "attributes": [{"key": "gen_ai.system", "value": {"stringValue": "openai"}}]}
    log = {**about, "eventName": "gen_ai.user.message", "body": {"stringValue": "hi"}}
    documents = [
        {"resourceLogs": [{"scopeLogs": [{"logRecords": [log]}]}]},
        {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]},
    ]
    (event,) = parse(documents)
    assert (reveal(event.provider), texts(event)) == ("openai", ["hi"])
