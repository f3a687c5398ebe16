"""Taking fields, times, addresses and outcomes: what is taken, what is left, and what sealed text shows."""

from __future__ import annotations

import copy
import ipaddress
import pickle
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veilog_parsers.event import Level, Outcome, SensitiveText, SensitiveTree, Timestamp
from veilog_parsers.record import fields as record_fields
from veilog_parsers.record.network import pop_address, pop_endpoint
from veilog_parsers.record.outcomes import outcome_of_error, outcome_of_status
from veilog_parsers.record.times import from_epoch_ns, parse_time, pop_time


def plain(value: Any) -> Any:
    return value.reveal() if isinstance(value, SensitiveText) else value


@given(
    st.one_of(
        st.text(max_size=20),
        st.text(st.sampled_from("ab9/- \t\x00\x1f\x7f\x85\u00a0\u2028\u200b\ud800é"), max_size=4),
        st.integers(510, 514).map(lambda size: "x" * size),
    )
)
def test_a_name_has_no_white_space_no_control_characters_and_an_end(value: str) -> None:
    looks_so = 1 <= len(value) <= 512 and not any(c.isspace() or c <= "\x1f" or c == "\x7f" for c in value)
    assert (record_fields.as_identifier(value) is not None) == looks_so, ascii(value)


@pytest.mark.parametrize(
    ("pop", "value", "taken"),
    [
        (record_fields.pop_str, "x", "x"),
        (record_fields.pop_str, "", None),
        (record_fields.pop_str, 7, None),
        (record_fields.pop_text, "two words", "two words"),
        (record_fields.pop_text, ["x"], None),
        (record_fields.pop_identifier, "arn:aws:x/y", "arn:aws:x/y"),
        (record_fields.pop_identifier, 42, "42"),
        (record_fields.pop_identifier, "two words", None),
        (record_fields.pop_identifier, "x" * 513, None),
        (record_fields.pop_identifier, True, None),
        (record_fields.pop_identifier, 2**70, None),
        (record_fields.pop_identifier, "a\x00b", None),
        (record_fields.pop_int, 7, 7),
        (record_fields.pop_int, "-7", -7),
        (record_fields.pop_int, 7.0, 7),
        (record_fields.pop_int, 7.5, None),
        (record_fields.pop_int, True, None),
        (record_fields.pop_int, "7 ", None),
        (record_fields.pop_int, 2**63, None),
        (record_fields.pop_int, "٧", None),
        (record_fields.pop_count, 0, 0),
        (record_fields.pop_count, -1, None),
        (record_fields.pop_count, "-1", None),
        (record_fields.pop_count, "-0", None),
        (record_fields.pop_count, "7", 7),
        (record_fields.pop_count, 7.0, 7),
        (record_fields.pop_count, True, None),
        (record_fields.pop_count, 2**63, None),
        (record_fields.pop_count, -1.0, None),
        (record_fields.pop_number, "1.5", 1.5),
        (record_fields.pop_number, 3, 3.0),
        (record_fields.pop_number, "nan", None),
        (record_fields.pop_number, float("inf"), None),
        (record_fields.pop_number, False, None),
        (record_fields.pop_dict, {"a": 1}, {"a": 1}),
        (record_fields.pop_dict, [], None),
        (pop_time, "2025-03-03T09:41:03.250Z", "2025-03-03T09:41:03.25Z"),
        (pop_time, "yesterday", None),
        (pop_address, "203.0.113.5", "203.0.113.5"),
        (pop_address, "203.0.113.5:443", "203.0.113.5"),
        (pop_address, "[2001:db8::1]:443", "2001:db8::1"),
        (pop_address, "2001:DB8::1", "2001:db8::1"),
        (pop_address, "203.0.113.5, 10.0.0.1", "203.0.113.5"),
        (pop_address, "203.0.113.***", "203.0.113.***"),
        (pop_address, "203.0.113.256", None),
        (pop_address, "203.0.113.05", None),
        (pop_address, "203.0.113.5\n", "203.0.113.5"),
        (pop_address, "fe80::1%eth0", "fe80::1%eth0"),
        (pop_address, "fe80::1%" + "x" * 200, None),
        (pop_address, "Ann Bee", None),
        (pop_endpoint, "/v1/chat?key=secret#x", "/v1/chat"),
        (pop_endpoint, "POST /v1/chat HTTP/1.1", "/v1/chat"),
        (pop_endpoint, "/v1/models/m:generateContent?$alt=json;enum-encoding=int", "/v1/models/m:generateContent"),
        (pop_endpoint, "/v1/models/m:stream?alt=sse&prettyPrint=false", "/v1/models/m:stream"),
        (pop_endpoint, "/v1/messages?beta=true", "/v1/messages"),
        (pop_endpoint, "/openai/x?api-version=2024-10-01-preview&stream=true", "/openai/x"),
        *(
            (pop_endpoint, said, said)
            for said in (
                "reg://pez.zov.dup/v1/poz?fim.qua.ler.tom.bas.nul.zet.kor",
                "/x?$alt=json;enum-encoding=int&q=please.tell.anna.smith.about.this",
                "/x?alt=please.tell.anna.smith.about.this",
            )
        ),
        (pop_endpoint, "https://user:pw@h.example/p", "https://h.example/p"),
        (pop_endpoint, "call me", None),
    ],
)
def test_a_value_is_taken_or_left(pop: Any, value: Any, taken: Any) -> None:
    for path in (("k",), ("a", "k")):
        fields = {"k": value} if len(path) == 1 else {"a": {"k": value}}
        before = copy.deepcopy(fields)
        assert plain(pop(fields, *path)) == taken
        holder = fields if len(path) == 1 else fields["a"]
        assert ("k" in holder) is (taken is None)
        if taken is None:
            assert fields == before


@pytest.mark.parametrize(
    "pop",
    [
        record_fields.pop,
        record_fields.peek,
        record_fields.pop_str,
        record_fields.pop_int,
        record_fields.pop_dict,
        pop_time,
    ],
)
@pytest.mark.parametrize("fields", [{}, {"a": 7}, {"a": ["k"]}, {"a": None}])
def test_paths_through_what_is_no_object_lead_nowhere(pop: Any, fields: dict[str, Any]) -> None:
    before = copy.deepcopy(fields)
    assert pop(fields, "a", "k") is None
    assert fields == before


def test_open_json_works_in_place() -> None:
    fields = {"a": '{"b":1}', "c": "{broken", "d": "7"}
    assert record_fields.open_json(fields, "a") == {"b": 1}
    assert record_fields.open_json(fields, "c") == "{broken"
    assert record_fields.open_json(fields, "d") == "7"
    assert fields == {"a": {"b": 1}, "c": "{broken", "d": "7"}


def test_remainder_prunes_what_was_emptied() -> None:
    assert record_fields.remainder({"a": {"b": {}}, "c": [None, {}], "d": 0, "e": "", "f": [None, 1]}) == {
        "d": 0,
        "e": "",
        "f": [None, 1],
    }


@given(st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,3}){3}", fullmatch=True))
def test_addresses_are_those_of_the_standard_library(text: str) -> None:
    try:
        address: str | None = str(ipaddress.ip_address(text))
    except ValueError:
        address = None
    assert plain(pop_address({"k": text}, "k")) == address


@pytest.mark.parametrize("piece", [".", ":", "1.", "1:"])
def test_what_is_too_long_for_an_address_costs_no_memory(piece: str) -> None:
    fields = {"k": piece * 1_000_000}
    tracemalloc.start()
    try:
        assert pop_address(fields, "k") is None
        assert tracemalloc.get_traced_memory()[1] < 3_000_000
    finally:
        tracemalloc.stop()


def test_sums() -> None:
    fields = {"a": 1, "b": "2", "c": "x"}
    assert record_fields.pop_sum(fields, "a", "b", "c") == 3
    assert record_fields.pop_sum({}, "a") is None


@pytest.mark.parametrize(
    ("value", "time"),
    [
        ("2025-03-03T09:41:03Z", "2025-03-03T09:41:03Z"),
        ("2025-03-03 09:41:03", "2025-03-03T09:41:03Z"),
        ("2025-03-03T09:41:03.123456789Z", "2025-03-03T09:41:03.123456789Z"),
        ("2025-03-03T09:41:03.9680000Z", "2025-03-03T09:41:03.968Z"),
        ("2025-03-03T09:41:03+02:00", "2025-03-03T07:41:03Z"),
        ("2025-03-03T09:41:03-0530", "2025-03-03T15:11:03Z"),
        ("2025-03-03T09:41:03,5Z", "2025-03-03T09:41:03.5Z"),
        (1740994863, "2025-03-03T09:41:03Z"),
        (1740994863250, "2025-03-03T09:41:03.25Z"),
        (1740994863250001, "2025-03-03T09:41:03.250001Z"),
        (1740994863250001002, "2025-03-03T09:41:03.250001002Z"),
        (1740994863.25, "2025-03-03T09:41:03.25Z"),
        (" 2025-03-03T09:41:03Z\n", "2025-03-03T09:41:03Z"),
        ("2025-13-03T09:41:03Z", None),
        ("2025-03-03T24:00:00Z", None),
        ("2025-03-03T09:60:03Z", None),
        ("2025-02-30T09:41:03Z", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("2025-03-03", None),
        (7, None),
        (-1, None),
        (True, None),
        (float("nan"), None),
        (10**40, None),
        (None, None),
        ({}, None),
    ],
)
def test_times(value: Any, time: str | None) -> None:
    assert parse_time(value) == time


@given(st.integers(0, 7_258_118_399), st.integers(0, 999_999_999))
def test_epochs_keep_their_nanoseconds(seconds: int, nanoseconds: int) -> None:
    time = from_epoch_ns(seconds * 1_000_000_000 + nanoseconds)
    assert time is not None
    fraction = time.partition(".")[2].rstrip("Z") or "0"
    assert int(fraction.ljust(9, "0")) == nanoseconds
    assert parse_time(str(time)) == time


@given(st.one_of(st.text(), st.integers(), st.floats(), st.none(), st.booleans()))
def test_any_value_is_a_time_or_none(value: Any) -> None:
    assert parse_time(value) is None or isinstance(parse_time(value), Timestamp)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (None, None),
        (200, Outcome.SUCCESS),
        (302, Outcome.SUCCESS),
        (401, Outcome.DENIED),
        (403, Outcome.DENIED),
        (429, Outcome.THROTTLED),
        (400, Outcome.FAILURE),
        (503, Outcome.FAILURE),
    ],
)
def test_outcomes_of_statuses(status: int | None, outcome: Outcome | None) -> None:
    assert outcome_of_status(status) is outcome


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("ThrottlingException", Outcome.THROTTLED),
        ("rate_limit_exceeded", Outcome.THROTTLED),
        ("AccessDeniedException", Outcome.DENIED),
        ("invalid_api_key", Outcome.DENIED),
        ("content_filter", Outcome.CONTENT_FILTERED),
        ("guardrail_intervened", Outcome.CONTENT_FILTERED),
        ("ValidationException", Outcome.FAILURE),
    ],
)
def test_outcomes_of_errors(name: str, outcome: Outcome) -> None:
    assert outcome_of_error(name) is outcome


@pytest.mark.parametrize("sealed", [SensitiveText("secret words"), SensitiveTree({"secret": "words"})])
def test_sealed_text_shows_its_size_and_nothing_else(sealed: Any) -> None:
    for shown in (repr(sealed), str(sealed), f"{sealed}", f"{sealed:>40}", f"{[sealed]}", "%s" % sealed):  # noqa: UP031
        assert "secret" not in shown
    with pytest.raises(TypeError, match="not serializable"):
        pickle.dumps(sealed)
    with pytest.raises(TypeError):
        copy.deepcopy(sealed)


def test_levels_are_ordered() -> None:
    assert [level.label for level in sorted(Level, reverse=True)] == [
        "restricted",
        "confidential",
        "internal",
        "public",
    ]


@pytest.mark.parametrize("value", ["1969-12-31T23:59:59Z", "2200-01-01T00:00:00Z", "0001-01-01T00:00:00Z", 10**20])
def test_years_in_which_nothing_is_logged_are_no_times(value: str | int) -> None:
    assert parse_time(value) is None
