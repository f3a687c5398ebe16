"""What comes in at the doors of detectors, encoders and rule packs: the types that ``api`` shows to plugins.

(What comes in at that of sources is in ``veilog_parsers.source``.)
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from veilog_filters.detect.api import Finding


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TextDetector:
    """Finds things in texts, beside Presidio.

    Attributes:
        name: the name of its entry point.
        summary: one sentence for ``veilog detectors``.
        entities: all entity types of its findings, in capitals, for example ``EMPLOYEE_BADGE``. They may be used in
            ``detect.entities``, ``redact.operators`` and classification rules.
        find: is given texts, and gives the findings of each, in the same order. A finding is a span in characters,
            half open, not empty and inside of its text. A text may be a message, a part of one, a value with its key
            before it, or another form of a text (with escapes undone, for example); none of them says where it is from.
        prepare: is called once at start, or before the first text: for what takes long, as loading a model.
    """

    name: str
    summary: str
    entities: frozenset[str]
    find: Callable[[Sequence[str]], Sequence[Sequence[Finding]]]
    prepare: Callable[[], object] | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BuiltInDetector:
    """A part of the built-in scan. Not for plugins: it says how the options of that scan are without it.

    Attributes:
        name: its name.
        summary: one sentence for ``veilog detectors``.
        without: is given the ``detect`` section of a configuration, and gives it without this part.
        is_on: whether a ``detect`` section has it on.
    """

    name: str
    summary: str
    without: Callable[[Any], Any]
    is_on: Callable[[Any], bool]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Encoder:
    """Writes events in another schema.

    Attributes:
        name: the name of its entry point, and what ``veilog filter --schema`` calls it.
        summary: one sentence for ``veilog encoders``.
        constants: every string that it writes and did not get: keys, versions, labels.
        encode: is given an event of ``veilog/1`` as an object of JSON, with nothing in it but what may leave, and gives
            the object that is written. A string in that object, or a key, is made of words of the event and of
            ``constants`` alone, put together with spaces and punctuation of ASCII; else the event is in quarantine.
        further: is given the same event, and gives the records that are written for it beside that object, after it:
            none for most events, an alert for some. What holds for ``encode`` holds for each of them. None where an
            event always is one record.
    """

    name: str
    summary: str
    constants: frozenset[str]
    encode: Callable[[dict[str, Any]], dict[str, Any]]
    further: Callable[[dict[str, Any]], list[dict[str, Any]]] | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RulePack:
    """Classification rules that are added to those of the policy. A rule can raise a label, never lower it.

    Attributes:
        name: the name of its entry point.
        summary: one sentence for ``veilog rules``.
        file: a YAML file with ``name``, ``version`` and ``rules``, as ``veilog schema policy`` prints them.
    """

    name: str
    summary: str
    file: Path


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ThreatPack:
    """Threat rules, beside those of veilog.

    Attributes:
        name: the name of its entry point, in the group of rule packs.
        summary: one sentence for ``veilog rules``.
        path: a YAML file with ``name``, ``version`` and ``rules``, as ``veilog schema threats`` prints them; or a
            folder of such files.
    """

    name: str
    summary: str
    path: Path


def constants_in(*values: Any) -> frozenset[str]:
    """All strings and keys in some values (strings, lists, tuples, sets, mappings): for ``Encoder.constants``."""
    return frozenset(_strings_in(values))


def _strings_in(values: Iterable[Any]) -> Iterator[str]:
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, Mapping):
            yield from _strings_in(value)
            yield from _strings_in(value.values())
        elif isinstance(value, list | tuple | set | frozenset):
            yield from _strings_in(value)
