"""The Presidio adapter: its own results, offline, bounded in time and memory."""

from __future__ import annotations

import logging

import pytest
from presidio_analyzer import AnalyzerEngine, PatternRecognizer
from presidio_analyzer.predefined_recognizers import PhoneRecognizer

from veilog_filters.config import CustomRecognizer, Detect, Personal
from veilog_filters.detect.api import DetectorTimeout
from veilog_filters.detect.personal.choice import NOTHING
from veilog_filters.detect.personal.pack import PACK
from veilog_filters.detect.presidio.engine import BlankNlpEngine, PresidioDetector
from veilog_filters.detect.presidio.personal import personal_recognizers
from veilog_filters.detect.secrets import ADDRESSES, SECRETS, PatternDetector

DETECTORS = (*ADDRESSES, *SECRETS)


@pytest.mark.parametrize(
    ("text", "entity"),
    [
        ("mail anna.berg@nordwind-ag.com now", "EMAIL_ADDRESS"),
        ("card 4111 1111 1111 1111", "CREDIT_CARD"),
        ("IBAN DE89 3704 0044 0532 0130 00", "IBAN_CODE"),
        ("my social security number is 536-90-4399", "US_SSN"),
        ("call (212) 555-0182 today", "PHONE_NUMBER"),
        ("from 203.0.113.9", "IP_ADDRESS"),
        ("pay 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "CRYPTO"),
        ("see https://example.com/x", "URL"),
        ("NHS 401 023 2137", "UK_NHS"),
    ],
)
def test_presidio_s_recognizers_are_on(text: str, entity: str, presidio: PresidioDetector) -> None:
    assert entity in {finding.entity for finding in presidio(text)}


def test_results_are_those_of_presidio_itself() -> None:
    """The same recognizers in an engine that Presidio sets up, without any of the adapter's guards."""
    reference = AnalyzerEngine(nlp_engine=BlankNlpEngine(), supported_languages=["en"])
    recognizers = [r for r in reference.registry.recognizers if isinstance(r, PatternRecognizer | PhoneRecognizer)]
    reference.registry.recognizers = recognizers
    entities = sorted({entity for recognizer in recognizers for entity in recognizer.supported_entities})
    ours = PresidioDetector(Detect(secrets=False, personal=NOTHING, entities=entities, threshold=0.2))
    texts = [
        "Mail anna.berg@nordwind-ag.com or call +1 212 555 0182, card 4111-1111-1111-1111, SSN 536-90-4399.",
        "My passport is C01X00T47 and my driver license H12234567; the server is at 10.0.0.1 since 2024-05-01.",
        "Account 8675309000 at the bank, routing 021000021. Nothing else.",
        "",
        "nothing",
    ]
    for text in texts:
        expected = reference.analyze(text, language="en", entities=entities, score_threshold=0.2)
        found = [finding for finding in ours(text) if finding.entity != "EMAIL_ADDRESS" or finding.score != 0.5]
        assert found == sorted((r.start, r.end, r.entity_type, r.score) for r in expected)


def test_results_with_the_pack_are_those_of_presidio_with_the_pack() -> None:
    reference = AnalyzerEngine(nlp_engine=BlankNlpEngine(), supported_languages=["en"])
    reference.registry.recognizers = [
        r for r in reference.registry.recognizers if isinstance(r, PatternRecognizer | PhoneRecognizer)
    ]
    for recognizer in personal_recognizers(Personal()):
        reference.registry.add_recognizer(recognizer)
    entities = sorted({entity for r in reference.registry.recognizers for entity in r.supported_entities})
    ours = PresidioDetector(Detect(secrets=False, entities=entities, threshold=0.2))
    for text in [text for detector in PACK for text in (*dict(detector.examples), *detector.counterexamples)]:
        expected = reference.analyze(text, language="en", entities=entities, score_threshold=0.2)
        found = [finding for finding in ours(text) if finding.entity != "EMAIL_ADDRESS" or finding.score != 0.5]
        assert found == sorted((r.start, r.end, r.entity_type, r.score) for r in expected)


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda detector: detector.name)
def test_detectors_find_their_examples_and_not_their_counterexamples(
    detector: PatternDetector, presidio: PresidioDetector
) -> None:
    for text in detector.examples:
        assert detector.entity in {finding.entity for finding in presidio(text)}, text
    for text in detector.counterexamples:
        assert detector.entity not in {finding.entity for finding in presidio(text)}, text


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda detector: detector.name)
def test_an_underscore_is_an_edge_on_both_sides(detector: PatternDetector, presidio: PresidioDetector) -> None:
    for example in detector.examples:
        text = f"x_{example.split(' ')[-1] if example.startswith(('key ', 'use ', 'ask ')) else example}_y"
        assert detector.entity in {finding.entity for finding in presidio(text)}, text


CUT = {
    "AWS_ACCESS_KEY": "AKIA" + "IOSFODNN7EXA",
    "OPENAI_API_KEY": "sk-" + "proj-Ab3dEf6hIj9l",
    "ANTHROPIC_API_KEY": "sk-ant-" + "api03-Ab3dEf",
    "GOOGLE_API_KEY": "AIza" + "SyD-9tSrke72",
    "GITHUB_TOKEN": "ghp_" + "16C7e42F292c",
    "GITLAB_TOKEN": "glpat-" + "AbCdEfGh1234",
    "SLACK_TOKEN": "xoxb-" + "123456789012",
    "STRIPE_KEY": "sk_" + "live_51HAbCdEfGhI",
    "HUGGINGFACE_TOKEN": "hf_" + "AbCdEfGhIjKl",
    "NPM_TOKEN": "npm_" + "AbCdEfGhIjKl",
    "SENDGRID_KEY": "SG." + "AbCdEfGhIj12",
    "DATABRICKS_TOKEN": "dapi" + "0123456789ab",
    "JWT": "eyJ" + "hbGciOiJIUzI1NiJ9.eyJ" + "zdWIiOiIxMjM0",
    "AI_PROVIDER_KEY": "gsk_" + "AbCdEfGhIjKl",
    "CLOUD_KEY": "LTAI" + "AbCdEfGhIjKl",
    "MONITORING_KEY": "NRAK-" + "ABCDEFGHIJ12",
    "PACKAGE_REGISTRY_TOKEN": "rubygems_" + "0123456789ab",
    "PAYMENT_KEY": "shpat_" + "0123456789ab",
    "SECRET_STORE_KEY": "hvs." + "AbCdEfGh1234",
    "SERVICE_TOKEN": "figd_" + "AbCdEfGh1234",
}


@pytest.mark.parametrize("entity", CUT)
def test_the_beginning_of_a_key_is_one(entity: str, presidio: PresidioDetector) -> None:
    for text in (CUT[entity], f"it is {CUT[entity]}...", f"prod_{CUT[entity]}_eu", f"a/{CUT[entity]}/b"):
        assert entity in {finding.entity for finding in presidio(text)}, text
    assert entity not in {finding.entity for finding in presidio(f"x{CUT[entity]}")}


@pytest.mark.parametrize(
    "text",
    [
        *("sk-learn-models", "npm_config_registry", "hf_hub_download", "ghp_actions_runner", "asia-southeast1"),
        *("xai-grok-3-mini", "pplx-7b-chat", "glpat-documentation", "SG.something", "ASIAPACIFICREGION", "figd_file"),
        *("pul-requests-are-open", "a sig=1 in the query", "dapi.internal.example", "sk_test_", "sig=hello"),
    ],
)
def test_what_begins_like_a_key_and_is_a_name_is_none(text: str, presidio: PresidioDetector) -> None:
    entities = {detector.entity for detector in SECRETS}
    assert not entities & {finding.entity for finding in presidio(text)}


def test_the_whole_address_in_a_url_is_found(presidio: PresidioDetector) -> None:
    text = "/orders?mail=ines.duarte%40lusa-tours.pt&n=1"
    found = [finding for finding in presidio(text) if finding.entity == "EMAIL_ADDRESS"]
    assert [text[finding.start : finding.end] for finding in found] == ["ines.duarte%40lusa-tours.pt"]


def test_secrets_can_be_switched_off() -> None:
    detector = PresidioDetector(Detect(secrets=False))
    assert not [f for f in detector(SECRETS[0].examples[0]) if f.entity == SECRETS[0].entity]
    assert "veilog-secrets/2" not in detector.names


def test_entities_and_threshold_select() -> None:
    detector = PresidioDetector(Detect(entities=["EMAIL_ADDRESS"], threshold=0.9))
    assert {f.entity for f in detector("a.b@example.com 203.0.113.9")} == {"EMAIL_ADDRESS"}


def test_context_words_raise_scores(presidio: PresidioDetector) -> None:
    def score(text: str) -> float:
        return max((f.score for f in presidio(text) if f.entity == "US_BANK_NUMBER"), default=0)

    assert score("bank account 8675309000") > score("order 8675309000")


def test_a_pattern_that_takes_too_long_is_an_alarm() -> None:
    slow = CustomRecognizer.model_validate(
        {"name": "slow", "entity": "SLOW", "patterns": [{"regex": "(a|aa)+$b", "score": 0.9}]}
    )
    with pytest.raises(DetectorTimeout):
        PresidioDetector(Detect(recognizers=[slow], timeout_secs=0.05))("a" * 3000 + "!")
    PresidioDetector(Detect())


def test_long_runs_of_punctuation_do_not_stall_the_tokenizer(presidio: PresidioDetector) -> None:
    text = "(" * 20_000 + " card 4111 1111 1111 1111"
    assert "CREDIT_CARD" in {finding.entity for finding in presidio(text)}


def test_presidio_logs_nothing(
    presidio: PresidioDetector, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG):
        presidio("mail anna.berg@nordwind-ag.com")
    printed = capfd.readouterr()
    assert "anna.berg" not in caplog.text + printed.out + printed.err


def test_the_vocabulary_does_not_grow_with_the_texts() -> None:
    detector = PresidioDetector(Detect())
    detector("warm up bank account 8675309000")
    before = len(detector.blank.nlp.vocab.strings)
    for number in range(50):
        detector(f"bank account 86753{number:05} word{number}x{number}")
    assert len(detector.blank.nlp.vocab.strings) - before < 10
