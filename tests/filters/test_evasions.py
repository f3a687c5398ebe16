"""No planted value survives redaction, however it is written and wherever it stands.

Who reads the output is played by ``disguises.readings``, which shares no code with what is tested.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import orjson
import pytest

from disguises import PLANTED, SPELLINGS, secret_of, squeezed, survives
from disguises import readings as readings_of
from reading import Reader
from samples import config_with
from shares import share
from veilog_filters.config import Detect
from veilog_filters.detect.build import detector_for
from veilog_filters.fingerprint import Fingerprinter
from veilog_filters.names import Names
from veilog_filters.pipeline import Pipeline
from veilog_filters.redact import Redactor
from veilog_parsers.record.raw import RawRecord

KEPT = {"policy": {"content": "redacted", "unmapped": "redact"}}


@cache
def pipeline() -> Pipeline:
    return Pipeline(config_with(**KEPT))


@cache
def redactor() -> Redactor:
    config, fingerprinter = config_with(**KEPT), Fingerprinter(b"k" * 32, "k1")
    return Redactor(config.redact, config.policy, fingerprinter, Names(config.policy, fingerprinter))


@cache
def reader(max_text_bytes: int = 262_144) -> Reader:
    return Reader(detector_for(Detect(timeout_secs=30)), max_text_bytes)


def redacted(text: str, max_text_bytes: int = 262_144) -> str:
    return redactor().text(reader(max_text_bytes).text(text), "")


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)


def record(prompt: Any, arguments: str, **more: Any) -> RawRecord:
    call = {"id": "c1", "type": "function", "function": {"name": "look_up", "arguments": arguments}}
    body = {
        "request": {"model": "m", "messages": [{"role": "user", "content": prompt}]},
        "response": {
            "model": "m",
            "choices": [{"message": {"role": "assistant", "content": "Yes.", "tool_calls": [call]}}],
        },
    }
    line = orjson.dumps(body | more)
    return RawRecord(orjson.loads(line), line)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_nothing_planted_survives_redaction_of_a_text(spelling: str) -> None:
    for entity, value in share(PLANTED.items(), 2, list(SPELLINGS).index(spelling)):
        spelled = SPELLINGS[spelling](value)
        for text in (
            spelled,
            f"Please note: {spelled} and tell nobody.",
            f"a line\n{spelled}\nand another",
            f"({spelled})",
            json.dumps({"note": ["x", {"deep": spelled}]}),
            json.dumps({"note": spelled}, ensure_ascii=False),
            json.dumps({"log": json.dumps({"inner": [f"it is {spelled} now"]})}),
        ):
            assert survives(entity, text), "or there is nothing to find"
            out = redacted(text)
            assert not survives(entity, out), (entity, out)
            if text.startswith("{"):
                json.loads(out)


@pytest.mark.slow
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_nothing_planted_survives_anywhere_in_an_event(spelling: str) -> None:
    for entity, value in share(PLANTED.items(), 3, list(SPELLINGS).index(spelling)):
        spelled = SPELLINGS[spelling](value)
        wrapped = record(
            f"Please note: {spelled} and tell nobody.",
            json.dumps({"who": {"note": spelled}}),
            extra={spelled: 1, "inner": {"list": [spelled]}, "log": json.dumps({"m": spelled}), f"{spelled}!": {}},
        )
        (event,) = pipeline()(wrapped)
        assert event["kind"] == "ai_access"
        assert {"content", "unmapped", "tool_calls"} <= set(event)
        for text in strings(event):
            assert not survives(entity, text), (entity, text)


HALVES = ["plain", "full width", "zero-width space", "decimal references", "percent", "u escapes", "base64"]


@pytest.mark.slow
@pytest.mark.parametrize("spelling", HALVES)
@pytest.mark.parametrize("filler", ["", "The heat pump moves heat from the cold side to the warm side. " * 12])
def test_nothing_planted_survives_that_is_split_over_parts(spelling: str, filler: str) -> None:
    for entity, value in PLANTED.items():
        spelled = SPELLINGS[spelling](value)
        for cut in (len(spelled) // 4, len(spelled) // 2, len(spelled) - 4):
            parts = [filler + " " + spelled[:cut], spelled[cut:] + " " + filler]
            (event,) = pipeline()(record([{"type": "text", "text": part} for part in parts], "{}"))
            prompt = event["content"]["prompt"]
            assert len(prompt) > 2 * len(filler)
            # The parts are kept as lines.
            assert not survives(entity, prompt.replace("\n", "")), (entity, prompt[-200:])


@pytest.mark.slow
@pytest.mark.parametrize("spelling", HALVES)
def test_what_lies_across_the_scan_limit_is_cut_out_with_its_beginning(spelling: str) -> None:
    limit = 512
    for entity, value in PLANTED.items():
        spelled = SPELLINGS[spelling](value)
        secret = secret_of(entity)
        for cut in range(8, len(spelled.encode()), max(1, len(spelled.encode()) // 6)):
            filler = ("It is warm. " * 60)[: limit - cut - 1] + " "
            out = redacted(filler + spelled + " and more" * 100, limit)
            begun = [
                n for n in range(6, len(secret) + 1) if any(secret[:n] in squeezed(r) for r in readings_of(out, 2))
            ]
            assert not begun, (entity, cut, out[-80:])


def test_one_value_in_several_readings_is_one_finding() -> None:
    for text in (
        "mail anna.berg@nordwind-ag.com \u2026",
        '{"mail": "anna.berg@nordwind-ag.com"}',
        '{"mail": "anna.berg\\u0040nordwind-ag.com"}',
        "anna.berg%40nordwind-ag.com and &lt;",
        "anna.be\u200brg@nordwind-ag.com",
        json.dumps({"a": json.dumps({"mail": "anna.berg@nordwind-ag.com"})}),
    ):
        found = [f for f in reader().text(text).findings if f.entity == "EMAIL_ADDRESS"]
        assert len(found) == 1, text


def test_each_value_in_one_base64_is_counted() -> None:
    spelled = SPELLINGS["base64"]("a@corp.com b@corp.com c@corp.com")
    found = [f for f in reader().text(f"see {spelled}.").findings if f.entity == "EMAIL_ADDRESS"]
    assert len(found) == 3
    assert {(f.start, f.end) for f in found} == {(4, 4 + len(spelled))}


def test_secrets_and_classes_are_seen_through_spellings_under_the_default_policy() -> None:
    ours = Pipeline(config_with())
    for spelling, (entity, value) in itertools.product(["full width", "percent", "base64"], PLANTED.items()):
        (event,) = ours(record(f"note {SPELLINGS[spelling](value)} well", "{}"))
        assert entity in event["findings"]["prompt"], (entity, spelling)
    (event,) = ours(record("\uff23\uff2f\uff2e\uff26\uff29\uff24\uff25\uff2e\uff34\uff29\uff21\uff2c", "{}"))
    (plain,) = ours(record("CONFIDENTIAL", "{}"))
    assert event["prompt_classification"] == plain["prompt_classification"]
