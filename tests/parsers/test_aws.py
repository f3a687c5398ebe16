"""What AWS's sources share: models by any of their names, and JSON-RPC bodies."""

from __future__ import annotations

from typing import Any

import pytest

from parsed import reveal, said
from veilog_parsers.bodies.exchange import Exchange
from veilog_parsers.event import Operation
from veilog_parsers.record.fields import remainder
from veilog_parsers.sources.aws.common import pop_model, read_request, read_response

BEDROCK = "arn:aws:bedrock:eu-central-1:123456789012:"


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("anthropic.claude-v2:1", "anthropic.claude-v2:1"),
        ("eu.amazon.nova-pro-v1:0", "eu.amazon.nova-pro-v1:0"),
        ("arn:aws:bedrock:eu-central-1::foundation-model/anthropic.claude-v2:1", "anthropic.claude-v2:1"),
        ("arn:aws-us-gov:bedrock:us-gov-west-1::foundation-model/m", "m"),
        (BEDROCK + "inference-profile/eu.amazon.nova-pro-v1:0", "eu.amazon.nova-pro-v1:0"),
        (BEDROCK + "application-inference-profile/9xk2m4q7w1zt", "9xk2m4q7w1zt"),
        (BEDROCK + "provisioned-model/p8s2k4m6n0qr", "p8s2k4m6n0qr"),
        (BEDROCK + "imported-model/a1b2c3d4e5f6", "a1b2c3d4e5f6"),
        (BEDROCK + "custom-model-deployment/d1e2f3", "d1e2f3"),
        (BEDROCK + "default-prompt-router/anthropic.claude:1", "anthropic.claude:1"),
        (BEDROCK + "prompt-router/r7t9", "r7t9"),
        (BEDROCK + "prompt/P1A2B3:4", "P1A2B3:4"),
        ("arn:aws:sagemaker:eu-central-1:123456789012:endpoint/llama", "llama"),
        ("arn:aws:bedrock:eu-central-1:<redacted>:inference-profile/m", "m"),
    ],
)
def test_models(model: str, name: str) -> None:
    found, resource = pop_model({"modelId": model}, "modelId")
    assert reveal(found) == name
    assert reveal(resource) == (model if model.startswith("arn:") else None)


@pytest.mark.parametrize("model", [None, 7.5, ["m"], {"m": 1}, "two words", "arn:aws:bedrock:too:short"])
def test_what_is_no_model(model: Any) -> None:
    found, resource = pop_model({"modelId": model}, "modelId")
    assert resource is None
    assert reveal(found) in (None, "arn:aws:bedrock:too:short")


CALL = {"jsonrpc": "2.0", "id": "1", "method": "tools/call", "params": {"name": "t", "arguments": {"q": "U"}}}


@pytest.mark.parametrize("body", [CALL, '{"jsonrpc":"2.0","method":"tools/call","params":{"name":"t","arguments":{"q":"U"}}}'])  # fmt: skip
def test_a_call_of_a_tool(body: Any) -> None:
    exchange, holder = Exchange(), {"body": body}
    read_request(holder, "body", exchange)
    assert exchange.operation is Operation.EXECUTE_TOOL
    assert said(exchange.prompt) == ['{"q":"U"}']
    assert not remainder(holder)


@pytest.mark.parametrize("method", ["tools/list", "initialize", "notifications/initialized"])
def test_other_methods_ask_nothing(method: str) -> None:
    exchange, holder = Exchange(), {"body": {"jsonrpc": "2.0", "method": method}}
    read_request(holder, "body", exchange)
    assert (exchange.operation, exchange.prompt) == (None, [])
    assert remainder(holder) == {"body": {"method": method}}


def test_an_error_of_the_protocol_is_no_answer() -> None:
    exchange = Exchange()
    read_response({"body": {"jsonrpc": "2.0", "error": {"code": -32602, "message": "of U"}}}, "body", exchange)
    assert (exchange.failed, reveal(exchange.error_code), exchange.response) == (True, "-32602", [])
