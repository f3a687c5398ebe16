"""The tables of secrets, what a match is asked, and that nothing ordinary is taken for one."""

from __future__ import annotations

import random
import re
import string
import zlib
from functools import cache

import orjson
import pytest

from ordinary import Ordinary
from reading import Reader
from samples import config_with
from veilog_filters.config import Detect, load_policy
from veilog_filters.detect.api import Finding, detect
from veilog_filters.detect.build import NamedDetector, detector_for
from veilog_filters.detect.secrets import SECRETS, checks
from veilog_filters.detect.secrets.named import PROVIDERS
from veilog_filters.detect.secrets.prefixed import KEYS, is_key
from veilog_filters.pipeline import Pipeline
from veilog_parsers.record.raw import RawRecord

ENTITIES = {detector.entity for detector in SECRETS}
BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
RANDOM = "q7Rz2mVx9LpK4tWs8YbN3hJd"


@cache
def detector() -> NamedDetector:
    return detector_for(Detect(cache_entries=0, timeout_secs=30))


def secrets_in(text: str) -> list[Finding]:
    return [finding for finding in detect(detector(), text) if finding.entity in ENTITIES]


def with_checksum(body: str) -> str:
    number, digits = zlib.crc32(body.encode()), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits = BASE62[digit] + digits
    return body + digits


def test_nothing_ordinary_is_a_secret() -> None:
    taken = [text for text in Ordinary(1).texts(10_000) if secrets_in(text)]
    assert not taken


def test_ordinary_values_differ() -> None:
    texts = list(Ordinary(1).texts(500))
    assert len(set(texts)) > 480
    assert texts == list(Ordinary(1).texts(500))
    assert not any("{" in text and re.search(r"\{[a-z]+[0-9_]*\}", text) for text in texts)


@pytest.mark.parametrize("row", KEYS, ids=lambda row: f"{row.entity}-{row.prefix[:20]}")
def test_a_row_is_a_pattern_of_its_own(row: tuple[str, ...]) -> None:
    entity, prefix, body = row[:3]
    assert re.compile(f"(?:{prefix})(?:{body})").match("") is None
    assert sum(other[:2] == (entity, prefix) for other in KEYS) == 1


@pytest.mark.parametrize("row", PROVIDERS, ids=lambda row: row.names[:20])
def test_a_form_of_a_provider_is_no_name(row: tuple[str, ...]) -> None:
    form = re.compile(row[2], re.IGNORECASE)
    for name in ("disabled", "true", "https", "example-name", "0"):
        assert not form.fullmatch(name)


@pytest.mark.parametrize(
    "written",
    [
        *("netlifyToken = {}", "NETLIFY_AUTH={}", "netlify-key: '{}'", 'netlifyToken := "{}"', "<netlify>{}</netlify>"),
        *(
            '{{"netlify": "{}"}}',
            '"netlifyKey" => "{}"',
            'set("NETLIFY", "{}")',
            "export NETLIFY_KEY={}",
            "$netlify .= '{}'",
        ),
        *('{{"log": "{{\\"netlify\\": \\"{}\\"}}"}}', '{{"ini": "NETLIFY={}\\nX=true"}}'),
    ],
)
def test_a_key_without_prefix_is_found_by_the_name_of_its_provider(written: str) -> None:
    key = (RANDOM + RANDOM)[:40]
    inspected = Reader(detector()).text(written.format(key))
    assert "CLOUD_KEY" in {finding.entity for finding in inspected.findings}
    other = Reader(detector()).text(written.format("my-site-of-the-team-in-berlin-and-munich"))
    assert "CLOUD_KEY" not in {finding.entity for finding in other.findings}


@pytest.mark.parametrize(
    "text",
    [
        *("API_KEY=${API_KEY_1}", "api_key: {{ secrets.KEY_1 }}", "token: <YOUR_TOKEN_1>", "token = $(cat token1.txt)"),
        *("password: changeme123", "api_key = 'your-api-key-123'", "secret = os.environ['SECRET_1']", "pwd: ********1"),
        *(
            "password=%DB_PASSWORD1%",
            "api_key: xxxxxxxxxxxx1234",
            "token = config.get_token1()",
            "secret: /run/secrets/db1",
        ),
        *("token: 2026-11-27T09:30:00Z", "secret: arn:aws:secretsmanager:eu-west-1:123456789012:secret:x-1"),
        *("nextPageToken: CAUQAAaB3dE6gH9j", "publicToken = 9Cnzj4p4WGeKLs1Pt8QuKU", "password: &lt;password1&gt;"),
    ],
)
def test_what_stands_for_a_secret_is_none(text: str) -> None:
    assert not secrets_in(text)


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("token=" + RANDOM + "&page=1", RANDOM),
        ("my api key " + RANDOM + " does not work", RANDOM),
        ("mysql://root:" + "hunter2@db/x", "hunter2"),
        ("curl -u elastic:" + "P4ssw0rd.x https://x", "P4ssw0rd.x"),
        ("kubeadm join --token " + "abcdef.1234567890abcdef x", "abcdef.1234567890abcdef"),
        ("username: anna\npassword: " + "correcthorse\n", "correcthorse"),
        ("password => '" + "correct.horse'", "correct.horse"),
        ("X-Api-Key: " + RANDOM, RANDOM),
        ("$6$" + RANDOM[:8] + "$" + RANDOM * 3 + "aB3dE6gH9jK2mN", RANDOM * 3),
    ],
)
def test_all_of_a_secret_is_found(text: str, secret: str) -> None:
    start = text.index(secret)
    assert any(f.start <= start and f.end >= start + len(secret) for f in secrets_in(text))


def test_a_checksum_makes_sure() -> None:
    body = "".join(random.Random(3).choices(BASE62, k=30))
    for entity, prefix in (("GITHUB_TOKEN", "ghp_"), ("NPM_TOKEN", "npm_")):
        sure = [f.score for f in secrets_in(prefix + with_checksum(body)) if f.entity == entity]
        likely = [f.score for f in secrets_in(prefix + body + "abcdef") if f.entity == entity]
        assert sure == [1.0]
        assert likely == [0.95]


def test_a_filled_in_key_is_none_and_a_cut_one_is() -> None:
    assert is_key("GITLAB_TOKEN", "glpat-" + "X" * 20) is False
    assert is_key("GITLAB_TOKEN", "glpat-" + RANDOM[:12]) is None
    assert is_key("AWS_ACCESS_KEY", "AKIA" + "IOSFODNN7EXAMPLE") is None


def test_what_documentation_publishes_is_known_by_its_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    key = "AIza" + (RANDOM + RANDOM)[:35]
    assert [f.entity for f in secrets_in(key)] == ["GOOGLE_API_KEY"]
    monkeypatch.setattr(checks, "is_published", lambda found: found == key)
    assert not secrets_in(key)


@pytest.mark.parametrize(
    ("value", "is_wordy"),
    [
        ("requiredTypesForDisplay", True),
        ("change-my-password", True),
        (RANDOM, False),
        ("abc123def456", False),
        ("", False),
    ],
)
def test_words_are_told_from_keys(value: str, is_wordy: bool) -> None:
    assert checks.is_wordy(value) is is_wordy


def test_the_default_policy_knows_every_kind_of_secret() -> None:
    (rule,) = (rule for rule in load_policy(config_with()).rules if rule.id == "credentials")
    assert set(rule.when.entities) == ENTITIES


def test_a_secret_is_removed_and_labelled() -> None:
    key = (RANDOM + RANDOM)[:40]
    record = {"request": {"model": "m", "messages": [{"role": "user", "content": f"netlifyToken={key} fails"}]}}
    line = orjson.dumps(record)
    (event,) = Pipeline(config_with(policy={"content": "redacted"}))(RawRecord(record, line))
    assert key.encode() not in orjson.dumps(event)
    assert "credentials" in event["data_categories"]
    assert event["prompt_classification"] == "restricted"


def test_a_detector_says_nothing_of_its_check_in_its_name() -> None:
    """What compiled patterns are kept under must be the same in the next process."""
    assert any(detector.check for detector in SECRETS)
    assert all(" at 0x" not in repr(detector) for detector in SECRETS)
