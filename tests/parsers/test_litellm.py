"""LiteLLM: its samples, and who counts as the caller."""

from __future__ import annotations

import json
from typing import Any

import pytest

from samples import SAMPLES
from veilog_parsers.event import AuditEvent, Operation, Outcome, Text, UserType
from veilog_parsers.record.fields import remainder
from veilog_parsers.sources.gateways.litellm import SOURCE


def load(name: str) -> Any:
    return json.loads((SAMPLES / "litellm" / f"{name}.in.json").read_text())


def parse(name: str) -> AuditEvent:
    return SOURCE.parse(load(name))


def reveal(text: Text | None) -> str | None:
    return text if text is None or isinstance(text, str) else text.reveal()


def texts(event: AuditEvent) -> tuple[list[str], list[str]]:
    sides = (event.prompt_messages, event.response_messages)
    prompt, response = ([part.reveal() for message in side for part in message.parts] for side in sides)
    return prompt, response


def test_a_call_through_the_proxy() -> None:
    event = parse("good_chat")
    assert event.timestamp == "2025-03-05T09:40:00.5Z"
    assert (event.user_type, reveal(event.user_id)) == (UserType.USER, "omar.haddad@northgate-insurance.com")
    assert reveal(event.user_name) == "web-5512"
    assert reveal(event.tenant_id) == "team-claims"
    assert reveal(event.conversation_id) == "sess-77"
    assert reveal(event.client_ip) == "203.0.113.41"
    assert (event.provider, reveal(event.model_name)) == (event.provider, "gpt-4o-mini")
    assert reveal(event.provider) == "openai"
    assert event.operation is Operation.CHAT
    assert (event.input_tokens, event.output_tokens, event.token_count, event.latency_ms) == (58, 17, 75, 1500.0)
    assert event.outcome_status is Outcome.SUCCESS
    prompt, response = texts(event)
    assert prompt[0] == "You help claims adjusters."
    assert response == ["Dear Ms. Raman, please confirm the last digits of your card."]


def test_the_owner_of_the_master_key_is_nobody() -> None:
    event = parse("good_master_key")
    assert (event.user_type, reveal(event.user_id)) == (UserType.USER, "web-5512")


def test_a_key_without_people_is_a_service() -> None:
    fields = load("good_chat")
    fields["end_user"] = ""
    for key in ("user_api_key_user_email", "user_api_key_user_id", "user_api_key_end_user_id"):
        fields["metadata"][key] = None
    event = SOURCE.parse(fields)
    assert (event.user_type, event.user_id, reveal(event.user_name)) == (UserType.SERVICE, None, "claims-desk")


@pytest.mark.parametrize(
    ("name", "outcome", "code", "status"),
    [
        ("error_rate_limited", Outcome.THROTTLED, "RateLimitError", 429),
        ("error_denied", Outcome.DENIED, "AuthenticationError", 401),
    ],
)
def test_failed_calls(name: str, outcome: Outcome, code: str, status: int) -> None:
    event = parse(name)
    assert (event.outcome_status, reveal(event.error_code), event.http_status) == (outcome, code, status)


def test_tool_calls() -> None:
    event = parse("good_tools")
    assert event.tool_calls is not None
    assert [reveal(call.name) for call in event.tool_calls] == ["get_claim"]


def test_embeddings_take_a_bare_text() -> None:
    event = parse("good_embedding")
    assert event.operation is Operation.EMBEDDINGS
    assert texts(event) == (["priya.raman@riverbend-mail.com asked about water damage"], [])


def test_what_litellm_redacted_itself_is_no_text() -> None:
    assert texts(parse("good_redacted_by_litellm")) == ([], [])


def test_headers_keys_and_tracebacks_do_not_even_count_as_unmapped() -> None:
    for name in ("good_chat", "error_rate_limited"):
        fields = load(name)
        SOURCE.parse(fields)
        left = json.dumps(remainder(fields))
        for text in ("authorization", "sk-not-a-real-key", "Traceback", "88dc28d0"):
            assert text not in left


def test_wrong_types_are_left_and_texts_are_read() -> None:
    fields = load("malformed")
    event = SOURCE.parse(fields)
    assert (event.user_id, event.model_name, event.input_tokens) == (None,) * 3
    left = remainder(fields)
    assert {"id", "model", "metadata", "prompt_tokens", "end_user"} <= set(left)
    assert not {"messages", "response"} & set(left)
    assert all(texts(event))


def test_what_python_printed_is_read_like_json() -> None:
    event = parse("good_printed_by_python")
    prompt, response = texts(event)
    assert prompt[0] == "You write for the harbour's newsletter."
    assert prompt[1].endswith("it's her last day.\nKeep it short.")
    assert response == ["Dear Birte, thank you for 30 years. It won't be the same without you."]
    assert (event.input_tokens, event.output_tokens, event.latency_ms) == (48, 19, 1250)
    assert reveal(event.user_id) == "tjark.ehlers@hafen-post.de"
    assert event.timestamp == "2026-11-23T07:46:40.25Z"


@pytest.mark.parametrize(
    ("error_class", "code", "outcome"),
    [
        ("ContentPolicyViolationError", "400", Outcome.CONTENT_FILTERED),
        ("GuardrailRaisedException", "", Outcome.CONTENT_FILTERED),
        ("BlockedPiiEntityError", "400", Outcome.CONTENT_FILTERED),
        ("ProxyException", "401", Outcome.DENIED),
        ("ProxyException", "429", Outcome.THROTTLED),
        ("ProxyException", "500", Outcome.FAILURE),
        ("BudgetExceededError", "400", Outcome.THROTTLED),
        ("BadRequestError", "400", Outcome.FAILURE),
    ],
)
def test_outcomes_by_class_and_code(error_class: str, code: str, outcome: Outcome) -> None:
    fields = load("good_chat")
    fields |= {"status": "failure", "error_information": {"error_class": error_class, "error_code": code}}
    event = SOURCE.parse(fields)
    assert (event.outcome_status, reveal(event.error_code)) == (outcome, error_class)
    assert event.http_status == (int(code) if code else None)


def test_a_vague_class_never_hides_a_code() -> None:
    fields = load("good_chat")
    fields |= {"status": "failure", "error_information": {"error_class": "Exception", "error_code": "content_filter"}}
    event = SOURCE.parse(fields)
    assert (event.outcome_status, reveal(event.error_code)) == (Outcome.CONTENT_FILTERED, "content_filter")
