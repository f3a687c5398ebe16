"""Keys that say whose they are: a prefix that a provider chose so that its keys can be told, and what may follow.

Theory of operation. ``KEYS`` has a row for each kind of key: its entity type, its prefix, its body, and a check if
the provider publishes a checksum. All rows of an entity type become one pattern, an alternative each, since a scan is
faster with few patterns and Presidio's engine makes a recognizer of each. To add a provider, add a row.

Four bodies serve nearly all: ``LETTERS`` and ``WIDE`` for keys whose prefix a name could have too, ``DIGITS`` of
hexadecimal, and ``ANY`` behind a prefix that nothing else has. A key that was cut is one from twelve characters behind
its prefix on, if they are not all small letters, as those of names and words are: who reads the beginning of a key
knows most of it.

Where a prefix says little, the body has the length that the provider gives it, and no cut key is known.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from veilog_filters.detect.secrets import checks
from veilog_filters.detect.secrets.pattern import EDGE, HEX, MIXED, NO_WORD, NUMBERED, Check, PatternDetector

LETTERS: Final = rf"{NO_WORD}[A-Za-z0-9]{{12,255}}"
WIDE: Final = rf"{NUMBERED}[A-Za-z0-9_.=-]{{12,1000}}"
DIGITS: Final = r"(?:[0-9a-f]{12,128}|[0-9A-F]{12,128})"
ANY: Final = r"[A-Za-z0-9_=/+.-]{12,1000}"
END: Final = r"(?![A-Za-z0-9])"


class Key(NamedTuple):
    """One kind of key.

    Attributes:
        entity: entity type of its findings.
        prefix: how it begins.
        body: what follows.
        check: looks at the body of one; None if there is nothing to look at.
    """

    entity: str
    prefix: str
    body: str = LETTERS
    check: Check | None = None


def exactly(chars: str, count: int) -> str:
    """A body of so many characters."""
    return rf"[{chars}]{{{count}}}{END}"


_ALNUM: Final = "A-Za-z0-9"
_URL: Final = "A-Za-z0-9_-"
_UUID: Final = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"

KEYS: Final[tuple[Key, ...]] = (
    Key(
        "AWS_ACCESS_KEY",
        "(?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])",
        r"(?:[A-Z2-7]{16}|(?=[A-Z]{0,14}[2-7])[A-Z2-7]{12,15})" + END,
    ),
    Key("AWS_ACCESS_KEY", "ABSK", r"[A-Za-z0-9+/]{40,300}={0,2}"),
    Key("AWS_ACCESS_KEY", "bedrock-api-key-", r"YmVkcm9jay5hbWF6b25hd3MuY29t[A-Za-z0-9_/+=-]{0,3000}"),
    Key("AWS_ACCESS_KEY", r"amzn\.mws\.", _UUID),
    Key("AWS_ACCESS_KEY", "da2-", exactly("a-z0-9", 26)),
    Key("AZURE_KEY", "[A-Za-z0-9_~.]{3}[0-9]Q~", r"[A-Za-z0-9_~.-]{31,34}(?![A-Za-z0-9~.-])"),
    Key("AZURE_KEY", f"[{_ALNUM}]{{76}}(?:ACOG|AzSe|AzCa|APIM|\\+ASt)", exactly(_ALNUM, 4)),
    Key(
        "GOOGLE_API_KEY",
        "AIza",
        rf"(?:[{_URL}]{{35}}{END}|{NO_WORD}[{_URL}]{{12,34}}(?![{_URL}]))",
        checks.is_google_key,
    ),
    Key("GOOGLE_API_KEY", r"ya29\.", WIDE),
    Key("GOOGLE_API_KEY", "GOCSPX-", WIDE),
    Key("OPENAI_API_KEY", "sk-", rf"(?:[{_URL}]{{20,400}}|{NUMBERED}[{_URL}]{{12,19}})", checks.is_no_name),
    Key("ANTHROPIC_API_KEY", "sk-ant-", rf"[{_URL}]{{12,400}}"),
    Key("HUGGINGFACE_TOKEN", "(?:hf|api_org)_", rf"{NO_WORD}[{_ALNUM}]{{12,64}}", checks.is_no_name),
    # Providers of models, and tools around them.
    Key("AI_PROVIDER_KEY", "(?:gsk|r8|jina)_"),
    Key("AI_PROVIDER_KEY", "(?:xai|pplx|csk)-"),
    Key("AI_PROVIDER_KEY", "tvly-(?:dev-|prod-)?"),
    Key("AI_PROVIDER_KEY", "lsv2_[ps][tk]_"),
    Key("AI_PROVIDER_KEY", "(?:tgp_v1|wandb_v1|sk_car)_"),
    Key("AI_PROVIDER_KEY", "sk_(?=[0-9a-f]{24})"),
    Key("AI_PROVIDER_KEY", "e2b_", exactly("a-f0-9", 40)),
    Key("AI_PROVIDER_KEY", "fc-", exactly("a-f0-9", 32)),
    Key("AI_PROVIDER_KEY", "fw_", exactly(_ALNUM, 24)),
    Key("AI_PROVIDER_KEY", "m0-", exactly(_ALNUM, 40)),
    Key("AI_PROVIDER_KEY", "pa-", exactly(_URL, 43)),
    Key("AI_PROVIDER_KEY", "nvapi-", WIDE),
    Key("AI_PROVIDER_KEY", "pcsk_", WIDE),
    Key("AI_PROVIDER_KEY", "[ps]k-lf-", WIDE),
    Key("CLOUD_KEY", "(?:do[opr]_v1|vcp|napi|sbp|sb_secret|pnu|nfp)_"),
    Key("CLOUD_KEY", "LTAI"),
    Key("CLOUD_KEY", "pul-", r"(?:[0-9a-f]{40}|(?=[a-f]{0,20}[0-9])[0-9a-f]{12,39})" + END),
    Key("CLOUD_KEY", "HRKU-", WIDE),
    Key("CLOUD_KEY", "fo1_", WIDE, checks.is_no_name),
    Key("CLOUD_KEY", "fm[12][ar]?_", rf"[{_ALNUM}+/]{{100,1000}}={{0,3}}"),
    Key("CLOUD_KEY", "tk-us-", exactly(_URL, 48)),
    Key("CLOUD_KEY", r"v1\.0-[a-f0-9]{24}-", r"[a-f0-9]{100,146}"),
    Key("CLOUD_KEY", "4b1d", exactly(_ALNUM, 38), checks.is_no_name),
    Key("CLOUD_KEY", "pscale_(?:tkn|pw|oauth)_", WIDE),
    Key("CLOUD_KEY", r"[A-Za-z0-9]{14}\.atlasv1\.", rf"[={_URL}]{{60,70}}"),
    Key("CLOUD_KEY", "sha256~", rf"[{_URL}]{{43}}{END}"),
    Key("CLOUD_KEY", "AQVN", rf"[{_URL}]{{35,38}}{END}"),
    Key("CLOUD_KEY", "rnd_", exactly(_ALNUM, 32)),
    Key("CLOUD_KEY", "K00[0-9]", exactly("A-Za-z0-9+/", 27)),
    Key("CLOUD_KEY", "00D[A-Za-z0-9]{12,15}!", r"[A-Za-z0-9_.]{80,120}"),
    # Stores of secrets, and what opens them.
    Key("SECRET_STORE_KEY", "hv[sbr][.]", WIDE),
    Key(
        "SECRET_STORE_KEY",
        "(?-i:[sbr])[.](?=[a-z]{0,24}[A-Z0-9])(?=[A-Z]{0,24}[a-z0-9])(?=[A-Za-z]{0,23}[0-9])",
        exactly(_ALNUM, 24),
    ),
    Key("SECRET_STORE_KEY", r"dp\.(?:pt|ct|sa|scim|audit|st(?:\.[a-z0-9_-]{2,35})?)\.", WIDE),
    Key("SECRET_STORE_KEY", "ops_eyJ", WIDE),
    Key("SECRET_STORE_KEY", "A3-[A-Z0-9]{6}-", r"(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})(?:-[A-Z0-9]{5}){3}" + END),
    Key("SECRET_STORE_KEY", "AGE-SECRET-KEY-1", r"[A-Z0-9]{12,58}"),
    Key("GITHUB_TOKEN", "gh[pousr]_", rf"{NO_WORD}[A-Za-z0-9][A-Za-z0-9_]{{11,255}}", checks.crc32_base62),
    Key("GITHUB_TOKEN", "github_pat_", rf"{NO_WORD}[A-Za-z0-9][A-Za-z0-9_]{{11,255}}"),
    Key("GITLAB_TOKEN", "gl(?:pat|dt|rt|ptt|cbt|ft|imt|agent|oas|soat|ffct)-", rf"{NO_WORD}[A-Za-z0-9_.-]{{12,300}}"),
    Key("GITLAB_TOKEN", "GR1348941", rf"{NO_WORD}[{_URL}]{{16,24}}"),
    Key("GITLAB_TOKEN", "_gitlab_session=", exactly("0-9a-z", 32)),
    Key("SOURCE_CONTROL_TOKEN", "AT(?:BB|CTT3)", r"[A-Za-z0-9_=-]{24,300}"),
    Key("SOURCE_CONTROL_TOKEN", "sgp_(?:[a-f0-9]{16}_|local_)?", exactly("A-Fa-f0-9", 40)),
    Key("SOURCE_CONTROL_TOKEN", f"[{_ALNUM}]{{76}}AZDO", exactly(_ALNUM, 4)),
    Key("NPM_TOKEN", "npm_", rf"{NO_WORD}[{_ALNUM}]{{12,64}}", checks.crc32_base62),
    Key("PACKAGE_REGISTRY_TOKEN", "pypi-AgE", WIDE),
    Key("PACKAGE_REGISTRY_TOKEN", "rubygems_"),
    Key("PACKAGE_REGISTRY_TOKEN", "CLOJARS_"),
    Key("PACKAGE_REGISTRY_TOKEN", "dckr_[po]at_", WIDE),
    Key("PACKAGE_REGISTRY_TOKEN", "oy2", exactly("a-z0-9", 43)),
    Key("PACKAGE_REGISTRY_TOKEN", "cio", exactly(_ALNUM, 32), checks.is_no_name),
    Key("PACKAGE_REGISTRY_TOKEN", "AKCp", rf"[{_ALNUM}]{{20,80}}"),
    Key("PACKAGE_REGISTRY_TOKEN", "cmVmd", exactly(_ALNUM, 59)),
    Key("PACKAGE_REGISTRY_TOKEN", "[A-Z0-9]{4}-CF-|lip_", exactly(_ALNUM, 40)),
    Key(
        "SLACK_TOKEN",
        "(?:xox[abceposr]-(?=[0-9]{8,14})|xox[ar]-(?:[0-9]-)?(?=[a-z]{0,40}[A-Z0-9])|xapp-[0-9]-(?=[A-Z0-9]{4}))",
        r"[A-Za-z0-9-]{12,400}",
        checks.is_no_name,
    ),
    Key("SLACK_TOKEN", r"xoxe(?:\.xox[bp])?-[0-9]-(?=[A-Za-z]{0,40}[0-9])", r"[A-Za-z0-9-]{12,400}"),
    Key("CHAT_TOKEN", "[0-9]{6,12}:AA", rf"[{_URL}]{{12,40}}"),
    Key("CHAT_TOKEN", "[MNO][A-Za-z0-9]{23,27}[.]", r"[A-Za-z0-9_-]{6}[.][A-Za-z0-9_-]{27,40}" + END),
    Key("CHAT_TOKEN", "SK(?=[0-9a-f]{0,31}[a-f])(?=[0-9a-f]{0,31}[0-9])", exactly("0-9a-f", 32)),
    Key("CHAT_TOKEN", "live_[0-9]{6,12}_", exactly(_ALNUM, 30)),
    Key("STRIPE_KEY", "[rs]k_(?:live|test|prod)_", rf"[{_ALNUM}]{{12,255}}"),
    Key("STRIPE_KEY", "whsec_", rf"{NO_WORD}[{_ALNUM}+/=]{{20,80}}"),
    Key("PAYMENT_KEY", "sq0(?!idp)[a-z]{3}-", WIDE),
    Key("PAYMENT_KEY", "EAAA", rf"(?=[A-Za-z_-]{{0,50}}[0-9])(?=[A-Z0-9_-]{{0,50}}[a-z])[{_URL}]{{56,60}}{END}"),
    Key("PAYMENT_KEY", "EZ[AT]K", exactly(_ALNUM, 54)),
    Key("PAYMENT_KEY", "FLW(?:SEC|PUB)K(?:_TEST)?-", r"[a-hA-H0-9]{12,32}(?:-X)?"),
    Key("PAYMENT_KEY", "shippo_(?:live|test)_", DIGITS),
    Key("PAYMENT_KEY", "sh(?:pat|pca|ppa|pss)_"),
    Key("PAYMENT_KEY", "duffel_(?:live|test)_", WIDE),
    Key("PAYMENT_KEY", "rzp_(?:live|test)_", exactly(_ALNUM, 14)),
    Key("PAYMENT_KEY", r"access_token\$production\$[0-9a-z]{16}\$", r"[0-9a-f]{32}"),
    Key("PAYMENT_KEY", "access-(?:sandbox|development|production)-", _UUID),
    Key("SENDGRID_KEY", r"SG\.", rf"{NUMBERED}[{_URL}]{{12,22}}(?:\.[=.{_URL}]{{0,64}})?"),
    Key("MAIL_KEY", "xkeysib-", WIDE),
    Key("MAIL_KEY", "(?:pub)?key-", exactly("0-9a-f", 32)),
    Key("MAIL_KEY", "[0-9a-f]{32}-us", "[0-9]{1,2}" + END),
    Key("MAIL_KEY", "re_[A-Za-z0-9]{8}_", exactly(_ALNUM, 24)),
    Key("MONITORING_KEY", "gl(?:sa|c)_", rf"{NUMBERED}[A-Za-z0-9_+/=]{{12,400}}", checks.is_no_name),
    Key("MONITORING_KEY", "eyJrIjoi", r"[A-Za-z0-9]{30,400}={0,3}"),
    Key("MONITORING_KEY", "NR(?:AK|II|IQ|AA|JS|BR)-", rf"{NO_WORD}[{_URL}]{{12,40}}"),
    Key("MONITORING_KEY", "(?:eu01xx)?[0-9a-f]{30,36}", "NRAL" + END),
    Key("MONITORING_KEY", "px-(?:api|dep)-", _UUID),
    Key("MONITORING_KEY", "dt0[a-z][0-9]{2}[.]", WIDE),
    Key("MONITORING_KEY", "sntrys_eyJ", rf"[{_ALNUM}+/=_]{{12,600}}"),
    Key("MONITORING_KEY", "sntryu_", rf"[0-9a-f]{{12,64}}{END}"),
    Key("MONITORING_KEY", "ph[xc]_", exactly(_ALNUM, 43)),
    Key("MONITORING_KEY", r"hawk\.", r"[A-Za-z0-9_-]{20}\.[A-Za-z0-9_-]{20}"),
    Key("MONITORING_KEY", "sq[upa]_", exactly("a-f0-9", 40)),
    Key("DATABRICKS_TOKEN", "dapi", r"[0-9a-f]{12,40}(?:-[0-9])?"),
    # All others.
    Key("SERVICE_TOKEN", "(?:lin_api|rdme)_"),
    Key("SERVICE_TOKEN", "ntn_", rf"(?=[0-9]{{0,60}}[A-Za-z])[{_ALNUM}]{{12,50}}"),
    Key("SERVICE_TOKEN", "(?:sm_[aps]at|odt|aio)_"),
    Key("SERVICE_TOKEN", "figd_", WIDE),
    Key("SERVICE_TOKEN", "ATATT3", WIDE),
    Key("SERVICE_TOKEN", "PMAK-", WIDE),
    Key("SERVICE_TOKEN", "pat-(?:na|eu)1-", WIDE),
    Key("SERVICE_TOKEN", r"pat[A-Za-z0-9]{14}\.", exactly("a-f0-9", 64)),
    Key("SERVICE_TOKEN", r"[ps]at\.[A-Za-z0-9_-]{22}\.", r"[A-Za-z0-9]{24}\.[A-Za-z0-9]{20}"),
    Key("SERVICE_TOKEN", "ico-", exactly(_ALNUM, 32) + r"(?!\.[a-z])"),
    Key("SERVICE_TOKEN", "fio-u-", WIDE),
    Key("SERVICE_TOKEN", "tfp_", WIDE),
    Key("SERVICE_TOKEN", "p8e-", exactly(_URL, 32)),
    Key("SERVICE_TOKEN", r"sl\.", rf"{NUMBERED}[={_URL}]{{100,200}}"),
    Key("SERVICE_TOKEN", "EAA[A-Z](?=[A-Za-z]{0,60}[0-9])", rf"[{_ALNUM}]{{80,400}}"),
    Key("SERVICE_TOKEN", r"[sptk]k\.eyJ", r"[A-Za-z0-9_-]{20,200}\.[A-Za-z0-9_-]{20,30}"),
    Key("SERVICE_TOKEN", r"[pst]k\.(?=[a-z]{0,59}[0-9])", r"[a-z0-9]{60}\.[a-z0-9]{22}" + END),
    Key("SERVICE_TOKEN", "API-(?=[A-Z]{0,25}[0-9])(?=[0-9]{0,25}[A-Z])", exactly("A-Z0-9", 26)),
    Key("SERVICE_TOKEN", "[A-Za-z0-9]{6}_[A-Za-z0-9]{29}", "_mmk" + END),
    Key("SERVICE_TOKEN", "[0-9]{1,3}-(?=[a-z0-9]{0,63}[A-Z])(?=[A-Z0-9]{0,63}[a-z])", exactly(_ALNUM, 64)),
    Key(
        "SERVICE_TOKEN",
        r"(?:sc|ext|scauth|authress)_[a-z0-9]{5,30}\.[a-z0-9]{4,6}\.acc[_-]",
        r"[a-z0-9-]{10,32}\.[A-Za-z0-9+/_=-]{30,120}",
    ),
    Key("SERVICE_TOKEN", "dnkey-", r"[A-Za-z0-9=_-]{26}-[A-Za-z0-9=_-]{52}"),
    Key("SERVICE_TOKEN", "[0-9]{15,16}[|]", exactly(_URL, 27)),
    Key("SERVICE_TOKEN", "b_(?=[a-z=_-]{0,43}[0-9])", r"[a-z0-9=_-]{44}" + END),
    Key("SERVICE_TOKEN", "(?:live|test)_pub_", exactly("a-f0-9", 31)),
    Key("SERVICE_TOKEN", "(?:live|test)_", exactly("a-f0-9", 35)),
)

_SCORES: Final = {
    "AI_PROVIDER_KEY": 0.9,
    "AWS_ACCESS_KEY": 0.9,
    "CHAT_TOKEN": 0.9,
    "CLOUD_KEY": 0.9,
    "GOOGLE_API_KEY": 0.9,
    "HUGGINGFACE_TOKEN": 0.9,
    "OPENAI_API_KEY": 0.8,
    "SERVICE_TOKEN": 0.9,
}
"""Of families in which a prefix is less sure than in the others."""
_SCORE: Final = 0.95

_PROOFS: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "AI_PROVIDER_KEY": (
        (
            "gsk_" + MIXED,
            "x_gsk_" + MIXED[:12] + "_y",
            "nvapi-" + MIXED + "_" + MIXED,
            "xai-" + MIXED,
            "r8_" + MIXED,
            "pplx-" + MIXED,
            "pcsk_" + MIXED[:6] + "_" + MIXED,
            "tvly-dev-" + MIXED,
            "sk_" + HEX + HEX,
            "fc-" + HEX + HEX,
        ),
        (
            "xai-grok-4-fast-reasoning",
            "pplx-70b-online",
            "pplx-" + "X" * 32,
            "nvapi-short",
            "gsk_lowercaseword",
            "agsk_" + MIXED,
        ),
    ),
    "ANTHROPIC_API_KEY": (("sk-ant-" + "api03-" + MIXED + MIXED,), ("sk-ant-x", "ant-" + MIXED)),
    "AWS_ACCESS_KEY": (
        ("key AKIA" + "IOSFODNN7EXAMPLE", "ASIA" + "QWERTYUIOPASDFGH.", "da2-" + "abcdefghij0123456789klmnop"),
        ("akia" + "iosfodnn7example", "AKIA12", "xAKIA" + "IOSFODNN7EXAMPLE"),
    ),
    "AZURE_KEY": (
        ("aB3" + "8Q~" + MIXED[:16] + "." + MIXED[:16],),
        ("aB3" + "8Q~" + MIXED[:16], "aB3" + "8Q~" + "x" * 34),
    ),
    "CHAT_TOKEN": (
        ("123456789:AA" + MIXED + "a", "SK" + HEX + HEX, "MTA1" + MIXED[:20] + ".G" + "aB3dE." + MIXED[:27]),
        ("123456789:AAshort", "SK" + "0" * 32, "12:AA" + MIXED),
    ),
    "CLOUD_KEY": (
        (
            "dop_v1_" + HEX + HEX,
            "LTAI" + MIXED[:20],
            "pul-" + HEX + HEX + HEX[:8],
            "sha256~" + MIXED + MIXED[:11],
            "HRKU-" + MIXED,
        ),
        ("pul-down", "sha256~" + "x" * 43, "fo1_" + "x" * 43, "dop_v1_short"),
    ),
    "DATABRICKS_TOKEN": (("dapi" + HEX + HEX,), ("dapi123", "dapi" + "0" * 32)),
    "GITHUB_TOKEN": (
        ("ghp_" + MIXED + "abcd", "github_pat_" + MIXED + MIXED),
        ("ghp_short", "ghx_" + MIXED + "abcd", "ghp_" + "X" * 36),
    ),
    "GITLAB_TOKEN": (
        ("glpat-" + MIXED[:20], "GR1348941" + MIXED[:20]),
        ("glpat-short", "glpat-" + "X" * 20),
    ),
    "GOOGLE_API_KEY": (
        ("AIza" + "Sy" + MIXED + "a", "ya29." + MIXED, "GOCSPX-" + MIXED[:28]),
        ("AIza" + "short", "AIza" + MIXED + MIXED),
    ),
    "HUGGINGFACE_TOKEN": (
        ("hf_" + "abcdefghijKLMNOPqrstuvwxyzABCDEFGH",),
        ("hf_short", "hf_requiredTypesForDisplayOfMetadata", "hf_" + "X" * 34),
    ),
    "MAIL_KEY": (
        ("xkeysib-" + HEX + HEX, "key-" + HEX + HEX, HEX + HEX + "-us12"),
        ("xkeysib-short", "key-" + "a" * 32, HEX + "-us12"),
    ),
    "MONITORING_KEY": (
        ("glsa_" + MIXED + "_0123abcd", "NRAK-" + MIXED[:27].upper(), "sntryu_" + HEX + HEX, "dt0c01." + MIXED),
        ("glsa_" + "X" * 32 + "_" + "A" * 8, "GLC_UploadLightmapTexture", "NRAK-short"),
    ),
    "NPM_TOKEN": (("npm_" + MIXED + "abcd",), ("npm_install_something", "npm_" + "X" * 36)),
    "OPENAI_API_KEY": (
        ("sk-" + MIXED + MIXED, "use sk-proj-" + MIXED + "_" + MIXED),
        ("sk-short", "task-" + MIXED, "ask-me-anything-you-want-to", "sk-" + "x" * 48),
    ),
    "PACKAGE_REGISTRY_TOKEN": (
        (
            "pypi-AgE" + "IcHlwaS5vcmc" + MIXED,
            "rubygems_" + HEX + HEX,
            "dckr_pat_" + MIXED,
            "oy2" + HEX + HEX + HEX[:11],
        ),
        ("pypi-AgE", "rubygems_update_all", "oy2" + "a" * 43),
    ),
    "PAYMENT_KEY": (
        ("sq0atp-" + MIXED[:22], "shpat_" + HEX + HEX, "EZAK" + MIXED + MIXED[:22], "rzp_live_" + MIXED[:14]),
        ("sq0idp-" + MIXED[:22], "shpat_update_theme", "rzp_live_short"),
    ),
    "SECRET_STORE_KEY": (
        ("hvs." + MIXED, "dp.pt." + MIXED, "A3-" + "ABC123-ABCDEF12345-ABC12-DEF34-GHI56", "s." + MIXED[:24]),
        (
            "hvs.short",
            "ops_team_on_call",
            "s.addComponentsFromRegistry",
            "A3-" + "X" * 6 + "-" + "X" * 11 + "-XXXXX" * 3,
        ),
    ),
    "SENDGRID_KEY": (("SG." + MIXED[:22] + "." + MIXED + MIXED[:11],), ("SG.a.b",)),
    "SERVICE_TOKEN": (
        ("lin_api_" + MIXED, "figd_" + MIXED, "ATATT3" + MIXED, "PMAK-" + HEX + "-" + HEX, "sm_pat_" + MIXED[:16]),
        ("figd_file", "ico-" + "X" * 32, "ntn_12345", "lin_api_key_of_mine"),
    ),
    "SLACK_TOKEN": (
        ("xoxb-" + "123456789012-" + MIXED, "xapp-1-" + "A0123ABCD-123456789012-" + HEX),
        ("xoxb-1", "xoxz-" + MIXED, "xoxb-" + "my-bot-token-of-slack", "xoxp-" + "X" * 10 + "-" + "X" * 12),
    ),
    "SOURCE_CONTROL_TOKEN": (
        ("sgp_" + HEX + HEX + HEX[:8], "ATBB" + MIXED, "sgp_local_" + HEX + HEX + HEX[:8]),
        ("sgp_short", "ATBB" + "x" * 32),
    ),
    "STRIPE_KEY": (
        ("sk_" + "live_" + MIXED, "whsec_" + MIXED),
        ("pk_live_x", "sk_live_", "sk_live_" + "x" * 24, "task_test_" + MIXED),
    ),
}
"""By entity type, in what its detector must find something, and in what nothing."""


def _pattern(keys: Iterable[Key]) -> str:
    """All rows of an entity type, an alternative each; those with the same body share it."""
    prefixes: dict[str, list[str]] = {}
    for key in keys:
        prefixes.setdefault(key.body, []).append(key.prefix)
    rows = "|".join(f"(?:{'|'.join(heads)}){body}" for body, heads in prefixes.items())
    return rf"(?-i:{EDGE}(?:{rows}))"


@functools.cache
def _rows_of(entity: str) -> list[tuple[re.Pattern[str], re.Pattern[str], Check | None]]:
    return [
        (re.compile(key.prefix), re.compile(f"(?:{key.prefix}){key.body}"), key.check)
        for key in KEYS
        if key.entity == entity
    ]


def is_key(entity: str, text: str) -> bool | None:
    """Whether what fits a row of an entity type is a key, and nothing that stands for one.

    Args:
        entity: the entity type.
        text: the match.
    """
    for prefix, whole, check in _rows_of(entity):
        head = prefix.match(text)
        if head is not None and whole.fullmatch(text):
            body = text[head.end() :] or text
            if checks.is_filler(text if len(body) < MIN_BODY_CHARS else body):
                return False
            return check(body) if check else None
    return None


MIN_BODY_CHARS: Final = 12


def _detector(entity: str) -> PatternDetector:
    examples, counterexamples = _PROOFS[entity]
    return PatternDetector(
        name=entity.lower(),
        entity=entity,
        pattern=_pattern(key for key in KEYS if key.entity == entity),
        score=_SCORES.get(entity, _SCORE),
        examples=examples,
        counterexamples=counterexamples,
        check=functools.partial(is_key, entity),
    )


PREFIXED: Final = tuple(_detector(entity) for entity in dict.fromkeys(key.entity for key in KEYS))
