"""What a start asks of the host: keys, secrets, certificates and folders, each wrong in every way that it can be."""

from __future__ import annotations

import base64
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml
from cryptography.hazmat.primitives import serialization

from veilog_filters import startup
from veilog_filters.config import Policy
from veilog_filters.errors import ConfigError
from veilog_filters.fingerprint import new_key

AUTHORITY = trustme.CA()
PAIR, OTHER = AUTHORITY.issue_cert("localhost"), AUTHORITY.issue_cert("localhost")
CHAIN, KEY, OTHER_KEY = PAIR.cert_chain_pems[0].bytes(), PAIR.private_key_pem.bytes(), OTHER.private_key_pem.bytes()
ENCRYPTED = serialization.load_pem_private_key(KEY, None).private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"phrase")
)
NOBODY = 65_534


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for name, data in {
        "hash.key": new_key().encode(),
        "shared.key": b"a shared key of some length",
        "server.pem": CHAIN,
        "server.key": KEY,
        "ca.pem": AUTHORITY.cert_pem.bytes(),
    }.items():
        (tmp_path / name).write_bytes(data)
        (tmp_path / name).chmod(0o600)
    return tmp_path


def start(home: Path, **sections: Any) -> tuple[list[str], list[str]]:
    """The defects and warnings of a configuration."""
    path = home / "c.yaml"
    path.write_text(yaml.safe_dump({"hash_key": {"file": "hash.key"}, **sections}))
    try:
        return [], startup.start(str(path), sidecar=True)[1]
    except ConfigError as error:
        return [str(defect) for defect in error.defects], []


def sidecar(**listen: Any) -> dict[str, Any]:
    return {"sidecar": {"listen": listen}}


TLS = {"cert_file": "server.pem", "key_file": "server.key", "ca_file": "ca.pem"}


def test_what_is_all_right_gives_no_word(home: Path) -> None:
    secret = {"file": "shared.key"}
    hop = {"address": "127.0.0.1:4001", "tls": TLS, "shared_key": secret, "username": "a", "password": secret}
    (home / "in.key").write_bytes(b"a key of its own for those who send to us")
    (home / "in.key").chmod(0o600)
    listen = {"unix": "in.sock", "tls": TLS, "shared_key": {"file": "in.key"}, "users": {"ann": secret}}
    assert start(home, sidecar={"listen": listen, "forward": [hop]}) == ([], [])


def test_one_key_for_both_sides_is_a_warning(home: Path) -> None:
    (home / "copy.key").write_bytes((home / "shared.key").read_bytes() + b"\n")
    (home / "copy.key").chmod(0o600)
    hops = [{"address": "h:1"}, {"address": "h:2", "shared_key": {"file": "copy.key"}}]
    defects, (warning,) = start(home, sidecar={"listen": {"shared_key": {"file": "shared.key"}}, "forward": hops})
    assert defects == []
    assert "sidecar.forward[1].shared_key: this is the key of sidecar.listen too" in warning
    assert "Fix: take different keys" in warning
    assert start(home, sidecar={"forward": hops}) == ([], [])


@pytest.mark.parametrize(
    "place", ["listen.shared_key", "listen.users.ann", "forward[0].shared_key", "forward[0].password"]
)
@pytest.mark.parametrize(
    ("break_it", "expected"),
    [
        (lambda file: file.unlink(), "cannot read the file: no such file or directory"),
        (lambda file: file.write_bytes(b" \n"), "there is no secret in the file"),
        (lambda file: (file.unlink(), file.mkdir()), "cannot read the file: is a directory"),
        (lambda file: file.chmod(0o666), "everybody on this host can write the file"),
    ],
)
def test_a_secret_that_is_not_there(place: str, break_it: Callable[[Path], Any], expected: str, home: Path) -> None:
    wrong, right = {"file": "wrong.key"}, {"file": "shared.key"}
    (home / "wrong.key").write_bytes(b"another key of some length")
    break_it(home / "wrong.key")
    secrets = dict.fromkeys(
        ("listen.shared_key", "listen.users.ann", "forward[0].shared_key", "forward[0].password"), right
    )
    secrets[place] = wrong
    listen = {"shared_key": secrets["listen.shared_key"], "users": {"ann": secrets["listen.users.ann"]}}
    hop = {
        "address": "h:1",
        "username": "a",
        "shared_key": secrets["forward[0].shared_key"],
        "password": secrets["forward[0].password"],
    }
    defects, _ = start(home, sidecar={"listen": listen, "forward": [hop]})
    assert len(defects) == 1, defects
    assert f"sidecar.{place}.file: {expected}. Fix: " in defects[0]
    assert "c.yaml:" in defects[0]


def test_all_defects_are_told_at_once_in_the_order_of_the_file(home: Path) -> None:
    defects, _ = start(
        home,
        hash_key={"env": "NOT_THERE_AT_ALL"},
        previous_hash_key={"file": "gone"},
        sidecar={"listen": {"shared_key": {"env": "NEITHER_THIS"}, "unix": "no/folder/in.sock"}},
        lookup={"departments_file": "gone.csv"},
    )
    assert len(defects) == 5
    assert defects == sorted(defects, key=lambda line: int(line.split(":")[1]))
    assert any("there is no key in the environment variable NOT_THERE_AT_ALL" in line for line in defects)
    assert any("there is no secret in the environment variable NEITHER_THIS" in line for line in defects)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"server.pem": None}, "tls.cert_file: cannot read the file: no such file or directory"),
        ({"server.pem": b""}, "tls.cert_file: the file is no PEM"),
        ({"server.pem": b"\x30\x82\x01\x0a"}, "tls.cert_file: the file is no PEM"),
        ({"server.pem": b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}, "tls.key_file: there is no certificate or no private key"),
        ({"server.key": None}, "tls.key_file: cannot read the file: no such file or directory"),
        ({"server.key": b"key"}, "tls.key_file: the file is no PEM"),
        ({"server.key": CHAIN}, "tls.key_file: there is no certificate or no private key in the file"),
        ({"server.key": OTHER_KEY}, "tls.key_file: the key is not that of the certificate"),
        ({"server.key": ENCRYPTED}, "tls.key_file: the key is encrypted, and nobody is there to type its passphrase"),
        ({"ca.pem": None}, "tls.ca_file: cannot read the file: no such file or directory"),
        ({"ca.pem": b"ca"}, "tls.ca_file: the file is no PEM"),
        ({"ca.pem": KEY}, "tls.ca_file: there is no CA certificate in the file"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("side", ["listen", "forward"])
def test_tls_files_that_are_wrong(side: str, files: dict[str, bytes | None], expected: str, home: Path) -> None:
    for name, data in files.items():
        if data is None:
            (home / name).unlink()
        else:
            (home / name).write_bytes(data)
    section = {"listen": {"tls": TLS}} if side == "listen" else {"forward": [{"address": "h:1", "tls": TLS}]}
    defects, _ = start(home, sidecar=section)
    assert len(defects) == 1, defects
    assert expected in defects[0]


def test_the_folder_of_a_socket(home: Path) -> None:
    (home / "file").write_text("")
    (home / "taken.sock").write_text("notes")
    for path, expected in (
        ("no/such/in.sock", "the folder of the socket is not there"),
        ("file/in.sock", "the folder of the socket is not there"),
        ("x" * 107, "the path of a socket has at most 107 bytes"),
        ("taken.sock", "there is something at this path that is no socket"),
    ):
        (defect,), _ = start(home, **sidecar(unix=path))
        assert f"sidecar.listen.unix: {expected}" in defect
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(home / "old.sock"))
    assert start(home, **sidecar(unix="old.sock")) == ([], [])


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
def test_what_this_user_may_not_read_or_write(home: Path) -> None:
    (home / "closed").mkdir(mode=0o755)
    home.chmod(0o755)
    (home / "c.yaml").touch()
    (home / "c.yaml").chmod(0o666)
    for parent in home.parents:
        if parent.stat().st_mode & 0o005 != 0o005:
            parent.chmod(parent.stat().st_mode | 0o055)
    start(home)  # what is imported late may be where another user cannot read
    os.seteuid(NOBODY)
    try:
        defects, _ = start(home, **sidecar(unix="closed/in.sock", shared_key={"file": "shared.key"}))
    finally:
        os.seteuid(0)
    assert any("hash_key.file: cannot read the file: permission denied" in line for line in defects)
    assert any("shared_key.file: cannot read the file: permission denied" in line for line in defects)
    assert any("the folder of the socket cannot be written" in line for line in defects)


def test_the_previous_key_is_another_one(home: Path) -> None:
    (home / "copy.key").write_bytes((home / "hash.key").read_bytes() + b"\n")
    (home / "copy.key").chmod(0o600)
    (defect,), _ = start(home, previous_hash_key={"file": "copy.key", "key_id": "another"})
    assert "previous_hash_key: the previous key is the current one" in defect


@pytest.mark.parametrize("key", [bytes(32), b"ab" * 16, bytes(range(32)), b"0123456789" * 4])
@pytest.mark.parametrize("where", ["hash_key", "previous_hash_key"])
def test_a_key_that_can_be_guessed_is_refused_and_not_shown(key: bytes, where: str, home: Path) -> None:
    (home / "weak.key").write_bytes(base64.b64encode(key))
    (home / "weak.key").chmod(0o600)
    (defect,), _ = start(home, **{where: {"file": "weak.key"}})
    assert f"{where}.file: the key in the file can be guessed" in defect
    assert base64.b64encode(key).decode() not in defect


def test_what_is_unwise_is_a_warning(home: Path) -> None:
    (home / "hash.key").chmod(0o644)
    (home / "text.key").write_bytes(base64.b64encode(b"the quick brown fox jumps over it"))
    (home / "short.key").write_text("short")
    for name in ("text.key", "short.key"):
        (home / name).chmod(0o600)
    defects, warnings = start(home, previous_hash_key={"file": "text.key"}, **sidecar(shared_key={"file": "short.key"}))
    assert defects == []
    assert len(warnings) == 3
    assert all(line.startswith("warning: ") for line in warnings)
    assert any("hash_key.file: everybody on this host can read the file" in line for line in warnings)
    assert any("previous_hash_key: the key is plain text" in line for line in warnings)
    assert any("the secret is shorter than 16 bytes" in line for line in warnings)


def test_the_next_hop_is_not_this_host_by_another_address(home: Path) -> None:
    own = socket.gethostname()
    for host in (own, own.upper(), "127.0.0.3"):
        (defect,), _ = start(
            home, sidecar={"listen": {"tcp": "0.0.0.0:4000"}, "forward": [{"address": f"{host}:4000"}]}
        )
        assert "forward[0].address: this is where veilog itself listens" in defect


def test_filter_needs_nothing_of_the_sidecar(home: Path) -> None:
    (home / "c.yaml").write_text("hash_key: {file: hash.key}\nsidecar: {listen: {unix: no/folder/in.sock}}\n")
    assert startup.start(str(home / "c.yaml"))[1] == []


def test_the_choices_that_keep_text_are_named() -> None:
    assert startup.kept_text(Policy()) == ""
    assert startup.kept_text(Policy(content="redacted")) == "text leaves, cleaned: policy.content: redacted"
    assert startup.kept_text(Policy(unmapped="redact")) == "text leaves, cleaned: policy.unmapped: redact"
    everything = Policy(content="redacted", unmapped="redact", unrecognized="redact")
    assert startup.kept_text(everything).endswith(
        "policy.content: redacted, policy.unmapped: redact, policy.unrecognized: redact"
    )
