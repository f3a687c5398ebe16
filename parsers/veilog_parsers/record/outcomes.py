"""HTTP statuses and error names to the five outcomes of the schema."""

from __future__ import annotations

from veilog_parsers.event import Outcome

_THROTTLED = ("throttl", "toomanyrequests", "too_many_requests", "ratelimit", "rate_limit", "quota", "429")
_DENIED = ("accessdenied", "unauthorized", "forbidden", "permission", "authentication", "invalid_api_key", "authfail")
_FILTERED = ("content_filter", "contentfilter", "content_policy", "guardrail_intervened", "responsibleai")


def outcome_of_status(status: int | None) -> Outcome | None:
    """The outcome an HTTP status tells; None for no status."""
    if status is None:
        return None
    if status < 400:
        return Outcome.SUCCESS
    if status in (401, 403):
        return Outcome.DENIED
    return Outcome.THROTTLED if status == 429 else Outcome.FAILURE


def outcome_of_error(name: str) -> Outcome:
    """The outcome an error's name tells (``ThrottlingException``, ``content_filter``, ``AccessDenied`` ...)."""
    folded = name.lower().replace("-", "_").replace(" ", "")
    for words, outcome in (
        (_FILTERED, Outcome.CONTENT_FILTERED),
        (_THROTTLED, Outcome.THROTTLED),
        (_DENIED, Outcome.DENIED),
    ):
        if any(word in folded for word in words):
            return outcome
    return Outcome.FAILURE
