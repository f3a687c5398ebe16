"""Whether threat rules keep what their proofs say: each proof matches, no counter-proof does.

``veilog check`` walks the proofs of packs that are not veilog's own; a test walks veilog's. All rules take part, since
a rule that looks for hidden text matches by what the others say. A rule that is off is proven too: its mode is nothing
of the rule. No message quotes a proof.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from veilog_filters.errors import Defect
from veilog_filters.forms.unmask import unmasked
from veilog_filters.threat_pack import LoadedRule, Proof
from veilog_filters.threat_rules import Reading, ThreatRules, spelled
from veilog_filters.yaml_file import Key, dotted, line_of
from veilog_parsers.event import ThreatPlace


def unproven(loaded: Sequence[LoadedRule], origins: Collection[str] | None = None) -> Iterator[Defect]:
    """What is wrong with the proofs of some rules.

    Args:
        loaded: all rules.
        origins: whose proofs are walked; all if None.
    """
    rules = ThreatRules(rule._replace(mode="enforce") for rule in loaded)
    for number, one in enumerate(loaded):
        if origins is not None and one.origin not in origins:
            continue
        for place, proof in enumerate(one.rule.proofs):
            if not _matches(rules, number, proof):
                yield _defect(one, ("proofs", place), "the rule does not match its proof", "change one of both")
        for place, counter in enumerate(one.rule.counter_proofs):
            if _matches(rules, number, counter):
                yield _defect(one, ("counter_proofs", place), "the rule matches its counter-proof", "narrow the rule")


def _matches(rules: ThreatRules, number: int, proof: str | Proof) -> bool:
    """Whether a rule matches a proof."""
    if isinstance(proof, str):
        proof = Proof(text=proof)
    rule = rules.rules[number].rule
    if proof.repeated < (rule.when.repeated or 0):
        return False
    place = ThreatPlace(proof.where or (rule.applies_to or ["user"])[0])
    texts = [proof.text, *(view.text for view in unmasked(proof.text))] if proof.text else []
    readings = [Reading(place, text, rules.everything(text, place), text is proof.text) for text in texts]

    def facts(name: str) -> list[str]:
        return [spelled(value) for fact, value in proof.event.items() if fact == name]

    return number in rules.match(readings, facts, rules.everything, lambda: None)


def _defect(one: LoadedRule, key: Key, problem: str, fix: str) -> Defect:
    place: Key = ("rules", one.number, *key)
    return Defect(one.file, line_of(one.file, place), dotted(place), problem, fix)
