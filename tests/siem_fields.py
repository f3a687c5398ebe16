"""Which fields an encoder writes, and which of them the content for a SIEM asks for."""

from __future__ import annotations

import dataclasses
import functools
import importlib
import json
import re
import typing
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

from facts import event_from, full
from samples import SAMPLES
from schema_definitions import leaves
from veilog_filters import plugins
from veilog_filters.encode.mappings import TABLES, rows
from veilog_parsers.event import AuditEvent

_ESQL_IGNORED: Final = re.compile(r'"""(?s:.)*?"""|"(?:\\.|[^"\\])*"|//[^\n]*|(?s:/\*.*?\*/)|\bFROM\s+[^|\n]+')
"""Texts, comments, and the names of data streams."""
_ESQL_FIELD: Final = re.compile(r"`([^`]+)`|(@timestamp|[A-Za-z_][A-Za-z_0-9]*(?:\.[A-Za-z_@][A-Za-z_0-9]*)+)")


@functools.cache
def emitted(schema: str) -> frozenset[str]:
    """The fields that the encoder of a schema writes, with dots: all rows of its tables, and what it makes of events."""
    module, _, attribute = plugins.BUILT_IN["encoders"][schema].partition(":")
    encode = getattr(importlib.import_module(module), attribute).encode
    found = {row.target for table in TABLES[schema] for row in rows(table)}
    found |= {place for table in TABLES[schema] for place in table.fallbacks().values()}
    found |= {f"{row.target}.{part}" for table in TABLES[schema] for row in rows(table) for part in _parts(row.field)}
    events = [event for path in SAMPLES.rglob("*.out.json") for event in json.loads(path.read_text(encoding="utf-8"))]
    events.append(json.loads(json.dumps(event_from(partial(full, "a1b2c3d4")))))
    for event in events:
        found |= {path for path, _ in leaves(encode(event))}
    return frozenset(found)


def _parts(field: str) -> Iterator[str]:
    """The parts of the objects that a field has a list of."""
    for option in typing.get_args(typing.get_type_hints(AuditEvent).get(field)):
        for kind in typing.get_args(option):
            if dataclasses.is_dataclass(kind):
                yield from (part.name for part in dataclasses.fields(kind))


def unknown(fields: Iterator[str], schema: str) -> set[str]:
    """The fields that the encoder writes neither as values nor as objects around values."""
    known = emitted(schema)
    return {name for name in fields if name not in known and not any(path.startswith(f"{name}.") for path in known)}


def esql_fields(query: str) -> Iterator[str]:
    """The fields that an ES|QL query reads. All fields of ECS but the time have a dot; columns that a query makes have none.

    In rules, whose columns become fields of alerts, they begin with ``Esql.``, as Elastic has them in its own.
    """
    for quoted, bare in _ESQL_FIELD.findall(_ESQL_IGNORED.sub(" ", query)):
        name = quoted or bare
        if not name.startswith("Esql."):
            yield name


def strings(value: Any, key: str) -> Iterator[str]:
    """The texts under a key, anywhere in a JSON document, also in the documents that are texts in it (``panelsJSON``)."""
    if isinstance(value, dict):
        for name, item in value.items():
            if name == key and isinstance(item, str):
                yield item
            else:
                yield from strings(json.loads(item) if name.endswith("JSON") else item, key)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item, key)


def ndjson(path: Path) -> list[dict[str, Any]]:
    """The documents of a file with one on each line."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def esql_queries(path: Path) -> list[str]:
    """The ES|QL queries of a file of conf/siem/elastic: a query, or saved objects and rules with queries in them."""
    if path.suffix == ".esql":
        return [path.read_text(encoding="utf-8")]
    documents = [document for document in ndjson(path) if document.get("language") != "eql"]
    return list(dict.fromkeys(query for key in ("esql", "query") for query in strings(documents, key) if query))


def elastic_fields(path: Path) -> Iterator[str]:
    """The fields that a file of conf/siem/elastic asks for."""
    if path.parent.name == "response":
        yield from mustache_fields(path)
        return
    if path.name == "index-template.json":
        yield from _mapped(json.loads(path.read_text(encoding="utf-8"))["template"]["mappings"]["properties"])
        return
    for query in [path.read_text(encoding="utf-8")] if path.suffix == ".eql" else esql_queries(path):
        yield from esql_fields(query)
    if path.suffix == ".ndjson":
        for key in ("sourceField", "timeField", "timeFieldName", "field"):
            yield from strings(ndjson(path), key)


def mustache_fields(path: Path) -> Iterator[str]:
    """The fields of alerts that the actions of a rule ask for, in the language of Kibana's templates."""
    for body in strings(json.loads(path.read_text(encoding="utf-8")), "body"):
        for section in re.findall(r"\{\{#context\.alerts\}\}(.*?)\{\{/context\.alerts\}\}", body, re.DOTALL):
            yield from re.findall(r"\{\{\{?([@\w.]+)\}", section)


def _mapped(properties: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for name, mapping in properties.items():
        if "properties" in mapping:
            yield from _mapped(mapping["properties"], f"{prefix}{name}.")
        else:
            yield prefix + name
