"""``veilog sidecar`` as processes: health, metrics, reload, dying workers, an orderly end, and no text anywhere."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgpack
import orjson
import pytest
import yaml

from canary import MARKER, planted_everywhere
from forward_peers import Collector, Shipper, Sidecar, free_port, in_loop, samples_of, wait_for
from processes import is_running
from samples import SAMPLES
from test_canary import ALL, PATTERN
from veilog_filters.forward import Entry, EventTime
from veilog_filters.forward.events import GROUP_START_SECONDS
from veilog_filters.transports.process import REPORT_SECS

CAPTURES = Path(__file__).parents[1] / "data" / "forward"
PROMPT = {
    "request": {"model": "m", "messages": [{"role": "user", "content": "Write to ann.smith@example.com"}]},
    "response": {"model": "m", "choices": [{"message": {"content": "Done."}}]},
}


def ship(port: int, data: bytes, family: socket.AddressFamily = socket.AF_INET, path: str = "") -> bytes:
    """Send bytes as they are, close, and return all that was answered."""
    with socket.socket(family, socket.SOCK_STREAM) as client:
        client.settimeout(60)
        client.connect(path or ("127.0.0.1", port))
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := client.recv(65_536):
            answer += piece
    return answer


def chunk(number: int, *records: Any) -> bytes:
    packed: bytes = msgpack.packb(["raw.app", [[1_740_994_863, record] for record in records], {"chunk": f"c{number}"}])
    return packed


@pytest.fixture(scope="module")
def printing(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A sidecar with two workers that prints events."""
    with Sidecar(tmp_path_factory.mktemp("printing"), workers=2, listen={"unix": "in.sock"}) as sidecar:
        yield sidecar


def events_of(sidecar: Sidecar) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in sidecar.out.read_bytes().splitlines()]


def test_it_is_ready_healthy_and_says_what_it_runs(printing: Sidecar) -> None:
    wait_for(lambda: printing.metric("veilog_workers_ready") == 2)
    assert printing.get("/healthz") == (200, "ok\n")
    assert printing.get("/readyz") == (200, "ready\n")
    assert printing.get("/secrets")[0] == 404
    page = printing.get("/metrics")[1]
    labels = {name: labels for name, labels, _ in samples_of(page)}
    assert re.fullmatch("[0-9a-f]{12}", labels["veilog_config_info"]["hash"])
    assert labels["veilog_build_info"]["version"]


def test_counts_of_both_workers_add_up(printing: Sidecar) -> None:
    before = printing.metric("veilog_records_received_total")
    seen = {}
    for number in range(40):  # the kernel spreads connections over the workers
        assert msgpack.unpackb(ship(printing.port, chunk(number, PROMPT))) == {"ack": f"c{number}"}
    wait_for(lambda: printing.metric("veilog_records_received_total") == before + 40)
    seen = {name: value for name, labels, value in samples_of(printing.get("/metrics")[1]) if not labels}
    assert seen["veilog_chunks_received_total"] >= 40
    assert printing.metric("veilog_in_flight_chunks", schema="native") == 0
    assert printing.metric("veilog_records_emitted_total", kind="ai_access") >= 40
    assert printing.metric("veilog_entities_total", type="EMAIL_ADDRESS") == 0, "nothing kept, nothing replaced"
    assert printing.metric("veilog_findings_total", type="EMAIL_ADDRESS") >= 40
    for stage in ("parse", "detect"):
        assert printing.metric("veilog_stage_duration_seconds_count", stage=stage) >= 40
    assert printing.metric("veilog_stage_duration_seconds_sum", stage="detect") > 0
    assert b"ann.smith" not in printing.out.read_bytes()


def test_a_record_has_the_id_that_it_has_in_the_filter(printing: Sidecar) -> None:
    record = PROMPT | {"time": "2026-02-03T04:05:06Z", "request_id": "one-id", "big": 2**63, "ratio": 0.1}
    assert msgpack.unpackb(ship(printing.port, chunk(7, record))) == {"ack": "c7"}
    (event,) = [event for event in events_of(printing) if event.get("request_id") == "one-id"]
    filtered = subprocess.run(
        [sys.executable, "-m", "veilog_filters", "filter", "--config", printing.config],
        input=orjson.dumps(record),
        capture_output=True,
        check=True,
    )
    assert orjson.loads(filtered.stdout) == event


def test_what_is_replaced_in_kept_text_is_counted(tmp_path: Path) -> None:
    with Sidecar(tmp_path, policy={"content": "redacted"}) as keeping:
        ship(keeping.port, chunk(1, PROMPT))
        wait_for(lambda: keeping.metric("veilog_entities_total", type="EMAIL_ADDRESS", operator="replace") == 1)


def test_it_listens_on_a_unix_socket_that_others_cannot_use(printing: Sidecar) -> None:
    path = printing.config.parent / "in.sock"
    assert path.stat().st_mode & 0o777 == 0o660
    answer = ship(0, chunk(1, PROMPT), socket.AF_UNIX, str(path))
    assert msgpack.unpackb(answer) == {"ack": "c1"}


@pytest.mark.parametrize("name", sorted(path.name for path in CAPTURES.glob("*.bin")))
def test_what_real_shippers_sent_comes_out_clean(name: str, printing: Sidecar) -> None:
    """The handshakes need a key and their server's nonce: here they must be refused, and counted."""
    before = len(events_of(printing))
    handshake = "handshake" in name or ".key" in name
    errors = printing.metric("veilog_errors_total", stage="receive")
    answer = ship(printing.port, (CAPTURES / name).read_bytes())
    if handshake:
        wait_for(lambda: printing.metric("veilog_errors_total", stage="receive") == errors + 1)
        assert answer == b""
        return
    wait_for(lambda: len(events_of(printing)) > before)
    events = events_of(printing)[before:]
    if "otlp" not in name:
        assert {event["source"] for event in events} == {"openai_gateway"}
        assert len(events) == 5
    assert all(event["event_id"] for event in events)
    if "ack" in name:
        assert set(msgpack.unpackb(answer)) == {"ack"}


def test_errors_of_the_protocol_are_counted(printing: Sidecar) -> None:
    assert ship(printing.port, b"\x93\xa1t\x90\x81\xa5chunk\x07") == b""
    wait_for(lambda: printing.metric("veilog_errors_total", stage="receive", error_type="bad_chunk_id") == 1)
    assert ship(printing.port, b"\x93\xa1t\x91\xff\x81\xa5chunk\xa1c") == b"\x81\xa3ack\xa1c"
    wait_for(lambda: printing.metric("veilog_errors_total", stage="decode", error_type="bad_entry") == 1)
    ship(printing.port, chunk(1, "no record"))
    wait_for(lambda: printing.metric("veilog_errors_total", stage="decode", error_type="not_an_object") == 1)


def test_health_is_answered_while_the_workers_are_busy(printing: Sidecar) -> None:
    busy = chunk(1, *[{"log": "Call 212 555 0187 or mail a@b.example, " * 100}] * 30)
    clients = []
    for _ in range(4):
        client = socket.create_connection(("127.0.0.1", printing.port))
        client.sendall(busy)
        clients.append(client)
    wait_for(lambda: printing.metric("veilog_connections") >= 4)
    for _ in range(20):
        assert printing.get("/healthz")[0] == 200
    answers = [client.recv(100) for client in clients]
    assert [msgpack.unpackb(answer) for answer in answers] == [{"ack": "c1"}] * 4
    for client in clients:
        client.close()


def test_a_dead_worker_is_replaced_counted_and_missed_by_nobody(printing: Sidecar) -> None:
    wait_for(lambda: printing.metric("veilog_workers_ready") == 2)
    time.sleep(4 * REPORT_SECS)  # what a worker has not reported yet dies with it
    received = printing.metric("veilog_records_received_total")
    victim = printing.worker_pids()[0]
    os.kill(victim, signal.SIGKILL)
    wait_for(lambda: printing.metric("veilog_worker_restarts_total") == 1)
    assert msgpack.unpackb(ship(printing.port, chunk(7, PROMPT))) == {"ack": "c7"}
    wait_for(lambda: printing.metric("veilog_workers_ready") == 2)
    assert victim not in printing.worker_pids()
    wait_for(lambda: printing.metric("veilog_records_received_total") == received + 1)
    assert "another takes its place" in printing.log.read_text()


def test_a_good_configuration_is_taken_and_a_bad_one_refused(tmp_path: Path) -> None:
    with Sidecar(tmp_path, tenant_id="before") as sidecar:
        ship(sidecar.port, chunk(1, PROMPT))
        sidecar.rewrite(tenant_id="after")  # seen without a signal
        wait_for(lambda: sidecar.metric("veilog_config_reloads_total", result="ok") == 1)
        ship(sidecar.port, chunk(2, PROMPT))
        sidecar.write("tenant_id: [not a string]\n")
        wait_for(lambda: sidecar.metric("veilog_config_reloads_total", result="failed") == 1)
        ship(sidecar.port, chunk(3, PROMPT))
        sidecar.rewrite(tenant_id="signalled")
        wait_for(lambda: sidecar.metric("veilog_config_reloads_total", result="ok") == 2)
        sidecar.process.send_signal(signal.SIGHUP)
        wait_for(lambda: sidecar.metric("veilog_config_reloads_total", result="ok") == 3)
        ship(sidecar.port, chunk(4, PROMPT))
        tenants = [event["tenant_id"] for event in events_of(sidecar)]
        assert tenants == ["before", "after", "after", "signalled"]
        wait_for(lambda: sidecar.metric("veilog_records_received_total") == 4)  # counts go on over reloads
        log = sidecar.log.read_text()
        assert "refused; the old one stays in use" in log
        assert "veilog.yaml:1: tenant_id" in log


def test_sigterm_finishes_what_is_in_flight_and_ends(tmp_path: Path) -> None:
    sidecar = Sidecar(tmp_path, listen={"unix": "in.sock"}).start()
    with socket.create_connection(("127.0.0.1", sidecar.port)) as client:
        client.sendall(chunk(1, *[PROMPT] * 200))
        wait_for(lambda: sidecar.metric("veilog_records_received_total") > 0)
        sidecar.process.send_signal(signal.SIGTERM)
        client.settimeout(60)
        assert msgpack.unpackb(client.recv(100)) == {"ack": "c1"}
        assert sidecar.stop() == 0
    assert len(events_of(sidecar)) == 200
    assert not (tmp_path / "in.sock").exists()


def test_workers_end_when_their_supervisor_is_killed(tmp_path: Path) -> None:
    sidecar = Sidecar(tmp_path).start()
    (worker,) = sidecar.worker_pids()
    sidecar.kill()
    wait_for(lambda: not is_running(worker))


@pytest.mark.parametrize(
    ("sidecar", "says"),
    [
        ({"forward": [{"address": "nowhere"}]}, "sidecar.forward"),
        ({"listen": {"shared_key": {"env": "NO_SUCH_VARIABLE"}}}, "NO_SUCH_VARIABLE"),
        ({"listen": {"tls": {"cert_file": "missing.pem"}}}, "sidecar.listen.tls"),
        ({"worker": 2}, "sidecar.worker"),
    ],
)
def test_a_bad_configuration_ends_it_with_two(tmp_path: Path, sidecar: dict[str, Any], says: str) -> None:
    path = tmp_path / "c.yaml"
    section = {"http": f"127.0.0.1:{free_port()}", **sidecar}
    section.setdefault("listen", {}).setdefault("tcp", f"127.0.0.1:{free_port()}")
    path.write_text(yaml.safe_dump({"sidecar": section}))
    done = subprocess.run(
        [sys.executable, "-m", "veilog_filters", "sidecar", "--config", str(path)],
        check=False,
        capture_output=True,
        timeout=120,
    )
    assert done.returncode == 2, done.stderr
    assert says in done.stderr.decode()
    assert "Traceback" not in done.stderr.decode()


def log_of_call(name: str) -> dict[str, Any]:
    """What Fluent Bit says of a log record beside its body."""
    attributes = {"gen_ai.system": "openai", "gen_ai.input.messages": "zq00bb01zq", "zq00bb02zq": "zq00bb03zq"}
    return {"otlp": {"trace_id": "ab" * 16, "span_id": "cd" * 8, "event_name": name, "attributes": attributes}}


@in_loop
async def test_no_marker_gets_through_a_sidecar(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Markers in records, metadata, groups' names and broken messages; none in events, log or metrics."""
    hop = Collector()
    await hop.start()
    mapping = yaml.safe_load((SAMPLES / "mapped" / "mapping.yaml").read_text())
    sidecar = Sidecar(
        tmp_path_factory.mktemp("canary"),
        forward=(hop.port,),
        **mapping,
        policy={"content": "redacted", "unmapped": "redact"},
        detect={"recognizers": [PATTERN]},
    )
    await asyncio.to_thread(sidecar.start)
    try:
        shipper = await Shipper.connect(sidecar.port)
        marks = {"zq00beefzq": "key", "attributes": {"who": "is zq00cafezq"}}
        records = [planted_everywhere(sample) for sample in ALL]
        assert len(MARKER.findall(orjson.dumps(records).decode())) > 1000
        at = EventTime(1_740_994_863, 1)
        entries = [Entry(EventTime(GROUP_START_SECONDS, 0), marks, {"resource": marks})]
        entries += [Entry(at, marks, record) for record in records]
        entries += [Entry(at, marks, "zq00fadezq"), Entry(at, {}, ["zq00fadezq"])]
        entries += [
            Entry(at, log_of_call("gen_ai.user.message"), {"content": "ask zq00aa01zq", "zq00aa02zq": "zq00aa03zq"}),
            Entry(at, log_of_call("gen_ai.choice"), {"message": {"content": "answer zq00aa04zq"}, "index": 0}),
        ]
        shipper.send_entries("raw.canary", entries, "c1")
        assert await shipper.ack() == "c1"
        broken = await Shipper.connect(sidecar.port)
        broken.writer.write(msgpack.packb(["zq00deadzq", "zq00deadzq", "zq00deadzq"]))
        assert await broken.closed()
        page = (await asyncio.to_thread(sidecar.get, "/metrics"))[1]
        out = repr([(c.tag, c.entries) for c in hop.chunks])
        assert len(hop.events) > len(records)
        sizes = [(event.get("prompt_chars"), event.get("response_chars")) for event in hop.events]
        assert (24, 17) in sizes, "the log records of a call are one event"
        assert "key" in out
        assert MARKER.findall(out + page + sidecar.log.read_text()) == []
    finally:
        await asyncio.to_thread(sidecar.stop)
        await hop.stop()
    assert MARKER.findall(sidecar.log.read_text()) == []
