"""``veilog report`` on a command line: what it reads, what it says of what it cannot read, and what hostile events do."""

from __future__ import annotations

import gzip
import html.parser
import importlib.util
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
import zstandard
from click.testing import CliRunner, Result

from conftest import Run
from samples import SAMPLES
from veilog_filters.cli import app
from veilog_filters.report import command
from veilog_filters.report.printable import printable
from veilog_filters.report.queries import QUERIES
from veilog_filters.report.read import MAX_LINE_BYTES, PARQUET

EVENT: dict[str, Any] = json.loads(min((SAMPLES / "litellm").glob("good_*.out.json")).read_text())[0]
SCRIPT = "<script>alert('marker-7261')</script>"
HOSTILE_NAMES = (
    SCRIPT,
    '"><img src=x onerror=alert(1)>',
    "'; DROP TABLE loaded; --",
    "{{ 7*7 }}${7*7}",
    "</style></title><svg onload=alert(1)>",
    "a\u202egnp.exe",
    "nul\x00 bell\x07 escape\x1b[31m",
    "| cell | [link](javascript:alert(1)) `code`",
    "&lt;b&gt; &amp;",
    "x" * 1_000_000,
    "\U000e0041\ufffe\u2028",
    "%s %d {0}",
    '=HYPERLINK("http://evil.example")',
)


def line(number: int = 0, **changes: Any) -> bytes:
    event = EVENT | {"event_id": f"{number:032x}"} | changes
    return orjson.dumps(event, option=orjson.OPT_APPEND_NEWLINE)


@pytest.fixture
def report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs ``veilog report`` in this process, in an empty directory."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(app, ["report", *arguments])


Report = Callable[..., Result]


def written(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text())
    return document


def events_in(document: dict[str, Any]) -> int:
    overview = document["dashboard"][0]
    return int(overview["rows"][0][overview["columns"].index("events")])


def test_the_three_formats_have_the_same_numbers(report: Report, tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_bytes(b"".join(line(number, user_name=f"u{number % 3}") for number in range(30)))
    for form in ("html", "md", "json"):
        done = report("events.jsonl", "--format", form)
        assert (done.exit_code, done.output) == (0, "")
    document = written(tmp_path / "report.json")
    page, text = (tmp_path / "report.html").read_text(), (tmp_path / "report.md").read_text()
    parts = document["dashboard"] + document["audit"]
    assert [part["name"] for part in parts] == [query.name for query in QUERIES]
    for part in parts:
        numbers = [value for row in part["rows"] for value in row if isinstance(value, int | float)]
        assert all(f'<data value="{value}">' in page for value in numbers)
        assert all(f" {value} |" in text for value in numbers)
        assert part["sql"] in text
        assert part["title"] in page
        assert part["title"] in text
    assert events_in(document) == 30


def test_standard_input_and_output(veilog: Run, tmp_path: Path) -> None:
    (tmp_path / "more.jsonl").write_bytes(line(1))
    done = veilog("report", "-", "more.jsonl", "--out", "-", "--format", "json", stdin=gzip.compress(line(2)))
    assert (done.returncode, done.stderr) == (0, b"")
    document = json.loads(done.stdout)
    assert events_in(document) == 2
    assert [file["file"] for file in document["files"]] == ["standard input", "more.jsonl"]


def test_a_folder_is_walked(report: Report, tmp_path: Path) -> None:
    (tmp_path / "logs" / "inner").mkdir(parents=True)
    (tmp_path / "logs" / "a.jsonl").write_bytes(line(1))
    (tmp_path / "logs" / "inner" / "b.ndjson").write_bytes(line(2))
    (tmp_path / "logs" / "inner" / "notes.txt").write_bytes(b"no events")
    done = report("logs", "--out", "r.json", "--format", "json")
    assert done.exit_code == 0, done.stderr
    assert events_in(written(tmp_path / "r.json")) == 2


MARKER = b"marker-5519"
BROKEN = {
    "empty": (b"", 0, ""),
    "blank lines": (b"\n \n\n", 0, ""),
    "text": (MARKER + b" is no event\n" + line(1), 1, "1 × not JSON"),
    "cut line": (line(1) + line(2)[:100], 1, "1 × not JSON"),
    "other JSON": (b'{"a": "' + MARKER + b'"}\n[1, 2]\n' + line(1), 1, "3 × no event of veilog's"),
    "too long": (
        line(1) + b'"' + MARKER * (MAX_LINE_BYTES // len(MARKER) + 9) + b'"\n' + line(2),
        2,
        "1 × longer than 16 MiB",
    ),
    "cut gzip": (gzip.compress(line(1) * 2_000 + line(2))[:-20], 1, "the gzip data is cut"),
    "damaged gzip": (gzip.compress(line(1)) + b"\x1f\x8b\x08damaged", 1, "the gzip data is damaged"),
    "cut zst": (zstandard.compress(line(1))[:-9], 0, "the Zstandard data is cut"),
    "parquet without end": (PARQUET + MARKER * 9, 0, "the Parquet data is damaged"),
    "bytes": (bytes(range(256)) * 9, 0, "not JSON"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_cannot_be_read_is_counted_by_file_and_reason(name: str, report: Report, tmp_path: Path) -> None:
    data, events, reason = BROKEN[name]
    (tmp_path / "broken").write_bytes(data)
    done = report("broken", "--format", "json")
    said = done.stderr
    assert done.exit_code == 1
    assert MARKER.decode() not in done.stderr
    document = written(tmp_path / "report.json")
    assert events_in(document) == events
    assert MARKER.decode() not in json.dumps(document)
    if reason:
        assert said.startswith("veilog: not read: broken: ")
        assert reason in said
    else:
        assert said == "veilog: there are no events to report.\n"


def test_what_can_be_read_beside_it_is_reported_and_the_page_says_so(report: Report, tmp_path: Path) -> None:
    (tmp_path / "good.jsonl").write_bytes(line(1) + line(2))
    (tmp_path / "bad.jsonl").write_bytes(line(3) + b"{\n")
    (tmp_path / "bad.gz").write_bytes(gzip.compress(line(4))[:-4])
    done = report("good.jsonl", "bad.jsonl", "bad.gz")
    assert done.exit_code == 1
    assert len(done.stderr.splitlines()) == 2
    page = (tmp_path / "report.html").read_text()
    assert "Not everything was read" in page
    assert "1 × not JSON" in page
    assert "the gzip data is cut" in page


def test_parquet_from_a_pipe_is_refused_with_words(veilog: Run) -> None:
    done = veilog("report", "-", "--out", "r.html", stdin=PARQUET + b"rest")
    assert done.returncode == 1
    assert b"Parquet is read from files alone" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "Missing argument"),
        (("absent.jsonl",), "absent.jsonl: no such file"),
        (("events.jsonl", "--out", "events.jsonl"), "is one of the files to read"),
        (("events.jsonl", "--out", "no/such/folder.html"), "no such folder"),
        (("events.jsonl", "--from", "2026-02-01", "--to", "2026-01-01"), "after --to"),
        (("events.jsonl", "--from", "soon"), "does not match"),
        (("events.jsonl", "--format", "pdf"), "not one of"),
    ],
)
def test_bad_usage_is_told(arguments: tuple[str, ...], says: str, report: Report, tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_bytes(line(1))
    done = report(*arguments)
    assert done.exit_code == 2
    assert says in done.stderr
    assert (tmp_path / "events.jsonl").read_bytes() == line(1)


def test_a_missing_extra_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "duckdb" else sys)
    with pytest.raises(command.UsageError, match=re.escape("pip install 'veilog[report]'")):
        command.run(command.Order(files=[], size=0, out=str(tmp_path / "r.html")))
    from veilog_filters.cli import _demo_report

    assert _demo_report(iter(()), str(tmp_path / "r.html")) == "pip install 'veilog[report]'"
    assert not list(tmp_path.iterdir())


class Tags(html.parser.HTMLParser):
    """The elements and attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "action", "xlink:href")]


def hostile_events() -> bytes:
    names = (
        "user_name",
        "user_id",
        "user_department",
        "model_department",
        "provider",
        "model_name",
        "error_code",
        "source",
    )
    out = []
    for number, name in enumerate(HOSTILE_NAMES):
        if len(name) > 1_000:
            # Twenty of these would be longer than a line may be.
            out.append(line(2 * number, user_name=name, model_name=name) + line(2 * number + 1, source=name))
            continue
        changes: dict[str, Any] = dict.fromkeys(names, name)
        changes["model_department"] = name[::-1]
        changes["data_categories"] = [name, name]
        changes["findings"] = {"prompt": {name: 3}, "response": {}}
        changes["redaction"] = {"policy": name, "detectors": [name], "status": name, "dropped_fields": 2**62}
        changes["guardrail"] = {"action": name, "policies": [name]}
        changes["upstream_threats"] = [{"reporter": name, "type": name}]
        changes["outcome_status"] = ("denied", name)[number % 2]
        changes |= {"input_tokens": 2**63 - 1, "token_count": 2**63 - 1, "cost_usd": 9e8, "hash_key_id": name}
        out.append(line(2 * number, **changes) + line(2 * number + 1, **changes))
    return b"".join(out)


def test_hostile_events_do_no_harm(report: Report, tmp_path: Path) -> None:
    """They are counted like any other; on the page they are texts, cut and with what is hidden shown as escapes."""
    (tmp_path / "events.jsonl").write_bytes(hostile_events())
    for form in ("html", "md", "json"):
        done = report("events.jsonl", "--format", form)
        assert (done.exit_code, done.output) == (0, "")
    document = written(tmp_path / "report.json")
    assert events_in(document) == 2 * len(HOSTILE_NAMES)
    page, text = (tmp_path / "report.html").read_text(), (tmp_path / "report.md").read_text()
    assert len(page) < 1_500_000
    tags = Tags()
    tags.feed(page)
    assert tags.tags.isdisjoint(("script", "img", "iframe", "object", "embed", "link", "form", "a:b", "image", "use"))
    assert not [name for name in tags.attributes if name.startswith("on")]
    assert all(link.startswith("#") for link in tags.links)
    assert SCRIPT not in page
    assert SCRIPT not in text
    assert "](javascript" not in text
    for shown in (page, text):
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202e\u2028\ufffe]", shown)
    assert "a\\u202egnp.exe" in page
    # 49 would be what a template made of a name.
    assert "{{ 7*7 }}" in page


def test_what_is_hidden_is_shown() -> None:
    assert printable("plain, ünïcode 名前") == "plain, ünïcode 名前"
    assert printable("a\u200bb\x00\U000e0041") == "a\\u200bb\\u0000\\U000e0041"
