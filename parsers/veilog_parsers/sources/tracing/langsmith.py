"""LangSmith: runs, as its API, its bulk export and its SDKs write them.

A run is a span: a call of a model (``run_type`` is ``llm``), of a tool or a retriever, or a step of the application.
Its inputs and outputs are LangChain's messages or the bodies of a provider's API. Pitfalls:

* ``session_id`` is the project, not a session. Threads are named in the metadata, under one of three keys.
* Steps repeat the texts of the calls inside them, so one prompt is in several runs of a trace.
* ``error`` is a text with a traceback, and may quote the prompt.

(From "Run (span) data format" in LangSmith's documentation and the schemas of its SDKs, read 2026-11-26.)
"""

from __future__ import annotations

from typing import Final

from veilog_parsers.bodies.rest import drop_repeated, texts_of
from veilog_parsers.event import AuditEvent
from veilog_parsers.record.dropped import DUPLICATE, note_dropped
from veilog_parsers.record.fields import dicts, drop_keys, ignored_keys, paths, peek
from veilog_parsers.record.raw import Fields
from veilog_parsers.source import Source, Stability
from veilog_parsers.sources.dialect import Dialect, parser_of
from veilog_parsers.sources.facts import facts

_FACTS: Final = facts("""
    request_id              id
    trace_id                trace_id
    operation               run_type
    tenant_id               tenant_id
    user_id                 extra/metadata/user_id extra/metadata/userId extra/metadata/user
    conversation_id         extra/metadata/thread_id extra/metadata/session_id extra/metadata/conversation_id
    provider                extra/metadata/ls_provider
    model_name              extra/metadata/ls_model_name extra/invocation_params/model
                            extra/invocation_params/model_name extra/invocation_params/azure_deployment
    input_tokens            prompt_tokens
    output_tokens           completion_tokens
    token_count             total_tokens
    cached_input_tokens     prompt_token_details/cache_read
    cache_write_tokens      prompt_token_details/cache_creation
    reasoning_tokens        completion_token_details/reasoning
    cost_usd                total_cost
    stream                  extra/invocation_params/stream
""")
_IGNORED_KEYS: Final = ignored_keys(
    """
    app_path child_run_ids:plain completion_cost:number completion_cost_details:plain completion_token_details:plain
    direct_child_run_ids:plain dotted_order:plain execution_order:number feedback_stats:plain in_dataset:flag
    inputs_s3_urls:plain last_queued_at manifest_id manifest_s3_id messages outputs_s3_urls:plain parent_run_id
    parent_run_ids:plain price_model_id prompt_cost:number prompt_cost_details:plain prompt_token_details:plain
    reference_dataset_id reference_example_id retention:plain s3_urls:plain serialized:plain session_id session_name
    share_token:secret tags:plain thread_id trace_first_received_at trace_max_start_time trace_min_start_time
    trace_tier trace_upgrade:flag ttl_seconds:number run_type
    """
)
_IGNORED_EXTRA_KEYS: Final = ignored_keys("batch_size:number options:plain runtime:plain")
_IGNORED_METADATA_KEYS: Final = ignored_keys(
    """
    LANGSMITH_PROJECT ls_max_tokens:number ls_method ls_model_type ls_run_depth:number ls_stop:plain
    ls_temperature:number revision_id
    """
)
_IGNORED_PARAMETER_KEYS: Final = ignored_keys(
    "_type max_tokens:number model_kwargs:plain n:number stop:plain temperature:number tools:objects top_p:number"
)
_NEW_TOKEN: Final = "new_token"  # noqa: S105 - the name of an event


def _is_run(fields: Fields) -> bool:
    return type(fields.get("run_type")) is str and ("inputs" in fields or "inputs_preview" in fields)


def _finish(fields: Fields, event: AuditEvent) -> None:
    if any(item.get("name") == _NEW_TOKEN for item in dicts(fields.get("events"))):
        if event.stream is not None:
            note_dropped("stream", event.stream, DUPLICATE)
        event.stream = True
    tools = peek(fields, "extra", "invocation_params", "tools")
    event.tools_offered = event.tools_offered or (len(tools) if type(tools) is list and tools else None)
    texts = [*texts_of(event.prompt_messages), *texts_of(event.response_messages)]
    drop_repeated(fields, texts, "inputs_preview", "outputs_preview", "events")
    extra = fields.get("extra")
    if type(extra) is dict:
        drop_keys(extra, _IGNORED_EXTRA_KEYS)
        for key, ignored in (("metadata", _IGNORED_METADATA_KEYS), ("invocation_params", _IGNORED_PARAMETER_KEYS)):
            if type(extra.get(key)) is dict:
                drop_keys(extra[key], ignored)


SOURCE: Final = Source(
    name="langsmith",
    summary="LangSmith's runs, from its API or its bulk export.",
    stability=Stability.BETA,
    never_carries="The caller's address; the user, unless the application puts it into the metadata.",
    references=(
        "https://docs.langchain.com/langsmith/run-data-format",
        "https://docs.langchain.com/langsmith/data-export",
    ),
    markers={"run_type": _is_run},
    parse=parser_of(
        Dialect(
            facts=_FACTS,
            inputs=paths("inputs inputs_preview"),
            outputs=paths("outputs outputs_preview"),
            started=paths("start_time"),
            ended=paths("end_time"),
            first_token=paths("first_token_time"),
            statuses=paths("status"),
            errors=paths("error"),
            name=("name",),
            opened=paths("extra inputs outputs events"),
            kinds=paths("run_type"),
            ignored=_IGNORED_KEYS,
            finish=_finish,
        )
    ),
)
