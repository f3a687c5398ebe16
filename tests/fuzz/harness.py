"""Coverage-guided fuzzing with atheris: the Forward decoder, the JSON decoder and ``filter`` as a whole.

    python tests/fuzz/harness.py TARGET RUNS FOLDER

An input is one that fails if anything but a declared error comes out of the code under test. Memory is measured at half
of the runs and at the end. The seed is fixed, so the same code takes the same inputs. The last line of standard output
says how it went, as JSON; inputs that fail are left in FOLDER.
"""

from __future__ import annotations

import gzip
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import atheris
import msgpack
import orjson

with atheris.instrument_imports(include=["veilog_filters", "veilog_parsers"]):
    from veilog_filters import framing
    from veilog_filters.config import Config
    from veilog_filters.forward import (
        NEED_DATA,
        Chunk,
        ClientConnection,
        Closed,
        Entry,
        ForwardError,
        Helo,
        ServerConnection,
    )
    from veilog_filters.forward.limits import Limits
    from veilog_filters.pipeline import Pipeline
    from veilog_filters.quarantine import DecodeFailure
    from veilog_filters.transports.stdio import Filter
    from veilog_parsers.errors import ErrorType, RecordError
    from veilog_parsers.event import Kind
    from veilog_parsers.record.raw import RawRecord

    decoding: Any
    try:
        from veilog_parsers.record import decoding
    except ImportError:
        decoding = None

CORPUS: Final = Path(__file__).parent / "corpus"
KEY_FILE: Final = Path(__file__).parents[1] / "data" / "hash.key"
DICTIONARY: Final = Path(__file__).parent / "tokens.dict"
MAX_INPUT_BYTES: Final = 2048
TIMEOUT_SECS: Final = 10
"""An input that takes longer fails. Under atheris everything takes several times as long as without."""

STAGE_FAILED: Final = frozenset(
    {
        ErrorType.PARSER_FAILED,
        ErrorType.DETECTOR_FAILED,
        ErrorType.CLASSIFIER_FAILED,
        ErrorType.FINGERPRINT_FAILED,
        ErrorType.REDACTION_FAILED,
        ErrorType.ENCODING_FAILED,
    }
)
"""Quarantine for these hides a fault of ours: nothing leaks, but some code raised what it should not."""

Target = Callable[[bytes], None]


_LIMITS: Final = Limits(max_frame_bytes=65_536, max_inflated_bytes=262_144, max_entries=2_000)


def _locked_server() -> ServerConnection:
    """A server that waits for a client's answer."""
    server = ServerConnection(_LIMITS, shared_key=b"k", hostname="s", users={"ann": "pw"})
    server.send(Helo(b"n" * 16, b"a" * 16))
    return server


_ENDS: Final[tuple[Callable[[], ServerConnection | ClientConnection], ...]] = (
    lambda: ServerConnection(_LIMITS),
    _locked_server,
    lambda: ClientConnection(_LIMITS),
    lambda: ClientConnection(_LIMITS, shared_key=b"k", hostname="c"),
)
"""Which take the input as it is."""
_MODES: Final[tuple[Callable[[bytes], bytes], ...]] = (
    lambda data: msgpack.packb(["t", data, {"chunk": "c"}]),
    lambda data: msgpack.packb(["t", gzip.compress(data, 1), {"compressed": "gzip"}]),
    lambda data: b"\x93\xa1t\xda" + len(data).to_bytes(2, "big") + data + b"\x80",
    lambda data: msgpack.packb(["t", data, {"compressed": "zstd" if len(data) % 2 else "gzip"}]),
)
"""In which the input is entries, or compressed."""


def forward() -> Target:
    """Bytes from a peer, on both ends of a connection, before and after the handshake, in all modes of a chunk."""

    def run(data: bytes) -> None:
        way, data = (data[0] % 8 if data else 0), data[1:]
        if way < len(_ENDS):
            _drain(_ENDS[way](), data)
        else:
            _drain(ServerConnection(_LIMITS), _MODES[way - len(_ENDS)](data))

    return run


def _drain(connection: ServerConnection | ClientConnection, data: bytes) -> None:
    """Feed in pieces whose sizes the data itself gives; nothing but the declared error comes out."""
    size = 1 + (data[-1] if data else 0)
    try:
        for piece in (*(data[at : at + size] for at in range(0, len(data), size)), b""):
            connection.receive_data(piece)
            while (event := connection.next_event()) is not NEED_DATA:
                if isinstance(event, Closed):
                    return
                if isinstance(event, Chunk):
                    _check_chunk(event)
    except ForwardError as error:
        assert len(str(error)) < 200, "a message of ours, none of the peer's bytes"


def _check_chunk(chunk: Chunk) -> None:
    assert isinstance(chunk.tag, str)
    assert chunk.chunk_id is None or isinstance(chunk.chunk_id, str | bytes)
    for entry in chunk.entries:
        if isinstance(entry, Entry):
            assert entry.metadata is None or isinstance(entry.metadata, dict)
            # What the pipeline is given are JSON values: they can be written, and text is text.
            orjson.dumps([entry.metadata, entry.record], option=orjson.OPT_NON_STR_KEYS)


def json_decoder() -> Target:
    """A line, and a text in a record: a JSON value or a declared error; what a strict decoder reads, read the same."""

    def run(data: bytes) -> None:
        value = framing.decode_json(data)
        assert isinstance(value, ErrorType) or _is_json(value)
        try:
            strict = orjson.loads(data)
        except orjson.JSONDecodeError:
            strict = None
        # Of a container, nothing may be lost; a string may hold JSON again.
        if isinstance(strict, dict | list) and not isinstance(value, ErrorType):
            assert isinstance(value, type(strict))
            assert len(value) >= len(strict)
        if decoding is not None:
            text = data.decode("utf-8", "replace")
            for cut in (False, True):
                try:
                    decoded = decoding.decode(text, allow_cut=cut)
                except RecordError:
                    continue
                assert all(map(_is_json, decoded.documents))

    return run


def _is_json(value: Any) -> bool:
    orjson.dumps(value)
    return True


def filtering() -> Target:
    """Lines through the whole of ``filter`` with the default policy: events that can be written, of known kinds."""
    os.environ.setdefault("VEILOG_HASH_KEY", KEY_FILE.read_text().strip())
    pipeline = Pipeline(Config())
    framer = framing.FRAMERS["jsonl"](pipeline.fingerprinter, "", 16_777_216)
    filter_ = Filter(pipeline, framer, framing.write_json)

    def run(data: bytes) -> None:
        out = filter_.feed(data + b"\n")
        for line in out.splitlines():
            event = orjson.loads(line)
            assert event["kind"] in set(Kind)
            assert "content" not in event
            assert "unmapped" not in event
            failed = event.get("error_type")
            assert failed not in STAGE_FAILED, f"{event.get('source')}: {failed}"

    return run


def entries() -> Target:
    """A record as msgpack says it, through the pipeline: keys that are no strings, bytes, extensions."""
    os.environ.setdefault("VEILOG_HASH_KEY", KEY_FILE.read_text().strip())
    pipeline = Pipeline(Config())

    def run(data: bytes) -> None:
        framer = framing.FRAMERS["msgpack"](pipeline.fingerprinter, "", 65_536)
        records: list[RawRecord | DecodeFailure] = [*framer.feed(data), *framer.finish()]
        for events in pipeline.batch(records):
            for event in events:
                framing.write_msgpack(event)
                assert event.get("error_type") not in STAGE_FAILED, f"{event.get('source')}: {event['error_type']}"

    return run


def planted_fault() -> Target:
    """Fails where only guidance by coverage comes: the harness's own test."""

    def run(data: bytes) -> None:
        depth = 0
        for expected, byte in zip(b"veil", data, strict=False):
            if byte != expected:
                return
            depth += 1
        assert depth < 3, "this is the fault"

    guided: Target = atheris.instrument_func(run)
    return guided


TARGETS: Final[dict[str, Callable[[], Target]]] = {
    "forward": forward,
    "json": json_decoder,
    "filter": filtering,
    "msgpack": entries,
    "planted fault": planted_fault,
}


def resident_kb() -> int:
    """Memory of this process in KiB."""
    with Path("/proc/self/statm").open() as pages:
        return int(pages.read().split()[1]) * os.sysconf("SC_PAGESIZE") // 1024


class Counted:
    """A target that counts its inputs and says at the end how it went."""

    def __init__(self, target: Target, runs: int) -> None:
        self._target = target
        self._runs = runs
        self._count = 0
        self._half_kb = 0
        self._start = time.monotonic()

    def __call__(self, data: bytes) -> None:
        """Take one input."""
        self._target(data)
        self._count += 1
        if self._count == self._runs // 2:
            self._half_kb = resident_kb()
        if self._count == self._runs:
            took = time.monotonic() - self._start
            report = {"runs": self._count, "secs": round(took, 1), "half_kb": self._half_kb, "end_kb": resident_kb()}
            print(json.dumps(report), flush=True)


def arguments(name: str, runs: int, folder: Path) -> Iterator[str]:
    """What libFuzzer is told."""
    yield sys.argv[0]
    yield from (f"-runs={runs}", "-seed=11", f"-max_len={MAX_INPUT_BYTES}", f"-timeout={TIMEOUT_SECS}")
    yield from (f"-dict={DICTIONARY}", f"-artifact_prefix={folder}/", "-rss_limit_mb=4096", "-print_final_stats=1")
    fresh = folder / "corpus"
    fresh.mkdir(parents=True, exist_ok=True)
    yield str(fresh)
    if (CORPUS / name).is_dir():
        yield str(CORPUS / name)


def main() -> None:
    """Fuzz a target; ends the process."""
    name, runs, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    target = Counted(TARGETS[name](), runs)
    atheris.Setup(list(arguments(name, runs, folder)), target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
