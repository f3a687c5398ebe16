"""Secrets that are told by their form: keys in armour, tokens with a header, addresses with a password, hashes of one.

No prefix of a provider and no name is needed for these: the form is published, and nothing else has it.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

from veilog_filters.detect.secrets import checks
from veilog_filters.detect.secrets.pattern import EDGE, MIXED, PatternDetector

_UUID: Final = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_ARMOUR: Final = re.compile(r"-----[A-Z0-9 ]{0,60}-----|[^A-Za-z0-9+/]|\\[nr]")
_MIN_ARMOURED_CHARS: Final = 12
_PASSWORD_IN_URL: Final = re.compile(r"://[^\s:/@]*:(.*)@", re.DOTALL)
_USER_AND_PASSWORD: Final = re.compile(r"(?:-u|--user)[\s=]{0,4}[\"']?([^\s:]{0,80}):([^\s]{2,128})", re.DOTALL)
_EXAMPLE_PASSWORDS: Final = frozenset(
    "pass passwd password pw pwd secret test token user xxx yyy abc foo bar changeme".split()  # noqa: SIM905
)
_MIN_PASSWORD_CHARS: Final = 3
_TOKEN: Final = re.compile(rb"eyJ[A-Za-z0-9_-]{10,}[.=]")


def _is_armoured(text: str) -> bool | None:
    """Whether there is something in the armour."""
    return None if len(_ARMOUR.sub("", text)) >= _MIN_ARMOURED_CHARS else False


def is_password(text: str) -> bool | None:
    """Whether a text that was chosen by somebody is a password, and not what stands for one."""
    bare = text.strip("\"'`{}[]()<>,; ")
    if len(bare) < _MIN_PASSWORD_CHARS or bare.isdigit() or bare.lower() in _EXAMPLE_PASSWORDS:
        return False
    if checks.has_marks(text) or re.fullmatch(r"(?:x{3,}|\*+|\.+|_+)", bare, re.IGNORECASE):
        return False
    return None


def _is_password_in_url(text: str) -> bool | None:
    found = _PASSWORD_IN_URL.search(text)
    return False if found and checks.has_marks(found[1]) else None


def _is_user_and_password(text: str) -> bool | None:
    found = _USER_AND_PASSWORD.search(text)
    if found is None or found[1] == found[2]:
        return False
    if checks.has_marks(found[1]) or found[1].startswith("$"):
        return False
    return is_password(found[2])


def _is_token_in_base64(text: str) -> bool | None:
    try:
        found = base64.urlsafe_b64decode(text[: len(text) // 4 * 4])
    except binascii.Error:
        return False
    return None if _TOKEN.match(found) else False


def _is_bearer(text: str) -> bool | None:
    value = text.rsplit(maxsplit=1)[-1].rpartition(":")[2]
    return False if checks.stands_in(value) or checks.is_wordy(value) else None


SHAPED: Final[tuple[PatternDetector, ...]] = (
    PatternDetector(
        name="jwt",
        entity="JWT",
        pattern=rf"(?-i:{EDGE}eyJ[A-Za-z0-9_-]{{10,2000}}\.eyJ[A-Za-z0-9_-]{{10,4000}}(?:\.[A-Za-z0-9_-]{{0,1000}})?)",
        score=0.9,
        examples=("eyJ" + "hbGciOiJIUzI1NiJ9.eyJ" + "zdWIiOiIxMjM0NTY3ODkwIn0." + MIXED,),
        counterexamples=("eyJhbGciOiJIUzI1NiJ9", "a.b.c"),
    ),
    PatternDetector(
        # Base64 of a token, which is base64 itself: `eyJhbGciOiJ` becomes `ZXlKaGJHY2lPaUp`.
        name="jwt_in_base64",
        entity="JWT",
        pattern=r"(?-i:(?<![A-Za-z0-9+/])ZXlK[A-Za-z0-9+/_-]{40,6000}={0,2})",
        score=0.9,
        examples=("ZXlK" + "aGJHY2lPaUpJVXpJMU5pSjkuZXlKemRXSWlPaUl4TWpNME5UWTNPRGt3SW4wLg==",),
        counterexamples=("ZXlKaGJHY2lPaUp", "ZXlK" + MIXED + MIXED),
        check=_is_token_in_base64,
    ),
    PatternDetector(
        name="private_key",
        entity="PRIVATE_KEY",
        # Up to the footer where there is one; a block that was cut is taken up to its end.
        pattern=r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----[A-Za-z0-9+/=:,.\s\\\"'-]{0,16000}",
        score=0.95,
        examples=("-----BEGIN RSA " + "PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n-----END RSA PRIVATE KEY-----",),
        counterexamples=(
            "-----BEGIN CERTIFICATE-----\nMIIC",
            "-----BEGIN PRIVATE " + "KEY-----\nanything\n-----END PRIVATE KEY-----",
        ),
        check=_is_armoured,
    ),
    PatternDetector(
        name="private_key_in_base64",
        entity="PRIVATE_KEY",
        # `-----BEGIN `, then a kind of key and `PRIVATE KEY-----`, at any of the three places of a base64 group.
        pattern=(
            r"(?-i:LS0tLS1CRUdJTi[A-Za-z0-9+/]{0,40}(?:UFJJVkFURSBLRV|BSSVZBVEUgS0VZ|QUklWQVRFIEtFW)"
            r"[A-Za-z0-9+/=]{16,12000})"
        ),
        score=0.95,
        examples=("LS0tLS1CRUdJTi" + "BSU0EgUFJJVkFURSBLRVktLS0tLQpNSUlFb2dJQkFBS0NBUUVB",),
        counterexamples=("LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUR4RENDQXF5Z0F3SUJBZ0lV",),
    ),
    PatternDetector(
        name="connection_string",
        entity="CONNECTION_STRING",
        pattern=r"(?<![A-Za-z0-9])[a-z][a-z0-9+.-]{1,20}://[^\s:/@]{0,128}:[^\s:/@]{1,256}@[^\s/?#]{1,256}",
        score=0.85,
        examples=("postgres://app:" + "s3cret@db.internal:5432/x", "redis://:" + "s3cret@cache.internal:6379"),
        counterexamples=(
            "https://example.com:8080/path",
            "https://example.com/a@b",
            "postgres://${DB_USER}:${DB_PASSWORD}@db/x",
        ),
        check=_is_password_in_url,
    ),
    PatternDetector(
        name="azure_account_key",
        entity="AZURE_KEY",
        # And the signature of a URL that grants access.
        pattern=(
            rf"{EDGE}(?:(?:AccountKey|SharedAccessKey)=[A-Za-z0-9+/]{{12,100}}={{0,2}}"
            rf"|;Secret=[A-Za-z0-9+/]{{30,100}}={{0,2}}"
            rf"|sig=(?:[A-Za-z0-9+/_-]|%2[bf]){{20,120}}(?:%3d|=){{0,2}})"
        ),
        score=0.95,
        examples=("AccountKey=" + MIXED + MIXED + "==", "?sv=2020-08-04&sig=" + MIXED + "%2B" + MIXED[:10] + "%3D"),
        counterexamples=("AccountKey=", "sig=left", "config=" + MIXED),
    ),
    PatternDetector(
        name="bearer_token",
        entity="BEARER_TOKEN",
        pattern=(
            rf"{EDGE}(?:bearer|SSWS|api-token)(?:\s{{1,4}}|\s{{0,3}}[:=]\s{{0,3}}[\"']?)"
            r"[A-Za-z0-9._~+/-]{20,4000}={0,2}"
        ),
        score=0.8,
        examples=("Authorization: Bearer " + MIXED, "Bearer:" + MIXED[:20], "bearer=" + MIXED),
        counterexamples=("a bearer of bad news", "bearer token", "Bearer " + "X" * 24),
        check=_is_bearer,
    ),
    PatternDetector(
        name="webhook",
        entity="WEBHOOK_URL",
        # Whoever has the address can post.
        pattern=(
            r"(?:hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9+/]{40,80}"
            rf"|[a-z0-9.-]{{1,80}}\.office(?:365)?\.com/webhook(?:b2)?/{_UUID}@{_UUID}/[A-Za-z]{{1,40}}/[0-9a-f]{{32}}/{_UUID}"
            r"|discord(?:app)?\.com/api/(?:v[0-9]{1,2}/)?webhooks/[0-9]{17,20}/[A-Za-z0-9_-]{60,80}"
            r"|hooks\.zapier\.com/hooks/catch/[0-9]{4,10}/[a-z0-9]{6,12}"
            r"|thingsboard\.cloud/api/v1/[a-z0-9]{20}/)"
        ),
        score=0.95,
        examples=(
            "https://hooks.slack.com/services/" + "T024AAAAB/B072ABCDE/aB3dE6gH9jK2mN5pQ8sT1vW4",
            "https://discord.com/api/webhooks/" + "123456789012345678/" + MIXED + MIXED,
        ),
        counterexamples=("https://hooks.slack.com/services/", "https://discord.com/api/webhooks/1/2"),
    ),
    PatternDetector(
        name="password_hash",
        entity="PASSWORD_HASH",
        # As crypt writes them, and as Kerberos' replies are written to be broken.
        pattern=(
            r"(?-i:(?<![A-Za-z0-9$])(?:\$(?:1|apr1)\$[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{22}"
            r"|\$2[abxy]?\$[0-9]{2}\$[./A-Za-z0-9]{53}"
            r"|\$[56]\$(?:rounds=[0-9]{1,9}\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{43,86}"
            r"|\$[89]\$[./A-Za-z0-9]{14}\$[./A-Za-z0-9]{43}"
            r"|\$argon2(?:id|i|d)\$v=[0-9]{1,3}\$m=[0-9]{1,8},t=[0-9]{1,4},p=[0-9]{1,3}\$[A-Za-z0-9+/]{8,64}\$[A-Za-z0-9+/]{16,90}"
            r"|\$(?:y|7|gy)\$[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{1,86}\$[./A-Za-z0-9]{43}"
            r"|\$krb5(?:asrep|tgs)\$[0-9]{2}\$(?:[^\s:$]{1,128}[:$]{1,2})?[0-9a-f]{32}\$[0-9a-f]{32,4000}))"
        ),
        score=0.95,
        examples=("$2b$12$" + MIXED + MIXED[:21], "$6$" + MIXED[:8] + "$" + MIXED + MIXED + MIXED[:22]),
        counterexamples=("$1 and $2", "$2b$12$short", "costs $6$ or so"),
    ),
    PatternDetector(
        name="user_and_password",
        entity="GENERIC_SECRET",
        # What a command is told on its line: `curl -u name:password`.
        pattern=r"(?<![\w-])(?:-u|--user)(?:=|\s{1,4})(?:\"[^\s\":]{0,80}:[^\s\"]{2,128}\"|'[^\s':]{0,80}:[^\s']{2,128}'|[^\s\"':<\[]{0,80}:[\"']?[^\s\"'<\[]{2,128})",
        score=0.6,
        examples=("curl -u elastic:" + "P4ssw0rd.x https://localhost:9200", "curl --user 'api:" + "d2LkV78zLx' -s x"),
        counterexamples=(
            "docker run -u 1000:1000 x",
            'curl -u "$USER:$PASSWORD" x',
            "curl --user user:password x",
            "curl -u name x",
            "rsync --user www-data:www-data",
        ),
        check=_is_user_and_password,
    ),
    PatternDetector(
        name="password_of_a_machine",
        entity="GENERIC_SECRET",
        # As in a `.netrc`.
        pattern=r"(?<![A-Za-z0-9])login\s{1,8}[^\s,.]\S{2,80}\s{1,8}password\s{1,8}[^\s<$]\S{3,128}",
        score=0.6,
        examples=("machine api.github.com login ziggy password " + "stardust",),
        counterexamples=("login and password", "login name password <password>"),
        check=lambda text: is_password(text.split()[-1]),
    ),
)
