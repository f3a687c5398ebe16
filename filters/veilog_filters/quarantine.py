"""What leaves for a record that cannot be shown: one event made of constants, lengths and keyed hashes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from veilog_filters.encode import native
from veilog_filters.fingerprint import Fingerprinter
from veilog_filters.ids import Ids
from veilog_filters.metrics import Counts
from veilog_filters.record_shape import key_paths, shape_hash
from veilog_parsers.errors import ErrorType
from veilog_parsers.event import AuditEvent, Constant, Digest, Kind, SensitiveTree, Text
from veilog_parsers.record.raw import RawRecord
from veilog_parsers.record.times import parse_time
from veilog_parsers.registry import OTHER


@dataclasses.dataclass(slots=True)
class DecodeFailure:
    """What a transport could not decode: it has a length and a hash, but no value.

    Attributes:
        error_type: why.
        raw_bytes: its length.
        raw_hash: its hash in the ``raw`` domain.
        tag: the shipper's tag, or "".
        time: the shipper's time in RFC 3339, or None.
    """

    error_type: ErrorType
    raw_bytes: int
    raw_hash: Digest
    tag: str = ""
    time: str | None = None


class Quarantine:
    """Makes quarantine events in ``veilog/1``, and counts them.

    Args:
        fingerprinter: has the key.
        ids: makes the ids of events.
        tenant_id: the configured tenant, or "".
        default_tag: tag of records that came without one.
        tag_name: what leaves for a tag. Never raises.
        counts: of the pipeline.
    """

    def __init__(
        self,
        fingerprinter: Fingerprinter,
        ids: Ids,
        tenant_id: str,
        default_tag: str,
        tag_name: Callable[[str], Text],
        counts: Counts,
    ) -> None:
        self._fingerprinter = fingerprinter
        self._ids = ids
        self._tenant_id = tenant_id
        self._default_tag = default_tag
        self._tag_name = tag_name
        self._counts = counts

    def failure(self, error_type: ErrorType, raw: bytes, tag: str = "", time: str | None = None) -> DecodeFailure:
        """What stands for bytes that are no record.

        Args:
            error_type: why.
            raw: the bytes.
            tag: the shipper's tag, or "".
            time: the shipper's time in RFC 3339, or None.
        """
        return DecodeFailure(error_type, len(raw), self._ids.raw_hash(raw), tag, time)

    def __call__(
        self,
        record: RawRecord | DecodeFailure,
        error_type: ErrorType,
        source: str = OTHER,
        index: int = 0,
        record_digest: bytes = b"",
        shown: Any = None,
    ) -> dict[str, Any]:
        """What leaves for a record, or for one inside it: nothing of it comes from the record's content.

        Args:
            record: the raw record.
            error_type: why.
            source: the parser that it came to.
            index: which of the raw record's events it would have been.
            record_digest: the raw record's, as far as it was made.
            shown: what of an unrecognized record the operator gets the shape of, sealed.
        """
        event = AuditEvent(source=Constant(source), kind=Kind.QUARANTINE)
        event.error_type = Constant(error_type)
        if isinstance(record, DecodeFailure):
            event.raw_bytes, event.raw_hash = record.raw_bytes, record.raw_hash
        else:
            event.raw_bytes = len(record.raw)
            event.raw_hash = self._ids.raw_hash(record.raw)
        event.hash_key_id = self._fingerprinter.key_id
        event.tenant_id = Constant(self._tenant_id) if self._tenant_id else None
        tag = record.tag or self._default_tag
        if tag:
            event.tag = self._tag_name(tag)
        event.timestamp = parse_time(record.time)
        event.event_id = self._ids.of_event(
            record_digest or event.raw_hash.encode(), "quarantine", "", record.time or "", index
        )
        if isinstance(shown, SensitiveTree):
            event.record_shape = Digest(shape_hash(key_paths(shown.reveal()), self._fingerprinter))
        self._counts.quarantined[error_type] += 1
        return native.encode(event)
