"""What became of each key of a record: a field, a text, unmapped, dropped with its reason, or lost.

For ``veilog explain`` and tests, not for the way of a record: the answer is found by experiment. A key's value is
changed, then removed, and the record is parsed again each time. What the event had and has no more is what became of
the key; if neither makes a difference, nobody would notice if the key were not there, and it is lost. So this finds
out what parsers do, whatever they say that they do.

Nothing here is a value: a fate is made of names of fields and reasons, a key is shown only if it is one.
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Any, Final, NamedTuple

import orjson

from veilog_filters.gate import KEY
from veilog_parsers.errors import RecordError
from veilog_parsers.event import AuditEvent, Message, SensitiveText, SensitiveTree
from veilog_parsers.record.dropped import Dropped, listed
from veilog_parsers.record.raw import RawRecord
from veilog_parsers.registry import ParseFailure, Registry

LOST: Final = "lost"
EMPTY: Final = "empty"
UNMAPPED: Final = "unmapped"
QUARANTINED: Final = "quarantined"
DROPPED: Final = "dropped: "
DECIDES: Final = "field source"
"""The fate of what decides which parser reads the record, or whether one does."""

MAX_PARSED_BYTES: Final = 20_000_000
"""So much is parsed for one record, its repetitions together: some seconds. Further keys are only counted."""
MAX_OPENED: Final = 4
"""Levels of JSON in strings that are looked into."""
MAX_PATH: Final = 128
"""What lies deeper counts as one value."""

_TEXTS: Final = {"prompt_messages": "prompt text", "response_messages": "response text"}
_NOT_READ: Final = frozenset(("schema", "source", "unmapped", "dropped_fields"))
_PUNCTUATION: Final = re.compile(r"[\W_]+")
_SHIFT: Final = str.maketrans(
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "1234567890bcdefghijklmnopqrstuvwxyzaBCDEFGHIJKLMNOPQRSTUVWXYZA",
)
_LAST_DIGIT: Final = re.compile(r"[0-9](?=[^0-9]*\Z)")
_OTHERS: Final = ("assistant", "system", "error", "stop", "0")
"""Words that mean something where others do not: a role, an outcome, a number."""
_MAX_WORD: Final = 32
_MIN_PART: Final = 2


class _Opened(Enum):
    """The step of a path into the JSON in a string."""

    STEP = 0


Path = tuple[str | int | _Opened, ...]


@dataclasses.dataclass(slots=True)
class KeyFate:
    """What became of a key.

    Attributes:
        path: its path, as it may be shown.
        kind: the type of its value.
        chars: the characters of a text.
        fates: what became of it in each event of the record; empty where nothing did.
    """

    path: str
    kind: str
    chars: int | None
    fates: list[tuple[str, ...]]


class Fates(NamedTuple):
    """What became of the keys of a record.

    Attributes:
        keys: each value that holds no others, in the order of the record.
        not_looked_at: how many more there are.
    """

    keys: list[KeyFate]
    not_looked_at: int


class _Seen(NamedTuple):
    """What can be seen of an event.

    Attributes:
        source: its parser; "" for a rejection.
        read: its fields and texts.
        left: path and value of what is unmapped.
        dropped: key, reason and value of what was dropped.
    """

    source: str
    read: dict[str, Any]
    left: Counter[tuple[tuple[Any, ...], str]]
    dropped: Counter[tuple[str, str, str]]


def fates_of(registry: Registry, record: RawRecord) -> Fates:
    """What became of each key of a record, by parsing it again and again. The record is not changed.

    A record of which nothing is read, since all its events are rejected, or since it is none, has no keys here.
    """
    try:
        look = _Experiment(registry, record)
    except orjson.JSONEncodeError:
        # A number that only Python knows: the record can't be written down to be parsed again.
        return Fates([], 1)
    if not any(seen.source for seen in look.whole):
        return Fates([], 0)
    keys: list[KeyFate] = []
    not_looked_at = 0
    for path, value in _leaves(look.value):
        if look.spent_bytes > MAX_PARSED_BYTES:
            not_looked_at += 1
            continue
        chars = len(value) if type(value) is str else None
        keys.append(KeyFate(_shown_path(look.value, path), _kind(value), chars, look.fates(path, value)))
    return Fates(keys, not_looked_at)


class _Experiment:
    """A record whose values are changed one by one."""

    def __init__(self, registry: Registry, record: RawRecord) -> None:
        self._registry = registry
        self._record = record
        self.value = _normal(record.value, 0, 0)
        self.spent_bytes = 0
        self.whole = self._parse(self.value)

    def fates(self, path: Path, value: Any) -> list[tuple[str, ...]]:
        """What became of a value, in each event."""
        if value is None or value in ("", [], {}):
            return [(EMPTY,)] + [()] * (len(self.whole) - 1)
        found: list[dict[str, None]] = [{} for _ in self.whole]
        own = _Own(self.value, path, value)
        decides = False
        for change in _changes(value):
            changed = self._parse(_with(self.value, path, change))
            same = len(changed) == len(self.whole)
            for number, before in enumerate(self.whole):
                if same and changed[number].source == before.source:
                    found[number].update(dict.fromkeys(_gone(before, changed[number], own)))
                else:
                    decides = True
            if any(found):
                break
        if not any(found):
            found[0][self._by_itself(path, value, decides)] = None
        return [tuple(fates) for fates in found]

    def _by_itself(self, path: Path, value: Any, decides: bool) -> str:
        """The fate of a value that no change shows: each made a record of another source, or none at all."""
        key = next((step for step in reversed(path) if type(step) is str), "")
        for seen in self.whole if decides else ():
            for name, why, text in seen.dropped:
                if name == key and text == _text(value):
                    return DROPPED + why
        if decides:
            return DECIDES
        return QUARANTINED if any(not seen.source for seen in self.whole) else LOST

    def _parse(self, value: Any) -> list[_Seen]:
        """What can be seen of each event of a changed record; nothing if it is none any more."""
        raw = orjson.dumps(value)
        self.spent_bytes += len(raw)
        seen: list[_Seen] = []
        with listed() as dropped:
            try:
                for parsed in self._registry.parse(dataclasses.replace(self._record, value=orjson.loads(raw))):
                    seen.append(_seen(parsed, dropped))
                    dropped.clear()
            except RecordError:
                return []
        return seen


def _seen(parsed: AuditEvent | ParseFailure, dropped: list[Dropped]) -> _Seen:
    if isinstance(parsed, ParseFailure):
        return _Seen("", {}, Counter(), Counter())
    read: dict[str, Any] = {}
    for field in dataclasses.fields(parsed):
        value = getattr(parsed, field.name)
        if field.name in _NOT_READ or value is None or value == []:
            continue
        if dataclasses.is_dataclass(value):
            read |= {f"{field.name}.{part}": inner for part, inner in _plain(value).items() if inner is not None}
        else:
            read[field.name] = _plain(value)
    left = parsed.unmapped.reveal() if isinstance(parsed.unmapped, SensitiveTree) else {}
    return _Seen(
        str(parsed.source),
        read,
        Counter((path, _text(value)) for path, value in _leaves(left, MAX_OPENED)),
        Counter((entry.key, entry.why.value, _text(entry.value)) for entry in dropped),
    )


def _plain(value: Any) -> Any:
    """A value of an event, out of its seal."""
    if isinstance(value, SensitiveText):
        return value.reveal()
    if isinstance(value, Message):
        return value.role, [part.reveal() for part in value.parts]
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if dataclasses.is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return value


def _text(value: Any) -> str:
    return orjson.dumps(_plain(value)).decode()


def _gone(before: _Seen, after: _Seen, own: _Own) -> Iterator[str]:
    """What an event had, and has no more now that a value is another one.

    What is unmapped or dropped somewhere else is not the value's own fate, but a consequence.
    """
    read = [name for name, value in before.read.items() if after.read.get(name) != value]
    yield from (_TEXTS.get(name) or f"field {name}" for name in read)
    for key, why, text in before.dropped - after.dropped:
        # What is read may be dropped too, where a record has it twice.
        if not read and own.is_about([key], text):
            yield DROPPED + why
    for place, text in before.left - after.left:
        if own.is_about(place, text):
            yield UNMAPPED


class _Own:
    """By what a value is known where a parser moved or renamed it: its keys, and its text.

    Args:
        record: the record.
        path: the path of the value in it.
        value: the value.
    """

    def __init__(self, record: Any, path: Path, value: Any) -> None:
        self._text = _text(value).strip('"')
        self._keys = {""}
        for step in path:
            if type(step) is str:
                self._keys.add(_folded(step))
            if type(record) is dict:
                # A list of names and values, as OTLP has it.
                self._keys.update(_folded(record[name]) for name in ("key", "name") if type(record.get(name)) is str)
            record = orjson.loads(record) if step is _Opened.STEP else record[step]

    def is_about(self, keys: Iterable[Any], text: str) -> bool:
        """Whether something under some keys with some text is the value, or a part of it, or has it inside."""
        part = text.strip('"')
        if self._text in text or (len(part) > _MIN_PART and part in self._text):
            return True
        return any(type(key) is str and (_folded(key) in self._keys or (key and key in self._text)) for key in keys)


def _folded(key: str) -> str:
    """A key without case and punctuation: parsers rename columns and read both spellings."""
    return _PUNCTUATION.sub("", key).casefold()


_REMOVED: Final = object()


def _changes(value: Any) -> Iterator[Any]:
    """What a value is changed to, one after the other until something shows."""
    if type(value) is bool:
        yield not value
    elif type(value) in (int, float):
        yield value + max(1, abs(value) // 1000)
    elif type(value) is str:
        # First one that is still a time or an address, if it was one; then one that is still another when rounded.
        last = _LAST_DIGIT.search(value)
        if last is not None:
            yield value[: last.start()] + last[0].translate(_SHIFT) + value[last.end() :]
        shifted = value.translate(_SHIFT)
        yield shifted if shifted != value else f"{value}x"
    yield _REMOVED
    if type(value) is str and len(value) <= _MAX_WORD:
        yield from (word for word in _OTHERS if word != value)


def _with(value: Any, path: Path, to: Any) -> Any:
    """A JSON value with another one at a path, or without it: a null is left in an array. It is not changed itself."""
    step, rest = path[0], path[1:]
    if step is _Opened.STEP:
        return orjson.dumps(_with(orjson.loads(value), rest, to)).decode()
    changed: Any = dict(value) if type(value) is dict else list(value)
    if rest:
        changed[step] = _with(value[step], rest, to)
    elif to is not _REMOVED:
        changed[step] = to
    elif type(changed) is dict:
        del changed[step]
    else:
        changed[step] = None
    return changed


def _inside(text: str, levels: int) -> Any:
    """The JSON object or array in a string; None if there is none, or ``levels`` are opened already."""
    if levels >= MAX_OPENED or text[:1] not in ("{", "["):
        return None
    try:
        inside = orjson.loads(text)
        # One that is nested too deeply to be written down again is a text.
        orjson.dumps(inside)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return None
    return inside


def _normal(value: Any, levels: int, depth: int) -> Any:
    """A value whose JSON in strings is spelled as ``_with`` spells it."""
    if depth > MAX_PATH:
        return value
    if type(value) is dict:
        return {key: _normal(item, levels, depth + 1) for key, item in value.items()}
    if type(value) is list:
        return [_normal(item, levels, depth + 1) for item in value]
    if type(value) is str and (inside := _inside(value, levels)) is not None:
        return orjson.dumps(_normal(inside, levels + 1, depth + 1)).decode()
    return value


def _leaves(value: Any, levels: int = 0, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every value that holds no others: its path, and the value.

    Args:
        value: a JSON value.
        levels: how many levels of JSON in strings are open.
        path: the path of the value.
    """
    if len(path) >= MAX_PATH:
        yield path, value
    elif type(value) is str and (inside := _inside(value, levels)):
        yield from _leaves(inside, levels + 1, (*path, _Opened.STEP))
    elif type(value) is dict and value:
        for key, item in value.items():
            yield from _leaves(item, levels, (*path, key))
    elif type(value) is list and value:
        for number, item in enumerate(value):
            yield from _leaves(item, levels, (*path, number))
    elif path:
        yield path, value


def _shown_path(value: Any, path: Path) -> str:
    """A path in a JSON value, as it may be shown."""
    shown = ""
    for step in path:
        if step is _Opened.STEP:
            value = orjson.loads(value)
            continue
        if type(step) is str:
            name = _shown(step, value)
            shown = f"{shown}.{name}" if shown else name
        else:
            shown = f"{shown}[{step}]"
        value = value[step]
    return shown


def _shown(key: str, fields: dict[str, Any]) -> str:
    """A key of an object, if it is a name; keys are content of records too."""
    if KEY.fits(key):
        return key
    return f"<key {1 + list(fields).index(key)}, {len(key)} characters>"


def _kind(value: Any) -> str:
    if value is None or type(value) is bool:
        return "null" if value is None else "true/false"
    return "text" if type(value) is str else "number" if type(value) in (int, float) else "array or object"
