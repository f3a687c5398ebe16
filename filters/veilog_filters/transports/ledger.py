"""The ack ledger: a shipper's chunk is acknowledged only after everything made from it has been acknowledged.

Theory of operation. A shipper keeps a chunk in its buffer until it is acknowledged. veilog keeps nothing on disk, so
its promise is small and strict: the chunk it got is acknowledged only when the chunk it made from it has been
acknowledged by the next hop. Until then the made chunk stands in this ledger, and every new connection to the next hop
begins by sending all that stands here again, in order. If veilog dies, the shipper has no ack and sends again; if the
next hop dies, the ledger sends again. So every event arrives at least once, and ``event_id`` tells the second delivery
from the first. What policy drops leaves nothing to deliver: it is done at once.

The ledger is bounded, in chunks and bytes. When it is full, no more is read (``has_capacity``), the shipper's socket
fills, and the shipper waits: that is the backpressure. An ack that is not expected (twice, or never asked for) is
counted and changes nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator


@dataclasses.dataclass(slots=True)
class _Pending:
    payload: bytes
    done: Callable[[], None]


class Ledger:
    """Chunks on their way to the next hop.

    Args:
        max_chunks: most chunks at a time.
        max_bytes: most bytes at a time; one chunk more than that may stand here.
    """

    def __init__(self, max_chunks: int, max_bytes: int) -> None:
        self._max_chunks = max_chunks
        self._max_bytes = max_bytes
        self._pending: dict[str, _Pending] = {}
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._pending)

    @property
    def has_capacity(self) -> bool:
        """Whether another chunk may be entered."""
        return len(self._pending) < self._max_chunks and self.bytes < self._max_bytes

    def enter(self, chunk_id: str, payload: bytes, done: Callable[[], None]) -> None:
        """A chunk that must be delivered; ``done`` is called once, when it is."""
        self._pending[chunk_id] = _Pending(payload, done)
        self.bytes += len(payload)

    def settle(self, chunk_id: str) -> bool:
        """The next hop has taken a chunk over. False for an id that is not expected."""
        pending = self._pending.pop(chunk_id, None)
        if pending is None:
            return False
        self.bytes -= len(pending.payload)
        pending.done()
        return True

    def unsettled(self) -> Iterator[tuple[str, bytes]]:
        """Ids and bytes of what stands here, in the order in which it was entered."""
        return ((chunk_id, pending.payload) for chunk_id, pending in self._pending.items())
