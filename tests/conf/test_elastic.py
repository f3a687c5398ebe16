"""The content for Elastic: mappings take every event, and queries, panels and rules are what Elastic's own tools take.

Neither Elasticsearch nor Kibana runs here. ES|QL is checked by the parser with which Elastic checks its own detection
rules, and the dashboard by the compiler that makes it; both need a newer Python than veilog does (``.ci/run``).
"""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from fnmatch import fnmatchcase
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import pytest

from facts import event_from, full
from samples import KEY_FILE, ROOT, SAMPLES, samples
from schema_definitions import IS_OF, leaves
from siem_fields import esql_queries, ndjson
from veilog_filters.encode import ecs

FOLDER: Final = ROOT / "conf" / "siem" / "elastic"
PEERS: Final = ROOT / "tests" / "peers" / "python312"
PYTHON: Final = ROOT / ".venv-3.12" / "bin" / "python"
QUERIES: Final = {
    f"{path.relative_to(FOLDER)}#{number}": query
    for path in sorted((*FOLDER.rglob("*.esql"), *FOLDER.rglob("*.ndjson")))
    for number, query in enumerate(esql_queries(path))
}
MAPPINGS: Final = json.loads((FOLDER / "index-template.json").read_text(encoding="utf-8"))["template"]["mappings"]
COLUMNS_OF_GRID: Final = 48

needs_python312 = pytest.mark.skipif(
    not PYTHON.exists(), reason="needs .venv-3.12 with tests/peers/python312/requirements.txt, which .ci/run makes"
)


def run(program: str, *arguments: str, stdin: str = "") -> str:
    done = subprocess.run(
        [str(PYTHON), str(PEERS / program), *arguments], input=stdin, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def checked(queries: dict[str, str], version: str) -> dict[str, Any]:
    asked = {"mappings": MAPPINGS, "version": version, "queries": queries}
    answer: dict[str, Any] = json.loads(run("check_esql.py", stdin=json.dumps(asked)))
    return answer


class StandIn(ThreadingHTTPServer):
    """Takes what is sent to Elasticsearch and to Kibana, and keeps it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Keeper)
        self.kept: list[tuple[str, str, bytes]] = []


class Keeper(BaseHTTPRequestHandler):
    """Keeps a request, and says that all is well."""

    server: StandIn

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.kept.append((f"{self.command} {self.path.partition('?')[0]}", self.headers["Content-Type"], body))
        assert self.headers["Authorization"] == "ApiKey test"
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_POST = do_PUT  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Nothing on standard error."""


@pytest.mark.skipif(not shutil.which("curl") or not shutil.which("jq"), reason="needs curl and jq")
def test_the_commands_of_the_page_send_what_they_name(tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path / "elastic")
    log = tmp_path / "llm"
    log.mkdir()
    (log / "app.jsonl").write_bytes(b"\n".join(sample.line for sample in samples() if sample.source == "app_log"))
    program = tmp_path / "veilog"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m veilog_filters "$@"\n')
    program.chmod(0o755)
    (commands,) = re.findall("```bash\n(.*?)```", (FOLDER / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    with StandIn() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        place = f"http://127.0.0.1:{server.server_port}"
        environment = {"ELASTIC": place, "KIBANA": place, "AUTH": "Authorization: ApiKey test"}
        environment |= {"PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": os.pathsep.join(sys.path)}
        environment["VEILOG_HASH_KEY"] = KEY_FILE.read_text().strip()
        done = subprocess.run(
            ["/bin/bash", "-euo", "pipefail", "-c", commands.replace("/var/log/llm", str(log))],
            cwd=tmp_path / "elastic",
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        server.shutdown()
    assert done.returncode == 0, done.stderr
    template, dashboard, rules, bulk = server.kept
    assert template[0] == "PUT /_index_template/veilog"
    assert json.loads(template[2])["index_patterns"] == ["logs-veilog-*"]
    for (request, kind, body), file in ((dashboard, "dashboard.ndjson"), (rules, "rules.ndjson")):
        assert request.endswith("/_import")
        assert kind.startswith("multipart/form-data")
        assert (FOLDER / file).read_bytes() in body
    assert bulk[:2] == ("POST /logs-veilog-default/_bulk", "application/x-ndjson")
    documents = [json.loads(line) for line in bulk[2].splitlines()]
    events = [json.loads(line) for line in (tmp_path / "elastic" / "events.jsonl").read_text().splitlines()]
    assert documents[1::2] == events
    assert [action["create"]["_id"] for action in documents[::2]] == [event["event"]["id"] for event in events]
    assert fnmatchcase("logs-veilog-default", json.loads(template[2])["index_patterns"][0])


@needs_python312
@pytest.mark.parametrize("version", ["8.19", "9.3", "9.5"])
def test_elastics_own_parser_takes_all_queries(version: str) -> None:
    answer = checked(QUERIES, version)
    assert answer["errors"] == {}
    assert set(answer["columns"]) == set(QUERIES)


@needs_python312
def test_the_check_of_queries_can_fail() -> None:
    wrong = {
        "no such field": "FROM logs-veilog-* | WHERE veilog.no_such_field == 1",
        "a number compared with a truth": "FROM logs-veilog-* | WHERE gen_ai.usage.input_tokens == true",
        "a reserved word": "FROM logs-veilog-* | STATS first = MIN(@timestamp)",
        "no such function": "FROM logs-veilog-* | STATS n = NO_SUCH(user.name)",
        "a column that is gone": "FROM logs-veilog-* | STATS n = COUNT(*) BY user.name | SORT user.id",
    }
    assert set(checked(wrong, "9.5")["errors"]) == set(wrong)


@needs_python312
def test_the_dashboard_is_made_from_its_source() -> None:
    made = run("compile_dashboard.py", str(FOLDER / "dashboard.yaml"))
    assert made == (FOLDER / "dashboard.ndjson").read_text(encoding="utf-8")


@needs_python312
def test_panels_show_columns_that_their_queries_end_with() -> None:
    layers = [layer for panel in panels() for layer in layers_of(panel)]
    queries = {str(number): layer["query"]["esql"] for number, layer in enumerate(layers)}
    columns = checked(queries, "9.5")["columns"]
    for number, layer in enumerate(layers):
        assert {column["fieldName"] for column in layer["columns"]} <= set(columns[str(number)])


def panels() -> list[dict[str, Any]]:
    (dashboard,) = ndjson(FOLDER / "dashboard.ndjson")
    assert dashboard["type"] == "dashboard"
    found: list[dict[str, Any]] = json.loads(dashboard["attributes"]["panelsJSON"])
    return found


def layers_of(panel: dict[str, Any]) -> list[dict[str, Any]]:
    state = panel["embeddableConfig"]["attributes"]["state"]["datasourceStates"]
    return list(state["textBased"]["layers"].values())


def test_panels_have_titles_columns_and_places_of_their_own() -> None:
    found = panels()
    assert len({panel["panelIndex"] for panel in found}) == len(found)
    taken: set[tuple[int, int]] = set()
    for panel in found:
        assert panel["embeddableConfig"]["attributes"]["title"]
        assert all(layer["columns"] and layer["timeField"] == "@timestamp" for layer in layers_of(panel))
        grid = panel["gridData"]
        assert grid["x"] + grid["w"] <= COLUMNS_OF_GRID
        cells = {(grid["x"] + x, grid["y"] + y) for x, y in itertools.product(range(grid["w"]), range(grid["h"]))}
        assert not cells & taken
        taken |= cells


def test_rules_look_at_all_of_the_time() -> None:
    for rule in ndjson(FOLDER / "rules.ndjson"):
        needed = {"rule_id", "name", "description", "type", "language", "query", "severity", "risk_score", "enabled"}
        assert needed <= set(rule)
        (hours,) = re.fullmatch("([0-9]+)h", rule["interval"]).groups()  # type: ignore[union-attr]
        (minutes,) = re.fullmatch("now-([0-9]+)m", rule["from"]).groups()  # type: ignore[union-attr]
        assert int(minutes) >= int(hours) * 60, "events between two runs are seen by neither"


def test_audit_queries_have_the_names_that_the_report_has() -> None:
    audit = pytest.importorskip("veilog_filters.report.queries.audit")
    named = {query.name for query in audit.AUDIT}
    assert {f"audit_{path.stem}" for path in (FOLDER / "audit").iterdir()} <= named


IS_KEPT_AS: Final[dict[str, Callable[[Any], bool]]] = {
    **IS_OF,
    "double": lambda value: type(value) in (int, float),
    "flattened": lambda _value: True,
    "not indexed": lambda _value: True,
    "no mapping": lambda _value: False,
}
"""What Elasticsearch takes for a type without coercion."""


def dynamic_mapping(path: str) -> dict[str, Any]:
    """What the first dynamic template that matches gives a field, below an object that takes any."""
    for template in MAPPINGS["dynamic_templates"]:
        (rule,) = template.values()
        if any(fnmatchcase(path, pattern) for pattern in rule.get("path_match", ())):
            mapping: dict[str, Any] = rule["mapping"]
            return mapping
    return {}


def kind_of(path: str) -> str:
    """The type that the template gives a field."""
    mapping: dict[str, Any] = {"properties": MAPPINGS["properties"]}
    for key in path.split("."):
        if mapping.get("enabled") is False:
            return "not indexed"
        if mapping.get("type") == "flattened":
            break
        below = dynamic_mapping(path) if mapping.get("dynamic") else {}
        mapping = mapping.get("properties", {}).get(key, below)
    return str(mapping.get("type", "no mapping"))


def fits(kind: str, value: Any) -> bool:
    try:
        return IS_KEPT_AS[kind](value)
    except ValueError:
        return False


def misfits(written: dict[str, Any]) -> list[str]:
    """The values of an event that have no mapping, or another one than they need."""
    return [f"{path}: {kind_of(path)}" for path, value in leaves(written) if not fits(kind_of(path), value)]


@pytest.mark.parametrize("path", sorted(SAMPLES.iterdir()), ids=lambda path: path.name)
def test_every_value_of_every_sample_has_a_mapping_that_fits(path: Path) -> None:
    for golden in path.glob("*.out.json"):
        for event in json.loads(golden.read_text(encoding="utf-8")):
            assert misfits(ecs.ENCODER.encode(event)) == [], golden.name


@pytest.mark.parametrize("text", ["a1b2c3d4", "192.0.2.7", "https://api.example.com/v1"])
def test_every_value_of_a_full_event_has_a_mapping_that_fits(text: str) -> None:
    assert misfits(ecs.ENCODER.encode(json.loads(json.dumps(event_from(partial(full, text)))))) == []


def test_the_check_of_mappings_can_fail() -> None:
    written = ecs.ENCODER.encode({"kind": "other", "source": "other", "no_such_field": "x"})
    written["source"] = {"ip": "81.2.69.***"}
    assert misfits(written) == ["veilog.no_such_field: no mapping", "source.ip: ip"]
