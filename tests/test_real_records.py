"""Records that other people's software wrote, where a folder of them is at hand.

They are not the project's own and so not part of it: VEILOG_REAL_RECORDS names the folder, and without it these tests
are skipped. ``exchanges/`` and ``bedrock_invocation/`` carry naive labels of what a reader must find.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from samples import config_with
from veilog_filters.detect.finding import Finding
from veilog_filters.fingerprint import Fingerprinter
from veilog_filters.framing import JsonLines
from veilog_filters.pipeline import Pipeline

FOLDER = Path(os.environ.get("VEILOG_REAL_RECORDS", "/nowhere"))
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="VEILOG_REAL_RECORDS names no folder of records")

AI_SOURCES = {"bedrock_invocation": "aws_bedrock_invocation", "exchanges": "openai_gateway", "litellm": "litellm"}


def no_findings(text: str) -> list[Finding]:
    return []


def lines(path: Path) -> list[bytes]:
    data = path.read_bytes()
    return (
        [data.replace(b"\n", b" ")] if path.suffix == ".json" else [line for line in data.splitlines() if line.strip()]
    )


def events(path: Path, pipeline: Pipeline) -> Iterator[list[dict[str, Any]]]:
    framer = JsonLines(Fingerprinter(b"k" * 32, "k"), "", 100_000_000)
    for line in lines(path):
        for record in framer.feed(line + b"\n"):
            yield pipeline(record)


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return Pipeline(config_with(), detector=no_findings)


def files() -> list[Path]:
    return sorted(path for path in FOLDER.glob("*/*") if path.suffix in (".json", ".jsonl", ".log", ".txt"))


@pytest.mark.parametrize("path", files(), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_record_gives_its_source_s_event_or_leaves_cleaned_or_in_quarantine(
    path: Path, pipeline: Pipeline
) -> None:
    expected = AI_SOURCES.get(path.parent.name)
    for found in events(path, pipeline):
        assert found
        for event in found:
            if expected and path.suffix != ".log":
                assert (event["source"], event["kind"]) == (expected, "ai_access")
                assert event["model_name"]
                assert event["outcome_status"]
            elif path.stem == "AWS.CloudTrail":
                assert event["source"] in ("aws_cloudtrail", "other")
            elif path.stem == "GCP.AuditLog":
                assert event["source"] in ("gcp_audit", "other")
            elif path.stem == "Azure.MonitorActivity":
                assert event["source"] == "azure_monitor"
            else:
                assert event["kind"] in ("other", "quarantine")
            assert event.get("error_type") in (None, "malformed_json", "not_an_object")


def test_few_records_lack_what_most_have(pipeline: Pipeline) -> None:
    have = {"prompt_hash": 0, "response_hash": 0, "input_tokens": 0}
    total = 0
    for path in files():
        if path.parent.name in ("exchanges", "bedrock_invocation"):
            for (event,) in events(path, pipeline):
                total += 1
                for name in have:
                    have[name] += name in event
    assert total > 400
    assert have["prompt_hash"] > 0.95 * total
    assert have["response_hash"] > 0.90 * total
    assert have["input_tokens"] > 0.80 * total
