"""The playbooks of ``conf/siem/playbooks``, taken apart."""

from __future__ import annotations

from typing import Final

NOT_YET: Final = frozenset({"threats"})
"""Fields that playbooks and the exercise name, and that the schema gets with the threat rules."""
