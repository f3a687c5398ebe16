"""Texts and records to measure with: four kinds of AI traffic, the same for the same seed, no two texts alike.

* ``clean``: prose, numbers and code without PII.
* ``mixed``: three of ten texts have one to three sentences with PII.
* ``dense``: PII in every sentence.
* ``conversation``: each request repeats the system prompt and all turns before it, as chat clients do.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, Final

import orjson
from faker import Faker

KINDS: Final = ("clean", "mixed", "dense")
SENTENCES: Final = 8
"""Sentences of a text: about 600 characters."""

_PII: Final = (
    "My name is {name} and you can mail me at {email} or call {phone}.",
    "Charge my credit card {card}, please.",
    "My social security number is {ssn}.",
    "The request came from {ip}, user {email}.",
    "Wire it to IBAN {iban} before Friday.",
)
_CODE: Final = (
    "for {a} in range({n}): {b} += [{a} * {m}]",
    "SELECT {a}, {b} FROM {c} WHERE {a} > {n} ORDER BY {b};",
    "def {a}({b}, {c}=None): return [{b}[{n}:{m}], {c}]",
    'if ({a} != null && {a}[{b}] < {n}) {{ {c}("{b}"); }}',
)


class Corpus:
    """Makes texts and records.

    Args:
        seed: the same seed gives the same texts.
    """

    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)
        self._faker = Faker("en_US")
        self._faker.seed_instance(seed)

    def text(self, kind: str) -> str:
        """One text of a kind."""
        if kind == "dense":
            return " ".join(self._pii() for _ in range(SENTENCES + 2))
        sentences = [self._plain() for _ in range(SENTENCES)]
        if kind == "mixed" and self._random.random() < 0.3:
            for _ in range(self._random.randint(1, 3)):
                sentences.insert(self._random.randrange(len(sentences)), self._pii())
        return " ".join(sentences)

    def record(self, kind: str) -> dict[str, Any]:
        """A gateway's record with a system prompt, a question and an answer of a kind: about 2.5 KB."""
        return self._record([self._message("system", kind), self._message("user", kind)], kind)

    def conversation(self, turns: int, kind: str = "mixed") -> Iterator[dict[str, Any]]:
        """The records of one conversation, each with the whole history."""
        history = [self._message("system", kind)]
        for _ in range(turns):
            history.append(self._message("user", kind))
            record = self._record(list(history), kind)
            yield record
            history.append(record["response"]["choices"][0]["message"])

    def lines(self, kind: str, count: int) -> bytes:
        """Records as JSON Lines."""
        if kind != "conversation":
            return b"".join(orjson.dumps(self.record(kind)) + b"\n" for _ in range(count))
        records = [record for _ in range(count // 20) for record in self.conversation(20)]
        return b"".join(orjson.dumps(record) + b"\n" for record in records)

    def _record(self, messages: list[dict[str, str]], kind: str) -> dict[str, Any]:
        number = self._random.randrange(10**6)
        return {
            "time": f"2025-03-03T{number % 24:02}:{number % 60:02}:03.250Z",
            "request_id": f"req-{number:06x}",
            "user": f"u-{number % 97}",
            "client_ip": f"10.20.{number % 250}.{number % 199}",
            "endpoint": "/v1/chat/completions",
            "status": 200,
            "latency_ms": number % 3000,
            "request": {"model": "gpt-4o-mini", "temperature": 0.2, "messages": messages},
            "response": {
                "id": f"chatcmpl-{number:06x}",
                "object": "chat.completion",
                "model": "gpt-4o-mini-2024-07-18",
                "choices": [{"index": 0, "message": self._message("assistant", kind), "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 196, "completion_tokens": 121, "total_tokens": 317},
            },
        }

    def _message(self, role: str, kind: str) -> dict[str, str]:
        return {"role": role, "content": self.text(kind)}

    def _plain(self) -> str:
        if self._random.random() < 0.15:
            a, b, c = self._faker.words(3)
            n, m = (self._random.randrange(90) for _ in range(2))
            return self._random.choice(_CODE).format(a=a, b=b, c=c, n=n, m=m)
        sentence = self._faker.sentence(nb_words=12)
        return f"{sentence[:-1]}, about {self._random.randrange(2, 900)}." if self._random.random() < 0.2 else sentence

    def _pii(self) -> str:
        fake = self._faker
        return self._random.choice(_PII).format(
            name=fake.name(),
            email=fake.email(),
            phone=fake.phone_number(),
            card=fake.credit_card_number(),
            ssn=fake.ssn(),
            ip=fake.ipv4(),
            iban=fake.iban(),
        )


def texts(kind: str, number: int = 200) -> list[str]:
    """Texts of a kind."""
    corpus = Corpus()
    return [corpus.text(kind) for _ in range(number)]
