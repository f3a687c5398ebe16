"""What coding agents tell of themselves: OpenTelemetry events and spans, and the input of hooks.

Claude Code, Codex and Gemini CLI each have their own events, with flat names of attributes (``model``, ``tool_name``).
They tell the same: what the user asked, each request to the model, each decision about a tool and each call of one. So
one reader serves all, with a table of attributes (see ``otel.facts``) and a table of events for each::

    claude_code.user_prompt              ai_access         invoke_agent
    claude_code.permission_mode_changed  ai_control_plane  -

The arguments of a tool are the prompt and its result is the response, as everywhere a tool runs. Texts that the agent
was told to withhold (``<REDACTED>``) are none; their lengths are kept. A tool that was not permitted is ``denied``, and
the error's code tells by whom or by what.

Names of texts in the tables, beside those of facts: ``system``, ``prompt``, ``response``, ``arguments``, ``result``
(texts); ``request_body``, ``response_body`` (bodies of the model's API, whole or cut off); ``tool``; ``decision``,
``decided_by``, ``blocked``, ``success``, ``error``, ``error_type``, ``server_status`` (how it ended); ``scopes``,
``target`` (what an event of the control plane tells); ``turn`` (what all events of one prompt have), ``credential``,
``time``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from veilog_parsers.bodies.exchange import Exchange
from veilog_parsers.bodies.read import decode_body, read_request, read_response
from veilog_parsers.bodies.rest import drop_repeated
from veilog_parsers.bodies.turns import pop_serialized
from veilog_parsers.event import (
    AuditEvent,
    Change,
    Constant,
    Credential,
    CredentialType,
    Kind,
    Mcp,
    Operation,
    Outcome,
    Role,
    SensitiveText,
    Text,
    Timestamp,
    ToolCall,
    UserType,
)
from veilog_parsers.record.dropped import Why, note_dropped
from veilog_parsers.record.fields import (
    Path,
    as_identifier,
    dicts,
    drop,
    drop_keys,
    drop_known,
    ignored_keys,
    open_json,
    peek,
    pop_count,
    pop_first,
    pop_flag,
    pop_identifier,
    pop_str,
    pop_text,
    pop_word,
    withhold,
)
from veilog_parsers.record.otlp import agent_event
from veilog_parsers.record.outcomes import outcome_of_error, outcome_of_status
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import from_epoch_ns, pop_time
from veilog_parsers.sources.facts import add_cached_tokens
from veilog_parsers.sources.otel.facts import Table
from veilog_parsers.sources.otel.resources import read_resource

T = TypeVar("T")

_FIRST_ERROR: Final = 400
_NANOS: Final = 1_000_000_000
_NANOS_PER_MS: Final = 1_000_000
_TOOLS_CALL: Final = Constant("tools/call")
_TOOL_ERROR: Final = Constant("tool_error")
"""OpenTelemetry's name for a tool's own failure."""
_REDACTED: Final = ("<REDACTED>", "[REDACTED]")
_DENIALS: Final = frozenset(("abort", "aborted", "block", "denied", "deny", "reject", "rejected", "timed_out"))
_PERMITTED: Final = ("accept", "allow", "approve", "auto_accept", "modify")
"""How decisions begin that let a tool run."""
_CREDENTIALS: Final = {
    "api_key": CredentialType.API_KEY,
    "apikey": CredentialType.API_KEY,
    "chatgpt": CredentialType.OAUTH,
    "claude_ai": CredentialType.OAUTH,
    "gemini-api-key": CredentialType.API_KEY,
    "login_with_google": CredentialType.OAUTH,
    "oauth": CredentialType.OAUTH,
    "oauth-personal": CredentialType.OAUTH,
}
_ENDED: Final = {"connected": Outcome.SUCCESS, "disconnected": Outcome.SUCCESS, "failed": Outcome.FAILURE}
_MCP_TOOL: Final = "mcp__"
"""Tools of MCP are called ``mcp__<server>__<tool>``."""
_ANY_MCP_TOOL: Final = "mcp_tool"
"""What Claude Code writes for the name of any of them, unless somebody turned names on."""

_IGNORED_LOG_KEYS: Final = ignored_keys(
    """
    droppedAttributesCount:number eventName flags:number observedTimeUnixNano severityNumber:number severityText
    timeUnixNano
    """
)
_IGNORED_KEYS: Final = ignored_keys(
    """
    _isReadonly:flag _severityNumber:number _severityText droppedAttributesCount:number droppedEventsCount:number
    droppedLinksCount:number endTimeUnixNano eventName flags:number hrTime:numbers hrTimeObserved:numbers
    instrumentationScope:plain kind links:plain name observedTimeUnixNano parentSpanId resource:plain schemaUrl
    scope:plain severityNumber:number severityText startTimeUnixNano timeUnixNano totalAttributesCount:number traceState
    """
)


@dataclasses.dataclass(frozen=True, slots=True)
class Meaning:
    """What an event is about."""

    kind: Kind
    operation: Operation | None


def meanings(rows: str) -> dict[str, Meaning]:
    """The events in a table of names, kinds and operations; ``-`` for none."""
    table = {}
    for line in filter(None, map(str.strip, rows.splitlines())):
        name, kind, operation = line.split()
        table[name] = Meaning(Kind(kind), None if operation == "-" else Operation(operation))
    return table


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """A coding agent, and the words that it uses.

    Attributes:
        provider: who serves its models by default; None if it does not tell.
        table: its attributes.
        events: its events, spans and hooks, by their names.
        counts_cache_apart: whether its input tokens are without those of the cache.
    """

    provider: Constant | None
    table: Table
    events: dict[str, Meaning]
    counts_cache_apart: bool = False

    def is_event(self, fields: Fields, prefix: str) -> bool:
        """Whether a record is a log record with an event of this agent, from a document or by itself."""
        logs = fields.get("logs")
        log = logs[0] if type(logs) is list and logs else fields
        attributes = log.get("attributes") if type(log) is dict else None
        if type(attributes) is not dict:
            return False
        # Each agent is asked about each span of OpenTelemetry: most are let go by the beginning of their names.
        for name in (
            log.get("eventName"),
            attributes.get("event.name"),
            log.get("body"),
            log.get("_body"),
            log.get("name"),
        ):
            if type(name) is str and name.startswith(prefix):
                return _name_of(log).startswith(prefix)
        return False

    def is_hook(self, fields: Fields) -> bool:
        """Whether a record is the input of a hook that this agent has. Others may have it too."""
        name = fields.get("hook_event_name")
        return type(name) is str and name in self.events

    def read_event(self, fields: Fields) -> AuditEvent:
        """Read one event, or one span."""
        logs = dicts(fields.get("logs"))
        log = logs[0] if logs else fields
        name = _name_of(log)
        event = self._begin(name, _pop_log_time(log))
        _read_ids(fields, log, event)
        attributes = log.get("attributes")
        self._read(attributes if type(attributes) is dict else {}, event)
        for key in ("body", "_body"):
            # Its sentence has nothing that the attributes do not have.
            if log.get(key) == name:
                drop_known(log, key, Why.DUPLICATE)
            else:
                withhold(log, key)
        if "endTimeUnixNano" in fields:
            _read_span(fields, event)
        read_resource(fields, event)
        drop_keys(log, _IGNORED_LOG_KEYS)
        drop_keys(fields, _IGNORED_KEYS)
        return event

    def read_hook(self, fields: Fields) -> AuditEvent:
        """Read the input of a hook."""
        event = self._begin(pop_str(fields, "hook_event_name") or "", None)
        self._read(fields, event)
        return event

    def _begin(self, name: str, time: Timestamp | None) -> AuditEvent:
        meaning = self.events.get(name)
        event = AuditEvent(kind=meaning.kind if meaning else Kind.OTHER, timestamp=time)
        event.operation = meaning.operation if meaning else None
        event.api_operation = Constant(name) if meaning else as_identifier(name)
        event.provider = self.provider if event.kind is Kind.AI_ACCESS else None
        return event

    def _read(self, attributes: Fields, event: AuditEvent) -> None:
        self.table.read(attributes, event)
        # Before any body is read: bodies' counts have the cached tokens in them.
        add_cached_tokens(event, always=self.counts_cache_apart)
        self._read_who(attributes, event)
        if event.timestamp is None:
            event.timestamp = pop_first(pop_time, attributes, self.table.paths("time"), drop_others=True)
        drop(attributes, *self.table.paths("time"), why=Why.DUPLICATE)
        if event.kind is Kind.AI_ACCESS:
            self._read_texts(attributes, event)
        elif event.kind is Kind.AI_CONTROL_PLANE:
            self._read_change(attributes, event)
        self._read_outcome(attributes, event)
        event.model_name = event.model_name or event.model_version
        self.table.drop(attributes)

    def _read_who(self, attributes: Fields, event: AuditEvent) -> None:
        if event.user_id is not None or event.user_name is not None:
            event.user_type = UserType.USER
        if event.trace_id is None:
            event.trace_id = pop_first(pop_identifier, attributes, self.table.paths("turn"), drop_others=True)
        # The context of an agent lives as long as its session.
        event.conversation_id = event.conversation_id or event.session_id
        event.session_id = event.session_id or event.conversation_id
        for path in self.table.paths("credential"):
            kind = _CREDENTIALS.get(str(peek(attributes, *path)).lower())
            if kind is not None:
                event.credential = Credential(type=kind)
                drop(attributes, path, why=Why.DUPLICATE)

    def _read_texts(self, attributes: Fields, event: AuditEvent) -> None:
        exchange = Exchange()
        table = self.table
        for text in self._texts(attributes, "system"):
            exchange.add_prompt(Role.SYSTEM, [text])
        for text in self._texts(attributes, "prompt"):
            exchange.add_prompt(Role.USER, [text])
        for text in self._texts(attributes, "response"):
            exchange.add_completion([text])
        if event.operation is Operation.EXECUTE_TOOL:
            self._read_tool(attributes, event, exchange)
        for side, read in (("request_body", read_request), ("response_body", read_response)):
            for name in table.attributes(side):
                if name in attributes:
                    body = decode_body(attributes[name])
                    # Gemini's contents are a list without their request.
                    is_contents = type(body) is list and any("parts" in item for item in dicts(body))
                    read({"contents": body} if is_contents and side == "request_body" else body, exchange)
                    drop_repeated(attributes, _texts_in(exchange), name)
                    withhold(attributes, name)
        exchange.apply(event)

    def _texts(self, attributes: Fields, side: str) -> Iterable[SensitiveText]:
        """Pop texts that were not withheld by the agent itself."""
        for path in self.table.paths(side):
            if peek(attributes, *path) in _REDACTED:
                drop(attributes, path)
            text = pop_text(attributes, *path)
            if text is not None:
                yield text

    def _read_tool(self, attributes: Fields, event: AuditEvent, exchange: Exchange) -> None:
        """Read the call of a tool: its name, its server, its arguments and its result."""
        table = self.table
        name = pop_first(pop_identifier, attributes, table.paths("tool"), drop_others=True)
        texts: list[SensitiveText] = []
        for path in table.paths("arguments"):
            if texts:
                # What one attribute has, another may tell in part.
                drop_repeated(attributes, [leaf for text in texts for leaf in _leaves(text)], path[0])
            text = pop_serialized(attributes, path[0])
            if text is not None and text.reveal() not in ("{}", "[]"):
                texts.append(text)
        exchange.add_prompt(Role.USER, texts)
        results = [text for path in table.paths("result") if (text := pop_serialized(attributes, path[0]))]
        exchange.add_completion(results)
        _name_mcp(name, event)
        if name is not None and name.reveal() == _ANY_MCP_TOOL and event.mcp is not None:
            event.tool_calls = [ToolCall(name=event.mcp.tool, arguments=texts[0] if texts else None)]
        elif name is not None:
            event.tool_calls = [ToolCall(name=name, arguments=texts[0] if texts else None)]

    def _read_change(self, attributes: Fields, event: AuditEvent) -> None:
        """Read what an event of the control plane changed: what the agent may do, or what was added to it."""
        table = self.table
        scopes: list[Text] = [
            scope for path in table.paths("scopes") if (scope := pop_identifier(attributes, *path)) is not None
        ]
        target = pop_first(pop_identifier, attributes, table.paths("target"), drop_others=True)
        if scopes or target is not None:
            event.change = Change(target=target, scopes=scopes or None)

    def _read_outcome(self, attributes: Fields, event: AuditEvent) -> None:
        """How it ended: by the decision about a tool, by a flag, by a status, or by an error."""
        ending = self._pop_ending(attributes)
        if event.error_code is None and ending.error is not None:
            event.error_code = as_identifier(ending.error)
        event.outcome_status = ending.outcome(event) or event.outcome_status
        if event.outcome_status is Outcome.DENIED:
            event.error_code = event.error_code or ending.decided_by
        if event.tool_calls and (ending.success is not None or event.outcome_status is Outcome.DENIED):
            event.tool_calls[0].status = event.outcome_status
        if event.tool_calls and event.outcome_status is Outcome.FAILURE:
            event.error_code = event.error_code or _TOOL_ERROR

    def _pop_ending(self, attributes: Fields) -> _Ending:
        table = self.table
        error = pop_first(pop_word, attributes, table.paths("error_type"), drop_others=True)
        for path in table.paths("error"):
            # A message stays in the record; a word is a code.
            error = error or pop_word(attributes, *path)
        decision = (_take(pop_word, attributes, table.paths("decision")) or "").lower()
        decided_by = table.paths("decided_by") if decision in _DENIALS else ()
        return _Ending(
            error=error,
            has_error=error is not None or any(peek(attributes, *path) for path in table.paths("error")),
            success=_take(pop_flag, attributes, table.paths("success")),
            status=_take(pop_word, attributes, table.paths("server_status")),
            decision=decision,
            decided_by=pop_first(pop_identifier, attributes, decided_by, drop_others=True),
            blocked=_take(pop_count, attributes, table.paths("blocked")),
        )


def _take(popper: Callable[..., T | None], attributes: Fields, paths: tuple[Path, ...]) -> T | None:
    """Pop what the outcome of the event says in its own words; the first of several values counts."""
    found = None
    for path in paths:
        raw = peek(attributes, *path)
        value = popper(attributes, *path)
        if value is not None:
            note_dropped(path[-1], raw, Why.DUPLICATE)
            found = value if found is None else found
    return found


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Ending:
    """What an event tells about how it ended."""

    error: str | None
    has_error: bool
    success: bool | None
    status: str | None
    decision: str
    decided_by: SensitiveText | None
    blocked: int | None

    def outcome(self, event: AuditEvent) -> Outcome | None:
        """The outcome; None if nothing tells it."""
        if self.blocked or self.decision in _DENIALS:
            return Outcome.DENIED
        if self.success is False or self.has_error or (event.http_status or 0) >= _FIRST_ERROR:
            return _outcome_of_failure(self.error, event)
        if self.status in _ENDED:
            return _ENDED[self.status]
        if self.success or event.http_status or self.decision.startswith(_PERMITTED):
            return Outcome.SUCCESS
        return Outcome.SUCCESS if event.output_tokens is not None else None


def _outcome_of_failure(error: str | None, event: AuditEvent) -> Outcome:
    by_status = outcome_of_status(event.http_status)
    if by_status not in (None, Outcome.SUCCESS, Outcome.FAILURE):
        return by_status
    return outcome_of_error(error or "")


def _name_of(log: Fields) -> str:
    """The name of an event, also in the agent's own file, or of a span."""
    name = agent_event(log) or agent_event({"body": log.get("_body")})
    if not name and type(span := log.get("name")) is str and "spanId" in log:
        name = agent_event({"eventName": span})
    return name


def _name_mcp(name: SensitiveText | None, event: AuditEvent) -> None:
    """Complete what is known of a tool of an MCP server by the name that the agent has for it."""
    server, _, tool = name.reveal().removeprefix(_MCP_TOOL).partition("__") if name is not None else ("", "", "")
    if name is not None and name.reveal().startswith(_MCP_TOOL) and server and tool:
        event.mcp = event.mcp or Mcp()
        event.mcp.server, event.mcp.tool = (
            event.mcp.server or as_identifier(server),
            event.mcp.tool or as_identifier(tool),
        )
    if event.mcp is not None and event.mcp.server is not None:
        event.mcp.method = event.mcp.method or _TOOLS_CALL
        event.mcp.tool = event.mcp.tool or name


def _leaves(text: SensitiveText) -> list[str]:
    """The strings in a JSON text."""
    holder: Fields = {"": text.reveal()}
    pending, found = [open_json(holder, "")], []
    while pending:
        item = pending.pop()
        if type(item) is str:
            found.append(item)
        elif type(item) in (dict, list):
            pending += item.values() if type(item) is dict else item
    return found


def _texts_in(exchange: Exchange) -> list[str]:
    return [part.reveal() for side in (exchange.prompt, exchange.response) for turn in side for part in turn.parts]


def _pop_log_time(log: Fields) -> Timestamp | None:
    """When an event happened. Some exporters have 0 for it; then it is in an attribute, or when it was observed."""
    for key in ("startTimeUnixNano", "timeUnixNano"):
        value = log.get(key)
        if type(value) is str and value.isdecimal() and len(value) < 20:
            log[key] = value = int(value)
        if type(value) is int and value > 0:
            return pop_time(log, key)
    parts = log.get("hrTime")
    if type(parts) is list and len(parts) == 2 and all(type(part) is int and 0 <= part < _NANOS**2 for part in parts):
        return from_epoch_ns(parts[0] * _NANOS + parts[1])
    return None


def _read_ids(fields: Fields, log: Fields, event: AuditEvent) -> None:
    context = log.get("spanContext")
    for holder in (fields, log, context if type(context) is dict else {}):
        trace, span = pop_identifier(holder, "traceId"), pop_identifier(holder, "spanId")
        if trace is not None and trace.reveal().strip("0"):
            event.trace_id = trace
        if span is not None and span.reveal().strip("0"):
            event.span_id = span
        drop(holder, "traceId", "spanId", "traceFlags")


def _read_span(fields: Fields, event: AuditEvent) -> None:
    """Read how long a span took, and whether it failed."""
    if event.latency_ms is None:
        ends = [fields.get(key) for key in ("startTimeUnixNano", "endTimeUnixNano")]
        start, end = (
            int(value) if type(value) is str and value.isdecimal() and len(value) < 20 else value for value in ends
        )
        if type(start) is int and type(end) is int and 0 < start <= end:
            event.latency_ms = round((end - start) / _NANOS_PER_MS, 3)
    code = peek(fields, "status", "code")
    if event.outcome_status is None and code in (2, "2", "STATUS_CODE_ERROR"):
        event.outcome_status = Outcome.FAILURE
    drop(fields, ("status", "code"))
