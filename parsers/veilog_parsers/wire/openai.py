"""The OpenAI shapes: chat completions, responses, completions, embeddings, images, audio and moderations.

Azure OpenAI, Groq, Mistral, DeepSeek, Together, vLLM, Cohere's second version and most gateways speak them too, so the
shape names no provider.

Tool and function definitions, response formats and sampling parameters are configuration: discarded, although the
model sees their descriptions. ``data_sources`` (Azure) goes with them: it holds keys. Text that the request hands over
apart from its messages is not: variables of stored prompts count as the user's, predicted output as the assistant's.
``prompt_tokens`` and ``input_tokens`` include cached tokens here.
"""

from __future__ import annotations

from typing import Any, Final

from veilog_parsers.event import Operation, Role
from veilog_parsers.record import Fields
from veilog_parsers.take import dicts, discard_known, known, peek, take_count, take_identifier, take_str
from veilog_parsers.times import take_time
from veilog_parsers.wire import flat
from veilog_parsers.wire.exchange import Exchange
from veilog_parsers.wire.turns import Turn, answer_turn, ask_content, ask_documents, ask_turns, take_finish, take_role

_CONFIGURATION: Final = known(
    """
    add_generation_prompt add_special_tokens allowed_token_ids audio background bad_words best_of cache_prompt
    cache_salt chat_template chat_template_kwargs chunking_strategy citation_options compound_custom
    context_length_exceeded_behavior continue_final_message data_sources dimensions disable_tool_validation echo
    enable_thinking encoding_format file frequency_penalty function_call functions guidance_scale guided_choice
    guided_grammar guided_json guided_regex ignore_eos image include include_reasoning include_stop_str_in_output
    input_fidelity known_speaker_names language length_penalty logit_bias logprobs mask max_completion_tokens
    max_output_tokens max_prompt_tokens max_tokens max_tool_calls min_p min_tokens mm_processor_kwargs modalities
    models moderation n n_keep n_predict n_probs options output_compression output_format parallel_tool_calls
    partial_images plugins presence_penalty priority prompt_cache_key prompt_cache_retention prompt_mode
    prompt_truncate_len provider quality random_seed reasoning reasoning_effort reasoning_format repeat_penalty
    repetition_penalty request_id response_format route safe_prompt safety_mode safety_model search_domain_filter
    search_recency_filter search_settings seed service_tier size skip_special_tokens spaces_between_special_tokens
    speed stop stop_token_ids store stream stream_format stream_options strict_tools structured_outputs style
    temperature text thinking timestamp_granularities timings_per_token tool_choice tools top_k top_logprobs top_p
    transforms truncate_prompt_tokens truncation use_beam_search user_security_context verbosity voice
    web_search web_search_options
    """
)
_RESPONSE_BOOKKEEPING: Final = _CONFIGURATION | known(
    """
    billing citations completed_at content_filters duration frequency_penalty kv_transfer_params language
    obfuscation object output_text p prompt prompt_annotations prompt_filter_results prompt_logprobs
    prompt_token_ids search_results system_fingerprint task timings tool_usage usage_breakdown words x_groq
    """
)
_CHOICE_BOOKKEEPING: Final = known(
    """
    content_filter_offsets content_filter_result content_filter_results index logprobs native_finish_reason
    prompt_logprobs seed stop_reason token_ids
    """
)
_USAGE_DETAILS: Final = known(
    """
    cached_tokens citation_tokens completion_time completion_tokens_details cost cost_details input_token_details
    input_tokens_details is_byok latency_checkpoint num_cached_tokens num_search_queries output_tokens_details
    prompt_audio_seconds prompt_cache_hit_tokens prompt_cache_miss_tokens prompt_time prompt_tokens_details
    queue_time reasoning_tokens search_context_size seconds total_time type
    """
)
_BESIDE_MESSAGES: Final = known("documents input instructions prediction prompt suffix tool_results variables")
"""Where a request says something, but for its messages: most chats have nothing else."""
_IDS: Final = known("user safety_identifier user_security_context conversation previous_response_id")
_DATUM_BOOKKEEPING: Final = known("b64_json embedding index object url")
_VERDICT: Final = known("categories category_applied_input_types category_scores flagged")


def read_request(body: Fields, exchange: Exchange) -> None:
    """Consume a request body."""
    exchange.operation = exchange.operation or _operation(body)
    exchange.requested_model = take_identifier(body, "model")
    _read_ids(body, exchange)
    if _BESIDE_MESSAGES.isdisjoint(body):
        ask_turns(body.get("messages"), exchange)
    else:
        _read_said(body, exchange)
    discard_known(body, _CONFIGURATION)
    # OpenRouter: whether the usage is wanted.
    body.pop("usage", None)


def _read_said(body: Fields, exchange: Exchange) -> None:
    """What a request says, in the order in which the model sees it."""
    ask_content(body, "instructions", Role.SYSTEM, exchange)
    ask_documents(body, exchange)
    ask_turns(body.get("messages"), exchange)
    _read_input(body, "input", exchange)
    if type(body.get("prompt")) is dict:
        _read_variables(body["prompt"], exchange)
        discard_known(body["prompt"], frozenset(("id", "version")))
    else:
        _read_input(body, "prompt", exchange)
    _read_variables(body, exchange)
    ask_content(body, "suffix", Role.USER, exchange)
    ask_content(body, "prediction", Role.ASSISTANT, exchange)


def read_response(body: Fields, exchange: Exchange) -> None:
    """Consume a response body."""
    exchange.answered_model = take_identifier(body, "model")
    exchange.request_id = exchange.request_id or take_identifier(body, "id")
    exchange.timestamp = take_time(body, "created") or take_time(body, "created_at")
    if body.get("created") == 0:
        # Azure's first chunk, which has only the filters' verdict on the prompt.
        del body["created"]
    _read_usage(body.get("usage"), exchange)
    if exchange.input_tokens is None:
        # The answer to a request that only asks for this count.
        exchange.input_tokens = take_count(body, "input_tokens")
    for choice in dicts(body.get("choices")):
        _read_choice(choice, exchange)
    if "output" in body:
        _read_output(body, exchange)
    for datum in dicts(body.get("data")):
        _read_datum(datum, exchange)
    if type(body.get("message")) is dict and "role" in body["message"]:
        # Cohere's second version: one choice, and no list of them.
        _read_choice(body, exchange)
    if "outputs" in body:
        _read_outputs(body, exchange)
    if type(body.get("text")) is str:
        _read_transcript(body, exchange)
    for verdict in dicts(body.get("results")):
        exchange.operation = Operation.MODERATION
        discard_known(verdict, _VERDICT)
    discard_known(body, _RESPONSE_BOOKKEEPING)


def _read_outputs(body: Fields, exchange: Exchange) -> None:
    """The entries of a Mistral conversation, whose types have dots: ``message.output``, ``function.call``."""
    exchange.conversation_id = exchange.conversation_id or take_identifier(body, "conversation_id")
    turn = Turn()
    for entry in dicts(body["outputs"]):
        if type(entry.get("type")) is str:
            entry["type"] = entry["type"].replace(".", "_")
        take_role(entry)
        turn.read(entry)
    answer_turn(turn, exchange)


def _read_transcript(body: Fields, exchange: Exchange) -> None:
    """What was heard, whole and then again in segments and words."""
    turn = Turn()
    turn.take(body, "text")
    answer_turn(turn, exchange)
    discard_known(body, frozenset(("segments",)))


def _operation(body: Fields) -> Operation | None:
    """What a request asks for. The same ``input`` goes to four APIs: what stands beside it tells them apart."""
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
    """Who asked, and in which conversation; a Responses answer repeats both."""
    if _IDS.isdisjoint(body):
        return
    user, safety_identifier = take_identifier(body, "user"), take_identifier(body, "safety_identifier")
    exchange.user = (
        exchange.user or user or safety_identifier or take_identifier(body, "user_security_context", "end_user_id")
    )
    conversation = take_identifier(body, "conversation", "id") or take_identifier(body, "conversation")
    previous = take_identifier(body, "previous_response_id")
    exchange.conversation_id = exchange.conversation_id or conversation or previous


def _read_input(body: Fields, key: str, exchange: Exchange) -> None:
    """Input items are turns; a text or many (prompts, texts to embed) are one turn of the user; token ids are none."""
    value = body.get(key)
    if type(value) is not list:
        ask_content(body, key, Role.USER, exchange)
    elif value and type(value[0]) is dict:
        ask_turns(value, exchange)
    else:
        ask_content(body, key, Role.USER, exchange)
        value[:] = [item for item in value if not _is_tokens(item)]


def _is_tokens(value: Any) -> bool:
    return type(value) is int or (type(value) is list and all(type(item) is int for item in value))


def _read_variables(body: Fields, exchange: Exchange) -> None:
    """Variables that fill a prompt which the provider or gateway stores."""
    variables = body.get("variables")
    if type(variables) is dict:
        turn = Turn()
        for name in list(variables):
            turn.take(variables, name)
        exchange.ask(Role.USER, turn.said)


def _read_usage(usage: Any, exchange: Exchange) -> None:
    if type(usage) is dict:
        prompt, completion = take_count(usage, "prompt_tokens"), take_count(usage, "completion_tokens")
        sent, produced = take_count(usage, "input_tokens"), take_count(usage, "output_tokens")
        exchange.input_tokens = sent if prompt is None else prompt
        exchange.output_tokens = produced if completion is None else completion
        exchange.total_tokens = take_count(usage, "total_tokens")
        flat.read_counts(usage, exchange)
        discard_known(usage, _USAGE_DETAILS)


def _read_choice(choice: Fields, exchange: Exchange) -> None:
    """One choice: a message (absent when a filter withheld it), or a text in the completions API."""
    turn = Turn()
    message = choice.get("message") or choice.get("delta")
    if type(message) is dict:
        exchange.operation = exchange.operation or Operation.CHAT
        take_role(message)
        turn.read(message)
    elif "text" in choice:
        exchange.operation = exchange.operation or Operation.TEXT_COMPLETION
        turn.take(choice, "text")
    answer_turn(turn, exchange)
    take_finish(choice, exchange, "finish_reason")
    discard_known(choice, _CHOICE_BOOKKEEPING)


def _read_output(body: Fields, exchange: Exchange) -> None:
    """The items of a Responses answer, as one turn. Its ``incomplete_details`` say more than its ``status``."""
    exchange.operation = exchange.operation or Operation.CHAT
    _read_ids(body, exchange)
    _read_instructions(body, exchange)
    turn = Turn()
    for item in dicts(body["output"]):
        take_role(item)
        turn.read(item)
    answer_turn(turn, exchange)
    if peek(body, "incomplete_details", "reason"):
        take_str(body, "status")
        take_finish(body, exchange, "incomplete_details", "reason")
    else:
        exchange.failed = exchange.failed or body.get("status") == "failed"
        take_finish(body, exchange, "status")


def _read_instructions(body: Fields, exchange: Exchange) -> None:
    """A Responses answer repeats its instructions, which the request lacks if they came from a stored prompt."""
    echo = Exchange()
    if type(body.get("instructions")) is list:
        ask_turns(body["instructions"], echo)
    else:
        ask_content(body, "instructions", Role.SYSTEM, echo)
    if all(message.role is not Role.SYSTEM for message in exchange.prompt):
        exchange.prompt[:0] = echo.prompt


def _read_datum(datum: Fields, exchange: Exchange) -> None:
    """An embedding or an image; an image may come with the prompt that the model made of the user's."""
    if "embedding" in datum:
        exchange.operation = Operation.EMBEDDINGS
    elif "b64_json" in datum or "url" in datum:
        exchange.operation = Operation.IMAGE_GENERATION
        turn = Turn()
        turn.take(datum, "revised_prompt")
        answer_turn(turn, exchange)
    discard_known(datum, _DATUM_BOOKKEEPING)
