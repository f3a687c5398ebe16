"""Compiled databases in the cache directory, if nobody else can write there (see ``cachefile``)."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from veilog_filters.detect.prefilter import cachefile
from veilog_filters.detect.prefilter.hyperscan import Compiled, Prefilter, RefusedError

_MAGIC: Final = b"veilog-prefilter/2\n"
_SUFFIX: Final = ".hsdb"


@dataclasses.dataclass(frozen=True, slots=True)
class Stored:
    """What a cache file holds: the databases, and what must be known about them without importing Presidio."""

    compiled: Compiled
    manifest: dict[str, Any]


def cache_dir(configured: str) -> Path:
    """The directory for cache files: the environment's ``VEILOG_CACHE_DIR``, the configured one, or the user's."""
    environment = os.environ.get("VEILOG_CACHE_DIR")
    if environment or configured:
        return Path(environment or configured)
    base = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    try:
        return base.expanduser() / "veilog"
    except RuntimeError:
        # A container's arbitrary user has no home; a shared directory would let others plant databases.
        return Path(os.devnull) / "veilog"


def load_or_make(directory: Path, key: str, make: Callable[[], Stored]) -> tuple[Stored, Prefilter, bool]:
    """What is stored under a key, or else is made now and stored; ready to scan; whether it is in the directory.

    Args:
        directory: the directory for cache files.
        key: names everything that what is made depends on.
        make: makes it; the manifest has the number of expressions as ``size``.
    """
    stored = load(directory, key)
    if stored is not None:
        with contextlib.suppress(RefusedError):
            return stored, prefilter_of(stored), True
    stored = make()
    return stored, prefilter_of(stored), store(directory, key, stored)


def prefilter_of(stored: Stored) -> Prefilter:
    """What is stored, ready to scan.

    Raises:
        RefusedError: a database is not one of this library and processor.
    """
    return Prefilter(stored.compiled, stored.manifest["size"])


def load(directory: Path, key: str) -> Stored | None:
    """The databases that were stored under a key; None if there are none, or if the file is not what we wrote.

    A database that is not what Hyperscan wrote can crash it, so the checksum is checked before it sees anything.
    """
    data = cachefile.read(directory, key + _SUFFIX)
    if data is None:
        return None
    digest, body = data[len(_MAGIC) : len(_MAGIC) + 32], data[len(_MAGIC) + 32 :]
    if not data.startswith(_MAGIC) or _checksum(key, body) != digest:
        return None
    header_size, ascii_size = int.from_bytes(body[:8], "big"), int.from_bytes(body[8:16], "big")
    header = json.loads(body[16 : 16 + header_size])
    databases = body[16 + header_size :]
    return Stored(
        Compiled(
            databases[:ascii_size],
            databases[ascii_size:],
            frozenset(header["ascii_always"]),
            frozenset(header["folded_always"]),
        ),
        header["manifest"],
    )


def store(directory: Path, key: str, stored: Stored) -> bool:
    """Write databases under a key; False where that is not possible. Others may do the same at the same time."""
    compiled = stored.compiled
    header = json.dumps(
        {
            "ascii_always": sorted(compiled.ascii_always),
            "folded_always": sorted(compiled.folded_always),
            "manifest": stored.manifest,
        }
    ).encode()
    sizes = len(header).to_bytes(8, "big") + len(compiled.ascii).to_bytes(8, "big")
    body = sizes + header + compiled.ascii + compiled.folded
    return cachefile.write(directory, key + _SUFFIX, _MAGIC + _checksum(key, body) + body)


def _checksum(key: str, body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=32, key=key.encode()[:64]).digest()
