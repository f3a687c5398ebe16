"""Envoy AI Gateway: values that are not there, and names that others have too."""

from __future__ import annotations

import json
from typing import Any

import pytest

from samples import SAMPLES
from veilog_parsers.event import Operation, Outcome
from veilog_parsers.record.fields import remainder
from veilog_parsers.registry import Registry
from veilog_parsers.sources.gateways.envoy_ai_gateway import SOURCE


def load(name: str) -> Any:
    return json.loads((SAMPLES / "envoy_ai_gateway" / f"{name}.in.json").read_text())


@pytest.mark.parametrize("name", ["good_chat", "good_older_names", "good_mcp", "error_throttled"])
def test_nothing_is_left(name: str) -> None:
    fields = load(name)
    SOURCE.parse(fields)
    assert remainder(fields) == {}


def test_a_dash_is_no_value_and_a_string_may_be_a_number() -> None:
    event = SOURCE.parse(load("good_older_names"))
    assert (event.input_tokens, event.output_tokens, event.http_status, event.latency_ms) == (12, None, 200, 95.0)
    assert event.request_id is None
    assert event.user_agent is None


def test_status_zero_is_no_status() -> None:
    event = SOURCE.parse(load("good_chat") | {"response_code": 0})
    assert (event.http_status, event.outcome_status) == (None, None)


def test_a_call_of_a_tool() -> None:
    event = SOURCE.parse(load("good_mcp"))
    assert (event.operation, event.outcome_status) == (Operation.EXECUTE_TOOL, Outcome.SUCCESS)
    assert event.tool_calls
    assert len(event.tool_calls) == 1


def test_opentelemetry_s_attributes_alone_are_not_envoy_s() -> None:
    found = Registry().recognize({"gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 1, "trace_id": "t"})
    assert found is not SOURCE
