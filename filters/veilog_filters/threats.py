"""The threats stage: which rules see a threat in an event, and what of it leaves.

What was an attack can no longer be told from a hash of it, so it is told here, where the text still is. What leaves is
an entry of ``threats`` for each rule: its name, its severity, its tags in public frameworks, and where the texts stand
that matched. Never a text, a place in a text, or a number of words.

Theory of operation. There are two steps. ``Threats`` judges an event behind classification: texts and facts, with what
the one scan has told. ``tagged`` makes the list, when all else is known: how often a prompt was repeated, what the
response lets out (``leakage``), the departments that were crossed, and what the source itself flagged
(``upstream_threats``), which becomes a threat each, with the name of who reported it.

* **Which texts are judged.** What is new in a call: the users' turns behind the model's last one, what tools and
  retrieval gave behind it, system prompts, and the response. Earlier turns were judged when they came.
* **Where a text stands** is told by its role and the operation: what went into a tool is ``tool_arguments``, what came
  out of it ``tool_result``; documents are ``retrieved``, where the source tells that there was a retrieval.
* **Modes.** A rule in ``dry_run`` is counted, and named in ``redaction.dry_run_rules``; one that is off is not asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from veilog_filters.collect import Collected
from veilog_filters.config import ThreatMode
from veilog_filters.detect.api import Check
from veilog_filters.leakage import LeakTag, tags_of
from veilog_filters.policy import Side
from veilog_filters.texts import Inspected
from veilog_filters.threat_pack import CROSS_DEPARTMENT, OUTSIDE, Rule
from veilog_filters.threat_rules import Facts, Matches, Reading, Search, ThreatRules, spelled
from veilog_parsers.event import (
    AuditEvent,
    Confidence,
    Constant,
    Kind,
    Message,
    Operation,
    Role,
    SensitiveText,
    Threat,
    ThreatFamily,
    ThreatMaturity,
    ThreatPlace,
    ThreatSeverity,
    ThreatTag,
    UpstreamThreat,
    UpstreamThreatType,
)

MAX_THREATS: Final = 16
"""Most threats of an event: the gravest."""
VEILOG: Final = Constant("veilog")
ATLAS, OWASP = Constant("mitre-atlas"), Constant("owasp-llm")
ATLAS_VERSION: Final = Constant("2026.09")

_GRAVEST_FIRST: Final = {ThreatSeverity.HIGH: 0, ThreatSeverity.MEDIUM: 1, ThreatSeverity.LOW: 2}
_NEWER: Final = {"LLM01": "LLM01", "LLM02": "LLM02", "LLM05": "LLM10", "LLM07": "LLM08"}
"""Entries of OWASP's list of 2025 by what they are in that of 2026."""
UPSTREAM: Final[Mapping[UpstreamThreatType, tuple[str, str]]] = MappingProxyType(
    {
        UpstreamThreatType.JAILBREAK: ("AML.T0054", "LLM01"),
        UpstreamThreatType.PROMPT_INJECTION: ("AML.T0051", "LLM01"),
        UpstreamThreatType.INDIRECT_INJECTION: ("AML.T0051.001", "LLM01"),
        UpstreamThreatType.MALICIOUS_URL: ("", "LLM05"),
        UpstreamThreatType.DATA_LEAK: ("AML.T0057", "LLM02"),
        UpstreamThreatType.MALICIOUS_CODE: ("AML.T0102", "LLM05"),
    }
)
"""What sources report: technique of ATLAS, entry of OWASP's list of 2025."""


class Threats:
    """Judges events.

    Args:
        rules: the rules.
        search: what could match in a text.
        modes: modes by family or rule, for threats that follow from other fields of an event.
        check: may stop the record.
    """

    def __init__(self, rules: ThreatRules, search: Search, modes: Mapping[str, ThreatMode], check: Check) -> None:
        self._rules = rules
        self._search = search
        self._outside = {name: modes.get(name) or modes.get(family) or "enforce" for name, family in OUTSIDE.items()}
        self._check = check
        self._made = [_made_of(loaded.rule) for loaded in rules.rules]
        self._kinds = _kinds_of(rules)

    def __call__(self, event: AuditEvent, readings: Sequence[Reading]) -> Matches:
        """The rules that match an event, and where.

        Args:
            event: the event, with its names as the parser read them.
            readings: what ``scan`` gave.

        Raises:
            RecordError: the record's time is used up.
        """
        if not readings and event.kind not in self._kinds:
            return {}
        return self._rules.match(readings, _facts_of(event), self._search, self._check)

    def scan(self, event: AuditEvent, collected: Collected) -> list[Reading]:
        """One pass over an event's texts: those in which an expression could match."""
        if event.kind is not Kind.AI_ACCESS or not self._rules.needs_text:
            return []
        readings = []
        for part, place in parts_in(event, collected):
            for text in (part.text, *part.forms) if part.forms else (part.text,):
                hits = self._search(text, place)
                if hits:
                    readings.append(Reading(place, text, hits, text is part.text))
        return readings

    def tagged(
        self, event: AuditEvent, matches: Matches, counts: Counter[tuple[str, str, str]]
    ) -> tuple[list[Threat], list[Constant]]:
        """The threats of an event, the gravest first, and the names of the rules that would have made more.

        Args:
            event: the event, complete but for its threats.
            matches: the rules that match.
            counts: is counted into, by rule, severity and mode.
        """
        repeated = event.recent.repeated_prompts if event.recent is not None else 0
        threats: list[Threat] = []
        dry: list[Constant] = []
        for threat, mode in (*self._of_rules(matches, repeated), *self._of_fields(event)):
            if mode != "off":
                counts[threat.rule_id, threat.severity.value, mode] += 1
                dry.append(threat.rule_id) if mode == "dry_run" else threats.append(threat)
        threats.sort(key=lambda threat: (_GRAVEST_FIRST[threat.severity], threat.rule_id))
        return threats[:MAX_THREATS], sorted(dict.fromkeys(dry))[:MAX_THREATS]

    def _of_rules(self, matches: Matches, repeated: int) -> Iterator[tuple[Threat, ThreatMode]]:
        for number, places in matches.items():
            if repeated >= self._rules.least_repeated(number):
                yield self._made[number].at(places), self._rules.rules[number].mode

    def _of_fields(self, event: AuditEvent) -> Iterator[tuple[Threat, ThreatMode]]:
        """The threats that other fields of an event are."""
        if event.leakage is not None:
            for tag in tags_of(event.leakage):
                yield _leak(tag), self._outside[tag.rule_id]
        if event.cross_department is not None:
            yield _crossing(), self._outside[CROSS_DEPARTMENT]
        seen = set()
        for reported in event.upstream_threats or ():
            if (reported.reporter, reported.type) not in seen:
                seen.add((reported.reporter, reported.type))
                threat = _reported(reported, event)
                yield threat, self._outside[threat.rule_id]


def parts_in(event: AuditEvent, collected: Collected) -> Iterator[tuple[Inspected, ThreatPlace]]:
    """The parts of an event's messages at which rules look, each with the place where it stands."""
    places = Places(event)
    sides: tuple[tuple[Side, Sequence[Sequence[Inspected]]], ...] = (
        ("prompt", collected.prompt),
        ("response", collected.response),
    )
    for side, messages in sides:
        for message, parts in enumerate(messages):
            for number, part in enumerate(parts):
                place = places.of(side, message, number)
                if place is not None:
                    yield part, place


class Places:
    """Where the texts of an event stand.

    Args:
        event: the event, with its messages.
    """

    def __init__(self, event: AuditEvent) -> None:
        self._prompt, self._response = event.prompt_messages, event.response_messages
        self._asked = {id(call.arguments) for call in event.tool_calls or () if call.arguments is not None}
        self._newest = 1 + max(
            (number for number, message in enumerate(self._prompt) if message.role is Role.ASSISTANT), default=-1
        )
        is_retrieval = event.operation is Operation.RETRIEVAL
        is_tool = event.operation is Operation.EXECUTE_TOOL or (
            bool(self._asked) and any(id(part) in self._asked for message in self._prompt for part in message.parts)
        )
        has_documents = is_retrieval or event.knowledge_base_id is not None or bool(event.data_sources)
        of_server = is_tool or (event.mcp is not None and event.mcp.method is not None)
        self._by_role = {
            Role.SYSTEM: ThreatPlace.SYSTEM,
            Role.USER: ThreatPlace.TOOL_ARGUMENTS if is_tool else ThreatPlace.USER,
            Role.TOOL: ThreatPlace.RETRIEVED if has_documents else ThreatPlace.TOOL_RESULT,
        }
        self._answer = (
            ThreatPlace.TOOL_RESULT if of_server else ThreatPlace.RETRIEVED if is_retrieval else ThreatPlace.RESPONSE
        )

    def of(self, side: Side, message: int, part: int) -> ThreatPlace | None:
        """The place of a text; None for one of an earlier turn, which was judged when it came."""
        if side == "response":
            return self._of_part(self._response[message], part, self._answer)
        turn = self._prompt[message]
        place = self._by_role.get(turn.role)
        if place is None or (message < self._newest and turn.role is not Role.SYSTEM):
            return None
        return self._of_part(turn, part, place)

    def _of_part(self, message: Message, part: int, place: ThreatPlace) -> ThreatPlace:
        return ThreatPlace.TOOL_ARGUMENTS if id(message.parts[part]) in self._asked else place


def _facts_of(event: AuditEvent) -> Facts:
    """What rules may ask for, read when they do."""
    known: dict[str, Collection[str]] = {}

    def facts(name: str) -> Collection[str]:
        values = known.get(name)
        if values is None:
            values = known[name] = [spelled(_revealed(value)) for value in _values(event, name)]
        return values

    return facts


def _values(event: AuditEvent, name: str) -> Sequence[Any]:
    first, _, part = name.partition(".")
    value = getattr(event, first)
    values = value if isinstance(value, list) else [value]
    if part:
        inner = [getattr(one, part) for one in values if one is not None]
        values = [one for item in inner for one in (item if isinstance(item, list) else [item])]
    return [one for one in values if one is not None]


def _revealed(value: Any) -> Any:
    return value.reveal() if isinstance(value, SensitiveText) else value


def _kinds_of(rules: ThreatRules) -> frozenset[Kind]:
    """The kinds of events for which a rule may match without a text."""
    kinds: set[Kind] = set()
    for loaded in rules.rules:
        when = loaded.rule.when
        if not when.reads_text:
            named = [spelled(value) for value in when.event.get("kind", ())]
            kinds.update(kind for kind in Kind if not named or kind.value in named)
    return frozenset(kinds)


class _Made(NamedTuple):
    """What of a rule leaves."""

    rule_id: Constant
    severity: ThreatSeverity
    maturity: ThreatMaturity
    family: ThreatFamily
    technique: Constant | None
    owasp: Constant | None
    frameworks: list[ThreatTag] | None

    def at(self, places: Collection[ThreatPlace]) -> Threat:
        """The threat, with its places."""
        where = [place for place in ThreatPlace if place in places] or None
        return Threat(**self._asdict(), where=where)


def _made_of(rule: Rule) -> _Made:
    atlas, owasp = rule.tag(ATLAS), rule.tag(OWASP)
    return _Made(
        Constant(rule.id),
        ThreatSeverity(rule.severity),
        ThreatMaturity(rule.maturity),
        ThreatFamily(rule.family),
        Constant(atlas.id) if atlas else None,
        Constant(f"{owasp.id}:{owasp.version}") if owasp else None,
        [
            ThreatTag(framework=Constant(tag.framework), version=Constant(tag.version), id=Constant(tag.id))
            for tag in rule.tags
        ]
        or None,
    )


def _tags(technique: str, entry: str) -> dict[str, Any]:
    """The tags of a threat by its technique in ATLAS and its entry in OWASP's list of 2025."""
    newer = _NEWER.get(entry, "")
    known = ((ATLAS, ATLAS_VERSION, technique), (OWASP, "2025", entry), (OWASP, "2026", newer))
    return {
        "technique": Constant(technique) if technique else None,
        "owasp": Constant(f"{newer}:2026") if newer else None,
        "frameworks": [
            ThreatTag(framework=framework, version=Constant(version), id=Constant(name))
            for framework, version, name in known
            if name
        ],
    }


def _leak(tag: LeakTag) -> Threat:
    return Threat(
        rule_id=tag.rule_id,
        severity=ThreatSeverity(tag.severity),
        maturity=ThreatMaturity(tag.maturity),
        family=ThreatFamily.RESPONSE_LEAKAGE,
        where=[ThreatPlace.RESPONSE],
        **_tags(tag.atlas, tag.owasp.partition(":")[0]),
    )


def _crossing() -> Threat:
    return Threat(
        rule_id=Constant(CROSS_DEPARTMENT),
        severity=ThreatSeverity.LOW,
        maturity=ThreatMaturity.INCUBATING,
        family=ThreatFamily.CROSS_DEPARTMENT,
        **_tags("", "LLM02"),
    )


def _reported(reported: UpstreamThreat, event: AuditEvent) -> Threat:
    """What a source reports: high, unless the source itself says less."""
    confidence = event.guardrail.confidence if event.guardrail is not None else None
    severity = ThreatSeverity.HIGH if confidence in (None, Confidence.HIGH) else ThreatSeverity(confidence.value)
    return Threat(
        rule_id=Constant(f"upstream-{reported.type.value.replace('_', '-')}"),
        severity=severity,
        maturity=ThreatMaturity.STABLE,
        family=ThreatFamily.UPSTREAM,
        reporter=Constant(reported.reporter.value),
        **_tags(*UPSTREAM[reported.type]),
    )
