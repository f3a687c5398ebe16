"""JSON: never less than Presidio finds in the raw text, and each value with its key as context."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reading import Reader
from samples import config_with, samples
from shares import share
from texts import CONTEXT, VALUES
from veilog_filters.config import Detect
from veilog_filters.detect.api import Finding
from veilog_filters.detect.build import detector_for
from veilog_filters.detect.presidio.engine import PresidioDetector
from veilog_filters.fingerprint import Fingerprinter
from veilog_filters.names import Names
from veilog_filters.pipeline import Pipeline
from veilog_filters.redact import Redactor
from veilog_filters.texts import Inspected, InspectedObject
from veilog_parsers.record.raw import RawRecord

OPTIONS = Detect(cache_entries=0, timeout_secs=30)


@cache
def ours() -> Reader:
    return Reader(detector_for(OPTIONS), 262_144, 64)


@cache
def engine() -> PresidioDetector:
    return PresidioDetector(OPTIONS)


def leaves_of(tree: Any) -> Iterator[Inspected]:
    """Every inspected text of a tree."""
    if isinstance(tree, Inspected):
        yield tree
    elif isinstance(tree, list):
        for item in tree:
            yield from leaves_of(item)
    elif isinstance(tree, InspectedObject):
        for key, item in tree.pairs:
            yield key
            yield from leaves_of(item)


def missing(text: str) -> list[Finding]:
    """What Presidio's engine finds in a raw text, and we do not, all of it."""
    found = ours().text(text).findings
    covered: dict[str, set[int]] = {}
    for finding in found:
        covered.setdefault(finding.entity, set()).update(range(finding.start, finding.end))
    return [f for f in engine()(text) if not covered.get(f.entity, set()) >= set(range(f.start, f.end))]


def check(texts: Iterable[str]) -> int:
    seen = 0
    for text in texts:
        assert missing(text) == [], ascii(text)
        seen += 1
    return seen


def shapes(key: str, value: str) -> Iterable[Any]:
    """A value under a key, in many shapes."""
    yield {key: value}
    yield {"a": {key: [value, value]}, "b": [{"c": value}]}
    yield [key, value, [value]]
    yield {"log": json.dumps({key: value})}
    yield {"log": json.dumps({"log": json.dumps({key: value})}), key: {}}
    yield {f"{key} {value}": {"x": value}, value: key}
    if value.isdigit():
        yield {key: int(value), "n": [int(value)]}


def written(value: Any) -> Iterable[str]:
    yield json.dumps(value, separators=(",", ":"))
    yield json.dumps(value, ensure_ascii=False)
    yield json.dumps(value, indent=2)
    yield json.dumps(value)[:-3]


@pytest.mark.slow
def test_nothing_that_presidio_finds_in_raw_json_is_missing() -> None:
    rng = random.Random(5)
    texts = [text for value in VALUES for shape in shapes(rng.choice(CONTEXT), value) for text in written(shape)]
    assert check(share(rng.sample(texts, 500), 3)) > 100
    assert check(sample.line.decode() for sample in share(samples(), 4) if len(sample.line) < 4000) > 50


@pytest.mark.slow
@settings(max_examples=80, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.recursive(
        st.one_of(st.sampled_from(VALUES), st.sampled_from(CONTEXT), st.integers(0, 10**16), st.text(max_size=6)),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(st.one_of(st.sampled_from(CONTEXT), st.sampled_from(VALUES)), inner, max_size=3),
        ),
        max_leaves=8,
    ),
    st.booleans(),
)
def test_nothing_is_missing_in_any_json(value: Any, plain: bool) -> None:
    check([json.dumps([value], ensure_ascii=plain)])


NAMED_BY_KEY = [
    ({"password": "hunter2hunter2"}, "GENERIC_SECRET", "hunter2hunter2"),
    ({"client_secret": "a8f5f167f44f4964e6c998dee827110c"}, "GENERIC_SECRET", "a8f5f167f44f4964e6c998dee827110c"),
    ({"api_key": {"": "q8f5f167f44f4964"}}, "GENERIC_SECRET", "q8f5f167f44f4964"),
    ({"bank account": 12345678}, "US_BANK_NUMBER", "12345678"),
    ({"bank account": {"number": 12345678}}, "US_BANK_NUMBER", "12345678"),
    ({"bank account": {"numbers": [1, [12345678]]}}, "US_BANK_NUMBER", "12345678"),
    ({"bank_account": {"a": {"number": "12345678"}}}, "US_BANK_NUMBER", "12345678"),
    ({"social security": {"number": 536904399}}, "US_SSN", "536904399"),
    ({"driver license": "H12234567"}, "US_DRIVER_LICENSE", "H12234567"),
    ({"passport": {"no": "912803456"}}, "US_PASSPORT", "912803456"),
]


@pytest.mark.parametrize(("value", "entity", "secret"), NAMED_BY_KEY)
def test_a_value_is_found_by_its_keys(value: dict[str, Any], entity: str, secret: str) -> None:
    for text in (
        json.dumps(value),
        json.dumps(value, separators=(",", ":")),
        json.dumps({"messages": [{"x": 1}, value]}, indent=1),
        json.dumps({"log": json.dumps(value)}),
        json.dumps(value).replace("a", "\\u0061").replace("s", "\\u0073"),
    ):
        found = [f for f in ours().text(text).findings if f.entity == entity]
        assert found, text
        assert out_of(text).find(secret) < 0
    leaves = list(leaves_of(ours().tree(value)))
    assert any(f.entity == entity for leaf in leaves for f in leaf.findings if leaf.text == secret)


SECRET_KEYS = (
    *("password", "Password", "PASSWORD", "passwd", "pwd", "pass", "passphrase", "passcode", "secret", "secretKey"),
    *("secret_key", "client_secret", "clientSecret", "client-secret", "webhook_secret", "access_token", "accessToken"),
    *("refresh_token", "session_token", "aws_session_token", "db_password", "DB_PASSWORD", "userPassword", "password1"),
    *("user.password", "new_password", "old-password", "aws_secret_access_key", "SecretAccessKey", "Kennwort"),
    *("mot de passe", "contrase\u00f1a"),
)
PERHAPS_SECRET_KEYS = (
    *("token", "Authorization", "authorization", "auth", "private_key", "privateKey", "credentials", "credential"),
    *("connectionString", "connection_string", "AccountKey", "SharedAccessKey", "bearer", "cookie", "set-cookie"),
    *("api_key", "apiKey", "apikey", "x-api-key", "OPENAI_API_KEY", "XAI_API_KEY", "AZURE_OPENAI_KEY"),
    *("Ocp-Apim-Subscription-Key", "subscription-key", "ssh_key", "encryption_key", "signing_key"),
)


@pytest.mark.parametrize("key", [*SECRET_KEYS, *PERHAPS_SECRET_KEYS])
def test_a_secret_is_found_by_its_key(key: str) -> None:
    values = ["hunter2hunter2", "9f86d081884c7d659a2feaa0c55ad015"]
    if key in SECRET_KEYS:
        values += ["correcthorse", "Tr0ub4dor&3xyz"]
    if key == "Authorization":
        values += ["Basic aHVudGVyMjpodW50ZXIy", "Bearer hunter2hunter2"]
    for value in values:
        trees = ({key: value}, {key: [value]}, {key: {"value": value}}, {"name": key, "value": value})
        texts = [
            *(json.dumps(tree) for tree in trees),
            json.dumps({"env": [{"key": key, "value": value}]}),
            json.dumps({"a": json.dumps({key: value})}),
            repr({key: value}),
        ]
        if " " not in key:
            texts.append(f"<{key}>{value}</{key}>")
        for text in texts:
            assert value not in out_of(text), text
        for tree in trees:
            assert [leaf for leaf in leaves_of(ours().tree(tree)) if leaf.text == value and leaf.findings], tree


@pytest.mark.parametrize(
    "value",
    [
        {"max_tokens": 40_960_000, "input_tokens": 12_345_678, "token_count": 12_345_678, "token_type": "bearer"},
        {"tokens": 12_345_678, "completion_tokens_details": {"reasoning_tokens": 12_345_678}},
        {"token": "international", "logprob": -0.25, "bytes": [105, 110]},
        {"properties": {"password": {"type": "string", "description": "at least eight"}}, "required": ["password"]},
        {"password": "required", "secret": "", "token": None, "authorization": "optional"},
        {"author": "Shakespeare1", "authority": "federal-reserve-2", "secretary": "Moneypenny7"},
        {"primary_key": "customer_id_1", "partition_key": "region-eu-1", "public_key": "none-so-far-1"},
        {"name": "colour", "value": "transparent-1"},
    ],
)
def test_what_is_called_like_a_secret_is_none(value: dict[str, Any]) -> None:
    assert not [f for f in ours().text(json.dumps(value)).findings if f.entity == "GENERIC_SECRET"]
    assert not [f for leaf in leaves_of(ours().tree(value)) for f in leaf.findings if f.entity == "GENERIC_SECRET"]


def out_of(text: str) -> str:
    config = config_with()
    fingerprinter = Fingerprinter(b"k" * 32, "k")
    redactor = Redactor(config.redact, config.policy, fingerprinter, Names(config.policy, fingerprinter))
    return redactor.text(ours().text(text), "")


def test_a_key_is_context_for_what_it_stands_above_and_no_more() -> None:
    found = ours().tree({"a": {"bank account": {"x": "none"}}, "b": {"number": 12345678}})
    assert all(not leaf.findings for leaf in leaves_of(found))


@pytest.mark.parametrize("key", ["p\u200bassword", "ｐassword", "pass\\u0077ord", "ＣＬＩＥＮＴ_secret"])
def test_a_key_in_disguise_is_context_too(key: str) -> None:
    policy = {"content": "redacted", "unmapped": "redact", "unrecognized": "redact"}
    record = {"a": {key: "hunter2hunter2"}}
    (event,) = Pipeline(config_with(policy=policy))(RawRecord(record, b"{}"))
    assert event["unmapped"]["a"] == {key: "<GENERIC_SECRET>"}


def national_health_number(draw: random.Random) -> int:
    """Ten digits that pass the check of the NHS."""
    while True:
        digits = [draw.randrange(1, 10), *(draw.randrange(10) for _ in range(8))]
        check = -sum(digit * weight for digit, weight in zip(digits, range(10, 1, -1), strict=True)) % 11
        if check < 10:
            return int("".join(map(str, (*digits, check))))


def phone_number(draw: random.Random) -> int:
    return int(f"{draw.choice((212, 310, 415, 617))}{draw.randrange(2_000_000, 9_999_999)}")


@pytest.mark.parametrize(("entity", "make"), [("PHONE_NUMBER", phone_number), ("UK_NHS", national_health_number)])
@pytest.mark.parametrize(
    "shape",
    [
        lambda number: {"phone": number},
        lambda number: {"id": number, "ratio": 0.5},
        lambda number: {"customer": {"contact": {"number": number}}},
        lambda number: {"list": [number, 7]},
        lambda number: [number],
    ],
)
def test_a_number_in_json_is_found_wherever_presidio_finds_it_in_the_text(entity: str, make: Any, shape: Any) -> None:
    draw = random.Random(entity)
    for _ in range(25):
        value = shape(make(draw))
        for text in (json.dumps(value), json.dumps(value, separators=(",", ":")), json.dumps(value, indent=2)):
            expected = [finding for finding in engine()(text) if finding.entity == entity]
            assert expected
            assert [f for f in ours().text(text).findings if f.entity == entity]
            assert missing(text) == []


@pytest.mark.parametrize(("entity", "make"), [("PHONE_NUMBER", phone_number), ("UK_NHS", national_health_number)])
def test_a_number_in_a_prompt_that_is_json_is_found_however_the_record_has_it(entity: str, make: Any) -> None:
    pipeline = Pipeline(config_with(policy={"content": "redacted"}))
    draw = random.Random(entity)
    for _ in range(10):
        number = make(draw)
        data = {"customer": {"name": "x", "number": number}}
        for content in (
            *(data, json.dumps(data), number, [{"type": "text", "text": json.dumps(data)}]),
            *([{"type": "tool_result", "content": data}], {"number": str(number)}),
        ):
            record = {"request": {"model": "gpt-4o", "messages": [{"role": "user", "content": content}]}}
            raw = json.dumps(record).encode()
            (event,) = pipeline(RawRecord(json.loads(raw), raw))
            assert event["findings"]["prompt"].get(entity) == 1, content
            assert str(number) not in json.dumps(event)
