"""Packs of threat rules: their files as types, and how they come in.

A rule says by which words, expressions and facts an event is a threat, where in the event to look, and what the threat
is called in public frameworks. Its proofs (texts that must match, and texts that must not, with the reason) stand
beside it. Three kinds of packs come in through one door: those of veilog, those of plugins, those that the
configuration names; the configuration sets the mode of each pack and each rule:

``enforce``
    what matches is in ``threats``.
``dry_run``
    what matches is counted, and named in ``redaction.dry_run_rules``: to see what a new rule would say.
``off``
    the rule is not looked at.

All is checked when packs are loaded, each defect with file, line and key: an expression that is not linear on any text,
an unknown key, two rules of one id, a mode for a rule that is not there. What the rules do is in ``threats``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal, NamedTuple, Self

from pydantic import Field, ValidationInfo, model_validator

from veilog_filters import plugins
from veilog_filters.config import Config, ThreatMode
from veilog_filters.contracts import ThreatPack
from veilog_filters.errors import ConfigError, Defect
from veilog_filters.forms.hidden import Form
from veilog_filters.threat_expressions import read_expression, read_words
from veilog_filters.yaml_file import InvalidError, Key, Strict, closest, dotted, line_of, load, shown
from veilog_parsers.event import LeakKind, ThreatFamily, UpstreamThreatType

SUFFIXES: Final = (".yaml", ".yml")
CUSTOM: Final = "configuration"
"""What packs that the configuration names are listed as being from."""

BUILT_IN: Final = "veilog"
"""What veilog's own packs are listed as being from."""
OURS: Final = "is_ours"

CROSS_DEPARTMENT: Final = "cross-department"
OUTSIDE: Final[Mapping[str, ThreatFamily]] = MappingProxyType(
    {
        **{f"upstream-{kind.value.replace('_', '-')}": ThreatFamily.UPSTREAM for kind in UpstreamThreatType},
        **{f"response-leakage-{kind.value.replace('_', '-')}": ThreatFamily.RESPONSE_LEAKAGE for kind in LeakKind},
        CROSS_DEPARTMENT: ThreatFamily.CROSS_DEPARTMENT,
    }
)
"""Threats that no pack has a rule for, with their families: they follow from other fields of the event."""

Fact = str | bool | int
FactName = Literal[
    "kind",
    "source",
    "operation",
    "api_operation",
    "outcome_status",
    "user_type",
    "provider",
    "refusal",
    "http_status",
    "error_code",
    "finish_reasons",
    "guardrail.action",
    "change.setting",
    "change.target_type",
    "change.enabled",
    "change.roles",
    "mcp.method",
    "mcp.tool",
    "tool_calls.name",
]
"""Facts of an event that a rule may ask for."""
PlaceName = Literal["user", "system", "tool_result", "retrieved", "tool_arguments", "response"]
SeverityName = Literal["low", "medium", "high"]
MaturityName = Literal["stable", "incubating"]
FamilyName = Literal[
    "instruction_override",
    "jailbreak",
    "access_code",
    "system_prompt_extraction",
    "indirect_injection",
    "obfuscation",
    "exfiltration",
    "tool_abuse",
    "code_abuse",
    "model_extraction",
    "cost_harvesting",
    "refusal",
    "control_plane_abuse",
    "response_leakage",
    "cross_department",
    "custom",
]


class Tag(Strict):
    """What a rule's threat is in a public framework."""

    framework: str = Field(pattern=r"^[a-z][a-z0-9-]{1,31}$")
    """mitre-atlas, mitre-attack, owasp-llm, owasp-agentic, or another, in small letters and dashes."""
    version: str = Field(pattern=r"^[0-9A-Za-z.]{1,16}$")
    """Version of the framework, in quotes: ids change their meaning between versions."""
    id: str = Field(pattern=r"^[A-Za-z0-9._-]{1,32}$")
    """Id of the technique or entry, for example AML.T0051.000 or LLM01."""


class Group(Strict):
    """Expressions and words of which one must be in the text."""

    any: list[str] = []
    """Regular expressions, in any case; gaps of at most 80 characters."""
    words: list[str] = []
    """Whole words or phrases, in any case and over any white space."""

    @model_validator(mode="after")
    def _say_something(self, info: ValidationInfo) -> Self:
        if not self.any and not self.words:
            raise InvalidError("the group says nothing", "add any or words")
        _check_expressions(self.any, "any", info)
        _check_words(self.words, "words", info)
        return self


class Weighted(Group):
    """A group that adds to a score if one of its expressions or words is in the text."""

    weight: int = Field(ge=1, le=100)
    """How much it adds, 1 to 100."""


class Score(Strict):
    """Several weak signs of which enough must be in one text."""

    threshold: int = Field(ge=1, le=10_000)
    """The least sum of weights with which the rule matches."""
    of: list[Weighted] = Field(min_length=1)
    """The signs."""

    @model_validator(mode="after")
    def _can_be_reached(self) -> Self:
        if sum(sign.weight for sign in self.of) < self.threshold:
            raise InvalidError("all weights together are below the threshold", "lower it", "threshold")
        return self


class Conditions(Strict):
    """When a rule matches: all that is given must hold, what is said of text in one and the same text."""

    all: list[Group] = []
    """Groups, of which each must match."""
    words: list[str] = []
    """Whole words or phrases, of which one must be there, in any case and over any white space."""
    score: Score | None = None
    """Weighted signs with a threshold."""
    not_: list[str] = Field(default=[], alias="not")
    """Expressions of which none may match the text."""
    forms: list[Form] = []
    """Ways of hiding text: another rule, of medium or high severity, must match what was hidden so."""
    event: dict[FactName, list[Fact]] = {}
    """Facts of the event, each with the values of which it must have one; in any case, * at an end for any text."""
    repeated: int | None = Field(default=None, ge=1, le=1_000_000)
    """How many calls of the same caller in this window had much the same prompt, at least; needs usage.on_events."""

    @model_validator(mode="after")
    def _say_something(self, info: ValidationInfo) -> Self:
        _check_expressions(self.not_, "not", info)
        _check_words(self.words, "words", info)
        for name, values in self.event.items():
            if not values:
                raise InvalidError("the fact has no value", "write the values of which it must have one", "event", name)
        if not self.reads_text and not self.event and self.repeated is None:
            raise InvalidError("a rule needs a condition", "add all, words, score, forms, event or repeated")
        if self.not_ and not self.seeks:
            raise InvalidError("not stands alone", "add what the rule looks for: all, words or score", "not")
        if self.forms and self.seeks:
            problem = "a rule that looks for hidden text has no expressions of its own: those of the other rules count"
            raise InvalidError(problem, "make two rules", "forms")
        return self

    @property
    def seeks(self) -> bool:
        """Whether expressions or words of its own are sought."""
        return bool(self.all or self.words or self.score)

    @property
    def reads_text(self) -> bool:
        """Whether a text has to match."""
        return bool(self.seeks or self.forms)


class Proof(Strict):
    """Something that a rule must match."""

    text: str = ""
    """The text."""
    where: PlaceName | None = None
    """Where it stands; the first of applies_to if not given."""
    event: dict[FactName, Fact] = {}
    """Facts of the event."""
    repeated: int = 0
    """Calls of the same caller with much the same prompt."""


class CounterProof(Proof):
    """Something that looks like it, and that a rule must not match."""

    reason: str = Field(min_length=3)
    """Why it is no such threat."""


class Rule(Strict):
    """One rule."""

    id: str = Field(pattern=r"^[a-z][a-z0-9-]{2,63}$")
    """Name of the rule in events, in small letters, digits and dashes; no other rule of any pack has it."""
    description: str = Field(min_length=10, max_length=300)
    """One sentence: what it means that the rule matches."""
    family: FamilyName
    """What kind of threat it is; custom if none of the families fits."""
    severity: SeverityName
    """low, medium or high; high is an alert by itself."""
    maturity: MaturityName
    """stable, or incubating as long as nobody has seen it on real traffic."""
    mode: ThreatMode = "enforce"
    """enforce, dry_run or off; threats.modes of the configuration goes before it."""
    tags: list[Tag] = []
    """What the threat is in public frameworks."""
    applies_to: list[PlaceName] = []
    """Where a text must stand: user, system, tool_result, retrieved, tool_arguments, response."""
    when: Conditions
    """Conditions that must all hold."""
    proofs: list[str | Proof] = Field(min_length=1)
    """What the rule must match."""
    counter_proofs: list[CounterProof] = Field(min_length=1)
    """What it must not match, each with a reason."""

    @model_validator(mode="after")
    def _places(self) -> Self:
        if self.when.reads_text and not self.applies_to:
            raise InvalidError("the rule does not say where the text stands", "add applies_to", "applies_to")
        if self.applies_to and not self.when.reads_text:
            raise InvalidError("the rule reads no text", "remove applies_to", "applies_to")
        if "user" in self.applies_to and "system" in self.applies_to:
            problem = "a rule for what users write does not run on system prompts, which say such things in good faith"
            raise InvalidError(problem, "make two rules", "applies_to")
        for number, proof in enumerate([*self.proofs, *self.counter_proofs]):
            where = None if isinstance(proof, str) else proof.where
            if where is not None and where not in self.applies_to and number < len(self.proofs):
                raise InvalidError("the rule does not look there", "name a place of applies_to", "proofs", number)
        return self

    def tag(self, framework: str) -> Tag | None:
        """The rule's tag of a framework: of its newest version, and there the first."""
        tags = [tag for tag in self.tags if tag.framework == framework]
        newest = max((tag.version for tag in tags), default="")
        return next((tag for tag in tags if tag.version == newest), None)


class Pack(Strict):
    """A file of threat rules."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")
    """Name of the pack, in snake_case."""
    version: str = Field(pattern=r"^[A-Za-z0-9_.-]{1,32}$")
    """Version of the pack, in quotes."""
    rules: list[Rule] = Field(min_length=1)
    """The rules."""


class LoadedRule(NamedTuple):
    """A rule that came in.

    Attributes:
        rule: the rule.
        mode: its mode here.
        pack: name of its pack.
        origin: where that is from: a distribution, or the configuration.
        file: the pack's file.
        number: which of the pack's rules it is.
    """

    rule: Rule
    mode: ThreatMode
    pack: str
    origin: str
    file: str
    number: int


def read_pack(file: str | Path, *, is_ours: bool = False) -> Pack:
    """A file of rules.

    Args:
        file: the file.
        is_ours: whether it is one of veilog's own. Their expressions are checked by a test, not at each start, which
            would take seconds.

    Raises:
        ConfigError: something is wrong with it, with file, line and key.
    """
    return load(file, Pack, {OURS: is_ours})


def files_of(path: Path) -> list[Path]:
    """The files of a pack: itself, or all YAML files of a folder, by name."""
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.iterdir() if file.suffix in SUFFIXES)


def load_rules(config: Config, config_path: str | None = None) -> list[LoadedRule]:
    """All rules of all packs, with the modes that a configuration gives them.

    Args:
        config: the configuration.
        config_path: its file, for what is wrong with its modes.

    Raises:
        ConfigError: something is wrong with a pack, or a mode is for what is not there.
    """
    loaded: list[LoadedRule] = []
    defects: list[Defect] = []
    packs: dict[str, str] = {}
    seen: dict[str, str] = {}
    for origin, file in _files(config):
        try:
            pack = read_pack(file, is_ours=origin == BUILT_IN)
        except ConfigError as error:
            defects += error.defects
            continue
        defects += _same_names(pack, str(file), packs, seen)
        for number, rule in enumerate(pack.rules):
            mode = _mode(config.threats.modes, pack.name, rule)
            loaded.append(LoadedRule(rule, mode, pack.name, origin, str(file), number))
    if not defects:
        defects = list(_unknown_modes(config, config_path, {*packs, *seen, *OUTSIDE, *OUTSIDE.values()}))
    if defects:
        raise ConfigError(*defects)
    return loaded


def _files(config: Config) -> Iterator[tuple[str, Path]]:
    for offer, offered in plugins.select("rules", config.plugins.disable.rules):
        if isinstance(offered, ThreatPack):
            for file in files_of(offered.path):
                yield BUILT_IN if offer.is_built_in else offer.origin, file
    for name in config.threats.pack_files:
        yield CUSTOM, Path(name)


def _mode(modes: Mapping[str, ThreatMode], pack: str, rule: Rule) -> ThreatMode:
    return modes.get(rule.id) or modes.get(pack) or rule.mode


def _same_names(pack: Pack, file: str, packs: dict[str, str], seen: dict[str, str]) -> Iterator[Defect]:
    """What is wrong with a pack since another one was there before it; adds it to both tables."""
    if pack.name in packs:
        problem = f"the pack in {packs[pack.name]} has the name {shown(pack.name)} too"
        yield Defect(file, line_of(file, ("name",)), "name", problem, "rename one of them")
    packs[pack.name] = file
    for number, rule in enumerate(pack.rules):
        key: Key = ("rules", number, "id")
        if rule.id in seen:
            problem = f"a rule in {seen[rule.id]} has the id {shown(rule.id)} too"
            yield Defect(file, line_of(file, key), dotted(key), problem, "rename one of them")
        seen[rule.id] = file


def _unknown_modes(config: Config, path: str | None, known: set[str]) -> Iterator[Defect]:
    for name in config.threats.modes:
        if name not in known:
            key: Key = ("threats", "modes", name)
            problem = "there is no such pack and no such rule"
            yield Defect(path or "configuration", line_of(path, key), dotted(key), problem, closest(name, known))


def _check_expressions(expressions: Sequence[str], key: str, info: ValidationInfo) -> None:
    if _is_ours(info):
        return
    for number, expression in enumerate(expressions):
        try:
            read_expression(expression)
        except InvalidError as error:
            raise InvalidError(str(error), error.fix, key, number) from None


def _is_ours(info: ValidationInfo) -> bool:
    return bool(info.context and info.context.get(OURS))


def _check_words(words: Sequence[str], key: str, info: ValidationInfo) -> None:
    if _is_ours(info):
        return
    for number, word in enumerate(words):
        try:
            read_words([word])
        except InvalidError as error:
            raise InvalidError(str(error), error.fix, key, number) from None
