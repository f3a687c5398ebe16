"""Addresses, listening sockets and TLS contexts from their options."""

from __future__ import annotations

import os
import socket
import ssl
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from veilog_filters.config import Tls
from veilog_filters.errors import ConfigError, Defect

_BACKLOG: Final = 1024
_MAX_PORT: Final = 65_535
"""getaddrinfo takes larger ones, and means others by them."""
_PROBE_SECS: Final = 1.0


class StartError(Exception):
    """It cannot start here and now, though nothing is wrong with the configuration as such; the message is one line."""


def split(address: str) -> tuple[str, int]:
    """Host and port of ``host:port`` or ``[host]:port``."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def bind_tcp(address: str, option: str) -> list[socket.socket]:
    """Listening sockets for an address, one for each that its host has. Workers share them, so each exists once.

    They are bound without ``SO_REUSEPORT``: another sidecar on the same port is an error, not a competitor.

    Args:
        address: host:port.
        option: the option that it is from, for the message.

    Raises:
        StartError: the address is in use, or is not one of this host.
    """
    host, port = split(address)
    listeners: list[socket.socket] = []
    if port > _MAX_PORT:
        raise StartError(f"cannot listen on {address} ({option}): the port is out of range")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, name in dict.fromkeys(found):
            listener = socket.socket(family, kind, protocol)
            listeners.append(listener)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.bind(name)
            listener.listen(_BACKLOG)
            listener.setblocking(False)  # noqa: FBT003 - socket's own signature
    except OSError as error:
        for listener in listeners:
            listener.close()
        raise StartError(f"cannot listen on {address} ({option}): {_reason(error)}") from None
    return listeners


def _reason(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return "there is no such host"
    return "it is no address" if error.errno is None else os.strerror(error.errno).lower()


def bind_unix(path: str) -> socket.socket:
    """A listening Unix socket, in place of one that a dead process left behind; only its owner and group may use it.

    Raises:
        StartError: the path is no socket, another process listens on it, or the folder is missing.
    """
    option = f"{path} (sidecar.listen.unix)"
    try:
        with suppress(FileNotFoundError):
            if not stat.S_ISSOCK(os.lstat(path).st_mode):
                raise StartError(f"cannot listen on {option}: there is something that is no socket")
            _refuse_if_served(path, option)
            Path(path).unlink()
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listener.bind(path)
            Path(path).chmod(0o660)
            listener.listen(_BACKLOG)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        reason = "the path is too long" if error.errno is None else os.strerror(error.errno).lower()
        raise StartError(f"cannot listen on {option}: {reason}") from None
    listener.setblocking(False)  # noqa: FBT003 - socket's own signature
    return listener


def _refuse_if_served(path: str, option: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_PROBE_SECS)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            return
        except OSError:
            # A full backlog, or no right to connect: another process listens there.
            pass
    raise StartError(f"cannot listen on {option}: another process listens there")


def server_tls(options: Tls) -> ssl.SSLContext:
    """A context to listen with; with ``ca_file``, clients must have a certificate.

    Raises:
        ConfigError: a file is missing or wrong.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _load(context, options, "sidecar.listen.tls", needs_certificate=True)
    if options.ca_file:
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def trust_of(options: Tls | None) -> bytes | None:
    """By what clients are let in: the CA file's bytes; none of them where any client is; None without TLS.

    Raises:
        ConfigError: the file cannot be read.
    """
    if options is None or not options.ca_file:
        return None if options is None else b""
    try:
        return Path(options.ca_file).read_bytes()
    except OSError:
        problem = "the CA file cannot be read"
        raise ConfigError(
            Defect("configuration", 0, "sidecar.listen.tls.ca_file", problem, "name readable PEM files")
        ) from None


def client_tls(options: Tls) -> ssl.SSLContext:
    """A context to send with; the server's certificate and name are always checked. Raises as ``server_tls``.

    With ``ca_file``, those CAs and no others are trusted; without, those of the system.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if not options.ca_file:
        context.load_default_certs()
    _load(context, options, "sidecar.forward.tls", needs_certificate=False)
    return context


def _load(context: ssl.SSLContext, options: Tls, key: str, *, needs_certificate: bool) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        if options.cert_file or needs_certificate:
            context.load_cert_chain(options.cert_file, options.key_file or None)
        if options.ca_file:
            context.load_verify_locations(options.ca_file)
    except (OSError, ssl.SSLError):
        problem = "a certificate, key or CA file cannot be loaded"
        raise ConfigError(Defect("configuration", 0, key, problem, "name readable PEM files")) from None
