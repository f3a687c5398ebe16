"""What detection gives and what bounds it: findings, and time.

A finding says where something is and what it is, never what it says.

Detection cannot be interrupted from outside: it is loops around calls into libraries. So each loop (windows, matches,
candidates, tokens, chunks) calls a ``Deadline`` once a turn. That costs a tenth of a microsecond and bounds the time of
a text to what is allowed plus one call into a library; and those calls that can, take what is left as their timeout.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, NamedTuple


class Finding(NamedTuple):
    """A span of a text, in characters, half open, with its entity type and Presidio's confidence (0 to 1)."""

    start: int
    end: int
    entity: str
    score: float


NAME: Final = "name"
"""The field of names, ids and lone numbers, which NER never reads: what it finds is what is expected there."""

ANY: Final = ""
"""The field of a text that comes from nowhere in particular: NER reads it."""

Detector = Callable[[str], list[Finding]]
"""What the inspect stage calls: a text in, its findings out."""


class DetectorTimeout(Exception):  # noqa: N818 - the name says what happened
    """A pattern ran out of its time on a text. The text counts as found, whole."""


Check = Callable[[], float | None]
"""Raises if the record that is worked on must not go on (whatever it raises passes through detection), else returns
the seconds that are left to the record, or None if it has no bound."""


class Deadline:
    """When to give up a text: when wall time and CPU time are both used up.

    A process that waits for a busy machine has not spent its text's time: when wall time is used up, the unused CPU
    time is what is left.

    Args:
        timeout_secs: how long the text may take.
        check: may stop the record.
    """

    __slots__ = ("_at", "_check", "_processor_at")

    def __init__(self, timeout_secs: float, check: Check | None = None) -> None:
        self._at = time.monotonic() + timeout_secs
        self._processor_at = time.thread_time() + timeout_secs
        self._check = check

    def __call__(self) -> float:
        """The seconds that are left: more than none.

        Raises:
            DetectorTimeout: none is left. Treat the whole text as found.
        """
        left = self._at - time.monotonic()
        if left <= 0:
            left = self._processor_at - time.thread_time()
            if left <= 0:
                raise DetectorTimeout
            self._at = time.monotonic() + left
        of_record = self._check() if self._check is not None else None
        if of_record is None or of_record >= left:
            return left
        if of_record <= 0:
            raise DetectorTimeout
        return of_record
