"""The native encoding, ``veilog/1``: the event's fields in their order, absent ones left out.

This is the gate's second half: what kind of value each field may hold is its type in ``veilog_parsers.event``, and the
encoder is built from these types. A ``prompt_hash`` is a ``Digest`` or nothing leaves; a ``SensitiveText``, or a bare
``str`` that some code copied out of a record, fits no field, so a text that every stage forgot still does not leave.
The JSON Schema of this encoding is generated from the same declarations.

All other schemas are made from this one: an encoder is given a native event, so nothing else than what may leave.
"""

from __future__ import annotations

import dataclasses
import re
import types
import typing
from collections.abc import Callable
from enum import Enum
from typing import Any, Final

from veilog_filters.contracts import Encoder
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


FieldEncoder = Callable[[Any, str], Any]
"""(value, path of its field) to what stands for it in the encoding; raises ``EncodingError``."""

_STRINGS: Final = frozenset((Constant, Digest, Name, Timestamp, CleanText))
_SAME: Final[dict[Any, frozenset[type[Any]]]] = {
    **{kind: frozenset((kind,)) for kind in (*_STRINGS, int, bool)},
    float: frozenset((int, float)),
}
"""Types whose values stand for themselves, by the type that a field is declared with. Exactly these types: not what
derives from them, and no ``str``."""

_ENTITY: Final = re.compile(r"[A-Z][A-Z0-9_]{0,63}")


def encode(event: AuditEvent) -> dict[str, Any]:
    """The event as a JSON-serializable object.

    Raises:
        EncodingError: a field holds something that may not leave in it.
    """
    present = vars(event)
    encoded: dict[str, Any] = {"schema": _schema_id(event.schema, "schema")}
    for name in filter(present.__contains__, _FIELDS):
        value = present[name]
        if value is not None:
            same, encoder = _FIELDS[name]
            encoded[name] = value if type(value) in same else encoder(value, name)
    return encoded


ENCODER: Final = Encoder(
    name="native", summary="veilog's own schema, veilog/1.", constants=frozenset(), encode=lambda event: event
)
"""What ``encode`` gives is in this schema already."""


def _options(hint: Any) -> list[Any]:
    """The types that a hint names, without None."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return [argument for argument in typing.get_args(hint) if argument is not types.NoneType]
    return [hint]


def _same_for(hint: Any) -> frozenset[type[Any]]:
    """Which types' values stand for themselves in a field."""
    return frozenset[type[Any]]().union(*(_SAME.get(option, ()) for option in _options(hint)))


def _encoder_for(hint: Any) -> FieldEncoder:
    """The encoder of all values of a field but those that stand for themselves."""
    encoder: FieldEncoder = _refused
    for option in _options(hint):
        origin, arguments = typing.get_origin(option), typing.get_args(option)
        if origin is list:
            encoder = _list_encoder(arguments[0])
        elif origin is dict:
            encoder = {Any: _tree, int: _entity_counts}.get(arguments[1]) or _by_constant(arguments[1])
        elif isinstance(option, type) and issubclass(option, Enum):
            encoder = _label_encoder(option)
        elif dataclasses.is_dataclass(option):
            encoder = _object_encoder(option)  # type: ignore[arg-type]  # narrowed to an instance or a class
    return encoder


def _refused(value: Any, path: str) -> Any:
    raise EncodingError(f"{path} holds a {type(value).__name__}, which may not leave there")


def _schema_id(value: Any, path: str) -> Any:
    return value if value == SCHEMA_ID else _refused(value, path)


def _label_encoder(kind: type[Enum]) -> FieldEncoder:
    labels = {member: member.label if isinstance(member, Level) else member.value for member in kind}
    return lambda value, path: labels[value] if type(value) is kind else _refused(value, path)


def _list_encoder(item: Any) -> FieldEncoder:
    same, encoder = _same_for(item), _encoder_for(item)

    def encode_list(value: Any, path: str) -> list[Any]:
        if type(value) is not list:
            _refused(value, path)
        return [one if type(one) in same else encoder(one, path) for one in value]

    return encode_list


def _object_encoder(kind: type[Any]) -> FieldEncoder:
    hints = typing.get_type_hints(kind)
    fields = [
        (field.name, _same_for(hints[field.name]), _encoder_for(hints[field.name]))
        for field in dataclasses.fields(kind)
    ]

    def encode_object(value: Any, path: str) -> dict[str, Any]:
        if type(value) is not kind:
            _refused(value, path)
        return {
            name: item if type(item) in same else encoder(item, f"{path}.{name}")
            for name, same, encoder in fields
            if (item := getattr(value, name)) is not None
        }

    return encode_object


def _by_constant(item: Any) -> FieldEncoder:
    """The encoder of an object whose keys are constants."""
    same = _same_for(item)

    def encode_by_constant(value: Any, path: str) -> dict[str, Any]:
        if type(value) is not dict or not all(
            type(key) is Constant and type(one) in same for key, one in value.items()
        ):
            _refused(value, path)
        return {str(key): one for key, one in value.items()}

    return encode_by_constant


def _entity_counts(value: Any, path: str) -> dict[str, int]:
    """Counts by entity type. Their names are constants of recognizers and of the configuration."""
    if type(value) is not dict or not all(
        type(count) is int and type(name) is str and _ENTITY.fullmatch(name) for name, count in value.items()
    ):
        _refused(value, path)
    counts: dict[str, int] = value
    return counts


def _tree(value: Any, path: str) -> Any:
    """A tree whose keys and strings were cleaned."""
    kind = type(value)
    if kind is CleanText or kind is int or kind is float or kind is bool or value is None:
        return value
    if kind is list:
        return [_tree(item, path) for item in value]
    if kind is not dict or not all(type(key) is CleanText for key in value):
        _refused(value, path)
    return {str(key): _tree(item, path) for key, item in value.items()}


_HINTS: Final = typing.get_type_hints(AuditEvent)
_ENCODED: Final = tuple(
    field.name for field in dataclasses.fields(AuditEvent) if field.metadata["handling"] is not Handling.WORKING
)
_FIELDS: Final = {
    name: (_same_for(_HINTS[name]), _schema_id if name == "schema" else _encoder_for(_HINTS[name])) for name in _ENCODED
}


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of encoded events, from the declarations in ``veilog_parsers.event``."""
    properties = {
        field.name: {
            **_type_schema(_HINTS[field.name]),
            "description": f"{field.metadata['doc']} ({field.metadata['group']})",
        }
        for field in dataclasses.fields(AuditEvent)
        if field.name in _ENCODED
    }
    properties["schema"] = {"const": SCHEMA_ID, "description": "Schema of this event. (identity of the event)"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:veilog:1.1",
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
    bool: {"type": "boolean"},
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
        "properties": {
            field.name: {**_type_schema(hints[field.name]), "description": field.metadata["doc"]}
            for field in dataclasses.fields(hint)
        },
    }
