"""Postal addresses (US, UK, DE, FR, ES, IT, NL, CA, AU forms), post codes, and places that people say they live in.

An address is a *street* (a number and a word for a street, in the order of its country), a *unit* (flat, suite), and a
*place* behind them. A street without a word for one (``90 Whitchurch``) is one only behind a phrase that announces it,
or in front of a unit.
"""

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
    words,
)

_REST: Final = r"(?:[\w'-]{1,20}|\w{0,2}\.)"
_CAPS: Final = rf"{CAPITAL}{_REST}"
"""A word in a street's name, or what is short for one."""
_STREETS: Final = words(
    """
    Street St Avenue Ave? Road Rd Boulevard Blvd Lane Ln Drive Dr Court Ct Place Pl Terrace Ter Parade Pde Crescent Cres
    Close Way Square Sq Highway Hwy Parkway Pkwy Circle Cir Trail Trl Row Mews Gardens Gdns Grove Walk Quay Rise Loop
    Alley Turnpike Broadway Expressway Esplanade Promenade Hill Green
    """
)
_ONE_WORD: Final = words(
    r"""
    stra(?:ss|\w)e str\. weg platz allee gasse damm ufer chaussee br\wcke stieg straat laan plein kade gracht singel
    dreef steenweg dijk vej gade vegen veien v\wgen gata gatan katu kuja polku
    """
)
_TWO_WORDS: Final = words(
    r"Stra(?:ss|\w)e Str\. Weg Platz Allee Gasse Damm Ufer Ring Laan Plein utca [Tt]errasse [Pp]lads Straat"
)
_ROMANCE: Final = words(
    r"""
    rue avenue boulevard chemin impasse quai all\we route cours passage via viale piazza piazzale corso vicolo strada
    largo lungomare contrada calle avenida avda plaza paseo camino carrer carretera ronda traves\wa rua travessa pra\wa
    estrada alameda ulica plac aleja
    """
)
_CAPITAL_ROMANCE: Final = words(
    r"""
    Rue Avenue Boulevard Chemin Impasse Quai All\we Route Cours Via Viale Piazza Piazzale Corso Vicolo Strada Largo
    Contrada Calle Avenida Avda\.? Plaza Paseo Camino Carrer Carretera Ronda Rua Travessa Pra\wa Estrada Alameda [Uu]l\.
    [Uu]lica Plac Aleja
    """
)
_US_STATE: Final = any_of(
    *("A[KLRZ]", "C[AOT]", "D[CE]", "FL", "GA", "HI", "I[ADLN]", "K[SY]", "LA", "M[ADEINOST]", "N[CDEHJMVY]", "O[HKR]"),
    *("P[AR]", "RI", "S[CD]", "T[NX]", "UT", "V[AIT]", "W[AIVY]", "A[AEP]"),
)
_UK_CODE: Final = r"(?-i:[A-Z]{1,2}[0-9][A-Z0-9]? [0-9][ABD-HJLNP-UW-Z]{2})"
_CANADIAN: Final = "[ABCEGHJ-NPRSTVXY][0-9][ABCEGHJ-NPRSTV-Z] [0-9][ABCEGHJ-NPRSTV-Z][0-9]"
_CA_CODE: Final = rf"(?-i:{_CANADIAN})"
_CODE: Final = (
    r"(?:(?:(?-i:[A-Z]{1,2})-)?[0-9]{4,5}(?:-[0-9]{3,4})?(?: (?-i:[A-Z]{2})\b)?"
    rf"|[0-9]{{3}} [0-9]{{2}}|{_UK_CODE}|{_CA_CODE})\b"
)
_UNIT_WORD: Final = any_of("apt", "apartment", "suite", "ste", "unit", "flat", "floor", "room", "building", "bldg", "#")
_LINE: Final = r"(?:,? {0,2}\n[ \t>?]{0,8}|, {1,2})"
"""What is between the lines of an address, or stands for it."""
_UNIT: Final = rf"(?:(?:{_LINE}|[ ,]{{1,3}})(?:{_UNIT_WORD}\b|#)\.? ?#?\w{{1,5}}\b)"
_NAMES: Final = rf"{WORD}(?:[ -]{PARTICLES}{{0,1}}{WORD}){{0,2}}"
_FIRST_NAMES: Final = rf"{FIRST_WORD}(?:[ -]{PARTICLES}{{0,1}}{WORD}){{0,2}}"
_PLACE: Final = (
    rf"(?:(?:{_LINE}|,? )(?:{_CODE} )?{_NAMES}){{0,3}}(?:(?:{_LINE}|,? )(?-i:[A-Z]{{2,3}}|nan)\b)?"
    rf"(?:{_LINE}|,? ){_CODE}(?: {_NAMES})?"
)
"""A place with a post code behind it, whatever parts its words."""
_LINES: Final = rf"(?:{_LINE}(?:{_CODE} )?{_NAMES}(?: (?-i:[A-Z]{{2,3}})\b)?){{1,3}}"
"""Lines with the names of places."""
_TAIL: Final = rf"(?:{_UNIT}(?: {_NAMES}(?= ?[.,;!?\n]|$| [a-z]))?)?(?:{_PLACE}|{_LINES})?"
_ANNOUNCED: Final = behind(
    *(r"address(?:es)?(?: is| was| to)?:?\s{1,6}", r"liv(?:e|es|ed|ing) (?:at|on|in)(?: the \w{4,5} side of)? "),
    *(r"(?:locat|situat)ed (?:at|on|in) ", r"resid(?:e|es|ed|ing) (?:at|on|in) ", r"arrived at "),
    *(r"(?:sent|ship|shipped|deliver|delivered|mail|mailed) to ", r"meet (?:me|you|us) at "),
    *(r"(?:taxi|ride) to ", r"drops? (?:you|me|us) off at "),
)
_NUMBER: Final = r"[0-9]{1,6}[a-zA-Z]?\b"

_NOT_STREETS: Final = frozenset(
    """
    am and best days easy error even first free from great gb hours how january february march april may june july
    august september october november december kb key km long mb million minutes most months my new out people percent
    pm points questions reasons star steps the times tips top ways weeks what windows world worst years
    """.split()  # noqa: SIM905
)
_WORDS: Final = re.compile(r"[^\W\d_]+")


def _is_address(text: str) -> bool:
    """Whether no word behind the first number says that something else is counted."""
    return not text[0].isdigit() or not any(word.lower() in _NOT_STREETS for word in _WORDS.findall(text)[:2])


STREETS: Final = PersonalDetector(
    name="postal_address",
    option="postal_addresses",
    entity="POSTAL_ADDRESS",
    forms=(
        Form(
            "street_last",
            rf"(?<![\w.,$-])(?:[0-9]{{1,6}} )?{_NUMBER},? (?:(?-i:[NSEW]{{1,2}})\.? )?"
            rf"(?:(?:[0-9]{{1,3}}(?:st|nd|rd|th)|{_CAPS}) ){{1,4}}(?-i:{_STREETS})\b\.?{_TAIL}",
            0.6,
        ),
        Form(
            "one_word",
            rf"(?<!\w)(?:[0-9]{{2,6}} )?(?:{WORD} ){{0,1}}{CAPITAL}[\w-]{{2,24}}{_ONE_WORD} ?{_NUMBER}\.?{_TAIL}",
            0.6,
        ),
        Form(
            "two_words",
            rf"(?<!\w)(?:[0-9]{{2,6}} )?(?:{_CAPS} ){{1,3}}(?-i:{_TWO_WORDS}) ?{_NUMBER}\.?{_TAIL}",
            0.6,
        ),
        Form(
            "number_first",
            rf"(?<![\w.,$-])(?:[0-9]{{2,6}} )?{_NUMBER}(?: bis| ter)?,? {_ROMANCE} ?"
            rf"(?:{PARTICLES}|[dl]'){{0,3}}{_CAPS}(?: {PARTICLES}{{0,2}}{WORD}){{0,3}}{_TAIL}",
            0.6,
        ),
        Form(
            "number_last",
            rf"(?<!\w)(?:[0-9]{{2,6}} )?(?-i:{_CAPITAL_ROMANCE}) ?(?:{PARTICLES}|[dl]'){{0,3}}"
            rf"{CAPITAL}{CORE}{_REST}(?: {PARTICLES}{{0,2}}{WORD}){{0,3}},? (?:n\.? ?)?{_NUMBER}{_TAIL}",
            0.6,
        ),
        Form(
            "with_unit",
            rf"(?<![\w.,$-])[0-9]{{1,6}},?(?: [\w'.-]{{1,20}}){{1,6}}"
            rf"(?:{_LINE}|[ ,]{{1,3}})(?:apt|apartment|suite|ste|unit|flat)\b\.? ?#?[0-9]{{1,5}}[a-z]?\b"
            rf"(?: {_NAMES}(?= ?[.,;!?\n]|$| [a-z]))?"
            rf"(?:{_PLACE}|{_LINES})?",
            0.6,
        ),
        Form("unit", r"(?<!\w)apt(?:\. ?| )#?[0-9]{1,5}[a-z]?\b", 0.5),
        Form(
            "box",
            r"(?<!\w)(?:p\.? ?o\.? ?box|post office box|gpo box|postfach|postbus|casella postale"
            rf"|apartado(?: de correos)?|box postal) [0-9]{{1,6}}{_TAIL}",
            0.7,
        ),
        Form(
            "military",
            r"(?<!\w)(?:(?:psc|cmr|unit) [0-9]{1,5},? box [0-9]{1,5}|(?-i:USN?S) \w{2,20})[ ,\n]{1,3}(?:apo|fpo|dpo)"
            r"(?:,? (?-i:A[AEP]))?(?: [0-9]{5}(?:-[0-9]{4})?)?\b",
            0.8,
        ),
        Form(
            "city_and_code", rf"(?<!\w){WORD}(?: {WORD}){{0,2}},? (?-i:{_US_STATE}) [0-9]{{5}}(?:-[0-9]{{4}})?\b", 0.6
        ),
        Form(
            "corner",
            rf"(?<!\w)(?:at )?the corner of (?:[0-9]{{1,6}} )?{_CAPS}(?: {PARTICLES}{{0,2}}{_CAPS}){{0,3}}"
            rf"(?: [0-9]{{1,5}}\.?)? and (?:[0-9]{{1,6}} |ul\. )?{_CAPS}"
            rf"(?: {PARTICLES}{{0,2}}{_CAPS}){{0,3}}(?: [0-9]{{1,5}})?",
            0.6,
        ),
        Form(
            "announced",
            _ANNOUNCED + rf"[0-9]{{1,6}} {CORE}{PARTICLES}{{0,2}}{_CAPS}(?: {PARTICLES}{{0,2}}{_CAPS}){{0,3}}"
            rf"(?: [0-9]{{1,5}}\b\.?)?{_TAIL}",
            0.6,
        ),
        Form(
            "announced_name",
            _ANNOUNCED + rf"{CAPITAL}{CORE}{_REST}(?: {PARTICLES}{{0,2}}{_CAPS}){{0,3}} [0-9]{{1,5}}\b{_TAIL}",
            0.6,
        ),
    ),
    is_valid=_is_address,
    examples=(
        ("I live at 742 Evergreen Terrace, Springfield, OR 97477, USA", "742 Evergreen Terrace, Springfield, OR 97477"),
        ("to 1600 Pennsylvania Ave NW", "1600 Pennsylvania Ave"),
        ("at 221B Baker Street, London NW1 6XE.", "221B Baker Street, London NW1 6XE"),
        ("nach Hauptstra\u00dfe 12, 10115 Berlin.", "Hauptstra\u00dfe 12, 10115 Berlin"),
        ("in der Villacher Strasse 89", "Villacher Strasse 89"),
        ("au 12 bis rue de la Paix, 75002 Paris", "12 bis rue de la Paix, 75002 Paris"),
        ("en Calle de Alcal\u00e1 45, 28014 Madrid", "Calle de Alcal\u00e1 45, 28014 Madrid"),
        ("in Via Garibaldi 7, 20121 Milano", "Via Garibaldi 7, 20121 Milano"),
        ("op Prinsengracht 263, 1016 GV Amsterdam", "Prinsengracht 263, 1016 GV Amsterdam"),
        ("at 111 Wellington St, Ottawa, ON K1A 0A9", "111 Wellington St, Ottawa, ON K1A 0A9"),
        ("to 5 Martin Place, Sydney NSW 2000", "5 Martin Place, Sydney NSW 2000"),
        ("write to P.O. Box 1234, Austin, TX 78701", "P.O. Box 1234, Austin, TX 78701"),
        ("PSC 1437, Box 3833\nAPO AA 66791", "PSC 1437, Box 3833\nAPO AA 66791"),
        ("to 51709 Spinatsch 94 Apt. 615", "51709 Spinatsch 94 Apt. 615"),
        ("the corner of Elm Street and Oak Avenue", "the corner of Elm Street and Oak Avenue"),
        ("He lives at 86036 Arenque 1634", "86036 Arenque 1634"),
        ("She lives on Joaquin Suarez 2906", "Joaquin Suarez 2906"),
    ),
    counterexamples=(
        "10 Best Way to cook",
        "the year 2024 New Street",
        "Spring 2024",
        "via email 3 times",
        "Strategie 12",
        "a 5 star drive",
        "sent to 1234 people",
        "in 12 weeks",
        "I moved to Python 3",
    ),
)

_AREAS: Final = frozenset(
    """
    AB AL B BA BB BD BH BL BN BR BS BT CA CB CF CH CM CO CR CT CV CW DA DD DE DG DH DL DN DT DY E EC EH EN EX FK FY G GL
    GU GY HA HD HG HP HR HS HU HX IG IM IP IV JE KA KT KW KY L LA LD LE LL LN LS LU M ME MK ML N NE NG NN NP NR NW OL OX
    PA PE PH PL PO PR RG RH RM S SA SE SG SK SL SM SN SO SP SR SS ST SW SY TA TD TF TN TQ TR TS TW UB W WA WC WD WF WN
    WR WS WV YO ZE
    """.split()  # noqa: SIM905
)
_AREA: Final = re.compile(r"[A-Z]{1,2}(?=[0-9])")


def _is_code(text: str) -> bool:
    """Whether a post code is one: British ones begin with one of the areas."""
    if text[0].isdigit():
        return True
    area = _AREA.match(text)
    return re.match(_CANADIAN, text) is not None or (area is not None and area[0] in _AREAS)


CODES: Final = PersonalDetector(
    name="post_code",
    option="postal_addresses",
    entity="POSTAL_ADDRESS",
    forms=(
        Form(
            "labelled",
            behind(r"(?:zip|zip ?code|post ?code|postal code|plz|code postal|c\wdigo postal)(?: is|:|\":)?\s{1,3}\"?")
            + r"(?:[0-9]{4,5}(?:-[0-9]{3,4})?|[0-9]{3} [0-9]{2})(?![\w-])",
            0.7,
        ),
        Form("british_or_canadian", rf"(?<![\w-])(?:{_UK_CODE}|{_CA_CODE})(?![\w-])", 0.5),
    ),
    is_valid=_is_code,
    examples=(
        ("my zip code is 35350", "35350"),
        ("ZIP: 3520", "3520"),
        ("near SW1A 1AA today", "SW1A 1AA"),
        ("in K1A 0B1", "K1A 0B1"),
    ),
    counterexamples=("zip 12 files", "QQ1 1AA", "code 12345"),
)

_NOT_PLACES: Final = frozenset(
    """
    a ai an god heaven hell i it january february march april may june july august september october november december
    """.split()  # noqa: SIM905
)


def _is_place(text: str) -> bool:
    return text[0].isupper() and not any(word.lower() in _NOT_PLACES for word in _WORDS.findall(text))


PLACES: Final = PersonalDetector(
    name="place_of_a_person",
    option="places",
    entity="LOCATION",
    forms=(
        Form(
            "lives",
            behind(
                r"(?:i|we|he|she|they|who|friend|family)(?: once| now| currently)? (?:live|reside)[sd]? in ",
                *(
                    r"(?:i'm|i am|we're|we are) (?:currently |now )?(?:living |based )?in ",
                    r"grew up in ",
                    r"originally from ",
                ),
                *(
                    r"(?:moved|relocated) (?:here |there )?(?:from|to) ",
                    r"was (?:born|raised) in ",
                    r"(?:i'm|i am|we're|we are) from ",
                ),
                r"(?:i|she|he|we|they) comes? from ",
            )
            + _FIRST_NAMES
            + rf"(?:, {_NAMES})?",
            0.5,
        ),
    ),
    is_valid=_is_place,
    examples=(
        ("I'm originally from Norway", "Norway"),
        ("my friend lives in Czech Republic.", "Czech Republic"),
        ("she grew up in Mill Village, Ohio", "Mill Village, Ohio"),
        ("We moved here from Kenosha", "Kenosha"),
    ),
    counterexamples=("fish live in water", "I live in hope", "I am in May", "Java is from Sun"),
)
