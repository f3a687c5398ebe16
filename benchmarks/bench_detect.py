"""Detection against Presidio's own engine, on four kinds of texts, and its stages one by one.

``make bench`` runs the cases; ``python benchmarks/bench_detect.py`` prints the ratios to Presidio's engine, which is
what can be compared between machines. Texts are all different, so that no cache helps.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from corpora import KINDS, texts
from veilog_filters.config import Detect
from veilog_filters.detect.api import Deadline, Finding, detect
from veilog_filters.detect.cache import FindingsCache
from veilog_filters.detect.phone.finder import PhoneFinder, min_digits_of
from veilog_filters.detect.prefiltered import PrefilteredDetector
from veilog_filters.detect.presidio.engine import PresidioDetector

UNCACHED = Detect(cache_entries=0)


@pytest.fixture(scope="module")
def fast() -> PrefilteredDetector:
    detector = PrefilteredDetector(UNCACHED)
    detector.prepare()
    return detector


def run(find: Callable[[str], list[Finding]], those: list[str]) -> None:
    for text in those:
        find(text)


@pytest.mark.parametrize("kind", KINDS)
def test_detect(kind: str, fast: PrefilteredDetector, benchmark: BenchmarkFixture) -> None:
    benchmark(run, partial(detect, fast), texts(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_prefilter(kind: str, fast: PrefilteredDetector, benchmark: BenchmarkFixture) -> None:
    benchmark(run, fast._scan, texts(kind))  # noqa: SLF001


def test_phone_numbers(benchmark: BenchmarkFixture) -> None:
    regions = ("US", "GB", "DE", "FR", "IL", "IN", "CA", "BR")
    find, dense = PhoneFinder(regions, min_digits_of(regions)), texts("dense")
    benchmark(lambda: [find(text, Deadline(60)) for text in dense])


def test_cache(benchmark: BenchmarkFixture) -> None:
    cache, clean = FindingsCache(1000, 1_000_000), texts("clean")
    for text in clean:
        cache.put(cache.key(text), [])
    benchmark(lambda: [cache.get(cache.key(text)) for text in clean])


def main() -> None:
    """Print how much faster than Presidio's engine the detector is."""
    fast, reference = partial(detect, PrefilteredDetector(UNCACHED)), PresidioDetector(UNCACHED)
    detectors: tuple[Callable[[str], list[Finding]], ...] = (fast, reference)
    for kind in KINDS:
        those = texts(kind)
        run(fast, those)
        run(reference, those[:50])
        best = [1e9, 1e9]
        for _ in range(5):
            for number, find in enumerate(detectors):
                start = time.perf_counter()
                run(find, those)
                best[number] = min(best[number], time.perf_counter() - start)
        ours, theirs = (seconds / len(those) * 1e6 for seconds in best)
        chars = sum(map(len, those)) / len(those)
        print(
            f"{kind:6} {chars:4.0f} chars: {ours:8.1f} us, Presidio {theirs:8.1f} us, {theirs / ours:6.1f} times faster"
        )


if __name__ == "__main__":
    main()
