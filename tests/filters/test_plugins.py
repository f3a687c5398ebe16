"""The doors: what is built in and what is installed come in alike; what cannot come in says why."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import orjson
import pytest
import yaml

from conftest import Run
from plugin_tree import install, on_path
from samples import ROOT, config_with
from veilog_filters import __version__, plugins
from veilog_filters.config import Config, load_config
from veilog_filters.detect.api import PerText
from veilog_filters.errors import ConfigError
from veilog_filters.listing import table
from veilog_filters.pipeline import Pipeline
from veilog_parsers.record.raw import RawRecord
from veilog_parsers.registry import SOURCES

SOURCE = "SOURCE = source(lambda fields: AuditEvent(kind=Kind.OTHER))"
BUILT_IN_DOORS: list[Any] = list(plugins.BUILT_IN)


def record(value: dict[str, Any]) -> RawRecord:
    raw = orjson.dumps(value)
    return RawRecord(orjson.loads(raw), raw)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Path]:
    """A folder on the path."""
    folder = tmp_path / "site"
    folder.mkdir()
    with on_path(folder):
        yield folder


def test_pyproject_declares_what_is_built_in() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    assert declared == {f"veilog.{door}": dict(entries) for door, entries in plugins.BUILT_IN.items()}
    assert set(plugins.BUILT_IN) == set(get_args(plugins.DoorName))


@pytest.mark.parametrize("door", BUILT_IN_DOORS)
def test_what_is_built_in_comes_in_by_the_door(door: plugins.DoorName) -> None:
    selected = plugins.select(door, ())
    assert [offer.name for offer, _ in selected] == list(plugins.BUILT_IN[door])
    assert all(offered.name == offer.name for offer, offered in selected)
    assert all(offer.is_built_in for offer, _ in selected)


def test_the_sources_that_come_in_are_those_of_the_registry_in_their_order() -> None:
    assert Config().sources() == SOURCES


def test_a_plugin_comes_in_after_mappings_and_before_what_is_built_in(site: Path) -> None:
    install(site, {"sources": {"acme": "SOURCE"}}, SOURCE)
    mapped = {"name": "ours", "when": {"a": "*"}, "fields": {"prompt": "b"}}
    names = [source.name for source in config_with(mapped=[mapped]).sources()]
    assert names == ["ours", "acme", *(source.name for source in SOURCES)]
    (event,) = Pipeline(config_with(), detector=PerText(lambda _: []))(record({"acme": 1}))
    assert event["source"] == "acme"


def test_what_is_turned_off_stays_outside_and_is_not_even_imported(site: Path) -> None:
    install(site, {"sources": {"acme": "SOURCE"}}, "raise SystemExit(3)")
    config = Config.model_validate({"plugins": {"disable": {"sources": ["acme", "ollama"]}}})
    names = [source.name for source in config.sources()]
    assert "acme" not in names
    assert "ollama" not in names
    assert len(names) == len(SOURCES) - 1


def test_the_one_source_of_all_records_may_be_a_plugin_but_none_that_is_off(site: Path, tmp_path: Path) -> None:
    install(site, {"sources": {"acme": "SOURCE"}}, SOURCE)
    assert config_with(source="acme").source == "acme"
    assert "c.yaml:1: source: this source is turned off. Fix: take it out" in defect(
        tmp_path, {"source": "acme", "plugins": {"disable": {"sources": ["acme"]}}}
    )


def defect(folder: Path, document: dict[str, Any]) -> str:
    path = folder / "c.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    return str(caught.value)


@pytest.mark.parametrize(
    ("door", "name", "said"),
    [
        ("sources", "olama", "there is no such source. Fix: did you mean ollama?"),
        ("detectors", "presidios", "there is no such detector. Fix: did you mean presidio?"),
        ("encoders", "ocsf9", "there is no such encoder. Fix: did you mean ocsf?"),
        ("rules", "defaults", "there is no such rule pack. Fix: did you mean default?"),
    ],
)
def test_a_name_that_nothing_has_is_an_error_with_its_place(tmp_path: Path, door: str, name: str, said: str) -> None:
    document = {"plugins": {"disable": {door: [name]}}}
    assert f"c.yaml:4: plugins.disable.{door}[0]: {said}" in defect(tmp_path, document)


def test_misspelled_keys_are_errors_with_their_place(tmp_path: Path) -> None:
    assert "c.yaml:2: plugins.disabled: there is no such key. Fix: write disable" in defect(
        tmp_path, {"plugins": {"disabled": {}}}
    )
    assert "c.yaml:3: plugins.disable.source: there is no such key. Fix: write sources" in defect(
        tmp_path, {"plugins": {"disable": {"source": ["ollama"]}}}
    )


# What cannot come in.


@pytest.mark.parametrize("door", BUILT_IN_DOORS)
def test_a_name_that_two_have_stops_a_start_and_both_are_named(site: Path, door: plugins.DoorName) -> None:
    taken = next(iter(plugins.BUILT_IN[door]))
    install(site, {door: {taken: "X", "twin": "X"}}, "X = 1", name="one-veilog")
    install(site, {door: {"twin": "X"}}, "X = 1", name="two-veilog")
    with pytest.raises(ConfigError) as caught:
        Pipeline(config_with(), detector=None if door == "detectors" else PerText(lambda _: []))
    words = plugins.ONE[door]
    assert {str(defect) for defect in caught.value.defects} == {
        f"plugins: two {words}s are called {taken}: one of veilog {__version__} and one of one-veilog 1.0. "
        "Fix: uninstall one-veilog, or have it rename its own",
        f"plugins: two {words}s are called twin: one of one-veilog 1.0 and one of two-veilog 1.0. "
        "Fix: uninstall two-veilog, or have it rename its own",
    }
    listed = table(door, None)
    assert len(re.findall(r"^(?:twin|\w+) +clash", listed, re.MULTILINE)) == 4


BROKEN = {
    "import": ("sources", "raise ValueError('zq5a5a')", "cannot be loaded: ValueError"),
    "exit": ("sources", "raise SystemExit(0)", "cannot be loaded: SystemExit"),
    "no attribute": ("sources", "Y = 1", "cannot be loaded: AttributeError"),
    "another type": ("sources", "X = 1", "is no veilog_parsers.api.Source"),
    "a class": ("sources", "X = Source", "is no veilog_parsers.api.Source"),
    "another name": ("sources", "X = source(None.__str__, name='else')", "calls itself something else"),
    "no parse": ("sources", "X = source(None)", "has a parse that is no function"),
    "no markers": ("sources", "X = source(print, markers=[('a', bool)])", "has no markers"),
    "no tests": ("sources", "X = source(print, markers={'a': True})", "has markers that are no keys with tests"),
    "no find": ("detectors", "X = detector(None, name='acme')", "has a find or prepare that is no function"),
    "no entities": (
        "detectors",
        "X = TextDetector(name='acme', summary='', entities=frozenset(), find=print)",
        "names no entities",
    ),
    "entities of content": (
        "detectors",
        "X = TextDetector(name='acme', summary='', entities=frozenset({'Ann Berg'}), find=print)",
        "names entities that are not of the form",
    ),
    "no preparation": ("detectors", "X = detector(print, name='acme', prepare=lambda: 1 / 0)", "cannot be prepared"),
    "no further": (
        "encoders",
        "X = Encoder(name='acme', summary='', constants=frozenset(), encode=print, further='')",
        "has a further that is no function",
    ),
    "no encode": ("encoders", "X = encoder('', name='acme')", "has an encode that is no function"),
    "no constants": (
        "encoders",
        "X = encoder(print, name='acme', constants=(b'a',))",
        "has constants that are no strings",
    ),
    "surrogates": (
        "encoders",
        "X = encoder(print, name='acme', constants=('\\udc00',))",
        "has constants that are no strings",
    ),
    "no pack": ("rules", "X = Path('rules.yaml')", "is no veilog_filters.api.RulePack"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_does_not_keep_its_contract_stops_a_start(site: Path, case: str) -> None:
    door, code, said = BROKEN[case]
    install(site, {door: {"acme": "X"}}, code)
    with pytest.raises(ConfigError) as caught:
        Pipeline(config_with())
    (broken,) = map(str, caught.value.defects)
    one = plugins.ONE[door]  # type: ignore[index]
    assert f"plugins: the {one} acme (acme-veilog 1.0) {said}" in broken
    assert f"or write acme in plugins.disable.{door}" in broken
    assert "zq5a5a" not in broken
    assert Pipeline(config_with(plugins={"disable": {door: ["acme"]}}))


def test_a_name_that_is_no_name_stops_a_start(site: Path) -> None:
    install(site, {"sources": {"Acme Gateway": "X"}}, "X = source(print, name='Acme Gateway')")
    with pytest.raises(ConfigError, match="has a name that is not in snake_case"):
        Config().sources()


def test_no_detector_at_all_stops_a_start_and_presidio_off_is_warned_of(veilog: Run, tmp_path: Path) -> None:
    off = {"plugins": {"disable": {"detectors": ["presidio", "secrets"]}}}
    with pytest.raises(ConfigError, match="no detector is on"):
        Pipeline(config_with(**off))
    (tmp_path / "c.yaml").write_text("plugins:\n  disable:\n    detectors: [presidio]\n")
    done = veilog("filter", "--config", "c.yaml", stdin=b'{"a":1}')
    assert done.returncode == 0
    assert b"c.yaml:3: plugins.disable.detectors[0]: nothing of what Presidio finds" in done.stderr


@pytest.mark.parametrize(
    ("off", "left"),
    [(["presidio"], ["OPENAI_API_KEY"]), (["secrets"], ["EMAIL_ADDRESS"]), ([], ["EMAIL_ADDRESS", "OPENAI_API_KEY"])],
)
def test_each_built_in_detector_can_be_turned_off(off: list[str], left: list[str]) -> None:
    config = config_with(plugins={"disable": {"detectors": off}})
    text = "ann@example.com sk-" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7cF0xR"
    record_of = {"request": {"messages": [{"role": "user", "content": text}]}, "response": {}}
    (event,) = Pipeline(config)(record(record_of))
    assert [name for name in event["findings"]["prompt"] if name in ("EMAIL_ADDRESS", "OPENAI_API_KEY")] == left


def test_an_encoder_that_is_off_or_not_there_is_an_error(veilog: Run) -> None:
    with pytest.raises(ConfigError, match="the encoder native is turned off"):
        Pipeline(config_with(plugins={"disable": {"encoders": ["native"]}}))
    done = veilog("filter", "--schema", "nativ")
    assert done.returncode == 2
    assert b"there is no such encoder; did you mean native?" in done.stderr


# Rule packs.

PACK = "PACK = RulePack(name='acme_rules', summary='Acme.', file=Path(__file__).parent / 'acme.yaml')"


def pack(site: Path, document: Any) -> None:
    (site / "acme.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
    install(site, {"rules": {"acme_rules": "PACK"}}, PACK)


RULE = {"id": "acme_word", "level": "restricted", "when": {"keywords": ["bluebird"]}}


def test_rules_of_a_pack_are_added_and_named(site: Path) -> None:
    pack(site, {"name": "acme", "version": "7", "rules": [RULE]})
    record_of = {"request": {"messages": [{"role": "user", "content": "bluebird"}]}, "response": {}}
    (event,) = Pipeline(config_with())(record(record_of))
    assert event["prompt_classification"] == "restricted"
    assert event["classification_rules"]["prompt"] == ["acme_word"]
    assert event["redaction"]["policy"].endswith("default/1 acme/7")
    (event,) = Pipeline(config_with(plugins={"disable": {"rules": ["acme_rules"]}}))(record(record_of))
    assert event["prompt_classification"] == "internal"
    (event,) = Pipeline(config_with(plugins={"disable": {"rules": ["default"]}}))(record(record_of))
    assert event["redaction"]["policy"].endswith("none/0 acme/7")


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (
            {"rules": [{**RULE, "id": "payment_card"}]},
            r"acme.yaml:2: rules\[0\].id: a rule in .* has the id payment_card",
        ),
        (
            {"default_level": "public", "rules": [RULE]},
            r"acme.yaml:1: <a key of 13 characters>: there is no such key. Fix: remove it; there are name, version, rules",
        ),
        (
            {"rules": [{**RULE, "when": {"entities": {"EMAIL_ADRESS": 1}}}]},
            r"acme.yaml:\d: .*did you mean EMAIL_ADDRESS",
        ),
    ],
)
def test_what_is_wrong_in_a_pack_is_said_with_its_place(site: Path, document: Any, said: str) -> None:
    pack(site, document)
    with pytest.raises(ConfigError, match=said):
        Pipeline(config_with(), detector=PerText(lambda _: []))


# The lists.


def test_lists_say_what_is_there_where_it_comes_from_and_whether_it_is_on(site: Path) -> None:
    install(site, {"sources": {"acme": "SOURCE", "bad": "NONE"}}, SOURCE)
    listed = table("sources", config_with(plugins={"disable": {"sources": ["ollama"]}}))
    lines = {name: rest for name, _, rest in (line.partition(" ") for line in listed.splitlines())}
    lines = {name: rest.strip() for name, rest in lines.items()}
    assert re.match(r"off +veilog \S+ \(built in\) +Ollama's access lines", lines["ollama"])
    assert re.match(r"on +veilog \S+ \(built in\) +vLLM's", lines["vllm"])
    assert re.match(r"on +acme-veilog 1\.0 +Acme's log\.", lines["acme"])
    assert re.match(r"broken +acme-veilog 1\.0 +It cannot be loaded: AttributeError", lines["bad"])
    assert re.search(r"acme +off", table("sources", config_with(source="vllm")))
    assert re.search(r"secrets +off", table("detectors", config_with(detect={"secrets": False})))
    assert re.search(r"default +off", table("rules", config_with(classify={"policy_file": "x.yaml"})))


def test_lists_are_printed_before_what_is_wrong(veilog: Run, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("plugins: {disable: {sources: [olama]}}\n")
    done = veilog("sources", "--config", "c.yaml")
    assert done.returncode == 2
    assert b"ollama" in done.stdout
    assert b"did you mean ollama?" in done.stderr
    for door in ("sources", "detectors", "encoders", "rules"):
        done = veilog(door)
        assert (done.returncode, done.stderr) == (0, b"")
        assert done.stdout.startswith(b"NAME ")


def test_a_start_without_plugins_imports_nothing_for_them(tmp_path: Path) -> None:
    """A tree on the path without any installed metadata works, and fenced plugins cost only whoever has them."""
    code = (
        "import sys; from veilog_filters import plugins; from veilog_filters.pipeline import Pipeline;"
        "from veilog_filters.config import Config; plugins.entry_points = lambda **_: [];"
        "Pipeline(Config());"
        "assert not {'veilog_filters.fence.source', 'veilog_filters.fence.encoder'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ | {"HOME": str(tmp_path)}, cwd=tmp_path)
