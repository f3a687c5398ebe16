"""What the parsers of AWS logs share: callers and models named by ARNs, error codes, and bodies.

An ARN is ``arn:<partition>:<service>:<region>:<account>:<resource>``, and its resource is mostly a path that begins
with the resource's type. Accounts may be masked (``<redacted>``), so an ARN is split, not validated.

Bodies are a model's (see ``bodies.bedrock``), JSON-RPC of the Model Context Protocol, or any JSON, if a customer has
built the agent or endpoint. AWS may log a placeholder instead of a text that it hides.
"""

from __future__ import annotations

from typing import Any, Final

from veilog_parsers.bodies import bedrock
from veilog_parsers.bodies.errors import read_error
from veilog_parsers.bodies.exchange import Exchange
from veilog_parsers.bodies.turns import Turn, add_completion_turn, pop_serialized
from veilog_parsers.event import AuditEvent, Constant, Operation, Outcome, Role, SensitiveText, UserType
from veilog_parsers.record.fields import as_identifier, drop, drop_known, peek, pop_identifier, remainder
from veilog_parsers.record.outcomes import outcome_of_error
from veilog_parsers.record.raw import Fields

AWS: Final = Constant("aws")
BEDROCK: Final = Constant("aws.bedrock")
SAGEMAKER: Final = Constant("aws.sagemaker")

_PLACEHOLDERS: Final = frozenset(("HIDDEN_DUE_TO_SECURITY_REASONS", "REDACTED", "***"))
"""Placeholders that AWS logs instead of a text."""

_PRINCIPALS: Final = {
    "assumed-role": UserType.ROLE,
    "role": UserType.ROLE,
    "user": UserType.USER,
    "federated-user": UserType.USER,
    "root": UserType.USER,
}
_SSO_ROLE: Final = "AWSReservedSSO_"
"""Prefix of the roles of people who sign in with IAM Identity Center. Their sessions have their names."""


def resource_of(arn: Any) -> list[str]:
    """The segments of the resource in an ARN; an empty list if the value is no ARN."""
    parts = arn.split(":", 5) if type(arn) is str and arn.startswith("arn:") else []
    return parts[5].split("/") if len(parts) == 6 else []


def read_principal(arn: Any, event: AuditEvent) -> None:
    """Read the user type, the name and, for an assumed role, the session from the caller's ARN."""
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
    """Pop a model id. Returns the model's name, and the ARN if the id is one (of a profile or an endpoint).

    The name is the last segment of the ARN: for foundation models and system-defined profiles it is the model's id.
    """
    value = peek(fields, *path)
    name = pop_identifier(fields, *path)
    resource = resource_of(value)
    return (as_identifier(resource[-1]), name) if name and resource else (name, None)


def pop_error_code(fields: Fields, event: AuditEvent) -> None:
    """Pop the error code, which only failed calls have. The message beside it stays, since it may quote the request."""
    code = fields.get("errorCode")
    event.error_code = pop_identifier(fields, "errorCode")
    if not code:
        event.outcome_status = Outcome.SUCCESS
    else:
        event.outcome_status = outcome_of_error(code) if type(code) is str else Outcome.FAILURE


def parent_without_placeholder(fields: Fields, path: tuple[str, ...]) -> Fields:
    """The object that has the last key of a path; empty if there is none. A placeholder under the key is dropped."""
    holder = peek(fields, *path[:-1]) if len(path) > 1 else fields
    if type(holder) is not dict:
        return {}
    value = holder.get(path[-1])
    if type(value) is str and value in _PLACEHOLDERS:
        drop_known(holder, path[-1])
    return holder


def read_request(holder: Fields, key: str, exchange: Exchange) -> None:
    """Consume a request body: a model's, or a gateway's JSON-RPC call, whose text is the arguments of a tool."""
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
    """Consume a call of a tool: its arguments are the prompt."""
    turn = Turn()
    turn.add_tool_call(call)
    exchange.add_prompt(Role.USER, turn.text_parts)
    exchange.tool_calls.extend(turn.tool_calls)


def read_response(holder: Fields, key: str, exchange: Exchange) -> None:
    """Consume a response body: a model's, or the JSON-RPC result of a tool, which may say that the tool failed."""
    body = bedrock.open_body(holder, key)
    if not _is_rpc(body):
        bedrock.read_response(body, exchange)
        return
    read_error(body, exchange)
    read_result(parent_without_placeholder(body, ("result", "content")), exchange)
    drop(body, "jsonrpc", "id")


def read_result(result: Fields, exchange: Exchange) -> None:
    """Consume the result of a tool."""
    exchange.failed = exchange.failed or result.get("isError") is True
    drop(result, "isError")
    turn = Turn()
    turn.add_content(result, "content")
    turn.add_tool_result(result, "structuredContent")
    add_completion_turn(turn, exchange)


def read_any_request(holder: Fields, key: str, exchange: Exchange) -> None:
    """``read_request`` for bodies that may be any JSON: a body in which no reader finds a text is one text."""
    turns_before, is_rpc = len(exchange.prompt), _is_rpc(bedrock.open_body(holder, key))
    read_request(holder, key, exchange)
    text = None if is_rpc or len(exchange.prompt) > turns_before else _whole(holder, key)
    if text:
        exchange.add_prompt(Role.USER, [text])


def read_any_response(holder: Fields, key: str, exchange: Exchange) -> None:
    """``read_response`` for bodies that may be any JSON. The message of an error is no text of the model."""
    turns_before, is_rpc = len(exchange.response), _is_rpc(bedrock.open_body(holder, key))
    read_response(holder, key, exchange)
    text = None if is_rpc or exchange.failed or len(exchange.response) > turns_before else _whole(holder, key)
    if text:
        exchange.add_completion([text])


def _is_rpc(body: Any) -> bool:
    return type(body) is dict and "jsonrpc" in body


def _whole(holder: Fields, key: str) -> SensitiveText | None:
    """Pop the rest of a body as one text; None if nothing is left."""
    return pop_serialized(holder, key) if remainder({key: holder.get(key)}) else None
