"""Wrappers: whatever is around a record, the same event comes out, but for the time and place that the record lacks."""

from __future__ import annotations

import base64
import dataclasses
import time
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from samples import samples
from shares import share
from veilog_filters.framing import decode_json
from veilog_parsers.errors import ErrorType, RecordError
from veilog_parsers.event import AuditEvent, SensitiveText, SensitiveTree
from veilog_parsers.record.envelopes import MAX_EVENTS
from veilog_parsers.record.raw import RawRecord
from veilog_parsers.registry import OTHER, SOURCES, ParseFailure, Registry

REGISTRY = Registry()
NAMES = {source.name for source in SOURCES}
GOOD = [sample for sample in samples() if sample.source in NAMES and sample.case.startswith("good")]
TIME = "2026-01-02T03:04:05.678Z"
POD = {"namespace_name": "ai", "pod_name": "gw-1", "container_name": "gw", "host": "node-1", "labels": {"app": "gw"}}


def text_of(value: Any) -> str:
    """A record as JSON; a line as it is."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def listed(record: Any) -> list[Any]:
    """A record in a list; a sample that is a list of records as it is."""
    return record if isinstance(record, list) else [record]


def quoted(value: Any) -> str:
    """A value as JSON in a JSON string."""
    return orjson.dumps(text_of(value)).decode()


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
        "message": {"data": base64.b64encode(text_of(record).encode()).decode(), "publishTime": TIME}, "subscription": "s"
    },
    "Kinesis": lambda record: {
        "kinesis": {"data": base64.b64encode(text_of(record).encode()).decode(), "partitionKey": "k"}, "eventSource": "aws:kinesis"
    },
    "Firehose": lambda record: {"records": [{"recordId": "1", "data": base64.b64encode(text_of(record).encode()).decode()}]},
    "Kafka": lambda record: {"topic": "ai", "partition": 0, "offset": 7, "value": record},
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
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
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
    if path == "dropped_fields":
        # Keys of the wrapper count too; see ``differing``.
        return []
    if bare is None and path.partition(".")[0] in PLACE:
        return []
    if isinstance(bare, dict) and isinstance(wrapped, dict):
        keys = bare.keys() | wrapped.keys()
        prefix = f"{path}." if path else ""
        return [
            found for key in sorted(keys) for found in differences(bare.get(key), wrapped.get(key), f"{prefix}{key}")
        ]
    return [] if bare == wrapped else [path]


def dropped_in(events: list[dict[str, Any]]) -> int:
    """How many keys were dropped of a raw record: its own, and those of what is around it."""
    return sum(event.get("dropped_fields") or 0 for event in events)


def differing(bare: list[dict[str, Any]], wrapped: list[dict[str, Any]]) -> list[str]:
    if len(bare) != len(wrapped):
        return [f"{len(bare)} events, wrapped {len(wrapped)}"]
    if dropped_in(bare) > dropped_in(wrapped):
        return [f"{dropped_in(bare)} keys dropped, wrapped {dropped_in(wrapped)}"]
    return [found for one, other in zip(bare, wrapped, strict=True) for found in differences(one, other)]


BARE = {str(sample): events_of(orjson.loads(sample.line)) for sample in GOOD}


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_the_same_event_comes_out_of_a_wrapper(wrapper: str) -> None:
    wrap = WRAPPERS[wrapper]
    wrong = {
        str(sample): found
        for sample in share(GOOD, 3, list(WRAPPERS).index(wrapper))
        if (found := differing(BARE[str(sample)], events_of(wrap(orjson.loads(sample.line)))))
    }
    assert wrong == {}


CALL = {"model": "m", "request": {"messages": [{"role": "user", "content": "hi"}]}, "response": {"choices": []}}
TEXT = text_of(CALL)
FACTS = {"model": "gpt-4o", "provider": "openai", "prompt_tokens": 3, "completion_tokens": 4, "level": "info"}
"""Facts of a call, by which a wrapper is traffic with a model by evidence."""


@pytest.mark.parametrize("wrapper", [name for name in OBJECTS if name != "an array of log entries"])
def test_a_record_is_opened_before_evidence_claims_its_wrapper(wrapper: str) -> None:
    wrong = {}
    for sample in share(GOOD, 3, list(OBJECTS).index(wrapper)):
        wrapped = OBJECTS[wrapper](orjson.loads(sample.line)) | FACTS
        if sample.source != "app_log" and (found := differing(BARE[str(sample)], events_of(wrapped))):
            wrong[str(sample)] = found
    assert wrong == {}


WORDS: dict[str, Any] = {
    "a prompt": {"prompt": TEXT},
    "a prompt and a body": {"prompt": "what is this", "payload": CALL},
    "a message without a level": {"level": None, "message": TEXT},
    "an answer": {"completion": "it is a call", "log": TEXT},
    "a tool called with a record": {"tool_calls": [{"function": {"name": "f", "arguments": TEXT}}]},
    "a tool in a message": {"message": {"role": "assistant", "tool_calls": [{"function": {"arguments": CALL}}]}},
    "a turn": {"role": "user", "content": [{"type": "text", "text": TEXT}]},
    "a list of turns": {"messages": [{"role": "user", "content": "hi", "data": CALL}]},
    "a choice": {"choices": [{"message": {"role": "assistant", "content": "hi", "event": CALL}}]},
}


@pytest.mark.parametrize("words", WORDS.values(), ids=WORDS)
def test_what_has_words_of_its_own_is_no_wrapper(words: dict[str, Any]) -> None:
    record = {key: value for key, value in (FACTS | words).items() if value is not None}
    assert {event["source"] for event in events_of(record)} == {"app_log"}


@pytest.mark.parametrize("text", ["{broken", '{"level": "info", "a": 1}', "a model was called", "[]"])
def test_evidence_counts_where_no_record_is_inside(text: str) -> None:
    assert {str(event["source"]) for event in events_of(FACTS | {"message": text})} == {"app_log"}


AROUND_LINES = ("textPayload", "event.original", "_raw", "RawData", "@message", "message", "log, of a container", "CRI", "any key, a text", "a string in a string", "data, a text", "SNS", "line, a string")  # fmt: skip
"""Wrappers that have a line as a text. The others have an object, or would put a prefix before another."""


@pytest.mark.parametrize("outer", WRAPPERS)
def test_the_same_event_comes_out_of_two_wrappers(outer: str) -> None:
    """Every wrapper in every other: each pair with as many samples as all pairs together need to see each sample."""
    wrong = {}
    inside = WRAPPERS if outer in AROUND_LINES else OBJECTS
    for number, (inner, wrap) in enumerate(inside.items()):
        for sample in GOOD[(number + list(WRAPPERS).index(outer) * 7) % len(WRAPPERS) :: len(WRAPPERS) * 3]:
            wrapped = WRAPPERS[outer](wrap(orjson.loads(sample.line)))
            if found := differing(BARE[str(sample)], events_of(wrapped)):
                wrong[f"{sample} in {inner}"] = found
    assert wrong == {}


LABELS = {"app": "gw", "app.kubernetes.io/name": "gateway", "secret-project": "falcon", "team": "two words"}
GW = {"namespace": "ai", "pod": "gw-1", "container": "gw", "node": "node-1"}


OTLP = {
    "resource": {
        "attributes": [
            {"key": key, "value": {"stringValue": value}}
            for key, value in {
                "k8s.namespace.name": "ai",
                "k8s.pod.name": "gw-1",
                "k8s.pod.label.app": "gw",
                "k8s.pod.label.secret-project": "falcon",
                "host.name": "h1",
            }.items()
        ]
    },
    "scopeLogs": [{"logRecords": [{"timeUnixNano": "1767323045678000000", "body": {"stringValue": TEXT}}]}],
}
"""A line that the OpenTelemetry Collector read from a file."""


def sources_of(value: Any) -> list[str]:
    return [str(found["error_type"] or found["source"]) for found in events_of(value)]


@pytest.mark.parametrize(
    ("wrapped", "host", "k8s", "resource"),
    [
        ({"log": TEXT, "kubernetes": {**POD, "labels": LABELS}}, None, GW | {"labels": {"app": "gw", "app.kubernetes.io/name": "gateway"}}, "ai/gw-1/gw"),
        (CALL | {"kubernetes": {**POD, "labels": {"app_kubernetes_io/name": "gateway"}}}, None, GW | {"labels": {"app.kubernetes.io/name": "gateway"}}, None),
        ({"message": TEXT, "kubernetes": {"pod_namespace": "ai", "pod_name": "gw-1", "container_name": "gw", "pod_node_name": "node-1", "pod_labels": {"app": "gw"}}}, None, GW | {"labels": {"app": "gw"}}, "ai/gw-1/gw"),
        ({"message": TEXT, "kubernetes": {"namespace": "ai", "pod": {"name": "gw-1", "uid": "u"}, "node": {"name": "node-1"}, "container": {"name": "gw"}}, "host": {"name": "h1"}}, "h1", GW, "ai/gw-1/gw"),
        ({"zebra": TEXT, "k8s.namespace.name": "ai", "k8s.pod.name": "gw-1", "k8s.pod.label.app": "gw", "app": "not the pod's"}, None, {"namespace": "ai", "pod": "gw-1", "labels": {"app": "gw"}}, "ai/gw-1"),
        ({"jsonPayload": CALL, "labels": {"k8s-pod/app": "gw", "compute.googleapis.com/resource_name": "node-1"}, "resource": {"type": "k8s_container", "labels": {"namespace_name": "ai", "pod_name": "gw-1", "container_name": "gw", "project_id": "p"}}}, None, GW | {"labels": {"app": "gw"}}, "ai/gw-1/gw"),
        ({"textPayload": TEXT, "resource": {"type": "cloud_run_revision", "labels": {"service_name": "gateway", "project_id": "p"}}}, None, None, "cloud_run_revision/gateway"),
        ({"LogMessage": CALL, "PodNamespace": "ai", "PodName": "gw-1", "ContainerName": "gw", "Computer": "h1"}, "h1", {"namespace": "ai", "pod": "gw-1", "container": "gw"}, "ai/gw-1/gw"),
        ({"RawData": TEXT, "Computer": "h1", "_ResourceId": "/subscriptions/s/x"}, "h1", None, "/subscriptions/s/x"),
        ({"MESSAGE": TEXT, "_HOSTNAME": "h1", "_SYSTEMD_UNIT": "gw.service"}, "h1", None, "h1/gw.service"),
        ({"event": CALL, "host": "h1"}, "h1", None, None),
        ({"resourceLogs": [OTLP]}, "h1", {"namespace": "ai", "pod": "gw-1", "labels": {"app": "gw"}}, "ai/gw-1"),
        ({"message": f"<134>1 {TIME} h1 gw 12 - - {TEXT}", "host": "relay"}, "h1", None, None),
        ({"message": {"event": {"original": TEXT}, "host": {"name": "h1"}}, "host": "relay", "kubernetes": POD}, "h1", GW | {"labels": {"app": "gw"}}, "ai/gw-1/gw"),
        (CALL | {"host": "api.example.com"}, None, None, None),
        ({"log": TEXT, "host": "a host of words", "kubernetes": {"pod_name": ["x"], "labels": "none"}}, None, None, None),
    ],
)  # fmt: skip
def test_the_place_is_told(wrapped: Any, host: Any, k8s: Any, resource: Any) -> None:
    (event,) = events_of(wrapped)
    assert event["source"] == "openai_gateway"
    assert event["host"] == host
    found = event["k8s"] and {key: value for key, value in event["k8s"].items() if value is not None}
    assert (found or None) == k8s
    assert (event["cloud"] or {}).get("resource") == resource


@pytest.mark.parametrize(
    "wrapped",
    [
        {"jsonPayload": CALL, "timestamp": TIME, "receiveTimestamp": "2030-01-01T00:00:00Z"},
        {"_raw": TEXT, "_time": "1767323045.678"},
        {"message": f"<134>1 {TIME} h1 gw 12 - - {TEXT}", "@timestamp": "2030-01-01T00:00:00Z"},
        {"message": f"2026-01-02 03:04:05,678 - calls - INFO - {TEXT}"},
        {"logGroup": "g", "logEvents": [{"id": "1", "timestamp": 1767323045678, "message": TEXT}]},
        {"message": {"data": base64.b64encode(TEXT.encode()).decode(), "publishTime": TIME}, "subscription": "s"},
        {"message": f"ts={TIME} level=info msg={TEXT}"},
        {"detail-type": "x", "time": TIME, "detail": CALL},
        {"log": f"<134>Jan  2 03:04:05 h1 gw[12]: {TEXT}", "time": TIME},
        {"resourceLogs": [OTLP]},
    ],
)
def test_the_time_is_told(wrapped: Any) -> None:
    (event,) = events_of(wrapped)
    assert (event["source"], event["timestamp"]) == ("openai_gateway", TIME)


def test_a_time_without_a_year_is_not_told() -> None:
    (event,) = events_of({"log": f"<134>Jan  2 03:04:05 h1 gw[12]: {TEXT}"})
    assert (event["timestamp"], event["host"]) == (None, "h1")


LINE = 'INFO:     203.0.113.7:35940 - "POST /v1/embeddings HTTP/1.1" 200 OK'


@pytest.mark.parametrize("key", ["textPayload", "_raw", "event.original", "RawData", "@message", "msg", "data", "line"])
def test_a_server_s_line_is_read_under_other_keys(key: str) -> None:
    (bare,) = events_of({"message": LINE})
    for wrapped in ({key: LINE}, {key: f"<134>1 {TIME} h1 gw 12 - - {LINE}"}, {"a": {key: LINE}}):
        (event,) = events_of(wrapped)
        assert differences(bare, event) == []
    assert sources_of({"logGroup": "g", "logEvents": [{"id": "1", "message": LINE}]}) == ["access_log"]


QUOTES: dict[str, Any] = {
    "words around it": {"level": "info", "comment_of_user": f"please explain {TEXT} to me"},
    "words before it": {"level": "info", "zebra": f"the caller said: {TEXT}"},
    "two words and a level": {"zebra": f"INFO the caller quoted this {TEXT}"},
    "a comment": {"ticket": {"id": 7, "comment": TEXT}},
    "a statement beside it": {"level": "warn", "msg": "body was refused", "zebra": TEXT},
    "a statement beside it, deeper": {"level": "warn", "ticket": {"title": "a bug report", "attachment": TEXT}},
    "an object beside a statement": {"msg": "product was viewed", "product": {"category": "shoes", "tenantId": "t"}},
    "data beside a statement": {"message": "a call was refused", "data": CALL, "items": [CALL]},
    "a prompt": {"app": "desk", "prompt": TEXT},
    "pieces": {"level": "info", "zebra": TEXT[: len(TEXT) // 2]},
    "a broken one under no name": {"level": "info", "template": "{broken", "pattern": "[a-z]{2}"},
    "another log's batch": {"data": {"records": [{"id": 1}, {"id": 2}]}, "result": {"Records": [{"a": 1}]}},
    "a list of words": {"tags": ["{", "}"], "zebra": [[CALL]]},
}


@pytest.mark.parametrize("record", QUOTES.values(), ids=QUOTES)
def test_what_quotes_a_record_is_no_wrapper(record: Any) -> None:
    (event,) = events_of(record)
    assert (event["source"], event["unmapped"]) == ("other", record)


def test_what_a_source_claims_is_no_wrapper() -> None:
    quoting = CALL | {"jsonPayload": CALL, "metadata": {"record": TEXT}}
    assert sources_of(quoting) == ["openai_gateway"]


@pytest.mark.parametrize("key", ["jsonPayload", "textPayload", "_raw", "event.original", "RawData", "@message", "data"])
@pytest.mark.parametrize("text", ["{broken", TEXT[:-5], f"<134>1 {TIME} h1 gw 12 - - {TEXT[:-5]}"])
def test_what_cannot_be_read_is_malformed(key: str, text: str) -> None:
    assert sources_of({key: text}) == ["malformed_json"]


def test_words_of_a_wrapper_are_counted_and_facts_are_not() -> None:
    said = "what somebody wrote beside it"
    parsed = REGISTRY.parse(
        RawRecord({"jsonPayload": orjson.loads(TEXT), "note": said, "kubernetes": POD | {"pod_name": "p" * 40}}, b"")
    )
    (event,) = parsed
    assert isinstance(event, AuditEvent)
    assert plain(event.unmapped) == {"envelope_chars": len(said)}


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda said: {said: orjson.loads(TEXT)},
        lambda said: {"jsonPayload": orjson.loads(TEXT), said: 1},
        lambda said: {"note": {said: {"of": orjson.loads(TEXT)}}},
        lambda said: {"Records": [{"message": TEXT}], said: 1},
    ],
)
@pytest.mark.parametrize("said", ["what somebody wrote beside it", "whatSomebodyWroteBesideTheRecord"])
def test_words_in_a_key_of_a_wrapper_are_counted(wrapped: Callable[[str], Any], said: str) -> None:
    (event,) = REGISTRY.parse(RawRecord(wrapped(said), b""))
    assert isinstance(event, AuditEvent)
    assert plain(event.unmapped) == {"envelope_chars": len(said)}


def bombs() -> dict[str, Any]:
    """Wrappers that cost as much as they can."""
    deep: Any = CALL
    for number in range(100):
        deep = {f"k{number}": deep}
    strings = TEXT
    while len(strings) < 1_000_000:
        strings = quoted(strings)
    wrapped = TEXT
    while len(wrapped) < 1_000_000:
        wrapped = text_of({"log": wrapped})
    many: Any = {"a": 1}
    for _ in range(5):
        many = {f"k{number}": many for number in range(10)}
    return {
        "objects in objects": deep,
        "strings in strings": {"zebra": strings},
        "strings in strings, named": {"message": strings},
        "texts in texts": {"zebra": wrapped},
        "texts in texts, named": {"message": wrapped},
        "10^5 objects": many,
        "10^4 texts": {f"k{number}": text_of({"a": {"b": number}}) for number in range(10_000)},
        "10^4 lists": {"zebras": [{"message": [{"a": number}]} for number in range(10_000)]},
        "words in a list": {"zebra": [{"message": "{" * 10}] * 10_000},
        "brackets": {"message": "[" * 1_000_000},
        "pairs": {"message": "a=[ " * 250_000},
        "pairs, quoted": {"message": 'a="\\" ' * 150_000},
        "structured data": {"message": f"<1>1 {TIME} h a p m " + '[x y="\\]' * 100_000},
        "names": {"zebra": "INFO " + "a: " * 300_000 + TEXT},
    }


@pytest.mark.parametrize("name", bombs())
def test_a_bomb_is_bounded(name: str) -> None:
    line = orjson.dumps(bombs()[name])
    value = orjson.loads(line)
    start = time.process_time()
    try:
        parsed = list(REGISTRY.parse(RawRecord(value, line)))
    except RecordError as error:
        parsed = [ParseFailure(error.error_type, OTHER)]
    assert time.process_time() - start < 2 + 2 * len(line) / 1_000_000
    (found,) = parsed
    assert isinstance(found, ParseFailure) or found.source == OTHER


def test_ten_thousand_records_in_strings_are_read() -> None:
    """And one more is too many. The time is in proportion."""
    line = text_of({"zebra": quoted({"log": TEXT})})
    start = time.process_time()
    assert len(events_of({"message": "\n".join([line] * MAX_EVENTS)})) == MAX_EVENTS
    assert time.process_time() - start < 20
    assert sources_of({"message": "\n".join([line] * (MAX_EVENTS + 1))}) == ["too_many_events"]


@pytest.mark.parametrize("data", ["-", '[x@1 a="b"]', '[x@1 a="b" c="\\"]"][y@1]'])
def test_a_line_of_syslog_is_read(data: str) -> None:
    line = f"<134>1 {TIME} h1 gw 12 ID4 {data} \ufeff{TEXT}"
    value = decode_json(line.encode())
    assert value == line
    (event,) = events_of(value)
    assert (event["source"], event["timestamp"], event["host"]) == ("openai_gateway", TIME, "h1")
    assert decode_json(line[:-3].encode()) is ErrorType.MALFORMED_JSON
