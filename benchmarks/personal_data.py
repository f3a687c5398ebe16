"""How much personal data is found, and how much else is taken with it: ``python benchmarks/personal_data.py FILE...``

A file is JSON, a list of texts with spans as presidio-research writes them (``full_text``, ``spans`` with
``entity_type``, ``start_position``, ``end_position``), or JSON Lines of objects with ``text`` and no spans. For texts
with spans it prints

* the *leak*: of all spans, the share of which a letter or digit is not covered by any finding; and by entity type;
* the leak of *structured* data: what has a form of its own (cards, phones, mail, accounts, ids, hosts);
* the *over-redaction*: of all characters outside of spans, without white space, the share that is covered.

For texts without spans it prints, by entity type, the share of characters that findings touch. No text is printed.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from veilog_filters.config import Detect, Personal
from veilog_filters.detect.api import Detector, detect
from veilog_filters.detect.build import detector_for

STRUCTURED: Final = frozenset(
    """
    CREDIT_CARD DOMAIN_NAME EMAIL EMAIL_ADDRESS IBAN IBAN_CODE IP_ADDRESS MAC_ADDRESS PHONE_NUMBER SSN URL
    US_BANK_NUMBER US_DRIVER_LICENSE US_ITIN US_PASSPORT US_SSN
    """.split()  # noqa: SIM905
)
"""Entity types of labelled sets whose values have a form of their own."""


class Labelled(NamedTuple):
    """A text and the spans that somebody has marked in it.

    Attributes:
        text: the text.
        spans: entity type, start and end of each.
    """

    text: str
    spans: list[tuple[str, int, int]]


class Coverage:
    """What findings cover of labelled texts.

    Attributes:
        spans: how many there are, by entity type.
        leaked: how many of them are not covered.
        others: characters outside of spans.
        taken: how many of them are covered.
    """

    def __init__(self) -> None:
        self.spans: Counter[str] = Counter()
        self.leaked: Counter[str] = Counter()
        self.others = 0
        self.taken = 0

    def add(self, labelled: Labelled, findings: list[tuple[int, int]]) -> None:
        """Count a text in.

        Args:
            labelled: the text and its spans.
            findings: start and end of each finding.
        """
        text, spans = labelled
        covered, marked = bytearray(len(text)), bytearray(len(text))
        for start, end in findings:
            covered[start:end] = b"\1" * (end - start)
        for entity, start, end in spans:
            marked[start:end] = b"\1" * (end - start)
            self.spans[entity] += 1
            self.leaked[entity] += any(not covered[at] and text[at].isalnum() for at in range(start, end))
        for at, char in enumerate(text):
            if not marked[at] and not char.isspace():
                self.others += 1
                self.taken += covered[at]

    def leak(self, entities: frozenset[str] | None = None) -> float:
        """The share of spans that are not covered.

        Args:
            entities: of these types; None for all.
        """
        wanted = [entity for entity in self.spans if entities is None or entity in entities]
        return sum(self.leaked[entity] for entity in wanted) / max(1, sum(self.spans[entity] for entity in wanted))

    @property
    def over_redaction(self) -> float:
        """The share of other characters that are covered."""
        return self.taken / max(1, self.others)


def labelled_texts(path: Path) -> Iterator[Labelled]:
    """The texts of a file, with their spans."""
    for row in json.loads(path.read_text(encoding="utf-8")):
        spans = [(span["entity_type"], span["start_position"], span["end_position"]) for span in row["spans"]]
        yield Labelled(row["full_text"], spans)


def coverage_of(detector: Detector, texts: Iterator[Labelled]) -> Coverage:
    """What a detector covers of some texts."""
    coverage = Coverage()
    for labelled in texts:
        findings = detect(detector, labelled.text, "prompt")
        coverage.add(labelled, [(finding.start, finding.end) for finding in findings])
    return coverage


def touched(detector: Detector, path: Path) -> tuple[Counter[str], int, int]:
    """By entity type, how many characters findings touch; and of how many, in how many texts."""
    counts: Counter[str] = Counter()
    chars = texts = 0
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            text = json.loads(line)["text"]
            chars += len(text)
            texts += 1
            for finding in detect(detector, text, "prompt"):
                counts[finding.entity] += finding.end - finding.start
    return counts, chars, texts


def _options(arguments: argparse.Namespace) -> Detect:
    options: dict[str, Any] = {}
    if arguments.without:
        options["personal"] = {name: False for name, field in Personal.model_fields.items() if field.annotation is bool}
    elif arguments.gazetteer:
        options["personal"] = {"gazetteer": True}
    if arguments.ner:
        options["ner"] = {"models": [{"model_name": arguments.ner}], "budget_secs": 600}
    return Detect.model_validate(options)


def main() -> int:
    """Print the figures of some files."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--ner", default="", help="name of a spaCy model")
    parser.add_argument("--gazetteer", action="store_true", help="with the built-in lists")
    parser.add_argument("--without", action="store_true", help="without the pack")
    arguments = parser.parse_args()
    detector = detector_for(_options(arguments))
    write = sys.stdout.write
    for path in arguments.files:
        start = time.process_time()
        if path.suffix == ".jsonl":
            counts, chars, texts = touched(detector, path)
            write(f"{path.name}: {texts} texts, {chars} characters, {time.process_time() - start:.1f} s\n")
            for entity, count in counts.most_common():
                write(f"  {entity:24} {count / chars:8.4%} of characters touched\n")
            continue
        coverage = coverage_of(detector, labelled_texts(path))
        write(f"{path.name}: {sum(coverage.spans.values())} spans, {time.process_time() - start:.1f} s\n")
        write(f"  leak of all {coverage.leak():.3f}, of structured {coverage.leak(STRUCTURED):.3f},")
        write(f" over-redaction {coverage.over_redaction:.3f}\n")
        for entity, spans in coverage.spans.most_common():
            write(f"  {entity:24} {spans:6} spans, leak {coverage.leaked[entity] / spans:.3f}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
