"""The systemd unit: systemd takes it, it is shut tightly, and a sidecar works inside what it allows.

No service manager runs the unit here. What may break veilog in it, its system call filter and its ban on writable code,
is put onto a real sidecar by the kernel.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from forward_peers import Shipper, Sidecar, in_loop, until
from samples import ROOT, SAMPLES
from veilog_filters.cli import app
from veilog_filters.config import Sidecar as Options

UNIT = ROOT / "conf" / "systemd" / "veilog.service"
MOST_EXPOSED = 15  # tenths: systemd's scale goes from 0 to 10, and a unit without hardening has 9.6
SAMPLE = SAMPLES / "openai_gateway" / "good_chat.in.json"

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not on the path")

# Puts a sandbox onto itself, then becomes the Python that it was called as.
LAUNCHER = """#!{python}
import ctypes, os, sys
libc, seccomp = ctypes.CDLL(None), ctypes.CDLL("libseccomp.so.2")
seccomp.seccomp_init.restype = ctypes.c_void_p
assert libc.prctl(38, 1, 0, 0, 0) == 0  # PR_SET_NO_NEW_PRIVS
assert libc.prctl(65, 1, 0, 0, 0) == 0  # PR_SET_MDWE: no memory becomes code that was writable
context = ctypes.c_void_p(seccomp.seccomp_init(0x00050001))  # SCMP_ACT_ERRNO(EPERM)
for name in {allowed!r}:
    number = seccomp.seccomp_syscall_resolve_name(name.encode())
    if number >= 0:
        assert seccomp.seccomp_rule_add(context, 0x7FFF0000, number, 0) == 0, name
assert seccomp.seccomp_load(context) == 0
os.execv("{python}", ["{python}", *sys.argv[1:]])
"""


def settings() -> dict[str, list[str]]:
    """All values of each key, whatever their sections."""
    found: dict[str, list[str]] = {}
    for line in UNIT.read_text(encoding="utf-8").splitlines():
        if line and line[0] not in "#[":
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = ["systemd-analyze", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@needs_systemd
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    text = UNIT.read_text(encoding="utf-8")
    assert text.count("ExecStart=/usr/bin/veilog ") == 1
    unit.write_text(text.replace("ExecStart=/usr/bin/veilog ", "ExecStart=/bin/true "), encoding="utf-8")
    done = analyze("verify", "--man=no", unit)
    assert (done.returncode, done.stderr) == (0, "")
    unit.write_text(unit.read_text(encoding="utf-8") + "\n[Service]\nProtectAll=yes\n", encoding="utf-8")
    assert "ProtectAll" in analyze("verify", "--man=no", unit).stderr


@needs_systemd
def test_the_unit_is_shut_tightly() -> None:
    done = analyze("security", "--offline=true", f"--threshold={MOST_EXPOSED}", "--no-pager", UNIT)
    assert done.returncode == 0, done.stdout
    values = settings()
    for key, value in {
        "DynamicUser": "yes",
        "ProtectSystem": "strict",
        "NoNewPrivileges": "yes",
        "CapabilityBoundingSet": "",
        "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX",
        "LimitCORE": "0",
    }.items():
        assert values[key] == [value]
    assert values["SystemCallFilter"][0] == "@system-service"
    assert all(value.startswith("~") for value in values["SystemCallFilter"][1:])


def test_the_unit_fits_veilog() -> None:
    values = settings()
    _, command, *arguments = values["ExecStart"][0].split()
    assert isinstance(app, click.Group)
    app.commands[command].make_context(command, arguments)
    (name, _, source) = values["LoadCredential"][0].partition(":")
    assert source == "/etc/veilog/hash.key"
    assert f"hash_key: {{file: /run/credentials/{UNIT.name}/{name}}}" in UNIT.read_text(encoding="utf-8")
    assert int(values["TimeoutStopSec"][0]) > Options().grace_secs + 5, "the supervisor needs 5 seconds more"
    assert values["ExecReload"] == ["/bin/kill -HUP $MAINPID"]
    assert values["Restart"] == ["always"]
    assert f"/var/cache/{values['CacheDirectory'][0]}" in values["Environment"][0]
    assert values["MemoryMax"]


def allowed_calls() -> list[str]:
    """The system calls that the unit's filter lets through."""
    allowed: set[str] = set()
    for value in settings()["SystemCallFilter"]:
        named = {call for group in value.removeprefix("~").split() for call in calls_of(group)}
        allowed = allowed - named if value.startswith("~") else allowed | named
    return sorted(allowed)


def calls_of(name: str) -> set[str]:
    if not name.startswith("@"):
        return {name}
    lines = [line.strip() for line in analyze("syscall-filter", "--no-pager", name).stdout.splitlines()]
    members = [line for line in lines if line and not line.startswith("#") and line != name]
    return {call for member in members for call in calls_of(member)}


def can_be_sandboxed(launcher: Path) -> bool:
    done = subprocess.run([str(launcher), "-c", "pass"], capture_output=True, timeout=60, check=False)
    return done.returncode == 0


@needs_systemd
@in_loop
async def test_a_sidecar_works_inside_the_units_sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    allowed = allowed_calls()
    assert {"read", "execve", "sendto"} <= set(allowed)
    assert not {"mount", "ptrace", "bpf", "setuid", "reboot"} & set(allowed)
    launcher = tmp_path / "python"
    launcher.write_text(LAUNCHER.format(python=sys.executable, allowed=allowed), encoding="utf-8")
    launcher.chmod(0o755)
    if not can_be_sandboxed(launcher):
        pytest.skip("needs libseccomp and Linux 6.3 or newer")
    real = sys.executable
    forbidden = "import os; os.setuid(os.getuid())"
    assert subprocess.run([real, "-c", forbidden], check=False).returncode == 0
    assert subprocess.run([str(launcher), "-c", forbidden], stderr=subprocess.DEVNULL, check=False).returncode != 0
    monkeypatch.setattr(sys, "executable", str(launcher))
    with Sidecar(tmp_path) as sidecar:
        shipper = await Shipper.connect(sidecar.port)
        shipper.send("raw.app", json.loads(SAMPLE.read_text(encoding="utf-8")), chunk_id="one")
        assert await shipper.ack() == "one"
        await until(lambda: sidecar.out.read_bytes().endswith(b"\n"))
        event = json.loads(sidecar.out.read_text(encoding="utf-8"))
        code = sidecar.stop()
    assert code == 0, sidecar.log.read_text()
    assert (event["source"], event["kind"]) == ("openai_gateway", "ai_access")
    assert "Error" not in sidecar.log.read_text(encoding="utf-8")
