"""The Sigma rules of ``conf/siem/sigma``: complete, over fields that exist, with every parameter in use."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from sigma.collection import SigmaCollection
from sigma.rule import SigmaRule
from sigma.validation import SigmaValidator
from sigma.validators.core import validators

import coverage_page
import detection_languages as languages
import detections
from detections import Detection, Language, Shape
from samples import ROOT

ALL = list(detections.detections().values())
OWN = {
    "repeated_varied_injection",
    "response_leakage",
    "credentials_in_prompts",
    "cross_department",
    "token_spike",
    "cost_spike",
    "denied_then_allowed",
    "off_hours_control_plane",
    "new_model_by_user",
    "new_agent_by_user",
    "guardrail_weakened_then_violated",
    "agent_loop",
    "threat_high_severity",
    "upstream_guardrail_burst",
    "stolen_credential_new_place",
    "key_revoked",
}
RAW = [
    (path, rule)
    for path in sorted(detections.SIGMA.rglob("*.yml"))
    for rule in yaml.safe_load_all(path.read_text(encoding="utf-8"))
]
NOT_OF_SIGMA = {"attacktag", "attacktag_v2", "d3_fendtag", "atttack_tag"}
"""Validators that download lists."""


def test_each_detection_has_a_file_of_its_name() -> None:
    assert {path.stem for path in detections.SIGMA.glob("*.yml")} == OWN
    assert detections.detections().keys() >= OWN
    for path in detections.SIGMA.glob("*.yml"):
        assert path.stem in {found.name for found in ALL if found.family == path.stem}


def test_no_name_and_no_id_is_taken_twice() -> None:
    names, ids = [rule["name"] for _, rule in RAW], [rule["id"] for _, rule in RAW]
    assert len(set(names)) == len(names)
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("found", ALL, ids=lambda found: found.name)
def test_a_detection_says_what_it_must(found: Detection) -> None:
    assert found.level in ("informational", "low", "medium", "high")
    assert found.about.endswith(".")
    assert not found.title.endswith(".")
    assert all(
        re.fullmatch(r"AML\.T\d{4}(\.\d{3})?|T\d{4}(\.\d{3})?|(LLM|ASI)\d\d:2026", tag) for tag in found.frameworks
    )
    assert found.frameworks or found.published
    assert found.false_positives or found.published


@pytest.mark.parametrize("found", ALL, ids=lambda found: found.name)
def test_every_field_is_one_of_events(found: Detection) -> None:
    assert found.fields()
    for field in found.fields():
        languages.kind_of(field)


def test_a_field_that_does_not_exist_is_found() -> None:
    for field in ("no_such_field", "guardrail.no_such_field", "threats.no_such_field"):
        with pytest.raises(KeyError):
            languages.kind_of(field)
    assert languages.kind_of("threats.severity") is languages.Kind.OBJECTS
    assert languages.kind_of("guardrail.policies") is languages.Kind.LIST
    assert languages.kind_of("off_hours") is languages.Kind.TRUTH
    assert languages.kind_of("cost_usd") is languages.Kind.NUMBER


def _leaves(tree: Any, path: str = "") -> set[str]:
    if not isinstance(tree, dict):
        return {path}
    return {leaf for key, value in tree.items() for leaf in _leaves(value, f"{path}.{key}" if path else key)}


def test_every_parameter_is_used_and_every_used_one_exists() -> None:
    texts = "".join(path.read_text(encoding="utf-8") for path in detections.SIGMA.rglob("*.yml"))
    used = set(re.findall(r"%([a-z_.]+)%", texts))
    assert used == _leaves(detections.parameters()) - {"excluded_callers"}


@pytest.mark.parametrize("window", ["1", "h", "1 h", "90s", ""])
def test_a_window_that_is_none_is_refused(window: str) -> None:
    with pytest.raises(ValueError, match="no window"):
        detections.seconds(window)


def test_all_published_detections_that_can_be_expressed_are() -> None:
    rules = {rule.path: rule for rule in coverage_page.rules()}
    claimed = {path for found in ALL for path in found.published}
    assert claimed <= rules.keys()
    assert {path for path, rule in rules.items() if rule.expressible == "yes"} == claimed


@pytest.mark.parametrize("found", [found for found in ALL if found.published], ids=lambda found: found.name)
def test_a_published_detection_looks_at_the_source_that_its_list_names(found: Detection) -> None:
    sources = {rule.source for rule in coverage_page.rules() if rule.path in found.published}
    named = re.findall(r"source: (\S+)|provider: (aws\.bedrock)", yaml.safe_dump(found.rules[0]["detection"]))
    for source, provider in named:
        assert source.strip("'") in sources or (provider and sources <= {"aws_cloudtrail"})


def test_sigmas_own_validators_find_nothing() -> None:
    rules = [rule for found in ALL for rule in found.rules]
    unique = {rule["name"]: rule for rule in rules}
    collection = SigmaCollection.from_dicts(copy.deepcopy(list(unique.values())))
    chosen = {kind for name, kind in validators.items() if name not in NOT_OF_SIGMA and "attack" not in name}
    issues = SigmaValidator(chosen).validate_rules(rule for rule in collection.rules if isinstance(rule, SigmaRule))
    assert [issue for issue in issues if issue.severity.name == "HIGH"] == []


def test_excluded_callers_are_left_out_of_every_query(monkeypatch: pytest.MonkeyPatch) -> None:
    changed = detections.parameters() | {"excluded_callers": ["load-test@example.com"]}
    monkeypatch.setattr(detections, "parameters", lambda: changed)
    file = detections.SIGMA / "response_leakage.yml"
    (found,) = detections._in_file(file)
    assert "load-test@example.com" in detections.sqlite_query(found)
    assert "not excluded" in found.rules[0]["detection"]["condition"]


def test_every_folder_holds_the_queries_and_nothing_else() -> None:
    made = set(detections.generated())
    there = {path for folder in set(detections.FOLDERS.values()) for path in folder.iterdir()}
    assert there == made


def test_what_cannot_be_written_is_known() -> None:
    """Every detection runs in Splunk, Elastic and Sentinel; in SecOps those that ask for what can be asked for."""
    names = set(detections.detections())
    assert set(detections.queries(Language.SPL)) == set(detections.queries(Language.KQL)) == names
    assert set(detections.queries(Language.ESQL)) | set(detections.queries(Language.EQL)) == names
    ordered = {found.name for found in ALL if found.shape is Shape.ORDERED}
    assert set(detections.queries(Language.EQL)) == ordered
    for found in ALL:
        is_written = found.name in detections.queries(Language.YARAL)
        can_be = not languages.udm_lacks(found.fields()) and "history" not in found.options
        assert is_written == can_be, found.name


def test_every_template_is_used() -> None:
    used = {f"{found.shape}.{language}" for found in ALL for language in Language}
    assert {path.name for path in detections.TEMPLATES.iterdir()} <= used
    assert Path(detections.TEMPLATES).is_relative_to(ROOT)
