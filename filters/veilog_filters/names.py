"""Names on their way out: of people, models, endpoints, ids, tags.

A name leaves as it is if it fits the grammar of its field (see ``gate``) and holds nothing that has to be removed: no
secret, no card number, no e-mail address where a machine is named, whatever the policy says about text. Names are kept
from being eaten by the entities that such names always look like, see ``EXPECTED_IN_NAMES``. A value that fits no
grammar leaves as a keyed hash.

Under ``identity: pseudonymize`` who-fields are keyed hashes (``p_``), and so is a caller's name where it stands inside
another field: in the name of a fine-tuned model, in a resource, in an ARN.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, Final

from veilog_filters.config import Policy
from veilog_filters.fingerprint import Fingerprinter
from veilog_filters.gate import GRAMMARS, HASH_PREFIX
from veilog_filters.inspect import MAX_SHORT_CHARS, Inspected, Inspector
from veilog_parsers.event import CleanText, Constant, Digest, Handling, Name, SensitiveText, Text

PSEUDONYM_PREFIX: Final = "p_"
MAX_CLEAN_NAMES: Final = 4096
"""The same models, endpoints and callers come again and again, so short names that left as they are are remembered, as
many of each field. Names that do not leave as they are, are not."""

_EXPECTED_OF_THINGS: Final = frozenset(
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
EXPECTED_IN_NAMES: Final = {
    # Versions look like dates and addresses, hosts like URLs, ids like phone or licence numbers.
    Handling.IDENTIFIER: _EXPECTED_OF_THINGS,
    # An audit trail names people by what identifies them. Cards, government ids and secrets never do.
    Handling.IDENTITY: _EXPECTED_OF_THINGS | {"EMAIL_ADDRESS"},
}

_MIN_WHO_CHARS: Final = 4
"""A shorter part of a caller's name stands in other names by chance."""
_CALLER_IN_PATH: Final = re.compile(
    r"((?:^|[/:])(?:users?|assumed-role/[^/]{1,128}|federated-user|people|members?|home)[/:])([^/:?#]{1,256})",
    re.IGNORECASE,
)
_SEPARATORS: Final = re.compile(r"[\W_]+")


class Names:
    """Makes of a record's values what may leave in fields for names.

    Args:
        policy: whether callers are pseudonymized.
        inspector: finds what has to be removed.
        fingerprinter: makes keyed hashes and pseudonyms.
        redact: an inspected text with its findings replaced.

    Attributes:
        hashed: how many values left as keyed hashes since ``begin``, by field.
    """

    def __init__(
        self,
        policy: Policy,
        inspector: Inspector,
        fingerprinter: Fingerprinter,
        redact: Callable[[Inspected, str], CleanText],
    ) -> None:
        self.hashed: dict[str, int] = {}
        self._pseudonymize = policy.identity == "pseudonymize"
        self._inspect = inspector
        self._fingerprinter = fingerprinter
        self._redact = redact
        self._clean: dict[str, OrderedDict[str, Name]] = {field: OrderedDict() for field in GRAMMARS}
        self._callers: list[tuple[str, str, str]] = []

    def begin(self, callers: Sequence[tuple[str, Text | None]] = (), tenant: str = "") -> None:
        """Begin an event.

        Args:
            callers: its who-fields, by name.
            tenant: by which hashes are separated.
        """
        self.hashed = {}
        self._callers = []
        if self._pseudonymize:
            for field, value in callers:
                if isinstance(value, SensitiveText):
                    text = value.reveal()
                    pseudonym = self._pseudonym(text, field, tenant)
                    self._callers += ((part, _squeezed(part), pseudonym) for part in _parts(text))

    def __call__(self, value: Text, field: str, handling: Handling, tenant: str) -> Name | Digest | Constant:
        """What leaves for a value of a field of ``gate.GRAMMARS``."""
        if not isinstance(value, SensitiveText):
            return value
        text = value.reveal()
        if self._pseudonymize:
            if handling is Handling.IDENTITY:
                return self._pseudonym(text, field, tenant)
            concealed = self._conceal(text, field, tenant)
            if concealed is not text:
                return self.hash(text, field, tenant) if concealed is None else Name(concealed)
        clean = self._clean[field]
        known = clean.get(text)
        if known is not None:
            clean.move_to_end(text)
            return known
        name = GRAMMARS[field].name(text)
        if name is None:
            return self.hash(text, field, tenant)
        inspected = self._inspect.name(text, EXPECTED_IN_NAMES[handling])
        if inspected.findings:
            return Name(self._redact(inspected, tenant))
        if len(text) <= MAX_SHORT_CHARS:
            clean[text] = name
            if len(clean) > MAX_CLEAN_NAMES:
                clean.popitem(last=False)
        return name

    def each(self, values: Sequence[Text], field: str, handling: Handling, tenant: str) -> list[Any]:
        """What leaves for the values of a list. A list of too many different ones may be a sentence, word by word."""
        texts = {value.reveal() for value in values if isinstance(value, SensitiveText)}
        if len(texts) <= GRAMMARS[field].max_distinct:
            return [self(value, field, handling, tenant) for value in values]
        return [
            self.hash(value.reveal(), field, tenant) if isinstance(value, SensitiveText) else value for value in values
        ]

    def hash(self, text: str, field: str, tenant: str) -> Digest:
        """The keyed hash that leaves for a value that is no name of the field."""
        self.hashed[field] = self.hashed.get(field, 0) + 1
        digest = self._fingerprinter.digest(f"name:{field}", tenant, text.encode("utf-8", "surrogatepass"))
        return Digest(HASH_PREFIX + digest[:32])

    def _pseudonym(self, text: str, field: str, tenant: str) -> Digest:
        digest = self._fingerprinter.digest(f"identity:{field}", tenant, text.encode("utf-8", "surrogatepass"))
        return Digest(PSEUDONYM_PREFIX + digest[:32])

    def _conceal(self, text: str, field: str, tenant: str) -> str | None:
        """A machine's name with callers' names in it replaced; the same object if there are none, None if unsure."""

        def in_path(match: re.Match[str]) -> str:
            return match[1] + self._pseudonym(match[2], "user_name", tenant)

        concealed = _CALLER_IN_PATH.sub(in_path, text) if "/" in text or ":" in text else text
        squeezed = _squeezed(text) if self._callers else ""
        for part, bare, pseudonym in self._callers:
            if bare not in squeezed:
                continue
            replaced = re.sub(re.escape(part), pseudonym, concealed, flags=re.IGNORECASE)
            if replaced == concealed and concealed == text:
                # The caller's letters are there, written another way.
                return None
            concealed = replaced
        if concealed == text:
            return text
        if (
            not GRAMMARS[field].fits(text)
            or self._inspect.name(concealed, EXPECTED_IN_NAMES[Handling.IDENTIFIER]).findings
        ):
            return None
        return concealed


def _parts(text: str) -> list[str]:
    """A caller's name and the parts of it that name the caller too, longest first: of an ARN, a path, an address."""
    parts = {text, re.split(r"[/:\\|]", text)[-1]}
    parts |= {part.partition("@")[0] for part in parts}
    return sorted((part for part in parts if len(_squeezed(part)) >= _MIN_WHO_CHARS), key=len, reverse=True)


def _squeezed(text: str) -> str:
    return _SEPARATORS.sub("", text).casefold()
