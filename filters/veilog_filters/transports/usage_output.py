"""Rows of usage on their way out of a sidecar's worker: in chunks of their own, acknowledged as all others are.

They belong to no chunk that came in, so nobody waits for them but the worker itself when it stops. Until they are
handed to the sender they wait here; from there on its ledger keeps them until the next hop has acknowledged them. How
many may wait is bounded by what makes them (``usage``): never more than were counted.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Any, Final

from veilog_filters.forward import Entry, EventTime
from veilog_filters.transports.sender import Sender

TAG: Final = "usage"
"""What stands for the tag that records came with."""
ROWS: Final = 1_000
"""Rows in a chunk: some 500 KB."""


class UsageOutput:
    """Sends rows.

    Args:
        sender: where they go.
    """

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._waiting: list[dict[str, Any]] = []
        self._unacknowledged = 0
        self._settled = asyncio.Event()

    def add(self, rows: Iterable[dict[str, Any]]) -> None:
        """Rows that are to be sent."""
        self._waiting += rows

    async def send(self, template: str) -> None:
        """Hand all rows to the sender, when it has room for them.

        Args:
            template: of the tag, with ``{tag}`` for that of records.
        """
        while self._waiting:
            await self._sender.wait_for_capacity()
            rows, self._waiting = self._waiting[:ROWS], self._waiting[ROWS:]
            self._unacknowledged += 1
            now = EventTime(int(time.time()), 0)
            packed = [self._sender.pack(Entry(now, None, row)) for row in rows]
            self._sender.deliver(template.replace("{tag}", TAG), packed, self._acknowledged)

    async def finish(self, template: str, timeout_secs: float) -> bool:
        """Send all rows and wait until they are acknowledged; whether they were in time."""
        try:
            async with asyncio.timeout(max(timeout_secs, 0)):
                await self.send(template)
                while self._unacknowledged:
                    self._settled.clear()
                    await self._settled.wait()
        except TimeoutError:
            return False
        return True

    def _acknowledged(self) -> None:
        self._unacknowledged -= 1
        self._settled.set()
