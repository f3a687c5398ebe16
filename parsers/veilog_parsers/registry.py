"""Recognizes the source of each record, and parses it.

Every source names *markers*: top-level keys that its records have, each with a test. The markers that a record has
decide which tests run, and in which order (see ``record.keysets``). So recognizing a record costs one look-up and a
test or two, however many sources there are (``benchmarks/bench_parse.py`` shows it). No parser is ever tried on a
record to see whether it fails.

A source is a module with a ``SOURCE`` below ``sources``, a folder of samples, a line in ``_MODULES`` and an entry point
in ``pyproject.toml``. The order of the lines settles the rare record that has the markers of two sources.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from itertools import chain
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from veilog_parsers.errors import ErrorType, RecordError
from veilog_parsers.event import AuditEvent, Constant, Kind, Outcome, SensitiveTree, Timestamp
from veilog_parsers.record.context import NO_CONTEXT, EnvelopeContext, Surroundings
from veilog_parsers.record.decoding import decode
from veilog_parsers.record.dropped import LEDGER
from veilog_parsers.record.envelopes import (
    CONTAINERS,
    MAX_DEPTH,
    MAX_EVENTS,
    context_of_container,
    is_line,
    items_of,
    join_partial_lines,
    join_rows,
    times_of_items,
)
from veilog_parsers.record.fields import remainder
from veilog_parsers.record.keysets import KeySetCache
from veilog_parsers.record.lines import LineTest, is_json_line, line_head
from veilog_parsers.record.otlp import join_internal_records, merge_documents, open_fluent_bit
from veilog_parsers.record.places import NO_PLACE, OWN_PLACE, pop_own_place
from veilog_parsers.record.prose import may_hold_prose
from veilog_parsers.record.raw import Fields, RawRecord
from veilog_parsers.record.wrappers import (
    ANY_CONTENT,
    Content,
    Tried,
    contents_of_text,
    keys_with_words,
    named_contents,
    named_in,
    other_contents,
)
from veilog_parsers.source import KeyedTest, Source

_MODULES: Final = (
    "aws.aws_agentcore",
    "aws.aws_bedrock_invocation",
    "aws.aws_cloudtrail",
    "aws.aws_lex",
    "aws.aws_q_business",
    "aws.aws_q_developer",
    "aws.aws_sagemaker_capture",
    "azure.azure_monitor",
    "assistants.chatgpt_compliance",
    "assistants.claude_compliance",
    "gateways.cloudflare_ai_gateway",
    "gateways.envoy_ai_gateway",
    "google.gcp_audit",
    "google.gcp_code_assist",
    "google.gcp_gemini_enterprise",
    "google.gcp_model_armor",
    "assistants.gemini_workspace",
    "assistants.github_copilot_audit",
    "gateways.kong",
    "assistants.m365_copilot",
    "assistants.m365_interaction",
    "assistants.openai_audit",
    "assistants.cursor",
    "assistants.salesforce_genai",
    "assistants.slack_ai",
    "google.vertex_request_response",
    "gateways.litellm",
    "gateways.portkey",
    "gateways.lakera_guard",
    "gateways.prisma_airs",
    "gateways.zscaler",
    "gateways.netskope",
    "platforms.databricks",
    "platforms.snowflake_cortex",
    "platforms.watsonx",
    "agents.claude_code",
    "agents.codex_cli",
    "agents.gemini_cli",
    "gateways.apisix",
    "gateways.bifrost",
    "gateways.higress",
    "servers.vllm",
    "servers.ollama",
    "servers.sglang",
    "servers.lm_studio",
    "servers.fastchat",
    "servers.llama_cpp",
    "servers.tgi",
    "gateways.agentgateway",
    "servers.access_log",
    "gateways.mcp",
    "otel.otel_genai",
    "tracing.braintrust",
    "tracing.datadog_llm",
    "tracing.langfuse",
    "tracing.langsmith",
    "tracing.mlflow_traces",
    "tracing.new_relic_ai",
    "apps.anythingllm",
    "apps.dify",
    "apps.flowise",
    "apps.librechat",
    "apps.n8n",
    "apps.open_webui",
    "assistants.llm_batch",
    "servers.openai_realtime",
    "gateways.openai_gateway",
    "gateways.app_log",
)
"""Where the built-in sources are below ``veilog_parsers.sources``, in order of precedence."""
BUILT_IN: Final[Mapping[str, str]] = MappingProxyType(
    {name.rpartition(".")[2]: f"veilog_parsers.sources.{name}:SOURCE" for name in _MODULES}
)
"""The same as entry points of ``veilog.sources``: name to ``module:attribute``."""
SOURCES: Final[tuple[Source, ...]] = tuple(import_module(f"veilog_parsers.sources.{name}").SOURCE for name in _MODULES)
OTHER: Final = "other"
_ENVELOPE_CHARS: Final = "envelope_chars"
"""Key of the number of characters in an envelope, beside its records, that could have been prose."""


@dataclasses.dataclass(slots=True)
class ParseFailure:
    """A record, or one record in an envelope, that could not be parsed."""

    error_type: ErrorType
    source: str


SourceTest = tuple[Callable[[Any], bool], bool, bool, Source]
"""A test; whether it is asked about the beginning of the record's line, not about the record; whether that line may be
JSON; and the source that claims the record if it passes."""


class RecordSignature(NamedTuple):
    """What the keys of a record decide: which tests it needs, and which envelopes it may be.

    Attributes:
        tests: the tests of sources whose markers the record has, in order of precedence.
        has_line: whether there are tests of the line.
        containers: the keys of ``CONTAINERS`` that the record has.
    """

    tests: tuple[SourceTest, ...]
    has_line: bool
    containers: tuple[str, ...]


Opened = tuple[Fields | RecordError, Source | None, EnvelopeContext]
"""A record, its source if there is one, and what its envelopes tell about it."""


class Registry:
    """Recognizes and parses records.

    Args:
        sources: the sources to know, in order of precedence.
        fixed: name of the one source that every record is from; "" to recognize each record by its shape.

    Raises:
        KeyError: ``fixed`` names no source.
    """

    def __init__(self, sources: Sequence[Source] = SOURCES, fixed: str = "") -> None:
        self._sources = tuple(sources)
        self._signatures = KeySetCache(
            frozenset(CONTAINERS).union(*(source.markers for source in sources)), self._signature_of
        )
        self._fixed = {source.name: source for source in sources}[fixed] if fixed else None

    def recognize(self, fields: Fields) -> Source | None:
        """The source of a record, or None."""
        return _confirmed(self._signatures.get(fields), fields)

    def _signature_of(self, keys: frozenset[str]) -> RecordSignature:
        tests: list[SourceTest] = []
        for source in self._sources:
            # Most sources have one test for all their markers: it runs once.
            for test in dict.fromkeys(test for key, test in source.markers.items() if key in keys):
                if isinstance(test, LineTest):
                    tests.append((test.is_line, True, test.prints_json, source))
                else:
                    tests.append((test.make(keys) if isinstance(test, KeyedTest) else test, False, True, source))
        has_line = any(of_line for _, of_line, _, _ in tests)
        return RecordSignature(tuple(tests), has_line, tuple(key for key in CONTAINERS if key in keys))

    def parse(self, record: RawRecord) -> Iterator[AuditEvent | ParseFailure]:
        """Parse every record in a raw record, in order. One that fails does not affect the others.

        Raises:
            RecordError: the raw record as a whole cannot be parsed.
        """
        value = record.value
        dropped_before = LEDGER.count
        if "otlp" in record.metadata:
            value = open_fluent_bit(value, record.metadata, record.group) or value
        for count, (inner, source, context) in enumerate(self._open(value, 0, NO_CONTEXT)):
            if count >= MAX_EVENTS:
                raise RecordError(ErrorType.TOO_MANY_EVENTS, f"more than {MAX_EVENTS} in one record")
            parsed = self._parse_one(inner, self._fixed or source, context)
            if type(parsed) is AuditEvent:
                # What an envelope drops counts with the next record in it.
                parsed.dropped_fields = LEDGER.count - dropped_before
            yield parsed
            # Between two events, others may have parsed other records.
            dropped_before = LEDGER.count

    def _parse_one(
        self, inner: Fields | RecordError, source: Source | None, context: EnvelopeContext
    ) -> AuditEvent | ParseFailure:
        if isinstance(inner, RecordError):
            return ParseFailure(inner.error_type, OTHER)
        if source is None:
            if context.withheld_chars:
                inner.setdefault(_ENVELOPE_CHARS, context.withheld_chars)
            event = AuditEvent(source=Constant(OTHER), kind=Kind.OTHER)
            event.unmapped = SensitiveTree(inner)
            return event
        own = NO_PLACE if OWN_PLACE.isdisjoint(inner) else pop_own_place(inner)
        try:
            event = source.parse(inner)
        except RecordError as error:
            return ParseFailure(error.error_type, source.name)
        except Exception:
            # A bug of a parser must not leak content or stop the process: the record is quarantined, without a message.
            return ParseFailure(ErrorType.PARSER_FAILED, source.name)
        event.source = Constant(source.name)
        if context is not NO_CONTEXT or own is not NO_PLACE:
            context.complete(event, own)
        left = remainder(inner)
        if (
            event.kind is Kind.AI_ACCESS
            and not event.prompt_messages
            and not event.response_messages
            and event.outcome_status in (None, Outcome.SUCCESS)
        ):
            # The event would say that there was no prompt. Perhaps there was one that could not be read.
            try:
                refuse_unread(left)
            except RecordError as error:
                return ParseFailure(error.error_type, source.name)
        if context.withheld_chars:
            left.setdefault(_ENVELOPE_CHARS, context.withheld_chars)
        event.unmapped = SensitiveTree(left) if left else None
        return event

    def _open(self, value: Any, depth: int, context: EnvelopeContext) -> Iterable[Opened]:
        """Open a decoded value, through at most ``MAX_DEPTH`` envelopes."""
        if type(value) is str and depth == 0 and (opened := self._open_text(value, 1, context)) is not None:
            return opened
        if type(value) is list and depth == 0 and self._is_batch(value):
            return self._open_all(_joined(value), 1, context)
        if type(value) is not dict:
            raise RecordError(ErrorType.NOT_AN_OBJECT, "the record is a list or a scalar")
        shape = self._signatures.get(value)
        if depth < MAX_DEPTH:
            for key in shape.containers:
                inside = CONTAINERS[key](value)
                if inside is not None:
                    around = context_of_container(key, value, context)
                    return self._open_all(_joined(inside), depth + 1, around, times_of_items(key, value))
        source = _confirmed(shape, value)
        if depth < MAX_DEPTH and (source is None or (source.may_wrap is not None and source.may_wrap(value))):
            try:
                found = self._unwrap(value, depth, context, Tried(of_format=source is not None))
            except RecordError as error:
                return ((error, None, context) if source is None else (value, source, context),)
            if found is not None:
                return found
        return ((value, source, context),)

    def _open_all(
        self, inside: list[Any], depth: int, context: EnvelopeContext, times: Sequence[Timestamp | None] = ()
    ) -> Iterator[Opened]:
        """Open each item of an envelope.

        Characters of the envelope beside the items are counted with the first of them.

        Args:
            inside: the items: objects, or texts that hold records.
            depth: how many envelopes are around the items.
            context: the context of the items.
            times: the time of each item, if the envelope says it.
        """
        rest = context.without_chars()
        for number, item in enumerate(inside):
            if number == 1:
                context = rest
            time = times[number] if times else None
            around = dataclasses.replace(context, time=time) if time else context
            try:
                yield from self._open_item(item, depth, around)
            except RecordError as error:
                yield error, None, around

    def _open_item(self, item: Any, depth: int, context: EnvelopeContext) -> Iterable[Opened]:
        """Open an item of an envelope: an object, or a text that holds one or more.

        Raises:
            RecordError: it is neither.
        """
        if type(item) is dict:
            return self._open(item, depth, context)
        if type(item) is not str:
            raise RecordError(ErrorType.NOT_AN_OBJECT, "record in an envelope")
        opened = self._open_text(item, depth, context)
        if opened is None:
            raise RecordError(ErrorType.MALFORMED_JSON, f"record of {len(item)} characters in an envelope")
        return opened

    def _open_text(self, text: str, depth: int, context: EnvelopeContext) -> Iterable[Opened] | None:
        """Open a text that is a record, or holds some; None if it holds none. JSON is one even if no source claims it.

        Raises:
            RecordError: it looks like JSON and cannot be read.
        """
        for content in contents_of_text(text):
            records = _joined(content.records)
            if content.is_json or self._hold_record(records, "", depth, Tried()):
                return self._open_all(records, depth, Surroundings(context, {}, "", content.prefix).context())
        return None

    def _unwrap(
        self, value: Fields, depth: int, outer: EnvelopeContext | Surroundings, tried: Tried
    ) -> Iterable[Opened] | None:
        """Open a record in which another is, if a source claims that one; see ``record.wrappers``.

        Each text is decoded once in a search. A container inside is searched first, and opened then.

        Raises:
            RecordError: no source claims what is inside, and a text under a named key looks like JSON and cannot be
                read.
        """
        failure = None
        for key in named_in(value):
            try:
                for content in named_contents(value, key):
                    if (found := self._open_content(content, value, depth + 1, outer, tried)) is not None:
                        return found
            except RecordError as error:
                failure = error
        worded: list[str] | None = None
        for content in other_contents(value, tried):
            if worded is None:
                worded = keys_with_words(value)
            has_words_beside = any(key != content.key for key in worded)
            with suppress(RecordError), tried.only_formats(has_words_beside):
                if (found := self._open_content(content, value, depth + 1, outer, tried)) is not None:
                    return found
        if failure is not None:
            raise failure
        return None

    def _open_content(
        self, content: Content, fields: Fields, depth: int, outer: EnvelopeContext | Surroundings, tried: Tried
    ) -> Iterable[Opened] | None:
        """Open what one value of a record holds, if it is a record of a source, or a wrapper of one."""
        around = Surroundings(outer, fields, content.key, content.prefix)
        records = _joined(content.records)
        if self._hold_record(records, content.key, depth, tried):
            return self._open_all(records, depth, around.context())
        if depth >= MAX_DEPTH:
            return None
        found = [self._unwrap(record, depth, around, tried) if type(record) is dict else None for record in records]
        if not any(opened is not None for opened in found):
            return None
        return chain.from_iterable(
            [_unopened(record, around.context())] if opened is None else opened
            for opened, record in zip(found, records, strict=True)
        )

    def _hold_record(self, records: list[Any], key: str, depth: int, tried: Tried) -> bool:
        """Whether one of the values under a key is a record of a source that is looked for, or a container.

        A container counts whatever is in it under some keys, and under others if a source claims an item of it.
        """
        for record in records:
            if type(record) is not dict:
                continue
            shape = self._signatures.get(record)
            for container in shape.containers:
                items = items_of(container, record)
                whatever = key in ANY_CONTENT and not tried.of_format
                if items is not None and (whatever or self._holds_item(items, record, depth + 1, tried)):
                    return True
            source = _confirmed(shape, record)
            if source is not None and not (tried.of_format and source.may_wrap is not None):
                return True
        return False

    def _holds_item(self, items: list[Any], container: Fields, depth: int, tried: Tried) -> bool:
        """Whether a source claims an item of a container, or what it wraps. Of some containers the item is itself."""
        if items and items[0] is container:
            return True
        if depth >= MAX_DEPTH:
            return False
        if self._hold_record(items, "", depth, tried):
            return True
        with suppress(RecordError):
            return any(type(item) is dict and self._unwrap(item, depth, NO_CONTEXT, tried) for item in items)
        return False

    def _is_batch(self, values: list[Any]) -> bool:
        """Whether a list is a batch of records, lines or wrappers, as gateways and shippers send them.

        Its first item decides.
        """
        if not values or not all(type(item) is dict for item in values):
            return False
        if is_line(values[0]):
            return True
        with suppress(RecordError):
            return self._open_content(Content("log", values[:1]), {}, 1, NO_CONTEXT, Tried()) is not None
        return False


def _joined(values: list[Any]) -> list[Any]:
    """The items of a list, with those joined that are parts of one record."""
    if len(values) < 2 or not all(type(item) is dict for item in values):
        return values
    document = merge_documents(values)
    return [document] if document else join_rows(join_partial_lines(join_internal_records(values)))


def _unopened(record: Any, context: EnvelopeContext) -> Opened:
    """A record beside one that a source claims, in the same wrapper."""
    if type(record) is dict:
        return record, None, context
    return RecordError(ErrorType.NOT_AN_OBJECT, "record in a text"), None, context


def refuse_unread(left: Fields) -> None:
    """Refuse a record in which the parser found no texts, if a string that it left may be an unread body.

    Raises:
        RecordError: a string looks like JSON and cannot be decoded, or is JSON with words in it.
    """
    pending: list[Any] = [left]
    while pending:
        item = pending.pop()
        if type(item) is str:
            if may_hold_prose(item):
                documents = decode(item).documents
                if any(type(document) in (dict, list) and may_hold_prose(document) for document in documents):
                    raise RecordError(ErrorType.MALFORMED_JSON, f"text of {len(item)} characters")
        elif type(item) is dict:
            pending += item.values()
        elif type(item) is list:
            pending += item


def _confirmed(shape: RecordSignature, fields: Fields) -> Source | None:
    """The first source that claims a record."""
    head = line_head(fields) if shape.has_line else ""
    for test, of_line, may_be_json, source in shape.tests:
        if test(head if of_line else fields) and (may_be_json or not is_json_line(head)):
            return source
    return None
