"""The time that one record may take over all stages: ``limits.record_secs``.

Nothing is interrupted: stages ask between two pieces of work (texts, candidates, leaves) whether the time is used up,
so a record stops within a few milliseconds of its budget, or when one call of a library returns (those have limits of
their own). A record is over budget only if wall time and CPU time both exceed the limit: a process that was suspended,
or waits for a busy machine, has not spent its budget; nor has a record for which something is built once (``clock``).
"""

from __future__ import annotations

from typing import Final

from veilog_filters import clock
from veilog_parsers.errors import ErrorType, RecordError

MIN_LEFT_SECS: Final = 0.1
"""What a plugin gets for an event whose time is used up: it must be written as a quarantine event all the same."""


class Budget:
    """Counts one event's time.

    Args:
        limit_secs: what an event may take, in seconds.
    """

    def __init__(self, limit_secs: float) -> None:
        self.limit_secs = limit_secs
        self._deadline = float("inf")
        self._processor_secs = 0.0

    def begin_batch(self) -> None:
        """Note the processor's time, once for events that go through the stages together: asking takes half a us."""
        self._processor_secs = clock.processor_secs()

    def resume(self, now: float, spent_secs: float) -> None:
        """Go on with an event that has taken some time already.

        Args:
            now: ``clock.secs()``.
            spent_secs: what it took until now, in seconds.
        """
        self._deadline = now + self.limit_secs - spent_secs

    def is_spent(self, now: float) -> bool:
        """Whether the event may go on no longer."""
        return now > self._deadline and clock.processor_secs() - self._processor_secs > self.limit_secs

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
