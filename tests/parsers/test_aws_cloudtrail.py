"""CloudTrail: its samples, who called, what kind of call it was, and the few texts it carries."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veilog_parsers.event import AuditEvent, Kind, Message, Operation, Outcome, Text, UserType
from veilog_parsers.record.fields import remainder
from veilog_parsers.sources.aws.aws_cloudtrail import SOURCE

SAMPLES = Path(__file__).parents[2] / "parsers" / "samples" / "aws_cloudtrail"
ENVELOPES = ("good_cloudwatch_subscription", "good_eventbridge", "good_records_file")
NAMES = sorted(
    name for path in SAMPLES.glob("*.in.json") if (name := path.name.removesuffix(".in.json")) not in ENVELOPES
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def load(name: str) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((SAMPLES / f"{name}.in.json").read_text())
    return record


def parse(name: str = "InvokeModel", source: str = "bedrock", **fields: Any) -> AuditEvent:
    return SOURCE.parse({"eventName": name, "eventSource": f"{source}.amazonaws.com"} | copy.deepcopy(fields))


def is_recognized(fields: dict[str, Any]) -> bool:
    return any(test(fields) for key, test in SOURCE.markers.items() if key in fields)


def reveal(text: Text | None) -> str | None:
    return text if text is None or isinstance(text, str) else text.reveal()


def turns(messages: list[Message]) -> list[tuple[str, list[str]]]:
    return [(message.role.value, [part.reveal() for part in message.parts]) for message in messages]


def paths(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON tree, except its root."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [found for key, value in items for found in [(*path, key), *paths(value, (*path, key))]]


@pytest.mark.parametrize("name", NAMES)
def test_samples_are_recognized(name: str) -> None:
    assert is_recognized(load(name))


@pytest.mark.parametrize("name", ENVELOPES)
def test_samples_of_envelopes_hold_records(name: str) -> None:
    document = load(name)
    records = document.get("Records") or [document.get("detail")]
    if "logEvents" in document:
        records = [json.loads(event["message"]) for event in document["logEvents"]]
    assert all(is_recognized(record) for record in records)


def test_records_without_a_source_are_recognized() -> None:
    assert is_recognized({"eventName": "ConsoleLogin", "userIdentity": {"type": "IAMUser"}})


@pytest.mark.parametrize(
    "fields",
    [
        {"eventName": "ObjectCreated:Put", "eventSource": "aws:s3", "userIdentity": {"principalId": "A"}},
        {"eventName": "INSERT", "eventSource": "aws:dynamodb"},
        {"eventName": "click"},
        {"eventName": 7, "eventSource": "s3.amazonaws.com"},
        {"eventName": "a", "eventSource": ["s3.amazonaws.com"]},
    ],
)
def test_other_records_are_not_recognized(fields: dict[str, Any]) -> None:
    assert not is_recognized(fields)


@pytest.mark.parametrize(
    ("source", "name", "kind"),
    [
        ("bedrock", "InvokeModel", Kind.AI_ACCESS),
        ("bedrock", "ConverseStream", Kind.AI_ACCESS),
        ("bedrock-runtime", "ApplyGuardrail", Kind.AI_ACCESS),
        ("bedrock-agent-runtime", "RetrieveAndGenerate", Kind.AI_ACCESS),
        ("bedrock-agentcore", "InvokeGateway", Kind.AI_ACCESS),
        ("sagemaker", "InvokeEndpoint", Kind.AI_ACCESS),
        ("runtime.sagemaker", "InvokeEndpointAsync", Kind.AI_ACCESS),
        ("qbusiness", "ChatSync", Kind.AI_ACCESS),
        ("bedrock", "DeleteGuardrail", Kind.AI_CONTROL_PLANE),
        ("bedrock-agent", "CreateAgent", Kind.AI_CONTROL_PLANE),
        ("sagemaker", "CreateEndpoint", Kind.AI_CONTROL_PLANE),
        ("s3", "GetObject", Kind.OTHER),
        ("chatbot", "Chat", Kind.OTHER),
    ],
)
def test_kind(source: str, name: str, kind: Kind) -> None:
    assert parse(name, source).kind is kind


def test_a_call_of_an_unknown_service_is_none_of_ours() -> None:
    assert SOURCE.parse({"eventName": "InvokeModel", "userIdentity": {}}).kind is Kind.OTHER


@pytest.mark.parametrize(
    ("name", "parameters", "operation"),
    [
        ("Converse", {}, Operation.CHAT),
        ("InvokeAgent", {}, Operation.INVOKE_AGENT),
        ("Retrieve", {}, Operation.RETRIEVAL),
        ("ApplyGuardrail", {}, Operation.MODERATION),
        ("CreateAgent", {}, Operation.CREATE_AGENT),
        ("InvokeModel", {"modelId": "anthropic.claude-v2:1"}, None),
        ("InvokeModel", {"modelId": "cohere.embed-english-v3"}, Operation.EMBEDDINGS),
    ],
)
def test_operation(name: str, parameters: dict[str, Any], operation: Operation | None) -> None:
    assert parse(name, requestParameters=parameters).operation is operation


IDENTITIES: dict[str, tuple[dict[str, Any], tuple[UserType | None, str | None, str | None, str | None]]] = {
    "assumed role": (
        {
            "type": "AssumedRole",
            "arn": "arn:aws:sts::1:assumed-role/App/web-1",
            "sessionContext": {"sessionIssuer": {"userName": "App"}},
        },
        (UserType.ROLE, "arn:aws:sts::1:assumed-role/App/web-1", "App", "web-1"),
    ),
    "assumed role, session only in the principal": (
        {"type": "AssumedRole", "principalId": "AROA:web-1", "sessionContext": {"sessionIssuer": {"userName": "App"}}},
        (UserType.ROLE, "AROA:web-1", "App", "web-1"),
    ),
    "single sign-on": (
        {"type": "AssumedRole", "arn": "arn:aws:sts::1:assumed-role/AWSReservedSSO_Dev_1/a@b.com"},
        (UserType.USER, "arn:aws:sts::1:assumed-role/AWSReservedSSO_Dev_1/a@b.com", "a@b.com", "a@b.com"),
    ),
    "user": (
        {"type": "IAMUser", "arn": "arn:aws:iam::1:user/alice", "userName": "alice"},
        (UserType.USER, "arn:aws:iam::1:user/alice", "alice", None),
    ),
    "user without an arn": (
        {"type": "IAMUser", "principalId": "AIDA1", "userName": "alice"},
        (UserType.USER, "AIDA1", "alice", None),
    ),
    "root": ({"type": "Root", "arn": "arn:aws:iam::1:root"}, (UserType.USER, "arn:aws:iam::1:root", "root", None)),
    "federated user": (
        {"type": "FederatedUser", "arn": "arn:aws:sts::1:federated-user/bob"},
        (UserType.USER, "arn:aws:sts::1:federated-user/bob", "bob", None),
    ),
    "other account": ({"type": "AWSAccount", "principalId": "AIDA1"}, (None, "AIDA1", None, None)),
    "nobody": (
        {"type": "AWSAccount", "principalId": "", "accountId": "anonymous"},
        (UserType.ANONYMOUS, None, None, None),
    ),
    "service": (
        {"type": "AWSService", "invokedBy": "config.amazonaws.com"},
        (UserType.SERVICE, "config.amazonaws.com", None, None),
    ),
    "identity center user": (
        {"type": "IdentityCenterUser", "onBehalfOf": {"userId": "93e4"}, "credentialId": "c1"},
        (UserType.USER, "93e4", None, "c1"),
    ),
    "saml user": (
        {"type": "SAMLUser", "principalId": "idp:alice", "userName": "alice"},
        (UserType.USER, "idp:alice", "alice", None),
    ),
    "web identity user": (
        {"type": "WebIdentityUser", "principalId": "idp:app:alice", "userName": "alice"},
        (UserType.USER, "idp:app:alice", "alice", None),
    ),
    "unknown": ({"type": "Unknown"}, (None, None, None, None)),
}


@pytest.mark.parametrize(("identity", "expected"), IDENTITIES.values(), ids=IDENTITIES.keys())
def test_identities(identity: dict[str, Any], expected: tuple[Any, ...]) -> None:
    event = parse(userIdentity=identity)
    found = (event.user_type, reveal(event.user_id), reveal(event.user_name), reveal(event.session_id))
    assert found == expected


def test_the_token_of_a_gateway_s_caller_tells_who_it_is() -> None:
    event = SOURCE.parse(load("good_agentcore_gateway"))
    assert reveal(event.user_id) == "viktor.agent@nordlys.dk"


def test_whom_a_caller_claims_to_be_does_not_replace_its_identity() -> None:
    event = parse(
        "ChatSync", "qbusiness", userIdentity={"arn": "arn:aws:iam::1:user/a"}, requestParameters={"userId": "b"}
    )
    assert reveal(event.user_id) == "arn:aws:iam::1:user/a"


def test_the_account_of_a_caller_from_elsewhere_is_left() -> None:
    fields = {"eventName": "GetObject", "recipientAccountId": "1", "userIdentity": {"accountId": "2"}}
    SOURCE.parse(fields)
    assert fields["userIdentity"] == {"accountId": "2"}


@pytest.mark.parametrize("address", ["203.0.113.24", "2001:db8::1"])
def test_client_addresses(address: str) -> None:
    assert reveal(parse(sourceIPAddress=address).client_ip) == address


@pytest.mark.parametrize("address", ["AWS Internal", "cloudformation.amazonaws.com"])
def test_a_source_that_is_a_service_is_no_address(address: str) -> None:
    event = parse(sourceIPAddress=address)
    assert (event.client_ip, event.user_type) == (None, UserType.SERVICE)


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("2026-03-04T09:31:02Z", "2026-03-04T09:31:02Z"),
        ("2026-03-04 09:31:02", "2026-03-04T09:31:02Z"),
        ("2026-03-04 09:31:02.120000000", "2026-03-04T09:31:02.12Z"),
        ("2026-03-04T09:31:02.0000000Z", "2026-03-04T09:31:02Z"),
        ("...", None),
        (None, None),
    ],
)
def test_times(time: str | None, expected: str | None) -> None:
    assert parse(eventTime=time).timestamp == expected


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({}, Outcome.SUCCESS),
        ({"errorCode": "AccessDenied"}, Outcome.DENIED),
        ({"errorCode": "ThrottlingException"}, Outcome.THROTTLED),
        ({"errorCode": "ValidationException"}, Outcome.FAILURE),
        ({"responseElements": {"statusCode": 401}}, Outcome.DENIED),
        ({"errorCode": "AccessDenied", "responseElements": {"statusCode": 200}}, Outcome.DENIED),
        ({"responseElements": {"statusCode": 200, "body": {"jsonrpc": "2.0", "error": {"code": -1}}}}, Outcome.FAILURE),
        ({"responseElements": {"body": {"jsonrpc": "2.0", "result": {"isError": True}}}}, Outcome.FAILURE),
    ],
)
def test_outcomes(fields: dict[str, Any], outcome: Outcome) -> None:
    assert parse("InvokeGateway", "bedrock-agentcore", **fields).outcome_status is outcome


@pytest.mark.parametrize(
    ("fields", "model", "resource"),
    [
        ({"requestParameters": {"modelId": "m"}}, "m", None),
        ({"requestParameters": {"modelId": "arn:aws:bedrock:r:1:inference-profile/us.m"}}, "us.m", "arn:aws:bedrock:r:1:inference-profile/us.m"),
        ({"requestParameters": {"agentId": "A1"}}, None, "A1"),
        ({"requestParameters": {"agentId": "A1"}, "resources": [{"ARN": "arn:aws:x"}]}, None, "arn:aws:x"),
        ({"requestParameters": '{"modelId": "m"}'}, "m", None),
        ({"requestParameters": None}, None, None),
        ({"requestParameters": "null"}, None, None),
    ],
)  # fmt: skip
def test_what_was_called(fields: dict[str, Any], model: str | None, resource: str | None) -> None:
    event = parse(**fields)
    assert event.cloud is not None
    assert (reveal(event.model_name), reveal(event.cloud.resource)) == (model, resource)


@pytest.mark.parametrize(
    ("source", "name", "parameters", "expected"),
    [
        ("bedrock", "InvokeAgent", {"inputText": "U"}, [("user", ["U"])]),
        ("bedrock", "InvokeInlineAgent", {"instruction": "S", "inputText": "U"}, [("system", ["S"]), ("user", ["U"])]),
        ("bedrock", "Retrieve", {"retrievalQuery": {"text": "U"}}, [("user", ["U"])]),
        ("bedrock", "RetrieveAndGenerate", {"input": {"text": "U"}}, [("user", ["U"])]),
        ("bedrock", "ApplyGuardrail", {"content": [{"text": {"text": "U"}}]}, [("user", ["U"])]),
        ("qbusiness", "ChatSync", {"userMessage": "U"}, [("user", ["U"])]),
        ("sagemaker", "InvokeEndpoint", {"body": '{"inputs": "U"}'}, [("user", ["U"])]),
        ("sagemaker", "InvokeEndpoint", {"body": "U"}, [("user", ["U"])]),
        ("bedrock-agentcore", "InvokeAgentRuntime", {"payload": {"prompt": "U"}}, [("user", ["U"])]),
        ("bedrock", "InvokeAgent", {"inputText": "HIDDEN_DUE_TO_SECURITY_REASONS"}, []),
        ("bedrock", "Retrieve", {"retrievalQuery": {"text": "***"}}, []),
        ("bedrock", "UpdateAgent", {"instruction": "S"}, []),
    ],
)
def test_prompts(source: str, name: str, parameters: dict[str, Any], expected: list[tuple[str, list[str]]]) -> None:
    assert turns(parse(name, source, requestParameters=parameters).prompt_messages) == expected


@pytest.mark.parametrize(
    "elements",
    [{"completion": "A"}, {"output": {"text": "A"}}, {"systemMessage": "A"}, {"body": '[{"generated_text": "A"}]'}],
)
def test_responses(elements: dict[str, Any]) -> None:
    assert turns(parse("InvokeAgent", responseElements=elements).response_messages) == [("assistant", ["A"])]


def test_a_tool_called_through_a_gateway() -> None:
    event = SOURCE.parse(load("good_agentcore_gateway"))
    assert event.operation is Operation.EXECUTE_TOOL
    assert [reveal(call.name) for call in event.tool_calls or []] == ["crm___find_customer"]


def test_arguments_of_a_tool_are_the_prompt() -> None:
    event = SOURCE.parse(load("good_agentcore_gateway"))
    assert turns(event.prompt_messages) == [("user", ['{"email":"viktor.hansen@nordlys.dk","ssn":"536-90-4399"}'])]


def test_a_tool_s_result_is_the_response() -> None:
    result = {"content": [{"type": "text", "text": "A"}], "structuredContent": {"b": 1}}
    event = parse("InvokeGateway", "bedrock-agentcore", responseElements={"body": {"jsonrpc": "2.0", "result": result}})
    assert turns(event.response_messages) == [("assistant", ["A", '{"b":1}'])]


def test_what_aws_hid_of_a_tool_call_is_no_text() -> None:
    event = parse(
        "InvokeGateway",
        "bedrock-agentcore",
        requestParameters={
            "body": {"jsonrpc": "2.0", "method": "tools/call", "params": {"name": "t", "arguments": "REDACTED"}}
        },
        responseElements={"body": {"jsonrpc": "2.0", "result": {"content": "REDACTED"}}},
    )
    assert (event.prompt_messages, event.response_messages) == ([], [])


def test_events_of_other_services_keep_what_the_schema_has_no_field_for() -> None:
    fields = load("good_other_service")
    SOURCE.parse(fields)
    assert {"eventSource", "eventID", "requestParameters", "resources"} <= fields.keys()


@pytest.mark.parametrize("name", ["good_invoke_model", "good_control_plane", "good_qbusiness", "good_sagemaker"])
def test_ai_events_leave_only_what_says_more(name: str) -> None:
    fields = load(name)
    SOURCE.parse(fields)
    assert remainder(fields).keys() <= {"additionalEventData"}


@given(st.dictionaries(st.sampled_from([*load("good_qbusiness"), "errorCode", "resources", "extra"]), JSON))
def test_any_record_parses(fields: dict[str, Any]) -> None:
    SOURCE.parse(fields)


@given(st.sampled_from(NAMES), st.data())
def test_samples_with_a_retyped_field_parse(name: str, data: st.DataObject) -> None:
    fields = load(name)
    *parents, key = data.draw(st.sampled_from(paths(fields)))
    target: Any = fields
    for parent in parents:
        target = target[parent]
    target[key] = data.draw(JSON)
    SOURCE.parse(fields)


def test_what_a_guardrail_s_verdict_quotes_is_dropped() -> None:
    elements = {
        "action": "GUARDRAIL_INTERVENED",
        "outputs": [{"text": "A"}],
        "assessments": [{"wordPolicy": {"customWords": [{"match": "Bea Graf", "action": "BLOCKED"}]}}],
    }
    fields = {"eventName": "ApplyGuardrail", "eventSource": "bedrock.amazonaws.com", "responseElements": elements}
    assert turns(SOURCE.parse(fields).response_messages) == [("assistant", ["A"])]
    assert elements["assessments"] == [{"wordPolicy": {"customWords": [{"action": "BLOCKED"}]}}]


def test_a_tool_that_failed_inside_a_successful_call() -> None:
    event = SOURCE.parse(load("error_agentcore_gateway_tool"))
    assert (event.outcome_status, event.http_status) == (Outcome.FAILURE, 200)
    assert turns(event.prompt_messages) == [("user", ['{"email":"viktor.hansen@nordlys.dk"}'])]


@pytest.mark.parametrize("name", ["ConsoleLogin", "CheckMfa", "SwitchRole"])
@pytest.mark.parametrize(
    ("answer", "outcome"), [("Failure", Outcome.DENIED), ("Success", Outcome.SUCCESS), (None, Outcome.SUCCESS)]
)
def test_who_fails_to_sign_in_is_denied(name: str, answer: str | None, outcome: Outcome) -> None:
    elements = None if answer is None else {name: answer}
    event = SOURCE.parse(
        {
            "eventSource": "signin.amazonaws.com",
            "eventName": name,
            "userIdentity": {"type": "IAMUser", "userName": "anna"},
            "responseElements": elements,
            "eventID": "0a1b2c3d-0001-4e5f-8a6b-7c8d9e0f1a2b",
        }
    )
    assert event.outcome_status is outcome
    # There is no id of a request.
    assert reveal(event.request_id) == "0a1b2c3d-0001-4e5f-8a6b-7c8d9e0f1a2b"


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("ExpiredToken", Outcome.DENIED),
        ("ExpiredTokenException", Outcome.DENIED),
        ("UnrecognizedClient", Outcome.DENIED),
        ("UnrecognizedClientException", Outcome.DENIED),
        ("InvalidClientTokenId", Outcome.DENIED),
        ("Client.UnauthorizedOperation", Outcome.DENIED),
        ("SlowDown", Outcome.THROTTLED),
        ("ServiceQuotaExceededException", Outcome.THROTTLED),
        ("ValidationException", Outcome.FAILURE),
    ],
)
def test_outcomes_by_error_code(code: str, outcome: Outcome) -> None:
    for source in ("bedrock.amazonaws.com", "ec2.amazonaws.com"):
        fields: dict[str, Any] = {
            "eventSource": source,
            "eventName": "InvokeModel",
            "userIdentity": {},
            "errorCode": code,
        }
        assert SOURCE.parse(fields).outcome_status is outcome
