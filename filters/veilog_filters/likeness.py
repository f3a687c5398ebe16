"""What names look like without being it: a random id has a card number's check digit once in ten times.

A recognizer reads a name as if it were prose, where ten digits that pass a checksum are seldom there by chance. In an
id they are. So each field has a row in ``LIKENESSES``: which entity types nobody can mean there, and which are meant
only if they are written as a person writes them, in groups (``4111-1111-1111-1111``). Whatever the field, a number that
is cut out of a longer run of letters and digits, or of a UUID, is there by chance.

What no parser consumed is text and no name. But its keys, and the names of services and operations among its values,
have dots in them, which makes Presidio's recognizer of URLs see hosts: ``is_dotted`` and what follows.

Secrets, e-mail addresses and whatever the configuration or a plugin looks for are in no row: no name looks like them.
"""

from __future__ import annotations

import dataclasses
import re
from typing import Final

from veilog_filters.detect.api import Finding
from veilog_filters.detect.entities import PRESIDIO
from veilog_parsers.event import Handling

_OF_NAMES: Final = frozenset(
    {
        "DATE_TIME",
        "IP_ADDRESS",
        "LOCATION",
        "MAC_ADDRESS",
        "NRP",
        "ORGANIZATION",
        "PERSON",
        "PHONE_NUMBER",
        "URL",
        "US_BANK_NUMBER",
        "US_DRIVER_LICENSE",
        "UUID",
    }
)
"""Versions look like dates and addresses, hosts like URLs, ids like phone or licence numbers."""
_ADDRESSES: Final = frozenset({"EMAIL", "EMAIL_ADDRESS"})
_NEVER_BY_CHANCE: Final = _ADDRESSES | {"CRYPTO"}
"""An address has an ``@``; that of a wallet has a checksum of 32 bits."""
_NUMBERS: Final = PRESIDIO - _OF_NAMES - _NEVER_BY_CHANCE
_NEVER_IN_GROUPS: Final = frozenset({"MEDICAL_LICENSE"})


@dataclasses.dataclass(frozen=True, slots=True)
class Likeness:
    """What the names of a field look like.

    Attributes:
        exclude: entity types that nobody can mean there. They are not looked for.
        in_groups: entity types that are meant only if they are written in groups.
    """

    exclude: frozenset[str]
    in_groups: frozenset[str] = frozenset()

    def is_by_chance(self, text: str, finding: Finding) -> bool:
        """Whether a name only looks like what was found in it."""
        entity, start, end = finding.entity, finding.start, finding.end
        if entity not in _NUMBERS:
            return False
        if text[start - 1 : start].isalnum() or text[end : end + 1].isalnum():
            return True
        if any(found.start() <= start and end <= found.end() for found in _UUID.finditer(text)):
            return True
        return entity in self.in_groups and not _GROUPS.fullmatch(text, start, end)


_UUID: Final = re.compile(r"(?<![0-9A-Za-z])[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}(?![0-9A-Za-z])")
_GROUPS: Final = re.compile(r"[0-9A-Za-z]{1,7}(?:[-._ ][0-9A-Za-z]{1,7})+")
"""No group of a UUID's ends is so short."""

_OF_A_THING: Final = Likeness(_OF_NAMES, frozenset({"UK_NHS"}))
# An audit trail names people by what identifies them. Cards, government ids and secrets never do.
_OF_A_CALLER: Final = Likeness(_OF_NAMES | _ADDRESSES)
_OF_A_CALLERS_ID: Final = Likeness(_OF_NAMES | _ADDRESSES, frozenset({"UK_NHS"}))
_OF_AN_ID: Final = Likeness(_OF_NAMES | _NEVER_IN_GROUPS, _NUMBERS - _NEVER_IN_GROUPS)
_OF_A_CALLERS_CALL: Final = Likeness(_OF_NAMES | _NEVER_IN_GROUPS | _ADDRESSES, _NUMBERS - _NEVER_IN_GROUPS)

LIKENESSES: Final = {
    "tenant_id": _OF_AN_ID,
    "organization_id": _OF_AN_ID,
    "user_id": _OF_A_CALLERS_ID,
    "user_name": _OF_A_CALLER,
    "session_id": _OF_A_CALLERS_CALL,
    "conversation_id": _OF_A_CALLERS_CALL,
    "client_ip": _OF_A_CALLERS_ID,
    "user_agent": _OF_A_THING,
    "provider": _OF_A_THING,
    "api_operation": _OF_A_THING,
    "endpoint": _OF_A_THING,
    "model_name": _OF_A_THING,
    "model_version": _OF_A_THING,
    "request_id": _OF_AN_ID,
    "error_code": _OF_A_THING,
    "finish_reasons": _OF_A_THING,
    "tag": _OF_A_THING,
    "cloud.provider": _OF_A_THING,
    "cloud.account_id": _OF_AN_ID,
    "cloud.region": _OF_A_THING,
    "cloud.resource": _OF_A_THING,
    "tool_calls.name": _OF_A_THING,
    "trace_id": _OF_AN_ID,
    "span_id": _OF_AN_ID,
    "sensitivity_labels": _OF_AN_ID,
    "knowledge_base_id": _OF_AN_ID,
    "agent.id": _OF_AN_ID,
    "guardrail.id": _OF_AN_ID,
    "network.ja3": _OF_AN_ID,
    "network.ja4": _OF_AN_ID,
    "group": _OF_A_THING,
}
"""By field, as ``gate.GRAMMARS``; others by their handling. Whatever has the grammar of ids is an id here too."""

_BY_HANDLING: Final = {Handling.IDENTITY: _OF_A_CALLER, Handling.IDENTIFIER: _OF_A_THING}


def likeness_of(field: str, handling: Handling = Handling.IDENTIFIER) -> Likeness:
    """What the names of a field look like; of one without a row, what its handling says."""
    return LIKENESSES.get(field) or _BY_HANDLING[handling]


_DOTTED: Final = re.compile(r"(?!https?:|www\.)[A-Za-z0-9_$@-]+(?:[.:/][A-Za-z0-9_$@-]+)+", re.IGNORECASE)
_MAX_DOTTED_CHARS: Final = 128
_SERVICE_HOST: Final = re.compile(
    r"[a-z0-9-]{1,40}(?:\.[a-z]{2}(?:-[a-z]+)+-[0-9])?\.(?:amazonaws\.com(?:\.cn)?|googleapis\.com|azure\.com)"
)
"""Hosts of cloud services, without those of their customers' buckets, accounts and gateways."""
_SERVICE_KEYS: Final = frozenset(
    """
    @type action api_operation eventname eventsource eventtype event_type method methodname operation operationname
    permission service servicename service_name
    """.split()  # noqa: SIM905
)
"""Keys whose values are names of services and operations, in lower case."""


def is_dotted(text: str) -> bool:
    """Whether a text is an identifier with dots, slashes or colons in it, as keys and services have: no URL."""
    return len(text) <= _MAX_DOTTED_CHARS and _DOTTED.fullmatch(text) is not None


def is_of_a_service(text: str, key: str) -> bool:
    """Whether an identifier with dots is the name of a service or an operation: by its key, or as a cloud's host."""
    return key.lower() in _SERVICE_KEYS or _SERVICE_HOST.fullmatch(text) is not None


def is_cut(text: str, finding: Finding) -> bool:
    """Whether what was found begins or ends within a word."""
    before, behind = text[finding.start - 1 : finding.start], text[finding.end : finding.end + 1]
    return before.isalnum() or before == "_" or behind.isalnum() or behind == "_"
