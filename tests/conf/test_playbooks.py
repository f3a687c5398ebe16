"""A playbook for each detection: in one form, with fields that are written, links that lead somewhere, queries that run.

The queries in Microsoft's language are bound to the table's columns by its own language service and run by duckdb-kql
over the events of the exercise in ``examples/tabletop``. Those of Splunk are read word by word: nothing runs them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import duckdb
import duckdb_kql
import pytest
import yaml

import field_table
import sentinel_template
from kusto_tables import database
from node_tools import needs_node, node
from playbook_files import COMMANDS, EXERCISE, FOLDER, HEADINGS, NOT_YET, Playbook, all_of_them, anchors, exercise, read
from query_fields import OF_SPLUNK, calculated, kql_paths, of_splunk, spl_fields
from samples import ROOT
from siem_fields import emitted, unknown
from siem_panels import query
from veilog_filters.encode import asim
from veilog_parsers.event import AuditEvent

PLAYBOOKS: Final = all_of_them()
SIGMA: Final = ROOT / "conf" / "siem" / "sigma"
DETECTIONS: Final = {
    "agent_loop",
    "cost_spike",
    "credentials_in_prompts",
    "cross_department",
    "denied_then_allowed",
    "guardrail_weakened_then_violated",
    "key_revoked",
    "new_agent_by_user",
    "new_model_by_user",
    "off_hours_control_plane",
    "repeated_varied_injection",
    "response_leakage",
    "stolen_credential_new_place",
    "threat_high_severity",
    "token_spike",
    "upstream_guardrail_burst",
}
STOLEN: Final = "support-bot"
FIRED_ON: Final = {"credentials_in_prompts": "tom.baker", "key_revoked": "BedrockAPIKey-q9z7"}
"""Whom the exercise's playbook is about, where it is not about the stolen key."""
QUIET: Final = {"agent_loop", "cost_spike", "new_agent_by_user", "threat_high_severity"}
"""What does not happen in the exercise, or cannot be seen in it without threat rules."""
PLACEHOLDERS: Final = ("USER", "MODEL", "AGENT", "SKETCH", "PROMPT", "CREDENTIAL", "ADDRESS", "CONVERSATION")

each = pytest.mark.parametrize("playbook", PLAYBOOKS.values(), ids=PLAYBOOKS)


def test_every_detection_has_a_playbook() -> None:
    assert set(PLAYBOOKS) == DETECTIONS
    assert {file.stem for file in (EXERCISE / "detections").iterdir()} <= DETECTIONS


@pytest.mark.skipif(not SIGMA.exists(), reason="needs the detections of conf/siem/sigma")
def test_severities_and_tags_are_those_of_the_detections() -> None:
    rules = {rule["name"]: rule for file in SIGMA.glob("*.yml") for rule in yaml.safe_load_all(file.read_text("utf-8"))}
    for name, playbook in PLAYBOOKS.items():
        assert playbook.severity == rules[name]["level"], name
        assert playbook.tags == rules[name]["veilog"]["frameworks"], name


@each
def test_a_playbook_has_its_parts(playbook: Playbook) -> None:
    assert playbook is PLAYBOOKS[playbook.name]
    assert tuple(playbook.sections) == HEADINGS
    for heading in ("Validate", "Contain", "Remediate"):
        assert playbook.sections[heading].startswith("1. "), heading
    assert playbook.sections["False positives"].startswith("- ")
    assert len(playbook.queries("spl")) == len(playbook.queries("kql")) >= 1
    assert playbook.fields()


@each
def test_fields_that_say_why_are_fields_of_events(playbook: Playbook) -> None:
    known = {path for path, _, _ in field_table.rows(AuditEvent)}
    assert not [field for field in playbook.fields() if field not in known and root_of(field) not in NOT_YET]


def root_of(field: str) -> str:
    return field.partition(".")[0]


@pytest.mark.parametrize("page", sorted(FOLDER.iterdir()), ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        name, _, anchor = target.partition("#")
        assert (FOLDER / name).is_file(), target
        assert not anchor or anchor in anchors((FOLDER / name).read_text(encoding="utf-8")), target


def test_who_has_to_stop_something_finds_how() -> None:
    """Each playbook says what to stop; the commands stand in one page, for each cloud and for gateways."""
    for name, playbook in PLAYBOOKS.items():
        if playbook.severity == "high":
            assert "](disable.md" in playbook.sections["Contain"], name
    commands = COMMANDS.read_text(encoding="utf-8")
    for command in (
        "aws iam update-access-key",
        "aws iam delete-service-specific-credential",
        "aws bedrock put-enforced-guardrail-configuration",
        "aws bedrock put-model-invocation-logging-configuration",
        "az cognitiveservices account keys regenerate",
        "gcloud iam service-accounts keys disable",
        "/key/delete",
    ):
        assert command in commands


def splunk_fields(text: str) -> Iterator[str]:
    fields = spl_fields(text)
    for name, expression in calculated().items():
        if name in fields:
            fields |= spl_fields(f"| eval {name}={expression}")
    return map(of_splunk, sorted(fields - OF_SPLUNK - calculated().keys()))


def is_written(field: str, schema: str) -> bool:
    """Whether the encoder writes a field, or will, when the schema has it."""
    return any(part in NOT_YET for part in field.split(".")) or not unknown(iter([field]), schema)


@each
def test_queries_of_splunk_ask_for_fields_that_are_written(playbook: Playbook) -> None:
    for text in playbook.queries("spl"):
        assert text.startswith("`veilog`")
        assert "| dedup event_id" in text
        assert [field for field in splunk_fields(text) if not is_written(field, "splunk_cim")] == []


@each
def test_queries_of_sentinel_ask_for_paths_that_are_written(playbook: Playbook) -> None:
    for text in playbook.queries("kql"):
        assert [path for path in kql_paths(text) if not is_written(path, "asim")] == []


def test_a_field_that_nothing_writes_is_seen() -> None:
    assert not is_written("event.no_such", "splunk_cim")
    assert not is_written("AdditionalFields.change.no_such", "asim")
    assert is_written("AdditionalFields.change.setting", "asim")
    assert "event.change.setting" in emitted("splunk_cim")


def test_a_page_without_its_first_lines_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A title\n\nSome words.\n\n## What fired\n")
    with pytest.raises(AssertionError, match=r"page\.md: its first lines"):
        read(page)


FUNCTION: Final = query(sentinel_template.SENTINEL / "functions" / "Veilog.kql").text
QUERIES: Final = {
    f"{name}/{number}": text
    for name, playbook in PLAYBOOKS.items()
    for number, text in enumerate(playbook.queries("kql"))
}


@needs_node
def test_microsofts_own_service_binds_every_query() -> None:
    tables = {sentinel_template.TABLE: sentinel_template.columns()}
    wrong = {"wrong": "Veilog | where Usr == 'x'"}
    answers = node("kql.js", {"tables": tables, "functions": {"Veilog": FUNCTION}, "queries": QUERIES | wrong})
    assert [name for name, answer in answers.items() if answer["problems"]] == ["wrong"]
    assert all(answer["columns"] for name, answer in answers.items() if name != "wrong")


class Exercise:
    """The events of the exercise in a database, and what stands for the words in capitals."""

    def __init__(self, folder: Path) -> None:
        events = exercise(folder)
        self.connection: duckdb.DuckDBPyConnection = database(folder, [asim.encode(event) for event in events])
        stolen = [event for event in events if event.get("user_name") == STOLEN and "credential" in event]
        wording = next(event for event in events if event.get("guardrail") and event["user_name"] == STOLEN)
        self.values = {
            "MODEL": "claims-letters-v2",
            "AGENT": "none",
            "SKETCH": wording["prompt_sketch"][0],
            "PROMPT": wording["prompt_hash"],
            "CREDENTIAL": stolen[0]["credential"]["id_hash"],
            "ADDRESS": "198.51.100.77",
            "CONVERSATION": "none",
        }

    def answer(self, text: str, user: str) -> list[dict[str, Any]]:
        for word, value in (self.values | {"USER": user}).items():
            text = text.replace(f'"{word}"', f'"{value}"')
        assert not re.search(rf'"(?:{"|".join(PLACEHOLDERS)})"', text)
        done = duckdb_kql.kql(self.connection, f"let Veilog = {FUNCTION};\n{text}")
        return [dict(zip(done.columns, row, strict=True)) for row in done.fetchall()]


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Exercise:
    return Exercise(tmp_path_factory.mktemp("night"))


@each
def test_queries_of_sentinel_find_what_happened_in_the_exercise(playbook: Playbook, night: Exercise) -> None:
    user = FIRED_ON.get(playbook.name, STOLEN)
    for text in playbook.queries("kql"):
        rows = night.answer(text, user)
        assert rows or playbook.name in QUIET, text


def test_the_places_of_the_stolen_key_are_two(night: Exercise) -> None:
    places, deeds = PLAYBOOKS["stolen_credential_new_place"].queries("kql")
    assert {row["SrcIpAddr"] for row in night.answer(places, STOLEN)} == {"203.0.113.40", "198.51.100.77"}
    assert {row["User"] for row in night.answer(deeds, STOLEN)} == {STOLEN, "BedrockAPIKey-q9z7"}


def test_the_wordings_of_the_injection_are_joined(night: Exercise) -> None:
    wordings, others = PLAYBOOKS["repeated_varied_injection"].queries("kql")
    assert max(row["Wordings"] for row in night.answer(wordings, STOLEN)) >= 6
    assert {row["User"] for row in night.answer(others, STOLEN)} <= {STOLEN, "BedrockAPIKey-q9z7"}


def test_the_page_lists_all_playbooks() -> None:
    page = (ROOT / "docs" / "operate" / "playbooks.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.+?) \|$", page, re.MULTILINE)
    assert [(name, severity, title) for name, severity, title in rows] == [
        (name, playbook.severity, playbook.title)
        for name, playbook in sorted(PLAYBOOKS.items(), key=lambda item: (SEVERITIES.index(item[1].severity), item[0]))
    ]


SEVERITIES: Final = ("high", "medium", "low")
