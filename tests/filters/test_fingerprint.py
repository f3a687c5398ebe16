"""Keyed hashes: what they are over, what separates them, and where keys come from."""

from __future__ import annotations

import base64
import hashlib
import hmac
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veilog_filters.config import HashKey
from veilog_filters.errors import ConfigError
from veilog_filters.fingerprint import (
    Fingerprinter,
    KeyedHash,
    canonical,
    fingerprint,
    load_key,
    new_key,
    newest_user_turn,
)
from veilog_parsers.event import AuditEvent, Message, Role, SensitiveText

KEY = b"one of 32 bytes, not all alike!!"
OURS = Fingerprinter(KEY, "k1")


def message(role: Role, *texts: str) -> Message:
    return Message(role, [SensitiveText(text) for text in texts])


def test_the_construction_is_the_documented_one() -> None:
    subkey = hmac.digest(KEY, b"veilog/1\0prompt\0acme", "sha256")
    expected = hmac.new(subkey, b"hello world", hashlib.sha256).hexdigest()
    assert OURS.text("prompt", "acme", " hello \n world ") == expected


def test_domain_tenant_and_key_separate_hashes() -> None:
    hashes = {
        OURS.text("prompt", "", "x"),
        OURS.text("response", "", "x"),
        OURS.text("prompt", "acme", "x"),
        Fingerprinter(b"l" * 32, "k1").text("prompt", "", "x"),
    }
    assert len(hashes) == 4


@pytest.mark.parametrize(
    ("text", "same"),
    [("Ｈｅｌｌｏ", "Hello"), ("a\u00a0b", "a b"), ("\ta  b\r\n", "a b"), ("ﬁne", "fine"), ("é", "e\u0301")],
)
def test_trivial_edits_do_not_change_the_hash(text: str, same: str) -> None:
    assert canonical(text) == canonical(same)


@given(st.text(st.sampled_from("ab \t\n\r\v\f\x1c\x1d\x1e\x1f\x00\x7f\x85\u00a0é")))
def test_white_space_is_folded_in_any_text(text: str) -> None:
    assert canonical(text).decode() == " ".join(unicodedata.normalize("NFKC", text).split())


def test_case_and_words_do() -> None:
    assert len({canonical(text) for text in ("a b", "A b", "ab", "a b c")}) == 4


def test_a_lone_surrogate_can_be_hashed() -> None:
    assert OURS.text("prompt", "\ud83d", "x \ud83d")


def test_blank_text_has_no_hash() -> None:
    assert OURS.text("prompt", "", " \n ") is None


def test_prompt_hash_is_over_the_newest_user_turn() -> None:
    messages = [
        message(Role.SYSTEM, "be kind"),
        message(Role.USER, "first"),
        message(Role.ASSISTANT, "yes"),
        message(Role.USER, "second", "part"),
        message(Role.TOOL, "result"),
    ]
    assert newest_user_turn(messages) == "second\npart"
    event = AuditEvent(prompt_messages=messages, response_messages=[message(Role.ASSISTANT, "ok")])
    fingerprint(event, OURS, None, "")
    assert event.prompt_hash == OURS.text("prompt", "", "second part")
    assert event.system_prompt_hash == OURS.text("system_prompt", "", "be kind")
    assert event.response_hash == OURS.text("response", "", "ok")
    assert event.hash_key_id == "k1"
    assert event.prompt_chars == len("first" + "yes" + "second" + "part" + "result")
    assert event.response_chars == 2
    assert event.previous_hashes is None


def test_an_event_without_texts_has_no_hashes_and_names_no_key() -> None:
    event = AuditEvent()
    fingerprint(event, OURS, OURS, "")
    assert (event.prompt_hash, event.hash_key_id, event.previous_hashes, event.prompt_chars) == (None,) * 4


def test_during_a_rotation_events_carry_both_hashes() -> None:
    old = Fingerprinter(b"o" * 32, "old")
    event = AuditEvent(prompt_messages=[message(Role.USER, "hi")])
    fingerprint(event, OURS, old, "acme")
    assert event.previous_hashes is not None
    assert event.previous_hashes.hash_key_id == "old"
    assert event.previous_hashes.prompt_hash == old.text("prompt", "acme", "hi")
    assert event.previous_hashes.response_hash is None


def test_keys_come_from_environment_file_or_nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    encoded = base64.b64encode(KEY).decode()
    monkeypatch.setenv("SOME_KEY", f" {encoded}\n")
    (tmp_path / "key").write_text(encoded)
    from_environment = load_key(HashKey(env="SOME_KEY"))
    assert from_environment[0] == KEY
    assert from_environment == load_key(HashKey(file=str(tmp_path / "key")))
    assert load_key(HashKey(env="SOME_KEY", key_id="2026-q1"))[1] == "2026-q1"
    # One per start: workers that a process starts inherit it, another start has another one.
    first = load_key(HashKey(ephemeral=True))
    assert load_key(HashKey(ephemeral=True)) == first
    monkeypatch.delenv("VEILOG_EPHEMERAL_KEY")
    assert load_key(HashKey(ephemeral=True)) != first
    assert encoded not in from_environment[1]


WEAK = [
    base64.b64encode(key).decode()
    for key in (
        bytes(32),
        b"x" * 40,
        bytes(range(64)),
        bytes(range(255, 191, -1)),
        bytes(range(0, 224, 7)),
        b"0123456789abcdef" * 2,
        b"abc" * 20,
        b"aaaaaaaaaaaabbbbbbbbbbbccccccccc",
        b"password" * 4,
    )
]


@pytest.mark.parametrize("value", ["", "not base64!", base64.b64encode(b"x" * 31).decode(), *WEAK])
def test_what_is_no_key_is_refused_without_being_shown(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", value)
    with pytest.raises(ConfigError) as raised:
        load_key(HashKey(env="SOME_KEY"))
    assert not value or value not in str(raised.value)


def test_new_keys_are_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(1000):
        monkeypatch.setenv("SOME_KEY", new_key())
        assert len(load_key(HashKey(env="SOME_KEY"))[0]) == 32


@given(st.binary(min_size=32, max_size=64), st.lists(st.binary(max_size=200), max_size=4))
def test_keyed_hashes_are_those_of_the_library(key: bytes, pieces: list[bytes]) -> None:
    ours, theirs = KeyedHash.of_key(key), hmac.new(key, digestmod="sha256")
    for piece in pieces:
        before = ours.digest()
        copy = ours.copy()
        copy.update(piece)
        assert ours.digest() == before
        assert ours.hexdigest_with(piece) == copy.hexdigest()
        ours.update(piece)
        theirs.update(piece)
        assert copy.digest() == ours.digest() == theirs.digest()
    assert ours.hexdigest() == theirs.hexdigest()
