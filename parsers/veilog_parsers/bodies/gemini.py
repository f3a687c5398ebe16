"""Google's API: generateContent and embedContent of Gemini and Vertex AI.

The API has keys in camelCase, Vertex AI's request-response log in snake_case: both are read. Enumerations are names or,
in recordings of the gRPC client, numbers.

``candidatesTokenCount`` excludes thinking, and ``promptTokenCount`` the results of tools. Both are billed, so they are
added, and input and output sum up to the total. The model is in the URL, not in the body. Tool declarations and
``generationConfig`` are settings and dropped.
"""

from __future__ import annotations

from typing import Any, Final

from veilog_parsers.bodies.exchange import Exchange
from veilog_parsers.bodies.turns import (
    Turn,
    add_completion_turn,
    add_prompt_turn,
    drop_role,
    pop_finish_reason,
    pop_role,
)
from veilog_parsers.bodies.verdicts import read_gemini_ratings
from veilog_parsers.event import GuardrailAction, Operation, Role, SensitiveText, ThreatReporter
from veilog_parsers.record.fields import (
    dicts,
    drop,
    drop_keys,
    ignored_keys,
    peek_count,
    pop_count,
    pop_identifier,
    pop_sum,
)
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import pop_time

_CAMEL_CASE: Final = {
    "candidates_token_count": "candidatesTokenCount",
    "code_execution_result": "codeExecutionResult",
    "cached_content_token_count": "cachedContentTokenCount",
    "create_time": "createTime",
    "executable_code": "executableCode",
    "finish_message": "finishMessage",
    "finish_reason": "finishReason",
    "function_call": "functionCall",
    "function_response": "functionResponse",
    "model_version": "modelVersion",
    "prompt_feedback": "promptFeedback",
    "prompt_token_count": "promptTokenCount",
    "response_id": "responseId",
    "safety_ratings": "safetyRatings",
    "system_instruction": "systemInstruction",
    "thoughts_token_count": "thoughtsTokenCount",
    "tool_use_prompt_token_count": "toolUsePromptTokenCount",
    "total_token_count": "totalTokenCount",
    "usage_metadata": "usageMetadata",
}
_IGNORED_REQUEST_KEYS: Final = ignored_keys(
    """
    cachedContent cached_content generationConfig:objects generation_config:objects labels:plain
    outputDimensionality:number safetySettings:plain safety_settings:plain taskType task_type toolConfig:objects
    tool_config:objects tools:objects
    """
)
_IGNORED_PART_KEYS: Final = ignored_keys(
    """
    fileData:blob file_data:blob inlineData:blob inline_data:blob mediaResolution thought:flag thoughtSignature:blob
    thought_signature:blob videoMetadata:plain video_metadata:plain
    """
)
_MEDIA: Final = frozenset(("fileData", "file_data", "inlineData", "inline_data"))
_IGNORED_CANDIDATE_KEYS: Final = ignored_keys(
    """
    avgLogprobs:number avg_logprobs:number citationMetadata:objects citation_metadata:objects
    groundingMetadata:objects grounding_metadata:objects index:number logprobsResult:objects logprobs_result:objects
    safetyRatings:plain score:number tokenCount:number token_count:number
    urlContextMetadata:plain url_context_metadata:plain
    """
)
_IGNORED_USAGE_KEYS: Final = ignored_keys(
    """
    billablePromptUsage:plain billable_prompt_usage:plain cacheTokensDetails:plain cache_tokens_details:plain
    candidatesTokensDetails:plain
    candidates_tokens_details:plain promptTokensDetails:plain prompt_tokens_details:plain serviceTier
    toolUsePromptTokensDetails:plain tool_use_prompt_tokens_details:plain trafficType traffic_type
    """
)
_IGNORED_EMBEDDING_KEYS: Final = ignored_keys("embedding:plain embeddings:plain")
_FILTER: Final = ThreatReporter.GOOGLE_MODEL_ARMOR
"""Google's filters report harmful content here, and no attacks: those only Model Armor tells."""
_FINISH_REASONS: Final = (
    "FINISH_REASON_UNSPECIFIED",
    "STOP",
    "MAX_TOKENS",
    "SAFETY",
    "RECITATION",
    "OTHER",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "MALFORMED_FUNCTION_CALL",
)


def read_request(body: Fields, exchange: Exchange) -> None:
    """Consume a request body."""
    _rename(body)
    exchange.operation = exchange.operation or (
        Operation.GENERATE_CONTENT if "contents" in body else Operation.EMBEDDINGS
    )
    exchange.requested_model = pop_identifier(body, "model")
    tools = dicts(body.get("tools"))
    if tools:
        exchange.tools_offered = sum(len(_declared(tool)) or 1 for tool in tools)
    _add_prompt(body, "systemInstruction", Role.SYSTEM, exchange)
    contents = body.get("contents")
    if type(contents) is list:
        for position, content in enumerate(contents):
            if type(content) is dict:
                _add_prompt_content(content, Role.USER, exchange)
            elif type(content) is str:
                contents[position] = None
                exchange.add_prompt(Role.USER, [SensitiveText(content)])
    else:
        _add_prompt(body, "contents", Role.USER, exchange)
    _add_prompt(body, "title", Role.USER, exchange)
    _add_prompt(body, "content", Role.USER, exchange)
    for request in dicts(body.get("requests")):
        exchange.requested_model = pop_identifier(request, "model") or exchange.requested_model
        _add_prompt(request, "content", Role.USER, exchange)
        drop_keys(request, _IGNORED_REQUEST_KEYS)
    drop_keys(body, _IGNORED_REQUEST_KEYS)


def read_response(body: Fields, exchange: Exchange) -> None:
    """Consume a response body; a stream must be assembled first (``streams.assemble``)."""
    _rename(body)
    exchange.answered_model = pop_identifier(body, "modelVersion")
    exchange.request_id = pop_identifier(body, "responseId")
    exchange.timestamp = pop_time(body, "createTime")
    for candidate in dicts(body.get("candidates")):
        exchange.operation = exchange.operation or Operation.GENERATE_CONTENT
        _read_candidate(candidate, exchange)
    feedback = body.get("promptFeedback")
    if type(feedback) is dict:
        _rename(feedback)
        _read_ratings(feedback, exchange)
        exchange.error_code = pop_identifier(feedback, "blockReason") or pop_identifier(feedback, "block_reason")
        if exchange.error_code is not None:
            exchange.content_filtered = True
            exchange.verdict_of(_FILTER).act(GuardrailAction.BLOCKED)
        drop_keys(feedback, _IGNORED_CANDIDATE_KEYS)
    if "embedding" in body or "embeddings" in body:
        exchange.operation = Operation.EMBEDDINGS
        drop_keys(body, _IGNORED_EMBEDDING_KEYS)
    if "totalTokens" in body:
        exchange.input_tokens = pop_count(body, "totalTokens")
        drop_keys(body, _IGNORED_USAGE_KEYS)
    usage = body.get("usageMetadata")
    if type(usage) is dict:
        _read_usage(usage, exchange)


def _declared(tool: Fields) -> list[Fields]:
    """The functions that a tool declares; none for a tool of Google's own, for example its search."""
    return dicts(tool.get("functionDeclarations") or tool.get("function_declarations"))


def _rename(fields: Fields) -> None:
    for key in _CAMEL_CASE.keys() & fields.keys():
        # Of both spellings, that of the API is read, and the other one stays.
        if _CAMEL_CASE[key] not in fields:
            fields[_CAMEL_CASE[key]] = fields.pop(key)


def _add_prompt(fields: Fields, key: str, role: Role, exchange: Exchange) -> None:
    """Add a content that is no item of a list: an object with parts, or a string."""
    content = fields.get(key)
    if type(content) is dict:
        # Some SDKs give a system instruction the role "user": its key decides, not its role.
        drop_role(content)
        _add_prompt_content(content, role, exchange)
    elif type(content) is str and content:
        del fields[key]
        exchange.add_prompt(role, [SensitiveText(content)])


def _add_prompt_content(content: Fields, default: Role, exchange: Exchange) -> None:
    named = pop_role(content)
    turn = Turn()
    _read_parts(content.get("parts"), turn)
    add_prompt_turn(turn, named, default, exchange)


def _read_parts(parts: Any, turn: Turn) -> None:
    """Consume a list of parts, or a single part."""
    for part in dicts([parts] if type(parts) is dict else parts):
        _read_part(part, turn)


def _read_part(part: Fields, turn: Turn) -> None:
    _rename(part)
    turn.add_content(part, "text")
    call, code = part.get("functionCall"), part.get("executableCode")
    if type(call) is dict:
        turn.add_tool_call(call)
        drop(call, "id")
    if type(code) is dict:
        turn.add_content(code, "code")
        drop(code, "language")
    answer, result = part.get("functionResponse"), part.get("codeExecutionResult")
    if type(answer) is dict:
        turn.add_tool_result(answer, "response")
        drop(answer, "id", "name", "scheduling", "willContinue")
    if type(result) is dict:
        turn.add_tool_result(result, "output")
        drop(result, "outcome")
    if not _MEDIA.isdisjoint(part):
        turn.attachments += 1
    drop_keys(part, _IGNORED_PART_KEYS)


def _read_candidate(candidate: Fields, exchange: Exchange) -> None:
    _rename(candidate)
    content = candidate.get("content")
    turn = Turn()
    if type(content) is dict:
        drop_role(content)
        _read_parts(content.get("parts"), turn)
    add_completion_turn(turn, exchange)
    number = candidate.get("finishReason")
    if type(number) is int and 0 <= number < len(_FINISH_REASONS):
        candidate["finishReason"] = _FINISH_REASONS[number]
    pop_finish_reason(candidate, exchange, "finishReason")
    _read_ratings(candidate, exchange)
    if exchange.content_filtered:
        exchange.verdict_of(_FILTER).act(GuardrailAction.BLOCKED)
    drop_keys(candidate, _IGNORED_CANDIDATE_KEYS)


def _read_ratings(holder: Fields, exchange: Exchange) -> None:
    if dicts(holder.get("safetyRatings")):
        read_gemini_ratings(holder["safetyRatings"], exchange.verdict_of(_FILTER))


def _read_usage(usage: Fields, exchange: Exchange) -> None:
    _rename(usage)
    exchange.cached_input_tokens = pop_count(usage, "cachedContentTokenCount")
    exchange.reasoning_tokens = peek_count(usage, "thoughtsTokenCount")
    exchange.input_tokens = pop_sum(usage, "promptTokenCount", "toolUsePromptTokenCount")
    exchange.output_tokens = pop_sum(usage, "candidatesTokenCount", "thoughtsTokenCount")
    exchange.total_tokens = pop_count(usage, "totalTokenCount")
    drop_keys(usage, _IGNORED_USAGE_KEYS)
