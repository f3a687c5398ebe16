"""Bifrost, the gateway of Maxim: entries of its log store, as its API and its log plugins give them.

An entry has the call in Bifrost's own form, which is OpenAI's: ``input_history`` and ``output_message`` for chats,
``responses_input_history`` and ``responses_output`` for the Responses API. Pitfalls:

* ``object`` is the operation, in newer releases with ``_stream`` behind it.
* ``alias`` is the model that the caller asked for, where the operator has renamed one. ``model`` is the real one.
* Each attempt with another provider is an entry of its own; ``fallback_index`` counts them, from 0 for the first.
* Keys are named by their ids, never by their values. ``virtual_key`` and ``selected_key`` repeat them with settings.

(From framework/logstore/tables.go of the repository, read 2026-11-26.)
"""

from __future__ import annotations

from typing import Final

from veilog_parsers.bodies.rest import drop_repeated, texts_of
from veilog_parsers.event import AuditEvent, CredentialType
from veilog_parsers.record.fields import dicts, drop, ignored_keys, paths, peek
from veilog_parsers.record.raw import Fields
from veilog_parsers.source import Source, Stability
from veilog_parsers.sources.dialect import Dialect, parser_of
from veilog_parsers.sources.facts import OPERATIONS, facts

_FACTS: Final = facts("""
    timestamp               timestamp created_at
    request_id              id
    trace_id                parent_request_id
    operation               object
    provider                provider
    model_name              alias model
    model_version           model
    user_id                 user_id
    user_name               user_name
    tenant_id               customer_id team_id business_unit_id
    credential.id_hash      virtual_key_id selected_key_id
    input_tokens            token_usage/prompt_tokens
    output_tokens           token_usage/completion_tokens
    token_count             token_usage/total_tokens
    cached_input_tokens     token_usage/prompt_tokens_details/cached_read_tokens
                            token_usage/prompt_tokens_details/cached_tokens
    cache_write_tokens      token_usage/prompt_tokens_details/cached_write_tokens
    reasoning_tokens        token_usage/completion_tokens_details/reasoning_tokens
    cost_usd                cost token_usage/cost/total_cost
    latency_ms              latency
    stream                  stream
    retries                 number_of_retries
    http_status             error_details/status_code
""")
_IGNORED_KEYS: Final = ignored_keys(
    """
    alias_model_family attempt_trail:plain budget_ids:plain business_unit_id business_unit_ids:plain
    business_unit_name business_unit_names:plain cache_debug:plain canonical_model_name cluster_node_id customer_id
    customer_ids:plain customer_name customer_names:plain embedding_output:vector fallback_index:number
    inc_number:number is_large_payload_request:flag is_large_payload_response:flag list_models_output:objects
    metadata:plain params:plain rate_limit_ids:plain routing_engines_used:plain routing_rule:plain routing_rule_id
    routing_rule_name selected_key:secret selected_key_id selected_key_name selected_prompt_id selected_prompt_name
    selected_prompt_version status team_id team_ids:plain team_name team_names:plain token_usage:plain tools:objects
    virtual_key:secret virtual_key_name
    """
)
_MARKERS: Final = (
    *("input_history", "responses_input_history", "number_of_retries", "fallback_index", "selected_key_id"),
    *("virtual_key_id", "routing_engines_used"),
)
_STREAM: Final = "_stream"


def _is_entry(fields: Fields) -> bool:
    return "provider" in fields and "object" in fields and "status" in fields and "model" in fields


def _prepare(fields: Fields) -> None:
    """Split the operation from its ``_stream``, and make a body of the output items of the Responses API."""
    kind = fields.get("object")
    if type(kind) is str and kind.endswith(_STREAM) and kind.removesuffix(_STREAM) in OPERATIONS:
        fields["object"] = kind.removesuffix(_STREAM)
        fields.setdefault("stream", True)
    if type(fields.get("responses_output")) is list:
        fields["responses_output"] = {"output": fields["responses_output"]}
    error = fields.get("error_details")
    if type(error) is dict and type(error.get("error")) is dict:
        drop(error, "is_bifrost_error", "extra_fields")


def _finish(fields: Fields, event: AuditEvent) -> None:
    if event.credential is not None:
        event.credential.type = CredentialType.API_KEY
    tools = dicts(fields.get("tools"))
    event.tools_offered = event.tools_offered or len(tools) or None
    if peek(fields, "error_details", "error") == {}:
        drop(fields, "error_details")
    texts = [*texts_of(event.prompt_messages), *texts_of(event.response_messages)]
    drop_repeated(fields, texts, "content_summary", "raw_request", "raw_response", "tool_calls")


SOURCE: Final = Source(
    name="bifrost",
    summary="Bifrost's log entries: a call each, with its keys, retries and costs.",
    stability=Stability.BETA,
    never_carries="The caller's address; prompts and responses, if content logging is off.",
    references=(
        "https://docs.getbifrost.ai/features/observability/default",
        "https://github.com/maximhq/bifrost/blob/main/framework/logstore/tables.go",
    ),
    markers=dict.fromkeys(_MARKERS, _is_entry),
    parse=parser_of(
        Dialect(
            facts=_FACTS,
            inputs=paths(
                """
                input_history responses_input_history speech_input image_generation_input ocr_input
                passthrough_request_body raw_request
                """
            ),
            outputs=paths(
                "output_message responses_output transcription_output passthrough_response_body raw_response"
            ),
            finish_reasons=paths("stop_reason"),
            statuses=paths("status"),
            errors=paths("error_details/error error_details"),
            ignored=_IGNORED_KEYS,
            prepare=_prepare,
            finish=_finish,
        )
    ),
)
