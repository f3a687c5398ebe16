"""The built-in rule packs, each a file beside this one."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from veilog_filters.contracts import RulePack, ThreatPack

DEFAULT: Final = RulePack(
    name="default",
    summary="The default classification policy; classify.policy_file replaces it.",
    file=Path(__file__).parent / "classification.yaml",
)

THREATS: Final = ThreatPack(
    name="threats",
    summary="The threat rules, in packs by family; threats.modes sets the mode of each pack and rule.",
    path=Path(__file__).parent / "threats",
)
