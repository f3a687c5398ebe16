"""Why a record could not become an event.

Every error carries an ``ErrorType`` from the closed list that docs/how-it-works/failures.md walks. Messages are built
from field paths and lengths; a message never quotes what a record holds.
"""

from __future__ import annotations

from enum import StrEnum


class ErrorType(StrEnum):
    """The closed list of reasons for quarantine, as ``error_type`` spells them."""

    MALFORMED_JSON = "malformed_json"
    MALFORMED_MSGPACK = "malformed_msgpack"
    INVALID_UTF8 = "invalid_utf8"
    NOT_AN_OBJECT = "not_an_object"
    RECORD_TOO_LARGE = "record_too_large"
    NESTING_TOO_DEEP = "nesting_too_deep"
    TOO_MANY_EVENTS = "too_many_events"
    BAD_ENTRY = "bad_entry"
    OVER_BUDGET = "over_budget"
    UNRECOGNIZED = "unrecognized"
    PARSER_FAILED = "parser_failed"
    DETECTOR_FAILED = "detector_failed"
    CLASSIFIER_FAILED = "classifier_failed"
    FINGERPRINT_FAILED = "fingerprint_failed"
    REDACTION_FAILED = "redaction_failed"
    ENCODING_FAILED = "encoding_failed"


class RecordError(Exception):
    """This record cannot go on; the next one can.

    Args:
        error_type: what the quarantine event will say.
        where: a field path or a length, in words of our own. Never content.
    """

    def __init__(self, error_type: ErrorType, where: str = "") -> None:
        super().__init__(f"{error_type}: {where}" if where else str(error_type))
        self.error_type = error_type
