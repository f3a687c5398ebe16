"""The fence around plugins: a plugin that fails on a record costs that record and no other.

    source, detector, encoder -> Fence.call -> interrupt.within -> the plugin's function

The fence calls a plugin's function with copies, under a time limit, with standard output and error turned away, and
takes nothing back but plain values that it has checked and copied (``source``, ``detector``, ``encoder``). What the
function raises is never read: its message may quote the record. Each failure is counted by kind, name and reason, and
becomes the ``RecordError`` by which the record goes to quarantine.

This guards against mistakes. It does not guard against a plugin that wants to harm: such code runs in this process and
can do what it likes.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple, TypeVar

from veilog_filters.interrupt import Interrupted, within
from veilog_parsers.errors import ErrorType, RecordError

T = TypeVar("T")

RAISED: Final = "raised"
OVER_BUDGET: Final = "over_budget"
BAD_RESULT: Final = "bad_result"
REASONS: Final = (RAISED, OVER_BUDGET, BAD_RESULT)
"""How a plugin may fail, as metrics call it."""

Failures = Counter[tuple[str, str, str]]
"""How often plugins failed, by kind (``source``, ...), name and reason."""


class BadResultError(Exception):
    """A plugin gave back something that its contract does not allow. The message is never shown."""


class Plugin(NamedTuple):
    """A plugin, as failures name it.

    Attributes:
        kind: ``source``, ``detector`` or ``encoder``.
        name: its name, which fits ``plugins.NAME``.
        failure: the ``error_type`` of a record on which it fails.
    """

    kind: str
    name: str
    failure: ErrorType


class Fence:
    """Calls plugins.

    Args:
        limit_secs: is called before each call of a plugin: what it may take, in seconds.

    Attributes:
        failures: how often plugins failed.
    """

    def __init__(self, limit_secs: Callable[[], float]) -> None:
        self.failures: Failures = Counter()
        self._limit_secs = limit_secs

    def call(self, plugin: Plugin, take: Callable[[Any], T], function: Callable[..., Any], *arguments: Any) -> T:
        """What a plugin's function gives, checked.

        Args:
            plugin: whose it is.
            take: makes of what it gave a plain value of our own; raises ``BadResultError``. Runs behind the fence too.
            function: what to call.
            arguments: what it is given, as copies: it may keep and change them.

        Raises:
            RecordError: the plugin failed, or refused the record by a ``RecordError`` of its own.
        """
        limit_secs = self._limit_secs()
        try:
            with silent():
                taken: T = within(limit_secs, f"the plugin {plugin.name}", _call_and_take, take, function, arguments)
            return taken
        except Interrupted:
            error = self._failed(plugin, OVER_BUDGET)
        except BadResultError:
            error = self._failed(plugin, BAD_RESULT)
        except KeyboardInterrupt:
            raise
        except RecordError as refusal:
            # Made anew, since its message and its cause are the plugin's.
            error = _refusal(refusal) or self._failed(plugin, RAISED)
        except BaseException:
            # SystemExit too: a plugin's ``exit()`` must not end what many rely on.
            error = self._failed(plugin, RAISED)
        raise error

    def _failed(self, plugin: Plugin, reason: str) -> RecordError:
        self.failures[plugin.kind, plugin.name, reason] += 1
        return RecordError(ErrorType.OVER_BUDGET if reason == OVER_BUDGET else plugin.failure)


def _refusal(refusal: RecordError) -> RecordError | None:
    """A plugin's refusal of a record, without its message; None if it names no reason of the closed list."""
    if type(refusal) is not RecordError or type(refusal.error_type) is not ErrorType:
        return None
    return RecordError(refusal.error_type)


@contextmanager
def silent() -> Iterator[None]:
    """Turn standard output and error away.

    Plugins are loaded and prepared in here too: a handler of ``logging`` keeps the stream that was there when it was
    made, and would write to it when it is called with a record.
    """
    out, err = sys.stdout, sys.stderr
    sys.stdout = sys.stderr = _NOWHERE
    try:
        yield
    finally:
        sys.stdout, sys.stderr = out, err


def _call_and_take(take: Callable[[Any], T], function: Callable[..., Any], arguments: tuple[Any, ...]) -> T:
    given = function(*arguments)
    try:
        return take(given)
    except Exception:
        # Whatever went wrong there, it was not what it should be.
        raise BadResultError from None


class _Nowhere:
    """A text stream that discards what is written to it."""

    encoding = "utf-8"

    def write(self, text: str) -> int:
        """See ``io.TextIOBase``."""
        return len(text)

    def flush(self) -> None:
        """See ``io.TextIOBase``."""

    def isatty(self) -> bool:
        """See ``io.TextIOBase``."""
        return False


_NOWHERE: Final[Any] = _Nowhere()
