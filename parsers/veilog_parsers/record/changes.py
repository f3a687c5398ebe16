"""What a control-plane record says of a change: lists of names (scopes, roles), and whether a switch is on.

Audit logs write a switch in many words (``enabled``, ``on``, ``yes``), and lists in several forms. A flag of a call
(``stream``) is a boolean: ``fields.pop_flag``.
"""

from __future__ import annotations

from typing import Any, Final

from veilog_parsers.event import SensitiveText, Text
from veilog_parsers.record.fields import as_identifier, peek
from veilog_parsers.record.raw import Fields

MAX_NAMES: Final = 64
_ON: Final = frozenset(("activated", "enabled", "on", "true", "yes"))
_OFF: Final = frozenset(("deactivated", "disabled", "false", "none", "no", "off"))


def pop_names(fields: Fields, *path: str, key: str = "") -> list[Text]:
    """Pop the names from a list, of which each is a string or an object that has it under ``key``; or a single name.

    What is no name (see ``as_identifier``) and what is beyond ``MAX_NAMES`` stays.
    """
    holder = peek(fields, *path[:-1]) if len(path) > 1 else fields
    value = holder.get(path[-1]) if type(holder) is dict else None
    if type(value) is not list:
        name = as_identifier(value) if type(value) is str else None
        if name is not None and type(holder) is dict:
            del holder[path[-1]]
        return [name] if name is not None else []
    found: list[Text] = []
    for position, item in enumerate(value[:MAX_NAMES]):
        name = _name(item, key)
        if name is not None:
            found.append(name)
            if type(item) is dict:
                del item[key]
            else:
                value[position] = None
    return found


def _name(item: Any, key: str) -> SensitiveText | None:
    value = item.get(key) if type(item) is dict and key else item
    return as_identifier(value) if type(value) is str else None


def is_on(value: Any) -> bool | None:
    """Whether a switch is on: a flag, or a word for one; None for anything else."""
    if type(value) is bool:
        return value
    if type(value) is not str or len(value) > 16:
        return None
    word = value.lower()
    return True if word in _ON else False if word in _OFF else None
