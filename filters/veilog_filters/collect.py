"""The collect stage: every text of an event that detection has to read, before it reads any.

Messages, names, what tools are called with, what no parser consumed: they are all put into one ``Texts``, so that one
scan serves the event. What the policy does not keep is not read, but for messages, which have labels too.

What stands beside events goes the same way: see ``beside``.
"""

from __future__ import annotations

import dataclasses
import operator
from typing import Final

from veilog_filters.config import Policy
from veilog_filters.names import Named, Names
from veilog_filters.texts import Inspected, InspectedObject, TextLimits, Texts
from veilog_parsers.event import AuditEvent, Cloud, Handling, SensitiveText, SensitiveTree, ToolCall
from veilog_parsers.registry import OTHER

_NAME_FIELDS: Final = tuple(
    (field.name, field.metadata["handling"])
    for field in dataclasses.fields(AuditEvent)
    if field.metadata["handling"] in (Handling.IDENTITY, Handling.IDENTIFIER)
)
_IDENTITY_FIELDS: Final = tuple(name for name, handling in _NAME_FIELDS if handling is Handling.IDENTITY)
_names_of: Final = operator.attrgetter(*(name for name, _ in _NAME_FIELDS))
_identity_of: Final = operator.attrgetter(*_IDENTITY_FIELDS)
_CLOUD_FIELDS: Final = tuple((field.name, f"cloud.{field.name}") for field in dataclasses.fields(Cloud))
_LIST_FIELD: Final = "finish_reasons"


@dataclasses.dataclass(slots=True)
class Collected:
    """The texts of one event.

    Attributes:
        texts: all of them, as detection reads them.
        prompt: texts by message and part.
        response: likewise.
        names: fields and what leaves in them, or what is needed to tell it.
        cloud: likewise, of the event's ``cloud``.
        tool_names: likewise, by tool call; None where a call has no name.
        tool_arguments: by tool call; None where they are not kept.
        unmapped: the tree that is kept; None if none is.
    """

    texts: Texts
    prompt: list[list[Inspected]]
    response: list[list[Inspected]]
    names: list[tuple[str, Named | list[Named]]] = dataclasses.field(default_factory=list)
    cloud: list[tuple[str, Named]] = dataclasses.field(default_factory=list)
    tool_names: list[Named | None] = dataclasses.field(default_factory=list)
    tool_arguments: list[Inspected | None] = dataclasses.field(default_factory=list)
    unmapped: InspectedObject | None = None


class Collector:
    """Collects the texts of events.

    Args:
        policy: what is kept.
        limits: what is read of a text.
        names: says which names have to be read.
    """

    def __init__(self, policy: Policy, limits: TextLimits, names: Names) -> None:
        self._limits = limits
        self._names = names
        self._keep_content = policy.content == "redacted"
        self._keep_unmapped = policy.unmapped == "redact"

    def __call__(self, event: AuditEvent, tenant: str) -> Collected:
        """The texts of an event.

        Raises:
            RecordError: it is nested too deeply, or has no time left.
        """
        texts = Texts(self._limits)
        collected = Collected(
            texts, texts.messages(event.prompt_messages, "prompt"), texts.messages(event.response_messages, "response")
        )
        self._collect_names(event, collected, tenant)
        if isinstance(event.unmapped, SensitiveTree) and (self._keep_unmapped or event.source == OTHER):
            # Of unrecognized records, policy lets only those come here whose text it keeps.
            collected.unmapped = texts.tree(event.unmapped.reveal(), "unmapped")
        return collected

    def _collect_names(self, event: AuditEvent, collected: Collected, tenant: str) -> None:
        names, texts = self._names, collected.texts
        callers = names.callers(zip(_IDENTITY_FIELDS, _identity_of(event), strict=True), tenant)
        for (field, handling), value in zip(_NAME_FIELDS, _names_of(event), strict=True):
            if value is None:
                continue
            read: Named | list[Named]
            if field == _LIST_FIELD:
                read = names.read_each(texts, value, field, handling, tenant, callers)
            else:
                read = names.read(texts, value, field, handling, tenant, callers)
            collected.names.append((field, read))
        if event.cloud is not None:
            for name, field in _CLOUD_FIELDS:
                value = getattr(event.cloud, name)
                if value is not None:
                    read = names.read(texts, value, field, Handling.IDENTIFIER, tenant, callers)
                    collected.cloud.append((name, read))
        if event.tool_calls:
            given = [call.name for call in event.tool_calls if call.name is not None]
            of_tools = iter(names.read_each(texts, given, "tool_calls.name", Handling.IDENTIFIER, tenant, callers))
            collected.tool_names = [None if call.name is None else next(of_tools) for call in event.tool_calls]
            collected.tool_arguments = [self._arguments(call, texts) for call in event.tool_calls]

    def _arguments(self, call: ToolCall, texts: Texts) -> Inspected | None:
        if self._keep_content and isinstance(call.arguments, SensitiveText):
            return texts.text(call.arguments.reveal(), "tool_calls")
        return None


def parts_of(messages: list[list[Inspected]]) -> list[Inspected]:
    """All parts of the messages of one side of an exchange."""
    return [part for parts in messages for part in parts]


def readings_of(messages: list[list[Inspected]]) -> list[str]:
    """The texts of one side, their other forms too: what words can be sought in."""
    texts: list[str] = []
    for parts in messages:
        for part in parts:
            texts.append(part.text)
            if part.forms:
                texts += part.forms
    return texts
