"""What the documentation says is so: its commands run, and what it names exists.

Each page's ``bash`` blocks are one session, run in a copy of what a clone has, with ``/etc`` and ``/var`` moved there and
ports that are free. A block is left out where the line before it says why (``<!-- not run: ... -->``) or a program that it
needs is not there (``<!-- needs: ... -->``). A ``json`` block after ``<!-- printed -->`` is what the last block printed, or a
part of it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

import field_table
import generate
import reference_pages
from forward_peers import free_port
from no_network import sitecustomize
from reference_pages import metric_names, option_names
from samples import ROOT, SAMPLES
from veilog_filters.cli import app
from veilog_filters.config import Config
from veilog_filters.forward.errors import Reason
from veilog_filters.yaml_file import parse
from veilog_parsers.errors import ErrorType
from veilog_parsers.event import AuditEvent
from veilog_parsers.registry import SOURCES

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
TEXTS = [*PAGES, *(ROOT / f"{name}.md" for name in ("README", "SECURITY", "CONTRIBUTING"))]
GENERATED = set(generate.GENERATED)
FENCE = re.compile(
    r"(?:^ *<!-- (?P<mark>not run|needs|printed)(?:: (?P<why>[^>]+?))? -->\n)?"
    r"^(?P<indent> *)```(?P<language>\w+)\n(?P<body>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
PORTS: Final = ("24224", "24225", "24280", "2020")
MARK: Final = "\x1e"
SESSION_SECS: Final = 300


@dataclasses.dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    mark: str
    why: str
    language: str
    body: str

    @property
    def runs(self) -> bool:
        return (
            self.language == "bash"
            and self.mark != "not run"
            and (self.mark != "needs" or bool(shutil.which(self.why)))
        )


def blocks(page: Path) -> list[Block]:
    found = []
    for match in FENCE.finditer(page.read_text(encoding="utf-8")):
        body = re.sub(rf"^{match['indent']}", "", match["body"], flags=re.MULTILINE)
        found.append(Block(match["mark"] or "", match["why"] or "", match["language"], body))
    return found


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


# Commands run


def documents(text: str) -> Iterator[Any]:
    """The JSON documents in what was printed."""
    decoder = json.JSONDecoder()
    for begin in re.finditer(r"^\{", text, re.MULTILINE):
        try:
            yield decoder.raw_decode(text, begin.start())[0]
        except json.JSONDecodeError:
            continue


def is_part(part: Any, whole: Any) -> bool:
    """Whether a document says nothing that another one does not say too."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(key in whole and is_part(part[key], whole[key]) for key in part)
    return bool(part == whole)


class Clone:
    """A folder with what the commands of a page find in a clone, and programs that they call."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ports = {port: str(free_port()) for port in PORTS}
        shutil.copytree(ROOT / "conf", folder / "conf")
        for file in filter(Path.is_file, (folder / "conf").rglob("*")):
            text = file.read_text(encoding="utf-8")
            if file.name == "sidecar.yaml":
                # Its port for health and metrics is the default one, which another process may have here.
                text = text.replace("  tag: clean.{tag}\n", "  tag: clean.{tag}\n  http: 127.0.0.1:24280\n")
            file.write_text(self.moved(text), encoding="utf-8")
        for name in ("etc", "var", "bin"):
            (folder / name).mkdir()
        self._program("veilog", "-m", "veilog_filters")
        if shutil.which("fluent-bit") is None:
            self._program("fluent-bit", str(ROOT / "tests" / "peers" / "fluent_bit_stand_in.py"))

    def _program(self, name: str, *arguments: str) -> None:
        file = self.folder / "bin" / name
        file.write_text(f'#!/bin/sh\nexec {sys.executable} {" ".join(arguments)} "$@"\n')
        file.chmod(0o755)

    def moved(self, text: str) -> str:
        text = re.sub(r"(?<![\w./-])/(etc|var)(?=/)", rf"{self.folder}/\1", text)
        return re.sub(r"\b(24224|24225|24280|2020)\b", lambda port: self._ports[port[0]], text)

    def run(self, commands: list[str]) -> tuple[int, list[str], str]:
        """Run commands in one shell: the exit code, what each printed, and what was said on standard error."""
        script = "".join(f"printf '{MARK}'\n{self.moved(command)}\n" for command in commands)
        path = [str(Path(sitecustomize.__file__).parent), *sys.path]
        environment = {name: os.environ[name] for name in ("LANG", "VEILOG_CACHE_DIR") if name in os.environ}
        environment |= {"HOME": str(self.folder), "PYTHONPATH": os.pathsep.join(filter(None, path))}
        environment["PATH"] = f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        out, said = self.folder / "stdout", self.folder / "stderr"
        with out.open("wb") as stdout, said.open("wb") as stderr:
            shell = subprocess.Popen(
                ["bash", "-eu", "-c", script],
                cwd=self.folder,
                env=environment,
                stdout=stdout,
                stderr=stderr,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
            try:
                code = shell.wait(SESSION_SECS)
            finally:
                # What a page starts in the background ends with its session, whatever happened.
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(shell.pid, signal.SIGKILL)
                shell.wait()
        return code, out.read_text(encoding="utf-8").split(MARK)[1:], said.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", [page for page in PAGES if any(b.runs for b in blocks(page))], ids=name_of)
def test_the_commands_of_a_page_run(page: Path, tmp_path: Path) -> None:
    commands = [block.body for block in blocks(page) if block.runs]
    code, printed, said = Clone(tmp_path).run(commands)
    assert code == 0, f"{printed[-1]}\n{said}"
    number = -1
    for block in blocks(page):
        number += block.runs
        if block.mark == "printed":
            wanted = json.loads(block.body)
            assert any(is_part(wanted, found) for found in documents(printed[number])), printed[number]


def quick_start() -> list[str]:
    """The blocks of commands in the README's quick start, without what they install."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text.partition("## Quick start\n")[2].partition("\n## ")[0]
    found = re.findall(r"(?:^    .*\n)+", section, re.MULTILINE)
    return ["".join(line[4:] + "\n" for line in one.splitlines() if "pip install" not in line) for one in found]


def test_the_quick_start_runs_on_the_command_line(tmp_path: Path) -> None:
    clone = Clone(tmp_path)
    (tmp_path / "logs").mkdir()
    sample = (SAMPLES / "openai_gateway" / "good_chat.in.json").read_bytes()
    for name in ("logs/a.json", "record.json"):
        (tmp_path / name).write_bytes(sample)
    code, printed, said = clone.run([quick_start()[0]])
    assert code == 0, said
    event, *explained = documents(printed[0])
    assert event["prompt_hash"]
    assert explained[0]["parser"] == "openai_gateway"


def test_the_quick_start_runs_with_fluent_bit(tmp_path: Path) -> None:
    clone = Clone(tmp_path)
    end = f"until grep -q prompt_hash {tmp_path}/stdout; do sleep 1; done\n"
    code, printed, said = clone.run([quick_start()[1], end])
    assert code == 0, said
    out = "".join(printed)
    assert '"EMAIL_ADDRESS":1' in out.replace(" ", "")
    assert "ann@example.com" not in out


def test_what_is_no_part_is_told_apart() -> None:
    printed = 'words\n{"a": {"b": 1, "c": [2]}}\n{\n  "d": 3\n}\n'
    assert list(documents(printed)) == [{"a": {"b": 1, "c": [2]}}, {"d": 3}]
    assert is_part({"a": {"c": [2]}}, {"a": {"b": 1, "c": [2]}})
    assert not is_part({"a": {"c": [1]}}, {"a": {"b": 1, "c": [2]}})
    assert not is_part({"e": 1}, {"a": 1})


def test_what_is_not_run_says_why() -> None:
    for page in PAGES:
        for block in blocks(page):
            if block.mark in ("not run", "needs"):
                assert block.language == "bash"
                assert block.why


def test_documents_in_the_pages_can_be_read() -> None:
    for page in PAGES:
        for block in blocks(page):
            if block.language == "json":
                json.loads(block.body.replace("…", "..."))
            elif "acme_rules" in block.body:
                continue  # tests/test_example_plugin.py reads it, with that plugin installed
            elif block.language == "yaml" and "--8<--" not in block.body:
                assert parse(block.body, name_of(page), Config)


# What is named exists


def spans(page: Path) -> list[str]:
    """Code spans, and lines of blocks of commands."""
    text = page.read_text(encoding="utf-8")
    if page.name == "schemas.md":
        # The second column has the names of other schemas. ``tests/encode`` checks them.
        text = re.sub(r"^(\| `[^`\n]+` \|) `[^`\n]+` \|", r"\1", text, flags=re.MULTILINE)
    commands = [line for block in blocks(page) if block.language == "bash" for line in block.body.splitlines()]
    commands += re.findall(r"^ {4,}(.*)$", text, re.MULTILINE)
    return re.findall(r"(?<!`)`([^`\n]+)`(?!`)", text) + commands


# The tables of schemas name the targets' fields, some of which begin as sections of the configuration do.
@pytest.mark.parametrize("page", [page for page in TEXTS if page.name != "schemas.md"], ids=name_of)
def test_options_and_fields_that_are_named_exist(page: Path) -> None:
    options = {re.sub(r"\[\]|\.NAME", "", name) for name in option_names()}
    fields = {path for path, _, _ in field_table.rows(AuditEvent)}
    schema = Config.model_json_schema()
    sections = set(schema["properties"])
    for span in spans(page):
        named = re.fullmatch(r"([a-z_]+)((?:\.[a-z_]+(?:\[\])?)+)(?:: ([\w{}.: ]+))?", span)
        if named is None or f"{named[1]}{named[2]}".endswith(
            (".py", ".yaml", ".md", ".json", ".conf", ".jsonl", ".key", ".log")
        ):
            continue
        path = re.sub(r"\[\]", "", named[1] + named[2])
        if named[1] in sections:
            # `usage` is a section, and what events have from it.
            assert path in options | fields, span
            if named[3] and named[1] == "policy":
                choices = schema["$defs"]["Policy"]["properties"][path.partition(".")[2]]
                assert named[3] in choices.get("enum", [named[3]]), span
        elif named[1] in {field.partition(".")[0] for field in fields}:
            assert path in fields, span


@pytest.mark.parametrize("page", [*TEXTS, ROOT / "conf" / "prometheus" / "alerts.yaml"], ids=name_of)
def test_metrics_that_are_named_exist(page: Path) -> None:
    known = metric_names()
    for name in re.findall(r"(?<![\w/.-])veilog_[a-z_]+(?![\w/.])", page.read_text(encoding="utf-8")):
        if name not in ("veilog_filters", "veilog_parsers"):
            assert name in known or (name.endswith("_") and any(each.startswith(name) for each in known)), name


def test_the_alerts_use_labels_that_the_metrics_have() -> None:
    labels = {s.name: set(s.labels) for family in reference_pages.families() for s in family.samples}
    document = yaml.safe_load((ROOT / "conf" / "prometheus" / "alerts.yaml").read_text(encoding="utf-8"))
    rules = [rule for group in document["groups"] for rule in group["rules"]]
    assert len({rule["alert"] for rule in rules}) == len(rules) > 5
    for rule in rules:
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"]["summary"].endswith(".")
        for name, selector in re.findall(r"(veilog_\w+)\{([^}]*)\}", rule["expr"]):
            assert set(re.findall(r"(\w+)(?:=|!)", selector)) <= labels[name], rule["alert"]
        for error in re.findall(r'error_type=~"([^"]+)"', rule["expr"]):
            known = {*ErrorType, *Reason, *reference_pages.connection_reasons()}
            assert any(re.fullmatch(error, each) for each in known)


MADE_LATER = ("benchmarks/history.jsonl",)
"""What the first `make bench` makes."""
ROOTS = ("conf", "docs", "tests", "scripts", "filters", "parsers", "benchmarks")


@pytest.mark.parametrize("page", TEXTS, ids=name_of)
def test_files_that_are_named_exist(page: Path) -> None:
    for span in spans(page):
        for path in re.findall(r"(?<![\w/.<*-])((?:" + "|".join(ROOTS) + r")/[\w./*<>-]*)", span):
            assert "<" in path or path in MADE_LATER or list(ROOT.glob(path.rstrip("./"))), path
    for name in re.findall(r"`((?:inputs|outputs)/[\w.-]+)`", page.read_text(encoding="utf-8")):
        assert (ROOT / "conf" / "fluent-bit" / name).is_file(), name


def test_inputs_and_outputs_of_the_tutorial_are_all_there_are() -> None:
    text = (DOCS / "tutorials" / "fluent-bit.md").read_text(encoding="utf-8")
    table = text.partition("| inputs | outputs |")[2].partition("\n\n")[0]
    for column, kind in enumerate(("inputs", "outputs"), 1):
        named = {name for row in table.splitlines()[2:] for name in re.findall(r"[\w-]+\.yaml", row.split("|")[column])}
        assert named == {file.name for file in (ROOT / "conf" / "fluent-bit" / kind).iterdir()}


@pytest.mark.parametrize("page", TEXTS, ids=name_of)
def test_commands_and_their_options_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for span in spans(page):
        for target in re.findall(r"^(?:\$ )?make ([a-z-]+)", span):
            assert target in targets, span
        for call in re.findall(r"(?:^|[|(;&] *|exec |/)veilog ([^|&;>)#]*)", span):
            name, *words = call.split() or [""]
            if not re.fullmatch(r"[a-z]+", name) or page in GENERATED:
                continue
            if name not in app.commands:
                # In a list of indented lines, not every line that begins with the name is a command.
                assert span not in re.findall(r"`([^`\n]+)`", page.read_text(encoding="utf-8")), span
                continue
            options = {option for parameter in app.commands[name].params for option in parameter.opts}
            for word in words:
                if word.startswith("--"):
                    assert word.partition("=")[0].rstrip(",.`'\"") in options, span


def test_what_the_sidecar_logs_is_what_it_says() -> None:
    transports = ROOT / "filters" / "veilog_filters" / "transports"
    code = "".join(file.read_text(encoding="utf-8") for file in transports.glob("*.py"))
    text = (DOCS / "operate" / "sidecar.md").read_text(encoding="utf-8")
    listed = {name for row in re.findall(r"^\| (`.*?) \|", text, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}
    said = set(re.findall(r'log_event\(\s*"(\w+)"', code)) | set(re.findall(r'log_once\(\s*"(\w+)"', code))
    said |= {name for both in re.findall(r'log_event\("(\w+)" if \w+ else "(\w+)"', code) for name in both}
    assert listed == said


def test_reasons_for_which_connections_end_are_all_listed() -> None:
    transports = ROOT / "filters" / "veilog_filters" / "transports"
    code = {file.name: file.read_text(encoding="utf-8") for file in transports.glob("*.py")}
    found = set(re.findall(r'\.(?:drop|count_error)\("(\w+)"\)', "".join(code.values())))
    found |= set(re.findall(r'reason = (?:self\._dropped or )?"(\w+)"', code["peer.py"]))
    found |= set(re.findall(r'^            return "(\w+)"', code["sender.py"], re.MULTILINE))
    found |= set(re.findall(r'errors\["send", "(\w+)"\]', code["sender.py"]))
    found |= set(re.findall(r'^_(?:BAD_NAME|UNKNOWN): Final = "(\w+)"', code["sender.py"], re.MULTILINE))
    assert found == reference_pages.connection_reasons()


def test_drops_are_all_listed() -> None:
    package = ROOT / "filters" / "veilog_filters"
    code = "".join(file.read_text(encoding="utf-8") for file in package.rglob("*.py"))
    reasons = set(re.findall(r'^DROPPED_\w+: Final = "(\w+)"', code, re.MULTILINE))
    assert reasons == set(reference_pages.drop_reasons())


def test_sources_and_error_types_that_are_tabled_exist() -> None:
    known = {*ErrorType, *Reason, *reference_pages.connection_reasons()}
    text = (DOCS / "operate" / "troubleshooting.md").read_text(encoding="utf-8")
    table = text.partition("| error type |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) <= known
    names = re.findall(r"^\| `(\w+)` \|", (DOCS / "reference" / "sources.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(names) == {*(source.name for source in SOURCES), "mapped", "other"}


def test_versions_are_those_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["requires-python"] == ">=3.11"
    for page in ("tutorials/fluent-bit.md", "tutorials/fluentd.md", "tutorials/stdin.md"):
        assert "**3.11 or newer**" in (DOCS / page).read_text(encoding="utf-8").replace("\n", " ")


def test_the_readers_are_told_first_what_they_must_know() -> None:
    for page in (ROOT / "README.md", DOCS / "index.md", DOCS / "auditors.md"):
        text = " ".join(page.read_text(encoding="utf-8").split())
        assert "policy.identity: pseudonymize" in text, page
        assert re.search("buffer", text), page
    for name in ("fluent-bit.md", "fluentd.md", "kubernetes.md"):
        assert "personal data" in (DOCS / "tutorials" / name).read_text(encoding="utf-8").lower()


# Links, and the site


@pytest.mark.parametrize("page", [path for path in TEXTS if path not in PAGES], ids=name_of)
def test_links_of_files_in_the_root_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", page.read_text(encoding="utf-8")):
        path, _, anchor = target.partition("#")
        assert (ROOT / path).exists(), target
        if anchor:
            titles = re.findall(r"^#+ (.*)$", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}, target


def test_the_picture_can_be_read_in_light_and_dark() -> None:
    from picture import FILE, svg

    assert FILE.read_text(encoding="utf-8") == svg()
    root = ET.fromstring(svg())
    space = "{http://www.w3.org/2000/svg}"
    assert root.findtext(f"{space}title")
    assert "prefers-color-scheme: dark" in (root.findtext(f"{space}style") or "")
    assert "http" not in svg().replace("http://www.w3.org/2000/svg", "")


class Loads(HTMLParser):
    """What a page loads by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag in ("script", "img", "iframe", "source", "video", "audio", "embed", "object"):
            self.found += filter(None, (values.get("src"), values.get("srcset"), values.get("data")))
        if tag == "link" and values.get("rel") not in ("canonical", "next", "prev"):
            self.found += filter(None, (values.get("href"),))


def test_the_site_is_built_strictly_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs")
    python_path = [str(Path(sitecustomize.__file__).parent), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", tmp_path / "site"],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": os.pathsep.join(python_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=SESSION_SECS,
    )
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    pages = list((tmp_path / "site").rglob("*.html"))
    assert len(pages) > len(PAGES)
    for page in pages:
        loads = Loads()
        loads.feed(page.read_text(encoding="utf-8"))
        assert loads.found
        assert not [url for url in loads.found if re.match(r"(?:https?:)?//", url)], page
    for style in (tmp_path / "site").rglob("*.css"):
        assert not re.search(r"url\([\"']?(?:https?:)?//|@import", style.read_text(encoding="utf-8")), style
