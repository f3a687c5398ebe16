"""Ollama's access lines, which its web framework Gin prints, and its debug lines with prompts.

``[GIN] 2026/02/21 - 12:10:32 | 200 | 16.29070111s | 127.0.0.1 | POST "/api/chat"``: address, time, path, status and
duration, but neither model nor prompt. The time is local and without a zone, so the shipper's time is preferred.
Durations are in Go's format. Other servers use Gin too, so a line is Ollama's only if its path is one of Ollama's.

With ``OLLAMA_DEBUG=1`` older releases print the prompt of each request, the whole chat in the model's template
(``time=... level=DEBUG source=routes.go:1463 msg="chat request" images=0 prompt="..."``), and with ``OLLAMA_DEBUG=2``
newer ones do (``level=TRACE ... msg="completion request"``). The prompt is quoted as Go quotes strings, and counts as
one turn of the user. Current releases print only how long it is (``prompt_len``); with ``OLLAMA_DEBUG_LOG_REQUESTS``
they write each request into a file of its own. Lines from Ollama's source as of 2026-11-26.

If a gateway logs bodies of Ollama's API, ``openai_gateway`` reads them.
"""

from __future__ import annotations

import re
from typing import Final

from veilog_parsers.event import AuditEvent, Constant, Kind, Message, Operation, Role, SensitiveText
from veilog_parsers.record.endpoints import is_model_api, operation_at
from veilog_parsers.record.fields import drop, pop_count, pop_str
from veilog_parsers.record.lines import markers, open_line, read_shipper_keys
from veilog_parsers.record.network import pop_address, pop_endpoint
from veilog_parsers.record.outcomes import outcome_of_status
from veilog_parsers.record.python_repr import unquote
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import pop_duration
from veilog_parsers.source import Source, Stability

LINE: Final = re.compile(
    r"\[GIN\] (?P<gin_time>\d{4}/\d\d/\d\d - \d\d:\d\d:\d\d) \| +(?P<gin_status>\d{3}) \| +"
    r"(?P<gin_latency>[0-9hmnsuµμ.]+) \| +(?P<gin_client_ip>[0-9A-Fa-f.:]+) \| +(?P<gin_method>[A-Z]+) +"
    r'"(?P<gin_path>[^"]*)"'
)
DEBUG: Final = re.compile(
    r"(?:time=(?P<slog_time>\S{1,40}) )?level=(?:DEBUG|TRACE)\S{0,4} (?:source=\S{1,128} )?"
    r'msg="(?P<slog_message>(?:llama-server )?(?:chat|generate|completion) request)"(?P<slog_rest>.{0,256}?)'
    r" (?:prompt=(?P<slog_prompt>\"[^\"\\]*+(?:\\.[^\"\\]*+)*+\"?|[^\s\"]+)"
    r"|prompt_len=(?P<slog_prompt_chars>\d{1,12}))",
    re.DOTALL,
)
_DEBUG_CALLS: Final = {
    "chat request": Operation.CHAT,
    "generate request": Operation.TEXT_COMPLETION,
    "completion request": Operation.TEXT_COMPLETION,
}
_IMAGES: Final = re.compile(r" (?:images|media)=(\d{1,6})(?= |$)")
_CALLS: Final = {
    "/api/chat": Operation.CHAT,
    "/api/generate": Operation.TEXT_COMPLETION,
    "/api/embed": Operation.EMBEDDINGS,
    "/api/embeddings": Operation.EMBEDDINGS,
}
_MANAGEMENT: Final = frozenset(
    f"/api/{name}" for name in ("pull", "push", "create", "delete", "copy", "show", "tags", "ps", "version")
)
_PATH: Final = re.compile(r'"([^"?]{0,400})')


def _is_ollama_line(head: str) -> bool:
    if "[GIN]" not in head:
        return ' request"' in head and DEBUG.search(head) is not None
    path = _PATH.search(head)
    return path is not None and (path[1] in _CALLS or path[1] in _MANAGEMENT or is_model_api(path[1]))


def parse(fields: Fields) -> AuditEvent:
    """Read one line."""
    open_line(fields, LINE, DEBUG)
    event = AuditEvent(kind=Kind.OTHER)
    if "slog_message" in fields:
        return _read_debug(fields, event)
    endpoint = pop_endpoint(fields, "gin_path")
    if endpoint is not None:
        event.endpoint = SensitiveText(endpoint)
        event.operation = _CALLS.get(endpoint) or operation_at(endpoint)
        event.provider = Constant("ollama")
        event.kind = Kind.AI_CONTROL_PLANE if endpoint in _MANAGEMENT else Kind.AI_ACCESS
    event.client_ip = pop_address(fields, "gin_client_ip")
    event.http_status = pop_count(fields, "gin_status")
    event.outcome_status = outcome_of_status(event.http_status)
    event.latency_ms = pop_duration(fields, "gin_latency")
    read_shipper_keys(fields, event, "gin_time")
    drop(fields, "gin_method")
    return event


def _read_debug(fields: Fields, event: AuditEvent) -> AuditEvent:
    """Read a debug line with the prompt of a request, or its length."""
    held = fields["slog_message"]
    message = held.removeprefix("llama-server ") if type(held) is str else ""
    if message in _DEBUG_CALLS:
        del fields["slog_message"]
        event.api_operation = SensitiveText(message.replace(" ", "_"))
    event.kind, event.provider = Kind.AI_ACCESS, Constant("ollama")
    event.operation = _DEBUG_CALLS.get(message)
    literal = pop_str(fields, "slog_prompt")
    if literal is not None and not (literal.isdecimal() and message == "completion request"):
        # Some releases print the length of the prompt under the same name.
        text = unquote(literal) if literal[:1] == '"' else literal
        event.prompt_messages = [Message(Role.USER, [SensitiveText(text)])] if text else []
    images = _IMAGES.search(rest) if type(rest := fields.get("slog_rest")) is str else None
    if images is not None:
        event.attachments = int(images[1]) or None
    read_shipper_keys(fields, event, "slog_time")
    drop(fields, "slog_rest", "slog_prompt_chars")
    return event


SOURCE: Final = Source(
    name="ollama",
    summary="Ollama's access lines, and its debug lines with prompts.",
    stability=Stability.STABLE,
    never_carries="Responses, models, tokens and users; prompts, but in debug lines of some releases.",
    references=("https://github.com/ollama/ollama/blob/main/docs/troubleshooting.md",),
    markers=markers(_is_ollama_line, "gin_path", "slog_message"),
    parse=parse,
)
