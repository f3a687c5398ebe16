"""Which parser reads a record: one cheap decision, then one parse.

Every source names *markers*: top-level keys its records have, each with a test. The registry turns them round into
one index from key to tests, so recognizing a record is one set intersection of its keys with the index and a test or
two, however many sources there are. No parser is ever tried on a record to see whether it fails.

Adding a source is a module with a ``SOURCE`` and a line in ``SOURCES``. Their order settles the rare record that
carries the markers of two.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any, Final

from veilog_parsers import (
    access_log,
    aws_agentcore,
    aws_bedrock_invocation,
    aws_cloudtrail,
    aws_sagemaker_capture,
    azure_monitor,
    chatgpt_compliance,
    claude_compliance,
    cloudflare_ai_gateway,
    envoy_ai_gateway,
    gcp_audit,
    gemini_workspace,
    github_copilot_audit,
    kong,
    litellm,
    llama_cpp,
    m365_copilot,
    mcp,
    ollama,
    openai_audit,
    openai_gateway,
    otel_genai,
    portkey,
    tgi,
    vertex_request_response,
    vllm,
)
from veilog_parsers.envelopes import (
    CONTAINERS,
    MAX_DEPTH,
    MAX_EVENTS,
    NOTHING,
    WRAPPERS,
    Around,
    decode_inner,
    is_container,
    is_line,
    join_partial_lines,
    join_rows,
    unwrap,
)
from veilog_parsers.errors import ErrorType, RecordError
from veilog_parsers.event import AuditEvent, CleanText, Cloud, Kind, SensitiveTree
from veilog_parsers.otlp import as_one_document, join_internal, open_fluent_bit
from veilog_parsers.record import Fields, RawRecord
from veilog_parsers.source import Source
from veilog_parsers.take import remainder

SOURCES: Final[tuple[Source, ...]] = (
    aws_agentcore.SOURCE,
    aws_bedrock_invocation.SOURCE,
    aws_cloudtrail.SOURCE,
    aws_sagemaker_capture.SOURCE,
    azure_monitor.SOURCE,
    chatgpt_compliance.SOURCE,
    claude_compliance.SOURCE,
    cloudflare_ai_gateway.SOURCE,
    envoy_ai_gateway.SOURCE,
    gcp_audit.SOURCE,
    gemini_workspace.SOURCE,
    github_copilot_audit.SOURCE,
    kong.SOURCE,
    m365_copilot.SOURCE,
    openai_audit.SOURCE,
    vertex_request_response.SOURCE,
    litellm.SOURCE,
    portkey.SOURCE,
    vllm.SOURCE,
    ollama.SOURCE,
    llama_cpp.SOURCE,
    tgi.SOURCE,
    access_log.SOURCE,
    mcp.SOURCE,
    otel_genai.SOURCE,
    openai_gateway.SOURCE,
)
OTHER: Final = "other"


@dataclasses.dataclass(slots=True)
class Rejected:
    """A record (or one record of an envelope) that gave no event."""

    error_type: ErrorType
    source: str


class Registry:
    """Recognizes and parses records.

    Args:
        sources: the sources to know, in order of precedence.
        fixed: name of the one source that every record is from; "" to recognize each record by its shape.

    Raises:
        KeyError: ``fixed`` names no source.
    """

    def __init__(self, sources: Sequence[Source] = SOURCES, fixed: str = "") -> None:
        self._index: dict[str, list[tuple[int, Source]]] = {}
        for rank, source in enumerate(sources):
            for key in source.markers:
                self._index.setdefault(key, []).append((rank, source))
        self._keys = frozenset(self._index)
        self._container_keys = frozenset(CONTAINERS)
        self._fixed = {source.name: source for source in sources}[fixed] if fixed else None

    def recognize(self, fields: Fields) -> Source | None:
        """The source of a record, or None."""
        best: tuple[int, Source] | None = None
        # Walks the record's keys, not the index: the cost does not grow with the number of sources.
        for key in self._keys.intersection(fields):
            for rank, source in self._index[key]:
                if (best is None or rank < best[0]) and source.markers[key](fields):
                    best = (rank, source)
        return best[1] if best else None

    def parse(self, record: RawRecord) -> Iterator[AuditEvent | Rejected]:
        """Every event of a raw record, in order; a record in an envelope that cannot be read is rejected alone.

        Raises:
            RecordError: the raw record as a whole is no record.
        """
        value = record.value
        if "otlp" in record.metadata:
            value = open_fluent_bit(value, record.metadata, record.group) or value
        for count, (inner, around) in enumerate(self._open(value, 0, NOTHING)):
            if count >= MAX_EVENTS:
                raise RecordError(ErrorType.TOO_MANY_EVENTS, f"more than {MAX_EVENTS} in one record")
            yield self._parse_one(inner, around)

    def _parse_one(self, inner: Fields | RecordError, around: Around) -> AuditEvent | Rejected:
        if isinstance(inner, RecordError):
            return Rejected(inner.error_type, OTHER)
        source = self._fixed or self.recognize(inner)
        if source is None:
            event = AuditEvent(source=CleanText(OTHER), kind=Kind.OTHER)
            event.unmapped = SensitiveTree(inner)
            return event
        try:
            event = source.parse(inner)
        except RecordError as error:
            return Rejected(error.error_type, source.name)
        except Exception:
            # A parser's bug must not become a leak or an outage: no message, no traceback, the record quarantined.
            return Rejected(ErrorType.PARSER_FAILED, source.name)
        event.source = CleanText(source.name)
        event.timestamp = event.timestamp or around.time
        if around.resource is not None:
            event.cloud = event.cloud or Cloud()
            event.cloud.resource = event.cloud.resource or around.resource
        left = remainder(inner)
        event.unmapped = SensitiveTree(left) if left else None
        return event

    def _open(self, value: Any, depth: int, around: Around) -> Iterator[tuple[Fields | RecordError, Around]]:
        """The records inside a decoded value, through at most ``MAX_DEPTH`` envelopes, and what these say of them."""
        if type(value) is list and depth == 0 and self._is_batch(value):
            document = as_one_document(value)
            for item in [document] if document else join_rows(join_partial_lines(join_internal(value))):
                yield from self._open(item, depth + 1, around)
            return
        if type(value) is not dict:
            raise RecordError(ErrorType.NOT_AN_OBJECT, "the record is a list or a scalar")
        if depth < MAX_DEPTH:
            for key in self._container_keys.intersection(value):
                inside = CONTAINERS[key](value)
                if inside is not None:
                    for item in inside:
                        yield from self._open_inner(item, depth + 1, around)
                    return
            if self.recognize(value) is None and (found := self._unwrap(value, depth, around)) is not None:
                yield from self._open(*found)
                return
        yield value, around

    def _open_inner(self, item: Any, depth: int, around: Around) -> Iterator[tuple[Fields | RecordError, Around]]:
        try:
            yield from self._open(decode_inner(item), depth, around)
        except RecordError as error:
            yield error, around

    def _unwrap(self, value: Fields, depth: int, around: Around) -> tuple[Fields, int, Around] | None:
        """The source's record that shippers wrapped, if there is one. Each text is decoded once."""
        for key in WRAPPERS:
            inside = unwrap(value, key, around) if key in value else None
            if inside is None:
                continue
            if self._is_record(inside[0]):
                return inside[0], depth + 1, inside[1]
            if depth + 1 < MAX_DEPTH and (found := self._unwrap(inside[0], depth + 1, inside[1])) is not None:
                return found
        return None

    def _is_record(self, value: Any) -> bool:
        return type(value) is dict and (
            self.recognize(value) is not None
            or any(is_container(key, value) for key in self._container_keys.intersection(value))
        )

    def _is_batch(self, values: list[Any]) -> bool:
        """A JSON array of records or lines, as gateways and shippers POST them: all objects, the first one tells."""
        return (
            bool(values)
            and all(type(item) is dict for item in values)
            and (self._is_record(values[0]) or is_line(values[0]))
        )
