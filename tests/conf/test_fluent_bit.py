"""The Fluent Bit files: no raw text has a way out, everything fits together, and Fluent Bit itself takes them."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from forward_peers import Sidecar, free_port, wait_for
from samples import ROOT
from veilog_filters.config import load_config

FOLDER = ROOT / "conf" / "fluent-bit"
FILES = sorted(FOLDER.rglob("*.yaml"))
PIPELINES = [path for path in FILES if path.name not in ("sidecar.yaml",)]
ENTRY_POINTS = ("fluent-bit.yaml", "collector.yaml", "shipper.yaml")
PROMPT = {
    "request": {"model": "m", "messages": [{"role": "user", "content": "Write to ann.smith@example.com"}]},
    "response": {"model": "m", "choices": [{"message": {"content": "Done."}}]},
}

needs_fluent_bit = pytest.mark.skipif(shutil.which("fluent-bit") is None, reason="fluent-bit is not on the path")


def document(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(path.read_text())
    return loaded


def plugins(path: Path, kind: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = document(path).get("pipeline", {}).get(kind, [])
    return found


def everything(path: Path, kind: str) -> Iterator[dict[str, Any]]:
    """The plugins of a file and of what it includes."""
    yield from plugins(path, kind)
    for included in document(path).get("includes", []):
        yield from everything(path.parent / included, kind)


def is_way_to_veilog(output: dict[str, Any]) -> bool:
    return (output["name"], output["match"]) == ("forward", "raw.*")


@pytest.mark.parametrize("path", PIPELINES, ids=lambda path: path.name)
def test_only_clean_events_have_a_way_out(path: Path) -> None:
    for output in plugins(path, "outputs"):
        assert "match_regex" not in output
        if not is_way_to_veilog(output):
            assert output["match"] == "clean.*", output["name"]
    for source in plugins(path, "inputs"):
        if source["name"] == "forward":
            assert "tag" not in source, "what comes back keeps the tag that veilog gave it"
            assert source["listen"] == "127.0.0.1"
        else:
            assert source["tag"].startswith("raw.")


def test_inputs_whose_clients_choose_the_tag_are_kept_away_from_final_outputs() -> None:
    """in_http takes it from the URL; so does in_opentelemetry, unless it is told not to."""
    for path in PIPELINES:
        if any(output["match"] == "clean.*" for output in everything(path, "outputs")):
            assert not [source for source in everything(path, "inputs") if source["name"] == "http"], path
        for source in plugins(path, "inputs"):
            assert source["name"] != "opentelemetry" or source["tag_from_uri"] is False


@pytest.mark.parametrize("path", PIPELINES, ids=lambda path: path.name)
def test_nothing_is_lost_on_the_way(path: Path) -> None:
    for output in filter(is_way_to_veilog, plugins(path, "outputs")):
        assert output["host"] == "127.0.0.1"
        assert output["require_ack_response"] is True
        assert output["retry_limit"] is False
        assert output["net.io_timeout"] == "90s", "longer than sidecar.ack_timeout_secs, or chunks are sent twice"
        assert output["workers"] == 0
    for source in plugins(path, "inputs"):
        assert source["storage.type"] == "filesystem"
    for included in document(path).get("includes", []):
        assert (path.parent / included).is_file()


def test_the_ports_fit_together_and_the_tags_do() -> None:
    sidecar = load_config(FOLDER / "sidecar.yaml").sidecar
    assert sidecar.ack_timeout_secs < 90
    for files in (("fluent-bit.yaml",), ("collector.yaml", "shipper.yaml")):
        outputs = [output for name in files for output in everything(FOLDER / name, "outputs")]
        inputs = [source for name in files for source in everything(FOLDER / name, "inputs")]
        (there,) = filter(is_way_to_veilog, outputs)
        (back,) = (source for source in inputs if source["name"] == "forward")
        assert sidecar.listen.tcp == f"{there['host']}:{there['port']}"
        assert [place.address for place in sidecar.forward] == [f"{back['listen']}:{back['port']}"]
        assert sidecar.tag.replace("{tag}", "raw.x") == "clean.raw.x"
    assert not [o for o in everything(FOLDER / "collector.yaml", "outputs") if not is_way_to_veilog(o)]
    assert not [s for s in everything(FOLDER / "shipper.yaml", "inputs") if s["name"] != "forward"]


CLASSIC = FOLDER / "classic"


def classic(path: Path, folder: Path = CLASSIC) -> Iterator[tuple[str, dict[str, str]]]:
    """The sections of a file in the classic form, with what it includes: kind, and options in small letters."""
    options: dict[str, str] = {}
    for line in path.read_text().splitlines():
        words = line.split(None, 1)
        if not words or words[0].startswith("#"):
            continue
        if words[0] == "@INCLUDE":
            yield from classic(folder / words[1])
        elif words[0].startswith("["):
            options = {}
            yield words[0].strip("[]").lower(), options
        else:
            options[words[0].lower()] = words[1].strip()


def spelled(options: dict[str, Any]) -> dict[str, str]:
    """Options of a YAML file as the classic form spells them, to compare."""
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in options.items()}


def as_bool(options: dict[str, str]) -> dict[str, str]:
    words = {"on": "true", "off": "false", "false": "false", "true": "true"}
    return {name: words.get(value.lower(), value) for name, value in options.items()}


def test_the_classic_form_says_what_the_yaml_files_say() -> None:
    sections = [(kind, as_bool(options)) for kind, options in list(classic(CLASSIC / "fluent-bit.conf"))]
    service = spelled(document(FOLDER / "fluent-bit.yaml")["service"])
    assert [options for kind, options in sections if kind == "service"] == [service]
    for kind in ("input", "output"):
        mine = [options for found, options in sections if found == kind]
        theirs = [spelled(plugin) for plugin in everything(FOLDER / "fluent-bit.yaml", f"{kind}s")]
        for plugin in theirs:
            plugin.pop("parser", None)  # veilog opens the JSON in `log` by itself
        assert sorted(mine, key=lambda o: o["name"] + o.get("match", "")) == sorted(
            theirs, key=lambda o: o["name"] + o.get("match", "")
        )


@needs_fluent_bit
def test_fluent_bit_takes_the_classic_form(tmp_path: Path) -> None:
    shutil.copytree(CLASSIC, tmp_path / "classic")
    for path in (tmp_path / "classic").iterdir():
        path.write_text(path.read_text().replace("/var/lib/fluent-bit", str(tmp_path)))
    with fluent_bit("--dry-run", "-c", tmp_path / "classic" / "fluent-bit.conf") as process:
        said = process.communicate(timeout=60)[0]
    assert process.returncode == 0, said
    assert "configuration test is successful" in said


def moved(folder: Path, **ports: int) -> Path:
    """A copy of the files with their folders and ports moved to where a test may write and listen."""
    copy = folder / "fluent-bit"
    shutil.copytree(FOLDER, copy)
    for path in copy.rglob("*.yaml"):
        text = path.read_text().replace("/var/lib/fluent-bit", str(folder)).replace("/var/log/llm", str(folder))
        for old, new in ports.items():
            text = text.replace(old.removeprefix("port_"), str(new))
        path.write_text(text)
    return copy


ENVIRONMENT = {
    "FIREHOSE_TOKEN": "t",
    "MSK_BROKERS": "b-1.x.kafka.eu-central-1.amazonaws.com:9098",
    "MSK_CLUSTER_ARN": "arn:aws:kafka:eu-central-1:123456789012:cluster/x/1",
    "EVENT_HUBS_NAMESPACE": "x",
    "EVENT_HUBS_CONNECTION_STRING": "Endpoint=sb://x/",
    "KAFKA_BROKERS": "127.0.0.1:9",
    "ELASTIC_HOST": "127.0.0.1",
    "ELASTIC_API_KEY": "k",
    "SPLUNK_HOST": "127.0.0.1",
    "SPLUNK_TOKEN": "t",
    "AZURE_TENANT_ID": "t",
    "AZURE_CLIENT_ID": "c",
    "AZURE_CLIENT_SECRET": "s",
    "AZURE_DCE_URL": "https://127.0.0.1:9",
    "AZURE_DCR_ID": "dcr",
    "CHRONICLE_CUSTOMER_ID": "c",
    "CHRONICLE_PROJECT_ID": "p",
    "CHRONICLE_REGION": "EU",
    "S3_BUCKET": "b",
    "S3_REGION": "eu-central-1",
}


def fluent_bit(*arguments: str | Path, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        ["fluent-bit", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | ENVIRONMENT | environment,
    )


@needs_fluent_bit
@pytest.mark.parametrize("path", PIPELINES, ids=lambda path: path.name)
def test_fluent_bit_knows_every_plugin_and_option(path: Path, tmp_path: Path) -> None:
    copy = moved(tmp_path) / path.relative_to(FOLDER)
    with fluent_bit("--dry-run", "-c", copy) as process:
        said = process.communicate(timeout=60)[0]
    assert process.returncode == 0, said
    assert "configuration test is successful" in said


@needs_fluent_bit
def test_the_token_of_firehose_goes_nowhere(tmp_path: Path) -> None:
    port = free_port()
    copy = moved(tmp_path, port_8088=port)
    (copy / "try.yaml").write_text(
        yaml.safe_dump(
            {
                "service": {"flush": 0.2, "storage.path": str(tmp_path / "buffer")},
                "includes": ["inputs/aws-firehose.yaml"],
                "pipeline": {"outputs": [{"name": "stdout", "match": "*", "format": "json_lines"}]},
            }
        )
    )
    with fluent_bit("-c", copy / "try.yaml", FIREHOSE_TOKEN="secret-token") as process:
        try:
            event = orjson.dumps({"event": {"eventName": "Converse"}})
            request = urllib.request.Request(
                f"http://127.0.0.1:{port}/services/collector/event",
                data=event,
                headers={"Authorization": "Splunk secret-token"},
            )
            wait_for(lambda: answers(request))
            time.sleep(1)
        finally:
            process.terminate()
        said = process.communicate(timeout=60)[0]
    assert "Converse" in said
    assert "secret-token" not in said


def answers(request: urllib.request.Request) -> bool:
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@needs_fluent_bit
@pytest.mark.parametrize("two_processes", [False, True])
def test_fluent_bit_ships_clean_events_through_a_sidecar(two_processes: bool, tmp_path: Path) -> None:
    back, monitor = free_port(), free_port()
    (tmp_path / "run").mkdir()
    (tmp_path / "app.jsonl").write_bytes((orjson.dumps(PROMPT) + b"\n") * 20)
    with Sidecar(tmp_path / "run", (back,)) as sidecar:
        copy = moved(tmp_path, port_24224=sidecar.port, port_24225=back, port_2020=monitor)
        out = (tmp_path / "out").open("wb")
        names = ("shipper.yaml", "collector.yaml") if two_processes else ("fluent-bit.yaml",)
        shippers = [
            subprocess.Popen(["fluent-bit", "-q", "-c", str(copy / name)], stdout=out, cwd=tmp_path) for name in names
        ]
        try:
            wait_for(lambda: len((tmp_path / "out").read_bytes().splitlines()) >= 20)
            wait_for(lambda: sidecar.metric("veilog_in_flight_chunks") == 0)
            time.sleep(1)
        finally:
            for shipper in shippers:
                shipper.terminate()
            for shipper in shippers:
                shipper.wait(60)
            out.close()
    lines = (tmp_path / "out").read_bytes().splitlines()
    events = [orjson.loads(line) for line in lines]
    assert len(events) == 20
    assert {event["source"] for event in events} == {"openai_gateway"}
    assert b"ann.smith" not in (tmp_path / "out").read_bytes()
