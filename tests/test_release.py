"""What `make check-release` asks for: versions that agree, a section in the changelog, a wheel with all it needs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import check_release
from check_release import ReleaseError, check_changelog, check_tags, files_in, version_of
from samples import ROOT, samples
from veilog_filters import __version__

CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
KEEP_A_CHANGELOG = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_this_version_has_a_section_in_the_changelog() -> None:
    check_changelog(__version__, CHANGELOG)
    assert set(re.findall(r"^### (.*)$", CHANGELOG, re.MULTILINE)) <= KEEP_A_CHANGELOG


@pytest.mark.parametrize(
    "changelog",
    [
        "## Unreleased\n\n- x\n",
        "## 1.2.3\n\n- x\n",
        "## 1.2.30 - 2026-01-01\n\n- x\n",
        "## 1.2.3 - 2026-01-01\n\n## 1.2.2 - 2025-01-01\n\n- x\n",
    ],
)
def test_a_version_without_a_section_is_told(changelog: str) -> None:
    with pytest.raises(ReleaseError, match=r"no section '## 1\.2\.3 - "):
        check_changelog("1.2.3", changelog)


def test_tags_are_the_versions() -> None:
    check_tags("1.2.3", ["v1.2.3", "verified"])
    with pytest.raises(ReleaseError, match=r"tagged v1\.2\.4"):
        check_tags("1.2.3", ["v1.2.4"])


def test_what_is_deployed_is_this_version() -> None:
    kustomization = (ROOT / "conf/kubernetes/base/kustomization.yaml").read_text()
    assert re.findall(r"/veilog\n +newTag: (\S+)", kustomization) == [__version__]
    assert set(re.findall(r"veilog:(\d\S+)", (ROOT / "conf/docker/Dockerfile").read_text())) == {__version__}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.iterdir()
    return built


def test_the_wheel_has_what_the_commands_need_and_nothing_of_the_tests(wheel: Path) -> None:
    assert version_of(wheel) == __version__
    names = files_in(wheel)
    needed = {f"veilog_parsers/samples/{sample.source}/{sample.case}.in.json" for sample in samples()}
    needed |= {"veilog_filters/rules/classification.yaml", "veilog_filters/demo/call.json"}
    needed |= {"veilog_filters/pages/demo.html.j2", "veilog_filters/pages/proof.html.j2"}
    needed |= {"veilog_filters/pages/report.html.j2"}
    needed |= {"veilog_parsers/samples/mapped/mapping.yaml", "veilog_filters/py.typed", "veilog_parsers/py.typed"}
    assert needed <= set(names)
    assert {name.split("/")[0].split("-")[0] for name in names} == {"veilog_filters", "veilog_parsers", "veilog"}
    assert not [name for name in names if name.endswith(".out.json") or "__pycache__" in name]


def test_a_command_that_fails_is_told(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match=r"ended with 3:\nno"):
        check_release.run([sys.executable, "-c", "import sys; print('no', end=''); sys.exit(3)"], tmp_path)
    assert check_release.main(Path(__file__).parent / "no such folder") == 1
