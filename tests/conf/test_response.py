"""The response to an alert in each SIEM: it takes our fields, asks a person, and hands over nothing before a yes.

None of the products runs here. Sentinel's playbook is read as Logic Apps would follow it, its query is bound by
Microsoft's language service and run by duckdb-kql; Splunk SOAR's runs against a stand-in for its module; Elastic's
action is filled in with events as its encoder writes them.
"""

from __future__ import annotations

import importlib.util
import json
import re
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import duckdb_kql
import pytest

import sentinel_template
from kusto_tables import database
from node_tools import needs_node, node
from playbook_files import exercise
from query_fields import OF_SPLUNK, kql_paths, of_splunk, spl_fields
from samples import ROOT
from siem_fields import mustache_fields, unknown
from siem_panels import query
from veilog_filters.encode import asim, ecs

SIEM: Final = ROOT / "conf" / "siem"
SENTINEL: Final = json.loads((SIEM / "sentinel" / "response" / "azuredeploy.json").read_text(encoding="utf-8"))
SOAR: Final = SIEM / "splunk" / "response" / "veilog_response.py"
ELASTIC: Final = SIEM / "elastic" / "response"
STOLEN: Final = "support-bot"
RESPONDER: Final = "@parameters('responder')"


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    return exercise(tmp_path_factory.mktemp("exercise"))


# Microsoft Sentinel ---------------------------------------------------------------------------------------------------

CONNECTIONS: Final = {"azuresentinel", "azuremonitorlogs", "office365"}
FUNCTION: Final = query(sentinel_template.SENTINEL / "functions" / "Veilog.kql").text


def workflow() -> dict[str, Any]:
    (found,) = [each for each in SENTINEL["resources"] if each["type"] == "Microsoft.Logic/workflows"]
    properties: dict[str, Any] = found["properties"]
    return properties


def all_actions(actions: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The actions of a workflow, those inside of others too."""
    for name, action in actions.items():
        yield name, action
        yield from all_actions(action.get("actions", {}))
        yield from all_actions(action.get("else", {}).get("actions", {}))


ACTIONS: Final = dict(all_actions(workflow()["definition"]["actions"]))
FACTS: Final[str] = ACTIONS["Facts"]["inputs"]["body"]


def test_sentinels_playbook_is_a_template_whose_parts_name_each_other() -> None:
    assert SENTINEL["$schema"].endswith("/deploymentTemplate.json#")
    text = json.dumps(SENTINEL)
    assert set(re.findall(r"\[parameters\('(\w+)'\)\]", text)) | {"location"} == set(SENTINEL["parameters"])
    assert SENTINEL["parameters"]["responder"]["type"] == "securestring"
    used = set(re.findall(r"@parameters\('\$connections'\)\['(\w+)'\]", text))
    assert used == set(workflow()["parameters"]["$connections"]["value"]) == CONNECTIONS
    made = [each["name"] for each in SENTINEL["resources"] if each["type"] == "Microsoft.Web/connections"]
    assert made == [f"veilog-response-{name}" for name in workflow()["parameters"]["$connections"]["value"]]
    for name in re.findall(r"(?:body|outputs)\('(\w+)'\)", text):
        assert name in ACTIONS, name


def after(name: str) -> set[str]:
    """The actions that have ended before one begins, beside it and around it."""
    return _before(workflow()["definition"]["actions"], name, set()) or set()


def _before(actions: dict[str, Any], wanted: str, around: set[str]) -> set[str] | None:
    for name, action in actions.items():
        known = around | {each for first in action["runAfter"] for each in (first, *_chain(actions, first))}
        if name == wanted:
            return known
        for inner in (action.get("actions", {}), action.get("else", {}).get("actions", {})):
            found = _before(inner, wanted, known)
            if found is not None:
                return found
    return None


def _chain(actions: dict[str, Any], name: str) -> Iterator[str]:
    for first in actions[name]["runAfter"]:
        yield first
        yield from _chain(actions, first)


def test_sentinels_playbook_begins_with_an_incident_and_asks_before_it_hands_over() -> None:
    definition = workflow()["definition"]
    (trigger,) = definition["triggers"].values()
    assert trigger["inputs"]["path"] == "/incident-creation"
    for action in ACTIONS.values():
        assert set(action["runAfter"]) <= set(ACTIONS)
    assert [name for name, action in ACTIONS.items() if action["type"] == "Http"] == ["Hand_over"]
    assert ACTIONS["Hand_over"]["inputs"]["uri"] == RESPONDER
    assert {"Facts", "Ask"} <= after("Hand_over")
    decision = definition["actions"]["Was_it_approved"]
    assert "Hand_over" in decision["actions"]
    assert "Hand_over" not in decision["else"]["actions"]
    ((asked, answer),) = [each["equals"] for each in decision["expression"]["and"]]
    assert asked == "@body('Ask')?['SelectedOption']"
    assert answer in ACTIONS["Ask"]["inputs"]["body"]["Message"]["Options"].split(", ")
    writes = {action["inputs"]["path"] for action in ACTIONS.values() if action["type"] == "ApiConnection"}
    assert writes == {"/entities/account", "/queryData", "/Incidents/Comment"}


def asked_about(*users: str) -> str:
    """The playbook's query, as the workflow fills it in."""
    filled, count = re.subn(r"@\{[^}]*\}", json.dumps(users).replace("\\", r"\\"), FACTS)
    assert count == 1
    return filled


@needs_node
def test_microsofts_own_service_binds_the_query_of_the_playbook() -> None:
    tables = {sentinel_template.TABLE: sentinel_template.columns()}
    wrong = asked_about(STOLEN).replace("SrcIpAddr", "SourceAddress")
    asked = {
        "tables": tables,
        "functions": {"Veilog": FUNCTION},
        "queries": {"facts": asked_about(STOLEN), "wrong": wrong},
    }
    answers = node("kql.js", asked)
    assert [bool(answers[name]["problems"]) for name in ("facts", "wrong")] == [False, True]
    assert {"User", "Credential", "SrcIpAddr", "Account", "RequestId"} <= answers["facts"]["columns"].keys()


def test_the_query_of_the_playbook_finds_the_stolen_key(events: list[dict[str, Any]], tmp_path: Path) -> None:
    assert unknown(iter(kql_paths(FACTS)), "asim") == set()
    connection = database(tmp_path, [asim.encode(event) for event in events])
    text = asked_about(STOLEN)
    listed = re.sub(r"let users = dynamic\(\[(.*?)\]\);\n", "", text).replace("(users)", f'("{STOLEN}")')
    done = duckdb_kql.kql(connection, f"let Veilog = {FUNCTION};\n{listed}")
    rows = [dict(zip(done.columns, row, strict=True)) for row in done.fetchall()]
    assert {row["SrcIpAddr"] for row in rows} == {"203.0.113.40", "198.51.100.77"}
    assert len({row["Credential"] for row in rows}) == 1
    assert {row["CredentialType"] for row in rows} == {"long_term_key"}
    assert {row["User"] for row in rows} == {STOLEN}


# Splunk SOAR ----------------------------------------------------------------------------------------------------------


class Platform(types.ModuleType):
    """What ``phantom.rules`` is on the platform, as far as the playbook calls it; it writes down what it is asked."""

    def __init__(self, found: dict[str, list[list[Any]]]) -> None:
        super().__init__("phantom.rules")
        self.found = found
        self.answer = ""
        self.acts: list[tuple[str, list[dict[str, Any]], list[str]]] = []
        self.prompts: list[dict[str, Any]] = []
        self.notes: list[str] = []
        self.next: Callable[..., None] | None = None

    def playbook_block(self) -> Callable[[Callable[..., None]], Callable[..., None]]:
        return lambda function: function

    def debug(self, message: str) -> None:
        assert message

    def collect2(self, container: dict[str, Any], datapath: list[str]) -> list[list[Any]]:
        return self.found[datapath[0]]

    def act(
        self,
        action: str,
        *,
        parameters: list[dict[str, Any]],
        assets: list[str],
        name: str,
        callback: Callable[..., None],
    ) -> None:
        self.acts.append((action, parameters, assets))
        self.next = callback

    def prompt2(self, *, callback: Callable[..., None], **asked: Any) -> None:
        self.prompts.append(asked)
        self.next = callback

    def decision(self, container: dict[str, Any], action_results: Any, conditions: list[list[str]]) -> bool:
        ((path, operator, wanted),) = conditions
        assert (path, operator) == ("ask:action_result.summary.responses.0", "==")
        return self.answer == wanted

    def add_note(self, *, content: str, **_: Any) -> None:
        self.notes.append(content)


ROWS: Final = [{"user": STOLEN, "credential": "0f" * 32, "src": "198.51.100.77", "calls": "3"}]


def started(
    monkeypatch: pytest.MonkeyPatch, callers: list[list[Any]]
) -> tuple[Platform, types.ModuleType, dict[str, Any]]:
    """The playbook, begun on a container with these callers."""
    platform = Platform({"artifact:*.cef.user": callers, "facts:action_result.data": [[ROWS]]})
    monkeypatch.setitem(sys.modules, "phantom", types.ModuleType("phantom"))
    monkeypatch.setitem(sys.modules, "phantom.rules", platform)
    sys.modules["phantom"].rules = platform  # type: ignore[attr-defined]
    spec = importlib.util.spec_from_file_location("veilog_response", SOAR)
    assert spec
    assert spec.loader
    playbook = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(playbook)
    container = {"name": "AI use: response_leakage"}
    playbook.on_start(container)
    return platform, playbook, container


def go_on(platform: Platform, container: dict[str, Any], *, success: bool = True) -> None:
    step, platform.next = platform.next, None
    assert step
    step(container=container, results=[], success=success)


def test_soar_asks_before_it_hands_over(monkeypatch: pytest.MonkeyPatch) -> None:
    platform, playbook, container = started(monkeypatch, [[STOLEN, None], [None, STOLEN]])
    go_on(platform, container)
    assert [act[0] for act in platform.acts] == ["run query"]
    assert "{0}" in platform.prompts[0]["message"]
    assert platform.prompts[0]["parameters"] == ["facts:action_result.data"]
    assert playbook.YES in platform.prompts[0]["response_types"][0]["options"]["choices"]
    platform.answer = playbook.YES
    go_on(platform, container)
    (action, (posted,), assets) = platform.acts[-1]
    assert (action, assets) == ("post data", ["ai_responder"])
    assert json.loads(posted["body"]) == {"detection": container["name"], "credentials": ROWS}
    go_on(platform, container)
    assert platform.notes == ["The responder was asked to stop the credentials."]
    playbook.on_finish(container, {})


@pytest.mark.parametrize("answer", ["Do nothing", "", "yes"])
def test_soar_hands_over_nothing_without_a_yes(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    platform, _, container = started(monkeypatch, [[STOLEN, None]])
    go_on(platform, container)
    platform.answer = answer
    go_on(platform, container)
    assert [act[0] for act in platform.acts] == ["run query"]
    assert platform.notes == ["Nobody has said yes: nothing was stopped."]
    assert platform.next is None


def test_soar_says_when_the_responder_did_not_take_it(monkeypatch: pytest.MonkeyPatch) -> None:
    platform, playbook, container = started(monkeypatch, [[STOLEN, None]])
    go_on(platform, container)
    platform.answer = playbook.YES
    go_on(platform, container)
    go_on(platform, container, success=False)
    assert platform.notes == ["The responder could not be asked: stop them by hand."]


@pytest.mark.parametrize("name", ['a" OR "1"="1', "a | delete", "", None, "x" * 300])
def test_soar_searches_for_no_name_that_no_event_has(monkeypatch: pytest.MonkeyPatch, name: str | None) -> None:
    platform, _, _ = started(monkeypatch, [[name, None]])
    assert platform.acts == []
    assert platform.notes == ["No artifact names a caller: nobody was asked, nothing was stopped."]


def test_soar_searches_over_fields_that_are_written(monkeypatch: pytest.MonkeyPatch) -> None:
    platform, _, _ = started(monkeypatch, [[STOLEN, None]])
    (_, (search,), assets) = platform.acts[0]
    assert (search["command"], assets) == ("search", ["splunk"])
    fields = spl_fields(search["query"]) - OF_SPLUNK
    assert {"user", "user_id", "credential.id_hash", "src", "vendor_account", "request_id"} <= fields
    assert unknown(map(of_splunk, fields), "splunk_cim") == set()


def test_soars_picture_of_the_playbook_is_that_of_its_code() -> None:
    document = json.loads(SOAR.with_suffix(".json").read_text(encoding="utf-8"))
    data = document["coa"]["data"]
    named = {node["data"]["functionName"]: key for key, node in data["nodes"].items()}
    code = SOAR.read_text(encoding="utf-8")
    assert set(named) == set(re.findall(r"^def (\w+)\(", code, re.MULTILINE))
    edges = {(edge["sourceNode"], edge["targetNode"]) for edge in data["edges"]}
    for function in set(named) - {"on_finish"}:
        (body,) = re.findall(rf"^def {function}\(.*?(?=^@|\Z)", code, re.MULTILINE | re.DOTALL)
        called = {name for name in set(named) - {function} if re.search(rf"\b{name}\(|callback={name}\b", body)}
        assert called == {name for name in named if (named[function], named[name]) in edges} - {"on_finish"}, function
    assert document["draft_mode"] is True, "who imports it has to look at it first"


# Elastic --------------------------------------------------------------------------------------------------------------


def filled(template: str, values: dict[str, Any], alerts: list[dict[str, Any]]) -> str:
    """A body of an action with its names replaced, as Kibana does for JSON."""

    def at(document: dict[str, Any], name: str) -> str:
        value: Any = document
        for part in name.split("."):
            value = value.get(part, "") if isinstance(value, dict) else ""
        return json.dumps(str(value))[1:-1]

    def of_alert(text: str, alert: dict[str, Any]) -> str:
        return re.sub(r"\{\{\{?([@\w.]+)\}?\}\}", lambda match: at(alert, match[1]), text)

    def section(match: re.Match[str]) -> str:
        return "".join(of_alert(match[1], alert) for alert in alerts)

    text = re.sub(r"\{\{#context\.alerts\}\}(.*?)\{\{/context\.alerts\}\}", section, template, flags=re.DOTALL)
    return re.sub(r"\{\{\{?([\w.]+)\}?\}\}", lambda match: at(values, match[1]), text)


def actions() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((ELASTIC / "actions.json").read_text(encoding="utf-8"))
    return found


def test_elastics_action_sends_what_a_person_has_to_decide(events: list[dict[str, Any]]) -> None:
    (action,) = actions()
    connector = json.loads((ELASTIC / "connector.json").read_text(encoding="utf-8"))
    assert action["action_type_id"] == connector["connector_type_id"] == ".webhook"
    assert connector["config"]["url"].startswith("https://")
    assert connector["config"]["method"] == "post"
    stolen = [ecs.ENCODER.encode(event) for event in events if event.get("client_ip") == "198.51.100.77"]
    context = {
        "context": {"rule": {"name": 'a "name"', "rule_id": "r", "severity": "high"}, "results_link": "https://k"}
    }
    sent = json.loads(filled(action["params"]["body"], context, stolen))
    assert sent["approval"] == "required"
    assert sent["rule"] == 'a "name"'
    *told, last = sent["events"]
    assert last is None
    assert len(told) == len(stolen) > 50
    assert {each["address"] for each in told} == {"198.51.100.77"}
    assert {each["user_name"] for each in told} == {STOLEN, "BedrockAPIKey-q9z7"}
    for name in ("time", "event_id", "user_id", "credential", "credential_type", "account", "request_id"):
        assert all(each[name] for each in told), name


def test_elastics_action_asks_for_fields_that_are_written() -> None:
    names = list(mustache_fields(ELASTIC / "actions.json"))
    assert "veilog.credential.id_hash" in names
    assert unknown(iter(names), "ecs") == set()


def test_what_stands_in_for_secrets_is_none() -> None:
    connector = json.loads((ELASTIC / "connector.json").read_text(encoding="utf-8"))
    assert connector["secrets"] == {"user": "USER", "password": "PASSWORD"}
    assert actions()[0]["id"] == "CONNECTOR"
