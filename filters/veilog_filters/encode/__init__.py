"""Encoders: one module per target schema, each from a finished event to the object that is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from veilog_filters.encode import native
from veilog_parsers.event import AuditEvent

ENCODERS: Final[dict[str, Callable[[AuditEvent], dict[str, Any]]]] = {"native": native.encode}
"""Schema name, as ``--schema`` takes it, to its encoder."""
