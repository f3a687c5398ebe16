"""Snowflake Cortex: usage views, requests to Cortex Analyst, and events of agents (AI Observability).

Rows come out of Snowflake as JSON with the columns' names, in capitals or in small letters. There are three kinds:

* Usage views (``CORTEX_AI_FUNCTIONS_USAGE_HISTORY`` and its predecessors, those of agents, of the REST API and of
  Cortex Code): who used which function and model, and how many tokens. Most are sums over an hour.
* ``CORTEX_ANALYST_REQUESTS_V``: the question, the statement that the model wrote, and both bodies.
* ``AI_OBSERVABILITY_EVENTS``: spans of agents in the layout of event tables. The attributes of a span have the texts
  (``ai.observability.record_root.input`` and ``output``, ``...planning.query``, queries of tools), the model and its
  tokens.

Credits are no dollars, and stay unmapped. Roles that were active stay unmapped too.

Read from Snowflake's documentation, and for attributes of spans from public queries, as of 2026-11-26.
"""

from __future__ import annotations

from typing import Any, Final

from veilog_parsers.bodies.exchange import Exchange
from veilog_parsers.bodies.read import open_body, read_exchange
from veilog_parsers.bodies.rest import drop_repeated, texts_of
from veilog_parsers.bodies.turns import Turn, add_completion_turn, add_prompt_content
from veilog_parsers.event import Agent, AuditEvent, Constant, Kind, Operation, Outcome, Role, ToolCall, UserType
from veilog_parsers.record.changes import pop_names
from veilog_parsers.record.dropped import Why, note_dropped
from veilog_parsers.record.fields import (
    dicts,
    drop,
    drop_keys,
    ignored_keys,
    keyset,
    open_json,
    paths,
    peek,
    pop,
    pop_count,
    pop_first,
    pop_identifier,
    pop_same_text,
    pop_text,
)
from veilog_parsers.record.outcomes import outcome_of_status, pop_http_status
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import pop_elapsed, pop_time
from veilog_parsers.source import Source, Stability

_PROVIDER: Final = Constant("snowflake.cortex")
_COLUMNS: Final = keyset(
    """
    AGENTIC_SOURCE AGENT_NAME CREDITS CREDITS_GRANULAR END_TIME FUNCTION_NAME GENERATED_SQL INFERENCE_REGION
    IS_COMPLETED LATEST_QUESTION METRICS MODEL_NAME OBSERVED_TIMESTAMP PARENT_REQUEST_ID PRIMARY_ROLE_NAME QUERY_ID
    QUERY_TAG RECORD RECORD_ATTRIBUTES RECORD_TYPE REQUEST_BODY REQUEST_ID RESOURCE RESOURCE_ATTRIBUTES RESPONSE_BODY
    RESPONSE_METADATA RESPONSE_STATUS_CODE ROLE_NAMES SCOPE SEMANTIC_MODEL_NAME SEMANTIC_MODEL_TYPE SOURCE
    START_TIME START_TIMESTAMP TABLES_REFERENCED TIMESTAMP TOKENS TOKENS_GRANULAR TOKEN_CREDITS TOKEN_CREDITS_GRANULAR
    TRACE USAGE_TIME USER_ID USER_NAME USER_TAGS VALUE WAREHOUSE_ID WARNINGS
    """
)
"""Columns of the views, as Snowflake spells them."""
_USAGE: Final = ("TOKENS", "TOKEN_CREDITS", "TOKENS_GRANULAR", "METRICS", "CREDITS")
_WHOSE: Final = ("FUNCTION_NAME", "MODEL_NAME", "AGENTIC_SOURCE", "TOKENS_GRANULAR", "AGENT_NAME")
_FUNCTIONS: Final = (
    ("EMBED", Operation.EMBEDDINGS),
    ("SEARCH", Operation.RETRIEVAL),
    ("AGENT", Operation.INVOKE_AGENT),
    ("COMPLETE", Operation.CHAT),
)
_ATTRIBUTES: Final = ("ai.observability.", "snow.ai.observability.")
_PLANNING: Final = "snow.ai.observability.agent.planning"
_STATUSES: Final = {
    "STATUS_CODE_ERROR": Outcome.FAILURE,
    "STATUS_CODE_OK": Outcome.SUCCESS,
    "STATUS_CODE_UNSET": Outcome.SUCCESS,
}
_INPUTS: Final = (
    "ai.observability.record_root.input",
    f"{_PLANNING}.query",
    f"{_PLANNING}.messages",
    "snow.ai.observability.agent.tool.cortex_search.query",
    "snow.ai.observability.agent.tool.cortex_analyst.messages",
)
_OUTPUTS: Final = (
    "ai.observability.record_root.output",
    f"{_PLANNING}.response",
    "snow.ai.observability.agent.tool.sql_execution.query",
)
_IGNORED_USAGE_KEYS: Final = ignored_keys("END_TIME IS_COMPLETED:flag PARENT_REQUEST_ID USER_TAGS:plain WAREHOUSE_ID")
_IGNORED_ANALYST_KEYS: Final = ignored_keys("SEMANTIC_MODEL_TYPE")
_IGNORED_EVENT_KEYS: Final = ignored_keys("OBSERVED_TIMESTAMP RECORD_TYPE RESOURCE:plain SCOPE:plain")


def _spell(fields: Fields) -> None:
    """Give the columns of a row the spelling of Snowflake: capitals."""
    for key in [key for key in fields if key.upper() in _COLUMNS and key != key.upper()]:
        if key.upper() not in fields:
            fields[key.upper()] = fields.pop(key)


def _has(fields: Fields, name: str) -> bool:
    return name in fields or name.lower() in fields


def _is_usage(fields: Fields) -> bool:
    return any(_has(fields, name) for name in _WHOSE) and (
        _has(fields, "TOKEN_CREDITS")
        or _has(fields, "TOKENS_GRANULAR")
        or (_has(fields, "FUNCTION_NAME") and _has(fields, "METRICS") and _has(fields, "CREDITS"))
    )


def _is_analyst(fields: Fields) -> bool:
    return _has(fields, "SEMANTIC_MODEL_NAME") and (_has(fields, "LATEST_QUESTION") or _has(fields, "REQUEST_BODY"))


def _is_event(fields: Fields) -> bool:
    attributes: Any = fields.get("RECORD_ATTRIBUTES", fields.get("record_attributes"))
    if type(attributes) is str:
        return "ai.observability." in attributes[:4096]
    return type(attributes) is dict and any(key.startswith(_ATTRIBUTES) for key in attributes)


def _parse_usage(fields: Fields) -> AuditEvent:
    function: Any = fields.get("FUNCTION_NAME")
    event = AuditEvent(
        kind=Kind.AI_ACCESS,
        provider=_PROVIDER,
        timestamp=pop_first(pop_time, fields, paths("USAGE_TIME START_TIME")),
        user_id=pop_identifier(fields, "USER_ID"),
        user_name=pop_text(fields, "USER_NAME"),
        request_id=pop_first(pop_identifier, fields, paths("REQUEST_ID QUERY_ID")),
        api_operation=pop_identifier(fields, "FUNCTION_NAME"),
        model_name=pop_identifier(fields, "MODEL_NAME"),
        inference_region=pop_identifier(fields, "INFERENCE_REGION"),
        token_count=pop_count(fields, "TOKENS"),
        outcome_status=Outcome.SUCCESS,
    )
    event.user_type = UserType.USER if event.user_id is not None else None
    agent = pop_first(pop_identifier, fields, paths("AGENT_NAME AGENTIC_SOURCE"))
    event.agent = Agent(name=agent) if agent is not None else None
    name = function.upper() if type(function) is str else ""
    event.operation = next((operation for part, operation in _FUNCTIONS if part in name), None)
    open_json(fields, "METRICS")
    for metric in dicts(fields.get("METRICS")):
        _read_metric(metric, event)
    granular = open_json(fields, "TOKENS_GRANULAR")
    models = list(granular) if type(granular) is dict else []
    if event.model_name is None and len(models) == 1:
        event.model_name = pop_first(pop_identifier, {"": models[0]}, (("",),))
    drop_keys(fields, _IGNORED_USAGE_KEYS)
    return event


def _read_metric(metric: Fields, event: AuditEvent) -> None:
    """Read a metric: ``{"key": {"metric": "input", "unit": "tokens"}, "value": 12}``."""
    if peek(metric, "key", "unit") != "tokens":
        return
    name = peek(metric, "key", "metric")
    if name == "input":
        event.input_tokens = pop_count(metric, "value")
    elif name == "output":
        event.output_tokens = pop_count(metric, "value")
    elif name == "cache_read_input":
        event.cached_input_tokens = pop_count(metric, "value")
    else:
        return
    drop(metric, "key")


def _parse_analyst(fields: Fields) -> AuditEvent:
    event = AuditEvent(
        kind=Kind.AI_ACCESS,
        provider=_PROVIDER,
        operation=Operation.CHAT,
        timestamp=pop_time(fields, "TIMESTAMP"),
        user_id=pop_identifier(fields, "USER_ID"),
        user_name=pop_text(fields, "USER_NAME"),
        request_id=pop_identifier(fields, "REQUEST_ID"),
        endpoint=pop_identifier(fields, "SEMANTIC_MODEL_NAME"),
        http_status=pop_http_status(fields, "RESPONSE_STATUS_CODE"),
    )
    event.user_type = UserType.USER if event.user_id is not None else None
    event.outcome_status = outcome_of_status(event.http_status)
    open_json(fields, "TABLES_REFERENCED")
    event.data_sources = pop_names(fields, "TABLES_REFERENCED") or None
    request, response = open_body(fields, "REQUEST_BODY"), open_body(fields, "RESPONSE_BODY")
    if event.http_status is not None and event.http_status >= 400 and type(response) is dict:
        # The message of an error is no text of the model.
        event.error_code = pop_identifier(response, "error_code")
        response = None
    exchange = read_exchange(_respelled(request), _respelled(response))
    known = [*texts_of(exchange.prompt), *texts_of(exchange.response)]
    drop_repeated(fields, known, "LATEST_QUESTION", "GENERATED_SQL")
    add_prompt_content(fields, "LATEST_QUESTION", Role.USER, exchange)
    turn = Turn()
    turn.add_content(fields, "GENERATED_SQL")
    add_completion_turn(turn, exchange)
    exchange.apply(event)
    drop_keys(fields, _IGNORED_ANALYST_KEYS)
    return event


def _respelled(body: Any) -> Any:
    """A body of Cortex Analyst with the role and the blocks of other chats: ``analyst``, and ``sql`` blocks."""
    if type(body) is not dict:
        return body
    for message in (*dicts(body.get("messages")), *dicts([body.get("message")])):
        if message.get("role") == "analyst":
            message["role"] = "assistant"
        for block in dicts(message.get("content")):
            if type(block.get("statement")) is str and "text" not in block:
                block["text"] = block.pop("statement")
    return body


def _parse_event(fields: Fields) -> AuditEvent:
    """Read a span of an agent."""
    for key in ("RECORD", "RECORD_ATTRIBUTES", "RESOURCE_ATTRIBUTES", "TRACE"):
        open_json(fields, key)
    attributes: Fields = fields["RECORD_ATTRIBUTES"] if type(fields.get("RECORD_ATTRIBUTES")) is dict else {}
    event = AuditEvent(
        kind=Kind.AI_ACCESS,
        provider=_PROVIDER,
        operation=Operation.INVOKE_AGENT,
        timestamp=pop_time(fields, "START_TIMESTAMP") or pop_time(fields, "TIMESTAMP"),
        trace_id=pop_identifier(fields, "TRACE", "trace_id"),
        span_id=pop_identifier(fields, "TRACE", "span_id"),
        api_operation=pop_identifier(fields, "RECORD", "name"),
        user_name=pop_text(fields, "RESOURCE_ATTRIBUTES", "snow.user.name"),
        user_id=pop_identifier(fields, "RESOURCE_ATTRIBUTES", "snow.user.id"),
        model_name=pop_identifier(attributes, f"{_PLANNING}.model"),
        request_id=_attribute(attributes, "agent.request_id", "agent.planning.request_id"),
        conversation_id=_attribute(attributes, "agent.thread_id"),
        input_tokens=pop_count(attributes, f"{_PLANNING}.token_count.input"),
        output_tokens=pop_count(attributes, f"{_PLANNING}.token_count.output"),
        token_count=pop_count(attributes, f"{_PLANNING}.token_count.total"),
        cached_input_tokens=pop_count(attributes, f"{_PLANNING}.token_count.cache_read_input"),
    )
    event.user_id = event.user_id or event.user_name
    event.user_type = UserType.USER if event.user_id is not None else None
    agent = Agent(name=_attribute(attributes, "object.name"), version=_attribute(attributes, "object.version"))
    event.agent = agent if agent != Agent() else None
    for key in (f"{_PLANNING}.duration", "snow.ai.observability.agent.duration"):
        event.latency_ms = pop_elapsed(attributes, key) if event.latency_ms is None else event.latency_ms
    tool = _attribute(attributes, "agent.tool.custom_tool.name")
    if tool is not None:
        event.tool_calls, event.operation = [ToolCall(name=tool)], Operation.EXECUTE_TOOL
    _read_status(fields, event)
    _read_texts(attributes, event)
    drop(fields, ("RECORD", "kind"), ("RECORD", "parent_span_id"), "TIMESTAMP")
    drop_keys(fields, _IGNORED_EVENT_KEYS)
    return event


def _attribute(attributes: Fields, *names: str) -> Any:
    """Pop the first of several attributes, which some releases spell without ``snow.``."""
    spellings = [(f"{prefix}{name}",) for name in names for prefix in reversed(_ATTRIBUTES)]
    return pop_first(pop_identifier, attributes, spellings)


def _read_status(fields: Fields, event: AuditEvent) -> None:
    code = peek(fields, "RECORD", "status", "code")
    if type(code) is str and code in _STATUSES:
        event.outcome_status = _STATUSES[code]
        pop(fields, "RECORD", "status", "code")
        if event.outcome_status is Outcome.SUCCESS:
            # A response says so too.
            note_dropped("code", code, Why.DUPLICATE)


def _read_texts(attributes: Fields, event: AuditEvent) -> None:
    exchange, turn = Exchange(operation=event.operation), Turn()
    for key in _INPUTS:
        known = exchange.prompt[-1].parts[0] if exchange.prompt else None
        if known is None or pop_same_text(attributes, known, key) is known:
            add_prompt_content(attributes, key, Role.USER, exchange)
    for key in _OUTPUTS:
        turn.add_content(attributes, key)
    add_completion_turn(turn, exchange)
    status = event.outcome_status
    exchange.apply(event)
    event.outcome_status = status or event.outcome_status


def parse(fields: Fields) -> AuditEvent:
    """Read one row."""
    _spell(fields)
    if _is_analyst(fields):
        return _parse_analyst(fields)
    return _parse_event(fields) if "RECORD_ATTRIBUTES" in fields else _parse_usage(fields)


def _both(*names: str) -> tuple[str, ...]:
    return (*names, *(name.lower() for name in names))


SOURCE: Final = Source(
    name="snowflake_cortex",
    summary="Snowflake Cortex: usage views, requests to Cortex Analyst, events of agents.",
    stability=Stability.BETA,
    never_carries="Addresses; texts of Cortex functions: their calls are SQL, and usage views have sums.",
    references=(
        "https://docs.snowflake.com/en/sql-reference/account-usage/cortex_ai_functions_usage_history",
        "https://docs.snowflake.com/en/sql-reference/local/cortex_analyst_requests_v",
        "https://docs.snowflake.com/en/sql-reference/functions/get_ai_observability_events-snowflake-local",
    ),
    markers={
        **dict.fromkeys(_both("TOKEN_CREDITS", "TOKENS_GRANULAR", "METRICS"), _is_usage),
        **dict.fromkeys(_both("SEMANTIC_MODEL_NAME"), _is_analyst),
        **dict.fromkeys(_both("RECORD_ATTRIBUTES"), _is_event),
    },
    parse=parse,
)
