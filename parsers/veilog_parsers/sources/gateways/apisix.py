"""Apache APISIX: the logs of its logger plugins (http-logger, kafka-logger, file-logger), with the facts of AI Proxy.

A record is APISIX's ordinary log of a request, with ``llm_summary`` (``logging.summaries``), ``llm_request`` and
``llm_response_text`` (``logging.payloads``) of AI Proxy, AI Proxy Multi and their kin. Pitfalls:

* ``llm_summary.duration`` is the time to the first token. The duration of the call is ``latency``, in milliseconds.
* ``llm_request`` has the messages only: the model and the settings are elsewhere or nowhere.
* With a ``log_format`` of the operator's own, the AI objects stand beside keys of any name.

(From docs/en/latest/plugins/ai-proxy.md and apisix/utils/log-util.lua of the repository, version 3.14, read
2026-11-26.)
"""

from __future__ import annotations

from typing import Final

from veilog_parsers.event import AuditEvent, Confidence, Guardrail, GuardrailAction
from veilog_parsers.record.endpoints import operation_at
from veilog_parsers.record.fields import drop_keys, ignored_keys, keyset, paths, pop_word
from veilog_parsers.record.raw import Fields
from veilog_parsers.source import Source, Stability
from veilog_parsers.sources.dialect import Dialect, parser_of
from veilog_parsers.sources.facts import facts, text_of

_FACTS: Final = facts("""
    timestamp               start_time @timestamp time
    client_ip               client_ip remote_addr
    user_id                 consumer/username consumer_name llm_summary/end_user_id
    user_agent              request/headers/user-agent
    host                    server/hostname host
    endpoint                request/uri request/url uri
    request_id              request/headers/x-request-id response/headers/x-request-id request_id
    http_status             response/status status
    request_bytes           request/size
    response_bytes          response/size
    latency_ms              latency llm_summary/upstream_response_time
    time_to_first_token_ms  llm_summary/duration
    model_name              llm_summary/request_model llm_summary/model
    model_version           llm_summary/model
    input_tokens            llm_summary/prompt_tokens
    output_tokens           llm_summary/completion_tokens
    token_count             llm_summary/total_tokens
    cached_input_tokens     llm_summary/cache_read_input_tokens
    cache_write_tokens      llm_summary/cache_creation_input_tokens
    reasoning_tokens        llm_summary/reasoning_tokens
    tools_offered           llm_summary/tool_count
    stream                  llm_summary/stream llm_request/stream
""")
_IGNORED_KEYS: Final = ignored_keys(
    "apisix_latency:number route_id route_name service_id service_name upstream upstream_latency:number"
)
_IGNORED_REQUEST_KEYS: Final = ignored_keys("headers:secret method querystring:secret")
_IGNORED_RESPONSE_KEYS: Final = ignored_keys("headers:secret")
_IGNORED_SUMMARY_KEYS: Final = ignored_keys(
    "content_risk_level end_user_id has_tool_calls:flag upstream_response_time:number"
)
_IGNORED_SERVER_KEYS: Final = ignored_keys("version")
_RISKS: Final = {"low": Confidence.LOW, "medium": Confidence.MEDIUM, "high": Confidence.HIGH, "max": Confidence.HIGH}
_HELD: Final = (
    ("request", _IGNORED_REQUEST_KEYS),
    ("response", _IGNORED_RESPONSE_KEYS),
    ("llm_summary", _IGNORED_SUMMARY_KEYS),
    ("server", _IGNORED_SERVER_KEYS),
)


_AI_KEYS: Final = keyset("llm_summary llm_request llm_response_text")
_OF_APISIX: Final = keyset("apisix_latency llm_response_text llm_summary route_id service_id")


def _has_ai(fields: Fields) -> bool:
    """Whether it is APISIX that logs a call: other programs too have a request to an LLM under ``llm_request``."""
    return not _OF_APISIX.isdisjoint(fields) and any(type(fields.get(key)) is dict for key in _AI_KEYS)


def _finish(fields: Fields, event: AuditEvent) -> None:
    if event.endpoint is not None:
        event.operation = operation_at(text_of(event.endpoint)) or event.operation
    risk = _RISKS.get(pop_word(fields, "llm_summary", "content_risk_level") or "")
    if risk is not None:
        event.guardrail = Guardrail(action=GuardrailAction.FLAGGED, confidence=risk)
    for key, ignored in _HELD:
        if type(fields.get(key)) is dict:
            drop_keys(fields[key], ignored)


SOURCE: Final = Source(
    name="apisix",
    summary="Apache APISIX: what AI Proxy adds to the records of its logger plugins.",
    stability=Stability.BETA,
    never_carries="Prompts and responses, unless `logging.payloads` is on; the provider.",
    references=(
        "https://apisix.apache.org/docs/apisix/plugins/ai-proxy/",
        "https://github.com/apache/apisix/blob/master/apisix/utils/log-util.lua",
    ),
    markers=dict.fromkeys(sorted(_AI_KEYS), _has_ai),
    parse=parser_of(
        Dialect(
            facts=_FACTS,
            inputs=paths("llm_request request/body"),
            outputs=paths("llm_response_text response/body"),
            ignored=_IGNORED_KEYS,
            finish=_finish,
        )
    ),
)
