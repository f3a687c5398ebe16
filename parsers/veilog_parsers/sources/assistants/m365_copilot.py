"""Microsoft 365's audit log: the use of Copilot and other AI apps, and their administration.

An interaction has the user, the app and thread, the model, the agent, and the documents that Copilot opened for its
response with their sensitivity labels. Prompts and responses are never there, only ids and flags of messages.
Interactions are ``ai_access``. All other records of the Copilot workload (settings, plugins, prompt books) are
``ai_control_plane``, and so are those about applications that export interactions or are notified of them.

The same record comes in five forms: as it is (Office 365 Management Activity API); as JSON in ``AuditData`` (exports,
see ``record.envelopes``); in ``auditData`` of a record of Microsoft Graph, whose names begin with small letters, and
whose inner names may too; in ``RawEventData`` of a row of Defender XDR's table ``CloudAppEvents``. The row tells the
country and the user agent besides. Where both forms have a fact, the inner record is read. The fifth is a row of
Sentinel's table ``CopilotActivity``, which has other names and Copilot's data in ``LLMEventData``.

Flags of attempted jailbreaks (``JailbreakDetected``, of a message) and of instructions hidden in documents
(``XPIADetected``, of an accessed resource) become ``upstream_threats``. A resource with ``PolicyDetails`` was withheld
from Copilot by a policy for data loss prevention.

Pitfalls: ``CreationTime`` is UTC without a zone; ``ClientIP`` may be an IPv4 address mapped to IPv6, with or without
its colons (``::ffff:10.0.0.1``, ``ffff:10.0.0.1``); ``UserKey`` is the object id, or the user's name again; some
exports have numbers as strings, and Copilot's data as fields of the record. Names and URLs of documents stay unmapped
where a document has an id.

Read from the references below as of 2026-11-26.
"""

from __future__ import annotations

from typing import Any, Final

from veilog_parsers.event import (
    Agent,
    AuditEvent,
    Change,
    Constant,
    Guardrail,
    GuardrailAction,
    GuardrailPolicy,
    Kind,
    Network,
    Operation,
    Outcome,
    Text,
    ThreatReporter,
    ToolCall,
    UpstreamThreat,
    UpstreamThreatType,
    UserType,
)
from veilog_parsers.record.dropped import Why, prefer
from veilog_parsers.record.fields import (
    Droppable,
    dicts,
    drop,
    drop_keys,
    ignored_keys,
    keyset,
    open_json,
    paths,
    pop_first,
    pop_identifier,
    pop_int,
    pop_text,
    pop_word,
)
from veilog_parsers.record.network import pop_address
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import pop_time
from veilog_parsers.source import Source, Stability

_PROVIDER: Final = Constant("microsoft.copilot")
_INTERACTIONS: Final = frozenset(("AIAppInteraction", "ConnectedAIAppInteraction", "CopilotInteraction"))
_USER_TYPES: Final = (
    UserType.USER,
    UserType.USER,
    UserType.USER,
    UserType.USER,
    UserType.SERVICE,
    UserType.SERVICE,
    UserType.SERVICE,
)
"""By number: regular, reserved, administrator, data center; system, application, service principal."""
_USER_TYPE_NAMES: Final = {
    **dict.fromkeys(("admin", "dcadmin", "guest", "partnertechnician", "regular", "reserved"), UserType.USER),
    **dict.fromkeys(("application", "custompolicy", "serviceprincipal", "system", "systempolicy"), UserType.SERVICE),
}
"""The same by name, as Microsoft Graph and the Defender table spell them, in lower case."""
_RESULTS: Final = {
    "failed": Outcome.FAILURE,
    "false": Outcome.FAILURE,
    "partiallysucceeded": Outcome.SUCCESS,
    "succeeded": Outcome.SUCCESS,
    "success": Outcome.SUCCESS,
    "true": Outcome.SUCCESS,
}
_MAPPED: Final = ("::ffff:", "ffff:")
_SWITCHES: Final = {"enabled": True, "true": True, "on": True, "disabled": False, "false": False, "off": False}

_ODATA_TYPES: Final = tuple(
    f"#microsoft.graph.security.{name}"
    for name in ("auditData", "auditLogRecord", "copilotInteractionAuditRecord", "aiAppInteractionAuditRecord")
)
_IGNORED_TYPES: Final = {"@odata.type": Droppable(lambda value: value in _ODATA_TYPES, Why.NOISE)}
_IGNORED_KEYS: Final = _IGNORED_TYPES | ignored_keys("CopilotLogVersion RecordType Type Version Workload")
_IGNORED_RESOURCE_KEYS: Final = ignored_keys("Action Status Type ListItemUniqueId XPIADetected:flag")
_IGNORED_MESSAGE_KEYS: Final = ignored_keys("Id ID isPrompt:flag IsPrompt:flag Size JailbreakDetected:flag")
_IGNORED_OUTER_KEYS: Final = _IGNORED_TYPES | ignored_keys(
    """
    AccountType ActivityType AppInstanceId Application ApplicationId AuditSource
    DeviceType IPCategory IsAdminOperation:flag IsAnonymousProxy:flag IsExternalUser:flag IsImpersonated:flag
    OSPlatform SourceSystem TenantId Type _IsBillable administrativeUnits:list auditLogRecordType service
    """
)
"""Columns of a Defender row, and of a Graph record, that the record inside repeats or that say nothing of the use."""

_RECORDS: Final = ("auditData", "RawEventData")
"""Where the two outer forms have the record."""
_SPELLINGS: Final = {
    name[0].lower() + name[1:]: name
    for name in keyset(
        """
        AISystemPlugin AccessedResources AgentId AgentName AgentVersion AppHost AppIdentity ClientIP ClientRegion
        Contexts CopilotEventData CopilotLogVersion CreationTime Id MessageIds Messages ModelTransparencyDetails
        ModifiedProperties Operation OrganizationId RecordType ResultStatus ThreadId UserId UserKey UserType Version
        Workload Action ID JailbreakDetected ListItemUniqueId ModelName ModelVersion Name NewValue PolicyDetails
        SensitivityLabelId SiteUrl Size Status Type XPIADetected
        """
    )
} | {"xpiaDetected": "XPIADetected", "clientIp": "ClientIP", "aiSystemPlugin": "AISystemPlugin"}
"""Names of an audit record by Microsoft Graph's spelling of them."""
_COLUMNS: Final = {
    "AIModelName": "ModelName",
    "AIModelVersion": "ModelVersion",
    "ActorName": "UserId",
    "ActorUserId": "UserKey",
    "ActorUserType": "UserType",
    "LLMEventData": "CopilotEventData",
    "LogVersion": "CopilotLogVersion",
    "RecordId": "Id",
    "RecordType": "Operation",
    "SrcIpAddr": "ClientIP",
    "TimeGenerated": "CreationTime",
}
"""Names of an audit record by the columns of Sentinel's table."""
_NESTED: Final = (
    "CopilotEventData",
    "AccessedResources",
    "AISystemPlugin",
    "Messages",
    "ModelTransparencyDetails",
    "ModifiedProperties",
)


_LISTENERS: Final = frozenset(
    (
        "AIEnterpriseInteractionsExported",
        "AIInteractionCreatedNotification",
        "AIInteractionDeletedNotification",
        "AIInteractionUpdatedNotification",
        "SubscribedToAIInteractions",
    )
)
"""Operations about applications that read interactions, in any workload."""
_COPILOT_OPERATIONS: Final = tuple(_INTERACTIONS | _LISTENERS)


def _is_copilot_operation(fields: Fields) -> bool:
    operation = fields["Operation"]
    # An export has the operation beside the record in ``AuditData`` too.
    return "UserId" in fields and "AuditData" not in fields and operation in _COPILOT_OPERATIONS


def _is_copilot_event(fields: Fields) -> bool:
    return type(fields.get("Operation")) is str and "UserId" in fields


def _is_copilot_workload(fields: Fields) -> bool:
    return fields.get("Workload") == "Copilot" and _is_copilot_event(fields)


def _is_graph_record(fields: Fields) -> bool:
    return type(fields.get("auditData")) in (dict, str) and (
        fields.get("service") == "Copilot" or fields.get("operation") in _COPILOT_OPERATIONS
    )


def _is_defender_row(fields: Fields) -> bool:
    raw = fields["RawEventData"]
    if type(raw) is str:
        is_copilot = '"CopilotEventData"' in raw
    else:
        is_copilot = type(raw) is dict and ("CopilotEventData" in raw or raw.get("Workload") == "Copilot")
    return "ActionType" in fields and (is_copilot or fields["ActionType"] in _COPILOT_OPERATIONS)


def _is_sentinel_row(fields: Fields) -> bool:
    return "RecordType" in fields and "ActorUserId" in fields


def _rename(fields: Fields, names: dict[str, str]) -> None:
    """Give the fields of a record the names that the Management Activity API has for them."""
    for key in [key for key in fields if key in names and names[key] not in fields]:
        fields[names[key]] = fields.pop(key)


def _open_record(fields: Fields) -> Fields:
    """The audit record: the fields themselves, or the object in them that is one."""
    for key in _RECORDS:
        inner = open_json(fields, key)
        if type(inner) is dict:
            _rename(inner, _SPELLINGS)
            data = open_json(inner, "CopilotEventData")
            for holder in (inner, data):
                for name in _NESTED if type(holder) is dict else ():
                    nested = holder.get(name)
                    for item in dicts(nested if type(nested) is list else [nested]):
                        _rename(item, _SPELLINGS)
            return inner
    if "LLMEventData" in fields and "Operation" not in fields:
        _rename(fields, _COLUMNS)
    return fields


def _read_who(record: Fields, event: AuditEvent) -> None:
    event.tenant_id = pop_identifier(record, "OrganizationId")
    event.user_name = pop_identifier(record, "UserId")
    event.user_id = pop_identifier(record, "UserKey") or event.user_name
    _read_user_type(record, "UserType", event)
    address = record.get("ClientIP")
    if type(address) is str and "." in address:
        for prefix in _MAPPED:
            if address.lower().startswith(prefix):
                record["ClientIP"] = address[len(prefix) :]
                break
    event.client_ip = pop_address(record, "ClientIP")


def _read_user_type(fields: Fields, key: str, event: AuditEvent) -> None:
    name: Any = fields.get(key)
    if type(name) is str and name.lower() in _USER_TYPE_NAMES:
        del fields[key]
        event.user_type = _USER_TYPE_NAMES[name.lower()]
        return
    number = pop_int(fields, key)
    if number is not None and 0 <= number < len(_USER_TYPES):
        event.user_type = _USER_TYPES[number]
    elif number is not None:
        fields[key] = number


def _known_or(known: Text | None, fields: Fields, names: str) -> Text | None:
    """What the record inside tells, or else the first of some fields around it. The others repeat it, and go."""
    known = known or pop_first(pop_identifier, fields, paths(names))
    drop(fields, *paths(names))
    return known


def _read_around(fields: Fields, event: AuditEvent) -> None:
    """Read what a Graph record or a Defender row has beside the audit record, where that does not tell it."""
    event.timestamp = event.timestamp or pop_time(fields, "createdDateTime") or pop_time(fields, "Timestamp")
    event.request_id = _known_or(event.request_id, fields, "id ReportId")
    event.tenant_id = _known_or(event.tenant_id, fields, "organizationId")
    event.user_name = _known_or(event.user_name, fields, "userPrincipalName AccountDisplayName")
    event.user_id = _known_or(event.user_id, fields, "userId AccountObjectId AccountId") or event.user_name
    if event.user_type is None:
        _read_user_type(fields, "userType", event)
    for key in ("clientIp", "IPAddress"):
        event.client_ip = prefer(event.client_ip, pop_address(fields, key), key)
    event.user_agent = pop_text(fields, "UserAgent")
    country = pop_identifier(fields, "CountryCode")
    event.network = Network(country=country) if country else None
    event.api_operation = _known_or(event.api_operation, fields, "operation ActionType")
    drop(fields, "createdDateTime", "Timestamp", "TimeGenerated", "userType")
    drop_keys(fields, _IGNORED_OUTER_KEYS)


def _read_copilot(record: Fields, data: Fields, event: AuditEvent) -> None:
    event.conversation_id = pop_identifier(data, "ThreadId")
    event.endpoint = pop_text(data, "AppHost") or pop_text(record, "AppHost")
    for details in (*dicts(data.get("ModelTransparencyDetails")), record):
        event.model_name = event.model_name or pop_identifier(details, "ModelName")
        event.model_version = event.model_version or pop_identifier(details, "ModelVersion")
    plugins = []
    for plugin in dicts(data.get("AISystemPlugin")):
        name = pop_identifier(plugin, "Id") or pop_identifier(plugin, "ID") or pop_identifier(plugin, "Name")
        if name:
            plugins.append(ToolCall(name=name))
            drop(plugin, "Name")
    event.tool_calls = plugins or None
    threats = []
    for message in dicts(data.get("Messages")):
        if message.get("JailbreakDetected") in (True, "true", "True"):
            threats.append(UpstreamThreatType.JAILBREAK)
        drop_keys(message, _IGNORED_MESSAGE_KEYS)
    threats += _read_resources(data, event)
    event.upstream_threats = [
        UpstreamThreat(reporter=ThreatReporter.M365_COPILOT, type=threat) for threat in dict.fromkeys(threats)
    ] or None
    drop(data, "MessageIds")


def _read_resources(data: Fields, event: AuditEvent) -> list[UpstreamThreatType]:
    """Read the documents that Copilot opened or was denied; the threats that Microsoft found in them."""
    threats, sources, labels = [], [], []
    for resource in dicts(data.get("AccessedResources")):
        if resource.get("XPIADetected") in (True, "true", "True"):
            threats.append(UpstreamThreatType.INDIRECT_INJECTION)
        sources.append(pop_first(pop_identifier, resource, paths("ID Id SiteUrl Name")))
        labels.append(pop_identifier(resource, "SensitivityLabelId"))
        if resource.get("PolicyDetails"):
            event.guardrail = Guardrail(action=GuardrailAction.BLOCKED, policies=[GuardrailPolicy.SENSITIVE_INFO])
        drop_keys(resource, _IGNORED_RESOURCE_KEYS)
    event.data_sources = list(filter(None, sources)) or None
    event.sensitivity_labels = list(filter(None, labels)) or None
    return threats


def _read_agent(record: Fields, data: Fields, event: AuditEvent) -> None:
    """Read the agent, which some records have in Copilot's data and others beside it."""
    found = [
        pop_identifier(record, key) or pop_identifier(data, key) for key in ("AgentId", "AgentName", "AgentVersion")
    ]
    if any(found):
        event.agent = Agent(id=found[0], name=found[1], version=found[2])


def _read_change(record: Fields, event: AuditEvent) -> None:
    """Read the setting that an administrator changed."""
    for changed in dicts(record.get("ModifiedProperties")):
        setting = pop_identifier(changed, "Name")
        if setting is None:
            continue
        event.change = event.change or Change(setting=setting)
        switch = changed.get("NewValue")
        if event.change.enabled is None and type(switch) is str and switch.lower() in _SWITCHES:
            event.change.enabled = _SWITCHES[switch.lower()]
            del changed["NewValue"]
            drop(changed, "OldValue")
        elif event.change.setting is not setting:
            changed["Name"] = setting.reveal()
        return


def parse(fields: Fields) -> AuditEvent:
    """Read one record."""
    record = _open_record(fields)
    operation = record.get("Operation") or fields.get("operation") or fields.get("ActionType")
    used = type(operation) is str and operation in _INTERACTIONS
    event = AuditEvent(
        kind=Kind.AI_ACCESS if used else Kind.AI_CONTROL_PLANE,
        timestamp=pop_time(record, "CreationTime"),
        provider=_PROVIDER,
        api_operation=pop_identifier(record, "Operation"),
        request_id=pop_identifier(record, "Id"),
    )
    _read_who(record, event)
    inner = open_json(record, "CopilotEventData")
    data = inner if type(inner) is dict else record
    _read_copilot(record, data, event)
    _read_agent(record, data, event)
    event.conversation_id = event.conversation_id or pop_identifier(record, "Message", "ThreadId")
    drop(record, ("Message", "Id"), ("Message", "SizeInBytes"))
    if used:
        event.operation = Operation.INVOKE_AGENT if event.agent else Operation.CHAT
    else:
        _read_change(record, event)
    result = pop_word(record, "ResultStatus")
    event.outcome_status = Outcome.SUCCESS if result is None else _RESULTS.get(result.lower())
    drop_keys(record, _IGNORED_KEYS)
    if record is not fields:
        _read_around(fields, event)
    return event


SOURCE: Final = Source(
    name="m365_copilot",
    summary="Microsoft 365's audit log, also by Graph, Defender XDR and Sentinel: Copilot and AI apps.",
    stability=Stability.BETA,
    never_carries="Prompts, answers and tokens.",
    references=(
        "https://learn.microsoft.com/en-us/office/office-365-management-api/copilot-schema",
        "https://learn.microsoft.com/en-us/purview/audit-copilot",
        "https://learn.microsoft.com/en-us/graph/api/resources/security-auditlogrecord",
        "https://learn.microsoft.com/en-us/defender-xdr/advanced-hunting-cloudappevents-table",
        "https://learn.microsoft.com/en-us/azure/azure-monitor/reference/tables/copilotactivity",
    ),
    markers={
        "CopilotEventData": _is_copilot_event,
        "Operation": _is_copilot_operation,
        "Workload": _is_copilot_workload,
        "auditData": _is_graph_record,
        "RawEventData": _is_defender_row,
        "LLMEventData": _is_sentinel_row,
    },
    parse=parse,
)
