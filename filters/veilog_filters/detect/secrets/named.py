"""Secrets that are told by their name: ``password``, ``api_key``, ``netlifyToken``, whatever writes it down.

Theory of operation. A name, an assignment, a value: in JSON and its keys (as ``unfold`` writes them), YAML, XML,
shells, programs in any language, connection strings, headers. Three tables say which names:

* ``_SURE`` and ``_LIKELY``: words for secrets. What only a secret is called (``password``) may have any value; what a
  model may call something else too (``token``) needs a value with a digit in it.
* ``PROVIDERS``: names of providers that gave their keys no prefix, each with the form of its keys. What is
  assigned to ``discordSecret`` is a key if it has the length and the letters of one. To add a provider, add a row.

A name begins anywhere in an identifier: ``DB_PASSWORD``, ``userPassword``, ``x-api-key``. So no edge stands before
it, but for short names, which other words contain. What ``checks`` knows for something else is none: placeholders,
variables, paths, versions, ids.
"""

from __future__ import annotations

import functools
import re
from typing import Final, NamedTuple

from veilog_filters.detect.secrets import checks
from veilog_filters.detect.secrets.pattern import EDGE, HEX, MIXED, PatternDetector
from veilog_filters.detect.secrets.shaped import is_password

# What only a secret is called. (Of ``token`` alone models have other ideas.)
_SURE: Final = (
    r"(?:pass[_-]?(?:word|wd|phrase|code|wort)|pwd|(?<![0-9]:)secret|kennwort|contrase.a|mot[ _-]de[ _-]passe"
    r"|(?:access|refresh|auth|api|session|bearer|bot|id|csrf|security)[_-]?token)s?"
)
_LIKELY: Final = (
    r"(?:(?<!public)(?<!public[_-])(?<!page)(?<!page[_-])token"
    r"|credentials?|authori[sz]ation|cookie|connection[ _-]?string|bearer"
    r"|(?<![A-Za-z0-9])auth"
    r"|(?:api|access|account|private|pre[_-]?shared|subscription|signing|encryption|ssh|master|openai|licen[cs]e|unseal"
    r"|insert|stream|io)[ _-]?key|[_-]pat(?![a-z]))"
)
_CHOSEN: Final = r"(?:pass(?:[_-]?(?:word|wd|phrase|code|wort))?|pwd|secret|kennwort)"
# What may stand behind the name; ``unfold`` writes the keys of inner objects there.
_TAIL: Final = (
    r"(?: ?[0-9]{1,3})?(?:[ _.-]?(?:access[_-]?)?key)?"
    r"(?:[ _.-]?(?:value|val|text|string|data|content|hash|base64|b64|login))?"
)
_NO_PLACEHOLDER: Final = (
    r"(?!(?:required|optional|password|disabled|redacted|undefined|filtered|[*x.-]{8,200})(?:[\"'<\n]|\Z)|<)"
)
_ASSIGNED: Final = (
    r"(?:[\"'\])]{0,2}\s{0,16}(?:[.?:+!|]{0,3}=>?=?|:{1,3}|\bis\b)\s{0,16}[(]?[\"'`]{0,2}"
    r"|[\"']\s{0,2},\s{0,4}[\"']{1,2}|>\s{0,8})"
)
"""What stands between a name and its value: an operator of some language and quotes, an element's bracket, a comma."""

_VALUE: Final = re.compile(
    r"(?:=>?=?|:{1,3}|\bis\b|,|>)\s{0,8}[(]?[\"'`]{0,2}(?:(?:basic|bearer|digest|token)\s{1,3})?([^\s\"',;`]+)\Z",
    re.IGNORECASE,
)
_BEHIND: Final = re.compile(r"\\\\?[nrt\"']|&|</")
"""What ends a value that goes on: an escaped line end, the next parameter, the end of an element."""
_LAST: Final = re.compile(r"[\"'>\n]([^\"'<>\n]+)(?:[\"']|</)?\Z")
_LAST_WORD: Final = re.compile(r"([^\s=\"']+?)[\";]?\Z")
_BETWEEN: Final = re.compile(r"^[a-z]{0,5}passw[a-z]*$|^[\s,+;:).&|]|[\s,+;:(]$")
"""How what stands between two literals begins or ends; and what calls itself a password."""
_QUOTED: Final = re.compile(r"\\?([\"'`])((?:(?!\1)[^\n])+?)\\?\1\Z")
_BASIC: Final = re.compile(r"basic\s{1,3}eyJ", re.IGNORECASE)


def _value_of(text: str) -> str:
    """The value of a match."""
    found = _VALUE.search(text)
    return found[1] if found else text


def is_assigned(text: str) -> bool | None:
    """Whether what is assigned to a name that says secret is one."""
    value = _BEHIND.split(_value_of(text), maxsplit=1)[0].rstrip(").]}\\")
    if checks.stands_in(value) or checks.is_elsewhere(value):
        return False
    return None


def is_random(text: str) -> bool | None:
    """Whether the last word of a sentence was drawn by a machine."""
    value = text.rsplit(maxsplit=1)[-1]
    if value.isdigit() or checks.is_filler(value) or checks.is_path(value):
        return False
    return None if checks.is_mixed(value) and checks.entropy_bits(value) >= _MIN_BITS_IN_WORDS else False


def is_value_of_key(text: str) -> bool | None:
    """Whether all of the value of a key that says secret is one."""
    found = _LAST.search(text)
    value = found[1] if found else text
    return False if checks.has_marks(value) or checks.is_path(value) else None


def is_last_word(text: str) -> bool | None:
    """Whether the last word of a command, a setting or a call is a password."""
    found = _LAST_WORD.search(text)
    value = found[1] if found else text
    return False if checks.is_published(value) else is_password(value)


def is_quoted(text: str) -> bool | None:
    """Whether the text between quotes behind a name that says password is one."""
    found = _QUOTED.search(text)
    value = found[2] if found else text
    if checks.says_so(value) or checks.is_path(value) or value.lower() in _USUAL or _BETWEEN.search(value):
        return False
    return is_password(value)


def is_unquoted(text: str) -> bool | None:
    """Whether a word behind a name that says password is one."""
    value = re.split(r"[=:]\s*|\s+", text)[-1].strip("\"'")
    if checks.stands_in(value) or checks.is_elsewhere(value) or value.lower() in _USUAL:
        return False
    return is_password(value)


_USUAL: Final = frozenset(
    """
    password passwd secret admin root user username login text string input hidden number email name field form confirm
    confirmation reset forgot change update strength invalid valid missing incorrect wrong error
    """.split()  # noqa: SIM905
)


class Provider(NamedTuple):
    """A provider that gave its keys no prefix.

    Attributes:
        entity: entity type of its findings.
        names: what it is called in identifiers, in the syntax of patterns.
        form: of its keys.
    """

    entity: str
    names: str
    form: str


_UUID: Final = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_WORD: Final = "[a-z0-9=_-]"
_LETTERS: Final = "[a-z0-9]"
_DIGITS: Final = "[0-9a-f]"

PROVIDERS: Final[tuple[Provider, ...]] = (
    Provider("AI_PROVIDER_KEY", "cohere|co_api", rf"{_LETTERS}{{40}}"),
    Provider("AI_PROVIDER_KEY", "mistral|stability|deepgram|ai21|together", rf"{_LETTERS}{{32,64}}"),
    Provider("AI_PROVIDER_KEY", "private[_-]?ai|assembly[_-]?ai", rf"{_LETTERS}{{32}}"),
    Provider("AI_PROVIDER_KEY", "kagi", r"[a-z0-9_-]{11}\.[a-z0-9_-]{43}"),
    Provider("AWS_ACCESS_KEY", "aws[_.-]?(?:secret|session|access)", r"[A-Za-z0-9/+]{40}={0,2}"),
    Provider("AZURE_KEY", "(?<![a-z])ado|azure[_-]?devops|(?:personal[_-]?)?access[_-]?token", r"[a-z2-7]{52}"),
    Provider("CLOUD_KEY", "netlify", rf"{_WORD}{{40,46}}"),
    Provider("CLOUD_KEY", "heroku", _UUID),
    Provider("CLOUD_KEY", "cloudflare", rf"[a-z0-9_-]{{40}}|{_DIGITS}{{37}}"),
    Provider("CLOUD_KEY", "alibaba|aliyun", rf"{_LETTERS}{{30}}"),
    Provider(
        "CLOUD_KEY",
        "yandex",
        r"AQVN[A-Za-z0-9_-]{35,38}|YC[A-Za-z0-9_-]{38}|t1\.[A-Za-z0-9_-]+={0,2}\.[A-Za-z0-9_-]{86}={0,2}",
    ),
    Provider("CLOUD_KEY", "fastly", rf"{_WORD}{{32}}"),
    Provider("CLOUD_KEY", "(?-i:meraki|Meraki|MERAKI)", rf"{_DIGITS}{{40}}"),
    Provider("CLOUD_KEY", "confluent", rf"{_LETTERS}{{16}}|{_LETTERS}{{64}}"),
    Provider("CLOUD_KEY", "travis", rf"{_LETTERS}{{22}}"),
    Provider("CLOUD_KEY", "contentful", rf"{_WORD}{{43}}"),
    Provider("CLOUD_KEY", "launch[_-]?darkly", rf"{_WORD}{{40}}"),
    Provider("CLOUD_KEY", "vercel", rf"{_LETTERS}{{24}}"),
    Provider("SOURCE_CONTROL_TOKEN", "bitbucket", rf"{_LETTERS}{{32}}|{_WORD}{{64}}"),
    Provider("SOURCE_CONTROL_TOKEN", "atlassian|confluence|jira", rf"{_LETTERS}{{20}}{_DIGITS}{{4}}"),
    Provider("SOURCE_CONTROL_TOKEN", "drone[_-]?ci|codecov", rf"{_LETTERS}{{32}}"),
    Provider("SOURCE_CONTROL_TOKEN", "code[_-]?climate|(?<![a-z])cc_test", rf"{_DIGITS}{{64}}"),
    Provider("PACKAGE_REGISTRY_TOKEN", "jfrog|artifactory|bintray|xray", rf"{_LETTERS}{{64}}|{_LETTERS}{{73}}"),
    Provider("PACKAGE_REGISTRY_TOKEN", "contribsys__com", rf"{_DIGITS}{{8}}:{_DIGITS}{{8}}"),
    Provider("CHAT_TOKEN", "discord", rf"{_DIGITS}{{64}}|{_WORD}{{32}}"),
    Provider("CHAT_TOKEN", "gitter", r"[a-z0-9_-]{40}"),
    Provider("CHAT_TOKEN", "mattermost", rf"{_LETTERS}{{26}}"),
    Provider("CHAT_TOKEN", "telegr", r"[0-9]{5,16}:A[a-z0-9_-]{34}"),
    Provider("CHAT_TOKEN", "twitch", rf"{_LETTERS}{{30}}"),
    Provider("CHAT_TOKEN", "twilio", rf"{_LETTERS}{{32}}"),
    Provider("CHAT_TOKEN", "message[_-]?bird", rf"{_LETTERS}{{25}}|{_UUID}"),
    Provider("CHAT_TOKEN", "sendbird", rf"{_DIGITS}{{40}}|{_UUID}"),
    Provider(
        "CHAT_TOKEN",
        "twitter",
        r"[a-z0-9]{25}|[a-z0-9]{35,50}|[0-9]{15,25}-[a-z0-9]{20,40}|A{22}[a-z0-9%]{80,100}|[a-z0-9]{20,22}",
    ),
    Provider("CHAT_TOKEN", "facebook|(?<![a-z])fb", rf"{_DIGITS}{{32}}"),
    Provider("PAYMENT_KEY", "(?-i:plaid|Plaid|PLAID)", rf"{_LETTERS}{{24}}|{_LETTERS}{{30}}"),
    Provider("PAYMENT_KEY", "coinbase", r"[a-z0-9_-]{64}"),
    Provider("PAYMENT_KEY", "finicity|finnhub", rf"{_DIGITS}{{32}}|{_LETTERS}{{20}}"),
    Provider("PAYMENT_KEY", "bittrex", rf"{_LETTERS}{{32}}"),
    Provider("PAYMENT_KEY", "kraken", r"[a-z0-9/=_+-]{80,90}"),
    Provider("PAYMENT_KEY", "kucoin", rf"{_DIGITS}{{24}}|{_UUID}"),
    Provider("PAYMENT_KEY", "go[_-]?cardless", r"live_[a-z0-9=_-]{40}"),
    Provider("PAYMENT_KEY", "freshbooks", rf"{_LETTERS}{{64}}"),
    Provider("PAYMENT_KEY", "(?-i:etsy|Etsy|ETSY)", rf"{_LETTERS}{{24}}"),
    Provider("PAYMENT_KEY", "squarespace", _UUID),
    Provider("MAIL_KEY", "mailgun", rf"(?:pub)?key-{_DIGITS}{{32}}|[a-h0-9]{{32}}-[a-h0-9]{{8}}-[a-h0-9]{{8}}"),
    Provider("MAIL_KEY", "postmark|X-Postmark-Server", _UUID),
    Provider("MAIL_KEY", "hubspot", _UUID),
    Provider("MAIL_KEY", "intercom", rf"{_WORD}{{60}}"),
    Provider("MAIL_KEY", "zendesk", rf"{_LETTERS}{{40}}"),
    Provider("MAIL_KEY", "beamer", r"b_[a-z0-9=_-]{44}"),
    Provider("MONITORING_KEY", "datadog", rf"{_LETTERS}{{40}}"),
    Provider("MONITORING_KEY", "new[_-]?relic", rf"{_LETTERS}{{64}}|{_DIGITS}{{40}}"),
    Provider("MONITORING_KEY", "sentry", rf"{_DIGITS}{{64}}"),
    Provider("MONITORING_KEY", "sonar[_.-]?(?:login|token)", rf"(?:sq[upa]_)?{_WORD}{{40}}"),
    Provider("MONITORING_KEY", "(?-i:sumo|Sumo|SUMO)", rf"su{_LETTERS}{{12}}|{_LETTERS}{{64}}"),
    Provider("MONITORING_KEY", "snyk", _UUID),
    Provider("SERVICE_TOKEN", "adafruit", r"[a-z0-9_-]{32}"),
    Provider("SERVICE_TOKEN", "adobe", rf"{_DIGITS}{{32}}"),
    Provider("SERVICE_TOKEN", "airtable", rf"{_LETTERS}{{17}}"),
    Provider("SERVICE_TOKEN", "algolia", rf"{_LETTERS}{{32}}"),
    Provider("SERVICE_TOKEN", "(?-i:asana|Asana|ASANA)", rf"{_LETTERS}{{32}}|[0-9]{{16}}"),
    Provider("SERVICE_TOKEN", "dropbox", rf"{_LETTERS}{{15}}|{_LETTERS}{{11}}A{{10}}{_WORD}{{43}}"),
    Provider("SERVICE_TOKEN", "flickr|nytimes|new[_-]york[_-]times", rf"{_WORD}{{32}}"),
    Provider("SERVICE_TOKEN", "linear", rf"{_DIGITS}{{32}}"),
    Provider("SERVICE_TOKEN", "linked[_-]?in", rf"{_LETTERS}{{14}}|{_LETTERS}{{16}}"),
    Provider("SERVICE_TOKEN", "(?<![a-z])lob", rf"(?:live|test)_(?:pub_)?{_DIGITS}{{31,35}}"),
    Provider("SERVICE_TOKEN", "looker", rf"{_LETTERS}{{20}}|{_LETTERS}{{24}}"),
    Provider("SERVICE_TOKEN", "(?-i:okta|Okta|OKTA)", r"00[a-z0-9_=-]{40}"),
    Provider("SERVICE_TOKEN", "rapid[_-]?api", r"[a-z0-9_-]{50}"),
    Provider("SERVICE_TOKEN", "trello", rf"{_LETTERS}{{32}}"),
    Provider("SERVICE_TOKEN", "figma", rf"[0-9]{{4}}-{_UUID}"),
    Provider(
        "SERVICE_TOKEN",
        "sauce[_-]?access|blynk|jenkins[_-]?crumb|provision",
        rf"{_UUID}|{_LETTERS}{{20,32}}|{_DIGITS}{{32}}",
    ),
    Provider("SERVICE_TOKEN", "bootstrap[_-]?token", r"[a-z0-9]{6}\.[a-z0-9]{16}"),
)

_PROVIDED: Final = r"(?:[0-9a-f]{5,16}:[A-Za-z0-9_-]{8,64}|[A-Za-z0-9_.+/~%-][A-Za-z0-9_=.+/~%-]{9,200})"
_PROVIDED_TAIL: Final = r"[ \t\w.-]{0,24}"
_MIN_BITS: Final = 2.5
"""Entropy per character: keys have more, and words as long have less different letters."""
_MIN_BITS_IN_WORDS: Final = 3.0
_OF_A_KEY: Final = re.compile(
    r"access|reporter|key|token|secret|auth|credential|pat\b|password|api|login", re.IGNORECASE
)
_PROVIDER_PROOFS: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "AI_PROVIDER_KEY": (("cohere_key=" + MIXED + "abcdEF01",), ("cohere: explains-what-coherence-means-to-us",)),
    "AWS_ACCESS_KEY": (
        ("aws_secret_access_key = " + MIXED + "aB/dE6+H",),
        ("aws_secret_name = prod/billing/database-and-its-replicas-eu",),
    ),
    "AZURE_KEY": (
        ("ado_pat = '" + "zyx2wvu3tsr4qpo5nml6kji7hgf2edc3ba4zyx5wvu6tsr7qpo2n" + "'",),
        ("ado_pat = required",),
    ),
    "CLOUD_KEY": (
        (
            "netlifyToken = " + MIXED + "abcd0123",
            "HEROKU_API_KEY: 12345678-9abc-4def-8123-456789abcdef",
            "<netlifyToken>\n    " + MIXED + "abcd0123\n</netlifyToken>",
        ),
        ("netlify: deployed to the-site-of-our-team-in-berlin", "cloudflare ray: 8f3a2b1c"),
    ),
    "SOURCE_CONTROL_TOKEN": (
        ("bitbucket-client := `" + MIXED.lower() + "`",),
        ("bitbucket_commit = " + HEX + HEX, "jira = PROJECT-1234"),
    ),
    "PACKAGE_REGISTRY_TOKEN": (("jfrog_key: " + MIXED + MIXED,), ("jfrog: artifactory-of-our-own-company",)),
    "CHAT_TOKEN": (
        ('"discordSecret" => "' + MIXED.lower() + '"', "telegram: 123456789:A" + MIXED + "ab"),
        ("discord: the-server-of-our-team", "twitter_id = 123456789012345678"),
    ),
    "PAYMENT_KEY": (("coinbase_key = " + MIXED + MIXED,), ("plaid = shirts-of-wool-and-cotton",)),
    "MAIL_KEY": (
        ("postmark: 12345678-9abc-4def-8123-456789abcdef",),
        ("zendesk: open-a-ticket-and-wait-for-us-please",),
    ),
    "MONITORING_KEY": (
        ("snyk_token=12345678-9abc-4def-8123-456789abcdef", "datadog_app = " + MIXED.lower() + "abcd0123"),
        ("sentry-trace: " + HEX + HEX + "-" + HEX, "sonarqube-reporter-1.2.4.tgz"),
    ),
    "SERVICE_TOKEN": (
        ("algolia_key = '" + MIXED.lower() + "'", 'okta = "00' + MIXED + '_-abCDEF"'),
        ("linear = regression-of-y-on-x-and-z", "asana_id: none"),
    ),
}


@functools.cache
def _forms_of(entity: str) -> list[tuple[re.Pattern[str], re.Pattern[str]]]:
    return [
        (re.compile(row.names, re.IGNORECASE), re.compile(rf"(?:{row.form})(?=\Z|_)", re.IGNORECASE))
        for row in PROVIDERS
        if row.entity == entity
    ]


_NAME_AND_VALUE: Final = re.compile(rf"(.{{2,80}}?){_ASSIGNED}\s{{0,4}}({_PROVIDED})", re.IGNORECASE | re.DOTALL)


def is_provided(entity: str, text: str) -> bool | None:
    """Whether what is assigned to a name of a provider has the form of its keys.

    Args:
        entity: the entity type.
        text: the match.
    """
    found = _NAME_AND_VALUE.fullmatch(text)
    if found is None:
        return False
    name, value = found[1], found[2]
    fits = any(names.search(name) and form.match(value) for names, form in _forms_of(entity))
    if not fits or checks.is_filler(value) or checks.is_wordy(value) or checks.entropy_bits(value) < _MIN_BITS:
        return False
    return False if checks.names_no_secret(name) and not _OF_A_KEY.search(name) else None


def _of_providers(entity: str) -> PatternDetector:
    names = "|".join(row.names for row in PROVIDERS if row.entity == entity)
    examples, counterexamples = _PROVIDER_PROOFS[entity]
    return PatternDetector(
        name=f"named_{entity.lower()}",
        entity=entity,
        pattern=rf"(?:{names}){_PROVIDED_TAIL}{_ASSIGNED}\s{{0,4}}{_PROVIDED}",
        score=0.7,
        examples=examples,
        counterexamples=counterexamples,
        check=functools.partial(is_provided, entity),
    )


NAMED: Final[tuple[PatternDetector, ...]] = (
    PatternDetector(
        name="assigned_secret",
        entity="GENERIC_SECRET",
        # A name that says secret, an assignment, and a value with a digit in it: prose about passwords has none.
        pattern=(
            rf"(?:{_SURE}|{_LIKELY}){_TAIL}{_ASSIGNED}"
            r"(?:(?:basic|bearer|digest|token)\s{1,3})?"
            r"(?=[^\s\"']{0,64}\d)[^\s\"',;`]{8,200}"
        ),
        score=0.6,
        examples=(
            'password = "hunter2hunter2"',
            "api_key: " + MIXED,
            "the password is Sommer2026!",
            "DB_PASSWORD=hunter2hunter2",
            "userPassword: hunter2hunter2",
            "<access_token>hunter2hunter2</access_token>",
            '"Authorization": "Basic aHVudGVyMjpodW50ZXIy"',
            'System.setProperty("API_TOKEN", "hunter2hunter2")',
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
            "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-7fA3xZ",
            "password = os.environ['DB_PASSWORD_1']",
            "DB_PASSWORD=${DB_PASSWORD_1}",
            "api_key: YOUR_API_KEY_1234",
        ),
        check=is_assigned,
    ),
    PatternDetector(
        name="secret_in_words",
        entity="GENERIC_SECRET",
        # Nothing but blanks between, or what is written for people. No word is so long and so mixed.
        pattern=(
            rf"(?:{_SURE}|{_LIKELY}|unseal)(?:\s{{1,4}}(?:is\s{{1,4}})?|\s[^.\n:=]{{1,60}}:\s{{1,8}})"
            r"(?=[^\s]{0,64}\d)[A-Za-z0-9_+/=-]{20,200}(?![\w.(])"
        ),
        score=0.5,
        examples=("my token " + MIXED, "Please use the following password to proceed:\n\n" + MIXED),
        counterexamples=(
            "the token-classification-of-bert-large-uncased-v1 model",
            "secret arn:aws:iam::123456789012:role/x",
            "token 12345678901234567890",
        ),
        check=is_random,
    ),
    PatternDetector(
        name="secret_by_key",
        entity="GENERIC_SECRET",
        # A key that says so in so many words, and all of its value: without a blank it needs no digit. Between quotes,
        # between tags, or as ``unfold`` writes it.
        pattern=(
            rf"(?:{_SURE}|{EDGE}pass){_TAIL}"
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
            '{"password": "${DB_PASSWORD}"}',
        ),
        check=is_value_of_key,
    ),
    PatternDetector(
        name="secret_by_name",
        entity="GENERIC_SECRET",
        # An object with a name and a value, as ``unfold`` writes it.
        pattern=(
            rf"(?:{_SURE}|{_LIKELY}|{EDGE}pass){_TAIL}"
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
    PatternDetector(
        name="quoted_password",
        entity="GENERIC_SECRET",
        # A literal in a program: between quotes it needs no digit.
        pattern=(
            rf"(?:{_CHOSEN})s?[0-9_]{{0,3}}[\"'\])]{{0,2}}\s{{0,8}}(?:(?:[!:=]={{0,2}}|=>|:=)\s{{0,8}}|(?<=password)\s{{1,4}}(?=[\"'][^\s\"']{{4,64}}[\"']\s{{0,4}}(?:$|\n)))"
            r"(?:\\?\"[^\s\"]{4,128}\"|\\?'[^\s']{4,128}')"
        ),
        score=0.5,
        examples=(
            "$mail->Password = 'correct.horse';",
            'if creds.Secret != "open-sesame" {',
            "password => 'correcthorse'",
        ),
        counterexamples=(
            'password = "your_password"',
            "password = 'password'",
            'password = "<password>"',
            'pass = "$DB_PASS"',
            "the password 'is wrong'",
        ),
        check=is_quoted,
    ),
    PatternDetector(
        name="password_of_an_environment",
        entity="GENERIC_SECRET",
        # As shells and `.env` files have it, and below the name of a user.
        pattern=(
            r"(?:(?-i:(?<![A-Za-z0-9])(?:[A-Z][A-Z0-9]{0,30}_){1,4}(?:PASSWORD|PASSWD|PASS|PWD|SECRET)=)"
            r"|(?<![A-Za-z])user(?:name)?\s{0,4}[=:]\s{0,4}[^\s,;=]{1,64}\n\s{0,8}pass(?:word)?\s{0,4}[=:]\s{0,4})"
            r"[^\s\"'`$<{%;,()\[]{5,128}(?![\w(\[.])"
        ),
        score=0.5,
        examples=("export REACT_APP_PASS=" + "whiteduke", "user = Aladdin\npassword = " + "open_sesame\n"),
        counterexamples=("DB_PASSWORD=$DB_PASS", "DB_PASSWORD=changeme", "username = u\npassword = get_password()"),
        check=is_unquoted,
    ),
    PatternDetector(
        name="password_of_a_command",
        entity="GENERIC_SECRET",
        # An option of a command.
        pattern=(
            r"(?<![\w-])--?[\w-]{0,30}(?:password|passwd|token|secret|api-?key|access-?key)(?:=|\s{1,4})[\"']?"
            r"(?=[^\s\"']{0,64}\d)[^\s\"'$<{%;,|-][^\s\"']{5,128}"
        ),
        score=0.5,
        examples=("kubeadm join --tls-bootstrap-token " + "abcdef.1234567890abcdef", "x -Password " + "VMware1!"),
        counterexamples=("x --password $PASSWORD_1", "x --max-tokens 4096", "x --token-file /etc/token1"),
        check=is_unquoted,
    ),
    PatternDetector(
        name="password_in_words",
        entity="GENERIC_SECRET",
        pattern=(
            r"(?<![A-Za-z])(?:password|passphrase|passcode|kennwort)(?:\sfor\s[^.\n]{1,40}?|\s[^.\n:=]{1,30}?)?\s(?:is|to|ist)"
            r"\s{0,2}:?\s{0,2}(?:\"[^\s\"]{4,64}\"|'[^\s']{4,64}'|`[^\s`]{4,64}`)"
        ),
        score=0.5,
        examples=('ensure the password is "' + 'centipede" and press', "password for user 'postgres' is '" + "admin1'"),
        counterexamples=("the password is 'required'", "a password is good"),
        check=is_quoted,
    ),
    PatternDetector(
        name="password_of_a_connection",
        entity="GENERIC_SECRET",
        # Of a database, among its other options; of a command; of a setting in XML; of .NET's classes.
        pattern=(
            r"(?:(?:;|\buid\b|user(?:name| ?id)?)[^;\n\"]{0,60};\s{0,4}(?:pwd|password)\s{0,3}=\s{0,3}(?!#\{)"
            r"[^\s;\"'<{$%(]{3,128}"
            r"|(?<![A-Za-z])(?:pwd|password)\s{0,3}=\s{0,3}[^\s;\"'<{$%(]{3,128};(?=[A-Za-z ]{2,30}=)"
            r"|(?:psexec(?:\.exe)?|docker\s{1,4}login|evil-winrm|smbclient|connect-viserver)[^\n]{0,120}?\s-p(?:assword)?\s{1,4}[\"']?[^\s\"'$%<]{3,128}"
            rf"|<add\s{{1,8}}key\s{{0,3}}=\s{{0,3}}\"[\w.:-]{{0,60}}{_CHOSEN}\"\s{{1,8}}value\s{{0,3}}=\s{{0,3}}\"[^\"\n]{{3,128}}\""
            r"|(?:NetworkCredential|DirectoryEntry)\s{0,4}\((?:\s{0,4}\"[^\"\n]{0,100}\",){1,2}\s{0,4}\"[^\"\n]{3,100}\")"
        ),
        score=0.6,
        examples=(
            "Server=db;User Id=app;Password=" + "sK!g2Ex;",
            "psexec \\\\10.0.0.1 -u Administrator -p " + "dev_admin cmd",
            '<add key="MailPassword" value="' + 'Prestigio$"/>',
            'new NetworkCredential("a@example.com", "' + 'vzihlaqu")',
        ),
        counterexamples=(
            "uid=#{uid};pwd=#{password}",
            "psexec \\\\10.0.0.1 -u User -p $Password cmd",
            '<add key="MailPassword" value=""/>',
            "Server=db;User Id=app;Password=<password>;",
        ),
        check=is_last_word,
    ),
    *map(_of_providers, dict.fromkeys(row.entity for row in PROVIDERS)),
)
