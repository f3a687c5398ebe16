"""Trials of the fast paths: do they find what Presidio's engine finds?

First the fingerprints of all internals on which they depend (``check``: 30 ms, whenever Presidio is imported),
then a comparison with the engine on a few texts (``compare``: half a second). The comparison is made when the
patterns are compiled, which takes many times as long, and its success is kept with them: the name of that cache file
has the versions of all libraries in it and a digest of the files that have the internals (``internals.files_digest``).
Where a comparison fails nothing is kept.

The texts have a match of each kind at all sorts of edges. They are few: thousands more are compared in the tests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

from veilog_filters.config import Detect
from veilog_filters.detect.api import Deadline, DetectorTimeout, Finding
from veilog_filters.detect.compat import sre
from veilog_filters.detect.compat.errors import CompatError, UnsupportedError
from veilog_filters.detect.compat.internals import mismatches
from veilog_filters.detect.compat.listed import FAST_PATHS, Part
from veilog_filters.detect.prefilter.hyperscan import NOTHING, Prefilter

if TYPE_CHECKING:
    from presidio_analyzer.predefined_recognizers import PhoneRecognizer

    from veilog_filters.detect.phone.finder import PhoneFinder
    from veilog_filters.detect.presidio.tokenizer import Tokenizer

_PRESIDIO: Final = "presidio-analyzer"

PROBE_SECS: Final = 10.0
"""How long the patterns of a configuration may take on one of the texts. Those that take longer are not compared."""

TEXTS: Final = (
    "Mail anna.berg@nordwind-ag.com or o'neil+x@mail.example.co.uk, not bob@build.corp.internal.",
    "My credit card is 4111 1111 1111 1111, the other one 4012888888881881: nobody has 4111-1111-1111-1112.",
    "IBAN DE89 3704 0044 0532 0130 00 and GB82WEST12345698765432 2 days later; de89370400440532013000.",
    "my social security number is 536-90-4399, ssn:078-05-1120 and order 8675309000.",
    "bank account number is 8675309000 at the:bank; don't use account (8675309001) :-) or 021000021.",
    "The passport, as I said to all of them, is C01X00T47. License: H12234567, and that of my driver v1.",
    "call (212) 555-0182 x3456, +49 30 901820/030-1234567 or 020 7946 0958, not 2012-01-02 08:00 or 3/10/2011.",
    "phones 650 223 3345 (754) 223 3321, 12345 - 332-445-1234. 332-445-1234 8002341234 a2125550182 $2125550182",
    "from 203.0.113.9, 10.0.0.0/8, 2001:db8::1, ::ffff:192.0.2.1 and 00:1A:2B:3C:4D:5E at 2024-05-01T10:00:00Z",
    'pay 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa; see https://www.example.com/a/b?c=d, "http://x.de/y" (example.org)',
    "NHS 401 023 2137, date of birth 12/05/2024 or 5/24, ITIN 911-92-1234.",
    "straße é4111111111111111é \u0663\u0663 \uff11 tel\u00a0212\u2013555\u20130182 \u017f a.b\u200b@example.com",
    "\n\t  card\r\n4111111111111111  \n" + "the " * 9 + "8675309000 account\u2003bank " + "x" * 40 + "@example.com",
    "My bank, as it was said to me and to you by them and by us, has 8675309000 for it.",
    "clean text about a heat pump that moves heat from the cold side to the warm side.",
)
"""Short, and with no text that Presidio's engine fails on."""

PIECES: Final = (
    *("don't", ":-)", "e.g.", "U.S.", "(555)", "123-45-6789.", "o'neil+x@mail.example.co.uk,", "DE89,3704", "$5.00/kg"),
    *("https://example.com/a?b=c", "the:bank", "12:30pm", "'tis", "we'll've", "C++", "x...y", "``quoted''", "a--b"),
    *(
        "10.0.0.1/8",
        "2024-05-01T10:00:00Z",
        "snake_case_name",
        "50%",
        "#1",
        "naïve—word",
        "€30",
        "!?",
        "I.B.A.N.:",
        "k8s",
    ),
)
"""Words with every kind of mark that spaCy has a rule for."""


def check(parts: Iterable[Part] = FAST_PATHS) -> None:
    """Make sure that the internals are those that the fast paths were written for.

    Raises:
        UnsupportedError: one is not.
    """
    for mismatch in mismatches(parts):
        raise UnsupportedError.of(mismatch)
    if not sre.works():
        raise UnsupportedError(Part.PREFILTER, "python", "re._parser reads patterns in another way")


def compare(options: Detect, min_digits: Any, scan: Prefilter) -> None:
    """Compare what the fast paths find with what Presidio's engine finds. Takes half a second.

    Args:
        options: the ``detect`` section of the configuration.
        min_digits: how small a phone number can be.
        scan: the prefilter for these options.

    Raises:
        UnsupportedError: they differ, or one fails.
    """
    # Importing these imports Presidio.
    from veilog_filters.detect.compat.guards import PatientEnhancer
    from veilog_filters.detect.presidio.verifier import Verifier

    verifier = Verifier(options.model_copy(update={"timeout_secs": PROBE_SECS}), min_digits)
    # Presidio's own rules for context words, not an index in their place.
    verifier.engine.engine.context_aware_enhancer = PatientEnhancer()

    def prefiltered(text: str) -> list[Finding]:
        hits = scan(text)
        return verifier(text, hits or NOTHING) if hits is not None or verifier.runs_always else []

    verifier.prepare()
    _compare(Part.TOKENIZER, "spacy", PIECES, _tokens_of(verifier.tokenizer), verifier.tokenizer.whole)
    for ours, theirs in verifier.phones:
        _compare(Part.PHONE, "phonenumbers", TEXTS, _phones_by_us(ours), _phones_by(theirs))
    _compare(Part.VERIFIER, _PRESIDIO, TEXTS, lambda text: verifier(text, None), verifier.engine)
    _compare(Part.PREFILTER, _PRESIDIO, TEXTS, prefiltered, verifier.engine)


def _compare(
    part: Part, library: str, texts: Iterable[str], ours: Callable[[str], Any], theirs: Callable[[str], Any]
) -> None:
    for text in texts:
        try:
            problem = "" if ours(text) == theirs(text) else "it finds something else"
        except DetectorTimeout:
            # A pattern of the configuration: in operation the text counts as found, whoever searches.
            continue
        except Exception as error:
            problem = f"it fails on a text ({type(error).__name__})"
        if problem:
            raise UnsupportedError(part, library, problem)


def _tokens_of(tokenizer: Tokenizer) -> Callable[[str], tuple[list[str], list[int], frozenset[str]]]:
    def tokens(piece: str) -> tuple[list[str], list[int], frozenset[str]]:
        ours = tokenizer.piece(piece)
        return list(ours.words), list(ours.ends), ours.keywords

    return tokens


def _phones_by_us(finder: PhoneFinder) -> Callable[[str], set[tuple[int, int]]]:
    return lambda text: _outermost(finder(text, Deadline(PROBE_SECS)))


def _phones_by(recognizer: PhoneRecognizer) -> Callable[[str], set[tuple[int, int]]]:
    def phones(text: str) -> set[tuple[int, int]]:
        results = recognizer.analyze(text, recognizer.supported_entities)
        return _outermost({(result.start, result.end) for result in results})

    return phones


def _outermost(spans: set[tuple[int, int]]) -> set[tuple[int, int]]:
    """Spans but for those inside others, which Presidio removes as duplicates."""
    return {
        (start, end)
        for start, end in spans
        if not any(s <= start and end <= e and (s, e) != (start, end) for s, e in spans)
    }


def expect_engine(engine: Callable[[str], list[Finding]]) -> None:
    """Make sure that Presidio's engine works at all.

    Raises:
        CompatError: it fails on a text.
    """
    for text in TEXTS:
        try:
            engine(text)
        except DetectorTimeout:
            continue
        except Exception as error:
            raise CompatError(
                _PRESIDIO,
                f"fails on a text ({type(error).__name__})",
                "it and the libraries that it uses to work with each other",
            ) from None
