"""How much a peer may make us hold. Breaking a limit ends its connection."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one connection.

    Attributes:
        max_frame_bytes: longest message on the wire.
        max_entry_bytes: longest entry of a chunk.
        max_entries: most entries of a chunk.
        max_depth: deepest nesting of a record.
        max_inflated_bytes: longest decompressed chunk.
        max_inflate_ratio: how many times its compressed size a chunk may have; small chunks are exempt.
        max_tag_bytes: longest tag.
    """

    max_frame_bytes: int = 33_554_432
    max_entry_bytes: int = 16_777_216
    max_entries: int = 200_000
    max_depth: int = 256
    max_inflated_bytes: int = 134_217_728
    max_inflate_ratio: int = 250
    max_tag_bytes: int = 1024
