"""Higress: the access log of its gateway, with what the plugin AI Statistics adds under ``ai_log``.

The log is Envoy's, in JSON: all values are strings, and a missing one is ``-``. ``ai_log`` is JSON in a string, with
numbers that may be strings too. Pitfalls:

* ``question`` is the last message, and repeats it where ``messages`` are logged as well. ``answer``, ``reasoning`` and
  ``tool_calls`` are the response.
* Texts are cut at ``value_length_limit``, 4,000 characters by default.
* ``duration`` is the gateway's; ``llm_service_duration`` and ``llm_first_token_duration`` are measured in the plugin.
  All are in milliseconds.
* Older releases have the plugin's values beside the others, without ``ai_log``.

(From plugins/wasm-go/extensions/ai-statistics/README_EN.md and helm/core/templates/configmap.yaml of the repository,
version 2.2, read 2026-11-26.)
"""

from __future__ import annotations

from typing import Final

from veilog_parsers.bodies.rest import drop_repeated, texts_of
from veilog_parsers.event import AuditEvent
from veilog_parsers.record.endpoints import operation_at
from veilog_parsers.record.fields import drop_keys, drop_known, ignored_keys, open_json, paths, pop_word
from veilog_parsers.record.raw import Fields
from veilog_parsers.source import Source, Stability
from veilog_parsers.sources.dialect import Dialect, parser_of, put
from veilog_parsers.sources.facts import facts, text_of

_FACTS: Final = facts("""
    timestamp               start_time
    client_ip               x_forwarded_for downstream_remote_address
    user_id                 ai_log/consumer consumer
    user_agent              user_agent
    session_id              ai_log/session_id
    conversation_id         ai_log/chat_id
    endpoint                path
    request_id              request_id
    trace_id                trace_id
    http_status             response_code
    request_bytes           bytes_received
    response_bytes          bytes_sent
    latency_ms              duration ai_log/llm_service_duration
    time_to_first_token_ms  ai_log/llm_first_token_duration
    model_name              ai_log/request_model ai_log/model
    model_version           ai_log/model ai_log/response_model
    input_tokens            ai_log/input_token
    output_tokens           ai_log/output_token
    token_count             ai_log/total_token
    cached_input_tokens     ai_log/cached_tokens ai_log/input_token_details/cached_tokens
    reasoning_tokens        ai_log/reasoning_tokens ai_log/output_token_details/reasoning_tokens
""")
_AI_KEYS: Final = (
    *("model", "input_token", "output_token", "total_token", "llm_service_duration", "llm_first_token_duration"),
    *("question", "answer", "messages", "session_id", "chat_id"),
)
_IGNORED_KEYS: Final = ignored_keys(
    """
    authority downstream_local_address istio_policy_status method protocol requested_server_name
    response_code_details response_flags route_name upstream_cluster upstream_host upstream_local_address
    upstream_service_time:number upstream_transport_failure_reason
    """
)
_IGNORED_AI_KEYS: Final = ignored_keys(
    """
    api chat_round:number input_token_details:plain llm_duration_count:number llm_service_duration:number
    llm_stream_duration_count:number output_token_details:plain request_path response_type
    """
)
_REQUEST, _RESPONSE = "asked", "answered"


def _is_access_log(fields: Fields) -> bool:
    # Other gateways on Envoy have a route's name too, but not the tokens of this plugin.
    return "ai_log" in fields or "route_name" in fields or "response_code" in fields


def _prepare(fields: Fields) -> None:
    """Bring what the plugin wrote together, and of it what was asked and what was answered."""
    for key in [key for key, value in fields.items() if value == "-"]:
        drop_known(fields, key)
    if "ai_log" not in fields:
        fields["ai_log"] = {key: fields.pop(key) for key in _AI_KEYS if key in fields}
    log = open_json(fields, "ai_log")
    if type(log) is not dict:
        return
    for key in ("messages", "tool_calls", "input_token_details", "output_token_details"):
        open_json(log, key)
    for key in [key for key, value in log.items() if value == ""]:
        del log[key]
    request: Fields = {}
    if log.get("system"):
        request["system"] = log.pop("system")
    if type(log.get("messages")) is list:
        request["messages"] = log.pop("messages")
    elif type(log.get("question")) is str and log["question"]:
        request["messages"] = [{"role": "user", "content": log.pop("question")}]
    put(fields, _REQUEST, request)
    keys = {"answer": "content", "reasoning": "reasoning_content", "tool_calls": "tool_calls"}
    message = {name: log.pop(key) for key, name in keys.items() if log.get(key)}
    put(fields, _RESPONSE, {"choices": [{"message": message}]} if message else {})


def _finish(fields: Fields, event: AuditEvent) -> None:
    log = fields.get("ai_log")
    if type(log) is not dict:
        return
    if event.endpoint is not None:
        event.operation = operation_at(text_of(event.endpoint)) or event.operation
    # A shape that the request's own setting would tell with more right is not logged.
    if log.get("response_type") in ("stream", "normal"):
        event.stream = pop_word(log, "response_type") == "stream"
    drop_repeated(log, texts_of(event.prompt_messages), "question")
    drop_keys(log, _IGNORED_AI_KEYS)


SOURCE: Final = Source(
    name="higress",
    summary="Higress's access log, with what AI Statistics adds under `ai_log`.",
    stability=Stability.BETA,
    never_carries="Prompts and responses, unless the plugin is told to log them; the provider.",
    references=(
        "https://higress.cn/en/docs/latest/plugins/ai/api-o11y/ai-statistics/",
        "https://github.com/alibaba/higress/tree/main/plugins/wasm-go/extensions/ai-statistics",
    ),
    markers=dict.fromkeys(("ai_log", "input_token"), _is_access_log),
    parse=parser_of(
        Dialect(
            facts=_FACTS,
            inputs=paths("asked"),
            outputs=paths("answered"),
            holders=paths("ai_log"),
            ignored=_IGNORED_KEYS,
            prepare=_prepare,
            finish=_finish,
        )
    ),
)
