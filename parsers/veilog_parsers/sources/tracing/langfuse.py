"""Langfuse: traces and observations, as its API (camelCase) and its blob storage export (snake_case) write them.

An observation is a span: a ``GENERATION`` is a call of a model, other types are tools, retrievers, agents and steps. A
trace has the input and output of the whole, and the user. Pitfalls:

* Usage details are counts by kind, and no kind includes another: ``input`` excludes ``input_cached_tokens``. They are
  added, as everywhere in veilog.
* ``latency`` and ``timeToFirstToken`` are in seconds.
* A session of Langfuse is a group of traces, in practice a thread of a chat.
* A trace repeats the texts of its observations.

(From fern/apis/server/definition/commons.yml and the export queries of the repository, version 3, read 2026-11-26.)
"""

from __future__ import annotations

from typing import Any, Final

from veilog_parsers.bodies.rest import drop_repeated, texts_of
from veilog_parsers.event import AuditEvent, Operation, Outcome
from veilog_parsers.record.fields import ignored_keys, paths, pop_count
from veilog_parsers.record.raw import Fields
from veilog_parsers.source import Source, Stability
from veilog_parsers.sources.dialect import Dialect, parser_of
from veilog_parsers.sources.facts import facts

_FACTS: Final = facts("""
    request_id              id
    trace_id                traceId trace_id
    operation               type
    tenant_id               projectId project_id
    user_id                 userId user_id
    conversation_id         sessionId session_id
    provider                metadata/ls_provider
    model_name              model providedModelName provided_model_name metadata/ls_model_name
    token_count             usageDetails/total usage_details/total usage/total usage/totalTokens totalTokens
    cost_usd                totalCost total_cost costDetails/total cost_details/total
                            usage/totalCost calculatedTotalCost
    latency_ms:s            latency
    time_to_first_token_ms:s timeToFirstToken time_to_first_token
""")
_IGNORED_KEYS: Final = ignored_keys(
    """
    _deprecation:plain bookmarked:flag calculatedInputCost:number calculatedOutputCost:number
    calculatedTotalCost:number completionTokens:number completion_tokens:number costDetails:plain cost_details:plain
    createdAt created_at environment htmlPath:plain inputPrice:number input_price:number internalModelId
    internal_model_id isRootObservation:flag level modelId modelParameters:plain model_id model_parameters:plain
    observations:plain outputPrice:number output_price:number parentObservationId parent_observation_id promptId
    promptName promptTokens:number promptVersion:number prompt_id prompt_name prompt_tokens:number
    prompt_version:number public:flag release scores:plain tags:plain totalPrice:number totalTokens:number
    total_price:number total_tokens:number unit updatedAt updated_at usage:plain usageDetails:plain
    usage_details:plain usagePricingTierName usage_pricing_tier_name version usagePricingTierId
    usage_pricing_tier_id toolDefinitions:objects tool_definitions:objects
    """
)
_TRACE_KEYS: Final = frozenset(("input", "output", "tags", "public", "release"))
_DETAILS: Final = ("usageDetails", "usage_details", "usage")


def _is_observation(fields: Fields) -> bool:
    return type(fields.get("type")) is str and ("startTime" in fields or "start_time" in fields)


def _is_trace(fields: Fields) -> bool:
    return len(_TRACE_KEYS & fields.keys()) == len(_TRACE_KEYS) and ("timestamp" in fields or "environment" in fields)


def _finish(fields: Fields, event: AuditEvent) -> None:
    for key in _DETAILS:
        _add_up(fields.get(key), event)
    if event.trace_id is None:
        # A trace has no type, and is named by its own id.
        event.operation, event.trace_id = Operation.INVOKE_AGENT, event.request_id
    if event.outcome_status is None and (event.response_messages or event.output_tokens):
        event.outcome_status = Outcome.SUCCESS
    drop_repeated(fields, [*texts_of(event.prompt_messages), *texts_of(event.response_messages)], "statusMessage")


def _add_up(details: Any, event: AuditEvent) -> None:
    """Add up the counts of a usage by their side, and read the kinds that an event has fields for."""
    if type(details) is not dict or event.input_tokens is not None or event.output_tokens is not None:
        return
    for name in [name for name in details if type(name) is str]:
        side = next((side for side in ("input", "output") if side in name or _SIDES.get(name) == side), "")
        count = pop_count(details, name) if side else None
        if count is None:
            continue
        field = f"{side}_tokens"
        setattr(event, field, (getattr(event, field) or 0) + count)
        kind = next((kind for words, kind in _KINDS if all(word in name for word in words)), None)
        if kind is not None and getattr(event, kind) is None:
            setattr(event, kind, count)


_SIDES: Final = {"promptTokens": "input", "completionTokens": "output"}
_KINDS: Final = (
    (("cache", "creation"), "cache_write_tokens"),
    (("cache", "write"), "cache_write_tokens"),
    (("cache",), "cached_input_tokens"),
    (("reasoning",), "reasoning_tokens"),
    (("input", "audio"), "input_audio_tokens"),
    (("output", "audio"), "output_audio_tokens"),
)
"""Kinds of tokens by the words in the names of counts, most specific first."""


SOURCE: Final = Source(
    name="langfuse",
    summary="Langfuse's traces and observations, from its API or its blob storage export.",
    stability=Stability.BETA,
    never_carries="The caller's address; the user of an observation, which only its trace has in older exports.",
    references=(
        "https://api.reference.langfuse.com",
        "https://langfuse.com/docs/api-and-data-platform/features/export-to-blob-storage",
    ),
    markers={
        **dict.fromkeys(("traceId", "usageDetails", "usage_details", "completion_start_time"), _is_observation),
        "release": _is_trace,
    },
    parse=parser_of(
        Dialect(
            facts=_FACTS,
            inputs=paths("input"),
            outputs=paths("output"),
            started=paths("startTime start_time timestamp"),
            ended=paths("endTime end_time"),
            first_token=paths("completionStartTime completion_start_time"),
            statuses=paths("level"),
            errors=(),
            name=("name",),
            opened=paths("metadata usageDetails usage_details costDetails cost_details"),
            kinds=paths("type"),
            ignored=_IGNORED_KEYS,
            finish=_finish,
        )
    ),
)
