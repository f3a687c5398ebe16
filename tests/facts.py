"""Events with a value in every field that a parser can fill."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable
from enum import Enum
from typing import Any

import jsonschema

from samples import config_with
from veilog_filters.detect.api import PerText
from veilog_filters.encode import native
from veilog_filters.pipeline import Pipeline
from veilog_parsers.event import KUBERNETES_LABELS, AuditEvent, Kind, Outcome, SensitiveText
from veilog_parsers.record.raw import RawRecord
from veilog_parsers.source import Source, Stability, always

LATER = {"user_department", "model_department", "source", "timestamp"}
"""Fields of parsers' groups that later stages fill."""


def filled(kind: type[Any], text: str, groups: tuple[str, ...] = ()) -> Any:
    """An object of the schema with a value in every field that a parser can fill."""
    hints = typing.get_type_hints(kind)
    values = {}
    for field in dataclasses.fields(kind):
        if groups and (field.metadata.get("group") not in groups or field.name in LATER):
            continue
        values[field.name] = value_of(hints[field.name], text)
    return kind(**values)


def value_of(hint: Any, text: str) -> Any:
    options = [option for option in typing.get_args(hint) if option is not type(None)] or [hint]
    if SensitiveText in options:
        return SensitiveText(text)
    option = options[0]
    if typing.get_origin(option) is list:
        return [value_of(typing.get_args(option)[0], text)]
    if typing.get_origin(option) is dict:
        return {KUBERNETES_LABELS[0]: SensitiveText(text)}
    if dataclasses.is_dataclass(option):
        return filled(typing.cast("type[Any]", option), text)
    if issubclass(option, Enum):
        return next(iter(option))
    return option(1)


def event_from(make: Callable[[], AuditEvent], **sections: Any) -> dict[str, Any]:
    """What leaves for an event that a parser makes."""

    def parse(fields: dict[str, Any]) -> AuditEvent:
        fields.clear()
        return make()

    source = Source(
        name="test",
        summary="",
        stability=Stability.BETA,
        never_carries="",
        references=(),
        markers={"test": always},
        parse=parse,
    )
    pipeline = Pipeline(config_with(**sections), detector=PerText(lambda _text: []))
    pipeline.registry = type(pipeline.registry)((source,))
    (event,) = pipeline(RawRecord({"test": 1}, b'{"test": 1}'))
    jsonschema.validate(event, native.json_schema())
    return event


def full(text: str) -> AuditEvent:
    event: AuditEvent = filled(AuditEvent, text, ("who", "what", "cost and outcome"))
    event.kind, event.outcome_status, event.http_status = Kind.AI_ACCESS, Outcome.SUCCESS, 200
    return event
