"""Writes those files of the Splunk add-on that hold queries: the dashboard's view, and the saved searches.

They are made of ``conf/siem/splunk/{panels,alerts,audit}/*.spl``, and of the detections. Run it with ``make generate``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import detection_languages
import detections
from detections import Detection, Language, Shape
from siem_panels import ABOUT, CONTENT, PANELS, TITLE, Chart, Panel, Query, queries, query

SPLUNK: Final = CONTENT / "splunk"
ADD_ON: Final = SPLUNK / "TA-veilog"
VIEW: Final = ADD_ON / "default" / "data" / "ui" / "views" / "veilog.xml"
SEARCHES: Final = ADD_ON / "default" / "savedsearches.conf"
_VISUALIZATIONS: Final[dict[Chart, tuple[str, dict[str, Any]]]] = {
    Chart.COLUMNS: ("splunk.column", {"stackMode": "stacked", "legendDisplay": "right"}),
    Chart.TABLE: ("splunk.table", {"count": 10}),
}
_WIDTH_PIXELS: Final = 1440
_HEIGHT_PIXELS: Final = 320
_QUARTER: Final = "-90d@d"


def _positions() -> Iterator[tuple[Panel, dict[str, int]]]:
    """The panels in rows of one or two."""
    left = top = 0
    for panel in PANELS:
        width = _WIDTH_PIXELS if panel.is_wide else _WIDTH_PIXELS // 2
        yield panel, {"x": left, "y": top, "w": width, "h": _HEIGHT_PIXELS}
        left += width
        if left == _WIDTH_PIXELS:
            left, top = 0, top + _HEIGHT_PIXELS


def definition() -> dict[str, Any]:
    """The dashboard, as Dashboard Studio defines one."""
    found = {panel.name: query(SPLUNK / "panels" / f"{panel.name}.spl") for panel in PANELS}
    sources = {
        name: {
            "type": "ds.search",
            "name": name,
            "options": {
                "query": panel.text,
                "queryParameters": {"earliest": "$time.earliest$", "latest": "$time.latest$"},
            },
        }
        for name, panel in found.items()
    }
    visualizations = {
        panel.name: {
            "type": _VISUALIZATIONS[panel.chart][0],
            "title": panel.title,
            "description": found[panel.name].about,
            "dataSources": {"primary": panel.name},
            "options": _VISUALIZATIONS[panel.chart][1],
        }
        for panel in PANELS
    }
    structure = [{"item": panel.name, "type": "block", "position": position} for panel, position in _positions()]
    time = {
        "type": "input.timerange",
        "title": "Time",
        "options": {"token": "time", "defaultValue": "-7d@d,now"},
    }
    return {
        "title": TITLE,
        "description": ABOUT,
        "inputs": {"time": time},
        "dataSources": sources,
        "visualizations": visualizations,
        "layout": {
            "globalInputs": ["time"],
            "tabs": {"items": [{"layoutId": "all", "label": TITLE}]},
            "layoutDefinitions": {"all": {"type": "grid", "options": {"width": _WIDTH_PIXELS}, "structure": structure}},
        },
    }


def view() -> str:
    """The view of the add-on that holds the dashboard."""
    return (
        f'<dashboard version="2">\n    <label>{TITLE}</label>\n    <description>{ABOUT}</description>\n'
        f"    <definition><![CDATA[\n{json.dumps(definition(), indent=2)}\n]]></definition>\n</dashboard>\n"
    )


def _stanza(found: Query, settings: Mapping[str, str]) -> str:
    text = found.text.replace("\n", " \\\n")
    lines = {"description": found.about, "search": text, **settings}
    return f"[AI use: {found.name}]\n" + "".join(f"{key} = {value}\n" for key, value in lines.items())


_ALERT: Final = {
    "dispatch.earliest_time": "-14d@h",
    "dispatch.latest_time": "@h",
    "enableSched": "1",
    "cron_schedule": "5 * * * *",
    "counttype": "number of events",
    "relation": "greater than",
    "quantity": "0",
    "alert.track": "1",
    "alert.severity": "3",
}
_AUDIT: Final = {"dispatch.earliest_time": _QUARTER, "dispatch.latest_time": "now"}


_SEVERITIES: Final = {"informational": "2", "low": "3", "medium": "4", "high": "5"}
_HOUR_SECS: Final = 3600


def _earliest(found: Detection) -> str:
    """How far back a search of each hour looks: a window that divides the hour fits into the last one."""
    if "history" in found.options:
        return f"-{found.options['history']}@h"
    secs = detections.seconds(found.options.get("window", "1h"))
    is_sliding = found.shape is Shape.ORDERED
    return f"-{-(-secs // _HOUR_SECS) + is_sliding}h@h"


def _detection(found: Detection) -> dict[str, str]:
    """The settings of a detection's search. It tells of the same caller once in a window."""
    fields = [detection_languages.splunk_field(key) for key in found.keys] or ["event_id"]
    return _ALERT | {
        "dispatch.earliest_time": _earliest(found),
        "enableSched": "0" if found.published else "1",
        "alert.severity": _SEVERITIES[found.level],
        "alert.suppress": "1",
        "alert.suppress.fields": ",".join(fields),
        "alert.suppress.period": found.options.get("window", "1h"),
    }


def _detections() -> Iterator[str]:
    for name, text in detections.queries(Language.SPL).items():
        found = detections.detections()[name]
        yield _stanza(Query(f"detection {name}", found.sentence, text), _detection(found))


def saved_searches() -> str:
    """The alerts, the detections, and the questions of an audit over a quarter."""
    stanzas = [_stanza(found, _ALERT) for found in queries(SPLUNK / "alerts")]
    stanzas += _detections()
    stanzas += [_stanza(found, _AUDIT) for found in queries(SPLUNK / "audit")]
    return "# Made by `make generate` of ../../alerts, ../../audit and ../../../sigma.\n\n" + "\n".join(stanzas)
