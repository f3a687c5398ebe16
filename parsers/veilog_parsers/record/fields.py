"""How parsers consume a record: they pop the fields that they know, and the rest becomes ``unmapped``.

Every ``pop_*`` removes one value from nested objects and returns it, if it has the expected type. A value of another
type stays in the record and ends as unmapped, where a changed log format is seen and redaction reads the value. So a
parser needs no error handling for hostile records.

A path is given as separate keys, ``pop_str(fields, "userIdentity", "arn")``, since keys of logs contain dots.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple, TypeVar

from veilog_parsers.errors import RecordError
from veilog_parsers.event import SensitiveText
from veilog_parsers.record.decoding import decode_one, keep_under, may_be_json
from veilog_parsers.record.dropped import DUPLICATE, LEDGER, Dropped, Why, note_dropped
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

T = TypeVar("T")
Path = tuple[str, ...]

MAX_IDENTIFIER_CHARS: Final = 512
_IDENTIFIER = re.compile(rf"[^\s\x00-\x1f\x7f]{{1,{MAX_IDENTIFIER_CHARS}}}")
_NAME_OF_A_PERSON = re.compile(r"[^\W\d_][\w.'-]{0,39}(?: [^\W\d_][\w.'-]{0,39}){0,3}(?<!\.)")
_MAX_TITLE_CHARS: Final = 96
_TITLE = re.compile(r"[A-Z][A-Za-z0-9'/-]*(?: [A-Za-z0-9()'/-]+)+")
_DECIMAL = re.compile(r"-?[0-9]{1,18}")
_INT64: Final = 2**63
_CONTAINERS: Final = frozenset((dict, list))


def _parent(fields: Any, path: Path) -> Any:
    """The object that has the last key of a path. Callers skip this call for paths of one key, since most are."""
    for key in path[:-1]:
        if type(fields) is not dict:
            return None
        fields = fields.get(key)
    return fields


def peek(fields: Any, *path: str) -> Any:
    """The value at a path, which stays there; None if there is none."""
    for key in path:
        if type(fields) is not dict:
            return None
        fields = fields.get(key)
    return fields


def pop(fields: Fields, *path: str) -> Any:
    """Pop the value at a path, whatever its type; None if there is none."""
    holder = _parent(fields, path) if len(path) > 1 else fields
    return holder.pop(path[-1], None) if type(holder) is dict else None


def pop_first(
    popper: Callable[..., T | None], fields: Fields, paths: Iterable[Path], *, drop_others: bool = False
) -> T | None:
    """Pop the value at the first of several paths that has one.

    Args:
        popper: pops a value and returns it, or None: one of the ``pop_*``.
        fields: the object that the paths begin in.
        paths: in order of preference.
        drop_others: whether the values at later paths repeat the first one, and are dropped (see ``drop``).
    """
    found = None
    for path in paths:
        if path[0] not in fields:
            continue
        if found is not None:
            drop(fields, path, why=DUPLICATE)
            continue
        found = popper(fields, *path)
        if found is not None and not drop_others:
            return found
    return found


def drop(fields: Fields, *paths: Path | str, why: Why = Why.NOISE) -> None:
    """Drop values for a reason, so that they do not count as unmapped. A value that could hold prose stays.

    Args:
        fields: the object that the paths begin in.
        paths: a path, or a top-level key, for each value.
        why: the reason. Noise: an audit trail does not need the value.
    """
    for path in paths:
        keys = (path,) if isinstance(path, str) else path
        holder = _parent(fields, keys) if len(keys) > 1 else fields
        if type(holder) is dict and keys[-1] in holder:
            _drop(holder, keys[-1], is_plain, why)


def drop_known(fields: Fields, key: str, why: Why = Why.NOISE) -> None:
    """Drop the value of a top-level key that the caller has seen, and that holds nothing more, for a reason."""
    note_dropped(key, fields.pop(key), why)


def paths(names: str) -> tuple[Path, ...]:
    """The paths in a string, which blanks separate; slashes separate the keys of a path."""
    return tuple(tuple(name.split("/")) for name in names.split())


def keyset(names: str) -> frozenset[str]:
    """The set of the keys in a string, which blanks separate."""
    return frozenset(names.split())


class Droppable(NamedTuple):
    """How a key is dropped.

    Attributes:
        may_go: the test that its value has to pass.
        why: the reason.
    """

    may_go: Callable[[Any], bool]
    why: Why


IgnoredKeys = dict[str, Droppable]
"""Keys that a parser drops."""


def _is_secret(value: Any) -> bool:
    """The kind ``secret``. Only its identity counts: ``_drop`` never keeps such a value."""
    return is_plain(value)


_KINDS: Final[dict[str, Callable[[Any], bool]]] = {
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
"""The kinds of values that may be dropped. ``prose`` has the test of each.

``word``: a scalar that holds no sentence; the kind of a key without one. ``number``, ``numbers`` (lists of numbers),
``flag``. ``list``, ``plain``: a list, or any value, in which nothing holds a sentence. ``objects``, ``schema``,
``json``, ``format``: structures that hold prose by their nature (tool definitions, quotations), if they have the type
of such a structure. ``blob``: base64 that encodes no text. ``vector``: numbers, also in base64. ``secret``: any value;
it is never kept, and if it could hold a sentence, the number of its characters replaces it.
"""


def is_kind(name: str) -> bool:
    """Whether a name is one of a kind of values that may be dropped (see ``_KINDS``)."""
    return name in _KINDS


def ignored_keys(declarations: str, why: Why = Why.NOISE) -> IgnoredKeys:
    """The keys to drop with ``drop_keys``.

    Args:
        declarations: ``name`` or ``name:kind``, with blanks between them; for the kinds see ``_KINDS``.
        why: the reason for all of them. What is ``secret`` is always dropped as a credential.
    """
    keys: IgnoredKeys = {}
    for declaration in declarations.split():
        name, colon, kind = declaration.rpartition(":")
        if colon and kind in _KINDS:
            may_go = _KINDS[kind]
            keys[name] = Droppable(may_go, Why.CREDENTIAL if may_go is _is_secret else why)
        else:
            keys[declaration] = Droppable(is_word, why)
    return keys


def drop_keys(fields: Fields, keys: IgnoredKeys) -> None:
    """Drop top-level keys whose values are of the declared kinds; other values of these keys stay."""
    for key in [key for key in fields if key in keys]:
        may_go, why = keys[key]
        value = fields[key]
        if may_go(value):
            del fields[key]
            LEDGER.count += 1
            if LEDGER.entries is not None:
                LEDGER.entries.append(Dropped(key, why, value))
        elif may_go is _is_secret:
            _drop(fields, key, may_go, why)


def withhold(fields: Fields, *keys: str) -> None:
    """Remove values that must not leave. If one could hold prose, the number of its characters replaces it."""
    for key in keys:
        if key in fields:
            _drop(fields, key, _is_secret, Why.CREDENTIAL)


def _drop(fields: Fields, key: str, may_go: Callable[[Any], bool], why: Why) -> None:
    value = fields[key]
    if may_go(value):
        del fields[key]
    elif may_go is _is_secret:
        fields[key] = count_chars(value)
    else:
        return
    note_dropped(key, value, why)


def merge(fields: Fields, others: Fields) -> None:
    """Add fields to an object. A new value of a key wins; the old one is kept beside it if it could be prose."""
    for key, value in others.items():
        was = fields.get(key)
        if was and was != value and may_hold_prose(was):
            keep_under(fields, key, was)
        elif was is not None:
            note_dropped(key, was, DUPLICATE)
        fields[key] = value


def count_chars(value: Any) -> int:
    """The number of characters in all strings and keys of a value."""
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
    """Pop a non-empty string as ``str``, for decisions of a parser. For the fields of an event see ``pop_text``."""
    holder = _parent(fields, path) if len(path) > 1 else fields
    value = holder.get(path[-1]) if type(holder) is dict else None
    if type(value) is not str or not value:
        return None
    del holder[path[-1]]
    return value


def pop_word(fields: Fields, *path: str) -> str | None:
    """Pop a non-empty string that cannot hold a sentence, for decisions of a parser."""
    value = peek(fields, *path)
    return pop_str(fields, *path) if type(value) is str and is_word(value) else None


def pop_same_text(fields: Fields, known: SensitiveText | None, *path: str) -> SensitiveText | None:
    """Pop a text that may repeat a known one. If a text is known, it is returned, and a different one stays."""
    if known is None:
        return pop_text(fields, *path)
    if peek(fields, *path) == known.reveal():
        note_dropped(path[-1], pop(fields, *path), Why.DUPLICATE)
    return known


def pop_text(fields: Fields, *path: str) -> SensitiveText | None:
    """Pop a non-empty string."""
    value = pop_str(fields, *path)
    return None if value is None else SensitiveText(value)


def pop_identifier(fields: Fields, *path: str) -> SensitiveText | None:
    """Pop a string or an integer that looks like an identifier: no white space, at most 512 characters.

    Prose stays in the record, even under the key of an identifier: it is redacted like the rest of ``unmapped``.
    """
    holder = _parent(fields, path) if len(path) > 1 else fields
    value = holder.get(path[-1]) if type(holder) is dict else None
    text = None if value is None else as_identifier(value)
    if text is not None:
        del holder[path[-1]]
    return text


def pop_name(fields: Fields, *path: str) -> SensitiveText | None:
    """Pop a caller's name: an identifier, or at most four words with single blanks between (``Jane Doe``).

    The first word has no small letter at its beginning. Any other phrase stays in the record.
    """
    holder = _parent(fields, path) if len(path) > 1 else fields
    value = holder.get(path[-1]) if type(holder) is dict else None
    if type(value) is str and not value[:1].islower() and _NAME_OF_A_PERSON.fullmatch(value):
        del holder[path[-1]]
        return SensitiveText(value)
    return pop_identifier(fields, *path)


def pop_operation(fields: Fields, *path: str) -> SensitiveText | None:
    """Pop an operation: an identifier, or a phrase that may be the title of one (``Add member to role``).

    A title begins with a capital, and has no sentence's punctuation. Any other phrase stays in the record.
    """
    holder = _parent(fields, path) if len(path) > 1 else fields
    value = holder.get(path[-1]) if type(holder) is dict else None
    if type(value) is str and len(value) <= _MAX_TITLE_CHARS and _TITLE.fullmatch(value):
        del holder[path[-1]]
        return SensitiveText(value)
    return pop_identifier(fields, *path)


def as_identifier(value: Any) -> SensitiveText | None:
    """The value as a text, if it looks like an identifier (see ``pop_identifier``)."""
    if type(value) is int:
        value = str(value) if -_INT64 <= value < 2 * _INT64 else None
    if type(value) is not str:
        return None
    # These tests accept most identifiers in a third of the pattern's time.
    if value.isascii() and value.isprintable() and " " not in value and 0 < len(value) <= MAX_IDENTIFIER_CHARS:
        return SensitiveText(value)
    return SensitiveText(value) if _IDENTIFIER.fullmatch(value) else None


def pop_int(fields: Fields, *path: str) -> int | None:
    """Pop a 64-bit integer, also from a float without a fraction or a decimal string; a boolean is none."""
    holder = _parent(fields, path) if len(path) > 1 else fields
    value = holder.get(path[-1]) if type(holder) is dict else None
    if (type(value) is float and value.is_integer()) or (type(value) is str and _DECIMAL.fullmatch(value)):
        value = int(value)
    if type(value) is not int or not -_INT64 <= value < _INT64:
        return None
    del holder[path[-1]]
    return value


def pop_count(fields: Fields, *path: str) -> int | None:
    """Pop an integer of zero or more, as ``pop_int``."""
    holder = _parent(fields, path) if len(path) > 1 else fields
    value = holder.get(path[-1]) if type(holder) is dict else None
    if value is None:
        return None
    if type(value) is int and 0 <= value < _INT64:
        del holder[path[-1]]
        return value
    if (type(value) in (int, float) and value < 0) or (type(value) is str and value.startswith("-")):
        return None
    return pop_int(holder, path[-1])


def peek_count(fields: Fields, *path: str) -> int | None:
    """The count at a path, which stays there, as ``pop_count`` reads it."""
    value = peek(fields, *path)
    return None if value is None else pop_count({"": value}, "")


_FLAGS: Final = {"true": True, "false": False}


def pop_flag(fields: Fields, *path: str) -> bool | None:
    """Pop a boolean, also from a word in any case: Python writes ``True``."""
    value = peek(fields, *path)
    flag = _FLAGS.get(value.lower()) if type(value) is str else value
    if type(flag) is not bool:
        return None
    pop(fields, *path)
    return flag


def pop_sum(fields: Fields, *keys: str) -> int | None:
    """Pop the counts under some top-level keys and return their sum; None if there are none."""
    counts = [count for key in keys if (count := pop_count(fields, key)) is not None]
    return sum(counts) if counts else None


def pop_number(fields: Fields, *path: str) -> float | None:
    """Pop a finite number, also from a decimal string; a boolean is none."""
    holder = _parent(fields, path) if len(path) > 1 else fields
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
    holder = _parent(fields, path) if len(path) > 1 else fields
    if type(holder) is not dict or type(holder.get(path[-1])) is not dict:
        return None
    value: Fields = holder.pop(path[-1])
    return value


def open_json(fields: Fields, *path: str) -> Any:
    """Replace a string by the JSON object or array in it, and return the value that is then at the path.

    Any other string or value is returned unchanged.
    """
    holder = _parent(fields, path) if len(path) > 1 else fields
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
    """The objects in an array (not copies of them); none if the value is no array."""
    return [item for item in value if type(item) is dict] if type(value) is list else []


def objects_from(value: Any) -> list[Any] | None:
    """A list that begins with an object, else None. Its later items need not be objects: each is checked alone."""
    return value if type(value) is list and value and type(value[0]) is dict else None


def remainder(fields: Fields, max_depth: int = 64) -> Fields:
    """A consumed record without nulls and empty containers. Levels below ``max_depth`` are not pruned."""
    return _pruned(fields, max_depth) or {}


def _pruned(value: Any, levels: int) -> Any:
    """An object or array without nulls and empty containers; None if nothing is left."""
    if levels == 0:
        return value
    if type(value) is dict:
        kept = {}
        for key, item in value.items():
            if type(item) in _CONTAINERS:
                # Most containers in a consumed record are empty: they cost no call.
                item = _pruned(item, levels - 1) if item or levels == 1 else None
            if item is not None:
                kept[key] = item
        return kept or None
    # A null replaces an item that was consumed, so that the others keep their positions.
    items = [_pruned(item, levels - 1) if type(item) in _CONTAINERS else item for item in value]
    return items if items.count(None) < len(items) else None
