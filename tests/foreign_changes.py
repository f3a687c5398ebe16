"""What veilog does when a library is not what it was: a process that changes one in memory, then builds a detector.

Run as a script it reads a JSON list of ``Change``s and writes a line with an ``Outcome`` for each. Every change happens
in a fork of a process that has imported the libraries, but nothing of veilog that uses their internals.
"""

from __future__ import annotations

import dataclasses
import gc
import importlib
import json
import os
import re
import sys
import tempfile
import types
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import hyperscan  # noqa: F401 - imported once, for all forks
import presidio_analyzer.predefined_recognizers as predefined
import pydantic  # noqa: F401
import spacy
import tldextract
from presidio_analyzer import AnalyzerEngine, Pattern, PatternRecognizer
from presidio_analyzer.nlp_engine import NlpArtifacts, NlpEngine
from presidio_analyzer.recognizer_registry import RecognizerRegistryProvider

from veilog_filters.config import Detect, Personal
from veilog_filters.detect.presidio.personal import personal_recognizers
from veilog_filters.detect.secrets import ADDRESSES, SECRETS

REMOVED, CHANGED, NOTHING = "removed", "changed", "nothing"


@dataclasses.dataclass(frozen=True)
class Change:
    """What is changed.

    Attributes:
        kind: ``removed``, ``changed``, ``nothing``, or one of ``BEHAVIOURS``.
        module: of the internal.
        path: of the internal.
        compiled: whether the patterns are in the cache directory.
    """

    kind: str
    module: str = ""
    path: str = ""
    compiled: bool = False


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What came of it.

    Attributes:
        result: ``equal``, ``different``, ``refused`` or ``raised``.
        detail: the message of a refusal, the text that was read differently, or the type that was raised.
        names: the detector's.
        findings: how many there were.
        log: what was written to standard error.
    """

    result: str
    detail: str = ""
    names: tuple[str, ...] = ()
    findings: int = 0
    log: str = ""


class PlainNlp(NlpEngine):
    """spaCy's tokenizer as Presidio's own engines use it, without anything of veilog's."""

    def __init__(self) -> None:
        self.nlp = spacy.blank("en")

    def load(self) -> None: ...

    def is_loaded(self) -> bool:
        return True

    def process_text(self, text: str, language: str) -> NlpArtifacts:
        doc = self.nlp(text)
        return NlpArtifacts([], doc, [t.idx for t in doc], [t.text for t in doc], self, language)

    def process_batch(
        self, texts: Iterable[str], language: str, batch_size: int = 1, n_process: int = 1, **kwargs: Any
    ) -> Iterator[tuple[str, NlpArtifacts]]:
        return ((text, self.process_text(text, language)) for text in texts)

    def is_stopword(self, word: str, language: str) -> bool:
        return bool(self.nlp.vocab[word].is_stop)

    def is_punct(self, word: str, language: str) -> bool:
        return bool(self.nlp.vocab[word].is_punct)

    def get_supported_entities(self) -> list[str]:
        return []

    def get_supported_languages(self) -> list[str]:
        return ["en"]


def presidio() -> AnalyzerEngine:
    """Presidio as anybody would set it up, with the recognizers that veilog adds."""
    # It would fetch the list of public suffixes, and there is no network.
    tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)
    provider = RecognizerRegistryProvider(registry_configuration={"supported_languages": ["en"]})
    registry = provider.create_recognizer_registry()
    registry.recognizers = [
        r for r in registry.recognizers if isinstance(r, PatternRecognizer | predefined.PhoneRecognizer)
    ]
    for ours in (*ADDRESSES, *SECRETS):
        registry.add_recognizer(
            PatternRecognizer(ours.entity, name=ours.name, patterns=[Pattern(ours.name, ours.pattern, ours.score)])
        )
    for recognizer in personal_recognizers(Personal()):
        registry.add_recognizer(recognizer)
    return AnalyzerEngine(registry=registry, nlp_engine=PlainNlp(), supported_languages=["en"])


def _owner(module: str, path: str) -> tuple[Any, str]:
    owner: Any = importlib.import_module(module)
    *parents, name = path.split(".")
    for parent in parents:
        owner = getattr(owner, parent)
    if name.startswith("__") and not name.endswith("__"):
        name = f"_{owner.__name__}{name}"
    return owner, name


def _otherwise(value: Any) -> Any:
    """Something of the same kind that does something else."""
    if isinstance(value, re.Pattern):
        return re.compile("(?!)")
    if isinstance(value, types.ModuleType):
        return types.SimpleNamespace(**vars(value))
    if isinstance(value, tuple):
        return value[:-1]
    if type(value) is int:
        return value + 1
    if isinstance(value, str):
        return value + "0"
    if callable(value) and not isinstance(value, tldextract.TLDExtract):
        return lambda *_, **__: None
    return object()


def apply(change: Change) -> None:
    """Change a library."""
    if change.kind == NOTHING:
        return
    if change.kind in BEHAVIOURS:
        BEHAVIOURS[change.kind][1]()
    elif change.module.endswith(".pyx"):
        _change_source(change)
    elif change.module.startswith("re."):
        _change_python(change)
    else:
        owner, name = _owner(change.module, change.path)
        if change.kind == REMOVED:
            delattr(owner, name)
        else:
            setattr(owner, name, _otherwise(getattr(owner, name)))


def _change_source(change: Change) -> None:
    """The compiled module stays what it is; what is read of its source is otherwise."""
    read_text = Path.read_text

    def changed(self: Path, *args: Any, **kwargs: Any) -> str:
        text = read_text(self, *args, **kwargs)
        if not str(self).endswith(change.module):
            return text
        if change.kind == REMOVED:
            return re.sub(rf"\b{change.path}\(", f"{change.path}_anew(", text)
        return re.sub(rf"((?:cdef|def) [^\n]*\b{change.path}\(.*?:\n)", r"\1        pass\n", text, flags=re.DOTALL)

    Path.read_text = changed  # type: ignore[method-assign]


def _change_python(change: Change) -> None:
    """``re`` itself goes on with the module that it has; who imports it gets another."""
    module = importlib.import_module(change.module)
    other = types.ModuleType(change.module)
    vars(other).update(vars(module))
    owner: Any = other
    *parents, name = change.path.split(".")
    for parent in parents:
        owner = type(parent, (getattr(owner, parent),), {})
        setattr(other, parent, owner)
    if change.kind == CHANGED or parents:
        # What is inherited cannot be removed.
        setattr(owner, name, _otherwise(getattr(owner, name)))
        if parents:
            parse = vars(other)["parse"]

            def parsed(*args: Any) -> Any:
                tree = parse(*args)
                tree.__class__ = owner
                return tree

            vars(other)["parse"] = parsed
    else:
        delattr(other, name)
    sys.modules[change.module] = other


def _as_it_is(value: str) -> tuple[str, str]:
    module, _, path = value.partition(":")
    return module, path


def _replace(where: str, make: Callable[[Any], Any]) -> Callable[[], None]:
    def change() -> None:
        owner, name = _owner(*_as_it_is(where))
        setattr(owner, name, make(getattr(owner, name)))

    return change


def _more_words(original: Any) -> Any:
    return staticmethod(lambda index, n_words, *args: original(index, n_words + 3, *args))


def _half_scores(original: Any) -> Any:
    def analyze(self: Any, *args: Any) -> Any:
        found = original(self, *args)
        for result in found:
            result.score *= 0.99
        return found

    return analyze


def _keep_all(original: Any) -> Any:
    return staticmethod(list)


def _all_words_count(original: Any) -> Any:
    return staticmethod(lambda engine, lemmas, language: [lemma.lower() for lemma in lemmas])


def _splitting_tokenizer(original: Any) -> Any:
    """spaCy's pipeline with a tokenizer that goes by white space alone; its patterns are what they were."""

    def blank(*args: Any, **kwargs: Any) -> Any:
        nlp = original(*args, **kwargs)
        tokenizer = nlp.tokenizer

        class Splitting:
            def __call__(self, text: str) -> Any:
                words = text.split(" ")
                return spacy.tokens.Doc(nlp.vocab, words, [True] * (len(words) - 1) + [False])

            def __getattr__(self, name: str) -> Any:
                return getattr(tokenizer, name)

        nlp.tokenizer = Splitting()
        return nlp

    return blank


_ENHANCER = "presidio_analyzer.context_aware_enhancers.lemma_context_aware_enhancer:LemmaContextAwareEnhancer"
_MATCHER = "phonenumbers.phonenumbermatcher"
BEHAVIOURS: dict[str, tuple[str, Callable[[], None]]] = {
    "more words are context": ("verifier", _replace(f"{_ENHANCER}._add_n_words", _more_words)),
    "no word is context": (
        "verifier",
        _replace(f"{_ENHANCER}._find_supportive_word_in_context", lambda _: staticmethod(lambda *_, **__: "")),
    ),
    "every word is a keyword": (
        "verifier",
        _replace("presidio_analyzer.nlp_engine.nlp_artifacts:NlpArtifacts.set_keywords", _all_words_count),
    ),
    "scores are lower": (
        "verifier",
        _replace("presidio_analyzer.pattern_recognizer:PatternRecognizer.__analyze_patterns", _half_scores),
    ),
    "duplicates stay": (
        "verifier",
        _replace("presidio_analyzer.entity_recognizer:EntityRecognizer.remove_duplicates", _keep_all),
    ),
    "an IBAN is worth less": (
        "verifier",
        _replace(
            "presidio_analyzer.predefined_recognizers.generic.iban_recognizer:IbanRecognizer.__analyze_patterns",
            _half_scores,
        ),
    ),
    "the engine keeps what is weak": (
        "verifier",
        _replace(
            "presidio_analyzer.analyzer_engine:AnalyzerEngine.__remove_low_scores",
            lambda _: lambda self, results, *_, **__: results,
        ),
    ),
    "words are parted by blanks alone": ("tokenizer", _replace("spacy:blank", _splitting_tokenizer)),
    "any neighbour may stand beside a phone number": (
        "phone",
        _replace(f"{_MATCHER}:PhoneNumberMatcher._is_latin_letter", lambda _: classmethod(lambda *_: False)),
    ),
    "any digits are a phone number": ("phone", _replace(f"{_MATCHER}:_verify", lambda _: lambda *_: True)),
    "phone numbers have no parts": (
        "phone",
        _replace(f"{_MATCHER}:PhoneNumberMatcher._extract_inner_match", lambda _: lambda *_: None),
    ),
}
"""By name: the fast path that no longer fits, and the change. No fingerprint may be needed to see it."""


def _outcome(change: Change, engine: AnalyzerEngine, texts: list[str]) -> Outcome:
    apply(change)
    engine.nlp_engine = PlainNlp()
    from veilog_filters.detect.api import detect
    from veilog_filters.detect.build import detector_for
    from veilog_filters.detect.compat.errors import CompatError

    options = Detect(cache_entries=0, timeout_secs=60)
    if not change.compiled:
        os.environ["VEILOG_CACHE_DIR"] = tempfile.mkdtemp()
    try:
        detector = detector_for(options)
        detector.prepare()
    except CompatError as error:
        return Outcome("refused", f"{error}. Fix: {error.fix}")
    entities = sorted({entity for r in engine.registry.recognizers for entity in r.supported_entities})
    findings = 0
    for text in texts:
        found = detect(detector, text)
        results = engine.analyze(text, language="en", entities=entities, score_threshold=options.threshold)
        if found != sorted((r.start, r.end, r.entity_type, r.score) for r in results):
            return Outcome("different", ascii(text), tuple(detector.names))
        findings += len(found)
    return Outcome("equal", names=tuple(detector.names), findings=findings)


def _compared(change: Change) -> Outcome:
    """What the comparison of fast paths with the engine says, as if all fingerprints were right."""
    apply(change)
    from veilog_filters.detect.compat import guards, probes
    from veilog_filters.detect.compat.errors import UnsupportedError
    from veilog_filters.detect.phone.finder import MinDigits
    from veilog_filters.detect.prefiltered import PrefilteredDetector

    vars(guards)["mismatches"] = lambda parts: iter(())
    detector = PrefilteredDetector(Detect())
    assert detector.stored
    assert detector._min_digits is not None
    min_digits = MinDigits(detector._min_digits[0], tuple(detector._min_digits[1]))
    try:
        probes.compare(Detect(), min_digits, detector._scan)
    except UnsupportedError as error:
        return Outcome("different", error.part)
    return Outcome("equal")


def _forked(work: Callable[[], Outcome]) -> Outcome:
    """What a fork makes of it."""
    reading, writing = os.pipe()
    log = tempfile.TemporaryFile()  # noqa: SIM115 - for two processes
    pid = os.fork()
    if pid == 0:
        os.dup2(log.fileno(), 2)
        try:
            outcome = work()
        except BaseException as error:
            outcome = Outcome("raised", type(error).__name__)
        with os.fdopen(writing, "w") as pipe:
            json.dump(dataclasses.asdict(outcome), pipe)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        told = json.load(pipe)
    os.waitpid(pid, 0)
    log.seek(0)
    return Outcome(**{**told, "names": tuple(told["names"]), "log": log.read().decode()})


def main() -> None:
    """See the module's docstring."""
    asked = json.load(sys.stdin)
    engine = presidio()
    entities = sorted({entity for r in engine.registry.recognizers for entity in r.supported_entities})
    # Patterns are compiled once, for all forks.
    engine.analyze("", language="en", entities=entities)
    assert not [name for name in sys.modules if name.startswith("veilog_filters.detect.compat")]
    # What there is now is for all forks, and none of them lives long.
    gc.freeze()
    gc.disable()
    for given in asked["changes"]:
        change = Change(**given)
        if change.kind in BEHAVIOURS:
            outcome = _forked(lambda change=change: _compared(change))  # type: ignore[misc]
        else:
            outcome = _forked(lambda change=change: _outcome(change, engine, asked["texts"]))  # type: ignore[misc]
        print(json.dumps(dataclasses.asdict(outcome)), flush=True)


if __name__ == "__main__":
    main()
