"""What AWS logs have in common: callers and models named by ARNs, and error codes.

An ARN is ``arn:<partition>:<service>:<region>:<account>:<resource>``, and the resource mostly a path whose first
segment is its type. Accounts may be masked (``<redacted>``), so an ARN is split, not validated.
"""

from __future__ import annotations

from typing import Any, Final

from veilog_parsers.event import AuditEvent, CleanText, Outcome, SensitiveText, UserType
from veilog_parsers.outcomes import outcome_of_error
from veilog_parsers.record import Fields
from veilog_parsers.take import identifier, peek, take_identifier

AWS: Final = CleanText("aws")
BEDROCK: Final = CleanText("aws.bedrock")

_PRINCIPALS: Final = {
    "assumed-role": UserType.ROLE,
    "role": UserType.ROLE,
    "user": UserType.USER,
    "federated-user": UserType.USER,
    "root": UserType.USER,
}
_SSO_ROLE: Final = "AWSReservedSSO_"
"""Prefix of the roles in which people work who sign in with IAM Identity Center; the session is named after them."""


def resource_of(arn: Any) -> list[str]:
    """The segments of the resource that an ARN names; none if it is no ARN."""
    parts = arn.split(":", 5) if type(arn) is str and arn.startswith("arn:") else []
    return parts[5].split("/") if len(parts) == 6 else []


def read_principal(arn: Any, event: AuditEvent) -> None:
    """Fill in the user type, the name and, for an assumed role, the session, as far as the caller's ARN tells them."""
    kind, *names = resource_of(arn) or [""]
    event.user_type = _PRINCIPALS.get(kind)
    if kind == "assumed-role" and len(names) > 1:
        event.session_id = identifier(names[-1])
        event.user_name = identifier(names[0])
        if names[0].startswith(_SSO_ROLE):
            event.user_type, event.user_name = UserType.USER, event.session_id
    elif event.user_type is not None:
        event.user_name = identifier(names[-1] if names else kind)


def take_model(fields: Fields, *path: str) -> tuple[SensitiveText | None, SensitiveText | None]:
    """Pop a model id: the model's name, and the resource if it was called by an ARN (a profile, an endpoint ...).

    The name is the last segment of the ARN: that of a foundation model or a system-defined profile is the model's id.
    """
    value = peek(fields, *path)
    name = take_identifier(fields, *path)
    resource = resource_of(value)
    return (identifier(resource[-1]), name) if name and resource else (name, None)


def take_error(fields: Fields, event: AuditEvent) -> None:
    """Pop the error code, which only failed calls have. The message beside it may quote the request: it is left."""
    code = fields.get("errorCode")
    event.error_code = take_identifier(fields, "errorCode")
    if not code:
        event.outcome_status = Outcome.SUCCESS
    else:
        event.outcome_status = outcome_of_error(code) if type(code) is str else Outcome.FAILURE
