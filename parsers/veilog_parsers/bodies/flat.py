"""Flat formats: APIs with a few texts under keys of their own. One table of keys reads all of them.

They are Cohere's chat, generate, embed and rerank (version 2 is read by ``openai``, whose format it has), TGI and other
containers with ``inputs``, Vertex AI's ``instances``, llama.cpp's own completions, and on Bedrock Titan, Llama,
Mistral, AI21 and Stability. A prompt of a flat body may be a whole chat in the model's template; it counts as one turn
of the user. Repetitions of the prompt in a response are dropped, as are lists of tokens.

Cohere has two token counts: those that it bills, and ``tokens``, which include its template. The latter are read, since
the model saw them.
"""

from __future__ import annotations

from typing import Any, Final

from veilog_parsers.bodies.exchange import Exchange
from veilog_parsers.bodies.rest import drop_repeated, texts_of
from veilog_parsers.bodies.turns import (
    Turn,
    add_completion_turn,
    add_prompt_content,
    add_prompt_documents,
    add_prompt_messages,
    pop_finish_reason,
    pop_role,
)
from veilog_parsers.event import Operation, Role
from veilog_parsers.record.decoding import keep_under
from veilog_parsers.record.dropped import Why, note_dropped, prefer
from veilog_parsers.record.fields import (
    dicts,
    drop,
    drop_keys,
    ignored_keys,
    keyset,
    merge,
    peek,
    pop_count,
    pop_dict,
    pop_identifier,
    pop_str,
    pop_sum,
    remainder,
)
from veilog_parsers.record.prose import may_hold_prose
from veilog_parsers.record.raw import Fields

REQUEST_KEYS: Final = keyset("chat_history inputs instances preamble query texts")
"""Top-level keys of requests that no other format has. The other sign is a ``message`` that is a text."""
RESPONSE_KEYS: Final = keyset("generated_text generation_id generations predictions tokens_predicted")
EVENT_KEYS: Final = keyset("event_type generated_text generation outputText outputs text tokens_predicted")

_COMPLETION_REQUEST: Final = keyset("inputs instances prompt text textGenerationConfig")
_IGNORED_REQUEST_KEYS: Final = ignored_keys(
    """
    cache_prompt:flag citation_options:plain citation_quality connectors:objects conversation_id details:flag
    embedding_types:schema force_single_step:flag frequency_penalty:number input_type k:number logit_bias:plain
    max_chunks_per_doc:number max_new_tokens:number max_tokens:number max_tokens_per_doc:number min_p:number
    mirostat:number model n_keep:number n_predict:number n_probs:number num_generations:number
    output_dimension:number p:number parameters:plain presence_penalty:number priority:plain prompt_truncation
    raw_prompting:flag rank_fields:list repeat_last_n:number repeat_penalty:number response_format:schema
    return_documents:flag return_likelihoods safety_mode samplers:list search_queries_only:flag seed:number
    stop:plain stop_sequences:list stream:flag temperature:number tool_choice:schema tools:objects top_k:number
    top_n:number top_p:number truncate truncation typical_p:number
    """
)
_SYSTEM_TEXTS: Final = ("system", "preamble")
_USER_TEXTS: Final = (
    "text",
    "inputText",
    "prompt",
    "text_prompts",
    "negative_prompt",
    "message",
    "texts",
    "inputs",
    "query",
)
_INSTANCE_TEXTS: Final = ("context", "title", "prompt", "content", "text")
_TASK_TEXTS: Final = ("text", "negativeText", "maskPrompt")
_IGNORED_TASK_KEYS: Final = ignored_keys(
    """
    image:blob images:blob maskImage:blob returnMask:flag similarityStrength:number weight:number
    """
)

_ANSWER_LISTS: Final = ("results", "generations", "outputs", "completions", "predictions", "data")
_ANSWER_TEXTS: Final = ("outputText", "generation", "generated_text", "text", "content")
_FINISH_REASONS: Final = (
    ("completionReason",),
    ("stop_reason",),
    ("finish_reason",),
    ("stop_type",),
    ("details", "finish_reason"),
    ("finishReason", "reason"),
    ("finishReason",),
)
_IGNORED_ANSWER_KEYS: Final = ignored_keys(
    """
    artifacts:blob chat_history:objects citationMetadata:objects citations:objects document:objects
    documents:objects embedding:vector embeddings:vector embeddingsByType:vector event_type finish_reasons:list
    generation_id generation_settings:plain generation_time:number has_new_line:flag id id_slot:number images:blob
    index:number is_finished:flag is_search_required:flag likelihood:number meta:plain mimeType
    bytesBase64Encoded:blob prompt relevance_score:number response_id:plain response_type safetyAttributes:plain
    search_queries:objects search_results:objects seeds:list stop:plain stopped_eos:flag stopped_limit:flag
    stopped_word stopping_word texts timings:plain token_likelihoods:numbers tokens:objects tokens_cached:number
    truncated:flag
    """
)
_IGNORED_DETAIL_KEYS: Final = ignored_keys(
    "best_of_sequences:objects prefill:objects seed:number tokens:objects top_tokens:objects"
)
_IGNORED_TOKEN_KEYS: Final = ignored_keys("index:number top_tokens:objects")
_EMBEDDING_KEYS: Final = keyset("embedding embeddings embeddingsByType")
_IMAGE_KEYS: Final = keyset("artifacts images")
_COHERE_ROLES: Final = {"USER": "user", "CHATBOT": "assistant", "SYSTEM": "system", "TOOL": "tool"}


def is_request(body: Fields) -> bool:
    """Whether a request body has a flat format."""
    if "messages" in body or "contents" in body:
        return False
    return not REQUEST_KEYS.isdisjoint(body) or type(body.get("message")) is str


def is_response(body: Fields) -> bool:
    """Whether a response body has a flat format."""
    if not RESPONSE_KEYS.isdisjoint(body) or has_generated(body):
        return True
    if "embeddings" in body:
        # Ollama's embeddings are lists of numbers. Cohere's have other keys beside them.
        return "response_type" in body or "meta" in body or type(body["embeddings"]) is dict
    return any("relevance_score" in result for result in dicts(body.get("results"))[:1])


def has_generated(body: Fields) -> bool:
    """Whether a body has a list of generated texts, as containers with Hugging Face's pipelines answer."""
    return any("generated_text" in answer for key in _ANSWER_LISTS for answer in dicts(body.get(key))[:1])


def read_request(body: Fields, exchange: Exchange) -> None:
    """Consume a request body."""
    exchange.operation = exchange.operation or _operation(body)
    exchange.requested_model = exchange.requested_model or pop_identifier(body, "model")
    exchange.conversation_id = exchange.conversation_id or pop_identifier(body, "conversation_id")
    for key in _SYSTEM_TEXTS:
        add_prompt_content(body, key, Role.SYSTEM, exchange)
    for message in dicts(body.get("chat_history")):
        _rename_role(message)
        add_prompt_content(message, "message", pop_role(message) or Role.USER, exchange)
    add_prompt_documents(body, exchange)
    for key, task in body.items():
        if key.endswith("Params") and type(task) is dict:
            _read_task(task, exchange)
    for prompt in dicts(body.get("text_prompts")):
        drop(prompt, "weight")
    for instance in dicts(body.get("instances")):
        _read_instance(instance, exchange)
    if dicts(body.get("inputs")):
        add_prompt_messages(body["inputs"], exchange)
    for key in _USER_TEXTS:
        add_prompt_content(body, key, Role.USER, exchange)
    drop(body, "taskType")
    drop_keys(body, _IGNORED_REQUEST_KEYS)


def _operation(body: Fields) -> Operation | None:
    """The operation of a flat request. Titan's ``inputText`` may be a prompt or a text to embed: the response tells."""
    keys = body.keys()
    task = body.get("taskType")
    listed = type(body.get("inputs")) is list and not dicts(body["inputs"])
    if "texts" in keys or listed or (type(task) is str and task.endswith("EMBEDDING")):
        return Operation.EMBEDDINGS
    if "query" in keys:
        return Operation.RETRIEVAL
    if "taskType" in keys or "text_prompts" in keys:
        return Operation.IMAGE_GENERATION
    if "message" in keys or "agent_id" in keys:
        return Operation.CHAT
    return None if keys.isdisjoint(_COMPLETION_REQUEST) else Operation.TEXT_COMPLETION


def _read_instance(instance: Fields, exchange: Exchange) -> None:
    """Consume an instance of a Vertex AI prediction: a prompt, a text to embed, or a chat with PaLM."""
    turn = Turn()
    for key in _INSTANCE_TEXTS:
        turn.add_content(instance, key)
    exchange.add_prompt(Role.USER, turn.text_parts)
    for message in dicts(instance.get("messages")):
        drop(message, "author")
    add_prompt_messages(instance.get("messages"), exchange)
    drop(instance, "task_type")


def _read_task(task: Fields, exchange: Exchange) -> None:
    """Consume the parameters of a task of Titan's and Nova's image, video and embedding models."""
    if type(task.get("text")) is dict:
        add_prompt_content(task["text"], "value", Role.USER, exchange)
        drop(task, ("text", "truncationMode"))
    for key in _TASK_TEXTS:
        add_prompt_content(task, key, Role.USER, exchange)
    drop_keys(task, _IGNORED_TASK_KEYS)


def _rename_role(message: Fields) -> None:
    role = message.get("role")
    if type(role) is str:
        message["role"] = _COHERE_ROLES.get(role, role)


def read_response(body: Fields, exchange: Exchange) -> None:
    """Consume a response body; a stream must be assembled first (``streams.assemble``)."""
    if any(body.get(key) for key in _EMBEDDING_KEYS):
        exchange.operation = Operation.EMBEDDINGS
    elif any(body.get(key) for key in _IMAGE_KEYS):
        exchange.operation = Operation.IMAGE_GENERATION
    else:
        exchange.operation = exchange.operation or Operation.TEXT_COMPLETION
    exchange.answered_model = exchange.answered_model or pop_identifier(body, "model")
    exchange.request_id = exchange.request_id or pop_identifier(body, "response_id") or pop_identifier(body, "id")
    exchange.input_tokens = pop_sum(body, "inputTextTokenCount", "prompt_token_count", "tokens_evaluated")
    exchange.output_tokens = pop_sum(body, "totalOutputTextTokenCount", "generation_token_count", "tokens_predicted")
    read_counts(body.get("meta"), exchange)
    tokens = peek(body, "metadata", "tokenMetadata")
    if type(tokens) is dict:
        exchange.input_tokens = pop_count(tokens, "inputTokenCount", "totalTokens")
        exchange.output_tokens = pop_count(tokens, "outputTokenCount", "totalTokens")
        drop(tokens, ("inputTokenCount", "totalBillableCharacters"), ("outputTokenCount", "totalBillableCharacters"))
    _read_answer(body, exchange)
    for key in _ANSWER_LISTS:
        for answer in dicts(body.get(key)):
            counted = pop_count(answer, "tokenCount")
            if counted is not None:
                exchange.output_tokens = (exchange.output_tokens or 0) + counted
            _read_answer(answer, exchange)


def read_counts(counts: Any, exchange: Exchange) -> None:
    """Consume Cohere's token counts: ``meta`` in version 1 of its API, ``usage`` in version 2."""
    if type(counts) is not dict or ("tokens" not in counts and "billed_units" not in counts):
        return
    for name in ("tokens", "billed_units"):
        units = counts.get(name)
        if type(units) is dict:
            sent, produced = pop_count(units, "input_tokens"), pop_count(units, "output_tokens")
            exchange.input_tokens = prefer(exchange.input_tokens, sent)
            exchange.output_tokens = prefer(exchange.output_tokens, produced)
    exchange.sum_tokens()
    drop(counts, "api_version", "billed_units", "cached_tokens", ("tokens", "image_tokens"))


def _read_answer(answer: Fields, exchange: Exchange) -> None:
    """Consume an alternative: a text (AI21 has it under ``data``), tool calls (Cohere), and why it ended."""
    turn = Turn()
    for key in _ANSWER_TEXTS:
        turn.add_content(answer, key)
    data = answer.get("data")
    if type(data) is dict:
        turn.add_content(data, "text")
        drop_keys(data, _IGNORED_DETAIL_KEYS)
    for call in dicts(answer.get("tool_calls")):
        if "parameters" in call and "arguments" not in call:
            call["arguments"] = call.pop("parameters")
        turn.add_tool_call(call)
    add_completion_turn(turn, exchange)
    for path in _FINISH_REASONS:
        pop_finish_reason(answer, exchange, *path)
    details = answer.get("details")
    if type(details) is dict:
        generated = pop_count(details, "generated_tokens")
        exchange.output_tokens = prefer(exchange.output_tokens, generated)
        exchange.input_tokens = prefer(pop_count(details, "input_length") or None, exchange.input_tokens)
        drop_keys(details, _IGNORED_DETAIL_KEYS)
    drop_repeated(answer, texts_of(exchange.prompt), "prompt", "texts")
    drop_keys(answer, _IGNORED_ANSWER_KEYS)


def assemble_texts(events: list[Fields]) -> Fields:
    """Assemble events with one piece of text each; the last event of some streams repeats the whole response."""
    body: Fields = {}
    pieces: dict[str, list[str]] = {}
    for event in events:
        whole = pop_dict(event, "response")
        if whole is not None:
            _drop_pieces(pieces)
            merge(event, whole)
        outputs = event.get("outputs")
        if type(outputs) is list and len(outputs) == 1 and type(outputs[0]) is dict:
            merge(event, event.pop("outputs")[0])
        _open_token(event, pieces)
        for key in _ANSWER_TEXTS:
            piece = pop_str(event, key)
            if piece:
                pieces.setdefault(key, []).append(piece)
        merge(body, remainder(event))
    return body | {key: "".join(found) for key, found in pieces.items()}


def _drop_pieces(pieces: dict[str, list[str]]) -> None:
    """Drop the pieces of a text that an event has as a whole."""
    if pieces:
        note_dropped("", dict(pieces), Why.TEXT_READ)
        pieces.clear()


def _open_token(event: Fields, pieces: dict[str, list[str]]) -> None:
    """Replace the token of a TGI event by its text. The last event has the whole text, which replaces all pieces."""
    token = pop_dict(event, "token")
    if token is None:
        return
    if event.get("generated_text"):
        _drop_pieces(pieces)
    elif type(token.get("text")) is str and token.get("special") is not True:
        event["generated_text"] = token.pop("text")
    if may_hold_prose(token):
        keep_under(event, "token", token)
    else:
        note_dropped("token", token, Why.TEXT_READ)
    drop_keys(event, _IGNORED_TOKEN_KEYS)
