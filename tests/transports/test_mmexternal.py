"""Standard error of a child of rsyslog: it is the pipe of the answers, and holds nothing else."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from pathlib import Path

from samples import KEY_FILE
from veilog_filters.transports.mmexternal import SystemLog

MESSAGES = 20


def run(tmp_path: Path, settings: str) -> subprocess.CompletedProcess[bytes]:
    """Answer messages as a child of rsyslog does, with one pipe for both outputs."""
    key = tmp_path / "hash.key"
    shutil.copyfile(KEY_FILE, key)
    key.chmod(0o644)  # which veilog warns of
    config = tmp_path / "veilog.yaml"
    config.write_text(f"hash_key: {{file: {key}}}\n{settings}", encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-m", "veilog_filters", "mmexternal", "--config", str(config)],
        input=b"not JSON at all\n" * MESSAGES,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=120,
        check=False,
    )


def test_every_line_is_an_answer_whatever_there_is_to_warn_of(tmp_path: Path) -> None:
    done = run(tmp_path, "policy: {content: redacted, unrecognized: redact}\ndetect: {cache_dir: /proc/1}\n")
    assert done.returncode == 0
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == MESSAGES
    assert all(answer["$!"]["veilog"]["kind"] == "quarantine" for answer in answers)


def test_a_configuration_that_cannot_start_gives_no_answer(tmp_path: Path) -> None:
    done = run(tmp_path, "policy: {content: redactd}\n")
    assert done.returncode == 2
    assert done.stdout == b""


def test_lines_go_to_the_system_log(tmp_path: Path) -> None:
    path = str(tmp_path / "log")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind(path)
        log.settimeout(10)
        stream = SystemLog(path)
        stream.write("veilog: one")
        stream.write(" line\nand another\n")
        received = [log.recv(1000).decode() for _ in range(2)]
    assert [message.partition("]: ")[2] for message in received] == ["veilog: one line", "and another"]
    assert all(message.startswith("<28>veilog[") for message in received)


def test_a_system_log_that_is_full_or_gone_is_not_waited_for(tmp_path: Path) -> None:
    path = str(tmp_path / "log")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind(path)
        SystemLog(path).write("line\n" * 1000)
    SystemLog(path).write("nobody listens\n")
    SystemLog(str(tmp_path / "gone")).write("nothing there\n")


def test_a_last_message_without_a_line_feed_is_answered() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "veilog_filters", "mmexternal"],
        input=b'{"a":1}\n{"b":2}',
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert [set(json.loads(line)["$!"]) for line in done.stdout.splitlines()] == [{"veilog"}] * 2
