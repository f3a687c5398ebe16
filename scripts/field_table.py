"""Writes docs/reference/fields.md: every field of an event, what it may be, and what it says. A test keeps it current.

The table is made from the declarations that the gate and the encoder work with (``veilog_parsers.event``,
``veilog_filters.gate``), so it cannot say anything else than they do. Run it with ``make generate``.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any, Final

from veilog_filters.gate import GRAMMARS, Grammar
from veilog_parsers.event import (
    AuditEvent,
    CleanText,
    Constant,
    Digest,
    Handling,
    Name,
    SensitiveText,
    SensitiveTree,
    Timestamp,
)

PAGE: Final = Path(__file__).parents[1] / "docs" / "reference" / "fields.md"
_LOOKS: Final = {
    "`hmac:` and 32 hexadecimal digits": "a value that does not fit the grammar of its field; "
    "the same value in the same field and tenant has the same hash",
    "`p_` and 32 hexadecimal digits": "a caller, under `policy.identity: pseudonymize`; "
    "the same caller in the same field and tenant has the same pseudonym",
    "`<EMAIL_ADDRESS>`, `<CREDIT_CARD>`": "a finding of that entity type under the operator `replace`; `mask` gives "
    "`****`, `hash` gives `<EMAIL_ADDRESS:` 16 hexadecimal digits `>`, `remove` nothing",
    "`<TIMED_OUT>`": "a whole text that took longer than its time, and so counts as found",
    "`<EMAIL_ADDRESS>~2` as a key in `unmapped`": "the second of two keys of one object that are the same once "
    "they are cleaned",
    "`mail~1` as a key in `unmapped`": "an earlier value of a key that the record has twice in one object",
}
"""What veilog puts where something stood, and what it means."""
_HEAD: Final = """\
# What leaves: the fields of an event

<!-- made by `make generate` from the types of the schema and the grammars of the gate -->

A value leaves because of what it is. The encoder refuses every other type in a field.

| it may be | that is |
| --- | --- |
| constant | written in veilog's code or in your configuration |
| one of ... | a member of a closed list |
| number, yes or no | a JSON number or boolean |
| time | RFC 3339, UTC |
| keyed hash | HMAC-SHA-256 under your key, in hexadecimal digits |
| name | a value of the record that fits the field's grammar, see below |
| cleaned text | text in which everything the detectors found was replaced; only where the policy keeps text |

A **grammar** is a closed set of characters, a length, and at most N different words; words on the field's list (of
vendors, services, resource types, clients) do not count, and joining words does not hide them. A value that does not
fit leaves as a keyed hash and is counted in `redaction.hashed_fields`. Secrets, card numbers and government ids are
replaced inside names, whatever the policy.

**Text is kept** by `policy.content: redacted`, `policy.unmapped: redact` and `policy.unrecognized: redact` alone.

Values that veilog itself put where something stood look like this:

| looks like | stands for |
| --- | --- |
{looks}

| field | may be | what it says |
| --- | --- | --- |
"""


def _grammar(grammar: Grammar) -> str:
    return f"name ({grammar.doc}, up to {grammar.max_chars} characters, {grammar.max_words} words) or keyed hash"


def _object(item: Any, path: str) -> str:
    if item is int:
        return "entity types with counts"
    return f"by constant: {_grammar(GRAMMARS[path])}" if Name in _options(item) else "cleaned text"


def _scalar(kind: Any, path: str) -> str:
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "one of " + ", ".join(str(getattr(member, "label", member.value)) for member in kind)
    names: dict[Any, str] = {Constant: "constant", Digest: "keyed hash", Timestamp: "time", CleanText: "cleaned text"}
    names |= {int: "number", float: "number", bool: "yes or no", str: "constant"}
    return names.get(kind, f"{kind} of {path}")


def rows(kind: type[Any], prefix: str = "") -> Iterator[tuple[str, str, str]]:
    """Field, what it may be, and what it says, for each field of a type of the schema."""
    hints = typing.get_type_hints(kind)
    for field in dataclasses.fields(kind):
        if field.metadata.get("handling") is Handling.WORKING:
            continue
        path = prefix + field.name
        doc = field.metadata.get("doc", "")
        options = [hint for hint in _options(hints[field.name]) if hint not in (SensitiveText, SensitiveTree)]
        item = options[0]
        if typing.get_origin(item) is list:
            options = [hint for hint in _options(typing.get_args(item)[0]) if hint is not SensitiveText]
            item = options[0]
        if dataclasses.is_dataclass(item):
            yield path, "object", doc
            yield from rows(typing.cast("type[Any]", item), path + ".")
        elif Name in options:
            yield path, _grammar(GRAMMARS[path]), doc
        elif typing.get_origin(item) is dict:
            yield path, _object(typing.get_args(item)[1], path), doc
        else:
            yield path, _scalar(item, path), doc


def _options(hint: Any) -> list[Any]:
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return [option for option in typing.get_args(hint) if option is not types.NoneType]
    return [hint]


def page() -> str:
    """The page."""
    lines = (f"| `{path}` | {may_be} | {doc} |" for path, may_be, doc in rows(AuditEvent))
    looks = "\n".join(f"| {form} | {meaning} |" for form, meaning in _LOOKS.items())
    return _HEAD.replace("{looks}", looks) + "\n".join(lines) + "\n"
