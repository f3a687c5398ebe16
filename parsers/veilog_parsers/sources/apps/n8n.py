"""n8n: AI events of its log streaming and its event log: what the AI nodes of a workflow asked and got.

An event names the workflow, the node and the execution; ``payload.msg`` is JSON in a string, with the messages that a
model got, its options, and its generations with counts; or with the query and the response of a tool, a retriever or a
memory. Pitfalls:

* Messages are texts with the role before them (``Human: ...``), many roles in one: such a text counts as the user's.
* ``tokenUsageEstimate`` is n8n's own count, where the provider gave none.
* Streaming and masking are settings: a masked event has no ``msg``, or stars in it.

(From packages/cli/src/eventbus and packages/@n8n/ai-utilities/src/utils/n8n-llm-tracing.ts of the repository, read
2026-11-26.)
"""

from __future__ import annotations

from typing import Final

from veilog_parsers.event import AuditEvent, Operation, Outcome
from veilog_parsers.record.fields import drop_keys, ignored_keys, paths
from veilog_parsers.record.raw import Fields
from veilog_parsers.source import Source, Stability
from veilog_parsers.sources.dialect import Dialect, parser_of, put
from veilog_parsers.sources.facts import facts, text_of

_FACTS: Final = facts("""
    timestamp               ts
    request_id              id
    api_operation           eventName
    trace_id                payload/executionId
    agent.id                payload/workflowId
    agent.name              payload/workflowName
    user_id                 payload/userId payload/_email
    model_name              payload/msg/options/model payload/msg/options/model_name payload/msg/options/modelName
    input_tokens            payload/msg/response/tokenUsage/promptTokens
                            payload/msg/response/tokenUsageEstimate/promptTokens
    output_tokens           payload/msg/response/tokenUsage/completionTokens
                            payload/msg/response/tokenUsageEstimate/completionTokens
    token_count             payload/msg/response/tokenUsage/totalTokens
                            payload/msg/response/tokenUsageEstimate/totalTokens
    cost_usd                payload/msg/response/tokenUsage/cost
""")
_IGNORED_KEYS: Final = ignored_keys("__type anonymizedMessage message")
_IGNORED_PAYLOAD_KEYS: Final = ignored_keys("nodeId nodeType")
_IGNORED_MSG_KEYS: Final = ignored_keys("parentRunId runId")
_IGNORED_OPTIONS: Final = ignored_keys(
    """
    azureOpenAIApiKey:secret configuration:plain max_retries:number model_kwargs:plain openai_api_key:secret
    temperature:number timeout:number
    """
)
_PREFIX: Final = "n8n.ai."
_OPERATIONS: Final = {
    "llm": Operation.CHAT,
    "tool": Operation.EXECUTE_TOOL,
    "retriever": Operation.RETRIEVAL,
    "vector": Operation.RETRIEVAL,
    "embeddings": Operation.EMBEDDINGS,
}
"""Operations by the word after ``n8n.ai.`` in the names of events."""


def _is_event(fields: Fields) -> bool:
    name = fields.get("eventName")
    return type(name) is str and name.startswith(_PREFIX)


def _prepare(fields: Fields) -> None:
    """Open the message, and take what was asked apart from the rest of it."""
    payload = fields.get("payload")
    msg = payload.get("msg") if type(payload) is dict else None
    if type(msg) is dict:
        keys = ("messages", "query", "documents", "message", "values", "document")
        asked: Fields = {key: msg.pop(key) for key in keys if msg.get(key)}
        if "messages" not in asked and type(asked.get("message")) is dict:
            asked["messages"] = [asked.pop("message")]
        if asked:
            put(msg, "asked", asked)


def _finish(fields: Fields, event: AuditEvent) -> None:
    name = text_of(event.api_operation)
    event.operation = _OPERATIONS.get(name.removeprefix(_PREFIX).partition(".")[0]) or event.operation
    if name.endswith(".error"):
        event.outcome_status = event.outcome_status or Outcome.FAILURE
    payload = fields.get("payload")
    if type(payload) is not dict:
        return
    drop_keys(payload, _IGNORED_PAYLOAD_KEYS)
    msg = payload.get("msg")
    if type(msg) is dict:
        if type(msg.get("options")) is dict:
            drop_keys(msg["options"], _IGNORED_OPTIONS)
        drop_keys(msg, _IGNORED_MSG_KEYS)


SOURCE: Final = Source(
    name="n8n",
    summary="n8n's AI events: what the AI nodes of workflows asked models, tools and stores, and what they got.",
    stability=Stability.BETA,
    never_carries="The person who started the workflow; the provider.",
    references=(
        "https://docs.n8n.io/log-streaming/",
        "https://github.com/n8n-io/n8n/tree/master/packages/cli/src/eventbus",
    ),
    markers={"eventName": _is_event},
    parse=parser_of(
        Dialect(
            facts=_FACTS,
            inputs=paths("payload/msg/asked"),
            outputs=paths("payload/msg/response"),
            errors=paths("payload/msg/error"),
            name=("payload", "nodeName"),
            holders=paths("payload payload/msg"),
            ignored=_IGNORED_KEYS,
            prepare=_prepare,
            finish=_finish,
        )
    ),
)
