"""Records that other people's software wrote, where a folder of them is at hand.

They are not the project's own and so not part of it: VEILOG_REAL_RECORDS names the folder, and without it these tests
are skipped. ``exchanges/`` and ``bedrock_invocation/`` carry naive labels of what a reader must find.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from samples import config_with
from veilog_filters.detect.finding import Finding
from veilog_filters.fingerprint import Fingerprinter
from veilog_filters.framing import JsonLines
from veilog_filters.pipeline import Pipeline
from veilog_parsers.event import AuditEvent
from veilog_parsers.record import RawRecord
from veilog_parsers.registry import Registry

FOLDER = Path(os.environ.get("VEILOG_REAL_RECORDS", "/nowhere"))
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="VEILOG_REAL_RECORDS names no folder of records")

CARRIES_PROMPT = re.compile(
    r"gen_ai\.(input\.messages|prompt\.\d+\.(content|user))|llm\.(prompts|input_messages\.\d.*(content|arguments))|input\.value"
)
CARRIES_RESPONSE = re.compile(
    r"gen_ai\.(output\.messages|completion\.\d+\.(content|tool_calls.*))|llm\.output_messages\.\d.*(content|arguments)"
    r"|output\.value"
)
CARRIES_USAGE = re.compile(
    r"usage\.(input|output|prompt|completion|total)_tokens|token_count\.(prompt|completion|total)$"
)
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
            elif path.parent.name == "mcp":
                # Examples of the specification: whole messages, and parts of messages that say nothing by themselves.
                assert event["source"] in ("mcp", "other")
            elif path.stem == "AWS.CloudTrail":
                assert event["source"] in ("aws_cloudtrail", "other")
            elif path.stem == "GCP.AuditLog":
                assert event["source"] in ("gcp_audit", "other")
            elif path.stem == "Azure.MonitorActivity":
                assert event["source"] == "azure_monitor"
            elif expected == "litellm":
                # What its proxy prints: access lines as JSON, in the midst of all else.
                assert (event["source"], event["kind"]) in {
                    ("access_log", "ai_access"),
                    ("other", "other"),
                    ("other", "quarantine"),
                }
            else:
                assert event["kind"] in ("other", "quarantine")
            assert event.get("error_type") in (None, "malformed_json", "not_an_object")


def spans_of(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for resource in document.get("resourceSpans", ()):
        for scope in resource["scopeSpans"]:
            yield from scope["spans"]


def carried(span: dict[str, Any], pattern: re.Pattern[str]) -> bool:
    """Whether a span has an attribute of these names with more in it than a frame."""
    for attribute in span.get("attributes", ()):
        if pattern.search(attribute["key"]):
            value = json.dumps(attribute["value"]).replace("\\", "")
            if value != '{"stringValue": ""}' and '"parts": []' not in value and '"content": ""' not in value:
                return True
    return False


def test_spans_with_messages_yield_them_and_spans_with_usage_yield_tokens(pipeline: Pipeline) -> None:
    seen = dict.fromkeys(("prompt", "response", "tokens"), 0)
    for path in sorted((FOLDER / "otlp").glob("*.traces.jsonl")):
        for line in lines(path):
            document = orjson.loads(line)["otlp"]
            # The parsers consume what they are given.
            spans = list(spans_of(orjson.loads(line)["otlp"]))
            found = pipeline(RawRecord(document, line))
            assert len(found) == len(spans)
            for span, event in zip(spans, found, strict=True):
                if carried(span, CARRIES_PROMPT):
                    seen["prompt"] += 1
                    assert "prompt_classification" in event, (path, span["name"])
                if carried(span, CARRIES_RESPONSE):
                    seen["response"] += 1
                    assert "response_classification" in event, (path, span["name"])
                if carried(span, CARRIES_USAGE):
                    seen["tokens"] += 1
                    assert {"input_tokens", "output_tokens", "token_count"} & event.keys(), (path, span["name"])
    assert all(count > 150 for count in seen.values())


def test_log_records_about_models_are_theirs(pipeline: Pipeline) -> None:
    texts = total = 0
    for path in sorted((FOLDER / "otlp").glob("*.logs.jsonl")):
        for line in lines(path):
            for event in pipeline(RawRecord(orjson.loads(line)["otlp"], line)):
                total += 1
                assert (event["source"], event["kind"]) == ("otel_genai", "ai_access")
                assert event["provider"]
                texts += "prompt_chars" in event or "response_chars" in event
    # About half of them were made with the capturing of texts off.
    assert total > 300
    assert texts > 0.4 * total


def test_whole_mcp_messages_are_mcp_s_and_carry_what_they_carry(pipeline: Pipeline) -> None:
    total = 0
    for path in sorted((FOLDER / "mcp").glob("*.jsonl")):
        for line in lines(path):
            message = orjson.loads(line)["msg"]
            if "jsonrpc" not in message:
                continue
            total += 1
            (event,) = pipeline(RawRecord(orjson.loads(line)["msg"], line))
            assert event["source"] == "mcp"
            assert event.get("api_operation") == message.get("method")
            if message.get("method") == "tools/call":
                assert event["tool_calls"][0]["name"]
                assert event["prompt_chars"]
            if "error" in message:
                assert event["outcome_status"] == "failure"
            if "result" in message:
                assert event["outcome_status"] == "success"
                carries = not message["result"].keys().isdisjoint(("content", "contents", "messages", "completion"))
                assert ("response_chars" in event) == carries
    assert total > 50


SERVERS = {"vllm": "vllm", "ollama": "ollama", "tgi": "tgi", "llamacpp": "llama_cpp"}


@pytest.mark.parametrize(
    "path", [path for path in files() if path.parent.name == "text_logs"], ids=lambda path: path.stem
)
def test_lines_about_requests_are_read_and_all_others_left(path: Path) -> None:
    """What tells such a line is said here once more, and plainer: a word that the server prints for requests alone."""
    source = SERVERS[path.stem.partition("_")[0]]
    words = {"vllm": "Received request", "ollama": "[GIN]", "tgi": "generate{", "llama_cpp": "log_server_r"}
    expected = [words[source] in line for line in path.read_text().splitlines() if 'HEAD     "/"' not in line]
    found = []
    for line in path.read_text().splitlines():
        if 'HEAD     "/"' not in line:
            (event,) = Registry().parse(RawRecord({"log": line}, b""))
            found.append(event.source == source)
            if event.source == source and source == "vllm":
                assert isinstance(event, AuditEvent)
                assert event.prompt_messages
    assert found == expected
    assert any(found)


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


def labels_of(record: dict[str, Any]) -> tuple[list[str], list[str]]:
    """The texts that a naive extractor found in a request and in its response."""
    if "oracle" in record:
        request, response = (record["oracle"][side] or {} for side in ("request", "response"))
        asked = [text for key in ("system", "user", "other") for text in request.get(key) or []]
        return asked, response.get("text") or []
    return record["_oracle_request_leaves"], record["_oracle_response_leaves"]


def squeezed(texts: list[str]) -> str:
    return "".join("".join(texts).split())


@pytest.mark.parametrize(("folder", "least"), [("exchanges", 0.98), ("bedrock_invocation", 0.93)])
def test_texts_agree_with_naive_labels(folder: str, least: float) -> None:
    """Where they differ the label is naive: it takes a text twice that is twice in a chunk, and echoes for answers."""
    total = same = 0
    for path in files():
        if path.parent.name == folder:
            for line in lines(path):
                record = orjson.loads(line)
                (event,) = Registry().parse(RawRecord(orjson.loads(line), line))
                assert isinstance(event, AuditEvent)
                sides = (event.prompt_messages, event.response_messages)
                for labels, messages in zip(labels_of(record), sides, strict=True):
                    found = squeezed([part.reveal() for message in messages for part in message.parts])
                    total += 1
                    same += all(squeezed([label]) in found for label in labels if isinstance(label, str))
    assert same >= least * total > 100


def test_tokens_agree_with_naive_labels_but_for_those_the_labels_leave_out() -> None:
    """Labels lack tokens of a cache and of thinking, and what stands in an extension: never are there fewer."""
    total = same = 0
    for path in files():
        if path.parent.name == "exchanges":
            for line in lines(path):
                labels = orjson.loads(line)["oracle"]["response"] or {}
                (event,) = Registry().parse(RawRecord(orjson.loads(line), line))
                assert isinstance(event, AuditEvent)
                for name in ("input_tokens", "output_tokens"):
                    label, found = labels.get(name), getattr(event, name)
                    total += 1
                    same += label == found
                    assert label == found or found > (label or 0), path
    assert same > 0.96 * total > 800
