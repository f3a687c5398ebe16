"""What the report's queries must say, computed from events in ``veilog/1`` by Python alone, without their SQL."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

Event = dict[str, Any]
Rows = list[dict[str, Any]]
CLASSES = ("restricted", "confidential", "internal", "public")


def at(event: Event, path: str) -> Any:
    """A field by its dotted path; None if it is absent."""
    value: Any = event
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def who(event: Event) -> str:
    return str(event.get("user_name") or event.get("user_id") or "(unknown)")


def department(event: Event) -> str:
    return str(event.get("user_department", "(none)"))


def model(event: Event) -> str:
    return str(event.get("model_name", "(unknown)"))


def data_class(event: Event) -> str:
    labels = {event.get("prompt_classification"), event.get("response_classification")}
    return next((name for name in CLASSES if name in labels), "(none)")


def tokens(event: Event) -> int | None:
    if "token_count" in event:
        return int(event["token_count"])
    sides = [event[side] for side in ("input_tokens", "output_tokens") if side in event]
    return sum(sides) if sides else None


def day(event: Event) -> str | None:
    return f"{event['timestamp'][:10]}T00:00:00Z" if "timestamp" in event else None


def total(values: Iterable[Any]) -> Any:
    """The sum of what is known; None if nothing is."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    return float(sum(map(Decimal, map(str, known)))) if any(isinstance(value, float) for value in known) else sum(known)


def grouped(events: Iterable[Event], **keys: Callable[[Event], Any]) -> Iterator[tuple[dict[str, Any], list[Event]]]:
    groups: defaultdict[tuple[Any, ...], list[Event]] = defaultdict(list)
    for event in events:
        groups[tuple(key(event) for key in keys.values())].append(event)
    for found, members in groups.items():
        yield dict(zip(keys, found, strict=True)), members


def span(events: Iterable[Event], what: str) -> dict[str, Any]:
    times = [event["timestamp"] for event in events if "timestamp" in event]
    return {f"first_{what}": min(times, default=None), f"last_{what}": max(times, default=None)}


def last(events: Iterable[Event], what: str) -> dict[str, Any]:
    return {name: value for name, value in span(events, what).items() if name.startswith("last")}


def users(events: Iterable[Event]) -> int:
    return len(set(map(who, events)))


def field(name: str) -> Callable[[Event], Any]:
    return lambda event: at(event, name)


def unfolded(events: Iterable[Event], path: str, key: str) -> Iterator[Event]:
    for event in events:
        for item in at(event, path) or ():
            yield event | {key: item}


def gaps(events: list[Event]) -> Rows:
    found = []
    for source in ("(all sources)", *sorted({event["source"] for event in events})):
        least = timedelta(hours=1 if source == "(all sources)" else 24)
        times = sorted(
            event["timestamp"]
            for event in events
            if "timestamp" in event and source in ("(all sources)", event["source"])
        )
        for before, after in pairwise(times):
            length = datetime.fromisoformat(after) - datetime.fromisoformat(before)
            if length >= least:
                hours = round(length / timedelta(milliseconds=1) / 3_600_000, 2)
                found.append({"source": source, "gap_start": before, "gap_end": after, "hours": hours})
    return found


def dashboard(events: list[Event]) -> dict[str, Rows]:
    calls = [event for event in events if event["kind"] == "ai_access"]
    stopped = [call for call in calls if call.get("outcome_status") in ("denied", "throttled", "content_filtered")]
    most = [name for name, _ in sorted(Counter(map(who, calls)).items(), key=lambda pair: (-pair[1], pair[0]))[:20]]
    of_most = [call for call in calls if who(call) in most and "timestamp" in call]
    guarded = [
        call | {"policy": policy}
        for call in calls
        if at(call, "guardrail.action")
        for policy in at(call, "guardrail.policies") or ["(not told)"]
    ]
    return {
        "overview": [
            {
                "events": len(events),
                "calls": len(calls),
                "users": len(set(map(who, calls)) - {"(unknown)"}),
                "departments": len({call["user_department"] for call in calls if "user_department" in call}),
                "models": len({call["model_name"] for call in calls if "model_name" in call}),
                "tokens": total(map(tokens, calls)) or 0,
                "cost_usd": total(map(field("cost_usd"), calls)) or 0,
                "sensitive_calls": sum(data_class(call) in CLASSES[:2] for call in calls),
                "quarantined": sum(event["kind"] == "quarantine" for event in events),
                **span(events, "event"),
            }
        ],
        "requests_per_user": [
            key
            | {
                "calls": len(found),
                "tokens": total(map(tokens, found)),
                "cost_usd": total(map(field("cost_usd"), found)),
            }
            | last(found, "call")
            for key, found in grouped(calls, who=who, department=department)
        ],
        "tokens_and_cost": [
            key
            | {"calls": len(found), "tokens": total(map(tokens, found))}
            | {name: total(map(field(name), found)) for name in ("input_tokens", "output_tokens", "cost_usd")}
            for key, found in grouped(calls, model=model, department=department)
        ],
        "classification_over_time": [
            key | {"calls": len(found)}
            for key, found in grouped(calls, bucket=day, data_class=data_class)
            if key["bucket"]
        ],
        "guardrails": [
            key | {"calls": len(found), "users": users(found)} | last(found, "call")
            for key, found in grouped(guarded, policy=field("policy"), action=field("guardrail.action"))
        ],
        "threats": [
            key | {"events": len(found), "users": users(found)} | last(found, "event")
            for key, found in grouped(
                unfolded(events, "upstream_threats", "one"), threat=field("one.type"), reporter=field("one.reporter")
            )
        ],
        "denied_and_throttled": [
            key | {"calls": len(found)}
            for key, found in grouped(stopped, bucket=day, outcome=field("outcome_status"))
            if key["bucket"]
        ],
        "denied_by_user": [
            key | {"calls": len(found)} | last(found, "call")
            for key, found in grouped(
                stopped,
                who=who,
                department=department,
                model=model,
                outcome=field("outcome_status"),
                error_code=field("error_code"),
            )
        ],
        "usage_over_time": [
            key | {"calls": len(found), "tokens": total(map(tokens, found))}
            for key, found in grouped(of_most, who=who, bucket=day)
        ],
        "usage_by_hour": [
            key | {"calls": len(found)}
            for key, found in grouped(of_most, who=who, hour_utc=lambda call: int(call["timestamp"][11:13]))
        ],
        "volume_by_user": [
            key
            | {"calls": len(found)}
            | {"characters": sum(call.get("prompt_chars", 0) + call.get("response_chars", 0) for call in found)}
            | {
                name: total(map(field(name), found))
                for name in ("prompt_chars", "response_chars", "request_bytes", "response_bytes")
            }
            | {
                "longest_prompt_chars": max(
                    (call["prompt_chars"] for call in found if "prompt_chars" in call), default=None
                )
            }
            for key, found in grouped(calls, who=who, department=department)
        ],
    }


def audit(events: list[Event]) -> dict[str, Rows]:
    calls = [event for event in events if event["kind"] == "ai_access"]
    failed = [call for call in calls if call.get("outcome_status", "success") != "success"]
    crossing = [
        call
        for call in calls
        if "user_department" in call
        and "model_department" in call
        and call["user_department"] != call["model_department"]
    ]
    found_in = [
        {"entity": entity, "side": side, "spans": spans}
        for event in events
        for side in ("prompt", "response")
        for entity, spans in (at(event, f"findings.{side}") or {}).items()
    ]
    keys = [
        {"key_id": key_id, "used_as": used_as} | {"timestamp": event.get("timestamp")}
        for event in events
        for used_as, path in (("current", "hash_key_id"), ("previous", "previous_hashes.hash_key_id"))
        if (key_id := at(event, path))
    ]
    detected = list(unfolded(events, "redaction.detectors", "detector"))

    def status(found: list[Event], name: str) -> int:
        return sum(at(event, "redaction.status") == name for event in found)

    return {
        "audit_access": [
            key | {"calls": len(found)} | span(found, "call")
            for key, found in grouped(
                calls,
                department=department,
                who=who,
                user_type=field("user_type"),
                provider=field("provider"),
                model=model,
                data_class=data_class,
            )
        ],
        "audit_departments": [
            key
            | {"calls": len(found), "users": users(found)}
            | {"models": len({call["model_name"] for call in found if "model_name" in call})}
            for key, found in grouped(calls, department=department, data_class=data_class)
        ],
        "audit_cross_department": [
            key | {"calls": len(found)} | span(found, "call")
            for key, found in grouped(
                crossing,
                user_department=field("user_department"),
                model_department=field("model_department"),
                who=who,
                model=model,
                data_class=data_class,
            )
        ],
        "audit_data_categories": [
            key | {"calls": len(found), "users": users(found)}
            for key, found in grouped(
                unfolded(calls, "data_categories", "category"), category=field("category"), department=department
            )
        ],
        "audit_findings": [
            key | {"events": len(found), "spans": sum(item["spans"] for item in found)}
            for key, found in grouped(found_in, entity=field("entity"), side=field("side"))
        ],
        "audit_redaction": [
            key
            | {"events": len(found)}
            | {name: status(found, name) for name in ("complete", "truncated", "timed_out")}
            | {
                "without_proof": sum(
                    at(event, "redaction.status") is None and event["kind"] != "quarantine" for event in found
                ),
                "quarantined": sum(event["kind"] == "quarantine" for event in found),
                "complete_percent": round(100 * status(found, "complete") / len(found), 2),
            }
            | {
                name: total(map(field(f"redaction.{name}"), found)) or 0
                for name in ("truncated_bytes", "dropped_fields", "unmapped_fields", "hashed_fields")
            }
            for key, found in grouped(events, source=field("source"))
        ],
        "audit_leakage": [
            key | {"calls": len(found)} | span(found, "call")
            for key, found in grouped(
                unfolded(calls, "leakage.kinds", "leaked"), leaked=field("leaked"), who=who, model=model
            )
        ],
        "audit_changes": [
            key | {"events": len(found)} | span(found, "event")
            for key, found in grouped(
                (event for event in events if at(event, "change.setting")),
                setting=field("change.setting"),
                afterwards=lambda event: {True: "on", False: "off"}.get(at(event, "change.enabled")),
                who=who,
                outcome=field("outcome_status"),
            )
        ],
        "audit_quarantine": [
            key | {"events": len(found), "raw_bytes": total(map(field("raw_bytes"), found))} | span(found, "event")
            for key, found in grouped(
                (event for event in events if event["kind"] == "quarantine"),
                source=field("source"),
                error_type=field("error_type"),
            )
        ],
        "audit_failures": [
            key | {"calls": len(found), "users": users(found)} | span(found, "call")
            for key, found in grouped(
                failed,
                provider=field("provider"),
                model=model,
                outcome=field("outcome_status"),
                error_code=field("error_code"),
            )
        ],
        "audit_gaps": gaps(events),
        "audit_activity": [
            key | {"events": len(found)}
            for key, found in grouped(events, source=field("source"), bucket=day)
            if key["bucket"]
        ],
        "audit_keys": [
            key | {"events": len(found)} | span([item for item in found if item["timestamp"]], "event")
            for key, found in grouped(keys, key_id=field("key_id"), used_as=field("used_as"))
        ],
        "audit_policies": [
            key | {"events": len(found)} | span(found, "event")
            for key, found in grouped(
                (event for event in events if at(event, "redaction.policy")), policy=field("redaction.policy")
            )
        ],
        "audit_detectors": [
            key | {"events": len(found)} | span(found, "event")
            for key, found in grouped(
                detected,
                detector=lambda event: event["detector"].partition("/")[0],
                version=lambda event: event["detector"].partition("/")[2],
            )
        ],
        "audit_sources": [
            key
            | {"events": len(found), "not_in_charts": sum("timestamp" not in event for event in found)}
            | span(found, "event")
            for key, found in grouped(events, source=field("source"), kind=field("kind"))
        ],
    }
