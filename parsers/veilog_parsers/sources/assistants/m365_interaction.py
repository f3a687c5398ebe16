"""Microsoft Graph's history of Copilot interactions: each prompt and each response is a record with its text.

``getAllEnterpriseInteractions`` returns pages of ``aiInteraction``. A prompt and its response are two records with the
same ``requestId``; ``interactionType`` tells which a record is. A prompt is from a user, a response from an
application: the agent. Texts are plain or HTML. Attachments are files, or cards whose text is JSON in ``content``.

``contexts`` and ``links`` are the documents that the user was in, and those that a response names: their addresses are
``data_sources``. Their titles, and people who are mentioned, stay unmapped. There are no tokens, models or addresses,
and no flags of threats: those are in the audit log (``m365_copilot``), whose ``ThreadId`` is ``sessionId`` here.

Read from the references below as of 2026-11-26.
"""

from __future__ import annotations

from typing import Final

from veilog_parsers.bodies.exchange import Exchange
from veilog_parsers.bodies.turns import Turn, add_completion_turn
from veilog_parsers.event import Agent, AuditEvent, Constant, Kind, Operation, Outcome, Role, SensitiveText, UserType
from veilog_parsers.record.dropped import Why
from veilog_parsers.record.fields import Droppable, dicts, drop, drop_keys, ignored_keys, peek, pop_identifier, pop_text
from veilog_parsers.record.network import pop_endpoint
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import pop_time
from veilog_parsers.source import Source, Stability

_PROVIDER: Final = Constant("microsoft.copilot")
_TYPES: Final = ("userPrompt", "aiResponse")

_APP_CLASS: Final = "IPM.SkypeTeams.Message.Copilot."
_ODATA_TYPES: Final = tuple(
    f"#microsoft.graph.{name}"
    for name in (
        *("aiInteraction", "chatMessageFromIdentitySet", "identitySet"),
        *("teamworkApplicationIdentity", "teamworkUserIdentity"),
    )
)
_IGNORED_TYPES: Final = {"@odata.type": Droppable(lambda value: value in _ODATA_TYPES, Why.NOISE)}
_IGNORED_KEYS: Final = _IGNORED_TYPES | ignored_keys("conversationType etag id locale")
_IGNORED_IDENTITY_KEYS: Final = _IGNORED_TYPES | ignored_keys("applicationIdentityType userIdentityType")
_IGNORED_ATTACHMENT_KEYS: Final = ignored_keys("attachmentId contentType")
_ADDRESSES: Final = (("contexts", "contextReference"), ("links", "linkUrl"), ("attachments", "contentUrl"))
_IGNORED_REFERENCE_KEYS: Final = ignored_keys("contextType linkType")


def _is_interaction(fields: Fields) -> bool:
    return fields["interactionType"] in _TYPES and "body" in fields


def _read_who(fields: Fields, event: AuditEvent) -> None:
    event.user_id = pop_identifier(fields, "from", "user", "id")
    event.user_name = pop_text(fields, "from", "user", "displayName")
    event.tenant_id = pop_identifier(fields, "from", "user", "tenantId")
    event.user_type = UserType.USER if event.user_id is not None else None
    agent = Agent(
        id=pop_identifier(fields, "from", "application", "id"),
        name=pop_text(fields, "from", "application", "displayName"),
    )
    event.agent = agent if agent.id or agent.name else None
    for holder in dicts([peek(fields, "from"), peek(fields, "from", "user"), peek(fields, "from", "application")]):
        drop_keys(holder, _IGNORED_IDENTITY_KEYS)


def _read_texts(fields: Fields, event: AuditEvent, *, by_user: bool) -> None:
    turn, exchange = Turn(), Exchange()
    body = fields.get("body")
    if type(body) is dict:
        turn.add_content(body, "content")
        drop(body, "contentType")
    else:
        turn.add_content(fields, "body")
    attachments = dicts(fields.get("attachments"))
    for attachment in attachments:
        turn.add_content(attachment, "content")
        turn.add_content(attachment, "name")
        drop_keys(attachment, _IGNORED_ATTACHMENT_KEYS)
    if by_user:
        event.attachments = len(attachments) or None
        exchange.add_prompt(Role.USER, turn.text_parts + turn.result_parts)
    else:
        add_completion_turn(turn, exchange)
    exchange.apply(event)


def _read_sources(fields: Fields, event: AuditEvent) -> None:
    sources = []
    for key, address in _ADDRESSES:
        for reference in dicts(fields.get(key)):
            sources.append(pop_endpoint(reference, address))
            drop_keys(reference, _IGNORED_REFERENCE_KEYS)
    event.data_sources = [SensitiveText(source) for source in dict.fromkeys(sources) if source] or None


def _pop_app(fields: Fields) -> SensitiveText | None:
    """Pop the app, as the audit log names it: the last part of ``appClass``."""
    app = pop_identifier(fields, "appClass")
    return None if app is None else SensitiveText(app.reveal().removeprefix(_APP_CLASS))


def parse(fields: Fields) -> AuditEvent:
    """Read one record."""
    by_user = fields.get("interactionType") == "userPrompt"
    event = AuditEvent(
        kind=Kind.AI_ACCESS,
        timestamp=pop_time(fields, "createdDateTime"),
        provider=_PROVIDER,
        operation=Operation.CHAT,
        api_operation=pop_identifier(fields, "interactionType"),
        endpoint=_pop_app(fields),
        request_id=pop_identifier(fields, "requestId") or pop_identifier(fields, "id"),
        conversation_id=pop_identifier(fields, "sessionId"),
        outcome_status=None if by_user else Outcome.SUCCESS,
    )
    _read_who(fields, event)
    _read_texts(fields, event, by_user=by_user)
    _read_sources(fields, event)
    drop_keys(fields, _IGNORED_KEYS)
    return event


SOURCE: Final = Source(
    name="m365_interaction",
    summary="Microsoft Graph's history of Copilot interactions, with the texts of prompts and responses.",
    stability=Stability.BETA,
    never_carries="Models, tokens, addresses, failed requests.",
    references=(
        "https://learn.microsoft.com/en-us/graph/api/resources/aiinteraction",
        "https://learn.microsoft.com/en-us/microsoft-365-copilot/extensibility/api-reference/"
        "aiinteractionhistory-getallenterpriseinteractions",
    ),
    markers={"interactionType": _is_interaction},
    parse=parse,
)
