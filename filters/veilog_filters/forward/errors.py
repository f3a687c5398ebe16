"""What a peer can do wrong. A violation ends its connection; the message never quotes what it sent."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """The closed list of protocol errors, as metrics count them."""

    NOT_MSGPACK = "not_msgpack"
    NOT_A_MESSAGE = "not_a_message"
    FRAME_TOO_LARGE = "frame_too_large"
    TOO_MANY_ELEMENTS = "too_many_elements"
    BAD_TAG = "bad_tag"
    BAD_OPTION = "bad_option"
    BAD_CHUNK_ID = "bad_chunk_id"
    BAD_COMPRESSION = "bad_compression"
    INFLATED_TOO_LARGE = "inflated_too_large"
    UNAUTHENTICATED = "unauthenticated"
    WRONG_KEY = "wrong_key"
    REFLECTED = "reflected"
    UNEXPECTED = "unexpected"
    TRUNCATED = "truncated"


class ForwardError(Exception):
    """The peer broke the protocol or a limit; its connection is over.

    Args:
        reason: what happened, from the closed list.
        detail: numbers and words of our own, never bytes of the peer's.
    """

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else str(reason))
        self.reason = reason
