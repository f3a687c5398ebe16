"""AWS's assistants: prompt logs of Q Developer, conversation logs of Q Business and of Lex."""

from __future__ import annotations

from typing import Any

import pytest

from parsed import load, reveal, said, turns
from veilog_parsers.event import AuditEvent, GuardrailAction, Kind, Operation, Outcome, SensitiveText
from veilog_parsers.record.fields import remainder
from veilog_parsers.record.raw import Fields, RawRecord
from veilog_parsers.registry import Registry
from veilog_parsers.sources.aws import aws_lex, aws_q_business, aws_q_developer

REGISTRY = Registry()


def events(source: str, case: str) -> list[AuditEvent]:
    return [event for event in REGISTRY.parse(RawRecord(load(source, case), b"")) if isinstance(event, AuditEvent)]


# Q Developer


def test_a_chat_has_prompt_answer_and_ids() -> None:
    (event,) = events("aws_q_developer", "good_chat")
    assert (event.kind, event.operation, event.api_operation) == (
        Kind.AI_ACCESS,
        Operation.CHAT,
        "GenerateAssistantResponse",
    )
    assert said(event.prompt_messages)[0].startswith("Write a function")
    assert said(event.response_messages)[-1] == "Shall I also add a test?"
    assert reveal(event.conversation_id) == "da1c95b6-84e1-46a2-9ef9-fe92f5ee169e"
    assert reveal(event.request_id) == "797c70ee-abc9-4cc7-a148-b9df17f6ce48"
    assert [reveal(source) for source in event.data_sources or ()] == ["https://docs.example.com/api/retries"]


def test_code_around_the_cursor_is_the_prompt_of_a_suggestion() -> None:
    (event,) = events("aws_q_developer", "good_inline")
    assert event.operation is Operation.TEXT_COMPLETION
    assert said(event.prompt_messages)[1:] == ["});", "claims-stack.ts"]
    assert len(said(event.response_messages)) == 1


def test_the_agent_s_log_has_a_prompt_alone() -> None:
    (event,) = events("aws_q_developer", "good_dev")
    assert (event.operation, event.outcome_status) == (Operation.INVOKE_AGENT, None)
    assert said(event.prompt_messages) == ["Build a small service that prints invoices."]


def test_the_records_of_a_file_are_events() -> None:
    assert [said(event.prompt_messages)[0] for event in events("aws_q_developer", "good_file")] == [
        "What does this test check?",
        "And the next one?",
    ]


@pytest.mark.parametrize("value", [None, "text", ["a"], {}])
def test_a_request_of_another_type_is_no_chat(value: Any) -> None:
    fields: Fields = {"generateAssistantResponseEventRequest": value}
    claimed = REGISTRY.recognize(fields) is aws_q_developer.SOURCE
    assert claimed is (value == {})


# Q Business


def test_a_message_and_its_answer() -> None:
    (event,) = events("aws_q_business", "good_message")
    assert turns(event.response_messages) == [("assistant", ["The policy grants 30 days a year."])]
    assert (reveal(event.user_id), reveal(event.tenant_id)) == ("mara.vogt@assekuranz-sued.de", "123456789012")
    assert (event.outcome_status, event.guardrail and event.guardrail.action) == (
        Outcome.SUCCESS,
        GuardrailAction.NONE,
    )


def test_an_answer_that_was_replaced_is_an_answer_too() -> None:
    (event,) = events("aws_q_business", "good_hallucination")
    assert said(event.response_messages) == ["The policy grants 30 days a year.", "The policy grants 45 days a year."]


@pytest.mark.parametrize("check", ["DISABLED", "NOT TRIGGERED", "NO HALLUCINATION DETECTED"])
def test_how_a_check_ended_is_no_answer(check: str) -> None:
    event = aws_q_business.SOURCE.parse(load("aws_q_business", "good_message") | {"hallucinated_message": check})
    assert len(said(event.response_messages)) == 1


@pytest.mark.parametrize(
    ("flag", "outcome"),
    [(True, Outcome.CONTENT_FILTERED), (1, Outcome.CONTENT_FILTERED), (0, Outcome.SUCCESS), ("no", Outcome.SUCCESS)],
)
def test_a_blocked_message(flag: Any, outcome: Outcome) -> None:
    fields = load("aws_q_business", "good_message") | {"output_metrics_is_message_blocked": flag}
    event = aws_q_business.SOURCE.parse(fields)
    assert event.outcome_status is outcome
    assert ("output_metrics_is_message_blocked" in fields) is (flag == "no")


def test_feedback_is_no_call_and_its_texts_stay() -> None:
    fields = load("aws_q_business", "good_feedback")
    event = aws_q_business.SOURCE.parse(fields)
    assert (event.kind, event.prompt_messages) == (Kind.OTHER, [])
    assert {"user_message", "system_message", "comment"} <= remainder(fields).keys()


# Lex


def test_a_turn_with_a_bot() -> None:
    (event,) = events("aws_lex", "good_v2")
    assert event.agent is not None
    assert [reveal(name) for name in (event.agent.id, event.agent.name, event.agent.version)] == [
        "6JK3M1NPPW",
        "ClaimsDesk",
        "14",
    ]
    assert said(event.response_messages)[0] == "Your claim was paid on 3 March."
    assert said(event.prompt_messages) == ["What about claim 7712 of Lena Brandt, phone +49 30 901820?"]
    assert event.tool_calls is not None
    (intent,) = event.tool_calls
    assert reveal(intent.name) == "AskForClaim"
    assert isinstance(intent.arguments, SensitiveText)
    assert "7712" in intent.arguments.reveal()


def test_transcriptions_that_repeat_the_words_go_and_others_stay() -> None:
    fields = load("aws_lex", "good_v2")
    fields["transcriptions"].append({"transcription": "What about frame 7712 of Lena Brandt?"})
    aws_lex.SOURCE.parse(fields)
    left = remainder(fields)
    assert "rawInputTranscript" not in left
    assert len(left["transcriptions"]) == 2


def test_version_1_has_flat_keys() -> None:
    (event,) = events("aws_lex", "good_v1")
    assert (reveal(event.user_id), said(event.response_messages)) == ("web-5512", ["When should we call?"])
    assert [reveal(call.name) for call in event.tool_calls or ()] == ["CallBack"]


@pytest.mark.parametrize("case", ["good_v2_missed", "malformed"])
def test_no_intent_is_no_tool(case: str) -> None:
    (event,) = events("aws_lex", case)
    assert event.tool_calls is None


def test_a_bot_that_could_not_fulfil_an_intent_failed() -> None:
    (event,) = events("aws_lex", "error_failed")
    assert event.outcome_status is Outcome.FAILURE


@pytest.mark.parametrize(
    "fields",
    [{"inputTranscript": "hello"}, {"inputTranscript": "hello", "bot": "b"}, {"inputTranscript": "h", "botName": 7}],
)
def test_a_transcript_without_a_bot_is_not_ours(fields: Fields) -> None:
    assert REGISTRY.recognize(fields) is None
