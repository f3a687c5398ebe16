"""Write the seed corpora: small inputs from which fuzzing starts. Run it after samples or captures changed.

One sample of each source, cut to what a mutator can work with, the broken shapes of ``test_bad_input``'s kind, and the
frames of real shippers.
"""

from __future__ import annotations

import gzip
import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgpack
import orjson

ROOT: Final = Path(__file__).parents[2]
CORPUS: Final = Path(__file__).parent / "corpus"
MAX_SEED_BYTES: Final = 2000

_BROKEN: Final = (
    b'{"a": "\\ud83d"}',
    b'\xef\xbb\xbf{"a": 1}',
    b"\xc2\xa0{}",
    b'{"a": NaN, "b": -Infinity}',
    b'{"a": 1e999, "b": 123456789012345678901234567890}',
    b'{"a": 1}{"b": 2}',
    b'\x1b[32m{"a": 1}\x1b[0m',
    b"{'a': None, 'b': True, 'c': 'd'}",
    b'{"a": 1, "a": {"a": 2}}',
    b'INFO gateway: {"model": "m", "messages": [{"role": "user", "content": "x"}]} done',
    b'"{\\"a\\": \\"{\\\\\\"b\\\\\\": 1}\\"}"',
    b'{"log": "2026-01-01T00:00:00.1Z stdout F {\\"model\\": \\"m\\", \\"prompt\\": \\"x\\"}"}',
    b'{"a": [1, {"b": "c',
    b'[[[[[[[[{"a": 1}]]]]]]]]',
    b"data: {}\r\ndata: [DONE]\r",
    b"plain text, no JSON",
    b'\xff\xfe{"a": 1}',
    b'{"a": "\x01\x02"}',
)


def _samples() -> Iterator[bytes]:
    for folder in sorted((ROOT / "parsers" / "samples").iterdir()):
        lines = [orjson.dumps(orjson.loads(path.read_bytes())) for path in sorted(folder.glob("*.in.json"))]
        small = sorted((line for line in lines if len(line) < MAX_SEED_BYTES), key=len)
        yield from (small[0], small[len(small) // 2]) if len(small) > 1 else small


def _forward() -> Iterator[bytes]:
    entry: list[Any] = [[msgpack.ExtType(0, b"\x67\xc5\x79\x2f\0\0\0\1"), {"k": "v"}], {"log": "x", "n": 1}]
    old: list[Any] = [1_740_994_863, {"log": "x"}]
    stream = msgpack.packb(entry) + msgpack.packb(old)
    group = msgpack.packb([[msgpack.ExtType(0, b"\xff\xff\xff\xff\0\0\0\0"), {}], {"resource": {"attributes": {}}}])
    bare = (
        *(msgpack.packb(["t", *old]), msgpack.packb(["t", *old, {"chunk": "c"}]), msgpack.packb(["t", [entry, old]])),
        *(msgpack.packb(["t", stream, {"chunk": "c"}]), msgpack.packb(["t", group + stream, {"size": 3}])),
        *(msgpack.packb(["t", gzip.compress(stream, mtime=0), {"compressed": "gzip"}]), b"\xc0"),
    )
    yield from (b"\0" + frame for frame in bare)
    yield b"\1" + msgpack.packb(["PING", "h", b"s" * 16, "d" * 128, "ann", "p" * 128])
    yield b"\2" + msgpack.packb({"ack": "c"})
    yield b"\3" + msgpack.packb(["HELO", {"nonce": b"n" * 16, "auth": b"", "keepalive": True}])
    yield b"\3" + msgpack.packb(["PONG", True, "", "s", "d" * 128])
    yield from (bytes([way]) + stream for way in (4, 5, 6))
    yield b"\7" + gzip.compress(stream, mtime=0)
    for path in sorted((ROOT / "tests" / "data" / "forward").glob("*.bin")):
        yield b"\0" + path.read_bytes()[:MAX_SEED_BYTES]


def seeds(name: str) -> Iterator[bytes]:
    """The seeds of a target."""
    if name == "forward":
        yield from _forward()
    elif name == "msgpack":
        yield from (msgpack.packb(orjson.loads(line)) for line in _samples())
        yield msgpack.packb({1: b"\xff", b"k": [None, True, 1.5, {"a": "b"}]})
    else:
        yield from _samples()
        yield from _BROKEN


def main() -> int:
    """Write all corpora anew."""
    for name in ("forward", "json", "filter", "msgpack"):
        folder = CORPUS / name
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        for seed in seeds(name):
            (folder / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
