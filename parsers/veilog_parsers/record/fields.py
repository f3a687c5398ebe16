"""Consuming a record: parsers move fields out, and what is left is ``unmapped``.

Every ``take_*`` pops one value from nested dicts in place and returns it typed. A value of the wrong type is *not*
taken: it stays where it is and so shows up as unmapped, where drift is seen and redaction still walks it. A parser
built on these needs no error handling for hostile records.

Paths are given as separate keys, ``take_str(fields, "userIdentity", "arn")``, since log keys contain dots.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, Final

from veilog_parsers.errors import RecordError
from veilog_parsers.event import SensitiveText
from veilog_parsers.record.decoding import decode_one, keep_under, may_be_json
from veilog_parsers.record.prose import (
    is_blob,
    is_flag,
    is_format,
    is_json,
    is_list,
    is_number,
    is_numbers,
    is_objects,
    is_plain,
    is_schema,
    is_vector,
    is_word,
    may_hold_prose,
)
from veilog_parsers.record.raw import Fields

MAX_IDENTIFIER_CHARS: Final = 512
_IDENTIFIER = re.compile(rf"[^\s\x00-\x1f\x7f]{{1,{MAX_IDENTIFIER_CHARS}}}")
_DECIMAL = re.compile(r"-?[0-9]{1,18}")
_INT64: Final = 2**63
_CONTAINERS: Final = frozenset((dict, list))


def _inside(fields: Any, path: tuple[str, ...]) -> Any:
    """What holds the last key of a path of several. Most paths are one key, so who asks sees to that one himself."""
    for key in path[:-1]:
        if type(fields) is not dict:
            return None
        fields = fields.get(key)
    return fields


def peek(fields: Any, *path: str) -> Any:
    """The value at a path, left in place; None where there is none."""
    for key in path:
        if type(fields) is not dict:
            return None
        fields = fields.get(key)
    return fields


def pop(fields: Fields, *path: str) -> Any:
    """Pop the value at a path, whatever its type; None where there is none."""
    holder = _inside(fields, path) if len(path) > 1 else fields
    return holder.pop(path[-1], None) if type(holder) is dict else None


def drop(fields: Fields, *paths: tuple[str, ...] | str) -> None:
    """Drop what is known to carry nothing for an audit trail, so that it does not count as drift.

    It is dropped for what it is: a value that could hold prose is left.
    """
    for path in paths:
        keys = (path,) if isinstance(path, str) else path
        holder = _inside(fields, keys) if len(keys) > 1 else fields
        if type(holder) is dict and keys[-1] in holder:
            _drop(holder, keys[-1], is_plain)


def keyset(names: str) -> frozenset[str]:
    """The keys in a string of names."""
    return frozenset(names.split())


IgnoredKeys = dict[str, Callable[[Any], bool]]
"""Keys that a parser drops, each with the test of what their values have to be for that."""


def _is_secret(value: Any) -> bool:
    """Never asked for more than its identity: see ``_drop``."""
    return is_plain(value)


_KINDS: Final[IgnoredKeys] = {
    "word": is_word,
    "number": is_number,
    "numbers": is_numbers,
    "flag": is_flag,
    "list": is_list,
    "plain": is_plain,
    "objects": is_objects,
    "schema": is_schema,
    "format": is_format,
    "json": is_json,
    "blob": is_blob,
    "vector": is_vector,
    "secret": _is_secret,
}
"""What a dropped value has to be. See ``prose`` for each.

``word``: a scalar that holds no sentence; the kind of a name without one. ``number``, ``numbers`` (lists of them),
``flag``. ``list``, ``plain``: a list, anything, in which nothing holds a sentence. ``objects``, ``schema``, ``json``,
``format``: structures that hold prose by their nature (tool definitions, quotations), in their own type alone.
``blob``: what encodes no text. ``vector``: numbers, also in base64. ``secret``: never left as it is; what could hold a
sentence is replaced by how many characters it has.
"""


def ignored_keys(declarations: str) -> IgnoredKeys:
    """Keys to drop, each as ``name`` or ``name:kind``, for ``discard_known``. The kinds are those of ``_KINDS``."""
    keys: IgnoredKeys = {}
    for declaration in declarations.split():
        name, colon, kind = declaration.rpartition(":")
        if colon and kind in _KINDS:
            keys[name] = _KINDS[kind]
        else:
            keys[declaration] = is_word
    return keys


def drop_keys(fields: Fields, keys: IgnoredKeys) -> None:
    """Drop those of a list of top-level keys whose values are what they are said to be; others are left."""
    for key in [key for key in fields if key in keys]:
        _drop(fields, key, keys[key])


def withhold(fields: Fields, *keys: str) -> None:
    """Take what is not to be seen by anybody out of a record: what could hold prose leaves its length behind."""
    for key in keys:
        if key in fields:
            _drop(fields, key, _is_secret)


def _drop(fields: Fields, key: str, may_go: Callable[[Any], bool]) -> None:
    value = fields[key]
    if may_go(value):
        del fields[key]
    elif may_go is _is_secret:
        fields[key] = count_chars(value)


def merge(fields: Fields, others: Fields) -> None:
    """Add fields to others. The later value of a key wins; an earlier one that could be prose is kept beside it."""
    for key, value in others.items():
        was = fields.get(key)
        if was and was != value and may_hold_prose(was):
            keep_under(fields, key, was)
        fields[key] = value


def count_chars(value: Any) -> int:
    """How many characters the strings and keys of a value have together."""
    chars, pending = 0, [value]
    while pending:
        item = pending.pop()
        if type(item) is str:
            chars += len(item)
        elif type(item) is dict:
            chars += sum(map(len, item))
            pending += item.values()
        elif type(item) is list:
            pending += item
    return chars


def pop_str(fields: Fields, *path: str) -> str | None:
    """Pop a non-empty string as a bare ``str``, for decisions inside a parser. What goes into an event is a text."""
    holder = _inside(fields, path) if len(path) > 1 else fields
    value = holder.get(path[-1]) if type(holder) is dict else None
    if type(value) is not str or not value:
        return None
    del holder[path[-1]]
    return value


def pop_word(fields: Fields, *path: str) -> str | None:
    """Pop a non-empty string that can hold no sentence, for decisions inside a parser; any other is left."""
    value = peek(fields, *path)
    return pop_str(fields, *path) if type(value) is str and is_word(value) else None


def pop_same_text(fields: Fields, known_as: SensitiveText | None, *path: str) -> SensitiveText | None:
    """Pop a text that may say again what is known; one that says something else is left, and what is known returned."""
    if known_as is None:
        return pop_text(fields, *path)
    if peek(fields, *path) == known_as.reveal():
        pop(fields, *path)
    return known_as


def pop_text(fields: Fields, *path: str) -> SensitiveText | None:
    """Pop a non-empty string as free text."""
    value = pop_str(fields, *path)
    return None if value is None else SensitiveText(value)


def pop_identifier(fields: Fields, *path: str) -> SensitiveText | None:
    """Pop a string (or integer) that looks like a name of a thing: no white space, at most 512 characters.

    Prose in a field for names is not taken, so it can only leave through the redaction of ``unmapped``.
    """
    holder = _inside(fields, path) if len(path) > 1 else fields
    value = holder.get(path[-1]) if type(holder) is dict else None
    text = None if value is None else as_identifier(value)
    if text is not None:
        del holder[path[-1]]
    return text


def as_identifier(value: Any) -> SensitiveText | None:
    """The value as a text if it looks like a name of a thing (see ``take_identifier``)."""
    if type(value) is int:
        value = str(value) if -_INT64 <= value < 2 * _INT64 else None
    if type(value) is not str:
        return None
    # Most are plain words, which these questions tell in a third of the time of the pattern.
    if value.isascii() and value.isprintable() and " " not in value and 0 < len(value) <= MAX_IDENTIFIER_CHARS:
        return SensitiveText(value)
    return SensitiveText(value) if _IDENTIFIER.fullmatch(value) else None


def pop_int(fields: Fields, *path: str) -> int | None:
    """Pop a 64-bit integer; integral floats and decimal strings count, booleans do not."""
    holder = _inside(fields, path) if len(path) > 1 else fields
    value = holder.get(path[-1]) if type(holder) is dict else None
    if (type(value) is float and value.is_integer()) or (type(value) is str and _DECIMAL.fullmatch(value)):
        value = int(value)
    if type(value) is not int or not -_INT64 <= value < _INT64:
        return None
    del holder[path[-1]]
    return value


def pop_count(fields: Fields, *path: str) -> int | None:
    """Pop an integer of zero or more (tokens, statuses); a negative one is not taken."""
    holder = _inside(fields, path) if len(path) > 1 else fields
    value = holder.get(path[-1]) if type(holder) is dict else None
    if value is None:
        return None
    if type(value) is int and 0 <= value < _INT64:
        del holder[path[-1]]
        return value
    if (type(value) in (int, float) and value < 0) or (type(value) is str and value.startswith("-")):
        return None
    return pop_int(holder, path[-1])


def pop_sum(fields: Fields, *keys: str) -> int | None:
    """Pop several top-level counts and add up those that are there; None if none is."""
    counts = [count for key in keys if (count := pop_count(fields, key)) is not None]
    return sum(counts) if counts else None


def pop_number(fields: Fields, *path: str) -> float | None:
    """Pop a finite number; decimal strings count, booleans do not."""
    holder = _inside(fields, path) if len(path) > 1 else fields
    value: Any = holder.get(path[-1]) if type(holder) is dict else None
    if type(value) is str:
        try:
            value = float(value)
        except ValueError:
            return None
    if type(value) not in (int, float) or not math.isfinite(value):
        return None
    del holder[path[-1]]
    return float(value)


def pop_dict(fields: Fields, *path: str) -> Fields | None:
    """Pop an object."""
    holder = _inside(fields, path) if len(path) > 1 else fields
    if type(holder) is not dict or type(holder.get(path[-1])) is not dict:
        return None
    value: Fields = holder.pop(path[-1])
    return value


def pop_list(fields: Fields, *path: str) -> list[Any] | None:
    """Pop an array."""
    holder = _inside(fields, path) if len(path) > 1 else fields
    if type(holder) is not dict or type(holder.get(path[-1])) is not list:
        return None
    value: list[Any] = holder.pop(path[-1])
    return value


def open_json(fields: Fields, *path: str) -> Any:
    """Decode a JSON object or array that is held in a string, in place, and return what is now at the path.

    A string that is no such JSON, and any other value, is left and returned as it is.
    """
    holder = _inside(fields, path) if len(path) > 1 else fields
    value = holder.get(path[-1]) if type(holder) is dict else None
    if type(value) is str and may_be_json(value):
        try:
            decoded = decode_one(value)
        except RecordError:
            return value
        if type(decoded) in _CONTAINERS:
            value = holder[path[-1]] = decoded
    return value


def dicts(value: Any) -> list[Fields]:
    """The objects in an array, to be consumed where they stand; none if it is no array."""
    return [item for item in value if type(item) is dict] if type(value) is list else []


def remainder(fields: Fields, max_depth: int = 64) -> Fields:
    """What is left of a consumed record, with emptied containers and nulls pruned (below ``max_depth``, as it is)."""
    return _pruned(fields, max_depth) or {}


def _pruned(value: Any, levels: int) -> Any:
    """An object or array without what is empty; None if all is."""
    if levels == 0:
        return value
    if type(value) is dict:
        kept = {}
        for key, item in value.items():
            if type(item) in _CONTAINERS:
                # What a parser has emptied is most of what is left.
                item = _pruned(item, levels - 1) if item or levels == 1 else None
            if item is not None:
                kept[key] = item
        return kept or None
    # An item that was consumed leaves a null, so that the others keep their places.
    items = [_pruned(item, levels - 1) if type(item) in _CONTAINERS else item for item in value]
    return items if items.count(None) < len(items) else None
