"""What the protocol says, as values: what ``next_event`` gives and ``send`` takes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from veilog_parsers.errors import ErrorType

GROUP_START_SECONDS: Final = 0xFFFF_FFFF
GROUP_END_SECONDS: Final = 0xFFFF_FFFE


class EventTime(NamedTuple):
    """A time with nanoseconds: msgpack extension type 0, both parts 32 bits, big-endian."""

    seconds: int
    nanoseconds: int


Time = EventTime | int | float


@dataclasses.dataclass(slots=True)
class Entry:
    """One log entry.

    Attributes:
        time: as the peer wrote it.
        metadata: of a v2 entry ``[[time, metadata], record]``; None for a v1 entry ``[time, record]``.
        record: the record, of JSON values.
        raw: the bytes that the record was decoded from; empty for an entry that has not been on the wire.
    """

    time: Time
    metadata: dict[str, Any] | None
    record: Any
    raw: bytes = dataclasses.field(default=b"", compare=False)

    @property
    def is_group_start(self) -> bool:
        """Whether a group begins (OTLP through Fluent Bit): no record, but what the group's records have in common.

        What says so is the shipper's entry, never the record: Fluent Bit writes ``[[time, {"schema": ...}],
        {"resource": ..., "scope": ...}]`` with the time 0xFFFFFFFF. An author who gives a record that time, in a v1
        entry or without a schema, has written an ordinary record without a time.
        """
        return (
            self.metadata is not None
            and _seconds(self.time) == GROUP_START_SECONDS
            and type(self.metadata.get("schema")) is str
            and type(self.record) is dict
            and self.record.keys() <= _GROUP_KEYS
        )

    @property
    def is_group_end(self) -> bool:
        """Whether a group ends: Fluent Bit writes ``[[time, {}], {}]`` with the time 0xFFFFFFFE."""
        return self.metadata is not None and _seconds(self.time) == GROUP_END_SECONDS and self.record == {}

    @property
    def is_group_marker(self) -> bool:
        """Whether this begins or ends a group."""
        return self.is_group_start or self.is_group_end

    @property
    def has_time(self) -> bool:
        """Whether its time is one: the two that mark groups are none."""
        return _seconds(self.time) not in (GROUP_START_SECONDS, GROUP_END_SECONDS)


_GROUP_KEYS: Final = {"resource", "scope"}


def _seconds(time: Time) -> int:
    return time.seconds if isinstance(time, EventTime) else 0


@dataclasses.dataclass(frozen=True, slots=True)
class BadEntry:
    """What stands where an entry should, and cannot be read. Its neighbours can.

    Attributes:
        error_type: why.
        raw: the entry's bytes, or the record's if it is the record that cannot be read.
        time: the entry's, if that could be read.
    """

    error_type: ErrorType
    raw: bytes
    time: Time | None = None


ChunkId = str | bytes
"""As it came: what is sent back is what was sent. A string that is not UTF-8 has surrogate escapes."""


@dataclasses.dataclass(frozen=True, slots=True)
class Chunk:
    """Entries of one tag.

    Attributes:
        tag: the tag.
        entries: the entries, in order. Those that came are decoded while they are walked through (``Packed``).
        chunk_id: if given, the sender waits for an ``Ack`` of it.
        frame_bytes: length on the wire; 0 for one that has not been there.
    """

    tag: str
    entries: Iterable[Entry | BadEntry | None]
    chunk_id: ChunkId | None = None
    frame_bytes: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Ack:
    """The receiver has taken a chunk over."""

    chunk_id: ChunkId


@dataclasses.dataclass(frozen=True, slots=True)
class Heartbeat:
    """A sign of life (nil)."""


@dataclasses.dataclass(frozen=True, slots=True)
class Helo:
    """The server's first message where a shared key is set.

    Attributes:
        nonce: salts the client's digest; random, from the caller.
        auth_salt: salts the password's digest; empty if no user is asked for.
        keepalive: whether the connection may stay open between chunks.
    """

    nonce: bytes
    auth_salt: bytes = b""
    keepalive: bool = True


@dataclasses.dataclass(frozen=True, slots=True)
class Ping:
    """The client's answer, and on the server whether it knew the key (and the password).

    Attributes:
        hostname: what the client calls itself.
        salt: salts the client's and the server's digest; random, from the caller.
        digest: of the shared key; filled by ``send``.
        username: of a user, or "".
        password_digest: of the password; filled by ``send``.
        accepted: set by the server's ``next_event``.
    """

    hostname: str
    salt: bytes
    digest: str = ""
    username: str = ""
    password_digest: str = ""
    accepted: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Pong:
    """The server's verdict, and on the client whether the server knows the key too.

    Attributes:
        accepted: whether the connection is authenticated.
        reason: why not.
        hostname: what the server calls itself.
        digest: of the shared key; filled by ``send``.
    """

    accepted: bool
    reason: str = ""
    hostname: str = ""
    digest: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Closed:
    """The peer has closed its side, between two messages."""


Event = Chunk | Ack | Heartbeat | Helo | Ping | Pong | Closed
