"""The cache directory is believed only where nobody else could have written."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from veilog_filters.detect.prefilter import cachefile

NOBODY = 65_534
ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="gives files away")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(cachefile, "_told", set())
    folder = tmp_path / "above" / "cache"
    assert cachefile.write(folder, "a.hsdb", b"data")
    return folder


def test_what_is_written_is_read_again_and_is_ours_alone(cache: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert cachefile.read(cache, "a.hsdb") == b"data"
    assert cachefile.read(cache, "b.hsdb") is None
    assert cache.stat().st_mode & 0o777 == 0o700
    assert (cache / "a.hsdb").stat().st_mode & 0o777 == 0o600
    assert [file.name for file in cache.iterdir()] == ["a.hsdb"]
    assert capfd.readouterr().err == ""


def replaced_by_link(cache: Path) -> None:
    (cache / "elsewhere").write_bytes(b"planted")
    (cache / "a.hsdb").unlink()
    (cache / "a.hsdb").symlink_to(cache / "elsewhere")


def replaced_by_pipe(cache: Path) -> None:
    (cache / "a.hsdb").unlink()
    os.mkfifo(cache / "a.hsdb")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda cache: cache.chmod(0o770), "others can write it"),
        (lambda cache: cache.chmod(0o707), "others can write it"),
        (lambda cache: cache.chmod(0o1777), "others can write it"),
        (lambda cache: (cache / "a.hsdb").chmod(0o660), "others can write a file in it"),
        (lambda cache: (cache / "a.hsdb").chmod(0o602), "others can write a file in it"),
        (lambda cache: cache.parent.chmod(0o777), "everybody can write a directory above it"),
        (replaced_by_pipe, "a file in it is no regular file"),
        pytest.param(lambda cache: os.chown(cache, NOBODY, 0), "it belongs to somebody else", marks=ROOT_ONLY),
        pytest.param(lambda cache: os.chown(cache / "a.hsdb", NOBODY, 0), "a file in it belongs to somebody else", marks=ROOT_ONLY),
    ],
)  # fmt: skip
def test_what_others_could_have_written_is_not_read(
    change: Callable[[Path], object], told: str, cache: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    change(cache)
    for _ in range(3):
        assert cachefile.read(cache, "a.hsdb") is None
    said = capfd.readouterr().err
    assert said == f"veilog: the cache directory {cache} is not used: {told}; patterns are compiled anew.\n"


def test_a_link_in_place_of_the_file_is_not_followed(cache: Path) -> None:
    replaced_by_link(cache)
    assert cachefile.read(cache, "a.hsdb") is None


def test_nothing_is_written_where_others_could_change_it(cache: Path, capfd: pytest.CaptureFixture[str]) -> None:
    cache.chmod(0o777)
    assert not cachefile.write(cache, "b.hsdb", b"x")
    assert not (cache / "b.hsdb").exists()
    assert capfd.readouterr().err.count("\n") == 1


def test_a_sticky_directory_above_is_fine_and_so_is_a_link_to_the_directory(cache: Path) -> None:
    cache.parent.chmod(0o1777)
    link = cache.parent / "link"
    link.symlink_to(cache)
    assert cachefile.read(link, "a.hsdb") == b"data"


def test_a_file_of_the_cache_replaces_what_is_there(cache: Path) -> None:
    (cache / "a.hsdb").chmod(0o666)
    assert cachefile.write(cache, "a.hsdb", b"anew")
    assert cachefile.read(cache, "a.hsdb") == b"anew"


def test_a_directory_that_cannot_be_made_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert not cachefile.write(tmp_path / "file" / "cache", "a", b"x")
    assert cachefile.read(tmp_path / "file" / "cache", "a") is None
