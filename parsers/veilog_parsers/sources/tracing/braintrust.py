"""Braintrust: rows of its project logs and experiments, as its API and its exports write them.

A row is a span. ``span_attributes.type`` is ``llm``, ``tool``, ``function``, ``task`` or another step; ``metadata`` has
the model and what the application adds, ``metrics`` the counts and times, in seconds. Pitfalls:

* ``output`` of a model is the list of choices, or the message, or a text.
* ``expected`` is the answer that an evaluation wants: it is no text of the model, and stays in the record.
* Steps repeat the texts of the calls inside them.

(From the OpenAPI specification of Braintrust's API and the types of its SDKs, read 2026-11-26.)
"""

from __future__ import annotations

from typing import Any, Final

from veilog_parsers.event import AuditEvent
from veilog_parsers.record.fields import drop_keys, ignored_keys, paths, peek
from veilog_parsers.record.raw import Fields
from veilog_parsers.source import Source, Stability
from veilog_parsers.sources.dialect import Dialect, parser_of
from veilog_parsers.sources.facts import facts

_FACTS: Final = facts("""
    request_id              id
    trace_id                root_span_id
    span_id                 span_id
    tenant_id               org_id project_id
    operation               span_attributes/type
    user_id                 metadata/user_id metadata/userId metadata/user
    conversation_id         metadata/conversation_id metadata/thread_id metadata/session_id
    provider                metadata/provider
    model_name              metadata/model
    input_tokens            metrics/prompt_tokens
    output_tokens           metrics/completion_tokens
    token_count             metrics/tokens
    cached_input_tokens     metrics/prompt_cached_tokens
    cache_write_tokens      metrics/prompt_cache_creation_tokens
    reasoning_tokens        metrics/completion_reasoning_tokens
    input_audio_tokens      metrics/prompt_audio_tokens
    output_audio_tokens     metrics/completion_audio_tokens
    cost_usd                metrics/estimated_cost
    time_to_first_token_ms:s metrics/time_to_first_token
    stream                  metadata/stream
""")
_IGNORED_KEYS: Final = ignored_keys(
    """
    _async_scoring_state:plain _pagination_key _xact_id audit_data:plain classifications:plain comments:plain
    context:plain experiment_id facets:plain is_root:flag log_id metrics:plain org_id origin:plain project_id
    root_span_id scores:plain span_id span_parents:plain tags:plain
    """
)
_IGNORED_METADATA_KEYS: Final = ignored_keys(
    """
    frequency_penalty:number max_tokens:number n:number presence_penalty:number response_format:schema seed:number
    stop:plain temperature:number tool_choice:schema tools:objects top_p:number
    """
)
_IGNORED_ATTRIBUTES: Final = ignored_keys("exec_counter:number purpose type")


def _is_row(fields: Fields) -> bool:
    return "span_attributes" in fields or "root_span_id" in fields


def _finish(fields: Fields, event: AuditEvent) -> None:
    tools: Any = peek(fields, "metadata", "tools")
    event.tools_offered = event.tools_offered or (len(tools) if type(tools) is list and tools else None)
    for key, ignored in (("metadata", _IGNORED_METADATA_KEYS), ("span_attributes", _IGNORED_ATTRIBUTES)):
        if type(fields.get(key)) is dict:
            drop_keys(fields[key], ignored)


SOURCE: Final = Source(
    name="braintrust",
    summary="Braintrust's rows of project logs and experiments.",
    stability=Stability.BETA,
    never_carries="The caller's address; the user, unless the application puts it into the metadata.",
    references=(
        "https://www.braintrust.dev/docs/reference/api",
        "https://github.com/braintrustdata/braintrust-openapi",
    ),
    markers=dict.fromkeys(("_xact_id", "span_attributes"), _is_row),
    parse=parser_of(
        Dialect(
            facts=_FACTS,
            inputs=paths("input"),
            outputs=paths("output"),
            started=paths("metrics/start created"),
            ended=paths("metrics/end"),
            errors=paths("error"),
            name=("span_attributes", "name"),
            opened=paths("metadata metrics span_attributes"),
            kinds=paths("span_attributes/type"),
            ignored=_IGNORED_KEYS,
            finish=_finish,
        )
    ),
)
