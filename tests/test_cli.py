"""The command as a user runs it: output, exit codes, and errors that say what to do."""

from __future__ import annotations

import base64
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import msgpack
import orjson
import pytest
import yaml

from conftest import Run
from samples import ROOT, samples
from veilog_filters.config import Config, load_config

LINES = [sample.line for sample in samples() if sample.case.startswith("good")]
INVOCATION = orjson.dumps(
    {
        "schemaType": "ModelInvocationLog",
        "schemaVersion": "1.0",
        "timestamp": "2025-03-03T09:41:03Z",
        "accountId": "123456789012",
        "identity": {"arn": "arn:aws:iam::123456789012:user/alice"},
        "operation": "InvokeModel",
        "modelId": "anthropic.claude-3-5-sonnet-20240620-v1:0",
        "input": {"inputBodyJson": {"messages": [{"role": "user", "content": "Mail ann.smith@example.com"}]}},
    }
)


def test_the_default_configuration_on_file_is_the_default() -> None:
    assert load_config(ROOT / "conf" / "veilog.yaml") == Config()


def test_filter_with_the_default_configuration(veilog: Run) -> None:
    command = ("filter", "--config", ROOT / "conf" / "veilog.yaml")
    done = veilog(*command, stdin=INVOCATION + b"\n")
    assert (done.returncode, done.stderr) == (0, b"")
    (line,) = done.stdout.splitlines()
    event = json.loads(line)
    assert len(event["prompt_hash"]) == 64
    assert event["findings"]["prompt"]["EMAIL_ADDRESS"] == 1
    assert event["prompt_classification"] in ("confidential", "restricted")
    assert b"ann.smith" not in done.stdout
    assert veilog(*command, stdin=INVOCATION + b"\n").stdout == done.stdout


def test_output_is_in_input_order_and_the_last_newline_is_optional(veilog: Run) -> None:
    ids = [f"r-{number}" for number in range(300)]
    lines = [orjson.dumps(orjson.loads(INVOCATION) | {"requestId": request_id}) for request_id in ids]
    done = veilog("filter", stdin=b"\n".join(lines))
    assert [json.loads(line)["request_id"] for line in done.stdout.splitlines()] == ids


def test_msgpack_in_and_out_gives_the_events_of_json(veilog: Run) -> None:
    def without_ids(event: dict[str, object]) -> dict[str, object]:
        return {name: value for name, value in event.items() if name not in ("event_id", "raw_hash", "raw_bytes")}

    from_json = [json.loads(line) for line in veilog("filter", stdin=b"\n".join(LINES)).stdout.splitlines()]
    packed = b"".join(msgpack.packb(orjson.loads(line)) for line in LINES)
    unpacker = msgpack.Unpacker()
    unpacker.feed(veilog("filter", "--input", "msgpack", "--output", "msgpack", stdin=packed).stdout)
    from_msgpack = list(unpacker)
    # An array of records is a record of JSON Lines as of msgpack; the ids differ, since the bytes do.
    assert list(map(without_ids, from_json)) == list(map(without_ids, from_msgpack))


def test_empty_input_gives_empty_output(veilog: Run) -> None:
    done = veilog("filter", stdin=b"\n \n")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_quarantine_is_counted_on_stderr_and_does_not_change_the_exit_code(veilog: Run) -> None:
    done = veilog("filter", stdin=b"{\n" + INVOCATION + b"\n7\n")
    assert done.returncode == 0
    assert done.stderr == b"veilog: 2 in quarantine: 1 malformed_json, 1 not_an_object.\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("detect:\n  treshold: 0.5\n", "c.yaml:2: detect.treshold: there is no such key. Fix: write threshold"),
        ("policy:\n  name: a\n  content: raw\n", "c.yaml:3: policy.content: expected drop or redacted. Fix: drop (hashes"),
        ("detect:\n  threshold: high\n", "c.yaml:2: detect.threshold: expected a number from 0 to 1."),
        ("limits: {max_depth: 1}\n", "c.yaml:1: limits.max_depth: expected a whole number from 8 to 256."),
        ("tag: null\n", "c.yaml:1: tag: null is no value."),
        ("tag: a\ntag: b\n", "c.yaml:2: tag: the key stands twice."),
        ("tag: [\n", "c.yaml:2: this is no valid YAML"),
        ("- a\n", "c.yaml:1: the file holds no keys and values."),
        ("hash_key: {}\n", "c.yaml:1: hash_key: a key has exactly one origin. Fix: write one of env: NAME"),
        ("hash_key: {env: NOT_THERE}\n", "c.yaml:1: hash_key.env: there is no key in the environment variable NOT_THERE. Fix: run: export NOT_THERE=$(veilog key)"),
        ("hash_key: {file: gone.key}\n", "c.yaml:1: hash_key.file: cannot read the file: no such file or directory."),
        ("source: bedrok\n", "c.yaml:1: source: there is no such source. Fix: write one of access_log, auto, aws_agentcore, aws_bed"),
        ("detect: {entities: [EMAIL]}\n", "c.yaml:1: detect.entities[0]: no recognizer that is on finds this entity type. Fix: turn one on"),
        ("detect: {further_recognizers: [NoSuch]}\n", "c.yaml:1: detect.further_recognizers[0]: this is no pattern recognizer of the installed Presidio."),
        ("detect:\n  ner: {models: [{model_name: xx_none}]}\n", "c.yaml:2: detect.ner.models[0].model_name: this spaCy model is not installed"),
        ("classify: {policy_file: gone.yaml}\n", "c.yaml:1: classify.policy_file: cannot read the file: no such file or directory."),
        ("lookup: {departments_file: gone.csv}\n", "c.yaml:1: lookup.departments_file: cannot read the file: no such file or directory."),
        ("mapped:\n  - {name: m, when: {a: b}, fields: {promt: x}}\n", "c.yaml:2: mapped[0].fields.promt: an event has no such field. Fix: did you mean prompt?"),
    ],
)  # fmt: skip
def test_a_wrong_configuration_names_its_place_and_the_fix(
    text: str, expected: str, veilog: Run, tmp_path: Path
) -> None:
    (tmp_path / "c.yaml").write_text(text)
    done = veilog("check", "c.yaml")
    assert done.returncode == 2
    assert expected in done.stderr.decode()
    assert done.stderr.decode().startswith("veilog: ")
    assert "Fix: " in done.stderr.decode()
    assert done.stdout == b""


def test_filter_starts_with_no_configuration_that_check_refuses(veilog: Run, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("policy: {content: raw}\n")
    done = veilog("filter", "--config", "c.yaml", stdin=INVOCATION)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr == veilog("check", "c.yaml").stderr


def test_all_defects_are_reported_at_once(veilog: Run, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("tga: x\npolicy:\n  contents: drop\n")
    assert len(veilog("check", "c.yaml").stderr.splitlines()) == 2


def test_check_says_ok(veilog: Run) -> None:
    done = veilog("check", ROOT / "conf" / "veilog.yaml")
    assert done.returncode == 0
    assert done.stdout.endswith(b"veilog.yaml: ok\n")


def test_without_a_key_nothing_starts_and_the_fix_is_named(veilog: Run) -> None:
    done = veilog("filter", stdin=INVOCATION, VEILOG_HASH_KEY="")
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"export VEILOG_HASH_KEY=$(veilog key)" in done.stderr
    short = base64.b64encode(b"short").decode()
    assert b"has 5 bytes, expected at least 32" in veilog("filter", VEILOG_HASH_KEY=short).stderr


def test_relative_paths_are_relative_to_the_configuration(veilog: Run, tmp_path: Path) -> None:
    folder = tmp_path / "etc"
    folder.mkdir()
    (folder / "hash.key").write_bytes(veilog("key").stdout)
    (folder / "departments.csv").write_text("kind,pattern,department\nuser,alice,legal\nmodel,*claude*,research\n")
    (folder / "c.yaml").write_text("hash_key: {file: hash.key}\nlookup: {departments_file: departments.csv}\n")
    done = veilog("filter", "--config", "etc/c.yaml", stdin=INVOCATION, VEILOG_HASH_KEY="")
    event = json.loads(done.stdout)
    assert (event["user_department"], event["model_department"]) == ("legal", "research")
    assert "sensitive_department" in event["classification_rules"]["prompt"]


def test_explain_takes_a_pretty_printed_record_and_shows_no_text(veilog: Run) -> None:
    done = veilog("explain", stdin=orjson.dumps(orjson.loads(INVOCATION), option=orjson.OPT_INDENT_2))
    explained = json.loads(done.stdout)
    assert explained["parser"] == "aws_bedrock_invocation"
    assert {"entity": "EMAIL_ADDRESS", "start": 5, "end": 26, "score": 1.0} in explained["prompt_texts"][0]["findings"]
    assert explained["prompt_rules"] == ["personal_data"]
    assert b"ann.smith" not in done.stdout


def test_explain_says_why_a_record_is_in_quarantine(veilog: Run) -> None:
    assert json.loads(veilog("explain", stdin=b"{").stdout)["emitted"][0]["error_type"] == "malformed_json"


@pytest.mark.parametrize("what", ["config", "native"])
def test_schema_prints_a_json_schema(what: str, veilog: Run) -> None:
    assert json.loads(veilog("schema", what).stdout)["type"] == "object"


def test_key_prints_a_fresh_key_each_time(veilog: Run) -> None:
    first, second = veilog("key").stdout, veilog("key").stdout
    assert first != second
    assert len(base64.b64decode(first)) == 32


@pytest.mark.parametrize(
    "arguments", [("fliter",), ("filter", "--inptu", "x"), ("filter", "--schema", "oscf"), ("check",)]
)
def test_bad_usage_exits_with_2(arguments: tuple[str, ...], veilog: Run) -> None:
    done = veilog(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith(b"Usage: veilog")


def test_a_reader_that_goes_away_is_no_crash(tmp_path: Path) -> None:
    command = f"yes '{INVOCATION.decode()}' | head -n 3000 | {sys.executable} -m veilog_filters filter | head -n 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, timeout=120, check=False)
    assert b"Traceback" not in done.stderr
    assert len(done.stdout.splitlines()) == 1


def test_a_terminal_gets_progress_and_a_summary() -> None:
    terminal, stderr = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "veilog_filters", "filter"],
        input=INVOCATION + b"\n{\n",
        stdout=subprocess.PIPE,
        stderr=stderr,
        timeout=120,
        check=True,
    )
    os.close(stderr)
    shown = os.read(terminal, 65536).decode()
    os.close(terminal)
    assert len(done.stdout.splitlines()) == 2
    assert "2 records in, events out: 1 ai_access, 1 quarantine." in shown
    assert "1 in quarantine: 1 malformed_json." in shown


def test_the_recognizers_of_the_configuration_are_used(veilog: Run, tmp_path: Path) -> None:
    recognizer = {
        "name": "employee_id",
        "entity": "EMPLOYEE_ID",
        "patterns": [{"regex": r"\bE-\d{6}\b", "score": 0.2}],
        "context": ["employee"],
    }
    detect = {"recognizers": [recognizer], "further_recognizers": ["EsNieRecognizer"]}
    (tmp_path / "c.yaml").write_text(
        yaml.safe_dump({"policy": {"unrecognized": "redact", "content": "redacted"}, "detect": detect})
    )
    stdin = b'{"a":"employee E-123456"}\n{"a":"part E-123456"}\n{"a":"nie X9613851N"}\n'
    done = veilog("filter", "--config", "c.yaml", stdin=stdin)
    texts = [json.loads(line)["unmapped"]["a"] for line in done.stdout.splitlines()]
    assert texts == ["employee <EMPLOYEE_ID>", "part E-123456", "nie <ES_NIE>"]
