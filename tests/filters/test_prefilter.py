"""The prefilter promises a superset, its files are trusted only as far as they are what was written."""

from __future__ import annotations

import multiprocessing
import re
import stat
import sys
import time
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest
import regex
from presidio_analyzer.predefined_recognizers import EmailRecognizer, UsSsnRecognizer

from veilog_filters.config import Detect
from veilog_filters.detect import prefiltered
from veilog_filters.detect.api import Deadline, DetectorTimeout, TextItem, detect
from veilog_filters.detect.build import detector_for
from veilog_filters.detect.phone.finder import MinDigits, PhoneFinder
from veilog_filters.detect.prefilter import expressions, hyperscan, store
from veilog_filters.detect.prefilter.syntax import (
    AMBIGUOUS,
    DIGIT,
    FIRST_LETTER,
    OTHER,
    SPACE,
    Fold,
    fold,
    pattern_info,
)
from veilog_filters.detect.prefiltered import PrefilteredDetector
from veilog_filters.detect.presidio import verifier
from veilog_filters.detect.presidio.engine import PresidioDetector
from veilog_filters.detect.presidio.reference import ReferenceDetector

if not hyperscan.available():
    pytest.skip("Hyperscan is not there", allow_module_level=True)

FLAGS = int(regex.IGNORECASE | regex.MULTILINE | regex.DOTALL)
SMALL = Detect(entities=["EMAIL_ADDRESS"], secrets=False)
"""A configuration that compiles in no time."""
MAIL = "mail anna.berg@nordwind-ag.com"


STORED = store.Stored(hyperscan.Compiled(b"n", b"w", frozenset(), frozenset()), {})


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VEILOG_CACHE_DIR", str(tmp_path))
    return tmp_path


def scan(pattern: str, text: str, flags: int = FLAGS) -> set[int] | None:
    """Ends that the prefilter reports; None if it would run the pattern on the whole text."""
    expression = expressions.expression_of(pattern_info(pattern, flags), flags)
    hits = hyperscan.Prefilter(hyperscan.compile_all([expression]), 1)(text)
    if hits is not None and hits.whole:
        return None
    return set(hits.ends.get(0, [])) if hits else set()


@pytest.mark.slow
@pytest.mark.parametrize(
    "pattern", [r"\w", r"\d", r"\s", r"\W", r"\D", r"\S", r"[^\W\d]", r"[\D]", r"[^\S]", "[a-z]", "[^k]", "i"]
)
def test_every_character_is_seen_as_python_sees_it(pattern: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """All code points, surrogates too, that are not ambiguous: what the expressions say of them is what `regex` says."""
    monkeypatch.setattr(hyperscan, "MAX_HITS", sys.maxsize)
    text = every_character()
    # Exact, so that nothing is gained by luck: single characters leave no room for broader matches.
    assert scan(pattern, text) == {match.end() for match in regex.compile(pattern, FLAGS).finditer(text)}


@cache
def every_character() -> str:
    kinds = Fold()
    text = "".join(chr(code) for code in range(sys.maxunicode + 1) if code < 0x80 or kinds[code] != AMBIGUOUS)
    assert len(text) > 1_113_900
    return text


def test_characters_that_fold_to_ascii_are_ambiguous() -> None:
    assert [char for char in "\u017f\u212a\u0131\u0130" if fold(f"a{char}") is not None] == []
    folded = fold("é１\u2003😀\ud800\u0301É")
    assert folded is not None
    assert folded[1:5] == bytes([DIGIT, SPACE, OTHER, OTHER])
    assert folded[0] == folded[6] >= FIRST_LETTER
    assert folded[5] >= FIRST_LETTER


@pytest.mark.slow
def test_a_letter_in_both_cases_is_one_byte() -> None:
    """What `regex` takes for the same where case does not matter, over all letters that have a case."""
    kinds = Fold()
    for code in range(0x80, sys.maxunicode + 1):
        char = chr(code)
        others = {char.lower(), char.upper(), char.title(), char.casefold(), char.swapcase()}
        same = [
            other for other in others if len(other) == 1 and regex.match(regex.escape(char), other, regex.IGNORECASE)
        ]
        if kinds[code] != AMBIGUOUS:
            assert {kinds[ord(other)] for other in same} == {kinds[code]}, hex(code)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("игнорируй", "ИГНОРИРУЙ это"),
        ("précédentes", "les PRÉCÉDENTES"),
        ("önceki ta[lı]imat", "ÖNCEKİ TALIMAT önceki talimat"),
        ("忽略.{0,4}指令", "请忽略以上指令"),
        ("[а-я]{3} x", "Это X"),
        ("[^а-я]x", "жx éx"),
        ("[éè]t", "ÉT"),
        ("\u212a", "k am"),
        ("straſſe|ſ", "S"),
        ("σ", "ΟΔΟΣ ς"),
    ],
)
def test_a_pattern_of_foreign_letters_is_never_passed_by(pattern: str, text: str) -> None:
    flags = int(regex.IGNORECASE | regex.DOTALL)
    expression = expressions.expression_of(pattern_info(pattern, flags, foreign=True), flags)
    assert expression is not None
    hits = hyperscan.Prefilter(hyperscan.compile_all([expression]), 1)(text)
    found = {match.end() for match in regex.compile(pattern, flags).finditer(text)}
    assert found
    assert hits is not None
    assert hits.whole or found <= set(hits.ends.get(0, []))


@pytest.mark.parametrize("pattern", ["игнорируй", "précédentes"])
def test_a_pattern_of_foreign_letters_passes_by_other_texts_of_its_language(pattern: str) -> None:
    flags = int(regex.IGNORECASE | regex.DOTALL)
    expression = expressions.expression_of(pattern_info(pattern, flags, foreign=True), flags)
    prefilter = hyperscan.Prefilter(hyperscan.compile_all([expression]), 1)
    assert prefilter("Мы посмотрели погоду в Москве, и она была хорошей. Une journée très agréable à Orléans.") is None


@pytest.mark.parametrize(
    "pattern",
    [
        r"\p{Lu}\d",
        "(?:nordwind){e<=1}",
        "[[:alpha:]]",
        "straße",
        r"\x{41}",
        r"\u0041b",
        "a{,3}b",
        r"[a-z--[aeiou]]",
        r"(?V1)a",
        r"(?x)a b",
        r"\Ga",
        r"\ma",
        r"a\b+c",
        r"[\v]",
        r"\x80",
        r"(?|a|b)c",
        "a*",
    ],
)
def test_what_the_engines_may_read_differently_is_not_agreed(pattern: str) -> None:
    assert pattern_info(pattern, FLAGS) is None


def test_flags_beyond_the_usual_are_not_agreed() -> None:
    assert pattern_info("a b", FLAGS | int(regex.VERBOSE)) is None
    assert pattern_info("a b", FLAGS) is not None


@pytest.mark.parametrize(
    ("pattern", "most", "reach", "crosses"),
    [
        (r"\b\d{3}-\d{2}\b", 6, 1, False),
        (r"a(?=b{2}(?!c{3}))", 1, 6, False),
        (r"\w+@\w+", None, 1, False),
        (r"[^a]{2}", 2, 1, True),
        (r"a.b", 3, 1, True),
        (r"a(?=.*b)", 1, None, False),
        (r"(a|\S b)?\1c", 7, 1, True),
    ],
)
def test_bounds_are_read_from_the_pattern(pattern: str, most: int | None, reach: int | None, crosses: bool) -> None:
    shape = pattern_info(pattern, FLAGS)
    assert shape is not None
    assert (shape.max_chars, shape.reach_chars, shape.crosses_whitespace) == (most, reach, crosses)


def test_a_scan_with_too_many_hits_reports_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hyperscan, "MAX_HITS", 10)
    assert scan("a", "a" * 20) is None
    assert scan("a", "a" * 5) == {1, 2, 3, 4, 5}


def test_a_second_start_reads_what_the_first_wrote(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = PrefilteredDetector(SMALL)
    assert first.stored
    (file,) = directory.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    monkeypatch.setattr(prefiltered, "compile_all", None)
    second = PrefilteredDetector(SMALL)
    assert second.names == first.names
    assert detect(second, "nothing here") == []
    assert detect(second, MAIL) == detect(first, MAIL) != []


def test_a_configuration_has_its_own_file(directory: Path) -> None:
    PrefilteredDetector(SMALL)
    PrefilteredDetector(SMALL.model_copy(update={"threshold": 0.6}))
    assert len(list(directory.iterdir())) == 2


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[: len(data) // 2],
        lambda data: data[:-1],
        lambda data: data[:-1] + bytes([data[-1] ^ 1]),
        lambda data: data[:60] + bytes([data[60] ^ 1]) + data[61:],
        lambda data: b"something else" * 1000,
        lambda data: data + b"x",
    ],
)
def test_a_damaged_file_is_written_anew(damage: object, directory: Path) -> None:
    PrefilteredDetector(SMALL)
    (file,) = directory.iterdir()
    good = file.read_bytes()
    file.write_bytes(damage(good))  # type: ignore[operator]
    assert detect(PrefilteredDetector(SMALL), MAIL) != []
    assert [path.name for path in directory.iterdir()] == [file.name]
    assert store.load(directory, file.stem) is not None


def test_a_file_under_another_name_is_not_believed(directory: Path) -> None:
    PrefilteredDetector(SMALL)
    (file,) = directory.iterdir()
    file.rename(directory / ("0" * 32 + ".hsdb"))
    assert store.load(directory, "0" * 32) is None


def test_a_database_of_another_hyperscan_is_compiled_anew(directory: Path) -> None:
    """The checksum is right, but Hyperscan refuses what is in the file."""
    PrefilteredDetector(SMALL)
    (file,) = directory.iterdir()
    stored = store.load(directory, file.stem)
    assert stored is not None
    broken = hyperscan.Compiled(b"\0" * 64, b"\0" * 64, frozenset(), frozenset())
    assert store.store(directory, file.stem, store.Stored(broken, stored.manifest))
    assert detect(PrefilteredDetector(SMALL), MAIL) != []


def test_without_a_writable_directory_it_works_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    occupied = tmp_path / "file"
    occupied.write_text("")
    monkeypatch.setenv("VEILOG_CACHE_DIR", str(occupied / "below"))
    detector = PrefilteredDetector(SMALL)
    assert not detector.stored
    assert detect(detector, MAIL) != []


def test_several_writers_at_once_leave_one_good_file(directory: Path) -> None:
    stored = store.Stored(hyperscan.Compiled(b"n" * 500_000, b"w" * 500_000, frozenset((1,)), frozenset()), {"a": 1})
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=store.store, args=(directory, "key", stored)) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [path.name for path in directory.iterdir()] == ["key.hsdb"]
    assert store.load(directory, "key") == stored


def test_the_directory_comes_from_the_environment_then_the_option_then_the_user(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("VEILOG_CACHE_DIR", "/a")
    assert store.cache_dir("/b") == Path("/a")
    monkeypatch.delenv("VEILOG_CACHE_DIR")
    assert store.cache_dir("/b") == Path("/b")
    monkeypatch.setenv("XDG_CACHE_HOME", "/c")
    assert store.cache_dir("") == Path("/c/veilog")


def test_a_user_without_a_home_has_no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home(path: str) -> str:
        return path

    for name in ("VEILOG_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.path.expanduser", no_home)
    assert not store.store(store.cache_dir(""), "key", STORED)
    assert store.load(store.cache_dir(""), "key") is None


def test_without_hyperscan_presidio_s_engine_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    with_hyperscan = detector_for(SMALL)
    monkeypatch.setattr(hyperscan, "hyperscan", None)
    without = detector_for(SMALL)
    assert isinstance(without, ReferenceDetector)
    assert detect(without, MAIL) == detect(with_hyperscan, MAIL) != []
    assert without.names == with_hyperscan.names


def test_a_new_presidio_of_the_same_version_is_noticed(directory: Path) -> None:
    PrefilteredDetector(SMALL)
    (file,) = directory.iterdir()
    stored = store.load(directory, file.stem)
    assert stored is not None
    store.store(directory, file.stem, store.Stored(stored.compiled, stored.manifest | {"digest": "old"}))
    detector = PrefilteredDetector(SMALL)
    assert detect(detector, MAIL) != []
    assert detector._digest != "old"


def test_what_an_old_file_has_scanned_is_scanned_anew(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its expressions have other numbers: nothing may be verified by them, and nothing be remembered."""
    options = Detect(entities=["EMAIL_ADDRESS", "US_SSN", "IP_ADDRESS"], secrets=False)
    texts = [MAIL, "ssn 536-90-4399 social security", "from 192.168.17.4", MAIL * 2, f"{MAIL} {'x' * 3000}"]
    with monkeypatch.context() as patch:
        patch.setattr(UsSsnRecognizer, "PATTERNS", UsSsnRecognizer.PATTERNS[:1])
        PrefilteredDetector(options)
    detector, reference = PrefilteredDetector(options), PresidioDetector(options)
    found = detector.verify(detector.scan([TextItem(text) for text in texts]))
    assert found == [detect(detector, text) for text in texts] == [reference(text) for text in texts]
    assert all(found)


def test_a_text_s_time_is_spent_on_it_alone_and_on_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def late(function: Any, seconds: float) -> Any:
        def wait(*arguments: Any) -> Any:
            until = time.thread_time() + seconds
            while time.thread_time() < until:
                pass
            return function(*arguments)

        return wait

    monkeypatch.setattr(verifier._Pattern, "prepare", late(verifier._Pattern.prepare, 0.5))
    detector = PrefilteredDetector(SMALL.model_copy(update={"timeout_secs": 0.4}))
    assert detect(detector, MAIL) != [], "compiling is not the text's time"
    monkeypatch.setattr(EmailRecognizer, "validate_result", late(EmailRecognizer.validate_result, 0.05))
    assert detect(detector, MAIL + ".") != []
    with pytest.raises(DetectorTimeout):
        detect(detector, " ".join(f"{number}-{MAIL}" for number in range(100)))


def test_the_name_of_a_file_depends_on_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    before = prefiltered._key(SMALL)
    monkeypatch.setattr(prefiltered, "__version__", "0.0.0")
    assert prefiltered._key(SMALL) != before
    assert re.fullmatch("[0-9a-f]{32}", before)


PROBE = """
import sys
from veilog_filters import cli
from veilog_filters.pipeline import Pipeline
from veilog_filters.config import Config
from veilog_parsers.record.raw import RawRecord
import orjson
pipeline = Pipeline(Config())
for line in sys.stdin.buffer.read().splitlines():
    (event,) = pipeline(RawRecord(orjson.loads(line), line))
    print(sorted({"presidio_analyzer", "spacy", "tldextract", "phonenumbers"} & sys.modules.keys()), event["kind"])
"""


@pytest.mark.slow
def test_clean_records_import_no_presidio() -> None:
    """With warm caches, Presidio is imported for the first text in which something could match, and not before."""
    import subprocess

    PrefilteredDetector(Detect())
    record = {"request": {"messages": [{"role": "user", "content": "How does a heat pump work?"}]}, "response": {}}
    dirty = {"request": {"messages": [{"role": "user", "content": MAIL}]}, "response": {}}
    lines = b"\n".join(orjson.dumps(line | {"path": "/v1/chat/completions"}) for line in (record, dirty))
    done = subprocess.run([sys.executable, "-c", PROBE], input=lines, capture_output=True, check=True, timeout=120)
    clean, found = done.stdout.decode().splitlines()
    assert clean == "[] ai_access"
    assert "presidio_analyzer" in found


def test_a_text_that_takes_too_long_is_an_alarm() -> None:
    slow = {"name": "slow", "entity": "SLOW", "patterns": [{"regex": "(a|aa)+$b|!", "score": 0.9}]}
    options = Detect.model_validate({"recognizers": [slow], "entities": ["SLOW"], "timeout_secs": 0.05})
    detector = PrefilteredDetector(options)
    assert detect(detector, "wait!") != []
    with pytest.raises(DetectorTimeout):
        detect(detector, "a" * 3000 + "!")


def test_phone_numbers_in_many_digits_are_bounded_in_time() -> None:
    finder = PhoneFinder(("US", "DE"), MinDigits(5, ()))
    with pytest.raises(DetectorTimeout):
        finder("call 212 555 0182", Deadline(-1))


@pytest.mark.parametrize(
    ("pattern", "sought"),
    [
        ("ab?", "a"),
        ("a(b|c){0,3}d?", "a"),
        ("ab??", "a"),
        ("a{2,3}", "a{2,3}"),
        ("a+?", "a+?"),
        ("a[?]", "a[?]"),
        (r"a\?", r"a\?"),
        (r"a(b|c){0,3}\b", r"a(b|c){0,3}\b"),
        ("a|bc?", "a|bc?"),
        ("a(?:)bc", "a"),
        ("(a(?:)b)c", "(a(?:)b)c"),
        ("(?<=my )[a-z]", "(?:my )[a-z]"),
        ("a(?<=my )[a-z]", "a(?<=my )[a-z]"),
        ("[a-z](?= at)", "[a-z](?: at)"),
        ("[a-z](?! at)", "[a-z](?! at)"),
    ],
)
def test_no_more_is_sought_than_every_match_has(pattern: str, sought: str) -> None:
    info = pattern_info(pattern, 0)
    assert info is not None
    assert info.ascii == sought


def test_a_look_ahead_that_is_sought_widens_the_windows() -> None:
    plain, ahead = pattern_info("[a-z]{1,5}", 0), pattern_info("[a-z]{1,5}(?= at)", 0)
    assert plain is not None
    assert ahead is not None
    assert plain.ahead_chars == 0
    assert ahead.ahead_chars >= len(" at")
