"""The two ends of a connection.

Theory of operation. With a shared key the server speaks first and nothing else is heard before both sides have shown
that they know the key:

    server                                client
    Helo(nonce)            ->
                           <-             Ping(salt, SHA-512 of salt, hostname, nonce, key)
    Pong(SHA-512 of salt, hostname, nonce, key)  ->
                           <-             Chunk(chunk_id)
    Ack(chunk_id)          ->

Without one, chunks come at once. The server's ``next_event`` has already checked the digest of a ``Ping`` when it gives
it, and says so in ``accepted``; the caller answers with a ``Pong`` and closes if it was not. A violation raises
``ForwardError``; after it the connection gives nothing more and takes nothing more.
"""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
from collections.abc import Mapping
from enum import Enum
from typing import Any, Final, Literal

import msgpack

from veilog_filters.forward.errors import ForwardError, Reason
from veilog_filters.forward.events import Ack, Chunk, Closed, Event, Heartbeat, Helo, Ping, Pong
from veilog_filters.forward.limits import Limits
from veilog_filters.forward.wire import FrameReader, decode, read_chunk, to_bytes, write_chunk


class _NeedData(Enum):
    NEED_DATA = "need data"


NEED_DATA: Final = _NeedData.NEED_DATA
"""What ``next_event`` gives when it needs more bytes."""


class _State(Enum):
    """Where the handshake is."""

    HELO = "the server's Helo is next"
    PING = "the client's Ping is next"
    PONG = "the server's Pong is next"
    OPEN = "chunks may flow"
    FAILED = "a violation has ended it"
    CLOSED = "the peer has closed, or was turned away"


class _Connection:
    """What both ends share: frames in, events out, and the end of it."""

    def __init__(self, limits: Limits, shared_key: bytes) -> None:
        self._limits = limits
        self._shared_key = shared_key
        self._frames = FrameReader(limits)
        self._state = _State.HELO if shared_key else _State.OPEN
        self._eof = False

    def receive_data(self, data: bytes) -> None:
        """Take bytes from the peer; no bytes mean that it has closed its side."""
        if data:
            self._frames.feed(data)
        else:
            self._eof = True

    def next_event(self) -> Event | Literal[_NeedData.NEED_DATA]:
        """The next event, or ``NEED_DATA``.

        Raises:
            ForwardError: the peer broke the protocol or a limit. Close the connection.
        """
        if self._state is _State.FAILED:
            raise ForwardError(Reason.UNEXPECTED, "the connection has failed before")
        if self._state is _State.CLOSED:
            return Closed()
        try:
            frame = self._frames.next_frame()
            if frame is not None:
                return self._read(decode(frame), len(frame))
            if not self._eof:
                return NEED_DATA
            if self._frames.has_partial_frame:
                raise ForwardError(Reason.TRUNCATED, "the peer closed inside a message")
        except ForwardError:
            self._state = _State.FAILED
            raise
        self._state = _State.CLOSED
        return Closed()

    def _read(self, message: Any, frame_bytes: int) -> Event:
        raise NotImplementedError


class ServerConnection(_Connection):
    """The receiving end.

    Args:
        limits: bounds.
        shared_key: if not empty, the client must know it.
        hostname: what the server calls itself.
        users: passwords by user name; if not empty, the client must know one.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        shared_key: bytes = b"",
        hostname: str = "",
        users: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(limits or Limits(), shared_key)
        self._hostname = hostname
        self._users = users or {}
        self._helo: Helo | None = None
        self._ping: Ping | None = None

    def send(self, event: Ack | Helo | Pong | Heartbeat) -> bytes:
        """The bytes of an event for the client."""
        if isinstance(event, Ack):
            return _pack({"ack": event.chunk_id})
        if isinstance(event, Helo):
            self._helo, self._state = event, _State.PING
            option = {"nonce": event.nonce, "auth": event.auth_salt, "keepalive": event.keepalive}
            return _pack(["HELO", option])
        if isinstance(event, Pong):
            assert self._ping is not None  # noqa: S101 - a Pong answers a Ping
            assert self._helo is not None  # noqa: S101 - and that a Helo
            self._state = _State.OPEN if event.accepted else _State.CLOSED
            digest = _digest(self._ping.salt, self._hostname, self._helo.nonce, self._shared_key)
            return _pack(["PONG", event.accepted, event.reason, self._hostname, digest if event.accepted else ""])
        return _pack(None)

    def _read(self, message: Any, frame_bytes: int) -> Event:
        if message is None:
            return Heartbeat()
        if type(message) is not list or not message:
            raise ForwardError(Reason.NOT_A_MESSAGE, "neither an array nor nil")
        if self._state is _State.OPEN:
            return read_chunk(message, frame_bytes, self._limits)
        if self._state is _State.PING and message[0] == "PING" and len(message) == 6:
            return self._read_ping(message)
        raise ForwardError(Reason.UNAUTHENTICATED, "a message before the handshake was done")

    def _read_ping(self, message: list[Any]) -> Ping:
        assert self._helo is not None  # noqa: S101 - its state says so
        hostname, salt, digest, username, password_digest = message[1:]
        ping = Ping(_text(hostname), to_bytes(salt), _text(digest), _text(username), _text(password_digest))
        expected = _digest(ping.salt, ping.hostname, self._helo.nonce, self._shared_key)
        # Both comparisons are made, so that how long it takes does not tell which one failed.
        knows_key = hmac.compare_digest(expected, ping.digest)
        knows_password = not self._users or hmac.compare_digest(
            _password_digest(self._helo.auth_salt, ping.username, self._users.get(ping.username, "")),
            ping.password_digest if ping.username in self._users else "",
        )
        self._ping, self._state = ping, _State.PONG
        return dataclasses.replace(ping, accepted=knows_key and knows_password)


class ClientConnection(_Connection):
    """The sending end.

    Args:
        limits: bounds.
        shared_key: if not empty, the server must know it.
        hostname: what the client calls itself.
        username: for a server that asks for a user.
        password: the user's.
        compress: whether chunks are sent with gzip.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        shared_key: bytes = b"",
        hostname: str = "",
        username: str = "",
        password: str = "",
        compress: bool = False,
    ) -> None:
        super().__init__(limits or Limits(), shared_key)
        self._hostname = hostname
        self._username = username
        self._password = password
        self._compress = compress
        self._helo: Helo | None = None
        self._salt = b""

    def send(self, event: Chunk | Ping | Heartbeat) -> bytes:
        """The bytes of an event for the server. A ``Ping`` answers the ``Helo`` that ``next_event`` gave."""
        if isinstance(event, Chunk):
            return write_chunk(event, self._compress)
        if isinstance(event, Ping):
            assert self._helo is not None  # noqa: S101 - a Ping answers a Helo
            self._salt, self._state = event.salt, _State.PONG
            digest = _digest(event.salt, self._hostname, self._helo.nonce, self._shared_key)
            password = ""
            if self._helo.auth_salt:
                password = _password_digest(self._helo.auth_salt, self._username, self._password)
            username = self._username if self._helo.auth_salt else ""
            return _pack(["PING", self._hostname, event.salt, digest, username, password])
        return _pack(None)

    def _read(self, message: Any, frame_bytes: int) -> Event:  # noqa: ARG002 - a server's frames are small
        if type(message) is dict and type(message.get("ack")) is str and self._state is _State.OPEN:
            return Ack(message["ack"])
        kind = message[0] if type(message) is list and message else None
        if kind == "HELO" and self._state is _State.HELO and len(message) == 2 and type(message[1]) is dict:
            option = message[1]
            self._helo = Helo(
                to_bytes(option.get("nonce", b"")),
                to_bytes(option.get("auth") or b""),
                option.get("keepalive", True) is True,
            )
            self._state = _State.PING
            return self._helo
        if kind == "PONG" and self._state is _State.PONG and len(message) == 5:
            return self._read_pong(message)
        if message is None:
            return Heartbeat()
        raise ForwardError(Reason.UNEXPECTED, "not what a server says now")

    def _read_pong(self, message: list[Any]) -> Pong:
        assert self._helo is not None  # noqa: S101 - its state says so
        accepted, reason, hostname, digest = message[1] is True, *map(_text, message[2:])
        expected = _digest(self._salt, hostname, self._helo.nonce, self._shared_key)
        if accepted and not hmac.compare_digest(expected, digest):
            raise ForwardError(Reason.WRONG_KEY, "the server does not know the shared key")
        self._state = _State.OPEN if accepted else _State.CLOSED
        return Pong(accepted, reason, hostname, digest)


def _text(value: Any) -> str:
    return to_bytes(value).decode("utf-8", "replace")


def _pack(value: Any) -> bytes:
    packed: bytes = msgpack.packb(value)
    return packed


def _digest(salt: bytes, hostname: str, nonce: bytes, shared_key: bytes) -> str:
    return hashlib.sha512(salt + hostname.encode() + nonce + shared_key).hexdigest()


def _password_digest(auth_salt: bytes, username: str, password: str) -> str:
    return hashlib.sha512(auth_salt + username.encode() + password.encode()).hexdigest()
