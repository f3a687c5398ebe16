"""The history of the benchmarks, and its picture: ``benchmarks/history.jsonl`` and ``benchmarks/history.svg``.

``make bench`` appends a line: how many times as fast as plain Presidio veilog was on each corpus, in that run, with the
commit, the versions and the processor's model. Ratios can be compared from run to run, seconds cannot. The picture is
one of the generated files: ``make generate`` draws it.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import platform
import subprocess
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any, Final

from veilog_filters import __version__

ROOT: Final = Path(__file__).parents[1]
HISTORY: Final = ROOT / "benchmarks" / "history.jsonl"
PICTURE: Final = ROOT / "benchmarks" / "history.svg"
Ratios = Mapping[str, Mapping[str, float]]
"""What was measured (``detect``, ``filter``) to corpus to times plain Presidio."""

_TITLE: Final = "Times as fast as plain Presidio, run by run"
_WIDTH: Final = 860
_PANEL: Final = 300
_LEFT: Final = 64
_RIGHT: Final = 150
_TOP: Final = 56
_BOTTOM: Final = 44
_COLOURS: Final = ("#0b5cad", "#b42318", "#12704a", "#8a5a00", "#6b3fa0")


def entry(ratios: Ratios, records: int, rounds: int) -> dict[str, Any]:
    """A line of the history, of a run that has just ended.

    Args:
        ratios: the medians of the run.
        records: how many records of each corpus were measured.
        rounds: how many times, in turn.
    """
    return {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "commit": commit(),
        "version": __version__,
        "python": platform.python_version(),
        "cpu": processor(Path("/proc/cpuinfo")),
        "records": records,
        "rounds": rounds,
        "ratios": {kind: {corpus: round(ratio, 2) for corpus, ratio in row.items()} for kind, row in ratios.items()},
    }


def append(line: dict[str, Any], history: Path = HISTORY) -> None:
    """Add a line to the history."""
    with history.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def commit() -> str:
    """The commit that was measured, with ``+`` behind it if something was changed since."""
    head = _git("rev-parse", "--short=10", "HEAD")
    return head + "+" * bool(_git("status", "--porcelain", "--untracked-files=no")) if head else "unknown"


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()


def processor(cpuinfo: Path) -> str:
    """The model of the processor, as Linux calls it; its architecture elsewhere."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def read(history: Path = HISTORY) -> list[dict[str, Any]]:
    """The lines of the history; none if there is none yet."""
    return [json.loads(line) for line in history.read_text(encoding="utf-8").splitlines()] if history.exists() else []


def picture() -> str:
    """The history as it is checked in, drawn."""
    return draw(read())


def draw(runs: list[dict[str, Any]]) -> str:
    """An SVG with a panel for each thing that is measured: runs from left to right, ratios upwards (logarithmic)."""
    kinds = list(dict.fromkeys(kind for run in runs for kind in run["ratios"]))
    height = _TOP + _PANEL * len(kinds)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" '
        'font-size="12" fill="#1c2430">',
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="{_LEFT}" y="26" font-size="16" font-weight="bold">{_TITLE}</text>',
    ]
    for number, kind in enumerate(kinds):
        parts += _panel(kind, runs, _TOP + number * _PANEL)
    return "\n".join([*parts, "</svg>", ""])


def _panel(kind: str, runs: list[dict[str, Any]], top: int) -> Iterator[str]:
    series: dict[str, list[tuple[int, float]]] = {}
    for at, run in enumerate(runs):
        for corpus, ratio in run["ratios"].get(kind, {}).items():
            series.setdefault(corpus, []).append((at, ratio))
    ratios = [ratio for points in series.values() for _, ratio in points]
    low, high = math.log10(min(*ratios, 1)), math.log10(max(*ratios, 10))
    floor, ceiling = top + _PANEL - _BOTTOM, top + 24
    step = (_WIDTH - _LEFT - _RIGHT) / max(len(runs) - 1, 1)

    def y_of(ratio: float) -> float:
        return round(floor - (math.log10(ratio) - low) / (high - low) * (floor - ceiling), 1)

    yield f'<text x="{_LEFT}" y="{top + 10}" font-weight="bold">{escape(kind)}</text>'
    for power in range(math.ceil(low), math.floor(high) + 1):
        for ratio in (10**power, 3 * 10**power):
            if math.log10(ratio) <= high:
                y = y_of(ratio)
                yield f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y}" y2="{y}" stroke="#dde2e9"/>'
                yield f'<text x="{_LEFT - 8}" y="{y + 4}" text-anchor="end" fill="#5b6675">{ratio:g}x</text>'
    for at, run in enumerate(runs):
        x = round(_LEFT + at * step, 1)
        yield f'<text x="{x}" y="{floor + 18}" text-anchor="middle" fill="#5b6675">{escape(run["commit"][:7])}</text>'
        yield f'<text x="{x}" y="{floor + 33}" text-anchor="middle" fill="#5b6675">{escape(run["date"])}</text>'
    ends: list[float] = []
    for (corpus, points), colour in zip(series.items(), _COLOURS * len(series), strict=False):
        places = [(round(_LEFT + at * step, 1), y_of(ratio)) for at, ratio in points]
        line = " ".join(f"{x},{y}" for x, y in places)
        yield f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>'
        yield from (f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>' for x, y in places)
        # A label stands beside its line, and not on another one.
        y = places[-1][1]
        while any(abs(y - other) < 14 for other in ends):
            y += 1
        ends.append(y)
        x = max(places[-1][0] + 10, 0)
        yield f'<text x="{x}" y="{y + 4}" fill="{colour}">{escape(corpus)} {points[-1][1]:.1f}x</text>'
