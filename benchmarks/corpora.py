"""Texts and records to measure with: kinds of AI traffic, the same for the same seed, no two texts alike.

* ``clean``: prose, numbers and code without PII.
* ``mixed``: three of ten records have one to three sentences with PII.
* ``busy``: three of ten texts have them, so two of three records.
* ``dense``: PII in every sentence.
* ``conversation``: each request repeats the system prompt and all turns before it, as chat clients do; busy texts.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, Final

import orjson
from faker import Faker

KINDS: Final = ("clean", "mixed", "busy", "dense")
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

    def texts(self, kind: str) -> list[str]:
        """The texts of one record: a system prompt, a question and an answer."""
        if kind == "dense":
            return [" ".join(self._pii() for _ in range(SENTENCES + 2)) for _ in range(3)]
        if kind == "busy":
            return [self._busy() for _ in range(3)]
        texts = [self._plain_sentences() for _ in range(3)]
        if kind == "mixed" and self._random.random() < 0.3:
            self._insert_pii(*texts)
        return list(map(" ".join, texts))

    def _busy(self) -> str:
        sentences = self._plain_sentences()
        if self._random.random() < 0.3:
            self._insert_pii(sentences)
        return " ".join(sentences)

    def _plain_sentences(self) -> list[str]:
        return [self._plain() for _ in range(SENTENCES)]

    def _insert_pii(self, *texts: list[str]) -> None:
        for _ in range(self._random.randint(1, 3)):
            sentences = self._random.choice(texts)
            sentences.insert(self._random.randrange(len(sentences)), self._pii())

    def record(self, kind: str) -> dict[str, Any]:
        """A gateway's record with a system prompt, a question and an answer of a kind: about 2.5 KB."""
        system, question, answer = self.texts(kind)
        return self._record([_message("system", system), _message("user", question)], answer)

    def conversation(self, turns: int) -> Iterator[dict[str, Any]]:
        """The records of one conversation, each with the whole history."""
        history = [_message("system", self._busy())]
        for _ in range(turns):
            history.append(_message("user", self._busy()))
            record = self._record(list(history), self._busy())
            yield record
            history.append(record["response"]["choices"][0]["message"])

    def lines(self, kind: str, count: int) -> bytes:
        """Records as JSON Lines."""
        if kind != "conversation":
            return b"".join(orjson.dumps(self.record(kind)) + b"\n" for _ in range(count))
        records = [record for _ in range(count // 20) for record in self.conversation(20)]
        return b"".join(orjson.dumps(record) + b"\n" for record in records)

    def _record(self, messages: list[dict[str, str]], answer: str) -> dict[str, Any]:
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
                "choices": [{"index": 0, "message": _message("assistant", answer), "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 196, "completion_tokens": 121, "total_tokens": 317},
            },
        }

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


def _message(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def texts(kind: str, records: int = 70) -> list[str]:
    """Texts of records of a kind, three of each."""
    corpus = Corpus()
    return [text for _ in range(records) for text in corpus.texts(kind)]
