"""Open WebUI: its audit log, one entry for each request that changes something or asks a model.

An entry has the caller, the path and, at the levels ``REQUEST`` and ``REQUEST_RESPONSE``, the bodies as texts. A
request to a model (``/api/chat/completions``, ``/ollama/api/chat`` and others) is an access. Everything else (logins,
settings, saved chats) is control plane: its bodies are left in the record. Pitfalls:

* Bodies are cut off at ``MAX_BODY_LOG_SIZE``, 2 KB by default.
* A streamed response is a text of server-sent events. The interface streams by a web socket instead: then the response
  is only the id of a task.
* ``request_uri`` is the whole URL. Passwords are masked, keys in settings are not.

(From backend/open_webui/utils/audit.py and utils/logger.py of the repository, version 0.6, read 2026-11-26.)
"""

from __future__ import annotations

from typing import Final

from veilog_parsers.event import AuditEvent, Kind, Operation, Outcome
from veilog_parsers.record.fields import drop_keys, ignored_keys, open_json, paths
from veilog_parsers.record.network import without_query
from veilog_parsers.record.raw import Fields
from veilog_parsers.source import Source, Stability
from veilog_parsers.sources.dialect import Dialect, parser_of, put
from veilog_parsers.sources.facts import facts, text_of

_FACTS: Final = facts("""
    timestamp               timestamp
    request_id              id
    user_id                 user/email user/id
    user_name               user/name
    client_ip               source_ip
    user_agent              user_agent
    endpoint                request_uri
    api_operation           verb
    http_status             response_status_code
    session_id              asked/session_id
    conversation_id         asked/chat_id
""")
_IGNORED_KEYS: Final = ignored_keys("audit_level extra:plain user:plain")
_IGNORED_BODY_KEYS: Final = ignored_keys(
    """
    background_tasks:plain features:plain filter_ids:plain id message_id model_item:plain parent_id tool_ids:plain
    tool_servers:plain
    """
)
_REFUSED: Final = (400, 401, 403)
"""Statuses of a login that was refused: Open WebUI answers a wrong password with 400."""
_ENDPOINTS: Final = (
    ("/chat/completions", Operation.CHAT),
    ("/ollama/api/chat", Operation.CHAT),
    ("/api/message", Operation.CHAT),
    ("/v1/messages", Operation.CHAT),
    ("/v1/responses", Operation.CHAT),
    ("/api/generate", Operation.TEXT_COMPLETION),
    ("/completions", Operation.TEXT_COMPLETION),
    ("/embeddings", Operation.EMBEDDINGS),
    ("/api/embed", Operation.EMBEDDINGS),
    ("/images/generations", Operation.IMAGE_GENERATION),
)
"""How the paths of its model APIs end: its own and those that it passes on to Ollama and OpenAI."""


def _is_entry(fields: Fields) -> bool:
    return "request_uri" in fields and "verb" in fields


def _operation_at(uri: object) -> Operation | None:
    path = without_query(uri).rstrip("/") if type(uri) is str else ""
    return next((operation for ending, operation in _ENDPOINTS if path.endswith(ending)), None)


def _prepare(fields: Fields) -> None:
    """Take the bodies of a request to a model apart from those of other requests, which have no prompts."""
    if _operation_at(fields.get("request_uri")) is None:
        return
    for old, new in (("request_object", "asked"), ("response_object", "answered")):
        if fields.get(old):
            put(fields, new, fields.pop(old))
            open_json(fields, new)


def _finish(fields: Fields, event: AuditEvent) -> None:
    operation = _operation_at(text_of(event.endpoint))
    event.operation = operation or event.operation
    event.kind = Kind.AI_CONTROL_PLANE if operation is None else Kind.AI_ACCESS
    if operation is None and "/auths/" in text_of(event.endpoint) and event.http_status in _REFUSED:
        event.outcome_status = Outcome.DENIED
    for key in ("request_object", "response_object"):
        if fields.get(key) == "":
            del fields[key]
    if type(fields.get("asked")) is dict:
        drop_keys(fields["asked"], _IGNORED_BODY_KEYS)


SOURCE: Final = Source(
    name="open_webui",
    summary="Open WebUI's audit log: requests to models, and every change of settings, users and chats.",
    stability=Stability.BETA,
    never_carries="What is longer than the limit of the log; responses that were streamed by a web socket.",
    references=(
        "https://docs.openwebui.com/getting-started/advanced-topics/logging/",
        "https://github.com/open-webui/open-webui/blob/main/backend/open_webui/utils/audit.py",
    ),
    markers={"audit_level": _is_entry},
    parse=parser_of(
        Dialect(
            facts=_FACTS,
            inputs=paths("asked"),
            outputs=paths("answered"),
            ignored=_IGNORED_KEYS,
            prepare=_prepare,
            finish=_finish,
        )
    ),
)
