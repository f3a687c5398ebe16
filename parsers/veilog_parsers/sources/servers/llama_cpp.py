"""llama.cpp's server: its log lines about requests and, at higher verbosity, their bodies.

``srv log_server_r: request: POST /v1/chat/completions 127.0.0.1 200``; then, with ``--verbose``, ``request: {json}``
and ``response: {json}``. Older releases print JSON, with ``"function": "log_server_request"``. Pitfalls:

* Lines have no time and no id, so the lines of a request cannot be joined.
* Timings (``prompt eval time = ... / 56 tokens``) are separate lines, about a slot and not about a request: they stay
  unrecognized, as do all lines about the server itself.
* A server may prefix its lines with its name, or with a process id and an uptime."""

from __future__ import annotations

import re
from typing import Final

from veilog_parsers.bodies.read import open_body, read_exchange
from veilog_parsers.event import AuditEvent, Constant, Kind, Operation, SensitiveText
from veilog_parsers.record.endpoints import is_model_api, operation_at
from veilog_parsers.record.fields import drop, pop_count
from veilog_parsers.record.lines import markers, open_line, read_shipper_keys
from veilog_parsers.record.network import pop_address, pop_endpoint
from veilog_parsers.record.outcomes import outcome_of_status
from veilog_parsers.record.raw import Fields
from veilog_parsers.source import Source, Stability

LINE: Final = re.compile(
    r"log_server_r\w*: +request: (?P<llama_method>[A-Z]{3,7}) (?P<llama_path>\S{1,400}) "
    r"(?P<llama_client_ip>\S{1,64}) (?P<llama_status>\d{3})"
)
BODY: Final = re.compile(
    r"log_server_r\w*: +(?:request: +(?P<llama_request>\{.*)|response: +(?P<llama_response>\{.*))", re.DOTALL
)
_CALL: Final = re.compile(r"log_server_r\w*: +re(?:quest: [A-Z]{3,7} (\S{1,400}) |(?:quest|sponse): +\{)")
_CALLS: Final = {
    "/completion": Operation.TEXT_COMPLETION,
    "/completions": Operation.TEXT_COMPLETION,
    "/chat/completions": Operation.CHAT,
    "/infill": Operation.TEXT_COMPLETION,
    "/embedding": Operation.EMBEDDINGS,
    "/embeddings": Operation.EMBEDDINGS,
    "/rerank": Operation.RETRIEVAL,
    "/reranking": Operation.RETRIEVAL,
    "/api/chat": Operation.CHAT,
}
_JSON_NAMES: Final = {
    "path": "llama_path",
    "remote_addr": "llama_client_ip",
    "status": "llama_status",
    "method": "llama_method",
}


def _is_call(path: object) -> bool:
    return type(path) is str and (path.partition("?")[0] in _CALLS or is_model_api(path))


def _is_llama_line(head: str) -> bool:
    call = _CALL.search(head) if "log_server_r" in head else None
    # Behind a brace it is the line of a record around it.
    return call is not None and "{" not in head[: call.start()] and (call[1] is None or _is_call(call[1]))


def _is_json_line(fields: Fields) -> bool:
    return fields.get("function") == "log_server_request" and _is_call(fields.get("path"))


def parse(fields: Fields) -> AuditEvent:
    """Read one line."""
    if fields.get("function") == "log_server_request":
        for old, name in _JSON_NAMES.items():
            if old in fields and name not in fields:
                fields[name] = fields.pop(old)
        drop(fields, "function", "id_slot", "line", "msg", "params", "pid", "remote_port", "tid")
    else:
        open_line(fields, LINE, BODY)
    event = AuditEvent(kind=Kind.OTHER)
    endpoint = pop_endpoint(fields, "llama_path")
    if endpoint is not None:
        event.kind = Kind.AI_ACCESS
        event.endpoint = SensitiveText(endpoint)
        event.operation = _CALLS.get(endpoint) or operation_at(endpoint)
    event.client_ip = pop_address(fields, "llama_client_ip")
    event.http_status = pop_count(fields, "llama_status")
    event.outcome_status = outcome_of_status(event.http_status)
    if "llama_request" in fields or "llama_response" in fields:
        event.kind = Kind.AI_ACCESS
        read_exchange(open_body(fields, "llama_request"), open_body(fields, "llama_response")).apply(event)
    if event.kind is Kind.AI_ACCESS:
        event.provider = Constant("llama.cpp")
    read_shipper_keys(fields, event)
    drop(fields, "llama_method")
    return event


SOURCE: Final = Source(
    name="llama_cpp",
    summary="llama.cpp's server lines about requests and, where it is verbose, their bodies.",
    stability=Stability.BETA,
    never_carries="Users and durations; texts and token counts, unless it is verbose.",
    references=("https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md",),
    markers=markers(_is_llama_line, "llama_path", "llama_request", "llama_response", prints_json=True)
    | {"function": _is_json_line},
    parse=parse,
)
