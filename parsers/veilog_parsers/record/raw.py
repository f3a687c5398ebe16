"""What a transport hands to the parsers: one decoded record and what the shipper said about it."""

from __future__ import annotations

import dataclasses
from typing import Any

Fields = dict[str, Any]
"""A decoded JSON object. Parsers own the one they are given and consume it in place (see ``fields``)."""


@dataclasses.dataclass(slots=True)
class RawRecord:
    """One record as it arrived.

    Attributes:
        value: the decoded record; any JSON value, since what arrives need not be an object. A text is one that has
            JSON in it: the registry opens it.
        raw: the bytes it was decoded from. They key its ``event_id``, so that a redelivery has the same one.
        tag: the shipper's tag, or "".
        time: the shipper's time of the entry in RFC 3339, for records that carry none themselves.
        metadata: the entry's metadata (Fluent Bit v2 entries), or an empty dict; parsers consume what they read of it.
        group: what the entry's group has in common (OTLP through Fluent Bit: resource and scope), or an empty dict.
        is_lossy: whether what was decoded says less than the bytes: halves of surrogate pairs, or numbers of more
            digits than are kept. Then the bytes, too, key the ``event_id``.
    """

    value: Any
    raw: bytes
    tag: str = ""
    time: str | None = None
    metadata: Fields = dataclasses.field(default_factory=dict)
    group: Fields = dataclasses.field(default_factory=dict)
    is_lossy: bool = False
