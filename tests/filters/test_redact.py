"""Redaction: how spans are merged, what operators make of them, and that no character of a span survives."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reading import Reader
from samples import config_with
from veilog_filters.collect import Collector
from veilog_filters.config import Config
from veilog_filters.detect.api import Finding
from veilog_filters.fingerprint import Fingerprinter
from veilog_filters.names import Names
from veilog_filters.pipeline import Pipeline
from veilog_filters.redact import Redactor, merge
from veilog_filters.texts import Inspected, InspectedObject, TextLimits
from veilog_parsers.event import (
    AuditEvent,
    CleanText,
    Cloud,
    Digest,
    Kind,
    Name,
    SensitiveText,
    SensitiveTree,
    ToolCall,
)
from veilog_parsers.record.raw import RawRecord

FINGERPRINTER = Fingerprinter(b"k" * 32, "k1")
LONG_NAME = "arn:aws:bedrock:us-east-1:123456789012:provisioned-model/0123456789abcdef"
WORDS = {"EMAIL": "EMAIL_ADDRESS", "CARD": "CREDIT_CARD", "PHONE": "PHONE_NUMBER", "SSN": "US_SSN"}


def words(text: str) -> list[Finding]:
    """Finds the words of ``WORDS``."""
    return sorted(
        Finding(start, start + len(word), entity, 0.9)
        for word, entity in WORDS.items()
        for start in range(len(text))
        if text.startswith(word, start)
    )


def redactor(**sections: Any) -> Redactor:
    config: Config = config_with(**sections)
    return Redactor(config.redact, config.policy, FINGERPRINTER, Names(config.policy, FINGERPRINTER))


def tree(ours: Redactor, value: dict[str, Any]) -> dict[str, Any]:
    return ours.tree(Reader(words, 4096).tree(value), "")


def redacted(text: str, findings: list[Finding], **redact: Any) -> str:
    return redactor(redact=redact).text(Inspected(text, findings), "")


def spans(*parts: tuple[int, int, str, float]) -> list[Finding]:
    return [Finding(*part) for part in parts]


@pytest.mark.parametrize(
    ("findings", "clusters"),
    [
        ([], []),
        ([(0, 2, "A", 0.5)], [(0, 2, "A", True)]),
        ([(0, 2, "A", 0.5), (2, 4, "B", 0.5)], [(0, 2, "A", True), (2, 4, "B", True)]),
        ([(0, 3, "A", 0.5), (2, 4, "B", 0.6)], [(0, 4, "B", False)]),
        ([(0, 9, "A", 0.5), (2, 4, "B", 0.6), (5, 6, "C", 0.1)], [(0, 9, "B", False)]),
        ([(0, 3, "A", 0.5), (0, 4, "B", 0.5)], [(0, 4, "B", False)]),
        ([(0, 3, "B", 0.5), (0, 3, "A", 0.5)], [(0, 3, "A", True)]),
        ([(0, 3, "A", 0.5), (2, 5, "B", 0.5), (4, 8, "C", 0.5), (8, 9, "D", 1.0)], [(0, 8, "C", False), (8, 9, "D", True)]),
    ],
)  # fmt: skip
def test_merge(findings: list[tuple[int, int, str, float]], clusters: list[tuple[int, int, str, bool]]) -> None:
    for order in (findings, findings[::-1]):
        merged = [(cluster.start, cluster.end, cluster.entity, alone) for cluster, alone in merge(spans(*order))]
        assert merged == clusters


@pytest.mark.parametrize(
    ("redact", "expected"),
    [
        ({}, "to <EMAIL_ADDRESS>."),
        ({"operators": {"default": "mask"}}, "to *****."),
        ({"operators": {"EMAIL_ADDRESS": "remove", "default": "mask"}}, "to ."),
        ({"operators": {"EMAIL_ADDRESS": "mask"}, "mask_keep_last_chars": 2}, "to ***IL."),
    ],
)
def test_operators(redact: dict[str, Any], expected: str) -> None:
    assert redacted("to EMAIL.", words("to EMAIL."), **redact) == expected


def test_hash_is_keyed_stable_and_per_tenant() -> None:
    operator = redactor(redact={"operators": {"default": "hash"}})
    first = operator.text(Inspected("EMAIL", words("EMAIL")), "acme")
    assert first == operator.text(Inspected("EMAIL", words("EMAIL")), "acme")
    assert first != operator.text(Inspected("EMAIL", words("EMAIL")), "other")
    assert first.startswith("<EMAIL_ADDRESS:")
    assert len(first) == len("<EMAIL_ADDRESS:>") + 16


def test_a_merged_cluster_is_masked_whole() -> None:
    findings = spans((0, 6, "A", 0.9), (4, 10, "B", 0.8))
    assert redacted("0123456789", findings, operators={"default": "mask"}, mask_keep_last_chars=4) == "*" * 10


def test_short_spans_are_masked_whole() -> None:
    assert redacted("abcd", spans((0, 4, "A", 0.9)), operators={"default": "mask"}, mask_keep_last_chars=2) == "****"


@given(
    st.text(min_size=1, max_size=40),
    st.lists(st.tuples(st.integers(0, 39), st.integers(1, 20), st.sampled_from("ABC"), st.sampled_from([0.3, 0.9]))),
)
def test_exactly_what_no_span_covers_survives(text: str, parts: list[tuple[int, int, str, float]]) -> None:
    findings = [
        Finding(start, min(start + length, len(text)), entity, score)
        for start, length, entity, score in parts
        if start < len(text)
    ]
    covered = {position for finding in findings for position in range(finding.start, finding.end)}
    expected = "".join(character for position, character in enumerate(text) if position not in covered)
    assert redacted(text, findings, operators={"default": "remove"}) == expected


def test_keys_that_become_the_same_are_kept_apart() -> None:
    cleaned = tree(redactor(), {"EMAIL": 1, "x": {"CARD": [{"SSN": None}]}, "EMAILEMAIL": 2, "PHONE": 3})
    assert cleaned == {
        "<EMAIL_ADDRESS>": 1,
        "x": {"<CREDIT_CARD>": [{"<US_SSN>": None}]},
        "<EMAIL_ADDRESS><EMAIL_ADDRESS>": 2,
        "<PHONE_NUMBER>": 3,
    }
    removing = redactor(redact={"operators": {"default": "remove"}})
    assert tree(removing, {"xEMAIL": 1, "xCARD": 2, "x": 3}) == {"x": 1, "x~2": 2, "x~3": 3}


def test_json_in_strings_is_cleaned_and_stays_json() -> None:
    cleaned = tree(redactor(), {"log": '{"\\u0045MAIL": ["\\u0045MAIL",1,{"a":"{\\"b\\":\\"CARD\\"}"}]}'})
    assert cleaned == {"log": '{"<EMAIL_ADDRESS>": ["<EMAIL_ADDRESS>",1,{"a":"{\\"b\\":\\"<CREDIT_CARD>\\"}"}]}'}


@pytest.mark.parametrize(
    ("text", "findings", "expected"),
    [
        ('{"a": 4111, "b": 1}', [(6, 10, "X", 0.9)], '{"a": "<X>", "b": 1}'),
        ('{"a": -41.5e3}', [(8, 9, "X", 0.9)], '{"a": "<X>"}'),
        ('{"a": [1, 2]}', [(7, 11, "X", 0.9)], '{"a": ["<X>", "<X>"]}'),
        ('{"password": "abc"}', [(2, 17, "X", 0.9)], '{"<X>": "<X>"}'),
        ('["\\nann@x"]', [(3, 9, "X", 0.9)], '["<X>"]'),
        ('["a\\u0040b\\\\c"]', [(3, 5, "X", 0.9), (10, 11, "Y", 0.9)], '["a<X>b<Y>c"]'),
        ('["\\ud83d\\ude00"]', [(8, 9, "X", 0.9)], '["<X>"]'),
        ("{not json", [(0, 4, "X", 0.9)], "<X> json"),
    ],
)
def test_what_is_replaced_in_json_are_strings_and_numbers(
    text: str, findings: list[tuple[int, int, str, float]], expected: str
) -> None:
    ours = redactor()
    assert ours.text(Inspected(text, spans(*findings)), "") == expected
    assert sum(ours.entities.values()) == len(findings)


def test_spans_that_go_on_from_an_earlier_part_are_replaced_too() -> None:
    ours = redactor()
    assert ours.text(Inspected("1234 5678", [], continued=spans((0, 4, "X", 0.9))), "") == "<X> 5678"


def test_thousands_of_keys_that_become_one_are_told_apart_in_linear_time() -> None:
    ours = redactor()
    found = Inspected("EMAIL", words("EMAIL"))
    many = InspectedObject([(found, number) for number in range(30_000)])
    start = time.process_time()
    rebuilt = ours._rebuild(many, "")
    assert time.process_time() - start < 5, "a search from 2 for each takes minutes"
    assert list(rebuilt)[:3] == ["<EMAIL_ADDRESS>", "<EMAIL_ADDRESS>~2", "<EMAIL_ADDRESS>~3"]
    assert len(rebuilt) == 30_000
    assert list(rebuilt.values()) == list(range(30_000))


def test_redaction_of_trees_asks_the_check() -> None:
    asked: list[int] = []
    config = config_with()
    names = Names(config.policy, FINGERPRINTER)
    ours = Redactor(config.redact, config.policy, FINGERPRINTER, names, lambda: asked.append(1))
    ours._rebuild([InspectedObject([(Inspected("a", []), True)])] * 10, "")
    assert len(asked) >= 20


class Whole:
    """Everything that happens to the texts of an event."""

    def __init__(self, find: Callable[[str], list[Finding]] = words, **sections: Any) -> None:
        config, limits = config_with(**sections), TextLimits(4096, 16)
        names = Names(config.policy, FINGERPRINTER)
        self._collect = Collector(config.policy, limits, names)
        self._reader = Reader(find)
        self.redact = Redactor(config.redact, config.policy, FINGERPRINTER, names)

    def __call__(self, event: AuditEvent, tenant: str = "") -> None:
        collected = self._collect(event, tenant)
        self._reader.assemble(collected.texts)
        self.redact(event, collected, tenant)


def clean(event: AuditEvent, **policy: str) -> AuditEvent:
    Whole(policy=policy)(event, "acme")
    return event


def test_names_of_people_keep_what_identifies_them_and_lose_what_never_may_leave() -> None:
    event = clean(AuditEvent(user_id=SensitiveText("EMAIL"), user_name=SensitiveText("Ann CARD")))
    assert (event.user_id, event.user_name) == ("EMAIL", "Ann <CREDIT_CARD>")


def test_names_of_things_lose_addresses_of_people() -> None:
    event = clean(AuditEvent(model_name=SensitiveText("EMAIL-model"), request_id=SensitiveText("PHONE")))
    assert (event.model_name, event.request_id) == ("<EMAIL_ADDRESS>-model", "PHONE")


def test_pseudonyms_are_stable_and_only_for_people() -> None:
    first, second = (
        clean(
            AuditEvent(user_id=SensitiveText("ann"), user_name=SensitiveText("ann"), model_name=SensitiveText("m")),
            identity="pseudonymize",
        )
        for _ in range(2)
    )
    assert first.user_id == second.user_id
    assert str(first.user_id).startswith("p_")
    assert first.user_id != first.user_name
    assert first.model_name == "m"


def test_what_is_no_name_leaves_as_a_keyed_hash_that_can_be_joined() -> None:
    long = "x" * 510 + "CARD" + "y" * 100
    event = clean(
        AuditEvent(user_agent=SensitiveText(long), model_name=SensitiveText("please do tell me all about it now"))
    )
    again = clean(AuditEvent(user_agent=SensitiveText(long)))
    assert event.user_agent == again.user_agent
    for value in (event.user_agent, event.model_name):
        assert type(value) is Digest
        assert re.fullmatch(r"hmac:[0-9a-f]{32}", value)


def test_cloud_and_tool_calls_are_cleaned() -> None:
    call = ToolCall(name=SensitiveText("CARD_tool"), arguments=SensitiveText('{"a":"SSN"}'))
    event = clean(AuditEvent(cloud=Cloud(resource=SensitiveText("arn:CARD")), tool_calls=[call]))
    assert event.cloud == Cloud(resource=Name("arn:<CREDIT_CARD>"))
    assert event.tool_calls == [ToolCall(name=Name("<CREDIT_CARD>_tool"))]
    event = clean(AuditEvent(tool_calls=[call]), content="redacted")
    assert event.tool_calls == [ToolCall(name=Name("<CREDIT_CARD>_tool"), arguments=CleanText('{"a":"<US_SSN>"}'))]


@pytest.mark.parametrize(
    ("kind", "unmapped", "kept"),
    [
        (Kind.AI_ACCESS, "drop", None),
        (Kind.AI_CONTROL_PLANE, "drop", None),
        (Kind.AI_ACCESS, "redact", {"a": "<US_SSN>"}),
        (Kind.OTHER, "drop", None),
        (Kind.OTHER, "redact", {"a": "<US_SSN>"}),
    ],
)
def test_what_is_kept_of_unmapped_fields(kind: Kind, unmapped: str, kept: dict[str, str] | None) -> None:
    event = clean(AuditEvent(kind=kind, unmapped=SensitiveTree({"a": "SSN"})), unmapped=unmapped)
    assert event.unmapped == kept


def test_a_recognizer_of_the_user_s_own_sees_addresses_of_clients_too() -> None:
    hosts = {"name": "hosts", "entity": "INTERNAL_HOST", "patterns": [{"regex": r"\b10\.20\.\d+\.\d+\b", "score": 0.9}]}
    pipeline = Pipeline(config_with(detect={"recognizers": [hosts]}))
    record = {"client_ip": "10.20.30.40", "request": {"model": "m", "messages": []}, "response": {}}
    (event,) = pipeline(RawRecord(record, b"{}"))
    assert event["client_ip"] == "<INTERNAL_HOST>"


def test_clean_names_are_remembered_some_of_them_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("veilog_filters.names.MAX_CLEAN_NAMES", 2)
    seen: list[str] = []

    def detect(text: str) -> list[Finding]:
        seen.append(text)
        return words(text)

    ours = Whole(detect)

    def model(name: str) -> str:
        event = AuditEvent(model_name=SensitiveText(name))
        ours(event)
        return str(event.model_name)

    for name in ("a", "b", "a", "c", "a", "b", "CARD", "CARD", LONG_NAME, LONG_NAME):
        assert model(name) == name.replace("CARD", "<CREDIT_CARD>")
    assert seen == ["a", "b", "c", "b", "CARD", "CARD", LONG_NAME, LONG_NAME]
    assert ours.redact.entities["CREDIT_CARD", "replace"] == 2


def test_a_name_that_is_clean_of_a_person_is_not_so_of_a_thing() -> None:
    event = AuditEvent(user_id=SensitiveText("EMAIL"), model_name=SensitiveText("EMAIL"))
    Whole()(event)
    assert (event.user_id, event.model_name) == ("EMAIL", "<EMAIL_ADDRESS>")
