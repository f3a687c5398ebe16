"""The department lookup."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from samples import config_with
from veilog_filters.errors import ConfigError
from veilog_filters.lookup import Departments
from veilog_filters.pipeline import Pipeline
from veilog_parsers.event import AuditEvent, Mcp, SensitiveText, ToolCall
from veilog_parsers.record.raw import RawRecord


def load(tmp_path: Path, text: str) -> Departments:
    path = tmp_path / "departments.csv"
    path.write_text(text)
    return Departments.load(path)


def test_the_first_matching_row_wins(tmp_path: Path) -> None:
    departments = load(
        tmp_path,
        "kind,pattern,department\nuser,boss@*,board\nuser,*@LEGAL.example,legal\nrole,arn:aws:*/hr-*,hr\n\nmodel,med-*,medical\n",
    )
    assert departments.user("boss@legal.example", "") == "board"
    assert departments.user("x", "Ann@legal.example") == "legal"
    assert departments.user("arn:aws:sts::1:assumed-role/hr-bot", "") == "hr"
    assert departments.user("med-1", "") == ""
    assert departments.model("med-1") == "medical"
    assert departments.model("") == ""


ROWS = (
    "kind,pattern,department\nuser,*@sales.example,sales\nuser,*@hr.example,hr\nmodel,hr-*,hr\nmodel,sales-*,sales\n"
    "knowledge_base,KBPAY*,hr\nknowledge_base,s3://payroll/*,finance\ntool,ledger_*,finance\ntool,crm,sales\n"
)


def crossing(departments: Departments, **fields: Any) -> tuple[list[str], list[str]] | None:
    event = AuditEvent(**fields)
    departments(event)
    found = event.cross_department
    if found is None:
        return None
    assert found.user_department == event.user_department
    return list(map(str, found.resource_departments)), list(map(str, found.through))


def text(value: str) -> SensitiveText:
    return SensitiveText(value)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"model_name": text("hr-helper")}, (["hr"], ["model"])),
        ({"model_name": text("sales-bot")}, None),
        ({"model_name": text("gpt-4o")}, None),
        ({"knowledge_base_id": text("KBPAY7")}, (["hr"], ["knowledge_base"])),
        ({"data_sources": [text("s3://open/a"), text("s3://payroll/may.csv")]}, (["finance"], ["knowledge_base"])),
        ({"tool_calls": [ToolCall(name=text("crm")), ToolCall(name=text("Ledger_Post"))]}, (["finance"], ["tool"])),
        ({"mcp": Mcp(tool=text("ledger_read"))}, (["finance"], ["tool"])),
        ({"mcp": Mcp(server=text("ledger_main"), tool=text("post"))}, (["finance"], ["tool"])),
        (
            {
                "model_name": text("hr-helper"),
                "knowledge_base_id": text("KBPAY7"),
                "mcp": Mcp(tool=text("ledger_read")),
            },
            (["hr", "finance"], ["model", "knowledge_base", "tool"]),
        ),
        ({"tool_calls": [ToolCall(name=text(f"t{number}")) for number in range(99)] + [ToolCall()]}, None),
    ],
)
def test_what_belongs_to_another_department_is_crossed(
    tmp_path: Path, fields: dict[str, Any], expected: tuple[list[str], list[str]] | None
) -> None:
    departments = load(tmp_path, ROWS)
    assert crossing(departments, user_id=text("ann@sales.example"), **fields) == expected
    assert crossing(departments, user_id=text("ann@unknown.example"), **fields) is None


def test_it_leaves_with_both_sides_and_decides_the_label(tmp_path: Path) -> None:
    (tmp_path / "departments.csv").write_text(ROWS)
    value = {
        "user": "ann@sales.example",
        "request": {"model": "hr-helper", "messages": [{"role": "user", "content": "hello"}]},
        "response": {},
    }
    pipeline = Pipeline(config_with(lookup={"departments_file": str(tmp_path / "departments.csv")}))
    ((event,),) = pipeline.batch([RawRecord(value, orjson.dumps(value))])
    assert event["cross_department"] == {
        "user_department": "sales",
        "resource_departments": ["hr"],
        "through": ["model"],
    }
    assert event["prompt_classification"] == "confidential"
    assert "cross_department" in event["classification_rules"]["prompt"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", ":1: the first line is not the header"),
        ("pattern,department\n", ":1: the first line is not the header"),
        ("kind,pattern,department\nteam,a,b\n", ":2: expected kind,pattern,department"),
        ("kind,pattern,department\nuser,a,b\nuser,a\n", ":3: expected"),
        ("kind,pattern,department\nuser,,b\n", ":2: expected"),
        ('kind,pattern,department\nuser,a,"x<y>"\n', ":2: expected"),
    ],
)
def test_a_wrong_file_names_its_line(text: str, problem: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        load(tmp_path, text)
    assert problem in str(raised.value)
