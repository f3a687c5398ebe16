"""Checks that what ``make build`` made can be released: ``python scripts/check_release.py dist``.

The wheel is installed in an empty environment, with the versions of requirements.lock, and its commands are run in an
empty folder, with nothing of the clone in reach. The sdist must build the same wheel, the changelog must have a section
for the version, and a tag on this commit must be that version's.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
_PINNED: Final = re.compile(r"^([a-z0-9.-]+==\S+(?: ; [^\\\n]+)?)", re.MULTILINE)
_RECORD: Final = (
    b'{"request": {"model": "m", "messages": [{"role": "user", "content": "Ask jana.petrov@hafenpost.de today."}]}, '
    b'"response": {}}\n'
)


class ReleaseError(Exception):
    """What was built cannot be released."""


def version_of(wheel: Path) -> str:
    """The version in a wheel's name."""
    return wheel.name.split("-")[1]


def check_changelog(version: str, changelog: str) -> None:
    """The version has a section, with a date and something in it.

    Raises:
        ReleaseError: it has none.
    """
    section = re.search(rf"^## {re.escape(version)} - \d{{4}}-\d\d-\d\d\n(.*?)(?=^## |\Z)", changelog, re.M | re.S)
    if section is None or "\n- " not in section[1]:
        raise ReleaseError(f"CHANGELOG.md has no section '## {version} - YYYY-MM-DD' with entries")


def check_tags(version: str, tags: list[str]) -> None:
    """Tags of versions on this commit, if any, are this version's.

    Raises:
        ReleaseError: one is another version's.
    """
    wrong = [tag for tag in tags if re.match(r"v\d", tag) and tag != f"v{version}"]
    if wrong:
        raise ReleaseError(f"this commit is tagged {', '.join(wrong)}, and the version is {version}")


def files_in(wheel: Path) -> list[str]:
    """The names in a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return sorted(archive.namelist())


def check_sdist(sdist: Path, wheel: Path, folder: Path) -> None:
    """The sdist builds a wheel with the same files.

    Raises:
        ReleaseError: it does not.
    """
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (source,) = folder.iterdir()
    run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "dist")], source)
    (rebuilt,) = (folder / "dist").iterdir()
    if files_in(rebuilt) != files_in(wheel):
        differing = set(files_in(rebuilt)) ^ set(files_in(wheel))
        raise ReleaseError(f"the wheel from the sdist has other files: {', '.join(sorted(differing)[:10])}")


def run(command: list[str], folder: Path, stdin: bytes = b"", **environment: str) -> str:
    """Run a command in a folder with nothing of ours in its environment; its output.

    Raises:
        ReleaseError: it failed.
    """
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG") or name.startswith("PIP_")}
    done = subprocess.run(
        command,
        check=False,
        cwd=folder,
        env=kept | {"HOME": str(folder)} | environment,
        input=stdin,
        capture_output=True,
    )
    if done.returncode:
        said = (done.stderr or done.stdout).decode("utf-8", "replace")[-2000:]
        raise ReleaseError(f"{' '.join(command)} ended with {done.returncode}:\n{said}")
    return done.stdout.decode()


def install(wheel: Path, folder: Path) -> Path:
    """Install a wheel in an environment of its own; the folder of its commands."""
    environment = folder / "venv"
    venv.create(environment, with_pip=True)
    constraints = folder / "constraints.txt"
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    constraints.write_text("\n".join(_PINNED.findall(lock)) + "\n", encoding="utf-8")
    pip = [str(environment / "bin" / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check"]
    # With the user's home, where pip keeps what it has downloaded before.
    run([*pip, "install", "--constraint", str(constraints), str(wheel)], folder, HOME=str(Path.home()))
    return environment / "bin"


def check_commands(commands: Path, version: str, folder: Path) -> None:
    """The commands work in an empty folder.

    Raises:
        ReleaseError: one does not.
    """
    veilog = str(commands / "veilog")
    if run([veilog, "--version"], folder).split()[-1] != version:
        raise ReleaseError("veilog --version says another version than the wheel does")
    run([veilog, "demo", "--html", "demo.html"], folder)
    key = run([veilog, "key"], folder).strip()
    (folder / "veilog.yaml").write_text("policy: {name: release}\n", encoding="utf-8")
    run([veilog, "check", "veilog.yaml"], folder, VEILOG_HASH_KEY=key)
    event = run([veilog, "filter", "--config", "veilog.yaml"], folder, _RECORD, VEILOG_HASH_KEY=key)
    if '"EMAIL_ADDRESS":1' not in event or "jana" in event:
        raise ReleaseError("veilog filter did not find the address, or let it through")
    run([veilog, "prove", "--config", "veilog.yaml", "--records", "100"], folder, VEILOG_HASH_KEY=key)


def main(dist: Path) -> int:
    """Check a folder with a wheel and an sdist; the exit code."""
    try:
        wheels, sdists = list(dist.glob("*.whl")), list(dist.glob("*.tar.gz"))
        if len(wheels) != 1 or len(sdists) != 1:
            raise ReleaseError(f"{dist} has {len(wheels)} wheels and {len(sdists)} sdists; run make build")
        wheel, sdist = wheels[0], sdists[0]
        version = version_of(wheel)
        check_changelog(version, (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
        check_tags(version, run(["git", "tag", "--points-at", "HEAD"], ROOT).split())
        with tempfile.TemporaryDirectory() as unpacked:
            check_sdist(sdist.resolve(), wheel.resolve(), Path(unpacked))
        with tempfile.TemporaryDirectory() as installed, tempfile.TemporaryDirectory() as empty:
            check_commands(install(wheel.resolve(), Path(installed)), version, Path(empty))
    except ReleaseError as error:
        print(f"not to be released: {error}", file=sys.stderr)
        return 1
    print(f"{wheel.name} and {sdist.name}: installed, run, and good to release")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
