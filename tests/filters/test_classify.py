"""Classification: which rules match, and what the default policy says about texts a reader would judge the same."""

from __future__ import annotations

from typing import Any

import pytest

from veilog_filters.classify import Classifier, Evidence, Verdict
from veilog_filters.config import Config, load_policy
from veilog_filters.errors import ConfigError
from veilog_filters.policy import ClassificationPolicy
from veilog_filters.yaml_file import parse
from veilog_parsers.event import Constant, Level


def policy(*rules: dict[str, Any], **fields: Any) -> ClassificationPolicy:
    return ClassificationPolicy.model_validate({"rules": list(rules), **fields})


def rule(rule_id: str, level: str, when: dict[str, Any], *categories: str) -> dict[str, Any]:
    return {"id": rule_id, "level": level, "categories": list(categories), "when": when}


def evidence(*texts: str, **fields: Any) -> Evidence:
    given: dict[str, Any] = {
        "possible": None,
        "entities": {},
        "side": "prompt",
        "source": "litellm",
        "user_department": "",
        "model_department": "",
    }
    return Evidence(texts=texts, **{**given, **fields})


@pytest.fixture(scope="module")
def default() -> Classifier:
    return Classifier(load_policy(Config()))


def test_nothing_matches() -> None:
    classify = Classifier(policy(rule("a", "restricted", {"keywords": ["x"]}), default_level="public"))
    assert classify(evidence("nothing here")) == Verdict(Level.PUBLIC, (), ())


def test_the_highest_level_wins_and_all_matching_rules_are_named() -> None:
    classify = Classifier(
        policy(
            rule("low", "public", {"keywords": ["memo"]}, "b"),
            rule("high", "restricted", {"patterns": ["m.mo"]}, "a", "b"),
            rule("other", "restricted", {"keywords": ["plan"]}, "c"),
        )
    )
    assert classify(evidence("a memo")) == Verdict(
        Level.RESTRICTED, (Constant("a"), Constant("b")), (Constant("low"), Constant("high"))
    )


def test_a_matching_rule_can_lower_the_default() -> None:
    assert Classifier(policy(rule("a", "public", {"keywords": ["press"]})))(evidence("press")).level is Level.PUBLIC


@pytest.mark.parametrize(
    ("when", "given", "holds"),
    [
        ({"entities": {"CREDIT_CARD": 2}}, {"entities": {"CREDIT_CARD": 1}}, False),
        ({"entities": {"CREDIT_CARD": 2}}, {"entities": {"CREDIT_CARD": 2}}, True),
        ({"entities": {"CREDIT_CARD": 2, "US_SSN": 1}}, {"entities": {"US_SSN": 1}}, True),
        ({"sources": ["litellm"]}, {}, True),
        ({"sources": ["aws_cloudtrail"]}, {}, False),
        ({"user_departments": ["hr"]}, {"user_department": "hr"}, True),
        ({"user_departments": ["hr"]}, {}, False),
        ({"model_departments": ["hr"], "sources": ["litellm"]}, {"model_department": "hr"}, True),
        ({"crosses": ["model", "tool"]}, {"crosses": ("tool",)}, True),
        ({"crosses": ["model", "tool"]}, {"crosses": ("knowledge_base",)}, False),
        ({"crosses": ["model"]}, {}, False),
        ({"sources": ["litellm"], "sides": ["response"]}, {}, False),
        ({"sources": ["litellm"], "sides": ["response"]}, {"side": "response"}, True),
    ],
)
def test_conditions(when: dict[str, Any], given: dict[str, Any], holds: bool) -> None:
    assert Classifier(policy(rule("a", "restricted", when)))(evidence("x", **given)).rules == (("a",) if holds else ())


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("Trade Secret", True),
        ("a trade\n  secret.", True),
        ("trade secrets", False),
        ("xtrade secret", False),
        ("trade, secret", False),
        ("(TRADE SECRET)", True),
        ("über-geheim", True),
    ],
)
def test_keywords_are_whole_words_in_any_case(text: str, holds: bool) -> None:
    classify = Classifier(policy(rule("a", "restricted", {"keywords": ["trade secret", "ÜBER-GEHEIM"]})))
    assert bool(classify(evidence(text)).rules) is holds


def test_different_keywords_are_counted_not_repetitions() -> None:
    classify = Classifier(policy(rule("a", "restricted", {"keywords": ["one", "two"], "min_keywords": 2})))
    assert not classify(evidence("one one one")).rules
    assert classify(evidence("one", "two")).rules


def test_a_keyword_inside_a_longer_one_counts_too() -> None:
    classify = Classifier(
        policy(
            rule("a", "public", {"keywords": ["blood pressure"]}), rule("b", "restricted", {"keywords": ["pressure"]})
        )
    )
    assert classify(evidence("blood pressure")).rules == ("a", "b")


def test_a_pattern_that_runs_out_of_time_counts_as_a_match() -> None:
    classify = Classifier(policy(rule("slow", "restricted", {"patterns": ["(a|aa)+(?!.)$b"]})), timeout_secs=0.05)
    assert classify(evidence("a" * 5000 + "\n")).rules == ("slow",)


@pytest.mark.parametrize(
    ("when", "problem"),
    [
        ({}, "rules[0].when: a rule needs a condition"),
        ({"patterns": ["("]}, "rules[0].when.patterns: the pattern does not compile: missing ) at character 2"),
        ({"keyword": ["x"]}, "rules[0].when.keyword: there is no such key. Fix: write keywords"),
    ],
)
def test_a_wrong_policy_is_explained(when: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse(f"rules: [{{id: a, level: public, when: {when}}}]", "p.yaml", ClassificationPolicy)
    assert problem in str(raised.value)


def test_two_rules_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two rules have the id a"):
        policy(rule("a", "public", {"keywords": ["x"]}), rule("a", "public", {"keywords": ["y"]}))


@pytest.mark.parametrize(
    ("text", "entities", "level", "rules"),
    [
        ("What is the capital of France?", {}, "INTERNAL", ()),
        ("See https://example.com on 3 May", {"URL": 1, "DATE_TIME": 1}, "INTERNAL", ()),
        ("Mail her", {"EMAIL_ADDRESS": 1}, "CONFIDENTIAL", ("personal_data",)),
        ("All of them", {"EMAIL_ADDRESS": 12}, "RESTRICTED", ("personal_data", "personal_data_in_bulk")),
        ("Pay", {"CREDIT_CARD": 1}, "RESTRICTED", ("payment_card",)),
        ("key", {"AWS_ACCESS_KEY": 1}, "RESTRICTED", ("credentials",)),
        ("The patient is fine", {}, "INTERNAL", ()),
        ("The patient got a prescription", {}, "CONFIDENTIAL", ("health_vocabulary",)),
        ("Sensitivity: Confidential", {}, "CONFIDENTIAL", ("sensitivity_label",)),
        ("This is attorney-client privileged.", {}, "RESTRICTED", ("legal_privilege",)),
        ("TLP:RED do not share", {}, "RESTRICTED", ("marked_restricted",)),
        ("For internal use", {}, "CONFIDENTIAL", ("marked_confidential",)),
        ("Is this confidential?", {}, "INTERNAL", ()),
        ("def main(argv: list[str]) -> int:\n    return 0", {}, "CONFIDENTIAL", ("source_code",)),
        ("public static void main(String[] args) {", {}, "CONFIDENTIAL", ("source_code",)),
        ("SELECT name FROM users WHERE id = 1", {}, "CONFIDENTIAL", ("source_code",)),
        ("How do I import a car from Japan?", {}, "INTERNAL", ()),
        ("Please select a seat from the plan", {}, "INTERNAL", ()),
        ("Her salary and her performance review", {}, "CONFIDENTIAL", ("personnel",)),
        ("nobody knows", {"TIMED_OUT": 1}, "RESTRICTED", ("detection_timed_out",)),
    ],
)
def test_the_default_policy(
    text: str, entities: dict[str, int], level: str, rules: tuple[str, ...], default: Classifier
) -> None:
    verdict = default(evidence(text, entities=entities))
    assert (verdict.level.name, verdict.rules) == (level, rules)
