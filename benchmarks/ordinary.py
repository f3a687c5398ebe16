"""What logs are full of and is no secret: ids, hashes, names of resources, each as it is written where it is found."""

from __future__ import annotations

import base64
import random
import string
import uuid
from collections.abc import Callable, Iterator
from typing import Final

_BASE32: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_BASE62: Final = string.ascii_letters + string.digits
_SERVICES: Final = (
    "s3:::{word}-{word}/{word}/{hex8}.parquet",
    "iam::{account}:role/{word}-{word}",
    "iam::{account}:user/{word}.{word}",
    "sts::{account}:assumed-role/{word}/{hex16}",
    "kms:{region}:{account}:key/{uuid}",
    "lambda:{region}:{account}:function:{word}-{word}:{number}",
    "secretsmanager:{region}:{account}:secret:{word}/{word}-{mixed6}",
    "secretsmanager:{region}:{account}:secret:{word}-password-{mixed6}",
    "ssm:{region}:{account}:parameter/{word}/{word}/api-key",
    "bedrock:{region}::foundation-model/anthropic.claude-v2:1",
    "bedrock:{region}:{account}:inference-profile/{mixed12}",
    "logs:{region}:{account}:log-group:/aws/{word}/{word}:*",
    "sns:{region}:{account}:{word}-{word}",
    "cognito-idp:{region}:{account}:userpool/{region}_{mixed9}",
)
_IDS: Final = (
    "chatcmpl-{mixed29}",
    "msg_01{mixed22}",
    "toolu_01{mixed22}",
    "call_{mixed24}",
    "resp_{hex48}",
    "run_{mixed24}",
    "asst_{mixed24}",
    "thread_{mixed24}",
    "file-{mixed24}",
    "req_{hex32}",
    "org-{mixed24}",
    "cus_{mixed14}",
    "pi_{mixed24}",
    "evt_{mixed24}",
    "i-0{hex16}",
    "vpc-{hex16}",
    "{word}-{hex8}-{lower5}",
    "ip-10-{byte}-{byte}-{byte}.{region}.compute.internal",
)
_TEXTS: Final = (
    "{uuid}",
    "request_id={uuid}",
    '{"id": "{uuid}", "user_id": "{uuid}", "status": 200}',
    "trace_id: {hex32} span_id: {hex16}",
    "traceparent: 00-{hex32}-{hex16}-01",
    "sentry-trace: {hex32}-{hex16}-1",
    "commit {hex40}",
    "HEAD is now at {hex8} Mend the build",
    '"sha": "{hex40}", "parent": "{hex40}"',
    "sha256:{hex64}",
    "image: registry.example.com/{word}/{word}@sha256:{hex64}",
    "md5 = {hex32}",
    'ETag: "{hex32}"',
    "checksum: {hex64}",
    '"integrity": "sha512-{base64_64}"',
    "github.com/{word}/{word} v1.{byte}.{byte} h1:{base64_32}",
    "{ulid}",
    "order {number12} of customer {number}",
    "snowflake {number18}",
    '"_id": {"$oid": "{hex24}"}',
    '"token_count": {number}, "max_tokens": 4096, "prompt_tokens": {number}',
    "projects/{word}-{number}/secrets/{word}-{word}/versions/{byte}",
    "https://{word}.vault.azure.net/secrets/{word}-key/{hex32}",
    "/subscriptions/{uuid}/resourceGroups/{word}/providers/Microsoft.KeyVault/vaults/{word}",
    "cache_key={word}:{hex32}",
    "idempotency-key: {uuid}",
    "partition_key: {word}#{number12}",
    "public_key_id: {hex16}",
    "session {uuid} began at 2026-11-27T09:30:00Z",
    '{"key": "{word}/{word}/{hex8}.json", "bucket": "{word}-{word}"}',
    "{word}-{word}-{byte}.{byte}.{byte}.tgz#{hex40}",
    "secretName: {word}-{word}-tls",
    "tokenizer: {word}-base-{number}k",
    "passwordPolicy: minLength{byte}",
    "fingerprint {hex40}",
    "SHA256:{base64_32}",
    "isbn 978{number10}",
)


class Ordinary:
    """Makes texts with ordinary values.

    Args:
        seed: the same seed gives the same texts.
    """

    def __init__(self, seed: int) -> None:
        self._random = chance = random.Random(seed)

        def chars(alphabet: str, count: int) -> Callable[[], str]:
            return lambda: "".join(chance.choices(alphabet, k=count))

        words = ("billing", "orders", "atlas", "nordwind", "search", "ledger", "worker", "report", "gateway", "prod")
        self._make: dict[str, Callable[[], str]] = {
            "account": chars(string.digits, 12),
            "byte": lambda: str(chance.randrange(256)),
            "lower5": chars("bcdfghjklmnpqrstvwxz2456789", 5),
            "number": lambda: str(chance.randrange(10**7)),
            "region": lambda: chance.choice(("eu-west-1", "us-east-2", "ap-south-1")),
            "ulid": lambda: "01" + chars(_BASE32, 24)(),
            "uuid": lambda: str(uuid.UUID(int=chance.getrandbits(128), version=4)),
            "word": lambda: chance.choice(words),
            **{f"hex{count}": chars("0123456789abcdef", count) for count in (8, 16, 24, 32, 40, 48, 64)},
            **{f"mixed{count}": chars(_BASE62, count) for count in (6, 9, 12, 14, 22, 24, 29)},
            **{f"number{count}": chars(string.digits, count) for count in (10, 12, 18)},
            **{f"base64_{n}": lambda n=n: base64.b64encode(chance.randbytes(n)).decode() for n in (32, 64)},  # type: ignore[misc]
        }

    def texts(self, count: int) -> Iterator[str]:
        """So many texts, of each kind in turn."""
        kinds = (*_TEXTS, *(f"arn:aws:{service}" for service in _SERVICES), *_IDS, *(f'"id": "{one}"' for one in _IDS))
        for number in range(count):
            yield self._filled(kinds[number % len(kinds)])

    def _filled(self, text: str) -> str:
        for name, make in self._make.items():
            while (mark := f"{{{name}}}") in text:
                text = text.replace(mark, make(), 1)
        return text
