"""What veilog depends on: every dependency has an upper bound, and the lock keeps to the bounds."""

from __future__ import annotations

import re
import tomllib

import pytest
from packaging.requirements import Requirement

from samples import ROOT

_PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
_PROJECT = _PYPROJECT["project"]
BUILD = [Requirement(line) for line in _PYPROJECT["build-system"]["requires"]]
DEVELOPMENT = [Requirement(line) for lines in _PYPROJECT["dependency-groups"].values() for line in lines]
RUNTIME = [Requirement(line) for line in _PROJECT["dependencies"]]
OPTIONAL = [Requirement(line) for lines in _PROJECT["optional-dependencies"].values() for line in lines]
PINNED = dict(re.findall(r"^([a-z0-9.-]+)==(\S+)", (ROOT / "requirements.lock").read_text(encoding="utf-8"), re.M))


def has_upper_bound(requirement: Requirement) -> bool:
    return any(each.operator in ("<", "<=", "==", "~=") for each in requirement.specifier)


@pytest.mark.parametrize("requirement", [*RUNTIME, *OPTIONAL, *BUILD, *DEVELOPMENT], ids=str)
def test_a_dependency_has_an_upper_bound(requirement: Requirement) -> None:
    assert has_upper_bound(requirement)


def test_what_has_none_is_told_apart() -> None:
    assert not has_upper_bound(Requirement("spacy>=3.8"))
    assert not has_upper_bound(Requirement("spacy!=3.8"))
    assert has_upper_bound(Requirement("spacy>=3.8,<3.9"))


@pytest.mark.parametrize("requirement", [*RUNTIME, *BUILD, *DEVELOPMENT], ids=str)
def test_the_lock_keeps_to_the_bounds(requirement: Requirement) -> None:
    assert requirement.specifier.contains(PINNED[requirement.name])
