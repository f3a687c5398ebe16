"""Sources of plugins behind the fence: what they say about a record is taken as content, never as our own words.

A parser of ours makes a ``Constant`` where it names a constant, and the gate lets it leave. Each string of a plugin is
sealed again as ``SensitiveText``, whatever it claims to be: so it must fit the grammar of its field, as any value of a
record must. The event is built anew from what was checked: a plugin that keeps the one it gave, and changes it later or
gives it twice, changes nothing of ours. The same goes for the record's fields.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any, Final

from veilog_filters.fence import BadResultError, Fence, Plugin
from veilog_parsers.errors import ErrorType
from veilog_parsers.event import KUBERNETES_LABELS, AuditEvent, Constant, Kind, SensitiveText, Text, Timestamp
from veilog_parsers.record.lines import LineTest
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import parse_time
from veilog_parsers.source import Source, Test

KIND: Final = "source"
MAX_NUMBER: Final = 2**53
"""Larger numbers are no counts, and JSON readers do not keep them apart."""
MAX_DEPTH: Final = 128
"""Deepest nesting of what a parser leaves of a record; ``limits.max_depth`` is for what is kept of it."""
SPARE_VALUES: Final = 1_000
"""How many values a parser may leave in a record beyond those that it was given: groups of a line, for example."""

_GROUPS: Final = ("who", "what", "cost and outcome", "working")
"""Groups of the schema's fields that a parser fills; all others are for later stages."""

_Taker = Callable[[Any], Any]
"""Gives a checked copy of a value, or raises ``BadResultError``."""


def fenced(source: Source, fence: Fence) -> Source:
    """A plugin's source with its tests and its parser behind the fence."""
    plugin = Plugin(KIND, source.name, ErrorType.PARSER_FAILED)

    def parse(fields: Fields) -> AuditEvent:
        values = _count(fields)
        given = _copied(fields, values)
        event, left = fence.call(
            plugin,
            lambda event: (_event(event), _copied(given, values + SPARE_VALUES)),
            source.parse,
            given,
        )
        fields.clear()
        fields.update(left)
        return event

    # Tests that are the same one stay so: the registry asks each once.
    tests = {test: _fenced_test(test, plugin, fence) for test in source.markers.values()}
    markers = {key: tests[test] for key, test in source.markers.items()}
    return dataclasses.replace(source, markers=markers, parse=parse)


def _fenced_test(test: Test, plugin: Plugin, fence: Fence) -> Test:
    if isinstance(test, LineTest):
        is_line = test.is_line
        return LineTest(lambda head: fence.call(plugin, _boolean, is_line, head), test.prints_json)

    def is_of_source(fields: Fields) -> bool:
        try:
            given = _copied(fields, _count(fields))
        except BadResultError:
            return False  # nested too deeply to be copied: the other sources are asked
        return fence.call(plugin, _boolean, test, given)

    return is_of_source


def _boolean(value: Any) -> bool:
    if type(value) is not bool:
        raise BadResultError
    return value


def valid_text(text: str) -> str:
    """A text with its lone surrogates replaced: no output can be written with them."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text


def _count(value: Any) -> int:
    """How many values a JSON value has, itself among them."""
    count, pending = 0, [value]
    while pending:
        item = pending.pop()
        count += 1
        if type(item) is dict:
            pending.extend(item.values())
        elif type(item) is list:
            pending.extend(item)
    return count


def _copied(value: Fields, most: int) -> Fields:
    """A copy of a JSON object.

    Args:
        value: what should be one.
        most: how many values it may have.
    """
    budget = [most]

    def copied(item: Any, depth: int) -> Any:
        budget[0] -= 1
        if budget[0] < 0 or depth > MAX_DEPTH:
            raise BadResultError
        kind = type(item)
        if kind is str:
            return valid_text(item)
        if kind is dict:
            return {_key(key): copied(inner, depth + 1) for key, inner in item.items()}
        if kind is list:
            return [copied(inner, depth + 1) for inner in item]
        if item is None or kind in (bool, int, float):
            return item
        raise BadResultError

    if type(value) is not dict:
        raise BadResultError
    fields: Fields = copied(value, 0)
    return fields


def _key(key: Any) -> str:
    if type(key) is not str:
        raise BadResultError
    return valid_text(key)


def _event(value: Any) -> AuditEvent:
    """A copy of an event, of what a parser may say."""
    if type(value) is not AuditEvent or value.kind in (None, Kind.QUARANTINE):
        raise BadResultError
    for name in _NOT_PARSERS:
        if getattr(value, name) is not None:
            raise BadResultError
    return AuditEvent(**_taken(_PARSERS, value))


def _taken(takers: Iterable[tuple[str, _Taker]], value: Any) -> dict[str, Any]:
    return {name: taker(inner) for name, taker in takers if (inner := getattr(value, name)) is not None}


def _text(value: Any) -> SensitiveText:
    kind = type(value)
    text = value.reveal() if kind is SensitiveText else str(value) if kind is Constant else None
    if type(text) is not str:
        raise BadResultError
    return SensitiveText(valid_text(text))


def _time(value: Any) -> Timestamp:
    if type(value) is not Timestamp or parse_time(str(value)) != value:
        raise BadResultError
    return Timestamp(str(value))


def _exactly(*kinds: type) -> _Taker:
    """Takes values of some immutable types; numbers only as far as they can be counts or durations."""

    def take(value: Any) -> Any:
        if type(value) not in kinds:
            raise BadResultError
        if type(value) in (int, float) and not abs(value) <= MAX_NUMBER:
            raise BadResultError
        return value

    return take


def _list_of(item: _Taker) -> _Taker:
    def take(value: Any) -> list[Any]:
        if type(value) is not list:
            raise BadResultError
        return [item(inner) for inner in value]

    return take


def _labels(value: Any) -> dict[Constant, SensitiveText]:
    """Takes an object whose keys are on the list of labels."""
    if type(value) is not dict or not all(type(key) is Constant and key in KUBERNETES_LABELS for key in value):
        raise BadResultError
    return {Constant(str(key)): _text(text) for key, text in value.items()}


def _object_of(kind: type[Any]) -> _Taker:
    hints = typing.get_type_hints(kind)
    takers = [(field.name, _taker_of(hints[field.name])) for field in dataclasses.fields(kind)]

    def take(value: Any) -> Any:
        if type(value) is not kind:
            raise BadResultError
        return kind(**_taken(takers, value))

    return take


def _taker_of(hint: Any) -> _Taker:
    """What takes the values of a field, by the type that it is declared with.

    Raises:
        TypeError: a parser of a plugin could not fill such a field.
    """
    is_union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    for option in typing.get_args(hint) if is_union else (hint,):
        if option is SensitiveText:
            return _text
        if option is Timestamp:
            return _time
        if option in (int, bool):
            return _exactly(option)
        if option is float:
            return _exactly(int, float)
        if typing.get_origin(option) is list:
            return _list_of(_taker_of(typing.get_args(option)[0]))
        if option == dict[Constant, Text]:
            return _labels
        if isinstance(option, type) and issubclass(option, Enum):
            return _exactly(option)
        if isinstance(option, type) and dataclasses.is_dataclass(option):
            return _object_of(option)
    raise TypeError


_HINTS: Final = typing.get_type_hints(AuditEvent)
_LOOKED_UP: Final = ("user_department", "model_department")
_PARSERS: Final = tuple(
    (field.name, _taker_of(_HINTS[field.name]))
    for field in dataclasses.fields(AuditEvent)
    if field.name in ("kind", "timestamp") or (field.metadata["group"] in _GROUPS and field.name not in _LOOKED_UP)
)
_NOT_PARSERS: Final = tuple(
    field.name
    for field in dataclasses.fields(AuditEvent)
    if field.name not in {"schema", *(name for name, _ in _PARSERS)}
)
