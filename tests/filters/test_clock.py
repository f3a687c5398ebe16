"""The clock of records stands still for what is built, in the thread that builds it and in no other."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from veilog_filters import clock

BUILD_SECS = 0.2


def build() -> None:
    began = time.thread_time()
    while time.thread_time() - began < BUILD_SECS:
        pass


@pytest.fixture
def other() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1)


def test_it_stands_still_once_however_deep() -> None:
    began, processor_began = clock.secs(), clock.processor_secs()
    with clock.stopped():
        build()
        with clock.stopped():
            build()
        build()
    assert 0 <= clock.secs() - began < BUILD_SECS / 2
    assert 0 <= clock.processor_secs() - processor_began < BUILD_SECS / 2


def test_it_goes_on_after_an_error() -> None:
    with pytest.raises(KeyError), clock.stopped():
        raise KeyError
    began = clock.secs()
    time.sleep(0.01)
    assert clock.secs() - began >= 0.01


def test_what_another_thread_builds_moves_no_clock_but_its_own(other: ThreadPoolExecutor) -> None:
    def stop() -> tuple[float, float]:
        began, processor_began = clock.secs(), clock.processor_secs()
        with clock.stopped():
            build()
        return clock.secs() - began, clock.processor_secs() - processor_began

    with other:
        began, wall_began = clock.secs(), time.perf_counter()
        theirs = other.submit(stop).result()
        assert clock.secs() - began == pytest.approx(time.perf_counter() - wall_began, abs=0.01)
        assert all(0 <= spent < BUILD_SECS / 2 for spent in theirs)
        # And the other way round.
        theirs_began = other.submit(clock.secs).result()
        stop()
        assert other.submit(clock.secs).result() - theirs_began >= BUILD_SECS


def test_one_that_stands_still_in_two_threads_at_a_time_stands_still_for_each() -> None:
    both = threading.Barrier(2)
    spent: list[float] = []

    def run(secs: float) -> None:
        began = clock.secs()
        with clock.stopped():
            both.wait()
            time.sleep(secs)
        spent.append(clock.secs() - began)

    threads = [threading.Thread(target=run, args=(secs,)) for secs in (0.05, 0.3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(0 <= secs < 0.04 for secs in spent)
