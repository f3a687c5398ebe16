"""Hostile input, by families: the same attack in any size, so that cost can be held against size.

A family is a function from a size to the bytes of one record (``LINES``) or of one Forward message (``FRAMES``). Text
families (``TEXTS``) make one text, which stands where a prompt stands. None makes sense to a reader: each is what is
most expensive for some part of the way, in many small pieces or in one large one.
"""

from __future__ import annotations

import base64
import dataclasses
import gzip
import random
from collections.abc import Callable
from typing import Any, Final

import msgpack
import orjson

Text = Callable[[int], str]


@dataclasses.dataclass(frozen=True, slots=True)
class Family:
    """One kind of hostile input.

    Attributes:
        name: its name.
        make: the input, by its size; about so many bytes long.
        largest: the largest size that is measured.
        is_frame: whether it is a Forward message.
        has_many: whether there are many records in it, which have a budget each.
    """

    name: str
    make: Callable[[int], bytes]
    largest: int
    is_frame: bool = False
    has_many: bool = False


MAX_TEXT_BYTES: Final = 262_144
"""As ``detect.max_text_bytes`` is by default."""


def repeat(unit: str) -> Text:
    """One piece of text again and again."""
    return lambda size: (unit * (size // len(unit) + 1))[:size]


def each(piece: Callable[[int], str], before: str = "") -> Text:
    """A piece of text for each number, all different."""

    def make(size: int) -> str:
        pieces, length, number = [before], len(before), 0
        while length < size:
            pieces.append(piece(number))
            length += len(pieces[-1])
            number += 1
        return "".join(pieces)[:size]

    return make


def between(before: str, unit: str, behind: str) -> Text:
    """One long word between others."""
    return lambda size: before + (unit * size)[: max(0, size - len(before) - len(behind))] + behind


_NOISE: Final = base64.b64encode(random.Random(1).randbytes(200_000)).decode()

TEXTS: Final[dict[str, Text]] = {
    "phones": each(lambda n: f"(212) 555-{n % 10_000:04}, "),
    "spaced digits": each(lambda n: f"{n % 10} "),
    "digit groups": each(lambda n: f"{n * 7919 % 1000:03}-{n % 10_000:04} "),
    "1-(": repeat("1-("),
    "1 ext 2": repeat("1 ext 2 "),
    "1x1": repeat("1x1 "),
    "slashed digits": repeat("1/1/"),
    "full-width digits": repeat("１２３ "),
    "IBANs": each(lambda n: f"DE89 3704 0044 0532 {n % 10_000:04} 00 "),
    "IBANs in one word": repeat("DE893704"),
    "eyJ": repeat("eyJ"),
    "token heads": repeat("eyJhbGciOiJIUzI1NiJ9."),
    "at signs": repeat("@"),
    "a@b.": repeat("a@b."),
    "addresses": each(lambda n: f"user{n % 10_000:04}@example.com "),
    "addresses in one word": each(lambda n: f"user{n % 10_000:04}@example.com;"),
    "dots before an address": between("", "a.", "a@b.com"),
    "%40": repeat("a%40b.com "),
    "URLs": each(lambda n: f"https://a{n}.example.com/x?y={n} "),
    "domains": each(lambda n: f"a{n}.com "),
    "one letter": repeat("a"),
    "one digit": repeat("1"),
    "one blank": repeat(" "),
    "line ends": repeat("\n"),
    "brackets": repeat("("),
    "underscores beside a match": between("bank account 8675309000 ", "_", " 8675309000"),
    "'s beside a match": between("bank account 8675309000 ", "'s", " 8675309000"),
    "a:b beside a match": between("bank account 8675309000 ", "a:b", " 8675309000"),
    "dotted words": repeat("lorem.ipsum."),
    "mixed scripts": each(lambda n: f"ü{n}漢 ж{n * 7}@é.com "),
    "zero-width": repeat("1\u200b2"),
    "combining marks": repeat("e\u0301"),
    # In the wrong order, and so in one run that normalization has to sort.
    "marks to sort": between("a", "\u0301\u0327", ""),
    "letters that become marks": between("a", "\u0344\u0f73", ""),
    "groups of digits in columns": each(lambda n: f"+{n % 99}\t{n * 7919 % 1000:03}\n  {n % 10_000:04}"),
    "one long number in groups": repeat("1234  "),
    "control characters": repeat("1\0"),
    "base64 in short lines": lambda size: "\n".join(_NOISE[at : at + 16] for at in range(0, size * 16 // 17, 16)),
    "keys of secrets": repeat("password\n;\nvalue:\n"),
    "emoji": repeat("😀"),
    "base64": lambda size: _NOISE[:size],
    "hexadecimal": each(lambda n: f"{n * 2_654_435_761 % 2**32:08x}"),
    "percent-encoding": repeat("%41%42"),
    "HTML entities": repeat("&#65;&amp;"),
    "\\u escapes": repeat("\\u0041"),
    "IPv4": each(lambda n: f"10.{n % 250}.{n // 250 % 250}.7 "),
    "IPv6 beside a word": each(lambda n: f"1:{n % 9999 + 4096:04x}:3:4:5:6:7:8 ", "the ip:x "),
    "dates": each(lambda n: f"2024-{n % 12 + 1:02}-{n % 28 + 1:02} "),
    "cards": each(lambda n: f"4111 1111 1111 {n % 10_000:04} "),
    "context words": repeat("bank account card ssn passport number "),
    "a word for each match": each(lambda n: f"bank account 86753{n % 100_000:05} "),
    "stop words before matches": each(lambda n: f"( of ) 86753{n % 100_000:05} ", "bank: "),
    "matches in one word": each(lambda n: f"86753{n % 100_000:05},", "bank "),
    "secrets": each(lambda n: f"password: hunter{n % 10_000:04}hunter{n % 10_000:04} "),
    "sk-": repeat("sk-"),
    "key heads": repeat("-----BEGIN PRIVATE KEY-----"),
    "prefixes of keys": repeat("ghp_xoxb-AKIAeyJhf_glsa_"),
    "letters of keys": between("", "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7cF0xR", "AZDO"),
    "names of providers": each(lambda n: f"netlify okta_{n % 10_000:04} = twitterSecret{n % 10_000:04}x7Y "),
    "assignments": repeat("password = token: "),
    "passwords without end": each(lambda n: f"user = u{n % 1_000}\npassword = p{n % 10_000:04}("),
    "options of commands": each(lambda n: f"docker login -p -u a{n % 1_000}: --token x{n % 1_000} "),
    "settings with passwords": each(lambda n: f";uid=a{n % 1_000};pwd=b{n % 1_000} NetworkCredential("),
    "hashes of passwords": repeat("$krb5asrep$23$$2b$12$$6$"),
    "capital words": repeat("Aa "),
    "titles": repeat("Mr. "),
    "names": each(lambda n: f"Mr. A{n % 9999} Berg "),
    "announcements": repeat("my name is "),
    "announced names": repeat("my name is Anna de la Berg "),
    "street numbers": repeat("1 Main "),
    "streets": each(lambda n: f"{n % 9999} Main Street, Springfield, "),
    "lines of an address": repeat("Via Roma 1\nAa Bb\n"),
    "units": repeat("1 a apt "),
    "months": each(lambda n: f"{n % 28} May "),
    "post codes": repeat("SW1A 1AA "),
    "braces": repeat("{"),
    "brackets and braces": repeat('[{"a":'),
    "JSON pieces": repeat('{"a": 1} '),
    "Python's repr": each(lambda n: f"{{'k{n % 1000:03}': 'v{n % 1000:03}', 'x': None}}, ", "["),
}


def _record(request: dict[str, Any], response: Any = None) -> dict[str, Any]:
    return {
        "time": "2025-03-03T09:41:03.250Z",
        "request_id": "req-7f3a0003",
        "user": "dana",
        "endpoint": "/v1/chat/completions",
        "status": 200,
        "request": request,
        "response": response or {"object": "chat.completion", "choices": []},
    }


def _chat(content: Any) -> dict[str, Any]:
    return _record({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": content}]})


def _prompt(text: Text) -> Callable[[int], bytes]:
    return lambda size: orjson.dumps(_chat(text(size)))


def _items(bytes_of_one: int, record: Callable[[int], Any]) -> Callable[[int], bytes]:
    """A record with as many items as fit a size."""
    return lambda size: orjson.dumps(record(max(1, size // bytes_of_one)))


def _nested_strings(size: int) -> bytes:
    """JSON in a string in JSON, as deep as its escapes let it be: each level doubles them."""
    value = orjson.dumps({"log": "a@b.com " * (size // 64)}).decode()
    while len(value) < size:
        value = orjson.dumps({"message": value}).decode()
    return value.encode()


def _deep(size: int) -> bytes:
    """Many trees, each as deep as a record may be."""
    branch: Any = "x"
    for _ in range(40):
        branch = {"a": branch}
    return orjson.dumps({"trees": [branch] * max(1, size // 250)})


def _repeated_keys(size: int) -> bytes:
    return b'{"model":"m","messages":[],' + b'"a@b.com":"x",' * (size // 14) + b'"z":1}'


def _stream(events: int) -> str:
    one = orjson.dumps({"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "a 1 "}}]})
    return "".join(f"data: {one.decode()}\n\n" for _ in range(events)) + "data: [DONE]\n\n"


def _cut_body(size: int) -> bytes:
    body = orjson.dumps({"model": "m", "messages": [{"role": "user", "content": "a 1 "}] * (size // 36)}).decode()
    return orjson.dumps({**_record({}), "request": body[:-20]})


def _wide_frame(size: int) -> bytes:
    packed: bytes = msgpack.packb(["t", [[1, {f"key{number}@b.com": 1 for number in range(size // 16)}]]])
    return packed


def _empty_entries(size: int) -> bytes:
    return b"\x92\xa1t\xdd" + (size // 3).to_bytes(4, "big") + b"\x92\x01\x80" * (size // 3)


def _packed_entries(size: int) -> bytes:
    packed: bytes = msgpack.packb(["t", b"\x92\x01\x80" * (size // 3)])
    return packed


def _empty_members(size: int) -> bytes:
    member = gzip.compress(b"", mtime=0)
    packed: bytes = msgpack.packb(["t", member * (size // len(member)) + gzip.compress(b"\x92\x01\x80", mtime=0)])
    return _with_option(packed)


def _with_option(packed: bytes) -> bytes:
    """A message of tag and entries, with an option that says how they are compressed."""
    option: bytes = msgpack.packb({"compressed": "gzip"})
    return b"\x93" + packed[1:] + option


def _inflating(size: int) -> bytes:
    """Entries of nothing but one digit each, in a fiftieth of their size."""
    inner = b"\x92\x01\x81\xa1a\x01" * (size // 6)
    return _with_option(msgpack.packb(["t", gzip.compress(inner, mtime=0)]))


RECORDS: Final[dict[str, tuple[Callable[[int], bytes], int]]] = {
    "keys like addresses": (
        _items(20, lambda many: {"x": {f"u{number}@b.com": number for number in range(many)}}),
        2_000_000,
    ),
    "keys that become one": (
        _items(16, lambda many: {"x": {f"10.0.{n // 250}.{n % 250}": n for n in range(many)}}),
        2_000_000,
    ),
    "a million keys": (_items(10, lambda many: {f"k{number}": 1 for number in range(many)}), 10_000_000),
    "repeated keys": (_repeated_keys, 4_000_000),
    "wide array": (_items(8, lambda many: {"x": [f"v{n}" for n in range(many)]}), 4_000_000),
    "wide array of numbers": (_items(17, lambda many: {"x": [4111111111111111] * many}), 2_000_000),
    "deep nesting": (_deep, 4_000_000),
    "nested JSON strings": (_nested_strings, 2_000_000),
    "many small texts": (
        _items(40, lambda many: _chat([{"type": "text", "text": f"a 1 {n}"} for n in range(many)])),
        2_000_000,
    ),
    "texts with findings": (
        _items(50, lambda many: _chat([{"type": "text", "text": f"a{n}@b.com 10.0.0.1"} for n in range(many)])),
        1_000_000,
    ),
    "messages": (
        _items(
            40,
            lambda many: _record(
                {"model": "m", "messages": [{"role": "user", "content": f"a 1 {n}"} for n in range(many)]}
            ),
        ),
        2_000_000,
    ),
    "tool calls": (
        _items(
            80,
            lambda many: _record(
                {
                    "model": "m",
                    "messages": [
                        {
                            "role": "assistant",
                            "tool_calls": [
                                {"id": f"{n % 1000:03}", "function": {"name": "f", "arguments": '{"a": 1}'}}
                                for n in range(many)
                            ],
                        }
                    ],
                }
            ),
        ),
        2_000_000,
    ),
    "event stream": (_items(90, lambda many: {**_record({"model": "m"}), "response": _stream(many)}), 8_000_000),
    "cut body": (_cut_body, 2_000_000),
    "records in an envelope": (
        _items(30, lambda many: {"records": [{"a": f"x{number}", "b": number} for number in range(many)]}),
        2_000_000,
    ),
    "log events in an envelope": (
        _items(
            60,
            lambda many: {
                "messageType": "DATA_MESSAGE",
                "logGroup": "g",
                "logStream": "s",
                "logEvents": [{"id": str(n), "timestamp": 1, "message": f'{{"a": {n}}}'} for n in range(many)],
            },
        ),
        2_000_000,
    ),
    "text of a megabyte": (lambda size: orjson.dumps({"log": repeat("a b c 1 ")(size)}), 4_000_000),
    "no JSON": (lambda size: b'{"a": "' + b'\\"{' * (size // 3), 4_000_000),
    "lone surrogates": (lambda size: b'{"a": "' + rb"\ud800" * (size // 6) + b'"}', 4_000_000),
}

FRAMES: Final[dict[str, tuple[Callable[[int], bytes], int]]] = {
    "empty entries": (_empty_entries, 600_000),
    "packed empty entries": (_packed_entries, 600_000),
    "empty gzip members": (_empty_members, 1_200_000),
    "gzip of tiny entries": (_inflating, 1_200_000),
    "a frame's wide map": (_wide_frame, 2_000_000),
}

FAMILIES: Final[tuple[Family, ...]] = (
    *(Family(name, _prompt(make), MAX_TEXT_BYTES) for name, make in TEXTS.items()),
    *(
        Family(name, make, largest, has_many=name.endswith("in an envelope"))
        for name, (make, largest) in RECORDS.items()
    ),
    *(Family(name, make, largest, is_frame=True, has_many=True) for name, (make, largest) in FRAMES.items()),
)
