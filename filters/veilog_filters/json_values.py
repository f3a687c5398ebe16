"""The JSON value that a msgpack value stands for.

Shippers write what they were given: byte strings, strings that are not UTF-8, keys that are numbers, extension types.
Every stage after the transport reckons with JSON values and valid text alone, so it is made here, in one walk.
"""

from __future__ import annotations

from typing import Any


def to_json_value(value: Any) -> Any:
    """Binaries as text, broken text mended with U+FFFD, times in RFC 3339, keys as strings.

    Raises:
        RecursionError: it is nested deeper than the interpreter walks.
    """
    kind = type(value)
    if kind is dict:
        fields = {_key(key): to_json_value(item) for key, item in value.items()}
        return fields if len(fields) == len(value) else _with_all(value)
    if kind is str:
        # Most text is ASCII, and str knows whether it is: only the rest can hold half a surrogate pair.
        return value if value.isascii() else value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    if kind is list or kind is tuple:
        return [to_json_value(item) for item in value]
    if kind is bytes:
        return value.decode("utf-8", "replace")
    if kind is int or kind is float or kind is bool or value is None:
        return value
    # Timestamps come as datetimes; any other extension type carries nothing a parser knows.
    return value.isoformat() if hasattr(value, "isoformat") else f"<ext {len(value.data)} bytes>"


def _with_all(value: dict[Any, Any]) -> dict[str, Any]:
    """A map of which several keys are one string (1 and "1"): the last has it, earlier ones stay under ``<key>~1``."""
    fields: dict[str, Any] = {}
    names = {_key(key) for key in value}
    for key, item in value.items():
        name = _key(key)
        if name in fields:
            number = 1
            while f"{name}~{number}" in fields or f"{name}~{number}" in names:
                number += 1
            fields[f"{name}~{number}"] = fields[name]
        fields[name] = to_json_value(item)
    return fields


def _key(key: Any) -> str:
    return key if type(key) is str and key.isascii() else str(to_json_value(key))
