"""Guards: Presidio's engine made to keep to its time and to stay offline, and the proof at start that it does.

Theory of operation. Presidio's engine is a library for a service that may take its time. Three things in it must be
otherwise in an edge filter, and there is no option for any of them:

* **A timeout is seen by its type.** ``PatternRecognizer.analyze`` catches the ``TimeoutError`` of a search, logs it and
  goes on without that pattern, which would pass the text. Presidio's modules reach the regular expressions through a
  global that holds the ``regex`` module. Here they get a stand-in for it (``_Regex``), whose compiled patterns search
  under the ``Deadline`` of the text (``under``) and raise ``DetectorTimeout`` where ``regex`` raises ``TimeoutError``:
  a type that Presidio does not catch. Should a later Presidio catch more than it does, ``under`` still knows that a
  search was given up, since that is written down before it is raised. No log line is read.
* **The phone matcher has no timeout.** The recognizer reaches it through its module's global ``phonenumbers``; here it
  gets a stand-in whose matcher asks the deadline before it tries a part of a candidate.
* **The enhancer is quadratic.** For each result it walks over all tokens from the first. ``BoundedEnhancer`` gives the
  same words from an index. Where Presidio's is not the one that it was written for, ``PatientEnhancer`` uses that
  itself, one result at a time, and asks the deadline in between.

``probe`` makes sure: it provokes a real timeout in each way in which a recognizer searches, and lets the e-mail
recognizer ask for a public suffix while connections are denied. If either does not show, veilog does not start.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import sys
import threading
import types
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from typing import Any, Final

import phonenumbers
import regex
import tldextract
import tldextract.tldextract
from presidio_analyzer import EntityRecognizer, Pattern, PatternRecognizer, RecognizerResult
from presidio_analyzer.context_aware_enhancers import LemmaContextAwareEnhancer
from presidio_analyzer.nlp_engine import NlpArtifacts
from presidio_analyzer.predefined_recognizers import EmailRecognizer, PhoneRecognizer

from veilog_filters.detect.api import Check, Deadline, DetectorTimeout
from veilog_filters.detect.compat.errors import CompatError
from veilog_filters.detect.compat.internals import mismatches, take
from veilog_filters.detect.compat.listed import Part
from veilog_filters.detect.compat.phones import BoundedMatcher
from veilog_filters.detect.presidio.tokenizer import TokenIndex

_PROBE_SECS: Final = 0.002
_SLOW_PATTERN: Final = Pattern("probe", r"(?:a|aa)+$b", 0.5)
_SLOW_TEXT: Final = "a" * 28 + "!"
"""Takes two hundred times as long as the probe allows, and no more: where nothing stops the search, the probe ends."""
_MANY_NUMBERS: Final = "(212) 555-0182, " * 50


class _Search:
    """The searches of one text.

    Attributes:
        deadline: when they must end.
        given_up: whether one of them was.
    """

    __slots__ = ("deadline", "given_up")

    def __init__(self, deadline: Deadline) -> None:
        self.deadline = deadline
        self.given_up = False

    def left(self) -> float:
        """The seconds that are left."""
        try:
            return self.deadline()
        except DetectorTimeout:
            self.given_up = True
            raise


_current: ContextVar[_Search | None] = ContextVar("search", default=None)


@contextlib.contextmanager
def under(timeout_secs: float, check: Check | None) -> Iterator[Deadline]:
    """All searches of Presidio's recognizers in this context are given up when a text's time is.

    Raises:
        DetectorTimeout: that has happened, whatever Presidio made of it.
    """
    search = _Search(Deadline(timeout_secs, check))
    token = _current.set(search)
    try:
        yield search.deadline
    finally:
        _current.reset(token)
    if search.given_up:
        raise DetectorTimeout


def tick() -> None:
    """Raise if the text at hand has no time left."""
    search = _current.get()
    if search is not None:
        search.left()


class _Compiled:
    """A compiled pattern whose searches end with the time of the text, whatever timeout the caller gives."""

    __slots__ = ("_pattern",)

    def __init__(self, pattern: regex.Pattern[str]) -> None:
        self._pattern = pattern

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pattern, name)

    def finditer(self, string: str, pos: int = 0, endpos: int | None = None, **kwargs: Any) -> Iterator[Any]:
        """As the pattern's own."""
        search = _current.get()
        if search is None:
            yield from self._pattern.finditer(string, pos, endpos, **kwargs)
            return
        while True:
            try:
                for match in self._pattern.finditer(string, pos, endpos, **(kwargs | {"timeout": search.left()})):
                    yield match
                    pos = match.end()
                    search.left()
            except TimeoutError:
                # The library looks at the clock on the wall. The deadline knows whether it was this search that took
                # the time: it raises, or the search goes on behind the last match.
                continue
            return

    def _bounded(self, method: str, *args: Any, **kwargs: Any) -> Any:
        search = _current.get()
        call = getattr(self._pattern, method)
        if search is None:
            return call(*args, **kwargs)
        while True:
            try:
                return call(*args, **(kwargs | {"timeout": search.left()}))
            except TimeoutError:
                continue

    def search(self, *args: Any, **kwargs: Any) -> Any:
        """As the pattern's own."""
        return self._bounded("search", *args, **kwargs)

    def match(self, *args: Any, **kwargs: Any) -> Any:
        """As the pattern's own."""
        return self._bounded("match", *args, **kwargs)

    def fullmatch(self, *args: Any, **kwargs: Any) -> Any:
        """As the pattern's own."""
        return self._bounded("fullmatch", *args, **kwargs)


class _Regex:
    """Stands for the ``regex`` module in Presidio's modules."""

    def __getattr__(self, name: str) -> Any:
        return getattr(regex, name)

    def compile(self, pattern: Any, flags: int = 0, **kwargs: Any) -> _Compiled:
        """As the module's own, but bounded in time."""
        return pattern if isinstance(pattern, _Compiled) else _Compiled(regex.compile(pattern, flags=flags, **kwargs))

    def finditer(self, pattern: Any, string: str, flags: int = 0, **kwargs: Any) -> Iterator[regex.Match[str]]:
        """As the module's own, but bounded in time."""
        return self.compile(pattern, flags).finditer(string, **kwargs)

    def search(self, pattern: Any, string: str, flags: int = 0, **kwargs: Any) -> Any:
        """As the module's own, but bounded in time."""
        return self.compile(pattern, flags).search(string, **kwargs)

    def match(self, pattern: Any, string: str, flags: int = 0, **kwargs: Any) -> Any:
        """As the module's own, but bounded in time."""
        return self.compile(pattern, flags).match(string, **kwargs)

    def fullmatch(self, pattern: Any, string: str, flags: int = 0, **kwargs: Any) -> Any:
        """As the module's own, but bounded in time."""
        return self.compile(pattern, flags).fullmatch(string, **kwargs)


class _PhoneNumbers:
    """Stands for the ``phonenumbers`` package in Presidio's phone recognizer."""

    def __getattr__(self, name: str) -> Any:
        return getattr(phonenumbers, name)

    def PhoneNumberMatcher(self, text: str, region: str, **kwargs: Any) -> BoundedMatcher:  # noqa: N802 - its name there
        """The library's matcher, bounded in time."""
        return BoundedMatcher(text, region, tick, **kwargs)


class PatientEnhancer(LemmaContextAwareEnhancer):
    """Presidio's enhancer as it is, for one result at a time: its time is that of the text. It takes quadratic time."""

    def enhance_using_context(
        self, text: str, raw_results: list[RecognizerResult], *args: Any, **kwargs: Any
    ) -> list[RecognizerResult]:
        """As Presidio's."""
        enhanced: list[RecognizerResult] = []
        for result in raw_results:
            tick()
            enhanced += super().enhance_using_context(text, [result], *args, **kwargs)
        return enhanced


class BoundedEnhancer(LemmaContextAwareEnhancer):
    """Presidio's enhancer with an index of the tokens: the same words for a match, without a walk from the first.

    Which tokens count is known once for a text. From a match it goes from one that counts to the next.
    """

    def __init__(self) -> None:
        super().__init__()
        self._indexed: tuple[NlpArtifacts | None, TokenIndex | None] = (None, None)

    def enhance_using_context(self, *args: Any, **kwargs: Any) -> Any:
        """As Presidio's. Nothing of the text outlives it."""
        try:
            return super().enhance_using_context(*args, **kwargs)
        finally:
            self._indexed = (None, None)

    def _extract_surrounding_words(self, nlp_artifacts: NlpArtifacts, word: str, start: int) -> list[str]:  # noqa: ARG002
        tick()
        if not nlp_artifacts.tokens:
            return [""]
        known, index = self._indexed
        if index is None or known is not nlp_artifacts:
            ends = [
                start + len(token)
                for start, token in zip(nlp_artifacts.tokens_indices, nlp_artifacts.tokens, strict=True)
            ]
            lemmas = [lemma.lower() for lemma in nlp_artifacts.lemmas]
            index = TokenIndex(lemmas, ends, frozenset(nlp_artifacts.keywords))
            self._indexed = (nlp_artifacts, index)
        return index.near(start, self.context_prefix_count + 1, self.context_suffix_count + 1)


class _OfflineExtract(tldextract.TLDExtract):
    """Knows the public suffixes that come with the package, and no others.

    Attributes:
        asked: how often it was asked.
    """

    def __init__(self) -> None:
        super().__init__(suffix_list_urls=(), cache_dir=None)
        self.asked = 0

    def __call__(self, *args: Any, **kwargs: Any) -> tldextract.tldextract.ExtractResult:
        """As the library's."""
        self.asked += 1
        return super().__call__(*args, **kwargs)


def enhancer() -> LemmaContextAwareEnhancer:
    """The fastest enhancer that raises the scores which Presidio's raises."""
    return PatientEnhancer() if any(mismatches([Part.CONTEXT])) else BoundedEnhancer()


def install() -> None:
    """Put the guards in place, for the whole process. Presidio's loggers, whose lines may quote text, are off."""
    if not isinstance(_extractor(), _OfflineExtract):
        vars(tldextract.tldextract)["TLD_EXTRACTOR"] = _OfflineExtract()
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "presidio_analyzer" and isinstance(module, types.ModuleType):
            _guard(module)
    vars(sys.modules[PhoneRecognizer.__module__])["phonenumbers"] = _PHONE_NUMBERS


def _extractor() -> Any:
    """What ``tldextract.extract`` asks; None if it asks something else."""
    return take("tldextract.tldextract", "TLD_EXTRACTOR")


def _guard(module: types.ModuleType) -> None:
    for attribute, value in list(vars(module).items()):
        if value is regex:
            setattr(module, attribute, _REGEX)
        elif isinstance(value, logging.Logger):
            value.disabled = True


_REGEX: Final = _Regex()
_PHONE_NUMBERS: Final = _PhoneNumbers()


def probe(recognizers: Iterable[EntityRecognizer]) -> None:
    """Make sure that the guards hold for recognizers. Takes ten milliseconds.

    Raises:
        CompatError: one does not.
    """
    tried: set[Any] = set()
    for recognizer in recognizers:
        kind = type(recognizer)
        if kind.analyze in tried:
            continue
        tried.add(kind.analyze)
        if isinstance(recognizer, PatternRecognizer):
            _expect_timeout(kind, _with_slow_pattern(recognizer), _SLOW_TEXT)
        elif isinstance(recognizer, PhoneRecognizer):
            _expect_timeout(kind, recognizer, _MANY_NUMBERS)
    _expect_offline()


def _with_slow_pattern(recognizer: PatternRecognizer) -> PatternRecognizer:
    """A recognizer that searches as another does, for something that takes for ever."""
    slow = object.__new__(type(recognizer))
    slow.__dict__.update(vars(recognizer))
    vars(slow)["patterns"] = [Pattern(_SLOW_PATTERN.name, _SLOW_PATTERN.regex, _SLOW_PATTERN.score)]
    return slow


def _expect_timeout(kind: type[EntityRecognizer], recognizer: EntityRecognizer, text: str) -> None:
    error = ""
    try:
        with under(_PROBE_SECS, None):
            recognizer.analyze(text, recognizer.supported_entities, None)  # type: ignore[arg-type]
    except DetectorTimeout:
        return
    except Exception as raised:
        error = f", which raises {type(raised).__name__}"
    library = "phonenumbers" if isinstance(recognizer, PhoneRecognizer) else "presidio-analyzer"
    raise CompatError(
        library,
        f"searches in a way that veilog cannot bound in time ({kind.__name__}{error})",
        "a search to end with the time of its text",
    )


def _expect_offline() -> None:
    extract = _extractor()
    before = extract.asked if isinstance(extract, _OfflineExtract) else -1
    problem = ""
    with _connections_denied() as attempts:
        try:
            EmailRecognizer().validate_result("a@example.com")
        except Exception as raised:
            problem = f"cannot tell a public suffix ({type(raised).__name__})"
    if attempts or not isinstance(extract, _OfflineExtract) or extract.suffix_list_urls or extract.asked == before:
        problem = "would fetch the public-suffix list"
    if problem:
        raise CompatError("tldextract", problem, "the e-mail recognizer to ask the list that comes with the package")


@contextlib.contextmanager
def _connections_denied() -> Iterator[list[str]]:
    """Nothing that this thread does connects to anything. Yields what it tried."""
    attempts: list[str] = []
    here = threading.get_ident()

    def denied(name: str, original: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            if threading.get_ident() != here:
                return original(*args, **kwargs)
            attempts.append(name)
            raise OSError("veilog's probe allows no connection")

        return call

    # A reload builds in a thread of its own. Two at a time would put back each other's.
    with _denying:
        replaced = [(holder, name, vars(holder).get(name)) for holder, name in _WAYS_OUT]
        try:
            for holder, name in _WAYS_OUT:
                setattr(holder, name, denied(name, getattr(holder, name)))
            yield attempts
        finally:
            for holder, name, own in replaced:
                if own is None:
                    delattr(holder, name)
                else:
                    setattr(holder, name, own)


_denying: Final = threading.Lock()
_WAYS_OUT: Final[tuple[tuple[Any, str], ...]] = (
    (socket, "getaddrinfo"),
    (socket.socket, "connect"),
    (socket.socket, "connect_ex"),
)
"""Through one of them comes whoever connects to another host."""
