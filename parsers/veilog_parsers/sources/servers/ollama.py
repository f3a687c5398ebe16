"""Ollama's access lines, which its web framework Gin prints.

``[GIN] 2026/02/21 - 12:10:32 | 200 | 16.29070111s | 127.0.0.1 | POST "/api/chat"``: address, time, path, status and
duration, but neither model nor prompt. The time is local and without a zone, so the shipper's time is preferred.
Durations are in Go's format. Other servers use Gin too, so a line is Ollama's only if its path is one of Ollama's.

If a gateway logs bodies of Ollama's API, ``openai_gateway`` reads them.
"""

from __future__ import annotations

import re
from typing import Final

from veilog_parsers.event import AuditEvent, Constant, Kind, Operation, SensitiveText
from veilog_parsers.record.endpoints import is_model_api, operation_at
from veilog_parsers.record.fields import drop, pop_count
from veilog_parsers.record.lines import markers, open_line, read_shipper_keys
from veilog_parsers.record.network import pop_address, pop_endpoint
from veilog_parsers.record.outcomes import outcome_of_status
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import pop_duration
from veilog_parsers.source import Source, Stability

LINE: Final = re.compile(
    r"\[GIN\] (?P<gin_time>\d{4}/\d\d/\d\d - \d\d:\d\d:\d\d) \| +(?P<gin_status>\d{3}) \| +"
    r"(?P<gin_latency>[0-9hmnsuµμ.]+) \| +(?P<gin_client_ip>[0-9A-Fa-f.:]+) \| +(?P<gin_method>[A-Z]+) +"
    r'"(?P<gin_path>[^"]*)"'
)
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
        return False
    path = _PATH.search(head)
    return path is not None and (path[1] in _CALLS or path[1] in _MANAGEMENT or is_model_api(path[1]))


def parse(fields: Fields) -> AuditEvent:
    """Read one line."""
    open_line(fields, LINE)
    event = AuditEvent(kind=Kind.OTHER)
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


SOURCE: Final = Source(
    name="ollama",
    summary="Ollama's access lines.",
    stability=Stability.STABLE,
    never_carries="Prompts, responses, models, tokens and users: Ollama does not print them.",
    references=("https://github.com/ollama/ollama/blob/main/docs/troubleshooting.md",),
    markers=markers(_is_ollama_line, "gin_path"),
    parse=parse,
)
