"""Transforms that several schemas share: times, addresses, URLs, numbers."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime
from typing import Final


def milliseconds(timestamp: str) -> int:
    """RFC 3339 to milliseconds since 1970, UTC."""
    moment = datetime.fromisoformat(timestamp)
    return int(moment.timestamp()) * 1000 + moment.microsecond // 1000


def nanoseconds(timestamp: str) -> str:
    """RFC 3339 to nanoseconds since 1970, UTC, in decimal digits as OTLP's JSON has them; 0 for times before."""
    moment = datetime.fromisoformat(timestamp)
    return str(max(0, int(moment.timestamp())) * 1_000_000_000 + moment.microsecond * 1000)


def now() -> str:
    """The present time in RFC 3339, UTC: for schemas that require a time, and events that have none."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def address(value: str) -> str | None:
    """An IP address; None for a masked one, a hash, or the name of a host."""
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return None
    return value


def name_of_host(value: str) -> str | None:
    """Whatever stands in the place of an address and is none."""
    return None if address(value) else value


def url(value: str) -> str | None:
    """A URL; None for a path."""
    return value if "://" in value else None


def path(value: str) -> str | None:
    """A path; None for a URL."""
    return None if "://" in value else value


_INT64: Final = 2.0**63


def whole(value: float) -> int | None:
    """The nearest whole number; None for one that has more than 64 bits, which JSON's and msgpack's writers refuse."""
    return round(value) if -_INT64 <= value < _INT64 else None
