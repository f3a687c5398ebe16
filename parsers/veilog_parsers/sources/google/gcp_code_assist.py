"""Gemini Code Assist's and Cloud Assist's logs: prompts, responses and the use of what was suggested.

Cloud Logging has a request, a response and metadata of a call in three entries with the same ``request_id``. A chat has
messages with an ``author``. A suggestion has the files around the cursor, whose paths and contents are the prompt. Keys
of files are in snake case or camel case. Metadata tell that a suggestion was shown or accepted, and how many lines: no
call of a model, so ``other``; what the model was asked is in the entry of the request.

Format: cloud.google.com/gemini/docs/log-gemini, read 2026-11-26. The keys of a response to a suggestion are not
documented: what a response has besides messages is read as one text.
"""

from __future__ import annotations

from typing import Any, Final

from veilog_parsers.bodies.exchange import Exchange
from veilog_parsers.bodies.read import open_body
from veilog_parsers.bodies.rest import add_unread_completion, add_unread_prompt
from veilog_parsers.bodies.turns import Turn, add_completion_turn, add_prompt_content
from veilog_parsers.event import AuditEvent, Constant, Kind, Operation, Outcome, Role, UserType
from veilog_parsers.record.fields import dicts, drop, drop_keys, ignored_keys, peek, pop_identifier
from veilog_parsers.record.raw import Fields
from veilog_parsers.source import Source, Stability
from veilog_parsers.sources.google.entries import payload_of, payload_type, read_entry
from veilog_parsers.sources.google.gcp_audit import CODE_ASSIST

_TYPE: Final = "google.cloud.cloudaicompanion.logging."
_RESOURCE: Final = "cloudaicompanion.googleapis.com/Instance"
_KNOWN: Final = frozenset(
    (_RESOURCE, *(f"cloudaicompanion.googleapis.com/{log}" for log in ("request", "response", "metadata")))
)
_CALLS: Final = {
    "taskCompletion": (Constant("CompleteTask"), Operation.CHAT),
    "codeCompletion": (Constant("CompleteCode"), Operation.TEXT_COMPLETION),
    "codeGeneration": (Constant("GenerateCode"), Operation.TEXT_COMPLETION),
}
"""Calls by the beginning of their keys: ``taskCompletionRequest``, ``taskCompletionResponse``."""
_CONTEXTS: Final = (("inputDataContext", "additionalContext"), ("input_data_context", "additional_context"))
_FILE_TEXTS: Final = ("path", "content")
_IGNORED_FILE_KEYS: Final = ignored_keys("language state:list")
_IGNORED_MESSAGE_KEYS: Final = ignored_keys("author")
_IGNORED_LABELS: Final = ignored_keys("client_version method product")


def _is_entry(fields: Fields) -> bool:
    return payload_type(fields).startswith(_TYPE) or (
        peek(fields, "resource", "type") == _RESOURCE and bool(payload_of(fields))
    )


def _read_request(body: Any, exchange: Exchange) -> None:
    turns_before = len(exchange.prompt)
    given = peek(body, "input")
    if type(given) is dict:
        add_prompt_content(given, "preamble", Role.SYSTEM, exchange)
        for message in dicts(given.get("messages")):
            role = Role.ASSISTANT if message.get("author") == "MODEL" else Role.USER
            add_prompt_content(message, "content", role, exchange)
            drop_keys(message, _IGNORED_MESSAGE_KEYS)
    for path in _CONTEXTS:
        for file in dicts(peek(body, *path, "files")):
            for key in _FILE_TEXTS:
                add_prompt_content(file, key, Role.USER, exchange)
            for segment in dicts(file.get("segments")):
                add_prompt_content(segment, "content", Role.USER, exchange)
            drop_keys(file, _IGNORED_FILE_KEYS)
    add_unread_prompt(body, exchange, turns_before)


def _read_response(body: Any, exchange: Exchange) -> None:
    turns_before, turn = len(exchange.response), Turn()
    for message in dicts(peek(body, "output", "messages")):
        turn.add_content(message, "content")
        drop_keys(message, _IGNORED_MESSAGE_KEYS)
    add_completion_turn(turn, exchange)
    add_unread_completion(body, exchange, turns_before)


def _read_calls(payload: Fields, event: AuditEvent) -> bool:
    """Read requests and responses; tells whether there is one."""
    exchange, found = Exchange(), False
    for call, (name, operation) in _CALLS.items():
        request, response = open_body(payload, f"{call}Request"), open_body(payload, f"{call}Response")
        if request or response:
            found, event.operation, event.api_operation = True, operation, name
        if request:
            _read_request(request, exchange)
        if response:
            _read_response(response, exchange)
            event.outcome_status = Outcome.SUCCESS
    exchange.apply(event)
    return found


def parse(fields: Fields) -> AuditEvent:
    """Read one record."""
    payload = payload_of(fields)
    event = AuditEvent(provider=CODE_ASSIST)
    event.kind = Kind.AI_ACCESS if _read_calls(payload, event) else Kind.OTHER
    labels = fields.get("labels")
    labels = labels if type(labels) is dict else {}
    event.user_id = pop_identifier(labels, "user_id")
    event.user_type = UserType.USER if event.user_id is not None else None
    event.request_id = pop_identifier(labels, "request_id") or pop_identifier(payload, "requestId")
    event.user_agent = pop_identifier(labels, "client_name") or pop_identifier(payload, "clientName")
    if event.api_operation is None:
        event.api_operation = pop_identifier(labels, "method")
    drop_keys(labels, _IGNORED_LABELS)
    read_entry(fields, event, known=_KNOWN)
    drop(payload, "@type")
    return event


SOURCE: Final = Source(
    name="gcp_code_assist",
    summary="Gemini Code Assist and Cloud Assist: prompts, responses and metadata in Cloud Logging.",
    stability=Stability.BETA,
    never_carries="The address, the model, tokens; use in GitHub.",
    references=("https://docs.cloud.google.com/gemini/docs/log-gemini",),
    markers={"jsonPayload": _is_entry},
    parse=parse,
)
