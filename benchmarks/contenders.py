"""What is measured against each other, each run alone: ``python contenders.py NAME FILE`` prints one line of JSON.

A contender takes the lines of a file and says how long it took and what it found. It runs in a process of its own, so
that its peak memory is its own, under whatever interpreter its library is installed in: this file imports nothing but
the library that it is asked for. Reading the file, building what is built once, and the first records, for which some
of that is only built when it is needed, are outside the clock; everything else is in it.

* detection (``detect:*``): the texts of the records, and what was found in each.
* end to end (``filter:*``): JSON lines in, JSON lines out.
"""

from __future__ import annotations

import hashlib
import io
import json
import resource
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

WARM_UP = 100
"""Records at the beginning of a file that are not measured."""

Findings = list[tuple[int, int, str]]
Detect = Callable[[str], Findings]


def veilog_detector(cache: bool) -> Detect:
    """veilog's detector."""
    from veilog_filters.config import Detect as Options
    from veilog_filters.detect.api import detect
    from veilog_filters.detect.prefiltered import PrefilteredDetector

    detector = PrefilteredDetector(Options() if cache else Options(cache_entries=0))
    detector.prepare()
    return lambda text: [(f.start, f.end, f.entity) for f in detect(detector, text)]


def presidio_detector() -> Detect:
    """Presidio's engine as its users call it, with the recognizers that veilog has configured.

    Its own engines tokenize every text before they look for anything. So does this one; it has no model, and words
    stand for lemmas, which a blank pipeline does not have.
    """
    from veilog_filters.config import Detect as Options
    from veilog_filters.detect.presidio.engine import BlankNlpEngine, PresidioDetector

    class Eager(BlankNlpEngine):
        def process_text(self, text: str, language: str) -> Any:
            artifacts = super().process_text(text, language)
            assert artifacts.keywords is not None
            assert artifacts.tokens_indices is not None
            return artifacts

    options = Options()
    ours = PresidioDetector(options)
    ours.engine.nlp_engine = Eager()

    def detect(text: str) -> Findings:
        found = ours.engine.analyze(text, "en", entities=ours.entities, score_threshold=options.threshold)
        return sorted((r.start, r.end, r.entity_type) for r in found)

    return detect


def datafog_detector() -> Detect:
    """DataFog's patterns."""
    import datafog  # type: ignore[import-not-found]

    return lambda text: [(e.start, e.end, e.type) for e in datafog.scan(text, engine="regex").entities]


def presidio_rs_detector() -> Detect:
    """presidio-rs: a port of some of Presidio's recognizers to Rust."""
    import presidio_rs  # type: ignore[import-not-found]

    analyzer = presidio_rs.Analyzer()
    return lambda text: [(r["start"], r["end"], r["entity_type"]) for r in analyzer.analyze(text)]


def scrubadub_detector() -> Detect:
    """scrubadub's default detectors."""
    import scrubadub  # type: ignore[import-not-found]

    scrubber = scrubadub.Scrubber()
    return lambda text: [(f.beg, f.end, f.type) for f in scrubber.iter_filth(text)]


DETECTORS: dict[str, Callable[[], Detect]] = {
    "veilog": lambda: veilog_detector(cache=False),
    "veilog, cache on": lambda: veilog_detector(cache=True),
    "presidio": presidio_detector,
    "datafog": datafog_detector,
    "presidio-rs": presidio_rs_detector,
    "scrubadub": scrubadub_detector,
}


def texts_of(lines: Iterable[bytes]) -> list[str]:
    """The messages of gateway records, in order."""
    texts = []
    for line in lines:
        record = json.loads(line)
        texts += [message["content"] for message in record["request"]["messages"]]
        texts.append(record["response"]["choices"][0]["message"]["content"])
    return texts


def run_detector(name: str, lines: list[bytes]) -> dict[str, Any]:
    """Time a detector over all texts."""
    detect = DETECTORS[name]()
    for text in texts_of(lines[:WARM_UP]):
        detect(text)
    texts = texts_of(lines[WARM_UP:])
    start = time.perf_counter()
    found = [detect(text) for text in texts]
    seconds = time.perf_counter() - start
    digest = hashlib.sha256(repr(found).encode()).hexdigest()
    return {"seconds": seconds, "found": sum(map(len, found)), "digest": digest}


def veilog_filter(plain: bool) -> Callable[[bytes], bytes]:
    """What ``veilog filter`` does with bytes, with its own detector or with plain Presidio's."""
    from veilog_filters.config import Config
    from veilog_filters.detect.api import Finding, PerText
    from veilog_filters.framing import JsonLines, write_json
    from veilog_filters.pipeline import Pipeline
    from veilog_filters.transports.stdio import Filter

    options: dict[str, Any] = {"hash_key": {"ephemeral": True}, "detect": {"cache_entries": 0}}
    config = Config.model_validate(options)
    if plain:
        detect = presidio_detector()
        pipeline = Pipeline(config, detector=PerText(lambda text: [Finding(*span, 1.0) for span in detect(text)]))
    else:
        pipeline = Pipeline(config)
        pipeline.prepare()
    framer = JsonLines(pipeline.fingerprinter, "", config.limits.max_record_bytes)
    return Filter(pipeline, framer, write_json).feed


SIX_PATTERNS = r"""
. = redact(., filters: [
  r'[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}',
  r'\b(?:\d[ -]?){13,16}\b',
  r'\b\d{3}-\d{2}-\d{4}\b',
  r'\b(?:\d{1,3}\.){3}\d{1,3}\b',
  r'\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}\b',
  r'\b[A-Z]{2}\d{2}[A-Z0-9]{11,30}\b'
])
"""


def vector_filter() -> Callable[[bytes], bytes]:
    """Vector's remap language: JSON is parsed, ``redact`` runs six patterns without validation, JSON is encoded."""
    import orjson
    import vector_vrl  # type: ignore[import-not-found]

    def feed(data: bytes) -> bytes:
        events = vector_vrl.execute_vrl(SIX_PATTERNS, data.decode().splitlines())
        if "error" in events[0]:
            raise SystemExit(events[0]["error"])
        return b"\n".join(map(orjson.dumps, events))

    return feed


FILTERS: dict[str, Callable[[], Callable[[bytes], bytes]]] = {
    "veilog": lambda: veilog_filter(plain=False),
    "presidio": lambda: veilog_filter(plain=True),
    "vector": vector_filter,
}


def run_filter(name: str, lines: list[bytes]) -> dict[str, Any]:
    """Time a filter over all lines, in pieces as large as a read."""
    feed = FILTERS[name]()
    feed(b"".join(lines[:WARM_UP]))
    pieces = io.BytesIO(b"".join(lines[WARM_UP:]))
    start = time.perf_counter()
    while piece := b"".join(pieces.readlines(262_144)):
        feed(piece)
    return {"seconds": time.perf_counter() - start}


def main() -> None:
    """Run one contender."""
    kind, name, path = sys.argv[1:]
    lines = Path(path).read_bytes().splitlines(keepends=True)
    result = (run_detector if kind == "detect" else run_filter)(name, lines)
    peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps(result | {"peak_mb": peak_kb / 1024}))


if __name__ == "__main__":
    main()
