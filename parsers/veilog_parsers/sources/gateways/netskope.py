"""Netskope's application and alert events about generative AI: who did what in which application.

A record has the user, addresses and countries, the application, its instance and the activity (``Post``, ``Response``,
``Upload``), the page, sizes, and the policy that was applied: its action and what data-loss prevention found. Only
records of the category ``Generative AI`` are read; all others are no AI logs. There are no prompts and responses:
names of objects and files, which may hint at them, stay unmapped.

Times are epoch seconds. ``userip`` is the address in the user's network, ``srcip`` the public one.

Read from Netskope's REST API (``/api/v2/events/data/application`` and ``alert``) as of 2026-11-26. Records of its AI
guardrails have no public format.
"""

from __future__ import annotations

from typing import Final

from veilog_parsers.event import (
    AuditEvent,
    Guardrail,
    GuardrailAction,
    Kind,
    Network,
    Outcome,
    SensitiveText,
    ThreatReporter,
    UserType,
)
from veilog_parsers.record.changes import pop_names
from veilog_parsers.record.dropped import Why
from veilog_parsers.record.fields import (
    drop,
    drop_keys,
    ignored_keys,
    paths,
    pop_count,
    pop_first,
    pop_identifier,
    pop_text,
)
from veilog_parsers.record.network import pop_address, pop_endpoint
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import pop_time
from veilog_parsers.source import Source, Stability
from veilog_parsers.sources.gateways.guards import add_found

_CATEGORY: Final = "generative ai"
_BLOCKED: Final = ("block", "blocked", "deny", "quarantine")
_FLAGGED: Final = ("alert", "useralert", "coach", "detection", "detect")
_IGNORED_KEYS: Final = ignored_keys(
    """
    _category_id _category_name _correlation_id _ef_received_at:number _event_id _forwarded_by _gef_src_dp _id
    _insertion_epoch_timestamp:number _nshostname _raw_event_inserted_at:number _resource_name _service_identifier
    _session_begin _skip_geoip_lookup access_method acked:flag alert alert_name alert_type app_session_id:number
    appcategory appsuite browser browser_session_id:number browser_version category cci:number ccl connection_id
    count:number device device_classification dlp_incident_id dlp_is_unique_count:flag dlp_parent_id
    dlp_rule_count:number dlp_rule_severity dst_country dst_geoip_src:number dst_latitude:number
    dst_longitude:number dst_region dst_timezone dst_zipcode dsthost dstip from_user_category ja3s managed_app:flag
    managementID nsdeviceuid numbytes:number object_type os os_version other_categories:list page_site policy_id
    referer request_id severity site src_geoip_src:number src_latitude:number src_longitude:number src_region
    src_time src_timezone src_zipcode telemetry_app traffic_type transaction_id tss_mode type ur_normalized
    user_category user_generated:flag userkey
    """
)


def _is_ai_event(fields: Fields) -> bool:
    category = fields.get("appcategory", fields.get("category"))
    return type(category) is str and category.lower() == _CATEGORY and ("app" in fields or "activity" in fields)


def _read_policy(fields: Fields, event: AuditEvent) -> None:
    """Read the policy that was applied, and what it found."""
    held = fields.get("action")
    word = held.lower() if type(held) is str else ""
    kind = fields.get("alert_type")
    found = ["dlp"] if (type(kind) is str and kind.lower() == "dlp") or fields.get("dlp_rule") else []
    action = None
    if word in _BLOCKED:
        action = GuardrailAction.BLOCKED
    elif word in _FLAGGED or found:
        action = GuardrailAction.FLAGGED
    if action is GuardrailAction.FLAGGED and found:
        drop(fields, "action", why=Why.DUPLICATE)
    elif word in _BLOCKED + _FLAGGED:
        del fields["action"]
    policy = pop_first(pop_identifier, fields, paths("policy dlp_profile dlp_rule"))
    if policy is not None or action is not None:
        event.guardrail = Guardrail(id=policy)
        event.outcome_status = Outcome.DENIED if action is GuardrailAction.BLOCKED else Outcome.SUCCESS
        add_found(event, ThreatReporter.NETSKOPE, found, action)


def parse(fields: Fields) -> AuditEvent:
    """Read one event."""
    event = AuditEvent(
        kind=Kind.AI_ACCESS,
        timestamp=pop_time(fields, "timestamp"),
        tenant_id=pop_first(pop_identifier, fields, paths("organization_unit instance_id")),
        user_id=pop_first(pop_identifier, fields, paths("user ur_normalized userkey")),
        user_agent=pop_text(fields, "useragent"),
        host=pop_identifier(fields, "hostname"),
        provider=pop_text(fields, "app"),
        api_operation=pop_identifier(fields, "activity"),
        request_id=pop_first(pop_identifier, fields, paths("transaction_id request_id _id")),
        session_id=pop_identifier(fields, "app_session_id"),
        request_bytes=pop_count(fields, "client_bytes"),
        response_bytes=pop_count(fields, "server_bytes"),
        outcome_status=None,
    )
    event.user_type = UserType.USER if event.user_id is not None else None
    address = pop_address(fields, "srcip")
    event.client_ip = address or pop_address(fields, "userip")
    endpoint = pop_endpoint(fields, "url") or pop_endpoint(fields, "page")
    event.endpoint = SensitiveText(endpoint) if endpoint else None
    country = pop_identifier(fields, "src_country")
    ja3 = pop_identifier(fields, "ja3")
    event.network = Network(country=country, ja3=ja3) if country or ja3 else None
    event.sensitivity_labels = pop_names(fields, "sensitivity_label") or None
    _read_policy(fields, event)
    drop(fields, "organization_unit", "page", "userip")
    drop_keys(fields, _IGNORED_KEYS)
    return event


SOURCE: Final = Source(
    name="netskope",
    summary="Netskope's application and alert events about generative AI.",
    stability=Stability.BETA,
    never_carries="Prompts, responses, models, tokens.",
    references=("https://docs.netskope.com/en/get-events-data", "https://docs.netskope.com/en/get-alerts-data"),
    markers=dict.fromkeys(("appcategory", "cci"), _is_ai_event),
    parse=parse,
)
