"""The time that one record may take over all stages: ``limits.record_secs``.

Stages ask between two pieces of work (texts, candidates, leaves) whether the time is used up, so a record stops within
a few milliseconds of its budget, or when one call of a library returns (those have limits of their own). Parsers do not
ask: on records of ``LARGE_RECORD_BYTES`` or more, which alone can take so long, they are interrupted (``interrupt``).
A record is over budget only if wall time and CPU time both exceed the limit: a process that was suspended, or waits for
a busy machine, has not spent its budget; nor has a record for which something is built once (``clock``).
"""

from __future__ import annotations

from typing import Final

from veilog_filters import clock
from veilog_parsers.errors import ErrorType, RecordError

MIN_LEFT_SECS: Final = 0.1
"""What a plugin gets for an event whose time is used up: it must be written as a quarantine event all the same."""


LARGE_RECORD_BYTES: Final = 65_536
"""The slowest known records cost a parser 6 us for a byte, so smaller ones take less than half a second."""


class Budget:
    """Counts one event's time.

    Args:
        limit_secs: what an event may take, in seconds.
    """

    def __init__(self, limit_secs: float) -> None:
        self.limit_secs = limit_secs
        self._deadline = float("inf")
        self._processor_secs = 0.0
        self._spent_processor_secs = 0.0

    def begin_batch(self) -> None:
        """Note the processor's time, once for events that go through the stages together: asking takes half a us."""
        self._processor_secs = clock.processor_secs()

    def resume(self, now: float, spent_secs: float, spent_processor_secs: float = 0.0) -> None:
        """Go on with an event that has taken some time already.

        Args:
            now: ``clock.secs()``.
            spent_secs: what it took until now, in seconds.
            spent_processor_secs: the processor's time that it took before ``begin_batch``, in seconds.
        """
        self._spent_processor_secs = spent_processor_secs
        self._deadline = now + self.limit_secs - spent_secs

    @property
    def batch_processor_secs(self) -> float:
        """The processor's time since ``begin_batch``, in seconds."""
        return clock.processor_secs() - self._processor_secs

    def is_spent(self, now: float) -> bool:
        """Whether the event may go on no longer."""
        if now <= self._deadline:
            return False
        return self.batch_processor_secs + self._spent_processor_secs > self.limit_secs

    def left(self) -> float:
        """The seconds that are left to the event: at least ``MIN_LEFT_SECS``, or the limit if that is shorter."""
        return max(self._deadline - clock.secs(), min(MIN_LEFT_SECS, self.limit_secs))

    def check(self) -> float:
        """The seconds that are left to the event: at least a thousandth, for what takes them as its timeout.

        Raises:
            RecordError: none is left.
        """
        now = clock.secs()
        if now > self._deadline and self.is_spent(now):
            raise RecordError(ErrorType.OVER_BUDGET, f"more than {self.limit_secs} s")
        return max(self._deadline - now, 0.001)
