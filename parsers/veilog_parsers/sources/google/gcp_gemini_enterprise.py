"""Gemini Enterprise's usage logs (before: Agentspace): what a user asked the assistant, an agent or the search.

Cloud Logging has the calls of all methods in one log, ``gemini_enterprise_user_activity``, with the caller. Methods
that use a model or an index are ``ai_access``, those that create or change something ``ai_control_plane``, and what the
web page reports about clicks is ``other``. The answer is a text (``serviceTextReply``) and, in pieces with their
sources, in the response; search has a query and names of documents. Two more logs have the texts alone, as events of
OpenTelemetry (``gen_ai.user.message``, ``gen_ai.choice``), without the caller; a trace joins them.

Texts are logged only if an administrator wants it: else ``<elided>`` stands for each. A sink to BigQuery writes keys in
lower case. ``query`` is a text or an object. Callers who sign in through another provider have a number for an e-mail
address.

Format: docs.cloud.google.com/gemini/enterprise/docs/set-up-usage-audit-logs, read 2026-11-26; shapes of entries as in
readers of this log on GitHub (read on the same day), since the page lists fields and no entry.
"""

from __future__ import annotations

import re
from typing import Any, Final

from veilog_parsers.bodies.exchange import Exchange
from veilog_parsers.bodies.read import open_body
from veilog_parsers.bodies.rest import (
    UNREAD_KEY,
    add_unread_completion,
    add_unread_prompt,
    drop_repeated,
    texts_of,
)
from veilog_parsers.bodies.turns import Turn, add_completion_turn, add_prompt_content
from veilog_parsers.event import (
    Agent,
    AuditEvent,
    Constant,
    Kind,
    Operation,
    Outcome,
    Role,
    SensitiveText,
    Text,
    UserType,
)
from veilog_parsers.record.dropped import Why
from veilog_parsers.record.fields import (
    as_identifier,
    dicts,
    drop,
    drop_keys,
    drop_known,
    ignored_keys,
    open_json,
    peek,
    pop_identifier,
    pop_same_text,
    pop_text,
)
from veilog_parsers.record.raw import Fields
from veilog_parsers.source import Source, Stability
from veilog_parsers.sources.google.changes import read_change
from veilog_parsers.sources.google.entries import log_id, payload_of, read_entry, rename_keys
from veilog_parsers.sources.google.gcp_audit import DISCOVERY_ENGINE, MODEL_USE, read_parts

_PREFIX: Final = "discoveryengine.googleapis.com/"
_ACTIVITY: Final = f"{_PREFIX}gemini_enterprise_user_activity"
_TURNS: Final = {
    "gen_ai.user.message": Role.USER,
    "gen_ai.system.message": Role.SYSTEM,
    "gen_ai.tool.message": Role.TOOL,
    "gen_ai.assistant.message": None,
    "gen_ai.choice": None,
}
"""Logs of single turns, and the role of their texts; None for the model's."""
_KNOWN: Final = frozenset((_ACTIVITY, *(f"{_PREFIX}{name}" for name in _TURNS)))
_TURN_NAMES: Final = {name: Constant(name) for name in _TURNS}
_NAMES: Final = {
    "logmetadata": "logMetadata",
    "useriamprincipal": "userIamPrincipal",
    "servicetextreply": "serviceTextReply",
    "userquery": "userQuery",
    "serviceattributiontoken": "serviceAttributionToken",
    "methodname": "methodName",
    "servicelabel": "serviceLabel",
    "servicename": "serviceName",
    "agentsspec": "agentsSpec",
    "agentspecs": "agentSpecs",
    "agentid": "agentId",
    "userinfo": "userInfo",
    "useragent": "userAgent",
    "userid": "userId",
    "userpromptdata": "userPromptData",
    "modelresponsedata": "modelResponseData",
    "agentinfo": "agentInfo",
    "assisttoken": "assistToken",
    "attributiontoken": "attributionToken",
    "groundedcontent": "groundedContent",
    "textgroundingmetadata": "textGroundingMetadata",
    "documentmetadata": "documentMetadata",
    "displayname": "displayName",
}
"""Keys as a sink to BigQuery writes them, and as Cloud Logging does."""
_ELIDED: Final = "<elided>"
_ATTACHES: Final = frozenset(("AddContextFile", "UploadSessionFile"))
_TELEMETRY: Final = frozenset(("WriteUserEvent", "CollectUserEvent"))
_MODERATION: Final = "ModelArmorAudit"
_SESSION: Final = re.compile(r"/sessions/([^/\s]{1,128})")
_MAX_SOURCES: Final = 100
_IGNORED_PAYLOAD_KEYS: Final = ignored_keys("@type serviceAttributionToken")
_IGNORED_METADATA_KEYS: Final = ignored_keys("serviceLabel serviceName timestamp")
_IGNORED_RESPONSE_KEYS: Final = ignored_keys("assistToken attributionToken")


def _is_entry(fields: Fields) -> bool:
    name, payload = log_id(fields), payload_of(fields)
    if name == _ACTIVITY or not name:
        return any(type(payload.get(key)) is dict for key in _ACTIVITY_KEYS) and not _PRINCIPALS.isdisjoint(payload)
    return name.removeprefix(_PREFIX) in _TURNS and name.startswith(_PREFIX) and "content" in payload


_ACTIVITY_KEYS: Final = ("logMetadata", "logmetadata", "request", "response")
_PRINCIPALS: Final = frozenset(("logMetadata", "logmetadata", "userIamPrincipal", "useriamprincipal"))


def _kind(method: str) -> Kind:
    """The kind of a method's calls. Without a method there may be a prompt all the same."""
    if not method or method in MODEL_USE or method in _ATTACHES or method == _MODERATION:
        return Kind.AI_ACCESS
    return Kind.OTHER if method in _TELEMETRY else Kind.AI_CONTROL_PLANE


def _drop_elided(holder: Fields, *keys: str) -> None:
    """Drop what stands for a text that the administrator does not want logged."""
    for key in keys:
        if holder.get(key) == _ELIDED:
            drop_known(holder, key)


def _add_prompt(holder: Fields, key: str, exchange: Exchange) -> None:
    """Add a text, or an object with a text or parts, as a turn of the user."""
    _drop_elided(holder, key)
    inner = holder.get(key)
    if type(inner) is not dict:
        add_prompt_content(holder, key, Role.USER, exchange)
        return
    _drop_elided(inner, "text", "parts")
    for part in dicts(inner.get("parts")):
        _drop_elided(part, "text")
    add_prompt_content(inner, "text", Role.USER, exchange)
    add_prompt_content(inner, "parts", Role.USER, exchange)


def _read_request(request: Fields, event: AuditEvent, exchange: Exchange) -> None:
    rename_keys(request, _NAMES)
    for key in ("query", "userPromptData"):
        _add_prompt(request, key, exchange)
    spec = rename_keys(request.get("agentsSpec"), _NAMES)
    for agent in dicts(spec.get("agentSpecs"))[:1]:
        event.agent = Agent(id=pop_identifier(rename_keys(agent, _NAMES), "agentId"))
    user = rename_keys(request.get("userInfo"), _NAMES)
    event.user_agent = pop_text(user, "userAgent")
    if event.user_id is None:
        event.user_id = pop_identifier(user, "userId")
    read_parts(request.get("name"), event)
    if event.cloud is not None:
        event.cloud.resource = pop_same_text(request, _sealed(event.cloud.resource), "name")


def _sealed(name: Text | None) -> SensitiveText | None:
    return name if isinstance(name, SensitiveText) else None


def _read_response(response: Fields, event: AuditEvent, exchange: Exchange) -> None:
    rename_keys(response, _NAMES)
    sources: list[Text] = []
    for reply in dicts(peek(response, "answer", "replies")):
        content = rename_keys(rename_keys(reply, _NAMES).get("groundedContent"), _NAMES)
        _read_reply(content, exchange)
        grounding = rename_keys(content.get("textGroundingMetadata"), _NAMES)
        for reference in dicts(grounding.get("references")):
            document = rename_keys(rename_keys(reference, _NAMES).get("documentMetadata"), _NAMES)
            found = pop_identifier(document, "document") or pop_identifier(document, "uri")
            sources += [found] if found is not None else []
    for result in dicts(response.get("results"))[:_MAX_SOURCES]:
        sources += _document_of(result)
    event.data_sources = sources[:_MAX_SOURCES] or None
    _read_agent(rename_keys(response.get("agentInfo"), _NAMES), event)
    answer = peek(response, "answer", "name")
    session = _SESSION.search(answer) if type(answer) is str else None
    event.conversation_id = event.conversation_id or (as_identifier(session[1]) if session else None)
    if type(answer) is str and as_identifier(answer) is not None:
        drop(response, ("answer", "name"), why=Why.DUPLICATE)
    _read_state(response, event)
    drop_keys(response, _IGNORED_RESPONSE_KEYS)


def _document_of(result: Fields) -> list[SensitiveText]:
    """The document that a search found: its name in full, which ends with the result's id, or else the id."""
    number = result.get("id")
    name = pop_identifier(result, "document", "name")
    if name is None:
        name = pop_identifier(result, "id")
    elif type(number) is str and name.reveal().endswith(f"/{number}"):
        drop_known(result, "id", Why.DUPLICATE)
    return [] if name is None else [name]


def _read_agent(info: Fields, event: AuditEvent) -> None:
    """Read the agent that answered. Its name in full ends with the id that the request had."""
    name, full = pop_text(info, "displayName"), info.get("agent")
    if not info and name is None:
        return
    agent = event.agent = event.agent or Agent()
    agent.name = name
    known = _sealed(agent.id)
    if known is None:
        agent.id = pop_identifier(info, "agent")
    elif type(full) is str and full.endswith(f"/agents/{known.reveal()}"):
        drop_known(info, "agent", Why.DUPLICATE)


def _read_reply(content: Fields, exchange: Exchange) -> None:
    """Read a piece of the answer, unless the answer as a whole has it."""
    _drop_elided(content, "text", "content")
    turn, known = Turn(), "\n".join(texts_of(exchange.response))
    for key in ("text", "content"):
        piece = content.get(key)
        if type(piece) is str and piece.strip() in known:
            drop_known(content, key, Why.TEXT_READ)
        else:
            turn.add_content(content, key)
    add_completion_turn(turn, exchange)


def _read_state(response: Fields, event: AuditEvent) -> None:
    """Read how the answer ended; a skipped one names its reasons."""
    state = pop_identifier(response, "answer", "state")
    if state is not None:
        event.finish_reasons = [state]
        event.outcome_status = _STATES.get(state.reveal(), event.outcome_status)
    reasons = peek(response, "answer", "skippedReasons")
    if type(reasons) is list and len(reasons) == 1 and type(reasons[0]) is str:
        event.error_code = as_identifier(reasons[0])
        if event.error_code is not None:
            drop(response, ("answer", "skippedReasons"), why=Why.DUPLICATE)
        if reasons[0] == "CUSTOMER_POLICY_VIOLATION":
            event.outcome_status = Outcome.CONTENT_FILTERED


_STATES: Final = {"FAILED": Outcome.FAILURE, "SKIPPED": Outcome.FAILURE, "SUCCEEDED": Outcome.SUCCESS}


def _read_activity(payload: Fields, event: AuditEvent) -> None:
    rename_keys(payload, _NAMES)
    metadata = rename_keys(open_json(payload, "logMetadata"), _NAMES)
    method = metadata.get("methodName")
    method = method.rpartition(".")[2] if type(method) is str else ""
    event.kind = _kind(method)
    event.api_operation = pop_identifier(metadata, "methodName")
    event.operation = Operation.MODERATION if method == _MODERATION else MODEL_USE.get(method)
    event.stream = True if method.startswith("Stream") else None
    event.user_id = pop_identifier(payload, "userIamPrincipal")
    resource = metadata.get("name")
    if event.cloud is not None:
        event.cloud.resource = pop_identifier(metadata, "name")
    read_parts(resource, event)
    drop_keys(metadata, _IGNORED_METADATA_KEYS)
    if event.kind is Kind.AI_ACCESS:
        exchange = Exchange(attachments=1 if method in _ATTACHES else None)
        _read_texts(payload, event, exchange)
        exchange.apply(event)
    elif event.kind is Kind.AI_CONTROL_PLANE:
        read_change(method, payload, event)
    event.user_type = _user_type(event)
    drop_keys(payload, _IGNORED_PAYLOAD_KEYS)


def _read_texts(payload: Fields, event: AuditEvent, exchange: Exchange) -> None:
    turn = Turn()
    _drop_elided(payload, "userQuery", "serviceTextReply")
    turn.add_content(payload, "serviceTextReply")
    add_completion_turn(turn, exchange)
    request, response = open_body(payload, "request"), open_body(payload, "response")
    if type(request) is dict and UNREAD_KEY not in request:
        _read_request(request, event, exchange)
    else:
        add_unread_prompt(request, exchange, 0)
    if not exchange.prompt:
        add_prompt_content(payload, "userQuery", Role.USER, exchange)
    if type(response) is dict and UNREAD_KEY not in response:
        _read_response(response, event, exchange)
    else:
        add_unread_completion(response, exchange, len(exchange.response))
    drop_repeated(payload, texts_of(exchange.prompt), "userQuery")


def _user_type(event: AuditEvent) -> UserType | None:
    if event.user_id is None or isinstance(event.user_id, str):
        return None
    return UserType.SERVICE if event.user_id.reveal().endswith("gserviceaccount.com") else UserType.USER


def _read_turn(name: str, payload: Fields, event: AuditEvent) -> None:
    """Read a single turn: a text, or Gemini's object with parts."""
    event.kind, event.operation, event.api_operation = Kind.AI_ACCESS, Operation.CHAT, _TURN_NAMES[name]
    exchange, turn, role = Exchange(), Turn(), _TURNS[name]
    content: Any = payload.get("content")
    holder, key = (content, "parts") if type(content) is dict else (payload, "content")
    if type(content) is dict and content.get("role") == "model":
        role = None
    if type(content) is dict and content.get("role") in ("user", "model", "function", "system"):
        drop_known(content, "role", Why.DUPLICATE)
    _drop_elided(holder, key)
    turn.add_content(holder, key)
    if role is None:
        add_completion_turn(turn, exchange)
    else:
        exchange.add_prompt(role, turn.text_parts + turn.result_parts)
    reason = pop_identifier(payload, "finish_reason")
    if reason is not None:
        exchange.finish_reasons.append(reason)
    drop(payload, "index", "role")
    exchange.apply(event)


def parse(fields: Fields) -> AuditEvent:
    """Read one record."""
    name, payload = log_id(fields).removeprefix(_PREFIX), payload_of(fields)
    event = AuditEvent(provider=DISCOVERY_ENGINE)
    read_entry(fields, event, known=_KNOWN)
    if name in _TURNS:
        _read_turn(name, payload, event)
        for label in ("event.name", "gen_ai.system", "event_name", "gen_ai_system"):
            drop(fields, ("labels", label))
    else:
        _read_activity(payload, event)
    return event


SOURCE: Final = Source(
    name="gcp_gemini_enterprise",
    summary="Gemini Enterprise (Agentspace): usage audit logs of assistant, agents and search, in Cloud Logging.",
    stability=Stability.BETA,
    never_carries="The address, the model, tokens; texts, unless an administrator turns them on.",
    references=("https://docs.cloud.google.com/gemini/enterprise/docs/set-up-usage-audit-logs",),
    markers={"jsonPayload": _is_entry},
    parse=parse,
)
