"""On a window of a word, no pattern that is run there without a timeout takes long, whatever stands there."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

import regex
from presidio_analyzer import PatternRecognizer, predefined_recognizers

from veilog_filters.config import Detect
from veilog_filters.detect.personal.pack import PACK
from veilog_filters.detect.presidio.engine import PresidioDetector, is_ours
from veilog_filters.detect.presidio.verifier import _UNTIMED_CHARS, _flags, _is_known, _patterns
from veilog_filters.detect.secrets import ADDRESSES, SECRETS

FRAGMENTS = (
    *("a", "a.", "a-", "1", "1.", "1-", "1 ", "a@", "@a", "a@a.", "a.a", "aa-", "-", "_", ".", "/", "a/", "0:", "::"),
    *(
        "1:",
        "A1",
        "GB29 ",
        "4111 ",
        "ab.c",
        "http://",
        "www.",
        "x@y",
        "%40",
        "sk-",
        "eyJ",
        "eyJa.",
        "key=",
        "password: ",
        "Aa ",
        "Mr. ",
        "1 Aa ",
        "my name is ",
        "Via Aa 1, ",
        "apt 1 ",
    ),
    *("é", "ß", "²", " ", "(", ")", "[", "1/", "/1", "12-", "1,", "a,"),
)
ENDINGS = ("!", "\n", "x", "@", "1", ".", "-", "\0")


def recognizers() -> Iterator[PatternRecognizer]:
    """Presidio's, on by default or not, and ours."""
    for name in vars(predefined_recognizers):
        kind = getattr(predefined_recognizers, name)
        if isinstance(kind, type) and issubclass(kind, PatternRecognizer):
            yield kind(supported_language="en")  # type: ignore[call-arg]  # each has its own entity
    registry = PresidioDetector(Detect()).engine.registry
    yield from (r for r in registry.recognizers if isinstance(r, PatternRecognizer) and is_ours(r))


def attacks(chance: random.Random) -> Iterator[str]:
    """Strings that repeat a few fragments and do not end as they should."""
    for fragment in FRAGMENTS:
        yield (fragment * _UNTIMED_CHARS)[: _UNTIMED_CHARS - 1] + chance.choice(ENDINGS)
    for _ in range(60):
        unit = "".join(chance.choices(FRAGMENTS, k=chance.randint(2, 3)))
        yield (chance.choice(FRAGMENTS) + unit * _UNTIMED_CHARS)[: _UNTIMED_CHARS - 1] + chance.choice(ENDINGS)


def test_no_known_pattern_takes_long_on_a_short_window() -> None:
    """The worst is a tenth of a second's. A second is far from that on any machine, and far below an exponential run."""
    chance, tried, mine = random.Random(1), 0, 0
    for recognizer in recognizers():
        assert _is_known(recognizer)
        mine += is_ours(recognizer)
        for pattern in _patterns(recognizer):
            compiled = regex.compile(pattern.regex, flags=_flags(recognizer))
            for text in attacks(chance):
                start = time.process_time()
                for _ in compiled.finditer(text, timeout=5):
                    pass
                assert time.process_time() - start < 1, pattern.name
            tried += 1
    assert tried > 150
    assert mine == len(ADDRESSES) + len(SECRETS) + len(PACK)


def test_patterns_from_the_configuration_are_always_timed() -> None:
    option = {"name": "x", "entity": "X", "patterns": [{"regex": "(a+)+b", "score": 0.9}]}
    registry = PresidioDetector(Detect.model_validate({"recognizers": [option]})).engine.registry
    (custom,) = (r for r in registry.recognizers if r.supported_entities == ["X"])
    assert not _is_known(custom)
