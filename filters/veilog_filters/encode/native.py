"""The native encoding, ``veilog/1``: the event's fields in their order, absent ones left out.

This is the last gate. A text must be a ``CleanText`` to pass: a ``SensitiveText``, or a bare ``str`` that some code
copied out of a record, is an ``EncodingError``, so a text that was forgotten by every stage still does not leave.
The JSON Schema of this encoding is generated from the same declarations that the encoder walks.
"""

from __future__ import annotations

import dataclasses
import operator
import types
import typing
from collections.abc import Callable
from enum import Enum
from typing import Any, Final

from veilog_parsers.event import (
    SCHEMA_ID,
    AuditEvent,
    CleanText,
    Constant,
    Digest,
    Handling,
    Level,
    Name,
    SensitiveText,
    SensitiveTree,
    Timestamp,
)


class EncodingError(Exception):
    """A value that may not leave reached the encoder. Names its field, never its content."""


_ENCODED: Final = tuple(
    field.name for field in dataclasses.fields(AuditEvent) if field.metadata["handling"] is not Handling.WORKING
)

_values_of: Final = operator.attrgetter(*_ENCODED)

_Way = Callable[[Any, str], Any]
"""(value, path of its field) to what stands for it in the encoding."""


def encode(event: AuditEvent) -> dict[str, Any]:
    """The event as a JSON-serializable object.

    Raises:
        EncodingError: a field holds something that no stage has cleaned.
    """
    encoded: dict[str, Any] = {}
    for name, value in zip(_ENCODED, _values_of(event), strict=True):
        if value is not None:
            encoded[name] = value if type(value) in _PLAIN else _value(value, name)
    return encoded


def _value(value: Any, path: str) -> Any:
    # One look-up for a type that was seen before: events have some thirty values, and a chain of questions about each
    # is half of the time that encoding takes.
    return (_WAYS.get(type(value)) or _find_way(type(value), path))(value, path)


def _find_way(kind: type[Any], path: str) -> _Way:
    """How values of a type of the schema are encoded: enums and the schema's own objects.

    Raises:
        EncodingError: the type is none that may leave.
    """
    way: _Way
    if issubclass(kind, Enum):
        way = _of_labels({member: member.label if isinstance(member, Level) else member.value for member in kind})
    elif dataclasses.is_dataclass(kind):
        way = _of_object(kind)
    else:
        raise EncodingError(f"{path} holds a {kind.__name__} that no stage has cleaned")
    _WAYS[kind] = way
    return way


def _of_labels(labels: dict[Any, Any]) -> _Way:
    return lambda value, _path: labels[value]


def _of_object(kind: type[Any]) -> _Way:
    names = tuple(field.name for field in dataclasses.fields(kind))

    def encode_object(value: Any, path: str) -> dict[str, Any]:
        return {
            name: item if type(item) in _PLAIN else _value(item, f"{path}.{name}")
            for name in names
            if (item := getattr(value, name)) is not None
        }

    return encode_object


def _list(value: list[Any], path: str) -> list[Any]:
    return [item if type(item) in _PLAIN else _value(item, path) for item in value]


def _dict(value: dict[Any, Any], path: str) -> dict[str, Any]:
    return {_key(key, path): _value(item, path) for key, item in value.items()}


def _itself(value: Any, _path: str) -> Any:
    return value


def _constant(value: str, path: str) -> str:
    """A bare ``str`` is text that somebody copied out of a record, but for the name of the schema."""
    if path == "schema" and value == SCHEMA_ID:
        return value
    raise EncodingError(f"{path} holds a str that no stage has cleaned")


_PLAIN: Final = frozenset((CleanText, Constant, Digest, Name, Timestamp, int, float, bool))
"""Exactly these types, not what derives from them, may leave as they are."""

_WAYS: Final[dict[type[Any], _Way]] = {
    **dict.fromkeys((*_PLAIN, type(None)), _itself),
    str: _constant,
    list: _list,
    dict: _dict,
}


def _key(key: Any, path: str) -> str:
    """A key of an object: cleaned, or one of ours (entity types are constants of recognizers)."""
    if type(key) is CleanText or (path.startswith("findings.") and type(key) is str):
        return str(key)
    raise EncodingError(f"{path} has a key of type {type(key).__name__} that no stage has cleaned")


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of encoded events, from the declarations in ``veilog_parsers.event``."""
    hints = typing.get_type_hints(AuditEvent)
    properties = {
        field.name: {
            **_type_schema(hints[field.name]),
            "description": f"{field.metadata['doc']} ({field.metadata['group']})",
        }
        for field in dataclasses.fields(AuditEvent)
        if field.name in _ENCODED
    }
    properties["schema"] = {"const": SCHEMA_ID, "description": "Schema of this event. (identity of the event)"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:veilog:1",
        "title": "veilog/1 audit event",
        "type": "object",
        "required": ["schema", "event_id", "source", "kind"],
        "additionalProperties": False,
        "properties": properties,
    }


_SCALARS: Final[dict[Any, dict[str, Any]]] = {
    str: {"type": "string"},
    **{kind: {"type": "string"} for kind in (CleanText, Constant, Digest, Name, Timestamp)},
    SensitiveText: {},
    SensitiveTree: {},
    int: {"type": "integer"},
    float: {"type": "number"},
    Level: {"enum": [level.label for level in Level]},
}


def _type_schema(hint: Any) -> dict[str, Any]:
    if hint in _SCALARS:
        return _SCALARS[hint]
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        options = [schema for a in arguments if a is not types.NoneType and (schema := _type_schema(a))]
        return options[0]
    if origin is list:
        return {"type": "array", "items": _type_schema(arguments[0])}
    if origin is dict:
        return {"type": "object"} | (
            {} if arguments[1] is Any else {"additionalProperties": _type_schema(arguments[1])}
        )
    if issubclass(hint, Enum):
        return {"enum": [member.value for member in hint]}
    hints = typing.get_type_hints(hint)
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {field.name: _type_schema(hints[field.name]) for field in dataclasses.fields(hint)},
    }
