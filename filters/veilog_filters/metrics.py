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
        findings: what was found in prompts and responses, by entity type; text need not be kept for it to count.
        entities: replaced spans by entity type and operator.
        hashed_names: values that fit no name's grammar and left as keyed hashes, by field.
        unmapped_fields: fields that no parser consumed.
        timed_out_texts: texts that took too long and so counted as found, whole.
        bytes_in: bytes of raw records.
        bytes_out: bytes of encoded events.
        stage_seconds: time spent per stage, in seconds.
        stage_events: events that came to a stage.
        cache_hits: texts whose findings were known, so that no detector ran.
        cache_misses: texts that were looked up and not known. Short texts without candidates are not looked up.
        fallback_records: records whose texts Presidio's engine read, since a fast path does not fit the installed
            libraries, by fast path.
        ner_texts: texts by what NER made of them (``detect.ner.RESULTS``); none without NER.
        ner_seconds: time the model took, in seconds.
        ner_recycles: how often the model was loaded anew, since its vocabulary had grown.
        threats: threats by rule, severity and mode (``enforce``, ``dry_run``).
        plugin_failures: how often plugins failed, by kind, name and reason (``fence.REASONS``).
    """

    received: int = 0
    emitted: Counter[str] = dataclasses.field(default_factory=Counter)
    quarantined: Counter[str] = dataclasses.field(default_factory=Counter)
    dropped: Counter[str] = dataclasses.field(default_factory=Counter)
    findings: Counter[str] = dataclasses.field(default_factory=Counter)
    hashed_names: Counter[str] = dataclasses.field(default_factory=Counter)
    entities: Counter[tuple[str, str]] = dataclasses.field(default_factory=Counter)
    unmapped_fields: int = 0
    timed_out_texts: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    stage_seconds: Counter[str] = dataclasses.field(default_factory=Counter)
    stage_events: Counter[str] = dataclasses.field(default_factory=Counter)
    cache_hits: int = 0
    cache_misses: int = 0
    fallback_records: Counter[str] = dataclasses.field(default_factory=Counter)
    ner_texts: Counter[str] = dataclasses.field(default_factory=Counter)
    ner_seconds: float = 0.0
    ner_recycles: int = 0
    threats: Counter[tuple[str, str, str]] = dataclasses.field(default_factory=Counter)
    plugin_failures: Counter[tuple[str, str, str]] = dataclasses.field(default_factory=Counter)

    def clear(self) -> None:
        """Begin at zero. Counters are emptied, not replaced: stages hold them."""
        for field in dataclasses.fields(Counts):
            value = getattr(self, field.name)
            if isinstance(value, Counter):
                value.clear()
            else:
                setattr(self, field.name, type(value)())

    def add(self, other: Counts) -> None:
        """Add the counts of another pipeline to these."""
        for field in dataclasses.fields(Counts):
            ours, theirs = getattr(self, field.name), getattr(other, field.name)
            if isinstance(ours, Counter):
                ours.update(theirs)
            else:
                setattr(self, field.name, ours + theirs)


@dataclasses.dataclass(slots=True)
class Delivery:
    """Counters and gauges of what goes to the places of one schema.

    Attributes:
        in_flight_chunks: chunks that wait for an ack of the next hop now.
        in_flight_bytes: their bytes.
        chunks_delivered: chunks that the next hop has taken over.
        reconnects: connections to the next hop that ended.
    """

    in_flight_chunks: int = 0
    in_flight_bytes: int = 0
    chunks_delivered: int = 0
    reconnects: int = 0

    def add(self, other: Delivery) -> None:
        """Add another process's; gauges add up too."""
        self.in_flight_chunks += other.in_flight_chunks
        self.in_flight_bytes += other.in_flight_bytes
        self.chunks_delivered += other.chunks_delivered
        self.reconnects += other.reconnects


@dataclasses.dataclass(slots=True)
class Traffic:
    """Counters and gauges of one sidecar process.

    Attributes:
        connections: shippers that are connected now.
        chunks_received: chunks that came in.
        deliveries: what goes out, by schema.
        errors: protocol and connection errors by direction (``receive``, ``send``) and reason.
    """

    connections: int = 0
    chunks_received: int = 0
    deliveries: dict[str, Delivery] = dataclasses.field(default_factory=dict)
    errors: Counter[tuple[str, str]] = dataclasses.field(default_factory=Counter)

    def delivery(self, schema: str) -> Delivery:
        """What goes to the places of a schema."""
        return self.deliveries.setdefault(schema, Delivery())

    def add(self, other: Traffic) -> None:
        """Add another process's; gauges add up too."""
        self.connections += other.connections
        self.chunks_received += other.chunks_received
        for schema, delivery in other.deliveries.items():
            self.delivery(schema).add(delivery)
        self.errors.update(other.errors)

    def retire(self) -> None:
        """Forget the gauges: the process has ended, its counters stay."""
        self.connections = 0
        for delivery in self.deliveries.values():
            delivery.in_flight_chunks = delivery.in_flight_bytes = 0


@dataclasses.dataclass(slots=True)
class Status:
    """A whole sidecar: the sums over its workers, dead ones included.

    Attributes:
        counts: of records.
        traffic: of connections and chunks.
        workers_ready: workers that take chunks now.
        restarts: workers that died and were replaced.
        reloads: reloads by result (``ok``, ``failed``).
        config_hash: of the configuration in use.
        stopping: whether it has been told to stop.
    """

    counts: Counts = dataclasses.field(default_factory=Counts)
    traffic: Traffic = dataclasses.field(default_factory=Traffic)
    workers_ready: int = 0
    restarts: int = 0
    reloads: Counter[str] = dataclasses.field(default_factory=Counter)
    config_hash: str = ""
    stopping: bool = False

    @property
    def ready(self) -> bool:
        """Whether shippers should send here."""
        return self.workers_ready > 0 and not self.stopping
