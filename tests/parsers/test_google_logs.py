"""Google's own logs in Cloud Logging: Model Armor, Gemini Code Assist, Gemini Enterprise."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from parsed import load, reveal, said, turns
from veilog_parsers.event import (
    AuditEvent,
    Confidence,
    ContentCategory,
    GuardrailAction,
    GuardrailPolicy,
    Kind,
    Operation,
    Outcome,
    UpstreamThreatType,
    UserType,
)
from veilog_parsers.record.fields import remainder
from veilog_parsers.record.raw import Fields, RawRecord
from veilog_parsers.registry import Registry
from veilog_parsers.sources.google import gcp_code_assist, gcp_gemini_enterprise, gcp_model_armor

REGISTRY = Registry()


def parse(source: str, case: str) -> AuditEvent:
    (event,) = REGISTRY.parse(RawRecord(load(source, case), b""))
    assert isinstance(event, AuditEvent)
    assert reveal(event.source) == source
    return event


# Model Armor


@pytest.mark.parametrize(
    ("case", "action", "outcome", "threats"),
    [
        ("good_prompt", GuardrailAction.NONE, Outcome.SUCCESS, []),
        (
            "good_jailbreak_inspected",
            GuardrailAction.FLAGGED,
            Outcome.SUCCESS,
            [UpstreamThreatType.PROMPT_INJECTION],
        ),
        ("good_response", GuardrailAction.FLAGGED, Outcome.SUCCESS, [UpstreamThreatType.DATA_LEAK]),
        (
            "error_blocked",
            GuardrailAction.BLOCKED,
            Outcome.CONTENT_FILTERED,
            [UpstreamThreatType.PROMPT_INJECTION],
        ),
    ],
)
def test_what_model_armor_decided(
    case: str, action: GuardrailAction, outcome: Outcome, threats: list[UpstreamThreatType]
) -> None:
    event = parse("gcp_model_armor", case)
    assert event.guardrail is not None
    assert (event.guardrail.action, reveal(event.guardrail.id)) == (action, "strict-prompts")
    assert event.outcome_status is outcome
    assert [threat.type for threat in event.upstream_threats or ()] == threats


def test_what_model_armor_found() -> None:
    guardrail = parse("gcp_model_armor", "error_blocked").guardrail
    assert guardrail is not None
    assert guardrail.policies == [GuardrailPolicy.JAILBREAK, GuardrailPolicy.CONTENT]
    assert (guardrail.categories, guardrail.confidence) == ([ContentCategory.DANGEROUS], Confidence.HIGH)


def test_a_response_is_the_model_s_text_and_its_copy_is_withheld() -> None:
    fields = load("gcp_model_armor", "good_response")
    event = gcp_model_armor.SOURCE.parse(fields)
    assert (event.prompt_messages, len(said(event.response_messages))) == ([], 1)
    sdp = remainder(fields)["jsonPayload"]["sanitizationResult"]["filterResults"]["sdp"]["sdpFilterResult"]
    assert sdp["deidentifyResult"]["data"] == len("The account of [NAME] is [IBAN].") + len("text")


def test_a_file_is_an_attachment_and_not_read() -> None:
    fields = load("gcp_model_armor", "good_prompt")
    item = {"byteItem": {"byteDataType": "PDF", "byteData": "JVBERi0xLjcKJcOkw7zDtsOfCjIgMCBvYmoKPDwv"}}
    fields["jsonPayload"]["sanitizationInput"] = item
    event = gcp_model_armor.SOURCE.parse(fields)
    assert (event.attachments, event.prompt_messages) == (1, [])


@pytest.mark.parametrize("key", ["@type", "logName"])
def test_one_sign_of_the_log_is_enough(key: str) -> None:
    fields = load("gcp_model_armor", "good_prompt")
    (fields if key == "logName" else fields["jsonPayload"]).pop(key)
    assert REGISTRY.recognize(fields) is gcp_model_armor.SOURCE


# Gemini Code Assist


def test_a_chat_s_turns_have_authors() -> None:
    event = parse("gcp_code_assist", "good_chat_request")
    assert [role for role, _ in turns(event.prompt_messages)] == ["system", "user", "assistant", "user"]
    assert (reveal(event.user_id), reveal(event.request_id)) == ("mara.vogt@assekuranz-sued.de", "e60facb1485b17b7")


def test_request_and_response_have_the_same_id() -> None:
    request, response = (parse("gcp_code_assist", f"good_chat_{side}") for side in ("request", "response"))
    assert reveal(request.request_id) == reveal(response.request_id)
    assert said(response.response_messages)[0] == "I read the file first."


@pytest.mark.parametrize("camel", [False, True])
def test_files_are_the_prompt_of_a_suggestion(camel: bool) -> None:
    fields = load("gcp_code_assist", "good_code_request")
    if camel:
        context = fields["jsonPayload"]["codeCompletionRequest"].pop("input_data_context")["additional_context"]
        fields["jsonPayload"]["codeCompletionRequest"]["inputDataContext"] = {"additionalContext": context}
    event = gcp_code_assist.SOURCE.parse(fields)
    assert event.operation is Operation.TEXT_COMPLETION
    assert said(event.prompt_messages)[0] == "/home/mara/claims/pay.go"
    assert len(said(event.prompt_messages)) == 5


def test_a_response_in_an_unknown_form_is_one_text() -> None:
    fields = load("gcp_code_assist", "good_chat_response")
    answer = {"candidates": [{"snippet": "return the first invoice that is open"}]}
    fields["jsonPayload"] = {"@type": fields["jsonPayload"]["@type"], "codeCompletionResponse": answer}
    (text,) = said(gcp_code_assist.SOURCE.parse(fields).response_messages)
    assert "the first invoice" in text


def test_metadata_are_no_call() -> None:
    event = parse("gcp_code_assist", "good_metadata")
    assert (event.kind, reveal(event.api_operation)) == (Kind.OTHER, "Export.Metrics")


# Gemini Enterprise


def test_an_assistant_s_answer_counts_once() -> None:
    event = parse("gcp_gemini_enterprise", "good_assist")
    assert said(event.response_messages) == ["Thirty days a year are granted."]
    assert (event.operation, event.stream, reveal(event.conversation_id)) == (Operation.CHAT, True, "8812736450012")
    assert reveal(event.trace_id) == "67a1c0de5b2f4e8d9a3c7b1e0f2d4c6a"


@pytest.mark.parametrize(
    ("trace", "expected"),
    [
        ("projects/p/traces/67a1c0de5b2f4e8d9a3c7b1e0f2d4c6a", "67a1c0de5b2f4e8d9a3c7b1e0f2d4c6a"),
        ("67a1c0de5b2f4e8d9a3c7b1e0f2d4c6a", "67a1c0de5b2f4e8d9a3c7b1e0f2d4c6a"),
        ("sell-the_old/house", None),
        (7, None),
    ],
)
def test_traces(trace: Any, expected: str | None) -> None:
    fields = load("gcp_gemini_enterprise", "good_choice") | {"trace": trace}
    assert reveal(gcp_gemini_enterprise.SOURCE.parse(fields).trace_id) == expected
    assert ("trace" in fields) is (expected is None)


def test_a_piece_that_the_whole_answer_lacks_is_a_text_too() -> None:
    fields = load("gcp_gemini_enterprise", "good_assist")
    replies = fields["jsonPayload"]["response"]["answer"]["replies"]
    replies.append({"groundedContent": {"text": "Ask the works council about carrying days over."}})
    event = gcp_gemini_enterprise.SOURCE.parse(fields)
    assert said(event.response_messages)[-1] == "Ask the works council about carrying days over."


def test_what_a_search_found() -> None:
    event = parse("gcp_gemini_enterprise", "good_search")
    assert (event.operation, said(event.prompt_messages)) == (Operation.RETRIEVAL, ["travel policy for managers"])
    assert [str(reveal(source)).rpartition("/")[2] for source in event.data_sources or ()] == ["leave-17", "travel-3"]


def test_elided_texts_are_none() -> None:
    event = parse("gcp_gemini_enterprise", "good_elided")
    assert (event.kind, event.prompt_messages, event.response_messages) == (Kind.AI_ACCESS, [], [])


def test_keys_in_lower_case_from_bigquery() -> None:
    event = parse("gcp_gemini_enterprise", "good_bigquery")
    assert (reveal(event.user_id), event.user_type) == ("10000001", UserType.USER)
    assert said(event.prompt_messages) == ["Write a short note about late payments."]
    assert said(event.response_messages) == ["Payments after thirty days are late."]


@pytest.mark.parametrize(
    ("case", "prompt", "response"),
    [
        ("good_user_message", ["Draft a reply to Lena Brandt."], []),
        ("good_choice", [], ["Dear Ms. Brandt, thank you for your patience."]),
    ],
)
def test_logs_of_single_turns(case: str, prompt: list[str], response: list[str]) -> None:
    event = parse("gcp_gemini_enterprise", case)
    assert (said(event.prompt_messages), said(event.response_messages)) == (prompt, response)


@pytest.mark.parametrize(
    ("method", "kind"),
    [
        ("Assist", Kind.AI_ACCESS),
        ("AssistantService.StreamAssist", Kind.AI_ACCESS),
        ("ModelArmorAudit", Kind.AI_ACCESS),
        ("UploadSessionFile", Kind.AI_ACCESS),
        ("CreateAgent", Kind.AI_CONTROL_PLANE),
        ("SetIamPolicy", Kind.AI_CONTROL_PLANE),
        ("WriteUserEvent", Kind.OTHER),
        (None, Kind.AI_ACCESS),
    ],
)
def test_kinds_of_methods(method: str | None, kind: Kind) -> None:
    fields = load("gcp_gemini_enterprise", "good_assist")
    fields["jsonPayload"]["logMetadata"]["methodName"] = method
    assert gcp_gemini_enterprise.SOURCE.parse(fields).kind is kind


def test_texts_of_other_kinds_stay_in_the_record() -> None:
    fields = load("gcp_gemini_enterprise", "good_assist")
    fields["jsonPayload"]["logMetadata"]["methodName"] = "CreateAgent"
    gcp_gemini_enterprise.SOURCE.parse(fields)
    assert fields["jsonPayload"]["serviceTextReply"] == "Thirty days a year are granted."


def test_an_answer_that_a_policy_stopped() -> None:
    event = parse("gcp_gemini_enterprise", "error_skipped")
    assert (event.outcome_status, reveal(event.error_code)) == (
        Outcome.CONTENT_FILTERED,
        "CUSTOMER_POLICY_VIOLATION",
    )


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"message": "started"},
        {"request": {"query": "a"}},
        {"logMetadata": "none", "userIamPrincipal": "a@b.de"},
        {"@type": "type.googleapis.com/google.cloud.audit.AuditLog"},
    ],
)
@pytest.mark.parametrize("name", ["", "projects/p/logs/stdout", "projects/p/logs/modelarmor.googleapis.com%2Fother"])
def test_entries_of_other_logs_are_not_ours(payload: Fields, name: str) -> None:
    fields: dict[str, Any] = {"jsonPayload": copy.deepcopy(payload), "logName": name}
    source = REGISTRY.recognize(fields)
    assert source is None or source.name not in ("gcp_model_armor", "gcp_code_assist", "gcp_gemini_enterprise")
