"""Amazon Q Business's conversation logs: messages of users and answers, and users' feedback, by CloudWatch's delivery.

A record has the user's message and the system's answer. If the check for hallucinations found one, the record also has
the answer that was replaced; else a fixed phrase tells how the check ended. A blocked message was stopped by the
guardrails of the application. Feedback is no call of a model: it is ``other``, and its texts stay unmapped.

Format: docs.aws.amazon.com/amazonq/latest/qbusiness-ug/cw-log-examples.html and cw-logs-common-queries.html, read
2026-11-26; the latter calls the user's text ``customer_message``. Calls are in CloudTrail too, with caller and address.
"""

from __future__ import annotations

from typing import Final

from veilog_parsers.bodies.exchange import Exchange
from veilog_parsers.bodies.turns import Turn, add_completion_turn, add_prompt_content
from veilog_parsers.event import (
    AuditEvent,
    Cloud,
    Constant,
    Guardrail,
    GuardrailAction,
    Kind,
    Operation,
    Outcome,
    Role,
    UserType,
)
from veilog_parsers.record.dropped import Why
from veilog_parsers.record.fields import drop_keys, drop_known, ignored_keys, pop_identifier
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import pop_time
from veilog_parsers.source import Source, Stability
from veilog_parsers.sources.aws.common import AWS, Q_BUSINESS

_FEEDBACK: Final = "Feedback"
_PROMPT_KEYS: Final = ("user_message", "customer_message")
_ANSWER_KEYS: Final = ("system_message", "hallucinated_message")
_CHECKS: Final = frozenset(("DISABLED", "NOT TRIGGERED", "NO HALLUCINATION DETECTED"))
_BLOCKED: Final = "output_metrics_is_message_blocked"
_IGNORED_KEYS: Final = ignored_keys("output_metrics_is_message_with_no_answer:flag log_type user_message_id")


def _is_message(fields: Fields) -> bool:
    return type(fields.get("application_id")) is str and "conversation_id" in fields and "log_type" in fields


def _read_verdict(fields: Fields, event: AuditEvent) -> None:
    """Read whether the message was blocked: a flag, or 0 or 1."""
    blocked = fields.get(_BLOCKED)
    if type(blocked) not in (bool, int) or blocked not in (0, 1):
        return
    drop_known(fields, _BLOCKED, Why.DUPLICATE)
    event.guardrail = Guardrail(action=GuardrailAction.BLOCKED if blocked else GuardrailAction.NONE)
    if blocked:
        event.outcome_status = Outcome.CONTENT_FILTERED


def parse(fields: Fields) -> AuditEvent:
    """Read one record."""
    is_feedback = fields.get("log_type") == _FEEDBACK
    event = AuditEvent(
        kind=Kind.OTHER if is_feedback else Kind.AI_ACCESS,
        timestamp=pop_time(fields, "event_timestamp"),
        tenant_id=pop_identifier(fields, "account_id"),
        user_id=pop_identifier(fields, "user_email"),
        conversation_id=pop_identifier(fields, "conversation_id"),
        provider=Q_BUSINESS,
        operation=None if is_feedback else Operation.CHAT,
        api_operation=Constant("PutFeedback") if is_feedback else Constant("Chat"),
        request_id=pop_identifier(fields, "system_message_id"),
    )
    event.user_type = UserType.USER if event.user_id is not None else None
    event.cloud = Cloud(provider=AWS, account_id=event.tenant_id, resource=pop_identifier(fields, "application_id"))
    _read_verdict(fields, event)
    check = fields.get("hallucinated_message")
    if type(check) is str and check in _CHECKS:
        drop_known(fields, "hallucinated_message")
    if not is_feedback:
        _read_texts(fields, event)
    drop_keys(fields, _IGNORED_KEYS)
    return event


def _read_texts(fields: Fields, event: AuditEvent) -> None:
    exchange, turn = Exchange(), Turn()
    for key in _PROMPT_KEYS:
        add_prompt_content(fields, key, Role.USER, exchange)
    for key in _ANSWER_KEYS:
        turn.add_content(fields, key)
    add_completion_turn(turn, exchange)
    exchange.apply(event)


SOURCE: Final = Source(
    name="aws_q_business",
    summary="Amazon Q Business: conversation and feedback logs, delivered by CloudWatch, to S3 or Firehose.",
    stability=Stability.BETA,
    never_carries="Models, tokens, addresses; documents that were found.",
    references=(
        "https://docs.aws.amazon.com/amazonq/latest/qbusiness-ug/cw-log-examples.html",
        "https://docs.aws.amazon.com/amazonq/latest/qbusiness-ug/cw-logs-common-queries.html",
    ),
    markers={"log_type": _is_message},
    parse=parse,
)
