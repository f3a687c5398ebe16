"""Every event to several places, to each in its schema: a SIEM and a data lake from one sidecar.

    pipeline -> records by schema -> a part of the chunk for each schema -> its outlet -> one of its places
                                                                              ack <- its ledger <-

Theory of operation. The places of ``sidecar.forward`` are grouped by schema, and each group has an *outlet*: a sender
with a connection, a ledger of what was not acknowledged, and resending of its own. Within a group nothing is different
from a sidecar with one schema: its places stand in for each other (``balance``), so an event goes to one of them. To
the groups, every event goes to all.

The last stage of the pipeline writes an event once for each schema, in the worker, however many places there are. A
chunk's records go out in parts, for each outlet a part with the same records; and the chunk is acknowledged to the
shipper when all its parts have been acknowledged, by all outlets. So the promise of the ledger holds for each group:
every event arrives there at least once, whatever dies. No state is shared between ledgers, and none is on disk. When
the sidecar dies, the shipper sends again, and each group gets it again; ``event_id`` tells the second delivery.

A place that is down, or never acknowledges, fills the ledger of its own group, and nothing of the others' waits for it
meanwhile: each outlet sends what it has as fast as its place takes it. What waits is the ack to the shipper. When that
one ledger is full, a part can be handed to none, since parts are made and handed on together; the worker then filters
no more, and all groups wait. The bound is, for each worker and group, ``sidecar.max_in_flight_chunks`` chunks, and an
equal share of the half of ``sidecar.max_in_flight_bytes`` that output may have: so all ledgers together take the same
memory, whatever the number of groups. When the place takes chunks again all go on at once, and no other one has
anything sent again.

An outlet is made when the worker starts. A reload may give a group other places; it must not change which schemas
there are, since chunks in a ledger are written in one (see ``process``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from veilog_filters.config import Config
from veilog_filters.metrics import Traffic
from veilog_filters.transports.scheduling import ByteBudget
from veilog_filters.transports.sender import ForwardSender, Sender, StdoutSender


class FanOut:
    """The outlets of a worker.

    Args:
        outlets: by schema.
    """

    def __init__(self, outlets: Mapping[str, Sender]) -> None:
        self.outlets: Final = dict(outlets)

    @property
    def has_capacity(self) -> bool:
        """Whether parts may be handed to all outlets now."""
        return all(outlet.has_capacity for outlet in self.outlets.values())

    async def wait_for_capacity(self) -> None:
        """Return when parts may be handed to all outlets."""
        while not self.has_capacity:
            for outlet in self.outlets.values():
                await outlet.wait_for_capacity()

    @property
    def is_healthy(self) -> bool:
        """Whether chunks should come here: something arrives somewhere, and no outlet keeps the others from it."""
        outlets = self.outlets.values()
        return any(outlet.is_healthy for outlet in outlets) and all(
            outlet.is_healthy or outlet.has_capacity for outlet in outlets
        )

    def configure(self, config: Config) -> None:
        """Take the places of all outlets from a configuration with the same schemas.

        Raises:
            ConfigError: a secret or certificate is not there; then nothing has changed.
        """
        prepared = [(outlet, outlet.prepare(config)) for outlet in self._forwarding()]
        for outlet, next_hops in prepared:
            outlet.replace(next_hops)

    def _forwarding(self) -> list[ForwardSender]:
        return [outlet for outlet in self.outlets.values() if isinstance(outlet, ForwardSender)]

    async def run(self) -> None:
        """Work until cancelled."""
        await asyncio.gather(*(outlet.run() for outlet in self.outlets.values()))


def fan_out(config: Config, traffic: Traffic, budget: ByteBudget) -> FanOut:
    """The outlets that a configuration asks for.

    Args:
        config: places by schema; without one, standard output.
        traffic: counts what goes out.
        budget: what may be kept.

    Raises:
        ConfigError: a secret or certificate is not there.
    """
    places = config.places()
    outlets: dict[str, Sender] = {schema: ForwardSender(config, schema, traffic, budget) for schema in places}
    if not outlets:
        # So that its metrics are there, at 0.
        traffic.delivery(config.output.schema_name)
        outlets[config.output.schema_name] = StdoutSender()
    return FanOut(outlets)
