"""A worker's process: builds the pipeline, serves, reports to its supervisor, reloads when told to.

The pipe to the supervisor carries ``Report``s up and the word ``RELOAD`` down. When it breaks the supervisor is gone,
and the worker stops as if it had been told to. Reports are sent by a thread of their own, and one that cannot be sent
yet is replaced by the next: a supervisor that does not read never stops the worker.

Reloads are made one at a time. What was asked for while one was being made is one more reload, of the file as it is
then: so the last one wins.

A reload takes a new pipeline, the listeners' users, keys and certificates, and the next hops. It is refused, and all
stays as it is, where the file is wrong, looks as if it had been cut, or changes what only a restart can change.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import dataclasses
import gc
import hashlib
import signal
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any, Final

import orjson
import yaml

from veilog_filters import startup
from veilog_filters.config import Config, load_config
from veilog_filters.detectors import scan_options
from veilog_filters.errors import ConfigError, Defect
from veilog_filters.log import keep_messages_in, log_event
from veilog_filters.metrics import Counts, Traffic
from veilog_filters.pipeline import Pipeline
from veilog_filters.transports.fan_out import fan_out
from veilog_filters.transports.scheduling import ByteBudget
from veilog_filters.transports.worker import Access, TaskEndedError, Worker
from veilog_parsers.errors import ErrorType
from veilog_parsers.record.raw import RawRecord

RELOAD: Final = "reload"
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_LARGE_BLOCK_BYTES: Final = 131_072
REPORT_SECS: Final = 0.25
_LAST_REPORT_SECS: Final = 1.0
"""How long an ending worker waits until its last report has been taken, in seconds."""


@dataclasses.dataclass(frozen=True, slots=True)
class Report:
    """What a worker tells its supervisor.

    Attributes:
        counts: of its pipelines, since it started.
        traffic: of its connections.
        config_hash: of the configuration in use.
        ready: whether it takes chunks, and can hand them on.
        serving: whether it takes chunks.
        reloaded: after a reload: whether it worked. Else None.
        defects: why a start or reload failed, in words for the person who wrote the configuration.
    """

    counts: Counts
    traffic: Traffic
    config_hash: str
    ready: bool = False
    serving: bool = False
    reloaded: bool | None = None
    defects: tuple[str, ...] = ()


def run_worker(config_path: str, listeners: list[socket.socket], pipe: Connection) -> None:
    """The process's main function."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    give_back_memory()
    keep_messages_in()
    try:
        try:
            import uvloop
        except ImportError:
            asyncio.run(_Process(config_path, pipe).run(listeners))
        else:
            uvloop.run(_Process(config_path, pipe).run(listeners))
    except ConfigError as error:
        pipe.send(Report(Counts(), Traffic(), "", defects=tuple(map(str, error.defects))))
    except TaskEndedError as error:
        log_event("worker_failed", task=error.tasks, error=error.error)
        sys.exit(1)
    except Exception as error:
        # Left to multiprocessing, it would be printed with its message, which may quote a record.
        log_event("worker_failed", error=type(error).__name__)
        sys.exit(1)


def give_back_memory() -> None:
    """Tell glibc to give large blocks back when they are freed.

    Messages of many connections grow side by side. Left to itself glibc soon keeps blocks of megabytes for later, and
    holes between them: a backlog then took twice what the budget allows. Other C libraries do not have this call.
    """
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_THRESHOLD, _LARGE_BLOCK_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _LARGE_BLOCK_BYTES)


def build(config_path: str) -> tuple[Config, Pipeline, str]:
    """The configuration, its pipeline, tested on canaries, and the configuration's hash.

    Raises:
        ConfigError: something is wrong with it, or a canary got through.
    """
    config, _ = startup.start(config_path, sidecar=True, binds=True)
    pipeline = Pipeline(config, config.schemas(), config_path=config_path)
    pipeline.prepare()
    self_test(pipeline, config, config_path)
    pipeline.usage(everything=True)
    pipeline.counts.clear()  # the canaries are nobody's records
    pipeline.follow(time.time)
    return config, pipeline, hashlib.sha256(Path(config_path).read_bytes()).hexdigest()[:12]


_LIVE: Final = (
    *("forward", "tag", "keep_metadata"),
    *(
        f"listen.{option}"
        for option in (
            *("shared_key", "users", "tls", "hostname", "max_connections", "max_frame_bytes"),
            *("handshake_timeout_secs", "idle_timeout_secs"),
        )
    ),
)
"""Options of ``sidecar`` that a reload takes over. All others need a restart."""


def refuse_what_needs_a_restart(before: Config, after: Config, path: str) -> None:
    """Compare two configurations of a running sidecar.

    Raises:
        ConfigError: they differ in something that cannot be changed while it runs.
    """
    old, new = _flat(before), _flat(after)
    default: list[str] = []
    changed = sorted(key for key in old if old[key] != new[key] and key not in _LIVE)
    if bool(before.sidecar.forward) != bool(after.sidecar.forward):
        changed.append("forward")
    elif set(before.schemas()) != set(after.schemas()):
        # What waits for an ack is written in a schema, and would be in the wrong one, or nobody's.
        has_other_default = before.output.schema_name != after.output.schema_name
        default.append("output.schema" if has_other_default else "sidecar.forward.schema")
    if changed or default:
        fix = "restart veilog sidecar, or change it back"
        problem = "this cannot be changed while it runs: it needs a restart"
        places = [*(f"sidecar.{key}" for key in changed), *default]
        raise ConfigError(*(Defect(path, 0, place, problem, fix) for place in places))


def _flat(config: Config) -> dict[str, Any]:
    """The options of ``sidecar``, those of ``listen`` one by one."""
    options = config.sidecar.model_dump()
    return {f"listen.{key}": value for key, value in options.pop("listen").items()} | options


def refuse_what_was_cut(before: bytes, after: bytes, path: str) -> None:
    """Compare two texts of a configuration file: is the new one the beginning of something?

    An editor that writes in place empties the file first, and a disk may be full. Such a file may be valid, with
    defaults in place of all that is missing.

    Raises:
        ConfigError: it is empty, does not end as the old one did, or lacks one of its sections.
    """
    fix = "write the file whole, best under another name that then replaces it; to leave something out, restart"
    if before.endswith(b"\n") and not after.endswith(b"\n"):
        problem = (
            "the file is empty" if not after.strip() else "its last line does not end, as if the file had been cut"
        )
        raise ConfigError(Defect(path, 0, "", problem, fix))
    gone = sorted(_sections(before) - _sections(after))
    if gone:
        problem = f"sections are gone, as if the file had been cut: {', '.join(gone)}"
        raise ConfigError(Defect(path, 0, "", problem, fix))


def _sections(text: bytes) -> set[str]:
    """The top-level keys of a file that is known to be valid."""
    document = yaml.safe_load(text)
    return set(map(str, document)) if type(document) is dict else set()


CANARIES: Final = {"EMAIL_ADDRESS": "canary.bird@example.com", "CREDIT_CARD": "4111 1111 1111 1111"}


def self_test(pipeline: Pipeline, config: Config, config_path: str) -> None:
    """Send canaries through a new pipeline before any record goes there.

    Raises:
        ConfigError: one got through, or the pipeline cannot process a plain record.
    """
    options = scan_options(config)
    entities = (options.entities or CANARIES) if options is not None else ()
    looked_for = [text for entity, text in CANARIES.items() if entity in entities]
    record = {"request": {"messages": [{"role": "user", "content": " ".join(CANARIES.values())}]}, "response": {}}
    line = orjson.dumps(record | {"note": " ".join(looked_for)})
    (leaving,) = pipeline.leaving([RawRecord(orjson.loads(line), line)])
    out = orjson.dumps(leaving.written).decode()
    kept = looked_for if config.policy.content == "redacted" else CANARIES.values()
    leaked = any(text in out for text in kept)
    if leaked or pipeline.counts.quarantined.keys() - {ErrorType.UNRECOGNIZED}:
        problem = "a canary got through the self-test" if leaked else "the self-test's record went to quarantine"
        raise ConfigError(Defect(config_path, 0, "", problem, "undo the last change, and report this"))


class Reporter:
    """Sends reports up the pipe from a thread of its own, since a full pipe blocks the sender.

    Args:
        pipe: where to.
        broken: called, in that thread, when the supervisor has closed its end.
    """

    def __init__(self, pipe: Connection, broken: Callable[[], object]) -> None:
        self._pipe = pipe
        self._broken = broken
        self._latest: bytes | None = None
        self._results: deque[bytes] = deque()
        self._is_closing = False
        self._changed = threading.Condition()
        # Nothing waits for it: a supervisor that does not read may keep it for ever.
        self._thread = threading.Thread(target=self._send, name="reporter", daemon=True)
        self._thread.start()

    def report(self, report: Report) -> None:
        """Have a report sent. Results of reloads all are; of other reports the latest, as soon as there is room."""
        # Made here: what it holds changes while it waits.
        data = bytes(ForkingPickler.dumps(report))
        with self._changed:
            if report.reloaded is None:
                self._latest = data
            else:
                # It says all that the waiting one would have said.
                self._latest = None
                self._results.append(data)
            self._changed.notify()

    def close(self, timeout_secs: float) -> None:
        """Send the remaining reports, if the supervisor reads them in time."""
        with self._changed:
            self._is_closing = True
            self._changed.notify()
        self._thread.join(timeout_secs)

    def _send(self) -> None:
        try:
            while (data := self._next()) is not None:
                self._pipe.send_bytes(data)
        except OSError:
            self._broken()

    def _next(self) -> bytes | None:
        with self._changed:
            while not self._results and self._latest is None:
                if self._is_closing:
                    return None
                self._changed.wait()
            if self._results:
                return self._results.popleft()
            data, self._latest = self._latest, None
            return data


class _Process:
    """The state of one worker process."""

    def __init__(self, config_path: str, pipe: Connection) -> None:
        self._path = config_path
        self._pipe = pipe
        self._text = Path(config_path).read_bytes()
        self._config, self._pipeline, self._hash = build(config_path)
        self._retired = Counts()
        self._traffic = Traffic()
        self._serving = False
        self._reload_wanted = False
        self._reloading: asyncio.Task[None] | None = None

    async def run(self, listeners: list[socket.socket]) -> None:
        """Serve until told to stop.

        Raises:
            TaskEndedError: something ended that never should.
        """
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(_say_type)
        budget = ByteBudget(self._config.sidecar.max_in_flight_bytes)
        self._outlets = fan_out(self._config, self._traffic, budget)
        self._worker = Worker(self._config, self._pipeline, self._outlets, self._traffic, budget)
        loop.add_signal_handler(signal.SIGTERM, self._worker.stop)
        loop.add_reader(self._pipe.fileno(), self._on_supervisor_message)
        self._reporter = Reporter(self._pipe, partial(_call_in, loop, self._worker.stop))
        reporting = asyncio.create_task(self._report_for_ever())
        serving = asyncio.create_task(self._worker.serve(listeners, self._now_serving))
        try:
            await asyncio.wait((serving, reporting), return_when=asyncio.FIRST_COMPLETED)
            if not serving.done():
                raise TaskEndedError(reporting)
            serving.result()
        finally:
            for task in (serving, reporting):
                task.cancel()
            self._serving = False
            self._report()
            self._reporter.close(_LAST_REPORT_SECS)

    def _now_serving(self) -> None:
        self._serving = True
        self._report()

    async def _report_for_ever(self) -> None:
        while True:
            await asyncio.sleep(REPORT_SECS)
            self._report()

    def _report(self, reloaded: bool | None = None, defects: tuple[str, ...] = ()) -> None:
        counts = Counts()
        counts.add(self._retired)
        counts.add(self._pipeline.counts)
        ready = self._serving and self._outlets.is_healthy
        self._reporter.report(
            Report(counts, self._traffic, self._hash, ready, self._serving, reloaded, defects),
        )

    def _on_supervisor_message(self) -> None:
        try:
            word = self._pipe.recv()
        except (EOFError, OSError):
            asyncio.get_running_loop().remove_reader(self._pipe.fileno())
            self._worker.stop()
            return
        if word == RELOAD:
            self._reload_wanted = True
            if self._reloading is None:
                self._reloading = asyncio.create_task(self._reload_until_done())

    async def _reload_until_done(self) -> None:
        """Reload; and once more, if another reload was asked for meanwhile."""
        try:
            while self._reload_wanted:
                self._reload_wanted = False
                await self._reload()
        finally:
            self._reloading = None

    async def _reload(self) -> None:
        """Build and test the new pipeline beside the old one, and put it in its place between two chunks."""
        try:
            config, pipeline, new_hash, text = await asyncio.to_thread(self._build_again)
            Access(config.sidecar.listen)
            self._outlets.configure(config)
            self._worker.configure(config)
        except ConfigError as error:
            self._report(reloaded=False, defects=tuple(map(str, error.defects)))
            return
        except Exception as error:
            self._report(reloaded=False, defects=(f"a {type(error).__name__} while the new pipeline was built",))
            return
        self._retired.add(self._pipeline.counts)
        self._pipeline = pipeline
        self._worker.replace(pipeline)
        self._config, self._hash, self._text = config, new_hash, text
        # The old one, with its key and its names, is not to stay among what the collector was told to keep.
        gc.unfreeze()
        self._report(reloaded=True)

    def _build_again(self) -> tuple[Config, Pipeline, str, bytes]:
        try:
            text = Path(self._path).read_bytes()
        except OSError:
            raise ConfigError(Defect(self._path, 0, "", "the file cannot be read", "put it back")) from None
        load_config(self._path)  # what is wrong with it comes before what it lacks
        refuse_what_was_cut(self._text, text, self._path)
        config, pipeline, new_hash = build(self._path)
        refuse_what_needs_a_restart(self._config, config, self._path)
        if Path(self._path).read_bytes() != text:
            raise ConfigError(Defect(self._path, 0, "", "the file changed while it was read", "it is read again"))
        return config, pipeline, new_hash, text


def _call_in(loop: asyncio.AbstractEventLoop, function: Callable[[], None]) -> None:
    """Call something in a loop, from another thread; a loop that has ended needs it no more."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(function)


def _say_type(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What asyncio has to print_stderr of, without its message and traceback, which may quote a record."""
    log_event("loop_complains", error=type(context.get("exception")).__name__)
