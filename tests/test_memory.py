"""A long input runs in constant memory: the peak of ten times the records is within 5 percent."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import orjson
import pytest

from shares import SOAK

FEW, MANY = (2000, 20_000) if SOAK else (300, 3000)


def record(number: int) -> bytes:
    """A call like no other: its words are new, and every tenth one has an address in it."""
    words = " ".join(_word(number * 31 + word * 7919) for word in range(40))
    contact = f" Mail user{number}@example.com, account {10_000_000 + number}." if number % 10 == 0 else ""
    return orjson.dumps(
        {
            "time": 1_740_994_863 + number,
            "user": f"u-{number}",
            "request_id": f"r-{number}",
            "request": {
                "model": "m",
                "messages": [{"role": "user", "content": f"Question {number}: {words}.{contact}"}],
            },
            "response": {"model": "m", "choices": [{"message": {"content": f"Answer {number}: {words}"}}]},
        }
    )


def _word(number: int) -> str:
    """A word of letters: words with digits in them all look like licence numbers to somebody."""
    return "".join("abcdefghij"[int(digit)] for digit in str(number))


def peak_kb(count: int, folder: Path) -> int:
    """Peak resident memory of ``veilog filter`` over ``count`` records; checks that all leave in order."""
    source, sink = folder / f"{count}.in", folder / f"{count}.out"
    with source.open("wb") as lines:
        for number in range(count):
            lines.write(record(number) + b"\n")
    with source.open("rb") as stdin, sink.open("wb") as stdout:
        child = os.posix_spawn(
            sys.executable,
            [sys.executable, "-m", "veilog_filters", "filter"],
            os.environ,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, stdin.fileno(), 0),
                (os.POSIX_SPAWN_DUP2, stdout.fileno(), 1),
            ],
        )
        _, status, usage = os.wait4(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    with sink.open("rb") as lines_out:
        assert [orjson.loads(line)["request_id"] for line in lines_out] == [f"r-{number}" for number in range(count)]
    return usage.ru_maxrss


@pytest.mark.slow
def test_memory_does_not_grow_with_the_input() -> None:
    with tempfile.TemporaryDirectory() as folder:
        few, many = (peak_kb(count, Path(folder)) for count in (FEW, MANY))
    assert many <= 1.05 * few, f"{few} KB for {FEW} records, {many} KB for {MANY}"
