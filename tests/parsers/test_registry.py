"""Recognition and envelopes: which parser reads a record, and what is inside what."""

from __future__ import annotations

import base64
import dataclasses
import json
from pathlib import Path
from typing import Any

import orjson
import pytest

import veilog_parsers.sources
from samples import SAMPLES, samples
from veilog_parsers.errors import ErrorType, RecordError
from veilog_parsers.event import AuditEvent, SensitiveTree
from veilog_parsers.record import envelopes
from veilog_parsers.record.raw import RawRecord
from veilog_parsers.registry import OTHER, SOURCES, ParseFailure, Registry
from veilog_parsers.source import always

REGISTRY = Registry()
CALL = {"model": "m", "request": {"messages": [{"role": "user", "content": "hi"}]}, "response": {"choices": []}}
TRAIL = {"eventSource": "bedrock.amazonaws.com", "eventName": "InvokeModel", "userIdentity": {}}

AUDIT = {"category": "Audit", "tenantId": "t"}


def nested(key: str, depth: int, *, in_list: bool = False) -> Any:
    """A record in so many envelopes."""
    value: Any = TRAIL
    for _ in range(depth):
        value = {key: [value] if in_list else value}
    return value


def coded(value: Any) -> str:
    return base64.b64encode(orjson.dumps(value)).decode()


def sources_of(value: Any) -> list[str]:
    parsed = REGISTRY.parse(RawRecord(orjson.loads(orjson.dumps(value)), b""))
    return [str(item.error_type if isinstance(item, ParseFailure) else item.source) for item in parsed]


@pytest.mark.parametrize(
    ("value", "sources"),
    [
        (CALL, ["openai_gateway"]),
        ([CALL, CALL], ["openai_gateway"] * 2),
        ({"Records": [TRAIL, TRAIL]}, ["aws_cloudtrail"] * 2),
        ({"records": [{"category": "Audit", "tenantId": "t"}]}, ["azure_monitor"]),
        ({"detail-type": "AWS API Call via CloudTrail", "detail": TRAIL}, ["aws_cloudtrail"]),
        ({"messageType": "DATA_MESSAGE", "logGroup": "g", "logEvents": [{"id": 1, "message": json.dumps(TRAIL)}]}, ["aws_cloudtrail"]),
        ({"messageType": "CONTROL_MESSAGE", "logEvents": []}, []),
        ({"log": TRAIL, "tag": "x"}, ["aws_cloudtrail"]),
        ({"message": json.dumps(CALL) + "\n"}, ["openai_gateway"]),
        ({"log": json.dumps({"Records": [TRAIL]})}, ["aws_cloudtrail"]),
        ({"log": json.dumps({"message": json.dumps(TRAIL)})}, ["aws_cloudtrail"]),
        ({"log": {"log": {"log": {"log": TRAIL}}}}, ["aws_cloudtrail"]),
        (nested("log", envelopes.MAX_DEPTH), ["aws_cloudtrail"]),
        (nested("log", envelopes.MAX_DEPTH + 1), ["other"]),
        ({"log": {"a": 1}, "msg": json.dumps({"b": 1, "event": TRAIL})}, ["aws_cloudtrail"]),
        ({"log": "plain text"}, ["other"]),
        ({"log": "{broken"}, ["malformed_json"]),
        ({"a": 1}, ["other"]),
        ({}, ["other"]),
        ({"Records": []}, ["other"]),
        ({"Records": ["x", TRAIL]}, ["other"]),
        ({"Records": [TRAIL, "x", 7, json.dumps(TRAIL)]}, ["aws_cloudtrail", "malformed_json", "not_an_object", "aws_cloudtrail"]),
        ([{"records": [AUDIT]}, {"records": [AUDIT]}], ["azure_monitor"] * 2),
        ({"EnqueuedTimeUtc": "t", "Body": {"records": [AUDIT]}}, ["azure_monitor"]),
        ({"EnqueuedTimeUtc": "t", "Body": json.dumps({"records": [AUDIT, AUDIT]})}, ["azure_monitor"] * 2),
        ({"EnqueuedTimeUtc": "t", "Body": json.dumps([AUDIT, AUDIT])}, ["azure_monitor"] * 2),
        ({"EnqueuedTimeUtc": "t", "Body": coded({"records": [AUDIT]})}, ["azure_monitor"]),
        ({"EnqueuedTimeUtc": "t", "Body": {"bytes": coded([AUDIT])}}, ["azure_monitor"]),
        ({"EnqueuedTimeUtc": "t", "Body": "no base64"}, ["malformed_json"]),
        ({"EnqueuedTimeUtc": "t", "Body": "[1"}, ["malformed_json"]),
        ({"EnqueuedTimeUtc": "t", "Body": 7}, ["other"]),
        ({"message": {"data": coded(TRAIL), "messageId": "1", "publishTime": "t"}, "subscription": "s"}, ["aws_cloudtrail"]),
        ({"data": coded(TRAIL), "messageId": "1", "publishTime": "t"}, ["aws_cloudtrail"]),
        ({"receivedMessages": [{"ackId": "1", "message": {"data": coded(TRAIL), "publishTime": "t"}}]}, ["aws_cloudtrail"]),
        ({"data": "c2VjcmV0", "messageId": "1", "publishTime": "t"}, ["malformed_json"]),
        ({"data": "hello", "messageId": "1"}, ["other"]),
        ({"object": "list", "data": [CALL], "has_more": False}, ["openai_gateway"]),
        ({"AuditData": json.dumps(TRAIL), "RecordType": 1}, ["aws_cloudtrail"]),
        ({"log": {"subscription": "gold", "user": "a"}}, ["other"]),
        (nested("Records", envelopes.MAX_DEPTH, in_list=True), ["aws_cloudtrail"]),
        (nested("Records", envelopes.MAX_DEPTH + 1, in_list=True), ["other"]),
    ],
)  # fmt: skip
def test_what_is_inside(value: Any, sources: list[str]) -> None:
    assert sources_of(value) == sources


@pytest.mark.parametrize("value", [None, 7, "x", True, [], [1], ["x"], [{"a": 1}]])
def test_what_is_no_record(value: Any) -> None:
    with pytest.raises(RecordError) as raised:
        list(REGISTRY.parse(RawRecord(value, b"")))
    assert raised.value.error_type is ErrorType.NOT_AN_OBJECT


def test_too_many_events_are_one_error() -> None:
    value = {"Records": [{"a": 1}] * (envelopes.MAX_EVENTS + 1)}
    with pytest.raises(RecordError) as raised:
        list(REGISTRY.parse(RawRecord(value, b"")))
    assert raised.value.error_type is ErrorType.TOO_MANY_EVENTS
    value["Records"].pop()
    assert len(list(REGISTRY.parse(RawRecord(value, b"")))) == envelopes.MAX_EVENTS


def test_order_settles_who_gets_a_record_with_two_sources_markers() -> None:
    both = {**TRAIL, **CALL}
    assert sources_of(both) == ["aws_cloudtrail"]
    last_first = Registry(SOURCES[::-1]).recognize(both)
    assert last_first is not None
    assert last_first.name == "openai_gateway"


def test_recognition_asks_no_source_whose_keys_are_absent() -> None:
    """The cost of a record does not depend on how many sources there are: only tests of present keys run."""
    asked: list[str] = []

    def noting(name: str) -> Any:
        def test(fields: dict[str, Any]) -> bool:
            asked.append(name)
            return False

        return test

    class Fake:
        def __init__(self, name: str) -> None:
            self.name = name
            self.markers = {f"key_{name}": noting(name)}

    registry = Registry([Fake(str(number)) for number in range(100)])  # type: ignore[misc]
    assert registry.recognize({"key_7": 1, "other": 2}) is None
    assert asked == ["7"]


def test_an_unknown_fixed_source_is_an_error() -> None:
    with pytest.raises(KeyError):
        Registry(fixed="nobody")


def test_a_parser_s_failure_is_rejected_without_its_message() -> None:
    def parse(fields: dict[str, Any]) -> AuditEvent:
        raise ValueError(fields["a"])

    broken = dataclasses.replace(SOURCES[0], name="broken", markers={"a": always}, parse=parse)
    (rejected,) = Registry([broken]).parse(RawRecord({"a": "secret"}, b""))
    assert rejected == ParseFailure(ErrorType.PARSER_FAILED, "broken")


def test_what_is_not_recognized_is_kept_whole() -> None:
    (event,) = REGISTRY.parse(RawRecord({"a": {"b": None}}, b""))
    assert isinstance(event, AuditEvent)
    assert event.source == OTHER
    assert isinstance(event.unmapped, SensitiveTree)
    assert event.unmapped.reveal() == {"a": {"b": None}}


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_sources_are_documented(source: Any) -> None:
    assert source.summary.endswith(".")
    assert source.references
    assert all(reference.startswith("https://") for reference in source.references)


def test_each_source_is_one_module_and_one_folder_of_samples() -> None:
    folder = Path(veilog_parsers.sources.__path__[0])
    modules = {path.stem for path in folder.glob("*/*.py") if "\nSOURCE: Final = Source(" in path.read_text()}
    assert modules == {source.name for source in SOURCES}
    assert modules | {"mapped", "other"} == {path.name for path in SAMPLES.iterdir()}


def test_no_sample_is_taken_for_another_source_s() -> None:
    for sample in samples():
        if sample.source not in ("mapped", "other") and sample.case != "malformed":
            assert set(sources_of(orjson.loads(sample.line))) <= {sample.source, "not_an_object", "malformed_json"}, (
                sample
            )


def test_what_is_not_opened_keeps_what_is_around_it() -> None:
    (event,) = REGISTRY.parse(RawRecord({"log": {"subscription": "gold"}, "tag": "t"}, b""))
    assert isinstance(event, AuditEvent)
    assert isinstance(event.unmapped, SensitiveTree)
    assert event.unmapped.reveal().keys() == {"log", "tag"}


def row(number: Any, key: str = "c-1", **columns: Any) -> dict[str, Any]:
    return {
        "category": "GatewayLlmLogs",
        "correlationId": key,
        "properties": {"sequenceNumber": number, **columns},
    }


def test_rows_of_a_call_are_put_together_in_order() -> None:
    other, whole = {"category": "Audit"}, row(0, "c-2", modelName="m")
    rows = [
        row(2, requestMessages='"content":"U"}]'),
        other,
        row(0, modelName="m", promptTokens=3, requestMessages=""),
        row(1, requestMessages='[{"role":"user",'),
        whole,
        row(3, responseMessages='[{"content":"A"}]', promptTokens=0),
    ]
    call, *rest = envelopes.join_rows(rows)
    assert rest == [other, whole]
    assert call["properties"] == {
        "sequenceNumber": 1,
        "modelName": "m",
        "promptTokens": 3,
        "requestMessages": '[{"role":"user","content":"U"}]',
        "responseMessages": '[{"content":"A"}]',
    }
    assert envelopes.join_rows(rows)[0] == call


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        (['[{"a":1}]', '[{"a":2}]'], [{"a": 1}, {"a": 2}]),
        ([[{"a": 1}], [{"a": 2}]], [{"a": 1}, {"a": 2}]),
        (["cut ", "in two"], "cut in two"),
        ([{"a": 1}, "x"], [{"a": 1}, "x"]),
        ([None, "x"], "x"),
    ],
)
def test_pieces_of_a_text(pieces: list[Any], text: Any) -> None:
    rows = [row(number, requestMessages=piece) for number, piece in enumerate(pieces)]
    (call,) = envelopes.join_rows(rows)
    assert call["properties"]["requestMessages"] == text


def test_rows_without_an_id_or_with_columns_elsewhere() -> None:
    flat = [{"Type": "ApiManagementGatewayLlmLog", "CorrelationId": "c", "SequenceNumber": n} for n in (1, 0)]
    assert len(envelopes.join_rows(flat)) == 1
    strange = [{"category": "GatewayLlmLogs", "correlationId": 7}, {"category": ["GatewayLlmLogs"]}, "x", None]
    assert envelopes.join_rows(strange) == strange
    strings = [row("x") | {"properties": '{"promptTokens":3}'}, row(1) | {"properties": "{"}]
    (call,) = envelopes.join_rows(strings)
    assert call["properties"].items() >= {"promptTokens": 3, "properties": "{"}.items()
