"""The project's own samples: what they are read with, and what leaves for each. Run it to rewrite the goldens.

A golden is everything that leaves for a sample under the widest policy: redacted content and unmapped fields are kept,
so that it shows what a parser did not consume and what redaction made of every text. Review goldens as a diff.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import yaml

from veilog_filters.config import Config
from veilog_filters.pipeline import Pipeline
from veilog_filters.prove.samples import sample_lines
from veilog_parsers.record.raw import RawRecord

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "parsers" / "samples"
KEY_FILE = ROOT / "tests" / "data" / "hash.key"


class Sample(NamedTuple):
    """One sample record."""

    source: str
    case: str
    line: bytes

    def record(self) -> RawRecord:
        """The record, decoded afresh: parsers consume what they are given."""
        return RawRecord(orjson.loads(self.line), self.line)

    @property
    def golden(self) -> Path:
        return SAMPLES / self.source / f"{self.case}.out.json"

    def __str__(self) -> str:
        return f"{self.source}/{self.case}"


def samples() -> Iterator[Sample]:
    """Every sample, in order."""
    for name, line in sample_lines():
        source, _, case = name.partition("/")
        yield Sample(source, case, line)


def config_with(**sections: Any) -> Config:
    """A configuration with the tests' key and the mapping of the ``mapped`` samples, and the given sections."""
    mapping = yaml.safe_load((SAMPLES / "mapped" / "mapping.yaml").read_text())
    return Config.model_validate({"hash_key": {"file": str(KEY_FILE)}, **mapping, **sections})


def golden_pipeline() -> Pipeline:
    """What goldens are made with. The low scan limit cuts the ``oversized`` samples."""
    return Pipeline(
        config_with(
            policy={"name": "golden", "content": "redacted", "unmapped": "redact", "unrecognized": "redact"},
            detect={"max_text_bytes": 4096},
        )
    )


def rendered(events: list[dict[str, Any]]) -> str:
    """Events as a golden holds them."""
    return json.dumps(events, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    pipeline = golden_pipeline()
    for sample in samples():
        sample.golden.write_text(rendered(pipeline(sample.record())), encoding="utf-8")
