"""What a running sidecar says on standard error: one line for each event, ``key=value``, never content, never a key."""

from __future__ import annotations

import json
import os
import re
import sys
import threading
from typing import Final

_PLAIN: Final = re.compile(r"[A-Za-z0-9_.:/,@%+\[\]{}-]+")


def log_event(event: str, **fields: object) -> None:
    """Write a line.

    Args:
        event: what happened, in snake_case.
        fields: constants, numbers, and names from the configuration; with blanks or quotes they are quoted as in JSON.
    """
    line = " ".join(("veilog:", f"event={event}", *(f"{key}={_value(value)}" for key, value in fields.items())))
    log_line(line)


def log_line(line: str) -> None:
    """Write a line at once, so that processes do not mix theirs. It may go nowhere: that is no reason to stop."""
    try:
        sys.stderr.flush()
        os.write(sys.stderr.fileno(), f"{line}\n".encode("utf-8", "backslashreplace"))
    except (OSError, ValueError):
        return


def keep_messages_in() -> None:
    """Have exceptions that nothing can catch (in threads, in ``__del__``, at exit) logged by their type alone.

    Python would print their messages and tracebacks, which may quote a record.
    """
    sys.unraisablehook = lambda raised: log_event("exception_ignored", error=raised.exc_type.__name__)
    threading.excepthook = lambda raised: log_event("thread_failed", error=raised.exc_type.__name__)


def _value(value: object) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text)
