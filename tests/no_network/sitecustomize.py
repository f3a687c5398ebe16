"""Denies the network to the interpreter that starts with this folder on its path; loopback and Unix sockets work.

An audit hook sees every connection and every name lookup, whichever library makes it, and cannot be taken off again.
What was tried is raised as an error that no library takes for a network failure and swallows.
"""

from __future__ import annotations

import sys
from typing import Any

LOOPBACK = ("127.0.0.1", "::1", "localhost", "", None, b"")


class NetworkDenied(BaseException):
    """Somebody tried to reach out."""


def deny(event: str, arguments: tuple[Any, ...]) -> None:
    """The audit hook."""
    if event == "socket.getaddrinfo":
        host = arguments[0]
    elif event in ("socket.connect", "socket.sendto") and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    else:
        return
    if host not in LOOPBACK:
        raise NetworkDenied(event)


sys.addaudithook(deny)
