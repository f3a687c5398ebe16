"""Google Cloud Audit Logs: which calls use a model, who called, gRPC's codes, and models in names of resources."""

from __future__ import annotations

from typing import Any

import pytest

from parsed import load, reveal, turns
from veilog_parsers.event import AuditEvent, CredentialType, Kind, Operation, Outcome, UserType
from veilog_parsers.record.fields import remainder
from veilog_parsers.sources.google.gcp_audit import SOURCE

PREDICTION = "google.cloud.aiplatform.v1.PredictionService."


def parse(method: str = PREDICTION + "GenerateContent", service: str = "aiplatform", **payload: Any) -> AuditEvent:
    fields = {"protoPayload": {"methodName": method, "serviceName": f"{service}.googleapis.com"} | payload}
    return SOURCE.parse(fields)


@pytest.mark.parametrize(
    ("service", "method", "kind", "operation"),
    [
        ("aiplatform", PREDICTION + "GenerateContent", Kind.AI_ACCESS, Operation.GENERATE_CONTENT),
        ("aiplatform", "google.cloud.aiplatform.internal.PredictionService.CountTokens", Kind.AI_ACCESS, None),
        ("aiplatform", PREDICTION + "StreamRawPredict", Kind.AI_ACCESS, None),
        ("aiplatform", "google.cloud.aiplatform.v1beta1.LlmBidiService.BidiGenerateContent", Kind.AI_ACCESS, Operation.GENERATE_CONTENT),
        ("generativelanguage", "google.ai.generativelanguage.v1.GenerativeService.EmbedContent", Kind.AI_ACCESS, Operation.EMBEDDINGS),
        ("aiplatform", "google.cloud.aiplatform.v1.ModelService.DeleteModel", Kind.AI_CONTROL_PLANE, None),
        ("storage", "storage.objects.get", Kind.OTHER, None),
        ("storage", "Predict", Kind.OTHER, None),
    ],
)  # fmt: skip
def test_kind_and_operation(service: str, method: str, kind: Kind, operation: Operation | None) -> None:
    event = parse(method, service)
    assert (event.kind, event.operation) == (kind, operation)


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        ({"principalEmail": "a@b.de", "principalSubject": "user:a@b.de"}, ("a@b.de", UserType.USER)),
        ({"principalEmail": "x@p.iam.gserviceaccount.com"}, ("x@p.iam.gserviceaccount.com", UserType.SERVICE)),
        ({"principalSubject": "serviceAccount:x"}, ("serviceAccount:x", UserType.SERVICE)),
        ({"principalSubject": "principal://iam/pool/subject/7"}, ("principal://iam/pool/subject/7", UserType.USER)),
        ({"principalEmail": "system:anonymous"}, ("system:anonymous", UserType.ANONYMOUS)),
        ({}, (None, None)),
        (["a@b.de"], (None, None)),
    ],
)
def test_who(who: Any, expected: tuple[str | None, UserType | None]) -> None:
    event = parse(authenticationInfo=who)
    assert (reveal(event.user_id), event.user_type) == expected


@pytest.mark.parametrize("key", ["callerIp", "callerIP"])
@pytest.mark.parametrize(
    ("address", "expected"),
    [("203.0.113.7", "203.0.113.7"), ("private", None), ("gce-internal-ip", None), ("2001:db8::1", "2001:db8::1")],
)
def test_addresses(key: str, address: str, expected: str | None) -> None:
    assert reveal(parse(requestMetadata={key: address}).client_ip) == expected


@pytest.mark.parametrize(
    ("status", "outcome", "code"),
    [
        (None, Outcome.SUCCESS, None),
        ({}, Outcome.SUCCESS, None),
        ({"message": "OK"}, Outcome.SUCCESS, None),
        ({"code": 0}, Outcome.SUCCESS, None),
        ({"code": 7}, Outcome.DENIED, "PERMISSION_DENIED"),
        ({"code": 16}, Outcome.DENIED, "UNAUTHENTICATED"),
        ({"code": 8}, Outcome.THROTTLED, "RESOURCE_EXHAUSTED"),
        ({"code": 10}, Outcome.FAILURE, "ABORTED"),
        ({"code": 99}, Outcome.FAILURE, None),
        ({"code": True}, Outcome.FAILURE, None),
    ],
)
def test_outcomes(status: Any, outcome: Outcome, code: str | None) -> None:
    event = parse(status=status)
    assert (event.outcome_status, event.error_code) == (outcome, code)


@pytest.mark.parametrize(
    ("payload", "model", "project", "region"),
    [
        ({"resourceName": "projects/p/locations/r/publishers/google/models/gemini-2.5-pro"}, "gemini-2.5-pro", "p", "r"),
        ({"resourceName": "projects/p/locations/r/publishers/anthropic/models/claude@20250101"}, "claude@20250101", "p", "r"),
        ({"resourceName": "projects/p/locations/r/endpoints/5512"}, "5512", "p", "r"),
        ({"resourceName": "models/gemini-2.5-flash"}, "gemini-2.5-flash", None, None),
        ({"request": {"endpoint": "projects/p/locations/r/publishers/google/models/m"}}, "m", "p", "r"),
        ({"request": {"setup": {"model": "projects/p/locations/r/publishers/google/models/m"}}}, "m", "p", "r"),
        ({"resourceName": "projects/p/locations/r/reasoningEngines/9"}, None, "p", "r"),
        ({"resourceName": 7, "request": "x"}, None, None, None),
    ],
)  # fmt: skip
def test_what_was_called(payload: Any, model: str | None, project: str | None, region: str | None) -> None:
    event = parse(**payload)
    assert event.cloud is not None
    assert (reveal(event.model_name), reveal(event.tenant_id), reveal(event.cloud.region)) == (model, project, region)


def test_both_entries_of_a_live_session_have_its_id() -> None:
    event = SOURCE.parse(load("gcp_audit", "good_live_session"))
    assert reveal(event.conversation_id) == "7120338846150929431"


def test_contents_that_an_export_has_are_texts() -> None:
    event = SOURCE.parse(load("gcp_audit", "good_gemini_api"))
    assert turns(event.prompt_messages) == [("user", ["Write to karl.lang@posteo.de."])]


@pytest.mark.parametrize("time", ["2024-02-02 09:44:26.029835000", "2024-02-02T09:44:26.029835Z"])
def test_times(time: str) -> None:
    assert SOURCE.parse({"protoPayload": {"methodName": "m"}, "timestamp": time}).timestamp == (
        "2024-02-02T09:44:26.029835Z"
    )


def test_what_a_call_creates_is_kept() -> None:
    fields = load("gcp_audit", "oversized")
    SOURCE.parse(fields)
    assert fields["protoPayload"]["request"]["endpoint"] == {"description": "d"}


def test_nothing_is_left_of_a_plain_call_and_all_of_another_service_s() -> None:
    fields = load("gcp_audit", "good_generate_content")
    SOURCE.parse(fields)
    assert not remainder(fields)
    fields = load("gcp_audit", "good_other_service")
    SOURCE.parse(fields)
    assert {"serviceName", "authorizationInfo"} <= fields["protoPayload"].keys()


@pytest.mark.parametrize("payload", [None, "x", {}, {"methodName": 7}])
def test_other_records_are_not_recognized(payload: Any) -> None:
    assert not SOURCE.markers["protoPayload"]({"protoPayload": payload})


@pytest.mark.parametrize(
    ("service", "method", "kind", "operation"),
    [
        ("discoveryengine", "AssistantService.StreamAssist", Kind.AI_ACCESS, Operation.CHAT),
        ("discoveryengine", "ConversationalSearchService.AnswerQuery", Kind.AI_ACCESS, Operation.CHAT),
        ("discoveryengine", "SearchService.Search", Kind.AI_ACCESS, Operation.RETRIEVAL),
        ("discoveryengine", "EngineService.CreateEngine", Kind.AI_CONTROL_PLANE, None),
        ("dialogflow", "Sessions.DetectIntent", Kind.AI_ACCESS, Operation.CHAT),
        ("dialogflow", "Agents.CreateAgent", Kind.AI_CONTROL_PLANE, Operation.CREATE_AGENT),
        ("cloudaicompanion", "CloudAiCompanion.CompleteTask", Kind.AI_ACCESS, Operation.CHAT),
        ("cloudaicompanion", "CloudAiCompanion.CompleteCode", Kind.AI_ACCESS, Operation.TEXT_COMPLETION),
        ("cloudaicompanion", "CloudAICompanion.CreateLoggingSetting", Kind.AI_CONTROL_PLANE, None),
        ("geminidataanalytics", "DataChatService.Chat", Kind.AI_ACCESS, Operation.CHAT),
        ("geminidataanalytics", "DataAgentService.CreateDataAgent", Kind.AI_CONTROL_PLANE, Operation.CREATE_AGENT),
        ("modelarmor", "ModelArmor.SanitizeModelResponse", Kind.AI_ACCESS, Operation.MODERATION),
        ("modelarmor", "ModelArmor.DeleteTemplate", Kind.AI_CONTROL_PLANE, None),
    ],
)
def test_kinds_of_the_other_services(service: str, method: str, kind: Kind, operation: Operation | None) -> None:
    event = parse(f"google.cloud.{service}.v1.{method}", service)
    assert (event.kind, event.operation) == (kind, operation)


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        ({"principalEmail": "a@b.de", "serviceAccountKeyName": "//iam/keys/k1"}, (CredentialType.SERVICE_ACCOUNT, "//iam/keys/k1")),
        ({"principalEmail": "a@b.de", "oauthInfo": {"oauthClientId": "c7"}}, (CredentialType.OAUTH, "c7")),
        ({"principalSubject": "principal://iam.googleapis.com/pool/subject/7"}, (CredentialType.FEDERATED, None)),
        ({"principalEmail": "a@b.de"}, None),
    ],
)  # fmt: skip
def test_credentials(who: dict[str, Any], expected: tuple[CredentialType, str | None] | None) -> None:
    credential = parse(authenticationInfo=who).credential
    assert (None if credential is None else (credential.type, reveal(credential.id_hash))) == expected


def test_who_impersonates_a_service_account_is_named() -> None:
    event = SOURCE.parse(load("gcp_audit", "good_impersonation"))
    assert reveal(event.user_id) == "claims-bot@claims-prod-118.iam.gserviceaccount.com"
    assert reveal(event.user_name) == "petra.kuhn@assekuranz-sued.de"


def test_a_permission_that_was_not_granted_stays_and_the_call_was_denied() -> None:
    permission = {"permission": "aiplatform.endpoints.predict", "granted": False}
    fields = {"protoPayload": {"serviceName": "aiplatform.googleapis.com", "authorizationInfo": [permission]}}
    assert SOURCE.parse(fields).outcome_status is Outcome.DENIED
    assert remainder(fields) == {"protoPayload": {"authorizationInfo": [permission]}}


@pytest.mark.parametrize(
    ("method", "service", "setting", "enabled"),
    [
        ("ModelArmor.DeleteTemplate", "modelarmor", "guardrail", False),
        ("ModelArmor.UpdateFloorSetting", "modelarmor", "guardrail", None),
        ("CloudAICompanion.DeleteLoggingSetting", "cloudaicompanion", "prompt_logging", False),
        ("EndpointService.DeployModel", "aiplatform", "deployment", True),
        ("EndpointService.CreateEndpoint", "aiplatform", None, True),
    ],
)
def test_what_the_control_plane_changed(method: str, service: str, setting: str | None, enabled: bool | None) -> None:
    change = parse(f"google.cloud.{service}.v1.{method}", service, resourceName="projects/p/x/y").change
    assert change is not None
    assert (change.setting, change.enabled, reveal(change.target)) == (setting, enabled, "projects/p/x/y")


def test_who_only_reads_changes_nothing() -> None:
    assert parse("google.cloud.modelarmor.v1.ModelArmor.ListTemplates", "modelarmor").change is None


@pytest.mark.parametrize("enabled", [True, False])
def test_the_log_of_requests_and_responses_may_be_turned_off(enabled: bool) -> None:
    request = {"publisherModelConfig": {"loggingConfig": {"enabled": enabled}}}
    change = parse("google.cloud.aiplatform.v1.EndpointService.SetPublisherModelConfig", request=request).change
    assert change is not None
    assert (change.setting, change.enabled) == ("model_invocation_logging", enabled)


def deltas(*changes: tuple[str, str, str]) -> dict[str, Any]:
    found = [{"action": action, "role": role, "member": member} for action, role, member in changes]
    return {"serviceData": {"policyDelta": {"bindingDeltas": found}}}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([("ADD", "roles/aiplatform.admin", "user:a@b.de")], (["roles/aiplatform.admin"], "user:a@b.de", True)),
        ([("REMOVE", "roles/modelarmor.admin", "user:a@b.de")], (["roles/modelarmor.admin"], "user:a@b.de", False)),
        (
            [("REMOVE", "roles/viewer", "user:a@b.de"), ("ADD", "roles/aiplatform.user", "allUsers")],
            (["roles/aiplatform.user"], "allUsers", True),
        ),
    ],
)
def test_roles_of_ai_services_are_changes_of_theirs(changes: list[tuple[str, str, str]], expected: Any) -> None:
    event = parse("SetIamPolicy", "cloudresourcemanager", **deltas(*changes))
    assert event.kind is Kind.AI_CONTROL_PLANE
    assert event.change is not None
    roles = [reveal(role) for role in event.change.roles or ()]
    assert (roles, reveal(event.change.target), event.change.enabled) == expected


@pytest.mark.parametrize("service", ["cloudresourcemanager", "storage"])
def test_other_roles_are_not_ours(service: str) -> None:
    assert parse("SetIamPolicy", service, **deltas(("ADD", "roles/owner", "user:a@b.de"))).kind is Kind.OTHER


def test_agent_session_and_store_are_in_the_name_of_the_resource() -> None:
    event = SOURCE.parse(load("gcp_audit", "good_dialogflow"))
    assert event.agent is not None
    assert reveal(event.agent.id) == "0f4d3c2b-1a09-4f8e-9d7c-6b5a49382716"
    assert reveal(event.conversation_id) == "dfMessenger-7712"
    assert reveal(SOURCE.parse(load("gcp_audit", "good_search")).knowledge_base_id) == "policies-2026"
