"""The playbooks of ``conf/siem/playbooks``, taken apart, and the events of the exercise on which their queries run."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from samples import KEY_FILE, ROOT

FOLDER: Final = ROOT / "conf" / "siem" / "playbooks"
COMMANDS: Final = FOLDER / "disable.md"
HEADINGS: Final = ("What fired", "Validate", "Contain", "Investigate", "Remediate", "False positives")
EXERCISE: Final = ROOT / "examples" / "tabletop"
NOT_YET: Final = frozenset({"threats"})
"""Fields that playbooks and the exercise name, and that the schema gets with the threat rules."""

_FIRST: Final = re.compile(r"# (.+)\n\nDetection `(\w+)`, severity (low|medium|high); (.+)\.\n")
_BLOCK: Final = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclasses.dataclass(frozen=True, slots=True)
class Playbook:
    """A page about what to do when a detection fires.

    Attributes:
        name: of the detection that its first lines name.
        title: its title.
        severity: of the detection.
        tags: of the frameworks.
        sections: texts by heading, in their order.
    """

    name: str
    title: str
    severity: str
    tags: list[str]
    sections: dict[str, str]

    def fields(self) -> list[str]:
        """The fields of events that say why it fired."""
        return re.findall(r"^\| `([\w.]+)` \|", self.sections["What fired"], re.MULTILINE)

    def queries(self, language: str) -> list[str]:
        """The queries of the investigation."""
        return [text for found, text in _BLOCK.findall(self.sections["Investigate"]) if found == language]


def read(file: Path) -> Playbook:
    """A playbook's page, taken apart."""
    text = file.read_text(encoding="utf-8")
    first = _FIRST.match(text)
    assert first, f"{file.name}: its first lines do not name title, detection, severity and tags"
    parts = re.split(r"^## (.+)\n", text[first.end() :], flags=re.MULTILINE)
    sections = dict(zip(parts[1::2], (part.strip() for part in parts[2::2]), strict=True))
    return Playbook(first[2], first[1], first[3], first[4].split(", "), sections)


def all_of_them() -> dict[str, Playbook]:
    """All playbooks, by the names of their files."""
    return {file.stem: read(file) for file in sorted(FOLDER.glob("*.md")) if file != COMMANDS}


def anchors(text: str) -> set[str]:
    """What links to headings of a page may name."""
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}


def exercise(folder: Path) -> list[dict[str, Any]]:
    """The events of the exercise, made in a folder."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    environment["VEILOG_HASH_KEY"] = KEY_FILE.read_text().strip()
    for name in ("veilog.yaml", "departments.csv"):
        (folder / name).write_bytes((EXERCISE / name).read_bytes())
    subprocess.run([sys.executable, EXERCISE / "stolen_key.py", "raw"], cwd=folder, env=environment, check=True)
    veilog = [sys.executable, "-m", "veilog_filters", "filter", "--config", "veilog.yaml", "raw"]
    done = subprocess.run(veilog, cwd=folder, env=environment, capture_output=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]
