"""Real shippers and real receivers around a real sidecar, over real sockets.

fluent-logger (PyPI) and @fluent-org/logger (npm), as client and as server, with acks, shared key, compression and TLS.
Fluent Bit and Fluentd run where they are on the path; what they sent elsewhere is replayed in ``test_sidecar``.
"""

from __future__ import annotations

import contextlib
import logging
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import trustme
from fluent import handler, sender

from forward_peers import Sidecar, free_port, wait_for

NODE = Path(__file__).parents[1] / "peers" / "node"
PROMPT = {
    "request": {"model": "m", "messages": [{"role": "user", "content": "Write to ann.smith@example.com"}]},
    "response": {"model": "m", "choices": [{"message": {"content": "Done."}}]},
}
KEY = "a shared key"

needs_node = pytest.mark.skipif(
    shutil.which("node") is None or not (NODE / "node_modules").exists(),
    reason="needs Node.js and `npm ci` in tests/peers/node",
)
needs_fluent_bit = pytest.mark.skipif(shutil.which("fluent-bit") is None, reason="fluent-bit is not on the path")
needs_fluentd = pytest.mark.skipif(shutil.which("fluentd") is None, reason="fluentd is not on the path")


@pytest.fixture
def key_file(tmp_path: Path) -> str:
    path = tmp_path / "shared.key"
    path.write_text(KEY + "\n")
    return str(path)


class Certificates:
    """A CA, a server's and a client's certificate, as files."""

    def __init__(self, folder: Path) -> None:
        authority, stranger = trustme.CA(), trustme.CA()
        self.ca = str(folder / "ca.pem")
        authority.cert_pem.write_to_path(self.ca)
        self.server = self._issue(authority, folder / "server", "localhost", "127.0.0.1")
        self.client = self._issue(authority, folder / "client", "shipper")
        self.stranger = self._issue(stranger, folder / "stranger", "shipper")

    @staticmethod
    def _issue(authority: trustme.CA, stem: Path, *names: str) -> dict[str, str]:
        issued = authority.issue_cert(*names)
        files = {"cert_file": f"{stem}.pem", "key_file": f"{stem}.key"}
        Path(files["cert_file"]).write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        issued.private_key_pem.write_to_path(files["key_file"])
        return files


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


def printed(sidecar: Sidecar) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in sidecar.out.read_bytes().splitlines()]


def assert_clean(events: list[dict[str, Any]], count: int) -> None:
    assert [event["findings"]["prompt"]["EMAIL_ADDRESS"] for event in events] == [1] * count
    assert b"ann.smith" not in orjson.dumps(events)


# fluent-logger


def test_fluent_logger_ships_to_the_sidecar(tmp_path: Path) -> None:
    with Sidecar(tmp_path) as sidecar:
        for nanoseconds in (False, True):
            client = sender.FluentSender("app", port=sidecar.port, nanosecond_precision=nanoseconds)
            assert client.emit_with_time("chat", 1_740_994_863.5 if nanoseconds else 1_740_994_863, PROMPT)
            client.close()
        log = logging.getLogger("fluent-test")
        log.setLevel(logging.INFO)
        attached = handler.FluentHandler("app.log", port=sidecar.port)
        attached.setFormatter(handler.FluentRecordFormatter())
        log.addHandler(attached)
        log.info(PROMPT)
        attached.close()
        wait_for(lambda: len(printed(sidecar)) == 3)
    events = printed(sidecar)
    assert_clean(events, 3)
    assert [event["timestamp"] for event in events[:2]] == ["2025-03-03T09:41:03Z", "2025-03-03T09:41:03.5Z"]


def test_fluent_logger_over_a_unix_socket(tmp_path: Path) -> None:
    with Sidecar(tmp_path, listen={"unix": "in.sock"}) as sidecar:
        client = sender.FluentSender("app", host=f"unix://{tmp_path / 'in.sock'}")
        assert client.emit("chat", PROMPT)
        client.close()
        wait_for(lambda: len(printed(sidecar)) == 1)
    assert_clean(printed(sidecar), 1)


# @fluent-org/logger


def node_client(port: int, count: int = 3, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["node", "client.js", str(port), orjson.dumps(options).decode()],
        check=False,
        cwd=NODE,
        input=(orjson.dumps(PROMPT) + b"\n").decode() * count,
        capture_output=True,
        text=True,
        timeout=60,
    )


@needs_node
@pytest.mark.parametrize("mode", ["Message", "Forward", "PackedForward", "CompressedPackedForward"])
def test_the_node_client_gets_its_acks_in_every_mode(mode: str, tmp_path: Path) -> None:
    with Sidecar(tmp_path) as sidecar:
        done = node_client(sidecar.port, eventMode=mode, ack={"ackTimeout": 20_000})
        assert (done.returncode, done.stdout.split(), done.stderr) == (0, ["done"] * 3, "")
        events = printed(sidecar)
    assert_clean(events, 3)
    assert {event["timestamp"] for event in events} == {"2025-03-03T09:41:03.250000001Z"}


@needs_node
def test_the_node_client_with_a_shared_key_a_user_and_tls(
    tmp_path: Path, key_file: str, certificates: Certificates
) -> None:
    listen = {"shared_key": {"file": key_file}, "users": {"ann": {"file": key_file}}, "tls": certificates.server}
    security = {"clientHostname": "node", "sharedKey": KEY, "username": "ann", "password": KEY}
    with Sidecar(tmp_path, listen=listen) as sidecar:
        good = node_client(sidecar.port, ack={}, ca=certificates.ca, security=security)
        assert (good.returncode, good.stdout.split()) == (0, ["done"] * 3), good.stderr
        for wrong in ({"sharedKey": "another"}, {"password": "another"}, {"username": "bob"}):
            options = {"ack": {}, "ca": certificates.ca, "sendQueueNotFlushableLimit": 0, "disconnect": {}}
            bad = node_client(sidecar.port, 1, security=security | wrong, eventRetry={"attempts": 1}, **options)
            assert "done" not in bad.stdout
        wait_for(lambda: sidecar.metric("veilog_errors_total", stage="receive", error_type="unauthenticated") >= 3)
        assert_clean(printed(sidecar), 3)


@contextlib.contextmanager
def node_server(**options: Any) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    with subprocess.Popen(
        ["node", "server.js", orjson.dumps(options).decode()], cwd=NODE, stdout=subprocess.PIPE
    ) as server:
        assert server.stdout is not None
        try:
            yield orjson.loads(server.stdout.readline())["port"], server
        finally:
            server.kill()


def lines(server: subprocess.Popen[bytes], count: int) -> list[dict[str, Any]]:
    assert server.stdout is not None
    return [orjson.loads(server.stdout.readline()) for _ in range(count)]


@needs_node
@pytest.mark.parametrize("compress", [False, True])
def test_the_node_server_acknowledges_what_the_sidecar_sends(compress: bool, tmp_path: Path) -> None:
    with node_server() as (port, server), Sidecar(tmp_path, (port,), sidecar={"compress": compress}) as sidecar:
        client = sender.FluentSender("app", port=sidecar.port)
        for _ in range(5):
            assert client.emit_with_time("chat", 1_740_994_863, PROMPT)
        client.close()
        arrived = lines(server, 5)
        wait_for(lambda: sidecar.metric("veilog_chunks_delivered_total") == 5)
        assert sidecar.metric("veilog_errors_total") == 0
    assert {entry["tag"] for entry in arrived} == {"clean.app.chat"}
    assert_clean([entry["record"] for entry in arrived], 5)


@needs_node
def test_the_node_server_with_a_shared_key_a_user_and_tls(
    tmp_path: Path, key_file: str, certificates: Certificates
) -> None:
    security = {"serverHostname": "node", "sharedKey": KEY, "authorize": True, "userDict": {"ann": KEY}}
    files = {"cert": certificates.server["cert_file"], "key": certificates.server["key_file"]}
    with node_server(security=security, **files) as (port, server):
        place = {
            "address": f"127.0.0.1:{port}",
            "tls": {"ca_file": certificates.ca, "server_name": "localhost"},
            "shared_key": {"file": key_file},
            "username": "ann",
            "password": {"file": key_file},
        }
        with Sidecar(tmp_path, sidecar={"forward": [place]}) as sidecar:
            client = sender.FluentSender("app", port=sidecar.port)
            assert client.emit("chat", PROMPT)
            client.close()
            assert_clean([entry["record"] for entry in lines(server, 1)], 1)
            wait_for(lambda: sidecar.metric("veilog_chunks_delivered_total") == 1)


# TLS


def tls_client(certificates: Certificates, **client: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=certificates.ca)
    if client:
        context.load_cert_chain(client["cert_file"], client["key_file"])
    return context


def ship_tls(port: int, context: ssl.SSLContext) -> bytes:
    """Send a record over TLS and return the answer; TLS 1.3 tells of a refused certificate only when read."""
    import msgpack

    with (
        socket.create_connection(("127.0.0.1", port), timeout=30) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as client,
    ):
        client.sendall(msgpack.packb(["app", [[1, PROMPT]], {"chunk": "c1"}]))
        return client.recv(100)


def test_mutual_tls_lets_in_who_has_a_certificate(tmp_path: Path, certificates: Certificates) -> None:
    with Sidecar(tmp_path, listen={"tls": {**certificates.server, "ca_file": certificates.ca}}) as sidecar:
        assert ship_tls(sidecar.port, tls_client(certificates, **certificates.client)).endswith(b"c1")
        for refused in ({}, certificates.stranger):
            with pytest.raises((ssl.SSLError, ConnectionError)):
                assert ship_tls(sidecar.port, tls_client(certificates, **refused)) == b"", "hung up on"
                raise ConnectionError
        with socket.create_connection(("127.0.0.1", sidecar.port), timeout=30) as plain:
            plain.sendall(b"\x93\xa1t\x91\x92\x01\x80\x81\xa5chunk\xa1c" * 10)
            with contextlib.suppress(ConnectionError):
                assert b"ack" not in plain.recv(1000)
        assert ship_tls(sidecar.port, tls_client(certificates, **certificates.client)).endswith(b"c1")
        assert_clean(printed(sidecar), 2)
        wait_for(lambda: sidecar.metric("veilog_errors_total", stage="receive", error_type="tls_failed") == 3)


def test_a_next_hop_with_a_certificate_of_strangers_gets_nothing(tmp_path: Path, certificates: Certificates) -> None:
    tls = {"ca_file": certificates.ca, "server_name": "localhost"}
    port = free_port()
    place = {"address": f"127.0.0.1:{port}", "tls": tls}
    options = {"forward": [place], "grace_secs": 0.5}
    with socket.create_server(("127.0.0.1", port)) as listener, Sidecar(tmp_path, sidecar=options) as hop:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates.stranger["cert_file"], certificates.stranger["key_file"])
        client = sender.FluentSender("app", port=hop.port)
        assert client.emit("chat", PROMPT)
        client.close()
        connection, _ = listener.accept()
        with connection, pytest.raises((ssl.SSLError, ConnectionError)):
            context.wrap_socket(connection, server_side=True).recv(1)
        wait_for(lambda: hop.metric("veilog_errors_total", stage="send", error_type="tls_failed") >= 1)
        assert hop.metric("veilog_chunks_delivered_total") == 0


# Fluent Bit and Fluentd


def wait_for_events(path: Path, count: int) -> list[dict[str, Any]]:
    def events() -> list[dict[str, Any]]:
        return [orjson.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []

    wait_for(lambda: len(events()) >= count)
    return events()


@needs_fluent_bit
@pytest.mark.parametrize("compress", ["", "gzip"])
def test_fluent_bit_loops_through_the_sidecar(compress: str, tmp_path: Path) -> None:
    back = free_port()
    (tmp_path / "app.log").write_bytes((orjson.dumps(PROMPT) + b"\n") * 20)
    with Sidecar(tmp_path, (back,)) as sidecar:
        (tmp_path / "fluent-bit.yaml").write_text(
            f"""
service: {{flush: 0.2, log_level: warn}}
parsers:
  - {{name: json, format: json}}
pipeline:
  inputs:
    - {{name: tail, path: {tmp_path}/app.log, tag: raw.app, parser: json, read_from_head: on}}
    - {{name: forward, listen: 127.0.0.1, port: {back}}}
  outputs:
    - name: forward
      match: raw.*
      host: 127.0.0.1
      port: {sidecar.port}
      require_ack_response: on
      {"compress: gzip" if compress else ""}
    - {{name: file, match: clean.*, path: {tmp_path}, file: out.jsonl, format: plain}}
"""
        )
        with subprocess.Popen(["fluent-bit", "-q", "-c", str(tmp_path / "fluent-bit.yaml")]) as shipper:
            try:
                events = wait_for_events(tmp_path / "out.jsonl", 20)
                wait_for(lambda: sidecar.metric("veilog_in_flight_chunks") == 0)
            finally:
                shipper.terminate()
    assert_clean(events, 20)


@needs_fluentd
def test_fluentd_loops_through_the_sidecar(tmp_path: Path) -> None:
    back = free_port()
    (tmp_path / "app.log").write_bytes((orjson.dumps(PROMPT) + b"\n") * 20)
    with Sidecar(tmp_path, (back,)) as sidecar:
        (tmp_path / "fluentd.conf").write_text(
            f"""
<source>
  @type tail
  path {tmp_path}/app.log
  pos_file {tmp_path}/pos
  tag raw.app
  read_from_head true
  <parse>
    @type json
  </parse>
</source>
<source>
  @type forward
  bind 127.0.0.1
  port {back}
</source>
<match raw.**>
  @type forward
  require_ack_response true
  <server>
    host 127.0.0.1
    port {sidecar.port}
  </server>
  <buffer>
    flush_interval 0.2s
  </buffer>
</match>
<match clean.**>
  @type stdout
  <format>
    @type json
  </format>
</match>
"""
        )
        out = tmp_path / "out.jsonl"
        with (
            out.open("wb") as stdout,
            subprocess.Popen(
                ["fluentd", "-qq", "-c", str(tmp_path / "fluentd.conf"), "--no-supervisor"], stdout=stdout
            ) as shipper,
        ):
            try:
                events = wait_for_events(out, 20)
            finally:
                shipper.terminate()
    assert_clean(events, 20)
