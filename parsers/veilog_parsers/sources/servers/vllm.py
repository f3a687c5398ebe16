"""vLLM's request log: lines with the prompt of a request, and lines with the text of a response.

``INFO 04-20 17:17:47 [logger.py:39] Received request chatcmpl-2f95: prompt: '...', params: SamplingParams(...),
...``, and with ``--enable-log-outputs`` ``Generated response chatcmpl-2f95 (streaming complete): output: '...',
output_token_ids: ..., finish_reason: stop``. Pitfalls:

* Texts are Python's ``repr``: in single or double quotes, with escapes (see ``record.python_repr``). A text may be cut
  off.
* The prompt is the whole chat in the model's template, with all roles: it counts as one turn of the user.
* Newer releases print the prompt in a separate line (``Request ... details:``), at level DEBUG.
* Lines have no year, no zone, no model and no user. ``request_id`` joins a request with its response.
* Token ids and embeddings repeat the prompt, and sampling parameters may hold texts: they are withheld.

Lines about requests are tested with real ones, lines about responses were built from vLLM's source. The access lines of
its web server are read by ``access_log``.
"""

from __future__ import annotations

import re
from typing import Final

from veilog_parsers.bodies import Exchange
from veilog_parsers.event import AuditEvent, Kind, Operation, Outcome, Role, SensitiveText
from veilog_parsers.record.dropped import Why, note_dropped
from veilog_parsers.record.fields import as_identifier, pop_identifier, pop_str, pop_word
from veilog_parsers.record.lines import find_line, markers, open_line, read_shipper_keys
from veilog_parsers.record.prose import may_hold_prose
from veilog_parsers.record.python_repr import unquote
from veilog_parsers.record.raw import Fields
from veilog_parsers.source import Source, Stability

LINE: Final = re.compile(
    r"(?P<vllm_line>Received request|Generated response|Request) (?P<vllm_request_id>[^\s:]{1,256})"
    r"(?: details| \(streaming (?P<vllm_streaming>[a-z]+)\))?: "
    r"(?:(?:prompt|output): (?P<vllm_text>'[^'\\]*+(?:\\.[^'\\]*+)*+'?|\"[^\"\\]*+(?:\\.[^\"\\]*+)*+\"?|None))?"
    r"(?:.*, finish_reason: (?P<vllm_finish_reason>[A-Za-z_]{1,64}))?",
    re.DOTALL,
)
_PARAMETERS: Final = ("SamplingParams(", "PoolingParams(", "BeamSearchParams(", "None", "prompt_token_ids:")
_QUOTES: Final = ("'", '"')
_STREAMED: Final = ("complete", "delta")
_ADAPTER: Final = re.compile(r"lora_name='([^'\s]{1,256})'")


def _is_vllm_line(head: str) -> bool:
    return "Received request " in head or "Generated response " in head or " details: prompt: " in head


def parse(fields: Fields) -> AuditEvent:
    """Read one line."""
    text = find_line(fields)[1]
    adapter = _ADAPTER.search(text[-4096:])
    event = AuditEvent(kind=Kind.OTHER)
    open_line(fields, LINE)
    line = pop_word(fields, "vllm_line")
    if line is not None and line != "Generated response":
        note_dropped("vllm_line", line, Why.NOISE)
    event.request_id = pop_identifier(fields, "vllm_request_id")
    if line is not None or event.request_id is not None:
        event.kind = Kind.AI_ACCESS
        _read_texts(fields, event, line or "")
        if line is not None and line != "Generated response" and not event.prompt_messages:
            _read_prompt_behind(text, event)
    event.model_name = as_identifier(adapter[1]) if adapter and event.kind is Kind.AI_ACCESS else None
    streamed = pop_word(fields, "vllm_streaming")
    event.stream = True if streamed in _STREAMED else None
    read_shipper_keys(fields, event)
    return event


def _read_texts(fields: Fields, event: AuditEvent, line: str) -> None:
    request_id = event.request_id.reveal() if isinstance(event.request_id, SensitiveText) else ""
    exchange = Exchange(operation=_operation(request_id))
    literal = pop_str(fields, "vllm_text") or ""
    text = unquote(literal) if literal[:1] in _QUOTES or literal == "None" else literal
    parts = [SensitiveText(text)] if text else []
    if line == "Generated response":
        exchange.add_completion(parts)
        reason = pop_identifier(fields, "vllm_finish_reason")
        if reason is not None and reason.reveal() != "None":
            exchange.finish_reasons.append(reason)
            event.outcome_status = Outcome.FAILURE if reason.reveal() in ("abort", "error") else Outcome.SUCCESS
    else:
        exchange.add_prompt(Role.USER, parts)
    exchange.apply(event)


def _read_prompt_behind(line: str, event: AuditEvent) -> None:
    """Read the prompt from the rest of a line, if it has none in its place and the rest has no known parameters."""
    match = LINE.search(line)
    rest = line[match.end() :].lstrip(", ").removeprefix("params:").strip() if match else ""
    if not rest.startswith(_PARAMETERS) and may_hold_prose(rest):
        exchange = Exchange(operation=event.operation)
        exchange.add_prompt(Role.USER, [SensitiveText(rest)])
        exchange.apply(event)


def _operation(request_id: str) -> Operation | None:
    """The operation, by the prefix of the request's id."""
    for prefix, operation in (
        ("chatcmpl-", Operation.CHAT),
        ("resp_", Operation.CHAT),
        ("cmpl-", Operation.TEXT_COMPLETION),
        ("embd-", Operation.EMBEDDINGS),
    ):
        if request_id.startswith(prefix):
            return operation
    return None


SOURCE: Final = Source(
    name="vllm",
    summary="vLLM's log of requests and responses.",
    stability=Stability.STABLE,
    never_carries="Users, models (but for adapters), token counts; texts, unless request logging is on.",
    references=("https://docs.vllm.ai/en/latest/cli/serve.html",),
    markers=markers(_is_vllm_line, "vllm_request_id"),
    parse=parse,
)
