"""The recipes for Vector, Logstash and the OpenTelemetry Collector: the child that they run does what they say.

None of the three runs here. What is checked is what they do at their edge: the very command line is run by a shell, on a
file that grows, and its output must be one clean JSON object per line; the Collector's side is a Forward hop.
"""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import orjson
import pytest
import yaml

from forward_peers import Collector, Shipper, in_loop, running
from samples import KEY_FILE, ROOT

PROMPT = {
    "request": {"model": "m", "messages": [{"role": "user", "content": "Write to ann.smith@example.com"}]},
    "response": {"model": "m", "choices": [{"message": {"content": "Done."}}]},
}


def vector_command() -> str:
    source = yaml.safe_load((ROOT / "conf/vector/vector.yaml").read_text())["sources"]["ai_logs"]
    shell, flag, command = source["command"]
    assert (shell, flag, source["mode"], source["include_stderr"]) == ("/bin/sh", "-c", "streaming", False)
    return str(command)


def logstash_command() -> str:
    (command,) = re.findall(r'command => "(.*)"', (ROOT / "conf/logstash/veilog.conf").read_text())
    return str(command)


@pytest.mark.parametrize("command", [vector_command(), logstash_command()], ids=["vector", "logstash"])
def test_the_child_answers_a_growing_file_with_clean_lines(command: str, tmp_path: Path) -> None:
    (tmp_path / "veilog.yaml").write_text(f"hash_key: {{file: {KEY_FILE}}}\n")
    log = tmp_path / "app.jsonl"
    log.touch()
    command = command.replace("/var/log/llm", str(tmp_path)).replace("/etc/veilog", str(tmp_path))
    command = command.replace("veilog filter", f"{shlex.quote(sys.executable)} -m veilog_filters filter")
    with subprocess.Popen(
        ["/bin/sh", "-c", command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    ) as child:
        assert child.stdout is not None
        try:
            time.sleep(1)  # tail begins at the end of the file, so it must have begun
            for number in range(3):
                with log.open("ab") as lines:
                    lines.write(orjson.dumps(PROMPT | {"request_id": f"r{number}"}) + b"\n")
                event = orjson.loads(child.stdout.readline())
                assert event["request_id"] == f"r{number}"
                assert event["findings"]["prompt"]["EMAIL_ADDRESS"] == 1
                assert b"ann.smith" not in orjson.dumps(event)
        finally:
            os.killpg(child.pid, signal.SIGKILL)


@in_loop
async def test_a_fluent_forward_receiver_gets_and_acknowledges_clean_events() -> None:
    """The receiver's endpoint is where the comment tells the sidecar to send; what arrives there is a Forward hop."""
    text = (ROOT / "conf/otelcol/config.yaml").read_text()
    config = yaml.safe_load(text)
    endpoint = config["receivers"]["fluentforward"]["endpoint"]
    assert f"sidecar: {{forward: [{{address: {endpoint}}}]}}" in text
    assert config["service"]["pipelines"]["logs"]["receivers"] == ["fluentforward"]
    hop = Collector()
    await hop.start()
    async with running(hop) as sidecar:
        shipper = await Shipper.connect(sidecar.port)
        shipper.send("raw.app", {"log": "mail ann@example.com"}, chunk_id="c1")
        assert await asyncio.wait_for(shipper.ack(), 30) == "c1"
    assert "ann@" not in str(hop.events)
    await hop.stop()
