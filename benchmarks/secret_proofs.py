"""How many proofs of other people's rules for secrets are found, and how much of what is none is taken for one.

    python benchmarks/secret_proofs.py --gitleaks FOLDER --noseyparker FOLDER --kingfisher FOLDER --texts FILE...

The folders are checkouts of those projects: nothing of theirs is part of this one. gitleaks' proofs are made by its Go
sources, so Go must be there; those of the others stand in YAML. A proof of a rule says of a text that the rule must
find something in it (positive) or must not (negative). A negative proof often holds a secret all the same, of another
kind, or one that only misses the rule's length. So three shares are printed of them: in how many anything was found;
in how many something of the rule's own kind (the entity types that are found in its positive proofs); and the latter
without those in which some other rule of that project finds something.

``--texts`` are JSON Lines with a ``text`` in each, ordinary ones; ``--ids`` so many generated ids are read too.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import regex
import yaml

from ordinary import Ordinary
from veilog_filters.config import Detect
from veilog_filters.detect.api import Detector
from veilog_filters.detect.build import detector_for
from veilog_filters.detect.secrets import SECRETS
from veilog_filters.texts import TextLimits, Texts

_ENTITIES: Final = frozenset(detector.entity for detector in SECRETS)
_GENERIC: Final = "GENERIC_SECRET"
_PRINTER: Final = """\
package utils

import (
\t"encoding/json"
\t"os"

\t"github.com/zricethezav/gitleaks/v8/config"
\t"github.com/zricethezav/gitleaks/v8/detect"
)

var all = mustDetector()

func mustDetector() *detect.Detector {
\td, err := detect.NewDetectorDefaultConfig()
\tif err != nil {
\t\tpanic(err)
\t}
\treturn d
}

func print(rule string, positive bool, text string) {
\tjson.NewEncoder(os.Stdout).Encode(map[string]any{
\t\t"rule": rule, "positive": positive, "text": text, "held": len(all.DetectString(text)) > 0,
\t})
}

func Validate(r config.Rule, positives []string, negatives []string) *config.Rule {
\tfor _, text := range positives {
\t\tprint(r.RuleID, true, text)
\t}
\tfor _, text := range negatives {
\t\tprint(r.RuleID, false, text)
\t}
\treturn &r
}

func ValidateWithPaths(r config.Rule, positives map[string]string, negatives map[string]string) *config.Rule {
\tfor _, text := range positives {
\t\tprint(r.RuleID, true, text)
\t}
\tfor _, text := range negatives {
\t\tprint(r.RuleID, false, text)
\t}
\treturn &r
}
"""
"""Stands in for gitleaks' own check of its proofs while its generator is built: it prints them."""


class Proof(NamedTuple):
    """What a rule says of a text.

    Attributes:
        rule: name of the rule.
        is_positive: whether the rule must find something.
        text: the text.
        is_held: whether any rule of the project finds something.
    """

    rule: str
    is_positive: bool
    text: str
    is_held: bool


def of_gitleaks(folder: Path) -> list[Proof]:
    """The proofs that gitleaks' sources make. Nothing in the folder is changed."""
    with tempfile.TemporaryDirectory() as directory:
        printer = Path(directory, "validate.go")
        printer.write_text(_PRINTER)
        overlay = Path(directory, "overlay.json")
        target = folder / "cmd/generate/config/utils/validate.go"
        overlay.write_text(json.dumps({"Replace": {str(target.resolve()): str(printer)}}))
        command = ["go", "run", f"-overlay={overlay}", "main.go", str(Path(directory, "out.toml"))]
        lines = subprocess.run(command, cwd=folder / "cmd/generate/config", stdout=subprocess.PIPE, check=True).stdout
    proofs = [json.loads(line) for line in lines.decode().splitlines() if line.startswith("{")]
    return [Proof(one["rule"], one["positive"], one["text"], one["held"]) for one in proofs if one["text"]]


def of_yaml(folder: Path) -> list[Proof]:
    """The proofs of rules in YAML, as Nosey Parker and Kingfisher keep them."""
    rules = [
        rule
        for path in sorted(folder.rglob("*.yml"))
        if path.parent.name == "rules"
        for rule in yaml.safe_load(path.read_text()).get("rules", [])
        if isinstance(rule, dict) and "pattern" in rule
    ]
    patterns = list(filter(None, map(_compiled, rules)))

    def proofs() -> Iterator[Proof]:
        for rule in rules:
            for key, is_positive in (("examples", True), ("negative_examples", False)):
                for text in rule.get(key) or ():
                    is_held = is_positive or any(pattern.search(text, timeout=5) for pattern in patterns)
                    yield Proof(rule["id"], is_positive, text, is_held)

    return list(proofs())


def _compiled(rule: dict[str, str]) -> regex.Pattern[str] | None:
    try:
        return regex.compile(rule["pattern"])
    except regex.error:
        return None


class Reader:
    """Reads texts as the pipeline does, in all their forms."""

    def __init__(self) -> None:
        self._detector: Detector = detector_for(Detect(cache_entries=0, timeout_secs=60))

    def __call__(self, text: str) -> set[str]:
        """The entity types of secrets that are found in a text."""
        texts = Texts(TextLimits(1_048_576, 64))
        inspected = texts.text(text)
        texts.assemble(self._detector.verify(self._detector.scan(texts.items)))
        return {finding.entity for finding in inspected.findings} & _ENTITIES


def measure(name: str, proofs: Iterable[Proof], read: Reader) -> None:
    """Print the shares of one project's proofs."""
    found = [(proof, read(proof.text)) for proof in proofs]
    kinds: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for proof, entities in found:
        if proof.is_positive:
            kinds[proof.rule].update(entities)
    positives = [bool(entities) for proof, entities in found if proof.is_positive]
    negatives = [(proof, entities) for proof, entities in found if not proof.is_positive]
    of_kind = [(proof, bool(entities & _kind(kinds[proof.rule]))) for proof, entities in negatives]
    rules = defaultdict(list)
    for proof, entities in found:
        if proof.is_positive:
            rules[proof.rule].append(bool(entities))
    by_rule = sum(sum(ones) / len(ones) for ones in rules.values()) / len(rules)
    print(f"{name}: positives {_share(positives)}, mean over {len(rules)} rules {by_rule:.1%}")
    print(f"    negatives, anything found      {_share([bool(entities) for _, entities in negatives])}")
    print(f"    of the rule's own kind         {_share([hit for _, hit in of_kind])}")
    print(f"    and no other rule's            {_share([hit for proof, hit in of_kind if not proof.is_held])}")


def _kind(entities: Counter[str]) -> set[str]:
    """The entity types of a rule: what its positive proofs are, but for what is told by names alone."""
    return set(entities) - {_GENERIC} or {_GENERIC}


def _share(hits: list[bool]) -> str:
    return f"{sum(hits)} of {len(hits)} ({sum(hits) / max(1, len(hits)):.2%})"


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gitleaks", type=Path)
    parser.add_argument("--noseyparker", type=Path)
    parser.add_argument("--kingfisher", type=Path)
    parser.add_argument("--texts", type=Path, nargs="*", default=[])
    parser.add_argument("--ids", type=int, default=0)
    given = parser.parse_args()
    read = Reader()
    if given.gitleaks:
        measure("gitleaks", of_gitleaks(given.gitleaks), read)
    if given.noseyparker:
        measure("Nosey Parker", of_yaml(given.noseyparker), read)
    if given.kingfisher:
        measure("Kingfisher", of_yaml(given.kingfisher), read)
    for path in given.texts:
        texts = [json.loads(line)["text"] for line in path.read_text().splitlines()]
        print(f"{path.name}: found in {_share([bool(read(text)) for text in texts])}")
    if given.ids:
        print(f"ids: found in {_share([bool(read(text)) for text in Ordinary(1).texts(given.ids)])}")


if __name__ == "__main__":
    main()
