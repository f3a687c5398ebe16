"""Answers as charts: a specification of Vega-Lite for each, drawn to SVG.

Colors are the page's variables, so a chart follows its light and dark themes and what is printed. Each mark has a label
that screen readers read, and that is shown where the pointer is.

Texts of events are shortened and made printable before they are drawn: the library that measures texts ends the whole
process at a character that XML does not have, and fails where it cuts a character of two UTF-16 units in half. What was
drawn is parsed, and put into a page only if it has nothing but shapes and texts.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any, Final
from xml.etree import ElementTree as ET

from veilog_filters.report.database import Answer
from veilog_filters.report.printable import printable
from veilog_filters.report.queries import Chart

MAX_BARS: Final = 20
MAX_COLORS: Final = 8
"""More than the eye tells apart; the last one is for all others."""
OTHERS: Final = "(others)"
_LABEL_CHARS: Final = 32
_FAR: Final = re.compile(r"[\U00010000-\U0010ffff]")
"""Characters of two UTF-16 units."""
_WIDTH: Final = 420
_HEIGHT: Final = 200
_ROW_HEIGHT: Final = 20
_CLASSES: Final = ("restricted", "confidential", "internal", "public", "(none)")
_OUTCOMES: Final = ("denied", "throttled", "content_filtered")
_ORDERS: Final = {"data_class": _CLASSES, "outcome": _OUTCOMES}
"""Values that have an order and colors of their own, by column."""
_COLORS: Final = {
    "restricted": "var(--class-4)",
    "confidential": "var(--class-3)",
    "internal": "var(--class-2)",
    "public": "var(--class-1)",
    "(none)": "var(--class-0)",
    OTHERS: "var(--class-0)",
}
_SVG: Final = "{http://www.w3.org/2000/svg}"
_ELEMENTS: Final = frozenset(f"{_SVG}{name}" for name in ("svg", "g", "path", "line", "rect", "text", "tspan", "title"))
_TAKES_SCRIPT: Final = ("on", "href", "style")

Point = dict[str, Any]


class ChartError(Exception):
    """A chart cannot be drawn, or has something else than shapes and texts."""


def drawn(chart: Chart, answer: Answer, title: str) -> str:
    """A chart as SVG.

    Args:
        chart: how to draw.
        answer: what to draw.
        title: what it shows, for those who do not see it.

    Returns:
        The SVG; "" if no row has a number to draw.

    Raises:
        ChartError: it cannot be drawn, or what was drawn cannot be put into a page.
    """
    import vl_convert

    points = _points(chart, answer)
    if not points:
        return ""
    try:
        svg = vl_convert.vegalite_to_svg(_specification(chart, points), allowed_base_urls=[])
    except ValueError:
        raise ChartError("the chart cannot be drawn") from None
    return _checked(svg, title)


# From rows to points.


def _points(chart: Chart, answer: Answer) -> list[Point]:
    """The rows with equal keys added up, the largest first, the many small ones together."""
    number = {"bars": chart.x, "columns": chart.y, "heat": chart.color}[chart.kind]
    keys = [name for name in (chart.x, chart.y, chart.color) if name and name != number]
    at = {name: answer.columns.index(name) for name in (*keys, number)}
    rows = [row for row in answer.rows if row[at[number]] is not None]
    kept = {name: _largest(name, chart, [(row[at[name]], row[at[number]]) for row in rows]) for name in keys}
    sums: defaultdict[tuple[Any, ...], float] = defaultdict(float)
    for row in rows:
        key = tuple(kept[name].get(row[at[name]], OTHERS) for name in keys)
        # Users and sources beyond the largest have no bar: all of them together would dwarf the others.
        if not any(part == OTHERS and name != chart.color for name, part in zip(keys, key, strict=True)):
            sums[key] += row[at[number]]
    return [dict(zip(keys, key, strict=True)) | {number: value} for key, value in sums.items()]


def _largest(name: str, chart: Chart, pairs: Sequence[tuple[Any, float]]) -> dict[Any, Any]:
    """By value of a column, what it is called in the chart: the largest by their own names."""
    if name in ("bucket", "hour_utc"):
        return {value: value for value, _ in pairs}
    sums: defaultdict[Any, float] = defaultdict(float)
    for value, number in pairs:
        sums[value] += number
    most = MAX_COLORS - 1 if name == chart.color and len(sums) > MAX_COLORS else MAX_BARS
    ranked = sorted(sums, key=lambda value: (-sums[value], str(value)))[:most]
    labels: dict[Any, Any] = {}
    used = {OTHERS}
    for value in ranked:
        label = _label(value)
        # Two names may begin and end alike: they are not added up.
        labels[value] = label if label not in used else f"{label} ({len(used)})"
        used.add(labels[value])
    return labels


def _label(value: Any) -> str:
    text = _FAR.sub("\N{REPLACEMENT CHARACTER}", printable("" if value is None else str(value)))
    return text if len(text) <= _LABEL_CHARS else f"{text[: _LABEL_CHARS - 9]}…{text[-8:]}"


# From points to a specification.


def _specification(chart: Chart, points: list[Point]) -> dict[str, Any]:
    encoding, mark, size = {"bars": _bars, "columns": _columns, "heat": _heat}[chart.kind](chart, points)
    return {
        "data": {"values": points},
        "mark": mark,
        "encoding": encoding,
        "config": _CONFIG,
        "background": None,
        "autosize": {"type": "pad", "contains": "padding"},
        **size,
    }


def _bars(chart: Chart, points: list[Point]) -> tuple[Any, Any, Any]:
    encoding = {
        "y": {"field": chart.y, "type": "nominal", "sort": "-x", "title": None},
        "x": _number(chart.x, points, chart.x),
    }
    return _colored(encoding, chart, points), {"type": "bar"}, _rows_of(chart, points)


def _columns(chart: Chart, points: list[Point]) -> tuple[Any, Any, Any]:
    # Columns are as wide as the least step between two times, so that each stands for its own time.
    times = sorted({_day_number(point[chart.x]) for point in points})
    steps = [after - before for before, after in pairwise(times)]
    number = max(1.0, (times[-1] - times[0]) / min(steps) + 1) if steps else 1.0
    encoding = {
        "x": {
            "field": chart.x,
            "type": "temporal",
            "scale": {"type": "utc", "padding": 12},
            "title": None,
            "axis": {"grid": False, "format": _format(times[-1] - times[0]), "labelOverlap": True, "tickCount": 6},
        },
        "y": _number(chart.y, points, chart.y),
    }
    width = max(2.0, min(36.0, _WIDTH / number * 0.8))
    mark = {"type": "bar", "width": width}
    return _colored(encoding, chart, points), mark, {"width": _WIDTH, "height": _HEIGHT}


def _format(days: float) -> str:
    """How times of a chart are written, by how many days it spans."""
    return "%b %Y" if days > _MANY_DAYS else "%d %b" if days > _FEW_DAYS else "%d %b %H:%M"


_FEW_DAYS: Final = 4
_MANY_DAYS: Final = 300


def _heat(chart: Chart, points: list[Point]) -> tuple[Any, Any, Any]:
    if chart.x == "bucket":
        # As texts: a field for each time that there is, in their order; a missing one is no field.
        for point in points:
            point[chart.x] = point[chart.x].removesuffix("Z").removesuffix("T00:00:00").replace("T", " ")
    labels = {"labelOverlap": True, "labelAngle": -40 if chart.x == "bucket" else 0}
    hours = {"scale": {"domain": list(range(24))}} if chart.x == "hour_utc" else {}
    encoding = {
        "x": {"field": chart.x, "type": "ordinal", "title": _words(chart.x), "axis": labels, **hours},
        "y": {"field": chart.y, "type": "nominal", "title": None},
        "color": {
            "field": chart.color,
            "type": "quantitative",
            "scale": {"type": "threshold", "domain": _steps(points, chart.color), "range": _HEAT},
            "legend": {"title": _words(chart.color), "type": "symbol"},
        },
    }
    return encoding, {"type": "rect", "stroke": "var(--paper)", "strokeWidth": 1}, _rows_of(chart, points)


_HEAT: Final = [f"var(--heat-{number})" for number in range(1, 6)]


def _steps(points: list[Point], name: str) -> list[float]:
    """Four bounds between five shades, each so many times the last: numbers of calls differ by orders of magnitude."""
    most = max((point[name] for point in points), default=1)
    factor = max(most, 5) ** 0.2
    steps = sorted({math.ceil(factor**number) for number in range(1, 5)})
    while len(steps) < len(_HEAT) - 1:
        steps.append(steps[-1] + 1)
    return [float(step) for step in steps]


def _number(name: str, points: list[Point], title: str) -> dict[str, Any]:
    least = 1 if all(isinstance(point[name], int) for point in points) else 0
    return {
        "field": name,
        "type": "quantitative",
        "title": _words(title),
        "axis": {
            "labelExpr": "format(datum.value, abs(datum.value) < 1000 ? '.3~r' : '~s')",
            "tickMinStep": least,
            "tickCount": 6,
        },
    }


def _rows_of(chart: Chart, points: list[Point]) -> dict[str, Any]:
    return {"width": _WIDTH, "height": max(1, len({point[chart.y] for point in points})) * _ROW_HEIGHT}


def _colored(encoding: dict[str, Any], chart: Chart, points: list[Point]) -> dict[str, Any]:
    """The encoding with colors: one for all, or one for each value."""
    if not chart.color:
        return encoding | {"color": {"value": "var(--series-1)"}}
    found = list(dict.fromkeys(point[chart.color] for point in points))
    order = _ORDERS.get(chart.color)
    names = [name for name in order if name in found] if order else sorted(found, key=lambda name: name == OTHERS)
    colors = [_COLORS.get(name, f"var(--series-{number + 1})") for number, name in enumerate(names)]
    color = {
        "field": chart.color,
        "type": "nominal",
        "scale": {"domain": names, "range": colors},
        "sort": names,
        "legend": {"title": _words(chart.color)},
    }
    for point in points:
        point["order"] = names.index(point[chart.color])
    return encoding | {"color": color, "order": {"field": "order", "type": "quantitative"}}


def _words(name: str) -> str:
    return name.replace("_", " ")


def _day_number(time: str) -> float:
    return datetime.fromisoformat(time).timestamp() / 86_400


_INK: Final = {"labelColor": "var(--soft)", "titleColor": "var(--soft)", "labelFont": "inherit", "titleFont": "inherit"}
_CONFIG: Final = {
    "view": {"stroke": None},
    "axis": {
        **_INK,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "gridColor": "var(--line)",
        "domainColor": "var(--line)",
        "tickColor": "var(--line)",
        "labelLimit": 200,
    },
    "legend": {
        **_INK,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "labelLimit": 150,
        "orient": "top",
        "direction": "horizontal",
        "columns": 3,
        "symbolType": "square",
    },
}


# From a drawing to a part of a page.


def _checked(svg: str, title: str) -> str:
    ET.register_namespace("", "http://www.w3.org/2000/svg")
    root = ET.fromstring(svg)  # noqa: S314 - it was written a moment ago, without a document type
    for element in root.iter():
        names = [name.rpartition("}")[2].lower() for name in element.attrib]
        if element.tag not in _ELEMENTS or any(name.startswith(_TAKES_SCRIPT) for name in names):
            raise ChartError("the chart has more than shapes and texts")
    for element in list(_labeled(root)):
        tip = ET.Element(f"{_SVG}title")
        tip.text = element.attrib["aria-label"]
        element.insert(0, tip)
    root.attrib |= {"role": "img", "aria-label": f"Chart: {title}. Its numbers are in the table."}
    return ET.tostring(root, encoding="unicode")


def _labeled(root: ET.Element) -> Iterator[ET.Element]:
    """The marks that stand for numbers."""
    for element in root.iter():
        if element.get("role") == "graphics-symbol" and element.get("aria-roledescription") in ("bar", "rect mark"):
            yield element
