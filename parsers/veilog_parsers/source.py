"""What a log source is: its name, how it is recognized, and how it is parsed.

A parser module's public surface is one ``SOURCE`` of this type; the registry and the documentation read nothing else.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from enum import StrEnum

from veilog_parsers.event import AuditEvent
from veilog_parsers.record.raw import Fields


class Stability(StrEnum):
    """How far a parser can be relied on: verified on real records, or built from documentation alone."""

    STABLE = "stable"
    BETA = "beta"


Test = Callable[[Fields], bool]
"""Whether a record is a source's own."""


@dataclasses.dataclass(frozen=True, slots=True)
class KeyedTest:
    """A test that is made for the markers a record has, so that it need not look for them in every record.

    Attributes:
        make: is given keys of a record, all of the source's markers that it has among them, and makes the test of
            all records with the same.
    """

    make: Callable[[frozenset[str]], Test]

    def __call__(self, fields: Fields) -> bool:
        """The test of a record, as of any marker."""
        return self.make(frozenset(fields))(fields)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One log source.

    Attributes:
        name: what events carry in ``source``, and the config in ``source:``.
        summary: one sentence for the documentation.
        stability: see ``Stability``.
        never_carries: what no reader should look for in these logs.
        references: where the format is described.
        markers: top-level keys that this source's records have, each with a test that confirms the source given
            the record. One marker that is present and confirmed decides; see ``registry``.
        parse: consumes the fields of one record and gives one event. It leaves ``event.unmapped`` alone: what it
            did not take is put there by the registry.
    """

    name: str
    summary: str
    stability: Stability
    never_carries: str
    references: tuple[str, ...]
    markers: Mapping[str, Test]
    parse: Callable[[Fields], AuditEvent]


def always(_fields: Fields) -> bool:
    """A marker that needs no confirmation."""
    return True
