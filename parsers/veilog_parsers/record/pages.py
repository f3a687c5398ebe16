"""Opens pages and files of exports: objects that have many records, and facts that belong to all of them.

The APIs of tracing products answer with pages (``data``, ``runs``, ``events``), and their traces hold their spans:
MLflow's under ``data.spans``, Langfuse's under ``observations``. LibreChat exports a conversation with its messages.
What such an object says of the user or the session is given to each record in it, under the name that the record
itself would have. What else an object has beside its records, if it could be prose, goes with the first record, under
the key ``page``: so it is read, or counted as unmapped.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from veilog_parsers.record.decoding import keep_under
from veilog_parsers.record.dropped import DUPLICATE, NOISE, note_dropped
from veilog_parsers.record.fields import objects_from
from veilog_parsers.record.prose import may_hold_prose
from veilog_parsers.record.raw import Fields

Opener = Callable[[Fields], list[Any] | None]
_BESIDE: Final = "page"
_MLFLOW_METADATA: Final = ("trace_metadata", "request_metadata")


def _without(fields: Fields, *keys: str) -> Fields:
    return {key: value for key, value in fields.items() if key not in keys}


def _records(items: list[Any], shared: Fields, *beside: Fields) -> list[Any]:
    """Records with the facts that all share; the first one, which is an object, gets the prose that stood beside them.

    What else stood there is dropped: how to get the next page, and what the records say themselves.
    """
    opened = _given(items, shared)
    unneeded = {
        key: value for key, value in shared.items() if all(type(item) is dict and key in item for item in items)
    }
    rest: list[Fields] = []
    for fields, why in (*((fields, NOISE) for fields in beside), (unneeded, DUPLICATE)):
        if may_hold_prose(fields):
            rest.append(fields)
        else:
            for key, value in fields.items():
                note_dropped(key, value, why)
    if rest:
        if _BESIDE in opened[0]:
            keep_under(opened[0], _BESIDE, opened[0][_BESIDE])
        opened[0][_BESIDE] = rest
    return opened


def _given(items: list[Any], shared: Fields) -> list[Any]:
    """Records with the facts that all share, where they do not have them."""
    return [shared | item if type(item) is dict else item for item in items]


def _data(fields: Fields) -> list[Any] | None:
    """Datadog's spans: a page of the export, or what an SDK sends: many spans with common tags."""
    data = fields["data"]
    if type(data) is dict:
        attributes = data.get("attributes")
        if type(attributes) is not dict or "ml_app" not in attributes:
            return None
        spans = objects_from(attributes.get("spans"))
        if spans is None:
            return None
        shared = {key: attributes[key] for key in ("ml_app", "session_id", "tags") if key in attributes}
        rest = _without(attributes, "spans", *shared)
        return _records(spans, shared, rest, _without(data, "attributes"), _without(fields, "data"))
    items = objects_from(data)
    first = items[0].get("attributes") if items else None
    if items is None or type(first) is not dict or "ml_app" not in first or "span_id" not in first:
        return None
    return _records(items, {}, _without(fields, "data"))


def _trace(fields: Fields) -> list[Any] | None:
    """A trace of MLflow: the first span gets the whole info, the others what it says of user and session."""
    info, data = fields["info"], fields.get("data")
    if type(info) is not dict or not ("trace_id" in info or "request_id" in info) or type(data) is not dict:
        return None
    beside = (_without(data, "spans"), _without(fields, "info", "data"))
    spans = objects_from(data.get("spans"))
    if spans is None:
        return _records([info], {}, data, beside[1])
    common = {key: info[key] for key in _MLFLOW_METADATA if type(info.get(key)) is dict}
    opened = _records(spans, {}, *beside)
    for number, span in enumerate(opened):
        if type(span) is dict:
            span["trace_info"] = info if number == 0 else {key: dict(value) for key, value in common.items()}
    return opened


def _observations(fields: Fields) -> list[Any] | None:
    """A trace of Langfuse with its observations in full: the trace first, then they, with its user and session."""
    observations = objects_from(fields["observations"])
    if observations is None or "traceId" not in observations[0]:
        return None
    shared: Fields = {key: fields[key] for key in ("userId", "sessionId", "environment") if key in fields}
    return [_without(fields, "observations"), *_given(observations, shared)]


def _runs(fields: Fields) -> list[Any] | None:
    runs = objects_from(fields["runs"])
    return _records(runs, {}, _without(fields, "runs")) if runs and "run_type" in runs[0] else None


def _is_new_relics(event: Fields) -> bool:
    return "vendor" in event and "ingest_source" in event


def _events(fields: Fields) -> list[Any] | None:
    """A page of Braintrust's rows, or New Relic's events, as a query returns them."""
    events = objects_from(fields["events"])
    if events is None or not ("_xact_id" in events[0] or _is_new_relics(events[0])):
        return None
    return _records(events, {}, _without(fields, "events"))


def _results(fields: Fields) -> list[Any] | None:
    """New Relic's answer to a query: results with events in them, or the events themselves."""
    results = objects_from(fields["results"])
    if results is None:
        return None
    beside = _without(fields, "results")
    if _is_new_relics(results[0]):
        return _records(results, {}, beside)
    found = [_events(result) if type(result) is dict and "events" in result else None for result in results]
    opened = [event for events in found for event in events or ()]
    return _records(opened, {}, beside) if opened and all(found) else None


def _conversation(fields: Fields) -> list[Any] | None:
    """A conversation that LibreChat exported: its messages, each with the endpoint and the model."""
    messages = objects_from(fields.get("messages"))
    if messages is None or "conversationId" not in fields:
        return None
    shared: Fields = {key: fields[key] for key in ("conversationId", "endpoint") if key in fields}
    beside = _without(fields, "messages", *shared)
    options = fields.get("options")
    if type(options) is dict and "model" in options:
        shared["model"] = options["model"]
        beside["options"] = _without(options, "model")
    return _records(messages, shared, beside)


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
