"""vLLM's request log: which prompt went in, and what came out, as lines of text.

``INFO 04-20 17:17:47 [logger.py:39] Received request chatcmpl-2f95: prompt: '...', params: SamplingParams(...),
...``, and with ``--enable-log-outputs`` ``Generated response chatcmpl-2f95 (streaming complete): output: '...',
output_token_ids: ..., finish_reason: stop``. What one would not guess:

* Texts are Python's ``repr``: in single or in double quotes, with escapes. They are decoded here by hand, never
  evaluated; a text that was cut off in the middle ends where it ends.
* The prompt is the chat in the model's template, all roles in one: it counts as one turn of the user.
* Newer releases print the prompt in a line of its own (``Request ... details:``), at level DEBUG.
* Lines have no year, no zone, no model and no user. ``request_id`` joins a request with its response.
* Token ids and embeddings are the prompt in other words, and sampling parameters may hold texts: dropped.

Lines about requests were verified on real ones, those about responses are built from vLLM's source. The access lines of
its web server are ``access_log``'s.
"""

from __future__ import annotations

import re
from typing import Final

from veilog_parsers.event import AuditEvent, Kind, Operation, Outcome, Role, SensitiveText
from veilog_parsers.lines import finish, line_of, markers, open_line
from veilog_parsers.record import Fields
from veilog_parsers.source import Source, Stability
from veilog_parsers.take import discard, identifier, take_identifier, take_str
from veilog_parsers.wire import Exchange

LINE: Final = re.compile(
    r"(?P<vllm_line>Received request|Generated response|Request) (?P<vllm_request_id>[^\s:]{1,256})"
    r"(?: details| \(streaming (?P<vllm_streaming>[a-z]+)\))?: "
    r"(?:(?:prompt|output): (?P<vllm_text>'[^'\\]*+(?:\\.[^'\\]*+)*+'?|\"[^\"\\]*+(?:\\.[^\"\\]*+)*+\"?|None))?"
    r"(?:.*, finish_reason: (?P<vllm_finish_reason>[A-Za-z_]{1,64}))?",
    re.DOTALL,
)
_ADAPTER: Final = re.compile(r"lora_name='([^'\s]{1,256})'")
_ESCAPE: Final = re.compile(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8})|(.))", re.DOTALL)
_PLAIN_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t"}


def _is_vllms(head: str) -> bool:
    return "Received request " in head or "Generated response " in head or " details: prompt: " in head


def unquoted(literal: str) -> str:
    """The text that a Python string literal (its ``repr``) stands for, whole or cut off; "" for ``None``."""
    if literal[:1] not in ("'", '"'):
        return ""
    text = literal[1:-1] if len(literal) > 1 and literal[-1] == literal[0] else literal[1:]
    return _ESCAPE.sub(_character, text) if "\\" in text else text


def _character(escape: re.Match[str]) -> str:
    code = escape[1] or escape[2] or escape[3]
    if code is None:
        return _PLAIN_ESCAPES.get(escape[4], escape[4])
    number = int(code, 16)
    # Half a surrogate pair is no character, and no encoder takes it.
    return "\ufffd" if number > 0x10FFFF or 0xD800 <= number <= 0xDFFF else chr(number)


def parse(fields: Fields) -> AuditEvent:
    """Read one line."""
    adapter = _ADAPTER.search(line_of(fields)[1][-4096:])
    event = AuditEvent(kind=Kind.OTHER)
    open_line(fields, LINE)
    line = take_str(fields, "vllm_line")
    event.request_id = take_identifier(fields, "vllm_request_id")
    if line is not None or event.request_id is not None:
        event.kind = Kind.AI_ACCESS
        _read_texts(fields, event, line or "")
    event.model_name = identifier(adapter[1]) if adapter and event.kind is Kind.AI_ACCESS else None
    finish(fields, event)
    discard(fields, "vllm_streaming")
    return event


def _read_texts(fields: Fields, event: AuditEvent, line: str) -> None:
    request_id = event.request_id.reveal() if isinstance(event.request_id, SensitiveText) else ""
    exchange = Exchange(operation=_operation(request_id))
    text = unquoted(take_str(fields, "vllm_text") or "")
    parts = [SensitiveText(text)] if text else []
    if line == "Generated response":
        exchange.answer(parts)
        reason = take_identifier(fields, "vllm_finish_reason")
        if reason is not None and reason.reveal() != "None":
            exchange.finish_reasons.append(reason)
            event.outcome_status = Outcome.FAILURE if reason.reveal() in ("abort", "error") else Outcome.SUCCESS
    else:
        exchange.ask(Role.USER, parts)
    exchange.apply(event)


def _operation(request_id: str) -> Operation | None:
    """The prefix of the request's id tells which API was called."""
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
    markers=markers(_is_vllms, "vllm_request_id"),
    parse=parse,
)
