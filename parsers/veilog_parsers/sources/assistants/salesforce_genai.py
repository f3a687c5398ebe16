"""Salesforce's generative AI audit: rows of Einstein's and Agentforce's data model objects in Data Cloud.

The audit is spread over objects that share ids. Each row is one event here, and ``request_id`` and ``trace_id`` join
them: a request (``GenAIGatewayRequest``: who, prompt, model, tokens), its response (ids only), a generation
(``GenAIGeneration``: the response's text), the quality of its content (``GenAIContentQuality``: whether it is toxic)
with a score for each category (``GenAIContentCategory``), and feedback of users (``GenAIFeedback``). A row does not
name its object: its ids tell. All are ``ai_access``.

``request_id`` is the id of the row itself, which for a request is the gateway's; ``trace_id`` is the id of what the row
is about. The masked text is read where the text itself is missing. Scores say nothing without a threshold, and stay
unmapped. ``NOT_SET`` stands for no user. Flags are texts. What a user wrote as feedback is the user's text.

Read from a described org (public notes of 2026-04-29) and Salesforce's help as of 2026-11-26: names of fields differ
between both; those of orgs are read.
"""

from __future__ import annotations

from typing import Any, Final

from veilog_parsers.bodies.exchange import Exchange
from veilog_parsers.bodies.turns import Turn, add_completion_turn, add_prompt_content
from veilog_parsers.event import (
    Agent,
    AuditEvent,
    Constant,
    Guardrail,
    GuardrailAction,
    GuardrailPolicy,
    Kind,
    Operation,
    Outcome,
    Role,
    UserType,
)
from veilog_parsers.record.fields import (
    drop,
    drop_keys,
    drop_known,
    ignored_keys,
    paths,
    pop_count,
    pop_first,
    pop_identifier,
    withhold,
)
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import pop_time
from veilog_parsers.source import Source, Stability

_PROVIDER: Final = Constant("salesforce.einstein")
_NOBODY: Final = "NOT_SET"
_OWN_IDS: Final = paths(
    "gatewayRequestId__c feedbackId__c feedbackDetailId__c id__c generationId__c generationResponseId__c"
)
_FOREIGN_IDS: Final = paths("generationRequestId__c generationResponseId__c generationId__c parent__c")
_TEXTS: Final = ("feedbackText__c", "appFeedback__c")

_IGNORED_KEYS: Final = ignored_keys(
    """
    Id action__c appType__c attributes:plain cloud__c contentType__c detectorType__c enableInputSafetyScoring__c
    enableOutputSafetyScoring__c enablePiiMasking__c feedback__c frequencyPenalty__c:number generationGroupId__c
    generationUpdateId__c numGenerations__c:number parameters__c:plain presencePenalty__c:number
    promptTemplateVersionNo__c responseParameters__c:plain source__c stopSequences__c temperature__c:number
    """
)


def _is_request(fields: Fields) -> bool:
    return "prompt__c" in fields or "model__c" in fields or "promptTokens__c" in fields


def _is_generation(fields: Fields) -> bool:
    return not fields.keys().isdisjoint(("responseText__c", "feedback__c", "feedbackId__c", "generationResponseId__c"))


def _is_response(fields: Fields) -> bool:
    return "generationRequestId__c" in fields and "timestamp__c" in fields


def _is_quality(fields: Fields) -> bool:
    return "parent__c" in fields and not fields.keys().isdisjoint(
        ("isToxicityDetected__c", "detectorType__c", "feedbackDetailId__c")
    )


def _read_texts(fields: Fields, event: AuditEvent) -> None:
    exchange, turn = Exchange(), Turn()
    for key, masked in (("prompt__c", "maskedPrompt__c"), ("responseText__c", "maskedResponseText__c")):
        if fields.get(key):
            withhold(fields, masked)
    for key in ("prompt__c", "maskedPrompt__c", *_TEXTS):
        add_prompt_content(fields, key, Role.USER, exchange)
    for key in ("responseText__c", "maskedResponseText__c"):
        turn.add_content(fields, key)
    add_completion_turn(turn, exchange)
    exchange.apply(event)


def _read_quality(fields: Fields, event: AuditEvent) -> None:
    flag: Any = fields.get("isToxicityDetected__c")
    if flag in ("true", "True", True):
        event.guardrail = Guardrail(action=GuardrailAction.FLAGGED, policies=[GuardrailPolicy.CONTENT])
    elif flag in ("false", "False", False):
        event.guardrail = Guardrail(action=GuardrailAction.NONE)
    if event.guardrail is not None:
        del fields["isToxicityDetected__c"]


def parse(fields: Fields) -> AuditEvent:
    """Read one row."""
    event = AuditEvent(
        kind=Kind.AI_ACCESS,
        provider=_PROVIDER,
        timestamp=pop_time(fields, "timestamp__c"),
        tenant_id=pop_identifier(fields, "orgId__c"),
        conversation_id=pop_identifier(fields, "sessionId__c"),
        request_id=pop_first(pop_identifier, fields, _OWN_IDS),
        api_operation=pop_identifier(fields, "feature__c"),
        endpoint=pop_identifier(fields, "promptTemplateDevName__c"),
        model_name=pop_identifier(fields, "model__c"),
        input_tokens=pop_count(fields, "promptTokens__c"),
        output_tokens=pop_count(fields, "completionTokens__c"),
        token_count=pop_count(fields, "totalTokens__c"),
    )
    if event.model_name is not None or fields.get("prompt__c") or fields.get("responseText__c"):
        event.operation = Operation.CHAT
    event.trace_id = pop_first(pop_identifier, fields, _FOREIGN_IDS)
    event.provider = pop_identifier(fields, "provider__c") or _PROVIDER
    if fields.get("userId__c") == _NOBODY:
        drop_known(fields, "userId__c")
    event.user_id = pop_identifier(fields, "userId__c")
    event.user_type = UserType.USER if event.user_id is not None else None
    agent = pop_first(pop_identifier, fields, paths("plannerId__c botVersionId__c"))
    event.agent = Agent(id=agent) if agent is not None else None
    _read_texts(fields, event)
    _read_quality(fields, event)
    event.outcome_status = event.outcome_status or Outcome.SUCCESS
    drop(fields, "botVersionId__c")
    drop_keys(fields, _IGNORED_KEYS)
    return event


SOURCE: Final = Source(
    name="salesforce_genai",
    summary="Salesforce's generative AI audit: Einstein's and Agentforce's requests, generations, quality, feedback.",
    stability=Stability.BETA,
    never_carries="Addresses, failed requests. Prompts and responses are in rows of their own.",
    references=(
        "https://help.salesforce.com/s/articleView?id=sf.generative_ai_feedback_dmos.htm",
        "https://developer.salesforce.com/docs/data/data-cloud-dmo-mapping/guide/c360dm-genai-gateway-request-dmo.html",
    ),
    markers={
        "gatewayRequestId__c": _is_request,
        **dict.fromkeys(("generationId__c", "generationResponseId__c"), _is_generation),
        "generationRequestId__c": _is_response,
        **dict.fromkeys(("isToxicityDetected__c", "category__c", "feedbackDetailId__c"), _is_quality),
    },
    parse=parse,
)
