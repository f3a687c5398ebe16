"""Events of attacks among ordinary ones, each scenario labelled with the detections that must tell of it and of nobody else.

A scenario has callers, addresses, resources and credentials of its own, so whatever a detection names belongs to one
scenario. Times are relative to ``until``, the end of the last whole hour: attacks lie in the hour before it. The same
seed makes the same events.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

Event = dict[str, Any]
MINUTE: Final = 60
HOUR: Final = 3600
DAY: Final = 86_400
SEED: Final = 20_261_127
ORDINARY_USERS: Final = 12
HISTORY_DAYS: Final = 12


@dataclasses.dataclass(frozen=True, slots=True)
class Scenario:
    """What somebody did.

    Attributes:
        name: of the scenario.
        events: in ``veilog/1``, in the order of their times.
        fires: the detections that must tell of it.
    """

    name: str
    events: list[Event]
    fires: frozenset[str]


class _Maker:
    """Makes the events of one scenario."""

    def __init__(self, name: str, number: int, until: datetime, chance: random.Random) -> None:
        self.name = name
        self.until = until
        self.chance = chance
        self.address = f"198.51.{number // 250}.{number % 250 + 1}"
        self.count = 0

    def __call__(self, ago: float, kind: str = "ai_access", **fields: Any) -> Event:
        """An event so many seconds before the end of the last whole hour."""
        self.count += 1
        when = self.until - timedelta(seconds=ago)
        common: Event = {
            "schema": "veilog/1",
            "event_id": f"{self.name}-{self.count:04d}",
            "timestamp": when.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "source": "litellm",
            "kind": kind,
            "user_id": f"{self.name}@example.com",
            "client_ip": self.address,
        }
        if kind == "ai_access":
            common |= {"operation": "chat", "model_name": "gpt-4o", "provider": "openai", "outcome_status": "success"}
        return {key: value for key, value in (common | fields).items() if value is not None}

    def change(self, ago: float, operation: str, **fields: Any) -> Event:
        """An operation of AWS's control plane."""
        aws = {"source": "aws_cloudtrail", "provider": "aws.bedrock", "outcome_status": "success"}
        return self(ago, "ai_control_plane", **(aws | {"api_operation": operation} | fields))

    def bedrock(self, ago: float, **fields: Any) -> Event:
        """A call of a model of Bedrock, from its log of invocations, under a guardrail."""
        return self(
            ago,
            **{
                "source": "aws_bedrock_invocation",
                "provider": "aws.bedrock",
                "api_operation": "Converse",
                "model_name": "anthropic.claude-sonnet",
                "guardrail": {"id": "gr1", "action": "none"},
            }
            | fields,
        )

    def each(self, count: int, every: float, **fields: Any) -> list[Event]:
        """Calls one after the other, the last one a minute before the end of the hour."""
        return [self(MINUTE + every * number, **fields) for number in reversed(range(count))]

    def usual(self, **fields: Any) -> list[Event]:
        """Calls of each of the days before, some a day."""
        times = [DAY * day + HOUR * hour for day in range(1, HISTORY_DAYS) for hour in (2, 3, 5)]
        made = []
        for ago in reversed(times):
            tokens = self.chance.randrange(500, 2_000)
            made.append(self(ago + self.chance.randrange(MINUTE * 50), **({"token_count": tokens} | fields)))
        return made

    def key(self) -> str:
        """A key of a sketch."""
        return f"{self.chance.getrandbits(24):06x}"


def threat(family: str, severity: str = "medium") -> Event:
    return {"rule_id": f"{family.replace('_', '-')}-rule", "severity": severity, "maturity": "stable", "family": family}


def _injections(make: _Maker, count: int, every: float, *, shared: bool) -> list[Event]:
    band = make.key()
    return [
        event | {"threats": [threat("instruction_override")], "prompt_sketch": [make.key(), band if shared else make.key()]}
        for event in make.each(count, every)
    ]


def _own(make: _Maker) -> tuple[list[Event], set[str]]:
    """Events of a scenario for a detection of veilog's own, and what must fire."""
    events: list[Event]
    credential = {"credential": {"type": "long_term_key", "id_hash": f"hash-{make.name}"}}
    match make.name:
        case "varied_injection":
            return _injections(make, 3, 10 * MINUTE, shared=True), {"repeated_varied_injection"}
        case "varied_injection_twice" | "varied_injection_slow":
            every = 10 * MINUTE if make.name.endswith("twice") else 2 * HOUR
            return _injections(make, 2 if make.name.endswith("twice") else 5, every, shared=True), set()
        case "many_injections":
            return _injections(make, 6, MINUTE, shared=False), {"repeated_varied_injection_count"}
        case "five_injections":
            return _injections(make, 5, MINUTE, shared=False), set()
        case "leak":
            return [make(MINUTE, leakage={"kinds": ["personal_data", "canary"]})], {"response_leakage"}
        case "leak_of_a_name":
            return [make(MINUTE, leakage={"kinds": ["personal_data"]})], set()
        case "pasted_key":
            return [make(MINUTE, data_categories=["pii", "credentials"])], {"credentials_in_prompts"}
        case "key_in_the_answer":
            event = make(MINUTE, data_categories=["credentials"], leakage={"kinds": ["credentials"]})
            return [event], {"response_leakage"}
        case "other_department" | "other_department_twice":
            crossing = {"user_department": "sales", "resource_departments": ["legal"], "through": ["model"]}
            count = 2 if make.name.endswith("twice") else 3
            return make.each(count, 5 * MINUTE, cross_department=crossing), {"cross_department"} if count == 3 else set()
        case "tokens":
            return [*make.usual(), *make.each(3, MINUTE, token_count=90_000)], {"token_spike"}
        case "tokens_as_usual":
            return [*make.usual(token_count=900_000), *make.each(3, MINUTE, token_count=90_000)], set()
        case "tokens_below_the_floor":
            return [*make.usual(), *make.each(3, MINUTE, token_count=60_000)], set()
        case "cost":
            return [*make.usual(cost_usd=0.02), *make.each(3, MINUTE, cost_usd=9.5)], {"cost_spike"}
        case "denied_then_allowed":
            return [make(9 * MINUTE, outcome_status="denied"), make(2 * MINUTE)], {"denied_then_allowed"}
        case "allowed_then_denied":
            return [make(9 * MINUTE), make(2 * MINUTE, outcome_status="denied")], set()
        case "denied_and_another_model":
            return [make(9 * MINUTE, outcome_status="denied"), make(2 * MINUTE, model_name="gpt-4o-mini")], set()
        case "denied_yesterday":
            return [make(DAY, outcome_status="denied"), make(2 * MINUTE)], set()
        case "at_night":
            return [make.change(MINUTE, "CreateAgentAction", off_hours=True)], {"off_hours_control_plane"}
        case "reads_at_night":
            return [make.change(MINUTE, "ListAgents", off_hours=True)], set()
        case "new_model":
            return [*make.usual(), make(MINUTE, model_name="o3")], {"new_model_by_user"}
        case "new_user":
            return make.each(3, MINUTE, model_name="o3"), set()
        case "new_agent":
            agent = {"id": "planner"}
            return [*make.usual(agent={"id": "helper"}), make(MINUTE, agent=agent)], {"new_agent_by_user"}
        case "weakened_then_violated":
            events = [make.change(40 * MINUTE, "UpdateGuardrail"), make(MINUTE, threats=[threat("jailbreak", "high")])]
            fires = {"guardrail_weakened_then_violated", "threat_high_severity", "aws_guardrail_changed"}
            return events, fires
        case "violated_then_weakened":
            events = [make(50 * MINUTE, guardrail={"action": "flagged"}), make.change(MINUTE, "UpdateGuardrail")]
            return events, {"aws_guardrail_changed"}
        case "loop":
            return make.each(60, 9, operation="execute_tool", conversation_id="c1"), {"agent_loop"}
        case "two_conversations":
            first = make.each(40, 9, operation="execute_tool", conversation_id="c2")
            return [*first, *make.each(40, 9, operation="execute_tool", conversation_id="c3")], set()
        case "stopped_again_and_again":
            return make.each(5, 2 * MINUTE, guardrail={"action": "blocked"}), {"upstream_guardrail_burst"}
        case "stopped_seldom":
            return make.each(5, 11 * MINUTE, guardrail={"action": "blocked"}), set()
        case "stolen_key":
            events = [*make.usual(**credential), make.change(9 * MINUTE, "ListFoundationModels", **credential)]
            elsewhere = {"client_ip": "203.0.113.77"} | credential
            events[-1] |= elsewhere
            return [*events, make(3 * MINUTE, **elsewhere)], {"stolen_credential_new_place"}
        case "key_that_travels":
            return [*make.usual(**credential), make(3 * MINUTE, **({"client_ip": "203.0.113.78"} | credential))], set()
        case "key_looks_around_at_home":
            events = [*make.usual(**credential), make.change(9 * MINUTE, "ListFoundationModels", **credential)]
            return events, set()
        case "revoked":
            return [make.change(MINUTE, "DeleteAccessKey")], {"key_revoked"}
    raise ValueError(make.name)


OWN: Final = (
    "varied_injection",
    "varied_injection_twice",
    "varied_injection_slow",
    "many_injections",
    "five_injections",
    "leak",
    "leak_of_a_name",
    "pasted_key",
    "key_in_the_answer",
    "other_department",
    "other_department_twice",
    "tokens",
    "tokens_as_usual",
    "tokens_below_the_floor",
    "cost",
    "denied_then_allowed",
    "allowed_then_denied",
    "denied_and_another_model",
    "denied_yesterday",
    "at_night",
    "reads_at_night",
    "new_model",
    "new_user",
    "new_agent",
    "weakened_then_violated",
    "violated_then_weakened",
    "loop",
    "two_conversations",
    "stopped_again_and_again",
    "stopped_seldom",
    "stolen_key",
    "key_that_travels",
    "key_looks_around_at_home",
    "revoked",
)


def _aws(operation: str, **fields: Any) -> Any:
    return lambda make: [make.change(MINUTE, operation, **fields)]


def _of(source: str, operation: str, **fields: Any) -> Any:
    return lambda make: [
        make(MINUTE, "ai_control_plane", source=source, api_operation=operation, outcome_status="success", **fields)
    ]


def _anthropic(operation: str, **fields: Any) -> Any:
    return _of("claude_compliance", operation, **fields)


def _openai(operation: str, **fields: Any) -> Any:
    return _of("openai_audit", operation, **fields)


def _bedrock(count: int, every: float, **fields: Any) -> Any:
    return lambda make: [make.bedrock(MINUTE + every * number, **fields) for number in reversed(range(count))]


def _blocked(count: int, *policies: str, every: float = 9 * MINUTE, **fields: Any) -> Any:
    return _bedrock(count, every, guardrail={"id": "gr1", "action": "blocked", "policies": list(policies)} | fields)


def _calls(count: int, every: float, **fields: Any) -> Any:
    return lambda make: make.each(count, every, **fields)


_TRAIL: Final = {"source": "aws_cloudtrail", "provider": "aws.bedrock", "api_operation": "InvokeModel"}
_KEY: Final = {"credential": {"type": "long_term_key", "id_hash": "hash-listed"}}
_LOGIN: Final = {"kind": "ai_control_plane", "source": "openai_audit"}
_AZURE: Final = {"source": "azure_monitor", "cloud": {"resource": "/azure/one"}}
_PATHS: Final = ("/api/ps", "/api/version", "/api/embed", "/v1/models", "/v1/embeddings", "/v1/completions")


def _listed_then_called(make: _Maker) -> list[Event]:
    return [make.change(9 * MINUTE, "ListFoundationModels", **_KEY), make(MINUTE, **(_TRAIL | _KEY))]


def _failures(make: _Maker) -> list[Event]:
    made = make.each(5, MINUTE, **_LOGIN, api_operation="login.failed", outcome_status="denied", model_name=None)
    return [event | {"client_ip": f"203.0.113.{number}"} for number, event in enumerate(made)]


def _logins(make: _Maker) -> list[Event]:
    return [
        make(9 * MINUTE, **_LOGIN, api_operation="login.failed", outcome_status="denied"),
        make(MINUTE, **_LOGIN, api_operation="login.succeeded", outcome_status="success"),
    ]


def _scan(make: _Maker) -> list[Event]:
    return [make(MINUTE * number, source="ollama", endpoint=path) for number, path in enumerate(_PATHS, 1)]


def _plugin(make: _Maker) -> list[Event]:
    about = {"source": "m365_copilot", "api_operation": "UpdatePlugin", "outcome_status": "success"}
    return [
        make(ago, "ai_control_plane", **about, change={"target": "plugin-1", "enabled": enabled})
        for ago, enabled in ((9 * MINUTE, False), (MINUTE, True))
    ]


PUBLISHED: Final[dict[str, Any]] = {
    "aws_guardrail_changed": _aws("DeleteEnforcedGuardrailConfiguration"),
    "aws_reasoning_policy_changed": _aws("DeleteAutomatedReasoningPolicy"),
    "aws_invocation_logging_changed": _aws("PutModelInvocationLoggingConfiguration"),
    "aws_api_key_destroys": _aws("DeleteImportedModel", outcome_status="denied", credential={"type": "bearer"}),
    "aws_knowledge_base_changed": _aws("StartIngestionJob"),
    "aws_throughput_changed": _aws("CreateProvisionedModelThroughput"),
    "aws_agent_created_by_person": _aws("CreateAgent", user_id="arn:aws:iam::123456789012:user/eve"),
    "aws_agent_changed": _aws("UpdateAgentActionGroup"),
    "aws_model_access_denied": _aws("PutUseCaseForModelAccess", outcome_status="denied"),
    "aws_model_access_granted": _aws("PutFoundationModelEntitlement"),
    "aws_resource_policy_denied": _aws("PutResourcePolicy", outcome_status="denied"),
    "aws_resource_policy_changed": _aws("DeleteResourcePolicy"),
    "aws_agent_knowledge_base_changed": _aws("AssociateAgentKnowledgeBase"),
    "aws_model_imported": _aws("CreateModelImportJob"),
    "aws_agent_role_elsewhere": lambda make: [
        make(
            MINUTE,
            "other",
            source="aws_cloudtrail",
            user_type="role",
            outcome_status="success",
            user_id="arn:aws:sts::123456789012:assumed-role/AmazonBedrockAgentCoreRuntime/s1",
            endpoint="s3.eu-central-1.amazonaws.com",
        )
    ],
    "aws_api_key_user_elsewhere": lambda make: [
        make(MINUTE, "other", source="aws_cloudtrail", user_name="BedrockAPIKey-x7k2", api_operation="ListBuckets")
    ],
    "aws_api_key_user_gets_credentials": _aws("CreateAccessKey", change={"target": "BedrockAPIKey-x7k2"}),
    "aws_models_listed_then_called": _listed_then_called,
    "aws_model_probed": _calls(60, 5, **_TRAIL),
    "aws_models_not_listed": lambda make: [
        make.change(MINUTE + 20 * number, "ListFoundationModels", outcome_status="denied") for number in range(9)
    ],
    "aws_model_call_denied": _calls(5, 20, **(_TRAIL | {"outcome_status": "denied"})),
    "bedrock_no_guardrail": _bedrock(6, 30, guardrail=None),
    "bedrock_violations": _blocked(2),
    "bedrock_guardrail_intervened": _blocked(1),
    "bedrock_several_violations": _blocked(1, "topic", "word"),
    "bedrock_harmful_content": _blocked(6, "content", confidence="high"),
    "bedrock_sensitive_blocks": _blocked(6, "sensitive_info"),
    "bedrock_topic_blocks": _blocked(6, "topic"),
    "bedrock_word_blocks": _blocked(6, "word"),
    "bedrock_models_denied": _bedrock(4, 9 * MINUTE, outcome_status="denied"),
    "bedrock_validation_errors": _bedrock(4, MINUTE, outcome_status="failure", error_code="ValidationException"),
    "bedrock_high_consumption": _bedrock(1, 0, api_operation="ConverseStream", output_tokens=9_000),
    "bedrock_abnormal_tokens": _bedrock(1, 0, token_count=1_500, output_tokens=0),
    "bedrock_slow_call": _bedrock(1, 0, latency_ms=75_000),
    "bedrock_credentials": _bedrock(1, 0, source="aws_agentcore", data_categories=["credentials"]),
    "bedrock_sensitive_prompt": _bedrock(1, 0, data_categories=["phi"]),
    "bedrock_risky_tool": _bedrock(1, 0, tool_calls=[{"name": "search"}, {"name": "bash"}]),
    "bedrock_cross_region": _bedrock(1, 0, inference_region="us-west-2"),
    "azure_large_requests": _calls(
        50, 10, **_AZURE, api_operation="ChatCompletions_Create", http_status=200, request_bytes=9_000
    ),
    "azure_long_answers_to_nothing": _calls(
        10, 30, **(_AZURE | {"cloud": {"resource": "/azure/two"}}), http_status=200, request_bytes=40, response_bytes=9_000
    ),
    "azure_model_theft": _calls(
        2, 30, **(_AZURE | {"cloud": {"resource": "/azure/three"}}), api_operation="Models_List", response_bytes=90_000
    ),
    "anthropic_admin_key_created": _anthropic("admin_api_key_created"),
    "anthropic_admin_key_deleted": _anthropic("admin_api_key_deleted"),
    "anthropic_artifact_public": _anthropic("claude_artifact_sharing_updated", change={"scopes": ["public"]}),
    "anthropic_integration_connected": _anthropic("integration_user_connected"),
    "anthropic_ip_restriction_deleted": _anthropic("org_ip_restriction_deleted"),
    "anthropic_mcp_server_created": _anthropic("mcp_server_created"),
    "anthropic_mcp_server_deleted": _anthropic("mcp_server_deleted"),
    "anthropic_settings_updated": _anthropic("claude_organization_settings_updated"),
    "anthropic_user_deleted": _anthropic("org_user_deleted"),
    "anthropic_owner_transferred": _anthropic("primary_owner_transferred"),
    "anthropic_role_granted": _anthropic("role_assignment_granted"),
    "anthropic_service_key_created": _anthropic("service_key_created"),
    "anthropic_service_key_revoked": _anthropic("service_key_revoked"),
    "anthropic_spend_limit_deleted": _anthropic("platform_spend_limit_deleted"),
    "anthropic_sso_disabled": _anthropic("org_sso_toggled", change={"setting": "org_sso", "enabled": False}),
    "anthropic_sso_login_failed": _anthropic("sso_login_failed"),
    "anthropic_chats_denied": _calls(
        50, 8, source="claude_compliance", api_operation="claude_chat_access_failed", outcome_status="denied"
    ),
    "openai_admin_role": _openai("role.assignment.created", change={"roles": ["api-organization-owner"]}),
    "openai_powerful_key": _openai("api_key.updated", change={"scopes": ["models:read", "api_keys:write"]}),
    "openai_ip_allowlist_changed": _openai("ip_allowlist.config.deactivated"),
    "openai_scim_changed": _openai("scim.disabled"),
    "openai_login_failed": _openai("login.failed"),
    "openai_login_succeeded": _openai("login.succeeded"),
    "openai_credential_stuffing": _failures,
    "openai_brute_force": _logins,
    "copilot_external_address": _calls(1, 0, source="m365_copilot"),
    "copilot_uploads_disabled": _of(
        "m365_copilot", "UpdateTenantSettings", change={"setting": "FileUpload", "enabled": False}
    ),
    "copilot_jailbreak": _calls(
        1,
        0,
        source="m365_copilot",
        client_ip="10.0.0.9",
        upstream_threats=[{"reporter": "m365_copilot", "type": "jailbreak"}],
    ),
    "copilot_plugin_enabled_again": _plugin,
    "copilot_plugin_tampering": lambda make: [
        make(MINUTE * number, "ai_control_plane", source="m365_copilot", api_operation="CreatePlugin")
        for number in range(1, 6)
    ],
    "ollama_many_requests": _calls(120, 2, source="ollama", endpoint="/api/ps"),
    "ollama_scan": _scan,
    "ollama_model_exfiltration": _calls(5, 60, source="ollama", endpoint="/api/show"),
    "ollama_slow_prompts": _calls(10, 30, source="ollama", endpoint="/api/chat", latency_ms=45_000),
}
"""For each detection that others publish too, events that must fire it."""
ALSO: Final[dict[str, set[str]]] = {
    "aws_guardrail_changed": set(),
    "aws_api_key_destroys": set(),
    "aws_api_key_user_gets_credentials": set(),
    "bedrock_violations": {"bedrock_guardrail_intervened"},
    "bedrock_several_violations": {"bedrock_guardrail_intervened"},
    "bedrock_credentials": {"credentials_in_prompts"},
    "anthropic_admin_key_deleted": {"key_revoked"},
    "anthropic_service_key_revoked": {"key_revoked"},
    "openai_credential_stuffing": {"openai_login_failed"},
    "openai_brute_force": {"openai_login_failed", "openai_login_succeeded"},
    **dict.fromkeys(
        ("bedrock_harmful_content", "bedrock_sensitive_blocks", "bedrock_topic_blocks", "bedrock_word_blocks"),
        {"bedrock_guardrail_intervened", "bedrock_violations"},
    ),
}
"""What else such events fire, rightly."""


def _ordinary(make: _Maker) -> list[Event]:
    """The days of somebody who works with two models, is denied one now and then, and never in a way that tells."""
    bands = [make.key() for _ in range(4)]
    made = make.usual(prompt_sketch=[bands[0], make.key()], guardrail={"id": "gr1", "action": "none"})
    for event in made[::3]:
        event["model_name"] = "gpt-4o-mini"
    made[4]["outcome_status"] = "denied"
    made[4]["model_name"] = "o3-pro"
    made[7] |= {"guardrail": {"id": "gr1", "action": "blocked"}}
    made[9] |= {"threats": [threat("instruction_override", "low")], "prompt_sketch": bands[:2]}
    return [*made, *make.each(4, 12 * MINUTE, token_count=1_200, prompt_sketch=[bands[1], make.key()])]


def scenarios(until: datetime, seed: int = SEED) -> list[Scenario]:
    """All scenarios, those of ordinary users last."""
    chance = random.Random(seed)
    made = []
    for number, name in enumerate(OWN):
        events, fires = _own(_Maker(name, number, until, chance))
        made.append(Scenario(name, events, frozenset(fires)))
    for number, (name, build) in enumerate(PUBLISHED.items(), 100):
        fires = {name, *ALSO.get(name, ())}
        made.append(Scenario(f"published_{name}", build(_Maker(f"published_{name}", number, until, chance)), frozenset(fires)))
    for number in range(ORDINARY_USERS):
        name = f"ordinary_{number}"
        made.append(Scenario(name, _ordinary(_Maker(name, 300 + number, until, chance)), frozenset()))
    return made


def last_hour() -> datetime:
    """The end of the last whole hour: rules with a history ask what time it is."""
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


def wanted(made: list[Scenario]) -> dict[str, set[str]]:
    """By detection, the scenarios that it must tell of."""
    found: dict[str, set[str]] = {}
    for scenario in made:
        for detection in scenario.fires:
            found.setdefault(detection, set()).add(scenario.name)
    return found


def owners(made: list[Scenario]) -> Iterator[tuple[str, str]]:
    """Everything that a detection may name, and the scenario that it belongs to."""
    for scenario in made:
        for event in scenario.events:
            yield event["event_id"], scenario.name
            yield event["user_id"], scenario.name
            yield event["client_ip"], scenario.name
            for place, part in (("credential", "id_hash"), ("cloud", "resource"), ("change", "target")):
                if part in event.get(place, {}):
                    yield event[place][part], scenario.name
