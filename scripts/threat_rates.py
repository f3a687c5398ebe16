"""How often threat rules match what they should and what they should not: ``python scripts/threat_rates.py PATH...``

Reads ``*.jsonl`` files and folders of them: objects with ``text``, ``label`` (1: an attack) and ``family``, and if they
have them ``lang``, ``source`` and ``place``. Prints one table: for each family how many texts there are, the share in
which a rule of any severity matches, one of medium or high severity, and one of high severity. No text is printed.

``--by lang|source`` makes a row for each language or source of a family. ``--half first|second`` takes the texts whose
digest is in one half of all digests: who writes rules looks at one half, and measures on the other. ``--place`` says
where texts stand that do not say it themselves (``user``); the texts of family ``system`` stand in system prompts.
``--rules`` prints, for each rule, in how many attacks and in how many others it matches.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from veilog_filters.config import Config
from veilog_filters.threat_pack import load_rules
from veilog_filters.threat_rules import Reading, Search, ThreatRules
from veilog_filters.wiring import rules_prefilter_for, search_for
from veilog_parsers.event import ThreatPlace

SEVERITIES: Final = ("low", "medium", "high")
HALVES: Final = ("first", "second")
_SYSTEM: Final = "system"
_MIDDLE: Final = 0x80


class Labelled(NamedTuple):
    """A text, and what is known about it.

    Attributes:
        text: the text.
        is_attack: whether a rule should match.
        family: what kind of text it is.
        lang: its language; empty if unknown.
        source: where it is from.
        place: where it stands.
    """

    text: str
    is_attack: bool
    family: str
    lang: str
    source: str
    place: ThreatPlace


class Row(NamedTuple):
    """What was counted of one kind of text.

    Attributes:
        texts: how many there are.
        found: by severity, in how many a rule of at least that severity matches.
    """

    texts: int
    found: dict[str, int]

    def share(self, severity: str) -> float:
        """The percentage in which a rule of at least a severity matches."""
        return 100 * self.found[severity] / self.texts


class Judge:
    """The rules of a configuration, for texts by themselves.

    Args:
        config: the configuration.
    """

    def __init__(self, config: Config) -> None:
        self.rules = ThreatRules(load_rules(config))
        self._search: Search = search_for(self.rules, rules_prefilter_for(config, self.rules))

    def __call__(self, text: str, place: ThreatPlace) -> list[str]:
        """The ids of the rules that match a text that stands in a place."""
        reading = Reading(place, text, self._search(text, place))
        found = self.rules.match([reading], _no_facts, self._search, _no_limit)
        return [self.rules.rules[number].rule.id for number, places in found.items() if places]


def _no_facts(name: str) -> Collection[str]:  # noqa: ARG001 - what a fact is asked by
    return ()


def _no_limit() -> None:
    return None


def half_of(text: str) -> str:
    """Which half a text is in: the same one wherever it is read."""
    return HALVES[hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[0] >= _MIDDLE]


def texts_in(paths: Iterable[Path], place: ThreatPlace) -> Iterator[Labelled]:
    """The labelled texts of files and folders; lines that have no text and no label are left out."""
    for path in paths:
        for file in sorted(path.rglob("*.jsonl")) if path.is_dir() else [path]:
            with file.open(encoding="utf-8") as lines:
                for line in lines:
                    labelled = _labelled(json.loads(line), file.stem, place)
                    if labelled is not None:
                        yield labelled


def _labelled(row: Any, stem: str, place: ThreatPlace) -> Labelled | None:
    if not isinstance(row, dict) or not isinstance(row.get("text"), str) or "label" not in row:
        return None
    family = str(row.get("family", stem))
    usual = ThreatPlace(_SYSTEM) if family == _SYSTEM else place
    stands = ThreatPlace(row["place"]) if "place" in row else usual
    return Labelled(
        row["text"], bool(row["label"]), family, str(row.get("lang", "")), str(row.get("source", stem)), stands
    )


def count(judge: Judge, texts: Iterable[Labelled], by: str) -> tuple[dict[tuple[bool, str], Row], Counter[Any]]:
    """What matches: by kind of text, attacks first; and by rule and whether it was an attack.

    Args:
        judge: the rules.
        texts: the texts.
        by: what makes a row: family, lang or source.
    """
    severities = {one.rule.id: SEVERITIES.index(one.rule.severity) for one in judge.rules.rules}
    totals = Counter[tuple[bool, str]]()
    found = Counter[tuple[bool, str, str]]()
    matched = Counter[tuple[str, bool]]()
    for labelled in texts:
        kind = labelled.family if by == "family" else f"{labelled.family} {getattr(labelled, by)}"
        totals[labelled.is_attack, kind] += 1
        rules = judge(labelled.text, labelled.place)
        matched.update((rule, labelled.is_attack) for rule in rules)
        most = max((severities[rule] for rule in rules), default=-1)
        for severity in SEVERITIES[: most + 1]:
            found[labelled.is_attack, kind, severity] += 1
    rows = {
        key: Row(number, {severity: found[(*key, severity)] for severity in SEVERITIES})
        for key, number in sorted(totals.items(), key=lambda item: (not item[0][0], item[0][1]))
    }
    return rows, matched


def table(rows: dict[tuple[bool, str], Row]) -> Iterator[str]:
    """The lines of the table, in Markdown."""
    yield "| texts | family | number | any severity, % | medium or high, % | high, % |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for (is_attack, kind), row in rows.items():
        shares = " | ".join(f"{row.share(severity):.2f}" for severity in SEVERITIES)
        yield f"| {'attack' if is_attack else 'other'} | {kind} | {row.texts} | {shares} |"


def main(arguments: Sequence[str]) -> int:
    """Count, print, and return the exit code: 1 if there is no text."""
    parser = argparse.ArgumentParser(description="Rates of threat rules on labelled texts.")
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--by", choices=("family", "lang", "source"), default="family")
    parser.add_argument("--half", choices=HALVES)
    parser.add_argument("--place", choices=[place.value for place in ThreatPlace], default="user")
    parser.add_argument("--rules", action="store_true")
    options = parser.parse_args(arguments)
    judge = Judge(Config())
    texts = texts_in(options.paths, ThreatPlace(options.place))
    chosen = (labelled for labelled in texts if options.half in (None, half_of(labelled.text)))
    rows, matched = count(judge, chosen, options.by)
    print("\n".join(table(rows)))
    if options.rules:
        for rule in sorted({rule for rule, _ in matched}):
            print(f"{rule}: {matched[rule, True]} attacks, {matched[rule, False]} others")
    return int(not rows)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
