"""/healthz, /readyz and /metrics, served by the supervisor's process, which filters nothing and so always answers.

The port may be open to a whole cluster. So its cost is bounded whatever a client does: at most ``MAX_CONNECTIONS`` at
a time, the oldest of which goes when there is one more, and ``REQUEST_SECS`` for each. The server has a thread of its
own; what fails in it fails one answer, and what fails in the supervisor does not fail it.
"""

from __future__ import annotations

import platform
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from veilog_filters import __version__
from veilog_filters.metrics import Counts, Status, Traffic

MAX_CONNECTIONS: Final = 32
REQUEST_SECS: Final = 5.0
_POLL_SECS: Final = 0.25
INTENTIONAL_DROPS = frozenset(("unrecognized", "no_events_inside"))
STAGES = {
    "malformed_json": "decode",
    "malformed_msgpack": "decode",
    "invalid_utf8": "decode",
    "not_an_object": "decode",
    "record_too_large": "decode",
    "nesting_too_deep": "decode",
    "bad_entry": "decode",
    "too_many_events": "parse",
    "over_budget": "any",
    "unrecognized": "parse",
    "parser_failed": "parse",
    "detector_failed": "detect",
    "classifier_failed": "classify",
    "fingerprint_failed": "fingerprint",
    "redaction_failed": "redact",
    "encoding_failed": "encode",
}
"""At which stage an error type happens, as a label."""


class StatusCollector:
    """Prometheus metrics of a whole sidecar, made from the sums over its workers when they are asked for."""

    def __init__(self, status: Callable[[], Status]) -> None:
        self._status = status

    def collect(self) -> Iterator[Metric]:
        """All metrics. Labels come from closed lists, never from records."""
        status = self._status()
        yield from _of_counts(status.counts)
        yield from _of_traffic(status.traffic)
        yield GaugeMetricFamily("veilog_workers_ready", "Workers that take chunks.", status.workers_ready)
        yield CounterMetricFamily("veilog_worker_restarts", "Workers that died and were replaced.", status.restarts)
        reloads = CounterMetricFamily("veilog_config_reloads", "Reloads of the configuration.", labels=["result"])
        for result, number in status.reloads.items():
            reloads.add_metric([result], number)
        yield reloads
        yield InfoMetricFamily("veilog_config", "The configuration in use.", {"hash": status.config_hash})
        build = {"version": __version__, "python": platform.python_version()}
        yield InfoMetricFamily("veilog_build", "What is running.", build)


def _of_counts(counts: Counts) -> Iterator[Metric]:
    yield CounterMetricFamily("veilog_records_received", "Raw records that arrived.", counts.received)
    emitted = CounterMetricFamily("veilog_records_emitted", "Events that left.", labels=["kind"])
    for kind, number in counts.emitted.items():
        emitted.add_metric([kind], number)
    yield emitted
    dropped = CounterMetricFamily("veilog_records_dropped", "What was let go.", labels=["intentional", "reason"])
    for reason, number in counts.dropped.items():
        dropped.add_metric([str(reason in INTENTIONAL_DROPS).lower(), reason], number)
    yield dropped
    findings = CounterMetricFamily("veilog_findings", "What was found in prompts and responses.", labels=["type"])
    for entity, number in counts.findings.items():
        findings.add_metric([entity], number)
    yield findings
    hashed = CounterMetricFamily("veilog_hashed_names", "Values that were no names: hashed.", labels=["field"])
    for field, number in counts.hashed_names.items():
        hashed.add_metric([field], number)
    yield hashed
    entities = CounterMetricFamily("veilog_entities", "Spans that were redacted.", labels=["type", "operator"])
    for (entity, operator), number in counts.entities.items():
        entities.add_metric([entity, operator], number)
    yield entities
    seconds = SummaryMetricFamily("veilog_stage_duration_seconds", "Time per stage.", labels=["stage"])
    for stage, number in counts.stage_events.items():
        seconds.add_metric([stage], number, counts.stage_seconds[stage])
    yield seconds
    yield CounterMetricFamily("veilog_unmapped_fields", "Fields that no parser consumed.", counts.unmapped_fields)
    yield CounterMetricFamily(
        "veilog_timed_out_texts", "Texts that took too long and so counted as found.", counts.timed_out_texts
    )
    yield CounterMetricFamily("veilog_cache_hits", "Texts whose findings were known.", counts.cache_hits)
    yield CounterMetricFamily("veilog_cache_misses", "Texts that were looked up and not known.", counts.cache_misses)
    records = CounterMetricFamily(
        "veilog_fallback_records",
        "Records read by Presidio's engine, since a fast path does not fit the installed libraries.",
        labels=["part"],
    )
    for part, number in counts.fallback_records.items():
        records.add_metric([part], number)
    yield records
    texts = CounterMetricFamily("veilog_ner_texts", "Texts by what NER made of them.", labels=["result"])
    for result, number in counts.ner_texts.items():
        texts.add_metric([result], number)
    yield texts
    yield CounterMetricFamily("veilog_ner_seconds", "Time the NER model took, in seconds.", counts.ner_seconds)
    yield CounterMetricFamily("veilog_ner_recycles", "How often the NER model was loaded anew.", counts.ner_recycles)
    failures = CounterMetricFamily(
        "veilog_plugin_failures", "Plugins that failed.", labels=["kind", "plugin", "reason"]
    )
    for labels, number in counts.plugin_failures.items():
        failures.add_metric(labels, number)
    yield failures
    yield _of_threats(counts)
    yield CounterMetricFamily("veilog_bytes_received", "Bytes of raw records.", counts.bytes_in)


def _of_threats(counts: Counts) -> Metric:
    threats = CounterMetricFamily(
        "veilog_threats", "Threats, and what rules in dry-run mode would tag.", labels=["rule", "severity", "mode"]
    )
    for labels, number in counts.threats.items():
        threats.add_metric(labels, number)
    return threats


def _of_traffic(traffic: Traffic) -> Iterator[Metric]:
    yield GaugeMetricFamily("veilog_connections", "Shippers that are connected.", traffic.connections)
    yield CounterMetricFamily("veilog_chunks_received", "Chunks that came in.", traffic.chunks_received)
    labels = ["schema"]
    chunks = GaugeMetricFamily("veilog_in_flight_chunks", "Chunks that wait for an ack.", labels=labels)
    size = GaugeMetricFamily("veilog_in_flight_bytes", "Bytes that wait for an ack.", labels=labels)
    delivered = CounterMetricFamily("veilog_chunks_delivered", "Chunks that the next hop took.", labels=labels)
    ended = CounterMetricFamily("veilog_reconnects", "Connections to the next hop that ended.", labels=labels)
    for schema, delivery in traffic.deliveries.items():
        chunks.add_metric([schema], delivery.in_flight_chunks)
        size.add_metric([schema], delivery.in_flight_bytes)
        delivered.add_metric([schema], delivery.chunks_delivered)
        ended.add_metric([schema], delivery.reconnects)
    yield from (chunks, size, delivered, ended)


def errors_of(status: Status) -> Metric:
    """Errors of records by stage, and of connections by direction."""
    errors = CounterMetricFamily("veilog_errors", "What went wrong.", labels=["error_type", "stage"])
    for error_type, number in status.counts.quarantined.items():
        errors.add_metric([error_type, STAGES[error_type]], number)
    for (direction, reason), number in status.traffic.errors.items():
        errors.add_metric([reason, direction], number)
    return errors


class _ErrorCollector:
    def __init__(self, status: Callable[[], Status]) -> None:
        self._status = status

    def collect(self) -> Iterator[Metric]:
        yield errors_of(self._status())


class _Server(ThreadingHTTPServer):
    """Serves on a socket that is bound already, with bounds on connections and on the time of each."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, listener: socket.socket, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(listener.getsockname()[:2], handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self._lock = threading.Lock()
        self._open: dict[socket.socket, float] = {}

    def process_request(self, request: Any, client_address: Any) -> None:
        """See ``socketserver``: a thread for the connection, in place of the oldest one if there are too many."""
        with self._lock:
            while len(self._open) >= MAX_CONNECTIONS:
                _cut(self._open, next(iter(self._open)))
            self._open[request] = time.monotonic()
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """See ``socketserver``."""
        with self._lock:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """See ``socketserver``, which calls this between two connections, or now and then: end what takes too long."""
        too_old = time.monotonic() - REQUEST_SECS
        with self._lock:
            for request in [request for request, since in self._open.items() if since < too_old]:
                _cut(self._open, request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """See ``socketserver``: a client that went away, most often; a traceback would say no more."""


def _cut(connections: dict[socket.socket, float], request: socket.socket) -> None:
    """Let the thread of a connection find that it has ended. The thread closes it."""
    del connections[request]
    with suppress(OSError):
        request.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    """Answers one request.

    Attributes:
        registry: the metrics.
        is_ready: whether the sidecar is ready, when asked.
    """

    registry: ClassVar[CollectorRegistry]
    is_ready: ClassVar[Callable[[], bool]]
    timeout = REQUEST_SECS

    def do_GET(self) -> None:
        """Answer one of three paths."""
        try:
            answer = self._find()
        except Exception:
            # Whatever failed, the next request is answered.
            answer = HTTPStatus.INTERNAL_SERVER_ERROR, b"failed\n", "text/plain"
        self._answer(*answer)

    def _find(self) -> tuple[HTTPStatus, bytes, str]:
        if self.path == "/metrics":
            return HTTPStatus.OK, generate_latest(self.registry), CONTENT_TYPE_LATEST
        if self.path == "/healthz":
            return HTTPStatus.OK, b"ok\n", "text/plain"
        if self.path == "/readyz":
            if type(self).is_ready():
                return HTTPStatus.OK, b"ready\n", "text/plain"
            return HTTPStatus.SERVICE_UNAVAILABLE, b"not ready\n", "text/plain"
        return HTTPStatus.NOT_FOUND, b"not found\n", "text/plain"

    def _answer(self, code: HTTPStatus, body: bytes, content_type: str) -> None:
        self.send_response(code)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def version_string(self) -> str:
        """What it is; not which Python it runs on."""
        return "veilog"

    def log_message(self, *arguments: object) -> None:
        """Requests are not logged."""


class HealthServer:
    """The HTTP server, in threads of its own.

    Args:
        listeners: bound sockets to serve on.
        status: the state of the sidecar, when asked.
    """

    def __init__(self, listeners: Iterable[socket.socket], status: Callable[[], Status]) -> None:
        registry = CollectorRegistry()
        registry.register(StatusCollector(status))
        registry.register(_ErrorCollector(status))
        members = {"registry": registry, "is_ready": staticmethod(lambda: status().ready)}
        handler = type("Handler", (_Handler,), members)
        self._closing = False
        self._servers = [_Server(listener, handler) for listener in listeners]
        for server in self._servers:
            threading.Thread(target=self._serve, args=(server,), daemon=True).start()

    def _serve(self, server: _Server) -> None:
        while not self._closing:
            try:
                server.serve_forever(_POLL_SECS)
            except Exception:
                # No more threads or files, for example: those that are open will end.
                time.sleep(_POLL_SECS)

    def close(self) -> None:
        """Stop answering."""
        self._closing = True
        for server in self._servers:
            server.shutdown()
            server.server_close()
