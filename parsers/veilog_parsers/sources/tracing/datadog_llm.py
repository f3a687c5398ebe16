"""Datadog LLM Observability: spans, as its export API gives them and its SDKs send them.

A span of the export has its fields under ``attributes``; one of the intake has kind, input, output and model under
``meta``, and the application and its tags beside all of its spans (``record.pages`` opens both). Pitfalls:

* ``duration`` is in nanoseconds; ``start_ns`` is, by the example of the documentation, in milliseconds as well: its
  size tells.
* ``estimated_total_cost`` is in billionths of a dollar; ``time_to_first_token`` in seconds.
* The user, if any, is a tag: ``user_id:...`` or ``user_handle:...``.
* ``value`` repeats the last of the ``messages``.

(From "Export API" and "HTTP API Reference" of Datadog's documentation, read 2026-11-26.)
"""

from __future__ import annotations

from typing import Any, Final

from veilog_parsers.event import AuditEvent
from veilog_parsers.record.fields import as_identifier, drop_keys, ignored_keys, merge, paths, peek, pop_dict
from veilog_parsers.record.raw import Fields
from veilog_parsers.source import Source, Stability
from veilog_parsers.sources.dialect import Dialect, parser_of
from veilog_parsers.sources.facts import facts

_FACTS: Final = facts("""
    timestamp               start_ns timestamp
    request_id              span_id id
    span_id                 span_id
    trace_id                trace_id
    session_id              session_id
    operation               span_kind meta/kind meta/span.kind
    agent.name              ml_app
    provider                model_provider meta/model_provider meta/metadata/model_provider
    model_name              model_name meta/model_name meta/metadata/model_name
    input_tokens            metrics/input_tokens
    output_tokens           metrics/output_tokens
    token_count             metrics/total_tokens
    cached_input_tokens     metrics/cache_read_input_tokens
    cache_write_tokens      metrics/cache_write_input_tokens
    reasoning_tokens        metrics/reasoning_output_tokens
    cost_usd:nano           metrics/estimated_total_cost
    latency_ms:ns           duration
    time_to_first_token_ms:s metrics/time_to_first_token
""")
_IGNORED_KEYS: Final = ignored_keys(
    """
    apm_id apm_trace_id collection_errors:plain evaluation:plain id metrics:plain parent_id span_links:plain
    tags:plain tool_definitions:objects trace_id type
    """
)
_IGNORED_META_KEYS: Final = ignored_keys("kind model_name model_provider span:plain tool_definitions:objects")
_IGNORED_METADATA: Final = ignored_keys("max_tokens:number temperature:number tool_choice:schema top_p:number")
_TAGS: Final = {"user_id": "user_id", "usr.id": "user_id", "user_handle": "user_id", "session_id": "session_id"}


def _is_span(fields: Fields) -> bool:
    attributes = fields.get("attributes")
    span = attributes if type(attributes) is dict else fields
    return "ml_app" in span and "span_id" in span


def _is_sent_span(fields: Fields) -> bool:
    meta = fields.get("meta")
    return type(meta) is dict and ("kind" in meta or "span.kind" in meta) and "span_id" in fields


def _prepare(fields: Fields) -> None:
    attributes = pop_dict(fields, "attributes")
    if attributes is not None:
        merge(fields, attributes)


def _finish(fields: Fields, event: AuditEvent) -> None:
    tools: Any = fields.get("tool_definitions") or peek(fields, "meta", "tool_definitions")
    event.tools_offered = event.tools_offered or (len(tools) if type(tools) is list and tools else None)
    if type(fields.get("tags")) is list:
        fields["tags"] = [tag for tag in fields["tags"] if not _is_read(tag, event)]
    for holder in (fields, fields.get("meta")):
        if type(holder) is dict and type(holder.get("metadata")) is dict:
            drop_keys(holder["metadata"], _IGNORED_METADATA)
    if type(fields.get("meta")) is dict:
        drop_keys(fields["meta"], _IGNORED_META_KEYS)


def _is_read(tag: Any, event: AuditEvent) -> bool:
    """Read a tag that names the user or the session, and tell whether it was one."""
    if type(tag) is not str:
        return False
    name, _, value = tag.partition(":")
    field = _TAGS.get(name)
    known = as_identifier(value) if field is not None and getattr(event, field) is None else None
    if field is None or known is None:
        return False
    setattr(event, field, known)
    return True


SOURCE: Final = Source(
    name="datadog_llm",
    summary="Datadog LLM Observability: spans of its export API and of its intake.",
    stability=Stability.BETA,
    never_carries="The caller's address; the user, unless it is a tag.",
    references=(
        "https://docs.datadoghq.com/llm_observability/evaluations/export_api/",
        "https://docs.datadoghq.com/llm_observability/instrumentation/api/",
    ),
    markers={"ml_app": _is_span, "attributes": _is_span, "meta": _is_sent_span},
    parse=parser_of(
        Dialect(
            facts=_FACTS,
            inputs=paths("input meta/input"),
            outputs=paths("output meta/output"),
            statuses=paths("status"),
            errors=paths("error meta/error"),
            name=("name",),
            kinds=paths("span_kind meta/kind meta/span.kind"),
            holders=paths("attributes meta"),
            ignored=_IGNORED_KEYS,
            prepare=_prepare,
            finish=_finish,
        )
    ),
)
