"""What hostile input costs: CPU time against size, family by family, through the whole pipeline.

``python benchmarks/bench_hostile.py`` prints, for each family of ``hostile.py``, the seconds at four sizes (an eighth,
a quarter, a half and all of the largest), the exponent of cost over size by least squares in log space, and what was
stopped: ``record`` where ``limits.record_secs`` was used up, ``text`` where a text took longer than
``detect.timeout_secs`` and counts as found, whole. A size at which something was stopped is left out of the exponent:
it is bounded, not proportional. Exit code 1 if an exponent is above 1.2, or if a record took longer than its budget
and one slice. Where the decoder alone is above it (a million keys outgrow the processor's caches), the whole may be as
the decoder is. ``python benchmarks/bench_hostile.py NAME...`` measures those families whose names begin so.

``make bench`` runs each family once at its smallest size.
"""

from __future__ import annotations

import gc
import math
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import orjson
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from hostile import FAMILIES, Family
from veilog_filters.config import Config, Detect, HashKey, Policy
from veilog_filters.forward import Chunk, ForwardError, ServerConnection
from veilog_filters.framing import JsonLines, write_json
from veilog_filters.pipeline import Pipeline, batches, size_of
from veilog_parsers.record.raw import RawRecord

MAX_EXPONENT: Final = 1.2
SLICE_SECS: Final = 1.0
"""What one call of a library may take beyond the budget: ``detect.timeout_secs``."""
STEPS: Final = (8, 4, 2, 1)
_REPEAT_SECS: Final = 0.8
_MAX_REPEATS: Final = 4
_SECOND_LOOKS: Final = 2
_NOISE_OF_EXPONENTS: Final = 0.05
_NOISE_SECS: Final = 0.004
"""What takes less says nothing of proportions."""


class Cost(NamedTuple):
    """What one input costs.

    Attributes:
        seconds: CPU time.
        stopped: which bounds stopped it.
    """

    seconds: float
    stopped: frozenset[str]


class Result(NamedTuple):
    """What a family costs.

    Attributes:
        family: the family.
        costs: at each size, from the smallest.
        exponent: of cost over size; None if too few sizes tell.
        allowed: the largest exponent that is no defect.
    """

    family: Family
    costs: list[Cost]
    exponent: float | None
    allowed: float = MAX_EXPONENT

    def defects(self, budget_secs: float) -> Iterator[str]:
        """What is too much."""
        if self.exponent is not None and self.exponent > self.allowed:
            yield "super-linear"
        if not self.family.has_many and max(cost.seconds for cost in self.costs) > budget_secs + SLICE_SECS:
            yield "over budget"


class Victim:
    """A pipeline as an operator who keeps text would run it, without the cache: no two attacks need be alike."""

    def __init__(self) -> None:
        config = Config(
            hash_key=HashKey(ephemeral=True),
            policy=Policy.model_validate({"content": "redacted"}),
            detect=Detect(cache_entries=0),
        )
        self.budget_secs = config.limits.record_secs
        self._max_record_bytes = config.limits.max_record_bytes
        self.pipeline = Pipeline(config)
        self.pipeline.prepare()

    def __call__(self, family: Family, data: bytes) -> Cost:
        """The cost of one input, from bytes to bytes."""
        gc.collect()
        start = time.process_time()
        events = list(self._run(self._records(family, data)))
        return Cost(time.process_time() - start, frozenset(filter(None, map(_stopped, events))))

    def _records(self, family: Family, data: bytes) -> Iterator[Any]:
        if family.is_frame:
            yield from _received(data)
            return
        framer = JsonLines(self.pipeline.fingerprinter, "", self._max_record_bytes)
        yield from framer.feed(data + b"\n")

    def _run(self, records: Iterator[Any]) -> Iterator[dict[str, Any]]:
        for batch in batches(records, size_of):
            for events in self.pipeline.batch(batch):
                for event in events:
                    write_json(event)
                    yield event


def _received(data: bytes) -> Iterator[RawRecord]:
    """The records of a Forward message."""
    connection = ServerConnection()
    try:
        for start in range(0, len(data), 65_536):
            connection.receive_data(data[start : start + 65_536])
            event = connection.next_event()
            if isinstance(event, Chunk):
                for entry in event.entries:
                    record = getattr(entry, "record", None)
                    if type(record) is dict:
                        yield RawRecord(record, b"")
    except ForwardError:
        # A message over a limit: its connection is closed.
        return


def _stopped(event: dict[str, Any]) -> str:
    if event.get("error_type") == "over_budget":
        return "record"
    return "text" if event.get("redaction", {}).get("status") == "timed_out" else ""


def measured(victim: Victim, family: Family) -> Result:
    """What a family costs at all sizes."""
    sizes = [family.largest // step for step in STEPS]
    costs = [_least(victim, family, family.make(size)) for size in sizes]
    exponent = _exponent(sizes, costs)
    for _ in range(_SECOND_LOOKS):
        if exponent is None or exponent <= MAX_EXPONENT:
            break
        # A busy machine adds to a cost and never takes from it: what is super-linear stays so.
        again = [_least(victim, family, family.make(size)) for size in sizes]
        costs = [min(pair, key=lambda cost: cost.seconds) for pair in zip(costs, again, strict=True)]
        exponent = _exponent(sizes, costs)
    if exponent is None or exponent <= MAX_EXPONENT or family.is_frame:
        return Result(family, costs, exponent)
    decoding = _exponent(sizes, [_decoding(family.make(size)) for size in sizes])
    return Result(family, costs, exponent, max(MAX_EXPONENT, (decoding or 0) + _NOISE_OF_EXPONENTS))


def _decoding(data: bytes) -> Cost:
    """What the decoder alone costs."""
    least = math.inf
    for _ in range(_MAX_REPEATS):
        gc.collect()
        start = time.process_time()
        orjson.loads(data)
        least = min(least, time.process_time() - start)
    return Cost(least, frozenset())


def _least(victim: Victim, family: Family, data: bytes) -> Cost:
    """The least of several measurements, as many as there is time for: other processes only add to it."""
    cost = victim(family, data)
    for _ in range(int(min(_MAX_REPEATS, _REPEAT_SECS / max(cost.seconds, 1e-6)))):
        cost = min(cost, victim(family, data), key=lambda cost: cost.seconds)
    return cost


def _exponent(sizes: Sequence[int], costs: Sequence[Cost]) -> float | None:
    points = [
        (math.log(size), math.log(cost.seconds))
        for size, cost in zip(sizes, costs, strict=True)
        if not cost.stopped and cost.seconds > _NOISE_SECS
    ]
    if len(points) < 2:
        return None
    middle_x, middle_y = (sum(values) / len(points) for values in zip(*points, strict=True))
    above = sum((x - middle_x) * (y - middle_y) for x, y in points)
    slope: float = above / sum((x - middle_x) ** 2 for x, _ in points)
    return slope


@pytest.fixture(scope="module")
def victim() -> Victim:
    return Victim()


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_hostile(family: Family, victim: Victim, benchmark: BenchmarkFixture) -> None:
    data = family.make(family.largest // 8)
    benchmark(victim, family, data)


def main() -> int:
    """Print the table; 1 if something costs too much."""
    victim, failed = Victim(), False
    print(f"{'family':28}{'largest':>11}  {'1/8':>7} {'1/4':>7} {'1/2':>7} {'1':>7}  exponent  stopped")
    for family in FAMILIES:
        if sys.argv[1:] and not family.name.startswith(tuple(sys.argv[1:])):
            continue
        result = measured(victim, family)
        seconds = " ".join(f"{cost.seconds:7.3f}" for cost in result.costs)
        exponent = "       -" if result.exponent is None else f"{result.exponent:8.2f}"
        stopped = " ".join(sorted(frozenset[str]().union(*(cost.stopped for cost in result.costs))))
        defects = ", ".join(result.defects(victim.budget_secs))
        failed = failed or bool(defects)
        line = f"{family.name:28}{family.largest:9} B  {seconds}  {exponent}  {stopped:11} {defects}"
        print(line.rstrip(), flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
