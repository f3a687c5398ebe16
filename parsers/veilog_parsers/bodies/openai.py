"""OpenAI's APIs: chat completions, responses, completions, embeddings, images, audio and moderations.

Azure OpenAI, Groq, Mistral, DeepSeek, Together, vLLM, version 2 of Cohere's API and most gateways have the same format,
so it names no provider.

Definitions of tools and functions, response formats and sampling parameters are settings: they are dropped, although
the model sees their descriptions. So is ``data_sources`` (Azure), which holds keys. Texts beside the messages are read:
variables of stored prompts count as the user's, predicted output as the assistant's. ``prompt_tokens`` and
``input_tokens`` include cached tokens here.
"""

from __future__ import annotations

from itertools import chain
from typing import Any, Final

from veilog_parsers.bodies import flat
from veilog_parsers.bodies.exchange import Exchange
from veilog_parsers.bodies.rest import drop_repeated, texts_of
from veilog_parsers.bodies.turns import (
    Turn,
    add_completion_turn,
    add_prompt_content,
    add_prompt_documents,
    add_prompt_messages,
    add_prompt_variables,
    drop_role,
    pop_finish_reason,
    read_settings,
)
from veilog_parsers.bodies.verdicts import read_azure_filters
from veilog_parsers.event import Operation, Role, ThreatReporter
from veilog_parsers.record.dropped import Why, note_dropped, prefer
from veilog_parsers.record.fields import (
    dicts,
    drop,
    drop_keys,
    drop_known,
    ignored_keys,
    keyset,
    paths,
    peek,
    pop_count,
    pop_first,
    pop_identifier,
    pop_number,
)
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import pop_time

_IGNORED_REQUEST_KEYS: Final = ignored_keys(
    """
    add_generation_prompt:flag add_special_tokens:flag allowed_token_ids:numbers audio:blob background
    bad_words:list best_of:number cache_prompt:flag cache_salt chat_template chat_template_kwargs:plain
    chunking_strategy:schema citation_options:plain compound_custom:plain context_length_exceeded_behavior
    continue_final_message:flag data_sources:secret dimensions:number disable_tool_validation:flag echo:flag
    enable_thinking:flag encoding_format file:blob frequency_penalty:number function_call:plain functions:objects
    guidance_scale:number guided_choice guided_grammar guided_json:objects guided_regex ignore_eos:flag image:blob
    include:list include_reasoning:flag include_stop_str_in_output:flag input_fidelity known_speaker_names:list
    language length_penalty:number logit_bias:plain logprobs:objects mask:blob max_completion_tokens:number
    max_output_tokens:number max_prompt_tokens:number max_tokens:number max_tool_calls:number min_p:number
    min_tokens:number mm_processor_kwargs:plain modalities:list models:list moderation:plain n:number n_keep:number
    n_predict:number n_probs:number options:plain output_compression:number output_format:schema
    parallel_tool_calls:flag partial_images:number plugins:objects presence_penalty:number priority:plain
    prompt_cache_key prompt_cache_retention prompt_mode prompt_truncate_len:number provider:plain quality
    random_seed:number reasoning:schema reasoning_effort reasoning_format repeat_penalty:number
    repetition_penalty:number request_id response_format:schema route:plain safe_prompt:flag safety_mode
    safety_model search_domain_filter:list search_recency_filter search_settings:plain seed:number service_tier size
    skip_special_tokens:flag spaces_between_special_tokens:flag speed:number stop:plain stop_token_ids:numbers
    store:flag stream:flag stream_format stream_options:plain strict_tools:flag structured_outputs:objects style
    temperature:number text:format thinking:plain timestamp_granularities:list timings_per_token:flag
    tool_choice:schema tools:objects top_k:number top_logprobs:number top_p:number transforms:list
    truncate_prompt_tokens:number truncation use_beam_search:flag user_security_context:plain verbosity voice:plain
    web_search:plain web_search_options:plain
    """
)
_IGNORED_RESPONSE_KEYS: Final = _IGNORED_REQUEST_KEYS | ignored_keys(
    """
    billing:plain citations:objects completed_at:number content_filters:plain duration:number
    frequency_penalty:number kv_transfer_params:plain language obfuscation:blob object output_text p:number prompt
    prompt_annotations:objects prompt_filter_results:plain prompt_logprobs:objects prompt_token_ids:numbers
    search_results:objects system_fingerprint task timings:plain tool_usage:plain usage_breakdown:plain
    words:objects x_groq:plain
    """
)
_IGNORED_CHOICE_KEYS: Final = ignored_keys(
    """
    content_filter_offsets:plain content_filter_result:plain content_filter_results:plain index:number
    logprobs:objects native_finish_reason prompt_logprobs:objects seed:number stop_reason token_ids:numbers
    """
)
_IGNORED_USAGE_KEYS: Final = ignored_keys(
    """
    cached_tokens:number citation_tokens:number completion_time:number completion_tokens_details:plain cost:number
    cost_details:plain input_token_details:plain input_tokens_details:plain is_byok:flag latency_checkpoint:number
    output_token_details:plain num_cached_tokens:number num_search_queries:number output_tokens_details:plain
    prompt_audio_seconds:number prompt_cache_hit_tokens:number prompt_cache_miss_tokens:number prompt_time:number
    prompt_tokens_details:plain queue_time:number reasoning_tokens:number search_context_size seconds:number
    total_time:number type
    """
)
_DETAILS: Final = {
    "cached_input_tokens": paths(
        """
        prompt_tokens_details/cached_tokens input_tokens_details/cached_tokens cache_read_input_tokens
        prompt_cache_hit_tokens cached_tokens num_cached_tokens input_token_details/cache_read
        """
    ),
    "cache_write_tokens": paths(
        """
        cache_creation_input_tokens prompt_tokens_details/cache_creation_tokens
        prompt_tokens_details/cache_write_tokens input_token_details/cache_creation
        """
    ),
    "reasoning_tokens": paths(
        """
        completion_tokens_details/reasoning_tokens output_tokens_details/reasoning_tokens reasoning_tokens
        output_token_details/reasoning
        """
    ),
    "input_audio_tokens": paths(
        """
        prompt_tokens_details/audio_tokens input_tokens_details/audio_tokens input_token_details/audio_tokens
        input_token_details/audio
        """
    ),
    "output_audio_tokens": paths(
        """
        completion_tokens_details/audio_tokens output_tokens_details/audio_tokens output_token_details/audio
        """
    ),
    "input_image_tokens": paths("prompt_tokens_details/image_tokens input_tokens_details/image_tokens"),
    "output_image_tokens": paths("completion_tokens_details/image_tokens output_tokens_details/image_tokens"),
}
_DETAIL_KEYS: Final = frozenset(("cost", *(path[0] for found in _DETAILS.values() for path in found)))
"""Where a usage counts kinds of tokens: OpenAI's two APIs, DeepSeek, Mistral, LiteLLM, LangChain."""
_PROMPT_KEYS_BESIDE_MESSAGES: Final = keyset(
    "documents input instructions prediction prompt suffix tool_results variables"
)
"""Keys of texts beside the messages. Most chats have none of them."""
_ID_KEYS: Final = keyset("user safety_identifier user_security_context conversation previous_response_id")
_FILTERED_LISTS: Final = ("prompt_filter_results", "prompt_annotations", "content_filters")
"""Where Azure has the results of its content filters beside the choices; the last in its Responses API."""
_IGNORED_TRANSCRIPT_KEYS: Final = ignored_keys("segments:objects")
_IGNORED_DATUM_KEYS: Final = ignored_keys("b64_json:blob embedding:vector index:number object url:blob")
_IGNORED_VERDICT_KEYS: Final = ignored_keys(
    "categories:plain category_applied_input_types:plain category_scores:plain flagged:flag"
)


def read_request(body: Fields, exchange: Exchange) -> None:
    """Consume a request body."""
    exchange.operation = exchange.operation or _operation(body)
    exchange.requested_model = pop_identifier(body, "model")
    _read_ids(body, exchange)
    if _PROMPT_KEYS_BESIDE_MESSAGES.isdisjoint(body):
        add_prompt_messages(body.get("messages"), exchange)
    else:
        _read_prompt(body, exchange)
    read_settings(body, exchange, "tools", "functions")
    drop_keys(body, _IGNORED_REQUEST_KEYS)
    # A setting of OpenRouter: whether the response has token counts.
    drop(body, "usage")


def _read_prompt(body: Fields, exchange: Exchange) -> None:
    """Consume the texts of a request in the order in which the model sees them."""
    add_prompt_content(body, "instructions", Role.SYSTEM, exchange)
    add_prompt_documents(body, exchange)
    add_prompt_messages(body.get("messages"), exchange)
    _read_input(body, "input", exchange)
    if type(body.get("prompt")) is dict:
        add_prompt_variables(body["prompt"], "variables", exchange)
        drop(body["prompt"], "id", "version")
    else:
        _read_input(body, "prompt", exchange)
    add_prompt_variables(body, "variables", exchange)
    add_prompt_content(body, "suffix", Role.USER, exchange)
    add_prompt_content(body, "prediction", Role.ASSISTANT, exchange)


def read_response(body: Fields, exchange: Exchange) -> None:
    """Consume a response body."""
    exchange.answered_model = pop_identifier(body, "model")
    exchange.request_id = exchange.request_id or pop_identifier(body, "id")
    exchange.timestamp = pop_time(body, "created") or pop_time(body, "created_at")
    if body.get("created") == 0:
        # The first chunk of Azure's streams has no time: it holds only the results of the content filters.
        drop_known(body, "created")
    _read_usage(body.get("usage"), exchange)
    if exchange.input_tokens is None:
        # The response of the API that only counts tokens.
        exchange.input_tokens = pop_count(body, "input_tokens")
    for choice in dicts(body.get("choices")):
        _read_choice(choice, exchange)
    _read_filtered_lists(body, exchange)
    if "output" in body:
        _read_output(body, exchange)
    for datum in dicts(body.get("data")):
        _read_datum(datum, exchange)
    if type(body.get("message")) is dict and "role" in body["message"]:
        # Version 2 of Cohere's API has one choice and no list of choices.
        _read_choice(body, exchange)
    if "outputs" in body:
        _read_outputs(body, exchange)
    if type(body.get("text")) is str:
        _read_transcript(body, exchange)
    for verdict in dicts(body.get("results")):
        exchange.operation = Operation.MODERATION
        drop_keys(verdict, _IGNORED_VERDICT_KEYS)
    drop_repeated(body, chain(texts_of(exchange.response), texts_of(exchange.prompt)), "output_text", "prompt")
    drop_keys(body, _IGNORED_RESPONSE_KEYS)


def _read_outputs(body: Fields, exchange: Exchange) -> None:
    """The entries of a Mistral conversation, whose types have dots: ``message.output``, ``function.call``."""
    exchange.conversation_id = exchange.conversation_id or pop_identifier(body, "conversation_id")
    turn = Turn()
    for entry in dicts(body["outputs"]):
        if type(entry.get("type")) is str:
            entry["type"] = entry["type"].replace(".", "_")
        drop_role(entry)
        turn.add_block(entry)
    add_completion_turn(turn, exchange)


def _read_transcript(body: Fields, exchange: Exchange) -> None:
    """Consume a transcript of audio. The response has it as a whole, and again in segments and words."""
    turn = Turn()
    turn.add_content(body, "text")
    add_completion_turn(turn, exchange)
    drop_keys(body, _IGNORED_TRANSCRIPT_KEYS)


def _operation(body: Fields) -> Operation | None:
    """The operation of a request. Four APIs have an ``input``: the keys beside it tell them apart."""
    model = body.get("model")
    model = model if type(model) is str else ""
    if "messages" in body:
        return Operation.CHAT
    if "voice" in body or "whisper" in model or "transcribe" in model:
        # Speech has no operation of its own.
        return None
    if "input" in body:
        if "moderation" in model:
            return Operation.MODERATION
        listed = type(body["input"]) is list and body["input"] and type(body["input"][0]) is not dict
        if listed or "embed" in model or "encoding_format" in body or "dimensions" in body:
            return Operation.EMBEDDINGS
        return Operation.CHAT
    if "prompt" in body:
        if "size" in body or "quality" in body or model.startswith(("dall-e", "gpt-image")):
            return Operation.IMAGE_GENERATION
        return Operation.CHAT if type(body["prompt"]) is dict else Operation.TEXT_COMPLETION
    return None


def _read_ids(body: Fields, exchange: Exchange) -> None:
    """Read the user and the conversation, which a response of the Responses API repeats."""
    if _ID_KEYS.isdisjoint(body):
        return
    user, safety_identifier = pop_identifier(body, "user"), pop_identifier(body, "safety_identifier")
    user = prefer(prefer(exchange.user, user), safety_identifier)
    exchange.user = user or pop_identifier(body, "user_security_context", "end_user_id")
    conversation = pop_identifier(body, "conversation", "id") or pop_identifier(body, "conversation")
    previous = pop_identifier(body, "previous_response_id")
    exchange.conversation_id = prefer(prefer(exchange.conversation_id, conversation), previous)


def _read_input(body: Fields, key: str, exchange: Exchange) -> None:
    """Consume input items as turns, and texts (prompts, texts to embed) as one turn of the user.

    Token ids are dropped.
    """
    value = body.get(key)
    if type(value) is not list:
        add_prompt_content(body, key, Role.USER, exchange)
    elif value and type(value[0]) is dict:
        add_prompt_messages(value, exchange)
    else:
        add_prompt_content(body, key, Role.USER, exchange)
        if any(map(_is_tokens, value)):
            note_dropped(key, list(filter(_is_tokens, value)), Why.NOISE)
            value[:] = [item for item in value if not _is_tokens(item)]


def _is_tokens(value: Any) -> bool:
    return type(value) is int or (type(value) is list and all(type(item) is int for item in value))


def _read_usage(usage: Any, exchange: Exchange) -> None:
    if type(usage) is dict:
        prompt, completion = pop_count(usage, "prompt_tokens"), pop_count(usage, "completion_tokens")
        sent, produced = pop_count(usage, "input_tokens"), pop_count(usage, "output_tokens")
        exchange.input_tokens = prompt if sent is None else prefer(prompt, sent)
        exchange.output_tokens = completion if produced is None else prefer(completion, produced)
        exchange.total_tokens = pop_count(usage, "total_tokens")
        read_token_details(usage, exchange)
        flat.read_counts(usage, exchange)
        drop_keys(usage, _IGNORED_USAGE_KEYS)


def _read_filtered_lists(body: Fields, exchange: Exchange) -> None:
    for key in _FILTERED_LISTS:
        for result in dicts(body[key]) if key in body else ():
            _read_filters(result, exchange)


def _read_filters(holder: Fields, exchange: Exchange) -> None:
    """Consume what Azure's content filters found in a prompt or a choice."""
    for key in ("content_filter_results", "content_filter_result"):
        if key in holder:
            read_azure_filters(holder[key], exchange.verdict_of(ThreatReporter.AZURE_AI))


def read_token_details(usage: Fields, exchange: Exchange) -> None:
    """Consume what a usage says of kinds of tokens, all of which its totals include, and of the cost."""
    if _DETAIL_KEYS.isdisjoint(usage):
        # As most usages are.
        return
    for name, paths_of in _DETAILS.items():
        count = pop_first(pop_count, usage, paths_of, drop_others=True)
        if count is not None:
            setattr(exchange, name, count)
    # OpenRouter's credits are US dollars.
    exchange.cost_usd = pop_number(usage, "cost")


def _read_choice(choice: Fields, exchange: Exchange) -> None:
    """Consume a choice: a message (missing if a filter withheld it), or a text of the completions API."""
    turn = Turn()
    message = choice.get("message") or choice.get("delta")
    if type(message) is dict:
        exchange.operation = exchange.operation or Operation.CHAT
        drop_role(message)
        turn.add_block(message)
    elif type(message) is str:
        turn.add_content(choice, "message" if choice.get("message") else "delta")
    elif "text" in choice:
        exchange.operation = exchange.operation or Operation.TEXT_COMPLETION
        turn.add_content(choice, "text")
    add_completion_turn(turn, exchange)
    pop_finish_reason(choice, exchange, "finish_reason")
    _read_filters(choice, exchange)
    drop_keys(choice, _IGNORED_CHOICE_KEYS)


def _read_output(body: Fields, exchange: Exchange) -> None:
    """Consume the output items of the Responses API as one turn. ``incomplete_details`` tells more than ``status``."""
    exchange.operation = exchange.operation or Operation.CHAT
    _read_ids(body, exchange)
    _read_instructions(body, exchange)
    turn = Turn()
    for item in dicts(body["output"]):
        drop_role(item)
        turn.add_block(item)
    add_completion_turn(turn, exchange)
    if peek(body, "incomplete_details", "reason"):
        drop(body, "status")
        pop_finish_reason(body, exchange, "incomplete_details", "reason")
    else:
        exchange.failed = exchange.failed or body.get("status") == "failed"
        pop_finish_reason(body, exchange, "status")


def _read_instructions(body: Fields, exchange: Exchange) -> None:
    """Consume the instructions in a response of the Responses API.

    The request lacks them if they came from a stored prompt. If it has them, they are not added again.
    """
    echo = Exchange()
    if type(body.get("instructions")) is list:
        add_prompt_messages(body["instructions"], echo)
    else:
        add_prompt_content(body, "instructions", Role.SYSTEM, echo)
    known_texts = set(texts_of(exchange.prompt))
    if not known_texts.issuperset(texts_of(echo.prompt)):
        exchange.prompt[:0] = echo.prompt
    elif echo.prompt:
        note_dropped("instructions", echo.prompt, Why.TEXT_READ)


def _read_datum(datum: Fields, exchange: Exchange) -> None:
    """Consume an embedding or an image, which may have the prompt that the model made of the user's."""
    if "embedding" in datum:
        exchange.operation = Operation.EMBEDDINGS
    elif "b64_json" in datum or "url" in datum:
        exchange.operation = Operation.IMAGE_GENERATION
        turn = Turn()
        turn.add_content(datum, "revised_prompt")
        add_completion_turn(turn, exchange)
    drop_keys(datum, _IGNORED_DATUM_KEYS)
