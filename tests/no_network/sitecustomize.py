"""Denies the network to the interpreter that starts with this folder on its path; loopback and Unix sockets work."""

from __future__ import annotations

from veilog_filters.prove.offline import NetworkDenied, deny_network

__all__ = ["NetworkDenied"]

deny_network()
