"""Phone and card numbers that Presidio's recognizers pass, and what belongs to a card.

Presidio takes a phone number only if its country has given it out. People and test data are not so strict: a number
behind the word "phone" is one. What Presidio finds lies inside what is found here, and scores no more, so a number is
there once.
"""

from __future__ import annotations

import re
from typing import Final

from veilog_filters.detect.personal.detector import Form, PersonalDetector, any_of, behind

_PHONE_WORD: Final = any_of(
    *(
        "(?:tele|cell|i)?phone(?: (?:number|no\\.?|num|nr\\.?))?s?",
        "tel(?:\\.|ephone|efon|efono|\\wfono|\\wphone)?",
        "mobile",
    ),
    *("(?:tele)?fax", "cell", "handy", "gsm", "whatsapp", "m\\wvil", "mobil", "landline", "contact number", "hotline"),
    *("registered(?: number)?", "(?:office|desk|home|work|direct)(?=[:=])"),
)
_PHONE_SEPARATOR: Final = r"(?:[:=#]{0,2}\s{1,3}|[:=]\"?|\": ?\"|\.: ?)(?:is |at |on |no\.? )?"
_EXTENSION: Final = r"(?: ?(?:x|ext\.?|#) ?[0-9]{1,6})?"
_RUN: Final = r"[+(]{0,2}[0-9](?:[ ()./-]{0,3}[0-9]){6,16}"
_DIGITS: Final = rf"{_RUN}{_EXTENSION}(?![\w-])"
_NO_DIGIT: Final = re.compile(r"[^0-9]")
_DATE: Final = re.compile(r"(?:19|20)[0-9]{2}[-/. ][0-9]{2}[-/. ][0-9]{2}|[0-9]{1,2}[/.][0-9]{1,2}[/.][0-9]{4}")
_MIN_PHONE_DIGITS: Final = 7
_MAX_PHONE_DIGITS: Final = 15


def _is_phone(text: str) -> bool:
    number = re.split("[x#e]", text, maxsplit=1, flags=re.IGNORECASE)[0]
    count = len(_NO_DIGIT.sub("", number))
    return _MIN_PHONE_DIGITS <= count <= _MAX_PHONE_DIGITS and not _DATE.match(number)


PHONES: Final = PersonalDetector(
    name="labelled_phone",
    option="phone_numbers",
    entity="PHONE_NUMBER",
    forms=(
        Form("label", behind(rf"{_PHONE_WORD}{_PHONE_SEPARATOR}") + _DIGITS, 0.8),
        Form(
            "called", behind(r"(?:call|text|reach|ring|phone|answering)(?: \w{1,8})? (?:at|on)[: ]{1,2}") + _DIGITS, 0.8
        ),
        Form(
            "label_behind",
            rf"(?<![\w.,/+-]){_RUN}(?=[ ,-]{{1,2}}(?:\()?(?:office|fax|mobile|cell|home|work|desk|direct)\b)",
            0.8,
        ),
        Form("international", rf"(?<![\w.,/+-])\+[1-9](?:[ ()./-]{{0,3}}[0-9]){{7,14}}{_EXTENSION}(?![\w-])", 0.76),
        Form(
            "grouped",
            rf"(?<![\w.,/+-])\(?[2-9][0-9]{{2}}(?:-|\.|\) ?)[0-9]{{3}}[.-][0-9]{{4}}{_EXTENSION}(?![\w-])",
            0.76,
        ),
    ),
    is_valid=_is_phone,
    examples=(
        ("phone +45 28 64 66 98", "+45 28 64 66 98"),
        ("Mobile: 03.93.92.16.85\n", "03.93.92.16.85"),
        ("call me at 0494 92 82 32", "0494 92 82 32"),
        ("416 60 039 office", "416 60 039"),
        ("fax +46 (0)8 928 571 38,", "+46 (0)8 928 571 38"),
        ("stop messages to 541-714-1388", "541-714-1388"),
        ("345-899-3560x4587", "345-899-3560x4587"),
    ),
    counterexamples=("phone 12", "call on 2024-05-01 at", "office 2019 365", "tel aviv", "from 1234567 to 2345678"),
)

_CARD_WORDS: Final = ("card", "credit", "debit", "visa", "mastercard", "amex", "maestro", "diners", "jcb", "discover")
_MIN_CARD_DIGITS: Final = 12
_MAX_CARD_DIGITS: Final = 19


def _is_card(text: str) -> bool:
    digits = _NO_DIGIT.sub("", text)
    if not _MIN_CARD_DIGITS <= len(digits) <= _MAX_CARD_DIGITS:
        return False
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


CARDS: Final = PersonalDetector(
    name="card_number",
    option="card_numbers",
    entity="CREDIT_CARD",
    # Only near a word for cards: one number in ten has the check digit.
    forms=(Form("digits", r"(?<![\w.-])[0-9](?:[ -]?[0-9]){11,18}(?![\w-])", 0.1),),
    is_valid=_is_card,
    context=_CARD_WORDS,
    examples=(
        ("block my card 2297051310616322 now", "2297051310616322"),
        ("credit card 3056 9309 0259 04", "3056 9309 0259 04"),
    ),
    counterexamples=("order 2297051310616322", "card 2297051310616323", "card 1234"),
)

EXPIRIES: Final = PersonalDetector(
    name="card_expiry",
    option="card_expiries",
    entity="CARD_EXPIRY",
    forms=(
        Form(
            "month_and_year",
            behind(
                r"exp(?:\.|iry|ires|iration|iring)?(?:[ _-]?date)?\W{0,3}(?:on |is |in )?",
                *(
                    r"(?:valid|good) th(?:ru|rough)\W{1,2}",
                    r"g\wltig bis:? ",
                    r"caduca:? ",
                    r"scadenza:? ",
                    r"expire(?: le)?:? ",
                ),
            )
            + r"(?:0?[1-9]|1[0-2]) ?[/-] ?(?:20)?[2-4][0-9](?![\w/-])",
            0.7,
        ),
    ),
    examples=(
        ("exp 04/27, cvv", "04/27"),
        ("Expiry date: 11/2028", "11/2028"),
        ("valid thru 09 / 29", "09 / 29"),
    ),
    counterexamples=("exp 14/27", "version 04/27", "expires 04/27/2026", "export 04/27"),
)

SECURITY_CODES: Final = PersonalDetector(
    name="card_security_code",
    option="card_expiries",
    entity="CARD_SECURITY_CODE",
    forms=(
        Form(
            "labelled",
            behind(r"(?:cv[vc]2?|cid|csc|security code)(?: (?:code|number|no\.?))?\W{0,3}(?:is )?")
            + r"[0-9]{3,4}(?![\w.-])",
            0.7,
        ),
    ),
    examples=(("CVV: 123", "123"), ("the security code is 4321", "4321")),
    counterexamples=("cv 123", "code 123", "CVE 1234", "cvv 12"),
)
