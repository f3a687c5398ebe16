"""What a peer can do wrong. A violation ends its connection; the message never quotes what it sent."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


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


MEANING: Final[dict[Reason, str]] = {
    Reason.NOT_MSGPACK: "The bytes are not msgpack.",
    Reason.NOT_A_MESSAGE: "The bytes are msgpack, but no message of the Forward protocol.",
    Reason.FRAME_TOO_LARGE: "A message is longer than `sidecar.listen.max_frame_bytes`.",
    Reason.TOO_MANY_ELEMENTS: "A message has more elements than a message may have.",
    Reason.BAD_TAG: "A tag is too long.",
    Reason.BAD_OPTION: "The options of a message are not a map, too many, or cannot be read.",
    Reason.BAD_CHUNK_ID: "A chunk's id is neither text nor bytes, or too long.",
    Reason.BAD_COMPRESSION: "What is compressed cannot be inflated, or in an unknown way.",
    Reason.INFLATED_TOO_LARGE: "What is compressed becomes longer than it may.",
    Reason.UNAUTHENTICATED: "The handshake was not done in time, or with a wrong key, user or password.",
    Reason.WRONG_KEY: "The next hop does not know the shared key.",
    Reason.REFLECTED: "The next hop calls itself as veilog does: it may only repeat what it hears.",
    Reason.UNEXPECTED: "The peer says something that has no place in the protocol at this point.",
    Reason.TRUNCATED: "The peer closed the connection inside a message.",
}
"""What each reason means, for a person who reads metrics or the log."""
