"""The pack of recognizers of personal data: what it finds, what it leaves, and that nothing is found twice."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import regex
from faker import Faker
from hypothesis import given
from hypothesis import strategies as st

from texts import LOCALES
from veilog_filters.config import Detect, Personal
from veilog_filters.detect import entities
from veilog_filters.detect.api import Finding, detect
from veilog_filters.detect.build import detector_for
from veilog_filters.detect.personal import gazetteer
from veilog_filters.detect.personal.choice import NOTHING, wanted
from veilog_filters.detect.personal.detector import PersonalDetector
from veilog_filters.detect.personal.pack import NAME, PACK
from veilog_filters.detect.presidio.engine import PresidioDetector
from veilog_filters.yaml_file import InvalidError

OPTIONS = sorted({detector.option for detector in PACK})
BY_NAME = pytest.mark.parametrize("detector", PACK, ids=lambda detector: detector.name)


def with_options(**personal: bool | str) -> PresidioDetector:
    return PresidioDetector(Detect.model_validate({"personal": personal}))


@pytest.fixture(scope="module")
def plain() -> PresidioDetector:
    """Presidio without the pack."""
    return PresidioDetector(Detect(personal=NOTHING))


@BY_NAME
def test_detectors_find_their_examples(detector: PersonalDetector, presidio: PresidioDetector) -> None:
    for text, expected in detector.examples:
        found = {(finding.entity, text[finding.start : finding.end]) for finding in presidio(text)}
        assert (detector.entity, expected) in found, text


@BY_NAME
def test_detectors_do_not_find_their_counterexamples(
    detector: PersonalDetector, presidio: PresidioDetector, plain: PresidioDetector
) -> None:
    for text in detector.counterexamples:
        new = set(presidio(text)) - set(plain(text))
        assert detector.entity not in {finding.entity for finding in new}, text


@BY_NAME
def test_every_form_is_found_by_some_example_or_states_one(detector: PersonalDetector) -> None:
    flags = regex.IGNORECASE | regex.MULTILINE | regex.DOTALL
    texts = [text for text, _ in detector.examples]
    forms = {form.name for form in detector.forms if any(regex.search(form.pattern, text, flags) for text in texts)}
    assert forms == {form.name for form in detector.forms}


def test_each_option_turns_its_detectors_off() -> None:
    assert set(OPTIONS) == {name for name in Personal.model_fields if not name.startswith("gazetteer")}
    for option in OPTIONS:
        left = wanted(Personal.model_validate({option: False}))
        assert left == [detector for detector in PACK if detector.option != option]
    assert wanted(NOTHING) == []


def test_the_pack_is_among_what_detects(presidio: PresidioDetector, plain: PresidioDetector) -> None:
    assert NAME in presidio.names
    assert NAME not in plain.names
    assert NAME in detector_for(Detect()).names


def test_every_entity_type_has_a_name_that_configurations_may_use() -> None:
    assert {detector.entity for detector in PACK} <= entities.KNOWN


@BY_NAME
def test_presidio_alone_passes_something_of_each(detector: PersonalDetector, plain: PresidioDetector) -> None:
    passed = [
        text
        for text, expected in detector.examples
        if (detector.entity, expected) not in {(f.entity, text[f.start : f.end]) for f in plain(text)}
    ]
    assert passed


def nested(findings: list[Finding]) -> list[tuple[Finding, Finding]]:
    """Pairs of findings of one type, one in the other."""
    pairs = itertools.permutations(findings, 2)
    return [(a, b) for a, b in pairs if a.entity == b.entity and a.start <= b.start and b.end <= a.end]


@pytest.mark.parametrize(
    "label", ["call me at {}", "phone: {}.", "{} (office)", "fax {}\nmobile {}", "{}", "tel. {}, ok"]
)
def test_a_phone_number_is_found_once(label: str, presidio: PresidioDetector) -> None:
    found = 0
    for locale in LOCALES:
        faker = Faker(locale)
        faker.seed_instance(7)
        for _ in range(20):
            text = label.replace("{}", faker.phone_number(), 1).replace("{}", faker.phone_number())
            phones = [finding for finding in presidio(text) if finding.entity == "PHONE_NUMBER"]
            found += bool(phones)
            assert nested(phones) == [], text
    assert found > 50


def test_ids_and_hashes_hold_nothing_of_it(presidio: PresidioDetector, plain: PresidioDetector) -> None:
    faker = Faker()
    faker.seed_instance(3)
    for _ in range(200):
        text = " ".join(
            (faker.uuid4(), faker.sha256(), faker.md5(), faker.ean13(), str(faker.random_int(10**12, 10**15)))
        )
        assert presidio(text) == plain(text), text


def test_lists_are_found_only_where_they_are_asked_for(presidio: PresidioDetector) -> None:
    text = "Yesterday Margaret Holloway and Zoltan saw Toronto."
    assert not {"PERSON", "LOCATION"} & {finding.entity for finding in presidio(text)}
    found = {text[f.start : f.end] for f in with_options(gazetteer=True)(text) if f.entity in ("PERSON", "LOCATION")}
    assert found == {"Margaret Holloway", "Toronto"}


def test_a_list_of_one_s_own(tmp_path: Path) -> None:
    file = tmp_path / "names.csv"
    file.write_text("kind,name\nperson,Zolt\u00e1n\n\nplace,Castrop-Rauxel\n", encoding="utf-8")
    detector = detector_for(Detect.model_validate({"personal": {"gazetteer_file": str(file)}}))
    text = "Zolt\u00e1n saw Castrop-Rauxel, Zoltxn did not, nor did Margaret."
    found = {(f.entity, text[f.start : f.end]) for f in detect(detector, text)}
    assert found == {("PERSON", "Zolt\u00e1n"), ("LOCATION", "Castrop-Rauxel")}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "header"),
        ("name\nAnna\n", "header"),
        ("kind,name\nanimal,Rex\n", "line 2"),
        ("kind,name\nperson,Anna\nperson,(a|b)*\n", "line 3"),
        ("kind,name\n" + "person,Anna\n" * 20_001, "too many"),
    ],
)
def test_a_list_that_is_none_is_refused_without_its_content(content: str, problem: str, tmp_path: Path) -> None:
    file = tmp_path / "names.csv"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(InvalidError, match=problem) as refused:
        gazetteer.detectors(str(file), built_in=False)
    assert "Rex" not in str(refused.value)
    with pytest.raises(InvalidError, match="cannot be read"):
        gazetteer.detectors(str(tmp_path / "absent.csv"), built_in=False)


@given(
    st.sets(st.from_regex(r"[A-Za-z][A-Za-z.' -]{0,6}", fullmatch=True), min_size=1, max_size=20),
    st.text("ab.' ", max_size=7),
)
def test_the_tree_of_a_list_matches_its_words_alone(words: set[str], other: str) -> None:
    pattern = regex.compile(gazetteer.tree_pattern(words))
    for word in {*words, other}:
        assert (pattern.fullmatch(word) is not None) == (word in words)
