"""What is made from code is current, and `make generate-check` says so when it is not."""

from __future__ import annotations

from pathlib import Path

import pytest

import generate


def test_everything_generated_is_current() -> None:
    assert generate.main(["--check"]) == 0


def test_a_stale_file_and_a_missing_one_are_named_and_then_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "stale.md").write_text("old")
    (tmp_path / "current.md").write_text("new")
    made = {name: lambda: "new" for name in ("stale.md", "current.md", "folder/missing.md")}
    monkeypatch.setattr(generate, "ROOT", tmp_path)
    monkeypatch.setattr(generate, "GENERATED", {tmp_path / name: make for name, make in made.items()})
    assert generate.main(["--check"]) == 1
    assert (tmp_path / "stale.md").read_text() == "old"
    assert [line.split(":")[0] for line in capsys.readouterr().out.splitlines()] == ["stale.md", "folder/missing.md"]
    assert generate.main([]) == 0
    assert (tmp_path / "stale.md").read_text() == (tmp_path / "folder" / "missing.md").read_text() == "new"
    assert generate.main(["--check"]) == 0
