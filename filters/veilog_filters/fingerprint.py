"""Keyed hashes: with the key, equal texts have equal hashes; without it, a hash tells nothing.

An unkeyed hash of a short prompt is guessed in seconds, so every hash is HMAC-SHA-256 and names its key. Subkeys are
derived per domain (``prompt``, ``system_prompt``, ``raw``, ...) and tenant, so a hash of one field or tenant cannot be
compared with one of another:

    subkey = HMAC(key, "veilog/1" 0x00 domain 0x00 tenant)        hash = HMAC(subkey, data)

Texts are hashed in a canonical form (Unicode NFKC, white space folded), so that trivial edits do not split a cluster.
While a rotation overlaps, a second ``Fingerprinter`` under the previous key makes the hashes of ``previous_hashes``.
What is merely alike is joined by ``sketch``.
"""

from __future__ import annotations

import base64
import binascii
import functools
import hashlib
import hmac
import itertools
import json
import os
import secrets
from pathlib import Path
from typing import Final, Protocol

import orjson

from veilog_filters.config import HashKey
from veilog_filters.errors import ConfigError, Defect
from veilog_filters.normal import nfkc
from veilog_filters.sketch import Sketcher
from veilog_filters.yaml_file import dotted, key_of, line_of, reason_of, variable
from veilog_parsers.event import AuditEvent, Constant, Digest, Message, PreviousHashes, Role, SensitiveText
from veilog_parsers.record.raw import RawRecord

MIN_KEY_BYTES: Final = 32
_DOMAIN_CACHE: Final = 1024
_FOLDED: Final = bytes(code for code in range(128) if chr(code).isspace() and chr(code) != " ")
_EPHEMERAL_KEY: Final = "VEILOG_EPHEMERAL_KEY"
_MIN_DISTINCT_BYTES: Final = 12
_MIN_DISTINCT_STEPS: Final = 8


def new_key() -> str:
    """A fresh key: base64 of 32 random bytes."""
    return base64.b64encode(secrets.token_bytes(MIN_KEY_BYTES)).decode()


def load_key(option: HashKey, where: str = "hash_key", file: str = "configuration") -> tuple[bytes, str]:
    """The key that an option names, and its id.

    Raises:
        ConfigError: the variable or file is not there, or what it holds is no key, or one that can be guessed. The
            error quotes nothing of it.
    """
    if option.ephemeral:
        # One key for this process and the workers that it starts: they inherit its environment.
        key = base64.b64decode(os.environ.setdefault(_EPHEMERAL_KEY, new_key()))
    else:
        key = _read_key(option, where, file)
    return key, option.key_id or hmac.digest(key, b"veilog/1\0key_id", "sha256").hex()[:8]


def _read_key(option: HashKey, where: str, file: str) -> bytes:
    place = (*key_of(where), "env" if option.env else "file")
    fix = _how_to_make_one(option, where)

    def fail(problem: str) -> ConfigError:
        return ConfigError(Defect(file, line_of(file, place), dotted(place), problem, fix))

    if option.env:
        encoded, origin = os.environb.get(option.env.encode(), b"").strip(), variable(option.env)
    else:
        origin = "the file"
        try:
            encoded = Path(option.file).read_bytes().strip()
        except OSError as error:
            raise fail(f"cannot read the file: {reason_of(error)}") from None
    if not encoded:
        raise fail(f"there is no key in {origin}")
    try:
        key = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise fail(f"{origin} does not hold base64") from None
    if len(key) < MIN_KEY_BYTES:
        raise fail(f"the key in {origin} has {len(key)} bytes, expected at least {MIN_KEY_BYTES}")
    if is_weak(key):
        raise fail(f"the key in {origin} can be guessed: its bytes repeat or follow a rule")
    return key


def _how_to_make_one(option: HashKey, where: str) -> str:
    if where != "hash_key":
        return f"put the key there that was in use before, or remove {where}"
    if option.file:
        return "run: (umask 077; veilog key > FILE) with the file that is named here"
    name = option.env if variable(option.env).endswith(option.env) else "NAME"
    return f"run: export {name}=$(veilog key)"


def is_weak(key: bytes) -> bool:
    """Whether a key was typed rather than drawn: few different bytes, a repeated piece, or steps of one size.

    Of 32 random bytes 30 are different, and fewer than 12 are so rare that no drawn key is ever refused.
    """
    if len(set(key)) < _MIN_DISTINCT_BYTES:
        return True
    steps = {(after - before) % 256 for before, after in itertools.pairwise(key)}
    return len(steps) < _MIN_DISTINCT_STEPS or any(
        key == (key[:size] * len(key))[: len(key)] for size in range(1, len(key) // 2 + 1)
    )


def is_text(key: bytes) -> bool:
    """Whether a key is plain text, which a person may have thought up. (One of random bytes never is.)"""
    return key.isascii() and key.decode("ascii").isprintable()


def canonical(text: str) -> bytes:
    """The form in which texts are hashed: NFKC, runs of white space as one blank, none at the ends, UTF-8."""
    if text.isascii():
        data = text.encode("ascii").strip()
        # Most texts have it already but for blanks around them, which is seen in a quarter of the time of splitting.
        if b"  " not in data and len(data.translate(None, _FOLDED)) == len(data):
            return data
    else:
        text = nfkc(text)
    return " ".join(text.split()).encode("utf-8", "replace")


def _canonical_value(record: RawRecord) -> bytes:
    """One form of a record's value, and of the metadata and group beside it."""
    beside = [record.metadata, record.group] if record.metadata or record.group else []
    try:
        return orjson.dumps([record.value, *beside], option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:
        # Integers of more than 64 bits, or deeper nesting than orjson writes.
        try:
            return json.dumps([record.value, *beside], sort_keys=True).encode()
        except (ValueError, TypeError, RecursionError):
            return record.raw


class Sha256(Protocol):
    """What is used of the library's object."""

    def copy(self) -> Sha256:
        """Another one that goes on from here."""
        ...

    def update(self, data: bytes, /) -> None:
        """Go on with further data."""
        ...

    def digest(self) -> bytes:
        """The hash of all data until now."""
        ...

    def hexdigest(self) -> str:
        """The same in hexadecimal digits."""
        ...


class KeyedHash:
    """A running HMAC-SHA-256 (RFC 2104), as ``hmac.new`` makes one, in two thirds of its time.

    A record has five hashes. The library's object adds a layer of Python around SHA-256. This class has none: it keeps
    the inner and the outer state of RFC 2104, and copies them for each hash (``benchmarks/bench_pipeline.py``).

    Args:
        inner: SHA-256 begun with the inner block.
        outer: SHA-256 begun with the outer block.
    """

    __slots__ = ("_inner", "_outer")

    def __init__(self, inner: Sha256, outer: Sha256) -> None:
        self._inner = inner
        self._outer = outer

    @classmethod
    def of_key(cls, key: bytes) -> KeyedHash:
        """A new one, under a key of at most 64 bytes, the size of a block."""
        block = key.ljust(_BLOCK_BYTES, b"\0")
        return cls(hashlib.sha256(block.translate(_INNER)), hashlib.sha256(block.translate(_OUTER)))

    def copy(self) -> KeyedHash:
        """Another one that goes on from here."""
        return KeyedHash(self._inner.copy(), self._outer)

    def update(self, data: bytes) -> None:
        """Go on with further data."""
        self._inner.update(data)

    def digest(self) -> bytes:
        """The hash of all data until now."""
        outer = self._outer.copy()
        outer.update(self._inner.digest())
        return outer.digest()

    def hexdigest(self) -> str:
        """The same in 64 hexadecimal digits."""
        return self.digest().hex()

    def hexdigest_with(self, data: bytes) -> str:
        """What ``hexdigest`` would give after an update; this one stays as it is."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(data)
        outer.update(inner.digest())
        return outer.hexdigest()


_BLOCK_BYTES: Final = 64
_INNER: Final = bytes(byte ^ 0x36 for byte in range(256))
_OUTER: Final = bytes(byte ^ 0x5C for byte in range(256))


class Fingerprinter:
    """Makes the keyed hashes under one key.

    Args:
        key: at least 32 bytes.
        key_id: what events call the key.

    Attributes:
        key_id: what events call the key.
        sketch: makes the sketches of prompts under it.
    """

    def __init__(self, key: bytes, key_id: str) -> None:
        self._key = key
        self.key_id = Constant(key_id)
        # Deriving a subkey costs as much as hashing a prompt; tenants come from records, so the cache is bounded.
        self._keyed = functools.lru_cache(_DOMAIN_CACHE)(self._derive)
        self.sketch = Sketcher(functools.partial(self.subkey, "prompt_sketch"))

    def _derive(self, domain: str, tenant: str) -> KeyedHash:
        return KeyedHash.of_key(self.subkey(domain, tenant))

    def subkey(self, domain: str, tenant: str) -> bytes:
        """The 32 bytes under which a domain and a tenant are hashed. They never leave the process."""
        label = b"\0".join((b"veilog/1", domain.encode(), tenant.encode("utf-8", "replace")))
        return hmac.digest(self._key, label, "sha256")

    def start(self, domain: str, tenant: str = "") -> KeyedHash:
        """A running hash, for data that comes in pieces."""
        return self._keyed(domain, tenant).copy()

    def digest(self, domain: str, tenant: str, data: bytes) -> Digest:
        """The hash of some bytes, 64 hexadecimal digits."""
        return Digest(self._keyed(domain, tenant).hexdigest_with(data))

    def record(self, record: RawRecord, tenant: str) -> bytes:
        """The digest of all that a raw record says, whatever format it came in: key of its ``event_id``.

        JSON and msgpack, spaces and the order of keys make no difference; any value does, metadata and group included.
        Of a record that was not decoded exactly, the bytes are hashed as well.
        """
        running = self._keyed("record", tenant).copy()
        running.update(_canonical_value(record))
        if record.is_lossy:
            running.update(b"\0")
            running.update(record.raw)
        return running.digest()

    def text(self, domain: str, tenant: str, text: str) -> Digest | None:
        """The hash of a text in its canonical form; None for a text of nothing but white space."""
        data = canonical(text)
        return self.digest(domain, tenant, data) if data else None


def fingerprint(
    event: AuditEvent, current: Fingerprinter, previous: Fingerprinter | None, tenant: str, *, sketches: bool = True
) -> None:
    """Fill the hashes of an event's prompt, system prompt, response and credential, and the texts' lengths.

    Args:
        event: the event.
        current: hashes under the key in use.
        previous: under the one before, while a rotation lasts.
        tenant: by which hashes are separated.
        sketches: whether the prompt has a sketch too.
    """
    user = newest_user_turn(event.prompt_messages)
    system: list[str] = []
    sent: list[str] = []
    for message in event.prompt_messages:
        (system if message.role is Role.SYSTEM else sent).extend(_texts(message))
    produced = [text for message in event.response_messages for text in _texts(message)]
    system_prompt, response = "\n".join(system), "\n".join(produced)
    credential = event.credential
    if credential is not None and isinstance(credential.id_hash, SensitiveText):
        credential.id_hash = current.text("credential", tenant, credential.id_hash.reveal())
    event.prompt_hash = current.text("prompt", tenant, user)
    if sketches:
        event.prompt_sketch = current.sketch(user, tenant)
    event.system_prompt_hash = current.text("system_prompt", tenant, system_prompt)
    event.response_hash = current.text("response", tenant, response)
    if event.prompt_messages:
        event.prompt_chars = sum(map(len, sent))
    if event.response_messages:
        event.response_chars = sum(map(len, produced))
    if event.prompt_hash or event.system_prompt_hash or event.response_hash:
        event.hash_key_id = current.key_id
        if previous is not None:
            event.previous_hashes = PreviousHashes(
                hash_key_id=previous.key_id,
                prompt_hash=previous.text("prompt", tenant, user),
                prompt_sketch=previous.sketch(user, tenant) if sketches else None,
                system_prompt_hash=previous.text("system_prompt", tenant, system_prompt),
                response_hash=previous.text("response", tenant, response),
            )


def newest_user_turn(messages: list[Message]) -> str:
    """The text of the last turn a user wrote: what a repeat offender repeats, whatever history is sent along."""
    for message in reversed(messages):
        if message.role is Role.USER:
            return "\n".join(_texts(message))
    return ""


def _texts(message: Message) -> list[str]:
    return [part.reveal() for part in message.parts]
