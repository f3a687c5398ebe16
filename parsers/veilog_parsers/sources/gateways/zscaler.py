"""Zscaler: results of AI Guard, and web logs of requests to AI applications.

AI Guard tells for a text and its direction (``IN`` a prompt, ``OUT`` a response) what to do (``ALLOW``, ``DETECT``,
``BLOCK``) and which of its detectors were triggered. The text is not in the result, but a masked one may be, and
applications log the ``content`` that they sent beside it.

The web log of Internet Access (Nanolog Streaming Service, JSON feed) has a record for each request. Only requests to
categories of AI applications are read; all others are no AI logs. A record has the user, addresses, the URL, the
application, sizes, the action and what data-loss prevention found. There are no prompts. Missing values are ``None`` in
a string. The feed's format can be changed: these are the names of Zscaler's default.

Read from Zscaler's SDK and the feed format in its Terraform provider as of 2026-11-26.
"""

from __future__ import annotations

import re
from typing import Any, Final

from veilog_parsers.bodies.exchange import Exchange
from veilog_parsers.bodies.turns import Turn, add_completion_turn, add_prompt_content
from veilog_parsers.event import (
    AuditEvent,
    Confidence,
    Guardrail,
    GuardrailAction,
    Kind,
    Operation,
    Outcome,
    Role,
    SensitiveText,
    ThreatReporter,
    UserType,
)
from veilog_parsers.record.dropped import Why, note_dropped
from veilog_parsers.record.fields import (
    drop,
    drop_keys,
    drop_known,
    ignored_keys,
    paths,
    pop_count,
    pop_first,
    pop_identifier,
    pop_text,
    pop_word,
)
from veilog_parsers.record.network import pop_address, pop_endpoint
from veilog_parsers.record.outcomes import outcome_of_status, pop_http_status
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import pop_time
from veilog_parsers.source import Source, Stability
from veilog_parsers.sources.gateways.guards import add_found

_WEB: Final = "zscalernss-web"
_AI: Final = re.compile(r"generative[ _]ai|\bai[ _]?(?:&|and)?[ _]?ml\b|\bai_ml_apps\b", re.IGNORECASE)
_ACTIONS: Final = {
    "ALLOW": GuardrailAction.NONE,
    "DETECT": GuardrailAction.FLAGGED,
    "BLOCK": GuardrailAction.BLOCKED,
}
_SEVERITIES: Final = {
    "CRITICAL": Confidence.HIGH,
    "HIGH": Confidence.HIGH,
    "MEDIUM": Confidence.MEDIUM,
    "LOW": Confidence.LOW,
}
_IGNORED_KEYS: Final = ignored_keys(
    "detectorErrorCount:number errorMsg policyId policyVersion policyName statusCode:number throttlingDetails:plain"
)
_IGNORED_DETECTOR_KEYS: Final = ignored_keys(
    "action deviceType errorMsg latency:number statusCode:number triggered:flag severity"
)
_IGNORED_WEB_KEYS: Final = ignored_keys(
    """
    app_status appclass appriskscore bwthrottle clienttranstime:number contenttype deviceappversion deviceos
    devicetype dlpidentifier event_id external_spr fileclass filesubtype filetype keyprotectiontype location md5
    nssserverip pagerisk:number product protocol recordid refererURL requestmethod responsesize:number
    servertranstime:number serverip sourcetype ssldecrypted threatclass threatname threatseverity
    transactionsize:number unscannabletype urlclass urlsupercategory vendor reason threatcategory
    """
)
_NONE: Final = ("None", "NA", "N/A", "-", "")


def _is_guard_result(fields: Fields) -> bool:
    return type(fields["detectorResponses"]) is dict and "action" in fields


def _web_record(fields: Fields) -> Fields | None:
    """The request in a record of the web log: under ``event`` in Splunk's form, or the record itself."""
    inner = fields.get("event")
    if fields.get("sourcetype") == _WEB and type(inner) is dict:
        return inner
    return fields if fields.get("vendor") == "Zscaler" else None


def _is_ai_request(fields: Fields) -> bool:
    record = _web_record(fields)
    if record is None:
        return False
    classes = [record.get(key) for key in ("urlcategory", "appclass", "urlsupercategory", "urlclass")]
    return any(type(name) is str and _AI.search(name[:128]) is not None for name in classes)


def _parse_guard(fields: Fields) -> AuditEvent:
    event = AuditEvent(
        kind=Kind.AI_ACCESS,
        operation=Operation.MODERATION,
        timestamp=pop_first(pop_time, fields, paths("timestamp time")),
        request_id=pop_identifier(fields, "transactionId"),
        http_status=pop_http_status(fields, "statusCode"),
    )
    triggered = []
    for name, detector in fields["detectorResponses"].items():
        if type(detector) is dict:
            if detector.get("triggered") is True:
                triggered.append(name)
            drop_keys(detector, _IGNORED_DETECTOR_KEYS)
    policy = pop_identifier(fields, "policyName") or pop_identifier(fields, "policyId")
    event.guardrail = Guardrail(id=policy, version=pop_identifier(fields, "policyVersion"))
    severity = pop_word(fields, "severity")
    event.guardrail.confidence = _SEVERITIES.get(severity.upper()) if severity else None
    word: Any = fields.get("action")
    action = _ACTIONS.get(word.upper()) if type(word) is str else None
    if action is not None:
        del fields["action"]
    add_found(event, ThreatReporter.ZSCALER, triggered, action)
    _read_texts(fields, event)
    drop_keys(fields, _IGNORED_KEYS)
    return event


def _read_texts(fields: Fields, event: AuditEvent) -> None:
    direction = pop_word(fields, "direction")
    if direction is not None:
        # It decides whose the text is, if there is one.
        note_dropped("direction", direction, Why.TEXT_READ)
    exchange, turn = Exchange(), Turn()
    key = "content" if fields.get("content") else "maskedContent"
    if direction == "OUT":
        turn.add_content(fields, key)
        add_completion_turn(turn, exchange)
    else:
        add_prompt_content(fields, key, Role.USER, exchange)
    status = event.outcome_status
    exchange.apply(event)
    event.outcome_status = status


def _parse_web(fields: Fields, record: Fields) -> AuditEvent:
    for key in [key for key, value in record.items() if type(value) is str and value in _NONE]:
        drop_known(record, key)
    event = AuditEvent(
        kind=Kind.AI_ACCESS,
        timestamp=pop_first(pop_time, record, paths("datetime time")),
        user_id=pop_identifier(record, "user"),
        request_id=pop_first(pop_identifier, record, paths("event_id recordid")),
        provider=pop_text(record, "appname"),
        user_agent=pop_text(record, "useragent"),
        host=pop_identifier(record, "devicehostname"),
        http_status=pop_http_status(record, "status"),
        request_bytes=pop_count(record, "requestsize"),
        response_bytes=pop_count(record, "responsesize"),
        api_operation=pop_identifier(record, "requestmethod"),
    )
    event.user_type = UserType.USER if event.user_id is not None else None
    event.client_ip = pop_address(record, "clientpublicIP") or pop_address(record, "ClientIP")
    endpoint = pop_endpoint(record, "url") or pop_endpoint(record, "hostname")
    event.endpoint = SensitiveText(endpoint) if endpoint else None
    action = pop_word(record, "action") or ""
    blocked = action.lower().startswith("block")
    if action and not blocked:
        note_dropped("action", action, Why.DUPLICATE)
    event.outcome_status = Outcome.DENIED if blocked else outcome_of_status(event.http_status)
    _read_prevention(record, event, blocked=blocked)
    drop(record, "ClientIP", "urlcategory", "hostname")
    drop_keys(record, _IGNORED_WEB_KEYS)
    drop(fields, "sourcetype")
    return event


def _read_prevention(record: Fields, event: AuditEvent, *, blocked: bool) -> None:
    """Read what data-loss prevention found; without it, a block is that of a policy for the application."""
    found: Any = record.get("dlpengine") or record.get("dlpdictionaries")
    event.guardrail = Guardrail(id=pop_first(pop_identifier, record, paths("dlpengine dlpdictionaries rulelabel")))
    if found or blocked:
        action = GuardrailAction.BLOCKED if blocked else GuardrailAction.FLAGGED
        add_found(event, ThreatReporter.ZSCALER, ["dlp"] if found else [], action)
    elif event.guardrail.id is None:
        event.guardrail = None


def parse(fields: Fields) -> AuditEvent:
    """Read one result of AI Guard, or one record of the web log."""
    if type(fields.get("detectorResponses")) is dict:
        return _parse_guard(fields)
    return _parse_web(fields, _web_record(fields) or fields)


SOURCE: Final = Source(
    name="zscaler",
    summary="Zscaler: results of AI Guard, and web logs of requests to AI applications.",
    stability=Stability.BETA,
    never_carries="Models and tokens; texts, unless the application logs them with the result.",
    references=(
        "https://github.com/zscaler/zscaler-sdk-python",
        "https://registry.terraform.io/providers/zscaler/zia/latest/docs/resources/zia_cloud_nss_feed",
    ),
    markers={
        "detectorResponses": _is_guard_result,
        **dict.fromkeys(("sourcetype", "urlcategory"), _is_ai_request),
    },
    parse=parse,
)
