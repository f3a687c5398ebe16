"""Writes the tables of log sources, short in the README and whole in the reference, from the sources themselves.

What a source gives is what the events of its good samples have, so it is as true as the goldens are. Run it with
``make generate`` after adding or changing a source.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from veilog_parsers.registry import SOURCES

ROOT: Final = Path(__file__).parents[1]
README: Final = ROOT / "README.md"
PAGE: Final = ROOT / "docs" / "reference" / "sources.md"
BEGIN: Final = "<!-- sources: made by `make generate` -->\n"
END: Final = "<!-- end of sources -->\n"
_LAST: Final = (
    "| `mapped` | Any other JSON log, mapped by a few lines of configuration. | what the mapping names "
    "| What the mapping does not name. | |",
    "| `other` | Everything else: quarantined, dropped, or kept cleaned, as `policy.unrecognized` says. | | | |",
)
_SHORT_LAST: Final = (
    "| `mapped` | Any other JSON log, mapped by a few lines of configuration. | |",
    "| `other` | Everything else: quarantined, dropped, or kept cleaned, as `policy.unrecognized` says. | |",
)
_GIVES: Final = {
    "prompt": ("prompt_hash",),
    "response": ("response_hash",),
    "tokens": ("input_tokens", "output_tokens", "token_count"),
    "model": ("model_name",),
    "tools": ("tool_calls",),
    "who": ("user_id", "user_name"),
    "address": ("client_ip",),
    "latency": ("latency_ms",),
    "outcome": ("outcome_status",),
}
"""What a reader looks for, and in which fields of an event it is."""


def _events(source: str) -> Iterator[dict[str, object]]:
    """The events of a source's good samples."""
    for path in sorted((ROOT / "parsers" / "samples" / source).glob("good_*.out.json")):
        yield from (event for event in json.loads(path.read_text(encoding="utf-8")) if event["source"] == source)


def gives(source: str) -> str:
    """What a source's events have; in parentheses what less than half of its samples have."""
    events = list(_events(source))
    found = []
    for name, fields in _GIVES.items():
        count = sum(not event.keys().isdisjoint(fields) for event in events)
        if count:
            found.append(name if 2 * count >= len(events) else f"({name})")
    return ", ".join(found)


def table() -> str:
    """The table, by name."""
    rows = [
        f"| `{source.name}` | {source.summary} | {gives(source.name)} | {source.never_carries} | {source.stability} |"
        for source in sorted(SOURCES, key=lambda source: source.name)
    ]
    return "\n".join(
        (
            "| source | what it is | what it gives (in parentheses: sometimes) | what it never carries | stability |",
            "| --- | --- | --- | --- | --- |",
            *rows,
            *_LAST,
            "",
        )
    )


def short_table() -> str:
    """The README's table: what there is."""
    rows = (
        f"| `{source.name}` | {source.summary} | {source.stability} |"
        for source in sorted(SOURCES, key=lambda source: source.name)
    )
    return "\n".join(("| source | what it is | stability |", "| --- | --- | --- |", *rows, *_SHORT_LAST, ""))


_HEAD: Final = """\
# Log sources

<!-- made by `make generate` from the sources and their samples: change those, not this page -->

veilog recognizes these by the shape of a record. What a source gives is what the events of its samples have; what it
never carries is nothing to look for in the SIEM. [Which source tells which fact](facts.md) has every field. Stable:
verified on real records. Beta: written from documentation.

"""


def page() -> str:
    """The page of the reference: what each source gives, what it lacks, and where its format is described."""
    references = "".join(
        f"* `{source.name}`: {', '.join(source.references)}\n" for source in sorted(SOURCES, key=lambda s: s.name)
    )
    return (
        f"{_HEAD}{table()}\nA log of your own takes a few lines: see [how to map it]"
        "(../tutorials/stdin.md#a-log-that-veilog-does-not-know).\n\n"
        f"## Where the formats are described\n\n{references}"
    )


def updated(readme: str) -> str:
    """A README with the current short table between its marks."""
    return re.sub(
        re.escape(BEGIN) + ".*?" + re.escape(END), lambda _: BEGIN + short_table() + END, readme, flags=re.DOTALL
    )
