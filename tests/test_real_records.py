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
from veilog_filters.detect.api import Finding, PerText
from veilog_filters.fingerprint import Fingerprinter
from veilog_filters.framing import JsonLines
from veilog_filters.pipeline import Pipeline
from veilog_parsers.event import AuditEvent, SensitiveText
from veilog_parsers.record.raw import RawRecord
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
    return Pipeline(config_with(), detector=PerText(no_findings))


def files() -> list[Path]:
    return sorted(path for path in FOLDER.glob("*/*") if path.suffix in (".json", ".jsonl", ".log", ".txt"))


_WRAPPED = {"otlp": ("otel_genai",), "text_logs": ("llama_cpp", "access_log", "vllm", "ollama", "tgi")}
"""What is recognized in files whose records are not those of one source."""


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
                # A model's turn with its model and its reason to stop is a call by itself.
                assert event["source"] in ("mcp", "app_log", "other")
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
            elif event["kind"] == "ai_access":
                # In a wrapper of whoever has recorded it, or among lines of other programs.
                assert event["source"] in _WRAPPED.get(path.parent.name, ())
            else:
                assert event["kind"] in ("other", "quarantine")
            assert event.get("error_type") in (None, "malformed_json", "not_an_object", "unrecognized")


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


THOUGHTS = "the label lacks the tokens of thinking, which Google counts apart and bills as output"
NAIVE: dict[str, tuple[tuple[str, str, tuple[int, ...]], ...]] = {
    "the label counts each piece of the stream twice: Together has it as delta and as text": (
        ("together_chat", "response", (2, 4)),
    ),
    "the label takes an echo of the prompt for an answer (Cohere's chat_history and prompt, AI21's prompt)": (
        ("model_invocation_from_cassettes", "response", (12, 21, 45, 51)),
    ),
    "the label lacks the tokens of the cache, which Anthropic counts apart and OpenTelemetry as input": (
        ("anthropic_messages", "input_tokens", (16, 17, 40, 41)),
    ),
    "the label lacks the tokens that a tool put into the prompt, which Google counts apart": (
        ("gemini_generateContent", "input_tokens", (2,)),
    ),
    THOUGHTS: (
        ("gemini_generateContent", "output_tokens", (1, 2, 9, 14, 15, 16, 17, 18, 22)),
        ("vertex_generateContent", "output_tokens", (1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13, 14)),
    ),
    "the label does not know Groq's extension x_groq, where its streams have their usage": (
        ("groq_chat", "input_tokens", (13,)),
        ("groq_chat", "output_tokens", (13,)),
    ),
    "the label lacks the calls of the provider's own web search": (("openai_responses", "tools", (15, 50)),),
}
"""Where a label is naive, by reason: file, field and lines. Each was looked at by hand.

Input and output tokens are those of OpenTelemetry's conventions: ``gen_ai.usage.input_tokens`` includes cached tokens,
``gen_ai.usage.output_tokens`` those of reasoning. Where a provider's total is known, both add up to it.
"""
LISTED = {(file, line, field) for places in NAIVE.values() for file, field, lines_ in places for line in lines_}
FIELDS = ("prompt", "response", "tools", "input_tokens", "output_tokens")


def squeezed(texts: list[str]) -> str:
    return "".join("".join(texts).split())


def agreements(record: dict[str, Any], event: AuditEvent) -> Iterator[tuple[str, bool]]:
    """Each field that is labeled, and whether the event says the same."""
    asked, answered = labels_of(record)
    for field, labels, messages in (
        ("prompt", asked, event.prompt_messages),
        ("response", answered, event.response_messages),
    ):
        found = squeezed([part.reveal() for message in messages for part in message.parts])
        yield field, all(squeezed([label]) in found for label in labels if isinstance(label, str))
    if "oracle" in record:
        response = record["oracle"]["response"] or {}
        names = [call.name.reveal() if isinstance(call.name, SensitiveText) else "" for call in event.tool_calls or ()]
        yield "tools", [name for name, _ in response.get("tool_calls") or ()] == names
        counts = {name: response.get(name) for name in ("input_tokens", "output_tokens")}
    else:
        log = record["log"]
        counts = {f"{side}_tokens": log[side].get(f"{side}TokenCount") for side in ("input", "output")}
    for name, count in counts.items():
        # The log of a stream may have its count in its last event alone.
        if "oracle" in record or count is not None:
            yield name, getattr(event, name) == count


@pytest.mark.parametrize("folder", ["exchanges", "bedrock_invocation"])
def test_what_is_read_agrees_with_naive_labels_but_where_a_reason_is_listed(folder: str) -> None:
    """A disagreement that is not listed fails, and so does one that is listed and is none (any more).

    ``pytest -rP`` shows the rates.
    """
    total, differ = dict.fromkeys(FIELDS, 0), dict.fromkeys(FIELDS, 0)
    disagreements = set()
    stems = {path.stem for path in files() if path.parent.name == folder}
    for path in files():
        if path.parent.name == folder:
            for number, line in enumerate(lines(path), 1):
                (event,) = Registry().parse(RawRecord(orjson.loads(line), line))
                assert isinstance(event, AuditEvent)
                for field, agrees in agreements(orjson.loads(line), event):
                    total[field] += 1
                    differ[field] += not agrees
                    if not agrees:
                        disagreements.add((path.stem, number, field))
    for field in FIELDS:
        print(
            f"{folder}: {field}: {total[field] - differ[field]} of {total[field]} agree, {differ[field]} have a reason"
        )
    rate = 1 - sum(differ.values()) / sum(total.values())
    explained = len(disagreements & LISTED) / max(len(disagreements), 1)
    print(f"{folder}: {rate:.2%} of all agree; {explained:.0%} of the disagreements have a reason")
    assert disagreements == {place for place in LISTED if place[0] in stems}
    assert total["prompt"] > 60
    assert rate > 0.98


def test_counted_tokens_add_up_to_the_provider_s_total() -> None:
    """Where thinking, caches and tools are counted apart, what is added is what the provider itself adds."""
    apart = {(file, line) for file, line, field in LISTED if field.endswith("tokens")}
    seen = 0
    for path in files():
        if path.parent.name == "exchanges":
            for number, line in enumerate(lines(path), 1):
                (event,) = Registry().parse(RawRecord(orjson.loads(line), line))
                assert isinstance(event, AuditEvent)
                if (path.stem, number) in apart and event.token_count is not None:
                    seen += 1
                    assert (event.input_tokens or 0) + (event.output_tokens or 0) == event.token_count, (path, number)
    assert seen > 20
