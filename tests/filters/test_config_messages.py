"""What is said of a wrong configuration: of every option, whatever stands there, and never with what stands there."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pytest
import trustme
import yaml

from shares import SOAK
from veilog_filters import startup
from veilog_filters.config import Config, Detect, defect_of, load_policy
from veilog_filters.detect.presidio.engine import PresidioDetector
from veilog_filters.errors import ConfigError
from veilog_filters.fingerprint import new_key
from veilog_filters.policy import ClassificationPolicy
from veilog_filters.yaml_file import load, parse

PACK = """\
name: acme
version: "1"
rules:
  - id: acme-codename
    description: The prompt asks for a code name of ours.
    family: custom
    severity: low
    maturity: incubating
    applies_to: [user]
    when: {words: [project bluebird]}
    proofs: [What is Project Bluebird?]
    counter_proofs: [{text: "What is a bluebird?", reason: a bird}]
"""
FULL: dict[str, Any] = yaml.safe_load(r"""
tenant_id: acme
source: auto
tag: app
hash_key: {file: hash.key, key_id: k1}
previous_hash_key: {env: VEILOG_HASH_KEY, ephemeral: false, key_id: k0}
policy: {name: mine, content: redacted, unmapped: drop, identity: keep, unrecognized: quarantine, prompt_sketch: drop}
redact: {operators: {EMAIL_ADDRESS: hash}, mask_keep_last_chars: 2}
detect:
  threshold: 0.4
  entities: [EMAIL_ADDRESS, EMPLOYEE_ID]
  secrets: true
  further_recognizers: [EsNieRecognizer]
  recognizers: [{name: one, entity: EMPLOYEE_ID, patterns: [{regex: '\bE-\d{6}\b', score: 0.5}], context: [badge]}]
  max_text_bytes: 4096
  timeout_secs: 1.0
  prefilter: auto
  cache_dir: ""
  cache_entries: 10
  cache_bytes: 100000
  ner:
    nlp_engine_name: spacy
    models: [{lang_code: en, model_name: en_core_web_sm}]
    fields: [prompt]
    min_chars: 3
    max_chars: 400
    budget_secs: 1.0
    chunk_chars: 1000
    overlap_chars: 100
    recycle_after_words: 5000
classify: {policy_file: policy.yaml}
threats: {pack_files: [threats.yaml], modes: {refusal: dry_run}}
lookup: {departments_file: departments.csv}
canaries:
  - {name: payroll, file: payroll.canary}
usage:
  events: true
  on_events: false
  window_secs: 900
  late_secs: 5
  max_users: 50
  working_hours: {time_zone: UTC, days: [mon, tue], hours: "08:00-17:00", holidays: ["2026-12-25"]}
limits: {max_record_bytes: 4096, record_secs: 1.0, max_depth: 20}
plugins: {disable: {sources: [ollama], detectors: [secrets], encoders: [native], rules: [default]}}
mapped:
- {name: mine, when: {app: chat}, fields: {prompt: body.text}, constants: {provider: openai, kind: ai_access}}
output: {schema: ecs}
sidecar:
  listen:
    tcp: 127.0.0.1:24224
    unix: in.sock
    tls: {cert_file: server.pem, key_file: server.key, ca_file: ca.pem}
    shared_key: {file: shared.key}
    users: {ann: {file: shared.key, env: ""}}
    max_connections: 10
    hostname: veilog-test
    handshake_timeout_secs: 5.0
    idle_timeout_secs: 5.0
    max_frame_bytes: 100000
  forward:
  - address: 127.0.0.1:24225
    schema: ocsf
    hostname: sender-test
    tls: {ca_file: ca.pem, server_name: hop}
    shared_key: {file: shared.key}
    username: ann
    password: {env: VEILOG_HASH_KEY}
  balance: failover
  compress: false
  require_ack: true
  ack_timeout_secs: 5.0
  tag: clean.{tag}
  keep_metadata: true
  workers: 1
  max_in_flight_chunks: 5
  max_in_flight_bytes: 100000
  http: 127.0.0.1:24280
  grace_secs: 1.0
""")
POLICY: dict[str, Any] = yaml.safe_load(r"""
name: mine
version: "1"
default_level: internal
rules:
- id: one
  level: restricted
  categories: [pii]
  when:
    entities: {EMAIL_ADDRESS: 1}
    keywords: [secret]
    min_keywords: 1
    patterns: ['\bx\b']
    sources: [mcp]
    user_departments: [legal]
    model_departments: [legal]
    sides: [prompt]
""")
BUILT = Config.model_validate(FULL).detect.model_copy(update={"cache_dir": ""})
SECRETS = (
    "q7ZkU0fVwX2nJb8Lr5TgYh3MdPc9SaEo1iKtRuWv6Bx=",  # base64, as `veilog key` prints it
    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",  # base32
    "correct horse battery staple",
    "hunter2hunter2",
    "*hunter2hunter2",  # YAML's alias
    "!hunter2hunter2 x",  # YAML's tag
    "/run/secrets/q7ZkU0fVwX2nJb8Lr5TgYh3MdPc9",
)
WRONG: tuple[Any, ...] = (
    True,
    7,
    -1,
    1.5,
    10**30,
    float("inf"),
    float("nan"),
    "some text",
    "",
    [],
    {},
    ["a"],
    [7],
    {"a": 1},
)
LIBRARY_WORDS = re.compile(
    r"input should|valid input|valid (?:str|int|num|bool|dict|list)|pydantic|should|_type|constrained|literal\[|instance|dictionary"
    r"|value error|assertion|type=|string|str\b|int\b|bool\b|float\b|greater than|NoneType",
    re.IGNORECASE,
)


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every key and item below a value, the inner ones too."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inside:
        yield (*path, key)
        yield from paths(item, (*path, key))


ALL_PATHS: Final = list(paths(FULL))


def some(values: Sequence[Any], path: tuple[Any, ...]) -> Sequence[Any]:
    """All values in the soak; else two of them, others for each option."""
    if SOAK:
        return values
    first = ALL_PATHS.index(path)
    return [values[(first + step) % len(values)] for step in (0, len(values) // 2)]


def at(document: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        document = document[key]
    return document


def changed(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    document = copy.deepcopy(document)
    at(document, path[:-1])[path[-1]] = value
    return document


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with everything that the full configuration names."""
    folder = tmp_path_factory.mktemp("home")
    for name in ("hash.key", "shared.key"):
        (folder / name).write_text(new_key())
        (folder / name).chmod(0o600)
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    certificate.cert_chain_pems[0].write_to_path(folder / "server.pem")
    certificate.private_key_pem.write_to_path(folder / "server.key")
    (folder / "server.key").chmod(0o600)
    authority.cert_pem.write_to_path(folder / "ca.pem")
    (folder / "policy.yaml").write_text(yaml.safe_dump(POLICY))
    (folder / "threats.yaml").write_text(PACK)
    (folder / "departments.csv").write_text("kind,pattern,department\nuser,alice,legal\n")
    (folder / "payroll.canary").write_text("a-token-of-ours\n")
    (folder / "payroll.canary").chmod(0o600)
    return folder


def start(document: Any, home: Path) -> str:
    """What a start says of a configuration; nothing if it says nothing."""
    return start_text(document if isinstance(document, str) else yaml.safe_dump(document), home)


def start_text(text: str, home: Path) -> str:
    path = home / "c.yaml"
    path.write_text(text)
    try:
        config, warnings = startup.start(str(path), sidecar=True)
        load_policy(config)
        # Building recognizers takes long: only where the change was there.
        if config.detect != BUILT and config.detect != Detect():
            try:
                PresidioDetector(config.detect.model_copy(update={"ner": None}))
            except ValueError as error:
                raise defect_of(str(path), "detect", error) from None
        return "\n".join(warnings)
    except ConfigError as error:
        return "\n".join(map(str, error.defects))


def leaves_of(schema: dict[str, Any], option: dict[str, Any], path: str = "") -> Iterator[str]:
    """The options that a JSON Schema documents, dotted, without places in lists."""
    for choice in option.get("anyOf", [option]):
        reference = choice.get("$ref") or next((a["$ref"] for a in choice.get("allOf", ()) if "$ref" in a), "")
        inner = schema["$defs"][reference.rpartition("/")[2]] if reference else choice
        if "items" in inner:
            yield from leaves_of(schema, inner["items"], path)
        elif isinstance(inner.get("additionalProperties"), dict):
            yield from leaves_of(schema, inner["additionalProperties"], f"{path}.*" if "$ref" in str(inner) else path)
        elif "properties" in inner:
            for name, value in inner["properties"].items():
                yield from leaves_of(schema, value, f"{path}.{name}".lstrip("."))
        elif choice.get("type") != "null":
            yield path


def test_the_full_configuration_has_every_option(home: Path) -> None:
    schema = Config.model_json_schema()
    dotted = {".".join(str(key) for key in path if not isinstance(key, int)) for path in paths(FULL)}
    known = {path.replace("users.*", "users.ann") for path in leaves_of(schema, schema)}
    missing = known - dotted - {"hash_key.env", "hash_key.ephemeral"}
    assert not {path for path in missing if not path.endswith(("shared_key.env", "password.file", "canaries.env"))} - {
        "previous_hash_key.file",
        "sidecar.forward.tls.cert_file",
        "sidecar.forward.tls.key_file",
        "sidecar.listen.tls.server_name",
    }
    assert start(FULL, home) == "" or "plain text" in start(FULL, home)


@pytest.mark.parametrize("path", ALL_PATHS, ids=lambda path: ".".join(map(str, path)))
def test_what_is_said_of_a_wrong_value_is_in_the_words_of_the_file(path: tuple[Any, ...], home: Path) -> None:
    for value in some(WRONG, path):
        said = start(changed(FULL, path, value), home)
        assert not LIBRARY_WORDS.search(said), (path, value, said)
        for line in said.splitlines():
            assert " Fix: " in line, line
            assert re.search(r"c\.yaml(?::\d+)?: |policy\.yaml", line), line
    assert start(changed(FULL, path, None), home), "null is no value"


@pytest.mark.parametrize("path", ALL_PATHS, ids=lambda path: ".".join(map(str, path)))
def test_no_message_shows_a_secret_that_was_pasted_into_an_option(path: tuple[Any, ...], home: Path) -> None:
    for secret in some(SECRETS, path)[: None if SOAK else 1]:
        for value in some((secret, [secret], {secret: secret}, {"env": secret}, {"file": secret}), path):
            said = start(changed(FULL, path, value), home)
            assert secret not in said, (path, value, said)
            assert secret.lstrip("*!").split()[0] not in said, (path, value, said)
        # As somebody types it, without the quotes that YAML may want.
        written = yaml.safe_dump(changed(FULL, path, "HERE_IT_STANDS")).replace("HERE_IT_STANDS", secret)
        assert secret.lstrip("*!").split()[0] not in start_text(written, home), (path, secret)


@pytest.mark.parametrize("path", list(paths(POLICY)), ids=lambda path: ".".join(map(str, path)))
def test_the_same_holds_for_a_classification_policy(path: tuple[Any, ...]) -> None:
    for value in (*WRONG, None, *SECRETS):
        try:
            parse(yaml.safe_dump(changed(POLICY, path, value)), "policy.yaml", ClassificationPolicy)
        except ConfigError as error:
            said = "\n".join(map(str, error.defects))
            assert not LIBRARY_WORDS.search(said), (path, value, said)
            assert not isinstance(value, str) or not value or value == "some text" or value not in said
            assert " Fix: " in said


@pytest.mark.parametrize(
    "place", ["", "hash_key", "sidecar.listen", "sidecar.listen.users", "detect", "mapped.0.fields"]
)
def test_a_secret_that_stands_where_a_key_is_expected_is_not_shown_either(place: str, home: Path) -> None:
    path = tuple(int(part) if part.isdigit() else part for part in place.split(".") if part)
    for secret in SECRETS[:3]:
        said = start(changed(FULL, (*path, secret), "x"), home)
        assert said
        assert secret not in said


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "c.yaml:1: the file is empty. Fix: write lines such as key: value"),
        (" \n\n\t\n", "c.yaml"),
        ("# all\n# comments\n", "c.yaml:1: the file holds nothing but comments."),
        ("---\n...\n", "c.yaml:1:"),
        ("tag: \x07\n", "c.yaml: the file holds a character that YAML does not allow."),
        ("[" * 5000, "nested too deeply"),
        ("a: &a [*a]\n", "c.yaml:1:"),
        ("a: &a [x, x, x, x, x, x, x, x]\n" + "".join(f"{n}: &{n} [{', '.join(['*' + p] * 8)}]\n" for p, n in zip("abcdefgh", "bcdefghi", strict=True)), "holds too much"),
        ("tag: 2026-99-99\n", "c.yaml:1: tag: YAML cannot read this value. Fix: put it in quotes"),
        ("tag: !!python/object:os.system x\n", "c.yaml:1: tag: YAML cannot read this value."),
        ("tag: 2026-01-01\n", "c.yaml:1: tag: expected text. Fix: write text, in quotes"),
        ("detect: {prefilter: off}\n", 'c.yaml:1: detect.prefilter: expected auto or off. Fix: auto or "off"'),
        ("sidecar: {workers: 70000}\n", "c.yaml:1: sidecar.workers: expected a whole number from 1 to 256."),
        ("sidecar: {listen: {tcp: '127.0.0.1:65536'}}\n", "c.yaml:1: sidecar.listen.tcp: expected a port from 1 to 65535."),
        ("sidecar: {http: here}\n", "c.yaml:1: sidecar.http: expected host:port. Fix: write host:port, for example 127.0.0.1:24224"),
        ("sidecar:\n  forward:\n  - address: here\n", "c.yaml:3: sidecar.forward[0].address: expected host:port."),
        ("sidecar:\n  forward:\n  - address: ''\n", "c.yaml:3: sidecar.forward[0].address: expected host:port."),
        ("limits: {record_secs: 90}\n", "Fix: for example, write record_secs: 2.0. Time that all stages"),
        ("policy: {unrecognized: clean}\n", "Fix: for example, write unrecognized: quarantine. Records that"),
        ("redact: {operators: {EMAIL_ADDRESS: drop}}\n", "Fix: for example, write EMAIL_ADDRESS: replace. "),
        ("policy: 7\n", "Fix: write its keys below it, indented, each as key: value. "),
        ("detect: {entities: 7}\n", "Fix: write entities: [...] or lines that begin with a dash. "),
        ("tag: [\n", "this is no valid YAML: a value is missing, or begins with a character that must be in quotes. Fix: "),
        ("tag: @x\n", "this is no valid YAML: a value begins with a character that must be in quotes"),
        ("tag: *\n", "this is no valid YAML: text that begins with * or & must be in quotes. Fix: "),
        ("a: [b: c: d}\n", "this is no valid YAML: a comma or a closing bracket is missing. Fix: "),
        ("sidecar: {http: '127.0.0.1:0'}\n", "c.yaml:1: sidecar.http: expected a port from 1 to 65535."),
        ("sidecar:\n  forward:\n  - address: h:99999\n", "c.yaml:3: sidecar.forward[0].address: expected a port from"),
        ("sidecar:\n  forward:\n  - address: a..b:29325\n", "c.yaml:3: sidecar.forward[0].address: the host's name has an empty part."),
        ("sidecar:\n  forward:\n  - address: .b:29325\n", "c.yaml:3: sidecar.forward[0].address: the host's name has an empty part."),
        ("sidecar:\n  forward:\n  - address: b..:29325\n", "c.yaml:3: sidecar.forward[0].address: the host's name has an empty part."),
        ("sidecar:\n  forward:\n  - address: .:29325\n", "c.yaml:3: sidecar.forward[0].address: the host's name has an empty part."),
        (f"sidecar:\n  forward:\n  - address: a.{'b' * 64}.c:29325\n", "c.yaml:3: sidecar.forward[0].address: a part of the host's name is longer than 63 characters."),
        ("sidecar: {listen: {tcp: 'a..b:29325'}}\n", "c.yaml:1: sidecar.listen.tcp: the host's name has an empty part."),
        (f"sidecar: {{http: '{'b' * 64}:29325'}}\n", "c.yaml:1: sidecar.http: a part of the host's name is longer"),
        ("sidecar:\n  forward:\n  - {address: 'h:1', tls: {server_name: .b}}\n", "c.yaml:3: sidecar.forward[0].tls.server_name: the host's name has an empty part."),
        ("sidecar: {listen: {users: {a: {env: X_Y}}}}\n", "sidecar.listen.users: without shared_key nobody is asked"),
        ("sidecar:\n  forward:\n  - {address: 'h:1', username: a, password: {env: X_Y}}\n", "c.yaml:3: sidecar.forward[0].username: without shared_key"),
        ("sidecar:\n  forward:\n  - {address: 'h:1', username: a, shared_key: {env: X_Y}}\n", "username without password"),
        ("sidecar: {listen: {tcp: ''}}\n", "there is nothing to listen on"),
        ("sidecar: {listen: {tls: {ca_file: ca.pem}}}\n", "to listen with TLS takes a certificate"),
        ("sidecar: {http: '127.0.0.1:24224'}\n", "c.yaml:1: sidecar.http: two inputs have one port"),
        ("detect: {entities: [EMAIL_ADRESS]}\n", "c.yaml:1: detect.entities[0]: no recognizer finds such an entity type. Fix: did you mean EMAIL_ADDRESS?"),
        ("redact:\n  operators:\n    EMAIL_ADRESS: hash\n", "c.yaml:3: redact.operators.EMAIL_ADRESS: no recognizer finds such an entity type. Fix: did you mean EMAIL_ADDRESS?"),
        ("source: aws_bedrok_invocation\n", "Fix: did you mean aws_bedrock_invocation?"),
        ("mapped:\n- {name: m, when: {a: b}, fields: {prompt: x..y}}\n", "mapped[0].fields.prompt: the path has an empty key."),
        ("mapped:\n- {name: m, when: {a: b}, fields: {prompt: x}, constants: {kind: any}}\n", "mapped[0].constants.kind: there is no such value."),
        ("detect:\n  recognizers:\n  - {name: a, entity: A_B, patterns: [{regex: '(', score: 1}]}\n", "regex: the pattern does not compile: missing ) at character 2."),
    ],
)  # fmt: skip
def test_what_is_said(text: str, expected: str, home: Path) -> None:
    assert expected in start_text(text, home)


def test_two_schemas_do_not_arrive_in_one_place_with_one_tag(home: Path) -> None:
    places = [{"address": "siem.example:24224"}, {"address": "siem.example:24224", "schema": "ecs"}]
    said = start({"sidecar": {"forward": places}}, home)
    assert "sidecar.forward[1].address: events of two schemas would arrive here with one tag" in said
    assert "write {schema} into sidecar.tag" in said
    assert "one tag" not in start({"sidecar": {"forward": places, "tag": "clean.{schema}.{tag}"}}, home)
    assert "one tag" not in start({"sidecar": {"forward": places}, "output": {"schema": "ecs"}}, home)


@pytest.mark.parametrize(
    "template",
    ["{tag}", "raw.{tag}", "raw", "*", "*.{tag}", "{tag}.clean", "clean{tag}", ".clean.{tag}", "clean.{tag}.{x}", "c{tag}.x", "raw*.{tag}", "{", "a.{b}"],
)  # fmt: skip
def test_a_tag_with_which_records_would_go_round_is_refused(template: str, home: Path) -> None:
    assert "records would go round" in start({"sidecar": {"tag": template}}, home)


@pytest.mark.parametrize(
    "template", ["clean.{tag}", "clean", "clean.app", "siem.{tag}.x", "rawer.{tag}", "clean.raw.{tag}"]
)
def test_a_tag_that_begins_with_a_word_of_its_own_is_taken(template: str) -> None:
    assert Config.model_validate({"sidecar": {"tag": template}}).sidecar.tag == template


@pytest.mark.parametrize("host", ["b", "b.", "a.b", "b" * 63, f"{'a' * 63}.{'b' * 63}", "192.0.2.1", "[::1]", "_a-b.c"])
def test_a_name_that_can_be_looked_up_is_taken(host: str) -> None:
    document = {"forward": [{"address": f"{host}:29325"}], "listen": {"tcp": f"{host}:29326"}}
    assert Config.model_validate({"sidecar": document}).sidecar.forward[0].address == f"{host}:29325"


LOCAL = ("127.0.0.1", "localhost", "LocalHost", "0.0.0.0", "[::1]", "[::]", "127.0.0.2", "[::ffff:127.0.0.1]")


@pytest.mark.parametrize("listening", LOCAL)
@pytest.mark.parametrize("address", LOCAL)
def test_sending_to_oneself_is_refused_however_it_is_spelled(address: str, listening: str, home: Path) -> None:
    for place in ({"listen": {"tcp": f"{listening}:4000"}}, {"http": f"{listening}:4000"}):
        assert "records would go round" in start(
            {"sidecar": {"forward": [{"address": f"{address}:4000"}], **place}}, home
        )
        assert "round" not in start({"sidecar": {"forward": [{"address": f"{address}:4001"}], **place}}, home)
    assert "round" not in start(
        {"sidecar": {"listen": {"tcp": "127.0.0.1:4000"}, "forward": [{"address": "192.0.2.1:4000"}]}}, home
    )


def test_a_rule_of_a_policy_that_names_no_entity_type_is_refused_with_its_place(home: Path) -> None:
    (home / "wrong.yaml").write_text(
        yaml.safe_dump(changed(POLICY, ("rules", 0, "when", "entities"), {"EMAIL_ADRESS": 1}))
    )
    said = start({"classify": {"policy_file": "wrong.yaml"}}, home)
    assert re.search(
        r"wrong\.yaml:\d+: rules\[0\]\.when\.entities\.EMAIL_ADRESS: no recognizer .*did you mean EMAIL_ADDRESS", said
    )


def test_the_built_in_policy_and_custom_entities_exist(home: Path) -> None:
    custom = {"name": "one", "entity": "BADGE", "patterns": [{"regex": "x", "score": 1.0}]}
    document = {"detect": {"recognizers": [custom], "entities": ["BADGE"]}, "redact": {"operators": {"BADGE": "mask"}}}
    assert load_policy(Config.model_validate(document)).rules
    assert "no recognizer" not in start(document, home)


@pytest.mark.parametrize("text", ["tag: [", "tag: *", "tag: {a", "a: b: c", "- a\nb", "a:\n- b\nc\n", "a: 'b", "a: !<x b", "a: &", "%X", "a: |x", "? [", "a: \"\\z\"", "}", "a: [b}", "a:\n  b: c\n d: e\n"])  # fmt: skip
def test_what_is_said_of_yaml_is_a_whole_sentence(text: str, home: Path) -> None:
    said = start_text(text, home).partition(" Fix: ")[0]
    assert said
    assert not re.search(r"\b(?:but|found|got|expected|find|with|the|not|or|a|for)[.)]*$", said), said


def test_all_entity_types_of_the_installed_presidio_are_known() -> None:
    from veilog_filters.detect import entities
    from veilog_filters.detect.presidio.catalogue import all_entities

    assert all_entities() == entities.PRESIDIO


def test_a_byte_order_mark_is_no_defect(home: Path) -> None:
    (home / "bom.yaml").write_bytes(b"\xef\xbb\xbftag: app\n")
    assert load(home / "bom.yaml", Config).tag == "app"
