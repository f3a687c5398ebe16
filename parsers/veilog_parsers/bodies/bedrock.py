"""Amazon Bedrock's APIs: Converse, and InvokeModel, which has the format of each model.

Converse and Nova share one format. Claude has Anthropic's, imported and newer models OpenAI's. All others (Titan,
Llama, Cohere, Mistral, AI21, Stability, containers on SageMaker) have a flat one (``flat``).

``inputTokens`` excludes tokens read from or written to the cache; as for Anthropic, the three are added. Repetitions of
the prompt in a response are dropped. So are images, parameters, tool definitions and guardrail settings.

Traces of guardrails quote texts. The response that a guardrail withheld is read as a text of the model. Every match of
a policy in a prompt or response is withheld, since veilog's detectors may not find what AWS's found. The rest of a
trace tells which policy did what (``verdicts``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from veilog_parsers.bodies import anthropic, flat, openai, read, streams
from veilog_parsers.bodies.errors import read_error
from veilog_parsers.bodies.exchange import Exchange
from veilog_parsers.bodies.rest import add_unread_completion, add_unread_prompt
from veilog_parsers.bodies.turns import (
    MAX_DEPTH,
    Turn,
    add_completion_turn,
    add_prompt_turn,
    add_prompt_variables,
    drop_role,
    pop_finish_reason,
    pop_role,
    pop_serialized,
    read_settings,
)
from veilog_parsers.bodies.verdicts import read_bedrock_trace
from veilog_parsers.event import GuardrailAction, Operation, Role, SensitiveText, ThreatReporter
from veilog_parsers.record.dropped import Why, prefer
from veilog_parsers.record.fields import (
    dicts,
    drop,
    drop_keys,
    drop_known,
    ignored_keys,
    keyset,
    peek,
    peek_count,
    pop_count,
    pop_identifier,
    pop_number,
    pop_sum,
    withhold,
)
from veilog_parsers.record.raw import Fields

_CONVERSE_REQUEST: Final = keyset(
    "additionalModelRequestFields guardrailConfig inferenceConfig promptVariables schemaVersion toolConfig"
)
_CONVERSE_EVENTS: Final = keyset("contentBlockDelta contentBlockStart messageStart messageStop metadata")
_ANTHROPIC_REQUEST: Final = keyset("anthropic_version max_tokens_to_sample")
_ANTHROPIC_RESPONSE: Final = keyset("completion content")

_IGNORED_REQUEST_KEYS: Final = ignored_keys(
    """
    add_generation_prompt:flag additionalModelRequestFields:plain additionalModelResponseFieldPaths:list
    amazon-bedrock-guardrailConfig:plain aspect_ratio cfg_scale:number citation_quality clip_guidance_preset
    countPenalty:number dimensions:number do_sample:flag embeddingConfig:plain embeddingTypes:schema
    embedding_types:schema eos_token_id:numbers force_single_step:flag frequencyPenalty:number
    frequency_penalty:number guardrailConfig:plain height:number image:blob imageGenerationConfig:plain images:blob
    inferenceConfig:plain init_image:blob inputImage:blob input_type k:number logit_bias:plain maxTokens:number
    max_gen_len:number max_length:number max_new_tokens:number max_tokens:number min_tokens:number minTokens:number
    mode n:number normalize:flag numResults:number num_generations:number output_dimension:number
    output_format:schema outputConfig:plain p:number parameters:plain performanceConfig:plain presencePenalty:number
    presence_penalty:number prompt_truncation raw_prompting:flag repetition_penalty:number requestMetadata:plain
    return_likelihoods return_prompt:flag samples:number sampler schemaVersion search_queries_only:flag seed:number
    serviceTier steps:number stop:plain stopSequences:list stop_sequences:list stop_token_ids:numbers stream:flag
    strength:number style_preset:plain temperature:number textGenerationConfig:plain toolConfig:objects
    tools:objects topK:number topKReturn:number topP:number top_k:number top_n:number top_p:number truncate
    videoGenerationConfig:plain width:number
    """
)
_INTERVENED: Final = "guardrail_intervened"
_TRACES: Final = (("trace", "guardrail"), ("amazon-bedrock-trace", "guardrail"))
_QUOTES: Final = keyset("match modelOutput naturalLanguage text")
"""Keys under which traces of guardrails quote prompts and responses, at any depth."""

_BLOCK_TEXTS: Final = {
    "guardContent": ("text",),
    "reasoningContent": ("reasoningText",),
    "document": ("name", "context", "source"),
    "searchResult": ("title", "content"),
    "citationsContent": ("content",),
}
"""Where content blocks have texts besides ``text``. The kind of a block is its key."""
_IGNORED_BLOCK_TEXT_KEYS: Final = ignored_keys(
    "citations:objects format:schema image:blob redactedContent:blob source:blob"
)
_IGNORED_BLOCK_KEYS: Final = ignored_keys("audio:blob cachePoint:plain image:blob video:blob")
_MEDIA: Final = keyset("audio document image video")
_IGNORED_TOOL_USE_KEYS: Final = ignored_keys("status toolUseId type")
_IGNORED_USAGE_KEYS: Final = ignored_keys(
    """
    cacheDetails:plain cacheReadInputTokenCount:number cacheWriteInputTokenCount:number serverToolUsage:plain
    """
)


def open_body(fields: Fields, *path: str) -> Any:
    """``read.open_body`` for a body that may be any of Bedrock's; None for what is neither an object nor a list."""
    body = read.open_body(fields, *path, assembler_for=_assembler_for, text_key="text")
    return body if type(body) in (dict, list) else None


def _assembler_for(event: Fields) -> Callable[[list[Fields]], Fields] | None:
    """Which function assembles a stream, given one of its events: that of Converse, of a flat format, or another."""
    if not _CONVERSE_EVENTS.isdisjoint(event):
        return streams.assemble_converse
    if "choices" not in event and not flat.EVENT_KEYS.isdisjoint(event):
        return flat.assemble_texts
    return streams.assembler_for(event)


def read_request(body: Any, exchange: Exchange) -> None:
    """Consume a request body. A bare list is a list of messages."""
    turns_before = len(exchange.prompt)
    if type(body) is list:
        _read_request({"messages": body}, exchange)
    elif type(body) is dict:
        _read_request(body, exchange)
    add_unread_prompt(body, exchange, turns_before)


def _read_request(body: Fields, exchange: Exchange) -> None:
    keys = body.keys()
    if not keys.isdisjoint(_ANTHROPIC_REQUEST):
        anthropic.read_request(body, exchange)
    elif not keys.isdisjoint(_CONVERSE_REQUEST) or _has_untyped_blocks(body.get("messages")):
        _read_converse_request(body, exchange)
    elif "messages" in body:
        reader = anthropic if "system" in body else openai
        reader.read_request(body, exchange)
    else:
        flat.read_request(body, exchange)
    drop_keys(body, _IGNORED_REQUEST_KEYS)


def read_response(body: Any, exchange: Exchange) -> None:
    """Consume a response body; a stream must be assembled first (``open_body``)."""
    turns_before = len(exchange.response)
    if type(body) is dict:
        _read_response(body, exchange)
    add_unread_completion(body, exchange, turns_before)


def _read_response(body: Fields, exchange: Exchange) -> None:
    read_error(body, exchange)
    intervened = _pop_guardrail_action(body)
    if type(body.get("output")) is dict:
        _read_converse_response(body, exchange)
    elif "choices" in body or "output" in body:
        openai.read_response(body, exchange)
    elif not _ANTHROPIC_RESPONSE.isdisjoint(body):
        anthropic.read_response(body, exchange)
    else:
        flat.read_response(body, exchange)
    for path in _TRACES:
        _read_trace(peek(body, *path), exchange)
    _note_guardrail(intervened, exchange)
    _read_metrics(body.get("amazon-bedrock-invocationMetrics"), exchange)


def _pop_guardrail_action(body: Fields) -> bool | None:
    """Whether the guardrail of a call of InvokeModel intervened; None if the call had none."""
    action = body.get("amazon-bedrock-guardrailAction")
    if action not in ("INTERVENED", "NONE"):
        return None
    drop_known(body, "amazon-bedrock-guardrailAction", Why.DUPLICATE)
    return bool(action == "INTERVENED")


def _note_guardrail(intervened: bool | None, exchange: Exchange) -> None:
    """Note what the guardrail did. It intervened if the call says so, even if no trace tells which policy did."""
    if intervened:
        exchange.content_filtered = True
    if intervened is None and exchange.verdict is None and _INTERVENED not in _words(exchange):
        return
    verdict = exchange.verdict_of(ThreatReporter.AWS_BEDROCK)
    if intervened or _INTERVENED in _words(exchange):
        if verdict.action is not GuardrailAction.MASKED:
            verdict.act(GuardrailAction.BLOCKED)
    elif exchange.finish_reasons or intervened is False:
        verdict.act(GuardrailAction.NONE)


def _words(exchange: Exchange) -> list[str]:
    return [reason.reveal() for reason in exchange.finish_reasons if isinstance(reason, SensitiveText)]


def _has_untyped_blocks(messages: Any) -> bool:
    """Whether messages are Converse's: the kind of its blocks is their key, in all other APIs it is their ``type``."""
    return any("type" not in block for message in dicts(messages)[:1] for block in dicts(message.get("content"))[:1])


def _read_converse_request(body: Fields, exchange: Exchange) -> None:
    exchange.operation = exchange.operation or Operation.CHAT
    _read_converse_settings(body, exchange)
    turn = Turn()
    _read_blocks(body, "system", turn, 0)
    exchange.add_prompt(Role.SYSTEM, turn.text_parts + turn.result_parts)
    add_prompt_variables(body, "promptVariables", exchange)
    for message in dicts(body.get("messages")):
        named = pop_role(message)
        turn = Turn()
        _read_blocks(message, "content", turn, 0)
        add_prompt_turn(turn, named, Role.USER, exchange)
    read_settings(body, exchange)


def _read_converse_settings(body: Fields, exchange: Exchange) -> None:
    """Read the number of tools that the model was offered, and which guardrail the call has."""
    tools = peek(body, "toolConfig", "tools")
    if type(tools) is list:
        exchange.tools_offered = sum("toolSpec" in tool or "systemTool" in tool for tool in dicts(tools))
    guardrail = pop_identifier(body, "guardrailConfig", "guardrailIdentifier")
    if guardrail is not None:
        verdict = exchange.verdict_of(ThreatReporter.AWS_BEDROCK)
        verdict.id, verdict.version = guardrail, pop_identifier(body, "guardrailConfig", "guardrailVersion")


def _read_converse_response(body: Fields, exchange: Exchange) -> None:
    exchange.operation = exchange.operation or Operation.CHAT
    message = peek(body, "output", "message")
    if type(message) is dict:
        drop_role(message)
        turn = Turn()
        _read_blocks(message, "content", turn, 0)
        add_completion_turn(turn, exchange)
    pop_finish_reason(body, exchange, "stopReason")
    usage = body.get("usage")
    if type(usage) is dict:
        exchange.input_tokens = _pop_input_tokens(usage, "inputTokens", exchange)
        exchange.output_tokens = pop_count(usage, "outputTokens")
        exchange.total_tokens = pop_count(usage, "totalTokens")
        drop_keys(usage, _IGNORED_USAGE_KEYS)
    exchange.latency_ms = pop_number(body, "metrics", "latencyMs")
    exchange.answered_model = pop_identifier(body, "trace", "promptRouter", "invokedModelId")
    drop(body, "performanceConfig", "serviceTier")


def _read_blocks(fields: Fields, key: str, turn: Turn, depth: int) -> None:
    """Consume a list of content blocks, which may be, or contain, strings."""
    for block in dicts(fields.get(key)):
        _read_block(block, turn, depth)
    turn.add_content(fields, key)


def _read_block(block: Fields, turn: Turn, depth: int) -> None:
    """Consume the keys that only blocks of Converse have, and drop media."""
    if "text" in block:
        turn.add_content(block, "text")
    drop(block, ("guardContent", "text", "qualifiers"))
    for holder, keys in _BLOCK_TEXTS.items():
        inner = block.get(holder)
        if type(inner) is dict:
            for key in keys:
                turn.add_content(inner, key)
            drop_keys(inner, _IGNORED_BLOCK_TEXT_KEYS)
    call, result = block.get("toolUse"), block.get("toolResult")
    if type(call) is dict:
        turn.add_tool_call(call)
        drop_keys(call, _IGNORED_TOOL_USE_KEYS)
    if type(result) is dict and depth < MAX_DEPTH:
        inner = Turn()
        _read_blocks(result, "content", inner, depth + 1)
        turn.result_parts += inner.text_parts + inner.result_parts
        turn.attachments += inner.attachments
        drop_keys(result, _IGNORED_TOOL_USE_KEYS)
    data = pop_serialized(block, "json")
    if data:
        turn.text_parts.append(data)
    turn.attachments += len(_MEDIA & block.keys())
    drop_keys(block, _IGNORED_BLOCK_KEYS)


def _pop_input_tokens(usage: Fields, key: str, exchange: Exchange) -> int | None:
    """Pop input tokens with those of the cache, whose counts have two spellings, sometimes both."""
    suffix = "InputTokens" if "cacheReadInputTokens" in usage else "InputTokenCount"
    exchange.add_cached(peek_count(usage, f"cacheRead{suffix}"), peek_count(usage, f"cacheWrite{suffix}"))
    return pop_sum(usage, key, f"cacheRead{suffix}", f"cacheWrite{suffix}")


def _read_trace(trace: Any, exchange: Exchange) -> None:
    """Consume the trace of a guardrail: the response that it withheld is the model's; other quotations are withheld."""
    if type(trace) is dict:
        withheld = Turn()
        withheld.add_content(trace, "modelOutput")
        exchange.add_completion(withheld.text_parts)
        withhold_quotes(trace, 0)
        read_bedrock_trace(trace, exchange.verdict_of(ThreatReporter.AWS_BEDROCK))


def withhold_quotes(tree: Any, depth: int = 0) -> None:
    """Withhold quotations in a trace, and everything that is nested deeper than in any trace."""
    if type(tree) not in (dict, list):
        return
    if type(tree) is dict:
        withhold(tree, *(_QUOTES if depth < MAX_DEPTH else list(tree)))
    elif depth >= MAX_DEPTH:
        tree[:] = [{"": item} for item in tree]
    for item in tree.values() if type(tree) is dict else tree:
        withhold_quotes(item, depth + 1)


def _read_metrics(metrics: Any, exchange: Exchange) -> None:
    """Consume what Bedrock measured of a stream, which is in the last event."""
    if type(metrics) is dict:
        sent, produced = _pop_input_tokens(metrics, "inputTokenCount", exchange), pop_count(metrics, "outputTokenCount")
        exchange.input_tokens = prefer(exchange.input_tokens, sent)
        exchange.output_tokens = prefer(exchange.output_tokens, produced)
        exchange.latency_ms = prefer(pop_number(metrics, "invocationLatency") or None, exchange.latency_ms)
        exchange.time_to_first_token_ms = pop_number(metrics, "firstByteLatency")
        exchange.stream = True
