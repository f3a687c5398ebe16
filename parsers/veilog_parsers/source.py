"""The contract of a log source: its name, how its records are recognized, and how they are parsed.

A module of ``sources`` has one public name, a ``SOURCE`` of this type. The registry and the documentation read it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from enum import StrEnum

from veilog_parsers.event import AuditEvent
from veilog_parsers.record.raw import Fields


class Stability(StrEnum):
    """How well a parser is tested: on real records, or only on records built from documentation."""

    STABLE = "stable"
    BETA = "beta"


Test = Callable[[Fields], bool]
"""Tells whether a source claims a record."""


@dataclasses.dataclass(frozen=True, slots=True)
class KeyedTest:
    """A test that is made once for each set of markers, so that it need not look for them in every record.

    Attributes:
        make: makes the test of all records with the same markers, given keys of such a record. They include those of
            the source's markers that the record has.
    """

    make: Callable[[frozenset[str]], Test]

    def __call__(self, fields: Fields) -> bool:
        """Test a record, as the test of any marker does."""
        return self.make(frozenset(fields))(fields)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One log source.

    Attributes:
        name: the source's name in events and in the configuration (``source``).
        summary: one sentence for the documentation.
        stability: see ``Stability``.
        never_carries: what these logs never have, so that nobody looks for it.
        references: where the format is described.
        markers: top-level keys that this source's records have, each with a test of the record. The source claims a
            record if it has one of the keys and passes its test; see ``registry``.
        may_wrap: for a source that claims records by evidence, since they have no format of their own: whether a record
            that it claims may be what is around a record of another source, so that one is looked for first.
        parse: consumes the fields of one record and returns one event. The registry puts the fields that it left into
            ``event.unmapped``.
    """

    name: str
    summary: str
    stability: Stability
    never_carries: str
    references: tuple[str, ...]
    markers: Mapping[str, Test]
    may_wrap: Test | None = None
    parse: Callable[[Fields], AuditEvent]


def always(_fields: Fields) -> bool:
    """The test of a marker that needs none."""
    return True
