"""Texts to compare detectors on: real shapes, ten countries' PII, and everything that Unicode and edges can do."""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterator
from typing import Any

import orjson
from faker import Faker

from samples import samples

LOCALES = ("en_US", "en_GB", "de_DE", "fr_FR", "es_ES", "it_IT", "pl_PL", "hi_IN", "ja_JP", "pt_BR")
FAKES = (
    *("name", "address", "email", "phone_number", "ssn", "iban"),
    *("credit_card_number", "credit_card_full", "ipv4", "ipv6", "mac_address", "url"),
    *("uuid4", "date", "iso8601", "user_name", "company_email", "job"),
    *("sentence", "text", "license_plate", "postcode"),
)
CONTEXT = (
    *("my phone number is", "call", "card", "credit card", "passport", "driver license"),
    *("bank account", "social security", "ssn", "email", "iban", "NHS"),
    *("date of birth", "birthday", "wallet bitcoin", "ip address", "mac", "server"),
    *("api_key=", "password:", "Bearer", "Authorization: bearer", "url"),
)
VALUES = (
    "anna.berg@nordwind-ag.com",
    "o'neil+x@mail.example.co.uk",
    "bob@build.corp.internal",
    "ines%40lusa-tours.pt",
    "4111 1111 1111 1111",
    "4111-1111-1111-1111",
    "4012888888881881",
    "378282246310005",
    "DE89 3704 0044 0532 0130 00",
    "GB82WEST12345698765432",
    "de89370400440532013000",
    "536-90-4399",
    "536904399",
    "078-05-1120",
    "(212) 555-0182",
    "+1 212 555 0182",
    "+49 30 901820",
    "020 7946 0958",
    "030-1234567",
    "1640",
    "203.0.113.9",
    "10.0.0.0/8",
    "2001:db8::1",
    "::ffff:192.0.2.1",
    "::",
    "00:1A:2B:3C:4D:5E",
    "00-1a-2b-3c-4d-5e",
    "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
    "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",
    "https://www.example.com/a/b?c=d",
    "example.org",
    '"http://x.de/y"',
    "C01X00T47",
    "H12234567",
    "v1",
    "8675309000",
    "401 023 2137",
    "2024-05-01",
    "2024-05-01T10:00:00.123Z",
    "12/05/2024",
    "5/24",
    "03-JAN-2024",
    "123e4567-e89b-12d3-a456-426614174000",
    "911-92-1234",
    "BB1388568",
    "AKIA" + "IOSFODNN7EXAMPLE",
    "sk-" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7cF0xR",
    "eyJ" + "hbGciOiJIUzI1NiJ9.eyJ" + "zdWIiOiIxMjM0NTY3ODkwIn0.aB3dE6gH9jK2mN5pQ8sT",
    "postgres://app:" + "s3cret@db.internal:5432/x",
    "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n-----END RSA PRIVATE KEY-----",
    'password = "hunter2hunter2"',
)
GLUE = (
    *(
        " ",
        "  ",
        "\n",
        "\t",
        "\r\n",
        ", ",
        ";",
        ":",
        ".",
        "-",
        "/",
        "",
        "",
        "'",
        '"',
        "(",
        ")",
        "<",
        ">",
        "=",
        "@",
        "_",
    ),
    *("\u200b", "\u200d", "\u2060", "\u00a0", "\u00ad", "\u2003", "\u0301", "\ufe0f", "\u017f", "\u212a", "\u0131"),
    *(
        "\u0130",
        "\uff11",
        "\u0663",
        "\u07c1",
        "\U00010d31",
        "é",
        "ß",
        "я",
        "中",
        "ـ",
        "😀",
        "\x1c",
        "\x1f",
        "\x85",
        "\v",
        "\f",
    ),
    *(
        "\ud800",
        "²",
        "ⅷ",
        "½",
        "\u180e",
        "％",
        "＠",
        "．",
        "x",
        "ext. 12",
        " anexo 3",
        "доб. 5",
        "#",
        "~",
        "+",
        "$",
        "%",
    ),
)
FULL_WIDTH = {ord("0") + digit: 0xFF10 + digit for digit in range(10)}
ALPHABETS = (
    "0123456789",
    "0123456789 -.()+/",
    "abcdefABCDEF0123456789:",
    "ab@.-/ \n1",
    "(((---...",
    "\u0660\u0661\uff11 1",
)


def sample_texts() -> list[str]:
    """Every string in the project's samples, keys included, once."""
    found: dict[str, None] = {}
    for sample in samples():
        found.update(dict.fromkeys(strings_of(orjson.loads(sample.line))))
    return list(found)


def strings_of(value: Any) -> Iterator[str]:
    """Every string in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from strings_of(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings_of(item)


class Texts:
    """Generates texts, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._fakers = [Faker(locale) for locale in LOCALES]
        for number, faker in enumerate(self._fakers):
            faker.seed_instance(seed + number)
        self._kinds = (self._record, self._adversarial, self._adversarial, self._mangled, self._unicode, self._digits)

    def __iter__(self) -> Iterator[str]:
        while True:
            yield self._random.choice(self._kinds)()

    def _fake(self) -> str:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return str(getattr(self._random.choice(self._fakers), self._random.choice(FAKES))())
            except AttributeError:  # not every country has everything
                return self._random.choice(VALUES)

    def _record(self) -> str:
        """Prose with PII of ten countries in it."""
        parts = []
        for _ in range(self._random.randint(1, 6)):
            parts += [self._random.choice(CONTEXT) if self._random.random() < 0.5 else self._fake(), self._fake()]
        return " ".join(parts)

    def _value(self) -> str:
        value = self._random.choice(VALUES)
        chance = self._random.random()
        if chance < 0.06:
            return value.translate(FULL_WIDTH)
        if chance < 0.12:
            return value.upper()
        if chance < 0.18:
            return value.replace("s", "\u017f").replace("k", "\u212a")
        if chance < 0.24:
            cut = self._random.randrange(len(value) + 1)
            return value[:cut] + self._random.choice(GLUE) + value[cut:]
        if chance < 0.30:
            return value + self._random.choice(("", " ")) + value
        return value

    def _adversarial(self) -> str:
        """Values side by side, cut, glued and at the edges."""
        pools = ((self._value,), (self._value, self._context, self._glue), (self._value, self._glue, self._glue))
        pool = self._random.choice(pools)
        return "".join(
            self._random.choice(pool)() + self._random.choice(("", " ", self._glue()))
            for _ in range(self._random.randint(1, 9))
        )

    def _context(self) -> str:
        return self._random.choice(CONTEXT) + " "

    def _glue(self) -> str:
        return self._random.choice(GLUE)

    def _mangled(self) -> str:
        """A text with a few characters changed."""
        chars = list(self._record())
        for _ in range(self._random.randint(1, 8)):
            at = self._random.randrange(len(chars))
            chars[at] = self._random.choice((self._glue(), self._random.choice("0123456789"), chars[at].swapcase()))
        return "".join(chars)

    def _unicode(self) -> str:
        """Any characters at all around values."""
        codes = (
            self._random.choice((0x7F, 0x250, 0x3000, 0xFFFF, 0x10FFFF)) for _ in range(self._random.randint(1, 60))
        )
        around = "".join(chr(self._random.randint(0, most)) for most in codes)
        return around[:20] + self._value() + around[20:] + self._value()

    def _digits(self) -> str:
        """Few different characters, many times."""
        alphabet = self._random.choice(ALPHABETS)
        return "".join(self._random.choice(alphabet) for _ in range(self._random.randint(1, 120)))


def generated(seed: int, number: int) -> list[str]:
    """Texts for a seed."""
    texts = iter(Texts(seed))
    return [next(texts) for _ in range(number)]
