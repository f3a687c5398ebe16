"""Microsoft 365's audit log: the use of Copilot and other AI apps, and their administration.

An interaction has the user, the app and thread, the model, and the documents that Copilot opened for its response.
Prompts and responses are never there, only ids and flags of messages. Interactions are ``ai_access``. All other records
of the Copilot workload (settings, plugins, prompt books) are ``ai_control_plane``, and so are those about applications
that export interactions or are notified of them.

Pitfalls: ``CreationTime`` is UTC without a zone; ``ClientIP`` may be an IPv4 address mapped to IPv6, with or without
its colons (``::ffff:10.0.0.1``, ``ffff:10.0.0.1``); ``UserKey`` is the object id, or the user's name again; some
exports have numbers as strings, and Copilot's data as fields of the record. Exports have the record as JSON in
``AuditData`` (see ``record.envelopes``). Names of documents, sensitivity labels, and flags of attempted jailbreaks and
injections stay unmapped, since the schema has no fields for them.
"""

from __future__ import annotations

from typing import Final

from veilog_parsers.event import AuditEvent, Constant, Kind, Operation, Outcome, ToolCall, UserType
from veilog_parsers.record.fields import (
    dicts,
    drop,
    drop_keys,
    drop_known,
    ignored_keys,
    open_json,
    peek,
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
_RESULTS: Final = {
    "failed": Outcome.FAILURE,
    "false": Outcome.FAILURE,
    "partiallysucceeded": Outcome.SUCCESS,
    "succeeded": Outcome.SUCCESS,
    "success": Outcome.SUCCESS,
    "true": Outcome.SUCCESS,
}
_MAPPED: Final = ("::ffff:", "ffff:")

_IGNORED_KEYS: Final = ignored_keys("CopilotLogVersion RecordType Version Workload")


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


def _read_who(fields: Fields, event: AuditEvent) -> None:
    event.tenant_id = pop_identifier(fields, "OrganizationId")
    event.user_name = pop_identifier(fields, "UserId")
    event.user_id = pop_identifier(fields, "UserKey") or event.user_name
    number = pop_int(fields, "UserType")
    if number is not None and 0 <= number < len(_USER_TYPES):
        event.user_type = _USER_TYPES[number]
    elif number is not None:
        fields["UserType"] = number
    address = fields.get("ClientIP")
    if type(address) is str and "." in address:
        for prefix in _MAPPED:
            if address.lower().startswith(prefix):
                fields["ClientIP"] = address[len(prefix) :]
                break
    event.client_ip = pop_address(fields, "ClientIP")


def _read_copilot(data: Fields, event: AuditEvent) -> None:
    event.conversation_id = pop_identifier(data, "ThreadId")
    event.endpoint = pop_text(data, "AppHost")
    for details in dicts(data.get("ModelTransparencyDetails")):
        event.model_name = event.model_name or pop_identifier(details, "ModelName")
        event.model_version = event.model_version or pop_identifier(details, "ModelVersion")
    plugins = []
    for plugin in dicts(data.get("AISystemPlugin")):
        name = pop_identifier(plugin, "Id") or pop_identifier(plugin, "ID") or pop_identifier(plugin, "Name")
        if name:
            plugins.append(ToolCall(name=name))
            drop(plugin, "Name")
    event.tool_calls = plugins or None
    for message in dicts(data.get("Messages")):
        drop(message, "Id", "ID", "isPrompt", "Size")
        for flag in ("JailbreakDetected", "XPIADetected"):
            if message.get(flag) is False:
                drop_known(message, flag)
    drop(data, "MessageIds")


def parse(fields: Fields) -> AuditEvent:
    """Read one record."""
    operation = fields.get("Operation")
    used = type(operation) is str and operation in _INTERACTIONS
    event = AuditEvent(
        kind=Kind.AI_ACCESS if used else Kind.AI_CONTROL_PLANE,
        timestamp=pop_time(fields, "CreationTime"),
        provider=_PROVIDER,
        api_operation=pop_identifier(fields, "Operation"),
        request_id=pop_identifier(fields, "Id"),
    )
    _read_who(fields, event)
    data = open_json(fields, "CopilotEventData")
    _read_copilot(data if type(data) is dict else fields, event)
    event.conversation_id = event.conversation_id or pop_identifier(fields, "Message", "ThreadId")
    drop(fields, ("Message", "Id"), ("Message", "SizeInBytes"))
    if used:
        agent = peek(fields, "AgentId") or peek(data, "AgentId")
        event.operation = Operation.INVOKE_AGENT if agent else Operation.CHAT
    result = pop_word(fields, "ResultStatus")
    event.outcome_status = Outcome.SUCCESS if result is None else _RESULTS.get(result.lower())
    drop_keys(fields, _IGNORED_KEYS)
    return event


SOURCE: Final = Source(
    name="m365_copilot",
    summary="Microsoft 365's audit log: interactions with Copilot and AI apps, and their administration.",
    stability=Stability.BETA,
    never_carries="Prompts, answers and tokens.",
    references=(
        "https://learn.microsoft.com/en-us/office/office-365-management-api/copilot-schema",
        "https://learn.microsoft.com/en-us/purview/audit-copilot",
    ),
    markers={
        "CopilotEventData": _is_copilot_event,
        "Operation": _is_copilot_operation,
        "Workload": _is_copilot_workload,
    },
    parse=parse,
)
