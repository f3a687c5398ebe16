"""The ack ledger: what is done is done once, what is not is sent again in order, and it is bounded."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from veilog_filters.transports.ledger import Ledger


def test_done_is_called_once_and_only_for_what_was_acknowledged() -> None:
    done: list[str] = []
    ledger = Ledger(10, 1000)
    for name in "abc":
        ledger.enter(name, name.encode(), lambda name=name: done.append(name))  # type: ignore[misc]
    assert ledger.settle("b")
    assert not ledger.settle("b")
    assert not ledger.settle("never entered")
    assert done == ["b"]
    assert list(ledger.unsettled()) == [("a", b"a"), ("c", b"c")]
    assert (len(ledger), ledger.bytes) == (2, 2)


def test_it_has_room_up_to_either_limit() -> None:
    ledger = Ledger(2, 10)
    ledger.enter("a", b"1234567890", lambda: None)
    assert not ledger.has_capacity
    ledger.settle("a")
    ledger.enter("b", b"1", lambda: None)
    assert ledger.has_capacity
    ledger.enter("c", b"1", lambda: None)
    assert not ledger.has_capacity


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5))))
def test_it_agrees_with_a_list(steps: list[tuple[bool, int]]) -> None:
    ledger = Ledger(1000, 1000)
    standing: dict[str, bytes] = {}
    done: list[str] = []
    expected: list[str] = []
    for number, (enters, which) in enumerate(steps):
        if enters:
            name = f"{number}"
            standing[name] = bytes(which)
            ledger.enter(name, bytes(which), lambda name=name: done.append(name))  # type: ignore[misc]
        else:
            name = list(standing)[which] if which < len(standing) else "unknown"
            assert ledger.settle(name) == (name in standing)
            if standing.pop(name, None) is not None:
                expected.append(name)
    assert done == expected
    assert list(ledger.unsettled()) == list(standing.items())
    assert ledger.bytes == sum(map(len, standing.values()))
