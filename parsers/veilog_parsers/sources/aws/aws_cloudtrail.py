"""AWS CloudTrail: who called which AI service, and how the call ended.

CloudTrail logs every AWS service. Calls that use a model, an agent, a gateway or an index are ``ai_access``, all other
calls of AI services ``ai_control_plane``, and calls of other services ``other``: of these only the caller and the
operation are read, and the rest stays unmapped.

The caller's access key leaves as its keyed hash. Calls with a bearer token (an API key of Bedrock) say so in
``additionalEventData`` or, from ``bedrock-mantle``, in the request's parameters. A call of the control plane tells what
it changed: which resource, which setting and whether it is on afterwards, which role it gave.

Runtime calls of Bedrock have the source ``bedrock.amazonaws.com``, whatever host was called, and no bodies. Only events
of agents, Q Business and AgentCore gateways (JSON-RPC of the Model Context Protocol) have texts, unless AWS hid them.
"""

from __future__ import annotations

import ipaddress
from typing import Any, Final

from veilog_parsers.bodies import bedrock
from veilog_parsers.bodies.exchange import Exchange
from veilog_parsers.bodies.turns import Turn, add_completion_turn, add_prompt_content
from veilog_parsers.bodies.verdicts import Verdict, read_bedrock_assessments
from veilog_parsers.event import (
    AuditEvent,
    Change,
    Cloud,
    Constant,
    Credential,
    CredentialType,
    GuardrailAction,
    Kind,
    Operation,
    Outcome,
    Role,
    SensitiveText,
    ThreatReporter,
    UserType,
)
from veilog_parsers.record.dropped import Why, note_dropped, prefer
from veilog_parsers.record.fields import (
    Path,
    as_identifier,
    drop,
    drop_keys,
    drop_known,
    ignored_keys,
    open_json,
    peek,
    pop_count,
    pop_identifier,
    pop_str,
    pop_text,
    pop_word,
)
from veilog_parsers.record.outcomes import outcome_of_status
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import pop_time
from veilog_parsers.source import Source, Stability
from veilog_parsers.sources.aws.common import (
    AWS,
    BEDROCK,
    LEX,
    Q_BUSINESS,
    Q_DEVELOPER,
    SAGEMAKER,
    parent_without_placeholder,
    pop_error_code,
    pop_model,
    read_principal,
    read_request,
    read_response,
)

_HOST: Final = ".amazonaws.com"
_KENDRA: Final = Constant("aws.kendra")
_PROVIDERS: Final = {
    "bedrock": BEDROCK,
    "bedrock-agent": BEDROCK,
    "bedrock-agent-runtime": BEDROCK,
    "bedrock-agentcore": BEDROCK,
    "bedrock-agentcore-control": BEDROCK,
    "bedrock-data-automation": BEDROCK,
    "bedrock-data-automation-runtime": BEDROCK,
    "bedrock-mantle": BEDROCK,
    "bedrock-runtime": BEDROCK,
    "codewhisperer": Q_DEVELOPER,
    "kendra": _KENDRA,
    "kendra-ranking": _KENDRA,
    "lex": LEX,
    "lexv2": LEX,
    "models-v2-lex": LEX,
    "models.lex": LEX,
    "q": Q_DEVELOPER,
    "qapps": Q_BUSINESS,
    "qbusiness": Q_BUSINESS,
    "runtime-v2-lex": LEX,
    "runtime.lex": LEX,
    "runtime.sagemaker": SAGEMAKER,
    "sagemaker": SAGEMAKER,
    "sagemaker-runtime": SAGEMAKER,
}
"""The AI services, by the part of ``eventSource`` before ``.amazonaws.com``."""

_MODEL_USE: Final[dict[str, Operation | None]] = {
    "ApplyGuardrail": Operation.MODERATION,
    "Chat": Operation.CHAT,
    "ChatSync": Operation.CHAT,
    "Converse": Operation.CHAT,
    "ConverseStream": Operation.CHAT,
    "CountTokens": None,
    "CreateInference": None,
    "GenerateAssistantResponse": Operation.CHAT,
    "GenerateCodeFromCommands": Operation.TEXT_COMPLETION,
    "GenerateCompletions": Operation.TEXT_COMPLETION,
    "GenerateQuery": Operation.TEXT_COMPLETION,
    "GenerateRecommendations": Operation.TEXT_COMPLETION,
    "GenerateTaskAssistPlan": Operation.INVOKE_AGENT,
    "GetQuerySuggestions": Operation.RETRIEVAL,
    "InvokeAgent": Operation.INVOKE_AGENT,
    "InvokeAgentRuntime": Operation.INVOKE_AGENT,
    "InvokeCodeInterpreter": Operation.EXECUTE_TOOL,
    "InvokeDataAutomation": None,
    "InvokeDataAutomationAsync": None,
    "InvokeEndpoint": None,
    "InvokeEndpointAsync": None,
    "InvokeEndpointWithBidirectionalStream": None,
    "InvokeEndpointWithResponseStream": None,
    "InvokeFlow": Operation.INVOKE_AGENT,
    "InvokeGateway": None,
    "InvokeInlineAgent": Operation.INVOKE_AGENT,
    "InvokeMcp": None,
    "InvokeModel": None,
    "InvokeModelWithBidirectionalStream": None,
    "InvokeModelWithResponseStream": None,
    "OptimizePrompt": Operation.TEXT_COMPLETION,
    "PassRequest": Operation.EXECUTE_TOOL,
    "PostContent": Operation.CHAT,
    "PostText": Operation.CHAT,
    "PredictQApp": Operation.CHAT,
    "Query": Operation.RETRIEVAL,
    "RecognizeText": Operation.CHAT,
    "RecognizeUtterance": Operation.CHAT,
    "Rerank": Operation.RETRIEVAL,
    "Rescore": Operation.RETRIEVAL,
    "Retrieve": Operation.RETRIEVAL,
    "RetrieveAndGenerate": Operation.CHAT,
    "RetrieveAndGenerateStream": Operation.CHAT,
    "RetrieveMemoryRecords": Operation.RETRIEVAL,
    "SearchRelevantContent": Operation.RETRIEVAL,
    "SendMessage": Operation.CHAT,
    "StartAsyncInvoke": None,
    "StartCodeAnalysis": Operation.INVOKE_AGENT,
    "StartConversation": Operation.CHAT,
    "StartFlowExecution": Operation.INVOKE_AGENT,
    "StartQAppSession": Operation.INVOKE_AGENT,
    "StartTaskAssistCodeGeneration": Operation.INVOKE_AGENT,
    "StartTransformation": Operation.INVOKE_AGENT,
    "StartTroubleshootingAnalysis": Operation.INVOKE_AGENT,
    "StartTroubleshootingResolutionExplanation": Operation.INVOKE_AGENT,
    "UpdateQAppSession": Operation.INVOKE_AGENT,
    "UsePlugin": Operation.EXECUTE_TOOL,
}
"""Calls that use a model, and their operations; None if the name of the call does not tell."""

_CONTROL: Final = {
    "CreateAgent": Operation.CREATE_AGENT,
    "CreateAgentRuntime": Operation.CREATE_AGENT,
}

_INVOCATION_LOGGING: Final = Constant("model_invocation_logging")
_GUARDRAIL: Final = Constant("guardrail")
_SETTINGS: Final[dict[str, tuple[Constant, bool | None]]] = {
    "CreateFoundationModelAgreement": (Constant("model_access"), True),
    "CreateGuardrail": (_GUARDRAIL, True),
    "CreateModelInvocationJob": (Constant("batch_inference"), True),
    "CreateServiceSpecificCredential": (Constant("api_key"), True),
    "DeleteEnforcedGuardrailConfiguration": (_GUARDRAIL, False),
    "DeleteFoundationModelAgreement": (Constant("model_access"), False),
    "DeleteGuardrail": (_GUARDRAIL, False),
    "DeleteModelInvocationLoggingConfiguration": (_INVOCATION_LOGGING, False),
    "DeleteResourcePolicy": (Constant("resource_policy"), False),
    "PutEnforcedGuardrailConfiguration": (_GUARDRAIL, True),
    "PutFoundationModelEntitlement": (Constant("model_access"), True),
    "PutModelInvocationLoggingConfiguration": (_INVOCATION_LOGGING, True),
    "PutResourcePolicy": (Constant("resource_policy"), True),
    "PutUseCaseForModelAccess": (Constant("model_access"), None),
    "UpdateGuardrail": (_GUARDRAIL, None),
}
"""Calls that turn a setting on or off, and the setting as events call it; None if the call's name does not tell."""
_DELIVERIES: Final[Path] = ("textDataDeliveryEnabled", "imageDataDeliveryEnabled", "embeddingDataDeliveryEnabled")
"""What invocation logs may leave out: without texts they are of little use, so logging counts as off."""
_TARGET_PATHS: Final[tuple[Path, ...]] = (
    ("guardrailIdentifier",),
    ("guardrailId",),
    ("guardrailArn",),
    ("agentId",),
    ("agentRuntimeId",),
    ("agentRuntimeArn",),
    ("gatewayIdentifier",),
    ("knowledgeBaseId",),
    ("dataSourceId",),
    ("flowIdentifier",),
    ("promptIdentifier",),
    ("modelIdentifier",),
    ("modelArn",),
    ("modelId",),
    ("model",),
    ("resourceArn",),
    ("endpointName",),
    ("modelName",),
    ("notebookInstanceName",),
    ("domainId",),
    ("applicationId",),
    ("indexId",),
    ("botId",),
    ("appId",),
    ("jobArn",),
    ("jobName",),
    ("userName",),
)
_ROLE_PATHS: Final[tuple[Path, ...]] = (
    ("roleArn",),
    ("agentResourceRoleArn",),
    ("executionRoleArn",),
    ("serviceRoleArn",),
    ("webExperienceRoleArn",),
    ("loggingConfig", "cloudWatchConfig", "roleArn"),
)
"""Roles that a call gives to an AI resource."""
_USERS_OF_KEYS: Final = "BedrockAPIKey-"
"""Begins the names of the users that IAM makes for long-term API keys of Bedrock
(docs.aws.amazon.com/bedrock/latest/userguide/api-keys-how.html)."""
_BEARER_PATHS: Final = (
    ("additionalEventData", "callWithBearerToken"),
    ("requestParameters", "callWithBearerToken"),
)
_FEDERATED: Final = frozenset(("SAMLUser", "WebIdentityUser", "FederatedUser"))

_USER_TYPES: Final = {
    "AWSService": UserType.SERVICE,
    "AssumedRole": UserType.ROLE,
    "Directory": UserType.USER,
    "FederatedUser": UserType.USER,
    "IAMUser": UserType.USER,
    "IdentityCenterUser": UserType.USER,
    "Role": UserType.ROLE,
    "Root": UserType.USER,
    "SAMLUser": UserType.USER,
    "WebIdentityUser": UserType.USER,
}
_ANONYMOUS: Final = ("anonymous", "ANONYMOUS_PRINCIPAL")

_MODEL_PATHS: Final = (
    ("modelId",),
    ("modelIdentifier",),
    ("foundationModel",),
    ("model",),
    ("endpointName",),
    ("retrieveAndGenerateConfiguration", "knowledgeBaseConfiguration", "modelArn"),
)
_RESOURCE_KEYS: Final = (
    "agentRuntimeArn",
    "agentId",
    "applicationId",
    "flowIdentifier",
    "gatewayArn",
    "gatewayIdentifier",
    "guardrailIdentifier",
    "knowledgeBaseId",
)
_CONVERSATION_KEYS: Final = ("sessionId", "runtimeSessionId", "conversationId")
_PROMPT_PATHS: Final[tuple[tuple[Role, Path], ...]] = (
    (Role.SYSTEM, ("instruction",)),
    (Role.USER, ("inputText",)),
    (Role.USER, ("input", "text")),
    (Role.USER, ("retrievalQuery", "text")),
    (Role.USER, ("userMessage",)),
    (Role.USER, ("content",)),
    (Role.USER, ("queryText",)),
    (Role.USER, ("utterance",)),
    (Role.USER, ("text",)),
)
_COMPLETION_PATHS: Final[tuple[Path, ...]] = (
    ("completion",),
    ("output", "text"),
    ("outputs",),
    ("systemMessage",),
    ("result", "content", "text", "body"),
)
_BODY_KEYS: Final = ("body", "payload")
_END_USER_KEYS: Final = ("userId", "runtimeUserId")
"""The end user, as the caller names it. Nobody has verified it."""
_IGNORED_KEYS: Final = ignored_keys(
    """
    apiVersion eventCategory eventID eventType eventVersion managementEvent:flag readOnly:flag
    sessionCredentialFromConsole:flag sharedEventID
    """
)
_IGNORED_INNER_KEYS: Final = {
    "requestParameters": ignored_keys(
        """
    accept agentAliasId chatMode clientToken contentType enableTrace:flag endSession:flag parentMessageId
    """
    ),
    "responseElements": ignored_keys("contentType systemMessageId userMessageId"),
    "tlsDetails": ignored_keys("cipherSuite tlsVersion"),
    "userIdentity": ignored_keys("onBehalfOf:plain principalId"),
}
_IGNORED_SESSION_KEYS: Final = ignored_keys("attributes:plain ec2RoleDelivery sessionIssuer:plain")
"""Keys that only AI events lose. Of other services' events everything is kept."""


def _is_call(fields: Fields) -> bool:
    """Whether a record is CloudTrail's. S3's event notifications have the same keys, but ``aws:s3`` as their source."""
    source = fields.get("eventSource")
    if type(fields.get("eventName")) is not str:
        return False
    if source is None:
        return type(fields.get("userIdentity")) is dict
    return type(source) is str and _HOST in source


def _is_key_of_bedrock(fields: Fields) -> bool:
    """Whether a call of IAM makes an API key of Bedrock, or changes the user that IAM makes for each such key."""
    if fields.get("eventSource") != "iam.amazonaws.com":
        return False
    if fields.get("eventName") == "CreateServiceSpecificCredential":
        return bool(peek(fields, "requestParameters", "serviceName") == "bedrock.amazonaws.com")
    user = peek(fields, "requestParameters", "userName")
    return type(user) is str and user.startswith(_USERS_OF_KEYS)


def _kind(fields: Fields) -> Kind:
    source, name = fields.get("eventSource"), fields.get("eventName")
    if _is_key_of_bedrock(fields):
        return Kind.AI_CONTROL_PLANE
    if type(source) is not str or source.partition(_HOST)[0] not in _PROVIDERS:
        return Kind.OTHER
    return Kind.AI_ACCESS if type(name) is str and name in _MODEL_USE else Kind.AI_CONTROL_PLANE


def _read_who(fields: Fields, event: AuditEvent) -> None:
    """Read the caller. The tenant is the owner of the log; the caller's account stays in the record if it differs."""
    identity = fields.get("userIdentity")
    identity = identity if type(identity) is dict else {}
    if peek(identity, "accountId") == fields.get("recipientAccountId"):
        drop(identity, "accountId", why=Why.DUPLICATE)
    event.tenant_id = pop_identifier(fields, "recipientAccountId")
    if event.tenant_id is None and peek(identity, "accountId") not in _ANONYMOUS:
        event.tenant_id = pop_identifier(identity, "accountId")
    _read_identity(identity, event)
    _read_address(fields, event)
    event.user_agent = pop_text(fields, "userAgent")
    event.endpoint = pop_identifier(fields, "tlsDetails", "clientProvidedHostHeader")


def _read_identity(identity: Fields, event: AuditEvent) -> None:
    """Read any variant of ``userIdentity``. Each lacks some fields, so each field of the event has fallbacks."""
    kind, principal = pop_word(identity, "type"), peek(identity, "principalId")
    read_principal(identity.get("arn"), event)
    name = pop_identifier(identity, "userName")
    issuer = pop_identifier(identity, "sessionContext", "sessionIssuer", "userName")
    event.user_name = prefer(prefer(event.user_name, name), issuer)
    event.user_type = event.user_type or _USER_TYPES.get(kind or "")
    if kind is not None:
        note_dropped("type", kind, Why.DUPLICATE)
    if peek(identity, "accountId") in _ANONYMOUS or principal in _ANONYMOUS:
        drop(identity, "accountId")
        event.user_type = UserType.ANONYMOUS
    if event.session_id is None and kind == "AssumedRole" and type(principal) is str:
        event.session_id = as_identifier(principal.partition(":")[2])
    event.session_id = event.session_id or pop_identifier(identity, "credentialId")
    behalf = pop_identifier(identity, "onBehalfOf", "userId") or pop_identifier(
        identity, "sessionContext", "sourceIdentity"
    )
    if behalf is not None and type(identity.get("arn")) is str:
        # The role acts for a person: who signed in with IAM Identity Center, or whom the session's source names.
        event.user_name, event.user_type = behalf, UserType.USER
    _read_credential(identity, kind, event)
    event.user_id = (
        pop_identifier(identity, "arn")
        or behalf
        or pop_identifier(identity, "principalId")
        or pop_identifier(identity, "invokedBy")
    )


def _read_credential(identity: Fields, kind: str | None, event: AuditEvent) -> None:
    """Read which credential the caller had: its kind is in the first letters of an access key's id."""
    key = peek(identity, "accessKeyId")
    credential = Credential(id_hash=pop_identifier(identity, "accessKeyId"))
    if credential.id_hash is not None and type(key) is str:
        credential.type = _KEY_TYPES.get(key[:4])
    if kind in _FEDERATED or peek(identity, "sessionContext", "webIdFederationData", "federatedProvider"):
        credential.type = CredentialType.FEDERATED
    credential.mfa = _take_flag(identity, "sessionContext", "attributes", "mfaAuthenticated")
    if credential != Credential():
        event.credential = credential


def _read_additional(fields: Fields, event: AuditEvent) -> None:
    """Read what only some calls tell: a bearer token, a second factor at a console's sign-in, another region."""
    by_bearer = [_take_flag(fields, *path) for path in _BEARER_PATHS]
    mfa = _take_flag(fields, "additionalEventData", "MFAUsed")
    if mfa is not None or any(by_bearer):
        credential = event.credential = event.credential or Credential()
        credential.mfa = credential.mfa if mfa is None else mfa
        credential.type = CredentialType.BEARER if any(by_bearer) else credential.type
    event.inference_region = pop_identifier(fields, "additionalEventData", "inferenceRegion")


_KEY_TYPES: Final = {"AKIA": CredentialType.LONG_TERM_KEY, "ASIA": CredentialType.TEMPORARY}
"""Prefixes of access key ids (docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html)."""
_FLAGS: Final = {"true": True, "false": False, "Yes": True, "No": False}


def _take_flag(fields: Fields, *path: str) -> bool | None:
    """Take a flag, also one in a string; any other value stays. A field says it in the schema's words: a duplicate."""
    value = peek(fields, *path)
    flag = value if type(value) is bool else _FLAGS.get(value) if type(value) is str else None
    if flag is not None:
        drop(fields, path, why=Why.DUPLICATE)
    return flag


def _read_address(fields: Fields, event: AuditEvent) -> None:
    """Read the address. AWS services have a host name or ``AWS Internal`` in its place, which stays in the record."""
    address = fields.get("sourceIPAddress")
    if type(address) is not str:
        return
    try:
        ipaddress.ip_address(address)
    except ValueError:
        if address == "AWS Internal" or address.endswith(_HOST):
            event.user_type = event.user_type or UserType.SERVICE
    else:
        event.client_ip = pop_identifier(fields, "sourceIPAddress")


def _read_what(fields: Fields, event: AuditEvent) -> None:
    name = fields.get("eventName")
    event.api_operation = pop_identifier(fields, "eventName")
    event.request_id = pop_identifier(fields, "requestID")
    event.cloud = Cloud(provider=AWS, account_id=event.tenant_id, region=pop_identifier(fields, "awsRegion"))
    event.request_id = event.request_id or pop_identifier(fields, "eventID")
    if event.kind is not Kind.OTHER:
        service = pop_str(fields, "eventSource") or ""
        event.provider = _PROVIDERS.get(service.partition(_HOST)[0], BEDROCK)
        event.operation = _MODEL_USE.get(name) or _CONTROL.get(name) if type(name) is str else None
    elif event.endpoint is None:
        # Which service was called, where the record does not say which of its hosts.
        event.endpoint = pop_identifier(fields, "eventSource")


def _read_resource(fields: Fields, parameters: Fields, event: AuditEvent) -> None:
    """Read the model and its ARN or id; without a model, the id of an agent, a knowledge base or a guardrail."""
    cloud = event.cloud = event.cloud or Cloud()
    for path in _MODEL_PATHS:
        if event.model_name is None:
            model = peek(parameters, *path)
            event.model_name, cloud.resource = pop_model(parameters, *path)
            if type(model) is str and "embed" in model:
                event.operation = event.operation or Operation.EMBEDDINGS
    resources = fields.get("resources")
    if cloud.resource is None and type(resources) is list and resources and type(resources[0]) is dict:
        cloud.resource = pop_identifier(resources[0], "ARN")
        drop(resources[0], "accountId", "type")
    for key in _RESOURCE_KEYS:
        cloud.resource = cloud.resource or pop_identifier(parameters, key)


def _read_change(fields: Fields, name: object, parameters: Fields, event: AuditEvent) -> None:
    """Read what a call of the control plane changed. A call that only reads changes nothing."""
    setting, enabled = _SETTINGS.get(name, (None, None)) if type(name) is str else (None, None)
    if fields.get("readOnly") is True and setting is None:
        return
    if setting is _INVOCATION_LOGGING and enabled:
        delivered = [_take_flag(parameters, "loggingConfig", key) for key in _DELIVERIES]
        enabled = delivered[0] is not False
    elements = fields.get("responseElements")
    target = _first_identifier(parameters, _TARGET_PATHS)
    for created in [elements, *elements.values()] if type(elements) is dict else ():
        # What was made is the response, or an object in it: ``{"agent": {"agentId": ...}}``.
        if target is None and type(created) is dict:
            target = _first_identifier(created, _TARGET_PATHS)
    cloud = event.cloud or Cloud()
    model = event.model_name if setting is not None else None
    change = Change(target=target or model or cloud.resource, setting=setting, enabled=enabled)
    roles = [role for path in _ROLE_PATHS if (role := pop_identifier(parameters, *path)) is not None]
    change.roles = list(roles) or None
    if change != Change():
        event.change = change


def _first_identifier(fields: Fields, paths: tuple[Path, ...]) -> SensitiveText | None:
    return next((found for path in paths if (found := pop_identifier(fields, *path)) is not None), None)


def _read_texts(parameters: Fields, elements: Fields, exchange: Exchange) -> None:
    for role, path in _PROMPT_PATHS:
        add_prompt_content(parent_without_placeholder(parameters, path), path[-1], role, exchange)
    turn = Turn()
    for path in _COMPLETION_PATHS:
        turn.add_content(parent_without_placeholder(elements, path), path[-1])
    add_completion_turn(turn, exchange)
    if "assessments" in elements:
        # The assessments of a guardrail quote what it found.
        bedrock.withhold_quotes(elements["assessments"])
        verdict = exchange.verdict_of(ThreatReporter.AWS_BEDROCK)
        read_bedrock_assessments(elements["assessments"], verdict)
        _read_guardrail(parameters, elements, verdict)
    for key in _BODY_KEYS:
        read_request(parent_without_placeholder(parameters, (key,)), key, exchange)
        read_response(parent_without_placeholder(elements, (key,)), key, exchange)


def _read_guardrail(parameters: Fields, elements: Fields, verdict: Verdict) -> None:
    """Read the guardrail's version, and what it did as a whole. Its id is the resource that was called."""
    verdict.version = verdict.version or pop_identifier(parameters, "guardrailVersion")
    if elements.get("action") not in ("GUARDRAIL_INTERVENED", "NONE"):
        return
    intervened = elements["action"] != "NONE"
    drop_known(elements, "action", Why.DUPLICATE)
    if not intervened:
        verdict.act(GuardrailAction.NONE)
    elif verdict.action is not GuardrailAction.MASKED:
        verdict.act(GuardrailAction.BLOCKED)


def _read_use(fields: Fields, name: object, parameters: Fields, event: AuditEvent) -> None:
    """Read what only calls that use a model have: an end user, a conversation, texts, an HTTP status."""
    elements = open_json(fields, "responseElements")
    elements = elements if type(elements) is dict else {}
    _read_end_user(fields, parameters, event)
    for key in _CONVERSATION_KEYS:
        for holder in (parameters, elements):
            known = event.conversation_id
            # One that differs is no duplicate: it stays in the record.
            if known is None or (isinstance(known, SensitiveText) and peek(holder, key) == known.reveal()):
                event.conversation_id = prefer(known, pop_identifier(holder, key), key)
    event.knowledge_base_id = pop_identifier(parameters, "knowledgeBaseId") or pop_identifier(parameters, "indexId")
    if type(name) is str and name.endswith("Stream"):
        event.stream = True
    event.http_status = pop_count(elements, "statusCode")
    if event.error_code is None and event.http_status is not None:
        event.outcome_status = outcome_of_status(event.http_status)
    exchange = Exchange()
    _read_texts(parameters, elements, exchange)
    if exchange.verdict is not None and event.cloud is not None:
        exchange.verdict.id = exchange.verdict.id or event.cloud.resource
    exchange.apply(event)


def _read_end_user(fields: Fields, parameters: Fields, event: AuditEvent) -> None:
    """Read the end user. Callers of a gateway have no AWS identity, but a token whose claims the gateway verified."""
    if event.user_id is None:
        event.user_id = pop_identifier(fields, "additionalEventData", "jwt", "claims", "sub")
        event.user_type = event.user_type if event.user_id is None else None
    for key in _END_USER_KEYS:
        event.user_id = event.user_id or pop_identifier(parameters, key)


def _has_failed(fields: Fields, name: Any) -> bool:
    """Whether somebody failed to sign in. Such events say so in ``responseElements``, under their own name."""
    answer = peek(fields, "responseElements", name) if type(name) is str else None
    return answer == "Failure"


def parse(fields: Fields) -> AuditEvent:
    """Read one record."""
    name = fields.get("eventName")
    event = AuditEvent(kind=_kind(fields), timestamp=pop_time(fields, "eventTime"))
    _read_who(fields, event)
    _read_what(fields, event)
    _read_additional(fields, event)
    pop_error_code(fields, event)
    if event.outcome_status is Outcome.SUCCESS and _has_failed(fields, name):
        event.outcome_status = Outcome.DENIED
    if event.kind is Kind.OTHER:
        return event
    parameters = open_json(fields, "requestParameters")
    parameters = parameters if type(parameters) is dict else {}
    _read_resource(fields, parameters, event)
    if event.kind is Kind.AI_ACCESS:
        _read_use(fields, name, parameters, event)
    else:
        _read_change(fields, name, parameters, event)
    drop_keys(fields, _IGNORED_KEYS)
    for key, details in _IGNORED_INNER_KEYS.items():
        if type(fields.get(key)) is dict:
            drop_keys(fields[key], details)
    session = peek(fields, "userIdentity", "sessionContext")
    if type(session) is dict:
        drop_keys(session, _IGNORED_SESSION_KEYS)
    return event


SOURCE: Final = Source(
    name="aws_cloudtrail",
    summary="AWS CloudTrail: calls of Bedrock, AgentCore, SageMaker and Q Business, and of all other services.",
    stability=Stability.STABLE,
    never_carries="Prompts, answers and tokens of Bedrock's models: those are in its invocation log.",
    references=(
        "https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference.html",
        "https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-aws-console-sign-in-events.html",
        "https://docs.aws.amazon.com/bedrock/latest/userguide/logging-using-cloudtrail.html",
        "https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/gateway-cloudtrail.html",
    ),
    markers={"eventName": _is_call},
    parse=parse,
)
