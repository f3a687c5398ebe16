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

import hashlib
import hmac
import re
from collections.abc import Mapping
from enum import Enum
from typing import Any, Final, Literal

import msgpack

from veilog_filters.forward.codec import Frame, FrameReader, decode, read_chunk, to_bytes, write_chunk
from veilog_filters.forward.errors import ForwardError, Reason
from veilog_filters.forward.events import Ack, Chunk, Closed, Event, Heartbeat, Helo, Ping, Pong
from veilog_filters.forward.limits import Limits

_NIL: Final = b"\xc0"
_DIGEST: Final = re.compile(rb"[0-9a-f]{128}")
"""SHA-512 as both sides write it. What is compared is never anything else."""


SERVER_HOSTNAME: Final = "veilog"
CLIENT_HOSTNAME: Final = "veilog-sender"
"""What the two ends call themselves by default: constants, which tell strangers nothing, and two, see ``hostname``."""


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

    def __init__(self, limits: Limits, shared_key: bytes, max_frame_bytes: int) -> None:
        self._limits = limits
        self._shared_key = shared_key
        self._max_frame_bytes = max_frame_bytes
        self._state = _State.HELO if shared_key else _State.OPEN
        first = min(max_frame_bytes, limits.max_unauthenticated_bytes) if shared_key else max_frame_bytes
        self._frames = FrameReader(limits, first)
        if shared_key:
            self._frames.widen(first, limits.max_unauthenticated_elements)
        self._unauthenticated_bytes = 0
        self._unauthenticated_frames = 0
        self._eof = False

    def receive_data(self, data: bytes) -> None:
        """Take bytes from the peer; no bytes mean that it has closed its side."""
        if data:
            if self._state is not _State.OPEN:
                self._unauthenticated_bytes += len(data)
            self._frames.feed(data)
        else:
            self._eof = True

    @property
    def pending_bytes(self) -> int:
        """How many bytes are kept of messages that are not complete."""
        return self._frames.pending_bytes

    @property
    def is_authenticated(self) -> bool:
        """Whether the peer has shown that it knows the shared key; without one there is nothing to show."""
        return self._state is _State.OPEN

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
                self._count_frame()
                return Heartbeat() if frame.data == _NIL else self._read(frame)
            if self._unauthenticated_bytes > self._limits.max_unauthenticated_bytes and not self.is_authenticated:
                raise ForwardError(Reason.UNAUTHENTICATED, "too many bytes before the handshake was done")
            if not self._eof:
                return NEED_DATA
            if self._frames.pending_bytes:
                raise ForwardError(Reason.TRUNCATED, "the peer closed inside a message")
        except ForwardError:
            self._state = _State.FAILED
            raise
        self._state = _State.CLOSED
        return Closed()

    def _count_frame(self) -> None:
        if self._state is not _State.OPEN:
            self._unauthenticated_frames += 1
            if self._unauthenticated_frames > self._limits.max_unauthenticated_elements:
                raise ForwardError(Reason.UNAUTHENTICATED, "too many messages before the handshake was done")

    def _open(self) -> None:
        """The peer knows the key: it may send what it has."""
        self._state = _State.OPEN
        self._frames.widen(self._max_frame_bytes, self._limits.max_frame_elements)

    def _read(self, frame: Frame) -> Event:
        raise NotImplementedError


class ServerConnection(_Connection):
    """The receiving end.

    Args:
        limits: bounds.
        shared_key: if not empty, the client must know it.
        hostname: what the server calls itself.
        users: passwords by user name; if not empty, the client must know one.

    Attributes:
        username: the user that the client has shown to be, or empty.

    Raises:
        ValueError: there are users and no shared key: the protocol asks for users only where there is a key.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        shared_key: bytes = b"",
        hostname: str = SERVER_HOSTNAME,
        users: Mapping[str, str] | None = None,
    ) -> None:
        limits = limits or Limits()
        super().__init__(limits, shared_key, limits.max_frame_bytes)
        if users and not shared_key:
            raise ValueError("users need a shared key")
        self._hostname = _bytes(hostname)
        self._users = {_bytes(name): _bytes(password) for name, password in (users or {}).items()}
        self._helo: Helo | None = None
        self._salt = b""
        self.username = b""

    def send(self, event: Ack | Helo | Pong | Heartbeat) -> bytes:
        """The bytes of an event for the client. A ``Pong`` answers the ``Ping`` that ``next_event`` gave."""
        if isinstance(event, Ack):
            return _pack({"ack": event.chunk_id})
        if isinstance(event, Helo):
            self._helo, self._state = event, _State.PING
            option = {"nonce": event.nonce, "auth": event.auth_salt, "keepalive": event.keepalive}
            return _pack(["HELO", option])
        if isinstance(event, Pong):
            digest = ""
            if event.accepted:
                self._open()
                digest = _digest(self._salt, self._hostname, _sent(self._helo).nonce, self._shared_key).decode()
            else:
                self._state = _State.CLOSED
            return _pack(["PONG", event.accepted, event.reason, _sendable(self._hostname), digest])
        return _NIL

    def _read(self, frame: Frame) -> Event:
        if not frame.parts:
            raise ForwardError(Reason.NOT_A_MESSAGE, "neither an array nor nil")
        if self._state is _State.OPEN:
            return read_chunk(frame, self._limits)
        if self._state is _State.PING and len(frame.parts) == 6:
            message = decode(frame.data)
            if message[0] == "PING":
                return self._read_ping(message)
        raise ForwardError(Reason.UNAUTHENTICATED, "a message before the handshake was done")

    def _read_ping(self, message: list[Any]) -> Ping:
        helo = _sent(self._helo)
        hostname, salt, digest, username, password_digest = map(to_bytes, message[1:])
        # All comparisons are made, so that how long it takes does not tell which one failed.
        knows_key = _same(_digest(salt, hostname, helo.nonce, self._shared_key), digest)
        knows_password = not self._users
        for name, password in self._users.items():
            is_user = hmac.compare_digest(name, username)
            if is_user & _same(_password_digest(helo.auth_salt, name, password), password_digest):
                knows_password, self.username = True, name
        self._salt, self._state = salt, _State.PONG
        return Ping(
            _text(hostname),
            salt,
            _text(digest),
            _text(username),
            _text(password_digest),
            accepted=knows_key and knows_password,
        )


class ClientConnection(_Connection):
    """The sending end.

    Args:
        limits: bounds.
        shared_key: if not empty, the server must know it.
        hostname: what the client calls itself. The server must call itself something else: else it could answer with
            the client's own digest, which is over the same values.
        username: for a server that asks for a user.
        password: the user's.
        compress: whether chunks are sent with gzip.

    Raises:
        ValueError: there is a user and no shared key: the protocol asks for users only where there is a key.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        shared_key: bytes = b"",
        hostname: str = CLIENT_HOSTNAME,
        username: str = "",
        password: str = "",
        compress: bool = False,
    ) -> None:
        limits = limits or Limits()
        # A server answers, it does not send: it may make us hold no more than a stranger.
        super().__init__(limits, shared_key, limits.max_unauthenticated_bytes)
        if username and not shared_key:
            raise ValueError("a user needs a shared key")
        self._hostname = _bytes(hostname)
        self._username = _bytes(username)
        self._password = _bytes(password)
        self._compress = compress
        self._helo: Helo | None = None
        self._salt = b""

    def send(self, event: Chunk | Ping | Heartbeat) -> bytes:
        """The bytes of an event for the server. A ``Ping`` answers the ``Helo`` that ``next_event`` gave."""
        if isinstance(event, Chunk):
            return write_chunk(event, self._compress)
        if isinstance(event, Ping):
            helo = _sent(self._helo)
            self._salt, self._state = event.salt, _State.PONG
            digest = _digest(event.salt, self._hostname, helo.nonce, self._shared_key).decode()
            username = self._username if helo.auth_salt else b""
            password = b""
            if helo.auth_salt:
                password = _password_digest(helo.auth_salt, self._username, self._password)
            named = _sendable(self._hostname), event.salt, digest, _sendable(username), password.decode()
            return _pack(["PING", *named])
        return _NIL

    def _read(self, frame: Frame) -> Event:
        message = decode(frame.data)
        if type(message) is dict and self._state is _State.OPEN:
            chunk_id = message.get("ack")
            if isinstance(chunk_id, str | bytes):
                return Ack(chunk_id)
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
        raise ForwardError(Reason.UNEXPECTED, "not what a server says now")

    def _read_pong(self, message: list[Any]) -> Pong:
        accepted = message[1] is True
        reason, hostname, digest = map(to_bytes, message[2:])
        if accepted:
            if hmac.compare_digest(hostname, self._hostname):
                raise ForwardError(Reason.REFLECTED, "the server calls itself as we do")
            if not _same(_digest(self._salt, hostname, _sent(self._helo).nonce, self._shared_key), digest):
                raise ForwardError(Reason.WRONG_KEY, "the server does not know the shared key")
            self._open()
        else:
            self._state = _State.CLOSED
        return Pong(accepted, _text(reason), _text(hostname), _text(digest))


def _sent(helo: Helo | None) -> Helo:
    if helo is None:
        raise ForwardError(Reason.UNEXPECTED, "no Helo has been said")
    return helo


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _bytes(name: str) -> bytes:
    """The bytes of a name or password, whatever is in it: a secret need not be text (surrogate escapes)."""
    try:
        return name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return name.encode("utf-8", "surrogatepass")


def _sendable(name: bytes) -> str:
    """As both sides send names: a string, of whatever bytes."""
    return name.decode("utf-8", "surrogateescape")


def _pack(value: Any) -> bytes:
    packed: bytes = msgpack.packb(value, unicode_errors="surrogateescape")
    return packed


def _same(expected: bytes, given: bytes) -> bool:
    """Whether a peer's digest is the expected one; what is not plain lower-case hexadecimal never is."""
    return bool(_DIGEST.fullmatch(given)) & hmac.compare_digest(expected, given)


def _digest(salt: bytes, hostname: bytes, nonce: bytes, shared_key: bytes) -> bytes:
    return hashlib.sha512(salt + hostname + nonce + shared_key).hexdigest().encode()


def _password_digest(auth_salt: bytes, username: bytes, password: bytes) -> bytes:
    return hashlib.sha512(auth_salt + username + password).hexdigest().encode()
