"""How a call ended: HTTP statuses, and the outcomes that statuses and names of errors stand for."""

from __future__ import annotations

import re
from typing import Final

from veilog_parsers.event import Outcome
from veilog_parsers.record.fields import peek, pop_count
from veilog_parsers.record.raw import Fields

_STATUS: Final = re.compile("[1-5][0-9]{2}")

_THROTTLED = ("throttl", "toomanyrequests", "too_many_requests", "ratelimit", "rate_limit", "quota", "429")
_DENIED = ("accessdenied", "unauthorized", "forbidden", "permission", "authentication", "invalid_api_key", "authfail")
_FILTERED = ("content_filter", "contentfilter", "content_policy", "guardrail_intervened", "responsibleai")


def pop_http_status(fields: Fields, *path: str) -> int | None:
    """Pop an HTTP status, 100 to 599, also from a string; any other number or word stays."""
    value = peek(fields, *path)
    if (type(value) is int and 100 <= value <= 599) or (type(value) is str and _STATUS.fullmatch(value)):
        return pop_count(fields, *path)
    return None


def outcome_of_status(status: int | None) -> Outcome | None:
    """The outcome that an HTTP status stands for; None for no status."""
    if status is None:
        return None
    if status < 400:
        return Outcome.SUCCESS
    if status in (401, 403):
        return Outcome.DENIED
    return Outcome.THROTTLED if status == 429 else Outcome.FAILURE


def outcome_of_error(name: str) -> Outcome:
    """The outcome that an error's name stands for (``ThrottlingException``, ``content_filter``, ``AccessDenied``)."""
    folded = name.lower().replace("-", "_").replace(" ", "")
    for words, outcome in (
        (_FILTERED, Outcome.CONTENT_FILTERED),
        (_THROTTLED, Outcome.THROTTLED),
        (_DENIED, Outcome.DENIED),
    ):
        if any(word in folded for word in words):
            return outcome
    return Outcome.FAILURE
