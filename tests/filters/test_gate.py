"""The gate: real names pass, prose does not, however it is spelled, and what does not pass can still be joined."""

from __future__ import annotations

import random
import string
import uuid
from typing import Any

import orjson
import pytest

from names_that_do_not_fit import misfits
from names_that_fit import NAMES_THAT_FIT
from samples import config_with
from veilog_filters.detect.api import PerText
from veilog_filters.disguise import is_disguised_text
from veilog_filters.gate import GRAMMARS
from veilog_filters.pipeline import Pipeline
from veilog_filters.prove.spellings import MIN_WORDS
from veilog_parsers.record.raw import RawRecord

LEAST_SHARE = 0.98
CHECKED = {field: names for field, names in NAMES_THAT_FIT.items() if field in GRAMMARS}


@pytest.mark.parametrize("field", CHECKED)
def test_real_names_fit(field: str) -> None:
    names = CHECKED[field]
    misfit = [name for name in names if not GRAMMARS[field].fits(name)]
    assert len(misfit) <= (1 - LEAST_SHARE) * len(names), misfit


@pytest.mark.parametrize("field", GRAMMARS)
def test_no_list_has_room_for_a_sentence_word_by_word(field: str) -> None:
    assert GRAMMARS[field].max_distinct < MIN_WORDS


@pytest.mark.parametrize("field", GRAMMARS)
def test_prose_fits_no_field_in_any_spelling(field: str) -> None:
    through = [misfit for misfit in misfits() if GRAMMARS[field].fits(misfit.text)]
    # Digits for letters: where words are short, most look like versions. SECURITY.md says so.
    assert {misfit.spelling for misfit in through} <= {"leet"}
    assert len(through) <= 3


@pytest.mark.parametrize("field", GRAMMARS)
@pytest.mark.parametrize(
    "value",
    [
        "",
        " gpt-4o",
        "gpt-4o ",
        "gpt\n4o",
        "gpt-4o\u200b",
        "gpt-4o\u3164",
        "\u0301gpt-4o",
        "gpt-4o\u202e",
        "gpt-4o\U000e0041",
        "gpt-4o\ufe0f",
        "ｇｐｔ-4o",
        "a" * 65,
        "ruknuvrufgabfirtitgavzok",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36GifNekVisKatNukMuzNotDerFolMun",
        "selltheoldhouse-toannabeforethe-wintercomesquick",
        "sELLtHEoLDhOUSEtOaNNAbEFOREtHEwINTER",
        "seLlTHEOldHoUSeTOanNabefOrEthEWiNteR",
        "내일아침에요나스를위해.야간열차표를예약해",
        "put_the_secret_key_of_root_user_in_main_application_log",
        "we_like_chrome_mobile_version_of_the_outlook_app_for_teams/1",
        "73656c6c-746865-6f6c64-686f757365-746f-616e6e61-6265666f7265",
        "c2VsbCB0aGUg.b2xkIGhvdXNl.IHRvIGFubmEg.YmVmb3JlIHRo",
        "c2VsbCB0aGUgaG91c2UgYnkgZnJp_ZGF5IGJlZm9yZSBhbnlib2R5IGFz_a3MgYWJvdXQgdGhlIG1vbmV5IGFu",
        "you22can22buy22the22red22-car22for22her22and22",
        "not2lagoonege5for-be-inlettqe-was-are-kestrelytu",
        "sell4houses4for-me-in-lisbon-this-week",
        "u0073-u0065-u006c-u006c-u0074-u0068-u0065-u006f-u006c-u0064",
        "73x65x6cx6cx74x68x65x6fx6cx64x68x6f",
        "v1." * 200,
        "%",
        "%25%61",
        "a%20b",
        "\ud800",
    ],
)
def test_what_no_field_takes(field: str, value: str) -> None:
    assert not GRAMMARS[field].fits(value)


@pytest.mark.parametrize(
    ("alphabet", "length", "most"),
    [
        (string.ascii_letters + string.digits, 24, 0.02),
        (string.ascii_letters + string.digits, 29, 0.02),
        ("0123456789abcdef", 32, 0.001),
        ("0123456789abcdef", 64, 0.001),
        (string.digits + "ABCDEFGHJKMNPQRSTVWXYZ", 26, 0.08),
        (string.digits, 19, 0.0),
    ],
)
def test_random_ids_fit(alphabet: str, length: int, most: float) -> None:
    rng = random.Random(length)
    ids = ["".join(rng.choices(alphabet, k=length)) for _ in range(2000)]
    assert sum(not GRAMMARS["request_id"].fits(value) for value in ids) <= most * len(ids)


def test_uuids_fit() -> None:
    rng = random.Random(1)
    for prefix in ("", "chatcmpl-", "urn:uuid:"):
        for _ in range(500):
            assert GRAMMARS["request_id"].fits(prefix + str(uuid.UUID(int=rng.getrandbits(128))))


def test_ids_of_one_digit_are_no_text_but_a_uuid_that_spells_something_is() -> None:
    assert not is_disguised_text("44444444-4444-4444-4444-444444444444")
    spelled = b"call me at nine.".hex()
    assert is_disguised_text(str(uuid.UUID(spelled)))


def run(record: dict[str, Any], **sections: Any) -> dict[str, Any]:
    (event,) = Pipeline(config_with(**sections), detector=PerText(lambda _: []))(
        RawRecord(record, orjson.dumps(record))
    )
    return event


def exchange(**fields: Any) -> dict[str, Any]:
    return {"request": {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}, "response": {}} | fields


def test_hashed_names_are_counted_stable_and_separated_by_field() -> None:
    prose = "tell_my_sister_that_the_house_is_sold_now"
    first, again = run(exchange(user=prose, request_id=prose)), run(exchange(user=prose, note=1))
    assert first["redaction"]["hashed_fields"] == 2
    assert first["user_id"] == again["user_id"]
    assert first["user_id"].startswith("hmac:")
    assert first["user_id"] != first["request_id"]
    assert run(exchange())["redaction"]["hashed_fields"] == 0


@pytest.mark.parametrize(
    "user", ["jane.doe@corp.example", "corp\\jane.doe", "arn:aws:iam::123456789012:user/jane.doe", "/home/jane.doe"]
)
@pytest.mark.parametrize(
    "model", ["ft:gpt-4o:corp:jane-doe", "ft:gpt-4o:JANE.DOE", "users/jane.doe/model", "jane.doe@corp.example/m"]
)
def test_a_caller_s_name_inside_another_name_is_pseudonymized_too(user: str, model: str) -> None:
    record = exchange(user=user, model=model)
    record["request"]["model"] = model
    event = run(record, policy={"identity": "pseudonymize"})
    assert event["user_id"].startswith("p_")
    left = orjson.dumps(event).decode().lower().translate(str.maketrans("", "", "-._"))
    assert "janedoe" not in left
    assert "model_name" in event


def test_a_caller_in_a_path_is_pseudonymized_in_an_event_that_does_not_name_the_caller() -> None:
    record = exchange(model="arn:aws:sts::123456789012:assumed-role/Analyst/jane.doe")
    event = run(record, policy={"identity": "pseudonymize"})
    assert "jane" not in orjson.dumps(event).decode()
    assert event["model_name"].startswith("arn:aws:sts::123456789012:assumed-role/Analyst/p_")


def test_a_sentence_does_not_leave_word_by_word_in_a_list() -> None:
    words = ["amber", "basin", "cedar", "drift", "ember", "fjord", "grove", "harbor", "inlet"]
    choices: list[Any] = [
        {"index": n, "finish_reason": word, "message": {"content": "hi"}} for n, word in enumerate(words)
    ]
    calls = [{"type": "function", "function": {"name": word, "arguments": "{}"}} for word in words]
    choices[0]["message"]["tool_calls"] = calls
    again = orjson.loads(orjson.dumps(choices))
    event = run(exchange(response={"choices": choices}))
    assert len(event["finish_reasons"]) == len(event["tool_calls"]) == len(words)
    assert not any(word in orjson.dumps(event).decode() for word in words)
    few = run(exchange(response={"choices": again[1:4]}))
    assert few["finish_reasons"] == words[1:4]


def test_a_tag_is_a_name() -> None:
    ours = Pipeline(config_with(), detector=PerText(lambda _: []))
    assert ours.tag("kube.var.log.containers.gateway") == "kube.var.log.containers.gateway"
    assert ours.tag("the patient in room four has the flu again").startswith("hmac:")
    (event,) = ours(RawRecord([], b"[]", tag="the.patient.in.room.four.has.the.flu.again"))
    assert event["tag"].startswith("hmac:")


def test_of_a_group_only_listed_attributes_leave_as_names() -> None:
    ours = Pipeline(config_with(), detector=PerText(lambda _: []))
    prose = "the patient in room four has the flu again"
    body = {
        "resource": {
            "attributes": {"service.name": "chat", "host.name": prose, "prompt": prose, "k8s.pod.name": ["x"]}
        },
        "scope": {"name": prose, "version": "1.0", "attributes": {"x": prose}},
        "extra": prose,
    }
    group = ours.group(body)
    assert set(group) == {"resource", "scope"}
    assert group["resource"]["attributes"]["service.name"] == "chat"
    assert group["resource"]["attributes"]["host.name"].startswith("hmac:")
    assert set(group["resource"]["attributes"]) == {"service.name", "host.name"}
    assert group["scope"]["version"] == "1.0"
    assert prose not in orjson.dumps(group).decode()
    assert ours.clean({"otlp": {"attributes": {"prompt": prose}}}) == {}


@pytest.mark.parametrize(
    "title",
    [
        "Add member to role",
        "Remove eligible member from role",
        "Consent to application",
        "Update application - Certificates and secrets management",
        "Delete FIDO2 security keys",
        "Sign-in activity",
        "Add app role assignment to service principal",
        "Bulk remove group members - finished (bulk)",
        "Disable Desktop Sso",
        "Get B2C directory resources in a resource group",
    ],
)
def test_titles_of_operations_made_of_known_words_are_names_of_operations_alone(title: str) -> None:
    assert GRAMMARS["api_operation"].fits(title)
    taken = {field for field, grammar in GRAMMARS.items() if grammar.fits(title)}
    assert taken <= {"api_operation", "user_id", "user_name", "agent.name", "user_agent", "cloud.region"}


@pytest.mark.parametrize(
    "text",
    [
        "Add Anna to role",
        "Add member to role, please",
        "sell the old house",
        "Add  member to role",
        "Add member to role ",
        " ".join(["Add member to role"] * 4),
        "Delete users' wallets",
    ],
)
def test_titles_with_other_words_or_too_many_are_none(text: str) -> None:
    assert not GRAMMARS["api_operation"].fits(text)


@pytest.mark.parametrize("field", GRAMMARS)
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
def test_a_list_of_names_carries_no_sentence_in_pieces(field: str, size: int) -> None:
    text = "we plan to fire bob smith next week because budgets shrink and nobody knows"
    words = text.split()
    for joint in "_-./:":
        pieces = {joint.join(words[start : start + size]) for start in range(0, len(words), size)}
        assert not GRAMMARS[field].fit_together(pieces)
