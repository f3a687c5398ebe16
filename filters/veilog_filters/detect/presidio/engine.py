"""Presidio's engine as it is: its recognizers over one text, as findings. The reference for ``verifier``.

What is Presidio's stays Presidio's: recognizers, scores, validators, context words and the removal of duplicates are
its own, so "redacted with Presidio" means Presidio's results. Around them stand four guards that an edge filter needs
and Presidio does not have:

* **Offline.** Its e-mail recognizer asks ``tldextract``, which fetches the public-suffix list on first use; here it
  uses the snapshot that comes with the package. spaCy engines download a missing model; here a missing model is a
  configuration error.
* **A timeout is a detection.** Presidio logs a pattern that timed out and skips it, which would pass the text. Here a
  search that times out raises what Presidio does not catch, and the time is one for the whole text (see
  ``compat.guards``).
* **No tokens without need.** Presidio tokenizes every text before it looks for anything. Tokens serve only to find
  context words around hits, so they are made when a hit asks for them. spaCy's tokenizer takes quadratic time on long
  runs of punctuation, and in what white space does not part; both are broken up for it (``readable``).
* **Flat memory.** spaCy's vocabulary keeps every word it ever saw; each call gets a memory zone of its own, which
  frees the words but not their places in an index, some 32 bytes each. So after very many words it is made anew.

With NER, a model reads the texts, made readable likewise; texts without such runs are read exactly as Presidio reads
them.
"""

from __future__ import annotations

import contextlib
import gc
import importlib.metadata
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import presidio_analyzer.predefined_recognizers as predefined
import spacy
from presidio_analyzer import (
    AnalyzerEngine,
    EntityRecognizer,
    Pattern,
    PatternRecognizer,
    RecognizerRegistry,
    RecognizerResult,
)
from presidio_analyzer.nlp_engine import NlpArtifacts, NlpEngine, NlpEngineProvider
from presidio_analyzer.recognizer_registry import RecognizerRegistryProvider
from spacy.language import Language
from spacy.tokens import Doc

from veilog_filters.config import CustomRecognizer, Detect
from veilog_filters.detect.api import Check, DetectorTimeout, Finding
from veilog_filters.detect.compat import guards
from veilog_filters.detect.personal import choice, pack
from veilog_filters.detect.presidio.personal import personal_recognizers
from veilog_filters.detect.secrets import ADDRESSES, SECRETS, PatternDetector
from veilog_filters.detect.secrets.pattern import Check as MatchCheck
from veilog_filters.yaml_file import InvalidError, closest

LANGUAGE: Final = "en"
_OURS: Final = "veilog:"
MAX_PUNCTUATION_RUN: Final = 50
MAX_WORD_CHARS: Final = 500
RENEW_AFTER_WORDS: Final = 1_000_000
"""New words after which the tokenizer for context words is made anew; a model says for itself."""
_LONG_WORD = re.compile(rf"\S{{{MAX_WORD_CHARS + 1},}}")
_AFFIX: Final = r"(?:['’][sS]|[^\w\s]|_)"
"""What spaCy takes off a word, one after the other, and looks at all that is left each time."""
_PUNCTUATION_RUN = re.compile(rf"({_AFFIX}{{{MAX_PUNCTUATION_RUN}}})({_AFFIX}+)")


class _LazyArtifacts(NlpArtifacts):
    """The artifacts of a text, whatever Presidio keeps in them, made when somebody asks for any that takes tokens."""

    def __init__(self, engine: BlankNlpEngine, text: str) -> None:
        self.nlp_engine = self._engine = engine
        self.entities: list[Any] = []
        self.scores: list[float] = []
        self._text = text

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or "tokens" in vars(self):
            raise AttributeError(name)
        tokens = self._engine.tokenize(readable(self._text))
        places, words = [token.idx for token in tokens], [token.text for token in tokens]
        super().__init__(self.entities, tokens, places, words, self._engine, LANGUAGE, self.scores)
        return getattr(self, name)


def readable(text: str) -> str:
    """The text as spaCy can tokenize it in linear time; every character stays in its place."""
    return break_long_words(break_punctuation(text))


def break_punctuation(text: str) -> str:
    """The text with the tails of long runs of punctuation loosened; every character stays in its place.

    Full stops and blanks in turn stand for the tail: tokens of punctuation, of which none counts as a word.
    """
    return _PUNCTUATION_RUN.sub(lambda run: run[1] + (" ." * len(run[2]))[: len(run[2])], text)


def break_long_words(text: str) -> str:
    """The text with a character blanked out at least every ``MAX_WORD_CHARS`` of what white space does not part.

    That is punctuation, if there is any; every other character stays what and where it is.
    """
    return _LONG_WORD.sub(lambda word: _broken(word[0]), text)


def _broken(word: str) -> str:
    pieces, start = [], 0
    while len(word) - start > MAX_WORD_CHARS:
        end = start + MAX_WORD_CHARS
        at = next((at for at in range(end - 1, start + MAX_WORD_CHARS // 2, -1) if not word[at].isalnum()), end - 1)
        pieces.append(word[start:at])
        start = at + 1
    pieces.append(word[start:])
    return " ".join(pieces)


class BlankNlpEngine(NlpEngine):
    """spaCy's tokenizer without a model: words for the context rule, no entities.

    A blank pipeline has no lemmas; the words themselves stand in for them, so context words match as they are written.
    """

    def __init__(self) -> None:
        self.nlp: Language = spacy.blank(LANGUAGE)

    def tokenize(self, text: str) -> Doc:
        """The tokens of a text."""
        doc: Doc = self.nlp(text)
        return doc

    def load(self) -> None:
        """Nothing to load."""

    def is_loaded(self) -> bool:
        """Always: there is nothing to load."""
        return True

    def process_text(self, text: str, language: str) -> NlpArtifacts:  # noqa: ARG002
        """Artifacts that tokenize when asked."""
        return lazy_artifacts(self, text)

    def process_batch(
        self,
        texts: Iterable[str],
        language: str,
        batch_size: int = 1,  # noqa: ARG002
        n_process: int = 1,  # noqa: ARG002
        **kwargs: Any,  # noqa: ARG002
    ) -> Iterator[tuple[str, NlpArtifacts]]:
        """Artifacts per text, as ``process_text``."""
        return ((text, self.process_text(text, language)) for text in texts)

    def is_stopword(self, word: str, language: str) -> bool:  # noqa: ARG002
        """Whether spaCy lists the word as a stop word."""
        return bool(self.nlp.vocab[word].is_stop)

    def is_punct(self, word: str, language: str) -> bool:  # noqa: ARG002
        """Whether spaCy takes the word as punctuation."""
        return bool(self.nlp.vocab[word].is_punct)

    def get_supported_entities(self) -> list[str]:
        """None: there is no model."""
        return []

    def get_supported_languages(self) -> list[str]:
        """English."""
        return [LANGUAGE]


def lazy_artifacts(engine: BlankNlpEngine, text: str) -> NlpArtifacts:
    """The artifacts of a text, tokenized when somebody asks for tokens."""
    return _LazyArtifacts(engine, text)


class PresidioDetector:
    """Every configured recognizer over one text.

    Args:
        options: the ``detect`` section of the configuration.
        check: may stop the record that is worked on.

    Raises:
        ValueError: the configuration names a recognizer, entity or model that is not there, or the installed libraries
            do not keep to their time. The message is fit for the person who wrote the configuration.

    Attributes:
        engine: Presidio's engine with all configured recognizers.
        entities: entity types to look for.
        pattern_entities: those among them that patterns can find.
        blank: the tokenizer for context words.
        names: what detects, with versions.
        renewals: how often spaCy's vocabulary was made anew, since it had seen too many words.
    """

    def __init__(self, options: Detect, check: Check | None = None) -> None:
        guards.install()
        self._options = options
        self._check = check
        self.blank = BlankNlpEngine()
        engine = self.blank if options.ner is None else _ner_engine(options)
        registry = RecognizerRegistryProvider(
            registry_configuration={"supported_languages": [LANGUAGE]}
        ).create_recognizer_registry()
        # The provider adds spaCy's recognizer for its default model; only a configured model may have one.
        registry.recognizers = [
            r for r in registry.recognizers if isinstance(r, PatternRecognizer | predefined.PhoneRecognizer)
        ]
        for recognizer in _additional(options):
            registry.add_recognizer(recognizer)
        by_patterns = {entity for r in registry.recognizers for entity in r.supported_entities}
        readers = RecognizerRegistry(recognizers=[], supported_languages=[LANGUAGE])
        if options.ner is not None:
            readers.add_nlp_recognizer(engine)
            registry.recognizers += readers.recognizers
        guards.probe(registry.recognizers)
        self.engine = self._engine_of(registry, engine)
        self.entities = _selected(registry, options.entities)
        self.pattern_entities = [entity for entity in self.entities if entity in by_patterns]
        self._threshold = options.threshold
        version = importlib.metadata.version("presidio-analyzer")
        self.names: list[str] = [f"presidio-analyzer/{version}", "veilog-addresses/1"]
        if options.secrets:
            self.names.append("veilog-secrets/2")
        if options.personal != choice.NOTHING:
            self.names.append(pack.NAME)
        if options.ner is not None:
            self._use_readers(readers, options.ner.models[0].model_name)
        self.renewals = 0
        self._renew_after = RENEW_AFTER_WORDS if options.ner is None else options.ner.recycle_after_words
        self._words = len(self._language.vocab)

    def _use_readers(self, readers: RecognizerRegistry, model_name: str) -> None:
        """Prepare to read parts of texts with the model's recognizer alone."""
        known = {entity for r in readers.recognizers for entity in r.supported_entities}
        self._read_entities = [entity for entity in self.entities if entity in known]
        if not self._read_entities:
            raise InvalidError("the model finds none of detect.entities", "add PERSON, or remove ner", "ner")
        self._readers = self._engine_of(readers, self.engine.nlp_engine)
        self.names.append(f"spacy:{model_name}/{self._language.meta.get('version', '')}")

    @staticmethod
    def _engine_of(registry: RecognizerRegistry, nlp: NlpEngine) -> AnalyzerEngine:
        return AnalyzerEngine(
            registry=registry,
            nlp_engine=nlp,
            supported_languages=[LANGUAGE],
            context_aware_enhancer=guards.enhancer(),
        )

    def _new_engine(self) -> NlpEngine:
        if self._options.ner is not None:
            return _ner_engine(self._options)
        self.blank.nlp = spacy.blank(LANGUAGE)
        return self.blank

    @property
    def _language(self) -> Language:
        language: Language = self.blank.nlp
        if self._options.ner is not None:
            language = self.engine.nlp_engine.get_nlp(LANGUAGE)  # type: ignore[attr-defined]
        return language

    @contextlib.contextmanager
    def zone(self) -> Iterator[NlpEngine]:
        """A memory zone of a vocabulary that has not seen too many words yet. Nothing of spaCy's may outlive it.

        ``len(vocab)`` counts all words that were ever new, also those that earlier zones have freed.
        """
        if len(self._language.vocab) - self._words > self._renew_after:
            # The new one is made first: if that fails, this text fails, and the next one tries again.
            self.engine.nlp_engine = self._new_engine()
            self._words = len(self._language.vocab)
            self.renewals += 1
            # Models are full of cycles, and two of them are a lot of memory. The old one may be among what the
            # collector was told to keep.
            gc.unfreeze()
            gc.collect()
        with self._language.memory_zone():
            yield self.engine.nlp_engine

    def __call__(self, text: str) -> list[Finding]:
        """The findings of a text, in the order of their start.

        Raises:
            DetectorTimeout: a pattern ran out of its time. Treat the whole text as found.
        """
        with self.zone() as nlp:
            return self._analyze(text, nlp.process_text(self._readable(text), LANGUAGE))

    def whole(self, texts: Sequence[str]) -> list[list[Finding] | None]:
        """The findings of each text, read in one batch; None for a text on which a pattern ran out of its time."""
        with self.zone() as nlp:
            batch = nlp.process_batch(map(self._readable, texts), LANGUAGE, batch_size=len(texts))
            return [self._analyze_or_none(text, artifacts) for text, (_, artifacts) in zip(texts, batch, strict=True)]

    def names_in(self, text: str) -> list[Finding]:
        """What the model alone finds in a text (in a part of one: patterns need to see it whole).

        Raises:
            DetectorTimeout: it took too long. Treat the whole text as found.
        """
        with self.zone() as nlp:
            artifacts = nlp.process_text(self._readable(text), LANGUAGE)
            return self._run(self._readers, text, self._read_entities, artifacts)

    @staticmethod
    def merged(findings: Iterable[Finding]) -> list[Finding]:
        """Findings of several detectors as one list, without what Presidio calls duplicates."""
        results = [RecognizerResult(f.entity, f.start, f.end, f.score) for f in findings]
        return _findings(EntityRecognizer.remove_duplicates(results))

    def _readable(self, text: str) -> str:
        """The text as spaCy can read it in linear time. (The blank engine does so itself, when tokens are needed.)"""
        return text if self._options.ner is None else readable(text)

    def _analyze(self, text: str, artifacts: NlpArtifacts) -> list[Finding]:
        return self._run(self.engine, text, self.entities, artifacts)

    def _run(self, engine: AnalyzerEngine, text: str, entities: list[str], artifacts: NlpArtifacts) -> list[Finding]:
        with guards.under(self._options.timeout_secs, self._check):
            results = engine.analyze(
                text,
                language=LANGUAGE,
                entities=entities,
                score_threshold=self._threshold,
                nlp_artifacts=artifacts,
            )
            return _findings(results)

    def _analyze_or_none(self, text: str, artifacts: NlpArtifacts) -> list[Finding] | None:
        try:
            return self._analyze(text, artifacts)
        except DetectorTimeout:
            return None


def _findings(results: Iterable[RecognizerResult]) -> list[Finding]:
    return sorted(Finding(r.start, r.end, r.entity_type, r.score) for r in results)


def _ner_engine(options: Detect) -> NlpEngine:
    assert options.ner is not None  # noqa: S101 - narrowed by the caller
    for model in options.ner.models:
        if not spacy.util.is_package(model.model_name):
            raise InvalidError(
                "this spaCy model is not installed, and veilog downloads nothing",
                "install its package, or name one that is installed",
                *("ner", "models", 0, "model_name"),
            )
    configuration = options.ner.model_dump(include={"nlp_engine_name", "models"})
    return NlpEngineProvider(nlp_configuration=configuration).create_engine()


def _pattern_recognizers() -> list[str]:
    found = vars(predefined).items()
    return [name for name, value in found if isinstance(value, type) and issubclass(value, PatternRecognizer)]


def _additional(options: Detect) -> list[EntityRecognizer]:
    """Recognizers beside Presidio's defaults: ours, further countries', and those written in the configuration."""
    ours = (*ADDRESSES, *SECRETS) if options.secrets else ADDRESSES
    recognizers: list[EntityRecognizer] = [_ours(detector) for detector in ours]
    recognizers += personal_recognizers(options.personal, _OURS)
    for number, name in enumerate(options.further_recognizers):
        found = getattr(predefined, name, None)
        if not (isinstance(found, type) and issubclass(found, PatternRecognizer)):
            raise InvalidError(
                "this is no pattern recognizer of the installed Presidio",
                closest(name, _pattern_recognizers(), 99),
                *("further_recognizers", number),
            )
        recognizers.append(found(supported_language=LANGUAGE))  # type: ignore[call-arg]  # each has its own entity
    recognizers += [_custom(recognizer) for recognizer in options.recognizers]
    return recognizers


def is_ours(recognizer: EntityRecognizer) -> bool:
    """Whether a recognizer was made from one of our own detectors."""
    return str(recognizer.name).startswith(_OURS)  # type: ignore[has-type]  # Presidio's own hints run in a circle


class _Checked(PatternRecognizer):
    """A recognizer of ours whose matches are looked at, through Presidio's interface for that."""

    def __init__(self, detector: PatternDetector, check: MatchCheck) -> None:
        super().__init__(**_arguments(detector))
        self._check = check

    def validate_result(self, pattern_text: str) -> bool | None:
        """Whether a match is what it looks like; None if nobody can tell."""
        return self._check(pattern_text)


def _arguments(detector: PatternDetector) -> dict[str, Any]:
    return {
        "supported_entity": detector.entity,
        "name": f"{_OURS}{detector.name}",
        "patterns": [Pattern(detector.name, detector.pattern, detector.score)],
    }


def _ours(detector: PatternDetector) -> PatternRecognizer:
    return PatternRecognizer(**_arguments(detector)) if detector.check is None else _Checked(detector, detector.check)


def _custom(recognizer: CustomRecognizer) -> PatternRecognizer:
    return PatternRecognizer(
        supported_entity=recognizer.entity,
        name=f"custom:{recognizer.name}",
        patterns=[Pattern(recognizer.name, pattern.regex, pattern.score) for pattern in recognizer.patterns],
        context=list(recognizer.context),
    )


def _selected(registry: RecognizerRegistry, entities: Sequence[str]) -> list[str]:
    known = sorted({entity for r in registry.recognizers for entity in r.supported_entities})
    for number, entity in enumerate(entities):
        if entity not in known:
            raise InvalidError(
                "no recognizer that is on finds this entity type",
                f"turn one on in further_recognizers, recognizers or ner, or {closest(entity, known, 99)}",
                *("entities", number),
            )
    return list(entities) or known
