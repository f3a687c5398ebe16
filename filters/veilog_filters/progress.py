"""How far a filter is, and what came of it: a live line or bar on a terminal, and a closing summary on stderr.

Without a terminal nothing is said unless there is bad news. All of it is counts.
"""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Self

import click

from veilog_filters.metrics import Counts

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

_STEP_RECORDS = 1000


def print_stderr(line: str) -> None:
    """Write a line to standard error. Where that is closed, only the exit code tells."""
    try:
        click.echo(f"veilog: {line}", err=True)
    except OSError:
        sys.stderr = None  # or the interpreter tries again at its end


class Progress:
    """Progress and a closing summary.

    Args:
        total_bytes: size of the input on disk in bytes; 0 if it is unknown.
    """

    def __init__(self, total_bytes: int = 0) -> None:
        self._done = Counts()
        self._stream = Counts()
        self._done_bytes = 0
        self._terminal = sys.stderr is not None and sys.stderr.isatty()
        self._shown = -1
        self._total = total_bytes
        self._bar: Bar | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        if self._terminal and self._total:
            self._begin_bar()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
        elif self._terminal:
            click.echo("\r\033[K", nl=False, err=True)

    def _begin_bar(self) -> None:
        from rich import progress
        from rich.console import Console

        self._bar = progress.Progress(
            progress.BarColumn(),
            progress.TaskProgressColumn(),
            progress.DownloadColumn(),
            progress.TransferSpeedColumn(),
            progress.TimeRemainingColumn(),
            progress.TextColumn("{task.fields[records]:,} records"),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._bar.add_task("", total=self._total, records=0)
        self._bar.start()

    def update(self, counts: Counts, bytes_read: int = 0) -> None:
        """Show how far it is.

        Args:
            counts: what was done of this stream.
            bytes_read: how much of it was read, in bytes as they are on disk.
        """
        self._stream = counts
        records = self._done.received + counts.received
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=self._done_bytes + bytes_read, records=records)
        elif self._terminal and records // _STEP_RECORDS != self._shown:
            self._shown = records // _STEP_RECORDS
            megabytes = (self._done.bytes_in + counts.bytes_in) / 1e6
            click.echo(f"\r\033[K{records:,} records, {megabytes:,.1f} MB", nl=False, err=True)

    def next_stream(self, bytes_read: int) -> None:
        """A stream is done."""
        self._done.add(self._stream)
        self._stream = Counts()
        self._done_bytes += bytes_read

    def summarize(self) -> None:
        """Say what came of it."""
        counts = self._done
        if self._terminal:
            kinds = ", ".join(f"{number:,} {kind}" for kind, number in sorted(counts.emitted.items()))
            print_stderr(f"{counts.received:,} records in, events out: {kinds or 'none'}.")
            said = [f"{counts.findings.total():,} findings", f"{counts.unmapped_fields:,} unmapped fields"]
            if spans := counts.entities.total():
                said.insert(1, f"{spans:,} spans redacted")
            print_stderr(f"{', '.join(said)}.")
        for what, counter in (("in quarantine", counts.quarantined), ("dropped", counts.dropped)):
            if counter:
                reasons = ", ".join(f"{number:,} {reason}" for reason, number in sorted(counter.items()))
                print_stderr(f"{counter.total():,} {what}: {reasons}.")
