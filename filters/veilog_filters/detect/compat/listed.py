"""The list of what veilog uses of other libraries that they do not promise.

A *fingerprint* is a digest of a function's source, or of a pattern's or constant's value, as it was when somebody read
it and wrote veilog's part to match (see ``internals``). After an upgrade ``python -m veilog_filters.detect.compat``
shows what has another one. Then read what changed: ``uses`` says why it matters.

* ``called``: veilog calls or reads it,
* ``copied``: veilog does the same by other means, so what changed there must change here,
* ``replaced``: veilog puts something of its own in its place.

If veilog's part still does the same, or does it again, add the new fingerprint to the old.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Iterator
from typing import Final


class Part(enum.StrEnum):
    """What depends on an internal: a fast path, in whose place Presidio's engine can do the work, or a guard.

    Without one of the guards, ``TIMEOUT`` and ``OFFLINE``, veilog does not start.
    """

    TOKENIZER = "tokenizer"
    CONTEXT = "context"
    PHONE = "phone"
    PREFILTER = "prefilter"
    VERIFIER = "verifier"
    TIMEOUT = "timeout"
    OFFLINE = "offline"


FAST_PATHS: Final = tuple(part for part in Part if part not in (Part.TIMEOUT, Part.OFFLINE))


@dataclasses.dataclass(frozen=True, slots=True)
class Internal:
    """Something that a library does not promise.

    Attributes:
        library: the distribution that has it; ``python`` for the standard library.
        module: the module that has it, or the name of its Cython source.
        path: its name there, with dots; two leading underscores are mangled as in a class.
        part: what depends on it.
        uses: ``called``, ``copied`` or ``replaced``.
        fingerprints: those that veilog was written for; empty if a probe alone judges it.
    """

    library: str
    module: str
    path: str
    part: Part
    uses: str
    fingerprints: frozenset[str]

    def __str__(self) -> str:
        return f"{self.module}.{self.path}"


def _listed(library: str, module: str, part: Part, uses: str, known: dict[str, str]) -> Iterator[Internal]:
    for path, fingerprints in known.items():
        yield Internal(library, module, path, part, uses, frozenset(fingerprints.split()))


CYTHON: Final = ".pyx"
"""How the name of a Cython source ends, which stands for a module of which only the source can be read."""
PYTHON: Final = "python"
"""Stands for the distribution that the standard library is in."""
_MATCHER: Final = "phonenumbers.phonenumbermatcher"
_NUMBERS: Final = "phonenumbers.phonenumberutil"
_ENHANCER: Final = "presidio_analyzer.context_aware_enhancers.lemma_context_aware_enhancer"

TRIED: Final = {
    "presidio-analyzer": "2.2.366",
    "phonenumbers": "9.0.43",
    "regex": "2026.11.15",
    "spacy": "3.8.18",
    "tldextract": "5.4.0",
}
"""The versions that the tests run with. Fingerprints were taken from these, and from phonenumbers 8.13.30 to 9.0.42,
where other lines say the same."""

INTERNALS: Final[tuple[Internal, ...]] = (
    # Patterns of Presidio's and ours are read with it: how long a match can be, and what it can consume.
    *_listed(
        PYTHON,
        "re._parser",
        Part.PREFILTER,
        "called",
        {
            "parse": "",
            "SubPattern.getwidth": "",
        },
    ),
    *_listed(
        PYTHON,
        "re._constants",
        Part.PREFILTER,
        "called",
        {
            "MAXREPEAT": "",
            "ANY": "",
            "ASSERT": "",
            "ASSERT_NOT": "",
            "AT": "",
            "ATOMIC_GROUP": "",
            "BRANCH": "",
            "CATEGORY": "",
            "GROUPREF": "",
            "GROUPREF_EXISTS": "",
            "IN": "",
            "LITERAL": "",
            "MAX_REPEAT": "",
            "MIN_REPEAT": "",
            "NEGATE": "",
            "NOT_LITERAL": "",
            "POSSESSIVE_REPEAT": "",
            "RANGE": "",
            "SUBPATTERN": "",
            "CATEGORY_DIGIT": "",
            "CATEGORY_SPACE": "",
            "CATEGORY_WORD": "",
            "CATEGORY_NOT_SPACE": "",
            "CATEGORY_NOT_DIGIT": "",
            "CATEGORY_NOT_WORD": "",
        },
    ),
    *_listed(
        "phonenumbers",
        _MATCHER,
        Part.PHONE,
        "called",
        {
            "_PATTERN": "0236771d9e2eb47d",
            "_PUNCTUATION": "f80ccdfe59c527a6",
            "_INNER_MATCHES": "22137c556f8c3cd2",
            "_SLASH_SEPARATED_DATES": "b51c658defca7722",
            "_TIME_STAMPS": "8adb275dc2d1f5c1",
            "_TIME_STAMPS_SUFFIX": "0965a6db952edf5d",
            "_PUB_PAGES": "33b643799d0af17e",
            "_MATCHING_BRACKETS": "5070f94b9151ab96",
            "PhoneNumberMatcher._is_latin_letter": "e14250748dace39c",
            "PhoneNumberMatcher._is_invalid_punctuation_symbol": "5b4e0d071f8ba95c",
            "PhoneNumberMatcher._parse_and_verify": "e60fc91587d0a461",
        },
    ),
    *_listed(
        "phonenumbers",
        _MATCHER,
        Part.PHONE,
        "copied",
        {
            "PhoneNumberMatcher.__init__": "3002f4d038464178 a0c8a24043840d8f",
            "PhoneNumberMatcher.__iter__": "a9ee8c91342a9cb9",
            "PhoneNumberMatcher.has_next": "e8efa8faaeecb220",
            "PhoneNumberMatcher.next": "9adbaa39f47adc77",
            "PhoneNumberMatcher._find": "b86415af0ed4f090 8a512651b006b647",
            "PhoneNumberMatcher._trim_after_first_match": "30893ce9b52cba64",
            "PhoneNumberMatcher._extract_match": "ec2e69cd8e134c7a",
            "PhoneNumberMatcher._extract_inner_match": "e51f0e35048957f7",
            "_verify": "3fc8f81a5e0c46f0",
            "_contains_only_valid_x_chars": "25a4c8d0216f8f6d",
            "_is_national_prefix_present_if_required": "2bbaa1a769482820",
        },
    ),
    *_listed(
        "phonenumbers",
        _NUMBERS,
        Part.PHONE,
        "called",
        {
            "_MIN_LENGTH_FOR_NSN": "d4735e3a265e16ee",
            "_MAX_LENGTH_FOR_NSN": "4523540f1504cd17",
            "_MAX_LENGTH_COUNTRY_CODE": "4e07408562bedb8b",
            "_UNWANTED_END_CHAR_PATTERN": "12f80626ef6d0630",
            "_SECOND_NUMBER_START_PATTERN": "3002fe681dfcaad8",
            "_formatting_rule_has_first_group_only": "d8b3f41567ce053e",
        },
    ),
    *_listed(
        "phonenumbers",
        _NUMBERS,
        Part.PHONE,
        "copied",
        {
            "parse": "2c8bd80d1b8ca13c",
            "_build_national_number_for_parsing": "49cffc74c7d6e413",
            "_is_viable_phone_number": "09fe5cdff744580e",
            "_maybe_strip_extension": "68cfb1b8071d3205",
            "_maybe_extract_country_code": "ea8052dc1570a640",
            "_extract_country_code": "69859ea506617c35",
            "_maybe_strip_i18n_prefix_and_normalize": "01dc32bbe9e88dee 872ff022298f8be3",
            "_parse_prefix_as_idd": "c07331b341605495",
            "_maybe_strip_national_prefix_carrier_code": "3ff9530728811cf4 97e21034e61ed6d2",
            "_test_number_length": "d18f0f9008e41ddb",
            "is_valid_number": "a25c30e2c900f2ee",
            "is_valid_number_for_region": "ccb305a8beeccb2e",
            "region_code_for_number": "17386b8eb9628a0d",
            "_region_code_for_number_from_list": "a900b8c8b9c96b3f 7f43b28ef260504b",
            "_number_type_helper": "a33c93bab86ff8b1",
            "_is_number_matching_desc": "81ae46866fbdbc1b",
            "_choose_formatting_pattern_for_number": "e2107e990fba49f0 bd076fc699f587e7",
            "_match_national_number": "d566cb6fa7a81f39 626f6fe8a3118993",
            "_match": "2a9407a28529b8af",
        },
    ),
    *_listed(
        "spacy",
        "spacy/tokenizer.pyx",
        Part.TOKENIZER,
        "copied",
        {
            "_tokenize_affixes": "3511bd9810499ca6",
            "_tokenize": "cf9fce54c296a29d",
            "_split_affixes": "697f350431088b82",
            "_attach_tokens": "442c59acb3feaae1",
            "_apply_special_cases": "a487d7d846bf7b7b",
            "find_infix": "b7516ce633422d6c",
        },
    ),
    *_listed(
        "spacy",
        "spacy.lang.lex_attrs",
        Part.TOKENIZER,
        "called",
        {"is_punct": "b8f176f243d9d9c2"},
    ),
    *_listed(
        "spacy",
        "spacy.lang.lex_attrs",
        Part.TOKENIZER,
        "copied",
        {"is_stop": "890d7515d465501b"},
    ),
    *_listed(
        "presidio-analyzer",
        _ENHANCER,
        Part.CONTEXT,
        "called",
        {"LemmaContextAwareEnhancer._find_supportive_word_in_context": "5330096a90b011a6"},
    ),
    *_listed(
        "presidio-analyzer",
        _ENHANCER,
        Part.CONTEXT,
        "copied",
        {
            "LemmaContextAwareEnhancer.enhance_using_context": "79909ee11c2417e8",
            "LemmaContextAwareEnhancer._find_index_of_match_token": "e60b4f8dd98eecdc",
            "LemmaContextAwareEnhancer._add_n_words": "91c79fdc06918308",
            "LemmaContextAwareEnhancer._add_n_words_backward": "e6ca0fcd92133365",
            "LemmaContextAwareEnhancer._add_n_words_forward": "202d73727bce3a4a",
        },
    ),
    *_listed(
        "presidio-analyzer",
        _ENHANCER,
        Part.CONTEXT,
        "replaced",
        {"LemmaContextAwareEnhancer._extract_surrounding_words": "cc5b3770e2ca0a96"},
    ),
    *_listed(
        "presidio-analyzer",
        "presidio_analyzer.nlp_engine.nlp_artifacts",
        Part.CONTEXT,
        "copied",
        {"NlpArtifacts.set_keywords": "80418a447704d2d9"},
    ),
    *_listed(
        "presidio-analyzer",
        "presidio_analyzer.entity_recognizer",
        Part.CONTEXT,
        "copied",
        {"EntityRecognizer.enhance_using_context": "e5b71bcd8b9a8fe4"},
    ),
    *_listed(
        "presidio-analyzer",
        "presidio_analyzer.entity_recognizer",
        Part.VERIFIER,
        "copied",
        {"EntityRecognizer.remove_duplicates": "1bf1b91ad9921433"},
    ),
    *_listed(
        "presidio-analyzer",
        "presidio_analyzer.pattern_recognizer",
        Part.VERIFIER,
        "copied",
        {
            "PatternRecognizer.analyze": "ce468819be85a57f",
            "PatternRecognizer.__analyze_patterns": "9ac63df1e847fe52",
        },
    ),
    *_listed(
        "presidio-analyzer",
        "presidio_analyzer.predefined_recognizers.generic.iban_recognizer",
        Part.VERIFIER,
        "copied",
        {
            "IbanRecognizer.analyze": "9cd356e9fb91c534",
            "IbanRecognizer.__analyze_patterns": "674dc29b8469cde4",
        },
    ),
    *_listed(
        "presidio-analyzer",
        "presidio_analyzer.predefined_recognizers.generic.phone_recognizer",
        Part.VERIFIER,
        "copied",
        {
            "PhoneRecognizer.analyze": "1023b6e0d9cb79db",
            "PhoneRecognizer._get_recognizer_result": "b58199234bc94fd5",
        },
    ),
    *_listed(
        "presidio-analyzer",
        "presidio_analyzer.recognizer_result",
        Part.VERIFIER,
        "copied",
        {
            "RecognizerResult.contained_in": "6368ca54c8e31780",
            "RecognizerResult.__eq__": "e621a33653d71a57",
            "RecognizerResult.__hash__": "7a2bb5406d3a2cfd",
        },
    ),
    *_listed(
        "presidio-analyzer",
        "presidio_analyzer.analyzer_engine",
        Part.VERIFIER,
        "copied",
        {
            "AnalyzerEngine.analyze": "60afdb2861fb4b77",
            "AnalyzerEngine._enhance_using_context": "a4768b4bfb688d1e",
            "AnalyzerEngine.__remove_low_scores": "c80d2cb8f0cbc3c9",
        },
    ),
    # Guards: ``guards`` replaces these, and tries each by a real timeout or by looking who is asked.
    *_listed(
        "presidio-analyzer",
        "presidio_analyzer.pattern_recognizer",
        Part.TIMEOUT,
        "replaced",
        {"re": ""},
    ),
    *_listed(
        "presidio-analyzer",
        "presidio_analyzer.predefined_recognizers.generic.iban_recognizer",
        Part.TIMEOUT,
        "replaced",
        {"re": ""},
    ),
    *_listed(
        "presidio-analyzer",
        "presidio_analyzer.predefined_recognizers.generic.phone_recognizer",
        Part.TIMEOUT,
        "replaced",
        {"phonenumbers": ""},
    ),
    *_listed(
        "tldextract",
        "tldextract.tldextract",
        Part.OFFLINE,
        "replaced",
        {"TLD_EXTRACTOR": ""},
    ),
)
