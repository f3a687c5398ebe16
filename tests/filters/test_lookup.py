"""The department lookup."""

from __future__ import annotations

from pathlib import Path

import pytest

from veilog_filters.errors import ConfigError
from veilog_filters.lookup import Departments


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
