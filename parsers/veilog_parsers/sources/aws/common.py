"""What AWS logs have in common: callers and models named by ARNs, error codes, and bodies.

An ARN is ``arn:<partition>:<service>:<region>:<account>:<resource>``, and the resource mostly a path whose first
segment is its type. Accounts may be masked (``<redacted>``), so an ARN is split, not validated.

Bodies are a model's (see ``bodies.bedrock``), JSON-RPC of the Model Context Protocol, or, of agents and endpoints that
somebody built, any JSON at all. In place of a text AWS may log a word that says that it is hidden.
"""

from __future__ import annotations

from typing import Any, Final

from veilog_parsers.bodies import bedrock
from veilog_parsers.bodies.errors import read_error
from veilog_parsers.bodies.exchange import Exchange
from veilog_parsers.bodies.turns import Turn, add_completion_turn, pop_serialized
from veilog_parsers.event import AuditEvent, Constant, Operation, Outcome, Role, SensitiveText, UserType
from veilog_parsers.record.fields import as_identifier, drop, peek, pop_identifier, remainder
from veilog_parsers.record.outcomes import outcome_of_error
from veilog_parsers.record.raw import Fields

AWS: Final = Constant("aws")
BEDROCK: Final = Constant("aws.bedrock")
SAGEMAKER: Final = Constant("aws.sagemaker")

_HIDDEN: Final = frozenset(("HIDDEN_DUE_TO_SECURITY_REASONS", "REDACTED", "***"))
"""What AWS logs in place of a text."""

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
        event.session_id = as_identifier(names[-1])
        event.user_name = as_identifier(names[0])
        if names[0].startswith(_SSO_ROLE):
            event.user_type, event.user_name = UserType.USER, event.session_id
    elif event.user_type is not None:
        event.user_name = as_identifier(names[-1] if names else kind)


def pop_model(fields: Fields, *path: str) -> tuple[SensitiveText | None, SensitiveText | None]:
    """Pop a model id: the model's name, and the resource if it was called by an ARN (a profile, an endpoint ...).

    The name is the last segment of the ARN: that of a foundation model or a system-defined profile is the model's id.
    """
    value = peek(fields, *path)
    name = pop_identifier(fields, *path)
    resource = resource_of(value)
    return (as_identifier(resource[-1]), name) if name and resource else (name, None)


def pop_error_code(fields: Fields, event: AuditEvent) -> None:
    """Pop the error code, which only failed calls have. The message beside it may quote the request: it is left."""
    code = fields.get("errorCode")
    event.error_code = pop_identifier(fields, "errorCode")
    if not code:
        event.outcome_status = Outcome.SUCCESS
    else:
        event.outcome_status = outcome_of_error(code) if type(code) is str else Outcome.FAILURE


def parent_without_placeholder(fields: Fields, path: tuple[str, ...]) -> Fields:
    """The object that may have a text at the end of a path; what AWS put in place of a text is dropped from it."""
    holder = peek(fields, *path[:-1]) if len(path) > 1 else fields
    if type(holder) is not dict:
        return {}
    value = holder.get(path[-1])
    if type(value) is str and value in _HIDDEN:
        del holder[path[-1]]
    return holder


def read_request(holder: Fields, key: str, exchange: Exchange) -> None:
    """Consume a request body: a gateway's JSON-RPC call, where the arguments of a tool are the text, or a model's."""
    body = bedrock.open_body(holder, key)
    if not _is_rpc(body):
        bedrock.read_request(body, exchange)
        return
    if body.get("method") == "tools/call":
        exchange.operation = Operation.EXECUTE_TOOL
        read_call(parent_without_placeholder(body, ("params", "arguments")), exchange)
        drop(body, "method")
    drop(body, "jsonrpc", "id")


def read_call(call: Fields, exchange: Exchange) -> None:
    """Consume a call of a tool: its arguments are what was asked."""
    turn = Turn()
    turn.add_tool_call(call)
    exchange.add_prompt(Role.USER, turn.text_parts)
    exchange.tool_calls.extend(turn.tool_calls)


def read_response(holder: Fields, key: str, exchange: Exchange) -> None:
    """Consume a response body; a JSON-RPC result can say in itself that the tool failed."""
    body = bedrock.open_body(holder, key)
    if not _is_rpc(body):
        bedrock.read_response(body, exchange)
        return
    read_error(body, exchange)
    read_result(parent_without_placeholder(body, ("result", "content")), exchange)
    drop(body, "jsonrpc", "id")


def read_result(result: Fields, exchange: Exchange) -> None:
    """Consume what a tool answered."""
    exchange.failed = exchange.failed or result.get("isError") is True
    drop(result, "isError")
    turn = Turn()
    turn.add_content(result, "content")
    turn.add_tool_result(result, "structuredContent")
    add_completion_turn(turn, exchange)


def read_any_request(holder: Fields, key: str, exchange: Exchange) -> None:
    """``read_request`` for bodies that may be any JSON: one that no reader finds a text in is a text as a whole."""
    asked, is_rpc = len(exchange.prompt), _is_rpc(bedrock.open_body(holder, key))
    read_request(holder, key, exchange)
    text = None if is_rpc or len(exchange.prompt) > asked else _whole(holder, key)
    if text:
        exchange.add_prompt(Role.USER, [text])


def read_any_response(holder: Fields, key: str, exchange: Exchange) -> None:
    """``read_response`` for bodies that may be any JSON; what an error says besides its code is no answer."""
    answered, is_rpc = len(exchange.response), _is_rpc(bedrock.open_body(holder, key))
    read_response(holder, key, exchange)
    text = None if is_rpc or exchange.failed or len(exchange.response) > answered else _whole(holder, key)
    if text:
        exchange.add_completion([text])


def _is_rpc(body: Any) -> bool:
    return type(body) is dict and "jsonrpc" in body


def _whole(holder: Fields, key: str) -> SensitiveText | None:
    """Pop what is left of a body as one text; None if nothing is."""
    return pop_serialized(holder, key) if remainder({key: holder.get(key)}) else None
