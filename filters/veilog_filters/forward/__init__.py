"""The Forward protocol of Fluentd and Fluent Bit, sans-IO.

Both ends are state machines with three verbs: ``receive_data`` takes bytes, ``next_event`` gives what they mean,
``send`` turns an event into bytes. No socket, clock, thread or random number in here (a lint holds that), so every
behaviour can be tested by giving bytes, one by one if need be, and the owner of the sockets decides about time.

Format: https://github.com/fluent/fluentd/wiki/Forward-Protocol-Specification-v1.5, and what shippers really send.
"""

from veilog_filters.forward.connection import NEED_DATA, ClientConnection, ServerConnection
from veilog_filters.forward.errors import ForwardError, Reason
from veilog_filters.forward.events import (
    Ack,
    BadEntry,
    Chunk,
    ChunkId,
    Closed,
    Entry,
    EventTime,
    Heartbeat,
    Helo,
    Ping,
    Pong,
)
from veilog_filters.forward.limits import Limits

__all__ = [
    "NEED_DATA",
    "Ack",
    "BadEntry",
    "Chunk",
    "ChunkId",
    "ClientConnection",
    "Closed",
    "Entry",
    "EventTime",
    "ForwardError",
    "Heartbeat",
    "Helo",
    "Limits",
    "Ping",
    "Pong",
    "Reason",
    "ServerConnection",
]
