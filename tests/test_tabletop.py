"""The exercise in ``examples/tabletop``: its page's commands run, and its detections fire on those who did something.

Who did is known, for the records are made: the key that was stolen, the one that the thief made, and who pasted the
first one into a prompt. Everybody else only does what looks like it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

import field_table
import timeline
from playbook_files import NOT_YET
from samples import ROOT
from veilog_parsers.event import AuditEvent

EXAMPLE: Final = ROOT / "examples" / "tabletop"
BLOCK: Final = re.compile(r"^(<!-- not run: [^\n]+ -->\n)?```bash\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PRINTED: Final = re.compile(r"^<!-- printed -->\n```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)
STOLEN: Final = "support-bot"
MADE: Final = "BedrockAPIKey-q9z7"
RESPONDER: Final = "mara.vogt"
LI_DENIED: Final = ("li.wei", "denied")
EXPECTED: Final = {
    "credentials_in_prompts": {"tom.baker"},
    "stolen_credential_new_place": {STOLEN},
    "denied_then_allowed": {STOLEN},
    "new_model_by_user": {STOLEN},
    "cross_department": {STOLEN},
    "repeated_varied_injection": {STOLEN},
    "upstream_guardrail_burst": {STOLEN},
    "off_hours_control_plane": {STOLEN},
    "guardrail_weakened_then_violated": {STOLEN},
    "response_leakage": {STOLEN, MADE},
    "token_spike": {STOLEN},
    "key_revoked": {RESPONDER},
}
BY_RULES: Final = {"threat_high_severity": {STOLEN, MADE}, "repeated_varied_injection": {STOLEN, MADE}}
"""What fires where threat rules have read the prompts."""
ONLY_BY_RULES: Final = ("threat_high_severity ", f"repeated_varied_injection +{MADE}")
PHASES: Final = (
    "credentials_in_prompts",
    "stolen_credential_new_place",
    "denied_then_allowed",
    "upstream_guardrail_burst",
    "off_hours_control_plane",
    "response_leakage",
    "token_spike",
    "key_revoked",
)
FIRST_HOUR: Final = datetime(2026, 3, 2, 1, tzinfo=UTC)
SIGMA: Final = ROOT / "conf" / "siem" / "sigma" / "parameters.yaml"
SESSION_SECS: Final = 900
"""A first run prepares all patterns, which takes minutes on a busy machine."""


def page() -> str:
    return (EXAMPLE / "README.md").read_text(encoding="utf-8")


def commands() -> list[str]:
    """What the page says to run, a line each."""
    return "".join(body for left_out, body in BLOCK.findall(page()) if not left_out).splitlines()


class Played:
    """The example's folder after the commands of its page, and what each command printed."""

    def __init__(self, folder: Path, printed: str) -> None:
        self.folder, self.printed = folder, printed
        self.events = lines(folder / "events.jsonl")
        self.has_rules = any("threats" in event for event in self.events)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    folder: Path = tmp_path_factory.mktemp("tabletop") / "tabletop"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__", "raw", "*.jsonl"))
    programs = folder / "bin"
    programs.mkdir()
    for name, arguments in (("veilog", "-m veilog_filters"), ("python", "")):
        (programs / name).write_text(f'#!/bin/sh\nexec {sys.executable} {arguments} "$@"\n')
        (programs / name).chmod(0o755)
    environment = {"PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        ["/bin/bash", "-euc", "\n".join(commands())],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=SESSION_SECS,
    )
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stderr
    return Played(folder, done.stdout)


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def firing(events: list[dict[str, Any]], **changed: Any) -> dict[str, set[str]]:
    """On whom each detection fires."""
    found: dict[str, set[str]] = {}
    for alert in timeline.alerts(timeline.loaded(events), **changed):
        found.setdefault(alert.detection, set()).add(alert.who)
    return found


def test_the_page_shows_what_is_printed(played: Played) -> None:
    (shown,) = PRINTED.findall(page())
    assert played.printed == (shown if played.has_rules else without_rules(shown))


def without_rules(shown: str) -> str:
    """The page's timeline without what only threat rules tell."""
    lines = [line for line in shown.splitlines() if not any(re.search(rf"  {told}", line) for told in ONLY_BY_RULES)]
    return "".join(line + "\n" for line in lines).replace("13 detections", "12 detections")


def test_detections_fire_on_those_who_did_it_alone(played: Played) -> None:
    assert firing(played.events) == EXPECTED | (BY_RULES if played.has_rules else {})


def test_detections_fire_in_the_order_of_the_attack(played: Played) -> None:
    """The key is pasted; it looks around, finds a model, weakens what guards it, draws data out, and is taken away."""
    order = [name for name in re.findall(r"^\S+ \S+  (\w+) ", played.printed, re.MULTILINE) if name in PHASES]
    assert tuple(dict.fromkeys(order)) == PHASES


def test_every_detection_has_its_place_in_the_exercise() -> None:
    files = {file.stem for file in (EXAMPLE / "detections").iterdir()}
    assert files - {"threat_high_severity"} == set(EXPECTED)
    for name in EXPECTED:
        assert f"`{name}`" in page()


def test_before_the_night_only_the_pasted_key_is_told(played: Played) -> None:
    before = [event for event in played.events if event["timestamp"] < "2026-03-05T02"]
    assert len(before) > 800
    assert firing(before) == {"credentials_in_prompts": {"tom.baker"}}


@pytest.mark.parametrize(
    ("changed", "detection", "who"),
    [
        ({"guardrail_blocks": 1}, "upstream_guardrail_burst", "ann.smith"),
        ({"excluded_callers": "[]"}, "off_hours_control_plane", "platform-pipeline"),
        ({"spike_factor": 1, "spike_floor": 10}, "token_spike", "claims-assistant"),
    ],
    ids=str,
)
def test_what_only_looks_like_an_attack_is_close(
    played: Played, changed: dict[str, Any], detection: str, who: str
) -> None:
    """With other numbers a detection fires on somebody innocent: that it does not is no accident of missing events."""
    assert who in firing(played.events, **changed)[detection]


def test_a_look_from_a_new_address_would_tell_of_the_job_too(played: Played) -> None:
    """It works from a new address each night; what it does not do is to look around."""
    job = [event for event in played.events if event.get("user_name") == "nightly-eval" and "client_ip" in event]
    assert len({event["client_ip"] for event in job}) == 4
    last = max(job, key=lambda event: str(event["timestamp"]))
    look = {"kind": "ai_control_plane", "api_operation": "ListFoundationModels", "event_id": "look"}
    assert firing([*job, last | look])["stolen_credential_new_place"] == {"nightly-eval"}
    at_home = last | look | {"client_ip": job[0]["client_ip"]}
    assert "stolen_credential_new_place" not in firing([*job, at_home])


def test_a_model_that_was_denied_is_told_when_it_answers(played: Played) -> None:
    (denied,) = [event for event in played.events if (event.get("user_name"), event.get("outcome_status")) == LI_DENIED]
    later = denied | {"timestamp": denied["timestamp"].replace("09:00", "09:40"), "outcome_status": "success"}
    answered = later | {"event_id": "answered"}
    assert firing([denied, answered])["denied_then_allowed"] == {"li.wei"}
    assert "denied_then_allowed" not in firing([denied, answered | {"model_name": "other"}])


def test_events_hold_nothing_that_was_asked_answered_or_pasted(played: Played) -> None:
    out = (played.folder / "events.jsonl").read_text(encoding="utf-8")
    secrets = {(played.folder / "prompt.canary").read_text().strip()}
    for record in lines(played.folder / "raw" / "bedrock.jsonl"):
        text = json.dumps([record["input"], record["output"]])
        secrets |= set(
            re.findall(r"AKIA\w{16}|Bearer \w{40}|[\w.]+@example\.\w+|[A-Z][a-z]+ [a-z]+ [a-z]+ [a-z]+", text)
        )
    assert len(secrets) > 500
    assert not [secret for secret in secrets if secret in out]


def test_raw_records_are_for_their_owner_alone_and_the_same_each_time(played: Played, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, EXAMPLE / "stolen_key.py", tmp_path / "raw"], check=False)
    assert done.returncode == 0
    for name in ("raw/cloudtrail.jsonl", "raw/bedrock.jsonl", "prompt.canary"):
        assert (tmp_path / name).read_bytes() == (played.folder / name).read_bytes()
        assert (tmp_path / name).stat().st_mode & 0o077 == 0
    for record in lines(tmp_path / "raw" / "cloudtrail.jsonl"):
        assert record["eventSource"].endswith(".amazonaws.com")


def test_run_sh_runs_the_commands_of_the_page() -> None:
    script = (EXAMPLE / "run.sh").read_text(encoding="utf-8")
    once = commands()
    assert [line for line in script.splitlines() if line in once] == once


def test_the_report_shows_the_night(played: Played) -> None:
    report = (played.folder / "report.html").read_text(encoding="utf-8")
    parts = dict(re.findall(r'<section class="card" id="(\w+)">(.*?)</section>', report, re.DOTALL))
    for part, told in (
        ("denied_by_user", (STOLEN, MADE, "anthropic.claude-3-opus")),
        ("audit_leakage", (STOLEN, MADE, "canary", "system_prompt", "credentials", "claims-letters-v2")),
        ("audit_changes", (STOLEN, RESPONDER, "guardrail", "model_invocation_logging", "api_key")),
        ("audit_cross_department", (STOLEN, "support", "claims")),
    ):
        for name in told:
            assert name in parts[part], (part, name)
        assert "claims-assistant" not in parts[part]


def test_columns_are_fields_of_events() -> None:
    known = {path for path, _, _ in field_table.rows(AuditEvent)}
    assert set(timeline.FIELDS) - known <= NOT_YET
    asked = "".join(file.read_text(encoding="utf-8") for file in (EXAMPLE / "detections").iterdir())
    assert [name for name in timeline.FIELDS if not re.search(rf"\b{name.replace('.', '_')}\b", asked)] == ["user_name"]


def test_parameters_are_those_that_detections_name() -> None:
    asked = "".join(file.read_text(encoding="utf-8") for file in (EXAMPLE / "detections").iterdir())
    assert set(re.findall(r":([a-z_]+)", asked)) == set(timeline.parameters())


@pytest.mark.skipif(not SIGMA.exists(), reason="needs the parameters of conf/siem/sigma")
def test_numbers_are_those_of_the_detections_for_siems() -> None:
    here, there = timeline.parameters(), yaml.safe_load(SIGMA.read_text(encoding="utf-8"))
    same = {
        "cross_department_calls": there["cross_department"]["least"],
        "guardrail_blocks": there["upstream_guardrail_burst"]["least"],
        "wordings": there["repeated_varied_injection"]["least_varied"],
        "spike_factor": there["token_spike"]["factor"],
        "spike_floor": there["token_spike"]["floor"],
        "leak_kinds": json.dumps(there["response_leakage"]["kinds"]),
    }
    assert {name: here[name] for name in same} == same
    for name, detection in (
        ("recon", "stolen_credential_new_place"),
        ("weakening", "guardrail_weakened_then_violated"),
        ("revoking", "key_revoked"),
    ):
        ours = set(json.loads(here[f"{name}_operations"]))
        assert ours - {"ListCustomModelDeployments"} <= set(there[detection]["operations"])


BY_SIGMA: Final = {"off_hours_control_plane": {"platform-pipeline"}}
"""Whom those for SIEMs tell of too: they exclude no caller before somebody names one."""


@pytest.mark.slow
def test_the_detections_for_siems_fire_on_the_same_callers(played: Played) -> None:
    """Run by pySigma's SQLite, which is their oracle, at the end of each hour of the four days."""
    pytest.importorskip("sigma", reason="needs pySigma")
    detections = pytest.importorskip("detections", reason="needs the detections of conf/siem/sigma")
    oracle = pytest.importorskip("sigma_oracle", reason="needs the oracle of the detections")
    rules, connection = detections.detections(), oracle.database(played.events)
    names = {event[key]: event["user_name"] for event in played.events for key in ("user_id", "event_id")}
    names |= {key["id_hash"]: event["user_name"] for event in played.events if (key := event.get("credential"))}
    callers = {str(key).lower(): name for key, name in names.items()}
    hours = [FIRST_HOUR + timedelta(hours=hour) for hour in range(82)]
    for name, who in (EXPECTED | BY_RULES).items():
        if name in BY_RULES and not played.has_rules:
            continue
        ends = hours if ":until" in detections.sqlite_query(rules[name]) else hours[-1:]
        told = {callers[str(key).lower()] for end in ends for key in oracle.told(connection, rules[name], end)}
        assert told == who | BY_SIGMA.get(name, set()), name


@pytest.mark.parametrize("program", ["stolen_key.py", "timeline.py"])
def test_a_command_without_arguments_says_how_it_is_used(program: str) -> None:
    done = subprocess.run([sys.executable, EXAMPLE / program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"usage: python {program}")
