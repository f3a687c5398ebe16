"""Writes what is made from code or from YAML in conf/siem/elastic; ``make generate`` runs it.

``index-template.json``: how Elasticsearch keeps what the ECS encoder writes. Which fields there are is what the
encoder's own table says (``veilog_filters.encode.ecs``). A field of ECS has the type that ECS gives it
(``tests/data/ecs``); a field below ``veilog`` has the one that its declaration in the schema asks for
(``veilog_parsers.event``).

Elasticsearch refuses a whole document for one value that does not fit its mapping, and an event that is refused is
lost. So nothing here can refuse one: malformed values are ignored, names that are too long are kept but not indexed,
keys that come from records are never fields of their own (``flattened``, or not indexed at all), and fields beyond the
limit of an index are kept without a mapping.

``rules.ndjson``: the rules of ``rules.yaml`` and the detections, as Kibana imports them.
"""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from enum import Enum
from pathlib import Path
from typing import Any, Final

import yaml

import detections
from detections import Detection, Language
from veilog_filters.encode import ecs
from veilog_filters.encode.mappings import rows
from veilog_parsers.event import AuditEvent, CleanText, Name, SensitiveText, SensitiveTree

ROOT: Final = Path(__file__).parents[1]
FOLDER: Final = ROOT / "conf" / "siem" / "elastic"
DATA_STREAMS: Final = "logs-veilog-*"
RETENTION: Final = "400d"
"""Four quarters and the weeks in which the last one is reported."""

_ECS_TYPES: Final[dict[str, dict[str, Any]]] = json.loads(
    (ROOT / "tests" / "data" / "ecs" / "fields.json").read_text(encoding="utf-8")
)
_PRIORITY: Final = 200
"""Above the 100 of Elastic's own template for ``logs-*-*``."""
_KEYWORD: Final = {"type": "keyword", "ignore_above": 1024}
"""As ECS has its keywords."""
_TEXT: Final = {"type": "match_only_text"}
_COUNTS: Final = {"type": "object", "dynamic": True}
"""Numbers by entity type, a field for each type: their names are constants of the configuration."""
_LABELS: Final = {"type": "flattened", "ignore_above": 1024}
"""Keys with dots in them, of which one can be the beginning of another."""
_UNREAD: Final = {"type": "object", "enabled": False}
"""A record's own tree: kept and shown, not indexed."""
_TIME: Final = {"type": "date", "ignore_malformed": False}
"""A data stream takes no other; the encoder writes RFC 3339 alone."""
_NUMBERS: Final[dict[Any, dict[str, Any]]] = {
    bool: {"type": "boolean"},
    int: {"type": "long"},
    float: {"type": "double"},
}
_COMPLETE: Final = {
    "kind": "ai_access",
    "source": "other",
    "user_id": "u1",
    "client_ip": "192.0.2.7",
    "host": "h1",
    "prompt_hash": "p1",
    "outcome_status": "success",
}
"""An event with all that the encoder's ``begin`` and ``finish`` make something of."""


def _options(hint: Any) -> list[Any]:
    is_union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    return [option for option in (typing.get_args(hint) if is_union else (hint,)) if option is not types.NoneType]


def _declared(field: str) -> Any:
    """The type of a field of ``veilog/1``; parts of objects have a dot."""
    hint: Any = AuditEvent
    for part in field.split("."):
        kind = next(option for option in _options(hint) if dataclasses.is_dataclass(option))
        hint = typing.get_type_hints(kind)[part]
    return hint


def _mapping(hint: Any) -> dict[str, Any]:
    """How a value of a type of the schema is kept."""
    options = [option for option in _options(hint) if option is not SensitiveText]
    if SensitiveTree in options:
        return _UNREAD
    first = options[0]
    arguments = typing.get_args(first)
    if typing.get_origin(first) is dict:
        return _COUNTS if arguments[1] is int else _LABELS
    if typing.get_origin(first) is list:
        return _mapping(arguments[0])
    if dataclasses.is_dataclass(first):
        return {"properties": {name: _mapping(part) for name, part in typing.get_type_hints(first).items()}}
    if CleanText in options and Name not in options:
        return _TEXT
    if isinstance(first, type) and issubclass(first, Enum):
        return _KEYWORD
    return _NUMBERS.get(first, _KEYWORD)


def _of_ecs(path: str) -> dict[str, Any]:
    if path == "@timestamp":
        return _TIME
    kind = _ECS_TYPES[path]["type"]
    return _KEYWORD if kind == "keyword" else {"type": kind}


def _leaves(tree: dict[str, Any], prefix: str = "") -> list[str]:
    found = []
    for key, value in tree.items():
        found += _leaves(value, f"{prefix}{key}.") if isinstance(value, dict) else [prefix + key]
    return found


def fields() -> dict[str, dict[str, Any]]:
    """Every field that the ECS encoder writes, with dots, and its mapping."""
    extension = f"{ecs.TABLE.extension}."
    found = {place: _mapping(_declared(name)) for name, place in ecs.TABLE.fallbacks().items()}
    for row in rows(ecs.TABLE):
        is_extension = row.target.startswith(extension)
        found[row.target] = _mapping(_declared(row.field)) if is_extension else _of_ecs(row.target)
    for path in _leaves(ecs.TABLE.compiled()(_COMPLETE)):
        if path not in found:
            found[path] = _of_ecs(path)
    return found


def _nested(flat: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Mappings by dotted path, as objects in objects."""
    top: dict[str, Any] = {}
    for path, mapping in sorted(flat.items()):
        *above, last = path.split(".")
        place = top
        for key in above:
            place = place.setdefault(key, {"properties": {}})["properties"]
        place[last] = mapping
    return top


def template() -> str:
    """The index template, as ``PUT _index_template/veilog`` takes it."""
    document = {
        "index_patterns": [DATA_STREAMS],
        "data_stream": {},
        "priority": _PRIORITY,
        "_meta": {"description": f"Events of veilog in ECS {ecs.VERSION}; made from the encoder's table."},
        "template": {
            "lifecycle": {"data_retention": RETENTION},
            "settings": {
                "index.mapping.ignore_malformed": True,
                "index.mapping.total_fields.ignore_dynamic_beyond_limit": True,
            },
            "mappings": {
                "dynamic_templates": [
                    {
                        "counts_by_entity_type": {
                            "path_match": [
                                "veilog.findings.prompt.*",
                                "veilog.findings.response.*",
                                "veilog.leakage.entities.*",
                            ],
                            "mapping": {"type": "long"},
                        }
                    },
                    {"time_of_fluent_bit": {"path_match": "event.created", "mapping": {"type": "date"}}},
                    {"other_names": {"match_mapping_type": "string", "mapping": _KEYWORD}},
                ],
                "date_detection": False,
                "properties": _nested(fields()),
            },
        },
    }
    return json.dumps(document, indent=2) + "\n"


_SEVERITIES: Final = {"informational": ("low", 1), "low": ("low", 21), "medium": ("medium", 47), "high": ("high", 73)}
_HOUR_MINUTES: Final = 60
_LATE_MINUTES: Final = 5


def _reach_minutes(found: Detection) -> int:
    """How far back a rule of each hour looks: to the beginning of a window that ends in the last hour."""
    lengths = [detections.seconds(found.options[name]) for name in ("window", "history") if name in found.options]
    return max([*lengths, 0]) // 60 + _HOUR_MINUTES + _LATE_MINUTES


def _rule(found: Detection, language: Language, query: str) -> dict[str, Any]:
    severity, score = _SEVERITIES[found.level]
    return {
        "rule_id": f"veilog-{found.name.replace('_', '-')}",
        "name": f"[veilog] {found.title}",
        "description": found.about,
        "type": str(language),
        "language": str(language),
        **({"index": [DATA_STREAMS]} if language is Language.EQL else {}),
        "query": query,
        "interval": "1h",
        "from": f"now-{_reach_minutes(found)}m",
        "to": "now",
        "severity": severity,
        "risk_score": score,
        "false_positives": list(found.false_positives),
        "tags": ["veilog", "Domain: LLM", *found.frameworks],
        "enabled": not found.published,
    }


def rules() -> str:
    """The rules, one on each line, as Kibana's import takes them."""
    found = yaml.safe_load((FOLDER / "rules.yaml").read_text(encoding="utf-8"))
    for language in (Language.ESQL, Language.EQL):
        for name, query in detections.queries(language).items():
            found.append(_rule(detections.detections()[name], language, query))
    return "".join(json.dumps(rule) + "\n" for rule in found)
