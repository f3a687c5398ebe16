"""OCSF 1.8.0: an API Activity (6003) for each call, and beside it a Detection Finding (2004) where a threat is high.

Quarantine events say nothing of a call, so they are Base Events (0). Whatever OCSF 1.8 has no attribute for is below
``unmapped``: what OpenTelemetry has a name for at ``unmapped.gen_ai``, all else at ``unmapped.veilog``, and what no
parser consumed at ``unmapped.source``. The hashes are enrichments with fingerprints, since no object has a place for
them, and HMAC is no algorithm of the list (so 99, with its name).

Three attributes are required that an event may lack: ``api.operation``, an actor, an endpoint. The operation is then
that of the model, or the kind of the event; the actor and the endpoint are named ``unknown``.

What ``threats`` has of MITRE ATLAS and ATT&CK are ``attacks`` of the activity, each technique once. Where a threat is
of severity high, a finding is written after the activity. Its ``related_events`` name the activity by its
``metadata.uid``, and its own uid is made of that, so that an event that comes again gives the same finding (but for
its time, where the event has none: both get the present one). There is one for all threats of an event that are high:
one call is to be looked at.
"""

from __future__ import annotations

import re
from typing import Final

from veilog_filters import __version__
from veilog_filters.contracts import Encoder
from veilog_filters.encode.table import Object, Row, Table, elsewhere, one_of
from veilog_filters.encode.values import address, milliseconds, name_of_host, now, path, url, whole
from veilog_filters.encode.verbs import Activity, activity_of

VERSION: Final = "1.8.0"
_API_ACTIVITY: Final = 6003
DETECTION_FINDING: Final = 2004
"""The class of what is written beside an activity."""
_HIGH: Final = 4
_OTHER: Final = 99
_INFORMATIONAL: Final = 1
_UNKNOWN: Final = "unknown"

_ACTIVITIES: Final = {Activity.CREATE: 1, Activity.READ: 2, Activity.UPDATE: 3, Activity.DELETE: 4, Activity.OTHER: 99}
_REQUIRED: Final = (
    ("ai_model", (("ai_provider", _UNKNOWN), ("name", _UNKNOWN))),
    ("http_response", (("code", 0),)),
    ("policy", (("uid", _UNKNOWN),)),
)
"""What an object must have if it is there."""

_OUTCOMES: Final[dict[str | None, tuple[int, int, int]]] = {
    # outcome: status, action, disposition
    "success": (1, 1, 1),
    "failure": (2, 0, 27),
    "denied": (2, 2, 26),
    "throttled": (2, 2, 25),
    "content_filtered": (2, 2, 2),
}
_CONFIDENTIALITY: Final = {"public": 1, "internal": 5, "confidential": 2, "restricted": 6}
_CATEGORIES: Final = {"pii": 1, "phi": 1, "government_id": 1, "pci": 3, "financial": 3, "credentials": 6, "secrets": 6}
_HASHES: Final = ("prompt_hash", "system_prompt_hash", "response_hash")

_MATRICES: Final = ("mitre-atlas", "mitre-attack")
"""The frameworks that have attacks; entries of others stay with the threats."""
_TECHNIQUES: Final = {
    "AML.T0024": "Exfiltration via AI Inference API",
    "AML.T0034": "Cost Harvesting",
    "AML.T0051": "LLM Prompt Injection",
    "AML.T0051.000": "Direct",
    "AML.T0051.001": "Indirect",
    "AML.T0053": "AI Agent Tool Invocation",
    "AML.T0054": "LLM Jailbreak",
    "AML.T0056": "Extract LLM System Prompt",
    "AML.T0057": "LLM Data Leakage",
    "AML.T0068": "LLM Prompt Obfuscation",
    "AML.T0069": "Discover LLM System Information",
    "AML.T0077": "LLM Response Rendering",
    "AML.T0081": "Modify AI Agent Configuration",
    "AML.T0086": "Exfiltration via AI Agent Tool Invocation",
    "AML.T0102": "Generate Malicious Commands",
    "AML.T0110": "AI Agent Tool Poisoning",
}
"""Names of techniques; one that is not here has its id alone."""
_PARENT: Final = re.compile(r"((?:AML\.)?T\d{4})\.\d{3}")
_EVIDENCE: Final = ("actor", "api", "src_endpoint", "http_request", "http_response")
"""Objects of an activity that a finding has as evidence."""
_SHARED: Final = ("time", "time_dt", "cloud", "policy", "action_id", "disposition_id")
"""What a finding has from its activity as it is."""

ROWS: Final = (
    Row("timestamp", "time", "milliseconds since 1970", transform=milliseconds),
    Row("timestamp", "time_dt"),
    Row("event_id", "metadata.uid"),
    Row("source", "metadata.log_name"),
    Row("tenant_id", "metadata.tenant_uid"),
    Row("organization_id", "actor.user.org.uid"),
    Row("user_id", "actor.user.uid"),
    Row("user_name", "actor.user.name"),
    Row(
        "user_type",
        "actor.user.type_id",
        "1 user, 4 service, 99 role and anonymous",
        transform=one_of({"user": 1, "service": 4, "role": _OTHER, "anonymous": _OTHER}),
    ),
    Row("user_type", "actor.user.type", why="The number does not tell roles from anonymous callers."),
    Row("user_department", "actor.user.ldap_person.department"),
    Row("session_id", "actor.session.uid"),
    Row("credential.id_hash", "actor.session.credential_uid"),
    Row("credential.mfa", "actor.session.is_mfa"),
    Row("agent.name", "actor.app_name"),
    Row("agent.id", "actor.app_uid"),
    Row("conversation_id", "message_context.uid"),
    Row("client_ip", "src_endpoint.ip", "if it is an address", transform=address),
    Row("client_ip", "src_endpoint.name", "if it is a host's name, or masked", transform=name_of_host),
    Row("network.country", "src_endpoint.location.country"),
    Row("network.asn", "src_endpoint.autonomous_system.number"),
    Row("user_agent", "http_request.user_agent"),
    Row("request_bytes", "http_request.body_length"),
    Row("response_bytes", "http_response.body_length"),
    Row("provider", "ai_model.ai_provider"),
    Row("model_name", "ai_model.name"),
    Row("model_version", "ai_model.version"),
    Row("operation", "unmapped.gen_ai.operation.name"),
    Row("api_operation", "api.operation"),
    Row("endpoint", "http_request.url.url_string", "if it is a URL", transform=url),
    Row("endpoint", "http_request.url.path", "if it is a path", transform=path),
    Row("request_id", "api.request.uid"),
    Row("trace_id", "trace.uid"),
    Row("span_id", "unmapped.gen_ai.span_id", why="`trace.span` requires times that events do not have."),
    Row("tool_calls", "unmapped.gen_ai.tool.calls"),
    Row("cloud.provider", "cloud.provider"),
    Row("cloud.account_id", "cloud.account.uid"),
    Row("cloud.region", "cloud.region"),
    Row("cloud.resource", "resources", "the one target", transform=lambda value: [{"uid": value, "role_id": 1}]),
    Row("input_tokens", "message_context.prompt_tokens"),
    Row("output_tokens", "message_context.completion_tokens"),
    Row("token_count", "message_context.total_tokens"),
    Row("cached_input_tokens", "unmapped.gen_ai.usage.cache_read.input_tokens"),
    Row("cache_write_tokens", "unmapped.gen_ai.usage.cache_creation.input_tokens"),
    Row("reasoning_tokens", "unmapped.gen_ai.usage.reasoning.output_tokens"),
    Row("latency_ms", "duration", "whole milliseconds", transform=whole),
    Row("outcome_status", "status_detail"),
    Row("error_code", "status_code"),
    Row("error_code", "api.response.error"),
    Row("http_status", "http_response.code"),
    Row("finish_reasons", "unmapped.gen_ai.response.finish_reasons"),
    Row("guardrail.id", "policy.uid"),
    Row("guardrail.version", "policy.version"),
    Row("threats", "attacks", "techniques of MITRE ATLAS and ATT&CK", transform=elsewhere),
    Row("threats", "unmapped.veilog.threats", why="An attack does not say which rule saw it, and how grave it is."),
    Row("raw_hash", "raw_data_hash.value"),
    Row("raw_bytes", "raw_data_size"),
    Row("unmapped", "unmapped.source"),
    *(Row(name, "enrichments", "an enrichment with a fingerprint", transform=elsewhere) for name in _HASHES),
)


def _begin() -> Object:
    return {
        "category_uid": 6,
        "class_uid": _API_ACTIVITY,
        "severity_id": _INFORMATIONAL,
        "metadata": {
            "version": VERSION,
            "product": {"name": "veilog", "vendor_name": "veilog", "version": __version__},
        },
        "unmapped": {},
    }


def _finish(event: Object, out: Object) -> None:
    profiles = ["datetime"]
    if event["kind"] == "quarantine":
        _as_base_event(out)
    else:
        _complete_call(event, out, profiles)
    _add_classification(event, out, profiles)
    if "raw_data_hash" in out:
        out["raw_data_hash"] |= {"algorithm_id": _OTHER, "algorithm": "HMAC-SHA-256"}
    if "time" not in out:
        out["time_dt"] = now()
        out["time"] = milliseconds(out["time_dt"])
    if "cloud" in out:
        profiles.append("cloud")
        account = out["cloud"].get("account")
        out["cloud"].setdefault("provider", _UNKNOWN)
        kind = {"aws": 10, "gcp": 11, "azure": 13}.get(out["cloud"]["provider"])
        if account and kind:
            account["type_id"] = kind
    out["metadata"]["profiles"] = sorted(profiles)


def _as_base_event(out: Object) -> None:
    out |= {"category_uid": 0, "class_uid": 0, "activity_id": _OTHER, "activity_name": "Quarantine", "type_uid": 99}
    out |= {"severity_id": 2, "severity": "Low"}


def _complete_call(event: Object, out: Object, profiles: list[str]) -> None:
    """Add what an API Activity must have."""
    profiles += ["ai_operation", "security_control"]
    operation = event.get("api_operation")
    activity = _ACTIVITIES[activity_of(operation or "")]
    out["activity_id"] = activity
    out["type_uid"] = _API_ACTIVITY * 100 + activity
    if activity == _OTHER:
        out["activity_name"] = operation or event.get("operation") or event["kind"]
    out.setdefault("api", {}).setdefault("operation", operation or event.get("operation") or event["kind"])
    _complete_objects(event, out)
    if "trace" in out:
        profiles.append("trace")
    out["status_id"], out["action_id"], out["disposition_id"] = _OUTCOMES.get(event.get("outcome_status"), (0, 0, 0))
    attacks = _attacks(event)
    if attacks:
        out["attacks"] = attacks
    hashes = [_enrichment(name, event[name]) for name in _HASHES if name in event]
    if hashes:
        out["enrichments"] = hashes


def _complete_objects(event: Object, out: Object) -> None:
    """Add what objects must have, and the objects that must be there."""
    source = out.setdefault("src_endpoint", {})
    if source.keys().isdisjoint(("ip", "name")):
        source["name"] = _UNKNOWN
    actor = out.setdefault("actor", {})
    if "user" in actor and actor["user"].keys().isdisjoint(("uid", "name")):
        actor["user"]["name"] = _UNKNOWN
    if actor.keys().isdisjoint(("user", "session", "app_name", "app_uid")):
        actor["app_name"] = _UNKNOWN
    if "message_context" in out:
        out["message_context"]["service"] = {"name": event.get("provider") or event["source"]}
    for name, required in _REQUIRED:
        if name in out:
            for key, value in required:
                out[name].setdefault(key, value)


def _attacks(event: Object) -> list[Object]:
    """The techniques of an event's threats, each once."""
    tags = (tag for threat in event.get("threats", ()) for tag in threat.get("frameworks", ()))
    known = {(tag["version"], tag["id"]): None for tag in tags if tag["framework"] in _MATRICES}
    return [_attack(version, name) for version, name in known]


def _attack(version: str, name: str) -> Object:
    parent = _PARENT.fullmatch(name)
    if parent is None:
        return {"technique": _technique(name), "version": version}
    return {"technique": _technique(parent[1]), "sub_technique": _technique(name), "version": version}


def _technique(name: str) -> Object:
    return {"uid": name, "name": _TECHNIQUES[name]} if name in _TECHNIQUES else {"uid": name}


def _enrichment(name: str, value: str) -> Object:
    return {
        "name": name,
        "value": value,
        "data": {"algorithm_id": _OTHER, "algorithm": "HMAC-SHA-256", "value": value},
    }


def _add_classification(event: Object, out: Object, profiles: list[str]) -> None:
    """Add a classification for each side: its label, and how many findings of which entity types there were."""
    found = []
    categories = [_CATEGORIES[name] for name in event.get("data_categories", ()) if name in _CATEGORIES]
    for side in ("prompt", "response"):
        label = event.get(f"{side}_classification")
        if label is None:
            continue
        counts = event.get("findings", {}).get(side, {})
        entry: Object = {
            "uid": side,
            "confidentiality": label,
            "confidentiality_id": _CONFIDENTIALITY[label],
            "total": sum(counts.values()),
            "discovery_details": [{"type": entity, "count": count} for entity, count in counts.items()],
        }
        if not counts:
            del entry["discovery_details"]
        elif categories:
            entry["category_id"] = categories[0]
        found.append(entry)
    if found:
        out["metadata"]["data_classifications"] = found
        profiles.append("data_classification")


TABLE: Final = Table(
    schema="ocsf",
    summary="OCSF 1.8.0: API Activity (6003) with the ai_operation profile, and Detection Finding (2004).",
    version=VERSION,
    reference="https://schema.ocsf.io/1.8.0/classes/api_activity",
    rows=ROWS,
    extension="unmapped.veilog",
    begin=_begin,
    finish=_finish,
    note=(
        "Where a threat is high, a Detection Finding (2004) is written after the API Activity. Its `finding_info` has "
        "a `uid` made of the activity's, `attacks`, the rules that saw the threats as `types`, and `related_events` "
        "with the activity's `metadata.uid`; its `evidences` have the activity's actor, API and endpoint."
    ),
)
_activity: Final = TABLE.compiled()


def detection_findings(event: Object) -> list[Object]:
    """The Detection Finding of an event, if one of its threats is high."""
    threats = [threat for threat in event.get("threats", ()) if threat["severity"] == "high"]
    if not threats:
        return []
    activity = _activity(event)
    uid = f"{event['event_id']}.finding"
    profiles = [name for name in activity["metadata"]["profiles"] if name not in ("ai_operation", "trace")]
    types = list(dict.fromkeys(threat["rule_id"] for threat in threats))
    reporters = dict.fromkeys(threat["reporter"] for threat in threats)
    title = f"{', '.join(types)} reported by {', '.join(reporters)}"
    info: Object = {
        "uid": uid,
        "title": title,
        "types": types,
        "analytic": {"name": ", ".join(reporters), "type_id": 0},
        "data_sources": [event["source"]],
        "related_events": [{"uid": event["event_id"], "type_uid": activity["type_uid"], "type": "API Activity"}],
        "related_events_count": 1,
    }
    if "attacks" in activity:
        info["attacks"] = activity["attacks"]
    return [
        {
            "category_uid": DETECTION_FINDING // 1000,
            "class_uid": DETECTION_FINDING,
            "activity_id": 1,
            "type_uid": DETECTION_FINDING * 100 + 1,
            "severity_id": _HIGH,
            "status_id": 1,
            "is_alert": True,
            "message": title,
            "metadata": {**activity["metadata"], "uid": uid, "profiles": profiles},
            "finding_info": info,
            "evidences": [{name: activity[name] for name in _EVIDENCE if name in activity}],
            **{name: activity[name] for name in _SHARED if name in activity},
        }
    ]


ENCODER: Final = Encoder(
    name="ocsf", summary=TABLE.summary, constants=frozenset(), encode=_activity, further=detection_findings
)
