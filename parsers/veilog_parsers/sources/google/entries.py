"""Entries of Cloud Logging that are no audit entries: what all of them have around their ``jsonPayload``.

A sink to BigQuery writes the keys of ``jsonPayload`` in lower case, so parsers rename them (``rename_keys``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from veilog_parsers.event import AuditEvent, Cloud
from veilog_parsers.record.dropped import Why
from veilog_parsers.record.fields import as_identifier, drop, drop_keys, drop_known, ignored_keys, peek, pop_identifier
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import pop_time
from veilog_parsers.sources.google.gcp_audit import GCP

_LOG: Final = re.compile(r"projects/([^/\s]{1,128})/logs/(\S{1,256})")
_TRACE: Final = re.compile(r"(?:projects/[^/\s]{1,128}/traces/)?([0-9a-fA-F]{16,32})")
_PROJECT_LABELS: Final = ("project_id", "resource_container")
_IGNORED_KEYS: Final = ignored_keys("logName receiveTimestamp severity traceSampled:flag")
_IGNORED_LABELS: Final = ignored_keys("instance_id location method project_id service")


def log_id(fields: Fields) -> str:
    """The id of an entry's log, decoded, for example ``modelarmor.googleapis.com/sanitize_operations``; "" for none."""
    name = fields.get("logName")
    match = _LOG.fullmatch(name) if type(name) is str else None
    return match[2].replace("%2F", "/") if match else ""


def payload_of(fields: Fields) -> Fields:
    """The payload of an entry; empty if it has none."""
    payload = fields.get("jsonPayload")
    return payload if type(payload) is dict else {}


def payload_type(fields: Fields) -> str:
    """The type of the payload, for example ``google.cloud.modelarmor.logging.v1.SanitizeOperationLogEntry``."""
    kind = peek(fields, "jsonPayload", "@type")
    return kind.rpartition("/")[2] if type(kind) is str else ""


def rename_keys(fields: Any, names: Mapping[str, str]) -> Fields:
    """Rename keys in lower case to those that Cloud Logging writes; return the object, empty if it is none."""
    if type(fields) is not dict:
        return {}
    for key in [key for key in fields if key in names and names[key] not in fields]:
        fields[names[key]] = fields.pop(key)
    return fields


def read_entry(fields: Fields, event: AuditEvent, *, known: frozenset[str]) -> None:
    """Read time, project, place and trace of an entry.

    Args:
        fields: the entry.
        event: the event to fill.
        known: ids of logs and types of resources that the source reads: they tell no more, and go.
    """
    event.timestamp = pop_time(fields, "timestamp") or pop_time(fields, "receiveTimestamp")
    if event.request_id is None:
        event.request_id = pop_identifier(fields, "insertId")
    else:
        drop(fields, "insertId", why=Why.DUPLICATE)
    name = fields.get("logName")
    in_name = _LOG.match(name) if type(name) is str else None
    for label in _PROJECT_LABELS:
        project = peek(fields, "resource", "labels", label)
        if event.tenant_id is None and type(project) is str:
            event.tenant_id = as_identifier(project.removeprefix("projects/"))
            drop(fields, ("resource", "labels", label))
    if event.tenant_id is None and in_name:
        event.tenant_id = as_identifier(in_name[1])
    event.cloud = event.cloud or Cloud(provider=GCP)
    event.cloud.account_id = event.tenant_id
    event.cloud.region = event.cloud.region or pop_identifier(fields, "resource", "labels", "location")
    trace = fields.get("trace")
    in_trace = _TRACE.fullmatch(trace) if type(trace) is str else None
    if in_trace:
        event.trace_id = as_identifier(in_trace[1])
        drop_known(fields, "trace", Why.DUPLICATE)
    event.span_id = pop_identifier(fields, "spanId")
    if log_id(fields) in known:
        drop_known(fields, "logName", Why.DUPLICATE)
    kind = peek(fields, "resource", "type")
    if type(kind) is str and kind in known:
        drop_known(fields["resource"], "type", Why.DUPLICATE)
    drop(fields, ("resource", "type"))
    labels = peek(fields, "resource", "labels")
    if type(labels) is dict:
        drop_keys(labels, _IGNORED_LABELS)
    drop_keys(fields, _IGNORED_KEYS)
