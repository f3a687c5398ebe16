"""Workers that cannot be started, or never come to anything, and the supervisor that must not lose them."""

from __future__ import annotations

import copy
import errno
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
import yaml

from forward_peers import LONG_WAIT_SECS
from samples import KEY_FILE
from veilog_filters.metrics import Counts, Traffic
from veilog_filters.transports import supervisor as module
from veilog_filters.transports.process import RELOAD, Report
from veilog_filters.transports.supervisor import Supervisor


def serve(path: str, listeners: list[Any], pipe: Connection) -> None:
    """What a worker says, without being one."""
    while True:
        pipe.send(Report(Counts(), Traffic(), "hash", ready=True, serving=True))
        if pipe.poll(0.05):
            assert pipe.recv() == RELOAD


def hang(path: str, listeners: list[Any], pipe: Connection) -> None:
    time.sleep(LONG_WAIT_SECS)


@pytest.fixture
def supervisor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    (tmp_path / "c.yaml").write_text(yaml.safe_dump({"hash_key": {"file": str(KEY_FILE)}, "sidecar": {"workers": 2}}))
    monkeypatch.setattr(module, "run_worker", serve)
    made: Any = Supervisor(str(tmp_path / "c.yaml"))
    yield made
    for child in made._children:
        child.process.kill()
        child.process.join(LONG_WAIT_SECS)
        child.pipe.close()


def until(supervisor: Any, condition: Any) -> None:
    deadline = time.monotonic() + LONG_WAIT_SECS
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        supervisor._tick()


def ready(supervisor: Any) -> int:
    supervisor._aggregate()
    return int(supervisor.status().workers_ready)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("error", [OSError(errno.EAGAIN, "secret"), OSError(errno.ENOMEM, "secret"), MemoryError()])
def test_a_worker_that_cannot_be_started_is_started_later(
    error: Exception, supervisor: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    supervisor._start()
    supervisor._start()
    until(supervisor, lambda: ready(supervisor) == 2)
    failures = [copy.copy(error) for _ in range(3)]
    start = supervisor._context.Process.start

    def fail(process: Any) -> None:
        if failures:
            raise failures.pop()
        start(process)

    monkeypatch.setattr(supervisor._context.Process, "start", fail)
    monkeypatch.setattr(module, "_MAX_RESTART_DELAY_SECS", 0.1)
    before = open_files()
    for child in list(supervisor._children):
        child.process.kill()
        child.process.join(LONG_WAIT_SECS)
    del child
    until(supervisor, lambda: not failures and ready(supervisor) == 2)
    assert supervisor._restart_at == []
    assert open_files() <= before
    said = capfd.readouterr().err
    assert said.count(f"event=worker_not_started error={type(error).__name__}") == 3
    assert "secret" not in said


def test_a_first_worker_that_cannot_be_started_ends_it(
    supervisor: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(process: Any) -> None:
        raise OSError(errno.EAGAIN, "secret")

    monkeypatch.setattr(supervisor._context.Process, "start", fail)
    before = open_files()
    supervisor._supervise()
    assert supervisor._exit_code == 1
    assert open_files() == before
    assert capfd.readouterr().err.startswith("veilog: event=start_failed error=BlockingIOError")


def test_a_worker_that_hangs_while_it_starts_is_replaced(supervisor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "run_worker", hang)
    supervisor._start()
    (child,) = supervisor._children
    supervisor._tick()
    assert child.process.is_alive()
    monkeypatch.setattr(module, "run_worker", serve)
    monkeypatch.setattr(module, "START_SECS", 1.0)
    until(supervisor, lambda: child not in supervisor._children)
    assert not child.process.is_alive()
    monkeypatch.setattr(module, "START_SECS", LONG_WAIT_SECS)
    until(supervisor, lambda: ready(supervisor) == 1)
