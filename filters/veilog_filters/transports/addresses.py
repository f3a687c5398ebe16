"""Addresses and TLS contexts from their options."""

from __future__ import annotations

import ssl
from collections.abc import Callable

from veilog_filters.config import Tls
from veilog_filters.errors import ConfigError, Defect


def split(address: str) -> tuple[str, int]:
    """Host and port of ``host:port`` or ``[host]:port``."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def server_tls(options: Tls, failed: Callable[[], None]) -> ssl.SSLContext:
    """A context to listen with; with ``ca_file``, clients must have a certificate.

    Args:
        options: the files.
        failed: called for every handshake that fails. asyncio closes such a connection and tells nobody.

    Raises:
        ConfigError: a file is missing or wrong.
    """

    class Counted(ssl.SSLObject):
        def do_handshake(self) -> None:
            try:
                super().do_handshake()
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                raise
            except ssl.SSLError:
                failed()
                raise

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sslobject_class = Counted
    _load(context, options, "sidecar.listen.tls", needs_certificate=True)
    if options.ca_file:
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def client_tls(options: Tls) -> ssl.SSLContext:
    """A context to send with; the server's certificate and name are always checked. Raises as ``server_tls``."""
    context = ssl.create_default_context()
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
