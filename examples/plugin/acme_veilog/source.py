"""A log source: the access log of Acme's gateway.

{"acme_gateway": "2.4", "at": "2026-11-03T09:12:44Z", "caller": {"user": "m.okafor", "ip": "192.0.2.7"},
 "call": {"id": "c-81", "model": "gpt-4o-mini", "status": 200, "ms": 812},
 "asked": "...", "answered": "..."}
"""

from __future__ import annotations

from typing import Final

from veilog_parsers.api import (
    AuditEvent,
    Constant,
    ErrorType,
    Fields,
    Kind,
    Message,
    Operation,
    RecordError,
    Role,
    Source,
    Stability,
    outcome_of_status,
    peek,
    pop,
    pop_address,
    pop_count,
    pop_identifier,
    pop_number,
    pop_text,
    pop_time,
)


def is_ours(fields: Fields) -> bool:
    """Whether a record that has the marker is one of this source. It looks, and changes nothing."""
    return type(peek(fields, "call")) is dict


def parse(fields: Fields) -> AuditEvent:
    """Make an event of a record. What is popped is used; what is left goes to ``unmapped``."""
    version = pop(fields, "acme_gateway")
    if type(version) is not str or not version.startswith("2."):
        # The record goes to quarantine with this reason. The second argument never leaves.
        raise RecordError(ErrorType.UNRECOGNIZED, "a version that this parser does not know")
    event = AuditEvent(kind=Kind.AI_ACCESS, operation=Operation.CHAT, provider=Constant("acme"))
    event.timestamp = pop_time(fields, "at")
    event.user_id = pop_identifier(fields, "caller", "user")
    event.client_ip = pop_address(fields, "caller", "ip")
    event.request_id = pop_identifier(fields, "call", "id")
    event.model_name = pop_identifier(fields, "call", "model")
    event.http_status = pop_count(fields, "call", "status")
    event.latency_ms = pop_number(fields, "call", "ms")
    event.outcome_status = outcome_of_status(event.http_status)
    asked, answered = pop_text(fields, "asked"), pop_text(fields, "answered")
    if asked is not None:
        event.prompt_messages.append(Message(Role.USER, [asked]))
    if answered is not None:
        event.response_messages.append(Message(Role.ASSISTANT, [answered]))
    return event


SOURCE: Final = Source(
    name="acme_gateway",
    summary="The access log of Acme's gateway.",
    stability=Stability.BETA,
    never_carries="Token counts.",
    references=("https://acme.example/gateway/log-format",),
    markers={"acme_gateway": is_ours},
    parse=parse,
)
