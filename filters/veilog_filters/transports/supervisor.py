"""``veilog sidecar``: starts the workers, replaces dead ones, answers health checks, passes reloads on.

The supervisor never touches a record. So it imports no detector, needs little memory, and its health checks are
answered however busy the workers are. Workers share one port (``SO_REUSEPORT``: the kernel spreads connections); a Unix
socket is bound here and handed to all.
"""

from __future__ import annotations

import multiprocessing
import signal
import socket
import sys
import time
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType
from typing import Final

from veilog_filters.config import load_config
from veilog_filters.metrics import Counts, Status, Traffic
from veilog_filters.transports.health import HealthServer
from veilog_filters.transports.process import RELOAD, Report, run_worker
from veilog_filters.transports.worker import bind_unix

EXIT_OK: Final = 0
EXIT_FAILED: Final = 1
EXIT_CONFIG: Final = 2
_TICK_SECS: Final = 0.5
_KILL_AFTER_SECS: Final = 5.0
_MAX_RESTART_DELAY_SECS: Final = 30.0


class _Child:
    """One worker as its supervisor sees it."""

    def __init__(self, process: BaseProcess, pipe: Connection) -> None:
        self.process = process
        self.pipe = pipe
        self.report = Report(Counts(), Traffic(), "")
        self.was_ready = False


class Supervisor:
    """Runs a sidecar.

    Args:
        config_path: the configuration's file; it is watched for changes.
        workers: how many processes filter; the configuration's number if None.

    Raises:
        ConfigError: the configuration is wrong.
    """

    def __init__(self, config_path: str, workers: int | None = None) -> None:
        self._path = config_path
        self._options = load_config(config_path).sidecar
        self._workers = workers or self._options.workers
        self._context = multiprocessing.get_context("spawn")
        self._children: list[_Child] = []
        self._retired = Status()
        self._stopping = False
        self._reload_wanted = False
        self._changed = self._fingerprint()
        self._failures = 0
        self._restart_at: list[float] = []
        self._exit_code = EXIT_OK

    def run(self) -> int:
        """Until a signal ends it; the exit code."""
        unix_socket = bind_unix(self._options.listen.unix) if self._options.listen.unix else None
        signal.signal(signal.SIGTERM, self._on_stop)
        signal.signal(signal.SIGINT, self._on_stop)
        signal.signal(signal.SIGHUP, self._on_reload)
        health = HealthServer(self._options.http, self.status) if self._options.http else None
        for _ in range(self._workers):
            self._start(unix_socket)
        try:
            while not self._stopping:
                self._tick(unix_socket)
            self._stop_children()
        finally:
            for child in self._children:
                child.process.kill()
            if health is not None:
                health.close()
            if unix_socket is not None:
                unix_socket.close()
                Path(self._options.listen.unix).unlink(missing_ok=True)
        return self._exit_code

    def status(self) -> Status:
        """The sums over all workers. Called from the health server's threads; reads only."""
        status = Status(
            restarts=self._retired.restarts,
            reloads=self._retired.reloads.copy(),
            stopping=self._stopping,
            config_hash=self._retired.config_hash,
        )
        status.counts.add(self._retired.counts)
        status.traffic.add(self._retired.traffic)
        for child in list(self._children):
            status.counts.add(child.report.counts)
            status.traffic.add(child.report.traffic)
            status.workers_ready += child.report.ready
            status.config_hash = child.report.config_hash or status.config_hash
        return status

    def _on_stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True

    def _on_reload(self, _number: int, _frame: FrameType | None) -> None:
        self._reload_wanted = True

    def _start(self, unix_socket: socket.socket | None) -> None:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=run_worker, args=(self._path, unix_socket, theirs), daemon=True)
        process.start()
        theirs.close()
        self._children.append(_Child(process, ours))

    def _tick(self, unix_socket: socket.socket | None) -> None:
        self._listen(_TICK_SECS)
        for child in [child for child in self._children if not child.process.is_alive()]:
            self._bury(child)
        now = time.monotonic()
        for due in [due for due in self._restart_at if due <= now]:
            self._restart_at.remove(due)
            self._start(unix_socket)
        if self._fingerprint() != self._changed:
            self._changed = self._fingerprint()
            self._reload_wanted = True
        if self._reload_wanted:
            self._reload_wanted = False
            for child in self._children:
                self._tell(child)

    def _tell(self, child: _Child) -> None:
        try:
            child.pipe.send(RELOAD)
        except OSError:
            self._say("a worker could not be told to reload; it is gone")

    def _listen(self, timeout_secs: float) -> None:
        """Read the workers' reports, or notice that one has died."""
        pipes = {child.pipe: child for child in self._children}
        for ready in wait([*pipes, *(child.process.sentinel for child in self._children)], timeout_secs):
            if isinstance(ready, Connection) and ready in pipes:
                self._hear(pipes[ready])

    def _hear(self, child: _Child) -> bool:
        """Read one report; False if the process at the other end is ending and there will be none."""
        try:
            report: Report = child.pipe.recv()
        except (EOFError, OSError):
            child.process.join(_TICK_SECS)
            return False
        child.report = report
        if report.ready and not child.was_ready:
            child.was_ready = True
            self._failures = 0
        if report.reloaded is not None:
            self._retired.reloads["ok" if report.reloaded else "failed"] += 1
            outcome = f"now {report.config_hash}" if report.reloaded else "refused; the old one stays in use"
            self._say(f"configuration reloaded in worker {child.process.pid}: {outcome}")
        for defect in report.defects:
            self._say(defect)
        return True

    def _hear_out(self, child: _Child) -> None:
        """Read all that a dead process has reported."""
        while child.pipe.poll() and self._hear(child):
            pass

    def _bury(self, child: _Child) -> None:
        """A worker has died: keep its counts, and put another in its place."""
        self._hear_out(child)
        child.report.traffic.retire()
        self._retired.counts.add(child.report.counts)
        self._retired.traffic.add(child.report.traffic)
        self._retired.config_hash = child.report.config_hash or self._retired.config_hash
        self._children.remove(child)
        child.pipe.close()
        if not child.was_ready and child.report.defects:
            self._exit_code = EXIT_CONFIG
            self._stopping = True
            return
        if child.was_ready:
            self._failures = 0
        self._failures += 1
        self._retired.restarts += 1
        delay = 0.0 if child.was_ready else min(_MAX_RESTART_DELAY_SECS, 0.5 * 2 ** min(self._failures, 10))
        self._say(f"worker {child.process.pid} ended with code {child.process.exitcode}; another takes its place")
        self._restart_at.append(time.monotonic() + delay)

    def _stop_children(self) -> None:
        for child in self._children:
            child.process.terminate()
        deadline = time.monotonic() + self._options.grace_secs + _KILL_AFTER_SECS
        while any(child.process.is_alive() for child in self._children) and time.monotonic() < deadline:
            self._listen(0.1)
        for child in self._children:
            self._hear_out(child)

    def _fingerprint(self) -> tuple[int, int]:
        """When the configuration was written; Kubernetes replaces the file behind a link, so the target counts."""
        try:
            stat = Path(self._path).stat()
        except OSError:
            return self._changed if hasattr(self, "_changed") else (0, 0)
        return stat.st_mtime_ns, stat.st_ino

    @staticmethod
    def _say(line: str) -> None:
        print(f"veilog: {line}", file=sys.stderr, flush=True)
