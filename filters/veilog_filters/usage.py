"""Who did how much, counted where the events are made: by caller and window of time, bounded, without text.

Theory of operation. A SIEM counts over events; at volume, that is what costs most, and a rule that needs a week of
counts reads a week of events. So a worker may count itself. It keeps a *row* for each caller (tenant, user, agent) and
window, and lets rows leave as events of the kind ``usage``. A row is made of finished events, behind the gate: so
there is nothing in it but numbers, the names of its caller, which have left already, and keyed hashes. (Models and
tools as names would be a sentence, if somebody wrote it word by word into the names of sixteen calls.)

Windows. A window is ``window_secs`` long and begins at a multiple of that since 1970, on every host. An event belongs
to the window of its own time. One without a time belongs to the window in which it comes; so does one whose time lies
more than a window ahead (``misdated``): else anybody could open windows that never end.

Rows are parts. A row says what was counted since the last row of the same caller and window, so rows may be made at
any time, and all that somebody who reads them has to know is how they are merged, over time, workers and hosts:

    numbers           add
    models, tools     unite: the same name has the same hash on all hosts; how many there are is the size of the union
                      (up to sixteen in a row; ``names_left_out`` says that there were more)
    repeated_prompts  add: each worker compares with what it has seen itself, so the sum is a lower bound

Late records, a restart, a full table: none is a special case, each makes a further row. A row is made

* when its window closes. With a clock (sidecar), a window closes ``late_secs`` after its end; one that was over
  when it opened, ``late_secs`` after that; one ahead of the clock, a window later. Without (filter), whatever comes
  must give the same output again: the records' own times are the clock, and a window closes when one opens that
  began ``late_secs`` after its end;
* when more than ``MAX_WINDOWS`` are open: then the one closes that was not used for longest;
* at the end of the input, when the worker stops, and when a reload replaces its pipeline.

So there are never more rows than events counted in them, whatever the records say of users and times.

Memory. A window has up to ``max_users`` rows; the calls of all further callers are one row, ``scope: other``, without
a user. What a row keeps besides numbers: sixteen hashes of each kind, and the keys of eight sketches.

Delivery. In a sidecar, a row that was made is sent as events are: again and again until the next hop has acknowledged
it, so it may arrive twice, with the same ``event_id``: that is a keyed hash of window, caller, number of calls, and the
ids of the first and the last event in it. A shipper that sends a chunk again has it counted again: in the same row, if
that is still open, else in another. If a worker dies, what it had counted and not yet sent is lost. The events
themselves are not: they are acknowledged one by one, and say the same.
"""

from __future__ import annotations

import dataclasses
import functools
from array import array
from collections import OrderedDict, deque
from collections.abc import Callable, Collection
from datetime import UTC, datetime, time
from typing import Final
from zoneinfo import ZoneInfo

from veilog_filters.config import UsageOptions, WorkingHours
from veilog_filters.fingerprint import Fingerprinter
from veilog_filters.ids import Ids
from veilog_parsers.event import (
    AuditEvent,
    Constant,
    Digest,
    Kind,
    Outcome,
    Recent,
    Text,
    Usage,
    UsageScope,
    UserType,
)
from veilog_parsers.record.times import from_epoch_ns

MAX_WINDOWS: Final = 4
MAX_NAMES: Final = 16
MAX_PROMPTS: Final = 8
"""With so many earlier prompts of a caller a prompt is compared."""
SOURCE: Final = Constant("veilog")
_COUNTED: Final = (Kind.AI_ACCESS, Kind.AI_CONTROL_PLANE)
_FAILED: Final = (Outcome.FAILURE, Outcome.THROTTLED, Outcome.CONTENT_FILTERED)
_NS: Final = 1_000_000_000
_MINUTE_SECS: Final = 60
_MINUTE_CHARS: Final = len("2026-11-27T02:23")
_KEY_CHARS: Final = 6
_MINUTES: Final = 4_096
_NAMES: Final = 4_096
_HASH_CHARS: Final = 12
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MOST: Final = 2**53
"""Largest number that a row says: beyond it, JSON's readers are not exact."""

_Caller = tuple[str, str, str]
"""Tenant, user, agent."""


class Calendar:
    """Tells working hours from others.

    Args:
        hours: when people work.
    """

    def __init__(self, hours: WorkingHours) -> None:
        self._zone = ZoneInfo(hours.time_zone)
        self._days = frozenset(_DAYS.index(day) for day in hours.days)
        self._holidays = frozenset(hours.holidays)
        begin, _, end = hours.hours.partition("-")
        self._begin = time.fromisoformat(begin)
        self._end = time.max if end == "24:00" else time.fromisoformat(end)

    def is_off(self, moment: datetime) -> bool:
        """Whether a time lies outside of working hours."""
        local = moment.astimezone(self._zone)
        is_day = local.weekday() in self._days and local.date().isoformat() not in self._holidays
        return not (is_day and self._begin <= local.time() < self._end)


@dataclasses.dataclass(slots=True)
class _Row:
    """What is counted of one caller in one window.

    Attributes:
        usage: what leaves.
        first: id of the first event that it counts.
        event: says whose it is; None for that of all others.
        hash_of: of a name, by what it names.
        last: id of the last event that it counts.
        prompts: keys of the last prompts.
    """

    usage: Usage
    first: str
    event: AuditEvent | None
    hash_of: Callable[[str, Text], Digest]
    last: str = ""
    prompts: deque[array[int]] = dataclasses.field(default_factory=lambda: deque(maxlen=MAX_PROMPTS))

    def count(self, event: AuditEvent, credentials: int) -> None:
        """Count an event."""
        usage = self.usage
        self.last = event.event_id or ""
        usage.requests += 1
        tokens = _number(event.token_count) or _number(event.input_tokens) + _number(event.output_tokens)
        _add(usage, "tokens", tokens)
        for name in ("input_tokens", "output_tokens", "request_bytes", "response_bytes"):
            _add(usage, name, _number(getattr(event, name)))
        usage.denied += event.outcome_status is Outcome.DENIED
        usage.failed += event.outcome_status in _FAILED
        usage.refusals += event.refusal is True
        _add(usage, "credential_findings", credentials)
        if event.model_name is not None:
            self._name(usage.models, "model", event.model_name)
        if event.mcp is not None and event.mcp.tool is not None:
            self._name(usage.tools, "tool", event.mcp.tool)
        for call in event.tool_calls or ():
            if call.name is not None:
                self._name(usage.tools, "tool", call.name)
        usage.repeated_prompts += self._is_repeated(event)

    def _name(self, names: list[Digest], what: str, name: Text) -> None:
        digest = self.hash_of(what, name)
        if digest in names:
            return
        if len(names) < MAX_NAMES:
            names.append(digest)
        else:
            self.usage.names_left_out = True

    def _is_repeated(self, event: AuditEvent) -> bool:
        """Whether a prompt shares a key with an earlier one; a short one, which has no sketch, its hash."""
        if event.prompt_hash is None:
            return False
        keys: list[str] = [*(event.prompt_sketch or (event.prompt_hash[:_KEY_CHARS],))]
        numbers = array("I", [int(key, 16) for key in keys])
        wanted = set(numbers)
        repeated = any(not wanted.isdisjoint(before) for before in self.prompts)
        self.prompts.append(numbers)
        return repeated


def _number(value: float | None) -> int:
    """A record's number as it is counted: none below nothing, none that would hide all others."""
    return min(max(int(value), 0), _MOST) if value is not None else 0


def _add(usage: Usage, name: str, number: int) -> None:
    setattr(usage, name, min(getattr(usage, name) + number, _MOST))


@dataclasses.dataclass(slots=True)
class _Window:
    """The rows of one window.

    Attributes:
        closes_at: when it closes, by the clock; never without one.
        rows: by caller.
        other: that of all others.
    """

    closes_at: float
    rows: dict[_Caller, _Row] = dataclasses.field(default_factory=dict)
    other: _Row | None = None


class Meter:
    """Counts the finished events of one worker.

    Args:
        options: ``usage`` of the configuration.
        ids: makes ids of events.
        fingerprinter: makes keyed hashes of names.
        tenant_id: the configured tenant, or "".
        credentials: entity types that are credentials.

    Attributes:
        lost_rows: rows that nobody fetched in time, and that are gone.
    """

    def __init__(
        self,
        options: UsageOptions,
        ids: Ids,
        fingerprinter: Fingerprinter,
        tenant_id: str,
        credentials: Collection[str],
    ) -> None:
        self.lost_rows = 0
        self._options = options
        self._ids = ids
        self._tenant_id = Constant(tenant_id) if tenant_id else None
        self._credentials = frozenset(credentials)
        self._calendar = Calendar(options.working_hours) if options.working_hours is not None else None
        self._counts = options.events or options.on_events
        self._clock: Callable[[], float] | None = None
        self._windows: OrderedDict[int, _Window] = OrderedDict()
        self._closed: deque[tuple[int, _Row]] = deque()
        self._hash_of = functools.lru_cache(_NAMES)(
            lambda what, name: Digest(fingerprinter.digest(f"usage:{what}", tenant_id, name.encode())[:_HASH_CHARS])
        )
        self._minute = functools.lru_cache(_MINUTES)(self._read_minute)

    def follow(self, clock: Callable[[], float]) -> None:
        """Close windows by a clock, which gives seconds since 1970, from now on."""
        self._clock = clock

    def observe(self, event: AuditEvent) -> None:
        """Count a finished event, and say in it what is known of its caller.

        Args:
            event: what the gate has let through, before it is encoded.
        """
        if event.kind not in _COUNTED:
            return
        at, is_off = self._minute(event.timestamp[:_MINUTE_CHARS]) if event.timestamp else (None, False)
        if self._calendar is not None and at is not None:
            event.off_hours = is_off
        start, is_misdated = self._start(at)
        if not self._counts or start is None:
            return
        row = self._row(start, event)
        row.count(event, self._found(event))
        if is_misdated:
            row.usage.misdated += 1
        if self._calendar is not None:
            row.usage.off_hours = (row.usage.off_hours or 0) + is_off
        if self._options.on_events and row.event is not None:
            event.recent = _recent(start, row.usage)

    def due(self) -> list[AuditEvent]:
        """The rows that are complete, as events. Each is given once."""
        if self._clock is not None:
            now = self._clock()
            for start in [start for start, window in self._windows.items() if window.closes_at <= now]:
                self._close(start)
        closed, self._closed = self._closed, deque()
        return [self._event(start, row) for start, row in closed]

    def drain(self) -> list[AuditEvent]:
        """All rows, complete or not, as events; afterwards nothing is counted."""
        for start in sorted(self._windows):
            self._close(start)
        return self.due()

    def _read_minute(self, minute: str) -> tuple[int, bool]:
        """Seconds since 1970 of a minute in UTC, and whether it lies outside of working hours."""
        moment = datetime.fromisoformat(minute).replace(tzinfo=UTC)
        return int(moment.timestamp()), self._calendar is not None and self._calendar.is_off(moment)

    def _start(self, at: int | None) -> tuple[int | None, bool]:
        """Where the window of a time begins, and whether that is not where its record says."""
        secs = self._options.window_secs
        if self._clock is not None:
            now = int(self._clock())
            if at is None or at >= now + secs:
                return now - now % secs, at is not None
        if at is None:
            return max(self._windows, default=None), False
        return at - at % secs, False

    def _row(self, start: int, event: AuditEvent) -> _Row:
        window = self._windows.get(start)
        if window is None:
            window = self._open(start)
        self._windows.move_to_end(start)
        agent = event.agent
        caller = (
            _text(event.tenant_id),
            _text(event.user_id) or f"\0{_text(event.user_name)}",
            "" if agent is None else _text(agent.id) or _text(agent.name),
        )
        row = window.rows.get(caller)
        if row is None:
            usage = Usage(scope=UsageScope.CALLER, window_secs=self._options.window_secs)
            if len(window.rows) < self._options.max_users:
                row = window.rows[caller] = _Row(usage, event.event_id or "", _whose(event), self._hash_of)
            elif window.other is None:
                usage.scope = UsageScope.OTHER
                row = window.other = _Row(usage, event.event_id or "", None, self._hash_of)
            else:
                row = window.other
        return row

    def _open(self, start: int) -> _Window:
        secs, late_secs = self._options.window_secs, self._options.late_secs
        if self._clock is not None:
            now = self._clock()
            closes_at = now + min(max(start + secs - now, 0), 2 * secs) + late_secs
        else:
            closes_at = float("inf")
            newest = max(start, *self._windows) if self._windows else start
            for before in [before for before in self._windows if before + secs + late_secs <= newest]:
                self._close(before)
        window = self._windows[start] = _Window(closes_at)
        if len(self._windows) > MAX_WINDOWS:
            self._close(next(iter(self._windows)))
        return window

    def _close(self, start: int) -> None:
        window = self._windows.pop(start)
        if not self._options.events:
            return
        self._closed.extend((start, row) for row in window.rows.values())
        if window.other is not None:
            self._closed.append((start, window.other))
        while len(self._closed) > MAX_WINDOWS * (self._options.max_users + 1):
            self._closed.popleft()
            self.lost_rows += 1

    def _found(self, event: AuditEvent) -> int:
        if event.findings is None:
            return 0
        sides = (event.findings.prompt, event.findings.response)
        return sum(count for side in sides for entity, count in side.items() if entity in self._credentials)

    def _event(self, start: int, row: _Row) -> AuditEvent:
        event = row.event or AuditEvent(tenant_id=self._tenant_id)
        event.kind, event.source, event.usage = Kind.USAGE, SOURCE, row.usage
        event.timestamp = from_epoch_ns(start * _NS)
        agent = "" if event.agent is None else _text(event.agent.id) or _text(event.agent.name)
        whose = "\0".join((row.usage.scope, _text(event.user_id), _text(event.user_name), agent))
        made_of = f"{row.usage.window_secs}\0{row.first}\0{row.last}".encode()
        event.event_id = self._ids.of_event(
            made_of, f"{SOURCE}\0usage", whose, event.timestamp or "", row.usage.requests
        )
        return event


def _whose(event: AuditEvent) -> AuditEvent:
    """An event that says of whom another one is, and nothing else."""
    return AuditEvent(
        tenant_id=event.tenant_id,
        organization_id=event.organization_id,
        user_id=event.user_id,
        user_name=event.user_name,
        user_type=event.user_type if isinstance(event.user_type, UserType) else None,
        user_department=event.user_department,
        agent=event.agent,
    )


def _recent(start: int, usage: Usage) -> Recent | None:
    at = from_epoch_ns(start * _NS)
    if at is None:
        return None
    return Recent(
        window_start=at,
        requests=usage.requests,
        tokens=usage.tokens,
        denied=usage.denied,
        refusals=usage.refusals,
        credential_findings=usage.credential_findings,
        repeated_prompts=usage.repeated_prompts,
    )


def _text(name: Text | None) -> str:
    return str(name) if name is not None else ""
