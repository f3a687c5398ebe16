"""Recognition and envelopes: which parser reads a record, and what is inside what."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest

from samples import samples
from veilog_parsers import envelopes
from veilog_parsers.errors import ErrorType, RecordError
from veilog_parsers.event import AuditEvent, SensitiveTree
from veilog_parsers.record import RawRecord
from veilog_parsers.registry import OTHER, SOURCES, Registry, Rejected

REGISTRY = Registry()
CALL = {"model": "m", "request": {"messages": [{"role": "user", "content": "hi"}]}, "response": {"choices": []}}
TRAIL = {"eventSource": "bedrock.amazonaws.com", "eventName": "InvokeModel", "userIdentity": {}}


def sources_of(value: Any) -> list[str]:
    parsed = REGISTRY.parse(RawRecord(orjson.loads(orjson.dumps(value)), b""))
    return [str(item.error_type if isinstance(item, Rejected) else item.source) for item in parsed]


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
        ({"log": {"log": {"log": {"log": {"log": TRAIL}}}}}, ["other"]),
        ({"log": {"a": 1}, "msg": json.dumps({"b": 1, "event": TRAIL})}, ["aws_cloudtrail"]),
        ({"log": "plain text"}, ["other"]),
        ({"log": "{broken"}, ["other"]),
        ({"a": 1}, ["other"]),
        ({}, ["other"]),
        ({"Records": []}, ["other"]),
        ({"Records": ["x", TRAIL]}, ["other"]),
        ({"Records": [TRAIL, "x", 7, json.dumps(TRAIL)]}, ["aws_cloudtrail", "malformed_json", "not_an_object", "aws_cloudtrail"]),
        ({"Records": [{"Records": [{"Records": [{"Records": [{"Records": [TRAIL]}]}]}]}]}, ["other"]),
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
    assert Registry(SOURCES[::-1]).recognize(both) is SOURCES[-1]


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
    class Broken:
        name = "broken"
        markers = {"a": lambda fields: True}

        @staticmethod
        def parse(fields: dict[str, Any]) -> AuditEvent:
            raise ValueError(fields["a"])

    (rejected,) = Registry([Broken]).parse(RawRecord({"a": "secret"}, b""))  # type: ignore[list-item]
    assert rejected == Rejected(ErrorType.PARSER_FAILED, "broken")


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


def test_no_sample_is_taken_for_another_source_s() -> None:
    for sample in samples():
        if sample.source not in ("mapped", "other") and sample.case != "malformed":
            assert set(sources_of(orjson.loads(sample.line))) <= {sample.source, "not_an_object", "malformed_json"}, (
                sample
            )
