"""Writes docs/reference/coverage.md: which published detections can be expressed on veilog's events.

It is made of ``tests/data/detections/rules.yaml``, which a test holds against the schema and the samples. Run it with
``make generate``.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Final
from urllib.parse import quote

import yaml

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "docs" / "reference" / "coverage.md"
RULES: Final = ROOT / "tests" / "data" / "detections" / "rules.yaml"
ANSWERS: Final = {"yes": "yes", "text": "with text", "no": "no"}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A published detection, as the list has it.

    Attributes:
        origin: who published it.
        repository: on GitHub.
        path: of its file there.
        rule: its name.
        expressible: ``yes``, ``text`` or ``no``.
        fields: of ``veilog/1``, that it looks at.
        source: the parser that reads its records; "" if there is none.
        note: what differs from the original.
        lacks: what is missing, if it cannot be expressed.
    """

    origin: str
    repository: str
    rule: str
    path: str
    expressible: str
    fields: tuple[str, ...]
    source: str = ""
    note: str = ""
    lacks: str = ""

    @property
    def link(self) -> str:
        """Where it can be read."""
        return f"https://github.com/{self.repository}/blob/HEAD/{quote(self.path)}"


def rules() -> list[Rule]:
    """All rules of the list."""
    return [
        Rule(
            origin=group["origin"],
            repository=group["repository"],
            **rule | {"fields": tuple(rule["fields"])},
        )
        for group in yaml.safe_load(RULES.read_text(encoding="utf-8"))
        for rule in group["rules"]
    ]


_HEAD: Final = """\
# Coverage of published detections

<!-- made by `make generate` from tests/data/detections/rules.yaml: change that, not this page -->

These are the detections about AI services that Elastic, Splunk, Microsoft Sentinel, Panther and SigmaHQ publish, as of
August 2026 (Splunk and Sentinel: July 2026), and whether what they look at is in veilog's events.

| it can be expressed | that is |
| --- | --- |
| yes | on what leaves under the default policy |
| with text | where the policy keeps cleaned text (`policy.content: redacted`), and not by default |
| no | not at all: no source of veilog tells what it looks at |

Rules that need text look for words or paths in prompts, answers or arguments of tools. Those that look for credentials
or personal data in texts need none: what was found is in every event.

A test holds every field against the schema, and against the samples of the source that is named.

"""


def _summary(found: list[Rule]) -> str:
    lines = ["| origin | rules | yes | with text | no |", "| --- | --- | --- | --- | --- |"]
    for origin in [*dict.fromkeys(rule.origin for rule in found), ""]:
        of_origin = [rule for rule in found if origin in ("", rule.origin)]
        counts = [sum(rule.expressible == answer for rule in of_origin) for answer in ANSWERS]
        lines.append(f"| {origin or '**all**'} | {len(of_origin)} | {' | '.join(map(str, counts))} |")
    return "\n".join(lines) + "\n"


def _lacking(found: list[Rule]) -> str:
    missing: dict[str, list[str]] = {}
    for rule in found:
        if rule.lacks:
            missing.setdefault(rule.lacks, []).append(rule.rule)
    return "".join(f"* **{lack}**: {', '.join(names)}\n" for lack, names in missing.items())


def _table(found: list[Rule]) -> str:
    lines = ["| rule | can be expressed | source | fields | note |", "| --- | --- | --- | --- | --- |"]
    for rule in found:
        fields = ", ".join(f"`{field}`" for field in rule.fields)
        source = f"`{rule.source}`" if rule.source else ""
        name, note = f"[{rule.rule}]({rule.link})", rule.note or rule.lacks
        lines.append(f"| {name} | {ANSWERS[rule.expressible]} | {source} | {fields} | {note} |")
    return "\n".join(lines) + "\n"


def page() -> str:
    """The page."""
    found = rules()
    parts = [_HEAD, _summary(found), "\n## What the rest lacks\n\n", _lacking(found)]
    for origin in dict.fromkeys(rule.origin for rule in found):
        parts += [f"\n## {origin}\n\n", _table([rule for rule in found if rule.origin == origin])]
    return "".join(parts)
