"""What a worker does before it takes a record: the self-test of a new pipeline; and what it says when it fails."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from forward_peers import LONG_WAIT_SECS, SOURCE_ROOTS
from samples import KEY_FILE, config_with
from veilog_filters.errors import ConfigError
from veilog_filters.pipeline import Pipeline
from veilog_filters.transports.process import build, self_test
from veilog_parsers.registry import SOURCES


@pytest.mark.parametrize("sections", [{"policy": {"content": "redacted"}}, {"policy": {"unrecognized": "drop"}}, {}])
def test_a_pipeline_that_finds_nothing_is_refused_where_text_is_kept(sections: dict[str, dict[str, str]]) -> None:
    config = config_with(**sections)
    blind = Pipeline(config, detector=lambda text: [])
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
        self_test(Pipeline(config, detector=fail), config, "c.yaml")  # type: ignore[arg-type]


@pytest.mark.parametrize("source", ["auto", *(source.name for source in SOURCES)])
def test_every_source_and_policy_passes_with_presidio(source: str, tmp_path: Path) -> None:
    for entities in ([], ["CREDIT_CARD"], ["US_SSN"]):
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
    assert (done.returncode, done.stderr) == (1, "veilog: event=worker_failed task=fail error=KeyError\n")
