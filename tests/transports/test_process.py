"""What a worker does before it takes a record: the self-test of a new pipeline; and what it says when it fails."""

from __future__ import annotations

import asyncio
import dataclasses
import multiprocessing
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from forward_peers import LONG_WAIT_SECS, SOURCE_ROOTS, in_loop, until
from samples import KEY_FILE, config_with
from shares import share
from veilog_filters.detect.api import PerText
from veilog_filters.errors import ConfigError
from veilog_filters.metrics import Counts, Traffic
from veilog_filters.pipeline import Pipeline
from veilog_filters.transports.addresses import bind_tcp
from veilog_filters.transports.process import RELOAD, Report, Reporter, _Process, build, self_test
from veilog_parsers.registry import SOURCES


@pytest.mark.parametrize("sections", [{"policy": {"content": "redacted"}}, {"policy": {"unrecognized": "drop"}}, {}])
def test_a_pipeline_that_finds_nothing_is_refused_where_text_is_kept(sections: dict[str, dict[str, str]]) -> None:
    config = config_with(**sections)
    blind = Pipeline(config, detector=PerText(lambda text: []))
    if sections.get("policy", {}).get("content") == "redacted":
        with pytest.raises(ConfigError, match="a canary got through"):
            self_test(blind, config, "c.yaml")
    else:
        self_test(blind, config, "c.yaml")  # neither prompt nor what no parser took leaves here


def test_a_pipeline_that_fails_is_refused() -> None:
    def fail(text: str) -> list[object]:
        raise RuntimeError(text)

    config = config_with()
    with pytest.raises(ConfigError, match="went to quarantine"):
        self_test(Pipeline(config, detector=PerText(fail)), config, "c.yaml")  # type: ignore[arg-type]


@pytest.mark.parametrize("source", ["auto", *(source.name for source in SOURCES)])
def test_every_source_and_policy_passes_with_presidio(source: str, tmp_path: Path) -> None:
    for entities in share(([], ["CREDIT_CARD"], ["US_SSN"]), 3, len(source)):
        path = tmp_path / "c.yaml"
        policy = {"content": "redacted", "unmapped": "redact", "unrecognized": "quarantine"}
        detect = {"entities": entities}
        document = {"hash_key": {"file": str(KEY_FILE)}, "source": source, "policy": policy, "detect": detect}
        path.write_text(yaml.safe_dump(document))
        config, pipeline, digest = build(str(path))
        assert config.source == source
        assert pipeline.counts.received == 0
        assert len(digest) == 12


_FAILING = """
import multiprocessing, sys
from veilog_filters.transports import process, sender
from veilog_filters.transports.addresses import bind_tcp

async def fail(self):
    raise KeyError("ann@example.com")

sender.StdoutSender.run = fail
ours, theirs = multiprocessing.Pipe()
process.run_worker(sys.argv[1], bind_tcp("127.0.0.1:0", "x"), theirs)
"""


def test_a_worker_whose_task_has_ended_says_which_and_the_type_of_what_it_raised(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(yaml.safe_dump({"hash_key": {"file": str(KEY_FILE)}}))
    done = subprocess.run(
        [sys.executable, "-c", _FAILING, str(tmp_path / "c.yaml")],
        check=False,
        capture_output=True,
        text=True,
        timeout=LONG_WAIT_SECS,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, SOURCE_ROOTS))},
    )
    assert (done.returncode, done.stderr) == (1, "veilog: event=worker_failed task=FanOut.run error=KeyError\n")


def large(number: int) -> Report:
    counts = Counts()
    counts.quarantined.update({f"{number}-{entry}": 1 for entry in range(50_000)})
    return Report(counts, Traffic(), str(number))


def test_a_supervisor_that_does_not_read_keeps_nobody() -> None:
    ours, theirs = multiprocessing.Pipe()
    reporter = Reporter(theirs, lambda: None)
    began = time.monotonic()
    for number in range(5):
        reporter.report(large(number))
    reporter.report(dataclasses.replace(large(5), reloaded=False))
    reporter.report(dataclasses.replace(large(6), reloaded=True))
    reporter.report(large(7))
    reporter.report(large(8))
    reporter.close(0.1)
    assert time.monotonic() - began < LONG_WAIT_SECS / 4
    received: list[Report] = []
    while not received or received[-1].config_hash != "8":
        assert ours.poll(LONG_WAIT_SECS)
        received.append(ours.recv())
    # The first was on its way; then both results, and the last one of the others.
    assert [report.config_hash for report in received][-3:] == ["5", "6", "8"]
    assert len(received) <= 5
    assert [report.reloaded for report in received][-3:] == [False, True, None]


def test_a_supervisor_that_has_gone_is_noticed() -> None:
    ours, theirs = multiprocessing.Pipe()
    broken = threading.Event()
    reporter = Reporter(theirs, broken.set)
    ours.close()
    reporter.report(large(0))
    assert broken.wait(LONG_WAIT_SECS)


@in_loop
async def test_reloads_are_made_one_at_a_time_and_the_last_one_wins(tmp_path_factory: pytest.TempPathFactory) -> None:
    ours, theirs = multiprocessing.Pipe()
    path = tmp_path_factory.mktemp("reload") / "c.yaml"
    document = {"hash_key": {"file": str(KEY_FILE)}, "tenant_id": "t0"}
    path.write_text(yaml.safe_dump(document))
    process: Any = _Process(str(path), theirs)
    build_again, busy, most = process._build_again, 0, 0

    def slow() -> Any:
        nonlocal busy, most
        busy += 1
        most = max(most, busy)
        time.sleep(0.2)
        try:
            return build_again()
        finally:
            busy -= 1

    process._build_again = slow
    listeners = bind_tcp("127.0.0.1:0", "x")
    serving = asyncio.create_task(process.run(listeners))
    try:
        for number in range(1, 6):
            path.write_text(yaml.safe_dump(document | {"tenant_id": f"t{number}"}))
            ours.send(RELOAD)
            await asyncio.sleep(0.15)
        await until(lambda: process._reloading is None and process._config.tenant_id == "t5", LONG_WAIT_SECS)
        assert most == 1
        assert process._worker.pipeline is process._pipeline
    finally:
        ours.close()
        await serving
        theirs.close()
        for listener in listeners:
            listener.close()
