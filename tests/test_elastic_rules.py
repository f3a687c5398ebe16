"""Elastic's published rules for Bedrock and Azure OpenAI: each fires on its own records alone, on default output.

The rules are those of elastic/detection-rules, ``rules/integrations/aws_bedrock`` and ``azure_openai``; what they count over
time is counted here over a list of events. Two of them read prompts there, which nobody may ship: here they read what the
text was found to hold.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import orjson
import pytest

from samples import SAMPLES, config_with
from veilog_filters.pipeline import Pipeline
from veilog_parsers.record.raw import RawRecord

Event = dict[str, Any]
Rule = Callable[[Sequence[Event]], bool]
PIPELINE = Pipeline(config_with())


def sample(source: str, case: str) -> dict[str, Any]:
    record: dict[str, Any] = orjson.loads((SAMPLES / source / f"{case}.in.json").read_bytes())
    return record


def leaving(*records: dict[str, Any]) -> list[Event]:
    lines = [orjson.dumps(record) for record in records]
    return [event for line in lines for event in PIPELINE(RawRecord(orjson.loads(line), line))]


CONTENT = {"filters": [{"type": "MISCONDUCT", "confidence": "HIGH", "action": "BLOCKED"}]}
MILD = {"filters": [{"type": "INSULTS", "confidence": "LOW", "action": "BLOCKED"}]}
TOPIC = {"topics": [{"name": "Investment advice", "type": "DENY", "action": "BLOCKED"}]}
WORD = {"customWords": [{"match": "competitor", "action": "BLOCKED"}]}
PII = {"piiEntities": [{"type": "US_SOCIAL_SECURITY_NUMBER", "match": "536-90-4399", "action": "BLOCKED"}]}


def guarded(user: str = "web-1", **policies: Any) -> dict[str, Any]:
    """A call that a guardrail stopped, with what its policies found."""
    record = sample("aws_bedrock_invocation", "error_guardrail")
    record["identity"] = {"arn": f"arn:aws:sts::123456789012:assumed-role/claims-assistant/{user}"}
    assessment = {"gr7k2m9x0q1w": policies}
    record["output"]["outputBodyJson"]["trace"] = {"guardrail": {"inputAssessment": assessment}}
    return record


def call(**changes: Any) -> dict[str, Any]:
    """A call that nothing stopped."""
    return sample("aws_bedrock_invocation", "good_converse") | changes


def failed(error: str) -> dict[str, Any]:
    return sample("aws_bedrock_invocation", "error_access_denied") | {"errorCode": error}


def asking(text: str) -> dict[str, Any]:
    record = copy.deepcopy(call())
    record["input"]["inputBodyJson"]["messages"] = [{"role": "user", "content": [{"text": text}]}]
    return record


def azure(**changes: Any) -> dict[str, Any]:
    record = sample("azure_monitor", "good_request_response")
    return record | {"properties": record["properties"] | changes}


def policies(event: Event) -> list[str]:
    guardrail = event.get("guardrail", {})
    return list(guardrail.get("policies", ())) if guardrail.get("action") == "blocked" else []


def stopped_by(policy: str) -> Rule:
    return lambda events: any(policy in policies(event) for event in events)


def counted(is_one: Callable[[Event], bool], least: int) -> Rule:
    return lambda events: any(n >= least for n in Counter(e.get("user_id") for e in events if is_one(e)).values())


def high_misconduct(events: Sequence[Event]) -> bool:
    return any(
        "misconduct" in event.get("guardrail", {}).get("categories", ()) and event["guardrail"]["confidence"] == "high"
        for event in events
    )


RULES: dict[str, Rule] = {
    "without a guardrail": lambda events: any(
        event["outcome_status"] == "success" and "guardrail" not in event and event["provider"] == "aws.bedrock"
        for event in events
    ),
    "several violations by one user": counted(lambda event: bool(policies(event)), 3),
    "several violations in one request": lambda events: any(len(policies(event)) > 1 for event in events),
    "misconduct with high confidence": high_misconduct,
    "sensitive information": stopped_by("sensitive_info"),
    "denied topic": stopped_by("topic"),
    "denied word": stopped_by("word"),
    "denied models": counted(lambda event: event["outcome_status"] == "denied" and "model_name" in event, 3),
    "validation errors": counted(lambda event: event.get("error_code") == "ValidationException", 3),
    "high consumption": lambda events: any(event.get("output_tokens", 0) > 40_000 for event in events),
    "credentials in texts": lambda events: any("credentials" in event.get("data_categories", ()) for event in events),
    "risky tool": lambda events: any(
        call["name"] == "send_mail" for event in events for call in event.get("tool_calls", ())
    ),
    "denial of service": counted(lambda event: event.get("http_status") == 429, 3),
    "large answers": lambda events: any(event.get("response_bytes", 0) > 1_000_000 for event in events),
}
BUSY = {"input": {"inputTokenCount": 12, "inputBodyJson": {"messages": []}}}
FIRE: dict[str, list[dict[str, Any]]] = {
    "without a guardrail": [call()],
    "several violations by one user": [guarded(contentPolicy=MILD) for _ in range(3)],
    "several violations in one request": [guarded(contentPolicy=MILD, topicPolicy=TOPIC)],
    "misconduct with high confidence": [guarded(contentPolicy=CONTENT)],
    "sensitive information": [guarded(sensitiveInformationPolicy=PII)],
    "denied topic": [guarded(topicPolicy=TOPIC)],
    "denied word": [guarded(wordPolicy=WORD)],
    "denied models": [failed("AccessDeniedException")] * 3,
    "validation errors": [failed("ValidationException")] * 3,
    "high consumption": [call(output=sample("aws_bedrock_invocation", "good_converse")["output"] | {"outputTokenCount": 50_000})],
    "credentials in texts": [asking("My key is AKIAIOSFODNN7EXAMPLQ, and password=hunter2hunter2hunter2.")],
    "risky tool": [sample("aws_bedrock_invocation", "good_tools")],
    "denial of service": [sample("azure_monitor", "error_throttled")] * 3,
    "large answers": [azure(responseLength=2_000_000)],
}  # fmt: skip
ALSO: dict[str, set[str]] = {
    # A call that succeeds without a guardrail is one, whatever else it is; a request with two violations has a topic.
    "high consumption": {"without a guardrail"},
    "credentials in texts": {"without a guardrail"},
    "risky tool": {"without a guardrail"},
    "several violations in one request": {"denied topic"},
}
ROUTINE = [
    *[guarded(f"web-{number}", contentPolicy=MILD) for number in range(4)],
    failed("AccessDeniedException"),
    failed("ValidationException"),
    azure(responseLength=900),
    sample("azure_monitor", "error_throttled"),
]


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_fires_on_its_records_and_no_other_does(rule: str) -> None:
    events = leaving(*FIRE[rule])
    assert all("unmapped" not in event and "content" not in event for event in events)
    assert {name for name, fires in RULES.items() if fires(events)} == {rule} | ALSO.get(rule, set())


def test_no_rule_fires_on_routine() -> None:
    events = leaving(*ROUTINE)
    assert [name for name, fires in RULES.items() if fires(events)] == []
