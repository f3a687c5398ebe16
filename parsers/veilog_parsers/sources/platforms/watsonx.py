"""IBM watsonx: events of Activity Tracker about watsonx.ai and OpenScale, and OpenScale's payload records.

Events are in CADF, as IBM Cloud and Software Hub write them: who (``initiator``) did what (``action``) with what
(``target``), and how it ended (``outcome``, ``reason``). Actions of ``pm-20`` that send something to a model are
``ai_access``, all others (tuning, deployments, OpenScale's administration) ``ai_control_plane``. Events of other
services are no AI logs. There are no texts in them, but ``message``, which repeats action, target and user, stays.

A payload record is a call that was logged for evaluation: a request, a response and the time it took. For prompt
templates the response has the generated texts and tokens, and the variables of the prompt are the user's. Rows of the
payload table have them as columns: whatever they are called, what may be prose is the user's text. Times of responses
are milliseconds.

Read from IBM's documentation (auditable events of watsonx.ai and Watson OpenScale, payload logging) as of 2026-11-26.
"""

from __future__ import annotations

from typing import Any, Final

from veilog_parsers.bodies.exchange import Exchange
from veilog_parsers.bodies.read import open_body, read_request, read_response
from veilog_parsers.bodies.turns import (
    Turn,
    add_completion_turn,
    add_prompt_content,
    add_prompt_variables,
    pop_finish_reason,
)
from veilog_parsers.event import (
    AuditEvent,
    Change,
    Cloud,
    Constant,
    Credential,
    CredentialType,
    Kind,
    Operation,
    Outcome,
    Role,
    UserType,
)
from veilog_parsers.record.dropped import Why, note_dropped
from veilog_parsers.record.fields import (
    dicts,
    drop,
    drop_keys,
    ignored_keys,
    paths,
    peek,
    pop_count,
    pop_first,
    pop_identifier,
    pop_text,
    pop_word,
)
from veilog_parsers.record.network import pop_address
from veilog_parsers.record.outcomes import outcome_of_status, pop_http_status
from veilog_parsers.record.prose import may_hold_prose
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import pop_elapsed, pop_time
from veilog_parsers.source import Source, Stability

_PROVIDER: Final = Constant("ibm.watsonx.ai")
_SERVICES: Final = ("pm-20.", "aiopenscale.")
_USES: Final = {
    "pm-20.foundation-model.send": Operation.TEXT_COMPLETION,
    "pm-20.text-chat.send": Operation.CHAT,
    "pm-20.text-embeddings.send": Operation.EMBEDDINGS,
    "pm-20.text-rerank.send": Operation.RETRIEVAL,
    "pm-20.text-tokenization.send": None,
}
_OUTCOMES: Final = {"success": Outcome.SUCCESS, "failure": Outcome.FAILURE, "pending": None, "unknown": None}
_CREDENTIALS: Final = {
    "apikey": CredentialType.API_KEY,
    "token": CredentialType.BEARER,
    "user": CredentialType.BEARER,
}

_IGNORED_EVENT_KEYS: Final = ignored_keys(
    "dataEvent:flag eventType id observer:plain saveServiceCopy:flag severity typeURI"
)
_IGNORED_RECORD_KEYS: Final = ignored_keys(
    "asset_revision error:flag prediction_probability:number probability:numbers target_id target_type"
)


def _is_event(fields: Fields) -> bool:
    action = fields.get("action")
    return type(action) is str and action.startswith(_SERVICES) and ("initiator" in fields or "outcome" in fields)


def _is_payload(fields: Fields) -> bool:
    return "generated_text" in fields or ("response" in fields and "request" in fields)


def _parse_event(fields: Fields) -> AuditEvent:
    action: Any = fields.get("action")
    used = type(action) is str and action in _USES
    event = AuditEvent(
        kind=Kind.AI_ACCESS if used else Kind.AI_CONTROL_PLANE,
        operation=_USES.get(action) if used else None,
        provider=_PROVIDER,
        timestamp=pop_time(fields, "eventTime"),
        api_operation=pop_identifier(fields, "action"),
        request_id=pop_first(pop_identifier, fields, paths("correlationId requestData/requestId id")),
        user_id=pop_identifier(fields, "initiator", "id"),
        user_name=pop_text(fields, "initiator", "name"),
        client_ip=pop_address(fields, "initiator", "host", "address"),
        user_agent=pop_text(fields, "initiator", "host", "agent"),
        http_status=pop_http_status(fields, "reason", "reasonCode"),
        model_name=pop_first(pop_identifier, fields, paths("requestData/model_id requestData/modelId")),
    )
    kind = peek(fields, "initiator", "typeURI")
    is_service = type(kind) is str and kind.endswith(("serviceid", "service"))
    if event.user_id is not None:
        event.user_type = UserType.SERVICE if is_service else UserType.USER
    drop(fields, ("initiator", "typeURI"), why=Why.DUPLICATE)
    credential = pop_word(fields, "initiator", "credential", "type")
    if credential in _CREDENTIALS:
        event.credential = Credential(type=_CREDENTIALS[credential])
    resource = pop_first(pop_identifier, fields, paths("target/id logSourceCRN"))
    event.cloud = Cloud(provider=Constant("ibm"), resource=resource)
    if not used:
        event.change = Change(
            target=pop_identifier(fields, "target", "name"), target_type=pop_identifier(fields, "target", "typeURI")
        )
        event.change = event.change if event.change != Change() else None
    _read_outcome(fields, event)
    drop(fields, "logSourceCRN", ("reason", "reasonType"), ("target", "typeURI"), ("target", "resourceGroupId"))
    drop_keys(fields, _IGNORED_EVENT_KEYS)
    return event


def _read_outcome(fields: Fields, event: AuditEvent) -> None:
    word = pop_word(fields, "outcome")
    named = _OUTCOMES.get(word or "")
    by_status = outcome_of_status(event.http_status)
    if word is not None and by_status is not None:
        note_dropped("outcome", word, Why.DUPLICATE)
    event.outcome_status = by_status if by_status in (Outcome.DENIED, Outcome.THROTTLED) else named or by_status
    if event.outcome_status is not Outcome.SUCCESS:
        event.error_code = pop_identifier(fields, "reason", "reasonType")


def _parse_payload(fields: Fields) -> AuditEvent:
    event = AuditEvent(
        kind=Kind.AI_ACCESS,
        provider=_PROVIDER,
        timestamp=pop_first(pop_time, fields, paths("scoring_timestamp timestamp")),
        request_id=pop_identifier(fields, "scoring_id"),
        deployment=pop_first(pop_identifier, fields, paths("deployment_id binding_id subscription_id")),
        user_id=pop_identifier(fields, "user_id"),
        model_name=pop_first(pop_identifier, fields, paths("model_id response/model_id")),
        latency_ms=pop_elapsed(fields, "response_time"),
    )
    event.user_type = UserType.USER if event.user_id is not None else None
    exchange = Exchange()
    if "response" in fields:
        request = open_body(fields, "request")
        variables = peek(request, "parameters")
        if type(variables) is dict:
            add_prompt_variables(variables, "template_variables", exchange)
        if not exchange.prompt:
            read_request(request, exchange)
        response = open_body(fields, "response")
        results = dicts(peek(response, "results"))
        for result in results:
            _read_result(result, exchange)
        if not exchange.response:
            read_response(response, exchange)
    else:
        _read_result(fields, exchange)
        for key in [key for key, value in fields.items() if type(value) is str and may_hold_prose(value)]:
            add_prompt_content(fields, key, Role.USER, exchange)
    exchange.apply(event)
    event.outcome_status = event.outcome_status or Outcome.SUCCESS
    drop_keys(fields, _IGNORED_RECORD_KEYS)
    return event


def _read_result(result: Fields, exchange: Exchange) -> None:
    """Read a generated text and its tokens. Several are added up."""
    turn = Turn()
    turn.add_content(result, "generated_text")
    add_completion_turn(turn, exchange)
    sent, produced = pop_count(result, "input_token_count"), pop_count(result, "generated_token_count")
    if sent is not None:
        exchange.input_tokens = (exchange.input_tokens or 0) + sent
    if produced is not None:
        exchange.output_tokens = (exchange.output_tokens or 0) + produced
    exchange.total_tokens = None
    exchange.sum_tokens()
    pop_finish_reason(result, exchange, "stop_reason")


def parse(fields: Fields) -> AuditEvent:
    """Read one event or one payload record."""
    return _parse_payload(fields) if "scoring_id" in fields else _parse_event(fields)


SOURCE: Final = Source(
    name="watsonx",
    summary="IBM watsonx: events of Activity Tracker about watsonx.ai and OpenScale, and payload records.",
    stability=Stability.BETA,
    never_carries="Prompts and responses in events; users in payload records, unless they are logged.",
    references=(
        "https://www.ibm.com/docs/en/software-hub/5.4.x?topic=events-watsonxai",
        "https://www.ibm.com/docs/en/software-hub/5.4.x?topic=events-watson-openscale",
        "https://www.ibm.com/docs/SSYOK8/wsj/model/wos-manage-payload-data.html",
    ),
    markers={"action": _is_event, "scoring_id": _is_payload},
    parse=parse,
)
