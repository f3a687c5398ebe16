"""Lines of Ollama, llama.cpp, TGI and web servers: which are taken, what they tell, and that none costs much."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest

from parsed import load, reveal, said
from veilog_parsers.event import Kind, Operation, SensitiveText
from veilog_parsers.record.lines import open_line
from veilog_parsers.record.times import duration_ms, parse_time
from veilog_parsers.registry import Registry

REGISTRY = Registry()


def source_of(record: dict[str, Any]) -> str:
    source = REGISTRY.recognize(record)
    return source.name if source else "other"


def parse(name: str, **record: Any) -> Any:
    source = REGISTRY.recognize(record)
    assert source is not None
    assert source.name == name
    return source.parse(record)


GIN = '[GIN] 2025/04/02 - 10:15:30 | 200 |  3.2s |   192.168.0.156 | POST     "{}"'
UVICORN = 'INFO:     203.0.113.7:35940 - "POST {} HTTP/1.1" 200 OK'
NGINX = '203.0.113.9 - - [02/Apr/2025:10:15:30 +0200] "POST {} HTTP/1.1" 200 10 "-" "-"'
LLAMA = "srv  log_server_r: request: POST {} 127.0.0.1 200"


@pytest.mark.parametrize(
    ("line", "source"),
    [
        (GIN.format("/api/chat"), "ollama"),
        (GIN.format("/v1/chat/completions"), "ollama"),
        (GIN.format("/orders"), "other"),
        (GIN.format("/"), "other"),
        ("[GIN-debug] Listening and serving HTTP on :8080", "other"),
        (UVICORN.format("/v1/chat/completions"), "access_log"),
        (UVICORN.format("/v1/chat/completions?x=1"), "access_log"),
        (UVICORN.format("/health"), "other"),
        (UVICORN.format("/metrics"), "other"),
        (NGINX.format("/v1/messages"), "access_log"),
        (NGINX.format("/openai/deployments/gpt-4o/chat/completions?api-version=1"), "access_log"),
        (NGINX.format("/model/anthropic.claude-v2/invoke"), "access_log"),
        (NGINX.format("/v1beta/models/gemini-pro:generateContent?key=x"), "access_log"),
        (NGINX.format("/api/chat"), "other"),
        (NGINX.format("/v1/orders"), "other"),
        (NGINX.format("/blog/completions"), "other"),
        (LLAMA.format("/completion"), "llama_cpp"),
        (LLAMA.format("/v1/models"), "other"),
        (LLAMA.format("/"), "other"),
        ("slot print_timing: id  0 | task 7 | prompt eval time =  300.56 ms /  56 tokens", "other"),
        (
            "2024-09-03T02:47:53.402023Z  INFO text_generation_router::server: router/src/server.rs:2311: Connected",
            "other",
        ),
        ("we generate{nothing} here", "other"),
        ("", "other"),
    ],
)
@pytest.mark.parametrize("key", ["log", "message", "MESSAGE"])
def test_which_lines_are_whose(key: str, line: str, source: str) -> None:
    assert source_of({key: f"{line}\n"}) == source


@pytest.mark.parametrize("prefix", ["", "ollama-1  | ", "\x1b[90m", "[llm] "])
def test_prefixes_and_colors_do_not_matter(prefix: str) -> None:
    assert source_of({"log": prefix + GIN.format("/api/chat")}) == "ollama"
    assert source_of({"log": prefix + LLAMA.format("/completion")}) == "llama_cpp"


def test_the_shipper_s_time_has_a_zone_and_goes_first() -> None:
    line = GIN.format("/api/chat")
    assert parse("ollama", log=line, time="2025-04-02T08:15:30.5Z").timestamp == "2025-04-02T08:15:30.5Z"
    assert parse("ollama", log=line).timestamp == "2025-04-02T10:15:30Z"


def test_managing_models_is_no_access_to_one() -> None:
    assert parse("ollama", log=GIN.format("/api/pull")).kind is Kind.AI_CONTROL_PLANE
    assert parse("ollama", log=GIN.format("/api/embed")).operation is Operation.EMBEDDINGS


def test_queries_of_paths_are_dropped() -> None:
    event = parse("access_log", log=NGINX.format("/v1beta/models/gemini-pro:generateContent?key=AIza0"))
    assert isinstance(event.endpoint, SensitiveText)
    assert event.endpoint.reveal() == "/v1beta/models/gemini-pro:generateContent"
    assert event.model_name.reveal() == "gemini-pro"


def test_who_logs_bodies_is_a_gateway() -> None:
    record = {"remote_addr": "203.0.113.9", "request_time": 1.2, "path": "/v1/chat/completions"}
    assert source_of(record) == "access_log"
    body = {"model": "m", "messages": [{"role": "user", "content": "q"}]}
    assert source_of(record | {"request_body": body}) == "openai_gateway"
    assert source_of(record | {"request": body}) == "openai_gateway"


def test_seconds_of_nginx_and_milliseconds_of_envoy() -> None:
    path = "/v1/chat/completions"
    assert parse("access_log", remote_addr="203.0.113.9", uri=path, request_time="1.2").latency_ms == 1200
    assert parse("access_log", upstream_host="10.0.0.1:80", path=path, duration=1200).latency_ms == 1200


@pytest.mark.parametrize("quoted", ["request: GET /health 10.9.9.9 200", 'response: {"model": "x"}'])
@pytest.mark.parametrize("key", ["request", "response"])
def test_a_text_that_looks_like_a_line_of_the_server_s_forges_none(key: str, quoted: str) -> None:
    said = f"Good morning. log_server_r: {quoted}"
    body = {
        "request": {"model": "m", "messages": [{"role": "user", "content": said}]},
        "response": {"model": "m", "choices": [{"message": {"role": "assistant", "content": said}}]},
    }[key]
    event = parse("llama_cpp", log=f"srv  log_server_r: {key}: {json.dumps(body)}")
    (message,) = event.prompt_messages if key == "request" else event.response_messages
    assert message.parts[0].reveal() == said
    assert (event.client_ip, event.http_status, str(event.model_name.reveal())) == (None, None, "m")


def test_of_several_patterns_the_one_that_matches_first_reads_the_line() -> None:
    patterns = [re.compile(r"b=(?P<b>\w+)"), re.compile(r"a=(?P<a>\w+)")]
    for some in (patterns, patterns[::-1]):
        fields = {"log": "a=1 b=2"}
        assert open_line(fields, *some)
        assert fields["a"] == "1"
        assert "b" not in fields


def test_a_body_of_llama_that_was_cut_is_read_and_a_broken_one_is_a_text() -> None:
    event = parse("llama_cpp", log='srv  log_server_r: request:  {"messages": [{"role": "user", "content": "cut')
    assert said(event.prompt_messages) == ["cut"]
    event = parse("llama_cpp", log='srv  log_server_r: request:  {"messages": [{"role": "user", "content": broken}]}')
    assert event.kind is Kind.AI_ACCESS
    assert said(event.prompt_messages) == ['{"messages": [{"role": "user", "content": broken}]}']


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("2m38s", 158_000),
        ("1h2m3s", 3_723_000),
        ("10m0s", 600_000),
        ("16.29070111s", 16_290.70111),
        ("958.716µs", 0.958716),
        ("958.716μs", 0.958716),
        ("70ns", 0.00007),
        ("986.5ms", 986.5),
        ("5m", 300_000),
        ("", None),
        ("soon", None),
        ("1.2", None),
        ("-1s", None),
        (7, None),
        ("9" * 100 + "s", None),
    ],
)
def test_durations(text: Any, milliseconds: float | None) -> None:
    assert duration_ms(text) == milliseconds


@pytest.mark.parametrize(
    ("text", "time_"),
    [
        ("02/Apr/2025:10:15:30 +0200", "2025-04-02T08:15:30Z"),
        ("02/Foo/2025:10:15:30 +0200", None),
        ("2025/04/02 - 10:15:30", "2025-04-02T10:15:30Z"),
        ("2025/13/02 - 10:15:30", None),
    ],
)
def test_clocks(text: str, time_: str | None) -> None:
    assert parse_time(text) == time_


@pytest.mark.parametrize("name", [["generate"], {"a": 1}, 7, None])
def test_a_span_without_a_name_is_not_tgi_s(name: Any) -> None:
    assert source_of({"target": "text_generation_router::server", "span": {"name": name}}) == "other"


HOSTILE = {
    "ollama": '[GIN] 2025/04/02 - 10:15:30 | 200 | "/api/chat" ' + "[GIN] 2025/04/02 - 10:15:30 | " * 50_000,
    "llama_cpp": "log_server_r: request: {" + "log_server_r: request: POST " * 50_000,
    "tgi": "GenerateParameters generate{" + "2025-04-02T08:15:30Z INFO generate{" * 50_000,
    "access_log": '"POST /v1/responses" 200 ' + '1.1.1.1:1 - "POST /x' * 50_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_lines_cost_little(name: str) -> None:
    begin = time.perf_counter()
    parse(name, log=HOSTILE[name])
    assert time.perf_counter() - begin < 5


@pytest.mark.parametrize("name", HOSTILE)
def test_a_beginning_that_goes_on_forever_costs_little(name: str) -> None:
    begin = time.perf_counter()
    parse(name, log=HOSTILE[name] + "x" * 5_000_000)
    assert time.perf_counter() - begin < 5


def test_sizes_and_streams_are_facts() -> None:
    envoy, nginx = (parse("access_log", **load("access_log", case)) for case in ("good_envoy", "good_combined"))
    assert (envoy.request_bytes, envoy.response_bytes) == (612, 1033)
    assert (nginx.request_bytes, nginx.response_bytes) == (None, 1033)
    request, response = (parse("vllm", **load("vllm", f"good_{case}")) for case in ("request", "response"))
    assert (request.stream, response.stream) == (None, True)
    traced = parse("tgi", **load("tgi", "good_traced"))
    assert reveal(traced.trace_id) == reveal(traced.request_id) == "d6e2778955d17bf523e3dc568754ef3e"
