"""What a classification policy says: its file as types."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, PrivateAttr, field_validator, model_validator

from veilog_filters.yaml_file import InvalidError, Strict, check_pattern, shown

Side = Literal["prompt", "response"]
CrossingName = Literal["model", "knowledge_base", "tool"]
LevelName = Literal["public", "internal", "confidential", "restricted"]


class Conditions(Strict):
    """When a rule matches: all conditions that are given must hold, within a list any entry may."""

    entities: dict[str, int] = {}
    """Entity types, each with the least count that matters, for example {CREDIT_CARD: 1}; any of them may hold."""
    keywords: list[str] = []
    """Whole words or phrases, matched in any case and over any white space."""
    min_keywords: int = Field(default=1, ge=1, le=100)
    """How many different keywords must be there, 1 to 100."""
    patterns: list[str] = []
    """Regular expressions in the syntax of Python's regex module."""
    sources: list[str] = []
    """Names of log sources."""
    user_departments: list[str] = []
    """Departments of users, from the lookup."""
    model_departments: list[str] = []
    """Departments of models, from the lookup."""
    crosses: list[CrossingName] = []
    """What belongs to another department than the user's, from the lookup: model, knowledge_base, tool; any of them."""
    sides: list[Side] = []
    """prompt, response, or both; both if not given."""

    @field_validator("patterns")
    @classmethod
    def _compile(cls, patterns: list[str]) -> list[str]:
        for pattern in patterns:
            check_pattern(pattern)
        return patterns

    @model_validator(mode="after")
    def _say_something(self) -> Self:
        if not (self.model_fields_set - {"min_keywords", "sides"}):
            raise InvalidError("a rule needs a condition", "add entities, keywords, patterns, sources or departments")
        return self


class Rule(Strict):
    """One rule of a policy."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")
    """Name of the rule in events, in snake_case."""
    level: LevelName
    """public, internal, confidential or restricted."""
    categories: list[str] = []
    """Kinds of data, for example pii, phi, pci, credentials, source_code."""
    when: Conditions
    """Conditions that must all hold."""


class RuleFile(Strict):
    """A file of rules: what a policy and a rule pack have in common."""

    name: str = Field(default="default", pattern=r"^[A-Za-z0-9_.-]{1,64}$")
    """Name of the policy in events."""
    version: str = Field(default="1", pattern=r"^[A-Za-z0-9_.-]{1,32}$")
    """Version of the policy in events, in quotes."""
    rules: list[Rule]
    """The rules."""

    @field_validator("rules")
    @classmethod
    def _unique_ids(cls, rules: list[Rule]) -> list[Rule]:
        ids = [rule.id for rule in rules]
        twice = sorted({name for name in ids if ids.count(name) > 1})
        if twice:
            raise InvalidError(f"two rules have the id {shown(twice[0])}", "rename one of them")
        return rules

    @property
    def label(self) -> str:
        """Name and version, as events have them."""
        return f"{self.name}/{self.version}"


class ClassificationPolicy(RuleFile):
    """A classification policy file."""

    default_level: LevelName = "internal"
    """Label of what no rule matches."""
    _packs: tuple[RuleFile, ...] = PrivateAttr(default=())

    def with_pack(self, pack: RuleFile) -> Self:
        """This policy and the rules of a pack."""
        policy = self.model_copy(update={"rules": [*self.rules, *pack.rules]})
        policy._packs = (*self._packs, pack)  # noqa: SLF001 - a copy of our own
        return policy

    @property
    def label(self) -> str:
        """Names and versions of the policy and of the packs that were added, as events have them."""
        return " ".join((super().label, *(pack.label for pack in self._packs)))
