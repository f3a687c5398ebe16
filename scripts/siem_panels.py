"""What the dashboards for Splunk and Microsoft Sentinel show: the same panels, each with a query in either language.

The queries stand in ``conf/siem/<siem>/{panels,alerts,audit}``, one in a file, where people read and copy them. A query
begins with a comment, one line that says what it tells. Here they are read.
"""

from __future__ import annotations

import dataclasses
import re
from enum import StrEnum
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
CONTENT: Final = ROOT / "conf" / "siem"


class Chart(StrEnum):
    """How a panel shows what its query finds."""

    COLUMNS = "columns"
    TABLE = "table"


@dataclasses.dataclass(frozen=True, slots=True)
class Panel:
    """A panel of the dashboards.

    Attributes:
        name: of its query's file, without suffix.
        title: what stands above it.
        chart: how it is shown.
        is_wide: whether it has a row for itself.
    """

    name: str
    title: str
    chart: Chart
    is_wide: bool = False


PANELS: Final = (
    Panel("requests_per_user", "Requests per user", Chart.TABLE),
    Panel("tokens_and_cost", "Tokens and cost per model and department", Chart.TABLE),
    Panel("classification_over_time", "Classification over time", Chart.COLUMNS),
    Panel("denied_and_throttled", "Denied and throttled over time", Chart.COLUMNS),
    Panel("guardrails", "What guardrails did", Chart.TABLE),
    Panel("threats", "Threats that sources report", Chart.TABLE),
    Panel("usage_over_time", "Usage over time by user", Chart.COLUMNS, is_wide=True),
    Panel("usage_by_hour", "Usage by hour of the day", Chart.COLUMNS, is_wide=True),
)
TITLE: Final = "AI use"
ABOUT: Final = "Who uses which model with which class of data, and how calls end. Made of events of veilog."
_COMMENTS: Final = {
    ".spl": re.compile(r"```(.*)```\n"),
    ".kql": re.compile(r"// (.*)\n"),
    ".yaral": re.compile(r"// (.*)\n"),
}


@dataclasses.dataclass(frozen=True, slots=True)
class Query:
    """A query of a file.

    Attributes:
        name: of the file, without suffix.
        about: its first line, a comment, as a sentence.
        text: the rest.
    """

    name: str
    about: str
    text: str


def query(file: Path) -> Query:
    """The query of a file.

    Raises:
        ValueError: if the file does not begin with a comment of one line.
    """
    text = file.read_text(encoding="utf-8")
    comment = _COMMENTS[file.suffix].match(text)
    if comment is None:
        raise ValueError(f"{file.relative_to(ROOT)}: its first line is no comment that says what the query tells")
    return Query(file.stem, comment[1], text[comment.end() :].strip())


def queries(folder: Path) -> list[Query]:
    """The queries of a folder, by name."""
    return [query(file) for file in sorted(folder.iterdir())]
