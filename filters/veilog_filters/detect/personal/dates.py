"""Dates in words, birth dates and ages. A weekday, a month or a year alone is none of them."""

from __future__ import annotations

import re
from typing import Final

from veilog_filters.detect.personal.detector import Form, PersonalDetector, any_of, behind

_MONTH: Final = (
    r"(?-i:January|February|March|April|May|June|July|August|September|October|November|December"
    r"|JANUARY|FEBRUARY|MARCH|APRIL|MAY|JUNE|JULY|AUGUST|SEPTEMBER|OCTOBER|NOVEMBER|DECEMBER"
    r"|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\b\.?"
)
_FOREIGN_MONTH: Final = any_of(
    *("januar", "februar", "m\\wrz", "april", "mai", "juni", "juli", "august", "september", "oktober", "november"),
    *("dezember", "janvier", "f\\wvrier", "mars", "avril", "juin", "juillet", "ao\\wt", "septembre", "octobre"),
    *("novembre", "d\\wcembre", "enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto"),
    *("septiembre", "octubre", "noviembre", "diciembre", "gennaio", "febbraio", "aprile", "maggio", "giugno"),
    *("luglio", "settembre", "ottobre", "dicembre", "januari", "februari", "maart", "mei", "augustus", "december"),
)
_DAY: Final = r"(?:0?[1-9]|[12][0-9]|3[01])"
_NTH: Final = rf"{_DAY}(?:st|nd|rd|th)?"
_YEAR: Final = r"(?:1[89]|20)[0-9]{2}"
_CLOCK: Final = r"[0-2]?[0-9]:[0-5][0-9](?::[0-5][0-9])?"
_IN_WORDS: Final = (
    rf"(?:{_NTH}(?: of)? {_MONTH}(?:,? {_YEAR})?"
    rf"|{_MONTH} {_NTH}(?:,? {_YEAR})?"
    rf"|{_DAY}\.? (?:de )?{_FOREIGN_MONTH}(?: del?)? {_YEAR})"
)
_IN_FIGURES: Final = (
    rf"(?:{_DAY}[/.-]{_DAY}[/.-](?:{_YEAR}|[0-9]{{2}})|{_YEAR}[/.-]{_DAY}[/.-]{_DAY}|{_DAY}-[a-z]{{3}}-{_YEAR})"
)
_END: Final = r"(?![\w/-])"

IN_WORDS: Final = PersonalDetector(
    name="date_in_words",
    option="dates",
    entity="DATE_TIME",
    forms=(
        Form("words", rf"(?<![\w/.-]){_IN_WORDS}{_END}", 0.6),
        Form("with_time", rf"(?<![\w/.-]){_IN_FIGURES},? {_CLOCK}{_END}", 0.6),
    ),
    examples=(
        ("since 3 May 1990 we", "3 May 1990"),
        ("on May 3rd, 1990.", "May 3rd, 1990"),
        ("the 21st of December", "21st of December"),
        ("am 12. M\u00e4rz 2020 war", "12. M\u00e4rz 2020"),
        ("el 3 de mayo de 1990 fue", "3 de mayo de 1990"),
        ("When: 2000-04-16 11:34:35", "2000-04-16 11:34:35"),
    ),
    counterexamples=("you may 5 times", "on Tuesday", "in 1990", "in March", "version 3.12.2024-rc", "march 10 miles"),
)

BIRTH: Final = PersonalDetector(
    name="birth_date",
    option="birth_dates",
    entity="BIRTH_DATE",
    forms=(
        Form(
            "born",
            behind(
                r"born(?: on| in)?(?: the)?:? ",
                r"(?:date of birth|birth[ _-]?da(?:te|y)|dob|d\.o\.b\.)\W{0,3}(?:is |it's |on |\s)?",
                *(r"geb(?:oren|\.)(?: am| op)?:? ", r"geburtsdatum:? ", r"n\we? le ", r"nacid[oa](?: el)? "),
                *(r"fecha de nacimiento:? ", r"date de naissance:? ", r"nat[oa] il ", r"data di nascita:? "),
            )
            + rf"(?:{_IN_WORDS}|{_IN_FIGURES}|{_YEAR}){_END}",
            0.8,
        ),
    ),
    examples=(
        ("she was born on 3 May 1990 in", "3 May 1990"),
        ("DOB: 05/03/1990", "05/03/1990"),
        ("date of birth is 1990-05-03", "1990-05-03"),
        ("your date of birth. It's 6/24/1991", "6/24/1991"),
        ("born in 1987,", "1987"),
        ("geboren am 12. M\u00e4rz 1980", "12. M\u00e4rz 1980"),
    ),
    counterexamples=("the idea was born on the beach", "due 05/03/1990", "a born leader of 1990 people"),
)

_TENS: Final = any_of("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_IN_LETTERS: Final = (
    rf"(?:{_TENS}(?:[ -](?:one|two|three|four|five|six|seven|eight|nine))?"
    r"|(?:thir|four|fif|six|seven|eigh|nine)teen|eleven|twelve)"
)
_MAX_AGE: Final = 122
_NUMBER: Final = re.compile(r"[0-9]+")


def _is_age(text: str) -> bool:
    number = _NUMBER.search(text)
    return number is None or int(number[0]) <= _MAX_AGE


AGES: Final = PersonalDetector(
    name="age",
    option="ages",
    entity="AGE",
    forms=(
        Form(
            "old",
            rf"(?<![\w.,-])(?:[1-9][0-9]{{0,2}}|{_IN_LETTERS})(?:[ -]?(?:years?|yrs?\.?)[ -]old|[ -]?y[./]?o)(?!\w)",
            0.7,
        ),
        Form(
            "aged",
            behind(
                *(
                    r"ag(?:ed?|e is|e was|e of|e:|e =)\W{0,2}",
                    r"(?:just|recently) turned ",
                    r"(?:i'll|will|going to) turn ",
                ),
                *(r"(?:he|she|i) (?:just )?turned ", r"when (?:he|she|i) was ", r"alter:? ", r"\bedad:? "),
            )
            + r"[1-9][0-9]{0,2}(?![\w%/:-])(?![.,][0-9])"
            r"(?! (?:hours?|minutes?|days?|weeks?|times|percent|degrees|of|and|to|or|people))",
            0.6,
        ),
    ),
    is_valid=_is_age,
    examples=(
        ("He is 34 years old now", "34 years old"),
        ("a 38-year-old male", "38-year-old"),
        ("and i'm 31 y/o.", "31 y/o"),
        ("she is thirty-four years old", "thirty-four years old"),
        ("retired at the age of 61", "61"),
        ("I just turned 47", "47"),
        ("Age: 52\n", "52"),
    ),
    counterexamples=("the 4000 year old city", "page 12", "in 34 years", "turned 90 degrees", "the age of 5 people"),
)
