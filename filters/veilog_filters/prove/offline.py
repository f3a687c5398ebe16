"""The network, denied: an audit hook sees every connection and every name lookup, whichever library makes it.

What was tried is raised as an error that no library takes for a network failure and swallows, and is remembered. A hook
cannot be taken off again, but it can be told to look away. Imports nothing of veilog: tests load it before all else.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

LOOPBACK: Final = ("127.0.0.1", "::1", "localhost", "", None, b"")
_LOOKUPS: Final = ("socket.getaddrinfo", "socket.gethostbyname")
_CONNECTIONS: Final = ("socket.connect", "socket.sendto", "socket.sendmsg")


class NetworkDenied(BaseException):
    """Somebody tried to reach out."""


class NetworkDenial:
    """The audit hook; Unix sockets work under it.

    Args:
        loopback: whether this host may be reached.

    Attributes:
        attempts: the event of each attempt, in order. Not the host: its name may be content.
    """

    def __init__(self, *, loopback: bool) -> None:
        self.attempts: list[str] = []
        self._allowed = LOOPBACK if loopback else ()
        self._active = True

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        """See ``sys.addaudithook``.

        Raises:
            NetworkDenied: this event reaches out.
        """
        if not self._active:
            return
        if event in _LOOKUPS:
            host = arguments[0]
        elif event in _CONNECTIONS and isinstance(arguments[1], tuple):
            host = arguments[1][0]
        else:
            return
        if host not in self._allowed:
            self.attempts.append(event)
            raise NetworkDenied(event)

    def look_away(self) -> None:
        """Allow everything from now on."""
        self._active = False


def deny_network() -> NetworkDenial:
    """Deny the network to this process for as long as it lives; this host can be reached."""
    denial = NetworkDenial(loopback=True)
    sys.addaudithook(denial)
    return denial


@contextmanager
def network_denied() -> Iterator[NetworkDenial]:
    """Deny the network to this process for a while, this host included."""
    denial = NetworkDenial(loopback=False)
    sys.addaudithook(denial)
    try:
        yield denial
    finally:
        denial.look_away()
