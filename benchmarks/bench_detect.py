"""Detection against Presidio's own engine, on clean, mixed and dense texts, and its stages one by one.

``make bench`` runs the cases; ``python benchmarks/bench_detect.py`` prints the ratios to Presidio's engine, which is
what can be compared between machines. Texts are all different, so that no cache helps.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import pytest
from faker import Faker
from pytest_benchmark.fixture import BenchmarkFixture

from veilog_filters.config import Detect
from veilog_filters.detect.cache import FindingsCache
from veilog_filters.detect.fast import FastDetector
from veilog_filters.detect.finding import Finding
from veilog_filters.detect.phone import PhoneFinder, least_of
from veilog_filters.detect.presidio import PresidioDetector

TOPICS = (
    *(
        "a heat pump",
        "a merge sort",
        "compound interest",
        "the French revolution",
        "a sourdough starter",
        "photosynthesis",
    ),
    *("a Kalman filter", "the offside rule", "a mortgage", "plate tectonics", "a hash table", "the subjunctive"),
    *("a bicycle gear", "vaccination", "a tax return"),
)
PROSE = (
    "Explain how {} works, and when it is worth its price, to somebody who has never heard of it.",
    "Here is a summary in plain words: {} is easier to understand if you start from an example.",
    "First, think about what you want to achieve; then compare {} with what you do today.",
    "Please rewrite the paragraph about {} so that it is shorter, friendlier and has no jargon in it.",
    "In short, {} has three parts, and each of them depends on the one before it.",
    "I would be careful with {}, since small mistakes at the beginning grow quickly.",
)
PII = (
    "My name is {name} and you can mail me at {email} or call {phone}.",
    "Charge my credit card {card}, please.",
    "My social security number is {ssn}.",
    "The request came from {ip}, user {email}.",
    "Wire it to IBAN {iban} before Friday.",
)


class Corpus:
    """Makes texts of about 600 characters, the same for the same seed."""

    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)
        self._faker = Faker("en_US")
        self._faker.seed_instance(seed)

    def clean(self) -> str:
        """Prose without PII."""
        return " ".join(self._prose() for _ in range(7))

    def mixed(self) -> str:
        """Three of ten have one to three sentences with PII among the prose."""
        sentences = [self._prose() for _ in range(6)]
        if self._random.random() < 0.3:
            for _ in range(self._random.randint(1, 3)):
                sentences.insert(self._random.randrange(len(sentences)), self._pii())
        return " ".join(sentences)

    def dense(self) -> str:
        """PII in every sentence."""
        return " ".join(self._pii() for _ in range(11))

    def _prose(self) -> str:
        return self._random.choice(PROSE).format(self._random.choice(TOPICS))

    def _pii(self) -> str:
        fake = self._faker
        return self._random.choice(PII).format(
            name=fake.name(),
            email=fake.email(),
            phone=fake.phone_number(),
            card=fake.credit_card_number(),
            ssn=fake.ssn(),
            ip=fake.ipv4(),
            iban=fake.iban(),
        )


KINDS = ("clean", "mixed", "dense")
UNCACHED = Detect(cache_entries=0)


def texts_of(kind: str, number: int = 200) -> list[str]:
    """Texts of a kind."""
    make = getattr(Corpus(), kind)
    return [make() for _ in range(number)]


@pytest.fixture(scope="module")
def fast() -> FastDetector:
    detector = FastDetector(UNCACHED)
    detector.prepare()
    return detector


def run(detect: Callable[[str], list[Finding]], texts: list[str]) -> None:
    for text in texts:
        detect(text)


@pytest.mark.parametrize("kind", KINDS)
def test_detect(kind: str, fast: FastDetector, benchmark: BenchmarkFixture) -> None:
    benchmark(run, fast, texts_of(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_prefilter(kind: str, fast: FastDetector, benchmark: BenchmarkFixture) -> None:
    benchmark(run, fast._prefilter, texts_of(kind))  # noqa: SLF001


def test_phone_numbers(benchmark: BenchmarkFixture) -> None:
    regions = ("US", "GB", "DE", "FR", "IL", "IN", "CA", "BR")
    find, texts = PhoneFinder(regions, least_of(regions)), texts_of("dense")
    benchmark(lambda: [find(text, time.monotonic() + 60) for text in texts])


def test_cache(benchmark: BenchmarkFixture) -> None:
    cache, texts = FindingsCache(1000, 1_000_000), texts_of("clean")
    for text in texts:
        cache.put(cache.key(text), [])
    benchmark(lambda: [cache.get(cache.key(text)) for text in texts])


def main() -> None:
    """Print how much faster than Presidio's engine the detector is."""
    fast, reference = FastDetector(UNCACHED), PresidioDetector(UNCACHED)
    detectors: tuple[Callable[[str], list[Finding]], ...] = (fast, reference)
    for kind in KINDS:
        texts = texts_of(kind)
        run(fast, texts)
        run(reference, texts[:50])
        best = [1e9, 1e9]
        for _ in range(5):
            for number, detect in enumerate(detectors):
                start = time.perf_counter()
                run(detect, texts)
                best[number] = min(best[number], time.perf_counter() - start)
        ours, theirs = (seconds / len(texts) * 1e6 for seconds in best)
        chars = sum(map(len, texts)) / len(texts)
        print(
            f"{kind:6} {chars:4.0f} chars: {ours:8.1f} us, Presidio {theirs:8.1f} us, {theirs / ours:6.1f} times faster"
        )


if __name__ == "__main__":
    main()
