"""Show, side by side, what comes in and what leaves: ``veilog filter`` over a sample of every source.

Each record is sent twice, under the default policy and under ``content: redacted``. At the end the demo checks what it
shows: that no prompt or response of the samples stands in anything that left.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml
from rich.console import Console, Group
from rich.panel import Panel
from rich.rule import Rule
from rich.syntax import Syntax
from rich.table import Table

from veilog_filters.fingerprint import new_key

SAMPLES: Final = Path(__file__).parents[1] / "parsers" / "samples"
SHOWN: Final = (
    ("aws_bedrock_invocation", "good_anthropic"),
    ("aws_cloudtrail", "good_qbusiness"),
    ("azure_monitor", "good_apim_gateway"),
    ("openai_gateway", "good_chat"),
    ("litellm", "good_chat"),
    ("mapped", "good_flask"),
    ("other", "good_web_server"),
)
MAX_LINES: Final = 44


def main() -> int:
    """Run the demo; exit code 1 if anything left that must not."""
    console = Console(width=None if sys.stdout.isatty() else 160)
    records = [json.loads((SAMPLES / source / f"{case}.in.json").read_text()) for source, case in SHOWN]
    default = _filtered(records, content="drop")
    redacted = _filtered(records, content="redacted")
    for (source, case), record, event, kept in zip(SHOWN, records, default, redacted, strict=True):
        console.print(Rule(f"[bold]{source}[/] · {case}"))
        console.print(_side_by_side(record, event, kept, console.width))
    console.print(Rule("[bold]What left"))
    console.print(_summary(default))
    leaked = [text for record in records for text in _texts(record) if text in json.dumps(default, ensure_ascii=False)]
    if leaked:
        console.print(f"[bold red]{len(leaked)} texts left the host.")
        return 1
    console.print("Checked: no prompt and no response of these samples stands in an event of the default policy.")
    console.print("Next: [bold]veilog explain[/] says why an event got its labels; the README has the quick start.")
    return 0


def _filtered(records: list[dict[str, Any]], content: str) -> list[dict[str, Any]]:
    """What ``veilog filter`` prints for the records."""
    mapping = yaml.safe_load((SAMPLES / "mapped" / "mapping.yaml").read_text())
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as config:
        yaml.safe_dump({"policy": {"name": "demo", "content": content}, **mapping}, config)
        config.flush()
        done = subprocess.run(
            [sys.executable, "-m", "veilog_filters", "filter", "--config", config.name],
            input="".join(json.dumps(record) + "\n" for record in records),
            env=os.environ | {"VEILOG_HASH_KEY": os.environ.get("VEILOG_HASH_KEY") or new_key()},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    return [json.loads(line) for line in done.stdout.splitlines()]


def _side_by_side(record: dict[str, Any], event: dict[str, Any], kept: dict[str, Any], width: int) -> Table:
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(ratio=1)
    table.add_column(ratio=1)
    leaves: list[Any] = [Panel(_json(event, width // 2), title="leaves", border_style="green")]
    if "content" in kept:
        leaves.append(
            Panel(_json(kept["content"], width // 2), title="and, with content: redacted", border_style="green")
        )
    table.add_row(Panel(_json(record, width // 2), title="came in", border_style="red"), Group(*leaves))
    return table


def _json(value: Any, width: int) -> Syntax:
    lines = json.dumps(value, indent=1, ensure_ascii=False).splitlines()
    lines = [line if len(line) < 4 * width else f"{line[: 4 * width]} ..." for line in lines]
    if len(lines) > MAX_LINES:
        lines = [*lines[:MAX_LINES], f"... {len(lines) - MAX_LINES} more lines"]
    return Syntax("\n".join(lines), "json", word_wrap=True, background_color="default")


def _summary(events: list[dict[str, Any]]) -> Table:
    table = Table("source", "kind", "who", "model", "prompt", "response", "categories", "found", "outcome")
    for event in events:
        found: Counter[str] = Counter()
        for side in event.get("findings", {}).values():
            found.update(side)
        table.add_row(
            event["source"],
            event["kind"],
            event.get("user_id", ""),
            event.get("model_name", ""),
            event.get("prompt_classification", ""),
            event.get("response_classification", ""),
            ", ".join(event.get("data_categories", ())),
            ", ".join(f"{number} {entity}" for entity, number in found.items()),
            event.get("outcome_status", ""),
        )
    return table


def _texts(value: Any) -> Iterator[str]:
    """The prose of a record: its strings of several words."""
    if isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, str) and value.count(" ") > 3:
        yield value


if __name__ == "__main__":
    sys.exit(main())
