"""The page of the report in a real browser: it is drawn, it complains of nothing, and it shows the queries' numbers."""

from __future__ import annotations

import html.parser
import json
import random
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import orjson
import pytest
from PIL import Image

from bench_report import made
from veilog_filters.report import charts, page
from veilog_filters.report.command import Order, run
from veilog_filters.report.database import Answer
from veilog_filters.report.queries import PANELS, QUERIES, Chart

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
SIZE = (1280, 4000)
needs_browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium: apt-get install chromium")


class Shown(NamedTuple):
    """What a browser made of a page: its elements, its picture, what it complained of."""

    elements: str
    picture: Image.Image
    complaints: list[str]


def opened(file: Path, *options: str) -> Shown:
    picture = file.with_suffix(".png")
    command = [
        str(BROWSER),
        *("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr"),
        *(f"--user-data-dir={file.parent / 'browser'}", "--window-size={},{}".format(*SIZE)),
        *(f"--screenshot={picture}", "--dump-dom", *options, file.as_uri()),
    ]
    done = subprocess.run(command, capture_output=True, check=True, timeout=120, cwd=file.parent)
    complaints = [line for line in done.stderr.decode("utf-8", "replace").splitlines() if ":CONSOLE" in line]
    with Image.open(picture) as image:
        return Shown(done.stdout.decode(), image.convert("RGB"), complaints)


class Numbers(html.parser.HTMLParser):
    """The numbers and times of each table, as the browser has them."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, list[str]] = {}
        self.drawings = 0
        self._at = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.drawings += tag == "svg"
        if tag in ("section", "h3") and attributes.get("id"):
            self._at = str(attributes["id"])
        if tag in ("data", "time"):
            value = attributes.get("value") or attributes.get("datetime")
            self.found.setdefault(self._at, []).append(str(value))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report over some thousand events, as a page and as JSON."""
    folder = tmp_path_factory.mktemp("page")
    events = folder / "events.jsonl"
    events.write_bytes(b"".join(orjson.dumps(event, option=orjson.OPT_APPEND_NEWLINE) for event in made(3_000)))
    for form in ("html", "json"):
        assert run(Order(files=[str(events)], size=0, out=str(folder / f"report.{form}"), form=form))
    return folder


@needs_browser
def test_the_browser_shows_the_numbers_of_the_queries(folder: Path) -> None:
    shown = opened(folder / "report.html")
    assert shown.complaints == []
    numbers = Numbers()
    numbers.feed(shown.elements)
    document = json.loads((folder / "report.json").read_text())
    for part in document["dashboard"] + document["audit"]:
        names = part["columns"]
        cells = [
            str(value)
            for row in part["rows"]
            for name, value in zip(names, row, strict=True)
            if isinstance(value, int | float) or (value and name.startswith(("first_", "last_", "gap_", "bucket")))
        ]
        assert numbers.found.get(part["name"], []) == cells, part["name"]
        assert cells
    assert numbers.drawings == sum(len(query.charts) for query in QUERIES)
    # A blank page has one color; this one has the charts' too.
    colors = shown.picture.getcolors(SIZE[0] * SIZE[1])
    assert colors is not None
    assert len(colors) > 200
    assert max(count for count, _ in colors) < 0.9 * SIZE[0] * SIZE[1]
    assert {(0x2B, 0x6C, 0xB0), (0xC2, 0x3B, 0x2E)} <= {color for _, color in colors}


@needs_browser
def test_the_browser_would_complain_of_a_script_and_run_none(folder: Path) -> None:
    text = (folder / "report.html").read_text()
    evil = folder / "evil.html"
    evil.write_text(text.replace("</main>", "<script>document.title = 'ran'</script></main>"))
    shown = opened(evil)
    assert len(shown.complaints) == 1
    assert "Content Security Policy" in shown.complaints[0]
    assert "<title>ran</title>" not in shown.elements


def test_a_chart_that_has_more_than_shapes_and_texts_is_refused() -> None:
    head = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'
    assert "<g" in charts._checked(f"{head}<g/></svg>", "title")
    for inside in (
        "<script>1</script>",
        '<g onclick="1"/>',
        '<image xlink:href="http://x"/>',
        '<path style="fill:url(http://x)"/>',
        "<foreignObject/>",
        '<a href="x"/>',
        '<g xlink:href="x"/>',
    ):
        with pytest.raises(charts.ChartError):
            charts._checked(f"{head}{inside}</svg>", "title")


def test_names_of_any_characters_are_drawn_and_stay_apart() -> None:
    chance = random.Random(7)
    names = ["x" * 40 + "a" + "y" * 40, "x" * 40 + "b" + "y" * 40, charts.OTHERS, "\U0001f600" * 30]
    names += ["".join(chr(chance.randrange(0x11_0000)) for _ in range(40)) for _ in range(8)]
    rows = [(name, number + 1, name[::-1]) for number, name in enumerate(names)]
    answer = Answer(["who", "calls", "department"], rows, len(rows))
    svg = charts.drawn(Chart(kind="bars", x="calls", y="who"), answer, "title")
    assert svg.count('aria-roledescription="bar"') == len(names)
    assert charts.drawn(Chart(kind="heat", x="department", y="who", color="calls"), answer, "title")
    assert charts.drawn(Chart(kind="bars", x="calls", y="who", color="department"), answer, "title")


def test_a_page_says_which_chart_could_not_be_drawn(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> str:
        raise charts.ChartError("no")

    monkeypatch.setattr(page, "drawn", refuse)
    out = folder / "without.html"
    assert run(Order(files=[str(folder / "events.jsonl")], size=0, out=str(out)))
    assert out.read_text().count("A chart could not be drawn") == sum(bool(query.charts) for query in QUERIES)
    assert "<svg" not in out.read_text()


def test_every_panel_but_the_overview_is_drawn() -> None:
    assert [query.name for query in PANELS if not query.charts] == ["overview"]
