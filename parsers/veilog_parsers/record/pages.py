"""Opens pages and files of exports: objects that have many records, and facts that belong to all of them.

The APIs of tracing products answer with pages (``data``, ``runs``, ``events``), and their traces hold their spans:
MLflow's under ``data.spans``, Langfuse's under ``observations``. LibreChat exports a conversation with its messages.
What such an object says of the user or the session is given to each record in it, under the name that the record
itself would have. The object's own texts (previews, titles) go with the first record, so that none is lost.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from veilog_parsers.record.raw import Fields

Opener = Callable[[Fields], list[Any] | None]


def _objects(value: Any) -> list[Any] | None:
    return value if type(value) is list and value and type(value[0]) is dict else None


def _with_shared(records: list[Any], shared: Fields, rest: Fields, key: str) -> list[Any]:
    """Records with the facts that all share, where they do not have them; the first one also gets the rest."""
    opened: list[Any] = []
    for number, record in enumerate(records):
        if type(record) is dict:
            record = shared | record
            if number == 0 and rest:
                record[key] = rest
        opened.append(record)
    return opened


def _split(fields: Fields, without: str, *shared: str) -> tuple[Fields, Fields]:
    common = {key: fields[key] for key in shared if key in fields}
    return common, {key: value for key, value in fields.items() if key != without and key not in common}


def _data(fields: Fields) -> list[Any] | None:
    """Datadog's spans: a page of the export, or what an SDK sends: many spans with common tags."""
    data = fields["data"]
    if type(data) is dict:
        attributes = data.get("attributes")
        if type(attributes) is not dict or "ml_app" not in attributes:
            return None
        spans = _objects(attributes.get("spans"))
        if spans is None:
            return None
        shared, rest = _split(attributes, "spans", "ml_app", "session_id", "tags")
        return _with_shared(spans, shared, rest, "page")
    items = _objects(data)
    first = items[0].get("attributes") if items else None
    return items if type(first) is dict and "ml_app" in first and "span_id" in first else None


def _trace(fields: Fields) -> list[Any] | None:
    """A trace of MLflow: the first span gets the whole info, the others what it says of user and session."""
    info, data = fields["info"], fields.get("data")
    if type(info) is not dict or not ("trace_id" in info or "request_id" in info):
        return None
    spans = _objects(data.get("spans")) if type(data) is dict else None
    if spans is None:
        return [info] if data in (None, {}) or (type(data) is dict and not data.get("spans")) else None
    shared = {key: dict(info[key]) for key in _MLFLOW_METADATA if type(info.get(key)) is dict}
    opened = []
    for number, span in enumerate(spans):
        if type(span) is dict:
            span = span | {"trace_info": info if number == 0 else {key: dict(value) for key, value in shared.items()}}
        opened.append(span)
    return opened


_MLFLOW_METADATA: Final = ("trace_metadata", "request_metadata")


def _observations(fields: Fields) -> list[Any] | None:
    """A trace of Langfuse with its observations in full: the trace first, then they, with its user and session."""
    observations = _objects(fields["observations"])
    if observations is None or "traceId" not in observations[0]:
        return None
    shared, rest = _split(fields, "observations", "userId", "sessionId", "environment")
    trace = shared | rest
    return [trace, *_with_shared(observations, shared, {}, "")]


def _runs(fields: Fields) -> list[Any] | None:
    runs = _objects(fields["runs"])
    return runs if runs and "run_type" in runs[0] else None


def _events(fields: Fields) -> list[Any] | None:
    """A page of Braintrust's rows, or New Relic's events, as a query returns them."""
    events = _objects(fields["events"])
    known = events and ("_xact_id" in events[0] or ("vendor" in events[0] and "ingest_source" in events[0]))
    return events if known else None


def _results(fields: Fields) -> list[Any] | None:
    """New Relic's answer to a query: results with events in them, or the events themselves."""
    results = _objects(fields["results"])
    if results is None:
        return None
    if "vendor" in results[0] and "ingest_source" in results[0]:
        return results
    found = [_events(result) if type(result) is dict and "events" in result else None for result in results]
    return [event for events in found for event in events or ()] if all(found) else None


def _conversation(fields: Fields) -> list[Any] | None:
    """A conversation that LibreChat exported: its messages, each with the endpoint and the model."""
    messages = _objects(fields.get("messages"))
    if messages is None or "conversationId" not in fields:
        return None
    options = fields.get("options")
    shared, rest = _split(fields, "messages", "conversationId", "endpoint")
    if type(options) is dict and "model" in options:
        shared["model"] = options["model"]
    return _with_shared(messages, shared, rest, "conversation")


PAGES: Final[dict[str, Opener]] = {
    "data": _data,
    "info": _trace,
    "observations": _observations,
    "runs": _runs,
    "events": _events,
    "results": _results,
    "exportAt": _conversation,
}
"""Openers by the key by which a page is known."""

CONTENTS: Final[dict[str, tuple[str, ...]]] = {
    "data": ("data",),
    "info": ("info", "data"),
    "runs": ("runs",),
    "events": ("events",),
    "results": ("results",),
}
"""The keys under which pages have their records. A trace of Langfuse and a conversation are part of their records."""
