"""``veilog prove``: it holds for what the project promises, says what a policy keeps, and can fail."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from conftest import Run
from samples import config_with
from veilog_filters import cli
from veilog_filters.fingerprint import Fingerprinter
from veilog_filters.gate import Grammar
from veilog_filters.pipeline import Pipeline
from veilog_filters.prove import proof, prose, summary
from veilog_filters.prove.known import KNOWN
from veilog_filters.prove.proof import Check, Proof
from veilog_parsers.errors import ErrorType
from veilog_parsers.event import CleanText

MARKS = ("oracle", "values", "failures", "offline")
KEY = bytes(range(7, 250, 7)) + b"prove"
SMALL: dict[str, Any] = {"records": 60, "seed": 1, "say": lambda what: None}


def proved(**sections: Any) -> Proof:
    return proof.prove(config_with(**sections), None, "2026-01-01T00:00:00Z", **SMALL)


def check_of(found: Proof, name: str) -> Check:
    return next(check for check in found.checks if check.name == name)


def test_the_command_proves_the_defaults_and_signs_both_forms(veilog: Run, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("policy: {name: audited}\n")
    done = veilog("prove", "--config", "c.yaml", "--records", "300", "--html", "proof.html")
    assert done.returncode == 0, done.stderr
    text = done.stdout.decode()
    assert text.count("\n[holds] ") == len(MARKS)
    assert "DOES NOT HOLD" not in text
    assert "policy         audited: content: drop" in text
    assert all(f"{error_type}  " in text for error_type in ErrorType)
    assert all(f"{known.entity} " in text for known in KNOWN)
    assert "not found by this configuration" not in text
    assert max(map(len, text.splitlines()[:-1])) <= summary.WIDTH
    page = (tmp_path / "proof.html").read_text()
    assert "<script" not in page
    assert "://" not in page
    (tmp_path / "proof.txt").write_bytes(done.stdout)
    for name in ("proof.txt", "proof.html"):
        done = veilog("prove", "--config", "c.yaml", "--verify", name)
        assert (done.returncode, done.stdout.split(b",")[0]) == (0, f"{name}: as veilog wrote it".encode())
        changed = (tmp_path / name).read_bytes().replace(b"audited", b"Audited")
        (tmp_path / name).write_bytes(changed)
        done = veilog("prove", "--config", "c.yaml", "--verify", name)
        assert done.returncode == 1
        assert b"was changed" in done.stderr


def test_text_that_a_policy_keeps_is_kept_text_and_no_leak() -> None:
    found = proved(policy={"content": "redacted", "unmapped": "redact", "unrecognized": "redact"})
    assert found.holds
    kept = dict(found.kept)
    for field in ("content", "unmapped"):
        assert int(kept[f"text in {field}"].rpartition("; in ")[2].split()[0].replace(",", "")) > 0
    assert "text" not in kept
    assert "but in the fields in which the policy keeps text" in check_of(found, "oracle").promise
    assert dict(check_of(found, "failures").rows)["unrecognized"].startswith("kept, cleaned")
    assert any("no detector finds" in limit for limit in found.limits)


@pytest.mark.parametrize(
    "sections",
    [
        {"source": "openai_gateway"},
        {"policy": {"unrecognized": "drop", "identity": "pseudonymize"}},
        {"limits": {"max_record_bytes": 8192}, "detect": {"entities": ["EMAIL_ADDRESS"], "secrets": False}},
        {"mapped": [{"name": "mine", "when": {"a.b": "*", "kind": "chat"}, "fields": {"prompt": "a.b.c", "user_id": "u"}}]},
    ],
    ids=["one source", "unrecognized are dropped", "narrow", "a mapping"],
)  # fmt: skip
def test_other_configurations_hold_too(sections: dict[str, Any]) -> None:
    found = proved(**sections)
    assert found.holds, [check for check in found.checks if not check.holds]


def test_a_mapping_of_the_configuration_is_tried_itself() -> None:
    mapping = {"name": "mine", "when": {"a.b": "*"}, "fields": {"prompt": "a.c", "user_id": "u"}}
    config = config_with(mapped=[mapping])
    records = [record for record in proof._records(config, 1, 1) if record.base == "your mapping 1"]
    # Three leaves, and their keys, and that of "a".
    assert len(records) == 7
    assert any(b'"u":"x"' in record.line and b'"b":"x"' in record.line for record in records)


def run(*arguments: str) -> int:
    """The command in this process; its exit code."""
    return cli._guarded(lambda: cli.app(["prove", "--records", "60", *arguments], "veilog", standalone_mode=False))


def test_a_gate_that_lets_everything_through_fails(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setattr(Grammar, "fits", lambda self, value: True)
    with pytest.raises(SystemExit) as ended:
        run()
    assert ended.value.code == 1
    out = capfdbinary.readouterr().out.decode()
    assert "DO NOT HOLD" in out
    assert "[DOES NOT HOLD] No sentence" in out
    assert "planted at" in out


def test_a_redaction_that_does_nothing_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("veilog_filters.redact.Redactor.text", lambda self, text, tenant: CleanText(text.text))
    found = proved(policy={"content": "redacted"})
    assert not check_of(found, "values").holds
    assert ("CREDIT_CARD", "found, and left") in check_of(found, "values").rows


def test_a_failure_that_is_printed_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    fail = Pipeline._fail

    def talk(self: Pipeline, job: Any, error_type: ErrorType) -> None:
        print(job.record.raw)
        fail(self, job, error_type)

    monkeypatch.setattr(Pipeline, "_fail", talk)
    found = check_of(proved(), "failures")
    assert not found.holds
    assert dict(found.rows)["detector_failed"] == "CONTENT WAS PRINTED"
    assert dict(found.rows)["malformed_json"] == "quarantined, no content"


def test_a_failure_that_lets_the_record_through_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def let_through(self: Pipeline, job: Any, error_type: ErrorType) -> None:
        job.written = [[{"kind": "other", "raw": job.record.raw.decode()}]]

    monkeypatch.setattr(Pipeline, "_fail", let_through)
    found = check_of(proved(), "failures")
    assert dict(found.rows)["redaction_failed"] == "CONTENT LEFT"
    assert not found.holds


def test_a_library_that_reaches_out_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """To this host: the tests' own denial lets that pass, that of the command does not."""

    def reach_out(*arguments: Any) -> Check:
        socket.create_connection(("127.0.0.1", 9), timeout=1)
        raise AssertionError

    monkeypatch.setattr(proof, "_values", reach_out)
    found = proved()
    assert not check_of(found, "values").holds
    offline = check_of(found, "offline")
    assert not offline.holds
    assert offline.rows == (("socket.getaddrinfo", "1 times"),)


def test_a_check_that_cannot_end_does_not_hold_and_says_nothing_of_the_record(monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*arguments: Any) -> Any:
        raise ValueError("the record says hush")

    monkeypatch.setattr(prose, "events_of", stop)
    found = proved()
    assert not check_of(found, "oracle").holds
    assert "hush" not in summary.as_text(found, Fingerprinter(KEY, "k"))


def test_signatures() -> None:
    found = Proof(facts=(("a", "b & c"),), kept=(), checks=(), limits=())
    signer, other = Fingerprinter(KEY, "k1"), Fingerprinter(KEY[::-1], "k2")
    page = summary.as_text(found, signer).encode()
    assert summary.verify(page, [other, signer]) == "k1"
    assert "b &amp; c" in summary.as_html(found, signer)
    for bad, words in (
        (page[:-5], "no signature"),
        (b"", "no signature"),
        (page.replace(b"b &", b"d &"), "changed"),
        (page.replace(b"k1", b"k2"), "changed"),
        (page.replace(b"k1", b"k3"), "another key"),
        (b"x\n" + page, "changed"),
    ):
        with pytest.raises(summary.SignatureError, match=words):
            summary.verify(bad, [signer, other])
    with pytest.raises(summary.SignatureError, match="changed"):
        summary.verify(page, [Fingerprinter(KEY[::-1], "k1")])


def test_what_cannot_be_read_or_written_is_said(veilog: Run) -> None:
    done = veilog("prove", "--verify", "missing.txt")
    assert (done.returncode, b"cannot read missing.txt" in done.stderr) == (2, True)
    done = veilog("prove", "--records", "1", "--html", "no/such/folder.html")
    assert (done.returncode, b"cannot write no/such/folder.html" in done.stderr) == (2, True)
