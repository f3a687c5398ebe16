"""What comes in on a command line and where it goes: files and folders, compressed and cut; closed and full outputs."""

from __future__ import annotations

import gzip
import json
import os
import pty
import random
import re
import subprocess
import sys
import zlib
from pathlib import Path

import msgpack
import orjson
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from conftest import Run
from samples import ROOT
from veilog_filters.transports import inputs
from veilog_filters.transports.inputs import Document, Files, Inflated, InputError

PROMPT = {"request": {"messages": [{"role": "user", "content": "Write to ann.smith@example.com"}]}, "response": {}}
LINE = orjson.dumps(PROMPT) + b"\n"
MB = 1_048_576
CHECKED = zstandard.ZstdCompressor(write_checksum=True)


class Pieces:
    """A source of some pieces."""

    waits_on = None

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = iter(pieces)

    def read(self) -> bytes:
        return next(self._pieces, b"")


def read_all(source: inputs.Source) -> bytes:
    return b"".join(iter(source.read, b""))


def in_pieces(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(data)


@pytest.mark.parametrize("compress", [lambda data: data, gzip.compress, zstd])
@given(data=st.lists(st.binary(max_size=99), max_size=5), size=st.integers(1, 50))
def test_what_is_compressed_is_read_as_what_it_holds(compress: object, data: list[bytes], size: int) -> None:
    assert callable(compress)
    plain = b"x" + b"".join(data)  # nothing that looks compressed
    packed = compress(plain) if not data else b"".join(map(compress, (b"x", *data)))
    assert read_all(Inflated(Pieces(*in_pieces(packed, size)), "it")) == plain


@pytest.mark.parametrize("compress", [gzip.compress, zstd])
def test_what_is_cut_or_damaged_is_an_error_after_what_could_be_read(compress: object) -> None:
    assert callable(compress)
    chance = random.Random(1)
    plain = b"".join(b'{"n":%d}\n' % chance.randrange(10**9) for _ in range(200_000))
    packed = compress(plain)
    for cut in (packed[:-1], packed[: len(packed) // 2], packed[:20], packed + compress(b"more")[:-2]):
        source, got = Inflated(Pieces(*in_pieces(cut, 65_536)), "it"), b""
        with pytest.raises(InputError, match=r"it: the .* data is cut; what came before the cut was read"):
            while True:
                got += source.read()
        assert plain.startswith(got[: len(plain)])
        assert len(got) > len(plain) * len(cut) // len(packed) * 0.8 - 300_000
    packed = gzip.compress(plain) if compress is gzip.compress else CHECKED.compress(plain)
    damaged = packed[: len(packed) // 2] + bytes(1000) + packed[len(packed) // 2 :]
    with pytest.raises(InputError, match="is damaged"):
        read_all(Inflated(Pieces(damaged), "it"))
    with pytest.raises(InputError, match="is damaged"):
        read_all(Inflated(Pieces(packed + b"no member"), "it"))


@pytest.mark.parametrize("compress", [gzip.compress, zstd])
def test_a_bomb_comes_in_pieces(compress: object) -> None:
    assert callable(compress)
    packed = compress(bytes(300 * MB))
    assert len(packed) < MB
    source, size = Inflated(Pieces(packed), "it"), 0
    while piece := source.read():
        assert len(piece) <= 9 * MB
        size += len(piece)
    assert size == 300 * MB


def test_a_hundred_thousand_empty_members_are_read_in_linear_time() -> None:
    packed = gzip.compress(b"") * 100_000 + gzip.compress(b"end")
    assert read_all(Inflated(Pieces(*in_pieces(packed, MB)), "it")) == b"end"


def test_padding_behind_gzip_is_no_member() -> None:
    assert read_all(Inflated(Pieces(gzip.compress(b"a") + bytes(20_000), bytes(3)), "it")) == b"a"


@pytest.mark.parametrize(
    ("text", "is_document"),
    [
        (b'{"a": 1}\n{"b": 2}\n', False),
        (b'{\n "a": 1\n}\n', True),
        (b'\n\n [\n{"a": 1},\n{"b": 2}\n]', True),
        (b'\xef\xbb\xbf{\r\n"a": 1}\r\n', True),
        (b'{"a": [1,\n2]}\n', True),
        (b'{"a": "cut\n{"b": 2}\n', False),
        (b'{"cut": 1,\n{"b": 2}\n', False),
        (b'{"cut": {\n{"b": 2}\n{"c": 3}\n', False),
        (b'{"cut":\n\n{"b": NaN}\n{"c": 3', False),
        (b'[{"a": 1},\r\n{"b": 2}\r\n', False),
        (b'\xef\xbb\xbf{"cut": [\n[{"b": 2}]\n', False),
        # Nothing is gained by lines here.
        (b'{"cut": 1,\n "b": {\n "c": 2', True),
        # What the decoder reads though it is a little more than JSON.
        (b'{\n "a": NaN, "a":\n{"b": 2}\n}\n', True),
        (b'{\n "a":\n{"b": 2}\n}\n{\n "c":\n{"d": 2}\n}\n', True),
        # Longer than is looked at.
        (b'[\n{"a": 1}\n,{"b": 2}\n,' + b'{"c": 3},\n' * 200 + b"0]", True),
        (b'{"cut": 1,\n' + b'{"c": 3}\n' * 200, False),
        (b"2025-01-01 text\n", False),
        (b"", False),
        (b'{"a": 1}', False),
    ],
)
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_document_over_many_lines_becomes_one(text: bytes, is_document: bool, size: int) -> None:
    out = read_all(Document(Pieces(*in_pieces(text, size)), 1000))
    assert out == (text.replace(b"\n", b" ").replace(b"\r", b" ") if is_document else text)


def test_files_end_with_a_line_break_and_are_read_in_order(tmp_path: Path) -> None:
    for name, data in {
        "b.log": b"2",
        "a.jsonl": b"1\n",
        "c.json": b"[\n3]",
        "d.gz": gzip.compress(b"4"),
        "e.txt": b"no",
    }.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "f.json.zst").write_bytes(zstd(b"{\n5}"))
    names, size = inputs.files_of([str(tmp_path)])
    assert [Path(name).name for name in names] == ["a.jsonl", "b.log", "c.json", "d.gz", "f.json.zst"]
    assert size == sum(Path(name).stat().st_size for name in names)
    files = Files(names, lines=True, max_record_bytes=1000)
    assert read_all(files) == b"1\n2\n[ 3]\n4\n{ 5}\n"
    assert (files.errors, files.bytes_read) == ([], size)


def test_a_file_that_is_cut_does_not_keep_the_next_from_being_read(tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"1\n2\n3")[:-4])
    (tmp_path / "b.log").write_bytes(b"4\n")
    files = Files(
        [str(tmp_path / "a.gz"), str(tmp_path / "gone"), str(tmp_path / "b.log")], lines=True, max_record_bytes=9
    )
    assert read_all(files) == b"1\n2\n3\n4\n"
    assert [error.rpartition("/")[2] for error in files.errors] == [
        "a.gz: the gzip data is cut; what came before the cut was read",
        "gone: no such file or directory",
    ]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_filter_reads_files_and_folders_as_it_reads_them_from_standard_input(
    workers: str, veilog: Run, tmp_path: Path
) -> None:
    lines = [orjson.dumps(PROMPT | {"n": number}) for number in range(400)]
    one = veilog("filter", stdin=b"\n".join(lines)).stdout
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "1.jsonl").write_bytes(b"\n".join(lines[:100]))
    (tmp_path / "logs" / "2.jsonl.gz").write_bytes(gzip.compress(b"\n".join(lines[100:200])))
    (tmp_path / "logs" / "3.log.zst").write_bytes(zstd(b"\n".join(lines[200:300]) + b"\n"))
    (tmp_path / "4").write_bytes(gzip.compress(b"\n".join(lines[300:])))
    done = veilog("filter", "--workers", workers, "logs", "4")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == one
    for packed in (gzip.compress(b"\n".join(lines)), zstd(b"\n".join(lines))):
        assert veilog("filter", "--workers", workers, stdin=packed).stdout == one
    done = veilog("filter", "--workers", workers, stdin=gzip.compress(b"\n".join(lines))[:-9])
    assert done.returncode == 1
    assert len(done.stdout.splitlines()) in (399, 400)
    assert done.stderr.endswith(b"veilog: standard input: the gzip data is cut; what came before the cut was read.\n")


def test_a_trail_in_one_document_gives_its_events(veilog: Run, tmp_path: Path) -> None:
    record = {"eventVersion": "1.08", "eventSource": "bedrock.amazonaws.com", "eventName": "InvokeModel", "awsRegion": "us-east-1", "eventTime": "2025-01-02T03:04:05Z", "eventID": "e", "userIdentity": {"type": "IAMUser"}}  # fmt: skip
    trail = orjson.dumps({"Records": [record] * 20}, option=orjson.OPT_INDENT_2)
    (tmp_path / "trail.json.gz").write_bytes(gzip.compress(trail))
    (tmp_path / "long.json").write_bytes(trail)
    (tmp_path / "c.yaml").write_text("limits: {max_record_bytes: 1024}\n")
    events = [json.loads(line) for line in veilog("filter", "trail.json.gz").stdout.splitlines()]
    assert [event["source"] for event in events] == ["aws_cloudtrail"] * 20
    (event,) = [json.loads(line) for line in veilog("filter", "--config", "c.yaml", "long.json").stdout.splitlines()]
    assert (event["error_type"], event["raw_bytes"]) == ("record_too_large", len(trail))


def test_a_first_line_that_was_cut_costs_no_other_line(veilog: Run, tmp_path: Path) -> None:
    cuts = [LINE[:end] + tail for end in (1, 20, 60) for tail in (b"", b"{", b"[", b",", b":")]
    results = []
    for suffix in ("jsonl", "json"):
        names = [f"{number:02}.{suffix}" for number in range(len(cuts))]
        for name, cut in zip(names, cuts, strict=True):
            (tmp_path / name).write_bytes(cut + b"\n" + LINE * 3)
        events = [json.loads(line) for line in veilog("filter", *names).stdout.splitlines()]
        results.append([event.get("error_type") for event in events])
    assert results[0] == results[1]
    assert results[0].count(None) == 3 * len(cuts)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_msgpack_that_breaks_in_one_file_does_not_break_the_next(workers: str, veilog: Run, tmp_path: Path) -> None:
    packed = msgpack.packb(PROMPT)
    (tmp_path / "a").write_bytes(packed + b"\xc1" + packed)
    (tmp_path / "b").write_bytes(gzip.compress(packed * 3))
    done = veilog("filter", "--input", "msgpack", "--workers", workers, "a", "b")
    kinds = [json.loads(line)["kind"] for line in done.stdout.splitlines()]
    assert kinds == ["ai_access", "quarantine", "ai_access", "ai_access", "ai_access"]
    assert done.returncode == 1
    assert b"the input stopped being msgpack" in done.stderr


@pytest.mark.parametrize("command", ["filter", "explain", "suggest"])
def test_what_cannot_be_read_is_one_line(command: str, veilog: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for path, reason in (
        ("gone.jsonl", "no such file or directory"),
        ("empty", "the folder holds no .jsonl, .json, .log"),
    ):
        done = veilog(command, path)
        assert (done.returncode, done.stdout) == (2, b"")
        (line,) = done.stderr.decode().splitlines()
        assert line.startswith(f"veilog: {path}: {reason}")


def shell(command: str) -> subprocess.CompletedProcess[bytes]:
    script = command.replace("VEILOG", f"{sys.executable} -m veilog_filters")
    return subprocess.run(["bash", "-c", script], capture_output=True, timeout=120, check=False, input=LINE * 2000)


@pytest.mark.parametrize("command", ["filter", "filter --workers 2", "mmexternal", "suggest", "key"])
@pytest.mark.parametrize(
    ("redirected", "reason"),
    [(">&-", b"standard output is closed"), ("> /dev/full", b"No space left on device")],
)
def test_a_closed_or_full_output_ends_with_the_reason(command: str, redirected: str, reason: bytes) -> None:
    done = shell(f"VEILOG {command} {redirected}")
    assert done.returncode == 1
    *_, line = done.stderr.splitlines()
    assert reason in line
    assert b"Error" not in done.stderr
    assert b"Traceback" not in done.stderr
    assert b"ann.smith" not in done.stderr


@pytest.mark.parametrize("command", ["filter", "filter --workers 2", "mmexternal"])
def test_a_closed_input_ends_with_the_reason(command: str) -> None:
    done = shell(f"VEILOG {command} <&-")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(b"veilog: standard input is closed")


@pytest.mark.parametrize("command", ["filter", "filter --workers 2", "mmexternal"])
def test_a_reader_that_goes_away_ends_it_quietly(command: str) -> None:
    done = shell(f"set -o pipefail; yes '{LINE.decode().strip()}' | head -n 20000 | VEILOG {command} | head -n 1")
    assert done.stderr == b""
    assert done.returncode == 1
    assert len(done.stdout.splitlines()) == 1


def test_standard_error_may_be_closed(tmp_path: Path) -> None:
    done = shell("VEILOG filter 2>&-")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 2000
    assert shell("VEILOG check gone.yaml 2>&-").returncode == 2


def all_of(terminal: int) -> str:
    """What was written to a terminal that everybody has closed."""
    shown = b""
    try:
        while piece := os.read(terminal, 65_536):
            shown += piece
    except OSError:  # how Linux says that nobody is left
        os.close(terminal)
    return shown.decode()


def test_the_summary_counts_findings_whatever_is_kept(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_bytes(LINE * 30)
    (tmp_path / "c.yaml").write_text("policy: {content: redacted}\n")
    for config, expected in (
        ([], r"90 findings, 0 unmapped"),
        (["--config", "c.yaml"], r"90 findings, 30 spans redacted, 0 unm"),
    ):
        terminal, stderr = pty.openpty()
        command = [sys.executable, "-m", "veilog_filters", "filter", *config, "in.jsonl"]
        subprocess.run(command, stdout=subprocess.PIPE, stderr=stderr, timeout=120, check=True, cwd=tmp_path)
        os.close(stderr)
        shown = all_of(terminal)
        assert "30 records in, events out: 30 ai_access." in shown
        assert re.search(expected, shown), shown


def test_kept_text_is_named_when_it_starts_and_by_check(veilog: Run, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("policy: {content: redacted, unrecognized: redact}\n")
    line = b"veilog: text leaves, cleaned: policy.content: redacted, policy.unrecognized: redact.\n"
    assert veilog("filter", "--config", "c.yaml", stdin=LINE).stderr == line
    assert line in veilog("check", "c.yaml").stderr
    assert veilog("filter", stdin=LINE).stderr == b""


def test_explain_takes_several_records(veilog: Run, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_bytes(LINE * 3)
    decoder, text, count = json.JSONDecoder(), veilog("explain", "in.jsonl").stdout.decode(), 0
    while text.strip():
        explained, end = decoder.raw_decode(text.lstrip())
        text = text.lstrip()[end:]
        assert explained["parser"] == "openai_gateway"
        count += 1
    assert count == 3


def test_schema_policy_prints_a_policy_that_is_accepted(veilog: Run, tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_bytes(veilog("schema", "policy").stdout)
    (tmp_path / "c.yaml").write_text("classify: {policy_file: policy.yaml}\n")
    assert veilog("check", "c.yaml").returncode == 0


def named_commands() -> set[tuple[str, str]]:
    """Commands that conf/ and the README name: ``veilog x`` in a code span, a shell, a unit or a list of arguments."""
    found: set[tuple[str, str]] = set()
    files = [ROOT / "README.md", *(file for file in (ROOT / "conf").rglob("*") if file.is_file())]
    for file in files:
        text = file.read_text(encoding="utf-8")
        found.update(
            re.findall(
                r"(?:`|\$\(|/bin/|^ *|\| *|umask 077; )veilog ([a-z]+)(?: ([a-z]+))?(?=[` )>|\n])", text, re.MULTILINE
            )
        )
        found.update(
            (word, "")
            for word in re.findall(r'(?:args: |CMD |RUN |ENTRYPOINT )\["?(?:[\w/]*veilog", ")?([a-z]+)"?[\],]', text)
            if word not in ("pip", "python", "veilog", "chmod")
        )
    return found


def test_every_command_that_is_named_exists(veilog: Run) -> None:
    from veilog_filters.cli import app

    named = named_commands()
    assert {"sidecar", "check", "schema", "key", "filter", "mmexternal"} <= {command for command, _ in named}
    assert ("schema", "policy") in named
    # `veilog` is also what a sentence is about: only what stands as a command counts, and those are all real.
    assert {command for command, _ in named} <= set(app.commands)
    for command, word in named:
        if command == "schema":
            assert word in ("config", "native", "policy", ""), word


def test_every_option_has_a_help_text() -> None:
    from veilog_filters.cli import app

    for command in app.commands.values():
        assert command.help
        assert not command.get_short_help_str(64).endswith("..."), f"{command.name}: cut in the list of commands"
        for option in command.params:
            assert getattr(option, "help", "an argument") not in (None, "") or option.param_type_name == "argument", (
                option.name
            )


def test_the_checksum_of_gzip_counts() -> None:
    packed = bytearray(gzip.compress(b"data"))
    packed[-8] ^= 1
    with pytest.raises(InputError, match="is damaged"):
        read_all(Inflated(Pieces(bytes(packed)), "it"))
    assert zlib.decompress(gzip.compress(b"data"), 31) == b"data"
