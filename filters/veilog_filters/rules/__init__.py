"""The built-in rule packs, each a file beside this one."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from veilog_filters.contracts import RulePack

DEFAULT: Final = RulePack(
    name="default",
    summary="The default classification policy; classify.policy_file replaces it.",
    file=Path(__file__).parent / "classification.yaml",
)
