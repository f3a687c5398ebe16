"""Writes docs/operate/detections.md: which detections there are, how their windows move, what ran them.

It is made of the Sigma rules in ``conf/siem/sigma``. Run it with ``make generate``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import coverage_page
import detections
from detections import WINDOWS, Detection, Language, Shape

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "docs" / "operate" / "detections.md"
_SIEMS: Final = {
    "Splunk": (Language.SPL,),
    "Elastic": (Language.ESQL, Language.EQL),
    "Sentinel": (Language.KQL,),
    "SecOps": (Language.YARAL,),
}
_SHAPES: Final = {
    Shape.MATCH: "each event",
    Shape.EVENT_COUNT: "count",
    Shape.VALUE_COUNT: "different values",
    Shape.ORDERED: "one after the other",
    Shape.SPIKE: "own history",
    Shape.NEW: "first time",
    Shape.NEW_WITH: "first time, with another event",
}
_HEAD: Final = """\
# Detections

<!-- made by `make generate` from conf/siem/sigma: change that, not this page -->

What a SIEM should tell of, once prompts are hashes: rules over the facts that veilog's events carry. They are written
once, as Sigma rules and correlations over [the fields of events](../reference/fields.md), in `conf/siem/sigma`; every
window, threshold, list and exclusion stands in `conf/siem/sigma/parameters.yaml`. `make generate` makes of them the
queries in `conf/siem/{splunk,elastic,sentinel,secops}/detections`, and puts these into the add-on's saved searches,
`rules.ndjson` and `azuredeploy.json`. SecOps takes a rule at a time: paste a file into its editor.

Change a number in `parameters.yaml`, not in a query. Callers in `excluded_callers` are left out everywhere: put your
red team and your load tests there.

Two fields are made of others. `caller` is `user_id`, or `user_name` where a source tells no id; `place` is
`network.country`, or else `client_ip`. EQL and YARA-L cannot make fields: there a caller needs a `user_id`.

"""
_OWN: Final = """\
## veilog's own

They are switched on when they are imported. `cross_department` needs the [lookup](../reference/configuration.md),
`off_hours_control_plane` the calendar in [`usage`](usage.md), `cost_spike` a source that tells costs.

"""
_PUBLISHED: Final = """\
## Published by others

[Coverage](../reference/coverage.md) lists the detections of Elastic, Splunk, Microsoft Sentinel, Panther and SigmaHQ
and which of them can be expressed. All {published} of those that can are, by {count} rules: several look for the same.
They are imported but not switched on: many tell of each administrative change.

"""
_WINDOWS: Final = """\
## Windows

| shape | Splunk | Elastic | Sentinel | SecOps | SQLite (tests) |
| --- | --- | --- | --- | --- | --- |
{rows}
A **sliding** window ends with each event: wherever a burst lies, it is seen whole. A **tumbling** window begins at a
full multiple of its length: of a burst over its edge, half is seen in one and half in the next, and a threshold may be
missed by up to half. Lower the threshold there, or shorten the window, if that matters more than noise. **Hop** windows
overlap. Detections with a history compare the last whole window by the clock with those before, so a spike over its
edge is two half ones in every language.

"""
_PROOF: Final = """\
## What was executed

`tests/attack_traffic.py` makes two weeks of ordinary work of many users and, among it, attacks and near misses, each
labelled with the detections that must tell of it. Every detection must tell of its own and of nobody else.

| language | written by | read by | executed by |
| --- | --- | --- | --- |
| SQLite | pySigma, templates for history | SQLite | SQLite: all {all}; it is the oracle |
| KQL | templates, conditions by a backend of ours | Microsoft's Kusto service | duckdb-kql: all {kql}, as the oracle |
| EQL | template, conditions by pySigma | `eql` | `eql`: all {eql}, as the oracle, where lists have one item |
| ES\\|QL | pySigma, templates for history | Elastic's parser, with types, for 8.19, 9.3 and 9.5 | **nothing** |
| SPL | pySigma, templates for order and history | a reader of ours: every word, every field | **nothing** |
| YARA-L | templates, conditions by a backend of ours | a reader of ours: every word, every field | **nothing** |

No Splunk, Kibana, Sentinel or SecOps was there: schedules, suppression and the import itself were not executed. Labels
and rules come from the same hands; what your users do is another matter, so watch a rule for some days before it wakes
anybody.

SecOps has {yaral} of {all}: Google documents no way to ask for lists, numbers and objects among the extensions
(`additional`), and YARA-L compares nobody with the own history.
"""


def _windows(found: Detection) -> str:
    """The length of the window and, where SIEMs differ, how it moves."""
    window = found.options.get("window")
    return f"{window}" if window else ""


def _where(found: Detection) -> str:
    names = [siem for siem, asked in _SIEMS.items() if any(found.name in detections.queries(one) for one in asked)]
    return "all" if len(names) == len(_SIEMS) else f"not {', '.join(siem for siem in _SIEMS if siem not in names)}"


def _executed(found: Detection) -> str:
    executed = {"SQLite": True, "KQL": True, "EQL": found.name in detections.queries(Language.EQL)}
    return ", ".join(name for name, is_there in executed.items() if is_there)


def _cells(found: Detection) -> list[str]:
    return [
        f"`{found.name}`",
        found.title,
        found.level,
        _SHAPES[found.shape],
        _windows(found),
        ", ".join(found.frameworks),
        _where(found),
        _executed(found),
    ]


_COLUMNS: Final = ("detection", "tells", "severity", "by", "window", "ATLAS, ATT&CK, OWASP", "SIEMs", "executed in")


def _table(chosen: list[Detection], *, with_difference: bool = False) -> str:
    columns = [*_COLUMNS, *(["other than the original"] if with_difference else [])]
    lines = [f"| {' | '.join(columns)} |", f"|{' --- |' * len(columns)}"]
    for found in chosen:
        cells = [*_cells(found), *([found.differs] if with_difference else [])]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n\n"


def _rows_of_windows() -> str:
    lines = []
    for shape, kinds in WINDOWS.items():
        if kinds:
            cells = [next((kinds[one] for one in asked if one in kinds), "–") for asked in _SIEMS.values()]
            lines.append(f"| {_SHAPES[shape]} | {' | '.join(cells)} | {kinds[Language.SQL]} |\n")
    return "".join(lines)


def page() -> str:
    """The page."""
    every = list(detections.detections().values())
    published = [found for found in every if found.published]
    counts = {language.value: len(detections.queries(language)) for language in (*detections.FOLDERS,)}
    expressed = sum(rule.expressible == "yes" for rule in coverage_page.rules())
    return "".join(
        (
            _HEAD,
            _OWN,
            _table([found for found in every if not found.published]),
            _PUBLISHED.format(published=expressed, count=len(published)),
            _table(published, with_difference=True),
            _WINDOWS.format(rows=_rows_of_windows()),
            _PROOF.format(all=len(every), **counts),
        )
    )
