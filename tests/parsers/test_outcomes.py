"""What names of errors and HTTP statuses say about how a call ended."""

from __future__ import annotations

import pytest

from veilog_parsers.event import Outcome
from veilog_parsers.record.outcomes import (
    DOCUMENTED,
    is_vague,
    most_telling,
    outcome_of_call,
    outcome_of_error,
    outcome_of_status,
)

ROWS = [
    (name, outcome) for outcomes in DOCUMENTED.values() for outcome, names in outcomes.items() for name in names.split()
]


@pytest.mark.parametrize(("name", "outcome"), ROWS)
def test_each_documented_name_stands_for_its_outcome_however_it_is_spelled(name: str, outcome: Outcome) -> None:
    bare = name.removesuffix("Exception").removesuffix("Error").removesuffix("_error")
    for spelled in (
        *(name, name.lower(), name.upper(), f"litellm.exceptions.{name}", f"com.amazonaws.bedrock#{name}"),
        *(f"Client.{name}", f"{bare}Exception", bare, f"'{name}'", f"{name} 400", f"Unknown {name}"),
    ):
        assert outcome_of_error(spelled) is outcome, spelled


def test_no_name_stands_for_two_outcomes() -> None:
    assert dict(ROWS) == dict(reversed(ROWS))


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("ProxyException 401", Outcome.DENIED),
        ("ProxyException 403", Outcome.DENIED),
        ("ProxyException 429", Outcome.THROTTLED),
        ("ProxyException 500", Outcome.FAILURE),
        ("ProxyException 400", Outcome.FAILURE),
        ("litellm.BadRequestError: litellm.ContentPolicyViolationError", Outcome.CONTENT_FILTERED),
        ("UnrecognizedClient", Outcome.DENIED),
        ("OurThrottlingOfKeys", Outcome.THROTTLED),
        ("KMSAccessDeniedException", Outcome.DENIED),
        ("content-filter", Outcome.CONTENT_FILTERED),
        ("SomethingElse", Outcome.FAILURE),
        ("4290", Outcome.FAILURE),
        ("E401x", Outcome.FAILURE),
        ("200", Outcome.FAILURE),
        ("", Outcome.FAILURE),
    ],
)
def test_names_that_are_in_no_table(name: str, outcome: Outcome) -> None:
    assert outcome_of_error(name) is outcome


def test_a_status_of_a_failure_is_told_more_by_the_error() -> None:
    assert outcome_of_call(None) is None
    assert outcome_of_call(200, "content_filter") is Outcome.SUCCESS
    assert outcome_of_call(400, "content_filter") is Outcome.CONTENT_FILTERED
    assert outcome_of_call(400, None) is Outcome.FAILURE
    assert outcome_of_call(403, "Timeout") is Outcome.DENIED
    assert outcome_of_call(None, None, "ExpiredToken") is Outcome.DENIED
    assert outcome_of_status(599) is Outcome.FAILURE


@pytest.mark.parametrize(
    ("names", "best"),
    [
        ([], None),
        (["Unknown"], "Unknown"),
        (["Unknown", "EventStreamError"], "EventStreamError"),
        (["EventStreamError", "Unknown"], "EventStreamError"),
        (["Exception", "ModelErrorException", "ThrottlingException"], "ThrottlingException"),
        (["invalid_request_error", "content_filter"], "content_filter"),
        (["unknown_error", "ERROR", "None"], "unknown_error"),
    ],
)
def test_a_vague_name_never_hides_a_specific_one(names: list[str], best: str | None) -> None:
    assert most_telling(names) == best
    assert not names or is_vague(names[0]) or best is not None
