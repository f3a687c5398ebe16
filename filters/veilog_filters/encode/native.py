"""The native encoding, ``veilog/1``: the event's fields in their order, absent ones left out.

This is the gate's second half: what kind of value each field may hold is its type in ``veilog_parsers.event``, and the
encoder is built from these types. A ``prompt_hash`` is a ``Digest`` or nothing leaves; a ``SensitiveText``, or a bare
``str`` that some code copied out of a record, fits no field, so a text that every stage forgot still does not leave.
The JSON Schema of this encoding is generated from the same declarations.

All other schemas are made from this one: an encoder is given a native event, so nothing else than what may leave.
"""

from __future__ import annotations

import dataclasses
import operator
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


FieldEncoder = Callable[[Any], Any]
"""A value of one field to what stands for it in the encoding; raises ``EncodingError``. It is made for its field, whose
path errors name, so that no path is put together for every event."""

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
    encoded: dict[str, Any] = {}
    for name, value in vars(event).items():
        if value is not None and name in _FIELDS:
            same, encoder = _FIELDS[name]
            encoded[name] = value if type(value) in same else encoder(value)
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


def _encoder_for(hint: Any, path: str) -> FieldEncoder:
    """The encoder of all values of a field but those that stand for themselves."""
    encoder = _refuser(path)
    for option in _options(hint):
        origin, arguments = typing.get_origin(option), typing.get_args(option)
        if origin is list:
            encoder = _list_encoder(arguments[0], path)
        elif origin is dict:
            makers = {Any: _tree_encoder, int: _counts_encoder}
            encoder = makers[arguments[1]](path) if arguments[1] in makers else _by_constant(arguments[1], path)
        elif isinstance(option, type) and issubclass(option, Enum):
            encoder = _label_encoder(option, path)
        elif dataclasses.is_dataclass(option):
            encoder = _object_encoder(option, path)  # type: ignore[arg-type]  # narrowed to an instance or a class
    return encoder


def _refused(value: Any, path: str) -> EncodingError:
    return EncodingError(f"{path} holds a {type(value).__name__}, which may not leave there")


def _refuser(path: str) -> FieldEncoder:
    def refuse(value: Any) -> Any:
        raise _refused(value, path)

    return refuse


def _schema_id(value: Any) -> str:
    if value != SCHEMA_ID:
        raise _refused(value, "schema")
    return SCHEMA_ID


def _label_encoder(kind: type[Enum], path: str) -> FieldEncoder:
    labels = {member: member.label if isinstance(member, Level) else member.value for member in kind}

    def encode_label(value: Any) -> str:
        if type(value) is not kind:
            raise _refused(value, path)
        label: str = labels[value]
        return label

    return encode_label


def _list_encoder(item: Any, path: str) -> FieldEncoder:
    same, encoder = _same_for(item), _encoder_for(item, path)

    def encode_list(value: Any) -> list[Any]:
        if type(value) is not list:
            raise _refused(value, path)
        return [one if type(one) in same else encoder(one) for one in value]

    return encode_list


def _object_encoder(kind: type[Any], path: str) -> FieldEncoder:
    hints = typing.get_type_hints(kind)
    names = tuple(field.name for field in dataclasses.fields(kind))
    fields = tuple((name, _same_for(hints[name]), _encoder_for(hints[name], f"{path}.{name}")) for name in names)
    values_of = operator.attrgetter(*names)

    def encode_object(value: Any) -> dict[str, Any]:
        if type(value) is not kind:
            raise _refused(value, path)
        return {
            name: item if type(item) in same else encoder(item)
            for (name, same, encoder), item in zip(fields, values_of(value), strict=True)
            if item is not None
        }

    return encode_object


def _by_constant(item: Any, path: str) -> FieldEncoder:
    """The encoder of an object whose keys are constants."""
    same = _same_for(item)

    def encode_by_constant(value: Any) -> dict[str, Any]:
        if type(value) is not dict or not all(
            type(key) is Constant and type(one) in same for key, one in value.items()
        ):
            raise _refused(value, path)
        return {str(key): one for key, one in value.items()}

    return encode_by_constant


def _counts_encoder(path: str) -> FieldEncoder:
    """The encoder of counts by entity type. Their names are constants of recognizers and of the configuration."""
    # The same names come with nearly every event: only new ones are matched.
    known: set[str] = set()

    def encode_counts(value: Any) -> dict[str, int]:
        if type(value) is not dict:
            raise _refused(value, path)
        for name, count in value.items():
            if type(count) is not int or type(name) is not str or (name not in known and not _ENTITY.fullmatch(name)):
                raise _refused(value, path)
            if len(known) < _MAX_KNOWN:
                known.add(name)
        counts: dict[str, int] = value
        return counts

    return encode_counts


_MAX_KNOWN: Final = 1_000


def _tree_encoder(path: str) -> FieldEncoder:
    """The encoder of a tree whose keys and strings were cleaned."""

    def encode_tree(value: Any) -> Any:
        kind = type(value)
        if kind is CleanText or kind is int or kind is float or kind is bool or value is None:
            return value
        if kind is list:
            return [encode_tree(item) for item in value]
        if kind is not dict or not all(type(key) is CleanText for key in value):
            raise _refused(value, path)
        return {str(key): encode_tree(item) for key, item in value.items()}

    return encode_tree


_HINTS: Final = typing.get_type_hints(AuditEvent)
_ENCODED: Final = tuple(
    field.name for field in dataclasses.fields(AuditEvent) if field.metadata["handling"] is not Handling.WORKING
)
_FIELDS: Final = {
    name: (_same_for(_HINTS[name]), _schema_id if name == "schema" else _encoder_for(_HINTS[name], name))
    for name in _ENCODED
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
