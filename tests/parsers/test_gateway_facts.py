"""Facts that gateways tell beside the call: costs, caches, guardrails, credentials, attempts, MCP."""

from __future__ import annotations

from typing import Any

import pytest

from parsed import load, reveal
from veilog_parsers.event import (
    ContentCategory,
    CredentialType,
    GuardrailAction,
    GuardrailPolicy,
    Outcome,
)
from veilog_parsers.registry import SOURCES

PARSERS = {source.name: source.parse for source in SOURCES}
FACTS: dict[tuple[str, str], dict[str, Any]] = {
    ("litellm", "good_guardrail_masked"): {
        "cost_usd": 1.89e-05,
        "cached_input_tokens": 40,
        "reasoning_tokens": 5,
        "stream": True,
        "time_to_first_token_ms": 312.0,
        "tools_offered": 1,
        "retries": 1,
        "rate_limit.remaining_requests": 4999,
        "rate_limit.remaining_tokens": 149912,
        "deployment": "7a2799ebcba34d5f",
        "credential.type": CredentialType.API_KEY,
        "guardrail.id": "pii-mask",
        "guardrail.action": GuardrailAction.MASKED,
        "guardrail.policies": [GuardrailPolicy.SENSITIVE_INFO],
    },
    ("litellm", "error_guardrail_blocked"): {
        "outcome_status": Outcome.CONTENT_FILTERED,
        "guardrail.id": "lakera-guard",
        "guardrail.action": GuardrailAction.BLOCKED,
        "guardrail.categories": [ContentCategory.HATE, ContentCategory.SELF_HARM],
    },
    ("kong", "good_semantic_cache"): {"cost_usd": 0.0038, "time_to_first_token_ms": 181.0, "input_tokens": 28},
    ("kong", "good_tool_call"): {
        "mcp.method": "tools/call",
        "mcp.tool": "find_customer",
        "retries": 1,
        "request_bytes": 211,
        "response_bytes": 901,
    },
    ("portkey", "good_fallback"): {"retries": 1},
    ("portkey", "good_hook_masked"): {"fallback_from": "openai", "guardrail.action": GuardrailAction.MASKED},
    ("portkey", "error_denied_by_hook"): {
        "outcome_status": Outcome.CONTENT_FILTERED,
        "guardrail.id": "pg-input-7f2c1a",
        "guardrail.action": GuardrailAction.BLOCKED,
    },
    ("cloudflare_ai_gateway", "good_routed"): {
        "cost_usd": 0.0042,
        "latency_ms": 1234.0,
        "model_name": "cloudflare/auto",
        "model_version": "gpt-4o-2024-08-06",
    },
    ("cloudflare_ai_gateway", "good_api_sizes"): {"cost_usd": 0.00021, "request_bytes": 612, "response_bytes": 1033},
    ("cloudflare_ai_gateway", "error_guardrail_blocked"): {
        "outcome_status": Outcome.CONTENT_FILTERED,
        "error_code": "2016",
        "guardrail.action": GuardrailAction.BLOCKED,
    },
    ("cloudflare_ai_gateway", "error_dlp_blocked"): {"guardrail.policies": [GuardrailPolicy.SENSITIVE_INFO]},
    ("envoy_ai_gateway", "good_cache_and_retries"): {"cached_input_tokens": 64, "attempt": 3, "retries": 2},
    ("envoy_ai_gateway", "good_mcp"): {"mcp.tool": "github__search_issues", "mcp.method": "tools/call"},
    ("mcp", "good_initialize"): {"mcp.method": "initialize", "mcp.server": "crm"},
    ("mcp", "good_call"): {"mcp.tool": "crm_lookup", "agent.name": "desk-agent", "agent.version": "2.3.0"},
}


@pytest.mark.parametrize(("source", "case"), FACTS, ids="/".join)
def test_facts_beside_the_call(source: str, case: str) -> None:
    event = PARSERS[source](load(source, case))
    for path, wanted in FACTS[source, case].items():
        value: Any = event
        for name in path.split("."):
            value = getattr(value, name)
        assert (reveal(value) if hasattr(value, "reveal") else value) == wanted, path


def test_the_key_s_hash_is_hashed_again() -> None:
    """It is an id of the key, and leaves only as a keyed hash: the parser seals it."""
    event = PARSERS["litellm"](load("litellm", "good_chat"))
    assert event.credential is not None
    assert event.credential.id_hash is not None
    assert len(event.credential.id_hash) == 64
    assert "88dc28d0" not in repr(event.credential)


@pytest.mark.parametrize("entries", [7, "masked", [], [[]], {"guardrail_status": 7}, [{"guardrail_name": ["x"]}]])
def test_guardrails_of_other_types_decide_nothing(entries: Any) -> None:
    event = PARSERS["litellm"](load("litellm", "good_chat") | {"guardrail_information": entries})
    assert event.guardrail is None or event.guardrail.action is None
