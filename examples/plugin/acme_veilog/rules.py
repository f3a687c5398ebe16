"""A rule pack: what Acme's badge numbers and project names mean for the label of a prompt or response."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from veilog_filters.api import RulePack

PACK: Final = RulePack(
    name="acme_rules",
    summary="Labels for Acme's badge numbers and secret projects.",
    file=Path(__file__).parent / "rules.yaml",
)
