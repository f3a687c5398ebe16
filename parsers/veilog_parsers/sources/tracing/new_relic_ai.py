"""New Relic AI monitoring: the events that its agents write about calls of models, as queries and exports give them.

A call is several events, which share ``completion_id``: an ``LlmChatCompletionSummary`` with models, counts and
outcome, and an ``LlmChatCompletionMessage`` for each message, with its text. An ``LlmEmbedding`` and an ``LlmTool`` are
one event each. Each becomes an event of veilog; the id of the completion joins them (``request_id``). Pitfalls:

* ``is_response`` tells a message of the answer from an assistant's earlier turn, which is part of the request.
* Keys have dots (``response.usage.total_tokens``). ``duration`` is in milliseconds.
* Attributes that the application adds begin with ``llm.``: only a user and a conversation among them are read.

(From lib/llm-events of the Node.js agent and the AI monitoring pages of New Relic's documentation, read 2026-11-26.)
"""

from __future__ import annotations

from typing import Final

from veilog_parsers.event import AuditEvent, Operation
from veilog_parsers.record.fields import ignored_keys, paths, pop_flag
from veilog_parsers.record.raw import Fields
from veilog_parsers.source import Source, Stability
from veilog_parsers.sources.dialect import Dialect, parser_of, put
from veilog_parsers.sources.facts import facts

_FACTS: Final = facts("""
    timestamp               timestamp
    request_id              completion_id id
    trace_id                trace_id
    span_id                 span_id
    agent.name              appName
    host                    host
    conversation_id         llm.conversation_id
    user_id                 enduser.id llm.user_id
    tenant_id               response.organization
    provider                vendor
    model_name              request.model response.model
    model_version           response.model
    input_tokens            response.usage.prompt_tokens
    output_tokens           response.usage.completion_tokens
    token_count             response.usage.total_tokens token_count
    latency_ms              duration
    time_to_first_token_ms  time_to_first_token
    error_code              error.code
    http_status             http.statusCode
    rate_limit.remaining_requests   response.headers.ratelimitRemainingRequests
    rate_limit.remaining_tokens     response.headers.ratelimitRemainingTokens
""")
_IGNORED_KEYS: Final = ignored_keys(
    """
    api_key_last_four_digits:secret appId:number entityGuid eventType id ingest_source nr.customEventSource
    realAgentId:number request.max_tokens:number request.temperature:number request_id response.api_type
    response.headers.llmVersion response.headers.ratelimitLimitRequests:number
    response.headers.ratelimitLimitTokens:number response.headers.ratelimitResetRequests
    response.headers.ratelimitResetTokens response.number_of_messages:number run_id sequence:number token_count:number
    transaction_id type virtual_llm:flag
    """
)
_OPERATIONS: Final = {"LlmTool": Operation.EXECUTE_TOOL, "LlmEmbedding": Operation.EMBEDDINGS}
_INPUT, _OUTPUT = "input", "output"


def _is_event(fields: Fields) -> bool:
    return "vendor" in fields and "ingest_source" in fields


def _prepare(fields: Fields) -> None:
    """Make a message of the fields of a message event, on the side where it belongs."""
    if "content" in fields and "completion_id" in fields:
        message = {key: fields.pop(key) for key in ("role", "content") if key in fields}
        side = _OUTPUT if pop_flag(fields, "is_response") is True else _INPUT
        fields.setdefault("eventType", "LlmChatCompletionMessage")
        put(fields, side, {"messages": [message]} if side == _INPUT else {"choices": [{"message": message}]})


def _finish(fields: Fields, event: AuditEvent) -> None:
    kind = fields.get("eventType") or fields.get("type")
    event.operation = _OPERATIONS.get(kind, Operation.CHAT) if type(kind) is str else event.operation or Operation.CHAT


SOURCE: Final = Source(
    name="new_relic_ai",
    summary="New Relic AI monitoring: events of completions, messages, embeddings and tools.",
    stability=Stability.BETA,
    never_carries="The caller's address; the user, unless the application adds it; texts, if recording content is off.",
    references=(
        "https://docs.newrelic.com/docs/ai-monitoring/intro-to-ai-monitoring/",
        "https://github.com/newrelic/node-newrelic/tree/main/lib/llm-events",
    ),
    markers={"ingest_source": _is_event},
    parse=parser_of(
        Dialect(
            facts=_FACTS,
            inputs=paths("input"),
            outputs=paths("output"),
            finish_reasons=paths("response.choices.finish_reason"),
            errors=paths("error"),
            name=("name",),
            ignored=_IGNORED_KEYS,
            prepare=_prepare,
            finish=_finish,
        )
    ),
)
