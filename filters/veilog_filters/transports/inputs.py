"""Where bytes come from and go to on a command line: standard input, files and folders of them, standard output.

What is compressed is seen by its first bytes (gzip, Zstandard) and read as what it holds, piece by piece: a piece is
bounded, however much a few compressed bytes stand for, so memory does not grow with the ratio. What stops being a
compressed stream, or cannot be read, ends that file; what came before was given out, and the reason is kept.

A file of JSON may be one document over many lines (an exported trail, a pretty-printed record). ``Document`` makes one
line of it: line breaks of JSON are white space, those inside of strings are escaped.

Standard output is written without a buffer of Python's, so that what failed is known when it fails, and only once.
"""

from __future__ import annotations

import os
import select
import stat
import sys
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import orjson
import zstandard

from veilog_filters.framing import decode_json
from veilog_parsers.errors import ErrorType

READ_BYTES: Final = 524_288
"""With a quarter of it several workers wait a twentieth of their time for the next batch."""
SUFFIXES: Final = (".jsonl", ".json", ".log", ".gz", ".zst")
"""Which files of a folder are read."""
GZIP: Final = b"\x1f\x8b"
ZSTD: Final = b"\x28\xb5\x2f\xfd"
MAX_ZSTD_WINDOW_BYTES: Final = 134_217_728
"""What a Zstandard stream may make us remember: as much as its own command allows."""
STDIN: Final = "-"
BOM: Final = b"\xef\xbb\xbf"
_ONE_LINE: Final = bytes.maketrans(b"\r\n", b"  ")
_ZSTD_SLICE_BYTES: Final = 256
_GZIP_SLICE_BYTES: Final = 8192


class InputError(Exception):
    """The input cannot be read, or not to its end. The message is a reason without content."""


class OutputError(Exception):
    """Standard output takes nothing more. The message is the reason.

    Attributes:
        reader_left: whether the reader closed its end (``head``, for example), which is no failure.
    """

    def __init__(self, reason: str, *, reader_left: bool = False) -> None:
        super().__init__(reason)
        self.reader_left = reader_left


class Sink(Protocol):
    """Where results are written."""

    def write(self, data: bytes, /) -> Any:
        """Take all of it, or raise."""
        ...

    def flush(self) -> None:
        """Pass on what was taken."""
        ...


class Source(Protocol):
    """Bytes, piece by piece."""

    @property
    def waits_on(self) -> int | None:
        """The file descriptor that tells when there is more; None if a read need not wait."""
        ...

    def read(self) -> bytes:
        """The next piece; empty at the end.

        Raises:
            InputError: what comes cannot be read.
        """
        ...


class Output:
    """Standard output.

    Raises:
        OutputError: it is closed.
    """

    def __init__(self) -> None:
        try:
            # With no descriptor 1 Python has no ``sys.stdout``; another file may have got its number since.
            if sys.stdout is None:
                raise OSError
            self._fd = sys.stdout.fileno()
            os.fstat(self._fd)
        except (OSError, ValueError):
            raise OutputError("standard output is closed") from None

    def write(self, data: bytes, /) -> None:
        """Write all of it.

        Raises:
            OutputError: it cannot be written.
        """
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self._fd, view) :]
            except BlockingIOError:
                select.select([], [self._fd], [])
            except BrokenPipeError:
                raise OutputError("the reader has gone", reader_left=True) from None
            except OSError as error:
                raise OutputError(f"standard output: {error.strerror}") from None

    def flush(self) -> None:
        """Nothing is held back."""


class Descriptor:
    """An open file, or standard input.

    Args:
        fd: its descriptor.
        name: what errors call it.
    """

    def __init__(self, fd: int, name: str) -> None:
        self._fd = fd
        self._name = name
        self.bytes_read = 0

    @property
    def waits_on(self) -> int | None:
        """See ``Source``."""
        return self._fd

    def fileno(self) -> int:
        """Its descriptor."""
        return self._fd

    def read(self) -> bytes:
        """See ``Source``."""
        while True:
            try:
                data = os.read(self._fd, READ_BYTES)
            except BlockingIOError:
                select.select([self._fd], [], [])
                continue
            except OSError as error:
                raise InputError(f"{self._name}: {(error.strerror or 'cannot be read').lower()}") from None
            self.bytes_read += len(data)
            return data


class Inflated:
    """What is in a source, inflated if it is compressed.

    Args:
        source: the bytes as they come.
        name: what errors call it.
    """

    def __init__(self, source: Source, name: str) -> None:
        self._source = source
        self._name = name
        self._read: Callable[[], bytes] | None = None

    @property
    def waits_on(self) -> int | None:
        """See ``Source``. Bytes that were read may still hold much."""
        return self._source.waits_on if self._read is None or self._read == self._source.read else None

    def read(self) -> bytes:
        """See ``Source``."""
        if self._read is None:
            return self._begin()
        return self._read()

    def _begin(self) -> bytes:
        """Look at the first bytes; if they are no compressed ones, they are the first piece."""
        first = self._source.read()
        while first and len(first) < len(ZSTD) and (GZIP.startswith(first[:2]) or ZSTD.startswith(first)):
            more = self._source.read()
            if not more:
                break
            first += more
        if first.startswith(GZIP):
            self._read = _Gzip(self._source, first, self._name).read
        elif first.startswith(ZSTD):
            self._read = _Zstandard(self._source, first, self._name).read
        else:
            self._read = self._source.read
            return first
        return self._read()


class _Gzip:
    """Members of gzip, one after the other. Padding of null bytes after the last is none of them."""

    def __init__(self, source: Source, first: bytes, name: str) -> None:
        self._source = source
        self._name = name
        self._input = first
        self._at = 0
        self._member: Any = None

    def read(self) -> bytes:
        while True:
            if self._at >= len(self._input):
                self._input, self._at = self._source.read(), 0
                if not self._input:
                    return self._end()
            try:
                out = self._inflate()
            except zlib.error:
                raise InputError(f"{self._name}: the gzip data is damaged; what came before it was read") from None
            if out:
                return out

    def _inflate(self) -> bytes:
        """The next bytes of a member; what ends one is copied by the library, so it is given little at a time."""
        given = self._input[self._at : self._at + _GZIP_SLICE_BYTES]
        self._at += len(given)
        if self._member is None:
            unpadded = given.lstrip(b"\0")
            if not unpadded:
                return b""
            given, self._member = unpadded, zlib.decompressobj(zlib.MAX_WBITS | 16)
        out: bytes = self._member.decompress(given, READ_BYTES)
        self._at -= len(self._member.unused_data) + len(self._member.unconsumed_tail)
        if self._member.eof:
            self._member = None
        return out

    def _end(self) -> bytes:
        if self._member is not None:
            raise InputError(f"{self._name}: the gzip data is cut; what came before the cut was read")
        return b""


class _Zstandard:
    """Frames of Zstandard, one after the other.

    Four bytes may stand for 128 KiB, and the library gives back all that it was given at once: so it is given little.
    """

    def __init__(self, source: Source, first: bytes, name: str) -> None:
        self._source = source
        self._name = name
        self._input = first
        self._at = 0
        self._decompressor = zstandard.ZstdDecompressor(max_window_size=MAX_ZSTD_WINDOW_BYTES)
        self._frame: Any = None
        # The library forgets that it has failed.
        self._damaged = False

    def read(self) -> bytes:
        out: list[bytes] = []
        size = 0
        while size < READ_BYTES and not self._damaged:
            if self._at >= len(self._input):
                # What is there is given out before more is waited for.
                if size:
                    break
                self._input, self._at = self._source.read(), 0
                if not self._input:
                    return self._end()
            try:
                piece = self._inflate()
            except zstandard.ZstdError:
                self._damaged = True
                break
            out.append(piece)
            size += len(piece)
        if self._damaged and not size:
            raise InputError(f"{self._name}: the Zstandard data is damaged; what came before it was read")
        return b"".join(out)

    def _inflate(self) -> bytes:
        if self._frame is None:
            self._frame = self._decompressor.decompressobj()
        given = self._input[self._at : self._at + _ZSTD_SLICE_BYTES]
        piece: bytes = self._frame.decompress(given)
        self._at += len(given)
        if self._frame.eof:
            self._at -= len(self._frame.unused_data)
            self._frame = None
        return piece

    def _end(self) -> bytes:
        if self._frame is not None:
            raise InputError(f"{self._name}: the Zstandard data is cut; what came before the cut was read")
        return b""


class Files:
    """Files one after the other, each inflated; what a file ends with is a whole record.

    Args:
        paths: the files; ``-`` is standard input.
        lines: whether records are lines: then every file ends with a line break, and a ``.json`` file that is one
            document becomes one line.
        max_record_bytes: longest record.
        documents: whether any file may be one document, whatever its name.

    Attributes:
        errors: why files could not be read, or not to their ends.
    """

    def __init__(self, paths: Sequence[str], *, lines: bool, max_record_bytes: int, documents: bool = False) -> None:
        self._paths = iter(paths)
        self._lines = lines
        self._limit = max_record_bytes
        self._documents = documents
        self._file: _OpenFile | None = None
        self._before = 0
        self.errors: list[str] = []

    @property
    def bytes_read(self) -> int:
        """How far it is, in bytes as they are on disk."""
        return self._before + (self._file.raw.bytes_read if self._file is not None else 0)

    @property
    def waits_on(self) -> int | None:
        """See ``Source``."""
        return None if self._file is None else self._file.waits_on

    def read(self) -> bytes:
        """See ``Source``; but what cannot be read is kept in ``errors``, and the next file is read."""
        while True:
            try:
                if self._file is None and not self._next():
                    return b""
                data = self._file.read() if self._file is not None else b""
            except InputError as error:
                self.errors.append(str(error))
                data = b""
            if data:
                return data
            ended = self._file is None or self._file.ended
            self._close()
            if self._lines and not ended:
                return b"\n"

    def _next(self) -> bool:
        path = next(self._paths, None)
        if path is not None:
            is_document = self._lines and (self._documents or _is_json(path))
            self._file = _OpenFile(path, self._limit if is_document else 0)
        return path is not None

    def _close(self) -> None:
        if self._file is not None:
            self._before += self._file.raw.bytes_read
            self._file.close()
            self._file = None


class _OpenFile:
    """One of them.

    Args:
        path: its path, or ``-``.
        max_line_bytes: longest line, if it may be one document; 0 if it may not.

    Attributes:
        raw: its bytes as they are on disk.
        ended: whether the last that was read is the end of a line.
    """

    def __init__(self, path: str, max_line_bytes: int) -> None:
        self._fd = -1
        if path == STDIN:
            self.raw = standard_input()
        else:
            try:
                self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except OSError as error:
                raise InputError(f"{path}: {(error.strerror or 'cannot be read').lower()}") from None
            self.raw = Descriptor(self._fd, path)
        self._source: Source = Inflated(self.raw, "standard input" if path == STDIN else path)
        if max_line_bytes:
            self._source = Document(self._source, max_line_bytes)
        self.ended = True

    @property
    def waits_on(self) -> int | None:
        return self._source.waits_on

    def read(self) -> bytes:
        data = self._source.read()
        if data:
            self.ended = data.endswith(b"\n")
        return data

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)


def _is_json(path: str) -> bool:
    return path.lower().removesuffix(".gz").removesuffix(".zst").endswith(".json")


class Document:
    """A source of JSON lines, or of one document over many lines: then it is one line.

    A first line (that is not blank) which is JSON by itself, or does not end where JSON goes on, begins lines. One that
    goes on begins a document, unless it is a line that was cut: then the whole is no JSON, and other lines are. Where
    the whole is longer than is looked at, two lines of JSON on end tell: no document holds such.

    Args:
        source: the bytes.
        max_line_bytes: longest line; so much is looked at.
    """

    def __init__(self, source: Source, max_line_bytes: int) -> None:
        self._source = source
        self._limit = max_line_bytes
        self._is_document: bool | None = None

    @property
    def waits_on(self) -> int | None:
        """See ``Source``."""
        return self._source.waits_on

    def read(self) -> bytes:
        """See ``Source``."""
        data = self._source.read() if self._is_document is not None else self._begin()
        return data.translate(_ONE_LINE) if self._is_document else data

    def _begin(self) -> bytes:
        pieces: list[bytes] = []
        size = 0
        line = b""
        while size <= self._limit and (piece := self._source.read()):
            pieces.append(piece)
            size += len(piece)
            if b"\n" in piece:
                line = b"".join(pieces).lstrip()
                if b"\n" in line:
                    break
        if not _goes_on(line.partition(b"\n")[0].rstrip()):
            self._is_document = False
            return b"".join(pieces)
        while size <= self._limit and (piece := self._source.read()):
            pieces.append(piece)
            size += len(piece)
        text = b"".join(pieces)
        self._is_document = _is_document(text) if size <= self._limit else not _has_lines(text, 2)
        return text


def _is_document(text: bytes) -> bool:
    """Whether a text is JSON as a whole; or no line of it is either, and nothing is gained by reading lines."""
    whole = decode_json(text.translate(_ONE_LINE))
    return whole is not ErrorType.MALFORMED_JSON or not _has_lines(text, 1)


def _has_lines(text: bytes, count: int) -> bool:
    """Whether so many lines on end are JSON, each by itself."""
    found = 0
    for line in map(bytes.strip, text.splitlines()):
        if line:
            found = found + 1 if _is_whole(line) else 0
            if found == count:
                return True
    return False


def _is_whole(line: bytes) -> bool:
    """Whether a line is a whole JSON object or list."""
    return (
        line.startswith((b"{", b"[")) and line.endswith((b"}", b"]")) and not isinstance(decode_json(line), ErrorType)
    )


def _goes_on(line: bytes) -> bool:
    """Whether a line is the first of a JSON document of several."""
    if not line.removeprefix(BOM).startswith((b"{", b"[")) or not line.endswith((b"{", b"[", b",", b":")):
        return False
    try:
        orjson.loads(line)
    except orjson.JSONDecodeError:
        return True
    return False


def standard_input() -> Descriptor:
    """Standard input.

    Raises:
        InputError: it is closed.
    """
    try:
        if sys.stdin is None:
            raise OSError
        return Descriptor(sys.stdin.fileno(), "standard input")
    except (OSError, ValueError):
        raise InputError("standard input is closed") from None


def files_of(paths: Sequence[str], suffixes: tuple[str, ...] = SUFFIXES) -> tuple[list[str], int]:
    """The files that a command line names, folders walked, and how many bytes they have on disk.

    Args:
        paths: files, folders, and ``-`` for standard input.
        suffixes: which files of a folder are read.

    Raises:
        InputError: one is not there, cannot be read, or is a folder without logs.
    """
    files: list[str] = []
    size = 0
    for path in paths:
        if path == STDIN:
            files.append(path)
            continue
        try:
            mode = os.stat(path)  # noqa: PTH116 - what it cannot is what is asked
            found = _walked(path, suffixes) if stat.S_ISDIR(mode.st_mode) else [path]
            for file in found:
                # Opened once, so that nothing has left when one of many cannot be read.
                if not stat.S_ISFIFO(os.stat(file).st_mode):  # noqa: PTH116
                    with Path(file).open("rb"):
                        size += os.stat(file).st_size  # noqa: PTH116
        except OSError as error:
            raise InputError(f"{path}: {(error.strerror or 'cannot be read').lower()}") from None
        if not found:
            raise InputError(f"{path}: the folder holds no {', '.join(suffixes)} files")
        files += found
    return files, size


def _walked(folder: str, suffixes: tuple[str, ...]) -> list[str]:
    def refuse(error: OSError) -> None:
        raise error

    return sorted(
        os.path.join(parent, name)  # noqa: PTH118 - as the user wrote it
        for parent, _, names in os.walk(folder, onerror=refuse)
        for name in names
        if name.lower().endswith(suffixes) and os.path.isfile(os.path.join(parent, name))  # noqa: PTH113, PTH118
    )
