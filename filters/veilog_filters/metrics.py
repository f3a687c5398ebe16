"""What was done, as counts. Labels come from closed lists (kinds, error types, entity types), never from records."""

from __future__ import annotations

import dataclasses
from collections import Counter


@dataclasses.dataclass(slots=True)
class Counts:
    """Counters of one pipeline.

    Attributes:
        received: raw records that arrived.
        emitted: events that left, by kind; quarantine events are among them.
        quarantined: quarantine events by ``error_type``.
        dropped: records that policy or protocol let go, by reason.
        entities: replaced spans by entity type and operator.
        unmapped_fields: fields that no parser consumed.
        bytes_in: bytes of raw records.
        bytes_out: bytes of encoded events.
    """

    received: int = 0
    emitted: Counter[str] = dataclasses.field(default_factory=Counter)
    quarantined: Counter[str] = dataclasses.field(default_factory=Counter)
    dropped: Counter[str] = dataclasses.field(default_factory=Counter)
    entities: Counter[tuple[str, str]] = dataclasses.field(default_factory=Counter)
    unmapped_fields: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
