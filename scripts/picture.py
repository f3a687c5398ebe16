"""Draws docs/assets/where-veilog-sits.svg from the lists below: boxes, arrows and what is written on them.

The picture has a panel of its own, light or dark as the reader's system is, so it can be read on any page. Run it with
``make generate``.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

FILE: Final = Path(__file__).parents[1] / "docs" / "assets" / "where-veilog-sits.svg"
WIDTH: Final = 1040
HEIGHT: Final = 470
_LINE: Final = 20
_TITLE: Final = "Where veilog sits"
_RULE: Final = "Raw text stays here: only what veilog sends back, as clean.*, has a way out"
_DESCRIPTION: Final = (
    "AI services write raw logs. Fluent Bit or Fluentd on the same host sends them to veilog, which parses, "
    "classifies, redacts and hashes them and sends clean events back. Only clean events leave the host for the SIEM."
)


@dataclasses.dataclass(frozen=True)
class Box:
    """A box: its upper left corner, its size, its style, and its lines of text, the first of them in bold."""

    x: int
    y: int
    width: int
    height: int
    style: str
    lines: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Arrow:
    """A straight arrow with a label, which is placed at ``label`` and aligned as SVG's ``text-anchor`` says."""

    start: tuple[int, int]
    end: tuple[int, int]
    style: str
    text: str
    label: tuple[int, int]
    anchor: str = "middle"


BOXES: Final = (
    Box(60, 96, 200, 100, "plain", ("AI services", "gateways, model servers,", "your own applications")),
    Box(400, 96, 220, 100, "plain", ("Fluent Bit or Fluentd", "collects, buffers, ships")),
    Box(400, 272, 220, 100, "veilog", ("veilog", "parse · classify", "redact · hash")),
    Box(810, 96, 200, 100, "plain", ("SIEM", "Splunk, Elastic, Sentinel,", "SecOps, Kafka, S3")),
)
ARROWS: Final = (
    Arrow((260, 146), (396, 146), "raw", "raw logs", (328, 134)),
    Arrow((460, 196), (460, 268), "raw", "raw.*", (448, 238), "end"),
    Arrow((560, 272), (560, 200), "clean", "clean.*", (572, 238), "start"),
    Arrow((620, 146), (806, 146), "clean", "clean events", (738, 134)),
)
NOTES: Final = (
    Box(
        60,
        272,
        290,
        100,
        "note-raw",
        ("comes in", "“Book the night train for Jonas Keller,", "card 4111 1111 1111 1111.”"),
    ),
    Box(
        770,
        272,
        240,
        100,
        "note-clean",
        ("leaves", "prompt_hash 0c6f61b2…", "restricted · CREDIT_CARD × 1"),
    ),
)
_STYLE: Final = """\
    .panel { fill: #ffffff; stroke: #d0d7de; }
    .host { fill: #f6f8fa; stroke: #8c959f; stroke-dasharray: 7 5; }
    .plain, .note-raw, .note-clean { fill: #ffffff; stroke: #8c959f; }
    .note-raw, .note-clean { stroke-dasharray: 2 3; }
    .veilog { fill: #0f766e; stroke: #0f766e; }
    .raw { stroke: #b42318; fill: #b42318; }
    .clean { stroke: #0f766e; fill: #0f766e; }
    text { fill: #1f2328; font: 15px system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; stroke: none; }
    .bold { font-weight: 600; font-size: 17px; }
    .small { font-size: 14px; }
    text.on-veilog { fill: #ffffff; }
    text.raw { fill: #b42318; stroke: none; }
    text.clean { fill: #0f766e; stroke: none; }
    text.quiet { fill: #57606a; }
    @media (prefers-color-scheme: dark) {
      .panel { fill: #12181f; stroke: #3d444d; }
      .host { fill: #1a222c; stroke: #7d8590; }
      .plain, .note-raw, .note-clean { fill: #232d38; stroke: #7d8590; }
      .raw { stroke: #ff9d92; fill: #ff9d92; }
      .clean { stroke: #5fd4c4; fill: #5fd4c4; }
      text { fill: #e6edf3; }
      text.raw { fill: #ff9d92; }
      text.clean { fill: #5fd4c4; }
      text.quiet { fill: #9ba4ae; }
    }
"""


def _box(box: Box) -> str:
    top = box.y + box.height / 2 - _LINE * (len(box.lines) - 1) / 2 + 5
    classes = " on-veilog" if box.style == "veilog" else ""
    first = {"note-raw": " raw", "note-clean": " clean"}.get(box.style, classes)
    texts = [
        f'<text class="{("bold" + first) if number == 0 else ("small" + classes)}" x="{box.x + box.width / 2:g}" '
        f'y="{top + number * _LINE:g}" text-anchor="middle">{escape(line)}</text>'
        for number, line in enumerate(box.lines)
    ]
    shape = f'<rect class="{box.style}" x="{box.x}" y="{box.y}" width="{box.width}" height="{box.height}" rx="8"/>'
    return "\n  ".join((shape, *texts))


def _arrow(arrow: Arrow) -> str:
    (x1, y1), (x2, y2) = arrow.start, arrow.end
    # The head is a triangle of its own: markers do not take the colour of their line everywhere.
    dx, dy = (x2 > x1) - (x2 < x1), (y2 > y1) - (y2 < y1)
    back = (x2 - 11 * dx, y2 - 11 * dy)
    head = f"{x2},{y2} {back[0] - 6 * dy},{back[1] - 6 * dx} {back[0] + 6 * dy},{back[1] + 6 * dx}"
    return (
        f'<line class="{arrow.style}" x1="{x1}" y1="{y1}" x2="{back[0]}" y2="{back[1]}" stroke-width="2.5"/>\n  '
        f'<polygon class="{arrow.style}" points="{head}" stroke-width="1"/>\n  '
        f'<text class="bold {arrow.style}" x="{arrow.label[0]}" y="{arrow.label[1]}" text-anchor="{arrow.anchor}">'
        f"{escape(arrow.text)}</text>"
    )


def svg() -> str:
    """The picture."""
    shapes = [
        f'<rect class="panel" x="1" y="1" width="{WIDTH - 2}" height="{HEIGHT - 2}" rx="12"/>',
        '<rect class="host" x="30" y="36" width="640" height="404" rx="12"/>',
        '<text class="quiet" x="50" y="66">your host, node or pod</text>',
        '<text class="quiet" x="1010" y="66" text-anchor="end">elsewhere</text>',
        f'<text class="quiet" x="350" y="418" text-anchor="middle">{_RULE}</text>',
        *map(_box, (*BOXES, *NOTES)),
        *map(_arrow, ARROWS),
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="t d">\n'
        "  <!-- made by `make generate` from scripts/picture.py -->\n"
        f'  <title id="t">{escape(_TITLE)}</title>\n  <desc id="d">{escape(_DESCRIPTION)}</desc>\n'
        f"  <style>\n{_STYLE}  </style>\n  " + "\n  ".join(shapes) + "\n</svg>\n"
    )
