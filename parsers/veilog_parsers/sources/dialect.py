"""Makes the parser of a source from a table: exports of tracing products, and logs of gateways and chat applications.

All of them tell one call in one object: facts under names of their own (``facts``), what went in and what came out
(``bodies.traced``), two times, a status and an error. So a source is a ``Dialect``, and at most a few lines that bring
a record to this form.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from veilog_parsers.bodies.exchange import Exchange
from veilog_parsers.bodies.read import decode_body
from veilog_parsers.bodies.traced import pop_tool_text, read_inputs, read_outputs
from veilog_parsers.bodies.turns import pop_finish_reason, pop_serialized
from veilog_parsers.event import Agent, AuditEvent, Kind, Operation, Outcome, Role, SensitiveText, ToolCall
from veilog_parsers.record.decoding import keep_under
from veilog_parsers.record.dropped import DUPLICATE, NOISE, note_dropped, prefer
from veilog_parsers.record.fields import (
    IgnoredKeys,
    Path,
    drop,
    drop_keys,
    open_json,
    peek,
    pop,
    pop_first,
    pop_identifier,
    pop_text,
    pop_word,
)
from veilog_parsers.record.outcomes import OUTCOME_WORDS, outcome_of_error
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import between_ms, pop_time
from veilog_parsers.sources.facts import Fact, conclude, read_facts

_ERROR_NAME: Final = re.compile(r"(?:[A-Za-z_]\w{0,63}\.){0,6}([A-Z]\w{0,63}(?:Error|Exception|Timeout|Denied))\b")
_ERROR_HEAD_CHARS: Final = 512


class _Status(NamedTuple):
    """A word for the outcome that was read: its key, the word, and what it means."""

    key: str
    word: str
    outcome: Outcome


def put(fields: Fields, key: str, value: Any) -> None:
    """Set a field of the parser's own. A value that the record happens to have there is kept beside it."""
    if key in fields:
        keep_under(fields, key, fields[key])
    fields[key] = value


def _nothing(_fields: Fields) -> None:
    """A record that has the form already."""


def _no_more(_fields: Fields, _event: AuditEvent) -> None:
    """A dialect in which the table tells all."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How a product writes a call.

    Attributes:
        facts: the table of its facts.
        inputs: where its inputs are, in order of preference; the first that is there is read.
        outputs: where its outputs are.
        started: where the time of its start is.
        ended: where the time of its end is.
        first_token: where the time of the first token is.
        finish_reasons: where the reasons for the end of the response are, if they are not in the outputs.
        statuses: where words for the outcome are.
        errors: where errors are: texts, which stay in the record, or objects.
        name: where the name of the call is: the tool's or the agent's, if it is one of them.
        kinds: where the type of the call is, which the table reads as the operation. Of an unknown type, none is.
        ignored: the other keys, and what they are.
        opened: paths of objects that may be JSON in strings.
        holders: paths of objects that hold inputs and outputs, and may be JSON in strings too, broken or cut off. One
            that cannot be read is a text of the request, if there is no other.
        prepare: brings a record to the form that the other attributes describe.
        finish: reads what no table can.
    """

    facts: tuple[Fact, ...]
    inputs: tuple[Path, ...]
    outputs: tuple[Path, ...]
    started: tuple[Path, ...] = ()
    ended: tuple[Path, ...] = ()
    first_token: tuple[Path, ...] = ()
    finish_reasons: tuple[Path, ...] = ()
    statuses: tuple[Path, ...] = ()
    errors: tuple[Path, ...] = ()
    name: Path = ()
    kinds: tuple[Path, ...] = ()
    ignored: IgnoredKeys
    opened: tuple[Path, ...] = ()
    holders: tuple[Path, ...] = ()
    prepare: Callable[[Fields], None] = _nothing
    finish: Callable[[Fields, AuditEvent], None] = _no_more


def parser_of(dialect: Dialect) -> Callable[[Fields], AuditEvent]:
    """The parser of a dialect: it consumes the fields of one record and returns one event."""

    def parse(fields: Fields) -> AuditEvent:
        for path in dialect.opened:
            open_json(fields, *path)
        for path in dialect.holders:
            _open_holder(fields, path)
        dialect.prepare(fields)
        event = AuditEvent(kind=Kind.AI_ACCESS)
        read_facts(fields, dialect.facts, event)
        _read_times(fields, dialect, event)
        statuses = _read_statuses(fields, dialect, event)
        has_error = _read_errors(fields, dialect, event)
        exchange = Exchange(operation=event.operation)
        is_unknown = event.operation is None and any(type(peek(fields, *path)) is str for path in dialect.kinds)
        if event.operation is Operation.EXECUTE_TOOL:
            _read_tool(fields, dialect, exchange)
        else:
            _read_texts(fields, dialect.inputs, read_inputs, exchange)
            _read_texts(fields, dialect.outputs, read_outputs, exchange)
        for path in [path for path in dialect.finish_reasons if peek(fields, *path)][:1]:
            pop_finish_reason(fields, exchange, *path)
        _read_unread(fields, dialect, exchange)
        exchange.apply(event)
        event.operation = None if is_unknown else event.operation
        dialect.finish(fields, event)
        _use_name(fields, dialect, event)
        conclude(event)
        _note_unneeded(statuses, event, has_error=has_error)
        drop_keys(fields, dialect.ignored)
        return event

    return parse


def _open_holder(fields: Fields, path: Path) -> None:
    holder = peek(fields, *path[:-1]) if len(path) > 1 else fields
    if type(holder) is dict and type(holder.get(path[-1])) is str:
        holder[path[-1]] = decode_body(holder[path[-1]])


def _read_unread(fields: Fields, dialect: Dialect, exchange: Exchange) -> None:
    """Read holders that are no objects as texts of the request, if nothing else was read."""
    for path in dialect.holders:
        value = peek(fields, *path)
        if not exchange.prompt and not exchange.response and value and type(value) in (str, list):
            holder = peek(fields, *path[:-1]) if len(path) > 1 else fields
            text = pop_serialized(holder, path[-1])
            exchange.add_prompt(Role.USER, [text] if text else [])


def _read_texts(
    fields: Fields, places: tuple[Path, ...], read: Callable[[Fields, str, Exchange], None], exchange: Exchange
) -> None:
    for path in places:
        holder = peek(fields, *path[:-1]) if len(path) > 1 else fields
        if type(holder) is dict and holder.get(path[-1]):
            read(holder, path[-1], exchange)
            return


def _read_times(fields: Fields, dialect: Dialect, event: AuditEvent) -> None:
    started, ended, first = (
        pop_first(pop_time, fields, places, drop_others=True)
        for places in (dialect.started, dialect.ended, dialect.first_token)
    )
    elapsed = between_ms(started, ended) if event.latency_ms is None else None
    waited = between_ms(started, first) if event.time_to_first_token_ms is None else None
    told = event.timestamp, event.latency_ms, event.time_to_first_token_ms
    event.timestamp = event.timestamp or started or ended
    event.latency_ms = event.latency_ms if elapsed is None else elapsed
    event.time_to_first_token_ms = event.time_to_first_token_ms if waited is None else waited
    moments = (
        (started, event.timestamp is started or elapsed is not None or waited is not None),
        (ended, event.timestamp is ended or elapsed is not None),
        (first, waited is not None),
    )
    for known, (moment, is_needed) in zip(told, moments, strict=True):
        if moment is not None and not is_needed:
            note_dropped("", moment, NOISE if known is None else DUPLICATE)


def _read_statuses(fields: Fields, dialect: Dialect, event: AuditEvent) -> list[_Status]:
    """Read words for the outcome, and return those that were read; the first one counts."""
    found: list[_Status] = []
    for path in dialect.statuses:
        word = peek(fields, *path)
        outcome = OUTCOME_WORDS.get(word.lower()) if type(word) is str else None
        if outcome is not None:
            pop_word(fields, *path)
            event.outcome_status = event.outcome_status or outcome
            found.append(_Status(path[-1], word, outcome))
    return found


def _read_errors(fields: Fields, dialect: Dialect, event: AuditEvent) -> bool:
    """Read an error, or the flag that there is one. Tell whether there is one."""
    has_error = False
    for path in dialect.errors:
        error = peek(fields, *path)
        if error and error is not True:
            _read_error(fields, path, error, event)
            return True
        if error is True and not has_error:
            pop(fields, *path)
            event.outcome_status = Outcome.FAILURE
            has_error = True
        elif error is True or error is False:
            # A flag that nothing failed does not say that all went well.
            drop(fields, path, why=DUPLICATE if error else NOISE)
    return has_error


def _note_unneeded(statuses: list[_Status], event: AuditEvent, *, has_error: bool) -> None:
    """Note the words for the outcome that say no more than an error, the HTTP status or the word before them."""
    for number, (key, word, outcome) in enumerate(statuses):
        if number or has_error or outcome is not event.outcome_status:
            note_dropped(key, word, DUPLICATE)


def _read_error(fields: Fields, path: Path, error: Any, event: AuditEvent) -> None:
    """Read the name of an error. The text stays, since it may quote the user."""
    name = None
    if type(error) is dict:
        for key in ("type", "code", "error_type", "name"):
            name = name or pop_identifier(error, key)
        event.error_code = prefer(event.error_code, name)
    elif type(error) is str:
        found = _ERROR_NAME.search(error[:_ERROR_HEAD_CHARS])
        name = SensitiveText(found[1]) if found else pop_identifier(fields, *path)
        # The text stays in the record, unless it is no more than the name.
        event.error_code = event.error_code or name if found else prefer(event.error_code, name, path[-1])
    if event.outcome_status in (None, Outcome.SUCCESS, Outcome.FAILURE):
        event.outcome_status = outcome_of_error(name.reveal()) if name else Outcome.FAILURE


def _read_tool(fields: Fields, dialect: Dialect, exchange: Exchange) -> None:
    """Read a call of a tool: what it was called with is the request, what it gave the response."""
    asked, gave = (_pop_tool_text(fields, places) for places in (dialect.inputs, dialect.outputs))
    exchange.add_prompt(Role.USER, [asked] if asked else [])
    exchange.add_completion([gave] if gave else [])
    name = pop_identifier(fields, *dialect.name) if dialect.name else None
    if name or asked:
        exchange.tool_calls = [ToolCall(name=name, arguments=asked)]


def _pop_tool_text(fields: Fields, places: tuple[Path, ...]) -> SensitiveText | None:
    for path in places:
        holder = peek(fields, *path[:-1]) if len(path) > 1 else fields
        if type(holder) is dict and holder.get(path[-1]):
            return pop_tool_text(holder, path[-1])
    return None


def _use_name(fields: Fields, dialect: Dialect, event: AuditEvent) -> None:
    """Read the name of an agent. Names of other steps are the application's own words, and no fact of the call."""
    if not dialect.name:
        return
    if event.operation is Operation.INVOKE_AGENT and (event.agent is None or event.agent.name is None):
        event.agent = event.agent or Agent()
        event.agent.name = pop_text(fields, *dialect.name)
    drop(fields, dialect.name)
