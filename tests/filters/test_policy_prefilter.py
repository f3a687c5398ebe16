"""A policy's prefilter changes no verdict: the same labels with it and without it, on every kind of text and policy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import Run
from shares import share
from texts import generated, sample_texts
from veilog_filters.classify import Classifier, Evidence, Verdict
from veilog_filters.config import Config, load_policy
from veilog_filters.detect.prefilter import hyperscan, store
from veilog_filters.detect.prefilter import policy as policy_prefilter
from veilog_filters.detect.prefilter.policy import PolicyPrefilter
from veilog_filters.policy import ClassificationPolicy

if not hyperscan.available():
    pytest.skip("Hyperscan is not there", allow_module_level=True)

DEFAULT = load_policy(Config())
KEYWORDS = [
    "memo",
    "trade secret",
    "icd-10",
    "tlp:amber+strict",
    "über geheim",
    "MASSE",
    "ſet",
    "K",
    "a_1",
    "—",
    "!! x",
]
PATTERNS = [
    "m.mo",
    r"(?i)\bmasse\b",
    r"(?m)^\s*def\s+\w+:\s*$",
    "[é-ü]{2}",
    r"\p{Lu}{3}",
    "(?<=x )y",
    "x?",
    r"\w{2,9}!",
    r"(?m)a\n^",
    r"k\Z",
    r"(?V1)[\w--x]y",
]
PIECES = [
    *KEYWORDS,
    *(word.upper() for word in KEYWORDS),
    *("Straße", "maſſe", "mas\u0300se", "ﬁ", "İ", "\u212a", "ıcd", "\x1c", "\x1f", "\x85", "\u2003", "\n", "\r\n", "\t", " ", "  "),
    *("def f:", "x y", "ABC", "ÀÉÎ", "éü", "mémo", "a\n", "k", "-", ":", "_", "1", "\ud800", "中", "sET", "trade", "secret"),
]  # fmt: skip


def rule(name: str, **when: Any) -> dict[str, Any]:
    return {"id": name, "level": "restricted", "when": when}


def policy(keywords: list[str], patterns: list[str]) -> ClassificationPolicy:
    """Each keyword and each pattern has a rule, so that a verdict tells all that matched."""
    rules = [rule(f"k{number}", keywords=[keyword]) for number, keyword in enumerate(keywords)]
    rules += [rule(f"p{number}", patterns=[pattern]) for number, pattern in enumerate(patterns)]
    rules += [rule("nothing", entities={"URL": 0}), rule("source", sources=["litellm"])]
    rules += [rule("both", keywords=keywords, patterns=patterns)] if keywords and patterns else []
    return ClassificationPolicy.model_validate({"rules": rules})


def evidence(*texts: str) -> Evidence:
    return Evidence(texts, None, {}, "prompt", "litellm", "", "")


class Prefiltered:
    """A classifier behind the prefilter of its policy."""

    def __init__(self, used: ClassificationPolicy, directory: Path) -> None:
        self._classify = Classifier(used)
        self.prefilter = PolicyPrefilter(self._classify.patterns, self._classify.keywords, str(directory))

    def __call__(self, given: Evidence) -> Verdict:
        return self._classify(given._replace(texts=(), possible=self.prefilter.scan(given.texts)))


def both(used: ClassificationPolicy, directory: Path) -> tuple[Classifier, Prefiltered]:
    return Classifier(used), Prefiltered(used, directory)


@pytest.fixture(autouse=True, scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache directory that is configured; the environment's, which goes before it, is out of the way."""
    with pytest.MonkeyPatch.context() as patched:
        patched.delenv("VEILOG_CACHE_DIR", raising=False)
        yield tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def hostile(directory: Path) -> tuple[Classifier, Prefiltered]:
    return both(policy(KEYWORDS, PATTERNS), directory)


@given(texts=st.lists(st.lists(st.sampled_from(PIECES), max_size=8).map("".join), max_size=3))
@settings(max_examples=600)
def test_keywords_and_patterns_are_found_as_without_it(
    texts: list[str], hostile: tuple[Classifier, Classifier]
) -> None:
    plain, fast = hostile
    assert fast(evidence(*texts)) == plain(evidence(*texts))


@given(
    keywords=st.lists(st.text("ab -:ßK\u212aé\n", min_size=1, max_size=6), max_size=3),
    text=st.text("abAB -:ßkKsS\u212aéÉ\n\x1c", max_size=12),
)
@settings(max_examples=150)
def test_any_keyword_is_found_as_without_it(keywords: list[str], text: str, directory: Path) -> None:
    plain, fast = both(policy(keywords, []), directory)
    assert fast(evidence(text)) == plain(evidence(text))


def test_the_default_policy_says_the_same_of_real_texts(directory: Path) -> None:
    plain, fast = both(DEFAULT, directory)
    texts = share(sample_texts(), 3) + generated(7, 400)
    words = [*(word for used in DEFAULT.rules for word in used.when.keywords), *CODE]
    texts += [f"{text[:40]} {word}\n{text[40:]}" for text, word in zip(texts, words * len(texts), strict=False)]
    verdicts = [plain(evidence(text)) for text in texts]
    assert [fast(evidence(text)) for text in texts] == verdicts
    assert {name for verdict in verdicts for name in verdict.rules} >= {
        used.id for used in DEFAULT.rules if used.when.patterns or (used.when.keywords and used.when.min_keywords == 1)
    }


CODE = (
    "\ndef f(x):\n",
    "\nSELECT a FROM b\n",
    "\n#include <stdio.h>\n",
    "\nimport os\n",
    "\nSensitivity: secret\n",
    "\npub fn main() {\n",
)


@pytest.mark.parametrize(("keywords", "patterns"), [([], []), (["—"], []), ([], ["x?"]), ([], [r"\p{Lu}"])])
def test_a_policy_of_nothing_that_could_be_compiled_works_too(
    keywords: list[str], patterns: list[str], directory: Path
) -> None:
    plain, fast = both(policy(keywords, patterns), directory)
    for text in ("", "a", "A — b", "Éa"):
        assert fast(evidence(text)) == plain(evidence(text))


def test_most_texts_are_done_with_after_one_pass(directory: Path) -> None:
    _, fast = both(DEFAULT, directory)
    assert not fast.prefilter.scan(["What is the capital of France, and how does a heat pump work?"])
    assert len(fast.prefilter.scan(["Her salary\nimport os"])) == 2


def test_what_is_compiled_is_stored_and_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert PolicyPrefilter(["a+"], ["b"], str(tmp_path)).stored
    (file,) = tmp_path.iterdir()
    with monkeypatch.context() as patched:
        patched.setattr(policy_prefilter, "compile_all", None)
        assert PolicyPrefilter(["a+"], ["b"], str(tmp_path)).scan(["b"]) == {1: ["b"]}
    stored = store.load(tmp_path, file.stem)
    assert stored is not None
    refused = hyperscan.Compiled(b"of another processor", b"", frozenset(), frozenset())
    assert store.store(tmp_path, file.stem, store.Stored(refused, stored.manifest))
    assert PolicyPrefilter(["a+"], ["b"], str(tmp_path)).scan(["b"]) == {1: ["b"]}
    assert store.load(tmp_path, file.stem) == stored


def test_warm_compiles_the_policy_s_patterns_too(veilog: Run, tmp_path: Path) -> None:
    config = "detect: {entities: [EMAIL_ADDRESS], secrets: false, cache_dir: cache}\n"
    config += "plugins: {disable: {rules: [threats]}}\n"
    (tmp_path / "p.yaml").write_text(config + "classify: {policy_file: policy.yaml}\n")
    (tmp_path / "policy.yaml").write_text("rules: [{id: a, level: public, when: {keywords: [memo]}}]\n")
    (tmp_path / "off.yaml").write_text("detect: {prefilter: 'off'}\n")
    assert veilog("warm", "--config", "p.yaml", VEILOG_CACHE_DIR="").returncode == 0
    assert len(list((tmp_path / "cache").iterdir())) == 2
    assert b"nothing to compile" in veilog("warm", "--config", "off.yaml", VEILOG_CACHE_DIR="").stderr
    (tmp_path / "file").write_text("")
    assert veilog("warm", "--config", "p.yaml", VEILOG_CACHE_DIR=str(tmp_path / "file" / "below")).returncode == 1
