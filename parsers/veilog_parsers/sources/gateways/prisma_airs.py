"""Palo Alto Networks' Prisma AIRS, API intercept: results of scans, reports of scans, and its scan log.

A result has flags for each detector and side (``prompt_detected``, ``response_detected``), the verdict (``category``:
malicious or benign) and the action that the profile demands (block or allow). The API returns it as it is, or under
``result`` for an asynchronous scan. A report has a list of ``detection_results`` instead, one for each detection
service. The scan log, forwarded by Strata Logging Service over HTTPS, has the same facts in other names
(``FinalPromptVerdict``, ``AIIncidentSubtype``), and the user, application, model and agent.

Applications that log what they sent as well have the texts in ``contents`` and the user in ``metadata``. Masked texts
(``prompt_masked_data``) are read where the text itself is missing. Names and ids of profiles are the guardrail's.
``Latency`` of the scan log has no documented unit, and stays unmapped.

Read from pan.dev (Prisma AIRS scan API) and the log reference of Strata Logging Service as of 2026-11-26.
"""

from __future__ import annotations

from typing import Any, Final

from veilog_parsers.bodies.exchange import Exchange
from veilog_parsers.bodies.turns import Turn, add_completion_turn, add_prompt_content
from veilog_parsers.event import (
    Agent,
    AuditEvent,
    Guardrail,
    GuardrailAction,
    Kind,
    Mcp,
    Operation,
    Outcome,
    Role,
    Text,
    ThreatReporter,
)
from veilog_parsers.record.dropped import Why
from veilog_parsers.record.fields import (
    dicts,
    drop,
    drop_keys,
    drop_known,
    ignored_keys,
    open_json,
    paths,
    peek,
    pop_first,
    pop_identifier,
    pop_text,
)
from veilog_parsers.record.network import pop_address
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import pop_time
from veilog_parsers.source import Source, Stability
from veilog_parsers.sources.gateways.guards import Meaning, add_found, meaning_of

_SIDES: Final = ("prompt", "response", "tool")
_MALICIOUS: Final = "malicious"
_IGNORED_KEYS: Final = ignored_keys(
    """
    category completed_at created_at error:flag errors:list profile_id req_id:number status timeout:flag
    tool_detected:plain
    """
)
_IGNORED_SERVICE_KEYS: Final = ignored_keys("action data_type detection_service verdict")
_IGNORED_LOG_KEYS: Final = ignored_keys(
    """
    AISecurityPolicyID AISecurityProfileID AppId CompletedTS FinalPromptAction FinalPromptVerdict FinalResponseAction
    FinalResponseVerdict IsCode:flag IsPrompt:flag IsPromptAgentRequested:flag IsPromptDLPRequested:flag
    IsPromptMCRequested:flag IsPromptPIRequested:flag IsPromptTCRequested:flag IsPromptTGRequested:flag
    IsPromptURLFRequested:flag IsResponse:flag IsResponseAgentRequested:flag IsResponseCGRequested:flag
    IsResponseDBSRequested:flag IsResponseDLPRequested:flag IsResponseMCRequested:flag IsResponseTCRequested:flag
    IsResponseTGRequested:flag IsResponseURLFRequested:flag LogSource LogSourceGroupID LogSourceTimeZoneOffset LogType
    MaxLatencyHit:flag PlatformType ScanSUBRequestID ScanType SubType TextRecords:number TimeReceived
    """
)
_ACTIONS: Final = {
    "block": GuardrailAction.BLOCKED,
    "alert": GuardrailAction.FLAGGED,
    "allow": GuardrailAction.NONE,
}


def _is_result(fields: Fields) -> bool:
    result = fields.get("result")
    holder = result if type(result) is dict else fields
    return any(type(holder.get(f"{side}_detected")) is dict for side in _SIDES) or (
        "report_id" in fields
        and any("detection_service" in item for item in dicts(fields.get("detection_results"))[:1])
    )


def _is_log(fields: Fields) -> bool:
    return "ScanID" in fields and ("FinalPromptVerdict" in fields or "AISecurityProfileName" in fields)


def _pop_detectors(holder: Fields) -> list[str]:
    """The names of the detectors that found something: those whose flag is on, or whose verdict is malicious."""
    names: list[str] = []
    for side in _SIDES:
        flags: Any = holder.get(f"{side}_detected")
        if type(flags) is dict:
            # The flag of a detector that nobody knows stays.
            for name in [name for name, flag in flags.items() if type(flag) is bool]:
                if not flags[name]:
                    drop_known(flags, name)
                elif name in names:
                    drop_known(flags, name, Why.DUPLICATE)
                elif meaning_of(name) != Meaning():
                    del flags[name]
                    names.append(name)
    for service in dicts(holder.get("detection_results")):
        name = service.get("detection_service")
        if type(name) is str and service.get("verdict") == _MALICIOUS:
            names.append(name)
        drop_keys(service, _IGNORED_SERVICE_KEYS)
    return names


def _pop_action(fields: Fields, key: str, *, found: bool) -> GuardrailAction | None:
    """Pop what the profile demands. What was found and allowed was flagged."""
    word: Any = fields.get(key)
    action = _ACTIONS.get(word.lower()) if type(word) is str else None
    if action is not None and not (found and action is not GuardrailAction.BLOCKED):
        del fields[key]
        return action
    if action is not None:
        drop_known(fields, key, Why.DUPLICATE)
    return GuardrailAction.FLAGGED if found else None


def _read_texts(fields: Fields, holder: Fields, event: AuditEvent) -> None:
    exchange = Exchange()
    for content in dicts(fields.get("contents")):
        add_prompt_content(content, "context", Role.TOOL, exchange)
        for key in ("prompt", "code_prompt"):
            add_prompt_content(content, key, Role.USER, exchange)
        turn = Turn()
        for key in ("response", "code_response"):
            turn.add_content(content, key)
        add_completion_turn(turn, exchange)
    if not exchange.prompt:
        add_prompt_content(*_masked(holder, "prompt_masked_data"), Role.USER, exchange)
    if not exchange.response:
        turn = Turn()
        turn.add_content(*_masked(holder, "response_masked_data"))
        add_completion_turn(turn, exchange)
    status = event.outcome_status
    exchange.apply(event)
    event.outcome_status = status


def _masked(holder: Fields, key: str) -> tuple[Fields, str]:
    """Where a masked text is: in an object, with the places that were masked, or in its place."""
    masked = open_json(holder, key)
    return (masked, "data") if type(masked) is dict else (holder, key)


def _profile(fields: Fields, *names: str) -> Text | None:
    return pop_first(pop_identifier, fields, [(name,) for name in names])


def _parse_result(fields: Fields) -> AuditEvent:
    result = fields.get("result")
    holder = result if type(result) is dict else fields
    event = AuditEvent(
        kind=Kind.AI_ACCESS,
        operation=Operation.MODERATION,
        timestamp=pop_first(pop_time, holder, paths("completed_at created_at timestamp")),
        request_id=pop_identifier(holder, "scan_id") or pop_identifier(fields, "scan_id"),
        trace_id=pop_identifier(holder, "tr_id") or pop_identifier(holder, "transaction_id"),
        session_id=pop_identifier(holder, "session_id"),
        user_id=pop_identifier(fields, "metadata", "app_user"),
        client_ip=pop_address(fields, "metadata", "user_ip"),
        model_name=pop_identifier(fields, "metadata", "ai_model"),
    )
    name = pop_identifier(fields, "metadata", "app_name")
    event.endpoint = name
    event.guardrail = Guardrail(id=_profile(holder, "profile_name", "profile_id"))
    found = _pop_detectors(holder)
    action = _pop_action(holder, "action", found=bool(found))
    add_found(event, ThreatReporter.PRISMA_AIRS, found, action)
    if holder.get("timeout") is True or holder.get("error") is True:
        event.outcome_status = Outcome.FAILURE
    _read_texts(fields, holder, event)
    for each in {id(fields): fields, id(holder): holder}.values():
        drop(each, "report_id", "scan_id")
        drop_keys(each, _IGNORED_KEYS)
    return event


def _parse_log(fields: Fields) -> AuditEvent:
    event = AuditEvent(
        kind=Kind.AI_ACCESS,
        operation=Operation.MODERATION,
        timestamp=pop_first(pop_time, fields, paths("TimeGeneratedHighResolution TimeGenerated ScanStartTime")),
        tenant_id=pop_identifier(fields, "CortexDataLakeTenantId"),
        request_id=pop_identifier(fields, "ScanID"),
        user_id=pop_identifier(fields, "AIApplicationUserName"),
        endpoint=pop_identifier(fields, "AIApplicationName"),
        model_name=pop_identifier(fields, "AIModelName"),
        inference_region=pop_identifier(fields, "APIRegion"),
    )
    agent = Agent(id=pop_identifier(fields, "AgentID"), name=pop_identifier(fields, "AgentFramework"))
    event.agent = agent if agent != Agent() else None
    server = pop_identifier(fields, "MCPServer")
    event.mcp = Mcp(server=server) if server is not None else None
    event.guardrail = Guardrail(id=_profile(fields, "AISecurityProfileName", "AISecurityProfileID"))
    found: list[str] = []
    for key in ("AIIncidentSubtype", "AIIncidentType"):
        name = fields.get(key)
        if type(name) is str and meaning_of(name) != Meaning():
            found.append(name)
            del fields[key]
    verdicts = [fields.get(key) for key in ("FinalPromptVerdict", "FinalResponseVerdict")]
    malicious = any(type(verdict) is str and verdict.lower() == _MALICIOUS for verdict in verdicts)
    action = _pop_action(fields, "Action", found=malicious or bool(found))
    add_found(event, ThreatReporter.PRISMA_AIRS, found, action)
    drop(fields, "TimeGenerated", "ScanStartTime")
    drop_keys(fields, _IGNORED_LOG_KEYS)
    return event


def parse(fields: Fields) -> AuditEvent:
    """Read one result, one report, or one row of the scan log."""
    event = _parse_log(fields) if "ScanID" in fields else _parse_result(fields)
    event.user_agent = pop_text(fields, "UserAgent") if peek(fields, "UserAgent") else None
    return event


SOURCE: Final = Source(
    name="prisma_airs",
    summary="Prisma AIRS (Palo Alto Networks): results and reports of its scans, and its scan log.",
    stability=Stability.BETA,
    never_carries="Tokens; texts, unless the application logs them with the result, or they were masked.",
    references=(
        "https://pan.dev/prisma-airs/scan/api/",
        "https://docs.paloaltonetworks.com/strata-logging-service/log-reference/ai-security-logs/"
        "ai-security-airs-api-intercept-log",
    ),
    markers={
        **dict.fromkeys(("prompt_detected", "response_detected", "detection_results", "result"), _is_result),
        "ScanID": _is_log,
    },
    parse=parse,
)
