"""The collect stage: every text of an event that detection has to read, before it reads any.

Messages, names, what tools are called with, what no parser consumed: they are all put into one ``Texts``, so that one
scan serves the event. What the policy does not keep is not read, but for messages, which have labels too.

What stands beside events goes the same way: see ``beside``.
"""

from __future__ import annotations

import dataclasses
import operator
import typing
from collections.abc import Iterator
from typing import Any, Final

from veilog_filters.config import Policy
from veilog_filters.names import Named, Names
from veilog_filters.texts import Inspected, InspectedObject, TextLimits, Texts
from veilog_parsers.event import AuditEvent, Handling, SensitiveText, SensitiveTree, ToolCall
from veilog_parsers.registry import OTHER

_HANDLED: Final = (Handling.IDENTITY, Handling.IDENTIFIER)
_HANDLING: Final = {
    field.name: field.metadata["handling"]
    for field in dataclasses.fields(AuditEvent)
    if field.metadata["handling"] in _HANDLED
}
_IDENTITY_FIELDS: Final = tuple(name for name, handling in _HANDLING.items() if handling is Handling.IDENTITY)
_identity_of: Final = operator.attrgetter(*_IDENTITY_FIELDS)


def _objects() -> Iterator[tuple[str, list[tuple[str, str, Handling]]]]:
    """The objects inside an event that have names: field, and of each name its part, its grammar, its handling."""
    for name, hint in typing.get_type_hints(AuditEvent).items():
        for option in typing.get_args(hint):
            if dataclasses.is_dataclass(option):
                parts = [
                    (part.name, f"{name}.{part.name}", part.metadata["handling"])
                    for part in dataclasses.fields(option)
                    if part.metadata.get("handling") in _HANDLED
                ]
                if parts:
                    yield name, parts


_OBJECTS: Final = dict(_objects())

Read = Named | list[Named] | dict[Any, Named]
"""A name, a list of names, or names by constants, as they were read."""


@dataclasses.dataclass(slots=True)
class Collected:
    """The texts of one event.

    Attributes:
        texts: all of them, as detection reads them.
        prompt: texts by message and part.
        response: likewise.
        names: what holds a name (the event or an object in it), its field there, and what leaves in it or what is
            needed to tell it.
        tool_names: likewise, by tool call; None where a call has no name.
        tool_arguments: by tool call; None where they are not kept.
        unmapped: the tree that is kept; None if none is.
    """

    texts: Texts
    prompt: list[list[Inspected]]
    response: list[list[Inspected]]
    names: list[tuple[Any, str, Read]] = dataclasses.field(default_factory=list)
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

        def read_several(value: Any, field: str, handling: Handling) -> Read:
            if type(value) is list:
                return names.read_each(texts, value, field, handling, tenant, callers)
            if type(value) is dict:
                each = names.read_each(texts, list(value.values()), field, handling, tenant, callers)
                return dict(zip(value, each, strict=True))
            return names.read(texts, value, field, handling, tenant, callers)

        for holder, part, value, field, handling in _names_in(event):
            read: Read
            if type(value) is SensitiveText:
                # Nearly all names are: no call more for them.
                read = names.read(texts, value, field, handling, tenant, callers)
            else:
                read = read_several(value, field, handling)
            collected.names.append((holder, part, read))
        if event.tool_calls:
            given = [call.name for call in event.tool_calls if call.name is not None]
            of_tools = iter(names.read_each(texts, given, "tool_calls.name", Handling.IDENTIFIER, tenant, callers))
            collected.tool_names = [None if call.name is None else next(of_tools) for call in event.tool_calls]
            collected.tool_arguments = [self._arguments(call, texts) for call in event.tool_calls]

    def _arguments(self, call: ToolCall, texts: Texts) -> Inspected | None:
        if self._keep_content and isinstance(call.arguments, SensitiveText):
            return texts.text(call.arguments.reveal(), "tool_calls")
        return None


def _names_in(event: AuditEvent) -> list[tuple[Any, str, Any, str, Handling]]:
    """Of each name of an event: what holds it, its field there, the name, and its grammar and handling."""
    values = vars(event)
    names = [
        (event, field, value, field, handling)
        for field, handling in _HANDLING.items()
        if (value := values[field]) is not None
    ]
    for field, parts in _OBJECTS.items():
        if (holder := values[field]) is not None:
            names += [
                (holder, part, value, grammar, handling)
                for part, grammar, handling in parts
                if (value := getattr(holder, part)) is not None
            ]
    return names


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
