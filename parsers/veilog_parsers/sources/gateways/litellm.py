"""LiteLLM's StandardLoggingPayload: one object per call, posted by its callbacks one by one or as an array.

Tested with payloads of a running LiteLLM (SDK and proxy). Pitfalls:

* ``session_id`` is always empty; the client's session arrives in ``trace_id``.
* For most call types the response is converted to a chat completion, for others it is a Responses object. So its keys
  decide how it is read, not ``call_type``.
* The system prompt of Anthropic's and OpenAI's newer APIs is missing: the log does not have the whole prompt.
* ``response_time`` is in seconds. A failed call has an empty response and a traceback, which is withheld.
* The older of the generic callbacks writes every value as Python's ``repr``: messages and response are such strings.
* ``guardrail_information`` has an entry for each guardrail that ran. It quotes texts, which are withheld.
* ``user_api_key_hash`` is the hash of the caller's key: it tells calls with the same key, never the key.
* If LiteLLM's own redaction is on, every text is ``redacted-by-litellm``: it is no text, and has no hash.
"""

from __future__ import annotations

from typing import Any, Final

from veilog_parsers.bodies.exchange import Exchange
from veilog_parsers.bodies.openai import read_token_details
from veilog_parsers.bodies.read import decode_body, open_body, read_exchange
from veilog_parsers.bodies.rest import drop_repeated
from veilog_parsers.event import (
    AuditEvent,
    ContentCategory,
    CredentialType,
    Guardrail,
    GuardrailAction,
    GuardrailPolicy,
    Kind,
    Message,
    Operation,
    Outcome,
    SensitiveText,
    Text,
    UserType,
)
from veilog_parsers.record.dropped import Why, note_dropped, prefer
from veilog_parsers.record.endpoints import provider_named
from veilog_parsers.record.fields import (
    as_identifier,
    dicts,
    drop,
    open_json,
    peek,
    pop,
    pop_count,
    pop_flag,
    pop_identifier,
    pop_number,
    pop_same_text,
    pop_sum,
    pop_text,
    pop_word,
    withhold,
)
from veilog_parsers.record.network import pop_address, pop_endpoint
from veilog_parsers.record.outcomes import is_vague, outcome_of_error
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import between_ms, parse_time, pop_elapsed, pop_time
from veilog_parsers.source import Source, Stability
from veilog_parsers.sources.facts import facts, read_facts

_REDACTED: Final = "redacted-by-litellm"
_MASTER_KEY_OWNER: Final = "default_user_id"
"""The user that the proxy names for calls with the master key. It is nobody."""

_OPERATIONS: Final = {
    "completion": Operation.CHAT,
    "responses": Operation.CHAT,
    "anthropic_messages": Operation.CHAT,
    "text_completion": Operation.TEXT_COMPLETION,
    "embedding": Operation.EMBEDDINGS,
    "image_generation": Operation.IMAGE_GENERATION,
    "moderation": Operation.MODERATION,
    "generate_content": Operation.GENERATE_CONTENT,
}
"""Operations by ``call_type``. Asynchronous calls have an ``a`` before it."""

_FACTS: Final = facts("""
    cost_usd                        response_cost hidden_params/response_cost cost_breakdown/total_cost
    deployment                      model_id hidden_params/model_id
    rate_limit.remaining_requests   hidden_params/additional_headers/x_ratelimit_remaining_requests
    rate_limit.remaining_tokens     hidden_params/additional_headers/x_ratelimit_remaining_tokens
    credential.id_hash              metadata/user_api_key_hash
    mcp.tool                        metadata/mcp_tool_call_metadata/name
    mcp.server                      metadata/mcp_tool_call_metadata/mcp_server_name
""")
_GUARDRAIL_ACTIONS: Final = {
    "success": GuardrailAction.NONE,
    "guardrail_intervened": GuardrailAction.BLOCKED,
    "failure": GuardrailAction.BLOCKED,
}
"""What a guardrail did, by its status. Older releases have ``failure`` where newer ones say that it intervened."""
_BY_STRENGTH: Final = tuple(GuardrailAction)
_CATEGORIES: Final = {category.value: category for category in ContentCategory}
_QUOTING_KEYS: Final = ("guardrail_request", "guardrail_response", "match_details", "classification")
"""Parts of a guardrail's entry that quote what it read."""
_IGNORED_GUARDRAIL_KEYS: Final = (
    *("guardrail_provider", "guardrail_mode", "start_time", "end_time", "duration", "masked_entity_count"),
    *("policy_template", "detection_method", "confidence_score", "patterns_checked", "alert_recipients", "risk_score"),
    *("violation_categories", "guardrail_id", "guardrail_name", "guardrail_status"),
)

_IGNORED_KEYS: Final = (
    *("model_map_information", "hidden_params", "cost_breakdown", "saved_cache_cost", "cache_key"),
    *("cache_hit", "autorouter_savings", "autorouter_savings_estimate", "autorouter_baseline_observation"),
    *("endTime", "completionStartTime", "stream", "status_fields", "litellm_call_id", "model_group"),
    *("request_model_access_groups", "model_parameters", "session_id"),
)
"""Timings, settings and costs in detail."""
_IGNORED_METADATA_KEYS: Final = (
    *("usage_object", "user_api_key_spend"),
    *("user_api_key_max_budget", "user_api_key_user_spend", "user_api_key_user_max_budget"),
    *("user_api_key_team_spend", "user_api_key_team_max_budget", "used_client_oauth_token"),
)
"""Budgets, and token counts that are also elsewhere."""


def _is_payload(fields: Fields) -> bool:
    return "call_type" in fields or ("litellm_call_id" in fields and "messages" in fields)


def parse(fields: Fields) -> AuditEvent:
    """Read one payload."""
    for key in ("metadata", "error_information"):
        _open(fields, key)
    started = pop_time(fields, "startTime") or parse_time(pop_number(fields, "startTime"))
    event = AuditEvent(kind=Kind.AI_ACCESS, timestamp=started)
    read_facts(fields, _FACTS, event)
    if event.credential is not None:
        event.credential.type = CredentialType.API_KEY
    _read_course(fields, event)
    _read_guardrails(fields, event)
    _read_who(fields, event)
    _read_what(fields, event)
    _read_outcome(fields, event)
    if event.outcome_status is Outcome.FAILURE and _is_blocked(event.guardrail):
        event.outcome_status = Outcome.CONTENT_FILTERED
    _read_texts(fields, event)
    _drop_same_error(fields)
    drop(fields, *_IGNORED_KEYS)
    return event


def _read_course(fields: Fields, event: AuditEvent) -> None:
    """Read how the call went: as a stream, with what delay, with which tools, and how often it was tried again."""
    event.stream = pop_flag(fields, "stream")
    if event.stream is None:
        event.stream = pop_flag(fields, "model_parameters", "stream")
    if event.stream:
        # Without a stream, the first token is the whole response.
        first = parse_time(peek(fields, "completionStartTime"))
        event.time_to_first_token_ms = between_ms(event.timestamp, first)
    tools = peek(fields, "model_parameters", "tools")
    event.tools_offered = len(tools) if type(tools) is list and tools else None
    headers = peek(fields, "hidden_params", "additional_headers")
    if type(headers) is dict:
        event.retries = pop_sum(headers, "x-litellm-attempted-retries", "x-litellm-attempted-fallbacks")
    usage = peek(fields, "metadata", "usage_object")
    if type(usage) is dict:
        counted = Exchange()
        read_token_details(usage, counted)
        counted.cost_usd = None
        counted.apply(event)


def _read_guardrails(fields: Fields, event: AuditEvent) -> None:
    """Read what the strongest of the guardrails did. No field is for the others."""
    information = open_json(fields, "guardrail_information")
    entries = dicts([information] if type(information) is dict else information)
    if entries:
        strongest = max(entries, key=lambda entry: _BY_STRENGTH.index(_action(entry) or GuardrailAction.NONE))
        event.guardrail = _guardrail(strongest)
    for entry in entries:
        withhold(entry, *_QUOTING_KEYS)
        drop(entry, *_IGNORED_GUARDRAIL_KEYS)


def _is_blocked(guardrail: Guardrail | None) -> bool:
    return guardrail is not None and guardrail.action is GuardrailAction.BLOCKED


def _action(entry: Fields) -> GuardrailAction | None:
    status, masked = entry.get("guardrail_status"), entry.get("masked_entity_count")
    action = _GUARDRAIL_ACTIONS.get(status) if type(status) is str else None
    return GuardrailAction.MASKED if masked and type(masked) is dict and action is GuardrailAction.NONE else action


def _guardrail(entry: Fields) -> Guardrail:
    masked, action = peek(entry, "masked_entity_count"), _action(entry)
    if action is not None:
        pop(entry, "guardrail_status")
    named = entry.get("violation_categories")
    words = [word.lower().replace("-", "_") for word in named if type(word) is str] if type(named) is list else []
    return Guardrail(
        id=pop_identifier(entry, "guardrail_name") or pop_identifier(entry, "guardrail_id"),
        action=action,
        policies=[GuardrailPolicy.SENSITIVE_INFO] if masked else None,
        categories=[_CATEGORIES[word] for word in words if word in _CATEGORIES] or None,
    )


def _drop_same_error(fields: Fields) -> None:
    """Drop ``error_str`` if it only repeats ``error_information``."""
    information = fields.get("error_information")
    if type(information) is dict:
        drop_repeated(fields, (text for text in information.values() if type(text) is str), "error_str")


def _read_who(fields: Fields, event: AuditEvent) -> None:
    metadata = fields.get("metadata")
    metadata = metadata if type(metadata) is dict else {}
    email = pop_identifier(metadata, "user_api_key_user_email")
    owner = pop_identifier(metadata, "user_api_key_user_id") if email is None else None
    drop(metadata, "user_api_key_user_id", why=Why.DUPLICATE)
    if owner is not None and owner.reveal() == _MASTER_KEY_OWNER:
        owner = None
    end_user = pop_same_text(metadata, pop_text(fields, "end_user"), "user_api_key_end_user_id")
    # The owner of the key was authenticated. The end user is named by the caller, and often the only one known.
    event.user_name = end_user or pop_text(metadata, "user_api_key_alias")
    drop(metadata, "user_api_key_alias", why=Why.DUPLICATE)
    event.user_id = email or owner or end_user
    if event.user_id is not None:
        event.user_type = UserType.USER
    elif event.user_name is not None:
        event.user_type = UserType.SERVICE
    organization = pop_identifier(metadata, "user_api_key_org_id")
    event.tenant_id = organization or pop_identifier(metadata, "user_api_key_team_id")
    event.conversation_id = pop_identifier(fields, "trace_id")
    address, forwarded = pop_address(fields, "requester_ip_address"), pop_address(metadata, "requester_ip_address")
    event.client_ip = prefer(address, forwarded)
    event.user_agent = pop_same_text(metadata, pop_text(fields, "user_agent"), "user_agent")
    route = pop_endpoint(metadata, "user_api_key_request_route")
    event.endpoint = SensitiveText(route) if route else None
    drop(metadata, *_IGNORED_METADATA_KEYS)
    withhold(metadata, "requester_metadata", "requester_custom_headers")


def _read_what(fields: Fields, event: AuditEvent) -> None:
    named = pop_identifier(fields, "custom_llm_provider") if type(fields.get("custom_llm_provider")) is str else None
    provider = named.reveal() if named else ""
    event.provider = provider_named(provider) or named
    event.model_name = _model(fields, provider)
    event.request_id = pop_identifier(fields, "id")
    call_type = fields.get("call_type")
    event.api_operation = pop_identifier(fields, "call_type")
    if type(call_type) is str:
        event.operation = _OPERATIONS.get(call_type) or _OPERATIONS.get(call_type.removeprefix("a"))
    base = pop_endpoint(fields, "api_base") if event.endpoint is None else None
    if base:
        event.endpoint = SensitiveText(base)
    drop(fields, "api_base", why=Why.DUPLICATE)


def _model(fields: Fields, provider: str) -> Text | None:
    """Pop the model without the prefix ``provider/``, which the proxy adds and the SDK does not."""
    model = pop_identifier(fields, "model")
    if model is not None and provider and model.reveal().startswith(f"{provider}/"):
        return as_identifier(model.reveal()[len(provider) + 1 :])
    return model


def _read_outcome(fields: Fields, event: AuditEvent) -> None:
    event.input_tokens = pop_count(fields, "prompt_tokens")
    event.output_tokens = pop_count(fields, "completion_tokens")
    event.token_count = pop_count(fields, "total_tokens")
    seconds = pop_elapsed(fields, "response_time")
    event.latency_ms = None if seconds is None else round(seconds * 1000, 3)
    status = pop_word(fields, "status")
    if status == "success":
        event.outcome_status = Outcome.SUCCESS
    elif status is not None:
        event.outcome_status = Outcome.FAILURE
    information = fields.get("error_information")
    if type(information) is dict:
        code = pop_identifier(information, "error_code")
        error_class = pop_identifier(information, "error_class")
        if code is not None and code.reveal().isdigit():
            event.http_status = int(code.reveal()) if len(code) == 3 else None
        if error_class is None or (code is not None and event.http_status is None and is_vague(error_class.reveal())):
            event.error_code = code
        else:
            event.error_code = error_class
        if event.outcome_status is Outcome.FAILURE and event.error_code is not None:
            name = f"{error_class.reveal() if error_class else ''} {code.reveal() if code else ''}"
            event.outcome_status = outcome_of_error(name)
        drop(information, "llm_provider")
        withhold(information, "traceback")
        drop(information, *[key for key, value in information.items() if value == ""])


def _read_texts(fields: Fields, event: AuditEvent) -> None:
    request: Any = {"messages": _open(fields, "messages")}
    response = open_body(fields, "response")
    if type(request["messages"]) is str:
        request = {"prompt": request["messages"]}
    exchange = read_exchange(request, response)
    # What the readers left of the messages stays in the record.
    left = request.get("messages", request.get("prompt"))
    if left is None:
        pop(fields, "messages")  # there was no more in it than what was read
    else:
        fields["messages"] = left
    exchange.provider = None
    exchange.prompt = _without_redacted(exchange.prompt)
    exchange.response = _without_redacted(exchange.response)
    exchange.apply(event)


def _open(fields: Fields, key: str) -> Any:
    """Decode a value in place, from JSON or from Python's ``repr``, and return it."""
    body = decode_body(fields.get(key))
    if key in fields:
        fields[key] = body
    return body


def _without_redacted(messages: list[Message]) -> list[Message]:
    """Messages without the parts that LiteLLM has redacted."""
    kept = []
    for message in messages:
        parts = [part for part in message.parts if part.reveal() != _REDACTED]
        if parts:
            kept.append(Message(message.role, parts))
        if len(parts) < len(message.parts):
            note_dropped("", message, Why.NOISE)
    return kept


SOURCE: Final = Source(
    name="litellm",
    summary="LiteLLM's StandardLoggingPayload, from SDK and proxy.",
    stability=Stability.STABLE,
    never_carries="The system prompt of /v1/messages and the instructions of /v1/responses: LiteLLM loses them.",
    references=("https://docs.litellm.ai/docs/proxy/logging_spec",),
    markers={"litellm_call_id": _is_payload, "custom_llm_provider": _is_payload, "model_map_information": _is_payload},
    parse=parse,
)
