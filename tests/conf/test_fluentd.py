"""The Fluentd files: no raw text has a way out, and Fluentd itself runs them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgpack
import orjson
import pytest

from forward_peers import Sidecar, free_port, wait_for
from samples import KEY_FILE, ROOT
from veilog_filters.config import load_config

FOLDER = ROOT / "conf" / "fluentd"
FILES = sorted(FOLDER.glob("*.conf"))
PROMPT = {
    "request": {"model": "m", "messages": [{"role": "user", "content": "Write to ann.smith@example.com"}]},
    "response": {"model": "m", "choices": [{"message": {"content": "Done."}}]},
}

needs_fluentd = pytest.mark.skipif(shutil.which("fluentd") is None, reason="fluentd is not on the path")


def sections(path: Path, name: str) -> list[tuple[str, str]]:
    """Argument and body of the top-level sections with a name."""
    return re.findall(rf"^<{name} ?(.*?)>\n(.*?)^</{name}>", path.read_text(), flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_only_clean_events_have_a_way_out(path: Path) -> None:
    for pattern, body in sections(path, "match"):
        (kind,) = re.findall(r"^  @type (\w+)", body, flags=re.MULTILINE)
        assert (pattern == "clean.**") == (kind not in ("exec_filter", "forward")), (pattern, kind)
        assert pattern in ("raw.**", "clean.**")
    for _, body in sections(path, "source"):
        assert "tag raw." in body or "@type forward" in body
        assert "@type json" not in body, "Fluentd logs lines that are no JSON"
    assert len(sections(path, "match")) == 2
    (label,) = sections(path, "label")
    assert label[0] == "@ERROR"
    assert "@type null" in label[1], "Fluentd logs records that it fails on"


def test_the_ports_fit_together() -> None:
    sidecar = load_config(FOLDER / "sidecar.yaml").sidecar
    ((_, there), _) = sections(FOLDER / "forward.conf", "match")
    assert sidecar.listen.tcp == "127.0.0.1:" + re.findall(r"port (\d+)", there)[0]
    assert re.findall(r"ack_response_timeout (\d+)s", there)[0] == "90"
    assert sidecar.ack_timeout_secs < 90
    ((_, _), (_, back)) = sections(FOLDER / "forward.conf", "source")
    assert sidecar.forward[0].address == "127.0.0.1:" + re.findall(r"port (\d+)", back)[0]


def the_command() -> list[str]:
    """What exec_filter.conf runs, with this interpreter and without its configuration file."""
    (line,) = re.findall(r"^  command veilog (.*)$", (FOLDER / "exec_filter.conf").read_text(), flags=re.MULTILINE)
    return [sys.executable, "-m", "veilog_filters", *line.replace("--config /etc/veilog/veilog.yaml", "").split()]


@pytest.mark.parametrize("form", ["msgpack", "jsonl"])
def test_a_chunk_is_answered_at_once_with_its_tags_and_times(form: str) -> None:
    """What exec_filter writes, and before it closes the pipe: it never does."""
    command = [argument.replace("msgpack", form) for argument in the_command()]
    pack = msgpack.packb if form == "msgpack" else (lambda record: orjson.dumps(record) + b"\n")
    stamps: list[dict[str, Any]] = [
        {"_tag": f"raw.{number}", "_time": 1_740_994_863.25 + number} for number in range(3)
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        for _ in range(2):
            child.stdin.write(b"".join(pack(PROMPT | stamp) for stamp in stamps))
            child.stdin.flush()
            events: list[dict[str, Any]] = []
            unpacker = msgpack.Unpacker()
            while len(events) < 3:
                piece = os.read(child.stdout.fileno(), 65_536)
                assert piece, "the child ended"
                if form == "msgpack":
                    unpacker.feed(piece)
                    events += unpacker
                else:
                    events += map(orjson.loads, piece.splitlines())
            for number, event in enumerate(events):
                assert event["_tag"] == f"clean.raw.{number}"
                assert event["_time"] == 1_740_994_863.25 + number
                assert event["timestamp"].startswith("2025-03-03T09:41:0")
                assert event["findings"]["prompt"]["EMAIL_ADDRESS"] == 1
        child.stdin.close()
        assert child.wait(60) == 0


def test_what_is_no_tag_and_no_time_is_dropped() -> None:
    forged = [
        {"_tag": "ann.smith@example.com", "_time": "ann.smith@example.com", "log": "x"},
        {"_tag": {"ann.smith@example.com": 1}, "_time": ["ann.smith@example.com"], "log": "x"},
        {"_tag": "t" * 300, "_time": float("inf"), "log": "x"},
        {"log": "x"},
    ]
    done = subprocess.run(
        the_command(), input=b"".join(map(msgpack.packb, forged)), capture_output=True, check=True, timeout=60
    )
    unpacker = msgpack.Unpacker()
    unpacker.feed(done.stdout)
    events = list(unpacker)
    assert len(events) == 4
    assert all("_tag" not in event and "_time" not in event for event in events)
    assert b"ann.smith" not in done.stdout + done.stderr


def moved(name: str, folder: Path, **places: str) -> Path:
    """A copy of a file with its folders, ports and command moved to where a test can use them."""
    text = (FOLDER / name).read_text()
    text = text.replace("/var/lib/fluentd", str(folder)).replace("/var/log/llm", str(folder))
    for old, new in places.items():
        text = text.replace(old.removeprefix("port_"), new)
    (folder / name).write_text(text.replace("flush_interval 1s", "flush_interval 0.2s"))
    return folder / name


@needs_fluentd
@pytest.mark.parametrize("name", ["exec_filter.conf", "forward.conf"])
def test_fluentd_ships_clean_events(name: str, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "app.jsonl").write_bytes((orjson.dumps(PROMPT) + b"\n") * 20 + b"no JSON by ann.smith@example.com\n")
    (tmp_path / "veilog.yaml").write_text(f"hash_key: {{file: {KEY_FILE}}}\n")
    back = free_port()
    with Sidecar(tmp_path / "run", (back,), sidecar={"keep_metadata": False}) as sidecar:
        ports = {"port_24224": str(sidecar.port), "port_24225": str(back)}
        command = f"{sys.executable} -m veilog_filters filter --config {tmp_path}/veilog.yaml"
        path = moved(name, tmp_path, **ports, **{"veilog filter --config /etc/veilog/veilog.yaml": command})
        out = tmp_path / "out"
        # Fluentd's own warnings are among the output: they must not quote either.
        with (
            out.open("wb") as stdout,
            subprocess.Popen(["fluentd", "-q", "--no-supervisor", "-c", str(path)], stdout=stdout) as shipper,
        ):
            try:
                wait_for(lambda: len(events_in(out)) >= 21)
                time.sleep(1)
            finally:
                shipper.terminate()
    events = events_in(out)
    assert [event["source"] for event in events] == ["openai_gateway"] * 20 + ["other"]
    assert not any("_tag" in event for event in events)
    assert b"ann.smith" not in out.read_bytes()


def events_in(out: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in out.read_bytes().splitlines() if line.startswith(b"{")]
