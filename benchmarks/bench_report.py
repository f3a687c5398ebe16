"""``veilog report`` over many events: how long it takes, and how much memory.

The events are those of the samples' goldens, each made many times with other users, departments, times and sizes, in
``veilog/1``, or in all schemas in turn. The report is made by a process of its own; its peak of resident memory is what
the system says of it. Run it with ``python benchmarks/bench_report.py [--events 1000000] [--schema native|all]``.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from samples import SAMPLES
from veilog_filters import plugins

QUARTER = datetime(2026, 7, 1, tzinfo=UTC)
DAYS = 92
USERS = 2_000
DEPARTMENTS = ("claims", "engineering", "finance", "legal", "people", "research", "sales", "support")
KEYS = ("b0e74a58", "1f9c02d7")
CONTENT = ("content", "unmapped")


def goldens() -> list[dict[str, Any]]:
    """The events of all samples as the default policy lets them leave: without texts."""
    found = []
    for path in sorted(SAMPLES.rglob("*.out.json")):
        for event in json.loads(path.read_text(encoding="utf-8")):
            kept = {name: value for name, value in event.items() if name not in CONTENT}
            found.append(kept)
    return found


def made(number: int, seed: int = 1) -> Iterator[dict[str, Any]]:
    """Events of one quarter: some users ask often, most seldom."""
    chance = random.Random(seed)
    patterns = goldens()
    for count in range(number):
        event = dict(patterns[count % len(patterns)])
        user = min(int(chance.expovariate(1 / 150)), USERS - 1)
        moment = QUARTER + timedelta(days=chance.randrange(DAYS), seconds=chance.gauss(46_800, 12_000))
        event["event_id"] = f"{count:032x}"
        event["timestamp"] = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        event["user_id"] = f"user-{user:04}"
        event["user_name"] = f"user-{user:04}@example.com"
        event["user_department"] = DEPARTMENTS[user % len(DEPARTMENTS)]
        event["model_department"] = DEPARTMENTS[(user + (chance.random() < 0.03)) % len(DEPARTMENTS)]
        event["hash_key_id"] = KEYS[moment.month > 8]
        if "input_tokens" in event:
            event["input_tokens"] = chance.randrange(10, 4_000)
            event["token_count"] = event["input_tokens"] + event.get("output_tokens", 0)
        yield event


def written(events: Iterator[dict[str, Any]], schema: str, path: Path) -> None:
    """Write events to a file, in one schema or in all, one after the other."""
    encoders = {offer.name: encoder.encode for offer, encoder in plugins.select("encoders", ())}
    chosen: list[Callable[[Any], Any]] = list(encoders.values()) if schema == "all" else [encoders[schema]]
    with path.open("wb") as file:
        for count, event in enumerate(events):
            file.write(orjson.dumps(chosen[count % len(chosen)](event), option=orjson.OPT_APPEND_NEWLINE))


def main() -> int:
    """Make the events, report them, print seconds and peak memory."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--schema", default="native")
    parser.add_argument("--out", help="keep the page here")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.jsonl"
        written(made(chosen.events), chosen.schema, path)
        out = chosen.out or str(Path(folder) / "report.html")
        command = [sys.executable, "-m", "veilog_filters", "report", str(path), "--out", out]
        began = time.perf_counter()
        child = subprocess.Popen(command)
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        print(
            f"{chosen.events:,} events ({chosen.schema}, {path.stat().st_size / 1e6:,.0f} MB): {seconds:.1f} s, "
            f"peak {usage.ru_maxrss / 1024:,.0f} MiB resident, {usage.ru_utime + usage.ru_stime:.1f} s of processor "
            f"time, page of {Path(out).stat().st_size / 1e6:.1f} MB, exit code {child.returncode}"
        )
    return child.returncode


if __name__ == "__main__":
    sys.exit(main())
