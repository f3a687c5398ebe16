"""The command line. Exit codes: 0 done, 1 failed, 2 bad usage or configuration.

Nothing here prints an exception that came from processing: messages and tracebacks may quote the text.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, Final, NoReturn

import click

from veilog_filters import __version__
from veilog_filters.config import Config, defect_of, load_config, load_policy
from veilog_filters.detect.prefilter import cache_dir
from veilog_filters.encode import ENCODERS, native
from veilog_filters.errors import ConfigError
from veilog_filters.fingerprint import new_key
from veilog_filters.framing import FRAMERS, WRITERS
from veilog_filters.metrics import Counts
from veilog_filters.pipeline import Pipeline, classifier_for
from veilog_filters.sieve import Sieve
from veilog_filters.transports import stdio

EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2
_CONFIG = click.option("--config", "config_path", metavar="FILE", help="Configuration file; defaults without it.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="veilog")
def app() -> None:
    """Edge filter for AI logs: parse, normalize, classify, redact and hash before anything leaves the host."""


@app.command("filter")
@_CONFIG
@click.option("--input", "input_format", type=click.Choice(sorted(FRAMERS)), default="jsonl", show_default=True)
@click.option("--output", "output_format", type=click.Choice(sorted(WRITERS)), default="jsonl", show_default=True)
@click.option("--schema", type=click.Choice(sorted(ENCODERS)), default="native", show_default=True)
@click.option("--tag-key", default="", metavar="KEY", help="Key of records that holds the shipper's tag; kept.")
@click.option("--time-key", default="", metavar="KEY", help="Key of records that holds the shipper's time; kept.")
@click.option("--workers", type=click.IntRange(1, 256), default=1, show_default=True, help="Processes; order is kept.")
def filter_command(
    config_path: str | None,
    input_format: str,
    output_format: str,
    schema: str,
    tag_key: str,
    time_key: str,
    workers: int,
) -> None:
    """Filter raw records from stdin to clean events on stdout, in order."""
    make = partial(_make_filter, config_path, input_format, output_format, schema, tag_key, time_key)
    filtering = make()
    progress = _Progress(sys.stderr.isatty())
    with progress:
        if workers == 1:
            stdio.run(filtering, sys.stdin.buffer, sys.stdout.buffer, lambda: progress.update(filtering.counts))
            readable = not filtering.broken
            progress.update(filtering.counts)
        else:
            from veilog_filters.transports import parallel

            limit = load_config(config_path).limits.max_record_bytes
            cutter = parallel.LineCutter() if input_format == "jsonl" else parallel.MsgpackCutter(limit)
            streams = sys.stdin.buffer, sys.stdout.buffer
            readable = parallel.run(filtering, make, workers, cutter, *streams, progress.update)
    progress.summarize()
    if not readable:
        click.echo("veilog: the input stopped being msgpack; the rest went to quarantine as one record.", err=True)
        sys.exit(EXIT_FAILED)


def _make_filter(
    config_path: str | None, input_format: str, output_format: str, schema: str, tag_key: str, time_key: str
) -> stdio.Filter:
    config = load_config(config_path)
    pipeline = Pipeline(config, schema, config_path=config_path)
    framer = FRAMERS[input_format](pipeline.fingerprinter, config.tenant_id, config.limits.max_record_bytes)
    injected = stdio.Injected(tag_key, time_key, config.sidecar.tag) if tag_key or time_key else None
    return stdio.Filter(pipeline, framer, WRITERS[output_format], injected)


@app.command()
@click.option("--config", "config_path", metavar="FILE", required=True, help="Configuration file.")
@click.option("--workers", type=click.IntRange(1, 256), help="Processes that filter; instead of sidecar.workers.")
def sidecar(config_path: str, workers: int | None) -> None:
    """Filter between two shippers: Forward protocol in, Forward protocol out, acknowledged end to end."""
    from veilog_filters.transports.supervisor import Supervisor

    sys.exit(Supervisor(config_path, workers).run())


@app.command()
@_CONFIG
def mmexternal(config_path: str | None) -> None:
    """Filter as a child of rsyslog's mmexternal: one message in, one line out."""
    from veilog_filters.transports import mmexternal as transport

    config = load_config(config_path)
    pipeline = Pipeline(config, config_path=config_path)
    framer = FRAMERS["jsonl"](pipeline.fingerprinter, config.tenant_id, config.limits.max_record_bytes)
    transport.run(pipeline, framer, sys.stdin.buffer, sys.stdout.buffer)


@app.command()
@click.argument("file", metavar="FILE")
def check(file: str) -> None:
    """Check a configuration by the code path of start-up: keys, files, models and entities included."""
    Pipeline(load_config(file), config_path=file).prepare()
    click.echo(f"{file}: ok")


@app.command()
@_CONFIG
def warm(config_path: str | None) -> None:
    """Compile the patterns of a configuration ahead of the first start, for container images for example."""
    from veilog_filters.detect.fast import FastDetector, detector_for

    config = load_config(config_path)
    try:
        detector = detector_for(config.detect)
    except ValueError as error:
        raise defect_of(config_path, "detect", error) from None
    sieve = classifier_for(config, load_policy(config)).sieve
    stored = [made.stored for made in (detector, sieve) if isinstance(made, FastDetector | Sieve)]
    if not stored:
        click.echo("veilog: nothing to compile: this configuration or platform goes without the prefilter.", err=True)
    elif not all(stored):
        click.echo(f"veilog: cannot write to {cache_dir(config.detect.cache_dir)}.", err=True)
        sys.exit(EXIT_FAILED)


@app.command()
@_CONFIG
def explain(config_path: str | None) -> None:
    """Explain one record from stdin: its parser, what was found where (no text), and why each label."""
    from veilog_filters.explain import explain_record

    config = load_config(config_path)
    pipeline = Pipeline(config, config_path=config_path)
    framer = FRAMERS["jsonl"](pipeline.fingerprinter, config.tenant_id, config.limits.max_record_bytes)
    # A pretty-printed record spans lines: whatever stdin holds is one record.
    document = b" ".join(sys.stdin.buffer.read(config.limits.max_record_bytes + 1).splitlines())
    for record in (*framer.feed(document), *framer.finish()):
        for explained in explain_record(pipeline, record):
            click.echo(explained)


@app.command()
@click.argument("what", type=click.Choice(["config", "native"]))
def schema(what: str) -> None:
    """Print the JSON Schema of the configuration or of native events."""
    import json

    document = Config.model_json_schema() if what == "config" else native.json_schema()
    click.echo(json.dumps(document, indent=2))


@app.command()
def key() -> None:
    """Print a fresh hash key: base64 of 32 random bytes."""
    click.echo(new_key())


class _Progress:
    """Progress and a closing summary on stderr: a live line on a terminal, else a line only if there is bad news."""

    def __init__(self, terminal: bool) -> None:
        self._counts = Counts()
        self._terminal = terminal
        self._shown = -1

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, *error: object) -> None:
        if self._terminal:
            click.echo("\r\033[K", nl=False, err=True)

    def update(self, counts: Counts) -> None:
        """Show how far it is."""
        self._counts = counts
        if self._terminal and counts.received // 1000 != self._shown:
            self._shown = counts.received // 1000
            click.echo(f"\r\033[K{counts.received:,} records, {counts.bytes_in / 1e6:,.1f} MB", nl=False, err=True)

    def summarize(self) -> None:
        counts = self._counts
        if self._terminal:
            kinds = ", ".join(f"{number:,} {kind}" for kind, number in sorted(counts.emitted.items()))
            click.echo(f"veilog: {counts.received:,} records in, events out: {kinds or 'none'}.", err=True)
            entities = sum(counts.entities.values())
            click.echo(f"veilog: {entities:,} spans redacted, {counts.unmapped_fields:,} unmapped fields.", err=True)
        for what, counter in (("in quarantine", counts.quarantined), ("dropped", counts.dropped)):
            if counter:
                reasons = ", ".join(f"{number:,} {reason}" for reason, number in sorted(counter.items()))
                click.echo(f"veilog: {counter.total():,} {what}: {reasons}.", err=True)


def main() -> NoReturn:
    """Entry point. Turns every failure into a line without content and an exit code."""
    sys.exit(_guarded(lambda: app(prog_name="veilog", standalone_mode=False)))


def _guarded(run: Callable[[], Any]) -> int:
    try:
        run()
    except ConfigError as error:
        for defect in error.defects:
            click.echo(f"veilog: {defect}", err=True)
        return EXIT_USAGE
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return 130
    except BrokenPipeError:
        # The reader has gone; point stdout away, or the interpreter fails again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED
    except Exception as error:
        click.echo(f"veilog: stopped by a {type(error).__name__}; nothing more leaves.", err=True)
        return EXIT_FAILED
    return 0
