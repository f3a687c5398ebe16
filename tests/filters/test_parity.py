"""The fast detector finds what Presidio's engine finds: span for span, score for score, on any text."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache, partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shares import SOAK, share
from texts import CONTEXT, GLUE, VALUES, generated, sample_texts
from veilog_filters.config import Detect
from veilog_filters.detect.api import DetectorTimeout, Finding, detect
from veilog_filters.detect.personal.pack import PACK
from veilog_filters.detect.prefilter import hyperscan
from veilog_filters.detect.prefiltered import PrefilteredDetector
from veilog_filters.detect.presidio.engine import PresidioDetector
from veilog_filters.detect.secrets import ADDRESSES, SECRETS

pytestmark = pytest.mark.skipif(not hyperscan.available(), reason="Hyperscan is not there: the reference is what runs")

CUSTOM: list[dict[str, Any]] = [
    {
        "name": "employee",
        "entity": "EMPLOYEE_ID",
        "patterns": [{"regex": r"\bE-?\d{5}\b", "score": 0.3}, {"regex": r"(?<=emp )\w+(?=\W|$)", "score": 0.1}],
        "context": ["staff", "employee"],
    },
    # Each is something that Hyperscan must not be trusted with.
    {"name": "umlaut", "entity": "UMLAUT", "patterns": [{"regex": "straße [äöü]+", "score": 0.7}]},
    {"name": "fuzzy", "entity": "FUZZY", "patterns": [{"regex": "(?:nordwind){e<=1}", "score": 0.7}]},
    {"name": "property", "entity": "PROPERTY", "patterns": [{"regex": r"\p{Lu}{3}\s\d", "score": 0.5}]},
    {"name": "empty", "entity": "EMPTY", "patterns": [{"regex": r"\d*", "score": 0.6}]},
    {"name": "twice", "entity": "TWICE", "patterns": [{"regex": r"(\w{3,9})[\s-]\1", "score": 0.6}]},
    {"name": "lines", "entity": "LINES", "patterns": [{"regex": r"^[^\W\d_]+\s\w+$", "score": 0.4}]},
    {"name": "opposite", "entity": "OPPOSITE", "patterns": [{"regex": r"\b[\D\S]{2}\W\B[^k-s]", "score": 0.4}]},
]
FURTHER = ["EsNieRecognizer", "DeKfzRecognizer", "AbaRoutingRecognizer", "ItDriverLicenseRecognizer"]
CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "default": {},
    "everything": {"threshold": 0},
    "strict": {"threshold": 0.6},
    "no_secrets": {"secrets": False, "threshold": 0.05},
    "few": {"entities": ["EMAIL_ADDRESS", "US_SSN", "PHONE_NUMBER"], "threshold": 0.1},
    "lists": {"personal": {"gazetteer": True, "dates": False}},
    "more": {"further_recognizers": FURTHER, "recognizers": CUSTOM, "threshold": 0.3},
}


@cache
def detectors(name: str) -> tuple[PrefilteredDetector, PresidioDetector]:
    options = Detect.model_validate(CONFIGURATIONS[name] | {"cache_entries": 0, "timeout_secs": 30})
    return PrefilteredDetector(options), PresidioDetector(options)


def outcome(detect: Callable[[str], list[Finding]], text: str) -> list[Finding] | str:
    try:
        return detect(text)
    except DetectorTimeout:
        raise
    except Exception as error:
        return type(error).__name__


def check(name: str, texts: Iterable[str]) -> None:
    fast, reference = detectors(name)
    for text in texts:
        expected = outcome(reference, text)
        found = outcome(partial(detect, fast), text)
        # Where Presidio's engine fails on a text, the fast detector may still have findings.
        assert found == expected or isinstance(expected, str), ascii(text)


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_on_all_samples(name: str) -> None:
    # The defaults have all texts, and the others take turns.
    number = list(CONFIGURATIONS).index(name)
    check(name, sample_texts() if number == 0 else share(sample_texts(), 5, number))


@pytest.mark.slow
@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_on_generated_texts(name: str) -> None:
    check(name, generated(seed=len(name), number=20_000 if SOAK else 150))


@pytest.mark.parametrize("name", ["default", "everything", "more"])
def test_on_every_value_at_every_edge(name: str) -> None:
    texts = list(VALUES)
    texts += [value + glue + value for value, glue in zip(VALUES * 2, GLUE * 2, strict=False)]
    texts += [f"x{value}", f"{value}x"] if (value := VALUES[0]) else []
    check(name, texts)


@pytest.mark.parametrize("name", ["default", "everything"])
def test_on_every_example_of_our_own(name: str) -> None:
    texts = [t for detector in (*SECRETS, *ADDRESSES) for t in (*detector.examples, *detector.counterexamples)]
    texts += [t for personal in PACK for t in (*dict(personal.examples), *personal.counterexamples)]
    check(
        name, [made for text in texts for made in (text, f"x_{text}_y", f"x{text}", f"\u00e9{text}\u00e9", text[:-4])]
    )


@pytest.mark.parametrize("name", ["default", "everything", "more"])
def test_excluded_types(name: str) -> None:
    """What is left when some types are excluded is what is left of all findings."""
    fast, _ = detectors(name)
    seen = 0
    for expected in map(
        frozenset, (("DATE_TIME", "IP_ADDRESS", "URL", "US_DRIVER_LICENSE"), ("EMAIL_ADDRESS", "URL"), ())
    ):
        for text in [
            *VALUES,
            *share(sample_texts(), 3, list(CONFIGURATIONS).index(name)),
            *generated(seed=9, number=60),
        ]:
            found = outcome(partial(detect, fast), text)
            if isinstance(found, list):
                left = [finding for finding in found if finding.entity not in expected]
                seen += left != found
                assert detect(fast, text, exclude=expected) == left, ascii(text)
    assert seen > 50


@pytest.mark.slow
def test_on_long_texts() -> None:
    many = " ".join(VALUES)
    filler = "The heat pump moves heat from the cold side to the warm side. " * 100
    texts = [
        many * 3,
        filler + many + filler,
        "\n".join(f"{number},row{number},10.0.0.{number % 256}" for number in range(400)),
        "a" * 20_000 + "@example.com",
        "1" * 5_000,
        "example.com/" + "a" * 5_000 + " x",
        "(" * 2_000 + VALUES[4],
    ]
    check("default", texts)


@pytest.mark.slow
@settings(
    max_examples=3_000 if SOAK else 120,
    deadline=None,
    derandomize=not SOAK,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(
    name=st.sampled_from(sorted(CONFIGURATIONS)),
    parts=st.lists(
        st.one_of(
            st.sampled_from(VALUES),
            st.sampled_from(CONTEXT),
            st.sampled_from(GLUE),
            st.text(max_size=4),
            st.from_regex(r"[0-9 .()+/-]{1,12}", fullmatch=True),
        ),
        max_size=12,
    ),
)
def test_on_any_mixture(name: str, parts: list[str]) -> None:
    check(name, ["".join(parts)])
