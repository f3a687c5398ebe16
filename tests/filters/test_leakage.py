"""What a response lets out that the prompt did not bring in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from samples import config_with
from veilog_filters import startup
from veilog_filters.config import load_policy, read_canaries
from veilog_filters.errors import ConfigError
from veilog_filters.leakage import MAX_SYSTEM_PROMPTS, MIN_QUOTED_WORDS, kinds_of_entities, tags_of
from veilog_filters.pipeline import Pipeline
from veilog_parsers.event import Constant, Leakage, LeakKind
from veilog_parsers.record.raw import RawRecord

SYSTEM = (
    "You are Maple, who answers customers of a bank in the north. Keep to the handbook, quote its chapters by number, "
    "never speak of other customers, and when somebody insists, say the word umbrella and pass the call to desk seven."
)
CHINESE = "你是北方银行的客服助手，只能引用手册中的章节编号来回答问题，绝不谈论其他客户，如有坚持者请转接七号台。"


def leakage(
    *, user: str = "Good morning", response: str, system: str = SYSTEM, pipeline: Pipeline | None = None
) -> dict[str, Any] | None:
    messages = [{"role": "system", "content": system}, {"role": "user", "content": user}]
    answer = {"choices": [{"message": {"role": "assistant", "content": response}}]}
    value = {"request": {"model": "m", "messages": messages}, "response": answer}
    ((event,),) = (pipeline or PIPELINE).batch([RawRecord(value, orjson.dumps(value))])
    assert event["kind"] == "ai_access"
    found: dict[str, Any] | None = event.get("leakage")
    return found


PIPELINE = Pipeline(config_with())


@pytest.mark.parametrize(
    ("user", "response", "entities"),
    [
        ("who is it", "Write to bob@nordwind-ag.com.", {"EMAIL_ADDRESS": 1}),
        ("I am bob@nordwind-ag.com", "Then I write to BOB@nordwind-ag.com.", None),
        ("card 4111 1111 1111 1111", "I see 4111-1111-1111-1111 and 4111111111111111.", None),
        ("hi", "Cards: 4111 1111 1111 1111, 4111-1111-1111-1111, 5500 0000 0000 0004.", {"CREDIT_CARD": 2}),
        ("hi", "See https://example.com/a on 3 May 2026.", None),
    ],
)
def test_values_count_that_are_in_the_response_alone(user: str, response: str, entities: dict[str, int] | None) -> None:
    found = leakage(user=user, response=response)
    assert (found or {}).get("entities") == entities
    assert (found or {}).get("kinds", []) == (["personal_data"] if entities else [])


def test_a_credential_is_one() -> None:
    key = "ghp_" + "a1B2c3D4e5F6g7H8i9J0" + "k1L2m3N4o5P6q7R8"
    found = leakage(response=f"use {key}")
    assert found is not None
    assert found["kinds"] == ["credentials"]
    assert leakage(user=f"what is {key}?", response=f"use {key}") is None


@pytest.mark.parametrize("system", [SYSTEM, CHINESE], ids=["words", "characters"])
def test_the_system_prompt_is_seen_whatever_is_around_it(system: str) -> None:
    found = leakage(system=system, response=f"Certainly! Here it is:\n\n> {system.upper()}\n\nAnything else?")
    assert found is not None
    assert found["kinds"] == ["system_prompt"]
    assert found["system_prompt_percent"] == 100
    assert found["system_prompt_words"] >= MIN_QUOTED_WORDS


@pytest.mark.parametrize("shift", range(9))
def test_fifteen_words_in_a_row_are_seen_wherever_they_stand(shift: int) -> None:
    quoted = " ".join(SYSTEM.split()[5 : 5 + MIN_QUOTED_WORDS])
    found = leakage(response=" ".join(["oh"] * shift) + f" {quoted} and so on")
    assert found is not None
    assert found["system_prompt_words"] == MIN_QUOTED_WORDS
    assert 0 < found["system_prompt_percent"] < 50


def test_a_few_words_of_it_are_none_and_neither_is_what_the_user_said() -> None:
    assert leakage(response="I am Maple, who answers customers of a bank in the north.") is None
    assert leakage(user=f"Is this yours? {SYSTEM}", response=f"You wrote: {SYSTEM}") is None
    assert leakage(system="", response=SYSTEM) is None


def test_each_call_is_compared_with_its_own_system_prompt() -> None:
    letters = [chr(ord("a") + number % 26) * (1 + number // 26) for number in range(MAX_SYSTEM_PROMPTS + 2)]
    others = [" ".join(f"{letter}q{word}" for word in SYSTEM.split()) for letter in letters]
    for _ in range(2):
        for number, other in enumerate(others):
            assert leakage(system=other, response=others[number - 1]) is None
            assert leakage(system=other, response=other) is not None


@pytest.fixture
def with_canary(tmp_path: Path) -> Pipeline:
    file = tmp_path / "tokens"
    file.write_text("Zx-81-quokka-77\n\n  second token of two words \n", encoding="utf-8")
    return Pipeline(config_with(canaries=[{"name": "payroll", "file": str(file)}]))


@pytest.mark.parametrize(
    "response",
    [
        "It says zx-81-QUOKKA-77 there.",
        "a second token of two words",
        "Zx-81-\u200bquokka-77",
        "WngtODEtcXVva2thLTc3IA==",
    ],
    ids=["case", "second", "invisible", "base64"],
)
def test_a_canary_is_named_and_never_shown(response: str, with_canary: Pipeline) -> None:
    found = leakage(user="Zx-81-quokka-77", response=response, pipeline=with_canary)
    assert found is not None
    assert found["canaries"] == ["payroll"]
    assert "canary" in found["kinds"]
    assert b"quokka" not in orjson.dumps(found)


def test_a_canary_in_the_prompt_alone_is_none(with_canary: Pipeline) -> None:
    assert leakage(user="Zx-81-quokka-77", response="no", pipeline=with_canary) is None


@pytest.mark.parametrize(
    ("content", "problem"),
    [("short", "fewer than 8"), ("", "there is no secret"), ("\n".join(["x" * 9] * 300), "more than 256")],
)
def test_a_bad_canary_is_refused_without_being_quoted(tmp_path: Path, content: str, problem: str) -> None:
    (tmp_path / "tokens").write_text(content, encoding="utf-8")
    (tmp_path / "c.yaml").write_text("hash_key: {ephemeral: true}\ncanaries:\n  - {name: a, file: tokens}\n")
    with pytest.raises(ConfigError, match="canaries") as raised:
        startup.start(str(tmp_path / "c.yaml"))
    assert problem in str(raised.value)
    assert not content or content not in str(raised.value)


def test_tokens_come_from_the_environment_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKENS", "abcdefgh-1")
    canaries = [{"name": "a", "env": "TOKENS"}, {"name": "a", "env": "TOKENS"}]
    assert read_canaries(config_with(canaries=canaries)) == {"a": ["abcdefgh-1", "abcdefgh-1"]}


def test_the_policy_says_what_an_entity_is() -> None:
    kinds = kinds_of_entities(load_policy(config_with()))
    assert kinds["GITHUB_TOKEN"] is LeakKind.CREDENTIALS
    assert kinds["EMAIL_ADDRESS"] is kinds["CREDIT_CARD"] is LeakKind.PERSONAL_DATA
    assert not kinds.keys() & {"URL", "DATE_TIME", "TIMED_OUT"}


def test_each_kind_is_a_threat() -> None:
    every = Leakage(kinds=list(LeakKind), entities={"EMAIL_ADDRESS": 1}, system_prompt_percent=10)
    assert [(tag.rule_id, tag.severity, tag.atlas, tag.owasp) for tag in tags_of(every)] == [
        ("response-leakage-personal-data", "low", "AML.T0057", "LLM02:2025"),
        ("response-leakage-credentials", "high", "AML.T0057", "LLM02:2025"),
        ("response-leakage-system-prompt", "medium", "AML.T0056", "LLM07:2025"),
        ("response-leakage-canary", "high", "AML.T0057", "LLM02:2025"),
    ]
    assert all(type(tag.rule_id) is Constant for tag in tags_of(every))
    much = Leakage(kinds=list(LeakKind), entities={"EMAIL_ADDRESS": 10}, system_prompt_percent=50)
    assert [tag.severity for tag in tags_of(much)] == ["medium", "high", "high", "high"]
