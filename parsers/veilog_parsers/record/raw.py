"""What a transport gives to the parsers: one decoded record, and what its shipper sent with it."""

from __future__ import annotations

import dataclasses
from typing import Any

Fields = dict[str, Any]
"""A decoded JSON object. A parser owns the one that it is given, and consumes it in place (see ``fields``)."""


@dataclasses.dataclass(slots=True)
class RawRecord:
    """One record as it arrived.

    Attributes:
        value: the decoded record: any JSON value, since a sender may send any. In a string the registry looks for JSON.
        raw: the bytes that it was decoded from. Quarantine events have their length and hash.
        tag: the shipper's tag, or "".
        time: the shipper's time of the entry in RFC 3339, for records that have none themselves.
        metadata: the entry's metadata (Fluent Bit v2 entries), or an empty dict; parsers consume what they read of it.
        group: what all entries of a group share (OTLP through Fluent Bit: resource and scope), or an empty dict.
        is_lossy: whether different bytes give the same value: half surrogate pairs were replaced, or digits of numbers
            were lost. The ``event_id`` is made from the value, and then from the bytes too.
    """

    value: Any
    raw: bytes
    tag: str = ""
    time: str | None = None
    metadata: Fields = dataclasses.field(default_factory=dict)
    group: Fields = dataclasses.field(default_factory=dict)
    is_lossy: bool = False
