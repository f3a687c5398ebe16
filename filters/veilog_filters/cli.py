"""The command line. Exit codes: 0 done, 1 failed, 2 bad usage or configuration.

Nothing here prints an exception that came from processing: messages and tracebacks may quote the text.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, NoReturn

import click

from veilog_filters import __version__, plugins, startup
from veilog_filters.config import DEFAULT_POLICY_FILE, Config, HashKey, defect_of, load_config, load_policy
from veilog_filters.detect.prefilter.cachefile import can_write
from veilog_filters.detect.prefilter.store import cache_dir
from veilog_filters.detectors import scan_options
from veilog_filters.encode import native
from veilog_filters.errors import ConfigError, Defect
from veilog_filters.fingerprint import Fingerprinter, load_key, new_key
from veilog_filters.framing import FRAMERS, WRITERS, Framer
from veilog_filters.log import keep_messages_in
from veilog_filters.pipeline import Pipeline
from veilog_filters.progress import Progress, print_stderr
from veilog_filters.quarantine import DecodeFailure
from veilog_filters.transports import stdio
from veilog_filters.transports.inputs import STDIN, Files, InputError, Output, OutputError, files_of, standard_input
from veilog_filters.yaml_file import closest, dotted, line_of, reason_of
from veilog_parsers.record.raw import RawRecord

EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2
_OUTPUT_ADVICE: Final = "Events are written there: see that it is open (a pipe, a file, a terminal) and has room."
_CONFIG = click.option("--config", "config_path", metavar="FILE", help="Configuration file; defaults without it.")
_FILES = click.argument("paths", metavar="[FILE]...", nargs=-1)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="veilog")
def app() -> None:
    """Edge filter for AI logs: parse, normalize, classify, redact and hash before anything leaves the host."""


@app.command("filter")
@_FILES
@_CONFIG
@click.option(
    "--input",
    "input_format",
    type=click.Choice(sorted(FRAMERS)),
    default="jsonl",
    show_default=True,
    help="What comes in: a JSON record per line, or msgpack objects.",
)
@click.option(
    "--output",
    "output_format",
    type=click.Choice(sorted(WRITERS)),
    default="jsonl",
    show_default=True,
    help="What goes out: an event per line, or msgpack objects.",
)
@click.option(
    "--schema",
    metavar="NAME",
    callback=lambda _context, _option, name: _known_encoder(name) if name else "",
    default="",
    help="Schema of events, in place of output.schema; `veilog encoders` lists them.",
)
@click.option("--tag-key", default="", metavar="KEY", help="Key of records that holds the shipper's tag; kept.")
@click.option("--time-key", default="", metavar="KEY", help="Key of records that holds the shipper's time; kept.")
@click.option("--workers", type=click.IntRange(1, 256), default=1, show_default=True, help="Processes; order is kept.")
def filter_command(
    paths: tuple[str, ...],
    config_path: str | None,
    input_format: str,
    output_format: str,
    schema: str,
    tag_key: str,
    time_key: str,
    workers: int,
) -> None:
    """Filter raw records to clean events on stdout, in order.

    Reads FILEs and folders of them (*.jsonl, *.json, *.log, *.gz, *.zst), or stdin without any. What is compressed with
    gzip or Zstandard is inflated, by what it is and not by its name. A .json file may be one document over many lines.
    """
    out = Output()
    files, total_bytes = _files(paths)
    limit = _start(config_path).limits.max_record_bytes
    make = partial(_make_filter, config_path, input_format, output_format, schema, tag_key, time_key)
    errors: list[str] = []
    with Progress(total_bytes) as progress:
        # Lines of several files are one stream; in msgpack, what is broken in one file does not break the next.
        for stream in [files] if input_format == "jsonl" else [[file] for file in files]:
            source = _Files(stream, lines=input_format == "jsonl", max_record_bytes=limit)
            if not _filter_stream(make, source, out, workers, input_format, limit, progress):
                errors.append("the input stopped being msgpack; the rest went to quarantine as one record")
            errors += source.errors
            progress.next_stream(source.bytes_read)
    progress.summarize()
    _fail_if(errors)


class _Files(Files):
    """Files for `veilog filter`: says so, once, where JSON comes in place of msgpack.

    In msgpack ``{`` and ``[`` are whole records, the numbers 123 and 91: all would go to quarantine, byte by byte.
    """

    def __init__(self, paths: Sequence[str], *, lines: bool, max_record_bytes: int) -> None:
        super().__init__(paths, lines=lines, max_record_bytes=max_record_bytes)
        self._looks = not lines

    def read(self) -> bytes:
        """See ``Files``."""
        data = super().read()
        if self._looks and data:
            self._looks = False
            if data.startswith((b"{", b"[")):
                print_stderr("the input begins as JSON does, and --input msgpack was asked for. For JSON leave it out.")
        return data


def _known_encoder(name: str) -> str:
    known = plugins.names("encoders")
    if name not in known:
        raise click.BadParameter(f"there is no such encoder; {closest(name, known)}")
    return name


def _filter_stream(
    make: Callable[[], stdio.Filter],
    source: Files,
    out: Output,
    workers: int,
    input_format: str,
    limit: int,
    progress: Progress,
) -> bool:
    """Filter one stream of records; whether all of it could be read as such."""
    filtering = make()
    if workers == 1:
        stdio.run(filtering, source, out, lambda: progress.update(filtering.counts, source.bytes_read))
        return not filtering.broken
    from veilog_filters.transports import parallel

    cutter = parallel.LineCutter() if input_format == "jsonl" else parallel.MsgpackCutter(limit)
    return parallel.run(
        filtering, make, workers, cutter, source, out, lambda counts: progress.update(counts, source.bytes_read)
    )


def _files(paths: tuple[str, ...]) -> tuple[list[str], int]:
    """The files that a command line names, or standard input, and how long they are in bytes."""
    try:
        return files_of(paths or (STDIN,))
    except InputError as error:
        print_stderr(f"{error}. Name files that can be read, or folders of them.")
        sys.exit(EXIT_USAGE)


def _say_if_waiting(files: list[str]) -> None:
    """Tell a user at a terminal that veilog waits for standard input."""
    if STDIN in files and sys.stdin is not None and sys.stdin.isatty():
        print_stderr("waits for records on standard input, a JSON record per line; end them with Ctrl-D.")


def _start(config_path: str | None, *, sidecar: bool = False, binds: bool = False) -> Config:
    """The configuration, checked as ``check`` checks it; says what is unwise about it and which text it keeps.

    Raises:
        ConfigError: nothing may start with it.
    """
    config, warnings = startup.start(config_path, sidecar=sidecar, binds=binds)
    for warning in warnings:
        print_stderr(warning)
    if kept := startup.kept_text(config.policy):
        print_stderr(f"{kept}.")
    return config


def _make_filter(
    config_path: str | None, input_format: str, output_format: str, schema: str, tag_key: str, time_key: str
) -> stdio.Filter:
    config = load_config(config_path)
    schema = schema or config.output.schema_name
    pipeline = Pipeline(config, (schema,), config_path=config_path)
    framer = _framer(config, pipeline.fingerprinter, input_format)
    tag = config.sidecar.tag.replace("{schema}", schema)
    injected = stdio.Injected(tag_key, time_key, tag, pipeline.tag) if tag_key or time_key else None
    return stdio.Filter(pipeline, framer, WRITERS[output_format], injected)


def _framer(config: Config, fingerprinter: Fingerprinter, input_format: str = "jsonl") -> Framer:
    return FRAMERS[input_format](fingerprinter, config.tenant_id, config.limits.max_record_bytes)


@app.command(short_help="Filter between two shippers, by the Forward protocol.")
@click.option("--config", "config_path", metavar="FILE", required=True, help="Configuration file.")
@click.option("--workers", type=click.IntRange(1, 256), help="Processes that filter; instead of sidecar.workers.")
def sidecar(config_path: str, workers: int | None) -> None:
    """Filter between two shippers: Forward protocol in, Forward protocol out, acknowledged end to end."""
    from veilog_filters.transports.supervisor import Supervisor

    _start(config_path, sidecar=True, binds=True)
    sys.exit(Supervisor(config_path, workers).run())


@app.command(short_help="Filter as a child of rsyslog's mmexternal.")
@_CONFIG
def mmexternal(config_path: str | None) -> None:
    """Filter as a child of rsyslog's mmexternal: one message in, one line out."""
    from veilog_filters.transports import mmexternal as transport

    transport.keep_stderr_apart()
    out, fd = Output(), standard_input().fileno()
    config = _start(config_path)
    if config.usage.events:
        print_stderr("rsyslog takes one line for each message: usage.events does nothing here.")
        config = config.model_copy(update={"usage": config.usage.model_copy(update={"events": False})})
    pipeline = Pipeline(config, (config.output.schema_name,), config_path=config_path)
    with open(fd, "rb", closefd=False) as source:
        transport.run(pipeline, _framer(config, pipeline.fingerprinter), source, out)


@app.command(short_help="Check a configuration as a start does.")
@click.argument("file", metavar="FILE")
def check(file: str) -> None:
    """Check a configuration by the code path of start-up: keys, files, models and entities included."""
    from veilog_filters.transports.process import build

    config = _start(file, sidecar=True)
    build(file)
    _compare_fast_paths(config, file)
    # An image may come with compiled patterns in a directory that its user can't write: that is all right.
    if not can_write(cache_dir(config.detect.cache_dir)) and not all(_compiled(config, file)):
        problem = "the compiled patterns cannot be kept: every start compiles them anew"
        print_stderr(f"warning: {Defect(file, line_of(file, _CACHE_KEY), dotted(_CACHE_KEY), problem, _CACHE_FIX)}")
    _print(f"{file}: ok")


@app.command(short_help="Compile the patterns ahead of the first start.")
@_CONFIG
def warm(config_path: str | None) -> None:
    """Compile the patterns of a configuration ahead of the first start, for container images for example."""
    config = load_config(config_path)
    stored = _compiled(config, config_path)
    if not stored:
        print_stderr("nothing to compile: this configuration or platform goes without the prefilter.")
    elif not all(stored):
        print_stderr(f"detect.cache_dir: cannot write to {cache_dir(config.detect.cache_dir)}. Fix: {_CACHE_FIX}.")
        sys.exit(EXIT_FAILED)


_CACHE_KEY: Final = ("detect", "cache_dir")
_CACHE_FIX: Final = (
    "name a directory that this user can write and nobody else, in detect.cache_dir or $VEILOG_CACHE_DIR, "
    "and run veilog warm once"
)


def _compare_fast_paths(config: Config, config_path: str) -> None:
    """Compare what is found with what Presidio's engine finds, which a start does only when it compiles patterns.

    Raises:
        ConfigError: they differ.
    """
    from veilog_filters.detect.build import detector_for
    from veilog_filters.detect.prefiltered import PrefilteredDetector

    options = scan_options(config)
    try:
        detector = detector_for(options.model_copy(update={"ner": None})) if options is not None else None
        if isinstance(detector, PrefilteredDetector):
            detector.compare()
    except ValueError as error:
        raise defect_of(config_path, "detect", error) from None


def _compiled(config: Config, config_path: str | None) -> list[bool]:
    """Whether what is compiled is in the cache directory, for detection, the policy and threat rules."""
    from veilog_filters.classify import Classifier
    from veilog_filters.detect.build import detector_for
    from veilog_filters.detect.prefiltered import PrefilteredDetector
    from veilog_filters.threat_pack import load_rules
    from veilog_filters.threat_rules import ThreatRules
    from veilog_filters.wiring import policy_prefilter_for, rules_prefilter_for

    options = scan_options(config)
    try:
        detector = detector_for(options) if options is not None else None
    except ValueError as error:
        raise defect_of(config_path, "detect", error) from None
    rules = ThreatRules(load_rules(config, config_path))
    prefilters = (policy_prefilter_for(config, Classifier(load_policy(config))), rules_prefilter_for(config, rules))
    stored = [prefilter.stored for prefilter in prefilters if prefilter is not None]
    return [detector.stored, *stored] if isinstance(detector, PrefilteredDetector) else stored


@app.command(short_help="Explain parser, findings and labels of records.")
@_FILES
@_CONFIG
def explain(paths: tuple[str, ...], config_path: str | None) -> None:
    """Explain records: their parser, what was found where (no text), why each label, and what became of each key.

    Reads FILEs and folders of them, or stdin without any: a JSON record per line, or one document over many lines.
    """
    from veilog_filters.explain import explain_record

    out = Output()
    files, _ = _files(paths)
    config = _start(config_path)
    _say_if_waiting(files)
    pipeline = Pipeline(config, config_path=config_path)
    source = Files(files, lines=True, max_record_bytes=config.limits.max_record_bytes, documents=True)
    for record in _records(_framer(config, pipeline.fingerprinter), source):
        for explained in explain_record(pipeline, record):
            out.write(f"{explained}\n".encode())
    _fail_if(source.errors)


@app.command(short_help="Map records that no parser recognizes.")
@_FILES
@_CONFIG
def suggest(paths: tuple[str, ...], config_path: str | None) -> None:
    """Show the shapes of records that no parser recognizes, and a `mapped` entry for each, to paste.

    For a person on the host: key paths with types and lengths, and no values. But keys are content too, so what this
    prints is not to leave the host unread. The output is YAML with comments: a configuration by itself.

    Reads FILEs and folders of them, or stdin without any.
    """
    from veilog_filters.suggest import Suggestions

    out = Output()
    files, _ = _files(paths)
    config = load_config(config_path)
    _say_if_waiting(files)
    suggestions = Suggestions(config, config_path)
    source = Files(files, lines=True, max_record_bytes=config.limits.max_record_bytes, documents=True)
    for record in _records(_framer(config, suggestions.fingerprinter), source):
        suggestions.add(record)
    out.write(suggestions.page().encode())
    _fail_if(source.errors)


def _records(framer: Framer, source: Files) -> Iterator[RawRecord | DecodeFailure]:
    while piece := source.read():
        yield from framer.feed(piece)
    yield from framer.finish()


def _fail_if(errors: list[str]) -> None:
    for error in errors:
        print_stderr(f"{error}.")
    if errors:
        sys.exit(EXIT_FAILED)


@app.command(short_help="Show what comes in, what leaves and why, on one screen.")
@click.option("--html", "html_path", metavar="FILE", help="Write a page with a record of every source too.")
@click.option("--report", "report_path", metavar="FILE", help="Write a report over all samples too: see veilog report.")
def demo(html_path: str | None, report_path: str | None) -> None:
    """Show the main job on one screen: what came in, what leaves, and why. Needs no file and no key."""
    from rich.console import Console

    from veilog_filters.demo import show

    demonstration = show.Demo(Config(hash_key=HashKey(ephemeral=True)))
    page_is_clean = True
    if html_path is not None:
        page, page_is_clean = demonstration.page()
        _write_file(html_path, page)
    report_place = _demo_report(demonstration.events(), report_path) if report_path is not None else ""
    console = Console(width=show.WIDTH, highlight=False, soft_wrap=True)
    screen_is_clean = demonstration.screen(console, html_path, report_place)
    if not (page_is_clean and screen_is_clean):
        sys.exit(EXIT_FAILED)


def _demo_report(events: Iterator[dict[str, Any]], path: str) -> str:
    """Write a report over events; where it is, or what it takes."""
    from veilog_filters.framing import write_json
    from veilog_filters.report import command

    if needed := command.missing():
        return needed
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "samples.jsonl"
        file.write_bytes(b"".join(map(write_json, events)))
        try:
            command.run(command.Order(files=[str(file)], size=0, out=path))
        except command.UsageError as error:
            print_stderr(f"{error}.")
            sys.exit(EXIT_USAGE)
    return path


_FORMATS: Final = ("html", "md", "json")
_DAY: Final = click.DateTime(["%Y-%m-%d"])


@app.command(short_help="Write a dashboard and an audit report from event files.")
@click.argument("paths", metavar="EVENTS...", nargs=-1, required=True)
@click.option(
    "--out", "out_path", metavar="FILE", help="Where to; `-` is standard output.  [default: report.html, ...]"
)
@click.option("--format", "form", type=click.Choice(_FORMATS), default="html", show_default=True, help="Of the report.")
@click.option("--from", "first", type=_DAY, metavar="DAY", help="First day that is reported, in UTC.")
@click.option("--to", "last", type=_DAY, metavar="DAY", help="Last day that is reported, in UTC.")
@click.option(
    "--rows",
    type=click.IntRange(1, 1_000_000),
    default=200,
    show_default=True,
    help="Most rows of a table; the number of all is told.",
)
def report(
    paths: tuple[str, ...], out_path: str | None, form: str, first: datetime | None, last: datetime | None, rows: int
) -> None:
    """Write a dashboard and an audit report from event files, as one page that needs nothing else.

    Reads EVENTS, files and folders of them, in any of the schemas that veilog writes, mixed as they come: JSON, by
    lines or as documents, plain or compressed (gzip, Zstandard), and Parquet. `-` is standard input. Exits with 1 if
    something was not read, or if there is no event; the report is written all the same and says so.
    """
    from veilog_filters.report import command

    try:
        files, size = files_of(paths, command.SUFFIXES)
        if first is not None and last is not None and first > last:
            raise click.BadParameter("it is after --to", param_hint="--from")
        order = command.Order(
            files=files,
            size=size,
            out=out_path or f"report.{form}",
            form=form,
            first=first.date() if first else None,
            last=last.date() if last else None,
            rows=rows,
        )
        is_whole = command.run(order)
    except (InputError, command.UsageError) as error:
        print_stderr(f"{error}.")
        sys.exit(EXIT_USAGE)
    if not is_whole:
        sys.exit(EXIT_FAILED)


@app.command(short_help="Prove what a configuration promises, for an auditor.")
@_CONFIG
@click.option("--records", type=click.IntRange(1, 1_000_000), default=5000, show_default=True, help="Records to make.")
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed has other records made.")
@click.option("--html", "html_path", metavar="FILE", help="Write the summary as an HTML page too.")
@click.option("--verify", "verify_path", metavar="FILE", help="Check the signature of a summary instead.")
def prove(config_path: str | None, records: int, seed: int, html_path: str | None, verify_path: str | None) -> None:
    """Prove what a configuration promises: a signed summary for a privacy officer or an auditor.

    Plants sentences in thousands of records and looks for them in what leaves, provokes every failure, and denies the
    network meanwhile. Exits with 1 unless everything holds.
    """
    config = _start(config_path)
    if verify_path is not None:
        _verify(config, config_path, verify_path)
        return
    from veilog_filters.prove import proof, summary

    date = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    found = proof.prove(
        config, config_path, date, records=records, seed=seed, say=lambda what: print_stderr(f"prove: {what} ...")
    )
    signer = _signers(config, config_path)[0]
    if html_path is not None:
        _write_file(html_path, summary.as_html(found, signer))
    Output().write(summary.as_text(found, signer).encode())
    if not found.holds:
        sys.exit(EXIT_FAILED)


def _verify(config: Config, config_path: str | None, page_path: str) -> None:
    from veilog_filters.prove import summary

    try:
        page = Path(page_path).read_bytes()
    except OSError as error:
        print_stderr(f"cannot read {page_path}: {reason_of(error)}. Name a summary that veilog prove wrote.")
        sys.exit(EXIT_USAGE)
    try:
        key_id = summary.verify(page, _signers(config, config_path))
    except summary.SignatureError as error:
        print_stderr(f"{page_path}: not to be trusted: {error}.")
        sys.exit(EXIT_FAILED)
    _print(f"{page_path}: as veilog wrote it, signed with key {key_id}")


def _signers(config: Config, config_path: str | None) -> list[Fingerprinter]:
    """The configured key, and the previous one while a rotation lasts."""
    file = config_path or "configuration"
    keys = [(config.hash_key, "hash_key"), (config.previous_hash_key, "previous_hash_key")]
    return [Fingerprinter(*load_key(option, where, file)) for option, where in keys if option is not None]


def _write_file(path: str, text: str) -> None:
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        print_stderr(f"cannot write {path}: {reason_of(error)}. Name a file that can be written.")
        sys.exit(EXIT_USAGE)


@app.command(short_help="List the log sources, and where they come from.")
@_CONFIG
def sources(config_path: str | None) -> None:
    """List the log sources: where each comes from, and whether it is on."""
    _list("sources", config_path)


@app.command(short_help="List the detectors, and where they come from.")
@_CONFIG
def detectors(config_path: str | None) -> None:
    """List the detectors: where each comes from, and whether it is on."""
    _list("detectors", config_path)


@app.command(short_help="List the encoders, and where they come from.")
@_CONFIG
def encoders(config_path: str | None) -> None:
    """List the encoders: where each comes from, and whether it is on."""
    _list("encoders", config_path)


@app.command(short_help="List the rule packs and threat rules, and where they come from.")
@_CONFIG
def rules(config_path: str | None) -> None:
    """List the rule packs, where each comes from and whether it is on; and the threat rules with their modes."""
    from veilog_filters.listing import threat_rules

    _list("rules", config_path)
    _print("\n" + threat_rules(load_config(config_path), config_path))


def _list(door: plugins.DoorName, config_path: str | None) -> None:
    from veilog_filters.listing import table

    config = None
    try:
        config = load_config(config_path)
        plugins.check(door)
    finally:
        # A configuration that cannot be used is complained of after the list: it may be what shows why.
        _print(table(door, config))


_TARGETS: Final = sorted(set(plugins.BUILT_IN["encoders"]) - {"native"})


@app.command(short_help="Print a JSON Schema, a schema's table, or the policy.")
@click.argument("what", type=click.Choice(["config", "native", "policy", "threats", *_TARGETS]))
def schema(what: str) -> None:
    """Print a JSON Schema (config, native, threats), the built-in policy, or the table by which a schema is written."""
    import json

    if what in _TARGETS:
        from veilog_filters.encode.mappings import as_text

        _print(as_text(what))
        return
    if what == "policy":
        _print(DEFAULT_POLICY_FILE.read_text(encoding="utf-8").rstrip("\n"))
        return
    from veilog_filters.threat_pack import Pack

    models = {"config": Config.model_json_schema, "native": native.json_schema, "threats": Pack.model_json_schema}
    document = models[what]()
    _print(json.dumps(document, indent=2))


@app.command()
def key() -> None:
    """Print a fresh hash key: base64 of 32 random bytes."""
    _print(new_key())


def _print(text: str) -> None:
    Output().write(f"{text}\n".encode())


def main() -> NoReturn:
    """Entry point. Turns every failure into a line without content and an exit code."""
    keep_messages_in()
    sys.exit(_guarded(lambda: app(prog_name="veilog", standalone_mode=False)))


def _guarded(run: Callable[[], Any]) -> int:
    try:
        run()
    except ConfigError as error:
        for defect in error.defects:
            print_stderr(str(defect))
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
        if sys.stdout is not None:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED
    except Exception as error:
        _explain_failure(error)
        return EXIT_FAILED
    return 0


def _explain_failure(error: Exception) -> None:
    """Say why nothing more leaves. Only messages of our own are printed: others may quote the text."""
    if not isinstance(error, InputError | OutputError):
        print_stderr(f"stopped by a {type(error).__name__}; nothing more leaves.")
    elif not getattr(error, "reader_left", False):
        advice = f" {_OUTPUT_ADVICE}" if isinstance(error, OutputError) else ""
        print_stderr(f"{error}; nothing more leaves.{advice}")
