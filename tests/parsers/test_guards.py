"""Products that guard AI traffic (Lakera, Prisma AIRS, Zscaler, Netskope): their verdicts in one set of words."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from parsed import load, reveal
from veilog_parsers.event import AuditEvent, Outcome
from veilog_parsers.registry import SOURCES, Registry
from veilog_parsers.sources.gateways.guards import Meaning, meaning_of

PARSERS = {source.name: source.parse for source in SOURCES}
BLOCKED, FLAGGED, NONE = "blocked", "flagged", "none"


def told(event: AuditEvent) -> tuple[str | None, list[str], list[str]]:
    """What the product did, and which policies and threats it names."""
    guardrail = event.guardrail
    action = guardrail.action.value if guardrail and guardrail.action else None
    policies = [policy.value for policy in (guardrail.policies if guardrail else None) or []]
    return action, policies, [threat.type.value for threat in event.upstream_threats or []]


@pytest.mark.parametrize(
    ("source", "case", "expected", "outcome"),
    [
        ("lakera_guard", "good_attack", (FLAGGED, ["jailbreak"], ["prompt_injection"]), Outcome.SUCCESS),
        ("lakera_guard", "good_messages", (FLAGGED, ["sensitive_info", "content"], ["data_leak"]), Outcome.SUCCESS),
        ("lakera_guard", "good_clean", (NONE, [], []), Outcome.SUCCESS),
        ("lakera_guard", "good_link_without_messages", (FLAGGED, [], ["malicious_url"]), Outcome.SUCCESS),
        ("lakera_guard", "error_unknown_detector", (FLAGGED, [], []), Outcome.SUCCESS),
        (
            "prisma_airs",
            "good_block",
            (BLOCKED, ["sensitive_info", "jailbreak"], ["data_leak", "prompt_injection"]),
            Outcome.CONTENT_FILTERED,
        ),
        ("prisma_airs", "good_with_contents", (FLAGGED, [], ["malicious_url", "malicious_code"]), Outcome.SUCCESS),
        ("prisma_airs", "good_async", (NONE, [], []), Outcome.SUCCESS),
        ("prisma_airs", "good_report", (FLAGGED, ["sensitive_info"], ["data_leak"]), Outcome.SUCCESS),
        ("prisma_airs", "good_scan_log", (BLOCKED, ["jailbreak"], ["prompt_injection"]), Outcome.CONTENT_FILTERED),
        ("prisma_airs", "error_timeout", (NONE, [], []), Outcome.FAILURE),
        (
            "zscaler",
            "good_guard_block",
            (BLOCKED, ["jailbreak", "sensitive_info"], ["prompt_injection", "data_leak"]),
            Outcome.CONTENT_FILTERED,
        ),
        ("zscaler", "good_guard_with_content", (FLAGGED, ["sensitive_info"], ["data_leak"]), Outcome.SUCCESS),
        ("zscaler", "good_web_allowed", (None, [], []), Outcome.SUCCESS),
        ("zscaler", "error_web_blocked", (BLOCKED, ["sensitive_info"], ["data_leak"]), Outcome.DENIED),
        ("netskope", "good_post", (None, [], []), Outcome.SUCCESS),
        ("netskope", "good_coached", (FLAGGED, [], []), Outcome.SUCCESS),
        ("netskope", "error_dlp_block", (BLOCKED, ["sensitive_info"], ["data_leak"]), Outcome.DENIED),
    ],
)
def test_verdicts(source: str, case: str, expected: tuple[str | None, list[str], list[str]], outcome: Outcome) -> None:
    fields = load(source, case)
    recognized = Registry().recognize(fields)
    assert recognized is not None
    assert recognized.name == source
    event = PARSERS[source](fields)
    assert (told(event), event.outcome_status) == (expected, outcome)
    reporter = {"lakera_guard": "lakera"}.get(source, source)
    assert {threat.reporter.value for threat in event.upstream_threats or []} <= {reporter}


@pytest.mark.parametrize("name", ["Prompt_Injection", "promptInjection", "prompt injection", "PROMPT-INJECTION"])
def test_a_name_is_compared_by_its_letters(name: str) -> None:
    assert meaning_of(name) == meaning_of("injection") != Meaning()


@pytest.mark.parametrize("name", ["", "/", "agent", "x" * 100, "no such detector", "pi/pi/pi" * 20])
def test_an_unknown_name_is_no_verdict(name: str) -> None:
    assert meaning_of(name) == Meaning()


def test_the_kind_behind_the_slash_is_sought_first() -> None:
    assert meaning_of("moderated_content/violence").category == "violence"
    assert meaning_of("moderated_content/brand_new").category is None
    assert meaning_of("moderated_content/brand_new").policy == "content"


@pytest.mark.parametrize(
    "record",
    [
        {"breakdown": [{"region": "EU"}], "flagged": True},
        {"breakdown": [], "flagged": False},
        {"breakdown": [{"detector_type": "x"}], "flagged": "yes"},
        {"prompt_detected": True},
        {"result": {"prompt_detected": 1}},
        {"ScanID": "1", "Target": "host"},
        {"report_id": "r", "detection_results": [{"file": "a"}]},
        {"detectorResponses": [], "action": "BLOCK"},
        {"sourcetype": "zscalernss-web", "event": {"urlcategory": "News and Media", "url": "a.de"}},
        {"sourcetype": "zscalernss-fw", "event": {"urlcategory": "Generative AI"}},
        {"vendor": "Other", "urlcategory": "Generative AI"},
        {"appcategory": "Cloud Storage", "app": "Box", "activity": "Upload"},
        {"appcategory": "Generative AI"},
        {"cci": 7, "category": ["Generative AI"], "app": "x"},
    ],
)
def test_what_is_no_record_of_theirs(record: dict[str, Any]) -> None:
    assert Registry().recognize(record) is None


@pytest.mark.parametrize(
    "category",
    [
        "Generative AI",
        "generative ai and ml applications",
        "AI and ML Applications",
        "AI & ML Applications",
        "AI_ML_APPS",
    ],
)
def test_categories_of_ai_in_a_web_log(category: str) -> None:
    fields = load("zscaler", "good_web_flat") | {"urlcategory": category, "appclass": "None"}
    assert Registry().recognize(fields) is not None


def test_a_text_beside_a_result_is_that_of_its_side() -> None:
    event = PARSERS["zscaler"](load("zscaler", "good_guard_with_content"))
    assert event.prompt_messages == []
    assert event.response_messages[0].parts[0].reveal().startswith("Ines Falk")
    event = PARSERS["prisma_airs"](load("prisma_airs", "good_with_contents"))
    assert [turn.role.value for turn in event.prompt_messages] == ["tool", "user"]
    assert (reveal(event.user_id), reveal(event.model_name)) == ("u-7731", "gpt-5-mini")


def test_the_record_in_splunk_s_form_says_the_same() -> None:
    wrapped = load("zscaler", "good_web_allowed")
    events = [PARSERS["zscaler"](orjson.loads(orjson.dumps(form))) for form in (wrapped, wrapped["event"])]
    assert len({(reveal(event.user_id), reveal(event.endpoint), event.request_bytes) for event in events}) == 1
