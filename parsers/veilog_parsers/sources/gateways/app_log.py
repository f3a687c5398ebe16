"""Flat application logs: what home-grown code writes of its calls of models, one object each and no schema.

Some write a few texts and facts side by side (``{"model": ..., "prompt": ..., "completion": ..., "user": ...}``, a
question and its answer, one turn of a chat), others the bare body of a request or a response, or both merged into one
object. A record is claimed by evidence (see ``evidence``), after all other sources were asked.

Texts under names of prompts are the user's, under names of answers the model's. Keys of the APIs' bodies are gathered
and read by ``bodies``; the others are the usual names of callers, times and counts. Pitfalls:

* ``context``, ``sources`` and ``documents`` are what was retrieved for the model. They are part of the request, but
  not the user's turn.
* ``message`` is the prompt, or the line of a logger: it is a prompt only where nothing else of the record is one, and
  no level stands beside it.
* ``latency`` and ``duration`` name no unit. They are left in the record.

The shapes are those of the providers' API references (read 2026-11-26), and of what application code passes to loggers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from veilog_parsers.bodies import bedrock
from veilog_parsers.bodies.exchange import Exchange
from veilog_parsers.bodies.read import decode_body, read_request, read_response
from veilog_parsers.bodies.turns import (
    Turn,
    add_completion_turn,
    add_prompt_content,
    pop_finish_reason,
    pop_role,
)
from veilog_parsers.event import AuditEvent, Kind, Outcome, Role, UserType
from veilog_parsers.record.endpoints import pop_provider
from veilog_parsers.record.fields import (
    Path,
    as_identifier,
    dicts,
    drop,
    drop_keys,
    ignored_keys,
    keyset,
    paths,
    peek,
    pop_count,
    pop_first,
    pop_identifier,
    pop_number,
    remainder,
)
from veilog_parsers.record.outcomes import outcome_of_error
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import pop_elapsed, pop_time
from veilog_parsers.source import Source, Stability
from veilog_parsers.sources.gateways.evidence import (
    ANSWER_KEYS,
    CONTENT_KEYS,
    MARKERS,
    MODEL_KEYS,
    PROMPT_KEYS,
    TURNS_KEYS,
    is_ai_traffic,
)
from veilog_parsers.sources.usual_names import CREDENTIAL_KEYS, USUAL, names_of, read_outcome, read_what, read_who

_USUAL: Final = USUAL._replace(
    request_body=(),
    response_body=(),
    headers=(),
    model=(*USUAL.model, *((key,) for key in sorted(MODEL_KEYS)), ("engine",)),
    user_id=(*USUAL.user_id, *paths("end_user customer_id employee_id metadata/user_id metadata/userId")),
    session=(*USUAL.session, *paths("metadata/session_id metadata/sessionId")),
    # A trace is a fact of its own here.
    request_id=(
        *(path for path in USUAL.request_id if "trace" not in path[0]),
        *paths("message_id messageId log_id id"),
    ),
    input_tokens=(
        *USUAL.input_tokens,
        *paths(
            """
            tokens_in prompt_token_count tokens/prompt tokens/input tokens/prompt_tokens tokens/input_tokens usage/input
            usage/prompt
            """
        ),
    ),
    output_tokens=(
        *USUAL.output_tokens,
        *paths(
            """
            tokens_out generation_token_count tokens/completion tokens/output tokens/completion_tokens
            tokens/output_tokens usage/output usage/completion
            """
        ),
    ),
    total_tokens=(*USUAL.total_tokens, *paths("tokens_used tokensUsed token_count tokens/total tokens usage/total")),
)
_NAMES: Final = names_of(_USUAL)
_FACTS: Final[tuple[tuple[str, Callable[..., Any], tuple[Path, ...]], ...]] = (
    ("trace_id", pop_identifier, paths("trace_id traceId")),
    ("span_id", pop_identifier, paths("span_id spanId")),
    ("deployment", pop_identifier, paths("deployment deployment_name deploymentName deployment_id deploymentId")),
    ("cost_usd", pop_number, paths("cost_usd costUsd cost_in_usd total_cost_usd estimated_cost_usd")),
    (
        "time_to_first_token_ms",
        pop_elapsed,
        paths("time_to_first_token_ms timeToFirstTokenMs ttft_ms ttftMs first_token_ms"),
    ),
    (
        "cached_input_tokens",
        pop_count,
        paths("cached_tokens cachedTokens cached_input_tokens cache_read_tokens cache_read_input_tokens tokens/cached"),
    ),
    ("reasoning_tokens", pop_count, paths("reasoning_tokens reasoningTokens tokens/reasoning")),
)
"""Further facts: the field of the event, how its value is popped, and its names."""

_SYSTEM_KEYS: Final = ("system_prompt", "systemPrompt", "SystemPrompt", "system_message", "systemMessage", "system")
_CONTEXT_KEYS: Final = ("context", "retrieved_context", "retrieved_documents", "retrieved_chunks", "sources")
_USER_KEYS: Final = (
    *(key for key in sorted(PROMPT_KEYS) if key not in _SYSTEM_KEYS),
    *("question", "query", "input", "input_text"),
)
_ANSWER_KEYS: Final = (
    *("reasoning", "reasoning_content", "thinking"),
    *(key for key in sorted(ANSWER_KEYS)),
    *("answer", "response", "output", "reply", "output_text", "outputText", "generated_text"),
)
_LOGGER_KEYS: Final = keyset("level lvl severity levelname log_level logLevel logger loglevel log.level")

_REQUEST_KEYS: Final = keyset(
    """
    messages contents system systemInstruction system_instruction instructions chat_history preamble documents inputs
    instances texts inputText suffix prediction tool_results connectors conversation history turns prompt input

    anthropic_version frequency_penalty functions generationConfig generation_config guardrailConfig inferenceConfig
    keep_alive logit_bias logprobs max_completion_tokens max_gen_len max_new_tokens max_output_tokens max_tokens
    max_tokens_to_sample n n_predict num_predict options parallel_tool_calls parameters presence_penalty raw
    reasoning_effort response_format safetySettings safety_settings schemaVersion search_queries_only seed stop
    stop_sequences store stream stream_options temperature template textGenerationConfig tool_choice toolConfig
    tool_config tools top_k top_logprobs top_p truncate truncation additionalModelRequestFields encoding_format
    dimensions input_type
    """
)
"""Keys of the APIs' requests, which ``bodies`` reads."""
_OTHER_TURNS_KEYS: Final = tuple(sorted(TURNS_KEYS - {"messages", "contents", "chat_history"}))
_TEXTS_OF_TURNS: Final = ("prompt", "input", *sorted(TURNS_KEYS))
_TEXT_KEYS: Final = keyset(
    """
    messages contents system systemInstruction system_instruction instructions chat_history preamble documents inputs
    instances texts inputText suffix prediction tool_results conversation history turns prompt input
    """
)
_SETTINGS: Final = _REQUEST_KEYS - _TEXT_KEYS
_RESPONSE_KEYS: Final = keyset(
    """
    choices candidates usage usageMetadata usage_metadata promptFeedback error incomplete_details modelVersion
    responseId generations generation_id predictions results outputs tokens_predicted tokens_evaluated
    inputTextTokenCount done done_reason prompt_eval_count prompt_eval_duration eval_count eval_duration
    total_duration load_duration embedding embeddings stop_sequence system_fingerprint service_tier is_finished
    event_type timings truncated
    """
)
"""Keys of the APIs' responses, which ``bodies`` reads."""
_BODY_SIGNS: Final = keyset("choices candidates done generation_id tokens_predicted results generations predictions")
"""Keys of a response that has its model, id and time beside them."""
_BODY_KEYS: Final = keyset(
    """
    id object created created_at type model role content message data output text status stop_reason response_id meta
    details generated_text metrics stopReason trace context
    """
)
_BEDROCK_REQUEST: Final = keyset(
    """
    inferenceConfig toolConfig guardrailConfig additionalModelRequestFields textGenerationConfig inputText max_gen_len
    """
)
_BEDROCK_RESPONSE: Final = keyset("stopReason inputTextTokenCount")
_COHERE_KEYS: Final = ("chat_history", "preamble", "connectors")
_TURN_KEYS: Final = keyset(
    "audio content function_call name parts text reasoning reasoning_content refusal role tool_call_id tool_calls"
)
_WORD_KEYS: Final = (
    _TEXT_KEYS
    | TURNS_KEYS
    | _TURN_KEYS
    | _BODY_SIGNS
    | keyset("outputs tools embedding embeddings inputTextTokenCount generation_token_count eval_count")
    | frozenset((*_SYSTEM_KEYS, *_CONTEXT_KEYS, *_USER_KEYS, *_ANSWER_KEYS))
) - frozenset(("name", "done"))
"""Keys of a request, a response, a turn or a text."""
_FINISH_KEYS: Final = ("finish_reason", "finishReason", "stop_reason", "stopReason", "done_reason")
_ROLE_NAMES: Final = {
    **dict.fromkeys(("ai", "bot", "chatbot", "assistant", "model"), "assistant"),
    **dict.fromkeys(("human", "user"), "user"),
}
_IGNORED_KEYS: Final = CREDENTIAL_KEYS | ignored_keys(
    "object stream:flag streaming:flag success:flag temperature:number top_p:number max_tokens:number"
)


def parse(fields: Fields) -> AuditEvent:
    """Read one record."""
    names, exchange = _NAMES.get(fields), Exchange()
    event = AuditEvent(kind=Kind.AI_ACCESS)
    if type(fields.get("stream")) is bool:
        event.stream = fields["stream"]
    # A response's keys are taken first: its model and id are those of the answer.
    response, request = _take_response(fields), _take_request(fields)
    turn = _take_turn(fields)
    _read_request(request, fields, exchange)
    _read_texts(fields, exchange)
    _read_turn(turn, exchange)
    _read_response(response, fields, exchange)
    for body in (request, response, turn):
        _put_back(fields, body)
    event.timestamp = pop_first(pop_time, fields, names.time)
    read_who(fields, names, event)
    read_what(fields, names, event)
    read_outcome(fields, names, event)
    for key in ("llm_provider", "llmProvider", "model_provider", "modelProvider"):
        event.provider = event.provider or pop_provider(fields, key)
    for name, popper, usual in _FACTS:
        setattr(event, name, pop_first(popper, fields, usual))
    _read_error(fields, exchange)
    if not exchange.finish_reasons:
        for key in _FINISH_KEYS:
            pop_finish_reason(fields, exchange, key)
    drop_keys(fields, _IGNORED_KEYS)
    drop(fields, *names.method)
    exchange.apply(event)
    event.model_name = event.model_name or event.deployment
    if event.user_id is not None:
        event.user_type = UserType.USER
    return event


def may_wrap(fields: Fields) -> bool:
    """Whether a record has only facts of a call, and no words, so that another source's record may be in it.

    Words may quote a record, and a model may call a tool with one: what they say must not pass for a log.
    """
    if not _WORD_KEYS.isdisjoint(fields):
        return False
    message = fields.get("message")
    if type(message) is str:
        # Without a level it is a prompt.
        return not _LOGGER_KEYS.isdisjoint(fields)
    return type(message) is not dict or "role" not in message


def _take(fields: Fields, keys: frozenset[str]) -> Fields:
    return {key: fields.pop(key) for key in [key for key in fields if key in keys]}


def _put_back(fields: Fields, body: Fields) -> None:
    """Put back what the reader of a body left of it."""
    for key, value in remainder(body).items():
        while key in fields:
            key = f"{key}~"
        fields[key] = value


def _take_response(fields: Fields) -> Fields:
    """Take the parts of a response out of a record."""
    is_whole = not _BODY_SIGNS.isdisjoint(fields) or _is_bare_response(fields)
    return _take(fields, _RESPONSE_KEYS | _BODY_KEYS if is_whole else _RESPONSE_KEYS)


def _is_bare_response(fields: Fields) -> bool:
    """Whether a record is a response whose parts have names that records have for other things too."""
    message, output, data = (fields.get(key) for key in ("message", "output", "data"))
    return (
        (type(message) is dict and "role" in message)
        or (type(output) is dict and "message" in output)
        or bool(dicts(output))
        or ("generated_text" in fields and "details" in fields)
        or any("embedding" in datum for datum in dicts(data)[:1])
        or (fields.get("type") == "message" and fields.get("role") == "assistant")
        or ("completion" in fields and "stop_reason" in fields and "prompt" not in fields)
    )


def _is_json(text: str) -> bool:
    """Whether a text looks like JSON: messages that a logger wrote as a text."""
    return text.lstrip()[:1] in ("[", "{")


def _take_request(fields: Fields) -> Fields:
    """Take the parts of a request out of a record."""
    request = _take(fields, _REQUEST_KEYS | TURNS_KEYS)
    if _SETTINGS.isdisjoint(request) or not fields.keys().isdisjoint(_ANSWER_KEYS):
        # Texts without any settings, or beside an answer, are what an application says of a call, not a request.
        for key in ("prompt", "input", "system"):
            if type(request.get(key)) is str and not _is_json(request[key]):
                fields[key] = request.pop(key)
    for key in _TEXTS_OF_TURNS:
        if type(request.get(key)) is str and _is_json(request[key]):
            opened = decode_body(request[key])
            request[key] = opened if type(opened) in (dict, list) else request[key]
    for key in _OTHER_TURNS_KEYS:
        if key in request and "messages" not in request:
            request["messages"] = request.pop(key)
    for key, signs in (("query", ("documents",)), ("message", _COHERE_KEYS)):
        if type(fields.get(key)) is str and not request.keys().isdisjoint(signs):
            request[key] = fields.pop(key)
    return request


def _take_turn(fields: Fields) -> Fields:
    """Take the turn of a chat out of a record that is one."""
    if type(fields.get("role")) is not str or fields.keys().isdisjoint(CONTENT_KEYS):
        return {}
    turn = _take(fields, _TURN_KEYS)
    if "content" not in turn and "parts" in turn:
        turn["content"] = turn.pop("parts")
    return turn


def _read_request(request: Fields, fields: Fields, exchange: Exchange) -> None:
    for key in _SYSTEM_KEYS:
        add_prompt_content(fields, key, Role.SYSTEM, exchange)
    if not request:
        return
    model = as_identifier(fields.get("model"))
    if model is not None:
        request["model"] = model.reveal()
    if not _BEDROCK_REQUEST.isdisjoint(request) or _has_untyped_blocks(request):
        bedrock.read_request(request, exchange)
        request.pop("model", None)
    else:
        read_request(request, exchange)


def _has_untyped_blocks(request: Fields) -> bool:
    """Whether messages are Converse's, whose blocks have no types."""
    first = dicts(request.get("messages"))[:1]
    return any("type" not in block for message in first for block in dicts(message.get("content"))[:1])


def _read_texts(fields: Fields, exchange: Exchange) -> None:
    """Read the texts that stand in the record by themselves."""
    for key in _CONTEXT_KEYS:
        add_prompt_content(fields, key, Role.TOOL, exchange)
    for key in _USER_KEYS:
        add_prompt_content(fields, key, Role.USER, exchange)
    if not exchange.prompt and type(fields.get("message")) is str and _LOGGER_KEYS.isdisjoint(fields):
        add_prompt_content(fields, "message", Role.USER, exchange)


def _read_turn(turn: Fields, exchange: Exchange) -> None:
    if not turn:
        return
    turn["role"] = _ROLE_NAMES.get(str(turn["role"]).lower(), turn["role"])
    role, block = pop_role(turn) or Role.USER, Turn()
    block.add_block(turn)
    if role is Role.ASSISTANT:
        add_completion_turn(block, exchange)
    else:
        exchange.add_prompt(Role.TOOL, block.result_parts)
        exchange.add_prompt(role, block.text_parts)


def _read_response(response: Fields, fields: Fields, exchange: Exchange) -> None:
    for key in ("response", "output"):
        body = fields.get(key)
        if type(body) in (dict, list) or (type(body) is str and body.lstrip()[:1] == "{"):
            fields[key] = opened = decode_body(body)
            read_response(opened, exchange)
    turn = Turn()
    for key in _ANSWER_KEYS:
        turn.add_content(fields, key)
    if type(fields.get("tool_calls")) is list:
        turn.add_block(calls := {"tool_calls": fields.pop("tool_calls")})
        _put_back(fields, calls)
    add_completion_turn(turn, exchange)
    if peek(response, "output", "message") or not _BEDROCK_RESPONSE.isdisjoint(response):
        bedrock.read_response(response, exchange)
    elif response:
        read_response(response, exchange)


def _read_error(fields: Fields, exchange: Exchange) -> None:
    """Read the name of an error. Its message may quote the user, and is left."""
    for key in ("error_code", "errorCode", "error_type", "errorType", "error"):
        name = as_identifier(fields.get(key))
        if name is not None:
            fields.pop(key)
            exchange.failed = True
            exchange.error_code = exchange.error_code or name
            exchange.error_outcome = exchange.error_outcome or outcome_of_error(name.reveal())
    exchange.content_filtered = exchange.content_filtered or exchange.error_outcome is Outcome.CONTENT_FILTERED
    if fields.get("success") is False or type(fields.get("error_message")) is str:
        exchange.failed = True


SOURCE: Final = Source(
    name="app_log",
    summary="Home-grown logs of calls of models: flat fields, questions and answers, turns, or bare bodies of APIs.",
    stability=Stability.BETA,
    never_carries="What the application chose not to log. A name outside the usual ones ends in `unmapped`.",
    references=(
        "https://platform.openai.com/docs/api-reference",
        "https://docs.anthropic.com/en/api/messages",
        "https://ai.google.dev/api/generate-content",
        "https://docs.cohere.com/reference/chat",
        "https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html",
        "https://github.com/ollama/ollama/blob/main/docs/api.md",
    ),
    markers=dict.fromkeys(sorted(MARKERS), is_ai_traffic),
    may_wrap=may_wrap,
    parse=parse,
)
