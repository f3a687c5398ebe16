"""Rows of usage on their way out of a sidecar's worker: in chunks of their own, acknowledged as all others are.

They belong to no chunk that came in, so nobody waits for them but the worker itself when it stops. Until they are
handed to all outlets they wait here; from there on their ledgers keep them until their places have acknowledged them.
How many may wait is bounded by what makes them (``usage``): never more than were counted.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Final

from veilog_filters.encoders import Written
from veilog_filters.forward import Entry, EventTime
from veilog_filters.transports.fan_out import FanOut

TAG: Final = "usage"
"""What stands for the tag that records came with."""
ROWS: Final = 1_000
"""Rows in a chunk: some 500 KB."""


class UsageOutput:
    """Sends rows.

    Args:
        outlets: where they go, by the schemas of the pipeline.
    """

    def __init__(self, outlets: FanOut) -> None:
        self._outlets = outlets
        self._waiting: list[Written] = []
        self._unacknowledged = 0
        self._settled = asyncio.Event()

    def add(self, rows: Iterable[Written]) -> None:
        """Rows that are to be sent."""
        self._waiting += rows

    async def send(self, template: str) -> None:
        """Hand all rows to the outlets, when all have room for them.

        Args:
            template: of the tag, with ``{tag}`` for that of records and ``{schema}`` for the schema.
        """
        while self._waiting:
            await self._outlets.wait_for_capacity()
            rows, self._waiting = self._waiting[:ROWS], self._waiting[ROWS:]
            now = EventTime(int(time.time()), 0)
            for number, (schema, outlet) in enumerate(self._outlets.outlets.items()):
                tag = template.replace("{schema}", schema).replace("{tag}", TAG)
                packed = [outlet.pack(Entry(now, None, event)) for row in rows for event in row[number]]
                self._unacknowledged += 1
                outlet.deliver(tag, packed, self._acknowledged)

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
