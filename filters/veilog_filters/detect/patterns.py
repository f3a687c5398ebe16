"""Pattern detectors of our own, run beside Presidio's recognizers: credentials, and addresses that Presidio misses.

Each is a pattern with proofs: examples that it must find and counterexamples that it must not, walked by a test.
Patterns are linear: repeats are bounded, none is nested. Presidio matches without case; where case tells a key from a
word, ``(?-i:...)`` restores it.

Examples are put together from pieces, so that a scanner of this repository does not take them for leaked keys.
"""

from __future__ import annotations

import dataclasses
from typing import Final


@dataclasses.dataclass(frozen=True, slots=True)
class PatternDetector:
    """One detector.

    Attributes:
        name: its name in snake_case.
        entity: entity type of its findings.
        pattern: in the syntax of the ``regex`` module.
        score: confidence of a match.
        examples: texts in which it finds something.
        counterexamples: texts in which it finds nothing.
    """

    name: str
    entity: str
    pattern: str
    score: float
    examples: tuple[str, ...]
    counterexamples: tuple[str, ...]


_HEX = "0123456789abcdef"
_MIXED = "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7cF0xR"

SECRETS: Final[tuple[PatternDetector, ...]] = (
    PatternDetector(
        name="aws_access_key",
        entity="AWS_ACCESS_KEY",
        pattern=r"(?-i:\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b)",
        score=0.9,
        examples=("key AKIA" + "IOSFODNN7EXAMPLE", "ASIA" + "QWERTYUIOPASDFGH."),
        counterexamples=("akia" + "iosfodnn7example", "AKIA12", "xAKIA" + "IOSFODNN7EXAMPLE"),
    ),
    PatternDetector(
        name="openai_key",
        entity="OPENAI_API_KEY",
        pattern=r"(?-i:\bsk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_-]{20,200}(?![\w-]))",
        score=0.8,
        examples=("sk-" + _MIXED + _MIXED, "use sk-proj-" + _MIXED + "_" + _MIXED),
        counterexamples=("sk-short", "task-" + _MIXED, "ask-me-anything-you-want-to"),
    ),
    PatternDetector(
        name="anthropic_key",
        entity="ANTHROPIC_API_KEY",
        pattern=r"(?-i:\bsk-ant-[A-Za-z0-9_-]{20,200}(?![\w-]))",
        score=0.95,
        examples=("sk-ant-" + "api03-" + _MIXED + _MIXED,),
        counterexamples=("sk-ant-x", "ant-" + _MIXED),
    ),
    PatternDetector(
        name="google_key",
        entity="GOOGLE_API_KEY",
        pattern=r"(?-i:\bAIza[A-Za-z0-9_-]{35}(?![\w-]))",
        score=0.9,
        examples=("AIza" + "Sy" + _MIXED + "a",),
        counterexamples=("AIza" + "short",),
    ),
    PatternDetector(
        name="github_token",
        entity="GITHUB_TOKEN",
        pattern=r"(?-i:\b(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{60,100})\b)",
        score=0.95,
        examples=("ghp_" + _MIXED + "abcd", "github_pat_" + _MIXED + _MIXED),
        counterexamples=("ghp_short", "ghx_" + _MIXED + "abcd"),
    ),
    PatternDetector(
        name="gitlab_token",
        entity="GITLAB_TOKEN",
        pattern=r"(?-i:\bglpat-[A-Za-z0-9_-]{20,64}(?![\w-]))",
        score=0.95,
        examples=("glpat-" + _MIXED[:20],),
        counterexamples=("glpat-short",),
    ),
    PatternDetector(
        name="slack_token",
        entity="SLACK_TOKEN",
        pattern=r"(?-i:\bxox[abposr]-[A-Za-z0-9-]{20,250}(?![\w-]))",
        score=0.95,
        examples=("xoxb-" + "123456789012-" + _MIXED,),
        counterexamples=("xoxb-1", "xoxz-" + _MIXED),
    ),
    PatternDetector(
        name="stripe_key",
        entity="STRIPE_KEY",
        pattern=r"(?-i:\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,128}\b)",
        score=0.95,
        examples=("sk_" + "live_" + _MIXED,),
        counterexamples=("pk_live_x", "sk_live_"),
    ),
    PatternDetector(
        name="huggingface_token",
        entity="HUGGINGFACE_TOKEN",
        pattern=r"(?-i:\bhf_[A-Za-z]{30,64}\b)",
        score=0.9,
        examples=("hf_" + "abcdefghijKLMNOPqrstuvwxyzABCDEFGH",),
        counterexamples=("hf_short",),
    ),
    PatternDetector(
        name="npm_token",
        entity="NPM_TOKEN",
        pattern=r"(?-i:\bnpm_[A-Za-z0-9]{36}\b)",
        score=0.95,
        examples=("npm_" + _MIXED + "abcd",),
        counterexamples=("npm_install_something",),
    ),
    PatternDetector(
        name="sendgrid_key",
        entity="SENDGRID_KEY",
        pattern=r"(?-i:\bSG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}(?![\w-]))",
        score=0.95,
        examples=("SG." + _MIXED[:22] + "." + _MIXED + _MIXED[:11],),
        counterexamples=("SG.a.b",),
    ),
    PatternDetector(
        name="databricks_token",
        entity="DATABRICKS_TOKEN",
        pattern=r"(?-i:\bdapi[0-9a-f]{32}\b)",
        score=0.95,
        examples=("dapi" + _HEX + _HEX,),
        counterexamples=("dapi123",),
    ),
    PatternDetector(
        name="jwt",
        entity="JWT",
        pattern=r"(?-i:\beyJ[A-Za-z0-9_-]{10,2000}\.eyJ[A-Za-z0-9_-]{10,4000}\.[A-Za-z0-9_-]{10,1000})",
        score=0.9,
        examples=("eyJ" + "hbGciOiJIUzI1NiJ9.eyJ" + "zdWIiOiIxMjM0NTY3ODkwIn0." + _MIXED,),
        counterexamples=("eyJhbGciOiJIUzI1NiJ9", "a.b.c"),
    ),
    PatternDetector(
        name="private_key",
        entity="PRIVATE_KEY",
        # Up to the footer where there is one; a block that was cut is taken up to its end.
        pattern=r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----[A-Za-z0-9+/=:,.\s\\-]{0,16000}",
        score=0.95,
        examples=("-----BEGIN RSA " + "PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n-----END RSA PRIVATE KEY-----",),
        counterexamples=("-----BEGIN CERTIFICATE-----\nMIIC",),
    ),
    PatternDetector(
        name="connection_string",
        entity="CONNECTION_STRING",
        pattern=r"\b[a-z][a-z0-9+.-]{1,20}://[^\s:/@]{1,128}:[^\s:/@]{1,256}@[^\s/?#]{1,256}",
        score=0.85,
        examples=("postgres://app:" + "s3cret@db.internal:5432/x",),
        counterexamples=("https://example.com:8080/path", "https://example.com/a@b"),
    ),
    PatternDetector(
        name="azure_account_key",
        entity="AZURE_KEY",
        pattern=r"\b(?:AccountKey|SharedAccessKey)=[A-Za-z0-9+/]{40,100}={0,2}",
        score=0.95,
        examples=("AccountKey=" + _MIXED + _MIXED + "==",),
        counterexamples=("AccountKey=",),
    ),
    PatternDetector(
        name="bearer_token",
        entity="BEARER_TOKEN",
        pattern=r"\bbearer\s{1,4}[A-Za-z0-9._~+/-]{20,4000}={0,2}",
        score=0.8,
        examples=("Authorization: Bearer " + _MIXED,),
        counterexamples=("a bearer of bad news", "bearer token"),
    ),
    PatternDetector(
        name="assigned_secret",
        entity="GENERIC_SECRET",
        # A name that says secret, an assignment, and a value with a digit in it: prose about passwords has none.
        pattern=(
            r"\b(?:password|passwd|pwd|passphrase|secret|token|api[_-]?key|access[_-]?key|client[_-]?secret)"
            r"[\"']?\s{0,3}(?:=|:|\bis\b)\s{0,3}[\"']?(?=[^\s\"']{0,64}\d)[^\s\"',;]{8,200}"
        ),
        score=0.6,
        examples=('password = "hunter2hunter2"', "api_key: " + _MIXED, "the password is Sommer2026!"),
        counterexamples=("password: required", "the secret is out", "token is expired"),
    ),
)

ADDRESSES: Final[tuple[PatternDetector, ...]] = (
    PatternDetector(
        # Presidio takes all of `orders?mail=a@b.de` for one address and then finds it invalid, wants a public suffix,
        # which `corp.internal` has not, and does not know `%40`. Logs are full of all three.
        name="address_in_url",
        entity="EMAIL_ADDRESS",
        pattern=r"(?<![\w.+-])[\w.+-]{1,64}(?:@|%40)(?:[a-z0-9][a-z0-9-]{0,62}\.){1,8}[a-z]{2,24}\b",
        score=0.5,
        examples=(
            "GET /orders?mail=ines.duarte@lusa-tours.pt HTTP/1.1",
            "mail=ines.duarte%40lusa-tours.pt&x=1",
            "ask bob@build.corp.internal",
            "letter to anna@nordwind.de.pdf",
        ),
        counterexamples=("meet @noon", "a@b", "user%40", "image@2x.1"),
    ),
)
