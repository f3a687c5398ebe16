"""Tells from an operation's name whether it creates, reads, changes or deletes: schemas have an activity for each."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Activity(StrEnum):
    """What an operation does to the thing that it names."""

    CREATE = "create"
    READ = "read"
    UPDATE = "update"
    DELETE = "delete"
    OTHER = "other"


_WORDS: Final = {
    Activity.CREATE: "create put insert add register generate issue upload import",
    Activity.READ: "get list read describe search query retrieve lookup fetch view export",
    Activity.UPDATE: (
        "update modify set enable disable edit change patch tag untag write attach detach start stop grant assign"
    ),
    Activity.DELETE: "delete remove revoke deregister archive",
}
_VERBS: Final = {verb: activity for activity, verbs in _WORDS.items() for verb in verbs.split()}
_PAST: Final = {f"{verb}{'d' if verb.endswith('e') else 'ed'}": activity for verb, activity in _VERBS.items()}


def activity_of(operation: str) -> Activity:
    """The activity of an operation, by the first verb in its name: ``DeleteGuardrail``, ``key.created``, ``list_keys``.

    Args:
        operation: the name as the source gives it, in camel case or with separators.
    """
    word = ""
    for character in f"{operation[:1].lower()}{operation[1:]}.":
        if character.isalpha() and not character.isupper():
            word += character
            continue
        found = _VERBS.get(word) or _PAST.get(word)
        if found is not None:
            return found
        word = character.lower() if character.isupper() else ""
    return Activity.OTHER
