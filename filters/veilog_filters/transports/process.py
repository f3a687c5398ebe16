"""A worker's process: builds the pipeline, serves, reports to its supervisor, reloads when told to.

The pipe to the supervisor carries ``Report``s up and the word ``RELOAD`` down. When it breaks the supervisor is gone,
and the worker stops as if it had been told to.
"""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import hashlib
import signal
import socket
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

import orjson

from veilog_filters.config import Config, load_config
from veilog_filters.errors import ConfigError, Defect
from veilog_filters.metrics import Counts, Traffic
from veilog_filters.pipeline import Pipeline
from veilog_filters.transports.sender import ForwardSender, Sender, StdoutSender
from veilog_filters.transports.worker import Worker
from veilog_parsers.record import RawRecord

RELOAD: Final = "reload"
REPORT_SECS: Final = 0.25


@dataclasses.dataclass(frozen=True, slots=True)
class Report:
    """What a worker tells its supervisor.

    Attributes:
        counts: of its pipelines, since it started.
        traffic: of its connections.
        config_hash: of the configuration in use.
        ready: whether it takes chunks.
        reloaded: after a reload: whether it worked. Else None.
        defects: why a start or reload failed, in words for the person who wrote the configuration.
    """

    counts: Counts
    traffic: Traffic
    config_hash: str
    ready: bool = False
    reloaded: bool | None = None
    defects: tuple[str, ...] = ()


def run_worker(config_path: str, unix_socket: socket.socket | None, pipe: Connection) -> None:
    """The process's main function."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        try:
            import uvloop
        except ImportError:
            asyncio.run(_Process(config_path, pipe).run(unix_socket))
        else:
            uvloop.run(_Process(config_path, pipe).run(unix_socket))
    except ConfigError as error:
        pipe.send(Report(Counts(), Traffic(), "", defects=tuple(map(str, error.defects))))


def build(config_path: str) -> tuple[Config, Pipeline, str]:
    """The configuration, its pipeline, tested on canaries, and the configuration's hash.

    Raises:
        ConfigError: something is wrong with it, or a canary got through.
    """
    config = load_config(config_path)
    pipeline = Pipeline(config, config_path=config_path)
    pipeline.prepare()
    self_test(pipeline, config, config_path)
    pipeline.counts.__init__()  # type: ignore[misc]  # the canaries are nobody's records
    return config, pipeline, hashlib.sha256(Path(config_path).read_bytes()).hexdigest()[:12]


CANARIES: Final = {"EMAIL_ADDRESS": "canary.bird@example.com", "CREDIT_CARD": "4111 1111 1111 1111"}


def self_test(pipeline: Pipeline, config: Config, config_path: str) -> None:
    """Send canaries through a new pipeline before any record goes there.

    Raises:
        ConfigError: one got through, or the pipeline cannot process a plain record.
    """
    entities = config.detect.entities or CANARIES
    looked_for = [text for entity, text in CANARIES.items() if entity in entities]
    record = {"request": {"messages": [{"role": "user", "content": " ".join(CANARIES.values())}]}, "response": {}}
    line = orjson.dumps(record | {"note": " ".join(looked_for)})
    events = pipeline(RawRecord(orjson.loads(line), line))
    out = orjson.dumps(events).decode()
    kept = looked_for if config.policy.content == "redacted" else CANARIES.values()
    leaked = any(text in out for text in kept)
    if leaked or any("error_type" in event and event["error_type"] != "unrecognized" for event in events):
        problem = "a canary got through the self-test" if leaked else "the self-test's record went to quarantine"
        raise ConfigError(Defect(config_path, 0, "", problem, "undo the last change, and report this"))


class _Process:
    """The state of one worker process."""

    def __init__(self, config_path: str, pipe: Connection) -> None:
        self._path = config_path
        self._pipe = pipe
        self._config, self._pipeline, self._hash = build(config_path)
        self._retired = Counts()
        self._traffic = Traffic()
        self._ready = False

    async def run(self, unix_socket: socket.socket | None) -> None:
        """Serve until told to stop."""
        loop = asyncio.get_running_loop()
        options = self._config.sidecar
        sender: Sender = ForwardSender(options, self._traffic) if options.forward else StdoutSender()
        self._worker = Worker(self._config, self._pipeline, sender, self._traffic)
        loop.add_signal_handler(signal.SIGTERM, self._worker.stop)
        loop.add_reader(self._pipe.fileno(), self._heard)
        reporting = asyncio.create_task(self._report_for_ever())
        try:
            await self._worker.serve(unix_socket, self._now_ready)
        finally:
            reporting.cancel()
            self._ready = False
            self._report()

    def _now_ready(self) -> None:
        self._ready = True
        self._report()

    async def _report_for_ever(self) -> None:
        while True:
            await asyncio.sleep(REPORT_SECS)
            self._report()

    def _report(self, reloaded: bool | None = None, defects: tuple[str, ...] = ()) -> None:
        counts = Counts()
        counts.add(self._retired)
        counts.add(self._pipeline.counts)
        try:
            self._pipe.send(Report(counts, self._traffic, self._hash, self._ready, reloaded, defects))
        except OSError:
            self._worker.stop()

    def _heard(self) -> None:
        try:
            word = self._pipe.recv()
        except (EOFError, OSError):
            asyncio.get_running_loop().remove_reader(self._pipe.fileno())
            self._worker.stop()
            return
        if word == RELOAD:
            self._reloading = asyncio.create_task(self._reload())

    async def _reload(self) -> None:
        """Build and test the new pipeline beside the old one, and put it in its place between two chunks."""
        try:
            _, pipeline, new_hash = await asyncio.to_thread(build, self._path)
        except ConfigError as error:
            self._report(reloaded=False, defects=tuple(map(str, error.defects)))
            return
        except Exception as error:
            self._report(reloaded=False, defects=(f"a {type(error).__name__} while the new pipeline was built",))
            return
        self._retired.add(self._pipeline.counts)
        self._pipeline = self._worker.pipeline = pipeline
        self._hash = new_hash
        # The old one, with its key and its names, is not to stay among what ``detect.fast`` told the collector to keep.
        gc.unfreeze()
        self._report(reloaded=True)
