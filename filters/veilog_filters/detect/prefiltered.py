"""The detector that most configurations use: Presidio's findings, most of the time without Presidio.

    text -> prefilter -> nothing could match: done
                      -> seen before: findings from the cache
                      -> verify: Presidio's recognizers, where something could match

Importing Presidio takes seconds and compiling the prefilter too, so neither happens at start if a database for this
very configuration and these very versions is in the cache directory: then Presidio is imported for the first text in
which something could match. What only Presidio can tell (an unknown recognizer) was told when that file was made.

The prefilter needs Hyperscan, which not every platform has: there Presidio's engine runs as it is, with the same
findings. With NER, this detector serves the texts that no model reads; ``ner`` says which those are.
"""

from __future__ import annotations

import functools
import gc
import hashlib
import importlib.metadata
import platform
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from veilog_filters import __version__, clock
from veilog_filters.config import Detect
from veilog_filters.detect.api import (
    TIMED_OUT,
    Check,
    DetectorTimeout,
    Finding,
    Found,
    Scan,
    TextItem,
    of_item,
    read_by_patterns,
)
from veilog_filters.detect.cache import FindingsCache
from veilog_filters.detect.compat.errors import UnsupportedError
from veilog_filters.detect.compat.internals import files_digest
from veilog_filters.detect.compat.listed import Part
from veilog_filters.detect.prefilter import store
from veilog_filters.detect.prefilter.hyperscan import NOTHING, Hits, Prefilter, compile_all
from veilog_filters.detect.secrets import ADDRESSES, SECRETS
from veilog_filters.metrics import Counts

_FORMAT: Final = 6
"""Raise it when expressions are made differently from the same patterns."""

_LIBRARIES: Final = ("hyperscan", "presidio-analyzer", "phonenumbers", "regex", "spacy", "tldextract")
_LONG_CHARS: Final = 2048
_NO_FINDINGS: Final[list[Finding]] = []


class Candidate(NamedTuple):
    """A text in which something could match.

    Attributes:
        text: the text.
        hits: what could match, and where.
        key: under which its findings are remembered; None if they are not.
    """

    text: str
    hits: Hits
    key: bytes | None


class PrefilteredDetector:
    """Prefilter, cache and verification.

    Args:
        options: the ``detect`` section of the configuration.
        check: may stop the record that is worked on.

    Attributes:
        names: what detects, with versions.
        cache: findings of texts that were seen before.
        stored: whether the compiled patterns are in the cache directory.

    Raises:
        ValueError: as ``PresidioDetector``.
        UnsupportedError: use the engine itself.
    """

    def __init__(self, options: Detect, check: Check | None = None) -> None:
        self._options = options
        self._check = check
        self._verifier: Any = None
        self._min_digits: tuple[int, list[str]] | None = None
        self.cache = FindingsCache(options.cache_entries, options.cache_bytes)
        self._remembers = options.cache_entries > 0
        directory, key = store.cache_dir(options.cache_dir), _key(options)
        stored, scan, self.stored = store.load_or_make(directory, key, self._compile)
        self._use(stored, scan)

    def scan(self, items: Sequence[TextItem]) -> Scan:
        """What could match, and where; findings already for texts in which nothing could, or that are known."""
        return Scan(items, [self._scan_item(item) for item in items])

    def verify(self, scan: Scan) -> list[Found]:
        """The findings of each text."""
        found: list[Found] = []
        for item, seen in zip(scan.items, scan.seen, strict=True):
            findings = seen
            if type(seen) is Candidate:
                try:
                    findings = self._verify(seen)
                except DetectorTimeout:
                    found.append(TIMED_OUT)
                    continue
            found.append(of_item(item, findings) if findings and (item.key or item.exclude) else findings)
        return found

    def count_into(self, counts: Counts) -> None:
        """Add what was counted since the last call."""
        self.cache.count_into(counts)

    def _scan_item(self, item: TextItem) -> list[Finding] | Candidate:
        """The findings of a text, or what ``_verify`` needs to tell them. Few texts need it, and it takes longer."""
        if self._check is not None:
            self._check()
        text = read_by_patterns(item) if item.key else item.text
        # Digesting is faster than scanning, but only a long text is worth a place in the cache for being clean.
        key = self.cache.key(text) if self._remembers and len(text) > _LONG_CHARS else None
        if key is not None and (found := self.cache.get(key)) is not None:
            return found
        hits = self._scan(text)
        if hits is not None:
            hits = self._prune(text, hits)
        if hits is not None or self._always:
            if item.exclude and self._finds_only(item.exclude, hits):
                return []
            return self._candidate(text, hits, key)
        if key is not None:
            self.cache.put(key, _NO_FINDINGS)
        return []

    def _candidate(self, text: str, hits: Hits | None, key: bytes | None) -> list[Finding] | Candidate:
        if self._verifier is None:
            # Here and not when it is verified: what comes after this text must not be scanned by what is replaced.
            before = self._scan
            self._load()
            if self._scan is not before:
                hits = self._scan(text)
        if key is None and self._remembers:
            key = self.cache.key(text)
            if (found := self.cache.get(key)) is not None:
                return found
        return Candidate(text, hits or NOTHING, key)

    def _verify(self, candidate: Candidate) -> list[Finding]:
        text, hits, key = candidate
        # The same text may have been verified since it was scanned.
        if key is not None and (known := self.cache.get_again(key)) is not None:
            return known
        found: list[Finding] = self._verifier(text, hits)
        if key is not None:
            self.cache.put(key, found)
        return found

    def _finds_only(self, excluded: frozenset[str], hits: Hits | None) -> bool:
        """Whether all that could match are patterns of excluded entity types, so that none needs to be tried.

        (A match of one type may remove a weaker one of another as a duplicate, so with any other pattern all are.)
        """
        if self._always or hits is None:
            return False
        return self._only(excluded).issuperset((*hits.ends, *hits.whole))

    def _only(self, expected: frozenset[str]) -> frozenset[int]:
        """The expressions that stand for nothing but some entity types."""
        known = self._expected.get(expected)
        if known is None:
            entities = enumerate(self._entities)
            known = self._expected[expected] = frozenset(
                number for number, types in entities if expected.issuperset(types)
            )
        return known

    def prepare(self) -> None:
        """Import and compile now what the first texts would need."""
        self._load()
        self._verifier.prepare()

    def compare(self) -> None:
        """Compare findings with those of Presidio's engine on a few texts, as was done when patterns were compiled.

        Raises:
            ValueError: they differ. The message is fit for the person who wrote the configuration.
        """
        from veilog_filters.detect.compat import probes

        self._load()
        try:
            probes.compare(self._options, self._verifier.min_digits, self._scan)
        except UnsupportedError as error:
            raise error.as_refusal() from None

    def _load(self) -> None:
        """Import Presidio."""
        if self._verifier is None:
            with clock.stopped():
                try:
                    self._load_verifier()
                except UnsupportedError as error:
                    # Texts have been let go by then that the engine would have read. At the next start it will.
                    raise error.as_refusal() from None

    def _load_verifier(self) -> None:
        self._verifier = self._build_verifier()
        if _digest(self._verifier.sources) != self._digest:
            # The cache file is of another Presidio that has the same version: somebody works on it.
            stored = self._compile()
            self._use(stored, store.prefilter_of(stored))
            self.cache.clear()

    def _prune(self, text: str, hits: Hits) -> Hits | None:
        """Of what could match, what could reach the threshold too; None if nothing can.

        Half of Presidio's patterns are so weak that their matches count only near a context word ("v1" is a driver
        license, if somebody says so). Without such a word in the text they need not be looked at.
        """
        if not self._context:
            return hits
        lowered = text.lower()
        told: dict[int, bool] = {}
        for number in (*hits.ends, *hits.whole):
            group = self._group[number]
            if group >= 0 and group not in told:
                told[group] = any(word in lowered for word in self._context[group])
        if all(told.values()):
            return hits
        ends = {number: ends for number, ends in hits.ends.items() if told.get(self._group[number], True)}
        whole = frozenset(number for number in hits.whole if told.get(self._group[number], True))
        return Hits(ends, whole) if ends or whole else None

    def _build_verifier(self) -> Any:
        from veilog_filters.detect.compat import probes

        probes.check()
        try:
            from veilog_filters.detect.phone.finder import MinDigits
            from veilog_filters.detect.presidio.verifier import Verifier

            min_digits = MinDigits(self._min_digits[0], tuple(self._min_digits[1])) if self._min_digits else None
            verifier = Verifier(self._options, min_digits, self._check)
        except (UnsupportedError, ValueError):
            raise
        except Exception as error:
            # Something of the libraries that is not listed, since nobody knew that it could change.
            reason = f"the verifier cannot be made ({type(error).__name__})"
            raise UnsupportedError(Part.VERIFIER, "presidio-analyzer", reason) from None
        _keep_for_good()
        return verifier

    def _compile(self) -> store.Stored:
        from veilog_filters.detect.compat import probes

        if self._verifier is None:
            self._verifier = self._build_verifier()
        verifier = self._verifier
        context = sorted(set(filter(None, verifier.needed_context)))
        stored = store.Stored(
            compile_all(verifier.expressions),
            {
                "names": verifier.names,
                "size": len(verifier.sources),
                "digest": _digest(verifier.sources),
                "always": verifier.runs_always,
                "context": context,
                "entities": verifier.entities,
                "group": [context.index(words) if words else -1 for words in verifier.needed_context],
                "min_digits": verifier.min_digits and [verifier.min_digits.digits, list(verifier.min_digits.short)],
            },
        )
        probes.compare(self._options, verifier.min_digits, store.prefilter_of(stored))
        return stored

    def _use(self, stored: store.Stored, scan: Prefilter) -> None:
        manifest = stored.manifest
        self.names: list[str] = manifest["names"]
        self._always: bool = manifest["always"]
        # Groups of words, and by expression which group must have a word in the text, or -1.
        self._context: list[list[str]] = manifest["context"]
        self._entities: list[list[str]] = manifest["entities"]
        self._group: list[int] = manifest["group"]
        self._min_digits = manifest["min_digits"]
        self._digest: str = manifest["digest"]
        self._scan = scan
        self._expected: dict[frozenset[str], frozenset[int]] = {}


@functools.cache
def _keep_for_good() -> None:
    """Tell the garbage collector that what there is now stays, once in a process.

    Presidio and spaCy bring a hundred thousand objects. Walking through all of them takes 70 ms, and happens every few
    thousand records. Who replaces a pipeline or a model takes it back (``gc.unfreeze``), for both are full of cycles.
    """
    gc.collect()
    gc.freeze()


def _digest(sources: list[tuple[str, int]]) -> str:
    return hashlib.sha256(repr(sources).encode()).hexdigest()


def _key(options: Detect) -> str:
    """Names everything that the databases and what is stored beside them depend on."""
    relevant = options.model_dump(
        include={"threshold", "entities", "secrets", "further_recognizers", "recognizers"}, mode="json"
    )
    versions = [f"{name} {importlib.metadata.version(name)}" for name in _LIBRARIES]
    machine = [platform.system(), platform.machine(), platform.python_version()]
    ours = (*ADDRESSES, *SECRETS)
    named = (_FORMAT, __version__, versions, files_digest(), machine, relevant, ours)
    return hashlib.sha256(repr(named).encode()).hexdigest()[:32]
