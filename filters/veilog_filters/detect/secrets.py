"""Pattern detectors of our own, run beside Presidio's recognizers: credentials, and addresses that Presidio misses.

Each is a pattern with proofs: examples that it must find and counterexamples that it must not, walked by a test.
Patterns are linear: repeats are bounded, none is nested. Presidio matches without case; where case tells a key from a
word, ``(?-i:...)`` restores it.

A key begins where no letter or digit is before it, so behind an underscore too (``prod_ghp_...``), where ``\\b`` sees
no edge. A key that was cut is one from ``12`` characters behind its prefix on, if they are not all small letters, as
those of names and words are.

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
_EDGE = "(?<![A-Za-z0-9])"
_NO_WORD = "(?=[a-z_-]{0,60}[A-Z0-9])"
# What only a secret is called. (Of ``token`` alone models have other ideas.)
_SURE_KEY = (
    r"(?:pass[_-]?(?:word|wd|phrase|code|wort)|pwd|secret|kennwort|contrase.a|mot[ _-]de[ _-]passe"
    r"|(?:access|refresh|auth|api|session|bearer|bot|id|csrf|security)[_-]?token)s?"
)
_LIKELY_KEY = (
    r"(?:token|credentials?|authori[sz]ation|cookie|connection[ _-]?string|bearer|(?<![A-Za-z0-9])auth"
    r"|(?:api|access|account|private|subscription|signing|encryption|ssh|master|openai)[_-]?key)"
)
# What may stand behind the name; ``unfold`` writes the keys of inner objects there.
_KEY_TAIL = r"[0-9]{0,3}(?:[ _.-]?(?:access[_-]?)?key)?(?:[ _.-]?(?:value|val|text|string|data|content|hash|base64))?"
_NO_PLACEHOLDER = (
    r"(?!(?:required|optional|password|disabled|redacted|undefined|filtered|[*x.-]{8,200})(?:[\"'<\n]|\Z)|<)"
)
_NUMBERED = "(?=[A-Za-z_-]{0,60}[0-9])"

SECRETS: Final[tuple[PatternDetector, ...]] = (
    PatternDetector(
        name="aws_access_key",
        entity="AWS_ACCESS_KEY",
        pattern=rf"(?-i:{_EDGE}(?:AKIA|ASIA|ABIA|ACCA)(?:[A-Z2-7]{{16}}|(?=[A-Z]{{0,14}}[2-7])[A-Z2-7]{{12,15}})(?![A-Za-z0-9]))",
        score=0.9,
        examples=("key AKIA" + "IOSFODNN7EXAMPLE", "ASIA" + "QWERTYUIOPASDFGH."),
        counterexamples=("akia" + "iosfodnn7example", "AKIA12", "xAKIA" + "IOSFODNN7EXAMPLE"),
    ),
    PatternDetector(
        name="openai_key",
        entity="OPENAI_API_KEY",
        pattern=rf"(?-i:{_EDGE}sk-(?:[A-Za-z0-9_-]{{20,400}}|{_NUMBERED}[A-Za-z0-9_-]{{12,19}}))",
        score=0.8,
        examples=("sk-" + _MIXED + _MIXED, "use sk-proj-" + _MIXED + "_" + _MIXED),
        counterexamples=("sk-short", "task-" + _MIXED, "ask-me-anything-you-want-to"),
    ),
    PatternDetector(
        name="anthropic_key",
        entity="ANTHROPIC_API_KEY",
        pattern=rf"(?-i:{_EDGE}sk-ant-[A-Za-z0-9_-]{{12,400}})",
        score=0.95,
        examples=("sk-ant-" + "api03-" + _MIXED + _MIXED,),
        counterexamples=("sk-ant-x", "ant-" + _MIXED),
    ),
    PatternDetector(
        name="google_key",
        entity="GOOGLE_API_KEY",
        pattern=rf"(?-i:{_EDGE}AIza{_NO_WORD}[A-Za-z0-9_-]{{12,100}})",
        score=0.9,
        examples=("AIza" + "Sy" + _MIXED + "a",),
        counterexamples=("AIza" + "short",),
    ),
    PatternDetector(
        name="github_token",
        entity="GITHUB_TOKEN",
        pattern=rf"(?-i:{_EDGE}(?:gh[pousr]_|github_pat_){_NO_WORD}[A-Za-z0-9][A-Za-z0-9_]{{11,255}})",
        score=0.95,
        examples=("ghp_" + _MIXED + "abcd", "github_pat_" + _MIXED + _MIXED),
        counterexamples=("ghp_short", "ghx_" + _MIXED + "abcd"),
    ),
    PatternDetector(
        name="gitlab_token",
        entity="GITLAB_TOKEN",
        pattern=rf"(?-i:{_EDGE}gl(?:pat|dt|rt|ptt|cbt|ft|imt|agent|oas|soat)-{_NO_WORD}[A-Za-z0-9_.-]{{12,300}})",
        score=0.95,
        examples=("glpat-" + _MIXED[:20],),
        counterexamples=("glpat-short",),
    ),
    PatternDetector(
        name="slack_token",
        entity="SLACK_TOKEN",
        pattern=rf"(?-i:{_EDGE}(?:xox[abceposr](?:\.xox[bp])?|xapp)-[A-Za-z0-9-]{{12,400}})",
        score=0.95,
        examples=("xoxb-" + "123456789012-" + _MIXED,),
        counterexamples=("xoxb-1", "xoxz-" + _MIXED),
    ),
    PatternDetector(
        name="stripe_key",
        entity="STRIPE_KEY",
        pattern=rf"(?-i:{_EDGE}[rs]k_(?:live|test|prod)_[A-Za-z0-9]{{12,255}})",
        score=0.95,
        examples=("sk_" + "live_" + _MIXED,),
        counterexamples=("pk_live_x", "sk_live_"),
    ),
    PatternDetector(
        name="huggingface_token",
        entity="HUGGINGFACE_TOKEN",
        pattern=rf"(?-i:{_EDGE}(?:hf|api_org)_{_NO_WORD}[A-Za-z0-9]{{12,64}})",
        score=0.9,
        examples=("hf_" + "abcdefghijKLMNOPqrstuvwxyzABCDEFGH",),
        counterexamples=("hf_short",),
    ),
    PatternDetector(
        name="npm_token",
        entity="NPM_TOKEN",
        pattern=rf"(?-i:{_EDGE}npm_{_NO_WORD}[A-Za-z0-9]{{12,64}})",
        score=0.95,
        examples=("npm_" + _MIXED + "abcd",),
        counterexamples=("npm_install_something",),
    ),
    PatternDetector(
        name="sendgrid_key",
        entity="SENDGRID_KEY",
        pattern=rf"(?-i:{_EDGE}SG\.{_NUMBERED}[A-Za-z0-9_-]{{12,22}}(?:\.[A-Za-z0-9_-]{{0,64}})?)",
        score=0.95,
        examples=("SG." + _MIXED[:22] + "." + _MIXED + _MIXED[:11],),
        counterexamples=("SG.a.b",),
    ),
    PatternDetector(
        name="databricks_token",
        entity="DATABRICKS_TOKEN",
        pattern=rf"(?-i:{_EDGE}dapi[0-9a-f]{{12,40}}(?:-[0-9])?)",
        score=0.95,
        examples=("dapi" + _HEX + _HEX,),
        counterexamples=("dapi123",),
    ),
    PatternDetector(
        name="jwt",
        entity="JWT",
        pattern=rf"(?-i:{_EDGE}eyJ[A-Za-z0-9_-]{{10,2000}}\.eyJ[A-Za-z0-9_-]{{10,4000}}(?:\.[A-Za-z0-9_-]{{0,1000}})?)",
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
        name="service_token",
        entity="SERVICE_TOKEN",
        # Prefixes that vendors chose so that their keys can be told. First those with nothing but letters and digits
        # behind them: names of models begin like some (``xai-grok-...``, ``pplx-7b-...``).
        pattern=(
            rf"(?-i:{_EDGE}(?:"
            r"(?:gsk_|xai-|r8_|pplx-|csk-|jina_|lin_api_|ntn_|do[opr]_v1_|sbp_|sb_secret_|vcp_|napi_|rubygems_|CLOJARS_"
            r"|sh(?:pat|pca|ppa|pss)_|NRAK-|LTAI|ABSK|tvly-(?:dev-|prod-)?|lsv2_[ps][tk]_|pscale_(?:tkn|pw|oauth)_|pul-"
            r"|rdme_|pnu_|sk_car_|tgp_v1_|wandb_v1_|glsa_|shippo_(?:live|test)_|PMAK-|pat-na1-|sk_(?=[0-9a-f]{24}))"
            rf"{_NO_WORD}[A-Za-z0-9]{{12,255}}"
            r"|(?:nvapi-|pcsk_|figd_|hv[sbr]\.|ya29\.|GOCSPX-|ATATT3|xkeysib-|sntry[su]_|glc_|duffel_(?:live|test)_"
            r"|dckr_pat_|dp\.(?:pt|st|ct|scim|audit)\.|dt0c01\.|pypi-AgE|ops_eyJ|sq0[a-z]{3}-|fo1_|AGE-SECRET-KEY-1"
            r"|sk-lf-|HRKU-|fio-u-|ico-)"
            rf"{_NUMBERED}[A-Za-z0-9_.=-]{{12,1000}}"
            r"|[0-9]{6,12}:AA[A-Za-z0-9_-]{12,40}"
            r"|[A-Za-z0-9_~.]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34}))"
        ),
        score=0.9,
        examples=(
            "gsk_" + _MIXED,
            "x_gsk_" + _MIXED[:12] + "_y",
            "nvapi-" + _MIXED + "_" + _MIXED,
            "xai-" + _MIXED,
            "r8_" + _MIXED,
            "pplx-" + _MIXED,
            "pcsk_" + _MIXED[:6] + "_" + _MIXED,
            "hvs." + _MIXED,
            "tvly-dev-" + _MIXED,
            "123456789:AA" + _MIXED + "a",
            "sk_" + _HEX + _HEX,
        ),
        counterexamples=(
            "xai-grok-4-fast-reasoning",
            "pplx-70b-online",
            "nvapi-short",
            "gsk_lowercaseword",
            "pul-down",
            "agsk_" + _MIXED,
            "ops_team_on_call",
        ),
    ),
    PatternDetector(
        name="connection_string",
        entity="CONNECTION_STRING",
        pattern=r"(?<![A-Za-z0-9])[a-z][a-z0-9+.-]{1,20}://[^\s:/@]{1,128}:[^\s:/@]{1,256}@[^\s/?#]{1,256}",
        score=0.85,
        examples=("postgres://app:" + "s3cret@db.internal:5432/x",),
        counterexamples=("https://example.com:8080/path", "https://example.com/a@b"),
    ),
    PatternDetector(
        name="azure_account_key",
        entity="AZURE_KEY",
        # And the signature of a URL that grants access.
        pattern=(
            rf"{_EDGE}(?:(?:AccountKey|SharedAccessKey)=[A-Za-z0-9+/]{{12,100}}={{0,2}}"
            rf"|sig=(?:[A-Za-z0-9+/_-]|%2[bf]){{20,120}}(?:%3d|=){{0,2}})"
        ),
        score=0.95,
        examples=("AccountKey=" + _MIXED + _MIXED + "==", "?sv=2020-08-04&sig=" + _MIXED + "%2B" + _MIXED[:10] + "%3D"),
        counterexamples=("AccountKey=", "sig=left", "config=" + _MIXED),
    ),
    PatternDetector(
        name="bearer_token",
        entity="BEARER_TOKEN",
        pattern=rf"{_EDGE}bearer(?:\s{{1,4}}|\s{{0,3}}[:=]\s{{0,3}}[\"']?)[A-Za-z0-9._~+/-]{{20,4000}}={{0,2}}",
        score=0.8,
        examples=("Authorization: Bearer " + _MIXED, "Bearer:" + _MIXED[:20], "bearer=" + _MIXED),
        counterexamples=("a bearer of bad news", "bearer token"),
    ),
    PatternDetector(
        name="assigned_secret",
        entity="GENERIC_SECRET",
        # A name that says secret, an assignment, and a value with a digit in it: prose about passwords has none.
        pattern=(
            rf"(?:{_SURE_KEY}|{_LIKELY_KEY}){_KEY_TAIL}"
            r"[\"']?(?:\s{0,8}(?:=|:|\bis\b)\s{0,8}[\"']?|>)(?:(?:basic|bearer|digest|token)\s{1,3})?"
            r"(?=[^\s\"']{0,64}\d)[^\s\"',;]{8,200}"
        ),
        score=0.6,
        examples=(
            'password = "hunter2hunter2"',
            "api_key: " + _MIXED,
            "the password is Sommer2026!",
            "DB_PASSWORD=hunter2hunter2",
            "userPassword: hunter2hunter2",
            "<access_token>hunter2hunter2</access_token>",
            '"Authorization": "Basic aHVudGVyMjpodW50ZXIy"',
        ),
        counterexamples=(
            "password: required",
            "the secret is out",
            "token is expired",
            "the token limit is 4096",
            '{"max_tokens": 40960000}',
            '{"input_tokens": 12345678, "token_count": 12345678}',
            '{"token_type":"bearer"}',
            "authorization: required",
        ),
    ),
    PatternDetector(
        name="secret_by_key",
        entity="GENERIC_SECRET",
        # A key that says so in so many words, and all of its value: without a blank it needs no digit. Between quotes,
        # between tags, or as ``unfold`` writes it.
        pattern=(
            rf"(?:{_SURE_KEY}|{_EDGE}pass){_KEY_TAIL}"
            rf"(?:[\"']\s{{0,3}}[:=]\s{{0,3}}[\"']{_NO_PLACEHOLDER}[^\s\"'<]{{8,200}}[\"']"
            rf"|>{_NO_PLACEHOLDER}[^\s<]{{8,200}}</"
            rf"|:\n{_NO_PLACEHOLDER}\S{{8,200}}(?=\n;\n))"
        ),
        score=0.6,
        examples=(
            '{"password": "correcthorse"}',
            "{'client_secret': 'correcthorse'}",
            "<password>correcthorse</password>",
            "refresh_token:\ncorrecthorse\n;\n",
            "password value:\ncorrecthorse\n;\n",
        ),
        counterexamples=(
            '{"password": "required"}',
            '{"token": "international", "logprob": -0.1}',
            '{"password": "***************"}',
            '{"password": {"type": "string", "description": "long-enough"}}',
            "password: correct horse",
            '{"secretary": "Mrs.Robinson"}',
        ),
    ),
    PatternDetector(
        name="secret_by_name",
        entity="GENERIC_SECRET",
        # An object with a name and a value, as ``unfold`` writes it.
        pattern=(
            rf"(?:{_SURE_KEY}|{_LIKELY_KEY}|{_EDGE}pass){_KEY_TAIL}"
            rf"\n;\n[\w .-]{{0,140}}(?<![A-Za-z0-9])val(?:ue)?:\n"
            rf"(?:(?:basic|bearer|digest|token)\s{{1,3}})?{_NO_PLACEHOLDER}\S{{8,200}}(?=\n;\n)"
        ),
        score=0.6,
        examples=(
            "name:\npassword\n;\nvalue:\ncorrecthorse\n;\n",
            "env key:\nAPI_KEY\n;\nenv value:\nhunter2hunter2\n;\n",
        ),
        counterexamples=("name:\npassword\n;\ntype:\ncharacter\n;\n", "name:\ncolour\n;\nvalue:\ntransparent\n;\n"),
    ),
)

ADDRESSES: Final[tuple[PatternDetector, ...]] = (
    PatternDetector(
        # Presidio takes all of `orders?mail=a@b.de` for one address and then finds it invalid, wants a public suffix,
        # which `corp.internal` has not, and does not know `%40`. Logs are full of all three.
        name="address_in_url",
        entity="EMAIL_ADDRESS",
        pattern=r"(?<![\w.+-])[\w.+-]{1,64}(?:@|%40)(?:[a-z0-9][a-z0-9-]{0,62}\.){1,8}[a-z]{2,24}(?![A-Za-z0-9])",
        score=0.5,
        examples=(
            "GET /orders?mail=ines.duarte@lusa-tours.pt HTTP/1.1",
            "mail=ines.duarte%40lusa-tours.pt&x=1",
            "ask bob@build.corp.internal",
            "letter to anna@nordwind.de.pdf",
            "tenant_anna@nordwind.de_eu",
        ),
        counterexamples=("meet @noon", "a@b", "user%40", "image@2x.1"),
    ),
)
