"""The gate: which values of a record may leave as names, and as what all others leave.

Theory of operation. A value leaves because of what it is. Most of what an event says is a constant, a number, a time or
a keyed hash, and has a type that says so (``veilog_parsers.event``). What is left are *names*: of models, endpoints,
callers, ids. Nobody can list them all, so each field has a ``Grammar``, and a value that fits it is a ``Name``. A value
that does not fit leaves as a keyed hash (``hmac:`` and 32 hexadecimal digits): stable, so that it can still be counted
and joined, and counted itself in ``redaction.hashed_fields``.

A grammar must keep prose out, however it is spelled, and let real names in. It asks four things:

characters
    A closed set, mostly ASCII. No white space beyond what the field needs; nothing invisible (fillers, joins, controls,
    tags), no character that is another one in disguise (a name must be its own NFKC form), no mark without its letter.
length
    In characters, at most ``max_chars``.
words
    At most ``max_words`` different ones, however they are joined: by any separator, by camel case, by percent-encoding
    (which is decoded first), by digits, or by nothing (a run of more than 15 letters counts as a word for every three,
    and one of a script that does not separate words for every two characters). Words of the field's ``vocabulary`` do
    not count: it is a closed list (names of services, vendors, resource types, clients), so they are constants.
no text in disguise
    A value that decodes to text, whole or in pieces, is not an id, see ``disguise``.

Ids are random letters and digits: there only runs of four letters and more are words, of which a random id of 30
characters has one or two, not eight. Ids of a form that their vendor documents are known by it. Nothing unbroken is
longer than 64 characters, which is a SHA-256. What short names can still carry, a few words that look like a model's
name, is stated in SECURITY.md.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import math
import re
import unicodedata
import urllib.parse
from collections.abc import Callable, Collection
from typing import Final

from veilog_filters.disguise import is_disguised_text, is_like_text
from veilog_filters.normal import nfkc
from veilog_parsers.event import Name

HASH_PREFIX: Final = "hmac:"
"""What a name that does not fit begins with in events."""

MAX_WORDS_OF_LIST: Final = 7
"""Most different words in a list of names together: fewer than a sentence of the prose oracle has."""
_LONGEST_WORD: Final = 15
_LETTERS_PER_WORD: Final = 3
_UNSPACED_PER_WORD: Final = 2
_MAX_PART_CHARS: Final = 64
_MAX_DIGITS: Final = 32
_LETTERS_PER_ALLOWED_WORD: Final = 8
"""A name has so many letters for each word that it may have: words may not be cut to look like fewer."""
_RANDOM_LETTERS: Final = 27
"""Random letters without a digit are no longer: that chance is one in a hundred."""
_JOINED_WORDS: Final = 4
_MIN_HEX_CHARS: Final = 8
_VERSIONS: Final = 3
"""A name has so many versions and sizes; what comes after them is no more of them."""
_ODD_WORDS: Final = 2
_MAX_PHRASE_WORDS: Final = 14
_SHORT_NUMBERS: Final = 5
"""As many numbers of one or two digits: a date and a version."""
_NUMBERS_OF_CLIENTS: Final = 24
"""A user agent may have so many more: its products have versions of up to four numbers each."""
_MAX_ALL_DIGITS: Final = 48
"""All numbers of a name have so many digits together: an account, a time in nanoseconds and a version."""
_MIN_TEXT_LETTERS: Final = 24
"""Letters of several random parts together that are enough to tell text from chance (see ``is_like_text``)."""
_MIN_LETTERS_OF_ONE: Final = 30
"""Letters that one random part must have: ids of 29 letters and digits are common."""
_MIN_LEET_PARTS: Final = 2
"""If so many parts have digits inside, the digits may be letters, and numbers count as words too."""
_LONG_ID_CHARS: Final = 32
_SHORT_PART_CHARS: Final = 16
_MAX_OCTET: Final = 255
_MAX_MARKS: Final = 2
"""Marks that a letter may carry: Vietnamese and Hindi need two."""

_LETTER_OR_DIGIT: Final = re.compile(r"[^\W_]")
_PART: Final = re.compile(r"[^\W_]+")
_SEGMENT: Final = re.compile(r"[/:. ;(),@|=?&]+")
_PIECE: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_TITLE: Final = re.compile(r"[A-Z]?[a-z]+")
_RUN: Final = re.compile(r"[A-Z][a-z]{3,}|[a-z]{4,}|[A-Z]{5,}")
_SHORT_RUN: Final = re.compile(r"[A-Z]?[a-z]{2,}|[A-Z]{3,}")
_PHRASE: Final = re.compile(r"[A-Za-z][A-Za-z0-9'/-]*(?: (?:- )?\(?[A-Za-z][A-Za-z0-9'/-]*\)?)+")
_PHRASE_WORD: Final = re.compile(r"[a-z][a-z0-9']*")
_DIGITS_BETWEEN: Final = re.compile(
    r"(?:[A-Za-z]?[a-z]{2,}[0-9]{1,4}){3,}|(?:[A-Z]{3,}[0-9]{1,4}){3,}|(?:[a-z]+[0-9]{1,3}){5,}"
    r"|(?:(?:[a-z]{2,}|[A-Z]{2,})[0-9]{1,3}){4,}"
    r"|[a-z]{3,}[0-9]{1,2}[a-z]{5,}[0-9]{1,2}[a-z]{3,}|[A-Z]{3,}[0-9]{1,2}[A-Z]{5,}[0-9]{1,2}[A-Z]{3,}"
)
_VERSION: Final = re.compile(r"[A-Za-z]{0,2}[0-9]+[A-Za-z]?")
_DIGITS_INSIDE: Final = re.compile(r"[A-Za-z]+[0-9][A-Za-z0-9]*[A-Za-z]")
_HEX_PART: Final = re.compile(r"[0-9a-f]+|[0-9A-F]+")
_LETTERS: Final = re.compile(r"[^\W\d_]+")
_NO_LETTERS: Final = re.compile(r"[^A-Za-z]+")
_UUID: Final = re.compile(r"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}")
_RANDOM: Final = r"(?:(?=[0-9A-Z]*[a-z])(?=[0-9a-z]*[A-Z])|(?=[A-Za-z]*[0-9][A-Za-z]*[0-9]))"
"""Letters of both cases, or two digits, are ahead."""
_KNOWN_ID: Final = re.compile(
    # OpenAI (api-reference: the ids of its examples), also behind other servers of its API.
    rf"(?:chatcmpl|cmpl)-{_RANDOM}[0-9A-Za-z]{{29}}"
    rf"|(?:asst|batch|call|conv|file|fc|ft|msg|org|proj|run|step|thread|user|vs)[_-]{_RANDOM}[0-9A-Za-z]{{24}}"
    # Anthropic (docs.claude.com/en/api: errors, messages, tool use), and Bedrock's ids of its models.
    rf"|(?:msg|msgbatch|req|toolu|msg_bdrk|toolu_bdrk|msg_vrtx|toolu_vrtx)_01{_RANDOM}[0-9A-Za-z]{{22}}"
    # ULID (github.com/ulid/spec): the time of these years in Crockford's base32, which has no I, L, O and U.
    r"|01[0-9A-HJKMNP-TV-Z]{24}"
)
"""Ids of a form that vendors document, to the character. One in fifty has so many letters in a row that it looks like
words without blanks. It is a name all the same: it holds fewer letters than the words that a name may have."""
_IGNORABLE: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]"
)
"""Letters and marks by their category, but nothing is to be seen of them (Unicode: Default_Ignorable_Code_Point)."""
_SPACED: Final = re.compile("[\u0041-\u024f\u0370-\u0dff\u1e00-\u1fff]")
"""Letters of scripts that write blanks between words: Latin, Greek, Cyrillic to Arabic, those of India. In all others,
and in Korean, whose words are short, every two letters count as a word."""


@dataclasses.dataclass(frozen=True, slots=True)
class Grammar:
    """What fits a field.

    Attributes:
        doc: in a few words, for the table of fields.
        characters: matches the whole value, or no name.
        max_chars: longest name, in characters.
        max_words: most words that are not in the vocabulary.
        vocabulary: words that do not count, in lower case.
        also: a further condition, or None.
        has_versions: whether a name may have any number of versions.
        is_address: whether an IP address is a name.
        max_distinct: of a list of names, the most different ones; a sentence may come word by word.
        phrases: words, in lower case, of which a name with blanks may be made up, and of nothing else.
    """

    doc: str
    characters: re.Pattern[str]
    max_chars: int
    max_words: int
    vocabulary: frozenset[str] = frozenset()
    also: Callable[[str], bool] | None = None
    has_versions: bool = False
    is_address: bool = False
    max_distinct: int = 6
    phrases: frozenset[str] = frozenset()

    def fits(self, value: str) -> bool:
        """Whether a value is a name of this field."""
        if not 0 < len(value) <= self.max_chars:
            return False
        if self.is_address and _is_address(value):
            return True
        if not value.isascii():
            if not _is_plain(value):
                return False
            value = "".join(filter(_is_no_mark, value))
        if not self.characters.fullmatch(value) or not _LETTER_OR_DIGIT.search(value):
            return self._is_phrase(value)
        if "%" in value:
            value = urllib.parse.unquote(value, errors="replace")
            if "%" in value or not self.characters.fullmatch(value):
                return False
        few = count_words(value, self.vocabulary, self.max_words, has_versions=self.has_versions) <= self.max_words
        if not (few and not is_disguised_text(value)) and not _KNOWN_ID.fullmatch(value):
            return False
        return self.also is None or self.also(value)

    def _is_phrase(self, value: str) -> bool:
        if not self.phrases or not _PHRASE.fullmatch(value):
            return False
        words = _PHRASE_WORD.findall(value.lower())
        return len(words) <= _MAX_PHRASE_WORDS and self.phrases.issuperset(words)

    def fit_together(self, values: Collection[str]) -> bool:
        """Whether a list of different values may leave: a sentence may come word by word, or in pieces of some words.

        Each value must fit by itself too. Words that come in several values count once.
        """
        if len(values) <= 1:
            return True
        return len(values) <= self.max_distinct and (
            count_words(" ".join(sorted(values)), self.vocabulary, MAX_WORDS_OF_LIST, has_versions=self.has_versions)
            <= MAX_WORDS_OF_LIST
        )

    def name(self, value: str) -> Name | None:
        """The value as a name, or None if it does not fit."""
        return Name(value) if self.fits(value) else None


def _is_plain(value: str) -> bool:
    """Whether a text beyond ASCII is made of letters that are to be seen and are what they seem, and their marks."""
    if value != nfkc(value) or _IGNORABLE.search(value):
        return False
    marks = _MAX_MARKS
    for character in value:
        kind = unicodedata.category(character)[0]
        if kind == "M":
            marks += 1
        elif kind in "LN" or character.isascii():
            marks = 0 if kind == "L" else _MAX_MARKS
        else:
            return False
        if kind == "M" and marks > _MAX_MARKS:
            return False
    return True


def _is_no_mark(character: str) -> bool:
    return unicodedata.category(character)[0] != "M"


def count_words(
    value: str, vocabulary: frozenset[str] = frozenset(), enough: int = 1_000, *, has_versions: bool = False
) -> int:
    """How many different words a value has, vocabulary aside; stops counting above ``enough``."""
    if "-" in value:
        value = _UUID.sub("", value)
    counter = _Counter(vocabulary, has_versions=has_versions)
    for segment in _SEGMENT.split(value):
        parts = _PART.findall(segment)
        # Words of the vocabulary say nothing where a path or a domain puts them; joined like a sentence, they may.
        known = 0.5 if len(parts) >= _JOINED_WORDS else 0
        for part in parts:
            if len(part) > (_MAX_DIGITS if part.isdigit() else _MAX_PART_CHARS):
                return enough + 1
            counter.add(part, known)
        if counter.words > 2 * enough:
            break
    return counter.total()


class _Counter:
    """Counts the words of one value."""

    __slots__ = (
        "_digits",
        "_letters",
        "_numbers",
        "_odd",
        "_random",
        "_seen",
        "_spare",
        "_versions",
        "_vocabulary",
        "words",
    )

    def __init__(self, vocabulary: frozenset[str], *, has_versions: bool) -> None:
        self.words = 0.0
        self._spare = _NUMBERS_OF_CLIENTS if has_versions else 0
        self._vocabulary = vocabulary
        self._seen: set[str] = set()
        self._letters = self._versions = self._numbers = self._odd = self._digits = 0
        self._random: list[str] = []

    def add(self, part: str, known: float) -> None:
        """Count the words of letters and digits without a separator; one of the vocabulary counts as ``known``."""
        if part.lower() in self._vocabulary:
            self._count(part.lower(), known)
        elif part.isdigit():
            self._digits += len(part)
            if len(part) <= 2:
                self._numbers += 1
                self.words += 0.5 if self._numbers > _SHORT_NUMBERS + self._spare else 0
        elif _VERSION.fullmatch(part):
            # Two versions or sizes count as a word: one may be a short word with digits for letters.
            self._versions += 1
            self._count(part, 0.5 if self._versions <= _VERSIONS + self._spare else 1)
        else:
            pieces = _pieces(part)
            if part.isascii() and not _HEX_PART.fullmatch(part):
                letters = _NO_LETTERS.sub("", part)
                changes_case = not (part.islower() or part.isupper() or part.istitle())
                if "".join(pieces) != letters or (self._random and changes_case):
                    # Some count as random. Several such parts together are long enough to tell text from chance.
                    self._random.append(letters)
            for piece in pieces:
                if piece.lower() not in self._vocabulary:
                    weight = _weight(piece)
                    if _DIGITS_INSIDE.fullmatch(piece):
                        # Digits may stand for letters: where many words have them, they do.
                        self._odd += 1
                        weight += self._odd > _ODD_WORDS
                    self._letters += self._count(piece.lower(), weight) * len(piece)

    def _count(self, word: str, weight: float) -> bool:
        """Whether a word is new; one that comes again counts half: names repeat their parts, and sentences theirs."""
        is_new = word not in self._seen
        self._seen.add(word)
        self.words += weight if is_new else weight / 2
        return is_new

    def total(self) -> int:
        """The words, and not fewer than so many letters have."""
        words = self.words + (self._numbers / 2 if self._odd >= _MIN_LEET_PARTS else 0)
        if self._random:
            letters = "".join(self._random).lower()
            least = _MIN_TEXT_LETTERS if len(self._random) > 1 else _MIN_LETTERS_OF_ONE
            if len(letters) >= least and is_like_text(letters):
                words += len(letters) / _LETTERS_PER_WORD
        if self._digits > _MAX_ALL_DIGITS:
            words += self._digits / _LETTERS_PER_WORD
        return max(math.ceil(words), -(-self._letters // _LETTERS_PER_ALLOWED_WORD))


def _pieces(part: str) -> list[str]:
    """The words in letters and digits without a separator."""
    if not part.isascii():
        return _LETTERS.findall(part)
    bare = part.strip("0123456789")
    if bare.isalpha() and not _HEX_PART.fullmatch(part):
        part = bare
        pieces = _PIECE.findall(part)
        # Random letters change case all the time and anyhow; words do not, or begin with the capital.
        if len(pieces) > 4 and len(part) < 3 * len(pieces):
            if len(part) > _RANDOM_LETTERS:
                return [part]
            odd = sum(not _TITLE.fullmatch(piece) for piece in pieces)
            return _RUN.findall(part) if 4 * odd >= len(pieces) else pieces
        return pieces
    if len(part) >= _MIN_HEX_CHARS and _HEX_PART.fullmatch(part):
        return []
    if len(part) < _SHORT_PART_CHARS:
        return _RUN.findall(part) or [part]
    if len(part) > _LONG_ID_CHARS or _DIGITS_BETWEEN.search(part):
        return _SHORT_RUN.findall(part)
    return _RUN.findall(part)


def _weight(piece: str) -> int:
    """How many words an unbroken run of letters may be."""
    unspaced = 0 if piece.isascii() else len(piece) - len(_SPACED.findall(piece))
    if unspaced:
        return -(-unspaced // _UNSPACED_PER_WORD)
    return 1 if len(piece) <= _LONGEST_WORD else -(-len(piece) // _LETTERS_PER_WORD)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_VENDORS: Final = _words(
    """
    sagemaker jumpstart textgeneration transformers multilingual sentence instruct customer support ai aws amazon
    azure google gcp microsoft openai anthropic meta mistral mistralai cohere groq ollama bedrock vertex gemini
    gemma claude sonnet haiku opus llama gpt chatgpt codex dall whisper tts titan nova deepseek qwen phi grok xai
    command mixtral codestral ministral pixtral magistral devstral nvidia nemotron jamba ai21 stability sdxl flux
    embed embedding embeddings moderation turbo preview latest chat mini nano pro flash lite thinking realtime audio
    vision transcribe online free distill versatile instant maverick scout hf fp gguf awq gptq bf exl huggingface
    com org io net us eu apac global
    """
)
_CLOUD: Final = _words(
    """
    code interpreter codeinterpreter browser gateway memory westcentralus canadacentral canadaeast brazilsouth
    brazilsoutheast mexicocentral switzerlandwest polandcentral belgiumcentral israelcentral southafricanorth
    southafricawest jioindiacentral jioindiawest australiacentral australiacentral2 newzealandnorth indonesiacentral
    malaysiawest usgovvirginia usgovarizona usgovtexas centraluseuap eastus2euap germanynorth norwayeast norwaywest
    swedensouth francesouth ukwest uaenorth uaecentral qatarcentral japaneast japanwest koreacentral koreasouth
    centralindia southindia westindia eastasia spaincentral austriaeast chilecentral italynorth organizations
    serviceaccount diagnosticsettings raipolicies defaultv2 service resourcegroup system germany sweden switzerland
    france uk italy norway poland qatar uae israel japan korea india brazil canada china usgov centralus eastus
    eastus2 westus westus2 westus3 westeurope northeurope southcentralus northcentralus germanywestcentral
    australiasoutheast australiaeast southeastasia swedencentral francecentral uksouth switzerlandnorth components
    searchservices search apis mc aks securityrules elasticloadbalancing loadbalancer secretsmanager secret runtime
    repo ref refs heads main pull principal principalset workforcepools workloadidentitypools attribute repository
    subject logs log group modelinvocations agentcore arn aws amazonaws amazon azure google googleapis microsoft
    windows https http www com net org io gov cn us eu ap sa ca me af il east west north south central northeast
    southeast northwest southwest europe asia australia global sts iam gserviceaccount bedrock sagemaker lambda ec s
    ecs eks assumed role user root federated reserved sso subscriptions resourcegroups providers cognitiveservices
    accounts deployments openai operationalinsights workspaces machinelearningservices onlineendpoints projects
    locations publishers models endpoints agents foundation model inference profile application provisioned
    guardrail knowledge base agent alias flow prompt aiplatform generativelanguage cloud prediction reasoningengines
    cachedcontents tuned tunedmodels storage storageaccounts blobservices containers compute virtualmachines
    virtualmachinescalesets network networksecuritygroups networksecuritygroup deploymentmanager automation
    automationaccounts keyvault vaults keyrings cryptokeys cryptokeyversions key insights apimanagement v beta alpha
    default microsoftonline onmicrosoft cluster namespaces pods container rg authorization policydefinitions
    policyassignments locks kubernetes connectedclusters managedclusters containerservice rbac k8s clusterroles
    clusterrolebindings rolebindings admissionregistration mutatingwebhookconfigurations runbooks schedules jobs
    fileservices shares immutabilitypolicies recoveryservices backupfabrics protectioncontainers backuppolicies
    servers databases eventhub logic workflows sites web machinelearning
    """
)
_OPERATIONS: Final = _CLOUD | _words(
    """
    configuration logging customization notifications notification conversational discoveryengine authorization
    transcriptions bidirectional put get list create delete update batch invoke stream converse generate content
    count tokens chat completions predict raw server streaming action write read v1 v1beta v1beta1 generativeservice
    predictionservice k8s
    """
)
_GOOGLE: Final = _words(
    """
    answer assist assistant assistants branches cloudaicompanion collection collections companion dataagents
    datastores detect dialogflow documents engine engines geminidataanalytics intent modelarmor sanitize search
    servingconfigs session sessions template templates v1alpha v1main v3beta1
    """
)
"""Words of the names that Google gives to its services, their methods and the kinds of their resources."""
_PATHS: Final = (
    _CLOUD
    | _VENDORS
    | _words(
        """
    v1 v2 v1beta v1beta1 api chat completions completion responses messages embeddings generate generatecontent
    streamgeneratecontent predict rawpredict streamrawpredict invoke converse stream batch files threads runs
    assistants images audio transcriptions translations speech moderations rerank tokenize counttokens count tokens
    mcp sse tools call proxy gateway route openai localhost internal svc local
    """
    )
)
_CLIENTS: Final = _words(
    """
    inference bedrockruntime goos goarch darwin cloudformation iam azurecli deb glibc core jetbrains ide intellij
    idea modelcontextprotocol openjdk vm lts vendor oracle corporation inc io s3console httpoptions semantic kernel
    registry providers data mashup fwlink linkid bot go mozilla macintosh intel mac os x like gecko khtml
    applewebkit chrome safari firefox edge edg opera opr version mobile windows nt win64 win x64 wow64 linux android
    iphone ipad cpu ubuntu debian fedora compatible rv headlesschrome electron curl wget httpie postmanruntime
    insomnia python java node rust php ruby perl dotnet net dart bun deno okhttp axios requests urllib urllib3 httpx
    aiohttp http client apache httpclient undici fetch guzzle guzzlehttp boto3 botocore aws cli sdk awscrt internal
    cloudfront md ua macos lang pyimpl cpython exec env cfg retry mode standard legacy adaptive arch arm64 x86 amd64 ft
    installer source exe prompt off command console amazonaws com lambda api openai anthropic azure azsdk google
    cloud gcloud gax grpc gccl gl genai vertexai langchain litellm llama index ollama async asyncopenai sync js ts
    typescript javascript ai vercel cursor vscode copilot github visualstudio code gzip gfe terraform provider
    hashicorp kubernetes kubectl kube controller manager prometheus elb healthchecker envoy kong fluent bit fluentd
    vector mcp inspector microsoft teams outlook office signin coral bedrock runtime sts m app feature metadata
    caller stainless apn www
    """
)
_TAGS: Final = _words(
    """
    kube var log containers pods docker systemd journal stdout stderr ai gateway raw clean forward tail http fluent
    azure aws gcp audit events service svc local cluster default
    """
)
_DIRECTORY: Final = _words(
    """
    a access account accounts action active activity add added admin administrative administrator administrators
    after agent agents agreement all allowed an and api app application applications apply applying approval
    approvals approve approved as assign assigned assignment assignments assigns attribute attributes audit
    authentication authority authorization auto available b2c based be binding bitlocker block blocked blueprint
    bulk business bypass bypassed cancel canceled catalog certificate certificates change changed claims clear
    client cloud code collection combination company complete completed compliant conditional configuration
    configured connected connector consent contact context contextual continuous control convert create created
    creates credential credentials cross custom data decision decisions default defaults definition delegated
    delete deleted deletion demote denied deny desktop detail details device devices directly directory disable
    disabled dismiss domain domains don't download eligible email enable enabled end ended entitlement evaluate
    evaluation event events exchange execute expired export extend extension external failed feature federate
    federated federation fido2 finish finished flag flow flows for force fraud from fulfill generate get
    governance grant grants group groups guest hard hardware hello id identity import in incompatible info
    information initialize internal into invitation invite invited is issue issued joined kerberos key keys know
    lab label labels license licenses lifecycle link list local location locations login logs make managed
    management manager mappings mark member members message metadata method methods mfa migrated move name named
    new no number oath of offer on one operation options or organization other out output over owner owners
    package page partially partner partnership pass passkey passthrough password passwordless passwords patch
    pause permanently permission permissions phone pim platform policies policy post preferences principal
    principals private process profile program promote properties property protection provider providers
    provisioning proxy publisher purge quarantine read ready recommendation redeem register registered
    registration reject rejected remediate remove removed removes renew report reported request requested
    requests reset resource resources restart restore restored restricted retrieve reveal review reviewed
    reviews revoke risk risky role roles rollout root rotate rule run safe saml schedule scheduled scope scoped
    secret secrets security self send service set setting settings sign simulate single source sponsor ssl sso
    stage start started status step strength strong sub subscription subscriptions suspicious switch sync
    synchronization task tasks template tenant tenants term terms threshold time to token tokens totp trigger
    type unblock unit units unlink unregister unset unverified up update updated upload use user users v1 v2
    validate value values verification verified verify version windows with workflow workflows
    """
)
"""Words of Microsoft Entra's activities: ``Add member to role`` (learn.microsoft.com, reference-audit-activities)."""
_TOOLS: Final = _words(
    """
    mcp get list create search read write update delete send fetch run execute query call edit find file files web code
    """
)
_DOCUMENTS: Final = _words(
    """
    docx xlsx pptx pdf txt csv md html json doc xls ppt msg eml aspx sharepoint onedrive teams sites shared documents
    personal drive folder items forms allitems layouts doc2
    """
)
_ERRORS: Final = _words("error exception failure invalid exceeded not found limit rate request api the")

_ID: Final = re.compile(r"[A-Za-z0-9._:/@+=#~,|${}-]+")
_WHO: Final = re.compile(r"[\w.:/@+=#~,|$'()\\\[\]*-]+(?: [\w.:/@+=#~,|$'()\\\[\]*-]+)*")
_MODEL: Final = re.compile(r"[A-Za-z0-9._:/@+=~*-]+")
_TOKEN: Final = re.compile(r"[A-Za-z0-9._:/@<>$-]+")
_PATH: Final = re.compile(r"[A-Za-z0-9._:/@+=~,%$*()\[\]{}<>-]+")
_PRODUCT: Final = r"[A-Za-z0-9!#$'*+.^_`|~/;:,()\[\]{}@=?<>-]+"
_CLIENT: Final = re.compile(rf"{_PRODUCT}(?: {_PRODUCT})*")
_RESOURCE: Final = re.compile(r"[A-Za-z0-9._:/@+=~$-]+")
_TOOL: Final = re.compile(r"[A-Za-z0-9_.:/-]+")
_HOST: Final = re.compile(r"[0-9A-Za-z.:-]+")
_SIMPLE: Final = re.compile(r"[A-Za-z0-9._/-]+")
_ADDRESS: Final = re.compile(r"[0-9A-Fa-f:.]{2,45}(?:%[a-z]{0,8}[0-9]{0,4})?")
"""With the zone of RFC 4007 as interfaces are named: ``eth0``, ``2``."""

_MASKED_ADDRESS: Final = re.compile(r"(?:[0-9]{1,3}\.){2}(?:[0-9]{1,3}|\*{1,3}|x{1,3})\.(?:\*{1,3}|x{1,3})")
"""An IPv4 address without its last one or two octets: Azure hides them (``81.2.69.***``). It has two numbers at least,
and the marks that stand for the others say nothing."""

_COMMENT: Final = re.compile(r"\([^()]*\)")


def _is_products(value: str) -> bool:
    """Whether a user agent is product tokens (RFC 9110, 10.1.5): a word stands with a version or in the vocabulary."""
    bare = 0
    for product in _COMMENT.sub(" ", value.strip("[]")).split(" "):
        if product and not any(character.isdigit() for character in product) and "/" not in product:
            bare += count_words(product, _CLIENTS) > 0
    return bare <= 1


def _is_address(value: str) -> bool:
    if _MASKED_ADDRESS.fullmatch(value):
        return all(int(octet) <= _MAX_OCTET for octet in value.split(".") if octet.isdecimal())
    # The library accepts any text, also a sentence, as the zone of an IPv6 address.
    if not _ADDRESS.fullmatch(value):
        return False
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True


def _has_letters(value: str) -> bool:
    """Whether a caller's place may be a host's name; AWS writes its own services there."""
    return any(character.isalpha() for character in value)


GRAMMARS: Final[dict[str, Grammar]] = {
    "tenant_id": Grammar("id", _ID, 128, 4, _CLOUD),
    "organization_id": Grammar("id", _ID, 128, 4, _CLOUD),
    "user_id": Grammar("id, e-mail or ARN", _WHO, 256, 6, _CLOUD),
    "user_name": Grammar("name of up to five words", _WHO, 128, 5, _CLOUD),
    "session_id": Grammar("id", _ID, 128, 4, _CLOUD),
    "conversation_id": Grammar("id", _ID, 128, 4, _CLOUD),
    "client_ip": Grammar("address or host", _HOST, 100, 4, _CLOUD, _has_letters, is_address=True),
    "user_agent": Grammar("product tokens", _CLIENT, 256, 4, _CLIENTS, _is_products, has_versions=True),
    "provider": Grammar("name", _SIMPLE, 64, 4, _VENDORS),
    "api_operation": Grammar("operation of an API", _TOKEN, 128, 5, _OPERATIONS | _GOOGLE, phrases=_DIRECTORY),
    "endpoint": Grammar("path or URL without query", _PATH, 256, 5, _PATHS),
    "model_name": Grammar("model", _MODEL, 160, 5, _VENDORS | _CLOUD),
    "model_version": Grammar("model", _MODEL, 160, 5, _VENDORS | _CLOUD),
    "request_id": Grammar("id", _ID, 128, 4),
    "error_code": Grammar("error code", _TOKEN, 80, 5, _ERRORS),
    "finish_reasons": Grammar("finish reason", _TOKEN, 48, 4, max_distinct=4),
    "tag": Grammar("tag", re.compile(r"[A-Za-z0-9_./:*-]+"), 256, 6, _TAGS),
    "cloud.provider": Grammar("name", _SIMPLE, 32, 2, _CLOUD),
    "cloud.account_id": Grammar("id", _ID, 128, 4, _CLOUD),
    "cloud.region": Grammar("region", re.compile(r"[A-Za-z0-9-]+(?: [A-Za-z0-9]+){0,3}"), 40, 3, _CLOUD),
    "cloud.resource": Grammar("path of a resource", _RESOURCE, 320, 6, _CLOUD | _VENDORS | _GOOGLE),
    "tool_calls.name": Grammar("name of a tool", _TOOL, 96, 5, _TOOLS),
    "host": Grammar("host", _HOST, 128, 5, _CLOUD | _TAGS, is_address=True),
    "deployment": Grammar("model", _MODEL, 160, 5, _VENDORS | _CLOUD),
    "inference_region": Grammar("region", _SIMPLE, 40, 3, _CLOUD),
    "trace_id": Grammar("id", _ID, 128, 4),
    "span_id": Grammar("id", _ID, 128, 4),
    "knowledge_base_id": Grammar("path of a resource", _RESOURCE, 256, 5, _CLOUD),
    "data_sources": Grammar("path of a resource", _RESOURCE, 320, 5, _CLOUD | _PATHS | _GOOGLE | _DOCUMENTS),
    "sensitivity_labels": Grammar("id", _ID, 128, 4),
    "fallback_from": Grammar("model", _MODEL, 160, 5, _VENDORS | _CLOUD),
    "agent.id": Grammar("path of a resource", _RESOURCE, 256, 5, _CLOUD),
    "agent.name": Grammar("name of up to four words", _WHO, 96, 4, _VENDORS),
    "agent.version": Grammar("version", _SIMPLE, 48, 2),
    "network.country": Grammar("country", _SIMPLE, 32, 2),
    "network.ja3": Grammar("id", _SIMPLE, 64, 2),
    "network.ja4": Grammar("id", _SIMPLE, 64, 2),
    "k8s.namespace": Grammar("name in Kubernetes", _SIMPLE, 63, 4, _TAGS),
    "k8s.pod": Grammar("name in Kubernetes", _SIMPLE, 253, 6, _TAGS),
    "k8s.container": Grammar("name in Kubernetes", _SIMPLE, 63, 4, _TAGS),
    "k8s.node": Grammar("host", _HOST, 253, 6, _CLOUD | _TAGS),
    "k8s.labels": Grammar("label in Kubernetes", _SIMPLE, 63, 4, _TAGS | _VENDORS, max_distinct=7),
    "mcp.method": Grammar(
        "method", _TOKEN, 64, 3, _words("tools resources prompts notifications initialize list call")
    ),
    "mcp.server": Grammar("name", _MODEL, 96, 5, _VENDORS),
    "mcp.tool": Grammar("name of a tool", _TOOL, 96, 5, _TOOLS),
    "guardrail.id": Grammar("path of a resource", _RESOURCE, 256, 5, _CLOUD | _VENDORS),
    "guardrail.version": Grammar("version", _SIMPLE, 48, 2),
    "change.target": Grammar("path of a resource", _RESOURCE, 320, 6, _CLOUD | _VENDORS | _GOOGLE),
    "change.target_type": Grammar("name", _TOKEN, 64, 4, _CLOUD),
    "change.setting": Grammar("operation of an API", _TOKEN, 96, 5, _OPERATIONS),
    "change.roles": Grammar("path of a resource", _RESOURCE, 256, 5, _CLOUD | _OPERATIONS, max_distinct=7),
    "change.scopes": Grammar("scope", _TOKEN, 160, 5, _OPERATIONS | _PATHS, max_distinct=7),
    "group": Grammar("attribute of a resource or scope", _RESOURCE, 128, 5, _CLOUD | _CLIENTS),
}
"""By field of the event (``tag`` and ``group`` stand beside events); docs/reference/fields.md is made from it."""

KEY: Final = Grammar(
    "key of a record",
    re.compile(r"@?[A-Za-z0-9._:/$~-]+"),
    64,
    4,
    _words(
        """
        gen ai llm usage input output token tokens count cache read write creation request response body model id name
        type index message messages content system user tool call calls details prompt completion total aws bedrock
        amazon guardrail metrics invocation finish reason time status code error http url
        """
    ),
)
"""Which keys ``veilog explain`` shows a person on the host. None leaves by it."""
