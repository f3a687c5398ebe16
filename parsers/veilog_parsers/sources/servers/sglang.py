"""SGLang's request log (``--log-requests``): requests as they arrive, and requests with their responses.

A line is ``Receive: obj=GenerateReqInput(rid='...', text='...', sampling_params={...}, ...)`` or ``Finish: obj=...,
out={...}``; values are Python's ``repr``. With ``--log-requests-format json`` a record has ``event``
(``request.received``, ``request.received.openai``, ``request.finished``), ``rid``, ``obj`` and ``out``. The levels 0
and 1 have no texts; level 2 cuts out the middle of texts longer than 2,048 characters.

The prompt is the whole chat in the model's template, with all roles: it counts as one turn of the user. A finished
request repeats it. ``rid`` joins the records of a request. Latencies are in seconds. There are no users, and no models
but adapters; times have no zone.

Built from SGLang's source (``srt/utils/request_logger.py``) as of 2026-11-26.
"""

from __future__ import annotations

import re
from typing import Any, Final

from veilog_parsers.bodies.exchange import Exchange
from veilog_parsers.bodies.read import read_request
from veilog_parsers.bodies.turns import Turn, add_completion_turn, add_prompt_content
from veilog_parsers.errors import RecordError
from veilog_parsers.event import AuditEvent, Kind, Operation, Outcome, Role
from veilog_parsers.record.decoding import decode_one
from veilog_parsers.record.fields import (
    dicts,
    drop,
    drop_keys,
    ignored_keys,
    pop_count,
    pop_identifier,
    pop_word,
    withhold,
)
from veilog_parsers.record.lines import find_line, markers, read_shipper_keys
from veilog_parsers.record.python_repr import find_end, repr_to_json, unquote
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import pop_elapsed
from veilog_parsers.source import Source, Stability

_EVENTS: Final = ("request.received", "request.received.openai", "request.finished")
_LINE: Final = re.compile(r"(Receive|Finish)(?: OpenAI)?: obj=([A-Za-z]{0,64})(?=[({])")
_HEAD: Final = re.compile(r"(?:(?:Receive|Finish): obj=(?:Generate|Embedding)ReqInput\(|Receive OpenAI: obj=\{)")
_OUT: Final = re.compile(r",\s*out=(?=\{)")
_ARGUMENT: Final = re.compile(r"\s*([A-Za-z_]{1,64})=")
_STRING: Final = r"(?:'[^'\\]*+(?:\\.[^'\\]*+)*+'?|\"[^\"\\]*+(?:\\.[^\"\\]*+)*+\"?)"
_TEXTS: Final = re.compile(rf"({_STRING})(?: \.\.\. ({_STRING}))?", re.DOTALL)
_SCALAR: Final = re.compile(r"[^,()\[\]{}'\"]{0,128}")
_MAX_ARGUMENTS: Final = 200

_IGNORED_KEYS: Final = ignored_keys(
    """
    audio_data:blob background:flag bootstrap_host bootstrap_port:number bootstrap_room:number data_parallel_rank:number
    http_worker_ipc image_data:blob input_embeds:vector input_ids:numbers is_cross_encoder_request:flag log_metrics:flag
    logprob_start_len:number lora_id lora_path modalities:list no_logs:flag priority:number return_hidden_states:flag
    return_logprob:flag return_text_in_logprobs:flag rid sampling_params:plain session_params:plain stream:flag
    token_ids_logprob:plain top_logprobs_num:number validation_time:number video_data:blob
    """
)
_IGNORED_OUT_KEYS: Final = ignored_keys("embedding:vector index:number output_ids:numbers")
_IGNORED_META_KEYS: Final = ignored_keys(
    """
    completion_tokens_wo_jump_forward:number decode_throughput:number forward_entry_time:number hidden_states:vector id
    input_token_logprobs:vector output_token_logprobs:vector queue_time:number request_received_ts:number
    response_sent_to_client_ts:number request_sent_to_scheduler_ts:number total_retractions:number weight_version
    """
)


def _is_sglang_line(head: str) -> bool:
    return "obj=" in head and _HEAD.search(head) is not None


def _is_sglang_record(fields: Fields) -> bool:
    return fields.get("event") in _EVENTS and type(fields.get("obj")) is dict


def _open_text(fields: Fields) -> Operation | None:
    """Replace the line by the objects in it, and return the operation that the type of the request stands for."""
    key, line = find_line(fields)
    match = _LINE.search(line) if key else None
    if match is None:
        return None
    end = find_end(line, match.end())
    end = len(line) if end < 0 else end
    obj = line[match.end() : end]
    read = _dictionary(obj) if obj.startswith("{") else _arguments(obj[1:])
    out = _OUT.match(line, end)
    rest = line[end:]
    fields["obj"] = read
    fields["event"] = "request.received" if match[1] == "Receive" else "request.finished"
    if out is not None:
        stop = find_end(line, out.end())
        stop = len(line) if stop < 0 else stop
        fields["out"], rest = _dictionary(line[out.end() : stop]), line[stop:]
    del fields[key]
    for name, text in (("text_before", line[: match.start()]), ("text_after", rest.strip(")"))):
        if text and name not in fields:
            fields[name] = text
            withhold(fields, name)
    return Operation.EMBEDDINGS if match[2].startswith("Embedding") else None


def _dictionary(text: str) -> Any:
    """An object that Python's ``repr`` wrote; the text itself, if it cannot be read."""
    try:
        return decode_one(repr_to_json(text), allow_cut=True)
    except RecordError:
        return {"text": text}


def _arguments(text: str) -> Fields:
    """The arguments of a call as Python's ``repr`` of a data class writes them."""
    found: Fields = {}
    position = 0
    for _ in range(_MAX_ARGUMENTS):
        name = _ARGUMENT.match(text, position)
        if name is None:
            break
        value, position = _value(text, name.end())
        found[name[1]] = value
        if text[position : position + 1] != ",":
            break
        position += 1
    if rest := text[position:].strip(" )"):
        found["text_after"] = rest
    return found


def _value(text: str, start: int) -> tuple[Any, int]:
    """A value that ``repr`` wrote, and the position behind it. The halves of a text that was cut are joined."""
    texts = _TEXTS.match(text, start)
    if texts is not None:
        halves = [unquote(half) for half in texts.groups() if half]
        return "...".join(halves), texts.end()
    if text[start : start + 1] in ("[", "{", "("):
        end = find_end(text, start)
        end = len(text) if end < 0 else end
        try:
            return decode_one(repr_to_json(text[start:end])), end
        except RecordError:
            return text[start:end], end
    scalar = _SCALAR.match(text, start)
    end = scalar.end() if scalar else start
    word = text[start:end].strip()
    return None if word == "None" else word, end


def parse(fields: Fields) -> AuditEvent:
    """Read one line, or one record of the JSON format."""
    operation = None if _is_sglang_record(fields) else _open_text(fields)
    event = AuditEvent(kind=Kind.AI_ACCESS, operation=operation)
    if type(fields.get("obj")) is not dict:
        event.kind = Kind.OTHER
        read_shipper_keys(fields, event)
        return event
    obj, exchange = fields["obj"], Exchange(operation=event.operation)
    event.request_id = pop_identifier(fields, "rid") or pop_identifier(obj, "rid")
    event.model_name = pop_identifier(obj, "lora_path")
    streamed = obj.get("stream")
    event.stream = streamed in (True, "True") if streamed is not None else None
    if "messages" in obj:
        read_request(obj, exchange)
    add_prompt_content(obj, "text", Role.USER, exchange)
    drop_keys(obj, _IGNORED_KEYS)
    event.api_operation = pop_identifier(fields, "event")
    for out in dicts(fields["out"] if type(fields.get("out")) is list else [fields.get("out")]):
        _read_out(out, event, exchange)
    exchange.apply(event)
    read_shipper_keys(fields, event)
    return event


def _read_out(out: Fields, event: AuditEvent, exchange: Exchange) -> None:
    turn = Turn()
    turn.add_content(out, "text")
    add_completion_turn(turn, exchange)
    if "embedding" in out:
        exchange.operation = Operation.EMBEDDINGS
    meta = out.get("meta_info")
    if type(meta) is dict:
        exchange.input_tokens = pop_count(meta, "prompt_tokens")
        exchange.output_tokens = pop_count(meta, "completion_tokens")
        exchange.sum_tokens()
        event.cached_input_tokens = pop_count(meta, "cached_tokens")
        event.reasoning_tokens = pop_count(meta, "reasoning_tokens")
        seconds = pop_elapsed(meta, "e2e_latency")
        event.latency_ms = None if seconds is None else round(seconds * 1000, 3)
        _read_reason(meta, event, exchange)
        drop_keys(meta, _IGNORED_META_KEYS)
    drop_keys(out, _IGNORED_OUT_KEYS)


def _read_reason(meta: Fields, event: AuditEvent, exchange: Exchange) -> None:
    """Read why the response ended. An aborted request has a message, which stays."""
    reason = meta.get("finish_reason")
    if type(reason) is not dict:
        return
    name = pop_word(reason, "type")
    if name == "abort":
        event.outcome_status = Outcome.FAILURE
        event.http_status = pop_count(reason, "status_code")
        event.error_code = pop_identifier(reason, "err_type")
    if name is not None:
        exchange.finish_reasons += filter(None, [pop_identifier({"type": name}, "type")])
    drop(reason, "length", "matched")


SOURCE: Final = Source(
    name="sglang",
    summary="SGLang's log of requests and responses.",
    stability=Stability.BETA,
    never_carries="Users, models (but for adapters); texts at log levels 0 and 1.",
    references=(
        "https://docs.sglang.ai/advanced_features/server_arguments.html",
        "https://github.com/sgl-project/sglang/blob/main/python/sglang/srt/utils/request_logger.py",
    ),
    markers={**markers(_is_sglang_line), "obj": _is_sglang_record},
    parse=parse,
)
