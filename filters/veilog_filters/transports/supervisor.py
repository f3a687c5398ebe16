"""``veilog sidecar``: starts the workers, replaces dead ones, answers health checks, passes reloads on.

The supervisor never touches a record, so its health checks are answered however busy the workers are. It binds every
address itself, once, and hands the sockets to all workers: a port that is in use is an error before anything starts,
and what waits in a socket's queue outlives the worker that would have taken it.

Workers report several times a second. One that has been silent for ``SILENT_SECS`` does not count as ready; one that
stays silent is killed, as one that has died is, and another takes its place; so is one that has said nothing for
``START_SECS`` since it was begun. One that cannot even start ends the sidecar: the operator then sees a failed start,
not a restart loop. Once workers have run, one that cannot be started (no processes, memory or files) is tried again,
with growing delays, until it starts.
"""

from __future__ import annotations

import dataclasses
import multiprocessing
import signal
import socket
import time
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType
from typing import Final

from veilog_filters.config import Config, load_config
from veilog_filters.log import log_event, log_line
from veilog_filters.metrics import Counts, Status, Traffic
from veilog_filters.transports.addresses import StartError, bind_tcp, bind_unix
from veilog_filters.transports.health import HealthServer
from veilog_filters.transports.process import RELOAD, Report, run_worker

EXIT_OK: Final = 0
EXIT_FAILED: Final = 1
EXIT_CONFIG: Final = 2
_TICK_SECS: Final = 0.5
_KILL_AFTER_SECS: Final = 5.0
_MAX_RESTART_DELAY_SECS: Final = 30.0
SILENT_SECS: Final = 5.0
_WEDGED_SECS: Final = 60.0
START_SECS: Final = 600.0
"""How long a worker may take to start, in seconds. The largest models take minutes to be read from a slow disk."""
_MAX_FAILED_TICKS: Final = 10


class _WorkerProcess:
    """One worker as its supervisor sees it."""

    def __init__(self, process: BaseProcess, pipe: Connection) -> None:
        self.process = process
        self.pipe = pipe
        self.report = Report(Counts(), Traffic(), "")
        self.was_serving = False
        self.reported_at = time.monotonic()

    @property
    def silent_secs(self) -> float:
        """How long it has said nothing, or been starting."""
        return time.monotonic() - self.reported_at

    @property
    def is_wedged(self) -> bool:
        """Whether it has said nothing for so long that it never will. While it starts it has nothing to say."""
        return self.silent_secs > (_WEDGED_SECS if self.was_serving else START_SECS)


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
        self._config = load_config(config_path)
        self._options = self._config.sidecar
        self._workers = workers or self._options.workers
        self._context = multiprocessing.get_context("spawn")
        self._children: list[_WorkerProcess] = []
        self._retired = Status()
        self._stopping = False
        self._reload_wanted = False
        self._changed = self._fingerprint()
        self._failures = 0
        self._restart_at: list[float] = []
        self._exit_code = EXIT_OK
        self._listeners: list[socket.socket] = []
        self._has_served = False
        self._snapshot = Status()
        self._snapshot_at = time.monotonic()

    def run(self) -> int:
        """Until a signal ends it; the exit code."""
        health: HealthServer | None = None
        unix_inode = 0
        try:
            if self._options.http:
                health = HealthServer(bind_tcp(self._options.http, "sidecar.http"), self.status)
            if self._options.listen.tcp:
                self._listeners += bind_tcp(self._options.listen.tcp, "sidecar.listen.tcp")
            if self._options.listen.unix:
                self._listeners.append(bind_unix(self._options.listen.unix))
                unix_inode = Path(self._options.listen.unix).stat().st_ino
            signal.signal(signal.SIGTERM, self._on_stop)
            signal.signal(signal.SIGINT, self._on_stop)
            signal.signal(signal.SIGHUP, self._on_reload)
            self._supervise()
        except StartError as error:
            log_line(f"veilog: {error}")
            return EXIT_FAILED
        finally:
            for child in self._children:
                child.process.kill()
            if health is not None:
                health.close()
            for listener in self._listeners:
                listener.close()
            if unix_inode:
                self._remove_socket(unix_inode)
        return self._exit_code

    def _supervise(self) -> None:
        try:
            for _ in range(self._workers):
                self._start()
        except OSError as error:
            log_event("start_failed", error=type(error).__name__, note="a worker's process cannot be started")
            self._exit_code = EXIT_FAILED
            self._stopping = True
        failed = 0
        while not self._stopping:
            try:
                self._tick()
                failed = 0
            except Exception as error:
                # The health server and the workers go on; and so does this, unless it cannot.
                failed += 1
                log_event("supervisor_failed", error=type(error).__name__)
                if failed >= _MAX_FAILED_TICKS:
                    self._exit_code = EXIT_FAILED
                    break
                time.sleep(_TICK_SECS)
        self._stop_workers()

    def _remove_socket(self, inode: int) -> None:
        """Remove our Unix socket, if it is still ours."""
        path = Path(self._options.listen.unix)
        with suppress(OSError):
            if path.lstat().st_ino == inode:
                path.unlink()

    def status(self) -> Status:
        """The sums over all workers, as of the last tick; called from the health server's threads."""
        status = self._snapshot
        if time.monotonic() - self._snapshot_at > SILENT_SECS:
            status = dataclasses.replace(status, workers_ready=0)
        return dataclasses.replace(status, stopping=self._stopping)

    def _aggregate(self) -> None:
        """Replace the status snapshot. Health requests read only complete snapshots."""
        status = Status(
            restarts=self._retired.restarts,
            reloads=self._retired.reloads.copy(),
            config_hash=self._retired.config_hash,
        )
        status.counts.add(self._retired.counts)
        status.traffic.add(self._retired.traffic)
        for child in self._children:
            status.counts.add(child.report.counts)
            status.traffic.add(child.report.traffic)
            status.workers_ready += child.report.ready and child.silent_secs < SILENT_SECS
            status.config_hash = child.report.config_hash or status.config_hash
        self._snapshot, self._snapshot_at = status, time.monotonic()

    def _on_stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True

    def _on_reload(self, _number: int, _frame: FrameType | None) -> None:
        self._reload_wanted = True

    def _start(self) -> None:
        """Start a worker.

        Raises:
            OSError: there is no room for it: no processes, memory or files.
        """
        ours, theirs = self._context.Pipe()
        try:
            process = self._context.Process(target=run_worker, args=(self._path, self._listeners, theirs), daemon=True)
            process.start()
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        self._children.append(_WorkerProcess(process, ours))

    def _start_due(self) -> None:
        """Start the workers whose time has come; one that cannot be started stays due."""
        now = time.monotonic()
        for due in [due for due in self._restart_at if due <= now]:
            try:
                self._start()
            except Exception as error:
                self._failures += 1
                delay = self._delay_secs()
                log_event("worker_not_started", error=type(error).__name__, delay_secs=delay, note="it is tried again")
                self._restart_at.append(now + delay)
            # Whether it runs or has another time: this one is over.
            self._restart_at.remove(due)

    def _delay_secs(self) -> float:
        """How long to wait after so many failures."""
        return min(_MAX_RESTART_DELAY_SECS, 0.5 * 2.0 ** min(self._failures, 10))

    def _tick(self) -> None:
        self._listen(_TICK_SECS)
        for child in self._children:
            if child.is_wedged:
                log_event("worker_wedged", pid=child.process.pid, silent_secs=round(child.silent_secs))
                child.process.kill()
                child.process.join(_KILL_AFTER_SECS)
        for child in [child for child in self._children if not child.process.is_alive()]:
            self._reap(child)
        self._start_due()
        if self._fingerprint() != self._changed:
            self._changed = self._fingerprint()
            self._reload_wanted = True
        if self._reload_wanted:
            self._reload_wanted = False
            for child in self._children:
                self._send_reload(child)
        self._aggregate()

    def _send_reload(self, child: _WorkerProcess) -> None:
        try:
            child.pipe.send(RELOAD)
        except OSError:
            log_event("reload_not_told", pid=child.process.pid)

    def _listen(self, timeout_secs: float) -> None:
        """Read the workers' reports, or notice that one has died."""
        pipes = {child.pipe: child for child in self._children}
        for ready in wait([*pipes, *(child.process.sentinel for child in self._children)], timeout_secs):
            if isinstance(ready, Connection) and ready in pipes:
                self._receive_report(pipes[ready])

    def _receive_report(self, child: _WorkerProcess) -> bool:
        """Read one report; False if the process at the other end is ending and there will be none."""
        try:
            report: Report = child.pipe.recv()
        except (EOFError, OSError):
            child.process.join(_TICK_SECS)
            return False
        child.report = report
        child.reported_at = time.monotonic()
        if report.serving and not child.was_serving:
            child.was_serving = True
            self._failures = 0
            if not self._has_served:
                self._has_served = True
                log_event("started", **started(self._config, self._workers, report.config_hash))
        if report.reloaded is not None:
            result = "ok" if report.reloaded else "failed"
            self._retired.reloads[result] += 1
            note = {} if report.reloaded else {"note": "refused; the old one stays in use"}
            log_event("reload", result=result, pid=child.process.pid, config=report.config_hash, **note)
        for defect in report.defects:
            log_line(f"veilog: {defect}")
        return True

    def _drain_reports(self, child: _WorkerProcess) -> None:
        """Read all that a dead process has reported."""
        while child.pipe.poll() and self._receive_report(child):
            pass

    def _reap(self, child: _WorkerProcess) -> None:
        """A worker has died: keep its counts, and put another in its place."""
        self._drain_reports(child)
        child.report.traffic.retire()
        self._retired.counts.add(child.report.counts)
        self._retired.traffic.add(child.report.traffic)
        self._retired.config_hash = child.report.config_hash or self._retired.config_hash
        self._children.remove(child)
        child.pipe.close()
        pid, code = child.process.pid, child.process.exitcode
        if not child.was_serving and child.report.defects:
            self._exit_code = EXIT_CONFIG
            self._stopping = True
            return
        if not self._has_served and code is not None and code >= 0:
            # It was not killed: it cannot start, and another could not either.
            log_event("start_failed", pid=pid, exit_code=code)
            self._exit_code = EXIT_FAILED
            self._stopping = True
            return
        if child.was_serving:
            self._failures = 0
        self._failures += 1
        self._retired.restarts += 1
        delay = 0.0 if child.was_serving else self._delay_secs()
        log_event("worker_restarted", pid=pid, exit_code=code, delay_secs=delay, note="another takes its place")
        self._restart_at.append(time.monotonic() + delay)

    def _stop_workers(self) -> None:
        for listener in self._listeners:
            listener.close()
        for child in self._children:
            child.process.terminate()
        deadline = time.monotonic() + self._options.grace_secs + _KILL_AFTER_SECS
        while any(child.process.is_alive() for child in self._children) and time.monotonic() < deadline:
            self._listen(0.1)
        for child in self._children:
            self._drain_reports(child)

    def _fingerprint(self) -> tuple[int, int]:
        """When the configuration was written; Kubernetes replaces the file behind a link, so the target counts."""
        try:
            stat = Path(self._path).stat()
        except OSError:
            return self._changed if hasattr(self, "_changed") else (0, 0)
        return stat.st_mtime_ns, stat.st_ino


def started(config: Config, workers: int, config_hash: str) -> dict[str, object]:
    """What is said at start: what it listens on, where it sends, and what may leave."""
    options, policy = config.sidecar, config.policy
    return {
        "listen": ",".join(filter(None, (options.listen.tcp, options.listen.unix))),
        "tls": options.listen.tls is not None,
        "shared_key": options.listen.shared_key is not None,
        "users": len(options.listen.users),
        "forward": ",".join(place.address for place in options.forward) or "stdout",
        "http": options.http or "none",
        "workers": workers,
        "schema": ",".join(config.schemas()),
        "policy": policy.name,
        "content": policy.content,
        "unmapped": policy.unmapped,
        "unrecognized": policy.unrecognized,
        "identity": policy.identity,
        "config": config_hash,
    }
