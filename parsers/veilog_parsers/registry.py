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
    aws_bedrock_invocation,
    aws_cloudtrail,
    azure_monitor,
    cloudflare_ai_gateway,
    envoy_ai_gateway,
    kong,
    litellm,
    llama_cpp,
    ollama,
    openai_gateway,
    portkey,
    tgi,
    vllm,
)
from veilog_parsers.envelopes import CONTAINERS, MAX_DEPTH, MAX_EVENTS, WRAPPERS, decode_inner
from veilog_parsers.errors import ErrorType, RecordError
from veilog_parsers.event import AuditEvent, CleanText, Kind, SensitiveTree
from veilog_parsers.record import Fields, RawRecord
from veilog_parsers.source import Source
from veilog_parsers.take import remainder

SOURCES: Final[tuple[Source, ...]] = (
    aws_bedrock_invocation.SOURCE,
    aws_cloudtrail.SOURCE,
    azure_monitor.SOURCE,
    cloudflare_ai_gateway.SOURCE,
    envoy_ai_gateway.SOURCE,
    kong.SOURCE,
    litellm.SOURCE,
    portkey.SOURCE,
    vllm.SOURCE,
    ollama.SOURCE,
    llama_cpp.SOURCE,
    tgi.SOURCE,
    access_log.SOURCE,
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
        for key in self._keys & fields.keys():
            for rank, source in self._index[key]:
                if (best is None or rank < best[0]) and source.markers[key](fields):
                    best = (rank, source)
        return best[1] if best else None

    def parse(self, record: RawRecord) -> Iterator[AuditEvent | Rejected]:
        """Every event of a raw record, in order; a record in an envelope that cannot be read is rejected alone.

        Raises:
            RecordError: the raw record as a whole is no record.
        """
        for count, inner in enumerate(self._open(record.value, 0)):
            if count >= MAX_EVENTS:
                raise RecordError(ErrorType.TOO_MANY_EVENTS, f"more than {MAX_EVENTS} in one record")
            yield self._parse_one(inner)

    def _parse_one(self, inner: Fields | RecordError) -> AuditEvent | Rejected:
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
        left = remainder(inner)
        event.unmapped = SensitiveTree(left) if left else None
        return event

    def _open(self, value: Any, depth: int) -> Iterator[Fields | RecordError]:
        """The records inside a decoded value, through at most ``MAX_DEPTH`` envelopes."""
        if type(value) is list and depth == 0 and self._is_batch(value):
            for item in value:
                yield from self._open(item, depth + 1)
            return
        if type(value) is not dict:
            raise RecordError(ErrorType.NOT_AN_OBJECT, "the record is a list or a scalar")
        if depth < MAX_DEPTH:
            for key in self._container_keys & value.keys():
                inside = CONTAINERS[key](value)
                if inside is not None:
                    for item in inside:
                        yield from self._open_inner(item, depth + 1)
                    return
            if self.recognize(value) is None:
                for key, split in WRAPPERS.items():
                    if key in value and (inside := split(value)) and self._is_record(inside[0]):
                        yield from self._open(inside[0], depth + 1)
                        return
        yield value

    def _open_inner(self, item: Any, depth: int) -> Iterator[Fields | RecordError]:
        try:
            yield from self._open(decode_inner(item), depth)
        except RecordError as error:
            yield error

    def _is_record(self, value: Any) -> bool:
        return type(value) is dict and (self.recognize(value) is not None or not self._container_keys.isdisjoint(value))

    def _is_batch(self, values: list[Any]) -> bool:
        """A JSON array of records, as gateways POST them: all objects, and the first one a source's."""
        return bool(values) and all(type(item) is dict for item in values) and self._is_record(values[0])
