"""The Dockerfile: what its instructions say, and its build stage run for real, without Docker, in a folder.

No image is built here: base images, users and the file system of the result are only read off the instructions.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from samples import KEY_FILE, ROOT, SAMPLES

DOCKERFILE = ROOT / "conf" / "docker" / "Dockerfile"
IGNORE = ROOT / ".dockerignore"
NO_NETWORK = re.compile("Failed to establish a new connection|Network is unreachable|name resolution|timed out", re.I)


class Instruction(NamedTuple):
    word: str
    rest: str

    @property
    def arguments(self) -> list[str]:
        """The exec form's list."""
        decoded = json.loads(self.rest)
        assert all(isinstance(argument, str) for argument in decoded)
        return list(decoded)


def instructions() -> list[Instruction]:
    text = DOCKERFILE.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return [Instruction(*line.split(None, 1)) for line in lines]


def stages() -> list[list[Instruction]]:
    """Each stage's instructions, its FROM first."""
    found: list[list[Instruction]] = []
    for instruction in instructions():
        if instruction.word == "FROM":
            found.append([])
        found[-1].append(instruction)
    return found


def the(word: str, stage: list[Instruction]) -> Instruction:
    (found,) = (instruction for instruction in stage if instruction.word == word)
    return found


def test_every_base_image_is_pinned_to_one_full_version() -> None:
    images = {instruction.rest.split()[0] for instruction in instructions() if instruction.word == "FROM"}
    assert len(images) == 1, "the environment of the first stage runs on the second one's Python"
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-[a-z]+(@sha256:[0-9a-f]{64})?", images.pop())


def test_the_image_runs_veilog_as_a_user_without_rights() -> None:
    final = stages()[-1]
    user, group = the("USER", final).rest.split(":")
    assert int(user) >= 10_000
    assert int(group) >= 10_000
    assert the("ENTRYPOINT", final).arguments == ["veilog"]
    assert the("CMD", final).arguments == ["sidecar", "--config", "/etc/veilog/veilog.yaml"]
    assert "/opt/veilog/bin" in the("ENV", final).rest.split()[0]
    assert the("ENV", stages()[0]).rest in the("ENV", final).rest.split(), "the cache that was warmed is the one used"
    words = [instruction.word for instruction in final]
    assert "HEALTHCHECK" not in words
    assert "RUN" not in words
    assert "ADD" not in [instruction.word for instruction in instructions()]


def copied() -> list[tuple[list[str], str]]:
    """Sources and destination of each COPY out of the repository."""
    found = [i.rest.split() for i in instructions() if i.word == "COPY" and not i.rest.startswith("--from")]
    return [(words[:-1], words[-1]) for words in found]


def test_every_copied_file_is_there_and_none_is_ignored() -> None:
    lines = [line for line in IGNORE.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*", "all is ignored but what is named"
    named = {line.removeprefix("!") for line in lines if line.startswith("!")}
    sources = {source for group, _ in copied() for source in group}
    assert named == sources
    assert all((ROOT / source).exists() for source in sources)
    assert "**/*.key" in lines[-2:], "keys stay out of the folders that are named"


def test_every_command_of_the_build_is_in_exec_form_and_every_package_is_checked() -> None:
    runs = [instruction.arguments for instruction in stages()[0] if instruction.word == "RUN"]
    pip = [run for run in runs if any(Path(argument).name == "pip" for argument in run[:1])]
    assert len(pip) >= 3
    online = [run for run in pip if "--no-index" not in run]
    assert len(online) == 1
    assert {"--require-hashes", "--no-deps"} <= set(online[0])


class Build:
    """The first stage in a folder: WORKDIR, COPY and RUN, with the paths of the image below that folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        subprocess.run([sys.executable, "-m", "venv", str(root / "image")], check=True, timeout=120)
        # An environment of its own: this one's PYTHONPATH would bring the working tree in.
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
        self.environment = {**kept, "PATH": f"{root / 'image' / 'bin'}:{os.environ.get('PATH', '')}"}
        self.work = root

    def run(self) -> None:
        for instruction in stages()[0]:
            if instruction.word == "WORKDIR":
                self.work = self.inside(instruction.rest)
                self.work.mkdir(parents=True)
            elif instruction.word == "COPY":
                *sources, there = instruction.rest.split()
                self.copy(sources, there)
            elif instruction.word == "RUN":
                self.execute(instruction.arguments)
            elif instruction.word == "ENV":
                name, _, value = instruction.rest.partition("=")
                self.environment[name] = str(self.inside(value))
            else:
                assert instruction.word == "FROM", instruction.word

    def inside(self, path: str) -> Path:
        return self.root / path.removeprefix("/")

    def copy(self, sources: list[str], there: str) -> None:
        for source in sources:
            target = self.work / there / source if there == "./" else self.work / there
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, target, ignore=shutil.ignore_patterns("__pycache__", "*.key"))
            else:
                shutil.copy(ROOT / source, target)

    def execute(self, arguments: list[str]) -> None:
        # pip's cache spares the network here; an image has no use for it.
        command = [str(self.inside(a)) if a.startswith("/") else a for a in arguments if a != "--no-cache-dir"]
        command[0] = str(shutil.which(command[0], path=self.environment["PATH"]))
        done = subprocess.run(
            command, cwd=self.work, env=self.environment, capture_output=True, text=True, timeout=600, check=False
        )
        if done.returncode and NO_NETWORK.search(done.stderr):
            pytest.skip("the package index cannot be reached")
        assert done.returncode == 0, f"{command}\n{done.stderr[-3000:]}"


@pytest.mark.slow
@pytest.mark.skipif("VEILOG_SOAK" not in os.environ, reason="downloads 130 MB and takes minutes: make soak")
def test_the_build_installs_veilog_with_the_locks_versions_and_no_tools(tmp_path: Path) -> None:
    build = Build(tmp_path)
    build.run()
    environment = build.inside("/opt/veilog")
    listing = "import importlib.metadata as m; print(*(f'{d.name}=={d.version}' for d in m.distributions()), sep='\\n')"
    installed = build_output(build, [str(environment / "bin" / "python"), "-c", listing]).lower().split()
    locked = re.findall(r"^([a-z0-9][\w.-]*==[^\s\\;]+)", (ROOT / "requirements.lock").read_text(), re.M | re.I)
    normalized = {re.sub(r"[._]", "-", name.partition("==")[0]) + name[name.index("==") :] for name in installed}
    (own,) = (name for name in normalized if name.startswith("veilog=="))
    assert normalized - {own} <= {name.lower() for name in locked}
    names = {name.partition("==")[0] for name in normalized}
    assert {"presidio-analyzer", "msgpack", "prometheus-client"} <= names
    assert not {"pip", "pytest", "mypy", "ruff", "hatchling"} & names
    config = tmp_path / "veilog.yaml"
    config.write_text(f"hash_key: {{file: {KEY_FILE}}}\n", encoding="utf-8")
    sample = (SAMPLES / "openai_gateway" / "good_chat.in.json").read_text(encoding="utf-8")
    command = [str(environment / "bin" / "veilog"), "filter", "--config", str(config)]
    event = json.loads(build_output(build, command, json.dumps(json.loads(sample))))
    assert (event["source"], event["kind"]) == ("openai_gateway", "ai_access")


def build_output(build: Build, command: list[str], text: str = "") -> str:
    done = subprocess.run(
        command,
        cwd=build.root,
        env=build.environment,
        input=text,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
