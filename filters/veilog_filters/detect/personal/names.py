"""Names of people, behind a title or a phrase that announces one. Who is only mentioned takes a model, or a list."""

from __future__ import annotations

import re
from typing import Final

from veilog_filters.detect.core import CORE
from veilog_filters.detect.personal.detector import (
    CAPITAL,
    FIRST_WORD,
    PARTICLES,
    WORD,
    Form,
    PersonalDetector,
    any_of,
    behind,
)

_INITIAL: Final = r"(?-i:[A-Z])(?:\.|\b)"
_PART: Final = rf"(?:{WORD}|{_INITIAL})"
NAME: Final = rf"(?:(?-i:[A-Z])\. ?){{0,2}}{FIRST_WORD}(?:[ ]{PARTICLES}{{0,2}}{_PART}){{0,3}}"
"""One to four words with a capital letter, initials and particles among them."""
FULL_NAME: Final = (
    rf"(?:(?-i:[A-Z])\. ?)?{FIRST_WORD}[ ]{PARTICLES}{{0,2}}{_PART}(?:[ ]{PARTICLES}{{0,2}}{_PART}){{0,2}}"
)
"""Two words at least."""
_NAME_ANYWHERE: Final = NAME.replace(CORE, "")
_FULL_NAME_ANYWHERE: Final = FULL_NAME.replace(CORE, "")
"""The same with no phrase before them: what is behind them must be looked for too."""

_TITLE: Final = (
    r"(?-i:Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Professor|Rev|Reverend|Herr|Frau|Mme|Mlle|Madame|Monsieur|Signora?|Dott|Se\wora?)"
)
_RELATIVE: Final = any_of(
    *("wife", "husband", "spouse", "partner", "son", "daughter", "brother", "sister", "mother", "father", "mom", "mum"),
    *("dad", "child", "kid", "uncle", "aunt", "cousin", "nephew", "niece", "girlfriend", "boyfriend", "fianc\\we?"),
    *("friend", "colleague", "coworker", "boss", "neighbou?r", "roommate", "grandmother", "grandfather", "grandson"),
    *("granddaughter", "grandma", "grandpa", "client", "patient", "landlord", "lawyer", "doctor"),
)
_WHOSE: Final = any_of(
    *(
        "first",
        "last",
        "full",
        "given",
        "family",
        "middle",
        "maiden",
        "legal",
        "customer",
        "patient",
        "employee",
        "client",
    ),
    *(
        "contact",
        "account",
        "account holder",
        "card ?holder",
        "guardian",
        "beneficiary",
        "recipient",
        "sender",
        "guest",
    ),
    *("applicant", "candidate", "tenant", "passenger", "physician", "student", "emergency contact", "insured", "buyer"),
)
_SEPARATOR: Final = r"(?:\s?[:=]\s{0,3}[\"']?| is )"

_NOT_NAMES: Final = frozenset(
    """
    a about ai all also am american an and any anyone api application are as assistant at back board bot but by canada
    captain chairman chatgpt chief city class college committee company congratulations congress corp corporation
    customer data date day dear department developer director do doctor due editor engineer english everybody everyone
    figure folks for france friday friend friends from general germany google government grade great group guys happy
    he head hello hepatitis her here hi him hiring his hospital how human i if in inc india info interview invoice is
    it its java javascript job justice king language lead lets level limited llc look ltd madam manager maybe me
    member microsoft mom monday mother mr mrs ms muslims my name new no not now officer ok on option or our part
    placeholder plan please president product professor program python question recruiter recruitment reviewer
    reviewers right sales santa saturday school secretary section see senior service she simply sir so software some
    sorry speaker staff student summary sunday support table team thank thanks that the their them then there these
    they this those thursday title to today tomorrow total tuesday type union united university us user very visa
    vitamin was we wednesday welcome well what when where which who why will with world yes yesterday you your zone
    """.split()  # noqa: SIM905
)
"""Words that begin with a capital letter where a name could stand, and are none."""
_WORDS: Final = re.compile(r"[^\W\d_]+")
_PARTICLE: Final = re.compile(PARTICLES)


def is_name(text: str) -> bool:
    """Whether words could be somebody's name: a capital letter each, but for particles, and none of another use."""
    words = [word for word in _WORDS.findall(text) if len(word) > 1 and not _PARTICLE.fullmatch(f"{word} ")]
    return bool(words) and words[0][0].isupper() and not any(word.lower() in _NOT_NAMES for word in words)


def _is_titled_name(text: str) -> bool:
    return is_name(text.partition(" ")[2])


TITLED: Final = PersonalDetector(
    name="titled_name",
    option="names",
    entity="PERSON",
    forms=(
        Form("title", rf"(?<![\w.]){_TITLE} {PARTICLES}{{0,2}}{NAME}", 0.7),
        Form("short_title", rf"(?<![\w.])(?:{_TITLE}|mrs?|ms|dr|prof|dhr|mevr)\. {PARTICLES}{{0,2}}{NAME}", 0.7),
        Form(
            "degree",
            rf"(?<!\w){_FULL_NAME_ANYWHERE},? (?-i:MD|M\.D\.|DDS|DVM|PhD|Ph\.D\.|Esq\.|CPA|Jr\.|LL\.M\.)(?!\w)",
            0.7,
        ),
    ),
    is_valid=_is_titled_name,
    examples=(
        ("I saw Dr. Jane Roe yesterday", "Dr. Jane Roe"),
        ("ask Mrs. Smith, please", "Mrs. Smith"),
        ("Herr von der Leyden kommt", "Herr von der Leyden"),
        ("signed: Giovanna Rodrigues MD", "Giovanna Rodrigues MD"),
    ),
    counterexamples=("Mr. President", "open it in MS Word", "Dr. who knows", "Miss you a lot", "Dear Professor"),
)

ANNOUNCED: Final = PersonalDetector(
    name="announced_name",
    option="names",
    entity="PERSON",
    forms=(
        Form(
            "said",
            behind(
                r"(?:my|his|her|their|the (?:patient|customer|client)'s) (?:\w{1,12} )?name(?: is|'s) ",
                r"(?:hello|hi|hey|good (?:morning|afternoon|evening))[,.!]? (?:this is|i'm|i am|it's) ",
                *(r"(?:call|calls) me ", r"named (?:him|her) ", r"what's your (?:\w{1,8} )?name\? "),
                *(
                    r"i(?:'m| am) called ",
                    r"mein name ist ",
                    r"ich hei\we ",
                    r"je m'appelle ",
                    r"me llamo ",
                    r"mi chiamo ",
                ),
                *(
                    r"(?:man|woman|boy|girl|guy|person|kid|child|son|daughter) (?:named|called) ",
                    r"under the name (?:of )?",
                ),
                *(r"please correct it to ", r"please change it to ", r"partner's name "),
            )
            + NAME,
            0.7,
        ),
        Form(
            "labelled",
            behind(rf"{_WHOSE}[ _-]?names?{_SEPARATOR}", rf"(?:sur|fore|nach|vor)name{_SEPARATOR}", r"attn[.:]{1,2} ")
            + NAME,
            0.7,
        ),
        Form(
            "line",
            r"(?<=^[ \t>*-]{0,4}(?:name|patient|contact|attention|(?:billing|shipping|postal|mailing) address|bill to"
            rf"|ship to)[ \t]?:[ \t]{{1,12}}){FULL_NAME}",
            0.6,
        ),
        Form(
            "relative",
            behind(rf"(?:my|his|her|our|their|your) {_RELATIVE}(?:,| named| called|'s name is)? ") + NAME,
            0.6,
        ),
        Form("i_am", rf"(?<=(?<!\w)i(?:'m| am) ){FULL_NAME}(?=[ ]?[,.\n!]| from | and (?:i|my) |$)", 0.5),
        Form("greeted", rf"(?<=^(?:dear|hi|hello|hey|dearest) ){NAME}(?=[ ]?[,:!\n])", 0.6),
        Form(
            "signed",
            r"(?<=(?:sincerely|regards|yours truly|yours faithfully|best wishes|cheers|thanks|thank you|many thanks"
            r"|gr\W{1,2}e|cordialement|saludos),?[ \t]{0,2}\n{1,2}[ \t]{0,4})" + NAME + r"(?=[ \t]{0,2}(?:\n|\Z))",
            0.6,
        ),
        Form("middle_initial", rf"(?<![\w.]){WORD} (?-i:[A-Z])\. {PARTICLES}{{0,2}}{WORD}", 0.5),
        Form(
            "resident",
            rf"(?<!\w){_NAME_ANYWHERE}(?= (?:lives|resides|was born|grew up|was diagnosed) (?:at|in|on|with) )",
            0.5,
        ),
        Form(
            "addressee", rf"(?<=(?:\A|\n\n)){_FULL_NAME_ANYWHERE}(?=\n{{1,2}}[1-9][0-9]{{0,5}} {CAPITAL}\w{{3}})", 0.5
        ),
    ),
    is_valid=is_name,
    examples=(
        ("My name is Aantje Mourik but", "Aantje Mourik"),
        ("Hello, this is Kyle Kuefer.", "Kyle Kuefer"),
        ("Patient name: Luca de Santis\n", "Luca de Santis"),
        ("Name: Toshimi Arata\n", "Toshimi Arata"),
        ("my wife Anna is here", "Anna"),
        ("Hi Freddy, how are you?", "Freddy"),
        ("Kind regards,\nMaria Gonzalez", "Maria Gonzalez"),
        ("I'm Naomi Ryan, a nurse", "Naomi Ryan"),
        ("by Hanne I. Kreutzmann, of", "Hanne I. Kreutzmann"),
        ("Jacob lives on the hill", "Jacob"),
        ("Marisa Bisliev\n\n583 Magrethevej 298", "Marisa Bisliev"),
        ("je m'appelle Zo\u00eb Young", "Zo\u00eb Young"),
    ),
    counterexamples=(
        "my name is not important",
        "the file name is Report.pdf",
        "Dear Hiring Manager,",
        "Hello World!",
        "Kind regards,\nYour Team",
        "I am Happy Today.",
        "name: get_weather",
        "Take Vitamin C. Then rest",
        "my friend is here",
        "Everyone lives in a house",
    ),
)
