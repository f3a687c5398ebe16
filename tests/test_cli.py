"""The command as a user runs it: output, exit codes, and errors that say what to do."""

from __future__ import annotations

import base64
import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
import orjson
import pytest
import yaml

from conftest import Run
from samples import ROOT, samples
from veilog_filters.config import Config, load_config
from veilog_filters.detect.prefilter import hyperscan
from veilog_filters.explain import WHY
from veilog_parsers.errors import ErrorType

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


def options_of(
    schema: dict[str, Any], option: dict[str, Any], above: tuple[str, ...] = ()
) -> Iterator[tuple[str, ...]]:
    """The path of every option in a JSON Schema, without places in lists and names of users."""
    for choice in option.get("anyOf", [option]):
        inner = schema["$defs"][choice["$ref"].rpartition("/")[2]] if "$ref" in choice else choice
        for below in (inner.get("items"), inner.get("additionalProperties")):
            if isinstance(below, dict):
                yield from options_of(schema, below, above)
        for name, value in inner.get("properties", {}).items():
            yield (*above, name)
            yield from options_of(schema, value, (*above, name))


def keys_of(value: Any, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The path of every key in a document, without places in lists."""
    if isinstance(value, list):
        for item in value:
            yield from keys_of(item, above)
    elif isinstance(value, dict):
        for name, item in value.items():
            yield (*above, name)
            yield from keys_of(item, (*above, name))


def without_hashes(text: str) -> str:
    """A configuration whose examples are no comments any more."""
    example = re.compile(r"^( *)# ( *(?:# )?(?:- )?[a-z_]+:(?: .*)?)$", re.MULTILINE)
    while example.search(text):
        text = example.sub(r"\1\2", text)
    return re.sub(r": \[\](.*\n *- )", r":\1", text)


def test_the_configuration_on_file_has_every_option_and_its_defaults() -> None:
    text = (ROOT / "conf" / "veilog.yaml").read_text()
    schema = Config.model_json_schema()
    options = set(options_of(schema, schema))
    shown = set(keys_of(yaml.safe_load(without_hashes(text))))
    # A secret is shown by its file or its variable; a listener asks for no name.
    needless = {path for path in options if path[-1] in ("env", "file") and "hash_key" not in path[-2]}
    assert options - shown - needless == {("sidecar", "listen", "tls", "server_name")}
    values = yaml.safe_load(text)
    default = Config().model_dump(by_alias=True)
    assert values == {name: picked(default[name], value) for name, value in values.items()}


def picked(default: Any, written: Any) -> Any:
    """Of a default, what is written."""
    if isinstance(default, dict) and default and isinstance(written, dict):
        return {name: picked(default[name], value) for name, value in written.items()}
    return default


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
        ("policy:\n  name: a\n  content: raw\n", "c.yaml:3: policy.content: expected drop or redacted. Fix: for example, write content: drop. drop (hashes"),
        ("detect:\n  threshold: high\n", "c.yaml:2: detect.threshold: expected a number from 0 to 1."),
        ("limits: {max_depth: 1}\n", "c.yaml:1: limits.max_depth: expected a whole number from 8 to 256."),
        ("tag: null\n", "c.yaml:1: tag: null is no value."),
        ("tag: a\ntag: b\n", "c.yaml:2: tag: the key stands twice."),
        ("tag: [\n", "c.yaml:2: this is no valid YAML"),
        ("- a\n", "c.yaml:1: the file holds no keys and values."),
        ("hash_key: {}\n", "c.yaml:1: hash_key: a key has exactly one origin. Fix: write one of env: NAME"),
        ("hash_key: {env: NOT_THERE}\n", "c.yaml:1: hash_key.env: there is no key in the environment variable NOT_THERE. Fix: run: export NOT_THERE=$(veilog key)"),
        ("hash_key: {file: gone.key}\n", "c.yaml:1: hash_key.file: cannot read the file: no such file or directory."),
        ("source: bedrok\n", "c.yaml:1: source: there is no such source. Fix: write one of access_log, agentgateway, anythingllm, apisix, "),
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


@pytest.mark.skipif(not hyperscan.available(), reason="without Hyperscan nothing is compiled")
def test_a_cache_directory_that_cannot_be_written_is_named(veilog: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    small = "detect: {entities: [CREDIT_CARD], secrets: false"
    (tmp_path / "no.yaml").write_text(f"{small}, cache_dir: file/below}}\n")
    done = veilog("check", "no.yaml", VEILOG_CACHE_DIR="")
    assert done.returncode == 0
    assert b"veilog: warning: no.yaml:1: detect.cache_dir: the compiled patterns cannot be kept" in done.stderr
    done = veilog("warm", "--config", "no.yaml", VEILOG_CACHE_DIR="")
    assert done.returncode == 1
    assert b"veilog: detect.cache_dir: cannot write to file/below. Fix: name a directory" in done.stderr
    (tmp_path / "yes.yaml").write_text(f"{small}, cache_dir: cache}}\n")
    assert b"cache_dir" not in veilog("check", "yes.yaml", VEILOG_CACHE_DIR="").stderr
    assert not list((tmp_path / "cache").glob(".*"))


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


def test_explain_says_in_a_sentence_why_a_record_is_in_quarantine(veilog: Run) -> None:
    for line, why in (
        (b"{", "The line, or what looks like JSON inside of it, cannot be read as JSON."),
        (b"\xff", "The line is not UTF-8."),
        (b"7", "The record is a single value, or a list of something else than records."),
        (b'{"a": 1}', "No parser knows the record; `veilog suggest` shows what to map."),
    ):
        assert json.loads(veilog("explain", stdin=line).stdout)["why"] == why
    assert set(WHY) == set(ErrorType)


def test_explain_goes_on_where_the_texts_of_a_record_cannot_be_read(veilog: Run, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("policy: {unmapped: redact}\n")
    deep = orjson.loads(INVOCATION) | {"unknown": orjson.loads("[" * 100 + "]" * 100)}
    done = veilog("explain", "--config", "c.yaml", stdin=orjson.dumps(deep))
    assert done.returncode == 0, done.stderr
    explained = json.loads(done.stdout)
    assert explained["error_type"] == "nesting_too_deep"
    assert b"ann.smith" not in done.stdout + done.stderr


def test_a_terminal_is_told_what_explain_and_suggest_wait_for() -> None:
    for command in ("explain", "suggest"):
        keyboard, stdin = pty.openpty()
        os.write(keyboard, b"\x04")
        done = subprocess.run(
            [sys.executable, "-m", "veilog_filters", command], stdin=stdin, capture_output=True, timeout=120, check=True
        )
        os.close(stdin)
        os.close(keyboard)
        assert b"veilog: waits for records on standard input" in done.stderr
        assert b"Ctrl-D" in done.stderr


@pytest.mark.parametrize("workers", ["1", "2"])
def test_json_in_place_of_msgpack_is_told_once(workers: str, veilog: Run) -> None:
    said = b"the input begins as JSON does, and --input msgpack was asked for."
    done = veilog("filter", "--input", "msgpack", "--workers", workers, stdin=INVOCATION + b"\n" + INVOCATION)
    assert done.stderr.count(said) == 1
    packed = msgpack.packb(orjson.loads(INVOCATION))
    assert said not in veilog("filter", "--input", "msgpack", "--workers", workers, stdin=packed).stderr
    assert said not in veilog("filter", "--workers", workers, stdin=INVOCATION).stderr


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
