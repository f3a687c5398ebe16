"""Writes the README's table of log sources from the sources themselves. A test keeps it current.

Run it with ``make sources`` after adding or changing a source.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from veilog_parsers.registry import SOURCES

README: Final = Path(__file__).parents[1] / "README.md"
BEGIN: Final = "<!-- sources: made by `make sources` -->\n"
END: Final = "<!-- end of sources -->\n"
_LAST: Final = (
    "| `mapped` | Any other JSON log, mapped by a few lines of configuration. | What the mapping does not name. | |",
    "| `other` | Everything else: cleaned, dropped or put into quarantine, as `policy.unrecognized` says. | | |",
)


def table() -> str:
    """The table, by name."""
    rows = [
        f"| `{source.name}` | {source.summary} | {source.never_carries} | {source.stability} |"
        for source in sorted(SOURCES, key=lambda source: source.name)
    ]
    return "\n".join(
        ("| source | what it is | what it never carries | stability |", "| --- | --- | --- | --- |", *rows, *_LAST, "")
    )


def updated(readme: str) -> str:
    """A README with the current table between its marks."""
    return re.sub(re.escape(BEGIN) + ".*?" + re.escape(END), lambda _: BEGIN + table() + END, readme, flags=re.DOTALL)


if __name__ == "__main__":
    README.write_text(updated(README.read_text(encoding="utf-8")), encoding="utf-8")
