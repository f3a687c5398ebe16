"""Cache files that only we could have written: the directory and the file are looked at before anything is believed.

A cached database goes straight into Hyperscan, and one that Hyperscan did not write can crash it or let text through.
Its checksum has no key, so whoever can write the file can make one that fits. So, as sshd does with its keys: directory
and file belong to us or to root, nobody else can write them, and no directory above lets just anybody put others in
their place (a world-writable one needs the sticky bit, as ``/tmp`` has). What is looked at is what is opened, through
its descriptor, so nothing can be exchanged in between. Otherwise the cache is not used, and one line on stderr says so.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH
_told: set[str] = set()


class UntrustedError(Exception):
    """Somebody else could have written this. The message says why, for an operator."""


def read(directory: Path, name: str) -> bytes | None:
    """What is in a file of the cache; None if it is not there or not to be trusted."""
    try:
        with _opened(directory) as folder:
            fd = os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
            with os.fdopen(fd, "rb") as file:
                found = os.fstat(fd)
                if not stat.S_ISREG(found.st_mode):
                    raise UntrustedError("a file in it is no regular file")
                _check(found, "a file in it")
                return file.read()
    except UntrustedError as error:
        _tell(directory, error)
    except OSError:
        return None
    return None


def write(directory: Path, name: str, data: bytes) -> bool:
    """Put a file into the cache; False where that is not possible. Others may do the same at the same time."""
    temporary = f".{secrets.token_hex(8)}.tmp"
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _opened(directory) as folder:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
            try:
                with os.fdopen(os.open(temporary, flags, 0o600, dir_fd=folder), "wb") as file:
                    file.write(data)
                os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
            except OSError:
                with contextlib.suppress(OSError):
                    os.unlink(temporary, dir_fd=folder)
                raise
    except UntrustedError as error:
        _tell(directory, error)
        return False
    except OSError:
        return False
    return True


def can_write(directory: Path) -> bool:
    """Whether a file can be put into the cache. Tells by doing so, and removes it again."""
    name = f".{secrets.token_hex(8)}.probe"
    written = write(directory, name, b"")
    with contextlib.suppress(OSError):
        (directory / name).unlink()
    return written


@contextlib.contextmanager
def _opened(directory: Path) -> Iterator[int]:
    """The directory's descriptor. Links on the way to it are followed first, as those of systemd's are.

    Raises:
        UntrustedError: somebody else could write there.
        OSError: it cannot be opened.
    """
    real = Path(os.path.realpath(directory))
    folder = os.open(real, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        _check(os.fstat(folder), "it")
        for parent in real.parents:
            mode = parent.stat().st_mode
            if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
                raise UntrustedError("everybody can write a directory above it")
        yield folder
    finally:
        os.close(folder)


def _check(found: os.stat_result, what: str) -> None:
    if found.st_uid not in (0, os.geteuid()):
        raise UntrustedError(f"{what} belongs to somebody else")
    if found.st_mode & _OTHERS_WRITE:
        raise UntrustedError(f"others can write {'it' if what == 'it' else what}")


def _tell(directory: Path, error: UntrustedError) -> None:
    """Say it once per process."""
    line = f"veilog: the cache directory {directory} is not used: {error}; patterns are compiled anew."
    if line not in _told and sys.stderr is not None:
        _told.add(line)
        print(line, file=sys.stderr, flush=True)
