"""What threat rules cost: records with all rules beside the same with none, in one run. Compare ratios alone.

``python benchmarks/bench_threats.py [PACKS]`` takes the rules of a folder instead of veilog's own, and prints what a
record costs of each kind of text, what loading costs, and how many texts show anything at all.
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path
from typing import Any

import orjson

from bench_pipeline import line
from corpora import KINDS, Corpus
from veilog_filters.config import Config
from veilog_filters.framing import write_json
from veilog_filters.pipeline import Pipeline, batches, size_of
from veilog_filters.threat_pack import files_of, load_rules
from veilog_parsers.record.raw import RawRecord

RECORDS = 800
WARM = 300
"""Expressions are compiled when they are first sought: that is over then."""
BATCH = 50
HARMLESS = "Could you check this paragraph about number {} for spelling, and keep the tone as it is? "


def config(*, packs: Path | None, is_on: bool) -> Config:
    files = [str(file) for file in files_of(packs)] if packs and is_on else []
    ours = [] if is_on and packs is None else ["threats"]
    return Config.model_validate(
        {
            "hash_key": {"ephemeral": True},
            "detect": {"cache_entries": 0},
            "plugins": {"disable": {"rules": ours}},
            "threats": {"pack_files": files},
        }
    )


def cost(pipeline: Pipeline, lines: list[bytes]) -> float:
    """The processor's seconds for some lines."""
    start = time.process_time()
    records = (RawRecord(orjson.loads(one), one) for one in lines)
    for batch in batches(records, size_of):
        for events in pipeline.batch(batch):
            for event in events:
                write_json(event)
    return time.process_time() - start


def compare(name: str, lines: list[bytes], without: Pipeline, with_all: Pipeline) -> None:
    ratios: list[float] = []
    costs: list[float] = []
    for start in range(0, len(lines), BATCH):
        part = lines[start : start + BATCH]
        # In turn, so that neither has the warmer caches.
        pair: dict[bool, float] = {}
        for is_on in (start // BATCH % 2 == 0, start // BATCH % 2 == 1):
            pair[is_on] = cost(with_all if is_on else without, part)
        ratios.append(pair[True] / pair[False])
        costs.append(pair[False] / len(part) * 1e6)
    print(
        f"{name:9} {statistics.median(costs):7.1f} us per record without, "
        f"{(statistics.median(ratios) - 1) * 100:+5.1f} % with"
    )


def main(arguments: list[str]) -> None:
    """Print costs."""
    packs = Path(arguments[0]) if arguments else None
    start = time.process_time()
    rules = load_rules(config(packs=packs, is_on=True))
    print(f"{len(rules)} rules, loaded in {time.process_time() - start:.2f} s of the processor's time")
    pipelines: list[Any] = [Pipeline(config(packs=packs, is_on=is_on)) for is_on in (False, True)]
    for pipeline in pipelines:
        pipeline.prepare()
    for kind in KINDS:
        lines = Corpus().lines(kind, WARM + RECORDS).splitlines()
        for pipeline in pipelines:
            cost(pipeline, lines[:WARM])
        compare(kind, lines[WARM:], *pipelines)
    compare("harmless", [line(HARMLESS.format(number) * 6) for number in range(RECORDS)], *pipelines)


if __name__ == "__main__":
    main(sys.argv[1:])
