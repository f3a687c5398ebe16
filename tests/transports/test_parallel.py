"""Several processes give what one gives: the same bytes in the same order, whatever is in the input."""

from __future__ import annotations

import io
import os
import random
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import msgpack
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import Run
from processes import children_of, is_running
from samples import samples
from veilog_filters.cli import _make_filter
from veilog_filters.transports import parallel
from veilog_filters.transports.inputs import Files
from veilog_filters.transports.parallel import LineCutter, MsgpackCutter

LINES = [sample.line for sample in samples()]
JSON = b"\n".join([*LINES, b"{broken", b"", b'{"a":"' + b"x" * 3_000_000 + b'"}', *LINES * 3])
PROMPT = b'{"request":{"model":"m","messages":[{"role":"user","content":"Good morning"}]},"response":{}}\n'
ONCE = b"".join(msgpack.packb(orjson.loads(line)) for line in LINES)
PACKED = ONCE * 4
NO_KEY = b"\x81\x91\x01\x02"
"""A map with a list for a key: msgpack by its form, but no record."""


@pytest.mark.parametrize(
    ("form", "data"),
    [
        ("jsonl", JSON),
        ("jsonl", b""),
        ("msgpack", PACKED + b"\xc1" + PACKED),
        ("msgpack", PACKED[:-3]),
        ("msgpack", PACKED * 2 + NO_KEY + PACKED * 2),
    ],
    ids=["lines", "nothing", "broken msgpack", "cut msgpack", "msgpack with a wrong key"],
)
def test_the_output_is_that_of_one_process(form: str, data: bytes, veilog: Run) -> None:
    one = veilog("filter", "--input", form, stdin=data)
    two = veilog("filter", "--input", form, "--workers", "2", stdin=data)
    assert two.stdout == one.stdout
    assert (two.returncode, two.stderr) == (one.returncode, one.stderr)
    assert bool(one.stdout) == bool(data)


def test_the_output_is_that_of_one_process_with_a_key_of_its_own(veilog: Run, tmp_path: Path) -> None:
    """An ephemeral key is one key for all workers."""
    (tmp_path / "c.yaml").write_text("hash_key: {ephemeral: true}\n")
    done = veilog("filter", "--config", "c.yaml", "--workers", "3", stdin=PROMPT * 3000)
    ids = [orjson.loads(line).get("hash_key_id") for line in done.stdout.splitlines()]
    assert len(ids) == 3000
    assert len(set(ids)) == 1


def command() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "veilog_filters", "filter", "--workers", "2"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_a_line_is_answered_before_the_next_one_comes() -> None:
    with command() as filtering:
        assert filtering.stdin is not None
        assert filtering.stdout is not None
        for number in (1, 10, 100, 1000, 10000):
            filtering.stdin.write(b'{"n":%d}\n' % number)
            filtering.stdin.flush()
            assert orjson.loads(filtering.stdout.readline())["raw_bytes"] == len(b'{"n":%d}' % number)
        filtering.stdin.close()
        assert filtering.wait(60) == 0


def test_a_worker_that_dies_ends_it_with_one() -> None:
    with command() as filtering:
        assert filtering.stdin is not None
        assert filtering.stdout is not None
        assert filtering.stderr is not None
        filtering.stdin.write(b'{"n":1}\n')
        filtering.stdin.flush()
        assert filtering.stdout.readline()
        for child in children_of(filtering.pid):
            os.kill(child, signal.SIGKILL)
        out, error = filtering.communicate(b'{"secret":"ann.smith@example.com"}\n' * 10, timeout=60)
        assert filtering.returncode == 1
        assert out == b""
        assert b"WorkerDiedError" in error
        assert b"ann.smith" not in error


def test_an_object_over_the_limit_breaks_the_stream_for_all_workers(veilog: Run, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("limits: {max_record_bytes: 200000}\n")
    for size in (199_990, 200_010):
        data = ONCE + msgpack.packb({"a": "x" * size}) + ONCE * 2
        arguments = ("filter", "--config", "c.yaml", "--input", "msgpack", "--workers")
        one, two = (veilog(*arguments, workers, stdin=data) for workers in ("1", "3"))
        assert (two.stdout, two.stderr, two.returncode) == (one.stdout, one.stderr, one.returncode)
        assert one.returncode == (size > 200_000)


def test_workers_end_when_the_command_is_killed() -> None:
    with command() as filtering:
        assert filtering.stdin is not None
        assert filtering.stdout is not None
        filtering.stdin.write(b'{"n":1}\n')
        filtering.stdin.flush()
        assert filtering.stdout.readline()
        workers = children_of(filtering.pid)
        assert len(workers) >= 2
        filtering.kill()
        filtering.wait()
        deadline = time.monotonic() + 30
        while any(map(is_running, workers)) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not any(map(is_running, workers))


def test_workers_that_cannot_be_forked_do_the_same(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(parallel, "_FORKS", False)
    make = partial(_make_filter, None, "jsonl", "jsonl", "native", "", "")
    filtering = make()
    (tmp_path / "in").write_bytes(JSON)
    sink = io.BytesIO()
    source = Files([str(tmp_path / "in")], lines=True, max_record_bytes=1_000_000)
    assert parallel.run(filtering, make, 2, LineCutter(), source, sink)
    one = make()
    assert sink.getvalue() == one.feed(JSON) + one.finish()
    assert filtering.counts.received == 0


@given(st.lists(st.binary(max_size=9)), st.randoms(use_true_random=False))
def test_cutting_lines_loses_nothing(pieces: list[bytes], chance: random.Random) -> None:
    data = b"\n".join(pieces)
    cutter = LineCutter()
    for end in range(0, len(data), 1 + chance.randrange(5)):
        cut = cutter.feed(data[: end + 1])
        assert data[: end + 1][cut - 1 : cut] in (b"\n", b"")
        assert b"\n" not in data[cut : end + 1]


@given(
    st.lists(st.recursive(st.integers(-(2**63), 2**64 - 1), lambda inner: st.lists(inner, max_size=3))),
    st.integers(1, 9),
)
def test_cutting_msgpack_ends_at_ends(values: list[object], size: int) -> None:
    packed = [msgpack.packb(value) for value in values]
    data, ends = b"".join(packed), {0}
    for one in packed:
        ends.add(max(ends) + len(one))
    cutter = MsgpackCutter(1000)
    last = 0
    for start in range(0, len(data), size):
        cut = cutter.feed(data[start : start + size])
        if cut:
            last = start + cut
        assert last == max(end for end in ends if end <= min(start + size, len(data)))
