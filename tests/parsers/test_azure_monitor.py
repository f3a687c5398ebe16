"""Azure Monitor: its samples' who, what and how, and the shapes that differ between categories."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from parsed import said
from samples import SAMPLES
from veilog_parsers.errors import RecordError
from veilog_parsers.event import AuditEvent, Kind, Operation, Outcome, Text, UserType
from veilog_parsers.record.fields import remainder
from veilog_parsers.record.raw import RawRecord
from veilog_parsers.registry import Registry
from veilog_parsers.sources.azure.azure_monitor import SOURCE


def load(name: str) -> Any:
    return json.loads((SAMPLES / "azure_monitor" / f"{name}.in.json").read_text())


def reveal(text: Text | None) -> str | None:
    return text if text is None or isinstance(text, str) else text.reveal()


def parse(name: str, **changes: Any) -> AuditEvent:
    return SOURCE.parse(load(name) | copy.deepcopy(changes))


def is_recognized(fields: dict[str, Any]) -> bool:
    return any(test(fields) for key, test in SOURCE.markers.items() if key in fields)


def test_request_response_says_who_and_what_and_how_long_but_has_no_text() -> None:
    event = parse("good_request_response")
    assert event.kind is Kind.AI_ACCESS
    assert event.timestamp == "2025-03-03T09:40:04.968Z"
    assert (event.user_type, reveal(event.user_id)) == (UserType.USER, "b2c4a0de-5a53-4b6f-8f0e-1f6f0c4c7a9d")
    assert event.operation is Operation.CHAT
    assert (reveal(event.model_name), reveal(event.model_version)) == ("gpt-4o", "2024-11-20")
    assert (event.outcome_status, event.http_status, event.latency_ms) == (Outcome.SUCCESS, 200, 1843.0)
    assert event.cloud is not None
    assert reveal(event.cloud.account_id) == "7D3C1F5E-0B1A-4C57-9B7E-2A4F6E8D9C01"
    assert reveal(event.cloud.region) == "westeurope"
    assert event.client_ip is None
    assert not event.prompt_messages


def test_properties_may_be_a_string_and_a_negative_duration_gives_way_to_the_ticks() -> None:
    event = parse("good_properties_string")
    assert event.latency_ms == 1843.0
    assert reveal(event.client_ip) == "198.51.100.23"
    assert reveal(event.model_name) == "gpt-4o"


def test_log_analytics_columns() -> None:
    event = SOURCE.parse(
        {
            "TimeGenerated": "2025-03-03T09:40:04Z",
            "ResourceId": "/subscriptions/s1/providers/microsoft.cognitiveservices/accounts/a",
            "Category": "RequestResponse",
            "OperationName": "Embeddings_Create",
            "ResultSignature": "200",
            "DurationMs": 12,
            "Properties": '{"modelName":"text-embedding-3-large"}',
        }
    )
    assert (event.operation, reveal(event.model_name)) == (Operation.EMBEDDINGS, "text-embedding-3-large")
    assert (event.timestamp, event.latency_ms, event.http_status) == ("2025-03-03T09:40:04Z", 12, 200)


def test_usage_has_tokens() -> None:
    event = parse("good_usage")
    assert (event.input_tokens, event.output_tokens, event.token_count) == (412, 88, 500)


def test_audit_and_activity_are_the_control_plane() -> None:
    assert parse("good_audit").kind is Kind.AI_CONTROL_PLANE
    event = parse("good_activity")
    assert event.kind is Kind.AI_CONTROL_PLANE
    assert reveal(event.user_name) == "lena.brandt@clinic-nord.de"
    assert reveal(event.user_id) == "b2c4a0de-5a53-4b6f-8f0e-1f6f0c4c7a9d"
    assert event.outcome_status is Outcome.SUCCESS


@pytest.mark.parametrize(
    ("kind", "user_type"), [("User", UserType.USER), ("ServicePrincipal", UserType.SERVICE), (None, UserType.SERVICE)]
)
def test_without_claims_the_role_s_holder_is_the_caller(kind: str | None, user_type: UserType) -> None:
    evidence = {"principalId": "6b6d", "principalType": kind}
    event = SOURCE.parse({"operationName": "Microsoft.X/write", "identity": {"authorization": {"evidence": evidence}}})
    assert (reveal(event.user_id), event.user_type) == ("6b6d", user_type)


def test_the_gateway_has_the_texts() -> None:
    event = parse("good_apim_gateway")
    assert reveal(event.endpoint) == "https://clinic-apim.azure-api.net/openai/deployments/triage-prod/chat/completions"
    assert (reveal(event.model_name), reveal(event.model_version)) == ("triage-prod", "gpt-4o-2024-11-20")
    assert [message.role for message in event.prompt_messages] == ["system", "user"]
    assert (event.input_tokens, event.output_tokens) == (61, 12)
    assert (event.user_type, reveal(event.user_id)) == (UserType.SERVICE, "sub-triage")


def test_a_gateway_without_bodies_or_with_the_backend_s_only() -> None:
    fields = load("good_apim_gateway")
    for key in ("requestBody", "responseBody"):
        del fields["properties"][key]
    assert len(SOURCE.parse(fields).prompt_messages) == 2
    fields = load("good_apim_gateway")
    for key in ("requestBody", "responseBody", "backendRequestBody", "backendResponseBody"):
        fields["properties"][key] = ""
    event = SOURCE.parse(fields)
    assert (event.kind, event.prompt_messages) == (Kind.AI_ACCESS, [])


def test_other_apis_behind_the_gateway_are_no_ai() -> None:
    event = parse("good_apim_not_ai")
    assert (event.kind, event.prompt_messages) == (Kind.OTHER, [])


def test_a_filter_that_only_the_backend_reports_counts() -> None:
    fields = load("good_apim_gateway")
    filtered = json.dumps({"choices": [{"finish_reason": "content_filter", "index": 0}]})
    fields["properties"]["backendResponseBody"] = filtered
    assert SOURCE.parse(fields).outcome_status is Outcome.CONTENT_FILTERED


@pytest.mark.parametrize(
    ("name", "outcome", "status"),
    [("error_throttled", Outcome.THROTTLED, 429), ("error_content_filtered", Outcome.CONTENT_FILTERED, 400)],
)
def test_errors(name: str, outcome: Outcome, status: int) -> None:
    event = parse(name)
    assert (event.outcome_status, event.http_status) == (outcome, status)


def test_client_s_and_backend_s_bodies_that_differ_are_read_once_each() -> None:
    fields = load("good_apim_differing_bodies")
    event = SOURCE.parse(fields)
    assert [(m.role.value, [p.reveal() for p in m.parts]) for m in event.prompt_messages] == [
        ("system", ["Answer in German. Never name a diagnosis."]),
        ("user", ["Is bed 12 of ward 3 free?"]),
    ]
    assert [[p.reveal() for p in m.parts] for m in event.response_messages] == [
        ["Bed 12 is occupied."],
        ["Bett 12 ist von Lena Brandt belegt."],
    ]
    assert (event.input_tokens, event.output_tokens, event.outcome_status) == (31, 9, Outcome.SUCCESS)
    left = json.dumps(remainder(fields))
    assert "Bett" not in left
    assert "German" not in left


def test_a_message_that_both_have_counts_once_whatever_filters_said_of_it() -> None:
    fields = load("good_apim_gateway")
    backend = json.loads(fields["properties"]["backendResponseBody"])
    backend["choices"][0]["content_filter_results"]["hate"]["filtered"] = True
    fields["properties"]["backendResponseBody"] = json.dumps(backend)
    assert len(SOURCE.parse(fields).response_messages) == 1


def test_the_gateway_s_table_in_log_analytics() -> None:
    fields = load("good_log_analytics_gateway")
    assert is_recognized(fields)
    event = SOURCE.parse(fields)
    assert (event.kind, event.http_status, event.latency_ms) == (Kind.AI_ACCESS, 200, 911)
    assert reveal(event.client_ip) == "198.51.100.23"
    assert reveal(event.user_agent) == "triage-desk/2.1"
    assert [message.role for message in event.prompt_messages] == ["user"]
    assert "Bearer" not in json.dumps(fields)


def test_why_the_gateway_turned_a_call_down() -> None:
    fields = load("good_apim_gateway")
    fields["properties"] |= {"responseCode": 401, "lastError": {"reason": "SubscriptionKeyInvalid", "message": "m"}}
    event = SOURCE.parse(fields)
    assert (event.outcome_status, reveal(event.error_code)) == (Outcome.DENIED, "SubscriptionKeyInvalid")


@pytest.mark.parametrize(
    ("duration", "ticks", "latency"),
    [
        (12, (0, 0), 12),
        (-1021, (638741190315394000, 638741190325606370), 1021.237),
        (-1021, (638741190325606370, 638741190315394000), None),
        (-1021, ("soon", None), None),
        ("35", (None, None), 35),
    ],
)
def test_durations(duration: Any, ticks: tuple[Any, Any], latency: float | None) -> None:
    fields = load("good_request_response") | {"durationMs": duration}
    fields["properties"] |= {"requestTime": ticks[0], "responseTime": ticks[1]}
    assert SOURCE.parse(fields).latency_ms == latency


@pytest.mark.parametrize("address", ["10.0.0.***", "10.0.0.*", "xxx.xxx.0.1", "", None])
def test_masked_addresses_are_none(address: Any) -> None:
    fields = load("good_request_response") | {"callerIpAddress": address}
    assert SOURCE.parse(fields).client_ip is None


def test_rows_of_one_call_make_one_event() -> None:
    record = RawRecord(load("good_apim_llm_rows"), b"")
    (event,) = Registry().parse(record)
    assert isinstance(event, AuditEvent)
    assert (event.input_tokens, len(event.prompt_messages), len(event.response_messages)) == (61, 2, 1)


def test_llm_rows_that_come_alone_carry_tokens_request_and_response_apart() -> None:
    tokens, request, response = (SOURCE.parse(row) for row in load("good_apim_llm_rows")["records"])
    assert (tokens.input_tokens, tokens.output_tokens, reveal(tokens.model_name)) == (61, 12, "gpt-4o")
    assert [message.role for message in request.prompt_messages] == ["system", "user"]
    assert [part.reveal() for part in response.response_messages[0].parts] == [
        "Ms. Brandt was treated for hypertension."
    ]
    assert reveal(tokens.request_id) == reveal(request.request_id) == reveal(response.request_id)


def test_llm_rows_in_pascal_case_and_with_cut_messages() -> None:
    event = SOURCE.parse(
        {
            "Category": "GatewayLlmLogs",
            "CorrelationId": "c-1",
            "Properties": {
                "ModelName": "gpt-4o",
                "PromptTokens": 3,
                "RequestMessages": '[{"role":"user","content":"cu',
            },
        }
    )
    assert (event.input_tokens, reveal(event.model_name), reveal(event.request_id)) == (3, "gpt-4o", "c-1")
    assert [part.reveal() for part in event.prompt_messages[0].parts] == ["cu"]


@pytest.mark.parametrize(
    ("fields", "recognized"),
    [
        ({"category": "Audit", "resourceId": "/x"}, True),
        ({"category": "Administrative", "operationName": "Microsoft.Compute/virtualMachines/write"}, True),
        ({"category": "books", "title": "x"}, False),
        ({"operationName": "getUser"}, False),
        ({"operationName": 7, "category": 8}, False),
    ],
)
def test_recognition(fields: dict[str, Any], recognized: bool) -> None:
    assert is_recognized(fields) is recognized


def test_wrong_types_everywhere_are_left() -> None:
    fields = load("malformed")
    # JSON that was cut says that there is more than can be read: see below.
    fields["properties"] = [fields["properties"]]
    keys = set(fields) - {"resourceId"}  # a number can be an id
    event = SOURCE.parse(fields)
    assert (event.user_id, event.model_name, event.latency_ms, event.http_status) == (None,) * 4
    assert set(remainder(fields)) == keys


def test_properties_that_were_cut_are_refused() -> None:
    with pytest.raises(RecordError):
        SOURCE.parse(load("malformed"))


def test_rows_with_their_numbers_as_strings_are_put_in_order() -> None:
    pieces = (("10", '"}]'), ("9", "lo"), ("8", '[{"role":"user","content":"hel'))
    rows = [
        {
            "category": "GatewayLlmLogs",
            "correlationId": "c",
            "properties": {"sequenceNumber": n, "requestMessages": text},
        }
        for n, text in pieces
    ]
    (event,) = Registry().parse(RawRecord({"records": rows}, b""))
    assert isinstance(event, AuditEvent)
    assert said(event.prompt_messages) == ["hello"]


def test_any_model_may_be_behind_the_gateway() -> None:
    assert SOURCE.parse(load("good_apim_anthropic")).provider == "anthropic"
    assert SOURCE.parse(load("good_apim_gateway")).provider == "azure.ai.openai"


def test_bodies_that_the_gateway_cut_are_read_as_far_as_they_go() -> None:
    event = SOURCE.parse(load("good_apim_cut_bodies"))
    assert said(event.prompt_messages)[1].endswith("The heating in flat 14 has been off sin")
    assert said(event.response_messages) == ["I am sorry to hear that, Mr. Jans"]


UPN = "jane.doe@contoso.com"


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"name": "Jane Doe", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn": UPN}, UPN),
        ({"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn": UPN, "name": "JaneDoe"}, UPN),
        ({"name": "JaneDoe", "upn": UPN}, UPN),
        ({"name": "Jane Doe", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name": UPN}, UPN),
        ({"name": "JaneDoe", "unique_name": UPN}, UPN),
        ({"name": "Jane Doe"}, "Jane Doe"),
        ({"upn": [7], "name": "Jane Doe"}, "Jane Doe"),
        ({"ver": "1.0"}, None),
    ],
)
def test_the_name_to_sign_in_with_comes_before_the_one_to_show(claims: dict[str, Any], name: str | None) -> None:
    event = SOURCE.parse(
        {"operationName": "Microsoft.CognitiveServices/x/write", "category": "a", "identity": {"claims": claims}}
    )
    assert reveal(event.user_name) == name


@pytest.mark.parametrize(
    "operation",
    ["Add member to role", "Consent to application", "Sign-in activity", "Delete FIDO2 security key(s)", "Import"],
)
def test_activities_of_entra_are_operations(operation: str) -> None:
    event = SOURCE.parse({"operationName": operation, "category": "AuditLogs", "tenantId": "t"})
    assert reveal(event.api_operation) == operation


@pytest.mark.parametrize("text", ["sell the old house", "Sell the old house, Anna.", "Sell " * 30])
def test_prose_is_no_operation(text: str) -> None:
    fields = {"operationName": text, "category": "AuditLogs", "tenantId": "t"}
    assert SOURCE.parse(fields).api_operation is None
    assert fields["operationName"] == text


@pytest.mark.parametrize(
    ("result", "signature", "outcome"),
    [
        ("Failure", "Failed.Forbidden", Outcome.DENIED),
        ("Failed", "AuthorizationFailed", Outcome.DENIED),
        ("Failed", "Failed.Conflict", Outcome.FAILURE),
        ("Failure", None, Outcome.FAILURE),
        ("Success", "Succeeded.OK", Outcome.SUCCESS),
    ],
)
def test_the_signature_tells_why_an_activity_failed(result: str, signature: Any, outcome: Outcome) -> None:
    fields = {
        "operationName": "x",
        "category": "a",
        "tenantId": "t",
        "resultType": result,
        "resultSignature": signature,
    }
    assert SOURCE.parse(fields).outcome_status is outcome
