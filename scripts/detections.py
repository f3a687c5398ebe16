"""Writes the detections of ``conf/siem/sigma`` for Splunk, Elastic, Microsoft Sentinel and Google SecOps.

A file there holds one detection or a family of them, as rules and correlations of Sigma over events of ``veilog/1``.
All numbers and lists stand in ``parameters.yaml``: ``%name.key%`` in a rule is one. Run it with ``make generate``.

**Shapes.** ``match`` tells of each event. ``event_count``, ``value_count`` and ``temporal_ordered`` are Sigma's own
correlations. Sigma has no words for a caller's own history, so three more have a section ``veilog`` in their rules:
``spike`` (a sum in the last window against the usual one), ``new`` (a value that a caller never had), and ``new_with``
(the same, where another rule's event has it too). Their rules say which events count, and a template says the rest.

**Who writes what.** pySigma writes conditions, and whole queries of SPL and ES|QL for the first three shapes. All else
are the templates of ``conf/siem/sigma/templates``, one for a shape and a language. A shape without a template has no
query in that language (``queries``). What each language counts over is said in ``WINDOWS``: a tumbling window begins
at a full multiple of its length, so that a burst over its edge is two half ones; a sliding one ends with each event.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import re
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import yaml
from sigma.collection import SigmaCollection

import detection_languages as languages
from siem_panels import CONTENT

SIGMA: Final = CONTENT / "sigma"
PARAMETERS: Final = SIGMA / "parameters.yaml"
TEMPLATES: Final = SIGMA / "templates"
_SLOT: Final = re.compile(r"%([a-z_.]+)%")
_WINDOW: Final = re.compile(r"(\d+)([mhd])")
_UNITS: Final = {"m": 60, "h": 3600, "d": 86400}
_WORDS: Final = {"m": "minutes", "h": "hours", "d": "days"}

Document = dict[str, Any]


class Shape(StrEnum):
    """What a detection asks of the events that its rules match."""

    MATCH = "match"
    EVENT_COUNT = "event_count"
    VALUE_COUNT = "value_count"
    ORDERED = "temporal_ordered"
    SPIKE = "spike"
    NEW = "new"
    NEW_WITH = "new_with"


class Language(StrEnum):
    """A language in which detections are written; the value is the suffix of its files."""

    SPL = "spl"
    ESQL = "esql"
    EQL = "eql"
    KQL = "kql"
    YARAL = "yaral"
    SQL = "sql"


FOLDERS: Final = {
    Language.SPL: CONTENT / "splunk" / "detections",
    Language.ESQL: CONTENT / "elastic" / "detections",
    Language.EQL: CONTENT / "elastic" / "detections",
    Language.KQL: CONTENT / "sentinel" / "detections",
    Language.YARAL: CONTENT / "secops" / "detections",
}
"""Where the queries go. SQLite's are for the tests alone."""
WINDOWS: Final[dict[Shape, dict[Language, str]]] = {
    Shape.MATCH: {},
    Shape.EVENT_COUNT: {
        Language.SPL: "tumbling",
        Language.ESQL: "tumbling",
        Language.KQL: "sliding",
        Language.YARAL: "hop",
        Language.SQL: "sliding",
    },
    Shape.VALUE_COUNT: {
        Language.SPL: "tumbling",
        Language.ESQL: "tumbling",
        Language.KQL: "sliding",
        Language.YARAL: "hop",
        Language.SQL: "sliding",
    },
    Shape.ORDERED: {
        Language.SPL: "sliding",
        Language.EQL: "sliding",
        Language.KQL: "sliding",
        Language.YARAL: "hop",
        Language.SQL: "sliding",
    },
    **dict.fromkeys(
        (Shape.SPIKE, Shape.NEW, Shape.NEW_WITH),
        dict.fromkeys((Language.SPL, Language.ESQL, Language.KQL, Language.SQL), "tumbling"),
    ),
}
"""How each shape's window moves. SecOps' hop windows overlap, by steps that Google chooses."""
_BY_PYSIGMA: Final = frozenset({Shape.MATCH, Shape.EVENT_COUNT, Shape.VALUE_COUNT})
_COMMENT: Final = {
    Language.SPL: "```{}```",
    Language.ESQL: "// {}",
    Language.EQL: "// {}",
    Language.KQL: "// {}",
    Language.YARAL: "// {}",
    Language.SQL: "-- {}",
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """A detection.

    Attributes:
        name: its id, that of its query's files too.
        family: its file's path in the folder, without suffix.
        title: what it tells, in a few words.
        about: the same as one or two sentences.
        level: informational, low, medium, high.
        frameworks: ids of MITRE ATLAS and ATT&CK, of OWASP with the year.
        published: paths of the rules of others that it does the work of.
        differs: what it does otherwise than those.
        false_positives: what else may look like it.
        shape: what it asks.
        keys: the fields by which events belong together.
        options: what the shape needs besides: windows, thresholds, fields.
        rules: the rules of Sigma, itself last if it is none of the further shapes.
    """

    name: str
    family: str
    title: str
    about: str
    level: str
    frameworks: tuple[str, ...]
    published: tuple[str, ...]
    differs: str
    false_positives: tuple[str, ...]
    shape: Shape
    keys: tuple[str, ...]
    options: Document
    rules: tuple[Document, ...]

    @property
    def sentence(self) -> str:
        """What it tells, as the first line of a query."""
        return f"{self.title}. {self.about}" if self.about.endswith(".") else f"{self.title}. {self.about}."

    def collection(self) -> SigmaCollection:
        """Its rules, for pySigma."""
        return SigmaCollection.from_dicts(copy.deepcopy(list(self.rules)))

    def part(self, number: int) -> SigmaCollection:
        """One of its rules alone."""
        return SigmaCollection.from_dicts([copy.deepcopy(self.rules[number])])

    def fields(self) -> list[str]:
        """All fields that it asks for."""
        options = [self.options[name] for name in ("value", "sum") if name in self.options]
        return list(dict.fromkeys([*languages.fields_of(self.collection()), *self.keys, *options]))


# Reading --------------------------------------------------------------------------------------------------------------


@functools.cache
def parameters() -> Document:
    """The parameters of all detections."""
    found: Document = yaml.safe_load(PARAMETERS.read_text(encoding="utf-8"))
    return found


def _parameter(path: str) -> Any:
    value: Any = parameters()
    for key in path.split("."):
        value = value[key]
    return value


def _filled(value: Any) -> Any:
    """A document with parameters in place of their names.

    Raises:
        KeyError: if there is no such parameter.
    """
    if isinstance(value, dict):
        return {key: _filled(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item) for item in value]
    slot = _SLOT.fullmatch(value) if isinstance(value, str) else None
    return _parameter(slot[1]) if slot else value


def _without_excluded(rule: Document) -> Document:
    callers = parameters()["excluded_callers"]
    if not callers or "detection" not in rule:
        return rule
    detection = rule["detection"] | {"excluded": {"caller": callers}}
    detection["condition"] = f"({detection['condition']}) and not excluded"
    return rule | {"detection": detection}


def _read(file: Path) -> list[Document]:
    return [_without_excluded(_filled(rule)) for rule in yaml.safe_load_all(file.read_text(encoding="utf-8"))]


def _detection(rule: Document, by_name: dict[str, Document], family: str) -> Detection:
    ours = rule.get("veilog", {})
    correlation = rule.get("correlation")
    if correlation:
        shape, keys = Shape(correlation["type"]), tuple(correlation["group-by"])
        condition = correlation.get("condition", {})
        options = {"window": correlation["timespan"], "least": condition.get("gte"), "value": condition.get("field")}
        rules = [*(by_name[name] for name in correlation["rules"]), rule]
    else:
        shape, keys = Shape(ours.get("shape", Shape.MATCH)), tuple(ours.get("by", ()))
        options = {name: ours.get(name) for name in ("window", "history", "factor", "floor", "value", "sum")}
        rules = [rule, *([by_name[ours["with"]]] if "with" in ours else [])]
    return Detection(
        name=rule["name"],
        family=family,
        title=rule["title"],
        about=" ".join(rule["description"].split()),
        level=rule["level"],
        frameworks=tuple(ours.get("frameworks", ())),
        published=tuple(ours.get("published", ())),
        differs=ours.get("differs", ""),
        false_positives=tuple(rule.get("falsepositives", ())),
        shape=shape,
        keys=keys,
        options={name: value for name, value in options.items() if value is not None},
        rules=tuple({key: value for key, value in found.items() if key != "veilog"} for found in rules),
    )


def _in_file(file: Path) -> Iterator[Detection]:
    rules = _read(file)
    by_name = {rule["name"]: rule for rule in rules}
    parts = {name for rule in rules for name in rule.get("correlation", {}).get("rules", ())}
    parts |= {rule["veilog"]["with"] for rule in rules if "with" in rule.get("veilog", {})}
    family = str(file.relative_to(SIGMA).with_suffix(""))
    for rule in rules:
        if rule["name"] not in parts:
            yield _detection(rule, by_name, family)


@functools.cache
def detections() -> dict[str, Detection]:
    """All detections, by name: veilog's own first, then those that others publish too."""
    files = [*sorted(SIGMA.glob("*.yml")), *sorted((SIGMA / "published").glob("*.yml"))]
    return {found.name: found for file in files for found in _in_file(file)}


# Writing --------------------------------------------------------------------------------------------------------------


def seconds(window: str) -> int:
    """The length of a window.

    Raises:
        ValueError: if it is none.
    """
    found = _WINDOW.fullmatch(window)
    if found is None:
        raise ValueError(f"{window!r} is no window: a number with m, h or d")
    return int(found[1]) * _UNITS[found[2]]


def _in_words(window: str) -> str:
    return f"{window[:-1]} {_WORDS[window[-1]]}"


def _lengths(options: Document) -> dict[str, str]:
    """Slots for the lengths of windows."""
    found = {f"{name}_secs": str(seconds(options[name])) for name in ("window", "history") if name in options}
    if "history" in options:
        found["windows"] = str(seconds(options["history"]) // seconds(options["window"]) - 1)
    return found


def _of_conditions(found: Detection, write: Callable[[SigmaCollection], str]) -> dict[str, str]:
    parts = [write(found.part(number)) for number, rule in enumerate(found.rules) if "detection" in rule]
    return dict(zip(("condition", "second"), parts, strict=False))


def _kql_slots(found: Detection) -> dict[str, str]:
    names = [languages.kusto_name(key) for key in found.keys]
    made, lists = [], []
    for key, name in zip(found.keys, names, strict=True):
        if languages.kind_of(key) is languages.Kind.LIST:
            lists.append(f"| mv-expand {name} = {languages.kusto_dynamic(key)} to typeof(string)\n")
            made.append(name)
        else:
            field = languages.kusto_field(key)
            made.append(name if field == name else f"{name} = {field}")
    value = found.options.get("value") or found.options.get("sum")
    return {
        **_of_conditions(found, languages.kusto_condition),
        "expand": "".join(lists),
        "keys": ", ".join(made),
        "names": ", ".join(names),
        "there": " and ".join(f"isnotempty({name})" for name in names),
        "value": languages.kusto_field(value) if value else "",
    }


def _spl_slots(found: Detection) -> dict[str, str]:
    value = found.options.get("value") or found.options.get("sum")
    return {
        **_of_conditions(found, languages.splunk_rules),
        "names": " ".join(languages.splunk_field(key) for key in found.keys),
        "value": languages.splunk_field(value) if value else "",
    }


def _esql_slots(found: Detection) -> dict[str, str]:
    value = found.options.get("value") or found.options.get("sum")
    columns = languages.esql_columns(found.fields())
    return {
        **_of_conditions(found, languages.esql_condition),
        "columns": "".join(f"| EVAL {column}\n" for column in columns),
        "names": ", ".join(languages.esql_field(key) for key in found.keys),
        "there": " AND ".join(f"{languages.esql_field(key)} IS NOT NULL" for key in found.keys),
        "value": languages.esql_field(value) if value else "",
        "window": _in_words(found.options["window"]),
        "history": _in_words(found.options.get("history", "1d")),
    }


def _eql_slots(found: Detection) -> dict[str, str]:
    return {
        **_of_conditions(found, languages.eql_condition),
        "names": ", ".join(languages.eql_field(key) for key in found.keys),
    }


def _yaral_slots(found: Detection) -> dict[str, str]:
    names = [f"${key.replace('.', '_')}" for key in found.keys]
    value = found.options.get("value")
    variables = ("$e",) if found.shape is not Shape.ORDERED else ("$first", "$second")
    conditions = [languages.yara_l_condition(found.part(number), name) for number, name in enumerate(variables)]
    joined = [
        f"{languages.udm_field(key, variable)} = {name}\n    "
        for variable in variables
        for key, name in zip(found.keys, names, strict=True)
    ]
    return {
        **dict(zip(("condition", "second"), conditions, strict=False)),
        "keys": "".join(joined).rstrip(),
        "names": ", ".join(names),
        "value": languages.udm_field(value) if value else "",
        "severity": found.level.upper(),
    }


def _sql_slots(found: Detection) -> dict[str, str]:
    value = found.options.get("value") or found.options.get("sum")
    return {
        **_of_conditions(found, languages.sqlite_condition),
        "names": ", ".join(f"`{key}`" for key in found.keys),
        "there": " AND ".join(f"`{key}` IS NOT NULL" for key in found.keys),
        "value": f"`{value}`" if value else "",
    }


_SLOTS: Final[dict[Language, Callable[[Detection], dict[str, str]]]] = {
    Language.KQL: _kql_slots,
    Language.SPL: _spl_slots,
    Language.ESQL: _esql_slots,
    Language.EQL: _eql_slots,
    Language.YARAL: _yaral_slots,
    Language.SQL: _sql_slots,
}


def _from_template(found: Detection, language: Language) -> str | None:
    """A query by the template of its shape; None if there is none in this language."""
    template = TEMPLATES / f"{found.shape}.{language}"
    if not template.exists():
        return None
    slots = {name: str(value) for name, value in found.options.items()}
    slots |= {"name": found.name, "title": found.title, **_lengths(found.options), **_SLOTS[language](found)}
    return _SLOT.sub(lambda slot: slots[slot[1]], template.read_text(encoding="utf-8")).strip()


def _spl(found: Detection) -> str | None:
    if found.shape not in _BY_PYSIGMA:
        return _from_template(found, Language.SPL)
    search, _, rest = languages.splunk_rules(found.collection()).partition("\n\n")
    lines = [f"`veilog` {search}", "| dedup event_id", *rest.replace("\n\n", "\n").splitlines()]
    if found.shape is Shape.MATCH:
        lines.append("| table _time event_id caller source command model_name")
    return "\n".join(lines)


_OF_EVENT: Final = (
    "_id, _index, _version, @timestamp, user.id, user.name, source.address, event.provider, event.action, "
    "event.reason, gen_ai.request.model"
)


def _kept(found: Detection) -> str:
    """The last command: the columns of an alert."""
    if found.shape is Shape.MATCH:
        return f"| keep {_OF_EVENT}"
    names = [name if name in languages.DERIVED else languages.ecs_field(name) for name in found.keys]
    return f"| keep timebucket, {', '.join(names)}, {found.shape}"


def _esql(found: Detection) -> str | None:
    if found.shape not in _BY_PYSIGMA:
        return _from_template(found, Language.ESQL)
    query = languages.esql_rules(found.collection())
    _, _, rest = query.partition(" | where ")
    columns = languages.esql_columns(
        field for field in found.fields() if field not in found.keys or field in languages.DERIVED
    )
    rest = rest.replace(" | stats ", "\n| stats ")
    metadata = " metadata _id, _index, _version" if found.shape is Shape.MATCH else ""
    return "\n".join(
        [
            f"from {languages.INDEX}{metadata}",
            *(f"| eval {column}" for column in columns),
            f"| where {rest}",
            _kept(found),
        ]
    )


def _yaral(found: Detection) -> str | None:
    if languages.udm_lacks(found.fields()):
        return None
    return _from_template(found, Language.YARAL)


_WRITE: Final[dict[Language, Callable[[Detection], str | None]]] = {
    Language.SPL: _spl,
    Language.ESQL: _esql,
    Language.EQL: functools.partial(_from_template, language=Language.EQL),
    Language.KQL: functools.partial(_from_template, language=Language.KQL),
    Language.YARAL: _yaral,
}


@functools.cache
def queries(language: Language) -> dict[str, str]:
    """The queries in a language, by name of the detection; those it has no way to write are not there."""
    made = ((found.name, _WRITE[language](found)) for found in detections().values())
    return {name: text for name, text in made if text is not None}


def sqlite_query(found: Detection) -> str:
    """The query that the tests take for the truth: pySigma's for SQLite, or the template over its condition."""
    if found.shape in (*_BY_PYSIGMA, Shape.ORDERED):
        lists = [key for key in found.keys if languages.kind_of(key) is languages.Kind.LIST]
        return languages.sqlite_rules(found.collection(), f"events_by_{lists[0]}" if lists else "events")
    query = _from_template(found, Language.SQL)
    if query is None:
        raise ValueError(f"{found.shape} has no template for SQLite")
    return query


def _file(language: Language, name: str) -> str:
    return f"{_COMMENT[language].format(detections()[name].sentence)}\n{queries(language)[name]}\n"


def generated() -> dict[Path, Callable[[], str]]:
    """Each file of a query, and what it must hold."""
    return {
        folder / f"{name}.{language}": functools.partial(_file, language, name)
        for language, folder in FOLDERS.items()
        for name in queries(language)
    }
