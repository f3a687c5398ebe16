"""How much a peer may make us hold. Breaking a limit ends its connection."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one connection.

    Attributes:
        max_unauthenticated_bytes: all that a peer may send before it is known, where there is a key to know.
        max_unauthenticated_elements: most msgpack objects until then, in all messages: to scan them takes time too.
        max_frame_bytes: longest message on the wire.
        max_frame_elements: most msgpack objects in a message; a binary is one, whatever is in it.
        max_entry_bytes: longest record of a chunk, and longest head (time and metadata) of one.
        max_entry_elements: most msgpack objects in an entry.
        max_entries: most entries of a chunk.
        max_depth: deepest nesting of a record.
        max_inflated_bytes: longest decompressed chunk.
        max_members: most gzip members of a compressed chunk; Fluentd writes one for each append to its buffer.
        max_window_bytes: how far a zstd stream may refer back, which its decoder keeps in memory.
        max_tag_bytes: longest tag.
        max_chunk_id_bytes: longest chunk id.
        max_option_bytes: longest option map.
    """

    max_unauthenticated_bytes: int = 65_536
    max_unauthenticated_elements: int = 64
    max_frame_bytes: int = 33_554_432
    max_frame_elements: int = 4_194_304
    max_entry_bytes: int = 16_777_216
    max_entry_elements: int = 1_048_576
    max_entries: int = 200_000
    max_depth: int = 256
    max_inflated_bytes: int = 33_554_432
    max_members: int = 65_536
    max_window_bytes: int = 8_388_608
    max_tag_bytes: int = 1024
    max_chunk_id_bytes: int = 256
    max_option_bytes: int = 65_536
