"""agentgateway: its request log, in JSON or as text, with keys of OpenTelemetry's GenAI conventions and its own.

A line is ``<time>\\tinfo\\trequest key=value key="value" ...``; with ``logging.format: json`` the same pairs are an
object, with ``time``, ``level`` and ``scope`` beside them. One log has calls of models, of MCP servers and of agents
(A2A), and ordinary HTTP requests: ``protocol`` tells. Pitfalls:

* Prompts are logged only if the operator adds them, usually as ``gen_ai.prompt`` and ``gen_ai.completion``, whole or
  flattened (``gen_ai.prompt.0.content``).
* Durations have Go's form (``1213ms``); ``agw.ai.time_to_first_token`` is in seconds.
* ``error`` is a text and may quote the request: it is left in the record.

(From crates/agentgateway/src/telemetry/log.rs and crates/core/src/telemetry.rs of the repository, read 2026-11-26.)
"""

from __future__ import annotations

import re
from typing import Any, Final

from veilog_parsers.event import AuditEvent, Kind, Operation
from veilog_parsers.record.decoding import decode_one, keep_under
from veilog_parsers.record.dropped import DUPLICATE, note_dropped
from veilog_parsers.record.fields import ignored_keys, paths, withhold
from veilog_parsers.record.lines import LINE_KEYS, LineTest, find_line
from veilog_parsers.record.prose import may_hold_prose
from veilog_parsers.record.raw import Fields
from veilog_parsers.source import Source, Stability
from veilog_parsers.sources.dialect import Dialect, parser_of
from veilog_parsers.sources.facts import facts, text_of

_FACTS: Final = facts("""
    timestamp               time
    client_ip               src.addr
    user_id                 jwt.sub src.identity
    endpoint                http.path
    deployment              endpoint
    request_id              request.id
    trace_id                trace.id
    span_id                 span.id
    session_id              mcp.session.id
    conversation_id         a2a.context.id
    http_status             http.status
    latency_ms:go           duration
    time_to_first_token_ms:s agw.ai.time_to_first_token
    retries                 retry.attempt
    provider                gen_ai.provider.name
    operation               gen_ai.operation.name
    model_name              gen_ai.request.model
    model_version           gen_ai.response.model
    input_tokens            gen_ai.usage.input_tokens
    output_tokens           gen_ai.usage.output_tokens
    cached_input_tokens     gen_ai.usage.cache_read.input_tokens
    cache_write_tokens      gen_ai.usage.cache_creation.input_tokens
    reasoning_tokens        gen_ai.usage.reasoning_tokens
    input_audio_tokens      gen_ai.usage.input_audio_tokens
    output_audio_tokens     gen_ai.usage.output_audio_tokens
    output_image_tokens     gen_ai.usage.output_image_tokens
    cost_usd                agw.ai.usage.cost.total
    api_operation           a2a.method
    error_code              mcp.error.code a2a.response.error_code
    mcp.method              mcp.method.name
    mcp.server              mcp.target
    mcp.tool                gen_ai.tool.name
""")
_IGNORED_KEYS: Final = ignored_keys(
    """
    a2a.response.outcome a2a.result.kind a2a.task.state agw.ai.time_per_output_token:number connection.id
    gateway gen_ai.embeddings.dimension.count:number gen_ai.prompt.name gen_ai.request.encoding_formats
    gen_ai.request.frequency_penalty:number gen_ai.request.max_tokens:number gen_ai.request.presence_penalty:number
    gen_ai.request.seed:number gen_ai.request.temperature:number gen_ai.request.top_p:number grpc.status:number
    http.host http.method http.version inferencepool.selected_endpoint level listener mcp.resource.type protocol
    _p container_id container_name filename kubernetes:plain logtag reason route route_rule scope stream tls.sni
    """
)
_LINE: Final = re.compile(r"(\S{19,35})\t(\w{4,5})\trequest (?=\S+=)")
_PAIR: Final = re.compile(r'([\w.:-]{1,128})=("(?:[^"\\]|\\.)*"|[^\s"]\S*)')
_TURN: Final = re.compile(r"gen_ai\.(prompt|completion)\.([0-9]{1,4})\.(role|content)")
_MAX_TURNS: Final = 1000
_MCP_CALLS: Final = {
    "tools/call": Operation.EXECUTE_TOOL,
    "resources/read": Operation.RETRIEVAL,
    "prompts/get": None,
    "completion/complete": None,
    "sampling/createMessage": Operation.CHAT,
}
"""Methods that carry texts of users or for models. The others (lists, handshakes) are control plane."""


def _is_line(head: str) -> bool:
    return "\trequest " in head and "src.addr=" in head and _LINE.match(head) is not None


def _is_record(fields: Fields) -> bool:
    return fields.get("scope") == "request" and ("src.addr" in fields or "http.path" in fields)


def _prepare(fields: Fields) -> None:
    """Open a line, and gather flattened turns of a prompt and a completion."""
    key, line = find_line(fields)
    found = _LINE.match(line) if key else None
    if found is not None:
        del fields[key]
        rest = _PAIR.sub("", line[found.end() :]).strip()
        pairs = [("time", found[1]), ("level", found[2]), *_PAIR.findall(line, found.end())]
        for name, value in pairs:
            _add(fields, name, _unquoted(value))
        if rest:
            fields["text_between"] = rest
            withhold(fields, "text_between")
    for side in ("prompt", "completion"):
        turns = _gathered(fields, side)
        if turns:
            fields.setdefault(f"gen_ai.{side}", turns)


def _add(fields: Fields, name: str, value: Any) -> None:
    """Add a value of the line. What the record has beside the line counts; the line's own is kept if it is prose."""
    if name not in fields:
        fields[name] = value
    elif value != fields[name] and may_hold_prose(value):
        keep_under(fields, name, value)
    else:
        note_dropped(name, value, DUPLICATE)


def _unquoted(value: str) -> Any:
    return decode_one(value) if value.startswith('"') and _is_plain_quote(value) else value


def _is_plain_quote(value: str) -> bool:
    """Whether a quoted value is JSON too: Rust's quotation differs from it in a few escapes."""
    return re.fullmatch(r'"(?:[^"\\\x00-\x1f]|\\["\\nrt])*"', value) is not None


def _gathered(fields: Fields, side: str) -> list[Fields]:
    turns: dict[int, Fields] = {}
    for key in list(fields):
        found = _TURN.fullmatch(key)
        if found is not None and found[1] == side and len(turns) < _MAX_TURNS:
            turns.setdefault(int(found[2]), {})[found[3]] = fields.pop(key)
    return [turns[number] for number in sorted(turns)]


def _finish(_fields: Fields, event: AuditEvent) -> None:
    if event.mcp is not None and event.mcp.method is not None:
        method = text_of(event.mcp.method)
        event.api_operation = event.api_operation or event.mcp.method
        event.operation = event.operation or _MCP_CALLS.get(method)
        event.kind = Kind.AI_ACCESS if method in _MCP_CALLS else Kind.AI_CONTROL_PLANE
    elif not any(
        (event.provider, event.model_name, event.api_operation, event.prompt_messages, event.response_messages)
    ):
        event.kind = Kind.OTHER


SOURCE: Final = Source(
    name="agentgateway",
    summary="agentgateway's request log, as text or JSON: calls of models, MCP servers and agents.",
    stability=Stability.BETA,
    never_carries="Prompts, responses and tool arguments, unless the operator adds them to the log.",
    references=(
        "https://agentgateway.dev/docs/standalone/latest/reference/observability/logs/",
        "https://github.com/agentgateway/agentgateway/blob/main/crates/agentgateway/src/telemetry/log.rs",
    ),
    markers={**dict.fromkeys(LINE_KEYS, LineTest(_is_line)), "scope": _is_record},
    parse=parser_of(
        Dialect(
            facts=_FACTS,
            inputs=paths("gen_ai.prompt gen_ai.input.messages llm.prompt"),
            outputs=paths("gen_ai.completion gen_ai.output.messages llm.completion"),
            name=("gen_ai.tool.name",),
            kinds=paths("gen_ai.operation.name"),
            ignored=_IGNORED_KEYS,
            prepare=_prepare,
            finish=_finish,
        )
    ),
)
