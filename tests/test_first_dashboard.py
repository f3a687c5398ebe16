"""The example in ``examples/first-dashboard``: its page's commands run, from a real application to events.

The application answers real requests, and its log goes through the real command. What comes out must be what the
dashboard and the rule of conf/siem/elastic look at, and must hold nothing of what was asked.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Final

import pytest

from forward_peers import free_port
from samples import ROOT
from schema_definitions import leaves
from siem_fields import esql_fields, esql_queries, ndjson

EXAMPLE: Final = ROOT / "examples" / "first-dashboard"
ELASTIC: Final = ROOT / "conf" / "siem" / "elastic"
BLOCK: Final = re.compile(r"^(<!-- not run: [^\n]+ -->\n)?```bash\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NOT_TOLD: Final = {
    "error.type",
    "event.action",
    "user.name",
    "veilog.cost_usd",
    "veilog.guardrail.action",
    "veilog.guardrail.policies",
    "veilog.upstream_threats.type",
}
"""What the dashboard shows and this application does not tell; its users have an id alone."""
SESSION_SECS: Final = 120


def commands() -> str:
    """What the page says to run."""
    text = (EXAMPLE / "README.md").read_text(encoding="utf-8")
    return "".join(body for left_out, body in BLOCK.findall(text) if not left_out)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example's folder after all commands of its page."""
    folder: Path = tmp_path_factory.mktemp("first") / "dashboard"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    programs = folder / "bin"
    programs.mkdir()
    for name, arguments in (("veilog", "-m veilog_filters"), ("flask", "-m flask"), ("python", "")):
        (programs / name).write_text(f'#!/bin/sh\nexec {sys.executable} {arguments} "$@"\n')
        (programs / name).chmod(0o755)
    script = commands().replace("5000", str(free_port()))
    environment = {"PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": os.pathsep.join(sys.path)}
    printed = folder / "printed.txt"
    with (
        printed.open("w") as out,
        subprocess.Popen(
            ["/bin/bash", "-euc", script], cwd=folder, env=environment, stdout=out, stderr=out, start_new_session=True
        ) as shell,
    ):
        try:
            code = shell.wait(SESSION_SECS)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)  # the application, which is still there
    assert code == 0, printed.read_text()
    return folder


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_the_application_logs_each_call_for_its_owner_alone(folder: Path) -> None:
    calls = lines(folder / "ai.jsonl")
    assert Counter(call["status"] for call in calls) == {200: 504, 403: 1}
    assert "4111 1111 1111 1111" in json.dumps(calls)
    assert stat.S_IMODE((folder / "ai.jsonl").stat().st_mode) == 0o600


def test_each_call_is_an_event_without_what_was_asked_and_answered(folder: Path) -> None:
    events = lines(folder / "events.jsonl")
    assert len(events) == len(lines(folder / "ai.jsonl"))
    assert {event["event"]["provider"] for event in events} == {"openai_gateway"}
    assert {event["veilog"]["kind"] for event in events} == {"ai_access"}
    out = (folder / "events.jsonl").read_text(encoding="utf-8")
    for call in lines(folder / "ai.jsonl"):
        texts = [message["content"] for message in call["request"]["messages"]]
        texts += [choice["message"]["content"] for choice in call["response"].get("choices", ())]
        for text in texts:
            assert not [
                word for word in re.findall(r"[A-Z]\w{3,}|[\w.]+@example\.org|\d{4} \d{4}", text) if word in out
            ]


def test_the_events_say_who_did_what(folder: Path) -> None:
    people = lines(folder / "events.jsonl")[:4]
    assert [event["user"]["id"].partition(".")[0] for event in people] == ["ann", "li", "tom", "tom"]
    labels = [event["veilog"]["prompt_classification"] for event in people]
    assert labels == ["confidential", "restricted", "internal", "confidential"]
    denied = people[3]
    assert denied["event"]["reason"] == "denied"
    assert (denied["veilog"]["user_department"], denied["veilog"]["model_department"]) == ("travel", "legal")


def test_the_dashboard_finds_its_fields(folder: Path) -> None:
    there = {path for event in lines(folder / "events.jsonl") for path, _ in leaves(event)}
    asked = {name for query in esql_queries(ELASTIC / "dashboard.ndjson") for name in esql_fields(query)}
    assert asked - there == NOT_TOLD


def test_the_rule_would_tell_of_the_agent_alone(folder: Path) -> None:
    """It counts a user's calls in an hour; all of these are within one."""
    (rule,) = ndjson(ELASTIC / "rules.ndjson")
    (threshold,) = re.findall(r"Esql\.calls > ([0-9]+)", rule["query"])
    calls = Counter(event["user"]["id"] for event in lines(folder / "events.jsonl"))
    assert [user for user, count in calls.items() if count > int(threshold)] == ["build-agent@example.com"]
