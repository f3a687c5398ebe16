"""What the targets' own definitions say of events that were written in their schemas."""

from __future__ import annotations

import functools
import ipaddress
import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import jsonschema
import opentelemetry.semconv
from google.protobuf.json_format import ParseDict
from ocsf_json_schema import OcsfJsonSchemaEmbedded
from ocsf_json_schema.loader import get_ocsf_schema
from opentelemetry.proto.logs.v1.logs_pb2 import LogsData

from samples import ROOT
from veilog_filters.encode import asim, ecs, ocsf

DATA = ROOT / "tests" / "data"
Written = dict[str, Any]


def leaves(value: Any, path: str = "", *, through_lists: bool = True) -> Iterator[tuple[str, Any]]:
    """The values of a tree, with dotted paths."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, f"{path}.{key}" if path else key, through_lists=through_lists)
    elif isinstance(value, list) and through_lists:
        for item in value:
            yield from leaves(item, path)
    else:
        yield path, value


def table(name: str) -> Any:
    return json.loads((DATA / name).read_text(encoding="utf-8"))


@functools.cache
def _ocsf(class_uid: int, profiles: str) -> jsonschema.Draft202012Validator:
    embedded = OcsfJsonSchemaEmbedded(get_ocsf_schema(ocsf.VERSION))
    name = embedded.lookup_class_name_from_uid(class_uid)
    return jsonschema.Draft202012Validator(embedded.get_class_schema(name, profiles.split(",")))


def check_ocsf(written: Written) -> None:
    _ocsf(written["class_uid"], ",".join(written["metadata"]["profiles"])).validate(written)
    assert written["type_uid"] == written["class_uid"] * 100 + written["activity_id"]
    assert written["category_uid"] == written["class_uid"] // 1000


ECS: Final = table("ecs/fields.json")
IS_OF: Final[dict[str, Callable[[Any], bool]]] = {
    "keyword": lambda value: type(value) is str,
    "constant_keyword": lambda value: type(value) is str,
    "wildcard": lambda value: type(value) is str,
    "match_only_text": lambda value: type(value) is str,
    "boolean": lambda value: type(value) is bool,
    "long": lambda value: type(value) is int,
    "integer": lambda value: type(value) is int,
    "date": lambda value: datetime.fromisoformat(value).tzinfo is not None,
    "ip": lambda value: bool(ipaddress.ip_address(value)),
}


def check_ecs(written: Written) -> None:
    assert written["ecs"]["version"] == ecs.VERSION
    assert "@timestamp" in written
    for path, value in leaves({key: item for key, item in written.items() if key != "veilog"}, through_lists=False):
        field = ECS[path]
        for item in value if field.get("array") else [value]:
            assert IS_OF[field["type"]](item), path
            assert not field.get("allowed") or item in field["allowed"], path
    event = written["event"]
    for category in event.get("category", ()):
        assert set(event["type"]) <= set(ECS["event.category"]["expected_event_types"][category])


def _attributes() -> frozenset[str]:
    """Names of attributes, from the published constants of both states of stability."""
    names = re.compile(r'^[A-Z_0-9]+: Final = \(?\s*"([a-z0-9_.]+)"', re.MULTILINE)
    files = [file for folder in opentelemetry.semconv.__path__ for file in Path(folder).rglob("*_attributes.py")]
    return frozenset(name for file in files for name in names.findall(file.read_text(encoding="utf-8")))


OTEL: Final = _attributes()
OF_GENAI: Final = frozenset({"gen_ai.client.operation.duration", "gen_ai.response.time_to_first_chunk"})
"""A metric of the conventions that is written as an attribute, and an attribute of the GenAI repository's 0.1.0."""
_OTLP: Final = {"stringValue": str, "intValue": str, "doubleValue": float, "boolValue": bool}


def check_otel(written: Written) -> None:
    # Refuses what is no field of OTLP, and a value of another type.
    ParseDict(written, LogsData())
    (resource,) = written["resourceLogs"]
    (scope,) = resource["scopeLogs"]
    (record,) = scope["logRecords"]
    assert re.fullmatch("[0-9]{1,19}", record["timeUnixNano"])
    assert re.fullmatch("([0-9A-Fa-f]{32})?", record.get("traceId", ""))
    assert re.fullmatch("([0-9A-Fa-f]{16})?", record.get("spanId", ""))
    for attribute in record["attributes"]:
        key = attribute["key"]
        assert key.startswith("veilog.") or key in OTEL or key in OF_GENAI, key
        _check_value(attribute["value"])


def _check_value(value: dict[str, Any]) -> None:
    if not value:
        # A null.
        return
    ((kind, item),) = value.items()
    if kind == "arrayValue":
        for inner in item["values"]:
            _check_value(inner)
    elif kind == "kvlistValue":
        for pair in item["values"]:
            assert type(pair["key"]) is str
            _check_value(pair["value"])
    else:
        assert type(item) is _OTLP[kind]


CIM: Final = table("cim/fields.json")
_ACTIONS: Final = {
    "Web": {"allowed", "blocked", "failure", "unknown"},
    "Change": {"created", "read", "modified", "deleted", "unknown"},
}
_NEEDED: Final = {
    "Web": ("action", "app", "dest", "vendor_product"),
    "Change": ("action", "change_type", "dest", "object", "status", "vendor_product"),
}
"""Fields of the models that every event can have; the others depend on what the source tells."""


def check_cim(written: Written) -> None:
    assert set(written) <= {"time", "host", "source", "sourcetype", "event"}
    assert type(written["time"]) is float
    event = written["event"]
    model = {"veilog:ai_access": "Web", "veilog:ai_control_plane": "Change"}.get(written["sourcetype"])
    if model is None:
        return
    for name in _NEEDED[model]:
        assert name in CIM[model], name
        assert event[name], name
    assert event["action"] in _ACTIONS[model]
    for name, value in event.items():
        expected = CIM[model].get(name, {}).get("expected_values")
        assert not expected or str(value) in expected, name


_COLUMNS: Final[dict[str, Callable[[Any], bool]]] = {
    "string": lambda value: type(value) is str,
    "datetime": lambda value: datetime.fromisoformat(value).tzinfo is not None,
    "int": lambda value: type(value) is int,
    "long": lambda value: type(value) is int,
    "dynamic": lambda value: type(value) in (dict, list),
}
_AGENT: Final = table("asim/agent_event.json")
_AUDIT: Final = table("asim/audit_event.json") | {"EventSchema": "string", "Dvc": "string"}
"""ASIM requires two columns that the table's own parser adds."""
_AUDIT_VALUES: Final = {
    "EventType": {"Set", "Read", "Create", "Delete", "Other"},
    "EventResult": {"Success", "Failure", "NA"},
    "ObjectType": {"Cloud Resource", "Service"},
    "ActorUserType": {"Regular", "Service", "Anonymous", "Other"},
    "ActorUsernameType": {"UPN", "Simple"},
}
_REQUIRED: Final = {"EventCount", "EventStartTime", "EventEndTime", "EventProduct", "EventVendor", "EventSchema"}
_REQUIRED_OF_AUDIT: Final = _REQUIRED | {"EventType", "EventResult", "Dvc", "Operation", "Object", "ObjectType"}


def check_asim(written: Written) -> None:
    is_agent = written["EventSchema"] == "AgentEvent"
    columns = _AGENT if is_agent else _AUDIT
    assert set(written) >= (_REQUIRED if is_agent else _REQUIRED_OF_AUDIT)
    assert written["EventSchemaVersion"] == (asim.AGENT_VERSION if is_agent else asim.AUDIT_VERSION)
    for name, value in written.items():
        assert _COLUMNS[columns[name]](value), name
        assert is_agent or name not in _AUDIT_VALUES or value in _AUDIT_VALUES[name], name
        # A field of the Logs Ingestion API is cut at 64 KB.
        assert len(json.dumps(value)) < 65_536


UDM: Final = table("udm/fields.json")


def check_udm(written: Written) -> None:
    assert written["metadata"]["eventTimestamp"]
    assert written["metadata"]["eventType"]
    assert written["principal"]
    if written["metadata"]["eventType"].startswith("USER_RESOURCE"):
        assert written["principal"]["user"]
        assert written["target"]["resource"]["name"]
    for path, value in leaves({key: item for key, item in written.items() if key != "additional"}):
        kind = UDM[path]
        if isinstance(kind, list):
            assert value in kind, path
        else:
            assert {
                "string": lambda value: type(value) is str,
                "strings": lambda value: type(value) is str,
                "integer": lambda value: type(value) is int,
                "time": lambda value: datetime.fromisoformat(value).tzinfo is not None,
                "addresses": lambda value: bool(ipaddress.ip_address(value)),
            }[kind](value), path


CHECKS: Final[dict[str, Callable[[Written], None]]] = {
    "ocsf": check_ocsf,
    "ecs": check_ecs,
    "otel": check_otel,
    "splunk_cim": check_cim,
    "asim": check_asim,
    "udm": check_udm,
}
