"""What a configuration needs from the host, asked before anything starts: keys, secrets, certificates, folders.

``veilog check`` and every start come through here, so what ``check`` accepts starts. All that is wrong is reported at
once, each with file, line and key. What is merely unwise is a warning. Nothing here quotes a value of the configuration
or of a secret: a secret may have been pasted into the wrong option.

Whose files may be read by whom: a secret's file that others can *write* is a defect, since they can put a key of their
own there. One that others can *read* is a warning: Kubernetes mounts its Secrets so unless told otherwise.
"""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from veilog_filters.config import (
    Config,
    HashKey,
    Policy,
    Secret,
    Tls,
    host_of,
    is_same_place,
    load_config,
    read_canaries,
    read_secret,
)
from veilog_filters.errors import ConfigError, Defect
from veilog_filters.fingerprint import is_text, load_key
from veilog_filters.threat_pack import BUILT_IN, load_rules
from veilog_filters.threat_proofs import unproven
from veilog_filters.yaml_file import Key, dotted, line_of, reason_of

MAX_SOCKET_PATH_BYTES: Final = 107
"""Longest path of a Unix socket on Linux."""
MIN_SECRET_BYTES: Final = 16
"""A shorter shared key or password is a warning: it can be guessed."""
_PEM: Final = b"-----BEGIN "


def start(path: str | None, *, sidecar: bool = False, binds: bool = False) -> tuple[Config, list[str]]:
    """The configuration in a file, and what is unwise about it, in words; the defaults if there is no file.

    Args:
        path: the configuration's file.
        sidecar: whether the ``sidecar`` section will be used.
        binds: whether the caller binds its sockets right after this: then binding itself reports a missing folder.

    Raises:
        ConfigError: with it, nothing would start, or not for long.
    """
    config = load_config(path)
    return config, check(config, path, sidecar=sidecar, binds=binds)


def check(config: Config, path: str | None, *, sidecar: bool, binds: bool = False) -> list[str]:
    """As ``start``, for a configuration that is read already."""
    host = _Host(path)
    host.keys(config, thorough=sidecar)
    host.readable(config.classify.policy_file, ("classify", "policy_file"))
    host.readable(config.lookup.departments_file, ("lookup", "departments_file"))
    host.detectors(config)
    host.canaries(config)
    host.threats(config)
    if sidecar:
        host.sidecar(config, binds=binds)
    if host.defects:
        raise ConfigError(*sorted(host.defects, key=lambda defect: defect.line))
    return [f"warning: {warning}" for warning in host.warnings]


def kept_text(policy: Policy) -> str:
    """The choices by which text leaves, as the start-up line names them; "" where none does."""
    chosen = [
        f"policy.{name}: {getattr(policy, name)}"
        for name, keeps in (("content", "redacted"), ("unmapped", "redact"), ("unrecognized", "redact"))
        if getattr(policy, name) == keeps
    ]
    return f"text leaves, cleaned: {', '.join(chosen)}" if chosen else ""


class _Host:
    """Gathers what is wrong.

    Args:
        path: the configuration's file.
    """

    def __init__(self, path: str | None) -> None:
        self.defects: list[Defect] = []
        self.warnings: list[Defect] = []
        self._path = path

    def keys(self, config: Config, *, thorough: bool) -> None:
        """The hash keys."""
        current = self._key(config.hash_key, "hash_key", thorough=thorough)
        if config.previous_hash_key is None:
            return
        previous = self._key(config.previous_hash_key, "previous_hash_key", thorough=thorough)
        if current is not None and current == previous:
            self._defect(
                ("previous_hash_key",),
                "the previous key is the current one",
                "put the key there that was in use before, or remove previous_hash_key",
            )

    def _key(self, option: HashKey, where: str, *, thorough: bool) -> bytes | None:
        if option.file:
            self._guarded(option.file, (where, "file"))
        with self._gathering():
            key, _ = load_key(option, where, self._name)
            if thorough and is_text(key):
                self._warn(
                    (where,), "the key is plain text: it can be guessed, and then hashes can too", "run: veilog key"
                )
            return key
        return None

    def detectors(self, config: Config) -> None:
        """Whether Presidio is turned off."""
        off = config.plugins.disable.detectors
        if "presidio" in off:
            self._warn(
                ("plugins", "disable", "detectors", off.index("presidio")),
                "nothing of what Presidio finds (names, addresses, numbers of cards and accounts) is found without it",
                "take it out, unless plugins find all that matters to you",
            )

    def canaries(self, config: Config) -> None:
        """Tokens of canaries: each is a secret until it is found."""
        for number, canary in enumerate(config.canaries):
            if canary.file:
                self._guarded(canary.file, ("canaries", number, "file"))
        with self._gathering():
            read_canaries(config, self._name)

    def threats(self, config: Config) -> None:
        """Packs of threat rules; and whether those that are not veilog's own keep what their proofs say."""
        readable = [
            self.readable(file, ("threats", "pack_files", number))
            for number, file in enumerate(config.threats.pack_files)
        ]
        if not all(readable):
            return
        with self._gathering():
            loaded = load_rules(config, self._path)
            origins = {rule.origin for rule in loaded} - {BUILT_IN}
            if origins:
                self.defects += unproven(loaded, origins)

    def readable(self, file: str, key: Key) -> bool:
        """Whether a file that an option names can be read."""
        try:
            if file:
                with Path(file).open("rb") as opened:
                    opened.read(1)
        except OSError as error:
            self._defect(key, f"cannot read the file: {reason_of(error)}", "name a readable file")
            return False
        return True

    def sidecar(self, config: Config, *, binds: bool) -> None:
        """What `veilog sidecar` listens on, and where it sends to."""
        options, listen = config.sidecar, config.sidecar.listen
        place: Key = ("sidecar", "listen")
        self._secret(listen.shared_key, (*place, "shared_key"))
        for user, secret in listen.users.items():
            self._secret(secret, (*place, "users", user))
        if listen.tls is not None:
            self._tls(listen.tls, (*place, "tls"), server=True)
        if listen.unix and not binds:
            self._socket(listen.unix, (*place, "unix"))
        for number, hop in enumerate(options.forward):
            place = ("sidecar", "forward", number)
            self._secret(hop.shared_key, (*place, "shared_key"))
            self._secret(hop.password, (*place, "password"))
            if hop.tls is not None:
                self._tls(hop.tls, (*place, "tls"), server=False)
            if listen.shared_key is not None and _same(listen.shared_key, hop.shared_key):
                # A server that asks us for proof of the key could have us make that proof for another server.
                self._warn(
                    (*place, "shared_key"),
                    "this is the key of sidecar.listen too: an impostor there could pass our own handshake on to us",
                    "take different keys",
                )
            if _is_own(hop.address, listen.tcp) or _is_own(hop.address, options.http):
                self._defect(
                    (*place, "address"),
                    "this is where veilog itself listens: records would go round",
                    "write the address of the next hop",
                )

    def _secret(self, option: Secret | None, key: Key) -> None:
        if option is None:
            return
        if option.file:
            self._guarded(option.file, (*key, "file"))
        with self._gathering():
            secret = read_secret(option, dotted(key), self._name)
            if len(secret) < MIN_SECRET_BYTES:
                self._warn(key, f"the secret is shorter than {MIN_SECRET_BYTES} bytes", "take a longer one")

    def _guarded(self, file: str, key: Key) -> None:
        """Warn of other users who can read or write a secret's file."""
        try:
            mode = Path(file).stat().st_mode
        except OSError:
            return  # the code that reads the secret reports it
        if mode & stat.S_IWOTH:
            self._defect(key, "everybody on this host can write the file", "chmod 600 it, and make a new secret")
        elif mode & stat.S_IROTH:
            self._warn(key, "everybody on this host can read the file", "chmod 600 it, and make a new secret")
        elif mode & stat.S_IWGRP:
            self._warn(key, "the file's group can write it", "chmod 640 it")

    def _tls(self, tls: Tls, key: Key, *, server: bool) -> None:
        """Certificates and keys, each file by itself and then both together."""
        files = {name: getattr(tls, name) for name in ("cert_file", "key_file", "ca_file")}
        good = {name: self._pem(file, (*key, name)) for name, file in files.items() if file}
        if tls.key_file:
            self._guarded(tls.key_file, (*key, "key_file"))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
        if good.get("cert_file") and good.get("key_file", True):
            self._pair(context, tls, key)
        if good.get("ca_file"):
            try:
                context.load_verify_locations(tls.ca_file)
            except (OSError, ValueError):
                self._defect((*key, "ca_file"), "there is no CA certificate in the file", "name PEM certificates")

    def _pem(self, file: str, key: Key) -> bool:
        if not self.readable(file, key):
            return False
        if _PEM in Path(file).read_bytes():
            return True
        self._defect(key, "the file is no PEM", "name a file that has lines such as -----BEGIN CERTIFICATE-----")
        return False

    def _pair(self, context: ssl.SSLContext, tls: Tls, key: Key) -> None:
        at = "key_file" if tls.key_file else "cert_file"
        asked: list[bool] = []

        def passphrase() -> bytes:
            asked.append(True)
            return b""

        try:
            context.load_cert_chain(tls.cert_file, tls.key_file or None, passphrase)
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", "")
            if asked:
                self._defect(
                    (*key, at), "the key is encrypted, and nobody is there to type its passphrase", "decrypt it"
                )
            elif reason == "KEY_VALUES_MISMATCH":
                self._defect((*key, at), "the key is not that of the certificate", "name the pair of both")
            elif reason in ("PEM_LIB", "NO_START_LINE") or not reason:
                self._defect(
                    (*key, at), "there is no certificate or no private key in the file", "name PEM files of both"
                )
            else:
                self._defect((*key, "cert_file"), "the certificate cannot be used", "name a PEM certificate chain")

    def _socket(self, path: str, key: Key) -> None:
        folder = Path(path).parent
        if len(os.fsencode(path)) > MAX_SOCKET_PATH_BYTES:
            self._defect(key, f"the path of a socket has at most {MAX_SOCKET_PATH_BYTES} bytes", "take a shorter path")
        elif not folder.is_dir():
            self._defect(key, "the folder of the socket is not there", "make it, or name another")
        elif not os.access(folder, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
            self._defect(key, "the folder of the socket cannot be written", "let this user write there")
        elif Path(path).exists() and not Path(path).is_socket():
            self._defect(key, "there is something at this path that is no socket", "remove it, or take another path")

    @property
    def _name(self) -> str:
        return self._path or "configuration"

    @contextlib.contextmanager
    def _gathering(self) -> Iterator[None]:
        try:
            yield
        except ConfigError as error:
            self.defects += error.defects

    def _defect(self, key: Key, problem: str, fix: str) -> None:
        self.defects.append(Defect(self._name, line_of(self._path, key), dotted(key), problem, fix))

    def _warn(self, key: Key, problem: str, fix: str) -> None:
        self.warnings.append(Defect(self._name, line_of(self._path, key), dotted(key), problem, fix))


def _same(one: Secret, other: Secret | None) -> bool:
    """Whether two options hold the same secret; not if one of them cannot be read, which is said elsewhere."""
    try:
        return other is not None and read_secret(one) == read_secret(other)
    except ConfigError:
        return False


def _is_own(address: str, listening: str) -> bool:
    """Whether an address is where we listen ourselves, on whatever interface.

    Whether a number is one of this host's is asked by binding a socket to it, which sends nothing.
    """
    if not listening or is_same_place(address, listening):
        return bool(listening)
    if address.rpartition(":")[2] != listening.rpartition(":")[2] or host_of(listening) not in ("0.0.0.0", "::"):  # noqa: S104
        return False
    host = host_of(address)
    return host == socket.gethostname().lower() or _is_of_this_host(host)


def _is_of_this_host(number: str) -> bool:
    """Whether an IP address is one of this host's. Names are not looked up."""
    family = socket.AF_INET6 if ":" in number else socket.AF_INET
    try:
        socket.inet_pton(family, number)
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((number, 0))
    except OSError:
        return False
    return True
