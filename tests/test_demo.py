"""``veilog demo``: one screen, true to the pipeline, and a page with every source; it fails if anything private left."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path
from typing import Any

import orjson
import pytest
from rich.console import Console

from conftest import Run
from samples import KEY_FILE
from veilog_filters import demo
from veilog_filters.config import Config, HashKey, Policy
from veilog_filters.demo import show
from veilog_filters.pipeline import Pipeline
from veilog_parsers.record.raw import RawRecord
from veilog_parsers.registry import SOURCES

CALL: dict[str, Any] = orjson.loads(resources.files(demo).joinpath("call.json").read_bytes())


def config() -> Config:
    return Config(hash_key=HashKey(file=str(KEY_FILE)))


def printed(demonstration: show.Demo) -> tuple[str, bool]:
    console = Console(width=show.WIDTH, highlight=False, soft_wrap=True, color_system=None)
    with console.capture() as captured:
        clean = demonstration.screen(console, None)
    return captured.get(), clean


def test_the_command_needs_no_key_and_no_file_and_fits_on_a_screen(veilog: Run, tmp_path: Path) -> None:
    done = veilog("demo", "--html", "demo.html", "--report", "report.html", VEILOG_HASH_KEY="")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.decode().splitlines()
    assert len(lines) < show.LINES
    assert max(map(len, lines)) <= show.WIDTH
    assert lines[-2].endswith("demo.html")
    assert lines[-1].endswith("report.html")
    assert "Who used which model with which class of data" in (tmp_path / "report.html").read_text()
    page = (tmp_path / "demo.html").read_text()
    assert all(f'<article id="{name}">' in page for name in (*(source.name for source in SOURCES), "mapped", "other"))
    assert "checked: no text" in page
    assert "<script" not in page
    assert len(page) < 500_000


def test_the_screen_shows_what_came_in_what_leaves_and_why() -> None:
    text, clean = printed(show.Demo(config()))
    assert clean
    came_in, _, leaves = text.partition("LEAVES")
    told = " ".join(came_in.split())
    assert all(private in told for private in CALL["private"])
    assert not any(private in leaves for private in CALL["private"])
    line = orjson.dumps(CALL["record"])
    (event,) = Pipeline(config())(RawRecord(orjson.loads(line), line))
    assert f"{event['prompt_hash'][:24]}..." in leaves
    assert "CREDIT_CARD 1, EMAIL_ADDRESS 1" in leaves
    assert f"{event['prompt_classification']}  " in leaves
    assert "by rule payment_card" in leaves
    assert event["classification_rules"]["prompt"][-1] == "payment_card"
    assert f"LEAVES   {len(event)} fields" in text


@pytest.mark.parametrize("content", ["drop", "redacted"])
def test_the_demo_fails_if_anything_private_leaves(content: str) -> None:
    """Under ``content: redacted`` the names that no detector finds do leave: so both checks can fail."""
    policy = Policy.model_validate({"content": content})
    demonstration = show.Demo(config().model_copy(update={"policy": policy}))
    text, screen_is_clean = printed(demonstration)
    page, page_is_clean = demonstration.page()
    assert screen_is_clean == page_is_clean == (content == "drop")
    assert ("private values left the host" in text) == (content == "redacted")
    assert bool(re.search(r"\d+ texts left", page)) == (content == "redacted")


def test_what_does_not_leave_is_marked_on_the_page() -> None:
    examples = {example.source: example for example in show.Demo(config()).examples()}
    example = examples["openai_gateway"]
    marked = [token.text for token in example.record if token.kind == "stays"]
    assert any(text.count(" ") > 3 for text in marked)
    assert not any(token.kind == "stays" for token in example.event)
    assert any(token.kind == "hash" and len(token.text) == 66 for token in example.event)
    assert orjson.loads("".join(token.text for token in example.record))
    assert orjson.loads("".join(token.text for token in example.event))["source"] == "openai_gateway"
    assert examples["other"].kind == "quarantine"
