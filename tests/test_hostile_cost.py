"""What hostile texts cost, in calls and not in seconds: so many more for so much more text, and no cliffs.

``benchmarks/bench_hostile.py`` measures seconds, of more families, at larger sizes, through the whole pipeline.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import orjson
import phonenumbers.phonenumbermatcher as matcher
import pytest

from hostile import MAX_TEXT_BYTES, TEXTS
from veilog_filters.config import Config, Detect, HashKey
from veilog_filters.detect.api import DetectorTimeout, PerText, detect
from veilog_filters.detect.prefilter import hyperscan
from veilog_filters.detect.prefiltered import PrefilteredDetector
from veilog_filters.pipeline import Pipeline
from veilog_parsers.event import Digest
from veilog_parsers.record.raw import RawRecord

pytestmark = pytest.mark.skipif(not hyperscan.available(), reason="without Hyperscan Presidio's engine runs as it is")

SIZE = 4_096
TIMES = 4


@pytest.fixture(scope="module")
def detector() -> PrefilteredDetector:
    detector = PrefilteredDetector(Detect(cache_entries=0, timeout_secs=60))
    detector.prepare()
    return detector


def calls(work: Callable[[], object]) -> int:
    """How many functions are called, Python's and C's."""
    count = 0

    def seen(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(seen)
    try:
        work()
    except DetectorTimeout:
        # Given up by what a search may take. It has been counted up to there.
        pass
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.slow
@pytest.mark.parametrize("family", TEXTS)
def test_calls_grow_as_the_text_does(family: str, detector: PrefilteredDetector) -> None:
    small, large = TEXTS[family](SIZE), TEXTS[family](TIMES * SIZE)
    detect(detector, small[: SIZE // 2])  # what is made once is made now
    fewer = calls(lambda: detect(detector, small))
    assert calls(lambda: detect(detector, large)) <= 1.4 * TIMES * fewer + 2_000


@pytest.mark.parametrize("family", ["token heads", "IBANs in one word", "hexadecimal", "URLs", "sk-"])
def test_no_number_of_places_makes_patterns_run_on_the_whole_text(family: str, detector: PrefilteredDetector) -> None:
    """From the 20,000th place on, all patterns ran on all of the text: twenty times the cost."""
    hits = detector._scan(TEXTS[family](MAX_TEXT_BYTES))
    assert hits is not None
    assert sum(map(len, hits.ends.values())) > 20_000
    assert not hits.whole


@pytest.mark.parametrize("family", ["spaced digits", "1-(", "slashed digits"])
def test_no_number_of_candidates_brings_the_matcher_in(
    family: str, detector: PrefilteredDetector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the library's matcher would give up, it went through the text once for each region."""
    searches: list[int] = []
    monkeypatch.setattr(matcher.PhoneNumberMatcher, "_find", lambda self, index: searches.append(index))
    detect(detector, TEXTS[family](MAX_TEXT_BYTES // 2))
    assert not searches


def test_a_record_of_many_events_is_hashed_as_often_as_one_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each event in quarantine says the hash of the whole record it came in."""
    pipeline = Pipeline(Config(hash_key=HashKey(ephemeral=True)), detector=PerText(lambda _: []))
    hashed: list[int] = []
    digest = pipeline.fingerprinter.digest

    def counted(domain: str, tenant: str, data: bytes) -> Digest:
        hashed.append(len(data))
        return digest(domain, tenant, data)

    monkeypatch.setattr(pipeline.fingerprinter, "digest", counted)
    record = {"records": [{"a": f"x{number}", "b": number} for number in range(500)]}
    raw = orjson.dumps(record)
    events = pipeline(RawRecord(record, raw))
    assert len(events) == 500
    assert {event["kind"] for event in events} == {"quarantine"}
    assert len({event["raw_hash"] for event in events}) == 1
    assert sum(size for size in hashed if size == len(raw)) == len(raw)
