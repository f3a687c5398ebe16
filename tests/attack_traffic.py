"""Events of attacks among ordinary ones, each scenario labelled with the detections that must tell of it and of nobody else.

A scenario has callers, addresses, resources and credentials of its own, so whatever a detection names belongs to one
scenario. Times are relative to ``until``, the end of the last whole hour: attacks lie in the hour before it. The same
seed makes the same events.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Iterator
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


Build = Callable[[_Maker], list[Event]]
"""Makes the events of a scenario."""


def threat(family: str, severity: str = "medium") -> Event:
    return {"rule_id": f"{family.replace('_', '-')}-rule", "severity": severity, "maturity": "stable", "family": family}


def _injections(make: _Maker, count: int, every: float, *, shared: bool) -> list[Event]:
    band = make.key()
    return [
        event
        | {"threats": [threat("instruction_override")], "prompt_sketch": [make.key(), band if shared else make.key()]}
        for event in make.each(count, every)
    ]


def _varied(count: int, every: float, *, shared: bool) -> Build:
    return lambda make: _injections(make, count, every, shared=shared)


def _once(**fields: Any) -> Build:
    return lambda make: [make(MINUTE, **fields)]


def _calls(count: int, every: float, **fields: Any) -> Build:
    return lambda make: make.each(count, every, **fields)


def _crossing(count: int) -> Build:
    crossing = {"user_department": "sales", "resource_departments": ["legal"], "through": ["model"]}
    return _calls(count, 5 * MINUTE, cross_department=crossing)


def _more_than(usual: Event, tokens: int) -> Build:
    return lambda make: [*make.usual(**usual), *make.each(3, MINUTE, token_count=tokens)]


def _then(first: Event, second: Event, ago: float = 9 * MINUTE) -> Build:
    return lambda make: [make(ago, **first), make(2 * MINUTE, **second)]


def _after_history(usual: Event, **fields: Any) -> Build:
    return lambda make: [*make.usual(**usual), make(MINUTE, **fields)]


def _two_conversations(make: _Maker) -> list[Event]:
    first = make.each(40, 9, operation="execute_tool", conversation_id="c2")
    return [*first, *make.each(40, 9, operation="execute_tool", conversation_id="c3")]


def _credential(make: _Maker) -> Event:
    return {"credential": {"type": "long_term_key", "id_hash": f"hash-{make.name}"}}


def _looks_around(address: str | None) -> Build:
    """A key with a history asks what models there are, and calls one; from its own place if there is no address."""

    def build(make: _Maker) -> list[Event]:
        used = _credential(make)
        there = used | {"client_ip": address or make.address}
        looks = make.change(9 * MINUTE, "ListFoundationModels", **there)
        return [*make.usual(**used), looks, make(3 * MINUTE, **there)]

    return build


def _travels(make: _Maker) -> list[Event]:
    used = _credential(make)
    return [*make.usual(**used), make(3 * MINUTE, **({"client_ip": "203.0.113.78"} | used))]


_DENIED: Final = {"outcome_status": "denied"}
_BLOCKED: Final = {"guardrail": {"action": "blocked"}}
OWN: Final[dict[str, tuple[Build, set[str]]]] = {
    "varied_injection": (_varied(3, 10 * MINUTE, shared=True), {"repeated_varied_injection"}),
    "varied_injection_twice": (_varied(2, 10 * MINUTE, shared=True), set()),
    "varied_injection_slow": (_varied(5, 2 * HOUR, shared=True), set()),
    "many_injections": (_varied(6, MINUTE, shared=False), {"repeated_varied_injection_count"}),
    "five_injections": (_varied(5, MINUTE, shared=False), set()),
    "leak": (_once(leakage={"kinds": ["personal_data", "canary"]}), {"response_leakage"}),
    "leak_of_a_name": (_once(leakage={"kinds": ["personal_data"]}), set()),
    "pasted_key": (_once(data_categories=["pii", "credentials"]), {"credentials_in_prompts"}),
    "key_in_the_answer": (
        _once(data_categories=["credentials"], leakage={"kinds": ["credentials"]}),
        {"response_leakage"},
    ),
    "other_department": (_crossing(3), {"cross_department"}),
    "other_department_twice": (_crossing(2), set()),
    "tokens": (_more_than({}, 90_000), {"token_spike"}),
    "tokens_as_usual": (_more_than({"token_count": 900_000}, 90_000), set()),
    "tokens_below_the_floor": (_more_than({}, 60_000), set()),
    "cost": (_after_history({"cost_usd": 0.02}, cost_usd=28.5), {"cost_spike"}),
    "denied_then_allowed": (_then(_DENIED, {}), {"denied_then_allowed"}),
    "allowed_then_denied": (_then({}, _DENIED), set()),
    "denied_and_another_model": (_then(_DENIED, {"model_name": "gpt-4o-mini"}), set()),
    "denied_yesterday": (_then(_DENIED, {}, ago=DAY), set()),
    "at_night": (
        lambda make: [make.change(MINUTE, "CreateAgentAction", off_hours=True)],
        {"off_hours_control_plane"},
    ),
    "reads_at_night": (lambda make: [make.change(MINUTE, "ListAgents", off_hours=True)], set()),
    "new_model": (_after_history({}, model_name="o3"), {"new_model_by_user"}),
    "new_user": (_calls(3, MINUTE, model_name="o3"), set()),
    "new_agent": (_after_history({"agent": {"id": "helper"}}, agent={"id": "planner"}), {"new_agent_by_user"}),
    "weakened_then_violated": (
        lambda make: [make.change(40 * MINUTE, "UpdateGuardrail"), make(MINUTE, threats=[threat("jailbreak", "high")])],
        {"guardrail_weakened_then_violated", "threat_high_severity", "aws_guardrail_changed"},
    ),
    "violated_then_weakened": (
        lambda make: [make(50 * MINUTE, guardrail={"action": "flagged"}), make.change(MINUTE, "UpdateGuardrail")],
        {"aws_guardrail_changed"},
    ),
    "loop": (_calls(60, 9, operation="execute_tool", conversation_id="c1"), {"agent_loop"}),
    "two_conversations": (_two_conversations, set()),
    "stopped_again_and_again": (_calls(5, 2 * MINUTE, **_BLOCKED), {"upstream_guardrail_burst"}),
    "stopped_seldom": (_calls(5, 11 * MINUTE, **_BLOCKED), set()),
    "stolen_key": (_looks_around("203.0.113.77"), {"stolen_credential_new_place"}),
    "key_looks_around_at_home": (_looks_around(None), set()),
    "key_that_travels": (_travels, set()),
    "revoked": (lambda make: [make.change(MINUTE, "DeleteAccessKey")], {"key_revoked"}),
}
"""For each scenario around a detection of veilog's own, its events, and the detections that must fire."""


def _aws(operation: str, **fields: Any) -> Build:
    return lambda make: [make.change(MINUTE, operation, **fields)]


def _of(source: str, operation: str, **fields: Any) -> Build:
    return lambda make: [
        make(MINUTE, "ai_control_plane", source=source, api_operation=operation, outcome_status="success", **fields)
    ]


def _anthropic(operation: str, **fields: Any) -> Build:
    return _of("claude_compliance", operation, **fields)


def _openai(operation: str, **fields: Any) -> Build:
    return _of("openai_audit", operation, **fields)


def _bedrock(count: int, every: float, **fields: Any) -> Build:
    return lambda make: [make.bedrock(MINUTE + every * number, **fields) for number in reversed(range(count))]


def _blocked(count: int, *policies: str, every: float = 9 * MINUTE, **fields: Any) -> Build:
    return _bedrock(count, every, guardrail={"id": "gr1", "action": "blocked", "policies": list(policies)} | fields)


_TRAIL: Final[Event] = {"source": "aws_cloudtrail", "provider": "aws.bedrock", "api_operation": "InvokeModel"}
_KEY: Final[Event] = {"credential": {"type": "long_term_key", "id_hash": "hash-listed"}}
_LOGIN: Final[Event] = {"kind": "ai_control_plane", "source": "openai_audit"}
_AZURE: Final[Event] = {"source": "azure_monitor", "cloud": {"resource": "/azure/one"}}
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


PUBLISHED: Final[dict[str, Build]] = {
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
        10,
        30,
        **(_AZURE | {"cloud": {"resource": "/azure/two"}}),
        http_status=200,
        request_bytes=40,
        response_bytes=9_000,
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
    "bedrock_violations": {"bedrock_guardrail_intervened"},
    "bedrock_several_violations": {"bedrock_guardrail_intervened"},
    "bedrock_credentials": {"credentials_in_prompts"},
    "anthropic_admin_key_deleted": {"key_revoked"},
    "anthropic_service_key_revoked": {"key_revoked"},
    "openai_credential_stuffing": {"openai_login_failed"},
    "openai_brute_force": {"openai_login_failed", "openai_login_succeeded"},
    "bedrock_harmful_content": {"bedrock_guardrail_intervened", "bedrock_violations"},
    "bedrock_sensitive_blocks": {"bedrock_guardrail_intervened", "bedrock_violations"},
    "bedrock_topic_blocks": {"bedrock_guardrail_intervened", "bedrock_violations"},
    "bedrock_word_blocks": {"bedrock_guardrail_intervened", "bedrock_violations"},
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
    for number, (name, (build, fires)) in enumerate(OWN.items()):
        made.append(Scenario(name, build(_Maker(name, number, until, chance)), frozenset(fires)))
    for number, (name, build) in enumerate(PUBLISHED.items(), 100):
        fires = {name, *ALSO.get(name, ())}
        made.append(
            Scenario(f"published_{name}", build(_Maker(f"published_{name}", number, until, chance)), frozenset(fires))
        )
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
