"""What the protocol says, as values: what ``next_event`` gives and ``send`` takes."""

from __future__ import annotations

import dataclasses
from typing import Any, Final, NamedTuple

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
    """

    time: Time
    metadata: dict[str, Any] | None
    record: Any

    @property
    def is_group_marker(self) -> bool:
        """Whether this begins or ends a group (OTLP through Fluent Bit): no record of its own, passed through."""
        return isinstance(self.time, EventTime) and self.time.seconds in (GROUP_START_SECONDS, GROUP_END_SECONDS)


@dataclasses.dataclass(frozen=True, slots=True)
class Chunk:
    """Entries of one tag.

    Attributes:
        tag: the tag.
        entries: the entries, in order.
        chunk_id: if given, the sender waits for an ``Ack`` of it.
        frame_bytes: length on the wire; 0 for one that has not been there.
    """

    tag: str
    entries: list[Entry]
    chunk_id: str | None = None
    frame_bytes: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Ack:
    """The receiver has taken a chunk over."""

    chunk_id: str


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
