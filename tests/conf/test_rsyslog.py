"""conf/rsyslog/veilog.conf in a real rsyslogd, with a real ``veilog mmexternal`` as its child."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import veilog_filters
import veilog_parsers
from forward_peers import WAIT_SECS, free_port, wait_for
from no_network import sitecustomize
from processes import children_of
from samples import KEY_FILE, ROOT, SAMPLES

CONF = ROOT / "conf" / "rsyslog" / "veilog.conf"
RSYSLOGD = shutil.which("rsyslogd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
BEDROCK = SAMPLES / "aws_bedrock_invocation" / "good_anthropic.in.json"
CHAT = SAMPLES / "openai_gateway" / "good_chat.in.json"

pytestmark = pytest.mark.skipif(RSYSLOGD is None, reason="needs rsyslogd (apt-get install rsyslog)")


class Rsyslog:
    """rsyslogd in the foreground, with the project's configuration included from a main one as a distribution has it.

    Attributes:
        events: the file that clean events go to.
        default: the file of the default rules, which stands for /var/log/syslog.
        passed: the file in which the tests see, raw, every message that reached the guard of the output.
    """

    def __init__(self, folder: Path, before: str = "") -> None:
        self.folder = folder
        self.port = free_port()
        self.events, self.default, self.passed = folder / "events.jsonl", folder / "syslog", folder / "passed"
        self.log = folder / "rsyslogd.log"
        self.child = folder / "veilog"
        paths = [str(Path(module.__file__ or "").parents[1]) for module in (veilog_filters, veilog_parsers)]
        paths.append(str(Path(sitecustomize.__file__).parent))
        self.child.write_text(
            f'#!/bin/sh\nPYTHONPATH={":".join(paths)} exec {sys.executable} -m veilog_filters "$@"\n', encoding="utf-8"
        )
        self.child.chmod(0o755)
        # A key that everybody can read: veilog warns at its start, and rsyslog must not take that for an answer.
        key = folder / "hash.key"
        key.write_bytes(KEY_FILE.read_bytes())
        key.chmod(0o644)
        (folder / "veilog.yaml").write_text(f"hash_key: {{file: {key}}}\n", encoding="utf-8")
        text = CONF.read_text(encoding="utf-8")
        for there, here in (
            ("/usr/bin/veilog ", f"{self.child} "),
            ("--config /etc/veilog/veilog.yaml", f"--config {folder}/veilog.yaml"),
            ("/var/log/veilog/events.jsonl", str(self.events)),
            ('port="5514"', f'port="{self.port}"'),
            ('ruleset(name="veilog") {', f'ruleset(name="veilog") {{\n    {before}'),
            ("    if $!veilog", f'    action(type="omfile" file="{self.passed}")\n    if $!veilog'),
        ):
            assert text.count(there) == 1, there
            text = text.replace(there, here)
        (folder / "veilog.conf").write_text(text, encoding="utf-8")
        self.main = folder / "rsyslog.conf"
        self.main.write_text(
            f'global(workDirectory="{folder}" processInternalMessages="on")\nmodule(load="mmjsonparse")\n'
            f'include(file="{folder}/veilog.conf")\n'
            f'module(load="imudp")\ninput(type="imudp" address="127.0.0.1" port="{self.port}")\n'
            'if $programname == "llm" then call veilog\n'
            f'*.* action(type="omfile" file="{self.default}")\n',
            encoding="utf-8",
        )

    def command(self, *options: str) -> list[str]:
        return [str(RSYSLOGD), "-f", str(self.main), "-i", str(self.folder / "pid"), *options]

    def __enter__(self) -> Rsyslog:
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(self.command("-n"), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for(lambda: self._listens() or self.process.poll() is not None, WAIT_SECS)
        assert self.process.poll() is None, self.log.read_text()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop it; it writes what it has."""
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(30)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def send(self, *messages: str, octet_counted: bool = False) -> None:
        """Send messages with a syslog header each."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            for message in messages:
                framed = f"<13>Aug 21 10:00:00 gateway llm: {message}".encode()
                connection.sendall(b"%d %s" % (len(framed), framed) if octet_counted else framed + b"\n")

    def lines(self) -> list[Any]:
        """What has been written so far: an event, or a list of events, per message."""
        text = self.events.read_text(encoding="utf-8") if self.events.exists() else ""
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def children(self) -> list[int]:
        """Process ids of the veilog that runs under it."""
        return children_of(self.process.pid)

    def everything(self) -> str:
        """All that it wrote anywhere."""
        files = (self.events, self.default, self.log)
        return "\n".join(file.read_text(encoding="utf-8", errors="replace") for file in files if file.exists())


@pytest.fixture
def rsyslog(tmp_path: Path) -> Iterator[Rsyslog]:
    with Rsyslog(tmp_path) as running:
        yield running


def chat(prompt: str) -> str:
    """A call of a model API as a gateway logs it."""
    record = json.loads(CHAT.read_text(encoding="utf-8"))
    record["request"]["messages"] = [{"role": "user", "content": prompt}]
    return json.dumps(record)


def test_rsyslogd_takes_the_configuration(tmp_path: Path) -> None:
    checked = Rsyslog(tmp_path)
    done = subprocess.run(checked.command("-N1"), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "error" not in done.stderr.lower()
    assert "warning" not in done.stderr.lower()


def test_messages_go_in_raw_and_come_out_as_clean_events(rsyslog: Rsyslog) -> None:
    bedrock = json.loads(BEDROCK.read_text(encoding="utf-8"))
    rsyslog.send(
        chat("Zanzibar: write to ann.lee@example.com about it."),
        json.dumps(bedrock),
        "Failed password for zanzibar from bob.ray@example.com",
        json.dumps({"Records": [bedrock, bedrock]}),
    )
    wait_for(lambda: len(rsyslog.lines()) >= 4, WAIT_SECS)
    request, invocation, no_json, envelope = rsyslog.lines()
    assert request["source"] == "openai_gateway"
    assert request["findings"]["prompt"] == {"EMAIL_ADDRESS": 1, "URL": 1}
    assert invocation["source"] == "aws_bedrock_invocation"
    assert invocation["prompt_hash"]
    assert (no_json["kind"], no_json["error_type"]) == ("quarantine", "malformed_json")
    assert [event["prompt_hash"] for event in envelope] == [invocation["prompt_hash"]] * 2
    written = rsyslog.everything()
    for raw in ("example.com", "anzibar", "Failed password", *prompts_of(bedrock)):
        assert raw not in written


def prompts_of(bedrock: dict[str, Any]) -> list[str]:
    """The beginnings of all texts in a Bedrock record's messages."""
    messages = bedrock["input"]["inputBodyJson"]["messages"]
    contents = [message["content"] for message in messages]
    texts = [part["text"] for content in contents if isinstance(content, list) for part in content if "text" in part]
    texts += [content for content in contents if isinstance(content, str)]
    assert texts
    return [text[:30] for text in texts]


def test_a_rule_that_calls_the_ruleset_goes_no_further_with_the_raw_message(rsyslog: Rsyslog) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for tag in ("llm", "other"):
            message = f"<13>Aug 21 10:00:00 gateway {tag}: {chat('zanzibar ' + tag)}"
            sender.sendto(message.encode(), ("127.0.0.1", rsyslog.port))
    wait_for(lambda: len(rsyslog.lines()) >= 1 and "zanzibar other" in rsyslog.everything(), WAIT_SECS)
    assert "zanzibar llm" not in rsyslog.everything()
    assert len(rsyslog.lines()) == 1


def test_a_message_of_60_kb_arrives_whole_and_a_longer_one_goes_to_quarantine(rsyslog: Rsyslog) -> None:
    rsyslog.send(chat("zanzibar " * 6_500 + "ann.lee@example.com"), chat("zanzibar " * 8_000), chat("next"))
    wait_for(lambda: len(rsyslog.lines()) >= 3, WAIT_SECS)
    whole, cut, following = rsyslog.lines()
    assert whole["findings"]["prompt"] == {"EMAIL_ADDRESS": 1, "URL": 1}
    assert cut["kind"] == "quarantine"
    assert following["kind"] == "ai_access"
    assert "zanzibar" not in rsyslog.everything()


def test_a_line_feed_in_a_message_does_not_shift_answers(rsyslog: Rsyslog) -> None:
    rsyslog.send("zanzibar\nzanzibar", chat("one"), chat("another"), octet_counted=True)
    wait_for(lambda: len(rsyslog.lines()) >= 3, WAIT_SECS)
    assert [event["kind"] for event in rsyslog.lines()] == ["quarantine", "ai_access", "ai_access"]
    assert len({event["event_id"] for event in rsyslog.lines()}) == 3


def break_child(rsyslog: Rsyslog) -> None:
    """Kill the child, and make sure that every further one dies at once."""
    rsyslog.send(chat("before"))
    wait_for(lambda: len(rsyslog.lines()) == 1, WAIT_SECS)
    rsyslog.child.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    kill_children(rsyslog)


def kill_children(rsyslog: Rsyslog) -> None:
    pids = rsyslog.children()
    assert pids
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def test_no_raw_text_gets_out_when_the_child_dies(rsyslog: Rsyslog) -> None:
    break_child(rsyslog)
    rsyslog.send(*[chat(f"zanzibar {number}") for number in range(20)])
    wait_for(lambda: rsyslog.passed.read_text(encoding="utf-8").count("zanzibar") == 20, WAIT_SECS)
    rsyslog.stop()
    assert "zanzibar" not in rsyslog.everything()
    assert len(rsyslog.lines()) == 1


def test_a_child_that_died_is_replaced(rsyslog: Rsyslog) -> None:
    rsyslog.send(chat("before"))
    wait_for(lambda: len(rsyslog.lines()) == 1, WAIT_SECS)
    kill_children(rsyslog)
    # The messages that find it dead are lost, not passed: send until one is answered again.
    for number in range(100):
        rsyslog.send(chat(f"zanzibar {number}"))
        time.sleep(0.2)
        if len(rsyslog.lines()) > 1:
            break
    assert len(rsyslog.lines()) > 1
    assert "zanzibar" not in rsyslog.everything()


def test_a_field_named_veilog_in_the_message_is_no_event(tmp_path: Path) -> None:
    with Rsyslog(tmp_path, before='action(type="mmjsonparse" cookie="")') as rsyslog:
        break_child(rsyslog)
        rsyslog.send(*[json.dumps({"veilog": f"zanzibar {number}"}) for number in range(20)])
        wait_for(lambda: rsyslog.passed.read_text(encoding="utf-8").count("zanzibar") == 20, WAIT_SECS)
    assert "zanzibar" not in rsyslog.everything()
    assert len(rsyslog.lines()) == 1
