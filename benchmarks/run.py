"""How fast veilog is beside plain Presidio and its peers: ``python benchmarks/run.py``, one table from one run.

Each contender runs over each corpus in a fresh process, several times in turn. First it is asserted that veilog found
what plain Presidio found, on every corpus, span for span. Then the table gives the median of a contender's time as a
ratio to plain Presidio's in the same round, so that a noisy machine is noisy for both. Peers find other things than
Presidio: the cells say how many. A peer whose library is not installed is left out; ``--interpreter
vector=/path/python`` names another interpreter for one (Vector's needs Python 3.12).
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import orjson

from contenders import WARM_UP, texts_of, veilog_detector
from corpora import KINDS, Corpus
from veilog_filters.fingerprint import new_key

HERE = Path(__file__).parent
CORPORA = (*KINDS, "conversation")
DETECTORS = ("veilog", "veilog, cache on", "presidio", "datafog", "presidio-rs", "scrubadub")
FILTERS = ("veilog", "presidio", "vector")


def measure(kind: str, name: str, path: Path, interpreter: str) -> dict[str, Any] | None:
    """One contender in a fresh process; None if its library is not there."""
    done = subprocess.run(
        [interpreter, str(HERE / "contenders.py"), kind, name, str(path)],
        check=False,
        capture_output=True,
        env=os.environ | {"VEILOG_HASH_KEY": new_key()},
    )
    if b"ModuleNotFoundError" in done.stderr:
        return None
    if done.returncode:
        raise SystemExit(done.stderr.decode())
    result: dict[str, Any] = orjson.loads(done.stdout.splitlines()[-1])
    return result


class Table:
    """Medians of ratios to plain Presidio, per contender and corpus."""

    def __init__(self, kind: str, names: tuple[str, ...], files: dict[str, Path], interpreters: dict[str, str]) -> None:
        self._kind, self._names, self._files, self._interpreters = kind, names, files, interpreters
        self.results: dict[tuple[str, str], list[dict[str, Any]]] = {}

    def run(self, rounds: int) -> None:
        """Run all contenders over all corpora, in turn."""
        absent: set[str] = set()
        for _ in range(rounds):
            for corpus, path in self._files.items():
                for name in self._names:
                    if name in absent:
                        continue
                    result = measure(self._kind, name, path, self._interpreters.get(name, sys.executable))
                    if result is None:
                        absent.add(name)
                        print(f"{name}: not installed, left out", file=sys.stderr)
                    else:
                        self.results.setdefault((name, corpus), []).append(result)

    def check(self) -> None:
        """Assert that veilog finds what Presidio finds."""
        for corpus in self._files:
            digests = {
                name: result["digest"]
                for (name, where), results in self.results.items()
                for result in results
                if where == corpus and (name == "presidio" or name.startswith("veilog"))
            }
            if len(set(digests.values())) != 1:
                raise SystemExit(f"{corpus}: {', '.join(digests)} do not find the same; nothing is compared")

    def show(self) -> None:
        """Print the table."""
        print("| " + " | ".join((self._kind, *self._files, "peak MB")) + " |")
        print("| --- " * (len(self._files) + 2) + "|")
        for name in self._names:
            if (name, next(iter(self._files))) not in self.results:
                continue
            cells = [self._cell(name, corpus) for corpus in self._files]
            peak = max(result["peak_mb"] for corpus in self._files for result in self.results[name, corpus])
            print(f"| {name} | {' | '.join(cells)} | {peak:.0f} |")

    def ratio(self, name: str, corpus: str) -> float:
        """How many times as fast as plain Presidio a contender was."""
        pairs = zip(self.results["presidio", corpus], self.results[name, corpus], strict=True)
        return float(statistics.median(plain["seconds"] / ours["seconds"] for plain, ours in pairs))

    def _cell(self, name: str, corpus: str) -> str:
        ratio = self.ratio(name, corpus)
        found = self.results[name, corpus][0].get("found")
        lines = self._files[corpus].read_bytes().splitlines(keepends=True)
        megabytes = sum(map(len, lines[WARM_UP:])) / 1e6
        rate = statistics.median(megabytes / result["seconds"] for result in self.results[name, corpus])
        return f"{ratio:.1f}x, {rate:.1f} MB/s" + ("" if found is None else f", {found} found")


def conversation(files: Path) -> None:
    """What a conversation of 20 turns costs, whose every request repeats the history, beside its last state alone."""
    records = list(Corpus().conversation(20))
    whole, last = files / "whole.jsonl", files / "last.jsonl"
    whole.write_bytes(b"".join(orjson.dumps(record) + b"\n" for record in records))
    last.write_bytes(orjson.dumps(records[-1]) + b"\n")
    costs = []
    for _ in range(5):
        seconds = []
        for path in (whole, last):
            detect, texts = veilog_detector(cache=True), texts_of(path.read_bytes().splitlines())
            for text in Corpus(seed=2).lines("mixed", 20).decode().splitlines():
                detect(text)
            start = time.perf_counter()
            for text in texts:
                detect(text)
            seconds.append(time.perf_counter() - start)
        costs.append(seconds[0] / seconds[1])
    print(f"\na conversation of 20 turns, cache on: {statistics.median(costs):.1f} times its last state alone")


def two_workers(path: Path, rounds: int) -> None:
    """``veilog filter`` as a command: two workers beside one, and beside two commands that share the lines."""
    lines = path.read_bytes().splitlines(keepends=True)
    halves = [path.with_suffix(f".{number}") for number in range(2)]
    for number, half in enumerate(halves):
        half.write_bytes(b"".join(lines[number::2]))
    together, apart = [], []
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as config:
        config.write("hash_key: {ephemeral: true}\ndetect: {cache_entries: 0}\n")
        config.flush()
        for _ in range(rounds):
            one = run_filters(config.name, 1, [path])
            together.append(one / run_filters(config.name, 2, [path]))
            apart.append(one / run_filters(config.name, 1, halves))
    print(f"veilog filter, whole command: two workers {statistics.median(together):.2f} times one", end="")
    print(f" (two commands with half the lines each: {statistics.median(apart):.2f} times)")


def run_filters(config: str, workers: int, paths: list[Path]) -> float:
    """How long it takes until as many commands as there are files are done."""
    command = [sys.executable, "-m", "veilog_filters", "filter", "--config", config, "--workers", str(workers)]
    start = time.perf_counter()
    with contextlib.ExitStack() as stack:
        running = [
            stack.enter_context(
                subprocess.Popen(command, stdin=stack.enter_context(path.open("rb")), stdout=subprocess.DEVNULL)
            )
            for path in paths
        ]
        if any(process.wait() for process in running):
            raise SystemExit("veilog filter failed")
    return time.perf_counter() - start


def cold_start() -> None:
    """From starting the command to its first clean event, with a warm cache."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as config:
        config.write("hash_key: {ephemeral: true}\n")
        config.flush()
        subprocess.run([sys.executable, "-m", "veilog_filters", "warm", "--config", config.name], check=True)
        line = orjson.dumps(Corpus().record("clean")) + b"\n"
        times = []
        for _ in range(5):
            start = time.perf_counter()
            with subprocess.Popen(
                [sys.executable, "-m", "veilog_filters", "filter", "--config", config.name],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            ) as process:
                assert process.stdin is not None
                assert process.stdout is not None
                process.stdin.write(line)
                process.stdin.flush()
                process.stdout.readline()
                times.append(time.perf_counter() - start)
                process.stdin.close()
    print(f"cold start to the first clean event, cache warm: {statistics.median(times):.2f} s")


def main() -> None:
    """Parse arguments, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--records", type=int, default=800, help="records of each corpus that are measured")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each contender, in turn")
    parser.add_argument("--history", action="store_true", help="append the ratios to benchmarks/history.jsonl")
    parser.add_argument("--brief", action="store_true", help="only the two tables of ratios")
    parser.add_argument("--interpreter", action="append", default=[], metavar="NAME=PATH")
    arguments = parser.parse_args()
    interpreters = dict(pair.split("=", 1) for pair in arguments.interpreter)
    with tempfile.TemporaryDirectory() as folder:
        files = {}
        for corpus in CORPORA:
            files[corpus] = Path(folder) / f"{corpus}.jsonl"
            files[corpus].write_bytes(Corpus().lines(corpus, WARM_UP + max(20, arguments.records)))
        detection = Table("detect", DETECTORS, files, interpreters)
        detection.run(arguments.rounds)
        detection.check()
        detection.show()
        print()
        filtering = Table("filter", FILTERS, {name: files[name] for name in KINDS}, interpreters)
        filtering.run(arguments.rounds)
        filtering.show()
        if arguments.history:
            import bench_history

            ratios = {
                "detect": {corpus: detection.ratio("veilog", corpus) for corpus in CORPORA},
                "filter": {corpus: filtering.ratio("veilog", corpus) for corpus in KINDS},
            }
            bench_history.append(bench_history.entry(ratios, max(20, arguments.records), arguments.rounds))
        if arguments.brief:
            return
        conversation(Path(folder))
        big = Path(folder) / "big.jsonl"
        # 50,000 records, 124 MB: importing Presidio, which each process does, is a tenth of what one takes for them.
        big.write_bytes(Corpus().lines("mixed", 10_000) * 5)
        two_workers(big, arguments.rounds)
        cold_start()


if __name__ == "__main__":
    main()
