"""What a worker does before it takes a record: the self-test of a new pipeline."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from samples import KEY_FILE, config_with
from veilog_filters.errors import ConfigError
from veilog_filters.pipeline import Pipeline
from veilog_filters.transports.process import build, self_test
from veilog_parsers.registry import SOURCES


@pytest.mark.parametrize("sections", [{"policy": {"content": "redacted"}}, {"policy": {"unrecognized": "drop"}}, {}])
def test_a_pipeline_that_finds_nothing_is_refused_where_text_is_kept(sections: dict[str, dict[str, str]]) -> None:
    config = config_with(**sections)
    blind = Pipeline(config, detector=lambda text: [])
    if sections.get("policy", {}).get("content") == "redacted":
        with pytest.raises(ConfigError, match="a canary got through"):
            self_test(blind, config, "c.yaml")
    else:
        self_test(blind, config, "c.yaml")  # neither prompt nor what no parser took leaves here


def test_a_pipeline_that_fails_is_refused() -> None:
    def fail(text: str) -> list[object]:
        raise RuntimeError(text)

    config = config_with()
    with pytest.raises(ConfigError, match="went to quarantine"):
        self_test(Pipeline(config, detector=fail), config, "c.yaml")  # type: ignore[arg-type]


@pytest.mark.parametrize("source", ["auto", *(source.name for source in SOURCES)])
def test_every_source_and_policy_passes_with_presidio(source: str, tmp_path: Path) -> None:
    for entities in ([], ["CREDIT_CARD"], ["US_SSN"]):
        path = tmp_path / "c.yaml"
        policy = {"content": "redacted", "unmapped": "redact", "unrecognized": "quarantine"}
        detect = {"entities": entities}
        document = {"hash_key": {"file": str(KEY_FILE)}, "source": source, "policy": policy, "detect": detect}
        path.write_text(yaml.safe_dump(document))
        config, pipeline, digest = build(str(path))
        assert config.source == source
        assert pipeline.counts.received == 0
        assert len(digest) == 12
