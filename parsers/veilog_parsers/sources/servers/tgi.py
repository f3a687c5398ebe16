"""Text Generation Inference: the log lines of its router about generations, as text and as JSON.

``<time> INFO HTTP request{http.target=/generate ...}:generate{parameters=GenerateParameters {...}
total_time="986.5ms" ...}: text_generation_router::server: ...: Success``, and the same with ``--json-output`` in
``span`` and ``spans``. Pitfalls:

* A line never has the prompt, the response or the model, since a router serves one model. The parameters may hold texts
  (stop words, a grammar) and are withheld.
* Only with tracing there is the part about HTTP, and in it ``trace_id``, the only id.
* Durations are in Rust's format, with s, ms and µs.
* Instead of ``Success`` a line may have the message of an error, which may quote the request: it stays in ``unmapped``.

If a gateway logs bodies of TGI's API, ``openai_gateway`` reads them.
"""

from __future__ import annotations

import re
from typing import Final

from veilog_parsers.event import AuditEvent, Constant, Kind, Operation, Outcome, SensitiveText
from veilog_parsers.record.endpoints import operation_at
from veilog_parsers.record.fields import dicts, drop, drop_keys, ignored_keys, peek, pop_identifier, pop_text
from veilog_parsers.record.lines import find_line, markers, open_line, read_shipper_keys
from veilog_parsers.record.network import pop_address, pop_endpoint
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import pop_duration
from veilog_parsers.source import Source, Stability

LINE: Final = re.compile(
    r"^[^\n]{0,128}?(?P<tgi_time>\d{4}-\d\d-\d\dT[0-9:.]{8,18}Z) +(?P<tgi_level>[A-Z]{4,5}) +"
    r"(?:HTTP request\{(?P<tgi_http>[^}]{0,2000})\}:)?"
    r"(?P<tgi_span>compat_generate|generate_stream|generate|chat_completions|completions)\{(?P<tgi_parameters>.*?)\}"
    r"[\w:]{0,200}: (?P<tgi_target>text_generation_router[\w:]{0,100}): (?:[\w./-]{1,200}:\d+: )?(?P<tgi_message>.*)",
    re.DOTALL,
)
_TOTAL_TIME: Final = re.compile(r' total_time="([^"]{1,32})"')
_HTTP: Final = re.compile(r"(http\.target|http\.client_ip|http\.user_agent|trace_id)=([^ }]{1,400})")
_HTTP_NAMES: Final = {
    "http.target": "tgi_path",
    "http.client_ip": "tgi_client_ip",
    "http.user_agent": "tgi_user_agent",
    "trace_id": "tgi_trace_id",
}
_OPERATIONS: Final = {
    "compat_generate": Operation.TEXT_COMPLETION,
    "generate": Operation.TEXT_COMPLETION,
    "generate_stream": Operation.TEXT_COMPLETION,
    "completions": Operation.TEXT_COMPLETION,
    "chat_completions": Operation.CHAT,
}
_STREAMS: Final = {"generate": False, "generate_stream": True}
"""Whether a span's response was streamed; the others may be either."""
_API_OPERATIONS: Final = {name: Constant(name) for name in _OPERATIONS}
_SPAN: Final = re.compile(r"(?:^|[ :])(?:compat_generate|generate|generate_stream|chat_completions|completions)\{")
_IGNORED_KEYS: Final = ignored_keys(
    """
    fields:plain filename line_number:number span:plain spans:plain target threadId tgi_level tgi_parameters:secret
    tgi_target tgi_http:secret
    """
)


def _is_tgi_line(head: str) -> bool:
    return ("GenerateParameters" in head or "text_generation_router" in head) and _SPAN.search(head) is not None


def _is_generation(name: object) -> bool:
    return type(name) is str and name in _OPERATIONS


def _is_json(fields: Fields) -> bool:
    target = fields.get("target")
    return (
        type(target) is str
        and target.startswith("text_generation_router")
        and _is_generation(peek(fields, "span", "name"))
    )


def parse(fields: Fields) -> AuditEvent:
    """Read one line, or one record of ``--json-output``."""
    if _is_json(fields):
        _open_json(fields)
    else:
        open_line(fields, LINE)
    http = fields.get("tgi_http")
    if type(http) is str:
        for name, value in _HTTP.findall(http):
            fields.setdefault(_HTTP_NAMES[name], value)
    parameters = fields.get("tgi_parameters")
    if type(parameters) is str and (total := _TOTAL_TIME.search(parameters)):
        fields["tgi_total_time"] = total[1]
    event = AuditEvent(kind=Kind.OTHER)
    span = fields.get("tgi_span")
    if type(span) is str and _is_generation(span):
        del fields["tgi_span"]
        event.kind = Kind.AI_ACCESS
        event.provider = Constant("tgi")
        event.api_operation = _API_OPERATIONS[span]
        event.operation = _OPERATIONS[span]
        event.stream = _STREAMS.get(span)
    _read_http(fields, event)
    event.latency_ms = pop_duration(fields, "tgi_total_time")
    _read_outcome(fields, event)
    read_shipper_keys(fields, event, "tgi_time")
    drop_keys(fields, _IGNORED_KEYS)
    return event


def _open_json(fields: Fields) -> None:
    """Rename the fields of a record of ``--json-output`` to the groups of a line's pattern."""
    key, message = find_line(fields)
    if key:
        fields["tgi_message"] = message
        del fields[key]
    if type(fields.get("level")) is str:
        fields["tgi_level"] = fields["level"]
    for span in (fields["span"], *dicts(fields.get("spans"))):
        if _is_generation(span.get("name")):
            fields["tgi_span"] = span["name"]
            fields["tgi_total_time"] = span.get("total_time", fields.get("tgi_total_time"))
        for name, ours in _HTTP_NAMES.items():
            if type(span.get(name)) is str and span[name]:
                fields[ours] = span[name]


def _read_http(fields: Fields, event: AuditEvent) -> None:
    endpoint = pop_endpoint(fields, "tgi_path")
    if endpoint is not None:
        event.endpoint = SensitiveText(endpoint)
        event.operation = operation_at(endpoint) or event.operation
    event.client_ip = pop_address(fields, "tgi_client_ip")
    event.user_agent = pop_text(fields, "tgi_user_agent")
    event.trace_id = event.request_id = pop_identifier(fields, "tgi_trace_id")


def _read_outcome(fields: Fields, event: AuditEvent) -> None:
    message = fields.get("tgi_message")
    if type(message) is str and message.strip() == "Success":
        event.outcome_status = Outcome.SUCCESS
        del fields["tgi_message"]
    elif fields.get("tgi_level") == "ERROR":
        event.outcome_status = Outcome.FAILURE
    drop(fields, "tgi_total_time")


SOURCE: Final = Source(
    name="tgi",
    summary="Text Generation Inference: its router's lines about generations.",
    stability=Stability.BETA,
    never_carries="Prompts, responses, models, tokens and users: TGI does not print them.",
    references=("https://huggingface.co/docs/text-generation-inference/reference/launcher",),
    markers=markers(_is_tgi_line, "tgi_span") | {"target": _is_json},
    parse=parse,
)
