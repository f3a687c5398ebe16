"""What a sidecar says when it cannot start, and what a reload takes over, refuses, and whom it hangs up on."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import msgpack
import pytest
import yaml

from forward_peers import (
    SOURCE_ROOTS,
    WAIT_SECS,
    Collector,
    Shipper,
    Sidecar,
    free_port,
    in_loop,
    running,
    until,
    wait_for,
)
from samples import KEY_FILE
from veilog_filters.config import Config, Tls
from veilog_filters.errors import ConfigError
from veilog_filters.transports.addresses import StartError, bind_tcp, bind_unix, client_tls
from veilog_filters.transports.health import HealthServer
from veilog_filters.transports.process import refuse_what_needs_a_restart, refuse_what_was_cut
from veilog_filters.transports.worker import Access

KEY = KEY_FILE.read_bytes().strip()


def run_to_its_end(folder: Path, **sidecar: Any) -> subprocess.CompletedProcess[str]:
    path = folder / "c.yaml"
    section = {"http": f"127.0.0.1:{free_port()}", "listen": {"tcp": f"127.0.0.1:{free_port()}"}, **sidecar}
    path.write_text(yaml.safe_dump({"hash_key": {"file": str(KEY_FILE)}, "sidecar": section}))
    return subprocess.run(
        [sys.executable, "-m", "veilog_filters", "sidecar", "--config", str(path)],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, SOURCE_ROOTS))},
    )


def without_warnings(printed: str) -> list[str]:
    """The lines that say why it does not start; the tests' key is readable and plain text, which is a warning each."""
    return [line for line in printed.splitlines() if not line.startswith("veilog: warning: ")]


def test_what_cannot_be_listened_on_is_one_line_and_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        cases: dict[str, dict[str, Any]] = {
            "address already in use": {"listen": {"tcp": f"127.0.0.1:{port}"}},
            "in use (sidecar.http)": {"http": f"127.0.0.1:{port}"},
            "cannot assign": {"listen": {"tcp": "203.0.113.7:24224"}},
            "no such host": {"listen": {"tcp": "no-such-host.invalid:24224"}},
            "no such file or directory": {"listen": {"tcp": "", "unix": "missing/in.sock"}},
            "no socket": {"listen": {"tcp": "", "unix": "file"}},
        }
        for says, sidecar in cases.items():
            done = run_to_its_end(tmp_path, **sidecar)
            assert done.returncode == 1, done.stderr
            (line,) = without_warnings(done.stderr)
            assert line.startswith("veilog: cannot listen on ")
            assert says.split(" (")[0] in line.lower()
    assert (tmp_path / "file").read_text() == "precious"


def test_a_second_sidecar_on_the_same_addresses_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "second").mkdir()
    with Sidecar(tmp_path, workers=2, listen={"unix": "in.sock"}) as first:
        for sidecar in (
            {"listen": {"tcp": f"127.0.0.1:{first.port}"}},
            {"listen": {"tcp": "", "unix": str(tmp_path / "in.sock")}},
            {"http": f"127.0.0.1:{first.http}"},
        ):
            done = run_to_its_end(tmp_path / "second", **sidecar)
            assert (done.returncode, len(without_warnings(done.stderr))) == (1, 1), done.stderr
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(tmp_path / "in.sock"))
        assert first.get("/readyz")[0] == 200


def test_a_unix_socket_replaces_only_a_dead_one(tmp_path: Path) -> None:
    path = str(tmp_path / "in.sock")
    with bind_unix(path), pytest.raises(StartError, match="another process listens"):
        bind_unix(path)
    with bind_unix(path):
        assert Path(path).stat().st_mode & 0o777 == 0o660
    Path(path).unlink()
    (tmp_path / "target").write_text("precious")
    Path(path).symlink_to(tmp_path / "target")
    with pytest.raises(StartError, match="no socket"):
        bind_unix(path)
    assert Path(path).is_symlink()
    assert (tmp_path / "target").read_text() == "precious"
    with pytest.raises(StartError, match="too long"):
        bind_unix(str(tmp_path / ("x" * 200)))


def test_a_port_out_of_range_is_a_start_error() -> None:
    with pytest.raises(StartError, match="out of range"):
        bind_tcp("127.0.0.1:99999", "sidecar.http")


def test_it_says_what_it_does(tmp_path: Path) -> None:
    policy = {"content": "redacted", "unmapped": "redact", "unrecognized": "redact"}
    port = free_port()
    with Sidecar(tmp_path, (port,), workers=2, policy=policy, sidecar={"grace_secs": 0.2}) as sidecar:
        log = sidecar.log.read_text()
    (line,) = [line for line in log.splitlines() if "event=started" in line]
    fields = dict(field.split("=", 1) for field in line.split()[1:])
    assert fields["listen"] == f"127.0.0.1:{sidecar.port}"
    assert fields["forward"] == f"127.0.0.1:{port}"
    assert (fields["workers"], fields["schema"]) == ("2", "native")
    assert (fields["content"], fields["unmapped"], fields["unrecognized"]) == ("redacted", "redact", "redact")


# TLS and authentication at construction.


def test_a_ca_file_is_the_only_authority(tmp_path: Path) -> None:
    trustme = pytest.importorskip("trustme")
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    assert len(client_tls(Tls(ca_file=str(tmp_path / "ca.pem"))).get_ca_certs()) == 1
    assert len(client_tls(Tls()).get_ca_certs()) != 1


@in_loop
async def test_users_without_a_key_are_refused_at_construction() -> None:
    listen = Config.model_validate(
        {"hash_key": {"file": str(KEY_FILE)}, "sidecar": {"listen": {"shared_key": {"file": str(KEY_FILE)}}}}
    ).sidecar.listen
    keyless = listen.model_copy(update={"shared_key": None, "users": {"ann": listen.shared_key}})
    with pytest.raises(ConfigError, match="shared key"):
        Access(keyless)


# Reload.


CUT = b"hash_key:\n  file: k\npolicy:\n  identity: pseudonymize\nlimits:\n  max_depth: 64\n"


def test_no_beginning_of_a_file_is_taken_for_the_file() -> None:
    refuse_what_was_cut(CUT, CUT + b"tenant_id: t\n", "c.yaml")
    refuse_what_was_cut(CUT, CUT.replace(b"64", b"32"), "c.yaml")
    refused = 0
    for end in range(len(CUT)):
        try:
            yaml.safe_load(CUT[:end])
        except yaml.YAMLError:
            continue
        lines = CUT[:end].endswith(b"\n")
        inside_last_section = lines and b"limits" in CUT[:end]
        if inside_last_section:
            continue  # a section without any options: it is refused as invalid
        with pytest.raises(ConfigError):
            refuse_what_was_cut(CUT, CUT[:end], "c.yaml")
        refused += 1
    assert refused > 20


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"listen": {"tcp": "127.0.0.1:1"}}, "sidecar.listen.tcp"),
        ({"listen": {"unix": "x"}}, "sidecar.listen.unix"),
        ({"workers": 2}, "sidecar.workers"),
        ({"http": "127.0.0.1:1"}, "sidecar.http"),
        ({"max_in_flight_bytes": 100_000}, "sidecar.max_in_flight_bytes"),
        ({"compress": True}, "sidecar.compress"),
        ({"forward": []}, "sidecar.forward"),
    ],
)
def test_what_needs_a_restart_is_refused_with_that_sentence(change: dict[str, Any], key: str) -> None:
    section: dict[str, Any] = {"forward": [{"address": "127.0.0.1:2"}]}
    make = Config.model_validate
    before = make({"hash_key": {"ephemeral": True}, "sidecar": section})
    after = make({"hash_key": {"ephemeral": True}, "sidecar": section | change})
    refuse_what_needs_a_restart(before, before, "c.yaml")
    with pytest.raises(ConfigError, match="needs a restart") as raised:
        refuse_what_needs_a_restart(before, after, "c.yaml")
    assert [defect.key for defect in raised.value.defects] == [key]


def test_an_empty_a_cut_and_a_moved_configuration_are_refused_and_the_old_one_stays(tmp_path: Path) -> None:
    with Sidecar(tmp_path, tenant_id="before", policy={"identity": "pseudonymize"}) as sidecar:
        whole = sidecar.config.read_text()
        bad = [
            "",
            "\n",
            "# nothing\n",
            whole[: whole.index("policy")],
            whole[:-1],
            whole.replace("workers: 1", "workers: 2"),
        ]
        for number, text in enumerate(bad, 1):
            sidecar.write(text)
            wait_for(partial(_has_failed_reloads, sidecar, number))
        sidecar.rewrite(tenant_id="after")
        wait_for(lambda: sidecar.metric("veilog_config_reloads_total", result="ok") == 1)
        with socket.create_connection(("127.0.0.1", sidecar.port)) as client:
            client.sendall(msgpack.packb(["t", [[1, {"a": 1}]], {"chunk": "c"}]))
            client.settimeout(30)
            assert msgpack.unpackb(client.recv(100)) == {"ack": "c"}
        assert b'"tenant_id":"after"' in sidecar.out.read_bytes()
        log = sidecar.log.read_text()
        assert "the file is empty" in log
        assert "needs a restart" in log
        assert "as if the file had been cut" in log
        assert "event=reload result=failed" in log


def _has_failed_reloads(sidecar: Sidecar, number: int) -> bool:
    return sidecar.metric("veilog_config_reloads_total", result="failed") == number


def changed(config: Config, **listen: Any) -> Config:
    document = config.model_dump(by_alias=True)
    document["sidecar"]["listen"] |= listen
    document["hash_key"] = {"file": str(KEY_FILE)}
    return Config.model_validate(_without_empty(document))


def _without_empty(value: Any) -> Any:
    """Options that were left out, as they were written."""
    if isinstance(value, dict):
        if set(value) == {"env", "file"}:
            return {key: item for key, item in value.items() if item}
        return {key: _without_empty(item) for key, item in value.items() if item is not None}
    return [_without_empty(item) for item in value] if isinstance(value, list) else value


@in_loop
async def test_removed_users_and_old_keys_are_hung_up_on_and_others_are_not(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("secrets")
    (folder / "new.key").write_text("another key")
    for name in ("ann", "bob"):
        (folder / name).write_text(f"password of {name}")
    users = {name: {"file": str(folder / name)} for name in ("ann", "bob")}
    hop = Collector()
    await hop.start()
    keyed = {"shared_key": {"file": str(KEY_FILE)}, "users": users}
    async with running(hop, listen=keyed) as sidecar:
        ann = await Shipper.connect(sidecar.port, KEY, user=("ann", "password of ann"))
        bob = await Shipper.connect(sidecar.port, KEY, user=("bob", "password of bob"))
        config = sidecar.config
        sidecar.worker.configure(changed(config, users={"ann": users["ann"]}))
        assert await bob.closed()
        with pytest.raises(AssertionError):
            await Shipper.connect(sidecar.port, KEY, user=("bob", "password of bob"))
        ann.send("t", {"a": 1}, chunk_id="c1")
        assert await ann.ack() == "c1"
        sidecar.worker.configure(changed(config, users=users))
        bob = await Shipper.connect(sidecar.port, KEY, user=("bob", "password of bob"))
        (folder / "bob").write_text("changed")
        sidecar.worker.configure(changed(config, users=users))
        assert await bob.closed()
        sidecar.worker.configure(changed(config, users=users, shared_key={"file": str(folder / "new.key")}))
        assert await ann.closed()
        await Shipper.connect(sidecar.port, b"another key", user=("bob", "changed"))
        assert sidecar.errors[("receive", "access_revoked")] == 3
    await hop.stop()


@in_loop
async def test_who_would_need_another_certificate_is_hung_up_on(tmp_path_factory: pytest.TempPathFactory) -> None:
    trustme = pytest.importorskip("trustme")
    folder = tmp_path_factory.mktemp("tls")
    ours, theirs = trustme.CA(), trustme.CA()
    server = ours.issue_cert("localhost")
    server.private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
    renewed = ours.issue_cert("localhost")
    renewed.private_key_and_cert_chain_pem.write_to_path(str(folder / "renewed.pem"))
    for name, authority in (("ours.pem", ours), ("theirs.pem", theirs), ("same.pem", ours)):
        authority.cert_pem.write_to_path(str(folder / name))
    context = ssl.create_default_context(cafile=str(folder / "ours.pem"))
    ours.issue_cert("client@example.com").configure_cert(context)

    def tls(ca: str = "", cert: str = "server.pem") -> dict[str, str]:
        return {"cert_file": str(folder / cert), **({"ca_file": str(folder / ca)} if ca else {})}

    # Before, after, and whether who was let in before stays.
    steps: list[tuple[dict[str, str] | None, dict[str, str] | None, bool]] = [
        (None, tls(), False),
        (None, tls("ours.pem"), False),
        (tls(), tls("ours.pem"), False),
        (tls("ours.pem"), tls("theirs.pem"), False),
        (tls("ours.pem"), tls(), False),
        (tls(), None, False),
        (tls("ours.pem"), tls("same.pem"), True),
        (tls("ours.pem"), tls("ours.pem", "renewed.pem"), True),
        (tls(), tls(), True),
        (None, None, True),
    ]
    hop = Collector()
    await hop.start()
    for before, after, stays in steps:
        async with running(hop, listen={"tls": before}) as sidecar:
            known = await Shipper.connect(sidecar.port, tls=context if before else None)
            known.send("t", {"a": 1}, chunk_id="c1")
            assert await known.ack() == "c1"
            stranger = await Shipper.connect(sidecar.port, tls=context if before else None)
            await until(lambda: sidecar.traffic.connections == 2)
            sidecar.worker.configure(changed(sidecar.config, tls=after))
            if stays:
                for number, shipper in enumerate((known, stranger)):
                    shipper.send("t", {"a": 1}, chunk_id=f"d{number}")
                    assert await shipper.ack() == f"d{number}"
            else:
                assert await known.closed()
                assert await stranger.closed()
                assert sidecar.errors == {("receive", "access_revoked"): 2}
    await hop.stop()


@in_loop
async def test_a_ca_file_that_was_rewritten_is_another(tmp_path_factory: pytest.TempPathFactory) -> None:
    trustme = pytest.importorskip("trustme")
    folder = tmp_path_factory.mktemp("tls")
    ours = trustme.CA()
    ours.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
    ours.cert_pem.write_to_path(str(folder / "ca.pem"))
    context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    ours.issue_cert("client@example.com").configure_cert(context)
    options = {"cert_file": str(folder / "server.pem"), "ca_file": str(folder / "ca.pem")}
    hop = Collector()
    await hop.start()
    async with running(hop, listen={"tls": options}) as sidecar:
        known = await Shipper.connect(sidecar.port, tls=context)
        known.send("t", {"a": 1}, chunk_id="c1")
        assert await known.ack() == "c1"
        trustme.CA().cert_pem.write_to_path(str(folder / "ca.pem"))
        sidecar.worker.configure(changed(sidecar.config, tls=options))
        assert await known.closed()
    await hop.stop()


@in_loop
async def test_other_next_hops_are_taken_over_and_get_what_was_not_acknowledged() -> None:
    deaf, hop = Collector(acks=lambda chunk_id: []), Collector()
    await deaf.start()
    await hop.start()
    async with running(deaf) as sidecar:
        shipper = await Shipper.connect(sidecar.port)
        shipper.send("t", {"a": 1}, chunk_id="c1")
        await until(lambda: deaf.chunks)
        document = sidecar.config.model_dump(by_alias=True)
        again = Config.model_validate(_without_empty(document | {"hash_key": {"file": str(KEY_FILE)}}))
        sidecar.worker.outlets.configure(again)
        await asyncio.sleep(0.2)
        assert deaf.connections == 1, "nothing has changed"
        document["sidecar"]["forward"][0]["address"] = f"127.0.0.1:{hop.port}"
        again = Config.model_validate(_without_empty(document | {"hash_key": {"file": str(KEY_FILE)}}))
        sidecar.worker.outlets.configure(again)
        assert await shipper.ack() == "c1"
        assert [event["event_id"] for event in hop.events] == [event["event_id"] for event in deaf.events]
        assert sidecar.errors == {}
    await deaf.stop()
    await hop.stop()


# The health server alone.


def get(port: int, path: str) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=WAIT_SECS) as client:
        client.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        answer = b""
        while piece := client.recv(65_536):
            answer += piece
    return answer


def test_what_fails_while_an_answer_is_made_fails_that_answer_alone() -> None:
    def broken() -> Any:
        raise RuntimeError("secret")

    listeners = bind_tcp("127.0.0.1:0", "sidecar.http")
    port = listeners[0].getsockname()[1]
    server = HealthServer(listeners, broken)
    try:
        for _ in range(3):
            for path in ("/metrics", "/readyz"):
                answer = get(port, path)
                assert answer.startswith(b"HTTP/1.0 500")
                assert b"secret" not in answer
            assert get(port, "/healthz").endswith(b"ok\n")
    finally:
        server.close()


def test_a_crowd_of_slow_clients_keeps_nobody_from_the_health_port() -> None:
    listeners = bind_tcp("127.0.0.1:0", "sidecar.http")
    port = listeners[0].getsockname()[1]
    server = HealthServer(listeners, lambda: pytest.fail("not asked"))
    slow = []
    try:
        for _ in range(300):
            slow.append(socket.create_connection(("127.0.0.1", port)))
            slow[-1].sendall(b"GET /he")
        began = time.monotonic()
        assert get(port, "/healthz").endswith(b"ok\n")
        assert time.monotonic() - began < 5
        open_now = sum(not _is_closed(client) for client in slow)
        assert open_now <= 32
        wait_for(lambda: all(map(_is_closed, slow)), 30)
    finally:
        for client in slow:
            client.close()
        server.close()


def _is_closed(client: socket.socket) -> bool:
    client.setblocking(False)
    try:
        return client.recv(100) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
