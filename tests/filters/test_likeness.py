"""Names are not damaged by what they look like by chance, and lose what is meant: by field, on random ids of each form."""

from __future__ import annotations

import os
import random
import string
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from samples import config_with
from shares import SOAK
from veilog_filters.detect.api import Detector, Finding, PerText
from veilog_filters.detect.build import detector_for
from veilog_filters.fingerprint import Fingerprinter
from veilog_filters.gate import GRAMMARS
from veilog_filters.likeness import LIKENESSES
from veilog_filters.names import Names, PendingName
from veilog_filters.redact import Redactor
from veilog_filters.texts import TextLimits, Texts
from veilog_parsers.event import Handling, SensitiveText

IDS_OF_A_FORM = 100_000 if SOAK else 500
BATCH = 2_000

HEX, ALNUM = "0123456789abcdef", string.ascii_letters + string.digits
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
BASE58 = "".join(sorted(set(ALNUM) - set("0OIl")))

Draw = random.Random


def of(alphabet: str, length: int, prefix: str = "") -> Callable[[Draw], str]:
    return lambda draw: prefix + "".join(draw.choices(alphabet, k=length))


FORMS: dict[str, Callable[[Draw], str]] = {
    "32 hexadecimal digits: trace ids": of(HEX, 32),
    "16 hexadecimal digits: span ids": of(HEX, 16),
    "40 hexadecimal digits": of(HEX, 40),
    "64 hexadecimal digits": of(HEX, 64),
    "32 in capitals": of(HEX.upper(), 32),
    "UUID": lambda draw: str(uuid.UUID(int=draw.getrandbits(128), version=4)),
    "UUID in capitals": lambda draw: str(uuid.UUID(int=draw.getrandbits(128), version=4)).upper(),
    "UUID behind a prefix": lambda draw: "call-" + str(uuid.UUID(int=draw.getrandbits(128), version=4)),
    "UUID behind an underscore": lambda draw: "req_" + str(uuid.UUID(int=draw.getrandbits(128), version=4)),
    "UUID of the time": lambda draw: str(uuid.UUID(int=(draw.getrandbits(128) >> 48) | (0x0198 << 112), version=4)),
    "OpenAI resp_": of(HEX, 48, "resp_"),
    "OpenAI chatcmpl-": of(ALNUM, 29, "chatcmpl-"),
    "vLLM chatcmpl-": of(HEX, 32, "chatcmpl-"),
    "OpenAI req_": of(HEX, 32, "req_"),
    "Anthropic req_": of(BASE58, 22, "req_01"),
    "Anthropic msg_": of(BASE58, 22, "msg_01"),
    "OpenAI thread_": of(ALNUM, 24, "thread_"),
    "OpenAI call_": of(ALNUM, 24, "call_"),
    "Anthropic toolu_": of(BASE58, 22, "toolu_01"),
    "Bedrock msg_": of(BASE58, 22, "msg_bdrk_01"),
    "X-Ray": lambda draw: f"1-{draw.getrandbits(32):08x}-{draw.getrandbits(96):024x}",
    "ULID": of(CROCKFORD, 24, "01"),
    "Cloudflare ray": lambda draw: f"{draw.getrandbits(64):016x}-FRA",
    **{f"{digits} digits": of(string.digits, digits) for digits in (8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 19, 20)},
    "10 digits behind a prefix": of(string.digits, 10, "tenant-"),
    "16 digits behind an underscore": of(string.digits, 16, "session_"),
    "16 digits between": lambda draw: f"run_{of(string.digits, 16)(draw)}_{draw.randrange(9)}",
}
IDS = sorted(field for field, grammar in GRAMMARS.items() if grammar.characters is GRAMMARS["request_id"].characters)
IDS_OF_THINGS = {"agent.id", "guardrail.id", "knowledge_base_id", "network.ja3", "network.ja4"}
"""Other grammars, but ids too."""
FINGERPRINTER = Fingerprinter(b"k" * 32, "k1")


class NamesStage:
    """Collect, detect and redact, for names alone."""

    def __init__(self) -> None:
        config = config_with()
        self.names = Names(config.policy, FINGERPRINTER)
        self.redactor = Redactor(config.redact, config.policy, FINGERPRINTER, self.names)
        self.detector: Detector = detector_for(config.detect)
        self.limits = TextLimits(262_144, 16)

    def __call__(self, values: list[str], field: str, handling: Handling = Handling.IDENTIFIER) -> list[str]:
        texts = Texts(self.limits)
        read = [self.names.read(texts, SensitiveText(value), field, handling, "") for value in values]
        texts.assemble(self.detector.verify(self.detector.scan(texts.items)))
        return [str(self.redactor.name(name, "", {})) if isinstance(name, PendingName) else str(name) for name in read]


@pytest.fixture(scope="module")
def leave() -> NamesStage:
    return NamesStage()


def batches(form: str, count: int) -> Iterator[list[str]]:
    draw = random.Random(f"{form} {os.environ.get('VEILOG_SEED', '')}")
    for begin in range(0, count, BATCH):
        yield [FORMS[form](draw) for _ in range(min(BATCH, count - begin))]


def damaged(leave: NamesStage, field: str, form: str, count: int) -> list[tuple[str, str]]:
    """Ids of which something else leaves, also if that is a keyed hash."""
    return [
        pair for ids in batches(form, count) for pair in zip(ids, leave(ids, field), strict=True) if pair[0] != pair[1]
    ]


def test_every_field_with_the_grammar_of_ids_has_their_likeness_and_every_row_is_of_a_field() -> None:
    assert set(LIKENESSES) <= set(GRAMMARS)
    numbers = LIKENESSES["request_id"].in_groups
    assert {"CREDIT_CARD", "UK_NHS", "US_SSN", "US_ITIN", "US_PASSPORT", "IBAN_CODE", "IN_AADHAAR"} <= numbers
    for field in IDS:
        assert LIKENESSES[field].in_groups == numbers, field
        assert LIKENESSES[field].exclude >= LIKENESSES["request_id"].exclude, field


@pytest.mark.parametrize("form", FORMS)
def test_no_random_id_is_damaged(leave: NamesStage, form: str) -> None:
    assert damaged(leave, "request_id", form, IDS_OF_A_FORM) == []


@pytest.mark.parametrize("field", IDS)
def test_no_field_for_ids_damages_one(leave: NamesStage, field: str) -> None:
    for form in FORMS:
        assert damaged(leave, field, form, 50) == [], form


@pytest.mark.parametrize(
    "field", ["user_id", "model_version", "cloud.resource", "endpoint", "group", "tool_calls.name"]
)
def test_other_names_keep_the_ids_in_them(leave: NamesStage, field: str) -> None:
    """But a bare number of 13 to 16 digits, which may be a card's."""
    for form, make in FORMS.items():
        is_of_cards = form.split(" ")[0] in ("13", "14", "15", "16")
        if GRAMMARS[field].characters.fullmatch(make(random.Random(1))) and not is_of_cards:
            assert damaged(leave, field, form, 500) == [], form


CARDS = ("4111-1111-1111-1111", "4111_1111_1111_1111", "order-4111-1111-1111-1111", "5500-0000-0000-0004.1")
SECRETS = ("sk-ant-" + "api03-aB3dE6gH9jK2mN5pQ8sT1vW4", "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a")


@pytest.mark.parametrize("field", LIKENESSES)
def test_a_name_loses_a_card_number_in_groups_and_a_secret_whatever_its_field(leave: NamesStage, field: str) -> None:
    for value in CARDS:
        (left,) = leave([value], field)
        assert left.startswith("hmac:") or "<CREDIT_CARD>" in left, value
    for value in SECRETS:
        (left,) = leave([value], field)
        assert value[8:] not in left
        assert left.startswith("hmac:") or "<" in left, value


@pytest.mark.parametrize("field", sorted(set(LIKENESSES) - set(IDS) - IDS_OF_THINGS))
def test_only_fields_for_ids_keep_a_bare_number_of_a_cards_length(leave: NamesStage, field: str) -> None:
    (left,) = leave(["4111111111111111"], field)
    assert left.startswith("hmac:") or left == "<CREDIT_CARD>"


@pytest.mark.parametrize("field", IDS)
def test_ids_keep_bare_numbers_and_lose_what_is_written_in_groups(leave: NamesStage, field: str) -> None:
    assert leave(["4111111111111111", "9434765919", "536904399"], field) == [
        "4111111111111111",
        "9434765919",
        "536904399",
    ]
    kept = [left for left in leave(["536-90-4399", "tenant_536-90-4399_eu", "943-476-5919"], field) if "<" not in left]
    assert kept == []


@pytest.mark.parametrize("field", ["tenant_id", "request_id", "cloud.account_id", "model_name", "endpoint"])
def test_machines_lose_addresses_of_people(leave: NamesStage, field: str) -> None:
    (left,) = leave(["ann.smith@example.com"], field)
    assert "<EMAIL_ADDRESS>" in left or left.startswith("hmac:")


def test_what_is_cut_out_of_a_longer_run_or_of_a_uuid_is_there_by_chance_in_every_name(leave: NamesStage) -> None:
    for field in ("user_id", "user_name", "model_name", "cloud.resource"):
        # A medical licence of nine characters, and a card number over three groups.
        for value in ("0fab1234563e4d1c90aa", "40128888-8888-1881-a0b1-c2d3e4f5a6b7"):
            assert leave([value], field) == [value]
        assert leave(["AB1234563"], field) == ["<MEDICAL_LICENSE>"]


@pytest.mark.parametrize("entity", ["EMPLOYEE", "GENERIC_SECRET", "TIMED_OUT"])
def test_what_only_a_configuration_a_plugin_or_veilog_looks_for_is_found_in_ids_too(entity: str) -> None:
    stage = NamesStage()
    stage.detector = PerText(lambda _: [Finding(4, 11, entity, 0.9)])
    for field in LIKENESSES:
        assert stage(["emp-1234567a"], field) == [f"emp-<{entity}>a"]


KEYS = """
gen_ai.input.messages gen_ai.output.messages gen_ai.usage.input_tokens error.stacktrace ai.model.id service.name
k8s.pod.name http.request.header.x-id aws.bedrock.guardrail.id kubernetes.io/name user_agent.original org.update
actor.client.com login.failed api_key.created
""".split()  # noqa: SIM905 - a dozen lines otherwise
SERVICES = {
    "eventSource": ("bedrock.amazonaws.com", "s3.amazonaws.com", "signin.amazonaws.com"),
    "sourceIPAddress": ("sagemaker.amazonaws.com", "bedrock.us-east-1.amazonaws.com"),
    "serviceName": ("aiplatform.googleapis.com", "bigquery.googleapis.com", "k8s.io", "login.microsoftonline.com"),
    "action": ("org.update_member", "repo.create", "copilot.cfb_seat_added", "business.add_organization"),
    "permission": ("aiplatform.endpoints.predict", "resourcemanager.projects.get"),
    "@type": ("type.googleapis.com/google.cloud.audit.AuditLog",),
    "state": ("task.started", "job.inserted", "flow.declarative.T_91"),
}


def cleaned(stage: NamesStage, tree: dict[str, Any]) -> dict[str, Any]:
    texts = Texts(stage.limits)
    inspected = texts.tree(tree, "unmapped")
    texts.assemble(stage.detector.verify(stage.detector.scan(texts.items)))
    return stage.redactor.tree(inspected, "")


def test_keys_with_dots_are_no_addresses_and_stay_apart(leave: NamesStage) -> None:
    tree = {key: {key: 1} for key in KEYS}
    assert cleaned(leave, tree) == tree


def test_names_of_services_and_operations_are_no_addresses(leave: NamesStage) -> None:
    tree = {key: [{key: name} for name in names] for key, names in SERVICES.items()}
    assert cleaned(leave, tree) == tree


@pytest.mark.parametrize(
    ("text", "entity"),
    [
        ("https://www.nordwind-ag.com/kunden/berg", "URL"),
        ("www.nordwind-ag.com", "URL"),
        ("see nordwind-ag.com", "URL"),
        ("anna.berg@nordwind-ag.com", "EMAIL_ADDRESS"),
        ("user.536-90-4399.name", "US_SSN"),
        ("host.203.0.113.99", "IP_ADDRESS"),
        ("card.4111-1111-1111-1111", "CREDIT_CARD"),
        (SECRETS[1], "GITHUB_TOKEN"),
        ("key." + SECRETS[1], "GITHUB_TOKEN"),
    ],
)
def test_keys_and_names_of_services_lose_what_else_stands_in_them(leave: NamesStage, text: str, entity: str) -> None:
    for tree in ({text: 1}, {"action": text}, {"eventSource": [text]}):
        (left,) = (str(pair) for pair in cleaned(leave, tree).items())
        assert f"<{entity}>" in left, left
        assert text not in left


def test_an_address_of_a_host_is_found_where_no_service_is_named(leave: NamesStage) -> None:
    for value in ("anna.berg.example.com", "shop.nordwind-ag.com/kunden", "kunde-berg.s3.amazonaws.com"):
        assert "<URL>" in cleaned(leave, {"referrer": value})["referrer"]
