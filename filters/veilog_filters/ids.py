"""Ids of events, and hashes of raw records.

A shipper that had no acknowledgement sends again: an id is the same for every delivery of the same record, whether it
came as JSON or msgpack, so that the SIEM can drop the second (``fingerprint.record`` says what makes two records the
same).
"""

from __future__ import annotations

from typing import Final

from veilog_filters.fingerprint import Fingerprinter
from veilog_parsers.event import Digest
from veilog_parsers.record.raw import RawRecord

_NOTHING_HASHED: Final = (b"", Digest(""))


class Ids:
    """Makes ids, all under one key and tenant.

    Args:
        fingerprinter: has the key.
        tenant_id: the configured tenant, or "".
    """

    def __init__(self, fingerprinter: Fingerprinter, tenant_id: str) -> None:
        self._fingerprinter = fingerprinter
        self._tenant_id = tenant_id
        self._hashed = _NOTHING_HASHED

    def of_record(self, record: RawRecord) -> bytes:
        """What the ids of a record's events are made of. Ask before it is parsed: parsers take records apart."""
        return self._fingerprinter.record(record, self._tenant_id)

    def of_event(self, record_digest: bytes, source: str, source_id: str, time: str, index: int) -> Digest:
        """The id of an event: duplicates, which at-least-once delivery brings, have the same.

        Args:
            record_digest: of the raw record, see ``of_record``.
            source: the parser.
            source_id: the source's own id of the call, or "".
            time: RFC 3339, or "".
            index: which of the record's events it is.
        """
        data = "\0".join((source, source_id, time, str(index), "")).encode("utf-8", "replace") + record_digest
        return Digest(self._fingerprinter.digest("event_id", self._tenant_id, data)[:32])

    def raw_hash(self, raw: bytes) -> Digest:
        """The hash of a record's bytes, made once: there are records with thousands of events."""
        if self._hashed[0] is not raw:
            self._hashed = (raw, self._fingerprinter.digest("raw", self._tenant_id, raw))
        return self._hashed[1]

    def forget(self) -> None:
        """Let go of the record that was hashed last."""
        self._hashed = _NOTHING_HASHED
