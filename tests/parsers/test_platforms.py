"""Databricks, Snowflake Cortex and IBM watsonx: calls with their texts, usage, administration."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from parsed import load, reveal
from veilog_parsers.event import AuditEvent, Kind, Operation, Outcome, UserType
from veilog_parsers.registry import SOURCES, Registry

PARSERS = {source.name: source.parse for source in SOURCES}


def parse(source: str, case: str) -> AuditEvent:
    fields = load(source, case)
    recognized = Registry().recognize(fields)
    assert recognized is not None
    assert recognized.name == source
    return PARSERS[source](fields)


def texts(event: AuditEvent) -> tuple[list[str], list[str]]:
    sides = (event.prompt_messages, event.response_messages)
    prompt, response = ([part.reveal() for turn in side for part in turn.parts] for side in sides)
    return prompt, response


QUESTION = "Which customers of Ines Falk owe us money?"
STATEMENT = "SELECT name FROM orders WHERE open > 10000"


@pytest.mark.parametrize(
    ("source", "case", "prompt", "response"),
    [
        (
            "databricks",
            "good_inference_row",
            ["Answer harbor questions.", "Where does Ines Falk, ines.falk@werft-nord.de, work?"],
            ["In hall 3."],
        ),
        ("databricks", "good_legacy_row", ["Name a ship."], [" Albatros"]),
        ("databricks", "good_usage_row", [], []),
        ("databricks", "good_audit", [], []),
        ("databricks", "good_audit_system_table", ["Which customers owe us more than 10,000 euros?"], []),
        ("snowflake_cortex", "good_analyst", [QUESTION], ["These customers have open orders.", STATEMENT]),
        ("snowflake_cortex", "good_analyst_question_only", [QUESTION], [STATEMENT]),
        ("snowflake_cortex", "error_analyst", [QUESTION], []),
        ("snowflake_cortex", "good_functions_usage", [], []),
        ("snowflake_cortex", "good_planning_span", ["Who called erik.lindqvist@example.org?"], []),
        ("snowflake_cortex", "good_root_span", ["Who called Erik?"], ["Ines Falk did, at noon."]),
        ("watsonx", "good_chat_event", [], []),
        (
            "watsonx",
            "good_payload_prompt",
            ["Where does Ines Falk, ines.falk@werft-nord.de, work?"],
            ["In hall 3."],
        ),
        ("watsonx", "good_payload_row", ["The tug Albatros of Erik Lindqvist left hall 3."], ["A tug left."]),
        ("watsonx", "good_payload_table", [], []),
    ],
)
def test_texts(source: str, case: str, prompt: list[str], response: list[str]) -> None:
    assert texts(parse(source, case)) == (prompt, response)


@pytest.mark.parametrize(
    ("source", "case", "tokens"),
    [
        ("databricks", "good_inference_row", (31, 5, 36)),
        ("databricks", "good_usage_row", (31, 5, None)),
        ("snowflake_cortex", "good_functions_usage", (1310, 204, None)),
        ("snowflake_cortex", "good_aisql_usage", (None, None, 88)),
        ("snowflake_cortex", "good_planning_span", (1310, 44, 1354)),
        ("watsonx", "good_payload_prompt", (21, 4, 25)),
        ("watsonx", "good_payload_row", (14, 4, 18)),
    ],
)
def test_tokens(source: str, case: str, tokens: tuple[int | None, ...]) -> None:
    event = parse(source, case)
    assert (event.input_tokens, event.output_tokens, event.token_count) == tokens


@pytest.mark.parametrize(
    ("source", "case", "kind", "operation", "outcome"),
    [
        ("databricks", "good_audit", Kind.AI_CONTROL_PLANE, None, Outcome.SUCCESS),
        ("databricks", "good_audit_system_table", Kind.AI_ACCESS, Operation.CHAT, Outcome.SUCCESS),
        ("databricks", "error_audit_denied", Kind.AI_CONTROL_PLANE, None, Outcome.DENIED),
        ("snowflake_cortex", "good_aisql_usage", Kind.AI_ACCESS, Operation.EMBEDDINGS, Outcome.SUCCESS),
        ("snowflake_cortex", "error_analyst", Kind.AI_ACCESS, Operation.CHAT, Outcome.FAILURE),
        ("watsonx", "good_chat_event", Kind.AI_ACCESS, Operation.CHAT, Outcome.SUCCESS),
        ("watsonx", "good_openscale_event", Kind.AI_CONTROL_PLANE, None, Outcome.SUCCESS),
        ("watsonx", "error_denied_event", Kind.AI_ACCESS, Operation.CHAT, Outcome.DENIED),
    ],
)
def test_kinds_and_outcomes(source: str, case: str, kind: Kind, operation: Operation | None, outcome: Outcome) -> None:
    event = parse(source, case)
    assert (event.kind, event.operation, event.outcome_status) == (kind, operation, outcome)


@pytest.mark.parametrize(
    ("source", "case", "user", "user_type"),
    [
        ("databricks", "good_inference_row", "ines.falk@werft-nord.de", UserType.USER),
        ("databricks", "good_usage_row", "sp-harbor", UserType.SERVICE),
        ("snowflake_cortex", "good_code_usage", "4711", UserType.USER),
        ("watsonx", "good_chat_event", "IBMid-550003ABCD", UserType.USER),
        ("watsonx", "good_openscale_event", "ServiceId-7a1c", UserType.SERVICE),
    ],
)
def test_who(source: str, case: str, user: str, user_type: UserType) -> None:
    event = parse(source, case)
    assert (reveal(event.user_id), event.user_type) == (user, user_type)


def test_what_was_changed() -> None:
    change = parse("databricks", "good_audit").change
    assert change is not None
    assert (reveal(change.target), reveal(change.target_type)) == ("harbor-chat", "serverlessRealTimeInference")
    change = parse("watsonx", "good_openscale_event").change
    assert change is not None
    assert reveal(change.target) == "harbor-subscription"


def test_columns_in_small_letters_say_the_same() -> None:
    row = load("snowflake_cortex", "good_functions_usage")
    small = {key.lower(): value for key, value in row.items()}
    assert Registry().recognize(small) is not None
    events = [PARSERS["snowflake_cortex"](orjson.loads(orjson.dumps(form))) for form in (row, small)]
    assert len({(reveal(event.model_name), event.input_tokens, event.timestamp) for event in events}) == 1


@pytest.mark.parametrize(
    "record",
    [
        {"serviceName": "clusters", "actionName": "create"},
        {"serviceName": "serverlessRealTimeInference"},
        {"databricks_request_id": "x"},
        {"METRICS": [], "HOST": "a"},
        {"metrics": {"cpu": 1}, "model_name": "m", "credits": 2},
        {"TOKEN_CREDITS": 1},
        {"SEMANTIC_MODEL_NAME": "x"},
        {"RECORD_ATTRIBUTES": {"http.method": "GET"}, "RECORD_TYPE": "SPAN"},
        {"action": "iam-identity.user-apikey.create", "outcome": "success", "initiator": {}},
        {"action": "pm-20.text-chat.send"},
        {"scoring_id": "x", "score": 1},
    ],
)
def test_what_is_no_record_of_theirs(record: dict[str, Any]) -> None:
    assert Registry().recognize(record) is None
