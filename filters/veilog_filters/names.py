"""Names on their way out: of people, models, endpoints, ids, tags.

A name leaves as it is if it fits the grammar of its field (see ``gate``) and holds nothing that has to be removed: no
secret, no card number, no e-mail address where a machine is named, whatever the policy says about text. Names are kept
from being eaten by the entities that such names look like by chance, see ``likeness``. A value that fits no grammar
leaves as a keyed hash.

The stage that collects texts and the one that redacts both ask here: detection is between them.

Under ``identity: pseudonymize`` who-fields are keyed hashes (``p_``), and so is a caller's name where it stands inside
another field: in the name of a fine-tuned model, in a resource, in an ARN.
"""

from __future__ import annotations

import dataclasses
import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Final, final

from veilog_filters.config import Policy
from veilog_filters.fingerprint import Fingerprinter
from veilog_filters.gate import GRAMMARS, HASH_PREFIX
from veilog_filters.likeness import likeness_of
from veilog_filters.texts import MAX_SHORT_CHARS, Inspected, Texts
from veilog_parsers.event import CleanText, Constant, Digest, Handling, Name, SensitiveText, Text

PSEUDONYM_PREFIX: Final = "p_"
MAX_CLEAN_NAMES: Final = 4096
"""The same models, endpoints and callers come again and again, so short names that left as they are are remembered, as
many of each field. Names that do not leave as they are, are not."""

_MIN_WHO_CHARS: Final = 4
"""A shorter part of a caller's name stands in other names by chance."""
_CALLER_IN_PATH: Final = re.compile(
    r"((?:^|[/:])(?:users?|assumed-role/[^/]{1,128}|federated-user|people|members?|home)[/:])([^/:?#]{1,256})",
    re.IGNORECASE,
)
_SEPARATORS: Final = re.compile(r"[\W_]+")

Callers = Sequence[tuple[str, str, str]]
"""Parts of callers' names: as they are, without separators, and the pseudonym."""
Replace = Callable[[Inspected, str], CleanText]
"""An inspected text and the tenant to the text with its findings replaced."""


@final
@dataclasses.dataclass(frozen=True, slots=True)
class PendingName:
    """A value of a field for names, of which is not known yet what leaves for it.

    Attributes:
        text: the value.
        field: its field, of ``gate.GRAMMARS``.
        name: what leaves if nothing is found in it; None if it leaves as a keyed hash.
        inspected: what is found in it; None if nothing needs to be.
        is_caller: whether it leaves as a pseudonym.
        is_concealed: whether callers' names in it were replaced.
    """

    text: str
    field: str
    name: Name | None = None
    inspected: Inspected | None = None
    is_caller: bool = False
    is_concealed: bool = False


Named = Name | Digest | Constant | PendingName


class Names:
    """Makes of a record's values what may leave in fields for names, in two steps: detection is between them.

    ``read`` says what has to be read of a value, ``leave`` what leaves for it.

    Args:
        policy: whether callers are pseudonymized.
        fingerprinter: makes keyed hashes and pseudonyms.
    """

    def __init__(self, policy: Policy, fingerprinter: Fingerprinter) -> None:
        self._pseudonymize = policy.identity == "pseudonymize"
        self._fingerprinter = fingerprinter
        self._clean: dict[str, OrderedDict[str, Name]] = {field: OrderedDict() for field in GRAMMARS}

    def callers(self, fields: Iterable[tuple[str, Text | None]], tenant: str) -> Callers:
        """The parts of callers' names that are concealed where they stand inside other names.

        Args:
            fields: a record's who-fields, by name.
            tenant: by which hashes are separated.
        """
        callers: list[tuple[str, str, str]] = []
        if self._pseudonymize:
            for field, value in fields:
                if isinstance(value, SensitiveText):
                    text = value.reveal()
                    pseudonym = self._pseudonym(text, field, tenant)
                    callers += ((part, _squeezed(part), pseudonym) for part in _parts(text))
        return callers

    def read(
        self, texts: Texts, value: Text, field: str, handling: Handling, tenant: str, callers: Callers = ()
    ) -> Named:
        """What leaves for a value, if that is known, else what ``leave`` needs to tell it.

        Args:
            texts: where the value is put if it has to be read.
            value: the value.
            field: its field, of ``gate.GRAMMARS``.
            handling: how the field is handled.
            tenant: by which hashes are separated.
            callers: whose names are concealed in it.
        """
        if not isinstance(value, SensitiveText):
            return value
        text = value.reveal()
        if self._pseudonymize:
            if handling is Handling.IDENTITY:
                return PendingName(text, field, is_caller=True)
            concealed = self._conceal(text, tenant, callers)
            if concealed is not text:
                if concealed is None or not GRAMMARS[field].fits(text):
                    return PendingName(text, field)
                inspected = texts.name(concealed, likeness_of(field))
                return PendingName(text, field, Name(concealed), inspected, is_concealed=True)
        clean = self._clean[field]
        known = clean.get(text)
        if known is not None:
            clean.move_to_end(text)
            return known
        fitting = GRAMMARS[field].name(text)
        if fitting is None:
            return PendingName(text, field)
        return PendingName(text, field, fitting, texts.name(text, likeness_of(field, handling)))

    def read_each(
        self, texts: Texts, values: Sequence[Text], field: str, handling: Handling, tenant: str, callers: Callers = ()
    ) -> list[Named]:
        """As ``read``, for a list of values. One of too many different values or words may be a sentence, in pieces."""
        different = {value.reveal() for value in values if isinstance(value, SensitiveText)}
        if GRAMMARS[field].fit_together(different):
            return [self.read(texts, value, field, handling, tenant, callers) for value in values]
        return [PendingName(value.reveal(), field) if isinstance(value, SensitiveText) else value for value in values]

    def leave(self, pending: PendingName, tenant: str, redact: Replace, hashed: dict[str, int]) -> Name | Digest:
        """What leaves for a value that was read.

        Args:
            pending: as ``read`` has given it.
            tenant: by which hashes are separated.
            redact: an inspected text with its findings replaced.
            hashed: counts values that leave as keyed hashes, by field.
        """
        text, field, name, inspected = pending.text, pending.field, pending.name, pending.inspected
        if pending.is_caller:
            return self._pseudonym(text, field, tenant)
        if name is None or inspected is None:
            return self.hash(text, field, tenant, hashed)
        if inspected.findings:
            if pending.is_concealed:
                return self.hash(text, field, tenant, hashed)
            return Name(redact(inspected, tenant))
        if len(text) <= MAX_SHORT_CHARS and not pending.is_concealed:
            clean = self._clean[field]
            clean[text] = name
            if len(clean) > MAX_CLEAN_NAMES:
                clean.popitem(last=False)
        return name

    def hash(self, text: str, field: str, tenant: str, hashed: dict[str, int]) -> Digest:
        """The keyed hash that leaves for a value that is no name of the field."""
        hashed[field] = hashed.get(field, 0) + 1
        digest = self._fingerprinter.digest(f"name:{field}", tenant, text.encode("utf-8", "surrogatepass"))
        return Digest(HASH_PREFIX + digest[:32])

    def _pseudonym(self, text: str, field: str, tenant: str) -> Digest:
        digest = self._fingerprinter.digest(f"identity:{field}", tenant, text.encode("utf-8", "surrogatepass"))
        return Digest(PSEUDONYM_PREFIX + digest[:32])

    def _conceal(self, text: str, tenant: str, callers: Callers) -> str | None:
        """A machine's name with callers' names in it replaced; the same object if there are none, None if unsure."""

        def in_path(match: re.Match[str]) -> str:
            return match[1] + self._pseudonym(match[2], "user_name", tenant)

        concealed = _CALLER_IN_PATH.sub(in_path, text) if "/" in text or ":" in text else text
        squeezed = _squeezed(text) if callers else ""
        for part, bare, pseudonym in callers:
            if bare not in squeezed:
                continue
            replaced = re.sub(re.escape(part), pseudonym, concealed, flags=re.IGNORECASE)
            if replaced == concealed and concealed == text:
                # The caller's letters are there, written another way.
                return None
            concealed = replaced
        return text if concealed == text else concealed


def _parts(text: str) -> list[str]:
    """A caller's name and the parts of it that name the caller too, longest first: of an ARN, a path, an address."""
    parts = {text, re.split(r"[/:\\|]", text)[-1]}
    parts |= {part.partition("@")[0] for part in parts}
    return sorted((part for part in parts if len(_squeezed(part)) >= _MIN_WHO_CHARS), key=len, reverse=True)


def _squeezed(text: str) -> str:
    return _SEPARATORS.sub("", text).casefold()
