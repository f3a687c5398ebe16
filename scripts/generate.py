"""Writes every file that is made from code; with ``--check`` says which of them are not current, and exits with 1.

``make generate`` runs it after a change of a source, a pattern, the schema or the configuration; ``make test`` checks.
Goldens are not made here: they are evidence, to be reviewed one by one (``make golden``).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import bench_history
import coverage_page
import detections
import detections_page
import elastic_content
import facts_page
import field_table
import fluent_bit_parsers
import picture
import reference_pages
import schema_page
import sentinel_template
import source_table
import splunk_app
import threat_page
from veilog_filters.config import Config
from veilog_filters.encode import native

ROOT: Final = Path(__file__).parents[1]
_SCHEMAS: Final = ROOT / "conf" / "schema"


def _as_json(document: Any) -> str:
    """A schema as ``veilog schema`` prints it."""
    return json.dumps(document, indent=2) + "\n"


GENERATED: Final[dict[Path, Callable[[], str]]] = {
    source_table.README: lambda: source_table.updated(source_table.README.read_text(encoding="utf-8")),
    source_table.PAGE: source_table.page,
    field_table.PAGE: field_table.page,
    facts_page.PAGE: facts_page.page,
    coverage_page.PAGE: coverage_page.page,
    schema_page.PAGE: schema_page.page,
    threat_page.PAGE: threat_page.page,
    picture.FILE: picture.svg,
    fluent_bit_parsers.FOLDER / "parsers.conf": fluent_bit_parsers.classic,
    fluent_bit_parsers.FOLDER / "parsers.yaml": fluent_bit_parsers.in_yaml,
    **reference_pages.PAGES,
    elastic_content.FOLDER / "index-template.json": elastic_content.template,
    elastic_content.FOLDER / "rules.ndjson": elastic_content.rules,
    **detections.generated(),
    detections_page.PAGE: detections_page.page,
    bench_history.PICTURE: bench_history.picture,
    splunk_app.VIEW: splunk_app.view,
    splunk_app.SEARCHES: splunk_app.saved_searches,
    sentinel_template.TEMPLATE: sentinel_template.template,
    _SCHEMAS / "native.json": lambda: _as_json(native.json_schema()),
    _SCHEMAS / "config.json": lambda: _as_json(Config.model_json_schema()),
}
"""Each generated file, and what it must hold."""


def stale() -> dict[Path, str]:
    """The generated files that are missing or differ, with what they must hold."""
    wanted = {path: make() for path, make in GENERATED.items()}
    return {
        path: text for path, text in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != text
    }


def main(arguments: list[str]) -> int:
    """Write what is stale, or with ``--check`` name it; the exit code."""
    check = "--check" in arguments
    found = stale()
    for path, text in found.items():
        print(f"{path.relative_to(ROOT)}: {'not current; run `make generate`' if check else 'written'}")
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return 1 if check and found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
