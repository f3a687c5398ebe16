"""Records in batches: each gives what it gives alone, whatever goes wrong beside it."""

from __future__ import annotations

import dataclasses
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from samples import config_with, golden_pipeline, samples
from veilog_filters.detect.api import Detector, DetectorTimeout, Finding, Found, PerText, Scan, TextItem
from veilog_filters.metrics import Counts
from veilog_filters.pipeline import BATCH_BYTES, BATCH_RECORDS, Pipeline, batches, size_of
from veilog_filters.quarantine import DecodeFailure
from veilog_parsers.errors import ErrorType
from veilog_parsers.event import Digest
from veilog_parsers.record.raw import RawRecord

TIMES_OUT, FAILS, LONG = "this one hangs", "this one fails", "long " * 1000


def record(text: str, **fields: Any) -> RawRecord:
    body = {"request": {"model": "m", "messages": [{"role": "user", "content": text}]}, "response": {}} | fields
    line = orjson.dumps(body)
    return RawRecord(orjson.loads(line), line)


def detector(text: str) -> list[Finding]:
    if text == FAILS:
        raise ValueError(text)
    if TIMES_OUT in text:
        raise DetectorTimeout
    return [Finding(start, start + 3, "PERSON", 1.0) for start in range(len(text)) if text.startswith("Ann", start)]


PER_TEXT = PerText(detector)


class InTwoSteps:
    """The same detector, which scans first and finds later."""

    def scan(self, items: Sequence[TextItem]) -> Scan:
        return Scan(items, [item.text == "nobody" for item in items])

    def verify(self, scan: Scan) -> list[Found]:
        found: list[Found] = []
        for item, nothing in zip(scan.items, scan.seen, strict=True):
            found += [[]] if nothing else PER_TEXT.verify(PER_TEXT.scan([item]))
        return found


def pipeline(detect: Detector = PER_TEXT) -> Pipeline:
    sections: dict[str, Any] = {
        "policy": {"content": "redacted", "unmapped": "redact", "unrecognized": "redact"},
        "detect": {"max_text_bytes": 1000},
    }
    return Pipeline(config_with(**sections), detector=detect)


def mixture() -> list[RawRecord | DecodeFailure]:
    """Records of all kinds of fates."""
    container = {"Records": [{"eventVersion": "1.08", "eventName": f"E{n}", "note": "Ann"} for n in range(40)]}
    deep: Any = "Ann"
    for _ in range(100):
        deep = {"a": deep}
    return [
        record("Ann and Bob"),
        record(TIMES_OUT),
        record("nobody"),
        record(LONG),
        DecodeFailure(ErrorType.MALFORMED_JSON, 7, Digest("0" * 64)),
        record(FAILS),
        RawRecord(container, orjson.dumps(container)),
        record("hi", note=TIMES_OUT),
        record("hi", extra=deep),
        RawRecord([7, 8], b"[7,8]"),
        RawRecord({"messageType": "CONTROL_MESSAGE", "logEvents": []}, b"{}"),
        record("hi", note=LONG),
        record("Ann", user="Ann"),
    ]


def timeless(counts: Counts) -> dict[str, Any]:
    fields = {field.name: getattr(counts, field.name) for field in dataclasses.fields(counts)}
    del fields["stage_seconds"]
    return fields


@pytest.mark.parametrize("detect", [PER_TEXT, InTwoSteps()], ids=["at_once", "in_two_steps"])
@pytest.mark.parametrize("seed", range(5))
def test_each_record_gives_what_it_gives_alone(seed: int, detect: Detector) -> None:
    order = random.Random(seed).sample(range(len(mixture())), len(mixture()))
    together, alone = pipeline(detect), pipeline()
    got = together.batch([mixture()[index] for index in order])
    want = [alone(mixture()[index]) for index in order]
    assert got == want
    assert timeless(together.counts) == timeless(alone.counts)
    statuses = Counter(event.get("redaction", {}).get("status") for events in got for event in events)
    assert statuses["timed_out"] == statuses["truncated"] == 2
    errors = {event["error_type"] for events in got for event in events if event["kind"] == "quarantine"}
    assert errors == {"malformed_json", "detector_failed", "nesting_too_deep", "not_an_object"}


def test_samples_of_all_sources_give_their_goldens_in_one_batch() -> None:
    records = [sample.record() for sample in samples()]
    goldens = [orjson.loads(sample.golden.read_bytes()) for sample in samples()]
    assert golden_pipeline().batch(records) == goldens


def test_a_record_that_ends_badly_leaves_one_event_whatever_was_read_of_it() -> None:
    def breaks_off(record: RawRecord) -> Any:
        yield from parse(record)
        if record.raw == b"bad":
            raise ValueError

    ours = pipeline()
    parse = ours.registry.parse
    ours.registry.parse = breaks_off  # type: ignore[method-assign]
    bad = RawRecord([mixture()[0].value for _ in range(BATCH_RECORDS + 3)], b"bad")  # type: ignore[union-attr]
    good, (event,), again = ours.batch([record("Ann"), bad, record("Ann")])
    assert good == again
    assert good[0]["kind"] == "ai_access"
    assert (event["kind"], event["error_type"]) == ("quarantine", "parser_failed")


def test_a_text_that_comes_twice_in_a_batch_is_verified_once() -> None:
    ours = Pipeline(config_with())
    for text in ("mail ann@nordwind-ag.com", "mail ann@nordwind-ag.com, " * 200):
        before = (ours.counts.cache_hits, ours.counts.cache_misses)
        events = ours.batch([record(text), record(text), record(text)])
        assert [event["findings"]["prompt"] for (event,) in events] == [events[0][0]["findings"]["prompt"]] * 3
        assert events[0][0]["findings"]["prompt"]["EMAIL_ADDRESS"] in (1, 200)
        hits, misses = (ours.counts.cache_hits - before[0], ours.counts.cache_misses - before[1])
        assert (hits, misses) == (2, 1), "as if they had come alone"


def test_batches_are_bounded_in_records_and_bytes() -> None:
    small, large = record("Ann"), RawRecord({}, bytes(BATCH_BYTES // 2))
    assert [len(batch) for batch in batches([small] * 40, size_of)] == [BATCH_RECORDS, BATCH_RECORDS, 8]
    assert [len(batch) for batch in batches([large] * 5, size_of)] == [2, 2, 1]
    damaged = DecodeFailure(ErrorType.RECORD_TOO_LARGE, 10**9, Digest(""))
    assert [len(batch) for batch in batches([damaged] * 5, size_of)] == [5]
    assert not list(batches([], size_of))
